//! Making a segment file from rows of other segments.

use std::ops::Range;
use std::sync::Arc;

use half::f16;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::Segment;
use super::format::{HEADER_LEN, Header, encode_upper};
use crate::bitmap::Bitmap;
use crate::build::{self, BuildParams, Graph, Rows};
use crate::error::IndexError;
use crate::files::Folder;
use crate::quantize;
use crate::walk::Upper;

/// Rows that are converted at a time.
const CHUNK: usize = 4096;

/// Rows that are to be a segment: those of others, without the dead ones.
pub(crate) struct Source {
    /// `(row, which segment, position in it)`, ascending by row.
    entries: Vec<(u32, u32, u32)>,
    segments: Vec<Arc<Segment>>,
}

/// How a segment is written.
pub(crate) struct WriteParams<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) name: &'a str,
    pub(crate) binding: [u8; 32],
    pub(crate) dim: usize,
    pub(crate) build: &'a BuildParams,
    /// From this many rows on, a graph is built; `None` for none at all.
    pub(crate) graph_from: Option<usize>,
    pub(crate) pool: &'a ThreadPool,
}

impl Source {
    /// The rows of segments that are not dead. No row may live in two of them.
    pub(crate) fn new<'a>(parts: impl IntoIterator<Item = (&'a Arc<Segment>, &'a Bitmap)>) -> Self {
        let (mut entries, mut segments) = (Vec::new(), Vec::new());
        for (index, (segment, dead)) in parts.into_iter().enumerate() {
            let live = segment.rows().iter().enumerate().filter(|&(position, _)| !dead.contains(position));
            entries.extend(live.map(|(position, &row)| (row, index as u32, position as u32)));
            segments.push(Arc::clone(segment));
        }
        entries.sort_unstable();
        Self { entries, segments }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The same rows in parts of equal size, none of more than `max_rows`.
    pub(crate) fn into_parts(self, max_rows: usize) -> Vec<Self> {
        let n_parts = self.len().div_ceil(max_rows.max(1));
        if n_parts <= 1 {
            return vec![self];
        }
        let parts = self.entries.chunks(self.len().div_ceil(n_parts));
        parts.map(|entries| Self { entries: entries.to_vec(), segments: self.segments.clone() }).collect()
    }

    fn values<'a>(&'a self, index: usize, buffer: &'a mut Vec<f16>) -> Result<&'a [f16], IndexError> {
        let (_, segment, position) = self.entries[index];
        self.segments[segment as usize].values(position as usize, buffer)
    }

    /// All of it in memory.
    pub(crate) fn into_memory(self, dim: usize) -> Result<Segment, IndexError> {
        let mut values = Vec::with_capacity(self.len() * dim);
        let mut buffer = Vec::new();
        for index in 0..self.len() {
            values.extend_from_slice(self.values(index, &mut buffer)?);
        }
        Ok(Segment::in_memory(dim, self.entries.iter().map(|entry| entry.0).collect(), values))
    }

    /// The rows in i8 `[n, stride]`, the scale that their largest component asks for, and the longest residual: whatever
    /// segments they come from, the same rows give the same.
    fn quantized(&self, dim: usize) -> Result<(Vec<i8>, f32, f32), IndexError> {
        let largest = |range: Range<usize>| {
            let mut buffer = Vec::new();
            let mut largest = 0.0_f32;
            for index in range {
                largest = largest.max(quantize::largest_component(self.values(index, &mut buffer)?));
            }
            Ok::<_, IndexError>(largest)
        };
        let chunks = (0..self.len()).into_par_iter().step_by(CHUNK);
        let largest = chunks
            .map(|start| largest(start..self.len().min(start + CHUNK)))
            .try_reduce(|| 0.0, |a, b| Ok(a.max(b)))?;
        let scale = quantize::scale_for(largest);
        let stride = quantize::stride(dim);
        let mut vectors = vec![0; self.len() * stride];
        let residual = vectors
            .par_chunks_mut(CHUNK * stride)
            .enumerate()
            .map(|(chunk, rows)| {
                let mut buffer = Vec::new();
                let mut longest = 0.0_f32;
                for (offset, row) in rows.chunks_exact_mut(stride).enumerate() {
                    let values = self.values(chunk * CHUNK + offset, &mut buffer)?;
                    longest = longest.max(quantize::quantize(values, scale, row));
                }
                Ok::<_, IndexError>(longest)
            })
            .try_reduce(|| 0.0, |a, b| Ok(a.max(b)))?;
        Ok((vectors, scale, residual))
    }
}

/// Builds the segment and writes its file; when this returns, it is on disk.
///
/// # Errors
/// [`IndexError::Io`], or what reading the source gives.
pub(crate) fn write(source: &Source, params: &WriteParams<'_>) -> Result<(), IndexError> {
    let dim = params.dim;
    let (vectors, scale, residual) = params.pool.install(|| source.quantized(dim))?;
    let graph = if params.graph_from.is_some_and(|from| source.len() >= from.max(1)) {
        let rows = Rows { vectors: &vectors, stride: quantize::stride(dim), scale };
        build::build(rows, params.build, params.pool)?
    } else {
        Graph { links: Vec::new(), slots: 0, upper: Upper::default() }
    };
    params.folder.write(params.name, |writer| {
        // Zeros until the sections are on disk: a file whose writing was cut short has no magic.
        writer.put(&[0; HEADER_LEN])?;
        let rows: Vec<u32> = source.entries.iter().map(|entry| entry.0).collect();
        let rows = writer.section_of(bytemuck::cast_slice(&rows))?;
        let links = writer.section_of(bytemuck::cast_slice(&graph.links))?;
        let upper = writer.section_of(&encode_upper(&graph.upper))?;
        let vectors = writer.section_of(bytemuck::cast_slice(&vectors))?;
        let mut buffer = Vec::new();
        let mut next = 0;
        let values = writer.section(|piece| {
            let end = source.len().min(next + CHUNK);
            for index in next..end {
                piece.extend_from_slice(bytemuck::cast_slice(source.values(index, &mut buffer)?));
            }
            Ok(std::mem::replace(&mut next, end) < end)
        })?;
        let header = Header {
            binding: params.binding,
            n: source.len(),
            dim,
            scale,
            residual,
            slots: graph.slots as u32,
            n_layers: graph.upper.layers.len() as u32,
            entry: graph.upper.entry,
            rows,
            links,
            upper,
            vectors,
            values,
            file_len: writer.len(),
        };
        writer.put_header(&header.encode())
    })
}
