//! A paper as it is compared: words, names and shingles, without what sources write differently.

use std::collections::BTreeMap;

use cognate_corpus::matching;
use cognate_corpus::{IdentifierKind, Paper, PublicationKind};
use xxhash_rust::xxh3::xxh3_64;

use crate::codes::Codes;
use crate::containers::Containers;
use crate::evidence::is_preprint_doi;
use crate::people::People;
use crate::place::Place;
use crate::title::Title;
use crate::venue::{Venue, VenueKind};

/// Words of a shingle: with two, a changed word changes two shingles.
const SHINGLE_WORDS: usize = 2;

/// What of a paper is compared.
#[derive(Debug, Clone)]
pub struct Profile {
    pub(crate) identifiers: BTreeMap<IdentifierKind, String>,
    pub(crate) title: Option<Title>,
    pub(crate) authors: People,
    pub(crate) year: Option<i16>,
    /// When it was published, where that is known to the day.
    pub(crate) date: Option<(i16, i8, i8)>,
    pub(crate) kind: Option<PublicationKind>,
    /// Whether the paper is in English, where its record says in which language it is.
    pub(crate) is_english: Option<bool>,
    pub(crate) venue: Option<Venue>,
    pub(crate) place: Place,
    /// In the form of 13 digits, without the digit that checks the others.
    pub(crate) isbns: Vec<String>,
    pub(crate) text: Option<Text>,
    /// Of trials, patents and reports.
    pub(crate) codes: Codes,
}

/// An abstract's words, as sets of hashes in ascending order.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) words: Vec<u32>,
    pub(crate) shingles: Vec<u32>,
    /// Its numbers: in abstracts made after a template, all that differs.
    pub(crate) numbers: Vec<u32>,
}

impl Profile {
    /// What is compared of a paper.
    #[must_use]
    pub fn new(paper: &Paper) -> Self {
        Self {
            identifiers: identifiers(paper),
            title: paper.title.as_deref().and_then(Title::new),
            authors: People::new(&paper.authors),
            year: paper.year,
            date: paper.publication_date.map(|date| (date.year(), date.month(), date.day())),
            kind: paper.kind,
            is_english: paper.language.as_deref().map(|language| language.to_lowercase().starts_with("en")),
            venue: paper.venue.as_deref().and_then(Venue::new),
            place: Place::new(paper),
            isbns: paper.isbn.iter().map(|isbn| isbn_stem(isbn)).collect(),
            text: paper.abstract_text.as_deref().and_then(Text::new),
            codes: Codes::new(paper),
        }
    }
}

impl Profile {
    /// The same, without identifiers that many papers carry.
    #[must_use]
    pub fn without(mut self, containers: &Containers) -> Self {
        self.identifiers.retain(|kind, value| !containers.has(*kind, value));
        self
    }

    /// Whether the source says that it is a correction of another paper.
    pub(crate) fn is_erratum(&self) -> bool {
        self.kind == Some(PublicationKind::Erratum)
    }

    /// Whether the record is of a preprint: by its venue, its DOI, or an arXiv id where nothing says that it was
    /// published.
    pub(crate) fn is_preprint(&self) -> bool {
        match self.identifiers.get(&IdentifierKind::Doi) {
            _ if self.kind == Some(PublicationKind::Preprint) => true,
            _ if self.venue.as_ref().is_some_and(|venue| venue.kind == Some(VenueKind::Preprint)) => true,
            Some(doi) => is_preprint_doi(doi),
            None => self.venue.is_none() && self.identifiers.contains_key(&IdentifierKind::Arxiv),
        }
    }
}

/// A paper's identifiers, with those that its address is.
pub(crate) fn identifiers(paper: &Paper) -> BTreeMap<IdentifierKind, String> {
    /// Kinds whose sites have a page for each. Addresses of DOIs are often those of a whole book.
    const IN_ADDRESSES: [IdentifierKind; 3] =
        [IdentifierKind::Arxiv, IdentifierKind::Pmid, IdentifierKind::Pmcid];
    let mut identifiers = paper.external_ids.clone();
    if let Some(url) = paper.url.as_deref().filter(|url| url.contains('/')) {
        for kind in IN_ADDRESSES {
            if !identifiers.contains_key(&kind)
                && let Some(value) = kind.canonical(url)
            {
                identifiers.insert(kind, value);
            }
        }
    }
    identifiers
}

/// An ISBN of 10 digits and that of 13 which is the same, without the last digit, which differs.
fn isbn_stem(isbn: &str) -> String {
    let signs: String = isbn.chars().filter(char::is_ascii_alphanumeric).collect();
    match signs.len() {
        10 => format!("978{}", &signs[..9]),
        13 => signs[..12].to_owned(),
        _ => signs,
    }
}

/// A shorter abstract is none: "This submission has been withdrawn by the author" is the same for many papers.
const MIN_WORDS: usize = 15;

impl Text {
    fn new(abstract_text: &str) -> Option<Self> {
        let words = matching::words(without_notices(abstract_text));
        if words.len() < MIN_WORDS {
            return None;
        }
        let is_number = |word: &&String| word.bytes().any(|byte| byte.is_ascii_digit());
        let numbers = words.iter().filter(is_number).map(|word| hash(word.as_bytes())).collect();
        let shingles = shingles(&words);
        let words = words.iter().map(|word| hash(word.as_bytes())).collect();
        Some(Self { words: set(words), shingles: set(shingles), numbers: set(numbers) })
    }
}

/// Hashes of every run of [`SHINGLE_WORDS`] words, in their order; of a shorter text, its one run.
pub(crate) fn shingles(words: &[String]) -> Vec<u32> {
    if words.len() < SHINGLE_WORDS {
        return vec![hash(words.join(" ").as_bytes())];
    }
    words.windows(SHINGLE_WORDS).map(|run| hash(run.join(" ").as_bytes())).collect()
}

/// An abstract without the publisher's notice at its end ("© 2019 Elsevier B.V. All rights reserved.").
pub(crate) fn without_notices(text: &str) -> &str {
    /// Notices are shorter than this; a sign further in front belongs to the text.
    const MAX_NOTICE_BYTES: usize = 300;
    const STARTS: [&str; 5] = ["©", "(c) 19", "(c) 20", "(C) 19", "(C) 20"];
    let tail = text.floor_char_boundary(text.len().saturating_sub(MAX_NOTICE_BYTES));
    let starts = STARTS.iter().filter_map(|sign| text[tail..].find(sign));
    match starts.min() {
        Some(at) if tail + at > text.len() / 2 => &text[..tail + at],
        _ => text,
    }
}

pub(crate) fn hash(bytes: &[u8]) -> u32 {
    xxh3_64(bytes) as u32
}

pub(crate) fn set(mut hashes: Vec<u32>) -> Vec<u32> {
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// How many elements two sets (ascending) or multisets have in common.
pub(crate) fn n_common(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut n) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        i += usize::from(x <= y);
        j += usize::from(y <= x);
        n += usize::from(x == y);
    }
    n
}
