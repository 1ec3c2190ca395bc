//! The index against a map and a scan of it, through random changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cognate_keyword::{Document, Snapshot};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use roaring::RoaringBitmap;

use crate::support::{apply, open, open_to_read, query_of};

/// Numbers: the analysis leaves them as they are.
const VOCABULARY: u32 = 60;

#[test]
fn every_state_is_that_of_a_map_scanned_one_by_one() {
    for seed in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut model: BTreeMap<u32, Document> = BTreeMap::new();
        let mut index = open(dir.path());
        // Another process, which has the same changes in memory.
        let mut reader = open_to_read(dir.path()).unwrap();
        for generation in 1..20 {
            let upserts: Vec<(u32, Document)> = (0..rng.random_range(0..8))
                .map(|_| (rng.random_range(0..40), random_document(&mut rng)))
                .collect();
            let deletes: Vec<u32> = (0..rng.random_range(0..4)).map(|_| rng.random_range(0..45)).collect();
            // Again and again: a replay changes nothing.
            for _ in 0..rng.random_range(1..3) {
                apply(&index, &upserts, &deletes, generation);
            }
            deletes.iter().for_each(|row| drop(model.remove(row)));
            model.extend(upserts.clone());
            match rng.random_range(0..6) {
                0 => {
                    drop(index);
                    index = open(dir.path());
                }
                1 => index.optimize().unwrap(),
                2 => {
                    let mut abandoned = index.begin().unwrap();
                    abandoned.upsert(3, &random_document(&mut rng)).unwrap();
                    abandoned.delete(4).unwrap();
                }
                _ => {}
            }
            assert_eq!(index.generation(), generation);
            check(&model, &index.snapshot(), &mut rng);

            apply(&reader, &upserts, &deletes, generation);
            match rng.random_range(0..8) {
                0 => reader = open_to_read(dir.path()).unwrap(),
                1 => assert!(reader.reload().unwrap()),
                _ => {}
            }
            check(&model, &reader.snapshot(), &mut rng);
            let query = query_of(&format!("{} {}", random_word(&mut rng), random_word(&mut rng)));
            let answer = |snapshot: Arc<Snapshot>| snapshot.search(&query, 100, None).unwrap();
            assert_eq!(answer(reader.snapshot()), answer(index.snapshot()), "the same to the bit");
        }
    }
}

fn random_document(rng: &mut StdRng) -> Document {
    let mut text = |n| {
        let words: Vec<String> = (0..rng.random_range(0..n)).map(|_| random_word(rng)).collect();
        words.join(" ")
    };
    let (title, abstract_text, venue) = (text(8), text(32), text(3));
    Document { title, abstract_text, venue, authors: vec![text(3), text(3)], ..Document::default() }
}

/// The first are far more common than the last.
fn random_word(rng: &mut StdRng) -> String {
    let word = rng.random::<f32>().powi(2) * VOCABULARY as f32;
    format!("{}", word as u32)
}

fn check(model: &BTreeMap<u32, Document>, snapshot: &Arc<Snapshot>, rng: &mut StdRng) {
    assert_eq!(snapshot.rows(), model.keys().copied().collect::<Vec<_>>());
    for _ in 0..6 {
        let words: Vec<String> = (0..rng.random_range(1..7)).map(|_| random_word(rng)).collect();
        let phrase = (rng.random_range(0..3) == 0).then(|| random_phrase(model, rng));
        let text = match &phrase {
            Some(phrase) => format!("{} \"{}\"", words.join(" "), phrase.join(" ")),
            None => words.join(" "),
        };
        let query = query_of(&text);
        let expected = scan(model, &words, phrase.as_deref());
        let ranking = snapshot.rank(&query).unwrap();

        let found = ranking.top(1000, None);
        assert_eq!(found.len(), expected.len(), "{text}");
        assert!(found.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)), "{text}");
        for (row, score) in &found {
            let expected = expected[row];
            assert!((f64::from(*score) - expected).abs() < 1e-4 * expected.max(1.0), "{text}: {row}");
        }
        assert_eq!(ranking.count(None), expected.len() as u64);
        assert_eq!(ranking.matching(), expected.keys().copied().collect::<RoaringBitmap>());

        let allowed: RoaringBitmap = (0..60).filter(|_| rng.random()).collect();
        let of_allowed: Vec<(u32, f32)> =
            found.iter().copied().filter(|(row, _)| allowed.contains(*row)).collect();
        let top_k = rng.random_range(1..8);
        assert_eq!(ranking.count(Some(&allowed)), of_allowed.len() as u64);
        assert_eq!(ranking.top(top_k, None), found[..top_k.min(found.len())]);
        assert_eq!(ranking.top(top_k, Some(&allowed)), of_allowed[..top_k.min(of_allowed.len())]);

        let rows: Vec<u32> = (0..60).collect();
        let scores: HashMap<u32, f32> = found.iter().copied().collect();
        for (row, score) in rows.iter().zip(snapshot.score_rows(&query, &rows).unwrap()) {
            assert_eq!(score, scores.get(row).copied().unwrap_or(0.0));
        }
    }
}

/// Some words of a document in a row, or any.
fn random_phrase(model: &BTreeMap<u32, Document>, rng: &mut StdRng) -> Vec<String> {
    let documents: Vec<&Document> = model.values().collect();
    let text = documents.choose(rng).map_or("", |document| &document.abstract_text);
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() || rng.random_range(0..4) == 0 {
        return vec![random_word(rng), random_word(rng)];
    }
    let from = rng.random_range(0..words.len());
    words[from..(from + rng.random_range(1..4)).min(words.len())].to_vec()
}

/// The score of each row that matches, by the formula in the documentation.
fn scan(model: &BTreeMap<u32, Document>, words: &[String], phrase: Option<&[String]>) -> BTreeMap<u32, f64> {
    let (k1, b, title_weight) = (1.4, 0.6, 3.0);
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    let fields = |document: &Document| {
        let mut fields = vec![
            (title_weight, split(&document.title)),
            (1.0, split(&document.abstract_text)),
            (1.0, split(&document.venue)),
        ];
        fields.extend(document.authors.iter().map(|author| (1.0, split(author))));
        fields
    };
    let length = |document: &Document| {
        title_weight * split(&document.title).len() as f64 + split(&document.abstract_text).len() as f64
    };
    let frequency = |document: &Document, word: &String| -> f64 {
        let fields = fields(document);
        fields.iter().map(|(weight, words)| weight * words.iter().filter(|w| *w == word).count() as f64).sum()
    };
    let average = model.values().map(length).sum::<f64>() / model.len() as f64;
    let mut counts: BTreeMap<&String, f64> = BTreeMap::new();
    words.iter().chain(phrase.unwrap_or_default()).for_each(|word| *counts.entry(word).or_default() += 1.0);
    let mut scores = BTreeMap::new();
    for (row, document) in model {
        let mut score = 0.0;
        for (word, count) in &counts {
            let n_matching = model.values().filter(|other| frequency(other, word) > 0.0).count() as f64;
            let idf = (1.0 + (model.len() as f64 - n_matching + 0.5) / (n_matching + 0.5)).ln();
            let f = frequency(document, word);
            score +=
                count.sqrt() * idf * (k1 + 1.0) * f / (f + k1 * (1.0 - b + b * length(document) / average));
        }
        let has_phrase = phrase.is_none_or(|phrase| {
            fields(document).iter().any(|(_, words)| words.windows(phrase.len()).any(|at| at == phrase))
        });
        if score > 0.0 && has_phrase {
            scores.insert(*row, score);
        }
    }
    scores
}
