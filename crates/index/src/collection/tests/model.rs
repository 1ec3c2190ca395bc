//! A long random life of a collection beside a plain map: changes, seals, merges, reopenings, faults
//! and kills. After each step the exact answers are those of the map.

use super::*;

/// The store: rows with the generation of their last change; a deleted row keeps one.
#[derive(Default)]
struct Store {
    rows: BTreeMap<u32, (u64, Option<UnitVector>)>,
    generation: u64,
}

impl Store {
    fn changes_since(&self, generation: u64) -> Changes {
        let mut changes = Changes { generation: self.generation, ..Changes::default() };
        for (&row, (changed, vector)) in &self.rows {
            match vector {
                _ if *changed <= generation => {}
                Some(vector) => changes.upserts.push((row, vector.clone())),
                None => changes.deletes.push(row),
            }
        }
        changes
    }

    fn live(&self) -> impl Iterator<Item = (&u32, &UnitVector)> {
        self.rows.iter().filter_map(|(row, (_, vector))| Some((row, vector.as_ref()?)))
    }
}

fn reopen(dir: &Path, store: &Store) -> Collection {
    // The files are of no layout.
    let layout = if store.generation.is_multiple_of(2) { Layout::Compact } else { Layout::Wide };
    let (collection, damage) = Collection::open(CollectionOptions { layout, ..options(dir, 4, 60) }).unwrap();
    assert!(damage.is_none(), "{damage:?}");
    assert!(collection.generation() <= store.generation);
    collection.apply(store.changes_since(collection.generation())).unwrap();
    collection
}

fn check(collection: &Collection, store: &Store, rng: &mut StdRng) {
    let snapshot = collection.snapshot();
    assert_eq!(snapshot.generation(), store.generation);
    assert_eq!(snapshot.len(), store.live().count());
    let query = coarse(rng);
    let k = rng.random_range(0..20);
    let exact = SearchParams { exact: true, ..SearchParams::new(k) };
    assert_eq!(snapshot.search(&query, &exact).unwrap().hits, expected(store.live(), &query, k));
    // By whichever way: no deleted row, and as many as there are.
    let found = snapshot.search(&query, &SearchParams { ef: Some(20), ..SearchParams::new(k) }).unwrap();
    assert!(found.hits.len() >= k.min(snapshot.len()));
    for hit in found.hits {
        let vector = store.rows[&hit.row].1.as_ref().expect("a row that lives");
        assert_eq!(hit.score, score(&query, vector));
    }
}

fn live(seed: u64, n_steps: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut store = Store::default();
    let mut collection = reopen(dir.path(), &store);
    let (mut n_reopened, mut n_faults, mut n_written) = (0, 0, 0);
    for step in 0..n_steps {
        match rng.random_range(0..100) {
            0..70 => {
                // Few rows, so that most changes replace or delete.
                store.generation += 1;
                let mut changes = Changes { generation: store.generation, ..Changes::default() };
                let touched: std::collections::BTreeSet<u32> =
                    (0..rng.random_range(1..6)).map(|_| rng.random_range(0..400)).collect();
                for row in touched {
                    if rng.random_range(0..3) == 0 {
                        changes.deletes.push(row);
                        store.rows.insert(row, (store.generation, None));
                    } else {
                        let vector = coarse(&mut rng);
                        changes.upserts.push((row, vector.clone()));
                        store.rows.insert(row, (store.generation, Some(vector)));
                    }
                }
                collection.apply(changes).unwrap();
            }
            70..78 => {
                collection.flush().unwrap();
                n_written += 1;
            }
            // As spilling does for many more rows.
            78..80 => collection.seal_with(&collection.pool(0).unwrap(), None).unwrap(),
            80..86 => drop(collection.maintain().unwrap()),
            86..88 => collection.optimize().unwrap(),
            88..94 => {
                // The next steps of writing fail, now and then as in a kill.
                let kills = rng.random_range(0..2) == 0;
                collection.folder.faults.fail_after(rng.random_range(0..16), kills);
                let failed = match rng.random_range(0..3) {
                    0 => collection.flush().is_err(),
                    1 => collection.optimize().is_err(),
                    _ => collection.maintain().is_err(),
                };
                n_faults += usize::from(failed);
                if kills && failed {
                    drop(collection);
                    collection = reopen(dir.path(), &store);
                } else {
                    collection.folder.faults.clear();
                }
            }
            _ => {
                drop(collection);
                collection = reopen(dir.path(), &store);
                n_reopened += 1;
            }
        }
        check(&collection, &store, &mut rng);
        if step % 100 == 0 {
            let n_files = std::fs::read_dir(dir.path()).unwrap().count();
            let n_segments = collection.status().segments.iter().filter(|s| s.name != "memory").count();
            assert!(n_files <= n_segments + 4, "{n_files} files, {n_segments} segments");
        }
    }
    assert!(n_reopened > n_steps / 40 && n_faults > n_steps / 60 && n_written > n_steps / 20);
}

#[test]
fn ten_thousand_steps() {
    live(20_261_124, 10_000);
}

/// Readers search while a writer changes, seals and merges: each snapshot is whole.
#[test]
fn snapshots_are_whole_while_segments_are_merged() {
    let dir = tempfile::tempdir().unwrap();
    let collection = Arc::new(open(dir.path(), 16, 200));
    let vectors = clustered(3, 1_000, 16, 10);
    upsert(&collection, numbered(&vectors));
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (collection, done, vectors) = (Arc::clone(&collection), Arc::clone(&done), &vectors);
            scope.spawn(move || {
                let mut rng = StdRng::seed_from_u64(seed);
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let snapshot = collection.snapshot();
                    // Every change deletes one row and adds one.
                    assert_eq!(snapshot.len(), 1_000);
                    let query = &vectors[rng.random_range(0..1_000)];
                    let exact = SearchParams { exact: true, ..SearchParams::new(1_000) };
                    assert_eq!(snapshot.search(query, &exact).unwrap().hits.len(), 1_000);
                    assert!(snapshot.search(query, &SearchParams::new(10)).unwrap().hits.len() >= 10);
                }
            });
        }
        let writer = scope.spawn(|| {
            for round in 0..40_u32 {
                for change in 0..10 {
                    let row = 10 * round + change;
                    let upserts = vec![(1_000 + row, vectors[row as usize].clone())];
                    let generation = collection.generation() + 1;
                    collection.apply(Changes { upserts, deletes: vec![row], generation }).unwrap();
                }
                if round % 5 == 0 { collection.optimize().unwrap() } else { collection.flush().unwrap() }
            }
        });
        writer.join().unwrap();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let reopened = open(dir.path(), 16, 200);
    assert_eq!((reopened.generation(), reopened.snapshot().len()), (collection.generation(), 1_000));
}
