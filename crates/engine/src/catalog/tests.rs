//! Filters and facets against a plain scan of the papers.

use std::collections::BTreeMap;

use cognate_corpus::{Paper, PaperId};
use jiff::civil::date;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::filter::{
    Clause, Condition, DateRange, MAX_FILTER_CLAUSES, MAX_FILTER_DEPTH, MAX_FILTER_IDS, RowsOf, YearRange,
};
use crate::region::Region;
use crate::store::{Attributes, Store};

fn attributes(record: serde_json::Value) -> Attributes {
    let text = |name: &str| record[name].as_str().map(str::to_owned);
    let list = |name: &str| {
        record[name]
            .as_array()
            .map_or_else(Vec::new, |list| list.iter().map(|name| name.as_str().unwrap().to_owned()).collect())
    };
    Attributes {
        year: record["year"].as_i64().map(|year| year as i16),
        publication_date: text("date").map(|date| date.parse().unwrap()),
        has_abstract: record["abstract"].is_string(),
        venue: text("venue"),
        categories: list("categories"),
        authors: list("authors"),
        first_indexed: date(2026, 1, 1),
        upvotes: None,
    }
}

fn catalog(papers: &[(u32, Attributes)]) -> Catalog {
    let mut catalog = Catalog::default();
    let entries = {
        let mut names = catalog.names.write().unwrap();
        papers.iter().map(|(row, paper)| (*row, Some(Entry::new(paper, &mut names)))).collect()
    };
    catalog.apply(entries);
    catalog
}

fn check(condition: Condition, expected: &[u32]) {
    let catalog = catalog(&[
        (
            1,
            attributes(json!({"year": 2019, "date": "2019-03-05", "categories": ["cs.CL", "stat.ML"],
            "authors": ["José Müller", "Ada B. King"], "venue": "Proc. of NeurIPS 2019", "abstract": "x"})),
        ),
        (2, attributes(json!({"year": 2020, "categories": ["CS", "q-bio"], "authors": ["Müller, K."]}))),
        (
            3,
            attributes(
                json!({"categories": ["csx"], "authors": ["Smith, José", "Ito JRM"], "venue": "Nature"}),
            ),
        ),
        (
            9_000,
            attributes(json!({"year": 1999, "date": "1999-12-31", "abstract": "x",
            "venue": "Nature Physics", "authors": ["O'Neill, Ana"]})),
        ),
    ]);
    let filter = Filter { must: vec![Clause::Condition(condition.clone())], ..Filter::default() };
    let found: Vec<u32> = catalog.matching(&filter).iter().collect();
    assert_eq!(found, expected, "{condition:?}");
}

#[test]
fn conditions_hold_for_the_papers_that_they_say() {
    let years = |text: &str| Condition::Year(text.parse().unwrap());
    check(years("2019"), &[1]);
    check(years("2019-2020"), &[1, 2]);
    check(years("2020-"), &[2]);
    check(years("-2019"), &[1, 9_000]);
    let days = |text: &str| Condition::PublicationDate(text.parse().unwrap());
    check(days("2019-03"), &[1]);
    check(days("2019-03-06:"), &[2]);
    check(days("2020"), &[2]);
    check(days("2020-01-02:2021"), &[]);
    check(days(":1999-12-31"), &[9_000]);
    let categories = |names: &[&str]| Condition::Categories(names.iter().map(|n| (*n).to_owned()).collect());
    check(categories(&["cs"]), &[1, 2]);
    check(categories(&["CS.CL"]), &[1]);
    check(categories(&["q-bio", "stat"]), &[1, 2]);
    check(categories(&["nothing"]), &[]);
    let author = |name: &str| Condition::Author(name.to_owned());
    check(author("muller"), &[1, 2]);
    check(author("Müller, J."), &[1]);
    check(author("josé king"), &[]);
    check(author("K. Müller"), &[2]);
    check(author("King AB"), &[1]);
    check(author("King AC"), &[]);
    check(author("KING AB"), &[]);
    for name in ["J.R.M. Ito", "M. Ito", "Ito, R. M.", "Ito JRM", "Ito JM"] {
        check(author(name), &[3]);
    }
    check(author("J.K. Ito"), &[]);
    check(author("Ito JK"), &[]);
    check(author("oneill"), &[]);
    check(author("o'neill"), &[9_000]);
    check(author("..."), &[]);
    let venue = |name: &str| Condition::Venue(name.to_owned());
    check(venue("nature"), &[3, 9_000]);
    check(venue("neurips"), &[1]);
    check(venue("of 2019"), &[]);
    check(Condition::HasAbstract(true), &[1, 9_000]);
    check(Condition::HasAbstract(false), &[2, 3]);
    let rows = |rows: &[u32]| Condition::Rows(rows.into());
    check(rows(&[]), &[]);
    // Rows without a paper are none, and those of every chunk are found.
    check(rows(&[2, 5, 4_095, 4_096, 9_000, 50_000]), &[2, 9_000]);
}

#[test]
fn ranges_that_are_none_are_refused() {
    for text in ["", "-", "20x0", "2020-2023-2025", "twenty", "20201", "２０２０"] {
        assert!(text.parse::<YearRange>().is_err(), "{text}");
    }
    for text in ["", ":", "2019-13", "2019-02-30", "2019-03-05-06", "2019:2020:2021", "x", "2019-003"] {
        assert!(text.parse::<DateRange>().is_err(), "{text}");
    }
    let range: DateRange = "2019-02:2020".parse().unwrap();
    assert_eq!(range, DateRange { first: Some(date(2019, 2, 1)), last: Some(date(2020, 12, 31)) });
}

#[test]
fn a_filter_has_a_size() {
    let nested = |depth: usize| {
        (1..depth).fold(Filter::default(), |inner, _| Filter {
            must: vec![Clause::Filter(inner)],
            ..Filter::default()
        })
    };
    assert!(nested(MAX_FILTER_DEPTH).check_size().is_ok());
    assert!(nested(MAX_FILTER_DEPTH + 1).check_size().is_err());
    let wide = |n: usize| Filter {
        must_not: vec![Clause::Condition(Condition::HasAbstract(true)); n],
        ..Filter::default()
    };
    assert!(wide(MAX_FILTER_CLAUSES).check_size().is_ok());
    assert!(wide(MAX_FILTER_CLAUSES + 1).check_size().is_err());
    let ids = |n: usize| {
        let ids = Clause::Condition(Condition::Ids(vec![String::new(); n]));
        let inner = Filter { should: vec![ids], ..Filter::default() };
        Filter { must_not: vec![Clause::Filter(inner)], ..Filter::default() }
    };
    assert!(ids(MAX_FILTER_IDS).check_size().is_ok());
    assert!(ids(MAX_FILTER_IDS + 1).check_size().is_err());
}

#[test]
fn ids_and_parts_of_the_map_are_rows_before_a_catalogue_is_asked() {
    let ids =
        |ids: &[&str]| Clause::Condition(Condition::Ids(ids.iter().map(|id| (*id).to_owned()).collect()));
    let year = Clause::Condition(Condition::Year("2019".parse().unwrap()));
    let inner = Filter { should: vec![ids(&["7", "3", "none"]), year.clone()], ..Filter::default() };
    let filter =
        Filter { must_not: vec![Clause::Filter(inner)], must: vec![ids(&["9"])], ..Filter::default() };
    let region = || "0.0_9.0_0.9".parse::<Region>().unwrap();
    let filter = Filter { should: vec![Clause::Condition(Condition::Region(region()))], ..filter };
    assert!(filter.has_region());
    let rows_of = RowsOf {
        ids: &|ids| Ok(ids.iter().filter_map(|id| id.parse().ok()).collect()),
        region: &|asked| Ok(if *asked == region() { [4, 5].into() } else { [].into() }),
    };
    let rows = |rows: &[u32]| Clause::Condition(Condition::Rows(rows.into()));
    let inner = Filter { should: vec![rows(&[3, 7]), year], ..Filter::default() };
    let expected =
        Filter { must_not: vec![Clause::Filter(inner)], must: vec![rows(&[9])], should: vec![rows(&[4, 5])] };
    assert_eq!(*filter.by_rows(&rows_of).unwrap(), expected);
    assert!(!expected.has_region());
}

#[test]
fn facets_count_the_papers_of_a_set() {
    let catalog = catalog(&[
        (0, attributes(json!({"year": 2020, "categories": ["a", "b", "a"]}))),
        (1, attributes(json!({"year": 2020, "categories": ["b"], "venue": "V"}))),
        (2, attributes(json!({"year": -5, "categories": []}))),
        (3, attributes(json!({"categories": ["c"]}))),
    ]);
    let counts = |field, rows: &[u32]| {
        let facet = catalog.count(field, &rows.iter().copied().collect());
        facet.counts.into_iter().map(|count| (count.value, count.n_papers)).collect::<Vec<_>>()
    };
    let of = |value: &str, n_papers| (value.to_owned(), n_papers);
    assert_eq!(counts(FacetField::Year, &[0, 1, 2, 3, 77_777]), [of("2020", 2), of("-5", 1)]);
    assert_eq!(counts(FacetField::Categories, &[0, 1, 2]), [of("b", 2), of("a", 1)]);
    assert_eq!(counts(FacetField::Venue, &[0, 1]), [of("V", 1)]);
}

#[test]
fn facets_of_many_values_have_the_hundred_with_most_papers() {
    // Paper i is of venue i modulo 150, of which the first 30 have one paper more; papers lie in several chunks.
    let papers: Vec<(u32, Attributes)> = (0..1_530)
        .map(|i| (i * 11, attributes(json!({"venue": format!("V{:03}", i % 150), "year": i % 3}))))
        .collect();
    let catalog = catalog(&papers);
    let all = papers.iter().map(|(row, _)| *row).collect();
    let venues = catalog.count(FacetField::Venue, &all).counts;
    let expected: Vec<(String, u64)> =
        (0..100).map(|i| (format!("V{i:03}"), if i < 30 { 11 } else { 10 })).collect();
    let found: Vec<(String, u64)> = venues.into_iter().map(|count| (count.value, count.n_papers)).collect();
    assert_eq!(found, expected);
    let years = catalog.count(FacetField::Year, &all).counts;
    assert_eq!(years.iter().map(|count| count.n_papers).collect::<Vec<_>>(), [510; 3]);
}

/// A small paper from three numbers.
fn paper_of((year, category, author): (i16, u8, u8)) -> Attributes {
    attributes(json!({
        "year": (year > 2000).then_some(year),
        "categories": [format!("c{category}.x")],
        "authors": [format!("Author{author} Name")],
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However papers came, changed and went: a filter finds those that a plain scan finds.
    #[test]
    fn a_catalogue_that_is_kept_up_filters_as_a_plain_scan_does(
        steps in prop::collection::vec(
            prop::collection::btree_map(
                prop_oneof![0..20_u32, 4_090..4_100_u32],
                prop::option::weighted(0.8, (1999..2005_i16, 0..3_u8, 0..3_u8)),
                1..8,
            ),
            1..12,
        ),
        first in 1999..2005_i16,
        category in 0..3_u8,
        author in 0..3_u8,
    ) {
        let mut catalog = Catalog::default();
        let mut expected: BTreeMap<u32, (i16, u8, u8)> = BTreeMap::new();
        for step in steps {
            let entries = {
                let mut names = catalog.names.write().unwrap();
                step.iter()
                    .map(|(row, paper)| (*row, paper.map(|paper| Entry::new(&paper_of(paper), &mut names))))
                    .collect()
            };
            catalog.apply(entries);
            for (row, paper) in step {
                match paper {
                    Some(paper) => expected.insert(row, paper),
                    None => expected.remove(&row),
                };
            }
        }
        let year = Clause::Condition(Condition::Year(YearRange { first: Some(first), last: None }));
        let in_category = Clause::Condition(Condition::Categories(vec![format!("C{category}")]));
        let by = Clause::Condition(Condition::Author(format!("author{author}")));
        let found = |filter: Filter| catalog.matching(&filter).iter().collect::<Vec<u32>>();
        let scan = |passes: &dyn Fn(&(i16, u8, u8)) -> bool| {
            expected.iter().filter(|(_, paper)| passes(paper)).map(|(row, _)| *row).collect::<Vec<u32>>()
        };
        let published = |paper: &(i16, u8, u8)| paper.0 > 2000 && paper.0 >= first;
        prop_assert_eq!(found(Filter::default()), scan(&|_| true));
        prop_assert_eq!(catalog.matching(&Filter::default()).iter().collect::<Vec<_>>(), scan(&|_| true));
        prop_assert_eq!(
            found(Filter { must: vec![year.clone(), in_category.clone()], ..Filter::default() }),
            scan(&|paper| published(paper) && paper.1 == category)
        );
        prop_assert_eq!(
            found(Filter {
                should: vec![year.clone(), by.clone()],
                must_not: vec![in_category.clone()],
                ..Filter::default()
            }),
            scan(&|paper| (published(paper) || paper.2 == author) && paper.1 != category)
        );
        let inner = Filter { must_not: vec![year], ..Filter::default() };
        prop_assert_eq!(
            found(Filter { must: vec![Clause::Filter(inner), by], ..Filter::default() }),
            scan(&|paper| !published(paper) && paper.2 == author)
        );
    }
}

#[test]
fn a_catalogue_follows_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let put = |id: &str, year: i16| {
        let paper = Paper { year: Some(year), ..crate::store::testing::paper(id, "Title", year) };
        crate::store::testing::put(&store, paper);
    };
    put("a", 2001);
    put("b", 2002);
    let first = Catalog::default().caught_up(&store.reader().unwrap()).unwrap();
    assert_eq!(first.matching(&Filter::default()).len(), 2);
    put("b", 2005);
    put("c", 2005);
    store.delete(&PaperId::new("a").unwrap()).unwrap();
    let second = first.caught_up(&store.reader().unwrap()).unwrap();
    assert_eq!(second.generation(), store.reader().unwrap().generation().unwrap());
    let in_2005 = Filter {
        must: vec![Clause::Condition(Condition::Year("2005".parse().unwrap()))],
        ..Filter::default()
    };
    assert_eq!(second.matching(&in_2005).len(), 2);
    assert_eq!(second.matching(&Filter::default()).len(), 2);
    assert_eq!(first.matching(&Filter::default()).len(), 2, "who holds the first still sees it");
    assert_eq!(second.published(2), Some(12_784));
}
