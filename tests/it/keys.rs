//! Who may do what: keys, scopes, the page's sign-in, and how often.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Cognate, Server, root, wait_for};

/// Every route, with a method and a path that it takes, and the scope that it needs.
const ROUTES: &[(&str, &str, &str, &str)] = &[
    ("GET", "/health", "/health", ""),
    ("GET", "/ready", "/ready", ""),
    ("GET", "/sign-in", "/sign-in", ""),
    ("POST", "/sign-in", "/sign-in", "sign-in"),
    ("POST", "/sign-out", "/sign-out", ""),
    ("GET", "/assets/{version}/{name}", "/assets/0/none.css", ""),
    ("GET", "/", "/", "read"),
    ("GET", "/search", "/search?q=bats", "read"),
    ("GET", "/papers/{*key}", "/papers/none", "read"),
    ("GET", "/library", "/library", "read"),
    ("POST", "/library", "/library", "read"),
    ("GET", "/library/file", "/library/file?seed=none&format=ris", "read"),
    ("GET", "/map", "/map", "read"),
    ("GET", "/map/points", "/map/points", "read"),
    ("GET", "/map/found", "/map/found?q=bats", "read"),
    ("GET", "/map/paper/{row}", "/map/paper/9999", "read"),
    ("GET", "/trends", "/trends", "read"),
    ("GET", "/saved", "/saved", "read"),
    ("POST", "/saved", "/saved", "write"),
    ("POST", "/lists", "/lists", "write"),
    ("GET", "/import", "/import", "read"),
    ("POST", "/import", "/import", "write"),
    ("GET", "/duplicates", "/duplicates", "read"),
    ("POST", "/duplicates", "/duplicates", "write"),
    ("POST", "/duplicates/drop", "/duplicates/drop", "admin"),
    ("POST", "/duplicates/undo", "/duplicates/undo", "admin"),
    ("GET", "/v1/search", "/v1/search?q=bats", "read"),
    ("POST", "/v1/search", "/v1/search", "read"),
    ("POST", "/v1/search/batch", "/v1/search/batch", "read"),
    ("POST", "/v1/search/range", "/v1/search/range", "read"),
    ("POST", "/v1/recommend", "/v1/recommend", "read"),
    ("POST", "/v1/papers", "/v1/papers", "write"),
    ("GET", "/v1/papers/{id}", "/v1/papers/none", "read"),
    ("GET", "/v1/papers/{id}/similar", "/v1/papers/none/similar", "read"),
    ("DELETE", "/v1/papers/{id}", "/v1/papers/none", "write"),
    ("POST", "/v1/dedup", "/v1/dedup", "write"),
    ("POST", "/v1/dedup/check", "/v1/dedup/check", "read"),
    ("POST", "/v1/dedup/apply", "/v1/dedup/apply", "admin"),
    ("POST", "/v1/dedup/undo", "/v1/dedup/undo", "admin"),
    ("GET", "/v1/dedup/runs", "/v1/dedup/runs", "read"),
    ("GET", "/v1/dedup/flow", "/v1/dedup/flow", "read"),
    ("GET", "/v1/dedup/dropped", "/v1/dedup/dropped", "read"),
    ("GET", "/v1/dedup/labels", "/v1/dedup/labels", "read"),
    ("POST", "/v1/dedup/labels", "/v1/dedup/labels", "write"),
    ("DELETE", "/v1/dedup/labels", "/v1/dedup/labels", "write"),
    ("POST", "/v1/dedup/rethreshold", "/v1/dedup/rethreshold", "write"),
    ("GET", "/v1/dedup/histogram", "/v1/dedup/histogram", "read"),
    ("GET", "/v1/dedup/pairs", "/v1/dedup/pairs", "read"),
    ("GET", "/v1/dedup/tasks", "/v1/dedup/tasks", "read"),
    ("POST", "/v1/dedup/tasks", "/v1/dedup/tasks", "write"),
    ("GET", "/v1/dedup/tasks/{number}", "/v1/dedup/tasks/77", "read"),
    ("DELETE", "/v1/dedup/tasks/{number}", "/v1/dedup/tasks/77", "write"),
    ("GET", "/v1/trends", "/v1/trends", "read"),
    ("GET", "/v1/stats", "/v1/stats", "read"),
    ("GET", "/v1/export", "/v1/export", "read"),
    ("POST", "/v1/export", "/v1/export", "read"),
    ("GET", "/openapi.json", "/openapi.json", "read"),
    ("GET", "/docs", "/docs", "read"),
    ("GET", "/docs/{name}", "/docs/http", "read"),
    ("GET", "/docs/try", "/docs/try", "read"),
    ("GET", "/metrics", "/metrics", "admin"),
    ("POST", "/mcp", "/mcp", "read"),
    ("GET", "/v1/saved", "/v1/saved", "read"),
    ("POST", "/v1/saved", "/v1/saved", "write"),
    ("GET", "/v1/saved/{id}", "/v1/saved/none", "read"),
    ("DELETE", "/v1/saved/{id}", "/v1/saved/none", "write"),
    ("GET", "/v1/saved/{id}/new", "/v1/saved/none/new", "read"),
    ("POST", "/v1/saved/{id}/new", "/v1/saved/none/new", "write"),
    ("GET", "/v1/saved/{id}/feed.atom", "/v1/saved/none/feed.atom", "read"),
    ("GET", "/v1/saved/{id}/feed.json", "/v1/saved/none/feed.json", "read"),
    ("GET", "/api/papers/search", "/api/papers/search?q=bats", "read"),
    ("GET", "/api/papers/{id}", "/api/papers/none", "read"),
    ("GET", "/api/daily_papers", "/api/daily_papers", "read"),
    ("POST", "/", "/", "read"),
    ("POST", "/embed", "/embed", "read"),
    ("POST", "/rerank", "/rerank", "read"),
    ("POST", "/similarity", "/similarity", "read"),
    ("POST", "/tokenize", "/tokenize", "read"),
    ("GET", "/info", "/info", "read"),
    ("POST", "/v1/embeddings", "/v1/embeddings", "read"),
    ("GET", "/v1/models", "/v1/models", "read"),
    ("GET", "/v1/models/{id}", "/v1/models/none", "read"),
    ("GET", "/graph/v1/paper/search", "/graph/v1/paper/search?query=bats", "read"),
    ("POST", "/graph/v1/paper/batch", "/graph/v1/paper/batch", "read"),
    ("GET", "/graph/v1/paper/{id}", "/graph/v1/paper/none", "read"),
    ("GET", "/graph/v1/paper/search/bulk", "/graph/v1/paper/search/bulk?query=bats", "read"),
    ("GET", "/graph/v1/paper/search/match", "/graph/v1/paper/search/match?query=bats", "read"),
    ("GET", "/graph/v1/paper/search/{*other}", "/graph/v1/paper/search/none", "read"),
    ("GET", "/graph/v1/paper/autocomplete", "/graph/v1/paper/autocomplete?query=bats", "read"),
    ("GET", "/graph/v1/paper/{id}/authors", "/graph/v1/paper/none/authors", "read"),
    ("GET", "/graph/v1/paper/{id}/citations", "/graph/v1/paper/none/citations", "read"),
    ("GET", "/graph/v1/paper/{id}/references", "/graph/v1/paper/none/references", "read"),
    ("GET", "/recommendations/v1/papers/forpaper/{id}", "/recommendations/v1/papers/forpaper/none", "read"),
    ("POST", "/recommendations/v1/papers", "/recommendations/v1/papers", "read"),
    ("POST", "/recommendations/v1/papers/", "/recommendations/v1/papers/", "read"),
];

/// What somebody brings.
#[derive(Clone, Copy)]
enum Brings<'a> {
    Nothing,
    Bearer(&'a str),
    ApiKey(&'a str),
}

fn status_of(server: &Server, method: &str, path: &str, brings: Brings<'_>) -> u16 {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    match brings {
        Brings::Nothing => {}
        Brings::Bearer(key) => request.push_str(&format!("Authorization: Bearer {key}\r\n")),
        Brings::ApiKey(key) => request.push_str(&format!("X-Api-Key: {key}\r\n")),
    }
    if method == "POST" {
        request.push_str("Content-Length: 0\r\n");
    }
    let line = server.raw(&(request + "\r\n"));
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

fn key(cognate: &Cognate, name: &str, scope: &str) -> String {
    cognate.json(&["keys", "add", name, "--scope", scope])["key"].as_str().unwrap().to_owned()
}

/// Whether a key of a scope may do what needs another.
fn may(scope: &str, needed: &str) -> bool {
    let rank = |scope: &str| ["", "read", "write", "admin"].iter().position(|other| *other == scope);
    needed == "sign-in" || rank(scope) >= rank(needed)
}

/// Routes are in the document of the interface, with their methods, or added by their path alone.
#[test]
fn the_table_of_routes_is_whole() {
    let known: BTreeSet<&str> = ROUTES.iter().map(|(_, route, _, _)| *route).collect();
    let mut found = BTreeSet::new();
    let mut files = vec![root().join("crates/server/src")];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split(".route").skip(1) {
            let Some(part) = part.strip_prefix("_service").unwrap_or(part).strip_prefix('(') else {
                continue;
            };
            let route = part.trim_start().strip_prefix('"').and_then(|part| part.split('"').next());
            found.insert(
                route.unwrap_or_else(|| panic!("a route without a path in {}", path.display())).to_owned(),
            );
        }
    }
    let document = Cognate::new().serve(&[]).get("/openapi.json").body;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let is_known = ROUTES.iter().any(|(known, route, _, _)| *known == method && *route == path);
            assert!(is_known, "the table has no {method} {path}");
        }
        found.insert(path.clone());
    }
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(known, found);
}

#[test]
fn every_route_asks_for_the_key_that_it_needs() {
    let cognate = Cognate::new();
    let alone = cognate.serve(&[]);
    // No keys, loopback: nobody is asked, and a key that comes all the same is another service's.
    for (method, _, path, needed) in ROUTES.iter().filter(|(_, _, _, needed)| *needed != "sign-in") {
        for brings in [Brings::Nothing, Brings::Bearer("hf_something")] {
            let status = status_of(&alone, method, path, brings);
            assert!(status != 401 && status != 403, "{method} {path} ({needed}): {status}");
        }
    }
    drop(alone);

    let keys: Vec<(&str, String)> =
        ["read", "write", "admin"].into_iter().map(|scope| (scope, key(&cognate, scope, scope))).collect();
    let revoked = key(&cognate, "revoked", "admin");
    cognate.json(&["keys", "revoke", "revoked"]);
    let expired = expired_key(&cognate);
    let check = |server: &Server, public_read: bool| {
        for (method, _, path, needed) in ROUTES {
            let is_open = needed.is_empty() || *needed == "sign-in";
            let is_public = public_read && *needed == "read";
            for (name, brings) in [
                ("no key", Brings::Nothing),
                ("an unknown key", Brings::Bearer("cognate_0000000000000000000000000000000000000000000")),
                ("a revoked key", Brings::Bearer(&revoked)),
                ("an expired key", Brings::ApiKey(&expired)),
            ] {
                let status = status_of(server, method, path, brings);
                let is_refused = status == 401 && *needed != "sign-in";
                assert_eq!(is_refused, !is_open && !is_public, "{method} {path} with {name}: {status}");
            }
            for (scope, key) in &keys {
                for brings in [Brings::Bearer(key), Brings::ApiKey(key)] {
                    let status = status_of(server, method, path, brings);
                    let expected = may(scope, needed) || is_public;
                    assert_eq!(status != 403, expected, "{method} {path} with {scope}: {status}");
                    assert!(status != 401 || *needed == "sign-in", "{method} {path} with {scope}: {status}");
                }
            }
        }
    };
    // A server on loopback, where a key exists; the same behind a proxy that says who asks.
    check(&cognate.serve(&[]), false);
    check(&cognate.serve(&["--trust-proxy", "127.0.0.1"]), false);
    check(&cognate.serve(&["--public-read"]), true);
    let open = cognate.serve(&["--auth", "none"]);
    assert_eq!(status_of(&open, "POST", "/v1/dedup/undo", Brings::Nothing) / 100, 4);
    assert_ne!(status_of(&open, "POST", "/v1/dedup/undo", Brings::Nothing), 401);
}

/// A key that was good once: made, then dated back in the file.
fn expired_key(cognate: &Cognate) -> String {
    let added = cognate.json(&["keys", "add", "expired", "--scope", "admin", "--expires", "2999-01-01"]);
    let file = rusqlite::Connection::open(cognate.data().join("keys.sqlite3")).unwrap();
    file.execute("UPDATE keys SET expires = '2020-01-01T00:00:00Z' WHERE name = 'expired'", []).unwrap();
    added["key"].as_str().unwrap().to_owned()
}

#[test]
fn servers_for_others_ask_for_keys_before_there_are_any() {
    let cognate = Cognate::new();
    for args in [&["--allow-host", "papers.example"][..], &["--allow-remote"]] {
        let server = cognate.serve(args);
        assert_eq!(status_of(&server, "GET", "/v1/stats", Brings::Nothing), 401, "{args:?}");
        assert_eq!(status_of(&server, "GET", "/health", Brings::Nothing), 200, "{args:?}");
        // What a proxy or a client says of itself grants nothing.
        let request = "GET /v1/stats HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n";
        assert!(server.raw(request).contains(" 401 "), "{args:?}");
    }
}

#[test]
fn running_servers_see_keys_that_are_made_and_revoked() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    assert_eq!(status_of(&server, "GET", "/v1/stats", Brings::Nothing), 200);
    let key = key(&cognate, "laptop", "read");
    wait_for("the server to ask for a key", || {
        (status_of(&server, "GET", "/v1/stats", Brings::Nothing) == 401).then_some(())
    });
    assert_eq!(status_of(&server, "GET", "/v1/stats", Brings::Bearer(&key)), 200);
    assert_eq!(cognate.json(&["keys", "list"])["keys"][0]["is_in_force"], true);
    cognate.json(&["keys", "revoke", "laptop"]);
    wait_for("the key to end", || {
        (status_of(&server, "GET", "/v1/stats", Brings::Bearer(&key)) == 401).then_some(())
    });
    // The last key is gone; the server does not open itself.
    assert_eq!(status_of(&server, "GET", "/v1/stats", Brings::Nothing), 401);
    assert!(cognate.failure(&["keys", "revoke", "laptop"], 2).contains("no key"));
    assert!(cognate.failure(&["keys", "add", "laptop", "--scope", "read"], 2).contains("already"));
    assert!(
        cognate.failure(&["keys", "add", "x", "--scope", "read", "--expires", "soon"], 2).contains("soon")
    );
}

#[test]
fn no_key_is_written_anywhere() {
    let cognate = Cognate::new();
    let key = key(&cognate, "laptop", "admin");
    let mut command = cognate.command(&["--verbose", "serve", "--bind", "127.0.0.1:0"]);
    let log = cognate.folder.path().join("log");
    command.env("COGNATE_LOG", "trace").stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
    let server = Server::start(command);
    assert_eq!(status_of(&server, "GET", "/v1/stats", Brings::Bearer(&key)), 200);
    assert_eq!(server.submit("/sign-in", &[("key", &key), ("next", "/search")]).status, 401);
    drop(server);
    let mut files = vec![cognate.folder.path().to_owned()];
    let secret = key.strip_prefix("cognate_").unwrap().as_bytes();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{}", path.display());
        }
    }
    assert!(!is_empty(&log));
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().len() == 0
}

/// An answer with what a browser makes of it.
struct Seen {
    status: u16,
    cookie: Option<String>,
    location: Option<String>,
    html: String,
}

/// A browser without script: it has a cookie or none, and follows nothing by itself.
struct Browser<'a> {
    server: &'a Server,
    agent: ureq::Agent,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        Self { server, agent: agent.new_agent(), cookie: None }
    }

    fn go(&mut self, path: &str, form: Option<&[(&str, &str)]>) -> Seen {
        let address = format!("{}{path}", self.server.address);
        let cookie = self.cookie.clone().unwrap_or_default();
        let mut response = match form {
            None => {
                let request = self.agent.get(address).header("accept", "text/html,*/*;q=0.8");
                request.header("cookie", cookie).call()
            }
            Some(form) => {
                let request = self.agent.post(address).header("origin", &self.server.address);
                request.header("cookie", cookie).send_form(form.iter().copied())
            }
        }
        .unwrap();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        let (cookie, location) = (header("set-cookie"), header("location"));
        if let Some(cookie) = &cookie {
            self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        }
        let status = response.status().as_u16();
        Seen { status, cookie, location, html: response.body_mut().read_to_string().unwrap() }
    }
}

/// The address of the form of a page that goes to `path`.
fn action<'a>(html: &'a str, path: &str) -> &'a str {
    let from = html.find(&format!("action=\"{path}")).unwrap_or_else(|| panic!("no form to {path}: {html}"));
    html[from + "action=\"".len()..].split('"').next().unwrap()
}

#[test]
fn a_browser_signs_in_and_out() {
    let cognate = Cognate::with_demo();
    let reader = key(&cognate, "reader", "read");
    let writer = key(&cognate, "writer", "write");
    let server = cognate.serve(&[]);
    let mut browser = Browser::new(&server);

    // Whoever asks for a page is asked for a key on a page; programs get JSON.
    let asked = browser.go("/search?q=bats", None);
    assert_eq!(asked.status, 401);
    assert!(
        asked.html.contains("<form") && asked.html.contains("value=\"/search?q=bats\""),
        "{}",
        asked.html
    );
    assert_eq!(server.get("/v1/search?q=bats").body["code"], "unauthorized");

    let wrong = browser.go("/sign-in", Some(&[("key", "cognate_wrong"), ("next", "/search?q=bats")]));
    assert_eq!((wrong.status, wrong.cookie), (401, None));
    let entered = browser.go("/sign-in", Some(&[("key", &reader), ("next", "/search?q=bats")]));
    assert_eq!((entered.status, entered.location.as_deref()), (303, Some("/search?q=bats")));
    let cookie = entered.cookie.unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let found = browser.go("/search?q=bats", None);
    assert_eq!(found.status, 200);
    assert!(!found.html.contains(&reader));

    // Reading is not writing.
    let page = browser.go("/duplicates", None);
    let compare = action(&page.html, "/duplicates").to_owned();
    assert_eq!(browser.go(&compare, Some(&[("label", "compare")])).status, 403);
    let left = browser.go(action(&page.html, "/sign-out"), Some(&[]));
    assert_eq!(left.status, 303);
    assert_eq!(browser.go("/search?q=bats", None).status, 401);

    // A form needs the token of the page that it stands on.
    browser.go("/sign-in", Some(&[("key", &writer), ("next", "https://evil.example/")]));
    let page = browser.go("/duplicates", None);
    assert_eq!(page.status, 200);
    assert_eq!(browser.go("/duplicates", Some(&[("label", "compare")])).status, 403);
    let compare = action(&page.html, "/duplicates").to_owned();
    assert_eq!(browser.go(&compare, Some(&[("label", "compare")])).status, 303);
}

#[test]
fn the_address_of_a_feed_can_be_revoked() {
    let cognate = Cognate::with_demo();
    let saved = cognate.json(&["saved", "add", "bats"]);
    let id = saved["id"].as_str().unwrap();
    let feed = cognate.json(&["keys", "add", "feed", "--feed", id])["key"].as_str().unwrap().to_owned();
    let server = cognate.serve(&[]);
    let status = |path: &str| status_of(&server, "GET", path, Brings::Nothing);
    assert_eq!(status(&format!("/v1/saved/{id}/feed.atom?key={feed}")), 200);
    assert_eq!(status(&format!("/v1/saved/{id}/feed.json?key={feed}")), 200);
    assert_eq!(status(&format!("/v1/saved/{id}/feed.atom")), 401);
    assert_eq!(status(&format!("/v1/saved/other/feed.atom?key={feed}")), 403);
    assert_eq!(status(&format!("/v1/search?q=bats&key={feed}")), 401);
    assert_eq!(status_of(&server, "GET", "/v1/search?q=bats", Brings::Bearer(&feed)), 403);
    assert_eq!(server.submit("/sign-in", &[("key", &feed)]).status, 401);
    cognate.json(&["keys", "revoke", "feed"]);
    wait_for("the address to end", || {
        (status(&format!("/v1/saved/{id}/feed.atom?key={feed}")) == 401).then_some(())
    });
}

#[test]
fn each_key_and_each_address_asks_so_often() {
    let cognate = Cognate::new();
    let (one, two) = (key(&cognate, "one", "read"), key(&cognate, "two", "read"));
    let server = cognate.serve(&["--rate-limit", "1", "--trust-proxy", "127.0.0.1"]);
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let ask = |key: &str, from: &str| {
        let request = agent.get(format!("{}/v1/models", server.address)).header("x-forwarded-for", from);
        let mut response = request.header("x-api-key", key).call().unwrap();
        let number =
            |name: &str| -> Option<u64> { response.headers().get(name)?.to_str().unwrap().parse().ok() };
        let found = (response.status().as_u16(), number("retry-after"), number("ratelimit-remaining"));
        assert_eq!(number("ratelimit-limit"), Some(4));
        response.body_mut().read_to_string().unwrap();
        found
    };
    let statuses: Vec<u16> = (0..12).map(|_| ask(&one, "192.0.2.1").0).collect();
    assert_eq!(statuses[..4], [200; 4]);
    assert!(statuses.contains(&429), "{statuses:?}");
    // Another key is counted alone, whatever its address.
    assert_eq!(ask(&two, "192.0.2.1").0, 200);
    // Whoever guesses keys is counted by address.
    let guesses: Vec<(u16, Option<u64>, Option<u64>)> =
        (0..12).map(|_| ask("cognate_guess", "192.0.2.2")).collect();
    assert!(guesses.iter().any(|(status, retry, _)| *status == 429 && retry.is_some()), "{guesses:?}");
    assert_eq!(ask("cognate_guess", "192.0.2.3").0, 401);
    let body: Value = server.get_with("/v1/models", ("x-api-key", &two)).body;
    assert!(body["data"].is_array(), "{body}");
}
