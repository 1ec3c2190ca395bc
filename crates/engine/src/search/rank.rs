//! From a question to the rows that answer it, best first.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use cognate_index::SearchPath;
use cognate_keyword::Query;
use cognate_vector::{Scored, UnitVector};
use roaring::RoaringBitmap;

use super::fusion::{self, Fusion};
use super::relevance::{Fit, QueryEvidence, RELEVANCE_CUT};
use super::request::{Mode, N_SORTED, SearchOptions, SemanticRatio, Sort};
use super::response::{Reading, WithoutMarks};
use crate::backend::{self, Allowed, Backend, CosinesAhead, Wanted, WordScore, Words};
use crate::cancel::Cancel;
use crate::error::EngineError;
use crate::query_batcher::PendingVector;
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
    /// What matches, where facets are asked for.
    pub(super) matching: Option<Allowed>,
    pub(super) path: SearchPath,
    /// The part of meaning in hybrid scores.
    pub(super) ratio: Option<f32>,
    /// How well the best rows fit; `None` where there is nothing but filters, or a paper without a text, to be near to.
    pub(super) evidence: Option<QueryEvidence>,
    /// How the query was read.
    pub(super) reading: Reading,
}

/// Ranks the papers of a backend, of each of the `works` one.
pub(super) fn rank(
    backend: &dyn Backend,
    works: Option<&Works>,
    question: &Question<'_>,
) -> Result<Ranking, EngineError> {
    let (options, cancel) = (question.options, &question.cancel);
    let words = match &question.words {
        Some(words) if question.mode != Mode::Semantic || words.is_restricted() => {
            Some(backend.words(cancel, words)?)
        }
        _ => None,
    };
    let words = words.as_deref();
    let mut allowed = answerable(backend, question)?;
    let mut reading = words.map_or_else(Reading::default, |words| Reading {
        corrections: words.corrections().to_vec(),
        missing_phrases: words.missing_phrases().to_vec(),
        ..Reading::default()
    });
    let permitted = words.map(|words| words.permitted(allowed.as_ref())).transpose()?.flatten();
    if let Some(permitted) = permitted {
        if backend.count(cancel, Some(&permitted))? == 0 {
            let query = Query::parse(question.text);
            let total = backend.count_with_every_word(cancel, &query, allowed.as_ref())?;
            reading.without_marks = Some(WithoutMarks { query: question.text.to_owned(), total });
        }
        allowed = Some(permitted);
    }
    // What may be found by words is known before the model is done, unless more than the filter says what may be found.
    let is_settled = options.page.min_score.is_none() && works.is_none();
    let by_words = match words {
        Some(words) if question.mode == Mode::Hybrid && !question.browses && is_settled => {
            Some(top_with_ties(words, fusion::DEPTH, allowed.as_ref())?)
        }
        _ => None,
    };
    let vector = question.vector()?;
    if let (Some(min_score), Some(vector)) = (options.page.min_score, vector) {
        // Before anything is ranked, so that pages are full.
        let near = backend.at_least(cancel, (vector, min_score), allowed.as_ref())?;
        allowed = Some(Allowed::keys(near.iter().map(|hit| hit.row).collect()));
    }
    if let Some(works) = works {
        // Of those that match, so that a publication which does not is not preferred to one that does.
        let context = Context { backend, question, vector, words, allowed: allowed.as_ref() };
        let matching = backend.keys(cancel, Some(&context.matching()?))?;
        allowed = Some(Allowed::keys(works.one_of_each(matching)));
    }
    let context = Context { backend, question, vector, words, allowed: allowed.as_ref() };

    let mut candidates = context.candidates(by_words)?;
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
        let cosines = backend.cosines(cancel, vector, &numbers)?;
        rows.iter_mut().zip(cosines).for_each(|(candidate, cosine)| candidate.semantic = cosine);
    }
    rows.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
    if options.sort == Sort::Newest && !question.browses {
        let sorts_all = relevant.is_some() && least_relevance.is_some();
        sort_by_date((backend, cancel), &mut rows, if sorts_all { usize::MAX } else { N_SORTED })?;
    }

    let (total, total_relevant) = match (&relevant, least_relevance) {
        (Some(relevant), Some(_)) => (relevant.len(), None),
        (relevant, _) => (context.count()?, relevant.as_ref().map(RoaringBitmap::len)),
    };
    let matching = match relevant {
        _ if options.facets.is_empty() => None,
        Some(relevant) => Some(Allowed::keys(relevant)),
        None => Some(context.matching()?),
    };
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
pub(super) fn sort_by_date(
    (backend, cancel): (&dyn Backend, &Cancel),
    rows: &mut [Candidate],
    n_sorted: usize,
) -> Result<(), EngineError> {
    let mut sorted: Vec<&mut Candidate> =
        rows.iter_mut().take(n_sorted).filter(|candidate| candidate.place == UNPLACED).collect();
    let keys: Vec<u32> = sorted.iter().map(|candidate| candidate.row).collect();
    for (candidate, published) in sorted.iter_mut().zip(backend.published(cancel, &keys)?) {
        candidate.place = SORTED;
        candidate.published = published;
    }
    rows.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
    Ok(())
}

/// The papers that pass filter and period, and can be ranked as the question asks, or are named by it; `None` for all that
/// have a text.
fn answerable(backend: &dyn Backend, question: &Question<'_>) -> Result<Option<Allowed>, EngineError> {
    let wanted = question.options.wanted(&question.pinned);
    let wanted = Wanted { without_text: question.browses, ..wanted };
    let allowed = backend.allowed(&question.cancel, &wanted)?;
    // Nothing is near to a paper without a text, nor to a question without a meaning.
    let is_alone = question.words.is_none() && question.target.is_none();
    if is_alone {
        let named = backend.among(&question.cancel, allowed.as_ref(), &question.pinned)?;
        return Ok(Some(Allowed::keys(named)));
    }
    Ok(allowed)
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
    backend: &'a dyn Backend,
    question: &'a Question<'a>,
    vector: Option<&'a UnitVector>,
    words: Option<&'a dyn Words>,
    /// The papers that pass filter and phrases; `None` for all that have a text.
    allowed: Option<&'a Allowed>,
}

impl Context<'_> {
    /// The rows that may be on the page, each with its score. What they are depends on nothing but snapshot and
    /// question, and so does their order: pages of one ranking have each row once.
    /// `by_words` are the best by words, where they were looked for.
    fn candidates(&self, by_words: Option<Vec<(u32, f32)>>) -> Result<Candidates, EngineError> {
        let Question { mode, options, .. } = self.question;
        let end = options.reach() + self.question.exclude.len();
        if self.question.browses {
            let newest = self.backend.newest(self.cancel(), self.allowed, end)?;
            let newest = newest.into_iter().map(|(row, published)| Candidate {
                place: SORTED,
                published,
                ..Candidate::new(row)
            });
            return Ok(Candidates::new(newest.collect(), SearchPath::Exact));
        }
        match (mode, self.vector) {
            (Mode::Hybrid, Some(vector)) => self.by_both((vector, by_words), end),
            (Mode::Semantic, Some(vector)) => self.by_meaning(vector, end),
            (Mode::Semantic, None) => {
                let named = self.backend.keys(self.cancel(), Some(&self.matching()?))?;
                let named = named.iter().map(|row| Candidate { place: 0, ..Candidate::new(row) });
                Ok(Candidates::new(named.collect(), SearchPath::Exact))
            }
            _ => Ok(Candidates::new(self.by_words(end.max(N_TELLING))?, SearchPath::Exact)),
        }
    }

    /// The first `end` rows by words, and those that tie with the last.
    fn by_words(&self, end: usize) -> Result<Vec<Candidate>, EngineError> {
        let Some(words) = self.words else { return Ok(Vec::new()) };
        let best = top_with_ties(words, end, self.allowed)?;
        let rows: Vec<u32> = best.iter().map(|(row, _)| *row).collect();
        self.candidates_by_words(rows)
    }

    /// Rows that are ranked by words alone.
    fn candidates_by_words(&self, rows: Vec<u32>) -> Result<Vec<Candidate>, EngineError> {
        let fits = self.of_words(&rows)?;
        let candidate = |(row, of_words): (u32, Option<WordScore>)| Candidate {
            keyword: of_words.map(|of_words| of_words.score),
            score: score_of(of_words),
            coverage: of_words.map(|of_words| of_words.coverage),
            ..Candidate::new(row)
        };
        Ok(rows.into_iter().zip(fits).map(candidate).collect())
    }

    fn cancel(&self) -> &Cancel {
        &self.question.cancel
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
            let nearest = backend::Nearest { vector, top_k: end, exact: true, allowed: self.allowed };
            let mut others = self.backend.nearest(self.cancel(), &nearest)?.hits;
            // What a walk missed ties, however near it is: where that reaches to the end of the page, all of it counts.
            let tied = found.least.next_down();
            if others.last().is_some_and(|last| last.score >= tied) {
                others = self.backend.at_least(self.cancel(), (vector, tied), self.allowed)?;
            }
            for hit in others {
                let own = candidate(&found, None, (hit.row, Some(hit.score)), None);
                candidates.entry(hit.row).or_insert(own);
            }
        }
        let pinned = self.backend.among(self.cancel(), self.allowed, &self.question.pinned)?;
        let pinned: Vec<u32> = pinned.iter().collect();
        let cosines = self.backend.cosines(self.cancel(), vector, &pinned)?;
        for (row, semantic) in pinned.into_iter().zip(cosines) {
            let own = Candidate { semantic, score: semantic.unwrap_or(0.0), ..Candidate::new(row) };
            candidates.entry(row).or_insert(own).place = 0;
        }
        let rows = candidates.into_values().collect();
        Ok(Candidates { rows, path: found.path, found: Some(found), fusion: None })
    }

    /// The first `end` rows by meaning and words, and those that tie with the last.
    fn by_both(
        &self,
        (vector, by_words): (&UnitVector, Option<Vec<(u32, f32)>>),
        end: usize,
    ) -> Result<Candidates, EngineError> {
        let keyword = match (by_words, self.words) {
            (Some(best), _) => best,
            (None, Some(words)) => top_with_ties(words, fusion::DEPTH, self.allowed)?,
            (None, None) => Vec::new(),
        };
        let rows_by_words: Vec<u32> = keyword.iter().map(|(row, _)| *row).collect();
        let cosines_ahead = self.backend.cosines_ahead(vector, &rows_by_words);
        let found = self.nearest(vector)?;
        let fusion = self.fusion(found.best, keyword.first().map_or(0.0, |(_, score)| *score));
        let rows: Vec<u32> = found.hits.iter().map(|hit| hit.row).collect();
        let by_meaning = found.hits.iter().zip(self.of_words(&rows)?);
        let mut candidates: Vec<Candidate> = by_meaning
            .map(|(hit, of_words)| candidate(&found, Some(fusion), (hit.row, Some(hit.score)), of_words))
            .collect();
        let mut known = found.rows.clone();
        let mut add = |candidates: &mut Vec<Candidate>, rows: Vec<u32>, ahead: Option<CosinesAhead>| {
            let mut is_new = |row: &u32| known.insert(*row);
            let scored: Vec<(u32, Option<f32>)> = match ahead {
                Some(ahead) => rows.into_iter().zip(ahead.finish()?).filter(|(row, _)| is_new(row)).collect(),
                None => {
                    let rows: Vec<u32> = rows.into_iter().filter(is_new).collect();
                    let cosines = self.backend.cosines(self.cancel(), vector, &rows)?;
                    rows.into_iter().zip(cosines).collect()
                }
            };
            let scored: Vec<_> = scored.into_iter().filter(|(_, cosine)| cosine.is_some()).collect();
            let rows: Vec<u32> = scored.iter().map(|(row, _)| *row).collect();
            let scored = scored.into_iter().zip(self.of_words(&rows)?);
            candidates
                .extend(scored.map(|(scored, of_words)| candidate(&found, Some(fusion), scored, of_words)));
            Ok::<(), EngineError>(())
        };
        add(&mut candidates, rows_by_words, cosines_ahead)?;
        if !found.is_all {
            // What was not found by meaning is no nearer than the last that was.
            let wanted = end.max(fusion::N_NEIGHBOURS);
            let bar = nth_best(&candidates, wanted).filter(|bar| *bar > fusion.score(found.least, 0.0));
            let rows = match (bar, self.words) {
                (Some(bar), Some(words)) => {
                    let is_wanted = |keyword| fusion.score(found.least, keyword) >= bar;
                    let matches = words.matches(self.allowed, &is_wanted)?;
                    matches.into_iter().map(|(row, _)| row).collect()
                }
                (Some(_), None) => Vec::new(),
                (None, _) => self.backend.keys(self.cancel(), self.allowed)?.iter().collect(),
            };
            add(&mut candidates, rows, None)?;
        }
        // Ties go by row, so that which rows are the best does not depend on how they were found.
        candidates.sort_unstable_by(|a, b| a.order(b).then(a.row.cmp(&b.row)));
        if self.question.options.semantic_ratio.is_none() {
            let n_best = candidates.len().min(fusion::N_NEIGHBOURS);
            let best = &mut candidates[..n_best];
            let rows: Vec<u32> = best.iter().map(|candidate| candidate.row).collect();
            let vectors = self.backend.vectors(self.cancel(), &rows)?;
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
        let least = evidence.score_for(cut);
        let mut rows: RoaringBitmap = match (&candidates.found, self.vector) {
            (Some(found), Some(vector)) => {
                let Some(fusion) = candidates.fusion else {
                    let least =
                        |row| if found.least < least && !found.rows.contains(row) { 2.0 } else { least };
                    return self.backend.at_least_each(self.cancel(), (vector, &least), self.allowed);
                };
                let mut keyword: Vec<f32> = Vec::new();
                for (row, score) in self.matches(&|_| true)? {
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
                self.backend.at_least_each(self.cancel(), (vector, &least), self.allowed)?
            }
            _ => {
                let is_enough = |score| score >= least;
                return Ok(self.matches(&is_enough)?.into_iter().map(|(row, _)| row).collect());
            }
        };
        // Those that gained from what is near them.
        rows.extend(candidates.rows.iter().filter(|own| own.score >= least).map(|own| own.row));
        Ok(rows)
    }

    /// All papers with a word, and their scores.
    fn matches(&self, is_wanted: &dyn Fn(f32) -> bool) -> Result<Vec<(u32, f32)>, EngineError> {
        self.words.map_or_else(|| Ok(Vec::new()), |words| words.matches(self.allowed, is_wanted))
    }

    /// What the words of the query say of each row; `None` where there are no words.
    fn of_words(&self, rows: &[u32]) -> Result<Vec<Option<WordScore>>, EngineError> {
        let Some(words) = self.words else { return Ok(vec![None; rows.len()]) };
        Ok(words.scores(rows)?.into_iter().map(Some).collect())
    }

    /// How the scores of this question become one.
    fn fusion(&self, best_cosine: f32, best_keyword: f32) -> Fusion {
        let n_words = self.words.map_or(0.0, |words| words.n_telling_words());
        let automatic = || if n_words > 0.0 { fusion::automatic_ratio(n_words) } else { 1.0 };
        let ratio = self.question.options.semantic_ratio.map_or_else(automatic, SemanticRatio::get);
        let bound = self.words.map_or(0.0, |words| words.bound());
        Fusion::new(ratio, best_cosine, (best_keyword, bound))
    }

    /// The rows nearest to what is looked for, to a depth that is the same for every page.
    fn nearest(&self, vector: &UnitVector) -> Result<Nearest, EngineError> {
        let exact = self.question.options.exact;
        let nearest = backend::Nearest { vector, top_k: fusion::DEPTH, exact, allowed: self.allowed };
        let found = self.backend.nearest(self.cancel(), &nearest)?;
        Ok(Nearest {
            best: found.hits.first().map_or(-1.0, |hit| hit.score),
            least: found.hits.last().map_or(-1.0, |hit| hit.score),
            is_all: found.hits.len() < fusion::DEPTH,
            rows: found.hits.iter().map(|hit| hit.row).collect(),
            hits: found.hits,
            path: found.path,
        })
    }

    /// Rows with the scores that the ranking gives them.
    fn scored(&self, candidates: &Candidates, rows: &RoaringBitmap) -> Result<Vec<Candidate>, EngineError> {
        let mut scored = candidates.rows.clone();
        scored.retain(|own| rows.contains(own.row));
        let known: RoaringBitmap = scored.iter().map(|own| own.row).collect();
        let others: Vec<u32> = (rows - known).iter().collect();
        match (&candidates.found, self.vector) {
            (Some(found), Some(vector)) => {
                let cosines = self.backend.cosines(self.cancel(), vector, &others)?;
                let of_words = self.of_words(&others)?;
                let others = others.into_iter().zip(cosines).zip(of_words);
                scored.extend(
                    others.map(|(scored, of_words)| candidate(found, candidates.fusion, scored, of_words)),
                );
            }
            _ => scored.extend(self.candidates_by_words(others)?),
        }
        Ok(scored)
    }

    /// How many papers match.
    fn count(&self) -> Result<u64, EngineError> {
        let exclude = self.backend.among(self.cancel(), self.allowed, &self.question.exclude)?;
        if self.question.mode == Mode::Keyword {
            let Some(words) = self.words else { return Ok(0) };
            let exclude: Vec<u32> = exclude.iter().collect();
            let n_excluded = words.scores(&exclude)?.into_iter().filter(|own| own.score > 0.0).count();
            return Ok(words.count(self.allowed)? - n_excluded as u64);
        }
        Ok(self.backend.count(self.cancel(), self.allowed)? - exclude.len())
    }

    /// The papers that match.
    fn matching(&self) -> Result<Allowed, EngineError> {
        let exclude = &self.question.exclude;
        match (self.question.mode, self.words) {
            (Mode::Keyword, Some(words)) => {
                let matching = words.matching(self.allowed)?;
                self.backend.without(self.cancel(), Some(&matching), exclude)
            }
            (Mode::Keyword, None) => Ok(Allowed::keys(RoaringBitmap::new())),
            _ => self.backend.without(self.cancel(), self.allowed, exclude),
        }
    }
}

/// A row with its cosine, its BM25 and what follows from them.
fn candidate(
    found: &Nearest,
    fusion: Option<Fusion>,
    (row, cosine): (u32, Option<f32>),
    of_words: Option<WordScore>,
) -> Candidate {
    let mut own = Candidate { semantic: cosine, ..Candidate::new(row) };
    match fusion {
        Some(fusion) => {
            own.keyword = Some(score_of(of_words));
            own.coverage = of_words.map(|of_words| of_words.coverage);
            fusion.fuse(&mut own, found.most(row));
        }
        None => own.score = cosine.unwrap_or(-1.0).min(found.most(row)),
    }
    own
}

/// BM25, 0 where there are no words.
fn score_of(of_words: Option<WordScore>) -> f32 {
    of_words.map_or(0.0, |of_words| of_words.score)
}

/// The best rows by words, and on through every tie with the last.
fn top_with_ties(
    words: &dyn Words,
    top_k: usize,
    allowed: Option<&Allowed>,
) -> Result<Vec<(u32, f32)>, EngineError> {
    let mut wanted = top_k + 64;
    loop {
        let mut best = words.top(wanted, allowed)?;
        let Some(&(_, last)) = best.get(top_k.saturating_sub(1)) else { return Ok(best) };
        let n_ties = best[top_k..].iter().take_while(|(_, score)| *score == last).count();
        if top_k + n_ties < best.len() || best.len() < wanted {
            best.truncate(top_k + n_ties);
            return Ok(best);
        }
        wanted *= 2;
    }
}
