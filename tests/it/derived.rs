//! Derived files damaged at rest: detected at the next start, and the answers are the same.

use crate::harness::{Cognate, timeless};

#[test]
fn a_damaged_cache_is_noticed_and_replaced() {
    let cognate = Cognate::with_demo();
    let ask = || timeless(cognate.json(&["search", "sleep and memory", "--limit", "20"]));
    let expected = ask();
    let sound = std::fs::read(cognate.cache()).unwrap();

    let check = |what: &str, damage: &dyn Fn() -> Option<Vec<u8>>| {
        match damage() {
            Some(bytes) => std::fs::write(cognate.cache(), bytes).unwrap(),
            None => std::fs::remove_file(cognate.cache()).unwrap(),
        }
        let output = cognate.run(&["--json", "search", "sleep and memory", "--limit", "20"]);
        assert_eq!(timeless(crate::harness::last_line(&output)), expected, "{what}");
        if cognate.cache().exists() && what != "deleted" {
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(told.contains("vectors.cache"), "{what}: nothing was said: {told}");
        }
        assert_eq!(std::fs::read(cognate.cache()).unwrap(), sound, "{what}: written anew");
    };
    check("deleted", &|| None);
    check("empty", &|| Some(Vec::new()));
    check("truncated", &|| Some(sound[..sound.len() / 2].to_vec()));
    check("extended", &|| Some([&*sound, b"x"].concat()));
    for position in [0, 9, 40, 130, sound.len() / 3, sound.len() / 2, sound.len() - 1] {
        check(&format!("a bit flipped at {position}"), &|| {
            let mut bytes = sound.clone();
            bytes[position] ^= 0x10;
            Some(bytes)
        });
    }
    check("of another store", &|| {
        let other = Cognate::new();
        let file = other.file("one.jsonl", "{\"id\": \"x\", \"title\": \"Another paper\"}");
        other.json(&["index", &file]);
        other.json(&["search", "x"]);
        Some(std::fs::read(other.cache()).unwrap())
    });
}

#[test]
fn a_stale_cache_is_caught_up() {
    let cognate = Cognate::with_demo();
    cognate.json(&["search", "x"]);
    let stale = std::fs::read(cognate.cache()).unwrap();
    let file = cognate.file("new.jsonl", "{\"id\": \"new\", \"title\": \"Beekeeping on city roofs\"}");
    cognate.json(&["index", &file]);
    cognate.json(&["delete", "demo-002"]);
    assert_eq!(std::fs::read(cognate.cache()).unwrap(), stale);
    let answer = cognate.json(&["search", "honey bees on urban rooftops", "--limit", "1000"]);
    let found = crate::harness::ids(&answer);
    assert_eq!(found[0], "new");
    assert!(!found.contains(&"demo-002".to_owned()));
}
