//! Writing the store: one transaction and one generation per batch.

use cognate_corpus::{Paper, PaperId, PublicationKind};
use cognate_vector::UnitVector;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::drops::{self, BringBack};
use super::{DELETED, DROPPED, Store, StoredPaper, model, read};
use crate::error::EngineError;
use crate::recipe;
use crate::stored_model::StoredModel;

/// A paper on its way into the store, with the hashes that tell what about it is new.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) paper: Paper,
    /// What is embedded, by the recipe.
    pub(crate) text: String,
    /// SHA-256 of every field.
    content_hash: [u8; 32],
    /// SHA-256 of `text`.
    text_hash: [u8; 32],
}

/// What a paper needs, judged before embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Stored already, in every field.
    Unchanged,
    /// Its embedded text is stored already; other fields differ.
    Store,
    /// New, or its embedded text differs.
    Embed,
}

/// What became of a paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Added,
    Updated,
    Unchanged,
    /// Another process changed its text between plan and commit: embed it and commit it again.
    NeedsVector,
}

/// What the store holds of an id.
struct Existing {
    row: u32,
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

/// How a batch is committed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CommitOptions {
    /// Bring back the papers of the batch that were dropped as duplicates.
    pub(crate) restore: bool,
}

impl Incoming {
    pub(crate) fn new(paper: Paper) -> Result<Self, EngineError> {
        let text = recipe::embedded_text(&paper);
        let json = serde_json::to_vec(&paper)
            .map_err(|source| EngineError::DamagedRow { place: format!("paper `{}`", paper.id), source })?;
        Ok(Self {
            content_hash: Sha256::digest(&json).into(),
            text_hash: Sha256::digest(text.as_bytes()).into(),
            paper,
            text,
        })
    }

    fn plan(&self, existing: Option<(&[u8], &[u8])>) -> Plan {
        match existing {
            Some((content, _)) if content == self.content_hash => Plan::Unchanged,
            Some((_, text)) if text == self.text_hash => Plan::Store,
            _ => Plan::Embed,
        }
    }
}

impl Store {
    /// Judges what `incoming` needs: against the last of `pending` with its id, which will be
    /// committed before it, else against what is stored.
    pub(crate) fn plan(&self, incoming: &Incoming, pending: &[Incoming]) -> Result<Plan, EngineError> {
        if let Some(earlier) = pending.iter().rev().find(|earlier| earlier.paper.id == incoming.paper.id) {
            return Ok(incoming.plan(Some((&earlier.content_hash, &earlier.text_hash))));
        }
        let existing =
            find(&*self.reader()?, &incoming.paper.id)?.filter(|existing| existing.deleted != DELETED);
        Ok(incoming.plan(existing.as_ref().map(|e| (&*e.content_hash, &*e.text_hash))))
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
        batch: &[(Incoming, Option<UnitVector>)],
        options: CommitOptions,
    ) -> Result<Vec<Outcome>, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        require_model(&transaction, model)?;
        let stamp = Stamp::next(&transaction)?;
        let outcomes = batch
            .iter()
            .map(|paper| put(&transaction, &stamp, paper, options))
            .collect::<Result<Vec<_>, _>>()?;
        if outcomes.iter().any(|o| matches!(o, Outcome::Added | Outcome::Updated)) {
            set_generation(&transaction, stamp.generation)?;
            transaction.commit()?;
        }
        Ok(outcomes)
    }

    /// Deletes a paper: its content and vector go, a stamped row stays. Papers that were dropped in its favour
    /// come back, since nothing else stands for them. `false` if there was none.
    pub(crate) fn delete(&self, id: &PaperId) -> Result<bool, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(existing) = find(&transaction, id)?.filter(|existing| existing.deleted != DELETED) else {
            return Ok(false);
        };
        let stamp = Stamp::next(&transaction)?;
        drops::bring_back(&transaction, &stamp, &BringBack::DroppedFor(existing.row))?;
        drops::bring_back(&transaction, &stamp, &BringBack::Row(existing.row))?;
        transaction.execute(
            "UPDATE papers SET generation = ?2, deleted = 1, title = NULL, abstract = NULL, authors = '[]', \
             year = NULL, publication_date = NULL, venue = NULL, categories = '[]', external_ids = '{}', \
             url = NULL, source = NULL, upvotes = NULL, extra = '{}', editors = '[]', kind = NULL, volume = NULL, issue = NULL, pages = NULL, \
             publisher = NULL, issn = '[]', isbn = '[]', language = NULL, content_hash = x'', text_hash = x'' \
             WHERE row = ?1",
            params![existing.row, stamp.generation],
        )?;
        transaction.execute("DELETE FROM vectors WHERE row = ?1", [existing.row])?;
        transaction.execute("DELETE FROM vectors_next WHERE row = ?1", [existing.row])?;
        transaction.execute("DELETE FROM identifiers WHERE row = ?1", [existing.row])?;
        set_generation(&transaction, stamp.generation)?;
        transaction.commit()?;
        Ok(true)
    }
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

fn find(connection: &Connection, id: &PaperId) -> Result<Option<Existing>, EngineError> {
    let existing = connection
        .prepare_cached("SELECT row, deleted, content_hash, text_hash FROM papers WHERE id = ?1")?
        .query_row([id.as_str()], |r| {
            Ok(Existing { row: r.get(0)?, deleted: r.get(1)?, content_hash: r.get(2)?, text_hash: r.get(3)? })
        })
        .optional()?;
    Ok(existing)
}

fn put(
    transaction: &Transaction<'_>,
    stamp: &Stamp,
    (incoming, vector): &(Incoming, Option<UnitVector>),
    options: CommitOptions,
) -> Result<Outcome, EngineError> {
    let existing = find(transaction, &incoming.paper.id)?;
    let there = existing.as_ref().filter(|e| e.deleted != DELETED);
    let plan = incoming.plan(there.map(|e| (&*e.content_hash, &*e.text_hash)));
    if plan == Plan::Embed && vector.is_none() {
        return Ok(Outcome::NeedsVector);
    }
    let dropped = there.filter(|e| e.deleted == DROPPED && options.restore);
    if let Some(dropped) = dropped {
        drops::bring_back(transaction, stamp, &BringBack::Row(dropped.row))?;
    }
    if plan == Plan::Unchanged {
        return Ok(if dropped.is_some() { Outcome::Updated } else { Outcome::Unchanged });
    }

    let paper = &incoming.paper;
    transaction
        .prepare_cached(
            "INSERT INTO papers (id, generation, first_indexed, title, abstract, authors, year, publication_date, \
             venue, categories, external_ids, url, source, upvotes, extra, content_hash, text_hash, editors, kind, volume, issue, pages, publisher, issn, isbn, language) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26) \
             ON CONFLICT (id) DO UPDATE SET generation = ?2, first_indexed = iif(deleted = 1, ?3, first_indexed), \
             deleted = iif(deleted = 2, 2, 0), title = ?4, abstract = ?5, authors = ?6, year = ?7, publication_date = ?8, venue = ?9, \
             categories = ?10, external_ids = ?11, url = ?12, source = ?13, upvotes = ?14, extra = ?15, \
             content_hash = ?16, text_hash = ?17, editors = ?18, kind = ?19, volume = ?20, issue = ?21, pages = ?22, \
             publisher = ?23, issn = ?24, isbn = ?25, language = ?26",
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
            incoming.content_hash.as_slice(),
            incoming.text_hash.as_slice(),
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
    let row = match &existing {
        Some(existing) => existing.row,
        None => u32::try_from(transaction.last_insert_rowid()).map_err(|_| EngineError::StoreFull)?,
    };

    if plan == Plan::Embed
        && let Some(vector) = vector
    {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO vectors (row, generation, vector) VALUES (?1, ?2, ?3)")?
            .execute(params![row, stamp.generation, vector.to_f16_le_bytes()])?;
    }
    transaction.prepare_cached("DELETE FROM identifiers WHERE row = ?1")?.execute([row])?;
    for (kind, value) in &paper.external_ids {
        transaction
            .prepare_cached("INSERT OR IGNORE INTO identifiers (kind, value, row) VALUES (?1, ?2, ?3)")?
            .execute(params![kind.name(), value, row])?;
    }
    Ok(if there.is_some() { Outcome::Updated } else { Outcome::Added })
}

fn json<T: serde::Serialize>(paper: &Paper, value: &T) -> Result<String, EngineError> {
    serde_json::to_string(value)
        .map_err(|source| EngineError::DamagedRow { place: format!("paper `{}`", paper.id), source })
}

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
        let generation = read::generation(&transaction)? + 1;
        transaction.execute("DELETE FROM vectors", [])?;
        transaction.execute(
            "INSERT INTO vectors (row, generation, vector) SELECT row, ?1, vector FROM vectors_next",
            [generation],
        )?;
        transaction.execute("DELETE FROM vectors_next", [])?;
        transaction.execute("DELETE FROM meta WHERE key = 'next_model'", [])?;
        model::save(&transaction, "model", model)?;
        set_generation(&transaction, generation)?;
        transaction.commit()?;
        Ok(true)
    }
}
