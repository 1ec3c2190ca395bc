//! The exports that docs/formats.md names, each against a file in that layout.
//!
//! A file of `tests/layouts` is one export, written for this test in the real layout. Beside it,
//! `NAME.expected.json` lists what its records come to: an array with an object a record, whose members are
//! compared with the paper's fields by their names in JSON. A field that is not named is not compared; `null`
//! stands for one that the paper lacks. The table of exports in docs/formats.md has a row for every file.
//!
//! **To add an export**: put the file and what it holds into `tests/layouts`, and a row into the table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cognate_corpus::{ReadOptions, Source};
use serde_json::Value;

use crate::support::collect;

const EXPECTED: &str = ".expected.json";
/// Fewest records in a file, so that what stands between two is tried too.
const MIN_RECORDS: usize = 3;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layouts")
}

/// The files of `tests/layouts` that are exports.
fn layouts() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(EXPECTED)).collect()
}

#[test]
fn every_export_reads_as_expected() {
    let mut faults = Vec::new();
    for name in layouts() {
        let expected = fs::read(folder().join(format!("{name}{EXPECTED}")));
        let expected = expected.unwrap_or_else(|error| panic!("{name}{EXPECTED}: {error}"));
        let expected: Vec<Value> = serde_json::from_slice(&expected).unwrap();
        assert!(expected.len() >= MIN_RECORDS, "{name}: fewer than {MIN_RECORDS} records");
        let records = match Source::open(&folder().join(&name)).unwrap().records(&ReadOptions::default()) {
            Ok(records) => records,
            Err(error) => {
                faults.push(error.to_string());
                continue;
            }
        };
        let outcome = collect(records);
        faults.extend(outcome.fault.into_iter().chain(outcome.bad).map(|fault| format!("{name}: {fault}")));
        if outcome.papers.len() != expected.len() {
            faults.push(format!(
                "{name}: expected {} records, found {}",
                expected.len(),
                outcome.papers.len()
            ));
        }
        for (n, (parsed, expected)) in outcome.papers.iter().zip(&expected).enumerate() {
            let paper = serde_json::to_value(&parsed.paper).unwrap();
            compare(&paper, expected, &format!("{name}, record {}", n + 1), &mut faults);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Adds what `expected` names and `found` has not.
pub(crate) fn compare(found: &Value, expected: &Value, at: &str, faults: &mut Vec<String>) {
    match expected {
        Value::Object(members) => {
            for (name, expected) in members {
                compare(found.get(name).unwrap_or(&Value::Null), expected, &format!("{at}: {name}"), faults);
            }
        }
        Value::Null if found == &Value::Array(Vec::new()) => {}
        expected if found == expected => {}
        expected => faults.push(format!("{at}: expected {expected}, found {found}")),
    }
}

#[test]
fn the_table_of_exports_names_every_file_and_its_format() {
    let docs =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats.md")).unwrap();
    let section = docs.split("\n### Exports\n").nth(1).unwrap().split("\n### ").next().unwrap();
    let rows: Vec<Vec<&str>> = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let mut named = BTreeSet::new();
    for row in &rows {
        let [export, format, file] = row.as_slice() else { panic!("expected three cells, found {row:?}") };
        let file = file.trim_matches('`');
        assert!(!export.is_empty() && named.insert(file.to_owned()), "{row:?}");
        let records = Source::open(&folder().join(file)).unwrap().records(&ReadOptions::default()).unwrap();
        assert_eq!(records.format().name(), format.trim_matches('`'), "{export}");
    }
    assert_eq!(named, layouts());
}
