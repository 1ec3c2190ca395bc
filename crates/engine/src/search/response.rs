//! What is answered.

use std::ops::Range;
use std::time::Duration;

use cognate_index::SearchPath;
use cognate_keyword::{Correction, MatchedTerm};

use super::cursor::Cursor;
use super::relevance::QueryEvidence;
use super::request::Mode;
use crate::catalog::Facet;
use crate::store::StoredPaper;

/// The scores that a hit was given.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scores {
    /// Cosine of query and paper, in `[-1, 1]`.
    pub semantic: Option<f32>,
    /// BM25, from 0.
    pub keyword: Option<f32>,
    /// The part of the query's words that the paper has, from 0 to 1, each counted by its rarity.
    pub coverage: Option<f32>,
}

/// A place in one of the two rankings behind a hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// From 1; `None` past the depth to which the ranking was made.
    pub rank: Option<usize>,
    /// Cosine or BM25.
    pub score: f32,
    /// What went into the hybrid score, in `[0, 1]`.
    pub scaled: f32,
}

/// A sentence of an abstract.
#[derive(Debug, Clone, PartialEq)]
pub struct BestSentence {
    /// Where it is, in Unicode scalar values.
    pub chars: Range<usize>,
    /// Cosine to the query.
    pub score: f32,
}

/// Why a paper is a hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// By meaning, where it was ranked so.
    pub semantic: Option<Part>,
    /// By words, where it was ranked so.
    pub keyword: Option<Part>,
    /// The part of meaning in the score, which is
    /// `ratio · semantic.scaled + (1 − ratio) · keyword.scaled + neighbours`. `None` but in [`Mode::Hybrid`].
    pub semantic_ratio: Option<f32>,
    /// What the hits near it added to the score, from 0. `None` but in [`Mode::Hybrid`].
    pub neighbours: Option<f32>,
    /// The sentence of the abstract that comes nearest to the query.
    pub best_sentence: Option<BestSentence>,
    /// The query's words that the paper has.
    pub matched_terms: Vec<MatchedTerm>,
}

/// One paper in the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What the ranking is by, higher is better: in [`Mode::Semantic`] the cosine, in [`Mode::Keyword`]
    /// BM25, in [`Mode::Hybrid`] a number from 0 to 1.
    pub score: f32,
    /// How likely it is that the paper is what was asked for, or near to what was named, from 0 to 1. `None` where filters
    /// alone were asked for.
    pub relevance: Option<f32>,
    /// Every score computed.
    pub scores: Scores,
    /// The paper.
    pub paper: StoredPaper,
    /// Why, if that was asked.
    pub explanation: Option<Explanation>,
    /// For a recommendation: the seed that the paper is nearest to.
    pub nearest_seed: Option<String>,
}

/// What whoever asked should know of how the query was read. Empty where it was read as it stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// The identifier that was asked for, where no paper has it.
    pub unknown_identifier: Option<String>,
    /// What looks like an operator and was read as text: a `-word` at the very start, `year:` with what is no year.
    pub as_text: Option<String>,
    /// Words that no paper has, and those that were looked for instead.
    pub corrections: Vec<Correction>,
    /// Phrases that no paper has, and that were not required.
    pub missing_phrases: Vec<String>,
    /// Where no paper has what was required: what would fit without the quotation marks.
    pub without_marks: Option<WithoutMarks>,
}

/// A query without its quotation marks.
#[derive(Debug, Clone, PartialEq)]
pub struct WithoutMarks {
    /// The query.
    pub query: String,
    /// The papers that pass the filter and have every word of it.
    pub total: u64,
}

/// How an answer came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// How the papers were ranked.
    pub mode: Mode,
    /// The model behind the vectors; `None` for an empty store.
    pub model: Option<String>,
    /// The generation of the papers that were searched; `None` where there are no generations.
    pub generation: Option<u64>,
    /// Exact scan or graph.
    pub path: SearchPath,
    /// The part of meaning in hybrid scores, asked for or found for the query; `None` but in [`Mode::Hybrid`].
    pub semantic_ratio: Option<f32>,
    /// How well the best papers fit the query; `None` where no text was asked for.
    pub evidence: Option<QueryEvidence>,
    /// Time from request to answer.
    pub took: Duration,
    /// How the query was read.
    pub reading: Reading,
    /// Where a listing that was begun with [`Cursor::New`] goes on; `None` at its end, and where no cursor was given.
    pub cursor: Option<Cursor>,
}

/// A page of the ranking: descending score, ties in ascending order of id.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResponse {
    /// Papers that pass the filter and `min_score`, and have every phrase of the query; in
    /// [`Mode::Keyword`], of these the papers with a word of the query.
    pub total: u64,
    /// Of these, the papers whose relevance is [`RELEVANCE_CUT`](super::RELEVANCE_CUT) or more, where `facets` are of
    /// them alone.
    pub total_relevant: Option<u64>,
    /// Hits skipped before this page.
    pub offset: usize,
    /// The page.
    pub hits: Vec<Hit>,
    /// The papers of `total_relevant`, or of `total` where that is `None`, counted.
    pub facets: Vec<Facet>,
    /// How it came about.
    pub meta: Meta,
}
