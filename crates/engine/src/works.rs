//! Which papers are publications of one work, so that a search can show one of them.
//!
//! They are what the last deduplication found, whether or not anybody decided about it, and what people said. Papers
//! that changed since are works of their own until the next deduplication.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use cognate_dedup::{ClusterMode, DEFAULT_MIN_PROBABILITY, KeepPolicy, Link, Profile, Verdict, groups};
use roaring::RoaringBitmap;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::scored_pairs::labels_by_rows;
use crate::store::{Label, Reader};

/// Works of several publications.
#[derive(Debug, Default)]
pub(crate) struct Works {
    /// Rows of one work each, an article before its preprint, the fuller record first.
    groups: Vec<Vec<u32>>,
}

impl Works {
    /// The rows among `rows` but for those of which another publication is preferred that is among them too.
    pub(crate) fn one_of_each(&self, mut rows: RoaringBitmap) -> RoaringBitmap {
        for group in &self.groups {
            let mut others =
                group.iter().filter(|row| rows.contains(**row)).copied().collect::<Vec<u32>>().into_iter();
            others.next();
            others.for_each(|row| {
                rows.remove(row);
            });
        }
        rows
    }
}

/// Works, and what they were made from.
#[derive(Default)]
struct Known {
    from: Option<From>,
    works: Arc<Works>,
}

#[derive(PartialEq)]
struct From {
    generation: u64,
    /// When the pairs were written, and their bytes.
    pairs: (SystemTime, u64),
    labels: Vec<Label>,
}

impl Engine {
    /// The works of several publications, as `reader` sees the store.
    ///
    /// # Errors
    /// [`EngineError::NoScoredPairs`] if no deduplication of this store and model was run; a failure of the store.
    pub(crate) fn works(&self, reader: &Reader) -> Result<Arc<Works>, EngineError> {
        let model = reader.model()?.ok_or(EngineError::NoScoredPairs)?;
        let file = self.pairs_file(&model)?;
        let from = From {
            generation: reader.generation()?,
            pairs: file.stamp().ok_or(EngineError::NoScoredPairs)?,
            labels: reader.labels()?,
        };
        let slot = self.kept.slot::<Mutex<Known>>();
        let mut known = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if known.from.as_ref() != Some(&from) {
            let pairs = file.read().ok_or(EngineError::NoScoredPairs)?;
            let changed = reader.rows_since(pairs.generation)?;
            let scored = pairs.pairs.iter().map(|pair| (pair.rows, pair.probability.same_work));
            let as_scored = scored.filter(|((a, b), _)| !changed.contains(*a) && !changed.contains(*b));
            *known = Known { works: Arc::new(works(reader, as_scored)?), from: Some(from) };
        }
        Ok(Arc::clone(&known.works))
    }
}

/// The works that pairs of rows make, each with the probability that both are of the same one.
fn works(reader: &Reader, scored: impl Iterator<Item = ((u32, u32), f64)>) -> Result<Works, EngineError> {
    let mut pairs: HashMap<(u32, u32), (f64, Option<bool>)> = scored
        .filter(|(_, same_work)| *same_work >= DEFAULT_MIN_PROBABILITY)
        .map(|(rows, same_work)| (rows, (same_work, None)))
        .collect();
    for (rows, is_duplicate) in labels_by_rows(reader)? {
        pairs.insert(rows, (f64::from(u8::from(is_duplicate)), Some(is_duplicate)));
    }
    let rows: BTreeSet<u32> = pairs.keys().flat_map(|rows| [rows.0, rows.1]).collect();
    let papers = reader.papers(&rows.into_iter().collect::<Vec<u32>>())?;
    let mut records: Vec<u32> = papers.keys().copied().collect();
    records.sort_by_cached_key(|row| {
        let paper = &papers[row].paper;
        KeepPolicy::PublishedFirst.preference(paper, &Profile::new(paper), &[])
    });
    let places: HashMap<u32, usize> = records.iter().enumerate().map(|(place, row)| (*row, place)).collect();
    let links: Vec<Link> = pairs
        .iter()
        .filter_map(|(rows, (probability, label))| {
            let (a, b) = (*places.get(&rows.0)?, *places.get(&rows.1)?);
            let is_forbidden = *label == Some(false);
            let verdict = if is_forbidden { Verdict::Distinct } else { Verdict::Duplicate };
            Some(Link { a: a.min(b), b: a.max(b), probability: *probability, verdict, is_forbidden })
        })
        .collect();
    let groups = groups(records.len(), &links, ClusterMode::Complete);
    let rows_of = |group: &cognate_dedup::Group| {
        let mut places: Vec<usize> =
            group.others.iter().map(|other| other.place).chain([group.keep]).collect();
        places.sort_unstable();
        places.into_iter().map(|place| records[place]).collect()
    };
    Ok(Works { groups: groups.iter().map(rows_of).collect() })
}
