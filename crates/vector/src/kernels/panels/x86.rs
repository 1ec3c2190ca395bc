//! Products with panels on x86-64 instructions. Callers have checked the shapes.
#![allow(unsafe_code, reason = "SIMD intrinsics; every block says why it is sound")]

use std::arch::x86_64::*;

use super::super::x86::{Level, level};
use super::{Area, Asked, Hit, Line, Panels, WIDTH, portable_at_least, put};

pub(super) fn at_least(panels: &Panels, asked: &Asked<'_>, found: &mut Vec<Hit>) {
    #[cfg(target_os = "linux")]
    if let Some(tiles) = super::amx::tiles() {
        // What fills its registers, then the rows that are left over, then the panels that are.
        let (n_rows, n_panels) = tiles.at_least(panels, asked, found);
        let (rows, all) = (n_rows..asked.area.rows.end, asked.area.panels.clone());
        at_least_on(level(), panels, &asked.of(Area { rows, panels: 0..n_panels }), found);
        let rest = Area { rows: asked.area.rows.clone(), panels: n_panels..all.end };
        return at_least_on(level(), panels, &asked.of(rest), found);
    }
    at_least_on(level(), panels, asked, found);
}

pub(super) fn at_least_on(level: Level, panels: &Panels, asked: &Asked<'_>, found: &mut Vec<Hit>) {
    match level {
        Level::Portable => portable_at_least(panels, asked, found),
        // SAFETY: the caller's level comes from `detect`, so the processor has what it names.
        Level::Avx2 => unsafe { avx2::at_least(panels, asked, found) },
        // SAFETY: as above.
        Level::AvxVnni => unsafe { avx_vnni::at_least(panels, asked, found) },
        // SAFETY: as above.
        Level::Avx512Vnni => unsafe { avx512_vnni::at_least(panels, asked, found) },
    }
}

/// All rows with all panels, `$rows` and `$panels` of them at a time, over a function `sums` in the same module that
/// multiplies so many and gives a `Sums` for each pair, of which `reach` says whether any lane reaches a number.
macro_rules! by_tiles {
    ($features:literal, $rows:literal rows, $panels:literal panels) => {
        #[target_feature(enable = $features)]
        pub(super) fn at_least(panels: &Panels, asked: &Asked<'_>, found: &mut Vec<Hit>) {
            let Area { rows, panels: of } = asked.area.clone();
            // Panels stay in the cache nearest to the core while all rows pass by them.
            for panel in of.clone().step_by($panels) {
                for row in rows.clone().step_by($rows) {
                    if rows.end - row >= $rows && of.end - panel >= $panels {
                        tile::<$rows, $panels>(panels, asked, (row, panel), found);
                        continue;
                    }
                    for row in row..rows.end.min(row + $rows) {
                        for panel in panel..of.end.min(panel + $panels) {
                            tile::<1, 1>(panels, asked, (row, panel), found);
                        }
                    }
                }
            }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn tile<const R: usize, const P: usize>(
            panels: &Panels,
            asked: &Asked<'_>,
            (row, panel): (usize, usize),
            found: &mut Vec<Hit>,
        ) {
            let chosen = std::array::from_fn(|r| asked.row(row + r));
            let sums = sums::<R, P>(chosen, std::array::from_fn(|p| panels.panel(panel + p)));
            for r in 0..R {
                let bar = asked.bars[row + r];
                for p in 0..P {
                    if reach(sums[r][p], bar.sum) {
                        put(panels, (row + r, panel + p), (&lanes(sums[r][p]), bar), found);
                    }
                }
            }
        }
    };
}

/// Four numbers of a row, as a word.
///
/// # Safety
/// `row` has at least `4 * step + 4` numbers.
#[inline(always)]
unsafe fn word(row: &[i8], step: usize) -> i32 {
    // SAFETY: the caller's; a word may begin anywhere.
    unsafe { row.as_ptr().add(4 * step).cast::<i32>().read_unaligned() }
}

/// The length of every panel, which every row has four times.
#[inline(always)]
fn checked_depth(rows: &[&[i8]], panels: &[&[Line]]) -> usize {
    let depth = panels[0].len();
    assert!(rows.iter().all(|row| row.len() == 4 * depth) && panels.iter().all(|panel| panel.len() == depth));
    depth
}

mod avx512_vnni {
    use super::*;

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    #[inline]
    fn sums<const R: usize, const P: usize>(rows: [&[i8]; R], panels: [&[Line]; P]) -> [[__m512i; P]; R] {
        let mut sums = [[_mm512_setzero_si512(); P]; R];
        for step in 0..checked_depth(&rows, &panels) {
            // SAFETY: `step` is less than the length of every panel, whose lines are aligned registers, and every row
            // has four numbers for each line.
            unsafe {
                let lines: [__m512i; P] =
                    std::array::from_fn(|p| _mm512_load_si512(panels[p].as_ptr().add(step).cast()));
                for r in 0..R {
                    let four = _mm512_set1_epi32(word(rows[r], step));
                    for p in 0..P {
                        sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], lines[p], four);
                    }
                }
            }
        }
        sums
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn reach(sums: __m512i, bar: i32) -> bool {
        _mm512_cmpge_epi32_mask(sums, _mm512_set1_epi32(bar)) != 0
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn lanes(sums: __m512i) -> [i32; WIDTH] {
        let mut lanes = [0; WIDTH];
        // SAFETY: there are sixteen words.
        unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), sums) };
        lanes
    }

    by_tiles!("avx512f,avx512bw,avx512vnni", 6 rows, 4 panels);
}

/// Both halves of a panel's sums.
type Halves = [__m256i; 2];

#[target_feature(enable = "avx2")]
#[inline]
fn reach(sums: Halves, bar: i32) -> bool {
    // There is no "at least"; the bar is above the smallest i32 but where everything reaches it.
    let Some(below) = bar.checked_sub(1) else { return true };
    let below = _mm256_set1_epi32(below);
    let above = _mm256_or_si256(_mm256_cmpgt_epi32(sums[0], below), _mm256_cmpgt_epi32(sums[1], below));
    _mm256_testz_si256(above, above) == 0
}

#[target_feature(enable = "avx2")]
#[inline]
fn lanes(sums: Halves) -> [i32; WIDTH] {
    let mut lanes = [0_i32; WIDTH];
    for (half, to) in sums.into_iter().zip(lanes.chunks_exact_mut(WIDTH / 2)) {
        // SAFETY: there are eight words.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), half) };
    }
    lanes
}

/// Both halves of a line.
///
/// # Safety
/// `panel` has more than `step` lines.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn halves(panel: &[Line], step: usize) -> Halves {
    // SAFETY: the caller's; a line is two aligned registers.
    unsafe {
        let line = panel.as_ptr().add(step).cast::<__m256i>();
        [_mm256_load_si256(line), _mm256_load_si256(line.add(1))]
    }
}

mod avx_vnni {
    use super::*;

    #[target_feature(enable = "avx2,avxvnni")]
    #[inline]
    fn sums<const R: usize, const P: usize>(rows: [&[i8]; R], panels: [&[Line]; P]) -> [[Halves; P]; R] {
        let mut sums = [[[_mm256_setzero_si256(); 2]; P]; R];
        for step in 0..checked_depth(&rows, &panels) {
            for p in 0..P {
                // SAFETY: `step` is less than the length of every panel.
                let line = unsafe { halves(panels[p], step) };
                for r in 0..R {
                    // SAFETY: every row has four numbers for each line.
                    let four = _mm256_set1_epi32(unsafe { word(rows[r], step) });
                    for half in 0..2 {
                        sums[r][p][half] = _mm256_dpbusd_avx_epi32(sums[r][p][half], line[half], four);
                    }
                }
            }
        }
        sums
    }

    by_tiles!("avx2,avxvnni", 6 rows, 1 panels);
}

mod avx2 {
    use super::*;

    /// Bytes widened to 16 bits, the first and third of each four, then the second and fourth, whose products are added
    /// in pairs: exact, while the shorter way over `vpmaddubsw` saturates.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn sums<const R: usize, const P: usize>(rows: [&[i8]; R], panels: [&[Line]; P]) -> [[Halves; P]; R] {
        let mut sums = [[[_mm256_setzero_si256(); 2]; P]; R];
        let low = _mm256_set1_epi16(0xff);
        for step in 0..checked_depth(&rows, &panels) {
            for p in 0..P {
                // SAFETY: `step` is less than the length of every panel.
                let line = unsafe { halves(panels[p], step) };
                let even = [_mm256_and_si256(line[0], low), _mm256_and_si256(line[1], low)];
                let odd = [_mm256_srli_epi16::<8>(line[0]), _mm256_srli_epi16::<8>(line[1])];
                for r in 0..R {
                    // SAFETY: every row has four numbers for each line.
                    let four = _mm256_set1_epi32(unsafe { word(rows[r], step) });
                    let evens = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(four));
                    let odds = _mm256_srai_epi16::<8>(four);
                    for half in 0..2 {
                        let products = _mm256_add_epi32(
                            _mm256_madd_epi16(even[half], evens),
                            _mm256_madd_epi16(odd[half], odds),
                        );
                        sums[r][p][half] = _mm256_add_epi32(sums[r][p][half], products);
                    }
                }
            }
        }
        sums
    }

    by_tiles!("avx2", 3 rows, 1 panels);
}
