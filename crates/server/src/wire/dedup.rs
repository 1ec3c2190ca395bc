//! Deduplication.

use cognate_engine::{Action, DedupReport};
use serde::{Deserialize, Serialize};

/// Body of `POST /v1/dedup`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupParams {
    /// Lowest cosine of a pair.
    pub threshold: Option<f32>,
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
