//! Papers in, from a browser: files that are dropped or chosen, with progress while they are read, and a field to paste
//! records into, which needs no script.

use std::cell::Cell;
use std::convert::Infallible;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use cognate_corpus::{ReadError, ReadOptions, Record, RecordError, Source};
use cognate_engine::{
    Cancel, Engine, EngineError, IngestEvent, IngestPolicy, IngestReport, Ingestion, RecordSource,
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Sender};

use super::search::{counted, thousands};
use super::{Frame, PageError, page};
use crate::error::ApiError;
use crate::limits::HELD;
use crate::routes::{App, off_thread_while_wanted};
use cognate_wire::{IngestBody, fault_in_words};

/// Longest name of a file, in Unicode scalar values.
const MAX_NAME_CHARS: usize = 200;
/// Bad records that are told.
const MAX_TOLD: usize = 20;
/// Messages on their way to a browser; while so many wait, progress is not told.
const MAX_WAITING: usize = 16;

/// Where papers come in, in every page that offers it.
pub(super) struct Import {
    /// Where files and records are sent to.
    pub(super) action: String,
    /// The command that does the same.
    pub(super) command: String,
    /// Papers of the small collection, if one comes along.
    pub(super) n_demo: Option<usize>,
}

impl Import {
    pub(super) fn new(app: &App, frame: &Frame) -> Self {
        let data =
            app.engine.data_dir().map_or_else(String::new, |data| format!("--data {} ", in_shell(data)));
        let command = format!("cognate {data}index papers.bib");
        let n_demo = Some(app.demo().lines().count()).filter(|n| *n > 0);
        Self { action: frame.form_action("/import"), command, n_demo }
    }
}

/// A path as a shell takes it.
fn in_shell(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// `GET /import`
pub(super) async fn show(State(app): State<Arc<App>>) -> Response {
    shown(&app, None)
}

fn shown(app: &App, report: Option<Told>) -> Response {
    let frame = Frame::new("Add papers", "import");
    let import = Import::new(app, &frame);
    page(StatusCode::OK, &ImportPage { frame, import, report })
}

/// `POST /import`: a file as it is, whose name is in the address (`name`), answered with server-sent events: `progress`
/// with the counts so far, then `done` with the report, or `failed` with a message. A form with `records` is answered
/// with the page; one with `demo` brings the small collection, with events for whoever accepts them.
pub(super) async fn take(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageError> {
    let body = body?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_form = kind.starts_with("application/x-www-form-urlencoded");
    let file = if is_form {
        File::in_form(&body, app.demo())?
    } else {
        File { name: name_in(&query.unwrap_or_default()), bytes: body }
    };
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|kind| kind.to_str().ok());
    let takes_events =
        accepts.flat_map(|kinds| kinds.split(',')).any(|kind| kind.trim() == "text/event-stream");
    if is_form && !takes_events {
        let (report, faults) = off_thread_while_wanted(&app, move |app, cancel| {
            Ok(file.ingest(&app.engine, cancel, &mut |_, _| {})?)
        })
        .await?;
        return Ok(shown(&app, Some(Told::new(&report, faults))));
    }
    let held = HELD.try_with(Clone::clone).map_err(|_| ApiError::internal())?;
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    // The work has what the request holds until it ends. A browser that leaves cancels it: what was committed stays.
    tokio::task::spawn_blocking(move || {
        file.tell(&app.engine, &held.cancel, &sender);
        drop(held);
    });
    let events = stream::unfold(receiver, |mut receiver| async {
        let event = receiver.recv().await?;
        Some((Ok::<Event, Infallible>(event), receiver))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// The name of a file, of which a browser tells no folder.
fn name_in(query: &str) -> String {
    let mut fields = form_urlencoded::parse(query.as_bytes());
    let name = fields.find(|(name, _)| name == "name").map(|(_, value)| value.into_owned());
    let name = name.unwrap_or_default();
    let name: String =
        name.rsplit(['/', '\\']).next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    let name: String = name.trim().chars().take(MAX_NAME_CHARS).collect();
    if name.is_empty() { "upload".to_owned() } else { name }
}

/// A file that came.
struct File {
    name: String,
    bytes: Bytes,
}

/// Counts so far, and how far in the file.
type OnProgress<'a> = dyn FnMut(&IngestReport, u64) + 'a;

impl File {
    /// The records of a form: those in its field, or the small collection if it asks for that.
    fn in_form(form: &[u8], demo: &'static str) -> Result<Self, ApiError> {
        let (mut records, mut wants_demo) = (String::new(), false);
        for (name, value) in form_urlencoded::parse(form) {
            match &*name {
                "records" => records = value.into_owned(),
                "demo" => wants_demo = true,
                _ => {}
            }
        }
        if wants_demo && !demo.is_empty() {
            return Ok(Self { name: "demo".to_owned(), bytes: Bytes::from_static(demo.as_bytes()) });
        }
        if records.trim().is_empty() {
            return Err(ApiError::bad_request("no_papers", "expected records in the field, found none"));
        }
        Ok(Self { name: "pasted".to_owned(), bytes: records.into() })
    }

    /// Takes its records in, and tells what became of them.
    fn ingest(
        self,
        engine: &Engine,
        cancel: &Cancel,
        on_progress: &mut OnProgress<'_>,
    ) -> Result<(IngestReport, Vec<String>), EngineError> {
        let Self { name, bytes } = self;
        let sources = Source::from_reader(name.as_str(), Cursor::new(bytes)).members()?;
        let position = Cell::new(0_u64);
        let (mut told, mut n_faults) = (Vec::new(), 0_usize);
        let mut tell = |fault: String| {
            n_faults += 1;
            if told.len() < MAX_TOLD {
                told.push(fault);
            }
        };
        let report = engine.ingest(
            records_of(sources, &position),
            Ingestion {
                // Whose records they are is what tells an edited file from another's.
                policy: IngestPolicy { source: RecordSource::Named(name), ..IngestPolicy::default() },
                stop: cancel.flag(),
                on_event: &mut |event| match event {
                    IngestEvent::Committed(report) => on_progress(report, position.get()),
                    IngestEvent::Skipped(error) => tell(error.to_string()),
                    IngestEvent::Broken(error) => tell(fault_in_words(error)),
                    IngestEvent::Warning(issue) => tell(issue.to_string()),
                    IngestEvent::Record(_) => {}
                },
            },
        )?;
        if n_faults > told.len() {
            let rest = n_faults - told.len();
            told.push(format!("and {} more such lines", thousands(rest as u64)));
        }
        if report.counts.read == 0 && report.is_complete() {
            told.push("no record was found in it".to_owned());
        }
        Ok((report, told))
    }

    /// The same, as events for whoever looks on.
    fn tell(self, engine: &Engine, cancel: &Cancel, to: &Sender<Event>) {
        let started = Instant::now();
        let (name, n_bytes) = (self.name.clone(), self.bytes.len() as u64);
        let mut on_progress = |report: &IngestReport, position: u64| {
            let seconds = started.elapsed().as_secs_f64();
            let mut data = counts_of(report);
            data["done_bytes"] = json!(position.min(n_bytes));
            data["bytes"] = json!(n_bytes);
            data["seconds"] = json!(seconds);
            // Whoever reads slowly is told less often.
            let _ = event("progress", &data).map(|event| to.try_send(event));
        };
        let last = match self.ingest(engine, cancel, &mut on_progress) {
            Ok((report, faults)) => {
                let mut data = counts_of(&report);
                let told = Told::new(&report, faults);
                data["words"] = json!(told.words);
                data["faults"] = json!(told.faults);
                data["seconds"] = json!(started.elapsed().as_secs_f64());
                event("done", &data)
            }
            Err(error) => {
                let message = ApiError::from(error).message().to_owned();
                event("failed", &json!({ "message": format!("{name}: {message}") }))
            }
        };
        // Nobody may be there any more.
        let _ = last.map(|event| to.blocking_send(event));
    }
}

fn event(name: &str, data: &Value) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}

fn counts_of(report: &IngestReport) -> Value {
    serde_json::to_value(IngestBody::new(report)).unwrap_or_default()
}

/// The records of all sources, one after the other; `position` is how far in the bytes the reading is.
fn records_of<'a>(
    sources: Vec<Source>,
    position: &'a Cell<u64>,
) -> impl Iterator<Item = Result<Result<Record, RecordError>, ReadError>> + 'a {
    sources.into_iter().flat_map(move |source| {
        let before = position.get();
        let mut records = None;
        let mut fault = None;
        match source.records(&ReadOptions::default()) {
            Ok(found) => records = Some(found),
            Err(error) => fault = Some(error),
        }
        std::iter::from_fn(move || {
            if let Some(error) = fault.take() {
                return Some(Err(error));
            }
            let records = records.as_mut()?;
            let record = records.next();
            position.set(before + records.consumed_bytes());
            record
        })
    })
}

/// What became of a file's records, in words.
struct Told {
    words: String,
    faults: Vec<String>,
}

impl Told {
    fn new(report: &IngestReport, faults: Vec<String>) -> Self {
        let counts = report.counts;
        let parts = [
            (counts.added, "added"),
            (counts.updated, "updated"),
            (counts.unchanged + counts.repeated, "known already"),
            (counts.skipped, "skipped"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{} {what}", thousands(n)))
            .collect();
        let of = counted(counts.read, "record");
        let words = if parts.is_empty() { of } else { format!("{of}: {}", parts.join(", ")) };
        Self { words, faults }
    }
}

#[derive(Template)]
#[template(path = "import.html", whitespace = "minimize")]
struct ImportPage {
    frame: Frame,
    import: Import,
    /// Of records that were pasted.
    report: Option<Told>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_names() {
        assert_eq!(name_in("name=a%20b.bib&token=x"), "a b.bib");
        assert_eq!(name_in("name=C%3A%5Ctmp%5Cx.ris"), "x.ris");
        assert_eq!(name_in("name=..%2F..%2Fetc%2Fpasswd"), "passwd");
        assert_eq!(name_in("name=%0A"), "upload");
        assert_eq!(name_in(""), "upload");
        assert_eq!(name_in(&format!("name={}", "x".repeat(900))).len(), MAX_NAME_CHARS);
        assert_eq!(in_shell(Path::new("/srv/papers")), "/srv/papers");
        assert_eq!(in_shell(Path::new("/it's here")), "'/it'\\''s here'");
    }

    #[test]
    fn a_form_brings_its_records_or_the_small_collection() {
        let file = |form: &str, demo: &'static str| {
            File::in_form(form.as_bytes(), demo).ok().map(|file| (file.name, file.bytes.len()))
        };
        assert_eq!(file("records=abc", "x"), Some(("pasted".to_owned(), 3)));
        assert_eq!(file("demo=1&records=abc", "xy"), Some(("demo".to_owned(), 2)));
        assert_eq!(file("demo=1", ""), None);
        assert_eq!(file("records=+", "x"), None);
    }
}
