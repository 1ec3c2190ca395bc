//! The papers of a collection by the words of a query.
//!
//! A query becomes weights of terms, of which the server finds the papers with the highest products; what they score is
//! computed here, from the terms of each. How rare a word is, the server is asked by counting, and that is believed for some
//! minutes (`counts`). A word that nobody had when it was counted is looked for all the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cognate_engine::{Allowed, Backend, Cancel, Correction, EngineError, Key, WordScore, Words, document_of};
use cognate_keyword::{Query, Weighed};
use roaring::RoaringBitmap;

use crate::client::{MAX_ROWS, Target};
use crate::expression;
use crate::layout::term_key;
use crate::moment::{DEPTH, Moment};

/// Papers whose texts are looked through for phrases at the most.
const MAX_LOOKED_THROUGH: u64 = 5_000;
/// Results of which scores are computed anew here.
const EXACTLY_SCORED: usize = 1_000;

/// Who asks for more than this asks for as many as [`DEPTH`] next.
const ASKS_ON: usize = 200;

/// See the module's documentation.
pub(crate) struct Ranked<'m> {
    moment: &'m Moment<'m>,
    cancel: Cancel,
    query: Query,
    weighed: Weighed,
    /// What was found last.
    found: Mutex<Option<Found>>,
}

/// The first papers of a set.
struct Found {
    /// Of which set; `None` for all.
    among: Option<String>,
    /// How many were looked for.
    limit: usize,
    hits: Vec<(Key, f32)>,
}

impl<'m> Ranked<'m> {
    pub(crate) fn new(moment: &'m Moment<'_>, cancel: &Cancel, query: &Query) -> Result<Self, EngineError> {
        if query.has_beginnings() {
            let reason = "nobody keeps a list of all words there, so beginnings such as `neuro*` find nothing; write \
                          whole words";
            return Err(moment.not_there(reason));
        }
        let client = moment.client()?;
        let (n_papers, n_with) = moment.milvus.counts.of(cancel, client, &query.term_texts())?;
        let weighed = query.weighed(n_papers, &n_with);
        Ok(Self { moment, cancel: cancel.clone(), query: query.clone(), weighed, found: Mutex::default() })
    }

    /// The papers of a set that have a word.
    fn having_some(&self, allowed: Option<&Allowed>) -> Result<String, EngineError> {
        let terms = self.weighed.terms.iter().map(|(term, _)| term.as_str());
        Ok(expression::all(vec![expression::of_any_term(terms), self.moment.expression(allowed)?]))
    }

    /// The first papers of a set, with scores: the product as it was computed there, or here where there are few.
    fn best(&self, limit: usize, allowed: Option<&Allowed>) -> Result<Vec<(Key, f32)>, EngineError> {
        if self.weighed.terms.is_empty() {
            return Ok(Vec::new());
        }
        let among = allowed.map(|_| self.moment.expression(allowed)).transpose()?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let has_enough = |found: &Found| found.limit >= limit || found.hits.len() < found.limit;
        if let Some(known) = found.as_ref().filter(|known| known.among == among && has_enough(known)) {
            return Ok(known.hits.iter().take(limit).copied().collect());
        }
        let wanted = if (ASKS_ON..DEPTH).contains(&limit) { DEPTH } else { limit };
        let hits = self.looked_for(wanted, allowed)?;
        let first = hits.iter().take(limit).copied().collect();
        *found = Some(Found { among, limit: wanted, hits });
        Ok(first)
    }

    fn looked_for(&self, limit: usize, allowed: Option<&Allowed>) -> Result<Vec<(Key, f32)>, EngineError> {
        let mut weights: BTreeMap<u32, f32> = BTreeMap::new();
        for (term, weight) in &self.weighed.terms {
            *weights.entry(term_key(term)).or_default() += weight;
        }
        let target = Target::Terms(&weights);
        let mut best = self.moment.found(&self.cancel, &target, (allowed, limit, None))?;
        best.retain(|(_, score)| *score > 0.0);
        if best.len() <= EXACTLY_SCORED {
            let keys: Vec<Key> = best.iter().map(|(key, _)| *key).collect();
            let scores = self.scores(&keys)?;
            best = keys.into_iter().zip(scores).map(|(key, own)| (key, own.score)).collect();
            best.retain(|(_, score)| *score > 0.0);
        }
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Ok(best)
    }

    /// The keys of papers of an expression whose texts pass.
    fn looked_through(
        &self,
        expression: &str,
        passes: impl Fn(&cognate_keyword::Document) -> bool,
    ) -> Result<RoaringBitmap, EngineError> {
        if self.moment.client()?.count(&self.cancel, expression)? > MAX_LOOKED_THROUGH {
            let reason = format!(
                "more than {MAX_LOOKED_THROUGH} papers have the words of a phrase, and all would have to be looked through; \
                 ask for rarer words, or narrow the question by filters"
            );
            return Err(self.moment.not_there(&reason));
        }
        let keys = self.moment.listed(&self.cancel, expression)?;
        let mut passing = RoaringBitmap::new();
        for keys in keys.chunks(256) {
            for (key, stored) in self.moment.papers(&self.cancel, keys)? {
                if passes(&document_of(stored.paper)) {
                    passing.insert(key);
                }
            }
        }
        Ok(passing)
    }
}

impl Words for Ranked<'_> {
    fn corrections(&self) -> &[Correction] {
        &[]
    }

    fn missing_phrases(&self) -> &[String] {
        &[]
    }

    fn bound(&self) -> f32 {
        self.weighed.bound()
    }

    fn n_telling_words(&self) -> f32 {
        self.weighed.n_telling_words()
    }

    fn permitted(&self, allowed: Option<&Allowed>) -> Result<Option<Allowed>, EngineError> {
        if !self.query.is_restricted() {
            return Ok(None);
        }
        let of_phrases = |phrases: &[cognate_keyword::PhraseTerms<'_>]| {
            expression::any(
                phrases.iter().map(|phrase| expression::of_all_terms(phrase.terms.iter().copied())),
            )
        };
        let (required, excluded) = (self.query.required_phrases(), self.query.excluded_phrases());
        let mut conditions = vec![self.moment.expression(allowed)?];
        conditions.extend(required.iter().map(|phrases| of_phrases(phrases)));
        // A single word is known by its term alone.
        let certainly_out = excluded.iter().filter(|phrase| phrase.is_certain);
        conditions.extend(
            certainly_out
                .map(|phrase| format!("not ({})", expression::of_all_terms(phrase.terms.iter().copied()))),
        );
        let mut passing = expression::all(conditions);
        let is_certain = required.iter().flatten().all(|phrase| phrase.is_certain);
        if !is_certain || self.query.may_do_without() {
            return Ok(Some(Allowed::keys(self.looked_through(&passing, |own| self.query.permits(own))?)));
        }
        let uncertain: Vec<_> = excluded.into_iter().filter(|phrase| !phrase.is_certain).collect();
        if !uncertain.is_empty() {
            let suspects = expression::all(vec![passing.clone(), of_phrases(&uncertain)]);
            let out = self.looked_through(&suspects, |own| !self.query.permits(own))?;
            let out: Vec<Key> = out.iter().collect();
            let out = self.moment.ids(&self.cancel, &out)?;
            if !out.is_empty() {
                let out = format!("not ({})", expression::of_ids(out.values().map(String::as_str)));
                passing = expression::all(vec![passing, out]);
            }
        }
        Ok(Some(Moment::some(passing)))
    }

    fn top(&self, top_k: usize, allowed: Option<&Allowed>) -> Result<Vec<(Key, f32)>, EngineError> {
        self.best(top_k.min(MAX_ROWS), allowed)
    }

    fn matches(
        &self,
        allowed: Option<&Allowed>,
        is_wanted: &dyn Fn(f32) -> bool,
    ) -> Result<Vec<(Key, f32)>, EngineError> {
        let mut best = self.best(DEPTH, allowed)?;
        best.retain(|(_, score)| is_wanted(*score));
        Ok(best)
    }

    fn matching(&self, allowed: Option<&Allowed>) -> Result<Allowed, EngineError> {
        Ok(Moment::some(self.having_some(allowed)?))
    }

    fn count(&self, allowed: Option<&Allowed>) -> Result<u64, EngineError> {
        self.moment.client()?.count(&self.cancel, &self.having_some(allowed)?)
    }

    fn scores(&self, keys: &[Key]) -> Result<Vec<WordScore>, EngineError> {
        let fetched = self.moment.fetched(&self.cancel, keys)?;
        let score = |own: Option<std::sync::Arc<crate::moment::Vectors>>| {
            own.map_or_else(WordScore::default, |own| {
                let weight_of = |term: &str| own.terms.get(&term_key(term)).copied().unwrap_or(0.0);
                let (score, coverage) = self.weighed.score(weight_of);
                WordScore { score, coverage }
            })
        };
        Ok(fetched.into_iter().map(score).collect())
    }
}
