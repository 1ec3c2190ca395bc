//! The kernels on x86-64 instructions, and the choice among them; products with panels are in `panels`. Callers have
//! checked the shapes.
#![allow(unsafe_code, reason = "SIMD intrinsics; every block says why it is sound")]

use std::arch::x86_64::*;
use std::sync::atomic::{AtomicU8, Ordering};

use half::f16;

use super::{I8_BLOCK, LANES, portable};

/// What the processor can do, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Level {
    Portable = 1,
    /// AVX2 and F16C.
    Avx2,
    /// With the dot products of 256 bits that came to processors without AVX-512.
    AvxVnni,
    /// AVX-512 F, BW and VNNI.
    Avx512Vnni,
}

/// Rows that are fetched ahead of the one in work, into the second level of the cache: more of them can be on their way
/// there than to the first.
const AHEAD: usize = 16;

static LEVEL: AtomicU8 = AtomicU8::new(0);

#[inline]
pub(super) fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        1 => Level::Portable,
        2 => Level::Avx2,
        3 => Level::AvxVnni,
        4 => Level::Avx512Vnni,
        _ => {
            let level = detect();
            LEVEL.store(level as u8, Ordering::Relaxed);
            level
        }
    }
}

pub(super) fn detect() -> Level {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")) {
        Level::Portable
    } else if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
    {
        Level::Avx512Vnni
    } else if is_x86_feature_detected!("avxvnni") {
        Level::AvxVnni
    } else {
        Level::Avx2
    }
}

/// Every level that this processor has, but for the portable one.
#[cfg(test)]
pub(super) fn levels() -> Vec<Level> {
    let highest = detect();
    let has = |level: &Level| {
        *level <= highest && (*level != Level::AvxVnni || is_x86_feature_detected!("avxvnni"))
    };
    [Level::Avx2, Level::AvxVnni, Level::Avx512Vnni].into_iter().filter(has).collect()
}

pub(super) fn instructions() -> &'static str {
    match level() {
        Level::Portable => "portable",
        Level::Avx2 => "avx2",
        Level::AvxVnni => "avxvnni",
        Level::Avx512Vnni => "avx512vnni",
    }
}

#[inline(always)]
pub(super) fn prefetch<T>(data: &[T], n_lines: usize) {
    let start = data.as_ptr().cast::<i8>();
    let n_lines = n_lines.min(size_of_val(data).div_ceil(64));
    for line in 0..n_lines {
        // SAFETY: the address lies within `data`; a prefetch reads nothing that the program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(64 * line)) };
    }
}

/// Asks the processor to fetch a row into the second level of its cache.
#[inline(always)]
fn fetch_row(row: &[i8]) {
    for line in row.chunks(I8_BLOCK) {
        // SAFETY: the address is that of a slice; a prefetch reads nothing that the program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr()) };
    }
}

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    match level() {
        Level::Portable => portable::dot(a, b),
        // SAFETY: `level` has seen that the processor has AVX2.
        Level::Avx2 | Level::AvxVnni => unsafe { dot_avx2(a, b) },
        // SAFETY: and here AVX-512F.
        Level::Avx512Vnni => unsafe { dot_avx512(a, b) },
    }
}

pub(super) fn dot_f16(query: &[f32], vector: &[f16]) -> (f32, f32) {
    match level() {
        Level::Portable => portable::dot_f16(query, vector),
        // SAFETY: `level` has seen that the processor has AVX2 and F16C.
        Level::Avx2 | Level::AvxVnni => unsafe { dot_f16_avx2(query, vector) },
        // SAFETY: and here AVX-512F.
        Level::Avx512Vnni => unsafe { dot_f16_avx512(query, vector) },
    }
}

pub(super) fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    dot_i8_on(level(), a, b)
}

pub(super) fn dot_i8_on(level: Level, a: &[i8], b: &[i8]) -> i32 {
    match level {
        Level::Portable => portable::dot_i8(a, b),
        // SAFETY: the caller's level comes from `detect`, so the processor has what it names.
        Level::Avx2 => unsafe { avx2::dot(a, b) },
        // SAFETY: as above.
        Level::AvxVnni => unsafe { avx_vnni::dot(a, b) },
        // SAFETY: as above.
        Level::Avx512Vnni => unsafe { avx512_vnni::dot(a, b) },
    }
}

pub(super) fn dots_i8(query: &[i8], matrix: &[i8], dots: &mut [i32]) {
    match level() {
        Level::Portable => portable::dots_i8(query, matrix, dots),
        // SAFETY: `level` has seen that the processor has these instructions, here and below.
        Level::Avx2 => unsafe { avx2::dots(query, matrix, dots) },
        // SAFETY: as above.
        Level::AvxVnni => unsafe { avx_vnni::dots(query, matrix, dots) },
        // SAFETY: as above.
        Level::Avx512Vnni => unsafe { avx512_vnni::dots(query, matrix, dots) },
    }
}

pub(super) fn dots_i8_at(query: &[i8], matrix: &[i8], positions: &[u32], dots: &mut Vec<i32>) {
    match level() {
        Level::Portable => portable::dots_i8_at(query, matrix, positions, dots),
        // SAFETY: `level` has seen that the processor has these instructions, here and below.
        Level::Avx2 => unsafe { avx2::dots_at(query, matrix, positions, dots) },
        // SAFETY: as above.
        Level::AvxVnni => unsafe { avx_vnni::dots_at(query, matrix, positions, dots) },
        // SAFETY: as above.
        Level::Avx512Vnni => unsafe { avx512_vnni::dots_at(query, matrix, positions, dots) },
    }
}

/// Adds the upper half of the lanes to the lower half, until one is left.
#[target_feature(enable = "avx2")]
#[inline]
fn fold_256(sums: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

#[target_feature(enable = "avx512f,avx2")]
#[inline]
fn fold_512(low: __m512, high: __m512) -> f32 {
    let sixteen = _mm512_add_ps(low, high);
    let upper = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(sixteen)));
    fold_256(_mm256_add_ps(_mm512_castps512_ps256(sixteen), upper))
}

#[target_feature(enable = "avx2")]
fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = portable::tail(a_chunks.remainder(), b_chunks.remainder());
    let mut sums = [_mm256_setzero_ps(); 4];
    for (x, y) in a_chunks.zip(b_chunks) {
        for (part, sum) in sums.iter_mut().enumerate() {
            // SAFETY: each chunk has 32 components, and `part` is at most 3, so 8 of them lie at 8 · part.
            let (x, y) = unsafe {
                (_mm256_loadu_ps(x.as_ptr().add(8 * part)), _mm256_loadu_ps(y.as_ptr().add(8 * part)))
            };
            *sum = _mm256_add_ps(*sum, _mm256_mul_ps(x, y));
        }
    }
    fold_four(sums) + tail
}

#[target_feature(enable = "avx2")]
#[inline]
fn fold_four(sums: [__m256; 4]) -> f32 {
    let low = _mm256_add_ps(sums[0], sums[2]);
    let high = _mm256_add_ps(sums[1], sums[3]);
    fold_256(_mm256_add_ps(low, high))
}

#[target_feature(enable = "avx512f,avx2")]
fn dot_avx512(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = portable::tail(a_chunks.remainder(), b_chunks.remainder());
    let mut sums = [_mm512_setzero_ps(); 2];
    for (x, y) in a_chunks.zip(b_chunks) {
        for (part, sum) in sums.iter_mut().enumerate() {
            // SAFETY: each chunk has 32 components, and `part` is at most 1, so 16 of them lie at 16 · part.
            let (x, y) = unsafe {
                (_mm512_loadu_ps(x.as_ptr().add(16 * part)), _mm512_loadu_ps(y.as_ptr().add(16 * part)))
            };
            *sum = _mm512_add_ps(*sum, _mm512_mul_ps(x, y));
        }
    }
    fold_512(sums[0], sums[1]) + tail
}

#[target_feature(enable = "avx2,f16c")]
fn dot_f16_avx2(query: &[f32], vector: &[f16]) -> (f32, f32) {
    let (q_chunks, v_chunks) = (query.chunks_exact(LANES), vector.chunks_exact(LANES));
    let tails = portable::tail_f16(q_chunks.remainder(), v_chunks.remainder());
    let (mut dots, mut squares) = ([_mm256_setzero_ps(); 4], [_mm256_setzero_ps(); 4]);
    for (q, v) in q_chunks.zip(v_chunks) {
        for part in 0..4 {
            // SAFETY: each chunk has 32 components, and `part` is at most 3, so 8 of them lie at 8 · part;
            // `f16` is a transparent `u16`.
            let (q, v) = unsafe {
                (_mm256_loadu_ps(q.as_ptr().add(8 * part)), _mm_loadu_si128(v.as_ptr().add(8 * part).cast()))
            };
            let v = _mm256_cvtph_ps(v);
            dots[part] = _mm256_add_ps(dots[part], _mm256_mul_ps(q, v));
            squares[part] = _mm256_add_ps(squares[part], _mm256_mul_ps(v, v));
        }
    }
    (fold_four(dots) + tails.0, fold_four(squares) + tails.1)
}

#[target_feature(enable = "avx512f,avx2")]
fn dot_f16_avx512(query: &[f32], vector: &[f16]) -> (f32, f32) {
    let (q_chunks, v_chunks) = (query.chunks_exact(LANES), vector.chunks_exact(LANES));
    let tails = portable::tail_f16(q_chunks.remainder(), v_chunks.remainder());
    let (mut dots, mut squares) = ([_mm512_setzero_ps(); 2], [_mm512_setzero_ps(); 2]);
    for (q, v) in q_chunks.zip(v_chunks) {
        for part in 0..2 {
            // SAFETY: each chunk has 32 components, and `part` is at most 1, so 16 of them lie at 16 · part;
            // `f16` is a transparent `u16`.
            let (q, v) = unsafe {
                (
                    _mm512_loadu_ps(q.as_ptr().add(16 * part)),
                    _mm256_loadu_si256(v.as_ptr().add(16 * part).cast()),
                )
            };
            let v = _mm512_cvtph_ps(v);
            dots[part] = _mm512_add_ps(dots[part], _mm512_mul_ps(q, v));
            squares[part] = _mm512_add_ps(squares[part], _mm512_mul_ps(v, v));
        }
    }
    (fold_512(dots[0], dots[1]) + tails.0, fold_512(squares[0], squares[1]) + tails.1)
}

#[inline(always)]
fn is_padded(query: &[i8], row: &[i8]) -> bool {
    query.len() == row.len() && query.len().is_multiple_of(I8_BLOCK)
}

/// The three shapes of i8 products over one way to multiply two rows; `$dot` must be inlined into
/// functions of the same target features.
macro_rules! i8_kernels {
    ($features:literal, $prepare:ident, $row:ident) => {
        #[target_feature(enable = $features)]
        pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
            $row(a, b, $prepare(a))
        }

        #[target_feature(enable = $features)]
        pub(super) fn dots(query: &[i8], matrix: &[i8], dots: &mut [i32]) {
            let prepared = $prepare(query);
            for (row, dot) in matrix.chunks_exact(query.len()).zip(dots) {
                *dot = $row(query, row, prepared);
            }
        }

        #[target_feature(enable = $features)]
        pub(super) fn dots_at(query: &[i8], matrix: &[i8], positions: &[u32], dots: &mut Vec<i32>) {
            let stride = query.len();
            let row = |position: u32| {
                let start = position as usize * stride;
                matrix.get(start..start + stride)
            };
            for &position in positions.iter().take(AHEAD) {
                if let Some(row) = row(position) {
                    fetch_row(row);
                }
            }
            let prepared = $prepare(query);
            for (index, &position) in positions.iter().enumerate() {
                if let Some(row) = positions.get(index + AHEAD).and_then(|&position| row(position)) {
                    fetch_row(row);
                }
                dots.push(match row(position) {
                    Some(row) => $row(query, row, prepared),
                    None => i32::MIN,
                });
            }
        }
    };
}

mod avx512_vnni {
    use super::*;

    /// `vpdpbusd` multiplies unsigned by signed bytes: a row enters as value + 128 (its sign bit
    /// flipped), which adds 128 times the query's sum.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    #[inline]
    fn prepare(query: &[i8]) -> i32 {
        let mut sums = _mm512_setzero_si512();
        for chunk in query.chunks_exact(I8_BLOCK) {
            // SAFETY: the chunk has 64 bytes.
            let q = unsafe { _mm512_loadu_si512(chunk.as_ptr().cast()) };
            sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), q);
        }
        128 * _mm512_reduce_add_epi32(sums)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    #[inline]
    fn row(query: &[i8], row: &[i8], offset: i32) -> i32 {
        debug_assert!(is_padded(query, row));
        let sign = _mm512_set1_epi8(i8::MIN);
        let mut sums = [_mm512_setzero_si512(); 2];
        for (index, (q, r)) in query.chunks_exact(I8_BLOCK).zip(row.chunks_exact(I8_BLOCK)).enumerate() {
            // SAFETY: both chunks have 64 bytes.
            let (q, r) =
                unsafe { (_mm512_loadu_si512(q.as_ptr().cast()), _mm512_loadu_si512(r.as_ptr().cast())) };
            let sum = &mut sums[index % 2];
            *sum = _mm512_dpbusd_epi32(*sum, _mm512_xor_si512(r, sign), q);
        }
        _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1])) - offset
    }

    i8_kernels!("avx512f,avx512bw,avx512vnni", prepare, row);
}

/// The sum of the lanes.
#[target_feature(enable = "avx2")]
#[inline]
fn sum_256(sums: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two)))
}

mod avx_vnni {
    use super::*;

    #[target_feature(enable = "avx2,avxvnni")]
    #[inline]
    fn prepare(query: &[i8]) -> i32 {
        let mut sums = _mm256_setzero_si256();
        for chunk in query.chunks_exact(I8_BLOCK / 2) {
            // SAFETY: the chunk has 32 bytes.
            let q = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
            sums = _mm256_dpbusd_avx_epi32(sums, _mm256_set1_epi8(1), q);
        }
        128 * sum_256(sums)
    }

    #[target_feature(enable = "avx2,avxvnni")]
    #[inline]
    fn row(query: &[i8], row: &[i8], offset: i32) -> i32 {
        debug_assert!(is_padded(query, row));
        let sign = _mm256_set1_epi8(i8::MIN);
        let mut sums = [_mm256_setzero_si256(); 2];
        let chunks = query.chunks_exact(I8_BLOCK / 2).zip(row.chunks_exact(I8_BLOCK / 2));
        for (index, (q, r)) in chunks.enumerate() {
            // SAFETY: both chunks have 32 bytes.
            let (q, r) =
                unsafe { (_mm256_loadu_si256(q.as_ptr().cast()), _mm256_loadu_si256(r.as_ptr().cast())) };
            let sum = &mut sums[index % 2];
            *sum = _mm256_dpbusd_avx_epi32(*sum, _mm256_xor_si256(r, sign), q);
        }
        sum_256(_mm256_add_epi32(sums[0], sums[1])) - offset
    }

    i8_kernels!("avx2,avxvnni", prepare, row);
}

mod avx2 {
    use super::*;

    #[target_feature(enable = "avx2")]
    #[inline]
    fn prepare(_query: &[i8]) -> i32 {
        0
    }

    /// Bytes widened to 16 bits, whose products are added in pairs: exact, while the shorter way over
    /// `vpmaddubsw` saturates.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn row(query: &[i8], row: &[i8], _offset: i32) -> i32 {
        debug_assert!(is_padded(query, row));
        let mut sums = [_mm256_setzero_si256(); 2];
        let chunks = query.chunks_exact(I8_BLOCK / 4).zip(row.chunks_exact(I8_BLOCK / 4));
        for (index, (q, r)) in chunks.enumerate() {
            // SAFETY: both chunks have 16 bytes.
            let (q, r) = unsafe { (_mm_loadu_si128(q.as_ptr().cast()), _mm_loadu_si128(r.as_ptr().cast())) };
            let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(q), _mm256_cvtepi8_epi16(r));
            let sum = &mut sums[index % 2];
            *sum = _mm256_add_epi32(*sum, products);
        }
        sum_256(_mm256_add_epi32(sums[0], sums[1]))
    }

    i8_kernels!("avx2", prepare, row);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every level that this processor has equals the portable kernels, to the bit.
    #[test]
    fn all_levels_agree() {
        let highest = detect();
        let mut state = 1_u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as i8
        };
        for len in [64, 128, 384, 1024] {
            let mut cases: Vec<(Vec<i8>, Vec<i8>)> = (0..20)
                .map(|_| ((0..len).map(|_| next()).collect(), (0..len).map(|_| next()).collect()))
                .collect();
            cases.push((vec![-128; len], vec![-128; len]));
            cases.push((vec![127; len], vec![-128; len]));
            for (a, b) in cases {
                let expected = portable::dot_i8(&a, &b);
                for level in levels() {
                    assert_eq!(dot_i8_on(level, &a, &b), expected, "{level:?} {len}");
                }
            }
        }
        for len in [1, 31, 32, 50, 384, 401] {
            let a: Vec<f32> = (0..len).map(|_| f32::from(next()) / 77.0).collect();
            let b: Vec<f32> = (0..len).map(|_| f32::from(next()) / 177.0).collect();
            let h: Vec<f16> = b.iter().map(|&c| f16::from_f32(c)).collect();
            let (dot, pair) = (portable::dot(&a, &b).to_bits(), portable::dot_f16(&a, &h));
            let bits = |(x, y): (f32, f32)| (x.to_bits(), y.to_bits());
            if highest >= Level::Avx2 {
                // SAFETY: `detect` has seen these features.
                unsafe {
                    assert_eq!(dot_avx2(&a, &b).to_bits(), dot);
                    assert_eq!(bits(dot_f16_avx2(&a, &h)), bits(pair));
                }
            }
            if highest == Level::Avx512Vnni {
                // SAFETY: `detect` has seen these features.
                unsafe {
                    assert_eq!(dot_avx512(&a, &b).to_bits(), dot);
                    assert_eq!(bits(dot_f16_avx512(&a, &h)), bits(pair));
                }
            }
        }
    }
}
