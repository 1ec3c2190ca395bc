//! How long do a server's own steps take: reading and writing the snapshot file, one changed paper,
//! compacting, and all pairs above a cosine?
//!
//! `cargo bench -p cognate-index --bench snapshot -- [--vectors FILE.npy] [--n 100000]
//! [--pair-rows 20000]`
#![allow(clippy::print_stdout, reason = "the report goes to standard output")]
#![allow(clippy::panic, reason = "a bad argument ends the program")]

mod common;

use std::time::{Duration, Instant};

use cognate_index::{VectorSet, read_snapshot, write_snapshot};
use common::{machine, number, seconds_per_run, vectors};

fn main() {
    let source = vectors();
    let mut vectors = source.load(number("--n", 100_000) + 2_000);
    let later = vectors.split_off(vectors.len() - 2_000);
    let n = vectors.len();
    println!("machine: {}", machine());
    println!("vectors: {source}; n {n}");
    let set = VectorSet::from_vectors(later[0].dim(), 1, (0..).zip(vectors)).expect("rows are numbered once");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("vectors");
    let time = |what: &str, work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        println!("{what}: {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    };
    time("write the file", &mut || write_snapshot(&path, &set, &[0; 32]).expect("writes"));
    println!("the file: {:.1} MB", std::fs::metadata(&path).expect("exists").len() as f64 / 1e6);
    time("read the file", &mut || drop(read_snapshot(&path, &[0; 32]).expect("reads")));

    let mut changed = set.clone();
    let started = Instant::now();
    for (row, vector) in (n as u32 / 2..).zip(later.iter().cloned()) {
        changed = changed.with_changes(vec![(row, vector)], &[], changed.generation() + 1).expect("fits");
    }
    let each = started.elapsed().as_secs_f64() / later.len() as f64;
    println!("one changed paper, mean of {}: {:.1} µs", later.len(), each * 1e6);
    let scan = |set: &VectorSet| {
        seconds_per_run(Duration::from_secs(1), || drop(std::hint::black_box(set.search(&later[0], 10))))
            * 1e3
    };
    println!("exact scan, all threads: {:.2} ms, {:.2} ms after those changes", scan(&set), scan(&changed));
    time("compact", &mut || drop(std::hint::black_box(changed.compacted())));
    let n_pair_rows = number("--pair-rows", 20_000).min(n);
    let first = set.iter().take(n_pair_rows).filter_map(|(row, _)| Some((row, set.unit_vector(row)?)));
    let first = VectorSet::from_vectors(set.dim(), 1, first).expect("rows are numbered once");
    for min_score in [0.95, 0.9, 0.8] {
        let mut n_pairs = 0;
        time(&format!("all pairs of {n_pair_rows} at {min_score}"), &mut || {
            n_pairs = first.pairs_at_least(min_score).len()
        });
        println!("  {n_pairs} pairs");
    }
}
