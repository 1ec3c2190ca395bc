//! What several test modules need.

use std::path::PathBuf;

use cognate_corpus::{Format, Place, ReadError, ReadOptions, Record, RecordError, Source, paper_from_json};
use serde_json::Value;

/// Reads one record.
pub(crate) fn parse(record: Value) -> Result<Record, RecordError> {
    paper_from_json(record, &Place { file: "test".into(), line: 1 })
}

/// What reading a text came to, with the errors as texts.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) papers: Vec<Record>,
    pub(crate) bad: Vec<String>,
    pub(crate) fault: Option<String>,
}

impl Outcome {
    /// The papers' titles, or their abstracts where they have none.
    pub(crate) fn titles(&self) -> Vec<&str> {
        let papers = self.papers.iter().map(|parsed| &parsed.paper);
        papers.map(|paper| paper.title.as_deref().or(paper.abstract_text.as_deref()).unwrap()).collect()
    }
}

/// Reads bytes to their end, or to the fault that ends them.
pub(crate) fn read(bytes: impl Into<Vec<u8>>, format: Format) -> Outcome {
    let source = Source::from_reader("test", std::io::Cursor::new(bytes.into()));
    match source.records(&ReadOptions { format, ..ReadOptions::default() }) {
        Ok(records) => collect(records),
        Err(error) => Outcome { fault: Some(error.to_string()), ..Outcome::default() },
    }
}

/// Takes all items of a stream of records.
pub(crate) fn collect(
    records: impl Iterator<Item = Result<Result<Record, RecordError>, ReadError>>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for item in records {
        assert!(outcome.fault.is_none(), "an item after the fault that ends the reading");
        match item {
            Ok(Ok(parsed)) => outcome.papers.push(parsed),
            Ok(Err(bad)) => outcome.bad.push(bad.to_string()),
            Err(fault) => outcome.fault = Some(fault.to_string()),
        }
    }
    outcome
}

/// A file of the shared data, or `None`, said on standard error, on machines that do not have it.
pub(crate) fn shared_data(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    if !path.exists() {
        eprintln!("SKIPPED: needs ../shared/data");
        return None;
    }
    Some(path)
}
