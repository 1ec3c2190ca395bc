//! Why a paper is a hit.

use super::Ranked;
use super::fusion::{self, DEPTH};
use super::rank::{Candidate, Question};
use super::request::Mode;
use super::response::{BestSentence, Explanation, Hit, Part};
use super::sentences::sentences;
use crate::engine::Engine;
use crate::error::EngineError;

/// Hits whose sentences are embedded together: enough for a full pass through the model, few enough that
/// an answer which is no longer wanted soon ends.
const HITS_AT_A_TIME: usize = 4;

impl Engine {
    /// Explains the hits of a page.
    pub(super) fn explain(
        &self,
        hits: &mut [Hit],
        question: &Question<'_>,
        ranked: &Ranked,
    ) -> Result<(), EngineError> {
        let best = self.best_sentences(hits, question)?;
        let keywords = &ranked.snapshot.keywords;
        let words = question.words.as_ref().map(|words| keywords.resolve(words)).transpose()?;
        for (hit, best_sentence) in hits.iter_mut().zip(best) {
            let Some(candidate) = ranked.page.iter().find(|candidate| candidate.row == hit.paper.row) else {
                continue;
            };
            let matched_terms = match &words {
                Some(words) => keywords.matched_terms(words, candidate.row)?,
                None => Vec::new(),
            };
            let part = |score: fn(&Candidate) -> Option<f32>, scaled: f32| {
                let own = score(candidate)?;
                let is_better = |other: &&Candidate| score(other).is_some_and(|other| other > own);
                let rank = 1 + ranked.ranking.candidates.iter().filter(is_better).count();
                Some(Part { rank: (rank <= DEPTH).then_some(rank), score: own, scaled })
            };
            let ratio = question.options.semantic_ratio.map_or(fusion::SEMANTIC_RATIO, |ratio| ratio.get());
            hit.explanation = Some(Explanation {
                semantic: part(|candidate| candidate.semantic, candidate.scaled.0),
                keyword: part(|candidate| candidate.keyword, candidate.scaled.1),
                semantic_ratio: (question.mode == Mode::Hybrid).then_some(ratio),
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
                .map(|hit| sentences(hit.paper.paper.abstract_text.as_deref().unwrap_or("")))
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
