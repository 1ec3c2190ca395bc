//! The engine's handle on one data folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cognate_index::{Layout as IndexLayout, SearchPath};

use crate::backend::Remote;
use crate::cancel::Cancel;
use crate::error::{EngineError, with_causes};
use crate::kept::Kept;
use crate::model::{Model, ModelChoice};
use crate::store::{BackupReport, RestoreReport, STORE_FILE, Store};
use crate::stored_model::StoredModel;
use crate::view::{DerivedFiles, IndexOptions, Moment, View, patience};

/// How often a running server looks whether another process has committed: well under the second
/// within which it must answer from the new papers.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// How often a request is begun anew because a derived file was found damaged, or the store is newer than its snapshot.
const MAX_ATTEMPTS: usize = 3;

/// How to open an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The model for queries and new papers; loaded when first needed.
    pub model: ModelChoice,
    /// Who writes the files of the indexes.
    pub derived_files: DerivedFiles,
    /// Bytes that building the index may take beside what searches hold; `None` for a quarter of what is free, and at
    /// least a gigabyte.
    pub index_memory: Option<u64>,
    /// What searches by meaning read from memory.
    pub index_layout: IndexLayout,
}

/// How the searchable vectors stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    /// How a search for few papers is answered now.
    pub path: SearchPath,
    /// The vectors' segments, memory and files.
    pub collection: cognate_index::Status,
    /// The texts' segments and files.
    pub keywords: cognate_keyword::Status,
}

/// Counts and names that describe a data folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// Papers that are neither deleted nor dropped.
    pub n_papers: u64,
    /// The generation of the last commit; `None` where papers lie with another engine, which has none.
    pub generation: Option<u64>,
    /// The model behind the vectors; `None` before the first paper.
    pub model: Option<StoredModel>,
    /// How the searchable vectors stand; `None` while there are none, or before the first search.
    pub index: Option<IndexStatus>,
}

/// One collection of papers, opened: a data folder, or a place with another engine. Share it in an [`Arc`]: every method
/// takes `&self`.
pub struct Engine {
    place: Place,
    model_choice: ModelChoice,
    model: Mutex<Option<Arc<Model>>>,
    /// What features made of one generation, and may need again.
    pub(crate) kept: Kept,
}

/// Where the papers lie.
#[expect(clippy::large_enum_variant, reason = "there is one to an engine")]
enum Place {
    Here(Local),
    Elsewhere(Arc<dyn Remote>),
}

/// A data folder: what maps, trends, deduplication of all papers, saved queries and decisions need beside a
/// [`Backend`](crate::Backend).
pub(crate) struct Local {
    pub(crate) data_dir: PathBuf,
    pub(crate) store: Store,
    derived_files: DerivedFiles,
    index_memory: Option<u64>,
    index_layout: IndexLayout,
    view: Mutex<Option<Arc<View>>>,
}

impl Engine {
    /// Opens the data folder, making it and an empty store where there is none.
    ///
    /// # Errors
    /// [`EngineError`] if the folder cannot be made or holds what is not a store of this release.
    pub fn create(options: EngineOptions) -> Result<Self, EngineError> {
        let store = Store::create(&options.data_dir)?;
        Ok(Self::over(store, options))
    }

    /// As [`Engine::create`], with a model that is loaded already.
    pub(crate) fn create_with_model(options: EngineOptions, model: Model) -> Result<Self, EngineError> {
        let engine = Self::create(options)?;
        *lock(&engine.model) = Some(Arc::new(model));
        Ok(engine)
    }

    /// Opens the data folder.
    ///
    /// # Errors
    /// [`EngineError::NoStore`] if nothing was indexed there yet, else as [`Engine::create`].
    pub fn open(options: EngineOptions) -> Result<Self, EngineError> {
        let store = Store::open(&options.data_dir)?;
        Ok(Self::over(store, options))
    }

    fn over(store: Store, options: EngineOptions) -> Self {
        let EngineOptions { data_dir, model, derived_files, index_memory, index_layout } = options;
        let view = Mutex::new(None);
        let local = Local { data_dir, store, derived_files, index_memory, index_layout, view };
        Self::at(Place::Here(local), model)
    }

    /// Opens papers that lie with another engine.
    #[must_use]
    pub fn elsewhere(remote: Arc<dyn Remote>, model: ModelChoice) -> Self {
        Self::at(Place::Elsewhere(remote), model)
    }

    fn at(place: Place, model_choice: ModelChoice) -> Self {
        Self { place, model_choice, model: Mutex::new(None), kept: Kept::default() }
    }

    /// The data folder.
    ///
    /// # Errors
    /// [`EngineError::LocalOnly`] where papers lie with another engine.
    pub(crate) fn local(&self) -> Result<&Local, EngineError> {
        match &self.place {
            Place::Here(local) => Ok(local),
            Place::Elsewhere(remote) => Err(EngineError::LocalOnly { place: remote.name().to_owned() }),
        }
    }

    /// The data folder; `None` where papers lie with another engine.
    #[must_use]
    pub fn data_dir(&self) -> Option<&Path> {
        self.local().ok().map(|local| local.data_dir.as_path())
    }

    /// The store of the data folder.
    ///
    /// # Errors
    /// As [`local`](Self::local).
    pub(crate) fn store(&self) -> Result<&Store, EngineError> {
        Ok(&self.local()?.store)
    }

    /// The other engine, where papers lie with one.
    pub(crate) fn remote(&self) -> Option<&Arc<dyn Remote>> {
        match &self.place {
            Place::Here(_) => None,
            Place::Elsewhere(remote) => Some(remote),
        }
    }

    /// Asks the other engine, where papers lie with one, whether it answers.
    ///
    /// # Errors
    /// [`EngineError::Away`] if it does not.
    pub fn check_place(&self, cancel: &Cancel) -> Result<(), EngineError> {
        self.remote().map_or(Ok(()), |remote| remote.check(cancel))
    }

    /// Counts and names that describe the data folder.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn stats(&self) -> Result<Stats, EngineError> {
        if let Some(remote) = self.remote() {
            let cancel = Cancel::default();
            let model = remote.model(&cancel)?;
            return Ok(Stats { n_papers: remote.n_papers(&cancel)?, generation: None, model, index: None });
        }
        let local = self.local()?;
        let reader = local.store.reader_as_of_now()?;
        let index = lock(&local.view).as_ref().map(|view| status_of(view));
        Ok(Stats {
            n_papers: reader.n_papers()?,
            generation: Some(reader.generation()?),
            model: reader.model()?,
            index,
        })
    }

    /// Loads the model now rather than with the first query.
    ///
    /// # Errors
    /// [`EngineError::Embed`] if it cannot be loaded, [`EngineError::ModelMismatch`] if the store's
    /// vectors come from another.
    pub fn load_model(&self) -> Result<StoredModel, EngineError> {
        Ok(self.model()?.identity.clone())
    }

    /// Opens the vectors now rather than with the first query.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn load_vectors(&self) -> Result<(), EngineError> {
        match &self.place {
            Place::Here(_) => self.view().map(drop),
            Place::Elsewhere(remote) => remote.check(&Cancel::default()),
        }
    }

    /// Copies the store, as of now, to a file that is not there yet, also while other processes read and write.
    ///
    /// # Errors
    /// [`EngineError::FileExists`], or [`EngineError`] if the store cannot be read or the file not written.
    pub fn backup(&self, file: &Path) -> Result<BackupReport, EngineError> {
        self.store()?.backup(file)
    }

    /// Makes the store of a data folder what a backup holds. It happens at once or not at all; what was derived from the
    /// store before is begun anew.
    ///
    /// # Errors
    /// [`EngineError::StoreInUse`] while a process has the store open, else [`EngineError`] if the file is no backup, or
    /// the store cannot be written.
    pub fn restore(data_dir: &Path, file: &Path) -> Result<RestoreReport, EngineError> {
        Store::restore(data_dir, file)
    }

    /// Brings everything that is committed into the store's one file, as far as no other process is using it.
    pub fn settle_store(&self) {
        if let Place::Here(local) = &self.place {
            local.store.checkpoint();
        }
    }

    /// Follows the store until `stop` is set: commits of other processes are in every search within
    /// a second, and the index's files are kept in shape beside that. Blocks; give it a thread.
    pub fn follow(&self, stop: &AtomicBool) {
        if self.remote().is_some() {
            return;
        }
        thread::scope(|scope| {
            scope.spawn(|| self.repeat(stop, "keep the index in shape", || self.maintain_once()));
            let mut seen = None;
            self.repeat(stop, "follow the store", || self.follow_once(&mut seen));
        });
    }

    /// Does `step` again and again until `stop` is set: after failures in a row after ever longer times, so that what fails
    /// because the disk is full does not use the machine up. The same failure is told once.
    fn repeat(&self, stop: &AtomicBool, what: &str, mut step: impl FnMut() -> Result<(), EngineError>) {
        let mut told = String::new();
        let mut n_failures = 0;
        while !stop.load(Ordering::Relaxed) {
            if let Err(error) = step() {
                n_failures += 1;
                let error = with_causes(&error);
                if error != told {
                    tracing::error!("could not {what}: {error}");
                    told = error;
                }
            } else {
                n_failures = 0;
            }
            let waits_from = Instant::now();
            let wait = patience(n_failures);
            while waits_from.elapsed() < wait && !stop.load(Ordering::Relaxed) {
                thread::park_timeout(FOLLOW_INTERVAL);
            }
        }
    }

    fn follow_once(&self, seen: &mut Option<u64>) -> Result<(), EngineError> {
        let now = self.store()?.reader()?.generation()?;
        if *seen != Some(now) {
            self.catch_up()?;
            *seen = Some(now);
        }
        Ok(())
    }

    fn maintain_once(&self) -> Result<(), EngineError> {
        if let Some(view) = self.view()? {
            while view.maintain(self.store()?)? {}
        }
        Ok(())
    }

    /// Whether searches that are not exact use a graph.
    pub(crate) fn searches_by_graph(&self) -> Result<bool, EngineError> {
        if self.remote().is_some() {
            return Ok(false);
        }
        Ok(self.view()?.is_some_and(|view| view.snapshot().vectors.path() != SearchPath::Exact))
    }

    /// Whether searches can be exact: always in a data folder.
    pub(crate) fn can_be_exact(&self) -> Result<bool, EngineError> {
        self.remote().map_or(Ok(true), |remote| remote.is_exact(&Cancel::default()))
    }

    /// Writes the index's files where they are far behind the store, as they are after a bulk ingestion.
    /// Takes about a minute for a hundred thousand papers. Does nothing while another process, such
    /// as a running server, keeps them.
    ///
    /// # Errors
    /// [`EngineError`] if store or index cannot be read or written.
    pub fn persist_index(&self) -> Result<(), EngineError> {
        // Building the graph needs the most memory of all, and no model; the next search loads it again.
        *lock(&self.model) = None;
        if let Some(remote) = self.remote() {
            return remote.settle(&Cancel::default());
        }
        let store = self.store()?;
        self.opened_view()?.map_or(Ok(()), |view| view.persist(store, true))
    }

    /// Makes the index one segment, as far as memory allows, which is the fastest to search, and gives back what deleted
    /// papers took in the store's file. Other processes may go on reading and writing the store.
    ///
    /// # Errors
    /// [`EngineError::IndexInUse`] while another process keeps the files, else as
    /// [`Engine::persist_index`].
    pub fn optimize(&self) -> Result<IndexStatus, EngineError> {
        let Local { data_dir, store, .. } = self.local()?;
        let view = self.opened_view()?.ok_or_else(|| EngineError::NoStore { data_dir: data_dir.clone() })?;
        if !view.optimize(store)? {
            return Err(EngineError::IndexInUse { data_dir: data_dir.clone() });
        }
        store.give_space_back();
        Ok(status_of(&view))
    }

    /// Brings the searchable vectors up to the store, if they were opened. When another process has
    /// embedded the papers anew, vectors and model are let go, and loaded again by the next search.
    pub(crate) fn catch_up(&self) -> Result<(), EngineError> {
        // Another engine shows what it has acknowledged.
        let Place::Here(local) = &self.place else { return Ok(()) };
        let Some(view) = lock(&local.view).clone() else { return Ok(()) };
        let stored = local.store.reader()?.model()?;
        if stored.is_some_and(|stored| !stored.is_compatible(view.model())) {
            tracing::info!("the papers were embedded anew: loading their new vectors");
            *lock(&local.view) = None;
            *lock(&self.model) = None;
            return Ok(());
        }
        view.catch_up(&local.store)
    }

    /// The model, loaded at the first call, checked against the store.
    pub(crate) fn model(&self) -> Result<Arc<Model>, EngineError> {
        let mut slot = lock(&self.model);
        if let Some(model) = &*slot {
            return Ok(Arc::clone(model));
        }
        let stored = match &self.place {
            Place::Here(local) => local.store.reader()?.model()?,
            Place::Elsewhere(remote) => remote.model(&Cancel::default())?,
        };
        let model = Arc::new(Model::start(self.model_choice.load(stored.as_ref())?)?);
        if let Some(stored) = stored
            && !stored.is_compatible(&model.identity)
        {
            return Err(EngineError::ModelMismatch {
                stored: Box::new(stored),
                given: Box::new(model.identity.clone()),
            });
        }
        *slot = Some(Arc::clone(&model));
        Ok(model)
    }

    /// Runs a request on one snapshot, with the store beside it in one transaction. Where a row turns out to be newer than
    /// the snapshot, it is run again on the next one, and the store of that moment.
    ///
    /// # Errors
    /// What `request` fails with, or [`EngineError`] if store or index cannot be read.
    pub(crate) fn at_one_moment<T>(
        &self,
        view: &View,
        request: &mut dyn FnMut(&Moment<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let store = self.store()?;
        let mut moment = view.moment(store);
        for _ in 1..MAX_ATTEMPTS {
            match request(&moment) {
                _ if moment.is_outdated() => {}
                // Damage found since the files were opened: they are begun anew from the store.
                Err(error) if view.recover(store, &moment.snapshot, &error)? => {}
                answered => return answered,
            }
            moment = view.exact_moment(store)?;
        }
        request(&moment)
    }

    /// The searchable vectors and texts, opened at the first call; `None` while the store has no model.
    pub(crate) fn view(&self) -> Result<Option<Arc<View>>, EngineError> {
        let local = self.local()?;
        let is_open = lock(&local.view).is_some();
        let view = self.opened_view()?;
        if let Some(view) = &view
            && !is_open
        {
            // What cannot be written is in memory all the same.
            if let Err(error) = view.persist(&local.store, false) {
                tracing::warn!("{}; the next start takes as long", with_causes(&error));
            }
        }
        Ok(view)
    }

    /// The same, with the files as they are.
    fn opened_view(&self) -> Result<Option<Arc<View>>, EngineError> {
        let Local { data_dir, store, derived_files, index_memory, index_layout, view } = self.local()?;
        let mut slot = lock(view);
        if slot.is_none()
            && let Some(model) = store.reader()?.model()?
        {
            let index = IndexOptions { memory: *index_memory, layout: *index_layout };
            *slot = Some(Arc::new(View::open(store, data_dir, model, (*derived_files, index))?));
        }
        Ok(slot.clone())
    }
}

fn status_of(view: &View) -> IndexStatus {
    IndexStatus {
        path: view.snapshot().vectors.path(),
        collection: view.status(),
        keywords: view.keyword_status(),
    }
}

/// The slots hold complete values or nothing, so a panic while one was locked leaves nothing half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("place", &self.place_name()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Whether the papers lie in a data folder on this machine.
    #[must_use]
    pub fn is_here(&self) -> bool {
        matches!(self.place, Place::Here(_))
    }

    /// Where the papers lie: the data folder, or the name of the place with another engine.
    #[must_use]
    pub fn place_name(&self) -> String {
        match &self.place {
            Place::Here(local) => local.data_dir.display().to_string(),
            Place::Elsewhere(remote) => remote.name().to_owned(),
        }
    }

    /// Bytes of the store's files, as they are now; 0 for one that is not there.
    #[must_use]
    pub fn file_sizes(&self) -> FileSizes {
        let Place::Here(Local { data_dir, .. }) = &self.place else { return FileSizes { store: 0, wal: 0 } };
        let size_of = |name: &str| data_dir.join(name).metadata().map_or(0, |file| file.len());
        FileSizes { store: size_of(STORE_FILE), wal: size_of(&format!("{STORE_FILE}-wal")) }
    }
}

/// Bytes of the store's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSizes {
    /// The database.
    pub store: u64,
    /// Its write-ahead log: what was committed and is not in the database yet.
    pub wal: u64,
}
