//! All papers embedded anew, with another model, while searches go on with the old vectors.
//!
//! New vectors gather in a table of their own, batch by batch, so that a killed run goes on where it
//! stopped; one transaction at the end swaps them in together with the model's name.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::{Engine, EngineOptions};
use crate::error::EngineError;
use crate::model::Model;
use crate::store::Store;

/// Papers embedded between two commits.
const BATCH_PAPERS: usize = 64;

/// What a re-embedding did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReembedReport {
    /// Papers in the store: dropped duplicates too, so that they can come back.
    pub n_papers: u64,
    /// Papers embedded by this run; fewer than `n_papers` if an earlier run was stopped.
    pub embedded: u64,
}

impl Engine {
    /// Embeds every paper of a data folder with the model of `options` and swaps the vectors in.
    /// `on_progress` is told of papers done and papers in all; `stop` ends the run after the current
    /// batch, to be taken up again by the next one.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] if stopped, else a failure of model or store; the old vectors
    /// stay in use.
    pub fn reembed(
        options: &EngineOptions,
        stop: &AtomicBool,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<ReembedReport, EngineError> {
        let store = Store::open(&options.data_dir)?;
        // What is not told stays as it is in the store.
        let stored = store.reader()?.model()?;
        let model = Model::start(options.model.load(stored.as_ref())?)?;
        store.begin_reembedding(&model.identity)?;
        let n_papers = store.reader()?.n_vectors()?;
        let mut report = ReembedReport { n_papers, embedded: 0 };
        loop {
            // Usually once; again for what other processes changed meanwhile.
            let mut n_left = store.reader()?.n_to_reembed()?;
            let mut after = 0;
            loop {
                on_progress(n_papers.saturating_sub(n_left), n_papers);
                let papers = store.reader()?.papers_to_reembed(after, BATCH_PAPERS)?;
                let Some(last) = papers.last() else { break };
                after = last.row;
                n_left = n_left.saturating_sub(papers.len() as u64);
                let texts: Vec<String> =
                    papers.iter().map(|stored| crate::recipe::embedded_text(&stored.paper)).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let vectors = model.encoder.embed_passages(&texts)?;
                store.stage_vectors(&papers, &vectors)?;
                report.embedded += vectors.len() as u64;
                if stop.load(Ordering::Relaxed) {
                    return Err(EngineError::Interrupted);
                }
            }
            if store.finish_reembedding(&model.identity)? {
                return Ok(report);
            }
        }
    }
}
