//! The papers in two dimensions, so that papers of like meaning are near each other.
//!
//! Each paper is joined to its nearest neighbours by cosine (`neighbours`). The places begin along the two directions in
//! which papers differ most (`axes`), and are then moved until neighbours are near and others are not (`layout`). Parts of
//! the map are named by the terms that set their papers apart (`regions`). Nothing is random: the same papers give the same
//! map. Of more than [`MAX_MAP_POINTS`] papers an even part is on it.

mod axes;
mod groups;
mod layout;
mod neighbours;
mod regions;

use std::collections::HashMap;
use std::sync::Arc;

use cognate_vector::UnitVector;
use rayon::prelude::*;

pub use groups::MAX_MAP_GROUPS;

use crate::atlas::{Map, MapPoint};
use crate::catalog::date_of;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::kept::made_once;
use crate::view::Moment;
use axes::Axes;
use neighbours::Packed;

/// Papers from which the axes are found: far more than a vector has components.
const SAMPLE: usize = 16_384;
/// Papers on a map; of more, an even part is shown.
pub const MAX_MAP_POINTS: usize = 100_000;
/// Papers beyond those on a map that one task takes.
const PORTION: usize = 4_096;
/// Papers of which a map is drawn while somebody waits for it: a second's work.
const AT_ONCE: usize = 2_500;

impl Engine {
    /// The papers in two dimensions, by a paper's first category in groups. Drawn once for each generation, which takes
    /// some twenty seconds for a hundred thousand papers.
    ///
    /// # Errors
    /// [`EngineError`] if vectors or store cannot be read.
    pub fn map(&self) -> Result<Arc<Map>, EngineError> {
        let Some(view) = self.view()? else { return Ok(Arc::default()) };
        let snapshot = view.snapshot();
        let of_now =
            || snapshot.atlas.last(snapshot.generation).filter(|map| map.generation == snapshot.generation);
        let draw_now = || {
            let moment = view.exact_moment(self.store()?)?;
            let map = Arc::new(draw(&moment)?);
            snapshot.atlas.keep(&map);
            Ok(map)
        };
        made_once(of_now, || snapshot.atlas.draw_alone(), draw_now)
    }

    /// The map without waiting: of many papers the one that was drawn last, of whatever generation, while the one of now
    /// is drawn aside, on half of the processors; `None` while that is the first. Of few papers the one of now.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn map_at_hand(self: &Arc<Self>) -> Result<Option<Arc<Map>>, EngineError> {
        let Some(view) = self.view()? else { return Ok(Some(Arc::default())) };
        let snapshot = view.snapshot();
        if snapshot.vectors.len() <= AT_ONCE {
            return self.map().map(Some);
        }
        let last = snapshot.atlas.last(snapshot.generation);
        let is_of_now = last.as_ref().is_some_and(|map| map.generation == snapshot.generation);
        if !is_of_now && snapshot.atlas.begin_aside() {
            let (engine, atlas) = (Arc::clone(self), Arc::clone(&snapshot.atlas));
            let spawned = std::thread::Builder::new().name("map".to_owned()).spawn(move || {
                let n_threads = std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2));
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
                let map = match pool {
                    Ok(pool) => pool.install(|| engine.map()),
                    Err(_) => engine.map(),
                };
                atlas.end_aside();
                if let Err(error) = map {
                    tracing::warn!("the map could not be drawn: {error}");
                }
            });
            if let Err(error) = spawned {
                snapshot.atlas.end_aside();
                tracing::warn!("the map could not be drawn aside: {error}");
            }
        }
        Ok(last)
    }

    /// Begins to draw the map where somebody asked for papers of a part of it, and there is none or papers came since.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn draw_wanted_map(self: &Arc<Self>) -> Result<(), EngineError> {
        if !self.is_here() {
            return Ok(());
        }
        match self.view()? {
            Some(view) if view.snapshot().atlas.is_wanted() => self.map_at_hand().map(drop),
            _ => Ok(()),
        }
    }
}

fn draw(moment: &Moment<'_>) -> Result<Map, EngineError> {
    let snapshot = &moment.snapshot;
    let vectors = &snapshot.vectors;
    let all = vectors.rows();
    let read = |row: &u32| match vectors.vector(*row) {
        Ok(vector) => vector.map(|vector| Ok((*row, vector))),
        Err(error) => Some(Err(EngineError::from(error))),
    };
    let papers: Vec<(u32, UnitVector)> =
        evenly(&all, MAX_MAP_POINTS).par_iter().filter_map(read).collect::<Result<_, _>>()?;
    let (rows, of_rows): (Vec<u32>, Vec<UnitVector>) = papers.into_iter().unzip();
    let packed = Packed::new(&of_rows, snapshot.vectors.dim());
    let (places, kept) = places_of(&of_rows, snapshot.vectors.dim(), &packed);
    drop(of_rows);
    let rest: Vec<u32> = all.iter().copied().filter(|row| rows.binary_search(row).is_err()).collect();
    let of_portion = |portion: &[u32]| -> Result<Vec<(u32, u32)>, EngineError> {
        let papers: Vec<(u32, UnitVector)> = portion.iter().filter_map(read).collect::<Result<_, _>>()?;
        let (rows, vectors): (Vec<u32>, Vec<UnitVector>) = papers.into_iter().unzip();
        Ok(rows.into_iter().zip(packed.nearest_of(&vectors)).collect())
    };
    let others: Vec<Vec<(u32, u32)>> =
        rest.par_chunks(PORTION).map(of_portion).collect::<Result<_, EngineError>>()?;

    let categories: HashMap<u32, String> = moment.read(|reader| reader.first_categories())?;
    let of_points: Vec<Option<&str>> =
        rows.iter().map(|row| categories.get(row).map(String::as_str)).collect();
    let (groups, group_of) = groups::grouped(&of_points);
    let points: Vec<MapPoint> = rows
        .iter()
        .zip(&places)
        .zip(group_of)
        .map(|((row, [x, y]), group)| {
            let year = snapshot.catalog.published(*row).map(|day| date_of(day).year());
            MapPoint { row: *row, x: *x, y: *y, group, year }
        })
        .collect();
    let regions = regions::named(moment, &points)?;
    let generation = snapshot.generation;
    let mut map =
        Map { generation, n_papers: all.len(), points, groups, regions, others: others.concat(), kept };
    let n_within: Vec<usize> =
        map.regions.iter().map(|region| map.rows_within(&region.shape).len()).collect();
    map.regions.iter_mut().zip(n_within).for_each(|(region, n_papers)| region.n_papers = n_papers);
    Ok(map)
}

/// The place of each vector, in `[-1, 1]` both ways, and how many of its nearest are near it there.
fn places_of(vectors: &[UnitVector], dim: usize, packed: &Packed) -> (Vec<[f32; 2]>, f32) {
    let axes = Axes::of(&evenly(vectors, SAMPLE), dim);
    let begin: Vec<[f32; 2]> = vectors.par_iter().map(|vector| axes.place(vector)).collect();
    let neighbours = packed.neighbours(vectors);
    let places = layout::scaled(&layout::places(begin, &neighbours));
    let kept = neighbours::kept(&neighbours, &places);
    (places, kept)
}

/// At most `n` of the values, evenly spread.
fn evenly<T: Clone>(values: &[T], n: usize) -> Vec<T> {
    if values.len() <= n {
        return values.to_vec();
    }
    (0..n).map(|place| values[place * values.len() / n].clone()).collect()
}

#[cfg(test)]
mod tests;
