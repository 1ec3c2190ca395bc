//! The store copied while it is used, and put back.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Cognate, ids, timeless};

fn beside(cognate: &Cognate, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}-{ending}", cognate.store().display()))
}

#[test]
fn after_a_clean_stop_the_store_is_one_file() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    for number in 0..5 {
        let paper =
            serde_json::json!({"id": format!("p{number}"), "title": format!("Paper {number}")}).to_string();
        assert_eq!(server.post("/v1/papers", "application/json", &paper).status, 200);
    }
    assert_eq!(server.terminate(), Some(0));
    assert!(!beside(&cognate, "wal").metadata().is_ok_and(|wal| wal.len() > 0), "nothing waits in the log");
    let copy = Cognate::new();
    std::fs::create_dir(copy.data()).unwrap();
    std::fs::copy(cognate.store(), copy.store()).unwrap();
    assert_eq!(copy.json(&["stats"])["n_papers"], 5);
    // So it is after a command.
    let file = cognate.file("more.jsonl", "{\"id\": \"more\", \"title\": \"One more\"}");
    cognate.json(&["index", &file]);
    std::fs::copy(cognate.store(), copy.store()).unwrap();
    assert_eq!(copy.json(&["get", "more"])["title"], "One more");
}

#[test]
fn a_backup_made_during_writes_is_restored_with_the_same_answers() {
    let cognate = Cognate::with_demo();
    let backup = cognate.folder.path().join("backup.sqlite3");
    let backup = backup.to_str().unwrap();
    let question = ["search", "sleep and memory", "--limit", "20"];
    let server = cognate.serve(&[]);
    let is_done = AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !is_done.load(Ordering::Acquire) {
                let paper =
                    serde_json::json!({"id": format!("w{number}"), "title": format!("Walrus {number}")});
                assert_eq!(server.post("/v1/papers", "application/json", &paper.to_string()).status, 200);
                number += 1;
            }
        });
        let report = cognate.json(&["backup", backup]);
        is_done.store(true, Ordering::Release);
        report
    });
    assert!(report["n_papers"].as_u64().unwrap() >= 148, "{report}");
    assert!(cognate.failure(&["backup", backup], 2).contains("is there already"));
    assert!(cognate.failure(&["restore", backup], 2).contains("in use"), "a server has the store open");
    assert_eq!(server.terminate(), Some(0));

    // What the backup holds, by itself.
    let other = Cognate::new();
    assert_eq!(other.json(&["restore", backup])["n_papers"], report["n_papers"]);
    let expected = timeless(other.json(&question));
    assert_eq!(other.json(&["doctor"])["ok"], true);

    // The store goes on, and its derived files with it; then it is put back.
    let file = cognate.file("late.jsonl", "{\"id\": \"late\", \"title\": \"Sleep and memory in walruses\"}");
    cognate.json(&["index", &file]);
    cognate.json(&["delete", "demo-003"]);
    assert_eq!(ids(&cognate.json(&question))[0], "late");
    cognate.json(&["restore", backup]);
    assert_eq!(timeless(cognate.json(&question)), expected, "with old derived files beside it");
    cognate.failure(&["get", "late"], 3);
    assert_eq!(cognate.json(&["doctor"])["ok"], true);

    // No backup, and a store that cannot be read.
    let text =
        cognate.file("no-backup", "no database at all, though long enough to be taken for one by somebody");
    cognate.failure(&["restore", &text], 1);
    std::fs::write(cognate.store(), [7; 8192]).unwrap();
    assert!(cognate.failure(&["search", "x"], 1).contains("cognate restore"));
    let restored = cognate.json(&["restore", backup]);
    assert!(restored["kept_unreadable"].as_str().unwrap().ends_with("papers.sqlite3.damaged"), "{restored}");
    assert_eq!(timeless(cognate.json(&question)), expected);
}
