//! Attention inside one text: every token over every token of it, head by head.

use super::gemm::{Epilogue, Float, Panels, Product, Rows, multiply};
use super::isa::{Isa, Stage, largest, sum};
use super::lanes::{LANES, Lanes, first, flat, lanes_for};
use super::math::exp2;

/// Tokens whose scores are computed at once: as many as fit, for 256 tokens, the cache nearest to the core.
const BLOCK: usize = 24;

/// The shape of the heads, each padded to whole lanes.
#[derive(Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) n_heads: usize,
    /// Lanes of a head.
    pub(crate) width: usize,
    /// What a score is multiplied by: the inverse root of a head's numbers, without padding.
    pub(crate) scale: f32,
}

impl Heads {
    /// Lanes of all heads.
    pub(crate) fn all(self) -> usize {
        self.n_heads * self.width
    }
}

/// Queries, keys and values of a chunk of texts, and which of them are one text's.
#[derive(Clone, Copy)]
pub(crate) struct Qkv<'a> {
    /// `[queries of each head, keys of each, values of each][n_tokens_of_all][lanes of a head]`.
    pub(crate) lanes: &'a [Lanes<f32>],
    pub(crate) n_tokens_of_all: usize,
    /// The text's first token, and how many it has.
    pub(crate) start: usize,
    pub(crate) n_tokens: usize,
}

impl<'a> Qkv<'a> {
    /// Queries (0), keys (1) or values (2) of a head, `[n_tokens][lanes of a head]`.
    #[inline(always)]
    pub(super) fn part(&self, heads: Heads, part: usize, head: usize) -> &'a [Lanes<f32>] {
        let before = (part * heads.n_heads + head) * self.n_tokens_of_all + self.start;
        &self.lanes[before * heads.width..][..self.n_tokens * heads.width]
    }
}

/// Buffers, used again from head to head.
#[derive(Default)]
pub(crate) struct AttentionScratch {
    /// Panels of sixteen tokens, `[numbers of a head][16]` each.
    keys: Vec<Lanes<f32>>,
    /// Panels of sixteen numbers of a head, `[n_tokens][16]` each.
    values: Vec<Lanes<f32>>,
    /// `[BLOCK][lanes for n_tokens]`.
    scores: Vec<Lanes<f32>>,
    /// What a row of scores has to be multiplied by to sum to 1, `[BLOCK]`.
    inverses: Vec<f32>,
}

/// Attention over the tokens of one text.
pub(crate) struct Attend<'a> {
    pub(crate) heads: Heads,
    pub(crate) qkv: Qkv<'a>,
    /// `[n_tokens][all heads]`.
    pub(crate) context: &'a mut [Lanes<f32>],
    pub(crate) scratch: &'a mut AttentionScratch,
}

impl Stage for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let Self { heads, qkv, context, scratch } = self;
        let all = heads.all();
        let n_tokens = qkv.n_tokens;
        let n_panels = lanes_for(n_tokens);
        let depth = heads.width * LANES;
        let keys = first(&mut scratch.keys, n_panels * depth, Lanes::ZERO);
        let values = first(&mut scratch.values, heads.width * n_tokens, Lanes::ZERO);
        let scores = first(&mut scratch.scores, BLOCK * n_panels, Lanes::ZERO);
        let inverses = first(&mut scratch.inverses, BLOCK, 0.0);
        let mut real = Lanes([1.0; LANES]);
        let mut penalty = Lanes::ZERO;
        for lane in n_tokens - (n_panels - 1) * LANES..LANES {
            real.0[lane] = 0.0;
            penalty.0[lane] = -1e30;
        }
        let ends = Ends { real, penalty };
        for head in 0..heads.n_heads {
            let start_of_head = head * heads.width;
            let of_head = |part| qkv.part(heads, part, head);
            pack_keys(of_head(1), depth, keys);
            let unpacked = of_head(2);
            for i in 0..heads.width {
                let values = &mut values[i * n_tokens..][..n_tokens];
                for token in 0..n_tokens {
                    values[token] = unpacked[token * heads.width + i];
                }
            }
            for start in (0..n_tokens).step_by(BLOCK) {
                let n_rows = BLOCK.min(n_tokens - start);
                let words = flat(&of_head(0)[start * heads.width..]);
                let queries = Rows { words, stride: depth, n_rows };
                let keys = Panels { words: keys, depth };
                let scores = &mut scores[..n_rows * n_panels];
                multiply(isa, Float, queries, keys, &mut Scores { scores, n_panels });
                for row in 0..n_rows {
                    let scores = &mut scores[row * n_panels..][..n_panels];
                    inverses[row] = softmax(isa, scores, heads.scale, &ends);
                }
                let weights = Rows { words: flat(scores), stride: n_panels * LANES, n_rows };
                let values = Panels { words: values, depth: n_tokens };
                let context = &mut context[start * all + start_of_head..];
                multiply(isa, Float, weights, values, &mut Context { context, stride: all, inverses });
            }
        }
    }
}

/// Copies the keys of a head so that those of sixteen tokens are side by side.
#[inline(always)]
fn pack_keys(unpacked: &[Lanes<f32>], depth: usize, keys: &mut [Lanes<f32>]) {
    let numbers = flat(unpacked);
    let n_tokens = numbers.len() / depth;
    for token in 0..lanes_for(n_tokens) * LANES {
        let panel = &mut keys[token / LANES * depth..][..depth];
        if token < n_tokens {
            let numbers = &numbers[token * depth..][..depth];
            for i in 0..depth {
                panel[i].0[token % LANES] = numbers[i];
            }
        } else {
            panel.iter_mut().for_each(|to| to.0[token % LANES] = 0.0);
        }
    }
}

/// The last sixteen scores of a row, of which some may belong to no token.
struct Ends {
    /// 1 for a token, 0 for none.
    real: Lanes<f32>,
    /// 0 for a token; for none, so little that it is no maximum.
    penalty: Lanes<f32>,
}

/// Turns scores into weights that sum to 1 when multiplied by the number it gives.
#[inline(always)]
fn softmax<S: Isa>(isa: S, row: &mut [Lanes<f32>], scale: f32, ends: &Ends) -> f32 {
    let last = row.len() - 1;
    let x = isa.add(isa.load(&row[last]), isa.load(&ends.penalty));
    isa.store(x, &mut row[last]);
    let mut top = x;
    for x in &row[..last] {
        top = isa.max(top, isa.load(x));
    }
    let factor = scale * std::f32::consts::LOG2_E;
    let shift = isa.splat(-largest(isa, top) * factor);
    let factor = isa.splat(factor);
    let mut total = isa.splat(0.0);
    for x in &mut row[..last] {
        let weight = exp2(isa, isa.mul_add(isa.load(x), factor, shift));
        isa.store(weight, x);
        total = isa.add(total, weight);
    }
    let weight = exp2(isa, isa.mul_add(isa.load(&row[last]), factor, shift));
    let weight = isa.mul(weight, isa.load(&ends.real));
    isa.store(weight, &mut row[last]);
    1.0 / sum(isa, isa.add(total, weight))
}

struct Scores<'a> {
    scores: &'a mut [Lanes<f32>],
    n_panels: usize,
}

impl Epilogue<Float> for Scores<'_> {
    #[inline(always)]
    fn put<S: Isa>(&mut self, isa: S, row: usize, panel: usize, sums: <Float as Product>::Sums<S>) {
        isa.store(sums, &mut self.scores[row * self.n_panels + panel]);
    }
}

struct Context<'a> {
    context: &'a mut [Lanes<f32>],
    stride: usize,
    inverses: &'a [f32],
}

impl Epilogue<Float> for Context<'_> {
    #[inline(always)]
    fn put<S: Isa>(&mut self, isa: S, row: usize, panel: usize, sums: <Float as Product>::Sums<S>) {
        let x = isa.mul(sums, isa.splat(self.inverses[row]));
        isa.store(x, &mut self.context[row * self.stride + panel]);
    }
}
