//! `cognate eval`: search quality on a collection with judgments.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cognate_corpus::beir::BeirFolder;
use cognate_engine::{
    EvalPlace, EvalReport, EvalRequest, IngestEvent, IngestPolicy, Ingestion, Mode, ModeReport, PATIENT,
    QueryMetrics, bootstrap_p_value, evaluate, measure_run,
};
use cognate_wire::RatioParam;
use serde::Serialize;

use super::outputs::refuse_input;
use super::{InvalidInput, stop_flag};
use crate::args::EvalArgs;
use crate::config::Config;
use crate::output::Output;
use crate::progress::Progress;

/// All modes, the first of which is the one that the others are compared with.
const ALL_MODES: [Mode; 3] = [Mode::Semantic, Mode::Keyword, Mode::Hybrid];

#[derive(Serialize)]
struct EvalBody {
    collection: String,
    split: String,
    #[serde(flatten)]
    first: ModeBody,
    n_papers: u64,
    n_queries: usize,
    /// Wall time of all.
    seconds: f64,
    /// Every mode, where several were compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    modes: Vec<ModeBody>,
}

#[derive(Clone, Serialize)]
struct ModeBody {
    mode: String,
    ndcg_at_10: f64,
    mrr_at_10: f64,
    map: f64,
    recall_at_100: f64,
    /// What a graph costs: nDCG@10 with it, and the part of the exact first ten that it finds.
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<GraphBody>,
    /// The difference in nDCG@10 to the other ranking, and its p-value.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<DifferenceBody>,
}

#[derive(Clone, Serialize)]
struct GraphBody {
    ndcg_at_10: f64,
    overlap_at_10: f64,
}

#[derive(Clone, Serialize)]
struct DifferenceBody {
    to: String,
    ndcg_at_10: f64,
    p_value: f64,
}

pub(crate) fn run(config: &Config, output: &Output, args: &EvalArgs) -> anyhow::Result<()> {
    let collection = &args.collection;
    let of_collection = [
        collection.join("corpus.jsonl"),
        collection.join("queries.jsonl"),
        collection.join("qrels").join(format!("{}.tsv", args.split)),
        config.store_file(),
    ];
    for (option, path) in
        [("--run", &args.run), ("--evidence", &args.evidence), ("--per-query", &args.per_query)]
    {
        if let Some(path) = path {
            let inputs = of_collection.iter().chain(&args.outside).chain(&args.against);
            refuse_input(option, path, inputs.map(PathBuf::as_path))?;
        }
    }
    let mode: Option<Mode> = args.mode.as_deref().map(str::parse).transpose()?;
    let modes = mode.map_or_else(|| ALL_MODES.to_vec(), |mode| vec![mode]);
    let ratio = args.semantic_ratio.as_deref().map(str::parse::<RatioParam>).transpose()?;
    let outside = match &args.outside {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("could not read `{}`", path.display()))?;
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
        }
        None => Vec::new(),
    };
    let elsewhere = config.engine.as_ref().map(|_| config.open()).transpose()?;
    let place = match &elsewhere {
        Some(engine) => EvalPlace::Elsewhere(engine),
        None => EvalPlace::Folder(&config.data_dir),
    };
    let stop = stop_flag()?;
    let mut progress = Progress::start("embed the collection", None);
    let report = evaluate(
        EvalRequest {
            collection: &args.collection,
            split: &args.split,
            modes: &modes,
            semantic_ratio: ratio.map(RatioParam::to_ratio).transpose()?.flatten(),
            outside: &outside,
            place,
            model: config.model.clone(),
        },
        Ingestion {
            policy: IngestPolicy { n_retries: PATIENT, ..IngestPolicy::default() },
            stop: &stop,
            on_event: &mut |event| match event {
                IngestEvent::Committed(report) => {
                    let rate = report.embedded as f64 / progress.elapsed().as_secs_f64();
                    let n_read = report.counts.read;
                    progress.update(n_read, &format!("{n_read} papers, {rate:.1}/s"));
                }
                IngestEvent::Skipped(error) => progress.line(&format!("skipped {error}")),
                // The evaluation ends with it.
                IngestEvent::Broken(_) | IngestEvent::Record(_) | IngestEvent::Warning(_) => {}
            },
        },
    );
    progress.finish();
    let report = report?;
    let first = &report.modes[0];
    if first.metrics.n_queries == 0 {
        return Err(InvalidInput(format!(
            "`{}` has no query with a positive judgment in the split {:?}",
            args.collection.display(),
            args.split
        ))
        .into());
    }

    if let Some(path) = &args.run {
        write(path, &run_file(first)?)?;
    }
    if let Some(path) = &args.evidence {
        write(path, &evidence_file(first)?)?;
    }
    if let Some(path) = &args.per_query {
        write(path, &per_query_file(&report)?)?;
    }
    let other = match &args.against {
        Some(path) => Some((path.display().to_string(), measures_of_run(path, args)?)),
        None => (report.modes.len() > 1).then(|| (first.mode.to_string(), by_query(first))),
    };
    let bodies: Vec<ModeBody> = report.modes.iter().map(|mode| mode_body(mode, other.as_ref())).collect();
    let body = EvalBody {
        collection: report.collection,
        split: report.split,
        first: bodies[0].clone(),
        n_papers: report.n_papers,
        n_queries: first.metrics.n_queries,
        seconds: report.seconds,
        modes: if bodies.len() > 1 { bodies } else { Vec::new() },
    };
    output.print(&body, in_words)
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("could not write `{}`", path.display()))
}

fn run_file(report: &ModeReport) -> anyhow::Result<Vec<u8>> {
    let mut file = Vec::new();
    for line in &report.run {
        let tag = format!("cognate-{}", report.mode);
        writeln!(file, "{} Q0 {} {} {:.7} {tag}", line.query, line.paper, line.rank, line.score)?;
    }
    Ok(file)
}

#[derive(Serialize)]
struct FitBody<'a> {
    query: &'a str,
    outside: bool,
    semantic_ratio: f32,
    n_words: f32,
    bound: f32,
    confidence: f32,
    fits_well: bool,
    hits: Vec<HitFitBody>,
}

#[derive(Serialize)]
struct HitFitBody {
    score: f32,
    cosine: Option<f32>,
    keyword: Option<f32>,
    coverage: Option<f32>,
    /// Null where there is no judgment.
    grade: Option<i32>,
    relevance: f32,
}

fn evidence_file(report: &ModeReport) -> anyhow::Result<Vec<u8>> {
    let mut file = Vec::new();
    for fit in &report.fits {
        let Some(evidence) = fit.evidence else { continue };
        let body = FitBody {
            query: &fit.query,
            outside: fit.is_outside,
            semantic_ratio: evidence.ratio,
            n_words: evidence.n_words,
            bound: evidence.bound,
            confidence: evidence.confidence(),
            fits_well: evidence.fits_well(),
            hits: fit
                .hits
                .iter()
                .map(|hit| HitFitBody {
                    score: hit.score,
                    cosine: hit.scores.semantic,
                    keyword: hit.scores.keyword,
                    coverage: hit.scores.coverage,
                    grade: hit.grade,
                    relevance: evidence.relevance(hit.score),
                })
                .collect(),
        };
        serde_json::to_writer(&mut file, &body)?;
        file.push(b'\n');
    }
    Ok(file)
}

fn per_query_file(report: &EvalReport) -> anyhow::Result<Vec<u8>> {
    let mut file = Vec::new();
    writeln!(file, "query,mode,ndcg_at_10,mrr_at_10,average_precision,recall_at_100")?;
    for mode in &report.modes {
        for (query, m) in &mode.per_query {
            let query = format!("\"{}\"", query.replace('"', "\"\""));
            let measures = [m.ndcg_at_10, m.mrr_at_10, m.average_precision, m.recall_at_100];
            let measures: Vec<String> = measures.iter().map(|measure| format!("{measure:.6}")).collect();
            writeln!(file, "{query},{},{}", mode.mode, measures.join(","))?;
        }
    }
    Ok(file)
}

fn by_query(report: &ModeReport) -> HashMap<String, QueryMetrics> {
    report.per_query.iter().cloned().collect()
}

/// The measures of a TREC run: `query Q0 paper rank score tag` a line.
fn measures_of_run(path: &Path, args: &EvalArgs) -> anyhow::Result<HashMap<String, QueryMetrics>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))?;
    let mut rankings: BTreeMap<String, Vec<(f64, String)>> = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let mut fields = line.split_whitespace();
        let mut skip = |n: usize| fields.nth(n);
        let (query, paper, score) = (skip(0), skip(1), skip(1).and_then(|score| score.parse::<f64>().ok()));
        let (Some(query), Some(paper), Some(score)) = (query, paper, score) else {
            let message = format!(
                "`{}`, line {}: expected `query Q0 paper rank score tag`, found {line:?}",
                path.display(),
                index + 1
            );
            return Err(InvalidInput(message).into());
        };
        rankings.entry(query.to_owned()).or_default().push((score, paper.to_owned()));
    }
    let rankings = rankings.into_iter().map(|(query, mut ranking)| {
        ranking.sort_by(|a, b| b.0.total_cmp(&a.0));
        (query, ranking.into_iter().map(|(_, paper)| paper).collect())
    });
    let qrels = BeirFolder::new(&args.collection).qrels(&args.split)?;
    Ok(measure_run(&rankings.collect(), &qrels))
}

fn mode_body(report: &ModeReport, other: Option<&(String, HashMap<String, QueryMetrics>)>) -> ModeBody {
    let mean = report.metrics.mean;
    let difference = other.filter(|(name, _)| *name != report.mode.to_string()).map(|(name, measures)| {
        let pairs: Vec<(f64, f64)> = report
            .per_query
            .iter()
            .map(|(query, own)| (own.ndcg_at_10, measures.get(query).map_or(0.0, |m| m.ndcg_at_10)))
            .collect();
        let sum: f64 = pairs.iter().map(|(own, other)| own - other).sum();
        DifferenceBody {
            to: name.clone(),
            ndcg_at_10: sum / pairs.len().max(1) as f64,
            p_value: bootstrap_p_value(&pairs),
        }
    });
    ModeBody {
        mode: report.mode.to_string(),
        ndcg_at_10: mean.ndcg_at_10,
        mrr_at_10: mean.mrr_at_10,
        map: mean.average_precision,
        recall_at_100: mean.recall_at_100,
        graph: report
            .approximation
            .map(|graph| GraphBody { ndcg_at_10: graph.ndcg_at_10, overlap_at_10: graph.overlap_at_10 }),
        difference,
    }
}

fn in_words(body: &EvalBody) -> String {
    let mut text = format!(
        "{} ({}): {} papers, {} queries\n\n{:10}{:>9}{:>9}{:>9}{:>12}\n",
        body.collection,
        body.split,
        body.n_papers,
        body.n_queries,
        "mode",
        "nDCG@10",
        "MRR@10",
        "MAP",
        "Recall@100"
    );
    let modes = if body.modes.is_empty() { std::slice::from_ref(&body.first) } else { &body.modes };
    for mode in modes {
        text.push_str(&format!(
            "{:10}{:>9.4}{:>9.4}{:>9.4}{:>12.4}",
            mode.mode, mode.ndcg_at_10, mode.mrr_at_10, mode.map, mode.recall_at_100
        ));
        if let Some(difference) = &mode.difference {
            let DifferenceBody { to, ndcg_at_10, p_value } = difference;
            text.push_str(&format!("   nDCG@10 {ndcg_at_10:+.4} to {to}, p = {p_value:.4}"));
        }
        if let Some(graph) = &mode.graph {
            text.push_str(&format!(
                "   by graph: nDCG@10 {:.4}, {:.1} % of the first ten",
                graph.ndcg_at_10,
                100.0 * graph.overlap_at_10
            ));
        }
        text.push('\n');
    }
    text.push_str(&format!("\n{:.1} s", body.seconds));
    text
}
