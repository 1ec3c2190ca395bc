//! Out of the store and in again, and in and out again: nothing is lost on the way. All with a tiny model.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{Cognate, last_line, root};

/// Runs with a tiny model and `--json`, and expects success.
fn run(cognate: &Cognate, args: &[&str]) -> std::process::Output {
    let model = root().join("crates/embed/tests/fixtures/tiny-mean");
    let output = cognate.run(&[&["--json", "--model", model.to_str().unwrap()], args].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn exported(cognate: &Cognate, format: &str) -> String {
    String::from_utf8(run(cognate, &["export", "--format", format]).stdout).unwrap()
}

/// The papers of a store by id.
fn papers(cognate: &Cognate) -> BTreeMap<String, Value> {
    let lines = exported(cognate, "jsonl");
    let papers = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    papers.map(|paper| (paper["id"].as_str().unwrap().to_owned(), paper)).collect()
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What both papers must say alike: white space is folded, and names are the same words, since formats with family
/// names give "Smith, Ada" back as "Ada Smith".
fn comparable(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("authors" | "editors", Value::Array(names)) => {
            let words = |name: &Value| -> BTreeSet<String> {
                let name = name.as_str().unwrap_or_default();
                name.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
            };
            json!(names.iter().map(words).collect::<Vec<_>>())
        }
        (_, Value::String(text)) => json!(folded(text)),
        _ => value.clone(),
    }
}

/// The page of a paper's identifier.
fn page_of(paper: &Value) -> Option<String> {
    let sites = [
        ("arxiv", "https://arxiv.org/abs/"),
        ("doi", "https://doi.org/"),
        ("pmid", "https://pubmed.ncbi.nlm.nih.gov/"),
        ("pmcid", "https://pmc.ncbi.nlm.nih.gov/articles/"),
        ("acl", "https://aclanthology.org/"),
    ];
    sites.iter().find_map(|(kind, site)| Some(format!("{site}{}", paper["external_ids"][kind].as_str()?)))
}

/// The real layouts of all exports that are read, in one store, out in each format, and into another store.
#[test]
fn a_store_comes_back_from_every_format() {
    let cognate = Cognate::new();
    let folder = root().join("crates/corpus/tests/layouts");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .filter(|path| !path.ends_with(".expected.json"))
        .collect();
    files.sort();
    let args: Vec<&str> = ["index"].into_iter().chain(files.iter().map(String::as_str)).collect();
    run(&cognate, &args);
    let before = papers(&cognate);
    assert!(before.len() > 100);
    for format in ["json", "jsonl", "csv", "bibtex", "ris", "endnote-xml", "csl", "atom"] {
        let other = Cognate::new();
        let file = other.file("papers", &exported(&cognate, format));
        let report = last_line(&run(&other, &["index", &file]));
        assert_eq!(
            (&report["read"], &report["added"]),
            (&json!(before.len()), &json!(before.len())),
            "{format}: {report}"
        );
        let after = papers(&other);
        for (id, paper) in &before {
            let found = after.get(id).unwrap_or_else(|| panic!("{format}: no {id}"));
            for (name, value) in paper.as_object().unwrap() {
                let is_left_out = match name.as_str() {
                    // A format's own words for types, and what only one format has.
                    "extra" => true,
                    // An entry has a type: without one it gets that of what the paper looks like.
                    "type" => value.is_null(),
                    // The school of a thesis is its publisher there.
                    "publisher" => value.is_null() && paper["extra"]["school"].is_string(),
                    "upvotes" => format == "atom",
                    // An address that says no more than an identifier is none.
                    "url" => found[name].is_null() && value.as_str() == page_of(paper).as_deref(),
                    _ => false,
                };
                if !is_left_out {
                    assert_eq!(
                        comparable(name, &found[name]),
                        comparable(name, value),
                        "{format} {id} {name}: {paper}"
                    );
                }
            }
        }
    }
}

/// Fields of entries, with TeX, signs and names of every shape.
#[rustfmt::skip]
const BIB_FIELDS: [(&str, &str); 40] = [
    ("author", r"F{\o}lner, Erling and {The Quay Group} and van den Berg, Jan and others"),
    ("editor", r"Roe, Cy and N{\'u}{\~n}ez, J."),
    ("journal", "Journal of {Q}uays \\& Locks"), ("journaltitle", "Tides"), ("booktitle", "Proceedings of the 3rd Week"),
    ("year", "2019"), ("date", "2019-05"), ("month", "may"), ("volume", "12"), ("number", "3--4"), ("issue", "Suppl. 1"),
    ("pages", "101--117"), ("publisher", r"Springer {\&} Sons"), ("school", r"University of {\AA}rhus"),
    ("institution", "Institute of Tides"), ("organization", "Quay Club"), ("address", "Bergen"), ("location", "Oslo"),
    ("edition", "2nd"), ("series", "Lecture Notes in Tides"), ("chapter", "4"), ("type", "Master's thesis"),
    ("note", r"See \cite{other}, and 5\% of $x_1^2$"), ("annote", "as ever"), ("howpublished", r"\url{https://e.org/a_b}"),
    ("doi", "10.5555/Tides.1(2)"), ("eprint", "1903.00001"), ("eprinttype", "arxiv"), ("eprintclass", "cs.CL"),
    ("url", "https://example.org/a?b=c&d=e~f"), ("urldate", "2020-01-02"), ("isbn", "978-0-00-000000-2"),
    ("issn", "1111-2222, 2222-3333"), ("keywords", "tides, {trade, and more}, locks"), ("abstract", r"We saw {\ss} and \textbf{bold} words --- often."),
    ("langid", "english"), ("file", ":home/a.pdf:PDF"), ("crossref_note", "x"), ("shorttitle", "Tides"), ("groups", "a; b"),
];

const BIB_TYPES: [&str; 24] = [
    "article",
    "book",
    "booklet",
    "collection",
    "conference",
    "dataset",
    "inbook",
    "incollection",
    "inproceedings",
    "inreference",
    "manual",
    "mastersthesis",
    "misc",
    "online",
    "patent",
    "periodical",
    "phdthesis",
    "proceedings",
    "report",
    "software",
    "techreport",
    "thesis",
    "unpublished",
    "thing",
];

/// An entry: type and key, and its fields.
type Entry = (String, BTreeMap<String, String>);

/// The entries of a file in which each field has a line.
fn entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for line in text.lines() {
        if line.starts_with('@') {
            entries.push((line.trim_end_matches(',').to_owned(), BTreeMap::new()));
        } else if let Some((name, value)) = line.split_once(" = ") {
            let value = value.trim_end_matches(',');
            let value = value.strip_prefix('{').and_then(|value| value.strip_suffix('}')).unwrap_or(value);
            let (_, fields): &mut Entry = entries.last_mut().unwrap();
            let before = fields.insert(name.trim().to_owned(), folded(value));
            assert_eq!(before, None, "{line}");
        }
    }
    entries
}

/// A library of every type and every field, as a person keeps one.
fn library(n_entries: usize) -> String {
    let mut text = "@string{jq = {Journal of Quays}}\n@comment{nobody reads this}\n".to_owned();
    for n in 0..n_entries {
        let kind = BIB_TYPES[n % BIB_TYPES.len()];
        text.push_str(&format!(
            "@{kind}{{key:{n}_A-b,\n  title = {{{{On}} the {{B{n}RT}} of {{\\\"o}}rn}},\n"
        ));
        for (at, (name, value)) in BIB_FIELDS.iter().enumerate() {
            // Every field with every type, in ever other company.
            if (n / BIB_TYPES.len() + at * (1 + n % 3)).is_multiple_of(4) {
                let value = value
                    .replace("Tides.1", &format!("Tides.{n}"))
                    .replace("1903.00001", &format!("1903.{n:05}"));
                text.push_str(&format!("  {name} = {{{value}}},\n"));
            }
        }
        text.push_str("}\n\n");
    }
    text
}

#[test]
fn a_bib_file_goes_through_the_store_unharmed() {
    let cognate = Cognate::new();
    let text = library(240);
    let file = cognate.file("library.bib", &text);
    let report = last_line(&run(&cognate, &["index", &file]));
    assert_eq!((&report["read"], &report["added"]), (&json!(240), &json!(240)), "{report}");
    let expected: BTreeMap<String, _> = entries(&text)
        .into_iter()
        .filter(|(head, _)| !head.starts_with("@string") && !head.starts_with("@comment"))
        .collect();
    let found: BTreeMap<String, _> = entries(&exported(&cognate, "bibtex")).into_iter().collect();
    assert_eq!(found.len(), expected.len());
    for (head, fields) in &expected {
        assert_eq!(found.get(head), Some(fields), "{head}");
    }
    // Of what is deduplicated the entries that stay are unharmed too.
    let twins = "@article{twin1,\n  title = {Sand in the locks of {F{\\o}lner}},\n  author = {Roe, Cy and Doe, Bo},\n  year = {2011},\n  doi = {10.5555/twin},\n}\n\
                 @misc{twin2,\n  title = {Sand in the Locks of F{\\o}lner},\n  author = {Roe, Cy and Doe, Bo},\n  year = {2011},\n  doi = {10.5555/TWIN},\n  note = {\\emph{n}},\n}\n";
    let other = Cognate::new();
    let file = other.file("twins.bib", twins);
    run(&other, &["index", &file]);
    let applied = last_line(&run(&other, &["dedup", "--apply"]));
    assert_eq!(applied["applied"]["dropped"], 1, "{applied}");
    let stays = entries(&exported(&other, "bibtex"));
    assert_eq!(stays.len(), 1);
    assert!(entries(twins).contains(&stays[0]), "{stays:?}");
}

#[rustfmt::skip]
const RIS_LINES: [(&str, &str); 34] = [
    ("AU", "Følner, Erling"), ("AU", "van den Berg, Jan, Jr."), ("A2", "Roe, C."), ("A4", "Poe, Di"), ("T2", "Journal of Quays"), ("J2", "J. Quays"),
    ("JF", "Journal of Quays"), ("PY", "2019"), ("DA", "2019/05//"), ("Y2", "2020/01/02/"), ("VL", "12"), ("IS", "3-4"), ("SP", "101"), ("EP", "117"),
    ("PB", "Quay Press"), ("CY", "Bergen"), ("SN", "1111-2222"), ("SN", "978-0-00-000000-2"), ("DO", "10.5555/Tides.1"),
    ("UR", "https://example.org/a?b=c"), ("L1", "file:///a.pdf"), ("AN", "WOS:0001"), ("C1", "Full text"), ("C2", "PMC17"), ("M1", "7"),
    ("M3", "Article"), ("N1", "as ever; 5% of it"), ("AB", "We saw {braces} & signs."), ("KW", "tides"), ("KW", "locks, and more"),
    ("LA", "eng"), ("ET", "2nd"), ("AD", "University of Quays"), ("ZZ", "nobody knows"),
];

const RIS_TYPES: [&str; 16] = [
    "JOUR", "CHAP", "BOOK", "CONF", "CPAPER", "THES", "RPRT", "GEN", "ELEC", "DATA", "COMP", "PAT", "UNPB",
    "NEWS", "EDBOOK", "XYZ",
];

/// The lines of each record, sorted.
fn records(text: &str) -> Vec<Vec<String>> {
    let records = text.split("ER  -").map(|record| {
        let mut lines: Vec<String> = record.lines().map(folded).filter(|line| !line.is_empty()).collect();
        lines.sort();
        lines
    });
    records.filter(|lines| !lines.is_empty()).collect()
}

#[test]
fn a_ris_file_goes_through_the_store_unharmed() {
    let cognate = Cognate::new();
    let mut text = String::new();
    for n in 0..160 {
        text.push_str(&format!("TY  - {}\nTI  - On the {n}th of örn\n", RIS_TYPES[n % RIS_TYPES.len()]));
        for (at, (tag, value)) in RIS_LINES.iter().enumerate() {
            if (n / RIS_TYPES.len() + at * (1 + n % 3)).is_multiple_of(4) {
                let value = value.replace("Tides.1", &format!("Tides.{n}"));
                text.push_str(&format!("{tag}  - {value}\n"));
            }
        }
        text.push_str(&format!("ID  - key{n}\nER  - \n\n"));
    }
    let file = cognate.file("records.ris", &text);
    let report = last_line(&run(&cognate, &["index", &file]));
    assert_eq!((&report["read"], &report["added"]), (&json!(160), &json!(160)), "{report}");
    assert_eq!(records(&exported(&cognate, "ris")), records(&text));
}
