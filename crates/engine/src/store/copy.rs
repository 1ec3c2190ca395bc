//! The store copied to a file while it is in use, and put back from one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::{STORE_FILE, Store, checksum, open_immutable, prepare, schema};
use crate::error::EngineError;

/// Pages that are copied at a time: 4 MB.
const PAGES: std::ffi::c_int = 1_000;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// Papers that are neither deleted nor dropped.
    pub n_papers: u64,
    /// The generation of the last commit in it.
    pub generation: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// Papers that are neither deleted nor dropped.
    pub n_papers: u64,
    /// The generation of the last commit.
    pub generation: u64,
    /// Where the store that was there before is, if SQLite could not read it.
    pub kept_unreadable: Option<PathBuf>,
}

impl Store {
    /// Copies the store, as of now, to a file that is not there yet. Other processes may read and write meanwhile.
    ///
    /// # Errors
    /// [`EngineError::FileExists`], [`EngineError::Io`] if the file cannot be written, [`EngineError::Store`] if SQLite
    /// fails; no file is left then.
    pub(crate) fn backup(&self, file: &Path) -> Result<BackupReport, EngineError> {
        if file.symlink_metadata().is_ok() {
            return Err(EngineError::FileExists { path: file.to_owned() });
        }
        let reader = self.reader_as_of_now()?;
        let partial = beside(file, "part");
        let copied = copy(&reader, &partial).and_then(|()| {
            let io = |source| EngineError::Io { action: "write", path: file.to_owned(), source };
            fs::File::open(&partial).and_then(|copy| copy.sync_all()).map_err(io)?;
            fs::rename(&partial, file).map_err(io)?;
            file.metadata().map(|file| file.len()).map_err(io)
        });
        if copied.is_err() {
            // The failure is what is told.
            let _ = fs::remove_file(&partial);
        }
        Ok(BackupReport { n_papers: reader.n_papers()?, generation: reader.generation()?, bytes: copied? })
    }

    /// Makes the store of a data folder what a backup holds, under a new `store_id`, so that whatever was derived from
    /// the store before is begun anew. It happens at once or not at all. A store that SQLite cannot read is kept under
    /// another name.
    ///
    /// # Errors
    /// [`EngineError::NotAStore`], [`EngineError::StoreTooNew`] or [`EngineError::Unreadable`] for a file that is no
    /// backup, [`EngineError::StoreInUse`] while a process has the store open, [`EngineError::Io`],
    /// [`EngineError::Store`].
    pub(crate) fn restore(data_dir: &Path, file: &Path) -> Result<RestoreReport, EngineError> {
        if !file.is_file() {
            let source = std::io::ErrorKind::NotFound.into();
            return Err(EngineError::Io { action: "read", path: file.to_owned(), source });
        }
        // A store of a process that was killed has a log beside it.
        let backup =
            if beside(file, "wal").exists() { Connection::open(file)? } else { open_immutable(file)? };
        prepare(&backup)?;
        let unreadable = |source| EngineError::Unreadable { path: file.to_owned(), source };
        let n_tables = backup.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, u64>(0));
        if n_tables.map_err(unreadable)? == 0 {
            return Err(EngineError::NotAStore { path: file.to_owned(), application_id: 0 });
        }
        schema::check_version(&backup, file)?;
        let io =
            |source| EngineError::Io { action: "make the data folder", path: data_dir.to_owned(), source };
        fs::create_dir_all(data_dir).map_err(io)?;

        // Made ready beside the store, so that the last step is one transaction.
        let prepared = data_dir.join("papers.restored.tmp");
        let _ = fs::remove_file(&prepared);
        let made = restored(&backup, &prepared).and_then(|source| {
            let kept_unreadable = replace(&source, &data_dir.join(STORE_FILE))?;
            let one = |sql: &str| source.query_row(sql, [], |row| row.get::<_, u64>(0));
            Ok(RestoreReport {
                n_papers: one("SELECT count(*) FROM papers WHERE deleted = 0")?,
                generation: one("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'")?,
                kept_unreadable,
            })
        });
        for file in [&prepared, &beside(&prepared, "journal")] {
            let _ = fs::remove_file(file);
        }
        made
    }
}

/// A copy of a backup in the current schema, with a `store_id` of its own.
fn restored(backup: &Connection, path: &Path) -> Result<Connection, EngineError> {
    copy(backup, path)?;
    let mut copy = Connection::open(path)?;
    prepare(&copy)?;
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    schema::migrate(&mut copy, path)?;
    copy.execute("UPDATE meta SET value = lower(hex(randomblob(16))) WHERE key = 'store_id'", [])?;
    Ok(copy)
}

/// Replaces the content of the store's file, of which nobody else may have a connection.
fn replace(source: &Connection, path: &Path) -> Result<Option<PathBuf>, EngineError> {
    let mut store = Connection::open(path)?;
    checksum::register(&store)?;
    store.busy_timeout(Duration::ZERO)?;
    // Refused while anybody else has the store open, in this mode and in the other.
    let alone = store
        .pragma_update(None, "locking_mode", "EXCLUSIVE")
        .and_then(|()| store.pragma_update(None, "synchronous", "FULL"))
        .and_then(|()| store.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)))
        .and_then(|mode| store.execute_batch("BEGIN EXCLUSIVE; COMMIT").map(|()| mode));
    let mut kept = None;
    match alone {
        Ok(mode) if mode == "delete" => {}
        Ok(_) => return Err(EngineError::StoreInUse { path: path.to_owned() }),
        Err(error)
            if matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            ) =>
        {
            return Err(EngineError::StoreInUse { path: path.to_owned() });
        }
        // Not to be read at all: it makes room.
        Err(error)
            if matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ) =>
        {
            drop(store);
            let aside = free_name(path);
            let io = |source| EngineError::Io { action: "move aside", path: path.to_owned(), source };
            fs::rename(path, &aside).map_err(io)?;
            for ending in ["wal", "shm", "journal"] {
                let _ = fs::rename(beside(path, ending), beside(&aside, ending));
            }
            kept = Some(aside);
            store = Connection::open(path)?;
        }
        Err(error) => return Err(error.into()),
    }
    Backup::new(source, &mut store)?.run_to_completion(PAGES, Duration::ZERO, None)?;
    store.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    Ok(kept)
}

/// Copies a whole database, as of the transaction that `from` is in.
fn copy(from: &Connection, to: &Path) -> Result<(), EngineError> {
    let mut to = Connection::open(to)?;
    Backup::new(from, &mut to)?.run_to_completion(PAGES, Duration::ZERO, None)?;
    Ok(())
}

/// `papers.sqlite3.damaged`, or that with a number.
fn free_name(path: &Path) -> PathBuf {
    let name = |number: u32| match number {
        1 => PathBuf::from(format!("{}.damaged", path.display())),
        more => PathBuf::from(format!("{}.damaged-{more}", path.display())),
    };
    (1..).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(1))
}

/// The file that SQLite keeps beside another.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-{ending}"));
    PathBuf::from(name)
}
