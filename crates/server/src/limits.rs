//! What requests may take, and who has it.
//!
//! A request takes a place to wait in, then a place to work in, and memory for its body and its answer. Each is
//! bounded, has one owner at a time, and is given back when the work ends: what a request holds ([`Held`]) moves into
//! the blocking closures that work for it (see [`off_thread`](crate::routes::off_thread)), so that a client that
//! leaves frees nothing that is still in use. Who finds no room waits a moment, then is told to come back (429).
//!
//! `/health`, `/ready` and the page's files take none of this.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Method;
use cognate_engine::Cancel;
use cognate_wire::LimitsBody;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Largest body of papers: some 30,000 abstracts.
pub(crate) const MAX_PAPERS_BODY_BYTES: usize = 64 << 20;
/// Largest body of texts to be embedded.
pub(crate) const MAX_TEXTS_BODY_BYTES: usize = 8 << 20;
/// Largest body of every other request.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// A parsed body can take fifty times its size: a search with a larger one than this works among the few.
const MAX_LIGHT_BODY_BYTES: usize = 64 << 10;

/// Connections open at one time.
pub(crate) const MAX_CONNECTIONS: usize = 1_024;

/// Longest time to wait for the memory of a body.
pub(crate) const BODY_PATIENCE: Duration = Duration::from_secs(5);
/// Longest time to wait for the memory of an answer, which is made already and keeps its place to work in meanwhile.
pub(crate) const ANSWER_PATIENCE: Duration = Duration::from_millis(200);

/// What kind of work a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing that is bounded: whether the server lives, and the page's files.
    Open,
    /// The work of one query.
    Search,
    /// Many searches or texts: seconds of every core.
    Batch,
    /// An ingestion or a deduplication: up to minutes of every core.
    Long,
    /// An answer that is made while it is read.
    Stream,
}

impl Class {
    /// The kind of work that a request asks for.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        match path {
            "/health" | "/ready" => Self::Open,
            _ if path.starts_with("/assets/") => Self::Open,
            "/v1/search/range" | "/v1/export" => Self::Stream,
            "/" if method == Method::POST => Self::Batch,
            "/v1/search/batch" | "/rerank" | "/v1/embeddings" | "/embed" | "/similarity" | "/tokenize"
            | "/v1/trends" | "/trends" | "/saved" | "/map" | "/map/points" => Self::Batch,
            "/v1/papers"
            | "/v1/dedup"
            | "/v1/dedup/check"
            | "/v1/dedup/apply"
            | "/v1/dedup/rethreshold"
            | "/v1/dedup/tasks"
            | "/duplicates"
            | "/duplicates/drop"
            | "/duplicates/undo"
            | "/import"
                if method == Method::POST =>
            {
                Self::Long
            }
            _ => Self::Search,
        }
    }
}

/// The largest body accepted at `path`.
pub(crate) fn max_body_bytes(path: &str) -> usize {
    match path {
        "/v1/papers" | "/v1/dedup/check" | "/import" => MAX_PAPERS_BODY_BYTES,
        "/v1/embeddings" | "/" | "/embed" | "/rerank" | "/similarity" | "/tokenize" => MAX_TEXTS_BODY_BYTES,
        _ => MAX_BODY_BYTES,
    }
}

/// Places to work in, and a waiting room before them.
#[derive(Debug)]
struct Places {
    /// Both together.
    room: Arc<Semaphore>,
    work: Arc<Semaphore>,
    n_work: usize,
    n_waiting: usize,
    patience: Duration,
}

/// A place to work in, until dropped.
#[derive(Debug)]
struct Place {
    _room: OwnedSemaphorePermit,
    _work: OwnedSemaphorePermit,
}

impl Places {
    fn new(n_work: usize, n_waiting: usize, patience: Duration) -> Self {
        let semaphore = |n| Arc::new(Semaphore::new(n));
        Self { room: semaphore(n_work + n_waiting), work: semaphore(n_work), n_work, n_waiting, patience }
    }

    async fn enter(&self) -> Result<Place, ApiError> {
        let full = || {
            ApiError::busy(format!(
                "{} such requests are being answered and others wait already; try again soon",
                self.n_work
            ))
        };
        let room = Arc::clone(&self.room).try_acquire_owned().map_err(|_| full())?;
        match tokio::time::timeout(self.patience, Arc::clone(&self.work).acquire_owned()).await {
            Ok(Ok(work)) => Ok(Place { _room: room, _work: work }),
            Ok(Err(_)) | Err(_) => Err(full()),
        }
    }

    fn has_room(&self) -> bool {
        self.room.available_permits() > 0
    }
}

/// Memory that is counted before it is taken.
#[derive(Debug)]
pub(crate) struct Memory {
    kib: Arc<Semaphore>,
    n_kib: usize,
}

impl Memory {
    fn new(bytes: usize) -> Self {
        Self { kib: Arc::new(Semaphore::new(bytes >> 10)), n_kib: bytes >> 10 }
    }

    /// Permission to take so many bytes, or all that there are where that is fewer, within `patience`.
    pub(crate) async fn take(
        &self,
        bytes: usize,
        patience: Duration,
    ) -> Result<OwnedSemaphorePermit, ApiError> {
        let n_kib = u32::try_from(bytes.div_ceil(1 << 10).min(self.n_kib)).unwrap_or(u32::MAX);
        match tokio::time::timeout(patience, Arc::clone(&self.kib).acquire_many_owned(n_kib)).await {
            Ok(Ok(memory)) => Ok(memory),
            Ok(Err(_)) | Err(_) => Err(ApiError::busy("other requests take all memory; try again soon")),
        }
    }
}

/// All that is shared out.
#[derive(Debug)]
pub(crate) struct Limits {
    search: Places,
    batch: Places,
    long: Places,
    stream: Places,
    /// For the bodies of requests but those of papers.
    bodies: Memory,
    /// For bodies of papers.
    uploads: Memory,
    /// For answers until they are sent.
    pub(crate) answers: Memory,
    running: Running,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        // More would not be answered sooner, and each can hold some megabytes.
        let n_searches = std::thread::available_parallelism().map_or(4, |n| (2 * n.get()).clamp(4, 64));
        Self {
            search: Places::new(n_searches, 512 - n_searches, seconds(10)),
            batch: Places::new(4, 124, seconds(30)),
            long: Places::new(4, 28, seconds(10)),
            stream: Places::new(16, 48, seconds(5)),
            bodies: Memory::new(32 << 20),
            uploads: Memory::new(MAX_PAPERS_BODY_BYTES),
            answers: Memory::new(32 << 20),
            running: Running::default(),
        }
    }
}

impl Limits {
    /// A place to work in, for a request with so large a body; `None` where none is needed.
    async fn enter(&self, class: Class, body_bytes: usize) -> Result<Option<Place>, ApiError> {
        let places = match class {
            Class::Open => return Ok(None),
            Class::Search if body_bytes > MAX_LIGHT_BODY_BYTES => &self.batch,
            Class::Search => &self.search,
            Class::Batch => &self.batch,
            Class::Long => &self.long,
            Class::Stream => &self.stream,
        };
        places.enter().await.map(Some)
    }

    /// All that a request holds while it is worked on, for which its client waits at most `longest`.
    pub(crate) async fn hold(
        &self,
        class: Class,
        body: ReadBody,
        longest: Duration,
    ) -> Result<Held, ApiError> {
        let place = self.enter(class, body.n_bytes).await?;
        let cancel = match class {
            Class::Search | Class::Batch => Cancel::at(Instant::now() + longest),
            // These go on after their answer has begun, or for as long as they need.
            Class::Open | Class::Long | Class::Stream => Cancel::default(),
        };
        let running = (class == Class::Long).then(|| self.running.add(&cancel));
        let held = Holding { _place: place, _body: body.memory, _running: running };
        Ok(Held { _holding: Arc::new(held), cancel })
    }

    /// The memory that the body of a request to `path` comes from.
    pub(crate) fn memory_for(&self, path: &str) -> &Memory {
        if max_body_bytes(path) == MAX_PAPERS_BODY_BYTES { &self.uploads } else { &self.bodies }
    }

    /// Whether a search that came now would be answered.
    pub(crate) fn has_room_for_searches(&self) -> bool {
        self.search.has_room()
    }

    /// Has every long run end after its current step.
    pub(crate) fn cancel_long_runs(&self) {
        self.running.cancel_all();
    }

    /// For each kind of work: its name, the requests that are worked on, and those that wait.
    pub(crate) fn in_use(&self) -> [(&'static str, usize, usize); 4] {
        let count = |name, places: &Places| {
            let n_working = places.n_work.saturating_sub(places.work.available_permits());
            let n_here = (places.n_work + places.n_waiting).saturating_sub(places.room.available_permits());
            (name, n_working, n_here.saturating_sub(n_working))
        };
        [
            count("search", &self.search),
            count("batch", &self.batch),
            count("long", &self.long),
            count("stream", &self.stream),
        ]
    }

    /// The limits, for clients.
    pub(crate) fn body(&self) -> LimitsBody {
        LimitsBody {
            searches: self.search.n_work,
            searches_waiting: self.search.n_waiting,
            batches: self.batch.n_work,
            batches_waiting: self.batch.n_waiting,
            long_runs: self.long.n_work,
            long_runs_waiting: self.long.n_waiting,
            streams: self.stream.n_work,
            streams_waiting: self.stream.n_waiting,
            connections: MAX_CONNECTIONS,
            body_bytes: MAX_BODY_BYTES,
            texts_body_bytes: MAX_TEXTS_BODY_BYTES,
            papers_body_bytes: MAX_PAPERS_BODY_BYTES,
        }
    }

    /// Requests of every kind that are worked on or wait at one time.
    pub(crate) fn max_requests(&self) -> usize {
        [&self.search, &self.batch, &self.long, &self.stream]
            .iter()
            .map(|places| places.n_work + places.n_waiting)
            .sum()
    }
}

/// A body that was read, as far as limits go.
#[derive(Debug, Default)]
pub(crate) struct ReadBody {
    pub(crate) n_bytes: usize,
    pub(crate) memory: Vec<OwnedSemaphorePermit>,
}

/// What a request holds while it is worked on, shared by all that work for it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    _holding: Arc<Holding>,
    /// Cancelled when nobody wants the answer any more.
    pub(crate) cancel: Cancel,
}

#[derive(Debug)]
struct Holding {
    _place: Option<Place>,
    _body: Vec<OwnedSemaphorePermit>,
    _running: Option<Registered>,
}

tokio::task_local! {
    /// What the request that this task answers holds.
    pub(crate) static HELD: Held;
}

/// Cancels when dropped.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(pub(crate) Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The long runs that go on, to be ended when the server stops.
#[derive(Debug, Default, Clone)]
struct Running {
    cancels: Arc<Mutex<HashMap<u64, Cancel>>>,
    n_given: Arc<AtomicU64>,
}

/// Is among the running until dropped.
#[derive(Debug)]
struct Registered {
    running: Running,
    number: u64,
}

impl Running {
    fn add(&self, cancel: &Cancel) -> Registered {
        let number = self.n_given.fetch_add(1, Ordering::Relaxed);
        self.cancels.lock().unwrap_or_else(PoisonError::into_inner).insert(number, cancel.clone());
        Registered { running: self.clone(), number }
    }

    fn cancel_all(&self) {
        self.cancels.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(Cancel::cancel);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.running.cancels.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}
