//! Search quality on a collection with judgments, through the same engine as every search.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path as FilePath;
use std::sync::atomic::Ordering;
use std::time::Instant;

use cognate_corpus::PaperId;
use cognate_corpus::beir::{BeirFolder, Qrels};
use sha2::{Digest, Sha256};

use crate::engine::{Engine, EngineOptions};
use crate::error::EngineError;
use crate::ingest::Ingestion;
use crate::metrics::{self, Metrics, QueryMetrics};
use crate::model::{Model, ModelChoice};
use crate::search::{
    MAX_LIMIT, Mode, Page, QueryEvidence, Scores, SearchOptions, SearchRequest, SearchResponse, SemanticRatio,
};
use crate::stored_model::StoredModel;
use crate::view::DerivedFiles;

/// What to evaluate.
pub struct EvalRequest<'a> {
    /// A folder in BEIR's layout: `corpus.jsonl`, `queries.jsonl`, `qrels/SPLIT.tsv`.
    pub collection: &'a FilePath,
    /// Which judgments to use.
    pub split: &'a str,
    /// The ways to rank that are compared, at least one.
    pub modes: &'a [Mode],
    /// The part of meaning in hybrid scores; `None` is the default.
    pub semantic_ratio: Option<SemanticRatio>,
    /// Questions that the collection does not answer, to see how many are told that nothing fits.
    pub outside: &'a [String],
    /// Where the collection's papers are put.
    pub place: EvalPlace<'a>,
    /// The model.
    pub model: ModelChoice,
}

/// Where the papers of a collection are put to be searched.
pub enum EvalPlace<'a> {
    /// Below the user's data folder, apart from the user's papers.
    Folder(&'a FilePath),
    /// Among the papers that lie there with another engine, which should be of this collection alone. Ways to rank are as
    /// exact as that engine is.
    Elsewhere(&'a Engine),
}

/// One line of a TREC run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLine {
    /// The query's id.
    pub query: String,
    /// The paper's id.
    pub paper: String,
    /// From 1.
    pub rank: usize,
    /// The ranking score; higher is better.
    pub score: f32,
}

/// What is lost and gained where a graph is searched instead of every paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Approximation {
    /// nDCG@10 with the graph.
    pub ndcg_at_10: f64,
    /// The part of the exact first ten that the graph finds too, over all queries.
    pub overlap_at_10: f64,
}

/// What an answer tells of how well it fits the query.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryFit {
    /// The query's id; the text of one from outside.
    pub query: String,
    /// Whether it is from outside.
    pub is_outside: bool,
    /// What the best papers tell.
    pub evidence: Option<QueryEvidence>,
    /// The best `N_FITTED` hits.
    pub hits: Vec<HitFit>,
}

/// What tells how well a hit fits the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HitFit {
    /// What it is ranked by.
    pub score: f32,
    /// What the score is made of.
    pub scores: Scores,
    /// Its grade, where it was judged.
    pub grade: Option<i32>,
}

/// Hits of each query of which [`QueryFit`] tells: as many as an answer looks at.
const N_FITTED: usize = 50;

/// What one way to rank achieved.
#[derive(Debug, Clone, PartialEq)]
pub struct ModeReport {
    /// How papers were ranked.
    pub mode: Mode,
    /// The measures, over the queries with a relevant paper.
    pub metrics: Metrics,
    /// The measures of each of these queries, by its id.
    pub per_query: Vec<(String, QueryMetrics)>,
    /// Every ranking, queries in the order of their file.
    pub run: Vec<RunLine>,
    /// What the answers of judged queries, and then of those from outside, tell of how well they fit.
    pub fits: Vec<QueryFit>,
    /// `None` where no graph is used.
    pub approximation: Option<Approximation>,
    /// Wall time of all searches.
    pub seconds: f64,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalReport {
    /// The collection folder's name.
    pub collection: String,
    /// The judgments used.
    pub split: String,
    /// Papers in the collection.
    pub n_papers: u64,
    /// A report for each mode that was asked for, in that order.
    pub modes: Vec<ModeReport>,
    /// Wall time, with embedding the collection where that was needed.
    pub seconds: f64,
}

/// Evaluates search on a collection. In a data folder its papers are embedded into one of their own,
/// `DATA/eval/<hash of corpus, model and recipe>`, at the first call, and found there by later ones.
///
/// # Errors
/// [`EngineError::Read`] if the collection cannot be read, [`EngineError::Embed`] if the model cannot
/// be loaded, or a failure of the store.
pub fn evaluate(request: EvalRequest<'_>, ingestion: Ingestion<'_>) -> Result<EvalReport, EngineError> {
    let started = Instant::now();
    let collection = BeirFolder::new(request.collection);
    let queries = collection.queries()?;
    let qrels = collection.qrels(request.split)?;
    let opened;
    let engine = match &request.place {
        EvalPlace::Folder(data_dir) => {
            opened = open_collection(data_dir, &request.model, &collection, ingestion)?;
            &opened
        }
        EvalPlace::Elsewhere(engine) => {
            let stop = ingestion.stop;
            engine.ingest(collection.corpus()?, ingestion)?.complete()?;
            if stop.load(Ordering::Relaxed) {
                return Err(EngineError::Interrupted);
            }
            engine.persist_index()?;
            engine
        }
    };
    let is_exact = engine.can_be_exact()?;
    // Only queries with a relevant paper say something about a ranking.
    let judged: Vec<(&str, &str, BTreeMap<&str, i32>)> = queries
        .iter()
        .filter_map(|query| {
            let judgments: BTreeMap<&str, i32> =
                qrels.get(&query.id)?.iter().map(|(id, &grade)| (id.as_str(), grade)).collect();
            let has_relevant = judgments.values().any(|&grade| grade > 0);
            has_relevant.then_some((&*query.id, &*query.text, judgments))
        })
        .collect();
    let ratio = request.semantic_ratio;
    let modes = request.modes.iter().map(|mode| {
        let mut report = evaluate_mode((engine, is_exact), &judged, (*mode, ratio))?;
        for text in request.outside {
            let judgments = BTreeMap::new();
            let options = SearchOptions {
                mode: *mode,
                semantic_ratio: ratio,
                exact: is_exact,
                page: Page::new(Some(N_FITTED), None, None)?,
                ..SearchOptions::default()
            };
            let response = engine.search(&SearchRequest::new(text, options)?)?;
            report.fits.push(QueryFit { is_outside: true, ..fit_of(text, &response, &judgments) });
        }
        Ok::<_, EngineError>(report)
    });
    Ok(EvalReport {
        collection: request
            .collection
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        split: request.split.to_owned(),
        n_papers: engine.stats()?.n_papers,
        modes: modes.collect::<Result<_, _>>()?,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn evaluate_mode(
    (engine, is_exact): (&Engine, bool),
    queries: &[(&str, &str, BTreeMap<&str, i32>)],
    (mode, semantic_ratio): (Mode, Option<SemanticRatio>),
) -> Result<ModeReport, EngineError> {
    let started = Instant::now();
    let mut run = Vec::new();
    let mut per_query = Vec::new();
    let mut by_graph = Vec::new();
    let mut fits = Vec::new();
    let (mut n_top, mut n_shared) = (0, 0);
    for (id, text, judgments) in queries {
        let options = |exact| SearchOptions { mode, semantic_ratio, exact, ..SearchOptions::default() };
        let (exact, fit) = ranking(engine, (id, text, judgments), options(is_exact))?;
        fits.push(fit);
        let ids: Vec<&str> = exact.iter().map(|(paper, _)| paper.as_str()).collect();
        per_query.extend(metrics::measure(&ids, judgments).map(|measures| ((*id).to_owned(), measures)));
        if mode != Mode::Keyword && engine.searches_by_graph()? {
            let (approximate, _) = ranking(engine, (id, text, judgments), options(false))?;
            let found: Vec<&str> = approximate.iter().map(|(paper, _)| paper.as_str()).collect();
            by_graph.extend(metrics::measure(&found, judgments));
            let top = &ids[..ids.len().min(10)];
            n_top += top.len();
            n_shared += top.iter().filter(|id| found.iter().take(10).any(|found| found == *id)).count();
        }
        run.extend(exact.iter().enumerate().map(|(index, (paper, score))| RunLine {
            query: (*id).to_owned(),
            paper: paper.clone(),
            rank: index + 1,
            score: *score,
        }));
    }
    let measures: Vec<QueryMetrics> = per_query.iter().map(|(_, measures)| *measures).collect();
    Ok(ModeReport {
        mode,
        metrics: metrics::mean(&measures),
        per_query,
        run,
        fits,
        approximation: (!by_graph.is_empty()).then(|| Approximation {
            ndcg_at_10: metrics::mean(&by_graph).mean.ndcg_at_10,
            overlap_at_10: n_shared as f64 / n_top.max(1) as f64,
        }),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// The measures of rankings made elsewhere, by query: those with a relevant paper.
#[must_use]
pub fn measure_run(rankings: &BTreeMap<String, Vec<String>>, qrels: &Qrels) -> HashMap<String, QueryMetrics> {
    let measured = rankings.iter().filter_map(|(query, ranking)| {
        let judgments = qrels.get(query)?.iter().map(|(id, &grade)| (id.as_str(), grade)).collect();
        let ranking: Vec<&str> = ranking.iter().map(String::as_str).collect();
        Some((query.clone(), metrics::measure(&ranking, &judgments)?))
    });
    measured.collect()
}

/// What an answer tells of how well it fits.
fn fit_of(query: &str, response: &SearchResponse, judgments: &BTreeMap<&str, i32>) -> QueryFit {
    let hits = response.hits.iter().take(N_FITTED);
    QueryFit {
        query: query.to_owned(),
        is_outside: false,
        evidence: response.meta.evidence,
        hits: hits
            .map(|hit| HitFit {
                score: hit.score,
                scores: hit.scores,
                grade: judgments.get(hit.paper.paper.id.as_str()).copied(),
            })
            .collect(),
    }
}

/// Ids and scores, best first, and what they tell of how well they fit.
fn ranking(
    engine: &Engine,
    (id, text, judgments): (&str, &str, &BTreeMap<&str, i32>),
    options: SearchOptions,
) -> Result<(Vec<(String, f32)>, QueryFit), EngineError> {
    let options = SearchOptions { page: Page::new(Some(MAX_LIMIT), None, None)?, ..options };
    let response = engine.search(&SearchRequest::new(text, options)?)?;
    let fit = fit_of(id, &response, judgments);
    // Where queries are papers of the collection, finding oneself is no merit, unless judged so.
    let is_self = |paper: &PaperId| paper.as_str() == id && !judgments.contains_key(paper.as_str());
    let hits = response.hits.into_iter().filter(|hit| !is_self(&hit.paper.paper.id));
    Ok((hits.map(|hit| (hit.paper.paper.id.into(), hit.score)).collect(), fit))
}

/// The engine over the collection's papers, complete.
fn open_collection(
    data_dir: &FilePath,
    choice: &ModelChoice,
    collection: &BeirFolder,
    ingestion: Ingestion<'_>,
) -> Result<Engine, EngineError> {
    let corpus = collection.corpus_path();
    let model = Model::start(choice.load(None)?)?;
    let data_dir = data_dir.join("eval").join(collection_key(&model.identity, &corpus)?);
    let options = EngineOptions {
        data_dir: data_dir.clone(),
        model: choice.clone(),
        derived_files: DerivedFiles::Keep,
        index_memory: None,
        index_layout: cognate_index::Layout::Compact,
    };
    let engine = Engine::create_with_model(options, model)?;
    let complete = data_dir.join("complete");
    if !complete.exists() {
        let stop = ingestion.stop;
        engine.ingest(collection.corpus()?, ingestion)?.complete()?;
        if stop.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted);
        }
        File::create(&complete).map_err(|source| EngineError::Io {
            action: "mark the collection as complete with",
            path: complete,
            source,
        })?;
    }
    Ok(engine)
}

/// 16 hex digits that differ whenever the corpus, the model, the precision or the recipe does.
fn collection_key(model: &StoredModel, corpus: &FilePath) -> Result<String, EngineError> {
    let mut hasher = Sha256::new();
    hasher.update(format!("{:?}", StoredModel { name: String::new(), ..model.clone() }));
    let io = |source| EngineError::Io { action: "read", path: corpus.to_owned(), source };
    let mut file = File::open(corpus).map_err(io)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer).map_err(io)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    Ok(hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
