//! Everything above a score: for one query, and for all pairs.

use std::iter::FusedIterator;

use cognate_vector::kernels::dots_i8;
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
/// A number of a segment, and the range of positions in it.
type Tile = (usize, usize, usize);

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
        self.check(query)?;
        let (surely, perhaps) = self.split_at(query, min_score, allowed);
        let candidates = [surely, perhaps].concat();
        let mut hits = self.scores(query, &candidates)?;
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
        self.check(query)?;
        let (surely, perhaps) = self.split_at(query, min_score, allowed);
        let hits = self.scores(query, &perhaps)?;
        Ok(surely.len() + hits.iter().filter(|hit| hit.score >= min_score).count())
    }

    /// Rows whose score is surely at least `min_score`, and those of which it may be.
    fn split_at(
        &self,
        query: &UnitVector,
        min_score: f32,
        allowed: Option<&RoaringBitmap>,
    ) -> (Vec<Candidate>, Vec<Candidate>) {
        let is_allowed = |candidate: &Candidate| {
            let rows = self.segments()[candidate.segment as usize].segment.rows();
            allowed.is_none_or(|allowed| allowed.contains(rows[candidate.position as usize]))
        };
        self.fold_rows(
            &[Query::new(query.as_slice())],
            (&|| (Vec::new(), Vec::new()), &|left: &mut (Vec<Candidate>, Vec<Candidate>), right| {
                left.0.extend(right.0);
                left.1.extend(right.1);
            }),
            &|(surely, perhaps), _, (about, error), (segment, position)| {
                let candidate = Candidate { upper: about + error, segment, position };
                if candidate.upper < min_score || !is_allowed(&candidate) {
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
    /// products of i8, some 5 ns each, and memory for the pairs found.
    ///
    /// # Errors
    /// [`IndexError::Io`], or that a file is damaged.
    pub fn pairs_at_least(&self, min_score: f32) -> Result<Vec<(u32, u32, f32)>, IndexError> {
        self.pairs_at_least_if(min_score, &|_, _, _| true)
    }

    /// As [`pairs_at_least`](Self::pairs_at_least), without the pairs that `wanted` refuses. It is asked with
    /// the rows of a pair, in any order, and a number that its score is not above, before the score is
    /// computed: what it refuses costs neither time nor memory.
    ///
    /// # Errors
    /// As for [`pairs_at_least`](Self::pairs_at_least).
    pub fn pairs_at_least_if(
        &self,
        min_score: f32,
        wanted: &(dyn Fn(u32, u32, f32) -> bool + Sync),
    ) -> Result<Vec<(u32, u32, f32)>, IndexError> {
        self.check_damage()?;
        let tiles: Vec<Tile> = self
            .segments()
            .iter()
            .enumerate()
            .flat_map(|(number, live)| {
                let len = live.segment.len();
                (0..len).step_by(TILE).map(move |start| (number, start, len.min(start + TILE)))
            })
            .collect();
        let found: Result<Vec<Pairs>, IndexError> = (0..tiles.len())
            .into_par_iter()
            .map(|first| {
                let mut pairs = Vec::new();
                for second in first..tiles.len() {
                    self.pairs_of_tiles((tiles[first], tiles[second]), (min_score, wanted), &mut pairs)?;
                }
                Ok(pairs)
            })
            .collect();
        let mut pairs = found?.concat();
        pairs.par_sort_unstable_by_key(|&(i, j, _)| (i, j));
        Ok(pairs)
    }

    fn pairs_of_tiles(
        &self,
        (left, right): (Tile, Tile),
        (min_score, wanted): (f32, &(dyn Fn(u32, u32, f32) -> bool + Sync)),
        pairs: &mut Pairs,
    ) -> Result<(), IndexError> {
        let (a, b) = (&self.segments()[left.0], &self.segments()[right.0]);
        let error = pair_error(self.dim(), a.segment.residual(), b.segment.residual());
        let scale = a.segment.scale() * b.segment.scale();
        // Products below this number are of pairs below the score. In f64, and rounded down.
        let bar = (f64::from(min_score - error) / f64::from(scale)).floor() as i64 - 1;
        let stride = b.segment.stride();
        let rows = &b.segment.vectors()[right.1 * stride..right.2 * stride];
        let mut dots = vec![0; right.2 - right.1];
        for i in left.1..left.2 {
            if a.dead.contains(i) {
                continue;
            }
            // Within a tile, each pair once.
            let from = if left == right { i + 1 } else { right.1 };
            let skipped = from - right.1;
            dots_i8(a.segment.vector(i), &rows[skipped * stride..], &mut dots[skipped..]);
            for (j, &dot) in (from..right.2).zip(&dots[skipped..]) {
                if i64::from(dot) >= bar && !b.dead.contains(j) {
                    let upper = dot as f32 * scale + error;
                    if !wanted(a.segment.rows()[i], b.segment.rows()[j], upper) {
                        continue;
                    }
                    let (mut low, mut high) = ((&a.segment, i), (&b.segment, j));
                    if low.0.rows()[i] > high.0.rows()[j] {
                        std::mem::swap(&mut low, &mut high);
                    }
                    let query = self.unit_vector(low.0, low.1)?;
                    let score = high.0.score(query.as_slice(), high.1, &mut Vec::new())?;
                    if score >= min_score {
                        pairs.push((low.0.rows()[low.1], high.0.rows()[high.1], score));
                    }
                }
            }
        }
        Ok(())
    }
}
