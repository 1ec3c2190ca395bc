//! How a collection stands what comes over the years: very many rows, arrivals day by day while it is searched, and
//! many deletions.
//!
//! `cargo bench -p cognate-index --bench growth -- TASK --dir DIR --vectors FILE.npy`, where TASK is one of
//!
//! - `build`: `--n` rows in portions, as an engine feeds them, and everything merged as maintenance does it, within
//!   `--memory` MiB (2,048); the peak of the process
//! - `search`: opening what `build` built, in a process that does only this, the latency of `--queries` (200) searches for
//!   ten rows one after another, and their recall
//! - `days`: `--days` (40) of `--arrivals` (5,000) rows each over `--base` (100,000), with maintenance beside them and
//!   searches at 50 a second throughout: latency at rest and meanwhile, segments that are left, recall beside that of a
//!   collection built at once
//! - `delete`: half of `--base` rows deleted, beside how long it took to add that half, and what `optimize` gives back
//!
//! The last 1,000 rows of the file are the queries. Where more rows are asked for than the others are, they are repeated
//! with seeded perturbations of length 0.15, which the report says. Each task prints one JSON object.
#![allow(clippy::print_stdout, reason = "the report goes to standard output")]
#![allow(clippy::panic, reason = "a bad argument ends the program")]

mod common;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cognate_index::{
    Access, Changes, Collection, CollectionOptions, Layout, Maintained, SearchParams, Snapshot,
};
use cognate_vector::UnitVector;
use common::{argument, at, latencies_beside_nothing, memory, number, recall, vectors, wait_until_verified};
use rand::SeedableRng;
use rand::rngs::StdRng;

const BINDING: [u8; 32] = [0; 32];
const TOP_K: usize = 10;
const N_QUERIES: usize = 1_000;
/// Rows that are applied at once, as the engine does.
const PORTION: usize = 20_000;
/// Length of what is added to a row that is repeated.
const PERTURBATION: f32 = 0.15;
/// Rows of a day that are applied at once, and how long after one another.
const ARRIVING: usize = 500;
const PAUSE: Duration = Duration::from_millis(50);

fn main() {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "build" => build(),
        "search" => search(),
        "days" => days(),
        "delete" => delete(),
        _ => println!("{{\"skipped\": \"no task\"}}"),
    }
}

/// Rows and queries of one file.
struct Rows {
    real: Vec<UnitVector>,
    queries: Vec<UnitVector>,
}

impl Rows {
    fn load() -> Self {
        let mut real = vectors().load(usize::MAX);
        let queries = real.split_off(real.len() - N_QUERIES);
        real.truncate(number("--real", real.len()));
        Self { real, queries }
    }

    fn dim(&self) -> usize {
        self.queries[0].dim()
    }

    /// A row of the file, or one that differs a little.
    fn row(&self, row: usize) -> UnitVector {
        let of_file = &self.real[row % self.real.len()];
        if row < self.real.len() {
            return of_file.clone();
        }
        let mut rng = StdRng::seed_from_u64(row as u64);
        let length = PERTURBATION / (self.dim() as f32).sqrt();
        let components = of_file.as_slice().iter().map(|c| c + length * common::gaussian(&mut rng)).collect();
        UnitVector::normalize(components).expect("near a unit vector").rounded_to_f16()
    }

    fn upserts(&self, rows: Range<usize>) -> Vec<(u32, UnitVector)> {
        rows.map(|row| (row as u32, self.row(row))).collect()
    }

    /// What the report says of rows up to `n`.
    fn kind(&self, n: usize) -> String {
        let n_real = self.real.len().min(n);
        format!("\"n\": {n}, \"n_real\": {n_real}, \"n_perturbed\": {}", n - n_real)
    }
}

fn options(dir: PathBuf, dim: usize, access: Access) -> CollectionOptions {
    let layout = if argument("--layout").as_deref() == Some("wide") { Layout::Wide } else { Layout::Compact };
    let memory_budget = Some((number("--memory", 2_048) as u64) << 20);
    CollectionOptions { access, layout, memory_budget, ..CollectionOptions::new(dir, BINDING, dim) }
}

fn dir() -> PathBuf {
    PathBuf::from(argument("--dir").unwrap_or_else(|| panic!("expected --dir DIR")))
}

fn open(dir: PathBuf, dim: usize, access: Access) -> Collection {
    let (collection, damage) = Collection::open(options(dir, dim, access)).expect("opens");
    assert!(damage.is_none(), "{damage:?}");
    collection
}

/// A collection that has no rows yet.
fn new(dir: PathBuf, dim: usize) -> Collection {
    let collection = open(dir, dim, Access::Write);
    assert!(collection.generation() == 0, "expected an empty folder");
    collection
}

fn apply(collection: &Collection, upserts: Vec<(u32, UnitVector)>, deletes: Vec<u32>) {
    let generation = collection.generation() + 1;
    collection.apply(Changes { upserts, deletes, generation }).expect("applies");
}

/// Adds rows in portions; what takes much memory is spilled.
fn feed(collection: &Collection, rows: &Rows, range: Range<usize>) {
    let end = range.end;
    for start in range.step_by(PORTION) {
        apply(collection, rows.upserts(start..end.min(start + PORTION)), vec![]);
        collection.spill().expect("spills");
    }
}

fn maintain(collection: &Collection) {
    while collection.maintain().expect("maintains") != Maintained::Nothing {}
}

fn found(snapshot: &Snapshot, queries: &[UnitVector], params: &SearchParams<'_>) -> Vec<Vec<u32>> {
    let search = |query| {
        let hits = snapshot.search(query, params).expect("searches").hits;
        hits.iter().take(TOP_K).map(|hit| hit.row).collect()
    };
    queries.iter().map(search).collect()
}

/// Of the usual search for ten rows.
fn recall_of(snapshot: &Snapshot, queries: &[UnitVector]) -> f64 {
    let params = SearchParams::new(TOP_K);
    let truth = found(snapshot, queries, &SearchParams { exact: true, ..params });
    recall(&truth, &found(snapshot, queries, &params))
}

fn build() {
    let rows = Rows::load();
    let n = number("--n", rows.real.len());
    let before = memory("VmRSS");
    let started = Instant::now();
    let collection = new(dir(), rows.dim());
    feed(&collection, &rows, 0..n);
    let fed = started.elapsed().as_secs_f64();
    collection.flush().expect("writes");
    maintain(&collection);
    let status = collection.status();
    let sizes: Vec<usize> = status.segments.iter().map(|segment| segment.n_rows).collect();
    println!(
        "{{{}, \"fed_s\": {fed:.1}, \"build_s\": {:.1}, \"peak_mb\": {:.0}, \"peak_mb_beside_the_rows\": {:.0}, \"segments\": {sizes:?}, \"disk_bytes_per_row\": {:.0}}}",
        rows.kind(n),
        started.elapsed().as_secs_f64(),
        memory("VmHWM") as f64 / 1e6,
        memory("VmHWM").saturating_sub(before) as f64 / 1e6,
        status.disk_bytes as f64 / n as f64,
    );
}

fn search() {
    let queries = Rows::load().queries;
    let queries = &queries[..number("--queries", 200).min(N_QUERIES)];
    let started = Instant::now();
    let collection = open(dir(), queries[0].dim(), Access::Read);
    let params = SearchParams::new(TOP_K);
    std::hint::black_box(collection.snapshot().search(&queries[0], &params).expect("searches"));
    let opened = started.elapsed().as_secs_f64();
    wait_until_verified(&collection);
    let verified = started.elapsed().as_secs_f64();
    assert!(collection.damage().is_none());
    let snapshot = collection.snapshot();
    let mut latencies = Vec::new();
    for query in queries {
        let started = Instant::now();
        std::hint::black_box(snapshot.search(query, &params).expect("searches"));
        latencies.push(started.elapsed().as_secs_f64() * 1e3);
    }
    latencies.sort_unstable_by(f64::total_cmp);
    println!(
        "{{\"n\": {}, \"segments\": {}, \"open_s\": {opened:.3}, \"verified_s\": {verified:.1}, {}, \"recall\": {:.4}}}",
        snapshot.len(),
        collection.status().segments.len(),
        percentiles("search", &latencies),
        recall_of(&snapshot, queries)
    );
}

fn percentiles(name: &str, sorted: &[f64]) -> String {
    format!(
        "\"{name}_p50_ms\": {:.3}, \"{name}_p99_ms\": {:.3}, \"{name}_max_ms\": {:.3}",
        at(sorted, 0.5),
        at(sorted, 0.99),
        at(sorted, 1.0)
    )
}

/// Latencies of searches at 50 a second until `done`, and at least `least` of them, and of doing nothing at the same times.
fn latencies(
    collection: &Collection,
    queries: &[UnitVector],
    least: usize,
    done: &AtomicBool,
) -> (Vec<f64>, Vec<f64>) {
    let mut next = queries.iter().cycle();
    latencies_beside_nothing(least, done, || {
        let query = next.next().expect("a cycle has no end");
        let found = collection.snapshot().search(query, &SearchParams::new(TOP_K));
        std::hint::black_box(found.expect("searches"));
    })
}

fn days() {
    let rows = Rows::load();
    let (base, n_days, arrivals) =
        (number("--base", 100_000), number("--days", 40), number("--arrivals", 5_000));
    let n = base + n_days * arrivals;
    let collection = new(dir(), rows.dim());
    feed(&collection, &rows, 0..base);
    collection.optimize().expect("optimizes");
    let rest = latencies(&collection, &rows.queries, 1_000, &AtomicBool::new(true));

    let started = Instant::now();
    let done = AtomicBool::new(false);
    let busy = std::thread::scope(|scope| {
        let (collection, rows) = (&collection, &rows);
        let searches = scope.spawn(|| latencies(collection, &rows.queries, 1, &done));
        for day in 0..n_days {
            let arrived = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    // Also after the last arrival: a day is longer than what it brings.
                    while collection.maintain().expect("maintains") != Maintained::Nothing
                        || !arrived.load(Ordering::Acquire)
                    {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    maintain(collection);
                });
                let first = base + day * arrivals;
                for start in (first..first + arrivals).step_by(ARRIVING) {
                    apply(collection, rows.upserts(start..(first + arrivals).min(start + ARRIVING)), vec![]);
                    std::thread::sleep(PAUSE);
                }
                arrived.store(true, Ordering::Release);
            });
        }
        done.store(true, Ordering::Relaxed);
        searches.join().expect("no panic")
    });
    let seconds = started.elapsed().as_secs_f64();
    let merged = sizes_of(&collection);
    let merged_recall = recall_of(&collection.snapshot(), &rows.queries);
    let before = Instant::now();
    collection.optimize().expect("optimizes");
    let optimize = before.elapsed().as_secs_f64();
    let optimized_recall = recall_of(&collection.snapshot(), &rows.queries);

    let fresh = new(dir().join("fresh"), rows.dim());
    feed(&fresh, &rows, 0..n);
    fresh.optimize().expect("optimizes");
    println!(
        "{{{}, \"base\": {base}, \"days\": {n_days}, \"took_s\": {seconds:.0}, {}, {}, {}, {}, \"p99_ratio\": {:.2}, \"segments_by_merging_alone\": {merged:?}, \"recall\": {merged_recall:.4}, \"optimize_s\": {optimize:.1}, \"segments_optimized\": {:?}, \"recall_optimized\": {optimized_recall:.4}, \"recall_fresh\": {:.4}}}",
        rows.kind(n),
        percentiles("rest", &rest.0),
        percentiles("rest_nothing", &rest.1),
        percentiles("days", &busy.0),
        percentiles("days_nothing", &busy.1),
        at(&busy.0, 0.99) / at(&rest.0, 0.99),
        sizes_of(&collection),
        recall_of(&fresh.snapshot(), &rows.queries),
    );
}

/// Rows of each segment in files, and of all in memory together.
fn sizes_of(collection: &Collection) -> Vec<usize> {
    let segments = collection.status().segments;
    segments.iter().map(|segment| segment.n_rows).collect()
}

fn delete() {
    let rows = Rows::load();
    let base = number("--base", 100_000);
    let half = base / 2;
    let collection = new(dir(), rows.dim());
    feed(&collection, &rows, 0..half);
    collection.flush().expect("writes");
    maintain(&collection);
    let timed = |work: &dyn Fn()| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    };
    let add = timed(&|| {
        feed(&collection, &rows, half..base);
        collection.flush().expect("writes");
    });
    maintain(&collection);
    collection.optimize().expect("optimizes");
    let before = collection.status().disk_bytes;
    let delete = timed(&|| {
        apply(&collection, vec![], (0..base as u32).step_by(2).collect());
        collection.flush().expect("writes");
    });
    let rewrite = timed(&|| maintain(&collection));
    let optimize = timed(&|| collection.optimize().expect("optimizes"));
    let after = collection.status().disk_bytes;
    assert!(collection.snapshot().len() == base - base.div_ceil(2), "half is left");
    println!(
        "{{{}, \"add_half_s\": {add:.2}, \"delete_half_s\": {delete:.2}, \"rewrite_s\": {rewrite:.2}, \"optimize_s\": {optimize:.2}, \"disk_bytes_before\": {before}, \"disk_bytes_after\": {after}, \"shrunk_percent\": {:.1}}}",
        rows.kind(base),
        100.0 * (1.0 - after as f64 / before as f64),
    );
}
