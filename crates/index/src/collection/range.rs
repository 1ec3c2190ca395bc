//! Everything above a score: for one query, and for all pairs.

use std::iter::FusedIterator;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cognate_vector::kernels::{Hit, Panels};
use cognate_vector::{Scored, UnitVector};
use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::exact::{Candidate, Query};
use super::snapshot::Snapshot;
use crate::error::IndexError;
use crate::quantize::pair_error;

/// Rows on a side of the squares in which all pairs are scored: both sides fit the second cache.
const TILE: usize = 512;

/// Two rows and their score each.
type Pairs = Vec<(u32, u32, f32)>;

/// Which pairs are looked for, and for how long.
pub struct Wanted<'a> {
    /// The least score.
    pub min_score: f32,
    /// Of each pair at least one row is among these; `None` for all pairs.
    pub rows: Option<&'a RoaringBitmap>,
    /// Asked with the rows of a pair, in any order, and a number that its score is not above, before the score is
    /// computed: what it refuses costs neither time nor memory.
    pub is_wanted: &'a (dyn Fn(u32, u32, f32) -> bool + Sync),
    /// Asked with the part of the work that is done, from 0 to 1, from any thread. After `false` no more is looked for.
    pub goes_on: &'a (dyn Fn(f64) -> bool + Sync),
}
/// A number of a segment, and the range of positions in it.
type Tile = (usize, usize, usize);

/// Rows of one segment that a tile is compared with.
struct Packed {
    segment: usize,
    /// In ascending order.
    positions: Vec<usize>,
    panels: Panels,
}

/// Every row with a score of at least some value, best first, equal scores in order of row. Knows
/// their number before the first is taken.
#[derive(Debug)]
pub struct AtLeast {
    hits: std::vec::IntoIter<Scored>,
}

impl Iterator for AtLeast {
    type Item = Scored;

    fn next(&mut self) -> Option<Scored> {
        self.hits.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.hits.size_hint()
    }
}

impl ExactSizeIterator for AtLeast {}
impl FusedIterator for AtLeast {}

impl Snapshot {
    /// Every row, of those allowed, whose score for the query is at least `min_score`: complete, and `len()` of the
    /// iterator is their total. Takes 8 bytes of memory a row found.
    ///
    /// # Errors
    /// [`IndexError::Dimension`]; [`IndexError::Io`], or that a file is damaged.
    pub fn at_least(
        &self,
        query: &UnitVector,
        min_score: f32,
        allowed: Option<&RoaringBitmap>,
    ) -> Result<AtLeast, IndexError> {
        self.check_dimension(query)?;
        let mut hits = self.watching(|| {
            let (surely, perhaps) = self.split_at(query, &|_| min_score, allowed);
            self.scores(query, &[surely, perhaps].concat())
        })?;
        hits.retain(|hit| hit.score >= min_score);
        hits.par_sort_unstable_by(|a, b| b.cmp(a));
        Ok(AtLeast { hits: hits.into_iter() })
    }

    /// How many rows, of those allowed, have a score of at least `min_score` for the query. Scores only those whose
    /// bounds lie on both sides of it.
    ///
    /// # Errors
    /// As for [`at_least`](Self::at_least).
    pub fn count_at_least(
        &self,
        query: &UnitVector,
        min_score: f32,
        allowed: Option<&RoaringBitmap>,
    ) -> Result<usize, IndexError> {
        self.check_dimension(query)?;
        self.watching(|| {
            let (surely, perhaps) = self.split_at(query, &|_| min_score, allowed);
            let hits = self.scores(query, &perhaps)?;
            Ok(surely.len() + hits.iter().filter(|hit| hit.score >= min_score).count())
        })
    }

    /// The rows, of those allowed, whose score for the query is at least what `min_score` says of the row. Scores only
    /// those whose bounds lie on both sides of it.
    ///
    /// # Errors
    /// As for [`at_least`](Self::at_least).
    pub fn rows_at_least(
        &self,
        query: &UnitVector,
        min_score: &(dyn Fn(u32) -> f32 + Sync),
        allowed: Option<&RoaringBitmap>,
    ) -> Result<RoaringBitmap, IndexError> {
        self.check_dimension(query)?;
        self.watching(|| {
            let (surely, perhaps) = self.split_at(query, min_score, allowed);
            let surely = surely.iter().map(|candidate| self.row_of(candidate));
            let hits = self.scores(query, &perhaps)?;
            let perhaps = hits.iter().filter(|hit| hit.score >= min_score(hit.row)).map(|hit| hit.row);
            Ok(surely.chain(perhaps).collect())
        })
    }

    fn row_of(&self, candidate: &Candidate) -> u32 {
        self.segments()[candidate.segment as usize].segment.rows()[candidate.position as usize]
    }

    /// Rows whose score is surely at least `min_score`, and those of which it may be.
    fn split_at(
        &self,
        query: &UnitVector,
        min_score: &(dyn Fn(u32) -> f32 + Sync),
        allowed: Option<&RoaringBitmap>,
    ) -> (Vec<Candidate>, Vec<Candidate>) {
        self.fold_rows(
            &[Query::new(query.as_slice())],
            (&|| (Vec::new(), Vec::new()), &|left: &mut (Vec<Candidate>, Vec<Candidate>), right| {
                left.0.extend(right.0);
                left.1.extend(right.1);
            }),
            &|(surely, perhaps), _, (about, error), (segment, position)| {
                let candidate = Candidate { upper: about + error, segment, position };
                let row = self.row_of(&candidate);
                let min_score = min_score(row);
                if candidate.upper < min_score || !allowed.is_none_or(|allowed| allowed.contains(row)) {
                    return;
                }
                if about - error >= min_score {
                    surely.push(candidate);
                } else {
                    perhaps.push(candidate);
                }
            },
        )
    }

    fn scores(&self, query: &UnitVector, candidates: &[Candidate]) -> Result<Vec<Scored>, IndexError> {
        candidates
            .par_iter()
            .with_min_len(256)
            .map_init(Vec::new, |buffer, candidate| self.scored(query.as_slice(), candidate, buffer))
            .collect()
    }

    /// Every pair of rows whose score is at least `min_score`, as `(i, j, score)` with `i < j`, in
    /// order of `i`, then `j`: complete. The score is that of `j` for the vector of `i`. Takes `n²/2`
    /// products of i8, less than 1 ns each, and memory for the pairs found.
    ///
    /// # Errors
    /// [`IndexError::Io`], or that a file is damaged.
    pub fn pairs_at_least(&self, min_score: f32) -> Result<Vec<(u32, u32, f32)>, IndexError> {
        self.pairs(&Wanted { min_score, rows: None, is_wanted: &|_, _, _| true, goes_on: &|_| true })
    }

    /// As [`pairs_at_least`](Self::pairs_at_least), of those that are wanted; some of them, if it was not to go on.
    ///
    /// # Errors
    /// As for [`pairs_at_least`](Self::pairs_at_least).
    pub fn pairs(&self, wanted: &Wanted<'_>) -> Result<Vec<(u32, u32, f32)>, IndexError> {
        self.watching(|| self.found_pairs(wanted))
    }

    fn found_pairs(&self, wanted: &Wanted<'_>) -> Result<Vec<(u32, u32, f32)>, IndexError> {
        let tiles: Vec<Tile> = self
            .segments()
            .iter()
            .enumerate()
            .flat_map(|(number, live)| {
                let len = live.segment.len();
                (0..len).step_by(TILE).map(move |start| (number, start, len.min(start + TILE)))
            })
            .collect();
        // What each square's rows are compared with, and how many of the tiles it meets: of all pairs, those up to its
        // own; else all.
        let squares: Vec<((usize, Vec<usize>), usize)> = match wanted.rows {
            None => {
                let whole =
                    |(n, &(number, start, end)): (usize, &Tile)| ((number, (start..end).collect()), n + 1);
                tiles.iter().enumerate().map(whole).collect()
            }
            Some(rows) => self.positions_of(rows).into_iter().map(|of| (of, tiles.len())).collect(),
        };
        let n_to_do: usize = squares.iter().map(|(_, n_tiles)| n_tiles).sum();
        let (n_done, goes_on) = (AtomicUsize::new(0), AtomicBool::new(true));
        // Rows are packed once for all tiles that they meet. The last has the most to do, and so is begun first.
        let found: Result<Vec<Pairs>, IndexError> = squares
            .into_par_iter()
            .rev()
            .with_max_len(1)
            .map(|((segment, positions), n_tiles)| {
                let (mut pairs, mut hits) = (Vec::new(), Vec::new());
                let packed = self.packed(segment, positions);
                for &tile in &tiles[..n_tiles] {
                    if !goes_on.load(Ordering::Relaxed) {
                        break;
                    }
                    self.pairs_of_tile((tile, &packed), wanted, (&mut hits, &mut pairs))?;
                    let done = (n_done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / n_to_do as f64;
                    if !(wanted.goes_on)(done) {
                        goes_on.store(false, Ordering::Relaxed);
                    }
                }
                Ok(pairs)
            })
            .collect();
        let mut pairs = found?.concat();
        pairs.par_sort_unstable_by_key(|&(i, j, _)| (i, j));
        Ok(pairs)
    }

    /// Where rows are: numbers of segments, and at most [`TILE`] positions in each.
    fn positions_of(&self, rows: &RoaringBitmap) -> Vec<(usize, Vec<usize>)> {
        let of_segment = |(number, live): (usize, &super::snapshot::Live)| {
            let has = |(_, row): &(usize, &u32)| rows.contains(**row);
            let positions: Vec<usize> =
                live.segment.rows().iter().enumerate().filter(has).map(|(position, _)| position).collect();
            let parts: Vec<_> = positions.chunks(TILE).map(|part| (number, part.to_vec())).collect();
            parts
        };
        self.segments().iter().enumerate().flat_map(of_segment).collect()
    }

    fn packed(&self, segment: usize, positions: Vec<usize>) -> Packed {
        let of = &self.segments()[segment].segment;
        let rows: Vec<i8> = positions.iter().flat_map(|&position| of.vector(position)).copied().collect();
        let mut panels = Panels::default();
        panels.pack(&rows, of.stride());
        Packed { segment, positions, panels }
    }

    fn pairs_of_tile(
        &self,
        (left, right): (Tile, &Packed),
        wanted: &Wanted<'_>,
        (hits, pairs): (&mut Vec<Hit>, &mut Pairs),
    ) -> Result<(), IndexError> {
        let (number, start, end) = left;
        let (a, b) = (&self.segments()[number], &self.segments()[right.segment]);
        let error = pair_error(self.dim(), a.segment.residual(), b.segment.residual());
        let scale = a.segment.scale() * b.segment.scale();
        // Products below this number are of pairs below the score. In f64, and rounded down.
        let bar = (f64::from(wanted.min_score - error) / f64::from(scale)).floor() - 1.0;
        let stride = a.segment.stride();
        hits.clear();
        // A cast of a number that is too large gives the largest.
        right.panels.at_least(&a.segment.vectors()[start * stride..end * stride], bar as i32, hits);
        for hit in hits {
            let (i, j) = (start + hit.row as usize, right.positions[hit.column as usize]);
            if a.dead.contains(i) || b.dead.contains(j) {
                continue;
            }
            let rows = (a.segment.rows()[i], b.segment.rows()[j]);
            // A pair is met twice where both are among the rows asked for, and within a tile of all pairs.
            let is_met_twice = match wanted.rows {
                Some(of) => of.contains(rows.0),
                None => number == right.segment && (start..end).contains(&j),
            };
            if is_met_twice && rows.0 >= rows.1 {
                continue;
            }
            if !(wanted.is_wanted)(rows.0, rows.1, hit.dot as f32 * scale + error) {
                continue;
            }
            let (mut low, mut high) = ((&a.segment, i), (&b.segment, j));
            if rows.0 > rows.1 {
                std::mem::swap(&mut low, &mut high);
            }
            let query = self.unit_vector(low.0, low.1)?;
            let score = high.0.score(query.as_slice(), high.1, &mut Vec::new())?;
            if score >= wanted.min_score {
                pairs.push((low.0.rows()[low.1], high.0.rows()[high.1], score));
            }
        }
        Ok(())
    }
}
