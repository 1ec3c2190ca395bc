//! What can go wrong with keys.

use std::path::PathBuf;

/// Why a key could not be made, found or revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The name cannot be one.
    #[error("expected a name of 1 to 64 letters, digits, `-`, `_` and `.`, found {found:?}")]
    InvalidName {
        /// What was given.
        found: String,
    },
    /// There is a key of that name, perhaps a revoked one.
    #[error("there is a key {name:?} already; choose another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is no such key that could be revoked.
    #[error("there is no key {name:?} that is in force")]
    NotFound {
        /// The name.
        name: String,
    },
    /// The end of the key lies in the past.
    #[error("expected an end in the future, found {expires}")]
    AlreadyExpired {
        /// The end.
        expires: String,
    },
    /// The file is of another program, or of a later release.
    #[error("`{}` is no file of keys that this release can read", path.display())]
    NotAKeyFile {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("the file of keys `{}` cannot be used", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file cannot be made.
    #[error("the file of keys `{}` cannot be made", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

impl KeysError {
    /// Whether what was asked for is wrong, rather than the file or the system.
    #[must_use]
    pub fn is_callers(&self) -> bool {
        match self {
            Self::InvalidName { .. }
            | Self::NameTaken { .. }
            | Self::NotFound { .. }
            | Self::AlreadyExpired { .. } => true,
            Self::NotAKeyFile { .. } | Self::Sqlite { .. } | Self::Io { .. } | Self::Random(_) => false,
        }
    }
}
