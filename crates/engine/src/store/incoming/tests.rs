//! Records against the rules of docs/formats.md, over real formats. Vectors are made up.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::Path;

use cognate_corpus::{Format, Paper, PaperId, ReadOptions, Record, Source};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::super::testing::{client, model, put, take_in, vector_of};
use super::super::write::Fate;
use super::super::{Outcome, Store, Vectors, text_hash};
use super::{IngestPolicy, RecordSource, Session};

/// A store, and what was put into it.
pub(super) struct Library {
    _folder: TempDir,
    pub(super) store: Store,
}

impl Library {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        Self { _folder: folder, store }
    }

    pub(super) fn index_with(&self, policy: &IngestPolicy, files: &[(&str, &str)]) -> Vec<Fate> {
        let mut session = Session::new(policy.clone(), &self.store).unwrap();
        let mut fates = Vec::new();
        for (name, text) in files {
            let records = records_of(name, text);
            for batch in records.chunks(200) {
                fates.extend(take_in(&self.store, &mut session, batch.to_vec()));
            }
        }
        fates
    }

    /// Indexes files by name, without an option.
    fn index(&self, files: &[(&str, &str)]) -> Vec<Outcome> {
        outcomes(&self.index_with(&IngestPolicy::default(), files))
    }

    /// Indexes one file as a source's.
    fn index_of(&self, source: &str, file: (&str, &str)) -> Vec<Outcome> {
        let policy =
            IngestPolicy { source: RecordSource::Named(source.to_owned()), ..IngestPolicy::default() };
        outcomes(&self.index_with(&policy, &[file]))
    }

    pub(super) fn papers(&self) -> BTreeMap<String, Paper> {
        let mut papers = BTreeMap::new();
        let reader = self.store.reader().unwrap();
        reader
            .for_each_paper::<crate::error::EngineError>(&mut |stored| {
                papers.insert(stored.paper.id.to_string(), stored.paper);
                Ok(())
            })
            .unwrap();
        papers
    }

    fn only(&self) -> Paper {
        let papers = self.papers();
        assert_eq!(papers.len(), 1, "{:?}", papers.keys());
        papers.into_values().next().unwrap()
    }

    fn count(&self, sql: &str) -> u64 {
        self.store.reader().unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn records_of(name: &str, text: &str) -> Vec<Record> {
    let source = Source::from_text(name, Cursor::new(text.to_owned()));
    let records = source.records(&ReadOptions { format: Format::Auto, ..ReadOptions::default() }).unwrap();
    records.map(|record| record.unwrap().unwrap()).collect()
}

fn outcomes(fates: &[Fate]) -> Vec<Outcome> {
    fates.iter().map(|fate| fate.outcome).collect()
}

fn jsonl(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

use Outcome::{Added, Repeated, Unchanged, Updated};

#[test]
fn the_same_files_again_change_nothing() {
    let library = Library::new();
    let bib = "@article{a, title={Tides}, author={Ada Smith}, year=2019}\n\
               @article{a, title={Locks}, author={Bo Doe}, year=2020}\n\
               @article{c, title={Tides}, author={Ada Smith}, year=2019}\n";
    let lines = jsonl(&[
        json!({"id": "s1", "title": "Tides", "abstract": "First."}),
        json!({"id": "s1", "title": "Locks", "abstract": "Second, another paper."}),
        json!({"id": "s2", "title": "Tides and trade", "authors": ["Ada Smith"]}),
        json!({"id": "s2", "title": "Tides and trade!", "abstract": "Later."}),
    ]);
    let files = [("lib.bib", bib), ("lines.jsonl", &*lines)];
    let first = library.index_with(&IngestPolicy::default(), &files);
    assert_eq!(outcomes(&first), [Added, Added, Repeated, Added, Added, Added, Updated]);
    let clash = first[4].clash.as_ref().unwrap();
    assert_eq!((&*clash.id, &*clash.other.0, clash.other.1), ("s1", "lines.jsonl", 1));
    assert!(first[4].id.starts_with("p-"));
    assert_eq!(first[2].with, Some(("lib.bib".to_owned(), 1)));
    let papers = library.papers();
    assert_eq!(papers.len(), 5);
    let joined = &papers["s2"];
    assert_eq!(
        (joined.title.as_deref(), &joined.authors[..]),
        (Some("Tides and trade!"), &["Ada Smith".to_owned()][..])
    );
    for _ in 0..2 {
        assert_eq!(library.index(&files), [Unchanged; 7]);
        assert_eq!(library.papers(), papers);
    }
    assert_eq!(library.count("SELECT count(*) FROM records"), 7);
    let of_paper = "SELECT count(*) FROM records WHERE fields IS NULL";
    assert_eq!(library.count(of_paper), 3, "a single record is kept once");
}

#[test]
fn an_entry_edited_every_week_is_updated_in_place() {
    let library = Library::new();
    let bib =
        |title: &str, rest: &str| format!("@article{{key, title={{{title}}}, author={{Ada Smith}}{rest}}}\n");
    assert_eq!(library.index(&[("lib.bib", &bib("Tides", ", year=2019, volume=3"))]), [Added]);
    let id = library.only().id;
    let weeks = [
        bib("Tides and trade", ", year=2019, volume=3"),
        // What is its own it may take back.
        bib("Tides and trade", ", year=2020, doi={10.5555/1}"),
        // It may come to have an id.
        bib("Tides and trade", ", year=2020, eprint={1704.03578}, archiveprefix={arXiv}"),
        bib("Quays and trade", ", year=2020, eprint={1704.03578}, archiveprefix={arXiv}"),
    ];
    for week in &weeks {
        assert_eq!(library.index(&[("lib.bib", week)]), [Updated], "{week}");
        assert_eq!(library.index(&[("lib.bib", week)]), [Unchanged], "{week}");
        assert_eq!(library.only().id, id);
    }
    let paper = library.only();
    assert_eq!((paper.year, paper.volume, paper.external_ids.len()), (Some(2020), None, 1));
    // The id names it from now on, whoever has it.
    let other =
        json!({"id": "arXiv:1704.03578", "title": "Quays and trade", "abstract": "On quays."}).to_string();
    assert_eq!(library.index(&[("dump.jsonl", &other)]), [Updated]);
    assert_eq!(library.only().abstract_text.as_deref(), Some("On quays."));
    // Another file's key is another record, and so is one of another paper.
    assert_eq!(library.index(&[("other.bib", &bib("Locks of the north", ""))]), [Added]);
    let reused = "@article{key, title={Something else altogether}, author={Cy Roe}}";
    assert_eq!(library.index(&[("lib.bib", reused)]), [Added]);
}

#[test]
fn a_paper_keeps_the_id_of_a_content_that_it_has_no_more() {
    let library = Library::new();
    let bib = |title: &str| format!("@article{{key, title={{{title}}}, author={{Ada Smith}}}}\n");
    library.index(&[("lib.bib", &bib("Tides"))]);
    library.index(&[("lib.bib", &bib("Tides and trade"))]);
    // What the entry said once is another paper now.
    assert_eq!(library.index(&[("other.bib", &bib("Tides"))]), [Added]);
    assert_eq!(library.index(&[("third.bib", &bib("Tides"))]), [Repeated]);
    assert_eq!(library.index(&[("fourth.bib", &bib("Tides and trade"))]), [Repeated]);
    let titles: BTreeSet<_> = library.papers().into_values().map(|paper| paper.title.unwrap()).collect();
    assert_eq!(titles, BTreeSet::from(["Tides".to_owned(), "Tides and trade".to_owned()]));
}

#[test]
fn a_second_source_fills_and_replaces_nothing() {
    let library = Library::new();
    let first = json!({"id": "PMID:1234567", "title": "Tides", "authors": ["Ada Smith"], "venue": "J. Quay"});
    let second = json!({"id": "PMID:1234567", "title": "TIDES.", "authors": ["Smith, A."], "venue": "Quays",
                        "abstract": "On tides.", "volume": "3", "doi": "10.5555/1", "tags": "x"});
    library.index_of("pubmed", ("a.jsonl", &first.to_string()));
    assert_eq!(library.index_of("scopus", ("b.jsonl", &second.to_string())), [Updated]);
    let check = |volume: Option<&str>| {
        let paper = library.only();
        assert_eq!((paper.title.as_deref(), paper.venue.as_deref()), (Some("Tides"), Some("J. Quay")));
        assert_eq!(
            (&*paper.authors, paper.abstract_text.as_deref()),
            (&["Ada Smith".to_owned()][..], Some("On tides."))
        );
        assert_eq!((paper.volume.as_deref(), paper.external_ids.len()), (volume, 2));
    };
    check(Some("3"));
    // What a source said itself it may correct and take back; what it cannot take back stays.
    let poorer =
        json!({"id": "PMID:1234567", "title": "TIDES", "authors": ["Smith, A."], "doi": "10.5555/1"});
    assert_eq!(library.index_of("scopus", ("b.jsonl", &poorer.to_string())), [Updated]);
    check(None);
    let nothing = json!({"id": "PMID:1234567", "venue": "J. Quay"});
    assert_eq!(library.index_of("pubmed", ("a.jsonl", &nothing.to_string())), [Unchanged]);
    check(None);
    let replace = IngestPolicy {
        source: RecordSource::Named("pubmed".to_owned()),
        replace: true,
        ..IngestPolicy::default()
    };
    library.index_with(&replace, &[("a.jsonl", &nothing.to_string())]);
    assert_eq!(
        library.only().title.as_deref(),
        Some("TIDES"),
        "what it said before goes, though it says the same again"
    );
    let less = json!({"id": "PMID:1234567", "venue": "Journal of Quays"});
    library.index_with(&replace, &[("a.jsonl", &less.to_string())]);
    let paper = library.only();
    assert_eq!((paper.title.as_deref(), paper.venue.as_deref()), (Some("TIDES"), Some("Journal of Quays")));
    assert_eq!(paper.authors, ["Smith, A."]);
}

#[test]
fn a_later_file_updates_what_its_id_names() {
    let library = Library::new();
    let march = json!({"id": "1704.03578", "title": "Tides", "abstract": "v1", "comments": "8 pages"});
    let april = json!({"id": "1704.03578", "title": "Tides", "abstract": "v2"});
    library.index(&[("march.jsonl", &march.to_string())]);
    assert_eq!(library.index(&[("april.jsonl", &april.to_string())]), [Updated]);
    let paper = library.only();
    assert_eq!(paper.abstract_text.as_deref(), Some("v2"));
    assert_eq!(paper.extra["comments"], "8 pages", "no file takes back what another said");
    assert_eq!(library.index(&[("march.jsonl", &march.to_string())]), [Unchanged]);
    let corrected = json!({"id": "1704.03578", "title": "Tides", "abstract": "v3"});
    assert_eq!(library.index(&[("march.jsonl", &corrected.to_string())]), [Updated]);
    assert_eq!(library.only().abstract_text.as_deref(), Some("v3"));
}

#[test]
fn halves_of_a_paper_are_joined_in_any_order() {
    let papers = json!({"corpusid": 2000001, "title": "Tides and trade", "year": 2019}).to_string();
    let abstracts =
        json!({"corpusid": 2000001, "abstract": "On tides.", "openaccessinfo": {"status": null}}).to_string();
    let files = [("papers.jsonl", &*papers), ("abstracts.jsonl", &*abstracts)];
    for files in [files, [files[1], files[0]]] {
        let library = Library::new();
        assert_eq!(library.index(&files), [Added, Updated]);
        let paper = library.only();
        assert_eq!(
            (paper.title.as_deref(), paper.abstract_text.as_deref()),
            (Some("Tides and trade"), Some("On tides."))
        );
        assert_eq!(paper.year, Some(2019));
        assert_eq!(library.index(&files), [Unchanged; 2]);
    }
}

#[test]
fn a_client_replaces_a_paper_whole() {
    let library = Library::new();
    let bib = "@article{key, title={Tides}, author={Ada Smith}, volume=3, eprint={1704.03578}, archiveprefix={arXiv}}";
    library.index(&[("lib.bib", bib)]);
    let sent = json!({"id": "1704.03578", "title": "Tides"}).to_string();
    let send = || outcomes(&library.index_with(&client(), &[("request body", &sent)]));
    assert_eq!(send(), [Updated]);
    assert_eq!(send(), [Unchanged]);
    let paper = library.only();
    assert_eq!((paper.volume, paper.authors.len()), (None, 0));
    assert_eq!(library.count("SELECT count(*) FROM records"), 1);
    assert_eq!(library.index(&[("lib.bib", bib)]), [Updated]);
    assert_eq!(library.only().volume.as_deref(), Some("3"));
    assert_eq!(send(), [Updated], "whole, whatever was said since");
    assert_eq!(library.only().volume, None);
}

#[test]
fn a_deleted_paper_has_no_records_and_comes_back_as_new() {
    let library = Library::new();
    let bib = "@article{key, title={Tides}, author={Ada Smith}}";
    library.index(&[("lib.bib", bib), ("other.bib", bib)]);
    let id = library.only().id;
    assert!(library.store.delete(&id).unwrap());
    assert_eq!(library.count("SELECT count(*) FROM records"), 0);
    assert_eq!(library.index(&[("lib.bib", bib)]), [Added]);
    assert_eq!(library.only().id, id);
}

#[test]
fn rows_of_an_earlier_store_are_taken_over() {
    let library = Library::new();
    let old = |id: &str, title: &str, extra: Value| {
        let record = json!({"id": id, "title": title, "abstract": "As it was.", "authors": ["Ada Smith"], "extra": extra});
        let place = cognate_corpus::Place { file: "old".into(), line: 1 };
        let paper = cognate_corpus::paper_from_json(record, &place).unwrap().paper;
        put(&library.store, Paper { id: PaperId::new(id).unwrap(), ..paper });
    };
    // As version 2 named them: by DOI, citation key, PMID, and a hash of title and abstract.
    old("10.5555/1", "Chapter three: locks of the north", json!({}));
    old(
        "smith2020",
        "Tides and trade",
        json!({"volume": "3", "citation_key": "smith2020", "entry_type": "article"}),
    );
    old("31234567", "Quays", json!({}));
    let as_before =
        "DELETE FROM records; INSERT INTO meta (key, value) VALUES ('has_papers_without_records', '1')";
    library.store.connection_for_tests().execute_batch(as_before).unwrap();
    let before: BTreeSet<String> = library.papers().into_keys().collect();
    let bib = "@incollection{c1, title={Chapter one: the rise of the city}, author={Ada Smith}, doi={10.5555/1}}\n\
               @incollection{c3, title={Chapter three: locks of the north}, author={Ada Smith}, doi={10.5555/1}}\n\
               @article{smith2020, title={Tides and Trade}, author={Ada Smith}, note={as ever}}\n\
               @article{q, title={Quays}, author={Ada Smith}, pmid={31234567}}\n";
    assert_eq!(library.index(&[("lib.bib", bib)]), [Added, Updated, Updated, Updated]);
    let papers = library.papers();
    assert_eq!(papers.len(), 4);
    assert!(before.iter().all(|id| papers.contains_key(id)), "ids stay: {:?}", papers.keys());
    let tides = &papers["smith2020"];
    assert_eq!((tides.title.as_deref(), tides.volume.as_deref()), (Some("Tides and Trade"), Some("3")));
    assert_eq!(tides.abstract_text.as_deref(), Some("As it was."));
    assert!(!tides.extra.contains_key("volume"), "what is a field now is one: {:?}", tides.extra);
    assert_eq!(library.index(&[("lib.bib", bib)]), [Unchanged; 4]);
}

#[test]
fn a_paper_without_a_text_has_no_vector() {
    let library = Library::new();
    let lines = jsonl(&[json!({"authors": ["Ada Smith"], "year": 2011}), json!({"issue": "20/04/2012"})]);
    // Objects without a title are no records of a document, but lines of a file are.
    assert_eq!(library.index(&[("lines.jsonl", &lines)]), [Added, Added]);
    assert_eq!(library.count("SELECT count(*) FROM vectors"), 0);
    let reader = library.store.reader().unwrap();
    assert_eq!(reader.papers_since(0, 9).unwrap().upserts.len(), 0);
    assert_eq!(reader.attributes_since(0, 9).unwrap().upserts.len(), 2);
    assert!(reader.papers_to_reembed(0, 9).unwrap().is_empty());
    // It may come to have one, and lose it.
    let send = |record: Value| library.index_with(&client(), &[("request body", &record.to_string())]);
    send(json!({"id": "x", "title": "Tides"}));
    assert_eq!(library.count("SELECT count(*) FROM vectors"), 1);
    send(json!({"id": "x", "authors": ["Ada Smith"]}));
    assert_eq!(library.count("SELECT count(*) FROM vectors"), 0);
    assert!(library.store.reader().unwrap().vectors_since(0, 9).unwrap().deletes.contains(&3));
}

/// The records that searches for three reviews found.
fn reviews() -> Option<Vec<Vec<Map<String, Value>>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/dedup/reviews");
    let names = ["diabetes", "haematology", "stroke"];
    let read = names.map(|name| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).ok()?;
        Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    });
    read.into_iter().collect()
}

fn text_of(record: &Map<String, Value>, name: &str) -> String {
    match record.get(name) {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(if name == "authors" { " and " } else { "; " }),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

const FIELDS: [&str; 8] = ["title", "abstract", "authors", "year", "journal", "volume", "number", "pages"];

fn as_csv(records: &[Map<String, Value>]) -> String {
    let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
    let mut csv = FIELDS.join(",") + ",doi\n";
    for record in records {
        let cells = FIELDS.iter().chain(&["doi"]).map(|name| {
            quoted(text_of(record, name).replace(" and ", if *name == "authors" { "; " } else { " and " }))
        });
        csv.push_str(&(cells.collect::<Vec<_>>().join(",") + "\n"));
    }
    csv
}

fn as_ris(records: &[Map<String, Value>]) -> String {
    let tags = ["TI", "AB", "AU", "PY", "JO", "VL", "IS", "SP"];
    let mut ris = String::new();
    for record in records {
        ris.push_str("TY  - JOUR\n");
        for (tag, name) in tags.iter().zip(FIELDS).chain([(&"DO", "doi")]) {
            let text = text_of(record, name);
            let values: Vec<&str> =
                if name == "authors" { text.split(" and ").collect() } else { vec![&text] };
            for value in values.into_iter().filter(|value| !value.trim().is_empty()) {
                ris.push_str(&format!(
                    "{tag}  - {}\n",
                    value.split_whitespace().collect::<Vec<_>>().join(" ")
                ));
            }
        }
        ris.push_str("ER  - \n\n");
    }
    ris
}

fn as_bibtex(records: &[Map<String, Value>]) -> String {
    let mut bib = String::new();
    for (n, record) in records.iter().enumerate() {
        bib.push_str(&format!("@article{{k{n},\n"));
        for (name, of) in FIELDS.map(|name| if name == "authors" { ("author", name) } else { (name, name) }) {
            // A brace or backslash of the record's own would be TeX's.
            let text: String =
                text_of(record, of).chars().filter(|c| !"{}\\%#&$_~^@\"".contains(*c)).collect();
            bib.push_str(&format!("  {name} = {{{text}}},\n"));
        }
        bib.push_str(&format!(
            "  doi = {{{}}}\n}}\n\n",
            text_of(record, "doi").replace(['{', '}', '\\'], "")
        ));
    }
    bib
}

/// Every record of three real reviews is there, or repeats another that is.
#[test]
fn every_record_of_a_real_review_is_there() {
    let Some(reviews) = reviews() else {
        eprintln!("SKIPPED: needs ../shared/data/dedup/reviews");
        return;
    };
    for (records, expected) in reviews.iter().zip([1_845, 1_415, 1_292]) {
        let files = [("r.csv", as_csv(records)), ("r.ris", as_ris(records)), ("r.bib", as_bibtex(records))];
        for (name, text) in files {
            let library = Library::new();
            let read = records_of(name, &text);
            let mut session = Session::new(IngestPolicy::default(), &library.store).unwrap();
            let fates = take_in(&library.store, &mut session, read.clone());
            let n = |outcome| fates.iter().filter(|fate| fate.outcome == outcome).count();
            assert_eq!((fates.len(), n(Added) + n(Repeated)), (expected, expected), "{name}");
            let papers = library.papers();
            assert_eq!(papers.len(), n(Added), "{name}");
            // Each record says what its paper says, whichever came first.
            for (record, fate) in read.iter().zip(&fates) {
                let paper = &papers[&fate.id];
                assert_eq!(
                    (&record.paper.title, &record.paper.abstract_text),
                    (&paper.title, &paper.abstract_text)
                );
                assert_eq!((&record.paper.authors, record.paper.year), (&paper.authors, paper.year));
            }
            assert_eq!(library.count("SELECT count(*) FROM records"), expected as u64, "exact repeats too");
            let mut session = Session::new(IngestPolicy::default(), &library.store).unwrap();
            let again = take_in(&library.store, &mut session, read);
            assert_eq!(outcomes(&again), vec![Unchanged; expected], "{name}");
        }
    }
}

#[test]
fn what_a_source_has_no_more_goes_with_prune() {
    let library = Library::new();
    let entry =
        |key: &str, title: &str| format!("@article{{{key}, title={{{title}}}, author={{Ada Smith}}}}\n");
    let whole = entry("a", "Tides") + &entry("b", "Locks of the north") + &entry("c", "Quays");
    library.index(&[("lib.bib", &whole)]);
    let other = "title,authors,venue,abstract\nQuays,Ada Smith,,\n";
    assert_eq!(library.index(&[("other.csv", other)]), [Repeated]);
    let dump = json!({"id": "PMID:77", "title": "Tides", "authors": ["Ada Smith"], "abstract": "On tides."});
    library.index_of("pubmed", ("dump.jsonl", &dump.to_string()));
    let more = json!({"id": "PMID:77", "title": "TIDES", "volume": "3"});
    library.index_of("scopus", ("scopus.jsonl", &more.to_string()));
    let n_papers = library.papers().len();

    let prune = |policy: IngestPolicy, file: (&str, &str)| {
        let mut session = Session::new(policy, &library.store).unwrap();
        take_in(&library.store, &mut session, records_of(file.0, file.1));
        let mut pruned = Vec::new();
        let mut vectors = Vectors::new();
        loop {
            let (some, texts) = library.store.prune(&model(), &mut session, &vectors).unwrap();
            pruned.push((some.n_records, some.n_papers));
            if texts.is_empty() {
                return pruned;
            }
            vectors = texts.iter().map(|text| (text_hash(text), vector_of(text))).collect();
        }
    };
    // The other file still has the one, and nobody the other.
    assert_eq!(prune(IngestPolicy::default(), ("lib.bib", &entry("a", "Tides"))), [(2, 1)]);
    assert_eq!(library.papers().len(), n_papers - 1);
    assert_eq!(prune(IngestPolicy::default(), ("lib.bib", &entry("a", "Tides"))), [(0, 0)]);
    // What is left of a paper is what the others say; its text is another, and is embedded first.
    let named = IngestPolicy { source: RecordSource::Named("pubmed".to_owned()), ..IngestPolicy::default() };
    let empty = json!({"id": "PMID:78", "title": "Other things"}).to_string();
    assert_eq!(prune(named, ("dump.jsonl", &empty)), [(0, 0), (1, 0)]);
    let left = &library.papers()["PMID:77"];
    assert_eq!((left.title.as_deref(), left.abstract_text.as_deref()), (Some("TIDES"), None));
    assert_eq!(left.volume.as_deref(), Some("3"));
}

#[test]
fn sources_are_counted_as_a_flow_chart_begins() {
    let library = Library::new();
    let bib = "@article{a, title={Tides}, author={Ada Smith}, doi={10.5555/1}, abstract={On tides.}}\n\
               @article{b, title={Tides}, author={Ada Smith}, doi={10.5555/1}, abstract={On tides.}}\n";
    library.index(&[("lib.bib", bib)]);
    library.index_of("scopus", ("x.jsonl", &json!({"title": "Locks", "pmid": 77}).to_string()));
    library.index_of("scopus", ("y.jsonl", &json!({"title": "Quays", "source": "Embase"}).to_string()));
    let counts = library.store.reader().unwrap().sources().unwrap();
    let told: Vec<_> = counts
        .iter()
        .map(|of| {
            (of.name.as_deref().unwrap(), of.n_records, of.n_papers, of.n_abstracts, of.n_identifiers.len())
        })
        .collect();
    assert_eq!(told, [("lib.bib", 2, 1, 2, 1), ("Embase", 1, 1, 0, 0), ("scopus", 1, 1, 0, 1)]);
    assert_eq!(library.store.reader().unwrap().n_that_share().unwrap(), 0);
    library.index(&[(
        "other.bib",
        "@book{c, title={TIDES!}, author={Bo Doe}}\n@book{d, title={Dikes}, doi={10.5555/1}}",
    )]);
    assert_eq!(library.store.reader().unwrap().n_that_share().unwrap(), 3);
}

#[test]
fn a_record_that_is_repeated_without_end_costs_no_more_each_time() {
    let library = Library::new();
    // The same line again and again, and one whose key alone differs.
    let same = json!({"title": "Tides", "authors": ["Ada Smith"]}).to_string() + "\n";
    let keys: String = (0..1_000)
        .map(|n| {
            json!({"title": "Tides", "authors": ["Ada Smith"], "citation_key": format!("k{n}")}).to_string()
                + "\n"
        })
        .collect();
    let text = same.repeat(1_000) + &keys;
    let expected = |first: Outcome, rest: Outcome| [vec![first], vec![rest; 1_999]].concat();
    assert_eq!(library.index(&[("lines.jsonl", &text)]), expected(Added, Repeated));
    assert_eq!(library.index(&[("lines.jsonl", &text)]), vec![Unchanged; 2_000]);
    assert_eq!(library.count("SELECT count(*) FROM records"), 2_000);
    // One more of them is one more.
    let more = library.index(&[("lines.jsonl", &(same.clone() + &text))]);
    assert_eq!(more.iter().filter(|outcome| **outcome == Repeated).count(), 1);
}

#[test]
fn what_differs_in_an_address_a_number_or_an_edition_is_no_repeat() {
    let trial = |number: &str| {
        format!(
            "TY  - JOUR\nTI  - A study of xylex in healthy participants\nAU  - Moss Trials Board\nPY  - 2020\n\
             UR  - https://clinicaltrials.gov/show/{number}\nER  - \n"
        )
    };
    let trials = trial("NCT01111111") + &trial("NCT02222222");
    let library = Library::new();
    let file = ("trials.ris", trials.as_str());
    assert_eq!(library.index(&[file]), [Outcome::Added, Outcome::Added]);
    assert_eq!(library.index(&[file]), [Outcome::Unchanged, Outcome::Unchanged]);
    // Of another file, each is a repeat of its own.
    assert_eq!(library.index(&[("again.ris", &trials)]), [Outcome::Repeated, Outcome::Repeated]);
    assert_eq!(library.papers().len(), 2);
    let corrected = trials.replace("NCT02222222", "NCT03333333");
    assert_eq!(library.index(&[("trials.ris", &corrected)]), [Outcome::Unchanged, Outcome::Updated]);
    assert_eq!(library.papers().len(), 2);

    let fields =
        |member: &str| format!("{{\"title\":\"Moss\",\"authors\":[\"Ada Ash\"],\"year\":2001,{member}}}");
    for (one, other, expected) in [
        ("\"isbn\":\"9783161484100\"", "\"isbn\":\"9780306406157\"", Outcome::Added),
        ("\"edition\":\"1\"", "\"edition\":\"2\"", Outcome::Added),
        ("\"url\":\"https://example.org/a\"", "\"url\":\"https://example.org/b\"", Outcome::Added),
        ("\"url\":\"https://example.org/a\"", "\"url\":\"http://www.example.org/a/\"", Outcome::Repeated),
        ("\"isbn\":\"9783161484100\"", "\"note\":\"lent\"", Outcome::Repeated),
        ("\"note\":\"lent\"", "\"note\":\"back\"", Outcome::Repeated),
    ] {
        let text = format!("{}\n{}\n", fields(one), fields(other));
        assert_eq!(
            Library::new().index(&[("moss.jsonl", &text)]),
            [Outcome::Added, expected],
            "{one} {other}"
        );
    }
}
