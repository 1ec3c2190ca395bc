//! How many abstracts a second does the encoder embed, and how long does one query take?
//!
//! `cargo bench -p cognate-embed -- [--model NAME|DIR] [--precision int8|f32] [--texts N] [FILE]`
//!
//! FILE holds one JSON string or `{"text"}` a line; without it, the demo corpus is used. Texts are cut at
//! the model's own length. Beside each speed stands the lowest cosine to the same texts embedded one at a
//! time. Where the system tells, texts for each second of CPU time are printed too: other programs on the
//! machine change those far less.
//!
//! With `--worker` it obeys `scripts/bench-embed`, which runs it in turn with other encoders: a line of
//! JSON on standard input, `{"texts":FILE,"vectors":FILE.npy|null}` or `{"queries":FILE}`, is answered by
//! one on standard output, `{"seconds","n_tokens"}` or `{"ms":[…]}`, with `"peak_mb"` in both.
#![allow(clippy::print_stdout, reason = "the report is what this program is for")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "the bench ends at the first thing that fails")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cognate_embed::{Encoder, EncoderOptions, ModelFolder, ModelRoots, Precision, UnitVector};
use serde::Deserialize;

const ROUNDS: usize = 3;
const N_QUERIES: usize = 200;
/// About 12 tokens with the special ones.
const WORDS_A_QUERY: usize = 7;

struct Options {
    model: String,
    precision: Precision,
    n_texts: usize,
    file: PathBuf,
    worker: bool,
}

impl Options {
    fn from_arguments() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut options = Self {
            model: "all-MiniLM-L6-v2".to_owned(),
            precision: Precision::default(),
            n_texts: 100,
            file: root.join("crates/cli/demo/corpus.jsonl"),
            worker: false,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} takes a value"));
            match argument.as_str() {
                // Given by cargo.
                "--bench" => {}
                "--worker" => options.worker = true,
                "--model" => options.model = value(),
                "--precision" => options.precision = value().parse().unwrap_or_else(|e| panic!("{e}")),
                "--texts" => options.n_texts = value().parse().expect("--texts takes a number"),
                file => options.file = PathBuf::from(file),
            }
        }
        options
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Text(String),
    Record { text: String },
}

fn read_texts(file: &Path, n_texts: usize) -> Vec<String> {
    let content = std::fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("{}: {error}; name a file", file.display()));
    let texts = content.lines().filter(|line| !line.trim().is_empty()).take(n_texts).map(|line| {
        match serde_json::from_str(line).expect("expected a JSON string or {\"text\"} on each line") {
            Line::Text(text) | Line::Record { text } => text,
        }
    });
    texts.collect()
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn main() {
    let options = Options::from_arguments();
    let mut roots = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")];
    roots.extend_from_slice(ModelRoots::from_environment().dirs());
    let folder = ModelFolder::locate(&options.model, &ModelRoots::new(roots))
        .unwrap_or_else(|error| panic!("{error}"));
    let loading = Instant::now();
    let chosen = EncoderOptions { precision: options.precision, ..EncoderOptions::default() };
    let encoder = Encoder::load(&folder, &chosen).unwrap_or_else(|error| panic!("{error}"));
    if options.worker {
        work(&encoder);
    } else {
        report(&encoder, loading.elapsed(), &read_texts(&options.file, options.n_texts));
    }
}

fn report(encoder: &Encoder, loading: Duration, texts: &[String]) {
    let texts = strs(texts);
    assert!(!texts.is_empty(), "expected at least one text");
    let n_tokens: usize = texts.iter().map(|text| encoder.count_tokens(text)).sum();
    let identity = encoder.identity();
    println!("machine     {}", machine());
    println!("model       {} {}, cut at {} tokens", identity.name, identity.precision, identity.max_tokens);
    println!("loading     {loading:.0?}");
    println!("texts       {}, {:.0} tokens each", texts.len(), n_tokens as f64 / texts.len() as f64);

    let alone: Vec<UnitVector> =
        texts.iter().flat_map(|text| encoder.embed_passages(&[text]).unwrap()).collect();
    let mut times = Vec::new();
    let mut lowest = 1.0_f32;
    let cpu_before = cpu_seconds();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let together = encoder.embed_passages(&texts).unwrap();
        times.push(start.elapsed());
        let cosines = alone.iter().zip(&together).map(|(a, b)| a.cosine(b));
        lowest = cosines.fold(lowest, f32::min);
    }
    let median = percentile(&mut times, 50).as_secs_f64();
    println!(
        "throughput  {:.1} texts/s, {:.0} tokens/s (median of {ROUNDS}); lowest cosine to one at a time {lowest:.7}",
        texts.len() as f64 / median,
        n_tokens as f64 / median
    );
    if let (Some(before), Some(after)) = (cpu_before, cpu_seconds()) {
        let rate = (texts.len() * ROUNDS) as f64 / (after - before);
        println!("            {rate:.1} texts for each second of CPU time");
    }
    let queries: Vec<String> = texts.iter().cycle().take(N_QUERIES).map(|text| query_of(text)).collect();
    let n_tokens: usize = queries.iter().map(|query| encoder.count_tokens(query)).sum();
    let mut times = query_times(encoder, &queries);
    let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
    println!(
        "one query   p50 {p50:.2?}, p99 {p99:.2?} ({N_QUERIES} queries, {:.1} tokens each)",
        n_tokens as f64 / N_QUERIES as f64
    );
}

fn query_of(text: &str) -> String {
    text.split_whitespace().take(WORDS_A_QUERY).collect::<Vec<_>>().join(" ")
}

fn query_times(encoder: &Encoder, queries: &[String]) -> Vec<Duration> {
    let time = |query: &String| {
        let start = Instant::now();
        let _ = encoder.embed_queries(&[query]).unwrap();
        start.elapsed()
    };
    queries.iter().map(time).collect()
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Request {
    Texts { texts: PathBuf, vectors: Option<PathBuf> },
    Queries { queries: PathBuf },
}

fn work(encoder: &Encoder) {
    for line in std::io::stdin().lines() {
        let request = serde_json::from_str(&line.unwrap()).expect("expected a request");
        let mut answer = match request {
            Request::Texts { texts, vectors } => {
                let texts = read_texts(&texts, usize::MAX);
                let texts = strs(&texts);
                let n_tokens: usize = texts.iter().map(|text| encoder.count_tokens(text)).sum();
                let start = Instant::now();
                let embedded = encoder.embed_raw(&texts).unwrap();
                let seconds = start.elapsed().as_secs_f64();
                if let Some(path) = vectors {
                    write_npy(&path, &embedded);
                }
                serde_json::json!({"seconds": seconds, "n_tokens": n_tokens})
            }
            Request::Queries { queries } => {
                let times = query_times(encoder, &read_texts(&queries, usize::MAX));
                let ms: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
                serde_json::json!({"ms": ms})
            }
        };
        answer["peak_mb"] = peak_mb().into();
        println!("{answer}");
        std::io::stdout().flush().unwrap();
    }
}

/// A NumPy array of little-endian f32 `[n, dim]`.
fn write_npy(path: &Path, vectors: &[UnitVector]) {
    let shape = (vectors.len(), vectors.first().map_or(0, UnitVector::dim));
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape:?}, }}");
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(vectors.iter().flat_map(|vector| vector.as_slice()).flat_map(|x| x.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// The most memory that this process has held, as Linux tells.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kb = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kb.trim().trim_end_matches(" kB").parse::<f64>().ok()? * 1024.0 / 1e6)
}

/// CPU time of all threads, as Linux tells.
fn cpu_seconds() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let statistics = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += statistics.split(' ').next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds / 1e9)
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or(std::env::consts::ARCH, |(_, name)| name);
    format!("{name}, {cores} threads")
}
