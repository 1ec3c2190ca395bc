//! Attention inside one text as `attention`, with its two matrix products in 16-bit integers.
//!
//! They are twice as fast as in f32, far more precise than the 8-bit layers around them, and exact: so an
//! int8 vector is the same to the bit on every path. Queries, keys and values of a head have one scale
//! each, from their largest number in the text; the weights of a token have their own.

use super::attention::{Heads, Qkv};
use super::gemm::{Epilogue, Int16, Panels, Product, Rows, multiply};
use super::isa::{Isa, Stage, largest, sum};
use super::lanes::{LANES, Lanes, first, lanes_for};
use super::math::exp2;

/// Tokens whose scores are computed at once: as many as fit, for 256 tokens, the cache nearest to the core.
const BLOCK: usize = 24;

/// Words of sixteen numbers.
const WORDS: usize = LANES / 2;

/// A score is below this, so that the difference of two fits 32 bits.
const MAX_SCORE: i32 = 1 << 30;
/// The weights of a token sum to about this at most, and none is above what 16 bits hold.
const MAX_WEIGHTS: f32 = (1 << 18) as f32;
const MAX_WEIGHT: f32 = 32767.0;
/// So that a sum of values by weights fits 32 bits with room for rounding: 2^18 by 2^12 is 2^30.
const MAX_VALUE: f32 = 4095.0;

/// Buffers, used again from head to head. A word is two numbers of 16 bits.
#[derive(Default)]
pub(crate) struct Attention16Scratch {
    /// `[n_tokens][words of a head]`.
    queries: Vec<i32>,
    /// Panels of sixteen tokens, `[words of a head][16]` each.
    keys: Vec<Lanes<i32>>,
    /// Panels of sixteen numbers of a head, `[pairs of tokens][16]` each.
    values: Vec<Lanes<i32>>,
    /// `[BLOCK][lanes for n_tokens]`.
    scores: Vec<Lanes<i32>>,
    /// A token's weights before rounding, `[lanes for n_tokens]`.
    weights: Vec<Lanes<f32>>,
    /// `[BLOCK][words for n_tokens]`.
    rounded: Vec<i32>,
    /// What a token's sum of values is multiplied by, `[BLOCK]`.
    factors: Vec<f32>,
}

/// Attention over the tokens of one text.
pub(crate) struct Attend16<'a> {
    pub(crate) heads: Heads,
    pub(crate) qkv: Qkv<'a>,
    /// `[n_tokens][all heads]`.
    pub(crate) context: &'a mut [Lanes<f32>],
    pub(crate) scratch: &'a mut Attention16Scratch,
}

/// Queries, keys or values of one head.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// `[n_tokens][width]`.
    lanes: &'a [Lanes<f32>],
    /// Lanes of a head.
    width: usize,
}

impl<'a> Part<'a> {
    #[inline(always)]
    fn token(&self, token: usize) -> &'a [Lanes<f32>] {
        &self.lanes[token * self.width..][..self.width]
    }

    #[inline(always)]
    fn n_tokens(&self) -> usize {
        self.lanes.len() / self.width
    }

    /// What makes `limit` of its largest number, and the inverse.
    #[inline(always)]
    fn scale<S: Isa>(&self, isa: S, limit: f32) -> (S::F, f32) {
        let mut top = isa.splat(0.0);
        for x in self.lanes {
            let x = isa.load(x);
            top = isa.max(isa.max(x, isa.sub(isa.splat(0.0), x)), top);
        }
        let top = largest(isa, top);
        // Below that, the inverse might not be finite; it is nothing beside other scores and values.
        let factor = if top > 1e-30 { limit / top } else { 0.0 };
        (isa.splat(factor), top / limit)
    }
}

impl Stage for Attend16<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let Self { heads, qkv, context, scratch } = self;
        let all = heads.all();
        let n_tokens = qkv.n_tokens;
        let n_panels = lanes_for(n_tokens);
        let depth = heads.width * WORDS;
        let n_pairs = n_panels * WORDS;
        let queries = first(&mut scratch.queries, n_tokens * depth, 0);
        let keys = first(&mut scratch.keys, n_panels * depth, Lanes::ZERO);
        let values = first(&mut scratch.values, heads.width * n_pairs, Lanes::ZERO);
        let scores = first(&mut scratch.scores, BLOCK * n_panels, Lanes::ZERO);
        let weights = first(&mut scratch.weights, n_panels, Lanes::ZERO);
        let rounded = first(&mut scratch.rounded, BLOCK * n_pairs, 0);
        let factors = first(&mut scratch.factors, BLOCK, 0.0);
        let mut ends = Ends { real: Lanes([1.0; LANES]), limit: Lanes([i32::MAX; LANES]) };
        for lane in n_tokens - (n_panels - 1) * LANES..LANES {
            ends.real.0[lane] = 0.0;
            ends.limit.0[lane] = -MAX_SCORE;
        }
        let limit = (MAX_SCORE as f32 / (heads.width * LANES) as f32).sqrt().floor().min(MAX_WEIGHT) - 1.0;
        for head in 0..heads.n_heads {
            let in_token = head * heads.width;
            let part = |part| Part { lanes: qkv.part(heads, part, head), width: heads.width };
            let query_scale = pack_queries(isa, part(0), limit, queries);
            let key_scale = pack_keys(isa, part(1), limit, keys);
            let value_scale = pack_values(isa, part(2), values);
            let factor = heads.scale * std::f32::consts::LOG2_E * query_scale * key_scale;
            for start in (0..n_tokens).step_by(BLOCK) {
                let n_rows = BLOCK.min(n_tokens - start);
                let queries = Rows { words: &queries[start * depth..], stride: depth, n_rows };
                let keys = Panels { words: keys, depth };
                let scores = &mut scores[..n_rows * n_panels];
                multiply(isa, Int16, queries, keys, &mut Scores { scores, n_panels });
                for row in 0..n_rows {
                    let scores = &scores[row * n_panels..][..n_panels];
                    let rounded = &mut rounded[row * n_pairs..][..n_pairs];
                    let total = softmax(isa, (scores, &ends), factor, (weights, rounded));
                    factors[row] = value_scale / total;
                }
                let weights = Rows { words: &*rounded, stride: n_pairs, n_rows };
                let values = Panels { words: values, depth: n_pairs };
                let context = &mut context[start * all + in_token..];
                multiply(isa, Int16, weights, values, &mut Context { context, stride: all, factors });
            }
        }
    }
}

/// Rounds a token's numbers to words, `[words of a head]`.
#[inline(always)]
fn round_token<S: Isa>(isa: S, numbers: &[Lanes<f32>], factor: S::F, words: &mut [i32]) {
    for i in 0..numbers.len() {
        let x = isa.mul(isa.load(&numbers[i]), factor);
        isa.store16(isa.round(x), &mut words[i * WORDS..][..WORDS]);
    }
}

/// Rounds the queries of a head; gives what one unit of them stands for.
#[inline(always)]
fn pack_queries<S: Isa>(isa: S, part: Part<'_>, limit: f32, queries: &mut [i32]) -> f32 {
    let (factor, scale) = part.scale(isa, limit);
    let depth = part.width * WORDS;
    for token in 0..part.n_tokens() {
        round_token(isa, part.token(token), factor, &mut queries[token * depth..][..depth]);
    }
    scale
}

/// Rounds the keys of a head, those of sixteen tokens side by side.
#[inline(always)]
fn pack_keys<S: Isa>(isa: S, part: Part<'_>, limit: f32, keys: &mut [Lanes<i32>]) -> f32 {
    let (factor, scale) = part.scale(isa, limit);
    let depth = part.width * WORDS;
    let n_tokens = part.n_tokens();
    for token in 0..lanes_for(n_tokens) * LANES {
        let panel = &mut keys[token / LANES * depth..][..depth];
        for i in 0..part.width {
            let mut words = [0; WORDS];
            if token < n_tokens {
                round_token(isa, &part.token(token)[i..=i], factor, &mut words);
            }
            let to = &mut panel[i * WORDS..][..WORDS];
            for word in 0..WORDS {
                to[word].0[token % LANES] = words[word];
            }
        }
    }
    scale
}

/// Rounds the values of a head, each number beside that of the next token.
#[inline(always)]
fn pack_values<S: Isa>(isa: S, part: Part<'_>, values: &mut [Lanes<i32>]) -> f32 {
    let (factor, scale) = part.scale(isa, MAX_VALUE);
    let n_tokens = part.n_tokens();
    let n_pairs = values.len() / part.width;
    for i in 0..part.width {
        let panel = &mut values[i * n_pairs..][..n_pairs];
        for pair in 0..n_pairs {
            let (low, high) = (2 * pair, 2 * pair + 1);
            let mut words = [isa.splat_i(0); 2];
            if low < n_tokens {
                words[0] = isa.round(isa.mul(isa.load(&part.token(low)[i]), factor));
            }
            if high < n_tokens {
                words[1] = isa.round(isa.mul(isa.load(&part.token(high)[i]), factor));
            }
            isa.store_i(isa.pair16(words[0], words[1]), &mut panel[pair]);
        }
    }
    scale
}

/// The last sixteen scores of a row, of which some may belong to no token.
struct Ends {
    /// 1 for a token, 0 for none.
    real: Lanes<f32>,
    /// What a score is at most: for none, so little that it is no maximum.
    limit: Lanes<i32>,
}

/// Turns a token's scores into rounded weights, `[words for n_tokens]`; gives their sum.
#[inline(always)]
fn softmax<S: Isa>(
    isa: S,
    (scores, ends): (&[Lanes<i32>], &Ends),
    factor: f32,
    (weights, rounded): (&mut [Lanes<f32>], &mut [i32]),
) -> f32 {
    let last = scores.len() - 1;
    let last_scores = isa.min_i(isa.load_i(&scores[last]), isa.load_i(&ends.limit));
    let mut top = last_scores;
    for scores in &scores[..last] {
        top = isa.max_i(top, isa.load_i(scores));
    }
    let mut lanes = Lanes::ZERO;
    isa.store_i(top, &mut lanes);
    let top = isa.splat_i(lanes.0.into_iter().fold(i32::MIN, i32::max));
    let factor = isa.splat(factor);
    let mut total = isa.splat(0.0);
    for (scores, weights) in scores[..last].iter().zip(&mut *weights) {
        let below = isa.to_f32(isa.sub_i(isa.load_i(scores), top));
        let weight = exp2(isa, isa.mul(below, factor));
        isa.store(weight, weights);
        total = isa.add(total, weight);
    }
    let below = isa.to_f32(isa.sub_i(last_scores, top));
    let weight = isa.mul(exp2(isa, isa.mul(below, factor)), isa.load(&ends.real));
    isa.store(weight, &mut weights[last]);
    let total = sum(isa, isa.add(total, weight));

    let one = isa.splat((MAX_WEIGHTS / total).min(MAX_WEIGHT));
    let mut total = isa.splat_i(0);
    for i in 0..=last {
        let weight = isa.round(isa.mul(isa.load(&weights[i]), one));
        total = isa.add_i(total, weight);
        isa.store16(weight, &mut rounded[i * WORDS..][..WORDS]);
    }
    sum(isa, isa.to_f32(total))
}

struct Scores<'a> {
    scores: &'a mut [Lanes<i32>],
    n_panels: usize,
}

impl Epilogue<Int16> for Scores<'_> {
    #[inline(always)]
    fn put<S: Isa>(&mut self, isa: S, row: usize, panel: usize, sums: <Int16 as Product>::Sums<S>) {
        isa.store_i(sums, &mut self.scores[row * self.n_panels + panel]);
    }
}

struct Context<'a> {
    context: &'a mut [Lanes<f32>],
    stride: usize,
    factors: &'a [f32],
}

impl Epilogue<Int16> for Context<'_> {
    #[inline(always)]
    fn put<S: Isa>(&mut self, isa: S, row: usize, panel: usize, sums: <Int16 as Product>::Sums<S>) {
        let x = isa.mul(isa.to_f32(sums), isa.splat(self.factors[row]));
        isa.store(x, &mut self.context[row * self.stride + panel]);
    }
}
