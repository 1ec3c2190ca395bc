//! The routes below `/v1/dedup/tasks`: a deduplication that goes on while nobody waits, watched and cancelled.
//!
//! Tasks live as long as the server. What a run has scored is kept on disk by the engine, so that the same
//! question after a restart is quick.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::error::ApiError;
use crate::limits::HELD;
use crate::manners::bare;
use crate::routes::{App, json_or_default, off_thread};
use cognate_wire::{DedupBody, DedupParams, TaskBody, TaskState, TasksBody};

/// Ended tasks that are kept, each with its report.
const MAX_ENDED: usize = 8;

pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/dedup/tasks", bare(post(start).get(list)))
        .route("/v1/dedup/tasks/{number}", bare(get(show).delete(remove)))
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
struct Task {
    started: Instant,
    /// Set to end the run.
    stop: AtomicBool,
    now: Mutex<Now>,
}

/// How far a task is.
struct Now {
    state: TaskState,
    /// Of a task that ended.
    took: Option<Duration>,
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
        let now = Mutex::new(Now { state, took: None });
        let task = Arc::new(Task { started: Instant::now(), stop: AtomicBool::new(false), now });
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

    /// Ends all that are running.
    pub(crate) fn cancel_all(&self) {
        lock(&self.0).tasks.values().for_each(|task| task.stop.store(true, Ordering::Relaxed));
    }
}

impl Task {
    fn set(&self, state: TaskState) {
        let took = (!matches!(state, TaskState::Running { .. })).then(|| self.started.elapsed());
        *lock(&self.now) = Now { state, took };
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

/// `POST /v1/dedup/tasks`: what `POST /v1/dedup` does, begun; the answer comes at once.
async fn start(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let params: DedupParams = json_or_default(&body?)?;
    let request = params.to_request()?;
    let (number, task) = app.tasks.add();
    let answer = task.answer(|state, took| Json(TaskBody::new(number, state, took)).into_response());
    // The run has its place to work in for as long as it goes on.
    let held = HELD.try_with(Clone::clone).map_err(|_| ApiError::internal())?;
    tokio::spawn(HELD.scope(held, async move {
        let running = Arc::clone(&task);
        let ended = off_thread(&app, move |app| {
            let on_progress = &mut |step, n_done, n| running.set(TaskState::Running { step, n_done, n });
            Ok(DedupBody::from(app.engine.dedup(&request, &running.stop, on_progress)?))
        });
        task.set(match ended.await {
            Ok(report) => TaskState::Done(report),
            Err(_) if task.stop.load(Ordering::Relaxed) => TaskState::Cancelled,
            Err(error) => TaskState::Failed(error.message().to_owned()),
        });
    }));
    let location = [(header::LOCATION, format!("/v1/dedup/tasks/{number}"))];
    Ok((StatusCode::ACCEPTED, location, answer).into_response())
}

async fn list(State(app): State<Arc<App>>) -> Response {
    let tasks: Vec<(u64, Arc<Task>)> =
        lock(&app.tasks.0).tasks.iter().map(|(number, task)| (*number, Arc::clone(task))).collect();
    let bodies = tasks.iter().map(|(number, task)| {
        task.answer(|state, took| TaskBody::new(*number, state, took).without_report())
    });
    Json(TasksBody { tasks: bodies.collect() }).into_response()
}

async fn show(State(app): State<Arc<App>>, Path(number): Path<String>) -> Result<Response, ApiError> {
    let (number, task) = app.tasks.get(&number)?;
    Ok(task.answer(|state, took| Json(TaskBody::new(number, state, took)).into_response()))
}

/// `DELETE /v1/dedup/tasks/N`: a running task is cancelled, one that ended is forgotten.
async fn remove(State(app): State<Arc<App>>, Path(number): Path<String>) -> Result<StatusCode, ApiError> {
    let (number, task) = app.tasks.get(&number)?;
    task.stop.store(true, Ordering::Relaxed);
    if lock(&task.now).took.is_some() {
        lock(&app.tasks.0).tasks.remove(&number);
    }
    Ok(StatusCode::NO_CONTENT)
}
