use jiff::civil::Date;
use proptest::prelude::*;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::*;
use crate::catalog::chunk::Entry;
use crate::catalog::{DayBasis, FacetField, date_of};
use crate::filter::{Clause, Condition, Filter};
use crate::store::Attributes;

const BINDING: [u8; 32] = [5; 32];

fn encoded(catalog: &Catalog) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(catalog, &BINDING, &mut bytes).unwrap();
    bytes
}

fn is_same(a: &Catalog, b: &Catalog) -> bool {
    a.generation == b.generation
        && a.chunks == b.chunks
        && *a.names.read().unwrap() == *b.names.read().unwrap()
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let name = || prop::sample::select(vec!["cs.CL", "Nature", "Ünïcode 漢字", "", "stat.ML"]);
    (
        prop::option::of(any::<i16>()),
        prop::option::of(-4_000_000..2_900_000_i32),
        any::<bool>(),
        prop::option::of(name()),
        prop::collection::vec(name(), 0..3),
        prop::collection::vec("[A-Z][a-zé]{0,6} [A-Z][a-z]{0,6}", 0..3),
        prop::option::of(any::<i64>()),
    )
        .prop_map(|(year, day, has_abstract, venue, categories, authors, upvotes)| Attributes {
            year,
            publication_date: day.map(date_of),
            has_abstract,
            venue: venue.map(str::to_owned),
            categories: categories.into_iter().map(str::to_owned).collect(),
            authors,
            first_indexed: date_of(20_000),
            upvotes,
        })
}

fn catalogs() -> impl Strategy<Value = Catalog> {
    let row = prop_oneof![0..20_u32, 4_090..4_100_u32];
    let papers = prop::collection::btree_map(row, prop::option::weighted(0.9, attributes()), 0..12);
    (papers, any::<u64>()).prop_map(|(papers, generation)| {
        let mut catalog = Catalog { generation, ..Catalog::default() };
        let entries = {
            let mut names = catalog.names.write().unwrap();
            let entries = papers.iter();
            entries
                .map(|(row, paper)| (*row, paper.as_ref().map(|paper| Entry::new(paper, &mut names))))
                .collect()
        };
        catalog.apply(entries);
        catalog
    })
}

/// All that is asked of a catalogue.
fn ask(catalog: &Catalog) {
    let rows: RoaringBitmap = (0..9_000).collect();
    for field in [FacetField::Year, FacetField::Categories, FacetField::Venue] {
        catalog.count(field, &rows);
    }
    for condition in ["a", "Z"].map(|name| Condition::Author(name.to_owned())) {
        catalog.matching(&Filter { must: vec![Clause::Condition(condition)], ..Filter::default() });
    }
    for by in [DayBasis::Published, DayBasis::Indexed] {
        assert!(catalog.listed(by).all(|listed| date_of(listed.day) >= Date::MIN));
    }
    assert!(rows.iter().filter_map(|row| catalog.published(row)).count() <= 9_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_and_nothing_else(catalog in catalogs(), at in any::<prop::sample::Index>()) {
        let bytes = encoded(&catalog);
        prop_assert!(decode(&bytes, &BINDING).is_some_and(|read| is_same(&read, &catalog)));
        prop_assert!(decode(&bytes, &[6; 32]).is_none());
        let at = at.index(bytes.len());
        prop_assert!(decode(&bytes[..at], &BINDING).is_none());
        let mut flipped = bytes;
        flipped[at] ^= 0x10;
        prop_assert!(decode(&flipped, &BINDING).is_none());
    }

    /// Files whose checksum was made right again: refused, or asked without a panic.
    #[test]
    fn forged_files_do_no_harm(
        catalog in catalogs(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encoded(&catalog);
        let end = bytes.len() - 8;
        for (at, byte) in changes {
            bytes[at.index(end)] = byte;
        }
        let seal = xxh3_64(&bytes[..end]);
        bytes[end..].copy_from_slice(&seal.to_le_bytes());
        if let Some(catalog) = decode(&bytes, &BINDING) {
            ask(&catalog);
        }
    }
}

#[test]
fn a_file_is_kept_up_and_used_unless_the_store_was_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let file = CatalogFile::of(&store, folder.path());
    let paper = |number: u32| Attributes {
        year: Some(2_000),
        publication_date: None,
        has_abstract: number.is_multiple_of(2),
        venue: Some(format!("Venue {}", number % 7)),
        categories: Vec::new(),
        authors: vec!["Ada Lovelace".to_owned()],
        first_indexed: date_of(20_000),
        upvotes: None,
    };
    let mut catalog = Catalog::default();
    let mut add = |rows: std::ops::Range<u32>, generation| {
        let entries = {
            let mut names = catalog.names.write().unwrap();
            rows.map(|row| (row, Some(Entry::new(&paper(row), &mut names)))).collect()
        };
        catalog.apply(entries);
        catalog.generation = generation;
        file.keep_up(&catalog).unwrap();
        (file.read(9), catalog.clone())
    };
    assert_eq!(add(0..1_000, 3).0.generation, 0, "not worth a file yet");
    assert_eq!(file.examine(9), Ok(None));
    let (read, now) = add(1_000..1_100, 4);
    assert!(is_same(&read, &now));
    assert_eq!(file.examine(4), Ok(Some((4, 1_100))));
    assert!(file.examine(3).unwrap_err().contains("later state"));
    assert_eq!(add(1_100..1_200, 5).0.generation, 4, "a few changes behind");
    assert_eq!(file.read(3).generation, 0, "of a state that the store has no more");
    assert_eq!(add(1_200..2_300, 6).0.generation, 6);
    // Whatever is in its place is replaced, or makes room.
    fs::write(&file.path, "nonsense").unwrap();
    assert_eq!(file.read(9).generation, 0);
    assert!(file.examine(9).unwrap_err().contains("damaged"));
    assert_eq!(add(2_300..3_400, 7).0.generation, 7);
    fs::remove_file(&file.path).unwrap();
    fs::create_dir_all(file.path.join("inside")).unwrap();
    assert_eq!(file.read(9).generation, 0);
    assert!(file.examine(9).is_err());
    assert_eq!(add(3_400..4_500, 8).0.generation, 8);
}
