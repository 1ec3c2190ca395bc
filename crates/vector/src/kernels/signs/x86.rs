//! Look-ups of signs on x86-64 instructions. Callers have checked the shapes.
#![allow(unsafe_code, reason = "SIMD intrinsics; every block says why it is sound")]

use std::arch::x86_64::*;

use super::super::x86::{Level, level};
use super::{FACTORS_LEN, Reach, SIGN_ROWS, SignBlock, SignTable, portable_reaching};

/// Bytes that hold four groups of components of all rows, and of a table the sums of as many groups.
const LINE: usize = 64;

#[inline]
pub(super) fn reaching(table: &SignTable, block: SignBlock<'_>, reach: Reach) -> u32 {
    if has_avx512() {
        // SAFETY: the processor has what the function is compiled for, as was just asked.
        return unsafe { reaching_avx512(table, block, reach) };
    }
    if level() >= Level::Avx2 {
        // SAFETY: `level` has seen that the processor has AVX2 and F16C.
        return unsafe { reaching_avx2(table, block, reach) };
    }
    portable_reaching(table, block, reach)
}

/// Whether the processor looks up 64 bytes in a table of as many.
#[inline]
pub(super) fn has_avx512() -> bool {
    level() == Level::Avx512Vnni && is_x86_feature_detected!("avx512vbmi")
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub(super) fn reaching_avx512(table: &SignTable, block: SignBlock<'_>, reach: Reach) -> u32 {
    let low = _mm512_set1_epi8(0x0F);
    // Byte i of a line belongs to group i mod 4, whose sums lie from 16 (i mod 4) on.
    let group = _mm512_set1_epi32(0x30_20_10_00);
    let ones = _mm512_set1_epi8(1);
    // Twice those of rows 0 to 15 and of the others, so that an addition need not wait for the one before.
    let mut sums = [[_mm512_setzero_si512(); 2]; 2];
    let (signs, factors) = block.0.split_at(block.0.len() - FACTORS_LEN);
    for (signs, numbers) in signs.chunks_exact(2 * LINE).zip(table.sums.chunks_exact(2 * LINE)) {
        for (part, [of_first, of_second]) in sums.iter_mut().enumerate() {
            // SAFETY: both have two lines, and `part` is at most 1.
            let (signs, numbers) = unsafe {
                (
                    _mm512_loadu_si512(signs.as_ptr().add(LINE * part).cast()),
                    _mm512_loadu_si512(numbers.as_ptr().add(LINE * part).cast()),
                )
            };
            // (signs & low) | group
            let first = _mm512_ternarylogic_epi32::<0xEA>(signs, low, group);
            let second = _mm512_ternarylogic_epi32::<0xEA>(_mm512_srli_epi16::<4>(signs), low, group);
            let (first, second) =
                (_mm512_permutexvar_epi8(first, numbers), _mm512_permutexvar_epi8(second, numbers));
            *of_first = _mm512_dpbusd_epi32(*of_first, ones, first);
            *of_second = _mm512_dpbusd_epi32(*of_second, ones, second);
        }
    }
    let mut rows = 0;
    let [[first, second], [more_first, more_second]] = sums;
    let sums = [_mm512_add_epi32(first, more_first), _mm512_add_epi32(second, more_second)];
    for (half, sums) in sums.iter().enumerate() {
        // SAFETY: there are 32 slopes and then 32 offsets of two bytes, and `half` is at most 1.
        let (slopes, offsets) = unsafe {
            let slopes = factors.as_ptr().add(SIGN_ROWS * half);
            (_mm256_loadu_si256(slopes.cast()), _mm256_loadu_si256(slopes.add(2 * SIGN_ROWS).cast()))
        };
        let sums = _mm512_cvtepi32_ps(*sums);
        let sums = _mm512_mul_ps(sums, _mm512_set1_ps(table.unit));
        let sums = _mm512_mul_ps(_mm512_cvtph_ps(slopes), _mm512_add_ps(sums, _mm512_set1_ps(reach.slack)));
        let about = _mm512_add_ps(_mm512_set1_ps(reach.here), _mm512_add_ps(sums, _mm512_cvtph_ps(offsets)));
        let reached = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(about, _mm512_set1_ps(reach.bar));
        rows |= u32::from(reached) << (16 * half);
    }
    rows
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn reaching_avx2(table: &SignTable, block: SignBlock<'_>, reach: Reach) -> u32 {
    let low = _mm256_set1_epi8(0x0F);
    // The highest bit of an index makes a look-up 0: each of four leaves the bytes of one group.
    let of_group = [
        _mm256_set1_epi32(0x80_80_80_00_u32.cast_signed()),
        _mm256_set1_epi32(0x80_80_00_80_u32.cast_signed()),
        _mm256_set1_epi32(0x80_00_80_80_u32.cast_signed()),
        _mm256_set1_epi32(0x00_80_80_80),
    ];
    let (ones, pairs) = (_mm256_set1_epi8(1), _mm256_set1_epi16(1));
    // Of 8 rows each: 0, 8, 16 and 24 are the first of them.
    let mut sums = [_mm256_setzero_si256(); 4];
    let (signs, factors) = block.0.split_at(block.0.len() - FACTORS_LEN);
    for (signs, numbers) in signs.chunks_exact(LINE).zip(table.sums.chunks_exact(LINE)) {
        let mut tables = [_mm256_setzero_si256(); 4];
        for (group, table) in tables.iter_mut().enumerate() {
            // SAFETY: the line has four times 16 numbers.
            let numbers = unsafe { _mm_loadu_si128(numbers.as_ptr().add(16 * group).cast()) };
            *table = _mm256_broadcastsi128_si256(numbers);
        }
        for half in 0..2 {
            // SAFETY: the line has twice 32 bytes.
            let signs = unsafe { _mm256_loadu_si256(signs.as_ptr().add(32 * half).cast()) };
            let first = _mm256_and_si256(signs, low);
            let second = _mm256_and_si256(_mm256_srli_epi16::<4>(signs), low);
            for (number, signs) in [first, second].iter().enumerate() {
                let mut found = _mm256_setzero_si256();
                for (numbers, others) in tables.iter().zip(&of_group) {
                    let of_one = _mm256_shuffle_epi8(*numbers, _mm256_or_si256(*signs, *others));
                    found = _mm256_or_si256(found, of_one);
                }
                let found = _mm256_madd_epi16(_mm256_maddubs_epi16(ones, found), pairs);
                let sum = &mut sums[2 * number + half];
                *sum = _mm256_add_epi32(*sum, found);
            }
        }
    }
    let mut rows = 0;
    for (part, sums) in sums.iter().enumerate() {
        // SAFETY: there are 32 slopes and then 32 offsets of two bytes, and `part` is at most 3.
        let (slopes, offsets) = unsafe {
            let slopes = factors.as_ptr().add(16 * part);
            (_mm_loadu_si128(slopes.cast()), _mm_loadu_si128(slopes.add(2 * SIGN_ROWS).cast()))
        };
        let sums = _mm256_mul_ps(_mm256_cvtepi32_ps(*sums), _mm256_set1_ps(table.unit));
        let sums = _mm256_mul_ps(_mm256_cvtph_ps(slopes), _mm256_add_ps(sums, _mm256_set1_ps(reach.slack)));
        let about = _mm256_add_ps(_mm256_set1_ps(reach.here), _mm256_add_ps(sums, _mm256_cvtph_ps(offsets)));
        let reached = _mm256_cmp_ps::<_CMP_GE_OQ>(about, _mm256_set1_ps(reach.bar));
        rows |= _mm256_movemask_ps(reached).cast_unsigned() << (8 * part);
    }
    rows
}
