//! What kind of publication a paper is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Kinds of publications, as far as searching and telling duplicates apart need them. The source's own
/// word stays in `extra` where it says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublicationKind {
    /// An article in a journal.
    Article,
    /// A contribution to a conference's proceedings, or its abstract.
    ConferencePaper,
    /// A book.
    Book,
    /// A chapter of a book.
    Chapter,
    /// A paper that was not reviewed yet.
    Preprint,
    /// A thesis of any degree.
    Thesis,
    /// A review of other work.
    Review,
    /// An editorial.
    Editorial,
    /// A letter or comment.
    Letter,
    /// A correction.
    Erratum,
    /// A data set.
    Dataset,
    /// A technical report.
    Report,
    /// A program.
    Software,
    /// Any other.
    Other,
}

impl PublicationKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Article,
        Self::ConferencePaper,
        Self::Book,
        Self::Chapter,
        Self::Preprint,
        Self::Thesis,
        Self::Review,
        Self::Editorial,
        Self::Letter,
        Self::Erratum,
        Self::Dataset,
        Self::Report,
        Self::Software,
        Self::Other,
    ];

    /// The kind's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::ConferencePaper => "conference-paper",
            Self::Book => "book",
            Self::Chapter => "chapter",
            Self::Preprint => "preprint",
            Self::Thesis => "thesis",
            Self::Review => "review",
            Self::Editorial => "editorial",
            Self::Letter => "letter",
            Self::Erratum => "erratum",
            Self::Dataset => "dataset",
            Self::Report => "report",
            Self::Software => "software",
            Self::Other => "other",
        }
    }

    /// The kind that several words of a source mean together: the first that says more than "article".
    #[must_use]
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut kinds = words.into_iter().filter_map(Self::from_word);
        let first = kinds.next()?;
        if first == Self::Article {
            kinds.find(|kind| *kind != Self::Article).or(Some(first))
        } else {
            Some(first)
        }
    }

    /// The kind that a source's word means: names of BibTeX's, RIS's and databases' types, in any case and
    /// with spaces, dashes and underscores counting as nothing. `None` for words that are not known.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word: String =
            word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        Some(match word.as_str() {
            "article" | "articlejournal" | "ieeejournals" | "ieeemagazines" | "journals" | "magazines"
            | "earlyaccess" | "datapaper" | "originalpaper" | "briefcommunication" | "electronicarticle"
            | "journalarticle" | "journalarticles" | "researcharticle" | "journal" | "jour" | "ejour" => {
                Self::Article
            }
            "conferencepaper"
            | "inproceedings"
            | "conference"
            | "proceedingsarticle"
            | "paperconference"
            | "conf"
            | "cpaper"
            | "proceedingspaper"
            | "conferenceabstract"
            | "conferenceandworkshoppapers"
            | "conferenceproceedingsarticle"
            | "conferenceproceedings"
            | "meetingabstract"
            | "conferences"
            | "chapterconferencepaper"
            | "ieeeconferences" => Self::ConferencePaper,
            "book" | "books" | "ebook" | "monograph" | "mvbook" => Self::Book,
            "chapter"
            | "bookchapter"
            | "chapterreferenceworkentry"
            | "booksection"
            | "section"
            | "incollection"
            | "inbook"
            | "chap"
            | "echap" => Self::Chapter,
            "preprint" | "postedcontent" | "newresults" => Self::Preprint,
            "thesis" | "thes" | "phdthesis" | "mastersthesis" | "dissertation" => Self::Thesis,
            "review" | "reviewarticle" | "reviewpaper" | "systematicreview" => Self::Review,
            "editorial" | "editorialnotes" => Self::Editorial,
            "letter" | "comment" => Self::Letter,
            "erratum" | "correction" | "publishederratum" => Self::Erratum,
            "dataset" | "data" => Self::Dataset,
            "report" | "techreport" | "rprt" => Self::Report,
            "software" | "computerprogram" | "comp" => Self::Software,
            "other" => Self::Other,
            _ => return None,
        })
    }
}

impl fmt::Display for PublicationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no [`PublicationKind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected one of {}, found \"{found}\"",
    PublicationKind::ALL.map(PublicationKind::name).join(", ")
)]
pub struct UnknownKind {
    /// The text.
    pub found: String,
}

impl FromStr for PublicationKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| UnknownKind { found: name.to_owned() })
    }
}
