//! Papers that came after the map was drawn: until the next is, each counts as being where the paper on it is that it is
//! nearest to in meaning.

use cognate_index::SearchParams;
use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::Snapshot;
use crate::atlas::Unplaced;
use crate::error::EngineError;

/// Papers that are given a place so, the first that came: each takes a search. The others wait for the next map.
const MAX_NEWCOMERS: usize = 500;

impl Snapshot {
    /// Gives the papers of this snapshot a place that came after the map was drawn.
    pub(super) fn place_newcomers(&self) -> Result<(), EngineError> {
        let Some(Unplaced { map, last_row, n_placed }) = self.atlas.unplaced(self.generation) else {
            return Ok(());
        };
        let mut rows: Vec<u32> = self.vectors.rows();
        rows.retain(|row| *row > last_row);
        rows.truncate(MAX_NEWCOMERS.saturating_sub(n_placed));
        let drawn: RoaringBitmap = map.points.iter().map(|point| point.row).collect();
        let place = |row: &u32| -> Result<Option<(u32, u32)>, EngineError> {
            let Some(vector) = self.vectors.vector(*row)? else { return Ok(None) };
            let params = SearchParams { allowed: Some(&drawn), ..SearchParams::new(1) };
            let found = self.vectors.search(&vector, &params)?;
            let nearest = found.hits.first().map(|hit| hit.row);
            let at = nearest.and_then(|row| map.points.binary_search_by_key(&row, |point| point.row).ok());
            Ok(at.map(|at| (*row, at as u32)))
        };
        let placed: Vec<(u32, u32)> =
            rows.par_iter().filter_map(|row| place(row).transpose()).collect::<Result<_, EngineError>>()?;
        self.atlas.add((&map, self.generation), placed);
        Ok(())
    }
}
