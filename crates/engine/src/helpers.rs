//! Threads that take a part of an answer off the thread that makes it, while they have nothing else to do.
//!
//! One request alone leaves all processors but one idle. Under load no helper is free, and every request does its own
//! work: nothing waits in a queue.

use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::error::EngineError;

/// More would stand idle: a request has one part to give away at a time.
const MOST: usize = 8;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. They begin with the first work, and end when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Helpers {
    /// Takes a job only where a thread waits for one.
    jobs: OnceLock<Sender<Job>>,
}

impl Helpers {
    /// One thread less than there are processors, or as many as the system gives.
    fn start() -> Sender<Job> {
        let n_threads = thread::available_parallelism().map_or(1, usize::from) - 1;
        let (jobs, queue) = bounded::<Job>(0);
        for _ in 0..n_threads.min(MOST) {
            let queue = queue.clone();
            let named = thread::Builder::new().name("search-helper".to_owned());
            if let Err(error) = named.spawn(move || queue.iter().for_each(run)) {
                tracing::debug!("a thread less helps with searches: {error}");
            }
        }
        jobs
    }

    /// Begins some work on a thread that is free, if one is.
    pub(crate) fn begin<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Begun<T> {
        let (reply, answer) = bounded(1);
        let job: Job = Box::new(move || {
            // Nobody waits any more where the request has ended.
            let _ = reply.send(work());
        });
        let left = match self.jobs.get_or_init(Self::start).try_send(job) {
            Ok(()) => None,
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Some(job),
        };
        Begun { left, answer }
    }
}

/// Work that a helper does, or whoever asks for its result.
pub(crate) struct Begun<T> {
    left: Option<Job>,
    answer: Receiver<T>,
}

impl<T> Begun<T> {
    /// Its result, when it is there.
    ///
    /// # Errors
    /// [`EngineError::ThreadGone`] if it panicked.
    pub(crate) fn finish(self) -> Result<T, EngineError> {
        self.left.into_iter().for_each(run);
        self.answer.recv().map_err(|_| gone())
    }
}

/// A defect that one job meets is that job's failure.
fn run(job: Job) {
    if std::panic::catch_unwind(AssertUnwindSafe(job)).is_err() {
        tracing::error!("a part of an answer panicked");
    }
}

fn gone() -> EngineError {
    EngineError::ThreadGone { thread: "search helper" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_whether_or_not_a_helper_is_free() {
        let helpers = Helpers::default();
        let (go_on, may_go_on) = bounded::<()>(0);
        // More than there are helpers: these wait, so that the others are done here.
        let busy: Vec<_> = (0..MOST)
            .map(|_| {
                let may_go_on = may_go_on.clone();
                helpers.begin(move || may_go_on.recv().is_ok())
            })
            .collect();
        let others: Vec<_> = (0..4).map(|n| helpers.begin(move || n)).collect();
        let found: Vec<usize> = others.into_iter().map(|begun| begun.finish().unwrap()).collect();
        assert_eq!(found, [0, 1, 2, 3]);
        let left = busy.iter().filter(|begun| begun.left.is_some()).count();
        for _ in left..busy.len() {
            go_on.send(()).unwrap();
        }
        drop(go_on);
        for begun in busy {
            let was_left = begun.left.is_some();
            assert_eq!(begun.finish().unwrap(), !was_left);
        }
    }

    #[test]
    fn a_panic_is_the_failure_of_its_job_alone() {
        let helpers = Helpers::default();
        let failed = helpers.begin(|| -> u32 { panic!("a defect") });
        assert!(matches!(failed.finish(), Err(EngineError::ThreadGone { .. })));
        assert_eq!(helpers.begin(|| 3).finish().unwrap(), 3);
    }
}
