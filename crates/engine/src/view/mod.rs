//! What is derived from the store for searching, kept up with it: one immutable [`Snapshot`], swapped as a whole.
//!
//! It has a [`Collection`] of vectors in `index/vectors`, a [`KeywordIndex`] of texts in `index/keywords` and the
//! catalogue, all of one generation. Each is fed what the store has since, in one transaction, and then all are shown
//! together. One process at a time writes the files, the one that holds `index/lock`; any other applies what is new in
//! its own memory. Where files are missing, damaged, or of another store, they are begun anew, and fed everything.

mod keywords;
mod local;
mod moment;
mod newcomers;
mod vectors;

pub use keywords::document as document_of;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use cognate_index::{Collection, CollectionOptions, GRAPH_FROM, Maintained, Status};
use cognate_keyword::KeywordIndex;
use roaring::RoaringBitmap;

pub(crate) use keywords::examine_keyword_files;
pub(crate) use moment::Moment;
pub(crate) use vectors::examine_vector_files;

use crate::atlas::{Atlas, AtlasFile};
use crate::catalog::{Catalog, CatalogFile};
use crate::error::{EngineError, with_causes};
use crate::filter::Filter;
use crate::helpers::Helpers;
use crate::store::{INDEX_DIR, Reader, Store};
use crate::stored_model::StoredModel;

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
    /// Who may take a part of an answer.
    pub(crate) helpers: Arc<Helpers>,
    /// The map that was drawn last, of whatever generation.
    pub(crate) atlas: Arc<Atlas>,
    without_text: OnceLock<RoaringBitmap>,
}

impl Snapshot {
    /// The rows of all papers, those without a text too.
    pub(crate) fn rows(&self) -> RoaringBitmap {
        self.catalog.matching(&Filter::default())
    }

    /// The rows of the papers with neither title nor abstract, which are in no ranking.
    pub(crate) fn without_text(&self) -> &RoaringBitmap {
        self.without_text
            .get_or_init(|| self.rows() - self.vectors.rows().into_iter().collect::<RoaringBitmap>())
    }
}

/// What is derived from one store.
pub(crate) struct View {
    data_dir: PathBuf,
    /// The model behind the vectors.
    model: StoredModel,
    derived_files: DerivedFiles,
    index: IndexOptions,
    /// What is shown.
    current: ArcSwap<Snapshot>,
    collection: ArcSwap<Collection>,
    keywords: ArcSwap<KeywordIndex>,
    /// Set while the texts are kept in memory because their files could not be written.
    unwritten: Mutex<Option<Unwritten>>,
    /// Held while catching up, so that two threads do not apply the same changes twice.
    writing: Mutex<Writing>,
}

/// Who writes the files of the indexes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DerivedFiles {
    /// This process, unless another does.
    #[default]
    Keep,
    /// Never this process: it follows what others write, and has what is newer in memory. For one that lives
    /// beside others and shall be in nobody's way.
    Follow,
}

/// What was said of the index of vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexOptions {
    /// Bytes that building may take, where that was said.
    pub(crate) memory: Option<u64>,
    /// What searches read from memory.
    pub(crate) layout: cognate_index::Layout,
}

/// Files that could not be written, as on a full disk.
#[derive(Clone, Copy)]
struct Unwritten {
    n_failures: u32,
    next_try: Instant,
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
}

impl View {
    /// Opens the view of a store whose vectors are by `model`.
    ///
    /// # Errors
    /// [`EngineError`] if the store or the folder of derived files cannot be read. Damage to those
    /// files is not an error: they are replaced.
    pub(crate) fn open(
        store: &Store,
        data_dir: &Path,
        model: StoredModel,
        (derived_files, index): (DerivedFiles, IndexOptions),
    ) -> Result<Self, EngineError> {
        let writing = match derived_files {
            DerivedFiles::Keep => Writing(lock(data_dir)?),
            DerivedFiles::Follow => Writing(None),
        };
        let options = CollectionOptions {
            memory_budget: index.memory,
            layout: index.layout,
            ..vectors::options_of(store, data_dir, &model, writing.of_vectors())
        };
        let latest_generation = store.reader()?.generation()?;
        let (collection, keywords) = rayon::join(
            || vectors::open(options, latest_generation),
            || keywords::open(store, data_dir, access_of_keywords(writing.may_write())),
        );
        let (collection, keywords) = (collection?, keywords?);
        let nothing = Snapshot {
            generation: 0,
            vectors: collection.snapshot(),
            keywords: keywords.snapshot(),
            catalog: Arc::new(catalog_file(store, data_dir).read(latest_generation)),
            helpers: Arc::default(),
            atlas: Arc::new(Atlas::new(match derived_files {
                DerivedFiles::Keep => Some(atlas_file(store, data_dir, &model)),
                DerivedFiles::Follow => None,
            })),
            without_text: OnceLock::new(),
        };
        let view = Self {
            data_dir: data_dir.to_owned(),
            derived_files,
            index,
            model,
            current: ArcSwap::from_pointee(nothing),
            collection: ArcSwap::from_pointee(collection),
            keywords: ArcSwap::from_pointee(keywords),
            unwritten: Mutex::new(None),
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
        while self.status().verifying
            && started.elapsed() < MAX_SETTLING
            && !self.recover_if_damaged(store)?
        {
            thread::sleep(Duration::from_millis(1));
        }
        self.recover_if_damaged(store).map(drop)
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
        self.or_anew(store, writing, &|keywords| keywords::reload(keywords, self.keyword_access(writing)))?;
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
        let atlas = Arc::clone(&self.current.load().atlas);
        let (vectors, keywords) = (self.collection.load().snapshot(), self.keywords.load().snapshot());
        let generation = catalog.generation();
        if vectors.generation() == generation && keywords.generation() == generation {
            self.current.store(Arc::new(Snapshot {
                generation,
                vectors,
                keywords,
                catalog,
                helpers: Arc::clone(&self.current.load().helpers),
                atlas,
                without_text: OnceLock::new(),
            }));
        }
    }

    /// Shows what maintenance made of the files: the same rows in other segments.
    fn show_maintained(&self) {
        let _writing = self.lock_writing();
        self.show(Arc::clone(&self.current.load().catalog));
    }

    /// Does `work` on the index of texts; once more with one begun anew, if its files are found damaged, or with one in
    /// memory, if they cannot be written: searches go on, and what is committed is found.
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
            Err(EngineError::Keyword(error))
                if self.keyword_access(writing) == cognate_keyword::Access::Write =>
            {
                tracing::warn!("{}; new texts stay in memory", with_causes(&error));
                let mut unwritten = self.lock_unwritten();
                let n_failures = unwritten.map_or(0, |before| before.n_failures) + 1;
                let next_try = Instant::now() + patience(n_failures);
                *unwritten = Some(Unwritten { n_failures, next_try });
                drop(unwritten);
                self.reopen_keywords(store, writing)?;
                keywords::feed(&self.keywords.load(), &store.reader_as_of_now()?)?;
                Ok(())
            }
            done => done,
        }
    }

    fn reopen_keywords(&self, store: &Store, writing: &MutexGuard<'_, Writing>) -> Result<(), EngineError> {
        self.keywords.load().stop_writing();
        let index = keywords::open(store, &self.data_dir, self.keyword_access(writing))?;
        self.keywords.store(Arc::new(index));
        Ok(())
    }

    /// Opens the files anew if `error`, which a request on the snapshot `seen` gave, says that they are damaged: those that
    /// are begin anew from the store. Says whether the request is to be asked again.
    pub(crate) fn recover(
        &self,
        store: &Store,
        seen: &Arc<Snapshot>,
        error: &EngineError,
    ) -> Result<bool, EngineError> {
        let (of_vectors, of_keywords) = match error {
            EngineError::Index(error) => (error.calls_for_rebuild(), false),
            EngineError::Keyword(error) => (false, error.calls_for_rebuild()),
            _ => (false, false),
        };
        if !of_vectors && !of_keywords {
            return Ok(false);
        }
        let writing = self.lock_writing();
        if Arc::ptr_eq(&self.current.load(), seen) {
            tracing::warn!("{error}");
            self.reopen_damaged(store, &writing, (of_vectors, of_keywords))?;
        }
        Ok(true)
    }

    /// The same for what was found wrong since the files were opened, by whatever reads them; says whether something
    /// was.
    pub(crate) fn recover_if_damaged(&self, store: &Store) -> Result<bool, EngineError> {
        let collection = self.collection.load_full();
        let of_vectors = collection.check_files();
        let of_keywords = self.keywords.load().snapshot().check_files();
        if of_vectors.is_ok() && of_keywords.is_ok() {
            return Ok(false);
        }
        let writing = self.lock_writing();
        if !Arc::ptr_eq(&self.collection.load(), &collection) {
            return Ok(true);
        }
        let found: [Option<&dyn std::fmt::Display>; 2] = [
            of_vectors.as_ref().err().map(|error| error as &dyn std::fmt::Display),
            of_keywords.as_ref().err().map(|error| error as &dyn std::fmt::Display),
        ];
        found.into_iter().flatten().for_each(|error| tracing::warn!("{error}"));
        self.reopen_damaged(store, &writing, (of_vectors.is_err(), of_keywords.is_err()))?;
        Ok(true)
    }

    fn reopen_damaged(
        &self,
        store: &Store,
        writing: &MutexGuard<'_, Writing>,
        (vectors, keywords): (bool, bool),
    ) -> Result<(), EngineError> {
        if vectors {
            self.reopen(store, writing, store.reader()?.generation()?)?;
            // What is damaged must be found before it answers: every byte of it is checked.
            let collection = self.collection.load_full();
            while collection.status().verifying && collection.damage().is_none() {
                thread::sleep(Duration::from_millis(1));
            }
            if collection.damage().is_some() {
                self.reopen(store, writing, 0)?;
            }
        }
        if keywords {
            self.reopen_keywords(store, writing)?;
        }
        self.caught_up(store, writing).map(drop)
    }

    /// Does one step of what is due to the files: seals what is new, merges segments. Says whether
    /// there was something to do. Takes minutes over many papers; searches go on meanwhile.
    pub(crate) fn maintain(&self, store: &Store) -> Result<bool, EngineError> {
        self.recover_if_damaged(store)?;
        self.become_writer(store)?;
        self.persist_catalog(store);
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
        self.persist_catalog(store);
        let collection = self.collection.load_full();
        let status = collection.status();
        let n_unsealed: usize =
            status.segments.iter().filter(|segment| !segment.is_on_disk).map(|segment| segment.n_rows).sum();
        let is_new = status.generation_on_disk == 0 && n_unsealed > 0;
        if is_new || n_unsealed > MAX_LAG {
            if n_unsealed >= GRAPH_FROM && !unhurried {
                tracing::warn!("the index is far behind the papers, and slow until it is optimized");
                return Ok(());
            }
            collection.flush()?;
        }
        if unhurried {
            while collection.maintain()? != Maintained::Nothing {}
            self.keywords.load_full().finish_merges()?;
        }
        self.show_maintained();
        Ok(())
    }

    /// Writes the file of the catalogue anew where it is far behind and this process writes files. Without it the next
    /// process takes longer to start, so a failure is only told.
    fn persist_catalog(&self, store: &Store) {
        // Searches that catch up meanwhile do not wait for it.
        if !self.lock_writing().may_write() {
            return;
        }
        let catalog = Arc::clone(&self.current.load().catalog);
        if let Err(error) = catalog_file(store, &self.data_dir).keep_up(&catalog) {
            tracing::warn!("{}", with_causes(&error));
        }
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
            return self.write_texts_again(store, &writing);
        }
        if self.derived_files == DerivedFiles::Follow {
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

    /// Tries again to write what could not be written.
    fn write_texts_again(&self, store: &Store, writing: &MutexGuard<'_, Writing>) -> Result<(), EngineError> {
        let before = *self.lock_unwritten();
        let Some(before) = before.filter(|before| before.next_try <= Instant::now()) else { return Ok(()) };
        *self.lock_unwritten() = None;
        let written =
            self.reopen_keywords(store, writing).and_then(|()| self.caught_up(store, writing).map(drop));
        if let Some(again) = &mut *self.lock_unwritten() {
            again.n_failures = before.n_failures + 1;
            again.next_try = Instant::now() + patience(again.n_failures);
        }
        written
    }

    fn keyword_access(&self, writing: &MutexGuard<'_, Writing>) -> cognate_keyword::Access {
        access_of_keywords(writing.may_write() && self.lock_unwritten().is_none())
    }

    fn lock_unwritten(&self) -> MutexGuard<'_, Option<Unwritten>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reopen(
        &self,
        store: &Store,
        writing: &MutexGuard<'_, Writing>,
        latest_generation: u64,
    ) -> Result<(), EngineError> {
        self.collection.load().retire();
        let options = CollectionOptions {
            memory_budget: self.index.memory,
            layout: self.index.layout,
            ..vectors::options_of(store, &self.data_dir, &self.model, writing.of_vectors())
        };
        self.collection.store(Arc::new(vectors::open(options, latest_generation)?));
        Ok(())
    }

    /// A panic while catching up leaves each part at a generation that it did reach.
    fn lock_writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the catalogue's file, all bytes of it, without changing anything: the generation of the papers in it and how
/// many they are. `None` where there is no file.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn examine_catalog_file(store: &Store, data_dir: &Path) -> Result<Option<(u64, u64)>, String> {
    let latest_generation = store.reader().and_then(|reader| reader.generation());
    catalog_file(store, data_dir).examine(latest_generation.map_err(|error| with_causes(&error))?)
}

/// The same of the file with the map.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn examine_map_file(
    store: &Store,
    data_dir: &Path,
    model: &StoredModel,
) -> Result<Option<(u64, u64)>, String> {
    let latest_generation = store.reader().and_then(|reader| reader.generation());
    atlas_file(store, data_dir, model).examine(latest_generation.map_err(|error| with_causes(&error))?)
}

fn atlas_file(store: &Store, data_dir: &Path, model: &StoredModel) -> AtlasFile {
    AtlasFile::of(store, &data_dir.join(INDEX_DIR), model)
}

fn catalog_file(store: &Store, data_dir: &Path) -> CatalogFile {
    CatalogFile::of(store, &data_dir.join(INDEX_DIR))
}

fn access_of_keywords(may_write: bool) -> cognate_keyword::Access {
    if may_write { cognate_keyword::Access::Write } else { cognate_keyword::Access::Read }
}

/// How long to wait after so many failures in a row: twice as long after each, up to five minutes.
pub(crate) fn patience(n_failures: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(300);
    FIRST.saturating_mul(1 << n_failures.min(16)).min(LONGEST)
}

/// The lock of derived files, or `None` while another process holds it, or where nothing can be written: then
/// everything is kept in memory. The system lets go of it when the process ends, however it ends.
fn lock(data_dir: &Path) -> Result<Option<File>, EngineError> {
    let folder = data_dir.join(INDEX_DIR);
    let path = folder.join(LOCK_FILE);
    let io = |source| EngineError::Io { action: "lock", path: path.clone(), source };
    let file = match open_lock(&folder, &path) {
        Err(error) if cannot_write(&error) => {
            tracing::debug!("could not write {}: {error}", path.display());
            return Ok(None);
        }
        opened => opened.map_err(io)?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
    }
}

/// Opens the lock's file. What has the place of the folder or of the file makes room: all of it is derived.
fn open_lock(folder: &Path, path: &Path) -> std::io::Result<File> {
    if folder.symlink_metadata().is_ok() && !folder.is_dir() {
        std::fs::remove_file(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    if path.is_dir() {
        std::fs::remove_dir_all(path)?;
    }
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

/// Whether the system takes no files here: the folder is read-only, or the disk full.
fn cannot_write(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    let kinds = [
        Kind::PermissionDenied,
        Kind::ReadOnlyFilesystem,
        Kind::StorageFull,
        Kind::QuotaExceeded,
        Kind::FileTooLarge,
    ];
    kinds.contains(&error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_and_has_an_end() {
        let seconds = |n| patience(n).as_secs_f64();
        assert_eq!([seconds(0), seconds(1), seconds(4)], [0.2, 0.4, 3.2]);
        assert_eq!([seconds(11), seconds(12), seconds(u32::MAX)], [300.0; 3]);
    }
}
