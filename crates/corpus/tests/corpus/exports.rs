//! Exports as parsers that are not ours read them. What our own readers make of them is tested beside
//! the code.

use std::path::Path;
use std::process::Command;

use cognate_corpus::Paper;
use cognate_corpus::export::{ExportFormat, Exported, FeedMeta, export};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

use crate::support::parse;

const N_PAPERS: usize = 400;

/// Texts with what each format could stumble over, and any Unicode.
fn nasty_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "([A-Z]?[a-z]{2,9}[,.:;]? ){1,12}[a-z]{3,9}",
        2 => any::<String>(),
        2 => "([a-zA-Z]{1,5}|[{}%&$#_^~\\\\\"'`<>@=|]| |--|BERT|50%|R&D){1,14}",
        2 => "([a-z]{1,6}|\\$[a-z]_\\{[0-9]\\}\\^2 \\\\alpha\\$|Schr\\\\\"\\{o\\}dinger|\\{\\\\'e\\}|\\\\v\\{c\\}|\\$5| ){1,8}",
        1 => "([a-z]{1,4}|\n|\r\n|\u{0}|\u{7f}|\u{85}|\u{202e}|\u{2028}|\u{200b}|\u{ffff}|\u{1f600}|مرحبا|שלום|\nER  - \n|\nTY  - X\n|\n@a\\{b,|]]>|<b>|&amp;){1,9}",
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Z][a-z]{2,7} ([A-Z]\\. )?(van |de la )?[A-ZÉÖ][a-zéöß]{2,9}( Jr\\.)?",
        1 => "[A-Z][a-z]{2,7}, [A-Z]\\.",
        1 => "(The )?[A-Z]{3,6} (Collaboration|Group and Sons)",
        1 => "山田 太郎|Plato|Erd\\\\H\\{o\\}s|Müller & Co|Smith, John, III|and",
        1 => any::<String>(),
    ]
}

fn papers() -> Vec<Paper> {
    let config = Config { rng_seed: RngSeed::Fixed(6), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let record = (
        (nasty_text(), nasty_text(), nasty_text(), nasty_text()),
        proptest::collection::vec(name(), 0..5),
        proptest::collection::vec(nasty_text(), 0..4),
        (0..8_u8, 1990..2026_i32, any::<prop::sample::Index>()),
    );
    let mut papers = Vec::new();
    while papers.len() < N_PAPERS {
        let ((title, text, venue, source), authors, categories, (ids, year, pick)) =
            record.new_tree(&mut runner).unwrap().current();
        let n = papers.len();
        let dated = pick.index(2) == 1;
        let id = |has: bool, id: String| if has { Value::from(id) } else { Value::Null };
        let dois =
            [format!("10.1234/a_{n}"), format!("10.1234/<{n}>{{x}}%41"), format!("10.1234/(s){n};2-#")];
        let made = parse(json!({
            "id": id(pick.index(3) > 0, format!("id {n} {{é}}%\\")),
            "title": title, "abstract": text, "venue": venue, "source": source, "authors": authors,
            "categories": categories, "year": year,
            "date": id(dated, format!("{}-05-03", year - i32::from(ids % 2))),
            "doi": id(ids & 1 > 0, dois[pick.index(3)].clone()),
            "arxiv_id": id(ids & 2 > 0, format!("1704.{n:05}")),
            "pmid": id(ids & 4 > 0, format!("{}", n + 1)),
            "pmcid": id(ids == 7, format!("PMC{}", n + 1)),
            "acl_id": id(ids == 5, format!("P19-{:04}", n + 1000)),
            "url": id(pick.index(5) == 0, format!("https://example.org/{n}?a=b&c={{d}}~#é")),
        }));
        papers.extend(made.map(|parsed| parsed.paper));
    }
    papers
}

#[test]
fn other_parsers_read_the_same_fields() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let papers = papers();
    let write = |format: ExportFormat| {
        let path = folder.path().join(format!("papers.{}", format.extension()));
        let meta = FeedMeta {
            title: "tides & <boats>".to_owned(),
            id: "urn:cognate:feed:test".to_owned(),
            link: Some("http://127.0.0.1:8080/v1/search?q=tides&format=atom".to_owned()),
            updated: Timestamp::UNIX_EPOCH,
        };
        let list = papers.iter().map(|paper| Exported { paper, score: Some(0.5) });
        export(format, &mut std::fs::File::create(&path).unwrap(), list, &meta).unwrap();
        path
    };
    let expected = write(ExportFormat::Json);
    let formats = [ExportFormat::Csv, ExportFormat::Bibtex, ExportFormat::Ris, ExportFormat::Atom];
    for (format, file) in formats.map(|format| (format, write(format))) {
        let output = Command::new(root.join("target/venv/bin/python"))
            .arg(root.join("tests/python/check_exports.py"))
            .args([format.name().as_ref(), file.as_os_str(), expected.as_os_str()])
            .output()
            .expect("scripts/test makes target/venv");
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
