//! What can go wrong in the engine, and whose fault it is.

use std::path::PathBuf;
use std::sync::Arc;

use cognate_corpus::{PaperIdError, ReadError, RecordError};
use cognate_dedup::DedupError;
use cognate_embed::EmbedError;
use cognate_index::IndexError;
use cognate_keyword::KeywordError;
use cognate_vector::VectorError;

use crate::stored_model::StoredModel;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request is wrong: another one may succeed.
    Caller,
    /// What was asked for is not there.
    NotFound,
    /// What was asked for was there, and is not kept any more.
    Gone,
    /// The request fits several papers, or clashes with what is stored.
    Conflict,
    /// What was asked for is not done where the papers lie.
    Unsupported,
    /// What was asked for is not made yet.
    Early,
    /// The engine with which the papers lie does not answer now.
    Away,
    /// The data folder, the model or the machine is not as it should be.
    System,
}

/// Everything that the engine can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The data folder holds no store.
    #[error("no papers are indexed in `{}` yet", data_dir.display())]
    NoStore {
        /// The data folder.
        data_dir: PathBuf,
    },
    /// The SQLite file belongs to another program.
    #[error("`{}` is not a cognate store (SQLite application id {application_id:#x})", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// The application id in its header.
        application_id: i32,
    },
    /// The SQLite file was cut to nothing.
    #[error("`{}` has no bytes, and there is an index of papers beside it: it was cut to nothing", path.display())]
    EmptiedStore {
        /// The file.
        path: PathBuf,
    },
    /// A later release wrote the store.
    #[error("`{}` has schema version {found}; this release reads up to version {supported}: use the release that wrote it, or a later one", path.display())]
    StoreTooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// The newest version that this build reads.
        supported: i32,
    },
    /// SQLite failed.
    #[error("{}", failure_of_store(.0))]
    Store(#[from] rusqlite::Error),
    /// SQLite cannot read a file that is to be restored.
    #[error("`{}` cannot be read as a backup; name another", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The folder cannot be written, and the store has commits that are not in its file yet.
    #[error(
        "`{}` cannot be written, and commits wait beside the store in its log; open it once where it can be written, \
         or copy a backup of it there",
        path.display()
    )]
    LogWaits {
        /// The store's file.
        path: PathBuf,
    },
    /// The store cannot be replaced while somebody uses it.
    #[error("`{}` is in use; stop every process that has it open first", path.display())]
    StoreInUse {
        /// The store's file.
        path: PathBuf,
    },
    /// A file that would be written is there already.
    #[error("`{}` is there already; name a file that is not", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// A column of the store does not hold what it should.
    #[error("the store is damaged at {place}")]
    DamagedRow {
        /// Which table, row and column.
        place: String,
        /// What was wrong with it.
        source: serde_json::Error,
    },
    /// An id in the store is not valid.
    #[error("the store holds the invalid paper id {id:?}")]
    DamagedId {
        /// The id.
        id: String,
        /// Why it is not valid.
        source: PaperIdError,
    },
    /// A vector in the store is not a unit vector.
    #[error("the vector of papers row {row} is damaged")]
    DamagedVector {
        /// The row.
        row: u32,
        /// What was wrong with it.
        source: VectorError,
    },
    /// The store has used up its row numbers.
    #[error("the store holds 4,294,967,295 rows already; start another data folder")]
    StoreFull,
    /// The vectors in the store come from another model than the one in use.
    #[error("the store was embedded with {stored}, but the model in use is {given}")]
    ModelMismatch {
        /// What the store records.
        stored: Box<StoredModel>,
        /// What was loaded.
        given: Box<StoredModel>,
    },
    /// The model could not be loaded, or could not embed.
    #[error("{0}")]
    Embed(#[source] Arc<EmbedError>),
    /// The vector index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The keyword index failed.
    #[error(transparent)]
    Keyword(#[from] KeywordError),
    /// A derived file was found damaged after it was opened.
    #[error("{0}")]
    DamagedIndex(#[source] Arc<IndexError>),
    /// A file with papers, queries or judgments could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record is bad, and the ingestion was to end there.
    #[error(transparent)]
    BadRecord(RecordError),
    /// A file or folder could not be used.
    #[error("could not {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No paper fits what was asked for.
    #[error("no paper has the id or identifier {key:?}")]
    PaperNotFound {
        /// What was asked for.
        key: String,
    },
    /// The paper has neither title nor abstract, so nothing can be near to it.
    #[error("{id} has neither title nor abstract: there is no text to compare")]
    PaperWithoutText {
        /// The paper's id.
        id: String,
    },
    /// The paper that fits what was asked for was dropped as a duplicate.
    #[error("{key:?} names {id}, which was dropped as a duplicate of {kept}")]
    PaperDropped {
        /// What was asked for.
        key: String,
        /// The dropped paper's id.
        id: String,
        /// The id of the paper that stays for it.
        kept: String,
    },
    /// No application of duplicates has this number.
    #[error("no duplicates were applied under the number {run}")]
    RunNotFound {
        /// What was asked for.
        run: u64,
    },
    /// The papers changed since pairs were last scored, or never were.
    #[error("no pairs were scored of the papers as they are now")]
    NoScoredPairs,
    /// There is nothing to undo.
    #[error("no paper is dropped as a duplicate at this moment")]
    NothingDropped,
    /// No list of papers has this id, for whoever asks.
    #[error("there is no list {id:?}")]
    ListNotFound {
        /// The id.
        id: String,
    },
    /// No saved query has the id.
    #[error("no saved query has the id {id:?}")]
    SavedQueryNotFound {
        /// What was asked for.
        id: String,
    },
    /// Several papers carry the identifier, and the operation needs one.
    #[error("{key:?} names {} papers ({}); name one of them by its own id", ids.len(), ids.join(", "))]
    AmbiguousPaper {
        /// What was asked for.
        key: String,
        /// The papers' ids, in order.
        ids: Vec<String>,
    },
    /// A request parameter is out of its bounds.
    #[error("`{parameter}`: expected {expected}, found {found}")]
    InvalidRequest {
        /// The parameter's name.
        parameter: &'static str,
        /// What is accepted.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A request for duplicates is out of its bounds.
    #[error(transparent)]
    Dedup(#[from] DedupError),
    /// Another process keeps the index's files.
    #[error("another process, such as a running server, keeps the index of `{}` in shape; stop it first", data_dir.display())]
    IndexInUse {
        /// The data folder.
        data_dir: PathBuf,
    },
    /// The run was asked to stop before it was done.
    #[error("stopped before the end; what was committed stays")]
    Interrupted,
    /// What was asked for needs the papers on this machine.
    #[error(
        "the papers are in {place}; maps, trends, saved queries and their digests, deduplication of all papers, decisions \
         about duplicates and the like need a data folder on this machine"
    )]
    LocalOnly {
        /// Where the papers lie.
        place: String,
    },
    /// A part of the map is asked for, and no map was drawn yet.
    #[error("there is no map of these papers yet, of which this would be a part; try again when it is drawn")]
    NoMap,
    /// What was asked for is not done by the engine with which the papers lie.
    #[error("{place} cannot answer this: {reason}")]
    NotThere {
        /// Where the papers lie.
        place: String,
        /// What cannot be done, and what can.
        reason: String,
    },
    /// The engine with which the papers lie does not answer, or with an error.
    #[error("{place} does not answer: {reason}")]
    Away {
        /// Where the papers lie.
        place: String,
        /// What went wrong.
        reason: String,
    },
    /// A place with another engine holds what this release did not write.
    #[error("{place} holds no papers of this release: {reason}")]
    NotOurs {
        /// Where the papers would lie.
        place: String,
        /// What is there.
        reason: String,
    },
    /// A paper that is to be copied has no vector of its text.
    #[error("the vector of {id} is not of its text; index it again where it comes from")]
    CopyWithoutVector {
        /// The paper's id.
        id: String,
    },
    /// A set of papers was given to a backend that did not make it, which only a defect can cause.
    #[error("a set of papers was made by another backend; please report this")]
    OtherBackend,
    /// Whoever asked no longer waits for the answer.
    #[error("the answer was no longer wanted")]
    Superseded,
    /// A listing is not kept any more.
    #[error(
        "the listing of this `cursor` is gone: each is kept for five minutes after its last page, and the latest 64 at most; begin it again with `cursor=new`"
    )]
    CursorGone,
    /// A background thread is gone, which only a defect can cause.
    #[error("the {thread} thread has stopped; restart cognate, and please report this")]
    ThreadGone {
        /// Which thread.
        thread: &'static str,
    },
}

impl EngineError {
    /// Whether SQLite failed for another reason than a full disk, a file that cannot be written or another process that
    /// writes: the store itself may be damaged.
    #[must_use]
    pub fn is_about_store(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        let Self::Store(error) = self else { return false };
        !matches!(
            error.sqlite_error_code(),
            Some(Code::DiskFull | Code::ReadOnly | Code::DatabaseBusy | Code::DatabaseLocked)
        )
    }

    /// Whose fault the error is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::InvalidRequest { .. }
            | Self::Dedup(_)
            | Self::Read(_)
            | Self::BadRecord(_)
            | Self::PaperWithoutText { .. }
            | Self::Superseded => Fault::Caller,
            Self::PaperNotFound { .. }
            | Self::PaperDropped { .. }
            | Self::RunNotFound { .. }
            | Self::ListNotFound { .. }
            | Self::SavedQueryNotFound { .. }
            | Self::NothingDropped => Fault::NotFound,
            Self::CursorGone => Fault::Gone,
            Self::LocalOnly { .. } | Self::NotThere { .. } => Fault::Unsupported,
            Self::NoMap => Fault::Early,
            Self::Away { .. } => Fault::Away,
            Self::AmbiguousPaper { .. }
            | Self::ModelMismatch { .. }
            | Self::IndexInUse { .. }
            | Self::StoreInUse { .. }
            | Self::FileExists { .. }
            | Self::NoScoredPairs => Fault::Conflict,
            Self::NoStore { .. }
            | Self::NotAStore { .. }
            | Self::EmptiedStore { .. }
            | Self::StoreTooNew { .. }
            | Self::Store(_)
            | Self::Unreadable { .. }
            | Self::LogWaits { .. }
            | Self::DamagedRow { .. }
            | Self::DamagedId { .. }
            | Self::DamagedVector { .. }
            | Self::StoreFull
            | Self::Embed(_)
            | Self::Index(_)
            | Self::Keyword(_)
            | Self::DamagedIndex(_)
            | Self::Io { .. }
            | Self::Interrupted
            | Self::OtherBackend
            | Self::CopyWithoutVector { .. }
            | Self::NotOurs { .. }
            | Self::ThreadGone { .. } => Fault::System,
        }
    }
}

impl From<EmbedError> for EngineError {
    fn from(error: EmbedError) -> Self {
        Self::Embed(Arc::new(error))
    }
}

/// What SQLite's failure means for whoever uses the store.
fn failure_of_store(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode as Code;
    match error.sqlite_error_code() {
        Some(Code::DatabaseCorrupt | Code::NotADatabase) => "SQLite cannot read the store, which is damaged",
        Some(Code::DiskFull) => "the disk is full; nothing of this was stored",
        Some(Code::ReadOnly) => "the store cannot be written: the file or its folder is read-only",
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            "another process is writing to the store; try again when it is done"
        }
        _ => "the store could not be read or written",
    }
}

/// An error and its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}
