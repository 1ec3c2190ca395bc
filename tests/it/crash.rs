//! `kill -9` in the middle of indexing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::harness::{Cognate, shared};

/// The first `n` lines of the arXiv sample, as a file of the test's own.
pub(crate) fn arxiv_slice(cognate: &Cognate, n: usize) -> Option<String> {
    let sample = shared("arxiv-100k.jsonl.zst")?;
    let lines = BufReader::new(zstd::Decoder::new(std::fs::File::open(sample).unwrap()).unwrap()).lines();
    let text: String = lines.take(n).map(|line| line.unwrap() + "\n").collect();
    Some(cognate.file("arxiv.jsonl", &text))
}

fn n_vectors(store: &Path) -> u64 {
    let Ok(connection) = rusqlite::Connection::open(store) else { return 0 };
    connection.query_row("SELECT count(*) FROM vectors", [], |r| r.get(0)).unwrap_or(0)
}

#[test]
fn indexing_goes_on_where_it_was_killed() {
    const N_PAPERS: u64 = 700;
    let cognate = Cognate::new();
    let Some(file) = arxiv_slice(&cognate, N_PAPERS as usize) else { return };
    let mut stored = Vec::new();
    for _ in 0..2 {
        let before = n_vectors(&cognate.store());
        let mut child =
            cognate.command(&["index", &file]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Killed after its first commit, wherever it then is in the next batch.
        while n_vectors(&cognate.store()) == before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        stored.push(n_vectors(&cognate.store()));
    }
    assert!(stored[0] > 0 && stored[0] < N_PAPERS, "the first kill came in the middle: {stored:?}");

    let report = cognate.json(&["index", &file]);
    let count = |key: &str| report[key].as_u64().unwrap();
    assert_eq!(count("read"), N_PAPERS);
    assert_eq!(count("added") + count("unchanged"), N_PAPERS);
    assert_eq!(count("unchanged"), stored[1], "what was committed before the kill is kept");

    let connection = rusqlite::Connection::open(cognate.store()).unwrap();
    let one = |sql: &str| connection.query_row(sql, [], |r| r.get::<_, u64>(0)).unwrap();
    assert_eq!(one("SELECT count(DISTINCT id) FROM papers WHERE deleted = 0"), N_PAPERS);
    assert_eq!(one("SELECT count(*) FROM papers"), N_PAPERS);
    assert_eq!(one("SELECT count(*) FROM vectors"), N_PAPERS);
    assert_eq!(cognate.json(&["doctor"])["ok"], true);
}

#[test]
fn ctrl_c_commits_and_stops() {
    let cognate = Cognate::new();
    let Some(file) = arxiv_slice(&cognate, 700) else { return };
    let child = cognate
        .command(&["--json", "index", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    crate::harness::wait_for("the first commit", || (n_vectors(&cognate.store()) > 0).then_some(()));
    crate::harness::signal(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let stored = n_vectors(&cognate.store());
    assert!(stored > 0 && stored < 700);
}
