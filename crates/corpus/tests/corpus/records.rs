//! One record to one paper: aliases, identifiers, dates, filler, bounds, warnings.

use cognate_corpus::{IdentifierKind, Paper};
use serde_json::{Value, json};

use crate::support::parse;

/// Reads a good record without warnings.
fn paper(record: Value) -> Paper {
    let parsed = parse(record).unwrap();
    assert_eq!(parsed.warnings, []);
    parsed.paper
}

/// The fields that warnings are about.
fn warned(record: Value) -> (Paper, Vec<String>) {
    let parsed = parse(record).unwrap();
    (parsed.paper, parsed.warnings.into_iter().map(|warning| warning.field).collect())
}

fn check_error(record: Value, field: Option<&str>, message: &str) {
    let error = parse(record).unwrap_err();
    assert_eq!(error.field.as_deref(), field);
    assert!(error.to_string().contains(message), "{error}");
}

/// The id of a record with these fields and a title.
fn check_id(record: Value, expected: &str) {
    let mut record = record;
    record["title"] = json!("On tides");
    assert_eq!(parse(record).unwrap().paper.id.as_str(), expected);
}

#[test]
fn ids_by_precedence() {
    check_id(
        json!({"_id": "e", "pmid": 4, "doi": "10.1234/C", "arxiv_id": "b", "paper_id": "a", "id": "X"}),
        "X",
    );
    check_id(json!({"_id": "e", "pmid": 4, "doi": "10.1234/C", "arxiv_id": "b", "paper_id": "a"}), "a");
    // A collection's own id comes before identifiers: its judgments and links speak of that one.
    check_id(json!({"_id": "e", "pmid": 4, "doi": "10.1234/C", "arxiv_id": "1704.03578v2"}), "e");
    check_id(json!({"pmid": 4, "doi": "10.1234/C", "arxiv_id": "1704.03578v2"}), "1704.03578");
    check_id(json!({"pmid": 4, "doi": "10.1234/C"}), "PMID:4");
    check_id(json!({"_id": "e", "id": null, "doi": " "}), "e");
    check_id(json!({"id": " 7 "}), "7");
    check_id(json!({"id": 7.0}), "7");
    check_id(json!({"id": "N/A", "Paper ID": "b"}), "b");
    let same = paper(json!({"title": "On tides"}));
    check_id(json!({}), same.id.as_str());
    assert!(same.id.as_str().starts_with("p-"));
}

#[test]
fn an_invalid_id_is_an_error() {
    check_error(json!({"id": "a\nb", "title": "T"}), Some("id"), "without control characters");
    check_error(json!({"id": ["a"], "title": "T"}), Some("id"), "found a list");
    check_error(json!({"id": "x".repeat(600), "title": "T"}), Some("id"), "at most 512 bytes, found 600");
    assert_eq!(warned(json!({"arxiv_id": 1704.0357, "title": "T"})).1, ["arxiv_id"]);
}

#[test]
fn texts_by_alias() {
    let abstracts = ["abstract", "summary", "text", "paperAbstract", "Paper Abstract", "ABSTRACT"];
    for name in abstracts {
        let paper = paper(json!({name: "  Tides\nturn. "}));
        assert_eq!(paper.abstract_text.as_deref(), Some("Tides\nturn."), "{name}");
        assert!(paper.extra.is_empty() && paper.title.is_none());
    }
    let both = paper(json!({"summary": "S", "abstract": "A"}));
    assert_eq!((both.abstract_text.as_deref(), both.extra.get("summary")), (Some("A"), Some(&json!("S"))));
    for venue in
        [json!({"journal-ref": "V"}), json!({"booktitle": "V"}), json!({"venue": "V", "journal": null})]
    {
        let mut record = venue;
        record["title"] = json!("T");
        assert_eq!(paper(record).venue.as_deref(), Some("V"));
    }
}

#[test]
fn filler_is_no_text() {
    for filler in
        ["N/A", "null", "-", "[No Abstract Available.]", "none", "TBD", "  Abstract not   available! ", "NaN"]
    {
        let paper = paper(json!({"title": "T", "abstract": filler, "summary": "Real."}));
        assert_eq!(paper.abstract_text.as_deref(), Some("Real."), "{filler}");
        assert_eq!(paper.extra["abstract"], filler);
        check_error(json!({"title": filler, "abstract": filler}), Some("title"), "found none of them");
    }
    for text in ["None of the above", "P=NP", "$\\pi$", "Abstract algebra"] {
        assert_eq!(paper(json!({"title": text})).title.as_deref(), Some(text));
    }
}

#[test]
fn what_is_not_a_record_is_an_error() {
    check_error(json!([1]), None, "expected a JSON object, found a list");
    check_error(json!("x"), None, "found \"x\"");
    check_error(
        json!({"id": "a"}),
        Some("title"),
        "expected a title, an abstract, authors, an identifier or where",
    );
    check_error(json!({"title": {"x": []}}), Some("title"), "expected a title, an abstract");
    check_error(json!({"title": "x".repeat(10_001)}), Some("title"), "at most 10000 bytes, found 10001");
    check_error(json!({"abstract": "x".repeat(1_000_001)}), Some("abstract"), "at most 1000000 bytes");
    check_error(json!({"title": "T", "authors": vec!["A"; 10_001]}), Some("authors"), "at most 10000 names");
    let wide: serde_json::Map<_, _> = (0..2001).map(|n| (n.to_string(), json!(n))).collect();
    check_error(Value::Object(wide), None, "at most 2000 fields, found 2001");
    let error = parse(json!({"id": "a"})).unwrap_err();
    assert_eq!(error.id.as_deref(), Some("a"));
    assert!(error.to_string().starts_with("test:1: title: "));
}

#[test]
fn identifiers_are_canonical_and_nothing_is_lost() {
    let record = json!({
        "title": "T", "id": "x", "doi": "https://doi.org/10.1234/A", "pmid": 12.0, "pmcid": "pmc34",
        "arxiv_id": "1704.03578v3", "acl_id": "p19-1001"
    });
    let ids: Vec<String> = paper(record).external_ids.into_values().collect();
    assert_eq!(ids, ["P19-1001", "1704.03578", "10.1234/a", "12", "PMC34"]);
    let bare = paper(json!({"doi": "10.1234/a", "year": 2020}));
    assert!(!bare.has_text(), "a record without a text is a record");

    let scholar = paper(json!({"title": "T", "id": "x", "externalIds": {
        "DOI": "10.1234/A", "ArXiv": "math.GT/0309136", "PubMed": "12", "PubMedCentral": "34", "ACL": "P19-1001",
        "CorpusId": 5, "MAG": "6", "DBLP": null
    }}));
    assert_eq!(scholar.external_ids.len(), 6);
    assert_eq!(scholar.external_ids[&IdentifierKind::Arxiv], "math/0309136");
    assert_eq!(scholar.extra["externalIds"], json!({"MAG": "6"}));

    let two =
        paper(json!({"title": "T", "doi": "10.1234/a, 10.1234/B", "externalIds": {"DOI": "10.1234/b"}}));
    assert_eq!(two.external_ids[&IdentifierKind::Doi], "10.1234/a");
    assert_eq!(two.extra["doi"], "10.1234/a, 10.1234/B");
    assert_eq!(two.extra["externalIds"], json!({"DOI": "10.1234/b"}));
    assert_eq!(paper(json!({"title": "T", "doi": "10.1234/a 10.1234/A"})).extra.len(), 0);

    let (broken, warnings) =
        warned(json!({"title": "T", "id": "1704.03578", "doi": "10.1007/s1- 016-1", "pmid": "x"}));
    assert_eq!(warnings, ["doi", "pmid"]);
    assert_eq!(broken.extra, json!({"doi": "10.1007/s1- 016-1", "pmid": "x"}).as_object().unwrap().clone());
    assert_eq!(broken.external_ids.len(), 1, "the id is an arXiv id");
}

#[test]
fn an_arxiv_record() {
    let paper = paper(json!({
        "id": "math/0309136", "submitter": null, "authors": "A. Smith (Here), B. Li", "title": "On\n  tides",
        "comments": "9 pages", "journal-ref": "J. Tides 1", "doi": null, "categories": "math.GT hep-th",
        "abstract": "  Tides.\n", "versions": [{"version": "v1", "created": "Mon, 8 Sep 2003 10:00:00 GMT"}],
        "update_date": "2009-11-10", "authors_parsed": [["Smith", "A.", "", "Here"], ["Li", "B.", "III"]]
    }));
    assert_eq!(paper.authors, ["A. Smith", "B. Li III"]);
    assert_eq!(paper.publication_date.unwrap().to_string(), "2003-09-08");
    assert_eq!((paper.year, paper.venue.as_deref()), (Some(2003), Some("J. Tides 1")));
    assert_eq!(paper.categories, ["math.GT", "hep-th"]);
    assert_eq!(
        paper.extra,
        json!({"comments": "9 pages", "update_date": "2009-11-10"}).as_object().unwrap().clone()
    );
}

#[test]
fn years_and_dates() {
    // The year and the date that a record's fields give, and which of them are kept raw.
    fn check(record: Value, year: Option<i16>, date: Option<&str>, kept: &[&str]) {
        let mut record = record;
        record["title"] = json!("T");
        let paper = parse(record.clone()).unwrap().paper;
        let found = paper.publication_date.map(|date| date.to_string());
        assert_eq!((paper.year, found.as_deref()), (year, date), "{record}");
        assert_eq!(paper.extra.keys().collect::<Vec<_>>(), kept, "{record}");
    }
    check(json!({"year": "2019"}), Some(2019), None, &[]);
    check(json!({"year": 2019, "date": "2018-12-31"}), Some(2019), Some("2018-12-31"), &[]);
    check(json!({"published": "2019-05-03T10:00:00Z"}), Some(2019), Some("2019-05-03"), &[]);
    check(
        json!({"publication_date": "May 2019", "date": "x"}),
        Some(2019),
        None,
        &["publication_date", "date"],
    );
    check(json!({"year": 20190, "date": "2019-05-03"}), Some(2019), Some("2019-05-03"), &["year"]);
    check(json!({"date": "2019-02-30"}), Some(2019), None, &["date"]);
    check(json!({"versions": 3}), None, None, &["versions"]);
    assert_eq!(warned(json!({"title": "T", "year": 20190, "date": "soon"})).1, ["year", "date"]);
}

#[test]
fn categories_and_the_small_fields() {
    fn check(value: Value, expected: &[&str]) {
        assert_eq!(paper(json!({"title": "T", "categories": value})).categories, expected);
    }
    check(json!("cs.CR math.NT"), &["cs.CR", "math.NT"]);
    check(json!(["cs.LG cond-mat.dis-nn", "x y"]), &["cs.LG", "cond-mat.dis-nn", "x y"]);
    check(json!("deep learning, tides"), &["deep learning", "tides"]);
    check(json!("waves, long; tides"), &["waves, long", "tides"]);
    check(json!("deep learning"), &["deep learning"]);
    check(json!(["a", null, ""]), &["a"]);

    let small = paper(json!({
        "title": "T", "url": "https://example.org/1", "source": "hub", "upvotes": "12.0", "keywords": ["k"],
        "journal": {"name": "J", "volume": "3"}, "note": {"a": 1}, "empty": "", "nothing": null
    }));
    assert_eq!((small.url.as_deref(), small.source.as_deref()), (Some("https://example.org/1"), Some("hub")));
    assert_eq!((small.upvotes, small.categories), (Some(12), vec!["k".to_owned()]));
    assert_eq!(small.venue.as_deref(), Some("J"));
    let kept = json!({"journal": {"name": "J", "volume": "3"}, "note": {"a": 1}});
    assert_eq!(small.extra, kept.as_object().unwrap().clone());

    let record = json!({"title": "T", "url": "javascript:x", "upvotes": 1.5, "categories": 3, "authors": true, "source": {"x": 1}});
    let (unread, mut warnings) = warned(record);
    warnings.sort();
    assert_eq!(warnings, ["authors", "categories", "source", "upvotes", "url"]);
    assert_eq!(unread.extra.len(), 5);
}

#[test]
fn our_own_output_reads_back_to_the_same_paper() {
    let first = parse(json!({
        "id": "1704.03578v2", "title": "N/A", "abstract": "Tides turn.", "authors": "Smith, J., Doe, A.",
        "year": 99, "date": "May 2019", "doi": "10.1234/a 10.1234/b", "externalIds": {"MAG": 1}, "extra": {"x": 0.1, "extra": {"y": 2}},
        "categories": "math cs, tides", "url": "x", "x": 3
    }));
    let first = first.unwrap().paper;
    let printed = serde_json::to_value(&first).unwrap();
    assert_eq!(paper(printed), first);
    assert_eq!(first.extra["x_2"], 3);
    // The HTTP API gives authors as objects.
    let mut served = serde_json::to_value(&first).unwrap();
    served["authors"] = json!([{"name": "Smith, J."}, {"name": "Doe, A."}]);
    assert_eq!(paper(served), first);
}
