//! Citation keys: those that records had, and made ones.

use std::collections::HashSet;

use cognate_fold::{Folded, folded, push_ascii};
use serde_json::Value;

use super::bibtex::plain;
use crate::bibliography::CITATION_KEY;
use crate::paper::Paper;
use crate::person::Person;

/// The citation keys given in one file, in lower case, since BibTeX does not tell case apart.
#[derive(Default)]
pub(super) struct Keys {
    taken: HashSet<String>,
    /// Those of records, which no other gets before its record comes.
    reserved: HashSet<String>,
}

impl Keys {
    /// Keeps a key for the record that has it.
    pub(super) fn reserve(&mut self, key: &str) {
        if is_key(key) {
            self.reserved.insert(key.to_lowercase());
        }
    }

    /// The key that the paper's record had, else `surname2020word`; a second one gets `b`, then `c`, …
    pub(super) fn key(&mut self, paper: &Paper) -> String {
        let own = own_key(paper);
        if let Some(own) = own
            && self.taken.insert(own.to_lowercase())
        {
            return own.to_owned();
        }
        let base = own.map_or_else(|| generated(paper), str::to_owned);
        let mut key = base.clone();
        let mut n = 1_usize;
        while self.reserved.contains(&key.to_lowercase()) || !self.taken.insert(key.to_lowercase()) {
            n += 1;
            key = format!("{base}{}", letters(n));
        }
        key
    }
}

/// The key that the paper's record had, where an entry can have it.
pub(super) fn own_key(paper: &Paper) -> Option<&str> {
    paper.extra.get(CITATION_KEY).and_then(Value::as_str).filter(|key| is_key(key))
}

/// Whether a key can stand in an entry.
fn is_key(key: &str) -> bool {
    (1..=200).contains(&key.len())
        && !key.contains(|c: char| c.is_whitespace() || c.is_control() || "{}()\"\\#%=,~'@".contains(c))
}

/// 2 is `b`, 26 `z`, 27 `aa`.
fn letters(mut n: usize) -> String {
    let mut letters = String::new();
    while n > 0 {
        n -= 1;
        letters.insert(0, char::from(b'a' + u8::try_from(n % 26).unwrap_or_default()));
        n /= 26;
    }
    letters
}

/// First author's family name, year, first word of the title that says something.
fn generated(paper: &Paper) -> String {
    #[rustfmt::skip]
    const SMALL: [&str; 14] =
        ["a", "an", "the", "on", "of", "in", "for", "to", "and", "with", "from", "is", "are", "towards"];

    let first = paper.authors.first().map(|name| Person::from_text(&plain(name)));
    let mut surname = first.map(|person| ascii(person.family())).unwrap_or_default();
    surname.truncate(30);
    let year = paper.year.map(|year| year.to_string()).unwrap_or_default();
    let title = plain(paper.title.as_deref().unwrap_or_default());
    let mut words = title.split(|c: char| !c.is_alphanumeric()).map(ascii).filter(|word| !word.is_empty());
    let mut word = words.find(|word| !SMALL.contains(&word.as_str())).unwrap_or_default();
    word.truncate(30);
    let key = format!("{surname}{year}{word}");
    let starts_well = key.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts_well { key } else { format!("paper{key}") }
}

/// The ASCII letters and digits of a text in lower case, accents taken off.
fn ascii(text: &str) -> String {
    let mut ascii = String::new();
    for part in folded(text) {
        match part {
            Folded::Ascii(letters) => push_ascii(&mut ascii, letters),
            Folded::Char(c) if c.is_ascii() => ascii.push(c),
            Folded::Char(_) | Folded::Nothing | Folded::Other(_) => {}
        }
    }
    ascii
}
