//! What is trending: by votes where the papers carry any, else by meaning.
//!
//! By votes, a paper's score is its votes, halved with every [`HALF_LIFE_DAYS`] since its day. By meaning, a paper
//! trends when its neighbourhood is growing (`growth`). Papers that grew together make groups, which are
//! named by the terms that set them apart (`crate::labels`). `docs/trends.md` describes it for users.

mod growth;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cognate_index::SearchParams;
use jiff::civil::Date;
use rayon::prelude::*;
use roaring::RoaringBitmap;

pub use growth::Growth;
use growth::{MAX_NEIGHBOURS, Neighbour, Scan};

use crate::catalog::{Listed, date_of, days};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::kept::Lately;
use crate::labels::{Background, Terms, terms_of};
use crate::period::{Period, today};
use crate::recipe::embedded_text;
use crate::search::Page;
use crate::store::StoredPaper;
use crate::view::{Moment, Snapshot};

/// Days after which a vote counts half.
pub const HALF_LIFE_DAYS: f64 = 7.0;
/// The score from which on a neighbourhood's growth is a burst: by chance, one in ten thousand has it.
pub const BURST_SCORE: f64 = 4.0;
/// Days of the window when the request does not say.
const DEFAULT_WINDOW_DAYS: u16 = 7;
/// Days of the history when the request does not say.
const DEFAULT_HISTORY_DAYS: u16 = 90;
/// Most days of a window.
pub const MAX_WINDOW_DAYS: u16 = 366;
/// Most days of a history.
pub const MAX_HISTORY_DAYS: u16 = 3_660;
/// Papers of a window that are tested; of more, the latest.
const MAX_TESTED: usize = 5_000;
/// Groups that are told.
const MAX_GROUPS: usize = 20;
/// Papers of the smallest group.
const MIN_GROUP: usize = 3;
/// Papers with which a group is compared to name it.
const MAX_BACKGROUND: usize = 2_000;
/// Papers of a report that is kept.
const MAX_KEPT_PAPERS: usize = 100;

/// Which days are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrendRequest {
    /// The window's last day; `None` for the latest day that has papers.
    as_of: Option<Date>,
    window_days: u16,
    history_days: u16,
}

impl TrendRequest {
    /// Validates: `window_days` 1 to [`MAX_WINDOW_DAYS`] (default 7), `history_days`, those before the window,
    /// 1 to [`MAX_HISTORY_DAYS`] (default 90).
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter.
    pub fn new(
        as_of: Option<Date>,
        window_days: Option<u16>,
        history_days: Option<u16>,
    ) -> Result<Self, EngineError> {
        let check = |parameter, value: Option<u16>, default, most| {
            let value = value.unwrap_or(default);
            if (1..=most).contains(&value) {
                return Ok(value);
            }
            let (expected, found) = (format!("1 to {most} days"), value.to_string());
            Err(EngineError::InvalidRequest { parameter, expected, found })
        };
        Ok(Self {
            as_of,
            window_days: check("days", window_days, DEFAULT_WINDOW_DAYS, MAX_WINDOW_DAYS)?,
            history_days: check("history", history_days, DEFAULT_HISTORY_DAYS, MAX_HISTORY_DAYS)?,
        })
    }
}

impl TrendRequest {
    /// For the papers of a period: as of its last day, or of the latest that has papers if that is earlier, over
    /// as many days as it has, and at least those of the default.
    pub(crate) fn of(period: Period, latest: Option<Date>) -> Self {
        let as_of = latest.map_or(period.last(), |latest| latest.min(period.last()));
        let n_days = u16::try_from(days(as_of) - days(period.first()) + 1).unwrap_or(0);
        let window_days = n_days.clamp(DEFAULT_WINDOW_DAYS, MAX_WINDOW_DAYS);
        Self { as_of: Some(as_of), window_days, history_days: DEFAULT_HISTORY_DAYS }
    }

    /// Whether a day, counted from 1970-01-01, lies in the history of a window with a last day.
    pub(crate) fn has_in_history(&self, day: i32) -> bool {
        let Some(last) = self.as_of.map(days) else { return false };
        let first = last.saturating_sub(i32::from(self.window_days) - 1);
        (first.saturating_sub(i32::from(self.history_days))..first).contains(&day)
    }
}

/// By what papers are said to trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrendBasis {
    /// Votes, with decay.
    Votes,
    /// The growth of the neighbourhood.
    Growth,
}

/// A paper of the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Trending {
    /// Higher is better: votes with decay, or −log₁₀ of the probability that the neighbourhood grew so by chance.
    pub score: f64,
    /// How the neighbourhood has grown; `None` by votes, and where there are too few papers to tell.
    pub growth: Option<Growth>,
    /// The paper.
    pub paper: StoredPaper,
}

/// Papers that grew together.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendGroup {
    /// The terms that set them apart, best first.
    pub label: Vec<String>,
    /// The highest score of a paper in it.
    pub score: f64,
    /// The growth of that paper's neighbourhood.
    pub growth: Growth,
    /// The ids of its papers, all of the window, by descending score.
    pub papers: Vec<String>,
}

/// What is trending.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendReport {
    /// The generation of the papers.
    pub generation: u64,
    /// First and last day of the window; `None` where there are no papers.
    pub window: Option<(Date, Date)>,
    /// First and last day of the history.
    pub history: Option<(Date, Date)>,
    /// Papers of the window.
    pub n_window: usize,
    /// Papers of the history.
    pub n_history: usize,
    /// By what.
    pub basis: TrendBasis,
    /// The first papers, by descending score, ties by id.
    pub papers: Vec<Trending>,
    /// Bursts: groups of papers whose neighbourhoods grew by at least [`BURST_SCORE`], the strongest first.
    pub groups: Vec<TrendGroup>,
}

/// The scores of a window at one generation.
#[derive(Debug)]
pub(crate) struct Scores {
    generation: u64,
    window: Option<(i32, i32)>,
    history: Option<(i32, i32)>,
    n_window: usize,
    /// The rows of the history, ascending.
    history_rows: Vec<u32>,
    basis: TrendBasis,
    rows: HashMap<u32, Scored>,
}

#[derive(Debug, Clone)]
struct Scored {
    score: f64,
    growth: Option<Growth>,
    /// Rows of the window within the radius, nearest first.
    near: Vec<u32>,
}

impl Scores {
    /// The score of a paper; 0 for one that is not of the window.
    pub(crate) fn of(&self, row: u32) -> f64 {
        self.rows.get(&row).map_or(0.0, |scored| scored.score)
    }
}

/// Reports that were made lately, by what was asked and how many papers each may have.
type Reports = Lately<(TrendRequest, usize), TrendReport>;

/// Scores that were made lately.
type KnownScores = Lately<TrendRequest, Arc<Scores>>;

impl Engine {
    /// The papers of the last days that trend, at most `limit`, and the groups that they make.
    ///
    /// # Errors
    /// [`EngineError`] if store or vectors cannot be read, or `limit` is not 1 to [`MAX_LIMIT`](crate::MAX_LIMIT).
    pub fn trends(&self, request: &TrendRequest, limit: usize) -> Result<TrendReport, EngineError> {
        let Page { limit, .. } = Page::new(Some(limit), None, None)?;
        match self.view()? {
            Some(view) => self.at_one_moment(&view, &mut |moment| self.trends_at(moment, request, limit)),
            None => {
                let nothing = score(request, None)?;
                Ok(report(&nothing, Vec::new(), Vec::new()))
            }
        }
    }

    fn trends_at(
        &self,
        moment: &Moment<'_>,
        request: &TrendRequest,
        limit: usize,
    ) -> Result<TrendReport, EngineError> {
        let asked = (moment.snapshot.generation, &(*request, limit));
        let is_large = limit > MAX_KEPT_PAPERS;
        self.kept.slot::<Reports>().made(asked, is_large, || self.trends_anew(moment, request, limit))
    }

    fn trends_anew(
        &self,
        moment: &Moment<'_>,
        request: &TrendRequest,
        limit: usize,
    ) -> Result<TrendReport, EngineError> {
        let scores = self.trend_scores(&moment.snapshot, request)?;
        let rows: Vec<u32> = scores.rows.keys().copied().collect();
        let ids = moment.ids(&rows)?;
        let mut ranked: Vec<(u32, &Scored, &String)> =
            scores.rows.iter().filter_map(|(row, scored)| Some((*row, scored, ids.get(row)?))).collect();
        ranked.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then_with(|| a.2.cmp(b.2)));

        let head = &ranked[..limit.min(ranked.len())];
        let mut papers = moment.papers(&head.iter().map(|(row, ..)| *row).collect::<Vec<_>>())?;
        let trending = head.iter().filter_map(|(row, scored, _)| {
            Some(Trending { score: scored.score, growth: scored.growth, paper: papers.remove(row)? })
        });
        let trending = trending.collect();
        Ok(report(&scores, trending, groups(moment, &scores, &ranked)?))
    }

    /// The scores of the papers of a window. Made once for each generation: some milliseconds for each paper.
    pub(crate) fn trend_scores(
        &self,
        snapshot: &Snapshot,
        request: &TrendRequest,
    ) -> Result<Arc<Scores>, EngineError> {
        let make = || score(request, Some(snapshot)).map(Arc::new);
        self.kept.slot::<KnownScores>().made((snapshot.generation, request), false, make)
    }
}

/// What the scores of a window come to.
fn report(scores: &Scores, papers: Vec<Trending>, groups: Vec<TrendGroup>) -> TrendReport {
    let dates = |span: Option<(i32, i32)>| span.map(|(first, last)| (date_of(first), date_of(last)));
    TrendReport {
        generation: scores.generation,
        window: dates(scores.window),
        history: dates(scores.history),
        n_window: scores.n_window,
        n_history: scores.history_rows.len(),
        basis: scores.basis,
        papers,
        groups,
    }
}

fn score(request: &TrendRequest, snapshot: Option<&Snapshot>) -> Result<Scores, EngineError> {
    let listed: Vec<Listed> = snapshot
        .map_or_else(Vec::new, |snapshot| snapshot.catalog.listed(snapshot.catalog.day_basis()).collect());
    let mut scores = Scores {
        generation: snapshot.map_or(0, |snapshot| snapshot.generation),
        window: None,
        history: None,
        n_window: 0,
        history_rows: Vec::new(),
        basis: TrendBasis::Growth,
        rows: HashMap::new(),
    };
    let today = days(today());
    let latest = listed.iter().map(|paper| paper.day).filter(|day| *day <= today).max();
    let Some(last) = request.as_of.map(days).or(latest) else { return Ok(scores) };
    let first = last.saturating_sub(i32::from(request.window_days) - 1);
    let before = first.saturating_sub(i32::from(request.history_days));
    (scores.window, scores.history) = (Some((first, last)), Some((before, first - 1)));

    let mut window: Vec<Listed> =
        listed.iter().filter(|paper| (first..=last).contains(&paper.day)).copied().collect();
    window.sort_unstable_by_key(|paper| (std::cmp::Reverse(paper.day), paper.row));
    scores.n_window = window.len();
    let history = listed.iter().filter(|paper| (before..first).contains(&paper.day));
    scores.history_rows = history.map(|paper| paper.row).collect();
    scores.history_rows.sort_unstable();
    if window.iter().any(|paper| paper.upvotes.is_some()) {
        scores.basis = TrendBasis::Votes;
        scores.rows = window.iter().map(|paper| (paper.row, by_votes(paper, last))).collect();
    } else if let Some(snapshot) = snapshot {
        scores.rows = by_growth(snapshot, &window, &scores.history_rows)?;
    }
    Ok(scores)
}

/// Groups of the papers that burst. The strongest founds one with all within its radius that burst too; who
/// has a paper of a group within the radius joins it, else founds the next.
fn groups(
    moment: &Moment<'_>,
    scores: &Scores,
    ranked: &[(u32, &Scored, &String)],
) -> Result<Vec<TrendGroup>, EngineError> {
    if scores.basis == TrendBasis::Votes {
        return Ok(Vec::new());
    }
    let bursting: HashSet<u32> =
        ranked.iter().filter(|(_, scored, _)| scored.score >= BURST_SCORE).map(|(row, ..)| *row).collect();
    let mut group_of: HashMap<u32, usize> = HashMap::new();
    let mut groups: Vec<(&Scored, Growth, Vec<u32>)> = Vec::new();
    for (row, scored, _) in ranked {
        let Some(growth) = scored.growth else { continue };
        if !bursting.contains(row) || group_of.contains_key(row) {
            continue;
        }
        // Who grew with a group that is there already is of that group.
        if let Some(&group) = scored.near.iter().find_map(|near| group_of.get(near)) {
            group_of.insert(*row, group);
            groups[group].2.push(*row);
            continue;
        }
        let near = scored.near.iter().filter(|near| bursting.contains(near));
        let members: Vec<u32> = std::iter::once(row).chain(near).copied().collect();
        group_of.extend(members.iter().map(|member| (*member, groups.len())));
        groups.push((scored, growth, members));
    }
    groups.retain(|(.., members)| members.len() >= MIN_GROUP);
    groups.truncate(MAX_GROUPS);
    if groups.is_empty() {
        return Ok(Vec::new());
    }

    let grouped: Vec<u32> = groups.iter().flat_map(|(.., members)| members).copied().collect();
    let step = scores.history_rows.len().div_ceil(MAX_BACKGROUND).max(1);
    let mut rows = grouped.clone();
    rows.extend(scores.history_rows.iter().step_by(step));
    let papers = moment.papers(&rows)?;
    let terms: HashMap<u32, Terms> =
        papers.par_iter().map(|(row, stored)| (*row, terms_of(&embedded_text(&stored.paper)))).collect();
    let background = Background::of(terms.values());
    let place: HashMap<u32, usize> =
        ranked.iter().enumerate().map(|(place, (row, ..))| (*row, place)).collect();
    let groups = groups.into_iter().map(|(scored, growth, mut members)| {
        members.sort_by_key(|row| place.get(row).copied());
        let of_members: Vec<&Terms> = members.iter().filter_map(|row| terms.get(row)).collect();
        TrendGroup {
            label: background.label(&of_members),
            score: scored.score,
            growth,
            papers: members.iter().filter_map(|row| Some(papers.get(row)?.paper.id.to_string())).collect(),
        }
    });
    Ok(groups.collect())
}

fn by_votes(paper: &Listed, last: i32) -> Scored {
    let age = f64::from(last - paper.day);
    let votes = f64::from(paper.upvotes.unwrap_or(0));
    Scored { score: votes * (-age / HALF_LIFE_DAYS).exp2(), growth: None, near: Vec::new() }
}

fn by_growth(
    snapshot: &Snapshot,
    window: &[Listed],
    history: &[u32],
) -> Result<HashMap<u32, Scored>, EngineError> {
    if window.is_empty() || history.is_empty() {
        return Ok(HashMap::new());
    }
    let recent: RoaringBitmap = window.iter().map(|paper| paper.row).collect();
    let mut allowed = recent.clone();
    allowed.extend(history.iter().copied());
    let scan = Scan::new(window.len(), history.len());
    let vectors = &snapshot.vectors;
    let score = |paper: &Listed| -> Result<Option<(u32, Scored)>, EngineError> {
        let Some(vector) = vectors.vector(paper.row)? else { return Ok(None) };
        // One more, since the paper is its own nearest.
        let params = SearchParams { allowed: Some(&allowed), ..SearchParams::new(MAX_NEIGHBOURS + 1) };
        let found = vectors.search(&vector, &params)?;
        let others = found.hits.iter().filter(|hit| hit.row != paper.row).take(MAX_NEIGHBOURS);
        let nearest: Vec<Neighbour> = others
            .map(|hit| Neighbour { row: hit.row, cosine: hit.score, is_recent: recent.contains(hit.row) })
            .collect();
        let (score, growth) = scan.growth(&nearest);
        let n_near = growth.map_or(0, |growth| growth.n_near);
        let near = nearest[..n_near].iter().filter(|near| near.is_recent).map(|near| near.row).collect();
        Ok(Some((paper.row, Scored { score, growth, near })))
    };
    let tested = &window[..window.len().min(MAX_TESTED)];
    tested.par_iter().filter_map(|paper| score(paper).transpose()).collect()
}
