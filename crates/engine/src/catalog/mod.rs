//! What filters, facets and sorting need to know of every paper, in memory.
//!
//! A catalogue is derived from the store, and kept up with it by generation; a file has most of it for the next process. It is immutable: whoever
//! searches holds one, and an update makes the next, which shares all chunks that did not change. Rows
//! are in chunks of [`CHUNK_ROWS`], each a set of columns, so that a condition is one pass over one column.

mod chunk;
mod facets;
mod file;
mod filter;
mod known;
mod names;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use rayon::prelude::*;
use roaring::RoaringBitmap;

pub use facets::{Facet, FacetCount, FacetField};
pub(crate) use file::CatalogFile;

use crate::error::EngineError;
use crate::filter::Filter;
use crate::store::Reader;
pub(crate) use chunk::date_of;
pub use chunk::days;
use chunk::{Chunk, Entry};
use known::Known;
use names::Names;
pub use names::{SoughtWord, sought as sought_name, spellings as spellings_of_name, words as name_words};

/// Rows of a chunk. An update copies every chunk that it touches, some 300 kB each.
const CHUNK_ROWS: u32 = 4_096;

/// Papers that are taken from the store at a time.
const PORTION: usize = 20_000;

/// What is known of every paper at one generation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    generation: u64,
    chunks: Vec<Arc<Chunk>>,
    /// The names that the chunks refer to. They are only ever added to, so all catalogues of a store
    /// share them.
    names: Arc<RwLock<Names>>,
    /// Changes that the file lacks, counted for all catalogues of a store together.
    n_unwritten: Arc<AtomicU64>,
    known: Known,
}

/// By which day papers are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DayBasis {
    /// That of publication. A paper of which no more than the year is known has none.
    #[default]
    Published,
    /// That of being first indexed.
    Indexed,
}

/// A paper among those of its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) row: u32,
    /// Days since 1970-01-01.
    pub(crate) day: i32,
    pub(crate) upvotes: Option<i32>,
}

impl Catalog {
    /// The catalogue of what `reader` sees, made from this one and what changed since.
    pub(crate) fn caught_up(&self, reader: &Reader) -> Result<Self, EngineError> {
        let latest = reader.generation()?;
        let mut next = self.clone();
        while next.generation < latest {
            let changes = reader.attributes_since(next.generation, PORTION)?;
            let mut entries: Vec<(u32, Option<Entry>)> =
                changes.deletes.iter().map(|row| (*row, None)).collect();
            {
                let mut names = self.names.write().unwrap_or_else(std::sync::PoisonError::into_inner);
                let upserts = changes.upserts.iter();
                entries.extend(upserts.map(|(row, paper)| (*row, Some(Entry::new(paper, &mut names)))));
            }
            entries.sort_unstable_by_key(|(row, _)| *row);
            next.apply(entries);
            next.generation = changes.generation;
        }
        Ok(next)
    }

    /// The generation that it shows.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The rows of the papers that pass `filter`.
    pub(crate) fn matching(&self, filter: &Filter) -> RoaringBitmap {
        self.known.or_find(filter, || self.found(filter))
    }

    fn found(&self, filter: &Filter) -> RoaringBitmap {
        let filter = filter.resolve(&self.names.read().unwrap_or_else(std::sync::PoisonError::into_inner));
        self.rows_where(&|number, chunk| {
            let first = number as u32 * CHUNK_ROWS;
            filter.matching(chunk, first..first.saturating_add(CHUNK_ROWS))
        })
    }

    /// The day of publication of `row`, counted from 1970-01-01: the first day of its year where only that
    /// is known.
    pub(crate) fn published(&self, row: u32) -> Option<i32> {
        let (chunk, slot) = self.locate(row)?;
        chunk.published(slot)
    }

    /// By publication, or where no paper has a day of that, by being first indexed.
    pub(crate) fn day_basis(&self) -> DayBasis {
        match self.listed(DayBasis::Published).next() {
            Some(_) => DayBasis::Published,
            None => DayBasis::Indexed,
        }
    }

    /// Every paper that has a day.
    pub(crate) fn listed(&self, by: DayBasis) -> impl Iterator<Item = Listed> + '_ {
        self.chunks.iter().zip(0_u32..).flat_map(move |(chunk, number)| {
            let slots = chunk.days(by).enumerate();
            slots.filter_map(move |(slot, day)| {
                Some(Listed {
                    row: number * CHUNK_ROWS + slot as u32,
                    day: day?,
                    upvotes: chunk.upvotes(slot),
                })
            })
        })
    }

    fn locate(&self, row: u32) -> Option<(&Chunk, usize)> {
        let chunk = self.chunks.get((row / CHUNK_ROWS) as usize)?;
        Some((chunk, (row % CHUNK_ROWS) as usize))
    }

    fn rows_where(&self, matching: &(dyn Fn(usize, &Chunk) -> chunk::Slots + Sync)) -> RoaringBitmap {
        let slots: Vec<chunk::Slots> =
            self.chunks.par_iter().enumerate().map(|(number, chunk)| matching(number, chunk)).collect();
        let bytes: Vec<u8> =
            slots.iter().flat_map(|slots| slots.words().iter().flat_map(|word| word.to_le_bytes())).collect();
        RoaringBitmap::from_lsb0_bytes(0, &bytes)
    }

    /// Replaces entries, in ascending order of row; `None` for a paper that was deleted.
    fn apply(&mut self, entries: Vec<(u32, Option<Entry>)>) {
        let Some((last, _)) = entries.last() else { return };
        self.n_unwritten.fetch_add(entries.len() as u64, Ordering::Relaxed);
        let n_chunks = (last / CHUNK_ROWS) as usize + 1;
        if self.chunks.len() < n_chunks {
            self.chunks.resize_with(n_chunks, Default::default);
        }
        let mut entries = entries.into_iter().peekable();
        while let Some((row, _)) = entries.peek() {
            let number = row / CHUNK_ROWS;
            let of_chunk = std::iter::from_fn(|| {
                let (row, entry) = entries.next_if(|(row, _)| row / CHUNK_ROWS == number)?;
                Some(((row % CHUNK_ROWS) as usize, entry))
            });
            let chunk = &mut self.chunks[number as usize];
            *chunk = Arc::new(chunk.with(of_chunk));
        }
    }
}

#[cfg(test)]
mod tests;
