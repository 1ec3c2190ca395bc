//! Papers by name: their ids, identifiers and rows.

use std::cmp::Reverse;

use cognate_corpus::{Paper, PaperId, identifier};
use cognate_vector::UnitVector;

use crate::backend::Backend;
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{DroppedPaper, Reader, SourceCounts, StoredPaper};

impl Engine {
    /// The papers meant by `key`, the fullest first, ties by id: the one whose id it is, else all that carry the
    /// DOI, arXiv id, PMID, PMCID or ACL id that it names (with prefix, bare, or as a URL).
    ///
    /// # Errors
    /// [`EngineError::PaperNotFound`] if there is none, [`EngineError::PaperDropped`] if only a dropped
    /// duplicate fits.
    pub fn papers(&self, key: &str) -> Result<Vec<StoredPaper>, EngineError> {
        match self.remote() {
            Some(remote) => {
                let cancel = Cancel::default();
                if remote.model(&cancel)?.is_none() {
                    // Nothing was put there yet.
                    return Err(not_found(key, None));
                }
                papers_at(&*remote.moment(&cancel)?, &cancel, key)
            }
            None => papers_of_key(&self.store()?.reader()?, key),
        }
    }

    /// The fullest of the papers meant by `key`, as for [`Engine::papers`]: papers that share an identifier are common.
    ///
    /// # Errors
    /// As [`Engine::papers`].
    pub fn paper(&self, key: &str) -> Result<StoredPaper, EngineError> {
        Ok(self.papers(key)?.remove(0))
    }

    /// How many papers can be searched by meaning; 0 where papers lie with another engine.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn n_searchable(&self) -> Result<usize, EngineError> {
        if !self.is_here() {
            return Ok(0);
        }
        Ok(self.view()?.map_or(0, |view| view.snapshot().vectors.len()))
    }

    /// Deletes the one paper meant by `key`, which may be a dropped duplicate. When this returns, the deletion
    /// is on disk and no later search finds the paper. Papers that were dropped in its favour come back.
    ///
    /// # Errors
    /// As [`Engine::paper`], or [`EngineError::AmbiguousPaper`] if `key` means several.
    pub fn delete(&self, key: &str) -> Result<PaperId, EngineError> {
        let mut ids: Vec<String> = match self.papers(key) {
            Err(EngineError::PaperDropped { .. }) => Vec::new(),
            papers => papers?.into_iter().map(|stored| stored.paper.id.into()).collect(),
        };
        if ids.len() > 1 {
            ids.sort_unstable();
            return Err(EngineError::AmbiguousPaper { key: key.to_owned(), ids });
        }
        let id = self.id_of(key)?;
        let is_deleted = match self.remote() {
            Some(remote) => remote.delete(&Cancel::default(), &id)?,
            None => self.store()?.delete(&id)?,
        };
        if !is_deleted {
            return Err(EngineError::PaperNotFound { key: key.to_owned() });
        }
        self.catch_up()?;
        Ok(id)
    }

    /// How many papers share an identifier or a title with another; 0 where papers lie with another engine, which cannot tell.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn n_that_share(&self) -> Result<u64, EngineError> {
        if !self.is_here() {
            return Ok(0);
        }
        self.store()?.reader()?.n_that_share()
    }

    /// What each source brought: see [`SourceCounts`].
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn sources(&self) -> Result<Vec<SourceCounts>, EngineError> {
        self.store()?.reader()?.sources()
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

    /// How near papers are to one another: for each pair the cosine of their vectors, at `[i][j]` and `[j][i]`. 0 for one that
    /// has no vector, or not any more.
    ///
    /// # Errors
    /// [`EngineError`] if vectors cannot be read.
    pub fn cosines_among(&self, papers: &[&StoredPaper]) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut cosines = vec![vec![0.0; papers.len()]; papers.len()];
        let vectors: Vec<Option<UnitVector>> = if let Some(remote) = self.remote() {
            let ids: Vec<&PaperId> = papers.iter().map(|stored| &stored.paper.id).collect();
            let mut vectors = remote.vectors_of(&Cancel::default(), &ids)?;
            ids.iter().map(|id| vectors.remove(id.as_str())).collect()
        } else {
            let Some(view) = self.view()? else { return Ok(cosines) };
            self.at_one_moment(&view, &mut |moment| {
                papers.iter().map(|stored| moment.vector(stored.row)).collect::<Result<Vec<_>, EngineError>>()
            })?
        };
        for (i, a) in vectors.iter().enumerate() {
            for (j, b) in vectors.iter().enumerate().take(i + 1) {
                let cosine = a.as_ref().zip(b.as_ref()).map_or(0.0, |(a, b)| a.cosine(b));
                (cosines[i][j], cosines[j][i]) = (cosine, cosine);
            }
        }
        Ok(cosines)
    }

    /// The paper of a row, as maps name papers.
    ///
    /// # Errors
    /// [`EngineError::PaperNotFound`] if there is none.
    pub fn paper_of_row(&self, row: u32) -> Result<StoredPaper, EngineError> {
        let paper = self.store()?.reader()?.papers(&[row])?.remove(&row);
        paper.ok_or_else(|| EngineError::PaperNotFound { key: format!("row {row}") })
    }
}

/// As [`Engine::papers`], as `reader` sees the store.
pub(crate) fn papers_of_key(reader: &Reader, key: &str) -> Result<Vec<StoredPaper>, EngineError> {
    let lookup = identifier::lookup(key);
    let papers = fullest_first(reader.look_up(&lookup)?);
    if papers.is_empty() { Err(not_found(key, reader.look_up_dropped(&lookup)?)) } else { Ok(papers) }
}

/// As [`Engine::paper`], at one moment of a backend.
pub(crate) fn paper_of_key(
    backend: &dyn Backend,
    cancel: &Cancel,
    key: &str,
) -> Result<StoredPaper, EngineError> {
    Ok(papers_at(backend, cancel, key)?.remove(0))
}

/// As [`Engine::papers`], at one moment of a backend.
fn papers_at(backend: &dyn Backend, cancel: &Cancel, key: &str) -> Result<Vec<StoredPaper>, EngineError> {
    let lookup = identifier::lookup(key);
    let papers = fullest_first(backend.look_up(cancel, &lookup)?);
    if papers.is_empty() {
        Err(not_found(key, backend.look_up_dropped(cancel, &lookup)?))
    } else {
        Ok(papers)
    }
}

fn fullest_first(mut papers: Vec<StoredPaper>) -> Vec<StoredPaper> {
    // Stable, so that ties stay in order of id.
    papers.sort_by_key(|stored| Reverse(fullness(&stored.paper)));
    papers
}

/// Why no paper is found by `key`: there is none, or it is dropped.
fn not_found(key: &str, dropped: Option<DroppedPaper>) -> EngineError {
    match dropped {
        Some(DroppedPaper { id, kept, .. }) => EngineError::PaperDropped { key: key.to_owned(), id, kept },
        None => EngineError::PaperNotFound { key: key.to_owned() },
    }
}

/// Identifiers that a query may list.
const MAX_NAMED: usize = 100;

/// The rows of the papers that a query names rather than describes: it is their id, or a DOI, arXiv id,
/// PMID, PMCID or ACL id of theirs, bare, labelled or as a URL.
pub(crate) fn named_by(backend: &dyn Backend, cancel: &Cancel, query: &str) -> Result<Vec<u32>, EngineError> {
    if let Some(listed) = identifier::listed_identifiers(query).filter(|listed| listed.len() <= MAX_NAMED) {
        let mut rows: Vec<u32> = Vec::new();
        for text in listed {
            for stored in backend.look_up(cancel, &identifier::lookup(text))? {
                if !rows.contains(&stored.row) {
                    rows.push(stored.row);
                }
            }
        }
        return Ok(rows);
    }
    let query = query.trim();
    let mut lookup = identifier::lookup(query);
    // Words in brackets or quotation marks name no paper, unless its id has them too.
    lookup.ids.retain(|id| id.as_str() == query || !id.as_str().contains(char::is_whitespace));
    if lookup.is_empty() {
        return Ok(Vec::new());
    }
    Ok(backend.look_up(cancel, &lookup)?.iter().map(|stored| stored.row).collect())
}

/// How much is known of a paper: an abstract counts most, then how many fields say something.
fn fullness(paper: &Paper) -> (bool, usize) {
    let texts = [
        &paper.title,
        &paper.venue,
        &paper.volume,
        &paper.issue,
        &paper.pages,
        &paper.publisher,
        &paper.language,
        &paper.url,
    ];
    let lists = [&paper.authors, &paper.editors, &paper.issn, &paper.isbn, &paper.categories];
    let n_fields = texts.into_iter().filter(|text| text.is_some()).count()
        + lists.into_iter().filter(|list| !list.is_empty()).count()
        + usize::from(paper.year.is_some())
        + usize::from(paper.publication_date.is_some())
        + paper.external_ids.len();
    (paper.abstract_text.is_some(), n_fields)
}
