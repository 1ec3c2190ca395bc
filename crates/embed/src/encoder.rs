//! The encoder: a loaded model with its prefixes.

use std::borrow::Cow;
use std::fmt;

use cognate_vector::UnitVector;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::batch::{TOKEN_BUDGET, batches};
use crate::bert::Bert;
use crate::config::{ModelConfig, Pooling};
use crate::tokenize::TextTokenizer;
use crate::{EmbedError, ModelFolder, ModelManifest};

/// The arithmetic of the forward pass. Vectors of different precisions do not belong in one collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Weights and activations in f32: the reference.
    F32,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
        })
    }
}

/// What vectors depend on beside the text: those of two encoders may be compared if this is equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// The model's name.
    pub name: String,
    /// SHA-256 of `model.safetensors`, 64 lowercase hex digits.
    pub weights_sha256: String,
    /// Number of components of a vector.
    pub dim: usize,
    /// The arithmetic of the forward pass.
    pub precision: Precision,
    /// Texts are cut to this many tokens, special ones included.
    pub max_tokens: usize,
    /// How token vectors become a text's.
    pub pooling: Pooling,
    /// What is put before a query.
    pub query_prefix: String,
    /// What is put before a passage.
    pub passage_prefix: String,
}

/// The user's choices where a model leaves any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncoderOptions {
    /// Put before every query, instead of what the model's `prompts` or else its manifest say.
    pub query_prefix: Option<String>,
    /// The same for passages.
    pub passage_prefix: Option<String>,
}

/// A loaded model. Immutable, and the same for any number of threads at once: share it in an `Arc`.
pub struct Encoder {
    identity: ModelIdentity,
    tokenizer: TextTokenizer,
    bert: Bert,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Encoder {
    /// Reads a sentence-transformers folder as published, and checks every file that it reads against the
    /// manifest beside the folder, if there is one.
    ///
    /// Supported is the BERT family (`model_type` `bert`, absolute positions) with mean or CLS pooling and
    /// weights in any floating-point type, which are computed in f32.
    ///
    /// # Errors
    /// Every [`EmbedError`] but the last three: a missing, damaged or contradictory file, or
    /// [`EmbedError::Unsupported`] with what it is that is not supported.
    pub fn load(folder: &ModelFolder, options: &EncoderOptions) -> Result<Self, EmbedError> {
        let config = ModelConfig::read(folder)?;
        let tokenizer = TextTokenizer::load(folder, &config)?;
        let (bert, weights_sha256) = Bert::load(folder, &config)?;

        let manifest = folder.manifest();
        let prefix =
            |option: &Option<String>, prompt: &Option<String>, default: fn(&ModelManifest) -> &String| {
                let chosen = option.as_ref().or(prompt.as_ref()).or(manifest.map(default));
                chosen.cloned().unwrap_or_default()
            };
        let query_prefix = prefix(&options.query_prefix, &config.query_prompt, |m| &m.query_prefix);
        let passage_prefix = prefix(&options.passage_prefix, &config.passage_prompt, |m| &m.passage_prefix);
        let has_prefix = !query_prefix.is_empty() || !passage_prefix.is_empty();
        if has_prefix && !config.pools_prefix {
            return Err(EmbedError::Unsupported {
                path: folder.dir().join(&config.pooling_path),
                field: "include_prompt",
                found: "false".to_owned(),
                supported: "true, or no query and passage prefix",
            });
        }
        let identity = ModelIdentity {
            name: folder.name().to_owned(),
            weights_sha256,
            dim: config.bert.hidden_size,
            precision: Precision::F32,
            max_tokens: config.max_tokens,
            pooling: config.pooling,
            query_prefix,
            passage_prefix,
        };
        Ok(Self { identity, tokenizer, bert })
    }

    /// What the vectors of this encoder depend on beside the text.
    #[must_use]
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// Embeds search queries: the query prefix is put before each. Row i of the result,
    /// `[n_texts, dim]`, is `texts[i]`.
    ///
    /// # Errors
    /// [`EmbedError::Tokenize`], [`EmbedError::Compute`] or [`EmbedError::NoDirection`], each only for a
    /// model whose files are damaged in a way that loading could not see.
    pub fn embed_queries(&self, texts: &[&str]) -> Result<Vec<UnitVector>, EmbedError> {
        self.embed(&self.identity.query_prefix, texts)
    }

    /// Embeds what is searched in: the passage prefix is put before each. Row i of the result,
    /// `[n_texts, dim]`, is `texts[i]`.
    ///
    /// Any number of texts of any length: they are sorted by length and computed in batches of bounded
    /// size, and a text's vector depends on the others by rounding only (cosine above 1 - 1e-6).
    ///
    /// # Errors
    /// As for [`embed_queries`](Self::embed_queries).
    pub fn embed_passages(&self, texts: &[&str]) -> Result<Vec<UnitVector>, EmbedError> {
        self.embed(&self.identity.passage_prefix, texts)
    }

    /// Embeds texts as given, with no prefix. Row i of the result, `[n_texts, dim]`, is `texts[i]`.
    ///
    /// # Errors
    /// As for [`embed_queries`](Self::embed_queries).
    pub fn embed_raw(&self, texts: &[&str]) -> Result<Vec<UnitVector>, EmbedError> {
        self.embed("", texts)
    }

    /// Number of tokens of a text as given: after truncation, special ones included, so at least 1 and at
    /// most `max_tokens`. A text that the tokenizer refuses counts as `max_tokens`.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> usize {
        self.tokenizer.encode(text).map_or(self.identity.max_tokens, |ids| ids.len())
    }

    fn embed(&self, prefix: &str, texts: &[&str]) -> Result<Vec<UnitVector>, EmbedError> {
        let tokens = texts
            .par_iter()
            .enumerate()
            .map(|(position, &text)| {
                let text = match prefix {
                    "" => Cow::Borrowed(text),
                    _ => Cow::Owned(format!("{prefix}{text}")),
                };
                self.tokenizer.encode(&text).map_err(|source| EmbedError::Tokenize { position, source })
            })
            .collect::<Result<Vec<Vec<u32>>, EmbedError>>()?;

        let mut by_length: Vec<usize> = (0..texts.len()).collect();
        by_length.sort_by_key(|&position| tokens[position].len());
        let lengths: Vec<usize> = by_length.iter().map(|&position| tokens[position].len()).collect();
        let mut embedded = Vec::with_capacity(texts.len());
        for run in batches(&lengths, TOKEN_BUDGET) {
            let positions = &by_length[run];
            let batch: Vec<&[u32]> = positions.iter().map(|&position| tokens[position].as_slice()).collect();
            let pooled = self
                .bert
                .forward(&batch)
                .map_err(|source| EmbedError::Compute { source: Box::new(source) })?;
            for (&position, components) in positions.iter().zip(pooled) {
                let vector = UnitVector::normalize(components)
                    .map_err(|source| EmbedError::NoDirection { position, source })?;
                embedded.push((position, vector));
            }
        }
        embedded.sort_unstable_by_key(|&(position, _)| position);
        Ok(embedded.into_iter().map(|(_, vector)| vector).collect())
    }
}
