//! Names that many papers share, and names of authors, in the forms in which they are compared.

use std::collections::HashMap;

use cognate_keyword::{fold, fold_to_digraphs};
use unicode_normalization::char::is_combining_mark;
use xxhash_rust::xxh3::xxh3_64;

/// Names and a number for each, in the order in which they came.
#[derive(Debug, Default, PartialEq, Eq)]
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

    /// All names, in order of their numbers.
    pub(super) fn names(&self) -> &[String] {
        &self.names
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
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) categories: Interner,
    pub(super) venues: Interner,
}

/// The words of a text in the form in which names are compared: letters and digits only, folded as the words of
/// texts are.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    parts(text).map(fold).filter(|word| !word.is_empty()).collect()
}

/// The words of an author's name, each in the spellings in which names are compared: `Müller` is `muller` and `mueller`. Of
/// initials that are written together, as in `Smith JR`, each is a word too.
#[must_use]
pub fn spellings(name: &str) -> Vec<Vec<String>> {
    let mut spellings = Vec::new();
    for (part, are_initials) in parts_of_name(name) {
        spellings.push(spelled(part).collect());
        if are_initials {
            spellings.extend(part.chars().map(|letter| vec![fold(&letter.to_string())]));
        }
    }
    spellings.retain(|words: &Vec<String>| !words.is_empty());
    spellings
}

/// The spellings of one part of a name; none of a part without letters.
fn spelled(part: &str) -> impl Iterator<Item = String> {
    let word = Some(fold(part)).filter(|word| !word.is_empty());
    word.into_iter().chain(fold_to_digraphs(part))
}

/// A word of the name of an author who is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoughtWord {
    /// The name has this word, in one of these spellings: `Müller` is also `Mueller`.
    Word(Vec<String>),
    /// The name has a word that begins with this letter.
    Initial(char),
    /// Behind a family name, as PubMed writes them: `Uluagac AS`. The name has this word, or for each of these letters one
    /// that begins with it.
    Initials(String, Vec<char>),
}

/// What a name has to have of which these are the words, in whatever order. Nothing for a text without letters.
#[must_use]
pub fn sought(name: &str) -> Vec<SoughtWord> {
    let of_part = |(part, are_initials): (&str, bool)| {
        let word = fold(part);
        let mut letters = word.chars();
        match (letters.next(), letters.next()) {
            (None, _) => None,
            (Some(letter), None) => Some(SoughtWord::Initial(letter)),
            _ if are_initials => {
                let letters = word.chars().collect();
                Some(SoughtWord::Initials(word, letters))
            }
            _ => Some(SoughtWord::Word(spelled(part).collect())),
        }
    };
    parts_of_name(name).filter_map(of_part).collect()
}

/// The parts of a name, and whether each is initials behind a family name, as PubMed writes them: `Uluagac AS`.
fn parts_of_name(name: &str) -> impl Iterator<Item = (&str, bool)> {
    const MAX_INITIALS: usize = 3;
    let of_name = || parts(name).filter(|part| !part.is_empty());
    let n_parts = of_name().count();
    let is_shouted = !name.contains(char::is_lowercase);
    of_name().enumerate().map(move |(number, part)| {
        let are_initials = number > 0
            && number + 1 == n_parts
            && !is_shouted
            && (2..=MAX_INITIALS).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_uppercase());
        (part, are_initials)
    })
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c) && c != '\u{ad}')
}

/// Stands between two authors.
const NEXT_AUTHOR: u64 = 0;

/// The words of all names as hashes: their first letter in the lowest 21 bits, above it a hash of the
/// word. Two different words share a value with a probability of 2⁻⁴³.
pub(super) fn author_tokens(authors: &[String]) -> Vec<u64> {
    let mut tokens = Vec::new();
    for author in authors {
        tokens.extend(spellings(author).iter().flatten().map(|word| token(word)));
        tokens.push(NEXT_AUTHOR);
    }
    tokens
}

const LETTER_BITS: u64 = (1 << 21) - 1;

fn token(word: &str) -> u64 {
    let letter = word.chars().next().map_or(0, u64::from);
    xxh3_64(word.as_bytes()) & !LETTER_BITS | letter
}

/// A [`SoughtWord`], in hashes of words and in letters.
#[derive(Debug)]
pub(super) enum AuthorToken {
    Word(Vec<u64>),
    Initial(u64),
    Initials(u64, Vec<u64>),
}

impl From<SoughtWord> for AuthorToken {
    fn from(word: SoughtWord) -> Self {
        match word {
            SoughtWord::Word(spellings) => Self::Word(spellings.iter().map(|word| token(word)).collect()),
            SoughtWord::Initial(letter) => Self::Initial(u64::from(letter)),
            SoughtWord::Initials(word, letters) => {
                Self::Initials(token(&word), letters.into_iter().map(u64::from).collect())
            }
        }
    }
}

/// The words of a name that is looked for.
pub(super) fn tokens_to_find(name: &str) -> Vec<AuthorToken> {
    sought(name).into_iter().map(AuthorToken::from).collect()
}

/// Whether one of the authors in `authors` (see [`author_tokens`]) has all of `tokens` in the name.
pub(super) fn some_author_has(authors: &[u64], tokens: &[AuthorToken]) -> bool {
    let has_initial = |author: &[u64], letter: &u64| author.iter().any(|word| word & LETTER_BITS == *letter);
    authors.split(|token| *token == NEXT_AUTHOR).any(|author| {
        !author.is_empty()
            && tokens.iter().all(|wanted| match wanted {
                AuthorToken::Word(spellings) => spellings.iter().any(|word| author.contains(word)),
                AuthorToken::Initial(letter) => has_initial(author, letter),
                AuthorToken::Initials(word, letters) => {
                    author.contains(word) || letters.iter().all(|letter| has_initial(author, letter))
                }
            })
    })
}
