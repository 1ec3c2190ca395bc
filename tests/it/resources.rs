//! Every resource has an owner: what clients do that take and do not give back, and what others notice of it.
//!
//! Each test is an attack on a server of its own, over two thousand papers. It says how much memory the server took at
//! most, how many threads it had, and that others were answered meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Cognate, Server, wait_for};

const N_PAPERS: usize = 2_000;
/// Most memory of the server, whatever is done to it.
const MAX_RSS_KIB: u64 = 500 << 10;
/// Most threads: places to work in, and some that are there anyway.
const MAX_THREADS: u64 = 200;

/// One attack at a time: each takes hundreds of this process's file descriptors.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A data folder with many papers of some kilobytes, few words of which the model has to read.
fn with_many() -> Cognate {
    static MANY: OnceLock<Cognate> = OnceLock::new();
    let many = MANY.get_or_init(|| {
        let cognate = Cognate::new();
        let authors: Vec<String> = (0..120).map(|i| format!("Givenname Familyname{i}")).collect();
        let lines: String = (0..N_PAPERS)
            .map(|i| {
                json!({"id": format!("m{i}"), "title": format!("Note {i}"), "authors": authors}).to_string()
                    + "\n"
            })
            .collect();
        let file = cognate.file("many.jsonl", &lines);
        cognate.json(&["index", &file]);
        cognate
    });
    let copy = Cognate::new();
    std::fs::create_dir(copy.data()).unwrap();
    std::fs::copy(many.store(), copy.store()).unwrap();
    copy
}

/// A number of `/proc/PID/status`.
fn status(server: &Server, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Others are answered, and the server stays within its bounds.
fn others_are_served(server: &Server) {
    let started = Instant::now();
    let found = server.get("/v1/search?q=note&limit=1");
    assert_eq!(found.status, 200, "{}", found.body);
    let took = started.elapsed();
    assert_eq!(server.get("/health").status, 200);
    let (peak, threads) = (status(server, "VmHWM"), status(server, "Threads"));
    eprintln!(
        "another search took {took:.0?}; the server took {} MiB at most, {threads} threads",
        peak >> 10
    );
    assert!(peak <= MAX_RSS_KIB, "{peak} KiB");
    assert!(threads <= MAX_THREADS, "{threads} threads");
}

fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address.strip_prefix("http://").unwrap()).unwrap()
}

fn post_head(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
}

/// Sends a request, and keeps its connection.
fn begin(server: &Server, path: &str, body: &str) -> TcpStream {
    let mut stream = connect(server);
    stream.write_all((post_head(path, body.len()) + body).as_bytes()).unwrap();
    stream
}

/// Waits until the server closes the connection, and gives what it said before.
fn said_until_closed(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn streams_that_nobody_reads_stop_nobody() {
    let _alone = alone();
    let cognate = with_many();
    let server = cognate.serve(&[]);
    let ask = json!({"q": "note", "min_score": -1}).to_string();
    let mut unread: Vec<TcpStream> = (0..530).map(|_| begin(&server, "/v1/search/range", &ask)).collect();
    others_are_served(&server);
    // Some are refused, the others given up, so that all places are free again.
    let lines = wait_for("a stream to be answered", || {
        let lines = server.lines("/v1/search/range", "application/json", &ask);
        (lines.len() > 1).then_some(lines)
    });
    assert_eq!(lines.len(), N_PAPERS + 1);
    for stream in &mut unread {
        let said = said_until_closed(stream);
        assert!(said.starts_with("HTTP/1.1 "), "{said:.100}");
    }
    others_are_served(&server);
}

#[test]
fn answers_that_nobody_reads_take_bounded_memory() {
    let _alone = alone();
    let cognate = with_many();
    let server = cognate.serve(&[]);
    let ask = json!({"q": "note", "limit": 1000}).to_string();
    let _unread: Vec<TcpStream> = (0..530).map(|_| begin(&server, "/v1/search", &ask)).collect();
    wait_for("a search to be answered", || {
        (server.get("/v1/search?q=note&limit=1").status == 200).then_some(())
    });
    others_are_served(&server);
}

#[test]
fn bodies_and_heads_that_stall_are_dropped() {
    let _alone = alone();
    let cognate = with_many();
    let server = cognate.serve(&[]);
    let begin = |request: &str| {
        let mut stream = connect(&server);
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let bodies = post_head("/v1/search", 100) + "{";
    let mut bodies: Vec<TcpStream> = (0..256).map(|_| begin(&bodies)).collect();
    let mut heads: Vec<TcpStream> = (0..64).map(|_| begin("GET /v1/search?q=")).collect();
    for _ in 0..20 {
        others_are_served(&server);
    }
    for stream in &mut bodies {
        let said = said_until_closed(stream);
        assert!(said.starts_with("HTTP/1.1 408 "), "{said:.100}");
    }
    heads.iter_mut().for_each(|stream| drop(said_until_closed(stream)));
}

#[test]
fn clients_that_leave_take_no_place_with_them() {
    let _alone = alone();
    let cognate = with_many();
    let server = cognate.serve(&[]);
    let texts: Vec<String> = (0..256).map(|i| format!("some words on the matter of number {i}")).collect();
    let ask = json!({"inputs": texts}).to_string();
    for _ in 0..600 {
        begin(&server, "/embed", &ask).shutdown(Shutdown::Both).unwrap();
    }
    others_are_served(&server);
    wait_for("texts to be embedded", || {
        (server.status("/embed", "application/json", "{\"inputs\": \"x\"}") == 200).then_some(())
    });
    others_are_served(&server);
}

#[test]
fn large_bodies_are_counted_before_they_are_read() {
    let _alone = alone();
    let cognate = with_many();
    let server = cognate.serve(&[]);
    let mut body = vec![b' '; 58 << 20];
    (body[0], *body.last_mut().unwrap()) = (b'[', b']');
    std::thread::scope(|scope| {
        for _ in 0..60 {
            scope.spawn(|| {
                let mut stream = connect(&server);
                stream.write_all(post_head("/v1/papers", body.len()).as_bytes()).unwrap();
                // Who is refused need not be told at the end of so much.
                let _ = stream.write_all(&body);
                let _ = stream.read(&mut [0; 1024]);
            });
        }
        for _ in 0..10 {
            others_are_served(&server);
        }
    });
    others_are_served(&server);
    let paper = r#"{"id": "late", "title": "There is room again"}"#;
    assert_eq!(server.post("/v1/papers", "application/json", paper).status, 200);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Posts bytes with further headers; gives status and body.
fn post_bytes(server: &Server, path: &str, headers: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = connect(server);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let said = said_until_closed(&mut stream);
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn nothing_is_decompressed_that_does_not_say_so_and_errors_are_counted() {
    let _alone = alone();
    let cognate = with_many();
    let server = cognate.serve(&[]);
    let bad_lines = gzip("{}\n".repeat(1 << 20).as_bytes());
    let (status, body) = post_bytes(&server, "/v1/papers", "", &bad_lines);
    assert!([400, 422].contains(&status), "{status}: {body}");
    others_are_served(&server);

    let (status, body) = post_bytes(&server, "/v1/papers", "Content-Encoding: gzip\r\n", &bad_lines);
    assert_eq!(status, 422);
    assert_eq!(body["skipped"], 1 << 20);
    assert_eq!(body["errors"].as_array().unwrap().len(), 1_000);
    assert_eq!(body["errors_left_out"], (1 << 20) - 1_000);
    others_are_served(&server);

    let bomb = gzip(&vec![b' '; 300 << 20]);
    let (status, _) = post_bytes(&server, "/v1/papers", "Content-Encoding: gzip\r\n", &bomb);
    assert_eq!(status, 413);
    others_are_served(&server);

    let paper = gzip(br#"{"id": "packed", "title": "Sent in gzip"}"#);
    let (status, body) = post_bytes(&server, "/v1/papers", "Content-Encoding: gzip\r\n", &paper);
    assert_eq!((status, &body["added"]), (200, &json!(1)));
    let (status, body) = post_bytes(&server, "/v1/papers", "Content-Encoding: br\r\n", &paper);
    assert_eq!((status, &body["code"]), (415, &json!("unsupported_encoding")));
}

#[test]
fn whoever_asks_in_a_crowd_waits_and_health_does_not() {
    let _alone = alone();
    let cognate = with_many();
    let server = cognate.serve(&[]);
    let long = "stars+and+galaxies+".repeat(100);
    let statuses: Vec<(bool, u16)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..300)
            .map(|client| {
                let (server, long) = (&server, &long);
                scope.spawn(move || {
                    let ask = |i: usize| match (client + i) % 10 {
                        0 => (true, server.get("/health").status),
                        _ => (false, server.get(&format!("/v1/search?limit=50&q={long}{client}")).status),
                    };
                    (0..3).map(ask).collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert!(statuses.iter().filter(|(is_health, _)| *is_health).all(|(_, status)| *status == 200));
    assert!(statuses.iter().all(|(_, status)| [200, 429].contains(status)), "{statuses:?}");
    assert_eq!(server.get("/ready").body["status"], "ready");

    // Work of seconds queues too.
    let searches: Vec<Value> = (0..20).map(|i| json!({"q": format!("note {i}"), "limit": 1})).collect();
    let batch = json!({"searches": searches}).to_string();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(server.status("/v1/search/batch", "application/json", &batch), 200));
        }
    });
    others_are_served(&server);
    let limits = &server.get("/v1/stats").body["limits"];
    assert!(limits["searches"].as_u64().unwrap() > 0 && limits["batches_waiting"].as_u64().unwrap() > 0);
    assert_eq!(&server.get("/info").body["limits"], limits);
}

#[test]
fn an_answer_before_the_body_was_read_arrives() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    for _ in 0..20 {
        let mut stream = connect(&server);
        stream.write_all(post_head("/v1/search", 3 << 20).as_bytes()).unwrap();
        let _ = stream.write_all(&vec![b' '; 3 << 20]);
        let mut said = [0; 12];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"HTTP/1.1 413");
    }
}
