//! Saved queries: what is new, feeds, and digests that a real mail server takes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Cognate, ids, root};

const JSON: &str = "application/json";

fn python(script: &str) -> Command {
    let mut command = Command::new(root().join("target/venv/bin/python"));
    command.arg(root().join("tests/python").join(script));
    command
}

/// What `check_saved.py` prints.
fn check_saved(args: &[&str]) -> Value {
    let output = python("check_saved.py").args(args).output().expect("scripts/test makes target/venv");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn index(cognate: &Cognate, papers: &[(&str, &str)]) {
    let line = |(id, title): &(&str, &str)| format!("{}\n", json!({"id": id, "title": title}));
    let file = cognate.file("more.jsonl", &papers.iter().map(line).collect::<String>());
    cognate.json(&["index", &file]);
}

#[test]
fn what_is_new_is_told_once() {
    let cognate = Cognate::new();
    index(&cognate, &[("bats/1", "Echolocation of bats in caves"), ("tax", "Tax law for small firms")]);
    let saved = cognate.json(&["saved", "add", "how do bats find their way?", "--name", "Bats & caves"]);
    assert_eq!((&saved["id"], &saved["name"]), (&json!("bats-caves"), &json!("Bats & caves")));

    let server = cognate.serve(&[]);
    let peeked = server.get("/v1/saved/bats-caves/new").body;
    // What does not fit is not told.
    assert_eq!(ids(&peeked), ["bats/1"]);
    let looked = server.post("/v1/saved/bats-caves/new", JSON, "").body;
    assert_eq!(ids(&looked), ["bats/1"]);
    assert_eq!(ids(&server.get("/v1/saved/bats-caves/new").body), Vec::<String>::new());

    // By another process, and found by the running server; a changed paper is not a new one.
    index(&cognate, &[("bats/2", "Bats that hunt moths"), ("tax", "Tax law for smaller firms")]);
    assert_eq!(ids(&cognate.json(&["saved", "new", "bats-caves", "--peek"])), ["bats/2"]);
    assert_eq!(ids(&server.post("/v1/saved/bats-caves/new", JSON, "").body), ["bats/2"]);
    assert_eq!(cognate.json(&["saved", "new", "bats-caves"])["total"], 0);
    assert_eq!(check_saved(&["feeds", &server.address, "bats-caves"]), json!(["bats/2", "bats/1"]));
}

#[test]
fn saved_queries_have_filters_and_seeds_and_limits() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let body = json!({"q": "galaxies", "year": "2020-", "min_score": 0.2, "limit": 3});
    let added = server.post("/v1/saved", JSON, &body.to_string());
    assert_eq!((added.status, &added.body["id"], &added.body["request"]), (201, &json!("galaxies"), &body));
    let found = server.get("/v1/saved/galaxies/new").body;
    assert!(
        found["data"].as_array().unwrap().iter().all(|hit| hit["year"].as_i64() >= Some(2020)),
        "{found}"
    );
    assert!(ids(&found).len() <= 3);

    let seeded = server.post("/v1/saved", JSON, r#"{"name": "Like it", "seeds": ["demo-003"]}"#).body;
    assert_eq!(seeded["id"], "like-it");
    let found = ids(&server.get("/v1/saved/like-it/new").body);
    assert_eq!(found, ids(&server.get("/v1/papers/demo-003/similar?limit=20").body));
    assert_eq!(server.post("/v1/saved", JSON, r#"{"q": "galaxies"}"#).body["id"], "galaxies-2");

    let all = cognate.json(&["saved", "list"]);
    assert_eq!(all, server.get("/v1/saved").body);
    let names: Vec<&Value> = all["saved"].as_array().unwrap().iter().map(|saved| &saved["id"]).collect();
    assert_eq!(names, ["galaxies", "galaxies-2", "like-it"]);
    assert_eq!(server.delete("/v1/saved/galaxies-2").status, 204);
    assert_eq!(server.delete("/v1/saved/galaxies-2").status, 404);
    assert_eq!(server.get("/v1/saved/galaxies-2").body["code"], "saved_query_not_found");
    cognate.json(&["saved", "delete", "like-it"]);
    assert!(cognate.failure(&["saved", "new", "like-it"], 3).contains("like-it"));

    for (body, status, expected) in [
        ("{}", 400, "`q`"),
        (r#"{"q": "x", "colour": "red"}"#, 400, "colour"),
        (r#"{"q": "x", "year": "soon"}"#, 400, "year"),
        (r#"{"q": "x", "offset": 3}"#, 400, "offset"),
        (r#"{"q": "x", "name": " "}"#, 400, "name"),
        (r#"{"q": "x", "name": 3}"#, 400, "name"),
        ("[]", 422, ""),
    ] {
        let answer = server.post("/v1/saved", JSON, body);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(answer.body["message"].as_str().unwrap().contains(expected), "{body}: {}", answer.body);
    }
}

#[test]
fn a_digest_is_printed_in_every_form() {
    let cognate = Cognate::new();
    index(&cognate, &[("a", "Bats <script>alert(1)</script> & $x^2$"), ("b", "Bats at dusk")]);
    cognate.json(&["saved", "add", "bats"]);
    let text = |args: &[&str]| String::from_utf8(cognate.run(&[&["digest"], args].concat()).stdout).unwrap();
    assert!(text(&[]).starts_with("bats: 2 new papers\n"), "{}", text(&[]));
    let html = text(&["--format", "html"]);
    assert!(html.contains("Bats &lt;script&gt;") && !html.contains("<script>"), "{html}");
    let eml = text(&["--format", "eml", "--to", "Reader <me@example.org>"]);
    assert!(eml.contains("Message-ID: <digest.bats.0-2@") && eml.contains("multipart/alternative"), "{eml}");
    // Printing sends nothing and records nothing.
    assert_eq!(cognate.json(&["digest"])["digests"][0]["papers"].as_array().unwrap().len(), 2);
    assert_eq!(cognate.json(&["digest", "--since", "2999-01-01"])["digests"][0]["total"], 0);
    assert_eq!(cognate.json(&["digest", "--since", "2020-01-01"])["digests"][0]["total"], 2);
    assert!(cognate.failure(&["digest", "--since", "tomorrow"], 2).contains("--since"));
    assert!(
        cognate.failure(&["digest", "--send", "--to", "me@example.org"], 2).contains("COGNATE_SMTP_HOST")
    );
}

/// A running `smtp_server.py`; ends when dropped.
struct MailServer {
    child: Child,
    port: String,
}

impl MailServer {
    fn start(cognate: &Cognate, args: &[&str]) -> Self {
        let mut command = python("smtp_server.py");
        command.arg(cognate.folder.path()).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        assert!(!port.is_empty(), "the mail server did not start");
        Self { child, port: port.trim().to_owned() }
    }

    /// Sends what is new; the code and the last line of output.
    fn send(&self, cognate: &Cognate, password: &str) -> (Option<i32>, Value) {
        let mut command =
            cognate.command(&["--json", "digest", "--send", "--to", "Reader <reader@example.org>"]);
        command
            .env("COGNATE_SMTP_HOST", "localhost")
            .env("COGNATE_SMTP_PORT", &self.port)
            .env("COGNATE_SMTP_TLS", "starttls")
            .env("COGNATE_SMTP_CA", cognate.folder.path().join("ca.pem"))
            .env("COGNATE_SMTP_USER", "reader")
            .env("COGNATE_SMTP_PASSWORD", password);
        let output = command.output().unwrap();
        (output.status.code(), crate::harness::last_line(&output))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_digest_counts_as_sent_once_the_server_took_it() {
    let cognate = Cognate::new();
    index(&cognate, &[("a", "Bats at dusk"), ("b", "Bats <b>& moths</b> <script>alert(1)</script>")]);
    cognate.json(&["saved", "add", "bats"]);

    let refusing = MailServer::start(&cognate, &["refuse"]);
    let (code, answer) = refusing.send(&cognate, "sesame");
    assert_eq!(code, Some(1));
    assert!(answer["message"].as_str().unwrap().contains("try again later"), "{answer}");
    drop(refusing);

    // What came since waits for the next message: the one that was turned away goes out as it was to be.
    index(&cognate, &[("c", "Bats in winter")]);
    let server = MailServer::start(&cognate, &[]);
    assert_eq!(server.send(&cognate, "wrong").0, Some(1));
    let (code, first) = server.send(&cognate, "sesame");
    assert_eq!((code, &first["sent"][0]["n_papers"]), (Some(0), &json!(2)), "{first}");
    let (_, second) = server.send(&cognate, "sesame");
    assert_eq!(second["sent"][0]["n_papers"], 1, "{second}");
    assert_eq!(server.send(&cognate, "sesame").1, json!({"sent": [], "failed": []}));

    let messages = check_saved(&["messages", cognate.folder.path().join("messages").to_str().unwrap()]);
    let messages = messages.as_array().unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(
        (&messages[0]["to"], &messages[0]["subject"]),
        (&json!("Reader <reader@example.org>"), &json!("bats: 2 new papers"))
    );
    assert_eq!(messages[0]["message_id"], first["sent"][0]["message_id"]);
    assert!(messages[0]["message_id"].as_str().unwrap().starts_with("<digest.bats.0-2@"));
    assert!(messages[1]["message_id"].as_str().unwrap().starts_with("<digest.bats.2-3@"));
    assert!(messages[0]["text"].as_str().unwrap().contains("Bats & moths <script>alert(1)</script>"));
    assert!(messages[0]["html"].as_str().unwrap().contains("Bats &amp; moths &lt;script&gt;"));
}
