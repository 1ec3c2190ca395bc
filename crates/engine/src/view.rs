//! The vectors of the store, held in memory for searching, and kept up with it.
//!
//! Readers take an immutable snapshot; catching up swaps in a new one. The view is derived: a cache
//! file (`index/vectors.cache`) lets it open without reading every vector from SQLite, and the file
//! is ignored and written anew whenever it is missing, damaged, of another store, or far behind.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use cognate_index::{GraphParams, Searcher, VectorSet, read_snapshot, write_snapshot};
use cognate_vector::UnitVector;
use sha2::{Digest, Sha256};

use crate::error::EngineError;
use crate::store::{Changes, Store, StoredModel};

/// The folder of derived files inside a data folder.
pub(crate) const INDEX_DIR: &str = "index";
/// The cached vectors.
pub(crate) const CACHE_FILE: &str = "vectors.cache";
/// Held by the one process that writes derived files.
const LOCK_FILE: &str = "lock";

/// A cache file this many changes behind is written anew, unless [`MAX_LAG_FRACTION`] allows more.
const MAX_LAG: usize = 1_000;
/// Changes that a cache file may be behind, as a fraction of the papers.
const MAX_LAG_FRACTION: f64 = 0.05;

/// Where a store's cache file is, and what it must be bound to.
pub(crate) struct CacheFile {
    path: PathBuf,
    binding: [u8; 32],
}

impl CacheFile {
    /// The cache file of a store whose vectors have `dim` components and come from the model with
    /// these `weights_sha256`.
    pub(crate) fn of(store: &Store, data_dir: &Path, model: &StoredModel) -> Self {
        let mut hasher = Sha256::new();
        for part in [store.store_id(), &model.weights_sha256, &model.precision] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        hasher.update(model.recipe.to_le_bytes());
        Self { path: data_dir.join(INDEX_DIR).join(CACHE_FILE), binding: hasher.finalize().into() }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads and validates the whole file.
    pub(crate) fn read(&self) -> Result<VectorSet, cognate_index::IndexError> {
        read_snapshot(&self.path, &self.binding)
    }

    /// Writes the file, unless another process is writing derived files; says whether it did.
    fn write(&self, set: &VectorSet) -> Result<bool, EngineError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|source| EngineError::Io {
            action: "make the folder",
            path: folder.to_owned(),
            source,
        })?;
        let Some(_lock) = lock(&folder.join(LOCK_FILE))? else { return Ok(false) };
        write_snapshot(&self.path, set, &self.binding)?;
        Ok(true)
    }
}

/// The lock of derived files, or `None` while another process holds it. The system lets go of it
/// when the process ends, however it ends.
fn lock(path: &Path) -> Result<Option<File>, EngineError> {
    let io = |source| EngineError::Io { action: "lock", path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
    }
}

/// The searchable vectors of one store.
pub(crate) struct View {
    /// The model behind the vectors.
    model: StoredModel,
    current: ArcSwap<Searcher>,
    /// Held while catching up, so that two threads do not apply the same changes twice.
    catching_up: Mutex<()>,
}

impl View {
    /// Opens the view of a store, from its cache file where that is usable.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read. A bad cache file is not an error: it is replaced.
    pub(crate) fn open(store: &Store, data_dir: &Path, model: StoredModel) -> Result<Self, EngineError> {
        let cache = CacheFile::of(store, data_dir, &model);
        let dim = model.dim;
        let reader = store.reader()?;
        let generation = reader.generation()?;
        let cached = match cache.read() {
            Ok(set) if set.generation() <= generation && set.dim() == dim => Some(set),
            Ok(set) => {
                tracing::warn!(
                    "`{}` is of generation {} and the store of {generation}: rebuilding it from the store",
                    cache.path.display(),
                    set.generation()
                );
                None
            }
            Err(error) => {
                if cache.path.exists() {
                    tracing::warn!("{error}");
                }
                None
            }
        };
        let from_scratch = cached.is_none();
        let base = match cached {
            Some(set) => set,
            None => VectorSet::empty(dim),
        };
        let changes = reader.changes_since(base.generation())?;
        let lag = changes.upserts.len() + changes.deletes.len();
        let set = apply(&base, changes)?;
        let too_far_behind = lag > MAX_LAG.max((set.len() as f64 * MAX_LAG_FRACTION) as usize);
        if from_scratch || too_far_behind {
            match cache.write(&set) {
                Ok(true) => {
                    tracing::debug!("wrote `{}` at generation {}", cache.path.display(), set.generation())
                }
                Ok(false) => tracing::debug!("another process is writing `{}`", cache.path.display()),
                // A cache that cannot be written (a full disk, a read-only folder) costs time, not answers.
                Err(error) => tracing::warn!("{error}"),
            }
        }
        Ok(Self { model, current: ArcSwap::from_pointee(Searcher::new(set)), catching_up: Mutex::new(()) })
    }

    /// The model behind the vectors.
    pub(crate) fn model(&self) -> &StoredModel {
        &self.model
    }

    /// The current snapshot.
    pub(crate) fn snapshot(&self) -> Arc<Searcher> {
        self.current.load_full()
    }

    /// Brings the snapshot up to the store's generation. When this returns, everything committed
    /// before the call is in every snapshot taken after it.
    pub(crate) fn catch_up(&self, store: &Store) -> Result<(), EngineError> {
        let _guard = self.catching_up.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = store.reader()?;
        let current = self.snapshot();
        if reader.generation()? == current.generation() {
            return Ok(());
        }
        let changes = reader.changes_since(current.generation())?;
        let (upserts, deletes, generation) = split(changes);
        self.current.store(Arc::new(current.with_changes(upserts, &deletes, generation)?));
        Ok(())
    }

    /// Builds the graph where the papers are too many for an exact scan of each query, and has every
    /// later snapshot use it. Takes minutes over a hundred thousand papers; searches go on meanwhile.
    pub(crate) fn build_graph_if_worthwhile(&self) -> Result<(), EngineError> {
        let base = self.snapshot();
        if !base.wants_graph() {
            return Ok(());
        }
        let started = std::time::Instant::now();
        let built = base.build_graph(&GraphParams::default())?;
        tracing::info!(
            "built the graph over {} papers in {:.1} s",
            base.len(),
            started.elapsed().as_secs_f64()
        );
        let _guard = self.catching_up.lock().unwrap_or_else(PoisonError::into_inner);
        self.current.store(Arc::new(self.snapshot().with_graph(&built)?));
        Ok(())
    }
}

fn apply(base: &VectorSet, changes: Changes) -> Result<VectorSet, EngineError> {
    let (upserts, deletes, generation) = split(changes);
    Ok(base.with_changes(upserts, &deletes, generation)?)
}

fn split(changes: Changes) -> (Vec<(u32, UnitVector)>, Vec<u32>, u64) {
    (changes.upserts, changes.deletes, changes.generation)
}
