//! The store: papers and their vectors in one SQLite file, the only truth in a data folder.
//!
//! Every write transaction takes the next generation and stamps the rows that it touches; a delete
//! leaves a stamped row behind, and so does dropping a duplicate (`drops`), which can be undone. What people
//! say of pairs (`labels`) changes no paper, and takes no generation. Whatever is derived from the store asks the functions of `changes`.
//! WAL mode lets any number of processes read while one writes; `synchronous=FULL` means that a
//! returned commit survives a power cut.

mod changes;
mod compose;
mod drops;
mod incoming;
mod labels;
mod model;
mod read;
mod records;
mod saved;
mod schema;
mod sources;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub(crate) use changes::Attributes;
pub(crate) use drops::{BringBack, NewDrop};
pub use drops::{DropRun, DroppedPaper};
pub use incoming::{Clash, IngestPolicy, RecordSource};
pub(crate) use incoming::{Incoming, Session};
pub use labels::Label;
pub(crate) use read::Reader;
pub use read::StoredPaper;
pub use saved::{DigestPeriod, MAX_SAVED, SavedQuery};
pub(crate) use schema::SCHEMA_VERSION;
pub use sources::SourceCounts;
pub(crate) use write::{Committed, Fate, TextHash, Vectors, rfc3339, text_hash};
pub use write::{Outcome, Pruned};

use crate::error::EngineError;

/// The store's file name inside a data folder.
pub const STORE_FILE: &str = "papers.sqlite3";

/// `papers.deleted`, which is 0 for a paper in the answers: its content is gone.
const DELETED: u8 = 1;
/// `papers.deleted`: kept whole, but out of every answer until it is brought back.
const DROPPED: u8 = 2;

/// How long a write waits for another process's transaction: far longer than one batch takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Idle read connections kept for the next reader.
const MAX_IDLE_READERS: usize = 16;

/// The papers and vectors of one data folder.
#[derive(Debug)]
pub(crate) struct Store {
    store_id: String,
    writer: Mutex<Connection>,
    readers: Arc<Readers>,
}

/// Connections for reading the file.
#[derive(Debug)]
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens the store in `data_dir`, making folder and file where there is none, and migrates it.
    ///
    /// # Errors
    /// [`EngineError::Io`] if the folder cannot be made, [`EngineError::NotAStore`],
    /// [`EngineError::StoreTooNew`] or [`EngineError::Store`].
    pub(crate) fn create(data_dir: &Path) -> Result<Self, EngineError> {
        std::fs::create_dir_all(data_dir).map_err(|source| EngineError::Io {
            action: "make the data folder",
            path: data_dir.to_owned(),
            source,
        })?;
        Self::open_file(data_dir.join(STORE_FILE))
    }

    /// Opens the store in `data_dir`.
    ///
    /// # Errors
    /// [`EngineError::NoStore`] if there is none, else as [`Store::create`].
    pub(crate) fn open(data_dir: &Path) -> Result<Self, EngineError> {
        let path = data_dir.join(STORE_FILE);
        if !path.is_file() {
            return Err(EngineError::NoStore { data_dir: data_dir.to_owned() });
        }
        Self::open_file(path)
    }

    fn open_file(path: PathBuf) -> Result<Self, EngineError> {
        let mut writer = Connection::open(&path)?;
        writer.busy_timeout(BUSY_TIMEOUT)?;
        schema::check_version(&writer, &path)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut writer, &path)?;
        let store_id = writer.query_row("SELECT value FROM meta WHERE key = 'store_id'", [], |r| r.get(0))?;
        let readers = Arc::new(Readers { path, idle: Mutex::new(Vec::new()) });
        Ok(Self { store_id, writer: Mutex::new(writer), readers })
    }

    /// The random name given to this store when it was made, 32 hex digits.
    pub(crate) fn store_id(&self) -> &str {
        &self.store_id
    }

    /// The SQLite file.
    pub(crate) fn path(&self) -> &Path {
        &self.readers.path
    }

    /// A connection for reading; it never waits for a writer. Each statement sees what is committed by then.
    ///
    /// # Errors
    /// [`EngineError::Store`] if SQLite cannot open one more.
    pub(crate) fn reader(&self) -> Result<Reader, EngineError> {
        Ok(Reader::new(Arc::clone(&self.readers), self.readers.take()?))
    }

    /// As [`reader`](Self::reader), in one transaction: everything that it reads is as of now.
    ///
    /// # Errors
    /// [`EngineError::Store`] if SQLite fails.
    pub(crate) fn reader_as_of_now(&self) -> Result<Reader, EngineError> {
        let reader = self.reader()?;
        reader.execute_batch("BEGIN")?;
        // SQLite's transaction begins with the first read.
        reader.generation()?;
        Ok(reader)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.writer)
    }
}

impl Readers {
    fn take(&self) -> Result<Connection, EngineError> {
        if let Some(connection) = lock(&self.idle).pop() {
            return Ok(connection);
        }
        // Read-write, since a reader of a WAL database maintains its shared memory; `query_only`
        // keeps it from writing anything else.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn give_back(&self, connection: Connection) {
        // What was read in a transaction ends here; a connection that cannot end it is closed.
        if !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err() {
            return;
        }
        let mut idle = lock(&self.idle);
        if idle.len() < MAX_IDLE_READERS {
            idle.push(connection);
        }
    }
}

/// A panic while the lock was held cannot have left a connection half-written: an open transaction
/// rolls back when its guard is dropped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
