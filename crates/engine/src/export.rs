//! Every paper that fits, for other programs: no limit on their number, and no cut by relevance.

use cognate_corpus::identifier;
use roaring::RoaringBitmap;

use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filter::Filter;
use crate::query_language::{self, Understood};
use crate::search::{MAX_QUERY_CHARS, SearchOptions};
use crate::store::StoredPaper;

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

/// Papers to be exported, in the order in which they were first indexed. A paper that is deleted while they are read is
/// left out.
pub struct ExportPapers {
    which: Which,
}

enum Which {
    /// All that come after a row.
    After(u32),
    Rows(roaring::bitmap::IntoIter),
}

impl ExportPapers {
    /// The next papers, as many as are read from the store at a time; none at the end.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn next_portion(&mut self, engine: &Engine) -> Result<Vec<StoredPaper>, EngineError> {
        let reader = engine.store.reader()?;
        match &mut self.which {
            Which::After(last) => {
                let papers = reader.papers_after(*last, PORTION)?;
                if let Some(paper) = papers.last() {
                    *last = paper.row;
                }
                Ok(papers)
            }
            Which::Rows(rows) => loop {
                let portion: Vec<u32> = rows.by_ref().take(PORTION).collect();
                let mut papers: Vec<StoredPaper> = reader.papers(&portion)?.into_values().collect();
                papers.sort_by_key(|stored| stored.row);
                // A portion of which every paper was deleted meanwhile is not the end.
                if !papers.is_empty() || portion.is_empty() {
                    return Ok(papers);
                }
            },
        }
    }
}

impl Engine {
    /// Every paper that passes the filter and fits the query: it has a word of it, and what its operators ask for.
    /// A query that is the id or an identifier of papers means these. Without a query, all papers fit; without a filter
    /// too, those with no text are among them.
    ///
    /// # Errors
    /// [`EngineError::Superseded`] if it was cancelled; [`EngineError`] if the store cannot be read.
    pub fn export(&self, cancel: &Cancel, request: &ExportRequest) -> Result<ExportPapers, EngineError> {
        cancel.check()?;
        let rows = |rows: RoaringBitmap| ExportPapers { which: Which::Rows(rows.into_iter()) };
        let query = request.query.trim();
        if query.is_empty() && request.filter.is_empty() {
            return Ok(ExportPapers { which: Which::After(0) });
        }
        let mut lookup = identifier::lookup(query);
        lookup.ids.retain(|id| !id.as_str().contains(char::is_whitespace));
        let named: RoaringBitmap = if lookup.is_empty() {
            RoaringBitmap::new()
        } else {
            self.store.reader()?.look_up(&lookup)?.iter().map(|stored| stored.row).collect()
        };
        if !named.is_empty() {
            let passing = self.catalog()?.matching(&request.filter);
            return Ok(rows(if request.filter.is_empty() { named } else { named & passing }));
        }
        let Understood { text, words, filter } = query_language::understand(query);
        let options = SearchOptions { filter: request.filter.clone(), ..SearchOptions::default() };
        let filter = options.narrowed(filter)?.filter;
        let mut found = None;
        if !filter.is_empty() {
            found = Some(self.catalog()?.matching(&filter));
        }
        if !text.is_empty() || words.is_restricted() {
            let Some(view) = self.view()? else { return Ok(rows(RoaringBitmap::new())) };
            view.catch_up(&self.store)?;
            let ranking = view.snapshot().keywords.rank(&words)?;
            let mut fitting = match (text.is_empty(), ranking.permitted()) {
                (true, Some(permitted)) => permitted.clone(),
                _ => ranking.matching(),
            };
            if let Some(permitted) = ranking.permitted() {
                fitting &= permitted;
            }
            found = Some(found.map_or_else(|| fitting.clone(), |found| found & &fitting));
        }
        Ok(found.map_or(ExportPapers { which: Which::After(0) }, rows))
    }
}
