//! Files that are not as they were written: refused, or answering as before.

use std::fs;
use std::path::{Path, PathBuf};

use cognate_keyword::KeywordIndex;

use crate::support::{apply, document, open, open_to_read, query_of};

/// Positions of each file that are tried.
const N_POSITIONS: usize = 120;

const QUERIES: [&str; 3] = ["protein folding networks", "\"deep learning\" w3", "ada cs.CL w1 w2"];

/// An index of two segments, one with dead rows.
fn make(dir: &Path) {
    let index = open(dir);
    for generation in 1..3u32 {
        let upserts: Vec<_> = (0..150)
            .map(|n| {
                let mut paper = document("Deep learning", &format!("protein folding {n} w{}", n % 7));
                paper.authors = vec!["Ada Lovelace".to_owned()];
                paper.categories = vec!["cs.CL".to_owned()];
                (generation * 1000 + n, paper)
            })
            .collect();
        apply(&index, &upserts, &[1003, 1004, 1077], u64::from(generation));
    }
    assert_eq!(index.status().segments.len(), 2);
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2 + 2 * 6 + 1, "{files:?}");
    files
}

type Answers = (u64, Vec<Vec<(u32, f32)>>);

fn answers(index: &KeywordIndex) -> Answers {
    let search = |query| index.snapshot().search(&query_of(query), 500, None).unwrap();
    (index.generation(), QUERIES.map(search).to_vec())
}

/// Opens the folder: an error that says to build the index again, or the same answers.
fn check(dir: &Path, expected: &Answers, what: &str) -> bool {
    match open_to_read(dir) {
        Ok(index) => {
            assert_eq!(&answers(&index), expected, "{what}");
            false
        }
        Err(error) => {
            assert!(error.calls_for_rebuild(), "{what}: {error:?}");
            true
        }
    }
}

#[test]
fn a_file_that_was_changed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let expected = answers(&open_to_read(dir.path()).unwrap());
    let (mut n_tried, mut n_refused) = (0, 0);
    for file in files(dir.path()) {
        let bytes = fs::read(&file).unwrap();
        let step = bytes.len().div_ceil(N_POSITIONS);
        // The ends of a file, where tantivy keeps its own checks, are tried byte by byte.
        let positions = (0..bytes.len()).filter(|at| at % step == 0 || at + 60 > bytes.len());
        for at in positions {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&file, &changed).unwrap();
            n_refused += usize::from(check(dir.path(), &expected, &format!("byte {at} of {file:?}")));
            n_tried += 1;
        }
        fs::write(&file, &bytes).unwrap();
    }
    // The rest are in the version that a footer names, which is no part of what is searched.
    assert!(n_refused * 100 > n_tried * 90, "{n_refused} of {n_tried}");
    assert!(!check(dir.path(), &expected, "all as it was"));
}

#[test]
fn a_file_that_was_cut_or_is_missing_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let expected = answers(&open_to_read(dir.path()).unwrap());
    for file in files(dir.path()) {
        let bytes = fs::read(&file).unwrap();
        for len in (0..16).map(|part| bytes.len() * part / 16).chain([bytes.len() - 1]) {
            fs::write(&file, &bytes[..len]).unwrap();
            assert!(check(dir.path(), &expected, "cut"), "{len} bytes of {file:?}");
        }
        let longer = [&bytes[..], &[0; 9]].concat();
        fs::write(&file, longer).unwrap();
        assert!(check(dir.path(), &expected, "longer"), "{file:?}");
        fs::remove_file(&file).unwrap();
        assert!(check(dir.path(), &expected, "missing"), "{file:?}");
        fs::write(&file, &bytes).unwrap();
    }
    assert!(!check(dir.path(), &expected, "all as it was"));
}

/// Makes files so long that they are read by position.
fn make_long(dir: &Path) {
    let index = open(dir);
    let word = |n: u32| format!("w{}", n.wrapping_mul(2_654_435_761) >> 22);
    let paper = |row: u32| {
        let words: Vec<String> = (0..40).map(|n| word(row * 41 + n)).collect();
        (row, document("Deep learning", &format!("protein folding {}", words.join(" "))))
    };
    apply(&index, &(0..2500).map(paper).collect::<Vec<_>>(), &[], 1);
    for extension in ["idx", "pos"] {
        let is_long = |file: &PathBuf| file.metadata().unwrap().len() > 70_000;
        let found = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
        assert!(
            found.filter(|file| file.extension().is_some_and(|e| e == extension)).all(|file| is_long(&file))
        );
    }
}

#[test]
fn damage_under_an_open_index_gives_an_error_or_the_same_answer() {
    for (pattern, make) in [(0x00, make as fn(&Path)), (0xff, make), (0x5a, make_long), (0, make_long)] {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let index = open_to_read(dir.path()).unwrap();
        let expected = answers(&index).1;
        let mut n_refused = 0;
        let files: Vec<PathBuf> =
            fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path()).collect();
        for file in files {
            let bytes = fs::read(&file).unwrap();
            // In place: the file stays as long as it was, as it does when a disk fails.
            use std::io::{Seek, Write};
            let mut opened = fs::OpenOptions::new().write(true).open(&file).unwrap();
            opened.write_all(&vec![pattern; bytes.len()]).unwrap();
            for (query, expected) in QUERIES.iter().zip(&expected) {
                match index.snapshot().search(&query_of(query), 500, None) {
                    Ok(found) => assert_eq!(&found, expected, "{}", file.display()),
                    Err(error) => {
                        assert!(error.calls_for_rebuild(), "{error:?}");
                        n_refused += 1;
                    }
                }
                if let Err(error) = index.snapshot().matched_terms(&query_of(query), 1001) {
                    assert!(error.calls_for_rebuild(), "{error:?}");
                }
            }
            opened.rewind().unwrap();
            opened.write_all(&bytes).unwrap();
            assert_eq!(answers(&index).1, expected, "{} as it was", file.display());
        }
        let is_long = index.status().disk_bytes > 200_000;
        assert_eq!(
            n_refused > 0,
            is_long,
            "long files are read as they are needed, short ones are in memory"
        );
    }
}
