//! Where papers, vectors and texts lie, as whatever answers questions sees it.
//!
//! Ranking, fusion, explanation, the reading of queries and recommendations are written once, above [`Backend`]. A value
//! of it is one moment: every call of one request is answered from the same papers. Papers are named by opaque keys.
//! Which papers may be answers is said as a tree ([`Filter`]), and is from then on a set in the backend's own form
//! ([`Allowed`]): an engine that keeps no sets of its own can have a condition there.
//!
//! Each call takes a [`Cancel`], which has a deadline too: it gives up when the answer is no longer wanted.
//!
//! Papers lie in a data folder on this machine, or with another engine: a [`Remote`], which takes papers too.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use cognate_corpus::{Lookup, Paper, PaperId};
use cognate_index::Found;
use cognate_keyword::{Correction, MatchedTerm, Query};
use cognate_vector::{Scored, UnitVector};
use roaring::RoaringBitmap;

use crate::cancel::Cancel;
use crate::catalog::{Facet, FacetField};
use crate::error::EngineError;
use crate::filter::Filter;
use crate::helpers::Begun;
use crate::store::{DigestPeriod, DroppedPaper, StoredPaper};
use crate::stored_model::StoredModel;

/// Names a paper within one moment of a backend, and says nothing else.
pub type Key = u32;

/// Papers that may be answers, in the form of the backend that made it.
#[derive(Debug, Clone)]
pub struct Allowed(Form);

#[derive(Debug, Clone)]
enum Form {
    Keys(RoaringBitmap),
    Other(Arc<dyn Any + Send + Sync>),
}

impl Allowed {
    /// These papers and no others.
    #[must_use]
    pub fn keys(keys: RoaringBitmap) -> Self {
        Self(Form::Keys(keys))
    }

    /// Papers of which the backend knows how to tell them.
    #[must_use]
    pub fn other(form: Arc<dyn Any + Send + Sync>) -> Self {
        Self(Form::Other(form))
    }

    /// The papers' keys, where they are known.
    #[must_use]
    pub fn as_keys(&self) -> Option<&RoaringBitmap> {
        match &self.0 {
            Form::Keys(keys) => Some(keys),
            Form::Other(_) => None,
        }
    }

    /// What [`other`](Self::other) was given.
    #[must_use]
    pub fn as_other<T: 'static>(&self) -> Option<&T> {
        match &self.0 {
            Form::Keys(_) => None,
            Form::Other(form) => form.downcast_ref(),
        }
    }
}

/// Which papers may be answers.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The tree of conditions that they pass.
    pub filter: &'a Filter,
    /// When they came; of a backend without saved queries always `None`.
    pub within: Option<DigestPeriod>,
    /// Whether those with neither title nor abstract are among them, which are in no ranking.
    pub without_text: bool,
    /// Those that may be answers with neither title nor abstract, all the same.
    pub named: &'a [Key],
}

/// Which papers near a vector are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Nearest<'a> {
    /// The vector, of norm 1.
    pub vector: &'a UnitVector,
    /// How many.
    pub top_k: usize,
    /// Whether none may be missed, where the backend can do that.
    pub exact: bool,
    /// Among which; `None` for all papers with a text.
    pub allowed: Option<&'a Allowed>,
}

/// Cosines that are being computed.
pub struct CosinesAhead(pub(crate) Begun<Result<Vec<Option<f32>>, EngineError>>);

impl CosinesAhead {
    /// One for each key, `None` where there is no vector.
    ///
    /// # Errors
    /// As for [`Backend::cosines`].
    pub(crate) fn finish(self) -> Result<Vec<Option<f32>>, EngineError> {
        self.0.finish()?
    }
}

/// One moment of a collection of papers. `None` for `allowed` means all papers that have a text.
///
/// Every call fails with [`EngineError::Superseded`] if it was cancelled or its deadline has passed, and with whatever is
/// wrong with the backend.
pub trait Backend {
    /// The generation of the papers; `None` where there are none.
    fn generation(&self) -> Option<u64>;

    /// The name of the model behind the vectors.
    ///
    /// # Errors
    /// As for all calls.
    fn model_name(&self, cancel: &Cancel) -> Result<Option<String>, EngineError>;

    /// The papers that may be answers; `None` for all that have a text.
    ///
    /// # Errors
    /// As for all calls.
    fn allowed(&self, cancel: &Cancel, wanted: &Wanted<'_>) -> Result<Option<Allowed>, EngineError>;

    /// Papers without some.
    ///
    /// # Errors
    /// As for all calls.
    fn without(
        &self,
        cancel: &Cancel,
        allowed: Option<&Allowed>,
        keys: &[Key],
    ) -> Result<Allowed, EngineError>;

    /// All keys of a set.
    ///
    /// # Errors
    /// As for all calls.
    fn keys(&self, cancel: &Cancel, allowed: Option<&Allowed>) -> Result<RoaringBitmap, EngineError>;

    /// Those of `keys` that are in a set.
    ///
    /// # Errors
    /// As for all calls.
    fn among(
        &self,
        cancel: &Cancel,
        allowed: Option<&Allowed>,
        keys: &[Key],
    ) -> Result<RoaringBitmap, EngineError>;

    /// How many papers are in a set.
    ///
    /// # Errors
    /// As for all calls.
    fn count(&self, cancel: &Cancel, allowed: Option<&Allowed>) -> Result<u64, EngineError>;

    /// The papers nearest to a vector: by descending cosine, ties by key, on through every tie with the last.
    ///
    /// # Errors
    /// As for all calls.
    fn nearest(&self, cancel: &Cancel, nearest: &Nearest<'_>) -> Result<Found, EngineError>;

    /// Every paper of a set whose cosine to a vector is at least a score, best first.
    ///
    /// # Errors
    /// As for all calls.
    fn at_least(
        &self,
        cancel: &Cancel,
        vector_and_score: (&UnitVector, f32),
        allowed: Option<&Allowed>,
    ) -> Result<Vec<Scored>, EngineError>;

    /// Every paper of a set whose cosine to a vector is at least a score that differs from paper to paper.
    ///
    /// # Errors
    /// As for all calls.
    fn at_least_each(
        &self,
        cancel: &Cancel,
        vector_and_scores: (&UnitVector, &(dyn Fn(Key) -> f32 + Sync)),
        allowed: Option<&Allowed>,
    ) -> Result<RoaringBitmap, EngineError>;

    /// The cosine of each of these papers, in their order; `None` for one without a text.
    ///
    /// # Errors
    /// As for all calls.
    fn cosines(
        &self,
        cancel: &Cancel,
        vector: &UnitVector,
        keys: &[Key],
    ) -> Result<Vec<Option<f32>>, EngineError>;

    /// The cosines that [`cosines`](Self::cosines) gives, computed beside what the caller does next; `None` where the backend
    /// does one thing at a time.
    fn cosines_ahead(&self, _vector: &UnitVector, _keys: &[Key]) -> Option<CosinesAhead> {
        None
    }

    /// The vector of each of these papers, in their order; `None` for one without a text.
    ///
    /// # Errors
    /// As for all calls.
    fn vectors(&self, cancel: &Cancel, keys: &[Key]) -> Result<Vec<Option<UnitVector>>, EngineError>;

    /// The vector of a paper that was looked up; `None` for one without a text.
    ///
    /// # Errors
    /// As for all calls.
    fn vector(&self, cancel: &Cancel, key: Key) -> Result<Option<UnitVector>, EngineError>;

    /// The papers by the words of a query.
    ///
    /// # Errors
    /// As for all calls.
    fn words(&self, cancel: &Cancel, query: &Query) -> Result<Box<dyn Words + '_>, EngineError>;

    /// How many papers of a set have every word of a query.
    ///
    /// # Errors
    /// As for all calls.
    fn count_with_every_word(
        &self,
        cancel: &Cancel,
        query: &Query,
        allowed: Option<&Allowed>,
    ) -> Result<u64, EngineError>;

    /// For each of these papers the terms of a query that it has, and in which fields.
    ///
    /// # Errors
    /// As for all calls.
    fn matched_terms(
        &self,
        cancel: &Cancel,
        query: &Query,
        keys: &[Key],
    ) -> Result<Vec<Vec<MatchedTerm>>, EngineError>;

    /// The first `n` papers of a set by day of publication, the latest first, those without one last, ties by key, on
    /// through every tie with the last; with the days from 1970-01-01.
    ///
    /// # Errors
    /// As for all calls.
    fn newest(
        &self,
        cancel: &Cancel,
        allowed: Option<&Allowed>,
        n: usize,
    ) -> Result<Vec<(Key, Option<i32>)>, EngineError>;

    /// The day of publication of each of these papers, in their order, in days from 1970-01-01.
    ///
    /// # Errors
    /// As for all calls.
    fn published(&self, cancel: &Cancel, keys: &[Key]) -> Result<Vec<Option<i32>>, EngineError>;

    /// The papers of a set, counted by fields.
    ///
    /// # Errors
    /// As for all calls.
    fn facets(
        &self,
        cancel: &Cancel,
        fields: &[FacetField],
        allowed: &Allowed,
    ) -> Result<Vec<Facet>, EngineError>;

    /// The papers that have one of these ids or identifiers.
    ///
    /// # Errors
    /// As for all calls.
    fn look_up(&self, cancel: &Cancel, lookup: &Lookup) -> Result<Vec<StoredPaper>, EngineError>;

    /// A dropped duplicate that has one of these ids or identifiers.
    ///
    /// # Errors
    /// As for all calls.
    fn look_up_dropped(&self, cancel: &Cancel, lookup: &Lookup) -> Result<Option<DroppedPaper>, EngineError>;

    /// The keys of papers by id; one that is not there is left out.
    ///
    /// # Errors
    /// As for all calls.
    fn keys_of(&self, cancel: &Cancel, ids: &[String]) -> Result<HashMap<String, Key>, EngineError>;

    /// The ids of these papers.
    ///
    /// # Errors
    /// As for all calls.
    fn ids(&self, cancel: &Cancel, keys: &[Key]) -> Result<HashMap<Key, String>, EngineError>;

    /// These papers; one that is gone or damaged is left out.
    ///
    /// # Errors
    /// As for all calls.
    fn papers(&self, cancel: &Cancel, keys: &[Key]) -> Result<HashMap<Key, StoredPaper>, EngineError>;
}

/// The papers by the words of one query. Fails as [`Backend`] does.
pub trait Words {
    /// Words that no paper has, and those that are looked for instead.
    fn corrections(&self) -> &[Correction];

    /// Phrases that no paper has, and that are not required.
    fn missing_phrases(&self) -> &[String];

    /// The highest score imaginable.
    fn bound(&self) -> f32;

    /// How many words of equal rarity would tell as much as those of the query.
    fn n_telling_words(&self) -> f32;

    /// The papers of a set that have what the query requires; `None` where it requires nothing.
    ///
    /// # Errors
    /// As for all calls.
    fn permitted(&self, allowed: Option<&Allowed>) -> Result<Option<Allowed>, EngineError>;

    /// The `top_k` best papers of a set, with their scores: best first, ties by key. Fewer only where fewer match.
    ///
    /// # Errors
    /// As for all calls.
    fn top(&self, top_k: usize, allowed: Option<&Allowed>) -> Result<Vec<(Key, f32)>, EngineError>;

    /// All papers of a set that match and whose score is wanted, with their scores, in no particular order. Where a score is
    /// wanted, every higher one must be.
    ///
    /// # Errors
    /// As for all calls.
    fn matches(
        &self,
        allowed: Option<&Allowed>,
        is_wanted: &dyn Fn(f32) -> bool,
    ) -> Result<Vec<(Key, f32)>, EngineError>;

    /// The papers of a set that match.
    ///
    /// # Errors
    /// As for all calls.
    fn matching(&self, allowed: Option<&Allowed>) -> Result<Allowed, EngineError>;

    /// How many papers of a set match.
    ///
    /// # Errors
    /// As for all calls.
    fn count(&self, allowed: Option<&Allowed>) -> Result<u64, EngineError>;

    /// What the query's words say of each of these papers, in their order; zeros for one that does not match.
    ///
    /// # Errors
    /// As for all calls.
    fn scores(&self, keys: &[Key]) -> Result<Vec<WordScore>, EngineError>;
}

/// What the words of a query say of a paper.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WordScore {
    /// BM25, from 0.
    pub score: f32,
    /// The part of the query's words that it has, from 0 to 1, each counted by its rarity.
    pub coverage: f32,
}

/// Where papers lie with another engine. All that is acknowledged is in every later moment, of whatever process.
///
/// Every call fails with [`EngineError::Superseded`] if it was cancelled or its deadline has passed, and with
/// [`EngineError::Away`] if the engine does not answer.
pub trait Remote: Send + Sync {
    /// What people call it, such as `milvus://localhost:19530/papers`.
    fn name(&self) -> &str;

    /// Asks whether the engine answers.
    ///
    /// # Errors
    /// As for all calls.
    fn check(&self, cancel: &Cancel) -> Result<(), EngineError>;

    /// Whether a search for what is near misses nothing.
    ///
    /// # Errors
    /// As for all calls.
    fn is_exact(&self, cancel: &Cancel) -> Result<bool, EngineError>;

    /// The model behind the vectors; `None` where no papers were put yet.
    ///
    /// # Errors
    /// As for all calls; [`EngineError::NotOurs`] if what is there was not made by cognate.
    fn model(&self, cancel: &Cancel) -> Result<Option<StoredModel>, EngineError>;

    /// The papers as they are now, for one request.
    ///
    /// # Errors
    /// As [`model`](Self::model).
    fn moment<'a>(&'a self, cancel: &Cancel) -> Result<Box<dyn Backend + 'a>, EngineError>;

    /// How many papers there are.
    ///
    /// # Errors
    /// As for all calls.
    fn n_papers(&self, cancel: &Cancel) -> Result<u64, EngineError>;

    /// Makes the place ready for papers with vectors of a model; nothing where it is.
    ///
    /// # Errors
    /// As [`model`](Self::model); [`EngineError::ModelMismatch`] if its vectors are by another model.
    fn prepare(&self, cancel: &Cancel, model: &StoredModel) -> Result<(), EngineError>;

    /// What is known of papers by id; one that is not there is left out.
    ///
    /// # Errors
    /// As for all calls.
    fn known(&self, cancel: &Cancel, ids: &[&PaperId]) -> Result<HashMap<String, Known>, EngineError>;

    /// The vectors of papers by id; one that is not there or has no text is left out.
    ///
    /// # Errors
    /// As for all calls.
    fn vectors_of(
        &self,
        cancel: &Cancel,
        ids: &[&PaperId],
    ) -> Result<HashMap<String, UnitVector>, EngineError>;

    /// Papers by id, in order of id; one that is not there is left out.
    ///
    /// # Errors
    /// As for all calls.
    fn papers_of(&self, cancel: &Cancel, ids: &[String]) -> Result<Vec<StoredPaper>, EngineError>;

    /// Papers whose titles have the same words in the same order, some of them where there are many.
    ///
    /// # Errors
    /// As for all calls.
    fn with_title(&self, cancel: &Cancel, title: &str) -> Result<Vec<StoredPaper>, EngineError>;

    /// The next papers of a set, in order of id; none at its end.
    ///
    /// # Errors
    /// As for all calls; [`EngineError::OtherBackend`] for a set of keys, which are of one moment.
    fn scan(&self, cancel: &Cancel, scan: &Scan<'_>) -> Result<Vec<Scanned>, EngineError>;

    /// Puts papers in the place of those of their ids. When this returns, all of them are there. No id comes twice.
    ///
    /// # Errors
    /// As for all calls; some may be there all the same.
    fn upsert(&self, cancel: &Cancel, papers: &[Upsert<'_>]) -> Result<(), EngineError>;

    /// Deletes a paper; `false` if it is not there.
    ///
    /// # Errors
    /// As for all calls.
    fn delete(&self, cancel: &Cancel, id: &PaperId) -> Result<bool, EngineError>;

    /// Lets the engine put what came last in shape for searching.
    ///
    /// # Errors
    /// As for all calls.
    fn settle(&self, cancel: &Cancel) -> Result<(), EngineError>;
}

/// What a [`Remote`] knows of a paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// SHA-256 of the text that its vector is of.
    pub text_hash: [u8; 32],
    /// SHA-256 of all that it says.
    pub paper_hash: [u8; 32],
    /// When its id was first indexed: RFC 3339, UTC.
    pub first_indexed: String,
}

/// Which papers are read one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    /// Among which, a set of any moment; `None` for all, those without a text too.
    pub allowed: Option<&'a Allowed>,
    /// Those whose ids come behind this one.
    pub after: &'a str,
    /// How many at the most.
    pub n: usize,
    /// Whether their vectors are wanted.
    pub with_vectors: bool,
}

/// A paper that was read so.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// The paper. Its row says nothing.
    pub stored: StoredPaper,
    /// Its vector, where that is wanted and there is a text.
    pub vector: Option<UnitVector>,
}

/// A paper on its way to a [`Remote`].
#[derive(Debug, Clone)]
pub struct Upsert<'a> {
    /// The paper.
    pub paper: &'a Paper,
    /// Of its text, of norm 1; `None` where it has neither title nor abstract.
    pub vector: Option<&'a UnitVector>,
    /// What will be known of it.
    pub known: Known,
}
