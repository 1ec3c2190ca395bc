//! The catalogue in a file, so that a process need not make it of every paper when it starts.
//!
//! `docs/format.md` specifies the file. It is derived: of another store or of a later state of this one, damaged or
//! missing, it is no use, and the catalogue is made of the store. Its bytes are checked before any is used, and it is
//! read once. The process that writes derived files replaces it as a whole.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::chunk::Chunk;
use super::names::{Interner, Names};
use super::{CHUNK_ROWS, Catalog};
use crate::error::EngineError;
use crate::files::{self, Cursor, Kind, put_text, replace_with};
use crate::filter::Filter;
use crate::store::Store;

/// The file's name in the folder of derived files.
const NAME: &str = "catalog";
/// Raised whenever the file, or what a paper becomes in it (the words of names above all), is another.
const VERSION: u32 = 2;
const KIND: Kind = Kind { magic: *b"COGNCAT\n", version: VERSION, header_len: 80 };
/// The file is written anew when it lacks this many changes, or more where there are many papers: a process that starts
/// takes them from the store.
const MIN_LAG: u64 = 1_000;
/// As a divisor of the papers, up to [`MAX_LAG`] changes.
const LAG_FRACTION: u64 = 20;
const MAX_LAG: u64 = 10_000;

/// Held while a file is written: two threads of one process would write to the same temporary file.
static WRITING: Mutex<()> = Mutex::new(());

/// Where the catalogue of a store is kept, and what tells it from any other.
pub(crate) struct CatalogFile {
    path: PathBuf,
    binding: [u8; 32],
}

impl CatalogFile {
    /// The file of a store in its folder of derived files.
    pub(crate) fn of(store: &Store, folder: &Path) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(store.store_id().as_bytes());
        hasher.update(VERSION.to_le_bytes());
        Self { path: folder.join(NAME), binding: hasher.finalize().into() }
    }

    /// The catalogue in the file; an empty one, of generation 0, if that is of no use or later than `latest_generation`.
    pub(crate) fn read(&self, latest_generation: u64) -> Catalog {
        let Ok(bytes) = fs::read(&self.path) else { return Catalog::default() };
        let found = decode(&bytes, &self.binding);
        if found.is_none() {
            tracing::warn!(
                "{}: damaged, of another release or of another store; it is made again",
                self.path.display()
            );
        }
        found.filter(|catalog| catalog.generation <= latest_generation).unwrap_or_default()
    }

    /// Checks every byte of the file: the generation of the papers in it and how many they are; `None` where there is none.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn examine(&self, latest_generation: u64) -> Result<Option<(u64, u64)>, String> {
        let Some(bytes) = files::read(&self.path)? else { return Ok(None) };
        let wrong = |what: &str| format!("`{}` is {what}; it is made again", self.path.display());
        let catalog = decode(&bytes, &self.binding).ok_or_else(|| wrong("damaged, or of another store"))?;
        if catalog.generation > latest_generation {
            return Err(wrong("of a later state of the store"));
        }
        let n_papers = catalog.matching(&Filter::default()).len();
        Ok(Some((catalog.generation, n_papers)))
    }

    /// Replaces the file where it lacks many changes. To be called by the process that writes derived files alone.
    ///
    /// # Errors
    /// [`EngineError::Io`] if it cannot be written; what was there before stays then.
    pub(crate) fn keep_up(&self, catalog: &Catalog) -> Result<(), EngineError> {
        let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let n_rows = catalog.chunks.len() as u64 * u64::from(CHUNK_ROWS);
        let n_unwritten = catalog.n_unwritten.load(Ordering::Relaxed);
        if n_unwritten <= (n_rows / LAG_FRACTION).clamp(MIN_LAG, MAX_LAG) {
            return Ok(());
        }
        let temporary = self.path.with_extension("tmp");
        let write = |file| encode(catalog, &self.binding, BufWriter::with_capacity(1 << 20, file));
        replace_with(&self.path, &temporary, write).map_err(|source| EngineError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })?;
        catalog.n_unwritten.fetch_sub(n_unwritten, Ordering::Relaxed);
        Ok(())
    }
}

/// Writes the catalogue and its checksum.
fn encode(catalog: &Catalog, binding: &[u8; 32], mut file: impl Write) -> io::Result<()> {
    let mut hash = Xxh3::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        file.write_all(bytes)
    };
    let mut bytes = Vec::new();
    {
        let names = catalog.names.read().unwrap_or_else(PoisonError::into_inner);
        KIND.begin(&mut bytes, binding);
        bytes.extend_from_slice(&catalog.generation.to_le_bytes());
        let (categories, venues) = (names.categories.names(), names.venues.names());
        for number in [categories.len(), venues.len(), catalog.chunks.len()] {
            bytes.extend_from_slice(&(number as u64).to_le_bytes());
        }
        categories.iter().chain(venues).for_each(|name| put_text(&mut bytes, name));
    }
    put(&bytes)?;
    for chunk in &catalog.chunks {
        bytes.clear();
        chunk.encode(&mut bytes);
        put(&bytes)?;
    }
    let seal = hash.digest();
    file.write_all(&seal.to_le_bytes())?;
    file.flush()
}

/// `None` for bytes that are not what [`encode`] writes with this binding.
fn decode(bytes: &[u8], binding: &[u8; 32]) -> Option<Catalog> {
    let mut cursor = KIND.open(bytes, binding)?;
    let generation = cursor.long()?;
    let [n_categories, n_venues, n_chunks] = [cursor.long()?, cursor.long()?, cursor.long()?];
    let categories = names(&mut cursor, n_categories)?;
    let venues = names(&mut cursor, n_venues)?;
    let mut chunks = Vec::new();
    for _ in 0..n_chunks {
        chunks.push(Arc::new(Chunk::decode(&mut cursor)?));
    }
    let names = Arc::new(RwLock::new(Names { categories, venues }));
    cursor.is_empty().then(|| Catalog { generation, chunks, names, ..Catalog::default() })
}

/// `n` names, no two of them alike.
fn names(cursor: &mut Cursor<'_>, n: u64) -> Option<Interner> {
    let mut names = Interner::default();
    for number in 0..n {
        if u64::from(names.id(cursor.text()?)) != number {
            return None;
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests;
