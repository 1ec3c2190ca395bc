use std::error::Error;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::testing::{clustered, numbered, vector};

const BINDING: [u8; 32] = [7; 32];

fn small_set() -> VectorSet {
    let vectors = [[1.0, 0.1, -0.5], [0.2, -0.3, 0.9], [0.0, 0.0, -1.0], [3e-6, 1.0, 2e-4]];
    VectorSet::from_vectors(3, 41, [2, 5, 9, u32::MAX].into_iter().zip(vectors.iter().map(|v| vector(v))))
        .unwrap()
}

fn bytes_of(set: &VectorSet) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    write_snapshot(&path, set, &BINDING).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file is gone");
    fs::read(&path).unwrap()
}

fn read_bytes(bytes: &[u8]) -> Result<VectorSet, IndexError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    read_snapshot(file.path(), &BINDING)
}

fn assert_same(a: &VectorSet, b: &VectorSet) {
    assert_eq!((a.generation(), a.dim()), (b.generation(), b.dim()));
    let bits = |set: &VectorSet| -> Vec<(u32, Vec<u32>)> {
        set.iter().map(|(row, v)| (row, v.iter().map(|c| c.to_bits()).collect())).collect()
    };
    assert_eq!(bits(a), bits(b));
}

/// Makes the header's checksum right again, as a file of another writer would have it.
fn seal(bytes: &mut [u8]) {
    let checksum = xxh3_64(&bytes[..HEADER_LEN - 8]);
    bytes[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn what_was_written_is_read_to_the_bit() {
    assert_same(&read_bytes(&bytes_of(&small_set())).unwrap(), &small_set());
    assert_same(&read_bytes(&bytes_of(&VectorSet::empty(3))).unwrap(), &VectorSet::empty(3));
    // Through more than one chunk, and with recent and dead rows.
    let vectors = clustered(1, 5_000, 24, 30);
    let set = VectorSet::from_vectors(24, 3, numbered(&vectors)).unwrap();
    let set =
        set.with_changes(vec![(7, vectors[9].clone()), (6_000, vectors[1].clone())], &[8, 4_999], 4).unwrap();
    assert_same(&read_bytes(&bytes_of(&set)).unwrap(), &set);
}

#[test]
fn the_layout_is_that_of_the_specification() {
    let bytes = bytes_of(&small_set());
    assert_eq!(bytes.len(), 256 + 4 * 3 * 2);
    assert_eq!(&bytes[..16], b"COGNVEC\n\x01\0\0\0\xc0\0\0\0");
    assert_eq!(bytes[16..24], 41_u64.to_le_bytes());
    assert_eq!(bytes[24..56], BINDING);
    assert_eq!(bytes[56..68], [4, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(bytes[192..208], [2, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 255, 255, 255, 255]);
    // The third vector, (0, 0, -1) in f16.
    assert_eq!(bytes[256 + 12..256 + 18], [0, 0, 0, 0, 0x00, 0xbc]);
}

#[test]
fn every_flipped_bit_is_an_error() {
    let bytes = bytes_of(&small_set());
    for at in 0..bytes.len() {
        for flip in (0..8).map(|bit| 1 << bit).chain([0xff]) {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let error = read_bytes(&damaged).expect_err("a flipped bit went unseen").to_string();
            let section = if at < 192 {
                "header"
            } else if at < 256 {
                "rows section"
            } else {
                "vectors section"
            };
            assert!(error.contains(section), "byte {at}: {error}");
            assert!(error.contains("the engine rebuilds it from the store"), "byte {at}: {error}");
        }
    }
}

#[test]
fn every_other_length_is_an_error() {
    let bytes = bytes_of(&small_set());
    for len in 0..bytes.len() {
        let error = read_bytes(&bytes[..len]).expect_err("a truncated file went unseen");
        assert!(matches!(error, IndexError::SnapshotDamaged { .. }), "{len} bytes: {error}");
    }
    for extra in [1, 64, 4096] {
        let longer: Vec<u8> = bytes.iter().copied().chain(std::iter::repeat_n(0, extra)).collect();
        assert!(matches!(read_bytes(&longer), Err(IndexError::SnapshotDamaged { .. })));
    }
}

/// Files whose checksums are right and whose content is not.
#[test]
fn a_sealed_lie_is_an_error() {
    let check = |change: &dyn Fn(&mut Vec<u8>), named: &str| {
        let mut bytes = bytes_of(&small_set());
        change(&mut bytes);
        let checksum = xxh3_64(&bytes[192..208]);
        bytes[80..88].copy_from_slice(&checksum.to_le_bytes());
        let checksum = xxh3_64(&bytes[256..]);
        bytes[96..104].copy_from_slice(&checksum.to_le_bytes());
        seal(&mut bytes);
        let error = read_bytes(&bytes).expect_err(named);
        let message = format!("{error} {}", error.source().map_or(String::new(), ToString::to_string));
        assert!(message.contains(named), "{message}");
    };
    let put =
        |bytes: &mut Vec<u8>, at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    check(&|bytes| put(bytes, 56, 5), "offsets and lengths");
    check(&|bytes| put(bytes, 56, u64::MAX), "at most 4294967295 rows");
    check(&|bytes| put(bytes, 64, 0), "1 to 65536 components");
    check(&|bytes| put(bytes, 64, u64::from(u32::MAX)), "1 to 65536 components");
    check(&|bytes| put(bytes, 72, 0), "offsets and lengths");
    check(&|bytes| bytes[150] = 1, "zeros in what is reserved");
    check(&|bytes| bytes[192] = 5, "row 5 after row 5");
    check(&|bytes| bytes[192] = 6, "row 5 after row 6");
    check(&|bytes| bytes[256..262].fill(0), "a direction");
    check(&|bytes| bytes[256..258].copy_from_slice(&[0, 0x7c]), "finite");
    check(&|bytes| bytes[258..260].copy_from_slice(&[1, 0x7e]), "finite");
    check(&|bytes| bytes[8] = 2, "version 1, found 2");

    // Counts that agree with each other but not with the file: refused before anything is allocated.
    let mut bytes = bytes_of(&small_set());
    let huge = Header {
        generation: 41,
        binding: BINDING,
        n: 4_000_000_000,
        dim: 60_000,
        rows_xxh3: 0,
        vectors_xxh3: 0,
    };
    bytes[..HEADER_LEN].copy_from_slice(&huge.encode());
    let error = read_bytes(&bytes).unwrap_err().to_string();
    assert!(
        error.contains("rows section: expected a file of 480016000000192 bytes, found 280 bytes"),
        "{error}"
    );
}

#[test]
fn the_file_of_another_store_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write_snapshot(file.path(), &small_set(), &[8; 32]).unwrap();
    assert!(matches!(read_snapshot(file.path(), &BINDING), Err(IndexError::SnapshotOfAnotherStore { .. })));
}

#[test]
fn a_missing_file_and_a_folder_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    assert!(matches!(read_snapshot(&missing, &BINDING), Err(IndexError::Io { .. })));
    assert!(read_snapshot(folder.path(), &BINDING).is_err());
    assert!(write_snapshot(&missing.join("file"), &small_set(), &BINDING).is_err());
    // A folder is in the way: the error is told and the temporary file removed.
    fs::create_dir(&missing).unwrap();
    assert!(write_snapshot(&missing, &small_set(), &BINDING).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_vector_that_did_not_come_from_f16_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let raw = UnitVector::normalize(vec![0.1234567, 0.7654321, 0.3333333]).unwrap();
    let set = VectorSet::from_vectors(3, 0, [(4, raw)]).unwrap();
    let path = folder.path().join("vectors");
    assert!(matches!(write_snapshot(&path, &set, &BINDING), Err(IndexError::NotF16 { row: 4 })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Any bytes anywhere, any length, the header's checksum right or wrong: an error, or the set as
    /// it was written (another generation is another file that is true to itself).
    #[test]
    fn a_mutated_file_is_an_error_or_the_same(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        len in prop::option::of(0_usize..400),
        sealed in any::<bool>(),
    ) {
        static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| bytes_of(&small_set()));
        let set = small_set();
        let mut bytes = BYTES.clone();
        if let Some(len) = len {
            bytes.resize(len, 0xaa);
        }
        for (at, value) in edits {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        if sealed && bytes.len() >= HEADER_LEN {
            seal(&mut bytes);
        }
        if let Ok(read) = read_bytes(&bytes) {
            prop_assert_eq!(read.rows().collect::<Vec<_>>(), set.rows().collect::<Vec<_>>());
            prop_assert!(read.iter().eq(set.iter()));
            prop_assert!(sealed || read.generation() == set.generation());
        }
    }

    #[test]
    fn any_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(read_bytes(&bytes).is_err());
    }
}
