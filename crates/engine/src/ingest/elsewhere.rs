//! Records to another engine.
//!
//! Here the last record of an id is all that its paper says: nothing is composed of several records. A record that says
//! what its paper says already is left alone, and a text that is embedded already is not embedded again, so that a run
//! that was interrupted, or is repeated, does only what is left.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cognate_corpus::{Paper, PaperId, ReadError, Record, RecordError};
use cognate_vector::UnitVector;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{IngestEvent, IngestReport, Ingestion, RecordReport};
use crate::backend::{Known, Remote, Upsert};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::model::Model;
use crate::recipe::embedded_text;
use crate::store::{Outcome, rfc3339, text_hash};
use crate::view::patience;

/// A batch is put when it holds this many records, embedded or not.
const BATCH_RECORDS: usize = 512;
/// A batch is put when its records are of this many bytes: a single one may have 16 MiB.
const BATCH_BYTES: usize = 8 << 20;
/// How often it is looked whether to stop meanwhile.
const LOOKS_FOR_STOP: Duration = Duration::from_millis(50);

impl Engine {
    /// As [`Engine::ingest`], where papers lie with another engine.
    pub(super) fn ingest_elsewhere<R>(
        &self,
        remote: &dyn Remote,
        records: R,
        ingestion: Ingestion<'_>,
    ) -> Result<IngestReport, EngineError>
    where
        R: IntoIterator<Item = Result<Result<Record, RecordError>, ReadError>>,
    {
        if ingestion.policy.prune {
            let reason =
                "nobody keeps there which source a paper came from, so nothing can be pruned".to_owned();
            return Err(EngineError::NotThere { place: remote.name().to_owned(), reason });
        }
        let model = self.model()?;
        let (cancel, report) = (Cancel::default(), IngestReport::default());
        let mut run = Run { remote, model: &model, ingestion, cancel, batch: Vec::new(), n_bytes: 0, report };
        // Another process may be making the place at this moment.
        patiently(run.patience(), || remote.prepare(&run.cancel, &model.identity))?;
        let fault = run.read(records)?;
        fault.map_or(Ok(run.report), Err)
    }
}

/// An ingestion under way.
struct Run<'e, 'i> {
    remote: &'e dyn Remote,
    model: &'e Model,
    ingestion: Ingestion<'i>,
    cancel: Cancel,
    batch: Vec<Read>,
    /// Of the batch.
    n_bytes: usize,
    report: IngestReport,
}

/// A record that was read, with hashes of what it says.
struct Read {
    record: Record,
    text: String,
    text_hash: [u8; 32],
    paper_hash: [u8; 32],
}

impl Run<'_, '_> {
    /// How long to wait for the engine, and when not.
    fn patience(&self) -> (&AtomicBool, u32) {
        (self.ingestion.stop, self.ingestion.policy.n_retries)
    }

    /// Reads the records and puts them batch by batch, to the last or to the one that is at fault.
    fn read<R>(&mut self, records: R) -> Result<Option<EngineError>, EngineError>
    where
        R: IntoIterator<Item = Result<Result<Record, RecordError>, ReadError>>,
    {
        let is_strict = self.ingestion.policy.strict;
        let mut fault = None;
        for record in records {
            match self.report.usable(record, is_strict, self.ingestion.on_event) {
                Ok(Some(record)) => self.take(record)?,
                Ok(None) => {}
                Err(error) => fault = Some(error),
            }
            if self.ingestion.stop.load(Ordering::Relaxed) {
                // What was only read is not begun.
                return Ok(fault);
            }
            if fault.is_some() {
                break;
            }
            if self.batch.len() >= BATCH_RECORDS || self.n_bytes >= BATCH_BYTES {
                self.put()?;
            }
        }
        self.put()?;
        Ok(fault)
    }

    fn take(&mut self, record: Record) -> Result<(), EngineError> {
        if let Some(shard) = self.ingestion.policy.shard
            && !shard.has(&record.paper.id)
        {
            return Ok(());
        }
        for warning in &record.warnings {
            (self.ingestion.on_event)(IngestEvent::Warning(warning));
        }
        let json = json_of(&record.paper)?;
        let text = embedded_text(&record.paper);
        self.n_bytes += json.len();
        let (text_hash, paper_hash) = (text_hash(&text), paper_hash(&json));
        self.batch.push(Read { record, text, text_hash, paper_hash });
        Ok(())
    }

    /// Puts the batch, and tells of each of its records.
    fn put(&mut self) -> Result<(), EngineError> {
        let batch = std::mem::take(&mut self.batch);
        self.n_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let mut ids: Vec<&PaperId> = batch.iter().map(|read| &read.record.paper.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let before = patiently(self.patience(), || self.remote.known(&self.cancel, &ids))?;
        let now = rfc3339(Timestamp::now());
        // By id, the last record that brings something.
        let mut last: BTreeMap<&str, &Read> = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for read in &batch {
            let id = read.record.paper.id.as_str();
            let stored = before.get(id).map(|known| known.paper_hash);
            outcomes.push(match last.get(id) {
                Some(earlier) if earlier.paper_hash == read.paper_hash => Outcome::Repeated,
                None if stored == Some(read.paper_hash) => Outcome::Unchanged,
                earlier => {
                    let is_new = earlier.is_none() && stored.is_none();
                    last.insert(id, read);
                    if is_new { Outcome::Added } else { Outcome::Updated }
                }
            });
        }
        let vectors = self.vectors(&last, &before)?;
        let papers: Vec<Upsert<'_>> = last
            .iter()
            .map(|(id, read)| Upsert {
                paper: &read.record.paper,
                vector: vectors.get(id),
                known: Known {
                    text_hash: read.text_hash,
                    paper_hash: read.paper_hash,
                    first_indexed: before.get(*id).map_or(&now, |known| &known.first_indexed).clone(),
                },
            })
            .collect();
        if !papers.is_empty() {
            patiently(self.patience(), || self.remote.upsert(&self.cancel, &papers))?;
        }
        for (read, outcome) in batch.iter().zip(outcomes) {
            let place = &read.record.place;
            self.report.counts.count(outcome);
            self.report.of_file(&place.file).counts.count(outcome);
            (self.ingestion.on_event)(IngestEvent::Record(RecordReport {
                place,
                key: read.record.key.as_deref(),
                id: read.record.paper.id.as_str(),
                outcome,
                with: None,
                clash: None,
                is_restored: false,
            }));
        }
        (self.ingestion.on_event)(IngestEvent::Committed(&self.report));
        Ok(())
    }

    /// The vectors of papers that are to be put, by id: those of texts that did not change as they are there.
    fn vectors<'r>(
        &mut self,
        papers: &BTreeMap<&'r str, &'r Read>,
        before: &HashMap<String, Known>,
    ) -> Result<HashMap<&'r str, UnitVector>, EngineError> {
        let has_text = |read: &&&Read| !read.text.is_empty();
        let is_there = |read: &Read| {
            before.get(read.record.paper.id.as_str()).is_some_and(|known| known.text_hash == read.text_hash)
        };
        let known: Vec<&PaperId> = papers
            .values()
            .filter(has_text)
            .filter(|read| is_there(read))
            .map(|read| &read.record.paper.id)
            .collect();
        let mut there = HashMap::new();
        if !known.is_empty() {
            there = patiently(self.patience(), || self.remote.vectors_of(&self.cancel, &known))?;
        }
        let mut vectors: HashMap<&str, UnitVector> = HashMap::with_capacity(papers.len());
        let mut new: Vec<&Read> = Vec::new();
        for read in papers.values().filter(has_text) {
            let id = read.record.paper.id.as_str();
            match there.remove(id).filter(|_| is_there(read)) {
                Some(vector) => drop(vectors.insert(id, vector)),
                None => new.push(*read),
            }
        }
        let started = Instant::now();
        let texts: Vec<&str> = new.iter().map(|read| read.text.as_str()).collect();
        let embedded = self.model.encoder.embed_passages(&texts)?;
        self.report.embedded += embedded.len() as u64;
        self.report.encoding += started.elapsed();
        vectors.extend(new.iter().map(|read| read.record.paper.id.as_str()).zip(embedded));
        Ok(vectors)
    }
}

/// Makes a call, and makes it again so many times while the engine does not answer, after ever longer times.
pub(crate) fn patiently<T>(
    (stop, n_retries): (&AtomicBool, u32),
    mut call: impl FnMut() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let mut n_failures = 0;
    loop {
        match call() {
            Err(error @ EngineError::Away { .. }) => {
                n_failures += 1;
                if n_failures > n_retries {
                    return Err(error);
                }
                tracing::warn!("{error}; trying again");
                let until = Instant::now() + patience(n_failures);
                while Instant::now() < until {
                    if stop.load(Ordering::Relaxed) {
                        return Err(error);
                    }
                    thread::sleep(LOOKS_FOR_STOP);
                }
            }
            done => return done,
        }
    }
}

/// A paper as it is kept.
pub(crate) fn json_of(paper: &Paper) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(paper)
        .map_err(|source| EngineError::DamagedRow { place: format!("paper `{}`", paper.id), source })
}

/// SHA-256 of all that a paper says.
pub(crate) fn paper_hash(json: &[u8]) -> [u8; 32] {
    Sha256::digest(json).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> EngineError {
        EngineError::Away { place: "there".to_owned(), reason: "nobody listens".to_owned() }
    }

    #[test]
    fn calls_are_made_again_while_the_engine_is_away() {
        let mut n_calls = 0;
        let answered = patiently((&AtomicBool::new(false), 5), || {
            n_calls += 1;
            if n_calls < 3 { Err(away()) } else { Ok(n_calls) }
        });
        assert_eq!(answered.unwrap(), 3);
    }

    #[test]
    fn nobody_waits_for_an_engine_once_it_is_to_stop_nor_for_another_fault() {
        let stopped = patiently((&AtomicBool::new(true), 5), || Err::<(), _>(away()));
        assert!(matches!(stopped, Err(EngineError::Away { .. })));
        let mut n_calls = 0;
        let failed = patiently((&AtomicBool::new(false), 5), || {
            n_calls += 1;
            Err::<(), _>(EngineError::Interrupted)
        });
        assert!(matches!(failed, Err(EngineError::Interrupted)) && n_calls == 1);
        let failed = patiently((&AtomicBool::new(false), 0), || {
            n_calls += 1;
            Err::<(), _>(away())
        });
        assert!(matches!(failed, Err(EngineError::Away { .. })) && n_calls == 2);
    }
}
