//! The k best of a stream of scored rows, with every row that ties with the last of them.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A row and its score. Orders by score, then the smaller row first, so that "greater" is "better".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The row's number in its collection.
    pub row: u32,
    /// Cosine in `[-1, 1]`; higher is closer. Never NaN.
    pub score: f32,
}

impl Eq for Scored {}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the `k` best rows seen, in `O(log k)` a row, and beside them every row whose score equals
/// the k-th's: rows know no paper ids, so whoever breaks ties by id needs all that tie.
#[derive(Debug)]
pub struct TopK {
    k: usize,
    /// The k best, the worst of them on top.
    best: BinaryHeap<Reverse<Scored>>,
    /// Rows outside `best` whose score equals that of the worst inside.
    ties: Vec<Scored>,
}

impl TopK {
    /// An empty selection of the `k` best.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, best: BinaryHeap::with_capacity(k.min(4096) + 1), ties: Vec::new() }
    }

    /// Offers one row.
    pub fn push(&mut self, candidate: Scored) {
        if self.k == 0 {
            return;
        }
        if self.best.len() < self.k {
            self.best.push(Reverse(candidate));
            return;
        }
        let Some(&Reverse(worst)) = self.best.peek() else {
            return;
        };
        if candidate.score < worst.score {
            return;
        }
        if candidate < worst {
            self.ties.push(candidate);
            return;
        }
        self.best.push(Reverse(candidate));
        if let Some(Reverse(displaced)) = self.best.pop() {
            match self.best.peek() {
                Some(&Reverse(worst)) if worst.score == displaced.score => self.ties.push(displaced),
                _ => self.ties.clear(),
            }
        }
    }

    /// Adds all that another selection holds, as when halves of a collection were scanned apart.
    pub fn merge(&mut self, other: Self) {
        for Reverse(scored) in other.best {
            self.push(scored);
        }
        for scored in other.ties {
            self.push(scored);
        }
    }

    /// The score that a row must reach to matter, once `k` rows are held.
    #[must_use]
    pub fn threshold(&self) -> Option<f32> {
        if self.best.len() < self.k { None } else { self.best.peek().map(|Reverse(worst)| worst.score) }
    }

    /// The k best and the ties of the last, best first; equal scores in order of row.
    #[must_use]
    pub fn into_sorted(self) -> Vec<Scored> {
        let mut all: Vec<Scored> = self.best.into_iter().map(|Reverse(s)| s).chain(self.ties).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Scores from a small set, so that ties are common.
        #[test]
        fn equals_sorting_everything(
            scores in prop::collection::vec(0_u8..6, 0..60),
            k in 0_usize..12,
            split in 0_usize..60,
        ) {
            let rows: Vec<Scored> = scores
                .iter()
                .enumerate()
                .map(|(row, &s)| Scored { row: row as u32, score: f32::from(s) / 6.0 })
                .collect();
            let mut expected = rows.clone();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            if let Some(last) = k.checked_sub(1).and_then(|last| expected.get(last).copied()) {
                expected.retain(|s| s.score >= last.score);
            } else if k == 0 {
                expected.clear();
            }

            let (left, right) = rows.split_at(split.min(rows.len()));
            let (mut a, mut b) = (TopK::new(k), TopK::new(k));
            left.iter().for_each(|&s| a.push(s));
            right.iter().for_each(|&s| b.push(s));
            a.merge(b);
            prop_assert_eq!(a.into_sorted(), expected);
        }
    }
}
