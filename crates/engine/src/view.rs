//! The vectors of the store, held for searching, and kept up with it.
//!
//! The view is derived: a [`Collection`] of memory-mapped segments in `index/vectors`, which says the
//! generation that it holds and is fed what the store has since. One process at a time writes its files,
//! the one that holds `index/lock`; any other applies what is new to it in memory. Where the files are
//! missing, damaged, or of another store, the collection begins empty and is fed everything.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use cognate_index::{
    Access, BuildParams, Changes, Collection, CollectionOptions, GRAPH_FROM, IndexError, Maintained,
    Snapshot, Status,
};
use sha2::{Digest, Sha256};

use crate::error::EngineError;
use crate::store::{Store, StoredModel};

/// The folder of derived files inside a data folder.
pub(crate) const INDEX_DIR: &str = "index";
/// The folder of the vectors' files inside [`INDEX_DIR`].
const VECTORS_DIR: &str = "vectors";
/// Held by the one process that writes derived files.
const LOCK_FILE: &str = "lock";

/// Changes that the files may be behind when a process ends: fewer cost the next one milliseconds.
const MAX_LAG: usize = 1_000;

/// Vectors that are taken from the store at a time.
const PORTION: usize = 20_000;

/// How long opening waits for the files to be checked: enough for a million papers in the page cache.
const MAX_SETTLING: Duration = Duration::from_secs(2);

/// The searchable vectors of one store.
pub(crate) struct View {
    data_dir: PathBuf,
    /// The model behind the vectors.
    model: StoredModel,
    collection: ArcSwap<Collection>,
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
        let options = options_of(store, data_dir, &model, access);
        let collection = open_collection(options, store.reader()?.generation()?)?;
        let view = Self {
            data_dir: data_dir.to_owned(),
            model,
            collection: ArcSwap::from_pointee(collection),
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
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.collection.load().snapshot()
    }

    /// How the collection stands.
    pub(crate) fn status(&self) -> Status {
        self.collection.load().status()
    }

    /// Brings the snapshot up to the store's generation. When this returns, everything committed
    /// before the call is in every snapshot taken after it.
    pub(crate) fn catch_up(&self, store: &Store) -> Result<(), EngineError> {
        let _writing = self.lock_writing();
        feed(&self.collection.load(), store)
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
        let options = options_of(store, &self.data_dir, &self.model, access);
        let collection = open_collection(options, latest_generation)?;
        feed(&collection, store)?;
        self.collection.store(Arc::new(collection));
        Ok(())
    }

    /// A panic while catching up leaves the collection at a generation that it did reach.
    fn lock_writing(&self) -> MutexGuard<'_, Option<File>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the files of a store's vectors, all bytes of them, without changing anything.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn examine_files(
    store: &Store,
    data_dir: &Path,
    model: &StoredModel,
) -> Result<Status, EngineError> {
    let options = CollectionOptions {
        latest_generation: store.reader()?.generation()?,
        ..options_of(store, data_dir, model, Access::Read)
    };
    let (collection, damage) = Collection::open(options)?;
    if let Some(damage) = damage {
        return Err(damage.into());
    }
    while collection.status().verifying && collection.damage().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    match collection.damage() {
        Some(damage) => Err(EngineError::DamagedIndex(damage)),
        None => Ok(collection.status()),
    }
}

fn options_of(store: &Store, data_dir: &Path, model: &StoredModel, access: Access) -> CollectionOptions {
    let dir = data_dir.join(INDEX_DIR).join(VECTORS_DIR);
    CollectionOptions {
        access,
        build: BuildParams::default(),
        ..CollectionOptions::new(dir, binding(store, model), model.dim)
    }
}

/// Tells vectors of this store and model from any others.
fn binding(store: &Store, model: &StoredModel) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [store.store_id(), &model.weights_sha256, &model.precision] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.update(model.recipe.to_le_bytes());
    hasher.finalize().into()
}

fn open_collection(options: CollectionOptions, latest_generation: u64) -> Result<Collection, IndexError> {
    let (collection, damage) = Collection::open(CollectionOptions { latest_generation, ..options })?;
    if let Some(damage) = damage {
        tracing::warn!("{damage}");
    }
    Ok(collection)
}

/// Applies what the store has and the collection has not, in portions, so that memory holds the vectors
/// of one beside the collection's own.
fn feed(collection: &Collection, store: &Store) -> Result<(), EngineError> {
    let reader = store.reader()?;
    let latest = reader.generation()?;
    while collection.generation() != latest {
        let changes = reader.changes_since(collection.generation(), PORTION)?;
        let (upserts, deletes, generation) = (changes.upserts, changes.deletes, changes.generation);
        collection.apply(Changes { upserts, deletes, generation })?;
        if generation >= latest {
            break;
        }
    }
    Ok(())
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
