//! How the papers of a set are spread over years, categories and venues.

use std::fmt;

use roaring::RoaringBitmap;

use super::{CHUNK_ROWS, Catalog};
use crate::error::EngineError;

/// Most values that a facet counts; those that more papers have come first.
const MAX_VALUES: usize = 100;

/// What papers are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FacetField {
    /// Year of publication.
    Year,
    /// Each category of a paper.
    Categories,
    /// The venue as written.
    Venue,
}

impl fmt::Display for FacetField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Year => "year",
            Self::Categories => "categories",
            Self::Venue => "venue",
        })
    }
}

impl std::str::FromStr for FacetField {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text {
            "year" => Ok(Self::Year),
            "categories" => Ok(Self::Categories),
            "venue" => Ok(Self::Venue),
            other => Err(EngineError::InvalidRequest {
                parameter: "facets",
                expected: "`year`, `categories` or `venue`".to_owned(),
                found: format!("{other:?}"),
            }),
        }
    }
}

/// A value and the papers that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    /// The year in digits, the category or the venue.
    pub value: String,
    /// Papers of the set that have it.
    pub n_papers: u64,
}

/// The values of one field, at most 100: those with most papers first, equal ones in order of value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// The field.
    pub field: FacetField,
    /// Its values.
    pub counts: Vec<FacetCount>,
}

/// How often each number from 0 on was met.
struct Counters(Vec<u32>);

impl Counters {
    /// For numbers below `n`; others are not counted.
    fn new(n: usize) -> Self {
        Self(vec![0; n])
    }

    fn add(&mut self, ids: impl Iterator<Item = u32>) {
        for id in ids {
            if let Some(count) = self.0.get_mut(id as usize) {
                *count += 1;
            }
        }
    }

    /// The numbers that were met, each with how often: at most `n`, most often first, equal ones in order of `name`.
    fn top<N: Ord>(self, n: usize, name: impl Fn(u32) -> N) -> Vec<(u32, u32)> {
        let met = (0..).zip(self.0).filter(|(_, count)| *count > 0);
        let mut met: Vec<(u32, u32)> = met.collect();
        let order = |a: &(u32, u32), b: &(u32, u32)| b.1.cmp(&a.1).then_with(|| name(a.0).cmp(&name(b.0)));
        if met.len() > n && n > 0 {
            met.select_nth_unstable_by(n - 1, order);
        }
        met.truncate(n);
        met.sort_unstable_by(order);
        met
    }
}

impl Catalog {
    /// Counts the papers of `rows` by `field`.
    pub(crate) fn count(&self, field: FacetField, rows: &RoaringBitmap) -> Facet {
        let names = self.names.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut counters = Counters::new(match field {
            FacetField::Year => usize::from(u16::MAX) + 1,
            FacetField::Categories => names.categories.names().len(),
            FacetField::Venue => names.venues.names().len(),
        });
        for (chunk, first) in self.chunks.iter().zip((0_u32..).step_by(CHUNK_ROWS as usize)) {
            let rows = rows.range(first..first.saturating_add(CHUNK_ROWS));
            let slots = rows.map(|row| (row - first) as usize);
            match field {
                FacetField::Year => counters.add(chunk.years_of(slots).map(|year| u32::from(year as u16))),
                FacetField::Categories => counters.add(chunk.categories_of(slots)),
                FacetField::Venue => counters.add(chunk.venues_of(slots)),
            }
        }
        let year = |id: u32| (id as u16 as i16).to_string();
        let top = match field {
            FacetField::Year => counters.top(MAX_VALUES, year),
            FacetField::Categories => counters.top(MAX_VALUES, |id| names.categories.name(id)),
            FacetField::Venue => counters.top(MAX_VALUES, |id| names.venues.name(id)),
        };
        let value = |id: u32| match field {
            FacetField::Year => year(id),
            FacetField::Categories => names.categories.name(id).to_owned(),
            FacetField::Venue => names.venues.name(id).to_owned(),
        };
        let count = |(id, n_papers)| FacetCount { value: value(id), n_papers: u64::from(n_papers) };
        Facet { field, counts: top.into_iter().map(count).collect() }
    }
}
