//! `cognate index`: papers from files into the data folder.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use cognate_corpus::{ReadError, ReadOptions, Record, RecordError, Records, Source};
use cognate_engine::{Engine, EngineError, IngestEvent, IngestReport, Ingestion};
use cognate_wire::IngestBody;

use super::{InvalidInput, stop_flag};
use crate::args::IndexArgs;
use crate::config::Config;
use crate::output::Output;
use crate::progress::Progress;

/// Bad records and warnings told one by one; beyond this only their number is.
const MAX_TOLD: u64 = 20;

pub(crate) fn run(config: &Config, output: &Output, args: &IndexArgs) -> anyhow::Result<()> {
    let options = read_options(args)?;
    let stop = stop_flag()?;
    let engine = Engine::create(config.engine_options())?;

    // A file that is not there is told before an hour is spent on those that are.
    for path in args.files.iter().filter(|path| *path != Path::new("-")) {
        std::fs::metadata(path)
            .map_err(|source| EngineError::from(ReadError::Open { path: path.clone(), source }))?;
    }
    let files = Files::new(&args.files, options);
    let position = Rc::clone(&files.position);
    let encodings = Rc::clone(&files.encodings);
    let mut progress = Progress::start("index", total_bytes(&args.files));
    let mut n_told = 0;
    let mut report = IngestReport::default();
    let result = engine.ingest(
        files,
        Ingestion {
            strict: args.strict,
            restore: args.restore,
            stop: &stop,
            on_event: &mut |event| match event {
                IngestEvent::Committed(counts) => {
                    report = counts;
                    progress.update(position.get(), &counts_in_words(&counts, progress.elapsed()));
                }
                IngestEvent::Skipped(error) => tell(&progress, &mut n_told, &format!("skipped {error}")),
                IngestEvent::Warning(warning) => tell(&progress, &mut n_told, &format!("warning: {warning}")),
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
    report = result?;
    // What is searched is part of the work: the first question should not wait for it.
    engine.persist_index()?;

    let body = IngestBody { seconds: Some(elapsed.as_secs_f64()), ..IngestBody::new(report) };
    output.print(&body, |_| counts_in_words(&report, elapsed))?;
    if stop.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(EngineError::Interrupted.into());
    }
    if report.read > 0 && report.skipped == report.read {
        return Err(InvalidInput("no record could be read; see the messages above".to_owned()).into());
    }
    Ok(())
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

fn counts_in_words(report: &IngestReport, elapsed: Duration) -> String {
    let IngestReport { read, added, updated, unchanged, skipped, embedded, encoding } = report;
    let rate = *embedded as f64 / elapsed.as_secs_f64().max(1e-3);
    let mut words = format!("{read} read, {added} added, {updated} updated, {unchanged} unchanged");
    if *skipped > 0 {
        words.push_str(&format!(", {skipped} skipped"));
    }
    let share = 100.0 * encoding.as_secs_f64() / elapsed.as_secs_f64().max(1e-3);
    words.push_str(&format!("; {embedded} embedded at {rate:.1}/s, {share:.0} % of the time in the model"));
    words
}

/// Every record of several files, one file after another.
pub(super) struct Files {
    waiting: std::vec::IntoIter<PathBuf>,
    /// What the path last taken holds, and was not read yet: a folder and an archive hold several.
    sources: std::vec::IntoIter<Source>,
    /// The file that is read, and its name.
    current: Option<(String, Records)>,
    options: ReadOptions,
    /// Bytes of the files that were read to their end.
    n_done_bytes: u64,
    /// Bytes taken in so far, over all files; shared with the progress bar.
    position: Rc<Cell<u64>>,
    /// A line for each file that was not UTF-8.
    encodings: Rc<RefCell<Vec<String>>>,
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
        }
    }

    /// Opens the next file if none is open; says whether there is one.
    fn advance(&mut self) -> Result<bool, ReadError> {
        while self.current.is_none() {
            if let Some(source) = self.sources.next() {
                let name = source.name().to_owned();
                self.current = Some((name, source.records(&self.options)?));
            } else if let Some(path) = self.waiting.next() {
                self.sources = Source::open_all(&path)?.into_iter();
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
            let (name, current) = self.current.as_mut()?;
            let item = current.next();
            self.position.set(self.n_done_bytes + current.consumed_bytes());
            if item.is_some() {
                return item;
            }
            self.n_done_bytes += current.consumed_bytes();
            if let Some(encoding) = current.encoding() {
                let note = format!("{name}: not all of it is UTF-8; the rest was read as {encoding}");
                self.encodings.borrow_mut().push(note);
            }
            self.current = None;
        }
    }
}

/// Bytes of all files, if each has a size.
fn total_bytes(paths: &[PathBuf]) -> Option<u64> {
    let size =
        |path: &Path| path.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    paths.iter().map(|path| size(path)).sum()
}
