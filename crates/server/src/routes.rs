//! The routes: request in, engine call, body out.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use cognate_corpus::{Format, Numbers, Paper, ReadOptions, Records, Source};
use cognate_engine::{Cancel, Engine, EngineError, IngestEvent, Ingestion, Judging};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::access::{self, Access};
use crate::answer;
use crate::body::{self, JsonBody, Parameters};
use crate::compat;
use crate::decisions;
use crate::document::{self, Document};
use crate::error::ApiError;
use crate::guard::Guard;
use crate::limits::{CancelOnDrop, Class, HELD, Limits};
use crate::manners::{self, bare};
use crate::page;
use crate::saved;
use crate::serve::ServeOptions;
use crate::tasks::{self, Tasks};
use crate::telemetry::{self, Telemetry};
use cognate_wire::{
    BatchBody, BatchParams, CheckBody, CheckParams, CheckedBody, DedupBody, DedupParams, ErrorBody,
    ExportParams, HealthBody, IngestBody, Object, PaperBody, RangeParams, RecommendParams, RecordErrors,
    RecordsBody, SearchBody, SearchParams, SimilarParams, StatsBody, TrendParams, TrendsBody, UpsertParams,
    asks_to_restore, to_judging,
};

/// What every handler needs.
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    guard: Guard,
    options: ServeOptions,
    pub(crate) access: Access,
    pub(crate) telemetry: Telemetry,
    pub(crate) limits: Limits,
    pub(crate) tasks: Tasks,
    /// What pages show when it is made.
    pub(crate) under_way: page::UnderWay,
    /// The interface as OpenAPI, in JSON.
    pub(crate) document: OnceLock<Bytes>,
    /// Set when the server is told to stop.
    stopping: AtomicBool,
}

impl App {
    pub(crate) fn new(
        engine: Arc<Engine>,
        options: ServeOptions,
        access: Access,
        telemetry: Telemetry,
    ) -> Self {
        let guard = Guard {
            allow_any_address: options.guard.allow_any_address || options.allow_remote,
            ..options.guard.clone()
        };
        Self {
            engine,
            guard,
            options,
            access,
            telemetry,
            limits: Limits::default(),
            tasks: Tasks::default(),
            under_way: page::UnderWay::default(),
            document: OnceLock::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// The small collection that comes along.
    pub(crate) fn demo(&self) -> &'static str {
        self.options.demo
    }

    /// Has every long run end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.limits.cancel_long_runs();
        self.tasks.cancel_all();
    }
}

/// The whole interface.
pub(crate) fn router(app: Arc<App>) -> Router {
    let papers = OpenApiRouter::new().routes(routes!(paper, delete_paper));
    let tools = cognate_mcp::http_service(cognate_mcp::Tools::new(Arc::clone(&app.engine)));
    let tools = Router::new()
        .route_service("/mcp", tools)
        .layer(middleware::map_request(manners::any_type_is_json))
        .layer(middleware::map_response(manners::no_message));
    let routes = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(search_by_get))
        .routes(routes!(search_by_post).map(bare))
        .routes(routes!(search_batch).map(bare))
        .routes(routes!(search_range).map(bare))
        .routes(routes!(recommend).map(bare))
        .routes(routes!(export_by_get))
        .routes(routes!(export_by_post).map(bare))
        .routes(routes!(upsert))
        .merge(papers.layer(middleware::from_fn(manners::tag)))
        .routes(routes!(dedup).map(bare))
        .routes(routes!(check))
        .merge(decisions::router())
        .merge(tasks::router())
        .routes(routes!(trends))
        .routes(routes!(stats).map(bare))
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(telemetry::metrics))
        .routes(routes!(document::show))
        .merge(OpenApiRouter::from(tools))
        .merge(saved::routes())
        .merge(compat::routes());
    let (routes, openapi) = routes.split_for_parts();
    app.document.get_or_init(|| document::written(&openapi));
    let routes = routes
        .merge(page::routes())
        .fallback(nothing_there)
        // Bodies are bounded where they are read, in `body`.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), admit))
        .layer(middleware::from_fn(manners::methods))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), access::keyed));
    let origins = &app.guard.allowed_origins;
    // It would answer every `OPTIONS` for itself.
    let routes = if origins.is_empty() { routes } else { routes.layer(manners::cors(origins)) };
    routes
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guarded))
        .layer(CatchPanicLayer::custom(|_| ApiError::internal().into_response()))
        .layer(middleware::from_fn(telemetry::observe))
        .with_state(app)
}

/// The answer of an address that is no route's.
pub(crate) async fn nothing_there(uri: Uri, headers: HeaderMap) -> Response {
    let message = format!("there is nothing at {:?}; docs/http.md lists the routes", uri.path());
    page::refusal(&uri, &headers, ApiError::not_found(message))
}

/// Lets a request in that names this server and comes from no other page than its own and those allowed.
async fn guarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.guard.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// How long the engine with which papers lie may take to say that it is there.
const PATIENCE_FOR_ENGINE: Duration = Duration::from_secs(2);

/// Lets a request in while there is room, for a bounded time.
async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let class = Class::of(request.method(), request.uri().path());
    if class == Class::Open {
        return next.run(request).await;
    }
    match tokio::time::timeout(app.options.request_timeout, answer(&app, class, request, next)).await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_) => ApiError::timed_out().into_response(),
    }
}

/// Reads the body, waits for a place to work in, has the request answered, and counts the answer. A client that goes
/// away has this future dropped, which cancels the work.
async fn answer(app: &App, class: Class, request: Request, next: Next) -> Result<Response, ApiError> {
    let (request, body) = body::read(&app.limits, request).await?;
    let held = app.limits.hold(class, body, app.options.request_timeout).await?;
    let abandoned = CancelOnDrop(held.cancel.clone());
    let response = HELD.scope(held.clone(), next.run(request)).await;
    body::count(&app.limits, class, response, (held, abandoned)).await
}

/// Runs engine work off the async threads. The work has what the request holds until it ends, even where nobody waits
/// for it any more.
pub(crate) async fn off_thread<T, F>(app: &Arc<App>, work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&App) -> Result<T, ApiError> + Send + 'static,
{
    off_thread_while_wanted(app, |app, _| work(app)).await
}

/// The same for work that looks whether its answer is still wanted. A client that goes away has the future of its
/// request dropped, which cancels the work.
pub(crate) async fn off_thread_while_wanted<T, F>(app: &Arc<App>, work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&App, &Cancel) -> Result<T, ApiError> + Send + 'static,
{
    let app = Arc::clone(app);
    let held = HELD.try_with(Clone::clone).map_err(|_| ApiError::internal())?;
    let working = tokio::task::spawn_blocking(move || {
        let result = work(&app, &held.cancel);
        // The closure owns all of it, not the token alone.
        drop(held);
        result
    });
    match working.await {
        Ok(result) => result,
        Err(failure) => {
            tracing::error!("a request failed: {failure}");
            Err(ApiError::internal())
        }
    }
}

/// Search.
///
/// Papers by meaning and by words; without `q`, all that pass the filters, the newest first.
#[utoipa::path(get, path = "/v1/search", params(SearchParams), responses((status = 200, body = SearchBody)))]
async fn search_by_get(
    State(app): State<Arc<App>>,
    Parameters(params): Parameters<SearchParams>,
) -> Result<Response, ApiError> {
    search(&app, params).await
}

/// Search, with the parameters as JSON.
#[utoipa::path(post, path = "/v1/search", request_body = SearchParams, responses((status = 200, body = SearchBody)))]
async fn search_by_post(
    State(app): State<Arc<App>>,
    JsonBody(params): JsonBody<SearchParams>,
) -> Result<Response, ApiError> {
    search(&app, params).await
}

async fn search(app: &Arc<App>, params: SearchParams) -> Result<Response, ApiError> {
    let request = params.to_request()?;
    let shape = params.to_shape()?;
    off_thread_while_wanted(app, move |app, cancel| {
        let response = app.engine.search_unless(cancel, &request)?;
        answer::List { about: params.q.as_deref().unwrap_or_default(), shape }.of(response)
    })
    .await
}

/// Many searches, answered in their order.
#[utoipa::path(post, path = "/v1/search/batch", request_body = BatchParams, responses((status = 200, body = BatchBody)))]
async fn search_batch(
    State(app): State<Arc<App>>,
    JsonBody(params): JsonBody<BatchParams>,
) -> Result<Json<BatchBody>, ApiError> {
    let (requests, fields) = params.to_requests()?;
    off_thread_while_wanted(&app, move |app, cancel| {
        let responses = app.engine.search_many(cancel, &requests)?;
        let bodies = responses.into_iter().zip(fields);
        let bodies = bodies.map(|(response, fields)| SearchBody::new(response, fields));
        Ok(Json(BatchBody { results: bodies.collect() }))
    })
    .await
}

/// Everything above a score, streamed.
#[utoipa::path(post, path = "/v1/search/range", request_body = RangeParams,
    responses((status = 200, body = String, content_type = "application/x-ndjson", description = "A line `{\"total\": …}`, then a hit on each line.")))]
async fn search_range(
    State(app): State<Arc<App>>,
    JsonBody(params): JsonBody<RangeParams>,
) -> Result<Response, ApiError> {
    let request = params.to_request()?;
    answer::stream_range(&app, request, params.fields).await
}

/// Every paper that fits, as a file.
#[utoipa::path(get, path = "/v1/export", params(ExportParams), responses((status = 200, body = String, content_type = "application/x-ndjson")))]
async fn export_by_get(
    State(app): State<Arc<App>>,
    Parameters(params): Parameters<ExportParams>,
) -> Result<Response, ApiError> {
    export(&app, params).await
}

/// Every paper that fits, as a file, with the parameters as JSON.
#[utoipa::path(post, path = "/v1/export", request_body = ExportParams, responses((status = 200, body = String, content_type = "application/x-ndjson")))]
async fn export_by_post(
    State(app): State<Arc<App>>,
    JsonBody(params): JsonBody<ExportParams>,
) -> Result<Response, ApiError> {
    export(&app, params).await
}

/// `GET|POST /v1/export`: every paper that fits, in a format that other programs read.
async fn export(app: &Arc<App>, params: ExportParams) -> Result<Response, ApiError> {
    let (request, format) = params.to_request()?;
    answer::stream_export(app, request, (format, params.q.unwrap_or_default())).await
}

/// Papers like some and unlike others.
#[utoipa::path(post, path = "/v1/recommend", request_body = RecommendParams, responses((status = 200, body = SearchBody), (status = 404, body = ErrorBody)))]
async fn recommend(
    State(app): State<Arc<App>>,
    JsonBody(params): JsonBody<RecommendParams>,
) -> Result<Response, ApiError> {
    let request = params.to_request()?;
    let shape = params.to_shape()?;
    off_thread_while_wanted(&app, move |app, cancel| {
        let response = app.engine.recommend(cancel, &request)?;
        answer::List { about: "recommended papers", shape }.of(response)
    })
    .await
}

/// A paper, whole, with its duplicates and versions.
#[utoipa::path(get, path = "/v1/papers/{*id}", params(("id" = String, Path, description = "The paper's id, or an identifier.")),
    responses((status = 200, body = PaperBody), (status = 304, description = "It did not change."),
        (status = 404, body = ErrorBody)))]
async fn paper(
    State(app): State<Arc<App>>,
    uri: Uri,
    params: Result<Parameters<SimilarParams>, ApiError>,
) -> Result<Response, ApiError> {
    let (path, wants_similar) = paper_path(&uri);
    let key = decoded_id(path)?;
    if wants_similar {
        let Parameters(params) = params?;
        return similar(&app, key, params).await;
    }
    manners::check_bare(&uri)?;
    off_thread(&app, move |app| {
        let papers = app.engine.papers(&key)?;
        let found = match papers.as_slice() {
            [paper] if app.engine.is_here() => Some(app.engine.duplicates_of(paper, &Judging::default())?),
            _ => None,
        };
        let body = PaperBody::of_matches(papers).ok_or_else(ApiError::internal)?;
        Ok(Json(match found {
            Some(found) => body.with_found(found),
            None => body,
        })
        .into_response())
    })
    .await
}

/// The papers nearest to one.
#[utoipa::path(get, path = "/v1/papers/{id}/similar",
    params(("id" = String, Path, description = "The paper's id, or an identifier."), SimilarParams),
    responses((status = 200, body = SearchBody), (status = 304, description = "It did not change."),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn similar(app: &Arc<App>, key: String, params: SimilarParams) -> Result<Response, ApiError> {
    let options = params.to_options()?;
    let shape = params.to_shape()?;
    off_thread_while_wanted(app, move |app, cancel| {
        let response = app.engine.similar(cancel, &key, &options)?;
        answer::List { about: &key, shape }.of(response)
    })
    .await
}

/// Deletes a paper.
#[utoipa::path(delete, path = "/v1/papers/{*id}", params(("id" = String, Path, description = "The paper's id, or an identifier.")),
    responses((status = 204, description = "It is deleted, on disk."), (status = 404, body = ErrorBody),
        (status = 405, body = ErrorBody, description = "What is near a paper cannot be deleted."),
        (status = 409, body = ErrorBody, description = "Several papers carry the identifier; the message names them.")))]
async fn delete_paper(State(app): State<Arc<App>>, uri: Uri) -> Result<StatusCode, ApiError> {
    let (path, wants_similar) = paper_path(&uri);
    if wants_similar {
        return Err(ApiError::method_not_allowed(format!("DELETE is not possible at {:?}", uri.path())));
    }
    let key = decoded_id(path)?;
    manners::check_bare(&uri)?;
    off_thread(&app, move |app| {
        app.engine.delete(&key)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// What of a path below `/v1/papers/` is the id, and whether the papers near it are meant. Ids hold slashes, so all of it is
/// one id, raw or percent-encoded. Split before decoding: an id that itself ends in "/similar" is reached by encoding its
/// slash.
fn paper_path(uri: &Uri) -> (&str, bool) {
    let path = uri.path().strip_prefix("/v1/papers/").unwrap_or_default();
    match path.strip_suffix("/similar") {
        Some(path) => (path, true),
        None => (path, false),
    }
}

/// The id that a part of a path stands for, percent-encoded or as it is.
pub(crate) fn decoded_id(path: &str) -> Result<String, ApiError> {
    let id = percent_decode_str(path).decode_utf8();
    let id =
        id.map_err(|_| ApiError::bad_request("invalid_id", "expected an id in percent-encoded UTF-8"))?;
    Ok(id.into_owned())
}

/// Adds and updates papers.
///
/// One record, an array, `{"papers": […]}`, or a record on each line. The answer comes when all is on disk.
#[utoipa::path(post, path = "/v1/papers", params(UpsertParams),
    request_body(content((RecordsBody = "application/json"), (String = "application/x-ndjson"))),
    responses((status = 200, body = IngestBody), (status = 422, body = IngestBody, description = "All records are bad.")))]
async fn upsert(
    State(app): State<Arc<App>>,
    params: Result<Query<UpsertParams>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<IngestBody>), ApiError> {
    let Query(params) = params?;
    let body = body?;
    off_thread_while_wanted(&app, move |app, cancel| {
        let mut policy = params.policy();
        policy.restore |= asks_to_restore(&body);
        let (mut errors, mut warnings) = (RecordErrors::default(), RecordErrors::default());
        // Of the records that were read so far.
        let number = Cell::new(0_u64);
        let report = app.engine.ingest(
            records_of(body)?.inspect(|_| number.set(number.get() + 1)),
            Ingestion {
                policy,
                stop: cancel.flag(),
                on_event: &mut |event| match event {
                    IngestEvent::Skipped(error) => errors.add(number.get(), error),
                    IngestEvent::Broken(error) => errors.add(number.get(), error),
                    IngestEvent::Warning(issue) => warnings.add(number.get(), issue),
                    IngestEvent::Record(_) | IngestEvent::Committed(_) => {}
                },
            },
        )?;
        let mut body = IngestBody::new(&report);
        // What stopped the reading is one more bad record, the last, where there are others.
        if !report.is_complete() && report.counts.read > 0 {
            body.counts.read += 1;
            body.counts.skipped += 1;
        } else {
            report.complete()?;
        }
        if body.counts.read == 0 {
            return Err(if cancel.is_cancelled() { EngineError::Interrupted.into() } else { no_papers() });
        }
        let all_bad = body.counts.skipped == body.counts.read;
        let status = if all_bad { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok((status, Json(body.with_faults(errors, warnings))))
    })
    .await
}

/// The papers in a body, each read or refused. Where each line is an object, a bad line costs only itself.
fn records_of(body: Bytes) -> Result<Records, ApiError> {
    if let Err(error) = std::str::from_utf8(&body) {
        let message = format!("expected JSON in UTF-8, found another byte at {}", error.valid_up_to());
        return Err(ApiError::bad_request("invalid_json", message));
    }
    let format = match body.trim_ascii_start().first() {
        None => return Err(no_papers()),
        Some(b'{' | b'[') => Format::Auto,
        Some(_) => match Format::of(&body) {
            Some(format) => return Err(no_json(format)),
            None if body.windows(2).any(|pair| pair == b"\n{") => Format::Jsonl,
            None => Format::Json,
        },
    };
    let options = ReadOptions { format, numbers: Numbers::Ids, ..ReadOptions::default() };
    let source = Source::from_text("request body", std::io::Cursor::new(body));
    Ok(source.records(&options).map_err(EngineError::from)?)
}

fn no_json(format: Format) -> ApiError {
    let message = format!(
        "expected papers in JSON (an object, an array, `{{\"papers\": […]}}` or NDJSON), found what looks like {format}"
    );
    ApiError::bad_request("invalid_json", message)
}

fn no_papers() -> ApiError {
    ApiError::bad_request("no_papers", "expected at least one paper in the body, found none")
}

/// Duplicates among all papers; nothing is changed.
#[utoipa::path(post, path = "/v1/dedup", request_body = Option<DedupParams>, responses((status = 200, body = DedupBody)))]
async fn dedup(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<DedupBody>, ApiError> {
    let params: DedupParams = json_or_default(&body?)?;
    let request = params.to_request()?;
    off_thread_while_wanted(&app, move |app, cancel| {
        Ok(Json(DedupBody::from(app.engine.dedup(&request, cancel.flag(), &mut |_, _, _| {})?)))
    })
    .await
}

/// Records that `POST /v1/dedup/check` compares at a time: their texts and vectors are held.
const CHECK_WINDOW: usize = 256;
/// Most records in one `POST /v1/dedup/check`: the answer says something of each.
const MAX_CHECKED: usize = 10_000;

/// Which records are there already; none is added.
#[utoipa::path(post, path = "/v1/dedup/check", params(CheckParams),
    request_body(content((RecordsBody = "application/json"), (String = "application/x-ndjson"))),
    responses((status = 200, body = CheckBody)))]
async fn check(
    State(app): State<Arc<App>>,
    params: Result<Query<CheckParams>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<CheckBody>, ApiError> {
    let Query(params) = params?;
    let judging = to_judging(params.min_probability, params.versions.as_deref())?;
    let body = body?;
    off_thread_while_wanted(&app, move |app, cancel| {
        let (mut window, mut results) = (Vec::new(), Vec::new());
        let (mut errors, mut warnings) = (RecordErrors::default(), RecordErrors::default());
        let mut judge = |window: &mut Vec<Paper>| -> Result<(), ApiError> {
            if cancel.is_cancelled() {
                return Err(EngineError::Interrupted.into());
            }
            results.extend(app.engine.check(window, &judging)?.into_iter().map(CheckedBody::from));
            window.clear();
            if results.len() > MAX_CHECKED {
                let message =
                    format!("expected at most {MAX_CHECKED} records in one check; send them in parts");
                return Err(ApiError::too_large(message));
            }
            Ok(())
        };
        for (record, number) in records_of(body)?.zip(1..) {
            match record.map_err(EngineError::from)? {
                Ok(parsed) => {
                    parsed.warnings.iter().for_each(|issue| warnings.add(number, issue));
                    window.push(parsed.paper);
                }
                Err(error) => errors.add(number, &error),
            }
            if window.len() == CHECK_WINDOW {
                judge(&mut window)?;
            }
        }
        judge(&mut window)?;
        if results.is_empty() && errors.is_empty() {
            return Err(no_papers());
        }
        Ok(Json(CheckBody::new(results, errors, warnings)))
    })
    .await
}

/// The parameters in a body; without a body, those by default.
pub(crate) fn json_or_default<T: DeserializeOwned + Default>(body: &Bytes) -> Result<T, ApiError> {
    if body.is_empty() {
        return Ok(T::default());
    }
    let Json(Object(params)) = Json::from_bytes(body)?;
    Ok(params)
}

/// What is trending.
#[utoipa::path(get, path = "/v1/trends", params(TrendParams), responses((status = 200, body = TrendsBody)))]
async fn trends(
    State(app): State<Arc<App>>,
    params: Result<Query<TrendParams>, QueryRejection>,
) -> Result<Json<TrendsBody>, ApiError> {
    let Query(params) = params?;
    let (request, limit) = params.to_request()?;
    off_thread(&app, move |app| Ok(Json(TrendsBody::from(app.engine.trends(&request, limit)?)))).await
}

/// How the data folder stands.
#[utoipa::path(get, path = "/v1/stats", responses((status = 200, body = StatsBody)))]
async fn stats(State(app): State<Arc<App>>) -> Result<Json<StatsBody>, ApiError> {
    off_thread(&app, |app| Ok(Json(StatsBody::from(app.engine.stats()?).with_limits(app.limits.body()))))
        .await
}

/// Whether the process lives, whatever its load.
#[utoipa::path(get, path = "/health", responses((status = 200, body = HealthBody)))]
async fn health() -> Json<HealthBody> {
    Json(HealthBody { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Whether a search that came now would be answered.
#[utoipa::path(get, path = "/ready", responses((status = 200, body = HealthBody), (status = 503, body = HealthBody, description = "It is busy or stopping.")))]
async fn ready(State(app): State<Arc<App>>) -> Response {
    let (status, said) = if app.stopping.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if !app.limits.has_room_for_searches() {
        (StatusCode::SERVICE_UNAVAILABLE, "busy")
    } else if !answers_elsewhere(&app).await {
        (StatusCode::SERVICE_UNAVAILABLE, "engine_away")
    } else {
        (StatusCode::OK, "ready")
    };
    (status, Json(HealthBody { status: said, version: env!("CARGO_PKG_VERSION") })).into_response()
}

/// Whether the engine with which papers lie answers; of papers on this machine always.
async fn answers_elsewhere(app: &Arc<App>) -> bool {
    if app.engine.is_here() {
        return true;
    }
    let engine = Arc::clone(&app.engine);
    let cancel = Cancel::at(Instant::now() + PATIENCE_FOR_ENGINE);
    let asked = tokio::task::spawn_blocking(move || engine.check_place(&cancel));
    matches!(asked.await, Ok(Ok(())))
}
