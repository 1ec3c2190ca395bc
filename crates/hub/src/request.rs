//! What to pull, from where, to where: checked once, here.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use ureq::http::Uri;

use crate::error::HubError;

/// The hub that is asked when `HF_ENDPOINT` names no other.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// One model to pull.
#[derive(Debug, Clone)]
pub struct PullRequest<'a> {
    /// The repository on the hub.
    pub repository: Repository,
    /// Branch, tag or commit. None means what the manifest in `models_dir` pins, else `main`.
    pub revision: Option<Revision>,
    /// Whether to move on when the revision is not the one that the manifest in `models_dir` pins. Without
    /// it such a request is refused, because vectors of two revisions cannot be compared.
    pub update: bool,
    /// The hub.
    pub endpoint: Endpoint,
    /// For private and gated repositories. Sent to `endpoint` only, never to a host it redirects to.
    pub token: Option<Token>,
    /// The folder that holds models: the pull ends with `NAME/` and `NAME.toml` in it. Made if missing.
    pub models_dir: &'a Path,
    /// How patient to be with the network.
    pub retry: RetryPolicy,
}

impl<'a> PullRequest<'a> {
    /// A request for `repository` (see [`Repository::parse`]) at the revision that is pinned or else
    /// `main`, with the endpoint and token of the environment (`HF_ENDPOINT`, `HF_TOKEN`).
    ///
    /// # Errors
    /// [`HubError::Invalid`] if the name or one of those variables cannot be used.
    pub fn from_env(repository: &str, models_dir: &'a Path) -> Result<Self, HubError> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        Ok(Self {
            repository: Repository::parse(repository)?,
            revision: None,
            update: false,
            endpoint: Endpoint::parse(variable("HF_ENDPOINT").as_deref().unwrap_or(DEFAULT_ENDPOINT))?,
            token: variable("HF_TOKEN").map(|token| Token::parse(&token)).transpose()?,
            models_dir,
            retry: RetryPolicy::default(),
        })
    }
}

/// A repository on the hub: an owner, unless it was left out, and a name that is also the model's name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    owner: Option<String>,
    name: String,
}

impl Repository {
    /// Takes `OWNER/NAME`, or a bare `NAME`. A bare name means the repository of the manifest `NAME.toml` in
    /// the models folder if there is one, else `sentence-transformers/NAME`.
    ///
    /// # Errors
    /// [`HubError::Invalid`] unless both parts are letters, digits, `-`, `_` and `.`, at most 96 of them,
    /// beginning with a letter or digit: a name becomes a folder.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let valid = |part: &str| {
            part.len() <= 96
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
                && !part.contains("..")
                && !part.ends_with('.')
        };
        let (owner, name) = match text.split_once('/') {
            Some((owner, name)) => (Some(owner), name),
            None => (None, text),
        };
        if !valid(name) || !owner.is_none_or(valid) {
            return Err(HubError::Invalid {
                what: "model",
                expected: "OWNER/NAME or NAME as on the hub, such as BAAI/bge-small-en-v1.5",
                found: text.to_owned(),
            });
        }
        Ok(Self { owner: owner.map(str::to_owned), name: name.to_owned() })
    }

    /// The model's name, which its folder and its manifest bear.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `OWNER/NAME`, if the owner was given.
    pub(crate) fn full(&self) -> Option<String> {
        self.owner.as_ref().map(|owner| format!("{owner}/{}", self.name))
    }

    /// `OWNER/NAME`, with the owner that a bare name means when no manifest says otherwise.
    pub(crate) fn or_default_owner(&self) -> String {
        self.full().unwrap_or_else(|| format!("sentence-transformers/{}", self.name))
    }
}

/// A branch, a tag, a pull request (`refs/pr/3`) or a commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision(String);

impl Revision {
    /// # Errors
    /// [`HubError::Invalid`] unless it is made of letters, digits, `-`, `_`, `.` and `/`, at most 200 of
    /// them, beginning with a letter or digit and without `..`.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let valid = text.len() <= 200
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
            && !text.contains("..");
        if valid {
            return Ok(Self(text.to_owned()));
        }
        Err(HubError::Invalid {
            what: "revision",
            expected: "a branch, tag or commit, such as main or refs/pr/3",
            found: text.to_owned(),
        })
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address of a hub.
#[derive(Debug, Clone)]
pub struct Endpoint {
    text: String,
    uri: Uri,
}

impl Endpoint {
    /// Takes an `http` or `https` address, with a path if the hub lies below one, without query.
    ///
    /// # Errors
    /// [`HubError::Invalid`] for anything else.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let text = text.trim().trim_end_matches('/');
        let invalid = || HubError::Invalid {
            what: "HF_ENDPOINT",
            expected: "an address such as https://huggingface.co, without user name or query",
            found: text.to_owned(),
        };
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let usable = matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if usable { Ok(Self { text: text.to_owned(), uri }) } else { Err(invalid()) }
    }

    /// The address without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `address` has this endpoint's scheme, host and port: the only place a token may go.
    pub(crate) fn is_origin_of(&self, address: &Uri) -> bool {
        let origin = |uri: &Uri| {
            let scheme = uri.scheme_str().map(str::to_ascii_lowercase);
            let default = if scheme.as_deref() == Some("https") { 443 } else { 80 };
            (scheme, uri.host().map(str::to_ascii_lowercase), uri.port_u16().unwrap_or(default))
        };
        origin(&self.uri) == origin(address)
    }

    /// Whether it is on this machine, where a proxy would be in the way.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// A secret that opens private and gated repositories. It is never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// # Errors
    /// [`HubError::Invalid`] if it is empty or holds white space or anything outside printable ASCII, which a
    /// header cannot carry.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let text = text.trim();
        if !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        Err(HubError::Invalid {
            what: "HF_TOKEN",
            expected: "a token as the hub shows it, in one line without spaces",
            found: "(not shown)".to_owned(),
        })
    }

    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// How often a request is tried when the connection breaks or the hub is overloaded.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Attempts in a row without progress, at least 1, after which the pull gives up.
    pub attempts: u32,
    /// The pause after the first failure. Each further one is twice as long, up to a minute; where the hub
    /// says `Retry-After`, at least that long, up to the same minute.
    pub first_pause: Duration,
}

impl Default for RetryPolicy {
    /// Five attempts, with pauses of 0.5, 1, 2 and 4 seconds.
    fn default() -> Self {
        Self { attempts: 5, first_pause: Duration::from_millis(500) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let found = Repository::parse(text).ok();
            let found = found.as_ref().map(|found| (found.name().to_owned(), found.or_default_owner()));
            assert_eq!(found, expected.map(|(name, full)| (name.to_owned(), full.to_owned())), "{text:?}");
        };
        check("BAAI/bge-small-en-v1.5", Some(("bge-small-en-v1.5", "BAAI/bge-small-en-v1.5")));
        check("all-MiniLM-L6-v2", Some(("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")));
        for text in
            ["", "/", "a/", "/a", "a/b/c", "../a", "a/..", "a/.b", "a b", "a\\b", "a/b\n", "a..b", "b."]
        {
            check(text, None);
        }
        check(&"a".repeat(97), None);
    }

    #[test]
    fn revisions() {
        for text in ["main", "refs/pr/3", "v1.5", "8b3219a92973c328a8e22fadcfa821b5dc75636a"] {
            assert_eq!(Revision::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "-x", "/main", "a..b", "a b", "a?b", "a%2fb", "a\n"] {
            assert!(Revision::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn endpoints() {
        assert_eq!(
            Endpoint::parse("https://hub.example/mirror/").unwrap().as_str(),
            "https://hub.example/mirror"
        );
        for text in
            ["", "hub.example", "ftp://hub.example", "https://", "https://u:p@hub.example", "http://h/?q=1"]
        {
            assert!(Endpoint::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_token_goes_to_the_endpoint_only() {
        let endpoint = Endpoint::parse("https://hub.example").unwrap();
        let check = |address: &str, expected: bool| {
            assert_eq!(endpoint.is_origin_of(&address.parse().unwrap()), expected, "{address}");
        };
        check("https://HUB.example:443/a", true);
        check("https://hub.example/a?b", true);
        check("http://hub.example/a", false);
        check("https://hub.example:444/a", false);
        check("https://cdn.hub.example/a", false);
        check("https://hub.example@evil.example/a", false);
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::parse(" hf_secret\n").unwrap();
        assert_eq!(token.authorization(), "Bearer hf_secret");
        assert!(!format!("{token:?}").contains("secret"));
        assert!(!Token::parse("hf_a\r\nb").unwrap_err().to_string().contains("hf_a"));
    }
}
