//! Reading a model's weights, through candle, and packing them for the forward pass.

use std::sync::Mutex;

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::VarBuilder;

use crate::bert::{Bert, Layer, Layers};
use crate::config::{ModelConfig, inconsistent};
use crate::kernel::{
    Dense, Heads, Kernel, LANES, Lanes, LinearF32, LinearInt8, Norm, Rotation, flat_mut, lanes_for, padded,
    rotate_values,
};
use crate::{EmbedError, ModelFolder, Precision};

/// The most inputs that an 8-bit layer may have, padding included: beyond it, a sum of products might not
/// fit 32 bits.
const MAX_INT8_INPUTS: usize = (i32::MAX / (255 * 127)) as usize / LANES * LANES;

/// The tensors of a file of weights, in f32 whatever they were published in, and its SHA-256.
pub(crate) fn open_tensors(
    folder: &ModelFolder,
    path: &str,
) -> Result<(VarBuilder<'static>, String), EmbedError> {
    let file = match folder.read(path) {
        Err(EmbedError::Missing { path, .. }) if path.with_file_name("pytorch_model.bin").is_file() => {
            return Err(EmbedError::Unsupported {
                path: path.with_file_name("pytorch_model.bin"),
                field: "the only file of weights",
                found: "a Python pickle".to_owned(),
                supported: "model.safetensors: convert it once, with save_pretrained of transformers",
            });
        }
        other => other?,
    };
    // Read once and hashed as read; a memory map would save 90 MB for the moment of loading, and
    // would need `unsafe` and a file that nobody writes to meanwhile.
    let tensors = VarBuilder::from_buffered_safetensors(file.bytes, DType::F32, &Device::Cpu)
        .map_err(|source| unusable(folder, path, source))?;
    Ok((tensors, file.sha256))
}

/// The tensors of the BERT itself.
pub(crate) fn open(
    folder: &ModelFolder,
    config: &ModelConfig,
) -> Result<(VarBuilder<'static>, String), EmbedError> {
    let path = &config.weights_path;
    let (tensors, sha256) = open_tensors(folder, path)?;
    // A whole BertForMaskedLM or the like has its BertModel under this name.
    let tensors = if tensors.contains_tensor("bert.embeddings.word_embeddings.weight") {
        tensors.pp("bert")
    } else {
        tensors
    };
    let beyond = format!("encoder.layer.{}.attention.self.query.weight", config.bert.n_layers);
    if tensors.contains_tensor(&beyond) {
        let expected = format!("{} layers, as in config.json", config.bert.n_layers);
        return Err(inconsistent(folder, path, expected, format!("more: {beyond}")));
    }
    Ok((tensors, sha256))
}

/// The error for weights that candle cannot read.
pub(crate) fn unusable(folder: &ModelFolder, path: &str, source: candle_core::Error) -> EmbedError {
    EmbedError::Weights { path: folder.dir().join(path), repair: folder.repair(), source: Box::new(source) }
}

/// A tensor of this shape, all of it finite, of the file of weights at a path.
pub(crate) fn numbers(
    (folder, path): (&ModelFolder, &str),
    tensors: &VarBuilder<'_>,
    shape: impl Into<Shape>,
    name: &str,
) -> Result<Vec<f32>, EmbedError> {
    let numbers = tensors
        .get(shape.into(), name)
        .and_then(|tensor: Tensor| tensor.flatten_all()?.to_vec1::<f32>())
        .map_err(|source| unusable(folder, path, source))?;
    if let Some(position) = numbers.iter().position(|x| !x.is_finite()) {
        let tensor = format!("{}.{name}", tensors.prefix());
        let expected = format!("finite numbers in the tensor {tensor}");
        let found = format!("{} at position {position}", numbers[position]);
        return Err(inconsistent(folder, path, expected, found));
    }
    Ok(numbers)
}

impl Bert {
    /// Packs the weights for `kernel`; what they were published as is dropped as it is packed.
    pub(crate) fn load(
        folder: &ModelFolder,
        config: &ModelConfig,
        (precision, kernel): (Precision, Kernel),
    ) -> Result<(Self, String), EmbedError> {
        let shape = &config.bert;
        let largest = shape.hidden_size.max(shape.intermediate_size);
        if precision == Precision::Int8 && lanes_for(largest) * LANES > MAX_INT8_INPUTS {
            return Err(EmbedError::Unsupported {
                path: folder.dir().join("config.json"),
                field: "hidden_size or intermediate_size",
                found: largest.to_string(),
                supported: "at most 66,304 in int8, or precision f32",
            });
        }
        let (tensors, sha256) = open(folder, config)?;
        let reader = Reader { folder, config };
        let embeddings = tensors.pp("embeddings");
        let table = |name: &str, rows: usize| {
            reader.numbers(&embeddings.pp(name), (rows, shape.hidden_size), "weight")
        };
        let words = padded_rows(&table("word_embeddings", shape.vocab_size)?, shape.hidden_size);
        let mut positions = table("position_embeddings", shape.max_positions)?;
        let types = table("token_type_embeddings", shape.n_token_types)?;
        for row in positions.chunks_exact_mut(shape.hidden_size) {
            row.iter_mut().zip(&types).for_each(|(position, kind)| *position += kind);
        }
        let norm = reader.norm(&embeddings)?;
        let encoder = tensors.pp("encoder.layer");
        let layers = match precision {
            Precision::F32 => Layers::F32(reader.layers(&encoder, pack_f32)?),
            Precision::Int8 => {
                let heads = reader.heads();
                Layers::Int8(reader.layers(&encoder, |dense| pack_int8(dense, heads, kernel))?)
            }
        };
        let bert = Self {
            kernel,
            width: lanes_for(shape.hidden_size),
            hidden_size: shape.hidden_size,
            inner_width: lanes_for(shape.intermediate_size),
            heads: reader.heads(),
            activation: shape.activation,
            pooling: config.pooling,
            words,
            positions: padded_rows(&positions, shape.hidden_size),
            norm,
            layers,
            scratch: Mutex::new(Vec::new()),
        };
        Ok((bert, sha256))
    }
}

/// The linear layers of one layer of the encoder, before packing.
struct DenseLayer {
    qkv: Dense,
    attention_output: Dense,
    up: Dense,
    down: Dense,
}

fn pack_f32(dense: DenseLayer) -> [LinearF32; 4] {
    let DenseLayer { qkv, attention_output, up, down } = dense;
    [qkv, attention_output, up, down].map(|dense| LinearF32::pack(&dense))
}

fn pack_int8(mut dense: DenseLayer, heads: Heads, kernel: Kernel) -> [LinearInt8; 4] {
    rotate_values(&mut dense.qkv, &mut dense.attention_output, heads, kernel);
    let DenseLayer { qkv, attention_output, up, down } = dense;
    let (hidden, inner) = (lanes_for(qkv.n_in), lanes_for(down.n_in));
    [
        // Outliers are worst in what comes out of a LayerNorm. After the activation there are fewer, and rows
        // are so long that mixing lanes only is enough.
        (qkv, Rotation::full(hidden)),
        (attention_output, Rotation::NONE),
        (up, Rotation::full(hidden)),
        (down, Rotation::across(inner)),
    ]
    .map(|(dense, rotation)| LinearInt8::pack(&dense, rotation, kernel))
}

/// Rows of `n` numbers, each padded to whole lanes.
fn padded_rows(numbers: &[f32], n: usize) -> Vec<Lanes<f32>> {
    let width = lanes_for(n);
    let mut rows = vec![Lanes::ZERO; numbers.len() / n * width];
    for (to, from) in rows.chunks_exact_mut(width).zip(numbers.chunks_exact(n)) {
        flat_mut(to)[..n].copy_from_slice(from);
    }
    rows
}

struct Reader<'a> {
    folder: &'a ModelFolder,
    config: &'a ModelConfig,
}

impl Reader<'_> {
    /// A tensor of this shape, all of it finite.
    fn numbers(
        &self,
        tensors: &VarBuilder<'_>,
        shape: impl Into<Shape>,
        name: &str,
    ) -> Result<Vec<f32>, EmbedError> {
        numbers((self.folder, &self.config.weights_path), tensors, shape, name)
    }

    fn norm(&self, tensors: &VarBuilder<'_>) -> Result<Norm, EmbedError> {
        let n = self.config.bert.hidden_size;
        let tensors = tensors.pp("LayerNorm");
        // The older names are those that TensorFlow gave.
        let older = !tensors.contains_tensor("weight") && tensors.contains_tensor("gamma");
        let (gamma, beta) = if older { ("gamma", "beta") } else { ("weight", "bias") };
        let mut last = Lanes([1.0; LANES]);
        last.0[n - (lanes_for(n) - 1) * LANES..].fill(0.0);
        Ok(Norm {
            gamma: padded(&self.numbers(&tensors, n, gamma)?),
            beta: padded(&self.numbers(&tensors, n, beta)?),
            epsilon: self.config.bert.layer_norm_eps as f32,
            n,
            last,
        })
    }

    fn dense(&self, tensors: &VarBuilder<'_>, n_in: usize, n_out: usize) -> Result<Dense, EmbedError> {
        let weight = self.numbers(tensors, (n_out, n_in), "weight")?;
        Ok(Dense { n_in, n_out, weight, bias: self.numbers(tensors, n_out, "bias")? })
    }

    fn head_size(&self) -> usize {
        self.config.bert.hidden_size / self.config.bert.n_heads
    }

    fn heads(&self) -> Heads {
        Heads {
            n_heads: self.config.bert.n_heads,
            width: lanes_for(self.head_size()),
            scale: 1.0 / (self.head_size() as f32).sqrt(),
        }
    }

    /// The place of number `i` of all heads when each head is padded to whole lanes.
    fn padded_place(&self, i: usize) -> usize {
        i / self.head_size() * self.heads().width * LANES + i % self.head_size()
    }

    /// Queries, keys and values as one layer, with heads padded.
    fn qkv(&self, tensors: &VarBuilder<'_>) -> Result<Dense, EmbedError> {
        let n = self.config.bert.hidden_size;
        let all = self.heads().all() * LANES;
        let mut joined =
            Dense { n_in: n, n_out: 3 * all, weight: vec![0.0; 3 * all * n], bias: vec![0.0; 3 * all] };
        for (part, name) in ["query", "key", "value"].into_iter().enumerate() {
            let dense = self.dense(&tensors.pp(name), n, n)?;
            for (i, row) in dense.weight.chunks_exact(n).enumerate() {
                let place = part * all + self.padded_place(i);
                joined.weight[place * n..][..n].copy_from_slice(row);
                joined.bias[place] = dense.bias[i];
            }
        }
        Ok(joined)
    }

    /// The layer after attention, whose inputs are padded heads.
    fn attention_output(&self, tensors: &VarBuilder<'_>) -> Result<Dense, EmbedError> {
        let n = self.config.bert.hidden_size;
        let all = self.heads().all() * LANES;
        let dense = self.dense(tensors, n, n)?;
        let mut spread = Dense { n_in: all, n_out: n, weight: vec![0.0; n * all], bias: dense.bias };
        for (to, from) in spread.weight.chunks_exact_mut(all).zip(dense.weight.chunks_exact(n)) {
            from.iter().enumerate().for_each(|(i, &weight)| to[self.padded_place(i)] = weight);
        }
        Ok(spread)
    }

    /// The layers, their linear ones packed by `pack`, in the order of [`DenseLayer`].
    fn layers<L>(
        &self,
        tensors: &VarBuilder<'_>,
        pack: impl Fn(DenseLayer) -> [L; 4],
    ) -> Result<Vec<Layer<L>>, EmbedError> {
        let (n, inner) = (self.config.bert.hidden_size, self.config.bert.intermediate_size);
        let layer = |number: usize| {
            let tensors = tensors.pp(number.to_string());
            let (attention, output) = (tensors.pp("attention"), tensors.pp("output"));
            let [qkv, attention_output, up, down] = pack(DenseLayer {
                qkv: self.qkv(&attention.pp("self"))?,
                attention_output: self.attention_output(&attention.pp("output.dense"))?,
                up: self.dense(&tensors.pp("intermediate.dense"), n, inner)?,
                down: self.dense(&output.pp("dense"), inner, n)?,
            });
            let attention_norm = self.norm(&attention.pp("output"))?;
            let output_norm = self.norm(&output)?;
            Ok(Layer { qkv, attention_output, attention_norm, up, down, output_norm })
        };
        (0..self.config.bert.n_layers).map(layer).collect()
    }
}
