//! The encoder: a loaded model with its prefixes.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::path::PathBuf;

use cognate_vector::UnitVector;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::batch::{chunk_budget, chunks};
use crate::bert::Bert;
use crate::config::{ModelConfig, Pooling};
use crate::head::Head;
use crate::kernel::Kernel;
use crate::tokenize::{SpecialTokens, TextTokenizer, Token};
use crate::{EmbedError, ModelFolder, ModelManifest, Precision};

/// Texts whose tokens are held at once: memory is bounded by it, and enough that texts of a length meet.
const WINDOW: usize = 512;

/// What vectors depend on beside the text: those of two encoders may be compared if this is equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// The model's name.
    pub name: String,
    /// SHA-256 of `model.safetensors`, 64 lowercase hex digits.
    pub weights_sha256: String,
    /// The same of the further layers after pooling, their kinds and weights; empty where there are none.
    pub head_sha256: String,
    /// Number of components of a vector: what the model gives, or the first of these where fewer were asked for.
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
    /// The arithmetic of the forward pass.
    pub precision: Precision,
    /// Put before every query, instead of what the model's `prompts` or else its manifest say.
    pub query_prefix: Option<String>,
    /// The same for passages.
    pub passage_prefix: Option<String>,
    /// Keep only this many components, the first, instead of all: for models that were trained for it (Matryoshka).
    pub dim: Option<usize>,
}

/// A loaded model. Immutable, and the same for any number of threads at once: share it in an `Arc`.
pub struct Encoder {
    identity: ModelIdentity,
    tokenizer: TextTokenizer,
    bert: Bert,
    head: Head,
    config: ModelConfig,
    /// The model's folder, which errors name.
    dir: PathBuf,
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
    /// Supported is the BERT family (`model_type` `bert`, absolute positions) with mean or CLS pooling, then any of
    /// sentence-transformers' Dense and Normalize, and weights in any floating-point type.
    ///
    /// It computes with the best instructions that this machine has; the environment variable
    /// `COGNATE_KERNEL` (`avx512`, `avxvnni`, `avx2` or `portable`) takes others, to compare them.
    ///
    /// # Errors
    /// A missing, damaged or contradictory file, [`EmbedError::Unsupported`] with what it is that is not
    /// supported, or [`EmbedError::Kernel`] for instructions that this machine does not have.
    pub fn load(folder: &ModelFolder, options: &EncoderOptions) -> Result<Self, EmbedError> {
        Self::load_for(folder, options, Kernel::from_environment()?)
    }

    /// The same, with these instructions.
    pub(crate) fn load_for(
        folder: &ModelFolder,
        options: &EncoderOptions,
        kernel: Kernel,
    ) -> Result<Self, EmbedError> {
        let config = ModelConfig::read(folder)?;
        let tokenizer = TextTokenizer::load(folder, &config)?;
        let (bert, weights_sha256) = Bert::load(folder, &config, (options.precision, kernel))?;
        let (head, head_sha256) = Head::load(folder, &config.head)?;
        let prefix = |prompt: &Option<String>, default: fn(&ModelManifest) -> &String| {
            prompt.as_ref().or(folder.manifest().map(default)).cloned().unwrap_or_default()
        };
        let identity = ModelIdentity {
            name: folder.name().to_owned(),
            weights_sha256,
            head_sha256,
            dim: config.full_dim,
            precision: options.precision,
            max_tokens: config.max_tokens,
            pooling: config.pooling,
            query_prefix: prefix(&config.query_prompt, |m| &m.query_prefix),
            passage_prefix: prefix(&config.passage_prompt, |m| &m.passage_prefix),
        };
        Self { identity, tokenizer, bert, head, config, dir: folder.dir().to_owned() }.with_options(options)
    }

    /// The same model with other prefixes and another number of components, where `options` name any. Its precision
    /// stays what it was loaded in.
    ///
    /// # Errors
    /// [`EmbedError::Dim`] for more components than the model gives, and [`EmbedError::Unsupported`] for a prefix that
    /// its pooling would leave out.
    pub fn with_options(mut self, options: &EncoderOptions) -> Result<Self, EmbedError> {
        let identity = &mut self.identity;
        let choose = |own: &mut String, option: &Option<String>| {
            if let Some(prefix) = option {
                own.clone_from(prefix);
            }
        };
        choose(&mut identity.query_prefix, &options.query_prefix);
        choose(&mut identity.passage_prefix, &options.passage_prefix);
        let has_prefix = !identity.query_prefix.is_empty() || !identity.passage_prefix.is_empty();
        if has_prefix && !self.config.pools_prefix {
            return Err(EmbedError::Unsupported {
                path: self.dir.join(&self.config.pooling_path),
                field: "include_prompt",
                found: "false".to_owned(),
                supported: "true, or no query and passage prefix",
            });
        }
        if let Some(dim) = options.dim {
            let full = self.config.full_dim;
            if !(1..=full).contains(&dim) {
                return Err(EmbedError::Dim { model: identity.name.clone(), full, found: dim });
            }
            identity.dim = dim;
        }
        Ok(self)
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
    /// [`EmbedError::Tokenize`] or [`EmbedError::NoDirection`], each only for a model whose files are damaged
    /// in a way that loading could not see.
    pub fn embed_queries(&self, texts: &[&str]) -> Result<Vec<UnitVector>, EmbedError> {
        self.embed(&self.identity.query_prefix, texts)
    }

    /// Embeds what is searched in: the passage prefix is put before each. Row i of the result,
    /// `[n_texts, dim]`, is `texts[i]`.
    ///
    /// Any number of texts of any length, in memory that does not grow with them beside the result: all
    /// threads of rayon's pool compute them, in chunks of some hundred tokens. A text's vector is the same
    /// to the bit whatever the others are.
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
        // A lone query pays for no other thread.
        if let [text] = texts {
            let ids = self.tokenize(prefix, (0, text))?;
            let pooled = self.bert.forward(&[&ids]).swap_remove(0);
            return Ok(vec![self.unit(0, pooled)?]);
        }
        let mut windows = texts.chunks(WINDOW).enumerate().map(|(number, texts)| (number * WINDOW, texts));
        let mut vectors = Vec::with_capacity(texts.len());
        let mut next = windows.next().map(|window| self.tokenize_window(prefix, window));
        while let Some(tokens) = next {
            let (tokens, start) = (tokens?, vectors.len());
            // The threads that find no chunk left go on with the next window's tokens.
            let (computed, following) = rayon::join(
                || self.compute_window(start, &tokens),
                || windows.next().map(|window| self.tokenize_window(prefix, window)),
            );
            vectors.extend(computed?);
            next = following;
        }
        Ok(vectors)
    }

    /// The tokens of a text as given, all of them: also those past `max_tokens`, which the model never gets.
    ///
    /// # Errors
    /// [`EmbedError::Tokenize`] if the tokenizer refuses the text.
    pub fn tokens(&self, text: &str, special: SpecialTokens) -> Result<Vec<Token>, EmbedError> {
        self.tokenizer.tokens(text, special).map_err(|source| EmbedError::Tokenize { position: 0, source })
    }

    /// Whether the model knows anything of a text. What it does not know, such as an emoji or a script that it never
    /// learned, has one vector, whatever it says: there is no meaning in it.
    ///
    /// # Errors
    /// [`EmbedError::Tokenize`] if the tokenizer refuses the text.
    pub fn knows(&self, text: &str) -> Result<bool, EmbedError> {
        self.tokenizer.knows(text).map_err(|source| EmbedError::Tokenize { position: 0, source })
    }

    fn tokenize(&self, prefix: &str, (position, text): (usize, &str)) -> Result<Vec<u32>, EmbedError> {
        let text = match prefix {
            "" => Cow::Borrowed(text),
            _ => Cow::Owned(format!("{prefix}{text}")),
        };
        let ids = self.tokenizer.encode(&text).map_err(|source| EmbedError::Tokenize { position, source })?;
        metrics::counter!("cognate_encoder_tokens_total").increment(ids.len() as u64);
        Ok(ids)
    }

    fn tokenize_window(
        &self,
        prefix: &str,
        (start, texts): (usize, &[&str]),
    ) -> Result<Vec<Vec<u32>>, EmbedError> {
        let positions = texts.par_iter().enumerate();
        positions.map(|(row, &text)| self.tokenize(prefix, (start + row, text))).collect()
    }

    /// The vectors of a window whose first text is at `start` in the call.
    fn compute_window(&self, start: usize, tokens: &[Vec<u32>]) -> Result<Vec<UnitVector>, EmbedError> {
        let mut rows: Vec<usize> = (0..tokens.len()).collect();
        // The longest first, so that the last chunks are the small ones and all threads end together.
        rows.sort_by_key(|&row| Reverse(tokens[row].len()));
        let lengths: Vec<usize> = rows.iter().map(|&row| tokens[row].len()).collect();
        let budget = chunk_budget(lengths.iter().sum(), rayon::current_num_threads());
        let computed = chunks(&lengths, budget)
            .into_par_iter()
            .with_max_len(1)
            .map(|chunk| {
                let rows = &rows[chunk];
                let texts: Vec<&[u32]> = rows.iter().map(|&row| tokens[row].as_slice()).collect();
                let pooled = self.bert.forward(&texts);
                let units = rows.iter().zip(pooled);
                units.map(|(&row, pooled)| Ok((row, self.unit(start + row, pooled)?))).collect()
            })
            .collect::<Result<Vec<Vec<(usize, UnitVector)>>, EmbedError>>()?;
        let mut computed: Vec<(usize, UnitVector)> = computed.into_iter().flatten().collect();
        computed.sort_unstable_by_key(|&(row, _)| row);
        Ok(computed.into_iter().map(|(_, vector)| vector).collect())
    }

    /// From a pooled vector to the one of the text.
    fn unit(&self, position: usize, pooled: Vec<f32>) -> Result<UnitVector, EmbedError> {
        let mut components = self.head.apply(pooled);
        components.truncate(self.identity.dim);
        UnitVector::normalize(components).map_err(|source| EmbedError::NoDirection { position, source })
    }
}
