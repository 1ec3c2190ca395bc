//! Concurrent queries embedded together.
//!
//! One thread owns the embedding of queries: it takes every query that is waiting and embeds them as
//! one batch, so that many clients share each pass over the model's weights. A lone query is never
//! held back for company, and one whose answer is no longer wanted never reaches the model.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use cognate_embed::EmbedError;
use cognate_vector::UnitVector;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::cancel::Cancel;
use crate::error::EngineError;

/// Most queries in one batch: above this, a batch only makes its first query wait longer.
const MAX_BATCH: usize = 64;

struct Waiting {
    text: String,
    cancel: Cancel,
    reply: Sender<Result<UnitVector, Arc<EmbedError>>>,
}

/// Embeds queries from any number of threads, batched.
#[derive(Debug)]
pub(crate) struct QueryBatcher {
    waiting: Sender<Waiting>,
}

impl QueryBatcher {
    /// Starts the embedding thread; it ends when the batcher is dropped. `embed` gives a vector for each
    /// of a batch's texts, in their order.
    pub(crate) fn start<F>(embed: F) -> Result<Self, EngineError>
    where
        F: Fn(&[&str]) -> Result<Vec<UnitVector>, EmbedError> + Send + 'static,
    {
        let (waiting, queue) = unbounded();
        thread::Builder::new()
            .name("query-embedder".to_owned())
            .spawn(move || serve(embed, &queue))
            .map_err(|_| gone())?;
        Ok(Self { waiting })
    }

    /// The unit vector of one query, `f32 [dim]`; blocks until its batch is done.
    ///
    /// # Errors
    /// [`EngineError::Embed`] if the model fails on the query's batch, [`EngineError::Superseded`] if it
    /// was cancelled before its turn came.
    pub(crate) fn embed(&self, text: &str, cancel: &Cancel) -> Result<UnitVector, EngineError> {
        self.begin(text, cancel)?.wait().cloned()
    }

    /// Has a query embedded while the caller goes on.
    ///
    /// # Errors
    /// [`EngineError::Superseded`] if it was cancelled.
    pub(crate) fn begin(&self, text: &str, cancel: &Cancel) -> Result<PendingVector, EngineError> {
        cancel.check()?;
        let (reply, answer) = bounded(1);
        let waiting = Waiting { text: text.to_owned(), cancel: cancel.clone(), reply };
        self.waiting.send(waiting).map_err(|_| gone())?;
        Ok(PendingVector { answer, cancel: cancel.clone(), vector: OnceLock::new() })
    }
}

/// The vector of a query that is being embedded.
pub(crate) struct PendingVector {
    answer: Receiver<Result<UnitVector, Arc<EmbedError>>>,
    cancel: Cancel,
    vector: OnceLock<UnitVector>,
}

impl PendingVector {
    /// The unit vector, `f32 [dim]`; blocks until its batch is done.
    ///
    /// # Errors
    /// As for [`QueryBatcher::embed`].
    pub(crate) fn wait(&self) -> Result<&UnitVector, EngineError> {
        if let Some(vector) = self.vector.get() {
            return Ok(vector);
        }
        match self.answer.recv() {
            Ok(vector) => {
                let vector = vector.map_err(EngineError::Embed)?;
                Ok(self.vector.get_or_init(|| vector))
            }
            // Passed over.
            Err(_) => self.cancel.check().and(Err(gone())),
        }
    }
}

fn gone() -> EngineError {
    EngineError::ThreadGone { thread: "query embedding" }
}

fn serve<F>(embed: F, queue: &Receiver<Waiting>)
where
    F: Fn(&[&str]) -> Result<Vec<UnitVector>, EmbedError>,
{
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(MAX_BATCH - 1));
        let n_waiting = batch.len();
        metrics::gauge!("cognate_encoder_waiting_queries").set(queue.len() as f64);
        batch.retain(|waiting| !waiting.cancel.is_cancelled());
        if batch.len() < n_waiting {
            tracing::debug!("passed over {} superseded queries", n_waiting - batch.len());
        }
        if batch.is_empty() {
            continue;
        }
        metrics::histogram!("cognate_encoder_batch_queries").record(batch.len() as f64);
        let texts: Vec<&str> = batch.iter().map(|waiting| waiting.text.as_str()).collect();
        // A client that has gone away has dropped its receiver; that is no error.
        let started = Instant::now();
        let embedded = std::panic::catch_unwind(AssertUnwindSafe(|| embed(&texts)));
        metrics::histogram!("cognate_encoder_pass_duration_seconds").record(started.elapsed().as_secs_f64());
        match embedded {
            // A defect that one batch meets is that batch's failure: its senders are dropped, and the next is embedded.
            Err(_) => tracing::error!("the model panicked over {} queries", texts.len()),
            Ok(Ok(vectors)) => batch.iter().zip(vectors).for_each(|(waiting, vector)| {
                let _ = waiting.reply.send(Ok(vector));
            }),
            Ok(Err(error)) => {
                let error = Arc::new(error);
                for waiting in &batch {
                    let _ = waiting.reply.send(Err(Arc::clone(&error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_panic_is_the_failure_of_its_batch_alone() {
        let batcher = QueryBatcher::start(|texts| {
            assert!(!texts.contains(&"mine"), "a defect");
            Ok(texts.iter().map(|_| UnitVector::normalize(vec![1.0, 0.0]).unwrap()).collect())
        })
        .unwrap();
        let failed = batcher.embed("mine", &Cancel::default());
        assert!(matches!(failed, Err(EngineError::ThreadGone { .. })));
        assert!(batcher.embed("yours", &Cancel::default()).is_ok());
    }

    /// Types letter by letter while the model is busy: only what is still wanted is embedded.
    #[test]
    fn a_superseded_query_never_reaches_the_model() {
        let embedded = Arc::new(Mutex::new(Vec::new()));
        let (begun, has_begun) = bounded(0);
        let (go_on, may_go_on) = bounded(0);
        let seen = Arc::clone(&embedded);
        let batcher = QueryBatcher::start(move |texts| {
            begun.send(()).unwrap();
            may_go_on.recv().unwrap();
            seen.lock().unwrap().extend(texts.iter().map(|text| (*text).to_owned()));
            Ok(texts.iter().map(|_| UnitVector::normalize(vec![1.0, 0.0]).unwrap()).collect())
        })
        .unwrap();
        let batcher = &batcher;
        thread::scope(|scope| {
            let first = scope.spawn(move || batcher.embed("g", &Cancel::default()));
            has_begun.recv().unwrap();
            let typed: Vec<(Cancel, _)> = ["ga", "gal", "gala"]
                .into_iter()
                .map(|text| {
                    let cancel = Cancel::default();
                    let own = cancel.clone();
                    (cancel, scope.spawn(move || batcher.embed(text, &own)))
                })
                .collect();
            while batcher.waiting.len() < typed.len() {
                thread::yield_now();
            }
            typed[..2].iter().for_each(|(cancel, _)| cancel.cancel());
            go_on.send(()).unwrap();
            has_begun.recv().unwrap();
            go_on.send(()).unwrap();
            assert!(first.join().unwrap().is_ok());
            let answers: Vec<_> = typed.into_iter().map(|(_, thread)| thread.join().unwrap()).collect();
            assert!(matches!(answers[0], Err(EngineError::Superseded)));
            assert!(matches!(answers[1], Err(EngineError::Superseded)));
            assert!(answers[2].is_ok());
            let late = Cancel::default();
            late.cancel();
            assert!(matches!(batcher.embed("galax", &late), Err(EngineError::Superseded)));
        });
        assert_eq!(*embedded.lock().unwrap(), ["g", "gala"]);
    }
}
