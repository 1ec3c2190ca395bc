//! Rotations that spread what is large over its neighbours, so that 8 bits hold it better.
//!
//! A few numbers of every token are ten times the others, and the step of 8 bits is as wide as they need
//! it. The same goes for a few weights of every output. Both sides of a product may be multiplied with an
//! orthogonal matrix without changing it, `W x = (W Rᵀ)(R x)`; with a Hadamard matrix, each number becomes
//! a sum of many with all signs, none stands out, and the error of 8 bits falls to less than half. It needs
//! no calibration. (Ashkboos et al., "QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs", 2024,
//! <https://arxiv.org/abs/2404.00456>.) QuaRot turns what flows between layers once and for all, which
//! a LayerNorm after each addition does not allow: here each row is turned as it is quantised, by
//! additions only.

use super::attention::Heads;
use super::isa::{Isa, Stage};
use super::lanes::{LANES, Lanes, flat, flat_mut};
use super::linear::Dense;
use super::{Kernel, with_isa};

/// A matrix for rows of some width, symmetric, and a number times an orthogonal one: a Hadamard matrix for
/// each block, and where the width is no power of two, a reflection that mixes the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// How many adjacent lanes make a block: a power of two that divides the width; 1 changes nothing.
    across: usize,
    /// Whether the sixteen numbers of each are, too.
    within: bool,
}

impl Rotation {
    /// Changes nothing.
    pub(crate) const NONE: Self = Self { across: 1, within: false };

    /// The largest blocks that rows of `width` lanes have.
    pub(crate) fn full(width: usize) -> Self {
        Self { within: true, ..Self::across(width) }
    }

    /// The largest blocks that need no mixing within lanes, which costs more than between them.
    pub(crate) fn across(width: usize) -> Self {
        Self { across: 1 << width.trailing_zeros(), within: false }
    }

    /// What applying it twice multiplies by.
    pub(crate) fn square(self) -> f32 {
        (if self.within { self.across * LANES } else { self.across }) as f32
    }

    #[inline(always)]
    pub(super) fn row<S: Isa>(self, isa: S, row: &mut [Lanes<f32>]) {
        let mut stride = 1;
        while stride * 8 <= self.across {
            mix::<S, 8>(isa, row, stride);
            stride *= 8;
        }
        match self.across / stride {
            4 => mix::<S, 4>(isa, row, stride),
            2 => mix::<S, 2>(isa, row, stride),
            _ => {}
        }
        reflect(isa, row, self.across);
        if self.within {
            for lanes in row {
                let x = isa.butterfly::<1>(isa.load(lanes));
                let x = isa.butterfly::<2>(x);
                let x = isa.butterfly::<4>(x);
                isa.store(isa.butterfly::<8>(x), lanes);
            }
        }
    }
}

/// Mixes blocks of `across` lanes with one another, so that an outlier does not make one block larger than the
/// others: a reflection about what has the same in every block, which is orthogonal and its own inverse.
#[inline(always)]
fn reflect<S: Isa>(isa: S, row: &mut [Lanes<f32>], across: usize) {
    let n_blocks = row.len() / across;
    if across == 1 || n_blocks == 1 {
        return;
    }
    let factor = isa.splat(2.0 / n_blocks as f32);
    for i in 0..across {
        let mut sum = isa.splat(0.0);
        for block in 0..n_blocks {
            sum = isa.add(sum, isa.load(&row[block * across + i]));
        }
        let twice_mean = isa.mul(sum, factor);
        for block in 0..n_blocks {
            let lanes = &mut row[block * across + i];
            isa.store(isa.sub(isa.load(lanes), twice_mean), lanes);
        }
    }
}

/// Multiplies every `N` lanes that are `stride` apart with a Hadamard matrix.
#[inline(always)]
fn mix<S: Isa, const N: usize>(isa: S, row: &mut [Lanes<f32>], stride: usize) {
    for block in row.chunks_exact_mut(N * stride) {
        for start in 0..stride {
            let mut x = [isa.splat(0.0); N];
            for i in 0..N {
                x[i] = isa.load(&block[start + i * stride]);
            }
            let mut half = 1;
            while half < N {
                for i in 0..N {
                    if i & half == 0 {
                        let (a, b) = (x[i], x[i + half]);
                        x[i] = isa.add(a, b);
                        x[i + half] = isa.sub(a, b);
                    }
                }
                half *= 2;
            }
            for i in 0..N {
                isa.store(x[i], &mut block[start + i * stride]);
            }
        }
    }
}

/// Rows of `width` lanes, rotated in place.
pub(crate) struct RotateRows<'a> {
    pub(crate) rotation: Rotation,
    pub(crate) rows: &'a mut [Lanes<f32>],
    pub(crate) width: usize,
}

impl Stage for RotateRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        for row in self.rows.chunks_exact_mut(self.width) {
            self.rotation.row(isa, row);
        }
    }
}

/// Rotates the values of each head, and what the layer after attention takes of it, the inverse way: a
/// weighted sum of rotated values is the rotated sum, so this costs nothing when texts are embedded.
///
/// `qkv` gives queries, keys and values, and `output` takes contexts, `[n_heads][numbers of a head]` each.
pub(crate) fn rotate_values(qkv: &mut Dense, output: &mut Dense, heads: Heads, kernel: Kernel) {
    let all = heads.all() * LANES;
    let rotation = Rotation::full(heads.width);
    let mut lanes = vec![Lanes::ZERO; heads.all()];
    let mut rotate = |row: &mut dyn Iterator<Item = &mut f32>, factor: f32| {
        let mut row: Vec<&mut f32> = row.collect();
        flat_mut(&mut lanes).iter_mut().zip(&row).for_each(|(to, x)| *to = **x * factor);
        with_isa!(kernel, isa => isa.run(RotateRows { rotation, rows: &mut lanes, width: heads.width }));
        row.iter_mut().zip(flat(&lanes)).for_each(|(to, &x)| **to = x);
    };
    let values = &mut qkv.weight[2 * all * qkv.n_in..];
    for input in 0..qkv.n_in {
        rotate(&mut values.iter_mut().skip(input).step_by(qkv.n_in), 1.0);
    }
    rotate(&mut qkv.bias[2 * all..].iter_mut(), 1.0);
    for row in output.weight.chunks_exact_mut(all) {
        rotate(&mut row.iter_mut(), 1.0 / rotation.square());
    }
}
