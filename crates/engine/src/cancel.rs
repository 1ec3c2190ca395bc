//! Whether an answer is still wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::error::EngineError;

/// Shared by who asks and who computes: once it is cancelled, the question reaches the model no more, and
/// what is being computed for it ends at the next step.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Cancel {
    /// One whose answer is wanted up to a moment.
    #[must_use]
    pub fn at(deadline: Instant) -> Self {
        Self { flag: Arc::default(), deadline: Some(deadline) }
    }

    /// Says that the answer is no longer wanted; there is no way back.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether the answer is no longer wanted: it was cancelled, or its time is over.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Until when the answer is wanted, where that is known.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What is set when it is cancelled, for work that takes a flag to stop. A deadline does not set it.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    /// # Errors
    /// [`EngineError::Superseded`] if the answer is no longer wanted.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if self.is_cancelled() { Err(EngineError::Superseded) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_answer_is_wanted_until_it_is_cancelled_or_late() {
        let cancel = Cancel::default();
        assert!(cancel.check().is_ok());
        cancel.clone().cancel();
        assert!(cancel.is_cancelled() && cancel.check().is_err());
        assert!(Cancel::at(Instant::now()).is_cancelled());
        let soon = Cancel::at(Instant::now() + Duration::from_secs(600));
        assert!(!soon.is_cancelled() && soon.deadline().is_some());
    }
}
