//! Files that appear whole or not at all, in one folder, and the faults that tests inject.

use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use xxhash_rust::xxh3::Xxh3;

use crate::error::IndexError;

/// The ending of files that are being written.
pub(crate) const TEMPORARY: &str = ".tmp";
/// Sections begin at multiples of this.
pub(crate) const ALIGNMENT: u64 = 64;

/// The folder of a collection.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Whether nothing is to be written any more.
    is_retired: Arc<AtomicBool>,
    #[cfg(test)]
    pub(crate) faults: faults::Faults,
}

impl Folder {
    /// Makes the folder where there is none and it `may_write`: also in place of something else of its name.
    pub(crate) fn open(path: &Path, may_write: bool) -> Result<Self, IndexError> {
        if may_write {
            if path.symlink_metadata().is_ok() && !path.is_dir() {
                fs::remove_file(path).map_err(io("remove what is no folder at", path))?;
            }
            fs::create_dir_all(path).map_err(io("make the folder", path))?;
        }
        Ok(Self {
            path: path.to_owned(),
            is_retired: Arc::default(),
            #[cfg(test)]
            faults: faults::Faults::default(),
        })
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Has `write` fill a file of this name: under a temporary name, then synced, renamed, and the
    /// folder synced. What was there under the name is replaced at once or not at all.
    pub(crate) fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let temporary = self.path_of(&format!("{name}{TEMPORARY}"));
        let path = self.path_of(name);
        let written = self.write_synced(&temporary, write).and_then(|()| {
            self.step(&temporary)?;
            if path.is_dir() {
                remove_any(&path).map_err(io("remove what is no file at", &path))?;
            }
            fs::rename(&temporary, &path).map_err(io("rename to its place the file", &temporary))
        });
        if written.is_err() && !self.is_killed() {
            // What went wrong is told below; that the half-written file could not be removed as well
            // adds nothing, since opening the collection removes it.
            let _ = fs::remove_file(&temporary);
        }
        written?;
        self.step(&self.path)?;
        sync_folder(&self.path)
    }

    fn write_synced(
        &self,
        path: &Path,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        self.step(path)?;
        let file = File::create(path).map_err(io("create", path))?;
        let mut writer = Writer { folder: self, path, file: BufWriter::with_capacity(1 << 20, file), at: 0 };
        write(&mut writer)?;
        let file = writer.file.into_inner().map_err(|e| io("write", path)(e.into_error()))?;
        self.step(path)?;
        file.sync_all().map_err(io("sync", path))
    }

    /// Removes a file; one that is not there is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), IndexError> {
        let path = self.path_of(name);
        self.step(&path)?;
        match remove_any(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Names of all files in the folder, in any order.
    pub(crate) fn names(&self) -> Result<Vec<String>, IndexError> {
        let entries = fs::read_dir(&self.path).map_err(io("list", &self.path))?;
        entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_, _>>()
            .map_err(io("list", &self.path))
    }

    /// From now on nothing is written or removed: another collection has the folder.
    pub(crate) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
    }

    /// Before each step of writing.
    fn step(&self, path: &Path) -> Result<(), IndexError> {
        if self.is_retired.load(Ordering::Acquire) {
            return Err(IndexError::ReadOnly);
        }
        #[cfg(test)]
        self.faults.step().map_err(io("write (a fault of this test)", path))?;
        let _ = path;
        Ok(())
    }

    fn is_killed(&self) -> bool {
        #[cfg(test)]
        return self.faults.is_killed();
        #[cfg(not(test))]
        false
    }
}

/// A file that is being written, section after section.
pub(crate) struct Writer<'a> {
    folder: &'a Folder,
    path: &'a Path,
    file: BufWriter<File>,
    at: u64,
}

/// Where a section lies, and its checksum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) start: u64,
    pub(crate) len: u64,
    pub(crate) xxh3: u64,
}

impl Writer<'_> {
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        self.folder.step(self.path)?;
        self.at += bytes.len() as u64;
        self.file.write_all(bytes).map_err(io("write", self.path))
    }

    /// Writes a section from the pieces that `next` gives until it gives none, then zeros up to
    /// where the next one begins.
    pub(crate) fn section(
        &mut self,
        mut next: impl FnMut(&mut Vec<u8>) -> Result<bool, IndexError>,
    ) -> Result<Section, IndexError> {
        let start = self.at;
        let mut hash = Xxh3::new();
        let mut piece = Vec::new();
        while next(&mut piece)? {
            hash.update(&piece);
            self.put(&piece)?;
            piece.clear();
        }
        let len = self.at - start;
        let padding = self.at.next_multiple_of(ALIGNMENT) - self.at;
        self.put(&[0; ALIGNMENT as usize][..padding as usize])?;
        Ok(Section { start, len, xxh3: hash.digest() })
    }

    /// A section of bytes that are in memory.
    pub(crate) fn section_of(&mut self, bytes: &[u8]) -> Result<Section, IndexError> {
        let mut rest = bytes.chunks(1 << 20);
        self.section(|piece| {
            let Some(chunk) = rest.next() else { return Ok(false) };
            piece.extend_from_slice(chunk);
            Ok(true)
        })
    }

    /// Writes over the beginning of the file.
    pub(crate) fn put_header(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        self.folder.step(self.path)?;
        self.file.seek(SeekFrom::Start(0)).map_err(io("write", self.path))?;
        self.file.write_all(bytes).map_err(io("write", self.path))
    }

    pub(crate) fn len(&self) -> u64 {
        self.at
    }
}

/// Removes a file, or a folder that is in a file's place.
fn remove_any(path: &Path) -> std::io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Whether an error says that something else than a readable file is in a file's place.
pub(crate) fn is_no_file(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    /// What mapping a folder gives.
    const NO_SUCH_DEVICE: i32 = 19;
    let kinds = [
        Kind::NotFound,
        Kind::PermissionDenied,
        Kind::IsADirectory,
        Kind::NotADirectory,
        Kind::UnexpectedEof,
    ];
    kinds.contains(&error.kind()) || error.raw_os_error() == Some(NO_SUCH_DEVICE)
}

/// What tells that a file was written to since: its length, and when that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) len: u64,
    modified: Option<std::time::SystemTime>,
}

impl Stamp {
    /// As the file is now.
    pub(crate) fn of(file: &File) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { len: metadata.len(), modified: metadata.modified().ok() })
    }
}

fn sync_folder(folder: &Path) -> Result<(), IndexError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync the folder", folder))
}

pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> IndexError {
    move |source| IndexError::Io { action, path: path.to_owned(), source }
}

/// Reads `bytes.len()` bytes at `at`, whatever else is reading the file.
pub(crate) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, bytes, at);
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < bytes.len() {
            match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[done..], at + done as u64)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                n => done += n,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod faults {
    //! Failing or being killed at the n-th step of writing.

    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Faults(Arc<State>);

    #[derive(Debug)]
    struct State {
        steps_left: AtomicI64,
        killed: AtomicBool,
        kills: AtomicBool,
    }

    impl Default for State {
        fn default() -> Self {
            Self {
                steps_left: AtomicI64::new(i64::MAX),
                killed: AtomicBool::default(),
                kills: AtomicBool::default(),
            }
        }
    }

    impl Faults {
        /// From the n-th step on, every step fails; with `kills`, nothing is tidied up after.
        pub(crate) fn fail_after(&self, n: i64, kills: bool) {
            self.0.kills.store(kills, Ordering::SeqCst);
            self.0.steps_left.store(n, Ordering::SeqCst);
        }

        pub(crate) fn clear(&self) {
            self.0.steps_left.store(i64::MAX, Ordering::SeqCst);
        }

        pub(crate) fn step(&self) -> std::io::Result<()> {
            if self.0.steps_left.fetch_sub(1, Ordering::SeqCst) > 0 {
                return Ok(());
            }
            self.0.steps_left.store(0, Ordering::SeqCst);
            self.0.killed.store(self.0.kills.load(Ordering::SeqCst), Ordering::SeqCst);
            Err(std::io::Error::other("injected"))
        }

        pub(crate) fn is_killed(&self) -> bool {
            self.0.killed.load(Ordering::SeqCst)
        }
    }
}
