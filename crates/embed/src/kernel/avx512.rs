//! AVX-512 with VNNI, and with AMX where a machine has it: sixteen numbers are one register.
#![allow(unsafe_code, reason = "SIMD intrinsics")]

use std::arch::asm;
use std::arch::x86_64::*;

use super::isa::{Isa, Stage, Tile};
use super::lanes::Lanes;
use super::tiles::Tiles;

/// Proof that this machine has AVX-512 F, BW, DQ, VL and VNNI; `Tiles` in place of `()`, that it has AMX too.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<T>(T);

impl Avx512<Tiles> {
    pub(crate) fn detect_with_tiles() -> Option<Self> {
        Avx512::detect()?;
        Tiles::detect().map(Self)
    }
}

impl Avx512<()> {
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn run<M: MayHaveTiles, T: Stage>(isa: Avx512<M>, stage: T) -> T::Output {
    stage.run(isa)
}

/// The intrinsic becomes two instructions, `vpmaddwd` and `vpaddd`, where the compiler takes that to be sooner
/// done; here it is not.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn dot16(mut acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: the instruction exists where this function may be called, and touches no memory.
    unsafe {
        asm!("vpdpwssd {}, {}, {}", inout(zmm_reg) acc, in(zmm_reg) a, in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags));
    }
    acc
}

/// `Tiles` or `()`.
pub(crate) trait MayHaveTiles: Copy + Send + Sync + 'static {
    fn tiles(self) -> Option<Tiles>;
}

impl MayHaveTiles for Tiles {
    #[inline(always)]
    fn tiles(self) -> Option<Tiles> {
        Some(self)
    }
}

impl MayHaveTiles for () {
    #[inline(always)]
    fn tiles(self) -> Option<Tiles> {
        None
    }
}

// SAFETY of every block below: the instructions exist, since `self` does; the intrinsics touch no memory
// other than the references, which are aligned and as long as what is loaded or stored.
impl<M: MayHaveTiles> Isa for Avx512<M> {
    type F = __m512;
    type I = __m512i;

    const GROUP8: usize = 4;
    const TILE: Tile = Tile::Rows6Panels4;

    #[inline(always)]
    fn run<T: Stage>(self, stage: T) -> T::Output {
        unsafe { run(self, stage) }
    }

    #[inline(always)]
    fn tiles(self) -> Option<Tiles> {
        self.0.tiles()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, x: &Lanes<f32>) -> __m512 {
        unsafe { _mm512_load_ps(x.0.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, x: __m512, to: &mut Lanes<f32>) {
        unsafe { _mm512_store_ps(to.0.as_mut_ptr(), x) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn butterfly<const BIT: usize>(self, x: __m512) -> __m512 {
        // The higher of each two places.
        let higher = match BIT {
            1 => 0xaaaa,
            2 => 0xcccc,
            4 => 0xf0f0,
            _ => 0xff00,
        };
        unsafe {
            let other = match BIT {
                1 => _mm512_permute_ps::<0b10_11_00_01>(x),
                2 => _mm512_permute_ps::<0b01_00_11_10>(x),
                4 => _mm512_shuffle_f32x4::<0b10_11_00_01>(x, x),
                _ => _mm512_shuffle_f32x4::<0b01_00_11_10>(x, x),
            };
            _mm512_mask_sub_ps(_mm512_add_ps(other, x), higher, other, x)
        }
    }

    #[inline(always)]
    fn round(self, x: __m512) -> __m512i {
        // The rounding mode is never changed in Rust: to nearest, ties to even.
        unsafe { _mm512_cvtps_epi32(x) }
    }

    #[inline(always)]
    fn to_f32(self, x: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(x) }
    }

    #[inline(always)]
    fn splat_i(self, x: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(x) }
    }

    #[inline(always)]
    fn load_i(self, x: &Lanes<i32>) -> __m512i {
        unsafe { _mm512_load_si512(x.0.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_i(self, x: __m512i, to: &mut Lanes<i32>) {
        unsafe { _mm512_store_si512(to.0.as_mut_ptr().cast(), x) }
    }

    #[inline(always)]
    fn add_i(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    fn sub_i(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_sub_epi32(a, b) }
    }

    #[inline(always)]
    fn mul_i(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_mullo_epi32(a, b) }
    }

    #[inline(always)]
    fn min_i(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_min_epi32(a, b) }
    }

    #[inline(always)]
    fn max_i(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_max_epi32(a, b) }
    }

    #[inline(always)]
    fn scale_exponent(self, x: __m512, n: __m512i) -> __m512 {
        unsafe { _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), _mm512_slli_epi32::<23>(n))) }
    }

    #[inline(always)]
    fn pair16(self, low: __m512i, high: __m512i) -> __m512i {
        unsafe { _mm512_mask_blend_epi16(0xaaaa_aaaa, low, _mm512_slli_epi32::<16>(high)) }
    }

    #[inline(always)]
    fn dot8(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(acc, a, b) }
    }

    #[inline(always)]
    fn dot16(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe { dot16(acc, a, b) }
    }

    #[inline(always)]
    fn store8(self, x: __m512i, to: &mut [i32]) {
        let to: &mut [i32; 4] = to.try_into().expect("16 numbers of 8 bits are 4 words");
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(x)) }
    }

    #[inline(always)]
    fn store16(self, x: __m512i, to: &mut [i32]) {
        let to: &mut [i32; 8] = to.try_into().expect("16 numbers of 16 bits are 8 words");
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(x)) }
    }
}
