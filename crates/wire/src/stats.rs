//! How a data folder stands.

use std::collections::BTreeMap;

use cognate_engine::{KeywordStatus, SegmentStatus, SourceCounts, Stats};
use serde::Serialize;
use utoipa::ToSchema;

use crate::hit::path_name;

/// Answer of `GET /v1/stats`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatsBody {
    n_papers: u64,
    /// Null where papers lie with another engine.
    generation: Option<u64>,
    model: Option<String>,
    dim: Option<usize>,
    index: IndexBody,
    /// Over HTTP only.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsBody>,
}

/// Answer of `stats --by source`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourcesBody {
    /// Those with most records first.
    pub sources: Vec<SourceBody>,
}

/// What one source brought.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourceBody {
    /// The database that records name, else the source that was named, else the file; null where nobody says.
    pub source: Option<String>,
    /// Records, exact repeats too.
    pub records: u64,
    /// Papers that these are of.
    pub papers: u64,
    /// Records with an abstract.
    pub abstracts: u64,
    /// Records with an identifier, by its kind.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub identifiers: BTreeMap<&'static str, u64>,
}

impl From<Vec<SourceCounts>> for SourcesBody {
    fn from(counts: Vec<SourceCounts>) -> Self {
        let body = |counts: SourceCounts| SourceBody {
            source: counts.name,
            records: counts.n_records,
            papers: counts.n_papers,
            abstracts: counts.n_abstracts,
            identifiers: counts.n_identifiers.into_iter().map(|(kind, n)| (kind.name(), n)).collect(),
        };
        Self { sources: counts.into_iter().map(body).collect() }
    }
}

impl StatsBody {
    /// The same, with the limits of the server.
    #[must_use]
    pub fn with_limits(self, limits: LimitsBody) -> Self {
        Self { limits: Some(limits), ..self }
    }
}

/// What the server does at one time; whoever comes when all places to wait are taken, or waits too long, gets 429.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct LimitsBody {
    /// Requests that do one query's work.
    pub searches: usize,
    /// Such requests that wait.
    pub searches_waiting: usize,
    /// Batches of searches, and of texts to embed.
    pub batches: usize,
    /// Such requests that wait.
    pub batches_waiting: usize,
    /// Ingestions and deduplications.
    pub long_runs: usize,
    /// Such requests that wait.
    pub long_runs_waiting: usize,
    /// Streamed answers.
    pub streams: usize,
    /// Such requests that wait.
    pub streams_waiting: usize,
    /// Open connections.
    pub connections: usize,
    /// Largest body of a request.
    pub body_bytes: usize,
    /// Largest body of texts to embed.
    pub texts_body_bytes: usize,
    /// Largest body of papers.
    pub papers_body_bytes: usize,
}

#[derive(Debug, Clone, Default, Serialize, ToSchema)]
struct IndexBody {
    path: Option<&'static str>,
    n_papers: usize,
    generation: u64,
    precision: Option<String>,
    verifying: bool,
    memory_bytes: u64,
    disk_bytes: u64,
    segments: Vec<SegmentBody>,
    keywords: KeywordsBody,
}

#[derive(Debug, Clone, Default, Serialize, ToSchema)]
struct KeywordsBody {
    n_papers: usize,
    generation: u64,
    disk_bytes: u64,
    segments: Vec<SegmentBody>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct SegmentBody {
    name: String,
    n_papers: usize,
    n_dead: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_graph: Option<bool>,
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
            keywords: KeywordsBody::from(status.keywords),
        });
        index.precision = stats.model.as_ref().map(|model| model.precision.clone());
        Self {
            n_papers: stats.n_papers,
            generation: stats.generation,
            dim: stats.model.as_ref().map(|model| model.dim),
            model: stats.model.map(|model| model.name),
            index,
            limits: None,
        }
    }
}

impl From<SegmentStatus> for SegmentBody {
    fn from(segment: SegmentStatus) -> Self {
        Self {
            name: segment.name,
            n_papers: segment.n_rows - segment.n_dead,
            n_dead: segment.n_dead,
            has_graph: Some(segment.has_graph),
        }
    }
}

impl From<KeywordStatus> for KeywordsBody {
    fn from(status: KeywordStatus) -> Self {
        let segments = status.segments.into_iter().map(|segment| SegmentBody {
            name: segment.name,
            n_papers: segment.n_rows - segment.n_dead,
            n_dead: segment.n_dead,
            has_graph: None,
        });
        Self {
            n_papers: status.n_rows,
            generation: status.generation,
            disk_bytes: status.disk_bytes,
            segments: segments.collect(),
        }
    }
}
