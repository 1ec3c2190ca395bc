//! Rows and their unit vectors side by side in memory: the part of a set that snapshots share.

use cognate_vector::{UnitVector, dot};

use crate::error::IndexError;

/// Cosine of two unit vectors `f32 [dim]`, in `[-1, 1]`; higher is closer.
///
/// Every score of this crate is made here, so that equal pairs of vectors score equal bits. The
/// clamp is for norms a hair above 1: they would give a cosine above 1, and a distance below 0.
#[inline]
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    dot(a, b).clamp(-1.0, 1.0)
}

/// An immutable row-major matrix `f32 [n, dim]` of unit vectors, with the row number of each.
/// A *position* is an index into it; positions and rows ascend together.
#[derive(Debug)]
pub(crate) struct Matrix {
    dim: usize,
    /// Ascending, each once.
    rows: Vec<u32>,
    components: Vec<f32>,
}

impl Matrix {
    pub(crate) fn empty(dim: usize) -> Self {
        Self { dim, rows: Vec::new(), components: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    pub(crate) fn row(&self, position: usize) -> u32 {
        self.rows[position]
    }

    #[inline]
    pub(crate) fn vector(&self, position: usize) -> &[f32] {
        &self.components[position * self.dim..(position + 1) * self.dim]
    }

    pub(crate) fn position_of(&self, row: u32) -> Option<usize> {
        self.rows.binary_search(&row).ok()
    }
}

/// Takes rows in any order and gives a [`Matrix`]. Rows that come in order are not copied again.
#[derive(Debug)]
pub(crate) struct MatrixBuilder {
    matrix: Matrix,
    ascending: bool,
}

impl MatrixBuilder {
    pub(crate) fn with_capacity(dim: usize, n_rows: usize) -> Self {
        let rows = Vec::with_capacity(n_rows);
        let components = Vec::with_capacity(n_rows * dim);
        Self { matrix: Matrix { dim, rows, components }, ascending: true }
    }

    pub(crate) fn push(&mut self, row: u32, vector: &UnitVector) -> Result<(), IndexError> {
        if vector.dim() != self.matrix.dim {
            return Err(IndexError::Dimension { expected: self.matrix.dim, found: vector.dim() });
        }
        self.push_proven(row, vector.as_slice());
        Ok(())
    }

    /// Like `push`, for components that were a [`UnitVector`] of this dimension before.
    pub(crate) fn push_proven(&mut self, row: u32, components: &[f32]) {
        debug_assert_eq!(components.len(), self.matrix.dim);
        self.ascending &= self.matrix.rows.last().is_none_or(|&last| last < row);
        self.matrix.rows.push(row);
        self.matrix.components.extend_from_slice(components);
    }

    pub(crate) fn finish(self) -> Result<Matrix, IndexError> {
        let matrix = self.matrix;
        if self.ascending {
            return Ok(matrix);
        }
        let mut order: Vec<usize> = (0..matrix.len()).collect();
        order.sort_unstable_by_key(|&position| matrix.rows[position]);
        if let Some(pair) = order.windows(2).find(|pair| matrix.rows[pair[0]] == matrix.rows[pair[1]]) {
            return Err(IndexError::DuplicateRow { row: matrix.rows[pair[0]] });
        }
        let mut sorted = Self::with_capacity(matrix.dim, matrix.len());
        for position in order {
            sorted.push_proven(matrix.rows[position], matrix.vector(position));
        }
        Ok(sorted.matrix)
    }
}
