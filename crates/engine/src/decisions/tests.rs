//! Dropping and undoing, seen through the engine. Vectors here are made up; nothing is embedded.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::cancel::Cancel;
use crate::catalog::FacetField;
use crate::filter::{Clause, Condition, Filter};
use crate::search::{Mode, SearchOptions, SearchRequest, SearchResponse};
use crate::store::testing::{paper, put};
use crate::testing::engine;
use cognate_dedup::{Cluster, DedupStats, Kind, Member};

/// A report that drops each first paper in favour of the second.
fn report(engine: &Engine, pairs: &[(&str, &str)]) -> DedupReport {
    let id = |id: &str| PaperId::new(id).unwrap();
    let cluster = |(dropped, kept): &(&str, &str)| Cluster {
        keep: id(kept),
        members: vec![
            Member { id: id(kept), action: Action::Keep, title: None, source: None, found: None },
            Member {
                id: id(dropped),
                action: Action::Drop,
                title: None,
                source: None,
                found: Some(Match {
                    matched_to: id(kept),
                    score: 0.9,
                    probability: 0.95,
                    kind: Kind::NearText,
                    relation: Some(cognate_dedup::Relation::Duplicate),
                    reason: "a test says so".to_owned(),
                }),
            },
        ],
        merged: None,
    };
    DedupReport {
        clusters: pairs.iter().map(cluster).collect(),
        stats: DedupStats {
            generation: engine.stats().unwrap().generation.unwrap(),
            ..DedupStats::default()
        },
    }
}

/// Everything that can be asked without a model, and its answer, but for times and generations.
fn answers(engine: &Engine) -> Vec<(String, String)> {
    let options = || SearchOptions {
        mode: Mode::Keyword,
        facets: vec![FacetField::Year, FacetField::Categories],
        ..SearchOptions::default()
    };
    let told = |response: Result<SearchResponse, EngineError>| match response {
        Ok(mut response) => {
            response.meta.took = Duration::ZERO;
            response.meta.generation = Some(0);
            format!("{response:?}")
        }
        Err(error) => error.to_string(),
    };
    let mut answers = Vec::new();
    for words in ["bats", "ice", "bats ice steel", "\"steel bats\""] {
        let search = |options| told(engine.search(&SearchRequest::new(words, options).unwrap()));
        answers.push((format!("search {words}"), search(options())));
        let year = Condition::Year("2001-".parse().unwrap());
        let filter = Filter { must: vec![Clause::Condition(year)], ..Filter::default() };
        answers.push((format!("{words} since 2001"), search(SearchOptions { filter, ..options() })));
    }
    for id in (0..N_PAPERS).map(|n| format!("p{n}")) {
        answers.push((format!("get {id}"), format!("{:?}", engine.papers(&id).map_err(|e| e.to_string()))));
        let by_doi = engine.papers(&format!("doi:10.5555/{id}")).map_err(|e| e.to_string());
        answers.push((format!("get {id} by DOI"), format!("{by_doi:?}")));
        answers.push((
            format!("similar {id}"),
            told(engine.similar(&Cancel::default(), &id, &SearchOptions::default())),
        ));
    }
    answers.push(("count".to_owned(), engine.stats().unwrap().n_papers.to_string()));
    answers
}

const N_PAPERS: u8 = 8;

/// Applications, each a list of papers to drop and to keep.
fn applications() -> impl Strategy<Value = Vec<Vec<(u8, u8)>>> {
    prop::collection::vec(prop::collection::vec((0..N_PAPERS, 0..N_PAPERS), 1..5), 1..4)
}

fn title() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["bats", "ice", "steel", "sleep"]), 1..4)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// While papers are dropped no answer has them; once all is undone, in whatever order, every answer is
    /// what it was. Every dropped paper names one that stays or was dropped itself later, and a reason.
    #[test]
    fn undo_restores_every_answer(
        papers in prop::collection::vec((title(), 1999..2004_i16), N_PAPERS as usize),
        applications in applications(),
        backwards in any::<bool>(),
    ) {
        let (_folder, engine) = engine();
        let put_all = |engine: &Engine| {
            for (n, (title, year)) in papers.iter().enumerate() {
                put(engine.store().unwrap(), paper(&format!("p{n}"), title, *year));
            }
            engine.catch_up().unwrap();
        };
        put_all(&engine);
        let before = answers(&engine);
        let mut runs = Vec::new();
        let mut n_dropped = 0;
        for application in &applications {
            let ids: Vec<(String, String)> =
                application.iter().map(|(id, kept)| (format!("p{id}"), format!("p{kept}"))).collect();
            let pairs: Vec<(&str, &str)> = ids.iter().map(|(id, kept)| (&**id, &**kept)).collect();
            let applied = engine.drop_duplicates(&report(&engine, &pairs), "{}").unwrap();
            prop_assert_eq!(applied.n_dropped + applied.n_left, application.len());
            prop_assert_eq!(applied.run.is_some(), applied.n_dropped > 0);
            n_dropped += applied.n_dropped;
            runs.extend(applied.run);
        }
        prop_assert!(n_dropped < papers.len(), "somebody stays");
        let dropped = engine.dropped(0, 100).unwrap();
        prop_assert_eq!(dropped.total as usize, n_dropped);
        let during = answers(&engine);
        for paper in &dropped.papers {
            prop_assert!(!paper.reason.is_empty() && paper.matched_to != paper.id);
            let is_in = format!("id: PaperId({:?})", paper.id);
            prop_assert!(during.iter().all(|(_, answer)| !answer.contains(&is_in)), "{} is in", paper.id);
        }
        // The same records again change nothing.
        put_all(&engine);
        prop_assert_eq!(&answers(&engine), &during);

        if backwards {
            runs.reverse();
        }
        for run in runs {
            engine.undo(&Undo::Run(run)).unwrap();
        }
        prop_assert_eq!(answers(&engine), before);
        prop_assert_eq!(engine.dropped(0, 100).unwrap().total, 0);
    }
}

#[test]
fn what_is_dropped_is_named_with_its_match() {
    let (_folder, engine) = engine();
    for id in ["a", "b", "c"] {
        put(engine.store().unwrap(), paper(id, id, 2000));
    }
    assert!(matches!(engine.undo(&Undo::Latest), Err(EngineError::NothingDropped)));
    let applied = engine.drop_duplicates(&report(&engine, &[("b", "a")]), "{}").unwrap();
    assert_eq!(applied, Application { run: Some(1), n_dropped: 1, n_left: 0 });
    let error = engine.paper("10.5555/b").unwrap_err().to_string();
    assert!(error.contains("duplicate of a"), "{error}");
    assert!(matches!(engine.undo(&Undo::Run(7)), Err(EngineError::RunNotFound { run: 7 })));
    let unknown = Undo::Papers(vec!["b".to_owned(), "nobody".to_owned()]);
    assert!(matches!(engine.undo(&unknown), Err(EngineError::PaperNotFound { .. })));
    let by_doi = Undo::Papers(vec!["doi:10.5555/b".to_owned(), "c".to_owned()]);
    assert_eq!(engine.undo(&by_doi).unwrap(), Undone { run: None, n_restored: 1 });
    let nothing = engine.undo(&Undo::Run(1)).unwrap();
    assert_eq!(nothing.n_restored, 0, "b is back already");
}

#[test]
fn a_label_takes_any_name_of_its_papers() {
    let (_folder, engine) = engine();
    for id in ["a", "b"] {
        put(engine.store().unwrap(), paper(id, id, 2000));
    }
    engine.drop_duplicates(&report(&engine, &[("b", "a")]), "{}").unwrap();
    let labelled = engine.label("doi:10.5555/b", "a", Some(true)).unwrap();
    assert_eq!((labelled.pair.0.as_str(), labelled.n_restored), ("a", 0));
    assert_eq!(engine.label("b", "a", Some(false)).unwrap().n_restored, 1);
    assert!(matches!(engine.label("a", "a", None), Err(EngineError::InvalidRequest { .. })));
    assert!(matches!(engine.label("a", "x", None), Err(EngineError::PaperNotFound { .. })));
}
