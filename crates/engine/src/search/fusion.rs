//! One score from two rankings.
//!
//! Cosine and BM25 are each scaled to 0 to 1 over the thousand best of their own ranking (the lowest of
//! them is 0, the best is 1), and added in the proportion of [`SEMANTIC_RATIO`]: a convex combination, after
//! Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (2023). A paper that one
//! ranking does not have gets the score that it would have had there. Where even the best paper has little
//! of the query's words, BM25 is scaled by [`WEAK`] instead, so that a chance word in common does not count
//! as much as a paper that has them all.
//!
//! Parameters were chosen on SciFact's training queries and Cranfield (nDCG@10 .7372 and .5644 at 0.4, .7378 and
//! .5676 at 0.45), where
//! ratios from 0.35 to 0.55 are within .004 of each other, reciprocal rank fusion is .015 and .011 lower, and
//! other depths, powers of the parts, their product, and weights by the query's length change nothing that
//! holds on both. Moving the query towards its first three dense hits adds .001 and .003 for a second search.

use super::rank::Candidate;

/// The depth over which scores are scaled, and to which both rankings are made at least.
pub(super) const DEPTH: usize = 1_000;

/// The part of meaning when the request does not say: the best on SciFact's training queries, and within a
/// thousandth of the best on Cranfield's; from 0.35 to 0.55 it matters little.
pub(super) const SEMANTIC_RATIO: f32 = 0.4;

/// The part of the highest imaginable BM25 from which on a best paper counts as such. On collections with
/// judgments nothing changes by it (SciFact's training queries −.0001, at 0.2 −.0005; Cranfield ±0).
pub(super) const WEAK: f32 = 0.1;

/// Maps scores to `[0, 1]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    lowest: f32,
    best: f32,
}

impl Scale {
    /// The scale of a ranking, given from the best to the worst; only the first [`DEPTH`] count.
    pub(super) fn of(scores: impl Iterator<Item = f32>) -> Self {
        let (lowest, best) = scores
            .take(DEPTH)
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), score| (low.min(score), high.max(score)));
        Self { lowest, best }
    }

    /// The same scale, but that its best is at least `best`.
    pub(super) fn reaching(self, best: f32) -> Self {
        Self { best: self.best.max(best), ..self }
    }

    /// Where `score` lies between the lowest and the best.
    pub(super) fn scaled(self, score: f32) -> f32 {
        let range = self.best - self.lowest;
        if range > 0.0 {
            ((score - self.lowest) / range).clamp(0.0, 1.0)
        } else {
            // A single score, which what reaches it is as good as; or none.
            f32::from(u8::from(self.best.is_finite() && score >= self.best))
        }
    }
}

/// Gives each candidate, which has both scores, its place between the best and the worst.
pub(super) fn fuse(candidates: &mut [Candidate], scales: (Scale, Scale), semantic_ratio: f32) {
    for candidate in candidates {
        let semantic = candidate.semantic.map_or(0.0, |score| scales.0.scaled(score));
        let keyword = candidate.keyword.map_or(0.0, |score| scales.1.scaled(score));
        candidate.scaled = (semantic, keyword);
        candidate.score = semantic_ratio * semantic + (1.0 - semantic_ratio) * keyword;
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn scores_are_scaled_over_their_own_ranking() {
        let scale = Scale::of([0.8, 0.5, 0.3].into_iter());
        assert_eq!(scale.scaled(0.8), 1.0);
        assert_eq!(scale.scaled(0.3), 0.0);
        assert_eq!(scale.scaled(-0.2), 0.0);
        assert!((scale.scaled(0.55) - 0.5).abs() < 1e-6);
        let one = Scale::of([2.0].into_iter());
        assert_eq!((one.scaled(2.0), one.scaled(0.0)), (1.0, 0.0));
        let none = Scale::of(std::iter::empty());
        assert_eq!(none.scaled(0.0), 0.0);
    }
}
