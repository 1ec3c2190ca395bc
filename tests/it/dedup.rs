//! Duplicates: pairs judged, clusters with a kept record, records checked against the store.

use serde_json::{Value, json};

use crate::harness::{Cognate, demo_corpus, wait_for};

const JSON: &str = "application/json";

fn check_pairs(cognate: &Cognate, pairs: &[(Value, Value)], flags: &[&str]) -> Vec<Value> {
    let lines: Vec<String> = pairs.iter().map(|(a, b)| json!({ "a": a, "b": b }).to_string()).collect();
    let file = cognate.file("pairs.jsonl", &(lines.join("\n") + "\n"));
    let output = cognate.run(&[&["dedup", "check-pairs", &file], flags].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A record as dblp has it: no abstract.
fn record(title: &str, authors: &str, year: i32) -> Value {
    json!({ "title": title, "authors": authors, "venue": "SIGMOD Conference", "year": year })
}

#[test]
fn pairs_are_judged_by_all_that_their_records_say() {
    let cognate = Cognate::new();
    let one = || record("Efficient retrieval of similar sets", "Ada Eno , Bo Li", 2001);
    let check = |other: Value, verdict: &str, kind: &str| {
        let judged = &check_pairs(&cognate, &[(one(), other.clone())], &[])[0];
        assert_eq!(
            (&judged["verdict"], &judged["kind"]),
            (&json!(verdict), &json!(kind)),
            "{other}: {judged}"
        );
        assert!(judged["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        let probability = judged["probability"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&probability));
    };
    check(one(), "duplicate", "same_record");
    check(
        record("Efficient Retrieval of {S}imilar Sets.", "Eno, A.; Li, B.", 2001),
        "duplicate",
        "same_record",
    );
    check(record("Efficient retreival of similar sets", "Ada Eno , Bo Li", 2001), "duplicate", "near_text");
    check(record("Efficient retrieval of similar sets", "Ada Eno , Bo Li", 2003), "review", "version");
    check(record("Transaction logs in real-time systems", "Cy Young", 2001), "nothing", "semantic");
    let erratum = &check_pairs(
        &cognate,
        &[(one(), record("Erratum: Efficient retrieval of similar sets", "Ada Eno , Bo Li", 2001))],
        &[],
    )[0];
    assert_ne!(erratum["verdict"], "duplicate", "{erratum}");
    // Both go by the DOI of the paper that they are about.
    let comment = |authors: &str| {
        let title = "Discussion of \"Retrieval of similar sets\" by Ada Eno";
        json!({ "title": title, "authors": authors, "year": 2004, "doi": "10.5555/sets" })
    };
    let comments = [(comment("Cy Young"), comment("Di Xu")), (comment("Cy Young"), comment("C. Young"))];
    let judged = check_pairs(&cognate, &comments, &[]);
    assert_eq!(judged[0]["verdict"], "review", "{}", judged[0]);
    assert_eq!(judged[1]["verdict"], "duplicate", "{}", judged[1]);
    // Of two preprints with one DOI, it may have been given to the wrong one.
    let preprint = |arxiv: &str, title: &str| json!({ "title": title, "authors": "Ada Eno", "arxiv_id": arxiv, "doi": "10.5555/sets" });
    let preprints = [
        (
            preprint("1702.00001", "Atoms on lattices of momentum"),
            preprint("1708.00002", "Correlated dynamics"),
        ),
        (
            preprint("1702.00001", "Atoms on lattices of momentum"),
            preprint("1708.00002", "Atoms on the lattices of momentum"),
        ),
    ];
    let judged = check_pairs(&cognate, &preprints, &[]);
    assert_eq!(judged[0]["verdict"], "review", "{}", judged[0]);
    assert_eq!(judged[1]["verdict"], "duplicate", "{}", judged[1]);
    let parts = [
        (
            record("Cluster validity methods: part I", "Ada Eno", 2002),
            record("Cluster validity methods: part II", "Ada Eno", 2002),
        ),
        (
            record("Cluster validity methods: part 2", "Ada Eno", 2002),
            record("Cluster validity methods: part II", "Ada Eno", 2002),
        ),
    ];
    let judged = check_pairs(&cognate, &parts, &[]);
    assert_ne!(judged[0]["verdict"], "duplicate", "{}", judged[0]);
    assert_eq!(judged[1]["verdict"], "duplicate", "{}", judged[1]);
}

#[test]
fn versions_are_duplicates_or_not_as_asked() {
    let cognate = Cognate::new();
    let pair = [(
        record("Efficient retrieval of similar sets", "Ada Eno , Bo Li", 2001),
        record("Efficient retrieval of similar sets", "Ada Eno , Bo Li", 2003),
    )];
    assert_eq!(check_pairs(&cognate, &pair, &["--versions", "same"])[0]["verdict"], "duplicate");
    let distinct = &check_pairs(&cognate, &pair, &["--versions", "distinct"])[0];
    assert_eq!((&distinct["verdict"], &distinct["kind"]), (&json!("review"), &json!("version")));
    assert_eq!(distinct["relation"], "version");
    assert_eq!(check_pairs(&cognate, &pair, &[])[0], *distinct, "the default");
    // A DOI names one publication, whatever the years say.
    let doi = |form: &str, year: i32| json!({ "title": "Similar sets", "doi": form, "year": year });
    let same = [(doi("https://doi.org/10.5555/AB\\_C", 2001), doi("doi:10.5555/ab_c", 2002))];
    let judged = &check_pairs(&cognate, &same, &["--versions", "distinct"])[0];
    assert_eq!((&judged["verdict"], &judged["kind"]), (&json!("duplicate"), &json!("same_record")));
    assert!(judged["reason"].as_str().unwrap().contains("the same doi 10.5555/ab_c"));
}

/// A record as a database of medicine has it: where it was published, and neither abstract nor DOI.
fn published(title: &str, journal: &str, [volume, issue, pages]: [&str; 3]) -> Value {
    json!({ "title": title, "authors": ["Moss, I.", "Vale, B.", "Keel, S. T."], "year": 2010, "journal": journal,
            "volume": volume, "number": issue, "pages": pages })
}

#[test]
fn where_a_paper_was_published_tells_records_from_versions() {
    let cognate = Cognate::new();
    let title = "Sleep of night pilots in harbours";
    let full = || published(title, "Nature Reviews Harbours", ["12", "3", "2267-2275"]);
    let check = |other: Value, verdict: &str, relation: Option<&str>| {
        let judged = &check_pairs(&cognate, &[(full(), other)], &[])[0];
        assert_eq!(
            (&judged["verdict"], &judged["relation"]),
            (&json!(verdict), &json!(relation)),
            "{judged}"
        );
    };
    check(published(title, "Nat Rev Harbours", ["12", "3", "2267-75"]), "duplicate", Some("duplicate"));
    check(published(title, "Nat. Rev. Harbours", ["12", "", "2267"]), "duplicate", Some("duplicate"));
    check(
        published(&format!("[{title}]"), "Nat Rev Harbours", ["12", "3", "2267"]),
        "duplicate",
        Some("duplicate"),
    );
    check(published(&format!("{title}. [French]"), "", ["12", "3", "2267"]), "duplicate", Some("duplicate"));
    check(published(title, "European Journal of Tides", ["7", "Suppl 1", "S42"]), "nothing", Some("version"));
    check(published(title, "Nat Rev Harbours", ["13", "3", "11"]), "review", Some("version"));
    check(
        published(&format!("Erratum: {title}"), "Nat Rev Harbours", ["12", "5", "3001"]),
        "nothing",
        Some("related"),
    );
}

#[test]
fn garbled_names_and_a_containers_doi_are_no_evidence() {
    let cognate = Cognate::new();
    let with_authors = |authors: Value| {
        let mut record = published("Sleep of night pilots in harbours", "Harbour Medicine", ["12", "3", "7"]);
        record["authors"] = authors;
        record
    };
    let garbled = with_authors(json!("Moss I.Vale B.Keel S. T."));
    let listed = with_authors(json!(["Moss, I.", "Vale, B.", "Keel, S. T."]));
    let judged = &check_pairs(&cognate, &[(garbled, listed)], &[])[0];
    assert_eq!(judged["verdict"], "duplicate", "{judged}");
    let chapter = |title: &str, author: &str| json!({ "title": title, "authors": [author], "year": 2018, "doi": "10.5555/978-0-00-000000-2" });
    let chapters = [
        (chapter("Cranes as event sequences", "Doe, Bo"), chapter("Rust and its management", "Roe, Cy")),
        (chapter("Cranes as event sequences", "Doe, Bo"), chapter("Rust and its management", "Doe, Bo")),
    ];
    for judged in check_pairs(&cognate, &chapters, &[]) {
        assert_ne!(judged["verdict"], "duplicate", "{judged}");
    }
}

#[test]
fn what_little_tells_two_papers_apart_is_never_dropped() {
    let cognate = Cognate::new();
    let titled = |title: &str| record(title, "Ada Eno , Bo Li", 2001);
    let told_apart = [
        ("Relapse of HER2+ tumours after surgery", "Relapse of HER2- tumours after surgery", "other signs"),
        ("Falls in people aged < 65 years", "Falls in people aged ≥ 65 years", "other signs"),
        ("C programming for the impatient", "C++ programming for the impatient", "other signs"),
        ("CD4+ cells in sepsis", "CD4- cells in sepsis", "other signs"),
        ("Vitamin D and fractures of the hip", "Vitamin E and fractures of the hip", "other letters"),
        ("Hepatitis B vaccination in nurses", "Hepatitis C vaccination in nurses", "other letters"),
        ("Fractures of the hip in men", "Fractures of the hip in women", "opposite words"),
        ("Closure of the colon with a drain", "Closure of the colon without a drain", "opposite words"),
        ("Diabetes type I in schools", "Diabetes type II in schools", "other numbers"),
    ];
    let pairs: Vec<(Value, Value)> = told_apart.iter().map(|(a, b, _)| (titled(a), titled(b))).collect();
    for (judged, (a, b, reason)) in check_pairs(&cognate, &pairs, &[]).iter().zip(told_apart) {
        assert_ne!(judged["verdict"], "duplicate", "{a} / {b}: {judged}");
        let said = judged["reason"].as_str().unwrap();
        assert!(said.contains(reason) && !said.contains("the same title"), "{a} / {b}: {said}");
    }
    // Texts made after one template differ in the letter that the titles differ in.
    let drug = |letter: &str| {
        let text = format!(
            "We gave drug {letter} to forty people who slept badly, and a placebo to forty others. Those who had drug \
             {letter} slept an hour longer each night, and none of them fell ill."
        );
        let mut drug = titled(&format!("Effect of drug {letter} on sleep"));
        drug["abstract"] = json!(text);
        drug
    };
    let index = |issue: &str, page: &str| json!({ "title": "Author index", "venue": "Nature", "year": 2001, "volume": "409", "issue": issue, "pages": page });
    let chapter =
        |isbn: &str| json!({ "title": "Index of all plants and their friends", "year": 2001, "isbn": isbn });
    let alone = |title: &str| json!({ "title": title });
    let pairs = [
        (drug("A"), drug("B")),
        (index("1", "1"), index("2", "99")),
        (chapter("9783161484100"), chapter("9780306406157")),
        (alone("Depression"), alone("Depression")),
        (alone("Index"), alone("Index")),
    ];
    for (judged, pair) in check_pairs(&cognate, &pairs, &[]).iter().zip(&pairs) {
        assert_ne!(judged["verdict"], "duplicate", "{pair:?}: {judged}");
    }
    // What is written otherwise is no difference.
    let pairs = [
        (titled("CD4+ cells in sepsis"), titled("CD4(+) cells in sepsis")),
        (titled("Falls in people aged >= 65 years"), titled("Falls in people aged ≥65 years")),
        (chapter("9780306406157"), chapter("0306406152")),
    ];
    for (judged, pair) in check_pairs(&cognate, &pairs, &[]).iter().zip(&pairs) {
        assert_eq!(judged["verdict"], "duplicate", "{pair:?}: {judged}");
    }
}

#[test]
fn wrong_files_of_pairs_are_told_by_line() {
    let cognate = Cognate::new();
    let check = |content: &str, words: &str| {
        let file = cognate.file("wrong.jsonl", content);
        let message = cognate.failure(&["dedup", "check-pairs", &file], 2);
        assert!(message.contains(words), "{message}");
    };
    check("{\"a\": {\"title\": \"x\"}}\n", "line 1");
    check("{\"a\": {\"title\": \"x\"}, \"b\": {\"title\": \"y\"}}\n\nnonsense\n", "line 3");
    check("{\"a\": {\"title\": \"x\"}, \"b\": {}}\n", "a title, an abstract");
    cognate.failure(&["dedup", "check-pairs", "missing.jsonl"], 2);
    cognate.failure(&["dedup", "check-pairs", "-", "--versions", "some"], 2);
    cognate.failure(&["dedup", "check-pairs", "-", "--min-probability", "1.5"], 2);
}

#[test]
fn clusters_do_not_depend_on_the_order_of_papers() {
    let demo = Cognate::with_demo();
    let corpus = std::fs::read_to_string(demo_corpus().join("corpus.jsonl")).unwrap();
    let reversed: Vec<&str> = corpus.lines().rev().collect();
    let other = Cognate::new();
    let file = other.file("reversed.jsonl", &reversed.join("\n"));
    other.json(&["index", &file]);
    for flags in [&["--clusters", "complete"][..], &["--clusters", "connected", "--keep", "newest"]] {
        let clusters = |cognate: &Cognate| {
            cognate.json(&[&["dedup", "--versions", "same"], flags].concat())["clusters"].clone()
        };
        let found = clusters(&demo);
        assert_eq!(found, clusters(&other));
        assert!(found.as_array().unwrap().len() >= 10);
    }
}

#[test]
fn the_policy_says_which_record_is_kept() {
    let cognate = Cognate::with_demo();
    let kept_of_pair = |policy: &str, a: &str, b: &str| {
        let report = cognate.json(&["dedup", "--versions", "same", "--keep", policy]);
        let clusters = report["clusters"].as_array().unwrap().clone();
        let kept = clusters.iter().find(|cluster| cluster["keep"] == a || cluster["keep"] == b);
        kept.unwrap_or_else(|| panic!("{a} and {b} are in no cluster"))["keep"].as_str().unwrap().to_owned()
    };
    // An article of 2022 and its preprint of 2021.
    assert_eq!(kept_of_pair("newest", "demo-042", "demo-014"), "demo-042");
    assert_eq!(kept_of_pair("oldest", "demo-042", "demo-014"), "demo-014");
    assert_eq!(kept_of_pair("published_first", "demo-042", "demo-014"), "demo-042");
    let message = cognate.failure(&["dedup", "--keep", "best"], 2);
    assert!(message.contains("published_first"), "{message}");

    let merged = cognate.json(&["dedup", "--versions", "same", "--keep", "oldest", "--merge"]);
    let clusters = merged["clusters"].as_array().unwrap();
    let cluster = clusters.iter().find(|cluster| cluster["keep"] == "demo-014").unwrap();
    assert_eq!(
        cluster["merged"]["external_ids"]["doi"], "10.5555/cognate.demo.42",
        "taken over from the article"
    );
    assert_eq!(cluster["merged"]["venue"], "arXiv", "its own");
}

#[test]
fn records_are_checked_against_the_store_and_not_added() {
    let cognate = Cognate::with_demo();
    let before = cognate.json(&["stats"])["n_papers"].clone();
    let records = json!([
        { "id": "mine-1", "title": "DriftEns: distilled ensembles that stay calibrated when inputs shift",
          "authors": ["Nwosu, A.", "van Houten, P.", "Ferrándiz, L.", "Moriyama, S."], "year": 2022 },
        { "id": "mine-2", "doi": "https://doi.org/10.5555/COGNATE.demo.42", "title": "DriftEns" },
        { "id": "mine-3", "title": "A history of lighthouses", "abstract": "Lamps, lenses and keepers along northern coasts.",
          "authors": ["Zoe Quist"] },
        { "id": "mine-4" },
    ]);
    let file = cognate.file("mine.json", &records.to_string());
    let output = cognate.run(&["--json", "dedup", "check", &file]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4, "three records and the counts");
    assert_eq!(
        (&lines[0]["id"], &lines[0]["verdict"]),
        (&json!("mine-1"), &json!("duplicate")),
        "{}",
        lines[0]
    );
    let matched = |line: &Value| line["matched_to"].as_str().map(str::to_owned);
    assert!(["demo-042", "demo-014"].contains(&matched(&lines[0]).unwrap().as_str()));
    assert_eq!(matched(&lines[1]).as_deref(), Some("demo-042"), "by its DOI");
    assert_eq!((&lines[2]["verdict"], &lines[2]["matched_to"]), (&json!("nothing"), &Value::Null));
    assert_eq!(lines[2]["matches"], json!([]));
    assert_eq!((&lines[3]["checked"], &lines[3]["skipped"]), (&json!(3), &json!(1)));
    assert_eq!(cognate.json(&["stats"])["n_papers"], before);

    let server = cognate.serve(&[]);
    let answer = server.post("/v1/dedup/check", JSON, &records.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["results"][0], lines[0]);
    assert_eq!(answer.body["errors"][0]["id"], "mine-4");
    assert_eq!(server.post("/v1/dedup/check?versions=none", JSON, "[]").status, 400);
    assert_eq!(server.post("/v1/dedup/check", JSON, "[]").status, 400);

    let by_http = server.post("/v1/dedup", JSON, r#"{"min_probability": 0.8, "keep": "newest"}"#);
    assert_eq!(by_http.status, 200);
    let by_command = cognate.json(&["dedup", "--min-probability", "0.8", "--keep", "newest"]);
    assert_eq!(by_http.body["clusters"], by_command["clusters"]);
    assert_eq!(server.post("/v1/dedup", JSON, r#"{"clusters": "some"}"#).status, 400);
}

#[test]
fn a_stored_record_is_its_own_paper() {
    let cognate = Cognate::new();
    let editorial = |id: &str, year: i32| {
        json!({ "id": id, "title": "Editorial", "venue": "Tides", "year": year }).to_string()
    };
    let stored: Vec<String> = (0..12).map(|n| editorial(&format!("e{n}"), 2000 + n)).collect();
    let file = cognate.file("stored.jsonl", &stored.join("\n"));
    cognate.json(&["index", &file]);
    let check = |lines: &[String]| -> Vec<Value> {
        let file = cognate.file("checked.jsonl", &lines.join("\n"));
        let text = String::from_utf8(cognate.run(&["--json", "dedup", "check", &file]).stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    for (line, n) in check(&stored).iter().zip(0..stored.len()) {
        let found = (&line["verdict"], &line["matched_to"], &line["matches"][0]["reason"]);
        assert_eq!(found, (&json!("duplicate"), &json!(format!("e{n}")), &json!("the same id")), "{line}");
    }
    let others =
        [editorial("mine", 2003), r#"{"id": "e1", "title": "Lamps of northern harbours"}"#.to_owned()];
    let found = check(&others);
    assert_eq!(
        (&found[0]["verdict"], &found[0]["matched_to"]),
        (&json!("duplicate"), &json!("e3")),
        "{}",
        found[0]
    );
    assert_eq!(found[0]["matches"][0]["reason"], "the same record");
    assert_eq!(found[1]["verdict"], "review", "an id may be given twice: {}", found[1]);
}

#[test]
fn a_long_run_is_a_task() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let begun = server.post("/v1/dedup/tasks", JSON, r#"{"threshold": 0.85}"#);
    assert_eq!((begun.status, &begun.body["status"]), (202, &json!("running")), "{}", begun.body);
    let path = format!("/v1/dedup/tasks/{}", begun.body["task"]);
    assert_eq!(begun.location.as_ref(), Some(&path));
    let done =
        wait_for("the task", || Some(server.get(&path).body).filter(|task| task["status"] != "running"));
    assert_eq!(done["status"], "done", "{done}");
    assert_eq!(done["report"], server.post("/v1/dedup", JSON, r#"{"threshold": 0.85}"#).body);
    let listed = &server.get("/v1/dedup/tasks").body["tasks"];
    assert_eq!((&listed[0]["task"], listed[0].get("report")), (&begun.body["task"], None));

    // One that has ended is forgotten; what never was is not found.
    assert_eq!(server.delete(&path).status, 204);
    assert_eq!(server.get(&path).status, 404);
    assert_eq!(server.delete("/v1/dedup/tasks/x").status, 404);
    assert_eq!(server.post("/v1/dedup/tasks", JSON, r#"{"threshold": 7}"#).status, 400);

    // One that is running is told to end. Over so few papers it may have been done before.
    let next = server.post("/v1/dedup/tasks", JSON, "").location.unwrap();
    assert_ne!(next, path, "the number of the one that is forgotten is not given again");
    assert_eq!(server.delete(&next).status, 204);
    let ended = || Some(server.get(&next)).filter(|answer| answer.body["status"] != "running");
    let ended = wait_for("the end of the task", ended);
    let how = ended.body["status"].as_str().unwrap_or("forgotten");
    assert!(["cancelled", "done", "forgotten"].contains(&how), "{}", ended.body);
}
