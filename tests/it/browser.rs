//! The web page in a real browser: `tests/browser`, against the binary and the demo corpus.

use std::path::Path;
use std::process::Command;

use crate::harness::{Cognate, root};

#[test]
fn people_can_use_the_page() {
    let folder = root().join("tests/browser");
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let chromium = chromium.into_iter().find(|path| Path::new(path).exists());
    let (true, Some(chromium)) = (folder.join("node_modules").exists(), chromium) else {
        eprintln!("SKIPPED: needs Chromium and the packages of tests/browser; scripts/test installs them");
        return;
    };
    let (server, allowing, keyed) = (Cognate::with_demo(), Cognate::with_demo(), Cognate::with_demo());
    let empty = Cognate::new();
    let empty = empty.serve(&[]);
    let server = server.serve(&[]);
    let allowing = allowing.serve(&["--allow-origin", &server.address]);
    let key = keyed.json(&["keys", "add", "reader", "--scope", "write"])["key"].as_str().unwrap().to_owned();
    let keyed = keyed.serve(&[]);
    let output = Command::new("node")
        // One file after the other: they change the same papers.
        .args(["--test", "--test-concurrency=1", "--test-reporter=tap", "."])
        .current_dir(&folder)
        .env("COGNATE_ADDRESS", &server.address)
        .env("COGNATE_EMPTY", &empty.address)
        .env("COGNATE_ALLOWING", &allowing.address)
        .env("COGNATE_KEYED", &keyed.address)
        .env("COGNATE_KEY", key)
        .env("COGNATE_SCREENSHOTS", root().join("target/screenshots"))
        .env("CHROMIUM", chromium)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}
