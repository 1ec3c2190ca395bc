use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use cognate_vector::Scored;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use roaring::RoaringBitmap;

use super::*;
use crate::segment::cosine;
use crate::testing::{clustered, coarse, numbered, vector};

const BINDING: [u8; 32] = [9; 32];

fn options(dir: &Path, dim: usize, graph_from: usize) -> CollectionOptions {
    CollectionOptions {
        access: Access::Write,
        build: BuildParams { slice: 100, slots: 24, ..BuildParams::default() },
        build_threads: Some(2),
        graph_from: Some(graph_from),
        // Of a few hundred rows, so that larger seals are of several segments.
        memory_budget: Some(2_000_000),
        ..CollectionOptions::new(dir, BINDING, dim)
    }
}

pub(super) fn open(dir: &Path, dim: usize, graph_from: usize) -> Collection {
    let (collection, damage) = Collection::open(options(dir, dim, graph_from)).unwrap();
    assert!(damage.is_none(), "{damage:?}");
    collection
}

pub(super) fn upsert(collection: &Collection, rows: Vec<(u32, UnitVector)>) {
    let generation = collection.generation() + 1;
    collection.apply(Changes { upserts: rows, deletes: vec![], generation }).unwrap();
}

/// The score of a row, made without the index.
fn score(query: &UnitVector, row: &UnitVector) -> f32 {
    let bytes = row.f16_le_bytes_of_rounded().unwrap();
    let values: Vec<f16> = bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect();
    cosine(query.as_slice(), &values).unwrap()
}

/// The `k` best rows of a map and those that tie with the last.
pub(super) fn expected<'a>(
    rows: impl Iterator<Item = (&'a u32, &'a UnitVector)>,
    query: &UnitVector,
    k: usize,
) -> Vec<Scored> {
    let mut scored: Vec<Scored> = rows.map(|(&row, v)| Scored { row, score: score(query, v) }).collect();
    scored.sort_unstable_by(|a, b| b.cmp(a));
    let bar = if k == 0 { 2.0 } else { scored.get(k - 1).map_or(-2.0, |last| last.score) };
    scored.retain(|hit| hit.score >= bar);
    scored
}

#[test]
fn exact_answers_equal_those_of_a_plain_map() {
    let mut rng = StdRng::seed_from_u64(1);
    let spiky = |rng: &mut StdRng| {
        let mut components: Vec<f32> = (0..40).map(|_| rng.random::<f32>() - 0.5).collect();
        components[rng.random_range(0..40)] = 8.0 * rng.random::<f32>();
        vector(&components)
    };
    let shapes: [Vec<UnitVector>; 3] = [
        clustered(2, 3_000, 24, 20),
        (0..3_000).map(|_| coarse(&mut rng)).collect(),
        (0..3_000).map(|_| spiky(&mut rng)).collect(),
    ];
    for vectors in shapes {
        let dir = tempfile::tempdir().unwrap();
        let (rows, queries) = vectors.split_at(2_950);
        let map: BTreeMap<u32, UnitVector> = numbered(rows).into_iter().collect();
        let collection = open(dir.path(), rows[0].dim(), 500);
        upsert(&collection, numbered(rows)[..1_000].to_vec());
        collection.flush().unwrap();
        upsert(&collection, numbered(rows)[1_000..].to_vec());
        let snapshot = collection.snapshot();
        let allowed: RoaringBitmap = (0..2_900).filter(|row| row % 7 < 3).collect();
        let few: RoaringBitmap = [1, 5, 999, 1_000, 2_949, 5_000].into_iter().collect();
        for k in [0, 1, 10, 700, 5_000] {
            let exact = SearchParams { exact: true, ..SearchParams::new(k) };
            let many = snapshot.search_many(queries, &exact).unwrap();
            for (query, many) in queries.iter().zip(many) {
                assert_eq!(many.path, SearchPath::Exact);
                assert_eq!(many.hits, expected(map.iter(), query, k));
                assert_eq!(snapshot.search(query, &exact).unwrap(), many);
                for allowed in [&allowed, &few] {
                    let params = SearchParams { allowed: Some(allowed), ..exact };
                    let wanted = expected(map.iter().filter(|(row, _)| allowed.contains(**row)), query, k);
                    assert_eq!(snapshot.search(query, &params).unwrap().hits, wanted);
                }
            }
        }
        for query in queries {
            for min_score in [-1.0, 0.2, 0.7, 1.0] {
                let mut wanted = expected(map.iter(), query, map.len());
                wanted.retain(|hit| hit.score >= min_score);
                for among in [None, Some(&allowed)] {
                    let mut wanted = wanted.clone();
                    wanted.retain(|hit| among.is_none_or(|among| among.contains(hit.row)));
                    assert_eq!(snapshot.count_at_least(query, min_score, among).unwrap(), wanted.len());
                    let found = snapshot.at_least(query, min_score, among).unwrap();
                    assert_eq!(found.len(), wanted.len());
                    assert!(found.eq(wanted));
                }
            }
        }
        for (row, vector) in map.iter().take(50) {
            assert_eq!(snapshot.vector(*row).unwrap().as_ref(), Some(vector));
            assert_eq!(snapshot.score(&queries[0], *row).unwrap(), Some(score(&queries[0], vector)));
        }
        assert_eq!(snapshot.vector(99_999).unwrap(), None);
    }
}

#[test]
fn all_pairs_and_all_neighbours_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = clustered(4, 1_500, 16, 30);
    let collection = open(dir.path(), 16, 1_000);
    // Later rows on disk, earlier ones in memory: pairs are in order of rows all the same.
    let rows: Vec<(u32, UnitVector)> =
        numbered(&vectors).into_iter().map(|(row, v)| (5_000 - 3 * row, v)).collect();
    upsert(&collection, rows[..1_200].to_vec());
    collection.flush().unwrap();
    upsert(&collection, rows[1_200..].to_vec());
    let snapshot = collection.snapshot();
    let map: BTreeMap<u32, UnitVector> = rows.into_iter().collect();
    let mut wanted = Vec::new();
    for (i, a) in &map {
        for (j, b) in map.range(i + 1..) {
            let score = score(a, b);
            if score >= 0.9 {
                wanted.push((*i, *j, score));
            }
        }
    }
    assert!(wanted.len() > 100);
    assert_eq!(snapshot.pairs_at_least(0.9).unwrap(), wanted);

    // Those with a row of some; those that are asked for; and for as long as is asked for.
    let some: RoaringBitmap = map.keys().copied().filter(|row| row % 7 == 0).collect();
    let done = Mutex::new(Vec::new());
    let goes_on = |part: f64| {
        done.lock().unwrap().push(part);
        true
    };
    let of_some = |rows, is_wanted| {
        snapshot.pairs(&Wanted { min_score: 0.9, rows, is_wanted, goes_on: &goes_on }).unwrap()
    };
    let with_some: Vec<_> =
        wanted.iter().copied().filter(|(i, j, _)| some.contains(*i) || some.contains(*j)).collect();
    assert!(with_some.len() > 20 && with_some.len() < wanted.len());
    assert_eq!(of_some(Some(&some), &|_, _, _| true), with_some);
    let odd: Vec<_> = wanted.iter().copied().filter(|(i, j, _)| (i + j) % 2 == 1).collect();
    assert_eq!(of_some(None, &|i, j, _| (i + j) % 2 == 1), odd);
    let done = done.into_inner().unwrap();
    assert!(done.iter().all(|part| *part > 0.0 && *part <= 1.0) && done.contains(&1.0), "{done:?}");
    let n_asked = AtomicUsize::new(0);
    let goes_on = |_: f64| {
        n_asked.fetch_add(1, Ordering::Relaxed);
        false
    };
    snapshot
        .pairs(&Wanted { min_score: 0.9, rows: None, is_wanted: &|_, _, _| true, goes_on: &goes_on })
        .unwrap();
    assert!(n_asked.into_inner() <= rayon::current_num_threads(), "each thread stops at once");

    let graph = snapshot.knn_graph(&SearchParams { exact: true, ..SearchParams::new(5) }).unwrap();
    assert_eq!(graph.len(), map.len());
    for (row, neighbours) in graph.iter() {
        let others = map.iter().filter(|(other, _)| **other != row);
        let mut wanted = expected(others, &map[&row], 5);
        wanted.truncate(5);
        assert_eq!(neighbours, wanted);
        assert_eq!(graph.neighbours(row).unwrap(), wanted);
    }
    let walked = snapshot.knn_graph(&SearchParams::new(5)).unwrap();
    let n_same: usize = walked
        .iter()
        .zip(graph.iter())
        .map(|(a, b)| a.1.iter().filter(|hit| b.1.contains(hit)).count())
        .sum();
    assert!(n_same * 100 >= 5 * map.len() * 97, "{n_same}");
}

#[test]
fn walks_have_a_floor_of_recall_and_never_under_return() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = clustered(7, 20_200, 32, 200);
    let (rows, queries) = vectors.split_at(20_000);
    let collection = open(dir.path(), 32, 2_000);
    for part in numbered(rows).chunks(5_000) {
        upsert(&collection, part.to_vec());
        collection.flush().unwrap();
    }
    collection.optimize().unwrap();
    assert_eq!(collection.status().segments.len(), 1);
    let snapshot = collection.snapshot();
    let mut map: BTreeMap<u32, UnitVector> = numbered(rows).into_iter().collect();
    let check =
        |snapshot: &Snapshot, map: &BTreeMap<u32, UnitVector>, allowed: Option<&RoaringBitmap>, path| {
            let params = SearchParams { allowed, ef: Some(64), ..SearchParams::new(10) };
            let (mut n_found, mut n_wanted) = (0, 0);
            for query in queries {
                let found = snapshot.search(query, &params).unwrap();
                assert_eq!(found.path, path);
                let is_allowed = |row: &u32| allowed.is_none_or(|allowed| allowed.contains(*row));
                let wanted = expected(map.iter().filter(|(row, _)| is_allowed(row)), query, 10);
                assert!(found.hits.len() >= 10.min(wanted.len()), "{} of {}", found.hits.len(), wanted.len());
                for hit in &found.hits {
                    assert!(is_allowed(&hit.row));
                    assert_eq!(hit.score, score(query, &map[&hit.row]));
                }
                n_wanted += wanted.len();
                n_found += wanted.iter().filter(|hit| found.hits.contains(hit)).count();
            }
            assert!(n_found * 100 >= n_wanted * 97, "{n_found} of {n_wanted}");
        };
    check(&snapshot, &map, None, SearchPath::Hnsw);
    let half: RoaringBitmap = (0..20_000).filter(|row| row % 2 == 0).collect();
    check(&snapshot, &map, Some(&half), SearchPath::FilteredHnsw);
    let few: RoaringBitmap = (0..20_000).filter(|row| row % 100 == 0).collect();
    check(&snapshot, &map, Some(&few), SearchPath::Exact);
    let five: RoaringBitmap = [3, 9, 27, 81, 243].into_iter().collect();
    check(&snapshot, &map, Some(&five), SearchPath::Exact);

    // A tenth dies, among them whole clusters, and others come.
    let deletes: Vec<u32> = (0..2_000).map(|row| row * 9).collect();
    deletes.iter().for_each(|row| drop(map.remove(row)));
    let generation = collection.generation() + 1;
    collection.apply(Changes { upserts: vec![], deletes, generation }).unwrap();
    let fresh: Vec<(u32, UnitVector)> = (30_000..).zip(queries[..50].iter().cloned()).collect();
    map.extend(fresh.clone());
    upsert(&collection, fresh);
    check(&collection.snapshot(), &map, None, SearchPath::Hnsw);
    for (row, query) in (30_000..).zip(&queries[..50]) {
        assert_eq!(collection.snapshot().search(query, &SearchParams::new(1)).unwrap().hits[0].row, row);
    }
}

#[test]
fn spilled_changes_are_on_disk_and_get_a_graph_later() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = clustered(8, 1_000, 16, 10);
    let small = || CollectionOptions { memory_budget: Some(100_000), ..options(dir.path(), 16, 300) };
    let (collection, _) = Collection::open(small()).unwrap();
    let rows = numbered(&vectors);
    upsert(&collection, rows[..200].to_vec());
    assert!(!collection.spill().unwrap(), "200 rows of 100 bytes");
    upsert(&collection, rows[200..900].to_vec());
    assert!(collection.spill().unwrap());
    assert!(!collection.spill().unwrap());
    let status = collection.status();
    assert_eq!((status.generation_on_disk, status.n_rows), (2, 900));
    assert!(status.segments.len() == 1 && status.segments[0].is_on_disk && !status.segments[0].has_graph);
    // What comes now waits with the others.
    upsert(&collection, rows[900..].to_vec());
    collection.flush().unwrap();
    assert!(collection.status().segments.iter().all(|segment| !segment.has_graph));
    drop(collection);

    let collection = open(dir.path(), 16, 300);
    assert_eq!(collection.generation(), 3);
    let exact = SearchParams { exact: true, ..SearchParams::new(7) };
    let map: BTreeMap<u32, UnitVector> = rows.into_iter().collect();
    let wanted = expected(map.iter(), &vectors[5], 7);
    assert_eq!(collection.snapshot().search(&vectors[5], &exact).unwrap().hits, wanted);
    while collection.maintain().unwrap() != Maintained::Nothing {}
    let segments = collection.status().segments;
    assert!(segments.iter().all(|segment| segment.has_graph || segment.n_rows < 300), "{segments:?}");
    assert_eq!(collection.snapshot().search(&vectors[5], &exact).unwrap().hits, wanted);
    let (reader, _) = Collection::open(CollectionOptions::new(dir.path(), BINDING, 16)).unwrap();
    assert!(!reader.spill().unwrap());
    drop((collection, reader));

    // With graphs, so many segments as the budget asks for.
    let other = tempfile::tempdir().unwrap();
    let small = CollectionOptions { memory_budget: Some(100_000), ..options(other.path(), 16, 10) };
    let (collection, _) = Collection::open(small).unwrap();
    upsert(&collection, numbered(&vectors)[..100].to_vec());
    collection.flush().unwrap();
    let status = collection.status();
    assert_eq!((status.n_rows, status.segments.len()), (100, 4), "100,000 bytes build 25 rows");
    assert!(status.segments.iter().all(|segment| segment.has_graph && segment.n_rows == 25));
    let map: BTreeMap<u32, UnitVector> = numbered(&vectors).into_iter().take(100).collect();
    let wanted = expected(map.iter(), &vectors[5], 7);
    assert_eq!(collection.snapshot().search(&vectors[5], &exact).unwrap().hits, wanted);
}

/// The same rows in the same order, whatever came between and on however many threads: the same file, and the same
/// answers to queries on its graph. `COGNATE_TEST_ROWS` is for as many rows as a collection of papers has.
#[test]
fn optimized_collections_are_the_same_to_the_bit() {
    let n: usize = std::env::var("COGNATE_TEST_ROWS").map_or(600, |n| n.parse().unwrap());
    let mut vectors = clustered(9, n + 1_000, 16, 20);
    let queries = vectors.split_off(n);
    let rows = numbered(&vectors);
    // It has the largest component, and is no more when the file is written.
    let spike: Vec<f32> = (0..16).map(|at| if at == 3 { 1.0 } else { 0.01 }).collect();
    let built = |n_threads: usize, portion: usize| {
        let dir = tempfile::tempdir().unwrap();
        let options = CollectionOptions {
            build_threads: Some(n_threads),
            build: BuildParams { slice: 100.max(n / 20), ..options(dir.path(), 16, 100).build },
            memory_budget: Some(2_000_000.max(5_000 * n as u64)),
            ..options(dir.path(), 16, 100)
        };
        let (collection, _) = Collection::open(options).unwrap();
        if portion < n {
            upsert(&collection, vec![(5, vector(&spike))]);
        }
        for rows in rows.chunks(portion) {
            upsert(&collection, rows.to_vec());
            if portion < n {
                collection.flush().unwrap();
                collection.maintain().unwrap();
            }
        }
        collection.optimize().unwrap();
        let [segment] = &collection.status().segments[..] else { panic!("more than one segment") };
        assert!(segment.has_graph);
        let snapshot = collection.snapshot();
        // So narrow that a few hundred rows are walked on, not scanned.
        let params = SearchParams { ef: Some(8), ..SearchParams::new(5) };
        let answers: Vec<Found> =
            queries.iter().map(|query| snapshot.search(query, &params).unwrap()).collect();
        assert!(answers.iter().all(|found| found.path == SearchPath::Hnsw && found.hits.len() >= 5));
        (std::fs::read(dir.path().join(&segment.name)).unwrap(), answers)
    };
    let (file, answers) = built(1, n);
    for (n_threads, portion) in [(2, n), (3, n / 3)] {
        let (other_file, other_answers) = built(n_threads, portion);
        assert!(other_answers == answers, "{n_threads} threads, {portion} at a time");
        assert!(other_file == file, "{n_threads} threads, {portion} at a time");
    }
}

#[test]
fn bad_changes_are_refused_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let collection = open(dir.path(), 4, 100);
    let (a, b) = (vector(&[1.0, 0.0, 0.0, 0.0]), vector(&[0.0, 1.0, 0.5, 0.0]));
    collection.apply(Changes { upserts: vec![(3, a.clone())], deletes: vec![], generation: 5 }).unwrap();
    let check = |upserts, deletes, generation, named: &str| {
        let error = collection.apply(Changes { upserts, deletes, generation }).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    };
    check(vec![(1, a.clone()), (1, b.clone())], vec![], 6, "at most once");
    check(vec![(1, a.clone())], vec![1], 6, "at most once");
    check(vec![(1, a.clone())], vec![], 4, "generation 5 or later");
    check(vec![(1, vector(&[1.0, 0.0]))], vec![], 6, "4 components");
    let odd = UnitVector::normalize(vec![0.1234567, 0.7654321, 0.333333, 0.99]).unwrap();
    check(vec![(1, odd)], vec![], 6, "f16");
    assert_eq!((collection.generation(), collection.snapshot().len()), (5, 1));
    assert!(matches!(
        collection.snapshot().search(&vector(&[1.0, 0.0]), &SearchParams::new(1)),
        Err(IndexError::Dimension { expected: 4, found: 2 })
    ));
    drop(collection);
    let (reader, _) = Collection::open(CollectionOptions::new(dir.path(), BINDING, 4)).unwrap();
    assert!(matches!(reader.flush(), Err(IndexError::ReadOnly)));
    assert!(matches!(reader.optimize(), Err(IndexError::ReadOnly)));
    assert_eq!(reader.maintain().unwrap(), Maintained::Nothing);
}

#[test]
fn damage_makes_a_collection_begin_empty() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = clustered(1, 300, 8, 4);
    let fill = || {
        let collection = open(dir.path(), 8, 100);
        if collection.generation() == 0 {
            upsert(&collection, numbered(&vectors));
            collection.flush().unwrap();
        }
    };
    fill();
    let files =
        || -> Vec<PathBuf> { std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect() };
    assert_eq!(files().len(), 2);
    for file in files() {
        let whole = std::fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(97) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&file, &bytes).unwrap();
            // To be read, so that the damaged files stay.
            let (collection, found) =
                Collection::open(CollectionOptions::new(dir.path(), BINDING, 8)).unwrap();
            if found.is_some() {
                assert_eq!((collection.generation(), collection.snapshot().len()), (0, 0), "{found:?}");
                continue;
            }
            while collection.status().verifying && collection.damage().is_none() {
                std::thread::yield_now();
            }
            assert!(collection.damage().is_some(), "byte {at} of {}", file.display());
            let searched = collection.snapshot().search(&vectors[0], &SearchParams::new(1));
            assert!(matches!(searched, Err(IndexError::FoundDamaged(_))));
        }
        std::fs::remove_file(&file).unwrap();
        let (collection, found) = Collection::open(options(dir.path(), 8, 100)).unwrap();
        // Without its list, a collection is new; without a segment, it is damaged.
        assert_eq!(found.is_some(), file.file_name().unwrap() != "manifest");
        assert_eq!(collection.generation(), 0);
        assert!(files().is_empty(), "leftovers are removed: {:?}", files());
        fill();
    }
    let later = CollectionOptions { latest_generation: 0, ..CollectionOptions::new(dir.path(), BINDING, 8) };
    let (collection, found) = Collection::open(later).unwrap();
    assert_eq!(collection.snapshot().len(), 0);
    assert!(matches!(found, Some(IndexError::GenerationAhead { expected: 0, found: 1, .. })));
    let (_, found) = Collection::open(CollectionOptions::new(dir.path(), [1; 32], 8)).unwrap();
    assert!(matches!(found, Some(IndexError::OfAnotherStore { .. })));
    let (_, found) = Collection::open(CollectionOptions::new(dir.path(), BINDING, 9)).unwrap();
    assert!(matches!(found, Some(IndexError::Damaged { .. })));
}

mod model;

/// Writes over a whole file, in place: the file that a map shows.
fn write_over(path: &Path, len: u64, byte: u8) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(len).unwrap();
    file.write_all(&vec![byte; len as usize]).unwrap();
}

#[test]
fn a_file_that_changes_under_an_open_collection_is_noticed_by_the_next_search() {
    let vectors = clustered(5, 600, 16, 8);
    for (len_divisor, byte) in [(1, 0), (1, 0xff), (2, 0), (7, 0x5a), (u64::MAX, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let collection = open(dir.path(), 16, 200);
        upsert(&collection, numbered(&vectors));
        collection.flush().unwrap();
        let snapshot = collection.snapshot();
        assert_eq!(snapshot.search(&vectors[0], &SearchParams::new(3)).unwrap().hits[0].row, 0);
        let segment = dir.path().join("segment-00000001");
        let len = segment.metadata().unwrap().len();
        write_over(&segment, len / len_divisor, byte);
        let damage = snapshot.search(&vectors[0], &SearchParams::new(3)).unwrap_err();
        assert!(damage.calls_for_rebuild(), "{damage:?}");
        assert!(snapshot.scores_of(&vectors[0], &[1]).unwrap_err().calls_for_rebuild());
        assert!(collection.maintain().unwrap_err().calls_for_rebuild());
        assert!(collection.check_files().is_err());
        drop((snapshot, collection));
        let (collection, damage) = Collection::open(options(dir.path(), 16, 200)).unwrap();
        assert!(damage.is_some() && collection.generation() == 0);
    }
}

#[test]
fn a_folder_in_the_place_of_a_file_is_damage_and_makes_room_for_the_file() {
    let vectors = clustered(6, 300, 16, 8);
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("vectors");
    std::fs::write(&folder, "no folder").unwrap();
    for name in ["manifest", "segment-00000001", "segment-00000002.tmp", "manifest.tmp"] {
        let (collection, _) = Collection::open(options(&folder, 16, 200)).unwrap();
        upsert(&collection, numbered(&vectors));
        collection.flush().unwrap();
        drop(collection);
        let place = folder.join(name);
        let _ = std::fs::remove_file(&place);
        std::fs::create_dir_all(place.join("inside")).unwrap();
        let (collection, damage) = Collection::open(options(&folder, 16, 200)).unwrap();
        assert_eq!(damage.is_none(), name.ends_with(".tmp"), "{name}: {damage:?}");
        upsert(&collection, numbered(&vectors));
        collection.optimize().unwrap();
        drop(collection);
        assert_eq!(open(&folder, 16, 200).snapshot().len(), 300, "{name}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
