//! Papers and made-up vectors for tests of what is derived from a store.

use cognate_corpus::{Paper, Place, Record, paper_from_json};
use cognate_vector::UnitVector;
use serde_json::json;

use super::drops::Applied;
use super::{
    Committed, Fate, Incoming, IngestPolicy, NewDrop, Outcome, RecordSource, Session, Store, Vectors,
    text_hash,
};
use crate::stored_model::StoredModel;

pub(crate) fn model() -> StoredModel {
    StoredModel {
        name: "made-up".to_owned(),
        weights_sha256: "00".repeat(32),
        head_sha256: String::new(),
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

/// Commits one paper as a client's record with this id.
pub(crate) fn put(store: &Store, paper: Paper) -> Outcome {
    put_with(store, paper, false)
}

/// As [`put`]; `restore` brings a dropped paper back.
pub(crate) fn put_with(store: &Store, paper: Paper, restore: bool) -> Outcome {
    let policy = IngestPolicy { restore, ..client() };
    let record = Record::named(paper, Place { file: "test".into(), line: 1 });
    fate_of(store, &mut Session::new(policy, store).unwrap(), record).outcome
}

/// How a client's records go in.
pub(crate) fn client() -> IngestPolicy {
    IngestPolicy { source: RecordSource::Stream("test"), whole: true, ..IngestPolicy::default() }
}

/// Commits one record.
pub(crate) fn fate_of(store: &Store, session: &mut Session, record: Record) -> Fate {
    take_in(store, session, vec![record]).remove(0)
}

/// Commits records as one batch of an ingestion; what became of each, in their order.
pub(crate) fn take_in(store: &Store, session: &mut Session, records: Vec<Record>) -> Vec<Fate> {
    let mut waiting: Vec<(usize, Incoming)> = Vec::new();
    let mut vectors = Vectors::new();
    for (at, record) in records.into_iter().enumerate() {
        let incoming = Incoming::new(record, &session.policy).unwrap();
        let text = store.plan(session, &incoming).unwrap();
        vectors.extend(text.iter().map(|text| (text_hash(text), vector_of(text))));
        waiting.push((at, incoming));
    }
    let mut fates: Vec<Option<Fate>> = waiting.iter().map(|_| None).collect();
    while !waiting.is_empty() {
        let (places, batch): (Vec<usize>, Vec<Incoming>) = waiting.into_iter().unzip();
        let committed = store.commit(&model(), session, (&batch, &[&vectors])).unwrap();
        waiting = Vec::new();
        for ((at, incoming), committed) in places.into_iter().zip(batch).zip(committed) {
            match committed {
                Committed::Done(fate) => fates[at] = Some(fate),
                Committed::Waits(text) => {
                    vectors.extend(text.iter().map(|text| (text_hash(text), vector_of(text))));
                    waiting.push((at, incoming));
                }
            }
        }
    }
    fates.into_iter().map(Option::unwrap).collect()
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
