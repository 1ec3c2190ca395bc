//! Products of many rows of i8 with many others, by tiles of registers: a number that is loaded takes part in several
//! products at once, and those that are too low are left out before anything is stored.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use super::I8_BLOCK;

/// Rows side by side in a panel: as many as a register of AVX-512 has sums.
const WIDTH: usize = 16;

/// Two rows whose product is high enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Place of the first among the rows asked with.
    pub row: u32,
    /// Place of the second among the rows of the panels.
    pub column: u32,
    /// Their dot product, exact.
    pub dot: i32,
}

/// Four numbers of each of sixteen rows, each number plus 128: what one instruction multiplies.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 4 * WIDTH]);

/// Rows of i8 as [`at_least`](Self::at_least) takes them: sixteen side by side, four numbers at a time.
#[derive(Debug, Clone, Default)]
pub struct Panels {
    /// `[n_panels, stride / 4]`; rows that are missing in the last panel are zeros.
    lines: Vec<Line>,
    n_rows: usize,
    stride: usize,
}

impl Panels {
    /// Takes the rows of `matrix` (`i8 [n_rows, stride]`) in place of what it had.
    ///
    /// # Panics
    /// If `stride` is 0 or no multiple of [`I8_BLOCK`], or `matrix` no whole number of rows.
    pub fn pack(&mut self, matrix: &[i8], stride: usize) {
        assert!(stride.is_multiple_of(I8_BLOCK) && stride > 0, "rows of i8 are padded to blocks");
        assert!(matrix.len().is_multiple_of(stride), "whole rows");
        (self.n_rows, self.stride) = (matrix.len() / stride, stride);
        let depth = stride / 4;
        self.lines.clear();
        self.lines.resize(self.n_rows.div_ceil(WIDTH) * depth, Line([128; 4 * WIDTH]));
        for (row, numbers) in matrix.chunks_exact(stride).enumerate() {
            let (panel, place) = (row / WIDTH, row % WIDTH);
            let lines = &mut self.lines[panel * depth..(panel + 1) * depth];
            for (line, four) in lines.iter_mut().zip(numbers.chunks_exact(4)) {
                for (to, &number) in line.0[4 * place..4 * place + 4].iter_mut().zip(four) {
                    *to = number.cast_unsigned() ^ 0x80;
                }
            }
        }
    }

    /// Adds to `found` every pair of a row of `rows` (`i8 [n, stride]`) and one of these whose dot product is at
    /// least `bar`, in any order.
    ///
    /// # Panics
    /// If `rows` is no whole number of rows of the stride that was packed.
    pub fn at_least(&self, rows: &[i8], bar: i32, found: &mut Vec<Hit>) {
        let n_rows = rows.len().checked_div(self.stride).unwrap_or_default();
        self.at_least_each(rows, &vec![bar; n_rows], found);
    }

    /// As [`at_least`](Self::at_least), with a bar for each row.
    ///
    /// # Panics
    /// If `rows` is no whole number of rows of the stride that was packed, or `bars` not one for each.
    pub fn at_least_each(&self, rows: &[i8], bars: &[i32], found: &mut Vec<Hit>) {
        if self.n_rows == 0 || rows.is_empty() {
            return;
        }
        assert!(
            rows.len() == bars.len() * self.stride,
            "whole rows of the stride that was packed, a bar for each"
        );
        let bars: Vec<Bar> =
            rows.chunks_exact(self.stride).zip(bars).map(|(row, bar)| Bar::new(row, *bar)).collect();
        let area = Area { rows: 0..bars.len(), panels: 0..self.n_panels() };
        let asked = Asked { rows, stride: self.stride, bars: &bars, area };
        #[cfg(target_arch = "x86_64")]
        x86::at_least(self, &asked, found);
        #[cfg(not(target_arch = "x86_64"))]
        portable_at_least(self, &asked, found);
    }

    /// The lines of one panel, `[stride / 4]`.
    fn panel(&self, panel: usize) -> &[Line] {
        let depth = self.stride / 4;
        &self.lines[panel * depth..(panel + 1) * depth]
    }

    fn n_panels(&self) -> usize {
        self.n_rows.div_ceil(WIDTH)
    }
}

/// What the sums of one row are to be compared with.
#[derive(Debug, Clone, Copy)]
struct Bar {
    /// What a sum must reach.
    sum: i32,
    /// What a sum is more than the product: a panel's numbers are 128 too large each, which adds 128 times the sum of
    /// the row's.
    excess: i32,
}

impl Bar {
    fn new(row: &[i8], bar: i32) -> Self {
        let excess: i32 = row.iter().map(|&number| 128 * i32::from(number)).sum();
        // No sum is the largest i32, since 255 · 128 · 65,536 is less: a bar that is cut finds nothing.
        Self { sum: bar.saturating_add(excess), excess }
    }
}

/// Some rows and some panels.
#[derive(Debug, Clone)]
struct Area {
    rows: Range<usize>,
    panels: Range<usize>,
}

/// What is multiplied with panels.
#[derive(Debug, Clone)]
struct Asked<'a> {
    /// `i8 [n_rows, stride]`.
    rows: &'a [i8],
    stride: usize,
    /// `[n_rows]`.
    bars: &'a [Bar],
    /// Which rows, with which panels.
    area: Area,
}

impl<'a> Asked<'a> {
    fn row(&self, row: usize) -> &'a [i8] {
        &self.rows[row * self.stride..(row + 1) * self.stride]
    }

    /// The same rows and bars with another area.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only AMX does a part"))]
    fn of(&self, area: Area) -> Self {
        Self { area, ..self.clone() }
    }
}

/// Adds those sums of one row with one panel that reach their bar.
#[inline]
fn put(
    panels: &Panels,
    (row, panel): (usize, usize),
    (sums, bar): (&[i32; WIDTH], Bar),
    found: &mut Vec<Hit>,
) {
    let n_columns = (panels.n_rows - panel * WIDTH).min(WIDTH);
    for (place, &sum) in sums[..n_columns].iter().enumerate() {
        if sum >= bar.sum {
            let (row, column) = (row as u32, (panel * WIDTH + place) as u32);
            found.push(Hit { row, column, dot: sum - bar.excess });
        }
    }
}

/// The kernel in plain Rust: what the others must equal.
#[cfg_attr(target_arch = "x86_64", allow(dead_code, reason = "for processors without AVX2"))]
fn portable_at_least(panels: &Panels, asked: &Asked<'_>, found: &mut Vec<Hit>) {
    for row in asked.area.rows.clone() {
        for panel in asked.area.panels.clone() {
            let mut sums = [0_i32; WIDTH];
            for (line, four) in panels.panel(panel).iter().zip(asked.row(row).chunks_exact(4)) {
                for (sum, theirs) in sums.iter_mut().zip(line.0.chunks_exact(4)) {
                    let products = theirs.iter().zip(four).map(|(&a, &b)| i32::from(a) * i32::from(b));
                    *sum += products.sum::<i32>();
                }
            }
            put(panels, (row, panel), (&sums, asked.bars[row]), found);
        }
    }
}

#[cfg(test)]
mod tests;
