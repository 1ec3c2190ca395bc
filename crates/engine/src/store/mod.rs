//! The store: papers and their vectors in one SQLite file, the only truth in a data folder.
//!
//! Every write transaction takes the next generation and stamps the rows that it touches; a delete
//! leaves a stamped row behind, and so does dropping a duplicate (`drops`), which can be undone. What people
//! say of pairs (`labels`) changes no paper, and takes no generation. Whatever is derived from the store asks the functions of `changes`.
//! WAL mode lets any number of processes read while one writes; `synchronous=FULL` means that a
//! returned commit survives a power cut.

mod changes;
mod checksum;
mod compose;
mod copy;
mod drops;
mod incoming;
mod labels;
mod lists;
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

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub(crate) use changes::Attributes;
pub(crate) use drops::{BringBack, NewDrop};
pub use drops::{DropRun, DroppedPaper};
pub use incoming::{Clash, IngestPolicy, PATIENT, RecordSource, Shard};
pub(crate) use incoming::{Incoming, Session};
pub use labels::Label;
pub use lists::{EntryKind, KeptList, ListEntry, ListNote, MAX_LIST_ENTRIES, MAX_LISTS};
pub(crate) use read::Reader;
pub use read::StoredPaper;
pub use saved::{DigestPeriod, MAX_SAVED, SavedQuery};
pub(crate) use schema::{SCHEMA_VERSION, described};
pub use sources::SourceCounts;
pub(crate) use write::{Committed, Fate, TextHash, Vectors, rfc3339, text_hash};
pub use write::{Outcome, Pruned};

use crate::error::EngineError;
use checksum::Soundness;
pub(crate) use checksum::tables;
pub use copy::{BackupReport, RestoreReport};

/// The store's file name inside a data folder.
pub const STORE_FILE: &str = "papers.sqlite3";
/// The folder of derived files beside it.
pub(crate) const INDEX_DIR: &str = "index";

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
    /// Keys of `meta` that were damaged when it was opened, and made anew.
    mended: Vec<String>,
    writer: Mutex<Connection>,
    readers: Arc<Readers>,
}

/// Connections for reading the file.
#[derive(Debug)]
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// What tells whether a row is as it was written.
    soundness: Arc<Soundness>,
    /// Rows of `papers` that were told to be damaged.
    told: Mutex<HashSet<u32>>,
    /// Where nothing can be written, and nothing waits to be: the file is read as it is.
    is_immutable: bool,
}

/// Refuses a file of no bytes beside an index of papers: it was cut, by a full disk or a copy that failed, and a new store in
/// its place would hide that.
fn check_not_emptied(path: &Path) -> Result<(), EngineError> {
    let is_empty = path.metadata().is_ok_and(|file| file.len() == 0);
    let index = path.with_file_name(INDEX_DIR).join("vectors");
    let has_index = std::fs::read_dir(index).is_ok_and(|files| files.count() > 0);
    if is_empty && has_index && !has_log(path) {
        return Err(EngineError::EmptiedStore { path: path.to_owned() });
    }
    Ok(())
}

impl Store {
    /// Opens the store in `data_dir`, making folder and file where there is none, and migrates it.
    ///
    /// # Errors
    /// [`EngineError::Io`] if the folder cannot be made, [`EngineError::NotAStore`],
    /// [`EngineError::EmptiedStore`], [`EngineError::StoreTooNew`] or [`EngineError::Store`].
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
        check_not_emptied(&path)?;
        let (mut writer, is_immutable) = open_connection(&path)?;
        schema::check_version(&writer, &path)?;
        if !is_immutable {
            writer.pragma_update(None, "journal_mode", "WAL")?;
            writer.pragma_update(None, "synchronous", "FULL")?;
            writer.pragma_update(None, "foreign_keys", true)?;
        }
        schema::migrate(&mut writer, &path)?;
        let soundness = Soundness::of(&writer)?;
        let mended = if is_immutable { Vec::new() } else { mend_meta(&mut writer, &soundness)? };
        let store_id = writer.query_row("SELECT value FROM meta WHERE key = 'store_id'", [], |r| r.get(0))?;
        let readers = Readers {
            path,
            idle: Mutex::default(),
            soundness: Arc::new(soundness),
            told: Mutex::default(),
            is_immutable,
        };
        Ok(Self { store_id, mended, writer: Mutex::new(writer), readers: Arc::new(readers) })
    }

    fn soundness(&self) -> Arc<Soundness> {
        Arc::clone(&self.readers.soundness)
    }

    /// Brings everything that is committed into the one file, as far as no other process is using it: a copy of the file
    /// has all of it then. The last process that ends leaves it so.
    pub(crate) fn checkpoint(&self) {
        /// Longest wait for others that read or write: what is not done now is done by the last that ends.
        const PATIENCE: Duration = Duration::from_secs(1);
        lock(&self.readers.idle).clear();
        if self.readers.is_immutable {
            return;
        }
        let writer = self.writer();
        let checkpoint = writer
            .busy_timeout(PATIENCE)
            .and_then(|()| writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
            .and_then(|()| writer.busy_timeout(BUSY_TIMEOUT));
        if let Err(error) = checkpoint {
            tracing::debug!("could not bring the store into one file: {error}");
        }
    }

    /// Gives back what deleted papers left empty in the file, where that is a twentieth of it or more. Others may read
    /// meanwhile; who writes waits, up to a minute, and so does this for them. It needs as much free space again as the
    /// papers take, for as long as it lasts. Where it cannot be done the file stays as it is, which is only told.
    pub(crate) fn give_space_back(&self) {
        /// As a divisor of all pages: with fewer empty ones the file is not written anew.
        const EMPTY_FRACTION: u64 = 20;
        if self.readers.is_immutable {
            return;
        }
        let done = {
            let writer = self.writer();
            let count = |pragma: &str| writer.pragma_query_value(None, pragma, |r| r.get::<_, u64>(0));
            count("freelist_count").and_then(|n_empty| {
                if n_empty * EMPTY_FRACTION < count("page_count")? {
                    return Ok(false);
                }
                writer.execute_batch("VACUUM")?;
                Ok(true)
            })
        };
        match done {
            // The new pages are in the log still; the file ends where they do once they are brought into it.
            Ok(true) => self.checkpoint(),
            Ok(false) => {}
            Err(error) => tracing::warn!("could not give back what is empty in the store's file: {error}"),
        }
    }

    /// The random name given to this store when it was made, 32 hex digits.
    pub(crate) fn store_id(&self) -> &str {
        &self.store_id
    }

    /// Keys of `meta` that were damaged when the store was opened, and made anew.
    pub(crate) fn mended(&self) -> &[String] {
        &self.mended
    }

    /// The SQLite file.
    pub(crate) fn path(&self) -> &Path {
        &self.readers.path
    }

    /// What [`described`] gives for a store of this release.
    pub(crate) fn schema_of_this_release() -> Result<Vec<String>, EngineError> {
        schema::of_this_release()
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
        self.reader_with_generation().map(|(reader, _)| reader)
    }

    /// As [`reader_as_of_now`](Self::reader_as_of_now), with the generation that it sees.
    ///
    /// # Errors
    /// [`EngineError::Store`] if SQLite fails.
    pub(crate) fn reader_with_generation(&self) -> Result<(Reader, u64), EngineError> {
        let reader = self.reader()?;
        reader.execute_batch("BEGIN")?;
        // SQLite's transaction begins with the first read.
        let generation = reader.generation()?;
        Ok((reader, generation))
    }

    /// A connection that has what ours have.
    #[cfg(test)]
    pub(crate) fn connection_for_tests(&self) -> Connection {
        open_connection(self.path()).unwrap().0
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
        let connection = if self.is_immutable {
            open_immutable(&self.path)?
        } else {
            // Read-write, since a reader of a WAL database maintains its shared memory; `query_only`
            // keeps it from writing anything else.
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(&self.path, flags)?
        };
        prepare(&connection)?;
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

impl Drop for Store {
    /// The writer's connection closes after those that read: if it is the last of all processes', SQLite brings everything
    /// into the one file.
    fn drop(&mut self) {
        lock(&self.readers.idle).clear();
    }
}

/// What every connection has.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Damage is told where it is met, before it is taken for data.
    connection.pragma_update(None, "cell_size_check", true)?;
    checksum::register(connection)
}

/// A connection that may write; else one that reads a file to which nobody can write, and `true`.
fn open_connection(path: &Path) -> Result<(Connection, bool), EngineError> {
    let connection = Connection::open(path)?;
    prepare(&connection)?;
    let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    let Err(error) = read else { return Ok((connection, false)) };
    let code = error.sqlite_error_code();
    if !matches!(code, Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)) {
        return Err(error.into());
    }
    // SQLite shares the log of a database through files beside it, which it cannot make here.
    if has_log(path) {
        return Err(EngineError::LogWaits { path: path.to_owned() });
    }
    let connection = open_immutable(path)?;
    prepare(&connection)?;
    Ok((connection, true))
}

/// Whether SQLite's log of a database has something that the file may not have.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|log| log.len() > 0)
}

/// Opens a file that nobody writes to while it is read.
fn open_immutable(path: &Path) -> Result<Connection, EngineError> {
    let escaped: String = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                char::from(*byte).to_string()
            }
            other => format!("%{other:02x}"),
        })
        .collect();
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?)
}

/// Puts right what is damaged in `meta` and follows from other rows, or matters to derived files alone.
fn mend_meta(writer: &mut Connection, soundness: &Soundness) -> Result<Vec<String>, EngineError> {
    let unsound = format!("SELECT key FROM meta WHERE NOT ({})", soundness.of_table("meta"));
    let unsound: Vec<String> =
        writer.prepare(&unsound)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut mended = Vec::new();
    for key in unsound {
        let repair = match key.as_str() {
            // Higher than any row has, so that everything derived catches up.
            "generation" => {
                "UPDATE meta SET value = CAST(1 + max((SELECT coalesce(max(generation), 0) FROM papers), \
                 (SELECT coalesce(max(generation), 0) FROM vectors)) AS TEXT) WHERE key = 'generation'"
            }
            "store_id" => "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE key = 'store_id'",
            _ => continue,
        };
        tracing::warn!("the store's record of its `{key}` was damaged; it is made anew");
        writer.execute(repair, [])?;
        mended.push(key);
    }
    Ok(mended)
}

/// A panic while the lock was held cannot have left a connection half-written: an open transaction
/// rolls back when its guard is dropped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
