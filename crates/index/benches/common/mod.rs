//! What bench programs need beside their measurements: vectors, arguments, memory, times, and the machine's name.
#![allow(dead_code, reason = "each program uses a part")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cognate_index::Collection;
use cognate_vector::UnitVector;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Where the vectors come from.
pub(crate) enum Vectors {
    /// Made from a seed: see [`synthetic`].
    Synthetic { dim: usize },
    /// NumPy float32 `[n, dim]`, C order.
    Npy(PathBuf),
}

impl Vectors {
    /// The first `n` vectors, each rounded through f16 as a store does.
    pub(crate) fn load(&self, n: usize) -> Vec<UnitVector> {
        let mut vectors = match self {
            Self::Synthetic { dim } => synthetic(n, *dim),
            Self::Npy(path) => read_npy(path),
        };
        vectors.truncate(n);
        vectors.into_iter().map(|v| v.rounded_to_f16()).collect()
    }
}

impl std::fmt::Display for Vectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Synthetic { dim } => write!(f, "synthetic, seed 1, {dim} components"),
            Self::Npy(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Vectors with the features of text embeddings that matter to a graph: topics of very different
/// sizes, few dimensions in which neighbours differ (24 shared directions), a common direction, and
/// a little noise in every component.
pub(crate) fn synthetic(n: usize, dim: usize) -> Vec<UnitVector> {
    const N_LATENT: usize = 24;
    const N_TOPICS: usize = 200;
    let mut rng = StdRng::seed_from_u64(1);
    let mut directions: Vec<Vec<f32>> = Vec::new();
    for _ in 0..N_LATENT + 1 {
        directions.push((0..dim).map(|_| gaussian(&mut rng)).collect());
    }
    let topics: Vec<Vec<f32>> =
        (0..N_TOPICS).map(|_| (0..N_LATENT).map(|_| gaussian(&mut rng)).collect()).collect();
    (0..n)
        .map(|_| {
            // Squaring makes the first topics far more common than the last.
            let topic = (rng.random::<f32>().powi(2) * N_TOPICS as f32) as usize;
            let mut components: Vec<f32> = directions[N_LATENT].iter().map(|c| 1.5 * c).collect();
            for (direction, centre) in directions.iter().zip(&topics[topic.min(N_TOPICS - 1)]) {
                let latent = centre + 0.7 * gaussian(&mut rng);
                components.iter_mut().zip(direction).for_each(|(c, d)| *c += latent * d);
            }
            components.iter_mut().for_each(|c| *c += 1.5 * gaussian(&mut rng));
            UnitVector::normalize(components).expect("a sum of gaussians has a direction")
        })
        .collect()
}

pub(crate) fn gaussian(rng: &mut StdRng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

fn read_npy(path: &Path) -> Vec<UnitVector> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("could not read `{}`: {e}", path.display()));
    assert!(bytes.starts_with(b"\x93NUMPY"), "`{}` is not a .npy file", path.display());
    let (start, header_len) = match bytes[6] {
        1 => (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))),
        _ => (12, u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize),
    };
    let header = String::from_utf8_lossy(&bytes[start..start + header_len]).into_owned();
    assert!(
        header.contains("'<f4'") && header.contains("'fortran_order': False"),
        "expected float32 in C order: {header}"
    );
    let shape =
        header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).expect("a shape").0;
    let dim: usize = shape.split(',').nth(1).and_then(|dim| dim.trim().parse().ok()).expect("shape [n, dim]");
    bytes[start + header_len..]
        .chunks_exact(4 * dim)
        .map(|row| {
            let components =
                row.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            UnitVector::normalize(components).expect("rows of the file have a direction")
        })
        .collect()
}

/// The machine, on one line.
pub(crate) fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown CPU", |name| name.trim_start_matches([':', ' ', '\t']));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{name}, {threads} threads, load average {}", load.split(' ').next().unwrap_or("unknown"))
}

/// `--name value` among the arguments.
pub(crate) fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next()?;
    arguments.next()
}

/// `--name value` as a number, or `default`.
pub(crate) fn number(name: &str, default: usize) -> usize {
    argument(name).map_or(default, |value| {
        value.parse().unwrap_or_else(|_| panic!("expected a number after {name}, found {value:?}"))
    })
}

/// The vectors that `--vectors FILE.npy` names, or synthetic ones.
pub(crate) fn vectors() -> Vectors {
    match argument("--vectors") {
        // Cargo runs benches in the package's folder; a path is meant from where cargo was called.
        Some(path) => {
            Vectors::Npy(std::env::var_os("PWD").map_or_else(PathBuf::new, PathBuf::from).join(path))
        }
        None => Vectors::Synthetic { dim: number("--dim", 384) },
    }
}

/// The part of what is true that was found.
pub(crate) fn recall(truth: &[Vec<u32>], found: &[Vec<u32>]) -> f64 {
    let n: usize = truth.iter().zip(found).map(|(t, f)| t.iter().filter(|row| f.contains(row)).count()).sum();
    n as f64 / truth.iter().map(Vec::len).sum::<usize>().max(1) as f64
}

/// A line of /proc/self/status, in bytes.
pub(crate) fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

pub(crate) fn wait_until_verified(collection: &Collection) {
    while collection.status().verifying {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Latencies in milliseconds at 50 calls a second until `done`, and at least `least` of them.
pub(crate) fn latencies_of(least: usize, done: &AtomicBool, mut work: impl FnMut()) -> Vec<f64> {
    let mut latencies = Vec::new();
    let started = Instant::now();
    while latencies.len() < least || !done.load(Ordering::Relaxed) {
        let due = Duration::from_millis(20 * latencies.len() as u64);
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        // From when it was due, so that a search which holds up the next ones is counted in full.
        let begun = started + due;
        work();
        latencies.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    latencies.sort_unstable_by(f64::total_cmp);
    latencies
}

/// Latencies of some work, and of doing nothing at the same times on another thread: what the machine itself adds when others
/// use it.
pub(crate) fn latencies_beside_nothing(
    least: usize,
    done: &AtomicBool,
    work: impl FnMut(),
) -> (Vec<f64>, Vec<f64>) {
    std::thread::scope(|scope| {
        let nothing = scope.spawn(|| latencies_of(least, done, || ()));
        let of_work = latencies_of(least, done, work);
        (of_work, nothing.join().expect("no panic"))
    })
}

/// The part of sorted latencies that is not above the result.
pub(crate) fn at(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}
