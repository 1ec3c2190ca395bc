//! The routes: request in, engine call, body out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use cognate_corpus::{Format, Numbers, ReadOptions, Records, Source};
use cognate_engine::{Cancel, Engine, EngineError, IngestEvent, Ingestion};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::catch_panic::CatchPanicLayer;

use crate::answer;
use crate::compat;
use crate::decisions;
use crate::error::ApiError;
use crate::guard::Guard;
use crate::page;
use crate::saved;
use crate::serve::ServeOptions;
use crate::tasks::{self, Tasks};
use cognate_wire::{
    BatchBody, BatchParams, CheckBody, CheckParams, CheckedBody, DedupBody, DedupParams, HealthBody,
    IngestBody, PaperBody, RangeParams, RecommendParams, RecordErrorBody, SearchBody, SearchParams,
    SimilarParams, StatsBody, TrendParams, TrendsBody, UpsertParams, asks_to_restore, to_judging,
};

/// Largest body of `POST /v1/papers`: some 30,000 abstracts.
pub(crate) const MAX_PAPERS_BODY_BYTES: usize = 64 << 20;
/// Largest body of texts to be embedded.
pub(crate) const MAX_TEXTS_BODY_BYTES: usize = 8 << 20;
/// Largest body of every other request.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Requests worked on or waiting at one time; each holds a thread while it waits for the model.
pub(crate) const MAX_REQUESTS: usize = 256;
/// Ingestions, deduplications and embeddings of many texts at one time; each uses every core.
const MAX_HEAVY_REQUESTS: usize = 4;

/// What every handler needs.
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    guard: Guard,
    options: ServeOptions,
    requests: Semaphore,
    heavy_requests: Arc<Semaphore>,
    pub(crate) tasks: Tasks,
    /// Ends ingestions after their current batch; set when the server is told to stop.
    pub(crate) stopping: Arc<AtomicBool>,
}

impl App {
    pub(crate) fn new(
        engine: Arc<Engine>,
        guard: Guard,
        options: ServeOptions,
        stopping: Arc<AtomicBool>,
    ) -> Self {
        Self {
            engine,
            guard,
            options,
            requests: Semaphore::new(MAX_REQUESTS),
            heavy_requests: Arc::new(Semaphore::new(MAX_HEAVY_REQUESTS)),
            tasks: Tasks::default(),
            stopping,
        }
    }

    /// Has every long run end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.tasks.cancel_all();
    }
}

/// The whole interface.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/search", get(search_by_get).post(search_by_post))
        .route("/v1/search/batch", post(search_batch))
        .route("/v1/search/range", post(search_range))
        .route("/v1/recommend", post(recommend))
        .route("/v1/papers", post(upsert).layer(DefaultBodyLimit::max(MAX_PAPERS_BODY_BYTES)))
        // Ids hold slashes, so everything below this path is one id, taken raw or percent-encoded.
        .route("/v1/papers/{*key}", any(paper))
        .route("/v1/dedup", post(dedup))
        .route("/v1/dedup/check", post(check).layer(DefaultBodyLimit::max(MAX_PAPERS_BODY_BYTES)))
        .merge(decisions::router())
        .merge(tasks::router())
        .route("/v1/trends", get(trends))
        .route("/v1/stats", get(stats))
        .route("/health", get(health))
        .merge(saved::routes())
        .merge(compat::routes())
        .merge(page::routes())
        .fallback(|uri: Uri| async move {
            ApiError::not_found(format!(
                "there is nothing at {:?}; docs/http.md lists the routes",
                uri.path()
            ))
        })
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            ApiError::method_not_allowed(format!("{method} is not possible at {:?}", uri.path()))
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), admit))
        .layer(CatchPanicLayer::custom(|_| ApiError::internal().into_response()))
        .with_state(app)
}

/// Lets a request in: from an allowed host and page, while there is room, for a bounded time.
async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if let Err(refusal) = app.guard.check(request.uri(), request.headers()) {
        return refusal.into_response();
    }
    if announced_length(&request) > body_limit(request.uri().path()) {
        return ApiError::body_too_large().into_response();
    }
    let Ok(_permit) = app.requests.try_acquire() else {
        return ApiError::busy(format!("{MAX_REQUESTS} requests are being answered already; try again soon"))
            .into_response();
    };
    match tokio::time::timeout(app.options.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::timed_out().into_response(),
    }
}

/// The length of the body as its header has it: told before the body comes, so that a client need not
/// send what will be refused.
fn announced_length(request: &Request) -> usize {
    let length = request.headers().get(header::CONTENT_LENGTH);
    length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// The largest body accepted at `path`.
fn body_limit(path: &str) -> usize {
    match path {
        "/v1/papers" | "/v1/dedup/check" => MAX_PAPERS_BODY_BYTES,
        "/v1/embeddings" | "/embed" | "/similarity" | "/tokenize" => MAX_TEXTS_BODY_BYTES,
        _ => MAX_BODY_BYTES,
    }
}

/// Runs engine work off the async threads.
pub(crate) async fn off_thread<T, F>(app: &Arc<App>, work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&App) -> Result<T, ApiError> + Send + 'static,
{
    let app = Arc::clone(app);
    match tokio::task::spawn_blocking(move || work(&app)).await {
        Ok(result) => result,
        Err(failure) => {
            tracing::error!("a request failed: {failure}");
            Err(ApiError::internal())
        }
    }
}

/// Cancels when dropped.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Runs a search off the async threads. A client that goes away has the future of its request dropped,
/// which cancels the search.
pub(crate) async fn off_thread_while_wanted<T, F>(app: &Arc<App>, work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&App, &Cancel) -> Result<T, ApiError> + Send + 'static,
{
    let cancel = Cancel::default();
    let _guard = CancelOnDrop(cancel.clone());
    off_thread(app, move |app| work(app, &cancel)).await
}

async fn search_by_get(
    State(app): State<Arc<App>>,
    params: Result<Query<SearchParams>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(params) = params?;
    search(&app, params).await
}

async fn search_by_post(
    State(app): State<Arc<App>>,
    params: Result<Json<SearchParams>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(params) = params?;
    search(&app, params).await
}

async fn search(app: &Arc<App>, params: SearchParams) -> Result<Response, ApiError> {
    let request = params.to_request()?;
    let format = params.export_format()?;
    off_thread_while_wanted(app, move |app, cancel| {
        let response = app.engine.search_unless(cancel, &request)?;
        let list = answer::List { about: params.q.as_deref().unwrap_or_default(), format };
        list.of(response, params.fields.as_ref())
    })
    .await
}

/// `POST /v1/search/batch`: many searches, answered in their order.
async fn search_batch(
    State(app): State<Arc<App>>,
    params: Result<Json<BatchParams>, JsonRejection>,
) -> Result<Json<BatchBody>, ApiError> {
    let Json(params) = params?;
    let requests = params.to_requests()?;
    let _permit = heavy(&app)?;
    off_thread(&app, move |app| {
        let responses = app.engine.search_many(&requests)?;
        let bodies = responses
            .into_iter()
            .zip(&params.searches)
            .map(|(response, search)| SearchBody::new(response, search.fields.as_ref()));
        Ok(Json(BatchBody { results: bodies.collect::<Result<_, _>>()? }))
    })
    .await
}

/// `POST /v1/search/range`: everything above a score, a line each.
async fn search_range(
    State(app): State<Arc<App>>,
    params: Result<Json<RangeParams>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(params) = params?;
    let request = params.to_request()?;
    answer::stream_range(Arc::clone(&app.engine), request, params.fields).await
}

async fn recommend(
    State(app): State<Arc<App>>,
    params: Result<Json<RecommendParams>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(params) = params?;
    let request = params.to_request()?;
    let format = params.export_format()?;
    off_thread(&app, move |app| {
        let response = app.engine.recommend(&request)?;
        answer::List { about: "recommended papers", format }.of(response, params.fields.as_ref())
    })
    .await
}

/// `GET|DELETE /v1/papers/{id}` and `GET /v1/papers/{id}/similar`.
async fn paper(
    State(app): State<Arc<App>>,
    uri: Uri,
    method: Method,
    params: Result<Query<SimilarParams>, QueryRejection>,
) -> Result<Response, ApiError> {
    // Split before decoding: an id that itself ends in "/similar" is reached by encoding its slash.
    let path = uri.path().strip_prefix("/v1/papers/").unwrap_or_default();
    let (path, wants_similar) = match path.strip_suffix("/similar") {
        Some(path) => (path, true),
        None => (path, false),
    };
    let key = decoded_id(path)?;
    if !wants_similar && uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(ApiError::bad_request("invalid_parameter", "this route takes no parameters"));
    }
    match (method, wants_similar) {
        (Method::GET | Method::HEAD, true) => {
            let Query(params) = params?;
            let options = params.to_options()?;
            let format = params.export_format()?;
            off_thread(&app, move |app| {
                let response = app.engine.similar(&key, &options)?;
                answer::List { about: &key, format }.of(response, params.fields.as_ref())
            })
            .await
        }
        (Method::GET | Method::HEAD, false) => {
            off_thread(&app, move |app| {
                let body = PaperBody::of_matches(app.engine.papers(&key)?);
                body.map(|body| Json(body).into_response()).ok_or_else(ApiError::internal)
            })
            .await
        }
        (Method::DELETE, false) => {
            off_thread(&app, move |app| {
                app.engine.delete(&key)?;
                Ok(StatusCode::NO_CONTENT.into_response())
            })
            .await
        }
        (method, _) => {
            Err(ApiError::method_not_allowed(format!("{method} is not possible at {:?}", uri.path())))
        }
    }
}

/// The id that a part of a path stands for, percent-encoded or as it is.
pub(crate) fn decoded_id(path: &str) -> Result<String, ApiError> {
    let id = percent_decode_str(path).decode_utf8();
    let id =
        id.map_err(|_| ApiError::bad_request("invalid_id", "expected an id in percent-encoded UTF-8"))?;
    Ok(id.into_owned())
}

/// `POST /v1/papers`: one object, an array, `{"papers": […]}`, or NDJSON.
async fn upsert(
    State(app): State<Arc<App>>,
    params: Result<Query<UpsertParams>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<IngestBody>), ApiError> {
    let Query(UpsertParams { restore }) = params?;
    let body = body?;
    let _permit = heavy(&app)?;
    off_thread(&app, move |app| {
        let restore = restore || asks_to_restore(&body);
        let mut errors = Vec::new();
        let report = app.engine.ingest(
            records_of(body)?,
            Ingestion {
                strict: false,
                restore,
                stop: &app.stopping,
                on_event: &mut |event| {
                    if let IngestEvent::Skipped(error) = event {
                        errors.push(RecordErrorBody::from(error));
                    }
                },
            },
        )?;
        if report.read == 0 {
            let is_stopping = app.stopping.load(Ordering::Relaxed);
            return Err(if is_stopping { EngineError::Interrupted.into() } else { no_papers() });
        }
        let all_bad = report.skipped == report.read;
        let status = if all_bad { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok((status, Json(IngestBody { errors: Some(errors), ..IngestBody::new(report) })))
    })
    .await
}

/// The papers in a body, each read or refused.
fn records_of(body: Bytes) -> Result<Records, ApiError> {
    let options = ReadOptions { format: Format::Json, numbers: Numbers::Ids, ..ReadOptions::default() };
    let source = Source::from_reader("request body", std::io::Cursor::new(body));
    Ok(source.records(&options).map_err(EngineError::from)?)
}

fn no_papers() -> ApiError {
    ApiError::bad_request("no_papers", "expected at least one paper in the body, found none")
}

async fn dedup(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<DedupBody>, ApiError> {
    let params: DedupParams = json_or_default(&body?)?;
    let request = params.to_request()?;
    let _permit = heavy(&app)?;
    off_thread(&app, move |app| {
        Ok(Json(DedupBody::from(app.engine.dedup(&request, &app.stopping, &mut |_, _, _| {})?)))
    })
    .await
}

/// Records that `POST /v1/dedup/check` compares at a time: their texts and vectors are held.
const CHECK_WINDOW: usize = 256;

/// `POST /v1/dedup/check`: records as for `POST /v1/papers`, compared with the store, not added.
async fn check(
    State(app): State<Arc<App>>,
    params: Result<Query<CheckParams>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<CheckBody>, ApiError> {
    let Query(params) = params?;
    let judging = to_judging(params.min_probability, params.versions.as_deref())?;
    let body = body?;
    let _permit = heavy(&app)?;
    off_thread(&app, move |app| {
        let (mut papers, mut errors) = (Vec::new(), Vec::new());
        for record in records_of(body)? {
            match record.map_err(EngineError::from)? {
                Ok(parsed) => papers.push(parsed.paper),
                Err(error) => errors.push(RecordErrorBody::from(&error)),
            }
        }
        if papers.is_empty() && errors.is_empty() {
            return Err(no_papers());
        }
        let mut results = Vec::with_capacity(papers.len());
        for window in papers.chunks(CHECK_WINDOW) {
            if app.stopping.load(Ordering::Relaxed) {
                return Err(EngineError::Interrupted.into());
            }
            results.extend(app.engine.check(window, &judging)?.into_iter().map(CheckedBody::from));
        }
        Ok(Json(CheckBody { results, errors }))
    })
    .await
}

/// The parameters in a body; without a body, those by default.
pub(crate) fn json_or_default<T: DeserializeOwned + Default>(body: &Bytes) -> Result<T, ApiError> {
    if body.is_empty() {
        return Ok(T::default());
    }
    let Json(params) = Json::from_bytes(body)?;
    Ok(params)
}

pub(crate) fn heavy(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    Arc::clone(&app.heavy_requests).try_acquire_owned().map_err(|_| {
        ApiError::busy(format!(
            "{MAX_HEAVY_REQUESTS} ingestions or deduplications are running; try again later"
        ))
    })
}

async fn trends(
    State(app): State<Arc<App>>,
    params: Result<Query<TrendParams>, QueryRejection>,
) -> Result<Json<TrendsBody>, ApiError> {
    let Query(params) = params?;
    let (request, limit) = params.to_request()?;
    off_thread(&app, move |app| Ok(Json(TrendsBody::from(app.engine.trends(&request, limit)?)))).await
}

async fn stats(State(app): State<Arc<App>>) -> Result<Json<StatsBody>, ApiError> {
    off_thread(&app, |app| Ok(Json(StatsBody::from(app.engine.stats()?)))).await
}

async fn health() -> Json<HealthBody> {
    Json(HealthBody { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
