//! The store against what its module promises. Vectors here are made up; models are tested elsewhere.

use std::collections::BTreeMap;

use cognate_corpus::{Paper, PaperId, Place, Record, identifier};
use cognate_vector::UnitVector;
use proptest::prelude::*;
use tempfile::TempDir;

use super::testing::{client, drop_for, model, paper, put, put_with, vector_of};
use super::{
    BringBack, Committed, INDEX_DIR, Incoming, NewDrop, Outcome, STORE_FILE, Session, Store, Vectors,
    text_hash,
};
use crate::error::EngineError;
use crate::stored_model::StoredModel;

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    (folder, store)
}

fn incoming(paper: Paper) -> Incoming {
    let place = Place { file: "test".into(), line: 1 };
    Incoming::new(Record::named(paper, place), &client()).unwrap()
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
fn a_store_that_was_cut_to_nothing_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(STORE_FILE);
    // Nothing is beside it yet: an empty file is as good as none.
    std::fs::write(&path, b"").unwrap();
    drop(Store::create(folder.path()).unwrap());
    let vectors = folder.path().join(INDEX_DIR).join("vectors");
    std::fs::create_dir_all(&vectors).unwrap();
    std::fs::write(vectors.join("manifest"), b"of papers").unwrap();
    drop(Store::open(folder.path()).unwrap());
    std::fs::write(&path, b"").unwrap();
    for opened in [Store::open(folder.path()), Store::create(folder.path())] {
        assert!(matches!(opened, Err(EngineError::EmptiedStore { .. })));
    }
    assert_eq!(path.metadata().unwrap().len(), 0, "it was left alone");
}

#[test]
fn space_is_given_back_while_others_read_and_when_they_are_done() {
    let (_folder, store) = store();
    for number in 0..300 {
        let mut paper = paper(&format!("p{number}"), &format!("Paper {number}"), 2000);
        paper.abstract_text = Some(format!("What paper {number} is about. ").repeat(60));
        put(&store, paper);
    }
    store.checkpoint();
    let len = || std::fs::metadata(store.path()).unwrap().len();
    let full = len();
    store.give_space_back();
    assert_eq!(len(), full, "nothing is empty");
    let reader = store.reader_as_of_now().unwrap();
    for number in 0..200 {
        assert!(store.delete(&id(&format!("p{number}"))).unwrap());
    }
    store.give_space_back();
    assert_eq!(reader.n_papers().unwrap(), 300, "who reads goes on reading what was there");
    let mut n_read = 0;
    let read: Result<(), EngineError> = reader.for_each_paper(&mut |_| {
        n_read += 1;
        Ok(())
    });
    read.unwrap();
    assert_eq!(n_read, 300);
    drop(reader);
    store.checkpoint();
    assert!(len() * 10 < full * 6, "{} of {full} bytes", len());
    let reader = store.reader().unwrap();
    assert_eq!(reader.n_papers().unwrap(), 100);
    assert!(!reader.look_up(&identifier::lookup("p250")).unwrap().is_empty());
    assert_eq!(put(&store, paper("p300", "One more", 2001)), Outcome::Added);
}

#[test]
fn a_deleted_paper_leaves_nothing_but_its_stamp() {
    let (_folder, store) = store();
    put(&store, paper("a", "A secret title", 2000));
    store.delete(&id("a")).unwrap();
    let reader = store.reader().unwrap();
    assert!(reader.look_up(&identifier::lookup("a")).unwrap().is_empty());
    assert!(reader.look_up(&identifier::lookup("doi:10.5555/a")).unwrap().is_empty());
    let connection = store.connection_for_tests();
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
    let mut session = Session::new(client(), &store).unwrap();
    let incoming = incoming(paper("a", "Old words", 2001));
    assert_eq!(store.plan(&mut session, &incoming).unwrap(), None);
    let other = Store::open(folder.path()).unwrap();
    put(&other, paper("a", "New words", 2000));
    let batch = [incoming];
    let waits = Committed::Waits(Some("Old words".to_owned()));
    assert_eq!(store.commit(&model(), &mut session, (&batch, &[])).unwrap(), [waits]);
    let vectors = Vectors::from([(text_hash("Old words"), vector_of("Old words"))]);
    let committed = store.commit(&model(), &mut session, (&batch, &[&vectors])).unwrap();
    assert!(matches!(&committed[..], [Committed::Done(fate)] if fate.outcome == Outcome::Updated));
}

#[test]
fn another_model_is_refused() {
    let (_folder, store) = store();
    put(&store, paper("a", "One", 2000));
    let other = StoredModel { precision: "int8".to_owned(), ..model() };
    let vectors = Vectors::from([(text_hash("Two"), vector_of("Two"))]);
    let mut session = Session::new(client(), &store).unwrap();
    let batch = [incoming(paper("b", "Two", 2000))];
    let error = store.commit(&other, &mut session, (&batch, &[&vectors])).unwrap_err();
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
    let pending = store.reader().unwrap().papers_to_reembed(0, 2).unwrap();
    assert_eq!((pending.len(), store.reader().unwrap().n_to_reembed().unwrap()), (2, 3));
    let vectors = vec![UnitVector::normalize(vec![0.0, 1.0, 0.0]).unwrap(); 2];
    store.stage_vectors(&pending, &vectors).unwrap();
    assert!(!store.finish_reembedding(&next).unwrap());
    // Begun again by the next run: what was gathered stays. A text changed meanwhile counts again.
    store.begin_reembedding(&next).unwrap();
    put(&store, paper("a", "other words", 2000));
    let pending = store.reader().unwrap().papers_to_reembed(0, 9).unwrap();
    assert_eq!(store.reader().unwrap().n_to_reembed().unwrap(), 2);
    store.stage_vectors(&pending, &vectors).unwrap();
    assert!(store.finish_reembedding(&next).unwrap());
    let reader = store.reader().unwrap();
    assert_eq!(reader.model().unwrap().unwrap(), next);
    assert_eq!(reader.vector(2).unwrap().unwrap(), vectors[0]);
    let changes = reader.vectors_since(4, 100).unwrap();
    assert_eq!(changes.upserts.len(), 3, "every derived index hears of every vector");
}

#[test]
fn a_dropped_paper_is_out_of_everything_and_comes_back_as_it_was() {
    let (folder, store) = store();
    put(&store, paper("a", "One", 2000));
    put(&store, paper("b", "One!", 2001));
    let whole = store.reader().unwrap().papers(&[2]).unwrap();
    let applied = drop_for(&store, &[("b", "a")]);
    assert_eq!((applied.run, &applied.dropped[..]), (Some(1), &[2][..]));
    let other = Store::open(folder.path()).unwrap();
    let reader = other.reader().unwrap();
    assert_eq!(reader.n_papers().unwrap(), 1);
    assert!(reader.papers(&[2]).unwrap().is_empty() && reader.ids(&[2]).unwrap().is_empty());
    assert!(reader.look_up(&identifier::lookup("doi:10.5555/b")).unwrap().is_empty());
    let vectors = reader.vectors_since(0, 100).unwrap();
    assert_eq!((vectors.upserts.len(), vectors.deletes), (1, vec![2]));
    assert_eq!(reader.attributes_since(2, 100).unwrap().deletes, [2]);
    let dropped = reader.look_up_dropped(&identifier::lookup("doi:10.5555/b")).unwrap().unwrap();
    assert_eq!((&*dropped.id, &*dropped.matched_to, &*dropped.reason), ("b", "a", "like a"));

    assert_eq!(put(&store, paper("b", "One!", 2001)), Outcome::Unchanged);
    assert_eq!(store.bring_back(&[BringBack::Run(1)]).unwrap(), 1);
    assert_eq!(store.bring_back(&[BringBack::Run(1)]).unwrap(), 0);
    let reader = other.reader().unwrap();
    assert_eq!(reader.papers(&[2]).unwrap(), whole);
    let vectors = reader.vectors_since(3, 100).unwrap();
    assert_eq!((vectors.generation, vectors.upserts.len(), vectors.upserts[0].0), (4, 1, 2));
    let run = &reader.drop_runs().unwrap()[0];
    assert_eq!((run.n_dropped, run.n_standing), (1, 0), "what was decided stays on record");
}

#[test]
fn a_changed_record_of_a_dropped_paper_waits_with_it() {
    let (_folder, store) = store();
    put(&store, paper("a", "One", 2000));
    put(&store, paper("b", "Two", 2000));
    drop_for(&store, &[("b", "a")]);
    assert_eq!(put(&store, paper("b", "Two", 2005)), Outcome::Updated);
    assert_eq!(put(&store, paper("b", "Other words", 2005)), Outcome::Updated);
    assert_eq!(store.reader().unwrap().n_papers().unwrap(), 1);
    store.bring_back(&[BringBack::Row(2)]).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.papers(&[2]).unwrap()[&2].paper.title.as_deref(), Some("Other words"));
    assert_eq!(reader.vectors_since(0, 100).unwrap().upserts.len(), 2);

    drop_for(&store, &[("b", "a")]);
    assert_eq!(put_with(&store, paper("b", "Other words", 2005), true), Outcome::Updated);
    assert_eq!(put_with(&store, paper("b", "Other words", 2005), true), Outcome::Unchanged);
    assert_eq!(store.reader().unwrap().n_papers().unwrap(), 2);
}

#[test]
fn a_drop_needs_both_papers_as_they_were_judged() {
    let (_folder, store) = store();
    for id in ["a", "b", "c"] {
        put(&store, paper(id, id, 2000));
    }
    let generation = || store.reader().unwrap().generation().unwrap();
    let of = |row, kept| NewDrop {
        row,
        kept,
        matched: kept,
        score: 0.9,
        probability: 0.9,
        kind: "semantic",
        reason: "a test".to_owned(),
    };
    let judged = generation();
    put(&store, paper("a", "another title", 2000));
    assert_eq!(store.apply("{}", judged, &[of(2, 1), of(1, 2)]).unwrap().run, None, "a changed");
    assert_eq!(generation(), 4, "and nothing was written");
    assert_eq!(store.apply("{}", 4, &[of(1, 1), of(1, 9), of(9, 1)]).unwrap().run, None);
    // In a chain, who was dropped just now may be the match; who stays may not.
    let by_chain = store.apply("{}", 4, &[of(2, 1), NewDrop { matched: 2, ..of(3, 1) }]).unwrap();
    assert_eq!((by_chain.dropped, by_chain.run), (vec![2, 3], Some(1)));
    store.bring_back(&[BringBack::Run(1)]).unwrap();
    assert_eq!(store.apply("{}", 4, &[of(2, 1)]).unwrap().run, None, "to come back is a change too");
    // In a ring, one stays.
    assert_eq!(store.apply("{}", generation(), &[of(1, 2), of(2, 3), of(3, 1)]).unwrap().dropped, [1, 2]);
    assert_eq!(store.reader().unwrap().n_papers().unwrap(), 1);
}

#[test]
fn who_stood_for_others_does_not_go_without_them() {
    let (_folder, store) = store();
    for id in ["a", "b", "c"] {
        put(&store, paper(id, id, 2000));
    }
    drop_for(&store, &[("b", "a"), ("c", "a")]);
    store.delete(&id("c")).unwrap();
    store.delete(&id("a")).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.n_papers().unwrap(), 1);
    assert_eq!(reader.ids(&[1, 2, 3]).unwrap()[&2], "b");
    assert_eq!(reader.n_dropped().unwrap(), 0);
}

#[test]
fn labels_are_of_pairs_in_either_order_and_outlive_the_papers() {
    let (_folder, store) = store();
    let labels = || {
        let labels = store.reader().unwrap().labels().unwrap();
        labels.into_iter().map(|label| (label.a, label.b, label.is_duplicate)).collect::<Vec<_>>()
    };
    for id in ["a", "b"] {
        put(&store, paper(id, id, 2000));
    }
    store.label(&id("b"), &id("a"), Some(true)).unwrap();
    assert_eq!(labels(), [("a".to_owned(), "b".to_owned(), true)]);
    drop_for(&store, &[("b", "a")]);
    let generation = || store.reader().unwrap().generation().unwrap();
    let before = generation();
    assert_eq!(store.label(&id("a"), &id("b"), Some(true)).unwrap(), 0);
    assert_eq!(generation(), before, "a label changes no paper");
    assert_eq!(store.label(&id("a"), &id("b"), Some(false)).unwrap(), 1, "no duplicate: it comes back");
    assert_eq!(store.reader().unwrap().n_papers().unwrap(), 2);
    assert_eq!(drop_for(&store, &[("b", "a")]).run, None, "and is not dropped again");
    store.delete(&id("a")).unwrap();
    assert_eq!(labels(), [("a".to_owned(), "b".to_owned(), false)]);
    store.label(&id("a"), &id("b"), None).unwrap();
    assert_eq!(labels(), []);
}

#[test]
fn dropped_papers_are_embedded_anew_too() {
    let (_folder, store) = store();
    put(&store, paper("a", "One", 2000));
    put(&store, paper("b", "Two", 2000));
    drop_for(&store, &[("b", "a")]);
    let next = StoredModel { name: "next".to_owned(), weights_sha256: "11".repeat(32), ..model() };
    store.begin_reembedding(&next).unwrap();
    let pending = store.reader().unwrap().papers_to_reembed(0, 9).unwrap();
    assert_eq!((pending.len(), store.reader().unwrap().n_to_reembed().unwrap()), (2, 2));
    let vectors = vec![UnitVector::normalize(vec![0.0, 1.0, 0.0]).unwrap(); 2];
    store.stage_vectors(&pending, &vectors).unwrap();
    assert!(store.finish_reembedding(&next).unwrap());
    assert_eq!(store.reader().unwrap().vectors_since(0, 9).unwrap().upserts.len(), 1);
    store.bring_back(&[BringBack::Run(1)]).unwrap();
    assert_eq!(store.reader().unwrap().vectors_since(0, 9).unwrap().upserts.len(), 2);
}

/// One thing that may happen to a paper.
#[derive(Debug, Clone)]
enum Step {
    Put { id: u8, title: u8, year: i16, restore: bool },
    Delete { id: u8 },
    Drop { id: u8, kept: u8 },
    Undo { id: u8 },
    CatchUp,
}

/// What a plain map holds of a paper.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    title: String,
    year: i16,
    dropped_for: Option<String>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8, 0..3_u8, 2000..2003_i16, any::<bool>())
            .prop_map(|(id, title, year, restore)| Step::Put { id, title, year, restore }),
        2 => (0..6_u8).prop_map(|id| Step::Delete { id }),
        2 => (0..6_u8, 0..6_u8).prop_map(|(id, kept)| Step::Drop { id, kept }),
        1 => (0..6_u8).prop_map(|id| Step::Undo { id }),
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
        let mut expected: BTreeMap<String, Expected> = BTreeMap::new();
        let mut derived: BTreeMap<u32, UnitVector> = BTreeMap::new();
        let mut held = 0;
        for step in steps.into_iter().chain([Step::CatchUp]) {
            match step {
                Step::Put { id, title, year, restore } => {
                    let (id, title) = (format!("p{id}"), format!("title {title}"));
                    put_with(&store, paper(&id, &title, year), restore);
                    let dropped_for =
                        expected.get(&id).and_then(|before| before.dropped_for.clone()).filter(|_| !restore);
                    expected.insert(id, Expected { title, year, dropped_for });
                }
                Step::Delete { id } => {
                    let id = format!("p{id}");
                    let was_there = store.delete(&PaperId::new(&*id).unwrap()).unwrap();
                    prop_assert_eq!(was_there, expected.remove(&id).is_some());
                    for paper in expected.values_mut().filter(|paper| paper.dropped_for.as_ref() == Some(&id)) {
                        paper.dropped_for = None;
                    }
                }
                Step::Drop { id, kept } => {
                    let (id, kept) = (format!("p{id}"), format!("p{kept}"));
                    drop_for(&store, &[(&id, &kept)]);
                    let is_there = |id| expected.get(id).is_some_and(|paper| paper.dropped_for.is_none());
                    if id != kept && is_there(&id) && is_there(&kept) {
                        expected.get_mut(&id).unwrap().dropped_for = Some(kept);
                    }
                }
                Step::Undo { id } => {
                    let id = format!("p{id}");
                    let dropped = store.reader().unwrap().dropped_paper(&PaperId::new(&*id).unwrap()).unwrap();
                    if let Some((row, _)) = dropped {
                        prop_assert_eq!(store.bring_back(&[BringBack::Row(row)]).unwrap(), 1);
                        expected.get_mut(&id).unwrap().dropped_for = None;
                    }
                }
                Step::CatchUp => {
                    let reader = store.reader().unwrap();
                    while held < reader.generation().unwrap() {
                        let changes = reader.vectors_since(held, 2).unwrap();
                        // Few papers: even a delete brings back five at most.
                        prop_assert!(changes.upserts.len() <= 8);
                        held = changes.generation;
                        derived.extend(changes.upserts);
                        changes.deletes.iter().for_each(|row| { derived.remove(row); });
                    }
                }
            }
        }
        let reader = store.reader().unwrap();
        let mut found = BTreeMap::new();
        reader.for_each_paper::<EngineError>(&mut |stored| {
            let text = crate::recipe::embedded_text(&stored.paper);
            assert_eq!(derived.get(&stored.row), reader.vector(stored.row).unwrap().as_ref());
            assert_eq!(
                reader.vector(stored.row).unwrap().unwrap().to_f16_le_bytes(),
                UnitVector::from_f16_le_bytes(&vector_of(&text).to_f16_le_bytes()).unwrap().to_f16_le_bytes()
            );
            found.insert(stored.paper.id.to_string(), Expected {
                title: stored.paper.title.unwrap(),
                year: stored.paper.year.unwrap(),
                dropped_for: None,
            });
            Ok(())
        }).unwrap();
        prop_assert_eq!(derived.len(), found.len());
        for dropped in reader.dropped(0, 100).unwrap() {
            prop_assert_eq!(expected.remove(&dropped.id).unwrap().dropped_for, Some(dropped.matched_to));
        }
        prop_assert_eq!(found, expected);
    }
}
