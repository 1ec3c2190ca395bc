//! Records as people have them, which were read wrongly once: `../shared/cases/import`, where that is there.
//!
//! Each file is one of a kind; others of the kind are in `tests/layouts` and in the modules' own tests.

use std::path::PathBuf;

use cognate_corpus::{ReadOptions, Source};
use serde_json::{Value, json};

use crate::support::{Outcome, collect};

/// Reads a case, or nothing, said on standard error, on machines that do not have it.
fn case(name: &str) -> Option<Outcome> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/import").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: needs ../shared/cases/import/{name}");
        return None;
    }
    let mut sum = Outcome::default();
    for source in Source::open_all(&path).unwrap() {
        let outcome = collect(source.records(&ReadOptions::default()).unwrap());
        sum.papers.extend(outcome.papers);
        sum.bad.extend(outcome.bad);
        sum.fault = sum.fault.or(outcome.fault);
    }
    Some(sum)
}

/// Checks the fields of a case's records, of which none is bad and none has a warning.
fn check(name: &str, expected: &[Value]) {
    let Some(outcome) = case(name) else { return };
    assert_eq!((&outcome.bad, &outcome.fault), (&vec![], &None), "{name}");
    let warnings: Vec<String> =
        outcome.papers.iter().flat_map(|record| &record.warnings).map(ToString::to_string).collect();
    assert_eq!(warnings, Vec::<String>::new(), "{name}");
    check_fields(name, &outcome, expected);
}

fn check_fields(name: &str, outcome: &Outcome, expected: &[Value]) {
    assert_eq!(outcome.papers.len(), expected.len(), "{name}: {:?}", outcome.bad);
    for (record, expected) in outcome.papers.iter().zip(expected) {
        let found = serde_json::to_value(&record.paper).unwrap();
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&found[field], value, "{name}: {field} of {found}");
        }
    }
}

#[test]
fn tables_of_databases_and_reference_managers() {
    check(
        "csv_zotero.csv",
        &[
            json!({"title": "Tides seen from quays", "authors": ["Smith, Ada", "Doe, Bo"], "year": 2019, "publication_date": "2019-05-03",
                "abstract": "We watched tides from quays for a year and found two a day.", "venue": "Journal of Quays",
                "categories": ["tides", "quays"], "volume": "4", "issue": "2", "pages": "1-9", "type": "article"}),
            json!({"title": "Locks at night", "abstract": "Night locks close slowly.", "venue": "Proceedings of Locks", "year": 2018}),
        ],
    );
    check(
        "csv_ieee.csv",
        &[
            json!({"title": "Radar for Small Harbours", "year": 2021, "venue": "2021 IEEE Quay Conference (QuayCon)",
            "authors": ["A. Smith", "B. Doe"], "external_ids": {"doi": "10.5555/quaycon.2021.1"}, "pages": "1-5",
            "isbn": ["9780000000002"]}),
        ],
    );
    check(
        "csv_primary_title.csv",
        &[
            json!({"title": "Tides and sleep", "authors": ["Smith, A."]}),
            json!({"title": "Locks and sleep", "authors": ["Doe, B."]}),
        ],
    );
    check(
        "csv_pubmed.csv",
        &[json!({"year": 2020, "venue": "J Quays", "authors": ["Smith A", "Doe BC", "van den Berg J"],
            "external_ids": {"pmid": "31234567", "pmcid": "PMC7123456", "doi": "10.5555/pm.1"}})],
    );
    check(
        "csv_scopus.csv",
        &[
            json!({"venue": "Journal of Quays", "categories": ["tides", "trade"],
                "external_ids": {"pmid": "31234567", "doi": "10.5555/scopus.1"},
                "authors": ["Smith, Ada", "Doe, Bo C.", "van den Berg, Jan"]}),
            json!({"authors": [], "abstract": null, "venue": "Lecture Notes in Quays", "year": 2019}),
        ],
    );
    check(
        "csv_rayyan.csv",
        &[
            json!({"external_ids": {"pmid": "31234567", "pmcid": "PMC7123456"}, "publication_date": "2020-05-03",
            "authors": ["Smith, Ada", "Doe, Bo"], "venue": "J Quays", "language": "eng"}),
        ],
    );
}

#[test]
fn tables_of_programs() {
    check(
        "csv_pylist.csv",
        &[
            json!({"authors": ["Smith, Ada", "Doe, Bo", "O'Neil, Cy"], "categories": ["cs.CL", "cs.LG"]}),
            json!({"authors": ["Ada Smith", "Bo Doe"], "categories": ["quays"]}),
        ],
    );
    check(
        "csv_arxiv_float.csv",
        &[
            json!({"id": "0704.0001", "external_ids": {"arxiv": "0704.0001"}}),
            json!({"id": "1501.00100", "external_ids": {"arxiv": "1501.00100"}}),
        ],
    );
    check(
        "csv_pandas.csv",
        &[
            json!({"id": "12", "title": "First paper", "year": 2020, "publication_date": "2020-05-03",
                "external_ids": {"pmid": "31234567"}}),
            json!({"id": "13", "abstract": null, "authors": [], "external_ids": {"doi": "10.5555/pd.2"}}),
            json!({"id": "14", "title": null, "abstract": "Text three.", "year": 2019}),
            json!({"id": "15", "title": null, "abstract": "Text four."}),
        ],
    );
    check(
        "csv_sep_line.csv",
        &[json!({"authors": ["Mueller, Joerg"], "year": 2001}), json!({"title": "Plain"})],
    );
    check(
        "csv_cp1252.csv",
        &[
            json!({"title": "Küstenschutz", "abstract": "Deiche an der Nordsee – fünf Jahre.", "authors": ["Müller, Jörg"]}),
            json!({"title": "Plain"}),
        ],
    );
    let Some(outcome) = case("csv_ragged.csv") else { return };
    assert_eq!(outcome.titles(), ["Full row", "No trailing cells"]);
    assert_eq!(outcome.bad.len(), 1);
    assert!(
        outcome.bad[0].contains("csv_ragged.csv:4: expected a row of 5 cells, found 6"),
        "{:?}",
        outcome.bad
    );
    check(
        "csv_doi_case.csv",
        &[
            json!({"external_ids": {"doi": "10.5555/case.1"}}),
            json!({"external_ids": {"doi": "10.5555/case.2"}}),
        ],
    );
    check(
        "csv_container_doi.csv",
        &[
            json!({"id": "c1"}),
            json!({"id": "c2", "external_ids": {"doi": "10.5555/978-0-00-000000-2"}}),
            json!({"id": "c3"}),
        ],
    );
}

#[test]
fn answers_of_interfaces() {
    let openalex = json!({"title": "Tides and the trade of quays", "venue": "Journal of Quays", "authors": ["Ada Smith", "Bo Doe"],
        "abstract": "The trade of quays follows the tides and the tides follow the moon .", "year": 2019, "publication_date": "2019-03-04",
        "external_ids": {"doi": "10.5555/oa.1", "pmid": "31000001", "openalex": "W2000000001"}, "categories": ["Tide"]});
    for name in ["json_openalex_works.jsonl", "json_openalex_api.json"] {
        check(name, &[openalex.clone(), json!({"title": "Locks at night", "abstract": null, "authors": []})]);
    }
    check(
        "json_csl.json",
        &[
            json!({"authors": ["Ada Smith", "Jan van den Berg", "The Quay Consortium"], "year": 2019, "publication_date": "2019-03-04",
                "venue": "Journal of Quays", "categories": ["tides", "quays"]}),
            json!({"authors": ["Cy Roe"], "year": 2018, "venue": "Lock Week"}),
        ],
    );
    check(
        "json_crossref.jsonl",
        &[
            json!({"title": "Tides & trade: Fundulus at quays", "venue": "Journal of Quays", "year": 2019, "publication_date": "2019-03-04",
                "abstract": "Aim: To explore tides & trade where p < 0.05 and CO2.",
                "authors": ["Ada Smith", "Bo Doe", "The Quay Consortium"], "categories": ["Coasts", "Ports"]}),
            json!({"title": "Locks: a history: Volume two", "abstract": "Locks.", "authors": ["Cy Roe"], "year": null}),
        ],
    );
    check(
        "json_s2_papers.jsonl",
        &[json!({"id": "CorpusId:2000001", "title": "Tides and trade", "venue": "Quay Conference"})],
    );
    check(
        "json_s2_abstracts.jsonl",
        &[
            json!({"id": "CorpusId:2000001", "title": null, "abstract": "Trade follows tides at every quay that we saw.",
            "external_ids": {"doi": "10.5555/s2.1", "arxiv": "1903.00001", "corpusid": "2000001"}}),
        ],
    );
    check(
        "json_s2orc.jsonl",
        &[json!({"authors": ["Ada B Smith", "Bo Doe Jr."],
            "external_ids": {"acl": "P19-1001", "doi": "10.5555/s2orc.1", "pmid": "31000004", "pmcid": "PMC7000004"}})],
    );
    check(
        "json_europepmc.json",
        &[
            json!({"title": "Tides and sleep.", "abstract": "Background: Sleep follows tides.", "authors": ["Ada Smith"], "year": 2020,
            "venue": "Journal of Quays", "publication_date": "2020-05-03",
            "external_ids": {"doi": "10.5555/epmc.1", "pmid": "31000003", "pmcid": "PMC7000003"}}),
        ],
    );
    check(
        "json_biorxiv.json",
        &[
            json!({"title": "Tides and cells", "type": "preprint", "authors": ["Smith, A.", "Doe, B."], "publication_date": "2020-01-01"}),
            json!({"abstract": "Cells follow tides, twice.", "publication_date": "2020-01-09"}),
        ],
    );
    check(
        "json_zotero_api.json",
        &[
            json!({"title": "Tides and trade", "abstract": "Trade follows tides.", "authors": ["Ada Smith"], "categories": ["tides"],
            "venue": "Journal of Quays", "external_ids": {"doi": "10.5555/zapi.1"}}),
        ],
    );
    check(
        "json_datacite.json",
        &[
            json!({"title": "Tide tables", "abstract": "Tables of tides.", "authors": ["Ada Smith"], "year": 2019,
            "external_ids": {"doi": "10.5555/dc.1"}}),
        ],
    );
    check(
        "json_cord19_parse.json",
        &[
            json!({"title": "Tides and fever", "abstract": "Objective. We looked at tides.\nFever rose.", "authors": ["Ada N Smith"]}),
        ],
    );
    check(
        "json_dblp.json",
        &[
            json!({"title": "Tides and trade.", "authors": ["Ada Smith", "Bo Doe"], "venue": "QUAY", "year": 2019,
            "external_ids": {"doi": "10.5555/dblp.1"}}),
        ],
    );
}

#[test]
fn values_in_every_shape() {
    check(
        "json_abstract_list.jsonl",
        &[
            json!({"abstract": "Background: tides.\nMethods: quays."}),
            json!({"title": "Tides: A subtitle", "abstract": "One text."}),
            json!({"abstract": "BACKGROUND: Locks.\nMETHODS: Keys."}),
            json!({"abstract": "Sand text."}),
            json!({"abstract": "Mud text."}),
        ],
    );
    check(
        "json_nan.jsonl",
        &[
            json!({"id": "n1", "year": null, "external_ids": {}}),
            json!({"id": "n2", "abstract": null, "year": 2019}),
            json!({"id": "n3", "year": 2020}),
        ],
    );
    check("json_bom_mid.jsonl", &[json!({"id": "b1"}), json!({"id": "b2", "title": "Two"})]);
    let Some(outcome) = case("json_doi_forms.jsonl") else { return };
    assert_eq!((outcome.papers.len(), outcome.bad.len()), (20, 0));
    let n_dois = outcome.papers.iter().filter(|record| {
        let doi =
            serde_json::to_value(&record.paper).unwrap()["external_ids"]["doi"].as_str().map(str::to_owned);
        assert!(doi.as_deref().is_some_and(|doi| !doi.contains(['&', ' ', '%', '?'])), "{:?}", record.paper);
        assert!(record.paper.id.as_str().starts_with("p-"));
        doi.is_some()
    });
    assert_eq!(n_dois.count(), 20);
    let Some(outcome) = case("json_junk_doi.jsonl") else { return };
    assert_eq!((outcome.papers.len(), outcome.bad.len()), (8, 0));
    for record in &outcome.papers {
        assert!(
            record.paper.external_ids.is_empty() && record.paper.id.as_str().starts_with("p-"),
            "{:?}",
            record.paper
        );
    }
}

#[test]
fn an_archive_is_the_files_in_it() {
    let Some(outcome) = case("refs.zip") else { return };
    assert_eq!((&outcome.bad, &outcome.fault), (&vec![], &None));
    assert!(!outcome.papers.is_empty());
    assert!(outcome.papers.iter().all(|record| record.place.file.contains("refs.zip/")));
}
