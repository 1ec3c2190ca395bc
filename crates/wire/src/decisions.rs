//! Duplicates dropped and brought back, and labels of pairs.

use cognate_engine::{
    Application, DropRun, DroppedPaper, DroppedPapers, EngineError, Label, Labelled, SourceFlow, Undo, Undone,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::dedup::{DedupBody, DedupParams};

/// Most papers named in one request to bring them back.
const MAX_IDS: usize = 10_000;
/// Papers of the list of dropped ones, when the request does not say.
const DEFAULT_DROPPED: usize = 100;
/// Most papers of the list of dropped ones in one answer.
const MAX_DROPPED: usize = 1_000;

/// Answer of `POST /v1/dedup/apply`: the report, and what became of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApplyBody {
    #[serde(flatten)]
    report: DedupBody,
    applied: ApplicationBody,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct ApplicationBody {
    run: Option<u64>,
    dropped: usize,
    left: usize,
}

impl ApplyBody {
    /// The answer.
    #[must_use]
    pub fn new(report: DedupBody, application: Application) -> Self {
        let Application { run, n_dropped, n_left } = application;
        Self { report, applied: ApplicationBody { run, dropped: n_dropped, left: n_left } }
    }
}

/// What is kept of a request with the application that it led to: the parameters that it named.
#[must_use]
pub fn recorded_parameters(params: &DedupParams) -> String {
    let mut parameters = serde_json::to_value(params).unwrap_or_default();
    if let Value::Object(parameters) = &mut parameters {
        parameters.retain(|_, value| !value.is_null());
    }
    parameters.to_string()
}

/// Body of `POST /v1/dedup/undo`; without any field, the latest application.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoParams {
    /// The application to take back.
    pub run: Option<u64>,
    /// The papers to bring back.
    pub ids: Option<Vec<String>>,
}

impl UndoParams {
    /// The request that they are.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] if both fields are given, or too many ids.
    pub fn to_request(self) -> Result<Undo, EngineError> {
        let invalid = |expected: String, found: String| EngineError::InvalidRequest {
            parameter: "ids",
            expected,
            found,
        };
        match (self.run, self.ids) {
            (None, None) => Ok(Undo::Latest),
            (Some(run), None) => Ok(Undo::Run(run)),
            (None, Some(ids)) if (1..=MAX_IDS).contains(&ids.len()) => Ok(Undo::Papers(ids)),
            (None, Some(ids)) => Err(invalid(format!("1 to {MAX_IDS} ids"), ids.len().to_string())),
            (Some(_), Some(_)) => Err(invalid("either `run` or `ids`".to_owned(), "both".to_owned())),
        }
    }
}

/// Answer of `POST /v1/dedup/undo`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UndoneBody {
    run: Option<u64>,
    restored: usize,
}

impl From<Undone> for UndoneBody {
    fn from(undone: Undone) -> Self {
        Self { run: undone.run, restored: undone.n_restored }
    }
}

/// Answer of `GET /v1/dedup/runs`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunsBody {
    /// Every application, the latest first.
    pub runs: Vec<RunBody>,
}

/// An application of duplicates.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunBody {
    /// Its number.
    pub run: u64,
    /// When: RFC 3339, UTC.
    pub applied: String,
    /// The parameters that were named.
    pub parameters: Value,
    /// Papers that it dropped.
    pub dropped: u64,
    /// Those of them that are dropped still.
    pub standing: u64,
}

impl From<Vec<DropRun>> for RunsBody {
    fn from(runs: Vec<DropRun>) -> Self {
        let body = |run: DropRun| RunBody {
            run: run.run,
            applied: run.applied,
            parameters: serde_json::from_str(&run.parameters).unwrap_or_default(),
            dropped: run.n_dropped,
            standing: run.n_standing,
        };
        Self { runs: runs.into_iter().map(body).collect() }
    }
}

/// Parameters of `GET /v1/dedup/dropped`.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DroppedParams {
    /// Papers to give.
    pub limit: Option<usize>,
    /// Papers to skip.
    pub offset: Option<usize>,
}

impl DroppedParams {
    /// Offset and limit.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] if the limit is out of bounds.
    pub fn bounds(self) -> Result<(usize, usize), EngineError> {
        let limit = self.limit.unwrap_or(DEFAULT_DROPPED);
        if !(1..=MAX_DROPPED).contains(&limit) {
            return Err(EngineError::InvalidRequest {
                parameter: "limit",
                expected: format!("1 to {MAX_DROPPED}"),
                found: limit.to_string(),
            });
        }
        // SQLite's numbers are signed.
        Ok((self.offset.unwrap_or(0).min(u32::MAX as usize), limit))
    }
}

/// Answer of `GET /v1/dedup/dropped`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DroppedBody {
    /// Papers that are dropped at this moment.
    pub total: u64,
    /// Those asked for, in order of application and id.
    pub data: Vec<DroppedPaperBody>,
}

/// A dropped paper, the one that stays for it, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DroppedPaperBody {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// The database that its record names.
    pub source: Option<String>,
    /// The id of the paper that stays for it.
    pub kept: String,
    /// The title of that paper.
    pub kept_title: Option<String>,
    /// The id of the paper that it was found to be the same as.
    pub matched_to: String,
    /// Why, in words.
    pub reason: String,
    /// Cosine of the two.
    pub score: f32,
    /// Probability that they are the same.
    pub probability: f64,
    /// In which way they are the same.
    pub kind: String,
    /// The application that dropped it.
    pub run: u64,
    /// When: RFC 3339, UTC.
    pub dropped: String,
}

impl From<DroppedPapers> for DroppedBody {
    fn from(dropped: DroppedPapers) -> Self {
        let body = |paper: DroppedPaper| DroppedPaperBody {
            id: paper.id,
            title: paper.title,
            source: paper.source,
            kept: paper.kept,
            kept_title: paper.kept_title,
            matched_to: paper.matched_to,
            reason: paper.reason,
            score: paper.score,
            probability: paper.probability,
            kind: paper.kind,
            run: paper.run,
            dropped: paper.dropped,
        };
        Self { total: dropped.total, data: dropped.papers.into_iter().map(body).collect() }
    }
}

/// Answer of `GET /v1/dedup/flow`: the numbers of a PRISMA flow chart.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FlowBody {
    /// In order of source.
    pub sources: Vec<SourceFlowBody>,
}

/// What became of the records of one source.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourceFlowBody {
    /// The database that the records name, else the source that was named when they were indexed, else the file.
    pub source: Option<String>,
    /// Records that were found, exact repeats too.
    pub found: u64,
    /// Records that are duplicates of one of the same source.
    pub duplicates_within: u64,
    /// Records that are duplicates of one of another source.
    pub duplicates_across: u64,
    /// Records that are left.
    pub left: u64,
}

impl From<Vec<SourceFlow>> for FlowBody {
    fn from(flows: Vec<SourceFlow>) -> Self {
        let body = |flow: SourceFlow| SourceFlowBody {
            source: flow.source,
            found: flow.n_found,
            duplicates_within: flow.n_within,
            duplicates_across: flow.n_across,
            left: flow.n_left,
        };
        Self { sources: flows.into_iter().map(body).collect() }
    }
}

impl FlowBody {
    /// For people: a line for each source, and one for all.
    #[must_use]
    pub fn in_words(&self) -> String {
        let line =
            |name: &str, n: [u64; 4]| format!("{name:<20} {:>9} {:>9} {:>9} {:>9}\n", n[0], n[1], n[2], n[3]);
        let mut text =
            format!("{:<20} {:>9} {:>9} {:>9} {:>9}\n", "source", "found", "within", "across", "left");
        let mut sums = [0; 4];
        for flow in &self.sources {
            let n = [flow.found, flow.duplicates_within, flow.duplicates_across, flow.left];
            sums.iter_mut().zip(n).for_each(|(sum, n)| *sum += n);
            text.push_str(&line(flow.source.as_deref().unwrap_or("(none named)"), n));
        }
        if self.sources.len() > 1 {
            text.push_str(&line("all", sums));
        }
        text
    }
}

/// Body of `POST /v1/dedup/labels`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelParams {
    /// A paper.
    pub a: String,
    /// Another paper.
    pub b: String,
    /// Whether they are duplicates.
    pub duplicate: bool,
}

/// Parameters of `DELETE /v1/dedup/labels`.
#[derive(Debug, Clone, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UnlabelParams {
    /// A paper.
    pub a: String,
    /// Another paper.
    pub b: String,
}

/// Answer of `POST /v1/dedup/labels`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LabelledBody {
    a: String,
    b: String,
    duplicate: Option<bool>,
    restored: usize,
}

impl LabelledBody {
    /// The answer; `None` for a label that was taken back.
    #[must_use]
    pub fn new(labelled: Labelled, duplicate: Option<bool>) -> Self {
        let Labelled { pair: (a, b), n_restored } = labelled;
        Self { a: a.into(), b: b.into(), duplicate, restored: n_restored }
    }
}

/// Answer of `GET /v1/dedup/labels`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LabelsBody {
    /// Every label, in order of the two ids.
    pub labels: Vec<LabelBody>,
}

/// A person's word on a pair.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LabelBody {
    /// The id that comes first in order.
    pub a: String,
    /// The other id.
    pub b: String,
    /// Whether they are duplicates.
    pub duplicate: bool,
    /// When it was given: RFC 3339, UTC.
    pub labelled: String,
}

impl From<Vec<Label>> for LabelsBody {
    fn from(labels: Vec<Label>) -> Self {
        let body = |label: Label| LabelBody {
            a: label.a,
            b: label.b,
            duplicate: label.is_duplicate,
            labelled: label.labelled,
        };
        Self { labels: labels.into_iter().map(body).collect() }
    }
}
