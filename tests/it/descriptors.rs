//! With few file descriptors: whoever runs out of them is told, and nothing that was acknowledged is lost.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{Cognate, Server, demo_corpus, ids, last_line};

/// The command with at most so many descriptors.
fn limited(cognate: &Cognate, n_descriptors: u64, args: &[&str]) -> Command {
    let unlimited = cognate.command(args);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n {n_descriptors}; exec \"$0\" \"$@\""));
    command.arg(unlimited.get_program()).args(unlimited.get_args());
    for (name, value) in unlimited.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(cognate.folder.path()).stdin(Stdio::null());
    command
}

#[test]
fn a_command_that_runs_out_of_descriptors_says_so_and_loses_nothing() {
    let cognate = Cognate::new();
    let corpus = demo_corpus().join("corpus.jsonl");
    let corpus = corpus.to_str().unwrap();
    for n_descriptors in (4..=40).step_by(4) {
        let output = limited(&cognate, n_descriptors, &["--json", "index", corpus]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            let report = last_line(&output);
            assert_eq!(report["skipped"], 0, "{n_descriptors}: {report}");
            let n_papers = report["added"].as_u64().unwrap() + report["unchanged"].as_u64().unwrap();
            assert_eq!(cognate.json(&["stats"])["n_papers"], n_papers, "{n_descriptors}");
        } else {
            assert!(
                told.contains("open files") || told.contains("unable to open"),
                "{n_descriptors} descriptors: {told}"
            );
            assert!(!told.contains("panicked"), "{n_descriptors} descriptors: {told}");
        }
    }
    let output =
        limited(&cognate, 40, &["--json", "search", "sleep and memory", "--limit", "5"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(ids(&last_line(&output)), ids(&cognate.json(&["search", "sleep and memory", "--limit", "5"])));
    assert_eq!(cognate.json(&["doctor"])["ok"], true);
}

#[test]
fn a_server_with_40_descriptors_loses_nothing_and_recovers() {
    let cognate = Cognate::with_demo();
    let log = cognate.folder.path().join("log");
    let command = limited(&cognate, 40, &["serve", "--bind", "127.0.0.1:0"]);
    let server = Server::start_logging(command, &log);
    let address = server.address.strip_prefix("http://").unwrap().to_owned();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        // More connections than there are descriptors, each kept open.
        let mut held: Vec<TcpStream> = Vec::new();
        for n in 0..60 {
            let Ok(mut stream) = TcpStream::connect(&address) else { continue };
            stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            let id = format!("few-{round}-{n}");
            let body =
                serde_json::json!({"id": id, "title": format!("Quagga number{round}x{n}")}).to_string();
            let request = format!(
                "POST /v1/papers HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if n % 10 == 0 && stream.write_all(request.as_bytes()).is_ok() {
                let mut answer = [0; 12];
                if stream.read_exact(&mut answer).is_ok() && &answer == b"HTTP/1.1 200" {
                    acknowledged.push(id);
                }
            }
            held.push(stream);
        }
        drop(held);
        // With the others gone, it answers again.
        let found = crate::harness::wait_for("an answer", || {
            let mut stream = TcpStream::connect(&address).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            write!(stream, "GET /v1/search?q=sleep&limit=1 HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            answer.starts_with("HTTP/1.0 200").then_some(answer).or_else(|| {
                let starts = std::fs::read_to_string(&log).unwrap_or_default();
                assert!(!starts.contains("panicked"), "{starts}");
                None
            })
        });
        assert!(found.contains("\"total\""), "{found}");
    }
    assert!(!acknowledged.is_empty());
    assert_eq!(server.terminate(), Some(0));
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("open files"), "{log}");
    for id in &acknowledged {
        cognate.json(&["get", id]);
    }
    assert_eq!(cognate.json(&["doctor"])["ok"], true);
}
