//! The inner loops: dot products in f32, f16 and i8, on the widest instructions of the processor.
//!
//! Every kernel gives the same bits on every processor. Integer sums are exact; floating-point ones
//! add 32 lanes side by side in a fixed order, a product rounded before it is added (no fused
//! multiply-add), so that a score does not depend on where it was computed.
//!
//! Rows of i8 are padded with zeros to a multiple of [`I8_BLOCK`], so that no kernel has a tail.

mod panels;
mod signs;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use panels::{Hit, Panels};
pub use signs::{Reach, SIGN_ROWS, SignBlock, SignBlockMut, SignTable};

use half::f16;

#[cfg(not(target_arch = "x86_64"))]
use self::portable as x86;

/// The length of a row of i8 is a multiple of this: one AVX-512 register, one cache line.
pub const I8_BLOCK: usize = 64;

/// Lanes of floating-point sums: two AVX-512 registers.
const LANES: usize = 32;

/// Dot product of two `f32 [dim]` slices; components past the shorter one's end count as zero.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    x86::dot(&a[..len], &b[..len])
}

/// Dot product of `query` (`f32 [dim]`) with `vector` (`f16 [dim]`), and the squared norm of
/// `vector`, both in f32. A cosine is the first divided by the root of the second, for a query of
/// norm 1. Components past the shorter one's end count as zero.
#[must_use]
pub fn dot_f16(query: &[f32], vector: &[f16]) -> (f32, f32) {
    let len = query.len().min(vector.len());
    x86::dot_f16(&query[..len], &vector[..len])
}

/// Exact dot product of two rows of i8 of the same length, a multiple of [`I8_BLOCK`] up to 65,536.
///
/// # Panics
/// If the lengths differ or are not such a multiple.
#[must_use]
pub fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    assert!(a.len() == b.len() && a.len().is_multiple_of(I8_BLOCK), "rows of i8 are padded to blocks");
    x86::dot_i8(a, b)
}

/// Exact dot products of `query` (`i8 [stride]`) with the rows of `matrix` (`i8 [n, stride]`), one
/// for each place in `dots` (`[n]`).
///
/// # Panics
/// If the shapes do not fit, or `stride` is not a multiple of [`I8_BLOCK`].
pub fn dots_i8(query: &[i8], matrix: &[i8], dots: &mut [i32]) {
    assert!(query.len().is_multiple_of(I8_BLOCK) && !query.is_empty(), "rows of i8 are padded to blocks");
    assert_eq!(matrix.len(), dots.len() * query.len(), "a dot product for each row");
    x86::dots_i8(query, matrix, dots);
}

/// Exact dot products of `query` (`i8 [stride]`) with the rows of `matrix` (`i8 [n, stride]`) at
/// `positions`, into `dots` (cleared first, then `[positions.len()]`); rows are fetched ahead of
/// their use. A position outside the matrix gives [`i32::MIN`], which no row gives.
///
/// # Panics
/// If `stride` is not a multiple of [`I8_BLOCK`].
pub fn dots_i8_at(query: &[i8], matrix: &[i8], positions: &[u32], dots: &mut Vec<i32>) {
    assert!(query.len().is_multiple_of(I8_BLOCK) && !query.is_empty(), "rows of i8 are padded to blocks");
    dots.clear();
    x86::dots_i8_at(query, matrix, positions, dots);
}

/// Asks the processor to fetch the first `n_lines` cache lines of `data`; changes nothing else.
#[inline(always)]
pub fn prefetch<T>(data: &[T], n_lines: usize) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(data, n_lines);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (data, n_lines);
}

/// The name of the instructions in use for i8, for reports: `avx512vnni`, `avxvnni`, `avx2` or
/// `portable`.
#[must_use]
pub fn instructions() -> &'static str {
    x86::instructions()
}

/// The kernels in plain Rust: what the others must equal to the bit.
mod portable {
    use half::f16;

    use super::LANES;

    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        let mut sums = [0.0_f32; LANES];
        let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let tail = tail(a_chunks.remainder(), b_chunks.remainder());
        for (x, y) in a_chunks.zip(b_chunks) {
            for lane in 0..LANES {
                sums[lane] += x[lane] * y[lane];
            }
        }
        fold(sums) + tail
    }

    pub(super) fn dot_f16(query: &[f32], vector: &[f16]) -> (f32, f32) {
        let (mut dots, mut squares) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        let (q_chunks, v_chunks) = (query.chunks_exact(LANES), vector.chunks_exact(LANES));
        let tails = tail_f16(q_chunks.remainder(), v_chunks.remainder());
        for (q, v) in q_chunks.zip(v_chunks) {
            for lane in 0..LANES {
                let component = v[lane].to_f32();
                dots[lane] += q[lane] * component;
                squares[lane] += component * component;
            }
        }
        (fold(dots) + tails.0, fold(squares) + tails.1)
    }

    pub(super) fn tail(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    pub(super) fn tail_f16(query: &[f32], vector: &[f16]) -> (f32, f32) {
        let components = || vector.iter().map(|component| component.to_f32());
        (query.iter().zip(components()).map(|(q, v)| q * v).sum(), components().map(|v| v * v).sum())
    }

    /// Adds the upper half of the lanes to the lower half, until one is left.
    fn fold(mut sums: [f32; LANES]) -> f32 {
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                sums[lane] += sums[lane + width];
            }
            width /= 2;
        }
        sums[0]
    }

    #[inline]
    pub(super) fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
        a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
    }

    pub(super) fn dots_i8(query: &[i8], matrix: &[i8], dots: &mut [i32]) {
        for (row, dot) in matrix.chunks_exact(query.len()).zip(dots) {
            *dot = dot_i8(query, row);
        }
    }

    pub(super) fn dots_i8_at(query: &[i8], matrix: &[i8], positions: &[u32], dots: &mut Vec<i32>) {
        let stride = query.len();
        dots.extend(positions.iter().map(|&position| {
            let start = position as usize * stride;
            matrix.get(start..start + stride).map_or(i32::MIN, |row| dot_i8(query, row))
        }));
    }

    #[allow(dead_code, reason = "x86 has a name of its own")]
    pub(super) fn instructions() -> &'static str {
        "portable"
    }
}

#[cfg(test)]
mod tests;
