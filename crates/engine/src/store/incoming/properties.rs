//! What holds of any records, in any formats, in any order of files.

use std::collections::BTreeMap;

use cognate_corpus::export::{ExportFormat, Exported, FeedMeta, export};
use cognate_corpus::{IdentifierKind, Paper, PaperId, identity};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::Outcome;
use super::tests::Library;
use super::{IngestPolicy, RecordSource};

/// What a record says, each part from few words, so that records overlap.
#[derive(Debug, Clone)]
struct Said {
    title: Option<&'static str>,
    abstract_text: Option<&'static str>,
    authors: Vec<&'static str>,
    year: Option<i16>,
    volume: Option<&'static str>,
    doi: Option<&'static str>,
    pmid: Option<&'static str>,
    key: Option<&'static str>,
}

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

fn paper(said: &Said) -> Paper {
    let own = |text: &str| text.to_owned();
    let mut paper = Paper::new(PaperId::new("x").unwrap());
    paper.title = said.title.map(own);
    paper.abstract_text = said.abstract_text.map(own);
    paper.authors = said.authors.iter().map(|name| own(name)).collect();
    paper.year = said.year;
    paper.volume = said.volume.map(own);
    let ids = [(IdentifierKind::Doi, said.doi), (IdentifierKind::Pmid, said.pmid)];
    paper.external_ids = ids.into_iter().filter_map(|(kind, id)| Some((kind, own(id?)))).collect();
    if let Some(key) = said.key {
        paper.extra.insert("citation_key".to_owned(), key.into());
    }
    // The one that reading it gives, which most formats do not write then.
    paper.id = match said.pmid {
        Some(pmid) => PaperId::new(format!("PMID:{pmid}")).unwrap(),
        None => identity::content_id(&paper),
    };
    paper
}

/// A file of records. Atom and CSL are left out: they do not hold every field.
fn file_of(format: ExportFormat, records: &[Said]) -> String {
    let meta = FeedMeta {
        title: String::new(),
        id: "x".to_owned(),
        link: None,
        updated: jiff::Timestamp::UNIX_EPOCH,
    };
    let mut bytes = Vec::new();
    let papers = records.iter().map(|said| Exported { paper: paper(said), score: None });
    export(format, &mut bytes, papers, &meta).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    // No record has an id that somebody gave it.
    match format {
        ExportFormat::Csv => text.replacen("id,", "label,", 1),
        ExportFormat::Json | ExportFormat::Jsonl => {
            let ids = records.iter().map(|said| format!("\"id\":\"{}\",", paper(said).id));
            ids.fold(text, |text, id| text.replace(&id, ""))
        }
        _ => text,
    }
}

fn format() -> impl Strategy<Value = ExportFormat> {
    prop::sample::select(vec![
        ExportFormat::Json,
        ExportFormat::Jsonl,
        ExportFormat::Csv,
        ExportFormat::Bibtex,
        ExportFormat::Ris,
        ExportFormat::EndnoteXml,
    ])
}

/// Some records that say something, in a format.
fn file() -> impl Strategy<Value = (ExportFormat, Vec<Said>)> {
    let says_something = |said: &Said| said.title.is_some() || said.doi.is_some() || !said.authors.is_empty();
    (format(), prop::collection::vec(said().prop_filter("says something", says_something), 1..6))
}

fn named(files: &[(ExportFormat, Vec<Said>)]) -> Vec<(String, String)> {
    let named = files
        .iter()
        .enumerate()
        .map(|(n, (format, records))| (format!("file{n}.{}", format.extension()), file_of(*format, records)));
    named.collect()
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
        for (said, fate) in files.iter().flat_map(|(_, records)| records).zip(&fates) {
            let paper = &papers[&fate.id];
            // A record is its paper, or is joined to it by its id, which the report says.
            let is_whole = paper.title.as_deref() == said.title && paper.year == said.year
                && paper.abstract_text.as_deref() == said.abstract_text
                && paper.authors.iter().map(String::as_str).eq(said.authors.iter().copied());
            let is_joined = said.pmid.is_some() && fate.clash.is_none();
            prop_assert!(is_whole || is_joined, "{said:?} {paper:?}");
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
        (format, first) in file(), changes in prop::collection::vec(said(), 6),
    ) {
        let library = Library::new();
        index(&library, &IngestPolicy::default(), &named(&[(format, first.clone())]));
        let before: BTreeMap<String, Paper> = library.papers();
        // The same records, each poorer or other in something.
        let changed = first.into_iter().zip(changes).map(|(said, change)| Said {
            abstract_text: change.abstract_text,
            authors: change.authors,
            volume: change.volume,
            ..said
        });
        let changed: Vec<Said> = changed.collect();
        index(&library, &IngestPolicy::default(), &named(&[(format, changed)]));
        let after = library.papers();
        for (id, paper) in &before {
            let now = &after[id];
            prop_assert!(paper.title.is_none() || now.title.is_some());
            prop_assert!(paper.abstract_text.is_none() || now.abstract_text.is_some());
            prop_assert!(paper.authors.is_empty() || !now.authors.is_empty());
        }
    }
}
