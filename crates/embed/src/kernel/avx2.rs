//! AVX2 with FMA, and with AVX-VNNI where a machine has it: sixteen numbers are two registers.
#![allow(unsafe_code, reason = "SIMD intrinsics")]

use std::arch::x86_64::*;

use super::isa::{Isa, Stage, Tile};
use super::lanes::Lanes;

/// Proof that this machine has AVX2 and FMA; with `VNNI`, that it has AVX-VNNI too.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<const VNNI: bool>(());

impl<const VNNI: bool> Avx2<VNNI> {
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && (!VNNI || is_x86_feature_detected!("avxvnni"));
        found.then_some(Self(()))
    }
}

#[target_feature(enable = "avx2,fma")]
fn run<T: Stage>(isa: Avx2<false>, stage: T) -> T::Output {
    stage.run(isa)
}

#[target_feature(enable = "avx2,fma,avxvnni")]
fn run_vnni<T: Stage>(isa: Avx2<true>, stage: T) -> T::Output {
    stage.run(isa)
}

/// Both halves of sixteen numbers through an intrinsic for eight.
macro_rules! halves {
    ($f:ident $(::<$n:literal>)?, $($x:expr),+) => {
        // SAFETY: the instructions exist, since `self` does; these touch no memory.
        unsafe { [$f $(::<$n>)? ($($x[0]),+), $f $(::<$n>)? ($($x[1]),+)] }
    };
}

/// Every operation but `run` and `dot8`, which differ.
macro_rules! common {
    () => {
        type F = [__m256; 2];
        type I = [__m256i; 2];

        const TILE: Tile = Tile::Rows6Panels1;

        #[inline(always)]
        fn splat(self, x: f32) -> [__m256; 2] {
            // SAFETY: as in `halves`.
            unsafe { [_mm256_set1_ps(x); 2] }
        }

        #[inline(always)]
        fn load(self, x: &Lanes<f32>) -> [__m256; 2] {
            // SAFETY: as in `halves`; the reference holds 16 aligned numbers.
            unsafe { [_mm256_load_ps(x.0.as_ptr()), _mm256_load_ps(x.0[8..].as_ptr())] }
        }

        #[inline(always)]
        fn store(self, x: [__m256; 2], to: &mut Lanes<f32>) {
            // SAFETY: as in `load`.
            unsafe {
                _mm256_store_ps(to.0.as_mut_ptr(), x[0]);
                _mm256_store_ps(to.0[8..].as_mut_ptr(), x[1]);
            }
        }

        #[inline(always)]
        fn add(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            halves!(_mm256_add_ps, a, b)
        }

        #[inline(always)]
        fn sub(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            halves!(_mm256_sub_ps, a, b)
        }

        #[inline(always)]
        fn mul(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            halves!(_mm256_mul_ps, a, b)
        }

        #[inline(always)]
        fn div(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            halves!(_mm256_div_ps, a, b)
        }

        #[inline(always)]
        fn mul_add(self, a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
            halves!(_mm256_fmadd_ps, a, b, c)
        }

        #[inline(always)]
        fn min(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            halves!(_mm256_min_ps, a, b)
        }

        #[inline(always)]
        fn max(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            halves!(_mm256_max_ps, a, b)
        }

        #[inline(always)]
        fn butterfly<const BIT: usize>(self, x: [__m256; 2]) -> [__m256; 2] {
            if BIT == 8 {
                // SAFETY: as in `halves`.
                return unsafe { [_mm256_add_ps(x[0], x[1]), _mm256_sub_ps(x[0], x[1])] };
            }
            let other = match BIT {
                1 => halves!(_mm256_permute_ps::<0b10_11_00_01>, x),
                2 => halves!(_mm256_permute_ps::<0b01_00_11_10>, x),
                _ => halves!(_mm256_permute2f128_ps::<1>, x, x),
            };
            let sum = halves!(_mm256_add_ps, other, x);
            let difference = halves!(_mm256_sub_ps, other, x);
            // The difference for the higher of each two places.
            match BIT {
                1 => halves!(_mm256_blend_ps::<0b1010_1010>, sum, difference),
                2 => halves!(_mm256_blend_ps::<0b1100_1100>, sum, difference),
                _ => halves!(_mm256_blend_ps::<0b1111_0000>, sum, difference),
            }
        }

        #[inline(always)]
        fn round(self, x: [__m256; 2]) -> [__m256i; 2] {
            // The rounding mode is never changed in Rust: to nearest, ties to even.
            halves!(_mm256_cvtps_epi32, x)
        }

        #[inline(always)]
        fn to_f32(self, x: [__m256i; 2]) -> [__m256; 2] {
            halves!(_mm256_cvtepi32_ps, x)
        }

        #[inline(always)]
        fn splat_i(self, x: i32) -> [__m256i; 2] {
            // SAFETY: as in `halves`.
            unsafe { [_mm256_set1_epi32(x); 2] }
        }

        #[inline(always)]
        fn load_i(self, x: &Lanes<i32>) -> [__m256i; 2] {
            // SAFETY: as in `load`.
            unsafe { [_mm256_load_si256(x.0.as_ptr().cast()), _mm256_load_si256(x.0[8..].as_ptr().cast())] }
        }

        #[inline(always)]
        fn store_i(self, x: [__m256i; 2], to: &mut Lanes<i32>) {
            // SAFETY: as in `load`.
            unsafe {
                _mm256_store_si256(to.0.as_mut_ptr().cast(), x[0]);
                _mm256_store_si256(to.0[8..].as_mut_ptr().cast(), x[1]);
            }
        }

        #[inline(always)]
        fn add_i(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
            halves!(_mm256_add_epi32, a, b)
        }

        #[inline(always)]
        fn sub_i(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
            halves!(_mm256_sub_epi32, a, b)
        }

        #[inline(always)]
        fn mul_i(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
            halves!(_mm256_mullo_epi32, a, b)
        }

        #[inline(always)]
        fn min_i(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
            halves!(_mm256_min_epi32, a, b)
        }

        #[inline(always)]
        fn max_i(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
            halves!(_mm256_max_epi32, a, b)
        }

        #[inline(always)]
        fn scale_exponent(self, x: [__m256; 2], n: [__m256i; 2]) -> [__m256; 2] {
            let n = halves!(_mm256_slli_epi32::<23>, n);
            let x = halves!(_mm256_castps_si256, x);
            let x = halves!(_mm256_add_epi32, x, n);
            halves!(_mm256_castsi256_ps, x)
        }

        #[inline(always)]
        fn pair16(self, low: [__m256i; 2], high: [__m256i; 2]) -> [__m256i; 2] {
            let high = halves!(_mm256_slli_epi32::<16>, high);
            halves!(_mm256_blend_epi16::<0b1010_1010>, low, high)
        }

        #[inline(always)]
        fn dot16(self, acc: [__m256i; 2], a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
            let products = halves!(_mm256_madd_epi16, a, b);
            halves!(_mm256_add_epi32, acc, products)
        }

        #[inline(always)]
        fn store16(self, x: [__m256i; 2], to: &mut [i32]) {
            let to: &mut [i32; 8] = to.try_into().expect("16 numbers of 16 bits are 8 words");
            // SAFETY: as in `halves`; `to` is 32 bytes. The numbers fit, so that saturating changes none.
            unsafe {
                let packed = _mm256_packs_epi32(x[0], x[1]);
                _mm256_storeu_si256(
                    to.as_mut_ptr().cast(),
                    _mm256_permute4x64_epi64::<0b11_01_10_00>(packed),
                );
            }
        }
    };
}

impl Isa for Avx2<false> {
    common!();

    // `vpmaddubsw` would take 8-bit numbers, but saturates its sums of two; 16-bit ones are exact, at twice
    // the memory for weights.
    const GROUP8: usize = 2;

    #[inline(always)]
    fn run<T: Stage>(self, stage: T) -> T::Output {
        // SAFETY: the instructions exist, since `self` does.
        unsafe { run(self, stage) }
    }

    #[inline(always)]
    fn dot8(self, acc: [__m256i; 2], a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        self.dot16(acc, a, b)
    }

    #[inline(always)]
    fn store8(self, x: [__m256i; 2], to: &mut [i32]) {
        self.store16(x, to);
    }
}

impl Isa for Avx2<true> {
    common!();

    const GROUP8: usize = 4;

    #[inline(always)]
    fn run<T: Stage>(self, stage: T) -> T::Output {
        // SAFETY: the instructions exist, since `self` does.
        unsafe { run_vnni(self, stage) }
    }

    #[inline(always)]
    fn dot8(self, acc: [__m256i; 2], a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        halves!(_mm256_dpbusd_avx_epi32, acc, a, b)
    }

    #[inline(always)]
    fn store8(self, x: [__m256i; 2], to: &mut [i32]) {
        let to: &mut [i32; 4] = to.try_into().expect("16 numbers of 8 bits are 4 words");
        // SAFETY: as in `halves`; `to` is 16 bytes. The numbers fit, so that saturating changes none.
        unsafe {
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(x[0], x[1]));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
        }
    }
}
