//! The bodies of requests and answers, as JSON, for the server and the command line alike. Field names here are
//! the public contract; the engine's own types are free to change. Nothing here knows HTTP.

mod decisions;
mod dedup;
mod filter;
mod hit;
mod lenient;
mod papers;
mod saved;
mod search;
mod stats;
mod tasks;
mod threshold;
mod trends;

use serde::Serialize;

pub use decisions::{
    ApplyBody, DroppedBody, DroppedPaperBody, DroppedParams, FlowBody, LabelBody, LabelParams, LabelledBody,
    LabelsBody, RunBody, RunsBody, SourceFlowBody, UndoParams, UndoneBody, UnlabelParams,
    recorded_parameters,
};
pub use dedup::{
    CheckBody, CheckParams, CheckedBody, DedupBody, DedupParams, PairBody, ScoredPairBody, to_judging,
};
pub use filter::{OneOrMany, filter_of, filter_text};
pub use hit::{
    BatchBody, FieldNames, Fields, HIT_FIELDS, HitBody, HitsBody, NOTHING_FITS, RangeHeadBody, ReadingBody,
    SearchBody,
};
pub use lenient::{Object, UniqueObject};
pub use papers::{
    CountsOfRecords, FileBody, IngestBody, PaperBody, PrunedBody, RecordErrorBody, RecordErrors,
    UpsertParams, asks_to_restore, fault_in_words,
};
pub use saved::{SavedBody, SavedListBody, SavedRequest, saved_question};
pub use search::{
    AnswerShape, BatchParams, ExportParams, MAX_BATCH, RangeParams, RatioParam, RecommendParams, SavedParams,
    SearchParams, SeedParam, SimilarParams,
};
pub use stats::{LimitsBody, SourceBody, SourcesBody, StatsBody};
pub use tasks::{TaskBody, TaskState, TasksBody};
pub use threshold::{
    BinBody, CountsBody, HistogramBody, HistogramParams, PairPaperBody, PairToLabelBody, PairsBody,
    PairsParams, PrecisionBody,
};
pub use trends::{TrendParams, TrendsBody};

/// Answer of `GET /health` and of `GET /ready`.
#[derive(Debug, Clone, Serialize)]
pub struct HealthBody {
    /// `ok`; of `/ready` it is `ready`, `busy` or `stopping`.
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
