//! `index` beside a running `serve`, and either one killed.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::harness::{Cognate, Server, ids, signal, wait_for};

#[test]
fn a_server_sees_what_another_process_indexes() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let n_before = server.get("/v1/search?q=beekeeping").body["total"].as_u64().unwrap();
    let file = cognate.file("new.jsonl", "{\"id\": \"new\", \"title\": \"Beekeeping on city roofs\"}");
    assert_eq!(cognate.json(&["index", &file])["added"], 1);
    let answer = wait_for("the new paper", || {
        let answer = server.get("/v1/search?q=beekeeping+on+urban+rooftops").body;
        (answer["total"] != n_before).then_some(answer)
    });
    assert_eq!(ids(&answer)[0], "new");
    cognate.json(&["delete", "new"]);
    wait_for("the deletion", || (server.get("/v1/search?q=bees").body["total"] == n_before).then_some(()));
}

#[test]
fn a_killed_indexer_leaves_the_server_well() {
    let cognate = Cognate::with_demo();
    let Some(file) = crate::crash::arxiv_slice(&cognate, 500) else { return };
    let server = cognate.serve(&[]);
    let n_before = server.get("/v1/stats").body["n_papers"].as_u64().unwrap();
    let mut indexer =
        cognate.command(&["index", &file]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("a commit", || (server.get("/v1/stats").body["n_papers"] != n_before).then_some(()));
    indexer.kill().unwrap();
    indexer.wait().unwrap();

    // What was committed is served, and the server itself can write: no lock was left behind.
    let answer =
        server.post("/v1/papers", "application/json", r#"{"id": "after", "title": "After the kill"}"#);
    assert_eq!((answer.status, &answer.body["added"]), (200, &Value::from(1)));
    let stats = server.get("/v1/stats").body;
    wait_for("the server to catch up", || {
        let total = server.get("/v1/search?q=kill").body["total"].clone();
        (total == stats["n_papers"]).then_some(())
    });
}

#[test]
fn a_killed_server_loses_nothing_acknowledged() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let answer = server.post("/v1/papers", "application/json", r#"{"id": "kept", "title": "Glacier mice"}"#);
    assert_eq!(answer.status, 200);
    assert_eq!(server.delete("/v1/papers/demo-001").status, 204);
    server.kill();
    assert_eq!(cognate.json(&["get", "kept"])["title"], "Glacier mice");
    cognate.failure(&["get", "demo-001"], 3);
    let again = cognate.serve(&[]);
    let found = ids(&again.get("/v1/search?q=glacier+mice&limit=1000").body);
    assert_eq!(found[0], "kept");
    assert!(!found.contains(&"demo-001".to_owned()));
    assert_eq!(again.terminate(), Some(0));
}

/// A batch in which every paper is of the same round.
fn round(number: usize) -> String {
    let paper = |n: usize| {
        let year = 1_900 + number;
        serde_json::json!({"id": format!("zebra-{n}"), "title": format!("Zebra stripes {n}"),
            "abstract": format!("Observed in round{number} of the survey."), "year": year, "venue": format!("V{number}")})
    };
    (0..12).map(|n| paper(n).to_string() + "\n").collect()
}

/// The rounds that an answer's papers, facets and words are of.
fn rounds_of(answer: &Value) -> Vec<usize> {
    let of_hit = |hit: &Value| hit["year"].as_u64().unwrap() as usize - 1_900;
    let mut rounds: Vec<usize> = answer["data"].as_array().unwrap().iter().map(of_hit).collect();
    let years = answer["facets"]["year"].as_array().unwrap();
    rounds
        .extend(years.iter().map(|count| count["value"].as_str().unwrap().parse::<usize>().unwrap() - 1_900));
    rounds.sort_unstable();
    rounds.dedup();
    rounds
}

#[test]
fn an_answer_never_mixes_generations() {
    const N_ROUNDS: usize = 12;
    let cognate = Cognate::new();
    let file = cognate.file("round.jsonl", &round(0));
    cognate.json(&["index", &file]);
    // One of them keeps the files, the other follows in memory.
    let servers = [cognate.serve(&[]), cognate.serve(&[])];
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|n| {
                let (server, is_done) = (&servers[n % 2], &is_done);
                scope.spawn(move || {
                    let mode = ["keyword", "hybrid"][n / 2];
                    let path = format!("/v1/search?q=zebra+stripes&mode={mode}&facets=year&limit=30");
                    let mut last = (0, 0);
                    let mut n_answers = 0;
                    while !is_done.load(Ordering::Acquire) || n_answers == 0 {
                        let answer = server.get(&path).body;
                        let rounds = rounds_of(&answer);
                        assert_eq!(rounds.len(), 1, "{answer}");
                        assert_eq!(
                            (answer["total"].as_u64(), ids(&answer).len()),
                            (Some(12), 12),
                            "{answer}"
                        );
                        // The generation tells which round, and both only go up.
                        let now = (answer["meta"]["generation"].as_u64().unwrap(), rounds[0]);
                        assert!(now == last || (now.0 > last.0 && now.1 >= last.1), "{last:?}, then {now:?}");
                        last = now;
                        n_answers += 1;
                    }
                    n_answers
                })
            })
            .collect();
        for number in 1..=N_ROUNDS {
            let writer = &servers[number % 2];
            let answer = writer.post("/v1/papers", "application/x-ndjson", &round(number));
            assert_eq!(
                (answer.status, &answer.body["updated"]),
                (200, &Value::from(12)),
                "{:?}",
                answer.body
            );
            let seen = writer.get("/v1/search?q=zebra&mode=keyword&facets=year&limit=30").body;
            assert_eq!(rounds_of(&seen), [number], "whoever acknowledged it sees it");
        }
        is_done.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    for server in &servers {
        wait_for("the last round", || {
            let answer = server.get("/v1/search?q=zebra&mode=keyword&facets=year").body;
            (rounds_of(&answer) == [N_ROUNDS]).then_some(())
        });
    }
}

#[test]
fn what_one_process_acknowledges_is_found_there_while_the_other_is_stopped() {
    let cognate = Cognate::with_demo();
    let keeper = cognate.serve(&[]);
    let other = cognate.serve(&[]);
    let total = |server: &Server, query: &str| {
        server.get(&format!("/v1/search?q={query}&mode=keyword")).body["total"].as_u64().unwrap()
    };
    let post = |server: &Server, id: &str, title: &str| {
        let paper = serde_json::json!({"id": id, "title": title}).to_string();
        assert_eq!(server.post("/v1/papers", "application/json", &paper).status, 200);
    };
    for (stopped, running) in [(&keeper, &other), (&other, &keeper)] {
        signal(stopped.pid(), "STOP");
        post(running, "x-1", "Quokkas on the island");
        assert_eq!((total(running, "quokkas"), total(running, "wallabies")), (1, 0));
        post(running, "x-1", "Wallabies on the island");
        assert_eq!((total(running, "quokkas"), total(running, "wallabies")), (0, 1));
        assert_eq!(ids(&running.get("/v1/search?q=wallabies+island&limit=1").body), ["x-1"]);
        assert_eq!(running.delete("/v1/papers/x-1").status, 204);
        assert_eq!(total(running, "wallabies"), 0);
        post(running, "x-2", "Numbats eat termites");
        signal(stopped.pid(), "CONT");
        wait_for("the other to follow", || (total(stopped, "numbats") == 1).then_some(()));
        assert_eq!(running.delete("/v1/papers/x-2").status, 204);
        wait_for("the other to follow", || (total(stopped, "numbats") == 0).then_some(()));
    }
    // What was in memory alone is written by whoever takes over.
    signal(keeper.pid(), "STOP");
    post(&other, "x-3", "Bilbies dig burrows");
    keeper.kill();
    assert_eq!(total(&other, "bilbies"), 1);
    wait_for("the other to keep the files", || {
        let index = other.get("/v1/stats").body["index"]["keywords"].clone();
        let segments = index["segments"].as_array().unwrap();
        segments.iter().all(|segment| segment["name"] != "memory").then_some(())
    });
    assert_eq!(total(&other, "bilbies"), 1);
    assert_eq!(other.terminate(), Some(0));
    assert_eq!(cognate.json(&["doctor"])["ok"], true);
    assert_eq!(cognate.json(&["search", "bilbies", "--mode", "keyword"])["total"], 1);
}
