//! The texts of a store as a keyword index.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use cognate_corpus::Paper;
use cognate_keyword::{Access, Document, KeywordIndex, KeywordOptions, Status};
use sha2::{Digest, Sha256};

use super::INDEX_DIR;
use crate::error::EngineError;
use crate::store::Store;

/// The folder of the keyword index's files inside [`INDEX_DIR`].
const KEYWORDS_DIR: &str = "keywords";

/// Changes whenever [`document`] does, so that an index of the earlier texts is not used.
const TEXTS_VERSION: u32 = 1;

/// Papers that are taken from the store at a time.
const PORTION: usize = 5_000;

/// How long a process that does not write the files waits for the one that does: a running server sees
/// a commit of another process within 200 ms.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Opens the index; one that is damaged or of another store is begun anew by the process that writes.
pub(super) fn open(store: &Store, data_dir: &Path, may_write: bool) -> Result<KeywordIndex, EngineError> {
    let access = if may_write { Access::Write } else { Access::Read };
    let options = options_of(store, data_dir, access);
    let opened = Instant::now();
    loop {
        match KeywordIndex::open(options.clone()) {
            Err(damage) if damage.calls_for_rebuild() && may_write => {
                tracing::warn!("{damage}; beginning anew from the store");
                return Ok(KeywordIndex::create(options)?);
            }
            // Whoever writes the files mends them, or is replacing them at this moment.
            Err(damage) if damage.calls_for_rebuild() && opened.elapsed() < MAX_WAIT => {
                thread::sleep(Duration::from_millis(20));
            }
            Ok(index) if index.generation() > store.reader()?.generation()? && may_write => {
                tracing::warn!("the store was put back to an earlier state; indexing its texts anew");
                return Ok(KeywordIndex::create(options)?);
            }
            opened => return Ok(opened?),
        }
    }
}

/// Indexes what the store has and the index has not; or waits for the process that does.
pub(super) fn feed(index: &KeywordIndex, store: &Store, may_write: bool) -> Result<(), EngineError> {
    let reader = store.reader()?;
    let latest = reader.generation()?;
    if !may_write {
        let began = Instant::now();
        while index.generation() < latest && began.elapsed() < MAX_WAIT {
            if !index.reload()? {
                thread::sleep(Duration::from_millis(20));
            }
        }
        return Ok(());
    }
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
fn document(paper: Paper) -> Document {
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
