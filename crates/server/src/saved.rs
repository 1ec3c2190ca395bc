//! Saved queries over HTTP: what is new for them, and their feeds.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use cognate_corpus::export::{ExportFormat, FeedMeta, link};
use cognate_engine::{Hit, SavedQuery};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::answer::{atom_feed, last_indexed};
use crate::body::EmptyBody;
use crate::error::ApiError;
use crate::manners::{self, bare};
use crate::routes::{App, off_thread};
use cognate_wire::{
    ErrorBody, Fields, SavedBody, SavedListBody, SavedParams, SavedRequest, SearchBody, UniqueObject,
    saved_question,
};

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    let feeds = OpenApiRouter::new().routes(routes!(atom).map(bare)).routes(routes!(json_feed).map(bare));
    OpenApiRouter::new()
        .routes(routes!(list, add).map(bare))
        .routes(routes!(show, delete).map(bare))
        .routes(routes!(new, look).map(bare))
        .merge(feeds.layer(middleware::from_fn(manners::tag)))
}

/// Saved queries.
#[utoipa::path(get, path = "/v1/saved", responses((status = 200, body = SavedListBody)))]
async fn list(State(app): State<Arc<App>>) -> Result<Json<SavedListBody>, ApiError> {
    let saved = off_thread(&app, |app| Ok(app.engine.saved_queries()?)).await?;
    Ok(Json(SavedListBody { saved: saved.into_iter().map(SavedBody::from).collect() }))
}

/// Saves a query.
#[utoipa::path(post, path = "/v1/saved", request_body = SavedParams,
    responses((status = 201, body = SavedBody), (status = 404, body = ErrorBody, description = "A seed is not there."), (status = 409, body = ErrorBody, description = "There are too many.")))]
async fn add(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<SavedBody>), ApiError> {
    let Json(body) = Json::<UniqueObject>::from_bytes(&body?).map_err(|error: JsonRejection| error)?;
    let SavedRequest { name, request, question } = SavedRequest::read(body)?;
    let saved = off_thread(&app, move |app| Ok(app.engine.save_query(&name, &request, &question)?)).await?;
    Ok((StatusCode::CREATED, Json(saved.into())))
}

/// A saved query.
#[utoipa::path(get, path = "/v1/saved/{id}", params(("id" = String, Path, description = "The saved query's id.")), responses((status = 200, body = SavedBody), (status = 404, body = ErrorBody)))]
async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<SavedBody>, ApiError> {
    off_thread(&app, move |app| Ok(Json(app.engine.saved_query(&id)?.into()))).await
}

/// Deletes a saved query.
#[utoipa::path(delete, path = "/v1/saved/{id}", params(("id" = String, Path, description = "The saved query's id.")),
    responses((status = 204, description = "It is deleted."), (status = 404, body = ErrorBody)))]
async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    off_thread(&app, move |app| {
        app.engine.delete_saved(&id)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// What came since the last look.
#[utoipa::path(get, path = "/v1/saved/{id}/new", params(("id" = String, Path, description = "The saved query's id.")),
    responses((status = 200, body = SearchBody), (status = 404, body = ErrorBody)))]
async fn new(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<SearchBody>, ApiError> {
    since_last_look(&app, id, false).await
}

/// The same as a look: the next one begins after it.
#[utoipa::path(post, path = "/v1/saved/{id}/new", params(("id" = String, Path, description = "The saved query's id.")),
    responses((status = 200, body = SearchBody), (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "A body that is no object.")))]
async fn look(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    // Before the look is used up.
    _: EmptyBody,
) -> Result<Json<SearchBody>, ApiError> {
    since_last_look(&app, id, true).await
}

async fn since_last_look(app: &Arc<App>, id: String, is_look: bool) -> Result<Json<SearchBody>, ApiError> {
    off_thread(app, move |app| {
        let saved = app.engine.saved_query(&id)?;
        let period = app.engine.period_after(saved.looked)?;
        let found = app.engine.answer_within(period, &saved_question(&saved)?)?;
        if is_look {
            app.engine.mark_looked(&id, period)?;
        }
        Ok(Json(SearchBody::new(found, Fields::default())))
    })
    .await
}

/// A saved query's best papers of the last days, those that came last first.
async fn latest(app: &Arc<App>, id: String) -> Result<(SavedQuery, Vec<Hit>), ApiError> {
    off_thread(app, move |app| {
        let saved = app.engine.saved_query(&id)?;
        let found = app.engine.answer_within(app.engine.feed_period()?, &saved_question(&saved)?)?;
        let mut hits = found.hits;
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.paper.row));
        Ok((saved, hits))
    })
    .await
}

/// Where a feed is, as the client knows this server.
fn address(headers: &HeaderMap, id: &str, format: &str) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    // What a proxy with TLS says of the client's side.
    let is_secure = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let scheme = if is_secure { "https" } else { "http" };
    Some(format!("{scheme}://{host}/v1/saved/{id}/feed.{format}"))
}

/// A feed of the query's papers of the last days, as Atom.
#[utoipa::path(get, path = "/v1/saved/{id}/feed.atom", params(("id" = String, Path, description = "The saved query's id.")),
    responses((status = 200, body = String, content_type = "application/atom+xml"), (status = 304, description = "It did not change."), (status = 404, body = ErrorBody)))]
async fn atom(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (saved, hits) = latest(&app, id).await?;
    let created = saved.created.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let meta = FeedMeta {
        title: format!("cognate: {}", saved.name),
        id: format!("urn:x-cognate:saved:{}:{}", app.engine.store_id()?, saved.id),
        link: address(&headers, &saved.id, "atom"),
        updated: last_indexed(&hits).unwrap_or(created),
    };
    let bytes = atom_feed(&hits, &meta).map_err(|_| ApiError::internal())?;
    Ok(([(header::CONTENT_TYPE, ExportFormat::Atom.media_type())], bytes).into_response())
}

/// A JSON Feed, version 1.1 (jsonfeed.org).
#[derive(Serialize, ToSchema)]
struct JsonFeed {
    version: &'static str,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    feed_url: Option<String>,
    items: Vec<JsonItem>,
}

#[derive(Serialize, ToSchema)]
struct JsonItem {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    title: String,
    content_text: String,
    /// The same with its TeX as formulas.
    content_html: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_published: Option<String>,
    /// When it came here.
    date_modified: String,
    authors: Vec<JsonAuthor>,
    tags: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct JsonAuthor {
    name: String,
}

/// The same feed as JSON Feed.
#[utoipa::path(get, path = "/v1/saved/{id}/feed.json", params(("id" = String, Path, description = "The saved query's id.")),
    responses((status = 200, body = JsonFeed, content_type = "application/feed+json"), (status = 304, description = "It did not change."), (status = 404, body = ErrorBody)))]
async fn json_feed(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (saved, hits) = latest(&app, id).await?;
    let items = hits.into_iter().map(|hit| {
        let stored = hit.paper;
        let url = link(&stored.paper);
        let paper = stored.paper;
        // Of many papers the year alone is known; none was published when it came here.
        let published = match (paper.publication_date, paper.year) {
            (Some(date), _) => Some(format!("{date}T00:00:00Z")),
            (None, Some(year)) => Some(format!("{year:04}-01-01T00:00:00Z")),
            (None, None) => None,
        };
        let title = paper.title.unwrap_or_else(|| paper.id.to_string());
        let content_text = paper.abstract_text.unwrap_or_else(|| title.clone());
        JsonItem {
            id: paper.id.into(),
            url,
            content_html: cognate_typeset::html(&content_text, cognate_typeset::For::Reader),
            content_text,
            title,
            date_published: published,
            date_modified: stored.first_indexed,
            authors: paper.authors.into_iter().map(|name| JsonAuthor { name }).collect(),
            tags: paper.categories,
        }
    });
    let feed = JsonFeed {
        version: "https://jsonfeed.org/version/1.1",
        title: format!("cognate: {}", saved.name),
        feed_url: address(&headers, &saved.id, "json"),
        items: items.collect(),
    };
    Ok(([(header::CONTENT_TYPE, "application/feed+json")], Json(feed)).into_response())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_feed_says_where_it_is_as_the_client_sees_it() {
        let told = |scheme: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("papers.example"));
            scheme.map(|scheme| headers.insert("x-forwarded-proto", HeaderValue::from_static(scheme)));
            address(&headers, "bats", "atom").unwrap()
        };
        assert_eq!(told(None), "http://papers.example/v1/saved/bats/feed.atom");
        assert_eq!(told(Some("https")), "https://papers.example/v1/saved/bats/feed.atom");
        assert_eq!(told(Some("javascript")), "http://papers.example/v1/saved/bats/feed.atom");
        assert_eq!(address(&HeaderMap::new(), "bats", "atom"), None);
    }
}
