//! Judging pairs of records that are in no store.

use std::collections::HashMap;

use cognate_corpus::Paper;
use cognate_dedup::{Evidence, Judging, Judgment, Profile, reason};
use cognate_embed::Encoder;
use cognate_vector::UnitVector;
use rayon::prelude::*;

use crate::error::EngineError;
use crate::model::ModelChoice;
use crate::recipe::embedded_text;

/// A pair as judged, with the reason in words.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedPair {
    /// What was found.
    pub judgment: Judgment,
    /// Why, in words.
    pub reason: String,
}

/// Judges pairs of records. The model is loaded when both records of a pair first have an abstract: titles alone
/// are compared by their words.
pub struct PairJudge {
    judging: Judging,
    model: ModelChoice,
    encoder: Option<Encoder>,
}

impl PairJudge {
    /// Judges by these rules, with this model.
    #[must_use]
    pub fn new(judging: Judging, model: ModelChoice) -> Self {
        Self { judging, model, encoder: None }
    }

    /// Judges pairs, in their order.
    ///
    /// # Errors
    /// [`EngineError::Embed`] if the model cannot be loaded, or cannot embed.
    pub fn judge(&mut self, pairs: &[(Paper, Paper)]) -> Result<Vec<JudgedPair>, EngineError> {
        let vectors = self.embed_abstracts(pairs)?;
        let judge = |(a, b): &(Paper, Paper)| {
            let vector = |paper| vectors.get(&embedded_text(paper));
            let cosine = vector(a).zip(vector(b)).map(|(a, b)| a.cosine(b));
            let (a, b) = (Profile::new(a), Profile::new(b));
            let judgment = Judgment::new(Evidence::new(&a, &b, cosine), &self.judging);
            let reason = reason(&judgment.evidence, (&a, &b));
            JudgedPair { judgment, reason }
        };
        Ok(pairs.par_iter().map(judge).collect())
    }

    /// The vectors of the texts that are compared, by text, rounded as in a store.
    fn embed_abstracts(
        &mut self,
        pairs: &[(Paper, Paper)],
    ) -> Result<HashMap<String, UnitVector>, EngineError> {
        let have_abstracts =
            |(a, b): &&(Paper, Paper)| a.abstract_text.is_some() && b.abstract_text.is_some();
        let pairs = pairs.iter().filter(have_abstracts);
        let mut texts: Vec<String> = pairs.flat_map(|(a, b)| [embedded_text(a), embedded_text(b)]).collect();
        texts.sort_unstable();
        texts.dedup();
        if texts.is_empty() {
            return Ok(HashMap::new());
        }
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(self.model.load(None)?),
        };
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vectors = encoder.embed_passages(&borrowed)?;
        let rounded = vectors.iter().map(UnitVector::rounded_to_f16);
        Ok(texts.into_iter().zip(rounded).collect())
    }
}
