//! Papers near several others, and far from some.

use std::collections::HashMap;
use std::time::Instant;

use cognate_corpus::identifier;
use cognate_index::SearchPath;
use cognate_vector::UnitVector;
use roaring::RoaringBitmap;

use super::cursor::{Basis, Steps};
use super::fusion::DEPTH;
use super::rank::{self, Candidate, N_TELLING, Question, Ranking, Target};
use super::relevance::{Fit, QueryEvidence};
use super::request::{Mode, N_SORTED, SearchOptions, Sort, check_query, invalid};
use super::response::{Reading, SearchResponse};
use crate::backend::{Allowed, Backend, Nearest};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::papers::paper_of_key;
use crate::works::Works;

/// Most seeds, positive and negative together.
pub const MAX_SEEDS: usize = 100;
/// Most ids to leave out.
const MAX_EXCLUDED: usize = 10_000;
/// Rows that are scored by all seeds before it is asked whether the answer is still wanted.
const ROWS_AT_A_TIME: usize = 4_096;

/// Something to begin from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seed {
    /// A paper, by id or identifier.
    Paper(String),
    /// A text, embedded as a paper's text is.
    Text(String),
}

/// How many seeds make one ranking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// By cosine to twice the mean of the positive seeds less the mean of the negative ones.
    #[default]
    AverageVector,
    /// By the cosine to the nearest positive seed; what is nearer to a negative one comes after all else,
    /// with the negative of that cosine.
    BestScore,
    /// By the sum of the cosines to the positive seeds less that to the negative ones.
    SumScores,
}

impl std::str::FromStr for Strategy {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text {
            "average_vector" => Ok(Self::AverageVector),
            "best_score" => Ok(Self::BestScore),
            "sum_scores" => Ok(Self::SumScores),
            other => Err(invalid(
                "strategy",
                "`average_vector`, `best_score` or `sum_scores`".to_owned(),
                format!("{other:?}"),
            )),
        }
    }
}

/// What is to be recommended. Checked when used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecommendRequest {
    /// More like these; at least one.
    pub positive: Vec<Seed>,
    /// Less like these.
    pub negative: Vec<Seed>,
    /// How seeds are combined.
    pub strategy: Strategy,
    /// From 0, by score alone, to 1, as unlike one another as possible: maximal marginal relevance, after
    /// Carbonell and Goldstein (1998), among the best two hundred; the others come behind these.
    pub diversity: f32,
    /// Ids of papers that are no answer, such as those seen already; what is not there is ignored. Seeds
    /// never are an answer.
    pub exclude: Vec<String>,
    /// Page, filter, facets, `exact`; `min_score` is compared with [`Scores::semantic`](super::Scores), which
    /// for [`Strategy::AverageVector`] is the cosine to the combined vector, else that to the nearest
    /// positive seed.
    pub options: SearchOptions,
}

/// Seeds with their vectors.
struct Seeds {
    /// What each is called in an answer.
    names: Vec<String>,
    positive: Vec<UnitVector>,
    negative: Vec<UnitVector>,
    /// The rows of those that are papers, and of what else is no answer; ascending.
    exclude: Vec<u32>,
}

impl RecommendRequest {
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let n_seeds = self.positive.len() + self.negative.len();
        if self.positive.is_empty() || n_seeds > MAX_SEEDS {
            let expected = format!("at least one, and with `negative` at most {MAX_SEEDS}");
            return Err(invalid("positive", expected, n_seeds));
        }
        if self.exclude.len() > MAX_EXCLUDED {
            return Err(invalid("exclude", format!("at most {MAX_EXCLUDED} ids"), self.exclude.len()));
        }
        if !(0.0..=1.0).contains(&self.diversity) {
            return Err(invalid("diversity", "a number from 0 to 1".to_owned(), self.diversity));
        }
        for (parameter, seeds) in [("positive", &self.positive), ("negative", &self.negative)] {
            for seed in seeds {
                if let Seed::Text(text) = seed {
                    check_query(parameter, text)?;
                }
            }
        }
        self.options.check()
    }
}

impl Engine {
    /// Papers like the positive seeds and unlike the negative ones. Each hit says to which positive seed it
    /// is nearest.
    ///
    /// # Errors
    /// [`EngineError::Superseded`] if it was cancelled, [`EngineError::InvalidRequest`] for numbers out of bounds or
    /// seeds that cancel out,
    /// [`EngineError::PaperNotFound`] or [`EngineError::PaperWithoutText`] for a seed, or a failure of model
    /// or store.
    pub fn recommend(
        &self,
        cancel: &Cancel,
        request: &RecommendRequest,
    ) -> Result<SearchResponse, EngineError> {
        let started = Instant::now();
        request.check()?;
        let options = &request.options;
        let Some(papers) = self.papers_to_search(cancel)? else {
            // None of the papers is there.
            for seed in request.positive.iter().chain(&request.negative) {
                if let Seed::Paper(key) = seed {
                    self.paper(key)?;
                }
            }
            return super::answer_of_nothing(options, started);
        };
        let RecommendRequest { positive, negative, strategy, diversity, exclude, .. } = request;
        let asked = ("recommend", positive, negative, strategy, diversity, exclude);
        let mut texts = None;
        let mut named = |backend: &dyn Backend| {
            if texts.is_none() {
                texts = Some(self.embedded_seeds(cancel, request)?);
            }
            seeds((backend, cancel), request, texts.as_ref().unwrap_or(&HashMap::new()))
        };
        let mut answer = |backend: &dyn Backend, basis: &Basis<Seeds>, options: &SearchOptions| {
            let (works, seeds) = (basis.works.as_deref(), &basis.named);
            let mut reaching = options.clone();
            if request.diversity > 0.0 {
                // All that may be chosen, whatever the page.
                reaching.page.limit = options.page.end().max(DEPTH);
                reaching.page.offset = 0;
            }
            let question = Question {
                words: None,
                target: Some(Target::Known(combined(seeds)?)),
                text: "",
                browses: false,
                mode: Mode::Semantic,
                pinned: Vec::new(),
                exclude: seeds.exclude.clone(),
                options: &reaching,
                cancel: cancel.clone(),
            };
            let mut ranking = match request.strategy {
                Strategy::AverageVector => rank::rank(backend, works, &question)?,
                strategy => by_seeds(backend, works, seeds, (strategy, &question))?,
            };
            if request.diversity > 0.0 {
                diversify(&question, backend, &mut ranking, (options.page.end(), request.diversity))?;
            }
            let (mut response, _) = super::read_page((backend, cancel), options, ranking)?;
            for hit in &mut response.hits {
                let of_seed =
                    |seed: &UnitVector| Ok(backend.cosines(cancel, seed, &[hit.paper.row])?.pop().flatten());
                let cosines: Result<Vec<Option<f32>>, EngineError> =
                    seeds.positive.iter().map(of_seed).collect();
                let cosines: Vec<f32> = cosines?.into_iter().map(|cosine| cosine.unwrap_or(-1.0)).collect();
                let nearest =
                    (0..cosines.len()).max_by(|a, b| cosines[*a].total_cmp(&cosines[*b]).then(b.cmp(a)));
                hit.nearest_seed = nearest.map(|seed| seeds.names[seed].clone());
            }
            response.meta.took = started.elapsed();
            Ok(response)
        };
        let steps = Steps { named: &mut named, answer: &mut answer };
        self.listed((&papers, cancel), (options, &asked), steps)
    }

    /// The vectors of the seeds that are texts.
    fn embedded_seeds<'r>(
        &self,
        cancel: &Cancel,
        request: &'r RecommendRequest,
    ) -> Result<HashMap<&'r str, UnitVector>, EngineError> {
        let mut embedded = HashMap::new();
        for seed in request.positive.iter().chain(&request.negative) {
            if let Seed::Text(text) = seed {
                cancel.check()?;
                let vectors = self.model_of_view()?.encoder.embed_passages(&[text])?;
                let vector = vectors.into_iter().next();
                embedded.insert(&**text, vector.ok_or(EngineError::ThreadGone { thread: "embedding" })?);
            }
        }
        Ok(embedded)
    }
}

/// The seeds of a request, of which `texts` has the vectors of those that are texts.
fn seeds(
    (backend, cancel): (&dyn Backend, &Cancel),
    request: &RecommendRequest,
    texts: &HashMap<&str, UnitVector>,
) -> Result<Seeds, EngineError> {
    let mut exclude = Vec::new();
    let mut names = Vec::new();
    let mut vector = |seed: &Seed| match seed {
        Seed::Paper(key) => {
            let stored = paper_of_key(backend, cancel, key)?;
            exclude.push(stored.row);
            names.push(stored.paper.id.to_string());
            super::vector_of(backend, cancel, &stored)
        }
        Seed::Text(text) => {
            names.push(text.clone());
            texts.get(&**text).cloned().ok_or(EngineError::ThreadGone { thread: "embedding" })
        }
    };
    let positive = request.positive.iter().map(&mut vector).collect::<Result<_, _>>()?;
    let negative = request.negative.iter().map(&mut vector).collect::<Result<_, _>>()?;
    let by_id = backend.keys_of(cancel, &request.exclude)?;
    for key in request.exclude.iter().filter(|key| !by_id.contains_key(key.as_str())) {
        exclude.extend(backend.look_up(cancel, &identifier::lookup(key))?.iter().map(|stored| stored.row));
    }
    exclude.extend(by_id.into_values());
    exclude.sort_unstable();
    exclude.dedup();
    Ok(Seeds { names, positive, negative, exclude })
}

/// Twice the mean of the positive seeds less the mean of the negative ones.
fn combined(seeds: &Seeds) -> Result<UnitVector, EngineError> {
    let mean = |vectors: &[UnitVector]| -> Vec<f32> {
        let dim = seeds.positive.first().map_or(0, UnitVector::dim);
        let mut mean = vec![0.0; dim];
        for vector in vectors {
            for (sum, component) in mean.iter_mut().zip(vector.as_slice()) {
                *sum += component / vectors.len() as f32;
            }
        }
        mean
    };
    let mut combined = mean(&seeds.positive);
    if !seeds.negative.is_empty() {
        for (component, negative) in combined.iter_mut().zip(mean(&seeds.negative)) {
            *component = 2.0 * *component - negative;
        }
    }
    UnitVector::normalize(combined).map_err(|_| {
        invalid("positive", "seeds that do not cancel one another out".to_owned(), "seeds that do")
    })
}

/// All rows scored by all seeds: first the best of those near a seed, to a depth that is the same for every page, then,
/// where the page reaches there, the others.
fn by_seeds(
    backend: &dyn Backend,
    works: Option<&Works>,
    seeds: &Seeds,
    (strategy, question): (Strategy, &Question<'_>),
) -> Result<Ranking, EngineError> {
    let (options, cancel) = (question.options, &question.cancel);
    let passing = backend.allowed(cancel, &options.wanted(&[]))?;
    let mut allowed = backend.without(cancel, passing.as_ref(), &seeds.exclude)?;
    if let Some(min_score) = options.page.min_score {
        let mut near = RoaringBitmap::new();
        for seed in &seeds.positive {
            let found = backend.at_least(cancel, (seed, min_score), Some(&allowed))?;
            near.extend(found.iter().map(|hit| hit.row));
        }
        allowed = Allowed::keys(near);
    }
    if let Some(works) = works {
        allowed = Allowed::keys(works.one_of_each(backend.keys(cancel, Some(&allowed))?));
    }
    let mut near = RoaringBitmap::new();
    let mut path = SearchPath::Exact;
    for vector in question.vector()?.into_iter().chain(&seeds.positive) {
        let nearest = Nearest { vector, top_k: DEPTH, exact: options.exact, allowed: Some(&allowed) };
        let found = backend.nearest(cancel, &nearest)?;
        near.extend(found.hits.iter().map(|hit| hit.row));
        path = found.path;
    }
    let mut candidates = scored_by_seeds(backend, seeds, (strategy, question), &near)?;
    candidates.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
    candidates.truncate(DEPTH);
    let best: Vec<Fit> = candidates.iter().take(N_TELLING).map(Candidate::fit).collect();
    let n_summed = if strategy == Strategy::SumScores { seeds.positive.len() } else { 1 };
    let total = backend.count(cancel, Some(&allowed))?;
    if options.reach() > DEPTH && total > candidates.len() as u64 {
        let last = candidates.last().map_or(f32::INFINITY, |candidate| candidate.score.next_down());
        let first: Vec<u32> = candidates.iter().map(|candidate| candidate.row).collect();
        let others = backend.without(cancel, Some(&allowed), &first)?;
        let others = backend.keys(cancel, Some(&others))?;
        let mut others = scored_by_seeds(backend, seeds, (strategy, question), &others)?;
        others.iter_mut().for_each(|candidate| candidate.score = candidate.score.min(last));
        candidates.append(&mut others);
        candidates.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
    }
    if options.sort == Sort::Newest {
        rank::sort_by_date((backend, cancel), &mut candidates, N_SORTED)?;
    }
    Ok(Ranking {
        candidates,
        total,
        total_relevant: None,
        matching: (!options.facets.is_empty()).then_some(allowed),
        path,
        ratio: None,
        evidence: Some(QueryEvidence::of_sums(n_summed, &best)),
        reading: Reading::default(),
    })
}

/// Each row with its score by all seeds.
fn scored_by_seeds(
    backend: &dyn Backend,
    seeds: &Seeds,
    (strategy, question): (Strategy, &Question<'_>),
    rows: &RoaringBitmap,
) -> Result<Vec<Candidate>, EngineError> {
    let rows: Vec<u32> = rows.iter().collect();
    let mut candidates = Vec::with_capacity(rows.len());
    for rows in rows.chunks(ROWS_AT_A_TIME) {
        // By row: the best and the sum of the cosines to positive and negative seeds.
        let mut positive = vec![(-1.0_f32, 0.0_f32); rows.len()];
        let mut negative = positive.clone();
        for (side, of_side) in [(&seeds.positive, &mut positive), (&seeds.negative, &mut negative)] {
            for seed in side {
                let cosines = backend.cosines(&question.cancel, seed, rows)?;
                for ((best, sum), cosine) in of_side.iter_mut().zip(cosines) {
                    let cosine = cosine.unwrap_or(-1.0);
                    (*best, *sum) = (best.max(cosine), *sum + cosine);
                }
            }
        }
        for (&row, (positive, negative)) in rows.iter().zip(positive.into_iter().zip(negative)) {
            let score = match strategy {
                Strategy::SumScores => positive.1 - negative.1,
                _ if seeds.negative.is_empty() || positive.0 > negative.0 => positive.0,
                _ => -negative.0.abs(),
            };
            candidates.push(Candidate { semantic: Some(positive.0), score, ..Candidate::new(row) });
        }
    }
    Ok(candidates)
}

/// Gives the first places to candidates that score high and are unlike those before them. They are chosen among the
/// best [`DEPTH`], whatever the page.
fn diversify(
    question: &Question<'_>,
    backend: &dyn Backend,
    ranking: &mut Ranking,
    (end, diversity): (usize, f32),
) -> Result<(), EngineError> {
    let n_pool = ranking.candidates.len().min(DEPTH);
    let pool = &mut ranking.candidates[..n_pool];
    let rows: Vec<u32> = pool.iter().map(|candidate| candidate.row).collect();
    let vectors = backend.vectors(&question.cancel, &rows)?;
    let (low, high) = pool.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), candidate| {
        (low.min(candidate.score), high.max(candidate.score))
    });
    let scale = |score: f32| if high > low { (score - low) / (high - low) } else { 1.0 };
    let relevance: Vec<f32> = pool.iter().map(|candidate| scale(candidate.score)).collect();
    let mut likeness = vec![0.0_f32; n_pool];
    let mut is_chosen = vec![false; n_pool];
    for place in 0..end.min(n_pool) {
        question.cancel.check()?;
        let value = |at: usize| (1.0 - diversity) * relevance[at] - diversity * likeness[at];
        let left = (0..n_pool).filter(|at| !is_chosen[*at]);
        let Some(chosen) = left.max_by(|a, b| value(*a).total_cmp(&value(*b)).then(b.cmp(a))) else { break };
        is_chosen[chosen] = true;
        pool[chosen].place = place as u32;
        if let Some(vector) = &vectors[chosen] {
            for (likeness, other) in likeness.iter_mut().zip(&vectors) {
                *likeness = likeness.max(other.as_ref().map_or(0.0, |other| vector.cosine(other)));
            }
        }
    }
    ranking.candidates.sort_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
    Ok(())
}
