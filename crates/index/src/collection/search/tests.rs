use cognate_vector::UnitVector;
use roaring::RoaringBitmap;

use super::*;
use crate::collection::tests::{expected, open, upsert};
use crate::testing::{clustered, numbered};

const WIDTH: usize = 16;

fn params(allowed: &RoaringBitmap) -> SearchParams<'_> {
    SearchParams { allowed: Some(allowed), ef: Some(WIDTH), ..SearchParams::new(5) }
}

#[test]
fn each_segment_is_searched_by_its_own_allowed_rows() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = clustered(11, 4_500, 16, 30);
    let rows = numbered(&vectors);
    let collection = open(dir.path(), 16, 1_000);
    for arrived in rows.chunks(1_500) {
        upsert(&collection, arrived.to_vec());
        collection.flush().unwrap();
    }
    // Of the second segment, a row that is dead there and lives in memory.
    upsert(&collection, vec![(2_000, vectors[0].clone())]);
    let snapshot = collection.snapshot();
    let ways = |allowed: &RoaringBitmap| -> Vec<&'static str> {
        let name = |way| match way {
            Way::Pass => "pass",
            Way::Walk(_) => "walk",
            Way::Scan => "scan",
        };
        snapshot.segments().iter().map(|live| name(live.way(&params(allowed)))).collect()
    };
    let range = |range: std::ops::Range<u32>| range.collect::<RoaringBitmap>();
    assert_eq!(ways(&range(1_500..3_000)), ["pass", "walk", "pass", "scan"]);
    assert_eq!(ways(&range(1_400..3_000)), ["scan", "walk", "pass", "scan"]);
    assert_eq!(ways(&range(2_990..3_010)), ["pass", "scan", "scan", "pass"]);
    assert_eq!(ways(&range(9_000..9_999)), ["pass"; 4]);

    let now = |row: u32| if row == 2_000 { &vectors[0] } else { &rows[row as usize].1 };
    for allowed in [range(1_500..3_000), range(1_400..3_000), range(2_990..3_010), range(9_000..9_999)] {
        let walks = ways(&allowed).contains(&"walk");
        let (mut n_found, mut n_wanted) = (0, 0);
        for query in vectors.iter().step_by(101) {
            let found = snapshot.search(query, &params(&allowed)).unwrap();
            assert_eq!(found.path, if walks { SearchPath::FilteredHnsw } else { SearchPath::Exact });
            let live: Vec<(u32, &UnitVector)> =
                allowed.iter().filter(|&row| row < 4_500).map(|row| (row, now(row))).collect();
            let wanted = expected(live.iter().map(|(row, vector)| (row, *vector)), query, 5);
            assert!(found.hits.len() >= wanted.len().min(5));
            n_found += wanted.iter().filter(|hit| found.hits.contains(hit)).count();
            n_wanted += wanted.len();
        }
        let least = if walks { n_wanted * 9 / 10 } else { n_wanted };
        assert!(n_found >= least, "{n_found} of {n_wanted}");
    }
}

fn narrow(allowed: &RoaringBitmap) -> SearchParams<'_> {
    SearchParams { ef: Some(10), ..params(allowed) }
}

#[test]
fn a_walk_among_rows_that_are_not_allowed_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = clustered(12, 3_000, 16, 20);
    let rows = numbered(&vectors);
    let collection = open(dir.path(), 16, 1_000);
    upsert(&collection, rows.clone());
    collection.flush().unwrap();
    let snapshot = collection.snapshot();
    for query in vectors.iter().step_by(300) {
        let mut near = expected(rows.iter().map(|(row, vector)| (row, vector)), query, 3_000);
        let far: RoaringBitmap = near.split_off(2_100).iter().map(|hit| hit.row).collect();
        assert!(snapshot.segments()[0].way(&narrow(&far)).is_walk());
        let found = snapshot.search(query, &narrow(&far)).unwrap();
        assert_eq!(found.path, SearchPath::Exact, "what is given up is scanned");
        let live = rows.iter().filter(|(row, _)| far.contains(*row));
        assert_eq!(found.hits, expected(live.map(|(row, vector)| (row, vector)), query, 5));
        let mixed: RoaringBitmap = (0..3_000).filter(|row| row % 10 < 3).collect();
        assert_eq!(snapshot.search(query, &narrow(&mixed)).unwrap().path, SearchPath::FilteredHnsw);
    }
}
