//! The HTTP interface over a real socket.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::harness::{Cognate, Server, ids, timeless};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

#[test]
fn a_search_answers_alike_by_get_and_post_and_command() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let by_get = server.get("/v1/search?q=sleep%20and%20memory&limit=5&offset=1");
    assert_eq!(by_get.status, 200);
    let by_post = server.post("/v1/search", JSON, r#"{"q": "sleep and memory", "limit": 5, "offset": 1}"#);
    assert_eq!(timeless(by_get.body.clone()), timeless(by_post.body));
    let by_command = cognate.json(&["search", "sleep and memory", "--limit", "5", "--offset", "1"]);
    assert_eq!(timeless(by_get.body.clone()), timeless(by_command));

    let body = by_get.body;
    assert_eq!(body["offset"], 1);
    let fields: Vec<&String> = body["data"][0].as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "id",
            "score",
            "relevance",
            "scores",
            "title",
            "abstract",
            "authors",
            "year",
            "publication_date",
            "venue",
            "categories",
            "external_ids",
            "url",
            "editors",
            "type",
            "volume",
            "issue",
            "pages",
            "publisher",
            "issn",
            "isbn",
            "language"
        ]
    );
    let fields: Vec<&String> = body["meta"].as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        ["mode", "model", "generation", "path", "semantic_ratio", "confidence", "fits_well", "took_ms"]
    );
    let scores: Vec<f64> =
        body["data"].as_array().unwrap().iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b));
}

#[test]
fn pages_scores_and_fields() {
    let server = Cognate::with_demo();
    let server = server.serve(&[]);
    let whole = server.get("/v1/search?q=galaxy&limit=1000").body;
    let n_papers = whole["total"].as_u64().unwrap() as usize;
    assert_eq!(ids(&whole).len(), n_papers);
    let second = server.get("/v1/search?q=galaxy&limit=10&offset=10").body;
    assert_eq!(ids(&second), ids(&whole)[10..20]);
    assert_eq!(ids(&server.get("/v1/search?q=galaxy&offset=9000").body), Vec::<String>::new());

    let by_meaning = server.get("/v1/search?q=galaxy&mode=semantic").body;
    assert_eq!(by_meaning["data"][7]["score"], by_meaning["data"][7]["scores"]["semantic"]);
    let cut = by_meaning["data"][7]["score"].as_f64().unwrap();
    let above = server.get(&format!("/v1/search?q=galaxy&min_score={cut}&limit=3")).body;
    assert_eq!((&above["total"], ids(&above).len()), (&json!(8), 3));

    let few = server.get("/v1/search?q=galaxy&fields=title,year&limit=1").body;
    let fields: Vec<&String> = few["data"][0].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["id", "title", "year"]);
}

#[test]
fn equal_scores_go_by_id() {
    let cognate = Cognate::new();
    let lines: String =
        ["d", "b", "a", "c"].map(|id| format!("{{\"id\": \"{id}\", \"title\": \"Same\"}}\n")).concat();
    let file = cognate.file("same.jsonl", &lines);
    cognate.json(&["index", &file]);
    assert_eq!(ids(&cognate.json(&["search", "same"])), ["a", "b", "c", "d"]);
    assert_eq!(ids(&cognate.json(&["search", "same", "--limit", "2"])), ["a", "b"]);
    assert_eq!(ids(&cognate.json(&["search", "same", "--limit", "2", "--offset", "1"])), ["b", "c"]);
    assert_eq!(ids(&cognate.json(&["similar", "b", "--limit", "1"])), ["a"]);
}

#[test]
fn wrong_requests_get_a_reason() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let check = |answer: crate::harness::Answer, status: u16, expected: &str| {
        assert_eq!(answer.status, status, "{}", answer.body);
        for key in ["error", "message", "code", "type"] {
            assert!(answer.body[key].is_string(), "no {key} in {}", answer.body);
        }
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains(expected), "expected {expected:?} in {message:?}");
    };
    check(server.get("/v1/search?min_score=0.5"), 400, "`q`");
    check(server.get("/v1/search?q=x&limit=0"), 400, "limit");
    check(server.get("/v1/search?q=x&limit=1001"), 400, "1000");
    check(server.get("/v1/search?q=x&limit=ten"), 400, "limit");
    check(server.get("/v1/search?q=x&offset=10001"), 400, "offset");
    check(server.get("/v1/search?q=x&min_score=NaN"), 400, "min_score");
    check(server.get("/v1/search?q=x&colour=red"), 400, "colour");
    check(server.get("/v1/search?q=x&fields=title,colour"), 400, "colour");
    check(server.get("/v1/search?q=x&mode=psychic"), 400, "psychic");
    check(server.get(&format!("/v1/search?q={}", "x".repeat(10_001))), 400, "10000");
    check(server.post("/v1/search", JSON, r#"{"q": "x", "colour": "red"}"#), 422, "colour");
    check(server.post("/v1/search", JSON, r#"{"q": "#), 400, "");
    // Only announced: the answer comes before the body would.
    for (path, length) in [("/v1/search", 2 << 20), ("/v1/papers", 65 << 20)] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        assert!(server.raw(&request).contains(" 413 "), "{path}");
    }
    check(server.post("/v1/dedup", JSON, r#"{"threshold": 3}"#), 400, "threshold");
    check(server.get("/v1/papers/nowhere"), 404, "nowhere");
    check(server.get("/v1/papers/nowhere/similar"), 404, "nowhere");
    check(server.get("/v1/papers/demo-001?limit=1"), 400, "parameter");
    check(server.delete("/v1/papers/nowhere"), 404, "nowhere");
    check(server.get("/v2/anything"), 404, "/v2/anything");
    check(server.delete("/v1/search"), 405, "DELETE");
    check(server.post("/v1/papers", JSON, ""), 400, "paper");
}

#[test]
fn papers_are_put_looked_at_and_deleted() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    assert_eq!(server.get("/v1/search?q=anything").body["total"], 0);

    let one =
        server.post("/v1/papers", JSON, r#"{"id": "one", "title": "Glacier mice", "authors": ["Ann Bo"]}"#);
    assert_eq!(one.status, 200);
    assert_eq!(
        one.body,
        json!({"read": 1, "added": 1, "updated": 0, "unchanged": 0, "repeated": 0, "skipped": 0, "errors": [], "warnings": []})
    );
    let mixed = "{\"id\": \"two\", \"title\": \"Moss balls\"}\n{\"id\": \"bad\"}\n{\"id\": \"one\", \"title\": \"Glacier mice\", \"authors\": [\"Ann Bo\"]}\n";
    let mixed = server.post("/v1/papers", NDJSON, mixed);
    assert_eq!(mixed.status, 200);
    assert_eq!([&mixed.body["added"], &mixed.body["unchanged"], &mixed.body["skipped"]], [1, 1, 1]);
    let error = &mixed.body["errors"][0];
    assert_eq!([&error["line"], &error["id"]], [&json!(2), &json!("bad")]);
    assert!(error["message"].as_str().unwrap().contains("title"));

    let all_bad = server.post("/v1/papers", JSON, r#"[{"id": "x"}, 7]"#);
    assert_eq!((all_bad.status, &all_bad.body["skipped"]), (422, &json!(2)));
    let list = server.post("/v1/papers", JSON, r#"{"papers": [{"id": "three", "title": "Ice worms"}]}"#);
    assert_eq!((list.status, &list.body["added"]), (200, &json!(1)));

    assert_eq!(
        ids(&server.get("/v1/search?q=mice+on+ice&limit=3").body).len(),
        3,
        "searchable once acknowledged"
    );
    assert_eq!(server.get("/v1/papers/one").body["authors"], json!([{"name": "Ann Bo"}]));
    let deleted = server.delete("/v1/papers/one");
    assert_eq!((deleted.status, deleted.body), (204, Value::Null));
    assert_eq!(server.get("/v1/papers/one").status, 404);
    assert!(!ids(&server.get("/v1/search?q=mice").body).contains(&"one".to_owned()));
    assert_eq!(server.get("/v1/stats").body["n_papers"], 2);
    assert_eq!(server.get("/health").body["status"], "ok");
}

/// Case 21 of the shared cases: a body that breaks off says what of it is stored.
#[test]
fn a_body_that_cannot_be_read_on_is_answered_with_its_report() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    let lines: String = (0..30).map(|n| format!("{{\"id\": \"c{n}\", \"title\": \"Cut {n}\"}}\n")).collect();
    for (body, counts, line) in [
        (format!("{lines}{{\"id\": \"c30\", \"tit"), [31, 30, 0, 1], 31),
        (format!("{lines}{{\"id\": broken}}\n{{\"id\": \"c31\", \"title\": \"On\"}}\n"), [32, 1, 30, 1], 31),
        (format!("[{}", lines.replace("}\n", "},\n")), [31, 0, 30, 1], 31),
    ] {
        let answer = server.post("/v1/papers", NDJSON, &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let found = ["read", "added", "unchanged", "skipped"].map(|name| answer.body[name].as_u64().unwrap());
        assert_eq!((found, &answer.body["errors"][0]["line"]), (counts, &json!(line)), "{}", answer.body);
    }
    assert_eq!(server.get("/v1/papers/c29").status, 200);
    let nothing = server.post("/v1/papers", NDJSON, "{\"id\": \"c30\", \"tit");
    assert!([400, 422].contains(&nothing.status), "{}", nothing.body);
}

/// Whatever of a body is not stored as it was meant is told, with the record's place among the others.
#[test]
fn what_is_not_stored_as_it_was_sent_is_told() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    let send = |body: &str| server.post("/v1/papers", JSON, body);
    let counts = |answer: &Value| {
        ["read", "added", "updated", "unchanged", "repeated", "skipped"]
            .map(|name| answer[name].as_u64().unwrap())
    };
    let twice =
        r#"[{"id": "a", "title": "Eels"}, {"id": "a", "title": "Eels"}, {"title": "B"}, {"title": "B"}]"#;
    assert_eq!(counts(&send(twice).body), [4, 2, 0, 0, 2, 0]);
    // What comes without an id was stored twice.
    assert_eq!(counts(&send(twice).body), [4, 0, 0, 3, 1, 0]);
    let changed = r#"[{"id": "a", "title": "Eels"}, {"id": "a", "title": "Eels of the north"}]"#;
    assert_eq!(counts(&send(changed).body), [2, 0, 1, 1, 0, 0]);

    let odd = r#"[{"id": "ok", "title": "T"}, {"id": "odd", "title": "Odd", "year": "soon", "authors": 7}, {"id": "bad"},
        {"id": "10.5555/eels", "title": "Named by a DOI"}, {"id": "d", "title": "First", "title": "Last"}]"#;
    let answer = send(odd).body;
    let told = |list: &Value| -> Vec<(u64, String)> {
        let list = list.as_array().unwrap().iter();
        list.map(|told| (told["record"].as_u64().unwrap(), told["field"].as_str().unwrap().to_owned()))
            .collect()
    };
    let field = |record: u64, name: &str| (record, name.to_owned());
    assert_eq!(told(&answer["errors"]), [field(3, "title")], "{answer}");
    let warnings = [field(2, "authors"), field(2, "year"), field(4, "id"), field(5, "title")];
    assert_eq!(told(&answer["warnings"]), warnings, "{answer}");
    let message = answer["warnings"][2]["message"].as_str().unwrap();
    let id = message.rsplit(' ').next().unwrap();
    assert_eq!(server.get(&format!("/v1/papers/{id}")).body["external_ids"]["doi"], "10.5555/eels");
    let last = server.get("/v1/papers/d").body;
    assert_eq!((&last["title"], &last["extra"]["title"]), (&json!("Last"), &json!("First")));
    let checked = server.post("/v1/dedup/check", JSON, odd).body;
    assert_eq!(told(&checked["warnings"]), warnings, "{checked}");

    for (body, format) in
        [("@article{a, title = {Eels}}", "bibtex"), ("TY  - JOUR\nTI  - Eels\nER  - \n", "ris")]
    {
        let answer = send(body);
        assert_eq!(answer.status, 400);
        assert!(answer.body["message"].as_str().unwrap().contains(format), "{}", answer.body);
    }
    // A bad line costs only itself, the first too.
    for line in ["7", "[[[[", &"[".repeat(50_000), "nonsense"] {
        let answer =
            server.post("/v1/papers", NDJSON, &format!("{line}\n{{\"id\": \"n\", \"title\": \"N\"}}\n"));
        assert_eq!(
            (answer.status, &answer.body["read"], &answer.body["skipped"]),
            (200, &json!(2), &json!(1)),
            "{line}"
        );
    }
}

#[test]
fn a_named_source_fills_what_is_missing() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    let send = |path: &str, body: &str| server.post(path, JSON, body).body;
    send("/v1/papers", r#"{"id": "one", "title": "Glacier mice", "authors": ["Ann Bo"]}"#);
    let filled =
        send("/v1/papers?source=scopus", r#"{"id": "one", "title": "GLACIER MICE", "venue": "Ice"}"#);
    assert_eq!(filled["updated"], 1);
    let paper = server.get("/v1/papers/one").body;
    assert_eq!([&paper["title"], &paper["venue"]], ["Glacier mice", "Ice"]);
    send("/v1/papers", r#"{"id": "one", "title": "Mice on ice"}"#);
    let paper = server.get("/v1/papers/one").body;
    assert_eq!(
        (&paper["title"], &paper["venue"], &paper["authors"]),
        (&json!("Mice on ice"), &Value::Null, &json!([]))
    );
}

#[test]
fn ids_with_slashes_are_taken_raw_and_encoded() {
    let cognate = Cognate::new();
    let papers = r#"{"id": "hep-th/9901001", "title": "Strings and branes"}
{"id": "odd/a/b?c#d", "title": "Branes and strings"}
{"id": "odd/similar", "title": "An id that ends like a route"}"#;
    let file = cognate.file("papers.jsonl", papers);
    cognate.json(&["index", &file]);
    let server = cognate.serve(&[]);
    let check = |path: &str, expected: &str| {
        let answer = server.get(&format!("/v1/papers/{path}"));
        assert_eq!((answer.status, answer.body["id"].as_str()), (200, Some(expected)), "{path}");
    };
    check("hep-th/9901001", "hep-th/9901001");
    check("hep-th%2F9901001", "hep-th/9901001");
    check("arXiv:hep-th/9901001v2", "hep-th/9901001");
    check("https://arxiv.org/abs/hep-th/9901001", "hep-th/9901001");
    check("odd/a/b%3Fc%23d", "odd/a/b?c#d");
    check("odd%2Fsimilar", "odd/similar");
    for path in ["hep-th/9901001/similar", "hep-th%2F9901001/similar?limit=2"] {
        let answer = server.get(&format!("/v1/papers/{path}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(ids(&answer.body)[0], "odd/a/b?c#d");
    }
    let ambiguous =
        r#"[{"id": "p", "title": "P", "doi": "10.5555/z"}, {"id": "q", "title": "Q", "doi": "10.5555/z"}]"#;
    server.post("/v1/papers", JSON, ambiguous);
    let both = server.get("/v1/papers/doi:10.5555/z").body;
    assert_eq!(both["matches"].as_array().unwrap().len(), 2);
    let conflict = server.delete("/v1/papers/doi:10.5555/z");
    assert_eq!(conflict.status, 409);
    assert!(conflict.body["message"].as_str().unwrap().contains("p, q"));
}

#[test]
fn other_peoples_pages_are_refused() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&["--allow-origin", "https://reader.example"]);
    let check = |name: &str, value: &str, expected: u16| {
        let answer = server.get_with("/v1/search?q=x", (name, value));
        assert_eq!(answer.status, expected, "{name}: {value}");
    };
    check("Origin", "https://evil.example", 403);
    check("Origin", "null", 403);
    check("Origin", "https://reader.example", 200);
    check("Origin", &server.address.clone(), 200);
    check("Host", "evil.example", 403);
    check("Host", "localhost", 200);
    assert!(server.raw("GET /v1/stats HTTP/1.1\r\n\r\n").contains(" 400 "));

    let remote = cognate.run(&["serve", "--bind", "0.0.0.0:0"]);
    assert_eq!(remote.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&remote.stderr).contains("--allow-remote"));
}

/// Sends a request as it stands, and gives the whole answer.
fn exchange(server: &Server, request: &str) -> String {
    let mut stream = std::net::TcpStream::connect(server.address.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

#[test]
fn pages_that_are_allowed_can_read_and_others_cannot() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&["--allow-origin", "https://reader.example"]);
    let ask = |method: &str, path: &str, headers: &str| {
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        exchange(&server, &head)
    };
    let own = "Origin: https://reader.example\r\n";
    let preflight = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n";
    let answer = ask("OPTIONS", "/v1/search", &format!("{own}{preflight}"));
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: https://reader.example"), "{answer}");
    assert!(answer.contains("access-control-allow-headers: content-type"), "{answer}");
    let methods = answer.lines().find(|line| line.starts_with("access-control-allow-methods")).unwrap();
    assert!(methods.contains("post") && methods.contains("delete"), "{methods}");
    let answer = ask("GET", "/v1/search?q=x&limit=1", own);
    assert!(answer.contains("access-control-allow-origin: https://reader.example"), "{answer}");
    for origin in ["Origin: https://evil.example\r\n", "Origin: null\r\n"] {
        for (method, more) in [("OPTIONS", preflight), ("GET", "")] {
            let answer = ask(method, "/v1/search?q=x", &format!("{origin}{more}"));
            assert!(answer.starts_with("http/1.1 403"), "{answer}");
            assert!(!answer.contains("access-control-allow-origin"), "{answer}");
        }
    }
    // Without a list, a route says what it can do.
    let server = cognate.serve(&[]);
    let answer =
        exchange(&server, "OPTIONS /v1/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("http/1.1 204"), "{answer}");
    let allowed = answer.lines().find(|line| line.starts_with("allow:")).unwrap();
    assert!(allowed.contains("get") && allowed.contains("post"), "{allowed}");
}

#[test]
fn answers_that_did_not_change_are_not_sent_again_and_large_ones_are_compressed() {
    let cognate = Cognate::with_demo();
    cognate.json(&["saved", "add", "bats"]);
    let server = cognate.serve(&[]);
    let ask = |method: &str, path: &str, headers: &str| {
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        exchange(&server, &head)
    };
    for path in [
        "/v1/papers/demo-001",
        "/",
        "/papers/demo-001",
        "/v1/saved/bats/feed.atom",
        "/v1/saved/bats/feed.json",
    ] {
        let first = ask("GET", path, "");
        assert!(first.starts_with("http/1.1 200"), "{path}: {first}");
        let tag = first.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        // Header lines come in lower case here; the tag has no letters but its mark and hex digits.
        let tag = tag.replacen('w', "W", 1);
        let again = ask("GET", path, &format!("If-None-Match: {tag}\r\n"));
        assert!(again.starts_with("http/1.1 304"), "{path}: {again}");
        assert!(again.ends_with("\r\n\r\n"), "{path}: {again}");
        let other = ask("GET", path, "If-None-Match: \"0\"\r\n");
        assert!(other.starts_with("http/1.1 200"), "{path}: {other}");
        let head = ask("HEAD", path, "");
        assert!(head.starts_with("http/1.1 200") && head.ends_with("\r\n\r\n"), "{path}: {head}");
    }
    let packed = ask("GET", "/v1/search?q=bats&limit=20", "Accept-Encoding: gzip\r\n");
    assert!(packed.contains("content-encoding: gzip"), "{packed:.300}");
    assert!(!ask("GET", "/v1/search?q=bats&limit=20", "").contains("content-encoding"));
    let two_hosts =
        "GET /v1/stats HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(exchange(&server, two_hosts).starts_with("http/1.1 400"));
    let no_type = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 22\r\n\r\n{\"q\":\"bees\",\"limit\":1}";
    assert!(exchange(&server, no_type).starts_with("http/1.1 200"));
}

#[test]
fn bytes_that_are_no_request_do_no_harm() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    for request in [
        "\0\0\0\0\r\n\r\n",
        "GET /v1/papers/%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/search?q=%00%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /v1/papers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    ] {
        let status = server.raw(request);
        assert!(!status.contains(" 5"), "{request:?}: {status}");
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn concurrent_queries_all_get_their_own_answer() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let questions = ["sleep and memory", "exoplanet atmospheres", "prime numbers", "coral reefs"];
    let expected = questions.map(|q| ids(&search(&server, q)));
    std::thread::scope(|scope| {
        for i in 0..32 {
            let (server, expected) = (&server, &expected);
            scope.spawn(move || assert_eq!(ids(&search(server, questions[i % 4])), expected[i % 4]));
        }
    });
}

fn search(server: &Server, question: &str) -> Value {
    let answer = server.post("/v1/search", JSON, &json!({ "q": question }).to_string());
    assert_eq!(answer.status, 200);
    answer.body
}

#[test]
fn sigterm_drains_and_exits_with_0() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.terminate(), Some(0));
}
