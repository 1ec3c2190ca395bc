//! Papers with another engine, as far as that needs none: how they are named, and what is refused. `scripts/check-full milvus`
//! asks a real one.

use std::process::Output;

use crate::harness::{Cognate, last_line};

const ADDRESS: &str = "milvus://127.0.0.1:9/papers";

/// Runs a command that names no data folder.
fn elsewhere(cognate: &Cognate, args: &[&str], envs: &[(&str, &str)]) -> Output {
    let mut command = cognate.command_anywhere();
    command.arg("--json").args(args).envs(envs.iter().copied()).output().unwrap()
}

fn refusal(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    last_line(output)["message"].as_str().unwrap().to_owned()
}

#[test]
fn papers_lie_in_one_place() {
    let cognate = Cognate::new();
    let data = cognate.data();
    let data = data.to_str().unwrap();
    let both = elsewhere(&cognate, &["--data", data, "--engine", ADDRESS, "stats"], &[]);
    assert!(refusal(&both, 2).contains("leave `data` or `engine` out"));
    // The configuration file names one, the command line the other, which counts.
    let config = cognate.file("cognate.toml", &format!("engine = \"{ADDRESS}\"\n"));
    let paper = cognate.file("one.jsonl", "{\"id\": \"one\", \"title\": \"One paper\"}");
    let indexed = elsewhere(&cognate, &["--config", &config, "--data", data, "index", &paper], &[]);
    assert_eq!(indexed.status.code(), Some(0), "{}", String::from_utf8_lossy(&indexed.stderr));
    let reembed = elsewhere(&cognate, &["--config", &config, "reembed"], &[]);
    assert!(refusal(&reembed, 2).contains("this works on a data folder"));
    let shard = elsewhere(&cognate, &["--data", data, "index", "--shard", "0/2", &paper], &[]);
    assert_eq!(shard.status.code(), Some(2), "a data folder is written whole");
}

#[test]
#[cfg(not(feature = "milvus"))]
fn a_build_without_milvus_says_how_to_get_it() {
    let cognate = Cognate::new();
    cognate.file("papers.jsonl", "{\"id\": \"one\", \"title\": \"One paper\"}");
    for args in [&["search", "bats"][..], &["index", "papers.jsonl"], &["stats"]] {
        let refused = elsewhere(&cognate, &[&["--engine", ADDRESS], args].concat(), &[]);
        assert!(refusal(&refused, 2).contains("--features milvus"), "{args:?}");
    }
    let refused = elsewhere(&cognate, &["search", "bats"], &[("COGNATE_ENGINE", ADDRESS)]);
    assert!(refusal(&refused, 2).contains("--features milvus"));
}

#[test]
#[cfg(feature = "milvus")]
fn an_engine_that_does_not_listen_is_away() {
    let cognate = Cognate::new();
    for args in [&["search", "bats"][..], &["stats"], &["get", "one"], &["export", "--format=jsonl"]] {
        let away = elsewhere(&cognate, &[&["--engine", ADDRESS], args].concat(), &[]);
        assert!(refusal(&away, 1).contains("does not answer"), "{args:?}");
    }
    for address in ["papers", "milvus://localhost/papers", "milvus://localhost:1/papers?index=none"] {
        let wrong = elsewhere(&cognate, &["--engine", address, "stats"], &[]);
        assert!(refusal(&wrong, 2).contains("`engine`"), "{address}");
    }
}
