//! Papers near several others, and far from some.

use std::collections::HashMap;
use std::time::Instant;

use cognate_corpus::identifier;
use cognate_vector::UnitVector;
use roaring::RoaringBitmap;

use super::fusion::DEPTH;
use super::rank::{self, Candidate, Question, Ranking, Target};
use super::request::{Mode, SearchOptions, check_query, invalid};
use super::response::{Reading, SearchResponse};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::papers::paper_of_key;
use crate::view::{Moment, Snapshot};

/// Most seeds, positive and negative together.
pub const MAX_SEEDS: usize = 100;
/// Most ids to leave out.
const MAX_EXCLUDED: usize = 10_000;
/// Candidates for each hit that is chosen for diversity.
const POOL: usize = 5;

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
    /// Carbonell and Goldstein (1998).
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
    fn check(&self) -> Result<(), EngineError> {
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
    /// [`EngineError::PaperNotFound`] and [`EngineError::AmbiguousPaper`] for a seed, or a failure of model
    /// or store.
    pub fn recommend(
        &self,
        cancel: &Cancel,
        request: &RecommendRequest,
    ) -> Result<SearchResponse, EngineError> {
        let started = Instant::now();
        request.check()?;
        let options = &request.options;
        let Some(view) = self.view()? else {
            // None of the papers is there.
            for seed in request.positive.iter().chain(&request.negative) {
                if let Seed::Paper(key) = seed {
                    self.paper(key)?;
                }
            }
            return Ok(super::empty_answer(options, started));
        };
        let texts = self.embedded_seeds(cancel, request)?;
        self.at_one_moment(&view, &mut |moment| {
            let seeds = seeds(moment, request, &texts)?;
            let mut pool = options.clone();
            if request.diversity > 0.0 {
                pool.page.limit = options.page.end() * POOL;
                pool.page.offset = 0;
            }
            let question = Question {
                words: None,
                target: Some(Target::Known(combined(&seeds)?)),
                text: "",
                browses: false,
                mode: Mode::Semantic,
                pinned: Vec::new(),
                exclude: seeds.exclude.clone(),
                options: &pool,
                cancel: cancel.clone(),
            };
            let snapshot = &moment.snapshot;
            let works = self.works_for(moment, options)?;
            let mut ranking = rank::rank(snapshot, works.as_deref(), &question)?;
            if request.strategy != Strategy::AverageVector {
                ranking = by_seeds(snapshot, &seeds, (request.strategy, &question), ranking)?;
            }
            if request.diversity > 0.0 {
                diversify(&question, snapshot, &mut ranking, (options.page.end(), request.diversity))?;
            }
            let (mut response, _) = super::read_page(moment, options, ranking)?;
            for hit in &mut response.hits {
                let cosines = cosines(snapshot, &seeds.positive, hit.paper.row)?;
                let nearest =
                    (0..cosines.len()).max_by(|a, b| cosines[*a].total_cmp(&cosines[*b]).then(b.cmp(a)));
                hit.nearest_seed = nearest.map(|seed| seeds.names[seed].clone());
            }
            response.meta.took = started.elapsed();
            Ok(response)
        })
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
    moment: &Moment<'_>,
    request: &RecommendRequest,
    texts: &HashMap<&str, UnitVector>,
) -> Result<Seeds, EngineError> {
    let mut exclude = Vec::new();
    let mut names = Vec::new();
    let mut vector = |seed: &Seed| match seed {
        Seed::Paper(key) => {
            let stored = moment.read(|reader| paper_of_key(reader, key))?;
            exclude.push(stored.row);
            names.push(stored.paper.id.to_string());
            moment.vector(stored.row)?.ok_or_else(|| EngineError::PaperNotFound { key: key.clone() })
        }
        Seed::Text(text) => {
            names.push(text.clone());
            texts.get(&**text).cloned().ok_or(EngineError::ThreadGone { thread: "embedding" })
        }
    };
    let positive = request.positive.iter().map(&mut vector).collect::<Result<_, _>>()?;
    let negative = request.negative.iter().map(&mut vector).collect::<Result<_, _>>()?;
    moment.read(|reader| {
        let by_id = reader.rows_of(request.exclude.iter().map(String::as_str))?;
        for key in request.exclude.iter().filter(|key| !by_id.contains_key(key.as_str())) {
            exclude.extend(reader.look_up(&identifier::lookup(key))?.iter().map(|stored| stored.row));
        }
        exclude.extend(by_id.into_values());
        Ok(())
    })?;
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

fn cosines(snapshot: &Snapshot, seeds: &[UnitVector], row: u32) -> Result<Vec<f32>, EngineError> {
    let vectors = &snapshot.vectors;
    seeds.iter().map(|seed| Ok(vectors.score(seed, row)?.unwrap_or(-1.0))).collect()
}

/// The candidates near any positive seed, scored by all seeds. `by_average` gives what else an answer says.
fn by_seeds(
    snapshot: &Snapshot,
    seeds: &Seeds,
    (strategy, question): (Strategy, &Question<'_>),
    by_average: Ranking,
) -> Result<Ranking, EngineError> {
    let options = question.options;
    let end = options.page.end() + seeds.exclude.len();
    let depth = end.max(DEPTH);
    let mut candidates: HashMap<u32, Candidate> = by_average
        .candidates
        .iter()
        .map(|candidate| (candidate.row, Candidate::new(candidate.row)))
        .collect();
    let allowed = by_average.allowed.as_ref();
    for seed in &seeds.positive {
        question.cancel.check()?;
        for hit in snapshot.vectors.search(seed, &rank::nearest(options, allowed, (end, depth)))?.hits {
            candidates.entry(hit.row).or_insert_with(|| Candidate::new(hit.row));
        }
    }
    let mut candidates: Vec<Candidate> = candidates
        .into_values()
        .filter(|candidate| seeds.exclude.binary_search(&candidate.row).is_err())
        .collect();
    for candidate in &mut candidates {
        question.cancel.check()?;
        let positive = cosines(snapshot, &seeds.positive, candidate.row)?;
        let negative = cosines(snapshot, &seeds.negative, candidate.row)?;
        let best = |cosines: &[f32]| cosines.iter().copied().fold(-1.0, f32::max);
        let (best_positive, best_negative) = (best(&positive), best(&negative));
        candidate.semantic = Some(best_positive);
        candidate.score = match strategy {
            Strategy::SumScores => positive.iter().sum::<f32>() - negative.iter().sum::<f32>(),
            _ if negative.is_empty() || best_positive > best_negative => best_positive,
            _ => -best_negative.abs(),
        };
    }
    let Ranking { mut total, mut matching, .. } = by_average;
    if let Some(min_score) = options.page.min_score {
        candidates.retain(|candidate| candidate.semantic.is_some_and(|score| score >= min_score));
        let mut near = RoaringBitmap::new();
        for seed in &seeds.positive {
            question.cancel.check()?;
            near.extend(snapshot.vectors.at_least(seed, min_score, allowed)?.map(|hit| hit.row));
        }
        seeds.exclude.iter().for_each(|row| {
            near.remove(*row);
        });
        total = near.len();
        matching = matching.map(|_| near);
    }
    candidates.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
    Ok(Ranking {
        candidates,
        total,
        matching,
        allowed: by_average.allowed,
        path: by_average.path,
        reading: Reading::default(),
    })
}

/// Gives the first `n_chosen` places to candidates that score high and are unlike those before them.
fn diversify(
    question: &Question<'_>,
    snapshot: &Snapshot,
    ranking: &mut Ranking,
    (n_chosen, diversity): (usize, f32),
) -> Result<(), EngineError> {
    ranking.candidates.truncate(n_chosen * POOL);
    let mut vectors = Vec::with_capacity(ranking.candidates.len());
    for candidate in &ranking.candidates {
        vectors.push(snapshot.vectors.vector(candidate.row)?);
    }
    let scores = || ranking.candidates.iter().map(|candidate| candidate.score);
    let scale = super::fusion::Scale::of(scores());
    let relevance: Vec<f32> = scores().map(|score| scale.scaled(score)).collect();
    let mut likeness = vec![0.0_f32; vectors.len()];
    let mut is_chosen = vec![false; vectors.len()];
    for place in 0..n_chosen.min(vectors.len()) {
        question.cancel.check()?;
        let value = |at: usize| (1.0 - diversity) * relevance[at] - diversity * likeness[at];
        let left = (0..vectors.len()).filter(|at| !is_chosen[*at]);
        let Some(chosen) = left.max_by(|a, b| value(*a).total_cmp(&value(*b)).then(b.cmp(a))) else { break };
        is_chosen[chosen] = true;
        ranking.candidates[chosen].place = place as u32;
        if let Some(vector) = &vectors[chosen] {
            for (likeness, other) in likeness.iter_mut().zip(&vectors) {
                *likeness = likeness.max(other.as_ref().map_or(0.0, |other| vector.cosine(other)));
            }
        }
    }
    ranking.candidates.sort_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
    Ok(())
}
