//! Scoring every row, or every allowed one, without reading the f16 of most.
//!
//! Products of i8 bound each row's score from both sides (see [`quantize`](crate::quantize)). A row
//! whose upper bound lies below the k-th best lower bound is none of the k best; the others, some
//! hundreds in a hundred thousand, are scored, from the highest upper bound down, until none that is
//! left can reach the k-th best score. The result is that of scoring all.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use cognate_vector::kernels::{dots_i8, dots_i8_at};
use cognate_vector::{Scored, TopK};
use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::snapshot::{Live, Snapshot};
use crate::error::IndexError;
use crate::quantize::QuantizedQuery;

/// Rows that one thread scans before it looks for other work: 0.4 MB at 384 components.
const BLOCK: usize = 1024;
/// Below this many rows, waking the other threads costs more than they save.
const PARALLEL_FROM: usize = 16_384;
/// Queries that share one pass over the rows.
const QUERY_BLOCK: usize = 32;
/// Below this many candidates, scoring them on one thread is faster.
pub(super) const PARALLEL_SCORES: usize = 256;

/// A score, about, and how far it can be off.
pub(super) type Bounds = (f32, f32);
/// The number of a segment in its snapshot, and a position in it.
pub(super) type Place = (u32, u32);

/// A row that may be among the best.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Its score is not above this: surely, or for a walk's candidates most likely.
    pub(super) upper: f32,
    pub(super) segment: u32,
    pub(super) position: u32,
}

/// The candidates for the `k` best rows.
#[derive(Debug)]
pub(super) struct Candidates {
    k: usize,
    /// The k best lower bounds as ordered bits, the least on top.
    lowers: BinaryHeap<Reverse<u32>>,
    list: Vec<Candidate>,
    /// The list is thinned out when it is this long.
    limit: usize,
}

/// Bits of a float that order as the float does.
fn ordered(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

impl Candidates {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            lowers: BinaryHeap::with_capacity(k.min(4096) + 1),
            list: Vec::new(),
            limit: k.saturating_mul(4).max(4096),
        }
    }

    /// Whether a row with this upper bound can be among the best.
    #[inline]
    fn wants(&self, upper: f32) -> bool {
        self.lowers.len() < self.k || self.lowers.peek().is_none_or(|&Reverse(least)| ordered(upper) >= least)
    }

    /// Offers a row whose score lies within `error` of `about`.
    #[inline]
    pub(super) fn push(&mut self, (about, error): Bounds, (segment, position): Place) {
        let upper = about + error;
        if !self.wants(upper) {
            return;
        }
        self.list.push(Candidate { upper, segment, position });
        self.raise(ordered(about - error));
        if self.list.len() >= self.limit {
            self.thin();
            self.limit = self.limit.max(2 * self.list.len());
        }
    }

    fn raise(&mut self, lower: u32) {
        if self.lowers.len() < self.k {
            self.lowers.push(Reverse(lower));
        } else if self.lowers.peek().is_some_and(|&Reverse(least)| lower > least) {
            self.lowers.push(Reverse(lower));
            self.lowers.pop();
        }
    }

    fn thin(&mut self) {
        let mut list = std::mem::take(&mut self.list);
        list.retain(|candidate| self.wants(candidate.upper));
        self.list = list;
    }

    pub(super) fn merge(&mut self, other: Self) {
        other.lowers.into_iter().for_each(|Reverse(lower)| self.raise(lower));
        self.list.extend(other.list);
    }

    /// Highest upper bound first.
    fn into_sorted(mut self) -> Vec<Candidate> {
        self.thin();
        self.list.sort_unstable_by(|a, b| b.upper.total_cmp(&a.upper));
        self.list
    }
}

/// A query as it is searched with.
pub(super) struct Query<'a> {
    /// `f32 [dim]` of norm 1.
    pub(super) exact: &'a [f32],
    pub(super) quantized: QuantizedQuery,
}

impl<'a> Query<'a> {
    pub(super) fn new(exact: &'a [f32]) -> Self {
        Self { exact, quantized: QuantizedQuery::new(exact) }
    }
}

impl Snapshot {
    /// The `k` best rows for each query, by scanning all rows.
    pub(super) fn scan_many(&self, queries: &[Query<'_>], k: usize) -> Result<Vec<Vec<Scored>>, IndexError> {
        let mut found = Vec::with_capacity(queries.len());
        for queries in queries.chunks(QUERY_BLOCK) {
            let new = || queries.iter().map(|_| Candidates::new(k)).collect::<Vec<_>>();
            let candidates = self.fold_rows(
                queries,
                (&new, &|left: &mut Vec<Candidates>, right| {
                    left.iter_mut().zip(right).for_each(|(left, right)| left.merge(right));
                }),
                &|all: &mut Vec<Candidates>, query, bounds, place| all[query].push(bounds, place),
            );
            for (query, candidates) in queries.iter().zip(candidates) {
                found.push(self.settle(query, candidates, k)?);
            }
        }
        Ok(found)
    }

    /// The `k` best rows among those allowed, by scoring no others.
    pub(super) fn scan_allowed(
        &self,
        query: &Query<'_>,
        k: usize,
        allowed: &RoaringBitmap,
    ) -> Result<Vec<Scored>, IndexError> {
        let mut candidates = Candidates::new(k);
        for (number, live) in self.segments().iter().enumerate() {
            let positions = live.allowed_positions(allowed);
            let scan = |mut candidates: Candidates, positions: &[u32]| {
                let (mut coarse, mut fine) = (Vec::new(), Vec::new());
                let segment = &live.segment;
                dots_i8_at(&query.quantized.coarse, segment.vectors(), positions, &mut coarse);
                dots_i8_at(&query.quantized.fine, segment.vectors(), positions, &mut fine);
                let error = query.quantized.error(segment.residual());
                for (&position, (&coarse, &fine)) in positions.iter().zip(coarse.iter().zip(&fine)) {
                    let about = query.quantized.cosine(coarse, fine, segment.scale());
                    candidates.push((about, error), (number as u32, position));
                }
                candidates
            };
            if positions.len() < PARALLEL_FROM {
                candidates = positions.chunks(BLOCK).fold(candidates, scan);
            } else {
                let blocks = positions.par_chunks(BLOCK);
                let found = blocks.fold(|| Candidates::new(k), scan).reduce(
                    || Candidates::new(k),
                    |mut left, right| {
                        left.merge(right);
                        left
                    },
                );
                candidates.merge(found);
            }
        }
        self.settle(query, candidates, k)
    }

    /// Scores candidates from the highest upper bound down until none that is left can be among the
    /// `k` best; all that tie with the k-th are included.
    pub(super) fn settle(
        &self,
        query: &Query<'_>,
        candidates: Candidates,
        k: usize,
    ) -> Result<Vec<Scored>, IndexError> {
        let candidates = candidates.into_sorted();
        let mut best = TopK::new(k);
        let mut rest = &candidates[..];
        let mut buffer = Vec::new();
        // One by one at first; for very many, in larger and larger steps on all threads.
        while let Some(first) = rest.first() {
            if best.threshold().is_some_and(|threshold| first.upper < threshold) {
                break;
            }
            let step = if k < PARALLEL_SCORES { 1 } else { PARALLEL_SCORES.min(rest.len()) };
            let (now, later) = rest.split_at(step);
            rest = later;
            if step == 1 {
                best.push(self.scored(query.exact, first, &mut buffer)?);
            } else {
                let scored: Result<Vec<Scored>, IndexError> = now
                    .par_iter()
                    .map_init(Vec::new, |b, candidate| self.scored(query.exact, candidate, b))
                    .collect();
                scored?.into_iter().for_each(|scored| best.push(scored));
            }
        }
        Ok(best.into_sorted())
    }

    /// A candidate's row and score.
    pub(super) fn scored(
        &self,
        query: &[f32],
        candidate: &Candidate,
        buffer: &mut Vec<half::f16>,
    ) -> Result<Scored, IndexError> {
        let segment = &self.segments()[candidate.segment as usize].segment;
        let score = segment.score(query, candidate.position as usize, buffer)?;
        Ok(Scored { row: segment.rows()[candidate.position as usize], score })
    }

    /// Folds all live rows: `add` is given an accumulator, the number of the query, the score within
    /// its bounds, and which row.
    pub(super) fn fold_rows<A: Send>(
        &self,
        queries: &[Query<'_>],
        (new, merge): (&(impl Fn() -> A + Sync), &(impl Fn(&mut A, A) + Sync)),
        add: &(impl Fn(&mut A, usize, Bounds, Place) + Sync),
    ) -> A {
        let segments = self.segments();
        let fold_block = |mut folded: A, (number, range): (usize, Range<usize>)| {
            let live = &segments[number];
            let (segment, stride) = (&live.segment, live.segment.stride());
            let rows = &segment.vectors()[range.start * stride..range.end * stride];
            let (mut coarse, mut fine) = (vec![0; range.len()], vec![0; range.len()]);
            for (index, query) in queries.iter().enumerate() {
                let query = &query.quantized;
                dots_i8(&query.coarse, rows, &mut coarse);
                dots_i8(&query.fine, rows, &mut fine);
                let error = query.error(segment.residual());
                for ((&coarse, &fine), position) in coarse.iter().zip(&fine).zip(range.clone()) {
                    if !live.dead.contains(position) {
                        let about = query.cosine(coarse, fine, segment.scale());
                        add(&mut folded, index, (about, error), (number as u32, position as u32));
                    }
                }
            }
            folded
        };
        let blocks: Vec<(usize, Range<usize>)> = segments
            .iter()
            .enumerate()
            .flat_map(|(number, live)| {
                let len = live.segment.len();
                (0..len).step_by(BLOCK).map(move |start| (number, start..len.min(start + BLOCK)))
            })
            .collect();
        if blocks.len() * BLOCK * queries.len() < PARALLEL_FROM {
            return blocks.into_iter().fold(new(), fold_block);
        }
        blocks.into_par_iter().fold(new, fold_block).reduce(new, |mut left, right| {
            merge(&mut left, right);
            left
        })
    }
}

impl Live {
    /// Positions of the live rows that are allowed, ascending.
    fn allowed_positions(&self, allowed: &RoaringBitmap) -> Vec<u32> {
        let rows = self.segment.rows();
        let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return Vec::new() };
        let is_live = |&position: &u32| !self.dead.contains(position as usize);
        let n_allowed = allowed.range_cardinality(first..=last) as usize;
        // A search among the rows takes some ten steps; a look into the bitmap, about as long.
        if n_allowed < rows.len() / 8 {
            let mut from = 0;
            return allowed
                .range(first..=last)
                .filter_map(|row| {
                    let found = rows[from..].binary_search(&row);
                    from += found.unwrap_or_else(|at| at);
                    found.ok().map(|_| from as u32)
                })
                .filter(is_live)
                .collect();
        }
        let allowed_rows = rows.iter().enumerate().filter(|(_, row)| allowed.contains(**row));
        allowed_rows.map(|(position, _)| position as u32).filter(is_live).collect()
    }
}
