//! Texts to token ids, cut to the model's length.

use std::borrow::Cow;
use std::error::Error;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use tokenizers::{Tokenizer, TruncationParams};

use crate::config::{ModelConfig, inconsistent};
use crate::{EmbedError, ModelFolder};

type BoxError = Box<dyn Error + Send + Sync>;

/// A token of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number in the model's vocabulary.
    pub id: u32,
    /// As the vocabulary has it: `##ing` goes on with the word before, in WordPiece.
    pub text: String,
    /// Whether the model adds it to every text, such as `[CLS]`.
    pub is_special: bool,
    /// Where it stands in the text, in Unicode scalar values; empty for a special one.
    pub chars: Range<usize>,
}

/// Whether the special tokens that a model adds to every text are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialTokens {
    /// As the model gets a text.
    Add,
    /// Only the text's own.
    Omit,
}

/// The model's own tokenizer, with the model's own length.
pub(crate) struct TextTokenizer {
    tokenizer: Tokenizer,
    /// The same without truncation, made when first needed.
    whole: OnceLock<Tokenizer>,
    max_tokens: usize,
    lowercase: bool,
    /// The token of what the vocabulary lacks, if it has one.
    unknown: Option<u32>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`. Its own truncation and padding are replaced: they are what some earlier
    /// user of the file last set (128 in all-MiniLM-L6-v2, whose `max_seq_length` is 256).
    pub(crate) fn load(folder: &ModelFolder, config: &ModelConfig) -> Result<Self, EmbedError> {
        let path = &config.tokenizer_path;
        let bytes = folder.read(path)?.bytes;
        let unusable =
            |source| EmbedError::Tokenizer { path: folder.dir().join(path), repair: folder.repair(), source };
        let mut tokenizer = guarded(|| Tokenizer::from_bytes(&bytes)).map_err(unusable)?;

        let largest = tokenizer.get_vocab(true).into_values().max().unwrap_or_default() as usize;
        if largest >= config.bert.vocab_size {
            let expected =
                format!("token ids below {}, the vocab_size in config.json", config.bert.vocab_size);
            return Err(inconsistent(folder, path, expected, largest.to_string()));
        }
        tokenizer.with_padding(None);
        // Asked without truncation, so that this is what the template itself adds.
        let _ = tokenizer.with_truncation(None);
        let n_special = guarded(|| Ok(tokenizer.encode_fast("", true)?.len())).map_err(unusable)?;
        if n_special == 0 || n_special >= config.max_tokens {
            let expected = format!("1 to {} special tokens a text", config.max_tokens - 1);
            return Err(inconsistent(folder, path, expected, n_special.to_string()));
        }
        let truncation = TruncationParams { max_length: config.max_tokens, ..TruncationParams::default() };
        guarded(|| tokenizer.with_truncation(Some(truncation)).map(|_| ())).map_err(unusable)?;

        let mut loaded = Self {
            tokenizer,
            whole: OnceLock::new(),
            max_tokens: config.max_tokens,
            lowercase: config.lowercase,
            unknown: None,
        };
        // A word in the vocabulary, and one that is in none: what is wrong with the unknown token shows
        // here, not at some later paper.
        loaded.encode("a \u{e000}").map_err(unusable)?;
        // A cuneiform sign is in no vocabulary, and is text, which normalizers keep; where one token stands for it, that is
        // the one of the unknown.
        if let [token] = loaded.tokens("\u{12000}", SpecialTokens::Omit).map_err(unusable)?.as_slice() {
            loaded.unknown = Some(token.id);
        }
        Ok(loaded)
    }

    /// Whether the vocabulary has anything of a text.
    pub(crate) fn knows(&self, text: &str) -> Result<bool, BoxError> {
        let tokens = self.tokens(text, SpecialTokens::Omit)?;
        Ok(tokens.iter().any(|token| Some(token.id) != self.unknown))
    }

    /// The text in the case that the model takes.
    fn cased<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.lowercase { text.to_lowercase().into() } else { text.into() }
    }

    /// The ids of a text: at least one, at most `max_tokens`, special tokens included.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, BoxError> {
        let text = self.cased(text);
        let encoding = guarded(|| self.tokenizer.encode_fast(&*text, true))?;
        let ids = encoding.get_ids();
        if ids.is_empty() || ids.len() > self.max_tokens {
            return Err(format!("expected 1 to {} tokens, found {}", self.max_tokens, ids.len()).into());
        }
        if encoding.get_type_ids().iter().any(|&kind| kind != 0) {
            return Err("expected token type 0 throughout a single text, found another".into());
        }
        Ok(ids.to_vec())
    }

    /// The tokens of the whole text, also of one that the model gets only the beginning of.
    pub(crate) fn tokens(&self, text: &str, special: SpecialTokens) -> Result<Vec<Token>, BoxError> {
        let text = self.cased(text);
        let whole = self.whole.get_or_init(|| {
            let mut whole = self.tokenizer.clone();
            // Only setting a truncation can fail.
            let _ = whole.with_truncation(None);
            whole
        });
        let encoding = guarded(|| whole.encode_char_offsets(&*text, special == SpecialTokens::Add))?;
        let texts = encoding.get_tokens().iter().zip(encoding.get_offsets());
        let ids = encoding.get_ids().iter().zip(encoding.get_special_tokens_mask());
        let tokens = ids.zip(texts).map(|((&id, &mark), (text, &(start, end)))| Token {
            id,
            text: text.clone(),
            is_special: mark == 1,
            chars: start..end,
        });
        Ok(tokens.collect())
    }
}

/// Runs a call into `tokenizers`, which indexes and unwraps what it read from its file (a template that
/// names a special token which it does not define, for one), and turns a panic into an error.
fn guarded<T>(call: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
    // The tokenizer holds no state that a call could leave half-changed, other than its cache of words.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err("the tokenizer library panicked".into()))
}
