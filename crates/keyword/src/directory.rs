//! The folder of the index, as tantivy sees it.
//!
//! It is tantivy's own folder, with four differences:
//! - Files are not mapped into memory but read by position, and every byte is checked as often as it is read
//!   ([`verified`](crate::verified)).
//! - The two lists that tantivy replaces as a whole (`meta.json` and `.managed.json`) end with a line
//!   that holds XXH3-64 of what is before it. Every other file ends with tantivy's CRC-32.
//! - There are no lock files. One process writes, which its caller sees to; and a reader whose files go
//!   while it opens them begins again with the new list, so it never makes the writer wait.
//! - Writes can be stopped, so that dropping an index waits for no merge.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, MmapDirectory, TerminatingWrite,
    WatchCallback, WatchHandle, WritePtr,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::verified::OpenFiles;

/// tantivy's list of segments.
pub(crate) const META: &str = "meta.json";
/// tantivy's list of files.
pub(crate) const MANAGED: &str = ".managed.json";

/// What is before the hash in the last line of a sealed file.
const SEAL: &[u8] = b"\n#xxh3 ";
/// Bytes of the seal, with 16 hex digits and the end of the line.
const SEAL_LEN: usize = SEAL.len() + 17;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct SealedDirectory {
    /// For all but reading what never changes.
    files: MmapDirectory,
    dir: Arc<Path>,
    open_files: OpenFiles,
    is_stopped: Arc<AtomicBool>,
}

impl SealedDirectory {
    /// The files in a folder, which is there. Those of `open_files` are not opened and checked again.
    pub(crate) fn open(dir: &Path, open_files: &OpenFiles) -> tantivy::Result<Self> {
        Ok(Self {
            files: MmapDirectory::open(dir)?,
            dir: dir.into(),
            open_files: open_files.clone(),
            is_stopped: Arc::default(),
        })
    }

    /// From now on every write through this and its copies fails.
    pub(crate) fn stop_writing(&self) {
        self.is_stopped.store(true, Ordering::Release);
    }
}

/// Adds the seal to the bytes of a list.
fn seal(data: &[u8]) -> Vec<u8> {
    let mut sealed = data.to_vec();
    sealed.extend_from_slice(SEAL);
    sealed.extend_from_slice(format!("{:016x}\n", xxh3_64(data)).as_bytes());
    sealed
}

/// Takes the seal off.
///
/// # Errors
/// `InvalidData` if the bytes are not as they were sealed.
fn unseal(mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let Some(len) = bytes.len().checked_sub(SEAL_LEN) else {
        let found = format!("a list of {} bytes, which is cut short", bytes.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, found));
    };
    let expected = seal(&bytes[..len]);
    if expected != bytes {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a list that is not as its hash says"));
    }
    bytes.truncate(len);
    Ok(bytes)
}

impl Directory for SealedDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        match self.open_files.get(&self.dir, path) {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(OpenReadError::FileDoesNotExist(path.to_path_buf()))
            }
            Err(error) => Err(OpenReadError::wrap_io_error(error, path.to_path_buf())),
        }
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.files.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.files.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let wrap = |error: io::Error| OpenWriteError::wrap_io_error(error, path.to_path_buf());
        let file = self.files.open_write(path)?.into_inner().map_err(|error| wrap(error.into_error()))?;
        Ok(BufWriter::new(Box::new(Stoppable { file, is_stopped: Arc::clone(&self.is_stopped) })))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let bytes = self.files.atomic_read(path)?;
        unseal(bytes).map_err(|error| OpenReadError::wrap_io_error(error, path.to_path_buf()))
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        check(&self.is_stopped)?;
        self.files.atomic_write(path, &seal(data))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.files.sync_directory()
    }

    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.files.watch(callback)
    }
}

/// A file whose writes can be stopped.
struct Stoppable {
    file: Box<dyn TerminatingWrite + Send + Sync>,
    is_stopped: Arc<AtomicBool>,
}

impl Write for Stoppable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        check(&self.is_stopped)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl TerminatingWrite for Stoppable {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        check(&self.is_stopped)?;
        self.file.terminate_ref(token)
    }
}

fn check(is_stopped: &AtomicBool) -> io::Result<()> {
    match is_stopped.load(Ordering::Acquire) {
        true => Err(io::Error::other("the keyword index is being closed")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_and_no_other_does() {
        let sealed = seal(b"{}");
        assert_eq!(unseal(sealed.clone()).unwrap(), b"{}");
        for at in 0..sealed.len() {
            assert!(unseal(sealed[..at].to_vec()).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = sealed.clone();
                flipped[at] ^= 1 << bit;
                assert!(unseal(flipped).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
