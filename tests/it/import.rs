//! Records in from several sources at once, and out again. All with a tiny model: what is meant is not what counts here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Cognate, last_line, root};

/// Runs with a tiny model and `--json`, expects success, and gives the last line of standard output.
fn run(cognate: &Cognate, args: &[&str]) -> Value {
    let output = output(cognate, args, 0);
    last_line(&output)
}

fn output(cognate: &Cognate, args: &[&str], code: i32) -> std::process::Output {
    let model = root().join("crates/embed/tests/fixtures/tiny-mean");
    let output = cognate.run(&[&["--json", "--model", model.to_str().unwrap()], args].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What `export` writes.
fn exported(cognate: &Cognate, args: &[&str]) -> String {
    String::from_utf8(output(cognate, &[&["export"], args].concat(), 0).stdout).unwrap()
}

/// The papers of a store by id.
fn papers(cognate: &Cognate) -> BTreeMap<String, Value> {
    let lines = exported(cognate, &["--format", "jsonl"]);
    let papers = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    papers.map(|paper| (paper["id"].as_str().unwrap().to_owned(), paper)).collect()
}

fn counts(report: &Value) -> [u64; 6] {
    ["read", "added", "updated", "unchanged", "repeated", "skipped"]
        .map(|name| report[name].as_u64().unwrap())
}

const BIB: &str = r"@article{smith2020tides,
  title = {Tides and Trade in {F{\o}lner}'s Harbour},
  author = {Smith, Ada and Doe, Bo},
  journal = {Journal of Quays},
  year = {2020}, volume = {4}, number = {2}, pages = {101--117},
  doi = {10.5555/tides.1}, keywords = {tides, trade}, note = {as ever},
  abstract = {Trade follows tides at every quay that we saw.}
}
@inproceedings{doe2019, title = {Locks of the North}, author = {Doe, Bo}, year = {2019}, booktitle = {Proceedings of Locks},
  doi = {10.5555/locks.1}}
@phdthesis{roe2018, title = {Quays}, author = {Roe, Cy}, year = {2018}, school = {University of Harbours}}
";

const RIS: &str = "TY  - JOUR\nTI  - Tides and trade in Folner's harbour\nAU  - Smith, A.\nPY  - 2020\nJO  - J. Quays\n\
    DO  - 10.5555/TIDES.1\nDB  - Scopus\nER  - \n\nTY  - CHAP\nTI  - Dikes\nAU  - Roe, Cy\nPY  - 2017\nDO  - 10.5555/book\nER  - \n\n\
    TY  - CHAP\nTI  - Dams\nAU  - Roe, Cy\nPY  - 2017\nDO  - 10.5555/book\nER  - \n";

const NBIB: &str = "PMID- 31234567\nTI  - Tides and trade in Folner's harbour.\nFAU - Smith, Ada\nDP  - 2020 Mar 4\nJT  - Journal of quays\n\
    AB  - Trade follows tides at every quay that we saw.\nLID - 10.5555/tides.1 [doi]\n\n";

const CSV: &str = "id,title,authors,year,doi\n0,Locks of the North,Bo Doe,2019,10.5555/LOCKS.1\n1,Editorial,,2019,\n2,Editorial,,2020,\n\
    3,Editorial,,2020,\n";

fn jsonl() -> String {
    [
        json!({"id": "https://openalex.org/W77", "display_name": "Locks of the North", "publication_year": 2019,
               "doi": "https://doi.org/10.5555/locks.1"}),
        json!({"pmid": 31234567, "title": "Tides and trade in Folner's harbour", "venue": "Quays", "publisher": "Quay Press"}),
    ]
    .map(|record| record.to_string() + "\n")
    .concat()
}

/// Five exports of overlapping records, loaded in one command with no option.
#[test]
fn five_overlapping_exports_lose_nothing() {
    let cognate = Cognate::new();
    let files = [
        cognate.file("library.bib", BIB),
        cognate.file("scopus.ris", RIS),
        cognate.file("pubmed.nbib", NBIB),
        cognate.file("table.csv", CSV),
        cognate.file("openalex.jsonl", &jsonl()),
    ];
    let args: Vec<&str> = ["index"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let report = run(&cognate, &args);
    let [read, parts @ ..] = counts(&report);
    assert_eq!((read, parts), (13, [11, 1, 0, 1, 0]));
    assert_eq!(read, parts.iter().sum::<u64>());
    let by_file: Vec<u64> = report["files"].as_array().unwrap().iter().map(|file| counts(file)[0]).collect();
    assert_eq!(by_file, [3, 3, 1, 4, 2]);
    // Three of Tides (one joined by its PMID), three of Locks, two chapters with one DOI, two editorials of three.
    assert_eq!(report["shared"], 10, "{report}");
    let papers_before = papers(&cognate);
    assert_eq!(papers_before.len(), 11);
    let joined = &papers_before["PMID:31234567"];
    assert_eq!((&joined["publisher"], &joined["year"]), (&json!("Quay Press"), &json!(2020)));
    assert!(joined["abstract"].is_string(), "a poorer record erases nothing");

    let found = run(&cognate, &["dedup"]);
    let tides = found["clusters"].as_array().unwrap().iter().find(|cluster| {
        cluster["members"].as_array().unwrap().iter().any(|member| member["id"] == "PMID:31234567")
    });
    assert_eq!(tides.expect("a cluster")["members"].as_array().unwrap().len(), 3, "{found}");

    let again = counts(&run(&cognate, &args));
    assert_eq!(again, [13, 0, 0, 13, 0, 0]);
    assert_eq!(papers(&cognate), papers_before);

    let sources = run(&cognate, &["stats", "--by", "source"]);
    let n_records = |name: &str| {
        let sources = sources["sources"].as_array().unwrap();
        let of = sources.iter().find(|of| of["source"].as_str().is_some_and(|source| source.ends_with(name)));
        of.unwrap_or_else(|| panic!("{name}: {sources:?}"))["records"].as_u64().unwrap()
    };
    assert_eq!(["library.bib", "Scopus", "table.csv"].map(n_records), [3, 1, 4]);

    // A shared identifier names the fullest.
    let named = run(&cognate, &["get", "10.5555/tides.1"]);
    assert_eq!(named["matches"].as_array().unwrap().len(), 3);
    assert_eq!(named["id"], named["matches"][0]["id"]);
    assert!(named["abstract"].is_string());
    run(&cognate, &["similar", "10.5555/tides.1"]);
    let refused = output(&cognate, &["delete", "10.5555/tides.1"], 2);
    assert!(last_line(&refused)["message"].as_str().unwrap().contains("PMID:31234567"));
}

#[test]
fn what_a_library_has_no_more_goes_only_if_all_of_it_was_read() {
    let cognate = Cognate::new();
    let library = cognate.file("library.bib", BIB);
    run(&cognate, &["index", &library]);
    let (first, _) = BIB.split_once("@inproceedings").unwrap();
    cognate.file("library.bib", &format!("{first}@article{{empty, note = {{}}}}\n"));
    let refused = output(&cognate, &["index", &library, "--prune"], 2);
    assert_eq!(counts(&last_line(&refused)), [2, 0, 0, 1, 0, 1]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nothing was removed"));
    assert_eq!(papers(&cognate).len(), 3);
    cognate.file("library.bib", first);
    let report = run(&cognate, &["index", &library, "--prune"]);
    assert_eq!(report["pruned"], json!({"records": 2, "papers": 2}));
    assert_eq!(papers(&cognate).len(), 1);
    output(&cognate, &["index", "-", "--prune"], 2);
}

/// A library that its owner edits, exports and indexes again every week.
#[test]
fn a_library_indexed_every_week_updates_in_place() {
    let cognate = Cognate::new();
    let library = cognate.file("library.bib", BIB);
    run(&cognate, &["index", &library]);
    let ids: Vec<String> = papers(&cognate).into_keys().collect();
    let about_tides = || {
        let found = papers(&cognate)
            .into_values()
            .find(|paper| paper["title"].as_str().unwrap().starts_with("Tides"));
        found.expect("it stays")
    };
    let before = about_tides();
    // What is done to the file each week, and what that does: added, updated, unchanged, repeated, skipped.
    let new = "@article{new2021, title = {Dikes}, author = {Poe, Di}, year = {2021}}\n";
    let weeks: [(&str, &str, [u64; 5]); 6] = [
        ("year = {2020}, volume = {4}", "year = {2021}, volume = {5}", [0, 1, 2, 0, 0]),
        ("Tides and Trade in", "Tides, and Trade at", [0, 1, 2, 0, 0]),
        ("doi = {10.5555/tides.1}, ", "", [0, 1, 2, 0, 0]),
        ("@phdthesis", &format!("{new}@phdthesis"), [1, 0, 3, 0, 0]),
        // An abstract that is gone from the file stays in the store.
        ("  abstract = {Trade follows tides at every quay that we saw.}\n", "", [0, 1, 3, 0, 0]),
        ("Doe, Bo}, year = {2019}", "Doe, Bo and Roe, Cy}, year = {2019}", [0, 1, 3, 0, 0]),
    ];
    let mut text = BIB.to_owned();
    for (week, (from, to, expected)) in weeks.into_iter().enumerate() {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
        cognate.file("library.bib", &text);
        let [read, parts @ ..] = counts(&run(&cognate, &["index", &library]));
        assert_eq!((read, parts), (parts.iter().sum(), expected), "week {week}: {from}");
        let [_, again @ ..] = counts(&run(&cognate, &["index", &library]));
        assert_eq!(again, [0, 0, read, 0, 0], "week {week}: {from}");
        assert!(ids.iter().all(|id| papers(&cognate).contains_key(id)), "week {week}: every id stays");
    }
    let paper = about_tides();
    assert_eq!(paper["id"], before["id"]);
    assert_eq!((&paper["year"], &paper["volume"]), (&json!(2021), &json!("5")));
    assert_eq!(paper["title"], "Tides, and Trade at Følner's Harbour");
    assert!(paper["external_ids"]["doi"].is_null() && paper["abstract"].is_string(), "{paper}");
    assert_eq!(papers(&cognate).len(), 4);
}

/// What a record says, without what only its file says of it.
fn bare(paper: &Value) -> Value {
    let mut paper = paper.clone();
    for name in ["extra", "source"] {
        paper.as_object_mut().unwrap().remove(name);
    }
    paper
}

#[test]
fn a_store_comes_out_in_every_format_and_goes_in_again() {
    let cognate = Cognate::new();
    let files =
        [cognate.file("library.bib", BIB), cognate.file("pubmed.nbib", NBIB), cognate.file("table.csv", CSV)];
    run(&cognate, &["index", &files[0], &files[1], &files[2]]);
    let before = papers(&cognate);
    for format in ["json", "jsonl", "csv", "bibtex", "ris", "endnote-xml"] {
        let other = Cognate::new();
        let file = other.file("papers", &exported(&cognate, &["--format", format]));
        let report = run(&other, &["index", &file]);
        assert_eq!(counts(&report), [7, 7, 0, 0, 0, 0], "{format}");
        let after = papers(&other);
        for (id, paper) in &before {
            let found = after.get(id).unwrap_or_else(|| panic!("{format}: no {id} in {:?}", after.keys()));
            let same =
                ["title", "abstract", "authors", "year", "venue", "volume", "issue", "pages", "external_ids"];
            for name in same {
                assert_eq!(found[name], paper[name], "{format} {id} {name}");
            }
            if format.starts_with("json") {
                assert_eq!(bare(found), bare(paper), "{format}");
            }
        }
    }
    // An entry comes out as it went in, by way of the store.
    let bib = exported(&cognate, &["--format", "bibtex", "quay"]);
    for kept in ["@article{smith2020tides,", r"{F{\o}lner}", "number", "note", "{101--117}"] {
        assert!(bib.contains(kept), "no {kept} in {bib}");
    }
    assert!(!bib.contains("doe2019"));
    assert_eq!(exported(&cognate, &["--format", "jsonl", "--year", "2018"]).lines().count(), 1);
    assert_eq!(exported(&cognate, &["--format", "jsonl", "locks", "-north"]).lines().count(), 0);

    let server =
        cognate.serve(&["--model", root().join("crates/embed/tests/fixtures/tiny-mean").to_str().unwrap()]);
    let (media_type, text) = server.text("/v1/export?format=bibtex&q=quay");
    assert_eq!((&*media_type, &*text), ("application/x-bibtex; charset=utf-8", &*bib));
    assert_eq!(server.lines("/v1/export", "application/json", "{}").len(), before.len());
    assert_eq!(server.get("/v1/export?format=word").status, 400);
    // Which papers is said as for a search.
    let n_papers = |path: &str| server.text(path).1.lines().count();
    assert_eq!(n_papers("/v1/export?has_abstract=True"), 2);
    assert_eq!(n_papers("/v1/export?categories=nothing&categories=tides"), 1);
    let twice = server.post("/v1/export", "application/json", r#"{"filter": {"must": [], "must": []}}"#);
    assert_eq!(twice.status, 422);
}

#[test]
fn records_that_are_not_there_yet_are_written_as_they_came() {
    let cognate = Cognate::new();
    let library = cognate.file("library.bib", BIB);
    run(&cognate, &["index", &library]);
    let new = cognate.folder.path().join("new.ris").to_str().unwrap().to_owned();
    let ris = cognate.file("scopus.ris", RIS);
    let report = run(&cognate, &["dedup", "check", &ris, "--new", &new]);
    let written = std::fs::read_to_string(&new).unwrap();
    assert_eq!(written.matches("TY  - ").count() as u64, report["nothing"].as_u64().unwrap());
    assert!(written.contains("TI  - Dikes") && written.contains("TY  - CHAP"), "{written}");
    assert!(!written.contains("Tides"), "{written}");
}

#[test]
fn no_command_writes_over_what_it_reads() {
    let cognate = Cognate::new();
    std::fs::create_dir(cognate.folder.path().join("in")).unwrap();
    let file = &cognate.file("in/papers.csv", CSV);
    let folder = cognate.folder.path().join("in").to_str().unwrap().to_owned();
    let hard = &cognate.file("hard.csv", "");
    std::fs::remove_file(hard).unwrap();
    std::fs::hard_link(file, hard).unwrap();
    let dotted = format!("{folder}/./papers.csv");
    let new = format!("{folder}/new.csv");
    let texts = cognate.file("texts.jsonl", "\"tides\"\n");
    let texts = texts.as_str();
    let store = cognate.data().join("papers.sqlite3");
    output(&cognate, &["index", file], 0);
    for args in [
        &["index", file, "--report", file][..],
        &["index", file, "--report", &dotted],
        &["index", file, "--report", hard],
        &["index", &folder, "--report", file],
        &["index", &folder, "--report", hard],
        &["index", &folder, "--report", &new],
        &["index", file, "--report", store.to_str().unwrap()],
        &["dedup", "check", file, "--new", &dotted],
        &["dedup", "--table", store.to_str().unwrap()],
        &["embed", "--input", texts, "--output", texts],
    ] {
        let output = output(&cognate, args, 2);
        assert!(String::from_utf8_lossy(&output.stderr).contains("would overwrite"), "{args:?}");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), CSV);
    assert_eq!(std::fs::read_to_string(texts).unwrap(), "\"tides\"\n");
    assert!(std::fs::read(&store).unwrap().starts_with(b"SQLite format 3"));
    assert!(!std::path::Path::new(&new).exists());
    let report = format!("{folder}/../report.csv");
    assert_eq!(counts(&run(&cognate, &["index", file, "--report", &report]))[0], 4);
}

/// Help lists every format, in which files are read and papers written.
#[test]
fn help_lists_every_format() {
    let cognate = Cognate::new();
    let help = |command: &str| String::from_utf8(cognate.run(&[command, "--help"]).stdout).unwrap();
    for format in cognate_corpus::Format::ALL {
        assert!(help("index").contains(format.name()), "{format}");
    }
    for command in ["search", "similar", "export", "dedup"] {
        let help = help(command);
        for format in cognate_corpus::export::ExportFormat::ALL {
            assert!(help.contains(format.name()), "{command}: {format}");
        }
    }
}
