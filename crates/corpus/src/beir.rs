//! Test collections in the BEIR layout: `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`.
//!
//! The layout is that of <https://github.com/beir-cellar/beir>. A collection is measured with, so that
//! everything but the corpus must be right as a whole: the first fault is an error.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde_json::Value;

use crate::error::{Place, ReadError, RecordError};
use crate::identity::Numbers;
use crate::input::{Compression, Input};
use crate::lines::{Line, Lines};
use crate::paper::PaperId;
use crate::reader::{Format, ReadOptions, Records};
use crate::reading::{describe, scalar_text};
use crate::source::Source;
use crate::text::excerpt;

/// One query of a test collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Its id, as the judgments name it.
    pub id: String,
    /// What is searched for.
    pub text: String,
}

/// Relevance judgments: by query id, then by paper, the grade. A grade above 0 is relevant, and a
/// higher one is more so.
pub type Qrels = BTreeMap<String, BTreeMap<PaperId, i32>>;

/// A folder with a test collection.
#[derive(Debug, Clone)]
pub struct BeirFolder {
    folder: PathBuf,
}

impl BeirFolder {
    /// Names the folder; what it lacks shows when it is read.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The file that holds the papers.
    #[must_use]
    pub fn corpus_path(&self) -> PathBuf {
        self.folder.join("corpus.jsonl")
    }

    /// The papers of `corpus.jsonl`. As in any file, a record with neither title nor abstract is bad.
    ///
    /// # Errors
    /// As [`Source::open`] and [`Source::records`].
    pub fn corpus(&self) -> Result<Records, ReadError> {
        Source::open(&self.corpus_path())?.records(&ReadOptions {
            format: Format::Jsonl,
            numbers: Numbers::Ids,
            ..ReadOptions::default()
        })
    }

    /// The queries of `queries.jsonl`, in its order. A query that stands there twice counts once.
    ///
    /// # Errors
    /// [`ReadError::Open`], [`ReadError::Io`]; [`ReadError::Record`] for a line that is no query;
    /// [`ReadError::Unexpected`] for an id with two texts.
    pub fn queries(&self) -> Result<Vec<Query>, ReadError> {
        let mut lines = open_lines(&self.folder.join("queries.jsonl"))?;
        let mut queries = Vec::new();
        let mut seen: BTreeMap<String, (String, u64)> = BTreeMap::new();
        loop {
            let place = lines.place_of_next();
            let text = match lines.next_line()? {
                None => return Ok(queries),
                Some(Line::TooLong) => return Err(RecordError::too_long(&place).into()),
                Some(Line::Text(text)) if text.trim_ascii().is_empty() => continue,
                Some(Line::Text(text)) => text,
            };
            let Query { id, text } = read_query(text, &place)?;
            match seen.entry(id) {
                Entry::Vacant(entry) => {
                    queries.push(Query { id: entry.key().clone(), text: text.clone() });
                    entry.insert((text, place.line));
                }
                Entry::Occupied(entry) if entry.get().0 == text => {}
                Entry::Occupied(entry) => {
                    return Err(ReadError::Unexpected {
                        place,
                        expected: format!("one text for query {}", excerpt(entry.key())),
                        found: format!("another than on line {}", entry.get().1),
                    });
                }
            }
        }
    }

    /// The judgments of `qrels/SPLIT.tsv`: query id, paper id and grade between tabs, with or without
    /// a header line. A judgment that stands there twice counts once.
    ///
    /// # Errors
    /// [`ReadError::MissingSplit`], [`ReadError::Open`], [`ReadError::Io`]; [`ReadError::Unexpected`]
    /// for a line of another form and for a pair with two grades.
    pub fn qrels(&self, split: &str) -> Result<Qrels, ReadError> {
        let folder = self.folder.join("qrels");
        let found = splits(&folder);
        if !found.iter().any(|name| name == split) {
            return Err(ReadError::MissingSplit { folder, split: split.to_owned(), found });
        }
        let mut lines = open_lines(&folder.join(format!("{split}.tsv")))?;
        let mut qrels = Qrels::new();
        loop {
            let place = lines.place_of_next();
            let line = match lines.next_line()? {
                None => return Ok(qrels),
                Some(Line::TooLong) => return Err(unexpected_judgment(place, "a line beyond 16 MiB")),
                Some(Line::Text(line)) if line.trim_ascii().is_empty() => continue,
                Some(Line::Text(line)) => String::from_utf8_lossy(line).into_owned(),
            };
            let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
            let &[query_id, paper_id, grade] = columns.as_slice() else {
                return Err(unexpected_judgment(place, &excerpt(&line)));
            };
            let Ok(grade) = grade.parse::<i32>() else {
                // The header's third column is a word.
                if place.line == 1 && grade.starts_with(char::is_alphabetic) {
                    continue;
                }
                return Err(unexpected_judgment(place, &format!("the grade {}", excerpt(grade))));
            };
            let Ok(paper_id) = PaperId::new(paper_id) else {
                return Err(unexpected_judgment(place, &format!("the paper id {}", excerpt(paper_id))));
            };
            let judged = qrels.entry(query_id.to_owned()).or_default();
            let first = *judged.entry(paper_id).or_insert(grade);
            if first != grade {
                return Err(unexpected_judgment(
                    place,
                    &format!("grade {grade} for a pair judged {first} before"),
                ));
            }
        }
    }
}

/// The splits that a folder of judgments holds, in order.
fn splits(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut splits: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".tsv").map(str::to_owned)).collect();
    splits.sort();
    splits
}

fn read_query(line: &[u8], place: &Place) -> Result<Query, RecordError> {
    let query: Value = serde_json::from_slice(line).map_err(|error| RecordError {
        source: Some(Box::new(error)),
        ..RecordError::whole(place, "expected a query as a JSON object, found text that is not JSON")
    })?;
    let field = |name: &str| {
        let value = query.get(name).unwrap_or(&Value::Null);
        scalar_text(value).filter(|text| !text.is_empty()).ok_or_else(|| RecordError {
            field: Some(name.to_owned()),
            ..RecordError::whole(place, format!("expected text, found {}", describe(value)))
        })
    };
    Ok(Query { id: field("_id")?, text: field("text")? })
}

fn unexpected_judgment(place: Place, found: &str) -> ReadError {
    let expected = "query id, paper id and one whole number as grade, separated by tabs".to_owned();
    ReadError::Unexpected { place, expected, found: found.to_owned() }
}

fn open_lines(path: &Path) -> Result<Lines, ReadError> {
    let file = fs::File::open(path).map_err(|source| ReadError::Open { path: path.to_owned(), source })?;
    let name: Arc<str> = path.display().to_string().into();
    Ok(Lines::new(Input::new(name, Box::new(file), Compression::Detected, Arc::new(AtomicU64::new(0)))?))
}
