//! Derived files damaged at rest: detected at the next start, and the answers are the same.

use std::path::PathBuf;

use crate::harness::{Cognate, timeless};

/// The files of the index, those that hold answers.
fn files(cognate: &Cognate) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(cognate.index()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_damaged_index_is_noticed_and_replaced() {
    let cognate = Cognate::with_demo();
    let ask = || cognate.run(&["--json", "search", "sleep and memory", "--limit", "20"]);
    let answer = |output: &std::process::Output| timeless(crate::harness::last_line(output));
    let expected = answer(&ask());
    assert_eq!(files(&cognate).len(), 2, "a manifest and one segment");

    let check = |which: usize, what: &str, damage: &dyn Fn(&mut Vec<u8>)| {
        let file = &files(&cognate)[which];
        let what = format!("{}: {what}", file.display());
        let mut bytes = std::fs::read(file).unwrap();
        damage(&mut bytes);
        std::fs::write(file, bytes).unwrap();
        let doctor = cognate.run(&["--json", "doctor"]);
        assert_eq!(doctor.status.code(), Some(1), "{what}: the doctor saw nothing");
        let output = ask();
        assert_eq!(answer(&output), expected, "{what}");
        assert!(!output.stderr.is_empty(), "{what}: nothing was said");
        assert_eq!(cognate.json(&["doctor"])["ok"], true, "{what}: not replaced");
        assert_eq!(answer(&ask()), expected, "{what}");
    };
    for which in 0..2 {
        check(which, "empty", &|bytes| bytes.clear());
        check(which, "truncated", &|bytes| bytes.truncate(bytes.len() / 2));
        check(which, "extended", &|bytes| bytes.push(0));
        for part in [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] {
            check(which, &format!("a bit flipped at {part}"), &|bytes| {
                let position = ((bytes.len() - 1) as f64 * part) as usize;
                bytes[position] ^= 0x10;
            });
        }
    }
    for which in 0..2 {
        std::fs::remove_file(&files(&cognate)[which]).unwrap();
        assert_eq!(answer(&ask()), expected);
        assert_eq!(cognate.json(&["doctor"])["ok"], true);
    }
    std::fs::remove_dir_all(cognate.index()).unwrap();
    assert_eq!(answer(&ask()), expected);
    assert_eq!(files(&cognate).len(), 2);

    let other = Cognate::new();
    let file = other.file("one.jsonl", "{\"id\": \"x\", \"title\": \"Another paper\"}");
    other.json(&["index", &file]);
    std::fs::remove_dir_all(cognate.index()).unwrap();
    std::fs::create_dir(cognate.index()).unwrap();
    for file in files(&other) {
        std::fs::copy(&file, cognate.index().join(file.file_name().unwrap())).unwrap();
    }
    assert_eq!(answer(&ask()), expected, "another store's files");
}

#[test]
fn a_damaged_keyword_index_is_noticed_and_replaced() {
    let cognate = Cognate::with_demo();
    let folder = cognate.data().join("index/keywords");
    let files = || {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    let ask =
        || timeless(cognate.json(&["search", "sleep and memory", "--mode", "keyword", "--limit", "20"]));
    let expected = ask();
    assert!(expected["total"].as_u64().unwrap() > 0);
    let n_files = files().len();
    for which in 0..n_files {
        for what in ["truncated", "a bit flipped", "deleted"] {
            let file = &files()[which];
            let mut bytes = std::fs::read(file).unwrap();
            let middle = bytes.len() / 2;
            match what {
                "truncated" => bytes.truncate(middle),
                _ => bytes[middle] ^= 4,
            }
            if what == "deleted" {
                std::fs::remove_file(file).unwrap();
            } else {
                std::fs::write(file, bytes).unwrap();
            }
            assert_eq!(ask(), expected, "{}: {what}", file.display());
            assert_eq!(cognate.json(&["doctor"])["ok"], true, "{}: {what}: not replaced", file.display());
            assert_eq!(files().len(), n_files);
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(ask(), expected);
}

#[test]
fn a_server_survives_damage_while_it_runs() {
    let cognate = Cognate::with_demo();
    cognate.json(&["search", "x"]);
    let segment = files(&cognate).pop().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let length = bytes.len();
    bytes[length / 2] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let server = cognate.serve(&[]);
    let found = crate::harness::ids(&server.get("/v1/search?q=sleep+and+memory&limit=1000").body);
    assert_eq!(found.len(), 148);
    let new = server.post("/v1/papers", "application/json", r#"{"id": "new", "title": "Beekeeping"}"#);
    assert_eq!(new.status, 200);
    assert_eq!(server.get("/v1/search?q=bees").body["total"], 149);
}

#[test]
fn a_stale_index_is_caught_up() {
    let cognate = Cognate::with_demo();
    cognate.json(&["search", "x"]);
    let stale: Vec<Vec<u8>> = files(&cognate).iter().map(|file| std::fs::read(file).unwrap()).collect();
    let file = cognate.file("new.jsonl", "{\"id\": \"new\", \"title\": \"Beekeeping on city roofs\"}");
    cognate.json(&["index", &file]);
    cognate.json(&["delete", "demo-002"]);
    let now: Vec<Vec<u8>> = files(&cognate).iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert_eq!(now, stale, "so small a change is no reason to write the files");
    let answer = cognate.json(&["search", "beekeeping on urban rooftops", "--limit", "1000"]);
    let found = crate::harness::ids(&answer);
    assert_eq!(found[0], "new");
    assert!(!found.contains(&"demo-002".to_owned()));
}

#[test]
fn the_index_is_made_one_segment_unless_a_server_keeps_it() {
    let cognate = Cognate::with_demo();
    let optimized = cognate.json(&["optimize"]);
    assert_eq!(optimized["index"]["segments"].as_array().unwrap().len(), 1);
    let _server = cognate.serve(&[]);
    assert!(cognate.failure(&["optimize"], 2).contains("a running server"));
    assert_eq!(cognate.json(&["search", "x"])["total"], 148, "searching beside it is fine");
}

#[test]
fn the_map_is_kept_for_the_next_start_and_drawn_again_where_its_file_is_damaged() {
    let cognate = Cognate::with_demo();
    let file = cognate.data().join("index/map");
    let points = || {
        let server = cognate.serve(&[]);
        let points = server.bytes("/map/points");
        assert_eq!(server.terminate(), Some(0));
        points
    };
    let is_well = || {
        let output = cognate.run(&["--json", "doctor"]);
        let checks = crate::harness::first_line(&output);
        let map = checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == "map").cloned();
        assert_eq!(checks["ok"], map.as_ref().unwrap()["ok"], "{checks}");
        map.unwrap()["ok"] == true
    };
    assert!(is_well() && !file.exists());
    let expected = points();
    let (bytes, written) = (std::fs::read(&file).unwrap(), file.metadata().unwrap().modified().unwrap());
    assert!(is_well());
    assert_eq!(points(), expected);
    assert_eq!(file.metadata().unwrap().modified().unwrap(), written, "it was drawn again");

    let check = |what: &str| {
        assert!(!is_well(), "{what}: the doctor saw nothing");
        assert_eq!(points(), expected, "{what}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes, "{what}");
        assert!(is_well(), "{what}: not replaced");
    };
    for part in [0.0, 0.1, 0.5, 1.0] {
        let mut damaged = bytes.clone();
        damaged[((bytes.len() - 1) as f64 * part) as usize] ^= 4;
        std::fs::write(&file, damaged).unwrap();
        check(&format!("a bit flipped at {part}"));
    }
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    check("truncated");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    check("a folder");

    // Another process knows its parts, as long as there is a map.
    let all = r#"{"region": "-1000.-1000_1000.-1000_1000.1000_-1000.1000"}"#;
    let found = cognate.json(&["search", "sleep", "--filter", all, "--limit", "200"]);
    assert!(found["total"].as_u64().unwrap() > 130, "{found}");
    let half = r#"{"region": "-1000.-1000_0.-1000_0.1000_-1000.1000"}"#;
    let found_there = cognate.json(&["search", "sleep", "--filter", half, "--limit", "200"]);
    assert!((1..found["total"].as_u64().unwrap()).contains(&found_there["total"].as_u64().unwrap()));
    std::fs::remove_file(&file).unwrap();
    assert!(cognate.failure(&["search", "sleep", "--filter", all], 1).contains("no map of these papers yet"));
}
