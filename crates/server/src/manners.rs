//! HTTP manners: pages of other origins that are allowed to read, answers that did not change, and what a route can do.

use axum::Json;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::MethodRouter;
use serde_json::json;
use std::borrow::Cow;
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::ApiError;
use crate::page;

/// Time for which a browser need not ask again whether it may.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);
/// Largest answer that is compared with what the client has.
const MAX_TAGGED_BYTES: usize = 4 << 20;

/// Lets pages of these origins read answers. (Requests of others are refused before.)
pub(crate) fn cors(origins: &[String]) -> CorsLayer {
    let exposed: [HeaderName; 5] = [
        header::CONTENT_DISPOSITION,
        header::ETAG,
        header::LOCATION,
        header::RETRY_AFTER,
        HeaderName::from_static("ratelimit"),
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok())))
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(PREFLIGHT_AGE)
}

/// Says what a route can do: as the answer to `OPTIONS`, and beside the refusal of a method.
pub(crate) async fn methods(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    // axum says what a route takes. What is near a paper is below the paper's own path, and answers for itself.
    let own = match path.as_str() {
        "/mcp" => Some("POST"),
        path if path.starts_with("/v1/papers/") && path.ends_with("/similar") => Some("GET,HEAD"),
        _ => None,
    };
    let allowed = own.map(|methods| [(header::ALLOW, methods)]);
    let allowed = allowed.map(AppendHeaders);
    if method == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, allowed, ()).into_response();
    }
    (allowed, ApiError::method_not_allowed(format!("{method} is not possible at {path:?}"))).into_response()
}

/// Takes a body for JSON, whatever its type is called: `curl -d` calls it a form.
pub(crate) async fn any_type_is_json(mut request: Request) -> Request {
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// Tells a client of `/mcp` in the protocol's own words what is no request of it. (Its service takes what is no message for a
/// wrong type of content, and says so in plain text.)
pub(crate) async fn no_message(response: Response) -> Response {
    /// "Invalid Request" of JSON-RPC 2.0.
    const INVALID_REQUEST: i32 = -32600;
    let (status, message) = match response.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            StatusCode::BAD_REQUEST,
            "expected one JSON-RPC 2.0 message of the Model Context Protocol, found something else",
        ),
        status @ StatusCode::NOT_ACCEPTABLE => (
            status,
            "expected the header `Accept: application/json, text/event-stream`, found another or none",
        ),
        _ => return response,
    };
    let error = json!({ "code": INVALID_REQUEST, "message": message });
    (status, Json(json!({ "jsonrpc": "2.0", "id": null, "error": error }))).into_response()
}

/// The same routes, which take no parameters in the address: those are refused by name.
pub(crate) fn bare<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    routes.route_layer(middleware::from_fn(without_parameters))
}

async fn without_parameters(request: Request, next: Next) -> Response {
    match check_bare(request.uri()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => page::refusal(request.uri(), request.headers(), refusal),
    }
}

/// Whether an address has no parameters, for a route that takes none.
pub(crate) fn check_bare(uri: &Uri) -> Result<(), ApiError> {
    // Programs that read feeds know no headers: the key may stand in the address.
    let is_feed = uri.path().ends_with("/feed.atom") || uri.path().ends_with("/feed.json");
    let mut names = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).map(|(name, _)| name);
    let Some(name) = names.find(|name| !(is_feed && name == "key")) else {
        return Ok(());
    };
    let message = format!("`{name}`: expected no parameters in the address of {:?}, found one", uri.path());
    Err(ApiError::bad_request("invalid_parameter", message))
}

/// Gives an answer to `GET` a tag of its content, and answers 304 to a client that has it already.
pub(crate) async fn tag(request: Request, next: Next) -> Response {
    let known: Vec<HeaderValue> = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect();
    let is_get = request.method() == Method::GET;
    let response = next.run(request).await;
    let has_tag = response.headers().contains_key(header::ETAG);
    // What is sent piece by piece, or is large, goes as it is.
    let is_small = response.body().size_hint().exact().is_some_and(|len| len <= MAX_TAGGED_BYTES as u64);
    if !is_get || response.status() != StatusCode::OK || has_tag || !is_small {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_TAGGED_BYTES).await else {
        return ApiError::internal().into_response();
    };
    // Weak: the answer may be sent compressed.
    let tag = format!("W/\"{:016x}\"", xxh3_64(&without_time(&bytes)));
    let is_known = known.iter().filter_map(|tags| tags.to_str().ok()).any(|tags| names(tags, &tag));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// An answer without what it says of the time that it took, which is another one each time.
fn without_time(bytes: &[u8]) -> Cow<'_, [u8]> {
    const NAME: &str = "\"took_ms\":";
    let Some(at) = std::str::from_utf8(bytes).ok().and_then(|text| text.find(NAME)) else {
        return Cow::Borrowed(bytes);
    };
    let after = &bytes[at + NAME.len()..];
    let len = after.iter().position(|byte| b",}".contains(byte)).unwrap_or(after.len());
    Cow::Owned([&bytes[..at], &after[len..]].concat())
}

/// Whether `If-None-Match` names the tag, by weak comparison.
fn names(tags: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    tags.trim() == "*" || tags.split(',').any(|other| opaque(other) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_an_answer_took_does_not_make_it_another() {
        let one = without_time(br#"{"meta":{"took_ms":1.25,"path":"graph"}}"#).into_owned();
        assert_eq!(one, without_time(br#"{"meta":{"took_ms":7,"path":"graph"}}"#).into_owned());
        assert_ne!(one, without_time(br#"{"meta":{"took_ms":7,"path":"exact"}}"#).into_owned());
        assert_eq!(without_time(b"{}").into_owned(), b"{}");
    }

    #[test]
    fn tags_are_compared_weakly() {
        let check = |tags: &str, expected: bool| assert_eq!(names(tags, "W/\"0a\""), expected, "{tags}");
        check("W/\"0a\"", true);
        check("\"0a\"", true);
        check("\"b\", W/\"0a\"", true);
        check("*", true);
        check("\"0\"", false);
        check("", false);
    }
}
