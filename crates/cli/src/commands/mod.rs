//! One module per command that has something to do; the short ones are here.

mod copy;
mod decisions;
mod dedup;
mod demo;
mod digest;
mod embed;
mod eval;
mod export;
mod index;
mod keys;
mod mcp;
mod model;
mod new_records;
mod outputs;
mod reembed;
mod saved;
mod serve;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use clap::CommandFactory;
use cognate_corpus::export::ExportFormat;
use cognate_engine::{Cancel, Engine, IndexStatus, SearchPath, SearchResponse, examine, examine_elsewhere};
use cognate_server::exported;
use cognate_wire::{
    AnswerShape, Fields, OneOrMany, PaperBody, SearchBody, SearchParams, SimilarParams, SourceBody,
    SourcesBody, StatsBody, TrendParams, TrendsBody,
};
use serde::Serialize;
use serde_json::json;

use crate::advice;
use crate::args::{Args, Command, PaperArgs, SearchArgs, SimilarArgs, StatsArgs, TrendsArgs, without_mark};
use crate::config::Config;
use crate::output::{self, Output};

/// Something given on the command line, or in a file named there, is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidInput(pub(crate) String);

/// Not all went well, and the answer says so already.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Answered(pub(crate) String);

/// Runs the command.
pub(crate) fn run(args: Args, output: &Output) -> anyhow::Result<()> {
    if let Command::Completions { shell } = args.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Args::command(), "cognate", &mut script);
        return output.line(String::from_utf8(script)?.trim_end());
    }
    if let Command::Man { folder } = &args.command {
        return man(folder);
    }
    let config = Config::load(&args)?;
    let works_on_folder = matches!(
        args.command,
        Command::Backup { .. } | Command::Restore { .. } | Command::Reembed | Command::Demo
    );
    if works_on_folder {
        config.needs_data_folder()?;
    }
    match args.command {
        Command::Index(index) => index::run(&config, output, &index),
        Command::Search(search) => run_search(&config, output, search),
        Command::Similar(similar) => run_similar(&config, output, similar),
        Command::Get(paper) => get(&config, output, &paper),
        Command::Delete(paper) => delete(&config, output, &paper),
        Command::Dedup(args) => dedup::run(&config, output, args),
        Command::Trends(args) => trends(&config, output, args),
        Command::Saved(command) => saved::run(&config, output, command),
        Command::Digest(args) => digest::run(&config, output, &args),
        Command::Serve(serve) => serve::run(&config, &serve),
        Command::Mcp => mcp::run(&config),
        Command::Keys(command) => keys::run(&config, output, command),
        Command::Eval(eval) => eval::run(&config, output, &eval),
        Command::Embed(embed) => embed::run(&config, output, &embed),
        Command::Demo => demo::run(&config, output),
        Command::Export(args) => export::run(&config, args),
        Command::Stats(args) => stats(&config, output, &args),
        Command::Doctor => doctor(&config, output),
        Command::Backup { file } => backup(&config, output, &file),
        Command::Restore { file } => restore(&config, output, &file),
        Command::Copy(copy) => copy::run(&config, output, &copy),
        Command::Optimize => optimize(&config, output),
        Command::Reembed => reembed::run(&config, output),
        Command::Model(model) => model::run(&config, output, model),
        Command::Completions { .. } | Command::Man { .. } => Ok(()),
    }
}

/// Writes the manual.
fn man(folder: &Path) -> anyhow::Result<()> {
    let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Args::command(), folder));
    written.with_context(|| format!("could not write the manual into {}", folder.display()))
}

/// Set by the first Ctrl-C or SIGTERM, of which the user is told at once; the second one ends the process.
pub(crate) fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let signals = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];
    for signal in signals {
        // The order matters: the shutdown looks at the flag before this signal sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let mut signals = signal_hook::iterator::Signals::new(signals)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            tell_of_stop();
        }
    })?;
    Ok(stop)
}

#[expect(clippy::print_stderr, reason = "for whoever pressed Ctrl-C")]
fn tell_of_stop() {
    // On a terminal this follows `^C` on the line of the progress bar, which is drawn again below.
    eprintln!("\nstopping after this step; what is done is kept (Ctrl-C again ends at once)");
}

fn run_search(config: &Config, output: &Output, args: SearchArgs) -> anyhow::Result<()> {
    let SearchArgs { query, page, mode, semantic_ratio, min_relevance, filters } = args;
    let words: Vec<String> = query.into_iter().map(without_mark).collect();
    let params = SearchParams {
        q: Some(words.join(" ")),
        mode,
        min_relevance,
        semantic_ratio: semantic_ratio.as_deref().map(str::parse).transpose()?,
        explain: page.explain,
        limit: page.limit,
        offset: page.offset,
        min_score: page.min_score,
        exact: page.exact,
        versions: page.versions,
        sort: page.sort,
        format: page.format,
        facets: filters.facets.map(OneOrMany::Commas),
        ..SearchParams::default()
    }
    .among(filters.conditions.into());
    let request = params.to_request()?;
    let AnswerShape { fields, format } = params.to_shape()?;
    let response = config.open()?.search(&request)?;
    print_list(output, response, (fields, format), params.q.as_deref().unwrap_or_default())
}

fn run_similar(config: &Config, output: &Output, args: SimilarArgs) -> anyhow::Result<()> {
    let SimilarArgs { id, page, filters } = args;
    let params = SimilarParams {
        explain: page.explain,
        limit: page.limit,
        offset: page.offset,
        min_score: page.min_score,
        exact: page.exact,
        versions: page.versions,
        sort: page.sort,
        format: page.format,
        facets: filters.facets.map(OneOrMany::Commas),
        ..SimilarParams::default()
    }
    .among(filters.conditions.into());
    let options = params.to_options()?;
    let AnswerShape { fields, format } = params.to_shape()?;
    let response = config.open()?.similar(&Cancel::default(), &id, &options)?;
    print_list(output, response, (fields, format), &id)
}

/// Prints a page of hits: as the body of an answer, or in a format that other programs read.
fn print_list(
    output: &Output,
    response: SearchResponse,
    (fields, format): (Fields, Option<ExportFormat>),
    about: &str,
) -> anyhow::Result<()> {
    match format {
        None => output.print(&SearchBody::new(response, fields), output::hits),
        Some(format) => {
            let bytes = exported(response.hits, format, about)?;
            output.line(String::from_utf8_lossy(&bytes).trim_end())
        }
    }
}

fn get(config: &Config, output: &Output, args: &PaperArgs) -> anyhow::Result<()> {
    let papers = config.open()?.papers(&args.id)?;
    let Some(body) = PaperBody::of_matches(papers) else { return Ok(()) };
    output.print(&body, |body| serde_json::to_string_pretty(body).unwrap_or_default())
}

fn delete(config: &Config, output: &Output, args: &PaperArgs) -> anyhow::Result<()> {
    let id = config.open()?.delete(&args.id)?;
    output.print(&json!({ "deleted": id }), |_| format!("deleted {id}"))
}

fn trends(config: &Config, output: &Output, args: TrendsArgs) -> anyhow::Result<()> {
    let TrendsArgs { date, days, history, limit } = args;
    let (request, limit) = TrendParams { date, days, history, limit }.to_request()?;
    let report = config.open()?.trends(&request, limit)?;
    output.print(&TrendsBody::from(report), output::trends)
}

fn stats(config: &Config, output: &Output, args: &StatsArgs) -> anyhow::Result<()> {
    let engine = config.open()?;
    if args.by.is_some() {
        return output.print(&SourcesBody::from(engine.sources()?), sources_in_words);
    }
    engine.load_vectors()?;
    let stats = engine.stats()?;
    let text = format!(
        "{} papers, generation {}\nmodel: {}\nindex: {}",
        stats.n_papers,
        stats.generation.map_or_else(|| "none".to_owned(), |generation| generation.to_string()),
        stats.model.as_ref().map_or_else(|| "none yet".to_owned(), ToString::to_string),
        stats.index.as_ref().map_or_else(|| "none yet".to_owned(), in_words),
    );
    output.print(&StatsBody::from(stats), |_| text)
}

/// A line for each source.
fn sources_in_words(body: &SourcesBody) -> String {
    let mut text = format!("{:>8} {:>8} {:>9}  source (identifiers)\n", "records", "papers", "abstracts");
    for source in &body.sources {
        let SourceBody { source, records, papers, abstracts, identifiers } = source;
        let name = output::one_line(source.as_deref().unwrap_or("(no source known)"));
        let kinds: Vec<String> = identifiers.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        text.push_str(&format!("{records:>8} {papers:>8} {abstracts:>9}  {name}{kinds}\n"));
    }
    text
}

fn backup(config: &Config, output: &Output, file: &Path) -> anyhow::Result<()> {
    let report = config.open()?.backup(file)?;
    let body = json!({ "n_papers": report.n_papers, "generation": report.generation, "bytes": report.bytes });
    output.print(&body, |_| {
        format!("{} papers are in {} ({} bytes)", report.n_papers, file.display(), report.bytes)
    })
}

fn restore(config: &Config, output: &Output, file: &Path) -> anyhow::Result<()> {
    let report = Engine::restore(&config.data_dir, file)?;
    let kept = report.kept_unreadable.as_ref().map(|path| path.display().to_string());
    let body = json!({
        "n_papers": report.n_papers,
        "generation": report.generation,
        "kept_unreadable": kept,
    });
    output.print(&body, |_| {
        let kept =
            kept.as_ref().map_or_else(String::new, |kept| format!("; the store that was there is {kept}"));
        format!("the store holds the {} papers of {}{kept}", report.n_papers, file.display())
    })
}

fn optimize(config: &Config, output: &Output) -> anyhow::Result<()> {
    let engine = config.open()?;
    let status = engine.optimize()?;
    output.print(&StatsBody::from(engine.stats()?), |_| in_words(&status))
}

fn in_words(status: &IndexStatus) -> String {
    let way = if status.path == SearchPath::Exact { "exact scan" } else { "graph" };
    let mib = |bytes: u64| bytes >> 20;
    let collection = &status.collection;
    format!(
        "{} papers in {} segments, searched by {way}; {} MiB of files, {} MiB in memory when all were touched",
        collection.n_rows,
        collection.segments.len(),
        mib(collection.disk_bytes),
        mib(collection.memory_bytes)
    )
}

#[derive(Serialize)]
struct DoctorBody {
    ok: bool,
    checks: Vec<CheckBody>,
}

#[derive(Serialize)]
struct CheckBody {
    name: &'static str,
    ok: bool,
    detail: String,
    mend: String,
}

fn doctor(config: &Config, output: &Output) -> anyhow::Result<()> {
    let found = match &config.engine {
        Some(_) => examine_elsewhere(&config.open()?, &config.model),
        None => examine(&config.data_dir, &config.model),
    };
    let checks: Vec<CheckBody> = found
        .into_iter()
        .map(|check| CheckBody {
            name: check.name,
            ok: check.ok,
            detail: check.detail,
            mend: check.remedy.as_ref().map_or_else(String::new, advice::for_remedy),
        })
        .collect();
    let body = DoctorBody { ok: checks.iter().all(|check| check.ok), checks };
    output.print(&body, |body| {
        let lines = body.checks.iter().map(|check| {
            let mark = if check.ok { "ok " } else { "BAD" };
            let mend = if check.ok { String::new() } else { format!("\n     fix: {}", check.mend) };
            format!("{mark}  {}: {}{mend}", check.name, check.detail)
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    if body.ok {
        Ok(())
    } else {
        Err(anyhow::anyhow!("something is wrong with the papers or their model; see above"))
    }
}
