//! A checksum in every row, over all of its other columns, so that a damaged row is known when it is read.
//!
//! Triggers write it, whatever statement wrote the row, by a function that every connection of ours has. So no code that
//! writes can forget it, and another program, which lacks the function, can read the tables but not write to them.

use std::collections::HashMap;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use xxhash_rust::xxh3::Xxh3;

use crate::error::EngineError;

/// The column of it.
const COLUMN: &str = "checksum";
/// The function: XXH3-64 of its arguments, each with its type and length.
const FUNCTION: &str = "cognate_checksum";

/// Gives a connection the function.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function(FUNCTION, -1, flags, |context: &mut Context<'_>| {
        let mut hash = Xxh3::new();
        for place in 0..context.len() {
            let number: [u8; 8];
            let (kind, bytes): (u8, &[u8]) = match context.get_raw(place) {
                ValueRef::Null => (0, &[]),
                ValueRef::Integer(integer) => {
                    number = integer.to_le_bytes();
                    (1, &number)
                }
                ValueRef::Real(real) => {
                    number = real.to_bits().to_le_bytes();
                    (2, &number)
                }
                ValueRef::Text(text) => (3, text),
                ValueRef::Blob(bytes) => (4, bytes),
            };
            hash.update(&[kind]);
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Ok(hash.digest().cast_signed())
    })
}

/// A table with checksums.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// All columns but that of the checksum.
    columns: Vec<String>,
    /// Those of the primary key.
    pub(crate) key: Vec<String>,
}

impl Table {
    /// Whether a row is as it was written, in SQL: 1 or 0.
    pub(crate) fn is_sound(&self) -> String {
        format!("{COLUMN} IS {}", self.computed(""))
    }

    fn computed(&self, prefix: &str) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|column| format!("{prefix}\"{column}\"")).collect();
        format!("{FUNCTION}({})", columns.join(", "))
    }

    /// The statements that write the checksum of each row that is inserted or updated.
    fn triggers(&self) -> String {
        let name = &self.name;
        let of_row: Vec<String> = self.key.iter().map(|key| format!("\"{key}\" = NEW.\"{key}\"")).collect();
        let columns: Vec<String> = self.columns.iter().map(|column| format!("\"{column}\"")).collect();
        let update =
            format!("UPDATE {name} SET {COLUMN} = {} WHERE {}", self.computed("NEW."), of_row.join(" AND "));
        format!(
            "DROP TRIGGER IF EXISTS {name}_inserted; DROP TRIGGER IF EXISTS {name}_updated; \
             CREATE TRIGGER {name}_inserted AFTER INSERT ON {name} BEGIN {update}; END; \
             CREATE TRIGGER {name}_updated AFTER UPDATE OF {} ON {name} BEGIN {update}; END;",
            columns.join(", ")
        )
    }
}

/// Every table of the store, in order of name.
pub(crate) fn tables(connection: &Connection) -> Result<Vec<Table>, EngineError> {
    let names =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let names: Vec<String> =
        connection.prepare(names)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let mut statement = connection.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
        let columns: Vec<(String, i64)> =
            statement.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let key = columns.iter().filter(|(_, place)| *place > 0).map(|(column, _)| column.clone()).collect();
        let columns =
            columns.into_iter().map(|(column, _)| column).filter(|column| column != COLUMN).collect();
        tables.push(Table { name, columns, key });
    }
    Ok(tables)
}

/// Gives every row of every table its checksum, and has it kept from now on. After every change of the tables. A table
/// whose checksums are of its columns as they are is left alone: damage stays known.
pub(super) fn seal(connection: &Connection) -> Result<(), EngineError> {
    for table in tables(connection)? {
        let name = &table.name;
        let has_column: bool = connection
            .prepare("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2")?
            .exists([name.as_str(), COLUMN])?;
        let trigger =
            "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = ?1 AND instr(sql, ?2) > 0";
        let is_kept =
            connection.prepare(trigger)?.exists([format!("{name}_inserted"), table.computed("NEW.")])?;
        if has_column && is_kept {
            continue;
        }
        if !has_column {
            connection.execute_batch(&format!("ALTER TABLE {name} ADD COLUMN {COLUMN} INTEGER"))?;
        }
        connection.execute_batch(&table.triggers())?;
        connection.execute_batch(&format!("UPDATE {name} SET {COLUMN} = {}", table.computed("")))?;
    }
    Ok(())
}

/// For the tables that are read row by row, whether a row is sound, in SQL.
#[derive(Debug, Default)]
pub(super) struct Soundness(HashMap<String, String>);

impl Soundness {
    pub(super) fn of(connection: &Connection) -> Result<Self, EngineError> {
        let tables = tables(connection)?;
        Ok(Self(tables.into_iter().map(|table| (table.name.clone(), table.is_sound())).collect()))
    }

    /// Of a table; that every row is, where there is no such table.
    pub(super) fn of_table(&self, name: &str) -> &str {
        self.0.get(name).map_or("1", String::as_str)
    }
}

/// Whether the row is as it was written, which its last column says.
pub(super) fn is_sound(row: &Row<'_>) -> rusqlite::Result<bool> {
    row.get(row.as_ref().column_count() - 1)
}

/// Whether SQLite cannot read what it was asked for, because the file is damaged there.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let tables = "CREATE TABLE a (n INTEGER PRIMARY KEY, x TEXT, y BLOB, z REAL) STRICT;
             CREATE TABLE b (k TEXT, n INTEGER, v, PRIMARY KEY (k, n)) WITHOUT ROWID;
             INSERT INTO a VALUES (1, 'before', x'00', 0.5);";
        connection.execute_batch(tables).unwrap();
        seal(&connection).unwrap();
        connection
    }

    fn n_unsound(connection: &Connection, table: &str) -> u64 {
        let soundness = Soundness::of(connection).unwrap();
        let count = format!("SELECT count(*) FROM {table} WHERE NOT ({})", soundness.of_table(table));
        connection.query_row(&count, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn whatever_writes_a_row_writes_its_checksum() {
        let connection = sealed();
        let statements = "INSERT INTO a (x) VALUES ('new'); UPDATE a SET y = x'01' WHERE n = 1;
             INSERT INTO a (n, x) VALUES (1, 'again') ON CONFLICT (n) DO UPDATE SET x = 'upsert';
             INSERT OR REPLACE INTO a (n, x, z) VALUES (2, 'replaced', 1.0);
             INSERT INTO b (k, n, v) VALUES ('k', 1, 1), ('k', 2, NULL);
             INSERT OR IGNORE INTO b (k, n, v) VALUES ('k', 1, 5);
             UPDATE b SET v = v + 1; INSERT INTO b (k, n, v) SELECT x, n, z FROM a; DELETE FROM b WHERE n = 2;";
        connection.execute_batch(statements).unwrap();
        assert_eq!((n_unsound(&connection, "a"), n_unsound(&connection, "b")), (0, 0));
        // Sealing again changes nothing, and heals nothing.
        seal(&connection).unwrap();
        assert_eq!((n_unsound(&connection, "a"), n_unsound(&connection, "b")), (0, 0));
        connection.execute_batch("UPDATE a SET checksum = 7 WHERE n = 1").unwrap();
        seal(&connection).unwrap();
        assert_eq!(n_unsound(&connection, "a"), 1);
        // A further column is in the checksum from then on.
        connection.execute_batch("ALTER TABLE b ADD COLUMN w TEXT").unwrap();
        seal(&connection).unwrap();
        connection.execute_batch("UPDATE b SET w = 'new'").unwrap();
        assert_eq!(n_unsound(&connection, "b"), 0);
    }

    #[test]
    fn every_column_counts() {
        let changes =
            ["x = 'befora'", "y = x'0000'", "z = 0.25", "x = NULL", "y = NULL", "x = 'before', y = x''"];
        for change in changes {
            let connection = sealed();
            // As damage does: past the trigger.
            connection.execute_batch("DROP TRIGGER a_updated").unwrap();
            assert_eq!(n_unsound(&connection, "a"), 0);
            connection.execute_batch(&format!("UPDATE a SET {change}")).unwrap();
            assert_eq!(n_unsound(&connection, "a"), 1, "{change}");
        }
    }
}
