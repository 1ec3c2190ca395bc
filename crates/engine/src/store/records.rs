//! What each source said: the rows of `records`, and the sources and files that they name.
//!
//! A paper with a single record keeps its fields once, in `papers`; `fields` of the record is null then.

use std::collections::HashMap;

use cognate_corpus::{Paper, PaperId};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use sha2::{Digest, Sha256};

use super::DELETED;
use super::read::{PAPER_COLUMNS, paper_of};
use super::write::json;
use crate::error::EngineError;

/// Bytes of a record's hash: half of a SHA-256.
pub(super) const HASH_BYTES: usize = 16;

/// By what a record is known among others: everything that it says, as JSON.
pub(super) fn hash_of(json: &[u8]) -> [u8; HASH_BYTES] {
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(&Sha256::digest(json)[..HASH_BYTES]);
    hash
}

/// Who says a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SourceName {
    /// The name given, or the path of a file.
    pub(crate) name: String,
    /// Whether it is the path of a file.
    pub(crate) is_file: bool,
}

/// A row of `records`, without what it says.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) record: i64,
    pub(super) row: u32,
    /// Records of a paper are composed in this order.
    pub(super) rank: i64,
    pub(super) source: i64,
    pub(super) file: i64,
    pub(super) line: u64,
    /// What names it; null where that is the id of its paper.
    pub(super) id: Option<String>,
    pub(super) hash: Vec<u8>,
}

const HELD_COLUMNS: &str = "record, row, rank, source, file, line, id, hash";

fn held_of(row: &Row<'_>) -> Result<Held, rusqlite::Error> {
    Ok(Held {
        record: row.get(0)?,
        row: row.get(1)?,
        rank: row.get(2)?,
        source: row.get(3)?,
        file: row.get(4)?,
        line: row.get(5)?,
        id: row.get(6)?,
        hash: row.get(7)?,
    })
}

/// `condition` may say in which order they come, and how many.
fn held_where(
    connection: &Connection,
    condition: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Held>, EngineError> {
    let sql = format!("SELECT {HELD_COLUMNS} FROM records WHERE {condition}");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_map(params, held_of)?.collect::<Result<_, _>>()?)
}

/// The first two records after number `after` of a source that say exactly the same: a file may repeat one without end.
pub(super) fn by_hash(
    connection: &Connection,
    (source, hash): (i64, &[u8; HASH_BYTES]),
    after: i64,
) -> Result<Vec<Held>, EngineError> {
    let condition = "hash = ?1 AND source = ?2 AND record > ?3 ORDER BY record LIMIT 2";
    held_where(connection, condition, params![hash.as_slice(), source, after])
}

/// The records of a source that have a key, some dozen of them: what more have is no key.
pub(super) fn by_key(connection: &Connection, source: i64, key: &str) -> Result<Vec<Held>, EngineError> {
    held_where(connection, "source = ?1 AND key = ?2 ORDER BY record LIMIT 64", params![source, key])
}

/// The records of a source that a paper has, some dozen of them.
pub(super) fn of_row_and_source(
    connection: &Connection,
    row: u32,
    source: i64,
) -> Result<Vec<Held>, EngineError> {
    held_where(connection, "row = ?1 AND source = ?2 ORDER BY rank, record LIMIT 64", params![row, source])
}

/// The first and the last of a paper's records, in the order in which it is composed of them; `None` if it has none.
pub(super) fn ends(connection: &Connection, row: u32) -> Result<Option<(Held, Held)>, EngineError> {
    let first = held_where(connection, "row = ?1 ORDER BY rank, record LIMIT 1", [row])?.pop();
    let last = held_where(connection, "row = ?1 ORDER BY rank DESC, record DESC LIMIT 1", [row])?.pop();
    Ok(first.zip(last))
}

/// The first record that an id names other than by its paper's id.
pub(super) fn by_id(connection: &Connection, id: &PaperId) -> Result<Vec<Held>, EngineError> {
    held_where(connection, "id = ?1 ORDER BY record LIMIT 1", params![id.as_str()])
}

/// The papers of which a record has this id, in their order, some dozen.
pub(super) fn rows_of_id(connection: &Connection, id: &PaperId) -> Result<Vec<u32>, EngineError> {
    let held = held_where(connection, "id = ?1 ORDER BY record LIMIT 64", params![id.as_str()])?;
    let mut rows: Vec<u32> = Vec::new();
    for Held { row, .. } in held {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The records of a paper, in the order in which it is composed of them.
pub(super) fn of_row(connection: &Connection, row: u32) -> Result<Vec<Held>, EngineError> {
    held_where(connection, "row = ?1 ORDER BY rank, record", [row])
}

/// The first of them, some dozen.
pub(super) fn first_of_row(connection: &Connection, row: u32) -> Result<Vec<Held>, EngineError> {
    held_where(connection, "row = ?1 ORDER BY rank, record LIMIT 64", [row])
}

/// All records of a source, by number and row.
pub(super) fn of_source(connection: &Connection, source: i64) -> Result<Vec<(i64, u32)>, EngineError> {
    let mut statement =
        connection.prepare_cached("SELECT record, row FROM records WHERE source = ?1 ORDER BY record")?;
    Ok(statement.query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// Forgets a record.
pub(super) fn delete(transaction: &Transaction<'_>, record: i64) -> Result<(), EngineError> {
    transaction.prepare_cached("DELETE FROM records WHERE record = ?1")?.execute([record])?;
    Ok(())
}

/// Whether a record of a paper is named by the paper's id.
pub(super) fn has_own_id(connection: &Connection, row: u32) -> Result<bool, EngineError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM records WHERE row = ?1 AND id IS NULL)";
    Ok(connection.prepare_cached(sql)?.query_row([row], |row| row.get(0))?)
}

/// What a record says; `None` where it is the only one of its paper, which has its fields then.
pub(super) fn fields(connection: &Connection, record: i64) -> Result<Option<Paper>, EngineError> {
    let json: Option<String> = connection
        .prepare_cached("SELECT fields FROM records WHERE record = ?1")?
        .query_row([record], |row| row.get(0))?;
    json.map(|json| serde_json::from_str(&json)).transpose().map_err(|source| EngineError::DamagedRow {
        place: format!("column `fields` of records {record}"),
        source,
    })
}

/// A record on its way in.
pub(super) struct NewRecord<'a> {
    pub(super) row: u32,
    pub(super) rank: i64,
    pub(super) source: i64,
    pub(super) file: i64,
    pub(super) line: u64,
    pub(super) key: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) hash: &'a [u8; HASH_BYTES],
    pub(super) fields: Option<&'a Paper>,
}

/// Adds a record, and gives its number.
pub(super) fn insert(transaction: &Transaction<'_>, record: &NewRecord<'_>) -> Result<i64, EngineError> {
    transaction
        .prepare_cached(
            "INSERT INTO records (row, rank, source, file, line, key, id, hash, fields) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            record.row,
            record.rank,
            record.source,
            record.file,
            record.line,
            record.key,
            record.id,
            record.hash.as_slice(),
            record.fields.map(|paper| json(paper, paper)).transpose()?,
        ])?;
    Ok(transaction.last_insert_rowid())
}

/// Puts a newer form of a record in the place of `number`.
pub(super) fn replace(
    transaction: &Transaction<'_>,
    number: i64,
    record: &NewRecord<'_>,
) -> Result<(), EngineError> {
    transaction
        .prepare_cached(
            "UPDATE records SET row = ?2, rank = ?3, file = ?4, line = ?5, key = ?6, id = ?7, hash = ?8, fields = ?9 \
             WHERE record = ?1",
        )?
        .execute(params![
            number,
            record.row,
            record.rank,
            record.file,
            record.line,
            record.key,
            record.id,
            record.hash.as_slice(),
            record.fields.map(|paper| json(paper, paper)).transpose()?,
        ])?;
    Ok(())
}

/// Keeps what a record says with it, where the paper alone kept it.
pub(super) fn keep_fields(
    transaction: &Transaction<'_>,
    record: i64,
    paper: &Paper,
) -> Result<(), EngineError> {
    transaction
        .prepare_cached("UPDATE records SET fields = ?2 WHERE record = ?1 AND fields IS NULL")?
        .execute(params![record, json(paper, paper)?])?;
    Ok(())
}

/// Notes where a record stands now.
pub(super) fn set_place(
    transaction: &Transaction<'_>,
    record: i64,
    (file, line): (i64, u64),
) -> Result<(), EngineError> {
    transaction
        .prepare_cached("UPDATE records SET file = ?2, line = ?3 WHERE record = ?1")?
        .execute(params![record, file, line])?;
    Ok(())
}

/// Forgets all records of a paper.
pub(super) fn delete_of_row(transaction: &Transaction<'_>, row: u32) -> Result<(), EngineError> {
    transaction.prepare_cached("DELETE FROM records WHERE row = ?1")?.execute([row])?;
    Ok(())
}

/// The paper of a row that is not deleted, dropped or not.
pub(super) fn paper(connection: &Connection, row: u32) -> Result<Option<Paper>, EngineError> {
    let sql = format!("SELECT {PAPER_COLUMNS} FROM papers WHERE row = ?1 AND deleted != {DELETED}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([row])?;
    rows.next()?.map(|row| Ok(paper_of(row)?.paper)).transpose()
}

/// The id of the paper of a row.
pub(super) fn id_of_row(connection: &Connection, row: u32) -> Result<Option<PaperId>, EngineError> {
    let id: Option<String> = connection
        .prepare_cached("SELECT id FROM papers WHERE row = ?1")?
        .query_row([row], |row| row.get(0))
        .optional()?;
    id.map(|id| PaperId::new(&*id).map_err(|source| EngineError::DamagedId { id, source })).transpose()
}

/// The row and the state of the paper with an id, deleted or not.
pub(super) fn row_of(connection: &Connection, id: &str) -> Result<Option<(u32, u8)>, EngineError> {
    Ok(connection
        .prepare_cached("SELECT row, deleted FROM papers WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// The file and line of a record.
pub(super) fn place(connection: &Connection, held: &Held) -> Result<(String, u64), EngineError> {
    let file = connection
        .prepare_cached("SELECT name FROM files WHERE file = ?1")?
        .query_row([held.file], |row| row.get(0))?;
    Ok((file, held.line))
}

/// Whether there may be papers without a record: those of a store before version 3.
pub(super) fn has_papers_without(connection: &Connection) -> Result<bool, EngineError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM meta WHERE key = 'has_papers_without_records')";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// The numbers of sources and files, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    sources: HashMap<SourceName, i64>,
    files: HashMap<String, i64>,
}

impl Numbers {
    /// The number of a source that is there.
    pub(super) fn source(
        &mut self,
        connection: &Connection,
        source: &SourceName,
    ) -> Result<Option<i64>, EngineError> {
        if let Some(number) = self.sources.get(source) {
            return Ok(Some(*number));
        }
        let number: Option<i64> = connection
            .prepare_cached("SELECT source FROM sources WHERE name = ?1 AND is_file = ?2")?
            .query_row(params![source.name, source.is_file], |row| row.get(0))
            .optional()?;
        if let Some(number) = number {
            self.sources.insert(source.clone(), number);
        }
        Ok(number)
    }

    /// The number of a source, which is added where it is not there. Not kept, since the transaction may fail.
    pub(super) fn add_source(
        &mut self,
        transaction: &Transaction<'_>,
        source: &SourceName,
    ) -> Result<i64, EngineError> {
        if let Some(number) = self.source(transaction, source)? {
            return Ok(number);
        }
        transaction
            .prepare_cached("INSERT INTO sources (name, is_file) VALUES (?1, ?2)")?
            .execute(params![source.name, source.is_file])?;
        Ok(transaction.last_insert_rowid())
    }

    /// The number of a file, which is added where it is not there.
    pub(super) fn add_file(&mut self, transaction: &Transaction<'_>, name: &str) -> Result<i64, EngineError> {
        if let Some(number) = self.files.get(name) {
            return Ok(*number);
        }
        let found: Option<i64> = transaction
            .prepare_cached("SELECT file FROM files WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            self.files.insert(name.to_owned(), number);
            return Ok(number);
        }
        transaction.prepare_cached("INSERT INTO files (name) VALUES (?1)")?.execute([name])?;
        Ok(transaction.last_insert_rowid())
    }
}
