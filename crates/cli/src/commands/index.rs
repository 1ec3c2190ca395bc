//! `cognate index`: papers from files into the data folder.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use cognate_corpus::{Format, ReadError, ReadOptions, Record, RecordError, Records, Source};
use cognate_engine::{
    EngineError, FileReport, IngestCounts, IngestEvent, IngestPolicy, IngestReport, Ingestion, PATIENT,
    Pruned, RecordReport, RecordSource,
};
use cognate_wire::{IngestBody, fault_in_words};

use super::outputs::refuse_input;
use super::{Answered, InvalidInput, stop_flag};
use crate::args::IndexArgs;
use crate::config::Config;
use crate::output::Output;
use crate::progress::Progress;

/// Bad records and warnings told one by one; beyond this only their number is.
const MAX_TOLD: u64 = 20;

pub(crate) fn run(config: &Config, output: &Output, args: &IndexArgs) -> anyhow::Result<()> {
    let options = read_options(args)?;
    let policy = policy(args)?;
    // Where no file can be read, or the report not be written, nothing is begun.
    let unreadable: Vec<ReadError> = args.files.iter().filter_map(|path| unreadable(path)).collect();
    if unreadable.len() == args.files.len()
        && let Some(error) = unreadable.into_iter().next()
    {
        return Err(EngineError::from(error).into());
    }
    if let Some(report) = &args.report {
        let store = config.store_file();
        let inputs = args.files.iter().chain([&store]).map(PathBuf::as_path);
        refuse_input("--report", report, inputs)?;
    }
    let mut table = args.report.as_deref().map(Table::create).transpose()?;
    let stop = stop_flag()?;
    let engine = config.create()?;

    let files = Files::new(&args.files, options);
    let position = Rc::clone(&files.position);
    let encodings = Rc::clone(&files.encodings);
    let opened = Rc::clone(&files.opened);
    let mut progress = Progress::start("index", total_bytes(&args.files));
    let mut n_told = 0;
    let mut failure = None;
    let result = engine.ingest(
        files,
        Ingestion {
            policy,
            stop: &stop,
            on_event: &mut |event| {
                if let Some(table) = &mut table
                    && let Err(error) = table.write(&event)
                {
                    // The papers are worth more than the table.
                    failure.get_or_insert(error);
                }
                match event {
                    IngestEvent::Committed(report) => {
                        progress.update(position.get(), &counts_in_words(report, progress.elapsed()));
                    }
                    IngestEvent::Skipped(error) => tell(&progress, &mut n_told, &format!("skipped {error}")),
                    IngestEvent::Broken(error) => progress.line(&fault_in_words(error)),
                    IngestEvent::Warning(warning) => {
                        tell(&progress, &mut n_told, &format!("warning: {warning}"));
                    }
                    IngestEvent::Record(record) => {
                        if let Some(line) = clash_in_words(&record) {
                            tell(&progress, &mut n_told, &line);
                        }
                    }
                }
            },
        },
    );
    let elapsed = progress.elapsed();
    if n_told > MAX_TOLD {
        progress.line(&format!("… and {} more such lines", n_told - MAX_TOLD));
    }
    for note in encodings.borrow().iter() {
        progress.line(note);
    }
    progress.finish();
    let mut report = result?;
    add_empty_files(&mut report, &opened.borrow());
    if let [only] = report.files.as_mut_slice()
        && only.counts.read == 0
        && let Some(error) = only.error.take()
    {
        return Err(EngineError::from(error).into());
    }
    // What is searched is part of the work: the first question should not wait for it.
    engine.persist_index()?;

    let n_shared = engine.n_that_share()?;
    let body = IngestBody::new(&report).with_files(&report, elapsed.as_secs_f64());
    let body = IngestBody { shared: Some(n_shared), ..body };
    output.print(&body, |_| report_in_words(&report, elapsed) + &shared_in_words(n_shared))?;
    if let Some(error) = failure {
        return Err(error).context("the papers are indexed, but not all of the report is written");
    }
    if let Some(mut table) = table {
        table.writer.flush().context("the papers are indexed, but not all of the report is written")?;
    }
    if stop.load(Ordering::Relaxed) {
        return Err(EngineError::Interrupted.into());
    }
    let n_broken = report.files.iter().filter(|file| file.error.is_some()).count();
    if n_broken > 0 {
        let pruned = if args.prune { "; nothing was removed" } else { "" };
        let message =
            format!("{n_broken} of {} files could not be read to the end{pruned}", report.files.len());
        return Err(Answered(message).into());
    }
    let IngestCounts { read, skipped, .. } = report.counts;
    if read == 0 {
        return Err(InvalidInput("no record was found in what was given".to_owned()).into());
    }
    if read > 0 && skipped == read {
        return Err(InvalidInput("no record could be read; see the messages above".to_owned()).into());
    }
    if args.prune && report.pruned.is_none() {
        let message = format!("--prune: nothing was removed, since {skipped} records were skipped");
        return Err(Answered(message).into());
    }
    Ok(())
}

/// Adds the files that hold no record, so that all are in the order in which they were read.
fn add_empty_files(report: &mut IngestReport, opened: &[Arc<str>]) {
    for (at, file) in opened.iter().enumerate() {
        if report.files.iter().all(|known| known.file != *file) {
            let counts = IngestCounts::default();
            let at = at.min(report.files.len());
            report.files.insert(at, FileReport { file: Arc::clone(file), counts, error: None });
        }
    }
}

fn policy(args: &IndexArgs) -> anyhow::Result<IngestPolicy> {
    let source = match args.source.as_deref().map(str::trim) {
        None => RecordSource::File,
        Some("") => return Err(InvalidInput("--source: expected a name, found none".to_owned()).into()),
        Some(name) => RecordSource::Named(name.to_owned()),
    };
    let IndexArgs { strict, restore, replace, prune, .. } = *args;
    if prune && source == RecordSource::File && args.files.iter().any(|path| path == Path::new("-")) {
        let message = "--prune: expected --source with standard input, which has no name".to_owned();
        return Err(InvalidInput(message).into());
    }
    let shard = args.shard.as_deref().map(str::parse).transpose()?;
    Ok(IngestPolicy {
        source,
        strict,
        restore,
        replace,
        prune,
        shard,
        n_retries: PATIENT,
        ..IngestPolicy::default()
    })
}

/// Why a path cannot be read, as far as that can be told before it is.
fn unreadable(path: &Path) -> Option<ReadError> {
    if path == Path::new("-") {
        return None;
    }
    let source = std::fs::metadata(path).err()?;
    Some(ReadError::Open { path: path.to_owned(), source })
}

/// Two records with one id, where they are of two papers.
fn clash_in_words(record: &RecordReport<'_>) -> Option<String> {
    let clash = record.clash?;
    let (file, line) = &clash.other;
    let other = if file.is_empty() { "a paper in the store".to_owned() } else { format!("{file}:{line}") };
    Some(format!(
        "warning: {}: has the id {} of {other}, but another title and no author in common: kept as {}",
        record.place, clash.id, record.id
    ))
}

/// The table of what became of each record.
struct Table {
    writer: csv::Writer<File>,
}

impl Table {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).map_err(|error| {
            InvalidInput(format!("--report: could not write `{}`: {error}", path.display()))
        })?;
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(["file", "line", "key", "paper", "outcome", "why"])?;
        Ok(Self { writer })
    }

    fn write(&mut self, event: &IngestEvent<'_>) -> Result<(), csv::Error> {
        match event {
            IngestEvent::Record(record) => {
                let why = why(record);
                let line = record.place.line.to_string();
                self.writer.write_record([
                    &record.place.file,
                    line.as_str(),
                    record.key.unwrap_or_default(),
                    record.id,
                    record.outcome.name(),
                    why.as_str(),
                ])
            }
            IngestEvent::Skipped(error) => {
                let line = error.place.line.to_string();
                let field = error.field.as_ref().map_or_else(String::new, |field| format!("{field}: "));
                let why = format!("{field}{}", error.message);
                let key = error.id.as_deref().unwrap_or_default();
                self.writer.write_record([&error.place.file, line.as_str(), key, "", "skipped", why.as_str()])
            }
            IngestEvent::Broken(error) => {
                let line = error.line().map_or_else(String::new, |line| line.to_string());
                let (file, why) = (error.file(), fault_in_words(error));
                self.writer.write_record([&file, line.as_str(), "", "", "broken", why.as_str()])
            }
            IngestEvent::Committed(_) | IngestEvent::Warning(_) => Ok(()),
        }
    }
}

/// Why that became of a record.
fn why(record: &RecordReport<'_>) -> String {
    use cognate_engine::Outcome;

    if let Some(clash) = record.clash {
        let (file, line) = &clash.other;
        return format!("the id {} is that of {file}:{line}, which is another paper", clash.id);
    }
    let with = record.with.map(|(file, line)| format!("{file}:{line}"));
    match (record.outcome, with) {
        (Outcome::Added, _) => "a new paper".to_owned(),
        (Outcome::Updated, _) if record.is_restored => {
            "its paper, which was dropped as a duplicate, was brought back".to_owned()
        }
        (Outcome::Updated, None) => "it says something else than before".to_owned(),
        (Outcome::Updated, Some(with)) => format!("of the same paper as {with}, to which it adds"),
        (Outcome::Unchanged, None) => "stored already".to_owned(),
        (Outcome::Unchanged, Some(with)) => format!("of the same paper as {with}, to which it adds nothing"),
        (Outcome::Repeated, None) => "it repeats another record".to_owned(),
        (Outcome::Repeated, Some(with)) => format!("it repeats {with}"),
    }
}

fn read_options(args: &IndexArgs) -> anyhow::Result<ReadOptions> {
    let day = match &args.date {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            InvalidInput(format!("--date: expected a date such as 2025-07-30, found {text:?}"))
        })?),
    };
    Ok(ReadOptions { format: args.format, day, ..ReadOptions::default() })
}

fn tell(progress: &Progress, n_told: &mut u64, line: &str) {
    *n_told += 1;
    if *n_told <= MAX_TOLD {
        progress.line(line);
    }
}

/// The counts of all files and, where there are several, of each.
fn report_in_words(report: &IngestReport, elapsed: Duration) -> String {
    let mut text = String::new();
    if report.files.len() > 1 {
        for file in &report.files {
            let error = if file.error.is_some() { ", not read to the end" } else { "" };
            text.push_str(&format!("{}: {}{error}\n", file.file, counts(&file.counts)));
        }
    }
    text + &counts_in_words(report, elapsed)
}

/// How many papers may be duplicates, and the command that shows them.
fn shared_in_words(n_shared: u64) -> String {
    if n_shared == 0 {
        return String::new();
    }
    format!(
        "\n{n_shared} papers share an identifier or a title with another; `cognate dedup` says which are the same"
    )
}

fn counts(counts: &IngestCounts) -> String {
    let IngestCounts { read, added, updated, unchanged, repeated, skipped } = counts;
    let mut words = format!("{read} read, {added} added, {updated} updated, {unchanged} unchanged");
    for (n, word) in [(repeated, "repeated"), (skipped, "skipped")] {
        if *n > 0 {
            words.push_str(&format!(", {n} {word}"));
        }
    }
    words
}

fn counts_in_words(report: &IngestReport, elapsed: Duration) -> String {
    let IngestReport { embedded, encoding, .. } = report;
    let rate = *embedded as f64 / elapsed.as_secs_f64().max(1e-3);
    let share = 100.0 * encoding.as_secs_f64() / elapsed.as_secs_f64().max(1e-3);
    let mut words = counts(&report.counts);
    if let Some(Pruned { n_records, n_papers }) = report.pruned {
        words.push_str(&format!(", {n_records} pruned, {n_papers} papers with them"));
    }
    format!("{words}; {embedded} embedded at {rate:.1}/s, {share:.0} % of the time in the model")
}

/// Every record of several files, one file after another.
pub(super) struct Files {
    waiting: std::vec::IntoIter<PathBuf>,
    /// What the path last taken holds, and was not read yet: a folder and an archive hold several.
    sources: std::vec::IntoIter<Source>,
    /// The file that is read.
    current: Option<OpenFile>,
    options: ReadOptions,
    /// Bytes of the files that were read to their end.
    n_done_bytes: u64,
    /// Bytes taken in so far, over all files; shared with the progress bar.
    position: Rc<Cell<u64>>,
    /// A line for each file that was not UTF-8.
    encodings: Rc<RefCell<Vec<String>>>,
    /// The name of each file that was opened, and of each folder that holds none.
    opened: Rc<RefCell<Vec<Arc<str>>>>,
    /// That of the file opened last.
    format: Option<Format>,
}

struct OpenFile {
    name: String,
    records: Records,
    /// Whether it gave any record, good or bad.
    has_records: bool,
}

impl Files {
    pub(super) fn new(paths: &[PathBuf], options: ReadOptions) -> Self {
        Self {
            waiting: Vec::from(paths).into_iter(),
            sources: Vec::new().into_iter(),
            current: None,
            options,
            n_done_bytes: 0,
            position: Rc::new(Cell::new(0)),
            encodings: Rc::default(),
            opened: Rc::default(),
            format: None,
        }
    }

    /// The format of the file opened last.
    pub(super) fn format(&self) -> Option<Format> {
        self.format
    }

    /// Opens the next file if none is open; says whether there is one.
    fn advance(&mut self) -> Result<bool, ReadError> {
        while self.current.is_none() {
            if let Some(source) = self.sources.next() {
                let name = source.name().to_owned();
                self.opened.borrow_mut().push(name.as_str().into());
                let records = source.records(&self.options)?;
                self.format = Some(records.format());
                self.current = Some(OpenFile { name, records, has_records: false });
            } else if let Some(path) = self.waiting.next() {
                self.sources = Source::open_all(&path)?.into_iter();
                if self.sources.as_slice().is_empty() {
                    self.opened.borrow_mut().push(path.display().to_string().into());
                }
            } else {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Iterator for Files {
    type Item = Result<Result<Record, RecordError>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            let OpenFile { name, records, has_records } = self.current.as_mut()?;
            let item = records.next();
            self.position.set(self.n_done_bytes + records.consumed_bytes());
            if matches!(item, Some(Ok(_))) {
                *has_records = true;
                return item;
            }
            // At its end, or broken: the next file is read on.
            self.n_done_bytes += records.consumed_bytes();
            // UTF-16 is text as whole as UTF-8 is.
            if let Some(encoding) = records.encoding().filter(|encoding| !encoding.starts_with("UTF-16")) {
                let note = format!("{name}: not all of it is UTF-8; the rest was read as {encoding}");
                self.encodings.borrow_mut().push(note);
            }
            let is_forced = self.options.format != Format::Auto;
            let nothing = (is_forced && !*has_records)
                .then(|| ReadError::NoRecords { file: name.as_str().into(), format: self.options.format });
            self.current = None;
            if let Some(error) = item.or(nothing.map(Err)) {
                return Some(error);
            }
        }
    }
}

/// Bytes of all files, if each has a size.
fn total_bytes(paths: &[PathBuf]) -> Option<u64> {
    let size =
        |path: &Path| path.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    paths.iter().map(|path| size(path)).sum()
}
