//! Why a paper is a hit.

use std::cmp::Reverse;
use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation;

use super::Ranked;
use super::fusion::{self, DEPTH};
use super::rank::{Candidate, Question};
use super::response::{BestSentence, Explanation, Hit, Part};
use super::sentences::{Sentence, sentences};
use crate::backend::Backend;
use crate::engine::Engine;
use crate::error::EngineError;

/// Hits whose sentences are embedded together: enough that all processors have work to the end, few enough that
/// an answer which is no longer wanted soon ends.
const HITS_AT_A_TIME: usize = 10;

/// Sentences of one abstract that the model reads at the most: nearly all abstracts have fewer.
const MAX_SENTENCES: usize = 24;

impl Engine {
    /// Explains the hits of a page.
    pub(super) fn explain(
        &self,
        backend: &dyn Backend,
        hits: &mut [Hit],
        (question, ranked): (&Question<'_>, &Ranked),
    ) -> Result<(), EngineError> {
        let best = self.best_sentences(hits, question)?;
        let keys: Vec<u32> = hits.iter().map(|hit| hit.paper.row).collect();
        let matched = match &question.words {
            Some(words) => backend.matched_terms(&question.cancel, words, &keys)?,
            None => vec![Vec::new(); hits.len()],
        };
        for ((hit, best_sentence), matched_terms) in hits.iter_mut().zip(best).zip(matched) {
            let Some(candidate) = ranked.page.iter().find(|candidate| candidate.row == hit.paper.row) else {
                continue;
            };
            let is_fused = ranked.ranking.ratio.is_some();
            let part = |score: fn(&Candidate) -> Option<f32>, fused: f32, lowest: f32| {
                let own = score(candidate)?;
                let others = || ranked.ranking.candidates.iter().filter_map(score);
                let rank = 1 + others().filter(|other| *other > own).count();
                // Where one ranking makes the score, it is scaled as it would be for a sum.
                let alone = || fusion::scaled(own, (lowest, others().fold(own, f32::max)));
                let scaled = if is_fused { fused } else { alone() };
                Some(Part { rank: (rank <= DEPTH).then_some(rank), score: own, scaled })
            };
            hit.explanation = Some(Explanation {
                semantic: part(|candidate| candidate.semantic, candidate.scaled.0, -1.0),
                // A paper without a word of the query is in no ranking by words.
                keyword: part(
                    |candidate| candidate.keyword.filter(|score| *score > 0.0),
                    candidate.scaled.1,
                    0.0,
                ),
                semantic_ratio: ranked.ranking.ratio,
                neighbours: ranked.ranking.ratio.map(|_| candidate.neighbours),
                best_sentence,
                matched_terms,
            });
        }
        Ok(())
    }

    /// For each hit, the sentence of its abstract that comes nearest to the question.
    fn best_sentences(
        &self,
        hits: &[Hit],
        question: &Question<'_>,
    ) -> Result<Vec<Option<BestSentence>>, EngineError> {
        let Some(vector) = question.vector()? else { return Ok(vec![None; hits.len()]) };
        let model = self.model()?;
        let mut nearest = Vec::with_capacity(hits.len());
        for hits in hits.chunks(HITS_AT_A_TIME) {
            question.cancel.check()?;
            let of_hits: Vec<_> = hits
                .iter()
                .map(|hit| most_alike(question.text, hit.paper.paper.abstract_text.as_deref().unwrap_or("")))
                .collect();
            let texts: Vec<&str> = of_hits.iter().flatten().map(|sentence| sentence.text).collect();
            let mut vectors = model.encoder.embed_passages(&texts)?.into_iter();
            nearest.extend(of_hits.into_iter().map(|of_hit| {
                let scored = of_hit.into_iter().zip(&mut vectors).map(|(sentence, own)| BestSentence {
                    chars: sentence.chars,
                    score: vector.cosine(&own),
                });
                scored.reduce(|best, next| if next.score > best.score { next } else { best })
            }));
        }
        Ok(nearest)
    }
}

/// The sentences of a text in their order; of many, those that have most words of the question, and then the first.
fn most_alike<'t>(question: &str, text: &'t str) -> Vec<Sentence<'t>> {
    let mut sentences = sentences(text);
    if sentences.len() <= MAX_SENTENCES {
        return sentences;
    }
    let words: HashSet<String> = question.unicode_words().map(str::to_lowercase).collect();
    let n_common = |sentence: &Sentence<'_>| {
        let own: HashSet<String> = sentence.text.unicode_words().map(str::to_lowercase).collect();
        own.intersection(&words).count()
    };
    sentences.sort_by_cached_key(|sentence| Reverse(n_common(sentence)));
    sentences.truncate(MAX_SENTENCES);
    sentences.sort_unstable_by_key(|sentence| sentence.chars.start);
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_sentences_those_most_alike_are_looked_at() {
        let sentence = |at: usize| match at {
            700 => "The bees of this colony dance on the comb for long. ".to_owned(),
            at => format!("In experiment {at} nothing was to be seen at all. "),
        };
        let text: String = (0..1_000).map(sentence).collect();
        let found = most_alike("Why do bees dance on a comb?", &text);
        assert_eq!(found.len(), MAX_SENTENCES);
        assert!(found.iter().any(|sentence| sentence.text.contains("bees")), "{found:?}");
        assert!(found.is_sorted_by_key(|sentence| sentence.chars.start));
        let short: String = (0..MAX_SENTENCES).map(sentence).collect();
        assert_eq!(most_alike("bees", &short).len(), MAX_SENTENCES);
    }
}
