//! Requests to the hub: redirects, the token, statuses and trying again.

use std::time::Duration;

use cognate_embed::HubSource;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::{Agent, Body};

use crate::error::HubError;
use crate::request::{Endpoint, RetryPolicy, Token};

/// How many redirects are followed. The hub needs two (a renamed repository, then the file store).
const MAX_REDIRECTS: u32 = 8;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the server may stay silent. There is no limit on a whole download: lines are slow, files large.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// What a part of a URL's path may hold as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client for one hub.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    endpoint: Endpoint,
    token: Option<Token>,
    retry: RetryPolicy,
}

/// One attempt that did not work.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Box<HubError>,
    /// Whether another attempt may work.
    pub(crate) passing: bool,
    /// How long the server asked us to wait.
    retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn lasting(error: HubError) -> Self {
        Self { error: Box::new(error), passing: false, retry_after: None }
    }

    pub(crate) fn passing(error: HubError) -> Self {
        Self { error: Box::new(error), passing: true, retry_after: None }
    }

    /// The connection to `address` failed or broke.
    pub(crate) fn connection(address: &Uri, source: ureq::Error) -> Self {
        let passing = matches!(
            source,
            ureq::Error::Io(_)
                | ureq::Error::Timeout(_)
                | ureq::Error::HostNotFound
                | ureq::Error::ConnectionFailed
                | ureq::Error::Protocol(_)
        );
        let error = HubError::Connection { address: shown(address), attempts: 1, source: Box::new(source) };
        Self { error: Box::new(error), passing, retry_after: None }
    }
}

/// Counts attempts and waits between them.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: RetryPolicy,
    n_failed: u32,
}

impl Backoff {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The failure itself if it will not pass, or if it was the last attempt.
    pub(crate) fn wait_after(&mut self, failure: Failure) -> Result<(), HubError> {
        self.n_failed += 1;
        let attempts_made = self.n_failed;
        if !failure.passing || attempts_made >= self.policy.attempts {
            return Err(match *failure.error {
                HubError::Connection { address, source, .. } => {
                    HubError::Connection { address, attempts: attempts_made, source }
                }
                HubError::Length { file, expected, found, .. } => {
                    HubError::Length { file, expected, found, attempts: attempts_made }
                }
                other => other,
            });
        }
        let doubled = self.policy.first_pause.saturating_mul(1 << (attempts_made - 1).min(10));
        let pause = doubled.max(failure.retry_after.unwrap_or_default()).min(MAX_PAUSE);
        let what = match &*failure.error {
            HubError::Connection { address, source, .. } => format!("no answer from {address}: {source}"),
            HubError::Status { address, status, .. } => format!("the hub answered {status} to {address}"),
            HubError::Length { file, expected, found, .. } => {
                format!("{file}: the download ended at {found} of {expected} bytes")
            }
            other => other.to_string(),
        };
        tracing::warn!("{what}; trying again in {pause:?}");
        std::thread::sleep(pause);
        Ok(())
    }

    /// Starts counting anew, after an attempt that failed but brought the work forward.
    pub(crate) fn progressed(&mut self) {
        self.n_failed = 0;
    }
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint, token: Option<Token>, retry: RetryPolicy) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Followed here and not by ureq: it would drop the token even on the way to the same host.
            .max_redirects(0)
            .user_agent(concat!("cognate/", env!("CARGO_PKG_VERSION")))
            // Offsets of a resumed download count bytes of the file, not of its compressed form.
            .accept_encoding("identity")
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(SILENCE_TIMEOUT))
            .timeout_per_read(Some(SILENCE_TIMEOUT))
            .timeout_per_write(Some(SILENCE_TIMEOUT));
        let config = if endpoint.is_loopback() { config.proxy(None) } else { config };
        Self { agent: config.build().new_agent(), endpoint, token, retry }
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff { policy: self.retry, n_failed: 0 }
    }

    /// Where the hub describes one revision of a repository.
    pub(crate) fn description_address(&self, repository: &str, revision: &str) -> Result<Uri, HubError> {
        let revision = utf8_percent_encode(revision, PLAIN);
        self.address(format!("/api/models/{repository}/revision/{revision}?blobs=true"))
    }

    /// Where the hub keeps one file of a commit.
    pub(crate) fn file_address(&self, source: &HubSource, path: &str) -> Result<Uri, HubError> {
        let parts: Vec<String> =
            path.split('/').map(|part| utf8_percent_encode(part, PLAIN).to_string()).collect();
        let revision = utf8_percent_encode(&source.revision, PLAIN);
        self.address(format!("/{}/resolve/{revision}/{}", source.repository, parts.join("/")))
    }

    fn address(&self, path: String) -> Result<Uri, HubError> {
        let text = format!("{}{path}", self.endpoint.as_str());
        text.parse().map_err(|_| HubError::Invalid {
            what: "address on the hub",
            expected: "a shorter one, without special characters",
            found: text,
        })
    }

    /// The body at `address`, at most `limit` bytes long. Tries again while that may help.
    pub(crate) fn get_whole(&self, address: &Uri, limit: u64) -> Result<Vec<u8>, HubError> {
        let mut backoff = self.backoff();
        loop {
            let body = self.get(address, 0).and_then(|response| {
                let mut body = response.into_body();
                body.with_config()
                    .limit(limit)
                    .read_to_vec()
                    .map_err(|source| Failure::connection(address, source))
            });
            match body {
                Ok(body) => return Ok(body),
                Err(failure) => backoff.wait_after(failure)?,
            }
        }
    }

    /// One attempt to read `address` from byte `offset` on. Redirects are followed; the response is 200 or 206.
    pub(crate) fn get(&self, address: &Uri, offset: u64) -> Result<Response<Body>, Failure> {
        let mut current = address.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(current.clone());
            if offset > 0 {
                request = request.header(header::RANGE, format!("bytes={offset}-"));
            }
            if let Some(token) = self.token.as_ref().filter(|_| self.endpoint.is_origin_of(&current)) {
                request = request.header(header::AUTHORIZATION, token.authorization());
            }
            let response = request.call().map_err(|source| Failure::connection(&current, source))?;
            match response.status() {
                StatusCode::OK | StatusCode::PARTIAL_CONTENT => return Ok(response),
                status if status.is_redirection() => {
                    let location = response.headers().get(header::LOCATION).map(|value| value.as_bytes());
                    let location = String::from_utf8_lossy(location.unwrap_or_default()).into_owned();
                    current = redirected(&current, &location).map_err(|reason| {
                        Failure::lasting(HubError::Redirect {
                            address: shown(&current),
                            location: location.split(['?', '#']).next().unwrap_or_default().to_owned(),
                            reason,
                        })
                    })?;
                }
                _ => return Err(self.refusal(&current, &response)),
            }
        }
        Err(Failure::lasting(HubError::Redirect {
            address: shown(address),
            location: shown(&current),
            reason: "there were too many redirects",
        }))
    }

    /// What a status other than success means.
    fn refusal(&self, address: &Uri, response: &Response<Body>) -> Failure {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let status = response.status();
        let code = header("x-error-code").unwrap_or_default();
        let advice = match (status.as_u16(), code) {
            (_, "GatedRepo") => format!(
                "the model is gated; accept its terms on its page below {} and set HF_TOKEN to a token of that \
                 account",
                self.endpoint.as_str()
            ),
            (404, "RevisionNotFound") => "the repository has no such revision; check --revision".to_owned(),
            (404, "EntryNotFound") => "the repository has no such file at this revision".to_owned(),
            // The hub answers 401 for a repository that does not exist, so as not to tell which are private.
            (401 | 403 | 404, _) if self.token.is_some() => {
                "there is no such repository, or the token in HF_TOKEN may not read it; check the name and the \
                 token"
                    .to_owned()
            }
            (401 | 403 | 404, _) => {
                "there is no such repository, or it is private; check the name, or set HF_TOKEN to a token that \
                 may read it"
                    .to_owned()
            }
            (429, _) => "too many requests; wait some minutes, or set HF_TOKEN, which raises the limit".to_owned(),
            (500..=599, _) => "the hub has a fault or is overloaded; run this again later".to_owned(),
            _ => "expected 200; is HF_ENDPOINT a Hugging Face hub?".to_owned(),
        };
        let detail: String = header("x-error-message").unwrap_or_default().chars().take(300).collect();
        let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
        let error = HubError::Status { address: shown(address), status: status.as_u16(), advice, detail };
        let retry_after =
            header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let error = Box::new(error);
        Failure { error, passing: matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504), retry_after }
    }
}

/// Where a redirect leads.
fn redirected(from: &Uri, location: &str) -> Result<Uri, &'static str> {
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let absolute = if location.is_empty() {
        return Err("it names no place");
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        location.to_owned()
    };
    let to: Uri = absolute.parse().map_err(|_| "it is no address")?;
    match to.scheme_str() {
        Some("https") => Ok(to),
        Some("http") if scheme == "http" => Ok(to),
        Some("http") => Err("it leaves an encrypted connection for an open one"),
        _ => Err("it is neither an absolute http or https address nor a path"),
    }
}

/// An address as it may be shown: without query, which may be signed, and without user name.
pub(crate) fn shown(address: &Uri) -> String {
    let scheme = address.scheme_str().unwrap_or_default();
    let port = address.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{}{port}{}", address.host().unwrap_or_default(), address.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects() {
        let check = |from: &str, location: &str, expected: Option<&str>| {
            let found = redirected(&from.parse().unwrap(), location).map(|to| to.to_string());
            assert_eq!(found.ok().as_deref(), expected, "{from} {location}");
        };
        check("https://h/a/b", "https://cdn/x?sig=1", Some("https://cdn/x?sig=1"));
        check("https://h:8/a/b", "/c?d", Some("https://h:8/c?d"));
        check("https://h/a", "//cdn/x", Some("https://cdn/x"));
        check("http://h/a", "http://cdn/x", Some("http://cdn/x"));
        check("http://h/a", "https://cdn/x", Some("https://cdn/x"));
        for location in
            ["", "http://h/a", "file:///etc/passwd", "ftp://h/a", "c", "https://", "https://h/\u{7f}"]
        {
            check("https://h/a", location, None);
        }
    }

    #[test]
    fn addresses() {
        let endpoint = Endpoint::parse("http://h:1/m/").unwrap();
        let client = Client::new(endpoint, None, RetryPolicy::default());
        let address = client.description_address("o/n", "refs/pr/3").unwrap();
        assert_eq!(address, "http://h:1/m/api/models/o/n/revision/refs%2Fpr%2F3?blobs=true");
        let source = HubSource { repository: "o/n".to_owned(), revision: "abc".to_owned() };
        let address = client.file_address(&source, "1_Pooling/a b#.json").unwrap();
        assert_eq!(address, "http://h:1/m/o/n/resolve/abc/1_Pooling/a%20b%23.json");
        assert_eq!(shown(&"https://u:p@h:1/a?sig=s".parse().unwrap()), "https://h:1/a");
    }
}
