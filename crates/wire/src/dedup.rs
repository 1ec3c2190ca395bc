//! Deduplication.

use std::collections::BTreeMap;
use std::str::FromStr;

use cognate_corpus::PaperId;
use cognate_engine::{
    CheckedRecord, DedupError, DedupReport, DedupRequest, EngineError, Found, JudgedPair, Judging, Member,
    Relation, ScoredPair,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::decisions::{FlowBody, SourceFlowBody};
use crate::names::{ClustersName, DuplicateVersionsName};
use crate::papers::{RecordBody, RecordErrorBody, RecordErrors};

/// Body of `POST /v1/dedup`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DedupParams {
    /// Lowest cosine at which meaning alone makes two papers candidates.
    pub threshold: Option<f32>,
    /// Lowest probability of a duplicate.
    pub min_probability: Option<f64>,
    /// `same` or `distinct`.
    #[schema(value_type = Option<DuplicateVersionsName>)]
    pub versions: Option<String>,
    /// `complete` or `connected`.
    #[schema(value_type = Option<ClustersName>)]
    pub clusters: Option<String>,
    /// `best_metadata`, `newest`, `oldest`, `published_first` or `source:NAME`.
    pub keep: Option<String>,
    /// Give each cluster a record of the best fields of those that it drops.
    pub merge: Option<bool>,
    /// Only what came since the last deduplication, against everything.
    pub new: Option<bool>,
}

impl DedupParams {
    /// The request that they are.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] that names the parameter.
    pub fn to_request(&self) -> Result<DedupRequest, EngineError> {
        let request = DedupRequest::new(
            self.threshold,
            to_judging(self.min_probability, self.versions.as_deref())?,
            parsed(self.clusters.as_deref())?,
            parsed(self.keep.as_deref())?,
        )?;
        let request = if self.merge.unwrap_or_default() { request.merging() } else { request };
        Ok(if self.new.unwrap_or_default() { request.only_new() } else { request })
    }
}

/// Parameters of `POST /v1/dedup/check`, in its query string: the body has the records.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CheckParams {
    /// Lowest probability of a duplicate.
    pub min_probability: Option<f64>,
    /// `same` or `distinct`.
    #[schema(value_type = Option<DuplicateVersionsName>)]
    #[param(value_type = Option<DuplicateVersionsName>)]
    pub versions: Option<String>,
}

/// The rules by which a pair is judged.
///
/// # Errors
/// [`EngineError::InvalidRequest`] that names the parameter.
pub fn to_judging(min_probability: Option<f64>, versions: Option<&str>) -> Result<Judging, EngineError> {
    Ok(Judging::new(min_probability, parsed(versions)?)?)
}

fn parsed<T: Default + FromStr<Err = DedupError>>(text: Option<&str>) -> Result<T, DedupError> {
    text.map_or_else(|| Ok(T::default()), str::parse)
}

/// What was found about a pair of records.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PairBody {
    verdict: &'static str,
    probability: f64,
    kind: &'static str,
    relation: Option<&'static str>,
    reason: String,
}

impl From<JudgedPair> for PairBody {
    fn from(judged: JudgedPair) -> Self {
        let JudgedPair { judgment, reason } = judged;
        Self {
            verdict: judgment.verdict.name(),
            probability: judgment.probability,
            kind: judgment.kind.name(),
            relation: judgment.relation.map(Relation::name),
            reason,
        }
    }
}

/// Answer of `POST /v1/dedup`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DedupBody {
    clusters: Vec<ClusterBody>,
    stats: DedupStatsBody,
    /// What would become of the records of each source; on the command line only.
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<Vec<SourceFlowBody>>,
    /// Wall time of each step; on the command line only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, f64>>)]
    seconds: Option<BTreeMap<&'static str, f64>>,
}

impl DedupBody {
    /// The same, with what would become of the records of each source.
    #[must_use]
    pub fn with_flow(self, flow: FlowBody) -> Self {
        Self { flow: Some(flow.sources), ..self }
    }

    /// The same, with the wall time of each step.
    #[must_use]
    pub fn with_seconds(self, seconds: BTreeMap<&'static str, f64>) -> Self {
        Self { seconds: Some(seconds), ..self }
    }
}

/// Two stored papers that were compared.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScoredPairBody {
    #[schema(value_type = String)]
    a: PaperId,
    #[schema(value_type = String)]
    b: PaperId,
    score: f32,
    probability: f64,
    kind: &'static str,
    relation: Option<&'static str>,
    verdict: &'static str,
}

impl From<&ScoredPair> for ScoredPairBody {
    fn from(pair: &ScoredPair) -> Self {
        Self {
            a: pair.a.clone(),
            b: pair.b.clone(),
            score: pair.score,
            probability: pair.probability,
            kind: pair.kind.name(),
            relation: pair.relation.map(Relation::name),
            verdict: pair.verdict.name(),
        }
    }
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct ClusterBody {
    #[schema(value_type = String)]
    keep: PaperId,
    members: Vec<MemberBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged: Option<RecordBody>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct MemberBody {
    #[schema(value_type = String)]
    id: PaperId,
    title: Option<String>,
    action: &'static str,
    reason: String,
    score: f32,
    probability: f64,
    kind: Option<&'static str>,
    relation: Option<&'static str>,
    #[schema(value_type = Option<String>)]
    matched_to: Option<PaperId>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct DedupStatsBody {
    n_papers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_new: Option<usize>,
    n_pairs: usize,
    n_clusters: usize,
    n_drop: usize,
    n_review: usize,
    threshold: f32,
    min_probability: f64,
    generation: u64,
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        let Member { id, action, title, found, .. } = member;
        let action = action.name();
        match found {
            Some(found) => Self {
                id,
                title,
                action,
                reason: format!("matches {}: {}", found.matched_to, found.reason),
                score: found.score,
                probability: found.probability,
                kind: Some(found.kind.name()),
                relation: found.relation.map(Relation::name),
                matched_to: Some(found.matched_to),
            },
            None => Self {
                id,
                title,
                action,
                reason: "the record to keep of this cluster".to_owned(),
                score: 1.0,
                probability: 1.0,
                kind: None,
                relation: None,
                matched_to: None,
            },
        }
    }
}

impl From<DedupReport> for DedupBody {
    fn from(report: DedupReport) -> Self {
        let clusters = report.clusters.into_iter().map(|cluster| ClusterBody {
            keep: cluster.keep,
            members: cluster.members.into_iter().map(MemberBody::from).collect(),
            merged: cluster.merged.map(RecordBody::from),
        });
        let stats = report.stats;
        Self {
            clusters: clusters.collect(),
            stats: DedupStatsBody {
                n_papers: stats.n_papers,
                n_new: stats.n_new,
                n_pairs: stats.n_pairs,
                n_clusters: stats.n_clusters,
                n_drop: stats.n_drop,
                n_review: stats.n_review,
                threshold: stats.threshold,
                min_probability: stats.min_probability,
                generation: stats.generation,
            },
            flow: None,
            seconds: None,
        }
    }
}

/// Answer of `POST /v1/dedup/check`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckBody {
    /// For each good record, in their order, what it matches.
    pub results: Vec<CheckedBody>,
    /// The first bad records.
    pub errors: Vec<RecordErrorBody>,
    /// Bad records that `errors` leaves out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors_left_out: Option<u64>,
    /// The first fields that could not be read of good records.
    pub warnings: Vec<RecordErrorBody>,
    /// Such fields that `warnings` leaves out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings_left_out: Option<u64>,
}

impl CheckBody {
    /// What was found about the good records, the bad ones, and what could not be read of good ones.
    #[must_use]
    pub fn new(results: Vec<CheckedBody>, errors: RecordErrors, warnings: RecordErrors) -> Self {
        Self {
            results,
            errors: errors.first,
            errors_left_out: errors.left_out,
            warnings: warnings.first,
            warnings_left_out: warnings.left_out,
        }
    }
}

/// What was found about one record; a line of `cognate dedup check`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckedBody {
    #[schema(value_type = String)]
    id: PaperId,
    verdict: &'static str,
    #[schema(value_type = Option<String>)]
    matched_to: Option<PaperId>,
    matches: Vec<FoundBody>,
}

/// A stored paper that a record matches.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FoundBody {
    #[schema(value_type = String)]
    id: PaperId,
    title: Option<String>,
    verdict: &'static str,
    score: f32,
    probability: f64,
    kind: &'static str,
    relation: Option<&'static str>,
    reason: String,
}

impl CheckedBody {
    /// For people: the record, and what it matches.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut text = format!("{:<9} {}", self.verdict, self.id);
        for found in &self.matches {
            let FoundBody { id, probability, reason, .. } = found;
            let relation = found.relation.unwrap_or(found.kind);
            text.push_str(&format!("\n          {id} {probability:.2} {relation}: {reason}"));
            if let Some(title) = &found.title {
                text.push_str(&format!(
                    "\n            {}",
                    title.split_whitespace().collect::<Vec<_>>().join(" ")
                ));
            }
        }
        text
    }
}

impl From<Found> for FoundBody {
    fn from(found: Found) -> Self {
        let Found { id, title, verdict, score, probability, kind, relation, reason } = found;
        Self {
            id,
            title,
            verdict: verdict.name(),
            score,
            probability,
            kind: kind.name(),
            relation: relation.map(Relation::name),
            reason,
        }
    }
}

impl From<CheckedRecord> for CheckedBody {
    fn from(checked: CheckedRecord) -> Self {
        let CheckedRecord { id, verdict, matches } = checked;
        Self {
            id,
            verdict: verdict.name(),
            matched_to: matches.first().map(|found| found.id.clone()),
            matches: matches.into_iter().map(FoundBody::from).collect(),
        }
    }
}
