//! Stores of every schema version open; one of a later version is refused by name.

use crate::harness::{Cognate, ids, root};

#[test]
fn a_store_of_every_version_opens() {
    for version in 1..=2 {
        let cognate = Cognate::new();
        std::fs::create_dir(cognate.data()).unwrap();
        let fixture = root().join(format!("tests/fixtures/store-v{version}.sqlite3"));
        std::fs::copy(fixture, cognate.store()).unwrap();
        let model = root().join("crates/embed/tests/fixtures/tiny-mean");
        let answer = cognate.json(&["--model", model.to_str().unwrap(), "search", "bats"]);
        assert_eq!(answer["total"], 2, "version {version}");
        assert!(ids(&answer).contains(&"bats/1".to_owned()));
        assert_eq!(cognate.json(&["get", "10.5555/bats.1"])["year"], 2019);
        cognate.failure(&["get", "deleted"], 3);
        // From version 2 on there are papers dropped as duplicates, and labels of pairs.
        let n_decisions = usize::from(version >= 2);
        let of = |what: &str, list: &str| cognate.json(&["dedup", what])[list].as_array().unwrap().len();
        assert_eq!([of("dropped", "data"), of("labels", "labels")], [n_decisions; 2], "version {version}");
    }
}

#[test]
fn what_cannot_be_opened_is_named() {
    let cognate = Cognate::with_demo();
    let change = |sql: &str| rusqlite::Connection::open(cognate.store()).unwrap().execute_batch(sql).unwrap();
    change("PRAGMA user_version = 99");
    let message = cognate.failure(&["stats"], 1);
    assert!(message.contains("99") && message.contains("papers.sqlite3"), "{message}");
    change("PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert!(cognate.failure(&["stats"], 1).contains("not a cognate store"));
    std::fs::write(cognate.store(), b"not a database, but long enough to be taken for one").unwrap();
    for journal in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{journal}", cognate.store().display()));
    }
    let message = cognate.failure(&["stats"], 1);
    assert!(message.contains("cognate doctor"), "{message}");
}

#[test]
fn another_model_is_refused_until_the_papers_are_embedded_anew() {
    let cognate = Cognate::new();
    let file = cognate
        .file("papers.jsonl", "{\"id\": \"a\", \"title\": \"Bats\"}\n{\"id\": \"b\", \"title\": \"Steel\"}");
    let tiny = root().join("crates/embed/tests/fixtures/tiny-mean");
    let tiny = tiny.to_str().unwrap();
    cognate.json(&["--model", tiny, "index", &file]);
    let message = cognate.failure(&["--model", "all-MiniLM-L6-v2", "search", "bats"], 2);
    assert!(message.contains("cognate reembed --model all-MiniLM-L6-v2"), "{message}");
    let done = cognate.json(&["--model", "all-MiniLM-L6-v2", "reembed"]);
    assert_eq!([&done["n_papers"], &done["embedded"]], [2, 2]);
    let answer = cognate.json(&["search", "flying mammals"]);
    assert_eq!(answer["meta"]["model"], "all-MiniLM-L6-v2");
    assert_eq!(ids(&answer)[0], "a");
}
