//! Linear layers: a packed matrix of weights in either precision, and its product with rows.

use super::gemm::{Epilogue, Float, Int8, Panels, Rows, multiply, multiply8};
use super::isa::{Isa, Stage};
use super::lanes::{LANES, Lanes, flat, flat_mut, lanes_for};
use super::quantize::Quantized;
use super::rotation::{RotateRows, Rotation};
use super::{Kernel, with_isa};

/// Weights and bias as they were published, row-major `[n_out, n_in]`, before packing.
pub(crate) struct Dense {
    pub(crate) n_in: usize,
    pub(crate) n_out: usize,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// A layer in f32.
pub(crate) struct LinearF32 {
    /// Panels of sixteen outputs, `[n_in, padded][16]` each.
    words: Vec<Lanes<f32>>,
    depth: usize,
    bias: Vec<Lanes<f32>>,
}

/// A layer in 8 bits: symmetric, each output with its own scale.
pub(crate) struct LinearInt8 {
    /// What its inputs have to be rotated by before they are rounded.
    pub(crate) rotation: Rotation,
    /// Panels of sixteen outputs, `[words of n_in, padded][16]` each.
    words: Vec<Lanes<i32>>,
    depth: usize,
    /// The sum of an output's weights: what a row's zero point has to be taken away of.
    sums: Vec<Lanes<i32>>,
    scales: Vec<Lanes<f32>>,
    bias: Vec<Lanes<f32>>,
}

/// `n` numbers in lanes, with zeros after them.
pub(crate) fn padded(x: &[f32]) -> Vec<Lanes<f32>> {
    let mut lanes = vec![Lanes::ZERO; lanes_for(x.len())];
    flat_mut(&mut lanes)[..x.len()].copy_from_slice(x);
    lanes
}

impl Dense {
    fn row(&self, out: usize) -> &[f32] {
        &self.weight[out * self.n_in..][..self.n_in]
    }
}

impl LinearF32 {
    pub(crate) fn pack(dense: &Dense) -> Self {
        let depth = lanes_for(dense.n_in) * LANES;
        let mut words = vec![Lanes::ZERO; lanes_for(dense.n_out) * depth];
        for out in 0..dense.n_out {
            let panel = &mut words[out / LANES * depth..][..depth];
            for (lanes, &weight) in panel.iter_mut().zip(dense.row(out)) {
                lanes.0[out % LANES] = weight;
            }
        }
        Self { words, depth, bias: padded(&dense.bias) }
    }
}

impl LinearInt8 {
    pub(super) fn panels(&self) -> Panels<'_, i32> {
        Panels { words: &self.words, depth: self.depth }
    }

    /// Rotates, quantises, and packs for the 8-bit dot products of `kernel`.
    pub(crate) fn pack(dense: &Dense, rotation: Rotation, kernel: Kernel) -> Self {
        let width = lanes_for(dense.n_in);
        let group = kernel.group8();
        let depth = width * LANES / group;
        let n_panels = lanes_for(dense.n_out);
        let mut words = vec![Lanes::ZERO; n_panels * depth];
        let mut sums = vec![Lanes::ZERO; n_panels];
        let mut scales = vec![Lanes::ZERO; n_panels];
        let mut rotated = vec![Lanes::ZERO; width];
        for out in 0..dense.n_out {
            flat_mut(&mut rotated)[..dense.n_in].copy_from_slice(dense.row(out));
            flat_mut(&mut rotated)[dense.n_in..].fill(0.0);
            with_isa!(kernel, isa => isa.run(RotateRows { rotation, rows: &mut rotated, width }));
            let row = flat(&rotated);
            let largest = row.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
            let scale = largest / 127.0;
            // Weights below that are nothing, and their scale's inverse might not be finite.
            let inverse = if scale > 1e-30 { 1.0 / scale } else { 0.0 };
            let (panel, lane) = (out / LANES, out % LANES);
            for (k, &weight) in row.iter().enumerate() {
                let q = ((weight * inverse).round_ties_even() as i32).clamp(-127, 127);
                let bits = 32 / group;
                let placed = (q & ((1 << bits) - 1)) << (k % group * bits);
                words[panel * depth + k / group].0[lane] |= placed;
                sums[panel].0[lane] += q;
            }
            // Inputs and weights are both rotated by a multiple of an orthogonal matrix.
            scales[panel].0[lane] = scale / rotation.square();
        }
        Self { rotation, words, depth, sums, scales, bias: padded(&dense.bias) }
    }
}

/// Where a layer's output goes.
pub(crate) struct Output<'a, const ADD: bool> {
    pub(crate) lanes: &'a mut [Lanes<f32>],
    /// Lanes from row to row.
    pub(crate) stride: usize,
    /// Where in `lanes` each panel of the first row goes.
    pub(crate) starts: &'a [usize],
}

impl<const ADD: bool> Output<'_, ADD> {
    #[inline(always)]
    fn put<S: Isa>(&mut self, isa: S, row: usize, panel: usize, x: S::F) {
        let to = &mut self.lanes[self.starts[panel] + row * self.stride];
        let x = if ADD { isa.add(isa.load(to), x) } else { x };
        isa.store(x, to);
    }
}

/// Rows through a layer in f32. With `ADD`, the result is added to what is in `output`.
pub(crate) struct ApplyF32<'a, const ADD: bool> {
    pub(crate) layer: &'a LinearF32,
    pub(crate) input: &'a [Lanes<f32>],
    pub(crate) output: Output<'a, ADD>,
}

impl<const ADD: bool> Stage for ApplyF32<'_, ADD> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let depth = self.layer.depth;
        let words = flat(self.input);
        let rows = Rows { words, stride: depth, n_rows: words.len() / depth };
        let panels = Panels { words: &self.layer.words, depth };
        multiply(isa, Float, rows, panels, &mut Biased { bias: &self.layer.bias, output: self.output });
    }
}

struct Biased<'a, const ADD: bool> {
    bias: &'a [Lanes<f32>],
    output: Output<'a, ADD>,
}

impl<const ADD: bool> Epilogue<Float> for Biased<'_, ADD> {
    #[inline(always)]
    fn put<S: Isa>(&mut self, isa: S, row: usize, panel: usize, sums: S::F) {
        let x = isa.add(sums, isa.load(&self.bias[panel]));
        self.output.put(isa, row, panel, x);
    }
}

/// Rows through a layer in 8 bits. With `ADD`, the result is added to what is in `output`.
pub(crate) struct ApplyInt8<'a, const ADD: bool> {
    pub(crate) layer: &'a LinearInt8,
    pub(crate) input: &'a Quantized,
    pub(crate) output: Output<'a, ADD>,
}

impl<const ADD: bool> Stage for ApplyInt8<'_, ADD> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let depth = self.layer.depth;
        let rows = Rows { words: flat(&self.input.words), stride: depth, n_rows: self.input.n_rows };
        let panels = self.layer.panels();
        let mut epilogue = Dequantized { layer: self.layer, input: self.input, output: self.output };
        multiply8(isa, rows, panels, &mut epilogue);
    }
}

struct Dequantized<'a, const ADD: bool> {
    layer: &'a LinearInt8,
    input: &'a Quantized,
    output: Output<'a, ADD>,
}

impl<const ADD: bool> Epilogue<Int8> for Dequantized<'_, ADD> {
    #[inline(always)]
    fn put<S: Isa>(&mut self, isa: S, row: usize, panel: usize, sums: S::I) {
        let zero = isa.splat_i(self.input.zeros[row]);
        let sums = isa.sub_i(sums, isa.mul_i(zero, isa.load_i(&self.layer.sums[panel])));
        let scale = isa.mul(isa.splat(self.input.scales[row]), isa.load(&self.layer.scales[panel]));
        let x = isa.mul_add(isa.to_f32(sums), scale, isa.load(&self.layer.bias[panel]));
        self.output.put(isa, row, panel, x);
    }
}
