//! The commands, their output and their exit codes.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Cognate, ids, last_line, shared};

const THREE_PAPERS: &str = r#"{"id": "bats/1", "title": "Echolocation in dense swarms", "abstract": "Bats leaving a cave avoid collisions by raising their call rate and listening for the gaps between neighbours.", "doi": "10.5555/BATS.1", "year": 2019}
{"id": "sleep-2", "title": "Sleep and memory", "abstract": "Adults who napped after learning word pairs recalled more of them a day later than those who stayed awake.", "authors": [{"name": "Ada Eno"}, {"name": "Bo Li"}], "votes": 7}
{"paper_id": "steel-3", "title": "Corrosion of bridge steel", "summary": "Chloride carried by sea spray eats into weathering steel ten times faster than rain water does."}
"#;

#[test]
fn a_paper_goes_in_and_comes_out() {
    let cognate = Cognate::new();
    let file = cognate.file("papers.jsonl", THREE_PAPERS);
    let report = cognate.json(&["index", &file]);
    assert_eq!(
        [&report["read"], &report["added"], &report["updated"], &report["unchanged"], &report["skipped"]],
        [3, 3, 0, 0, 0]
    );
    assert!(report["seconds"].as_f64().unwrap() > 0.0);

    let answer =
        cognate.json(&["search", "how do flying mammals keep from bumping into each other?", "--limit", "2"]);
    assert_eq!(answer["total"], 3);
    assert_eq!(answer["offset"], 0);
    assert_eq!(ids(&answer)[0], "bats/1");
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
    let hit = &answer["data"][0];
    assert_eq!(hit["external_ids"], json!({ "doi": "10.5555/bats.1" }));
    assert_eq!(hit["year"], 2019);
    assert!((0.0..=1.0).contains(&hit["score"].as_f64().unwrap()));
    assert!(hit["scores"]["semantic"].is_f64() && hit["scores"]["keyword"].is_f64(), "{hit}");
    assert_eq!(answer["meta"]["mode"], "hybrid");
    assert_eq!(answer["meta"]["path"], "exact");
    assert_eq!(answer["meta"]["model"], "all-MiniLM-L6-v2");

    let similar = cognate.json(&["similar", "https://doi.org/10.5555/Bats.1"]);
    assert_eq!(similar["total"], 2);
    assert!(!ids(&similar).contains(&"bats/1".to_owned()));

    let paper = cognate.json(&["get", "sleep-2"]);
    assert_eq!(paper["authors"], json!([{ "name": "Ada Eno" }, { "name": "Bo Li" }]));
    assert_eq!(paper["extra"], json!({ "votes": 7 }));

    let stats = cognate.json(&["stats"]);
    assert_eq!([&stats["n_papers"], &stats["generation"], &stats["dim"]], [3, 1, 384]);
    assert_eq!(stats["model"], "all-MiniLM-L6-v2");
    assert_eq!(stats["index"]["path"], "exact");
}

#[test]
fn only_what_changed_is_embedded_again() {
    let cognate = Cognate::new();
    let file = cognate.file("papers.jsonl", THREE_PAPERS);
    cognate.json(&["index", &file]);
    let check = |content: &str, expected: [u64; 4], embedded: u64| {
        let file = cognate.file("again.jsonl", content);
        let output = cognate.run(&["--json", "index", &file]);
        let report = last_line(&output);
        let found = ["added", "updated", "unchanged", "skipped"].map(|key| report[key].as_u64().unwrap());
        assert_eq!(found, expected, "{content}");
        let vectors = rusqlite::Connection::open(cognate.store())
            .unwrap()
            .query_row(
                "SELECT count(*) FROM vectors WHERE generation = (SELECT value FROM meta WHERE key = 'generation')",
                [],
                |r| r.get::<_, u64>(0),
            )
            .unwrap();
        assert_eq!(vectors, embedded, "{content}");
    };
    check(&THREE_PAPERS.replace("2019", "2020"), [0, 1, 2, 0], 0);
    check(&THREE_PAPERS.replace("2019", "2020").replace("rain water", "rain"), [0, 1, 2, 0], 1);
    // The same id twice in one file: the later record wins.
    let twice = r#"{"id": "new", "title": "First words"}
{"id": "new", "title": "Other words"}"#;
    check(twice, [1, 1, 0, 0], 1);
    assert_eq!(cognate.json(&["get", "new"])["title"], "Other words");
}

#[test]
fn bad_records_are_told_and_skipped() {
    let cognate = Cognate::new();
    let file = cognate.file(
        "mixed.jsonl",
        "{\"id\": \"good\", \"title\": \"A title\"}\n{broken\n{\"id\": \"empty\"}\n{\"id\": \"odd\", \"title\": \"T\", \"year\": \"soon\"}\n",
    );
    let output = cognate.run(&["--json", "index", &file]);
    assert_eq!(output.status.code(), Some(0));
    let report = last_line(&output);
    assert_eq!([&report["read"], &report["added"], &report["skipped"]], [4, 2, 2]);
    let told = String::from_utf8(output.stderr).unwrap();
    for expected in ["mixed.jsonl:2", "mixed.jsonl:3", "mixed.jsonl:4", "year"] {
        assert!(told.contains(expected), "expected {expected:?} in {told}");
    }
    assert_eq!(cognate.json(&["get", "odd"])["year"], Value::Null);

    let strict = Cognate::new();
    let message = strict.failure(&["index", "--strict", &file], 2);
    assert!(message.contains("mixed.jsonl:2"), "{message}");
    assert_eq!(strict.json(&["stats"])["n_papers"], 1, "what came before the bad record is kept");
}

#[test]
fn one_bad_file_costs_only_itself_and_every_record_is_told() {
    let cognate = Cognate::new();
    let good =
        cognate.file("good.csv", "id,title,authors\n0,Tides,Ada Smith\n1,Tides,Ada Smith\n2,Locks,Bo Doe\n");
    let odd = cognate.file("odd.bin", "no format that anybody knows\n");
    let cut = cognate.file("cut.json", "[{\"id\": \"a\", \"title\": \"Quays\"}, {\"id\": \"b\", \"tit");
    let missing = cognate.folder.path().join("missing.ris").to_str().unwrap().to_owned();
    let table = cognate.folder.path().join("report.csv").to_str().unwrap().to_owned();
    let output = cognate.run(&["--json", "index", &odd, &cut, &missing, &good, "--report", &table]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let report = last_line(&output);
    let names = ["read", "added", "updated", "unchanged", "repeated", "skipped"];
    let counts = |of: &Value| names.map(|name| of[name].as_u64().unwrap());
    let [read, parts @ ..] = counts(&report);
    assert_eq!((read, parts.iter().sum::<u64>()), (4, 4));
    let files = report["files"].as_array().unwrap();
    let by_file: Vec<_> = files.iter().map(|file| (counts(file), file["error"].is_string())).collect();
    assert_eq!(
        by_file,
        [([0; 6], true), ([1, 1, 0, 0, 0, 0], true), ([0; 6], true), ([3, 2, 0, 0, 1, 0], false)]
    );
    let table = std::fs::read_to_string(&table).unwrap();
    let outcomes: Vec<&str> = table.lines().skip(1).map(|line| line.split(',').nth(4).unwrap()).collect();
    let mut sorted = outcomes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["added", "added", "added", "broken", "broken", "broken", "repeated"], "{table}");
    assert!(table.contains("it repeats"), "{table}");

    // A format that was named finds something.
    let message = cognate.failure(&["index", "--format", "bibtex", &good], 2);
    assert!(message.contains("bibtex") && message.contains("found none"), "{message}");
    assert!(cognate.failure(&["index", &missing], 2).contains("missing.ris"));
}

#[test]
fn row_numbers_name_nothing_and_two_papers_with_one_id_stay_two() {
    let cognate = Cognate::new();
    let rows = |name: &str, titles: [&str; 3]| {
        let rows: String =
            titles.iter().enumerate().map(|(n, title)| format!("{n},{title},Text about it.\n")).collect();
        cognate.file(name, &format!("id,title,abstract\n{rows}"))
    };
    let first = rows("rows1.csv", ["Alpha quay", "Beta quay", "Gamma quay"]);
    let second = rows("rows2.csv", ["Delta lock", "Epsilon lock", "Zeta lock"]);
    let report = cognate.json(&["index", &first, &second]);
    assert_eq!([&report["read"], &report["added"]], [6, 6]);

    let same_id = cognate.file(
        "same.jsonl",
        "{\"id\":\"s1\",\"title\":\"Tides\",\"abstract\":\"First.\"}\n{\"id\":\"s1\",\"title\":\"Locks\",\"abstract\":\"Second, another paper.\"}\n",
    );
    let output = cognate.run(&["--json", "index", &same_id]);
    assert_eq!([&last_line(&output)["added"], &last_line(&output)["skipped"]], [2, 0]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("same.jsonl:2") && told.contains("same.jsonl:1"), "{told}");
}

#[test]
fn standard_input_and_csv_are_read() {
    let cognate = Cognate::new();
    let mut child = cognate
        .command(&["--json", "index", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let csv = "id,title,abstract,year\nc1,\"A title, with a comma\",\"Two\nlines\",1999\n";
    child.stdin.take().unwrap().write_all(csv.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(last_line(&output)["added"], 1, "{}", String::from_utf8_lossy(&output.stderr));
    let paper = cognate.json(&["get", "c1"]);
    assert_eq!([&paper["title"], &paper["abstract"]], ["A title, with a comma", "Two\nlines"]);
    assert_eq!(paper["year"], 1999);
}

#[test]
fn a_daily_papers_page_is_read() {
    let Some(page) = shared("daily-papers.txt") else { return };
    let cognate = Cognate::new();
    let report = cognate.json(&["index", "--date", "2023-07-30", page.to_str().unwrap()]);
    assert_eq!([&report["read"], &report["added"], &report["skipped"]], [54, 54, 0]);
    let answer = cognate.json(&["search", "helium escaping from exoplanets", "--limit", "1"]);
    let hit = &answer["data"][0];
    assert!(hit["abstract"].as_str().unwrap().contains("TOI-836"));
    assert_eq!(hit["publication_date"], "2023-07-30");
    assert!(hit["id"].as_str().unwrap().starts_with("p-"));
}

#[test]
fn identifiers_look_papers_up() {
    let cognate = Cognate::new();
    let file = cognate.file(
        "papers.jsonl",
        r#"{"id": "hep-th/9901001", "title": "Strings"}
{"id": "b", "title": "Shared", "doi": "10.5555/x"}
{"id": "a", "title": "Shared too", "doi": "https://doi.org/10.5555/X"}
"#,
    );
    cognate.json(&["index", &file]);
    assert_eq!(cognate.json(&["get", "arXiv:hep-th/9901001v3"])["id"], "hep-th/9901001");
    let both = cognate.json(&["get", "DOI:10.5555/X"]);
    assert_eq!(both["id"], "a");
    let matched: Vec<&str> =
        both["matches"].as_array().unwrap().iter().map(|paper| paper["id"].as_str().unwrap()).collect();
    assert_eq!(matched, ["a", "b"]);
    assert!(!ids(&cognate.json(&["similar", "DOI:10.5555/X"])).contains(&"a".to_owned()));
    let message = cognate.failure(&["delete", "DOI:10.5555/X"], 2);
    assert!(message.contains("a, b"), "{message}");
    assert!(cognate.failure(&["get", "nowhere"], 3).contains("nowhere"));
}

#[test]
fn a_deleted_paper_is_gone() {
    let cognate = Cognate::new();
    let file = cognate.file("papers.jsonl", THREE_PAPERS);
    cognate.json(&["index", &file]);
    assert_eq!(cognate.json(&["delete", "bats/1"]), json!({ "deleted": "bats/1" }));
    cognate.failure(&["get", "bats/1"], 3);
    cognate.failure(&["get", "10.5555/bats.1"], 3);
    assert!(!ids(&cognate.json(&["search", "bats"])).contains(&"bats/1".to_owned()));
    assert_eq!(cognate.json(&["index", &file])["added"], 1, "it can come back");
    assert_eq!(ids(&cognate.json(&["search", "bats"]))[0], "bats/1");
}

#[test]
fn duplicates_are_grouped_around_the_one_to_keep() {
    let cognate = Cognate::with_demo();
    let report = cognate.json(&["dedup", "--versions", "same", "--threshold", "0.85"]);
    let pairs = std::fs::read_to_string(crate::harness::demo_corpus().join("duplicates.tsv")).unwrap();
    let clusters = report["clusters"].as_array().unwrap();
    let together = |a: &str, b: &str| {
        clusters.iter().any(|cluster| {
            let members = cluster["members"].as_array().unwrap();
            let holds = |id: &str| members.iter().any(|member| member["id"] == id);
            holds(a) && holds(b)
        })
    };
    let pairs: Vec<Vec<&str>> = pairs.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(pairs.len(), 15);
    let n_found = pairs.iter().filter(|pair| together(pair[0], pair[1])).count();
    assert!(n_found >= 13, "only {n_found} of 15 known pairs found");
    for cluster in clusters {
        let members = cluster["members"].as_array().unwrap();
        assert_eq!(members[0]["id"], cluster["keep"]);
        assert_eq!(members[0]["action"], "keep");
        for member in &members[1..] {
            assert!(["drop", "review"].contains(&member["action"].as_str().unwrap()));
            assert_eq!(member["matched_to"], cluster["keep"]);
            assert!(member["score"].as_f64().unwrap() >= 0.85);
            assert!(!member["reason"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn texts_become_vectors() {
    let cognate = Cognate::new();
    let input =
        cognate.file("texts.jsonl", "\"dark matter\"\n{\"text\": \"grammar of verbs\"}\n\"dark matter\"\n");
    let output = cognate.folder.path().join("vectors.npy");
    cognate.json(&["embed", "--input", &input, "--output", output.to_str().unwrap()]);
    let bytes = std::fs::read(&output).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    assert_eq!(bytes.len(), 128 + 3 * 384 * 4);
    let row = |i: usize| -> Vec<f32> {
        let start = 128 + i * 384 * 4;
        bytes[start..start + 384 * 4]
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    };
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    assert!((dot(&row(0), &row(0)) - 1.0).abs() < 1e-5);
    assert!((dot(&row(0), &row(2)) - 1.0).abs() < 1e-5);
    assert!(dot(&row(0), &row(1)) < 0.5);

    let lines = cognate.run(&["embed", "--input", &input]);
    let lines = String::from_utf8(lines.stdout).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let first: Vec<f32> = serde_json::from_value(first["embedding"].clone()).unwrap();
    assert_eq!(lines.lines().count(), 3);
    assert!(dot(&first, &row(0)) > 0.99999);

    let bad = cognate.file("bad.jsonl", "\"fine\"\n{\"txt\": 1}\n");
    let unwritten = cognate.folder.path().join("unwritten.npy");
    let message = cognate.failure(&["embed", "--input", &bad, "--output", unwritten.to_str().unwrap()], 2);
    assert!(message.contains("line 2"), "{message}");
    let left: Vec<_> =
        std::fs::read_dir(cognate.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("unwritten")), "{left:?}");
}

#[test]
fn settings_come_from_file_then_environment_then_flags() {
    let cognate = Cognate::new();
    let run = |env: Option<&str>, flag: Option<&str>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cognate"));
        command.current_dir(cognate.folder.path()).env_remove("COGNATE_DATA");
        if let Some(folder) = env {
            command.env("COGNATE_DATA", folder);
        }
        if let Some(folder) = flag {
            command.args(["--data", folder]);
        }
        let output = command.args(["--json", "stats"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        last_line(&output)["message"].as_str().unwrap().to_owned()
    };
    assert!(run(None, None).contains("cognate-data"));
    cognate.file("cognate.toml", "data = \"from-file\"\n");
    assert!(run(None, None).contains("from-file"));
    assert!(run(Some("from-env"), None).contains("from-env"));
    assert!(run(Some("from-env"), Some("from-flag")).contains("from-flag"));
    cognate.file("cognate.toml", "index_memory = 63\n");
    let output = cognate.run(&["--json", "stats"]);
    assert_eq!(output.status.code(), Some(2));
    let told = last_line(&output)["message"].to_string();
    assert!(told.contains("at least 64 MiB") && told.contains("63"), "{told}");
    cognate.file("cognate.toml", "dta = \"typo\"\n");
    let output = cognate.run(&["--json", "stats"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(last_line(&output)["message"].as_str().unwrap().contains("dta"));
}

#[test]
fn every_setting_is_a_variable_too_and_is_taken_as_text() {
    let cognate = Cognate::with_demo();
    let run = |variable: (&str, &str), args: &[&str]| {
        let mut command = cognate.command(args);
        command.env(variable.0, variable.1);
        command
    };
    let error = |variable, args: &[&str]| {
        let output = run(variable, args).output().unwrap();
        assert!(!output.status.success(), "{variable:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error(("COGNATE_PRECISION", "f32"), &["search", "bats"]).contains("f32"));
    assert!(error(("COGNATE_PRECISION", "f99"), &["search", "bats"]).contains("f99"));
    assert!(error(("COGNATE_MODEL", "123"), &["search", "bats"]).contains("123"));
    assert!(error(("COGNATE_INDEX_MEMORY", "much"), &["stats"]).contains("a number of MiB"));
    assert!(error(("COGNATE_INDEX_MEMORY", "5"), &["stats"]).contains("at least 64 MiB"));
    assert!(error(("COGNATE_INDEX_LAYOUT", "broad"), &["stats"]).contains("compact, wide"));
    let output = run(("COGNATE_INDEX_LAYOUT", "wide"), &["search", "bats"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = run(("COGNATE_INDEX_MEMORY", "64"), &["optimize"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let data = cognate.folder.path().join("123");
    std::fs::create_dir(&data).unwrap();
    std::fs::copy(cognate.store(), data.join("papers.sqlite3")).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cognate"));
    command.current_dir(cognate.folder.path()).env("COGNATE_DATA", "123");
    command.env("COGNATE_MODELS", crate::harness::root().join("models"));
    assert!(command.args(["get", "demo-001"]).output().unwrap().status.success());

    let serve = |variable| crate::harness::Server::start(run(variable, &["serve", "--bind", "127.0.0.1:0"]));
    let server = serve(("COGNATE_ALLOW_HOST", "papers.example,more.example"));
    for (host, status) in [("papers.example", 200), ("more.example", 200), ("other.example", 403)] {
        assert_eq!(server.get_with("/health", ("Host", host)).status, status, "{host}");
    }
    let server = serve(("COGNATE_ALLOW_ORIGIN", "https://reader.example"));
    assert_eq!(server.get_with("/v1/stats", ("Origin", "https://reader.example")).status, 200);
    drop(server);

    // A variable that says no wins over a file that says yes, and a word that says neither is refused.
    let open_to_all = cognate.folder.path().join("open.toml");
    std::fs::write(&open_to_all, "allow_remote = true\n").unwrap();
    let beyond = ["--config", open_to_all.to_str().unwrap(), "serve", "--bind", "0.0.0.0:0"];
    assert!(error(("COGNATE_ALLOW_REMOTE", "no"), &beyond).contains("--allow-remote"));
    assert!(error(("COGNATE_ALLOW_REMOTE", "perhaps"), &beyond).contains("perhaps"));
    assert!(error(("COGNATE_PUBLIC_READ", "perhaps"), &["serve"]).contains("perhaps"));
}

#[test]
fn the_demo_goes_among_no_papers_of_the_environment() {
    let cognate = Cognate::with_demo();
    let store = std::fs::read(cognate.store()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cognate"));
    command.current_dir(elsewhere.path()).env("COGNATE_DATA", cognate.store().parent().unwrap());
    command.env("COGNATE_MODELS", crate::harness::root().join("models"));
    let output = command.arg("demo").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(elsewhere.path().join("cognate-demo").join("papers.sqlite3").is_file());
    assert_eq!(std::fs::read(cognate.store()).unwrap(), store);
}

#[test]
fn a_copy_of_the_binary_finds_its_model() {
    let cognate = Cognate::with_demo();
    let elsewhere = cognate.folder.path().join("bin");
    std::fs::create_dir(&elsewhere).unwrap();
    let copy = elsewhere.join("cognate");
    std::fs::copy(env!("CARGO_BIN_EXE_cognate"), &copy).unwrap();
    let mut command = std::process::Command::new(&copy);
    command.current_dir(&elsewhere).env_remove("COGNATE_MODELS").env_remove("XDG_DATA_HOME");
    command.env("HOME", cognate.folder.path()).arg("--data").arg(cognate.data());
    let output = command.args(["search", "bats", "--mode", "semantic"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_usage_error_is_json_where_json_was_asked_for() {
    let cognate = Cognate::new();
    for args in [&["--json", "serach"][..], &["search", "--json", "--limit", "ten", "x"], &["--json"]] {
        let output = cognate.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let body = crate::harness::last_line(&output);
        assert_eq!(body["code"], "invalid_usage", "{args:?}");
        assert!(!body["message"].as_str().unwrap().is_empty());
    }
    assert!(cognate.run(&["serach"]).stdout.is_empty());
    let help = cognate.run(&["--json", "--help"]);
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("Usage"));
}

#[test]
fn nothing_in_a_record_moves_the_cursor() {
    let cognate = Cognate::new();
    let record = r#"{"id": "x", "title": "Bats\u001b[2J", "authors": ["Eve \u001b]0;owned\u0007", "Ann \u202egro"], "venue": "V\u009b1m"}"#;
    let file = cognate.file("evil.jsonl", record);
    cognate.json(&["index", &file]);
    for args in [&["search", "bats"][..], &["similar", "x"], &["get", "x"], &["trends"], &["dedup"]] {
        let output = cognate.run(args);
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8(shown).unwrap();
        let harmful = shown.chars().find(|c| (c.is_control() && !"\n\t".contains(*c)) || *c == '\u{202e}');
        assert_eq!(harmful, None, "{args:?}: {shown:?}");
    }
}

#[test]
fn wrong_requests_are_named() {
    let cognate = Cognate::with_demo();
    let check = |args: &[&str], code: i32, expected: &str| {
        let message = cognate.failure(args, code);
        assert!(message.contains(expected), "{args:?}: expected {expected:?} in {message:?}");
    };
    check(&["search", "dark", "matter", "--halo", "x"], 2, "--halo");
    check(&["search", "--min-score", "0.5"], 2, "`q`");
    check(&["search", "x", "--limit", "0"], 2, "`limit`");
    check(&["search", "x", "--limit", "1001"], 2, "`limit`");
    check(&["search", "x", "--min-score", "1.5"], 2, "`min_score`");
    check(&["search", "x", "--mode", "psychic"], 2, "psychic");
    check(&["dedup", "--threshold", "0.1"], 2, "`threshold`");
    check(&["index", "nowhere.jsonl"], 2, "nowhere.jsonl");
    check(&["--model", "no-such-model", "search", "x"], 1, "no-such-model");
    let empty = Cognate::new();
    assert!(empty.failure(&["search", "x"], 1).contains("cognate index"));
}

#[test]
fn the_demo_shows_the_main_job() {
    let cognate = Cognate::new();
    let body = cognate.json(&["demo"]);
    let n_papers = body["index"]["read"].as_u64().unwrap();
    assert!(n_papers >= 120);
    assert_eq!(body["searches"].as_array().unwrap().len(), 3);
    for answer in body["searches"].as_array().unwrap() {
        assert_eq!(answer["data"].as_array().unwrap().len(), 3);
        assert!(answer["data"][0]["score"].as_f64().unwrap() > 0.4, "{answer}");
    }
}

#[test]
fn the_next_steps_of_the_demo_work_as_printed() {
    let cognate = Cognate::new();
    let run = |program: &str, args: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.current_dir(cognate.folder.path()).env_remove("COGNATE_DATA");
        command.env("COGNATE_MODELS", crate::harness::root().join("models")).args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = run(env!("CARGO_BIN_EXE_cognate"), &["--data", "it's a demo", "demo"]);
    let steps = shown.split_once("Go on with:").unwrap().1.split_once("and with your own").unwrap().0;
    let steps: Vec<&str> = steps.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(steps.len(), 4, "{shown}");
    for step in steps.iter().filter(|step| !step.ends_with(" serve")) {
        assert!(!run("sh", &["-c", step]).trim().is_empty(), "{step}");
    }
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let cognate = Cognate::with_demo();
    cognate.json(&["stats"]);
    assert_eq!(cognate.json(&["doctor"])["ok"], true);
    let connection = rusqlite::Connection::open(cognate.store()).unwrap();
    connection.execute("DELETE FROM vectors WHERE row = 3", []).unwrap();
    let output = cognate.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("1 papers without a vector") && told.contains("cognate reembed"), "{told}");
    cognate.json(&["reembed"]);
    assert_eq!(cognate.json(&["doctor"])["ok"], true, "the mend that it names mends it");
}

#[test]
fn a_manual_is_written() {
    let cognate = Cognate::new();
    let folder = cognate.folder.path().join("share/man/man1");
    assert!(cognate.run(&["man", folder.to_str().unwrap()]).status.success());
    let page = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(page("cognate.1").contains("cognate\\-search(1)"), "{}", page("cognate.1"));
    assert!(page("cognate-saved-list.1").starts_with(".ie") || page("cognate-saved-list.1").contains(".TH"));
    let failed = cognate.failure(&["man", &cognate.file("a-file", "")], 1);
    assert!(failed.contains("a-file"), "{failed}");
}

#[test]
fn completions_are_printed() {
    let cognate = Cognate::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = cognate.run(&["completions", shell]);
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains("similar"));
    }
}
