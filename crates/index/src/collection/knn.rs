//! The nearest neighbours of every row.

use cognate_vector::Scored;
use rayon::prelude::*;

use super::search::SearchParams;
use super::snapshot::Snapshot;
use crate::error::IndexError;

/// For each row of a collection, the rows closest to it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnnGraph {
    rows: Vec<u32>,
    /// Where the neighbours of each row begin, and where the last ones end.
    starts: Vec<usize>,
    neighbours: Vec<Scored>,
}

impl KnnGraph {
    /// Each row, ascending, with its neighbours: best first, equal scores in order of row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &[Scored])> {
        self.rows
            .iter()
            .zip(self.starts.windows(2))
            .map(|(&row, ends)| (row, &self.neighbours[ends[0]..ends[1]]))
    }

    /// The neighbours of a row; `None` for a row that was not in the collection.
    #[must_use]
    pub fn neighbours(&self, row: u32) -> Option<&[Scored]> {
        let index = self.rows.binary_search(&row).ok()?;
        Some(&self.neighbours[self.starts[index]..self.starts[index + 1]])
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Snapshot {
    /// The `params.top_k` rows closest to each row, without itself, on all threads: by walks, or by
    /// exact search where `params` ask for it or there is no graph. Fewer only where there are fewer
    /// rows; never more, so that of rows that tie with the last, those of the smallest numbers are in.
    ///
    /// # Errors
    /// [`IndexError::Io`], or that a file is damaged.
    pub fn knn_graph(&self, params: &SearchParams<'_>) -> Result<KnnGraph, IndexError> {
        let rows = self.rows();
        let params = SearchParams { top_k: params.top_k.saturating_add(1), ..*params };
        let blocks: Result<Vec<Vec<Vec<Scored>>>, IndexError> = rows
            .par_chunks(256)
            .map(|rows| {
                let mut queries = Vec::with_capacity(rows.len());
                for &row in rows {
                    queries.extend(self.vector(row)?);
                }
                let found = self.search_many(&queries, &params)?;
                let lists = rows.iter().zip(found).map(|(&row, found)| {
                    let mut hits = found.hits;
                    hits.retain(|hit| hit.row != row);
                    hits.truncate(params.top_k - 1);
                    hits
                });
                Ok(lists.collect())
            })
            .collect();
        let mut graph = KnnGraph { rows, starts: vec![0], neighbours: Vec::new() };
        for list in blocks?.into_iter().flatten() {
            graph.neighbours.extend(list);
            graph.starts.push(graph.neighbours.len());
        }
        Ok(graph)
    }
}
