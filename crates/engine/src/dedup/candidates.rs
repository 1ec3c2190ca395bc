//! Pairs worth a judgment: of the same identifier, title or nearly the same words, or near in meaning.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cognate_corpus::Paper;
use cognate_dedup::{BANDS, Containers, Sketch, is_container};
use rayon::prelude::*;

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

/// Sketches of every paper, in order of row.
pub(super) fn sketches(reader: &Reader<'_>, stop: &AtomicBool) -> Result<Vec<Sketch>, EngineError> {
    let mut sketches = Vec::new();
    let mut batch: Vec<(u32, Paper)> = Vec::with_capacity(BATCH);
    let mut sketch = |batch: &mut Vec<(u32, Paper)>| {
        sketches.par_extend(batch.par_iter().map(|(row, paper)| Sketch::new(*row, paper)));
        batch.clear();
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
pub(super) fn containers(reader: &Reader<'_>, sketches: &[Sketch]) -> Result<Containers, EngineError> {
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

/// All candidates in order of row, each once. `threshold` is the lowest cosine of those by meaning.
pub(super) fn candidates(
    sketches: &[Sketch],
    vectors: &cognate_index::Snapshot,
    threshold: f32,
) -> Result<Vec<Candidate>, EngineError> {
    let with_key = |rows| Candidate { rows, has_key: true };
    let mut pairs: Vec<Candidate> = by_equal_keys(sketches).into_iter().map(with_key).collect();
    let by_meaning = by_meaning(sketches, vectors, threshold)?;
    let near = |(a, b, _)| Candidate { rows: (a, b), has_key: false };
    pairs.extend(by_meaning.into_iter().map(near));
    pairs.par_sort_unstable_by_key(|pair| pair.rows);
    pairs.dedup_by(|next, first| {
        let is_same = next.rows == first.rows;
        first.has_key |= is_same && next.has_key;
        is_same
    });
    Ok(pairs)
}

/// Pairs with an identifier, the title or a band of words in common.
fn by_equal_keys(sketches: &[Sketch]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let index = || sketches.iter().enumerate().map(|(place, sketch)| (place as u32, sketch));
    let identifiers =
        index().flat_map(|(place, sketch)| sketch.identifiers.iter().map(move |key| (*key, place)));
    join(sketches, identifiers.collect(), &mut pairs);
    let titles = index().filter_map(|(place, sketch)| Some((sketch.title?, place)));
    join(sketches, titles.collect(), &mut pairs);
    let places = index().filter_map(|(place, sketch)| Some((sketch.place?, place)));
    join(sketches, places.collect(), &mut pairs);
    for band in 0..BANDS {
        let keys = index().filter_map(|(place, sketch)| Some((u64::from(*sketch.bands.get(band)?), place)));
        join(sketches, keys.collect(), &mut pairs);
        if band % 8 == 7 {
            pairs.par_sort_unstable();
            pairs.dedup();
        }
    }
    pairs
}

/// Adds the pairs of places with an equal key.
fn join(sketches: &[Sketch], mut keys: Vec<(u64, u32)>, pairs: &mut Vec<Pair>) {
    keys.par_sort_unstable();
    keys.dedup();
    for group in keys.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        let mut members: Vec<&Sketch> = group.iter().map(|&(_, place)| &sketches[place as usize]).collect();
        if members.len() <= MAX_GROUP {
            for (n, a) in members.iter().enumerate() {
                pairs.extend(members[n + 1..].iter().map(|b| pair(a, b)));
            }
        } else {
            // By id, which does not depend on the order in which papers came.
            members.sort_by(|a, b| a.id.cmp(&b.id));
            pairs.extend(members[1..].iter().map(|other| pair(members[0], other)));
            pairs.extend(members.windows(2).map(|two| pair(two[0], two[1])));
        }
    }
}

fn pair(a: &Sketch, b: &Sketch) -> Pair {
    (a.row.min(b.row), a.row.max(b.row))
}

/// Pairs near in meaning: with an author in common from `threshold` on, others from [`WITHOUT_AUTHOR`] on.
fn by_meaning(
    sketches: &[Sketch],
    vectors: &cognate_index::Snapshot,
    threshold: f32,
) -> Result<Vec<(u32, u32, f32)>, EngineError> {
    let n_pairs = AtomicUsize::new(0);
    // By row, because this is asked for millions of pairs.
    let mut places = vec![u32::MAX; sketches.last().map_or(0, |last| last.row as usize + 1)];
    for (place, sketch) in (0..).zip(sketches) {
        places[sketch.row as usize] = place;
    }
    let of_row = |row: u32| sketches.get(*places.get(row as usize)? as usize);
    let share_author = |a: u32, b: u32| of_row(a).zip(of_row(b)).is_some_and(|(a, b)| a.shares_author(b));
    let wanted = |a: u32, b: u32, upper: f32| {
        let is_wanted = upper >= WITHOUT_AUTHOR || share_author(a, b);
        is_wanted && n_pairs.fetch_add(1, Ordering::Relaxed) < MAX_PAIRS
    };
    let mut pairs = vectors.pairs_at_least_if(threshold, &wanted)?;
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
