//! The rows closest to a query, by the way that is fastest for it.

use cognate_vector::kernels::dots_i8;
use cognate_vector::{Scored, UnitVector};
use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::exact::{Candidates, Query};
use super::snapshot::{Live, Snapshot};
use crate::error::IndexError;
use crate::walk::grown_width;

/// The least width of a walk where none is asked for: recall@10 above 0.99 on 100,000 embeddings of abstracts.
pub const DEFAULT_EF: usize = 128;

/// What a walk of width 1 costs, in rows of an exact scan: 55 to 75 were measured over 99,000 rows.
const SCANNED_ROWS_PER_EF: f64 = 60.0;
/// The same for a walk in which not every row is allowed, in allowed rows that are scored one by one,
/// for each reciprocal of the fraction that is allowed: 19 to 22 were measured where 50 and 20 % of
/// 99,000 rows are allowed. The ways cross at 16 % there, and at 9 % of a million.
const ALLOWED_ROWS_PER_EF: f64 = 20.0;
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
    /// The width of walks, at least `top_k`: higher finds more and takes longer. `None` for [`DEFAULT_EF`] and
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
        if !params.exact && self.walk_is_cheaper(params) {
            let mut candidates = Candidates::new(params.top_k);
            for (number, live) in self.segments().iter().enumerate() {
                live.offer(&query, params, (number as u32, &mut candidates));
            }
            let hits = self.settle(&query, candidates, params.top_k)?;
            if hits.len() >= params.top_k.min(self.len()) {
                let path = if params.allowed.is_some() { SearchPath::FilteredHnsw } else { SearchPath::Hnsw };
                return Ok(Found { hits, path });
            }
            // Fewer are allowed than were asked for, or a walk was cut off among the dead: an exact
            // search tells which, and never gives too few.
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
        if params.top_k > 0 && params.allowed.is_none() && (params.exact || !self.walk_is_cheaper(params)) {
            let queries: Vec<Query<'_>> = queries.iter().map(|query| Query::new(query.as_slice())).collect();
            let found = self.watching(|| self.scan_many(&queries, params.top_k))?;
            return Ok(found.into_iter().map(|hits| Found { hits, path: SearchPath::Exact }).collect());
        }
        queries.par_iter().map(|query| self.search(query, params)).collect()
    }

    /// The way that a query for few rows takes.
    #[must_use]
    pub fn path(&self) -> SearchPath {
        if self.walk_is_cheaper(&SearchParams::new(1)) { SearchPath::Hnsw } else { SearchPath::Exact }
    }

    fn walk_is_cheaper(&self, params: &SearchParams<'_>) -> bool {
        let with_graph = || self.segments().iter().filter(|live| live.segment.has_graph());
        let n = with_graph().map(Live::n_live).sum::<usize>() as f64;
        let ef = with_graph().map(|live| params.ef(live.segment.len())).sum::<usize>() as f64;
        match params.allowed {
            None => ef * SCANNED_ROWS_PER_EF < n,
            Some(allowed) => {
                let n_allowed = allowed.len() as f64;
                let fraction = (n_allowed / self.len().max(1) as f64).clamp(1e-9, 1.0);
                n > 0.0 && ef * ALLOWED_ROWS_PER_EF / fraction < n_allowed
            }
        }
    }
}

impl Live {
    /// Offers the candidates of this segment: by a walk where there is a graph, else all rows.
    fn offer(
        &self,
        query: &Query<'_>,
        params: &SearchParams<'_>,
        (number, candidates): (u32, &mut Candidates),
    ) {
        let (segment, quantized) = (&self.segment, &query.quantized);
        let rows = segment.rows();
        let accepts = |position: u32| {
            !self.dead.contains(position as usize)
                && params.allowed.is_none_or(|allowed| allowed.contains(rows[position as usize]))
        };
        let Some((terrain, upper)) = segment.graph() else {
            let (mut coarse, mut fine) = (vec![0; rows.len()], vec![0; rows.len()]);
            dots_i8(&quantized.coarse, segment.vectors(), &mut coarse);
            dots_i8(&quantized.fine, segment.vectors(), &mut fine);
            let error = quantized.error(segment.residual());
            for (position, (&coarse, &fine)) in (0..).zip(coarse.iter().zip(&fine)) {
                let about = quantized.cosine(coarse, fine, segment.scale());
                if accepts(position) {
                    candidates.push((about, error), (number, position));
                }
            }
            return;
        };
        segment.with_scratch(|scratch| {
            let ef = params.ef(segment.len());
            terrain.descend(upper, &quantized.coarse, scratch);
            if params.allowed.is_none() && self.dead.n_set() == 0 {
                terrain.walk(&quantized.coarse, ef, scratch);
            } else {
                terrain.walk_where((&quantized.coarse, ef), scratch, accepts);
            }
            let error = DEVIATIONS * quantized.deviation(segment.residual(), segment.dim());
            for key in scratch.found() {
                let about = quantized.cosine(key.dot(), 0, segment.scale());
                candidates.push((about, error), (number, key.position()));
            }
        });
    }
}
