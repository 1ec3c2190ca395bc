//! Every paper that fits, for other programs: no limit on their number, and no cut by relevance.

use cognate_corpus::identifier;
use roaring::RoaringBitmap;

use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filter::Filter;
use crate::papers::named_by;
use crate::query_language::{self, Understood};
use crate::search::{MAX_QUERY_CHARS, SearchOptions};
use crate::store::{Reader, StoredPaper};
use crate::view::Moment;

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

/// Papers to be exported, as the store was when they were asked for, in the order in which they were first indexed.
pub struct ExportPapers {
    reader: Reader,
    which: Which,
}

enum Which {
    /// All that come after a row.
    After(u32),
    Rows(roaring::bitmap::IntoIter),
}

impl ExportPapers {
    /// The citation keys that records of the store's papers gave, for an
    /// [`Exporter`](cognate_corpus::export::Exporter) to reserve.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn citation_keys(&self) -> Result<Vec<String>, EngineError> {
        self.reader.citation_keys()
    }

    /// The next papers, as many as are read from the store at a time; none at the end.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn next_portion(&mut self) -> Result<Vec<StoredPaper>, EngineError> {
        match &mut self.which {
            Which::After(last) => {
                let papers = self.reader.papers_after(*last, PORTION)?;
                if let Some(paper) = papers.last() {
                    *last = paper.row;
                }
                Ok(papers)
            }
            Which::Rows(rows) => loop {
                let portion: Vec<u32> = rows.by_ref().take(PORTION).collect();
                let mut papers: Vec<StoredPaper> = self.reader.papers(&portion)?.into_values().collect();
                papers.sort_by_key(|stored| stored.row);
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
        let all = || Ok(ExportPapers { reader: self.store()?.reader_as_of_now()?, which: Which::After(0) });
        if query.is_empty() && request.filter.is_empty() {
            return all();
        }
        // Without papers there is none that fits.
        let Some(view) = self.view()? else { return all() };
        let moment = view.exact_moment(self.store()?)?;
        let rows = self.fitting(&moment, query, &request.filter)?;
        let reader = moment.into_reader().map_or_else(|| self.store()?.reader_as_of_now(), Ok)?;
        Ok(match rows {
            Some(rows) => ExportPapers { reader, which: Which::Rows(rows.into_iter()) },
            None => ExportPapers { reader, which: Which::After(0) },
        })
    }

    /// The rows of the papers that fit; `None` for all.
    fn fitting(
        &self,
        moment: &Moment<'_>,
        query: &str,
        filter: &Filter,
    ) -> Result<Option<RoaringBitmap>, EngineError> {
        let catalog = &moment.snapshot.catalog;
        let named: RoaringBitmap = named_by(moment, &Cancel::default(), query)?.into_iter().collect();
        if !named.is_empty() {
            return Ok(Some(if filter.is_empty() { named } else { named & catalog.matching(filter) }));
        }
        if identifier::is_surely_identifier(query) {
            return Ok(Some(RoaringBitmap::new()));
        }
        let Understood { text, words, filter: of_query, .. } = query_language::understand(query);
        let options = SearchOptions { filter: filter.clone(), ..SearchOptions::default() };
        let filter = options.narrowed(of_query)?.filter;
        let mut found = if filter.is_empty() { None } else { Some(catalog.matching(&filter)) };
        if !text.is_empty() || words.is_restricted() {
            let ranking = moment.snapshot.keywords.rank(&words)?;
            let mut fitting = match ranking.permitted() {
                Some(permitted) if text.is_empty() => permitted.clone(),
                _ => ranking.matching(),
            };
            if let Some(permitted) = ranking.permitted() {
                fitting &= permitted;
            }
            found = Some(found.map_or_else(|| fitting.clone(), |found| found & &fitting));
        }
        Ok(found)
    }
}
