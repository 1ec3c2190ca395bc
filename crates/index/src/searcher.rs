//! What a query meets: a set, the graph over it where there is one, and the choice between them.
//!
//! Life of a graph: [`Searcher::build_graph`] compacts the set and builds over it, in the background
//! and for minutes; meanwhile the set moves on; [`Searcher::with_graph`] gives the latest searcher the
//! graph. From then on, changes leave the matrix under the graph alone: recent rows are scanned
//! exactly beside the graph, and dead ones are passed through by its walks and never returned.

use std::sync::Arc;

use cognate_vector::{Scored, TopK, UnitVector};
use rayon::prelude::*;

use crate::error::IndexError;
use crate::graph::{DEFAULT_EF_SEARCH, GraphIndex, GraphParams};
use crate::matrix::cosine;
use crate::vector_set::VectorSet;

/// Up to this many rows an exact scan serves, and no graph is worth building.
///
/// Speed alone would put it near 1,000. Measured on a busy machine of two AMD EPYC threads over
/// synthetic vectors of 384 components (`cargo bench -p cognate-index --bench search`), a query by
/// one thread, and the graph's speed as a multiple of the scan's:
///
/// | rows | exact scan | graph, first width with recall@10 ≥ 0.98 | graph, [`DEFAULT_EF_SEARCH`] | building |
/// |---|---|---|---|---|
/// | 1,000 | 0.09 ms | 2.5 (0.986) | 0.6 (1.000) | 0.5 s |
/// | 10,000 | 0.8 ms | 4.6 (0.993) | 1.2 (1.000) | 18 s |
/// | 30,000 | 3.7 ms | 13 (0.987) | 5.0 (1.000) | 83 s |
/// | 100,000 | 10.6 ms | 26 (0.986) | 11 (0.999) | 324 s |
///
/// But embedding a query takes longer than scanning tens of thousands of rows, a scan misses
/// nothing, and a graph has to be built at every start. At this limit a scan takes about 5 ms, and
/// the time that building takes would pay for some 50,000 of them.
pub const EXACT_SCAN_LIMIT: usize = 50_000;

/// A graph is worth building anew when rows outside it and dead rows in it exceed this fraction.
const REBUILD_FRACTION: usize = 8;
/// A graph is given up, and the set compacted, when they exceed this fraction.
const DROP_FRACTION: usize = 2;
/// What a walk of width 1 costs, in rows of an exact scan: from 44 to 74 were measured at widths of
/// 128 and 256 over 10,000 to 100,000 rows. Tells when a wide search would cost as much as a scan.
const SCANNED_ROWS_PER_EF: usize = 60;

/// Which way a query may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PathChoice {
    /// The graph where there is one and it is expected to be faster, else an exact scan.
    #[default]
    Auto,
    /// An exact scan.
    Exact,
}

/// Which way an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Every row was scored.
    Exact,
    /// By a walk on the graph: a row can have been missed.
    Hnsw,
}

/// The rows found for one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Hits {
    /// Best first, equal scores in order of row. At least `min(top_k, n)`; more where rows tie with
    /// the last (all that do on the exact path, those met on the graph's).
    pub hits: Vec<Scored>,
    /// How they were found.
    pub path: Path,
}

/// An immutable snapshot to search: readers share one in an `Arc`, and the writer swaps in the next.
#[derive(Debug, Clone)]
pub struct Searcher {
    set: VectorSet,
    /// Over the matrix of `set`.
    graph: Option<Arc<GraphIndex>>,
}

impl Searcher {
    /// Searches a set by exact scan.
    #[must_use]
    pub fn new(set: VectorSet) -> Self {
        Self { set, graph: None }
    }

    /// The set.
    #[must_use]
    pub fn set(&self) -> &VectorSet {
        &self.set
    }

    /// The graph, if there is one.
    #[must_use]
    pub fn graph(&self) -> Option<&GraphIndex> {
        self.graph.as_deref()
    }

    /// Whether there is a graph.
    #[must_use]
    pub fn has_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The generation of the store that it shows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.set.generation()
    }

    /// The way that a query for few rows takes.
    #[must_use]
    pub fn path(&self) -> Path {
        if self.graph_for(1, PathChoice::Auto).is_some() { Path::Hnsw } else { Path::Exact }
    }

    /// The next snapshot; see [`VectorSet::with_changes`]. Keeps the graph, unless half of it is out
    /// of date.
    ///
    /// # Errors
    /// Those of [`VectorSet::with_changes`].
    pub fn with_changes(
        &self,
        upserts: Vec<(u32, UnitVector)>,
        deletes: &[u32],
        generation: u64,
    ) -> Result<Self, IndexError> {
        let Some(graph) = &self.graph else {
            return Ok(Self::new(self.set.with_changes(upserts, deletes, generation)?));
        };
        let set = self.set.with_changes_on_base(upserts, deletes, generation)?;
        if set.n_changed() > graph.len() / DROP_FRACTION {
            return Ok(Self::new(set.compacted()));
        }
        Ok(Self { set, graph: Some(Arc::clone(graph)) })
    }

    /// Whether [`build_graph`](Self::build_graph) is worth its time now: there are more than
    /// [`EXACT_SCAN_LIMIT`] rows, and no graph or one that is out of date by an eighth.
    #[must_use]
    pub fn wants_graph(&self) -> bool {
        self.len() > EXACT_SCAN_LIMIT
            && self.graph.as_ref().is_none_or(|graph| self.set.n_changed() > graph.len() / REBUILD_FRACTION)
    }

    /// A searcher over the same rows, compacted, with a graph over them. Takes minutes for a hundred
    /// thousand rows: call it on a background thread, then give its result to
    /// [`with_graph`](Self::with_graph) of the searcher that is then the latest.
    ///
    /// # Errors
    /// Those of [`GraphIndex::build`].
    pub fn build_graph(&self, params: &GraphParams) -> Result<Self, IndexError> {
        let set = self.set.compacted();
        let graph = GraphIndex::build(&set, params)?;
        Ok(Self { set, graph: Some(Arc::new(graph)) })
    }

    /// This searcher's rows and generation, with the graph of `built`. Where the two share no
    /// vectors by address, as after a compaction, they are compared (tens of milliseconds for a
    /// hundred thousand rows).
    ///
    /// # Errors
    /// [`IndexError::Dimension`] and [`IndexError::GenerationBackwards`] if `built` is not an earlier
    /// state of this searcher.
    pub fn with_graph(&self, built: &Self) -> Result<Self, IndexError> {
        Ok(Self { set: built.set.changed_to(&self.set)?, graph: built.graph.clone() })
    }

    /// The rows closest to the query by cosine: at least `top_k` of them, or all. Never a deleted
    /// row, and recent ones always among the candidates.
    ///
    /// # Errors
    /// [`IndexError::Dimension`].
    pub fn search(&self, query: &UnitVector, top_k: usize, choice: PathChoice) -> Result<Hits, IndexError> {
        self.set.check_dim(query)?;
        if let Some(graph) = self.graph_for(top_k, choice) {
            let hits = self.search_graph(graph, query, top_k);
            // The graph is connected, so that it gives too few only where a walk stopped early among
            // many dead rows; then the answer is not its own.
            if hits.len() >= top_k.min(self.len()) {
                return Ok(Hits { hits, path: Path::Hnsw });
            }
        }
        Ok(Hits { hits: self.set.search(query, top_k)?, path: Path::Exact })
    }

    /// [`search`](Self::search) for many queries `[n_queries]`, in their order.
    ///
    /// # Errors
    /// [`IndexError::Dimension`].
    pub fn search_many(
        &self,
        queries: &[UnitVector],
        top_k: usize,
        choice: PathChoice,
    ) -> Result<Vec<Hits>, IndexError> {
        if self.graph_for(top_k, choice).is_some() {
            return queries.par_iter().map(|query| self.search(query, top_k, choice)).collect();
        }
        let found = self.set.search_many(queries, top_k)?;
        Ok(found.into_iter().map(|hits| Hits { hits, path: Path::Exact }).collect())
    }

    /// The graph, where a query for `top_k` rows should take it.
    fn graph_for(&self, top_k: usize, choice: PathChoice) -> Option<&GraphIndex> {
        let graph = self.graph.as_deref()?;
        let is_cheaper = ef_for(top_k).saturating_mul(SCANNED_ROWS_PER_EF) < graph.len();
        (choice == PathChoice::Auto && is_cheaper).then_some(graph)
    }

    fn search_graph(&self, graph: &GraphIndex, query: &UnitVector, top_k: usize) -> Vec<Scored> {
        debug_assert!(graph.is_over(&self.set));
        let mut best = TopK::new(top_k);
        for found in graph.search_where(query, ef_for(top_k), |position| !self.set.dead().contains(position))
        {
            best.push(found);
        }
        for recent in self.set.recent() {
            best.push(Scored { row: recent.row, score: cosine(query.as_slice(), recent.vector.as_slice()) });
        }
        best.into_sorted()
    }
}

/// The width of the walk for `top_k` rows: wide enough that recall at `top_k` does not fall with it.
fn ef_for(top_k: usize) -> usize {
    DEFAULT_EF_SEARCH.max(top_k.saturating_mul(2))
}

#[cfg(test)]
mod tests;
