//! Real records, where the machine has them.

use std::collections::BTreeMap;

use cognate_corpus::beir::BeirFolder;
use cognate_corpus::{Format, IdentifierKind, ReadOptions, Source};
use jiff::civil::date;

use crate::support::{collect, shared_data};

#[test]
fn every_record_of_the_arxiv_sample_is_good() {
    let Some(path) = shared_data("arxiv-100k.jsonl.zst") else { return };
    let source = Source::open(&path).unwrap();
    let mut records = source.records(&ReadOptions::default()).unwrap();
    assert_eq!(records.format(), Format::Jsonl);

    let mut n_papers = 0;
    let mut unread = Vec::new();
    for record in records.by_ref() {
        let parsed = record.unwrap().unwrap();
        n_papers += 1;
        let paper = &parsed.paper;
        let id = paper.id.as_str();
        assert!(paper.title.is_some() && paper.abstract_text.is_some(), "{id}");
        assert!(paper.year.is_some() && paper.publication_date.is_some(), "{id}");
        assert!(!paper.authors.is_empty() && !paper.categories.is_empty(), "{id}");
        assert_eq!(paper.external_ids.get(&IdentifierKind::Arxiv).map(String::as_str), Some(id));
        unread.extend(parsed.warnings.iter().map(ToString::to_string));
    }
    assert_eq!(n_papers, 100_000);
    assert_eq!(records.size_bytes(), Some(records.consumed_bytes()));
    // DOIs that the source has mistyped.
    assert!(unread.len() < 20 && unread.iter().all(|warning| warning.contains(": doi: ")), "{unread:#?}");
}

#[test]
fn the_daily_papers_page_has_54_pairs() {
    let Some(path) = shared_data("daily-papers.txt") else { return };
    let day = date(2025, 7, 30);
    let options = ReadOptions { day: Some(day), ..ReadOptions::default() };
    let records = Source::open(&path).unwrap().records(&options).unwrap();
    assert_eq!(records.format(), Format::DailyPapers);

    let outcome = collect(records);
    assert_eq!((outcome.papers.len(), outcome.bad.len(), outcome.fault), (54, 0, None));
    for parsed in &outcome.papers {
        let paper = &parsed.paper;
        assert!(paper.title.as_ref().unwrap().len() < 200);
        assert!(paper.abstract_text.as_ref().unwrap().len() > 1000);
        assert!(paper.id.as_str().starts_with("p-"));
        assert_eq!((paper.publication_date, paper.year), (Some(day), Some(2025)));
    }
}

#[test]
fn the_test_collections_are_complete() {
    // Two records of cranfield have neither title nor abstract.
    for (name, n_papers, n_bad, n_queries) in
        [("scifact", 5183, 0, 1109), ("cranfield", 1398, 2, 225), ("vaswani", 11429, 0, 93)]
    {
        let Some(path) = shared_data(&format!("beir/{name}")) else { return };
        let folder = BeirFolder::new(path);
        let corpus = collect(folder.corpus().unwrap());
        assert_eq!((corpus.papers.len(), corpus.bad.len(), corpus.fault), (n_papers, n_bad, None), "{name}");
        assert_eq!(folder.queries().unwrap().len(), n_queries, "{name}");
    }
    // Queries with judgments, and judgments.
    for (name, split, n_judged, n_judgments) in [
        ("scifact", "test", 300, 339),
        ("scifact", "train", 809, 919),
        ("cranfield", "test", 225, 1837),
        ("vaswani", "test", 93, 2083),
    ] {
        let Some(path) = shared_data(&format!("beir/{name}")) else { return };
        let qrels = BeirFolder::new(path).qrels(split).unwrap();
        let found = (qrels.len(), qrels.values().map(BTreeMap::len).sum::<usize>());
        assert_eq!(found, (n_judged, n_judgments), "{name} {split}");
    }
}
