//! Which model embeds, and the model once it is loaded.

use std::sync::Arc;

use cognate_embed::{Encoder, EncoderOptions, ModelFolder, ModelRoots, Precision};

use crate::error::EngineError;
use crate::query_batcher::QueryBatcher;
use crate::stored_model::StoredModel;

/// Which model to load, where to look for it, and how to run it. What is left open follows the store,
/// if there is one, else the model and the defaults.
#[derive(Debug, Clone)]
pub struct ModelChoice {
    /// A name or a folder; else the store's model, else [`DEFAULT_MODEL`].
    pub name: Option<String>,
    /// Where names are looked up.
    pub roots: ModelRoots,
    /// The arithmetic; else the store's, else int8.
    pub precision: Option<Precision>,
    /// Put before every query; else as in the store, else as the model has it.
    pub query_prefix: Option<String>,
    /// Put before every paper's text; else as in the store, else as the model has it.
    pub passage_prefix: Option<String>,
    /// Components of a vector that are kept; else as in the store, else all.
    pub dim: Option<usize>,
}

impl ModelChoice {
    /// The name under which the model is looked up.
    #[must_use]
    pub fn name_for<'a>(&'a self, stored: Option<&'a StoredModel>) -> &'a str {
        self.name.as_deref().or(stored.map(|stored| stored.name.as_str())).unwrap_or(DEFAULT_MODEL)
    }

    /// Loads the model, for a store whose vectors are by `stored`. What is left open follows the store only where the
    /// store's model is this one: another has prefixes and dimensions of its own.
    ///
    /// # Errors
    /// [`EngineError::Embed`] if it cannot be found or read.
    pub fn load(&self, stored: Option<&StoredModel>) -> Result<Encoder, EngineError> {
        let precision = match (self.precision, stored) {
            (Some(precision), _) => precision,
            (None, Some(stored)) => stored.precision.parse()?,
            (None, None) => Precision::default(),
        };
        let options = EncoderOptions {
            precision,
            query_prefix: self.query_prefix.clone(),
            passage_prefix: self.passage_prefix.clone(),
            dim: self.dim,
        };
        let folder = ModelFolder::locate(self.name_for(stored), &self.roots)?;
        let encoder = Encoder::load(&folder, &options)?;
        match stored.filter(|stored| stored.has_weights_of(encoder.identity())) {
            None => Ok(encoder),
            Some(stored) => {
                let EncoderOptions { precision, query_prefix, passage_prefix, dim } = options;
                Ok(encoder.with_options(&EncoderOptions {
                    precision,
                    query_prefix: query_prefix.or_else(|| Some(stored.query_prefix.clone())),
                    passage_prefix: passage_prefix.or_else(|| Some(stored.passage_prefix.clone())),
                    dim: dim.or(Some(stored.dim)),
                })?)
            }
        }
    }
}

/// The model of a new store, when none is named.
pub const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2";

/// A loaded model and the thread that embeds queries with it.
pub(crate) struct Model {
    pub(crate) encoder: Arc<Encoder>,
    pub(crate) queries: QueryBatcher,
    pub(crate) identity: StoredModel,
}

impl Model {
    /// Starts the query thread of a loaded encoder.
    pub(crate) fn start(encoder: Encoder) -> Result<Self, EngineError> {
        let encoder = Arc::new(encoder);
        let identity = StoredModel::of(encoder.identity());
        let of_queries = Arc::clone(&encoder);
        let queries = QueryBatcher::start(move |texts| of_queries.embed_queries(texts))?;
        Ok(Self { encoder, queries, identity })
    }
}
