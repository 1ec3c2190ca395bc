//! Which record of a cluster stays, and what it takes over from the others.

use std::cmp::Reverse;

use cognate_corpus::{Paper, PaperId};

use crate::journal::Journal;
use crate::profile::Profile;
use crate::request::KeepPolicy;

/// What a record is preferred by: the least is kept before all others.
pub type Preference = (i64, Reverse<usize>, PaperId);

impl KeepPolicy {
    /// Of two records, the one of the smaller preference is kept. `sources` are the names under which the records of the
    /// paper came.
    #[must_use]
    pub fn preference(&self, paper: &Paper, profile: &Profile, sources: &[String]) -> Preference {
        let first = match self {
            Self::BestMetadata => 0,
            Self::Newest => day(paper).map_or(i64::MAX, |day| -day),
            Self::Oldest => day(paper).unwrap_or(i64::MAX),
            Self::PublishedFirst => i64::from(profile.is_preprint()),
            Self::Source(wanted) => {
                let mut names = sources.iter().chain(&paper.source);
                i64::from(!names.any(|source| source.eq_ignore_ascii_case(wanted)))
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

/// The kept record with every field that it lacks from the first of `others` that has it, and the identifiers,
/// ISSNs, ISBNs and categories of all. What belongs to a place (volume, issue, pages, publisher, ISSNs, ISBNs, type) comes
/// only from records that name no other venue: an article's pages are not its preprint's.
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
        if merged.editors.is_empty() {
            merged.editors.clone_from(&other.editors);
        }
        merged.language = merged.language.or_else(|| other.language.clone());
        if !has_other_venue(kept, other) {
            merged.kind = merged.kind.or(other.kind);
            merged.volume = merged.volume.or_else(|| other.volume.clone());
            merged.issue = merged.issue.or_else(|| other.issue.clone());
            merged.pages = merged.pages.or_else(|| other.pages.clone());
            merged.publisher = merged.publisher.or_else(|| other.publisher.clone());
            add_new(&mut merged.issn, &other.issn);
            add_new(&mut merged.isbn, &other.isbn);
        }
        merged.venue = merged.venue.or(venue);
        merged.url = merged.url.or_else(|| other.url.clone());
        merged.upvotes = merged.upvotes.max(other.upvotes);
        add_new(&mut merged.categories, &other.categories);
        for (kind, value) in &other.external_ids {
            merged.external_ids.entry(*kind).or_insert_with(|| value.clone());
        }
    }
    merged
}

fn add_new(all: &mut Vec<String>, others: &[String]) {
    for other in others {
        if !all.contains(other) {
            all.push(other.clone());
        }
    }
}

/// Whether both name where they were published, and not the same.
fn has_other_venue(a: &Paper, b: &Paper) -> bool {
    let journal = |paper: &Paper| paper.venue.as_deref().and_then(Journal::new);
    journal(a).zip(journal(b)).is_some_and(|(a, b)| a.compare(&b).is_other())
}

#[cfg(test)]
mod tests {
    use cognate_corpus::PublicationKind;

    use super::*;

    fn paper(id: &str, venue: &str) -> Paper {
        Paper { venue: Some(venue.to_owned()), ..Paper::new(PaperId::new(id).unwrap()) }
    }

    #[test]
    fn a_merged_record_has_what_the_kept_one_lacks() {
        let some = |text: &str| Some(text.to_owned());
        let kept =
            Paper { volume: some("3"), issn: vec!["1111-1111".into()], ..paper("a", "Journal of Tides") };
        let other = Paper {
            volume: some("4"),
            issue: some("2"),
            pages: some("10-19"),
            publisher: some("Quay Press"),
            issn: vec!["1111-1111".into(), "2222-2222".into()],
            isbn: vec!["9780306406157".into()],
            language: some("en"),
            kind: Some(PublicationKind::Article),
            editors: vec!["Eno, Ada".into()],
            ..paper("b", "Journal of Tides")
        };
        let found = merged(&kept, [&other]);
        let expected = Paper { id: kept.id.clone(), volume: some("3"), ..other.clone() };
        assert_eq!(found, expected);
        let preprint = paper("c", "arXiv");
        let found = merged(&preprint, [&other]);
        assert_eq!((found.volume, found.pages, found.kind), (None, None, None), "of another venue");
        assert_eq!((found.language, found.editors), (other.language, other.editors));
    }
}
