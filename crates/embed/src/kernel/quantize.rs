//! Rounding rows to 8 bits. Each row is computed by itself.

use super::isa::{Isa, Stage, largest, smallest};
use super::lanes::{LANES, Lanes, first, flat_mut, lanes_for};
use super::math::Activate;
use super::rotation::Rotation;

/// Steps from the smallest number of a row to its largest. A little less than 255, so that a row's numbers
/// are within 0 to 255 however its zero point is rounded, without looking at each.
const STEPS: f32 = 254.9;

/// Rows of 8-bit numbers of 0 to 255, each row with its own scale: number q stands for
/// `(q - zero) * scale`.
#[derive(Default)]
pub(crate) struct Quantized {
    pub(crate) n_rows: usize,
    /// `[n_rows][words]`, as the path's 8-bit dot product takes them, and on to a multiple of sixteen rows.
    pub(crate) words: Vec<Lanes<i32>>,
    pub(crate) scales: Vec<f32>,
    pub(crate) zeros: Vec<i32>,
    /// A row before rounding, `[width]`.
    row: Vec<Lanes<f32>>,
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

/// The activation of rows, rotated and quantised.
pub(crate) struct QuantizeRows<'a, A> {
    pub(crate) activation: A,
    pub(crate) rotation: Rotation,
    pub(crate) rows: &'a [Lanes<f32>],
    /// Lanes in a row.
    pub(crate) width: usize,
    pub(crate) to: &'a mut Quantized,
}

impl<A: Activate> Stage for QuantizeRows<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let Self { activation, rotation, rows, width, to } = self;
        let group = LANES / S::GROUP8;
        let n_rows = rows.len() / width;
        to.n_rows = n_rows;
        let n_words = n_rows.next_multiple_of(LANES) * width * group;
        let words = flat_mut(first(&mut to.words, lanes_for(n_words), Lanes::ZERO));
        let scales = first(&mut to.scales, n_rows, 0.0);
        let zeros = first(&mut to.zeros, n_rows, 0);
        let row = first(&mut to.row, width, Lanes::ZERO);
        for i in 0..n_rows {
            let from = &rows[i * width..][..width];
            let words = &mut words[i * width * group..][..width * group];
            for i in 0..width {
                isa.store(activation.activate(isa, isa.load(&from[i])), &mut row[i]);
            }
            rotation.row(isa, row);
            // The range holds 0, so that the zero point is one of the 256 numbers.
            let mut low = isa.splat(0.0);
            let mut high = isa.splat(0.0);
            for lanes in &*row {
                let x = isa.load(lanes);
                low = isa.min(x, low);
                high = isa.max(x, high);
            }
            let (low, high) = (smallest(isa, low), largest(isa, high));
            let range = high - low;
            // A range that small is rounding noise around nothing, and its inverse might not be finite.
            let inverse = if range > 1e-30 { STEPS / range } else { 0.0 };
            // Rounded to the nearest but for a hair, so that no number comes to less than -0.499, nor to more
            // than 255.401.
            let zero = (-low * inverse + 0.501).floor();
            scales[i] = range / STEPS;
            zeros[i] = zero as i32;
            let (inverse, zero) = (isa.splat(inverse), isa.splat(zero));
            for i in 0..width {
                let q = isa.round(isa.mul_add(isa.load(&row[i]), inverse, zero));
                isa.store8(q, &mut words[i * group..][..group]);
            }
        }
    }
}
