//! Single bits of the file flipped: each is told, or changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use cognate_corpus::PaperId;
use rusqlite::Connection;

use super::examine_store;
use crate::error::{EngineError, with_causes};
use crate::store::testing::{paper, put};
use crate::store::{STORE_FILE, Store, tables};

/// A store as one file, with what its tables hold.
fn original(dir: &Path) -> (Vec<u8>, Dump) {
    let store = Store::create(dir).unwrap();
    for number in 0..60 {
        let mut paper =
            paper(&format!("paper-{number}"), &format!("Title {number} of a paper"), 2_000 + number);
        paper.abstract_text = Some(format!("What paper {number} is about. ").repeat(30));
        put(&store, paper);
    }
    store.delete(&PaperId::new("paper-7").unwrap()).unwrap();
    store.add_saved("bats", "Bats", "{}").unwrap();
    store.label(&PaperId::new("paper-1").unwrap(), &PaperId::new("paper-2").unwrap(), Some(false)).unwrap();
    drop(store);
    let file = dir.join(STORE_FILE);
    assert!(!dir.join(format!("{STORE_FILE}-wal")).exists(), "closed, the store is one file");
    (std::fs::read(&file).unwrap(), dump(&file).unwrap())
}

/// Every row of every table, as text.
type Dump = BTreeMap<String, Vec<String>>;

fn dump(file: &Path) -> Result<Dump, EngineError> {
    let connection = Connection::open(file)?;
    let mut dump = Dump::new();
    for table in tables(&connection)? {
        let mut statement = connection.prepare(&format!("SELECT * FROM {} ORDER BY 1, 2", table.name))?;
        let n_columns = statement.column_count();
        let mut rows = statement.query([])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            let values: Result<Vec<String>, _> =
                (0..n_columns).map(|column| row.get_ref(column).map(|value| format!("{value:?}"))).collect();
            lines.push(values?.join("|"));
        }
        dump.insert(table.name, lines);
    }
    Ok(dump)
}

#[test]
fn each_flipped_bit_is_told_or_changes_nothing() {
    const N_FLIPS: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let (bytes, expected) = original(&folder.path().join("original"));
    let texts: Vec<&String> = expected["papers"].iter().collect();
    // Xorshift64 (G. Marsaglia, 2003), so that every run flips the same.
    let mut state: u64 = 17;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let (mut n_told, mut n_harmless, mut n_unreadable) = (0, 0, 0);
    for flip in 0..N_FLIPS {
        let dir = folder.path().join(format!("flip-{flip}"));
        std::fs::create_dir(&dir).unwrap();
        let mut damaged = bytes.clone();
        let (at, bit) = (below(damaged.len()), below(8));
        damaged[at] ^= 1 << bit;
        let file = dir.join(STORE_FILE);
        std::fs::write(&file, &damaged).unwrap();
        let what = format!("bit {bit} of byte {at}");

        let is_told = examine_store(&dir).iter().any(|check| !check.ok);
        if is_told {
            n_told += 1;
        } else {
            n_harmless += 1;
            assert_eq!(dump(&file).unwrap(), expected, "{what} is not told");
        }
        // Whoever reads gets papers as they were written, or is told.
        std::fs::write(&file, &damaged).unwrap();
        for ending in ["wal", "shm"] {
            let _ = std::fs::remove_file(dir.join(format!("{STORE_FILE}-{ending}")));
        }
        match Store::open(&dir) {
            Ok(store) => {
                let read = store.reader().unwrap().for_each_paper(&mut |stored| {
                    let (id, title) = (stored.paper.id.to_string(), stored.paper.title.unwrap_or_default());
                    let is_as_written = |text: &String| {
                        text.contains(&format!("{:?}", id.as_bytes()))
                            && text.contains(&format!("{:?}", title.as_bytes()))
                    };
                    assert!(texts.iter().any(|text| is_as_written(text)), "{what}: {id} {title}");
                    Ok::<(), EngineError>(())
                });
                if let Err(error) = read {
                    assert!(
                        error.to_string().contains("which is damaged"),
                        "{what}: {}",
                        with_causes(&error)
                    );
                    assert!(is_told, "{what}");
                }
            }
            Err(error) => {
                n_unreadable += 1;
                assert!(is_told, "{what}");
                let is_named =
                    matches!(error, EngineError::NotAStore { .. } | EngineError::StoreTooNew { .. })
                        || ["damaged", "read-only"].iter().any(|word| error.to_string().contains(word));
                assert!(is_named, "{what}: {}", with_causes(&error));
            }
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
    eprintln!(
        "{N_FLIPS} flips: {n_told} told, {n_harmless} without effect, {n_unreadable} stores not opened"
    );
    assert!(n_told > N_FLIPS / 4);
}
