//! What can be wrong with records and the files that hold them.
//!
//! [`RecordError`] is one bad record among good ones: it is reported, counted and skipped.
//! [`ReadError`] ends the reading of a file. [`FieldIssue`] is a warning: the record is good without
//! that field.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::reader::Format;
use crate::text::excerpt;

/// Where something stands in its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name as the user gave it, or what else the text came from ("standard input").
    pub file: Arc<str>,
    /// The line on which it begins, counted from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A record that gives no paper: it cannot be parsed, has neither title nor abstract, has an invalid
/// id, or goes beyond a bound.
#[derive(Debug)]
pub struct RecordError {
    /// Where the record begins.
    pub place: Place,
    /// The record's own id, where it could be read.
    pub id: Option<String>,
    /// The field that is wrong, by the name that the record gives it; `None` for the whole record.
    pub field: Option<String>,
    /// What was expected and what was found.
    pub message: String,
    /// What it was caused by, if anything.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl RecordError {
    /// A record that is wrong as a whole, for no cause below it.
    pub(crate) fn whole(place: &Place, message: impl Into<String>) -> Self {
        Self { place: place.clone(), id: None, field: None, message: message.into(), source: None }
    }

    /// A record longer than [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES).
    pub(crate) fn too_long(place: &Place) -> Self {
        let limit = crate::MAX_RECORD_BYTES >> 20;
        Self::whole(place, format!("expected a record of at most {limit} MiB, found a longer one"))
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error for RecordError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// A warning about one optional field: the paper was read without it, and its raw value is in `extra`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {field}: {message}")]
pub struct FieldIssue {
    /// Where the record begins.
    pub place: Place,
    /// The field, by the name that the record gives it.
    pub field: String,
    /// What was expected and what was found.
    pub message: String,
}

/// Why reading a file ended before its end, or never began.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("cannot open {}: expected a file that can be read, or - for standard input", path.display())]
    Open {
        /// The path as given.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The bytes cannot be read on, or what compresses them is corrupt or cut short.
    #[error(
        "{place}: reading stopped about byte {offset} of the file; every record before that line was read"
    )]
    Io {
        /// The line that could not be completed.
        place: Place,
        /// How many bytes of the file (as it is stored, before decompression) had been taken in.
        offset: u64,
        /// The operating system's or decompressor's reason.
        source: io::Error,
    },
    /// A zip archive of several files (or none), where one file of records was expected.
    #[error(
        "{file}: expected one file of records, found a zip archive of {n_files} files; unpack it, or name it alone"
    )]
    Archive {
        /// The archive's name.
        file: Arc<str>,
        /// How many files it has.
        n_files: usize,
    },
    /// The content looks like none of the formats.
    #[error(
        "{file}: expected a file in one of the formats {} (a table needs a header row that names a title or an abstract, \
         and another column), found {}; name the format if it is one of these",
        Format::ALL[1..].iter().map(|format| format.name()).collect::<Vec<_>>().join(", "),
        excerpt(found)
    )]
    UnknownFormat {
        /// The file's name.
        file: Arc<str>,
        /// How the text begins.
        found: String,
    },
    /// The format that was named finds no record.
    #[error(
        "{file}: expected records in the format {format}, found none; name another, or let it be detected"
    )]
    NoRecords {
        /// The file's name.
        file: Arc<str>,
        /// The format that was named.
        format: Format,
    },
    /// The text breaks its format's structure, so that what follows cannot be understood.
    #[error("{place}: expected {expected}, found {found}")]
    Unexpected {
        /// Where.
        place: Place,
        /// What the format has there.
        expected: String,
        /// What the text has.
        found: String,
    },
    /// A file in which every record is needed has a bad one (the queries of a test collection).
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A test collection has no judgments for a split.
    #[error("{}: expected the judgments of split \"{split}\", found {}", folder.display(), list_splits(found))]
    MissingSplit {
        /// The folder that holds the judgments.
        folder: PathBuf,
        /// The split asked for.
        split: String,
        /// The splits that are there.
        found: Vec<String>,
    },
}

impl ReadError {
    /// The file that was being read.
    #[must_use]
    pub fn file(&self) -> Arc<str> {
        match self {
            Self::Open { path, .. } => path.display().to_string().into(),
            Self::Io { place, .. } | Self::Unexpected { place, .. } => Arc::clone(&place.file),
            Self::Archive { file, .. } | Self::UnknownFormat { file, .. } | Self::NoRecords { file, .. } => {
                Arc::clone(file)
            }
            Self::Record(error) => Arc::clone(&error.place.file),
            Self::MissingSplit { folder, .. } => folder.display().to_string().into(),
        }
    }

    /// The line at which reading ended, where there is one.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Io { place, .. } | Self::Unexpected { place, .. } => Some(place.line),
            Self::Record(error) => Some(error.place.line),
            _ => None,
        }
    }
}

fn list_splits(splits: &[String]) -> String {
    if splits.is_empty() { "no split at all".to_owned() } else { format!("only {}", splits.join(", ")) }
}

/// Why a text was refused as a [`PaperId`](crate::PaperId).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaperIdError {
    /// It is empty.
    #[error("expected an id, found an empty text")]
    Empty,
    /// It is longer than [`MAX_ID_BYTES`](crate::MAX_ID_BYTES).
    #[error("expected an id of at most {} bytes, found {len}", crate::MAX_ID_BYTES)]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It holds control characters, or white space at an end.
    #[error("expected an id without control characters or outer white space, found \"{id}\"")]
    Unprintable {
        /// The id, escaped.
        id: String,
    },
}
