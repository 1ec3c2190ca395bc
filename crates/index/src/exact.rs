//! Searching a set by scoring every row of it.

use std::ops::Range;

use cognate_vector::{Scored, TopK, UnitVector, dot};
use rayon::prelude::*;

use crate::error::IndexError;
use crate::matrix::cosine;
use crate::vector_set::VectorSet;

/// Rows that one thread scans before it looks for other work.
const BLOCK: usize = 1024;
/// Below this many rows, waking the other threads costs more than they save.
const PARALLEL_FROM: usize = 4096;
/// Queries that share one pass over the rows: at 384 components they fill 48 KB of cache.
const QUERY_BLOCK: usize = 32;
/// Rows on a side of the squares in which all pairs are scored.
const PAIR_TILE: usize = 128;
/// Components that are scored first when looking for pairs.
const HEAD: usize = 96;
/// More than the rounding of any bound on a cosine, so that no pair is missed by it.
const BOUND_SLACK: f32 = 1e-4;

/// A run of rows in one of the two places where a set keeps them.
enum Block {
    Base(Range<usize>),
    Recent(Range<usize>),
}

impl VectorSet {
    /// The `top_k` rows closest to the query by cosine, best first, equal scores in order of row, by
    /// scoring every row. All rows that tie with the last are included, so there can be more than
    /// `top_k`; there are fewer only if the set has fewer.
    ///
    /// # Errors
    /// [`IndexError::Dimension`].
    pub fn search(&self, query: &UnitVector, top_k: usize) -> Result<Vec<Scored>, IndexError> {
        self.check_dim(query)?;
        let query = query.as_slice();
        let best = self.scan(
            || TopK::new(top_k),
            |best, row, vector| best.push(Scored { row, score: cosine(query, vector) }),
            |mut left, right| {
                left.merge(right);
                left
            },
        );
        Ok(best.into_sorted())
    }

    /// [`search`](Self::search) for many queries `[n_queries]`, in their order. Reads the rows from
    /// memory once for every 32 queries.
    ///
    /// # Errors
    /// [`IndexError::Dimension`].
    pub fn search_many(&self, queries: &[UnitVector], top_k: usize) -> Result<Vec<Vec<Scored>>, IndexError> {
        queries.iter().try_for_each(|query| self.check_dim(query))?;
        let mut found = Vec::with_capacity(queries.len());
        for queries in queries.chunks(QUERY_BLOCK) {
            let best = self.scan(
                || queries.iter().map(|_| TopK::new(top_k)).collect::<Vec<_>>(),
                |best, row, vector| {
                    for (query, best) in queries.iter().zip(best) {
                        best.push(Scored { row, score: cosine(query.as_slice(), vector) });
                    }
                },
                |mut left, right| {
                    left.iter_mut().zip(right).for_each(|(left, right)| left.merge(right));
                    left
                },
            );
            found.extend(best.into_iter().map(TopK::into_sorted));
        }
        Ok(found)
    }

    /// Every row whose cosine to the query is at least `min_score`, best first, equal scores in order
    /// of row.
    ///
    /// # Errors
    /// [`IndexError::Dimension`].
    pub fn at_least(&self, query: &UnitVector, min_score: f32) -> Result<Vec<Scored>, IndexError> {
        self.check_dim(query)?;
        let query = query.as_slice();
        let mut found = self.scan(
            Vec::new,
            |found, row, vector| {
                let score = cosine(query, vector);
                if score >= min_score {
                    found.push(Scored { row, score });
                }
            },
            |mut left, right| {
                left.extend(right);
                left
            },
        );
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// How many rows have a cosine to the query of at least `min_score`.
    ///
    /// # Errors
    /// [`IndexError::Dimension`].
    pub fn count_at_least(&self, query: &UnitVector, min_score: f32) -> Result<usize, IndexError> {
        self.check_dim(query)?;
        let query = query.as_slice();
        Ok(self.scan(
            || 0,
            |count, _, vector| *count += usize::from(cosine(query, vector) >= min_score),
            |left, right| left + right,
        ))
    }

    /// Every pair of rows whose cosine is at least `min_score`, as `(i, j, cosine)` with `i < j`, in
    /// order of `i`, then `j`. Takes `n²/2` scores at worst, and memory for the pairs found.
    ///
    /// A pair's first components and the norms of the rest bound its cosine (Cauchy and Schwarz);
    /// where the bound is below `min_score` the rest is not read. At 0.9 that spares most of the work for pairs below about 0.6.
    #[must_use]
    pub fn pairs_at_least(&self, min_score: f32) -> Vec<(u32, u32, f32)> {
        let head = if self.dim() > HEAD { HEAD } else { 0 };
        let vectors: Vec<PairVector<'_>> = self
            .iter()
            .map(|(row, vector)| {
                let (head, tail) = vector.split_at(head);
                PairVector { row, vector, head, tail_norm: dot(tail, tail).sqrt() }
            })
            .collect();
        let tiles: Vec<&[PairVector<'_>]> = vectors.chunks(PAIR_TILE).collect();
        let found: Vec<Vec<(u32, u32, f32)>> = (0..tiles.len())
            .into_par_iter()
            .map(|first| {
                let mut pairs = Vec::new();
                for second in first..tiles.len() {
                    for (index, a) in tiles[first].iter().enumerate() {
                        let from = if first == second { index + 1 } else { 0 };
                        for b in &tiles[second][from..] {
                            let bound = dot(a.head, b.head) + a.tail_norm * b.tail_norm;
                            if bound + BOUND_SLACK < min_score {
                                continue;
                            }
                            let score = cosine(a.vector, b.vector);
                            if score >= min_score {
                                pairs.push((a.row, b.row, score));
                            }
                        }
                    }
                }
                pairs.sort_unstable_by_key(|&(i, j, _)| (i, j));
                pairs
            })
            .collect();
        found.concat()
    }

    /// Folds every live row into an accumulator: one for each thread, merged at the end in any order.
    fn scan<A: Send>(
        &self,
        new: impl Fn() -> A + Sync + Send,
        add: impl Fn(&mut A, u32, &[f32]) + Sync + Send,
        merge: impl Fn(A, A) -> A + Sync + Send,
    ) -> A {
        let add_block = |mut folded: A, block: Block| {
            match block {
                Block::Base(positions) => {
                    for position in positions {
                        if !self.dead().contains(position) {
                            add(&mut folded, self.base().row(position), self.base().vector(position));
                        }
                    }
                }
                Block::Recent(indexes) => {
                    for recent in &self.recent()[indexes] {
                        add(&mut folded, recent.row, recent.vector.as_slice());
                    }
                }
            }
            folded
        };
        let blocks: Vec<Block> = ranges(self.base().len())
            .map(Block::Base)
            .chain(ranges(self.recent().len()).map(Block::Recent))
            .collect();
        if self.len() < PARALLEL_FROM {
            return blocks.into_iter().fold(new(), add_block);
        }
        blocks.into_par_iter().fold(&new, add_block).reduce(&new, merge)
    }
}

struct PairVector<'a> {
    row: u32,
    vector: &'a [f32],
    head: &'a [f32],
    tail_norm: f32,
}

fn ranges(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(BLOCK).map(move |start| start..len.min(start + BLOCK))
}
