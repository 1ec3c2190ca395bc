//! An immutable collection of rows and unit vectors, and how the next one is made from it.
//!
//! A set is a large matrix that snapshots share, the rows of it that no longer count, and the few
//! vectors that came since. A change copies the small parts alone: for 100,000 vectors of 384
//! components that is 12 KB and a pointer for each recent row, not 150 MB. Once the recent and the
//! dead exceed a fraction of the matrix, it is written anew (an LSM tree of two levels).

use std::collections::HashSet;
use std::iter::Peekable;
use std::sync::Arc;

use cognate_vector::UnitVector;

use crate::bitmap::Bitmap;
use crate::error::IndexError;
use crate::matrix::{Matrix, MatrixBuilder};

/// A set is compacted when its recent and dead rows exceed this fraction of the matrix: each paper
/// is then copied about `1 + COMPACT_FRACTION` times over a long bulk load, and at worst one row in
/// `COMPACT_FRACTION` is reached through a pointer.
const COMPACT_FRACTION: usize = 8;
/// Below this many changed rows a set is never compacted of itself.
const COMPACT_MIN: usize = 1024;

/// An immutable collection of rows, each a `u32` with a unit vector `f32 [dim]`, at a generation.
///
/// Cloning one is cheap, and clones share the vectors. A new snapshot is made with
/// [`with_changes`](Self::with_changes); readers of the old one see nothing of it.
#[derive(Debug, Clone)]
pub struct VectorSet {
    base: Arc<Matrix>,
    /// Positions of `base` that were deleted, or replaced by a recent vector.
    dead: Arc<Bitmap>,
    /// Ascending by row; disjoint from the live rows of `base`.
    recent: Arc<Vec<Recent>>,
    generation: u64,
}

/// A vector that came after the matrix.
#[derive(Debug, Clone)]
pub(crate) struct Recent {
    pub(crate) row: u32,
    pub(crate) vector: Arc<UnitVector>,
}

impl VectorSet {
    /// A set with no rows, for vectors of `dim` components, at generation 0.
    #[must_use]
    pub fn empty(dim: usize) -> Self {
        Self::from_matrix(Matrix::empty(dim), 0)
    }

    /// Starts a set of vectors with `dim` components, to be given row by row.
    #[must_use]
    pub fn builder(dim: usize) -> VectorSetBuilder {
        VectorSetBuilder::with_capacity(dim, 0)
    }

    /// Collects a set of vectors with `dim` components, rows in any order.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] and [`IndexError::DuplicateRow`].
    pub fn from_vectors(
        dim: usize,
        generation: u64,
        vectors: impl IntoIterator<Item = (u32, UnitVector)>,
    ) -> Result<Self, IndexError> {
        let vectors = vectors.into_iter();
        let mut builder = VectorSetBuilder::with_capacity(dim, vectors.size_hint().0);
        for (row, vector) in vectors {
            builder.push(row, &vector)?;
        }
        builder.finish(generation)
    }

    pub(crate) fn from_matrix(base: Matrix, generation: u64) -> Self {
        let dead = Arc::new(Bitmap::new(base.len()));
        Self { base: Arc::new(base), dead, recent: Arc::default(), generation }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.base.len() - self.dead.n_set() + self.recent.len()
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Components of each vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.base.dim()
    }

    /// The generation of the store that the set shows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The vector of a row, `f32 [dim]` of norm 1.
    #[must_use]
    pub fn vector(&self, row: u32) -> Option<&[f32]> {
        if let Ok(index) = self.recent.binary_search_by_key(&row, |recent| recent.row) {
            return Some(self.recent[index].vector.as_slice());
        }
        let position = self.base.position_of(row)?;
        (!self.dead.contains(position)).then(|| self.base.vector(position))
    }

    /// The vector of a row, to search with: the same components to the bit.
    #[must_use]
    pub fn unit_vector(&self, row: u32) -> Option<UnitVector> {
        UnitVector::from_unit(self.vector(row)?.to_vec()).ok()
    }

    /// The rows, ascending.
    pub fn rows(&self) -> impl Iterator<Item = u32> {
        self.iter().map(|(row, _)| row)
    }

    /// Rows and vectors `f32 [dim]`, ascending by row.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[f32])> {
        let base = (0..self.base.len())
            .filter(|&position| !self.dead.contains(position))
            .map(|position| (self.base.row(position), self.base.vector(position)));
        let recent = self.recent.iter().map(|recent| (recent.row, recent.vector.as_slice()));
        MergeByRow { left: base.peekable(), right: recent.peekable() }
    }

    /// The set after some rows are added or replaced and others deleted. Deleting a row that is not
    /// there is no error. Takes time in proportion to the changes, now and then (see the module) to
    /// the whole set.
    ///
    /// # Errors
    /// [`IndexError::Dimension`]; [`IndexError::DuplicateRow`] if a row is upserted twice, or both
    /// upserted and deleted; [`IndexError::GenerationBackwards`].
    pub fn with_changes(
        &self,
        upserts: Vec<(u32, UnitVector)>,
        deletes: &[u32],
        generation: u64,
    ) -> Result<Self, IndexError> {
        let changed = self.with_changes_on_base(upserts, deletes, generation)?;
        let allowed = COMPACT_MIN.max(changed.base.len() / COMPACT_FRACTION);
        Ok(if changed.n_changed() > allowed { changed.compacted() } else { changed })
    }

    /// Like `with_changes`, but keeps the matrix, as a graph over it needs.
    pub(crate) fn with_changes_on_base(
        &self,
        upserts: Vec<(u32, UnitVector)>,
        deletes: &[u32],
        generation: u64,
    ) -> Result<Self, IndexError> {
        if generation < self.generation {
            return Err(IndexError::GenerationBackwards { current: self.generation, found: generation });
        }
        let mut touched: HashSet<u32> = deletes.iter().copied().collect();
        for (row, vector) in &upserts {
            if vector.dim() != self.dim() {
                return Err(IndexError::Dimension { expected: self.dim(), found: vector.dim() });
            }
            if !touched.insert(*row) {
                return Err(IndexError::DuplicateRow { row: *row });
            }
        }

        let mut dead = Bitmap::clone(&self.dead);
        for &row in &touched {
            if let Some(position) = self.base.position_of(row) {
                dead.insert(position);
            }
        }
        let mut recent: Vec<Recent> =
            self.recent.iter().filter(|recent| !touched.contains(&recent.row)).cloned().collect();
        recent.extend(upserts.into_iter().map(|(row, vector)| Recent { row, vector: Arc::new(vector) }));
        // Two ascending runs: the sort merges them in linear time.
        recent.sort_by_key(|recent| recent.row);
        Ok(Self { base: Arc::clone(&self.base), dead: Arc::new(dead), recent: Arc::new(recent), generation })
    }

    /// The same rows and vectors in one fresh matrix.
    #[must_use]
    pub fn compacted(&self) -> Self {
        if self.n_changed() == 0 {
            return self.clone();
        }
        let mut builder = MatrixBuilder::with_capacity(self.dim(), self.len());
        for (row, vector) in self.iter() {
            builder.push_proven(row, vector);
        }
        let base = builder.finish().expect("iter gives each row once");
        Self::from_matrix(base, self.generation)
    }

    /// This set brought to what `newer` holds, with this set's matrix kept. Vectors that the two
    /// share are known by their address, the others are compared.
    pub(crate) fn changed_to(&self, newer: &Self) -> Result<Self, IndexError> {
        let (mut upserts, mut deletes) = (Vec::new(), Vec::new());
        let (mut old, mut new) = (self.iter().peekable(), newer.iter().peekable());
        loop {
            match (old.peek(), new.peek()) {
                (Some(&(old_row, _)), Some(&(new_row, _))) if old_row < new_row => {
                    deletes.push(old_row);
                    old.next();
                }
                (Some(&(old_row, before)), Some(&(new_row, after))) if old_row == new_row => {
                    if !std::ptr::eq(before, after) && before != after {
                        upserts.extend(newer.unit_vector(new_row).map(|vector| (new_row, vector)));
                    }
                    old.next();
                    new.next();
                }
                (_, Some(&(new_row, _))) => {
                    upserts.extend(newer.unit_vector(new_row).map(|vector| (new_row, vector)));
                    new.next();
                }
                (Some(&(old_row, _)), None) => {
                    deletes.push(old_row);
                    old.next();
                }
                (None, None) => break,
            }
        }
        self.with_changes_on_base(upserts, &deletes, newer.generation)
    }

    /// Rows of the matrix that no longer count, and rows outside it.
    pub(crate) fn n_changed(&self) -> usize {
        self.dead.n_set() + self.recent.len()
    }

    pub(crate) fn base(&self) -> &Arc<Matrix> {
        &self.base
    }

    pub(crate) fn dead(&self) -> &Bitmap {
        &self.dead
    }

    pub(crate) fn recent(&self) -> &[Recent] {
        &self.recent
    }

    pub(crate) fn check_dim(&self, query: &UnitVector) -> Result<(), IndexError> {
        if query.dim() == self.dim() {
            Ok(())
        } else {
            Err(IndexError::Dimension { expected: self.dim(), found: query.dim() })
        }
    }
}

/// Makes a [`VectorSet`] row by row, so that a caller who reads them from elsewhere never holds
/// them twice. Rows that come in ascending order are not copied again.
#[derive(Debug)]
pub struct VectorSetBuilder {
    matrix: MatrixBuilder,
}

impl VectorSetBuilder {
    /// For vectors of `dim` components, with room for `n_rows` of them.
    #[must_use]
    pub fn with_capacity(dim: usize, n_rows: usize) -> Self {
        Self { matrix: MatrixBuilder::with_capacity(dim, n_rows) }
    }

    /// Adds one row.
    ///
    /// # Errors
    /// [`IndexError::Dimension`].
    pub fn push(&mut self, row: u32, vector: &UnitVector) -> Result<(), IndexError> {
        self.matrix.push(row, vector)
    }

    /// The set of all the rows given, which shows `generation` of the store.
    ///
    /// # Errors
    /// [`IndexError::DuplicateRow`].
    pub fn finish(self, generation: u64) -> Result<VectorSet, IndexError> {
        Ok(VectorSet::from_matrix(self.matrix.finish()?, generation))
    }
}

/// Two sequences that ascend by row and share none, as one.
struct MergeByRow<L: Iterator, R: Iterator> {
    left: Peekable<L>,
    right: Peekable<R>,
}

impl<'a, L, R> Iterator for MergeByRow<L, R>
where
    L: Iterator<Item = (u32, &'a [f32])>,
    R: Iterator<Item = (u32, &'a [f32])>,
{
    type Item = (u32, &'a [f32]);

    fn next(&mut self) -> Option<Self::Item> {
        match (self.left.peek(), self.right.peek()) {
            (Some((left, _)), Some((right, _))) if left > right => self.right.next(),
            (None, _) => self.right.next(),
            _ => self.left.next(),
        }
    }
}

#[cfg(test)]
mod tests;
