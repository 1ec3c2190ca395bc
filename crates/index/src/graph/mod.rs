//! A navigable small-world graph over a set's matrix, for searching without scoring every row.
//!
//! The graph is Malkov and Yashunin's HNSW (<https://arxiv.org/abs/1603.09320>). `hnsw_rs` builds it;
//! its neighbour lists are then copied into flat arrays and `hnsw_rs` is let go, for three reasons:
//! searching it takes a lock and a hash at every step, its memory is several times that of the lists,
//! and points that its construction left unreachable can be linked only in lists of our own.

mod beam;
mod build;
mod connect;

use std::sync::Arc;

use cognate_vector::{Scored, TopK, UnitVector};

use self::beam::{Beam, descend};
use crate::error::IndexError;
use crate::matrix::{Matrix, cosine};
use crate::vector_set::VectorSet;

/// The width of a graph search where nothing else is asked for.
///
/// Over 100,000 synthetic vectors (`cargo bench -p cognate-index --bench search`, `m` 16,
/// `ef_construction` 200) recall@10 is 0.986 at 32, 0.996 at 64 and 0.999 at 128. Real embeddings
/// spread over more directions than those do, which costs recall, so the default is the widest of
/// the three; a search of it is still 10 times as fast as the exact scan.
pub const DEFAULT_EF_SEARCH: usize = 128;

/// How a graph is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphParams {
    /// Neighbours of a point in each upper layer; twice as many in the lowest. 4 to 128.
    pub m: usize,
    /// Candidates kept while looking for a new point's neighbours. From `m` to 4096.
    pub ef_construction: usize,
    /// Threads that insert, in a pool of their own, so that exact scans are not queued behind the
    /// building. With 1 the graph is the same every time; with more it depends on their timing.
    pub n_threads: usize,
}

impl Default for GraphParams {
    /// `m` 16, `ef_construction` 200, and all threads of the machine but one, which is left to
    /// searches.
    fn default() -> Self {
        let n_threads = std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1).max(1));
        Self { m: 16, ef_construction: 200, n_threads }
    }
}

/// A graph over the matrix of one [`VectorSet`], in memory. It holds on to the matrix, so it stays
/// right whatever later sets do.
#[derive(Debug)]
pub struct GraphIndex {
    matrix: Arc<Matrix>,
    /// A point of the topmost layer; `None` over no rows.
    entry: Option<u32>,
    /// Neighbours of every point in the lowest layer. Strongly connected: every point can be reached
    /// from every other.
    lowest: Adjacency,
    /// The layers above, from the second lowest to the topmost.
    upper: Vec<UpperLayer>,
    n_linked: usize,
}

/// Neighbour lists one after another.
#[derive(Debug)]
struct Adjacency {
    /// Where each list starts, and where the last one ends.
    starts: Vec<usize>,
    neighbours: Vec<u32>,
}

/// A layer that holds some of the points.
#[derive(Debug)]
struct UpperLayer {
    /// Positions, ascending.
    members: Vec<u32>,
    /// A list for each member.
    links: Adjacency,
}

impl GraphIndex {
    /// Builds a graph over a set. Rows that came since the set was last
    /// [`compacted`](VectorSet::compacted) are not in it, so compact it first.
    ///
    /// # Errors
    /// [`IndexError::GraphParam`], [`IndexError::TooManyForGraph`], [`IndexError::ThreadPool`].
    pub fn build(set: &VectorSet, params: &GraphParams) -> Result<Self, IndexError> {
        build::build(Arc::clone(set.base()), params)
    }

    /// About `top_k` rows closest to the query by cosine, best first, equal scores in order of row,
    /// with those found that tie with the last. The scores are those of an exact scan; what can be
    /// missing is a row. `ef_search` is the width of the search, taken as at least `top_k`: higher
    /// finds more and takes longer.
    ///
    /// Answers for the matrix as it was built: [`Searcher`](crate::Searcher) joins it with what
    /// changed since.
    ///
    /// # Errors
    /// [`IndexError::Dimension`].
    pub fn search(
        &self,
        query: &UnitVector,
        top_k: usize,
        ef_search: usize,
    ) -> Result<Vec<Scored>, IndexError> {
        if query.dim() != self.matrix.dim() {
            return Err(IndexError::Dimension { expected: self.matrix.dim(), found: query.dim() });
        }
        let mut best = TopK::new(top_k);
        for found in self.search_where(query, ef_search.max(top_k), |_| true) {
            best.push(found);
        }
        Ok(best.into_sorted())
    }

    /// The rows found by a search of width `ef` whose position is accepted, in any order. Positions
    /// that are not accepted are passed through, so that they never cut off what lies behind them.
    pub(crate) fn search_where(
        &self,
        query: &UnitVector,
        ef: usize,
        accept: impl Fn(usize) -> bool,
    ) -> Vec<Scored> {
        let Some(entry) = self.entry else {
            return Vec::new();
        };
        let query = query.as_slice();
        let mut start = Scored { row: entry, score: cosine(query, self.matrix.vector(entry as usize)) };
        for layer in self.upper.iter().rev() {
            start = descend(&self.matrix, query, start, |point| layer.neighbours(point));
        }
        let beam = Beam { matrix: &self.matrix, query, start, ef: ef.clamp(1, self.matrix.len()) };
        let mut found = beam.run(|point| self.lowest.list(point as usize), accept);
        for scored in &mut found {
            scored.row = self.matrix.row(scored.row as usize);
        }
        found
    }

    /// Rows in the graph.
    #[must_use]
    pub fn len(&self) -> usize {
        self.matrix.len()
    }

    /// Whether the graph has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Links that were added because `hnsw_rs` had left points that could not be reached, or that
    /// led nowhere.
    #[must_use]
    pub fn n_linked(&self) -> usize {
        self.n_linked
    }

    /// Bytes of the graph itself, without the vectors that it shares with the set.
    #[must_use]
    pub fn graph_bytes(&self) -> usize {
        let upper: usize = self.upper.iter().map(|layer| 4 * layer.members.len() + layer.links.bytes()).sum();
        self.lowest.bytes() + upper
    }

    /// Whether the graph is over the very matrix that the set has.
    pub(crate) fn is_over(&self, set: &VectorSet) -> bool {
        Arc::ptr_eq(&self.matrix, set.base())
    }
}

impl Adjacency {
    fn from_lists(lists: impl ExactSizeIterator<Item = Vec<u32>>) -> Self {
        let mut starts = Vec::with_capacity(lists.len() + 1);
        let mut neighbours = Vec::new();
        starts.push(0);
        for list in lists {
            neighbours.extend_from_slice(&list);
            starts.push(neighbours.len());
        }
        neighbours.shrink_to_fit();
        Self { starts, neighbours }
    }

    #[inline]
    fn list(&self, index: usize) -> &[u32] {
        &self.neighbours[self.starts[index]..self.starts[index + 1]]
    }

    fn bytes(&self) -> usize {
        8 * self.starts.len() + 4 * self.neighbours.len()
    }
}

impl UpperLayer {
    fn neighbours(&self, point: u32) -> &[u32] {
        self.members.binary_search(&point).map_or(&[], |index| self.links.list(index))
    }
}

#[cfg(test)]
mod tests;
