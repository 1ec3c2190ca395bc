//! `cognate dedup`: duplicates among the papers, and records judged in pairs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context;
use cognate_corpus::export::{ExportFormat, UnknownExportFormat};
use cognate_corpus::{Paper, Place, ReadOptions, paper_from_json};
use cognate_engine::{
    Application, DedupReport, DedupRequest, Engine, EngineError, Match, Member, PairJudge, Relation, Verdict,
    named_features,
};
use cognate_wire::{
    ApplyBody, CheckedBody, DedupBody, DedupParams, FlowBody, PairBody, ScoredPairBody, recorded_parameters,
    to_judging,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::index::Files;
use super::new_records::NewRecords;
use super::outputs::refuse_input;
use super::{InvalidInput, decisions, stop_flag};
use crate::args::{CheckArgs, CheckPairsArgs, DedupArgs, DedupCommand, DedupFindArgs};
use crate::config::Config;
use crate::output::{Output, one_line};
use crate::progress::Progress;

/// Pairs judged at a time: their texts and vectors are held.
const WINDOW_PAIRS: usize = 1024;
/// Records checked at a time.
const WINDOW_RECORDS: usize = 256;
/// Longest line accepted, in bytes: two records, each with an abstract of the longest accepted.
const MAX_LINE_BYTES: u64 = 4 << 20;

pub(crate) fn run(config: &Config, output: &Output, args: DedupArgs) -> anyhow::Result<()> {
    match args.command {
        None => find(config, output, args.find, Pairs::ScoredWhereNeeded),
        Some(DedupCommand::Rethreshold(args)) => find(config, output, args, Pairs::Kept),
        Some(DedupCommand::Undo(args)) => decisions::undo(config, output, args),
        Some(DedupCommand::Runs) => decisions::runs(config, output),
        Some(DedupCommand::Dropped) => decisions::dropped(config, output),
        Some(DedupCommand::Flow) => decisions::flow(config, output),
        Some(DedupCommand::Decisions(args)) => decisions::table(config, output, &args.file),
        Some(DedupCommand::Label(args)) => decisions::label(config, output, &args),
        Some(DedupCommand::Labels) => decisions::labels(config, output),
        Some(DedupCommand::Histogram(args)) => decisions::histogram(config, output, args),
        Some(DedupCommand::Pairs(args)) => decisions::pairs(config, output, args),
        Some(DedupCommand::Check(args)) => check(config, output, args),
        Some(DedupCommand::CheckPairs(args)) => check_pairs(config, output, args),
    }
}

/// Where scored pairs come from.
enum Pairs {
    /// Those kept, else scored now.
    ScoredWhereNeeded,
    /// Those kept, else an error.
    Kept,
}

fn find(config: &Config, output: &Output, args: DedupFindArgs, pairs: Pairs) -> anyhow::Result<()> {
    let params = DedupParams {
        threshold: args.threshold,
        min_probability: args.judging.min_probability,
        versions: args.judging.versions,
        clusters: args.clusters,
        keep: args.keep,
        merge: Some(args.merge),
        new: args.new.then_some(true),
    };
    let request = params.to_request()?;
    let format: Option<ExportFormat> = args
        .format
        .map(|name| name.parse())
        .transpose()
        .map_err(|error: UnknownExportFormat| InvalidInput(format!("--format: {error}")))?;
    for (option, path) in [("--pairs", &args.pairs), ("--table", &args.table)] {
        if let Some(path) = path {
            refuse_input(option, path, [config.store_file().as_path()])?;
        }
    }
    let stop = stop_flag()?;
    let engine = config.open()?;
    let mut progress = Progress::start("dedup", None);
    let mut seconds: BTreeMap<&'static str, f64> = BTreeMap::new();
    let mut current: Option<(&'static str, Instant)> = None;
    // Whether this is another step.
    let mut enter = |next: &'static str| {
        let last = current.replace((next, Instant::now()));
        if let Some((step, since)) = last {
            *seconds.entry(step).or_default() += since.elapsed().as_secs_f64();
        }
        last.is_none_or(|(step, _)| step != next)
    };
    let report = match pairs {
        Pairs::Kept => engine.rethreshold(&request),
        Pairs::ScoredWhereNeeded => engine.dedup(&request, &stop, &mut |step, done, total| {
            if enter(step) {
                progress.begin(total as u64);
            }
            progress.update(done as u64, &format!("{step}: {done} of {total}"));
        }),
    };
    if let Some((step, since)) = current {
        *seconds.entry(step).or_default() += since.elapsed().as_secs_f64();
    }
    progress.finish();
    let report = report?;
    if let Some(path) = &args.pairs {
        write_pairs(path, &engine, &request)
            .with_context(|| format!("could not write `{}`", path.display()))?;
    }
    if let Some(path) = &args.table {
        decisions::write_report(path, &report)
            .with_context(|| format!("could not write `{}`", path.display()))?;
    }
    let flow = FlowBody::from(engine.flow(Some(&report))?);
    let application =
        if args.apply { Some(engine.drop_duplicates(&report, &recorded_parameters(&params))?) } else { None };
    if let Some(format) = format {
        // Once they are dropped, the papers that stay are all there are.
        return decisions::print_kept(&engine, (!args.apply).then_some(&report), format);
    }
    let flow_text = if flow.sources.len() > 1 { flow.in_words() + "\n" } else { String::new() };
    let text = in_words(&report) + &flow_text;
    let report = DedupBody::from(report).with_seconds(seconds).with_flow(flow);
    let Some(application) = application else {
        return output.print(&report, |_| text + "nothing was changed");
    };
    output.print(&ApplyBody::new(report, application), |_| text + &applied_in_words(&application))
}

/// What an application did.
fn applied_in_words(application: &Application) -> String {
    let Application { run, n_dropped, n_left } = application;
    let Some(run) = run else { return "nothing was dropped".to_owned() };
    let left = if *n_left > 0 { format!(", {n_left} left since they changed") } else { String::new() };
    format!("{n_dropped} dropped{left}. `cognate dedup undo {run}` brings them back")
}

fn write_pairs(path: &Path, engine: &Engine, request: &DedupRequest) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for pair in &engine.scored_by_id(request)? {
        serde_json::to_writer(&mut file, &ScoredPairBody::from(pair))?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

fn in_words(report: &DedupReport) -> String {
    let mut text = String::new();
    for cluster in &report.clusters {
        for Member { id, action, title, found, .. } in &cluster.members {
            let action = action.name();
            let title = title.as_deref().map_or_else(String::new, |title| format!("  {}", one_line(title)));
            let to = match found {
                Some(found) if found.matched_to != cluster.keep => format!(" (by {})", found.matched_to),
                _ => String::new(),
            };
            text.push_str(&format!("{action:<6} {id}{to}{title}\n"));
            if let Some(Match { probability, kind, relation, reason, .. }) = found {
                let how = relation.map_or(kind.name(), Relation::name);
                text.push_str(&format!("       {probability:.2} {how}: {reason}\n"));
            }
        }
        text.push('\n');
    }
    let stats = report.stats;
    text.push_str(&format!(
        "{} papers{}, {} pairs compared, {} clusters: {} to drop, {} to review\n",
        stats.n_papers,
        stats.n_new.map_or_else(String::new, |n_new| format!(", {n_new} of them new")),
        stats.n_pairs,
        stats.n_clusters,
        stats.n_drop,
        stats.n_review
    ));
    text
}

/// Records of files against the store, a line each.
fn check(config: &Config, output: &Output, args: CheckArgs) -> anyhow::Result<()> {
    let judging = to_judging(args.judging.min_probability, args.judging.versions.as_deref())?;
    let inputs = args.files.iter().cloned().chain([config.store_file()]).collect();
    let mut new = args.new.as_ref().map(|path| NewRecords::begin(path, inputs)).transpose()?;
    let stop = stop_flag()?;
    let engine = config.open()?;
    let options = ReadOptions { format: args.format, ..ReadOptions::default() };
    let progress = Progress::start("check", None);
    let mut n_bad = 0_usize;
    let mut n_by_verdict: BTreeMap<&str, usize> =
        ["duplicate", "review", "nothing"].map(|name| (name, 0)).into();
    let mut records = Files::new(&args.files, options);
    loop {
        let (mut papers, mut formats) = (Vec::with_capacity(WINDOW_RECORDS), Vec::new());
        while let Some(record) = records.next() {
            match record.map_err(EngineError::from)? {
                Ok(parsed) => {
                    papers.push(parsed.paper);
                    formats.push(records.format());
                }
                Err(error) => {
                    n_bad += 1;
                    progress.line(&format!("skipped {error}"));
                }
            }
            if papers.len() == WINDOW_RECORDS {
                break;
            }
        }
        if papers.is_empty() {
            break;
        }
        for ((paper, format), checked) in papers.iter().zip(formats).zip(engine.check(&papers, &judging)?) {
            *n_by_verdict.entry(checked.verdict.name()).or_default() += 1;
            if let (Some(new), Verdict::Distinct) = (&mut new, checked.verdict) {
                new.write(paper, format)?;
            }
            output.print(&CheckedBody::from(checked), CheckedBody::in_words)?;
        }
        if stop.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted.into());
        }
    }
    progress.finish();
    let written = new.map(|new| new.finish(records.format())).transpose()?.unwrap_or_default();
    let n_checked: usize = n_by_verdict.values().sum();
    if n_checked == 0 {
        return Err(InvalidInput("no record could be read; see the messages above".to_owned()).into());
    }
    let counts = json!({ "checked": n_checked, "skipped": n_bad, "duplicate": n_by_verdict["duplicate"],
        "review": n_by_verdict["review"], "nothing": n_by_verdict["nothing"], "written": written });
    output.print(&counts, |_| {
        let files = if written.is_empty() {
            String::new()
        } else {
            format!(", written to {}", written.join(" and "))
        };
        format!(
            "{n_checked} records: {} are in the store, {} to review, {} are new{files}",
            n_by_verdict["duplicate"], n_by_verdict["review"], n_by_verdict["nothing"]
        )
    })
}

/// A line of the file.
#[derive(Deserialize)]
struct PairLine {
    a: Value,
    b: Value,
}

fn check_pairs(config: &Config, output: &Output, args: CheckPairsArgs) -> anyhow::Result<()> {
    let judging = to_judging(args.judging.min_probability, args.judging.versions.as_deref())?;
    let mut judge = PairJudge::new(judging, config.model.clone());
    let mut lines = Lines::open(&args.file)?;
    loop {
        let pairs = lines.next_pairs()?;
        if pairs.is_empty() {
            return Ok(());
        }
        for judged in judge.judge(&pairs)? {
            let features: Option<Map<String, Value>> = args.features.then(|| {
                let [work, publication] = named_features(&judged.judgment.evidence);
                let named = |features: Vec<(&str, f64)>| {
                    let of = |(name, value): (&str, f64)| (name.to_owned(), json!(value));
                    Value::Object(features.into_iter().map(of).collect())
                };
                Map::from_iter([
                    ("work".to_owned(), named(work)),
                    ("publication".to_owned(), named(publication)),
                    (
                        "publication_limit".to_owned(),
                        json!(judged.judgment.evidence.most_of_one_publication()),
                    ),
                ])
            });
            let mut body = serde_json::to_value(PairBody::from(judged))?;
            if let (Some(features), Value::Object(body)) = (features, &mut body) {
                body.insert("features".to_owned(), features.into());
            }
            output.line(&body.to_string())?;
        }
    }
}

/// The file's pairs, line by line.
struct Lines {
    reader: Box<dyn BufRead>,
    name: String,
    n_lines: u64,
}

impl Lines {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            let reader = Box::new(io::stdin().lock());
            return Ok(Self { reader, name: "standard input".to_owned(), n_lines: 0 });
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| InvalidInput(format!("`{name}`: {error}")))?;
        Ok(Self { reader: Box::new(BufReader::new(file)), name, n_lines: 0 })
    }

    /// The next pairs; none at the end. Blank lines are passed over.
    fn next_pairs(&mut self) -> anyhow::Result<Vec<(Paper, Paper)>> {
        let mut pairs = Vec::new();
        let mut line = Vec::new();
        while pairs.len() < WINDOW_PAIRS {
            line.clear();
            if Read::take(&mut self.reader, MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            self.n_lines += 1;
            if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
                return Err(self.bad(&format!("the line is longer than {MAX_LINE_BYTES} bytes")));
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let pair: PairLine =
                serde_json::from_slice(&line).map_err(|error| self.bad(&format!("found {error}")))?;
            let place = Place { file: self.name.as_str().into(), line: self.n_lines };
            let paper = |record: Value| {
                paper_from_json(record, &place)
                    .map(|parsed| parsed.paper)
                    .map_err(|error| InvalidInput(error.to_string()))
            };
            pairs.push((paper(pair.a)?, paper(pair.b)?));
        }
        Ok(pairs)
    }

    fn bad(&self, found: &str) -> anyhow::Error {
        let Self { name, n_lines, .. } = self;
        InvalidInput(format!(
            "{name}, line {n_lines}: expected an object with the records `a` and `b`; {found}"
        ))
        .into()
    }
}
