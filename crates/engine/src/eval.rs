//! Search quality on a collection with judgments, through the same engine as every search.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path as FilePath;
use std::sync::atomic::Ordering;
use std::time::Instant;

use cognate_corpus::PaperId;
use cognate_corpus::beir::BeirFolder;
use sha2::{Digest, Sha256};

use crate::engine::{Engine, EngineOptions, Model, ModelChoice};
use crate::error::EngineError;
use crate::ingest::Ingestion;
use crate::metrics::{self, Metrics};
use crate::search::{MAX_LIMIT, Mode, Page, SearchOptions, SearchRequest};
use crate::store::StoredModel;

/// What to evaluate.
pub struct EvalRequest<'a> {
    /// A folder in BEIR's layout: `corpus.jsonl`, `queries.jsonl`, `qrels/SPLIT.tsv`.
    pub collection: &'a FilePath,
    /// Which judgments to use.
    pub split: &'a str,
    /// How to rank.
    pub mode: Mode,
    /// The user's data folder; the collection is kept below it, apart from the user's papers.
    pub data_dir: &'a FilePath,
    /// The model.
    pub model: ModelChoice,
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

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalReport {
    /// The collection folder's name.
    pub collection: String,
    /// The judgments used.
    pub split: String,
    /// How papers were ranked.
    pub mode: Mode,
    /// Papers in the collection.
    pub n_papers: u64,
    /// The measures, over the queries with a relevant paper.
    pub metrics: Metrics,
    /// Wall time, with embedding the collection where that was needed.
    pub seconds: f64,
    /// Every ranking, queries in order of id.
    pub run: Vec<RunLine>,
}

/// Evaluates search on a collection. Its papers are embedded into a folder of their own,
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
    let engine = open_collection(&request, &collection, ingestion)?;

    let mut run = Vec::new();
    let mut per_query = Vec::new();
    for query in &queries {
        let Some(judged) = qrels.get(&query.id) else { continue };
        let judgments: BTreeMap<&str, i32> = judged.iter().map(|(id, &grade)| (id.as_str(), grade)).collect();
        if !judgments.values().any(|&grade| grade > 0) {
            continue;
        }
        let options = SearchOptions {
            mode: request.mode,
            page: Page::new(Some(MAX_LIMIT), None, None)?,
            exact: true,
            ..SearchOptions::default()
        };
        let search = SearchRequest::new(&*query.text, options)?;
        let response = engine.search(&search)?;
        // Where queries are papers of the collection, finding oneself is no merit, unless judged so.
        let is_self = |id: &PaperId| id.as_str() == query.id && !judgments.contains_key(id.as_str());
        let hits: Vec<_> = response.hits.iter().filter(|hit| !is_self(&hit.paper.paper.id)).collect();
        let ranking: Vec<&str> = hits.iter().map(|hit| hit.paper.paper.id.as_str()).collect();
        per_query.extend(metrics::measure(&ranking, &judgments));
        run.extend(hits.iter().enumerate().map(|(index, hit)| RunLine {
            query: query.id.clone(),
            paper: hit.paper.paper.id.to_string(),
            rank: index + 1,
            score: hit.score,
        }));
    }
    Ok(EvalReport {
        collection: request
            .collection
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        split: request.split.to_owned(),
        mode: request.mode,
        n_papers: engine.stats()?.n_papers,
        metrics: metrics::mean(&per_query),
        seconds: started.elapsed().as_secs_f64(),
        run,
    })
}

/// The engine over the collection's papers, complete.
fn open_collection(
    request: &EvalRequest<'_>,
    collection: &BeirFolder,
    ingestion: Ingestion<'_>,
) -> Result<Engine, EngineError> {
    let corpus = collection.corpus_path();
    let model = Model::start(request.model.load(None)?)?;
    let data_dir = request.data_dir.join("eval").join(collection_key(&model.identity, &corpus)?);
    let options = EngineOptions { data_dir: data_dir.clone(), model: request.model.clone() };
    let engine = Engine::create_with_model(options, model)?;
    let complete = data_dir.join("complete");
    if !complete.exists() {
        let stop = ingestion.stop;
        engine.ingest(collection.corpus()?, ingestion)?;
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
