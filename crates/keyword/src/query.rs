//! What is asked for.

use std::borrow::Cow;

use crate::analysis::{self, Kind, Token};
use crate::document::Field;

/// Different terms that a query has at the most; those after are left out. A pasted abstract has 150.
pub const MAX_QUERY_TERMS: usize = 512;

/// Phrases that a query has at the most; the words of those after count as plain words.
pub const MAX_QUERY_PHRASES: usize = 64;

/// A query: words of which any may match, phrases that must, should or must not be there, and beginnings of words.
///
/// [`parse`](Self::parse) reads any text as words; the other methods add to it. A phrase counts as analysed:
/// `deep learning` matches `Deep-Learned`, and a stop word in it any one word. A phrase of nothing but stop words
/// is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    pub(crate) terms: Vec<QueryTerm>,
    /// Of each list, a row must have one.
    pub(crate) required: Vec<Vec<Asked>>,
    /// Rows that have them are better.
    pub(crate) preferred: Vec<Phrase>,
    /// A row may have none.
    pub(crate) excluded: Vec<Asked>,
    pub(crate) corrections: Vec<Correction>,
}

/// What a row must have, or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A word or a phrase.
    Phrase(&'a str),
    /// A word that begins so.
    Prefix(&'a str),
    /// No such word or phrase.
    NotPhrase(&'a str),
    /// No word that begins so.
    NotPrefix(&'a str),
}

impl Part<'_> {
    /// What is asked for where this must not be.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Phrase(text) => Self::NotPhrase(text),
            Self::Prefix(text) => Self::NotPrefix(text),
            Self::NotPhrase(text) => Self::Phrase(text),
            Self::NotPrefix(text) => Self::Prefix(text),
        }
    }
}

/// A [`Part`], analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Phrase(Phrase),
    Beginning(Beginning),
    /// What it must not have.
    Without(Box<Self>),
}

impl Asked {
    fn without(self) -> Self {
        Self::Without(Box::new(self))
    }
}

/// A term of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueryTerm {
    pub(crate) term: String,
    /// How the query writes it, where it does so first.
    pub(crate) surface: String,
    pub(crate) kind: Kind,
    /// Times that the query has it.
    pub(crate) count: u32,
    /// Whether it is corrected where no row has it.
    pub(crate) is_correctable: bool,
    /// Whether it is the beginning of a word.
    pub(crate) is_prefix: bool,
    /// The terms that count as it: for a beginning, those that begin so.
    pub(crate) expanded: Vec<String>,
}

/// Terms that must stand in one field in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// Each with its distance from the first, in words.
    pub(crate) terms: Vec<(String, u32)>,
    /// The field; `None` for any.
    pub(crate) field: Option<Field>,
    /// As it was asked for.
    pub(crate) surface: String,
}

/// The beginning of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// Folded.
    pub(crate) prefix: String,
    /// The field; `None` for any.
    pub(crate) field: Option<Field>,
}

/// A word that no row has, and the one that is looked for instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// As the query writes it.
    pub from: String,
    /// The nearest word that rows have.
    pub to: String,
}

impl Query {
    /// The words of a text. No character in it is an operator, and no text is not a query.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        query.add_words(text);
        query
    }

    /// Adds words of which any may match.
    pub fn add_words(&mut self, text: &str) {
        self.add_text(text, true);
    }

    /// Adds every word that begins so.
    pub fn add_prefix(&mut self, prefix: &str) {
        let folded = analysis::fold(prefix);
        if !folded.is_empty() {
            let mut term = QueryTerm::new(folded, prefix, Kind::Word);
            term.is_prefix = true;
            self.add_term(term);
        }
    }

    /// Adds every word that begins so, of which a row must have one, in a field or in any.
    pub fn require_prefix(&mut self, field: Option<Field>, prefix: &str) {
        self.add_prefix(prefix);
        self.add_required(Beginning::new(prefix, field).map(Asked::Beginning).into_iter().collect());
    }

    /// Takes the rows out that have a word that begins so.
    pub fn exclude_prefix(&mut self, prefix: &str) {
        if self.n_phrases() < MAX_QUERY_PHRASES {
            self.excluded.extend(Beginning::new(prefix, None).map(Asked::Beginning));
        }
    }

    /// Leaves a word as it is spelled, though no row may have it.
    pub fn keep_spelling(&mut self, word: &str) {
        for term in self.terms.iter_mut().filter(|term| term.surface == word) {
            term.is_correctable = false;
        }
    }

    /// Adds the words of a phrase, and makes rows better that have all of it.
    pub fn prefer(&mut self, phrase: &str) {
        let phrase = self.add_phrase(phrase, None);
        if self.n_phrases() < MAX_QUERY_PHRASES {
            self.preferred.extend(phrase);
        }
    }

    /// Adds the words of phrases, of which a row must have at least one.
    pub fn require_any(&mut self, phrases: &[&str]) {
        self.require_one_of(&phrases.iter().map(|phrase| Part::Phrase(phrase)).collect::<Vec<_>>());
    }

    /// Adds the words of these parts, of which a row must have at least one.
    pub fn require_one_of(&mut self, parts: &[Part<'_>]) {
        let mut alternatives = Vec::new();
        for part in parts {
            match part {
                Part::Phrase(phrase) => {
                    alternatives.extend(self.add_phrase(phrase, None).map(Asked::Phrase));
                }
                Part::Prefix(prefix) => {
                    self.add_prefix(prefix);
                    alternatives.extend(Beginning::new(prefix, None).map(Asked::Beginning));
                }
                Part::NotPhrase(phrase) => {
                    alternatives.extend(Phrase::of_text(phrase).map(Asked::Phrase).map(Asked::without));
                }
                Part::NotPrefix(prefix) => {
                    let beginning = Beginning::new(prefix, None).map(Asked::Beginning);
                    alternatives.extend(beginning.map(Asked::without));
                }
            }
        }
        self.add_required(alternatives);
    }

    /// Adds the words of a phrase that a row must have in a field.
    pub fn require_in(&mut self, field: Field, phrase: &str) {
        let phrase = self.add_phrase(phrase, Some(field));
        self.add_required(phrase.map(Asked::Phrase).into_iter().collect());
    }

    /// Takes the rows out that have a word or phrase.
    pub fn exclude(&mut self, phrase: &str) {
        if self.n_phrases() < MAX_QUERY_PHRASES {
            self.excluded.extend(Phrase::of_text(phrase).map(Asked::Phrase));
        }
    }

    /// Whether nothing is asked for: no row matches then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether some rows are no answer, however well they match: there is a phrase that must match or must not.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        !self.required.is_empty() || !self.excluded.is_empty()
    }

    /// Words that were corrected; of a query that was [resolved](crate::Snapshot::resolve).
    #[must_use]
    pub fn corrections(&self) -> &[Correction] {
        &self.corrections
    }

    fn n_phrases(&self) -> usize {
        let n_required = self.required.iter().map(Vec::len).sum::<usize>();
        n_required + self.preferred.len() + self.excluded.len()
    }

    fn add_required(&mut self, alternatives: Vec<Asked>) {
        if !alternatives.is_empty() && self.n_phrases() < MAX_QUERY_PHRASES {
            self.required.push(alternatives);
        }
    }

    fn add_text(&mut self, text: &str, is_correctable: bool) {
        let text = with_last_letter(text);
        let (tokens, text) = analysis::analyze(&text);
        self.add_tokens(&tokens, &text, is_correctable);
    }

    /// Adds the words of a phrase, which it gives; `None` where it has none.
    fn add_phrase(&mut self, phrase: &str, field: Option<Field>) -> Option<Phrase> {
        let text = with_last_letter(phrase);
        let (tokens, text) = analysis::analyze_phrase(&text);
        self.add_tokens(&tokens, &text, false);
        Phrase::new(&tokens, phrase, field)
    }

    fn add_tokens(&mut self, tokens: &[Token], text: &str, is_correctable: bool) {
        let compounds: Vec<(usize, usize)> = tokens
            .iter()
            .filter(|token| token.kind == Kind::Compound)
            .map(|token| (token.start, token.end))
            .collect();
        for token in tokens.iter().filter(|token| token.kind != Kind::Character) {
            let surface = &text[token.start..token.end];
            let mut term = QueryTerm::new(token.term.clone(), surface, token.kind);
            term.is_correctable = is_correctable
                && token.kind == Kind::Word
                && is_misspellable(surface)
                && !compounds.iter().any(|(start, end)| (*start..*end).contains(&token.start));
            self.add_term(term);
        }
    }

    fn add_term(&mut self, term: QueryTerm) {
        let is_same = |known: &&mut QueryTerm| known.term == term.term && known.is_prefix == term.is_prefix;
        if let Some(known) = self.terms.iter_mut().find(is_same) {
            known.count += 1;
        } else if self.terms.len() < MAX_QUERY_TERMS {
            self.terms.push(term);
        }
    }
}

impl QueryTerm {
    fn new(term: String, surface: &str, kind: Kind) -> Self {
        Self {
            term,
            surface: surface.to_owned(),
            kind,
            count: 1,
            is_correctable: false,
            is_prefix: false,
            expanded: Vec::new(),
        }
    }

    /// The terms that count as it.
    pub(crate) fn alternatives(&self) -> &[String] {
        if self.is_prefix { &self.expanded } else { std::slice::from_ref(&self.term) }
    }
}

impl Beginning {
    fn new(prefix: &str, field: Option<Field>) -> Option<Self> {
        let prefix = analysis::fold(prefix);
        (!prefix.is_empty()).then_some(Self { prefix, field })
    }
}

impl Phrase {
    /// Whether it may stand in a field: in the one that is asked for, or in any, but a letter alone in no names, where
    /// it is an initial.
    pub(crate) fn may_stand_in(&self, field: Field) -> bool {
        let is_letter = matches!(self.terms.as_slice(), [(term, _)] if analysis::is_letter(term));
        self.field.map_or(!is_letter || field != Field::Authors, |own| own == field)
    }

    /// The words of a phrase: compounds are in them already.
    fn new(tokens: &[Token], surface: &str, field: Option<Field>) -> Option<Self> {
        let mut terms: Vec<(String, u32)> = Vec::new();
        for token in tokens {
            // The capitals of an acronym are asked for only where its word is a stop word, and not there.
            let is_new = terms.last().is_none_or(|&(_, position)| position != token.position);
            if token.kind == Kind::Exact && !is_new && token.term.ends_with(['+', '#']) {
                // `C++` is more than the letter.
                terms.pop();
                terms.push((token.term.clone(), token.position));
            } else if token.kind == Kind::Word || (token.kind == Kind::Exact && is_new) {
                terms.push((token.term.clone(), token.position));
            }
        }
        let first = terms.first()?.1;
        terms.iter_mut().for_each(|(_, position)| *position -= first);
        Some(Self { terms, field, surface: surface.trim().to_owned() })
    }

    /// The phrase of a text, in any field.
    fn of_text(text: &str) -> Option<Self> {
        let (tokens, _) = analysis::analyze_phrase(&with_last_letter(text));
        Self::new(&tokens, text, None)
    }

    /// The phrase of one term.
    pub(crate) fn of_term(term: &QueryTerm) -> Self {
        Self { terms: vec![(term.term.clone(), 0)], field: None, surface: term.surface.clone() }
    }
}

/// Whether a word is corrected where no row has it: five letters or more, not all of them capitals.
fn is_misspellable(surface: &str) -> bool {
    surface.chars().count() >= 5
        && surface.chars().all(char::is_alphabetic)
        && !surface.chars().all(char::is_uppercase)
}

/// A text in which a last word `a` or `i` is a capital: nothing ends in an article, so it is `vitamin A` that is
/// asked for.
fn with_last_letter(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim_end();
    match trimmed.rsplit_once(char::is_whitespace) {
        Some((before, last @ ("a" | "i"))) => Cow::Owned(format!("{before} {}", last.to_ascii_uppercase())),
        _ => Cow::Borrowed(text),
    }
}
