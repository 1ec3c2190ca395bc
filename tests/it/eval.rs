//! Evaluation: the figures, their independent check, and the user's papers left alone.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Cognate, demo_corpus, root};

#[test]
fn the_demo_corpus_is_measured_as_an_independent_program_measures_it() {
    let cognate = Cognate::new();
    let run = cognate.folder.path().join("demo.run");
    let demo = demo_corpus();
    let args = ["eval", demo.to_str().unwrap(), "--mode", "hybrid", "--run", run.to_str().unwrap()];
    let found = cognate.json(&args);
    assert_eq!([&found["collection"], &found["split"], &found["mode"]], ["demo", "test", "hybrid"]);
    assert_eq!(found["n_queries"], 40);
    assert!(found["ndcg_at_10"].as_f64().unwrap() > 0.7, "{found}");

    let output = Command::new(root().join("target/venv/bin/python"))
        .arg(root().join("tests/python/measure.py"))
        .args([&demo.join("qrels/test.tsv"), &run])
        .output()
        .expect("scripts/test makes target/venv");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in ["ndcg_at_10", "mrr_at_10", "map", "recall_at_100"] {
        let (found, expected) = (found[key].as_f64().unwrap(), expected[key].as_f64().unwrap());
        assert!((found - expected).abs() < 1e-6, "{key}: {found}, but ir-measures finds {expected}");
    }

    assert!(!cognate.store().exists(), "the user's papers are left alone");
    let folders = || std::fs::read_dir(cognate.data().join("eval")).unwrap().count();
    assert_eq!(folders(), 1);
    let again = cognate.json(&args);
    assert_eq!(again["ndcg_at_10"], found["ndcg_at_10"]);
    assert_eq!(folders(), 1, "the embedded collection is used again");
}

#[test]
fn modes_are_compared_side_by_side_and_with_earlier_runs() {
    let cognate = Cognate::new();
    let demo = demo_corpus();
    let demo = demo.to_str().unwrap();
    let path = |name: &str| cognate.folder.path().join(name).to_str().unwrap().to_owned();
    let compared = cognate.json(&["eval", demo, "--per-query", &path("queries.csv")]);
    let modes = compared["modes"].as_array().unwrap();
    let names: Vec<&Value> = modes.iter().map(|mode| &mode["mode"]).collect();
    assert_eq!(names, ["semantic", "keyword", "hybrid"]);
    assert_eq!(compared["mode"], "semantic");
    assert_eq!(compared["ndcg_at_10"], modes[0]["ndcg_at_10"]);
    assert_eq!(modes[2]["difference"]["to"], "semantic");
    let p_value = modes[1]["difference"]["p_value"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&p_value));
    let table = std::fs::read_to_string(path("queries.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 3 * 40);

    cognate.json(&["eval", demo, "--mode", "keyword", "--run", &path("keyword.run")]);
    let against = cognate.json(&["eval", demo, "--mode", "semantic", "--against", &path("keyword.run")]);
    let difference = against["difference"]["ndcg_at_10"].as_f64().unwrap();
    let expected = modes[0]["ndcg_at_10"].as_f64().unwrap() - modes[1]["ndcg_at_10"].as_f64().unwrap();
    assert!((difference - expected).abs() < 1e-9);
    std::fs::write(path("bad.run"), "q01 Q0 demo-001 1\n").unwrap();
    let message = cognate.failure(&["eval", demo, "--mode", "semantic", "--against", &path("bad.run")], 2);
    assert!(message.contains("line 1"), "{message}");
}

#[test]
fn what_is_no_collection_is_named() {
    let cognate = Cognate::new();
    let folder = cognate.folder.path().to_str().unwrap().to_owned();
    assert!(cognate.failure(&["eval", &folder], 2).contains("queries.jsonl"));
    let demo = demo_corpus();
    let message = cognate.failure(&["eval", demo.to_str().unwrap(), "--split", "dev"], 2);
    assert!(message.contains("dev"), "{message}");
}
