//! What holds of any records, in any formats, in any order of files.

use std::collections::BTreeMap;

use cognate_corpus::{IdentifierKind, Paper};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::Outcome;
use super::layouts::{Layout, Said};
use super::tests::Library;
use super::{IngestPolicy, RecordSource};

fn said() -> impl Strategy<Value = Said> {
    let title = prop::option::weighted(
        0.9,
        prop::sample::select(vec!["Tides", "Tides and trade", "Locks of the north", "Editorial"]),
    );
    let abstract_text = prop::option::of(prop::sample::select(vec!["On tides at quays.", "On locks."]));
    let authors = prop::sample::subsequence(vec!["Ada Smith", "Bo Doe", "Cy Roe"], 0..=2);
    let year = prop::option::of(2018..2020_i16);
    let volume = prop::option::of(prop::sample::select(vec!["3", "4"]));
    let doi = prop::option::of(prop::sample::select(vec!["10.5555/1", "10.5555/2"]));
    let pmid = prop::option::weighted(0.3, prop::sample::select(vec!["31234567", "31234568"]));
    let key = prop::option::of(prop::sample::select(vec!["smith", "doe"]));
    (title, abstract_text, authors, year, volume, doi, pmid, key).prop_map(
        |(title, abstract_text, authors, year, volume, doi, pmid, key)| Said {
            title,
            abstract_text,
            authors,
            year,
            volume,
            doi,
            pmid,
            key,
        },
    )
}

fn layout() -> impl Strategy<Value = Layout> {
    prop::sample::select(Layout::ALL.to_vec())
}

/// Some records, in a format.
fn file() -> impl Strategy<Value = (Layout, Vec<Said>)> {
    (layout(), prop::collection::vec(said(), 1..6)).prop_map(|(layout, records)| {
        let fitted = records.into_iter().enumerate().map(|(n, said)| layout.fitted(said, n));
        (layout, fitted.collect())
    })
}

fn named(files: &[(Layout, Vec<Said>)]) -> Vec<(String, String)> {
    let files = files.iter().enumerate();
    files
        .map(|(n, (layout, records))| (format!("file{n}.{}", layout.extension()), layout.file(records)))
        .collect()
}

/// Whether a paper has these authors: formats with family names first may keep them so, and PubMed's abstracts as text have
/// initials.
fn have_names(layout: Layout, authors: &[String], said: &[&str]) -> bool {
    let words = |name: &str| {
        let mut words: Vec<String> =
            name.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        words.sort();
        words
    };
    let is_same = |(author, said): (&String, &&str)| match layout {
        Layout::PubmedText => {
            said.split(' ').next_back().is_some_and(|family| words(author).contains(&family.to_owned()))
        }
        _ => words(author) == words(said),
    };
    authors.len() == said.len() && authors.iter().zip(said).all(is_same)
}

fn index(
    library: &Library,
    policy: &IngestPolicy,
    files: &[(String, String)],
) -> Vec<super::super::write::Fate> {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    library.index_with(policy, &files)
}

fn of_source(name: &str) -> IngestPolicy {
    IngestPolicy { source: RecordSource::Named(name.to_owned()), ..IngestPolicy::default() }
}

/// Whether everything that `before` says `after` says too.
fn keeps(before: &Paper, after: &Paper) -> bool {
    let list = |before: &[String], after: &[String]| before.is_empty() || before == after;
    let text = |before: &Option<String>, after: &Option<String>| before.is_none() || before == after;
    text(&before.title, &after.title)
        && text(&before.abstract_text, &after.abstract_text)
        && list(&before.authors, &after.authors)
        && (before.year.is_none() || before.year == after.year)
        && text(&before.volume, &after.volume)
        && before.external_ids.iter().all(|(kind, id)| after.external_ids.get(kind) == Some(id))
        && before.extra.iter().all(|(name, value)| after.extra.get(name) == Some(value))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(14), ..ProptestConfig::with_cases(48) })]

    #[test]
    fn every_record_is_there_and_the_same_files_change_nothing(
        files in prop::collection::vec(file(), 1..4).prop_shuffle(),
    ) {
        let library = Library::new();
        let texts = named(&files);
        let fates = index(&library, &IngestPolicy::default(), &texts);
        let n_records: usize = files.iter().map(|(_, records)| records.len()).sum();
        prop_assert_eq!(fates.len(), n_records);
        let papers = library.papers();
        let n_added = fates.iter().filter(|fate| fate.outcome == Outcome::Added).count();
        prop_assert_eq!(papers.len(), n_added, "{:?}", texts);
        let all = files.iter().flat_map(|(layout, records)| records.iter().map(|said| (*layout, said)));
        for ((layout, said), fate) in all.zip(&fates) {
            let paper = &papers[&fate.id];
            // A record is its paper, or is joined to it by its id, which the report says.
            let is_whole = paper.title.as_deref() == said.title && paper.year == said.year
                && paper.abstract_text.as_deref() == said.abstract_text
                && have_names(layout, &paper.authors, &said.authors);
            let is_joined = said.pmid.is_some() && fate.clash.is_none();
            prop_assert!(is_whole || is_joined, "{layout:?} {said:?} {paper:?}");
        }
        let again = index(&library, &IngestPolicy::default(), &texts);
        prop_assert!(again.iter().all(|fate| fate.outcome == Outcome::Unchanged), "{:?} {:?}", texts, again);
        prop_assert_eq!(library.papers(), papers);
    }

    #[test]
    fn a_second_source_replaces_nothing(first in file(), second in file(), third in file()) {
        let library = Library::new();
        let [first, second, third] = [first, second, third].map(|file| named(&[file]));
        index(&library, &of_source("first"), &first);
        for (source, files) in [("second", &second), ("third", &third)] {
            let before = library.papers();
            index(&library, &of_source(source), files);
            let after = library.papers();
            for (id, paper) in &before {
                prop_assert!(keeps(paper, &after[id]), "{paper:?} {:?}", after[id]);
            }
        }
    }

    #[test]
    fn no_update_blanks_title_authors_or_abstract(
        (layout, first) in file(), changes in prop::collection::vec(said(), 6),
    ) {
        let library = Library::new();
        index(&library, &IngestPolicy::default(), &named(&[(layout, first.clone())]));
        let before: BTreeMap<String, Paper> = library.papers();
        // The same records, each poorer or other in something.
        let changed = first.into_iter().zip(changes).enumerate().map(|(n, (said, change))| {
            let changed =
                Said { abstract_text: change.abstract_text, authors: change.authors, volume: change.volume, ..said };
            layout.fitted(changed, n)
        });
        let changed: Vec<Said> = changed.collect();
        index(&library, &IngestPolicy::default(), &named(&[(layout, changed)]));
        let after = library.papers();
        for (id, paper) in &before {
            let now = &after[id];
            prop_assert!(paper.title.is_none() || now.title.is_some());
            prop_assert!(paper.abstract_text.is_none() || now.abstract_text.is_some());
            prop_assert!(paper.authors.is_empty() || !now.authors.is_empty());
        }
    }
}

proptest! {
    // Each case is twenty stores.
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(15), ..ProptestConfig::with_cases(8) })]

    /// Each format by itself: every record is there, with all that the format holds.
    #[test]
    fn every_format_keeps_its_records(records in prop::collection::vec(said(), 1..5)) {
        for layout in Layout::ALL {
            let records: Vec<Said> =
                records.iter().enumerate().map(|(n, said)| layout.fitted(said.clone(), n)).collect();
            let library = Library::new();
            let texts = named(&[(layout, records.clone())]);
            let fates = index(&library, &IngestPolicy::default(), &texts);
            prop_assert_eq!(fates.len(), records.len(), "{:?}", texts);
            let papers = library.papers();
            for (said, fate) in records.iter().zip(&fates) {
                let paper = &papers[&fate.id];
                let is_alone = said.pmid.is_none() || records.iter().filter(|other| other.pmid == said.pmid).count() == 1;
                if !is_alone {
                    continue;
                }
                prop_assert_eq!(paper.title.as_deref(), said.title, "{:?}", texts);
                prop_assert_eq!(paper.abstract_text.as_deref(), said.abstract_text, "{:?}", texts);
                prop_assert!(have_names(layout, &paper.authors, &said.authors), "{paper:?} {texts:?}");
                prop_assert_eq!((paper.year, paper.volume.as_deref()), (said.year, said.volume), "{:?}", texts);
                let id = |kind| paper.external_ids.get(&kind).map(String::as_str);
                prop_assert_eq!([id(IdentifierKind::Doi), id(IdentifierKind::Pmid)], [said.doi, said.pmid], "{:?}", texts);
            }
        }
    }
}
