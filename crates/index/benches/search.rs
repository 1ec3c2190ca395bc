//! From how many vectors on does a graph answer faster than an exact scan, at what recall, and what
//! does building it cost?
//!
//! `cargo bench -p cognate-index --bench search -- [--vectors FILE.npy] [--sizes 1000,3000,…]
//! [--queries 500] [--m 16] [--ef-construction 200] [--build-threads 2]`
//!
//! The queries are vectors that are not in the set. Queries a second are for one thread on both
//! paths, so that they compare work done; recall@10 is against the exact scan.
#![allow(clippy::print_stdout, reason = "the report goes to standard output")]
#![allow(clippy::panic, reason = "a bad argument ends the program")]

mod common;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use cognate_index::{GraphIndex, GraphParams, VectorSet};
use cognate_vector::{Scored, UnitVector};
use common::{argument, machine, number, seconds_per_run, vectors};

const SIZES: &str = "1000,3000,10000,30000,100000";
const EFS: [usize; 9] = [10, 16, 24, 32, 48, 64, 96, 128, 256];
const RECALL_FLOOR: f64 = 0.98;
const ENOUGH: Duration = Duration::from_millis(400);

fn main() {
    let sizes: Vec<usize> = argument("--sizes")
        .unwrap_or_else(|| SIZES.to_owned())
        .split(',')
        .map(|n| n.parse().unwrap_or_else(|_| panic!("expected numbers after --sizes, found {n:?}")))
        .collect();
    let n_queries = number("--queries", 500);
    let params = GraphParams {
        m: number("--m", 16),
        ef_construction: number("--ef-construction", 200),
        n_threads: number("--build-threads", std::thread::available_parallelism().map_or(1, usize::from)),
    };
    let source = vectors();
    let all = source.load(sizes.iter().max().copied().unwrap_or(0) + n_queries);
    let (queries, rows) = all.split_at(n_queries);
    println!("machine: {}", machine());
    println!("vectors: {source}; {n_queries} queries; {params:?}");
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");

    for n in sizes.into_iter().filter(|&n| n <= rows.len()) {
        let set = VectorSet::from_vectors(all[0].dim(), 0, (0..).zip(rows[..n].iter().cloned()))
            .expect("rows are numbered once");
        let exact = set.search_many(queries, 10).expect("queries fit");
        let one = |search: &dyn Fn(&UnitVector)| {
            let mut next = queries.iter().cycle();
            seconds_per_run(ENOUGH, || next.by_ref().take(1).for_each(search))
        };
        let scan = |query: &UnitVector| drop(std::hint::black_box(set.search(query, 10)));
        let scan_one = one_thread.install(|| one(&scan));
        let scan_all = one(&scan);
        let many = seconds_per_run(ENOUGH, || drop(std::hint::black_box(set.search_many(queries, 10))));
        println!(
            "\nn {n}: exact scan {:.3} ms on one thread, {:.3} ms on all, {:.3} ms a query for {n_queries} at once",
            scan_one * 1e3,
            scan_all * 1e3,
            many * 1e3 / n_queries as f64
        );

        let started = Instant::now();
        let graph = GraphIndex::build(&set, &params).expect("parameters are in range");
        println!(
            "built in {:.1} s; {:.0} bytes a vector beside the vectors; {} links added to connect it",
            started.elapsed().as_secs_f64(),
            graph.graph_bytes() as f64 / n as f64,
            graph.n_linked()
        );
        println!("  ef  recall@10  queries/s  times the exact scan");
        let mut crossed = false;
        for ef in EFS {
            let recall =
                recall_at_10(&exact, queries, |query| graph.search(query, 10, ef).expect("queries fit"));
            let seconds = one(&|query| drop(std::hint::black_box(graph.search(query, 10, ef))));
            let first = recall >= RECALL_FLOOR && !crossed;
            crossed |= first;
            println!(
                "{ef:4}  {recall:9.4}  {:9.0}  {:7.2}{}",
                1.0 / seconds,
                scan_one / seconds,
                if first { "  <- first at the floor of recall" } else { "" }
            );
        }
    }
}

/// The mean over queries of the part of the exact ten that was found, ties of the tenth counted
/// as found where any of them was.
fn recall_at_10(
    exact: &[Vec<Scored>],
    queries: &[UnitVector],
    search: impl Fn(&UnitVector) -> Vec<Scored>,
) -> f64 {
    let mut n_found = 0;
    for (query, exact) in queries.iter().zip(exact) {
        let exact: HashSet<u32> = exact.iter().map(|hit| hit.row).collect();
        n_found += search(query).iter().take(10).filter(|hit| exact.contains(&hit.row)).count();
    }
    n_found as f64 / (10 * queries.len()) as f64
}
