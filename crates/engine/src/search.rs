//! A query or a paper in, a page of papers out.

use std::fmt;
use std::time::{Duration, Instant};

use cognate_index::{SearchParams, SearchPath, Snapshot};
use cognate_vector::{Scored, UnitVector};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::StoredPaper;

/// Longest query, in Unicode scalar values: room for a pasted abstract.
pub const MAX_QUERY_CHARS: usize = 10_000;
/// Most hits on one page.
pub const MAX_LIMIT: usize = 1_000;
/// Most hits that can be skipped.
pub const MAX_OFFSET: usize = 10_000;
/// Hits on a page when the request does not say.
const DEFAULT_LIMIT: usize = 10;

/// A paper deleted between ranking and reading makes the page short; the search is run again on a
/// newer snapshot, at most this often.
const MAX_ATTEMPTS: usize = 3;

/// How papers are ranked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// By cosine of the embeddings.
    #[default]
    Semantic,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Semantic => "semantic",
        })
    }
}

impl std::str::FromStr for Mode {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text {
            "semantic" => Ok(Self::Semantic),
            other => Err(EngineError::InvalidRequest {
                parameter: "mode",
                expected: "`semantic`".to_owned(),
                found: format!("{other:?}"),
            }),
        }
    }
}

/// Which part of the ranking is asked for. Valid once made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Page {
    limit: usize,
    offset: usize,
    min_score: Option<f32>,
    exact: bool,
}

impl Page {
    /// Validates the bounds: `limit` 1 to [`MAX_LIMIT`] (default 10), `offset` 0 to [`MAX_OFFSET`]
    /// (default 0), `min_score` a cosine in `[-1, 1]` (default: none).
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter.
    pub fn new(
        limit: Option<usize>,
        offset: Option<usize>,
        min_score: Option<f32>,
    ) -> Result<Self, EngineError> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        let offset = offset.unwrap_or(0);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(out_of_bounds("limit", format!("1 to {MAX_LIMIT}"), limit));
        }
        if offset > MAX_OFFSET {
            return Err(out_of_bounds("offset", format!("0 to {MAX_OFFSET}"), offset));
        }
        if let Some(score) = min_score
            && !(-1.0..=1.0).contains(&score)
        {
            return Err(out_of_bounds("min_score", "a cosine from -1 to 1".to_owned(), score));
        }
        Ok(Self { limit, offset, min_score, exact: false })
    }

    /// With `exact`, every paper is compared and nothing is missed; without, many papers are searched by
    /// graph.
    #[must_use]
    pub fn exact(self, exact: bool) -> Self {
        Self { exact, ..self }
    }
}

fn out_of_bounds(parameter: &'static str, expected: String, found: impl fmt::Display) -> EngineError {
    EngineError::InvalidRequest { parameter, expected, found: found.to_string() }
}

/// A question to the papers. Valid once made.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    query: String,
    mode: Mode,
    page: Page,
}

impl SearchRequest {
    /// Validates a query: not blank, at most [`MAX_QUERY_CHARS`] characters.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter.
    pub fn new(query: impl Into<String>, mode: Mode, page: Page) -> Result<Self, EngineError> {
        let query = query.into();
        if query.trim().is_empty() {
            return Err(out_of_bounds("q", "a question or some words".to_owned(), "nothing"));
        }
        let n_chars = query.chars().count();
        if n_chars > MAX_QUERY_CHARS {
            let expected = format!("at most {MAX_QUERY_CHARS} characters");
            return Err(out_of_bounds("q", expected, format!("{n_chars} characters")));
        }
        Ok(Self { query, mode, page })
    }
}

/// The scores that a hit was given.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scores {
    /// Cosine of query and paper, in `[-1, 1]`.
    pub semantic: Option<f32>,
    /// BM25, from 0.
    pub keyword: Option<f32>,
}

/// One paper in the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What the ranking is by: for [`Mode::Semantic`] the cosine; higher is better.
    pub score: f32,
    /// Every score computed.
    pub scores: Scores,
    /// The paper.
    pub paper: StoredPaper,
}

/// How an answer came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// How the papers were ranked.
    pub mode: Mode,
    /// The model behind the vectors; `None` for an empty store.
    pub model: Option<String>,
    /// The generation of the snapshot that was searched.
    pub generation: u64,
    /// Exact scan or graph.
    pub path: SearchPath,
    /// Time from request to answer.
    pub took: Duration,
}

/// A page of the ranking: descending score, ties in ascending order of id.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResponse {
    /// Papers that pass `min_score` (all papers, if none was given).
    pub total: u64,
    /// Hits skipped before this page.
    pub offset: usize,
    /// The page.
    pub hits: Vec<Hit>,
    /// How it came about.
    pub meta: Meta,
}

impl Engine {
    /// Answers a query.
    ///
    /// # Errors
    /// [`EngineError`] if the model cannot be loaded or the store cannot be read.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchResponse, EngineError> {
        let started = Instant::now();
        let model = self.model()?;
        let query = model.queries.embed(&request.query)?;
        if let Some(view) = self.view()?
            && !view.model().is_compatible(&model.identity)
        {
            // Embedded anew by another process between the two calls.
            let (stored, given) = (Box::new(view.model().clone()), Box::new(model.identity.clone()));
            return Err(EngineError::ModelMismatch { stored, given });
        }
        self.nearest(&Target {
            vector: &query,
            exclude: None,
            page: request.page,
            mode: request.mode,
            started,
        })
    }

    /// The papers nearest to the one that `key` names (see [`Engine::paper`]), without that paper.
    ///
    /// # Errors
    /// [`EngineError::PaperNotFound`], [`EngineError::AmbiguousPaper`], or a failure of the store.
    pub fn similar(&self, key: &str, page: Page) -> Result<SearchResponse, EngineError> {
        let started = Instant::now();
        let row = self.paper(key)?.row;
        let vector = self.store.reader()?.vector(row)?;
        let vector = vector.ok_or_else(|| EngineError::PaperNotFound { key: key.to_owned() })?;
        self.nearest(&Target { vector: &vector, exclude: Some(row), page, mode: Mode::Semantic, started })
    }

    fn nearest(&self, target: &Target<'_>) -> Result<SearchResponse, EngineError> {
        let Some(view) = self.view()? else { return Ok(target.answer_of_empty_store()) };
        let reader = self.store.reader()?;
        let model = reader.model()?.map(|model| model.name);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let snapshot = view.snapshot();
            let ranking = match rank(&snapshot, target) {
                // Damage found since the files were opened: begun anew from the store, and asked again.
                Err(EngineError::Index(_)) if attempt < MAX_ATTEMPTS && view.recover(&self.store)? => {
                    continue;
                }
                ranking => ranking?,
            };
            let rows: Vec<u32> = ranking.hits.iter().map(|hit| hit.row).collect();
            let ids = reader.ids(&rows)?;
            if ids.len() < rows.len() && attempt < MAX_ATTEMPTS {
                view.catch_up(&self.store)?;
                continue;
            }

            let mut hits: Vec<(Scored, &String)> =
                ranking.hits.iter().filter_map(|hit| Some((*hit, ids.get(&hit.row)?))).collect();
            hits.sort_by(|(a, a_id), (b, b_id)| b.score.total_cmp(&a.score).then_with(|| a_id.cmp(b_id)));
            let page: Vec<Scored> = hits
                .into_iter()
                .map(|(hit, _)| hit)
                .skip(target.page.offset)
                .take(target.page.limit)
                .collect();
            let mut papers = reader.papers(&page.iter().map(|hit| hit.row).collect::<Vec<_>>())?;
            let hits = page
                .iter()
                .filter_map(|hit| {
                    let scores = Scores { semantic: Some(hit.score), keyword: None };
                    Some(Hit { score: hit.score, scores, paper: papers.remove(&hit.row)? })
                })
                .collect();
            return Ok(SearchResponse {
                total: ranking.total,
                offset: target.page.offset,
                hits,
                meta: Meta {
                    mode: target.mode,
                    model,
                    generation: snapshot.generation(),
                    path: ranking.path,
                    took: target.started.elapsed(),
                },
            });
        }
    }
}

/// What to find the neighbours of, and which of them are wanted.
struct Target<'a> {
    vector: &'a UnitVector,
    /// A row that is no answer: the paper itself.
    exclude: Option<u32>,
    page: Page,
    mode: Mode,
    started: Instant,
}

impl Target<'_> {
    fn answer_of_empty_store(&self) -> SearchResponse {
        SearchResponse {
            total: 0,
            offset: self.page.offset,
            hits: Vec::new(),
            meta: Meta {
                mode: self.mode,
                model: None,
                generation: 0,
                path: SearchPath::Exact,
                took: self.started.elapsed(),
            },
        }
    }
}

/// The head of a ranking, to the end of the page and on through every tie with its last hit.
struct Ranking {
    hits: Vec<Scored>,
    total: u64,
    path: SearchPath,
}

fn rank(snapshot: &Snapshot, target: &Target<'_>) -> Result<Ranking, EngineError> {
    let Page { limit, offset, min_score, exact } = target.page;
    let own_score = target.exclude.map(|row| snapshot.score(target.vector, row)).transpose()?.flatten();
    let top_k = offset + limit + usize::from(own_score.is_some());
    let found = snapshot.search(target.vector, &SearchParams { exact, ..SearchParams::new(top_k) })?;
    let mut hits = found.hits;
    hits.retain(|hit| Some(hit.row) != target.exclude);
    let n_passing = match min_score {
        None => snapshot.len(),
        Some(min_score) => {
            hits.retain(|hit| hit.score >= min_score);
            snapshot.count_at_least(target.vector, min_score)?
        }
    };
    let own_passes = own_score.is_some_and(|own| min_score.is_none_or(|min_score| own >= min_score));
    Ok(Ranking { hits, total: (n_passing - usize::from(own_passes)) as u64, path: found.path })
}
