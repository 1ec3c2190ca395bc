//! What is asked for.

use std::collections::HashMap;

use crate::analysis::{self, Kind};

/// Different terms that a query has at the most; those after are left out. A pasted abstract has 150.
pub const MAX_QUERY_TERMS: usize = 512;

/// Phrases that a query has at the most; the words of those after count as plain words.
pub const MAX_QUERY_PHRASES: usize = 16;

/// A query: words of which any may match, and phrases that all must.
///
/// Made by [`parse`](Self::parse), from any text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    pub(crate) terms: Vec<QueryTerm>,
    pub(crate) phrases: Vec<Phrase>,
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
}

/// Terms that must stand in one field in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// Each with its distance from the first, in words.
    pub(crate) terms: Vec<(String, u32)>,
}

impl Query {
    /// Reads a query. Text in double quotes, straight or curly, is a phrase; a quote without its other is
    /// a plain character. There is no other syntax, and no text that is not a query.
    ///
    /// A phrase counts as analysed: `"deep learning"` matches `Deep-Learned`, and a stop word in it any one
    /// word. A phrase of nothing but stop words is none.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        let mut places = HashMap::new();
        for (part, is_quoted) in parts(text) {
            let (tokens, text) = analysis::analyze(part);
            if is_quoted && query.phrases.len() < MAX_QUERY_PHRASES {
                query.phrases.extend(phrase_of(&tokens));
            }
            for token in tokens {
                if token.kind != Kind::Character {
                    let surface = &text[token.start..token.end];
                    query.add(&mut places, token.term, (surface, token.kind));
                }
            }
        }
        query
    }

    /// Whether nothing is asked for: no row matches then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether there is a phrase, which must match.
    #[must_use]
    pub fn has_phrases(&self) -> bool {
        !self.phrases.is_empty()
    }

    fn add(&mut self, places: &mut HashMap<String, usize>, term: String, (surface, kind): (&str, Kind)) {
        if let Some(&place) = places.get(&term) {
            self.terms[place].count += 1;
        } else if self.terms.len() < MAX_QUERY_TERMS {
            places.insert(term.clone(), self.terms.len());
            self.terms.push(QueryTerm { term, surface: surface.to_owned(), kind, count: 1 });
        }
    }
}

/// The words of a phrase: compounds are in them already.
fn phrase_of(tokens: &[analysis::Token]) -> Option<Phrase> {
    let mut terms: Vec<(String, u32)> = Vec::new();
    for token in tokens {
        // The capitals of an acronym are asked for only where its word is a stop word, and not there.
        let is_new = terms.last().is_none_or(|&(_, position)| position != token.position);
        if token.kind == Kind::Word || (token.kind == Kind::Exact && is_new) {
            terms.push((token.term.clone(), token.position));
        }
    }
    let first = terms.first()?.1;
    terms.iter_mut().for_each(|(_, position)| *position -= first);
    Some(Phrase { terms })
}

/// The parts of a text within quotes and without, in order.
fn parts(text: &str) -> Vec<(&str, bool)> {
    let mut parts = Vec::new();
    let mut plain_from = 0;
    let mut opened: Option<usize> = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        // A backslash before it makes it LaTeX's accent.
        if is_quote(c) && before != '\\' {
            match opened {
                None => opened = Some(at),
                Some(open) => {
                    let open_len = text[open..].chars().next().map_or(1, char::len_utf8);
                    parts.push((&text[plain_from..open], false));
                    parts.push((&text[open + open_len..at], true));
                    plain_from = at + c.len_utf8();
                    opened = None;
                }
            }
        }
        before = c;
    }
    parts.push((&text[plain_from..], false));
    parts
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '«' | '»')
}
