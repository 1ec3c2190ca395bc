//! How well rows are ranked: nDCG@10 and Recall@100 of collections in BEIR's layout.
//!
//! ```text
//! cargo bench --profile dev -p cognate-keyword --bench quality -- [NAME=VALUE[,NAME=VALUE…]…]
//! ```
//!
//! Behind each mean is the probability that the queries would differ from those of the first scoring as much as
//! they do if the two were equally good (a randomisation test of pairs, 10,000 rounds).
//!
//! Each argument is a scoring to try, with the names of `Scoring`'s fields; none is the default alone.

#![allow(clippy::print_stdout, missing_docs, reason = "a program that prints")]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cognate_keyword::{Document, Query, Scoring, Snapshot};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

/// The collections: those on which to tune, then those that check that it carries over.
const COLLECTIONS: [(&str, &str); 5] =
    [("scifact", "train"), ("cranfield", "test"), ("cisi", "test"), ("vaswani", "test"), ("scifact", "test")];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let mut scorings: Vec<(String, Scoring)> =
        arguments.iter().map(|argument| (argument.clone(), parse(argument))).collect();
    if scorings.is_empty() {
        scorings.push(("default".to_owned(), Scoring::default()));
    }
    let mut rng = StdRng::seed_from_u64(1);
    let mut lines: Vec<String> = scorings.iter().map(|_| String::new()).collect();
    for (name, split) in COLLECTIONS {
        let dir = common::data_dir().join("beir").join(name);
        let Some(collection) = Collection::read(&dir, split) else {
            println!("skipped {name}: {} is not there", dir.display());
            continue;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let snapshot = common::index_of(folder.path(), collection.documents).snapshot();
        let mut first = None;
        for ((_, scoring), line) in scorings.iter().zip(&mut lines) {
            let snapshot = Arc::new((*snapshot).clone().with_scoring(*scoring));
            let (ndcg, recall) = measure(&snapshot, &collection.queries);
            let first = first.get_or_insert_with(|| ndcg.clone());
            let p = probability(first, &ndcg, &mut rng);
            line.push_str(&format!("  {name}/{split} {:.4} / {recall:.4} p={p:.3}", mean(&ndcg)));
        }
    }
    println!("nDCG@10 / Recall@100");
    for ((name, _), line) in scorings.iter().zip(&lines) {
        println!("{name:<40}{line}");
    }
}

/// The nDCG@10 of each query, and the mean Recall@100.
fn measure(snapshot: &Arc<Snapshot>, queries: &[Judged]) -> (Vec<f64>, f64) {
    let (mut ndcg, mut recall) = (Vec::new(), 0.0);
    for query in queries {
        let hits = snapshot.search(&Query::parse(&query.text), 100, None).expect("a search");
        let gains = hits.iter().map(|(row, _)| query.grades.get(row).copied().unwrap_or(0.0));
        let mut ideal: Vec<f64> = query.grades.values().copied().collect();
        ideal.sort_by(|a, b| b.total_cmp(a));
        ndcg.push(dcg(gains.clone().take(10)) / dcg(ideal.into_iter().take(10)));
        recall += gains.filter(|&gain| gain > 0.0).count() as f64 / query.grades.len() as f64;
    }
    (ndcg, recall / queries.len() as f64)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How often exchanging the two of each pair at random makes means that differ as much.
fn probability(a: &[f64], b: &[f64], rng: &mut StdRng) -> f64 {
    const N_ROUNDS: u32 = 10_000;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).filter(|d| *d != 0.0).collect();
    let found = differences.iter().sum::<f64>().abs();
    let n_as_large = (0..N_ROUNDS).filter(|_| {
        let sum: f64 = differences.iter().map(|d| if rng.random() { *d } else { -d }).sum();
        sum.abs() >= found - 1e-12
    });
    n_as_large.count() as f64 / f64::from(N_ROUNDS)
}

fn dcg(gains: impl Iterator<Item = f64>) -> f64 {
    gains.zip(2..).map(|(gain, rank)| gain / f64::from(rank).log2()).sum()
}

fn parse(argument: &str) -> Scoring {
    let mut scoring = Scoring::default();
    for setting in argument.split(',') {
        let (name, value) = setting.split_once('=').expect("NAME=VALUE");
        let field = match name {
            "k1" => &mut scoring.k1,
            "b" => &mut scoring.b,
            "title" => &mut scoring.title,
            "other" => &mut scoring.other,
            "compound" => &mut scoring.compound,
            "phrase" => &mut scoring.phrase,
            _ => &mut scoring.exact,
        };
        *field = value.parse().expect("a number");
    }
    scoring
}

/// A collection with judged queries.
struct Collection {
    documents: Vec<Document>,
    /// In order of id.
    queries: Vec<Judged>,
}

/// A query and the rows that answer it.
struct Judged {
    id: String,
    text: String,
    grades: HashMap<u32, f64>,
}

impl Collection {
    /// Reads a folder and the judgments of one split of it; `None` where it is not there.
    fn read(dir: &Path, split: &str) -> Option<Self> {
        let corpus = fs::read_to_string(dir.join("corpus.jsonl")).ok()?;
        let queries = fs::read_to_string(dir.join("queries.jsonl")).ok()?;
        let judgments = fs::read_to_string(dir.join("qrels").join(format!("{split}.tsv"))).ok()?;
        let (mut ids, mut documents) = (Vec::new(), Vec::new());
        for record in corpus.lines().map(json) {
            ids.push(common::text(&record, "_id"));
            let (title, abstract_text) = (common::text(&record, "title"), common::text(&record, "text"));
            documents.push(Document { title, abstract_text, ..Document::default() });
        }
        let rows: HashMap<&str, u32> = ids.iter().map(String::as_str).zip(0..).collect();
        let mut grades: BTreeMap<&str, HashMap<u32, f64>> = BTreeMap::new();
        for line in judgments.lines().skip(1) {
            let mut fields = line.split('\t');
            let (Some(query), Some(id), Some(grade)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            if let (Some(&row), Ok(grade)) = (rows.get(id), grade.trim().parse::<f64>())
                && grade > 0.0
            {
                grades.entry(query).or_default().insert(row, grade);
            }
        }
        let queries = queries.lines().map(json).filter_map(|record| {
            let id = common::text(&record, "_id");
            let grades = grades.remove(id.as_str())?;
            Some(Judged { text: common::text(&record, "text"), id, grades })
        });
        let mut queries: Vec<Judged> = queries.collect();
        queries.sort_by(|a, b| a.id.cmp(&b.id));
        Some(Self { documents, queries })
    }
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).expect("a line of JSON")
}
