//! The model, precision and recipe behind the vectors of a collection.

use std::fmt;

use cognate_embed::{ModelIdentity, Pooling};
use serde::{Deserialize, Serialize};

use crate::recipe::RECIPE;

/// The model, precision and recipe behind every vector of a store. Two stores whose values differ
/// in anything but `name` hold vectors that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredModel {
    /// The model's name, as for `--model`.
    pub name: String,
    /// SHA-256 of `model.safetensors`, lower-case hex.
    pub weights_sha256: String,
    /// Components of a vector.
    pub dim: usize,
    /// `f32` or `int8`.
    pub precision: String,
    /// Tokens after which a text is cut.
    pub max_tokens: usize,
    /// `mean` or `cls`.
    pub pooling: String,
    /// Version of the text recipe.
    pub recipe: u32,
    /// Put before every query.
    pub query_prefix: String,
    /// Put before every paper's text.
    pub passage_prefix: String,
}

impl StoredModel {
    /// What a store made with this encoder must record.
    #[must_use]
    pub fn of(identity: &ModelIdentity) -> Self {
        Self {
            name: identity.name.clone(),
            weights_sha256: identity.weights_sha256.clone(),
            dim: identity.dim,
            precision: identity.precision.to_string(),
            max_tokens: identity.max_tokens,
            pooling: match identity.pooling {
                Pooling::Mean => "mean",
                Pooling::Cls => "cls",
            }
            .to_owned(),
            recipe: RECIPE,
            query_prefix: identity.query_prefix.clone(),
            passage_prefix: identity.passage_prefix.clone(),
        }
    }

    /// Whether vectors of the two can stand in one index: all but the name must agree.
    #[must_use]
    pub fn is_compatible(&self, other: &Self) -> bool {
        let renamed = Self { name: other.name.clone(), ..self.clone() };
        renamed == *other
    }
}

impl fmt::Display for StoredModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}, {} dimensions, {} tokens, {} pooling, recipe {}, query prefix {:?}, passage prefix {:?}, weights {}…)",
            self.name,
            self.precision,
            self.dim,
            self.max_tokens,
            self.pooling,
            self.recipe,
            self.query_prefix,
            self.passage_prefix,
            self.weights_sha256.get(..12).unwrap_or(&self.weights_sha256),
        )
    }
}
