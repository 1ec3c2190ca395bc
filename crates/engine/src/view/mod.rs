//! The indexes of the store, held for searching, and kept up with it.
//!
//! The view is derived: a [`Collection`] of vectors in `index/vectors` and a [`KeywordIndex`] of texts in
//! `index/keywords`. Each says the generation that it holds, and is fed what the store has since. One
//! process at a time writes their files, the one that holds `index/lock`. Any other applies new vectors in
//! its own memory, and waits a moment for the writer to index new texts. Where files are missing, damaged,
//! or of another store, they are begun anew, and fed everything.

mod keywords;
mod vectors;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use cognate_index::{Access, Collection, GRAPH_FROM, Maintained, Status};
use cognate_keyword::{KeywordError, KeywordIndex};

pub(crate) use keywords::examine_keyword_files;
pub(crate) use vectors::examine_vector_files;

use crate::error::EngineError;
use crate::store::Store;
use crate::stored_model::StoredModel;

/// The folder of derived files inside a data folder.
pub(crate) const INDEX_DIR: &str = "index";
/// Held by the one process that writes derived files.
const LOCK_FILE: &str = "lock";

/// Changes that the files may be behind when a process ends: fewer cost the next one milliseconds.
const MAX_LAG: usize = 1_000;

/// How long opening waits for the files to be checked: enough for a million papers in the page cache.
const MAX_SETTLING: Duration = Duration::from_secs(2);

/// What is searched, at one moment.
#[derive(Clone)]
pub(crate) struct Snapshot {
    /// The vectors.
    pub(crate) vectors: Arc<cognate_index::Snapshot>,
    /// The texts.
    pub(crate) keywords: Arc<cognate_keyword::Snapshot>,
}

/// The indexes of one store.
pub(crate) struct View {
    data_dir: PathBuf,
    /// The model behind the vectors.
    model: StoredModel,
    collection: ArcSwap<Collection>,
    keywords: ArcSwap<KeywordIndex>,
    /// Held while catching up, so that two threads do not apply the same changes twice. Inside is the
    /// lock of the derived files, where this process has it.
    writing: Mutex<Option<File>>,
}

impl View {
    /// Opens the view of a store whose vectors are by `model`.
    ///
    /// # Errors
    /// [`EngineError`] if the store or the folder of derived files cannot be read. Damage to those
    /// files is not an error: they are replaced.
    pub(crate) fn open(store: &Store, data_dir: &Path, model: StoredModel) -> Result<Self, EngineError> {
        let lock = lock(data_dir)?;
        let access = if lock.is_some() { Access::Write } else { Access::Read };
        let options = vectors::options_of(store, data_dir, &model, access);
        let latest_generation = store.reader()?.generation()?;
        let (collection, keywords) = rayon::join(
            || vectors::open(options, latest_generation),
            || keywords::open(store, data_dir, lock.is_some()),
        );
        let view = Self {
            data_dir: data_dir.to_owned(),
            model,
            collection: ArcSwap::from_pointee(collection?),
            keywords: ArcSwap::from_pointee(keywords?),
            writing: Mutex::new(lock),
        };
        view.catch_up(store)?;
        view.settle(store)?;
        Ok(view)
    }

    /// Waits until every byte of the files was checked, so that a damaged one never answers, unless
    /// there are so many that this takes longer than anybody would wait.
    fn settle(&self, store: &Store) -> Result<(), EngineError> {
        let started = Instant::now();
        while self.status().verifying && started.elapsed() < MAX_SETTLING {
            if self.recover(store)? {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.recover(store).map(drop)
    }

    /// The model behind the vectors.
    pub(crate) fn model(&self) -> &StoredModel {
        &self.model
    }

    /// The current snapshot.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot { vectors: self.collection.load().snapshot(), keywords: self.keywords.load().snapshot() }
    }

    /// How the index of texts stands.
    pub(crate) fn keyword_status(&self) -> cognate_keyword::Status {
        self.keywords.load().status()
    }

    /// How the collection of vectors stands.
    pub(crate) fn status(&self) -> Status {
        self.collection.load().status()
    }

    /// Brings the snapshot up to the store's generation. When this returns, everything committed
    /// before the call is in every snapshot taken after it.
    pub(crate) fn catch_up(&self, store: &Store) -> Result<(), EngineError> {
        let writing = self.lock_writing();
        vectors::feed(&self.collection.load(), store)?;
        match keywords::feed(&self.keywords.load(), store, writing.is_some()) {
            Err(EngineError::Keyword(error)) if error.calls_for_rebuild() => {
                self.reopen_keywords(store, &writing)
            }
            fed => fed,
        }
    }

    /// Begins the index of texts anew if `error`, which a search gave, says that its files are damaged;
    /// says whether it does.
    pub(crate) fn recover_keywords(&self, store: &Store, error: &KeywordError) -> Result<bool, EngineError> {
        if !error.calls_for_rebuild() {
            return Ok(false);
        }
        tracing::warn!("{error}; beginning anew from the store");
        let writing = self.lock_writing();
        self.reopen_keywords(store, &writing)?;
        Ok(true)
    }

    fn reopen_keywords(
        &self,
        store: &Store,
        writing: &MutexGuard<'_, Option<File>>,
    ) -> Result<(), EngineError> {
        let index = keywords::open(store, &self.data_dir, writing.is_some())?;
        keywords::feed(&index, store, writing.is_some())?;
        self.keywords.store(Arc::new(index));
        Ok(())
    }

    /// Begins anew from the store if the files were found damaged since they were opened; says whether
    /// they were.
    pub(crate) fn recover(&self, store: &Store) -> Result<bool, EngineError> {
        let writing = self.lock_writing();
        let Some(damage) = self.collection.load().damage() else { return Ok(false) };
        tracing::warn!("{damage}; beginning anew from the store");
        self.reopen(store, &writing, 0)?;
        Ok(true)
    }

    /// Does one step of what is due to the files: seals what is new, merges segments. Says whether
    /// there was something to do. Takes minutes over many papers; searches go on meanwhile.
    pub(crate) fn maintain(&self, store: &Store) -> Result<bool, EngineError> {
        self.recover(store)?;
        self.become_writer(store)?;
        let collection = self.collection.load_full();
        Ok(collection.maintain()? != Maintained::Nothing)
    }

    /// Writes the files anew where they are far behind, unless another process writes them. With
    /// `unhurried`, also where that takes minutes.
    pub(crate) fn persist(&self, store: &Store, unhurried: bool) -> Result<(), EngineError> {
        self.become_writer(store)?;
        if self.lock_writing().is_none() {
            return Ok(());
        }
        let collection = self.collection.load_full();
        let status = collection.status();
        let n_unsealed: usize =
            status.segments.iter().filter(|segment| !segment.is_on_disk).map(|segment| segment.n_rows).sum();
        let is_new = status.generation_on_disk == 0 && n_unsealed > 0;
        if is_new || n_unsealed > MAX_LAG {
            if n_unsealed >= GRAPH_FROM && !unhurried {
                tracing::warn!("the index is behind the papers; `cognate optimize` brings it up to them");
                return Ok(());
            }
            collection.flush()?;
        }
        if unhurried {
            while collection.maintain()? != Maintained::Nothing {}
        }
        Ok(())
    }

    /// Makes the files one segment, as far as memory allows. `false` if another process writes them.
    pub(crate) fn optimize(&self, store: &Store) -> Result<bool, EngineError> {
        self.become_writer(store)?;
        if self.lock_writing().is_none() {
            return Ok(false);
        }
        self.collection.load_full().optimize()?;
        self.keywords.load_full().optimize()?;
        Ok(true)
    }

    /// Takes over the files if nobody writes them any more. They are opened anew then, since whoever
    /// wrote them may have replaced them.
    fn become_writer(&self, store: &Store) -> Result<(), EngineError> {
        let mut writing = self.lock_writing();
        if writing.is_none()
            && let Some(lock) = lock(&self.data_dir)?
        {
            *writing = Some(lock);
            self.reopen(store, &writing, store.reader()?.generation()?)?;
            self.reopen_keywords(store, &writing)?;
        }
        Ok(())
    }

    fn reopen(
        &self,
        store: &Store,
        writing: &MutexGuard<'_, Option<File>>,
        latest_generation: u64,
    ) -> Result<(), EngineError> {
        let access = if writing.is_some() { Access::Write } else { Access::Read };
        let options = vectors::options_of(store, &self.data_dir, &self.model, access);
        let collection = vectors::open(options, latest_generation)?;
        vectors::feed(&collection, store)?;
        self.collection.store(Arc::new(collection));
        Ok(())
    }

    /// A panic while catching up leaves the collection at a generation that it did reach.
    fn lock_writing(&self) -> MutexGuard<'_, Option<File>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lock of derived files, or `None` while another process holds it. The system lets go of it
/// when the process ends, however it ends.
fn lock(data_dir: &Path) -> Result<Option<File>, EngineError> {
    let folder = data_dir.join(INDEX_DIR);
    let path = folder.join(LOCK_FILE);
    let io = |source| EngineError::Io { action: "lock", path: path.clone(), source };
    std::fs::create_dir_all(&folder).map_err(io)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
    }
}
