//! Who may do what: keys, the cookie of a signed-in browser, and how often.
//!
//! Every request has a [`Need`], by its method and path. Keys are needed as soon as anybody but the person at this
//! machine could come: when the server listens beyond loopback, or answers to further names, or when a key exists.
//! Where a request comes from never grants anything.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cognate_keys::{Found, Grant, KeyFile, KeyRing, KeysError, Scope};
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::page;
use crate::rates::{Rate, Rates};
use crate::routes::App;

/// The cookie that holds a browser's key.
const COOKIE: &str = "cognate_key";
/// Where a form's token is in its address.
const TOKEN: &str = "token";

/// Who may use the server.
#[derive(Debug, Clone, Default)]
pub struct AccessOptions {
    /// The file of keys, which need not be there.
    pub keys: PathBuf,
    /// Ask nobody for a key: something in front of the server does.
    pub is_open: bool,
    /// Let everybody read, and take an unknown key for none.
    pub public_read: bool,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How often each key and each address may ask; `None` for as often as they like.
    pub rate: Option<Rate>,
}

/// The client's address, as the connection has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: whether the server lives, signing in, the page's files.
    Nothing,
    /// A key with this scope.
    Key(Scope),
}

impl Need {
    /// What a request to `path` needs. What is not known here needs everything.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        if method == Method::OPTIONS || path.starts_with("/assets/") {
            return Self::Nothing;
        }
        let is_read = method == Method::GET || method == Method::HEAD;
        let saved = path.strip_prefix("/v1/saved/").and_then(|rest| rest.split_once('/'));
        Self::Key(match (path, saved) {
            ("/health" | "/ready" | "/sign-in" | "/sign-out", _) => return Self::Nothing,
            (
                "/metrics" | "/v1/dedup/apply" | "/v1/dedup/undo" | "/duplicates/drop" | "/duplicates/undo",
                _,
            ) => Scope::Admin,
            (_, Some((id, "feed.atom" | "feed.json"))) if is_read => Scope::Feed(id.to_owned()),
            _ if is_read => Scope::Read,
            (
                "/v1/search"
                | "/v1/search/batch"
                | "/v1/search/range"
                | "/v1/recommend"
                | "/v1/export"
                | "/v1/dedup/check"
                | "/v1/embeddings"
                | "/"
                | "/embed"
                | "/rerank"
                | "/similarity"
                | "/tokenize"
                | "/graph/v1/paper/batch"
                | "/recommendations/v1/papers"
                | "/recommendations/v1/papers/"
                | "/library"
                | "/mcp",
                _,
            ) if method == Method::POST => Scope::Read,
            (
                "/v1/papers" | "/v1/saved" | "/v1/dedup" | "/duplicates" | "/saved" | "/lists" | "/import",
                _,
            ) => Scope::Write,
            ("/v1/dedup/labels" | "/v1/dedup/tasks" | "/v1/dedup/rethreshold", _) => Scope::Write,
            _ if ["/v1/papers/", "/v1/saved/", "/v1/dedup/tasks/"]
                .iter()
                .any(|head| path.starts_with(head)) =>
            {
                Scope::Write
            }
            _ => Scope::Admin,
        })
    }
}

/// How a request says its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    /// `Authorization: Bearer` or `x-api-key`.
    Header,
    /// The cookie of a browser, which sends it with every request.
    Cookie,
    /// `?key=` in the address of a feed.
    Address,
}

tokio::task_local! {
    /// What pages say of the browser that asks: it is signed in, and this token goes into its forms.
    pub(crate) static SIGNED_IN: SignedIn;
    /// The name of the key of a request, wherever that stands.
    pub(crate) static KEY_NAME: String;
}

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedIn {
    /// The name of its key.
    pub(crate) name: String,
    /// The token of its forms.
    pub(crate) token: String,
    /// Whether its key may do everything.
    pub(crate) is_admin: bool,
}

/// Looks at keys.
pub(crate) struct Access {
    ring: KeyRing,
    options: AccessOptions,
    /// Whether somebody else than the person at this machine could come.
    is_exposed: bool,
    rates: Option<Rates>,
}

impl Access {
    /// # Errors
    /// [`KeysError`] if the file of keys is there and cannot be read.
    pub(crate) fn new(options: AccessOptions, is_exposed: bool) -> Result<Self, KeysError> {
        Ok(Self {
            ring: KeyRing::open(&options.keys)?,
            rates: options.rate.map(Rates::new),
            options,
            is_exposed,
        })
    }

    /// Reads the file of keys again, and forgets who has not come for long.
    pub(crate) fn refresh(&self) {
        self.ring.refresh();
        if let Some(rates) = &self.rates {
            rates.forget();
        }
    }

    fn needs_keys(&self) -> bool {
        !self.options.is_open && (self.is_exposed || self.ring.has_keys())
    }

    /// Whether reading needs a key.
    pub(crate) fn asks_readers(&self) -> bool {
        self.needs_keys() && !self.options.public_read
    }

    /// The names of the keys in force that open feeds, by the saved query whose feeds they open.
    pub(crate) fn feeds(&self) -> Result<HashMap<String, Vec<String>>, ApiError> {
        let now = jiff::Timestamp::now();
        let mut feeds: HashMap<String, Vec<String>> = HashMap::new();
        for key in KeyFile::new(&self.options.keys).list().map_err(unusable)? {
            let is_in_force = key.revoked.is_none() && key.expires.is_none_or(|expires| expires > now);
            if let (Scope::Feed(id), true) = (key.scope, is_in_force) {
                feeds.entry(id).or_default().push(key.name);
            }
        }
        Ok(feeds)
    }

    /// Makes a key for the feeds of a saved query, and gives it: the only time that it can be seen.
    pub(crate) fn open_feed(&self, id: &str) -> Result<String, ApiError> {
        let name = format!("feed.{id}.{}", jiff::Timestamp::now().as_millisecond());
        let secret = KeyFile::new(&self.options.keys).add(&name, &Scope::Feed(id.to_owned()), None);
        self.ring.refresh();
        secret.map_err(unusable)
    }

    /// Ends a key that opens a feed; other keys are not its business.
    pub(crate) fn close_feed(&self, name: &str) -> Result<(), ApiError> {
        if !self.feeds()?.values().flatten().any(|known| known == name) {
            return Err(ApiError::not_found(format!("no feed has the key {name:?}")));
        }
        let revoked = KeyFile::new(&self.options.keys).revoke(name);
        self.ring.refresh();
        revoked.map_err(unusable)
    }

    /// Ends all keys that open the feeds of a saved query: another may get its id.
    pub(crate) fn close_feeds_of(&self, id: &str) -> Result<(), ApiError> {
        for name in self.feeds()?.remove(id).unwrap_or_default() {
            self.close_feed(&name)?;
        }
        Ok(())
    }

    /// What the key of a request grants; `None` without a key, and for one that is taken for none.
    fn grant(&self, secret: Option<&str>) -> Result<Option<Grant>, ApiError> {
        let Some(secret) = secret else { return Ok(None) };
        match self.ring.find(secret) {
            Found::Good(grant) => Ok(Some(grant)),
            Found::Ended | Found::Unknown if self.options.public_read => Ok(None),
            Found::Ended => Err(ApiError::unauthorized("this key is no longer in force; ask for another")),
            Found::Unknown => Err(ApiError::unauthorized("there is no such key")),
        }
    }

    /// Whether the request may pass.
    fn check(&self, need: &Need, secret: Option<&str>) -> Result<Option<Grant>, ApiError> {
        let Need::Key(needed) = need else { return Ok(None) };
        let is_public = self.options.public_read && Scope::Read.covers(needed);
        match self.grant(secret)? {
            Some(grant) if grant.scope.covers(needed) => Ok(Some(grant)),
            Some(_) if is_public => Ok(None),
            Some(grant) => Err(ApiError::forbidden(
                "scope",
                format!(
                    "this needs a key with the scope {needed}; that of {:?} is {}",
                    grant.name, grant.scope
                ),
            )),
            None if is_public => Ok(None),
            None => Err(ApiError::unauthorized(
                "this needs a key, as `Authorization: Bearer …` or `x-api-key: …`; whoever runs this server makes them",
            )),
        }
    }

    /// The client's address: that of the connection, or what a trusted proxy says.
    fn address(&self, request: &Request) -> Option<IpAddr> {
        let peer = request.extensions().get::<Peer>()?.0.to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        let forwarded = request.headers().get_all("x-forwarded-for");
        let chain: Vec<&str> = forwarded
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        // From the last hop back to the first that is no proxy of ours; what stands before it anybody can write.
        let hops = chain.iter().rev().map_while(|hop| hop.trim().parse::<IpAddr>().ok());
        Some(hops.map(|hop| hop.to_canonical()).find(|hop| !self.trusts(*hop)).unwrap_or(peer))
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        self.options.trusted_proxies.iter().any(|proxy| proxy.to_canonical() == peer)
    }

    /// Whether a trusted proxy says that the browser's side is encrypted.
    fn is_secure(&self, request: &Request) -> bool {
        let is_trusted =
            request.extensions().get::<Peer>().is_some_and(|peer| self.trusts(peer.0.to_canonical()));
        is_trusted && request.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme == "https")
    }
}

/// Lets a request in that may do what it asks for, and not too often.
pub(crate) async fn keyed(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let access = &app.access;
    let need = Need::of(request.method(), request.uri().path());
    let needs_keys = access.needs_keys();
    let (secret, carrier) = match secret_of(&request, &need) {
        Some((secret, carrier)) if needs_keys => (Some(secret), carrier),
        // One that is sent where none is needed may be another service's.
        _ => (None, Carrier::Header),
    };
    let grant = match if needs_keys { access.check(&need, secret.as_deref()) } else { Ok(None) } {
        Ok(grant) => grant,
        Err(refusal) => return refused(access, &request, refusal),
    };
    let rate = access.rates.as_ref().filter(|_| need != Need::Nothing || is_sign_in(&request)).map(|rates| {
        match &grant {
            Some(grant) => rates.take(&format!("key {}", grant.name)),
            None => rates.take_for(access.address(&request)),
        }
    });
    if let Some(rate) = rate.as_ref().filter(|rate| !rate.is_allowed) {
        return rate.mark(ApiError::too_often(rate.retry_after).into_response());
    }
    let signed_in = match (&grant, secret.as_deref(), carrier) {
        (Some(grant), Some(secret), Carrier::Cookie) => {
            let signed_in = SignedIn {
                name: grant.name.clone(),
                token: token_of(secret),
                is_admin: grant.scope.covers(&Scope::Admin),
            };
            if !is_safe(request.method()) && !has_token(&request, &signed_in.token) {
                let message = "this form is not of this page; load the page again and send its form";
                return ApiError::forbidden("token", message).into_response();
            }
            Some(signed_in)
        }
        _ => None,
    };
    let answer = async {
        match signed_in {
            Some(signed_in) => SIGNED_IN.scope(signed_in, next.run(request)).await,
            None => next.run(request).await,
        }
    };
    let response = match grant {
        Some(grant) => KEY_NAME.scope(grant.name, answer).await,
        None => answer.await,
    };
    match rate {
        Some(rate) => rate.mark(response),
        None => response,
    }
}

/// The file of keys failed: the log says why.
fn unusable(error: KeysError) -> ApiError {
    tracing::error!("{error}");
    ApiError::internal()
}

fn is_sign_in(request: &Request) -> bool {
    request.method() == Method::POST && request.uri().path() == "/sign-in"
}

fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// A refusal, as a page for signing in where a person asks for a page.
fn refused(access: &Access, request: &Request, refusal: ApiError) -> Response {
    // An address that guesses keys is slowed down like any other.
    let rate = access.rates.as_ref().map(|rates| rates.take_for(access.address(request)));
    let wants_page = is_safe(request.method())
        && request
            .headers()
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
    let response = match &rate {
        Some(rate) if !rate.is_allowed => ApiError::too_often(rate.retry_after).into_response(),
        _ if wants_page => {
            let address = request.uri().path_and_query().map_or("/", |address| address.as_str());
            page::sign_in::asked(refusal.status(), address, refusal.message())
        }
        _ => refusal.into_response(),
    };
    match rate {
        Some(rate) => rate.mark(response),
        None => response,
    }
}

/// The key that a request carries, and how. Headers go before the cookie.
fn secret_of(request: &Request, need: &Need) -> Option<(String, Carrier)> {
    let headers = request.headers();
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret)
    });
    let in_header = bearer.or_else(|| text(header::HeaderName::from_static("x-api-key"))).map(str::trim);
    if let Some(secret) = in_header.filter(|secret| !secret.is_empty()) {
        return Some((secret.to_owned(), Carrier::Header));
    }
    if let Some(secret) = cookie(headers) {
        return Some((secret, Carrier::Cookie));
    }
    if !matches!(need, Need::Key(Scope::Feed(_))) {
        return None;
    }
    parameter(request, "key").map(|secret| (secret, Carrier::Address))
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, secret)| secret.to_owned())
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The token of the forms of a browser that signed in with this key. Nobody else can know it.
fn token_of(secret: &str) -> String {
    let digest = Sha256::new().chain_update(b"cognate form\0").chain_update(secret.as_bytes()).finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn has_token(request: &Request, token: &str) -> bool {
    let header = request.headers().get("x-cognate-token").and_then(|value| value.to_str().ok());
    header == Some(token) || parameter(request, TOKEN).as_deref() == Some(token)
}

/// The answer to a form of signing in: `Ok` with the cookie to set, or what is wrong with the key.
pub(crate) fn sign_in(app: &App, request_is_secure: bool, secret: &str) -> Result<String, ApiError> {
    match app.access.ring.find(secret) {
        Found::Good(Grant { scope: Scope::Feed(_), .. }) => {
            Err(ApiError::unauthorized("this key opens a feed and nothing else"))
        }
        Found::Good(_) => {
            let secure = if request_is_secure { "; Secure" } else { "" };
            Ok(format!("{COOKIE}={secret}; HttpOnly; SameSite=Strict; Path=/{secure}"))
        }
        Found::Ended => Err(ApiError::unauthorized("this key is no longer in force")),
        Found::Unknown => Err(ApiError::unauthorized("there is no such key")),
    }
}

/// The cookie that ends a browser's being signed in.
pub(crate) fn sign_out() -> String {
    format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
}

/// Whether the browser's side of a request is encrypted.
pub(crate) fn is_secure(app: &App, request: &Request) -> bool {
    app.access.is_secure(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_needs() {
        let check = |method: Method, path: &str, expected: &str| {
            let found = match Need::of(&method, path) {
                Need::Nothing => "nothing".to_owned(),
                Need::Key(scope) => scope.to_string(),
            };
            assert_eq!(found, expected, "{method} {path}");
        };
        check(Method::GET, "/health", "nothing");
        check(Method::GET, "/assets/1/page.js", "nothing");
        check(Method::OPTIONS, "/v1/papers", "nothing");
        check(Method::GET, "/", "read");
        check(Method::POST, "/v1/search", "read");
        check(Method::POST, "/", "read");
        check(Method::POST, "/v1/export", "read");
        check(Method::POST, "/v1/papers", "write");
        check(Method::DELETE, "/v1/papers/a/b", "write");
        check(Method::GET, "/v1/papers/a/b", "read");
        check(Method::DELETE, "/v1/saved/bats", "write");
        check(Method::GET, "/v1/saved/bats/feed.atom", "feed:bats");
        check(Method::POST, "/v1/saved/bats/feed.atom", "write");
        check(Method::GET, "/v1/saved/bats/new", "read");
        check(Method::POST, "/v1/saved/bats/new", "write");
        check(Method::POST, "/v1/dedup/apply", "admin");
        check(Method::POST, "/v1/dedup/undo", "admin");
        check(Method::GET, "/metrics", "admin");
        check(Method::POST, "/duplicates", "write");
        check(Method::POST, "/duplicates/drop", "admin");
        check(Method::POST, "/duplicates/undo", "admin");
        check(Method::GET, "/saved", "read");
        check(Method::POST, "/saved", "write");
        check(Method::POST, "/import", "write");
        check(Method::POST, "/lists", "write");
        check(Method::POST, "/library", "read");
        check(Method::DELETE, "/library", "admin");
        check(Method::PUT, "/v1/anything", "admin");
    }

    #[test]
    fn a_proxy_is_believed_where_it_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let access = |proxies: &[&str]| {
            let options = AccessOptions {
                keys: folder.path().join("keys.sqlite3"),
                trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
                ..AccessOptions::default()
            };
            Access::new(options, false).unwrap()
        };
        let check = |proxies: &[&str], peer: &str, forwarded: &[&str], expected: &str| {
            let mut request = Request::builder().uri("/");
            for value in forwarded {
                request = request.header("x-forwarded-for", *value);
            }
            let mut request = request.body(axum::body::Body::empty()).unwrap();
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            let found = access(proxies).address(&request).unwrap();
            assert_eq!(found.to_string(), expected, "{proxies:?} {peer} {forwarded:?}");
        };
        check(&[], "127.0.0.1", &["198.51.100.1"], "127.0.0.1");
        check(&["127.0.0.1"], "127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check(&["127.0.0.1"], "::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        // What the client itself wrote comes first.
        check(&["127.0.0.1"], "127.0.0.1", &["192.0.2.9, 198.51.100.1"], "198.51.100.1");
        check(&["127.0.0.1"], "127.0.0.1", &["192.0.2.9", "198.51.100.1"], "198.51.100.1");
        check(&["127.0.0.1", "10.0.0.1"], "127.0.0.1", &["198.51.100.1, 10.0.0.1"], "198.51.100.1");
        check(&["127.0.0.1"], "127.0.0.1", &["198.51.100.1, nonsense"], "127.0.0.1");
        check(&["127.0.0.1"], "127.0.0.1", &[], "127.0.0.1");
        check(&["127.0.0.1"], "192.0.2.7", &["198.51.100.1"], "192.0.2.7");
    }

    #[test]
    fn tokens_of_forms_differ_from_keys_and_from_each_other() {
        assert_eq!(token_of("a").len(), 32);
        assert_ne!(token_of("a"), token_of("b"));
    }
}
