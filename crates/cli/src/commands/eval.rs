//! `cognate eval`: search quality on a collection with judgments.

use std::io::Write;

use anyhow::Context;
use cognate_engine::{EvalRequest, IngestEvent, Ingestion, Mode, evaluate};
use serde::Serialize;

use super::{InvalidInput, stop_flag};
use crate::args::EvalArgs;
use crate::config::Config;
use crate::output::Output;
use crate::progress::Progress;

#[derive(Serialize)]
struct EvalBody {
    collection: String,
    split: String,
    mode: String,
    n_papers: u64,
    n_queries: usize,
    ndcg_at_10: f64,
    mrr_at_10: f64,
    map: f64,
    recall_at_100: f64,
    seconds: f64,
}

pub(crate) fn run(config: &Config, output: &Output, args: &EvalArgs) -> anyhow::Result<()> {
    let mode: Mode = args.mode.as_deref().map(str::parse).transpose()?.unwrap_or_default();
    let stop = stop_flag()?;
    let mut progress = Progress::start("embed the collection", None);
    let report = evaluate(
        EvalRequest {
            collection: &args.collection,
            split: &args.split,
            mode,
            data_dir: &config.data_dir,
            model: config.model.clone(),
        },
        Ingestion {
            strict: false,
            stop: &stop,
            on_event: &mut |event| match event {
                IngestEvent::Committed(counts) => {
                    let rate = counts.embedded as f64 / progress.elapsed().as_secs_f64();
                    progress.update(counts.read, &format!("{} papers, {rate:.1}/s", counts.read));
                }
                IngestEvent::Skipped(error) => progress.line(&format!("skipped {error}")),
                IngestEvent::Warning(_) => {}
            },
        },
    );
    progress.finish();
    let report = report?;
    if report.metrics.n_queries == 0 {
        return Err(InvalidInput(format!(
            "`{}` has no query with a positive judgment in the split {:?}",
            args.collection.display(),
            args.split
        ))
        .into());
    }

    if let Some(path) = &args.run {
        let mut file = Vec::new();
        for line in &report.run {
            writeln!(file, "{} Q0 {} {} {:.7} cognate", line.query, line.paper, line.rank, line.score)?;
        }
        std::fs::write(path, file).with_context(|| format!("could not write `{}`", path.display()))?;
    }
    let mean = report.metrics.mean;
    let body = EvalBody {
        collection: report.collection,
        split: report.split,
        mode: report.mode.to_string(),
        n_papers: report.n_papers,
        n_queries: report.metrics.n_queries,
        ndcg_at_10: mean.ndcg_at_10,
        mrr_at_10: mean.mrr_at_10,
        map: mean.average_precision,
        recall_at_100: mean.recall_at_100,
        seconds: report.seconds,
    };
    output.print(&body, |body| {
        format!(
            "{} ({}), {}: {} papers, {} queries\nnDCG@10 {:.4}   MRR@10 {:.4}   MAP {:.4}   Recall@100 {:.4}   ({:.1} s)",
            body.collection,
            body.split,
            body.mode,
            body.n_papers,
            body.n_queries,
            body.ndcg_at_10,
            body.mrr_at_10,
            body.map,
            body.recall_at_100,
            body.seconds
        )
    })
}
