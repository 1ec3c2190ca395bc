//! What to look for, and by which rules. Valid once made.

use std::str::FromStr;

use crate::error::DedupError;

/// The lowest cosine at which meaning alone makes two papers candidates, when the request names none.
const DEFAULT_THRESHOLD: f32 = 0.6;
/// The lowest threshold accepted: below it, the number of pairs grows towards all of them.
const MIN_THRESHOLD: f32 = 0.5;
/// The lowest probability of a duplicate, when the request names none: where at most one drop in a thousand is wrong,
/// as far as held-out reviews tell (`docs/dedup.md`).
pub const DEFAULT_MIN_PROBABILITY: f64 = 0.8;
/// Pairs from this probability on are shown to a person: nine of ten duplicates that were missed in three reviews are
/// among them, and at most 2.5 % of a review's records.
const REVIEW_FROM: f64 = 0.1;

/// Whether two versions of a work are duplicates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Versions {
    /// Preprint and article, or an abstract at a meeting and the article that came of it, are the same paper.
    Same,
    /// They are two papers.
    #[default]
    Distinct,
}

impl FromStr for Versions {
    type Err = DedupError;

    fn from_str(name: &str) -> Result<Self, DedupError> {
        match name {
            "same" => Ok(Self::Same),
            "distinct" => Ok(Self::Distinct),
            _ => Err(DedupError::InvalidRequest {
                parameter: "versions",
                expected: "`same` or `distinct`".to_owned(),
                found: format!("{name:?}"),
            }),
        }
    }
}

/// How pairs become clusters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClusterMode {
    /// Every member matches the kept paper.
    #[default]
    Complete,
    /// Members are linked by a chain of matches.
    Connected,
}

impl FromStr for ClusterMode {
    type Err = DedupError;

    fn from_str(name: &str) -> Result<Self, DedupError> {
        match name {
            "complete" => Ok(Self::Complete),
            "connected" => Ok(Self::Connected),
            _ => Err(DedupError::InvalidRequest {
                parameter: "clusters",
                expected: "`complete` or `connected`".to_owned(),
                found: format!("{name:?}"),
            }),
        }
    }
}

/// Which record of a cluster is kept. Ties go to the fuller record, then by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KeepPolicy {
    /// The record with the most fields filled in.
    #[default]
    BestMetadata,
    /// The latest publication.
    Newest,
    /// The earliest publication.
    Oldest,
    /// A published article before a preprint.
    PublishedFirst,
    /// A record of this source: the database that it names, the source that was named when it was indexed, or its file.
    Source(String),
}

impl FromStr for KeepPolicy {
    type Err = DedupError;

    fn from_str(name: &str) -> Result<Self, DedupError> {
        Ok(match name {
            "best_metadata" => Self::BestMetadata,
            "newest" => Self::Newest,
            "oldest" => Self::Oldest,
            "published_first" => Self::PublishedFirst,
            _ => match name.strip_prefix("source:") {
                Some(source) if !source.trim().is_empty() => Self::Source(source.trim().to_owned()),
                _ => {
                    return Err(DedupError::InvalidRequest {
                        parameter: "keep",
                        expected: "`best_metadata`, `newest`, `oldest`, `published_first` or `source:NAME`"
                            .to_owned(),
                        found: format!("{name:?}"),
                    });
                }
            },
        })
    }
}

/// By which rules a pair is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judging {
    pub(crate) min_probability: f64,
    pub(crate) versions: Versions,
}

impl Default for Judging {
    fn default() -> Self {
        Self { min_probability: DEFAULT_MIN_PROBABILITY, versions: Versions::default() }
    }
}

impl Judging {
    /// `min_probability`, above 0 and at most 1 (default [`DEFAULT_MIN_PROBABILITY`]), makes a pair a duplicate.
    ///
    /// # Errors
    /// [`DedupError::InvalidRequest`] if it is outside.
    pub fn new(min_probability: Option<f64>, versions: Versions) -> Result<Self, DedupError> {
        let min_probability = min_probability.unwrap_or(DEFAULT_MIN_PROBABILITY);
        if !(min_probability > 0.0 && min_probability <= 1.0) {
            return Err(DedupError::InvalidRequest {
                parameter: "min_probability",
                expected: "a probability above 0 and at most 1".to_owned(),
                found: min_probability.to_string(),
            });
        }
        Ok(Self { min_probability, versions })
    }

    /// The lowest probability of a duplicate.
    #[must_use]
    pub fn min_probability(&self) -> f64 {
        self.min_probability
    }

    /// The probability from which a person decides.
    pub(crate) fn review_from(&self) -> f64 {
        REVIEW_FROM.min(self.min_probability)
    }
}

/// What to look for in a store.
#[derive(Debug, Clone, PartialEq)]
pub struct DedupRequest {
    threshold: f32,
    judging: Judging,
    clusters: ClusterMode,
    keep: KeepPolicy,
    merges: bool,
    only_new: bool,
}

impl DedupRequest {
    /// Validates the threshold: the lowest cosine, from 0.5 to 1 (default 0.6), at which meaning alone makes two
    /// papers candidates.
    ///
    /// # Errors
    /// [`DedupError::InvalidRequest`] if it is outside.
    pub fn new(
        threshold: Option<f32>,
        judging: Judging,
        clusters: ClusterMode,
        keep: KeepPolicy,
    ) -> Result<Self, DedupError> {
        let threshold = threshold.unwrap_or(DEFAULT_THRESHOLD);
        if !(MIN_THRESHOLD..=1.0).contains(&threshold) {
            return Err(DedupError::InvalidRequest {
                parameter: "threshold",
                expected: format!("a cosine from {MIN_THRESHOLD} to 1"),
                found: threshold.to_string(),
            });
        }
        Ok(Self { threshold, judging, clusters, keep, merges: false, only_new: false })
    }

    /// The same, and each cluster has a record of the best fields of all that it merges.
    #[must_use]
    pub fn merging(self) -> Self {
        Self { merges: true, ..self }
    }

    /// The same, of what came since the last deduplication against everything: only clusters with a new paper, and only
    /// pairs with one are compared.
    #[must_use]
    pub fn only_new(self) -> Self {
        Self { only_new: true, ..self }
    }

    /// Whether only what is new is asked for.
    #[must_use]
    pub fn asks_for_new(&self) -> bool {
        self.only_new
    }

    /// The lowest cosine at which meaning alone makes two papers candidates.
    #[must_use]
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// By which rules pairs are judged.
    #[must_use]
    pub fn judging(&self) -> &Judging {
        &self.judging
    }

    /// How pairs become clusters.
    #[must_use]
    pub fn clusters(&self) -> ClusterMode {
        self.clusters
    }

    /// Which record of a cluster stays.
    #[must_use]
    pub fn keep(&self) -> &KeepPolicy {
        &self.keep
    }

    /// Whether each cluster has a record of the best fields of all that it merges.
    #[must_use]
    pub fn merges(&self) -> bool {
        self.merges
    }
}
