//! The routes below `/v1/dedup/tasks`: a deduplication that goes on while nobody waits, watched and cancelled.
//!
//! Tasks live as long as the server. What a run has scored is kept on disk by the engine, so that the same
//! question after a restart is quick.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use cognate_engine::DedupRequest;
use tokio::sync::Notify;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::error::ApiError;
use crate::limits::HELD;
use crate::manners::bare;
use crate::routes::{App, json_or_default, off_thread};
use cognate_wire::{DedupBody, DedupParams, ErrorBody, TaskBody, TaskState, TasksBody};

/// Ended tasks that are kept, each with its report.
const MAX_ENDED: usize = 8;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(start, list).map(bare)).routes(routes!(show, remove).map(bare))
}

/// All tasks that can be asked about.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<Numbered>);

/// Tasks by number. No number is given twice, so that nobody reads another's report for their own.
#[derive(Default)]
struct Numbered {
    tasks: BTreeMap<u64, Arc<Task>>,
    n_given: u64,
}

/// A deduplication that is running or ended.
pub(crate) struct Task {
    started: Instant,
    /// Set to end the run.
    stop: AtomicBool,
    now: Mutex<Now>,
    /// Tells whoever waits that it ended.
    end: Notify,
}

/// How far a task is.
struct Now {
    state: TaskState,
    /// Of a task that ended.
    took: Option<Duration>,
    /// Of one that failed.
    failure: Option<ApiError>,
}

impl Tasks {
    fn add(&self) -> (u64, Arc<Task>) {
        let Numbered { tasks, n_given } = &mut *lock(&self.0);
        let ended: Vec<u64> = tasks
            .iter()
            .filter(|(_, task)| lock(&task.now).took.is_some())
            .map(|(number, _)| *number)
            .collect();
        for number in ended.iter().take((ended.len() + 1).saturating_sub(MAX_ENDED)) {
            tasks.remove(number);
        }
        *n_given += 1;
        let number = *n_given;
        let state = TaskState::Running { step: "waiting to begin", n_done: 0, n: 0 };
        let now = Mutex::new(Now { state, took: None, failure: None });
        let stop = AtomicBool::new(false);
        let task = Arc::new(Task { started: Instant::now(), stop, now, end: Notify::new() });
        tasks.insert(number, Arc::clone(&task));
        (number, task)
    }

    fn get(&self, number: &str) -> Result<(u64, Arc<Task>), ApiError> {
        let tasks = &lock(&self.0).tasks;
        let task = number.parse().ok().and_then(|number| Some((number, Arc::clone(tasks.get(&number)?))));
        task.ok_or_else(|| {
            ApiError::not_found(format!(
                "there is no task {number:?}; the server keeps the latest {MAX_ENDED} that ended, until it stops"
            ))
        })
    }

    /// What the one that began last of those that are running does now, in words, how much of it is done, and of how much.
    pub(crate) fn running(&self) -> Option<(&'static str, usize, usize)> {
        let tasks = &lock(&self.0).tasks;
        tasks.values().rev().find_map(|task| {
            task.answer(|state, _| match state {
                TaskState::Running { step, n_done, n } => Some((*step, *n_done, *n)),
                _ => None,
            })
        })
    }

    /// Ends all that are running.
    pub(crate) fn cancel_all(&self) {
        lock(&self.0).tasks.values().for_each(|task| task.stop.store(true, Ordering::Relaxed));
    }
}

impl Task {
    fn go_on(&self, state: TaskState) {
        lock(&self.now).state = state;
    }

    fn end(&self, state: TaskState, failure: Option<ApiError>) {
        *lock(&self.now) = Now { state, took: Some(self.started.elapsed()), failure };
        self.end.notify_waiters();
    }

    /// Waits until it has ended; what it failed with.
    pub(crate) async fn ended(self: Arc<Self>) -> Result<(), ApiError> {
        let mut end = pin!(self.end.notified());
        // From here on its end is noticed, also where it came before.
        end.as_mut().enable();
        if lock(&self.now).took.is_none() {
            end.await;
        }
        lock(&self.now).failure.clone().map_or(Ok(()), Err)
    }

    fn answer<T>(&self, with: impl FnOnce(&TaskState, Duration) -> T) -> T {
        let now = lock(&self.now);
        with(&now.state, now.took.unwrap_or_else(|| self.started.elapsed()))
    }
}

/// Nothing is left half done where a thread panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins a deduplication that goes on when the request has ended; its number, and itself.
pub(crate) fn begin(app: &Arc<App>, request: DedupRequest) -> Result<(u64, Arc<Task>), ApiError> {
    // The run has its place to work in for as long as it goes on.
    let held = HELD.try_with(Clone::clone).map_err(|_| ApiError::internal())?;
    let (number, task) = app.tasks.add();
    let (app, begun) = (Arc::clone(app), Arc::clone(&task));
    tokio::spawn(HELD.scope(held, async move {
        let running = Arc::clone(&begun);
        let ended = off_thread(&app, move |app| {
            let on_progress = &mut |step, n_done, n| running.go_on(TaskState::Running { step, n_done, n });
            Ok(DedupBody::from(app.engine.dedup(&request, &running.stop, on_progress)?))
        });
        match ended.await {
            Ok(report) => begun.end(TaskState::Done(report), None),
            Err(_) if begun.stop.load(Ordering::Relaxed) => begun.end(TaskState::Cancelled, None),
            Err(error) => begun.end(TaskState::Failed(error.message().to_owned()), Some(error)),
        }
    }));
    Ok((number, task))
}

/// What `POST /v1/dedup` does, begun; the answer comes at once.
#[utoipa::path(post, path = "/v1/dedup/tasks", request_body = Option<DedupParams>,
    responses((status = 202, body = TaskBody, headers(("location" = String, description = "Where the task is.")))))]
async fn start(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let params: DedupParams = json_or_default(&body?)?;
    let (number, task) = begin(&app, params.to_request()?)?;
    let answer = task.answer(|state, took| Json(TaskBody::new(number, state, took)).into_response());
    let location = [(header::LOCATION, format!("/v1/dedup/tasks/{number}"))];
    Ok((StatusCode::ACCEPTED, location, answer).into_response())
}

/// The tasks, without reports.
#[utoipa::path(get, path = "/v1/dedup/tasks", responses((status = 200, body = TasksBody)))]
async fn list(State(app): State<Arc<App>>) -> Response {
    let tasks: Vec<(u64, Arc<Task>)> =
        lock(&app.tasks.0).tasks.iter().map(|(number, task)| (*number, Arc::clone(task))).collect();
    let bodies = tasks.iter().map(|(number, task)| {
        task.answer(|state, took| TaskBody::new(*number, state, took).without_report())
    });
    Json(TasksBody { tasks: bodies.collect() }).into_response()
}

/// How far a task is, or its report.
#[utoipa::path(get, path = "/v1/dedup/tasks/{number}", params(("number" = u64, Path, description = "The task.")),
    responses((status = 200, body = TaskBody), (status = 404, body = ErrorBody)))]
async fn show(State(app): State<Arc<App>>, Path(number): Path<String>) -> Result<Response, ApiError> {
    let (number, task) = app.tasks.get(&number)?;
    Ok(task.answer(|state, took| Json(TaskBody::new(number, state, took)).into_response()))
}

/// Cancels a running task, and forgets one that ended.
#[utoipa::path(delete, path = "/v1/dedup/tasks/{number}", params(("number" = u64, Path, description = "The task.")),
    responses((status = 204, description = "It is."), (status = 404, body = ErrorBody)))]
async fn remove(State(app): State<Arc<App>>, Path(number): Path<String>) -> Result<StatusCode, ApiError> {
    let (number, task) = app.tasks.get(&number)?;
    task.stop.store(true, Ordering::Relaxed);
    if lock(&task.now).took.is_some() {
        lock(&app.tasks.0).tasks.remove(&number);
    }
    Ok(StatusCode::NO_CONTENT)
}
