//! Test collections in the BEIR layout.

use std::fs;

use cognate_corpus::beir::{BeirFolder, Query};

use crate::support::collect;

/// A collection of these files.
fn collection(queries: &str, judgments: &str) -> (tempfile::TempDir, BeirFolder) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("qrels")).unwrap();
    fs::write(
        folder.path().join("corpus.jsonl"),
        "{\"_id\": \"d1\", \"title\": \"\", \"text\": \"Tides.\"}\n",
    )
    .unwrap();
    fs::write(folder.path().join("queries.jsonl"), queries).unwrap();
    fs::write(folder.path().join("qrels/test.tsv"), judgments).unwrap();
    let beir = BeirFolder::new(folder.path());
    (folder, beir)
}

fn check_queries_error(queries: &str, expected: &str) {
    let (_folder, beir) = collection(queries, "");
    let error = beir.queries().unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn check_qrels_error(judgments: &str, expected: &str) {
    let (_folder, beir) = collection("", judgments);
    let error = beir.qrels("test").unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn reads_corpus_queries_and_judgments() {
    let queries = "{\"_id\": 1, \"text\": \"tides?\", \"metadata\": {}}\n\n{\"_id\": \"1\", \"text\": \"tides?\"}\n\
                   {\"_id\": \"q2\", \"text\": \"boats?\"}";
    for header in ["query-id\tcorpus-id\tscore\r\n", ""] {
        let judgments = format!("{header}1\td1\t2\r\n1\td2\t0\n\nq2\td1\t-1\n1\td1\t2\n");
        let (_folder, beir) = collection(queries, &judgments);
        assert_eq!(collect(beir.corpus().unwrap()).papers[0].paper.id.as_str(), "d1");
        let query = |id: &str, text: &str| Query { id: id.to_owned(), text: text.to_owned() };
        assert_eq!(beir.queries().unwrap(), [query("1", "tides?"), query("q2", "boats?")]);
        let qrels = beir.qrels("test").unwrap();
        let found: Vec<_> = qrels
            .iter()
            .flat_map(|(query, judged)| {
                judged.iter().map(move |(id, grade)| (query.as_str(), id.as_str(), *grade))
            })
            .collect();
        assert_eq!(found, [("1", "d1", 2), ("1", "d2", 0), ("q2", "d1", -1)]);
    }
}

#[test]
fn faults_are_named_with_their_lines() {
    check_queries_error("{\"_id\": \"1\", \"text\": \"a\"}\nx", ":2: expected a query as a JSON object");
    check_queries_error("{\"_id\": \"1\", \"text\": \" \"}", ":1: text: expected text");
    check_queries_error("{\"text\": \"a\"}", ":1: _id: expected text, found null");
    let twice = "{\"_id\": \"1\", \"text\": \"a\"}\n{\"_id\": \"1\", \"text\": \"b\"}";
    check_queries_error(twice, ":2: expected one text for query \"1\", found another than on line 1");
    check_qrels_error("1\td1\n", ":1: expected query id, paper id and one whole number");
    check_qrels_error("1\td1\t1\n1\td1\tx\n", ":2: expected query id");
    check_qrels_error("1\td1\t1.5\n", "found the grade \"1.5\"");
    check_qrels_error("1\td1\t1\n1\td1\t2\n", ":2: ");
    check_qrels_error("1\t\t1\n", "found the paper id \"\"");

    let (_folder, beir) = collection("", "");
    let error = beir.qrels("dev").unwrap_err().to_string();
    assert!(error.contains("split \"dev\", found only test"), "{error}");
    assert!(BeirFolder::new("/nonexistent").queries().is_err());
    assert!(
        BeirFolder::new("/nonexistent").qrels("test").unwrap_err().to_string().contains("no split at all")
    );
}
