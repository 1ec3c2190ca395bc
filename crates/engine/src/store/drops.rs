//! Duplicates dropped from every answer, and brought back.
//!
//! A dropped paper keeps its row, its vector and its content. Each drop names the paper that was kept, and
//! why, and stays on record when it has ended. `papers.deleted` is 2 as long as a drop of the paper stands.

use cognate_corpus::PaperId;
use cognate_corpus::identifier::Lookup;
use rusqlite::types::ToSql;
use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::write::{Stamp, set_generation};
use super::{Reader, Store, labels};
use crate::error::EngineError;

/// A paper to drop, by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewDrop {
    pub(crate) row: u32,
    /// The paper that stays for it.
    pub(crate) kept: u32,
    /// The paper that it was found to be the same as: the kept one, or one on the way to it.
    pub(crate) matched: u32,
    /// Cosine of paper and match.
    pub(crate) score: f32,
    /// Probability that they are the same, from 0 to 1.
    pub(crate) probability: f64,
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
}

/// What an application did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Its number; `None` if nothing was dropped.
    pub(crate) run: Option<u64>,
    /// Rows dropped.
    pub(crate) dropped: Vec<u32>,
}

/// Which drops end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BringBack {
    /// All of an application.
    Run(u64),
    /// The one of a paper.
    Row(u32),
    /// All in favour of a paper.
    DroppedFor(u32),
}

/// An application of duplicates.
#[derive(Debug, Clone, PartialEq)]
pub struct DropRun {
    /// Its number, from 1.
    pub run: u64,
    /// When: RFC 3339, UTC.
    pub applied: String,
    /// What was asked for, as JSON.
    pub parameters: String,
    /// Papers that it dropped.
    pub n_dropped: u64,
    /// Those of them that have not come back since.
    pub n_standing: u64,
}

/// A paper that is dropped at this moment.
#[derive(Debug, Clone, PartialEq)]
pub struct DroppedPaper {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// The database that its record names.
    pub source: Option<String>,
    /// The id of the paper that stays for it.
    pub kept: String,
    /// The title of that paper.
    pub kept_title: Option<String>,
    /// The id of the paper that it was found to be the same as: the kept one, or in a connected cluster one on
    /// the way to it.
    pub matched_to: String,
    /// Cosine to that paper, in `[-1, 1]`.
    pub score: f32,
    /// Probability that they are the same, from 0 to 1.
    pub probability: f64,
    /// In which way they are the same.
    pub kind: String,
    /// Why, in words.
    pub reason: String,
    /// The application that dropped it.
    pub run: u64,
    /// When: RFC 3339, UTC.
    pub dropped: String,
}

impl Store {
    /// Drops papers, in one transaction: when this returns, it is on disk. Left out are drops of which a paper
    /// has gone or changed after the generation `judged`, or that a label forbids.
    ///
    /// # Errors
    /// [`EngineError::Store`] if SQLite fails, with nothing written.
    pub(crate) fn apply(
        &self,
        parameters: &str,
        judged: u64,
        drops: &[NewDrop],
    ) -> Result<Applied, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let stamp = Stamp::next(&transaction)?;
        transaction.execute(
            "INSERT INTO dedup_runs (applied, parameters) VALUES (?1, ?2)",
            [&stamp.now, parameters],
        )?;
        let run = transaction.last_insert_rowid().unsigned_abs();
        let mut dropped = Vec::new();
        for drop in drops {
            let Some(judged_ids) = judged_ids(&transaction, drop, (run, judged))? else { continue };
            if labels::forbid(&transaction, &judged_ids)? {
                continue;
            }
            transaction
                .prepare_cached("UPDATE papers SET deleted = 2, generation = ?2 WHERE row = ?1")?
                .execute(params![drop.row, stamp.generation])?;
            transaction
                .prepare_cached(
                    "INSERT INTO drops (run, row, kept, matched, score, probability, kind, reason) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    run,
                    drop.row,
                    drop.kept,
                    drop.matched,
                    drop.score,
                    drop.probability,
                    drop.kind,
                    drop.reason
                ])?;
            dropped.push(drop.row);
        }
        if dropped.is_empty() {
            return Ok(Applied::default());
        }
        set_generation(&transaction, stamp.generation)?;
        transaction.commit()?;
        Ok(Applied { run: Some(run), dropped })
    }

    /// Brings dropped papers back, each as it was; gives their number.
    ///
    /// # Errors
    /// [`EngineError::Store`] if SQLite fails, with nothing written.
    pub(crate) fn bring_back(&self, which: &[BringBack]) -> Result<usize, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let stamp = Stamp::next(&transaction)?;
        let mut n_back = 0;
        for which in which {
            n_back += bring_back(&transaction, &stamp, which)?;
        }
        if n_back > 0 {
            set_generation(&transaction, stamp.generation)?;
            transaction.commit()?;
        }
        Ok(n_back)
    }
}

/// Ends drops and stamps their papers as new, so that whatever is derived takes them in again.
pub(super) fn bring_back(
    transaction: &Transaction<'_>,
    stamp: &Stamp,
    which: &BringBack,
) -> Result<usize, EngineError> {
    let (column, value): (&str, &dyn ToSql) = match which {
        BringBack::Run(run) => ("run", run),
        BringBack::Row(row) => ("row", row),
        BringBack::DroppedFor(row) => ("kept", row),
    };
    let standing = format!("SELECT row FROM drops WHERE ended IS NULL AND {column} = ?1");
    let n_back = transaction
        .prepare_cached(&format!("UPDATE papers SET deleted = 0, generation = ?2 WHERE row IN ({standing})"))?
        .execute(params![value, stamp.generation])?;
    transaction
        .prepare_cached(&format!("UPDATE vectors SET generation = ?2 WHERE row IN ({standing})"))?
        .execute(params![value, stamp.generation])?;
    transaction
        .prepare_cached(&format!("UPDATE drops SET ended = ?2 WHERE ended IS NULL AND {column} = ?1"))?
        .execute(params![value, stamp.now])?;
    Ok(n_back)
}

/// The ids of the paper, the one that stays for it, and its match, if they are as they were judged: none has
/// changed after `judged`, and none has gone, but that the match may have been dropped by the same `run`.
fn judged_ids(
    transaction: &Transaction<'_>,
    drop: &NewDrop,
    (run, judged): (u64, u64),
) -> Result<Option<[String; 3]>, EngineError> {
    let ids = transaction
        .prepare_cached(
            "SELECT p.id, k.id, m.id FROM papers p, papers k, papers m \
             WHERE p.row = ?1 AND k.row = ?2 AND m.row = ?3 AND p.row NOT IN (k.row, m.row) \
             AND p.deleted = 0 AND k.deleted = 0 AND p.generation <= ?4 AND k.generation <= ?4 \
             AND (m.generation <= ?4 AND m.deleted = 0 \
             OR EXISTS (SELECT 1 FROM drops WHERE run = ?5 AND row = m.row))",
        )?
        .query_row(params![drop.row, drop.kept, drop.matched, judged, run], |r| {
            Ok([r.get(0)?, r.get(1)?, r.get(2)?])
        })
        .optional()?;
    Ok(ids)
}

const DROPPED_COLUMNS: &str = "p.id, p.title, p.source, k.id, k.title, m.id, d.score, d.probability, d.kind, \
     d.reason, d.run, r.applied FROM drops d JOIN dedup_runs r ON r.run = d.run JOIN papers p ON p.row = d.row JOIN papers k ON k.row = d.kept \
     JOIN papers m ON m.row = d.matched WHERE d.ended IS NULL";

fn dropped_of(row: &Row<'_>) -> rusqlite::Result<DroppedPaper> {
    Ok(DroppedPaper {
        id: row.get(0)?,
        title: row.get(1)?,
        source: row.get(2)?,
        kept: row.get(3)?,
        kept_title: row.get(4)?,
        matched_to: row.get(5)?,
        score: row.get(6)?,
        probability: row.get(7)?,
        kind: row.get(8)?,
        reason: row.get(9)?,
        run: row.get(10)?,
        dropped: row.get(11)?,
    })
}

impl Reader {
    /// Papers that are dropped at this moment.
    pub(crate) fn n_dropped(&self) -> Result<u64, EngineError> {
        Ok(self.query_row("SELECT count(*) FROM drops WHERE ended IS NULL", [], |r| r.get(0))?)
    }

    /// The papers that are dropped at this moment, in order of application and id.
    pub(crate) fn dropped(&self, offset: usize, limit: usize) -> Result<Vec<DroppedPaper>, EngineError> {
        let sql = format!("SELECT {DROPPED_COLUMNS} ORDER BY d.run, p.id LIMIT ?2 OFFSET ?1");
        let mut statement = self.prepare_cached(&sql)?;
        let dropped = statement.query_map([offset, limit], dropped_of)?.collect::<Result<_, _>>()?;
        Ok(dropped)
    }

    /// The papers that are dropped at this moment for the one of `row`, in order of id.
    pub(crate) fn dropped_for(&self, row: u32, limit: usize) -> Result<Vec<DroppedPaper>, EngineError> {
        let sql = format!("SELECT {DROPPED_COLUMNS} AND d.kept = ?1 ORDER BY p.id LIMIT ?2");
        let mut statement = self.prepare_cached(&sql)?;
        let dropped = statement.query_map(params![row, limit], dropped_of)?.collect::<Result<_, _>>()?;
        Ok(dropped)
    }

    /// The dropped paper of this id, with its row.
    pub(crate) fn dropped_paper(&self, id: &PaperId) -> Result<Option<(u32, DroppedPaper)>, EngineError> {
        let sql = format!("SELECT {DROPPED_COLUMNS} AND p.id = ?1");
        let Some(dropped) = self.prepare_cached(&sql)?.query_row([id.as_str()], dropped_of).optional()?
        else {
            return Ok(None);
        };
        let row = self.query_row("SELECT row FROM papers WHERE id = ?1", [id.as_str()], |r| r.get(0))?;
        Ok(Some((row, dropped)))
    }

    /// The first dropped paper, in order of id, that a person or a client may have meant.
    pub(crate) fn look_up_dropped(&self, lookup: &Lookup) -> Result<Option<DroppedPaper>, EngineError> {
        for id in &lookup.ids {
            if let Some((_, dropped)) = self.dropped_paper(id)? {
                return Ok(Some(dropped));
            }
        }
        let sql = format!(
            "SELECT {DROPPED_COLUMNS} AND d.row IN (SELECT row FROM identifiers WHERE kind = ?1 AND value = ?2) \
             ORDER BY p.id LIMIT 1"
        );
        for identifier in &lookup.identifiers {
            let found = self
                .prepare_cached(&sql)?
                .query_row([identifier.kind.name(), &identifier.value], dropped_of)
                .optional()?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Every application, the latest first.
    pub(crate) fn drop_runs(&self) -> Result<Vec<DropRun>, EngineError> {
        let mut statement = self.prepare_cached(
            "SELECT r.run, r.applied, r.parameters, count(*), count(*) FILTER (WHERE d.ended IS NULL) \
             FROM dedup_runs r JOIN drops d ON d.run = r.run GROUP BY r.run ORDER BY r.run DESC",
        )?;
        let runs = statement
            .query_map([], |r| {
                Ok(DropRun {
                    run: r.get(0)?,
                    applied: r.get(1)?,
                    parameters: r.get(2)?,
                    n_dropped: r.get(3)?,
                    n_standing: r.get(4)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(runs)
    }
}
