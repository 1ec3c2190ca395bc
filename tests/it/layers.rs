//! Dependencies point one way: neither crates nor the engine's modules use what ARCHITECTURE.md lists below them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::harness::root;

/// The names in the first column of the table under a heading of ARCHITECTURE.md, from the lowest to the highest.
fn order(heading: &str) -> HashMap<String, usize> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let order: HashMap<String, usize> = rows.map(str::to_owned).zip(0..).collect();
    assert!(order.len() > 5, "no table under {heading:?}");
    order
}

/// The files of Rust in a folder and below it.
fn rust_files(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Every name that follows `prefix` in the code of a file. Links in doc comments may point anywhere.
fn names_after<'t>(text: &'t str, prefix: &'t str) -> impl Iterator<Item = &'t str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mentions = code.flat_map(move |line| line.split(prefix).skip(1));
    mentions.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
}

#[test]
fn crates_use_only_crates_listed_before_them() {
    let order = order("The crates");
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = format!("crates/{}", folder.file_name().unwrap().to_string_lossy());
        let own = *order.get(&name).unwrap_or_else(|| panic!("ARCHITECTURE.md does not list {name}"));
        // The manifest of the binary's crate is that of the workspace.
        let manifest = folder.join("Cargo.toml");
        let manifest = if manifest.exists() { manifest } else { root().join("Cargo.toml") };
        let manifest = fs::read_to_string(manifest).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        for line in dependencies.lines() {
            let Some(used) = line.strip_prefix("cognate-") else { continue };
            let used = format!("crates/{}", used.split(['.', ' ', '=']).next().unwrap());
            assert!(order[&used] < own, "{name} uses {used}, which is not below it");
        }
    }
}

#[test]
fn modules_of_the_engine_use_only_modules_listed_before_them() {
    let order = order("The engine's modules");
    let source = root().join("crates/engine/src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut n_arrows = 0;
    for file in files {
        let path = file.strip_prefix(&source).unwrap();
        let module = path.components().next().unwrap().as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let own = *order.get(module).unwrap_or_else(|| panic!("ARCHITECTURE.md does not list {module}"));
        let text = fs::read_to_string(&file).unwrap();
        for used in names_after(&text, "crate::") {
            // What `lib.rs` gives out under its own name is named by its module inside the crate.
            let place = order.get(used);
            assert!(place.is_some(), "{}: name the module of crate::{used}", path.display());
            n_arrows += 1;
            assert!(
                place.is_some_and(|&place| place <= own),
                "{} uses crate::{used}, which is not below it",
                path.display()
            );
        }
    }
    assert!(n_arrows > 50);
}
