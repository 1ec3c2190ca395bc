//! What changed since a generation: all that a derived index asks the store.

use cognate_vector::UnitVector;
use jiff::civil::Date;
use rusqlite::{OptionalExtension, Row, ToSql};

use super::StoredPaper;
use super::checksum::{is_corrupt, is_sound as is_sound_row};
use super::read::{PAPER_COLUMNS, Reader, date_column, day_of_column, generation, json_column, paper_of};
use crate::error::EngineError;

/// What changed after some generation, up to another.
#[derive(Debug)]
pub(crate) struct Changes<T> {
    /// The generation up to which they are: the store's latest, unless there are very many.
    pub(crate) generation: u64,
    /// Rows that are new or changed, with what was asked for of each.
    pub(crate) upserts: Vec<(u32, T)>,
    /// Rows deleted, dropped, or without what was asked for.
    pub(crate) deletes: Vec<u32>,
}

/// What filters and facets are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) year: Option<i16>,
    pub(crate) publication_date: Option<Date>,
    pub(crate) has_abstract: bool,
    pub(crate) venue: Option<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) authors: Vec<String>,
    /// The day, in UTC, on which the paper was first indexed.
    pub(crate) first_indexed: Date,
    pub(crate) upvotes: Option<i64>,
}

/// The vectors of papers that are not dropped: a dropped paper keeps its own, to come back with.
const NOT_DROPPED: &str = "row NOT IN (SELECT row FROM drops WHERE ended IS NULL)";

/// Papers that are in no ranking: deleted, dropped, or with neither title nor abstract.
const WITHOUT_TEXT: &str = "(deleted != 0 OR (title IS NULL AND abstract IS NULL))";

/// A table whose rows are stamped, and how one of them is read.
struct Stamped<T> {
    table: &'static str,
    columns: &'static str,
    condition: &'static str,
    /// Which rows of `papers` have gone from it.
    gone: &'static str,
    read: fn(&Row<'_>) -> Result<T, EngineError>,
}

/// Every function here gives changes up to a generation with which they are not many more than `about`
/// upserts; what is later is asked for with that generation.
impl Reader {
    /// The vectors that are new or of a new text.
    pub(crate) fn vectors_since(&self, since: u64, about: usize) -> Result<Changes<UnitVector>, EngineError> {
        let read = |row: &Row<'_>| {
            let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let row = row.get(0)?;
            UnitVector::from_f16_le_bytes(bytes).map_err(|source| EngineError::DamagedVector { row, source })
        };
        let vectors = Stamped {
            table: "vectors",
            columns: "row, vector",
            condition: NOT_DROPPED,
            gone: WITHOUT_TEXT,
            read,
        };
        changes_since(self, &vectors, since, about)
    }

    /// The attributes of papers that are new or changed in anything.
    pub(crate) fn attributes_since(
        &self,
        since: u64,
        about: usize,
    ) -> Result<Changes<Attributes>, EngineError> {
        let read = |row: &Row<'_>| {
            Ok(Attributes {
                year: row.get(1)?,
                publication_date: date_column(row, 2)?,
                has_abstract: row.get(3)?,
                venue: row.get(4)?,
                categories: json_column(row, 5)?,
                authors: json_column(row, 6)?,
                first_indexed: day_of_column(row, 7)?,
                upvotes: row.get(8)?,
            })
        };
        let columns = "row, year, publication_date, abstract IS NOT NULL, venue, categories, authors, \
                       first_indexed, upvotes";
        let papers =
            Stamped { table: "papers", columns, condition: "deleted = 0", gone: "deleted != 0", read };
        changes_since(self, &papers, since, about)
    }

    /// The papers with a text that are new or changed in anything.
    pub(crate) fn papers_since(&self, since: u64, about: usize) -> Result<Changes<StoredPaper>, EngineError> {
        let papers = Stamped {
            table: "papers",
            columns: PAPER_COLUMNS,
            condition: "deleted = 0 AND (title IS NOT NULL OR abstract IS NOT NULL)",
            gone: WITHOUT_TEXT,
            read: paper_of,
        };
        changes_since(self, &papers, since, about)
    }
}

fn changes_since<T>(
    reader: &Reader,
    of: &Stamped<T>,
    since: u64,
    about: usize,
) -> Result<Changes<T>, EngineError> {
    let Stamped { table, gone, .. } = of;
    // Within the transaction of the caller, who asks for more than this of the same moment, or in one of its own.
    let _transaction = reader.is_autocommit().then(|| reader.unchecked_transaction()).transpose()?;
    let until: Option<u64> = reader
        .prepare_cached(&format!(
            "SELECT generation FROM {table} WHERE generation > ?1 ORDER BY generation LIMIT 1 OFFSET ?2"
        ))?
        .query_row((since, about), |row| row.get(0))
        .optional()?;
    let until = until.map_or_else(|| generation(reader), Ok)?;
    let upserts = match upserts(reader, of, ("generation > ?1 AND generation <= ?2", &[&since, &until])) {
        Err(EngineError::Store(error)) if is_corrupt(&error) => readable_upserts(reader, of, (since, until))?,
        read => read?,
    };
    let deletes = reader
        .prepare_cached(&format!(
            "SELECT row FROM papers WHERE generation > ?1 AND generation <= ?2 AND {gone} ORDER BY row"
        ))?
        .query_map([since, until], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(Changes { generation: until, upserts, deletes })
}

/// The rows that fulfil a condition, but for damaged ones, which are set aside.
fn upserts<T>(
    reader: &Reader,
    of: &Stamped<T>,
    (which, parameters): (&str, &[&dyn ToSql]),
) -> Result<Vec<(u32, T)>, EngineError> {
    let Stamped { table, columns, condition, read, .. } = of;
    let is_sound = reader.is_sound(table);
    let mut statement = reader.prepare_cached(&format!(
        "SELECT {columns}, {is_sound} FROM {table} WHERE {which} AND {condition} ORDER BY generation"
    ))?;
    let mut rows = statement.query(parameters)?;
    let mut upserts = Vec::new();
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        if is_sound_row(row)? {
            upserts.push((number, read(row)?));
        } else {
            reader.set_aside(number);
        }
    }
    Ok(upserts)
}

/// The same where SQLite cannot read all of them: their numbers from the index, and then one by one.
fn readable_upserts<T>(
    reader: &Reader,
    of: &Stamped<T>,
    (since, until): (u64, u64),
) -> Result<Vec<(u32, T)>, EngineError> {
    let numbers: Vec<u32> = reader
        .prepare(&format!("SELECT row FROM {} WHERE generation > ?1 AND generation <= ?2", of.table))?
        .query_map([since, until], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut readable = Vec::with_capacity(numbers.len());
    for number in numbers {
        match upserts(reader, of, ("row = ?1", &[&number])) {
            Err(EngineError::Store(error)) if is_corrupt(&error) => reader.set_aside(number),
            read => readable.extend(read?),
        }
    }
    Ok(readable)
}
