//! Records against the store: which of them are there already. Nothing is added.

use std::collections::{BTreeMap, BTreeSet};

use cognate_corpus::{ExternalId, IdentifierKind, Lookup, Paper, PaperId};
use cognate_dedup::{
    Containers, Evidence, Judging, Judgment, Kind, Profile, Relation, Verdict, is_container, reason,
};
use cognate_index::SearchParams;
use cognate_keyword::Query;
use cognate_vector::UnitVector;
use rayon::prelude::*;

use crate::backend::{Backend, Key, Nearest, Remote};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::recipe::embedded_text;
use crate::store::{Reader, StoredPaper};
use crate::view::Moment;

/// Papers compared with a record: the nearest in meaning, and those whose words fit its title best.
const N_NEAREST: usize = 20;
const N_BY_TITLE: usize = 10;
/// Matches that are told of a record.
const MAX_MATCHES: usize = 10;

/// A stored paper that a record matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The stored paper's id.
    pub id: PaperId,
    /// The stored paper's title.
    pub title: Option<String>,
    /// What is to be done about the two: nothing about a version that is to stay.
    pub verdict: Verdict,
    /// Their cosine, in `[-1, 1]`.
    pub score: f32,
    /// That both are of the same paper, from 0 to 1.
    pub probability: f64,
    /// How they are alike.
    pub kind: Kind,
    /// How they belong together, if they do.
    pub relation: Option<Relation>,
    /// Why, in words.
    pub reason: String,
}

/// What was found about a record.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedRecord {
    /// The record's own id.
    pub id: PaperId,
    /// That of its best match: `Distinct` where there is none.
    pub verdict: Verdict,
    /// Papers that it matches, the likeliest first, ties by id; at most 10.
    pub matches: Vec<Found>,
}

impl Engine {
    /// Checks records against the store, in their order.
    ///
    /// # Errors
    /// [`EngineError`] if model, store or index cannot be read.
    pub fn check(&self, records: &[Paper], judging: &Judging) -> Result<Vec<CheckedRecord>, EngineError> {
        let nothing = |record: &Paper| CheckedRecord {
            id: record.id.clone(),
            verdict: Verdict::Distinct,
            matches: Vec::new(),
        };
        let is_empty = match self.remote() {
            Some(remote) => remote.model(&Cancel::default())?.is_none(),
            None => self.view()?.is_none(),
        };
        if is_empty {
            return Ok(records.iter().map(nothing).collect());
        }
        let texts: Vec<String> = records.iter().map(embedded_text).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vectors = self.model()?.encoder.embed_passages(&texts)?;
        if let Some(remote) = self.remote() {
            return check_elsewhere(&**remote, (records, &vectors), judging);
        }
        let Some(view) = self.view()? else { return Ok(records.iter().map(nothing).collect()) };
        let moment = view.exact_moment(self.store()?)?;
        let containers = moment.read(|reader| containers(reader, records.iter()))?;
        let check = |(record, vector): (&Paper, &UnitVector)| {
            let vector = record.has_text().then(|| vector.rounded_to_f16());
            check_one(record, vector.as_ref(), (&moment, &containers, judging, true))
        };
        records.par_iter().zip(&vectors).map(check).collect()
    }

    /// The papers that are the same as a stored one or may be, the likeliest first, ties by id; at most 10. None where papers
    /// lie with another engine.
    ///
    /// # Errors
    /// [`EngineError`] if store or index cannot be read.
    pub fn duplicates_of(&self, stored: &StoredPaper, judging: &Judging) -> Result<Vec<Found>, EngineError> {
        if !self.is_here() {
            return Ok(Vec::new());
        }
        let Some(view) = self.view()? else { return Ok(Vec::new()) };
        let mut found = self.at_one_moment(&view, &mut |moment| {
            let vector = moment.vector(stored.row)?;
            let containers = moment.read(|reader| containers(reader, std::iter::once(&stored.paper)))?;
            Ok(check_one(&stored.paper, vector.as_ref(), (moment, &containers, judging, false))?.matches)
        })?;
        found.retain(|found| found.id != stored.paper.id);
        Ok(found)
    }
}

/// `exact`: whether every vector is scored, so that nothing near is missed. A record without a text has no vector.
fn check_one(
    record: &Paper,
    vector: Option<&UnitVector>,
    (moment, containers, judging, exact): (&Moment<'_>, &Containers, &Judging, bool),
) -> Result<CheckedRecord, EngineError> {
    let snapshot = &moment.snapshot;
    let mut candidates: BTreeMap<PaperId, (u32, Paper)> = BTreeMap::new();
    let look_up = |lookup: &Lookup| moment.read(|reader| reader.look_up(lookup));
    let identifiers = record.external_ids.iter().filter_map(|(kind, value)| ExternalId::new(*kind, value));
    for stored in look_up(&Lookup { ids: Vec::new(), identifiers: identifiers.collect() })? {
        candidates.insert(stored.paper.id.clone(), (stored.row, stored.paper));
    }
    for stored in look_up(&Lookup { ids: vec![record.id.clone()], identifiers: Vec::new() })? {
        candidates.insert(stored.paper.id.clone(), (stored.row, stored.paper));
    }
    // Of papers that have a title in common with hundreds, search finds some.
    let mut itself: BTreeSet<u32> = BTreeSet::new();
    for stored in moment.read(|reader| reader.with_record(record))? {
        itself.insert(stored.row);
        candidates.insert(stored.paper.id.clone(), (stored.row, stored.paper));
    }
    let params = SearchParams { exact, ..SearchParams::new(N_NEAREST) };
    let mut rows: Vec<u32> = Vec::new();
    if let Some(vector) = vector {
        rows.extend(snapshot.vectors.search(vector, &params)?.hits.iter().map(|hit| hit.row));
    }
    if let Some(title) = &record.title {
        let query = words_of_title(title);
        if !query.is_empty() {
            let found = snapshot.keywords.search(&query, N_BY_TITLE, None)?;
            rows.extend(found.into_iter().map(|(row, _)| row));
        }
    }
    for stored in moment.papers(&rows)?.into_values() {
        candidates.insert(stored.paper.id.clone(), (stored.row, stored.paper));
    }

    let mut pairs = Vec::with_capacity(candidates.len());
    for (id, (row, paper)) in candidates {
        let score = match vector {
            Some(vector) => snapshot.vectors.score(vector, row)?,
            None => None,
        };
        let label = moment.read(|reader| reader.label(&record.id, &id))?;
        pairs.push(Candidate { score, is_itself: itself.contains(&row), label, paper });
    }
    Ok(judged(record, pairs, (containers, judging)))
}

/// A stored paper that a record is compared with.
struct Candidate {
    paper: Paper,
    /// The cosine to the record, where both have a text.
    score: Option<f32>,
    /// Whether the store holds exactly this record of the paper.
    is_itself: bool,
    /// What a person said of the two.
    label: Option<bool>,
}

/// What a record is to each of its candidates, which come in order of id.
fn judged(
    record: &Paper,
    candidates: Vec<Candidate>,
    (containers, judging): (&Containers, &Judging),
) -> CheckedRecord {
    let profile = Profile::new(record).without(containers);
    let mut matches = Vec::new();
    for Candidate { paper, score, is_itself, label } in candidates {
        let id = paper.id.clone();
        let other = Profile::new(&paper).without(containers);
        let evidence = Evidence::new(&profile, &other, score);
        let (title, score) = (paper.title.clone(), score.unwrap_or(0.0));
        if let Some(sameness) = sameness(record, &paper, is_itself) {
            // Two libraries may have one citation key.
            let is_unlike = evidence.title.is_some_and(|t| t.similarity < UNLIKE && t.containment < UNLIKE);
            let (verdict, reason) = match sameness {
                Sameness::Id if is_unlike => (Verdict::Review, "the same id, but another title"),
                Sameness::Id => (Verdict::Duplicate, "the same id"),
                Sameness::Record => (Verdict::Duplicate, "the same record"),
            };
            let (kind, relation) = (Kind::SameRecord, Some(Relation::Duplicate));
            let probability = if verdict == Verdict::Duplicate { 1.0 } else { 0.5 };
            let reason = reason.to_owned();
            matches.push(Found { id, title, verdict, score, probability, kind, relation, reason });
            continue;
        }
        // What a person said goes before everything else.
        if label == Some(false) {
            continue;
        }
        let mut judgment = Judgment::new(evidence, judging);
        if label == Some(true) {
            (judgment.verdict, judgment.probability) = (Verdict::Duplicate, 1.0);
        }
        // A version is told, though nothing is to be done about it.
        let is_told = judgment.relation == Some(Relation::Version);
        if judgment.verdict != Verdict::Distinct || is_told {
            let reason = reason(&judgment.evidence, (&profile, &other));
            let Judgment { verdict, probability, kind, relation, .. } = judgment;
            matches.push(Found { id, title, verdict, score, probability, kind, relation, reason });
        }
    }
    // The record's own paper before all others. Stable, so that ties stay in order of id.
    matches.sort_by(|a, b| {
        let is_other = |found: &Found| found.id != record.id;
        b.probability.total_cmp(&a.probability).then(is_other(a).cmp(&is_other(b)))
    });
    matches.truncate(MAX_MATCHES);
    let verdict = matches.first().map_or(Verdict::Distinct, |found| found.verdict);
    CheckedRecord { id: record.id.clone(), verdict, matches }
}

/// Checks records against papers that lie with another engine, each on papers as they are then. Nobody keeps records of one
/// paper apart there, nor what people say of pairs.
fn check_elsewhere(
    remote: &dyn Remote,
    (records, vectors): (&[Paper], &[UnitVector]),
    judging: &Judging,
) -> Result<Vec<CheckedRecord>, EngineError> {
    let cancel = Cancel::default();
    let check = |(record, vector): (&Paper, &UnitVector)| {
        let backend = remote.moment(&cancel)?;
        let asked = (&*backend, &cancel);
        let containers = containers_by(std::iter::once(record), |lookup| backend.look_up(&cancel, lookup))?;
        let vector = record.has_text().then(|| vector.rounded_to_f16());
        let mut found = candidates_elsewhere(asked, record, vector.as_ref())?;
        if let Some(title) = &record.title {
            for stored in remote.with_title(&cancel, title)? {
                found.entry(stored.paper.id.clone()).or_insert(stored.paper);
            }
        }
        let ids: Vec<String> = found.keys().map(PaperId::to_string).collect();
        let keys = backend.keys_of(&cancel, &ids)?;
        let mut pairs = Vec::with_capacity(found.len());
        for (id, paper) in found {
            let score = match (&vector, keys.get(id.as_str())) {
                (Some(vector), Some(key)) => backend.cosines(&cancel, vector, &[*key])?.pop().flatten(),
                _ => None,
            };
            pairs.push(Candidate { paper, score, is_itself: false, label: None });
        }
        Ok(judged(record, pairs, (&containers, judging)))
    };
    records.iter().zip(vectors).map(check).collect()
}

/// Papers that may be the record's, by id: of its identifiers, of its id, the nearest in meaning, and those whose words fit its
/// title best.
fn candidates_elsewhere(
    (backend, cancel): (&dyn Backend, &Cancel),
    record: &Paper,
    vector: Option<&UnitVector>,
) -> Result<BTreeMap<PaperId, Paper>, EngineError> {
    let identifiers = record.external_ids.iter().filter_map(|(kind, value)| ExternalId::new(*kind, value));
    let by_identifiers = Lookup { ids: Vec::new(), identifiers: identifiers.collect() };
    let by_id = Lookup { ids: vec![record.id.clone()], identifiers: Vec::new() };
    let mut candidates = BTreeMap::new();
    for lookup in [by_identifiers, by_id].iter().filter(|lookup| !lookup.is_empty()) {
        for stored in backend.look_up(cancel, lookup)? {
            candidates.insert(stored.paper.id.clone(), stored.paper);
        }
    }
    let mut keys: Vec<Key> = Vec::new();
    if let Some(vector) = vector {
        let nearest = Nearest { vector, top_k: N_NEAREST, exact: false, allowed: None };
        keys.extend(backend.nearest(cancel, &nearest)?.hits.iter().map(|hit| hit.row));
    }
    if let Some(query) = record.title.as_deref().map(words_of_title).filter(|query| !query.is_empty()) {
        let found = backend.words(cancel, &query)?.top(N_BY_TITLE, None)?;
        keys.extend(found.into_iter().map(|(key, _)| key));
    }
    for stored in backend.papers(cancel, &keys)?.into_values() {
        candidates.insert(stored.paper.id.clone(), stored.paper);
    }
    Ok(candidates)
}

/// A title as words: without quotation marks, which would make phrases.
fn words_of_title(title: &str) -> Query {
    Query::parse(&title.replace(['"', '“', '”'], " "))
}

/// Titles that have less than this in common are of two papers.
const UNLIKE: f32 = 0.5;

/// How a record is the paper that is stored.
enum Sameness {
    /// It has its id.
    Id,
    /// It says the same.
    Record,
}

/// `is_stored`: whether the store holds exactly this record of the paper.
fn sameness(record: &Paper, paper: &Paper, is_stored: bool) -> Option<Sameness> {
    if record.id == paper.id {
        return Some(Sameness::Id);
    }
    let says_the_same = || Paper { id: record.id.clone(), ..paper.clone() } == *record;
    (is_stored || says_the_same()).then_some(Sameness::Record)
}

/// The identifiers of these records that papers of unlike titles carry, in the store or among the records.
pub(crate) fn containers<'a>(
    reader: &Reader,
    records: impl Iterator<Item = &'a Paper>,
) -> Result<Containers, EngineError> {
    containers_by(records, |lookup| reader.look_up(lookup))
}

fn containers_by<'a>(
    records: impl Iterator<Item = &'a Paper>,
    look_up: impl Fn(&Lookup) -> Result<Vec<StoredPaper>, EngineError>,
) -> Result<Containers, EngineError> {
    let mut titles_of: BTreeMap<(IdentifierKind, &str), Vec<&str>> = BTreeMap::new();
    for record in records {
        for (kind, value) in &record.external_ids {
            titles_of.entry((*kind, value.as_str())).or_default().extend(record.title.as_deref());
        }
    }
    let mut containers = Containers::default();
    for ((kind, value), mut titles) in titles_of {
        let Some(identifier) = ExternalId::new(kind, value) else { continue };
        let stored = look_up(&Lookup { ids: Vec::new(), identifiers: vec![identifier] })?;
        titles.extend(stored.iter().filter_map(|stored| stored.paper.title.as_deref()));
        titles.sort_unstable();
        if is_container(titles) {
            containers.add(kind, value);
        }
    }
    Ok(containers)
}
