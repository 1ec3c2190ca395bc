//! How likely it is that a hit is what was asked for.
//!
//! The best papers of an answer, by score, tell how well it fits the query at all: each has log odds of its own, by its
//! cosine and by the part of the query's words that it has, and the highest of these are the answer's. From there the
//! odds fall with the score. So a score means the same for every query, and relevance never rises with rank.

use super::fusion;
use super::request::Mode;

/// What tells how well a paper fits a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    /// What it is ranked by.
    pub(super) score: f32,
    /// Cosine; −1 where there is none.
    pub(super) cosine: f32,
    /// BM25; 0 where there is none.
    pub(super) keyword: f32,
    /// The part of the query's words that it has.
    pub(super) coverage: f32,
}

/// What the best papers of an answer tell of how well they fit the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueryEvidence {
    /// How the papers were ranked.
    pub mode: Mode,
    /// The part of meaning in hybrid scores.
    pub ratio: f32,
    /// How many words of the query tell something.
    pub n_words: f32,
    /// The BM25 that no paper reaches.
    pub bound: f32,
    /// The highest log odds that one of the best has by itself.
    odds: f32,
    /// The highest score.
    best_score: f32,
    /// The highest cosine among them.
    best_cosine: f32,
    /// How many cosines a score is the sum of, in [`Mode::Semantic`].
    n_cosines: f32,
}

/// From here on a paper counts as relevant; where not even the best paper is, nothing fits well.
pub const RELEVANCE_CUT: f32 = 0.15;

// Those of a paper by itself were chosen with `scripts/fit-relevance` on judged queries of SciFact, Cranfield and CISI, questions
// from elsewhere and single words and pairs of the collections; docs/ranking.md says what they do. What a paper behind the best loses
// was set by hand: a regression on the judged hits gives 5.5 and 4.4 for the first two.

/// The log odds of a paper: at a cosine of 0 and no word of the query; for the cosine; and for all words of the query, where words
/// alone count.
const OWN: [f32; 3] = [-4.4, 5.7, 6.0];
/// The same for rankings by meaning: at a cosine of 0, and for the cosine.
const OWN_BY_MEANING: [f32; 2] = [-3.9, 5.7];
/// What a paper loses for what it is behind the best, in units of cosine, where meaning counts as in long queries; and of
/// the whole score, where words alone count: the weaker of two papers with a rare word is no chance hit.
const BEHIND: f32 = 6.8;
const BEHIND_BY_WORDS: f32 = 4.5;
/// The part of meaning in long queries.
const LONG: f32 = 0.8;

/// The same for rankings by words: at no words; for all words; for the logarithm of BM25.
const OWN_BY_WORDS: [f32; 3] = [-10.8, 7.0, 2.5];
/// What a paper loses that has nothing of the BM25 of the best.
const BEHIND_IN_WORDS: f32 = 5.65;

impl QueryEvidence {
    /// What the best papers of an answer tell.
    pub(super) fn new(mode: Mode, ratio: f32, (n_words, bound): (f32, f32), best: &[Fit]) -> Self {
        let highest = |of: &dyn Fn(&Fit) -> f32, none: f32| best.iter().map(of).fold(none, f32::max);
        Self {
            mode,
            ratio,
            n_words,
            bound,
            odds: highest(&|fit| odds_of_own(mode, ratio, fit), f32::NEG_INFINITY),
            best_score: highest(&|fit| fit.score, f32::NEG_INFINITY),
            best_cosine: highest(&|fit| fit.cosine, -1.0),
            n_cosines: 1.0,
        }
    }

    /// The same of papers near others, whose scores are sums of so many cosines.
    pub(super) fn of_sums(n_cosines: usize, best: &[Fit]) -> Self {
        let n_cosines = n_cosines.max(1) as f32;
        let of_mean = |fit: &Fit| Fit { cosine: fit.score / n_cosines, ..*fit };
        let best: Vec<Fit> = best.iter().map(of_mean).collect();
        Self { n_cosines, ..Self::new(Mode::Semantic, 1.0, (0.0, 0.0), &best) }
    }

    /// The same where the best paper is one that the query names.
    pub(super) fn of_named(self) -> Self {
        Self { odds: f32::INFINITY, ..self }
    }

    /// How likely it is that a paper of this score is what was asked for, from 0 to 1. Rises with the score.
    #[must_use]
    pub fn relevance(&self, score: f32) -> f32 {
        let behind = (self.best_score - score).max(0.0);
        let (upper, lower) = self.slopes();
        let in_upper = behind.min(self.length_of_upper());
        let odds = self.odds - upper * in_upper - lower * (behind - in_upper);
        // NaN, of two infinities, where there is no paper.
        if odds > f32::NEG_INFINITY { 1.0 / (1.0 + (-odds).exp()) } else { 0.0 }
    }

    /// The score from which on the relevance is at least this.
    #[must_use]
    pub fn score_for(&self, relevance: f32) -> f32 {
        if relevance <= 0.0 {
            return f32::NEG_INFINITY;
        }
        let to_lose = self.odds - (relevance / (1.0 - relevance)).ln();
        if relevance >= 1.0 || to_lose.is_nan() || to_lose < 0.0 {
            return f32::INFINITY;
        }
        let (upper, lower) = self.slopes();
        let in_upper = (to_lose / upper).min(self.length_of_upper());
        self.best_score - in_upper - (to_lose - upper * in_upper).max(0.0) / lower
    }

    /// The relevance of the best paper, from 0 to 1; 0 where there is none.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        self.relevance(self.best_score)
    }

    /// Whether something fits well.
    #[must_use]
    pub fn fits_well(&self) -> bool {
        self.confidence() >= RELEVANCE_CUT
    }

    /// What odds are lost for each unit of score: near the best, and where nothing but meaning is left of the score.
    fn slopes(&self) -> (f32, f32) {
        match self.mode {
            Mode::Semantic => (BEHIND / self.n_cosines, BEHIND / self.n_cosines),
            Mode::Keyword => {
                let slope = BEHIND_IN_WORDS / self.best_score.max(1e-3);
                (slope, slope)
            }
            Mode::Hybrid => {
                let by_meaning = (self.ratio / LONG).min(1.0);
                let range = (self.best_cosine + 1.0).max(1e-3);
                let upper = by_meaning * BEHIND * range + (1.0 - by_meaning) * BEHIND_BY_WORDS;
                (upper, upper.max(OWN[1] * range / self.ratio.max(1e-3)))
            }
        }
    }

    /// How far below the best a score may be made of meaning alone, with what near papers add.
    fn length_of_upper(&self) -> f32 {
        match self.mode {
            Mode::Semantic | Mode::Keyword => f32::INFINITY,
            Mode::Hybrid => {
                let by_words = (self.best_score - self.ratio).max(0.0);
                by_words * (1.0 - fusion::most_gain(self.ratio))
            }
        }
    }
}

/// The log odds of a paper by what it has itself.
fn odds_of_own(mode: Mode, ratio: f32, fit: &Fit) -> f32 {
    let Fit { cosine, keyword, coverage, .. } = *fit;
    match mode {
        Mode::Semantic => OWN_BY_MEANING[0] + OWN_BY_MEANING[1] * cosine,
        Mode::Hybrid => OWN[0] + OWN[1] * cosine + OWN[2] * (1.0 - ratio) * coverage,
        Mode::Keyword => OWN_BY_WORDS[0] + OWN_BY_WORDS[1] * coverage + OWN_BY_WORDS[2] * keyword.ln_1p(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fit(score: f32, cosine: f32, keyword: f32, coverage: f32) -> Fit {
        Fit { score, cosine, keyword, coverage }
    }

    fn evidence() -> impl Strategy<Value = QueryEvidence> {
        let modes = prop::sample::select(vec![Mode::Hybrid, Mode::Semantic, Mode::Keyword]);
        let fits = (-1.0f32..=1.0, -1.0f32..=1.0, 0.0f32..100.0, 0.0f32..=1.0)
            .prop_map(|(score, cosine, keyword, coverage)| fit(score, cosine, keyword, coverage));
        (modes, 0.0f32..=1.0, prop::collection::vec(fits, 0..5)).prop_map(|(mode, ratio, mut best)| {
            for fit in &mut best {
                // Scores are what they are in each mode.
                fit.score = match mode {
                    Mode::Hybrid => fit.score.abs(),
                    Mode::Semantic => fit.cosine,
                    Mode::Keyword => fit.keyword,
                };
            }
            QueryEvidence::new(mode, ratio, (0.0, 0.0), &best)
        })
    }

    proptest! {
        #[test]
        fn relevance_rises_with_the_score_and_a_cut_is_a_score(
            evidence in evidence(),
            parts in prop::collection::vec(0.0f32..=1.0, 2..10),
            cut in 0.0f32..=1.0,
        ) {
            let best = evidence.best_score;
            let mut scores: Vec<f32> = parts.iter().map(|part| part * best.max(0.0) - (1.0 - part)).collect();
            scores.sort_by(f32::total_cmp);
            let relevances: Vec<f32> = scores.iter().map(|score| evidence.relevance(*score)).collect();
            prop_assert!(relevances.is_sorted());
            prop_assert!(relevances.iter().all(|relevance| (0.0..=1.0).contains(relevance)));
            prop_assert!(relevances.iter().all(|relevance| *relevance <= evidence.confidence()));
            let least = evidence.score_for(cut);
            for (score, relevance) in scores.iter().zip(relevances) {
                prop_assert!((relevance - cut).abs() < 1e-3 || (relevance >= cut) == (*score >= least));
            }
        }
    }

    #[test]
    fn one_rare_word_that_papers_have_fits_well_and_a_chance_word_does_not() {
        // The second paper has the word as well, the third does not.
        let (ratio, best) =
            (0.1, [fit(0.98, 0.15, 12.0, 1.0), fit(0.55, 0.1, 6.0, 1.0), fit(0.1, 0.2, 0.0, 0.0)]);
        let found = QueryEvidence::new(Mode::Hybrid, ratio, (0.0, 0.0), &best);
        assert!(found.relevance(0.98) > 0.5, "{found:?}");
        assert!(found.relevance(0.55) > RELEVANCE_CUT, "{found:?}");
        assert!(found.relevance(0.1) < RELEVANCE_CUT, "{found:?}");
        // What near papers add to a third that has not the word is no word.
        let near = QueryEvidence::new(Mode::Hybrid, ratio, (1.0, 20.0), &[fit(1.0, 0.6, 12.0, 1.0)]);
        assert!(near.relevance(0.14) < RELEVANCE_CUT, "{near:?}");
        let by_words = QueryEvidence::new(Mode::Keyword, 0.0, (1.0, 20.0), &[fit(12.0, -1.0, 12.0, 1.0)]);
        assert!(by_words.fits_well(), "{by_words:?}");
        let chance = QueryEvidence::new(Mode::Hybrid, 0.8, (6.0, 60.0), &[fit(0.98, 0.2, 3.0, 0.15)]);
        assert!(!chance.fits_well(), "{chance:?}");
        assert!(!QueryEvidence::new(Mode::Hybrid, 0.8, (6.0, 60.0), &[]).fits_well());
    }
}
