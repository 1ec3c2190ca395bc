//! Stores of every schema version open; one of a later version is refused by name.

use crate::harness::{Cognate, ids, root};

#[test]
fn a_store_of_every_version_opens() {
    /// As many as there are fixtures.
    const VERSIONS: u32 = 6;
    for version in 1..=VERSIONS {
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
        // From version 3 on it is known which source brought a paper.
        let sources = cognate.json(&["stats", "--by", "source"])["sources"].to_string();
        assert_eq!(sources.contains("lab"), version >= 3, "version {version}: {sources}");
        let doctor = cognate.json(&["--model", model.to_str().unwrap(), "doctor"]);
        assert_eq!(doctor["ok"], true, "version {version}: {doctor}");
        let now: u32 = rusqlite::Connection::open(cognate.store())
            .unwrap()
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(now, VERSIONS, "a new version needs a fixture");
    }
}

/// A store of version 2, with the papers that version made of a `.bib`: named by DOI, citation key, and a hash of title
/// and abstract. Since then one entry got another title, and two got a DOI.
#[test]
fn a_store_of_version_2_and_its_own_files_add_nothing() {
    let cognate = Cognate::new();
    std::fs::create_dir(cognate.data()).unwrap();
    std::fs::copy(root().join("tests/fixtures/store-v2.sqlite3"), cognate.store()).unwrap();
    let connection = rusqlite::Connection::open(cognate.store()).unwrap();
    for (row, id, title, abstract_text, extra) in [
        (10, "10.5555/locks", "Locks of the North", None, r#"{"citation_key": "doe2019", "volume": "4"}"#),
        (
            11,
            "smith2020",
            "Tides and Trade",
            Some("On tides."),
            r#"{"citation_key": "smith2020", "number": "2"}"#,
        ),
        (12, "p-c8970c0bf4a02f8c", "Dikes of the South", Some("On dikes."), "{}"),
        (13, "roe2018", "Quays", None, r#"{"citation_key": "roe2018"}"#),
        (14, "poe2017", "Moles and piers", None, r#"{"citation_key": "poe2017"}"#),
    ] {
        connection
            .execute(
                "INSERT INTO papers (row, id, generation, first_indexed, title, abstract, authors, categories, \
                 external_ids, extra, content_hash, text_hash) \
                 VALUES (?1, ?2, 1, '2026-01-01T00:00:00Z', ?3, ?4, '[]', '[]', '{}', ?5, x'00', x'00')",
                rusqlite::params![row, id, title, abstract_text, extra],
            )
            .unwrap();
        connection
            .execute("INSERT INTO vectors (row, generation, vector) SELECT ?1, 1, vector FROM vectors WHERE row = 1", [row])
            .unwrap();
    }
    drop(connection);
    let bib = cognate.file(
        "library.bib",
        "@article{doe2019, title = {Locks of the North}, author = {Doe, Bo}, volume = {4}, doi = {10.5555/LOCKS}}\n\
         @article{smith2020, title = {Tides and Trade}, author = {Smith, Ada}, number = {2}, abstract = {On tides.}}\n\
         @article{roe2018, title = {A history of harbours}, author = {Roe, Cy}}\n\
         @article{poe2017, title = {Moles and Piers}, author = {Poe, Di}, doi = {10.5555/piers}}\n",
    );
    let csv = cognate.file("table.csv", "title,abstract,doi\nDikes of the South,On dikes.,10.5555/dikes\n");
    let lines = cognate
        .file("lines.jsonl", "{\"id\": \"sleep-2\", \"title\": \"Sleep and memory\", \"year\": 2021}\n");
    let model = root().join("crates/embed/tests/fixtures/tiny-mean");
    let index = || cognate.json(&["--model", model.to_str().unwrap(), "index", &bib, &csv, &lines]);
    let report = index();
    assert_eq!([&report["read"], &report["added"], &report["updated"]], [6, 0, 6], "{report}");
    let report = index();
    assert_eq!([&report["added"], &report["unchanged"]], [0, 6], "{report}");
    assert_eq!(cognate.json(&["get", "roe2018"])["title"], "A history of harbours");
    assert_eq!(cognate.json(&["get", "doi:10.5555/dikes"])["id"], "p-c8970c0bf4a02f8c");
    let tides = cognate.json(&["get", "smith2020"]);
    assert_eq!(tides["authors"][0]["name"], "Ada Smith");
    assert_eq!(tides["extra"]["number"], serde_json::Value::Null, "what is a field now is one");
    assert_eq!(cognate.json(&["get", "doi:10.5555/locks"])["id"], "10.5555/locks");
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

#[test]
fn a_store_remembers_the_dimensions_and_prefixes_of_its_model() {
    let cognate = Cognate::new();
    let file = cognate
        .file("papers.jsonl", "{\"id\": \"a\", \"title\": \"Bats\"}\n{\"id\": \"b\", \"title\": \"Steel\"}");
    let tiny =
        |name: &str| root().join("crates/embed/tests/fixtures").join(name).to_str().unwrap().to_owned();
    let (dense, head) = (tiny("tiny-dense"), tiny("tiny-head"));
    // What the store records, and what its own processes make of a query.
    let stored = || {
        let model: String = rusqlite::Connection::open(cognate.store())
            .unwrap()
            .query_row("SELECT value FROM meta WHERE key = 'model'", [], |row| row.get(0))
            .unwrap();
        let model: serde_json::Value = serde_json::from_str(&model).unwrap();
        (model["dim"].as_u64().unwrap(), model["query_prefix"].clone(), model["passage_prefix"].clone())
    };
    cognate.json(&["--model", &dense, "--dim", "20", "index", &file]);
    assert_eq!(stored(), (20, "search the passage for: ".into(), "".into()));
    // Nothing has to be named again, and the same named again is the same.
    for again in [&["search", "bats"][..], &["--dim", "20", "search", "bats"]] {
        let arguments = [&["--model", &dense], again].concat();
        assert_eq!(ids(&cognate.json(&arguments)).len(), 2);
    }
    let message = cognate.failure(&["--model", &dense, "--dim", "21", "search", "bats"], 2);
    assert!(message.contains("21 dimensions") && message.contains("reembed"), "{message}");
    let message = cognate.failure(&["--model", &dense, "--dim", "49", "reembed"], 1);
    assert!(message.contains("1 to 48 dimensions"), "{message}");

    cognate.json(&["--model", &dense, "--dim", "48", "reembed"]);
    assert_eq!(stored().0, 48);
    // Another model has its own dimensions and prefixes.
    cognate.json(&["--model", &head, "reembed"]);
    assert_eq!(stored(), (24, "query: ".into(), "passage: ".into()));
    assert_eq!(ids(&cognate.json(&["--model", &head, "search", "bats"])).len(), 2);
    // The same model embedded anew keeps what it was told.
    cognate.json(&["--model", &head, "--dim", "7", "--query-prefix", "", "reembed"]);
    cognate.json(&["--model", &head, "--precision", "f32", "reembed"]);
    assert_eq!(stored(), (7, "".into(), "passage: ".into()));
}
