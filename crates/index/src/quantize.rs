//! Unit vectors in 8 bits a component, and how far a product of such vectors can be from the cosine.
//!
//! A segment has one scale: component `c` is stored as the whole number nearest to `c / scale`, in
//! -127 to 127. The products only choose which rows are scored; scores are made from f16.
//!
//! With unit vectors `q` and `v`, stored as `q'` and `v'` (numbers times scale), Cauchy and Schwarz
//! give `|q·v − q'·v'| ≤ |q − q'| |v'| + |q| |v − v'|`. The length of `v − v'`, the *residual*, is known
//! for each query and, as a maximum, for each segment, so that an exact search can leave out every
//! row whose bound is too low and still miss none.

use std::sync::OnceLock;

use cognate_vector::kernels::{I8_BLOCK, SignTable};
use half::f16;

use crate::codes::Codes;

/// The largest number that a component is stored as; −128 is not used, so that all signs are alike.
const LARGEST: f32 = 127.0;

/// Added to a small number, it leaves no bits for a fraction: 1.5 · 2⁵².
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// The same in single precision: 1.5 · 2²³.
const QUERY_ROUNDER: f32 = 12_582_912.0;
/// Components of a query that are converted side by side.
const QUERY_LANES: usize = 16;

/// More than the rounding of a score in f32, and of the bound itself: 32 lanes are summed in
/// `dim / 32` steps, then folded in 5, and two roundings follow.
fn rounding(dim: usize) -> f32 {
    (dim as f32 / 32.0 + 16.0) * f32::EPSILON + 1e-6
}

/// The padded length of a row of i8.
pub(crate) fn stride(dim: usize) -> usize {
    dim.next_multiple_of(I8_BLOCK)
}

/// The scale for vectors whose largest component, by its absolute value, is `largest`.
pub(crate) fn scale_for(largest: f32) -> f32 {
    // A set of no vectors has any scale; the smallest normal one keeps divisions finite.
    (largest / LARGEST).max(f32::MIN_POSITIVE)
}

/// The largest absolute value among the components of `values` (`f16 [dim]`) at norm 1.
pub(crate) fn largest_component(values: &[f16]) -> f32 {
    let norm = norm_of(values);
    values.iter().fold(0.0_f32, |largest, value| largest.max(value.to_f32().abs())) / norm
}

/// The largest absolute value among `values`.
fn largest_of(values: &[f32]) -> f32 {
    // Side by side, so that none waits for the one before.
    let mut largest = [0.0_f32; 16];
    for values in values.chunks(16) {
        largest.iter_mut().zip(values).for_each(|(largest, value)| *largest = largest.max(value.abs()));
    }
    largest.into_iter().fold(0.0, f32::max)
}

fn norm_of(values: &[f16]) -> f32 {
    values.iter().map(|value| value.to_f64().powi(2)).sum::<f64>().sqrt() as f32
}

/// Stores `values` (`f16 [dim]`, any norm but 0) as a row of i8 at norm 1, and gives the length of
/// the residual, rounded up. `row` is `[stride(dim)]`; its padding is left alone.
pub(crate) fn quantize(values: &[f16], scale: f32, row: &mut [i8]) -> f32 {
    let norm = f64::from(norm_of(values));
    quantize_with(values.iter().map(|value| value.to_f64() / norm), scale, row)
}

fn quantize_with(components: impl Iterator<Item = f64>, scale: f32, row: &mut [i8]) -> f32 {
    let scale = f64::from(scale);
    let inverse = scale.recip();
    let mut residual = 0.0;
    for (component, stored) in components.zip(row) {
        let number = (component * inverse).clamp(-f64::from(LARGEST), f64::from(LARGEST));
        // To the nearest whole number: two additions, where `round` calls a function for each component
        // on processors of the oldest kind that this is compiled for.
        let number = (number + ROUNDER) - ROUNDER;
        // In range: just clamped.
        *stored = number as i8;
        residual += (component - number * scale).powi(2);
    }
    round_up(residual.sqrt())
}

/// [`quantize_with`] in single precision, for each query: the residual is about right.
fn quantize_coarsely(components: &[f32], scale: f32, row: &mut [i8]) -> f32 {
    let inverse = scale.recip();
    let mut squares = [0.0_f32; QUERY_LANES];
    for (components, stored) in components.chunks(QUERY_LANES).zip(row.chunks_mut(QUERY_LANES)) {
        for ((&component, stored), square) in components.iter().zip(stored).zip(&mut squares) {
            let number = (component * inverse).clamp(-LARGEST, LARGEST) + QUERY_ROUNDER;
            // The nearest whole number is the lowest byte.
            *stored = number.to_bits() as i8;
            let rest = component - (number - QUERY_ROUNDER) * scale;
            *square += rest * rest;
        }
    }
    squares.iter().sum::<f32>().sqrt()
}

fn round_up(value: f64) -> f32 {
    (value * (1.0 + 1e-6)) as f32 + f32::MIN_POSITIVE
}

/// A query in 8 bits a component for walks, and in 16 for scans.
pub(crate) struct QuantizedQuery<'a> {
    /// `f32 [dim]` of norm 1.
    exact: &'a [f32],
    /// The upper 8 bits: numbers times `scale` give the query, about.
    pub(crate) coarse: Vec<i8>,
    /// The length of the query less the upper half.
    coarse_residual: f32,
    pub(crate) scale: f32,
    /// Made for the first scan.
    fine: OnceLock<Fine>,
    /// Made for the first walk along codes.
    table: OnceLock<SignTable>,
    rounding: f32,
}

/// The lower 8 bits of a query.
struct Fine {
    /// What the upper ones lack, in units of `scale / FINER`.
    row: Vec<i8>,
    /// The length of the query less both.
    residual: f32,
}

/// How much finer the unit of the second 8 bits is.
const FINER: f32 = 254.0;

impl<'a> QuantizedQuery<'a> {
    /// Of a unit vector `f32 [dim]`.
    pub(crate) fn new(query: &'a [f32]) -> Self {
        let scale = scale_for(largest_of(query));
        let mut coarse = vec![0; stride(query.len())];
        let coarse_residual = quantize_coarsely(query, scale, &mut coarse);
        let rounding = rounding(query.len());
        let (fine, table) = (OnceLock::new(), OnceLock::new());
        Self { exact: query, coarse, coarse_residual, scale, fine, table, rounding }
    }

    fn lower(&self) -> &Fine {
        self.fine.get_or_init(|| {
            let scale = f64::from(self.scale);
            let rest =
                self.exact.iter().zip(&self.coarse).map(|(&c, &q)| f64::from(c) - f64::from(q) * scale);
            let mut row = vec![0; self.coarse.len()];
            let residual = quantize_with(rest, self.scale / FINER, &mut row);
            Fine { row, residual }
        })
    }

    /// What the query asks codes with. All codes of its dimension are asked alike.
    pub(crate) fn table(&self, codes: &Codes) -> &SignTable {
        self.table.get_or_init(|| codes.table_of(self.exact, self.coarse.len()))
    }

    /// What [`coarse`](Self::coarse) lacks, in units of `scale / 254`.
    pub(crate) fn fine(&self) -> &[i8] {
        &self.lower().row
    }

    /// The cosine, about, from products with both halves and the scale of the rows.
    #[inline]
    pub(crate) fn cosine(&self, coarse: i32, fine: i32, row_scale: f32) -> f32 {
        (coarse as f32 + fine as f32 / FINER) * (self.scale * row_scale)
    }

    /// The standard deviation of [`cosine`](Self::cosine) with the upper half alone from the score,
    /// were residuals to point anywhere.
    pub(crate) fn deviation(&self, row_residual: f32, dim: usize) -> f32 {
        (self.coarse_residual.powi(2) + row_residual.powi(2)).sqrt() / (dim as f32).sqrt() + self.rounding
    }

    /// How far [`cosine`](Self::cosine) can be from the score, for rows whose residuals are at most
    /// `row_residual` long.
    pub(crate) fn error(&self, row_residual: f32) -> f32 {
        // The norm of a stored row is at most 1 and its residual; that of a query, 1 and a rounding.
        self.lower().residual * (1.0 + row_residual) + row_residual * (1.0 + 1e-5) + self.rounding
    }
}

/// How far the product of two stored rows, times their scales, can be from the score of the two.
pub(crate) fn pair_error(dim: usize, left_residual: f32, right_residual: f32) -> f32 {
    left_residual * (1.0 + right_residual) + right_residual * (1.0 + 1e-5) + rounding(dim)
}

#[cfg(test)]
mod tests {
    use cognate_vector::kernels::dot_f16;
    use cognate_vector::{UnitVector, kernels};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The bound holds for vectors of every shape, spiky and flat.
        #[test]
        fn products_lie_within_the_bound(
            a in prop::collection::vec(-1.0_f32..1.0, 1..200),
            spikes in 0_usize..4,
            seed in any::<u64>(),
        ) {
            let dim = a.len();
            let mut a = a;
            let b: Vec<f32> = (0..dim).map(|i| ((seed >> (i % 50)) as f32 * 0.37 + i as f32).sin()).collect();
            a.iter_mut().take(spikes).for_each(|c| *c *= 300.0);
            prop_assume!(a.iter().any(|c| c.abs() > 1e-3));
            let query = UnitVector::normalize(a).unwrap();
            let row = UnitVector::normalize(b).unwrap();
            let values: Vec<f16> = row.as_slice().iter().map(|&c| f16::from_f32(c)).collect();
            let scale = scale_for(largest_component(&values));
            let mut stored = vec![0; stride(dim)];
            let residual = quantize(&values, scale, &mut stored);
            let quantized = QuantizedQuery::new(query.as_slice());
            let rest = query.as_slice().iter().zip(&quantized.coarse);
            let rest = rest.map(|(&c, &q)| (c - f32::from(q) * quantized.scale).powi(2)).sum::<f32>().sqrt();
            prop_assert!((rest - quantized.coarse_residual).abs() <= 1e-3 * rest + 1e-6);
            prop_assert!(rest <= 0.51 * quantized.scale * (dim as f32).sqrt(), "to the nearest number");
            let about = quantized.cosine(
                kernels::dot_i8(&quantized.coarse, &stored),
                kernels::dot_i8(quantized.fine(), &stored),
                scale,
            );
            let (dot, square) = dot_f16(query.as_slice(), &values);
            let score = (dot / square.sqrt()).clamp(-1.0, 1.0);
            prop_assert!((about - score).abs() <= quantized.error(residual), "{about} {score}");
        }
    }
}
