//! The documents are true: paths exist, and the README's commands work.

use std::process::Command;

use crate::harness::{Cognate, root};

#[test]
fn every_path_in_architecture_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut n_paths = 0;
    for quoted in text.split('`').skip(1).step_by(2) {
        let tops = ["crates/", "models/", "scripts/", "tests/", "docs/", "benches/", ".ci/"];
        if tops.iter().any(|top| quoted.starts_with(top)) && !quoted.contains(char::is_whitespace) {
            n_paths += 1;
            assert!(root().join(quoted).exists(), "ARCHITECTURE.md names {quoted}, which does not exist");
        }
    }
    assert!(n_paths > 10);
}

/// Runs every `sh` block of the README that is about `cognate` itself, in one folder with the files
/// that they speak of.
#[test]
fn the_examples_of_the_readme_work() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let cognate = Cognate::new();
    let corpus = std::fs::read_to_string(crate::harness::demo_corpus().join("corpus.jsonl")).unwrap();
    let few: String = corpus.lines().take(12).map(|line| format!("{line}\n")).collect();
    cognate.file("papers.jsonl", &few);
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_cognate"));
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut n_examples = 0;
    for block in readme.split("```sh\n").skip(1) {
        let script = block.split("```").next().unwrap();
        if !script.lines().any(|line| line.starts_with("cognate ")) {
            continue;
        }
        n_examples += 1;
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(cognate.folder.path())
            .env("PATH", &path)
            .env("COGNATE_MODELS", root().join("models"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(n_examples >= 2);
}
