//! How long searches, opening and indexing take over the abstracts of `arxiv-100k.jsonl.zst`.
//!
//! ```text
//! cargo bench --profile dev -p cognate-keyword --bench search [-- N_PAPERS]
//! ```
//!
//! Queries are made of the papers themselves: whole titles; sentences of 15 words; whole abstracts; and the
//! first words of a title as a phrase. Each is timed on one thread, after one round that is not.

#![allow(clippy::print_stdout, missing_docs, reason = "a program that prints")]

mod common;

use std::io::BufReader;
use std::time::{Duration, Instant};

use cognate_keyword::{Document, KeywordIndex, KeywordOptions, Query};
use roaring::RoaringBitmap;
use serde_json::Value;

const N_QUERIES: usize = 300;
const TOP_K: usize = 1000;

fn main() {
    let path = common::data_dir().join("arxiv-100k.jsonl.zst");
    let Ok(file) = std::fs::File::open(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let argument = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let n_papers: usize = argument.unwrap_or(100_000);
    let reader = zstd::stream::read::Decoder::new(file).expect("zstd");
    let lines = std::io::BufRead::lines(BufReader::new(reader));
    let read: Vec<Document> =
        lines.map(|line| document(&serde_json::from_str(&line.expect("text")).expect("JSON"))).collect();
    // More papers than there are: the same again, but for their words' order of rows.
    let papers: Vec<Document> = read.iter().cycle().take(n_papers).cloned().collect();

    let folder = tempfile::tempdir().expect("a folder");
    let started = Instant::now();
    let index = common::index_of(folder.path(), papers.iter().cloned());
    println!("{}, {} cores", cpu(), std::thread::available_parallelism().map_or(1, |n| n.get()));
    println!("{n_papers} papers indexed in {:.1} s", started.elapsed().as_secs_f64());
    report(&index, "after indexing", &papers);
    let started = Instant::now();
    index.optimize().expect("a merge");
    println!("merged into one segment in {:.1} s", started.elapsed().as_secs_f64());
    report(&index, "one segment", &papers);
    drop(index);
    for _ in 0..3 {
        let started = Instant::now();
        let opened = KeywordIndex::open(KeywordOptions::new(folder.path(), [0; 32])).expect("it opens");
        let taken = started.elapsed();
        println!("opened and checked in {:.0} ms", taken.as_secs_f64() * 1e3);
        drop(opened);
    }
}

fn report(index: &KeywordIndex, name: &str, papers: &[Document]) {
    let status = index.status();
    println!(
        "{name}: {} segments, {:.1} MB; top {TOP_K} of {N_QUERIES} queries, one thread",
        status.segments.len(),
        status.disk_bytes as f64 / 1e6
    );
    let step = papers.len() / N_QUERIES;
    let of = |make: &dyn Fn(&Document) -> String| -> Vec<String> {
        papers.iter().step_by(step).take(N_QUERIES).map(make).collect()
    };
    let sentence = |n: usize| {
        move |paper: &Document| paper.abstract_text.split_whitespace().take(n).collect::<Vec<_>>().join(" ")
    };
    let phrase = |paper: &Document| {
        let words: Vec<&str> = paper.title.split_whitespace().take(3).collect();
        format!("\"{}\" results", words.join(" ").replace('"', ""))
    };
    let every = |n: u32| -> RoaringBitmap { (0..papers.len() as u32).filter(|row| row % n == 0).collect() };
    let cases: [(&str, Vec<String>, Option<RoaringBitmap>); 7] = [
        ("titles", of(&|paper| paper.title.clone()), None),
        ("15 words", of(&sentence(15)), None),
        ("15 words, 50 % allowed", of(&sentence(15)), Some(every(2))),
        ("15 words, 1 % allowed", of(&sentence(15)), Some(every(100))),
        ("15 words, 0.1 % allowed", of(&sentence(15)), Some(every(1000))),
        ("abstracts, up to 200 words", of(&sentence(200)), None),
        ("a phrase of 3 words and one more", of(&phrase), None),
    ];
    for (name, texts, allowed) in cases {
        time(index, (name, &texts), allowed.as_ref());
    }
}

fn time(index: &KeywordIndex, (name, texts): (&str, &[String]), allowed: Option<&RoaringBitmap>) {
    let snapshot = index.snapshot();
    let mut times: Vec<Duration> = Vec::new();
    for round in 0..3 {
        for text in texts {
            let started = Instant::now();
            let query = Query::parse(text);
            let hits = snapshot.search(&query, TOP_K, allowed).expect("a search");
            if round > 0 {
                times.push(started.elapsed());
            }
            assert!(query.is_empty() || allowed.is_some() || !hits.is_empty(), "{text}");
        }
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("  {name:<34} p50 {:6.2} ms   p99 {:6.2} ms", at(0.5), at(0.99));
}

fn document(record: &Value) -> Document {
    let words = |field: &str, separator: char| -> Vec<String> {
        common::text(record, field).split(separator).map(|part| part.trim().to_owned()).collect()
    };
    Document {
        title: common::text(record, "title"),
        abstract_text: common::text(record, "abstract"),
        authors: words("authors", ','),
        categories: words("categories", ' '),
        venue: common::text(record, "journal-ref"),
        identifiers: vec![common::text(record, "id"), common::text(record, "doi")],
    }
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    name.unwrap_or("a processor").to_owned()
}
