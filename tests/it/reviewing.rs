//! A reviewer's work with duplicates: what is new, the numbers of a flow chart, the table of decisions, and versions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Cognate, demo_corpus, ids, root, shared};

const JSON: &str = "application/json";

/// A record of a database.
fn record(id: &str, source: &str, title: &str, [journal, volume, pages]: [&str; 3]) -> Value {
    json!({ "id": id, "source": source, "title": title, "authors": ["Moss, I.", "Vale, B.", "Keel, S. T."],
            "year": 2010, "journal": journal, "volume": volume, "pages": pages })
}

/// Three records of one article from two databases, its abstract at a meeting, and another paper.
fn harbours() -> Vec<Value> {
    let title = "Sleep of night pilots in harbours";
    let article = ["Nature Reviews Harbours", "12", "2267-2275"];
    vec![
        record("m1", "Medline", title, article),
        record("m2", "Medline", "Sleep of night pilots in harbours.", ["Nat Rev Harbours", "12", "2267-75"]),
        record("e1", "Embase", title, ["Nat. Rev. Harbours", "12", "2267"]),
        record("e2", "Embase", title, ["European Journal of Tides", "7", "S42"]),
        record("m3", "Medline", "Cranes as sequences of events", ["Lifting", "3", "11-19"]),
    ]
}

fn with_harbours() -> Cognate {
    let cognate = Cognate::new();
    let file = cognate.file("harbours.json", &Value::from(harbours()).to_string());
    cognate.json(&["index", &file]);
    cognate
}

fn clusters(report: &Value) -> Vec<Value> {
    report["clusters"].as_array().unwrap().clone()
}

#[test]
fn what_is_new_is_compared_with_everything() {
    let corpus = std::fs::read_to_string(demo_corpus().join("corpus.jsonl")).unwrap();
    let lines: Vec<&str> = corpus.lines().collect();
    let (first, rest) = lines.split_at(lines.len() - 40);
    let cognate = Cognate::new();
    cognate.json(&["index", &cognate.file("first.jsonl", &first.join("\n"))]);
    let before = cognate.json(&["dedup", "--versions", "same"]);
    assert!(!clusters(&before).is_empty() && before["stats"].get("n_new").is_none(), "{before}");
    let nothing = cognate.json(&["dedup", "--new", "--versions", "same"]);
    assert_eq!((clusters(&nothing).len(), &nothing["stats"]["n_new"]), (0, &json!(0)));

    cognate.json(&["index", &cognate.file("rest.jsonl", &rest.join("\n"))]);
    let new_ids: BTreeSet<String> = rest
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["_id"].as_str().unwrap().to_owned())
        .collect();
    let new = cognate.json(&["dedup", "--new", "--versions", "same"]);
    assert_eq!(new["stats"]["n_new"], 40);
    let is_new = |cluster: &Value| {
        let members = cluster["members"].as_array().unwrap();
        members.iter().any(|member| new_ids.contains(member["id"].as_str().unwrap()))
    };
    assert!(!clusters(&new).is_empty() && clusters(&new).iter().all(is_new), "{new}");
    let again = cognate.json(&["dedup", "--new", "--versions", "same"]);
    assert_eq!(clusters(&again), clusters(&new), "what was only told is new still");

    // What was scored in two parts is what is scored at once.
    let in_parts = cognate.json(&["dedup", "rethreshold", "--versions", "same"]);
    std::fs::remove_file(cognate.data().join("index/pairs")).unwrap();
    let at_once = cognate.json(&["dedup", "--versions", "same"]);
    assert_eq!(clusters(&in_parts), clusters(&at_once));
    let of_new: Vec<Value> = clusters(&at_once).into_iter().filter(is_new).collect();
    assert_eq!(clusters(&new), of_new);
    assert_eq!(clusters(&cognate.json(&["dedup", "--new"])).len(), 0, "a run over everything has seen all");
}

#[test]
fn what_was_acted_on_is_new_no_more() {
    let cognate = with_harbours();
    let applied = cognate.json(&["dedup", "--new", "--apply"]);
    assert_eq!(applied["applied"]["dropped"], 2, "{applied}");
    let file = cognate.file("more.json", &json!([harbours()[0]]).to_string().replace("m1", "s1"));
    cognate.json(&["index", &file]);
    let server = cognate.serve(&[]);
    let new = server.post("/v1/dedup", JSON, r#"{"new": true}"#).body;
    assert_eq!(new["stats"]["n_new"], 1, "{new}");
    let members: BTreeSet<String> = clusters(&new)
        .iter()
        .flat_map(|cluster| cluster["members"].as_array().unwrap().clone())
        .map(|member| member["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(members.contains("s1"), "{new}");
}

#[test]
fn the_flow_chart_has_its_numbers() {
    let cognate = with_harbours();
    let flow = |found, within, across, left, source| {
        json!({ "source": source, "found": found, "duplicates_within": within,
            "duplicates_across": across, "left": left })
    };
    let report = cognate.json(&["dedup", "--keep", "source:Medline"]);
    let expected = [flow(2, 0, 1, 1, "Embase"), flow(3, 1, 0, 2, "Medline")];
    assert_eq!(report["flow"], json!(expected), "as it would be");
    let as_it_is = json!([flow(2, 0, 0, 2, "Embase"), flow(3, 0, 0, 3, "Medline")]);
    assert_eq!(cognate.json(&["dedup", "flow"])["sources"], as_it_is, "nothing was dropped");
    cognate.json(&["dedup", "--keep", "source:Medline", "--apply"]);
    assert_eq!(cognate.json(&["dedup", "flow"])["sources"], json!(expected), "as it is");
    let server = cognate.serve(&[]);
    assert_eq!(server.get("/v1/dedup/flow").body["sources"], json!(expected));
    let text = String::from_utf8(cognate.run(&["dedup", "flow"]).stdout).unwrap();
    assert!(
        text.lines().last().is_some_and(|line| line.split_whitespace().eq(["all", "5", "1", "1", "3"])),
        "{text}"
    );
}

#[test]
fn the_flow_chart_counts_records_of_named_sources_and_repeats() {
    let cognate = Cognate::new();
    let of = |title: &str| json!({ "title": title, "authors": ["Moss, I.", "Vale, B."], "year": 2010, "journal": "Echoes", "volume": "3" });
    let (bats, steel, tides) =
        (of("Echoes of bats over open water"), of("Steel under tides"), of("Tides and trade"));
    let lines = |records: &[&Value]| records.iter().map(|record| format!("{record}\n")).collect::<String>();
    let scopus = cognate.file("scopus.jsonl", &lines(&[&bats, &bats, &steel]));
    let embase = cognate.file("embase.jsonl", &lines(&[&bats, &tides]));
    cognate.json(&["index", &scopus, "--source", "Scopus"]);
    cognate.json(&["index", &embase, "--source", "Embase"]);
    let flow = |found, within, across, left, source| {
        json!({ "source": source, "found": found, "duplicates_within": within,
            "duplicates_across": across, "left": left })
    };
    // The record that both have is one paper already; three papers are left.
    let expected = json!([flow(2, 0, 1, 1, "Embase"), flow(3, 1, 0, 2, "Scopus")]);
    assert_eq!(cognate.json(&["dedup", "flow"])["sources"], expected);
    assert_eq!(cognate.json(&["stats"])["n_papers"], 3);
}

#[test]
fn the_source_that_was_named_may_be_kept() {
    let cognate = Cognate::new();
    let record = |id: &str, more: &Value| {
        let mut record = json!({ "id": id, "title": "Sleep of night pilots in harbours", "year": 2010,
            "authors": ["Moss, I.", "Vale, B."], "journal": "Echoes", "volume": "3", "pages": "11-19" });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record.to_string()
    };
    let full = record("s1", &json!({ "url": "https://example.org/s1", "doi": "10.1234/s1" }));
    cognate.json(&["index", &cognate.file("scopus.jsonl", &full), "--source", "Scopus"]);
    cognate.json(&["index", &cognate.file("embase.jsonl", &record("e1", &json!({}))), "--source", "Embase"]);
    let kept = |keep: &str| cognate.json(&["dedup", "--keep", keep])["clusters"][0]["keep"].clone();
    assert_eq!(kept("best_metadata"), "s1");
    assert_eq!(kept("source:Embase"), "e1");
    assert_eq!(kept("source:scopus"), "s1");
}

#[test]
fn the_identifier_of_a_book_is_no_reason() {
    let cognate = Cognate::new();
    let chapter = |id: &str, title: &str, pages: &str| {
        json!({ "id": id, "title": title, "authors": ["Moss, I.", "Vale, B."], "year": 2010,
            "doi": "10.1234/book", "pages": pages })
    };
    let chapters = [
        chapter("a1", "Sleep of night pilots in harbours", "1-9"),
        chapter("a2", "Sleep of night pilots in harbours.", "1-9"),
        chapter("b", "Cranes as sequences of events", "10-19"),
        chapter("c", "Rust and its management", "20-29"),
    ];
    cognate.json(&["index", &cognate.file("book.json", &json!(chapters).to_string())]);
    let report = cognate.json(&["dedup"]);
    let clusters = clusters(&report);
    assert_eq!(clusters.len(), 1, "{report}");
    let reason = clusters[0]["members"][1]["reason"].as_str().unwrap();
    assert!(reason.contains("the same title") && !reason.contains("doi"), "{reason}");
    let pairs = cognate.json(&["dedup", "pairs"]);
    let pairs = pairs["pairs"].as_array().unwrap();
    assert!(
        !pairs.is_empty() && !pairs.iter().any(|pair| pair["reason"].as_str().unwrap().contains("doi")),
        "{pairs:?}"
    );
    cognate.json(&["dedup", "label", "a1", "a2", "yes"]);
    let labelled = cognate.json(&["dedup"]);
    assert!(!labelled["clusters"][0]["members"][1]["reason"].as_str().unwrap().contains("doi"), "{labelled}");
}

#[test]
fn decisions_are_a_table_and_reports_name_titles() {
    let cognate = with_harbours();
    let text = String::from_utf8(cognate.run(&["dedup"]).stdout).unwrap();
    assert!(text.contains("Sleep of night pilots in harbours."), "{text}");
    let report = cognate.file("report.csv", "");
    cognate.json(&["dedup", "--apply", "--keep", "source:Medline", "--table", &report]);
    cognate.json(&["dedup", "label", "m3", "e2", "no"]);
    let file = cognate.file("decisions.csv", "");
    assert_eq!(cognate.json(&["dedup", "decisions", &file]), json!({ "dropped": 2, "labels": 1 }));
    let rows = |path: &str| -> Vec<Vec<String>> {
        let mut reader = csv::Reader::from_path(path).unwrap();
        let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
        rows.collect()
    };
    let decisions = rows(&file);
    assert_eq!(decisions.len(), 3);
    for row in &decisions[..2] {
        assert_eq!((row[0].as_str(), row[3].as_str()), ("dropped", "cognate"), "{row:?}");
        assert!(row[10].starts_with("Sleep of night") && !row[12].is_empty(), "title and reason: {row:?}");
    }
    assert_eq!(decisions[2][..4], ["said to be two papers", "e2", "m3", "a person"].map(str::to_owned));
    let members = rows(&report);
    assert!(
        members.iter().any(|row| row[2] == "drop" && row[7] == "duplicate" && row[9] == "Embase"),
        "{members:?}"
    );
    cognate.failure(&["dedup", "decisions", "/nowhere/at/all.csv"], 1);
}

#[test]
fn versions_are_told_and_a_search_can_show_one() {
    let cognate = with_harbours();
    let server = cognate.serve(&[]);
    let found = |path: &str| ids(&server.get(path).body);
    assert_eq!(server.get("/v1/search?q=pilots&versions=collapse").status, 409, "nothing was compared yet");
    assert_eq!(server.get("/v1/search?q=pilots&versions=some").status, 400);
    server.post("/v1/dedup", JSON, "");
    assert_eq!(found("/v1/search?q=harbours&mode=keyword").len(), 4);
    for mode in ["keyword", "semantic", "hybrid"] {
        let page = server.get(&format!("/v1/search?q=harbours&mode={mode}&versions=collapse")).body;
        let hits = ids(&page);
        let n_of_work = hits.iter().filter(|id| *id != "m3").count();
        assert_eq!(n_of_work, 1, "duplicates and the version, in {mode}: {page}");
        assert_eq!(page["total"], hits.len(), "{mode}");
    }
    // A filter that the preferred one does not pass shows another.
    let of_tides = found("/v1/search?q=harbours&venue=tides&versions=collapse");
    assert_eq!(of_tides, ["e2"]);
    // What a person said goes before the score.
    server.post("/v1/dedup/labels", JSON, r#"{"a": "m1", "b": "e2", "duplicate": false}"#);
    server.post("/v1/dedup/labels", JSON, r#"{"a": "m2", "b": "e2", "duplicate": false}"#);
    server.post("/v1/dedup/labels", JSON, r#"{"a": "e1", "b": "e2", "duplicate": false}"#);
    let apart = found("/v1/search?q=harbours&mode=keyword&versions=collapse");
    assert!(apart.len() == 2 && apart.contains(&"e2".to_owned()), "{apart:?}");
    for (a, b) in [("m1", "e2"), ("m2", "e2"), ("e1", "e2")] {
        server.delete(&format!("/v1/dedup/labels?a={a}&b={b}"));
    }

    let paper = server.get("/v1/papers/m1").body;
    let ids_of = |list: &Value| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids_of(&paper["duplicates"]), ["e1", "m2"].map(str::to_owned).into());
    assert_eq!(ids_of(&paper["versions"]), ["e2".to_owned()].into());
    assert_eq!(paper["versions"][0]["title"], "Sleep of night pilots in harbours");

    // A record that is only another publication of a stored work: nothing to do, but it is told of which.
    let other =
        record("x1", "Scopus", "Sleep of night pilots in harbours", ["Journal of Ferries", "31", "77"]);
    let checked =
        server.post("/v1/dedup/check", JSON, &json!([other]).to_string()).body["results"][0].clone();
    assert_eq!(checked["verdict"], "nothing", "{checked}");
    assert!(["m1", "m2", "e1", "e2"].contains(&checked["matched_to"].as_str().unwrap()), "{checked}");
    assert_eq!(checked["matches"][0]["relation"], "version");
}

#[test]
fn the_identifier_of_a_supplement_is_no_evidence_when_records_are_checked() {
    let cognate = Cognate::new();
    let of_supplement = |id: &str, title: &str, author: &str| {
        json!({ "id": id, "title": title, "authors": [author],
        "year": 2018, "doi": "10.5555/supplement" })
    };
    let stored = [
        of_supplement("a", "Cranes as sequences of events", "Doe, Bo"),
        of_supplement("b", "Rust and its management", "Roe, Cy"),
        of_supplement("c", "Ferries in winter", "Moe, Di"),
    ];
    cognate.json(&["index", &cognate.file("stored.json", &json!(stored).to_string())]);
    let server = cognate.serve(&[]);
    let records = json!([
        of_supplement("n1", "Tides at night", "Doe, Bo"),
        of_supplement("n2", "Ferries in winter", "Moe, Di")
    ]);
    let results = server.post("/v1/dedup/check", JSON, &records.to_string()).body["results"].clone();
    assert_eq!(results[0]["verdict"], "nothing", "{results}");
    assert_eq!(
        (&results[1]["verdict"], &results[1]["matched_to"]),
        (&json!("duplicate"), &json!("c")),
        "{results}"
    );
    let paper = server.get("/v1/papers/a").body;
    assert_eq!((&paper["duplicates"], &paper["versions"]), (&json!([]), &json!([])), "{paper}");
}

#[test]
fn chapters_of_one_book_are_kept() {
    let Some(chapters) = shared("../cases/import/csv_container_doi.csv") else { return };
    let cognate = Cognate::new();
    cognate.json(&["index", chapters.to_str().unwrap()]);
    let stats = cognate.json(&["dedup", "--versions", "same"])["stats"].clone();
    assert_eq!((&stats["n_papers"], &stats["n_drop"]), (&json!(3), &json!(0)), "{stats}");
    assert_eq!(cognate.json(&["dedup"])["stats"]["n_drop"], 0);
}

#[test]
fn the_default_cut_is_said_the_same_everywhere() {
    let cognate = with_harbours();
    let cut = cognate.json(&["dedup"])["stats"]["min_probability"].clone();
    let said = format!("[default: {cut}]");
    let help = |args: &[&str]| String::from_utf8(cognate.run(args).stdout).unwrap();
    for args in [&["dedup", "--help"][..], &["dedup", "check", "--help"], &["dedup", "histogram", "--help"]] {
        assert!(help(args).contains(&said), "{args:?}: {}", help(args));
    }
    let server = cognate.serve(&[]);
    assert_eq!(server.post("/v1/dedup", JSON, "").body["stats"]["min_probability"], cut);
    assert_eq!(server.get("/v1/dedup/histogram").body["at"], cut);
    let documents = [
        ("docs/dedup.md", format!("`--min-probability` ({cut})")),
        ("docs/http.md", format!("| lowest probability of a duplicate | {cut} |")),
    ];
    for (document, said) in documents {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        assert!(text.contains(&said), "{document} says {said}");
    }
}
