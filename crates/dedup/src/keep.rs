//! Which record of a cluster stays, and what it takes over from the others.

use std::cmp::Reverse;

use cognate_corpus::{Paper, PaperId};

use crate::profile::Profile;
use crate::request::KeepPolicy;

/// What a record is preferred by: the least is kept before all others.
pub type Preference = (i64, Reverse<usize>, PaperId);

impl KeepPolicy {
    /// Of two records, the one of the smaller preference is kept.
    #[must_use]
    pub fn preference(&self, paper: &Paper, profile: &Profile) -> Preference {
        let first = match self {
            Self::BestMetadata => 0,
            Self::Newest => day(paper).map_or(i64::MAX, |day| -day),
            Self::Oldest => day(paper).unwrap_or(i64::MAX),
            Self::PublishedFirst => i64::from(profile.is_preprint()),
            Self::Source(wanted) => {
                let is_wanted =
                    paper.source.as_deref().is_some_and(|source| source.eq_ignore_ascii_case(wanted));
                i64::from(!is_wanted)
            }
        };
        (first, Reverse(completeness(paper)), paper.id.clone())
    }
}

/// A number that orders dates; a paper of which only the year is known comes before those of a day in it.
fn day(paper: &Paper) -> Option<i64> {
    match paper.publication_date {
        Some(date) => {
            Some(i64::from(date.year()) * 372 + i64::from(date.month()) * 31 + i64::from(date.day()))
        }
        None => paper.year.map(|year| i64::from(year) * 372),
    }
}

/// How much of a record is filled in; of two alike, the fuller one is worth keeping.
fn completeness(paper: &Paper) -> usize {
    let filled = [
        paper.title.is_some(),
        paper.abstract_text.is_some(),
        !paper.authors.is_empty(),
        paper.year.is_some(),
        paper.publication_date.is_some(),
        paper.venue.is_some(),
        !paper.categories.is_empty(),
        paper.url.is_some(),
    ];
    filled.iter().filter(|&&is_filled| is_filled).count() + 2 * paper.external_ids.len()
}

/// The kept record with every field that it lacks from the first of `others` that has it, and the identifiers
/// and categories of all.
#[must_use]
pub fn merged<'a>(kept: &Paper, others: impl IntoIterator<Item = &'a Paper>) -> Paper {
    let mut merged = kept.clone();
    for other in others {
        let Paper { title, abstract_text, authors, year, publication_date, venue, .. } = other.clone();
        merged.title = merged.title.or(title);
        merged.abstract_text = merged.abstract_text.or(abstract_text);
        if merged.authors.is_empty() {
            merged.authors = authors;
        }
        merged.year = merged.year.or(year);
        merged.publication_date = merged.publication_date.or(publication_date);
        merged.venue = merged.venue.or(venue);
        merged.url = merged.url.or_else(|| other.url.clone());
        merged.upvotes = merged.upvotes.max(other.upvotes);
        for category in &other.categories {
            if !merged.categories.contains(category) {
                merged.categories.push(category.clone());
            }
        }
        for (kind, value) in &other.external_ids {
            merged.external_ids.entry(*kind).or_insert_with(|| value.clone());
        }
    }
    merged
}
