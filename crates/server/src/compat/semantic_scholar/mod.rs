//! Semantic Scholar's graph and recommendations, for `semanticscholar`.
//!
//! What that service knows of a paper and this one does not (citations, access) is null, or an empty list where it is a
//! list by itself.

mod paper;
mod params;
mod search;
mod study;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use cognate_engine::{EngineError, Fault, Page, RecommendRequest, SearchOptions, Seed};
use cognate_wire::ErrorBody;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{first, json as json_body};
use crate::error::ApiError;
use crate::routes::{App, decoded_id, nothing_there, off_thread, off_thread_while_wanted};
use paper::{AuthorBody, PaperBody, author_fields, check_citation_fields};
use params::{fields_and, fields_text_and, number};

/// Papers on a page, or recommended, when the request does not say.
const DEFAULT_LIMIT: usize = 100;
/// Most ids of one batch.
const MAX_BATCH: usize = 500;
/// Most citations or authors of one page.
const MAX_OF_PAPER: usize = 1_000;

/// What is answered below a paper's own path.
#[derive(OpenApi)]
#[openapi(paths(authors, citations, references))]
struct OfPapers;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(OfPapers::openapi())
        .routes(routes!(search::search))
        .routes(routes!(search::bulk))
        .routes(routes!(search::match_title))
        .routes(routes!(search::autocomplete))
        // No paper's id begins so.
        .route("/graph/v1/paper/search/{*other}", any(nothing_there))
        .routes(routes!(batch))
        .routes(routes!(paper))
        .routes(routes!(recommend_for_paper))
        .routes(routes!(recommend_from_lists))
        .route("/recommendations/v1/papers/", post(recommend_from_lists))
}

/// The name under which an id is looked up: addresses come as `URL:https://…`.
fn key_of(id: &str) -> &str {
    match id.split_once(':') {
        Some((label, url)) if label.eq_ignore_ascii_case("url") => url,
        _ => id,
    }
}

/// What of a paper is asked for.
enum Part {
    Whole,
    Authors,
    Citations,
    References,
}

/// The id in a path below `/graph/v1/paper/`, and what of the paper is asked for. Split before decoding: an id that itself
/// ends so is reached by encoding its slash.
fn part_of(uri: &Uri) -> Result<(String, Part), ApiError> {
    let path = uri.path().strip_prefix("/graph/v1/paper/").unwrap_or_default();
    let parts =
        [("/authors", Part::Authors), ("/citations", Part::Citations), ("/references", Part::References)];
    let split = parts.into_iter().find_map(|(end, part)| Some((path.strip_suffix(end)?, part)));
    let (path, part) = split.unwrap_or((path, Part::Whole));
    Ok((decoded_id(path)?, part))
}

/// A paper.
#[utoipa::path(get, path = "/graph/v1/paper/{*id}",
    params(("id" = String, Path, description = "The paper's id."), ("fields" = Option<String>, Query, description = "Fields to give, with commas.")),
    responses((status = 200, body = PaperBody), (status = 404, body = ErrorBody)))]
async fn paper(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, ApiError> {
    let (id, part) = part_of(&uri)?;
    match part {
        Part::Whole => {
            let (fields, []) = fields_and(&uri, [])?;
            let body = off_thread(&app, move |app| {
                PaperBody::new(&app.engine, first(&app.engine, key_of(&id))?, &fields)
            });
            Ok(Json(body.await?).into_response())
        }
        Part::Authors => Ok(Json(authors(&app, id, &uri).await?).into_response()),
        Part::Citations => Ok(Json(citations(&app, id, &uri).await?).into_response()),
        Part::References => Ok(Json(references(&app, id, &uri).await?).into_response()),
    }
}

/// Where a list of a paper's begins, and how long it may be.
struct Span {
    offset: usize,
    limit: usize,
}

/// The text in `fields`, and the part of a list that is asked for.
fn fields_and_span(uri: &Uri) -> Result<(String, Span), ApiError> {
    let (fields, [offset, limit]) = fields_text_and(uri, ["offset", "limit"])?;
    let offset = offset.map_or(Ok(0), |offset| number("offset", &offset))?;
    let limit = limit.map_or(Ok(DEFAULT_LIMIT), |limit| number("limit", &limit))?;
    if !(1..=MAX_OF_PAPER).contains(&limit) {
        let message = format!("`limit`: expected 1 to {MAX_OF_PAPER}, found {limit}");
        return Err(ApiError::bad_request("invalid_parameter", message));
    }
    Ok((fields.unwrap_or_default(), Span { offset, limit }))
}

/// A paper's citations or references, of which nothing is known here.
#[derive(Serialize, ToSchema)]
#[schema(as = ScholarCitations)]
struct CitationsBody {
    offset: usize,
    #[schema(value_type = Vec<Object>)]
    data: [(); 0],
}

/// The papers that cite one: none are known.
#[utoipa::path(get, path = "/graph/v1/paper/{id}/citations",
    params(("id" = String, Path, description = "The paper's id."), ("fields" = Option<String>, Query), ("offset" = Option<usize>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, body = CitationsBody), (status = 404, body = ErrorBody)))]
async fn citations(app: &Arc<App>, id: String, uri: &Uri) -> Result<CitationsBody, ApiError> {
    let (fields, Span { offset, .. }) = fields_and_span(uri)?;
    check_citation_fields(&fields)?;
    off_thread(app, move |app| {
        first(&app.engine, key_of(&id))?;
        Ok(CitationsBody { offset, data: [] })
    })
    .await
}

/// The papers that one cites: none are known.
#[utoipa::path(get, path = "/graph/v1/paper/{id}/references",
    params(("id" = String, Path, description = "The paper's id."), ("fields" = Option<String>, Query), ("offset" = Option<usize>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, body = CitationsBody), (status = 404, body = ErrorBody)))]
async fn references(app: &Arc<App>, id: String, uri: &Uri) -> Result<CitationsBody, ApiError> {
    citations(app, id, uri).await
}

/// A paper's authors.
#[derive(Serialize, ToSchema)]
#[schema(as = ScholarAuthors)]
struct AuthorsBody {
    offset: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<usize>,
    data: Vec<AuthorBody>,
}

/// A paper's authors.
#[utoipa::path(get, path = "/graph/v1/paper/{id}/authors",
    params(("id" = String, Path, description = "The paper's id."), ("fields" = Option<String>, Query), ("offset" = Option<usize>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, body = AuthorsBody), (status = 404, body = ErrorBody)))]
async fn authors(app: &Arc<App>, id: String, uri: &Uri) -> Result<AuthorsBody, ApiError> {
    let (fields, Span { offset, limit }) = fields_and_span(uri)?;
    let fields = author_fields(&fields)?;
    off_thread(app, move |app| {
        let names = first(&app.engine, key_of(&id))?.paper.authors;
        let end = offset.saturating_add(limit);
        let next = (end < names.len()).then_some(end);
        let page = names.into_iter().skip(offset).take(limit);
        Ok(AuthorsBody { offset, next, data: page.map(|name| AuthorBody::new(name, &fields)).collect() })
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ScholarBatch)]
#[serde(deny_unknown_fields)]
struct BatchParams {
    ids: Vec<String>,
}

/// Papers by id; null for what is not there.
#[utoipa::path(post, path = "/graph/v1/paper/batch",
    params(("fields" = Option<String>, Query, description = "Fields to give, with commas.")),
    request_body = BatchParams, responses((status = 200, body = Vec<Option<PaperBody>>)))]
async fn batch(
    State(app): State<Arc<App>>,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Vec<Option<PaperBody>>>, ApiError> {
    let (fields, []) = fields_and(&uri, [])?;
    let BatchParams { ids } = json_body(body)?;
    if !(1..=MAX_BATCH).contains(&ids.len()) {
        let message = format!("`ids`: expected 1 to {MAX_BATCH} ids, found {}", ids.len());
        return Err(ApiError::bad_request("invalid_parameter", message));
    }
    off_thread(&app, move |app| {
        let papers = ids.iter().map(|id| match first(&app.engine, key_of(id)) {
            Ok(paper) => PaperBody::new(&app.engine, paper, &fields).map(Some),
            Err(error) if error.fault() == Fault::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        });
        Ok(Json(papers.collect::<Result<_, ApiError>>()?))
    })
    .await
}

/// Recommended papers.
#[derive(Serialize, ToSchema)]
#[schema(as = ScholarRecommendations)]
struct RecommendationsBody {
    #[serde(rename = "recommendedPapers")]
    papers: Vec<PaperBody>,
}

/// A page of so many papers.
fn limited(limit: Option<String>) -> Result<SearchOptions, ApiError> {
    let limit = limit.map_or(Ok(DEFAULT_LIMIT), |limit| number("limit", &limit))?;
    Ok(SearchOptions { page: Page::new(Some(limit), None, None)?, ..SearchOptions::default() })
}

/// Papers near one.
#[utoipa::path(get, path = "/recommendations/v1/papers/forpaper/{*id}",
    params(("id" = String, Path, description = "The paper's id."), ("fields" = Option<String>, Query, description = "Fields to give, with commas."),
        ("limit" = Option<usize>, Query), ("from" = Option<String>, Query, description = "Not heeded: it names a pool of that service's.")),
    responses((status = 200, body = RecommendationsBody), (status = 404, body = ErrorBody)))]
async fn recommend_for_paper(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<RecommendationsBody>, ApiError> {
    let id = super::id_after("/recommendations/v1/papers/forpaper/", &uri)?;
    let (fields, [limit, _from]) = fields_and(&uri, ["limit", "from"])?;
    let options = limited(limit)?;
    off_thread_while_wanted(&app, move |app, cancel| {
        let id = first(&app.engine, key_of(&id))?.paper.id;
        let found = app.engine.similar(cancel, id.as_str(), &options)?;
        let papers = found.hits.into_iter().map(|hit| hit.paper);
        Ok(Json(RecommendationsBody { papers: PaperBody::several(&app.engine, papers, &fields)? }))
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ScholarLists)]
#[serde(deny_unknown_fields)]
struct ListsParams {
    #[serde(rename = "positivePaperIds")]
    positive: Vec<String>,
    #[serde(rename = "negativePaperIds")]
    negative: Option<Vec<String>>,
}

/// Papers like some and unlike others.
#[utoipa::path(post, path = "/recommendations/v1/papers",
    params(("fields" = Option<String>, Query, description = "Fields to give, with commas."), ("limit" = Option<usize>, Query)),
    request_body = ListsParams, responses((status = 200, body = RecommendationsBody), (status = 404, body = ErrorBody)))]
async fn recommend_from_lists(
    State(app): State<Arc<App>>,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<RecommendationsBody>, ApiError> {
    let (fields, [limit]) = fields_and(&uri, ["limit"])?;
    let options = limited(limit)?;
    let ListsParams { positive, negative } = json_body(body)?;
    off_thread_while_wanted(&app, move |app, cancel| {
        let seeds = |ids: Vec<String>| -> Result<Vec<Seed>, EngineError> {
            ids.iter().map(|id| Ok(Seed::Paper(first(&app.engine, key_of(id))?.paper.id.into()))).collect()
        };
        let request = RecommendRequest {
            positive: seeds(positive)?,
            negative: seeds(negative.unwrap_or_default())?,
            options,
            ..RecommendRequest::default()
        };
        let found = app.engine.recommend(cancel, &request)?;
        let papers = found.hits.into_iter().map(|hit| hit.paper);
        Ok(Json(RecommendationsBody { papers: PaperBody::several(&app.engine, papers, &fields)? }))
    })
    .await
}
