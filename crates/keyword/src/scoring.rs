//! How a row is scored.

use crate::analysis::Kind;
use crate::document::Field;
use crate::query::QueryTerm;

/// The numbers in the formula of [`Snapshot::rank`](crate::Snapshot::rank). The default was measured
/// (docs/keyword.md); others are for measuring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scoring {
    /// How soon more of a term counts for little.
    pub k1: f32,
    /// How much a long text counts for less, from 0 to 1.
    pub b: f32,
    /// What a term in the title counts for, where one in the abstract counts for 1.
    pub title: f32,
    /// What a term in the authors, categories, venue or identifiers counts for.
    pub other: f32,
    /// What a compound counts for beside its words, and another spelling beside a word.
    pub compound: f32,
    /// What the exact form of an acronym or name counts for.
    pub exact: f32,
    /// What a phrase that should match counts for beside its words.
    pub phrase: f32,
}

impl Default for Scoring {
    fn default() -> Self {
        Self { k1: 1.4, b: 0.6, title: 3.0, other: 1.0, compound: 0.5, exact: 1.0, phrase: 1.0 }
    }
}

impl Scoring {
    /// What a term in a field counts for.
    pub(crate) fn weight_of_field(&self, field: Field) -> f32 {
        match field {
            Field::Title => self.title,
            Field::Abstract => 1.0,
            _ => self.other,
        }
    }

    /// What a term of a query counts for.
    pub(crate) fn weight_of_term(&self, term: &QueryTerm) -> f32 {
        let kind = match term.kind {
            Kind::Word | Kind::Character | Kind::Whole => 1.0,
            Kind::Compound | Kind::Variant => self.compound,
            Kind::Exact => self.exact,
        };
        kind * (term.count as f32).sqrt()
    }
}

/// Inverse document frequency: above 0 for every term that a row has.
pub(crate) fn idf(n_rows: usize, n_matching: usize) -> f32 {
    let (n_rows, n_matching) = (n_rows as f64, n_matching as f64);
    (1.0 + (n_rows - n_matching + 0.5) / (n_matching + 0.5)).ln() as f32
}
