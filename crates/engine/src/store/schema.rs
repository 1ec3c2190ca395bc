//! The tables of `papers.sqlite3`, and the steps that bring an earlier store to this version.
//!
//! `docs/store.md` describes the columns for people who open the file themselves.

use rusqlite::{Connection, TransactionBehavior};

use super::{checksum, lists, saved};
use crate::error::EngineError;

/// Marks the file as ours in SQLite's header: "cogn".
pub(super) const APPLICATION_ID: i32 = 0x636f_676e;

/// The version that this build reads and writes; SQLite's `user_version` holds a store's own.
pub(crate) const SCHEMA_VERSION: i32 = 6;

/// `MIGRATIONS[v]` turns a store of version `v` into one of version `v + 1`; version 0 is an empty file.
const MIGRATIONS: [&[&str]; SCHEMA_VERSION as usize] = [
    &[VERSION_1],
    &[VERSION_2, saved::TABLES],
    &[VERSION_3],
    &[VERSION_4],
    &[lists::TABLES],
    &[lists::NOTES],
];

const VERSION_1: &str = "
    CREATE TABLE meta (
        key   TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta (key, value) VALUES
        ('store_id', lower(hex(randomblob(16)))),
        ('generation', '0');

    CREATE TABLE papers (
        row              INTEGER PRIMARY KEY AUTOINCREMENT,
        id               TEXT    NOT NULL UNIQUE,
        generation       INTEGER NOT NULL,
        deleted          INTEGER NOT NULL DEFAULT 0,
        first_indexed    TEXT    NOT NULL,
        title            TEXT,
        abstract         TEXT,
        authors          TEXT    NOT NULL,
        year             INTEGER,
        publication_date TEXT,
        venue            TEXT,
        categories       TEXT    NOT NULL,
        external_ids     TEXT    NOT NULL,
        url              TEXT,
        source           TEXT,
        upvotes          INTEGER,
        extra            TEXT    NOT NULL,
        content_hash     BLOB    NOT NULL,
        text_hash        BLOB    NOT NULL
    ) STRICT;
    CREATE INDEX papers_by_generation ON papers (generation);

    CREATE TABLE vectors (
        row        INTEGER PRIMARY KEY REFERENCES papers (row),
        generation INTEGER NOT NULL,
        vector     BLOB    NOT NULL
    ) STRICT;
    CREATE INDEX vectors_by_generation ON vectors (generation);

    CREATE TABLE vectors_next (
        row       INTEGER PRIMARY KEY REFERENCES papers (row),
        text_hash BLOB    NOT NULL,
        vector    BLOB    NOT NULL
    ) STRICT;

    CREATE TABLE identifiers (
        kind  TEXT    NOT NULL,
        value TEXT    NOT NULL,
        row   INTEGER NOT NULL REFERENCES papers (row),
        PRIMARY KEY (kind, value, row)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX identifiers_by_row ON identifiers (row);
";

/// What people decide: duplicates dropped from every answer (`papers.deleted` is 2 for them), and labels.
const VERSION_2: &str = "
    CREATE TABLE dedup_runs (
        run        INTEGER PRIMARY KEY AUTOINCREMENT,
        applied    TEXT    NOT NULL,
        parameters TEXT    NOT NULL
    ) STRICT;

    CREATE TABLE drops (
        run         INTEGER NOT NULL REFERENCES dedup_runs (run),
        row         INTEGER NOT NULL REFERENCES papers (row),
        kept        INTEGER NOT NULL REFERENCES papers (row),
        matched     INTEGER NOT NULL REFERENCES papers (row),
        score       REAL    NOT NULL,
        probability REAL    NOT NULL,
        kind        TEXT    NOT NULL,
        reason      TEXT    NOT NULL,
        ended       TEXT,
        PRIMARY KEY (run, row)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX drops_by_row ON drops (row) WHERE ended IS NULL;
    CREATE INDEX drops_by_kept ON drops (kept) WHERE ended IS NULL;

    CREATE TABLE labels (
        a            TEXT    NOT NULL,
        b            TEXT    NOT NULL,
        is_duplicate INTEGER NOT NULL,
        labelled     TEXT    NOT NULL,
        PRIMARY KEY (a, b),
        CHECK (a < b)
    ) STRICT, WITHOUT ROWID;
";

/// More fields of a paper; and `records`, what each source said of it. Sources and files are small numbers and hashes
/// are short, so that a paper with a single record costs some fifty bytes more.
const VERSION_3: &str = "
    CREATE TABLE sources (
        source  INTEGER PRIMARY KEY,
        name    TEXT    NOT NULL,
        is_file INTEGER NOT NULL,
        UNIQUE (name, is_file)
    ) STRICT;

    CREATE TABLE files (
        file INTEGER PRIMARY KEY,
        name TEXT    NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE records (
        record INTEGER PRIMARY KEY,
        row    INTEGER NOT NULL REFERENCES papers (row),
        rank   INTEGER NOT NULL,
        source INTEGER NOT NULL REFERENCES sources (source),
        file   INTEGER NOT NULL REFERENCES files (file),
        line   INTEGER NOT NULL,
        key    TEXT,
        id     TEXT,
        hash   BLOB    NOT NULL,
        fields TEXT
    ) STRICT;
    CREATE INDEX records_by_row ON records (row, rank);
    CREATE INDEX records_by_hash ON records (hash);
    CREATE INDEX records_by_key ON records (source, key) WHERE key IS NOT NULL;
    CREATE INDEX records_by_id ON records (id) WHERE id IS NOT NULL;

    INSERT INTO meta (key, value)
        SELECT 'has_papers_without_records', '1' WHERE EXISTS (SELECT 1 FROM papers WHERE deleted != 1);

    ALTER TABLE papers ADD COLUMN editors TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE papers ADD COLUMN kind TEXT;
    ALTER TABLE papers ADD COLUMN volume TEXT;
    ALTER TABLE papers ADD COLUMN issue TEXT;
    ALTER TABLE papers ADD COLUMN pages TEXT;
    ALTER TABLE papers ADD COLUMN publisher TEXT;
    ALTER TABLE papers ADD COLUMN issn TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE papers ADD COLUMN isbn TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE papers ADD COLUMN language TEXT;
";

/// Checksums, which [`checksum::seal`] adds to every table; and looking for rows by time.
const VERSION_4: &str = "
    CREATE INDEX papers_by_first_indexed ON papers (first_indexed);
";

/// Brings the store behind `connection` to [`SCHEMA_VERSION`], in one transaction.
///
/// # Errors
/// [`EngineError::NotAStore`] for another program's database, [`EngineError::StoreTooNew`] for a
/// store of a later release, [`EngineError::Store`] if SQLite fails.
pub(super) fn migrate(connection: &mut Connection, path: &std::path::Path) -> Result<(), EngineError> {
    // A look without the write lock first: opening a current store must not wait for a writer.
    if check_version(connection, path)? == SCHEMA_VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = check_version(&transaction, path)?;
    for step in MIGRATIONS[found as usize..].iter().copied().flatten() {
        transaction.execute_batch(step)?;
    }
    checksum::seal(&transaction)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Every table, index and trigger, as the statement that made it.
pub(crate) fn described(connection: &Connection) -> Result<Vec<String>, EngineError> {
    let parts = "SELECT type || ' ' || name || ' ' || tbl_name || char(10) || coalesce(sql, '') FROM sqlite_schema \
                 WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1";
    Ok(connection.prepare(parts)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// What [`described`] gives for a store that this release has made.
pub(super) fn of_this_release() -> Result<Vec<String>, EngineError> {
    let mut connection = Connection::open_in_memory()?;
    checksum::register(&connection)?;
    migrate(&mut connection, std::path::Path::new(":memory:"))?;
    described(&connection)
}

/// The version of the store, refused unless this build can read or migrate it.
pub(super) fn check_version(connection: &Connection, path: &std::path::Path) -> Result<i32, EngineError> {
    let found: i32 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let application_id: i32 = connection.pragma_query_value(None, "application_id", |r| r.get(0))?;
    let n_tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    if application_id != APPLICATION_ID && n_tables > 0 {
        return Err(EngineError::NotAStore { path: path.to_owned(), application_id });
    }
    if found > SCHEMA_VERSION {
        return Err(EngineError::StoreTooNew { path: path.to_owned(), found, supported: SCHEMA_VERSION });
    }
    if found < 0 {
        return Err(EngineError::NotAStore { path: path.to_owned(), application_id });
    }
    Ok(found)
}
