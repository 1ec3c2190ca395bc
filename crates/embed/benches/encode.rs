//! How many abstracts a second does the encoder embed, and how long does one query take?
//!
//! `cargo bench -p cognate-embed -- [--model NAME|DIR] [--texts N] [FILE]`
//!
//! FILE holds one JSON string or `{"text"}` a line; without it, the demo corpus is used. Texts are cut at
//! the model's own length. Beside each speed stands the lowest cosine to the same texts embedded one at a
//! time.
#![allow(clippy::print_stdout, reason = "the report is what this program is for")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "the bench ends at the first thing that fails")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cognate_embed::{Encoder, EncoderOptions, ModelFolder, ModelRoots, UnitVector};
use serde::Deserialize;

const ROUNDS: usize = 3;
const N_QUERIES: usize = 200;
/// About 12 tokens with the special ones.
const WORDS_A_QUERY: usize = 7;

struct Options {
    model: String,
    n_texts: usize,
    file: PathBuf,
}

impl Options {
    fn from_arguments() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut options = Self {
            model: "all-MiniLM-L6-v2".to_owned(),
            n_texts: 100,
            file: root.join("crates/cli/demo/corpus.jsonl"),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // Given by cargo.
                "--bench" => {}
                "--model" => options.model = arguments.next().expect("--model takes a value"),
                "--texts" => {
                    let n_texts = arguments.next().and_then(|value| value.parse().ok());
                    options.n_texts = n_texts.expect("--texts takes a number");
                }
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

fn main() {
    let options = Options::from_arguments();
    let mut roots = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")];
    roots.extend_from_slice(ModelRoots::from_environment().dirs());
    let folder = ModelFolder::locate(&options.model, &ModelRoots::new(roots))
        .unwrap_or_else(|error| panic!("{error}"));
    let loading = Instant::now();
    let encoder =
        Encoder::load(&folder, &EncoderOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let loading = loading.elapsed();
    let texts = read_texts(&options.file, options.n_texts);
    assert!(!texts.is_empty(), "{} holds no text", options.file.display());
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
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

    let queries: Vec<String> = texts
        .iter()
        .cycle()
        .take(N_QUERIES)
        .map(|text| text.split_whitespace().take(WORDS_A_QUERY).collect::<Vec<_>>().join(" "))
        .collect();
    let n_tokens: usize = queries.iter().map(|query| encoder.count_tokens(query)).sum();
    let mut times: Vec<Duration> = queries
        .iter()
        .map(|query| {
            let start = Instant::now();
            let _ = encoder.embed_queries(&[query]).unwrap();
            start.elapsed()
        })
        .collect();
    let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
    println!(
        "one query   p50 {p50:.2?}, p99 {p99:.2?} ({N_QUERIES} queries, {:.1} tokens each)",
        n_tokens as f64 / N_QUERIES as f64
    );
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or(std::env::consts::ARCH, |(_, name)| name);
    format!("{name}, {cores} threads")
}
