//! How a data folder stands.

use cognate_engine::{KeywordStatus, SegmentStatus, Stats};
use serde::Serialize;

use crate::hit::path_name;

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
    keywords: KeywordsBody,
}

#[derive(Debug, Clone, Default, Serialize)]
struct KeywordsBody {
    n_papers: usize,
    generation: u64,
    disk_bytes: u64,
    segments: Vec<SegmentBody>,
}

#[derive(Debug, Clone, Serialize)]
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
