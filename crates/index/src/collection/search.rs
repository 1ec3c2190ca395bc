//! The rows closest to a query, by the way that is fastest for it.

use cognate_vector::{Scored, UnitVector};
use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::exact::{Candidates, Query};
use super::snapshot::{Live, Snapshot};
use crate::error::IndexError;
use crate::walk::{Aim, Coded, Near, grown_width};

/// The least width of a walk where none is asked for: recall@10 above 0.99 on 100,000 embeddings of abstracts.
pub const DEFAULT_EF: usize = 128;

/// What a walk of width 1 costs, in rows of an exact scan: 55 to 75 were measured over 99,000 rows. Each segment is
/// walked or scanned by itself.
const SCANNED_ROWS_PER_EF: f64 = 60.0;
/// The same for a walk in which not every row is allowed, in allowed rows that are scored one by one,
/// for each reciprocal of the fraction that is allowed: 19 to 22 were measured where 50 and 20 % of
/// 99,000 rows are allowed. The ways cross at 16 % there, and at 9 % of a million.
const ALLOWED_ROWS_PER_EF: f64 = 20.0;
/// A walk with a filter is given up after so many times the points that it should visit: the rows that are allowed are
/// far from the query then, and scoring each of them costs less than passing through all the others.
const PATIENCE: f64 = 4.0;
/// A walk's scores lie within this many standard deviations of the true ones, nearly always.
const DEVIATIONS: f32 = 3.0;

/// What to find.
#[derive(Debug, Clone, Copy)]
pub struct SearchParams<'a> {
    /// How many rows.
    pub top_k: usize,
    /// Whether to score every row: nothing is missed then.
    pub exact: bool,
    /// The rows that may be found; `None` for all.
    pub allowed: Option<&'a RoaringBitmap>,
    /// The width of walks, at least `top_k`: about as many rows as a walk goes on from, fewer around a query with few
    /// rows close by and up to four times as many where there are many. Higher finds more and takes longer. `None` for [`DEFAULT_EF`] and
    /// more where a graph has more than 100,000 rows, or twice `top_k` where that is more.
    pub ef: Option<usize>,
}

impl SearchParams<'_> {
    /// For the `top_k` rows closest, by the fastest way.
    #[must_use]
    pub fn new(top_k: usize) -> Self {
        Self { top_k, exact: false, allowed: None, ef: None }
    }

    /// The width of a walk on a graph of `n_rows` rows.
    fn ef(&self, n_rows: usize) -> usize {
        let default = grown_width(DEFAULT_EF, n_rows);
        self.ef.unwrap_or(default.max(self.top_k.saturating_mul(2))).max(self.top_k).min(n_rows)
    }
}

/// Which way an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchPath {
    /// Every row, or every allowed one, was scored: nothing is missing.
    Exact,
    /// By walks on graphs, with the rows that came lately scored beside them: a row can be missing.
    Hnsw,
    /// By walks that pass through rows which are not allowed.
    FilteredHnsw,
}

/// The rows found for one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Best first, equal scores in order of row: `top_k` of them, or all that there are, and more where
    /// rows tie with the last (all that do on the exact path, those met on the others).
    pub hits: Vec<Scored>,
    /// How they were found.
    pub path: SearchPath,
}

impl Snapshot {
    /// The rows closest to the query by cosine: `top_k` of them, or all that are allowed.
    ///
    /// # Errors
    /// [`IndexError::Dimension`]; [`IndexError::Io`], or that a file is damaged.
    pub fn search(&self, query: &UnitVector, params: &SearchParams<'_>) -> Result<Found, IndexError> {
        self.check_dimension(query)?;
        if params.top_k == 0 {
            return Ok(Found { hits: Vec::new(), path: SearchPath::Exact });
        }
        self.watching(|| self.found(query, params))
    }

    fn found(&self, query: &UnitVector, params: &SearchParams<'_>) -> Result<Found, IndexError> {
        let query = Query::new(query.as_slice());
        let ways: Vec<Way> = self.segments().iter().map(|live| live.way(params)).collect();
        if ways.iter().any(Way::is_walk) {
            let mut candidates = Candidates::new(params.top_k);
            let mut walked = false;
            for (number, way) in ways.into_iter().enumerate() {
                let live = &self.segments()[number];
                match way {
                    Way::Pass => continue,
                    Way::Walk(walk)
                        if live.walked(&query, params, (walk, number as u32, &mut candidates)) =>
                    {
                        walked = true;
                        continue;
                    }
                    Way::Walk(_) | Way::Scan => {}
                }
                match params.allowed {
                    Some(allowed) => live.offer_allowed(&query, allowed, (number as u32, &mut candidates)),
                    None => self.offer_all(&query, number, &mut candidates),
                }
            }
            let hits = self.settle(&query, candidates, params.top_k)?;
            let path = match params.allowed {
                _ if !walked => SearchPath::Exact,
                Some(_) => SearchPath::FilteredHnsw,
                None => SearchPath::Hnsw,
            };
            if !walked || hits.len() >= params.top_k {
                return Ok(Found { hits, path });
            }
            // Most of what is allowed is dead: an exact search tells how many are not, and never gives too few.
        }
        let hits = match params.allowed {
            Some(allowed) => self.scan_allowed(&query, params.top_k, allowed)?,
            None => self.scan_many(&[query], params.top_k)?.pop().unwrap_or_default(),
        };
        Ok(Found { hits, path: SearchPath::Exact })
    }

    /// [`search`](Self::search) for many queries `[n_queries]`, in their order, on all threads. An
    /// exact search reads the rows from memory once for every 32 queries.
    ///
    /// # Errors
    /// As for [`search`](Self::search).
    pub fn search_many(
        &self,
        queries: &[UnitVector],
        params: &SearchParams<'_>,
    ) -> Result<Vec<Found>, IndexError> {
        queries.iter().try_for_each(|query| self.check_dimension(query))?;
        if params.top_k > 0 && params.allowed.is_none() && !self.walks(params) {
            let queries: Vec<Query<'_>> = queries.iter().map(|query| Query::new(query.as_slice())).collect();
            let found = self.watching(|| self.scan_many(&queries, params.top_k))?;
            return Ok(found.into_iter().map(|hits| Found { hits, path: SearchPath::Exact }).collect());
        }
        queries.par_iter().map(|query| self.search(query, params)).collect()
    }

    /// The way that a query for few rows takes.
    #[must_use]
    pub fn path(&self) -> SearchPath {
        if self.walks(&SearchParams::new(1)) { SearchPath::Hnsw } else { SearchPath::Exact }
    }

    fn walks(&self, params: &SearchParams<'_>) -> bool {
        self.segments().iter().any(|live| live.way(params).is_walk())
    }
}

/// How one segment is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Not at all, as none of its rows may be found.
    Pass,
    /// By a walk on its graph.
    Walk(Walk),
    /// By scoring each row that may be found.
    Scan,
}

impl Way {
    fn is_walk(&self) -> bool {
        matches!(self, Self::Walk(_))
    }
}

/// A walk on one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Walk {
    ef: usize,
    /// Points after which it is given up.
    max_visits: usize,
}

impl Live {
    /// The fastest way through this segment, by its own rows and how many of them may be found: a filter may allow
    /// all rows of one segment and none of the next, as one by year does.
    fn way(&self, params: &SearchParams<'_>) -> Way {
        let n = self.segment.len();
        // Dead rows are counted where there is a filter; few of them are allowed.
        let n_wanted = match params.allowed {
            None => self.n_live(),
            Some(allowed) => self.segment.row_set().intersection_len(allowed) as usize,
        };
        if n_wanted == 0 {
            return Way::Pass;
        }
        if params.exact || !self.segment.has_graph() {
            return Way::Scan;
        }
        let ef = params.ef(n);
        let n_visits = ef as f64 * ALLOWED_ROWS_PER_EF * n as f64 / n_wanted as f64;
        let cost = if params.allowed.is_some() { n_visits } else { ef as f64 * SCANNED_ROWS_PER_EF };
        if cost >= n_wanted as f64 {
            return Way::Scan;
        }
        Way::Walk(Walk { ef, max_visits: n_wanted.min((n_visits * PATIENCE) as usize) })
    }

    /// Offers what a walk on the graph finds. `false`, and nothing is offered, where there is none or it was given up.
    fn walked(
        &self,
        query: &Query<'_>,
        params: &SearchParams<'_>,
        (walk, number, candidates): (Walk, u32, &mut Candidates),
    ) -> bool {
        let (segment, quantized) = (&self.segment, &query.quantized);
        let Some((terrain, upper)) = segment.graph() else { return false };
        let rows = segment.rows();
        let unit = (quantized.scale * segment.scale()).recip();
        let aim = Aim::near(&quantized.coarse, Near::of(params.top_k, walk.ef, unit));
        let aim = match terrain.codes {
            Some(codes) => aim.with_codes(Coded { table: quantized.table(codes), unit }),
            None => aim,
        };
        segment.with_scratch(|scratch| {
            terrain.descend(upper, aim, scratch);
            let ended = if params.allowed.is_none() && self.dead.n_set() == 0 {
                terrain.walk(aim, walk.ef, scratch);
                true
            } else {
                terrain.walk_where((aim, walk.ef, walk.max_visits), scratch, |position| {
                    !self.dead.contains(position as usize)
                        && params.allowed.is_none_or(|allowed| allowed.contains(rows[position as usize]))
                })
            };
            if !ended {
                return false;
            }
            let error = DEVIATIONS * quantized.deviation(segment.residual(), segment.dim());
            for key in scratch.found() {
                let about = quantized.cosine(key.dot(), 0, segment.scale());
                // Best first: none that follows is wanted either.
                if !candidates.push((about, error), (number, key.position())) {
                    break;
                }
            }
            true
        })
    }
}

#[cfg(test)]
mod tests;
