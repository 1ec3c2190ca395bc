//! The tools for language models, through the official client for Python.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Cognate, root, wait_for};

/// Bytes that count as one token, as docs/mcp.md has it.
const TOKEN_BYTES: usize = 3;

/// What the client sees over one transport.
struct Seen {
    tools: Vec<String>,
    answers: Vec<(bool, String)>,
}

fn talk(how: &[&str], calls: &Value) -> Seen {
    let mut client = Command::new(root().join("target/venv/bin/python"))
        .arg(root().join("tests/python/mcp_client.py"))
        .args(how)
        .env("COGNATE_MODELS", root().join("models"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(calls.to_string().as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["server"], "cognate");
    let names = said["tools"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    let answers =
        said["answers"].as_array().unwrap().iter().map(|answer| {
            (answer["is_error"].as_bool().unwrap(), answer["text"].as_str().unwrap().to_owned())
        });
    Seen { tools: names.collect(), answers: answers.collect() }
}

#[test]
fn every_tool_answers_over_both_transports() {
    let cognate = Cognate::with_demo();
    let saved = cognate.json(&["saved", "add", "bats"]);
    let saved = saved["id"].as_str().unwrap();
    let found = cognate.json(&["search", "bats"]);
    let id = found["data"][0]["id"].as_str().unwrap();
    let record = &found["data"][0];
    let calls = json!([
        ["search_papers", {"query": "how do bats avoid collisions?", "limit": 5}],
        ["search_papers", {}],
        ["get_paper", {"id": id}],
        ["similar_papers", {"id": id, "limit": 3}],
        ["recommend_papers", {"positive": [id]}],
        ["check_duplicates", {"records": [{"title": record["title"], "abstract": record["abstract"]}, {"title": "Tides"}]}],
        ["saved_queries", {}],
        ["whats_new", {"id": saved}],
        ["papers_of_day", {"limit": 2}],
        ["search_papers", {"query": "bats", "limit": 20, "max_tokens": 600}],
        ["search_papers", {"query": "best chocolate cake recipe"}],
        ["search_papers", {"query": "bats", "colour": "red"}],
        ["search_papers", {"query": "bats", "limit": 500}],
        ["search_papers", {"query": "bats", "limit": 50, "max_tokens": 100}],
        ["get_paper", {"id": "none"}],
        ["no_such_tool", {}],
    ]);
    let n_good = 11;
    let server = cognate.serve(&[]);
    let data = cognate.data();
    let binary = env!("CARGO_BIN_EXE_cognate");
    let by_stdio = talk(&["stdio", binary, "--data", data.to_str().unwrap(), "mcp"], &calls);
    let by_http = talk(&["http", &format!("{}/mcp", server.address)], &calls);
    assert_eq!(by_stdio.tools, by_http.tools);
    assert_eq!(by_stdio.tools.len(), 8);
    for seen in [&by_stdio, &by_http] {
        for ((is_error, text), call) in seen.answers.iter().zip(calls.as_array().unwrap()) {
            let number = calls.as_array().unwrap().iter().position(|other| other == call).unwrap();
            assert_eq!(*is_error, number >= n_good, "{call}: {text}");
            let budget = call[1]["max_tokens"].as_u64().unwrap_or(2_000) as usize;
            assert!(text.len() <= budget * TOKEN_BYTES || *is_error, "{call}: {} bytes", text.len());
        }
        let answer = |number: usize| -> Value { serde_json::from_str(&seen.answers[number].1).unwrap() };
        assert_eq!(answer(0)["papers"].as_array().unwrap().len(), 5);
        assert_eq!(answer(2)["papers"][0]["id"], id);
        assert_eq!(answer(5)["records"][0]["verdict"], "duplicate");
        assert_eq!(answer(5)["records"][0]["matched_to"], id);
        assert_eq!(answer(5)["records"][1]["verdict"], "nothing");
        assert_eq!(answer(6)["saved"][0]["id"], saved);
        let many = answer(9);
        assert_eq!(many["papers"].as_array().unwrap().len(), 20);
        assert!(many["shortened"].is_string(), "{many}");
        assert!(many["papers"].as_array().unwrap().iter().all(|paper| paper["id"].is_string()));
        assert!(many["note"].is_null(), "{many}");
        assert!(answer(10)["note"].as_str().unwrap().contains("nothing fits"), "{}", answer(10));
        assert!(seen.answers[11].1.contains("colour"), "{}", seen.answers[11].1);
        assert!(seen.answers[12].1.contains("1 to 50"), "{}", seen.answers[12].1);
        assert!(seen.answers[13].1.contains("max_tokens is 100"), "{}", seen.answers[13].1);
        assert!(seen.answers[14].1.contains("none"), "{}", seen.answers[14].1);
        assert!(seen.answers[15].1.contains("no_such_tool"), "{}", seen.answers[15].1);
    }
    for (number, (one, other)) in by_stdio.answers.iter().zip(&by_http.answers).enumerate() {
        assert_eq!(one, other, "{}", calls[number]);
    }
    // Looking at what is new was no look.
    let new = server.get(&format!("/v1/saved/{saved}/new")).body;
    let told: Value = serde_json::from_str(&by_http.answers[7].1).unwrap();
    assert_eq!(new["total"], told["total"]);
}

#[test]
fn the_tools_take_no_lock() {
    let cognate = Cognate::with_demo();
    let data = cognate.data();
    let mut tools = cognate.command(&["mcp"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = tools.stdin.take().unwrap();
    let mut lines = BufReader::new(tools.stdout.take().unwrap()).lines();
    let mut ask = |message: Value, is_answered: bool| {
        writeln!(input, "{message}").unwrap();
        is_answered.then(|| serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap())
    };
    let client = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    ask(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}), true);
    ask(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), false);
    let search = json!({"name": "search_papers", "arguments": {"query": "bats"}});
    let found =
        ask(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": search}), true).unwrap();
    assert_eq!(found["result"]["isError"], false, "{found}");
    // It has searched, and whoever comes next may still write the files.
    std::fs::create_dir_all(data.join("index")).unwrap();
    let lock =
        std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(data.join("index/lock"));
    lock.unwrap().try_lock().unwrap();
    // A paper that another process adds is found within a second or so.
    let paper = cognate.file("new.jsonl", r#"{"id": "new", "title": "Zanzibar sunbird acoustics"}"#);
    cognate.json(&["index", &paper]);
    wait_for("the new paper", || {
        let search = json!({"name": "search_papers", "arguments": {"query": "zanzibar sunbird", "limit": 1}});
        let call = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": search});
        let found = ask(call, true).unwrap();
        found["result"]["content"][0]["text"].as_str().unwrap().contains(r#""id":"new""#).then_some(())
    });
    drop(input);
    assert!(tools.wait().unwrap().success());
}

#[test]
fn what_is_no_message_is_refused_in_the_protocols_words() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let accepted = "application/json, text/event-stream";
    let ask = |accept: &str, body: &str| {
        let request = server.agent.post(format!("{}/mcp", server.address)).header("accept", accept);
        let mut answer = request.send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json::<Value>().unwrap())
    };
    for body in ["{}", "[]", "no JSON", r#"{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}"#] {
        let (status, told) = ask(accepted, body);
        assert_eq!((status, &told["error"]["code"]), (400, &json!(-32600)), "{body}: {told}");
    }
    let (status, told) = ask("text/html", r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}"#);
    assert_eq!((status, &told["error"]["code"]), (406, &json!(-32600)), "{told}");
    assert!(told["error"]["message"].as_str().unwrap().contains(accepted), "{told}");
}

#[test]
fn the_tools_over_http_are_under_the_servers_keys() {
    let cognate = Cognate::with_demo();
    let key = cognate.json(&["keys", "add", "model", "--scope", "read"]);
    let server = cognate.serve(&[]);
    let address = format!("{}/mcp", server.address);
    let calls = json!([["search_papers", {"query": "bats"}]]);
    let seen = talk(&["http", &address, key["key"].as_str().unwrap()], &calls);
    assert!(!seen.answers[0].0);
    assert_eq!(server.post("/mcp", "application/json", "{}").status, 401);
}
