//! A reader beside the writer, and what either leaves behind.

use std::sync::atomic::{AtomicBool, Ordering};

use cognate_keyword::{Access, Changes, Document, KeywordError, KeywordIndex, KeywordOptions, Query};

use crate::support::{apply, document, matching, open, open_to_read, options};

#[test]
fn a_reader_sees_commits_when_it_reloads() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    let reader = open_to_read(&folder).unwrap();
    assert_eq!((reader.generation(), reader.reload().unwrap()), (0, false));
    let writer = open(&folder);
    apply(&writer, &[(1, document("alpha", ""))], &[], 3);
    assert_eq!(matching(&reader, "alpha"), [0; 0]);
    assert!(reader.reload().unwrap());
    assert_eq!((reader.generation(), matching(&reader, "alpha")), (3, vec![1]));
    assert!(!reader.reload().unwrap());

    let before = reader.snapshot();
    apply(&writer, &[(2, document("alpha", ""))], &[1], 4);
    writer.optimize().unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2 + 6, "two lists, and one segment's files");
    assert!(reader.reload().unwrap());
    assert_eq!((reader.generation(), matching(&reader, "alpha")), (4, vec![2]));
    // What was held stays as it was, though its files are gone.
    assert_eq!(before.search(&Query::parse("alpha"), 9, None).unwrap()[0].0, 1);
    assert!(matches!(reader.optimize(), Err(KeywordError::ReadOnly { .. })));
}

#[test]
fn a_reader_applies_changes_in_memory_and_takes_the_files_that_have_them() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path());
    apply(&writer, &[(1, document("alpha", "")), (2, document("alpha beta", ""))], &[], 3);
    let reader = open_to_read(dir.path()).unwrap();
    let in_memory = |index: &KeywordIndex| {
        let segments = index.status().segments;
        segments
            .iter()
            .filter(|segment| segment.name == "memory")
            .map(|segment| segment.n_rows)
            .sum::<usize>()
    };
    // New, replaced, deleted.
    apply(&reader, &[(3, document("alpha", "")), (2, document("gamma", ""))], &[1], 4);
    assert_eq!((matching(&reader, "alpha"), matching(&reader, "gamma")), (vec![3], vec![2]));
    assert_eq!((reader.generation(), in_memory(&reader)), (4, 2));
    apply(&reader, &[(3, document("delta", ""))], &[], 5);
    assert_eq!((matching(&reader, "alpha"), matching(&reader, "delta")), (vec![], vec![3]));
    // The files lack what is in memory: nothing is forgotten.
    apply(&writer, &[(3, document("alpha", "")), (2, document("gamma", ""))], &[1], 4);
    assert!(!reader.reload().unwrap());
    assert_eq!((reader.generation(), matching(&reader, "delta")), (5, vec![3]));
    apply(&writer, &[(3, document("delta", ""))], &[], 5);
    assert!(reader.reload().unwrap());
    assert_eq!((reader.generation(), matching(&reader, "delta"), in_memory(&reader)), (5, vec![3], 0));
    // Nothing that a reader did is in the files.
    drop(writer);
    assert_eq!(matching(&open(dir.path()), "delta"), [3]);
}

#[test]
fn memory_holds_few_segments_and_lets_go_where_the_files_are_newer() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path());
    let reader = open_to_read(dir.path()).unwrap();
    for generation in 1..600_u32 {
        let upserts: Vec<_> =
            (0..10).map(|n| (10 * generation + n, document(&format!("common w{generation}"), ""))).collect();
        apply(&reader, &upserts, &[], u64::from(generation));
        assert!(reader.status().segments.len() < 20, "{:?}", reader.status());
    }
    assert_eq!(matching(&reader, "common").len(), 5_990);
    apply(&writer, &[(10, document("common w1", ""))], &[], 1);
    assert!(reader.reload().unwrap(), "many rows are indexed again from the files' generation on");
    assert_eq!((reader.generation(), matching(&reader, "common")), (1, vec![10]));
}

#[test]
fn a_reader_reads_while_the_writer_commits_and_merges() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path());
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut last = 0;
            let mut n_reloads = 0;
            while !is_done.load(Ordering::Acquire) || n_reloads == 0 {
                // Opened anew as another process would, and reloaded as it would later.
                let reader = open_to_read(dir.path()).unwrap();
                for _ in 0..5 {
                    n_reloads += usize::from(reader.reload().unwrap());
                    let generation = reader.generation();
                    assert!(generation >= last);
                    last = generation;
                    // Generation g has rows 0 to g - 1.
                    let rows = matching(&reader, "common");
                    assert_eq!(rows, (0..generation as u32).collect::<Vec<_>>());
                }
            }
        });
        for generation in 1..120u32 {
            let upserts = [(generation - 1, document("common", &format!("w{generation}")))];
            apply(&writer, &upserts, &[], u64::from(generation));
        }
        is_done.store(true, Ordering::Release);
        reading.join().unwrap();
    });
    assert!(writer.status().segments.len() < 60, "{:?}", writer.status());
}

#[test]
fn changes_that_fail_are_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    apply(&index, &[(1, document("alpha", ""))], &[], 5);
    let upserts: Vec<Result<(u32, Document), std::io::Error>> =
        vec![Ok((2, document("alpha", ""))), Err(std::io::Error::other("the store is gone"))];
    let error = index.apply(Changes { upserts, deletes: vec![1], generation: 6 }).unwrap_err();
    assert!(matches!(error, KeywordError::Changes(_)), "{error}");
    assert_eq!((matching(&index, "alpha"), index.generation()), (vec![1], 5));
    let mut late = index.begin().unwrap();
    late.upsert(8, &document("alpha", "")).unwrap();
    assert!(matches!(late.commit(4), Err(KeywordError::GenerationBackwards { current: 5, found: 4 })));
    apply(&index, &[(3, document("alpha", ""))], &[], 6);
    assert_eq!(matching(&index, "alpha"), [1, 3]);
    drop(index);
    assert_eq!(matching(&open(dir.path()), "alpha"), [1, 3]);
}

#[test]
fn an_index_of_another_store_is_refused_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let other = KeywordOptions { binding: [8; 32], ..options(dir.path(), Access::Write) };
    let error = KeywordIndex::open(other.clone()).unwrap_err();
    assert!(matches!(error, KeywordError::OfAnother { .. }) && error.calls_for_rebuild(), "{error}");
    drop(KeywordIndex::create(other.clone()).unwrap());
    assert_eq!(KeywordIndex::open(other).unwrap().generation(), 0);
    assert!(open_to_read(dir.path()).unwrap_err().calls_for_rebuild());
}

#[test]
fn a_bulk_index_is_made_in_the_memory_given_and_dropping_does_not_wait_for_merges() {
    let dir = tempfile::tempdir().unwrap();
    let options = KeywordOptions { memory_budget: 15_000_000, ..KeywordOptions::new(dir.path(), [7; 32]) };
    let index = KeywordIndex::open(KeywordOptions { access: Access::Write, ..options }).unwrap();
    let upserts = (0..30_000u32).map(|row| {
        let words: Vec<String> =
            (0..20).map(|n| format!("w{}", row.wrapping_mul(2_654_435_761 + n) % 9973)).collect();
        Ok::<_, KeywordError>((row, document(&format!("common {row}"), &words.join(" "))))
    });
    index.apply(Changes { upserts, deletes: Vec::new(), generation: 1 }).unwrap();
    drop(index);
    let index = open_to_read(dir.path()).unwrap();
    assert_eq!(index.status().n_rows, 30_000);
    assert_eq!(index.snapshot().count(&Query::parse("common"), None).unwrap(), 30_000);
}
