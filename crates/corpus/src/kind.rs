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
        // The vocabulary of repositories: `info:eu-repo/semantics/article`.
        let word = word.trim();
        let word = word.strip_prefix("info:eu-repo/semantics/").unwrap_or(word);
        let word: String =
            word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        WORDS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(kind, _)| *kind)
    }
}

/// The words for each kind, with letters and digits alone.
#[rustfmt::skip]
const WORDS: [(PublicationKind, &[&str]); 14] = [
    (PublicationKind::Article, &[
        "article", "articlejournal", "ieeejournals", "ieeemagazines", "journals", "magazines", "earlyaccess", "datapaper", "originalpaper",
        "briefcommunication", "journalelectronic", "electronicarticle", "journalarticle", "journalarticles", "researcharticle", "journal",
        "jour", "ejour",
    ]),
    (PublicationKind::ConferencePaper, &[
        "conferencepaper", "inproceedings", "conference", "proceedingsarticle", "paperconference", "conf", "cpaper", "proceedingspaper",
        "conferenceabstract", "conferenceandworkshoppapers", "conferenceproceedingsarticle", "conferenceproceedings", "meetingabstract",
        "conferences", "chapterconferencepaper", "conferenceobject", "ieeeconferences",
    ]),
    (PublicationKind::Book, &["book", "books", "bookwhole", "bookedited", "ebook", "monograph", "mvbook"]),
    (PublicationKind::Chapter, &[
        "chapter", "bookchapter", "bookpart", "chapterreferenceworkentry", "booksection", "section", "incollection", "inbook", "chap", "echap",
    ]),
    (PublicationKind::Preprint, &["preprint", "postedcontent", "newresults", "workingpaper"]),
    (PublicationKind::Thesis, &[
        "thesis", "thes", "phdthesis", "mastersthesis", "dissertation", "bachelorthesis", "masterthesis", "doctoralthesis",
        "dissertationthesis", "dissertationthesisunpublished",
    ]),
    (PublicationKind::Review, &["review", "reviewarticle", "reviewpaper", "systematicreview"]),
    (PublicationKind::Editorial, &["editorial", "editorialnotes"]),
    (PublicationKind::Letter, &["letter", "comment"]),
    (PublicationKind::Erratum, &["erratum", "correction", "publishederratum"]),
    (PublicationKind::Dataset, &["dataset", "data"]),
    (PublicationKind::Report, &["report", "techreport", "rprt"]),
    (PublicationKind::Software, &["software", "computerprogram", "comp"]),
    (PublicationKind::Other, &["other"]),
];

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
