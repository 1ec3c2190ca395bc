//! What every path can do with sixteen numbers at a time.

use super::lanes::Lanes;
use super::tiles::Tiles;

/// A set of instructions. A value of such a type is the proof that this machine has them.
///
/// Each operation means the same on every path, to the bit, with the one exception of
/// [`add_product`](Self::add_product). Everything else in `kernel` is written once over this trait: so int8
/// vectors, in which that one has no part, are the same to the bit on every path.
pub(crate) trait Isa: Copy + Send + Sync + 'static {
    /// `f32 [16]`.
    type F: Copy;
    /// `i32 [16]`.
    type I: Copy;

    /// How many 8-bit numbers [`dot8`](Self::dot8) takes from a 32-bit word: 4, or 2 that are held as 16
    /// bits.
    const GROUP8: usize;
    /// Rows and panels (of 16 columns) that a matrix product computes at once: as many as the registers hold.
    const TILE: Tile;

    /// Runs `stage` as code that may use these instructions.
    fn run<T: Stage>(self, stage: T) -> T::Output;

    /// Registers that take 8-bit products by the thousand, where this path has them; it then has a
    /// [`GROUP8`](Self::GROUP8) of 4.
    #[inline(always)]
    fn tiles(self) -> Option<Tiles> {
        None
    }

    fn splat(self, x: f32) -> Self::F;
    fn load(self, x: &Lanes<f32>) -> Self::F;
    fn store(self, x: Self::F, to: &mut Lanes<f32>);
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a * b + c`, rounded once or twice, whichever is faster: for products in f32.
    #[inline(always)]
    fn add_product(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        self.mul_add(a, b, c)
    }
    /// The smaller; `b` where either is no number.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// The larger; `b` where either is no number.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The sum of each number and that whose place differs from its own in `BIT` (1, 2, 4 or 8), for the
    /// lower of the two places; the difference for the higher one.
    fn butterfly<const BIT: usize>(self, x: Self::F) -> Self::F;
    /// The nearest integers, ties to even; anything for what no `i32` can hold.
    fn round(self, x: Self::F) -> Self::I;
    fn to_f32(self, x: Self::I) -> Self::F;

    fn splat_i(self, x: i32) -> Self::I;
    fn load_i(self, x: &Lanes<i32>) -> Self::I;
    fn store_i(self, x: Self::I, to: &mut Lanes<i32>);
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I;
    fn sub_i(self, a: Self::I, b: Self::I) -> Self::I;
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I;
    fn min_i(self, a: Self::I, b: Self::I) -> Self::I;
    fn max_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// `x * 2^n` for the float `x`, by adding to its exponent; `n` must keep it a normal number.
    fn scale_exponent(self, x: Self::F, n: Self::I) -> Self::F;

    /// Words of two 16-bit numbers.
    fn pair16(self, low: Self::I, high: Self::I) -> Self::I;
    /// Adds to each number of `acc` the dot product of a word of `a`, [`GROUP8`](Self::GROUP8) numbers of 0
    /// to 255, with a word of `b`, as many of -127 to 127. Exact.
    fn dot8(self, acc: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// Adds to each number of `acc` the dot product of two pairs of 16-bit numbers. Exact while `acc` holds
    /// the sum.
    fn dot16(self, acc: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// Stores sixteen numbers of 0 to 255 as words for [`dot8`](Self::dot8), `to [16 / GROUP8]`.
    fn store8(self, x: Self::I, to: &mut [i32]);
    /// Stores sixteen numbers of 16 bits as words for [`dot16`](Self::dot16), `to [8]`.
    fn store16(self, x: Self::I, to: &mut [i32]);
}

/// The shape of what a matrix product computes at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tile {
    /// 32 registers of sixteen numbers.
    Rows6Panels4,
    /// 16 registers of eight.
    Rows6Panels1,
    /// 16 registers of four.
    Rows2Panels1,
}

/// A piece of work written over any [`Isa`].
///
/// `run` and everything that it calls with an `Isa` must be `#[inline(always)]`: only code that ends up
/// inside the function that [`Isa::run`] compiles for these instructions is made of them.
pub(crate) trait Stage {
    type Output;
    fn run<S: Isa>(self, isa: S) -> Self::Output;
}

/// The sum of sixteen numbers: halves are added until one is left.
#[inline(always)]
pub(crate) fn sum<S: Isa>(isa: S, x: S::F) -> f32 {
    fold(isa, x, |a, b| a + b)
}

/// The largest of sixteen numbers.
#[inline(always)]
pub(crate) fn largest<S: Isa>(isa: S, x: S::F) -> f32 {
    fold(isa, x, |a, b| if a > b { a } else { b })
}

/// The smallest of sixteen numbers.
#[inline(always)]
pub(crate) fn smallest<S: Isa>(isa: S, x: S::F) -> f32 {
    fold(isa, x, |a, b| if a < b { a } else { b })
}

#[inline(always)]
fn fold<S: Isa>(isa: S, x: S::F, pick: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = Lanes::ZERO;
    isa.store(x, &mut lanes);
    let mut x = lanes.0;
    let mut half = 8;
    while half > 0 {
        for i in 0..half {
            x[i] = pick(x[i], x[i + half]);
        }
        half /= 2;
    }
    x[0]
}
