//! The map of the papers that was drawn last: what is on it, and which papers lie in a part of it.
//!
//! Drawing is [`Engine::map`](crate::Engine::map)'s. What was drawn is kept in a file (`file`), so that the next process need not
//! draw it again, and is there for whoever filters by a part of it.

mod file;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use file::AtlasFile;

use crate::error::EngineError;
use crate::region::Region;

/// Parts of the map whose papers are kept: those of the pages that people look at now.
const MAX_PARTS: usize = 32;

/// A map of the papers at one generation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    /// The generation of the papers.
    pub generation: u64,
    /// All papers, of which those on the map may be a part.
    pub n_papers: usize,
    /// The papers, in the order in which they were first indexed.
    pub points: Vec<MapPoint>,
    /// The names of the groups, those with most papers first.
    pub groups: Vec<MapGroup>,
    /// Parts of the map with a name, the largest first.
    pub regions: Vec<MapRegion>,
    /// The rows of papers that are not on it, each with the place in `points` of the paper that it is nearest to: it counts as
    /// being there.
    pub others: Vec<(u32, u32)>,
    /// How many of a paper's nearest in meaning are among its nearest on the map, from 0 to 1: the mean over some papers.
    pub kept: f32,
}

/// A paper on a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapPoint {
    /// [`StoredPaper::row`](crate::StoredPaper::row).
    pub row: u32,
    /// From left to right, in `[-1, 1]`. Neither direction means anything by itself.
    pub x: f32,
    /// From below to above, likewise.
    pub y: f32,
    /// Which of [`Map::groups`].
    pub group: u8,
    /// The year of publication.
    pub year: Option<i16>,
}

/// Papers that are shown alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapGroup {
    /// A category or the part of it before the first dot; `None` for all other papers.
    pub name: Option<String>,
    /// How many of the map's papers.
    pub n_papers: usize,
}

/// A part of a map with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRegion {
    /// The terms that set its papers apart, best first; at least one.
    pub label: Vec<String>,
    /// The papers within its shape.
    pub n_papers: usize,
    /// Where its name stands, on the scale of [`MapPoint`].
    pub middle: [f32; 2],
    /// What it is.
    pub shape: Region,
}

impl Map {
    /// The rows of the papers in a part of it, ascending.
    #[must_use]
    pub fn rows_within(&self, region: &Region) -> Vec<u32> {
        let is_within: Vec<bool> =
            self.points.iter().map(|point| region.contains([point.x, point.y])).collect();
        let within = self.points.iter().zip(&is_within).filter(|(_, is_within)| **is_within);
        let mut rows: Vec<u32> = within.map(|(point, _)| point.row).collect();
        let others = self.others.iter().filter(|(_, at)| is_within.get(*at as usize) == Some(&true));
        rows.extend(others.map(|(row, _)| *row));
        // Two ascending runs, which this kind of sort finds.
        rows.sort();
        rows
    }
}

/// The map that was drawn last, of whatever generation.
pub(crate) struct Atlas {
    /// Where it is kept; `None` for a process that writes none.
    file: Option<AtlasFile>,
    last: Mutex<Last>,
    parts: Mutex<Vec<Part>>,
    /// Held while one is drawn: who asks meanwhile waits for the same.
    drawing: Mutex<()>,
    is_drawn_aside: AtomicBool,
    is_wanted: AtomicBool,
}

#[derive(Default)]
struct Last {
    map: Option<Arc<Map>>,
    /// Whether the file was looked at.
    is_read: bool,
    /// Papers that came after it was drawn, as [`Map::others`], in ascending order of rows.
    newcomers: Vec<(u32, u32)>,
    /// The generation of the papers up to which those were looked for.
    placed_to: u64,
}

/// Papers that came after the map was drawn and have no place yet.
pub(crate) struct Unplaced {
    pub(crate) map: Arc<Map>,
    /// The last row that has a place: those behind it have none.
    pub(crate) last_row: u32,
    /// How many that came later have one.
    pub(crate) n_placed: usize,
}

/// The papers of a part of the map.
struct Part {
    region: Region,
    generation: u64,
    n_newcomers: usize,
    rows: Arc<[u32]>,
}

/// Nothing is left half done where a thread panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Atlas {
    pub(crate) fn new(file: Option<AtlasFile>) -> Self {
        Self {
            file,
            last: Mutex::default(),
            parts: Mutex::default(),
            drawing: Mutex::default(),
            is_drawn_aside: AtomicBool::new(false),
            is_wanted: AtomicBool::new(false),
        }
    }

    /// The map that was drawn last, by this process or before it, unless it is of a generation that the store, which is at
    /// `latest_generation`, has not reached.
    pub(crate) fn last(&self, latest_generation: u64) -> Option<Arc<Map>> {
        let mut last = lock(&self.last);
        if !last.is_read {
            last.is_read = true;
            last.map = self.file.as_ref().and_then(AtlasFile::read).map(Arc::new);
            last.placed_to = last.map.as_ref().map_or(0, |map| map.generation);
        }
        last.map.clone().filter(|map| map.generation <= latest_generation)
    }

    /// Takes a map in place of the one before, and writes it to the file.
    pub(crate) fn keep(&self, map: &Arc<Map>) {
        let placed_to = map.generation;
        *lock(&self.last) =
            Last { map: Some(Arc::clone(map)), is_read: true, newcomers: Vec::new(), placed_to };
        if let Some(file) = &self.file
            && let Err(error) = file.write(map)
        {
            tracing::warn!("{error}; the next start draws the map again");
        }
    }

    /// The papers of a generation that have no place on the map that was drawn before it; `None` where all have one, or
    /// there is no map.
    pub(crate) fn unplaced(&self, generation: u64) -> Option<Unplaced> {
        let map = self.last(generation)?;
        let last = lock(&self.last);
        if last.placed_to >= generation {
            return None;
        }
        let row = |others: &[(u32, u32)]| others.last().map_or(0, |(row, _)| *row);
        let last_row = map.points.last().map_or(0, |point| point.row);
        let last_row = last_row.max(row(&map.others)).max(row(&last.newcomers));
        Some(Unplaced { map, last_row, n_placed: last.newcomers.len() })
    }

    /// Takes the places of papers up to a generation that came after a map, unless another was drawn meanwhile.
    pub(crate) fn add(&self, (map, generation): (&Arc<Map>, u64), placed: Vec<(u32, u32)>) {
        let mut last = lock(&self.last);
        if last.map.as_ref().is_some_and(|own| Arc::ptr_eq(own, map)) && last.placed_to < generation {
            last.newcomers.extend(placed);
            last.placed_to = generation;
        }
    }

    /// The rows of the papers in a part of the map that was drawn last, ascending. What is asked for again was looked up
    /// before.
    ///
    /// # Errors
    /// [`EngineError::NoMap`] where none was drawn: from then on one is [wanted](Self::is_wanted).
    pub(crate) fn rows_within(&self, region: &Region, generation: u64) -> Result<Arc<[u32]>, EngineError> {
        let map = self.last(generation);
        if map.as_ref().is_none_or(|map| map.generation < generation) {
            self.is_wanted.store(true, Ordering::Relaxed);
        }
        let map = map.ok_or(EngineError::NoMap)?;
        let newcomers = lock(&self.last).newcomers.clone();
        let n_newcomers = newcomers.len();
        let mut parts = lock(&self.parts);
        parts.retain(|part| (part.generation, part.n_newcomers) == (map.generation, n_newcomers));
        if let Some(at) = parts.iter().position(|part| part.region == *region) {
            // What was asked for last goes last.
            let part = parts.remove(at);
            let rows = Arc::clone(&part.rows);
            parts.push(part);
            return Ok(rows);
        }
        let mut rows = map.rows_within(region);
        let is_within = |at: u32| map.points.get(at as usize).is_some_and(|at| region.contains([at.x, at.y]));
        // They came last.
        rows.extend(newcomers.iter().filter(|(_, at)| is_within(*at)).map(|(row, _)| *row));
        let rows: Arc<[u32]> = rows.into();
        if parts.len() == MAX_PARTS {
            parts.remove(0);
        }
        let part =
            Part { region: region.clone(), generation: map.generation, n_newcomers, rows: Arc::clone(&rows) };
        parts.push(part);
        Ok(rows)
    }

    /// Whether somebody asked for a part of a map that is not there, or that papers came after. Says so once.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.swap(false, Ordering::Relaxed)
    }

    /// Waits until nobody else draws; nobody does then, until what is given back is dropped.
    pub(crate) fn draw_alone(&self) -> MutexGuard<'_, ()> {
        lock(&self.drawing)
    }

    /// Whether the caller is the one to draw aside. It says so when it has [ended](Self::end_aside).
    pub(crate) fn begin_aside(&self) -> bool {
        !self.is_drawn_aside.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_aside(&self) {
        self.is_drawn_aside.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn papers_of_a_part_are_looked_up_once_for_each_map() {
        let atlas = Atlas::new(None);
        let region: Region = "-500.-500_500.-500_500.500_-500.500".parse().unwrap();
        assert!(matches!(atlas.rows_within(&region, 4), Err(EngineError::NoMap)));
        assert!(atlas.is_wanted() && !atlas.is_wanted());
        let point = |row: u32, x: f32| MapPoint { row, x, y: 0.0, group: 0, year: None };
        let map = |generation: u64, points: Vec<MapPoint>| Map { generation, points, ..Map::default() };
        atlas.keep(&Arc::new(map(4, vec![point(1, 0.1), point(2, 0.9), point(7, -0.4)])));
        let rows = atlas.rows_within(&region, 4).unwrap();
        assert_eq!(*rows, [1, 7]);
        assert!(!atlas.is_wanted());
        assert!(Arc::ptr_eq(&rows, &atlas.rows_within(&region, 4).unwrap()));
        // What is on it stays, and a new one is wanted, when papers came.
        assert!(Arc::ptr_eq(&rows, &atlas.rows_within(&region, 5).unwrap()));
        assert!(atlas.is_wanted());
        // What came counts as being where its nearest is.
        let Unplaced { map: before, last_row, n_placed } = atlas.unplaced(5).unwrap();
        assert_eq!((last_row, n_placed), (7, 0));
        atlas.add((&before, 5), vec![(8, 1), (9, 2)]);
        assert_eq!(*atlas.rows_within(&region, 5).unwrap(), [1, 7, 9]);
        assert!(atlas.unplaced(5).is_none());
        assert_eq!(atlas.unplaced(6).map(|unplaced| unplaced.last_row), Some(9));
        atlas.keep(&Arc::new(Map {
            others: vec![(3, 1), (9, 0)],
            ..map(5, vec![point(2, 0.3), point(4, 0.8)])
        }));
        assert_eq!(*atlas.rows_within(&region, 5).unwrap(), [2, 9]);
        for number in 0..2 * MAX_PARTS as i16 {
            let other: Region = format!("0.0_{number}.0_0.{number}_1.1").parse().unwrap();
            atlas.rows_within(&other, 5).unwrap();
        }
        assert_eq!(lock(&atlas.parts).len(), MAX_PARTS);
        // The store was put back to an earlier state.
        assert!(atlas.last(3).is_none());
    }
}
