use std::fs;
use std::path::Path;

use cognate_vector::UnitVector;
use proptest::prelude::*;

use super::*;
use crate::bitmap::Bitmap;
use crate::build::BuildParams;
use crate::files::Folder;
use crate::quantize::QuantizedQuery;
use crate::testing::{clustered, vector};
use crate::walk::{Aim, Coded, Near};
use std::sync::Arc;

const BINDING: [u8; 32] = [7; 32];

fn build_params() -> BuildParams {
    BuildParams { m: 6, ef_construction: 16, slice: 64, slots: 12, refine_widths: vec![32], alpha: 1.05 }
}

fn in_memory(vectors: &[UnitVector]) -> Arc<Segment> {
    let dim = vectors.first().map_or(8, UnitVector::dim);
    let values = vectors.iter().flat_map(|v| v.as_slice().iter().map(|&c| f16::from_f32(c))).collect();
    Arc::new(Segment::in_memory(dim, (0..vectors.len() as u32).map(|row| 3 * row + 1).collect(), values))
}

/// Writes the vectors as rows 1, 4, 7, … and gives the file's path.
fn written(folder: &Path, vectors: &[UnitVector], graph_from: usize) -> PathBuf {
    let segment = in_memory(vectors);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let folder = Folder::open(folder, true).unwrap();
    let params = WriteParams {
        folder: &folder,
        name: "segment-00000001",
        binding: BINDING,
        dim: segment.dim(),
        build: &build_params(),
        graph_from: Some(graph_from),
        pool: &pool,
    };
    write(&Source::new([(&segment, &Bitmap::new(segment.len()))]), &params).unwrap();
    folder.path_of("segment-00000001")
}

/// A walk and a score for each of a few queries, which must not panic whatever the file holds.
fn search(segment: &Segment, dim: usize) {
    for query in clustered(5, 3, dim, 3) {
        let quantized = QuantizedQuery::new(query.as_slice());
        if let Some((terrain, upper)) = segment.graph() {
            let aim = Aim::near(&quantized.coarse, Near::of(5, 20, 1e4));
            let aim = match terrain.codes {
                Some(codes) => aim.with_codes(Coded { table: quantized.table(codes), unit: 1e4 }),
                None => aim,
            };
            segment.with_scratch(|scratch| {
                terrain.descend(upper, aim, scratch);
                terrain.walk(aim, 20, scratch);
                for key in scratch.found() {
                    let _ = segment.score(query.as_slice(), key.position() as usize, &mut Vec::new());
                }
                terrain.walk_where((aim, 20, 500), scratch, |point| point % 2 == 0);
            });
        }
    }
}

#[test]
fn a_file_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for (n, dim, graph_from) in [(1, 8, 1), (0, 8, 1), (300, 20, 1), (300, 70, 1000)] {
        let vectors = clustered(1, n, dim, 5);
        let path = written(folder.path(), &vectors, graph_from);
        let segment = Segment::open(&path, &BINDING).unwrap();
        assert!(!segment.is_verified());
        segment.verify(Layout::Compact).unwrap();
        assert!(segment.is_verified());
        assert_eq!((segment.len(), segment.has_graph()), (n, n >= graph_from.max(1)));
        for (position, vector) in vectors.iter().enumerate() {
            assert_eq!(segment.rows()[position], 3 * position as u32 + 1);
            assert_eq!(segment.position_of(3 * position as u32 + 1), Some(position));
            let score = segment.score(vector.as_slice(), position, &mut Vec::new()).unwrap();
            assert!(score > 0.9999, "{score}");
        }
        assert_eq!(segment.position_of(2), None);
    }
    assert!(matches!(
        Segment::open(&folder.path().join("segment-00000001"), &[8; 32]),
        Err(IndexError::OfAnotherStore { .. })
    ));
}

#[test]
fn a_wide_layout_finds_as_much_and_gives_the_same_scores() {
    let folder = tempfile::tempdir().unwrap();
    let dim = 40;
    let vectors = clustered(6, 3_000, dim, 60);
    let path = written(folder.path(), &vectors, 1);
    let (compact, wide) = (Segment::open(&path, &BINDING).unwrap(), Segment::open(&path, &BINDING).unwrap());
    compact.verify(Layout::Compact).unwrap();
    let before = wide.memory_bytes();
    wide.verify(Layout::Wide).unwrap();
    // For each row 80 bytes of values, and for its 12 links a block of 32.
    assert_eq!(wide.memory_bytes(), before + 3_000 * (80 + 32 * 8 + 128));
    assert_eq!(wide.memory_bytes(), compact.memory_bytes() + 3_000 * (80 + 32 * 8 + 128));
    let queries = clustered(6, 3_100, dim, 60).split_off(3_000);
    let found = |segment: &Segment, query: &UnitVector| -> Vec<u32> {
        let quantized = QuantizedQuery::new(query.as_slice());
        let (terrain, upper) = segment.graph().unwrap();
        let unit = (quantized.scale * segment.scale()).recip();
        let aim = Aim::near(&quantized.coarse, Near::of(10, 40, unit));
        let aim = match terrain.codes {
            Some(codes) => aim.with_codes(Coded { table: quantized.table(codes), unit }),
            None => aim,
        };
        segment.with_scratch(|scratch| {
            terrain.descend(upper, aim, scratch);
            terrain.walk(aim, 40, scratch);
            scratch.found().iter().take(10).map(|key| key.position()).collect()
        })
    };
    assert!(wide.graph().unwrap().0.codes.is_some() && compact.graph().unwrap().0.codes.is_none());
    let mut n_common = 0;
    for query in &queries {
        let (left, right) = (found(&compact, query), found(&wide, query));
        n_common += left.iter().filter(|position| right.contains(position)).count();
        for position in right {
            let score =
                |segment: &Segment| segment.score(query.as_slice(), position as usize, &mut Vec::new());
            assert_eq!(score(&wide).unwrap().to_bits(), score(&compact).unwrap().to_bits());
        }
    }
    assert!(n_common >= queries.len() * 95 / 10, "{n_common} of {}", 10 * queries.len());
}

/// Every point can be reached from every other, through the lists of the lowest layer.
#[test]
fn graphs_are_strongly_connected() {
    let mut copies = clustered(3, 400, 8, 4);
    copies.extend(std::iter::repeat_n(vector(&[1.0; 8]), 600));
    for vectors in [clustered(2, 2_000, 8, 200), copies, clustered(1, 2, 8, 1), clustered(1, 40, 8, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let segment = Segment::open(&written(folder.path(), &vectors, 1), &BINDING).unwrap();
        let (terrain, _) = segment.graph().unwrap();
        for reversed in [false, true] {
            let mut lists = vec![Vec::new(); vectors.len()];
            for point in 0..vectors.len() as u32 {
                for &to in terrain.list(point) {
                    let (from, to) = if reversed { (to, point) } else { (point, to) };
                    lists[from as usize].push(to);
                }
            }
            let mut reached = Bitmap::new(vectors.len());
            let mut pending = vec![0_u32];
            reached.insert(0);
            while let Some(point) = pending.pop() {
                pending.extend(lists[point as usize].iter().copied().filter(|&p| reached.insert(p as usize)));
            }
            assert_eq!(reached.n_set(), vectors.len());
        }
    }
}

#[test]
fn every_flipped_byte_and_every_truncation_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &clustered(1, 30, 8, 3), 1);
    let whole = fs::read(&path).unwrap();
    let header = Header::decode(whole[..format::HEADER_LEN].try_into().unwrap(), &path, &BINDING).unwrap();
    let changed = folder.path().join("changed");
    let damage = |bytes: &[u8]| -> IndexError {
        fs::write(&changed, bytes).unwrap();
        match Segment::open(&changed, &BINDING) {
            Ok(segment) => {
                search(&segment, 8);
                segment.verify(Layout::Compact).unwrap_err()
            }
            Err(error) => error,
        }
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let error = damage(&bytes).to_string();
        let at = at as u64;
        let expected = if at < format::HEADER_LEN as u64 {
            "header"
        } else if at < header.links.start {
            "rows section"
        } else if at < header.upper.start {
            "links section"
        } else if at < header.vectors.start {
            "upper layers section"
        } else if at < header.values.start {
            "vectors section"
        } else {
            "values section"
        };
        assert!(error.contains(expected), "byte {at}: {error}");
    }
    for len in 0..whole.len() {
        damage(&whole[..len]);
    }
    damage(&[&whole[..], &[0]].concat());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Headers and sections with all checksums made right again: what is inside is checked as well,
    /// and whatever passes is searched without a panic.
    #[test]
    fn forged_files_are_searched_or_refused(
        changes in prop::collection::vec((0_usize..4096, any::<u8>()), 1..6),
        aim in 0_usize..7,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), &clustered(1, 30, 8, 3), 1);
        let mut bytes = fs::read(&path).unwrap();
        let header = Header::decode(bytes[..format::HEADER_LEN].try_into().unwrap(), &path, &BINDING).unwrap();
        let sections = [header.rows, header.links, header.upper, header.vectors, header.values];
        let (start, len) = match aim {
            0 => (48, 200),
            6 => (0, bytes.len()),
            _ => (sections[aim - 1].start as usize, sections[aim - 1].len as usize),
        };
        for (at, byte) in changes {
            bytes[start + at % len] = byte;
        }
        for (number, section) in sections.into_iter().enumerate() {
            let sum = xxhash_rust::xxh3::xxh3_64(&bytes[section.start as usize..(section.start + section.len) as usize]);
            bytes[88 + 24 * number + 16..88 + 24 * number + 24].copy_from_slice(&sum.to_le_bytes());
        }
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes[..248]);
        bytes[248..256].copy_from_slice(&sum.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        if let Ok(segment) = Segment::open(&path, &BINDING) {
            search(&segment, 8);
            let _ = segment.verify(Layout::Wide);
            search(&segment, 8);
        }
    }
}
