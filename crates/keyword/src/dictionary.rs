//! The words that rows have: what a query's words are corrected to and completed by.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use tantivy::Term;
use tantivy::postings::TermInfo;
use tantivy::query::FuzzyTermQuery;

use crate::analysis;
use crate::document::Field;
use crate::error::KeywordError;
use crate::query::{Correction, Query, QueryTerm};
use crate::schema;
use crate::snapshot::Snapshot;

/// Terms that a beginning stands for at the most, in order of the alphabet.
const MAX_EXPANDED: usize = 200;
/// Words of a query that are corrected at the most: one with more is in another language, or pasted.
const MAX_CORRECTIONS: usize = 4;
/// Letters of a word in which two may be wrong; in a shorter one it is one.
const LETTERS_FOR_TWO: usize = 9;

impl Snapshot {
    /// The query in the words that rows have: beginnings of words are completed, and a word that no row has is
    /// corrected to the nearest that some have. Only words of five letters or more are, outside phrases; one letter
    /// may be wrong, missing, too many or exchanged with the next, and two in words of nine letters or more, but then not
    /// the first: people seldom err there, and looking for such words reads most of the dictionary. Of equally near words
    /// the most frequent is taken.
    ///
    /// # Errors
    /// As [`rank`](Self::rank).
    pub fn resolve(&self, query: &Query) -> Result<Query, KeywordError> {
        self.searching(|| self.resolved(query))
    }

    pub(crate) fn resolved(&self, query: &Query) -> tantivy::Result<Query> {
        let mut query = query.clone();
        for term in query.terms.iter_mut().filter(|term| term.is_prefix) {
            term.expanded = self.terms_beginning(&term.term)?;
        }
        let mut unknown: Vec<&mut QueryTerm> = Vec::new();
        for term in query.terms.iter_mut().filter(|term| term.is_correctable) {
            if !self.has_term(&term.term)? {
                unknown.push(term);
            }
        }
        if unknown.len() > MAX_CORRECTIONS {
            return Ok(query);
        }
        for term in unknown {
            if let Some(word) = self.nearest_spelling(&analysis::fold(&term.surface))? {
                term.term = analysis::term_of_spelling(&word);
                query.corrections.push(Correction { from: term.surface.clone(), to: word });
            }
        }
        Ok(query)
    }

    /// Whether a row that lives has a term in some field.
    fn has_term(&self, term: &str) -> tantivy::Result<bool> {
        for field in Field::ALL {
            let term = schema::text_term(field, term);
            for (segment, _) in self.parts() {
                let terms = &segment.postings[field as usize];
                if let Some(info) = terms.get_term_info(&term)?
                    && segment.n_live_with(terms, &info)? > 0
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The terms that begin so, and the term of the beginning as a word.
    fn terms_beginning(&self, prefix: &str) -> tantivy::Result<Vec<String>> {
        let mut found = BTreeSet::from([analysis::term_of_spelling(prefix)]);
        for (segment, _) in self.parts() {
            for postings in &segment.postings {
                let mut stream = postings.terms().range().ge(prefix).into_stream()?;
                let mut n_found = 0;
                while n_found < MAX_EXPANDED
                    && stream.advance()
                    && stream.key().starts_with(prefix.as_bytes())
                {
                    found.extend(std::str::from_utf8(stream.key()).map(str::to_owned));
                    n_found += 1;
                }
            }
        }
        Ok(found.into_iter().take(MAX_EXPANDED).collect())
    }

    /// The nearest word that rows that live have to one that none has.
    fn nearest_spelling(&self, word: &str) -> tantivy::Result<Option<String>> {
        let most = if word.chars().count() < LETTERS_FOR_TWO { 1 } else { 2 };
        for distance in 1..=most {
            let mut found: HashMap<String, u64> = HashMap::new();
            for (segment, _) in self.parts() {
                let mut add = |spelling: &[u8], info: &TermInfo| -> tantivy::Result<()> {
                    let n_rows = segment.n_live_with(&segment.spellings, info)?;
                    if let Ok(spelling) = std::str::from_utf8(spelling)
                        && n_rows > 0
                    {
                        *found.entry(spelling.to_owned()).or_default() += n_rows;
                    }
                    Ok(())
                };
                let terms = segment.spellings.terms();
                let term = Term::from_field_text(schema::number_of_spellings(), word);
                let automaton = FuzzyTermQuery::new(term, distance, true).automaton()?;
                let (first, behind) = words_beginning_as(word);
                let mut stream = terms.search(automaton).ge(first).lt(behind).into_stream()?;
                while stream.advance() {
                    add(stream.key(), stream.value())?;
                }
                // Where the first letter differs, an automaton reads most of the dictionary, and there are few such words.
                for spelling in if distance == 1 { wrong_at_first(word) } else { BTreeSet::new() } {
                    if let Some(info) = terms.get(&spelling)? {
                        add(spelling.as_bytes(), &info)?;
                    }
                }
            }
            let nearest =
                found.into_iter().min_by_key(|(spelling, n_rows)| (Reverse(*n_rows), spelling.clone()));
            if let Some((spelling, _)) = nearest {
                return Ok(Some(spelling));
            }
        }
        Ok(None)
    }
}

/// The words of another first letter of which this is a misspelling, with one letter wrong, missing, too many or exchanged
/// with the next: letters of the Latin alphabet, as those of words that are folded are.
fn wrong_at_first(word: &str) -> BTreeSet<String> {
    let mut letters = word.chars();
    let Some(first) = letters.next() else { return BTreeSet::new() };
    let behind = letters.as_str();
    let mut found = BTreeSet::from([behind.to_owned()]);
    if let Some(second) = letters.next() {
        found.insert(format!("{second}{first}{}", letters.as_str()));
    }
    for letter in 'a'..='z' {
        found.insert(format!("{letter}{behind}"));
        found.insert(format!("{letter}{word}"));
    }
    found.retain(|other| !other.starts_with(first));
    found
}

/// The least text that begins with the first letter of a word, and the least behind all of these, in the order of bytes.
fn words_beginning_as(word: &str) -> (&[u8], Vec<u8>) {
    let first = &word.as_bytes()[..word.chars().next().map_or(0, char::len_utf8)];
    let mut behind = first.to_vec();
    if let Some(last) = behind.last_mut() {
        // No byte of a text is the highest.
        *last += 1;
    }
    (first, behind)
}
