//! How a paper lies in a collection: which fields there are, and what stands in them.
//!
//! Nothing is ever null: what is not known has a number that no paper has, so that conditions are true or false.

use std::collections::BTreeMap;

use cognate_corpus::{IdentifierKind, Paper};
use cognate_engine::{StoredModel, days, document_of, name_words, spellings_of_name};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The version of what this module defines, kept with each collection.
pub(crate) const SCHEMA: u32 = 1;

/// The property of a collection that says whose it is: a [`Described`] as JSON.
pub(crate) const PROPERTY: &str = "cognate";

/// The fields of a collection.
pub(crate) mod field {
    /// The paper's id.
    pub(crate) const ID: &str = "id";
    /// Of its text; one that means nothing where there is no text.
    pub(crate) const VECTOR: &str = "vector";
    /// The weights of its terms, by their keys.
    pub(crate) const SPARSE: &str = "sparse";
    /// The keys of its terms.
    pub(crate) const TERMS: &str = "terms";
    /// The paper as JSON, in parts.
    pub(crate) const PAPER: &str = "paper";
    /// The year of publication.
    pub(crate) const YEAR: &str = "year";
    /// The day of publication, from 1970-01-01.
    pub(crate) const DAY: &str = "day";
    /// Categories in lower case, each with those that it is in.
    pub(crate) const CATEGORIES: &str = "categories";
    /// Categories as they are written.
    pub(crate) const CATEGORY_NAMES: &str = "category_names";
    /// Numbers of the words of authors' names, and of pairs of them.
    pub(crate) const AUTHORS: &str = "authors";
    /// The words of the venue, with a space before, between and behind them.
    pub(crate) const VENUE: &str = "venue";
    /// The venue as it is written.
    pub(crate) const VENUE_NAME: &str = "venue_name";
    /// Identifiers with their kinds.
    pub(crate) const IDENTIFIERS: &str = "identifiers";
    /// A number of the title's words; papers with titles of the same words, in the same order, have the same.
    pub(crate) const TITLE: &str = "title";
    /// Whether there is an abstract.
    pub(crate) const HAS_ABSTRACT: &str = "has_abstract";
    /// Whether there is a title or an abstract.
    pub(crate) const HAS_TEXT: &str = "has_text";
    /// SHA-256 of the text that was embedded, in hex.
    pub(crate) const TEXT_HASH: &str = "text_hash";
    /// SHA-256 of the paper, in hex.
    pub(crate) const PAPER_HASH: &str = "paper_hash";
    /// When the id was first indexed.
    pub(crate) const FIRST_INDEXED: &str = "first_indexed";
}

/// Most bytes of a text that Milvus keeps in one value.
pub(crate) const MAX_TEXT_BYTES: usize = 65_535;
/// Most values of an array.
pub(crate) const MAX_VALUES: usize = 4_096;
/// Most parts of a paper: 32 MiB, of which a record has at most 16.
pub(crate) const MAX_PARTS: usize = 512;
/// Bytes of a part of a paper.
const PART_BYTES: usize = 60_000;
/// For a year that is not known.
pub(crate) const NO_YEAR: i64 = i16::MIN as i64;
/// For a title that is not known.
pub(crate) const NO_TITLE: i64 = -1;
/// For a day that is not known.
pub(crate) const NO_DAY: i64 = i32::MIN as i64;
/// Stands among the weights of a paper that has no terms: Milvus takes no vector without a component. No term has this key.
const NO_TERM: u32 = 0;
/// The average length of texts that scores by words go by, in terms (docs/keyword.md): that of abstracts with their titles. A
/// collection keeps the one that it was made with.
pub(crate) const AVERAGE_LENGTH: f32 = 160.0;

/// What a collection says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Described {
    /// The version of the layout.
    pub(crate) schema: u32,
    /// The version of how texts become terms.
    pub(crate) analysis: u32,
    /// The model behind the vectors.
    pub(crate) model: StoredModel,
    /// The average length that weights of terms were made with.
    pub(crate) average_length: f32,
}

/// A paper as it lies there, but for its vector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) sparse: BTreeMap<u32, f32>,
    pub(crate) terms: Vec<i64>,
    pub(crate) paper: Vec<String>,
    pub(crate) year: i64,
    pub(crate) day: i64,
    pub(crate) categories: Vec<String>,
    pub(crate) category_names: Vec<String>,
    pub(crate) authors: Vec<i64>,
    pub(crate) venue: String,
    pub(crate) venue_name: String,
    pub(crate) identifiers: Vec<String>,
    pub(crate) title: i64,
    pub(crate) has_abstract: bool,
    pub(crate) has_text: bool,
}

impl Row {
    pub(crate) fn new(paper: &Paper, average_length: f32) -> Result<Self, serde_json::Error> {
        let weights = document_of(paper.clone()).term_weights(average_length);
        let mut sparse: BTreeMap<u32, f32> = BTreeMap::new();
        for (term, weight) in weights {
            // Two terms of one key are one.
            *sparse.entry(term_key(&term)).or_default() += weight;
        }
        let mut heaviest: Vec<(u32, f32)> = sparse.iter().map(|(key, weight)| (*key, *weight)).collect();
        heaviest.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let terms = heaviest.into_iter().take(MAX_VALUES).map(|(key, _)| i64::from(key)).collect();
        if sparse.is_empty() {
            sparse.insert(NO_TERM, f32::MIN_POSITIVE);
        }
        let identifiers = paper.external_ids.iter().map(|(kind, value)| identifier(*kind, value));
        Ok(Self {
            id: paper.id.to_string(),
            sparse,
            terms,
            paper: parts(&serde_json::to_string(paper)?),
            year: paper.year.map_or(NO_YEAR, i64::from),
            day: paper.publication_date.map_or(NO_DAY, |date| i64::from(days(date))),
            categories: with_those_above(&paper.categories),
            category_names: kept(paper.categories.iter().map(|name| clean(name))),
            authors: author_keys(&paper.authors),
            venue: spaced(paper.venue.as_deref().unwrap_or_default()),
            venue_name: cut(&clean(paper.venue.as_deref().unwrap_or_default()), PART_BYTES).to_owned(),
            identifiers: kept(identifiers),
            title: paper.title.as_deref().map_or(NO_TITLE, title_key),
            has_abstract: paper.abstract_text.is_some(),
            has_text: paper.has_text(),
        })
    }

    /// The paper of which these are the parts.
    pub(crate) fn paper_of(parts: &[String]) -> Result<Paper, serde_json::Error> {
        serde_json::from_str(&parts.concat())
    }
}

/// The number of a term, which stands for it in vectors. Two of a million terms share one with a probability of 1 in 4,300.
pub(crate) fn term_key(term: &str) -> u32 {
    // Neither `NO_TERM` nor the highest number, which Milvus does not take.
    (xxh3_64(term.as_bytes()) % u64::from(u32::MAX - 2)) as u32 + 1
}

/// An identifier as it stands in [`field::IDENTIFIERS`].
pub(crate) fn identifier(kind: IdentifierKind, value: &str) -> String {
    format!("{}:{value}", kind.name())
}

/// A title as it stands in [`field::TITLE`].
pub(crate) fn title_key(title: &str) -> i64 {
    match name_words(title).join(" ") {
        words if words.is_empty() => NO_TITLE,
        words => positive(xxh3_64(words.as_bytes())),
    }
}

/// A text in parts that Milvus takes.
fn parts(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let part = cut(rest, PART_BYTES);
        parts.push(part.to_owned());
        rest = &rest[part.len()..];
    }
    parts
}

/// The beginning of a text, at most so many bytes of it.
fn cut(text: &str, n_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(n_bytes)]
}

/// A text without what no expression may hold.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What of a list is kept to be asked for: not what is longer than any name.
fn kept(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut values: Vec<String> = values.filter(|value| value.len() <= MAX_TEXT_BYTES).collect();
    values.sort_unstable();
    values.dedup();
    values.truncate(MAX_VALUES);
    values
}

/// A category in the form in which they are compared.
pub(crate) fn category(name: &str) -> String {
    clean(name.trim()).to_lowercase()
}

/// Categories, and all that these lie in: `cs.CL` lies in `cs`.
fn with_those_above(categories: &[String]) -> Vec<String> {
    let names = categories.iter().map(|name| category(name)).flat_map(|name| {
        let above: Vec<String> = name.match_indices('.').map(|(at, _)| name[..at].to_owned()).collect();
        above.into_iter().chain([name]).filter(|name| !name.is_empty())
    });
    kept(names)
}

/// The words of a venue's name with spaces around them.
pub(crate) fn spaced(name: &str) -> String {
    let words = name_words(name);
    let mut text = String::from(" ");
    for word in words {
        if text.len() + word.len() >= PART_BYTES {
            break;
        }
        text.push_str(&word);
        text.push(' ');
    }
    text
}

/// Numbers for what is asked of authors: each word of a name, each first letter, and any two of these that one name has. So a
/// name of two words is found in one author; of more words, each two are.
fn author_keys(authors: &[String]) -> Vec<i64> {
    let mut keys = Vec::new();
    let mut of_pairs = Vec::new();
    for author in authors {
        let names: Vec<Vec<AuthorPart>> = spellings_of_name(author)
            .into_iter()
            .map(|spellings| {
                let letters = spellings.iter().filter_map(|word| word.chars().next()).map(AuthorPart::Letter);
                let letters: Vec<AuthorPart> = letters.collect();
                spellings.into_iter().map(AuthorPart::Word).chain(letters).collect()
            })
            .collect();
        for (at, parts) in names.iter().enumerate() {
            keys.extend(parts.iter().map(AuthorPart::key));
            for part in parts {
                // One word may be meant by a word and by a letter.
                of_pairs
                    .extend(parts.iter().filter(|other| *other != part).map(|other| pair_key(part, other)));
                of_pairs.extend(names[at + 1..].iter().flatten().map(|other| pair_key(part, other)));
            }
        }
    }
    for keys in [&mut keys, &mut of_pairs] {
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key| seen.insert(*key));
    }
    // Where there are thousands of authors, the last are found by one word alone.
    keys.extend(of_pairs);
    keys.truncate(MAX_VALUES);
    keys
}

/// What is asked of an author's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AuthorPart {
    /// A word in one spelling.
    Word(String),
    /// The first letter of a word.
    Letter(char),
}

impl AuthorPart {
    /// Stands for it among [`field::AUTHORS`].
    pub(crate) fn key(&self) -> i64 {
        positive(xxh3_64(self.text().as_bytes()))
    }

    fn text(&self) -> String {
        match self {
            Self::Word(word) => format!("w{word}"),
            Self::Letter(letter) => format!("l{letter}"),
        }
    }
}

/// Stands for two that one name has.
pub(crate) fn pair_key(a: &AuthorPart, b: &AuthorPart) -> i64 {
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    positive(xxh3_64(format!("{}\0{}", first.text(), second.text()).as_bytes()))
}

/// A hash that is written without a sign.
fn positive(hash: u64) -> i64 {
    (hash >> 1) as i64
}

#[cfg(test)]
mod tests {
    use cognate_corpus::{Place, paper_from_json};
    use serde_json::json;

    use super::*;

    fn paper(record: serde_json::Value) -> Paper {
        paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap().paper
    }

    #[test]
    fn a_paper_comes_back_as_it_was() {
        let long = "ä".repeat(100_000);
        let paper = paper(json!({
            "id": "10.1/x \"y\" \\z", "title": "A \u{1f600} title", "abstract": long, "authors": ["A. Müller"], "year": 2001,
            "categories": ["cs.CL", "cs.LG"], "other": { "deep": [1, 2.5, null] },
        }));
        let row = Row::new(&paper, AVERAGE_LENGTH).unwrap();
        assert_eq!(Row::paper_of(&row.paper).unwrap(), paper);
        assert!(row.paper.len() > 3 && row.paper.iter().all(|part| part.len() <= MAX_TEXT_BYTES));
        assert_eq!(row.categories, ["cs", "cs.cl", "cs.lg"]);
        assert_eq!((row.year, row.day, row.has_text), (2001, NO_DAY, true));
    }

    #[test]
    fn nothing_has_a_row_too() {
        let row = Row::new(&paper(json!({ "id": "x", "doi": "10.5555/x" })), AVERAGE_LENGTH).unwrap();
        // Its names are terms.
        assert!(!row.sparse.is_empty());
        assert_eq!(row.identifiers, ["doi:10.5555/x"]);
        assert!(!row.has_text && !row.has_abstract);
        assert_eq!((row.venue.as_str(), row.year, row.title), (" ", NO_YEAR, NO_TITLE));
    }

    #[test]
    fn authors_have_keys_for_what_is_asked() {
        let keys = author_keys(&["Jürgen A. Müller".to_owned()]);
        let word = |word: &str| AuthorPart::Word(word.to_owned());
        for part in [word("muller"), word("mueller"), word("juergen"), AuthorPart::Letter('a')] {
            assert!(keys.contains(&part.key()), "{part:?}");
        }
        assert!(keys.contains(&pair_key(&AuthorPart::Letter('j'), &word("mueller"))));
        assert!(keys.contains(&pair_key(&word("muller"), &AuthorPart::Letter('m'))));
        let two = author_keys(&["Ann Lee".to_owned(), "Bo Chen".to_owned()]);
        assert!(!two.contains(&pair_key(&word("ann"), &word("chen"))));
        assert!(two.contains(&pair_key(&word("lee"), &word("ann"))));
        let many: Vec<String> = (0..5_000).map(|n| format!("Given{n} Family{n}")).collect();
        assert_eq!(author_keys(&many).len(), MAX_VALUES);
    }

    #[test]
    fn titles_of_the_same_words_have_one_key() {
        assert_eq!(title_key("The Äther — a Study"), title_key("the ather: a study."));
        assert_ne!(title_key("a study of the aether"), title_key("the aether: a study"));
        assert_eq!(title_key(" — "), NO_TITLE);
    }

    #[test]
    fn terms_have_keys() {
        let keys = ["a", "deep", "learn", ""].map(term_key);
        assert!(keys.iter().all(|key| *key != NO_TERM && *key != u32::MAX));
        assert_ne!(term_key("deep"), term_key("learn"));
    }
}
