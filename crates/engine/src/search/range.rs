//! Everything above a score.

use std::collections::HashMap;
use std::sync::Arc;

use cognate_keyword::Query;
use cognate_vector::{Scored, UnitVector};

use super::request::{Page, check_query, invalid};
use super::response::{Hit, Scores};
use super::vector_of;
use crate::backend::{Allowed, Backend, Remote, Wanted};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filter::Filter;
use crate::papers::named_by;
use crate::query_language::{self, Understood};
use crate::store::{Reader, StoredPaper};

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

/// Every paper above a score, best first, equal scores in the order in which papers were first indexed. They are as they were
/// when it was asked for, whatever becomes of them while they are read. Where papers lie with another engine, equal scores
/// come in order of id, and each paper as it is when it is read.
pub struct RangeHits {
    total: u64,
    source: Source,
}

enum Source {
    /// The store of that moment; `None` where there are no papers.
    Here {
        rows: std::vec::IntoIter<Scored>,
        reader: Option<Reader>,
    },
    Elsewhere {
        remote: Arc<dyn Remote>,
        hits: std::vec::IntoIter<(String, f32)>,
        cancel: Cancel,
    },
}

impl RangeHits {
    fn none() -> Self {
        Self { total: 0, source: Source::Here { rows: Vec::new().into_iter(), reader: None } }
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The next hits, as many as are read at a time; none at the end.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn next_portion(&mut self) -> Result<Vec<Hit>, EngineError> {
        loop {
            let (hits, is_end): (Vec<Hit>, bool) = match &mut self.source {
                Source::Here { reader: None, .. } => return Ok(Vec::new()),
                Source::Here { rows, reader: Some(reader) } => {
                    let portion: Vec<Scored> = rows.by_ref().take(PORTION).collect();
                    let rows: Vec<u32> = portion.iter().map(|hit| hit.row).collect();
                    let mut papers = reader.papers(&rows)?;
                    let hits =
                        portion.iter().filter_map(|hit| Some(hit_of(papers.remove(&hit.row)?, hit.score)));
                    (hits.collect(), portion.is_empty())
                }
                Source::Elsewhere { remote, hits, cancel } => {
                    let portion: Vec<(String, f32)> = hits.by_ref().take(PORTION).collect();
                    let ids: Vec<String> = portion.iter().map(|(id, _)| id.clone()).collect();
                    let papers = remote.papers_of(cancel, &ids)?;
                    let mut papers: HashMap<String, StoredPaper> =
                        papers.into_iter().map(|stored| (stored.paper.id.to_string(), stored)).collect();
                    let hits =
                        portion.iter().filter_map(|(id, score)| Some(hit_of(papers.remove(id)?, *score)));
                    (hits.collect(), portion.is_empty())
                }
            };
            // A portion of which no paper can be read is not the end.
            if !hits.is_empty() || is_end {
                return Ok(hits);
            }
        }
    }
}

fn hit_of(paper: StoredPaper, score: f32) -> Hit {
    let scores = Scores { semantic: Some(score), ..Scores::default() };
    Hit { score, scores, paper, relevance: None, explanation: None, nearest_seed: None }
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
        if let Some(remote) = self.remote() {
            return self.range_elsewhere(remote, cancel, request);
        }
        let Some(view) = self.view()? else { return Ok(RangeHits::none()) };
        let Understood { text, words, filter, .. } = query_language::understand(&request.query);
        let filter_of_all = request.filter.narrowed(filter)?;
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
            let source = Source::Here { rows: rows.into_iter(), reader: moment.into_reader() };
            return Ok(RangeHits { total, source });
        }
    }

    fn range_elsewhere(
        &self,
        remote: &Arc<dyn Remote>,
        cancel: &Cancel,
        request: &RangeRequest,
    ) -> Result<RangeHits, EngineError> {
        if remote.model(cancel)?.is_none() {
            return Ok(RangeHits::none());
        }
        if !remote.is_exact(cancel)? {
            let reason = "everything above a score needs an index that compares every vector".to_owned();
            return Err(EngineError::NotThere { place: remote.name().to_owned(), reason });
        }
        let Understood { text, words, filter, .. } = query_language::understand(&request.query);
        let backend = remote.moment(cancel)?;
        let asked = (&*backend, cancel);
        let mut near = match named_by(&*backend, cancel, &request.query)?.first() {
            Some(key) => {
                let stored = backend.papers(cancel, &[*key])?.remove(key);
                let stored =
                    stored.ok_or_else(|| EngineError::PaperNotFound { key: request.query.clone() })?;
                let vector = vector_of(&*backend, cancel, &stored)?;
                near(asked, &vector, (&request.filter, None), request.min_score)?
            }
            None if text.is_empty() => {
                return Err(invalid("q", "words to be near to".to_owned(), "filters alone"));
            }
            None => {
                let filter_of_all = request.filter.narrowed(filter)?;
                let vector = self.model_of_view()?.queries.embed(&text, cancel)?;
                near(asked, &vector, (&filter_of_all, Some(&words)), request.min_score)?
            }
        };
        let keys: Vec<u32> = near.iter().map(|hit| hit.row).collect();
        let mut ids = backend.ids(cancel, &keys)?;
        let mut hits: Vec<(String, f32)> =
            near.drain(..).filter_map(|hit| Some((ids.remove(&hit.row)?, hit.score))).collect();
        hits.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let (total, hits, remote) = (hits.len() as u64, hits.into_iter(), Arc::clone(remote));
        Ok(RangeHits { total, source: Source::Elsewhere { remote, hits, cancel: cancel.clone() } })
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
