//! What some models put after pooling: the layers that sentence-transformers calls Dense, and Normalize between them.
//!
//! These see one vector a text, where the layers before them see one a token, so they take next to no time, and are
//! computed in f32 in either precision. A layer is a sum of its columns, with the inputs in order: every path of the
//! kernel, and any batch, gives the same to the bit.

use std::fmt::Write as _;

use candle_nn::VarBuilder;
use serde::Deserialize;

use crate::activation::DenseActivation;
use crate::config::{inconsistent, join, read_json};
use crate::hash::sha256_hex;
use crate::weights::{numbers, open_tensors};
use crate::{EmbedError, ModelFolder};

/// A module after pooling, as its configuration describes it.
#[derive(Debug, Clone)]
pub(crate) enum HeadModule {
    /// The vector to length 1.
    Normalize,
    /// A linear layer and an activation.
    Dense(DenseShape),
}

/// The shape of a Dense module. Both counts are at least 1.
#[derive(Debug, Clone)]
pub(crate) struct DenseShape {
    n_in: usize,
    n_out: usize,
    bias: bool,
    residual: bool,
    activation: DenseActivation,
    weights_path: String,
}

/// A Dense module's `config.json`.
#[derive(Deserialize)]
struct DenseJson {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    /// Tanh where nothing is named, as in the first releases of sentence-transformers.
    #[serde(default = "tanh")]
    activation_function: String,
    /// Adds the input to the output, through a matrix of its own where they differ in length.
    #[serde(default)]
    use_residual: bool,
    module_input_name: Option<String>,
    module_output_name: Option<String>,
}

fn yes() -> bool {
    true
}

fn tanh() -> String {
    "torch.nn.modules.activation.Tanh".to_owned()
}

impl DenseShape {
    /// Reads the module in the folder `module` of the model, which gets vectors of `n_in` components.
    pub(crate) fn read(folder: &ModelFolder, module: &str, n_in: usize) -> Result<Self, EmbedError> {
        let path = join(module, "config.json");
        let json: DenseJson = read_json(folder, &path)?;
        let unsupported = |field, found: String, supported| EmbedError::Unsupported {
            path: folder.dir().join(&path),
            field,
            found,
            supported,
        };
        // Another name would be that of the tokens' vectors, for models that give one for each token.
        const SENTENCE: &str = "sentence_embedding";
        for (field, name) in
            [("module_input_name", json.module_input_name), ("module_output_name", json.module_output_name)]
        {
            if let Some(name) = name.filter(|name| name != SENTENCE) {
                return Err(unsupported(field, format!("{name:?}"), "\"sentence_embedding\""));
            }
        }
        if json.in_features != n_in {
            let expected = format!("in_features of {n_in}, what the module before gives");
            return Err(inconsistent(folder, &path, expected, json.in_features.to_string()));
        }
        // As for the counts of a BERT: anything larger is damage.
        if json.out_features == 0 || json.out_features > 1 << 24 {
            let expected = format!("out_features of 1 to {}", 1 << 24);
            return Err(inconsistent(folder, &path, expected, json.out_features.to_string()));
        }
        let Some(activation) = DenseActivation::of_path(&json.activation_function) else {
            return Err(unsupported(
                "activation_function",
                format!("{:?}", json.activation_function),
                "the path of a torch activation that is made without arguments and keeps the number of components",
            ));
        };
        Ok(Self {
            n_in,
            n_out: json.out_features,
            bias: json.bias,
            residual: json.use_residual,
            activation,
            weights_path: join(module, "model.safetensors"),
        })
    }

    /// Components of what the module gives.
    pub(crate) fn n_out(&self) -> usize {
        self.n_out
    }
}

/// The modules after pooling, ready to compute.
#[derive(Default)]
pub(crate) struct Head {
    steps: Vec<Step>,
}

enum Step {
    Normalize,
    Dense(Layer),
}

struct Layer {
    linear: Matrix,
    bias: Vec<f32>,
    activation: DenseActivation,
    residual: Residual,
}

/// What of a layer's input is added to its output.
enum Residual {
    None,
    Input,
    Through(Matrix),
}

/// `[n_in][n_out]`: the transpose of what is published, so that a row is what one input adds to all outputs.
struct Matrix {
    n_out: usize,
    columns: Vec<f32>,
}

impl Matrix {
    fn transposed(published: &[f32], n_in: usize) -> Self {
        let n_out = published.len() / n_in;
        let mut columns = vec![0.0; published.len()];
        for (out, row) in published.chunks_exact(n_in).enumerate() {
            row.iter().enumerate().for_each(|(i, &weight)| columns[i * n_out + out] = weight);
        }
        Self { n_out, columns }
    }

    fn add_product(&self, x: &[f32], y: &mut [f32]) {
        for (&x, column) in x.iter().zip(self.columns.chunks_exact(self.n_out)) {
            y.iter_mut().zip(column).for_each(|(y, weight)| *y += x * weight);
        }
    }
}

impl Head {
    /// Reads the weights. The text tells this head from any other: empty if there are no Dense modules, else the hash
    /// of what they are and of their weights.
    pub(crate) fn load(folder: &ModelFolder, modules: &[HeadModule]) -> Result<(Self, String), EmbedError> {
        // What only normalises, at the end or not, changes no direction.
        if modules.iter().all(|module| matches!(module, HeadModule::Normalize)) {
            return Ok((Self::default(), String::new()));
        }
        let mut steps = Vec::with_capacity(modules.len());
        let mut description = String::new();
        for module in modules {
            steps.push(match module {
                HeadModule::Normalize => {
                    description.push_str("normalize\n");
                    Step::Normalize
                }
                HeadModule::Dense(shape) => {
                    let (tensors, sha256) = open_tensors(folder, &shape.weights_path)?;
                    let DenseShape { bias, residual, activation, .. } = shape;
                    let _ = writeln!(description, "dense {bias} {residual} {} {sha256}", activation.name());
                    Step::Dense(Layer::load(folder, shape, &tensors)?)
                }
            });
        }
        Ok((Self { steps }, sha256_hex(description.as_bytes())))
    }

    /// From a pooled vector to what the last module gives, not normalised unless that is Normalize.
    pub(crate) fn apply(&self, mut x: Vec<f32>) -> Vec<f32> {
        for step in &self.steps {
            match step {
                Step::Normalize => normalize(&mut x),
                Step::Dense(layer) => x = layer.apply(&x),
            }
        }
        x
    }
}

impl Layer {
    fn load(folder: &ModelFolder, shape: &DenseShape, tensors: &VarBuilder<'_>) -> Result<Self, EmbedError> {
        let &DenseShape { n_in, n_out, .. } = shape;
        let read = |module: &str, name: &str, of: &[usize]| {
            numbers((folder, &shape.weights_path), &tensors.pp(module), of, name)
        };
        let matrix = |module: &str| Ok(Matrix::transposed(&read(module, "weight", &[n_out, n_in])?, n_in));
        let mut activation = shape.activation;
        if let DenseActivation::PRelu { slope } = &mut activation {
            *slope = read("activation_function", "weight", &[1])?[0];
        }
        Ok(Self {
            linear: matrix("linear")?,
            bias: if shape.bias { read("linear", "bias", &[n_out])? } else { vec![0.0; n_out] },
            activation,
            residual: match shape.residual {
                false => Residual::None,
                true if n_in == n_out => Residual::Input,
                true => Residual::Through(matrix("residual")?),
            },
        })
    }

    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut y = self.bias.clone();
        self.linear.add_product(x, &mut y);
        self.activation.apply(&mut y);
        match &self.residual {
            Residual::None => {}
            Residual::Input => y.iter_mut().zip(x).for_each(|(y, x)| *y += x),
            Residual::Through(matrix) => matrix.add_product(x, &mut y),
        }
        y
    }
}

/// As `torch.nn.functional.normalize`, which leaves nothing as it is.
fn normalize(x: &mut [f32]) {
    let length = x.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    x.iter_mut().for_each(|x| *x /= length);
}
