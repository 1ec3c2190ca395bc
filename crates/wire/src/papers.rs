//! Papers, and what became of those that were sent.

use std::collections::BTreeMap;

use cognate_corpus::{FieldIssue, Paper, ReadError, RecordError};
use cognate_engine::{
    Found, IngestCounts, IngestPolicy, IngestReport, Pruned, RecordSource, Relation, StoredPaper,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::dedup::FoundBody;
use crate::hit::{AuthorBody, DetailsBody, author_bodies, external_ids};

/// Answer of `GET /v1/papers/{id}`: one paper, whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PaperBody {
    id: String,
    title: Option<String>,
    #[serde(rename = "abstract")]
    abstract_text: Option<String>,
    authors: Vec<AuthorBody>,
    year: Option<i16>,
    publication_date: Option<String>,
    venue: Option<String>,
    categories: Vec<String>,
    external_ids: BTreeMap<String, String>,
    url: Option<String>,
    editors: Vec<AuthorBody>,
    #[serde(flatten)]
    details: DetailsBody,
    source: Option<String>,
    upvotes: Option<i64>,
    first_indexed: String,
    #[schema(value_type = Object)]
    extra: Map<String, Value>,
    /// All papers that carry the identifier asked for, the fullest first, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    matches: Vec<PaperBody>,
    /// Papers that are this publication, or may be; of one paper asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicates: Option<Vec<FoundBody>>,
    /// Other publications of the same work; of one paper asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Vec<FoundBody>>,
}

impl From<StoredPaper> for PaperBody {
    fn from(stored: StoredPaper) -> Self {
        let StoredPaper { mut paper, first_indexed, .. } = stored;
        let details = DetailsBody::take(&mut paper);
        let Paper { id, title, abstract_text, authors, year, publication_date, venue, .. } = paper;
        Self {
            id: id.into(),
            title,
            abstract_text,
            authors: author_bodies(authors),
            year,
            publication_date: publication_date.map(|date| date.to_string()),
            venue,
            categories: paper.categories,
            external_ids: external_ids(paper.external_ids),
            url: paper.url,
            editors: author_bodies(paper.editors),
            details,
            source: paper.source,
            upvotes: paper.upvotes,
            first_indexed,
            extra: paper.extra,
            matches: Vec::new(),
            duplicates: None,
            versions: None,
        }
    }
}

impl PaperBody {
    /// What to call it in a list.
    pub(crate) fn title_or_id(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.id)
    }

    /// The same, with what [`Engine::duplicates_of`](cognate_engine::Engine::duplicates_of) finds.
    #[must_use]
    pub fn with_found(self, found: Vec<Found>) -> Self {
        let (versions, duplicates): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|found| found.relation == Some(Relation::Version));
        let bodies = |found: Vec<Found>| Some(found.into_iter().map(FoundBody::from).collect());
        Self { duplicates: bodies(duplicates), versions: bodies(versions), ..self }
    }

    /// The first of `papers`, with all of them as `matches` where there are several.
    #[must_use]
    pub fn of_matches(papers: Vec<StoredPaper>) -> Option<Self> {
        let matches: Vec<Self> = papers.into_iter().map(Self::from).collect();
        let first = matches.first()?.clone();
        Some(if matches.len() > 1 { Self { matches, ..first } } else { first })
    }
}

/// A record as `POST /v1/papers` takes it: a paper of the store's fields, which need not be stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RecordBody {
    id: String,
    title: Option<String>,
    #[serde(rename = "abstract")]
    abstract_text: Option<String>,
    authors: Vec<String>,
    year: Option<i16>,
    publication_date: Option<String>,
    venue: Option<String>,
    categories: Vec<String>,
    external_ids: BTreeMap<String, String>,
    url: Option<String>,
    editors: Vec<String>,
    #[serde(flatten)]
    details: DetailsBody,
    source: Option<String>,
    upvotes: Option<i64>,
    #[schema(value_type = Object)]
    extra: Map<String, Value>,
}

impl From<Paper> for RecordBody {
    fn from(mut paper: Paper) -> Self {
        let details = DetailsBody::take(&mut paper);
        Self {
            id: paper.id.into(),
            title: paper.title,
            abstract_text: paper.abstract_text,
            authors: paper.authors,
            year: paper.year,
            publication_date: paper.publication_date.map(|date| date.to_string()),
            venue: paper.venue,
            categories: paper.categories,
            external_ids: external_ids(paper.external_ids),
            url: paper.url,
            editors: paper.editors,
            details,
            source: paper.source,
            upvotes: paper.upvotes,
            extra: paper.extra,
        }
    }
}

/// Parameters of `POST /v1/papers`.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UpsertParams {
    /// Bring back papers that were dropped as duplicates.
    #[serde(default)]
    pub restore: bool,
    /// Whose records they are: they fill what others left out, in place of replacing papers whole.
    pub source: Option<String>,
}

impl UpsertParams {
    /// How records go into the store: one with an id replaces its paper whole, unless a source is named.
    #[must_use]
    pub fn policy(self) -> IngestPolicy {
        IngestPolicy {
            restore: self.restore,
            whole: self.source.is_none(),
            source: self.source.map_or(RecordSource::Stream("HTTP"), RecordSource::Named),
            ..IngestPolicy::default()
        }
    }
}

/// Whether a body `{"papers": […], "restore": true}` asks to bring back dropped papers.
#[must_use]
pub fn asks_to_restore(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Wrapper {
        #[serde(rename = "papers")]
        _papers: IgnoredAny,
        restore: bool,
    }
    let first = serde_json::Deserializer::from_slice(body).into_iter::<Wrapper>().next();
    matches!(first, Some(Ok(Wrapper { restore: true, .. })))
}

/// Counts of records.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct CountsOfRecords {
    /// Records read: the sum of the next five.
    pub read: u64,
    /// Records whose papers were not stored before.
    pub added: u64,
    /// Records that changed their papers.
    pub updated: u64,
    /// Records that were stored already, or brought nothing new.
    pub unchanged: u64,
    /// Records that repeat another exactly.
    pub repeated: u64,
    /// Bad records.
    pub skipped: u64,
}

impl From<IngestCounts> for CountsOfRecords {
    fn from(counts: IngestCounts) -> Self {
        let IngestCounts { read, added, updated, unchanged, repeated, skipped } = counts;
        Self { read, added, updated, unchanged, repeated, skipped }
    }
}

/// What became of a file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FileBody {
    /// The file, as it was named.
    pub file: String,
    /// Of its records.
    #[serde(flatten)]
    pub counts: CountsOfRecords,
    /// Why it was not read, or not to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What was removed since its source has it no more.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct PrunedBody {
    /// Records.
    pub records: u64,
    /// Papers, with their last record.
    pub papers: u64,
}

/// Counts of an ingestion, as `cognate index` prints them; over HTTP, with the bad records.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IngestBody {
    /// Of all records.
    #[serde(flatten)]
    pub counts: CountsOfRecords,
    /// Wall time; on the command line only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Papers of the whole store that share an identifier or a title with another; on the command line only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<u64>,
    /// What `--prune` removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned: Option<PrunedBody>,
    /// What became of each file; on the command line only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileBody>,
    /// The first bad records; over HTTP only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<RecordErrorBody>>,
    /// Bad records that `errors` leaves out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors_left_out: Option<u64>,
    /// The first fields that could not be read of good records; over HTTP only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<RecordErrorBody>>,
    /// Such fields that `warnings` leaves out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings_left_out: Option<u64>,
}

impl IngestBody {
    /// The counts of `report`.
    #[must_use]
    pub fn new(report: &IngestReport) -> Self {
        let counts = report.counts.into();
        let pruned = report
            .pruned
            .map(|Pruned { n_records, n_papers }| PrunedBody { records: n_records, papers: n_papers });
        Self {
            counts,
            seconds: None,
            shared: None,
            pruned,
            files: Vec::new(),
            errors: None,
            errors_left_out: None,
            warnings: None,
            warnings_left_out: None,
        }
    }

    /// The same, with what became of each file, and the time that it took.
    #[must_use]
    pub fn with_files(self, report: &IngestReport, seconds: f64) -> Self {
        let files = report.files.iter().map(|file| FileBody {
            file: file.file.to_string(),
            counts: file.counts.into(),
            error: file.error.as_ref().map(fault_in_words),
        });
        Self { files: files.collect(), seconds: Some(seconds), ..self }
    }

    /// The same, with the bad records, and what could not be read of good ones.
    #[must_use]
    pub fn with_faults(self, errors: RecordErrors, warnings: RecordErrors) -> Self {
        Self {
            errors: Some(errors.first),
            errors_left_out: errors.left_out,
            warnings: Some(warnings.first),
            warnings_left_out: warnings.left_out,
            ..self
        }
    }
}

/// Bad records, or fields of good ones that could not be read: the first are told, all are counted.
#[derive(Debug, Clone, Default)]
pub struct RecordErrors {
    pub(crate) first: Vec<RecordErrorBody>,
    pub(crate) left_out: Option<u64>,
}

impl RecordErrors {
    /// Most that are told.
    pub const MAX_TOLD: usize = 1_000;

    /// One more, of the record of this number.
    pub fn add<'e, E>(&mut self, record: u64, error: &'e E)
    where
        RecordErrorBody: From<&'e E>,
    {
        if self.first.len() < Self::MAX_TOLD {
            self.first.push(RecordErrorBody { record, ..error.into() });
        } else {
            *self.left_out.get_or_insert(0) += 1;
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

/// A bad record, or a field of a good one that could not be read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordErrorBody {
    /// Which one of the records in the body, from 1.
    pub record: u64,
    /// Line of the input, from 1.
    pub line: u64,
    /// The record's id, where it could be read.
    pub id: Option<String>,
    /// The field that is wrong, where it is one.
    pub field: Option<String>,
    /// What was expected and what was found.
    pub message: String,
}

/// Why a file was not read to its end, with the causes, in one line.
#[must_use]
pub fn fault_in_words(error: &ReadError) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}

impl From<&ReadError> for RecordErrorBody {
    fn from(error: &ReadError) -> Self {
        let (line, message) = (error.line().unwrap_or(1), fault_in_words(error));
        Self { record: 0, line, id: None, field: None, message }
    }
}

impl From<&RecordError> for RecordErrorBody {
    fn from(error: &RecordError) -> Self {
        Self {
            record: 0,
            line: error.place.line,
            id: error.id.clone(),
            field: error.field.clone(),
            message: error.message.clone(),
        }
    }
}

impl From<&FieldIssue> for RecordErrorBody {
    fn from(issue: &FieldIssue) -> Self {
        Self {
            record: 0,
            line: issue.place.line,
            id: None,
            field: Some(issue.field.clone()),
            message: issue.message.clone(),
        }
    }
}
