//! What changed since a generation: all that a derived index asks the store.

use cognate_vector::UnitVector;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row};

use super::StoredPaper;
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
    connection: &Connection,
    of: &Stamped<T>,
    since: u64,
    about: usize,
) -> Result<Changes<T>, EngineError> {
    let Stamped { table, columns, condition, gone, read } = of;
    // Within the transaction of the caller, who asks for more than this of the same moment, or in one of its own.
    let _transaction = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    let until: Option<u64> = connection
        .prepare_cached(&format!(
            "SELECT generation FROM {table} WHERE generation > ?1 ORDER BY generation LIMIT 1 OFFSET ?2"
        ))?
        .query_row((since, about), |row| row.get(0))
        .optional()?;
    let until = until.map_or_else(|| generation(connection), Ok)?;
    let mut upserts = Vec::new();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {columns} FROM {table} WHERE generation > ?1 AND generation <= ?2 AND {condition} \
         ORDER BY generation"
    ))?;
    let mut rows = statement.query([since, until])?;
    while let Some(row) = rows.next()? {
        upserts.push((row.get(0)?, read(row)?));
    }
    let deletes = connection
        .prepare_cached(&format!(
            "SELECT row FROM papers WHERE generation > ?1 AND generation <= ?2 AND {gone} ORDER BY row"
        ))?
        .query_map([since, until], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(Changes { generation: until, upserts, deletes })
}
