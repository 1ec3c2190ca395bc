//! Files that hold files, compressed ones, and encodings.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;

use cognate_corpus::{ReadError, ReadOptions, Source};

use crate::support::collect;

const RIS: &str = "TY  - JOUR\nTI  - Tides\nER  - \n";
const CSV: &str = "id,title\na,Locks\n";

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The names of a path's sources without the folder, and the titles in them.
fn titles(path: &Path, folder: &Path) -> Vec<(String, Vec<String>)> {
    let sources = Source::open_all(path).unwrap();
    let read = |source: Source| {
        let name = source.name().strip_prefix(&format!("{}/", folder.display())).unwrap().to_owned();
        let outcome = collect(source.records(&ReadOptions::default()).unwrap());
        assert_eq!((&outcome.bad, &outcome.fault), (&vec![], &None), "{name}");
        (name, outcome.titles().into_iter().map(str::to_owned).collect())
    };
    sources.into_iter().map(read).collect()
}

fn expected(files: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    files.iter().map(|(name, title)| ((*name).to_owned(), vec![(*title).to_owned()])).collect()
}

#[test]
fn folders_and_archives_are_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("all/inner/.hidden")).unwrap();
    fs::write(at("all/b.txt"), RIS).unwrap();
    fs::write(at("all/inner/a"), CSV).unwrap();
    fs::write(at("all/inner/.hidden/x.csv"), "nothing").unwrap();
    fs::write(at("all/.DS_Store"), "nothing").unwrap();
    fs::write(at("all/paper.pdf"), "%PDF-1.7 nothing").unwrap();
    let files: &[(&str, &[u8])] = &[
        ("one.ris", RIS.as_bytes()),
        ("inner/two.csv", CSV.as_bytes()),
        ("__MACOSX/inner/two.csv", b"nothing"),
        ("inner/.hidden", b"nothing"),
        ("paper.pdf", b"%PDF-1.7 nothing"),
    ];
    fs::write(at("all/c.zip"), zip(files)).unwrap();
    let members = expected(&[("all/c.zip/one.ris", "Tides"), ("all/c.zip/inner/two.csv", "Locks")]);
    assert_eq!(titles(&at("all/c.zip"), folder.path()), members);
    let all = [expected(&[("all/b.txt", "Tides")]), members, expected(&[("all/inner/a", "Locks")])].concat();
    assert_eq!(titles(&at("all"), folder.path()), all);

    // What is no file is copied first.
    let sources = Source::from_reader("body", Cursor::new(zip(files))).members().unwrap();
    let names: Vec<&str> = sources.iter().map(Source::name).collect();
    assert_eq!(names, ["body/one.ris", "body/inner/two.csv"]);
    let several = Source::from_reader("body", Cursor::new(zip(files))).records(&ReadOptions::default());
    assert!(matches!(several, Err(ReadError::Archive { n_files: 3, .. })), "{several:?}");
    let single =
        Source::from_reader("body", Cursor::new(zip(&files[..1]))).records(&ReadOptions::default()).unwrap();
    assert_eq!(collect(single).titles(), ["Tides"]);
}

#[test]
fn a_broken_archive_is_an_error() {
    let whole = zip(&[("one.ris", RIS.as_bytes())]);
    let open = |bytes: Vec<u8>| {
        let sources = Source::from_reader("body", Cursor::new(bytes)).members()?;
        let mut faults = Vec::new();
        for source in sources {
            faults.extend(collect(source.records(&ReadOptions::default())?).fault);
        }
        Ok::<_, ReadError>(faults)
    };
    assert_eq!(open(whole.clone()).unwrap(), Vec::<String>::new());
    for n_bytes in [4, 20, whole.len() / 2, whole.len() - 1] {
        assert!(open(whole[..n_bytes].to_vec()).is_err(), "{n_bytes}");
    }
    // The checksum in the directory, not the text.
    let mut changed = whole.clone();
    let at = whole.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap() + 16;
    changed[at] ^= 1;
    assert!(open(changed).map_or(true, |faults| !faults.is_empty()));
}

#[test]
fn compressed_files_are_read_by_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut xz =
        lzma_rust2::XzWriter::new(File::create(path("a")).unwrap(), lzma_rust2::XzOptions::with_preset(1))
            .unwrap();
    xz.write_all(RIS.as_bytes()).unwrap();
    xz.finish().unwrap();
    let mut bzip2 =
        bzip2::write::BzEncoder::new(File::create(path("b")).unwrap(), bzip2::Compression::fast());
    bzip2.write_all(RIS.as_bytes()).unwrap();
    bzip2.finish().unwrap();
    for name in ["a", "b"] {
        assert_eq!(titles(&path(name), folder.path()), expected(&[(name, "Tides")]));
    }
}

#[test]
fn encodings_are_read_and_named() {
    let check = |bytes: &[u8], encoding: Option<&str>| {
        let source = Source::from_reader("test", Cursor::new(bytes.to_vec()));
        let mut records = source.records(&ReadOptions::default()).unwrap();
        let outcome = collect(&mut records);
        assert_eq!(outcome.titles(), ["Küstenschutz – fünf Jahre", "Plain"]);
        assert_eq!(records.encoding(), encoding);
    };
    let table = "id;title;authors\nx1;Küstenschutz – fünf Jahre;Müller, Jörg\nx2;Plain;Smith, Ada\n";
    check(table.as_bytes(), None);
    check(format!("\u{feff}{table}").as_bytes(), None);
    let units: Vec<u8> = format!("\u{feff}{table}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&units, Some("UTF-16LE"));
    let western: Vec<u8> =
        table.chars().map(|c| if c == '–' { 0x96 } else { u8::try_from(u32::from(c)).unwrap() }).collect();
    check(&western, Some("windows-1252"));
}
