//! The vectors of a store as a collection of memory-mapped segments.

use std::path::Path;
use std::thread;
use std::time::Duration;

use cognate_index::{Access, BuildParams, Changes, Collection, CollectionOptions, IndexError, Status};
use sha2::{Digest, Sha256};

use super::INDEX_DIR;
use crate::error::EngineError;
use crate::store::{Reader, Store};
use crate::stored_model::StoredModel;

/// The folder of the vectors' files inside [`INDEX_DIR`].
const VECTORS_DIR: &str = "vectors";

/// Vectors that are taken from the store at a time.
const PORTION: usize = 20_000;

/// Checks the files of a store's vectors, all bytes of them, without changing anything.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn examine_vector_files(
    store: &Store,
    data_dir: &Path,
    model: &StoredModel,
) -> Result<Status, EngineError> {
    let options = CollectionOptions {
        latest_generation: store.reader()?.generation()?,
        ..options_of(store, data_dir, model, Access::Read)
    };
    let (collection, damage) = Collection::open(options)?;
    if let Some(damage) = damage {
        return Err(damage.into());
    }
    while collection.status().verifying && collection.damage().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    match collection.damage() {
        Some(damage) => Err(EngineError::DamagedIndex(damage)),
        None => Ok(collection.status()),
    }
}

pub(super) fn options_of(
    store: &Store,
    data_dir: &Path,
    model: &StoredModel,
    access: Access,
) -> CollectionOptions {
    let dir = data_dir.join(INDEX_DIR).join(VECTORS_DIR);
    CollectionOptions {
        access,
        build: BuildParams::default(),
        ..CollectionOptions::new(dir, binding(store, model), model.dim)
    }
}

/// Tells vectors of this store and model from any others.
fn binding(store: &Store, model: &StoredModel) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(store.store_id().as_bytes());
    hasher.update([0]);
    model.bind(&mut hasher);
    hasher.finalize().into()
}

pub(super) fn open(options: CollectionOptions, latest_generation: u64) -> Result<Collection, IndexError> {
    let (collection, damage) = Collection::open(CollectionOptions { latest_generation, ..options })?;
    if let Some(damage) = damage {
        tracing::warn!("{damage}");
    }
    Ok(collection)
}

/// Applies what the store has and the collection has not, in portions, so that memory holds the vectors
/// of one beside the collection's own, which go to a file when they become many.
pub(super) fn feed(collection: &Collection, reader: &Reader) -> Result<(), EngineError> {
    let latest = reader.generation()?;
    while collection.generation() < latest {
        let changes = reader.vectors_since(collection.generation(), PORTION)?;
        let (upserts, deletes, generation) = (changes.upserts, changes.deletes, changes.generation);
        collection.apply(Changes { upserts, deletes, generation })?;
        if let Err(error) = collection.spill() {
            // They stay in memory, and searches find them there.
            tracing::warn!("{error}");
        }
    }
    Ok(())
}
