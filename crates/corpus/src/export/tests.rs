//! Any paper, in any format, gives an export that the readers read back to the same paper, but for what
//! `docs/formats.md` says.

use std::borrow::Cow;
use std::io::Cursor;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value, json};

use super::entry_type as entry_type_of;
use super::*;
use crate::bibliography::{CITATION_KEY, ENTRY_TYPE, names_in_line};
use crate::bibtex::{RawEntry, raw_entries};
use crate::person::Person;
use crate::text::{fold, is_filler};
use crate::{Format, Place, ReadOptions, Record, Source, paper_from_json};

fn meta() -> FeedMeta {
    FeedMeta { title: "t".into(), id: "urn:test".into(), link: None, updated: Timestamp::UNIX_EPOCH }
}

fn exported(format: ExportFormat, papers: &[Paper]) -> String {
    let mut out = Vec::new();
    let papers = papers.iter().map(|paper| Exported { paper, score: Some(0.5) });
    export(format, &mut out, papers, &meta()).unwrap();
    String::from_utf8(out).unwrap()
}

fn read_back(text: &str, format: Format) -> Vec<Record> {
    let source = Source::from_reader("test", Cursor::new(text.to_owned()));
    let records = source.records(&ReadOptions { format, ..ReadOptions::default() }).unwrap();
    records.map(|record| record.unwrap().unwrap()).collect()
}

fn paper(record: Value) -> Paper {
    paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap().paper
}

/// Texts that formats could stumble over.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z$\\\\{}%&#_^~\"'`;,|<>@=+ -]{0,30}",
        "(\\\\\"\\{?[aou]\\}?|\\$[a-z_^{}]{1,5}\\$|[A-Z][a-z]{1,6}|BERT| |\n|\r\n|\u{202e}|\u{0}|\u{feff}|\u{2028}|\u{85}|ER  - |\nTY  - JOUR|\n@article\\{x,|--|''){0,8}",
        "([A-Z][a-z]{1,5}|van|de|and|Jr\\.|III|[A-Z]\\.|, | |山田|the|Group|\\(|\\)|;){1,6}",
    ]
}

fn any_paper() -> impl Strategy<Value = Paper> {
    let ids = btree_map(
        prop_oneof![
            Just(("doi", "10.1234/A{b}_%41~#\"c")),
            Just(("doi", "10.1000/182")),
            Just(("arxiv_id", "1704.03578v2")),
            Just(("arxiv_id", "hep-th/9901001")),
            Just(("pmid", "31715818")),
            Just(("pmcid", "PMC3539452")),
            Just(("acl_id", "2020.acl-main.1")),
        ],
        Just(()),
        0..4,
    );
    let texts = (nasty(), nasty(), nasty(), nasty(), nasty());
    let date = prop_oneof![Just("2019-05-03"), Just("2018-12-31"), Just("")];
    let key = prop_oneof![Just("smith2020"), Just("Smith 2020"), Just("17"), Just("")];
    let kind = prop_oneof![Just(""), Just("phdthesis"), Just("inproceedings"), Just("online")];
    let more = (ids, date, 1990..2021_i32, key, kind, any::<bool>());
    (texts, vec(nasty(), 0..4), vec(nasty(), 0..4), more).prop_filter_map(
        "no title",
        |(texts, authors, categories, more)| {
            let (id, title, abstract_text, venue, source) = texts;
            let (ids, date, year, key, kind, has_url) = more;
            let mut record: Map<String, Value> =
                ids.keys().map(|(name, id)| ((*name).to_owned(), json!(id))).collect();
            let url = if has_url { format!("https://e.org/{venue}") } else { String::new() };
            for (name, value) in [
                ("id", json!(id)),
                ("title", json!(title)),
                ("abstract", json!(abstract_text)),
                ("venue", json!(venue)),
                ("source", json!(source)),
                ("authors", json!(authors)),
                ("categories", json!(categories)),
                ("year", json!(year)),
                ("date", json!(date)),
                ("url", json!(url)),
                (CITATION_KEY, json!(key)),
                (ENTRY_TYPE, json!(kind)),
            ] {
                record.insert(name.to_owned(), value);
            }
            let record = Value::Object(record);
            paper_from_json(record, &Place { file: "test".into(), line: 1 }).ok().map(|parsed| parsed.paper)
        },
    )
}

/// The fields that a bibliography keeps, with the texts as it writes them.
fn normalized(paper: &Paper, text: impl Fn(&str) -> String) -> Paper {
    let optional = |field: &Option<String>| field.as_deref().map(&text).filter(|text| !text.is_empty());
    let mut categories: Vec<String> = Vec::new();
    for category in paper.categories.iter().map(|category| text(category)).filter(|text| !text.is_empty()) {
        // What folds to arXiv's codes is read as codes.
        let codes: Vec<&str> = category.split(' ').collect();
        let is_codes = codes.iter().all(|code| crate::identifier::is_arxiv_category(code));
        let parts = if is_codes { codes } else { vec![category.as_str()] };
        categories.extend(parts.into_iter().map(str::to_owned));
    }
    Paper {
        title: optional(&paper.title),
        abstract_text: optional(&paper.abstract_text),
        venue: optional(&paper.venue),
        source: optional(&paper.source),
        authors: paper
            .authors
            .iter()
            .map(|name| Person::from_text(&text(name)).display())
            .filter(|name| !name.is_empty())
            .collect(),
        categories,
        upvotes: None,
        kind: None,
        extra: Map::new(),
        ..paper.clone()
    }
}

fn without_duplicates(mut categories: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    categories.retain(|category| seen.insert(category.clone()));
    categories
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(5), ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn json_comes_back_as_it_was(papers in vec(any_paper(), 0..3)) {
        for (format, reader) in [(ExportFormat::Json, Format::Json), (ExportFormat::Jsonl, Format::Jsonl)] {
            let mut again: Vec<Paper> = read_back(&exported(format, &papers), reader).into_iter().map(|p| p.paper).collect();
            for paper in &mut again {
                prop_assert_eq!(paper.extra.shift_remove("score"), Some(json!(0.5)));
            }
            prop_assert_eq!(&again, &papers);
        }
    }

    #[test]
    fn csv_comes_back(papers in vec(any_paper(), 0..3)) {
        let text = exported(ExportFormat::Csv, &papers);
        let again = read_back(&text, Format::Csv);
        prop_assert_eq!(again.len(), papers.len());
        for (again, paper) in again.into_iter().zip(&papers) {
            let names = paper.authors.iter().map(|name| match csv::author(name) {
                Cow::Borrowed(name) => name.to_owned(),
                Cow::Owned(braced) => braced[1..braced.len() - 1].to_owned(),
            });
            let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
            prop_assert_eq!(&again.paper.authors, &names, "{}", text);
            let expected = Paper { authors: vec![], categories: vec![], upvotes: None, kind: None, extra: Map::new(), ..paper.clone() };
            let categories: Vec<String> = paper.categories.iter().filter(|name| !is_filler(name)).map(|name| name.replace(';', ",")).collect();
            prop_assert_eq!(again.paper.categories.join(" "), categories.join(" "), "{}", text);
            prop_assert_eq!(Paper { authors: vec![], categories: vec![], kind: None, extra: Map::new(), ..again.paper }, expected, "{}", text);
        }
    }

    #[test]
    fn bibtex_comes_back(papers in vec(any_paper(), 0..3)) {
        let text = exported(ExportFormat::Bibtex, &papers);
        let again = read_back(&text, Format::Bibtex);
        prop_assert_eq!(again.len(), papers.len(), "{}", text);
        for (again, paper) in again.into_iter().zip(&papers) {
            let mut expected = normalized(paper, bibtex::plain);
            expected.categories = without_duplicates(expected.categories);
            expected.url = expected.url.map(|url| plain_address(&url));
            prop_assert_eq!(Paper { kind: None, extra: Map::new(), ..again.paper }, expected, "{}", text);
            prop_assert_eq!(again.warnings, vec![]);
        }
    }

    #[test]
    fn ris_comes_back(papers in vec(any_paper(), 0..3)) {
        let text = exported(ExportFormat::Ris, &papers);
        let again = read_back(&text, Format::Ris);
        prop_assert_eq!(again.len(), papers.len(), "{}", text);
        for (again, paper) in again.into_iter().zip(&papers) {
            let mut expected = normalized(paper, fold);
            let names = expected.authors.iter().map(|name| Person::from_text(&name.replace(';', ",")).inverted());
            let names = names.flat_map(|name| names_in_line(&name));
            expected.authors = names.map(|name| Person::from_text(&name).display()).collect();
            expected.categories = expected.categories.iter().map(|name| name.replace(';', ",")).collect();
            expected.categories = without_duplicates(expected.categories);
            expected.url = paper.url.as_deref().map(plain_address);
            prop_assert_eq!(Paper { kind: None, extra: Map::new(), ..again.paper }, expected, "{}", text);
            prop_assert_eq!(again.warnings, vec![]);
        }
    }
}

/// TeX with balanced braces, as `.bib` files have it.
fn tex() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "([A-Z][a-z]{1,6}|BERT|\\{BERT\\}|\\{[A-Z]\\}[a-z]{2}|F\\{\\\\o\\}lner|\\\\emph\\{x\\}|\\$[a-z]_\\{1\\}\\$|\\\\unknown\\{y\\}|\\\\&|5\\\\%|--|~|\\\\cite\\{a\\}|\n  |, | and |; | ){1,9}",
        1 => "[a-zA-Z$\\\\%&#_^~\"'`;,|<>@=+ -]{0,30}",
        1 => "(\\{|\\}|[a-z ]){0,12}".prop_filter("balanced", |text: &String| crate::tex::is_balanced(text)),
    ]
}

/// Entries: type, key, fields.
fn entries() -> impl Strategy<Value = Vec<RawEntry>> {
    #[rustfmt::skip]
    let names = prop::sample::select(vec![
        "title", "subtitle", "author", "editor", "journal", "journaltitle", "booktitle", "year", "date", "month", "day",
        "volume", "number", "issue", "pages", "publisher", "school", "institution", "address", "location", "edition", "series",
        "note", "annote", "doi", "eprint", "archiveprefix", "primaryclass", "url", "urldate", "isbn", "issn", "keywords",
        "abstract", "language", "type", "file", "id", "text", "summary", "authors", "extra", "bibtex", "ris", "howpublished",
        "pmid", "source", "name-of-my-own", "extra_2",
    ]);
    let kind = prop::sample::select(vec![
        "article",
        "book",
        "inbook",
        "incollection",
        "inproceedings",
        "conference",
        "mastersthesis",
        "phdthesis",
        "thesis",
        "techreport",
        "report",
        "online",
        "www",
        "manual",
        "booklet",
        "proceedings",
        "dataset",
        "software",
        "patent",
        "unpublished",
        "misc",
        "thing",
    ]);
    let value = prop_oneof![
        6 => tex(),
        1 => "(19|20)[0-9]{2}(-0[1-9](-0[1-9])?)?",
        1 => "10\\.[0-9]{4}/[A-Za-z0-9._]{1,8}",
        1 => "(Smith, Ada|D\\{\\\\o\\}e, Bo|\\{The Quay Group\\}|family=Roe, given=Cy|King, Jr\\., M|van den Berg, Jan)( and (Li Wei|others))?",
        1 => "https?://[a-z]{1,8}\\.org/[a-zA-Z0-9_~%]{0,9}",
    ];
    let fields = vec((names, value), 0..9);
    vec((kind, "[A-Za-z][A-Za-z0-9:/_.+é-]{0,12}", tex(), fields), 0..4).prop_map(|entries| {
        let mut taken = std::collections::HashSet::new();
        let entries = entries.into_iter().filter(|(_, key, ..)| taken.insert(key.to_lowercase()));
        let entries = entries.map(|(kind, key, title, fields)| {
            let mut names = std::collections::HashSet::from(["title"]);
            let first = ("title".to_owned(), format!("Tides {title}"));
            let others =
                fields.into_iter().filter(|(name, value)| names.insert(name) && !fold(value).is_empty());
            let fields = others.map(|(name, value)| (name.to_owned(), value));
            (kind.to_owned(), key, std::iter::once(first).chain(fields).collect())
        });
        entries.collect()
    })
}

fn folded(fields: &[(String, String)]) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), fold(value))).collect();
    fields.sort();
    fields
}

/// Lines of a RIS record behind its first.
fn ris_lines() -> impl Strategy<Value = Vec<(String, String)>> {
    #[rustfmt::skip]
    let tags = prop::sample::select(vec![
        "TI", "T1", "T2", "T3", "AU", "A1", "A2", "ED", "PY", "Y1", "DA", "JO", "JF", "J2", "BT", "VL", "IS", "SP", "EP", "PB", "CY",
        "SN", "DO", "UR", "L1", "L3", "AN", "C1", "C2", "C3", "U1", "U2", "M1", "M3", "N1", "N2", "AB", "KW", "DB", "ID", "LA", "ET", "ST", "AD",
        "ZZ",
    ]);
    let value = prop_oneof![
        6 => "([A-Z][a-z]{1,6}|BERT|;|,| and | |--|ER|TY|5%|[{}\\\\$&]){1,8}",
        1 => "(19|20)[0-9]{2}(/[01][0-9]?(/[0-9]{2})?)?/{0,2}",
        1 => "(http://dx\\.doi\\.org/)?10\\.[0-9]{4}/[A-Za-z0-9._]{1,8}",
        1 => "(PMID:|arXiv:|PubMed )?[0-9]{4}\\.?[0-9]{4}",
        1 => "[A-Z][a-z]{1,5}, [A-Z]\\.",
        1 => any::<String>(),
    ];
    vec((tags, value), 0..10).prop_map(|lines| {
        let lines = lines.into_iter().map(|(tag, value)| (tag.to_owned(), fold(&value)));
        lines.filter(|(_, value)| !value.is_empty()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(11), ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_bib_file_comes_out_as_it_went_in(entries in entries()) {
        let mut text = String::new();
        for (kind, key, fields) in &entries {
            text.push_str(&format!("@{kind}{{{key},\n"));
            for (name, value) in fields {
                text.push_str(&format!("  {name} = {{{value}}},\n"));
            }
            text.push_str("}\n\n");
        }
        let papers: Vec<Paper> = read_back(&text, Format::Bibtex).into_iter().map(|record| record.paper).collect();
        let written = exported(ExportFormat::Bibtex, &papers);
        let again = raw_entries(&written);
        prop_assert_eq!(again.len(), entries.len(), "{}\n{}", text, written);
        for ((kind, key, fields), (kind_again, key_again, fields_again)) in entries.iter().zip(&again) {
            prop_assert_eq!((kind, key), (kind_again, key_again));
            prop_assert_eq!(folded(fields), folded(fields_again), "{}\n{}", text, written);
        }
        // And it reads as the same papers.
        let read: Vec<Paper> = read_back(&written, Format::Bibtex).into_iter().map(|record| record.paper).collect();
        prop_assert_eq!(read.iter().map(|paper| &paper.id).collect::<Vec<_>>(), papers.iter().map(|paper| &paper.id).collect::<Vec<_>>());
    }

    #[test]
    fn a_ris_file_comes_out_as_it_went_in(records in vec(("(JOUR|CHAP|THES|CONF|GEN|COMP|XYZ)", ris_lines()), 0..4)) {
        let mut text = String::new();
        for (kind, lines) in &records {
            text.push_str(&format!("TY  - {kind}\nTI  - Tides\n"));
            for (tag, value) in lines {
                text.push_str(&format!("{tag}  - {value}\n"));
            }
            text.push_str("ER  - \n\n");
        }
        let papers: Vec<Paper> = read_back(&text, Format::Ris).into_iter().map(|record| record.paper).collect();
        let written = exported(ExportFormat::Ris, &papers);
        let lines = |text: &str| -> Vec<Vec<String>> {
            text.split("ER  - ").map(|record| {
                let mut lines: Vec<String> = record.lines().filter(|line| !line.trim().is_empty()).map(fold).collect();
                lines.sort();
                lines
            }).collect()
        };
        prop_assert_eq!(lines(&text), lines(&written));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(12), ..ProptestConfig::with_cases(256) })]

    #[test]
    fn endnote_xml_comes_back(papers in vec(any_paper(), 0..3)) {
        let text = exported(ExportFormat::EndnoteXml, &papers);
        let again = read_back(&text, Format::EndnoteXml);
        prop_assert_eq!(again.len(), papers.len(), "{}", text);
        for (again, paper) in again.into_iter().zip(&papers) {
            // XML forbids these two; control characters are folded.
            let mut expected = normalized(paper, |text| fold(&text.replace(['\u{fffe}', '\u{ffff}'], "")));
            expected.categories = expected.categories.iter().map(|name| name.replace(';', ",")).collect();
            expected.categories = without_duplicates(expected.categories);
            expected.url = paper.url.as_deref().map(plain_address);
            prop_assert_eq!(Paper { kind: None, extra: Map::new(), ..again.paper }, expected, "{}", text);
        }
    }

    #[test]
    fn csl_comes_back(papers in vec(any_paper(), 0..3)) {
        let text = exported(ExportFormat::Csl, &papers);
        let again = read_back(&text, Format::Json);
        prop_assert_eq!(again.len(), papers.len(), "{}", text);
        for (again, paper) in again.into_iter().zip(&papers) {
            let mut expected = normalized(paper, str::to_owned);
            expected.categories.clone_from(&paper.categories);
            let entry_type = again.paper.extra.get(ENTRY_TYPE).cloned();
            prop_assert_eq!(entry_type, Some(json!(entry_type_of(paper))), "{}", text);
            prop_assert_eq!(Paper { kind: None, extra: Map::new(), ..again.paper }, expected, "{}", text);
        }
    }

    #[test]
    fn atom_comes_back(papers in vec(any_paper(), 0..3)) {
        let text = exported(ExportFormat::Atom, &papers);
        let again = read_back(&text, Format::Atom);
        prop_assert_eq!(again.len(), papers.len(), "{}", text);
        for (again, paper) in again.into_iter().zip(&papers) {
            prop_assert_eq!(&again.paper.id, &paper.id, "{}", text);
            prop_assert_eq!(&again.paper.external_ids, &paper.external_ids, "{}", text);
        }
    }
}

#[test]
fn what_another_record_said_is_written_anew_and_the_rest_as_it_was() {
    let text = "@article{k, title = {F{\\o}lner {BERT}}, author = {N{\\'u}{\\~n}ez, J. and others}, journaltitle = {Tides}, date = {2020-05}, note = {\\emph{n}}}";
    let mut paper = read_back(text, Format::Bibtex).remove(0).paper;
    let written = exported(ExportFormat::Bibtex, std::slice::from_ref(&paper));
    assert!(written.contains("title = {F{\\o}lner {BERT}}") && written.contains("and others"), "{written}");
    assert!(!written.contains("paperid"), "{written}");
    paper.title = Some("Another title".to_owned());
    paper.abstract_text = Some("100%".to_owned());
    paper.external_ids.insert(IdentifierKind::Doi, "10.5555/1".to_owned());
    let written = exported(ExportFormat::Bibtex, std::slice::from_ref(&paper));
    for part in [
        "title = {Another title}",
        "abstract = {100\\%}",
        "doi = {10.5555/1}",
        "and others",
        "journaltitle = {Tides}",
        "date = {2020-05}",
        "note = {\\emph{n}}",
        "paperid = {p-",
    ] {
        assert!(written.contains(part), "{part} in {written}");
    }
    assert!(!written.contains("lner"), "{written}");
    let again = read_back(&written, Format::Bibtex).remove(0).paper;
    assert_eq!(
        (&again.id, &again.title, &again.abstract_text),
        (&paper.id, &paper.title, &paper.abstract_text)
    );
}

#[test]
fn a_preprint_an_article_and_a_collaboration() {
    let papers = [
        paper(
            json!({"id": "1704.03578", "title": "Faster BERT of $O(n)$ & more", "authors": ["Ada King Lovelace", "ATLAS Collaboration"],
            "abstract": "We\nsave 50%.", "categories": "cs.CL cs.LG", "date": "2017-04-11"}),
        ),
        paper(
            json!({"id": "x", "title": "The tides", "authors": ["José Núñez"], "venue": "Journal of Tides", "doi": "10.1000/182",
            "year": 2020, "volume": "3", "pages": "1--9", "url": "https://example.org/a"}),
        ),
        paper(
            json!({"id": "y", "title": "The tides of", "authors": ["José Núñez"], "venue": "Proceedings of Tides", "year": 2020, "date": "2019-12-01"}),
        ),
    ];
    let bibtex = exported(ExportFormat::Bibtex, &papers);
    assert_eq!(
        bibtex,
        "@misc{lovelace2017faster,
  title = {Faster {BERT} of $O(n)$ \\& more},
  author = {Lovelace, Ada King and {ATLAS Collaboration}},
  year = {2017},
  date = {2017-04-11},
  eprint = {1704.03578},
  archiveprefix = {arXiv},
  primaryclass = {cs.CL},
  keywords = {cs.CL, cs.LG},
  abstract = {We save 50\\%.}
}

@article{nunez2020tides,
  title = {The tides},
  author = {Núñez, José},
  year = {2020},
  journal = {Journal of Tides},
  volume = {3},
  pages = {1--9},
  doi = {10.1000/182},
  url = {https://example.org/a},
  paperid = {x}
}

@inproceedings{nunez2020tidesb,
  title = {The tides of},
  author = {Núñez, José},
  year = {2020},
  publicationdate = {2019-12-01},
  booktitle = {Proceedings of Tides},
  paperid = {y}
}

"
    );
    let ris = exported(ExportFormat::Ris, &papers[1..2]).replace("\r\n", "\n");
    assert_eq!(
        ris,
        "TY  - JOUR\nTI  - The tides\nAU  - Núñez, José\nPY  - 2020\nJO  - Journal of Tides\nVL  - 3\nSP  - 1\nEP  - 9\n\
                     DO  - 10.1000/182\nUR  - https://example.org/a\nU1  - paper_id:x\nER  - \n\n"
    );
}

#[test]
fn names_of_formats() {
    for format in ExportFormat::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    let error = "xml".parse::<ExportFormat>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected one of json, jsonl, csv, bibtex, ris, endnote-xml, csl, atom, found \"xml\""
    );
}

/// An entry without a key does not get that of another, wherever this stands.
#[test]
fn made_keys_are_no_other_entrys() {
    let text = "@misc{, title = {Tides}, author = {Smith, Ada}, year = 2020}\n\
                @misc{Smith2020Tides, title = {Trade}}\n@misc{smith2020tidesb, title = {Locks}}";
    let papers: Vec<Paper> = read_back(text, Format::Bibtex).into_iter().map(|record| record.paper).collect();
    for (format, expected) in [
        (ExportFormat::Bibtex, ["@misc{smith2020tidesc,", "@misc{Smith2020Tides,", "@misc{smith2020tidesb,"]),
        (ExportFormat::Csl, ["\"smith2020tidesc\"", "\"Smith2020Tides\"", "\"smith2020tidesb\""]),
    ] {
        let written = exported(format, &papers);
        let mut at = 0;
        for key in expected {
            at += written[at..].find(key).unwrap_or_else(|| panic!("no {key} in {written}"));
        }
    }
}
