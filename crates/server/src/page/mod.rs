//! The web page: what the engine can do, for people with a browser.
//!
//! Every page is made here and complete without script; every state of it has an address. The script adds
//! what needs one: search as you type, reasons for the hits in view, and what the browser remembers. The
//! templates are in `crates/server/templates`, what they load in `crates/server/assets`; nothing comes from
//! elsewhere, and the policy that goes with every answer would not let it.

mod actions;
mod address;
mod assets;
mod compare;
mod docs;
mod duplicates;
mod filters;
mod graph;
mod import;
mod item;
mod library;
mod lists;
mod map;
mod paper;
mod saved;
mod search;
pub(crate) mod sign_in;
mod today;
mod trends;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::access::{SIGNED_IN, SignedIn};
use crate::error::ApiError;
use crate::manners;
use crate::routes::{App, off_thread};

/// How long a page waits for what it shows, where there are many papers, before it says so.
const PATIENCE: Duration = Duration::from_millis(120);
/// Papers from which on there are many.
const MANY: usize = 20_000;
/// Only what this server serves is loaded, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// All pages.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(today::show))
        .route("/search", get(search::show))
        .route("/papers/{*key}", manners::bare(get(paper::show)))
        .route("/library", get(library::show).post(library::show))
        .route("/library/file", get(library::file))
        .route("/map", get(map::show))
        .route("/map/points", get(map::points))
        .route("/map/found", get(map::found))
        .route("/map/paper/{row}", manners::bare(get(map::paper)))
        .route("/saved", get(saved::show).post(saved::act))
        .route("/trends", get(trends::show))
        .route("/lists", post(lists::act))
        .route("/import", get(import::show).post(import::take))
        .route("/duplicates", get(duplicates::show).post(duplicates::say))
        .route("/duplicates/drop", post(duplicates::drop_one))
        .route("/duplicates/undo", post(duplicates::bring_back))
        .route("/assets/{version}/{name}", get(assets::serve))
        .merge(docs::routes())
        .layer(middleware::from_fn(manners::tag))
        .merge(sign_in::routes())
        .layer(middleware::from_fn(protect))
        .layer(middleware::from_fn(without_tracking))
}

/// A title or an abstract as HTML, its TeX as formulas.
pub(crate) fn set(text: &str) -> String {
    cognate_typeset::html(text, cognate_typeset::For::Page)
}

/// Takes out of an address what mailers, chats and networks add to links that people share: it is no parameter of
/// the page, and the link shall open it.
async fn without_tracking(mut request: Request, next: Next) -> Response {
    if let Some(query) = request.uri().query()
        && query.split('&').any(is_tracking)
    {
        let kept: Vec<&str> = query.split('&').filter(|pair| !is_tracking(pair)).collect();
        let mark = if kept.is_empty() { "" } else { "?" };
        let address = format!("{}{mark}{}", request.uri().path(), kept.join("&"));
        if let Ok(address) = address.parse() {
            *request.uri_mut() = address;
        }
    }
    next.run(request).await
}

/// Whether a parameter only says where a link was followed.
fn is_tracking(pair: &str) -> bool {
    const NAMES: [&str; 10] =
        ["fbclid", "gclid", "dclid", "msclkid", "twclid", "igshid", "mc_cid", "mc_eid", "_hsenc", "_hsmi"];
    let name = pair.split('=').next().unwrap_or_default();
    name.starts_with("utm_") || NAMES.contains(&name)
}

/// Adds the headers that keep a browser from doing more with an answer than show it.
async fn protect(request: Request, next: Next) -> Response {
    protected(next.run(request).await)
}

fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // A page shows what was indexed a moment ago.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}

/// The state of a page that goes through a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Listing {
    offset: usize,
}

/// What all pages have around what they are about.
struct Frame {
    title: String,
    /// The page's own entry in the list of pages, if it has one.
    current: &'static str,
    /// What is in the field for a query.
    query: String,
    /// Where the browser signed in with a key.
    signed_in: Option<SignedIn>,
}

impl Frame {
    fn new(title: impl Into<String>, current: &'static str) -> Self {
        let signed_in = SIGNED_IN.try_with(Clone::clone).ok();
        Self { title: title.into(), current, query: String::new(), signed_in }
    }

    /// The address of a file that the page loads.
    fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// Where a form is sent to: with the token that tells it from another page's, in a browser that is signed in.
    fn form_action(&self, path: &str) -> String {
        match &self.signed_in {
            Some(signed_in) => format!("{path}?token={}", signed_in.token),
            None => path.to_owned(),
        }
    }

    /// Whether whoever looks may drop records, as far as is known.
    fn may_drop(&self) -> bool {
        self.signed_in.as_ref().is_none_or(|signed_in| signed_in.is_admin)
    }

    /// What a link to the page `name` says of whether it is this one.
    fn is_current(&self, name: &str) -> bool {
        self.current == name
    }
}

/// A template as an answer.
fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!("a template failed: {error}");
            ApiError::internal().into_response()
        }
    }
}

/// Whether there are so few papers that nothing takes long.
async fn has_few(app: &Arc<App>) -> Result<bool, ApiError> {
    Ok(off_thread(app, |app| Ok(app.engine.n_searchable()?)).await? <= MANY)
}

/// Waits for what may take long where there are many papers; `None` if it does. It goes on then.
async fn within_patience<T>(
    app: &Arc<App>,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<Option<T>, ApiError> {
    if has_few(app).await? {
        return work.await.map(Some);
    }
    tokio::time::timeout(PATIENCE, work).await.ok().transpose()
}

/// What is made once and kept, and may take long where there are many papers; `None` if it does. It goes on then, and is there
/// when the page asks again. While it goes on, who asks for the same (`what`) begins nothing: pages that ask again and
/// again would take all places to work in.
async fn soon<T, F>(app: &Arc<App>, what: String, work: F) -> Result<Option<T>, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&App) -> Result<T, ApiError> + Send + 'static,
{
    if has_few(app).await? {
        return off_thread(app, work).await.map(Some);
    }
    let turn = app.under_way.turn(what);
    let made = async {
        let turn = turn.lock_owned().await;
        let made = off_thread(app, move |app| {
            let made = work(app);
            drop(turn);
            made
        });
        made.await
    };
    tokio::time::timeout(PATIENCE, made).await.ok().transpose()
}

/// What is being made, by its name: the turn of whoever makes it.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<HashMap<String, Weak<Turn>>>);

type Turn = tokio::sync::Mutex<()>;

impl UnderWay {
    fn turn(&self, what: String) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let known = turns.get(&what).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let turn = Arc::new(Turn::default());
            turns.insert(what, Arc::downgrade(&turn));
            turn
        })
    }
}

/// A page while what it shows is being made: it asks again until that is there.
#[derive(Template)]
#[template(path = "waiting.html", whitespace = "minimize")]
struct WaitingPage {
    frame: Frame,
    /// What is done, and how long it takes.
    told: String,
    /// How much of it is done, and of how much, where that is known.
    progress: Option<(usize, usize)>,
}

impl WaitingPage {
    fn new(frame: Frame, told: impl Into<String>) -> Self {
        Self { frame, told: told.into(), progress: None }
    }

    fn into_response(self) -> Response {
        page(StatusCode::OK, &self)
    }
}

#[derive(Template)]
#[template(path = "error.html", whitespace = "minimize")]
struct ErrorPage {
    frame: Frame,
    message: String,
}

/// A refusal as whoever asked reads it: a page for a browser that does not ask one of the interfaces, else JSON.
pub(crate) fn refusal(uri: &Uri, headers: &HeaderMap, error: ApiError) -> Response {
    const INTERFACES: [&str; 4] = ["/v1/", "/api/", "/graph/", "/recommendations/"];
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let is_browser =
        accepts.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/html"));
    if is_browser && !INTERFACES.iter().any(|prefix| uri.path().starts_with(prefix)) {
        return protected(PageError(error).into_response());
    }
    error.into_response()
}

/// An error, for people.
struct PageError(ApiError);

impl<E: Into<ApiError>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let title = match error.status() {
            StatusCode::NOT_FOUND => "Not here",
            status if status.is_server_error() => "The server failed",
            _ => "That did not work",
        };
        let page_ = ErrorPage { frame: Frame::new(title, ""), message: error.message().to_owned() };
        page(error.status(), &page_)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_made_by_one_at_a_time_and_what_ended_is_forgotten() {
        let under_way = UnderWay::default();
        let one = under_way.turn("trends".to_owned());
        let other = under_way.turn("duplicates".to_owned());
        let begun = Arc::clone(&one).try_lock_owned().unwrap();
        assert!(under_way.turn("trends".to_owned()).try_lock_owned().is_err());
        assert!(other.try_lock().is_ok());
        drop((begun, one));
        assert!(under_way.turn("trends".to_owned()).try_lock_owned().is_ok());
        under_way.turn("anything".to_owned());
        assert_eq!(under_way.0.lock().unwrap().keys().filter(|what| *what == "trends").count(), 0);
    }
}
