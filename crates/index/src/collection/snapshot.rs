//! What readers hold.

use std::sync::{Arc, OnceLock};

use cognate_vector::UnitVector;
use half::f16;
use rayon::prelude::*;

use super::exact::PARALLEL_SCORES;
use super::none_dead;
use crate::bitmap::Bitmap;
use crate::error::IndexError;
use crate::segment::Segment;

/// A collection at one moment, to be searched. Cheap to make and to hold; a file that a merge has
/// replaced stays readable as long as a snapshot holds it.
#[derive(Debug)]
pub struct Snapshot {
    dim: usize,
    generation: u64,
    /// Those on disk first, the latest last. A row lives in at most one.
    segments: Vec<Live>,
    n_live: usize,
    damage: Arc<OnceLock<Arc<IndexError>>>,
}

/// A segment, and the rows of it that no longer count.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) segment: Arc<Segment>,
    /// Positions.
    pub(super) dead: Arc<Bitmap>,
    /// It is being written to a file, and must stay as it is.
    pub(super) is_sealing: bool,
    /// The number in the file's name; 0 in memory.
    pub(super) number: u64,
}

impl Live {
    /// A segment in memory, in which all rows live.
    pub(super) fn new(segment: Arc<Segment>) -> Self {
        Self { dead: none_dead(&segment), segment, is_sealing: false, number: 0 }
    }

    pub(super) fn n_live(&self) -> usize {
        self.segment.len() - self.dead.n_set()
    }

    /// Marks rows as dead; those that are not here are passed over.
    pub(super) fn kill<'a>(&mut self, rows: impl Iterator<Item = &'a u32>) {
        for &row in rows {
            if let Some(position) = self.segment.position_of(row)
                && !self.dead.contains(position)
            {
                // Copied at the first of them, as snapshots hold the one before.
                Arc::make_mut(&mut self.dead).insert(position);
            }
        }
    }
}

impl Snapshot {
    pub(super) fn new(
        dim: usize,
        generation: u64,
        segments: Vec<Live>,
        damage: &Arc<OnceLock<Arc<IndexError>>>,
    ) -> Self {
        let n_live = segments.iter().map(Live::n_live).sum();
        Self { dim, generation, segments, n_live, damage: Arc::clone(damage) }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n_live
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_live == 0
    }

    /// Components of each vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The generation of the store that it shows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a row is here.
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        self.locate(row).is_some()
    }

    /// The rows, ascending.
    #[must_use]
    pub fn rows(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self
            .segments
            .iter()
            .flat_map(|live| {
                let rows = live.segment.rows().iter().enumerate();
                rows.filter(|&(position, _)| !live.dead.contains(position)).map(|(_, &row)| row)
            })
            .collect();
        rows.sort_unstable();
        rows
    }

    /// The vector of a row, as it was applied; `None` for a row that is not here.
    ///
    /// # Errors
    /// [`IndexError::Io`], or that the file is damaged.
    pub fn vector(&self, row: u32) -> Result<Option<UnitVector>, IndexError> {
        let Some((segment, position)) = self.locate(row) else { return Ok(None) };
        self.watching(|| self.unit_vector(segment, position).map(Some))
    }

    /// The vectors of many rows, as [`vector`](Self::vector) gives each.
    ///
    /// # Errors
    /// As for [`vector`](Self::vector).
    pub fn vectors(&self, rows: &[u32]) -> Result<Vec<Option<UnitVector>>, IndexError> {
        let vector = |row: &u32| {
            let Some((segment, position)) = self.locate(*row) else { return Ok(None) };
            self.unit_vector(segment, position).map(Some)
        };
        self.watching(|| rows.iter().map(vector).collect())
    }

    /// The score of a row for a query: the one that every search gives it. `None` for a row that is
    /// not here.
    ///
    /// # Errors
    /// [`IndexError::Dimension`], [`IndexError::Io`], or that the file is damaged.
    pub fn score(&self, query: &UnitVector, row: u32) -> Result<Option<f32>, IndexError> {
        self.check_dimension(query)?;
        let Some((segment, position)) = self.locate(row) else { return Ok(None) };
        self.watching(|| segment.score(query.as_slice(), position, &mut Vec::new()).map(Some))
    }

    /// [`score`](Self::score) of many rows `[n]`, in their order.
    ///
    /// # Errors
    /// As for [`score`](Self::score).
    pub fn scores_of(&self, query: &UnitVector, rows: &[u32]) -> Result<Vec<Option<f32>>, IndexError> {
        self.check_dimension(query)?;
        let score = |buffer: &mut Vec<f16>, &row: &u32| {
            let Some((segment, position)) = self.locate(row) else { return Ok(None) };
            segment.score(query.as_slice(), position, buffer).map(Some)
        };
        self.watching(|| {
            if rows.len() < PARALLEL_SCORES {
                let mut buffer = Vec::new();
                return rows.iter().map(|row| score(&mut buffer, row)).collect();
            }
            rows.par_iter().map_init(Vec::new, score).collect()
        })
    }

    pub(super) fn segments(&self) -> &[Live] {
        &self.segments
    }

    pub(super) fn unit_vector(&self, segment: &Segment, position: usize) -> Result<UnitVector, IndexError> {
        let mut buffer: Vec<f16> = Vec::new();
        let values = segment.values(position, &mut buffer)?;
        let row = segment.rows().get(position).copied().unwrap_or_default();
        UnitVector::from_f16(values).map_err(|source| IndexError::NotAUnitVector {
            path: segment.name().as_ref().into(),
            row,
            source,
        })
    }

    fn locate(&self, row: u32) -> Option<(&Segment, usize)> {
        self.segments.iter().rev().find_map(|live| {
            let position = live.segment.position_of(row)?;
            (!live.dead.contains(position)).then_some((&*live.segment, position))
        })
    }

    /// Before each search.
    pub(super) fn check_dimension(&self, query: &UnitVector) -> Result<(), IndexError> {
        if query.dim() == self.dim {
            return Ok(());
        }
        Err(IndexError::Dimension { expected: self.dim, found: query.dim() })
    }

    /// Runs what reads the files. What it gives counts only if none of them was written to before it began (a file that
    /// was cut short cannot be read where it is mapped) nor until it ended. The system changes a file's time before its
    /// bytes, so no reader sees new bytes of an old time.
    ///
    /// # Errors
    /// Those of `read`, and that a file is damaged.
    pub(super) fn watching<T>(&self, read: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
        self.check_damage()?;
        let read = read();
        self.check_damage()?;
        read
    }

    pub(super) fn check_damage(&self) -> Result<(), IndexError> {
        match self.damage.get() {
            Some(found) => Err(IndexError::FoundDamaged(Arc::clone(found))),
            None => self.segments.iter().try_for_each(|live| live.segment.check_unchanged()),
        }
    }
}
