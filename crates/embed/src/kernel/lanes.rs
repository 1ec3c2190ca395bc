//! Sixteen numbers that are computed side by side, and rows made of them.
#![allow(
    unsafe_code,
    reason = "a slice of lanes is viewed as a slice of their numbers; no library is needed for it"
)]

/// How many numbers every path computes side by side, on whatever registers it has. One number for all
/// paths means that sums over a row are taken in the same order on each of them.
pub(crate) const LANES: usize = 16;

/// Sixteen numbers, aligned to a cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lanes<T>(pub(crate) [T; LANES]);

/// A number that fills one element of [`Lanes`].
pub(crate) trait Word: Copy + Send + Sync + 'static {
    /// What padding holds.
    const ZERO: Self;
}

impl Word for f32 {
    const ZERO: Self = 0.0;
}

impl Word for i32 {
    const ZERO: Self = 0;
}

impl<T: Word> Lanes<T> {
    pub(crate) const ZERO: Self = Self([T::ZERO; LANES]);
}

/// The first `n` of a buffer that is used again and again: it only grows, and holds what was last in it.
pub(crate) fn first<T: Copy>(buffer: &mut Vec<T>, n: usize, fill: T) -> &mut [T] {
    if buffer.len() < n {
        buffer.resize(n, fill);
    }
    &mut buffer[..n]
}

/// How many [`Lanes`] hold `n` numbers.
pub(crate) fn lanes_for(n: usize) -> usize {
    n.div_ceil(LANES)
}

/// The numbers of all lanes, in order.
pub(crate) fn flat<T: Word>(lanes: &[Lanes<T>]) -> &[T] {
    // SAFETY: `Lanes<T>` is `repr(C)` with one field `[T; 16]`, and for the 4-byte `Word`s its size is
    // 64 bytes, a multiple of the alignment, so there is no padding: n of them are 16 n adjacent `T`.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len() * LANES) }
}

/// The numbers of all lanes, in order.
pub(crate) fn flat_mut<T: Word>(lanes: &mut [Lanes<T>]) -> &mut [T] {
    // SAFETY: as in `flat`; the borrow is exclusive.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len() * LANES) }
}

const _: () = assert!(size_of::<Lanes<f32>>() == LANES * 4 && size_of::<Lanes<i32>>() == LANES * 4);
