//! What people say of pairs of papers: duplicates, or not. By id, so that a label outlives every change of
//! the papers themselves.

use cognate_corpus::PaperId;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::drops::{self, BringBack};
use super::write::{Stamp, now, set_generation};
use super::{Reader, Store};
use crate::error::EngineError;

/// A person's word on a pair of papers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The id that comes first in order.
    pub a: String,
    /// The other id.
    pub b: String,
    /// Whether they are duplicates.
    pub is_duplicate: bool,
    /// When it was given: RFC 3339, UTC.
    pub labelled: String,
}

impl Store {
    /// Stores a label in place of any earlier one of the pair; `None` takes it back. Of a pair that is said to
    /// be no duplicates, a paper that was dropped in favour of the other comes back; gives the number of those.
    ///
    /// # Errors
    /// [`EngineError::Store`] if SQLite fails, with nothing written.
    pub(crate) fn label(
        &self,
        a: &PaperId,
        b: &PaperId,
        is_duplicate: Option<bool>,
    ) -> Result<usize, EngineError> {
        let (a, b) = in_order(a.as_str(), b.as_str());
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match is_duplicate {
            Some(is_duplicate) => transaction.execute(
                "INSERT OR REPLACE INTO labels (a, b, is_duplicate, labelled) VALUES (?1, ?2, ?3, ?4)",
                params![a, b, is_duplicate, now()],
            )?,
            None => transaction.execute("DELETE FROM labels WHERE a = ?1 AND b = ?2", [a, b])?,
        };
        let mut n_back = 0;
        if is_duplicate == Some(false) {
            let row: Option<u32> = transaction
                .query_row(
                    "SELECT d.row FROM drops d JOIN papers p ON p.row = d.row \
                     JOIN papers k ON k.row IN (d.kept, d.matched) \
                     WHERE d.ended IS NULL AND ((p.id = ?1 AND k.id = ?2) OR (p.id = ?2 AND k.id = ?1))",
                    [a, b],
                    |r| r.get(0),
                )
                .optional()?;
            if let Some(row) = row {
                let stamp = Stamp::next(&transaction)?;
                n_back = drops::bring_back(&transaction, &stamp, &BringBack::Row(row))?;
                set_generation(&transaction, stamp.generation)?;
            }
        }
        transaction.commit()?;
        Ok(n_back)
    }
}

impl Reader {
    /// What was said of a pair.
    pub(crate) fn label(&self, a: &PaperId, b: &PaperId) -> Result<Option<bool>, EngineError> {
        let (a, b) = in_order(a.as_str(), b.as_str());
        let label = self
            .prepare_cached("SELECT is_duplicate FROM labels WHERE a = ?1 AND b = ?2")?
            .query_row([a, b], |r| r.get(0))
            .optional()?;
        Ok(label)
    }

    /// Every label, in order of the two ids.
    pub(crate) fn labels(&self) -> Result<Vec<Label>, EngineError> {
        let mut statement =
            self.prepare_cached("SELECT a, b, is_duplicate, labelled FROM labels ORDER BY a, b")?;
        let labels = statement
            .query_map([], |r| {
                Ok(Label { a: r.get(0)?, b: r.get(1)?, is_duplicate: r.get(2)?, labelled: r.get(3)? })
            })?
            .collect::<Result<_, _>>()?;
        Ok(labels)
    }
}

/// Whether the first of `ids` is said to be no duplicate of one of the others.
pub(super) fn forbid(connection: &Connection, [id, others @ ..]: &[String; 3]) -> Result<bool, EngineError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM labels WHERE a = ?1 AND b = ?2 AND is_duplicate = 0")?;
    for other in others {
        let (a, b) = in_order(id, other);
        if statement.exists([a, b])? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn in_order<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    if a <= b { (a, b) } else { (b, a) }
}
