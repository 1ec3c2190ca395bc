//! The bodies of requests and answers, as JSON. Field names here are the public contract; the engine's
//! own types are free to change.

use std::collections::BTreeMap;

use cognate_corpus::{Paper, RecordError};
use cognate_engine::{
    Action, DedupReport, EngineError, Hit, IngestReport, Mode, Page, SearchPath, SearchRequest,
    SearchResponse, SegmentStatus, Stats, StoredPaper,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Parameters of `GET /v1/search`, and the body of `POST /v1/search`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchParams {
    /// The query.
    pub q: Option<String>,
    /// Hits on the page.
    pub limit: Option<usize>,
    /// Hits to skip.
    pub offset: Option<usize>,
    /// Lowest cosine of a hit.
    pub min_score: Option<f32>,
    /// Ranking mode.
    pub mode: Option<String>,
    /// Whether to compare every paper, so that nothing is missed.
    #[serde(default)]
    pub exact: bool,
    /// Fields of each hit to give; all, if absent.
    pub fields: Option<FieldNames>,
}

/// Parameters of `GET /v1/papers/{id}/similar`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimilarParams {
    /// Hits on the page.
    pub limit: Option<usize>,
    /// Hits to skip.
    pub offset: Option<usize>,
    /// Lowest cosine of a hit.
    pub min_score: Option<f32>,
    /// Whether to compare every paper, so that nothing is missed.
    #[serde(default)]
    pub exact: bool,
    /// Fields of each hit to give; all, if absent.
    pub fields: Option<FieldNames>,
}

/// Names of fields: one text with commas, or a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum FieldNames {
    /// `title,year`
    Commas(String),
    /// `["title", "year"]`
    List(Vec<String>),
}

impl SearchParams {
    /// The engine's request.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter that is missing or out of bounds.
    pub fn to_request(&self) -> Result<SearchRequest, EngineError> {
        let page = Page::new(self.limit, self.offset, self.min_score)?.exact(self.exact);
        let mode: Mode = self.mode.as_deref().map(str::parse).transpose()?.unwrap_or_default();
        SearchRequest::new(self.q.as_deref().unwrap_or_default(), mode, page)
    }
}

/// Body of `POST /v1/dedup`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupParams {
    /// Lowest cosine of a pair.
    pub threshold: Option<f32>,
}

/// Answer of a search.
#[derive(Debug, Clone, Serialize)]
pub struct SearchBody {
    /// Papers that pass `min_score`.
    pub total: u64,
    /// Hits skipped.
    pub offset: usize,
    /// The page: objects of the shape of [`HitBody`], reduced to the fields asked for.
    pub data: Vec<Map<String, Value>>,
    /// How the answer came about.
    pub meta: MetaBody,
}

/// How an answer came about.
#[derive(Debug, Clone, Serialize)]
pub struct MetaBody {
    /// Ranking mode.
    pub mode: String,
    /// The model; null for an empty store.
    pub model: Option<String>,
    /// Generation of the snapshot searched.
    pub generation: u64,
    /// `exact` or `hnsw`.
    pub path: &'static str,
    /// Milliseconds from request to answer.
    pub took_ms: f64,
}

/// One hit, with every field.
#[derive(Debug, Clone, Serialize)]
pub struct HitBody {
    id: String,
    score: f32,
    scores: ScoresBody,
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
}

/// The scores computed for a hit.
#[derive(Debug, Clone, Serialize)]
pub struct ScoresBody {
    semantic: Option<f32>,
    keyword: Option<f32>,
}

/// An author.
#[derive(Debug, Clone, Serialize)]
pub struct AuthorBody {
    name: String,
}

/// The names that `fields` may hold, in the order of [`HitBody`].
pub const HIT_FIELDS: [&str; 12] = [
    "id",
    "score",
    "scores",
    "title",
    "abstract",
    "authors",
    "year",
    "publication_date",
    "venue",
    "categories",
    "external_ids",
    "url",
];

impl SearchBody {
    /// The body of `response`, each hit reduced to `fields` and its id.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming a field that hits do not have.
    pub fn new(response: SearchResponse, fields: Option<&FieldNames>) -> Result<Self, EngineError> {
        let fields = fields.map(FieldNames::checked).transpose()?;
        let data =
            response.hits.into_iter().map(|hit| HitBody::from(hit).reduced_to(fields.as_deref())).collect();
        Ok(Self {
            total: response.total,
            offset: response.offset,
            data,
            meta: MetaBody {
                mode: response.meta.mode.to_string(),
                model: response.meta.model,
                generation: response.meta.generation,
                path: path_name(response.meta.path),
                took_ms: (response.meta.took.as_secs_f64() * 1e6).round() / 1e3,
            },
        })
    }
}

impl FieldNames {
    fn checked(&self) -> Result<Vec<&str>, EngineError> {
        let names: Vec<&str> = match self {
            Self::Commas(text) => text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect(),
            Self::List(list) => list.iter().map(String::as_str).collect(),
        };
        match names.iter().find(|name| !HIT_FIELDS.contains(name)) {
            Some(unknown) => Err(EngineError::InvalidRequest {
                parameter: "fields",
                expected: HIT_FIELDS.join(", "),
                found: format!("{unknown:?}"),
            }),
            None => Ok(names),
        }
    }
}

impl From<Hit> for HitBody {
    fn from(hit: Hit) -> Self {
        let paper = hit.paper.paper;
        Self {
            id: paper.id.into(),
            score: hit.score,
            scores: ScoresBody { semantic: hit.scores.semantic, keyword: hit.scores.keyword },
            title: paper.title,
            abstract_text: paper.abstract_text,
            authors: author_bodies(paper.authors),
            year: paper.year,
            publication_date: paper.publication_date.map(|date| date.to_string()),
            venue: paper.venue,
            categories: paper.categories,
            external_ids: paper
                .external_ids
                .into_iter()
                .map(|(kind, id)| (kind.name().to_owned(), id))
                .collect(),
            url: paper.url,
        }
    }
}

impl HitBody {
    fn reduced_to(self, fields: Option<&[&str]>) -> Map<String, Value> {
        let Ok(Value::Object(mut object)) = serde_json::to_value(self) else { return Map::new() };
        if let Some(fields) = fields {
            object.retain(|name, _| name == "id" || fields.contains(&name.as_str()));
        }
        object
    }
}

fn author_bodies(names: Vec<String>) -> Vec<AuthorBody> {
    names.into_iter().map(|name| AuthorBody { name }).collect()
}

fn path_name(path: SearchPath) -> &'static str {
    match path {
        SearchPath::Exact => "exact",
        SearchPath::Hnsw | SearchPath::FilteredHnsw => "hnsw",
    }
}

/// Answer of `GET /v1/papers/{id}`: one paper, whole.
#[derive(Debug, Clone, Serialize)]
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
    source: Option<String>,
    upvotes: Option<i64>,
    first_indexed: String,
    extra: Map<String, Value>,
    /// All papers that carry the identifier asked for, in order of id, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<PaperBody>,
}

impl From<StoredPaper> for PaperBody {
    fn from(stored: StoredPaper) -> Self {
        let StoredPaper { paper, first_indexed, .. } = stored;
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
            external_ids: paper
                .external_ids
                .into_iter()
                .map(|(kind, id)| (kind.name().to_owned(), id))
                .collect(),
            url: paper.url,
            source: paper.source,
            upvotes: paper.upvotes,
            first_indexed,
            extra: paper.extra,
            matches: Vec::new(),
        }
    }
}

impl PaperBody {
    /// The first of `papers`, with all of them as `matches` where there are several.
    #[must_use]
    pub fn of_matches(papers: Vec<StoredPaper>) -> Option<Self> {
        let matches: Vec<Self> = papers.into_iter().map(Self::from).collect();
        let first = matches.first()?.clone();
        Some(if matches.len() > 1 { Self { matches, ..first } } else { first })
    }
}

/// Counts of an ingestion, as `cognate index` prints them; over HTTP, with the bad records.
#[derive(Debug, Clone, Serialize)]
pub struct IngestBody {
    /// Records read: the sum of the next four.
    pub read: u64,
    /// Papers that were not stored before.
    pub added: u64,
    /// Papers changed.
    pub updated: u64,
    /// Papers that were stored already, the same in every field.
    pub unchanged: u64,
    /// Bad records.
    pub skipped: u64,
    /// Wall time; on the command line only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The bad records; over HTTP only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<RecordErrorBody>>,
}

impl IngestBody {
    /// The counts of `report`.
    #[must_use]
    pub fn new(report: IngestReport) -> Self {
        Self {
            read: report.read,
            added: report.added,
            updated: report.updated,
            unchanged: report.unchanged,
            skipped: report.skipped,
            seconds: None,
            errors: None,
        }
    }
}

/// A bad record.
#[derive(Debug, Clone, Serialize)]
pub struct RecordErrorBody {
    /// Line of the input, from 1.
    pub line: u64,
    /// The record's id, where it could be read.
    pub id: Option<String>,
    /// The field that is wrong, where it is one.
    pub field: Option<String>,
    /// What was expected and what was found.
    pub message: String,
}

impl From<&RecordError> for RecordErrorBody {
    fn from(error: &RecordError) -> Self {
        Self {
            line: error.place.line,
            id: error.id.clone(),
            field: error.field.clone(),
            message: error.message.clone(),
        }
    }
}

/// Answer of `POST /v1/dedup`.
#[derive(Debug, Clone, Serialize)]
pub struct DedupBody {
    clusters: Vec<ClusterBody>,
    stats: DedupStatsBody,
}

#[derive(Debug, Clone, Serialize)]
struct ClusterBody {
    keep: String,
    members: Vec<MemberBody>,
}

#[derive(Debug, Clone, Serialize)]
struct MemberBody {
    id: String,
    action: &'static str,
    reason: String,
    score: f32,
    matched_to: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct DedupStatsBody {
    n_papers: usize,
    n_pairs: usize,
    n_clusters: usize,
    n_drop: usize,
    n_review: usize,
    threshold: f32,
}

impl From<DedupReport> for DedupBody {
    fn from(report: DedupReport) -> Self {
        let member = |m: cognate_engine::Member| MemberBody {
            id: m.id,
            action: match m.action {
                Action::Keep => "keep",
                Action::Drop => "drop",
                Action::Review => "review",
            },
            reason: m.reason,
            score: m.score,
            matched_to: m.matched_to,
        };
        let clusters = report.clusters.into_iter().map(|cluster| ClusterBody {
            keep: cluster.keep,
            members: cluster.members.into_iter().map(member).collect(),
        });
        Self {
            clusters: clusters.collect(),
            stats: DedupStatsBody {
                n_papers: report.stats.n_papers,
                n_pairs: report.stats.n_pairs,
                n_clusters: report.stats.n_clusters,
                n_drop: report.stats.n_drop,
                n_review: report.stats.n_review,
                threshold: report.stats.threshold,
            },
        }
    }
}

/// Answer of `GET /v1/stats`.
#[derive(Debug, Clone, Serialize)]
pub struct StatsBody {
    n_papers: u64,
    generation: u64,
    model: Option<String>,
    dim: Option<usize>,
    index: IndexBody,
}

#[derive(Debug, Clone, Default, Serialize)]
struct IndexBody {
    path: Option<&'static str>,
    n_papers: usize,
    generation: u64,
    precision: Option<String>,
    verifying: bool,
    memory_bytes: u64,
    disk_bytes: u64,
    segments: Vec<SegmentBody>,
}

#[derive(Debug, Clone, Serialize)]
struct SegmentBody {
    name: String,
    n_papers: usize,
    n_dead: usize,
    has_graph: bool,
}

impl From<Stats> for StatsBody {
    fn from(stats: Stats) -> Self {
        let mut index = stats.index.map_or_else(IndexBody::default, |status| IndexBody {
            path: Some(path_name(status.path)),
            n_papers: status.collection.n_rows,
            generation: status.collection.generation,
            precision: None,
            verifying: status.collection.verifying,
            memory_bytes: status.collection.memory_bytes,
            disk_bytes: status.collection.disk_bytes,
            segments: status.collection.segments.into_iter().map(SegmentBody::from).collect(),
        });
        index.precision = stats.model.as_ref().map(|model| model.precision.clone());
        Self {
            n_papers: stats.n_papers,
            generation: stats.generation,
            dim: stats.model.as_ref().map(|model| model.dim),
            model: stats.model.map(|model| model.name),
            index,
        }
    }
}

impl From<SegmentStatus> for SegmentBody {
    fn from(segment: SegmentStatus) -> Self {
        Self {
            name: segment.name,
            n_papers: segment.n_rows - segment.n_dead,
            n_dead: segment.n_dead,
            has_graph: segment.has_graph,
        }
    }
}

/// Answer of `GET /health`.
#[derive(Debug, Clone, Serialize)]
pub struct HealthBody {
    /// `ok`.
    pub status: &'static str,
    /// The release.
    pub version: &'static str,
}

/// Every error's body.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorBody {
    /// What was expected, what was found, and what to do.
    pub error: String,
    /// The same; some clients read this name.
    pub message: String,
    /// A stable name for the error.
    pub code: &'static str,
    /// `invalid_request`, `not_found`, `conflict`, `limit` or `system`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}
