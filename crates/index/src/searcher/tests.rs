use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::testing::{clustered, coarse, numbered};

fn params() -> GraphParams {
    GraphParams { m: 8, ef_construction: 64, n_threads: 2 }
}

/// A graph, some of whose rows die and which many new ones join: never a dead row, always
/// enough rows, new rows found, scores equal to the exact scan's.
#[test]
fn a_graph_serves_while_the_set_changes() {
    let vectors = clustered(11, 12_000, 16, 60);
    let mut model: BTreeMap<u32, UnitVector> = numbered(&vectors[..10_000]).into_iter().collect();
    let set = VectorSet::from_vectors(16, 0, model.clone()).unwrap();
    let mut searcher = Searcher::new(set).build_graph(&params()).unwrap();
    assert_eq!(searcher.path(), Path::Hnsw);
    let mut rng = StdRng::seed_from_u64(12);
    let (mut n_graph, mut n_found, mut n_wanted) = (0, 0, 0);
    for generation in 1..=90 {
        let mut upserts = BTreeMap::new();
        for _ in 0..8 {
            upserts.insert(rng.random_range(0..12_000), vectors[rng.random_range(10_000..12_000)].clone());
        }
        let deletes: Vec<u32> =
            (0..12).map(|_| rng.random_range(0..12_000)).filter(|row| !upserts.contains_key(row)).collect();
        deletes.iter().for_each(|row| drop(model.remove(row)));
        model.extend(upserts.clone());
        searcher =
            searcher.with_changes(upserts.clone().into_iter().collect(), &deletes, generation).unwrap();
        assert_eq!((searcher.len(), searcher.generation()), (model.len(), generation));

        let (fresh, query) = upserts.first_key_value().unwrap();
        let exact = searcher.search(query, 10, PathChoice::Exact).unwrap();
        let found = searcher.search(query, 10, PathChoice::Auto).unwrap();
        assert_eq!(exact.path, Path::Exact);
        assert!(found.hits.len() >= 10);
        assert!(found.hits.iter().any(|hit| hit.row == *fresh), "a row that was just added");
        for hit in &found.hits {
            let score = cosine(query.as_slice(), model[&hit.row].as_slice());
            assert_eq!(hit.score.to_bits(), score.to_bits());
        }
        n_graph += usize::from(found.path == Path::Hnsw);
        n_wanted += exact.hits.len();
        n_found += exact.hits.iter().filter(|hit| found.hits.contains(hit)).count();
    }
    assert!(n_graph == 90, "the graph answered {n_graph} times");
    assert!(n_found * 100 >= n_wanted * 95, "recall {n_found} of {n_wanted}");
    // By now more than half of the graph is out of date.
    let all = searcher.with_changes(vec![], &(0..6_000).collect::<Vec<_>>(), 91).unwrap();
    assert!(!all.has_graph());
    assert_eq!(all.len(), model.keys().filter(|&&row| row >= 6_000).count());
}

#[test]
fn a_graph_built_meanwhile_joins_the_latest_set() {
    let vectors = clustered(21, 9_000, 16, 30);
    let searcher = Searcher::new(VectorSet::from_vectors(16, 5, numbered(&vectors[..8_500])).unwrap());
    let before = searcher.with_changes(vec![(1, vectors[8_600].clone())], &[2], 6).unwrap();
    let built = before.build_graph(&params()).unwrap();
    // While it was building: a row added, one replaced, one deleted, and one that was there before.
    let latest = before
        .with_changes(vec![(9_000, vectors[8_700].clone()), (3, vectors[8_800].clone())], &[4, 1], 7)
        .unwrap();
    for latest in [latest.clone(), Searcher::new(latest.set().compacted())] {
        let joined = latest.with_graph(&built).unwrap();
        assert!(joined.has_graph());
        assert_eq!(joined.generation(), 7);
        assert!(joined.set().iter().eq(latest.set().iter()));
        let found = joined.search(&vectors[8_700], 5, PathChoice::Auto).unwrap();
        assert_eq!((found.path, found.hits[0].row), (Path::Hnsw, 9_000));
    }
    assert!(matches!(
        searcher.with_graph(&built),
        Err(IndexError::GenerationBackwards { current: 6, found: 5 })
    ));
}

#[test]
fn never_fewer_rows_than_asked_for() {
    let mut rng = StdRng::seed_from_u64(5);
    // Eighty possible vectors: nearly everything ties.
    let vectors: Vec<UnitVector> = (0..9_000).map(|_| coarse(&mut rng)).collect();
    let searcher = Searcher::new(VectorSet::from_vectors(4, 0, numbered(&vectors)).unwrap());
    let searcher = searcher.build_graph(&params()).unwrap();
    let deletes: Vec<u32> = (0..9_000).filter(|row| row % 3 == 0).collect();
    let searcher = searcher.with_changes(vec![], &deletes, 1).unwrap();
    let queries: Vec<UnitVector> = (0..30).map(|_| coarse(&mut rng)).collect();
    assert_eq!(searcher.path(), Path::Hnsw);
    for top_k in [0, 1, 7, 60, 1_000, 50_000] {
        let many = searcher.search_many(&queries, top_k, PathChoice::Auto).unwrap();
        for (query, many) in queries.iter().zip(many) {
            let one = searcher.search(query, top_k, PathChoice::Auto).unwrap();
            assert_eq!(one, many);
            assert!(one.hits.len() >= top_k.min(searcher.len()), "{} of {top_k}", one.hits.len());
            assert!(one.hits.iter().all(|hit| hit.row % 3 != 0));
        }
    }
}

#[test]
fn an_empty_searcher_finds_nothing() {
    let searcher = Searcher::new(VectorSet::empty(4));
    assert!(!searcher.wants_graph());
    let query = coarse(&mut StdRng::seed_from_u64(1));
    for searcher in [searcher.clone(), searcher.build_graph(&params()).unwrap()] {
        let found = searcher.search(&query, 10, PathChoice::Auto).unwrap();
        assert_eq!(found, Hits { hits: vec![], path: Path::Exact });
    }
}
