//! Duplicates dropped and brought back, labels that last, and where to cut.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Cognate, Server, demo_corpus, ids, timeless, wait_for};

const JSON: &str = "application/json";

/// The demo corpus with twelve of its papers twice more, under a DOI that each two share; and the file.
fn with_duplicates() -> (Cognate, String) {
    let cognate = Cognate::with_demo();
    let mut lines = std::fs::read_to_string(demo_corpus().join("corpus.jsonl")).unwrap();
    let papers: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (n, paper) in papers.iter().skip(40).take(12).enumerate() {
        for copy in ["one", "two"] {
            let mut record = paper.clone();
            record["_id"] = format!("{copy}-{n:02}").into();
            record["doi"] = format!("10.5555/copies.{n}").into();
            record["source"] = copy.into();
            lines.push_str(&format!("{record}\n"));
        }
    }
    let file = cognate.file("corpus.jsonl", &lines);
    assert_eq!(cognate.json(&["index", &file])["added"], 24);
    (cognate, file)
}

/// The ids that a report says to drop, each with the one that stays for it.
fn to_drop(report: &Value) -> Vec<(String, String)> {
    let mut dropped = Vec::new();
    for cluster in report["clusters"].as_array().unwrap() {
        for member in cluster["members"].as_array().unwrap().iter().filter(|m| m["action"] == "drop") {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            dropped.push((text(&member["id"]), text(&cluster["keep"])));
        }
    }
    dropped
}

/// Every answer that a server gives about its papers, without times and generations.
fn answers(server: &Server) -> Vec<(String, Value)> {
    let strip = |mut body: Value| {
        if body["meta"].is_object() {
            body = timeless(body);
            body["meta"].as_object_mut().unwrap().remove("generation");
        }
        body
    };
    let mut answers = Vec::new();
    let mut keep = |path: &str, body: Value| answers.push((path.to_owned(), strip(body)));
    for query in ["ice+shelves", "calibrated+ensembles+under+shift", "%22sleep%22+memory", "demo-014"] {
        for mode in ["hybrid", "semantic", "keyword"] {
            let path = format!("/v1/search?q={query}&mode={mode}&limit=1000&facets=year,venue&explain=false");
            keep(&path, server.get(&path).body);
        }
    }
    let filtered = "/v1/search?q=models&year=2020-2022&limit=20&sort=newest";
    keep(filtered, server.get(filtered).body);
    let of_demo = (1..=148).map(|n| format!("demo-{n:03}"));
    let copies = (0..12).flat_map(|n| [format!("one-{n:02}"), format!("two-{n:02}")]);
    for (n, id) in of_demo.chain(copies).enumerate() {
        let paper = format!("/v1/papers/{id}");
        keep(&paper, server.get(&paper).body);
        if n % 7 == 0 || n > 150 {
            let similar = format!("{paper}/similar?limit=1000");
            keep(&similar, server.get(&similar).body);
        }
    }
    let range = server.lines("/v1/search/range", JSON, r#"{"q": "climate", "min_score": 0.1}"#);
    keep("range", Value::from(range));
    let seeds = r#"{"positive": [{"text": "bats"}], "limit": 50}"#;
    keep("recommend", server.post("/v1/recommend", JSON, seeds).body);
    keep("count", server.get("/v1/stats").body["n_papers"].clone());
    let mut dedup = server.post("/v1/dedup", JSON, "").body;
    dedup["stats"].as_object_mut().unwrap().remove("generation");
    keep("dedup", dedup);
    answers
}

#[test]
fn what_is_dropped_is_in_no_answer_and_comes_back_exactly() {
    let (cognate, _) = with_duplicates();
    let server = cognate.serve(&[]);
    let before = answers(&server);
    let n_before = server.get("/v1/stats").body["n_papers"].as_u64().unwrap();

    let applied = server.post("/v1/dedup/apply", JSON, "").body;
    let pairs = to_drop(&applied);
    assert!(pairs.len() >= 10, "{applied}");
    assert_eq!(applied["applied"], json!({"run": 1, "dropped": pairs.len(), "left": 0}));
    let dropped: Vec<&str> = pairs.iter().map(|(id, _)| &**id).collect();
    for (path, body) in answers(&server) {
        let quoted = |id: &&&str| body.to_string().contains(&format!("\"id\":\"{id}\""));
        assert_eq!(dropped.iter().find(quoted), None, "{path}");
    }
    let n_papers = || server.get("/v1/stats").body["n_papers"].as_u64().unwrap();
    assert_eq!(n_papers(), n_before - pairs.len() as u64);
    let list = server.get("/v1/dedup/dropped?limit=1000").body;
    assert_eq!(list["total"], pairs.len());
    for paper in list["data"].as_array().unwrap() {
        let pair = (paper["id"].as_str().unwrap().to_owned(), paper["kept"].as_str().unwrap().to_owned());
        assert!(pairs.contains(&pair));
        assert!(!paper["reason"].as_str().unwrap().is_empty() && paper["matched_to"].is_string());
    }
    let gone = server.get(&format!("/v1/papers/{}", dropped[0]));
    assert_eq!(gone.status, 404);
    assert!(gone.body["message"].as_str().unwrap().contains(&pairs[0].1), "{}", gone.body);

    let undone = server.post("/v1/dedup/undo", JSON, "").body;
    assert_eq!(undone, json!({"run": 1, "restored": pairs.len()}));
    for (now, then) in answers(&server).into_iter().zip(before) {
        assert_eq!(now, then);
    }
    assert_eq!(server.post("/v1/dedup/undo", JSON, "").status, 404, "there is nothing left to undo");
    assert_eq!(server.post("/v1/dedup/undo", JSON, r#"{"run": 9}"#).status, 404);
    let runs = server.get("/v1/dedup/runs").body;
    assert_eq!((&runs["runs"][0]["dropped"], &runs["runs"][0]["standing"]), (&json!(pairs.len()), &json!(0)));

    // Beside the running server, by another process.
    let applied = cognate.json(&["dedup", "--apply", "--keep", "newest"]);
    assert_eq!(applied["applied"]["run"], 2);
    let n_dropped = applied["applied"]["dropped"].as_u64().unwrap();
    wait_for("the server to see it", || (n_papers() == n_before - n_dropped).then_some(()));
    let found = ids(&server.get("/v1/search?q=models&limit=1000").body);
    assert!(to_drop(&applied).iter().all(|(id, _)| !found.contains(id)));
    let runs = cognate.json(&["dedup", "runs"]);
    assert_eq!(runs["runs"][0]["parameters"], json!({"keep": "newest", "merge": false}));
    assert_eq!(cognate.json(&["doctor"])["ok"], true);
    assert_eq!(cognate.json(&["dedup", "undo", "2"])["restored"], n_dropped);
    wait_for("the server to see that too", || (n_papers() == n_before).then_some(()));
}

#[test]
fn a_record_that_comes_again_stays_dropped_unless_it_is_to_be_restored() {
    let (cognate, corpus) = with_duplicates();
    let corpus = &*corpus;
    let applied = cognate.json(&["dedup", "--apply"]);
    let n_dropped = applied["applied"]["dropped"].as_u64().unwrap();
    let again = cognate.json(&["index", corpus]);
    assert_eq!([&again["unchanged"], &again["updated"]], [&again["read"], &json!(0)]);
    assert_eq!(cognate.json(&["dedup", "dropped"])["total"], n_dropped);

    let (id, _) = &to_drop(&applied)[0];
    let server = cognate.serve(&[]);
    let changed = json!({"id": id, "title": "Another title by now"}).to_string();
    let answer = server.post("/v1/papers", JSON, &changed).body;
    assert_eq!(answer["updated"], 1, "what it says is kept");
    assert_eq!(server.get(&format!("/v1/papers/{id}")).status, 404, "it stays dropped");
    let back = server.post("/v1/papers?restore=true", JSON, &changed).body;
    assert_eq!((&back["updated"], &back["unchanged"]), (&json!(1), &json!(0)));
    assert_eq!(server.get(&format!("/v1/papers/{id}")).body["title"], "Another title by now");

    let (id, _) = &to_drop(&applied)[1];
    let line = std::fs::read_to_string(corpus).unwrap();
    let record = line.lines().find(|line| line.contains(&format!("\"{id}\""))).unwrap();
    let wrapped = format!("{{\"papers\": [{record}], \"restore\": true}}");
    assert_eq!(server.post("/v1/papers", JSON, &wrapped).body["updated"], 1);
    assert_eq!(server.get(&format!("/v1/papers/{id}")).status, 200);
    assert_eq!(server.post("/v1/papers?restore=perhaps", JSON, &wrapped).status, 400);

    let (id, kept) = &to_drop(&applied)[2];
    assert_eq!(cognate.json(&["dedup", "undo", "--paper", id]), json!({"run": null, "restored": 1}));
    assert_eq!(cognate.json(&["get", id])["id"], **id);
    let restored = cognate.json(&["index", corpus, "--restore"]);
    assert!(restored["updated"].as_u64().unwrap() >= n_dropped - 3);
    assert_eq!(cognate.json(&["dedup", "dropped"])["total"], 0);

    // The last record of a paper does not go with the one that stood for it.
    cognate.json(&["dedup", "--apply"]);
    cognate.failure(&["get", id], 3);
    cognate.json(&["delete", kept]);
    assert_eq!(cognate.json(&["get", id])["id"], **id);
}

#[test]
fn labels_are_respected_and_last() {
    let (cognate, corpus) = with_duplicates();
    let report = cognate.json(&["dedup"]);
    let (id, kept) = to_drop(&report)[0].clone();
    let labelled = cognate.json(&["dedup", "label", &id, &kept, "no"]);
    assert_eq!(labelled["restored"], 0);
    let together = |report: &Value, a: &str, b: &str| {
        report["clusters"].as_array().unwrap().iter().any(|cluster| {
            let members = cluster["members"].as_array().unwrap();
            [a, b].iter().all(|id| members.iter().any(|member| member["id"] == *id))
        })
    };
    for clusters in ["complete", "connected"] {
        assert!(!together(&cognate.json(&["dedup", "--clusters", clusters]), &id, &kept));
    }
    // Two papers of which no rule would say so.
    cognate.json(&["dedup", "label", "demo-001", "demo-002", "yes"]);
    let report = cognate.json(&["dedup"]);
    assert!(together(&report, "demo-001", "demo-002"));
    let cluster = report["clusters"].to_string();
    assert!(cluster.contains("a person said that they are duplicates"), "{cluster}");

    // They outlive the papers.
    for id in [&id, "demo-001"] {
        cognate.json(&["delete", id]);
    }
    assert_eq!(cognate.json(&["dedup", "labels"])["labels"].as_array().unwrap().len(), 2);
    assert_eq!(cognate.json(&["index", &corpus])["added"], 2);
    let report = cognate.json(&["dedup"]);
    assert!(together(&report, "demo-001", "demo-002") && !together(&report, &id, &kept));

    // A no brings back what was dropped against it, and is taken back itself.
    let server = cognate.serve(&[]);
    server.post("/v1/dedup/apply", JSON, "");
    let pair = json!({"a": "demo-002", "b": "demo-001", "duplicate": false}).to_string();
    let answer = server.post("/v1/dedup/labels", JSON, &pair).body;
    assert_eq!(answer, json!({"a": "demo-001", "b": "demo-002", "duplicate": false, "restored": 1}));
    assert_eq!(server.get("/v1/papers/demo-001").status, 200);
    assert_eq!(server.get("/v1/papers/demo-002").status, 200);
    assert_eq!(server.delete("/v1/dedup/labels?a=demo-001&b=demo-002").status, 204);
    assert_eq!(server.get("/v1/dedup/labels").body["labels"].as_array().unwrap().len(), 1);
    let wrong =
        |body: &str, status: u16| assert_eq!(server.post("/v1/dedup/labels", JSON, body).status, status);
    wrong(r#"{"a": "demo-001", "b": "demo-001", "duplicate": true}"#, 400);
    wrong(r#"{"a": "demo-001", "b": "nowhere", "duplicate": true}"#, 404);
    wrong(r#"{"a": "demo-001", "b": "demo-002"}"#, 422);
    wrong(r#"{"a": "demo-001", "b": "demo-002", "duplicate": "perhaps"}"#, 422);
}

#[test]
fn a_cut_is_moved_without_comparing_again_and_labels_say_how_precise_it_is() {
    let (cognate, _) = with_duplicates();
    let server = cognate.serve(&[]);
    assert_eq!(server.get("/v1/dedup/histogram").status, 409, "nothing is scored yet");
    cognate.failure(&["dedup", "rethreshold"], 2);
    let scored = cognate.json(&["dedup"]);

    let loose = cognate.json(&["dedup", "rethreshold", "--min-probability", "0.5", "--keep", "oldest"]);
    assert!(to_drop(&loose).len() >= to_drop(&scored).len());
    let pairs = cognate.data().join("index/pairs");
    let kept = std::fs::read(&pairs).unwrap();
    for flags in [&["--min-probability", "0.5", "--keep", "oldest"][..], &["--threshold", "0.9"]] {
        let moved = cognate.json(&[&["dedup", "rethreshold"], flags].concat());
        std::fs::remove_file(&pairs).unwrap();
        let anew = cognate.json(&[&["dedup"], flags].concat());
        assert_eq!(moved["clusters"], anew["clusters"], "{flags:?}");
        std::fs::write(&pairs, &kept).unwrap();
    }
    // A damaged file is no file.
    let mut damaged = kept.clone();
    damaged[100] ^= 1;
    std::fs::write(&pairs, damaged).unwrap();
    assert_eq!(server.get("/v1/dedup/histogram").status, 409);
    assert_eq!(cognate.json(&["dedup"])["clusters"], scored["clusters"]);
    assert_eq!(std::fs::read(&pairs).unwrap(), kept);

    let histogram = server.get("/v1/dedup/histogram?bins=10").body;
    let bins = histogram["bins"].as_array().unwrap();
    let count = |value: &Value| value["n_pairs"].as_u64().unwrap();
    assert_eq!(bins.len(), 10);
    assert_eq!(count(&bins[8]) + count(&bins[9]), count(&histogram["above"]), "the cut is at 0.8");
    assert_eq!(histogram["above"]["precision"], json!({"estimate": null, "low": 0.0, "high": 1.0}));

    let nearest = server.get("/v1/dedup/pairs?limit=6").body;
    let nearest = nearest["pairs"].as_array().unwrap();
    let distance = |pair: &Value| (pair["probability"].as_f64().unwrap() - 0.8).abs();
    assert!(nearest.len() == 6 && nearest.is_sorted_by(|a, b| distance(a) <= distance(b)));
    for (n, pair) in nearest.iter().enumerate() {
        assert!(pair["a"]["title"].is_string() && !pair["reason"].as_str().unwrap().is_empty());
        let label = json!({"a": pair["a"]["id"], "b": pair["b"]["id"], "duplicate": n != 3}).to_string();
        assert_eq!(server.post("/v1/dedup/labels", JSON, &label).status, 200);
    }
    let next = server.get("/v1/dedup/pairs?limit=1").body;
    assert!(!nearest.contains(&next["pairs"][0]), "labelled pairs are not asked for again");
    let all = server.get("/v1/dedup/histogram?at=0").body["above"].clone();
    assert_eq!([&all["yes"], &all["no"]], [5, 1]);
    let precision = &all["precision"];
    let part = |name: &str| precision[name].as_f64().unwrap();
    assert!(part("low") < part("estimate") && part("estimate") < 1.0 && part("high") <= 1.0, "{precision}");
    let by_command = cognate.json(&["dedup", "histogram", "--at", "0"]);
    assert_eq!(by_command["above"], all);

    for path in ["histogram?bins=0", "histogram?at=2", "pairs?limit=0", "pairs?by=colour", "dropped?limit=0"]
    {
        assert_eq!(server.get(&format!("/v1/dedup/{path}")).status, 400, "{path}");
    }
    server.post("/v1/papers", JSON, r#"{"id": "new", "title": "Of another generation"}"#);
    assert_eq!(server.get("/v1/dedup/pairs").status, 409, "the papers changed");
}

#[test]
fn the_papers_that_stay_are_written_in_any_format() {
    let (cognate, _) = with_duplicates();
    let n_before = cognate.json(&["stats"])["n_papers"].as_u64().unwrap() as usize;
    let n_dropped = to_drop(&cognate.json(&["dedup"])).len();
    let written = |args: &[&str]| String::from_utf8(cognate.run(args).stdout).unwrap();
    let n_entries = |format: &str, begins: &str| {
        let text = written(&["dedup", "--format", format]);
        text.lines().filter(|line| line.starts_with(begins)).count()
    };
    assert_eq!(n_entries("bibtex", "@"), n_before - n_dropped);
    assert_eq!(n_entries("ris", "TY  -"), n_before - n_dropped);
    assert_eq!(n_entries("jsonl", "{"), n_before - n_dropped);
    let whole: Vec<Value> = serde_json::from_str(&written(&["dedup", "--format", "json"])).unwrap();
    assert_eq!(whole.len(), n_before - n_dropped);
    assert_eq!(cognate.json(&["stats"])["n_papers"], n_before, "nothing was changed");
    assert!(cognate.failure(&["dedup", "--format", "pdf"], 2).contains("bibtex"));
    assert_eq!(cognate.run(&["dedup", "--apply", "--dry-run"]).status.code(), Some(2));

    let table = cognate.folder.path().join("report.csv");
    let report = cognate.json(&["dedup", "--table", table.to_str().unwrap()]);
    let table = std::fs::read_to_string(table).unwrap();
    let clusters = report["clusters"].as_array().unwrap();
    let n_members: usize = clusters.iter().map(|cluster| cluster["members"].as_array().unwrap().len()).sum();
    assert_eq!(table.lines().count(), 1 + n_members);
    assert!(table.starts_with("keep,id,action,matched_to,") && table.contains(",drop,"), "{table}");

    let kept = written(&["dedup", "--apply", "--format", "csv"]);
    assert!(kept.lines().count() > n_before - n_dropped);
    assert_eq!(cognate.json(&["stats"])["n_papers"], n_before - n_dropped);
}

#[test]
fn an_application_killed_at_any_moment_is_whole_or_not_at_all() {
    let (cognate, _) = with_duplicates();
    let n_dropped = to_drop(&cognate.json(&["dedup"])).len() as u64;
    let pairs = cognate.data().join("index/pairs");
    for n in 0..6 {
        std::fs::remove_file(&pairs).unwrap();
        let mut child = cognate
            .command(&["dedup", "--apply"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The pairs are written a moment before anything is dropped; each time it goes on a little longer.
        while !pairs.exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        for _ in 0..n * 200 {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let total = cognate.json(&["dedup", "dropped"])["total"].as_u64().unwrap();
        assert!(total == 0 || total == n_dropped, "{total} of {n_dropped}");
        if total > 0 {
            cognate.json(&["dedup", "undo"]);
        }
        cognate.json(&["dedup"]);
    }
    assert_eq!(cognate.json(&["doctor"])["ok"], true);
}
