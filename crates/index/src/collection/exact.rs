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

/// Values that are fetched before the first is read: of as many, all are read.
const FETCHED: usize = 32;

/// A score, about, and how far it can be off.
pub(super) type Bounds = (f32, f32);
/// The number of a segment in its snapshot, and a position in it.
pub(super) type Place = (u32, u32);

/// The number of a segment, and a range of positions in it.
type Block = (usize, Range<usize>);

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

    /// Offers a row whose score lies within `error` of `about`. Says whether it may be among the best.
    #[inline]
    pub(super) fn push(&mut self, (about, error): Bounds, (segment, position): Place) -> bool {
        let upper = about + error;
        if !self.wants(upper) {
            return false;
        }
        self.list.push(Candidate { upper, segment, position });
        self.raise(ordered(about - error));
        if self.list.len() >= self.limit {
            self.thin();
            self.limit = self.limit.max(2 * self.list.len());
        }
        true
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
    pub(super) quantized: QuantizedQuery<'a>,
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
                &|all: &mut Vec<Candidates>, query, bounds, place| {
                    all[query].push(bounds, place);
                },
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
            live.offer_allowed(query, allowed, (number as u32, &mut candidates));
        }
        self.settle(query, candidates, k)
    }

    /// Offers all live rows of the segment of this number.
    pub(super) fn offer_all(&self, query: &Query<'_>, number: usize, candidates: &mut Candidates) {
        let k = candidates.k;
        let found = self.fold_blocks(
            (self.blocks_of(number).collect(), std::slice::from_ref(query)),
            (&|| Candidates::new(k), &|left: &mut Candidates, right| left.merge(right)),
            &|candidates: &mut Candidates, _, bounds, place| {
                candidates.push(bounds, place);
            },
        );
        candidates.merge(found);
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
        for candidate in rest.iter().take(k.min(FETCHED)) {
            self.segments()[candidate.segment as usize].segment.fetch_values(candidate.position as usize);
        }
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
        fold: (&(impl Fn() -> A + Sync), &(impl Fn(&mut A, A) + Sync)),
        add: &(impl Fn(&mut A, usize, Bounds, Place) + Sync),
    ) -> A {
        let blocks = (0..self.segments().len()).flat_map(|number| self.blocks_of(number)).collect();
        self.fold_blocks((blocks, queries), fold, add)
    }

    fn blocks_of(&self, number: usize) -> impl Iterator<Item = Block> {
        let len = self.segments()[number].segment.len();
        (0..len).step_by(BLOCK).map(move |start| (number, start..len.min(start + BLOCK)))
    }

    /// [`fold_rows`](Self::fold_rows) of some blocks.
    fn fold_blocks<A: Send>(
        &self,
        (blocks, queries): (Vec<Block>, &[Query<'_>]),
        (new, merge): (&(impl Fn() -> A + Sync), &(impl Fn(&mut A, A) + Sync)),
        add: &(impl Fn(&mut A, usize, Bounds, Place) + Sync),
    ) -> A {
        let segments = self.segments();
        let fold_block = |mut folded: A, (number, range): Block| {
            let live = &segments[number];
            let (segment, stride) = (&live.segment, live.segment.stride());
            let rows = &segment.vectors()[range.start * stride..range.end * stride];
            let (mut coarse, mut fine) = (vec![0; range.len()], vec![0; range.len()]);
            for (index, query) in queries.iter().enumerate() {
                let query = &query.quantized;
                dots_i8(&query.coarse, rows, &mut coarse);
                dots_i8(query.fine(), rows, &mut fine);
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
    /// Offers the live rows that are allowed.
    pub(super) fn offer_allowed(
        &self,
        query: &Query<'_>,
        allowed: &RoaringBitmap,
        (number, candidates): (u32, &mut Candidates),
    ) {
        let (segment, query) = (&self.segment, &query.quantized);
        let error = query.error(segment.residual());
        let offer = |candidates: &mut Candidates, positions: &[u32]| {
            let (mut coarse, mut fine) = (Vec::new(), Vec::new());
            dots_i8_at(&query.coarse, segment.vectors(), positions, &mut coarse);
            dots_i8_at(query.fine(), segment.vectors(), positions, &mut fine);
            for (&position, (&coarse, &fine)) in positions.iter().zip(coarse.iter().zip(&fine)) {
                let about = query.cosine(coarse, fine, segment.scale());
                candidates.push((about, error), (number, position));
            }
        };
        let positions = self.allowed_positions(allowed);
        if positions.len() < PARALLEL_FROM {
            positions.chunks(BLOCK).for_each(|positions| offer(candidates, positions));
            return;
        }
        let new = || Candidates::new(candidates.k);
        let fold = |mut folded, positions: &[u32]| {
            offer(&mut folded, positions);
            folded
        };
        let merge = |mut left: Candidates, right| {
            left.merge(right);
            left
        };
        let found = positions.par_chunks(BLOCK).fold(new, fold).reduce(new, merge);
        candidates.merge(found);
    }

    /// Positions of the live rows that are allowed, ascending.
    fn allowed_positions(&self, allowed: &RoaringBitmap) -> Vec<u32> {
        let rows = self.segment.rows();
        let both = self.segment.row_set() & allowed;
        let mut positions = Vec::with_capacity(both.len() as usize);
        let mut from = 0;
        for row in both {
            // No farther on than if no number were left out between; and often none is.
            let at_most = from + (row - rows[from]) as usize;
            let at = match rows.get(at_most) {
                Some(&there) if there == row => at_most,
                _ => from + rows[from..rows.len().min(at_most)].partition_point(|&before| before < row),
            };
            if !self.dead.contains(at) {
                positions.push(at as u32);
            }
            from = at;
        }
        positions
    }
}
