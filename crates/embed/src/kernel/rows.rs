//! Passes over rows: LayerNorm and activation. Each row is computed by itself.

use super::isa::{Isa, Stage, sum};
use super::lanes::Lanes;
use super::math::Activate;

/// What a LayerNorm multiplies by and adds; zero in padding.
pub(crate) struct Norm {
    pub(crate) gamma: Vec<Lanes<f32>>,
    pub(crate) beta: Vec<Lanes<f32>>,
    pub(crate) epsilon: f32,
    /// Numbers in a row, without padding.
    pub(crate) n: usize,
    /// 1 for a number of the last lanes, 0 for padding.
    pub(crate) last: Lanes<f32>,
}

impl Norm {
    #[inline(always)]
    fn row<S: Isa>(&self, isa: S, row: &mut [Lanes<f32>]) {
        let width = self.gamma.len();
        let (row, beta) = (&mut row[..width], &self.beta[..width]);
        let mut total = isa.splat(0.0);
        for x in &*row {
            total = isa.add(total, isa.load(x));
        }
        let n = self.n as f32;
        let mean = isa.splat(sum(isa, total) / n);
        let mut squares = isa.splat(0.0);
        for i in 0..width {
            let mut x = isa.sub(isa.load(&row[i]), mean);
            if i + 1 == width {
                x = isa.mul(x, isa.load(&self.last));
            }
            isa.store(x, &mut row[i]);
            squares = isa.mul_add(x, x, squares);
        }
        let factor = isa.splat(1.0 / (sum(isa, squares) / n + self.epsilon).sqrt());
        for i in 0..width {
            let x = isa.mul(isa.load(&row[i]), factor);
            isa.store(isa.mul_add(x, isa.load(&self.gamma[i]), isa.load(&beta[i])), &mut row[i]);
        }
    }
}

/// LayerNorm of every row, in place.
pub(crate) struct NormRows<'a> {
    pub(crate) norm: &'a Norm,
    pub(crate) rows: &'a mut [Lanes<f32>],
}

impl Stage for NormRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        for row in self.rows.chunks_exact_mut(self.norm.gamma.len()) {
            self.norm.row(isa, row);
        }
    }
}

/// The activation of every number, in place.
pub(crate) struct ActivateRows<'a, A> {
    pub(crate) activation: A,
    pub(crate) rows: &'a mut [Lanes<f32>],
}

impl<A: Activate> Stage for ActivateRows<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        for x in self.rows {
            isa.store(self.activation.activate(isa, isa.load(x)), x);
        }
    }
}
