//! Papers by name: their ids, identifiers and rows.

use cognate_corpus::{PaperId, identifier};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{DroppedPaper, Reader, StoredPaper};

impl Engine {
    /// The papers meant by `key`, in order of id: the one whose id it is, else all that carry the
    /// DOI, arXiv id, PMID, PMCID or ACL id that it names (with prefix, bare, or as a URL).
    ///
    /// # Errors
    /// [`EngineError::PaperNotFound`] if there is none, [`EngineError::PaperDropped`] if only a dropped
    /// duplicate fits.
    pub fn papers(&self, key: &str) -> Result<Vec<StoredPaper>, EngineError> {
        papers_of_key(&self.store.reader()?, key)
    }

    /// The one paper meant by `key`, as for [`Engine::papers`].
    ///
    /// # Errors
    /// As [`Engine::papers`], or [`EngineError::AmbiguousPaper`] if there are several.
    pub fn paper(&self, key: &str) -> Result<StoredPaper, EngineError> {
        paper_of_key(&self.store.reader()?, key)
    }

    /// Deletes the one paper meant by `key`, which may be a dropped duplicate. When this returns, the deletion
    /// is on disk and no later search finds the paper. Papers that were dropped in its favour come back.
    ///
    /// # Errors
    /// As [`Engine::paper`].
    pub fn delete(&self, key: &str) -> Result<PaperId, EngineError> {
        let id = self.id_of(key)?;
        if !self.store.delete(&id)? {
            return Err(EngineError::PaperNotFound { key: key.to_owned() });
        }
        self.catch_up()?;
        Ok(id)
    }

    /// The id of the one paper that `key` names, dropped or not.
    pub(crate) fn id_of(&self, key: &str) -> Result<PaperId, EngineError> {
        match self.paper(key) {
            Err(EngineError::PaperDropped { id, .. }) => {
                PaperId::new(&*id).map_err(|source| EngineError::DamagedId { id, source })
            }
            found => Ok(found?.paper.id),
        }
    }

    /// The paper of a row, as maps name papers.
    ///
    /// # Errors
    /// [`EngineError::PaperNotFound`] if there is none.
    pub fn paper_of_row(&self, row: u32) -> Result<StoredPaper, EngineError> {
        let paper = self.store.reader()?.papers(&[row])?.remove(&row);
        paper.ok_or_else(|| EngineError::PaperNotFound { key: format!("row {row}") })
    }
}

/// As [`Engine::papers`], as `reader` sees the store.
fn papers_of_key(reader: &Reader, key: &str) -> Result<Vec<StoredPaper>, EngineError> {
    let papers = reader.look_up(&identifier::lookup(key))?;
    if papers.is_empty() { Err(not_found(reader, key)?) } else { Ok(papers) }
}

/// As [`Engine::paper`], as `reader` sees the store.
pub(crate) fn paper_of_key(reader: &Reader, key: &str) -> Result<StoredPaper, EngineError> {
    let mut papers = papers_of_key(reader, key)?;
    if papers.len() > 1 {
        let ids = papers.iter().map(|stored| stored.paper.id.to_string()).collect();
        return Err(EngineError::AmbiguousPaper { key: key.to_owned(), ids });
    }
    Ok(papers.remove(0))
}

/// Why no paper is found by `key`: there is none, or it is dropped.
fn not_found(reader: &Reader, key: &str) -> Result<EngineError, EngineError> {
    Ok(match reader.look_up_dropped(&identifier::lookup(key))? {
        Some(DroppedPaper { id, kept, .. }) => EngineError::PaperDropped { key: key.to_owned(), id, kept },
        None => EngineError::PaperNotFound { key: key.to_owned() },
    })
}
