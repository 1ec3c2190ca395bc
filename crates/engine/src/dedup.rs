//! Near-duplicate papers, grouped around the one to keep.
//!
//! A cluster is complete: every member was compared with the kept paper and reaches the threshold,
//! so a chain of likenesses never merges papers that are not alike themselves.

use std::cmp::Reverse;
use std::collections::HashMap;

use cognate_corpus::{Paper, text};

use crate::engine::Engine;
use crate::error::EngineError;

/// The threshold when the request names none: above it, abstracts tell of the same work.
const DEFAULT_THRESHOLD: f32 = 0.95;
/// The lowest threshold accepted: below it, the number of pairs grows towards all of them.
const MIN_THRESHOLD: f32 = 0.5;
/// From here on, texts differ in a few words at most.
const SAME_TEXT: f32 = 0.995;

/// What to look for. Valid once made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DedupRequest {
    threshold: f32,
}

impl DedupRequest {
    /// Validates the threshold, a cosine from 0.5 to 1 (default 0.95).
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] if it is outside.
    pub fn new(threshold: Option<f32>) -> Result<Self, EngineError> {
        let threshold = threshold.unwrap_or(DEFAULT_THRESHOLD);
        if !(MIN_THRESHOLD..=1.0).contains(&threshold) {
            return Err(EngineError::InvalidRequest {
                parameter: "threshold",
                expected: format!("a cosine from {MIN_THRESHOLD} to 1"),
                found: threshold.to_string(),
            });
        }
        Ok(Self { threshold })
    }
}

/// What to do with a member of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The paper that stays.
    Keep,
    /// The same paper as the kept one.
    Drop,
    /// Perhaps the same; a person decides.
    Review,
}

/// A paper in a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// What to do with it.
    pub action: Action,
    /// Why, in words.
    pub reason: String,
    /// Cosine to the kept paper, in `[-1, 1]`; 1 for the kept paper itself.
    pub score: f32,
    /// The kept paper's id; `None` for the kept paper itself.
    pub matched_to: Option<String>,
}

/// Papers that are alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The id of the paper to keep.
    pub keep: String,
    /// The kept paper first, the others by descending score, ties by id.
    pub members: Vec<Member>,
}

/// Counts of a deduplication.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DedupStats {
    /// Papers compared.
    pub n_papers: usize,
    /// Pairs at or above the threshold.
    pub n_pairs: usize,
    /// Clusters.
    pub n_clusters: usize,
    /// Members to drop.
    pub n_drop: usize,
    /// Members to review.
    pub n_review: usize,
    /// The threshold used.
    pub threshold: f32,
}

/// What a deduplication found; nothing is changed by it.
#[derive(Debug, Clone, PartialEq)]
pub struct DedupReport {
    /// In ascending order of the kept paper's id.
    pub clusters: Vec<Cluster>,
    /// Counts.
    pub stats: DedupStats,
}

impl Engine {
    /// Groups papers whose vectors have a cosine at or above the threshold.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn dedup(&self, request: DedupRequest) -> Result<DedupReport, EngineError> {
        let threshold = request.threshold;
        let Some(view) = self.view()? else {
            return Ok(DedupReport {
                clusters: Vec::new(),
                stats: DedupStats { threshold, ..DedupStats::default() },
            });
        };
        view.catch_up(&self.store)?;
        let snapshot = view.snapshot().vectors;
        let pairs = snapshot.pairs_at_least(threshold)?;
        let mut rows: Vec<u32> = pairs.iter().flat_map(|&(a, b, _)| [a, b]).collect();
        rows.sort_unstable();
        rows.dedup();
        let papers: HashMap<u32, Paper> = self
            .store
            .reader()?
            .papers(&rows)?
            .into_iter()
            .map(|(row, stored)| (row, stored.paper))
            .collect();

        let clusters = cluster(&papers, &pairs);
        let count = |action| clusters.iter().flat_map(|c| &c.members).filter(|m| m.action == action).count();
        let stats = DedupStats {
            n_papers: snapshot.len(),
            n_pairs: pairs.len(),
            n_clusters: clusters.len(),
            n_drop: count(Action::Drop),
            n_review: count(Action::Review),
            threshold,
        };
        Ok(DedupReport { clusters, stats })
    }
}

/// Takes papers from the most to the least worth keeping; each that is still free keeps itself and
/// gathers its free neighbours.
fn cluster(papers: &HashMap<u32, Paper>, pairs: &[(u32, u32, f32)]) -> Vec<Cluster> {
    let mut neighbours: HashMap<u32, Vec<(u32, f32)>> = HashMap::new();
    for &(a, b, score) in pairs.iter().filter(|(a, b, _)| papers.contains_key(a) && papers.contains_key(b)) {
        neighbours.entry(a).or_default().push((b, score));
        neighbours.entry(b).or_default().push((a, score));
    }
    let mut order: Vec<u32> = neighbours.keys().copied().collect();
    order.sort_by_key(|row| (Reverse(completeness(&papers[row])), papers[row].id.clone()));

    let mut taken = std::collections::HashSet::new();
    let mut clusters = Vec::new();
    for keep in order {
        if !taken.insert(keep) {
            continue;
        }
        let mut others: Vec<(u32, f32)> =
            neighbours[&keep].iter().copied().filter(|(other, _)| taken.insert(*other)).collect();
        if others.is_empty() {
            continue;
        }
        others.sort_by(|(a, a_score), (b, b_score)| {
            b_score.total_cmp(a_score).then_with(|| papers[a].id.cmp(&papers[b].id))
        });
        let kept = &papers[&keep];
        let mut members = vec![Member {
            id: kept.id.to_string(),
            action: Action::Keep,
            reason: "the most complete record of the cluster".to_owned(),
            score: 1.0,
            matched_to: None,
        }];
        members.extend(others.iter().map(|(other, score)| judge(kept, &papers[other], *score)));
        clusters.push(Cluster { keep: kept.id.to_string(), members });
    }
    clusters.sort_by(|a, b| a.keep.cmp(&b.keep));
    clusters
}

/// How much of a record is filled in; of two alike, the fuller one is worth keeping.
fn completeness(paper: &Paper) -> usize {
    let filled = [
        paper.title.is_some(),
        paper.abstract_text.is_some(),
        !paper.authors.is_empty(),
        paper.year.is_some(),
        paper.publication_date.is_some(),
        paper.venue.is_some(),
        !paper.categories.is_empty(),
        paper.url.is_some(),
    ];
    filled.iter().filter(|&&is_filled| is_filled).count() + 2 * paper.external_ids.len()
}

fn judge(kept: &Paper, other: &Paper, score: f32) -> Member {
    let title = |paper: &Paper| paper.title.as_deref().map(|title| text::normalize(title).to_lowercase());
    let shared = kept.external_ids.iter().find(|(kind, value)| other.external_ids.get(kind) == Some(value));
    let (action, evidence) = if let Some((kind, value)) = shared {
        (Action::Drop, format!("the same {} {value}", kind.name()))
    } else if title(kept).is_some() && title(kept) == title(other) {
        (Action::Drop, "the same title".to_owned())
    } else if score >= SAME_TEXT {
        (Action::Drop, "nearly the same text".to_owned())
    } else {
        (Action::Review, "similar meaning, another title".to_owned())
    };
    Member {
        id: other.id.to_string(),
        action,
        reason: format!("cosine {score:.3} to {}; {evidence}", kept.id),
        score,
        matched_to: Some(kept.id.to_string()),
    }
}
