//! Records in: judged against the store, embedded where their paper's text is new, committed in batches.

mod elsewhere;

pub(crate) use elsewhere::{json_of, paper_hash, patiently};

use std::collections::HashSet;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cognate_corpus::{FieldIssue, Place, ReadError, Record, RecordError};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::model::Model;
use crate::store::{
    Clash, Committed, Fate, Incoming, IngestPolicy, Outcome, Pruned, Session, TextHash, Vectors, text_hash,
};

/// A batch is committed when its papers to embed reach this many tokens: at most so much is computed
/// twice after a kill, and memory stays bounded whatever the file's size.
const BATCH_TOKENS: usize = 32_768;

/// A batch is committed when it holds this many records, embedded or not.
const BATCH_RECORDS: usize = 2_048;

/// A batch is committed when its records are of this many bytes: a single one may have 16 MiB.
const BATCH_BYTES: usize = 16 << 20;

/// What became of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestCounts {
    /// Records done with, good and bad: the sum of the next five.
    pub read: u64,
    /// Records whose papers were not stored before.
    pub added: u64,
    /// Records that changed their papers.
    pub updated: u64,
    /// Records that were stored before, or brought nothing new.
    pub unchanged: u64,
    /// Records that repeat another exactly.
    pub repeated: u64,
    /// Bad records.
    pub skipped: u64,
}

impl IngestCounts {
    fn count(&mut self, outcome: Outcome) {
        self.read += 1;
        *match outcome {
            Outcome::Added => &mut self.added,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Repeated => &mut self.repeated,
        } += 1;
    }

    fn skip(&mut self) {
        self.read += 1;
        self.skipped += 1;
    }
}

impl AddAssign for IngestCounts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.added += other.added;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.repeated += other.repeated;
        self.skipped += other.skipped;
    }
}

/// What became of the records of one file.
#[derive(Debug)]
pub struct FileReport {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// Of its records.
    pub counts: IngestCounts,
    /// Why it was not read, or not to its end.
    pub error: Option<ReadError>,
}

/// What became of the records of an ingestion.
#[derive(Debug, Default)]
pub struct IngestReport {
    /// Of all records: the sum of those of the files.
    pub counts: IngestCounts,
    /// Of each file, in the order in which they were read.
    pub files: Vec<FileReport>,
    /// Texts embedded.
    pub embedded: u64,
    /// Time spent in the model; the rest is committing, and waiting for what is read.
    pub encoding: Duration,
    /// What was removed; `None` where that was not asked for, or refused.
    pub pruned: Option<Pruned>,
}

impl IngestReport {
    /// Whether every file was read to its end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.files.iter().all(|file| file.error.is_none())
    }

    /// The report, where every file was read to its end.
    ///
    /// # Errors
    /// [`EngineError::Read`]: the first fault.
    pub fn complete(mut self) -> Result<Self, EngineError> {
        match self.files.iter_mut().find_map(|file| file.error.take()) {
            Some(error) => Err(error.into()),
            None => Ok(self),
        }
    }

    /// The record that was read. `None` for a bad one, which is counted and told, and where a file was not read to its end,
    /// of which the cause is kept and told; if `is_strict`, either is an error.
    fn usable(
        &mut self,
        read: Result<Result<Record, RecordError>, ReadError>,
        is_strict: bool,
        on_event: &mut dyn FnMut(IngestEvent<'_>),
    ) -> Result<Option<Record>, EngineError> {
        match read {
            Ok(Ok(record)) => return Ok(Some(record)),
            Ok(Err(error)) if is_strict => return Err(EngineError::BadRecord(error)),
            Err(error) if is_strict => return Err(EngineError::Read(error)),
            Ok(Err(error)) => {
                self.counts.skip();
                self.of_file(&error.place.file).counts.skip();
                on_event(IngestEvent::Skipped(&error));
            }
            Err(error) => {
                on_event(IngestEvent::Broken(&error));
                let file = error.file();
                self.of_file(&file).error = Some(error);
            }
        }
        Ok(None)
    }

    /// The report of a file.
    fn of_file(&mut self, file: &Arc<str>) -> &mut FileReport {
        // Records come file by file.
        let at = self.files.iter().rposition(|report| report.file == *file).unwrap_or_else(|| {
            let counts = IngestCounts::default();
            self.files.push(FileReport { file: Arc::clone(file), counts, error: None });
            self.files.len() - 1
        });
        &mut self.files[at]
    }
}

/// What became of a record.
#[derive(Debug)]
pub struct RecordReport<'a> {
    /// Where it stands.
    pub place: &'a Place,
    /// What tells it from others of its source.
    pub key: Option<&'a str>,
    /// The id of its paper.
    pub id: &'a str,
    /// What became of it.
    pub outcome: Outcome,
    /// File and line of the first record of its paper, where there are others.
    pub with: Option<(&'a str, u64)>,
    /// Another paper has its id.
    pub clash: Option<&'a Clash>,
    /// Whether its paper had been dropped, and was brought back.
    pub is_restored: bool,
}

/// What an ingestion tells while it runs.
#[derive(Debug)]
pub enum IngestEvent<'a> {
    /// A record is on disk.
    Record(RecordReport<'a>),
    /// A batch is on disk; this is the report so far.
    Committed(&'a IngestReport),
    /// A record was skipped.
    Skipped(&'a RecordError),
    /// A file could not be read, or not to its end; others go on.
    Broken(&'a ReadError),
    /// A field was left out of a paper that was kept.
    Warning(&'a FieldIssue),
}

/// How to ingest.
pub struct Ingestion<'a> {
    /// How records go into the store.
    pub policy: IngestPolicy,
    /// Set it to stop after the batch that is being embedded.
    pub stop: &'a AtomicBool,
    /// Told of every record and every commit.
    pub on_event: &'a mut dyn FnMut(IngestEvent<'_>),
}

impl Engine {
    /// Takes in every record of `records`, in order. When this returns, and at every
    /// [`IngestEvent::Committed`], what was counted is on disk and in every later search. A fault in `records` ends
    /// the file in which it is, not the ingestion: it is in the report.
    ///
    /// While a thread embeds one batch, this one reads the next and brings the indexes up to the last. The next
    /// is not embedded before the last is on disk, so that a kill costs the embedding of one batch at most.
    ///
    /// # Errors
    /// [`EngineError::BadRecord`] and [`EngineError::Read`] at the first fault when strict, [`EngineError::Embed`] or
    /// [`EngineError::Store`]. What was committed before stays.
    pub fn ingest<R>(&self, records: R, ingestion: Ingestion<'_>) -> Result<IngestReport, EngineError>
    where
        R: IntoIterator<Item = Result<Result<Record, RecordError>, ReadError>>,
    {
        if let Some(remote) = self.remote() {
            return self.ingest_elsewhere(&**remote, records, ingestion);
        }
        if ingestion.policy.shard.is_some() {
            return Err(EngineError::InvalidRequest {
                parameter: "shard",
                expected: "papers that lie with another engine: a data folder is written by one machine"
                    .to_owned(),
                found: "a data folder".to_owned(),
            });
        }
        let model = self.model()?;
        let session = Session::new(ingestion.policy.clone(), self.store()?)?;
        thread::scope(|scope| {
            let embedder = Embedder::start(scope, &model)?;
            let mut run = Run {
                engine: self,
                model: &model,
                embedder,
                ingestion,
                session,
                waiting: Vec::new(),
                last_vectors: Vectors::new(),
                report: IngestReport::default(),
            };
            let fault = run.read(records)?;
            run.finish()?;
            if run.may_prune() && fault.is_none() {
                run.prune()?;
            }
            fault.map_or(Ok(run.report), Err)
        })
    }
}

/// An ingestion under way.
struct Run<'e, 'i> {
    engine: &'e Engine,
    model: &'e Model,
    embedder: Embedder,
    ingestion: Ingestion<'i>,
    session: Session,
    /// The records of the batch that is being embedded.
    waiting: Vec<Incoming>,
    /// The vectors of the batch that was committed last: a text that it had is not embedded again.
    last_vectors: Vectors,
    report: IngestReport,
}

impl Run<'_, '_> {
    /// Reads the records and hands them over batch by batch, to the last or to the one that is at fault.
    fn read<R>(&mut self, records: R) -> Result<Option<EngineError>, EngineError>
    where
        R: IntoIterator<Item = Result<Result<Record, RecordError>, ReadError>>,
    {
        let is_strict = self.ingestion.policy.strict;
        let mut batch = Batch::default();
        let mut fault = None;
        for record in records {
            match self.report.usable(record, is_strict, self.ingestion.on_event) {
                Ok(Some(record)) => {
                    for warning in &record.warnings {
                        (self.ingestion.on_event)(IngestEvent::Warning(warning));
                    }
                    self.plan(&mut batch, record)?;
                }
                Ok(None) => {}
                Err(error) => fault = Some(error),
            }
            if self.ingestion.stop.load(Ordering::Relaxed) {
                // What is being embedded is kept; what was only read is not begun.
                return Ok(fault);
            }
            if fault.is_some() {
                break;
            }
            if batch.is_full() {
                self.hand_over(std::mem::take(&mut batch))?;
            }
        }
        self.hand_over(batch)?;
        Ok(fault)
    }

    /// Adds a record to a batch, with the text that has to be embedded for it.
    fn plan(&mut self, batch: &mut Batch, record: Record) -> Result<(), EngineError> {
        let incoming = Incoming::new(record, &self.ingestion.policy)?;
        if let Some(text) = self.engine.store()?.plan(&mut self.session, &incoming)? {
            let hash = text_hash(&text);
            if !self.embedder.texts.contains(&hash) && batch.hashes.insert(hash) {
                batch.n_tokens += self.model.encoder.count_tokens(&text);
                batch.texts.push((hash, text));
            }
        }
        batch.n_bytes += incoming.n_bytes;
        batch.records.push(incoming);
        Ok(())
    }

    /// Has a batch embedded, once the one before it is on disk.
    fn hand_over(&mut self, batch: Batch) -> Result<(), EngineError> {
        let Some(embedded) = self.embedder.wait()? else { return self.begin(batch) };
        let records = std::mem::take(&mut self.waiting);
        let left_over = self.commit(records, &embedded)?;
        self.last_vectors = embedded.vectors;
        self.begin(batch)?;
        self.follow(left_over)
    }

    fn begin(&mut self, batch: Batch) -> Result<(), EngineError> {
        if !batch.records.is_empty() {
            self.waiting = batch.records;
            self.embedder.embed(batch.texts, batch.hashes)?;
        }
        Ok(())
    }

    /// Commits the batch that is being embedded, if one is.
    fn finish(&mut self) -> Result<(), EngineError> {
        self.hand_over(Batch::default())
    }

    /// Whether what sources have no more may be removed: it was asked for, and all of them was read.
    fn may_prune(&self) -> bool {
        self.ingestion.policy.prune
            && self.report.counts.read > 0
            && self.report.counts.skipped == 0
            && self.report.is_complete()
            && !self.ingestion.stop.load(Ordering::Relaxed)
    }

    fn prune(&mut self) -> Result<(), EngineError> {
        let mut vectors = Vectors::new();
        let mut pruned = Pruned::default();
        loop {
            let (some, texts) =
                self.engine.store()?.prune(&self.model.identity, &mut self.session, &vectors)?;
            pruned.n_records += some.n_records;
            pruned.n_papers += some.n_papers;
            if texts.is_empty() {
                break;
            }
            let texts = texts.into_iter().map(|text| (text_hash(&text), text)).collect();
            let embedded = embed(self.model, texts)?;
            self.report.embedded += embedded.vectors.len() as u64;
            self.report.encoding += embedded.encoding;
            vectors = embedded.vectors;
        }
        self.report.pruned = Some(pruned);
        self.engine.catch_up()
    }

    /// Puts a batch on disk. Gives the records that wait for a vector that was not made: their paper was another when
    /// they were planned.
    fn commit(&mut self, records: Vec<Incoming>, embedded: &Embedded) -> Result<LeftOver, EngineError> {
        self.report.encoding += embedded.encoding;
        self.report.embedded += embedded.vectors.len() as u64;
        let vectors = [&embedded.vectors, &self.last_vectors];
        let committed =
            self.engine.store()?.commit(&self.model.identity, &mut self.session, (&records, &vectors))?;
        let mut left_over = LeftOver::default();
        for (incoming, committed) in records.into_iter().zip(committed) {
            match committed {
                Committed::Done(fate) => self.tell(&incoming, &fate),
                Committed::Waits(text) => {
                    left_over.texts.extend(text.map(|text| (text_hash(&text), text)));
                    left_over.records.push(incoming);
                }
            }
        }
        Ok(left_over)
    }

    fn tell(&mut self, incoming: &Incoming, fate: &Fate) {
        let place = incoming.place();
        self.report.counts.count(fate.outcome);
        self.report.of_file(&place.file).counts.count(fate.outcome);
        (self.ingestion.on_event)(IngestEvent::Record(RecordReport {
            place,
            key: incoming.key(),
            id: &fate.id,
            outcome: fate.outcome,
            with: fate.with.as_ref().map(|(file, line)| (file.as_str(), *line)),
            clash: fate.clash.as_ref(),
            is_restored: fate.is_restored,
        }));
    }

    /// Commits what is left over of a batch, and brings the indexes up to it.
    fn follow(&mut self, mut left_over: LeftOver) -> Result<(), EngineError> {
        while !left_over.records.is_empty() {
            let LeftOver { records, texts } = left_over;
            let embedded = embed(self.model, texts)?;
            left_over = self.commit(records, &embedded)?;
            self.last_vectors.extend(embedded.vectors);
        }
        self.engine.catch_up()?;
        (self.ingestion.on_event)(IngestEvent::Committed(&self.report));
        Ok(())
    }
}

/// What of a batch was not committed, with the texts that were missing.
#[derive(Default)]
struct LeftOver {
    records: Vec<Incoming>,
    texts: Vec<(TextHash, String)>,
}

/// A thread that embeds the texts of one batch at a time.
struct Embedder {
    batches: Sender<Vec<(TextHash, String)>>,
    embedded: Receiver<Result<Embedded, EngineError>>,
    is_busy: bool,
    /// Those that it is about.
    texts: HashSet<TextHash>,
}

impl Embedder {
    /// Starts the thread, which ends when this is dropped.
    fn start<'scope>(
        scope: &'scope thread::Scope<'scope, '_>,
        model: &'scope Model,
    ) -> Result<Self, EngineError> {
        let (batches, waiting) = bounded::<Vec<(TextHash, String)>>(1);
        let (done, embedded) = bounded(1);
        let work = move || waiting.iter().map(|texts| embed(model, texts)).try_for_each(|e| done.send(e));
        thread::Builder::new().name("embedder".to_owned()).spawn_scoped(scope, work).map_err(|_| gone())?;
        Ok(Self { batches, embedded, is_busy: false, texts: HashSet::new() })
    }

    fn embed(
        &mut self,
        texts: Vec<(TextHash, String)>,
        hashes: HashSet<TextHash>,
    ) -> Result<(), EngineError> {
        self.is_busy = true;
        self.texts = hashes;
        self.batches.send(texts).map_err(|_| gone())
    }

    /// The vectors of the batch that was being embedded, when they are there; `None` if there was none.
    fn wait(&mut self) -> Result<Option<Embedded>, EngineError> {
        if std::mem::take(&mut self.is_busy) {
            self.texts.clear();
            self.embedded.recv().map_err(|_| gone())?.map(Some)
        } else {
            Ok(None)
        }
    }
}

fn gone() -> EngineError {
    EngineError::ThreadGone { thread: "embedding" }
}

/// Records waiting to be embedded and committed together.
#[derive(Default)]
struct Batch {
    records: Vec<Incoming>,
    /// What has to be embedded for them, each text once.
    texts: Vec<(TextHash, String)>,
    hashes: HashSet<TextHash>,
    /// Tokens of the texts.
    n_tokens: usize,
    /// Of the records.
    n_bytes: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.n_tokens >= BATCH_TOKENS || self.records.len() >= BATCH_RECORDS || self.n_bytes >= BATCH_BYTES
    }
}

/// Vectors of texts, rounded as they will be at rest.
struct Embedded {
    vectors: Vectors,
    encoding: Duration,
}

fn embed(model: &Model, texts: Vec<(TextHash, String)>) -> Result<Embedded, EngineError> {
    tracing::debug!("embedding {} texts", texts.len());
    let started = Instant::now();
    let (hashes, texts): (Vec<TextHash>, Vec<String>) = texts.into_iter().unzip();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = model.encoder.embed_passages(&texts)?;
    Ok(Embedded { vectors: hashes.into_iter().zip(vectors).collect(), encoding: started.elapsed() })
}
