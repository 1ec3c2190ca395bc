//! Names that many papers share, and names of authors, in the forms in which they are compared.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use xxhash_rust::xxh3::xxh3_64;

/// Names and a number for each, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Interner {
    ids: HashMap<String, u32>,
    names: Vec<String>,
}

impl Interner {
    /// The number of `name`, which is given one if it has none.
    pub(super) fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = self.names.len() as u32;
        self.ids.insert(name.to_owned(), id);
        self.names.push(name.to_owned());
        id
    }

    pub(super) fn name(&self, id: u32) -> &str {
        self.names.get(id as usize).map_or("", String::as_str)
    }

    /// For each number, whether its name passes.
    pub(super) fn which(&self, passes: impl Fn(&str) -> bool) -> Vec<bool> {
        self.names.iter().map(|name| passes(name)).collect()
    }
}

/// The names of a store.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) categories: Interner,
    pub(super) venues: Interner,
}

/// The words of a text in the form in which names are compared: letters and digits only, without case
/// and diacritics.
pub(super) fn words(text: &str) -> Vec<String> {
    let folded: String =
        text.nfkd().filter(|c| !unicode_normalization::char::is_combining_mark(*c)).collect();
    let folded = folded.to_lowercase();
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Stands between two authors.
const NEXT_AUTHOR: u64 = 0;

/// The words of all names as hashes: their first letter in the lowest 21 bits, above it a hash of the
/// word. Two different words share a value with a probability of 2⁻⁴³.
pub(super) fn author_tokens(authors: &[String]) -> Vec<u64> {
    let mut tokens = Vec::new();
    for author in authors {
        tokens.extend(words(author).iter().map(|word| token(word)));
        tokens.push(NEXT_AUTHOR);
    }
    tokens
}

const LETTER_BITS: u64 = (1 << 21) - 1;

fn token(word: &str) -> u64 {
    let letter = word.chars().next().map_or(0, u64::from);
    xxh3_64(word.as_bytes()) & !LETTER_BITS | letter
}

/// A word of the name that is looked for: a single letter stands for every word that begins with it.
#[derive(Debug)]
pub(super) enum AuthorToken {
    Word(u64),
    Initial(u64),
}

/// The words of a name that is looked for.
pub(super) fn tokens_to_find(name: &str) -> Vec<AuthorToken> {
    let of_word = |word: &String| {
        let mut letters = word.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => AuthorToken::Initial(u64::from(letter)),
            _ => AuthorToken::Word(token(word)),
        }
    };
    words(name).iter().map(of_word).collect()
}

/// Whether one of the authors in `authors` (see [`author_tokens`]) has all of `tokens` in the name.
pub(super) fn some_author_has(authors: &[u64], tokens: &[AuthorToken]) -> bool {
    authors.split(|token| *token == NEXT_AUTHOR).any(|author| {
        !author.is_empty()
            && tokens.iter().all(|wanted| match wanted {
                AuthorToken::Word(word) => author.contains(word),
                AuthorToken::Initial(letter) => author.iter().any(|word| word & LETTER_BITS == *letter),
            })
    })
}
