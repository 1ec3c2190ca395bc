//! The document of the interface, what the documentation says of each route, and the router are one.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::harness::{Cognate, Server, root};

/// An operation of the document, with the request that it gives as an example.
struct Operation {
    method: String,
    path: String,
    /// Path and query of the example.
    address: String,
    body: Option<String>,
    statuses: BTreeSet<u16>,
}

/// What every route may answer beside its own; see `docs/http.md`, "Errors".
const COMMON: [u16; 11] = [400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 405];

fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte);
    let escaped = |byte: u8| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escaped).collect::<String>().replace("%20", "+")
}

fn text_of(example: &Value) -> String {
    match example {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

impl Operation {
    fn new(method: &str, path: &str, operation: &Value) -> Self {
        let (mut address, mut query) = (path.to_owned(), Vec::new());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let Some(example) = parameter.get("example") else {
                assert_ne!(parameter["required"], true, "{method} {path}: {name} has no example");
                continue;
            };
            let value = encoded(&text_of(example));
            match parameter["in"].as_str() {
                Some("path") => address = address.replace(&format!("{{{name}}}"), &value),
                Some("query") => query.push(format!("{name}={value}")),
                other => panic!("{method} {path}: a parameter in {other:?}"),
            }
        }
        if !query.is_empty() {
            address = format!("{address}?{}", query.join("&"));
        }
        let body = operation.get("requestBody").map(|body| {
            let example = &body["content"]["application/json"]["example"];
            assert!(!example.is_null(), "{method} {path}: the body has no example");
            example.to_string()
        });
        let statuses = operation["responses"].as_object().unwrap().keys();
        let statuses = statuses.map(|status| status.parse().unwrap()).collect();
        Self { method: method.to_uppercase(), path: path.to_owned(), address, body, statuses }
    }

    /// As the documentation has it.
    fn curl(&self) -> String {
        let method = match (self.method.as_str(), &self.body) {
            ("GET", None) | ("POST", Some(_)) => String::new(),
            (method, _) => format!(" -X {method}"),
        };
        let address = format!("http://127.0.0.1:8080{}", self.address);
        let address = if address.contains('?') { format!("'{address}'") } else { address };
        let accept = match self.path.as_str() {
            "/mcp" => " -H 'Accept: application/json, text/event-stream'",
            _ => "",
        };
        let body = self.body.as_ref().map(|body| format!(" -d '{body}'")).unwrap_or_default();
        format!("curl{method} {address}{accept}{body}")
    }

    /// The statuses that are not the same for all.
    fn own_statuses(&self) -> BTreeSet<u16> {
        // What is ready says so with a status that others have for other reasons.
        let is_own = |status: &u16| !COMMON.contains(status) || self.path == "/ready" && *status == 503;
        self.statuses.iter().copied().filter(is_own).collect()
    }

    fn send(&self, server: &Server) -> (u16, BTreeMap<String, String>) {
        let body = self.body.as_deref().unwrap_or_default();
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: application/json, text/event-stream\r\n",
            self.method, self.address
        );
        if self.body.is_some() {
            // As curl sends it, whatever the body is.
            head.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        }
        if self.method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let (status, headers, _) = server.exchange(&format!("{head}\r\n{body}"));
        (status, headers)
    }
}

/// The operations in the order in which the documentation has them: some need what others make.
fn operations(server: &Server) -> Vec<Operation> {
    let document = server.get("/openapi.json").body;
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(Operation::new(method, path, operation));
        }
    }
    let text = docs();
    operations.sort_by_key(|operation| text.find(&format!("{}\n", operation.curl())));
    operations
}

fn docs() -> String {
    std::fs::read_to_string(root().join("docs/http.md")).unwrap()
}

#[test]
fn each_route_has_an_example_that_works() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    for operation in operations(&server) {
        let (status, headers) = operation.send(&server);
        let line = operation.curl();
        assert!((200..300).contains(&status) && operation.statuses.contains(&status), "{line}: {status}");
        assert!(
            status == 204 || status == 202 || headers.contains_key("content-type"),
            "{line}: {headers:?}"
        );
    }
}

#[test]
fn the_documentation_has_a_line_for_each_route() {
    let server = Cognate::new().serve(&[]);
    let text = docs();
    let lines: Vec<&str> = text.lines().collect();
    let known: BTreeMap<String, Operation> =
        operations(&server).into_iter().map(|operation| (operation.curl(), operation)).collect();
    let mut found = BTreeSet::new();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("curl ")) {
        if !line.contains("127.0.0.1:8080") {
            continue;
        }
        let operation = known.get(*line).unwrap_or_else(|| panic!("docs/http.md: no operation for {line}"));
        // The line before says what each status means.
        let said =
            lines[number - 1].strip_prefix("# ").unwrap_or_else(|| panic!("nothing is said before {line}"));
        let statuses: BTreeSet<u16> =
            said.split("; ").map(|part| part.split(' ').next().unwrap().parse().unwrap()).collect();
        assert_eq!(statuses, operation.own_statuses(), "{said}\n{line}");
        found.insert((*line).to_owned());
    }
    let missing: Vec<&String> = known.keys().filter(|line| !found.contains(*line)).collect();
    assert!(missing.is_empty(), "docs/http.md has no line for {missing:#?}");
    // The route of each is in the tables above, by its path.
    let tables = text.split("## Each route").next().unwrap();
    let clients = std::fs::read_to_string(root().join("docs/clients.md")).unwrap();
    let saved = std::fs::read_to_string(root().join("docs/saved.md")).unwrap();
    for operation in known.values() {
        let path = &operation.path;
        let is_told = [tables, &clients, &saved].iter().any(|text| text.contains(path.as_str()));
        assert!(is_told, "neither docs/http.md nor docs/clients.md nor docs/saved.md speaks of {path}");
    }
}

#[test]
fn the_router_takes_what_the_document_has_and_nothing_else() {
    let server = Cognate::new().serve(&[]);
    let mut methods: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for operation in operations(&server) {
        let address = operation.address.split('?').next().unwrap().to_owned();
        methods.entry(operation.path).or_insert((address, BTreeSet::new())).1.insert(operation.method);
    }
    for (path, (address, expected)) in methods {
        // The tools' service answers every method for itself.
        if path == "/mcp" {
            continue;
        }
        let request = format!("OPTIONS {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let (status, headers, _) = server.exchange(&request);
        assert_eq!(status, 204, "{address}");
        let allowed = headers["allow"].split(',').map(|method| method.trim().to_owned());
        let allowed: BTreeSet<String> = allowed.filter(|method| method != "HEAD").collect();
        assert_eq!(allowed, expected, "{address}");
    }
}

#[test]
fn the_documentation_is_served() {
    let server = Cognate::new().serve(&[]);
    let page = server.page("/docs");
    assert_eq!(page.status, 200);
    assert!(page.html.contains("<h1 id=\"http-interface\">"), "{}", page.html);
    assert!(page.html.contains("href=\"/docs/formats\""));
    assert_eq!(server.page("/docs/saved").status, 200);
    assert_eq!(server.page("/docs/none").status, 404);
    let page = server.page("/docs/try");
    assert!(page.html.contains("try.js") && page.policy.contains("default-src 'none'"));
}

#[test]
fn any_request_is_answered_as_the_document_says() {
    let cognate = Cognate::with_demo();
    let key = cognate.json(&["keys", "add", "admin", "--scope", "admin"])["key"].as_str().unwrap().to_owned();
    let server = cognate.serve(&[]);
    let output = Command::new(root().join("target/venv/bin/python"))
        .arg(root().join("tests/python/any_request.py"))
        .args([&server.address, &key, "300"])
        .output()
        .expect("scripts/test makes target/venv");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let n_sent: usize = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert!(n_sent >= 300, "{n_sent}");
}
