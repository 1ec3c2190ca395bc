//! Papers in: judged against the store, embedded where their text is new, committed in batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cognate_corpus::{FieldIssue, Paper, ReadError, Record, RecordError};
use cognate_vector::UnitVector;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::model::Model;
use crate::store::{CommitOptions, Incoming, Outcome, Plan};

/// A batch is committed when its papers to embed reach this many tokens: at most so much is computed
/// twice after a kill, and memory stays bounded whatever the file's size.
const BATCH_TOKENS: usize = 32_768;

/// A batch is committed when it holds this many papers, embedded or not.
const BATCH_PAPERS: usize = 2_048;

/// What became of the records of an ingestion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// Records done with, good and bad: the sum of the next four.
    pub read: u64,
    /// Papers with an id that was not stored.
    pub added: u64,
    /// Papers stored before, now changed.
    pub updated: u64,
    /// Papers stored before, the same in every field.
    pub unchanged: u64,
    /// Bad records.
    pub skipped: u64,
    /// Texts embedded.
    pub embedded: u64,
    /// Time spent in the model; the rest is committing, and waiting for what is read.
    pub encoding: Duration,
}

/// What an ingestion tells while it runs.
#[derive(Debug)]
pub enum IngestEvent<'a> {
    /// A batch is on disk; these are the counts so far.
    Committed(IngestReport),
    /// A record was skipped.
    Skipped(&'a RecordError),
    /// A field was left out of a paper that was kept.
    Warning(&'a FieldIssue),
}

/// How to ingest.
pub struct Ingestion<'a> {
    /// End with the first bad record, after committing what came before it.
    pub strict: bool,
    /// Bring back papers that were dropped as duplicates, where their records come again; they count as
    /// updated. Else such a record leaves its paper dropped: the same one counts as unchanged, and what a
    /// changed one says is stored, to come back with the paper.
    pub restore: bool,
    /// Set it to stop after the batch that is being embedded.
    pub stop: &'a AtomicBool,
    /// Told of every commit and every bad record.
    pub on_event: &'a mut dyn FnMut(IngestEvent<'_>),
}

impl Engine {
    /// Upserts every paper of `records`, in order. When this returns, and at every
    /// [`IngestEvent::Committed`], what was counted is on disk and in every later search.
    ///
    /// While a thread embeds one batch, this one reads the next and brings the indexes up to the last. The next
    /// is not embedded before the last is on disk, so that a kill costs the embedding of one batch at most.
    ///
    /// # Errors
    /// [`EngineError::Read`] if the input breaks off, [`EngineError::BadRecord`] at a bad record when
    /// strict, [`EngineError::Embed`] or [`EngineError::Store`]. What was committed before stays.
    pub fn ingest<R>(&self, records: R, ingestion: Ingestion<'_>) -> Result<IngestReport, EngineError>
    where
        R: IntoIterator<Item = Result<Result<Record, RecordError>, ReadError>>,
    {
        let model = self.model()?;
        thread::scope(|scope| {
            let embedder = Embedder::start(scope, &model)?;
            let mut run =
                Run { engine: self, model: &model, embedder, ingestion, report: IngestReport::default() };
            let fault = run.read(records)?;
            run.finish()?;
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
    report: IngestReport,
}

impl Run<'_, '_> {
    /// Reads the records and hands them over batch by batch, to the last or to the one that is at fault.
    fn read<R>(&mut self, records: R) -> Result<Option<EngineError>, EngineError>
    where
        R: IntoIterator<Item = Result<Result<Record, RecordError>, ReadError>>,
    {
        let mut batch = Batch::default();
        let mut fault = None;
        for record in records {
            match record {
                Ok(Ok(Record { paper, warnings, .. })) => {
                    for warning in &warnings {
                        (self.ingestion.on_event)(IngestEvent::Warning(warning));
                    }
                    batch.push(self.engine, self.model, paper)?;
                }
                Ok(Err(error)) if !self.ingestion.strict => {
                    self.report.read += 1;
                    self.report.skipped += 1;
                    (self.ingestion.on_event)(IngestEvent::Skipped(&error));
                }
                Ok(Err(error)) => fault = Some(EngineError::BadRecord(error)),
                Err(error) => fault = Some(EngineError::Read(error)),
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

    /// Has a batch embedded, once the one before it is on disk.
    fn hand_over(&mut self, batch: Batch) -> Result<(), EngineError> {
        let last = self.embedder.wait()?.map(|embedded| self.commit(embedded)).transpose()?;
        if !batch.papers.is_empty() {
            self.embedder.embed(batch)?;
        }
        last.map_or(Ok(()), |left_over| self.follow(left_over))
    }

    /// Commits the batch that is being embedded, if one is.
    fn finish(&mut self) -> Result<(), EngineError> {
        self.hand_over(Batch::default())
    }

    /// Puts a batch on disk. Gives the papers that changed in the store since they were planned, and so
    /// need a vector that was not made.
    fn commit(&mut self, embedded: Embedded) -> Result<Vec<Incoming>, EngineError> {
        let options = CommitOptions { restore: self.ingestion.restore };
        let Embedded { papers, encoding } = embedded;
        self.report.encoding += encoding;
        self.report.embedded += papers.iter().filter(|(_, vector)| vector.is_some()).count() as u64;
        let outcomes = self.engine.store.commit(&self.model.identity, &papers, options)?;
        let mut left_over = Vec::new();
        for ((incoming, _), outcome) in papers.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Added => self.report.added += 1,
                Outcome::Updated => self.report.updated += 1,
                Outcome::Unchanged => self.report.unchanged += 1,
                Outcome::NeedsVector => {
                    left_over.push(incoming);
                    continue;
                }
            }
            self.report.read += 1;
        }
        Ok(left_over)
    }

    /// Commits what is left over of a batch, and brings the indexes up to it.
    fn follow(&mut self, mut left_over: Vec<Incoming>) -> Result<(), EngineError> {
        while !left_over.is_empty() {
            let plans = vec![Plan::Embed; left_over.len()];
            let embedded = embed(self.model, Batch { papers: left_over, plans, n_tokens: 0 })?;
            left_over = self.commit(embedded)?;
        }
        self.engine.catch_up()?;
        (self.ingestion.on_event)(IngestEvent::Committed(self.report));
        Ok(())
    }
}

/// A thread that embeds one batch at a time.
struct Embedder {
    batches: Sender<Batch>,
    embedded: Receiver<Result<Embedded, EngineError>>,
    is_busy: bool,
}

impl Embedder {
    /// Starts the thread, which ends when this is dropped.
    fn start<'scope>(
        scope: &'scope thread::Scope<'scope, '_>,
        model: &'scope Model,
    ) -> Result<Self, EngineError> {
        let (batches, waiting) = bounded::<Batch>(1);
        let (done, embedded) = bounded(1);
        let work = move || waiting.iter().map(|batch| embed(model, batch)).try_for_each(|e| done.send(e));
        thread::Builder::new().name("embedder".to_owned()).spawn_scoped(scope, work).map_err(|_| gone())?;
        Ok(Self { batches, embedded, is_busy: false })
    }

    fn embed(&mut self, batch: Batch) -> Result<(), EngineError> {
        self.is_busy = true;
        self.batches.send(batch).map_err(|_| gone())
    }

    /// The batch that was being embedded, when it is; `None` if there was none.
    fn wait(&mut self) -> Result<Option<Embedded>, EngineError> {
        if std::mem::take(&mut self.is_busy) {
            self.embedded.recv().map_err(|_| gone())?.map(Some)
        } else {
            Ok(None)
        }
    }
}

fn gone() -> EngineError {
    EngineError::ThreadGone { thread: "embedding" }
}

/// Papers waiting to be embedded and committed together.
#[derive(Default)]
struct Batch {
    papers: Vec<Incoming>,
    plans: Vec<Plan>,
    /// Tokens of the papers planned to be embedded.
    n_tokens: usize,
}

impl Batch {
    fn push(&mut self, engine: &Engine, model: &Model, paper: Paper) -> Result<(), EngineError> {
        let incoming = Incoming::new(paper)?;
        let plan = engine.store.plan(&incoming, &self.papers)?;
        if plan == Plan::Embed {
            self.n_tokens += model.encoder.count_tokens(&incoming.text);
        }
        self.papers.push(incoming);
        self.plans.push(plan);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.n_tokens >= BATCH_TOKENS || self.papers.len() >= BATCH_PAPERS
    }
}

/// A batch with the vectors of the papers planned to be embedded, rounded as they will be at rest.
struct Embedded {
    papers: Vec<(Incoming, Option<UnitVector>)>,
    encoding: Duration,
}

fn embed(model: &Model, batch: Batch) -> Result<Embedded, EngineError> {
    let Batch { papers, plans, .. } = batch;
    let planned = papers.iter().zip(&plans).filter(|(_, plan)| **plan == Plan::Embed);
    let texts: Vec<&str> = planned.map(|(incoming, _)| incoming.text.as_str()).collect();
    tracing::debug!("embedding {} of a batch of {} papers", texts.len(), papers.len());
    let started = Instant::now();
    let mut vectors = model.encoder.embed_passages(&texts)?.into_iter();
    let encoding = started.elapsed();
    let with_vector = |(incoming, plan)| (incoming, if plan == Plan::Embed { vectors.next() } else { None });
    Ok(Embedded { papers: papers.into_iter().zip(plans).map(with_vector).collect(), encoding })
}
