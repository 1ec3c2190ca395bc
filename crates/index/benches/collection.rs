//! How fast is a collection built, opened and searched, how much memory does it take, and at what
//! recall? `scripts/bench-index` runs this beside other libraries, one task a process.
//!
//! `cargo bench -p cognate-index --bench collection -- TASK --dir DIR [--vectors FILE.npy]
//! [--queries 1000] [--n N] [--truth FILE.i32] [--top-k 10]`, where TASK is one of
//!
//! - `build`: the file's rows, but for the last `--queries`, into a new collection of one segment, on
//!   `--build-threads` threads; `[--m] [--ef-construction] [--slice] [--slots] [--widths 64,128] [--alpha-percent]`
//! - `sweep`: queries per second and recall@10 at `--efs`, on `--threads 1,2` threads, the best of `--passes 3`
//! - `resident`: memory per vector after ten passes of the queries, in a process that does only this
//! - `open`: time to the first answer, and until every section is verified
//! - `filtered`: recall, speed and path where 50, 20, 10, 5, 1, 0.1 % of the rows are allowed,
//!   beside the speed of scanning the allowed ones
//! - `crossing`: what a walk of width 1 costs in rows of a scan, where all rows may be found and where 50 and 20 % may: the
//!   constants by which a search chooses. With `RAYON_NUM_THREADS=1`, else scans of many rows run on all threads
//! - `serve`: latency at 50 queries a second at rest and while the segment is rewritten in the background, a fifth of
//!   its rows being dead
//!
//! `--layout wide` keeps in memory what makes walks faster (compact without it).
//!
//! Without a task: all of `build` and `sweep` on 20,000 synthetic vectors, to a person.
//!
//! `--truth` holds little-endian `i32 [n_queries, top_k]`: the exact answers. Each task prints JSON, one
//! object a line.
#![allow(clippy::print_stdout, reason = "the report goes to standard output")]
#![allow(clippy::panic, reason = "a bad argument ends the program")]

mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cognate_index::{
    Access, BuildParams, Changes, Collection, CollectionOptions, Layout, Maintained, SearchParams, Snapshot,
};
use cognate_vector::UnitVector;
use common::{argument, at, latencies_beside_nothing, memory, number, recall, vectors, wait_until_verified};
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand::{Rng, SeedableRng};
use roaring::RoaringBitmap;

const BINDING: [u8; 32] = [0; 32];
const EFS: &str = "10,16,24,32,48,64,96,128,192,256,384,512";
const PASSES: usize = 3;

fn main() {
    let task = std::env::args().nth(1).unwrap_or_default();
    match task.as_str() {
        "build" => build(),
        "sweep" => sweep(),
        "resident" => resident(),
        "open" => open_time(),
        "filtered" => filtered(),
        "crossing" => crossing(),
        "serve" => serve(),
        // What a bare `cargo bench` says; `cargo test --benches` does not.
        "--bench" => overview(),
        _ => println!("{{\"skipped\": \"no task\"}}"),
    }
}

/// Rows that each search is for.
fn top_k() -> usize {
    number("--top-k", 10)
}

fn dir() -> PathBuf {
    PathBuf::from(argument("--dir").unwrap_or_else(|| panic!("expected --dir DIR")))
}

fn list(name: &str, default: &str) -> Vec<usize> {
    let text = argument(name).unwrap_or_else(|| default.to_owned());
    text.split(',').filter(|n| !n.is_empty()).map(|n| n.parse().expect("numbers")).collect()
}

fn options(dim: usize, access: Access) -> CollectionOptions {
    let default = BuildParams::default();
    let widths = default.refine_widths.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    CollectionOptions {
        access,
        build: BuildParams {
            m: number("--m", default.m),
            ef_construction: number("--ef-construction", default.ef_construction),
            slice: number("--slice", default.slice),
            slots: number("--slots", default.slots),
            refine_widths: list("--widths", &widths),
            alpha: number("--alpha-percent", (default.alpha * 100.0).round() as usize) as f32 / 100.0,
        },
        layout: match argument("--layout").as_deref() {
            None | Some("compact") => Layout::Compact,
            Some("wide") => Layout::Wide,
            Some(other) => panic!("expected --layout compact or wide, found {other:?}"),
        },
        build_threads: argument("--build-threads").map(|n| n.parse().expect("a number")),
        ..CollectionOptions::new(dir(), BINDING, dim)
    }
}

fn open(dim: usize, access: Access) -> Collection {
    let (collection, damage) = Collection::open(options(dim, access)).expect("opens");
    assert!(damage.is_none(), "{damage:?}");
    collection
}

/// The rows of the file and its last `--queries`.
fn data() -> (Vec<UnitVector>, Vec<UnitVector>) {
    let mut rows = vectors().load(usize::MAX);
    let queries = rows.split_off(rows.len() - number("--queries", 1_000));
    rows.truncate(number("--n", rows.len()));
    (rows, queries)
}

/// Only the queries, read without the rows: what comes before them must not be in memory.
fn only_queries() -> Vec<UnitVector> {
    let path = argument("--query-file").unwrap_or_else(|| panic!("expected --query-file FILE.npy"));
    common::Vectors::Npy(path.into()).load(usize::MAX)
}

fn truth() -> Vec<Vec<u32>> {
    let path = argument("--truth").unwrap_or_else(|| panic!("expected --truth FILE"));
    let bytes = std::fs::read(path).expect("reads");
    let rows: Vec<u32> =
        bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    rows.chunks_exact(top_k()).map(<[u32]>::to_vec).collect()
}

fn overview() {
    const N: usize = 20_000;
    println!("{}", common::machine());
    let mut rows = vectors().load(N + 1_000);
    let queries = rows.split_off(rows.len() - 1_000);
    let folder = tempfile::tempdir().expect("a folder");
    let new = CollectionOptions::new(folder.path().to_owned(), BINDING, queries[0].dim());
    let (collection, _) = Collection::open(new).expect("opens");
    let n = rows.len();
    let started = Instant::now();
    let upserts = (0..).zip(rows).collect();
    collection.apply(Changes { upserts, deletes: vec![], generation: 1 }).expect("applies");
    collection.flush().expect("writes");
    println!("{}, {n} rows: built and synced in {:.1} s", vectors(), started.elapsed().as_secs_f64());
    let snapshot = collection.snapshot();
    let exact = SearchParams { exact: true, ..SearchParams::new(top_k()) };
    let (truth, seconds) = run(&snapshot, &queries, 1, &exact);
    println!("exact: {:.0} queries a second, one thread", queries.len() as f64 / seconds);
    for ef in [16, 32, 64, 128, 256] {
        let params = SearchParams { ef: Some(ef), ..SearchParams::new(top_k()) };
        let (found, seconds) = run(&snapshot, &queries, 1, &params);
        let (recall, speed) = (recall(&truth, &found), queries.len() as f64 / seconds);
        println!("ef {ef}: recall@10 {recall:.4}, {speed:.0} queries a second, one thread");
    }
}

fn build() {
    let (rows, _) = data();
    let dim = rows[0].dim();
    let n = rows.len();
    let collection = open(dim, Access::Write);
    assert!(collection.generation() == 0, "expected an empty folder");
    let upserts = (0..).zip(rows).collect();
    let before = memory("VmRSS");
    let started = Instant::now();
    collection.apply(Changes { upserts, deletes: vec![], generation: 1 }).expect("applies");
    collection.flush().expect("writes");
    let seconds = started.elapsed().as_secs_f64();
    let status = collection.status();
    println!(
        "{{\"n\": {n}, \"build_s\": {seconds:.3}, \"disk_bytes_per_vector\": {:.1}, \"index_bytes_per_vector\": {:.1}, \"build_peak_bytes_per_vector\": {:.0}, \"instructions\": \"{}\"}}",
        status.disk_bytes as f64 / n as f64,
        status.memory_bytes as f64 / n as f64,
        memory("VmHWM").saturating_sub(before) as f64 / n as f64,
        cognate_vector::kernels::instructions(),
    );
}

/// All queries on `n_threads` threads; the rows found, and the time of the best of some passes.
fn run(
    snapshot: &Snapshot,
    queries: &[UnitVector],
    n_threads: usize,
    params: &SearchParams<'_>,
) -> (Vec<Vec<u32>>, f64) {
    let mut best = f64::MAX;
    let mut found = Vec::new();
    for _ in 0..number("--passes", PASSES) {
        let started = Instant::now();
        found = std::thread::scope(|scope| {
            let parts = queries.chunks(queries.len().div_ceil(n_threads)).map(|queries| {
                scope.spawn(move || {
                    let search = |query| {
                        let hits = snapshot.search(query, params).expect("searches").hits;
                        hits.iter().take(params.top_k).map(|hit| hit.row).collect()
                    };
                    queries.iter().map(search).collect::<Vec<Vec<u32>>>()
                })
            });
            let parts: Vec<_> = parts.collect();
            parts.into_iter().flat_map(|part| part.join().expect("no panic")).collect()
        });
        best = best.min(started.elapsed().as_secs_f64());
    }
    (found, best)
}

fn sweep() {
    let (queries, truth) = (only_queries(), truth());
    let collection = open(queries[0].dim(), Access::Read);
    wait_until_verified(&collection);
    let snapshot = collection.snapshot();
    for n_threads in list("--threads", "1,2") {
        for ef in list("--efs", EFS) {
            let params = SearchParams { ef: Some(ef), ..SearchParams::new(top_k()) };
            let (found, seconds) = run(&snapshot, &queries, n_threads, &params);
            println!(
                "{{\"ef\": {ef}, \"threads\": {n_threads}, \"recall\": {:.5}, \"qps\": {:.1}}}",
                recall(&truth, &found),
                queries.len() as f64 / seconds
            );
        }
    }
}

fn resident() {
    let queries = only_queries();
    let before = memory("VmRSS");
    let collection = open(queries[0].dim(), Access::Read);
    let snapshot = collection.snapshot();
    for _ in 0..10 {
        run(&snapshot, &queries, 1, &SearchParams::new(top_k()));
    }
    wait_until_verified(&collection);
    let after = memory("VmRSS");
    let n = snapshot.len();
    println!(
        "{{\"n\": {n}, \"resident_bytes_per_vector\": {:.1}}}",
        after.saturating_sub(before) as f64 / n as f64
    );
}

fn open_time() {
    let queries = only_queries();
    let mut first = f64::MAX;
    let mut verified = f64::MAX;
    for _ in 0..3 {
        let started = Instant::now();
        let collection = open(queries[0].dim(), Access::Read);
        std::hint::black_box(
            collection.snapshot().search(&queries[0], &SearchParams::new(top_k())).expect("searches"),
        );
        first = first.min(started.elapsed().as_secs_f64());
        wait_until_verified(&collection);
        assert!(collection.damage().is_none());
        verified = verified.min(started.elapsed().as_secs_f64());
    }
    println!("{{\"open_ms\": {:.2}, \"verified_ms\": {:.1}}}", first * 1e3, verified * 1e3);
}

fn allowed(n: usize, fraction: f64) -> RoaringBitmap {
    let mut rng = StdRng::seed_from_u64(1);
    sample(&mut rng, n, ((n as f64 * fraction) as usize).max(top_k())).iter().map(|row| row as u32).collect()
}

fn filtered() {
    let queries = only_queries();
    let collection = open(queries[0].dim(), Access::Read);
    wait_until_verified(&collection);
    let snapshot = collection.snapshot();
    let few = &queries[..100.min(queries.len())];
    let exact = SearchParams { exact: true, ..SearchParams::new(top_k()) };
    println!("{{\"scan_of_all_qps\": {:.1}}}", few.len() as f64 / run(&snapshot, few, 1, &exact).1);
    for percent in [50.0, 20.0, 10.0, 5.0, 1.0, 0.1] {
        let allowed = allowed(snapshot.len(), percent / 100.0);
        let params = SearchParams { allowed: Some(&allowed), ..SearchParams::new(top_k()) };
        let (found, seconds) = run(&snapshot, &queries, 1, &params);
        let (exact, scan_seconds) = run(&snapshot, &queries, 1, &SearchParams { exact: true, ..params });
        println!(
            "{{\"allowed_percent\": {percent}, \"recall\": {:.5}, \"qps\": {:.1}, \"scan_qps\": {:.1}, \"fewest_hits\": {}, \"path\": \"{:?}\"}}",
            recall(&exact, &found),
            queries.len() as f64 / seconds,
            queries.len() as f64 / scan_seconds,
            found.iter().map(Vec::len).min().unwrap_or(0),
            snapshot.search(&queries[0], &params).expect("searches").path
        );
    }
}

fn crossing() {
    let queries = only_queries();
    let collection = open(queries[0].dim(), Access::Read);
    wait_until_verified(&collection);
    let snapshot = collection.snapshot();
    let few = &queries[..200.min(queries.len())];
    for percent in [100.0, 50.0, 20.0] {
        let part = percent / 100.0;
        let allowed = (percent < 100.0).then(|| allowed(snapshot.len(), part));
        let params = SearchParams { allowed: allowed.as_ref(), ..SearchParams::new(top_k()) };
        let (_, scan) = run(&snapshot, few, 1, &SearchParams { exact: true, ..params });
        let of_row = scan / few.len() as f64 / (snapshot.len() as f64 * part);
        for ef in list("--efs", "16,32,64,128") {
            let params = SearchParams { ef: Some(ef), ..params };
            let path = snapshot.search(&queries[0], &params).expect("searches").path;
            let (_, walk) = run(&snapshot, &queries, 1, &params);
            let rows = walk / queries.len() as f64 / of_row;
            println!(
                "{{\"allowed_percent\": {percent}, \"ef\": {ef}, \"path\": \"{path:?}\", \"walk_us\": {:.1}, \"row_ns\": {:.2}, \"rows_per_ef\": {:.1}}}",
                walk / queries.len() as f64 * 1e6,
                of_row * 1e9,
                rows / ef as f64 * part
            );
        }
    }
}

/// Latencies of searches, and of doing nothing at the same times on another thread: what the machine
/// itself adds when others use it.
fn latencies(
    collection: &Collection,
    queries: &[UnitVector],
    least: usize,
    done: &AtomicBool,
) -> (Vec<f64>, Vec<f64>) {
    let mut rng = StdRng::seed_from_u64(3);
    latencies_beside_nothing(least, done, || {
        let query = &queries[rng.random_range(0..queries.len())];
        let found = collection.snapshot().search(query, &SearchParams::new(top_k()));
        std::hint::black_box(found.expect("searches"));
    })
}

fn serve() {
    let queries = only_queries();
    let collection = Arc::new(open(queries[0].dim(), Access::Write));
    wait_until_verified(&collection);
    let (at_rest, done) = (AtomicBool::new(true), Arc::new(AtomicBool::new(false)));
    let rest = latencies(&collection, &queries, 500, &at_rest);
    // More than a fifth of the rows die, so that the segment is due to be rewritten; rows come in meanwhile.
    let generation = collection.generation() + 1;
    let rows = collection.snapshot().rows();
    let deletes = rows[..rows.len() / 5 + 1].to_vec();
    collection.apply(Changes { upserts: vec![], deletes, generation }).expect("applies");
    let merger = {
        let (collection, done) = (Arc::clone(&collection), Arc::clone(&done));
        std::thread::spawn(move || {
            let before = memory("VmRSS");
            let started = Instant::now();
            assert_eq!(collection.maintain().expect("merges"), Maintained::Merged);
            done.store(true, Ordering::Relaxed);
            (started.elapsed().as_secs_f64(), memory("VmHWM").saturating_sub(before))
        })
    };
    let inserter = {
        let (collection, done, queries) = (Arc::clone(&collection), Arc::clone(&done), queries.clone());
        std::thread::spawn(move || {
            let mut n_inserted = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let row = 3_000_000_000 + n_inserted;
                let upserts = vec![(row, queries[n_inserted as usize % queries.len()].clone())];
                let generation = collection.generation() + 1;
                collection.apply(Changes { upserts, deletes: vec![], generation }).expect("applies");
                n_inserted += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            n_inserted
        })
    };
    let merging = latencies(&collection, &queries, 1, &done);
    let (merge_s, merge_bytes) = merger.join().expect("no panic");
    let n_inserted = inserter.join().expect("no panic");
    let report = |name: &str, latencies: &[f64]| {
        format!(
            "\"{name}_p50_ms\": {:.3}, \"{name}_p99_ms\": {:.3}, \"{name}_max_ms\": {:.3}",
            at(latencies, 0.5),
            at(latencies, 0.99),
            at(latencies, 1.0)
        )
    };
    println!(
        "{{\"n\": {}, {}, {}, {}, {}, \"merge_s\": {merge_s:.1}, \"merge_extra_mb\": {:.0}, \"n_inserted\": {n_inserted}}}",
        collection.snapshot().len(),
        report("rest", &rest.0),
        report("rest_nothing", &rest.1),
        report("merge", &merging.0),
        report("merge_nothing", &merging.1),
        merge_bytes as f64 / 1e6,
    );
}
