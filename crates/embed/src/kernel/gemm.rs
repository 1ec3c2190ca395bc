//! Matrix products: one loop for f32, 8-bit and 16-bit numbers.
//!
//! All three are products of 32-bit words: a word of a row is multiplied with sixteen words, one of each
//! of sixteen columns, and added to sixteen sums. A word is one f32, or as many 8-bit or 16-bit numbers as
//! the path's dot product takes. The right side is kept in panels of sixteen columns, `[depth][16]` words
//! each, so that it is read straight through. Each sum is taken over the depth in order, by itself:
//! neither the tile that it is computed in nor the other rows change it.
#![allow(unsafe_code, reason = "bounds checks in the innermost loop spill its registers")]

use super::isa::{Isa, Tile};
use super::lanes::{Lanes, Word};
use super::tiles;

/// How words are multiplied.
pub(crate) trait Product: Copy {
    type Word: Word;
    type Sums<S: Isa>: Copy;

    fn zero<S: Isa>(isa: S) -> Self::Sums<S>;
    fn splat<S: Isa>(isa: S, word: Self::Word) -> Self::Sums<S>;
    fn load<S: Isa>(isa: S, words: &Lanes<Self::Word>) -> Self::Sums<S>;
    fn store<S: Isa>(isa: S, sums: Self::Sums<S>, to: &mut Lanes<Self::Word>);
    fn add_product<S: Isa>(isa: S, sums: Self::Sums<S>, a: Self::Sums<S>, b: Self::Sums<S>) -> Self::Sums<S>;
}

/// f32 with f32.
#[derive(Clone, Copy)]
pub(crate) struct Float;

impl Product for Float {
    type Word = f32;
    type Sums<S: Isa> = S::F;

    #[inline(always)]
    fn zero<S: Isa>(isa: S) -> S::F {
        isa.splat(0.0)
    }

    #[inline(always)]
    fn splat<S: Isa>(isa: S, word: f32) -> S::F {
        isa.splat(word)
    }

    #[inline(always)]
    fn load<S: Isa>(isa: S, words: &Lanes<f32>) -> S::F {
        isa.load(words)
    }

    #[inline(always)]
    fn store<S: Isa>(isa: S, sums: S::F, to: &mut Lanes<f32>) {
        isa.store(sums, to);
    }

    #[inline(always)]
    fn add_product<S: Isa>(isa: S, sums: S::F, a: S::F, b: S::F) -> S::F {
        isa.add_product(a, b, sums)
    }
}

/// Unsigned 8-bit numbers on the left, signed ones on the right.
#[derive(Clone, Copy)]
pub(crate) struct Int8;

/// Signed 16-bit numbers on both sides.
#[derive(Clone, Copy)]
pub(crate) struct Int16;

macro_rules! integer_product {
    ($product:ty, $dot:ident) => {
        impl Product for $product {
            type Word = i32;
            type Sums<S: Isa> = S::I;

            #[inline(always)]
            fn zero<S: Isa>(isa: S) -> S::I {
                isa.splat_i(0)
            }

            #[inline(always)]
            fn splat<S: Isa>(isa: S, word: i32) -> S::I {
                isa.splat_i(word)
            }

            #[inline(always)]
            fn load<S: Isa>(isa: S, words: &Lanes<i32>) -> S::I {
                isa.load_i(words)
            }

            #[inline(always)]
            fn store<S: Isa>(isa: S, sums: S::I, to: &mut Lanes<i32>) {
                isa.store_i(sums, to);
            }

            #[inline(always)]
            fn add_product<S: Isa>(isa: S, sums: S::I, a: S::I, b: S::I) -> S::I {
                isa.$dot(sums, a, b)
            }
        }
    };
}

integer_product!(Int8, dot8);
integer_product!(Int16, dot16);

/// The left side: rows of words.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, W> {
    /// Row i starts at `i * stride`; there may be more than `n_rows`.
    pub(crate) words: &'a [W],
    pub(crate) stride: usize,
    pub(crate) n_rows: usize,
}

impl<'a, W: Word> Rows<'a, W> {
    /// The rows from `start` on.
    #[inline(always)]
    pub(super) fn from(&self, start: usize) -> Self {
        Self { words: &self.words[start * self.stride..], n_rows: self.n_rows - start, ..*self }
    }

    #[inline(always)]
    fn row(&self, row: usize, depth: usize) -> &'a [W] {
        &self.words[row * self.stride..][..depth]
    }
}

/// The right side: panel p is `words[p * depth..][..depth]`.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a, W> {
    pub(crate) words: &'a [Lanes<W>],
    pub(crate) depth: usize,
}

impl<'a, W> Panels<'a, W> {
    #[inline(always)]
    pub(super) fn panel(&self, panel: usize) -> &'a [Lanes<W>] {
        &self.words[panel * self.depth..][..self.depth]
    }
}

/// What is done with each sixteen sums, while they are still in a register.
pub(crate) trait Epilogue<P: Product> {
    /// `sums` belong to `row`, and to the columns `16 * panel` and on.
    fn put<S: Isa>(&mut self, isa: S, row: usize, panel: usize, sums: P::Sums<S>);
}

/// As [`multiply`], for 8-bit numbers, in tiles where the path has them.
#[inline(always)]
pub(crate) fn multiply8<S: Isa>(
    isa: S,
    rows: Rows<'_, i32>,
    panels: Panels<'_, i32>,
    epilogue: &mut impl Epilogue<Int8>,
) {
    match isa.tiles() {
        Some(tiles) if tiles::take(rows, panels) => tiles.multiply(isa, rows, panels, epilogue),
        _ => multiply(isa, Int8, rows, panels, epilogue),
    }
}

/// Computes every row with every panel.
#[inline(always)]
pub(crate) fn multiply<S: Isa, P: Product>(
    isa: S,
    _product: P,
    rows: Rows<'_, P::Word>,
    panels: Panels<'_, P::Word>,
    epilogue: &mut impl Epilogue<P>,
) {
    let n_panels = panels.words.len() / panels.depth;
    let mut panel = 0;
    // A panel stays in the cache nearest to the core while all rows pass by it.
    if S::TILE == Tile::Rows6Panels4 {
        while panel + 4 <= n_panels {
            all_rows::<S, P, 6, 4>(isa, rows, panels, panel, epilogue);
            panel += 4;
        }
        if panel + 2 <= n_panels {
            all_rows::<S, P, 12, 2>(isa, rows, panels, panel, epilogue);
            panel += 2;
        }
    }
    while panel < n_panels {
        match S::TILE {
            Tile::Rows6Panels4 | Tile::Rows6Panels1 => {
                all_rows::<S, P, 6, 1>(isa, rows, panels, panel, epilogue);
            }
            Tile::Rows2Panels1 => all_rows::<S, P, 2, 1>(isa, rows, panels, panel, epilogue),
        }
        panel += 1;
    }
}

#[inline(always)]
fn all_rows<S: Isa, P: Product, const ROWS: usize, const PANELS: usize>(
    isa: S,
    rows: Rows<'_, P::Word>,
    panels: Panels<'_, P::Word>,
    panel: usize,
    epilogue: &mut impl Epilogue<P>,
) {
    let mut done = [[Lanes::ZERO; PANELS]; ROWS];
    let mut row = 0;
    while row + ROWS <= rows.n_rows {
        tile::<S, P, ROWS, PANELS>(isa, rows, panels, (row, panel), (&mut done, epilogue));
        row += ROWS;
    }
    if ROWS > 2 {
        let mut done = [[Lanes::ZERO; PANELS]; 2];
        while row + 2 <= rows.n_rows {
            tile::<S, P, 2, PANELS>(isa, rows, panels, (row, panel), (&mut done, epilogue));
            row += 2;
        }
    }
    let mut done = [[Lanes::ZERO; PANELS]; 1];
    while row < rows.n_rows {
        tile::<S, P, 1, PANELS>(isa, rows, panels, (row, panel), (&mut done, epilogue));
        row += 1;
    }
}

/// A tile's sums, for the epilogue to take one after the other: a loop over what is in registers would have
/// the compiler clear memory for them before each tile.
type Done<P, const ROWS: usize, const PANELS: usize> = [[Lanes<<P as Product>::Word>; PANELS]; ROWS];

#[inline(always)]
fn tile<S: Isa, P: Product, const ROWS: usize, const PANELS: usize>(
    isa: S,
    rows: Rows<'_, P::Word>,
    panels: Panels<'_, P::Word>,
    (row, panel): (usize, usize),
    (done, epilogue): (&mut Done<P, ROWS, PANELS>, &mut impl Epilogue<P>),
) {
    let depth = panels.depth;
    let mut a: [&[P::Word]; ROWS] = [&[]; ROWS];
    for i in 0..ROWS {
        a[i] = rows.row(row + i, depth);
    }
    let mut b: [&[Lanes<P::Word>]; PANELS] = [&[]; PANELS];
    for j in 0..PANELS {
        b[j] = panels.panel(panel + j);
    }
    let mut sums = [[P::zero(isa); PANELS]; ROWS];
    for k in 0..depth {
        let mut columns = [P::zero(isa); PANELS];
        for j in 0..PANELS {
            // SAFETY: `panel` gave `depth` words, and k < depth.
            columns[j] = P::load(isa, unsafe { b[j].get_unchecked(k) });
        }
        for i in 0..ROWS {
            // SAFETY: `row` gave `depth` words, and k < depth.
            let word = P::splat(isa, unsafe { *a[i].get_unchecked(k) });
            for j in 0..PANELS {
                sums[i][j] = P::add_product(isa, sums[i][j], word, columns[j]);
            }
        }
    }
    for i in 0..ROWS {
        for j in 0..PANELS {
            P::store(isa, sums[i][j], &mut done[i][j]);
        }
    }
    for i in 0..ROWS {
        for j in 0..PANELS {
            epilogue.put(isa, row + i, panel + j, P::load(isa, &done[i][j]));
        }
    }
}
