//! How likely it is that a hit is what was asked for.

use super::request::Mode;

/// What the best papers of an answer tell of how well they fit the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueryEvidence {
    /// How the papers were ranked.
    pub mode: Mode,
    /// The part of meaning in hybrid scores.
    pub ratio: f32,
    /// The highest relevance of a paper; 0 where there is none.
    pub best_relevance: f32,
    /// Cosine of the nearest paper; −1 where there is none.
    pub best_cosine: f32,
    /// The mean of the ten best.
    pub mean_cosine: f32,
    /// The best BM25; 0 where no paper has a word of the query.
    pub best_keyword: f32,
    /// The BM25 that no paper reaches.
    pub bound: f32,
    /// How many words of the query tell something.
    pub n_words: f32,
}

/// From here on a paper counts as relevant; where not even the best paper is, nothing fits well. Of the judged queries of
/// Cranfield and CISI fewer than one in a hundred are told so, of questions from elsewhere 98 in a hundred.
pub const RELEVANCE_CUT: f32 = 0.15;

// All that follow were fitted by hand to judged queries of Cranfield and CISI and to questions from elsewhere, some of them set
// rather than fitted. `scripts/fit-relevance` fits such a model anew and holds BY_COVERAGE and BEHIND_BY_WORDS; its constants
// are not these. With `--check` it counts what these do.

/// The log odds of a paper that is nearest to the query, by cosine.
const BY_COSINE: (f32, f32) = (-3.9, 5.7);
/// What the words of the query add that the best paper has, as a part of their weight, where words alone count.
const BY_COVERAGE: f32 = 5.0;
/// What a paper loses for what it is behind the best, in units of cosine, where meaning counts as in long queries; and of
/// the whole score, where words alone count: the weaker of two papers with a rare word is no chance hit.
const BEHIND: f32 = 6.8;
const BEHIND_BY_WORDS: f32 = 4.5;
/// The part of meaning in long queries.
const LONG: f32 = 0.8;

/// The same for rankings by words: at no coverage and no BM25; for all words; for the logarithm of the best BM25.
const BY_WORDS: (f32, f32, f32) = (-6.73, 4.82, 1.63);
/// What a paper loses that has nothing of the BM25 of the best.
const BEHIND_IN_WORDS: f32 = 5.65;

impl QueryEvidence {
    /// How likely it is that a paper of this score, cosine and BM25 is what was asked for, from 0 to 1. Rises with each.
    #[must_use]
    pub fn relevance(&self, score: f32, cosine: f32, keyword: f32) -> f32 {
        let (intercept, slope) = self.line();
        let by_score = intercept + slope * score;
        let odds = match self.mode {
            Mode::Hybrid => by_score.min(self.of_own(cosine, keyword)),
            Mode::Semantic | Mode::Keyword => by_score,
        };
        1.0 / (1.0 + (-odds).exp())
    }

    /// The cosine from which on what a paper of this BM25 has by itself allows it a relevance of at least this.
    #[must_use]
    pub fn cosine_for(&self, relevance: f32, keyword: f32) -> f32 {
        match relevance {
            _ if relevance <= 0.0 || self.mode != Mode::Hybrid => f32::NEG_INFINITY,
            _ if relevance >= 1.0 => f32::INFINITY,
            _ => ((relevance / (1.0 - relevance)).ln() - self.of_own(0.0, keyword)) / BY_COSINE.1,
        }
    }

    /// The log odds of a paper by what it has itself, whatever the best has: no paper's are higher. In rankings by one score
    /// the line over it says as much.
    fn of_own(&self, cosine: f32, keyword: f32) -> f32 {
        BY_COSINE.0 + BY_COSINE.1 * cosine + BY_COVERAGE * (1.0 - self.ratio) * self.coverage(keyword)
    }

    /// The score from which on the relevance is at least this, where [`cosine_for`](Self::cosine_for) allows it.
    #[must_use]
    pub fn score_for(&self, relevance: f32) -> f32 {
        let (intercept, slope) = self.line();
        match relevance {
            _ if relevance <= 0.0 => f32::NEG_INFINITY,
            _ if relevance >= 1.0 => f32::INFINITY,
            _ => ((relevance / (1.0 - relevance)).ln() - intercept) / slope,
        }
    }

    /// The relevance of the best paper, from 0 to 1; 0 where there is none.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        self.best_relevance
    }

    /// Whether something fits well.
    #[must_use]
    pub fn fits_well(&self) -> bool {
        self.confidence() >= RELEVANCE_CUT
    }

    /// The part of the weight of the query's words that a paper of this BM25 has.
    fn coverage(&self, keyword: f32) -> f32 {
        if self.bound > 0.0 { keyword / self.bound } else { 0.0 }
    }

    /// The log odds of a paper as a line over its score, which rises: intercept and slope. How high the line lies follows
    /// from the best paper, so that a score means the same for every query.
    fn line(&self) -> (f32, f32) {
        let of_best = BY_COSINE.0 + BY_COSINE.1 * self.best_cosine;
        match self.mode {
            Mode::Semantic => (of_best - BEHIND * self.best_cosine, BEHIND),
            Mode::Hybrid => {
                let by_meaning = (self.ratio / LONG).min(1.0);
                let slope = by_meaning * BEHIND * (self.best_cosine + 1.0).max(1e-3)
                    + (1.0 - by_meaning) * BEHIND_BY_WORDS;
                (of_best + BY_COVERAGE * (1.0 - self.ratio) * self.coverage(self.best_keyword) - slope, slope)
            }
            Mode::Keyword => {
                let (at_none, for_all, for_log) = BY_WORDS;
                let of_best = at_none
                    + for_all * self.coverage(self.best_keyword)
                    + for_log * self.best_keyword.ln_1p();
                (of_best - BEHIND_IN_WORDS, BEHIND_IN_WORDS / self.best_keyword.max(1e-3))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evidence(mode: Mode) -> impl Strategy<Value = QueryEvidence> {
        (0.0f32..=1.0, -1.0f32..=1.0, 0.0f32..100.0, 0.0f32..200.0).prop_map(
            move |(ratio, best_cosine, best_keyword, more)| QueryEvidence {
                mode,
                ratio,
                best_relevance: 0.0,
                best_cosine,
                mean_cosine: best_cosine,
                best_keyword,
                bound: best_keyword + more,
                n_words: 3.0,
            },
        )
    }

    proptest! {
        #[test]
        fn relevance_rises_with_the_score_and_a_cut_is_a_score_and_a_cosine(
            evidence in prop::sample::select(vec![Mode::Hybrid, Mode::Semantic, Mode::Keyword])
                .prop_flat_map(evidence),
            scores in prop::collection::vec(-1.0f32..60.0, 2..10),
            (cosine, keyword) in (-1.0f32..=1.0, 0.0f32..100.0),
            cut in 0.0f32..=1.0,
        ) {
            let mut scores = scores;
            scores.sort_by(f32::total_cmp);
            let relevances: Vec<f32> =
                scores.iter().map(|score| evidence.relevance(*score, cosine, keyword)).collect();
            prop_assert!(relevances.is_sorted());
            prop_assert!(relevances.iter().all(|relevance| (0.0..=1.0).contains(relevance)));
            let (least, least_cosine) = (evidence.score_for(cut), evidence.cosine_for(cut, keyword));
            for (score, relevance) in scores.iter().zip(relevances) {
                let is_in = *score >= least && cosine >= least_cosine;
                prop_assert!((relevance - cut).abs() < 1e-3 || (relevance >= cut) == is_in);
                prop_assert!(evidence.relevance(*score, cosine + 0.1, keyword) >= relevance);
                prop_assert!(evidence.relevance(*score, cosine, keyword + 1.0) >= relevance);
            }
        }
    }

    #[test]
    fn one_rare_word_that_papers_have_fits_well_and_a_chance_word_does_not() {
        let found = QueryEvidence {
            mode: Mode::Hybrid,
            ratio: 0.1,
            best_relevance: 0.0,
            best_cosine: 0.2,
            mean_cosine: 0.1,
            best_keyword: 12.0,
            bound: 20.0,
            n_words: 1.0,
        };
        assert!(found.relevance(0.98, 0.15, 12.0) > RELEVANCE_CUT);
        // Whatever the best paper has, one that is not near and has no word is no answer.
        assert!(found.relevance(0.98, 0.15, 0.0) < RELEVANCE_CUT);
        assert!(found.relevance(0.4, -0.13, 0.0) < RELEVANCE_CUT);
        let chance = QueryEvidence { ratio: 0.8, best_keyword: 3.0, bound: 60.0, n_words: 6.0, ..found };
        assert!(chance.relevance(0.98, 0.2, 3.0) < RELEVANCE_CUT);
    }
}
