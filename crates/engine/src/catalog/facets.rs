//! How the papers of a set are spread over years, categories and venues.

use std::collections::HashMap;
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

impl Catalog {
    /// Counts the papers of `rows` by `field`.
    pub(crate) fn count(&self, field: FacetField, rows: &RoaringBitmap) -> Facet {
        let mut counts: HashMap<u32, u64> = HashMap::new();
        for row in rows {
            let Some(chunk) = self.chunks.get((row / CHUNK_ROWS) as usize) else { break };
            let slot = (row % CHUNK_ROWS) as usize;
            let mut count = |id: u32| *counts.entry(id).or_default() += 1;
            match field {
                FacetField::Year => chunk.year(slot).into_iter().for_each(|year| count(year as u16 as u32)),
                FacetField::Categories => chunk.categories(slot).iter().for_each(|id| count(*id)),
                FacetField::Venue => chunk.venue(slot).into_iter().for_each(count),
            }
        }
        let names = self.names.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let value = |id: u32| match field {
            FacetField::Year => (id as u16 as i16).to_string(),
            FacetField::Categories => names.categories.name(id).to_owned(),
            FacetField::Venue => names.venues.name(id).to_owned(),
        };
        let mut counts: Vec<FacetCount> =
            counts.into_iter().map(|(id, n_papers)| FacetCount { value: value(id), n_papers }).collect();
        counts.sort_by(|a, b| b.n_papers.cmp(&a.n_papers).then_with(|| a.value.cmp(&b.value)));
        counts.truncate(MAX_VALUES);
        Facet { field, counts }
    }
}
