//! A collection of rows that lives: segments in files, and what came since in memory.
//!
//! It is a log-structured merge tree. A change goes into a small segment in memory, searched exactly;
//! [`Collection::maintain`] seals those into a file, and merges files of like size into larger ones.
//! A row that is deleted or replaced is dead in its segment from the moment the change is applied, and
//! gone when the segment is rewritten.
//!
//! The collection is derived. What it holds on disk is a state of the store at the manifest's
//! generation; the caller feeds it what changed since. Anything damaged makes it begin empty, at
//! generation 0, and the caller feeds it everything.
//!
//! Readers hold a [`Snapshot`] and wait for nobody. [`Collection::apply`] waits for at most the
//! publishing of a finished merge, never for its building.

mod exact;
mod knn;
mod manifest;
mod merge;
mod open;
mod range;
mod search;
mod snapshot;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use cognate_vector::UnitVector;
use half::f16;
use rayon::ThreadPool;

pub use self::knn::KnnGraph;
pub use self::merge::Maintained;
pub use self::range::{AtLeast, Wanted};
pub use self::search::{DEFAULT_EF, Found, SearchParams, SearchPath};
use self::snapshot::Live;
pub use self::snapshot::Snapshot;
use crate::bitmap::Bitmap;
use crate::build::BuildParams;
use crate::error::IndexError;
use crate::files::Folder;
use crate::segment::{Layout, Segment, Source};

/// What building may take where nothing else is said and less than four times as much memory is free: at 384 components
/// room for more than a million rows.
pub const LEAST_MEMORY_BUDGET: u64 = 1 << 30;

/// How to open a [`Collection`].
#[derive(Debug, Clone)]
pub struct CollectionOptions {
    /// The folder of its files (`manifest` and `segment-…`), made where there is none. Others in it
    /// are left alone.
    pub dir: PathBuf,
    /// Says whose vectors these are; files of another binding are not used.
    pub binding: [u8; 32],
    /// Components of each vector, 1 to 65,536.
    pub dim: usize,
    /// Whether this process writes the files: it must hold the lock that only one holds. Without it
    /// changes are applied all the same, in memory alone.
    pub access: Access,
    /// The store's generation: a collection that shows a later one is of a store that was since put
    /// back, and is not used. With 0 the collection begins empty, whatever is on disk.
    pub latest_generation: u64,
    /// Bytes that building a segment may take beside what searches hold, and that changes may take before they are
    /// spilled, up to a quarter of it. What needs more is written in several segments. `None` for a quarter of what is
    /// free, and at least [`LEAST_MEMORY_BUDGET`].
    pub memory_budget: Option<u64>,
    /// What searches read from memory.
    pub layout: Layout,
    /// How graphs are built.
    pub build: BuildParams,
    /// Threads that build; `None` for all of the machine, and in [`Collection::maintain`] for all but one, which is
    /// left to searches.
    pub build_threads: Option<usize>,
    /// From this many rows on, a segment has a graph; `None` for the measured crossing,
    /// [`GRAPH_FROM`].
    pub graph_from: Option<usize>,
}

/// What a process may do with a collection's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and write them: the caller holds the one writer's lock for as long as the collection lives.
    Write,
    /// Read them as they are when the collection is opened.
    Read,
}

/// From this many rows on, a walk on a graph is faster than scoring the i8 rows of a segment one after
/// another, at the width that searches use.
pub const GRAPH_FROM: usize = 8192;

impl CollectionOptions {
    /// The usual options, for [`Access::Read`] and any generation.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, binding: [u8; 32], dim: usize) -> Self {
        Self {
            dir: dir.into(),
            binding,
            dim,
            access: Access::Read,
            latest_generation: u64::MAX,
            memory_budget: None,
            layout: Layout::default(),
            build: BuildParams::default(),
            build_threads: None,
            graph_from: None,
        }
    }
}

/// Changes to apply at once.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Rows to add or replace, each once, with vectors that came from f16 (see
    /// [`UnitVector::rounded_to_f16`]).
    pub upserts: Vec<(u32, UnitVector)>,
    /// Rows to take out; one that is not there is no error.
    pub deletes: Vec<u32>,
    /// The generation of the store after these changes: at least the collection's.
    pub generation: u64,
}

/// How a collection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Rows that live.
    pub n_rows: usize,
    /// The generation that searches see.
    pub generation: u64,
    /// The generation that the files hold.
    pub generation_on_disk: u64,
    /// Segments, the largest first; those in memory are last.
    pub segments: Vec<SegmentStatus>,
    /// Whether some bytes of files opened were not checked yet.
    pub verifying: bool,
    /// Bytes that searches hold in memory once every row was touched.
    pub memory_bytes: u64,
    /// Bytes of files.
    pub disk_bytes: u64,
}

/// How a segment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentStatus {
    /// Its file's name, or `memory`.
    pub name: String,
    /// Whether it is in a file.
    pub is_on_disk: bool,
    /// Rows in it, dead ones included.
    pub n_rows: usize,
    /// Rows of it that were deleted or replaced.
    pub n_dead: usize,
    /// Whether it has a graph.
    pub has_graph: bool,
}

/// Rows with unit vectors, kept in a folder. Share it in an [`Arc`]: every method takes `&self`.
#[derive(Debug)]
pub struct Collection {
    options: CollectionOptions,
    folder: Folder,
    current: Arc<ArcSwap<Snapshot>>,
    state: Mutex<State>,
    /// Held while sealing or merging: one at a time.
    working: Mutex<()>,
    /// Of [`Collection::maintain`].
    background: OnceLock<ThreadPool>,
    /// What [`Segment::verify`] found wrong.
    damage: Arc<OnceLock<Arc<IndexError>>>,
}

/// What the writer of a collection knows beside the snapshot.
#[derive(Debug)]
struct State {
    /// The manifest's generation.
    generation_on_disk: u64,
    /// The number of the next segment's file.
    next_number: u64,
}

impl Collection {
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

    /// Applies changes: in every snapshot taken after this returns, each upserted row is found and no
    /// deleted one is. They are in memory until [`maintain`](Self::maintain) or
    /// [`flush`](Self::flush) seals them; whoever opens the collection before that is told the
    /// generation on disk, and applies them again from the store.
    ///
    /// # Errors
    /// [`IndexError::Dimension`], [`IndexError::DuplicateRow`], [`IndexError::GenerationBackwards`],
    /// [`IndexError::NotF16`]; nothing is applied then.
    pub fn apply(&self, changes: Changes) -> Result<(), IndexError> {
        let dim = self.options.dim;
        let mut upserts = changes.upserts;
        upserts.sort_unstable_by_key(|(row, _)| *row);
        if let Some(pair) = upserts.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(IndexError::DuplicateRow { row: pair[0].0 });
        }
        if let Some(row) =
            changes.deletes.iter().find(|row| upserts.binary_search_by_key(*row, |(row, _)| *row).is_ok())
        {
            return Err(IndexError::DuplicateRow { row: *row });
        }
        let (rows, values) = values_of(&upserts, dim)?;

        let _state = self.lock_state();
        let before = self.snapshot();
        if changes.generation < before.generation() {
            let (current, found) = (before.generation(), changes.generation);
            return Err(IndexError::GenerationBackwards { current, found });
        }
        let mut segments = before.segments().to_vec();
        for live in &mut segments {
            live.kill(rows.iter().chain(&changes.deletes));
        }
        segments.retain(|live| live.segment.is_on_disk() || live.is_sealing || live.n_live() > 0);
        if !rows.is_empty() {
            segments.push(Live::new(Arc::new(Segment::in_memory(dim, rows, values))));
            fold_small(&mut segments, dim)?;
        }
        self.current.store(Arc::new(Snapshot::new(dim, changes.generation, segments, &self.damage)));
        Ok(())
    }

    /// How the collection stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let generation_on_disk = self.lock_state().generation_on_disk;
        let snapshot = self.snapshot();
        let sum =
            |bytes: fn(&Segment) -> u64| snapshot.segments().iter().map(|live| bytes(&live.segment)).sum();
        let mut segments: Vec<&Live> = snapshot.segments().iter().collect();
        segments.sort_by_key(|live| (!live.segment.is_on_disk(), std::cmp::Reverse(live.segment.len())));
        Status {
            n_rows: snapshot.len(),
            generation: snapshot.generation(),
            generation_on_disk,
            segments: segments
                .iter()
                .map(|live| SegmentStatus {
                    name: live.segment.name().into_owned(),
                    is_on_disk: live.segment.is_on_disk(),
                    n_rows: live.segment.len(),
                    n_dead: live.dead.n_set(),
                    has_graph: live.segment.has_graph(),
                })
                .collect(),
            verifying: snapshot.segments().iter().any(|live| !live.segment.is_verified()),
            memory_bytes: sum(Segment::memory_bytes),
            disk_bytes: sum(Segment::disk_bytes),
        }
    }

    /// What was found to be damaged since the collection was opened. Searches fail from then on: the
    /// caller opens it anew with a [`latest_generation`](CollectionOptions::latest_generation) of 0, so
    /// that it begins empty, and applies everything.
    #[must_use]
    pub fn damage(&self) -> Option<Arc<IndexError>> {
        self.damage.get().cloned()
    }

    /// Ends all writing, also that of a merge which is under way. To be called before another collection is opened in the
    /// same folder; searches of this one go on.
    pub fn retire(&self) {
        self.folder.retire();
    }

    /// Whether the files are as they were opened: checked as before each search.
    ///
    /// # Errors
    /// What was found to be damaged.
    pub fn check_files(&self) -> Result<(), IndexError> {
        self.snapshot().check_damage()
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows and values `f16 [n, dim]` of upserts.
fn values_of(upserts: &[(u32, UnitVector)], dim: usize) -> Result<(Vec<u32>, Vec<f16>), IndexError> {
    use rayon::prelude::*;
    let mut values = vec![f16::ZERO; upserts.len() * dim];
    values.par_chunks_mut(dim).zip(upserts).with_min_len(64).try_for_each(|(values, (row, vector))| {
        if vector.dim() != dim {
            return Err(IndexError::Dimension { expected: dim, found: vector.dim() });
        }
        let bytes = vector.f16_le_bytes_of_rounded().ok_or(IndexError::NotF16 { row: *row })?;
        for (value, pair) in values.iter_mut().zip(bytes.chunks_exact(2)) {
            *value = f16::from_le_bytes([pair[0], pair[1]]);
        }
        Ok(())
    })?;
    Ok((upserts.iter().map(|(row, _)| *row).collect(), values))
}

/// Folds the last segments in memory into one while the last is not much smaller than the one before
/// it: a row is copied a number of times that grows with the logarithm of their number.
fn fold_small(segments: &mut Vec<Live>, dim: usize) -> Result<(), IndexError> {
    while let [.., before, last] = &segments[..] {
        let can_fold = |live: &Live| !live.segment.is_on_disk() && !live.is_sealing;
        if !can_fold(before) || !can_fold(last) || before.n_live() > 2 * last.n_live() {
            break;
        }
        let parts = [before, last].map(|live| (&live.segment, &*live.dead));
        let folded = Live::new(Arc::new(Source::new(parts).into_memory(dim)?));
        segments.truncate(segments.len() - 2);
        segments.push(folded);
    }
    Ok(())
}

/// The dead rows of a segment in which all live.
fn none_dead(segment: &Segment) -> Arc<Bitmap> {
    Arc::new(Bitmap::new(segment.len()))
}

#[cfg(test)]
mod tests;
