//! What is asked, checked.

use std::fmt;

use super::cursor::Cursor;
use super::relevance::RELEVANCE_CUT;
use crate::backend::{Key, Wanted};
use crate::catalog::FacetField;
use crate::error::EngineError;
use crate::filter::Filter;
use crate::query_language::{Understood, boolean, understand};
use crate::store::DigestPeriod;

/// Longest query, in Unicode scalar values: room for a pasted abstract.
pub const MAX_QUERY_CHARS: usize = 10_000;
/// Most hits on one page.
pub const MAX_LIMIT: usize = 1_000;
/// Most hits that can be skipped.
pub const MAX_OFFSET: usize = 10_000;
/// Hits on a page when the request does not say.
const DEFAULT_LIMIT: usize = 10;
/// Most hits on a page whose best sentences are looked for: each costs the model some ten sentences.
pub const MAX_EXPLAINED: usize = 50;

/// Of how many of the best papers the newest come first.
pub(super) const N_SORTED: usize = 1_000;

/// How papers are ranked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// By meaning and words together: a convex combination of both, each scaled to 0 to 1.
    #[default]
    Hybrid,
    /// By cosine of the embeddings.
    Semantic,
    /// By BM25.
    Keyword,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hybrid => "hybrid",
            Self::Semantic => "semantic",
            Self::Keyword => "keyword",
        })
    }
}

impl std::str::FromStr for Mode {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text {
            "hybrid" => Ok(Self::Hybrid),
            "semantic" => Ok(Self::Semantic),
            "keyword" => Ok(Self::Keyword),
            other => {
                Err(invalid("mode", "`hybrid`, `semantic` or `keyword`".to_owned(), format!("{other:?}")))
            }
        }
    }
}

/// In which order hits come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// The best first.
    #[default]
    Relevance,
    /// The newest first, those without a date last: of all papers that are relevant enough, where that is asked, else of
    /// the thousand best, and then the others, the best first.
    Newest,
}

impl std::str::FromStr for Sort {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text {
            "relevance" => Ok(Self::Relevance),
            "newest" => Ok(Self::Newest),
            other => Err(invalid("sort", "`relevance` or `newest`".to_owned(), format!("{other:?}"))),
        }
    }
}

/// Which part of the ranking is asked for. Valid once made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Page {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(super) min_score: Option<f32>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, offset: 0, min_score: None }
    }
}

impl Page {
    /// Validates the bounds: `limit` 1 to [`MAX_LIMIT`] (default 10), `offset` 0 to [`MAX_OFFSET`]
    /// (default 0), `min_score` a cosine in `[-1, 1]` (default: none).
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter.
    pub fn new(
        limit: Option<usize>,
        offset: Option<usize>,
        min_score: Option<f32>,
    ) -> Result<Self, EngineError> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        let offset = offset.unwrap_or(0);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(invalid("limit", format!("1 to {MAX_LIMIT}"), limit));
        }
        if offset > MAX_OFFSET {
            return Err(invalid("offset", format!("0 to {MAX_OFFSET}"), offset));
        }
        if let Some(score) = min_score
            && !(-1.0..=1.0).contains(&score)
        {
            return Err(invalid("min_score", "a cosine from -1 to 1".to_owned(), score));
        }
        Ok(Self { limit, offset, min_score })
    }

    /// How far into the ranking it reaches.
    pub(super) fn end(self) -> usize {
        self.offset + self.limit
    }
}

pub(super) fn invalid(parameter: &'static str, expected: String, found: impl fmt::Display) -> EngineError {
    EngineError::InvalidRequest { parameter, expected, found: found.to_string() }
}

/// The part of meaning in a hybrid score: 0 for words only, 1 for meaning only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SemanticRatio(f32);

impl SemanticRatio {
    /// Validates a ratio from 0 to 1.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] if it is outside.
    pub fn new(ratio: f32) -> Result<Self, EngineError> {
        if (0.0..=1.0).contains(&ratio) {
            Ok(Self(ratio))
        } else {
            Err(invalid("semantic_ratio", "a number from 0 to 1".to_owned(), ratio))
        }
    }

    /// The ratio.
    #[must_use]
    pub fn get(self) -> f32 {
        self.0
    }
}

/// How to search and what to tell, beside the question itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchOptions {
    /// How papers are ranked; papers near a paper are always ranked by meaning.
    pub mode: Mode,
    /// The part of meaning in a hybrid score; `None` for the ratio that was found best.
    pub semantic_ratio: Option<SemanticRatio>,
    /// Which part of the ranking.
    pub page: Page,
    /// Asks for a listing that goes on as it began. Where it goes on is where a page begins, in place of its offset.
    pub cursor: Option<Cursor>,
    /// Lowest relevance of a hit of a query, from 0 to 1. `None` for no bound on hits but `only_fitting`, with facets of the
    /// papers from [`RELEVANCE_CUT`](super::RELEVANCE_CUT) on. For questions: refused without a query, and where it is the
    /// id of a paper.
    pub min_relevance: Option<f32>,
    /// Whether hits of a query whose relevance is below [`RELEVANCE_CUT`](super::RELEVANCE_CUT) are left out, where
    /// `min_relevance` says nothing else.
    pub only_fitting: bool,
    /// Which papers may be hits.
    pub filter: Filter,
    /// What to count the matching papers by.
    pub facets: Vec<FacetField>,
    /// In which order.
    pub sort: Sort,
    /// Whether to say for each hit why it is one; for at most [`MAX_EXPLAINED`] hits.
    pub explain: bool,
    /// Whether to compare every paper, so that nothing is missed, where many are searched by graph.
    pub exact: bool,
    /// Only the papers of this period; `None` for all.
    pub within: Option<DigestPeriod>,
    /// Which publications of one work may be hits.
    pub versions: Shown,
}

impl SearchOptions {
    /// With the filter of a query's operators.
    pub(crate) fn narrowed(&self, filter: Filter) -> Result<Self, EngineError> {
        Ok(Self { filter: self.filter.narrowed(filter)?, ..self.clone() })
    }

    /// The lowest relevance of a hit, where hits have one.
    pub(super) fn least_relevance(&self) -> Option<f32> {
        self.min_relevance.or(self.only_fitting.then_some(RELEVANCE_CUT))
    }

    /// Refuses a lowest relevance where no hit has one, for the reason `why`.
    pub(super) fn refuse_relevance(&self, why: &str) -> Result<(), EngineError> {
        match self.min_relevance {
            Some(relevance) if relevance > 0.0 => {
                Err(invalid("min_relevance", format!("none {why}"), relevance))
            }
            // 0 asks for all, which they are.
            _ => Ok(()),
        }
    }

    /// How far into the ranking the page reaches.
    pub(super) fn reach(&self) -> usize {
        match self.sort {
            Sort::Relevance => self.page.end(),
            Sort::Newest => self.page.end().max(N_SORTED),
        }
    }

    /// Which papers may be answers, of those with a text and these.
    pub(super) fn wanted<'a>(&'a self, named: &'a [Key]) -> Wanted<'a> {
        Wanted { filter: &self.filter, within: self.within, without_text: false, named }
    }

    pub(super) fn check(&self) -> Result<(), EngineError> {
        if let Some(relevance) = self.min_relevance
            && !(0.0..=1.0).contains(&relevance)
        {
            return Err(invalid("min_relevance", "a number from 0 to 1".to_owned(), relevance));
        }
        if self.explain && self.page.limit > MAX_EXPLAINED {
            let expected = format!("1 to {MAX_EXPLAINED} with `explain`");
            return Err(invalid("limit", expected, self.page.limit));
        }
        self.filter.check_size()
    }
}

/// Which of the publications of one work a search shows, duplicates and versions alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shown {
    /// All.
    #[default]
    All,
    /// One of those that pass: an article before its preprint, the fuller record first.
    One,
}

impl std::str::FromStr for Shown {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text {
            "all" => Ok(Self::All),
            "collapse" => Ok(Self::One),
            other => Err(invalid("versions", "`all` or `collapse`".to_owned(), format!("{other:?}"))),
        }
    }
}

/// A question to the papers. Valid once made.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    pub(super) query: String,
    pub(super) understood: Understood,
    pub(super) options: SearchOptions,
    /// Whether papers that the query names are all of the answer, and what is near them no part of it.
    pub(super) names_alone: bool,
}

impl SearchRequest {
    /// Validates a question: a query of at most [`MAX_QUERY_CHARS`] characters, a filter that is not too large, and
    /// not too many hits to be explained. A blank query asks for every paper that passes the filter, the newest
    /// first; there is no cosine to it, and no relevance.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter.
    pub fn new(query: impl Into<String>, options: SearchOptions) -> Result<Self, EngineError> {
        let query = query.into();
        if !query.trim().is_empty() || options.page.min_score.is_some() {
            check_query("q", &query)?;
        }
        let understood = understand(&query);
        Self { query, understood, options, names_alone: false }.checked()
    }

    /// Validates a question in which marks alone say what is wanted, as in `(fish | ladder) +river -lake`: a paper has every
    /// word that stands beside others. A blank query asks for all, as in [`new`](Self::new).
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter.
    pub fn boolean(query: impl Into<String>, options: SearchOptions) -> Result<Self, EngineError> {
        let query = query.into();
        let understood = if query.trim().is_empty() {
            Understood::default()
        } else {
            check_query("query", &query)?;
            boolean(&query)?
        };
        Self { query, understood, options, names_alone: true }.checked()
    }

    fn checked(self) -> Result<Self, EngineError> {
        let options = &self.options;
        options.check()?;
        if self.understood.text.is_empty() {
            options.refuse_relevance("without a question: filters alone give papers no relevance")?;
            if let Some(score) = options.page.min_score {
                let expected = "none without a question: there is no cosine to filters alone";
                return Err(invalid("min_score", expected.to_owned(), score));
            }
        }
        Ok(self)
    }
}

impl SearchRequest {
    /// The same question to the papers of a period.
    pub(crate) fn within(&self, period: DigestPeriod) -> Self {
        let mut request = self.clone();
        request.options.within = Some(period);
        request
    }
}

pub(super) fn check_query(parameter: &'static str, query: &str) -> Result<(), EngineError> {
    if query.trim().is_empty() {
        return Err(invalid(parameter, "a question or some words".to_owned(), "nothing"));
    }
    let n_chars = query.chars().count();
    if n_chars > MAX_QUERY_CHARS {
        let expected = format!("at most {MAX_QUERY_CHARS} characters");
        return Err(invalid(parameter, expected, format!("{n_chars} characters")));
    }
    Ok(())
}
