//! A record on its way into the store: which paper it belongs to, and what that paper says then.
//!
//! The rules are those of docs/formats.md. What names a record is decided in
//! [`identity`](cognate_corpus::identity); here it is found in the store. In this order:
//!
//! 1. the same record of the same source is there: it is unchanged, or repeated;
//! 2. it is a newer form of a record of its source, by its id, else by its key;
//! 3. it belongs to a paper that its id names;
//! 4. it is what a row of a store before version 3 was made of;
//! 5. it is a new paper.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use cognate_corpus::{Identity, Paper, PaperId, Place, Record, identity, paper_from_json};
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::compose::{are_clearly_two, are_nearly_alike, compose, corrected, fill};
use super::records::{self, HASH_BYTES, Held, Numbers, SourceName};
use super::{DELETED, Store};
use crate::error::EngineError;
use crate::recipe;

/// A record on its way into the store.
#[derive(Debug)]
pub(crate) struct Incoming {
    record: Record,
    /// Of everything that it says.
    hash: [u8; HASH_BYTES],
    /// The length of all that it says, in bytes.
    pub(crate) n_bytes: usize,
    /// Who says it.
    source: SourceName,
    /// Whether the source's keys tell its records apart from one time to the next.
    has_keys: bool,
}

/// Whose records are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecordSource {
    /// That of the file in which a record stands.
    #[default]
    File,
    /// The one of this name. It only fills what other sources left out.
    Named(String),
    /// Records come without a file or a source that would tell them from those of another time; this stands for it.
    Stream(&'static str),
}

/// How records go into the store.
#[derive(Debug, Clone, Default)]
pub struct IngestPolicy {
    /// Whose they are.
    pub source: RecordSource,
    /// End with the first bad record, after committing what came before it.
    pub strict: bool,
    /// Bring back papers that were dropped as duplicates, where their records come again; they count as
    /// updated. Else such a record leaves its paper dropped: the same one counts as unchanged, and what a
    /// changed one says is stored, to come back with the paper.
    pub restore: bool,
    /// A source's newer record may take back title, authors and abstract too.
    pub replace: bool,
    /// Remove the records that a source has no more, and papers with their last record. Nothing is removed where a
    /// record was skipped or a file was not read to its end.
    pub prune: bool,
    /// A record with an id of its own is all that its paper says from then on, whatever others said.
    pub whole: bool,
}

/// One ingestion, as far as the store has to remember it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) policy: IngestPolicy,
    /// Numbers of the records that came in it.
    pub(super) seen: HashSet<i64>,
    /// Numbers of the sources of these.
    pub(super) sources: BTreeSet<i64>,
    pub(super) numbers: Numbers,
    /// Whether there may be papers of stores before version 3.
    pub(super) has_legacy: bool,
}

impl Session {
    pub(crate) fn new(policy: IngestPolicy, store: &Store) -> Result<Self, EngineError> {
        let has_legacy = records::has_papers_without(&*store.reader()?)?;
        let (seen, sources, numbers) = (HashSet::new(), BTreeSet::new(), Numbers::default());
        Ok(Self { policy, seen, sources, numbers, has_legacy })
    }
}

impl Incoming {
    pub(crate) fn new(record: Record, policy: &IngestPolicy) -> Result<Self, EngineError> {
        /// What readers call the input that has no name.
        const STANDARD_INPUT: &str = "standard input";

        let json = serde_json::to_vec(&record.paper).map_err(|source| EngineError::DamagedRow {
            place: format!("paper `{}`", record.paper.id),
            source,
        })?;
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(&Sha256::digest(&json)[..HASH_BYTES]);
        let file: &str = &record.place.file;
        let (name, is_file) = match &policy.source {
            RecordSource::Named(name) => (name.clone(), false),
            RecordSource::Stream(name) => ((*name).to_owned(), true),
            RecordSource::File if file == STANDARD_INPUT => (file.to_owned(), true),
            RecordSource::File => {
                // Another folder's file of that name is another source.
                let path =
                    std::path::absolute(file).map_or_else(|_| file.into(), |path| path.display().to_string());
                (path, true)
            }
        };
        let has_keys = match &policy.source {
            RecordSource::Named(_) => true,
            RecordSource::Stream(_) => false,
            RecordSource::File => file != STANDARD_INPUT,
        };
        Ok(Self { n_bytes: json.len(), hash, source: SourceName { name, is_file }, has_keys, record })
    }

    /// What it says.
    pub(crate) fn paper(&self) -> &Paper {
        &self.record.paper
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> &Place {
        &self.record.place
    }

    /// What tells it from others of its source.
    pub(crate) fn key(&self) -> Option<&str> {
        self.record.key.as_deref()
    }

    pub(super) fn hash(&self) -> &[u8; HASH_BYTES] {
        &self.hash
    }

    pub(super) fn source(&self) -> &SourceName {
        &self.source
    }

    /// What names it among those of its source.
    fn own_key(&self) -> Option<&str> {
        self.key().filter(|_| self.has_keys)
    }
}

/// Where a record goes in the order in which its paper is composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It says what is so now.
    First,
    /// It fills what others left out.
    Last,
}

/// What a record is to the store.
#[derive(Debug)]
pub(super) enum Meant {
    /// This record, as it is.
    Same(Held),
    /// The same as this one, which came in this ingestion already.
    Repeat(Held),
    /// A newer form of this record, of the same source.
    Own(Held),
    /// Another record of this paper.
    Joins { row: u32, is_repeat: bool },
    /// The record of a row that has none.
    Takes { row: u32 },
    /// All that there is of this paper from now on.
    Replaces { row: u32 },
    /// A new paper.
    New,
}

/// Another record that has the same id, and is of another paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The id.
    pub id: String,
    /// The other record's file, and its line in it.
    pub other: (Arc<str>, u64),
}

/// What a record will do to the store.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) meant: Meant,
    /// The id of the paper.
    pub(super) id: PaperId,
    /// What names the record.
    pub(super) record_id: PaperId,
    /// What tells it from others of its source.
    pub(super) key: Option<String>,
    /// The paper as it will be; `None` where it stays as it is.
    pub(super) next: Option<Paper>,
    /// What is kept as said by the record.
    pub(super) said: Paper,
    /// The records that the paper has now, with what each says.
    pub(super) others: Vec<(Held, Paper)>,
    pub(super) rank: i64,
    pub(super) clash: Option<Clash>,
}

impl Prepared {
    /// What is embedded of the paper as it will be.
    pub(super) fn text(&self) -> Option<String> {
        self.next.as_ref().map(recipe::embedded_text)
    }

    /// The row of the paper, where it has one; a deleted paper's is found by its id.
    pub(super) fn row(&self, connection: &Connection) -> Result<Option<u32>, EngineError> {
        match &self.meant {
            Meant::Same(held) | Meant::Repeat(held) | Meant::Own(held) => Ok(Some(held.row)),
            Meant::Joins { row, .. } | Meant::Takes { row } | Meant::Replaces { row } => Ok(Some(*row)),
            Meant::New => Ok(records::row_of(connection, self.id.as_str())?.map(|(row, _)| row)),
        }
    }
}

/// Finds out what `incoming` is, and what its paper says then.
pub(super) fn prepare(
    connection: &Connection,
    session: &mut Session,
    incoming: &Incoming,
) -> Result<Prepared, EngineError> {
    let found = resolve(connection, session, incoming)?;
    let Found { meant, record_id, clash } = found;
    let paper = incoming.paper();
    let key = incoming.own_key().map(str::to_owned).or_else(|| {
        // Found again by the id that it shares with another paper.
        clash.as_ref().map(|clash| clash.id.clone())
    });
    let mut prepared = Prepared {
        id: record_id.clone(),
        record_id,
        key,
        next: None,
        said: paper.clone(),
        others: Vec::new(),
        rank: 0,
        clash,
        meant: Meant::New,
    };
    match &meant {
        Meant::New => {
            prepared.id = free_id(connection, &prepared.record_id)?;
            prepared.next = Some(Paper { id: prepared.id.clone(), ..paper.clone() });
        }
        Meant::Same(held) => prepared.id = id_of(connection, held.row)?,
        Meant::Replaces { row } => {
            prepared.id = id_of(connection, *row)?;
            prepared.next = Some(Paper { id: prepared.id.clone(), ..paper.clone() });
        }
        Meant::Takes { row } => {
            let before = stored(connection, *row)?;
            prepared.id = before.id.clone();
            let mut next = Paper { id: before.id.clone(), ..paper.clone() };
            fill(&mut next, &read_again(before));
            prepared.said = next.clone();
            prepared.next = Some(next);
        }
        Meant::Own(held) => {
            let before = stored(connection, held.row)?;
            prepared.id = before.id.clone();
            prepared.others = said_of(connection, held.row, &before)?;
            let at = prepared.others.iter().position(|(other, _)| other.record == held.record);
            let (_, said_before) = at.map(|at| prepared.others.remove(at)).ok_or_else(|| gone(held.row))?;
            if !session.policy.replace {
                prepared.said = corrected(paper, &said_before);
            }
            // The newest record with an id of its own counts first, unless its source has a name.
            let standing = if incoming.record.identity == Identity::Named
                && !matches!(session.policy.source, RecordSource::Named(_))
            {
                Standing::First
            } else {
                Standing::Last
            };
            let first = prepared.others.first().map(|(other, _)| other.rank);
            prepared.rank = match first {
                Some(first) if standing == Standing::First && first <= held.rank => first - 1,
                _ => held.rank,
            };
            prepared.compose_with(held.record);
        }
        Meant::Repeat(held) => {
            let before = stored(connection, held.row)?;
            prepared.id = before.id.clone();
            prepared.others = said_of(connection, held.row, &before)?;
            prepared.rank = prepared.others.last().map_or(0, |(other, _)| other.rank + 1);
        }
        Meant::Joins { row, .. } => {
            let before = stored(connection, *row)?;
            prepared.id = before.id.clone();
            prepared.others = said_of(connection, *row, &before)?;
            let source = session.numbers.source(connection, incoming.source())?;
            let is_own = prepared.others.iter().any(|(other, _)| Some(other.source) == source);
            let updates = incoming.record.identity == Identity::Named
                && prepared.clash.is_none()
                && (is_own || !matches!(session.policy.source, RecordSource::Named(_)));
            let ranks = prepared.others.first().zip(prepared.others.last());
            prepared.rank =
                ranks.map_or(0, |(first, last)| if updates { first.0.rank - 1 } else { last.0.rank + 1 });
            prepared.compose_with(i64::MAX);
        }
    }
    prepared.meant = meant;
    Ok(prepared)
}

impl Prepared {
    /// Composes the paper of the others and of the record, whose number is `record`.
    fn compose_with(&mut self, record: i64) {
        let at = self.others.iter().position(|(other, _)| (other.rank, other.record) > (self.rank, record));
        let at = at.unwrap_or(self.others.len());
        let (before, behind) = self.others.split_at(at);
        let said = before
            .iter()
            .map(|(_, said)| said)
            .chain([&self.said])
            .chain(behind.iter().map(|(_, said)| said));
        self.next = Some(compose(&self.id, said));
    }
}

/// What is said of a paper, record by record.
pub(super) fn said_of(
    connection: &Connection,
    row: u32,
    paper: &Paper,
) -> Result<Vec<(Held, Paper)>, EngineError> {
    let held = records::of_row(connection, row)?;
    let said = held.into_iter().map(|held| {
        let fields = records::fields(connection, held.record)?;
        Ok((held, fields.unwrap_or_else(|| paper.clone())))
    });
    said.collect()
}

fn stored(connection: &Connection, row: u32) -> Result<Paper, EngineError> {
    records::paper(connection, row)?.ok_or_else(|| gone(row))
}

fn id_of(connection: &Connection, row: u32) -> Result<PaperId, EngineError> {
    records::id_of_row(connection, row)?.ok_or_else(|| gone(row))
}

/// Only damage parts a record from its paper: they change in one transaction.
fn gone(row: u32) -> EngineError {
    let source = serde::de::Error::custom("a record names a paper that is not there");
    EngineError::DamagedRow { place: format!("papers row {row}"), source }
}

/// What is found of a record in the store.
struct Found {
    meant: Meant,
    record_id: PaperId,
    clash: Option<Clash>,
}

fn resolve(
    connection: &Connection,
    session: &mut Session,
    incoming: &Incoming,
) -> Result<Found, EngineError> {
    let Record { paper, identity, .. } = &incoming.record;
    let found = |meant, record_id: &PaperId, clash| Ok(Found { meant, record_id: record_id.clone(), clash });
    let is_whole = session.policy.whole && *identity == Identity::Named;
    if is_whole {
        return match named_row(connection, &paper.id)? {
            Some(row) => found(Meant::Replaces { row }, &paper.id, None),
            None => found(Meant::New, &paper.id, None),
        };
    }
    let source = session.numbers.source(connection, incoming.source())?;
    if let Some(source) = source {
        let mut same = records::by_hash(connection, source, incoming.hash())?;
        if let Some(at) = same.iter().position(|held| !session.seen.contains(&held.record)) {
            return found(Meant::Same(same.swap_remove(at)), &paper.id, None);
        }
        if !same.is_empty() {
            return found(Meant::Repeat(same.swap_remove(0)), &paper.id, None);
        }
    }

    let mut record_id = paper.id.clone();
    let mut clash = None;
    let mut is_named = *identity == Identity::Named;
    if is_named && let Some(row) = named_row(connection, &record_id)? {
        let held = records::of_row(connection, row)?;
        if let Some(own) = own_of(session, &held, (connection, row, source, &record_id))? {
            return found(Meant::Own(own), &record_id, None);
        }
        let before = stored(connection, row)?;
        if !are_clearly_two(&before, paper) {
            let meant =
                if held.is_empty() { Meant::Takes { row } } else { Meant::Joins { row, is_repeat: false } };
            return found(meant, &record_id, None);
        }
        let other = match held.first() {
            Some(first) => records::place(connection, first)?,
            None => (String::new(), 0),
        };
        clash = Some(Clash { id: record_id.to_string(), other: (other.0.into(), other.1) });
        record_id = identity::content_id(paper);
        is_named = false;
    }

    let by_content = if is_named { None } else { content_row(connection, &record_id)? };
    if let Some(row) = by_content {
        let held = records::of_row(connection, row)?;
        if let Some(own) = own_of(session, &held, (connection, row, source, &record_id))? {
            return found(Meant::Own(own), &record_id, clash);
        }
    }
    let key = incoming.own_key().or(clash.as_ref().map(|clash| clash.id.as_str()));
    if let (Some(source), Some(key)) = (source, key) {
        let own = own_by_key(connection, session, (incoming, is_named, source, key))?;
        if let Some(own) = own {
            return found(Meant::Own(own), &record_id, clash);
        }
    }
    if let Some(row) = by_content {
        return found(Meant::Joins { row, is_repeat: true }, &record_id, clash);
    }
    if session.has_legacy
        && clash.is_none()
        && let Some(row) = legacy_row(connection, &incoming.record)?
    {
        return found(Meant::Takes { row }, &record_id, None);
    }
    found(Meant::New, &record_id, clash)
}

/// The paper that an id names.
fn named_row(connection: &Connection, id: &PaperId) -> Result<Option<u32>, EngineError> {
    if let Some((row, deleted)) = records::row_of(connection, id.as_str())?
        && deleted != DELETED
    {
        return Ok(Some(row));
    }
    Ok(records::by_id(connection, id)?.first().map(|held| held.row))
}

/// The paper of which a record has this content. A paper whose id is that of a content which none of its records has any
/// more is another one.
fn content_row(connection: &Connection, id: &PaperId) -> Result<Option<u32>, EngineError> {
    if let Some((row, deleted)) = records::row_of(connection, id.as_str())?
        && deleted != DELETED
    {
        let held = records::of_row(connection, row)?;
        if held.is_empty() || held.iter().any(|held| held.id.is_none()) {
            return Ok(Some(row));
        }
    }
    Ok(records::by_id(connection, id)?.first().map(|held| held.row))
}

/// The record of a source among those of a paper that the same id names, if it did not come yet.
fn own_of(
    session: &Session,
    held: &[Held],
    (connection, row, source, id): (&Connection, u32, Option<i64>, &PaperId),
) -> Result<Option<Held>, EngineError> {
    let mut own = held
        .iter()
        .filter(|held| Some(held.source) == source && !session.seen.contains(&held.record))
        .peekable();
    if own.peek().is_none() {
        return Ok(None);
    }
    let paper_id = id_of(connection, row)?;
    let is_named_so = |held: &&Held| held.id.as_deref().unwrap_or(paper_id.as_str()) == id.as_str();
    Ok(own.find(is_named_so).cloned())
}

/// The record of a source that has this key, if it did not come yet and may be of the same paper.
fn own_by_key(
    connection: &Connection,
    session: &Session,
    (incoming, is_named, source, key): (&Incoming, bool, i64, &str),
) -> Result<Option<Held>, EngineError> {
    let mut candidates = records::by_key(connection, source, key)?;
    candidates.retain(|held| !session.seen.contains(&held.record));
    let file = incoming.place().file.as_ref();
    let mut best = None;
    for held in candidates {
        let paper = stored(connection, held.row)?;
        // Two ids are two papers.
        if is_named && !is_content_id(held.id.as_deref().unwrap_or(paper.id.as_str())) {
            continue;
        }
        let said = records::fields(connection, held.record)?.unwrap_or(paper);
        if are_clearly_two(&said, incoming.paper()) {
            continue;
        }
        if records::place(connection, &held)?.0 == file {
            return Ok(Some(held));
        }
        best = best.or(Some(held));
    }
    Ok(best)
}

/// Whether an id is that of a content.
fn is_content_id(id: &str) -> bool {
    id.strip_prefix("p-")
        .is_some_and(|hex| hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The row of a store before version 3 that the record made.
fn legacy_row(connection: &Connection, record: &Record) -> Result<Option<u32>, EngineError> {
    let Some((row, deleted)) = records::row_of(connection, record.legacy_id().as_str())? else {
        return Ok(None);
    };
    if deleted == DELETED || !records::of_row(connection, row)?.is_empty() {
        return Ok(None);
    }
    // Such stores had chapters under their book's DOI, each in the place of the one before.
    let before = stored(connection, row)?;
    let is_same = match (&before.title, &record.paper.title) {
        (Some(before), Some(now)) => are_nearly_alike(before, now),
        _ => true,
    };
    Ok(is_same.then_some(row))
}

/// A paper of an earlier store as it would be read today: much of what is a field now was in `extra` then.
fn read_again(paper: Paper) -> Paper {
    let id = paper.id.clone();
    let place = Place { file: "the store".into(), line: 0 };
    let Ok(Value::Object(mut record)) = serde_json::to_value(&paper) else { return paper };
    record.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    if let Some(Value::Object(extra)) = record.remove("extra") {
        for (name, value) in extra {
            record.entry(name).or_insert(value);
        }
    }
    paper_from_json(Value::Object(record), &place).map_or(paper, |read| Paper { id, ..read.paper })
}

/// The id itself, or where a paper has it that says something else by now, the next that is free.
fn free_id(connection: &Connection, id: &PaperId) -> Result<PaperId, EngineError> {
    let is_free = |id: &PaperId| -> Result<bool, EngineError> {
        Ok(records::row_of(connection, id.as_str())?.is_none_or(|(_, deleted)| deleted == DELETED))
    };
    let mut free = id.clone();
    let mut n = 1_u64;
    while !is_free(&free)? {
        free = identity::numbered_id(id, n);
        n += 1;
    }
    Ok(free)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
