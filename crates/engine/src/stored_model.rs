//! The model, precision and recipe behind the vectors of a collection.

use std::fmt;

use cognate_embed::{ModelIdentity, Pooling};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::recipe::RECIPE;

/// The model, precision and recipe behind every vector of a store. Two stores whose values differ
/// in anything but `name` hold vectors that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredModel {
    /// The model's name, as for `--model`.
    pub name: String,
    /// SHA-256 of `model.safetensors`, lower-case hex.
    pub weights_sha256: String,
    /// SHA-256 of the further layers after pooling, lower-case hex; empty where the model has none.
    #[serde(default)]
    pub head_sha256: String,
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
            head_sha256: identity.head_sha256.clone(),
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

    /// Whether one of the two is the other's model, whatever they were told about prefixes, dimensions and arithmetic.
    #[must_use]
    pub fn has_weights_of(&self, identity: &ModelIdentity) -> bool {
        self.weights_sha256 == identity.weights_sha256 && self.head_sha256 == identity.head_sha256
    }

    /// Takes into a hash what tells files that are derived from vectors of this model from those of any other.
    pub(crate) fn bind(&self, hasher: &mut Sha256) {
        for part in [&self.weights_sha256, &self.precision] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        hasher.update(self.recipe.to_le_bytes());
        // Nothing where there is nothing to tell, so that files of earlier releases stay good.
        if !self.head_sha256.is_empty() {
            hasher.update(self.head_sha256.as_bytes());
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
