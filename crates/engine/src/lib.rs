//! The engine: what cognate can do, with no word about HTTP or command lines.
//!
//! A paper comes in through [`Engine::ingest`], which embeds it and commits it to the store. A query
//! goes through [`Engine::search`]: embedded, compared with the vectors of the current snapshot,
//! ranked, and answered with papers read from the store.

mod atlas;
mod backend;
mod cancel;
mod catalog;
mod copy;
mod days;
mod decisions;
mod dedup;
mod doctor;
mod embedding;
mod engine;
mod error;
mod eval;
mod export;
mod files;
mod filter;
mod helpers;
mod ingest;
mod kept;
mod labels;
mod lists;
mod map;
mod metrics;
mod model;
mod papers;
mod period;
mod query_batcher;
mod query_language;
mod recipe;
mod reembed;
mod region;
mod saved;
mod scored_pairs;
mod search;
mod store;
mod stored_model;
#[cfg(test)]
mod testing;
mod trends;
mod view;
mod works;

pub use atlas::{Map, MapGroup, MapPoint, MapRegion};
pub use backend::{
    Allowed, Backend, Key, Known, Nearest, Remote, Scan, Scanned, Upsert, Wanted, WordScore, Words,
};
pub use cancel::Cancel;
pub use catalog::{
    DayBasis, Facet, FacetCount, FacetField, SoughtWord, days, name_words, sought_name, spellings_of_name,
};
pub use copy::CopyReport;
pub use days::{DayOrder, DayPage, DayRequest};
pub use decisions::{
    Application, Bin, Cut, DroppedPapers, Histogram, Labelled, PairScore, PairToLabel, Precision, SourceFlow,
    Stratum, Undo, Undone,
};
pub use dedup::{CheckedRecord, Found, JudgedPair, OnProgress, PairJudge};
pub use doctor::{Check, Remedy, examine, examine_elsewhere};
pub use embedding::{Embedded, Role};
pub use engine::{Engine, EngineOptions, FileSizes, IndexStatus, Stats};
pub use error::{EngineError, Fault};
pub use eval::{
    Approximation, EvalPlace, EvalReport, EvalRequest, HitFit, ModeReport, QueryFit, RunLine, evaluate,
    measure_run,
};
pub use export::{ExportPapers, ExportRequest};
pub use filter::{
    Clause, Condition, DateRange, Filter, MAX_FILTER_CLAUSES, MAX_FILTER_DEPTH, MAX_FILTER_IDS, YearRange,
};
pub use ingest::{FileReport, IngestCounts, IngestEvent, IngestReport, Ingestion, RecordReport};
pub use lists::{MAX_NOTE_CHARS, MAX_TAG_CHARS, MAX_TAGS};
pub use map::{MAX_MAP_GROUPS, MAX_MAP_POINTS};
pub use metrics::{Metrics, QueryMetrics, bootstrap_p_value};
pub use model::{DEFAULT_MODEL, ModelChoice};
pub use period::{Period, Span};
pub use recipe::{RECIPE, embedded_text};
pub use reembed::ReembedReport;
pub use region::Region;
pub use saved::{MAX_NAME_CHARS, SavedQuestion};
pub use search::{
    BestSentence, Cursor, Explanation, Hit, MAX_EXPLAINED, MAX_LIMIT, MAX_OFFSET, MAX_QUERY_CHARS, MAX_SEEDS,
    Meta, Mode, Page, Part, QueryEvidence, RELEVANCE_CUT, RangeHits, RangeRequest, Reading, RecommendRequest,
    Scores, SearchOptions, SearchRequest, SearchResponse, Seed, SemanticRatio, Shown, Sort, Strategy,
    WithoutMarks,
};
pub use store::{
    BackupReport, Clash, DigestPeriod, DropRun, DroppedPaper, EntryKind, IngestPolicy, KeptList, Label,
    ListEntry, ListNote, MAX_LIST_ENTRIES, MAX_LISTS, MAX_SAVED, Outcome, PATIENT, Pruned, RecordSource,
    RestoreReport, STORE_FILE, SavedQuery, Shard, SourceCounts, StoredPaper,
};
pub use stored_model::StoredModel;
pub use trends::{
    BURST_SCORE, Growth, HALF_LIFE_DAYS, MAX_HISTORY_DAYS, MAX_WINDOW_DAYS, TrendBasis, TrendGroup,
    TrendReport, TrendRequest, Trending,
};
pub use view::{DerivedFiles, document_of};

pub use cognate_dedup::{
    Action, Agreement, AuthorEvidence, Cluster, ClusterMode, DEFAULT_MIN_PROBABILITY, DedupError,
    DedupReport, DedupRequest, DedupStats, Evidence, Judging, Judgment, KeepPolicy, Kind, Match, Member,
    PlaceEvidence, Relation, ScoredPair, TextEvidence, TitleEvidence, VenueEvidence, Verdict, Versions,
    named_features,
};
pub use cognate_embed::{SpecialTokens, Token, UnitVector};
pub use cognate_index::{Found as FoundNearest, Layout as IndexLayout, SearchPath, SegmentStatus};
pub use cognate_keyword::{Correction, Field, MatchedTerm, Status as KeywordStatus};
