//! Papers from a data folder to another engine, and back: vectors travel, nothing is embedded again.
//!
//! A run that was interrupted goes on when it is begun again, and a repeated one changes nothing: papers that are there as
//! they are to be are left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cognate_corpus::{PaperId, Place, Record};

use crate::backend::{Known, Remote, Scan, Scanned, Upsert};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ingest::{json_of, paper_hash, patiently};
use crate::recipe::embedded_text;
use crate::store::{
    Committed, Incoming, IngestPolicy, Outcome, PATIENT, Reader, RecordSource, Session, Store, Vectors,
    text_hash,
};
use crate::stored_model::StoredModel;

/// Papers that are copied at a time.
const PORTION: usize = 256;

/// What a copy did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Papers that were read.
    pub n_papers: u64,
    /// Of these, those that were there already as they are.
    pub n_unchanged: u64,
}

impl Engine {
    /// Copies all papers to another place, which takes on the model of this one. Dropped duplicates stay behind, and so do
    /// decisions, saved queries and lists. `on_progress` is told of papers done.
    ///
    /// # Errors
    /// [`EngineError::ModelMismatch`] if the other place has vectors of another model, [`EngineError::Interrupted`] once `stop`
    /// is set, [`EngineError::NoStore`] if there are no papers, [`EngineError::InvalidRequest`] from one data folder to
    /// another, which a backup does better, or a failure of either place.
    pub fn copy_to(
        &self,
        to: &Self,
        stop: &AtomicBool,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<CopyReport, EngineError> {
        let (mut source, model) = self.source()?;
        let mut sink = to.sink(&model, (&self.place_name(), stop))?;
        let mut report = CopyReport::default();
        loop {
            let papers = source.next(stop)?;
            if papers.is_empty() {
                sink.settle(to)?;
                return Ok(report);
            }
            report.n_papers += papers.len() as u64;
            report.n_unchanged += sink.put(papers)?;
            on_progress(report.n_papers);
            if stop.load(Ordering::Relaxed) {
                return Err(EngineError::Interrupted);
            }
        }
    }

    fn source(&self) -> Result<(Source, StoredModel), EngineError> {
        let (source, model) = match self.remote() {
            Some(remote) => {
                let model = remote.model(&Cancel::default())?;
                (Source::Elsewhere { remote: Arc::clone(remote), last: String::new() }, model)
            }
            None => {
                let reader = self.store()?.reader_as_of_now()?;
                let model = reader.model()?;
                (Source::Here { reader, last: 0 }, model)
            }
        };
        let model = model.ok_or_else(|| EngineError::NoStore { data_dir: self.place_name().into() })?;
        Ok((source, model))
    }

    fn sink<'a>(
        &'a self,
        model: &'a StoredModel,
        (from, stop): (&str, &'a AtomicBool),
    ) -> Result<Sink<'a>, EngineError> {
        if let Some(remote) = self.remote() {
            patiently((stop, PATIENT), || remote.prepare(&Cancel::default(), model))?;
            return Ok(Sink::Elsewhere { remote: &**remote, stop });
        }
        let store = self.store()?;
        // The place that they come from is their source.
        let source = RecordSource::Named(from.to_owned());
        let policy = IngestPolicy { source, whole: true, ..IngestPolicy::default() };
        let session = Session::new(policy, store)?;
        let place = Place { file: from.into(), line: 0 };
        Ok(Sink::Here { store, model, session: Box::new(session), place })
    }
}

/// Where papers come from.
enum Source {
    Here { reader: Reader, last: u32 },
    Elsewhere { remote: Arc<dyn Remote>, last: String },
}

impl Source {
    /// The next papers with their vectors; none at the end.
    fn next(&mut self, stop: &AtomicBool) -> Result<Vec<Scanned>, EngineError> {
        match self {
            Self::Here { reader, last } => {
                let papers = reader.papers_after(*last, PORTION)?;
                *last = papers.last().map_or(*last, |stored| stored.row);
                let scanned = papers.into_iter().map(|stored| {
                    let vector = if stored.paper.has_text() { reader.vector(stored.row)? } else { None };
                    Ok(Scanned { stored, vector })
                });
                scanned.collect()
            }
            Self::Elsewhere { remote, last } => {
                let scan = Scan { allowed: None, after: last, n: PORTION, with_vectors: true };
                let scanned = patiently((stop, PATIENT), || remote.scan(&Cancel::default(), &scan))?;
                if let Some(scanned) = scanned.last() {
                    *last = scanned.stored.paper.id.to_string();
                }
                Ok(scanned)
            }
        }
    }
}

/// Where papers go.
enum Sink<'a> {
    Here { store: &'a Store, model: &'a StoredModel, session: Box<Session>, place: Place },
    Elsewhere { remote: &'a dyn Remote, stop: &'a AtomicBool },
}

impl Sink<'_> {
    /// Puts papers; how many were there already as they are.
    fn put(&mut self, papers: Vec<Scanned>) -> Result<u64, EngineError> {
        match self {
            Self::Here { store, model, session, place } => put_here((store, model), session, place, papers),
            Self::Elsewhere { remote, stop } => put_elsewhere(*remote, stop, &papers),
        }
    }

    /// Has what was put found quickly.
    fn settle(&self, to: &Engine) -> Result<(), EngineError> {
        match self {
            Self::Here { .. } => to.persist_index(),
            Self::Elsewhere { remote, stop } => {
                patiently((stop, PATIENT), || remote.settle(&Cancel::default()))
            }
        }
    }
}

fn put_here(
    (store, model): (&Store, &StoredModel),
    session: &mut Session,
    place: &Place,
    papers: Vec<Scanned>,
) -> Result<u64, EngineError> {
    let (mut vectors, mut batch) = (Vectors::new(), Vec::with_capacity(papers.len()));
    for Scanned { stored, vector } in papers {
        if let Some(vector) = vector {
            vectors.insert(text_hash(&embedded_text(&stored.paper)), vector);
        }
        batch.push(Incoming::new(Record::named(stored.paper, place.clone()), &session.policy)?);
    }
    let mut n_unchanged = 0;
    for (incoming, committed) in batch.iter().zip(store.commit(model, session, (&batch, &[&vectors]))?) {
        match committed {
            Committed::Done(fate) => {
                n_unchanged += u64::from(matches!(fate.outcome, Outcome::Unchanged | Outcome::Repeated));
            }
            // Its text is another than its vector is of.
            Committed::Waits(_) => {
                return Err(EngineError::CopyWithoutVector { id: incoming.paper().id.to_string() });
            }
        }
    }
    Ok(n_unchanged)
}

fn put_elsewhere(remote: &dyn Remote, stop: &AtomicBool, papers: &[Scanned]) -> Result<u64, EngineError> {
    let cancel = Cancel::default();
    let ids: Vec<&PaperId> = papers.iter().map(|scanned| &scanned.stored.paper.id).collect();
    let there = patiently((stop, PATIENT), || remote.known(&cancel, &ids))?;
    let mut upserts = Vec::with_capacity(papers.len());
    for Scanned { stored, vector } in papers {
        let id = stored.paper.id.as_str();
        let known = Known {
            text_hash: text_hash(&embedded_text(&stored.paper)),
            paper_hash: paper_hash(&json_of(&stored.paper)?),
            first_indexed: stored.first_indexed.clone(),
        };
        if there.get(id).is_some_and(|other| other.paper_hash == known.paper_hash) {
            continue;
        }
        if stored.paper.has_text() && vector.is_none() {
            return Err(EngineError::CopyWithoutVector { id: id.to_owned() });
        }
        upserts.push(Upsert { paper: &stored.paper, vector: vector.as_ref(), known });
    }
    if !upserts.is_empty() {
        patiently((stop, PATIENT), || remote.upsert(&cancel, &upserts))?;
    }
    Ok((papers.len() - upserts.len()) as u64)
}
