//! `cognate dedup undo`, `runs`, `dropped`, `flow`, `decisions`, `label`, `labels`, `histogram` and `pairs`: what
//! people decide about duplicates, and what helps them to.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use cognate_corpus::export::{ExportFormat, Exporter};
use cognate_engine::{DedupReport, Engine, Member, Relation, StoredPaper, Undo};
use cognate_server::feed_meta;
use cognate_wire::{
    BinBody, CountsBody, DroppedBody, DroppedPaperBody, FlowBody, HistogramBody, HistogramParams, LabelBody,
    LabelledBody, LabelsBody, PairPaperBody, PairsBody, PairsParams, RunsBody, UndoneBody,
};
use serde_json::json;

use crate::args::{HistogramArgs, LabelArg, LabelArgs, PairsArgs, UndoArgs};
use crate::config::Config;
use crate::output::{Output, one_line};

/// Dropped papers that are read from the store at a time.
const PORTION: usize = 10_000;

pub(crate) fn undo(config: &Config, output: &Output, args: UndoArgs) -> anyhow::Result<()> {
    let undo = match args.run {
        Some(run) => Undo::Run(run),
        None if args.paper.is_empty() => Undo::Latest,
        None => Undo::Papers(args.paper),
    };
    let undone = config.open()?.undo(&undo)?;
    let of_run = undone.run.map_or_else(String::new, |run| format!(" that application {run} had dropped"));
    let text = format!("{} papers are back{of_run}", undone.n_restored);
    output.print(&UndoneBody::from(undone), |_| text)
}

pub(crate) fn runs(config: &Config, output: &Output) -> anyhow::Result<()> {
    let runs = RunsBody::from(config.open()?.drop_runs()?);
    output.print(&runs, |body| {
        let lines = body.runs.iter().map(|run| {
            format!(
                "{:>4}  {}  {} dropped, {} of them still; {}",
                run.run, run.applied, run.dropped, run.standing, run.parameters
            )
        });
        or_none(lines.collect::<Vec<_>>().join("\n"), "No duplicates were dropped yet.")
    })
}

pub(crate) fn dropped(config: &Config, output: &Output) -> anyhow::Result<()> {
    let body = all_dropped(&config.open()?)?;
    output.print(&body, |body| {
        let lines = body.data.iter().map(|paper| {
            let title =
                paper.title.as_deref().map_or_else(String::new, |title| format!("  {}", one_line(title)));
            format!(
                "{}{title}\n      the same as {}, by application {}: {}\n",
                paper.id, paper.matched_to, paper.run, paper.reason
            )
        });
        or_none(lines.collect(), "No paper is dropped.")
    })
}

/// Every paper that is dropped at this moment.
fn all_dropped(engine: &Engine) -> anyhow::Result<DroppedBody> {
    let mut body = DroppedBody::from(engine.dropped(0, PORTION)?);
    loop {
        let next = DroppedBody::from(engine.dropped(body.data.len(), PORTION)?);
        if next.data.is_empty() {
            return Ok(body);
        }
        body.data.extend(next.data);
    }
}

pub(crate) fn label(config: &Config, output: &Output, args: &LabelArgs) -> anyhow::Result<()> {
    let is_duplicate = match args.label {
        LabelArg::Yes => Some(true),
        LabelArg::No => Some(false),
        LabelArg::None => None,
    };
    let labelled = config.open()?.label(&args.a, &args.b, is_duplicate)?;
    let (a, b) = &labelled.pair;
    let said = match is_duplicate {
        Some(true) => "are duplicates",
        Some(false) => "are two papers",
        None => "have no label any more",
    };
    let back = if labelled.n_restored > 0 { "; the dropped one is back" } else { "" };
    let text = format!("{a} and {b} {said}{back}");
    output.print(&LabelledBody::new(labelled, is_duplicate), |_| text)
}

pub(crate) fn labels(config: &Config, output: &Output) -> anyhow::Result<()> {
    let labels = LabelsBody::from(config.open()?.labels()?);
    output.print(&labels, |body| {
        let lines = body.labels.iter().map(|label| {
            format!("{:<3}  {}  {}", if label.duplicate { "yes" } else { "no" }, label.a, label.b)
        });
        or_none(lines.collect::<Vec<_>>().join("\n"), "No pair is labelled yet.")
    })
}

pub(crate) fn histogram(config: &Config, output: &Output, args: HistogramArgs) -> anyhow::Result<()> {
    let params = HistogramParams { by: args.cut.by, at: args.cut.at, bins: args.bins };
    let cut = params.cut()?;
    let histogram = config.open()?.dedup_histogram(cut, params.bins)?;
    output.print(&HistogramBody::from(histogram), |body| {
        let mut text = format!("{:<13} {:>8} {:>5} {:>5}  precision\n", body.by, "pairs", "yes", "no");
        for bin in body.bins.iter().rev() {
            let BinBody { from, to, counts } = bin;
            text.push_str(&format!("{from:.3} {to:.3}   {}\n", counts_in_words(counts)));
        }
        text + &format!("{:.3} or above {}", body.at, counts_in_words(&body.above))
    })
}

fn counts_in_words(counts: &CountsBody) -> String {
    let CountsBody { n_pairs, yes, no, precision } = counts;
    let precision = precision.estimate.map_or_else(String::new, |estimate| {
        format!("  {estimate:.3} (95 %: {:.3} to {:.3})", precision.low, precision.high)
    });
    format!("{n_pairs:>8} {yes:>5} {no:>5}{precision}")
}

pub(crate) fn pairs(config: &Config, output: &Output, args: PairsArgs) -> anyhow::Result<()> {
    let params = PairsParams { by: args.cut.by, at: args.cut.at, limit: args.limit };
    let cut = params.cut()?;
    let pairs = config.open()?.pairs_to_label(cut, params.limit())?;
    output.print(&PairsBody::from(pairs), |body| {
        let lines = body.pairs.iter().map(|pair| {
            let paper = |paper: &PairPaperBody| {
                let title = paper.title.as_deref().map_or_else(String::new, one_line);
                format!("       {}  {title}\n", paper.id)
            };
            let what = format!("{:.3}  {}: {}\n", pair.probability, pair.kind, pair.reason);
            what + &paper(&pair.a) + &paper(&pair.b)
        });
        or_none(lines.collect(), "Every pair is labelled, or there are none.")
    })
}

fn or_none(text: String, none: &str) -> String {
    if text.is_empty() { none.to_owned() } else { text }
}

pub(crate) fn flow(config: &Config, output: &Output) -> anyhow::Result<()> {
    let flow = FlowBody::from(config.open()?.flow(None)?);
    output.print(&flow, |flow| flow.in_words().trim_end().to_owned())
}

/// Writes a report as CSV.
pub(crate) fn write_report(path: &Path, report: &DedupReport) -> anyhow::Result<()> {
    let mut table = csv::Writer::from_path(path)?;
    table.write_record([
        "keep",
        "id",
        "action",
        "matched_to",
        "probability",
        "score",
        "kind",
        "relation",
        "title",
        "source",
        "reason",
    ])?;
    for cluster in &report.clusters {
        for Member { id, action, title, source, found } in &cluster.members {
            let of = |field: &Option<String>| field.clone().unwrap_or_default();
            let mut line = vec![cluster.keep.to_string(), id.to_string(), action.name().to_owned()];
            match found {
                Some(found) => line.extend([
                    found.matched_to.to_string(),
                    found.probability.to_string(),
                    found.score.to_string(),
                    found.kind.name().to_owned(),
                    found.relation.map_or("", Relation::name).to_owned(),
                ]),
                None => line.extend([const { String::new() }; 5]),
            }
            let reason = found.as_ref().map_or_else(String::new, |found| found.reason.clone());
            line.extend([of(title), of(source), reason]);
            table.write_record(&line)?;
        }
    }
    Ok(table.flush()?)
}

/// Writes every decision as CSV: what is dropped, and what was said of pairs.
pub(crate) fn table(config: &Config, output: &Output, path: &Path) -> anyhow::Result<()> {
    super::outputs::refuse_input("FILE", path, [config.store_file().as_path()])?;
    let engine = config.open()?;
    let (dropped, labels) = (all_dropped(&engine)?, LabelsBody::from(engine.labels()?).labels);
    let written = write_decisions(path, &dropped.data, &labels);
    written.with_context(|| format!("could not write `{}`", path.display()))?;
    let counts = json!({ "dropped": dropped.data.len(), "labels": labels.len() });
    output.print(&counts, |_| format!("{} drops and {} labels written", dropped.data.len(), labels.len()))
}

fn write_decisions(path: &Path, dropped: &[DroppedPaperBody], labels: &[LabelBody]) -> anyhow::Result<()> {
    let mut table = csv::Writer::from_path(path)?;
    table.write_record([
        "decision",
        "id",
        "other",
        "by",
        "when",
        "run",
        "probability",
        "score",
        "kind",
        "source",
        "title",
        "other_title",
        "reason",
    ])?;
    let of = |field: &Option<String>| field.clone().unwrap_or_default();
    for paper in dropped {
        table.write_record([
            "dropped",
            &paper.id,
            &paper.kept,
            "cognate",
            &paper.dropped,
            &paper.run.to_string(),
            &paper.probability.to_string(),
            &paper.score.to_string(),
            &paper.kind,
            &of(&paper.source),
            &of(&paper.title),
            &of(&paper.kept_title),
            &paper.reason,
        ])?;
    }
    for label in labels {
        let said = if label.duplicate { "said to be duplicates" } else { "said to be two papers" };
        table.write_record([
            said,
            &label.a,
            &label.b,
            "a person",
            &label.labelled,
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
        ])?;
    }
    Ok(table.flush()?)
}

/// Prints the papers that stay if `report` is acted on, else all, in the order in which they were first indexed.
pub(crate) fn print_kept(
    engine: &Engine,
    report: Option<&DedupReport>,
    format: ExportFormat,
) -> anyhow::Result<()> {
    let out = io::BufWriter::new(io::stdout().lock());
    let mut exporter = Exporter::new(format, out, &feed_meta("papers without duplicates", None))?;
    if format.has_keys() {
        exporter.reserve(engine.citation_keys()?);
    }
    let written = engine
        .for_each_kept(report, &mut |StoredPaper { paper, .. }| {
            exporter.write(&paper, None).map_err(anyhow::Error::from)
        })
        .and_then(|()| exporter.finish()?.flush().map_err(anyhow::Error::from));
    match written {
        // A reader that has gone away is no error.
        Err(error)
            if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        written => written,
    }
}
