//! Which requests a server on a laptop may listen to.
//!
//! Any page in the user's browser can send requests to a local server, and a name that its owner
//! points at 127.0.0.1 makes them look like the server's own. So a request must name a host that this
//! server is known by, and a browser's request must come from a page of this server.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header, uri::Authority};

use crate::error::ApiError;

/// The names that this server answers to.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Names beyond loopback, without port, in lower case.
    pub allowed_hosts: Vec<String>,
    /// Origins of other pages that may use the server, such as `https://example.org`.
    pub allowed_origins: Vec<String>,
    /// Whether any IP address is a good `Host`: an address cannot be pointed elsewhere as a name can.
    pub allow_any_address: bool,
}

impl Guard {
    /// Refuses a request whose `Host` is not this server or whose `Origin` is another page.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let authority = authority(uri, headers)?;
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        if !self.knows_host(&host) {
            return Err(ApiError::forbidden(
                "unknown_host",
                format!(
                    "this server does not answer to the host {host:?}; start it with --allow-host {host} if it should"
                ),
            ));
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        let own = [format!("http://{authority}"), format!("https://{authority}")];
        if own.iter().any(|own| own.eq_ignore_ascii_case(&origin)) || self.allowed_origins.contains(&origin) {
            return Ok(());
        }
        Err(ApiError::forbidden(
            "foreign_origin",
            format!(
                "pages of {origin:?} may not use this server; start it with --allow-origin {origin} if they should"
            ),
        ))
    }

    fn knows_host(&self, host: &str) -> bool {
        let address: Option<IpAddr> = host.parse().ok();
        host == "localhost"
            || host.ends_with(".localhost")
            || address.is_some_and(|address| self.allow_any_address || address.is_loopback())
            || self.allowed_hosts.iter().any(|allowed| allowed == host)
    }
}

/// Host and port that the client believes to be talking to.
fn authority(uri: &Uri, headers: &HeaderMap) -> Result<Authority, ApiError> {
    if headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(ApiError::bad_request("invalid_host", "expected one Host header, found several"));
    }
    if let Some(authority) = uri.authority() {
        return Ok(authority.clone());
    }
    headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| host.parse().ok())
        .ok_or_else(|| ApiError::bad_request("invalid_host", "expected a Host header with a name or address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_hosts_and_pages_pass() {
        let guard = Guard {
            allowed_hosts: vec!["papers.example".into()],
            allowed_origins: vec!["https://reader.example".into()],
            allow_any_address: false,
        };
        let check = |host: &str, origin: Option<&str>, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            let passed = guard.check(&Uri::from_static("/v1/search"), &headers).is_ok();
            assert_eq!(passed, expected, "host {host}, origin {origin:?}");
        };
        check("127.0.0.1:8080", None, true);
        check("127.8.8.8", None, true);
        check("[::1]:8080", None, true);
        check("LOCALHOST:8080", None, true);
        check("papers.example", None, true);
        check("evil.example:8080", None, false);
        check("127.0.0.1.evil.example", None, false);
        check("192.168.1.5:8080", None, false);
        check("", None, false);
        check("127.0.0.1:8080", Some("http://127.0.0.1:8080"), true);
        check("127.0.0.1:8080", Some("http://127.0.0.1:3000"), false);
        check("127.0.0.1:8080", Some("https://evil.example"), false);
        check("127.0.0.1:8080", Some("null"), false);
        check("127.0.0.1:8080", Some("https://reader.example"), true);
    }
}
