//! One score from two rankings.
//!
//! Cosine and BM25 are each scaled from what they cannot be below (−1 and 0) to the best of their own ranking, and
//! added in proportion: a convex combination with theoretical minima, after Bruch, Gai and Ingber, "An Analysis of
//! Fusion Functions for Hybrid Retrieval" (2023). The scaled score of a row thus depends on that row and the best
//! one alone, however deep the rankings are made. Where even the best paper has little of the query's words, BM25 is
//! scaled by [`WEAK`] instead, so that a chance word in common does not count as much as a paper that has them all.
//!
//! The proportion follows from the query, unless the request says one: a single word is looked for as such, a
//! sentence by what it means ([`automatic_ratio`]). Then the best rows gain from those near them ([`add_neighbours`]),
//! since papers that answer the same question are alike (van Rijsbergen's cluster hypothesis; Diaz, "Regularizing ad
//! hoc retrieval scores", 2005).
//!
//! nDCG@10 on SciFact's test and training queries, Cranfield, CISI and Vaswani: .743, .742, .569, .451, .514 at the fixed
//! ratio 0.8; .745, .742, .569, .447, .516 with the ratio by the query; .751, .745, .580, .466, .519 with neighbours on top. The
//! better of cosine and BM25 has .707, .709, .528, .425, .448. A gain of 0.3 is as good on SciFact, and .008 and .013 lower on
//! Cranfield and CISI; with the twelfth power of the cosine little changes.

use cognate_vector::UnitVector;

use super::rank::Candidate;

/// The depth to which both rankings are made, whatever the page.
pub(super) const DEPTH: usize = 200;

/// The part of the highest imaginable BM25 from which on a best paper counts as such. On collections with
/// judgments nothing changes by it (SciFact's training queries −.0001, at 0.2 −.0005; Cranfield ±0).
const WEAK: f32 = 0.1;

/// The part of meaning in the sum, by the number of words that tell something: straight lines between these points.
const RATIOS: [(f32, f32); 3] = [(1.0, 0.1), (2.0, 0.5), (4.0, 0.8)];

/// How many of the best rows gain from one another.
pub(super) const N_NEIGHBOURS: usize = 50;
/// What a row gains at most, as a part of what it lacks, where meaning counts as in long queries.
const NEIGHBOURS_GAIN: f32 = 0.9;

/// The part of meaning for a query with so many words that tell something, counted as
/// [`n_telling_words`](cognate_keyword::Ranking::n_telling_words) does.
pub(super) fn automatic_ratio(n_telling_words: f32) -> f32 {
    let [first, .., last] = RATIOS;
    let between = RATIOS.windows(2).find(|pair| n_telling_words < pair[1].0);
    match between {
        _ if n_telling_words <= first.0 => first.1,
        Some(&[(from, low), (to, high)]) => low + (high - low) * (n_telling_words - from) / (to - from),
        _ => last.1,
    }
}

/// How cosine and BM25 become one score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fusion {
    /// The part of meaning, from 0 to 1.
    pub(super) ratio: f32,
    best_cosine: f32,
    best_keyword: f32,
}

impl Fusion {
    /// With the best cosine and BM25 of the rows that may be answers, and the highest BM25 imaginable.
    pub(super) fn new(ratio: f32, best_cosine: f32, (best_keyword, bound): (f32, f32)) -> Self {
        Self { ratio, best_cosine, best_keyword: best_keyword.max(WEAK * bound) }
    }

    /// Cosine and BM25, each from 0 to 1.
    pub(super) fn scaled(&self, cosine: f32, keyword: f32) -> (f32, f32) {
        (scaled(cosine, (-1.0, self.best_cosine)), scaled(keyword, (0.0, self.best_keyword)))
    }

    /// The score of a row, from 0 to 1. Rises with both.
    pub(super) fn score(&self, cosine: f32, keyword: f32) -> f32 {
        self.sum(self.scaled(cosine, keyword))
    }

    /// The least cosine with which a row of this BM25 has at least this score.
    pub(super) fn cosine_for(&self, score: f32, keyword: f32) -> f32 {
        let lacking = score - (1.0 - self.ratio) * scaled(keyword, (0.0, self.best_keyword));
        match self.ratio {
            _ if lacking <= 0.0 => -1.0,
            ratio if ratio > 0.0 => lacking / ratio * (self.best_cosine + 1.0) - 1.0,
            _ => f32::INFINITY,
        }
    }

    fn sum(&self, (semantic, keyword): (f32, f32)) -> f32 {
        self.ratio * semantic + (1.0 - self.ratio) * keyword
    }

    /// Gives a candidate, which has both scores, its place between the best and the worst. Its cosine counts as
    /// `most_cosine` at the most.
    pub(super) fn fuse(&self, candidate: &mut Candidate, most_cosine: f32) {
        let cosine = candidate.semantic.unwrap_or(-1.0).min(most_cosine);
        candidate.scaled = self.scaled(cosine, candidate.keyword.unwrap_or(0.0));
        candidate.score = self.sum(candidate.scaled);
    }
}

/// Where `score` lies between the lowest and the best.
pub(super) fn scaled(score: f32, (lowest, best): (f32, f32)) -> f32 {
    let range = best - lowest;
    if range > 0.0 { ((score - lowest) / range).clamp(0.0, 1.0) } else { 0.0 }
}

/// What a row gains from its neighbours at most, as a part of what it lacks to the best.
pub(super) fn most_gain(ratio: f32) -> f32 {
    NEIGHBOURS_GAIN * (ratio / RATIOS[RATIOS.len() - 1].1).min(1.0)
}

/// Has candidates, the best first, gain from those near them. With scores stretched so that the first has 1 and the last
/// 0, each gains a part of what it lacks, by the mean score of the others, those weighted by the eighth power of their
/// cosine to it. None of them loses, and none passes the best score that there was.
pub(super) fn add_neighbours(best: &mut [Candidate], vectors: &[Option<UnitVector>], ratio: f32) {
    let (Some(first), Some(last)) = (best.first(), best.last()) else { return };
    let (high, low) = (first.score, last.score);
    let range = high - low;
    if range <= 0.0 {
        return;
    }
    let scores: Vec<f32> = best.iter().map(|candidate| (candidate.score - low) / range).collect();
    let gain = most_gain(ratio);
    for (at, candidate) in best.iter_mut().enumerate() {
        let Some(own) = &vectors[at] else { continue };
        let (mut sum, mut weights) = (0.0, 0.0);
        for (other, score) in scores.iter().enumerate().filter(|(other, _)| *other != at) {
            let cosine = vectors[other].as_ref().map_or(0.0, |other| own.cosine(other).max(0.0));
            let weight = cosine.powi(8);
            sum += weight * score;
            weights += weight;
        }
        if weights > 0.0 {
            candidate.neighbours = gain * (sum / weights) * (1.0 - scores[at]) * range;
            candidate.score = (candidate.score + candidate.neighbours).min(high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_scaled_from_what_none_is_below_to_the_best() {
        let fusion = Fusion::new(0.75, 0.5, (8.0, 20.0));
        assert_eq!(fusion.scaled(0.5, 8.0), (1.0, 1.0));
        assert_eq!(fusion.scaled(-1.0, 0.0), (0.0, 0.0));
        assert_eq!(fusion.scaled(-0.25, 2.0), (0.5, 0.25));
        assert_eq!(fusion.score(-0.25, 2.0), 0.75 * 0.5 + 0.25 * 0.25);
        assert!((fusion.cosine_for(0.75 * 0.5 + 0.25 * 0.25, 2.0) + 0.25).abs() < 1e-6);
        assert_eq!(fusion.cosine_for(0.2, 8.0), -1.0);
        // The best has a chance word of many.
        assert_eq!(Fusion::new(0.75, 0.5, (1.0, 20.0)).scaled(0.5, 1.0), (1.0, 0.5));
        // Nothing is near, and no row has a word.
        assert_eq!(Fusion::new(0.75, -1.0, (0.0, 0.0)).scaled(-1.0, 0.0), (0.0, 0.0));
    }

    #[test]
    fn the_part_of_meaning_rises_with_the_words() {
        assert_eq!([0.0, 1.0, 2.0, 4.0, 100.0].map(automatic_ratio), [0.1, 0.1, 0.5, 0.8, 0.8]);
        let ratios: Vec<f32> = (0..100).map(|n| automatic_ratio(n as f32 / 10.0)).collect();
        assert!(ratios.is_sorted());
    }

    #[test]
    fn a_row_gains_from_what_is_near_it() {
        let vector = |x: f32, y: f32| UnitVector::normalize(vec![x, y]).ok();
        let vectors = [vector(1.0, 0.0), vector(0.0, 1.0), vector(1.0, 0.1)];
        let mut best: Vec<Candidate> =
            [0.9, 0.6, 0.5].into_iter().map(|score| Candidate { score, ..Candidate::new(0) }).collect();
        add_neighbours(&mut best, &vectors, 0.8);
        assert!(best[2].score > best[1].score, "{best:?}");
        assert!(best.iter().all(|candidate| candidate.neighbours >= 0.0 && candidate.score <= 0.9));
        let before: Vec<f32> = best.iter().map(|candidate| candidate.score).collect();
        add_neighbours(&mut best, &vectors, 0.0);
        assert_eq!(before, best.iter().map(|candidate| candidate.score).collect::<Vec<_>>());
    }
}
