//! From a question to the rows that answer it, best first.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use cognate_index::{SearchParams, SearchPath};
use cognate_keyword::Query;
use cognate_vector::{Scored, UnitVector};
use roaring::RoaringBitmap;

use super::fusion::{self, Fusion};
use super::relevance::{Fit, QueryEvidence, RELEVANCE_CUT};
use super::request::{Mode, N_SORTED, SearchOptions, SemanticRatio, Sort};
use super::response::{Reading, WithoutMarks};
use crate::cancel::Cancel;
use crate::catalog::Catalog;
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

/// How many of the best papers tell whether something fits a query.
pub(super) const N_TELLING: usize = fusion::N_NEIGHBOURS;

/// The place of a row that is ranked by its score.
pub(super) const UNPLACED: u32 = u32::MAX;
/// The place of a row that is ranked by its date.
const SORTED: u32 = UNPLACED - 1;

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
    /// The part of the query's words that it has, where that was found out.
    pub(super) coverage: Option<f32>,
    /// Cosine and BM25 as they went into a hybrid score.
    pub(super) scaled: (f32, f32),
    /// What near rows added to a hybrid score.
    pub(super) neighbours: f32,
    /// Lower places come first, whatever the scores.
    pub(super) place: u32,
    /// Days from 1970-01-01, where the order is by date.
    pub(super) published: Option<i32>,
}

impl Candidate {
    pub(super) fn new(row: u32) -> Self {
        Self {
            row,
            score: 0.0,
            semantic: None,
            keyword: None,
            coverage: None,
            scaled: (0.0, 0.0),
            neighbours: 0.0,
            place: UNPLACED,
            published: None,
        }
    }

    /// What tells how well it fits a query.
    pub(super) fn fit(&self) -> Fit {
        Fit {
            score: self.score,
            cosine: self.semantic.unwrap_or(-1.0),
            keyword: self.keyword.unwrap_or(0.0),
            coverage: self.coverage.unwrap_or(0.0),
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
    /// Of these, those that are relevant, where facets are of them alone.
    pub(super) total_relevant: Option<u64>,
    /// The rows that match as a set, where facets are asked for.
    pub(super) matching: Option<RoaringBitmap>,
    pub(super) path: SearchPath,
    /// The part of meaning in hybrid scores.
    pub(super) ratio: Option<f32>,
    /// How well the best rows fit; `None` where there is nothing but filters, or a paper without a text, to be near to.
    pub(super) evidence: Option<QueryEvidence>,
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
    let mut allowed = answerable(snapshot, question);
    let mut reading = words.as_ref().map_or_else(Reading::default, |words| Reading {
        corrections: words.query().corrections().to_vec(),
        missing_phrases: words.missing_phrases().to_vec(),
        ..Reading::default()
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
    if let (Some(min_score), Some(vector)) = (options.page.min_score, vector) {
        // Before anything is ranked, so that pages are full.
        let near = snapshot.vectors.at_least(vector, min_score, allowed.as_ref())?;
        allowed = Some(near.map(|hit| hit.row).collect());
    }
    if let Some(works) = works {
        // Of those that match, so that a publication which does not is not preferred to one that does.
        let context =
            Context { snapshot, question, vector, words: words.as_ref(), allowed: allowed.as_ref() };
        let matching = context.matching();
        allowed = Some(works.one_of_each(matching));
    }
    let context = Context { snapshot, question, vector, words: words.as_ref(), allowed: allowed.as_ref() };

    let mut candidates = context.candidates()?;
    let evidence = context.evidence(&candidates);
    // The papers that are relevant enough, where that is asked.
    let least_relevance = options.least_relevance();
    let wants_cut = question.words.is_some() && (least_relevance.is_some() || !options.facets.is_empty());
    let relevant = match &evidence {
        Some(evidence) if wants_cut => {
            let cut = least_relevance.unwrap_or(RELEVANCE_CUT);
            Some(context.relevant(&candidates, evidence, cut)?)
        }
        _ => None,
    };
    if let (Some(relevant), Some(_)) = (&relevant, least_relevance) {
        // What is relevant is not always what scores highest.
        let n_here = candidates.rows.iter().filter(|candidate| relevant.contains(candidate.row)).count();
        let n_wanted = relevant.len().min(options.page.end() as u64);
        if options.sort == Sort::Newest || (n_here as u64) < n_wanted {
            candidates.rows = context.scored(&candidates, relevant)?;
        }
        candidates.rows.retain(|candidate| relevant.contains(candidate.row));
    }
    let Candidates { mut rows, path, fusion, .. } = candidates;
    rows.retain(|candidate| question.exclude.binary_search(&candidate.row).is_err());
    if let (Mode::Keyword, Some(_), Some(vector)) = (question.mode, options.page.min_score, vector) {
        let numbers: Vec<u32> = rows.iter().map(|candidate| candidate.row).collect();
        let cosines = snapshot.vectors.scores_of(vector, &numbers)?;
        rows.iter_mut().zip(cosines).for_each(|(candidate, cosine)| candidate.semantic = cosine);
    }
    rows.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
    if options.sort == Sort::Newest {
        let sorts_all = question.browses || (relevant.is_some() && least_relevance.is_some());
        sort_by_date(&mut rows, if sorts_all { usize::MAX } else { N_SORTED }, &snapshot.catalog);
    }

    let (total, total_relevant) = match (&relevant, least_relevance) {
        (Some(relevant), Some(_)) => (relevant.len(), None),
        (relevant, _) => (context.count(), relevant.as_ref().map(RoaringBitmap::len)),
    };
    let matching = (!options.facets.is_empty()).then(|| relevant.unwrap_or_else(|| context.matching()));
    Ok(Ranking {
        candidates: rows,
        total,
        total_relevant,
        matching,
        path,
        ratio: fusion.map(|fusion| fusion.ratio),
        evidence,
        reading,
    })
}

/// Sorts the first rows, which stand in their order, by date; the others stay behind them.
pub(super) fn sort_by_date(rows: &mut [Candidate], n_sorted: usize, catalog: &Catalog) {
    for candidate in rows.iter_mut().take(n_sorted).filter(|candidate| candidate.place == UNPLACED) {
        candidate.place = SORTED;
        candidate.published = catalog.published(candidate.row);
    }
    rows.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
}

/// The rows that pass filter and period, and can be ranked as the question asks, or are named by it; `None` for all that have
/// a text.
fn answerable(snapshot: &Snapshot, question: &Question<'_>) -> Option<RoaringBitmap> {
    let allowed = passing(snapshot, question.options);
    if question.browses {
        return Some(allowed.unwrap_or_else(|| snapshot.rows()));
    }
    let without_text = snapshot.without_text();
    let pinned: RoaringBitmap = question.pinned.iter().copied().collect();
    let named = &pinned & without_text;
    // Nothing is near to a paper without a text, nor to a question without a meaning.
    let is_alone = question.words.is_none() && question.target.is_none();
    let allowed = match allowed {
        None if named.is_empty() && !is_alone => return None,
        allowed => allowed.unwrap_or_else(|| snapshot.rows()) - (without_text - &named),
    };
    Some(if is_alone { allowed & pinned } else { allowed })
}

/// The rows that pass filter and period; `None` for all.
pub(super) fn passing(snapshot: &Snapshot, options: &SearchOptions) -> Option<RoaringBitmap> {
    let mut allowed =
        if options.filter.is_empty() { None } else { Some(snapshot.catalog.matching(&options.filter)) };
    if let Some(DigestPeriod { after, until }) = options.within {
        let mut rows = RoaringBitmap::new();
        rows.insert_range(after.saturating_add(1)..=until);
        allowed = Some(allowed.unwrap_or_else(|| snapshot.rows()) & rows);
    }
    allowed
}

/// Every row that has a text.
fn all_rows(snapshot: &Snapshot) -> RoaringBitmap {
    snapshot.vectors.rows().into_iter().collect()
}

/// Rows that may be on the page.
struct Candidates {
    rows: Vec<Candidate>,
    path: SearchPath,
    /// What was found by meaning, where that counts.
    found: Option<Nearest>,
    /// How hybrid scores are made.
    fusion: Option<Fusion>,
}

impl Candidates {
    fn new(rows: Vec<Candidate>, path: SearchPath) -> Self {
        Self { rows, path, found: None, fusion: None }
    }
}

/// What was found by meaning. A walk can miss a row; that row counts as no nearer than the last that was found,
/// whatever finds it later, so that it comes on no page but one.
struct Nearest {
    /// Best first: the best [`fusion::DEPTH`] rows, or all.
    hits: Vec<Scored>,
    rows: RoaringBitmap,
    best: f32,
    least: f32,
    /// Whether there are no more rows that may be answers.
    is_all: bool,
    path: SearchPath,
}

impl Nearest {
    /// What the cosine of a row counts for at the most: behind every row that was found, also where it ties with the
    /// last of them.
    fn most(&self, row: u32) -> f32 {
        if self.rows.contains(row) { f32::INFINITY } else { self.least.next_down() }
    }
}

/// The score of the `n`th best candidate, if there are so many.
fn nth_best(candidates: &[Candidate], n: usize) -> Option<f32> {
    let mut scores: Vec<f32> = candidates.iter().map(|candidate| candidate.score).collect();
    let at = n.checked_sub(1).filter(|at| *at < scores.len())?;
    Some(*scores.select_nth_unstable_by(at, |a, b| b.total_cmp(a)).1)
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
    /// The rows that may be on the page, each with its score. What they are depends on nothing but snapshot and
    /// question, and so does their order: pages of one ranking have each row once.
    fn candidates(&self) -> Result<Candidates, EngineError> {
        let Question { mode, options, .. } = self.question;
        if self.question.browses {
            let rows = self.matching();
            return Ok(Candidates::new(rows.iter().map(Candidate::new).collect(), SearchPath::Exact));
        }
        let end = options.reach() + self.question.exclude.len();
        match (mode, self.vector) {
            (Mode::Hybrid, Some(vector)) => self.by_both(vector, end),
            (Mode::Semantic, Some(vector)) => self.by_meaning(vector, end),
            (Mode::Semantic, None) => {
                let named = self.matching();
                let named = named.iter().map(|row| Candidate { place: 0, ..Candidate::new(row) });
                Ok(Candidates::new(named.collect(), SearchPath::Exact))
            }
            _ => Ok(Candidates::new(self.by_words(end.max(N_TELLING)), SearchPath::Exact)),
        }
    }

    /// The first `end` rows by words, and those that tie with the last.
    fn by_words(&self, end: usize) -> Vec<Candidate> {
        let Some(words) = self.words else { return Vec::new() };
        let best = top_with_ties(words, end, self.allowed);
        best.into_iter().map(|(row, score)| candidate_by_words(words, row, score)).collect()
    }

    /// The first `end` rows by meaning, and those that tie with the last.
    fn by_meaning(&self, vector: &UnitVector, end: usize) -> Result<Candidates, EngineError> {
        let found = self.nearest(vector)?;
        let mut candidates: HashMap<u32, Candidate> = HashMap::new();
        for hit in &found.hits {
            let own = Candidate { semantic: Some(hit.score), score: hit.score, ..Candidate::new(hit.row) };
            candidates.insert(hit.row, own);
        }
        if end > found.hits.len() && !found.is_all {
            let params = SearchParams { top_k: end, exact: true, allowed: self.allowed, ef: None };
            let mut others = self.snapshot.vectors.search(vector, &params)?.hits;
            // What a walk missed ties, however near it is: where that reaches to the end of the page, all of it counts.
            let tied = found.least.next_down();
            if others.last().is_some_and(|last| last.score >= tied) {
                others = self.snapshot.vectors.at_least(vector, tied, self.allowed)?.collect();
            }
            for hit in others {
                let own = self.candidate(&found, None, (hit.row, Some(hit.score)));
                candidates.entry(hit.row).or_insert(own);
            }
        }
        for &row in &self.question.pinned {
            let semantic = self.snapshot.vectors.score(vector, row)?;
            let is_here = semantic.is_some() || self.snapshot.without_text().contains(row);
            if is_here && self.allowed.is_none_or(|allowed| allowed.contains(row)) {
                let score = semantic.unwrap_or(0.0);
                let own = Candidate { semantic, score, ..Candidate::new(row) };
                candidates.entry(row).or_insert(own).place = 0;
            }
        }
        let rows = candidates.into_values().collect();
        Ok(Candidates { rows, path: found.path, found: Some(found), fusion: None })
    }

    /// The first `end` rows by meaning and words, and those that tie with the last.
    fn by_both(&self, vector: &UnitVector, end: usize) -> Result<Candidates, EngineError> {
        let found = self.nearest(vector)?;
        let keyword =
            self.words.map_or_else(Vec::new, |words| top_with_ties(words, fusion::DEPTH, self.allowed));
        let fusion = self.fusion(found.best, keyword.first().map_or(0.0, |(_, score)| *score));
        let by_meaning = found.hits.iter().map(|hit| (hit.row, Some(hit.score)));
        let mut candidates: Vec<Candidate> =
            by_meaning.map(|scored| self.candidate(&found, Some(fusion), scored)).collect();
        let mut known = found.rows.clone();
        let mut add = |candidates: &mut Vec<Candidate>, rows: Vec<u32>| -> Result<(), EngineError> {
            let rows: Vec<u32> = rows.into_iter().filter(|row| known.insert(*row)).collect();
            let cosines = self.snapshot.vectors.scores_of(vector, &rows)?;
            let scored = rows.into_iter().zip(cosines).filter(|(_, cosine)| cosine.is_some());
            candidates.extend(scored.map(|scored| self.candidate(&found, Some(fusion), scored)));
            Ok(())
        };
        add(&mut candidates, keyword.iter().map(|(row, _)| *row).collect())?;
        if !found.is_all {
            // What was not found by meaning is no nearer than the last that was.
            let wanted = end.max(fusion::N_NEIGHBOURS);
            let bar = nth_best(&candidates, wanted).filter(|bar| *bar > fusion.score(found.least, 0.0));
            let rows = match (bar, self.words) {
                (Some(bar), Some(words)) => {
                    let is_wanted = |keyword| fusion.score(found.least, keyword) >= bar;
                    words.matches(self.allowed, is_wanted).into_iter().map(|(row, _)| row).collect()
                }
                (Some(_), None) => Vec::new(),
                (None, _) => self.all_rows(),
            };
            self.question.cancel.check()?;
            add(&mut candidates, rows)?;
        }
        // Ties go by row, so that which rows are the best does not depend on how they were found.
        candidates.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
        if self.question.options.semantic_ratio.is_none() {
            let n_best = candidates.len().min(fusion::N_NEIGHBOURS);
            let best = &mut candidates[..n_best];
            let vectors = best.iter().map(|candidate| self.snapshot.vectors.vector(candidate.row));
            let vectors = vectors.collect::<Result<Vec<_>, _>>()?;
            fusion::add_neighbours(best, &vectors, fusion.ratio);
        }
        Ok(Candidates { rows: candidates, path: found.path, found: Some(found), fusion: Some(fusion) })
    }

    /// What the best rows tell of how well they fit; `None` where nothing tells.
    fn evidence(&self, candidates: &Candidates) -> Option<QueryEvidence> {
        if self.question.browses || (self.question.words.is_none() && self.vector.is_none()) {
            return None;
        }
        // The best by score, whatever the page.
        let mut best: Vec<&Candidate> = candidates.rows.iter().collect();
        best.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
        best.truncate(N_TELLING);
        let best: Vec<Fit> = best.into_iter().map(Candidate::fit).collect();
        let ratio = candidates.fusion.map_or(0.0, |fusion| fusion.ratio);
        let of_words = self.words.map_or((0.0, 0.0), |words| (words.n_telling_words(), words.bound()));
        Some(QueryEvidence::new(self.question.mode, ratio, of_words, &best))
    }

    /// The rows whose relevance is at least `cut`.
    fn relevant(
        &self,
        candidates: &Candidates,
        evidence: &QueryEvidence,
        cut: f32,
    ) -> Result<RoaringBitmap, EngineError> {
        let vectors = &self.snapshot.vectors;
        let least = evidence.score_for(cut);
        let mut rows: RoaringBitmap = match (&candidates.found, self.vector) {
            (Some(found), Some(vector)) => {
                let Some(fusion) = candidates.fusion else {
                    let least =
                        |row| if found.least < least && !found.rows.contains(row) { 2.0 } else { least };
                    return Ok(vectors.rows_at_least(vector, &least, self.allowed)?);
                };
                let mut keyword: Vec<f32> = Vec::new();
                for (row, score) in
                    self.words.map_or_else(Vec::new, |words| words.matches(self.allowed, |_| true))
                {
                    let row = row as usize;
                    if row >= keyword.len() {
                        keyword.resize(row + 1, 0.0);
                    }
                    keyword[row] = score;
                }
                let least = |row: u32| {
                    let keyword = keyword.get(row as usize).copied().unwrap_or(0.0);
                    // No cosine is enough for a row that no walk found, if the last that was found has none.
                    let is_out = !found.rows.contains(row) && fusion.score(found.least, keyword) < least;
                    if is_out { 2.0 } else { fusion.cosine_for(least, keyword) }
                };
                vectors.rows_at_least(vector, &least, self.allowed)?
            }
            _ => {
                let is_wanted = |score| score >= least;
                let matches =
                    self.words.map_or_else(Vec::new, |words| words.matches(self.allowed, is_wanted));
                return Ok(matches.iter().map(|(row, _)| *row).collect());
            }
        };
        // Those that gained from what is near them.
        rows.extend(candidates.rows.iter().filter(|own| own.score >= least).map(|own| own.row));
        Ok(rows)
    }

    /// How the scores of this question become one.
    fn fusion(&self, best_cosine: f32, best_keyword: f32) -> Fusion {
        let n_words = self.words.map_or(0.0, cognate_keyword::Ranking::n_telling_words);
        let automatic = || if n_words > 0.0 { fusion::automatic_ratio(n_words) } else { 1.0 };
        let ratio = self.question.options.semantic_ratio.map_or_else(automatic, SemanticRatio::get);
        let bound = self.words.map_or(0.0, cognate_keyword::Ranking::bound);
        Fusion::new(ratio, best_cosine, (best_keyword, bound))
    }

    /// The rows nearest to what is looked for, to a depth that is the same for every page.
    fn nearest(&self, vector: &UnitVector) -> Result<Nearest, EngineError> {
        let exact = self.question.options.exact;
        let params = SearchParams { top_k: fusion::DEPTH, exact, allowed: self.allowed, ef: None };
        let found = self.snapshot.vectors.search(vector, &params)?;
        Ok(Nearest {
            best: found.hits.first().map_or(-1.0, |hit| hit.score),
            least: found.hits.last().map_or(-1.0, |hit| hit.score),
            is_all: found.hits.len() < fusion::DEPTH,
            rows: found.hits.iter().map(|hit| hit.row).collect(),
            hits: found.hits,
            path: found.path,
        })
    }

    /// Every row that passes filter and phrases, ascending.
    fn all_rows(&self) -> Vec<u32> {
        self.allowed.map_or_else(|| self.snapshot.vectors.rows(), |allowed| allowed.iter().collect())
    }

    /// Rows with the scores that the ranking gives them.
    fn scored(&self, candidates: &Candidates, rows: &RoaringBitmap) -> Result<Vec<Candidate>, EngineError> {
        let mut scored = candidates.rows.clone();
        scored.retain(|own| rows.contains(own.row));
        let known: RoaringBitmap = scored.iter().map(|own| own.row).collect();
        let others: Vec<u32> = (rows - known).iter().collect();
        match (&candidates.found, self.vector) {
            (Some(found), Some(vector)) => {
                let cosines = self.snapshot.vectors.scores_of(vector, &others)?;
                let others = others.into_iter().zip(cosines);
                scored.extend(
                    others.map(|(row, cosine)| self.candidate(found, candidates.fusion, (row, cosine))),
                );
            }
            _ => scored.extend(others.into_iter().map(|row| {
                let words = self.words;
                words.map_or(Candidate::new(row), |words| candidate_by_words(words, row, words.score(row)))
            })),
        }
        Ok(scored)
    }

    /// A row with its cosine and what follows from it.
    fn candidate(
        &self,
        found: &Nearest,
        fusion: Option<Fusion>,
        (row, cosine): (u32, Option<f32>),
    ) -> Candidate {
        let mut own = Candidate { semantic: cosine, ..Candidate::new(row) };
        match fusion {
            Some(fusion) => {
                own.keyword = Some(self.words.map_or(0.0, |words| words.score(row)));
                own.coverage = self.words.map(|words| words.coverage(row));
                fusion.fuse(&mut own, found.most(row));
            }
            None => own.score = cosine.unwrap_or(-1.0).min(found.most(row)),
        }
        own
    }

    /// How many rows match.
    fn count(&self) -> u64 {
        let Question { mode, exclude, .. } = self.question;
        let vectors = &self.snapshot.vectors;
        let is_allowed = |row: u32| self.allowed.is_none_or(|allowed| allowed.contains(row));
        let excluded = exclude.iter().copied().filter(|row| is_allowed(*row));
        if *mode == Mode::Keyword {
            let Some(words) = self.words else { return 0 };
            let n_excluded = excluded.filter(|row| words.score(*row) > 0.0).count();
            return words.count(self.allowed) - n_excluded as u64;
        }
        let n = self.allowed.map_or(vectors.len() as u64, RoaringBitmap::len);
        n - excluded.filter(|row| self.question.browses || vectors.contains(*row)).count() as u64
    }

    /// The rows that match.
    fn matching(&self) -> RoaringBitmap {
        let Question { mode, exclude, .. } = self.question;
        let mut rows = match self.allowed {
            Some(allowed) => allowed.clone(),
            None => all_rows(self.snapshot),
        };
        exclude.iter().for_each(|row| {
            rows.remove(*row);
        });
        if *mode == Mode::Keyword {
            rows &= self.words.map_or_else(RoaringBitmap::new, cognate_keyword::Ranking::matching);
        }
        rows
    }
}

/// A row that is ranked by words alone.
fn candidate_by_words(words: &cognate_keyword::Ranking, row: u32, score: f32) -> Candidate {
    let coverage = Some(words.coverage(row));
    Candidate { keyword: Some(score), score, coverage, ..Candidate::new(row) }
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
