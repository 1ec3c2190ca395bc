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

mod resolve;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use cognate_corpus::{Identity, Paper, PaperId, Place, Record};
use rusqlite::Connection;
use xxhash_rust::xxh3::xxh3_64;

use super::Store;
use super::checksum::Soundness;
use super::compose::{compose, corrected, fill};
use super::read::{indexed_id, is_damaged};
use super::records::{self, HASH_BYTES, Held, Numbers, SourceName};
use crate::error::EngineError;
use crate::recipe;
use resolve::{Found, free_id, read_again, resolve};

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
    /// Takes a part of the records only, where papers lie with another engine.
    pub shard: Option<Shard>,
    /// How often a call is made again that another engine does not answer, with which papers lie. [`PATIENT`] suits who can
    /// wait.
    pub n_retries: u32,
}

/// Retries after ever longer times, for some three minutes.
pub const PATIENT: u32 = 9;

/// The papers that one of several machines takes, by their ids alone: each is taken by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// Whether this one takes the paper.
    #[must_use]
    pub fn has(self, id: &PaperId) -> bool {
        xxh3_64(id.as_str().as_bytes()) % u64::from(self.of) == u64::from(self.number)
    }
}

impl FromStr for Shard {
    type Err = EngineError;

    /// Reads `3/16`: the fourth of sixteen.
    fn from_str(text: &str) -> Result<Self, EngineError> {
        let shard = text
            .split_once('/')
            .and_then(|(number, of)| Some(Self { number: number.parse().ok()?, of: of.parse().ok()? }));
        shard.filter(|shard| shard.number < shard.of).ok_or_else(|| EngineError::InvalidRequest {
            parameter: "shard",
            expected: "a number from 0 and how many there are, such as `3/16`".to_owned(),
            found: format!("{text:?}"),
        })
    }
}

/// One ingestion, as far as the store has to remember it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) policy: IngestPolicy,
    /// Numbers of the records that came in it.
    pub(super) seen: HashSet<i64>,
    /// Of records that a source repeats, the last that came.
    pub(super) reached: HashMap<(i64, [u8; HASH_BYTES]), i64>,
    /// Numbers of the sources of these.
    pub(super) sources: BTreeSet<i64>,
    pub(super) numbers: Numbers,
    /// Whether there may be papers of stores before version 3.
    pub(super) has_legacy: bool,
    soundness: Arc<Soundness>,
}

impl Session {
    pub(crate) fn new(policy: IngestPolicy, store: &Store) -> Result<Self, EngineError> {
        let has_legacy = records::has_papers_without(&*store.reader()?)?;
        let soundness = store.soundness();
        Ok(Self {
            policy,
            seen: HashSet::new(),
            reached: HashMap::new(),
            sources: BTreeSet::new(),
            numbers: Numbers::default(),
            has_legacy,
            soundness,
        })
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
        let hash = records::hash_of(&json);
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

impl Meant {
    /// The row of the paper, unless it is new.
    fn row(&self) -> Option<u32> {
        match self {
            Self::Same(held) | Self::Repeat(held) | Self::Own(held) => Some(held.row),
            Self::Joins { row, .. } | Self::Takes { row } | Self::Replaces { row } => Some(*row),
            Self::New => None,
        }
    }
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
    /// The first of the other records that the paper has.
    pub(super) first: Option<Held>,
    /// The only other one, with what it says: the paper alone has kept that.
    pub(super) alone: Option<(i64, Paper)>,
    pub(super) rank: i64,
    /// Whether the source has several records that say exactly this.
    pub(super) is_one_of_many: bool,
    pub(super) clash: Option<Clash>,
    /// What the store has of the paper is damaged: it is written anew from this record.
    pub(super) is_damaged: bool,
}

impl Prepared {
    /// What is embedded of the paper as it will be.
    pub(super) fn text(&self) -> Option<String> {
        self.next.as_ref().map(recipe::embedded_text)
    }

    /// The row of the paper, where it has one; a deleted paper's is found by its id.
    pub(super) fn row(&self, connection: &Connection) -> Result<Option<u32>, EngineError> {
        match self.meant.row() {
            Some(row) => Ok(Some(row)),
            None => Ok(records::row_of(connection, self.id.as_str())?.map(|(row, _)| row)),
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
    let Found { mut meant, record_id, clash, is_one_of_many } = found;
    let damaged = match meant.row() {
        Some(row) if is_damaged(connection, &session.soundness, row)? => Some(row),
        _ => None,
    };
    if let Some(row) = damaged {
        meant = Meant::Replaces { row };
    }
    // What was kept of an earlier form of the record goes, though it says the same again.
    if session.policy.replace
        && !is_one_of_many
        && let Meant::Same(held) = meant
    {
        meant = Meant::Own(held);
    }
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
        first: None,
        alone: None,
        rank: 0,
        is_one_of_many,
        clash,
        is_damaged: damaged.is_some(),
        meant: Meant::New,
    };
    match &meant {
        Meant::New => {
            prepared.id = free_id(connection, &prepared.record_id)?;
            prepared.next = Some(Paper { id: prepared.id.clone(), ..paper.clone() });
        }
        Meant::Same(held) => prepared.id = id_of(connection, held.row)?,
        Meant::Replaces { row } => {
            prepared.id = match damaged.map(|row| indexed_id(connection, row)).transpose()?.flatten() {
                // From the index, which the row's damage has spared.
                Some(id) => {
                    PaperId::new(id.clone()).map_err(|source| EngineError::DamagedId { id, source })?
                }
                None => id_of(connection, *row)?,
            };
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
            let mut others = said_of(connection, held.row, &before)?;
            let at = others.iter().position(|(other, _)| other.record == held.record);
            let (_, said_before) = at.map(|at| others.remove(at)).ok_or_else(|| gone(held.row))?;
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
            let first = others.first().map(|(other, _)| other.rank);
            prepared.rank = match first {
                Some(first) if standing == Standing::First && first <= held.rank => first - 1,
                _ => held.rank,
            };
            let is_before = |other: &Held| (other.rank, other.record) < (prepared.rank, held.record);
            let (before, behind): (Vec<_>, Vec<_>) = others.iter().partition(|(other, _)| is_before(other));
            let before = before.into_iter().map(|(_, said)| said);
            let said = before.chain([&prepared.said]).chain(behind.into_iter().map(|(_, said)| said));
            prepared.next = Some(compose(&prepared.id, said));
            prepared.first = others.into_iter().next().map(|(other, _)| other);
        }
        Meant::Repeat(held) => {
            let before = stored(connection, held.row)?;
            prepared.id = before.id.clone();
            prepared.stands(connection, (held.row, before), Standing::Last)?;
        }
        Meant::Joins { row, .. } => {
            let before = stored(connection, *row)?;
            prepared.id = before.id.clone();
            let is_own = match session.numbers.source(connection, incoming.source())? {
                Some(source) => !records::of_row_and_source(connection, *row, source)?.is_empty(),
                None => false,
            };
            let updates = incoming.record.identity == Identity::Named
                && prepared.clash.is_none()
                && (is_own || !matches!(session.policy.source, RecordSource::Named(_)));
            prepared.next = Some(if updates {
                // A file may repeat an id without end: what is behind so many is as good as never said.
                let others = with_fields(connection, records::first_of_row(connection, *row)?, &before)?;
                compose(&before.id, [paper].into_iter().chain(others.iter().map(|(_, said)| said)))
            } else {
                // The same as composing all records anew, without reading them.
                let mut filled = before.clone();
                fill(&mut filled, paper);
                filled
            });
            let standing = if updates { Standing::First } else { Standing::Last };
            prepared.stands(connection, (*row, before), standing)?;
        }
    }
    prepared.meant = meant;
    Ok(prepared)
}

impl Prepared {
    /// Gives the record its place among those that a paper has.
    fn stands(
        &mut self,
        connection: &Connection,
        (row, paper): (u32, Paper),
        standing: Standing,
    ) -> Result<(), EngineError> {
        let Some((first, last)) = records::ends(connection, row)? else { return Ok(()) };
        self.rank = if standing == Standing::First { first.rank - 1 } else { last.rank + 1 };
        self.alone = (first.record == last.record).then_some((first.record, paper));
        self.first = Some(first);
        Ok(())
    }
}

/// What is said of a paper, record by record.
pub(super) fn said_of(
    connection: &Connection,
    row: u32,
    paper: &Paper,
) -> Result<Vec<(Held, Paper)>, EngineError> {
    with_fields(connection, records::of_row(connection, row)?, paper)
}

/// The records with what each says.
fn with_fields(
    connection: &Connection,
    held: Vec<Held>,
    paper: &Paper,
) -> Result<Vec<(Held, Paper)>, EngineError> {
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

#[cfg(test)]
mod layouts;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
