//! The authors of a paper as they are compared.

use std::collections::BTreeSet;

use cognate_corpus::matching::{self, NameKey};

/// Authors compared; a collaboration's first hundred tell it from others.
const MAX_AUTHORS: usize = 100;
/// A name of more words is several names that a source ran together ("Bajaj H. S.Al-Jabri B.Verma S.").
const MAX_NAME_WORDS: usize = 6;

/// Of two lists of authors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuthorEvidence {
    /// Authors that both name.
    pub n_shared: usize,
    /// Part of the shorter list that the other has, from 0 to 1.
    pub overlap: f32,
    /// Part of all authors that both have, from 0 to 1.
    pub jaccard: f32,
    /// Both lists begin with the same author.
    pub first_is_same: bool,
}

/// A list of authors.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    names: Vec<NameKey>,
    /// Every word of two letters or more in the list, ascending: what is compared where names ran together.
    words: Vec<String>,
    /// The list cannot be told apart into names.
    is_garbled: bool,
}

impl People {
    pub(crate) fn new(authors: &[String]) -> Self {
        let is_nobody = |name: &str| {
            let words = matching::words(name);
            let is = |word: &str, of: &[&str]| of.contains(&word);
            words.iter().all(|word| {
                is(word, &["anonymous", "anon", "no", "author", "authors", "listed", "unknown", "name"])
            })
        };
        let authors: Vec<&String> =
            authors.iter().filter(|name| !is_nobody(name)).take(MAX_AUTHORS).collect();
        let n_words = |name: &str| matching::words(name).len();
        let is_garbled = authors.iter().any(|name| n_words(name) > MAX_NAME_WORDS || is_run_together(name));
        let all =
            authors.iter().flat_map(|name| matching::words(name)).filter(|word| word.chars().count() > 1);
        let words: BTreeSet<String> = all.collect();
        Self {
            names: authors.iter().filter_map(|name| NameKey::new(name)).collect(),
            words: words.into_iter().collect(),
            is_garbled,
        }
    }

    /// Words by which papers of the same people are found.
    pub(crate) fn family_names(&self) -> impl Iterator<Item = &str> {
        let (names, words) =
            if self.is_garbled { (&[][..], &self.words[..]) } else { (&self.names[..], &[][..]) };
        names.iter().map(|name| name.family.as_str()).chain(words.iter().map(String::as_str))
    }

    /// Compares two lists; `None` where one of them names nobody.
    pub(crate) fn compare(&self, other: &Self) -> Option<AuthorEvidence> {
        if self.names.is_empty() || other.names.is_empty() {
            return None;
        }
        let by_names = compare_names(&self.names, &other.names);
        if !self.is_garbled && !other.is_garbled {
            return Some(by_names);
        }
        let by_words = self.compare_words(other);
        Some(if by_words.overlap > by_names.overlap { by_words } else { by_names })
    }

    /// By the words that both have: a family name counts as one author, and given names that only one list spells
    /// out do not count against it.
    fn compare_words(&self, other: &Self) -> AuthorEvidence {
        let n_shared = self.words.iter().filter(|word| other.words.contains(word)).count();
        let n_short = self.words.len().min(other.words.len()).max(1);
        let n_all = self.words.len() + other.words.len() - n_shared;
        let first =
            |people: &Self| people.names.first().map(|name| (name.given.clone(), name.family.clone()));
        AuthorEvidence {
            n_shared,
            overlap: n_shared as f32 / n_short as f32,
            jaccard: n_shared as f32 / n_all.max(1) as f32,
            first_is_same: first(self) == first(other) || self.words == other.words,
        }
    }
}

/// "Bajaj H. S.Al-Jabri B.": a name begins right behind another's initial.
fn is_run_together(name: &str) -> bool {
    let letters: Vec<char> = name.chars().collect();
    letters.windows(4).any(|four| {
        four[0].is_uppercase() && four[1] == '.' && four[2].is_uppercase() && four[3].is_lowercase()
    }) && name.matches('.').count() > 1
}

fn compare_names(a: &[NameKey], b: &[NameKey]) -> AuthorEvidence {
    // Each name is used once. From the shorter list, so that the order of the two changes nothing.
    let (short, long) = if (a.len(), a) <= (b.len(), b) { (a, b) } else { (b, a) };
    let mut used = BTreeSet::new();
    for name in short {
        let found =
            long.iter().enumerate().find(|(place, other)| !used.contains(place) && name.matches(other));
        used.extend(found.map(|(place, _)| place));
    }
    let n_shared = used.len();
    AuthorEvidence {
        n_shared,
        overlap: n_shared as f32 / short.len() as f32,
        jaccard: n_shared as f32 / (short.len() + long.len() - n_shared) as f32,
        first_is_same: short[0].matches(&long[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &[&str], b: &[&str]) -> Option<AuthorEvidence> {
        let of =
            |names: &[&str]| People::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let (there, back) = (of(a).compare(&of(b)), of(b).compare(&of(a)));
        assert_eq!(there, back, "{a:?} {b:?}");
        there
    }

    #[test]
    fn names_that_ran_together_are_the_same_people() {
        let listed = ["Moss, I.", "Vale-Hart, B.", "Keel, S. T."];
        let garbled = ["Moss I.Vale-Hart B.Keel S. T."];
        let found = compare(&listed, &garbled).unwrap();
        assert!(found.overlap >= 0.99 && found.n_shared >= 3, "{found:?}");
        let found = compare(&garbled, &garbled).unwrap();
        assert_eq!(found.jaccard, 1.0);
        assert_eq!(compare(&["Moss I.Vale B.Keel S. T."], &["Ash, T.", "Birch, U."]).unwrap().n_shared, 0);
    }

    #[test]
    fn nobody_is_no_author() {
        assert_eq!(compare(&["[Anonymous]"], &["Moss, I."]), None);
        assert_eq!(compare(&["No authors listed"], &["Moss, I."]), None);
        assert!(compare(&["Moss, I."], &["Moss, Ida", "Ash, T."]).unwrap().first_is_same);
    }
}
