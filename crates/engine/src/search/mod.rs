//! A query or a paper in, a page of papers out.
//!
//! Read downwards: a [`SearchRequest`] (`request`) is embedded and its words are read, `rank` finds and
//! scores the rows, `fusion` makes one score of two, and the page's papers are read from the store.
//! `explain` says why, `recommend` begins from several papers, `range` gives everything above a score, `cursor` lets a
//! listing go on as it began.

mod cursor;
#[cfg(test)]
pub(crate) mod elsewhere;
mod explain;
mod fusion;
mod range;
mod rank;
mod recommend;
mod relevance;
mod request;
mod response;
mod sentences;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cognate_corpus::identifier;
use cognate_index::SearchPath;
use cognate_vector::UnitVector;

pub use cursor::Cursor;
pub use range::{RangeHits, RangeRequest};
pub use recommend::{MAX_SEEDS, RecommendRequest, Seed, Strategy};
pub use relevance::{QueryEvidence, RELEVANCE_CUT};
pub use request::{
    MAX_EXPLAINED, MAX_LIMIT, MAX_OFFSET, MAX_QUERY_CHARS, Mode, Page, SearchOptions, SearchRequest,
    SemanticRatio, Shown, Sort,
};
pub use response::{
    BestSentence, Explanation, Hit, Meta, Part, Reading, Scores, SearchResponse, WithoutMarks,
};

use crate::backend::{Backend, Remote};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::model::Model;
use crate::papers::{named_by, paper_of_key};
use crate::query_language::Understood;
use crate::store::StoredPaper;
use crate::view::View;
use crate::works::Works;
use cursor::{Basis, Steps};
use rank::{Candidate, Question, Ranking, Target};

impl Engine {
    /// Answers a question. A query that is the id or an identifier of papers gets these papers, and then
    /// those nearest to them; one without text gets all papers that pass its filters, the newest first.
    ///
    /// # Errors
    /// [`EngineError`] if the model cannot be loaded or the store cannot be read.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchResponse, EngineError> {
        self.search_unless(&Cancel::default(), request)
    }

    /// Answers a question as [`search`](Self::search) does, unless it is cancelled before that.
    ///
    /// # Errors
    /// [`EngineError::Superseded`] if it was cancelled, else as for [`search`](Self::search).
    pub fn search_unless(
        &self,
        cancel: &Cancel,
        request: &SearchRequest,
    ) -> Result<SearchResponse, EngineError> {
        let started = Instant::now();
        cancel.check()?;
        let SearchRequest { query, understood, options, names_alone } = request;
        let Understood { text, words, filter, as_text } = understood;
        let browses = text.is_empty();
        let mut narrowed = options.narrowed(filter.clone())?;
        if browses {
            narrowed.sort = Sort::Newest;
        }
        let needs_vector =
            narrowed.mode != Mode::Keyword || narrowed.page.min_score.is_some() || narrowed.explain;
        let Some(papers) = self.papers_to_search(cancel)? else {
            return answer_of_nothing(options, started);
        };
        let (mut pending, mut is_known) = (None, true);
        let asked = ("search", query);
        let mut named = |backend: &dyn Backend| named_by(backend, cancel, query);
        let mut answer = |backend: &dyn Backend, basis: &Basis<Vec<u32>>, options: &SearchOptions| {
            let (works, named) = (basis.works.as_deref(), &basis.named);
            if let Some(&first) = named.first() {
                // A saved query asks on, whatever came.
                if options.within.is_none() {
                    options.refuse_relevance(
                        "where `q` is the id of a paper: it cuts what answers a question",
                    )?;
                }
                let question = Question {
                    words: None,
                    target: match names_alone {
                        true => None,
                        false => backend.vector(cancel, first)?.map(Target::Known),
                    },
                    mode: Mode::Semantic,
                    text: query,
                    browses: false,
                    pinned: named.clone(),
                    exclude: Vec::new(),
                    options,
                    cancel: cancel.clone(),
                };
                return self.answer(backend, (&question, works), started);
            }
            if identifier::is_surely_identifier(query) {
                let mut nobody = empty_answer(options, started);
                nobody.meta.model = backend.model_name(cancel)?;
                nobody.meta.generation = backend.generation();
                nobody.meta.reading.unknown_identifier = Some(query.trim().to_owned());
                return Ok(nobody);
            }
            if pending.is_none() && is_known && needs_vector && !browses {
                let model = self.model_of_view()?;
                // The model begins before it is known whether it knows the text, which nearly all are.
                let begun = Arc::new(model.queries.begin(text, cancel)?);
                is_known = model.encoder.knows(text)?;
                pending = is_known.then_some(begun);
            }
            let narrowed = SearchOptions { page: options.page, ..narrowed.clone() };
            // Without a meaning, words alone count, and nothing is near.
            let needs_meaning = narrowed.mode == Mode::Semantic || narrowed.page.min_score.is_some();
            let mode = if is_known || needs_meaning { narrowed.mode } else { Mode::Keyword };
            let question = Question {
                words: (is_known || !needs_meaning).then(|| words.clone()),
                text,
                target: pending.clone().map(Target::Pending),
                // By neither meaning nor words.
                mode: if browses { Mode::Hybrid } else { mode },
                browses,
                pinned: Vec::new(),
                exclude: Vec::new(),
                options: &narrowed,
                cancel: cancel.clone(),
            };
            let mut response = self.answer(backend, (&question, works), started)?;
            response.meta.reading.as_text.clone_from(as_text);
            Ok(response)
        };
        let steps = Steps { named: &mut named, answer: &mut answer };
        self.listed((&papers, cancel), (options, &asked), steps)
    }

    /// Answers many questions, each as [`search_unless`](Self::search_unless) does.
    ///
    /// # Errors
    /// As for [`search_unless`](Self::search_unless), of the first that fails.
    pub fn search_many(
        &self,
        cancel: &Cancel,
        requests: &[SearchRequest],
    ) -> Result<Vec<SearchResponse>, EngineError> {
        // Plain threads: each waits for the model, which computes on rayon's, most of the time.
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from) * 4;
        let answers: Vec<Result<Vec<SearchResponse>, EngineError>> = std::thread::scope(|scope| {
            let parts = requests.chunks(requests.len().div_ceil(n_threads).max(1));
            let threads: Vec<_> = parts
                .map(|part| {
                    let search = |request| self.search_unless(cancel, request);
                    scope.spawn(move || part.iter().map(search).collect())
                })
                .collect();
            let gone = || EngineError::ThreadGone { thread: "search" };
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(gone()))).collect()
        });
        Ok(answers.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The papers nearest to the one that `key` names (see [`Engine::paper`]), without that paper.
    ///
    /// # Errors
    /// [`EngineError::Superseded`] if it was cancelled, [`EngineError::PaperNotFound`], [`EngineError::PaperWithoutText`],
    /// [`EngineError::InvalidRequest`], or a failure of the store.
    pub fn similar(
        &self,
        cancel: &Cancel,
        key: &str,
        options: &SearchOptions,
    ) -> Result<SearchResponse, EngineError> {
        let started = Instant::now();
        options.check()?;
        let Some(papers) = self.papers_to_search(cancel)? else {
            self.paper(key)?;
            return answer_of_nothing(options, started);
        };
        let asked = ("similar", key);
        let mut named = |backend: &dyn Backend| {
            let stored = paper_of_key(backend, cancel, key)?;
            Ok((stored.row, vector_of(backend, cancel, &stored)?))
        };
        let mut answer =
            |backend: &dyn Backend, basis: &Basis<(u32, UnitVector)>, options: &SearchOptions| {
                let (row, vector) = basis.named.clone();
                let question = Question {
                    words: None,
                    target: Some(Target::Known(vector)),
                    mode: Mode::Semantic,
                    text: "",
                    browses: false,
                    pinned: Vec::new(),
                    exclude: vec![row],
                    options,
                    cancel: cancel.clone(),
                };
                self.answer(backend, (&question, basis.works.as_deref()), started)
            };
        let steps = Steps { named: &mut named, answer: &mut answer };
        self.listed((&papers, cancel), (options, &asked), steps)
    }

    /// Where a search looks; `None` where nothing was indexed yet.
    fn papers_to_search(&self, cancel: &Cancel) -> Result<Option<Papers<'_>>, EngineError> {
        match self.remote() {
            Some(remote) => Ok(remote.model(cancel)?.map(|_| Papers::Elsewhere(&**remote))),
            None => Ok(self.view()?.map(Papers::Here)),
        }
    }

    /// The model, which is the one behind the vectors that are searched.
    pub(crate) fn model_of_view(&self) -> Result<Arc<Model>, EngineError> {
        let model = self.model()?;
        let stored = match self.remote() {
            Some(remote) => remote.model(&Cancel::default())?,
            None => self.view()?.map(|view| view.model().clone()),
        };
        match stored {
            Some(stored) if !stored.is_compatible(&model.identity) => {
                // Embedded anew by another process between the two calls.
                let (stored, given) = (Box::new(stored), Box::new(model.identity.clone()));
                Err(EngineError::ModelMismatch { stored, given })
            }
            _ => Ok(model),
        }
    }

    fn answer(
        &self,
        backend: &dyn Backend,
        (question, works): (&Question<'_>, Option<&Works>),
        started: Instant,
    ) -> Result<SearchResponse, EngineError> {
        question.cancel.check()?;
        let ranking = rank::rank(backend, works, question)?;
        let (mut response, ranked) = read_page((backend, &question.cancel), question.options, ranking)?;
        response.meta.mode = question.mode;
        // A paper that the query names is what was asked for.
        let named = response.hits.iter_mut().filter(|hit| question.pinned.contains(&hit.paper.row));
        named.for_each(|hit| hit.relevance = Some(1.0));
        if ranked.ranking.candidates.first().is_some_and(|first| question.pinned.contains(&first.row)) {
            response.meta.evidence = response.meta.evidence.map(QueryEvidence::of_named);
        }
        if question.options.explain {
            self.explain(backend, &mut response.hits, (question, &ranked))?;
        }
        response.meta.took = started.elapsed();
        Ok(response)
    }
}

/// Where a search looks.
enum Papers<'e> {
    Here(Arc<View>),
    Elsewhere(&'e dyn Remote),
}

/// The vector of a paper.
fn vector_of(
    backend: &dyn Backend,
    cancel: &Cancel,
    stored: &StoredPaper,
) -> Result<UnitVector, EngineError> {
    let vector = backend.vector(cancel, stored.row)?;
    vector.ok_or_else(|| EngineError::PaperWithoutText { id: stored.paper.id.to_string() })
}

/// Reads the papers of a page, and counts its facets.
fn read_page(
    (backend, cancel): (&dyn Backend, &Cancel),
    options: &SearchOptions,
    ranking: Ranking,
) -> Result<(SearchResponse, Ranked), EngineError> {
    let page = options.page;
    let (n_before, around) = around(&ranking.candidates, page);
    let candidates = if around.windows(2).any(|two| two[0].order(&two[1]).is_eq()) {
        let rows: Vec<u32> = around.iter().map(|candidate| candidate.row).collect();
        cut(around, &backend.ids(cancel, &rows)?, (page.offset - n_before, page.limit))
    } else {
        // Without ties, they are the page.
        around.to_vec()
    };
    let facets = match &ranking.matching {
        Some(matching) => backend.facets(cancel, &options.facets, matching)?,
        None => Vec::new(),
    };
    let mut hits = read_hits((backend, cancel), &candidates)?;
    if let Some(evidence) = &ranking.evidence {
        hits.iter_mut().for_each(|hit| hit.relevance = Some(evidence.relevance(hit.score)));
    }
    let response = SearchResponse {
        total: ranking.total,
        total_relevant: ranking.total_relevant,
        offset: page.offset,
        hits,
        facets,
        meta: Meta {
            mode: Mode::Semantic,
            model: backend.model_name(cancel)?,
            generation: backend.generation(),
            path: ranking.path,
            semantic_ratio: ranking.ratio,
            evidence: ranking.evidence,
            took: Duration::ZERO,
            reading: ranking.reading.clone(),
            cursor: None,
        },
    };
    Ok((response, Ranked { ranking, page: candidates }))
}

/// A ranking, with the part of it that is the page.
struct Ranked {
    ranking: Ranking,
    page: Vec<Candidate>,
}

/// The answer while nothing is indexed: no listing goes on there.
fn answer_of_nothing(options: &SearchOptions, started: Instant) -> Result<SearchResponse, EngineError> {
    match options.cursor {
        Some(Cursor::At { .. } | Cursor::Behind { .. }) => Err(EngineError::CursorGone),
        Some(Cursor::New) | None => Ok(empty_answer(options, started)),
    }
}

fn empty_answer(options: &SearchOptions, started: Instant) -> SearchResponse {
    SearchResponse {
        total: 0,
        total_relevant: None,
        offset: options.page.offset,
        hits: Vec::new(),
        facets: Vec::new(),
        meta: Meta {
            mode: options.mode,
            model: None,
            generation: Some(0),
            path: SearchPath::Exact,
            semantic_ratio: None,
            evidence: None,
            took: started.elapsed(),
            reading: Reading::default(),
            cursor: None,
        },
    }
}

/// The candidates of the page and those that tie with its first or last, and how many stand before them.
fn around(candidates: &[Candidate], page: Page) -> (usize, &[Candidate]) {
    let Some(first) = candidates.get(page.offset) else { return (page.offset, &[]) };
    let ties = |last: &Candidate, other: &Candidate| other.order(last).is_eq();
    let n_ties = candidates[..page.offset].iter().rev().take_while(|other| ties(first, other)).count();
    let start = page.offset - n_ties;
    let Some(last) = candidates.get(page.end() - 1) else { return (start, &candidates[start..]) };
    let n_ties = candidates[page.end()..].iter().take_while(|other| ties(last, other)).count();
    (start, &candidates[start..page.end() + n_ties])
}

/// So many of the candidates from the one at `offset` on: ties are broken by id.
fn cut(around: &[Candidate], ids: &HashMap<u32, String>, (offset, limit): (usize, usize)) -> Vec<Candidate> {
    let mut with_ids: Vec<(&Candidate, &String)> =
        around.iter().filter_map(|candidate| Some((candidate, ids.get(&candidate.row)?))).collect();
    with_ids.sort_by(|(a, a_id), (b, b_id)| a.order(b).then_with(|| a_id.cmp(b_id)));
    with_ids.into_iter().map(|(candidate, _)| *candidate).skip(offset).take(limit).collect()
}

fn read_hits(
    (backend, cancel): (&dyn Backend, &Cancel),
    page: &[Candidate],
) -> Result<Vec<Hit>, EngineError> {
    let rows: Vec<u32> = page.iter().map(|candidate| candidate.row).collect();
    let mut papers = backend.papers(cancel, &rows)?;
    let hits = page.iter().filter_map(|candidate| {
        Some(Hit {
            score: candidate.score,
            scores: Scores {
                semantic: candidate.semantic,
                keyword: candidate.keyword,
                coverage: candidate.coverage,
            },
            paper: papers.remove(&candidate.row)?,
            relevance: None,
            explanation: None,
            nearest_seed: None,
        })
    });
    Ok(hits.collect())
}
