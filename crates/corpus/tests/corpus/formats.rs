//! Files to records: detection, compression, and each format's own faults.

use std::fs;
use std::io::{Read, Write};

use cognate_corpus::{Format, MAX_RECORD_BYTES, ReadError, ReadOptions, Source};
use serde_json::json;

use crate::support::{collect, read};

/// A text's format as detected, and the titles that it then gives without any error.
fn check(text: &str, format: Format, titles: &[&str]) {
    let source = Source::from_reader("test", std::io::Cursor::new(text.to_owned()));
    let records = source.records(&ReadOptions::default()).unwrap();
    assert_eq!(records.format(), format, "{text}");
    let outcome = collect(records);
    assert_eq!((&outcome.bad, &outcome.fault), (&vec![], &None), "{text}");
    assert_eq!(outcome.titles(), titles, "{text}");
}

/// What a text is to give: titles, the beginnings of its bad records' errors and of its fault.
struct Expected<'a> {
    titles: &'a [&'a str],
    bad: &'a [&'a str],
    fault: Option<&'a str>,
}

const NOTHING: Expected<'_> = Expected { titles: &[], bad: &[], fault: None };

fn check_faulty(text: impl Into<Vec<u8>>, format: Format, expected: Expected<'_>) {
    let Expected { titles, bad, fault } = expected;
    let outcome = read(text, format);
    assert_eq!(outcome.titles(), titles);
    assert_eq!(outcome.bad.len(), bad.len(), "{:?}", outcome.bad);
    for (found, expected) in outcome.bad.iter().zip(bad) {
        assert!(found.starts_with(expected), "{found}");
    }
    match (&outcome.fault, fault) {
        (None, None) => {}
        (Some(found), Some(expected)) if found.starts_with(expected) => {}
        (found, expected) => panic!("expected {expected:?}, found {found:?}"),
    }
}

const LONG: &str = "Tides turn twice a day, and so do the boats that are moored at the mouth of the river. We follow \
                    them for a year and give a model of their turning, which no one had asked for before this work.";

#[test]
fn detects_formats() {
    check("", Format::Jsonl, &[]);
    check(" \r\n", Format::Jsonl, &[]);
    check("\u{feff}{\"title\": \"A\"}\r\n\r\n{\"title\": \"B\"}", Format::Jsonl, &["A", "B"]);
    check("{\"title\": \"A\", \"data\": [1]}\n", Format::Jsonl, &["A"]);
    check("[]", Format::Json, &[]);
    check("[{\"title\": \"A]\"}, {\"title\": \"B\\\"\"}]\n", Format::Json, &["A]", "B\""]);
    check(
        "{\"total\": 2, \"data\": [{\"title\": \"A\"},\n{\"title\": \"B\"}], \"meta\": {}}",
        Format::Json,
        &["A", "B"],
    );
    check("{\n \"papers\": [\n{\"title\": \"A\"}]}", Format::Json, &["A"]);
    check("{\n  \"title\": \"A\",\n \"data\": [1]\n}\n{\n \"title\": \"B\"\n}\n", Format::Json, &["A", "B"]);
    check("id,title\n1,A\n2,B\n", Format::Csv, &["A", "B"]);
    check("id;Title;abstract, long\r\n1;A;x, y\r\n", Format::Csv, &["A"]);
    check("id\ttitle\n1\tA\n", Format::Tsv, &["A"]);
    check(&format!("Daily Papers\n\nMay 1\n\nOn tides\n\n{LONG}"), Format::DailyPapers, &["On tides"]);

    let wide = format!("{{\"note\": \"{}\", \"data\": [{{\"title\": \"A\"}}]}}", "x".repeat(10_000));
    check(&wide, Format::Json, &["A"]);
    let papers: Vec<_> = (0..5000).map(|n| json!({"title": n.to_string()})).collect();
    let outcome = read(json!({"total": 1, "papers": papers}).to_string(), Format::Auto);
    assert_eq!(
        (outcome.papers.len(), outcome.fault),
        (5000, None),
        "one line, longer than what is looked at"
    );
}

/// A line, or a list, that is nested too deep costs itself.
#[test]
fn deep_lists_cost_only_themselves() {
    let deep = "[".repeat(100_000);
    let closed = format!("{deep}{}", "]".repeat(100_000));
    for (text, n_bad) in [
        (format!("{deep}\n{{\"title\": \"A\"}}\n{{\"title\": \"B\"}}\n"), 1),
        (format!("{{\"title\": \"A\"}}\n{deep}\n{{\"title\": \"B\"}}\n"), 1),
        (format!("{closed}\n{{\"title\": \"A\"}}\n{{\"title\": \"B\"}}\n"), 1),
        (format!("[{{\"title\": \"A\"}},\n{closed},\n{{\"title\": \"B\"}}]"), 1),
        (format!("{{\"results\": [{{\"title\": \"A\"}}, {closed}, {{\"title\": \"B\"}}]}}"), 0),
    ] {
        let outcome = read(text.as_str(), Format::Auto);
        let start = &text[..20];
        assert_eq!((outcome.titles(), &outcome.fault), (vec!["A", "B"], &None), "{start} {:?}", outcome.bad);
        assert!(outcome.bad.len() >= n_bad, "{start} {:?}", outcome.bad);
    }
}

/// As OpenAlex's tables are written by programs.
#[test]
fn lists_of_ids_and_indexes_of_words_in_cells() {
    let text = "id,title,ids.pmid,externalIds.DOI,abstract_inverted_index\n\
                W2741809807,A,https://pubmed.ncbi.nlm.nih.gov/31234567,10.5555/1,\"{\"\"Trade\"\": [0], \"\"tides\"\": [2], \"\"and\"\": [1]}\"\n";
    let outcome = read(text, Format::Auto);
    let [record] = outcome.papers.as_slice() else { panic!("{outcome:?}") };
    let ids: Vec<&str> = record.paper.external_ids.values().map(String::as_str).collect();
    assert_eq!(record.paper.id.as_str(), "W2741809807");
    assert!(["10.5555/1", "31234567"].iter().all(|id| ids.contains(id)), "{ids:?}");
    assert_eq!(record.paper.abstract_text.as_deref(), Some("Trade and tides"));
}

/// Of a name that stands twice in one object readers of JSON take the last value; the other is told and kept.
#[test]
fn a_name_that_stands_twice_is_told() {
    let line =
        r#"{"title": "First", "ids": {"mag": 1, "mag": 2}, "title": "Last", "year": 2020, "year": 2020}"#;
    for text in [line.to_owned(), format!("[{line}]")] {
        let outcome = read(text.as_str(), Format::Auto);
        let [record] = outcome.papers.as_slice() else { panic!("{outcome:?}") };
        assert_eq!((record.paper.title.as_deref(), record.paper.year), (Some("Last"), Some(2020)));
        assert_eq!(record.paper.extra["title"], "First");
        let fields: Vec<&str> = record.warnings.iter().map(|warning| warning.field.as_str()).collect();
        assert_eq!(fields, ["ids.mag", "title"]);
    }
}

#[test]
fn what_looks_like_no_format_is_said() {
    let expected = "test: expected a file in one of the formats jsonl, json, csv";
    check_faulty("Some prose.\n\nMore prose.", Format::Auto, Expected { fault: Some(expected), ..NOTHING });
    check_faulty("%PDF-1.4", Format::Auto, Expected { fault: Some(expected), ..NOTHING });
    assert_eq!("daily-papers".parse(), Ok(Format::DailyPapers));
    let unknown = "html".parse::<Format>().unwrap_err().to_string();
    assert!(unknown.contains("auto, jsonl") && unknown.contains("html"));
}

#[test]
fn bad_lines_are_skipped_with_their_numbers() {
    let text = "{\"title\": \"A\"}\n{\"title\": \n\n[1]\n{\"id\": 1}\n\u{fffd}\n{\"title\": \"B\"}\n";
    let bad = [
        "test:2: expected a record in JSON, found one that is cut short",
        "test:4: expected a JSON object, found a list",
        "test:5: title: expected a title, an abstract",
        "test:6: expected a record in JSON, found an error at column 1",
    ];
    check_faulty(text, Format::Auto, Expected { titles: &["A", "B"], bad: &bad, ..NOTHING });
}

#[test]
fn a_record_beyond_the_bound_is_passed_over() {
    let long = "x".repeat(MAX_RECORD_BYTES);
    let lines = format!("{{\"title\": \"A\"}}\n{{\"title\": \"{long}\"}}\n{{\"title\": \"B\"}}");
    check_faulty(
        lines,
        Format::Jsonl,
        Expected { titles: &["A", "B"], bad: &["test:2: expected a record of at most 16 MiB"], ..NOTHING },
    );
    let array = format!("[{{\"title\": \"A\"}},\n{{\"title\": \"{long}\"}},\n{{\"title\": \"B\"}}]");
    check_faulty(
        array,
        Format::Auto,
        Expected { titles: &["A", "B"], bad: &["test:2: expected a record of at most 16 MiB"], ..NOTHING },
    );
    let table = format!("id,title\n1,A\n2,\"{long}\n3,B\n{long}");
    check_faulty(
        table,
        Format::Csv,
        Expected {
            titles: &["A", "B"],
            bad: &["test:3: expected a row of at most 16 MiB", "test:5: "],
            ..NOTHING
        },
    );
}

#[test]
fn json_documents() {
    let text = "[{\"title\": \"A\"},\n {\"title\": tru},\n 7, {\"title\": \"B\"}\n {\"title\": \"C\"}]";
    let bad = ["test:2: expected a record in JSON", "test:3: expected a JSON object, found 7"];
    check_faulty(
        text,
        Format::Json,
        Expected { titles: &["A", "B"], bad: &bad, fault: Some("test:4: expected , or ], found \"{\"") },
    );
    check_faulty(
        "[{\"title\": \"A\"}",
        Format::Json,
        Expected { titles: &["A"], fault: Some("test:1: expected , or ], found the end"), ..NOTHING },
    );
    check_faulty(
        "[{\"title\": \"A",
        Format::Json,
        Expected { fault: Some("test:1: expected the end of a string"), ..NOTHING },
    );
    check_faulty(
        "{\"title\" \"A\"}",
        Format::Json,
        Expected { bad: &["test:1: expected a record in JSON"], ..NOTHING },
    );
    check_faulty(
        "[{}] x",
        Format::Json,
        Expected {
            bad: &["test:1: title"],
            fault: Some("test:1: expected an array or an object"),
            ..NOTHING
        },
    );
    check_faulty(
        "[,]",
        Format::Json,
        Expected { fault: Some("test:1: expected a value, found \",\""), ..NOTHING },
    );
    let both = "{\"data\": [{\"title\": \"A\"}], \"x\": [[1]], \"papers\": [{\"title\": \"B\"}]}[{\"title\": \"C\"}]";
    check_faulty(both, Format::Json, Expected { titles: &["A", "B", "C"], ..NOTHING });
}

#[test]
fn tables() {
    let text = "\u{feff}Paper ID,Title,Abstract,Publication Date,doi,\n\
                a,\"On \"\"tides\"\"\",\"Line one,\nline two.\",2019-05-03,10.1234/A,0\n\
                ,,,,,\n\
                b,B,N/A,,,1\n";
    let outcome = read(text, Format::Auto);
    assert_eq!((outcome.titles(), &outcome.bad, &outcome.fault), (vec!["On \"tides\"", "B"], &vec![], &None));
    let first = &outcome.papers[0];
    assert_eq!(first.paper.id.as_str(), "a");
    assert_eq!(first.paper.abstract_text.as_deref(), Some("Line one,\nline two."));
    assert_eq!(first.paper.year, Some(2019));
    assert_eq!(first.paper.extra["6"], "0");
    assert_eq!((first.place.line, outcome.papers[1].place.line), (2, 5));

    let shifted = "title,year\nA, B,2019\nC\nD,2019,,\n";
    let bad = ["test:2: expected a row of 2 cells, found 3"];
    check_faulty(shifted, Format::Csv, Expected { titles: &["C", "D"], bad: &bad, ..NOTHING });
    check_faulty(
        b"title,id\n\xe9,1\nB,2\n".to_vec(),
        Format::Csv,
        Expected { titles: &["é", "B"], ..NOTHING },
    );
    check_faulty(
        "A,2019\nB,2018\n",
        Format::Csv,
        Expected { fault: Some("test:1: expected a header row with a column"), ..NOTHING },
    );
    check_faulty("title\nA\n", Format::Csv, Expected { titles: &["A"], ..NOTHING });
    let twice = read("title,note,note\nA,1,2\n", Format::Csv);
    assert_eq!(twice.papers[0].paper.extra, json!({"note": "1", "note_3": "2"}).as_object().unwrap().clone());
}

#[test]
fn daily_papers_pages() {
    let page =
        format!("new\n\nDaily Papers\n\nMay 1\n\nOn tides\n\n{LONG}\n \nOn\nboats\r\n\r\n{LONG}\n\n{LONG}\n");
    let day = jiff::civil::date(2024, 5, 1);
    let source = Source::from_reader("test", std::io::Cursor::new(page));
    let outcome = collect(source.records(&ReadOptions { day: Some(day), ..ReadOptions::default() }).unwrap());
    assert_eq!((outcome.titles(), &outcome.fault), (vec!["On tides", "On boats"], &None));
    assert_eq!(outcome.papers[0].paper.publication_date, Some(day));
    assert_eq!(outcome.papers[0].paper.abstract_text.as_deref(), Some(LONG));
    assert_eq!(
        outcome.papers[1].paper.abstract_text,
        Some(format!("{LONG}\n\n{LONG}")),
        "an abstract may go on"
    );
    assert_eq!(outcome.papers[1].place.line, 11);

    let page = format!("On tides\n\n{LONG}\n\nMore\n\nOn boats\n\n{LONG}\n\nTerms");
    let bad = ["test:5: abstract: expected an abstract", "test:11: abstract: expected an abstract"];
    check_faulty(
        page,
        Format::DailyPapers,
        Expected { titles: &["On tides", "On boats"], bad: &bad, ..NOTHING },
    );
    let expected = "test:1: expected the text of a Daily Papers page";
    check_faulty("Daily Papers", Format::Auto, Expected { fault: Some(expected), ..NOTHING });
    check_faulty(
        "",
        Format::DailyPapers,
        Expected { fault: Some("test:2: expected the text of"), ..NOTHING },
    );
    check_faulty(LONG, Format::DailyPapers, Expected { fault: Some(expected), ..NOTHING });
    check_faulty(b"\xff\n\n".to_vec(), Format::DailyPapers, Expected { fault: Some(expected), ..NOTHING });
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compression_is_transparent() {
    let (first, second) = ("{\"title\": \"A\"}\n{\"title\"", ": \"B\"}\n");
    let zstd = |text: &str| zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
    for stored in [[gzip(first), gzip(second)].concat(), [zstd(first), zstd(second)].concat()] {
        check_faulty(stored, Format::Auto, Expected { titles: &["A", "B"], ..NOTHING });
    }
    let skippable = [b"\x50\x2a\x4d\x18\x01\0\0\0!".to_vec(), zstd(first), zstd(second)].concat();
    check_faulty(skippable, Format::Auto, Expected { titles: &["A", "B"], ..NOTHING });
}

#[test]
fn corrupt_compression_ends_the_reading_after_the_good_records() {
    // Random enough that a cut in the middle leaves whole records before it.
    let text: String = (0..20_000_u64).map(|n| format!("{{\"title\": \"t{}\"}}\n", n * n * 7919)).collect();
    for stored in [gzip(&text), zstd::stream::encode_all(text.as_bytes(), 1).unwrap()] {
        let cut = &stored[..stored.len() * 3 / 4];
        let outcome = read(cut, Format::Auto);
        let n_good = outcome.papers.len();
        assert!(n_good > 1000 && n_good < 20_000 && outcome.bad.is_empty());
        let fault = outcome.fault.unwrap();
        assert!(fault.starts_with(&format!("test:{}: reading stopped about byte ", n_good + 1)), "{fault}");
        assert!(fault.contains(&cut.len().to_string()), "{fault}");
    }
}

#[test]
fn files_and_faults_of_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("papers.jsonl.gz");
    fs::write(&path, gzip("{\"title\": \"A\"}\n{}")).unwrap();
    let source = Source::open(&path).unwrap();
    let mut records = source.records(&ReadOptions::default()).unwrap();
    let size = fs::metadata(&path).unwrap().len();
    assert_eq!((records.size_bytes(), records.next().unwrap().is_ok()), (Some(size), true));
    let bad = records.next().unwrap().unwrap().unwrap_err();
    assert_eq!((bad.place.file.as_ref(), bad.place.line), (path.to_str().unwrap(), 2));
    assert!(records.next().is_none() && records.consumed_bytes() == size);

    for missing in [folder.path().join("none.jsonl"), folder.path().to_owned()] {
        let error = Source::open(&missing).unwrap_err();
        assert!(matches!(&error, ReadError::Open { path, .. } if *path == missing));
        assert!(std::error::Error::source(&error).is_some());
    }

    /// Fails where it ends.
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    for (text, format) in [
        ("{\"title\": \"A\"}\n{\"ti".to_owned(), Format::Jsonl),
        ("title,id\nA,1\nB,".to_owned(), Format::Csv),
        (format!("Daily Papers\n\nA\n\n{LONG}\n\nB"), Format::DailyPapers),
    ] {
        let reader = std::io::Cursor::new(text).chain(Failing);
        let outcome = collect(Source::from_reader("test", reader).records(&ReadOptions::default()).unwrap());
        assert_eq!(outcome.titles(), ["A"], "{format}");
        assert!(outcome.fault.unwrap().contains("reading stopped"), "{format}");
    }
}
