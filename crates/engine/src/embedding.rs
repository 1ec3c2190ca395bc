//! The model by itself: vectors and tokens of any text.

use cognate_embed::{SpecialTokens, Token, UnitVector};

use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::StoredPaper;

/// What a text is to the model, which decides what is put before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// Nothing is put before it.
    #[default]
    AsGiven,
    /// A question.
    Query,
    /// What is searched in, such as an abstract.
    Passage,
}

/// Texts embedded between two looks at whether they are still wanted.
const PORTION: usize = 256;

/// Vectors of texts, and what they took.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// Unit vectors, `f32 [n_texts, dim]`, in the order of the texts.
    pub vectors: Vec<UnitVector>,
    /// Tokens that the model was given, special ones included.
    pub n_tokens: usize,
}

impl Engine {
    /// Embeds texts with the model of this data folder; what is longer than the model takes is cut.
    ///
    /// # Errors
    /// [`EngineError::Superseded`] if it was cancelled, else as [`Engine::load_model`].
    pub fn embed(&self, cancel: &Cancel, texts: &[&str], role: Role) -> Result<Embedded, EngineError> {
        let model = self.model()?;
        let encoder = &model.encoder;
        let prefix = match role {
            Role::AsGiven => "",
            Role::Query => encoder.identity().query_prefix.as_str(),
            Role::Passage => encoder.identity().passage_prefix.as_str(),
        };
        let mut vectors = Vec::with_capacity(texts.len());
        for portion in texts.chunks(PORTION) {
            cancel.check()?;
            vectors.extend(match role {
                Role::AsGiven => encoder.embed_raw(portion)?,
                Role::Query => encoder.embed_queries(portion)?,
                Role::Passage => encoder.embed_passages(portion)?,
            });
        }
        let n_tokens = texts.iter().map(|text| encoder.count_tokens(&format!("{prefix}{text}"))).sum();
        Ok(Embedded { vectors, n_tokens })
    }

    /// The tokens of a text as given, also those past what the model takes.
    ///
    /// # Errors
    /// As [`Engine::load_model`].
    pub fn tokens(&self, text: &str, special: SpecialTokens) -> Result<Vec<Token>, EngineError> {
        Ok(self.model()?.encoder.tokens(text, special)?)
    }

    /// The stored vector of a paper; `None` if it has gone, or has no text.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn vector_of(&self, stored: &StoredPaper) -> Result<Option<UnitVector>, EngineError> {
        match self.remote() {
            Some(remote) => {
                let mut vectors = remote.vectors_of(&Cancel::default(), &[&stored.paper.id])?;
                Ok(vectors.remove(stored.paper.id.as_str()))
            }
            None => self.store()?.reader()?.vector(stored.row),
        }
    }
}
