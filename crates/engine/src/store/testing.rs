//! Papers and made-up vectors for tests of what is derived from a store.

use cognate_corpus::{Paper, Place, paper_from_json};
use cognate_vector::UnitVector;
use serde_json::json;

use super::drops::Applied;
use super::{CommitOptions, Incoming, NewDrop, Outcome, Plan, Store};
use crate::stored_model::StoredModel;

pub(crate) fn model() -> StoredModel {
    StoredModel {
        name: "made-up".to_owned(),
        weights_sha256: "00".repeat(32),
        dim: 3,
        precision: "f32".to_owned(),
        max_tokens: 8,
        pooling: "mean".to_owned(),
        recipe: 1,
        query_prefix: String::new(),
        passage_prefix: String::new(),
    }
}

pub(crate) fn paper(id: &str, title: &str, year: i16) -> Paper {
    let record = json!({ "id": id, "title": title, "year": year, "doi": format!("10.5555/{id}") });
    paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap().paper
}

/// A vector that tells its text.
pub(crate) fn vector_of(text: &str) -> UnitVector {
    let sum: u32 = text.bytes().map(u32::from).sum();
    UnitVector::normalize(vec![1.0, text.len() as f32, (sum % 97) as f32]).unwrap()
}

/// Commits one paper as an ingestion does.
pub(crate) fn put(store: &Store, paper: Paper) -> Outcome {
    put_with(store, paper, CommitOptions::default())
}

/// As [`put`], with options.
pub(crate) fn put_with(store: &Store, paper: Paper, options: CommitOptions) -> Outcome {
    let incoming = Incoming::new(paper).unwrap();
    let plan = store.plan(&incoming, &[]).unwrap();
    let vector = (plan == Plan::Embed).then(|| vector_of(&incoming.text));
    store.commit(&model(), &[(incoming, vector)], options).unwrap()[0]
}

/// Drops papers in favour of others, by id.
pub(crate) fn drop_for(store: &Store, pairs: &[(&str, &str)]) -> Applied {
    let reader = store.reader().unwrap();
    let rows = reader.rows_of(pairs.iter().flat_map(|(id, kept)| [*id, *kept])).unwrap();
    let drops: Vec<NewDrop> = pairs
        .iter()
        .filter_map(|(id, kept)| {
            Some(NewDrop {
                row: *rows.get(*id)?,
                kept: *rows.get(*kept)?,
                matched: *rows.get(*kept)?,
                score: 0.98,
                probability: 0.99,
                kind: "near_text",
                reason: format!("like {kept}"),
            })
        })
        .collect();
    store.apply("{}", reader.generation().unwrap(), &drops).unwrap()
}
