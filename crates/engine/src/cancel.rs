//! Whether an answer is still wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::EngineError;

/// Shared by who asks and who computes: once it is cancelled, the question reaches the model no more, and
/// what is being computed for it ends at the next step.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Says that the answer is no longer wanted; there is no way back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the answer is no longer wanted.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// What is set when it is cancelled, for work that takes a flag to stop.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// # Errors
    /// [`EngineError::Superseded`] if the answer is no longer wanted.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if self.is_cancelled() { Err(EngineError::Superseded) } else { Ok(()) }
    }
}
