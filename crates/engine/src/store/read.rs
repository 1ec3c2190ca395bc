//! Reading the store.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use cognate_corpus::identifier::Lookup;
use cognate_corpus::{Paper, PaperId, PublicationKind};
use cognate_vector::UnitVector;
use roaring::RoaringBitmap;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::de::DeserializeOwned;

use super::checksum::Soundness;
use super::write::json;
use super::{Readers, checksum, model, records};
use crate::error::EngineError;
use crate::stored_model::StoredModel;

/// A paper as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPaper {
    /// Its number in this store, which derived indexes use in place of the id.
    pub row: u32,
    /// When this id was first indexed: RFC 3339, UTC.
    pub first_indexed: String,
    /// The paper.
    pub paper: Paper,
}

/// A read connection, which goes back to the store's others when it is dropped.
pub(crate) struct Reader {
    readers: Arc<Readers>,
    connection: Option<Connection>,
}

impl Reader {
    pub(super) fn new(readers: Arc<Readers>, connection: Connection) -> Self {
        Self { readers, connection: Some(connection) }
    }
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("the connection is taken only in drop")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.give_back(connection);
        }
    }
}

pub(super) const PAPER_COLUMNS: &str = "row, first_indexed, id, title, abstract, authors, year, publication_date, venue, \
     categories, external_ids, url, source, upvotes, extra, editors, kind, volume, issue, pages, publisher, issn, isbn, \
     language";

impl Reader {
    /// The generation of the last commit; 0 for a store that was never written.
    pub(crate) fn generation(&self) -> Result<u64, EngineError> {
        generation(self)
    }

    /// The model that made the vectors; `None` before the first paper.
    pub(crate) fn model(&self) -> Result<Option<StoredModel>, EngineError> {
        model::load(self, "model")
    }

    /// Papers that are neither deleted nor dropped, as are all that the functions below give.
    pub(crate) fn n_papers(&self) -> Result<u64, EngineError> {
        let n: i64 = self.query_row("SELECT count(*) FROM papers WHERE deleted = 0", [], |r| r.get(0))?;
        Ok(n.unsigned_abs())
    }

    /// The citation keys that records of papers gave.
    pub(crate) fn citation_keys(&self) -> Result<Vec<String>, EngineError> {
        // A damaged row is told where it is read.
        let sql = "SELECT json_extract(extra, '$.citation_key') FROM papers WHERE deleted = 0 \
                   AND instr(extra, '\"citation_key\"') > 0 AND json_valid(extra)";
        let mut statement = self.prepare_cached(sql)?;
        let mut keys = Vec::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Ok(key) = row.get_ref(0)?.as_str() {
                keys.push(key.to_owned());
            }
        }
        Ok(keys)
    }

    /// Papers that have a vector: dropped ones too.
    pub(crate) fn n_vectors(&self) -> Result<u64, EngineError> {
        Ok(self.query_row("SELECT count(*) FROM vectors", [], |r| r.get(0))?)
    }

    /// Rows that are new, changed, deleted, dropped or brought back after this generation.
    pub(crate) fn rows_since(&self, since: u64) -> Result<RoaringBitmap, EngineError> {
        let mut statement = self.prepare_cached("SELECT row FROM papers WHERE generation > ?1")?;
        let rows = statement.query_map([since], |r| r.get::<_, u32>(0))?.collect::<Result<_, _>>()?;
        Ok(rows)
    }

    /// The papers of `rows`, by row.
    pub(crate) fn papers(&self, rows: &[u32]) -> Result<HashMap<u32, StoredPaper>, EngineError> {
        self.papers_where("deleted = 0", rows)
    }

    fn papers_where(&self, condition: &str, rows: &[u32]) -> Result<HashMap<u32, StoredPaper>, EngineError> {
        match self.papers_at_once(condition, rows) {
            Err(EngineError::Store(error)) if checksum::is_corrupt(&error) && rows.len() > 1 => {
                // One by one, to lose no more than the rows that cannot be read.
                let mut papers = HashMap::with_capacity(rows.len());
                for row in rows {
                    papers.extend(self.papers_where(condition, &[*row])?);
                }
                Ok(papers)
            }
            Err(EngineError::Store(error)) if checksum::is_corrupt(&error) => {
                rows.iter().for_each(|row| self.set_aside(*row));
                Ok(HashMap::new())
            }
            read => read,
        }
    }

    fn papers_at_once(
        &self,
        condition: &str,
        rows: &[u32],
    ) -> Result<HashMap<u32, StoredPaper>, EngineError> {
        let mut papers = HashMap::with_capacity(rows.len());
        let condition = format!("{condition} AND row IN (SELECT value FROM json_each(?1))");
        self.sound_papers(&condition, [json_list(rows)], &mut |paper| {
            papers.insert(paper.row, paper);
            Ok::<(), EngineError>(())
        })?;
        Ok(papers)
    }

    /// Calls `visit` with the papers that fulfil a condition, but for damaged ones, which are set aside.
    fn sound_papers<E: From<EngineError>>(
        &self,
        condition: &str,
        parameters: impl rusqlite::Params,
        visit: &mut dyn FnMut(StoredPaper) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_sound = self.is_sound("papers");
        let sql = format!("SELECT {PAPER_COLUMNS}, {is_sound} FROM papers WHERE {condition}");
        let mut statement = self.prepare_cached(&sql).map_err(EngineError::from)?;
        let mut found = statement.query(parameters).map_err(EngineError::from)?;
        while let Some(row) = found.next().map_err(EngineError::from)? {
            if checksum::is_sound(row).map_err(EngineError::from)? {
                visit(paper_of(row)?)?;
            } else {
                self.set_aside(row.get(0).map_err(EngineError::from)?);
            }
        }
        Ok(())
    }

    /// Whether a row of a table is as it was written, in SQL.
    pub(super) fn is_sound(&self, table: &str) -> &str {
        self.readers.soundness.of_table(table)
    }

    /// Tells of a damaged row, once in a process.
    pub(super) fn set_aside(&self, row: u32) {
        if super::lock(&self.readers.told).insert(row) {
            // From the index, where its id is twice.
            let id = indexed_id(self, row).ok().flatten();
            let id = id.map_or_else(|| format!("of row {row}"), |id| format!("`{id}`"));
            tracing::error!("the paper {id} is damaged in the store and left out; index its file again");
        }
    }

    /// The ids of `rows`, by row.
    pub(crate) fn ids(&self, rows: &[u32]) -> Result<HashMap<u32, String>, EngineError> {
        self.ids_where("deleted = 0", rows)
    }

    /// The ids of `rows`, by row, also of those that are deleted or dropped.
    pub(crate) fn ids_ever(&self, rows: &[u32]) -> Result<HashMap<u32, String>, EngineError> {
        self.ids_where("TRUE", rows)
    }

    fn ids_where(&self, condition: &str, rows: &[u32]) -> Result<HashMap<u32, String>, EngineError> {
        let mut statement = self.prepare_cached(&format!(
            "SELECT row, id FROM papers WHERE {condition} AND row IN (SELECT value FROM json_each(?1))",
        ))?;
        let ids = statement
            .query_map([json_list(rows)], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(ids)
    }

    /// Whether any of `rows` was changed, deleted or dropped after a generation.
    pub(crate) fn any_changed_since(&self, since: u64, rows: &[u32]) -> Result<bool, EngineError> {
        let mut statement = self.prepare_cached(
            "SELECT 1 FROM papers WHERE generation > ?1 AND row IN (SELECT value FROM json_each(?2))",
        )?;
        Ok(statement.exists((since, json_list(rows)))?)
    }

    /// The first category of every paper that has one, by row.
    pub(crate) fn first_categories(&self) -> Result<HashMap<u32, String>, EngineError> {
        let mut statement = self.prepare_cached(
            "SELECT row, json_extract(categories, '$[0]') FROM papers \
             WHERE deleted = 0 AND categories != '[]'",
        )?;
        let categories =
            statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(categories)
    }

    /// As [`ids`](Self::ids), proven.
    pub(crate) fn paper_ids(&self, rows: &[u32]) -> Result<HashMap<u32, PaperId>, EngineError> {
        let proven = self.ids(rows)?.into_iter().map(|(row, id)| {
            let id = PaperId::new(id.as_str()).map_err(|source| EngineError::DamagedId { id, source })?;
            Ok((row, id))
        });
        proven.collect()
    }

    /// The rows of those of `ids` that are there, by id.
    pub(crate) fn rows_of<'a>(
        &self,
        ids: impl Iterator<Item = &'a str>,
    ) -> Result<HashMap<String, u32>, EngineError> {
        let mut statement = self.prepare_cached("SELECT row FROM papers WHERE deleted = 0 AND id = ?1")?;
        let mut rows = HashMap::new();
        for id in ids {
            if let Some(row) = statement.query_row([id], |row| row.get(0)).optional()? {
                rows.insert(id.to_owned(), row);
            }
        }
        Ok(rows)
    }

    /// The papers that a person or a client may have meant, in order of id: the one of exactly this
    /// id, else all that carry one of the identifiers.
    pub(crate) fn look_up(&self, lookup: &Lookup) -> Result<Vec<StoredPaper>, EngineError> {
        for id in &lookup.ids {
            let mut found = Vec::new();
            self.sound_papers("deleted = 0 AND id = ?1", [id.as_str()], &mut |paper| {
                found.push(paper);
                Ok::<(), EngineError>(())
            })?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let mut papers: Vec<StoredPaper> = Vec::new();
        for identifier in &lookup.identifiers {
            let carry = "deleted = 0 AND row IN (SELECT row FROM identifiers WHERE kind = ?1 AND value = ?2)";
            self.sound_papers(carry, [identifier.kind.name(), &identifier.value], &mut |paper| {
                papers.push(paper);
                Ok::<(), EngineError>(())
            })?;
        }
        papers.sort_by(|a, b| a.paper.id.cmp(&b.paper.id));
        papers.dedup_by_key(|stored| stored.row);
        Ok(papers)
    }

    /// The papers of which exactly this record is stored, in order of row; at most 8.
    pub(crate) fn with_record(&self, record: &Paper) -> Result<Vec<StoredPaper>, EngineError> {
        let hash = records::hash_of(json(record, record)?.as_bytes());
        let sql = format!(
            "SELECT {PAPER_COLUMNS} FROM papers WHERE deleted = 0 \
             AND row IN (SELECT row FROM records WHERE hash = ?1) ORDER BY row LIMIT 8"
        );
        let mut statement = self.prepare_cached(&sql)?;
        let mut rows = statement.query([hash.as_slice()])?;
        let mut papers = Vec::new();
        while let Some(row) = rows.next()? {
            papers.push(paper_of(row)?);
        }
        Ok(papers)
    }

    /// The vector of `row`; `None` if there is none.
    pub(crate) fn vector(&self, row: u32) -> Result<Option<UnitVector>, EngineError> {
        let sql = format!("SELECT vector FROM vectors WHERE row = ?1 AND {}", self.is_sound("vectors"));
        let bytes: Option<Vec<u8>> = self.prepare_cached(&sql)?.query_row([row], |r| r.get(0)).optional()?;
        bytes
            .map(|bytes| UnitVector::from_f16_le_bytes(&bytes))
            .transpose()
            .map_err(|source| EngineError::DamagedVector { row, source })
    }

    /// Up to `limit` papers of rows after `row`, in order of row.
    pub(crate) fn papers_after(&self, row: u32, limit: usize) -> Result<Vec<StoredPaper>, EngineError> {
        let sql = format!(
            "SELECT {PAPER_COLUMNS} FROM papers WHERE deleted = 0 AND row > ?1 ORDER BY row LIMIT ?2"
        );
        let mut statement = self.prepare_cached(&sql)?;
        let mut rows = statement.query((row, limit))?;
        let mut papers = Vec::new();
        while let Some(row) = rows.next()? {
            papers.push(paper_of(row)?);
        }
        Ok(papers)
    }

    /// Calls `visit` with every paper, in order of row.
    pub(crate) fn for_each_paper<E: From<EngineError>>(
        &self,
        visit: &mut dyn FnMut(StoredPaper) -> Result<(), E>,
    ) -> Result<(), E> {
        self.sound_papers("deleted = 0 ORDER BY row", [], visit)
    }
}

/// Papers whose new vector is missing, or of an earlier text. Dropped papers get one too, to come back with; those
/// without a text have none.
const WANTS_NEXT_VECTOR: &str = "papers p LEFT JOIN vectors_next n ON n.row = p.row AND n.text_hash = p.text_hash \
     WHERE p.deleted != 1 AND n.row IS NULL AND (p.title IS NOT NULL OR p.abstract IS NOT NULL)";

impl Reader {
    /// Up to `limit` papers after a row that lack a new vector, in order of row.
    pub(crate) fn papers_to_reembed(
        &self,
        after: u32,
        limit: usize,
    ) -> Result<Vec<StoredPaper>, EngineError> {
        let sql = format!("SELECT p.row FROM {WANTS_NEXT_VECTOR} AND p.row > ?1 ORDER BY p.row LIMIT ?2");
        let rows: Vec<u32> =
            self.prepare_cached(&sql)?.query_map((after, limit), |r| r.get(0))?.collect::<Result<_, _>>()?;
        let mut papers: Vec<StoredPaper> = self.papers_where("deleted != 1", &rows)?.into_values().collect();
        papers.sort_by_key(|stored| stored.row);
        Ok(papers)
    }

    /// How many papers lack a new vector.
    pub(crate) fn n_to_reembed(&self) -> Result<u64, EngineError> {
        n_to_reembed(self)
    }
}

/// Papers that lack a new vector.
pub(super) fn n_to_reembed(connection: &Connection) -> Result<u64, EngineError> {
    let n: i64 =
        connection.query_row(&format!("SELECT count(*) FROM {WANTS_NEXT_VECTOR}"), [], |r| r.get(0))?;
    Ok(n.unsigned_abs())
}

/// The generation of the last commit that `connection` sees.
pub(super) fn generation(connection: &Connection) -> Result<u64, EngineError> {
    let generation = connection
        .prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'")?
        .query_row([], |r| r.get(0))?;
    Ok(generation)
}

/// Whether the paper of a row, its vector, its identifiers or its records are not as they were written.
pub(super) fn is_damaged(
    connection: &Connection,
    soundness: &Soundness,
    row: u32,
) -> Result<bool, EngineError> {
    let [paper, vector, identifier, record] =
        ["papers", "vectors", "identifiers", "records"].map(|table| soundness.of_table(table));
    let sql = format!(
        "SELECT NOT ({paper}) \
         OR (deleted != 1 AND (title IS NOT NULL OR abstract IS NOT NULL) \
             AND NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.row = papers.row AND ({vector}))) \
         OR EXISTS (SELECT 1 FROM identifiers WHERE identifiers.row = papers.row AND NOT ({identifier})) \
         OR EXISTS (SELECT 1 FROM records WHERE records.row = papers.row AND NOT ({record})) \
         FROM papers WHERE row = ?1"
    );
    let found = connection.prepare_cached(&sql)?.query_row([row], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(false))
}

/// The id of a row as the index has it, beside the row itself.
pub(super) fn indexed_id(connection: &Connection, row: u32) -> Result<Option<String>, EngineError> {
    let sql = "SELECT id FROM papers INDEXED BY sqlite_autoindex_papers_1 WHERE row = ?1";
    Ok(connection.query_row(sql, [row], |r| r.get(0)).optional()?)
}

fn json_list(rows: &[u32]) -> String {
    let numbers: Vec<String> = rows.iter().map(u32::to_string).collect();
    format!("[{}]", numbers.join(","))
}

/// Reads a row of [`PAPER_COLUMNS`].
pub(super) fn paper_of(row: &Row<'_>) -> Result<StoredPaper, EngineError> {
    let number: u32 = row.get(0)?;
    let id: String = row.get(2)?;
    let damaged_id = id.clone();
    Ok(StoredPaper {
        row: number,
        first_indexed: row.get(1)?,
        paper: Paper {
            id: PaperId::new(id).map_err(|source| EngineError::DamagedId { id: damaged_id, source })?,
            title: row.get(3)?,
            abstract_text: row.get(4)?,
            authors: json_column(row, 5)?,
            year: row.get(6)?,
            publication_date: date_column(row, 7)?,
            venue: row.get(8)?,
            categories: json_column(row, 9)?,
            external_ids: json_column(row, 10)?,
            url: row.get(11)?,
            source: row.get(12)?,
            upvotes: row.get(13)?,
            extra: json_column(row, 14)?,
            editors: json_column(row, 15)?,
            kind: kind_column(row, 16)?,
            volume: row.get(17)?,
            issue: row.get(18)?,
            pages: row.get(19)?,
            publisher: row.get(20)?,
            issn: json_column(row, 21)?,
            isbn: json_column(row, 22)?,
            language: row.get(23)?,
        },
    })
}

pub(super) fn json_column<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, EngineError> {
    let json = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    serde_json::from_str(json).map_err(|source| damaged(row, column, source))
}

pub(super) fn date_column(row: &Row<'_>, column: usize) -> Result<Option<jiff::civil::Date>, EngineError> {
    let Some(text) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    text.parse().map(Some).map_err(|source| damaged(row, column, serde::de::Error::custom(source)))
}

fn kind_column(row: &Row<'_>, column: usize) -> Result<Option<PublicationKind>, EngineError> {
    let Some(name) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    name.parse().map(Some).map_err(|source| damaged(row, column, serde::de::Error::custom(source)))
}

/// The day of a point in time: the date that RFC 3339 begins with.
pub(super) fn day_of_column(row: &Row<'_>, column: usize) -> Result<jiff::civil::Date, EngineError> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    let day = text.split('T').next().unwrap_or_default();
    day.parse().map_err(|source| damaged(row, column, serde::de::Error::custom(source)))
}

fn damaged(row: &Row<'_>, column: usize, source: serde_json::Error) -> EngineError {
    let name = row.as_ref().column_name(column).unwrap_or("?").to_owned();
    let number = row.get::<_, i64>(0).unwrap_or(-1);
    EngineError::DamagedRow { place: format!("column `{name}` of papers row {number}"), source }
}
