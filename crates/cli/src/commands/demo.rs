//! `cognate demo`: a small corpus that comes along, indexed and asked three questions.

use std::path::PathBuf;

use cognate_corpus::{Format, ReadOptions, Source};
use cognate_engine::{
    Engine, EngineOptions, IngestEvent, IngestPolicy, Ingestion, Page, RecordSource, SearchOptions,
    SearchRequest,
};
use cognate_wire::{Fields, IngestBody, SearchBody};
use serde_json::json;

use super::stop_flag;
use crate::config::Config;
use crate::output::{self, Output};
use crate::progress::Progress;

/// Abstracts written for this project; see `crates/cli/demo/README.md`.
pub(super) const CORPUS: &str = include_str!("../../demo/corpus.jsonl");

/// Where the demo goes when no folder is named: not among the user's own papers.
const DATA_DIR: &str = "cognate-demo";

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if word.chars().all(is_plain) && !word.is_empty() {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

const QUESTIONS: [&str; 3] = [
    "what is harming wild pollinators, farm chemicals or rising temperatures?",
    "how to merge keyword and vector search results without labelled queries",
    "how can a classifier's confidence stay trustworthy on unfamiliar inputs?",
];

/// Whether this command names a folder: one of the environment or the configuration is that of the user's own papers.
fn is_named_here() -> bool {
    std::env::args_os()
        .any(|arg| arg.to_str().is_some_and(|arg| arg == "--data" || arg.starts_with("--data=")))
}

pub(crate) fn run(config: &Config, output: &Output) -> anyhow::Result<()> {
    let data_dir = if is_named_here() { config.data_dir.clone() } else { PathBuf::from(DATA_DIR) };
    let stop = stop_flag()?;
    let engine = Engine::create(EngineOptions { data_dir: data_dir.clone(), ..config.engine_options() })?;

    let total = CORPUS.lines().count() as u64;
    let mut progress = Progress::start("index", Some(total));
    let options = ReadOptions { format: Format::Jsonl, ..ReadOptions::default() };
    let report = engine.ingest(
        Source::from_reader("demo corpus", CORPUS.as_bytes()).records(&options)?,
        Ingestion {
            policy: IngestPolicy {
                strict: true,
                source: RecordSource::Named("demo".to_owned()),
                ..IngestPolicy::default()
            },
            stop: &stop,
            on_event: &mut |event| {
                if let IngestEvent::Committed(report) = event {
                    let n_read = report.counts.read;
                    progress.update(n_read, &format!("{n_read} of {total} papers"));
                }
            },
        },
    )?;
    let seconds = progress.elapsed().as_secs_f64();
    progress.finish();

    let mut answers = Vec::new();
    for question in QUESTIONS {
        let request = SearchRequest::new(
            question,
            SearchOptions { page: Page::new(Some(3), None, None)?, ..SearchOptions::default() },
        )?;
        answers.push(SearchBody::new(engine.search(&request)?, Fields::default()));
    }
    let index = IngestBody { seconds: Some(seconds), ..IngestBody::new(&report) };
    let body = json!({ "index": index, "searches": answers });
    output.print(&body, |_| {
        let mut text = format!(
            "{} papers indexed into {} in {seconds:.1} s\n\n",
            report.counts.read,
            data_dir.display()
        );
        for (question, answer) in QUESTIONS.iter().zip(&answers) {
            text.push_str(&format!("“{question}”\n{}\n\n", output::hits(answer)));
        }
        let command = quoted(&std::env::args().next().unwrap_or_else(|| "cognate".to_owned()));
        let folder = quoted(&data_dir.to_string_lossy());
        text.push_str(&format!(
            "Go on with:\n\
             \x20 {command} --data {folder} search \"your question\"\n\
             \x20 {command} --data {folder} similar demo-001\n\
             \x20 {command} --data {folder} dedup --threshold 0.85\n\
             \x20 {command} --data {folder} serve\n\
             and with your own papers:\n\
             \x20 {command} index FILE…\n\
             \x20 {command} --help"
        ));
        text
    })
}
