//! Pages of every kind of request, over papers with made-up vectors, many of which tie.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Instant;

use cognate_corpus::{Place, Record};
use cognate_index::SearchPath;
use cognate_keyword::Query;
use cognate_vector::UnitVector;
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use tempfile::TempDir;

use super::rank::{Question, Target};
use super::{
    Mode, Page, RecommendRequest, SearchOptions, SearchResponse, Seed, SemanticRatio, Sort, Strategy,
};
use crate::cancel::Cancel;
use crate::catalog::FacetField;
use crate::engine::Engine;
use crate::filter::{Clause, Condition, Filter};
use crate::store::Session;
use crate::store::testing::{client, paper, take_in};

const N_PAPERS: usize = 700;
/// So many that they are searched by graph, where a filter lets nearly all pass.
const N_IN_GRAPH: usize = 9_000;
const WORDS: [&str; 8] = ["bees", "dance", "dark", "matter", "halos", "flowers", "lattice", "tides"];

/// More papers than any ranking is deep, with few words and few vectors among them.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<(TempDir, Engine)> = OnceLock::new();
    &ENGINE.get_or_init(|| engine_of(N_PAPERS)).1
}

/// The same with a graph.
fn engine_with_graph() -> &'static Engine {
    static ENGINE: OnceLock<(TempDir, Engine)> = OnceLock::new();
    let (_, engine) = ENGINE.get_or_init(|| {
        let (folder, engine) = engine_of(N_IN_GRAPH);
        engine.optimize().unwrap();
        (folder, engine)
    });
    engine
}

pub(super) fn engine_of(n_papers: usize) -> (TempDir, Engine) {
    let (folder, engine) = crate::testing::engine();
    let records = (0..n_papers).map(|number| {
        // Every word stands in another part of the papers, from half of them to a few.
        let words = WORDS.iter().enumerate().filter(|(at, _)| number * 7 % (2 << at) == at / 2);
        let words: Vec<&str> = words.map(|(_, word)| *word).collect();
        let title = format!("{} number {}", words.join(" "), number % 13);
        let id = format!("p{:03}", number * 37 % n_papers);
        let paper = paper(&id, &title, 1990 + (number % 30) as i16);
        Record::named(paper, Place { file: "test".into(), line: 1 })
    });
    let mut session = Session::new(client(), engine.store().unwrap()).unwrap();
    take_in(engine.store().unwrap(), &mut session, records.collect());
    engine.catch_up().unwrap();
    (folder, engine)
}

/// Asks for a page by words and a vector.
fn asked(engine: &Engine, text: &str, vector: &UnitVector, options: &SearchOptions) -> SearchResponse {
    let question = Question {
        words: Some(Query::parse(text)),
        target: Some(Target::Known(vector.clone())),
        mode: options.mode,
        text,
        browses: false,
        pinned: Vec::new(),
        exclude: Vec::new(),
        options,
        cancel: Cancel::default(),
    };
    let view = engine.view().unwrap().unwrap();
    let started = Instant::now();
    engine.at_one_moment(&view, &mut |moment| engine.answer(moment, (&question, None), started)).unwrap()
}

fn since(year: i16) -> Clause {
    Clause::Condition(Condition::Year(format!("{year}-").parse().unwrap()))
}

/// Asks for page after page, and sees that each paper comes once, as many as there are in all.
fn check_pages(limit: usize, ask: &dyn Fn(Page) -> SearchResponse) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    let mut last = (f32::INFINITY, 1.0);
    let mut offset = 0;
    loop {
        let page = ask(Page::new(Some(limit), Some(offset), None).unwrap());
        prop_assert_eq!(page.total, ask(Page::new(Some(1), Some(0), None).unwrap()).total);
        let left = (page.total as usize).saturating_sub(offset);
        prop_assert_eq!(page.hits.len(), left.min(limit), "a page is full, at {}", offset);
        for hit in &page.hits {
            prop_assert!(seen.insert(hit.paper.row), "{} comes twice, at {}", hit.paper.paper.id, offset);
        }
        if page.facets.is_empty() {
            for hit in &page.hits {
                let own = (hit.score, hit.relevance.unwrap_or(0.0));
                prop_assert!(own.0 <= last.0 && own.1 <= last.1, "scores and relevance fall, at {}", offset);
                last = own;
            }
        } else {
            // Marks requests that are not in the order of scores.
            let counted: u64 = page.facets[0].counts.iter().map(|count| count.n_papers).sum();
            prop_assert_eq!(counted, page.total_relevant.unwrap_or(page.total));
        }
        if page.hits.is_empty() {
            prop_assert_eq!(seen.len() as u64, page.total);
            return Ok(());
        }
        offset += limit;
    }
}

fn vectors() -> impl Generator<Value = UnitVector> {
    (0.1f32..1.0, 0.0f32..60.0, 0.0f32..97.0)
        .prop_map(|(x, y, z)| UnitVector::normalize(vec![x, y, z]).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn paging_through_a_search_gives_each_hit_once(
        mode in prop::sample::select(vec![Mode::Hybrid, Mode::Semantic, Mode::Keyword]),
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..5),
        vector in vectors(),
        ratio in prop::option::of(0.0f32..=1.0),
        min_score in prop::option::of(0.3f32..1.0),
        min_relevance in prop::option::of(0.0f32..1.0),
        first_year in prop::option::of(1990i16..2025),
        (is_newest, exact) in any::<(bool, bool)>(),
        limit in 7usize..300,
    ) {
        let text = words.join(" ");
        let ask = |page: Page| {
            let options = SearchOptions {
                mode,
                semantic_ratio: ratio.map(|ratio| SemanticRatio::new(ratio).unwrap()),
                page: Page { min_score, ..page },
                min_relevance,
                filter: Filter { must: first_year.map(since).into_iter().collect(), ..Filter::default() },
                facets: if is_newest { vec![FacetField::Year] } else { Vec::new() },
                sort: if is_newest { Sort::Newest } else { Sort::Relevance },
                exact,
                ..SearchOptions::default()
            };
            asked(engine(), &text, &vector, &options)
        };
        check_pages(limit, &ask)?;
    }

    #[test]
    fn paging_through_recommendations_gives_each_hit_once(
        positive in prop::collection::vec(0..N_PAPERS, 1..4),
        negative in prop::collection::vec(0..N_PAPERS, 0..3),
        strategy in prop::sample::select(vec![Strategy::AverageVector, Strategy::BestScore, Strategy::SumScores]),
        diversity in prop::sample::select(vec![0.0f32, 0.7, 1.0]),
        min_score in prop::option::of(0.3f32..1.0),
        is_newest in any::<bool>(),
        limit in 7usize..300,
    ) {
        let seeds = |numbers: &[usize]| numbers.iter().map(|n| Seed::Paper(format!("p{n:03}"))).collect();
        let is_by_score = !is_newest && diversity == 0.0;
        let ask = |page: Page| {
            let request = RecommendRequest {
                positive: seeds(&positive),
                negative: seeds(&negative),
                strategy,
                diversity,
                exclude: Vec::new(),
                options: SearchOptions {
                    page: Page { min_score, ..page },
                    facets: if is_by_score { Vec::new() } else { vec![FacetField::Year] },
                    sort: if is_newest { Sort::Newest } else { Sort::Relevance },
                    ..SearchOptions::default()
                },
            };
            match engine().recommend(&Cancel::default(), &request) {
                Ok(response) => Some(response),
                // Seeds may cancel out.
                Err(error) => {
                    assert!(error.to_string().contains("cancel"), "{error}");
                    None
                }
            }
        };
        if ask(Page::default()).is_some() {
            check_pages(limit, &|page| ask(page).unwrap())?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn paging_gives_each_hit_once_where_a_graph_finds_them(
        mode in prop::sample::select(vec![Mode::Hybrid, Mode::Semantic]),
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..5),
        vector in vectors(),
        min_relevance in prop::option::of(0.0f32..0.5),
        is_newest in any::<bool>(),
        limit in 600usize..1_000,
    ) {
        let text = words.join(" ");
        let ask = |page: Page| {
            let options = SearchOptions {
                mode,
                page,
                min_relevance,
                filter: Filter { must: vec![since(1990)], ..Filter::default() },
                facets: if is_newest { vec![FacetField::Year] } else { Vec::new() },
                sort: if is_newest { Sort::Newest } else { Sort::Relevance },
                ..SearchOptions::default()
            };
            let response = asked(engine_with_graph(), &text, &vector, &options);
            assert_eq!(response.meta.path, SearchPath::FilteredHnsw);
            response
        };
        check_pages(limit, &ask)?;
    }
}
