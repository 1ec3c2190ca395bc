//! Papers in: judged against the store, embedded where their text is new, committed in batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cognate_corpus::{FieldIssue, Paper, Parsed, ReadError, RecordError};
use cognate_vector::UnitVector;

use crate::engine::{Engine, Model};
use crate::error::EngineError;
use crate::store::{CommitOptions, Incoming, Outcome, Plan};

/// A batch is committed when its papers to embed reach this many tokens: at most so much is computed
/// twice after a kill, and memory stays bounded whatever the file's size.
const BATCH_TOKENS: usize = 32_768;

/// A batch is committed when it holds this many papers, embedded or not.
const BATCH_PAPERS: usize = 2_048;

/// What became of the records of an ingestion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// Records read, good and bad: the sum of the next four.
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
    /// Time spent in the model; the rest is reading, comparing and committing.
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
    /// Set it to stop after the current batch.
    pub stop: &'a AtomicBool,
    /// Told of every commit and every bad record.
    pub on_event: &'a mut dyn FnMut(IngestEvent<'_>),
}

impl Engine {
    /// Upserts every paper of `records`, in order. When this returns, and at every
    /// [`IngestEvent::Committed`], what was counted is on disk and in every later search.
    ///
    /// # Errors
    /// [`EngineError::Read`] if the input breaks off, [`EngineError::BadRecord`] at a bad record when
    /// strict, [`EngineError::Embed`] or [`EngineError::Store`]. What was committed before stays.
    pub fn ingest<R>(&self, records: R, ingestion: Ingestion<'_>) -> Result<IngestReport, EngineError>
    where
        R: IntoIterator<Item = Result<Result<Parsed, RecordError>, ReadError>>,
    {
        let model = self.model()?;
        let mut run = Run { engine: self, model: &model, ingestion, report: IngestReport::default() };
        let mut batch = Batch::default();
        for record in records {
            let fault = match record {
                Ok(Ok(Parsed { paper, warnings, .. })) => {
                    run.report.read += 1;
                    for warning in &warnings {
                        (run.ingestion.on_event)(IngestEvent::Warning(warning));
                    }
                    batch.push(self, &model, paper)?;
                    None
                }
                Ok(Err(error)) if !run.ingestion.strict => {
                    run.report.read += 1;
                    run.report.skipped += 1;
                    (run.ingestion.on_event)(IngestEvent::Skipped(&error));
                    None
                }
                Ok(Err(error)) => Some(EngineError::BadRecord(error)),
                Err(error) => Some(EngineError::Read(error)),
            };
            if let Some(fault) = fault {
                run.commit(batch)?;
                return Err(fault);
            }
            if batch.is_full() {
                run.commit(std::mem::take(&mut batch))?;
            }
            if run.ingestion.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        run.commit(batch)?;
        Ok(run.report)
    }
}

/// An ingestion under way.
struct Run<'e, 'i> {
    engine: &'e Engine,
    model: &'e Model,
    ingestion: Ingestion<'i>,
    report: IngestReport,
}

impl Run<'_, '_> {
    /// Embeds what the batch needs and commits it.
    fn commit(&mut self, batch: Batch) -> Result<(), EngineError> {
        let Batch { mut papers, mut plans, .. } = batch;
        let options = CommitOptions { restore: self.ingestion.restore };
        while !papers.is_empty() {
            let n_to_embed = plans.iter().filter(|plan| **plan == Plan::Embed).count();
            tracing::debug!("embedding {n_to_embed} of a batch of {} papers", papers.len());
            let started = Instant::now();
            let vectors = embed(self.model, &papers, &plans)?;
            self.report.encoding += started.elapsed();
            self.report.embedded += n_to_embed as u64;
            let attempt: Vec<(Incoming, Option<UnitVector>)> = papers.into_iter().zip(vectors).collect();
            let outcomes = self.engine.store.commit(&self.model.identity, &attempt, options)?;
            papers = Vec::new();
            for ((incoming, _), outcome) in attempt.into_iter().zip(outcomes) {
                match outcome {
                    Outcome::Added => self.report.added += 1,
                    Outcome::Updated => self.report.updated += 1,
                    Outcome::Unchanged => self.report.unchanged += 1,
                    Outcome::NeedsVector => papers.push(incoming),
                }
            }
            plans = vec![Plan::Embed; papers.len()];
            self.engine.catch_up()?;
            (self.ingestion.on_event)(IngestEvent::Committed(self.report));
        }
        Ok(())
    }
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

/// The vectors of the papers planned to be embedded, rounded as they will be at rest.
fn embed(model: &Model, papers: &[Incoming], plans: &[Plan]) -> Result<Vec<Option<UnitVector>>, EngineError> {
    let texts: Vec<&str> = papers
        .iter()
        .zip(plans)
        .filter(|(_, plan)| **plan == Plan::Embed)
        .map(|(incoming, _)| incoming.text.as_str())
        .collect();
    let mut vectors = model.encoder.embed_passages(&texts)?.into_iter();
    Ok(plans.iter().map(|plan| if *plan == Plan::Embed { vectors.next() } else { None }).collect())
}
