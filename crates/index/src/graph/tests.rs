use std::collections::HashSet;

use super::*;
use crate::testing::{clustered, numbered, vector};

fn graph(set: &VectorSet, n_threads: usize) -> GraphIndex {
    GraphIndex::build(set, &GraphParams { m: 12, ef_construction: 80, n_threads }).unwrap()
}

#[test]
fn recall_on_clustered_vectors_has_a_floor() {
    let vectors = clustered(7, 3_200, 32, 40);
    let set = VectorSet::from_vectors(32, 0, numbered(&vectors[..3_000])).unwrap();
    for n_threads in [1, 4] {
        let graph = graph(&set, n_threads);
        let mut n_found = 0;
        for query in &vectors[3_000..] {
            let exact = set.search(query, 10).unwrap();
            let found = graph.search(query, 10, 64).unwrap();
            let rows: HashSet<u32> = found.iter().map(|hit| hit.row).collect();
            n_found += exact[..10].iter().filter(|hit| rows.contains(&hit.row)).count();
            for hit in &found {
                let score = cosine(query.as_slice(), set.vector(hit.row).unwrap());
                assert_eq!(hit.score.to_bits(), score.to_bits());
            }
        }
        // 0.99 and above is usual; insertion by several threads varies.
        assert!(n_found >= 1_900, "recall@10 with {n_threads} threads: {}", n_found as f32 / 2_000.0);
    }
}

/// Clusters, many copies of one vector, and sets that are hardly a graph: the widest search finds
/// every row, from wherever it starts.
#[test]
fn every_row_can_be_reached() {
    let mut copies = clustered(3, 400, 8, 4);
    copies.extend(std::iter::repeat_n(vector(&[1.0; 8]), 600));
    let cases = [
        clustered(1, 0, 8, 1),
        clustered(1, 1, 8, 1),
        clustered(1, 2, 8, 1),
        clustered(2, 2_000, 8, 200),
        copies,
    ];
    for vectors in cases {
        let set = VectorSet::from_vectors(8, 0, numbered(&vectors)).unwrap();
        for n_threads in [1, 4] {
            let graph = graph(&set, n_threads);
            for query in clustered(9, 5, 8, 5) {
                let found = graph.search(&query, vectors.len(), 1).unwrap();
                assert_eq!(found, set.search(&query, vectors.len()).unwrap(), "{} rows", vectors.len());
            }
            for from in [0, vectors.len().saturating_sub(1) as u32] {
                if !vectors.is_empty() {
                    let lists: Vec<Vec<u32>> =
                        (0..vectors.len()).map(|p| graph.lowest.list(p).to_vec()).collect();
                    assert_eq!(connect::connect(set.base(), &mut lists.clone(), from), 0);
                }
            }
        }
    }
}

#[test]
fn a_broken_graph_is_connected() {
    let vectors = clustered(4, 300, 8, 3);
    let set = VectorSet::from_vectors(8, 0, numbered(&vectors)).unwrap();
    // No links at all: each point is linked to, and leads back.
    let mut lists = vec![Vec::new(); 300];
    let n_added = connect::connect(set.base(), &mut lists, 17);
    assert!(n_added >= 300, "{n_added}");
    assert_eq!(connect::connect(set.base(), &mut lists, 17), 0);
    assert_eq!(connect::connect(set.base(), &mut lists, 250), 0);
}

#[test]
fn one_thread_builds_the_same_graph_each_time() {
    let vectors = clustered(5, 500, 16, 10);
    let set = VectorSet::from_vectors(16, 0, numbered(&vectors)).unwrap();
    let lists = |graph: &GraphIndex| graph.lowest.neighbours.clone();
    assert_eq!(lists(&graph(&set, 1)), lists(&graph(&set, 1)));
}

#[test]
fn bad_parameters_and_queries_are_refused() {
    let set = VectorSet::from_vectors(8, 0, numbered(&clustered(1, 10, 8, 1))).unwrap();
    let check = |m, ef_construction, n_threads, named: &str| {
        let error = GraphIndex::build(&set, &GraphParams { m, ef_construction, n_threads }).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    };
    check(1, 100, 1, "m from 4");
    check(256, 1000, 1, "m from 4");
    check(16, 15, 1, "ef_construction from 16");
    check(16, 5000, 1, "ef_construction");
    check(16, 100, 0, "n_threads");
    let query = vector(&[1.0, 0.0]);
    assert!(matches!(
        graph(&set, 1).search(&query, 1, 1),
        Err(IndexError::Dimension { expected: 8, found: 2 })
    ));
}
