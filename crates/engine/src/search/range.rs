//! Everything above a score.

use cognate_keyword::Query;
use cognate_vector::{Scored, UnitVector};

use super::request::{Page, check_query, invalid};
use super::response::{Hit, Scores};
use super::vector_of;
use crate::backend::{Allowed, Backend, Wanted};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filter::{Clause, Filter};
use crate::papers::named_by;
use crate::query_language::{self, Understood};
use crate::store::Reader;

/// Papers read from the store at a time.
const PORTION: usize = 256;

/// What everything near is asked for. Valid once made.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeRequest {
    query: String,
    min_score: f32,
    filter: Filter,
}

impl RangeRequest {
    /// Validates a query, as for a search, a `min_score`, which is a cosine in `[-1, 1]`, and a filter.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter.
    pub fn new(
        query: impl Into<String>,
        min_score: Option<f32>,
        filter: Filter,
    ) -> Result<Self, EngineError> {
        let query = query.into();
        check_query("q", &query)?;
        let Some(min_score) = Page::new(None, None, min_score)?.min_score else {
            return Err(invalid("min_score", "a cosine from -1 to 1".to_owned(), "nothing"));
        };
        filter.check_size()?;
        Ok(Self { query, min_score, filter })
    }
}

/// Every paper above a score, best first, equal scores in the order in which papers were first indexed.
/// They are as they were when it was asked for, whatever becomes of them while they are read.
pub struct RangeHits {
    rows: std::vec::IntoIter<Scored>,
    total: u64,
    /// The store of that moment; `None` where there are no papers.
    reader: Option<Reader>,
}

impl RangeHits {
    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The next hits, as many as are read from the store at a time; none at the end.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn next_portion(&mut self) -> Result<Vec<Hit>, EngineError> {
        let Some(reader) = &self.reader else { return Ok(Vec::new()) };
        loop {
            let portion: Vec<Scored> = self.rows.by_ref().take(PORTION).collect();
            let rows: Vec<u32> = portion.iter().map(|hit| hit.row).collect();
            let mut papers = reader.papers(&rows)?;
            let hits = portion.iter().filter_map(|hit| {
                Some(Hit {
                    score: hit.score,
                    scores: Scores { semantic: Some(hit.score), ..Scores::default() },
                    paper: papers.remove(&hit.row)?,
                    relevance: None,
                    explanation: None,
                    nearest_seed: None,
                })
            });
            let hits: Vec<Hit> = hits.collect();
            // A portion of which no paper can be read is not the end.
            if !hits.is_empty() || portion.is_empty() {
                return Ok(hits);
            }
        }
    }
}

impl Engine {
    /// Every paper that passes the filter and whose cosine to the query is at least `min_score`: complete,
    /// by exact search. The query is read as a search reads it: its phrases and operators say which papers may be
    /// answers, and where it is the id or an identifier of a paper, that paper is what they are near to.
    ///
    /// # Errors
    /// [`EngineError::Superseded`] if it was cancelled before the query's turn came; [`EngineError::InvalidRequest`] for
    /// filters alone; [`EngineError::PaperWithoutText`];
    /// [`EngineError`] if the model cannot be loaded or the store cannot be read.
    pub fn range(&self, cancel: &Cancel, request: &RangeRequest) -> Result<RangeHits, EngineError> {
        let Some(view) = self.view()? else {
            return Ok(RangeHits { rows: Vec::new().into_iter(), total: 0, reader: None });
        };
        let Understood { text, words, filter, .. } = query_language::understand(&request.query);
        let mut filter_of_all = request.filter.clone();
        if !filter.is_empty() {
            filter_of_all.must.push(Clause::Filter(filter));
            filter_of_all.check_size()?;
        }
        let mut asked: Option<UnitVector> = None;
        let mut is_first = true;
        loop {
            // What is read later, while the answer is on its way, must be of the same moment.
            let moment = view.exact_moment(self.store()?)?;
            let named = match named_by(&moment, cancel, &request.query)?.first() {
                Some(&row) => moment.read(|reader| reader.papers(&[row]))?.remove(&row),
                None => None,
            };
            let found = if let Some(stored) = named {
                let vector = vector_of(&moment, cancel, &stored)?;
                near((&moment, cancel), &vector, (&request.filter, None), request.min_score)
            } else {
                if text.is_empty() {
                    return Err(invalid("q", "words to be near to".to_owned(), "filters alone"));
                }
                let vector = match asked.take() {
                    Some(vector) => vector,
                    None => self.model_of_view()?.queries.embed(&text, cancel)?,
                };
                let near =
                    near((&moment, cancel), &vector, (&filter_of_all, Some(&words)), request.min_score);
                asked = Some(vector);
                near
            };
            if let Err(error) = &found
                && is_first
                && view.recover(self.store()?, &moment.snapshot, error)?
            {
                is_first = false;
                continue;
            }
            let rows = found?;
            let total = rows.len() as u64;
            return Ok(RangeHits { rows: rows.into_iter(), total, reader: moment.into_reader() });
        }
    }
}

/// The rows that pass the filter, have the phrases that `words` requires, and are near enough, best first.
fn near(
    (backend, cancel): (&dyn Backend, &Cancel),
    vector: &UnitVector,
    (filter, words): (&Filter, Option<&Query>),
    min_score: f32,
) -> Result<Vec<Scored>, EngineError> {
    let wanted = Wanted { filter, within: None, without_text: false, named: &[] };
    let mut allowed: Option<Allowed> = backend.allowed(cancel, &wanted)?;
    if let Some(words) = words.filter(|words| words.is_restricted())
        && let Some(permitted) = backend.words(cancel, words)?.permitted(allowed.as_ref())?
    {
        allowed = Some(permitted);
    }
    backend.at_least(cancel, (vector, min_score), allowed.as_ref())
}
