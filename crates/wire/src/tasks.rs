//! Tasks.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::dedup::DedupBody;

/// How far a task is.
#[derive(Debug, Clone)]
pub enum TaskState {
    /// It goes on.
    Running {
        /// What it does now.
        step: &'static str,
        /// Parts of the step that are done.
        n_done: usize,
        /// Parts of the step.
        n: usize,
    },
    /// It has a report.
    Done(DedupBody),
    /// It failed, for this reason.
    Failed(String),
    /// Somebody ended it.
    Cancelled,
}

/// A task; of a running one how far its step is, of one that is done its report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskBody<'a> {
    task: u64,
    status: &'static str,
    /// Since it began; of one that ended, in all.
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DedupBody>)]
    report: Option<&'a DedupBody>,
}

impl<'a> TaskBody<'a> {
    /// Task number `task`, which took so long until now, or in all.
    #[must_use]
    pub fn new(task: u64, state: &'a TaskState, took: Duration) -> Self {
        let seconds = (took.as_secs_f64() * 1e3).round() / 1e3;
        let status = match state {
            TaskState::Running { .. } => "running",
            TaskState::Done(_) => "done",
            TaskState::Failed(_) => "failed",
            TaskState::Cancelled => "cancelled",
        };
        let body =
            Self { task, status, seconds, step: None, done: None, total: None, error: None, report: None };
        match state {
            TaskState::Running { step, n_done, n } => {
                Self { step: Some(step), done: Some(*n_done), total: Some(*n), ..body }
            }
            TaskState::Done(report) => Self { report: Some(report), ..body },
            TaskState::Failed(error) => Self { error: Some(error.clone()), ..body },
            TaskState::Cancelled => body,
        }
    }

    /// As it is listed.
    #[must_use]
    pub fn without_report(self) -> TaskBody<'static> {
        TaskBody { report: None, ..self }
    }
}

/// Answer of `GET /v1/dedup/tasks`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TasksBody {
    /// The tasks, in their order, without reports.
    pub tasks: Vec<TaskBody<'static>>,
}
