//! Writing the store: one transaction and one generation per batch.

use std::collections::{BTreeMap, HashMap, HashSet};

use cognate_corpus::{Paper, PaperId, PublicationKind};
use cognate_vector::UnitVector;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::compose::compose;
use super::drops::{self, BringBack};
use super::incoming::{Clash, Incoming, Meant, Prepared, Session, prepare, said_of};
use super::records::{self, NewRecord};
use super::{DELETED, DROPPED, Store, StoredPaper, model, read};
use crate::error::EngineError;
use crate::recipe;
use crate::stored_model::StoredModel;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its paper was not stored before.
    Added,
    /// Its paper changed.
    Updated,
    /// It was stored before as it is, or says nothing that its paper does not say already.
    Unchanged,
    /// It says of title, abstract, authors, year, place and identifiers exactly what another record says, and of address,
    /// ISBN, edition and numbers nothing else.
    Repeated,
}

impl Outcome {
    /// Its name, as reports have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Repeated => "repeated",
        }
    }
}

/// What was removed since its source has it no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Records.
    pub n_records: u64,
    /// Papers, with their last record.
    pub n_papers: u64,
}

/// What became of a record, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) outcome: Outcome,
    /// The id of its paper.
    pub(crate) id: String,
    /// File and line of the first record of the paper, where it has others.
    pub(crate) with: Option<(String, u64)>,
    pub(crate) clash: Option<Clash>,
    /// Whether the paper had been dropped, and was brought back.
    pub(crate) is_restored: bool,
}

/// What a commit did with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Committed {
    Done(Fate),
    /// It waits for the vector of this text: commit it again with it. Without one, it waits for another record.
    Waits(Option<String>),
}

/// Vectors by the hashes of their texts.
pub(crate) type Vectors = HashMap<TextHash, UnitVector>;

/// SHA-256 of an embedded text.
pub(crate) type TextHash = [u8; 32];

pub(crate) fn text_hash(text: &str) -> TextHash {
    Sha256::digest(text.as_bytes()).into()
}

/// What the store holds of a row.
#[derive(Default)]
struct State {
    /// 0, `DELETED` or `DROPPED`.
    deleted: u8,
    content_hash: Vec<u8>,
    text_hash: Vec<u8>,
}

/// What every row of one transaction is marked with.
pub(super) struct Stamp {
    pub(super) generation: u64,
    /// RFC 3339, UTC.
    pub(super) now: String,
}

impl Stamp {
    /// The stamp of the transaction under way.
    pub(super) fn next(transaction: &Transaction<'_>) -> Result<Self, EngineError> {
        Ok(Self { generation: read::generation(transaction)? + 1, now: now() })
    }
}

pub(super) fn now() -> String {
    rfc3339(jiff::Timestamp::now())
}

/// A time as the store has it: RFC 3339, UTC, to the second.
pub(crate) fn rfc3339(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Store {
    /// The text that has to be embedded before `incoming` is committed; `None` if none has, as far as can be told
    /// before what is on its way is committed.
    pub(crate) fn plan(
        &self,
        session: &mut Session,
        incoming: &Incoming,
    ) -> Result<Option<String>, EngineError> {
        let reader = self.reader()?;
        let prepared = prepare(&reader, session, incoming)?;
        let Some(text) = prepared.text().filter(|text| !text.is_empty()) else { return Ok(None) };
        let known = match prepared.row(&reader)? {
            Some(row) if !prepared.is_damaged => state(&reader, row)?.text_hash,
            _ => Vec::new(),
        };
        Ok((known != text_hash(&text)).then_some(text))
    }

    /// Commits `batch` in order, in one transaction: when this returns, it is on disk. A vector is
    /// needed where the text differs from what is stored at that moment. A dropped paper stays dropped, with
    /// whatever is new in its record, unless it is to be restored.
    ///
    /// # Errors
    /// [`EngineError::ModelMismatch`] if the store's vectors come from another model;
    /// [`EngineError::Store`] if SQLite fails, with nothing written.
    pub(crate) fn commit(
        &self,
        model: &StoredModel,
        session: &mut Session,
        (batch, vectors): (&[Incoming], &[&Vectors]),
    ) -> Result<Vec<Committed>, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        require_model(&transaction, model)?;
        let mut commit = Commit {
            stamp: Stamp::next(&transaction)?,
            transaction: &transaction,
            session,
            vectors,
            waiting: HashSet::new(),
            has_changed: false,
        };
        let committed = batch.iter().map(|incoming| commit.put(incoming)).collect::<Result<Vec<_>, _>>()?;
        let (generation, has_changed) = (commit.stamp.generation, commit.has_changed);
        if has_changed {
            set_generation(&transaction, generation)?;
        }
        transaction.commit()?;
        Ok(committed)
    }

    /// Removes the records that the sources of a session have no more, and papers with their last record, in one
    /// transaction. Where what is left of papers needs vectors that are not there, these papers wait, and the texts are
    /// given, some hundred at a time: prune again with them.
    ///
    /// # Errors
    /// As for [`Store::commit`].
    pub(crate) fn prune(
        &self,
        model: &StoredModel,
        session: &mut Session,
        vectors: &Vectors,
    ) -> Result<(Pruned, Vec<String>), EngineError> {
        const MAX_TEXTS: usize = 512;
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        require_model(&transaction, model)?;
        let mut gone: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
        for source in &session.sources {
            for (record, row) in records::of_source(&transaction, *source)? {
                if !session.seen.contains(&record) {
                    gone.entry(row).or_default().push(record);
                }
            }
        }
        let mut commit = Commit {
            stamp: Stamp::next(&transaction)?,
            transaction: &transaction,
            session,
            vectors: &[vectors],
            waiting: HashSet::new(),
            has_changed: false,
        };
        let (mut pruned, mut texts) = (Pruned::default(), Vec::new());
        for (row, gone) in gone {
            match commit.remove(row, &gone)? {
                Ok(has_gone) => {
                    pruned.n_records += gone.len() as u64;
                    pruned.n_papers += u64::from(has_gone);
                }
                Err(text) => texts.push(text),
            }
            if texts.len() == MAX_TEXTS {
                break;
            }
        }
        let (generation, has_changed) = (commit.stamp.generation, commit.has_changed);
        if has_changed {
            set_generation(&transaction, generation)?;
        }
        transaction.commit()?;
        Ok((pruned, texts))
    }

    /// Deletes a paper: its content and vector go, a stamped row stays. Papers that were dropped in its favour
    /// come back, since nothing else stands for them. `false` if there was none.
    pub(crate) fn delete(&self, id: &PaperId) -> Result<bool, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = records::row_of(&transaction, id.as_str())?.filter(|(_, deleted)| *deleted != DELETED);
        let Some((row, _)) = found else { return Ok(false) };
        let stamp = Stamp::next(&transaction)?;
        delete_paper(&transaction, &stamp, row)?;
        set_generation(&transaction, stamp.generation)?;
        transaction.commit()?;
        Ok(true)
    }
}

/// Takes a paper out, but for its stamp; what it stood for comes back.
fn delete_paper(transaction: &Transaction<'_>, stamp: &Stamp, row: u32) -> Result<(), EngineError> {
    drops::bring_back(transaction, stamp, &BringBack::DroppedFor(row))?;
    drops::bring_back(transaction, stamp, &BringBack::Row(row))?;
    transaction.execute(
        "UPDATE papers SET generation = ?2, deleted = 1, title = NULL, abstract = NULL, authors = '[]', \
         year = NULL, publication_date = NULL, venue = NULL, categories = '[]', external_ids = '{}', \
         url = NULL, source = NULL, upvotes = NULL, extra = '{}', editors = '[]', kind = NULL, volume = NULL, \
         issue = NULL, pages = NULL, publisher = NULL, issn = '[]', isbn = '[]', language = NULL, \
         content_hash = x'', text_hash = x'' WHERE row = ?1",
        params![row, stamp.generation],
    )?;
    transaction.execute("DELETE FROM vectors WHERE row = ?1", [row])?;
    transaction.execute("DELETE FROM vectors_next WHERE row = ?1", [row])?;
    transaction.execute("DELETE FROM identifiers WHERE row = ?1", [row])?;
    records::delete_of_row(transaction, row)
}

/// Records the model of a store that holds no vectors yet, or checks it against the one recorded.
fn require_model(connection: &Connection, wanted: &StoredModel) -> Result<(), EngineError> {
    match model::load(connection, "model")? {
        Some(stored) if stored.is_compatible(wanted) => Ok(()),
        Some(stored) => {
            Err(EngineError::ModelMismatch { stored: Box::new(stored), given: Box::new(wanted.clone()) })
        }
        None => model::save(connection, "model", wanted),
    }
}

pub(super) fn set_generation(transaction: &Transaction<'_>, generation: u64) -> Result<(), EngineError> {
    transaction.execute("UPDATE meta SET value = ?1 WHERE key = 'generation'", [generation.to_string()])?;
    Ok(())
}

fn state(connection: &Connection, row: u32) -> Result<State, EngineError> {
    let state = connection
        .prepare_cached("SELECT deleted, content_hash, text_hash FROM papers WHERE row = ?1")?
        .query_row([row], |r| Ok(State { deleted: r.get(0)?, content_hash: r.get(1)?, text_hash: r.get(2)? }))
        .optional()?;
    Ok(state.unwrap_or(State { deleted: DELETED, ..State::default() }))
}

/// A batch that is being committed.
struct Commit<'c> {
    transaction: &'c Transaction<'c>,
    stamp: Stamp,
    session: &'c mut Session,
    vectors: &'c [&'c Vectors],
    /// Rows of papers of which a record waits, so that those behind it wait too.
    waiting: HashSet<u32>,
    has_changed: bool,
}

/// What was written of a paper.
struct Written {
    row: u32,
    is_changed: bool,
}

impl Commit<'_> {
    fn put(&mut self, incoming: &Incoming) -> Result<Committed, EngineError> {
        let prepared = prepare(self.transaction, self.session, incoming)?;
        let row = prepared.row(self.transaction)?;
        if row.is_some_and(|row| self.waiting.contains(&row)) {
            return Ok(Committed::Waits(None));
        }
        let mut before = row.map(|row| state(self.transaction, row)).transpose()?.unwrap_or_default();
        if let (true, Some(row)) = (prepared.is_damaged, row) {
            // Nothing that it says of itself counts.
            (before.content_hash, before.text_hash) = (Vec::new(), Vec::new());
            if prepared.next.as_ref().is_some_and(|next| self.can_write(next)) {
                self.make_room(row, &prepared.id)?;
            }
        }
        let written = match &prepared.next {
            None => None,
            Some(next) => match self.write(next, row, &before)? {
                Ok(written) => Some(written),
                Err(text) => {
                    self.waiting.extend(row);
                    return Ok(Committed::Waits(Some(text)));
                }
            },
        };
        let is_changed = written.as_ref().is_some_and(|written| written.is_changed);
        let is_restored = before.deleted == DROPPED && self.session.policy.restore;
        if let (true, Some(row)) = (is_restored, row) {
            drops::bring_back(self.transaction, &self.stamp, &BringBack::Row(row))?;
        }
        self.has_changed |= is_changed || is_restored;
        let Some(row) = written.map(|written| written.row).or(row) else { return Ok(Committed::Waits(None)) };
        let with = match &prepared.first {
            Some(other) => Some(records::place(self.transaction, other)?),
            None => None,
        };
        self.note(incoming, &prepared, (row, is_changed))?;
        let outcome = match prepared.meant {
            Meant::New => Outcome::Added,
            Meant::Repeat(_) | Meant::Joins { is_repeat: true, .. } => Outcome::Repeated,
            _ if is_changed || is_restored => Outcome::Updated,
            _ => Outcome::Unchanged,
        };
        let Prepared { id, clash, .. } = prepared;
        Ok(Committed::Done(Fate { outcome, id: id.into(), with, clash, is_restored }))
    }

    /// Removes records of a paper; says whether it has gone with them. `Err` is the text whose vector is missing, with
    /// nothing removed.
    fn remove(&mut self, row: u32, gone: &[i64]) -> Result<Result<bool, String>, EngineError> {
        let transaction = self.transaction;
        let Some(paper) = records::paper(transaction, row)? else { return Ok(Ok(false)) };
        let mut left = said_of(transaction, row, &paper)?;
        left.retain(|(held, _)| !gone.contains(&held.record));
        if left.is_empty() {
            delete_paper(transaction, &self.stamp, row)?;
            self.has_changed = true;
            return Ok(Ok(true));
        }
        let next = compose(&paper.id, left.iter().map(|(_, said)| said));
        let before = state(transaction, row)?;
        match self.write(&next, Some(row), &before)? {
            Ok(written) => self.has_changed |= written.is_changed,
            Err(text) => return Ok(Err(text)),
        }
        for record in gone {
            records::delete(transaction, *record)?;
        }
        Ok(Ok(false))
    }

    /// Whether the text of a paper needs no vector, or has one here.
    fn can_write(&self, paper: &Paper) -> bool {
        let text = recipe::embedded_text(paper);
        let hash = text_hash(&text);
        text.is_empty() || self.vectors.iter().any(|vectors| vectors.contains_key(&hash))
    }

    /// Has a damaged row written anew with all that belongs to it.
    fn make_room(&self, row: u32, id: &PaperId) -> Result<(), EngineError> {
        // The row may lack what indexes say of it, which SQLite does not let pass.
        let reindex = "REINDEX papers; REINDEX vectors; REINDEX identifiers; REINDEX records";
        self.transaction.execute_batch(reindex)?;
        self.transaction.execute(
            "UPDATE papers SET id = ?2, deleted = iif(deleted = 2, 2, 0), content_hash = x'', text_hash = x'' \
             WHERE row = ?1",
            params![row, id.as_str()],
        )?;
        tracing::info!("the damaged paper `{id}` is written anew");
        Ok(())
    }

    /// Keeps the record beside its paper.
    fn note(
        &mut self,
        incoming: &Incoming,
        prepared: &Prepared,
        (row, is_changed): (u32, bool),
    ) -> Result<(), EngineError> {
        let transaction = self.transaction;
        let place = incoming.place();
        let file = self.session.numbers.add_file(transaction, &place.file)?;
        if let Meant::Same(held) = &prepared.meant {
            if (held.file, held.line) != (file, place.line) {
                records::set_place(transaction, held.record, (file, place.line))?;
            }
            self.session.seen.insert(held.record);
            self.session.sources.insert(held.source);
            if prepared.is_one_of_many {
                self.session.reached.insert((held.source, *incoming.hash()), held.record);
            }
            return Ok(());
        }
        let source = self.session.numbers.add_source(transaction, incoming.source())?;
        self.session.sources.insert(source);
        let record = NewRecord {
            row,
            rank: prepared.rank,
            source,
            file,
            line: place.line,
            key: prepared.key.as_deref(),
            id: Some(prepared.record_id.as_str()).filter(|id| *id != prepared.id.as_str()),
            hash: incoming.hash(),
            // A paper with a single record has its fields itself.
            fields: Some(&prepared.said).filter(|_| prepared.first.is_some()),
        };
        let number = match &prepared.meant {
            Meant::Own(held) => {
                records::replace(transaction, held.record, &record)?;
                held.record
            }
            Meant::Replaces { row } => match records::of_row(transaction, *row)?.as_slice() {
                [only] if !is_changed && only.hash == incoming.hash() && only.source == record.source => {
                    only.record
                }
                _ => {
                    records::delete_of_row(transaction, *row)?;
                    records::insert(transaction, &record)?
                }
            },
            _ => {
                if let Some((other, said)) = &prepared.alone {
                    records::keep_fields(transaction, *other, said)?;
                }
                records::insert(transaction, &record)?
            }
        };
        self.session.seen.insert(number);
        if prepared.is_one_of_many {
            self.session.reached.insert((source, *incoming.hash()), number);
        }
        Ok(())
    }

    /// Writes a paper where it differs from what is there; `Err` is the text whose vector is missing, with nothing
    /// written.
    fn write(
        &self,
        paper: &Paper,
        row: Option<u32>,
        before: &State,
    ) -> Result<Result<Written, String>, EngineError> {
        let content_hash: [u8; 32] = Sha256::digest(json(paper, paper)?).into();
        if let Some(row) = row
            && before.content_hash == content_hash
        {
            return Ok(Ok(Written { row, is_changed: false }));
        }
        let text = recipe::embedded_text(paper);
        let text_hash = text_hash(&text);
        let has_vector = text.is_empty() || before.text_hash == text_hash;
        let vector = self.vectors.iter().find_map(|vectors| vectors.get(&text_hash));
        if !has_vector && vector.is_none() {
            return Ok(Err(text));
        }
        let transaction = self.transaction;
        write_row(transaction, &self.stamp, paper, [&content_hash, &text_hash])?;
        let row = match row {
            Some(row) => row,
            None => u32::try_from(transaction.last_insert_rowid()).map_err(|_| EngineError::StoreFull)?,
        };
        if text.is_empty() {
            // Without a text, a paper is in no ranking.
            transaction.prepare_cached("DELETE FROM vectors WHERE row = ?1")?.execute([row])?;
            transaction.prepare_cached("DELETE FROM vectors_next WHERE row = ?1")?.execute([row])?;
        } else if let Some(vector) = vector.filter(|_| !has_vector) {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO vectors (row, generation, vector) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![row, self.stamp.generation, vector.to_f16_le_bytes()])?;
        }
        transaction.prepare_cached("DELETE FROM identifiers WHERE row = ?1")?.execute([row])?;
        for (kind, value) in &paper.external_ids {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO identifiers (kind, value, row) VALUES (?1, ?2, ?3)")?
                .execute(params![kind.name(), value, row])?;
        }
        Ok(Ok(Written { row, is_changed: true }))
    }
}

/// Writes the row of a paper. A dropped paper stays dropped.
fn write_row(
    transaction: &Transaction<'_>,
    stamp: &Stamp,
    paper: &Paper,
    [content_hash, text_hash]: [&[u8; 32]; 2],
) -> Result<(), EngineError> {
    transaction
        .prepare_cached(
            "INSERT INTO papers (id, generation, first_indexed, title, abstract, authors, year, publication_date, \
             venue, categories, external_ids, url, source, upvotes, extra, content_hash, text_hash, editors, kind, \
             volume, issue, pages, publisher, issn, isbn, language) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, \
             ?21, ?22, ?23, ?24, ?25, ?26) \
             ON CONFLICT (id) DO UPDATE SET generation = ?2, deleted = iif(deleted = 2, 2, 0), title = ?4, abstract = ?5, authors = ?6, year = ?7, \
             publication_date = ?8, venue = ?9, categories = ?10, external_ids = ?11, url = ?12, source = ?13, \
             upvotes = ?14, extra = ?15, content_hash = ?16, text_hash = ?17, editors = ?18, kind = ?19, \
             volume = ?20, issue = ?21, pages = ?22, publisher = ?23, issn = ?24, isbn = ?25, language = ?26",
        )?
        .execute(params![
            paper.id.as_str(),
            stamp.generation,
            stamp.now,
            paper.title,
            paper.abstract_text,
            json(paper, &paper.authors)?,
            paper.year,
            paper.publication_date.map(|date| date.to_string()),
            paper.venue,
            json(paper, &paper.categories)?,
            json(paper, &paper.external_ids)?,
            paper.url,
            paper.source,
            paper.upvotes,
            json(paper, &paper.extra)?,
            content_hash.as_slice(),
            text_hash.as_slice(),
            json(paper, &paper.editors)?,
            paper.kind.map(PublicationKind::name),
            paper.volume,
            paper.issue,
            paper.pages,
            paper.publisher,
            json(paper, &paper.issn)?,
            json(paper, &paper.isbn)?,
            paper.language,
        ])?;
    Ok(())
}

pub(super) fn json<T: serde::Serialize>(paper: &Paper, value: &T) -> Result<String, EngineError> {
    serde_json::to_string(value)
        .map_err(|source| EngineError::DamagedRow { place: format!("paper `{}`", paper.id), source })
}

/// Rows whose new vectors have a generation of their own.
const PORTION: u64 = 20_000;

/// Re-embedding: new vectors gather in `vectors_next` and are swapped in together.
impl Store {
    /// Prepares for new vectors by `model`; those gathered for another model are dropped.
    pub(crate) fn begin_reembedding(&self, model: &StoredModel) -> Result<(), EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if model::load(&transaction, "next_model")?.as_ref() != Some(model) {
            transaction.execute("DELETE FROM vectors_next", [])?;
            model::save(&transaction, "next_model", model)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Keeps the new vectors of `papers`, row i for paper i.
    pub(crate) fn stage_vectors(
        &self,
        papers: &[StoredPaper],
        vectors: &[UnitVector],
    ) -> Result<(), EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (stored, vector) in papers.iter().zip(vectors) {
            let text_hash = Sha256::digest(recipe::embedded_text(&stored.paper).as_bytes());
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO vectors_next (row, text_hash, vector) \
                     SELECT row, ?2, ?3 FROM papers WHERE row = ?1 AND deleted != 1",
                )?
                .execute(params![stored.row, text_hash.as_slice(), vector.to_f16_le_bytes()])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Swaps the new vectors in. `false`, with nothing done, if a paper lacks one: another process
    /// may have added or changed it meanwhile.
    pub(crate) fn finish_reembedding(&self, model: &StoredModel) -> Result<bool, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if read::n_to_reembed(&transaction)? > 0 {
            return Ok(false);
        }
        let first = read::generation(&transaction)? + 1;
        transaction.execute("DELETE FROM vectors", [])?;
        // As many generations as portions, so that whatever is derived need not take all of them at once.
        transaction.execute(
            "INSERT INTO vectors (row, generation, vector) SELECT row, ?1 + row / ?2, vector FROM vectors_next",
            [first, PORTION],
        )?;
        let last = "SELECT coalesce(max(generation), ?1) FROM vectors";
        let generation: u64 = transaction.query_row(last, [first], |row| row.get(0))?;
        transaction.execute("DELETE FROM vectors_next", [])?;
        transaction.execute("DELETE FROM meta WHERE key = 'next_model'", [])?;
        model::save(&transaction, "model", model)?;
        set_generation(&transaction, generation)?;
        transaction.commit()?;
        Ok(true)
    }
}
