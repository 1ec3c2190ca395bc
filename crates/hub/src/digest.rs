//! What a file must be, and what it is: its size and its hash.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Size in bytes.
    pub(crate) size: u64,
    /// Hash of the content.
    pub(crate) hash: Hash,
}

/// A hash of a file's content, in lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hash {
    /// SHA-256 of the content: what manifests hold, and what the hub reports of its LFS files.
    Sha256(String),
    /// SHA-1 of `blob SIZE\0` and the content: git's name for it, all that the hub reports of other files.
    GitBlob(String),
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "SHA-256 {hex}"),
            Self::GitBlob(hex) => write!(f, "git blob {hex}"),
        }
    }
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest {
    size: u64,
    /// SHA-256 of the content.
    pub(crate) sha256: String,
    git_blob: String,
}

impl Digest {
    /// Reads the whole file.
    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut sha256 = Sha256::new();
        let mut git_blob = Sha1::new();
        git_blob.update(format!("blob {size}\0"));
        let mut buffer = vec![0; 1 << 16];
        let mut n_read = 0;
        loop {
            let n = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            n_read += n as u64;
            sha256.update(&buffer[..n]);
            git_blob.update(&buffer[..n]);
        }
        Ok(Self { size: n_read, sha256: hex(&sha256.finalize()), git_blob: hex(&git_blob.finalize()) })
    }

    /// Whether this is the file that was expected.
    pub(crate) fn is(&self, expected: &Expected) -> bool {
        self.size == expected.size && self.hash_like(&expected.hash) == expected.hash
    }

    /// The hash of the same kind as `other`.
    pub(crate) fn hash_like(&self, other: &Hash) -> Hash {
        match other {
            Hash::Sha256(_) => Hash::Sha256(self.sha256.clone()),
            Hash::GitBlob(_) => Hash::GitBlob(self.git_blob.clone()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_sha256sum_and_git() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "hello\n").unwrap();
        let digest = Digest::of_file(&path).unwrap();
        let check = |size: u64, hash: Hash, expected: bool| {
            assert_eq!(digest.is(&Expected { size, hash: hash.clone() }), expected, "{size} {hash}");
        };
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let blob = "ce013625030ba8dba906f756967f9e9ca394464a";
        check(6, Hash::Sha256(sha256.to_owned()), true);
        check(6, Hash::GitBlob(blob.to_owned()), true);
        check(5, Hash::Sha256(sha256.to_owned()), false);
        check(6, Hash::GitBlob(sha256.to_owned()), false);
    }
}
