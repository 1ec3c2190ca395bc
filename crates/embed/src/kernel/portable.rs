//! Plain Rust, in loops of sixteen that the compiler turns into whatever the target has: SSE2, NEON.

use super::isa::{Isa, Stage, Tile};
use super::lanes::{LANES, Lanes};

/// Needs nothing.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// `f` for each of sixteen.
macro_rules! each {
    ($i:ident => $x:expr) => {{
        let mut out = [Default::default(); LANES];
        for $i in 0..LANES {
            out[$i] = $x;
        }
        out
    }};
}

/// The low and the high 16 bits of a word.
#[inline(always)]
fn pair(word: i32) -> [i32; 2] {
    [i32::from(word as i16), word >> 16]
}

/// Whether every machine of the target has a fused multiply-add.
const HAS_FMA: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

/// `a * b + c`, rounded once, on a machine that has no such instruction; `f32::mul_add` would call the C
/// library for each number.
#[inline(always)]
fn fused(a: f32, b: f32, c: f32) -> f32 {
    // The product is exact in f64. Its sum with c is not: where it was rounded to an even number, the odd
    // neighbour on the exact sum's side takes its place ("round to odd"), and then rounding again to f32
    // gives what rounding the exact sum would (Boldo and Melquiond, "Emulation of a FMA", 2008).
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    let part = sum - product;
    let error = (product - (sum - part)) + (c - part);
    let is_even = (sum.to_bits() & 1) ^ 1;
    let away = i64::from((error > 0.0) == (sum > 0.0)) * 2 - 1;
    let rounded = i64::from(error.abs() > 0.0) * is_even as i64;
    f64::from_bits(sum.to_bits().wrapping_add_signed(away * rounded)) as f32
}

impl Isa for Portable {
    type F = [f32; LANES];
    type I = [i32; LANES];

    // Pairs of 16 bits are what SSE2 (`pmaddwd`) and NEON (`smlal`) multiply.
    const GROUP8: usize = 2;
    const TILE: Tile = Tile::Rows2Panels1;

    #[inline(always)]
    fn run<T: Stage>(self, stage: T) -> T::Output {
        stage.run(self)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [x; LANES]
    }

    #[inline(always)]
    fn load(self, x: &Lanes<f32>) -> Self::F {
        x.0
    }

    #[inline(always)]
    fn store(self, x: Self::F, to: &mut Lanes<f32>) {
        to.0 = x;
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        each!(i => a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        each!(i => a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        each!(i => a[i] * b[i])
    }

    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        each!(i => a[i] / b[i])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        if HAS_FMA { each!(i => a[i].mul_add(b[i], c[i])) } else { each!(i => fused(a[i], b[i], c[i])) }
    }

    #[inline(always)]
    fn add_product(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        if HAS_FMA { self.mul_add(a, b, c) } else { each!(i => a[i] * b[i] + c[i]) }
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        each!(i => if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        each!(i => if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn butterfly<const BIT: usize>(self, x: Self::F) -> Self::F {
        each!(i => if i & BIT == 0 { x[i] + x[i ^ BIT] } else { x[i ^ BIT] - x[i] })
    }

    #[inline(always)]
    fn round(self, x: Self::F) -> Self::I {
        // Adding 1.5 * 2^23 leaves no room for a fraction, so the addition rounds, and the integer is in
        // the low bits: exact below 2^22, which everything that is rounded here is. Needs no SSE4.1.
        const SHIFT: f32 = 12_582_912.0;
        each!(i => ((x[i] + SHIFT).to_bits() as i32).wrapping_sub(SHIFT.to_bits() as i32))
    }

    #[inline(always)]
    fn to_f32(self, x: Self::I) -> Self::F {
        each!(i => x[i] as f32)
    }

    #[inline(always)]
    fn splat_i(self, x: i32) -> Self::I {
        [x; LANES]
    }

    #[inline(always)]
    fn load_i(self, x: &Lanes<i32>) -> Self::I {
        x.0
    }

    #[inline(always)]
    fn store_i(self, x: Self::I, to: &mut Lanes<i32>) {
        to.0 = x;
    }

    #[inline(always)]
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I {
        each!(i => a[i].wrapping_add(b[i]))
    }

    #[inline(always)]
    fn sub_i(self, a: Self::I, b: Self::I) -> Self::I {
        each!(i => a[i].wrapping_sub(b[i]))
    }

    #[inline(always)]
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I {
        each!(i => a[i].wrapping_mul(b[i]))
    }

    #[inline(always)]
    fn min_i(self, a: Self::I, b: Self::I) -> Self::I {
        each!(i => if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn max_i(self, a: Self::I, b: Self::I) -> Self::I {
        each!(i => if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn scale_exponent(self, x: Self::F, n: Self::I) -> Self::F {
        each!(i => f32::from_bits((x[i].to_bits() as i32).wrapping_add(n[i] << 23) as u32))
    }

    #[inline(always)]
    fn pair16(self, low: Self::I, high: Self::I) -> Self::I {
        each!(i => (low[i] & 0xffff) | (high[i] << 16))
    }

    #[inline(always)]
    fn dot8(self, acc: Self::I, a: Self::I, b: Self::I) -> Self::I {
        self.dot16(acc, a, b)
    }

    #[inline(always)]
    fn dot16(self, acc: Self::I, a: Self::I, b: Self::I) -> Self::I {
        let mut out = acc;
        for i in 0..LANES {
            let ([a0, a1], [b0, b1]) = (pair(a[i]), pair(b[i]));
            out[i] = out[i].wrapping_add(a0 * b0 + a1 * b1);
        }
        out
    }

    #[inline(always)]
    fn store8(self, x: Self::I, to: &mut [i32]) {
        self.store16(x, to);
    }

    #[inline(always)]
    fn store16(self, x: Self::I, to: &mut [i32]) {
        assert_eq!(to.len(), 8);
        for i in 0..8 {
            to[i] = (x[2 * i] & 0xffff) | (x[2 * i + 1] << 16);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fused;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn fused_is_mul_add(a in any::<u32>(), b in any::<u32>(), c in any::<u32>(), near in any::<bool>()) {
            let [a, b] = [a, b].map(f32::from_bits);
            // A sum that nearly cancels is the harder case.
            let c = if near { -a * b * (1.0 + (c % 9) as f32 * f32::EPSILON) } else { f32::from_bits(c) };
            let expected = a.mul_add(b, c);
            if expected.is_finite() {
                prop_assert_eq!(fused(a, b, c).to_bits(), expected.to_bits(), "{} {} {}", a, b, c);
            }
        }
    }
}
