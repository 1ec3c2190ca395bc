//! What is derived from the store for searching, kept up with it: one immutable [`Snapshot`], swapped as a whole.
//!
//! It has a [`Collection`] of vectors in `index/vectors`, a [`KeywordIndex`] of texts in `index/keywords` and the
//! catalogue, all of one generation. Each is fed what the store has since, in one transaction, and then all are shown
//! together. One process at a time writes the files, the one that holds `index/lock`; any other applies what is new in
//! its own memory. Where files are missing, damaged, or of another store, they are begun anew, and fed everything.

mod keywords;
mod moment;
mod vectors;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use cognate_index::{Collection, GRAPH_FROM, Maintained, Status};
use cognate_keyword::{KeywordError, KeywordIndex};

pub(crate) use keywords::examine_keyword_files;
pub(crate) use moment::Moment;
pub(crate) use vectors::examine_vector_files;

use crate::catalog::Catalog;
use crate::error::EngineError;
use crate::store::{Reader, Store};
use crate::stored_model::StoredModel;

/// The folder of derived files inside a data folder.
pub(crate) const INDEX_DIR: &str = "index";
/// Held by the one process that writes derived files.
const LOCK_FILE: &str = "lock";

/// Changes that the files may be behind when a process ends: fewer cost the next one milliseconds.
const MAX_LAG: usize = 1_000;

/// How long opening waits for the files to be checked: enough for a million papers in the page cache.
const MAX_SETTLING: Duration = Duration::from_secs(2);

/// What is searched: everything that is derived from the store at one generation.
pub(crate) struct Snapshot {
    /// The generation of the store that it shows.
    pub(crate) generation: u64,
    /// The vectors.
    pub(crate) vectors: Arc<cognate_index::Snapshot>,
    /// The texts.
    pub(crate) keywords: Arc<cognate_keyword::Snapshot>,
    /// What filters, facets and dates need.
    pub(crate) catalog: Arc<Catalog>,
}

/// What is derived from one store.
pub(crate) struct View {
    data_dir: PathBuf,
    /// The model behind the vectors.
    model: StoredModel,
    /// What is shown.
    current: ArcSwap<Snapshot>,
    collection: ArcSwap<Collection>,
    keywords: ArcSwap<KeywordIndex>,
    /// Held while catching up, so that two threads do not apply the same changes twice.
    writing: Mutex<Writing>,
}

/// The lock of the derived files, where this process has it.
struct Writing(Option<File>);

impl Writing {
    fn may_write(&self) -> bool {
        self.0.is_some()
    }

    fn of_vectors(&self) -> cognate_index::Access {
        if self.may_write() { cognate_index::Access::Write } else { cognate_index::Access::Read }
    }

    fn of_keywords(&self) -> cognate_keyword::Access {
        if self.may_write() { cognate_keyword::Access::Write } else { cognate_keyword::Access::Read }
    }
}

impl View {
    /// Opens the view of a store whose vectors are by `model`.
    ///
    /// # Errors
    /// [`EngineError`] if the store or the folder of derived files cannot be read. Damage to those
    /// files is not an error: they are replaced.
    pub(crate) fn open(store: &Store, data_dir: &Path, model: StoredModel) -> Result<Self, EngineError> {
        let writing = Writing(lock(data_dir)?);
        let options = vectors::options_of(store, data_dir, &model, writing.of_vectors());
        let latest_generation = store.reader()?.generation()?;
        let (collection, keywords) = rayon::join(
            || vectors::open(options, latest_generation),
            || keywords::open(store, data_dir, writing.of_keywords()),
        );
        let (collection, keywords) = (collection?, keywords?);
        let nothing = Snapshot {
            generation: 0,
            vectors: collection.snapshot(),
            keywords: keywords.snapshot(),
            catalog: Arc::default(),
        };
        let view = Self {
            data_dir: data_dir.to_owned(),
            model,
            current: ArcSwap::from_pointee(nothing),
            collection: ArcSwap::from_pointee(collection),
            keywords: ArcSwap::from_pointee(keywords),
            writing: Mutex::new(writing),
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
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The current snapshot, with the store beside it.
    pub(crate) fn moment<'s>(&self, store: &'s Store) -> Moment<'s> {
        Moment::beginning_with(self.snapshot(), store)
    }

    /// A snapshot of the store as it is now, and the store as it is now. Waits while another thread catches up.
    pub(crate) fn exact_moment<'s>(&self, store: &'s Store) -> Result<Moment<'s>, EngineError> {
        let writing = self.lock_writing();
        let reader = self.caught_up(store, &writing)?;
        let snapshot = self.snapshot();
        Ok(if snapshot.generation == reader.generation()? {
            Moment::exact(snapshot, store, reader)
        } else {
            // The store was put back to an earlier state while it was open.
            Moment::beginning_with(snapshot, store)
        })
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
        self.caught_up(store, &writing).map(drop)
    }

    /// Catches up with the store as it is now, and gives the transaction of that moment.
    fn caught_up(&self, store: &Store, writing: &MutexGuard<'_, Writing>) -> Result<Reader, EngineError> {
        self.or_anew(store, writing, &|keywords| keywords::reload(keywords, writing.of_keywords()))?;
        let reader = store.reader_as_of_now()?;
        vectors::feed(&self.collection.load(), &reader)?;
        self.or_anew(store, writing, &|keywords| keywords::feed(keywords, &reader))?;
        let catalog = Arc::clone(&self.current.load().catalog);
        let is_behind = catalog.generation() < reader.generation()?;
        self.show(if is_behind { Arc::new(catalog.caught_up(&reader)?) } else { catalog });
        Ok(reader)
    }

    /// Swaps in a snapshot of all that is kept, unless a failure left one part behind the others.
    fn show(&self, catalog: Arc<Catalog>) {
        let (vectors, keywords) = (self.collection.load().snapshot(), self.keywords.load().snapshot());
        let generation = catalog.generation();
        if vectors.generation() == generation && keywords.generation() == generation {
            self.current.store(Arc::new(Snapshot { generation, vectors, keywords, catalog }));
        }
    }

    /// Shows what maintenance made of the files: the same rows in other segments.
    fn show_maintained(&self) {
        let _writing = self.lock_writing();
        self.show(Arc::clone(&self.current.load().catalog));
    }

    /// Does `work` on the index of texts; once more with one begun anew, if its files are found damaged.
    fn or_anew(
        &self,
        store: &Store,
        writing: &MutexGuard<'_, Writing>,
        work: &dyn Fn(&KeywordIndex) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        match work(&self.keywords.load()) {
            Err(EngineError::Keyword(error)) if error.calls_for_rebuild() => {
                self.reopen_keywords(store, writing)?;
                work(&self.keywords.load())
            }
            done => done,
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
        self.caught_up(store, &writing)?;
        Ok(true)
    }

    fn reopen_keywords(&self, store: &Store, writing: &MutexGuard<'_, Writing>) -> Result<(), EngineError> {
        let index = keywords::open(store, &self.data_dir, writing.of_keywords())?;
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
        self.caught_up(store, &writing)?;
        Ok(true)
    }

    /// Does one step of what is due to the files: seals what is new, merges segments. Says whether
    /// there was something to do. Takes minutes over many papers; searches go on meanwhile.
    pub(crate) fn maintain(&self, store: &Store) -> Result<bool, EngineError> {
        self.recover(store)?;
        self.become_writer(store)?;
        let has_worked = self.collection.load_full().maintain()? != Maintained::Nothing;
        if has_worked {
            self.show_maintained();
        }
        Ok(has_worked)
    }

    /// Writes the files anew where they are far behind, unless another process writes them. With
    /// `unhurried`, also where that takes minutes.
    pub(crate) fn persist(&self, store: &Store, unhurried: bool) -> Result<(), EngineError> {
        self.become_writer(store)?;
        if !self.lock_writing().may_write() {
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
        self.show_maintained();
        Ok(())
    }

    /// Makes the files one segment, as far as memory allows. `false` if another process writes them.
    pub(crate) fn optimize(&self, store: &Store) -> Result<bool, EngineError> {
        self.become_writer(store)?;
        if !self.lock_writing().may_write() {
            return Ok(false);
        }
        self.collection.load_full().optimize()?;
        self.keywords.load_full().optimize()?;
        self.show_maintained();
        Ok(true)
    }

    /// Takes over the files if nobody writes them any more. They are opened anew then, since whoever
    /// wrote them may have replaced them. Where that fails, the lock is let go, to be tried again.
    fn become_writer(&self, store: &Store) -> Result<(), EngineError> {
        let mut writing = self.lock_writing();
        if writing.may_write() {
            return Ok(());
        }
        let Some(lock) = lock(&self.data_dir)? else { return Ok(()) };
        writing.0 = Some(lock);
        let taken = self
            .reopen(store, &writing, store.reader()?.generation()?)
            .and_then(|()| self.reopen_keywords(store, &writing))
            .and_then(|()| self.caught_up(store, &writing).map(drop));
        if taken.is_err() {
            writing.0 = None;
            // As readers again: what was opened for writing must not write without the lock.
            let latest_generation = store.reader()?.generation()?;
            self.reopen(store, &writing, latest_generation)?;
            self.reopen_keywords(store, &writing)?;
        }
        taken
    }

    fn reopen(
        &self,
        store: &Store,
        writing: &MutexGuard<'_, Writing>,
        latest_generation: u64,
    ) -> Result<(), EngineError> {
        let options = vectors::options_of(store, &self.data_dir, &self.model, writing.of_vectors());
        self.collection.store(Arc::new(vectors::open(options, latest_generation)?));
        Ok(())
    }

    /// A panic while catching up leaves each part at a generation that it did reach.
    fn lock_writing(&self) -> MutexGuard<'_, Writing> {
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
