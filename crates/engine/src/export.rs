//! Every paper that fits, for other programs: no limit on their number, and no cut by relevance.

use std::sync::Arc;

use cognate_corpus::identifier;
use roaring::RoaringBitmap;

use crate::backend::{Allowed, Backend, Remote, Scan, Wanted};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filter::Filter;
use crate::papers::named_by;
use crate::query_language::{self, Understood};
use crate::search::{MAX_QUERY_CHARS, SearchOptions};
use crate::store::{Reader, StoredPaper};

/// Papers read from the store at a time.
const PORTION: usize = 256;

/// Which papers are exported. Valid once made.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportRequest {
    query: String,
    filter: Filter,
}

impl ExportRequest {
    /// Validates a query, which may be blank, and a filter.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter.
    pub fn new(query: impl Into<String>, filter: Filter) -> Result<Self, EngineError> {
        let query = query.into();
        let n_chars = query.chars().count();
        if n_chars > MAX_QUERY_CHARS {
            return Err(EngineError::InvalidRequest {
                parameter: "q",
                expected: format!("at most {MAX_QUERY_CHARS} characters"),
                found: n_chars.to_string(),
            });
        }
        filter.check_size()?;
        Ok(Self { query, filter })
    }
}

/// Papers to be exported. Those of a data folder are as the store was when they were asked for, in the order in which they
/// were first indexed; those that lie with another engine come in order of id, each as it is when it is read.
pub struct ExportPapers(Source);

enum Source {
    Here { reader: Reader, which: Which },
    Elsewhere { remote: Arc<dyn Remote>, which: WhichElsewhere, cancel: Cancel },
}

enum Which {
    /// All that come after a row.
    After(u32),
    Rows(roaring::bitmap::IntoIter),
}

enum WhichElsewhere {
    /// Of a set, all that come after an id.
    After {
        allowed: Option<Allowed>,
        last: String,
    },
    Ids(std::vec::IntoIter<String>),
}

impl ExportPapers {
    /// The citation keys that records of the store's papers gave, for an
    /// [`Exporter`](cognate_corpus::export::Exporter) to reserve. Another engine keeps none.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn citation_keys(&self) -> Result<Vec<String>, EngineError> {
        match &self.0 {
            Source::Here { reader, .. } => reader.citation_keys(),
            Source::Elsewhere { .. } => Ok(Vec::new()),
        }
    }

    /// The next papers, as many as are read at a time; none at the end.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn next_portion(&mut self) -> Result<Vec<StoredPaper>, EngineError> {
        match &mut self.0 {
            Source::Here { reader, which } => which.next(reader),
            Source::Elsewhere { remote, which, cancel } => which.next(&**remote, cancel),
        }
    }
}

impl Which {
    fn next(&mut self, reader: &Reader) -> Result<Vec<StoredPaper>, EngineError> {
        match self {
            Self::After(last) => {
                let papers = reader.papers_after(*last, PORTION)?;
                if let Some(paper) = papers.last() {
                    *last = paper.row;
                }
                Ok(papers)
            }
            Self::Rows(rows) => loop {
                let portion: Vec<u32> = rows.by_ref().take(PORTION).collect();
                let mut papers: Vec<StoredPaper> = reader.papers(&portion)?.into_values().collect();
                papers.sort_by_key(|stored| stored.row);
                if !papers.is_empty() || portion.is_empty() {
                    return Ok(papers);
                }
            },
        }
    }
}

impl WhichElsewhere {
    fn next(&mut self, remote: &dyn Remote, cancel: &Cancel) -> Result<Vec<StoredPaper>, EngineError> {
        match self {
            Self::After { allowed, last } => {
                let scan = Scan { allowed: allowed.as_ref(), after: last, n: PORTION, with_vectors: false };
                let papers = remote.scan(cancel, &scan)?;
                let papers: Vec<StoredPaper> = papers.into_iter().map(|scanned| scanned.stored).collect();
                if let Some(stored) = papers.last() {
                    *last = stored.paper.id.to_string();
                }
                Ok(papers)
            }
            Self::Ids(ids) => loop {
                let portion: Vec<String> = ids.by_ref().take(PORTION).collect();
                let papers = remote.papers_of(cancel, &portion)?;
                if !papers.is_empty() || portion.is_empty() {
                    return Ok(papers);
                }
            },
        }
    }
}

impl Engine {
    /// Every paper that passes the filter and fits the query: it has a word of it, and what its operators ask for.
    /// A query that is the id or an identifier of papers means these. Without a query, all papers fit, those with no text
    /// too.
    ///
    /// # Errors
    /// [`EngineError::Superseded`] if it was cancelled; [`EngineError`] if the store cannot be read.
    pub fn export(&self, cancel: &Cancel, request: &ExportRequest) -> Result<ExportPapers, EngineError> {
        cancel.check()?;
        let query = request.query.trim();
        if let Some(remote) = self.remote() {
            return export_elsewhere(remote, cancel, (query, &request.filter));
        }
        let all = || {
            let reader = self.store()?.reader_as_of_now()?;
            Ok(ExportPapers(Source::Here { reader, which: Which::After(0) }))
        };
        if query.is_empty() && request.filter.is_empty() {
            return all();
        }
        // Without papers there is none that fits.
        let Some(view) = self.view()? else { return all() };
        let moment = view.exact_moment(self.store()?)?;
        let which = match fitting((&moment, cancel), query, &request.filter)? {
            Some(fitting) => Which::Rows(moment.keys(cancel, Some(&fitting))?.into_iter()),
            None => Which::After(0),
        };
        let reader = moment.into_reader().map_or_else(|| self.store()?.reader_as_of_now(), Ok)?;
        Ok(ExportPapers(Source::Here { reader, which }))
    }
}

fn export_elsewhere(
    remote: &Arc<dyn Remote>,
    cancel: &Cancel,
    (query, filter): (&str, &Filter),
) -> Result<ExportPapers, EngineError> {
    let which = if remote.model(cancel)?.is_none() {
        // Nothing was put there yet.
        WhichElsewhere::Ids(Vec::new().into_iter())
    } else {
        let backend = remote.moment(cancel)?;
        let fitting = fitting((&*backend, cancel), query, filter)?;
        match fitting.as_ref().and_then(Allowed::as_keys) {
            Some(keys) => {
                let keys: Vec<u32> = keys.iter().collect();
                let mut ids: Vec<String> = backend.ids(cancel, &keys)?.into_values().collect();
                ids.sort_unstable();
                WhichElsewhere::Ids(ids.into_iter())
            }
            None => WhichElsewhere::After { allowed: fitting, last: String::new() },
        }
    };
    Ok(ExportPapers(Source::Elsewhere { remote: Arc::clone(remote), which, cancel: cancel.clone() }))
}

/// The papers that fit; `None` for all.
fn fitting(
    (backend, cancel): (&dyn Backend, &Cancel),
    query: &str,
    filter: &Filter,
) -> Result<Option<Allowed>, EngineError> {
    let passing = |filter: &Filter| {
        let wanted = Wanted { filter, within: None, without_text: true, named: &[] };
        backend.allowed(cancel, &wanted)
    };
    let named = named_by(backend, cancel, query)?;
    if !named.is_empty() {
        let named = if filter.is_empty() {
            named.into_iter().collect()
        } else {
            backend.among(cancel, passing(filter)?.as_ref(), &named)?
        };
        return Ok(Some(Allowed::keys(named)));
    }
    if identifier::is_surely_identifier(query) {
        return Ok(Some(Allowed::keys(RoaringBitmap::new())));
    }
    let Understood { text, words, filter: of_query, .. } = query_language::understand(query);
    let options = SearchOptions { filter: filter.clone(), ..SearchOptions::default() };
    let filter = options.narrowed(of_query)?.filter;
    let has_words = !text.is_empty() || words.is_restricted();
    if filter.is_empty() && !has_words {
        return Ok(None);
    }
    let found = passing(&filter)?;
    if !has_words {
        return Ok(found);
    }
    let ranking = backend.words(cancel, &words)?;
    let permitted = ranking.permitted(found.as_ref())?;
    if text.is_empty() && permitted.is_some() {
        return Ok(permitted);
    }
    Ok(Some(ranking.matching(permitted.as_ref().or(found.as_ref()))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Clause, Condition};
    use crate::search::elsewhere::here_and_there;

    #[test]
    fn papers_are_exported_wherever_they_lie() {
        let (_folder, here, there) = here_and_there();
        let cancel = Cancel::default();
        let year = Clause::Condition(Condition::Year("2000-2012".parse().unwrap()));
        let filter = Filter { must: vec![year], ..Filter::default() };
        for (query, filter) in [("", Filter::default()), ("", filter.clone()), ("p011", Filter::default())] {
            let exported = |engine: &Engine| {
                let request = ExportRequest::new(query, filter.clone()).unwrap();
                let mut papers = engine.export(&cancel, &request).unwrap();
                let mut ids = Vec::new();
                loop {
                    let portion = papers.next_portion().unwrap();
                    if portion.is_empty() {
                        ids.sort_unstable();
                        return ids;
                    }
                    ids.extend(portion.into_iter().map(|stored| stored.paper.id.to_string()));
                }
            };
            assert!(!exported(&here).is_empty());
            assert_eq!(exported(&here), exported(&there), "{query:?}");
        }
    }
}
