//! Signing in and out: a browser keeps its key in a cookie that no script can read.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Frame, page, protected};
use crate::access;
use crate::error::ApiError;
use crate::routes::App;

/// Largest form.
const MAX_FORM_BYTES: usize = 64 << 10;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/sign-in", get(show).post(enter)).route("/sign-out", post(leave))
}

#[derive(Template)]
#[template(path = "sign_in.html", whitespace = "minimize")]
struct SignInPage {
    frame: Frame,
    /// Why the page is shown, or what was wrong.
    message: String,
    /// The page to go to then.
    next: String,
}

/// The page, in place of one that needs a key.
pub(crate) fn asked(status: StatusCode, next: &str, message: &str) -> Response {
    let next = own_address(next).to_owned();
    let page_ = SignInPage { frame: Frame::new("Sign in", ""), message: message.to_owned(), next };
    let mut response = protected(page(status, &page_));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Params {
    next: String,
}

/// `GET /sign-in`
async fn show(Query(params): Query<Params>) -> Response {
    asked(StatusCode::OK, &params.next, "")
}

/// `POST /sign-in`
async fn enter(State(app): State<Arc<App>>, request: Request) -> Response {
    let is_secure = access::is_secure(&app, &request);
    let Ok(form) = to_bytes(request.into_body(), MAX_FORM_BYTES).await else {
        return ApiError::body_too_large().into_response();
    };
    let (mut key, mut next) = (String::new(), String::new());
    for (name, value) in form_urlencoded::parse(&form) {
        match &*name {
            "key" => key = value.trim().to_owned(),
            "next" => next = value.into_owned(),
            _ => {}
        }
    }
    let cookie = access::sign_in(&app, is_secure, &key).map(|cookie| HeaderValue::from_str(&cookie));
    match cookie {
        Ok(Ok(cookie)) => moved(own_address(&next), cookie),
        Ok(Err(_)) => asked(StatusCode::UNAUTHORIZED, &next, "there is no such key"),
        Err(refusal) => asked(refusal.status(), &next, refusal.message()),
    }
}

/// `POST /sign-out`
async fn leave() -> Response {
    match HeaderValue::from_str(&access::sign_out()) {
        Ok(cookie) => moved("/", cookie),
        Err(_) => ApiError::internal().into_response(),
    }
}

fn moved(to: &str, cookie: HeaderValue) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::SET_COOKIE, cookie);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (headers, Redirect::to(to)).into_response()
}

/// An address of this server, or its front page in place of any other: a link to the form must not lead elsewhere.
fn own_address(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/\\")
        && !next.starts_with("/sign-")
        && next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_address;

    #[test]
    fn the_form_leads_nowhere_else() {
        for own in ["/", "/search?q=bats", "/papers/a//b"] {
            assert_eq!(own_address(own), own);
        }
        for other in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nb", "/sign-in"]
        {
            assert_eq!(own_address(other), "/", "{other:?}");
        }
    }
}
