//! Files that try to fill the memory: each is read in a process of its own, which says how much it took.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use cognate_corpus::{ReadOptions, Source};
use tempfile::TempDir;

/// Most memory that reading may take at any time, in kB as the kernel counts it.
const MAX_RESIDENT_KB: u64 = 300_000;
/// Names the file that the child process reads.
const FILE: &str = "COGNATE_TEST_HOSTILE_FILE";
/// How many records of 12 MiB there are in a file of every format but one.
const LONG_RECORDS: &str = "COGNATE_TEST_LONG_RECORDS";

/// Reads the file of the environment, and prints how many records it had, how many were bad, what ended it, and the
/// most memory that was resident.
#[test]
fn child() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let (mut n_records, mut n_bad, mut fault) = (0, 0, None);
    for source in Source::open_all(Path::new(&path)).unwrap_or_default() {
        match source.records(&ReadOptions::default()) {
            Ok(records) => {
                for item in records {
                    match item {
                        Ok(Ok(_)) => n_records += 1,
                        Ok(Err(_)) => n_bad += 1,
                        Err(error) => fault = Some(chain(&error)),
                    }
                }
            }
            Err(error) => fault = Some(chain(&error)),
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    writeln!(io::stdout(), "RESULT|{n_records}|{n_bad}|{}|{peak}", fault.unwrap_or_default()).unwrap();
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes =
        std::iter::successors(error.source(), |cause| cause.source()).map(|cause| format!(": {cause}"));
    error.to_string() + &causes.collect::<String>()
}

/// What the child process said: records, bad records, the fault.
fn read_apart(path: &Path) -> Option<(u64, u64, String)> {
    if !Path::new("/proc/self/status").exists() {
        eprintln!("SKIPPED: needs /proc/self/status");
        return None;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::child", "--nocapture"])
        .env(FILE, path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let result =
        text.lines().find_map(|line| line.split_once("RESULT|")).unwrap_or_else(|| panic!("{output:?}")).1;
    let parts: Vec<&str> = result.split('|').collect();
    let [n_records, n_bad, fault, peak] = parts.as_slice() else { panic!("{result}") };
    let peak: u64 = peak.trim_end_matches(" kB").trim().parse().unwrap();
    assert!(peak <= MAX_RESIDENT_KB, "{}: {peak} kB were resident", path.display());
    Some((n_records.parse().unwrap(), n_bad.parse().unwrap(), (*fault).to_owned()))
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn zeros(n_bytes: u64) -> impl Read {
    io::repeat(b' ').take(n_bytes)
}

fn check_bomb(path: PathBuf) {
    let Some((n_records, _, fault)) = read_apart(&path) else { return };
    assert_eq!(n_records, 0, "{}", path.display());
    assert!(fault.contains("times as large"), "{}: {fault}", path.display());
}

/// Larger than the bound that holds whatever a file's size.
const BOMB_BYTES: u64 = 400 << 20;

#[test]
fn bombs_are_refused() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);

    let mut gzip =
        flate2::write::GzEncoder::new(File::create(path("bomb.gz")).unwrap(), flate2::Compression::best());
    io::copy(&mut zeros(BOMB_BYTES), &mut gzip).unwrap();
    gzip.finish().unwrap();
    check_bomb(path("bomb.gz"));

    let mut zstd = zstd::Encoder::new(File::create(path("bomb.zst")).unwrap(), 3).unwrap();
    io::copy(&mut zeros(BOMB_BYTES), &mut zstd).unwrap();
    zstd.finish().unwrap();
    check_bomb(path("bomb.zst"));

    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut xz = lzma_rust2::XzWriter::new(File::create(path("bomb.xz")).unwrap(), options).unwrap();
    io::copy(&mut zeros(BOMB_BYTES), &mut xz).unwrap();
    xz.finish().unwrap();
    check_bomb(path("bomb.xz"));

    zip_of(&path("bomb.zip"), &["papers.csv"]);
    check_bomb(path("bomb.zip"));
    zip_of(&path("bomb.xlsx"), &["xl/workbook.xml", "xl/sharedStrings.xml"]);
    check_bomb(path("bomb.xlsx"));
}

/// A zip archive of files that are all white space.
fn zip_of(path: &Path, names: &[&str]) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    for name in names {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        io::copy(&mut zeros(BOMB_BYTES), &mut zip).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn a_line_of_a_gigabyte_is_one_bad_record() {
    const N_BYTES: u64 = 1 << 30;
    let folder = folder();
    for (name, before, after, expected) in [
        ("long.jsonl", "{\"title\": \"A\"}\n{\"title\": \"", "\"}\n{\"title\": \"B\"}\n", (2, 1)),
        ("long.json", "[{\"title\": \"A\"},{\"title\": \"", "\"},{\"title\": \"B\"}]", (2, 1)),
    ] {
        let path = folder.path().join(name);
        let mut file = io::BufWriter::new(File::create(&path).unwrap());
        file.write_all(before.as_bytes()).unwrap();
        io::copy(&mut io::repeat(b'a').take(N_BYTES), &mut file).unwrap();
        file.write_all(after.as_bytes()).unwrap();
        file.flush().unwrap();
        let Some((n_records, n_bad, fault)) = read_apart(&path) else { return };
        assert_eq!(((n_records, n_bad), fault.as_str()), (expected, ""), "{name}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn deep_nesting_is_an_error() {
    let folder = folder();
    for (name, text) in [
        ("lists.json", "[".repeat(100_000)),
        ("objects.json", "{\"a\":".repeat(100_000)),
        ("closed.json", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        (
            "record.json",
            format!("[{{\"title\": \"A\", \"b\": {}1{}}}]", "[".repeat(100_000), "]".repeat(100_000)),
        ),
        ("line.jsonl", format!("{{\"title\": {}1{}}}\n", "{\"a\":".repeat(100_000), "}".repeat(100_000))),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let Some((n_records, n_bad, fault)) = read_apart(&path) else { return };
        assert!(n_records == 0 && (n_bad > 0 || !fault.is_empty()), "{name}: {n_records} {n_bad} {fault}");
    }
}

#[test]
fn long_fields_are_held_one_at_a_time() {
    let folder = folder();
    let field = "tides and trade ".repeat(12 << 16);
    // Memory does not depend on how many there are. One format shows it here; all do where more are asked for.
    let n_others = std::env::var(LONG_RECORDS).map_or(10, |number| number.parse().unwrap());
    for (n_records, name, header, before, after) in [
        (300, "long.jsonl", "", "{\"title\": \"A\", \"note\": \"", "\"}\n"),
        (
            n_others,
            "long.json",
            "{\"results\": [{\"title\": \"0\"}",
            ",{\"title\": \"A\", \"note\": \"",
            "\"}",
        ),
        (n_others, "long.csv", "title,note\n", "A,\"", "\"\n"),
        (n_others, "long.bib", "", "@misc{a, title={A}, note={", "}}\n"),
        (n_others, "long.ris", "", "TY  - JOUR\nTI  - A\nN1  - ", "\nER  - \n"),
        (
            n_others,
            "long.xml",
            "<xml><records>",
            "<record><titles><title>A</title></titles><notes>",
            "</notes></record>\n",
        ),
        (n_others, "long.tsv", "title\tnote\n", "A\t", "\n"),
        (n_others, "long.nbib", "", "PMID- 1\nTI  - A\nAB  - ", "\n\n"),
        (n_others, "long.ciw", "FN Clarivate\nVR 1.0\n", "PT J\nTI A\nAB ", "\nER\n\n"),
        (n_others, "long.enw", "", "%0 Journal Article\n%T A\n%X ", "\n\n"),
        (n_others, "refworks.txt", "", "RT Journal Article\nT1 A\nAB ", "\n\n"),
    ] {
        let path = folder.path().join(name);
        // Packed: as a text 300 records take 3.6 GB.
        let mut file = zstd::Encoder::new(File::create(&path).unwrap(), 1).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        for n in 0..n_records {
            file.write_all(before.as_bytes()).unwrap();
            file.write_all(field.as_bytes()).unwrap();
            // Something that no compressor makes small, so that this is no bomb.
            file.write_all(noise(n).as_bytes()).unwrap();
            file.write_all(after.as_bytes()).unwrap();
        }
        file.write_all(if name == "long.json" { b"]}" } else { b"" }).unwrap();
        file.finish().unwrap();
        let Some((n_read, n_bad, fault)) = read_apart(&path) else { return };
        std::fs::remove_file(&path).unwrap();
        // An abstract of 12 MiB is refused; a note is none.
        assert!(n_read + n_bad >= n_records, "{name}: {n_read} {n_bad} {fault}");
    }
}

#[test]
fn a_macro_of_a_megabyte_in_two_thousand_entries_is_held_once() {
    const N_ENTRIES: u64 = 2_000;
    let folder = folder();
    let path = folder.path().join("strings.bib");
    let mut file = io::BufWriter::new(File::create(&path).unwrap());
    writeln!(file, "@string{{long = {{{}}}}}", "x".repeat(1 << 20)).unwrap();
    for n in 0..N_ENTRIES {
        writeln!(file, "@misc{{k{n}, title = {{T{n}}}, note = long}}").unwrap();
    }
    // In one entry that is more than a record may have.
    writeln!(file, "@misc{{greedy, title = {{G}}, note = {}}}", vec!["long"; 2_000].join(" # ")).unwrap();
    file.flush().unwrap();
    drop(file);
    let Some((n_records, n_bad, fault)) = read_apart(&path) else { return };
    assert_eq!((n_records, n_bad, fault.as_str()), (N_ENTRIES, 1, ""));
}

/// Names that cost far more in memory than in the file.
#[test]
fn many_small_parts_of_a_record_are_bounded() {
    const N_BYTES: usize = 12 << 20;
    let folder = folder();
    for (name, before, part, after) in [
        ("empty.xml", "<xml><records><record><titles/>", "<a/>", "</record></records></xml>"),
        ("attributes.xml", "<xml><records><record><titles/><x ", "a=\"\" ", "/></record></records></xml>"),
        ("values.xml", "<xml><records><record><titles/><x a=\"", ">", "\"/></record></records></xml>"),
        ("pairs.xml", "<xml><records><record><titles/>", "<a>b</a>", "</record></records></xml>"),
        ("tags.ris", "TY  - JOUR\n", "KW  -\n", "ER  - \n"),
        ("names.ris", "TY  - JOUR\nAU  - ", "a;", "\nER  - \n"),
        ("fields.bib", "@misc{a", ",a=1", "}"),
        ("names.bib", "@misc{a, author={a", " and b", "}}"),
        ("list.json", "{\"title\": \"A\", \"keywords\": [0", ",0", "]}"),
        ("members.json", "{\"title\": \"A\", \"x\": {\"a\": 0", ",\"a\":0", "}}"),
        ("cells.csv", "title,", "a,", "b\nA\n"),
        ("markup.jsonl", "{\"title\": \"A\", \"abstract\": \"", "<math><a:b>", "\"}"),
        ("comments.jsonl", "{\"title\": \"A\", \"abstract\": \"", "<!-- ", "\"}"),
    ] {
        let path = folder.path().join(name);
        let text = format!("{before}{}{after}", part.repeat(N_BYTES / part.len()));
        std::fs::write(&path, text).unwrap();
        let Some((n_records, n_bad, fault)) = read_apart(&path) else { return };
        assert!(n_records + n_bad > 0 || !fault.is_empty(), "{name}");
    }
}

/// Letters in no order that a compressor finds.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut letters = String::with_capacity(120_000);
    while letters.len() < 120_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        letters.push(char::from(b'a' + (state % 26) as u8));
    }
    letters
}
