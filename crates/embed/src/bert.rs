//! The forward pass: tokens to pooled vectors, in either precision.
//!
//! There is no padding: a chunk of texts is one matrix of all their tokens, which goes through the layers
//! on one thread. Only attention looks beyond a token, and then only at those of the same text, so a
//! text's vector is the same to the bit whatever else is in its chunk.
#![allow(
    clippy::too_many_arguments,
    reason = "the instructions are an argument of every function; what is left is at most four"
)]

use std::sync::{Mutex, PoisonError};

use crate::config::{Activation, Pooling};
use crate::kernel::{
    ActivateRows, ApplyF32, ApplyInt8, Attend, Attend16, Attention16Scratch, AttentionScratch, Gelu,
    GeluTanh, Heads, Identity, Isa, Kernel, LANES, Lanes, LinearF32, LinearInt8, Norm, NormRows, Output, Qkv,
    QuantizeRows, Quantized, Relu, first, flat, with_isa,
};

/// Rows that go together through everything between two attentions, so that what the feed-forward layer
/// holds of them (6 kB a row) stays in a core's own cache.
const ROW_BLOCK: usize = 48;

/// A BERT, ready to compute.
pub(crate) struct Bert {
    pub(crate) kernel: Kernel,
    /// Lanes of a token's vector.
    pub(crate) width: usize,
    pub(crate) hidden_size: usize,
    /// Lanes of what the feed-forward layer holds of a token.
    pub(crate) inner_width: usize,
    pub(crate) heads: Heads,
    pub(crate) activation: Activation,
    pub(crate) pooling: Pooling,
    /// `[vocab_size][width]`.
    pub(crate) words: Vec<Lanes<f32>>,
    /// `[max_positions][width]`, with the vector of token type 0 added.
    pub(crate) positions: Vec<Lanes<f32>>,
    pub(crate) norm: Norm,
    pub(crate) layers: Layers,
    /// Buffers that no thread is using.
    pub(crate) scratch: Mutex<Vec<Scratch>>,
}

/// The layers in the precision that was asked for.
pub(crate) enum Layers {
    F32(Vec<Layer<LinearF32>>),
    Int8(Vec<Layer<LinearInt8>>),
}

/// One layer of the encoder.
pub(crate) struct Layer<L> {
    /// Queries of all heads, keys, values.
    pub(crate) qkv: L,
    pub(crate) attention_output: L,
    pub(crate) attention_norm: Norm,
    pub(crate) up: L,
    pub(crate) down: L,
    pub(crate) output_norm: Norm,
}

/// Buffers of one thread, `[n_tokens]` or `[ROW_BLOCK]` rows each.
#[derive(Default)]
pub(crate) struct Scratch {
    hidden: Vec<Lanes<f32>>,
    qkv: Vec<Lanes<f32>>,
    context: Vec<Lanes<f32>>,
    inner: Vec<Lanes<f32>>,
    quantized: Quantized,
    attention: (AttentionScratch, Attention16Scratch),
    starts: Vec<usize>,
}

impl Bert {
    /// Pooled vectors of some texts, `f32 [n_texts, hidden_size]`, not normalised. A text is its token
    /// ids: at least one, at most as many as there are positions.
    pub(crate) fn forward(&self, texts: &[&[u32]]) -> Vec<Vec<f32>> {
        // A panic elsewhere leaves nothing half-changed that is not written anew.
        let mut free = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = free.pop().unwrap_or_default();
        drop(free);
        with_isa!(self.kernel, isa => self.forward_with(isa, texts, &mut scratch));
        let pooled = self.pool(texts, &scratch.hidden);
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        pooled
    }

    fn forward_with<S: Isa>(&self, isa: S, texts: &[&[u32]], scratch: &mut Scratch) {
        let n_tokens: usize = texts.iter().map(|ids| ids.len()).sum();
        self.embed(isa, texts, first(&mut scratch.hidden, n_tokens * self.width, Lanes::ZERO));
        match &self.layers {
            Layers::F32(layers) => {
                layers.iter().for_each(|layer| self.layer(isa, layer, texts, scratch));
            }
            Layers::Int8(layers) => {
                layers.iter().for_each(|layer| self.layer(isa, layer, texts, scratch));
            }
        }
    }

    fn embed<S: Isa>(&self, isa: S, texts: &[&[u32]], hidden: &mut [Lanes<f32>]) {
        let tokens = texts.iter().flat_map(|ids| ids.iter().enumerate());
        for ((position, &id), row) in tokens.zip(hidden.chunks_exact_mut(self.width)) {
            let word = &self.words[id as usize * self.width..][..self.width];
            let position = &self.positions[position * self.width..][..self.width];
            for ((to, word), position) in row.iter_mut().zip(word).zip(position) {
                for lane in 0..LANES {
                    to.0[lane] = word.0[lane] + position.0[lane];
                }
            }
        }
        isa.run(NormRows { norm: &self.norm, rows: hidden });
    }

    pub(crate) fn layer<S: Isa, L: Linear>(
        &self,
        isa: S,
        layer: &Layer<L>,
        texts: &[&[u32]],
        scratch: &mut Scratch,
    ) {
        let Scratch { hidden, qkv, context, inner, quantized, attention, starts } = scratch;
        let (width, all, inner_width) = (self.width, self.heads.all(), self.inner_width);
        let n_tokens: usize = texts.iter().map(|ids| ids.len()).sum();
        let hidden = first(hidden, n_tokens * width, Lanes::ZERO);
        let qkv = first(qkv, n_tokens * 3 * all, Lanes::ZERO);
        let context = first(context, n_tokens * all, Lanes::ZERO);

        // What attention reads of a head is side by side: `[3 n_heads][n_tokens][lanes of a head]`.
        let head = self.heads.width;
        starts.clear();
        starts.extend((0..3 * all).map(|panel| panel / head * head * n_tokens + panel % head));
        for (number, hidden) in hidden.chunks_mut(ROW_BLOCK * width).enumerate() {
            layer.qkv.prepare(isa, None, (hidden, width), quantized);
            let lanes = &mut qkv[number * ROW_BLOCK * head..];
            layer.qkv.apply(isa, hidden, quantized, Output::<false> { lanes, stride: head, starts });
        }

        let mut start = 0;
        for ids in texts {
            let qkv = Qkv { lanes: qkv, n_tokens_of_all: n_tokens, start, n_tokens: ids.len() };
            let context = &mut context[start * all..][..ids.len() * all];
            L::attend(isa, self.heads, (qkv, context), attention);
            start += ids.len();
        }

        // As many as the widest output has.
        starts.clear();
        starts.extend(0..width.max(inner_width));
        let blocks = hidden.chunks_mut(ROW_BLOCK * width).zip(context.chunks_mut(ROW_BLOCK * all));
        for (hidden, context) in blocks {
            let inner = first(inner, hidden.len() / width * inner_width, Lanes::ZERO);
            layer.attention_output.prepare(isa, None, (context, all), quantized);
            let output = Output::<true> { lanes: hidden, stride: width, starts };
            layer.attention_output.apply(isa, context, quantized, output);
            isa.run(NormRows { norm: &layer.attention_norm, rows: hidden });
            layer.up.prepare(isa, None, (hidden, width), quantized);
            let output = Output::<false> { lanes: inner, stride: inner_width, starts };
            layer.up.apply(isa, hidden, quantized, output);
            layer.down.prepare(isa, Some(self.activation), (inner, inner_width), quantized);
            let output = Output::<true> { lanes: hidden, stride: width, starts };
            layer.down.apply(isa, inner, quantized, output);
            isa.run(NormRows { norm: &layer.output_norm, rows: hidden });
        }
    }

    fn pool(&self, texts: &[&[u32]], mut hidden: &[Lanes<f32>]) -> Vec<Vec<f32>> {
        let mut pooled = Vec::with_capacity(texts.len());
        for ids in texts {
            let (rows, later) = hidden.split_at(ids.len() * self.width);
            let mut sum = rows[..self.width].to_vec();
            if self.pooling == Pooling::Mean {
                for row in rows.chunks_exact(self.width).skip(1) {
                    for (sum, x) in sum.iter_mut().zip(row) {
                        for lane in 0..LANES {
                            sum.0[lane] += x.0[lane];
                        }
                    }
                }
            }
            let divisor = if self.pooling == Pooling::Mean { ids.len() as f32 } else { 1.0 };
            pooled.push(flat(&sum)[..self.hidden_size].iter().map(|x| x / divisor).collect());
            hidden = later;
        }
        pooled
    }
}

/// Rows of `width` lanes.
type RowsMut<'a> = (&'a mut [Lanes<f32>], usize);

/// A linear layer in one of the precisions.
pub(crate) trait Linear: Sized {
    /// Readies rows for [`apply`](Self::apply): activates them, in place or as they are rounded into
    /// `quantized`.
    fn prepare<S: Isa>(
        &self,
        isa: S,
        activation: Option<Activation>,
        rows: RowsMut<'_>,
        quantized: &mut Quantized,
    );

    /// Attention of the tokens of one text over each other: from queries, keys and values to context.
    fn attend<S: Isa>(
        isa: S,
        heads: Heads,
        qkv_and_context: (Qkv<'_>, &mut [Lanes<f32>]),
        scratch: &mut (AttentionScratch, Attention16Scratch),
    );

    /// Puts prepared rows through the layer.
    fn apply<S: Isa, const ADD: bool>(
        &self,
        isa: S,
        rows: &[Lanes<f32>],
        quantized: &Quantized,
        output: Output<'_, ADD>,
    );
}

impl Linear for LinearF32 {
    fn attend<S: Isa>(
        isa: S,
        heads: Heads,
        (qkv, context): (Qkv<'_>, &mut [Lanes<f32>]),
        (scratch, _): &mut (AttentionScratch, Attention16Scratch),
    ) {
        isa.run(Attend { heads, qkv, context, scratch });
    }

    fn prepare<S: Isa>(
        &self,
        isa: S,
        activation: Option<Activation>,
        (rows, _): RowsMut<'_>,
        _: &mut Quantized,
    ) {
        match activation {
            None => {}
            Some(Activation::Gelu) => isa.run(ActivateRows { activation: Gelu, rows }),
            Some(Activation::GeluTanh) => isa.run(ActivateRows { activation: GeluTanh, rows }),
            Some(Activation::Relu) => isa.run(ActivateRows { activation: Relu, rows }),
        }
    }

    fn apply<S: Isa, const ADD: bool>(
        &self,
        isa: S,
        rows: &[Lanes<f32>],
        _: &Quantized,
        output: Output<'_, ADD>,
    ) {
        isa.run(ApplyF32 { layer: self, input: rows, output });
    }
}

impl Linear for LinearInt8 {
    fn attend<S: Isa>(
        isa: S,
        heads: Heads,
        (qkv, context): (Qkv<'_>, &mut [Lanes<f32>]),
        (_, scratch): &mut (AttentionScratch, Attention16Scratch),
    ) {
        isa.run(Attend16 { heads, qkv, context, scratch });
    }

    fn prepare<S: Isa>(
        &self,
        isa: S,
        activation: Option<Activation>,
        (rows, width): RowsMut<'_>,
        to: &mut Quantized,
    ) {
        let rotation = self.rotation;
        match activation {
            None => isa.run(QuantizeRows { activation: Identity, rotation, rows, width, to }),
            Some(Activation::Gelu) => {
                isa.run(QuantizeRows { activation: Gelu, rotation, rows, width, to });
            }
            Some(Activation::GeluTanh) => {
                isa.run(QuantizeRows { activation: GeluTanh, rotation, rows, width, to });
            }
            Some(Activation::Relu) => {
                isa.run(QuantizeRows { activation: Relu, rotation, rows, width, to });
            }
        }
    }

    fn apply<S: Isa, const ADD: bool>(
        &self,
        isa: S,
        _: &[Lanes<f32>],
        quantized: &Quantized,
        output: Output<'_, ADD>,
    ) {
        isa.run(ApplyInt8 { layer: self, input: quantized, output });
    }
}
