//! Passes over rows: LayerNorm, activation, quantisation. Each row is computed by itself.

use super::isa::{Isa, Stage, largest, smallest, sum};
use super::lanes::{LANES, Lanes, first};
use super::math::Activate;

/// Rows of 8-bit numbers of 0 to 255, each row with its own scale: number q stands for
/// `(q - zero) * scale`.
#[derive(Default)]
pub(crate) struct Quantized {
    pub(crate) n_rows: usize,
    /// `[n_rows][words]`, as the path's 8-bit dot product takes them.
    pub(crate) words: Vec<i32>,
    pub(crate) scales: Vec<f32>,
    pub(crate) zeros: Vec<i32>,
}

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

/// No activation.
#[derive(Clone, Copy)]
pub(crate) struct Identity;

impl Activate for Identity {
    #[inline(always)]
    fn activate<S: Isa>(self, _isa: S, x: S::F) -> S::F {
        x
    }
}

/// The activation of every number, in place, and the rows quantised.
pub(crate) struct QuantizeRows<'a, A> {
    pub(crate) activation: A,
    pub(crate) rows: &'a mut [Lanes<f32>],
    /// Lanes in a row.
    pub(crate) width: usize,
    pub(crate) to: &'a mut Quantized,
}

impl<A: Activate> Stage for QuantizeRows<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let Self { activation, rows, width, to } = self;
        let group = LANES / S::GROUP8;
        let n_rows = rows.len() / width;
        to.n_rows = n_rows;
        let words = first(&mut to.words, n_rows * width * group, 0);
        let scales = first(&mut to.scales, n_rows, 0.0);
        let zeros = first(&mut to.zeros, n_rows, 0);
        for i in 0..n_rows {
            let row = &mut rows[i * width..][..width];
            let words = &mut words[i * width * group..][..width * group];
            // The range holds 0, so that the zero point is one of the 256 numbers.
            let mut low = isa.splat(0.0);
            let mut high = isa.splat(0.0);
            for lanes in &mut *row {
                let x = activation.activate(isa, isa.load(lanes));
                isa.store(x, lanes);
                low = isa.min(x, low);
                high = isa.max(x, high);
            }
            let (low, high) = (smallest(isa, low), largest(isa, high));
            let range = high - low;
            // A range that small is rounding noise around nothing, and its inverse might not be finite.
            let inverse = if range > 1e-30 { 255.0 / range } else { 0.0 };
            scales[i] = range / 255.0;
            zeros[i] = (-low * inverse).round_ties_even() as i32;
            let (inverse, zero) = (isa.splat(inverse), isa.splat_i(zeros[i]));
            for i in 0..width {
                let q = isa.add_i(isa.round(isa.mul(isa.load(&row[i]), inverse)), zero);
                let q = isa.max_i(isa.min_i(q, isa.splat_i(255)), isa.splat_i(0));
                isa.store8(q, &mut words[i * group..][..group]);
            }
        }
    }
}
