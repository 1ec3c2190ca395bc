//! `index` beside a running `serve`, and either one killed.

use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Cognate, ids, wait_for};

#[test]
fn a_server_sees_what_another_process_indexes() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let n_before = server.get("/v1/search?q=beekeeping").body["total"].as_u64().unwrap();
    let file = cognate.file("new.jsonl", "{\"id\": \"new\", \"title\": \"Beekeeping on city roofs\"}");
    assert_eq!(cognate.json(&["index", &file])["added"], 1);
    let answer = wait_for("the new paper", || {
        let answer = server.get("/v1/search?q=beekeeping+on+urban+rooftops").body;
        (answer["total"] != n_before).then_some(answer)
    });
    assert_eq!(ids(&answer)[0], "new");
    cognate.json(&["delete", "new"]);
    wait_for("the deletion", || (server.get("/v1/search?q=bees").body["total"] == n_before).then_some(()));
}

#[test]
fn a_killed_indexer_leaves_the_server_well() {
    let cognate = Cognate::with_demo();
    let Some(file) = crate::crash::arxiv_slice(&cognate, 500) else { return };
    let server = cognate.serve(&[]);
    let n_before = server.get("/v1/stats").body["n_papers"].as_u64().unwrap();
    let mut indexer =
        cognate.command(&["index", &file]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("a commit", || (server.get("/v1/stats").body["n_papers"] != n_before).then_some(()));
    indexer.kill().unwrap();
    indexer.wait().unwrap();

    // What was committed is served, and the server itself can write: no lock was left behind.
    let answer =
        server.post("/v1/papers", "application/json", r#"{"id": "after", "title": "After the kill"}"#);
    assert_eq!((answer.status, &answer.body["added"]), (200, &Value::from(1)));
    let stats = server.get("/v1/stats").body;
    wait_for("the server to catch up", || {
        let total = server.get("/v1/search?q=kill").body["total"].clone();
        (total == stats["n_papers"]).then_some(())
    });
}

#[test]
fn a_killed_server_loses_nothing_acknowledged() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let answer = server.post("/v1/papers", "application/json", r#"{"id": "kept", "title": "Glacier mice"}"#);
    assert_eq!(answer.status, 200);
    assert_eq!(server.delete("/v1/papers/demo-001").status, 204);
    server.kill();
    assert_eq!(cognate.json(&["get", "kept"])["title"], "Glacier mice");
    cognate.failure(&["get", "demo-001"], 3);
    let again = cognate.serve(&[]);
    let found = ids(&again.get("/v1/search?q=glacier+mice&limit=1000").body);
    assert_eq!(found[0], "kept");
    assert!(!found.contains(&"demo-001".to_owned()));
    assert_eq!(again.terminate(), Some(0));
}
