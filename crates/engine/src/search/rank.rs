//! From a question to the rows that answer it, best first.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use cognate_index::{SearchParams, SearchPath};
use cognate_keyword::Query;
use cognate_vector::UnitVector;
use roaring::RoaringBitmap;

use super::fusion::{self, DEPTH, Scale};
use super::request::{Mode, SearchOptions, Sort};
use super::response::{Reading, WithoutMarks};
use crate::cancel::Cancel;
use crate::error::EngineError;
use crate::query_batcher::PendingVector;
use crate::store::DigestPeriod;
use crate::view::Snapshot;
use crate::works::Works;

/// What is looked for.
#[derive(Clone)]
pub(super) struct Question<'a> {
    /// The query's words; `None` where papers near a paper are looked for.
    pub(super) words: Option<Query>,
    /// The query without its marks.
    pub(super) text: &'a str,
    /// What is near. `None` only in [`Mode::Keyword`].
    pub(super) target: Option<Target>,
    /// How rows are ranked.
    pub(super) mode: Mode,
    /// Whether every row that passes is an answer: there is nothing to rank by but dates.
    pub(super) browses: bool,
    /// Rows that come first, whatever their score: the papers that the query names.
    pub(super) pinned: Vec<u32>,
    /// Rows that are no answer, ascending.
    pub(super) exclude: Vec<u32>,
    pub(super) options: &'a SearchOptions,
    /// Whether the answer is still wanted.
    pub(super) cancel: Cancel,
}

/// What is looked for by meaning.
#[derive(Clone)]
pub(super) enum Target {
    /// The vector of a paper, or of several.
    Known(UnitVector),
    /// The vector of the query. While the model makes it, the query's words are ranked.
    Pending(Arc<PendingVector>),
}

impl Question<'_> {
    /// The vector that is looked for, when it is there.
    pub(super) fn vector(&self) -> Result<Option<&UnitVector>, EngineError> {
        match &self.target {
            None => Ok(None),
            Some(Target::Known(vector)) => Ok(Some(vector)),
            Some(Target::Pending(pending)) => pending.wait().map(Some),
        }
    }
}

/// The place of a row that is ranked by its score.
const UNPLACED: u32 = u32::MAX;

/// A row that may be a hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) row: u32,
    /// By which it is ranked.
    pub(super) score: f32,
    /// Cosine, where it was computed.
    pub(super) semantic: Option<f32>,
    /// BM25, where it was computed.
    pub(super) keyword: Option<f32>,
    /// Cosine and BM25 as they went into a hybrid score.
    pub(super) scaled: (f32, f32),
    /// Lower places come first, whatever the scores.
    pub(super) place: u32,
    /// Days from 1970-01-01, where the order is by date.
    published: Option<i32>,
}

impl Candidate {
    pub(super) fn new(row: u32) -> Self {
        Self {
            row,
            score: 0.0,
            semantic: None,
            keyword: None,
            scaled: (0.0, 0.0),
            place: UNPLACED,
            published: None,
        }
    }

    /// The order of the answer, before ties are broken by id.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let by_date = other.published.cmp(&self.published);
        let by_score = other.score.total_cmp(&self.score);
        self.place.cmp(&other.place).then(by_date).then(by_score)
    }
}

/// The head of the answer: to the end of the page at least, and on through every tie with its last hit.
pub(super) struct Ranking {
    /// In order of [`Candidate::order`], then of row.
    pub(super) candidates: Vec<Candidate>,
    /// All rows that match.
    pub(super) total: u64,
    /// The rows that pass filter and phrases; `None` for all.
    pub(super) allowed: Option<RoaringBitmap>,
    /// The rows that match as a set, where facets are asked for.
    pub(super) matching: Option<RoaringBitmap>,
    pub(super) path: SearchPath,
    /// How the query was read.
    pub(super) reading: Reading,
}

/// Ranks the rows of a snapshot, of each of the `works` one.
pub(super) fn rank(
    snapshot: &Snapshot,
    works: Option<&Works>,
    question: &Question<'_>,
) -> Result<Ranking, EngineError> {
    let options = question.options;
    let words = match &question.words {
        Some(words) if question.mode != Mode::Semantic || words.is_restricted() => {
            Some(snapshot.keywords.rank(words)?)
        }
        _ => None,
    };
    let mut allowed =
        if options.filter.is_empty() { None } else { Some(snapshot.catalog.matching(&options.filter)) };
    if let Some(DigestPeriod { after, until }) = options.within {
        let mut rows = RoaringBitmap::new();
        rows.insert_range(after.saturating_add(1)..=until);
        let live: RoaringBitmap = snapshot.vectors.rows().into_iter().collect();
        allowed = Some(allowed.unwrap_or(live) & rows);
    }
    let mut reading = words.as_ref().map_or_else(Reading::default, |words| Reading {
        corrections: words.query().corrections().to_vec(),
        missing_phrases: words.missing_phrases().to_vec(),
        without_marks: None,
    });
    if let Some(permitted) = words.as_ref().and_then(cognate_keyword::Ranking::permitted) {
        let both = allowed.as_ref().map_or_else(|| permitted.clone(), |allowed| allowed & permitted);
        if both.is_empty() {
            let found = snapshot.keywords.with_every_word(&Query::parse(question.text))?;
            let total = allowed.map_or(found.len(), |allowed| (allowed & found).len());
            reading.without_marks = Some(WithoutMarks { query: question.text.to_owned(), total });
        }
        allowed = Some(both);
    }
    let vector = question.vector()?;
    if let Some(works) = works {
        // Of those that match, so that a publication which does not is not preferred to one that does.
        let matching =
            Context { snapshot, question, vector, words: words.as_ref(), allowed: allowed.as_ref() }
                .matching()?;
        allowed = Some(works.one_of_each(matching));
    }
    let context = Context { snapshot, question, vector, words: words.as_ref(), allowed: allowed.as_ref() };

    let (mut candidates, path) = context.candidates()?;
    candidates.retain(|candidate| question.exclude.binary_search(&candidate.row).is_err());
    if let Some(min_score) = options.page.min_score {
        context.add_cosines(&mut candidates)?;
        candidates.retain(|candidate| candidate.semantic.is_some_and(|score| score >= min_score));
    }
    if options.sort == Sort::Newest {
        let catalog = &snapshot.catalog;
        candidates.iter_mut().for_each(|candidate| candidate.published = catalog.published(candidate.row));
    }
    candidates.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));

    let matching = if options.facets.is_empty() { None } else { Some(context.matching()?) };
    let total = match &matching {
        Some(matching) => matching.len(),
        None => context.count()?,
    };
    Ok(Ranking { candidates, total, allowed, matching, path, reading })
}

/// How `depth` rows are found of which those before `end` may be on the page. A walk is as wide as the page
/// needs, so that it has the right ones; of the others it may miss some, since they only tell where the scale of
/// scores begins.
pub(super) fn nearest<'a>(
    options: &SearchOptions,
    allowed: Option<&'a RoaringBitmap>,
    (end, depth): (usize, usize),
) -> SearchParams<'a> {
    let ef = (depth > end).then_some(2 * end);
    SearchParams { top_k: depth, exact: options.exact, allowed, ef }
}

/// What ranking works on.
struct Context<'a> {
    snapshot: &'a Snapshot,
    question: &'a Question<'a>,
    vector: Option<&'a UnitVector>,
    words: Option<&'a cognate_keyword::Ranking>,
    /// The rows that pass filter and phrases; `None` for all.
    allowed: Option<&'a RoaringBitmap>,
}

impl Context<'_> {
    /// The rows that may be on the page, each with its score.
    fn candidates(&self) -> Result<(Vec<Candidate>, SearchPath), EngineError> {
        let Question { mode, options, .. } = self.question;
        if self.question.browses {
            let rows = self.matching()?;
            return Ok((rows.iter().map(Candidate::new).collect(), SearchPath::Exact));
        }
        let end = options.page.end() + self.question.exclude.len();
        let depth =
            if *mode == Mode::Hybrid || options.sort != Sort::Relevance { end.max(DEPTH) } else { end };
        let semantic = match self.vector {
            Some(vector) if *mode != Mode::Keyword => {
                let params = nearest(options, self.allowed, (end, depth));
                Some(self.snapshot.vectors.search(vector, &params)?)
            }
            _ => None,
        };
        let path = semantic.as_ref().map_or(SearchPath::Exact, |found| found.path);
        let keyword = match self.words {
            Some(words) if *mode != Mode::Semantic => top_with_ties(words, depth, self.allowed),
            _ => Vec::new(),
        };

        let semantic_hits = semantic.map_or_else(Vec::new, |found| found.hits);
        let mut candidates: HashMap<u32, Candidate> = HashMap::new();
        for hit in &semantic_hits {
            let candidate =
                Candidate { semantic: Some(hit.score), score: hit.score, ..Candidate::new(hit.row) };
            candidates.insert(hit.row, candidate);
        }
        for &(row, score) in &keyword {
            let candidate = candidates.entry(row).or_insert_with(|| Candidate::new(row));
            candidate.keyword = Some(score);
            candidate.score = score;
        }
        for &row in &self.question.pinned {
            if self.allowed.is_none_or(|allowed| allowed.contains(row)) && self.snapshot.vectors.contains(row)
            {
                candidates.entry(row).or_insert_with(|| Candidate::new(row)).place = 0;
            }
        }
        let mut candidates: Vec<Candidate> = candidates.into_values().collect();
        if *mode != Mode::Keyword {
            self.add_cosines(&mut candidates)?;
        }
        if *mode == Mode::Semantic {
            candidates.iter_mut().for_each(|candidate| candidate.score = candidate.semantic.unwrap_or(-1.0));
        }
        if *mode == Mode::Hybrid {
            if let Some(words) = self.words {
                candidates
                    .iter_mut()
                    .for_each(|candidate| candidate.keyword = Some(words.score(candidate.row)));
            }
            let words_bound = self.words.map_or(0.0, cognate_keyword::Ranking::bound);
            let scales = (
                Scale::of(semantic_hits.iter().map(|hit| hit.score)),
                Scale::of(keyword.iter().map(|(_, score)| *score)).reaching(fusion::WEAK * words_bound),
            );
            let ratio = options.semantic_ratio.map_or(fusion::SEMANTIC_RATIO, |ratio| ratio.get());
            fusion::fuse(&mut candidates, scales, ratio);
        }
        Ok((candidates, path))
    }

    /// Gives each candidate its cosine.
    fn add_cosines(&self, candidates: &mut [Candidate]) -> Result<(), EngineError> {
        let Some(vector) = self.vector else { return Ok(()) };
        let mut without: Vec<&mut Candidate> =
            candidates.iter_mut().filter(|candidate| candidate.semantic.is_none()).collect();
        let rows: Vec<u32> = without.iter().map(|candidate| candidate.row).collect();
        let scores = self.snapshot.vectors.scores_of(vector, &rows)?;
        without.iter_mut().zip(scores).for_each(|(candidate, score)| candidate.semantic = score);
        Ok(())
    }

    /// How many rows match.
    fn count(&self) -> Result<u64, EngineError> {
        let Question { mode, options, exclude, .. } = self.question;
        let vectors = &self.snapshot.vectors;
        let is_allowed = |row: u32| self.allowed.is_none_or(|allowed| allowed.contains(row));
        let excluded = exclude.iter().copied().filter(|row| is_allowed(*row));
        match (mode, options.page.min_score, self.vector) {
            (Mode::Keyword, Some(_), _) => Ok(self.matching()?.len()),
            (Mode::Keyword, None, _) => {
                let Some(words) = self.words else { return Ok(0) };
                let n_excluded = excluded.filter(|row| words.score(*row) > 0.0).count();
                Ok(words.count(self.allowed) - n_excluded as u64)
            }
            (_, Some(min_score), Some(vector)) => {
                let n_passing = vectors.count_at_least(vector, min_score, self.allowed)?;
                let mut n_excluded = 0;
                for row in excluded {
                    n_excluded += usize::from(vectors.score(vector, row)?.is_some_and(|s| s >= min_score));
                }
                Ok((n_passing - n_excluded) as u64)
            }
            _ => {
                let n = self.allowed.map_or(vectors.len() as u64, RoaringBitmap::len);
                Ok(n - excluded.filter(|row| vectors.contains(*row)).count() as u64)
            }
        }
    }

    /// The rows that match.
    fn matching(&self) -> Result<RoaringBitmap, EngineError> {
        let Question { mode, options, exclude, .. } = self.question;
        let vectors = &self.snapshot.vectors;
        let mut rows = match self.allowed {
            Some(allowed) => allowed.clone(),
            None => vectors.rows().into_iter().collect(),
        };
        exclude.iter().for_each(|row| {
            rows.remove(*row);
        });
        if *mode == Mode::Keyword {
            rows &= self.words.map_or_else(RoaringBitmap::new, cognate_keyword::Ranking::matching);
        }
        if let (Some(min_score), Some(vector)) = (options.page.min_score, self.vector) {
            let near = vectors.at_least(vector, min_score, Some(&rows))?;
            rows = near.map(|hit| hit.row).collect();
        }
        Ok(rows)
    }
}

/// The best rows by words, and on through every tie with the last.
fn top_with_ties(
    words: &cognate_keyword::Ranking,
    top_k: usize,
    allowed: Option<&RoaringBitmap>,
) -> Vec<(u32, f32)> {
    let mut wanted = top_k + 64;
    loop {
        let mut best = words.top(wanted, allowed);
        let Some(&(_, last)) = best.get(top_k.saturating_sub(1)) else { return best };
        let n_ties = best[top_k..].iter().take_while(|(_, score)| *score == last).count();
        if top_k + n_ties < best.len() || best.len() < wanted {
            best.truncate(top_k + n_ties);
            return best;
        }
        wanted *= 2;
    }
}
