//! A paper, as every other crate sees it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::PaperIdError;
use crate::identifier::IdentifierKind;
use crate::kind::PublicationKind;

/// Longest id accepted, in bytes: far above any real identifier, far below what would hurt a URL.
pub const MAX_ID_BYTES: usize = 512;

/// What names one paper in a store (which ids do is said in [`identity`](crate::identity)).
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

    /// The id of a paper that nothing names: `p-` and 16 hex digits of a hash.
    pub(crate) fn of_digest(digest: &[u8]) -> Self {
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
/// Texts are as the source had them, with outer white space removed; the embedding recipe, not the paper,
/// normalises further. A paper with neither title nor abstract is stored, but is in no ranking.
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
    /// Editors' names in order, in the same form.
    #[serde(default)]
    pub editors: Vec<String>,
    /// Year of publication.
    pub year: Option<i16>,
    /// Date of publication (arXiv: submission of the first version), when known to the day.
    pub publication_date: Option<Date>,
    /// What kind of publication it is.
    #[serde(default, rename = "type")]
    pub kind: Option<PublicationKind>,
    /// Journal, conference or other venue.
    pub venue: Option<String>,
    /// Volume of the journal or series.
    #[serde(default)]
    pub volume: Option<String>,
    /// Issue (number) within the volume.
    #[serde(default)]
    pub issue: Option<String>,
    /// Pages, or the number of an article that has none: `101-117`, `e1003`.
    #[serde(default)]
    pub pages: Option<String>,
    /// Publisher.
    #[serde(default)]
    pub publisher: Option<String>,
    /// ISSNs of the venue (print and online), as `1234-567X`.
    #[serde(default)]
    pub issn: Vec<String>,
    /// ISBNs of the book, without dashes.
    #[serde(default)]
    pub isbn: Vec<String>,
    /// Language of the publication, as the source names it.
    #[serde(default)]
    pub language: Option<String>,
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

impl Paper {
    /// A paper of which nothing is known but its id.
    #[must_use]
    pub fn new(id: PaperId) -> Self {
        Self {
            id,
            title: None,
            abstract_text: None,
            authors: Vec::new(),
            editors: Vec::new(),
            year: None,
            publication_date: None,
            kind: None,
            venue: None,
            volume: None,
            issue: None,
            pages: None,
            publisher: None,
            issn: Vec::new(),
            isbn: Vec::new(),
            language: None,
            categories: Vec::new(),
            external_ids: BTreeMap::new(),
            url: None,
            source: None,
            upvotes: None,
            extra: Map::new(),
        }
    }

    /// Whether there is a title or an abstract, without which a paper is in no ranking.
    #[must_use]
    pub fn has_text(&self) -> bool {
        self.title.is_some() || self.abstract_text.is_some()
    }
}
