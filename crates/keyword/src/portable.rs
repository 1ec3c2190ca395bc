//! Terms and scores for an engine that keeps the terms of documents itself, as a vector for each document with a weight
//! for each term. The product of that vector with a [`Weighed`] query is the score of docs/keyword.md, but that the average
//! length is one that was agreed on.
//!
//! Phrases are looked for in the documents themselves. Nothing is corrected, and no beginnings of words are completed:
//! nobody has a list of all terms. Terms change with [`ANALYSIS`], which whoever keeps them keeps too.

use std::collections::{BTreeMap, HashMap};

use crate::analysis::{self, Kind, Token};
use crate::document::{Document, Field};
use crate::explain::MatchedTerm;
use crate::query::{Asked, Phrase, Query, QueryTerm};
use crate::scoring::{Scoring, idf};

/// The version of how texts become terms.
pub const ANALYSIS: u32 = analysis::VERSION;

/// A query whose terms have weights, because it is known how many documents have each.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// Each term that counts, with what the weight that a document has of it is multiplied by.
    pub terms: Vec<(String, f32)>,
    words: Vec<Word>,
    bound: f32,
}

/// The terms of a phrase, which every document that has it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhraseTerms<'a> {
    /// The terms.
    pub terms: Vec<&'a str>,
    /// Whether every document with these terms has it: it is a single word of no certain field.
    pub is_certain: bool,
}

impl<'a> PhraseTerms<'a> {
    fn of(phrase: &'a Phrase) -> Self {
        let terms: Vec<&str> = phrase.terms.iter().map(|(term, _)| term.as_str()).collect();
        Self { is_certain: terms.len() == 1 && phrase.field.is_none(), terms }
    }
}

/// A word of the query in all its forms.
#[derive(Debug, Clone, PartialEq)]
struct Word {
    surface: String,
    /// That of its rarest form.
    idf: f32,
    terms: Vec<String>,
}

impl Document {
    /// The terms of the document, each with its weight in a score: `(k1 + 1) · f / (f + k1 · (1 - b + b · l / average))`,
    /// with `f` and `l` as for [`Snapshot::rank`](crate::Snapshot::rank), and `average` the length that documents have on
    /// average.
    #[must_use]
    pub fn term_weights(&self, average: f32) -> BTreeMap<String, f32> {
        let scoring = Scoring::default();
        let mut frequencies: BTreeMap<String, f32> = BTreeMap::new();
        let mut length = 0.0;
        for field in Field::ALL {
            let weight = scoring.weight_of_field(field);
            for token in self.texts(field).iter().flat_map(|text| analysis::analyze(text).0) {
                if matches!(field, Field::Title | Field::Abstract) {
                    length += weight;
                }
                // Initials of authors are no `A` of `vitamin A`.
                let is_letter = token.term.len() == 1 && token.term.as_bytes()[0].is_ascii_alphabetic();
                if field != Field::Authors || !is_letter {
                    *frequencies.entry(token.term).or_default() += weight;
                }
            }
        }
        let norm = scoring.k1 * (1.0 - scoring.b + scoring.b * length / average);
        frequencies.values_mut().for_each(|f| *f = (scoring.k1 + 1.0) * *f / (*f + norm));
        frequencies
    }

    fn has(&self, asked: &Asked) -> bool {
        match asked {
            Asked::Phrase(phrase) => self.has_phrase(phrase),
            Asked::Beginning(own) => self.has_beginning(&own.prefix, own.field),
            Asked::Without(asked) => !self.has(asked),
        }
    }

    fn has_phrase(&self, phrase: &Phrase) -> bool {
        let fields = Field::ALL.into_iter().filter(|field| phrase.may_stand_in(*field));
        fields.flat_map(|field| self.texts(field)).any(|text| has_phrase(&analysis::analyze(text).0, phrase))
    }

    /// Whether a word of a field, or of any, begins so.
    fn has_beginning(&self, prefix: &str, field: Option<Field>) -> bool {
        let whole = analysis::term_of_spelling(prefix);
        let begins = |token: &Token| token.term.starts_with(prefix) || token.term == whole;
        let fields = Field::ALL.into_iter().filter(|known| field.is_none_or(|own| own == *known));
        fields.flat_map(|field| self.texts(field)).any(|text| analysis::analyze(text).0.iter().any(begins))
    }
}

fn has_without(asked: &[Asked]) -> bool {
    asked.iter().any(|asked| matches!(asked, Asked::Without(_)))
}

/// The phrases among what is asked for.
fn phrases(asked: &[Asked]) -> impl Iterator<Item = PhraseTerms<'_>> {
    asked.iter().filter_map(|asked| match asked {
        Asked::Phrase(phrase) => Some(PhraseTerms::of(phrase)),
        Asked::Beginning(_) | Asked::Without(_) => None,
    })
}

/// Whether a text has a phrase, word for word.
fn has_phrase(tokens: &[Token], phrase: &Phrase) -> bool {
    let Some((first, _)) = phrase.terms.first() else { return false };
    let stands = |term: &str, position: u32| {
        tokens.iter().any(|token| token.position == position && token.term == term)
    };
    let starts = tokens.iter().filter(|token| token.term == *first).map(|token| token.position);
    starts.into_iter().any(|start| phrase.terms.iter().all(|(term, offset)| stands(term, start + offset)))
}

impl Query {
    /// Every term that may count, and those of its phrases: of these it has to be known how many documents have each.
    #[must_use]
    pub fn term_texts(&self) -> Vec<&str> {
        let words = self.terms.iter().filter(|term| !term.is_prefix).map(|term| term.term.as_str());
        let mut terms: Vec<&str> = words.collect();
        terms.sort_unstable();
        terms.dedup();
        terms
    }

    /// Whether it asks for beginnings of words.
    #[must_use]
    pub fn has_beginnings(&self) -> bool {
        fn begins(asked: &Asked) -> bool {
            match asked {
                Asked::Beginning(_) => true,
                Asked::Without(asked) => begins(asked),
                Asked::Phrase(_) => false,
            }
        }
        self.required.iter().flatten().chain(&self.excluded).any(begins)
            || self.terms.iter().any(|term| term.is_prefix)
    }

    /// The phrases that must be there: of each list, one. Lists of which something else will do are none of these.
    #[must_use]
    pub fn required_phrases(&self) -> Vec<Vec<PhraseTerms<'_>>> {
        let lists = self.required.iter().filter(|asked| !has_without(asked));
        lists.map(|asked| phrases(asked).collect()).collect()
    }

    /// Whether a document may do for having something not, which only its text tells.
    #[must_use]
    pub fn may_do_without(&self) -> bool {
        self.required.iter().any(|asked| has_without(asked))
    }

    /// The phrases that must not be there.
    #[must_use]
    pub fn excluded_phrases(&self) -> Vec<PhraseTerms<'_>> {
        phrases(&self.excluded).collect()
    }

    /// Whether a document has what must be there, and nothing that must not.
    #[must_use]
    pub fn permits(&self, document: &Document) -> bool {
        self.required.iter().all(|asked| asked.iter().any(|asked| document.has(asked)))
            && !self.excluded.iter().any(|asked| document.has(asked))
    }

    /// The words of the query that a document has, as [`Snapshot::matched_terms`](crate::Snapshot::matched_terms) gives
    /// them.
    #[must_use]
    pub fn matched_in(&self, document: &Document) -> Vec<MatchedTerm> {
        let terms_of = |field: &Field| -> Vec<String> {
            let texts = document.texts(*field).iter();
            texts.flat_map(|text| analysis::analyze(text).0).map(|token| token.term).collect()
        };
        let fields = Field::ALL.map(|field| (field, terms_of(&field)));
        let mut matched: Vec<MatchedTerm> = Vec::new();
        for term in self.terms.iter().filter(|term| !term.is_prefix) {
            let having = fields.iter().filter(|(_, terms)| terms.contains(&term.term));
            let having: Vec<Field> = having.map(|(field, _)| *field).collect();
            if having.is_empty() {
                continue;
            }
            match matched.iter_mut().find(|before| before.surface == term.surface) {
                Some(before) => {
                    before.fields.extend(having);
                    before.fields.sort_unstable();
                    before.fields.dedup();
                }
                None => matched.push(MatchedTerm { surface: term.surface.clone(), fields: having }),
            }
        }
        matched
    }

    /// The words that a document must have all of to have every word.
    #[must_use]
    pub fn words(&self) -> Vec<&str> {
        let words = self.terms.iter().filter(|term| term.kind == Kind::Word && !term.is_prefix);
        words.map(|term| term.term.as_str()).collect()
    }

    /// The query with weights, among `n_documents` of which so many have each of its terms.
    #[must_use]
    pub fn weighed(&self, n_documents: u64, n_with: &HashMap<String, u64>) -> Weighed {
        let scoring = Scoring::default();
        let mut weighed = Weighed { terms: Vec::new(), words: Vec::new(), bound: 0.0 };
        for term in self.terms.iter().filter(|term| !term.is_prefix) {
            let n_with = n_with.get(&term.term).copied().unwrap_or(0).min(n_documents);
            if term.kind == Kind::Whole && (n_with == 0 || self.terms.len() > 1) {
                // Words that tell nothing, unless they are the whole question and a whole title.
                continue;
            }
            let idf = idf(n_documents as usize, n_with as usize);
            weighed.add_word(term, idf);
            let weight = scoring.weight_of_term(term) * idf;
            weighed.bound += weight * (scoring.k1 + 1.0);
            // Also one that no document had when it was counted: one may have it by now.
            weighed.terms.push((term.term.clone(), weight));
        }
        weighed
    }
}

impl Weighed {
    fn add_word(&mut self, term: &QueryTerm, idf: f32) {
        // An acronym's stem and its capitals are one word of the query, and so are two spellings.
        let known = self.words.iter_mut().find(|word| word.surface == term.surface);
        match (term.kind, known) {
            // It says again what its parts say.
            (Kind::Compound, _) | (Kind::Variant, None) => {}
            (kind, Some(word)) => {
                word.idf = if kind == Kind::Variant { word.idf } else { word.idf.max(idf) };
                word.terms.push(term.term.clone());
            }
            (_, None) => {
                let (surface, terms) = (term.surface.clone(), vec![term.term.clone()]);
                self.words.push(Word { surface, idf, terms });
            }
        }
    }

    /// What no score reaches: see [`Ranking::bound`](crate::Ranking::bound).
    #[must_use]
    pub fn bound(&self) -> f32 {
        self.bound
    }

    /// How many words tell something: see [`Ranking::n_telling_words`](crate::Ranking::n_telling_words).
    #[must_use]
    pub fn n_telling_words(&self) -> f32 {
        let squares: f32 = self.words.iter().map(|word| word.idf * word.idf).sum();
        let sum = self.sum();
        if squares > 0.0 { sum * sum / squares } else { 0.0 }
    }

    fn sum(&self) -> f32 {
        self.words.iter().map(|word| word.idf).sum()
    }

    /// The score of a document of whose terms `weight_of` gives the weights (0 for one that it has not), and the part of the
    /// query's words that it has (see [`Ranking::score_and_coverage`](crate::Ranking::score_and_coverage)).
    pub fn score(&self, weight_of: impl Fn(&str) -> f32) -> (f32, f32) {
        let score = self.terms.iter().map(|(term, weight)| weight * weight_of(term)).sum();
        let has = |word: &&Word| word.terms.iter().any(|term| weight_of(term) > 0.0);
        let covered: f32 = self.words.iter().filter(has).map(|word| word.idf).sum();
        let coverage = if covered > 0.0 { (covered / self.sum()).min(1.0) } else { 0.0 };
        (score, coverage)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Access, KeywordIndex, KeywordOptions};

    fn documents() -> Vec<Document> {
        let document = |title: &str, abstract_text: &str, author: &str| Document {
            title: title.to_owned(),
            abstract_text: abstract_text.to_owned(),
            authors: vec![author.to_owned()],
            ..Document::default()
        };
        vec![
            document("Deep learning of protein folds", "We learn SARS-CoV-2 folds deeply.", "A. Müller"),
            document("To be or not to be", "", "W. Shakespeare"),
            document("Graph neural networks", "Deep graphs and vitamin A.", "I. Neumann"),
            document("AIDS in the WHO European region", "A study of learning aids.", "Q. Ax"),
        ]
    }

    /// The scores that the index gives, and those of the terms alone, of every document.
    fn both(query: &Query) -> Vec<((f32, f32), (f32, f32))> {
        let folder = tempfile::tempdir().unwrap();
        let options = KeywordOptions { access: Access::Write, ..KeywordOptions::new(folder.path(), [0; 32]) };
        let index = KeywordIndex::open(options).unwrap();
        let mut update = index.begin().unwrap();
        let documents = documents();
        for (row, document) in (0u32..).zip(&documents) {
            update.upsert(row, document).unwrap();
        }
        update.commit(1).unwrap();
        let ranking = index.snapshot().rank(query).unwrap();
        let lengths = documents.iter().map(|document| {
            let n_tokens = |text: &str| analysis::analyze(text).0.len() as f32;
            3.0 * n_tokens(&document.title) + n_tokens(&document.abstract_text)
        });
        let average = lengths.sum::<f32>() / documents.len() as f32;
        let weights: Vec<_> = documents.iter().map(|document| document.term_weights(average)).collect();
        let n_with = query.term_texts().into_iter().map(|term| {
            (term.to_owned(), weights.iter().filter(|weights| weights.contains_key(term)).count() as u64)
        });
        let weighed = query.weighed(documents.len() as u64, &n_with.collect());
        assert!((weighed.bound() - ranking.bound()).abs() < 1e-4, "{query:?}");
        assert!((weighed.n_telling_words() - ranking.n_telling_words()).abs() < 1e-4, "{query:?}");
        let of_terms =
            weights.iter().map(|weights| weighed.score(|term| weights.get(term).copied().unwrap_or(0.0)));
        let of_index = (0..documents.len() as u32).map(|row| ranking.score_and_coverage(row));
        of_index.zip(of_terms).collect()
    }

    #[test]
    fn scores_are_those_of_the_index() {
        let queries = [
            "deep learning",
            "vitamin A",
            "AIDS",
            "müller folds",
            "SARS-CoV-2",
            "to be or not to be",
            "deep deep graph",
            "nothing of it",
            "learning aids in Europe",
        ];
        for query in queries {
            let scores = both(&Query::parse(query));
            for ((score, coverage), of_terms) in scores.iter().copied() {
                assert!((score - of_terms.0).abs() < 1e-3, "{query}: {scores:?}");
                assert!((coverage - of_terms.1).abs() < 1e-4, "{query}: {scores:?}");
            }
        }
        assert!(both(&Query::parse("deep learning"))[0].0.0 > 0.0);
    }

    #[test]
    fn phrases_permit_as_the_index_does() {
        let documents = documents();
        let permitted = |query: &Query| -> Vec<usize> {
            (0..documents.len()).filter(|at| query.permits(&documents[*at])).collect()
        };
        let mut query = Query::parse("deep");
        query.require_any(&["deep learning"]);
        assert_eq!(permitted(&query), [0]);
        assert_eq!(
            query.required_phrases(),
            [[PhraseTerms { terms: vec!["deep", "learn"], is_certain: false }]]
        );
        let mut query = Query::parse("deep");
        query.exclude("protein folds");
        assert_eq!(permitted(&query), [1, 2, 3]);
        let mut query = Query::parse("learning");
        query.require_in(Field::Title, "learning");
        assert_eq!(permitted(&query), [0]);
        let mut query = Query::default();
        query.require_prefix(None, "neur");
        assert!(query.has_beginnings());
        assert_eq!(permitted(&query), [2]);
        assert!(!Query::parse("deep").has_beginnings());
    }

    #[test]
    fn matched_terms_are_those_of_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let options = KeywordOptions { access: Access::Write, ..KeywordOptions::new(folder.path(), [0; 32]) };
        let index = KeywordIndex::open(options).unwrap();
        let mut update = index.begin().unwrap();
        for (row, document) in (0u32..).zip(&documents()) {
            update.upsert(row, document).unwrap();
        }
        update.commit(1).unwrap();
        let snapshot: Arc<_> = index.snapshot();
        for query in ["Deep folds of SARS-CoV-2", "AIDS and aids", "Müller", "vitamin A"] {
            let query = Query::parse(query);
            for (row, document) in (0u32..).zip(&documents()) {
                assert_eq!(
                    query.matched_in(document),
                    snapshot.matched_terms(&query, row).unwrap(),
                    "{query:?}"
                );
            }
        }
    }
}
