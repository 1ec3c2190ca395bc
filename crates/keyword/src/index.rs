//! An index in a folder.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::document::Document;
use crate::error::{KeywordError, guarded, io};
use crate::load::{self, Loaded};
use crate::scoring::Scoring;
use crate::snapshot::Snapshot;
use crate::verified::OpenFiles;
use crate::writer::{Update, Writer};

/// Bytes of terms held while indexing, over all threads, when nothing else is said.
pub const DEFAULT_MEMORY_BUDGET: usize = 128 << 20;

/// Rows in memory from which on they are indexed again from newer files, though the files lack some.
const MANY_IN_MEMORY: usize = 5_000;

/// How to open a [`KeywordIndex`].
#[derive(Debug, Clone)]
pub struct KeywordOptions {
    /// The folder of its files and of no others. One that writes makes it where there is none.
    pub dir: PathBuf,
    /// Says whose texts these are, and how they were made; files of another binding are refused.
    pub binding: [u8; 32],
    /// Whether this process writes the files: the caller sees to it that only one does.
    pub access: Access,
    /// Bytes of terms that are held while indexing before they are written to a segment: at least 15 MB
    /// for each thread, which begins with a few. Beside them, up to 10,000 documents wait.
    pub memory_budget: usize,
    /// Threads that index; `None` for those of the machine, but at most 4. One more merges segments.
    pub n_threads: Option<usize>,
    /// How rows are scored.
    pub scoring: Scoring,
}

/// What a process may do with an index's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and write them.
    Write,
    /// Read them as they are when the index is opened or reloaded, and apply changes in memory alone. Where there
    /// are none, the index is empty, at generation 0.
    Read,
}

impl KeywordOptions {
    /// The usual options, for [`Access::Read`].
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, binding: [u8; 32]) -> Self {
        Self {
            dir: dir.into(),
            binding,
            access: Access::Read,
            memory_budget: DEFAULT_MEMORY_BUDGET,
            n_threads: None,
            scoring: Scoring::default(),
        }
    }
}

/// Changes to apply at once.
#[derive(Debug)]
pub struct Changes<I> {
    /// Rows to add or replace. They are read as they are indexed, never all held.
    pub upserts: I,
    /// Rows to take out; one that is not there is no error.
    pub deletes: Vec<u32>,
    /// The generation of the store after these changes: at least the index's.
    pub generation: u64,
}

/// How an index stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Rows that live.
    pub n_rows: usize,
    /// The generation that searches see, which is that of the files unless another process wrote since.
    pub generation: u64,
    /// Segments, the largest first.
    pub segments: Vec<SegmentStatus>,
    /// Bytes of files.
    pub disk_bytes: u64,
}

/// How a segment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentStatus {
    /// The name that its files begin with.
    pub name: String,
    /// Rows in it, dead ones included.
    pub n_rows: usize,
    /// Rows of it that were deleted or replaced.
    pub n_dead: usize,
}

/// Rows with texts, kept in a folder. Share it in an [`Arc`]: every method takes `&self`.
#[derive(Debug)]
pub struct KeywordIndex {
    pub(crate) options: KeywordOptions,
    pub(crate) open_files: OpenFiles,
    current: ArcSwap<Snapshot>,
    /// What writes the files, made when there is something to write.
    writer: Mutex<Option<Writer>>,
    /// Held while taking a new snapshot from the files, so that an older never replaces a newer.
    files: Mutex<Files>,
}

/// What the files were last seen to hold.
#[derive(Debug)]
struct Files {
    snapshot: Arc<Snapshot>,
    /// Whether what searches see is made over it.
    is_shown: bool,
    /// The generation of the files that what searches see is made over.
    base: u64,
}

impl KeywordIndex {
    /// Opens the index in a folder, and checks every byte of it.
    ///
    /// # Errors
    /// Where [`KeywordError::calls_for_rebuild`], a writer begins anew with [`create`](Self::create), and
    /// a reader has no index until a writer did. [`KeywordError::Io`] and [`KeywordError::Tantivy`] are
    /// the system's.
    pub fn open(options: KeywordOptions) -> Result<Self, KeywordError> {
        let open_files = OpenFiles::default();
        let loaded = guarded("open", &options.dir, || load::load(&options, &open_files, None))?;
        match loaded {
            Loaded::Nothing if options.access == Access::Write => Self::create(options),
            Loaded::Nothing | Loaded::Same => {
                let snapshot = Snapshot::empty(&options.dir);
                Ok(Self::with_snapshot(options, open_files, snapshot))
            }
            Loaded::New(snapshot) => Ok(Self::with_snapshot(options, open_files, snapshot)),
        }
    }

    /// Begins with an empty index at generation 0. One that writes removes the folder with all that is in it first; one
    /// that does not begins in memory, and takes the files when it [reloads](Self::reload).
    ///
    /// # Errors
    /// [`KeywordError::Io`], [`KeywordError::Tantivy`].
    pub fn create(options: KeywordOptions) -> Result<Self, KeywordError> {
        let dir = &options.dir;
        if options.access == Access::Read {
            let snapshot = Snapshot::empty(dir);
            return Ok(Self::with_snapshot(options, OpenFiles::default(), snapshot));
        }
        match remove_any(dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io("remove", dir)(error));
            }
            _ => fs::create_dir_all(dir).map_err(io("make", dir))?,
        }
        let open_files = OpenFiles::default();
        let writer = guarded("make", dir, || Writer::create(&options, &open_files))?;
        let snapshot = Snapshot::empty(dir);
        let index = Self::with_snapshot(options, open_files, snapshot);
        *index.lock_writer() = Some(writer);
        index.reload()?;
        Ok(index)
    }

    /// The generation that searches see: changes after it are to be applied.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.current.load().generation()
    }

    /// The current snapshot: immutable, and searched without waiting.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Begins a change, which counts once it is [committed](Update::commit): on disk, or with [`Access::Read`] in
    /// memory. One at a time: this waits for the one before.
    ///
    /// # Errors
    /// [`KeywordError::Io`], [`KeywordError::Tantivy`].
    pub fn begin(&self) -> Result<Update<'_>, KeywordError> {
        Update::begin(self, self.lock_writer())
    }

    /// Applies changes, deletes first. When this returns, they are on disk (in memory with [`Access::Read`]), and every
    /// snapshot taken from now on has them. Applying changes again changes nothing.
    ///
    /// # Errors
    /// As [`begin`](Self::begin), [`KeywordError::GenerationBackwards`], and [`KeywordError::Changes`] with
    /// what the iterator fails with; nothing is applied then.
    pub fn apply<I, E>(&self, changes: Changes<I>) -> Result<(), KeywordError>
    where
        I: IntoIterator<Item = Result<(u32, Document), E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut update = self.begin()?;
        for row in changes.deletes {
            update.delete(row)?;
        }
        for upsert in changes.upserts {
            let (row, document) = upsert.map_err(|error| KeywordError::Changes(error.into()))?;
            update.upsert(row, &document)?;
        }
        update.commit(changes.generation)
    }

    /// Takes what was committed to the files since, by another process too, or merged. Says whether there
    /// was anything. With [`Access::Read`] the generation may go back, to files that lack some of very many changes in
    /// memory: they are to be applied again.
    ///
    /// # Errors
    /// As [`open`](Self::open); the snapshot stays the one before.
    pub fn reload(&self) -> Result<bool, KeywordError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = guarded("reload", &self.options.dir, || {
            load::load(&self.options, &self.open_files, Some(&files.snapshot))
        })?;
        if let Loaded::New(snapshot) = loaded {
            (files.snapshot, files.is_shown) = (Arc::new(snapshot), false);
        }
        let shown = self.snapshot();
        let found = files.snapshot.generation();
        let is_wanted =
            found >= shown.generation() || (found > files.base && shown.n_in_memory() > MANY_IN_MEMORY);
        if files.is_shown || !is_wanted {
            return Ok(false);
        }
        self.current.store(Arc::clone(&files.snapshot));
        (files.is_shown, files.base) = (true, found);
        Ok(true)
    }

    /// Shows a change made in memory.
    pub(crate) fn show(&self, snapshot: Snapshot) {
        self.current.store(Arc::new(snapshot));
    }

    /// Merges all segments into one, and waits for it.
    ///
    /// # Errors
    /// [`KeywordError::ReadOnly`], [`KeywordError::Io`], [`KeywordError::Tantivy`].
    pub fn optimize(&self) -> Result<(), KeywordError> {
        if self.options.access == Access::Read {
            return Err(KeywordError::ReadOnly { path: self.options.dir.clone() });
        }
        let mut writer = self.lock_writer();
        guarded("merge", &self.options.dir, || {
            Writer::merge_all(&mut writer, &self.options, &self.open_files)
        })?;
        drop(writer);
        self.reload().map(drop)
    }

    /// Waits for the merges that are under way, which dropping the index would cut short.
    ///
    /// # Errors
    /// [`KeywordError::Io`], [`KeywordError::Tantivy`].
    pub fn finish_merges(&self) -> Result<(), KeywordError> {
        let mut writer = self.lock_writer();
        guarded("merge", &self.options.dir, || Writer::finish_merges(&mut writer, &self.options))?;
        drop(writer);
        self.reload().map(drop)
    }

    /// Ends all writing: merges that are under way are cut short, and what was not committed is taken back. To be called
    /// before another index is made in the same folder.
    pub fn stop_writing(&self) {
        *self.lock_writer() = None;
    }

    /// How the index stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let snapshot = self.snapshot();
        let files = fs::read_dir(&self.options.dir).into_iter().flatten().flatten();
        Status {
            n_rows: snapshot.len(),
            generation: snapshot.generation(),
            segments: snapshot.segment_statuses(),
            disk_bytes: files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum(),
        }
    }

    fn with_snapshot(options: KeywordOptions, open_files: OpenFiles, snapshot: Snapshot) -> Self {
        let snapshot = Arc::new(snapshot.with_scoring(options.scoring));
        let base = snapshot.generation();
        Self {
            options,
            open_files,
            current: ArcSwap::new(Arc::clone(&snapshot)),
            writer: Mutex::new(None),
            files: Mutex::new(Files { snapshot, is_shown: true, base }),
        }
    }

    fn lock_writer(&self) -> MutexGuard<'_, Option<Writer>> {
        // Whoever panicked left a writer with changes that were not committed: `Update` drops them.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the folder, or whatever else has its name.
fn remove_any(path: &std::path::Path) -> std::io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
