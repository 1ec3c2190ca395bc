//! Saved queries, and how far each has been told.
//!
//! They belong to no generation: nothing that is derived from papers depends on them.

use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};

use super::Store;
use super::read::Reader;
use super::write::now;
use crate::error::EngineError;

/// Most saved queries.
pub const MAX_SAVED: usize = 1_000;

/// A saved query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedQuery {
    /// Made from its name: lower-case letters, digits and hyphens.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// What is asked, in the JSON of whoever saved it.
    pub request: String,
    /// When it was saved: RFC 3339, UTC.
    pub created: String,
    /// Everything up to this row was looked at.
    pub looked: u32,
    /// Everything up to this row was in a digest that was sent.
    pub digested: u32,
}

/// Rows of papers, by which a set of newly indexed papers is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestPeriod {
    /// Only later rows.
    pub after: u32,
    /// Only rows up to this one.
    pub until: u32,
}

/// Marks are rows of `papers`, which come in order of first indexing: all up to a mark were told.
/// `digest_until` is the mark of a digest that is on its way.
pub(super) const TABLES: &str = "
    CREATE TABLE saved (
        id           TEXT    PRIMARY KEY,
        name         TEXT    NOT NULL,
        request      TEXT    NOT NULL,
        created      TEXT    NOT NULL,
        looked       INTEGER NOT NULL DEFAULT 0,
        digested     INTEGER NOT NULL DEFAULT 0,
        digest_after INTEGER,
        digest_until INTEGER
    ) STRICT, WITHOUT ROWID;
";

const COLUMNS: &str = "id, name, request, created, looked, digested";

fn saved_of(row: &Row<'_>) -> rusqlite::Result<SavedQuery> {
    Ok(SavedQuery {
        id: row.get(0)?,
        name: row.get(1)?,
        request: row.get(2)?,
        created: row.get(3)?,
        looked: row.get(4)?,
        digested: row.get(5)?,
    })
}

impl Reader {
    /// All saved queries, in order of id.
    pub(crate) fn saved_queries(&self) -> Result<Vec<SavedQuery>, EngineError> {
        let mut statement = self.prepare_cached(&format!("SELECT {COLUMNS} FROM saved ORDER BY id"))?;
        Ok(statement.query_map([], saved_of)?.collect::<Result<_, _>>()?)
    }

    /// The one of this id.
    pub(crate) fn saved_query(&self, id: &str) -> Result<Option<SavedQuery>, EngineError> {
        let mut statement = self.prepare_cached(&format!("SELECT {COLUMNS} FROM saved WHERE id = ?1"))?;
        Ok(statement.query_row([id], saved_of).optional()?)
    }

    /// The last row that was given; 0 before the first.
    pub(crate) fn last_row(&self) -> Result<u32, EngineError> {
        Ok(self.query_row("SELECT coalesce(max(row), 0) FROM papers", [], |row| row.get(0))?)
    }

    /// When the last row was first indexed.
    pub(crate) fn last_indexed(&self) -> Result<Option<String>, EngineError> {
        let last = "SELECT first_indexed FROM papers ORDER BY row DESC LIMIT 1";
        Ok(self.query_row(last, [], |row| row.get(0)).optional()?)
    }

    /// The last row that was first indexed before `time`, RFC 3339 in UTC; 0 if none was.
    pub(crate) fn last_row_before(&self, time: &str) -> Result<u32, EngineError> {
        // Everything from the first row on that came at that time or later: a clock that was put back leaves earlier
        // times after it.
        let first = "SELECT min(row) FROM papers WHERE first_indexed >= ?1";
        let first: Option<u32> = self.prepare_cached(first)?.query_row([time], |row| row.get(0))?;
        first.map_or_else(|| self.last_row(), |first| Ok(first.saturating_sub(1)))
    }
}

impl Store {
    /// Adds a saved query under an id that none has yet, made from `slug`.
    pub(crate) fn add_saved(&self, slug: &str, name: &str, request: &str) -> Result<SavedQuery, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let n_saved: usize = transaction.query_row("SELECT count(*) FROM saved", [], |row| row.get(0))?;
        if n_saved >= MAX_SAVED {
            return Err(EngineError::InvalidRequest {
                parameter: "name",
                expected: format!("at most {MAX_SAVED} saved queries; delete some first"),
                found: "one more".to_owned(),
            });
        }
        let is_free = |id: &str| -> rusqlite::Result<bool> {
            Ok(!transaction.prepare_cached("SELECT 1 FROM saved WHERE id = ?1")?.exists([id])?)
        };
        let mut id = slug.to_owned();
        let mut number = 1;
        while !is_free(&id)? {
            number += 1;
            id = format!("{slug}-{number}");
        }
        let now = now();
        transaction.execute(
            "INSERT INTO saved (id, name, request, created) VALUES (?1, ?2, ?3, ?4)",
            params![id, name, request, now],
        )?;
        transaction.commit()?;
        Ok(SavedQuery {
            id,
            name: name.to_owned(),
            request: request.to_owned(),
            created: now,
            looked: 0,
            digested: 0,
        })
    }

    /// Deletes a saved query; `false` if there was none.
    pub(crate) fn delete_saved(&self, id: &str) -> Result<bool, EngineError> {
        Ok(self.writer().execute("DELETE FROM saved WHERE id = ?1", [id])? > 0)
    }

    /// Records that everything up to row `until` was looked at.
    pub(crate) fn mark_looked(&self, id: &str, until: u32) -> Result<(), EngineError> {
        let update = "UPDATE saved SET looked = max(looked, ?2) WHERE id = ?1";
        self.writer().execute(update, params![id, until])?;
        Ok(())
    }

    /// The period of the next digest, recorded before it is sent: if a digest is on its way already, which a
    /// crash can have left there, its period once more, so that it is the same message.
    pub(crate) fn begin_digest(
        &self,
        id: &str,
        wanted: DigestPeriod,
    ) -> Result<Option<DigestPeriod>, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let pending = "SELECT digest_after, digest_until FROM saved WHERE id = ?1";
        let found: Option<(Option<u32>, Option<u32>)> =
            transaction.query_row(pending, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some(pending) = found else { return Ok(None) };
        if let (Some(after), Some(until)) = pending {
            return Ok(Some(DigestPeriod { after, until }));
        }
        transaction.execute(
            "UPDATE saved SET digest_after = ?2, digest_until = ?3 WHERE id = ?1",
            params![id, wanted.after, wanted.until],
        )?;
        transaction.commit()?;
        Ok(Some(wanted))
    }

    /// Records that the digest up to `until` was accepted.
    pub(crate) fn end_digest(&self, id: &str, until: u32) -> Result<(), EngineError> {
        self.writer().execute(
            "UPDATE saved SET digested = max(digested, ?2), digest_after = NULL, digest_until = NULL WHERE id = ?1",
            params![id, until],
        )?;
        Ok(())
    }
}
