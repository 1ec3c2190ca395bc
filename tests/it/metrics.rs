//! What a server tells of itself.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Cognate, Server, root};

/// Reads the metrics with Prometheus' own parser for Python: the samples, as `name{labels}` and value.
fn metrics(server: &Server) -> serde_json::Map<String, Value> {
    let python = root().join("target/venv/bin/python");
    let output = Command::new(python)
        .arg(root().join("tests/python/read_metrics.py"))
        .arg(format!("{}/metrics", server.address))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_load_is_in_the_histogram_of_latencies() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    for _ in 0..7 {
        assert_eq!(server.get("/v1/search?q=bats&mode=keyword").status, 200);
    }
    assert_eq!(server.get("/v1/search?q=how+do+bats+fly").status, 200);
    assert_eq!(server.get("/v1/search?q=bats&mode=nonsense").status, 400);
    assert_eq!(server.get("/nothing/here").status, 404);
    let found = metrics(&server);
    let value = |name: &str| found.get(name).and_then(Value::as_f64);
    let search = "method=GET,route=/v1/search";
    assert_eq!(value(&format!("cognate_http_request_duration_seconds_count{{{search}}}")), Some(9.0));
    let all = format!("cognate_http_request_duration_seconds_bucket{{le=+Inf,{search}}}");
    assert_eq!(value(&all), Some(9.0));
    assert!(value(&format!("cognate_http_request_duration_seconds_sum{{{search}}}")).unwrap() > 0.0);
    assert_eq!(value(&format!("cognate_http_requests_total{{{search},status=200}}")), Some(8.0));
    assert_eq!(value(&format!("cognate_http_requests_total{{{search},status=400}}")), Some(1.0));
    // Whatever is asked for that is not there is one route: clients cannot make the metrics grow.
    assert_eq!(value("cognate_http_requests_total{method=GET,route=other,status=404}"), Some(1.0));
    assert_eq!(value("cognate_http_errors_total{code=invalid_parameter}"), Some(1.0));
    assert!(value("cognate_encoder_batch_queries_count{}").unwrap() >= 1.0);
    assert!(value("cognate_encoder_tokens_total{}").unwrap() >= 4.0);
    let stats = server.get("/v1/stats").body;
    assert_eq!(value("cognate_papers{}"), stats["n_papers"].as_f64());
    assert_eq!(value("cognate_generation{}"), stats["generation"].as_f64());
    assert_eq!(value("cognate_requests_working{kind=search}"), Some(1.0), "that of /metrics itself");
    assert!(value("cognate_store_bytes{}").unwrap() > 0.0);
}

#[test]
fn a_request_has_an_id_that_is_in_answer_and_log() {
    let cognate = Cognate::new();
    let log = cognate.folder.path().join("log");
    let mut command = cognate.command(&["--log-format", "json", "serve", "--bind", "127.0.0.1:0"]);
    command.env("COGNATE_LOG", "cognate_server=debug");
    command.stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
    let server = Server::start(command);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let response = agent
        .get(format!("{}/v1/stats?secret=query", server.address))
        .header("x-request-id", "mine-1")
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .call()
        .unwrap();
    assert_eq!(response.headers()["x-request-id"], "mine-1");
    let response = agent.get(format!("{}/health", server.address)).call().unwrap();
    assert_eq!(response.headers()["x-request-id"].len(), 16);
    drop(server);
    let log = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["span"]["id"] == "mine-1").expect("a line of the request");
    assert_eq!((&line["span"]["trace"], &line["span"]["route"]), (&trace.into(), &"/v1/stats".into()));
    assert!(line["fields"]["status"].is_number() && line["fields"]["took_ms"].is_number(), "{line}");
    assert!(!log.contains("secret"));
}
