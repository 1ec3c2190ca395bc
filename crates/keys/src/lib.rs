//! Keys to a server: made, listed, revoked, and looked up.
//!
//! A key is 256 random bits, shown once when it is made. The file, an SQLite database of its own, holds the SHA-256 of
//! each, so whoever reads the file has no key. It is not part of the papers, nor of their backups.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("keys.sqlite3");
//! use cognate_keys::{Found, KeyFile, KeyRing, Scope};
//!
//! let secret = KeyFile::new(&file).add("laptop", &Scope::Read, None)?;
//! let ring = KeyRing::open(&file)?;
//! assert!(matches!(ring.find(&secret), Found::Good(grant) if grant.scope == Scope::Read));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod file;
mod ring;
mod scope;

pub use error::KeysError;
pub use file::{KeyFile, KeyInfo, PREFIX};
pub use ring::{Found, Grant, KeyRing};
pub use scope::Scope;
