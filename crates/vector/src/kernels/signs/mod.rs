//! Which of 32 rows may be close to a query, where one bit of each component is known: whether it is above zero.
//!
//! The bits of 32 rows lie side by side, four components at a time, so that one instruction looks up what four components
//! of many rows add to their sums with the query (FastScan, <https://arxiv.org/abs/1704.07355>): a table has for each four
//! components of the query the sum under each of their sixteen signs.

#[cfg(target_arch = "x86_64")]
mod x86;

use half::f16;

use super::I8_BLOCK;

/// Rows whose bits lie side by side.
pub const SIGN_ROWS: usize = 32;
/// Components of a row whose bits are looked up at once.
const GROUP: usize = 4;
/// Signs that so many components can have.
const N_SIGNS: usize = 1 << GROUP;
/// The largest number that a component of a query becomes: four of them fit an i8.
const LARGEST: f32 = 31.0;
/// Added to a small number, it leaves no bits for a fraction: 1.5 · 2²³.
const ROUNDER: f32 = 12_582_912.0;
/// For each of four components, -1 under the signs that make it count negative, else 0.
const NEGATIVE: [[i8; N_SIGNS]; GROUP] = {
    let mut negative = [[0; N_SIGNS]; GROUP];
    let mut index = 0;
    while index < GROUP * N_SIGNS {
        let (component, signs) = (index / N_SIGNS, index % N_SIGNS);
        negative[component][signs] = (signs >> component & 1) as i8 - 1;
        index += 1;
    }
    negative
};
/// Bytes of two factors for each of the rows.
const FACTORS_LEN: usize = 2 * 2 * SIGN_ROWS;

/// A query as sums of four components each, under all signs that four components can have.
#[derive(Debug, Clone)]
pub struct SignTable {
    /// `i8 [stride / 4, 16]`: bit i of the second index says that component i of the four counts positive.
    sums: Vec<i8>,
    /// What the numbers of `sums` are multiplied with.
    unit: f32,
}

/// What a row must reach.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// Added to what is known of each row.
    pub here: f32,
    /// Added to each row's sum before it is multiplied with the slope.
    pub slack: f32,
    /// What a row must reach.
    pub bar: f32,
}

/// The signs of 32 rows, and two factors of each, as bytes `[4 stride + 128]`: see [`SignTable::reaching`].
#[derive(Debug, Clone, Copy)]
pub struct SignBlock<'a>(&'a [u8]);

/// As [`SignBlock`], to be written.
#[derive(Debug)]
pub struct SignBlockMut<'a>(&'a mut [u8]);

impl<'a> SignBlock<'a> {
    /// Bytes of the block of rows of `stride` components.
    #[must_use]
    pub const fn len_for(stride: usize) -> usize {
        SIGN_ROWS * stride / 8 + FACTORS_LEN
    }

    /// Of its bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bits of four components of one row.
    fn signs(&self, row: usize, group: usize) -> usize {
        let (at, shift) = place_of(row, group);
        usize::from(self.0[at] >> shift) % N_SIGNS
    }

    /// Slope and offset of a row.
    fn factors(&self, row: usize) -> (f32, f32) {
        let factors = &self.0[self.0.len() - FACTORS_LEN..];
        let factor = |at: usize| f16::from_le_bytes([factors[2 * at], factors[2 * at + 1]]).to_f32();
        (factor(row), factor(SIGN_ROWS + row))
    }
}

impl<'a> SignBlockMut<'a> {
    /// Of its bytes `[SignBlock::len_for(stride)]`, which become those of 32 rows that reach nothing.
    ///
    /// # Panics
    /// If there are fewer bytes than a block has.
    #[must_use]
    pub fn cleared(bytes: &'a mut [u8]) -> Self {
        bytes.fill(0);
        let offsets = bytes.len() - FACTORS_LEN / 2;
        for offset in bytes[offsets..].chunks_exact_mut(2) {
            offset.copy_from_slice(&f16::NEG_INFINITY.to_le_bytes());
        }
        Self(bytes)
    }

    /// Sets a row (below [`SIGN_ROWS`], each once): which of its components (`f32 [stride]`) are above zero, its slope and
    /// its offset.
    ///
    /// # Panics
    /// If the block is not of rows of this stride.
    pub fn set(&mut self, row: usize, components: &[f32], (slope, offset): (f16, f16)) {
        assert_eq!(self.0.len(), SignBlock::len_for(components.len()), "a block of rows of this stride");
        for (group, components) in components.chunks_exact(GROUP).enumerate() {
            let (at, shift) = place_of(row, group);
            let bits = components.iter().enumerate().map(|(index, &c)| u8::from(c > 0.0) << index);
            self.0[at] |= bits.fold(0, |all, bit| all | bit) << shift;
        }
        let factors = self.0.len() - FACTORS_LEN;
        for (place, factor) in [(row, slope), (SIGN_ROWS + row, offset)] {
            let at = factors + 2 * place;
            self.0[at..at + 2].copy_from_slice(&factor.to_le_bytes());
        }
    }
}

/// The byte in a block that has the bits of four components of a row, and where in it: 64 bytes have four groups, and each
/// byte those of two rows.
fn place_of(row: usize, group: usize) -> (usize, usize) {
    let (half, place) = (row / (SIGN_ROWS / 2), row % (SIGN_ROWS / 2));
    (group / 4 * (2 * SIGN_ROWS) + 4 * place + group % 4, GROUP * half)
}

impl SignTable {
    /// Of a query, `f32 [stride]`.
    ///
    /// # Panics
    /// If `stride` is not a multiple of [`I8_BLOCK`].
    #[must_use]
    pub fn new(query: &[f32]) -> Self {
        assert!(query.len().is_multiple_of(I8_BLOCK), "rows are padded to blocks");
        let largest = query.iter().fold(0.0_f32, |largest, component| largest.max(component.abs()));
        let unit = (largest / LARGEST).max(f32::MIN_POSITIVE);
        let mut sums = vec![0_i8; query.len() / GROUP * N_SIGNS];
        let inverse = unit.recip();
        for (sums, components) in sums.chunks_exact_mut(N_SIGNS).zip(query.chunks_exact(GROUP)) {
            for (component, negative) in components.iter().zip(&NEGATIVE) {
                // To the nearest whole number, which is then the lowest byte.
                let number = (component * inverse + ROUNDER).to_bits() as i8;
                for (sum, negative) in sums.iter_mut().zip(negative) {
                    *sum += (number ^ negative) - negative;
                }
            }
        }
        Self { sums, unit }
    }

    /// One bit for each of the block's 32 rows: whether `here + slope (sum + slack) + offset` reaches the bar, where `sum`
    /// is about the product of the query and the row's signs, each 1 or -1. The same bits on every processor.
    ///
    /// # Panics
    /// If the block is not of rows of the query's stride.
    #[must_use]
    #[inline]
    pub fn reaching(&self, block: SignBlock<'_>, reach: Reach) -> u32 {
        let stride = self.sums.len() / N_SIGNS * GROUP;
        assert_eq!(block.0.len(), SignBlock::len_for(stride), "a block of rows of this stride");
        #[cfg(target_arch = "x86_64")]
        return x86::reaching(self, block, reach);
        #[cfg(not(target_arch = "x86_64"))]
        portable_reaching(self, block, reach)
    }
}

/// In plain Rust: what the others must equal.
fn portable_reaching(table: &SignTable, block: SignBlock<'_>, reach: Reach) -> u32 {
    let mut rows = 0;
    for row in 0..SIGN_ROWS {
        let groups = table.sums.chunks_exact(N_SIGNS).enumerate();
        let sum: i32 = groups.map(|(group, sums)| i32::from(sums[block.signs(row, group)])).sum();
        let (slope, offset) = block.factors(row);
        let about = reach.here + (slope * (sum as f32 * table.unit + reach.slack) + offset);
        rows |= u32::from(about >= reach.bar) << row;
    }
    rows
}

#[cfg(test)]
mod tests;
