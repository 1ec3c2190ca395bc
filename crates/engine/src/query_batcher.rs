//! Concurrent queries embedded together.
//!
//! One thread owns the embedding of queries: it takes every query that is waiting and embeds them as
//! one batch, so that many clients share each pass over the model's weights. A lone query is never
//! held back for company.

use std::sync::Arc;
use std::thread;

use cognate_embed::{EmbedError, Encoder};
use cognate_vector::UnitVector;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::error::EngineError;

/// Most queries in one batch: above this, a batch only makes its first query wait longer.
const MAX_BATCH: usize = 64;

struct Waiting {
    text: String,
    reply: Sender<Result<UnitVector, Arc<EmbedError>>>,
}

/// Embeds queries from any number of threads, batched.
#[derive(Debug)]
pub(crate) struct QueryBatcher {
    waiting: Sender<Waiting>,
}

impl QueryBatcher {
    /// Starts the embedding thread; it ends when the batcher is dropped.
    pub(crate) fn start(encoder: Arc<Encoder>) -> Result<Self, EngineError> {
        let (waiting, queue) = unbounded();
        thread::Builder::new()
            .name("query-embedder".to_owned())
            .spawn(move || serve(&encoder, &queue))
            .map_err(|_| EngineError::ThreadGone { thread: "query embedding" })?;
        Ok(Self { waiting })
    }

    /// The unit vector of one query, `f32 [dim]`; blocks until its batch is done.
    ///
    /// # Errors
    /// [`EngineError::Embed`] if the model fails on the query's batch.
    pub(crate) fn embed(&self, text: &str) -> Result<UnitVector, EngineError> {
        let gone = || EngineError::ThreadGone { thread: "query embedding" };
        let (reply, answer) = bounded(1);
        self.waiting.send(Waiting { text: text.to_owned(), reply }).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?.map_err(EngineError::Embed)
    }
}

fn serve(encoder: &Encoder, queue: &Receiver<Waiting>) {
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(MAX_BATCH - 1));
        let texts: Vec<&str> = batch.iter().map(|waiting| waiting.text.as_str()).collect();
        // A client that has gone away has dropped its receiver; that is no error.
        match encoder.embed_queries(&texts) {
            Ok(vectors) => batch.iter().zip(vectors).for_each(|(waiting, vector)| {
                let _ = waiting.reply.send(Ok(vector));
            }),
            Err(error) => {
                let error = Arc::new(error);
                for waiting in &batch {
                    let _ = waiting.reply.send(Err(Arc::clone(&error)));
                }
            }
        }
    }
}
