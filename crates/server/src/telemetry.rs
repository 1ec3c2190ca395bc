//! What a server tells of itself: metrics for Prometheus, and a line of log for each request.
//!
//! Every request has an id: the client's own `X-Request-Id`, else a new one. It goes into the log and into the answer.
//! Of a `traceparent` (W3C Trace Context) the trace's id goes into the log.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cognate_engine::Stats;
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Instrument;

use crate::error::{ApiError, Code};
use crate::routes::{App, off_thread};

/// Seconds up to which requests are counted: from a keystroke to a deduplication.
const SECONDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0];
/// Longest id of a client's request that is taken over.
const MAX_ID_BYTES: usize = 128;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Queries in one pass over the model.
const BATCH_SIZES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Where what all crates measure in this process is gathered.
pub(crate) struct Telemetry {
    handle: PrometheusHandle,
}

impl Telemetry {
    /// Begins to gather.
    ///
    /// # Errors
    /// [`BuildError`] if something gathers in this process already.
    pub(crate) fn start() -> Result<Self, BuildError> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_batch_queries".to_owned()), &BATCH_SIZES)?;
        Ok(Self { handle: builder.install_recorder()? })
    }

    /// Empties what would grow until somebody asks.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Gives a request its id, and counts and logs what becomes of it.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = id_of(request.headers());
    // What is asked for is the client's own: only the route is told, and anything else is one.
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = name_of(request.method());
    let trace = trace_of(request.headers()).unwrap_or_default();
    let span = tracing::info_span!("request", id, method, route, trace);
    let mut response = next.run(request).instrument(span.clone()).await;

    let took = started.elapsed();
    let status = response.status().as_u16();
    histogram!("cognate_http_request_duration_seconds", "method" => method, "route" => route.clone())
        .record(took.as_secs_f64());
    counter!("cognate_http_requests_total", "method" => method, "route" => route, "status" => status.to_string())
        .increment(1);
    if let Some(Code(code)) = response.extensions().get::<Code>() {
        counter!("cognate_http_errors_total", "code" => *code).increment(1);
    }
    span.in_scope(|| tracing::debug!(status, took_ms = took.as_secs_f64() * 1e3, "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The methods that routes know; a client may send any word.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The client's id of the request, where it is a short word; else a new one.
fn id_of(headers: &HeaderMap) -> String {
    let is_word = |id: &&str| {
        (1..=MAX_ID_BYTES).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte))
    };
    let own = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_word);
    own.map_or_else(|| format!("{:016x}", random()), str::to_owned)
}

/// A number that no other request is likely to have.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(Instant::now())
}

/// The id of the trace in `traceparent`: version 00, 32 hexadecimal digits, not all of them 0.
fn trace_of(headers: &HeaderMap) -> Option<&str> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let is_trace = version.len() == 2
        && version != "ff"
        && is_hex(version)
        && trace.len() == 32
        && is_hex(trace)
        && trace.bytes().any(|byte| byte != b'0');
    is_trace.then_some(trace)
}

/// What the server measures, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let text = off_thread(&app, |app| {
        let (stats, files) = (app.engine.stats()?, app.engine.file_sizes());
        describe(&stats);
        gauge!("cognate_store_bytes").set(files.store as f64);
        gauge!("cognate_store_wal_bytes").set(files.wal as f64);
        for (kind, n_working, n_waiting) in app.limits.in_use() {
            gauge!("cognate_requests_working", "kind" => kind).set(n_working as f64);
            gauge!("cognate_requests_waiting", "kind" => kind).set(n_waiting as f64);
        }
        Ok(app.telemetry.handle.render())
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

fn describe(stats: &Stats) {
    gauge!("cognate_papers").set(stats.n_papers as f64);
    if let Some(generation) = stats.generation {
        gauge!("cognate_generation").set(generation as f64);
    }
    let Some(index) = &stats.index else { return };
    let collection = &index.collection;
    gauge!("cognate_index_generation").set(collection.generation as f64);
    gauge!("cognate_index_generation_on_disk").set(collection.generation_on_disk as f64);
    gauge!("cognate_index_rows").set(collection.n_rows as f64);
    gauge!("cognate_index_segments").set(collection.segments.len() as f64);
    gauge!("cognate_index_file_bytes").set(collection.disk_bytes as f64);
    gauge!("cognate_index_memory_bytes").set(collection.memory_bytes as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_requests_are_short_words() {
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(value).unwrap());
            id_of(&headers)
        };
        assert_eq!(id("01JD-abc.def"), "01JD-abc.def");
        for odd in ["", "two words", "a\"b", &"x".repeat(200)] {
            assert_eq!(id(odd).len(), 16, "{odd:?}");
        }
        assert_ne!(id(""), id(""));
    }

    #[test]
    fn traces_are_taken_over_where_they_are_well_formed() {
        let check = |value: &str, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_str(value).unwrap());
            assert_eq!(trace_of(&headers), expected, "{value}");
        };
        let trace = "0af7651916cd43dd8448eb211c80319c";
        check(&format!("00-{trace}-b7ad6b7169203331-01"), Some(trace));
        check(&format!("ff-{trace}-b7ad6b7169203331-01"), None);
        check(&format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)), None);
        check(&format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()), None);
        check("00-short-b7ad6b7169203331-01", None);
        check("", None);
    }
}
