//! Clients of other services, unmodified, against the running binary.

use std::process::Command;

use crate::harness::{Cognate, Server, head_of, root, shared};

/// Papers of `tests/fixtures/clients.jsonl` among those of the demo corpus.
fn with_papers() -> Cognate {
    let cognate = Cognate::with_demo();
    cognate.json(&["index", root().join("tests/fixtures/clients.jsonl").to_str().unwrap()]);
    cognate
}

/// Runs one of `tests/python`, which ends well if every answer was as it should be.
fn check(script: &str, args: &[&str]) {
    let output = Command::new(root().join("target/venv/bin/python"))
        .arg(root().join("tests/python").join(script))
        .args(args)
        .output()
        .expect("scripts/test makes target/venv");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

fn check_paper_clients(cognate: &Cognate, server: &Server) {
    let home = cognate.folder.path().join("hugging-face");
    check("hugging_face_client.py", &[&server.address, home.to_str().unwrap()]);
    check("semantic_scholar_client.py", &[&server.address]);
}

#[test]
fn clients_of_the_hub_and_of_semantic_scholar_work_unmodified() {
    let cognate = with_papers();
    check_paper_clients(&cognate, &cognate.serve(&[]));
}

#[test]
fn clients_for_embeddings_work_unmodified() {
    let cognate = Cognate::with_demo();
    let texts = ["kelp forests", "Lullabies slow the breathing of premature infants.", "naïve $x^2$ 日本"];
    let lines: String = texts.iter().map(|text| format!("{}\n", serde_json::json!(text))).collect();
    let input = cognate.file("texts.jsonl", &lines);
    let output = cognate.run(&["embed", "--input", &input]);
    let vectors = cognate.file("vectors.jsonl", &String::from_utf8(output.stdout).unwrap());
    let server = cognate.serve(&[]);
    check("embedding_clients.py", &[&server.address, &vectors]);
}

#[test]
fn clients_work_over_a_daily_papers_page_and_arxiv() {
    let (Some(page), Some(arxiv)) = (shared("daily-papers.txt"), shared("arxiv-100k.jsonl.zst")) else {
        return;
    };
    let cognate = with_papers();
    let slice = cognate.file("arxiv.jsonl", &head_of(&arxiv, 200));
    cognate.json(&["index", page.to_str().unwrap(), &slice]);
    check_paper_clients(&cognate, &cognate.serve(&[]));
}

#[test]
fn other_pages_reach_none_of_these_routes() {
    let cognate = with_papers();
    let server = cognate.serve(&[]);
    for path in [
        "/api/daily_papers",
        "/graph/v1/paper/hep-th/9901001",
        "/v1/models",
        "/info",
        "/papers/hep-th/9901001.md",
    ] {
        assert_eq!(server.get_with(path, ("Origin", "https://evil.example")).status, 403, "{path}");
    }
    for path in ["/v1/embeddings", "/embed", "/graph/v1/paper/batch"] {
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", 9 << 20);
        assert!(server.raw(&request).contains(" 413 "), "{path}");
    }
}

#[test]
fn what_is_not_known_is_refused_by_name_and_words_stay_words() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let check = |query: &str, refused: Option<&str>| {
        let answer = server.get(&format!("/graph/v1/paper/search?{query}&limit=1"));
        match refused {
            Some(name) => {
                assert_eq!(answer.status, 400, "{query}");
                assert!(answer.body["message"].as_str().unwrap().contains(name), "{query}: {}", answer.body);
            }
            None => assert_eq!(answer.status, 200, "{query}: {}", answer.body),
        }
    };
    check("query=dark+matter&sort=citationCount:desc", Some("sort"));
    check("query=dark+matter&field=title", Some("field"));
    check("sort=citationCount:desc&query=dark+matter", Some("sort"));
    check("query=galaxies+&+stars", None);
    check("query=branes+&+tori:+x=1&y", None);
    check("query=dark+matter&fields=title", None);

    for (path, body) in [
        ("/embed", r#"{"inputs": "x", "truncation_direction": "Left"}"#),
        ("/embed", r#"{"inputs": "x", "colour": "red"}"#),
        ("/similarity", r#"{"inputs": {"source_sentence": "x", "sentences": ["y"]}, "colour": "red"}"#),
        ("/tokenize", r#"{"inputs": "x", "colour": "red"}"#),
        ("/v1/embeddings", r#"{"model": "all-MiniLM-L6-v2", "input": "x", "colour": "red"}"#),
    ] {
        assert_eq!(server.status(path, "application/json", body), 400, "{path}: {body}");
    }
    for (path, body) in [
        ("/embed", r#"{"inputs": "x", "truncate": true, "truncation_direction": "right"}"#),
        ("/v1/embeddings", r#"{"model": "all-MiniLM-L6-v2", "input": "x", "user": "somebody"}"#),
    ] {
        assert_eq!(server.status(path, "application/json", body), 200, "{path}: {body}");
    }
}
