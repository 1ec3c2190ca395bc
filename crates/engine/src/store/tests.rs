//! The store against what its module promises. Vectors here are made up; models are tested elsewhere.

use std::collections::BTreeMap;

use cognate_corpus::{PaperId, identifier};
use cognate_vector::UnitVector;
use proptest::prelude::*;
use tempfile::TempDir;

use super::testing::{model, paper, put, vector_of};
use super::{Incoming, Outcome, Plan, Store, StoredModel};
use crate::error::EngineError;

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    (folder, store)
}

fn id(id: &str) -> PaperId {
    PaperId::new(id).unwrap()
}

#[test]
fn a_write_takes_a_generation_only_if_it_changes_something() {
    let (_folder, store) = store();
    let generation = || store.reader().unwrap().generation().unwrap();
    assert_eq!(generation(), 0);
    assert_eq!(put(&store, paper("a", "One", 2000)), Outcome::Added);
    assert_eq!(generation(), 1);
    assert_eq!(put(&store, paper("a", "One", 2000)), Outcome::Unchanged);
    assert_eq!(generation(), 1);
    assert_eq!(put(&store, paper("a", "One", 2001)), Outcome::Updated);
    assert_eq!(generation(), 2);
    let changes = store.reader().unwrap().vectors_since(1, 100).unwrap();
    assert!(changes.upserts.is_empty(), "another year is no other vector");
    assert_eq!(changes.generation, 2);
    assert!(store.delete(&id("a")).unwrap());
    assert!(!store.delete(&id("a")).unwrap());
    let changes = store.reader().unwrap().vectors_since(2, 100).unwrap();
    assert_eq!((changes.generation, changes.deletes), (3, vec![1]));
}

#[test]
fn a_deleted_paper_leaves_nothing_but_its_stamp() {
    let (folder, store) = store();
    put(&store, paper("a", "A secret title", 2000));
    store.delete(&id("a")).unwrap();
    let reader = store.reader().unwrap();
    assert!(reader.look_up(&identifier::lookup("a")).unwrap().is_empty());
    assert!(reader.look_up(&identifier::lookup("doi:10.5555/a")).unwrap().is_empty());
    let connection = rusqlite::Connection::open(folder.path().join(super::STORE_FILE)).unwrap();
    let left: (Option<String>, i64) = connection
        .query_row("SELECT title, (SELECT count(*) FROM vectors) FROM papers", [], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .unwrap();
    assert_eq!(left, (None, 0));
    assert_eq!(put(&store, paper("a", "A secret title", 2000)), Outcome::Added);
}

#[test]
fn a_text_changed_by_another_process_is_embedded_once_more() {
    let (folder, store) = store();
    put(&store, paper("a", "Old words", 2000));
    let incoming = Incoming::new(paper("a", "Old words", 2001)).unwrap();
    assert_eq!(store.plan(&incoming, &[]).unwrap(), Plan::Store);
    let other = Store::open(folder.path()).unwrap();
    put(&other, paper("a", "New words", 2000));
    assert_eq!(store.commit(&model(), &[(incoming, None)]).unwrap(), [Outcome::NeedsVector]);
}

#[test]
fn another_model_is_refused() {
    let (_folder, store) = store();
    put(&store, paper("a", "One", 2000));
    let other = StoredModel { precision: "int8".to_owned(), ..model() };
    let incoming = Incoming::new(paper("b", "Two", 2000)).unwrap();
    let vector = vector_of(&incoming.text);
    let error = store.commit(&other, &[(incoming, Some(vector))]).unwrap_err();
    assert!(matches!(error, EngineError::ModelMismatch { .. }));
    assert_eq!(store.reader().unwrap().n_papers().unwrap(), 1);
    let renamed = StoredModel { name: "moved".to_owned(), ..model() };
    assert!(renamed.is_compatible(&model()), "a folder may be renamed");
}

#[test]
fn vectors_are_swapped_only_when_all_are_there() {
    let (_folder, store) = store();
    for id in ["a", "b", "c"] {
        put(&store, paper(id, id, 2000));
    }
    let next = StoredModel { name: "next".to_owned(), weights_sha256: "11".repeat(32), ..model() };
    store.begin_reembedding(&next).unwrap();
    let pending = store.reader().unwrap().papers_to_reembed(2).unwrap();
    assert_eq!((pending.papers.len(), pending.n_left), (2, 3));
    let vectors = vec![UnitVector::normalize(vec![0.0, 1.0, 0.0]).unwrap(); 2];
    store.stage_vectors(&pending.papers, &vectors).unwrap();
    assert!(!store.finish_reembedding(&next).unwrap());
    // Begun again by the next run: what was gathered stays. A text changed meanwhile counts again.
    store.begin_reembedding(&next).unwrap();
    put(&store, paper("a", "other words", 2000));
    let pending = store.reader().unwrap().papers_to_reembed(9).unwrap();
    assert_eq!(pending.n_left, 2);
    store.stage_vectors(&pending.papers, &vectors).unwrap();
    assert!(store.finish_reembedding(&next).unwrap());
    let reader = store.reader().unwrap();
    assert_eq!(reader.model().unwrap().unwrap(), next);
    assert_eq!(reader.vector(2).unwrap().unwrap(), vectors[0]);
    let changes = reader.vectors_since(4, 100).unwrap();
    assert_eq!(changes.upserts.len(), 3, "every derived index hears of every vector");
}

/// One thing that may happen to a paper.
#[derive(Debug, Clone)]
enum Step {
    Put { id: u8, title: u8, year: i16 },
    Delete { id: u8 },
    CatchUp,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8, 0..3_u8, 2000..2003_i16).prop_map(|(id, title, year)| Step::Put { id, title, year }),
        2 => (0..6_u8).prop_map(|id| Step::Delete { id }),
        1 => Just(Step::CatchUp),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A derived index that asks for changes at any moments ends up with exactly the store's vectors,
    /// and the store with exactly what a plain map holds.
    #[test]
    fn whoever_asks_for_changes_misses_nothing(steps in steps()) {
        let (_folder, store) = store();
        let mut expected: BTreeMap<String, (String, i16)> = BTreeMap::new();
        let mut derived: BTreeMap<u32, UnitVector> = BTreeMap::new();
        let mut held = 0;
        for step in steps.into_iter().chain([Step::CatchUp]) {
            match step {
                Step::Put { id, title, year } => {
                    let (id, title) = (format!("p{id}"), format!("title {title}"));
                    put(&store, paper(&id, &title, year));
                    expected.insert(id, (title, year));
                }
                Step::Delete { id } => {
                    let id = format!("p{id}");
                    let was_there = store.delete(&PaperId::new(&*id).unwrap()).unwrap();
                    prop_assert_eq!(was_there, expected.remove(&id).is_some());
                }
                Step::CatchUp => {
                    let reader = store.reader().unwrap();
                    while held < reader.generation().unwrap() {
                        let changes = reader.vectors_since(held, 2).unwrap();
                        prop_assert!(changes.upserts.len() <= 3, "a write stamps one vector here");
                        held = changes.generation;
                        derived.extend(changes.upserts);
                        changes.deletes.iter().for_each(|row| { derived.remove(row); });
                    }
                }
            }
        }
        let reader = store.reader().unwrap();
        let mut found = BTreeMap::new();
        reader.for_each_paper(&mut |stored| {
            let text = crate::embedded_text(&stored.paper);
            assert_eq!(derived.get(&stored.row), reader.vector(stored.row).unwrap().as_ref());
            assert_eq!(
                reader.vector(stored.row).unwrap().unwrap().to_f16_le_bytes(),
                UnitVector::from_f16_le_bytes(&vector_of(&text).to_f16_le_bytes()).unwrap().to_f16_le_bytes()
            );
            found.insert(stored.paper.id.to_string(), (stored.paper.title.unwrap(), stored.paper.year.unwrap()));
            Ok(())
        }).unwrap();
        prop_assert_eq!(derived.len(), found.len());
        prop_assert_eq!(found, expected);
    }
}
