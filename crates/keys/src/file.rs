//! The file of keys: `keys.sqlite3`.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use crate::error::KeysError;
use crate::scope::Scope;

/// What every key begins with, so that whoever finds one knows what it opens.
pub const PREFIX: &str = "cognate_";

/// Marks the file in SQLite's header: "cogk".
const APPLICATION_ID: i32 = 0x636f_676b;
const VERSION: i32 = 1;
/// Longest wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

const TABLES: &str = "
    CREATE TABLE keys (
        name    TEXT PRIMARY KEY,
        hash    BLOB NOT NULL UNIQUE,
        scope   TEXT NOT NULL,
        created TEXT NOT NULL,
        expires TEXT,
        revoked TEXT
    ) STRICT, WITHOUT ROWID;
";

/// A key as the file has it: all but the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name, by which it is revoked.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// A key with the hash that tells it.
pub(crate) struct Stored {
    pub(crate) info: KeyInfo,
    pub(crate) hash: [u8; 32],
}

/// The file of keys, opened anew for each call.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The file at `path`, which need not be there yet: the first key makes it.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned() }
    }

    /// Makes a key and gives it, the only time that it can be seen: [`PREFIX`] and 43 characters of Base64 for URLs.
    ///
    /// # Errors
    /// [`KeysError`] for a name that is taken or cannot be one, an end in the past, or a file that cannot be written.
    pub fn add(&self, name: &str, scope: &Scope, expires: Option<Timestamp>) -> Result<String, KeysError> {
        let is_name = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_name {
            return Err(KeysError::InvalidName { found: name.to_owned() });
        }
        if let Some(expires) = expires.filter(|expires| *expires <= Timestamp::now()) {
            return Err(KeysError::AlreadyExpired { expires: expires.to_string() });
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(KeysError::Random)?;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let connection = self.writer()?;
        let added = connection.execute(
            "INSERT OR IGNORE INTO keys (name, hash, scope, created, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                name,
                hash_of(&secret).as_slice(),
                scope.to_string(),
                Timestamp::now().to_string(),
                expires.map(|time| time.to_string()),
            ],
        );
        match added.map_err(|source| self.sqlite(source))? {
            0 => Err(KeysError::NameTaken { name: name.to_owned() }),
            _ => Ok(secret),
        }
    }

    /// All keys in order of name, those out of force too.
    ///
    /// # Errors
    /// [`KeysError`] if the file cannot be read. A file that is not there holds no keys.
    pub fn list(&self) -> Result<Vec<KeyInfo>, KeysError> {
        Ok(self.stored()?.into_iter().map(|stored| stored.info).collect())
    }

    /// Ends a key. Running servers see it within a second.
    ///
    /// # Errors
    /// [`KeysError::NotFound`] if no key of that name is in force; others if the file cannot be written.
    pub fn revoke(&self, name: &str) -> Result<(), KeysError> {
        let not_found = || KeysError::NotFound { name: name.to_owned() };
        if !self.path.exists() {
            return Err(not_found());
        }
        let changed = self.writer()?.execute(
            "UPDATE keys SET revoked = ?2 WHERE name = ?1 AND revoked IS NULL",
            params![name, Timestamp::now().to_string()],
        );
        match changed.map_err(|source| self.sqlite(source))? {
            0 => Err(not_found()),
            _ => Ok(()),
        }
    }

    pub(crate) fn stored(&self) -> Result<Vec<Stored>, KeysError> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let connection = self.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if self.version(&connection)? == 0 {
            return Ok(Vec::new());
        }
        self.read(&connection).map_err(|source| self.sqlite(source))
    }

    fn read(&self, connection: &Connection) -> rusqlite::Result<Vec<Stored>> {
        let mut statement = connection
            .prepare("SELECT name, hash, scope, created, expires, revoked FROM keys ORDER BY name")?;
        let rows = statement.query_map([], |row| {
            // What cannot be read must not open anything: such a scope covers nothing, such a time is past.
            let scope: String = row.get(2)?;
            let time = |column: usize| -> rusqlite::Result<Option<Timestamp>> {
                let text: Option<String> = row.get(column)?;
                Ok(text.map(|text| text.parse().unwrap_or(Timestamp::UNIX_EPOCH)))
            };
            Ok(Stored {
                info: KeyInfo {
                    name: row.get(0)?,
                    scope: scope.parse().unwrap_or_else(|_| Scope::Feed(String::new())),
                    created: time(3)?.unwrap_or(Timestamp::UNIX_EPOCH),
                    expires: time(4)?,
                    revoked: time(5)?,
                },
                hash: row.get(1)?,
            })
        })?;
        rows.collect()
    }

    /// The file, made where it is not there, which only its owner can read.
    fn writer(&self) -> Result<Connection, KeysError> {
        if !self.path.exists() {
            let made =
                OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path);
            made.map_err(|source| KeysError::Io { path: self.path.clone(), source })?;
        }
        let mut connection = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if self.version(&connection)? == 0 {
            self.make_tables(&mut connection)?;
        }
        Ok(connection)
    }

    fn make_tables(&self, connection: &mut Connection) -> Result<(), KeysError> {
        let sqlite = |source| self.sqlite(source);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        // Another process may have made them meanwhile.
        if self.version(&transaction)? == 0 {
            transaction.execute_batch(TABLES).map_err(sqlite)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sqlite)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(sqlite)?;
        }
        transaction.commit().map_err(sqlite)
    }

    fn open(&self, flags: OpenFlags) -> Result<Connection, KeysError> {
        let connection = Connection::open_with_flags(&self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|source| self.sqlite(source))?;
        connection.busy_timeout(PATIENCE).map_err(|source| self.sqlite(source))?;
        Ok(connection)
    }

    /// The version of the file, 0 for one without tables; refused if it is none of ours.
    fn version(&self, connection: &Connection) -> Result<i32, KeysError> {
        let number = |pragma: &str| -> Result<i32, KeysError> {
            connection
                .pragma_query_value(None, pragma, |row| row.get(0))
                .map_err(|source| self.sqlite(source))
        };
        let has_tables: Option<i32> = connection
            .query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |row| row.get(0))
            .optional()
            .map_err(|source| self.sqlite(source))?;
        match (has_tables, number("application_id")?, number("user_version")?) {
            (None, _, _) => Ok(0),
            (Some(_), APPLICATION_ID, VERSION) => Ok(VERSION),
            _ => Err(KeysError::NotAKeyFile { path: self.path.clone() }),
        }
    }

    fn sqlite(&self, source: rusqlite::Error) -> KeysError {
        KeysError::Sqlite { path: self.path.clone(), source }
    }
}

/// What tells a key.
pub(crate) fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_listed_and_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.sqlite3"));
        assert!(file.list().unwrap().is_empty());
        assert!(matches!(file.revoke("a"), Err(KeysError::NotFound { .. })));
        let expires: Timestamp = "2999-01-01T00:00:00Z".parse().unwrap();
        let first = file.add("b", &Scope::Read, None).unwrap();
        let second = file.add("a", &Scope::Feed("bats".into()), Some(expires)).unwrap();
        assert_ne!(first, second);
        assert_eq!(first.len(), PREFIX.len() + 43);
        let listed = file.list().unwrap();
        assert_eq!(listed.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((&listed[0].scope, listed[0].expires), (&Scope::Feed("bats".into()), Some(expires)));
        file.revoke("b").unwrap();
        assert!(file.list().unwrap()[1].revoked.is_some());
        assert!(matches!(file.revoke("b"), Err(KeysError::NotFound { .. })));
        assert!(matches!(file.add("b", &Scope::Read, None), Err(KeysError::NameTaken { .. })));
    }

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.sqlite3"));
        for name in ["", "a b", "é", &"x".repeat(65)] {
            assert!(
                matches!(file.add(name, &Scope::Read, None), Err(KeysError::InvalidName { .. })),
                "{name}"
            );
        }
        let past = Some(Timestamp::UNIX_EPOCH);
        assert!(matches!(file.add("a", &Scope::Read, past), Err(KeysError::AlreadyExpired { .. })));
        assert!(!folder.path().join("keys.sqlite3").exists());
    }

    #[test]
    fn the_file_holds_no_key_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.sqlite3");
        let secret = KeyFile::new(&path).add("a", &Scope::Admin, None).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let needle = secret.strip_prefix(PREFIX).unwrap().as_bytes();
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn files_of_others_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.sqlite3");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE keys (name TEXT)").unwrap();
        assert!(matches!(KeyFile::new(&path).list(), Err(KeysError::NotAKeyFile { .. })));
        assert!(matches!(
            KeyFile::new(&path).add("a", &Scope::Read, None),
            Err(KeysError::NotAKeyFile { .. })
        ));
        std::fs::write(&path, "no database").unwrap();
        assert!(matches!(KeyFile::new(&path).list(), Err(KeysError::Sqlite { .. })));
    }
}
