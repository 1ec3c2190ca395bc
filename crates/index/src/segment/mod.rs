//! A segment: rows that never change, in memory or in a file, with or without a graph.
//!
//! It holds for each row the vector twice. In i8, which products that choose candidates are made of, in memory (mapped
//! until a thread has checked and copied them); and in f16, which scores are made of, and which are read from the file
//! at their position, so that they take no memory, but under [`Layout::Wide`].
//!
//! Read [`format`] for the file, [`write`](mod@write) for how one comes about, [`open`] for what is
//! checked.

pub(crate) mod format;
mod open;
mod write;

use std::borrow::Cow;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use cognate_vector::kernels::{dot_f16, prefetch};
use half::f16;
use rayon::prelude::*;
use roaring::RoaringBitmap;

use self::format::{Header, damaged};
pub(crate) use self::write::{Source, WriteParams, write};
use crate::codes::Codes;
use crate::error::{IndexError, Section};
use crate::files::{Stamp, io, read_at};
use crate::map::Map;
use crate::quantize;
use crate::walk::{Layer, Scratch, Terrain, Upper};

/// Below this many rows, waking the other threads costs more than they save.
const PARALLEL_ROWS: usize = 256;

/// Rows with their vectors, immutable.
#[derive(Debug)]
pub(crate) struct Segment {
    dim: usize,
    stride: usize,
    scale: f32,
    residual: f32,
    storage: Storage,
    /// Where there is a graph.
    upper: Option<Upper>,
    /// The row numbers once more, made when they are first asked for.
    row_set: OnceLock<RoaringBitmap>,
    /// Memory of walks that are not under way.
    scratches: Mutex<Vec<Scratch>>,
    /// Every section was checked.
    verified: AtomicBool,
}

#[derive(Debug)]
enum Storage {
    Memory {
        rows: Vec<u32>,
        vectors: Vec<i8>,
        values: Vec<f16>,
    },
    Mapped {
        map: Map,
        rows: Vec<u32>,
        /// The section of links.
        links: Map,
        /// The section of vectors, once it was checked: until then it is read where the file is mapped.
        vectors: OnceLock<Map>,
        /// What [`Layout::Wide`] keeps in memory beside, once everything was checked.
        wide: OnceLock<Wide>,
        file: File,
        stamp: Stamp,
        path: PathBuf,
        header: Box<Header>,
    },
}

/// What searches of a segment read from memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// Links and bytes of the rows: some 530 bytes a row of 384 components.
    #[default]
    Compact,
    /// The vectors themselves too, and codes of each row's neighbours, so that a walk reads few of their rows: some 2,960
    /// bytes a row of 384 components. The files are the same.
    Wide,
}

/// What lies in memory under [`Layout::Wide`] beside what always does.
#[derive(Debug)]
struct Wide {
    codes: Codes,
    /// The section of values.
    values: Map,
}

impl Segment {
    /// A segment in memory, of rows in ascending order and their values `f16 [n, dim]`, each with a
    /// direction.
    pub(crate) fn in_memory(dim: usize, rows: Vec<u32>, values: Vec<f16>) -> Self {
        debug_assert!(rows.is_sorted_by(|a, b| a < b) && values.len() == rows.len() * dim);
        let stride = quantize::stride(dim);
        let each = || values.par_chunks_exact(dim).with_min_len(PARALLEL_ROWS);
        let largest = each().map(quantize::largest_component).reduce(|| 0.0, f32::max);
        let scale = quantize::scale_for(largest);
        let mut vectors = vec![0; rows.len() * stride];
        let residual = each()
            .zip(vectors.par_chunks_exact_mut(stride))
            .map(|(values, row)| quantize::quantize(values, scale, row))
            .reduce(|| 0.0, f32::max);
        Self {
            dim,
            stride,
            scale,
            residual,
            storage: Storage::Memory { rows, vectors, values },
            upper: None,
            row_set: OnceLock::new(),
            scratches: Mutex::default(),
            verified: AtomicBool::new(true),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows().len()
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// What the numbers of its i8 rows are multiplied with.
    pub(crate) fn scale(&self) -> f32 {
        self.scale
    }

    /// The greatest length of a vector less its i8 row.
    pub(crate) fn residual(&self) -> f32 {
        self.residual
    }

    /// Row numbers, ascending.
    #[inline]
    pub(crate) fn rows(&self) -> &[u32] {
        match &self.storage {
            Storage::Memory { rows, .. } | Storage::Mapped { rows, .. } => rows,
        }
    }

    /// Row numbers as a set.
    pub(crate) fn row_set(&self) -> &RoaringBitmap {
        self.row_set.get_or_init(|| self.rows().iter().copied().collect())
    }

    /// `i8 [n, stride]`.
    #[inline]
    pub(crate) fn vectors(&self) -> &[i8] {
        match &self.storage {
            Storage::Memory { vectors, .. } => vectors,
            Storage::Mapped { map, vectors, header, .. } => match vectors.get() {
                Some(copied) => bytemuck::cast_slice(copied.bytes()),
                None => part(map, header.vectors),
            },
        }
    }

    pub(crate) fn position_of(&self, row: u32) -> Option<usize> {
        self.rows().binary_search(&row).ok()
    }

    /// Where there is a graph: what to walk on, and where to begin.
    pub(crate) fn graph(&self) -> Option<(Terrain<'_>, &Upper)> {
        let (upper, Storage::Mapped { links, wide, header, .. }) = (self.upper.as_ref()?, &self.storage)
        else {
            return None;
        };
        let terrain = Terrain {
            vectors: self.vectors(),
            stride: self.stride,
            links: bytemuck::cast_slice(links.bytes()),
            slots: header.slots as usize,
            codes: wide.get().map(|wide| &wide.codes),
        };
        Some((terrain, upper))
    }

    pub(crate) fn has_graph(&self) -> bool {
        self.upper.is_some()
    }

    /// Whether it lies in a file.
    pub(crate) fn is_on_disk(&self) -> bool {
        matches!(self.storage, Storage::Mapped { .. })
    }

    /// Bytes on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        match &self.storage {
            Storage::Memory { .. } => 0,
            Storage::Mapped { header, .. } => header.file_len,
        }
    }

    /// Bytes of memory that searches touch: a mapped file's values are not among them.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let layers = self.upper.iter().flat_map(|upper| &upper.layers);
        let upper: usize = layers.map(Layer::memory_bytes).sum();
        let (links, values) = match &self.storage {
            Storage::Memory { values, .. } => (0, 2 * values.len()),
            Storage::Mapped { links, wide, .. } => {
                (links.bytes().len(), wide.get().map_or(0, Wide::memory_bytes))
            }
        };
        let row_set = self.row_set.get().map_or(0, RoaringBitmap::serialized_size);
        (4 * self.len() + row_set + self.vectors().len() + links + upper + values) as u64
    }

    /// Runs `walk` with memory for it.
    pub(crate) fn with_scratch<R>(&self, walk: impl FnOnce(&mut Scratch) -> R) -> R {
        let lock = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = lock().pop().unwrap_or_default();
        let result = walk(&mut scratch);
        lock().push(scratch);
        result
    }

    /// The values of a row, `f16 [dim]`.
    pub(crate) fn values<'a>(
        &'a self,
        position: usize,
        buffer: &'a mut Vec<f16>,
    ) -> Result<&'a [f16], IndexError> {
        match &self.storage {
            Storage::Memory { values, .. } => Ok(&values[position * self.dim..(position + 1) * self.dim]),
            Storage::Mapped { file, path, header, wide, .. } => {
                if let Some(wide) = wide.get() {
                    let all: &[f16] = bytemuck::cast_slice(wide.values.bytes());
                    return Ok(&all[position * self.dim..(position + 1) * self.dim]);
                }
                buffer.resize(self.dim, f16::ZERO);
                let at = header.values.start + 2 * (position * self.dim) as u64;
                read_at(file, bytemuck::cast_slice_mut(buffer), at).map_err(io("read", path))?;
                Ok(buffer)
            }
        }
    }

    /// Has the processor fetch the values of a row, where they lie in memory.
    pub(crate) fn fetch_values(&self, position: usize) {
        if let Storage::Mapped { wide, .. } = &self.storage
            && let Some(wide) = wide.get()
        {
            let len = 2 * self.dim;
            prefetch(
                wide.values.bytes().get(position * len..(position + 1) * len).unwrap_or(&[]),
                usize::MAX,
            );
        }
    }

    /// The score of a row: its cosine to a query of norm 1, `f32 [dim]`, in `[-1, 1]`.
    pub(crate) fn score(
        &self,
        query: &[f32],
        position: usize,
        buffer: &mut Vec<f16>,
    ) -> Result<f32, IndexError> {
        let score = cosine(query, self.values(position, buffer)?);
        score.ok_or_else(|| match &self.storage {
            Storage::Mapped { path, .. } => {
                damaged(path, Section::Values, "a direction for each row", format_args!("none at {position}"))
            }
            // Made of unit vectors; were it not so, this is what it would be called.
            Storage::Memory { .. } => damaged(
                &PathBuf::from("memory"),
                Section::Values,
                "a direction for each row",
                format_args!("none at {position}"),
            ),
        })
    }

    /// The i8 row at a position.
    pub(crate) fn vector(&self, position: usize) -> &[i8] {
        &self.vectors()[position * self.stride..(position + 1) * self.stride]
    }

    pub(crate) fn is_verified(&self) -> bool {
        self.verified.load(Ordering::Acquire)
    }

    /// What names it in reports.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match &self.storage {
            Storage::Memory { .. } => Cow::Borrowed("memory"),
            Storage::Mapped { path, .. } => {
                path.file_name().map_or(Cow::Borrowed("segment"), std::ffi::OsStr::to_string_lossy)
            }
        }
    }
}

impl Wide {
    fn memory_bytes(&self) -> usize {
        self.codes.memory_bytes() + self.values.bytes().len()
    }
}

/// Cosine of a query of norm 1 (`f32 [dim]`) and values of any norm (`f16 [dim]`), in `[-1, 1]`;
/// `None` where the values have no direction. Every score that leaves this crate is made here.
#[inline]
#[must_use]
pub fn cosine(query: &[f32], values: &[f16]) -> Option<f32> {
    let (dot, square) = dot_f16(query, values);
    let score = dot / square.sqrt();
    // NaN where the square is 0, infinite or NaN itself.
    (square.is_finite() && score.is_finite()).then(|| score.clamp(-1.0, 1.0))
}

/// A section of a map as numbers. Sections were checked to lie within the file, on multiples of 64
/// and in a length that is a multiple of the number's.
#[inline]
fn part<T: bytemuck::Pod>(map: &Map, section: crate::files::Section) -> &[T] {
    let start = section.start as usize;
    map.bytes().get(start..start + section.len as usize).map_or(&[], bytemuck::cast_slice)
}

#[cfg(test)]
mod tests;
