//! A paper, as every other crate sees it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::PaperIdError;
use crate::identifier::IdentifierKind;

/// Longest id accepted, in bytes: far above any real identifier, far below what would hurt a URL.
pub const MAX_ID_BYTES: usize = 512;

/// The upsert key: the record's own id, exactly as it stood in its source.
///
/// Never empty, at most [`MAX_ID_BYTES`] bytes, no control characters, no white space at either end.
/// It may hold slashes (`hep-th/9901001`, DOIs).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PaperId(String);

impl PaperId {
    /// Validates an id.
    ///
    /// # Errors
    /// [`PaperIdError`] if it is empty, too long, or holds control characters or outer white space.
    pub fn new(id: impl Into<String>) -> Result<Self, PaperIdError> {
        let id = id.into();
        if id.is_empty() {
            return Err(PaperIdError::Empty);
        }
        if id.len() > MAX_ID_BYTES {
            return Err(PaperIdError::TooLong { len: id.len() });
        }
        if id.chars().any(char::is_control) || id.trim() != id {
            return Err(PaperIdError::Unprintable { id: id.escape_debug().to_string() });
        }
        Ok(Self(id))
    }

    /// The id of a record that has none: `p-` and the first 16 hex digits of the SHA-256 of its
    /// normalised title and abstract.
    #[must_use]
    pub fn from_content(title: Option<&str>, abstract_text: Option<&str>) -> Self {
        let mut hasher = Sha256::new();
        for part in [title, abstract_text] {
            let normalized = crate::text::normalize(part.unwrap_or_default()).to_lowercase();
            hasher.update(normalized.as_bytes());
            // A byte that no text holds, so that moving a word between the two changes the hash.
            hasher.update([0xff]);
        }
        let digest = hasher.finalize();
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("p-{hex}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PaperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PaperId {
    type Error = PaperIdError;

    fn try_from(id: String) -> Result<Self, PaperIdError> {
        Self::new(id)
    }
}

impl From<PaperId> for String {
    fn from(id: PaperId) -> Self {
        id.0
    }
}

/// One paper: what a record in any supported format becomes.
///
/// At least one of `title` and `abstract_text` is present. Texts are as the source had them, with
/// outer white space removed; the embedding recipe, not the paper, normalises further.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paper {
    /// The upsert key.
    pub id: PaperId,
    /// Title, never blank.
    pub title: Option<String>,
    /// Abstract, never blank and never filler such as "No abstract available".
    #[serde(rename = "abstract")]
    pub abstract_text: Option<String>,
    /// Authors' names in order, as the source writes them but with white space folded.
    pub authors: Vec<String>,
    /// Year of publication.
    pub year: Option<i16>,
    /// Date of publication (arXiv: submission of the first version), when known to the day.
    pub publication_date: Option<Date>,
    /// Journal, conference or other venue.
    pub venue: Option<String>,
    /// Subject categories or keywords.
    pub categories: Vec<String>,
    /// Identifiers by kind, each in its canonical form (see [`IdentifierKind`]).
    pub external_ids: BTreeMap<IdentifierKind, String>,
    /// Where the paper can be read.
    pub url: Option<String>,
    /// The database or file that the record came from, where it says so.
    pub source: Option<String>,
    /// Votes, where the source counts them.
    pub upvotes: Option<i64>,
    /// Every field of the record that no other field here holds.
    pub extra: Map<String, Value>,
}
