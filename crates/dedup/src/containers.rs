//! Identifiers of a whole book or supplement, which everything in it carries.

use std::collections::HashSet;

use cognate_corpus::IdentifierKind;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::title::Title;

/// From so many unlike titles on, an identifier is not one paper's.
const MIN_TITLES: usize = 3;
/// Titles that have less in common than this are of two papers.
const ALIKE: f32 = 0.6;

/// Identifiers that prove nothing, since many papers carry them.
#[derive(Debug, Clone, Default)]
pub struct Containers(HashSet<u64>);

impl Containers {
    /// Of these hashes of identifiers (`identifier_hash`).
    #[must_use]
    pub fn new(hashes: HashSet<u64>) -> Self {
        Self(hashes)
    }

    /// Adds an identifier that a container carries.
    pub fn add(&mut self, kind: IdentifierKind, value: &str) {
        self.0.insert(identifier_hash(kind, value));
    }

    pub(crate) fn has(&self, kind: IdentifierKind, value: &str) -> bool {
        self.0.contains(&identifier_hash(kind, value))
    }
}

/// What an identifier is known by among many.
pub(crate) fn identifier_hash(kind: IdentifierKind, value: &str) -> u64 {
    xxh3_64_with_seed(value.as_bytes(), kind as u64)
}

/// Whether an identifier that papers of these titles carry is that of what contains them: three of the titles or more
/// are unlike each other.
#[must_use]
pub fn is_container<'a>(titles: impl IntoIterator<Item = &'a str>) -> bool {
    let mut unlike: Vec<Title> = Vec::new();
    for title in titles.into_iter().filter_map(Title::new) {
        let is_new = unlike.iter().all(|other| {
            let likeness = title.likeness(other);
            likeness.similarity < ALIKE && likeness.containment < ALIKE
        });
        if is_new {
            unlike.push(title);
        }
        if unlike.len() == MIN_TITLES {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_of_unlike_titles_is_the_containers() {
        let chapters = ["Introduction", "Cranes as events", "Rust and its management"];
        assert!(is_container(chapters));
        assert!(!is_container([
            "Cranes as events",
            "Cranes as events.",
            "Cranes as events [abstract]",
            "Rust"
        ]));
    }
}
