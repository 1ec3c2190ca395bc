//! Pairs worth a judgment: of the same identifier, title or nearly the same words, or near in meaning.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cognate_corpus::Paper;
use cognate_dedup::{BANDS, Containers, Sketch, is_container};
use cognate_index::{Snapshot, Wanted};
use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::OnProgress;
use crate::error::EngineError;
use crate::store::Reader;

/// Papers sketched at a time.
const BATCH: usize = 4_096;
/// From this cosine on, two papers are candidates without an author in common.
pub(super) const WITHOUT_AUTHOR: f32 = 0.85;
/// All pairs of a group of this size are candidates; of a larger one, those with its first paper and those that
/// follow one another.
const MAX_GROUP: usize = 64;
/// Pairs by meaning that are held: 240 MB of them.
const MAX_PAIRS: usize = 20_000_000;

/// Two rows, the smaller first.
type Pair = (u32, u32);

/// Two papers to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Rows, the smaller first.
    pub(super) rows: Pair,
    /// They have an identifier, the title or words in common, and so are candidates whatever the threshold.
    pub(super) has_key: bool,
}

/// Sketches of every paper, of which there are some `n_papers`, in order of row.
pub(super) fn sketches(
    reader: &Reader,
    n_papers: usize,
    (stop, on_progress): (&AtomicBool, OnProgress<'_>),
) -> Result<Vec<Sketch>, EngineError> {
    on_progress("reading", 0, n_papers);
    let mut sketches = Vec::new();
    let mut batch: Vec<(u32, Paper)> = Vec::with_capacity(BATCH);
    let mut sketch = |batch: &mut Vec<(u32, Paper)>| {
        sketches.par_extend(batch.par_iter().map(|(row, paper)| Sketch::new(*row, paper)));
        batch.clear();
        on_progress("reading", sketches.len(), n_papers);
    };
    reader.for_each_paper(&mut |stored| {
        batch.push((stored.row, stored.paper));
        if batch.len() == BATCH {
            sketch(&mut batch);
        }
        if stop.load(Ordering::Relaxed) { Err(EngineError::Interrupted) } else { Ok(()) }
    })?;
    sketch(&mut batch);
    Ok(sketches)
}

/// The identifiers that papers of unlike titles carry. Only titles of three papers or more with one identifier are read.
pub(super) fn containers(reader: &Reader, sketches: &[Sketch]) -> Result<Containers, EngineError> {
    /// Papers whose titles are looked at: more of one identifier tell nothing new.
    const MAX_TITLES: usize = 1_000;
    let mut keys: Vec<(u64, u32)> = sketches
        .iter()
        .flat_map(|sketch| sketch.identifiers.iter().map(|identifier| (*identifier, sketch.row)))
        .collect();
    keys.par_sort_unstable();
    let mut found = HashSet::new();
    for group in keys.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() >= 3) {
        let rows: Vec<u32> = group.iter().take(MAX_TITLES).map(|(_, row)| *row).collect();
        let papers = reader.papers(&rows)?;
        let mut titles: Vec<&str> =
            papers.values().filter_map(|stored| stored.paper.title.as_deref()).collect();
        titles.sort_unstable();
        if is_container(titles) {
            found.insert(group[0].0);
        }
    }
    Ok(Containers::new(found))
}

/// What candidates are looked for by meaning.
pub(super) struct Near<'a> {
    pub(super) vectors: &'a Snapshot,
    /// The lowest cosine of those by meaning.
    pub(super) threshold: f32,
    /// Of each pair, whatever found it, at least one row is among these; `None` for all pairs.
    pub(super) changed: Option<&'a RoaringBitmap>,
}

impl Near<'_> {
    fn has(&self, row: u32) -> bool {
        self.changed.is_none_or(|changed| changed.contains(row))
    }
}

/// All candidates in order of row, each once.
pub(super) fn candidates(
    sketches: &[Sketch],
    near: &Near<'_>,
    at_work: (&AtomicBool, OnProgress<'_>),
) -> Result<Vec<Candidate>, EngineError> {
    let with_key = |rows| Candidate { rows, has_key: true };
    let mut pairs: Vec<Candidate> = by_equal_keys(sketches, near).into_iter().map(with_key).collect();
    let by_meaning = by_meaning(sketches, near, at_work)?;
    let without_key = |(a, b, _)| Candidate { rows: (a, b), has_key: false };
    pairs.extend(by_meaning.into_iter().map(without_key));
    pairs.par_sort_unstable_by_key(|pair| pair.rows);
    pairs.dedup_by(|next, first| {
        let is_same = next.rows == first.rows;
        first.has_key |= is_same && next.has_key;
        is_same
    });
    Ok(pairs)
}

/// Pairs with an identifier, the title or a band of words in common.
fn by_equal_keys(sketches: &[Sketch], near: &Near<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let index = || sketches.iter().enumerate().map(|(place, sketch)| (place as u32, sketch));
    let identifiers =
        index().flat_map(|(place, sketch)| sketch.identifiers.iter().map(move |key| (*key, place)));
    join(sketches, near, identifiers.collect(), &mut pairs);
    let titles = index().filter_map(|(place, sketch)| Some((sketch.title?, place)));
    join(sketches, near, titles.collect(), &mut pairs);
    let places = index().filter_map(|(place, sketch)| Some((sketch.place?, place)));
    join(sketches, near, places.collect(), &mut pairs);
    for band in 0..BANDS {
        let keys = index().filter_map(|(place, sketch)| Some((u64::from(*sketch.bands.get(band)?), place)));
        join(sketches, near, keys.collect(), &mut pairs);
        if band % 8 == 7 {
            pairs.par_sort_unstable();
            pairs.dedup();
        }
    }
    pairs
}

/// Adds the pairs of places with an equal key.
fn join(sketches: &[Sketch], near: &Near<'_>, mut keys: Vec<(u64, u32)>, pairs: &mut Vec<Pair>) {
    keys.par_sort_unstable();
    keys.dedup();
    let mut add = |a: &Sketch, b: &Sketch| {
        if near.has(a.row) || near.has(b.row) {
            pairs.push(pair(a, b));
        }
    };
    for group in keys.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        let mut members: Vec<&Sketch> = group.iter().map(|&(_, place)| &sketches[place as usize]).collect();
        if members.len() <= MAX_GROUP {
            for (n, a) in members.iter().enumerate() {
                members[n + 1..].iter().for_each(|b| add(a, b));
            }
        } else {
            // By id, which does not depend on the order in which papers came.
            members.sort_by(|a, b| a.id.cmp(&b.id));
            members[1..].iter().for_each(|other| add(members[0], other));
            members.windows(2).for_each(|two| add(two[0], two[1]));
        }
    }
}

fn pair(a: &Sketch, b: &Sketch) -> Pair {
    (a.row.min(b.row), a.row.max(b.row))
}

/// Pairs near in meaning: with an author in common from `threshold` on, others from [`WITHOUT_AUTHOR`] on.
fn by_meaning(
    sketches: &[Sketch],
    near: &Near<'_>,
    (stop, on_progress): (&AtomicBool, OnProgress<'_>),
) -> Result<Vec<(u32, u32, f32)>, EngineError> {
    let n_pairs = AtomicUsize::new(0);
    // By row, because this is asked for millions of pairs.
    let mut places = vec![u32::MAX; sketches.last().map_or(0, |last| last.row as usize + 1)];
    // A bit for each name: most pairs without a name in common have no bit in common either.
    let mut names = vec![0_u128; places.len()];
    for (place, sketch) in (0..).zip(sketches) {
        places[sketch.row as usize] = place;
        names[sketch.row as usize] = sketch.families.iter().fold(0, |bits, name| bits | 1 << (name % 128));
    }
    let may_share =
        |a: u32, b: u32| names.get(a as usize).zip(names.get(b as usize)).is_some_and(|(a, b)| a & b != 0);
    let of_row = |row: u32| sketches.get(*places.get(row as usize)? as usize);
    let share_author =
        |a: u32, b: u32| may_share(a, b) && of_row(a).zip(of_row(b)).is_some_and(|(a, b)| a.shares_author(b));
    let is_wanted = |a: u32, b: u32, upper: f32| {
        let is_wanted = upper >= WITHOUT_AUTHOR || share_author(a, b);
        is_wanted && n_pairs.fetch_add(1, Ordering::Relaxed) < MAX_PAIRS
    };
    let on_progress = Mutex::new(on_progress);
    let goes_on = |done: f64| {
        // Whoever comes while another tells passes on: the next one tells more.
        if let Ok(mut on_progress) = on_progress.try_lock() {
            let n_done = (done * sketches.len() as f64) as usize;
            on_progress("looking for candidates", n_done, sketches.len());
        }
        !stop.load(Ordering::Relaxed) && n_pairs.load(Ordering::Relaxed) <= MAX_PAIRS
    };
    let Near { vectors, threshold, changed } = *near;
    let wanted = Wanted { min_score: threshold, rows: changed, is_wanted: &is_wanted, goes_on: &goes_on };
    let mut pairs = vectors.pairs(&wanted)?;
    if stop.load(Ordering::Relaxed) {
        return Err(EngineError::Interrupted);
    }
    if n_pairs.into_inner() > MAX_PAIRS {
        return Err(EngineError::InvalidRequest {
            parameter: "threshold",
            expected: format!("one that at most {MAX_PAIRS} pairs of papers reach"),
            found: format!("more of them at {threshold}; raise it"),
        });
    }
    pairs.retain(|&(a, b, cosine)| cosine >= WITHOUT_AUTHOR || share_author(a, b));
    Ok(pairs)
}
