//! A snapshot and the store beside it, as one request reads them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cognate_vector::UnitVector;

use super::Snapshot;
use crate::error::EngineError;
use crate::store::{Reader, Store, StoredPaper};

/// What one request reads: an immutable snapshot, and the rows of the store in one transaction.
///
/// The transaction begins with the first row that is read, after the snapshot was taken, so the store may be ahead.
/// Where a row that is read, or is missing from the snapshot, is newer, the moment [is outdated](Self::is_outdated),
/// and whatever was made of it is thrown away.
pub(crate) struct Moment<'s> {
    pub(crate) snapshot: Arc<Snapshot>,
    store: &'s Store,
    begun: OnceLock<Begun>,
    kind: Kind,
    is_outdated: AtomicBool,
}

/// A transaction of the store, and the store's generation in it.
struct Begun {
    reader: Mutex<Reader>,
    generation: u64,
}

/// How the store of a moment stands to its snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It may be ahead, which is found out.
    Current,
    /// Both are of one generation.
    Exact,
    /// It is ahead, and is to be: a listing goes on as it began.
    Past,
}

impl<'s> Moment<'s> {
    /// A snapshot, and the store whenever it is first read.
    pub(super) fn beginning_with(snapshot: Arc<Snapshot>, store: &'s Store) -> Self {
        Self {
            snapshot,
            store,
            begun: OnceLock::new(),
            kind: Kind::Current,
            is_outdated: AtomicBool::new(false),
        }
    }

    /// A snapshot, and a transaction of exactly its generation: never outdated.
    pub(super) fn exact(snapshot: Arc<Snapshot>, store: &'s Store, reader: Reader) -> Self {
        let begun = OnceLock::from(Begun { reader: Mutex::new(reader), generation: snapshot.generation });
        Self { snapshot, store, begun, kind: Kind::Exact, is_outdated: AtomicBool::new(false) }
    }

    /// A snapshot of an earlier time, and the store as it is now: never outdated. What was deleted meanwhile has an id,
    /// and so its place among others, and no paper.
    pub(crate) fn past(snapshot: Arc<Snapshot>, store: &'s Store) -> Self {
        Self { kind: Kind::Past, ..Self::beginning_with(snapshot, store) }
    }

    /// Calls `read` with the transaction. What it gives may be newer than the snapshot; one call at a time.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        // A panic while reading leaves a transaction that only reads.
        read(&self.begun()?.reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn begun(&self) -> Result<&Begun, EngineError> {
        if self.begun.get().is_none() {
            // Two threads may both begin one: the first is kept.
            let (reader, generation) = self.store.reader_with_generation()?;
            let _ = self.begun.set(Begun { reader: Mutex::new(reader), generation });
        }
        Ok(self.begun.get().expect("it was set above"))
    }

    /// As [`read`](Self::read), for what cannot tell by rows whether it is newer than the snapshot.
    pub(crate) fn read_exactly<T>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        if self.begun()?.generation != self.snapshot.generation {
            self.is_outdated.store(true, Ordering::Relaxed);
            return Err(EngineError::Superseded);
        }
        self.read(read)
    }

    /// The transaction, for a caller that reads on when the request has ended. Of an exact moment only.
    pub(crate) fn into_reader(self) -> Option<Reader> {
        let begun = self.begun.into_inner().filter(|_| self.kind == Kind::Exact)?;
        Some(begun.reader.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The ids of rows of the snapshot.
    pub(crate) fn ids(&self, rows: &[u32]) -> Result<HashMap<u32, String>, EngineError> {
        self.check(rows)?;
        self.read(|reader| if self.kind == Kind::Past { reader.ids_ever(rows) } else { reader.ids(rows) })
    }

    /// The papers of rows of the snapshot.
    pub(crate) fn papers(&self, rows: &[u32]) -> Result<HashMap<u32, StoredPaper>, EngineError> {
        self.check(rows)?;
        self.read(|reader| reader.papers(rows))
    }

    /// The vector of a row that the store has. `None` where the snapshot lacks it: the row is newer, or has none.
    pub(crate) fn vector(&self, row: u32) -> Result<Option<UnitVector>, EngineError> {
        self.check(&[row])?;
        Ok(self.snapshot.vectors.vector(row)?)
    }

    /// Whether something that was read is newer than the snapshot.
    pub(crate) fn is_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::Relaxed)
    }

    /// Ends a request whose answer would be thrown away.
    ///
    /// # Errors
    /// Any, if a row is newer than the snapshot: whoever runs the request runs it again in place of telling it.
    fn check(&self, rows: &[u32]) -> Result<(), EngineError> {
        let since = self.snapshot.generation;
        if self.kind == Kind::Current && self.begun()?.generation != since {
            let is_newer = self.read(|reader| reader.any_changed_since(since, rows))?;
            self.is_outdated.fetch_or(is_newer, Ordering::Relaxed);
        }
        if self.is_outdated() { Err(EngineError::Superseded) } else { Ok(()) }
    }
}
