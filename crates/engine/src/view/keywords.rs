//! The texts of a store as a keyword index.

use std::path::Path;

use cognate_corpus::Paper;
use cognate_keyword::{Access, Document, KeywordIndex, KeywordOptions, Status};
use sha2::{Digest, Sha256};

use super::INDEX_DIR;
use crate::error::EngineError;
use crate::store::{Reader, Store};

/// The folder of the keyword index's files inside [`INDEX_DIR`].
const KEYWORDS_DIR: &str = "keywords";

/// Changes whenever [`document`] does, so that an index of the earlier texts is not used.
const TEXTS_VERSION: u32 = 1;

/// Papers that are taken from the store at a time.
const PORTION: usize = 5_000;

/// Opens the index. One that is damaged, of another store or of a later state of this one is begun anew: in its files by
/// the process that writes, else in memory.
pub(super) fn open(store: &Store, data_dir: &Path, access: Access) -> Result<KeywordIndex, EngineError> {
    let options = options_of(store, data_dir, access);
    match KeywordIndex::open(options.clone()) {
        Err(damage) if damage.calls_for_rebuild() => {
            tracing::warn!("{damage}; indexing the texts of the store anew");
            Ok(KeywordIndex::create(options)?)
        }
        Ok(index) if index.generation() > store.reader()?.generation()? => {
            tracing::warn!("the store was put back to an earlier state; indexing its texts anew");
            drop(index);
            Ok(KeywordIndex::create(options)?)
        }
        opened => Ok(opened?),
    }
}

/// Takes what another process wrote to the files. Before the store is read, so that they are not ahead of it.
pub(super) fn reload(index: &KeywordIndex, access: Access) -> Result<(), EngineError> {
    match (index.reload(), access) {
        // Whoever writes the files begins them anew. What is in memory goes on.
        (Err(damage), Access::Read) if damage.calls_for_rebuild() => {
            tracing::debug!("{damage}");
            Ok(())
        }
        (reloaded, _) => Ok(reloaded.map(drop)?),
    }
}

/// Indexes what the store has and the index has not.
pub(super) fn feed(index: &KeywordIndex, reader: &Reader) -> Result<(), EngineError> {
    let latest = reader.generation()?;
    let mut reached = index.generation();
    if reached >= latest {
        return Ok(());
    }
    let mut update = index.begin()?;
    while reached < latest {
        let changes = reader.papers_since(reached, PORTION)?;
        for row in changes.deletes {
            update.delete(row)?;
        }
        for (row, stored) in changes.upserts {
            update.upsert(row, &document(stored.paper))?;
        }
        reached = changes.generation;
    }
    Ok(update.commit(reached)?)
}

/// Checks the files of a store's texts without changing anything.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn examine_keyword_files(store: &Store, data_dir: &Path) -> Result<Status, EngineError> {
    Ok(KeywordIndex::open(options_of(store, data_dir, Access::Read))?.status())
}

fn options_of(store: &Store, data_dir: &Path, access: Access) -> KeywordOptions {
    let dir = data_dir.join(INDEX_DIR).join(KEYWORDS_DIR);
    let mut hasher = Sha256::new();
    hasher.update(store.store_id().as_bytes());
    hasher.update(TEXTS_VERSION.to_le_bytes());
    KeywordOptions { access, ..KeywordOptions::new(dir, hasher.finalize().into()) }
}

/// What is indexed of a paper.
#[must_use]
pub fn document(paper: Paper) -> Document {
    let identifiers = paper.external_ids.into_values().chain([paper.id.into()]);
    Document {
        title: paper.title.unwrap_or_default(),
        abstract_text: paper.abstract_text.unwrap_or_default(),
        authors: paper.authors,
        categories: paper.categories,
        venue: paper.venue.unwrap_or_default(),
        identifiers: identifiers.collect(),
    }
}
