use cognate_vector::kernels::dots_i8;
use half::f16;

use super::*;
use crate::quantize::QuantizedQuery;
use crate::segment::Segment;
use crate::testing::clustered;
use crate::walk::{Aim, Scratch};

fn in_memory(seed: u64, n: usize) -> Segment {
    let vectors = clustered(seed, n, 16, 40);
    let values = vectors.iter().flat_map(|v| v.as_slice().iter().map(|&c| f16::from_f32(c))).collect();
    Segment::in_memory(16, (0..n as u32).collect(), values)
}

fn built(segment: &Segment, slice: usize, n_threads: usize) -> Graph {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    let params =
        BuildParams { m: 6, slice, slots: 16, refine_widths: vec![32, 64], ..BuildParams::default() };
    let rows = Rows { vectors: segment.vectors(), stride: segment.stride(), scale: segment.scale() };
    build(rows, &params, &pool).unwrap()
}

#[test]
fn any_number_of_threads_builds_the_same_graph() {
    let segment = in_memory(21, 900);
    let graph = built(&segment, 100, 1);
    assert!(graph.upper.layers.len() >= 2);
    for n_threads in [2, 5] {
        assert!(built(&segment, 100, n_threads) == graph, "{n_threads} threads");
    }
    assert!(built(&segment, 200, 1) != graph, "other slices give other graphs");
}

#[test]
fn slices_are_joined_so_that_walks_find_what_they_find_in_one() {
    let segment = in_memory(22, 2_000);
    let queries = clustered(22, 2_100, 16, 40).split_off(2_000);
    let recall = |graph: &Graph| {
        let terrain = Terrain {
            vectors: segment.vectors(),
            stride: segment.stride(),
            links: &graph.links,
            slots: graph.slots,
            codes: None,
        };
        let mut scratch = Scratch::default();
        let mut n_found = 0;
        for query in &queries {
            let query = QuantizedQuery::new(query.as_slice()).coarse;
            let mut dots = vec![0; segment.len()];
            dots_i8(&query, segment.vectors(), &mut dots);
            let mut best = dots.clone();
            best.sort_unstable_by(|a, b| b.cmp(a));
            terrain.descend(&graph.upper, Aim::at(&query), &mut scratch);
            terrain.walk(Aim::at(&query), 24, &mut scratch);
            n_found += scratch.found().iter().take(10).filter(|key| key.dot() >= best[9]).count();
        }
        n_found as f64 / (10 * queries.len()) as f64
    };
    let (one, joined) = (recall(&built(&segment, 2_000, 2)), recall(&built(&segment, 64, 2)));
    assert!(one > 0.95 && joined >= one - 0.01, "{one} in one, {joined} in 31 slices");
}

#[test]
fn slices_are_cut_by_the_number_of_rows() {
    let params = BuildParams { slice: 1_000, ..BuildParams::default() };
    assert_eq!([0, 999, 1_999, 2_000, 9_999, 1_000_000].map(|n| params.n_slices(n)), [1, 1, 1, 2, 9, 32]);
    // Two slices at once, and what all rows take.
    assert_eq!(params.memory(10_000, 2), 2 * 1_000 * 3_600 + 10_000 * 408);
    assert_eq!(params.memory(100, 2), 100 * 3_600 + 100 * 408);
}
