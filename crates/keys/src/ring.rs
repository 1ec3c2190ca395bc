//! The keys in force, as a running server knows them.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::error::KeysError;
use crate::file::{KeyFile, Stored, hash_of};
use crate::scope::Scope;

/// What a good key gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The key's name.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
}

/// What became of looking a key up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is in force.
    Good(Grant),
    /// It ended, by time or by being revoked.
    Ended,
    /// There is no such key.
    Unknown,
}

/// The keys in memory. Looking one up reads no file; [`refresh`](Self::refresh) does.
pub struct KeyRing {
    file: KeyFile,
    keys: ArcSwap<Vec<Stored>>,
}

impl KeyRing {
    /// The keys of the file at `path`; none if it is not there.
    ///
    /// # Errors
    /// [`KeysError`] if the file is there and cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, KeysError> {
        let file = KeyFile::new(path);
        let keys = file.stored()?;
        Ok(Self { file, keys: ArcSwap::from_pointee(keys) })
    }

    /// Reads the file again. Where that fails the keys stay as they were, and the log says why.
    pub fn refresh(&self) {
        match self.file.stored() {
            Ok(keys) => self.keys.store(Arc::new(keys)),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                tracing::error!("{error}{}", cause.unwrap_or_default());
            }
        }
    }

    /// Whether there ever was a key. It stays so when the last one is revoked: a server that asked for keys
    /// does not open itself.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.keys.load().is_empty()
    }

    /// What `secret` is the key to. Its hash is compared with every key's, in a time that does not tell which one it is.
    #[must_use]
    pub fn find(&self, secret: &str) -> Found {
        let hash = hash_of(secret);
        let keys = self.keys.load();
        let mut place = u32::MAX;
        for (number, stored) in (0..).zip(keys.iter()) {
            let is_equal: Choice = hash.ct_eq(&stored.hash);
            place.conditional_assign(&number, is_equal);
        }
        let Some(Stored { info, .. }) = keys.get(place as usize) else { return Found::Unknown };
        if info.revoked.is_some() || info.expires.is_some_and(|expires| expires <= Timestamp::now()) {
            return Found::Ended;
        }
        Found::Good(Grant { name: info.name.clone(), scope: info.scope.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_knows_the_keys_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.sqlite3");
        let file = KeyFile::new(&path);
        let ring = KeyRing::open(&path).unwrap();
        assert!(!ring.has_keys());
        let secret = file.add("a", &Scope::Write, None).unwrap();
        let soon = Timestamp::now() + jiff::SignedDuration::from_millis(200);
        let short = file.add("b", &Scope::Read, Some(soon)).unwrap();
        assert_eq!(ring.find(&secret), Found::Unknown);
        ring.refresh();
        assert!(ring.has_keys());
        assert_eq!(ring.find(&secret), Found::Good(Grant { name: "a".into(), scope: Scope::Write }));
        for other in ["", "cognate_", &secret[1..], &secret.to_uppercase(), &format!("{secret} ")] {
            assert_eq!(ring.find(other), Found::Unknown, "{other}");
        }
        while Timestamp::now() <= soon {
            std::thread::yield_now();
        }
        assert_eq!(ring.find(&short), Found::Ended);
        file.revoke("a").unwrap();
        ring.refresh();
        assert_eq!(ring.find(&secret), Found::Ended);
        assert!(ring.has_keys());
    }

    #[test]
    fn a_file_that_cannot_be_read_takes_no_key_away_and_adds_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.sqlite3");
        let secret = KeyFile::new(&path).add("a", &Scope::Read, None).unwrap();
        let ring = KeyRing::open(&path).unwrap();
        std::fs::write(&path, "no database").unwrap();
        ring.refresh();
        assert!(matches!(ring.find(&secret), Found::Good(_)));
        assert!(KeyRing::open(&path).is_err());
    }
}
