//! Walking a graph towards a query. In this module and its callers in `graph`, `Scored::row` is a
//! position in the matrix; positions and rows ascend together, so ties break the same way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cognate_vector::Scored;

use crate::bitmap::Bitmap;
use crate::matrix::{Matrix, cosine};

/// Moves to the neighbour closest to the query until none is closer than where it stands.
pub(super) fn descend<'g>(
    matrix: &Matrix,
    query: &[f32],
    start: Scored,
    links: impl Fn(u32) -> &'g [u32],
) -> Scored {
    let mut best = start;
    loop {
        let here = best;
        for &point in links(here.row) {
            best = best.max(Scored { row: point, score: cosine(query, matrix.vector(point as usize)) });
        }
        if best == here {
            return best;
        }
    }
}

/// A best-first search that keeps the `ef` best points it has met (algorithm 2 of the paper).
pub(super) struct Beam<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) query: &'a [f32],
    /// Where to start, with its score.
    pub(super) start: Scored,
    /// At least 1.
    pub(super) ef: usize,
}

impl Beam<'_> {
    /// The best accepted points, in any order.
    pub(super) fn run<'g>(
        &self,
        links: impl Fn(u32) -> &'g [u32],
        accept: impl Fn(usize) -> bool,
    ) -> Vec<Scored> {
        // A bit for each point: clearing 12 KB for 100,000 points is small beside the search.
        let mut visited = Bitmap::new(self.matrix.len());
        let mut frontier = BinaryHeap::with_capacity(self.ef);
        let mut found: BinaryHeap<Reverse<Scored>> = BinaryHeap::with_capacity(self.ef + 1);
        visited.insert(self.start.row as usize);
        frontier.push(self.start);
        if accept(self.start.row as usize) {
            found.push(Reverse(self.start));
        }
        while let Some(nearest) = frontier.pop() {
            if self.worst(&found).is_some_and(|worst| nearest.score < worst) {
                break;
            }
            for &point in links(nearest.row) {
                if !visited.insert(point as usize) {
                    continue;
                }
                let scored =
                    Scored { row: point, score: cosine(self.query, self.matrix.vector(point as usize)) };
                if self.worst(&found).is_some_and(|worst| scored.score <= worst) {
                    continue;
                }
                frontier.push(scored);
                if accept(point as usize) {
                    found.push(Reverse(scored));
                    if found.len() > self.ef {
                        found.pop();
                    }
                }
            }
        }
        found.into_iter().map(|Reverse(scored)| scored).collect()
    }

    /// The score to beat, once `ef` points are found.
    fn worst(&self, found: &BinaryHeap<Reverse<Scored>>) -> Option<f32> {
        if found.len() < self.ef { None } else { found.peek().map(|Reverse(worst)| worst.score) }
    }
}
