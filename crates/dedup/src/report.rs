//! What a deduplication found; nothing is changed by it.

use cognate_corpus::{Paper, PaperId};

use crate::verdict::{Kind, Relation, Verdict};

/// What to do with a member of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The paper that stays.
    Keep,
    /// The same paper as the one that it is matched to.
    Drop,
    /// Perhaps the same; a person decides.
    Review,
}

impl Action {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::Review => "review",
        }
    }
}

/// A paper in a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its id.
    pub id: PaperId,
    /// What to do with it.
    pub action: Action,
    /// Its title.
    pub title: Option<String>,
    /// The database that its record names.
    pub source: Option<String>,
    /// What it was matched by; `None` for the kept paper.
    pub found: Option<Match>,
}

/// What a member was matched by.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The paper that it is matched to: the kept one, or in a connected cluster one on the way to it.
    pub matched_to: PaperId,
    /// Cosine to that paper, in `[-1, 1]`.
    pub score: f32,
    /// That both are of the same paper, from 0 to 1.
    pub probability: f64,
    /// How they are alike.
    pub kind: Kind,
    /// How they belong together, if they do.
    pub relation: Option<Relation>,
    /// Why, in words.
    pub reason: String,
}

/// Papers that are alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The id of the paper to keep.
    pub keep: PaperId,
    /// The kept paper first, then those to drop, then those to review; by descending probability, ties by id.
    pub members: Vec<Member>,
    /// The kept record with what it lacks from those to drop, where asked for.
    pub merged: Option<Paper>,
}

/// Two papers that were compared.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPair {
    /// The id that is first in order.
    pub a: PaperId,
    /// The other.
    pub b: PaperId,
    /// Their cosine, in `[-1, 1]`.
    pub score: f32,
    /// That both are of the same paper, from 0 to 1.
    pub probability: f64,
    /// How they are alike.
    pub kind: Kind,
    /// How they belong together, if they do.
    pub relation: Option<Relation>,
    /// What is to be done about them.
    pub verdict: Verdict,
}

/// Counts of a deduplication.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DedupStats {
    /// Papers compared.
    pub n_papers: usize,
    /// Those of them that came or changed since the last deduplication, if only these were asked for.
    pub n_new: Option<usize>,
    /// Pairs that were judged, by the run that scored them.
    pub n_pairs: usize,
    /// Clusters.
    pub n_clusters: usize,
    /// Members to drop.
    pub n_drop: usize,
    /// Members to review.
    pub n_review: usize,
    /// The lowest cosine at which meaning alone made two papers candidates.
    pub threshold: f32,
    /// The lowest probability of a duplicate.
    pub min_probability: f64,
    /// The generation of the papers.
    pub generation: u64,
}

/// What a deduplication found.
#[derive(Debug, Clone, PartialEq)]
pub struct DedupReport {
    /// In ascending order of the kept paper's id.
    pub clusters: Vec<Cluster>,
    /// Counts.
    pub stats: DedupStats,
}
