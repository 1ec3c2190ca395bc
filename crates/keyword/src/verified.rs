//! Files of the index, read so that nothing but what was checked is ever seen.
//!
//! Opening a file reads it once, and compares it with the CRC-32 at its end. From then on it can change under this
//! process, by whatever fault: small files and dictionaries are therefore kept in memory, and of the large ones the
//! XXH3-64 of every block of 4 KiB, with which a block is compared each time that it is read. The memory that this
//! takes is that of the dictionaries and 2 bytes for each KiB of postings and positions. A map of the file would take
//! less, but shows whatever is on disk at the moment, and ends the process where a file was cut short.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tantivy::HasLen;
use tantivy::directory::footer::Footer;
use tantivy::directory::{FileHandle, FileSlice, OwnedBytes};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a block.
const BLOCK: usize = 4096;
/// Bytes that are read at a time: whole blocks.
const PIECE: usize = 256 * BLOCK;
/// Files up to this length are kept in memory, and need no descriptor.
const KEPT: usize = 64 << 10;
/// What tantivy reads in parts, as terms are asked for. It reads everything else as a whole.
const READ_IN_PARTS: [&str; 2] = ["idx", "pos"];

/// A file, as it was when it was opened.
pub(crate) struct VerifiedFile {
    path: PathBuf,
    len: usize,
    bytes: Bytes,
}

enum Bytes {
    Kept(OwnedBytes),
    OnDisk {
        file: File,
        /// The XXH3-64 of each block.
        blocks: Vec<u64>,
    },
}

impl VerifiedFile {
    /// Reads a file whole.
    ///
    /// # Errors
    /// `InvalidData` or `UnexpectedEof` if it is not as tantivy wrote it; else what the system says.
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = File::open(&path)?;
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let is_read_in_parts =
            path.extension().is_some_and(|extension| READ_IN_PARTS.iter().any(|e| extension == *e));
        let opened = if is_read_in_parts && len > KEPT {
            let mut blocks = Vec::with_capacity(len.div_ceil(BLOCK));
            let mut piece = vec![0; PIECE];
            for at in (0..len).step_by(PIECE) {
                let piece = &mut piece[..PIECE.min(len - at)];
                read_at(&file, piece, at)?;
                blocks.extend(piece.chunks(BLOCK).map(xxh3_64));
            }
            Self { path, len, bytes: Bytes::OnDisk { file, blocks } }
        } else {
            let mut bytes = vec![0; len];
            read_at(&file, &mut bytes, 0)?;
            Self { path, len, bytes: Bytes::Kept(OwnedBytes::new(bytes)) }
        };
        opened.check()
    }

    /// Compares the bytes with tantivy's checksum of them.
    fn check(self) -> io::Result<Self> {
        // Which tantivy reads without asking whether they are there.
        const FOOTER_LENGTHS: usize = 8;
        if self.len < FOOTER_LENGTHS {
            return Err(self.damaged("it is cut short"));
        }
        let file = Arc::new(self);
        let (footer, body) =
            Footer::extract_footer(FileSlice::new(Arc::clone(&file) as Arc<dyn FileHandle>))?;
        let mut crc = crc32fast::Hasher::new();
        for piece in body.stream_file_chunks() {
            crc.update(&piece?);
        }
        drop(body);
        if crc.finalize() != footer.crc {
            return Err(file.damaged("the CRC-32 at its end is of other bytes"));
        }
        Ok(Arc::into_inner(file).expect("the slices of it were dropped"))
    }

    fn damaged(&self, found: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {found}", self.path.display()))
    }
}

impl HasLen for VerifiedFile {
    fn len(&self) -> usize {
        self.len
    }
}

impl FileHandle for VerifiedFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.start > range.end || range.end > self.len {
            return Err(self.damaged("it tells of bytes that it has not"));
        }
        let (file, blocks) = match &self.bytes {
            Bytes::Kept(bytes) => return Ok(bytes.slice(range)),
            Bytes::OnDisk { .. } if range.is_empty() => return Ok(OwnedBytes::empty()),
            Bytes::OnDisk { file, blocks } => (file, blocks),
        };
        let first = range.start / BLOCK;
        let start = first * BLOCK;
        let mut bytes = vec![0; range.end.next_multiple_of(BLOCK).min(self.len) - start];
        read_at(file, &mut bytes, start)?;
        if bytes.chunks(BLOCK).zip(&blocks[first..]).any(|(block, &expected)| xxh3_64(block) != expected) {
            return Err(self.damaged("it was written to since it was opened"));
        }
        Ok(OwnedBytes::new(bytes).slice(range.start - start..range.end - start))
    }
}

impl std::fmt::Debug for VerifiedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The files that somebody has open, so that a reader and a writer of one index share them. Names of files are never
/// used again for others.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenFiles(Arc<Mutex<HashMap<PathBuf, Weak<VerifiedFile>>>>);

impl OpenFiles {
    /// The file of this name in a folder, opened and checked if nobody has it open.
    ///
    /// # Errors
    /// `InvalidData` or `UnexpectedEof` if it is not as it was written; else what the system says.
    pub(crate) fn get(&self, dir: &Path, name: &Path) -> io::Result<Arc<VerifiedFile>> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = lock().get(name).and_then(Weak::upgrade) {
            return Ok(file);
        }
        // Without the lock: others are opened meanwhile.
        let file = Arc::new(VerifiedFile::open(dir.join(name))?);
        let mut open = lock();
        open.retain(|_, file| file.strong_count() > 0);
        open.insert(name.to_owned(), Arc::downgrade(&file));
        Ok(file)
    }
}

/// Reads `bytes.len()` bytes at `at`, whatever else is reading the file.
fn read_at(file: &File, bytes: &mut [u8], at: usize) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, bytes, at as u64);
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < bytes.len() {
            match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[done..], (at + done) as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => done += n,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tantivy::directory::TerminatingWrite;
    use tantivy::directory::{Directory, ManagedDirectory, MmapDirectory};

    use super::*;

    /// The bytes of a file as tantivy writes it.
    fn written(dir: &Path, name: &str, body: &[u8]) {
        let directory = MmapDirectory::open(dir).unwrap();
        let managed = ManagedDirectory::wrap(Box::new(directory)).unwrap();
        let mut file = managed.open_write(Path::new(name)).unwrap();
        file.write_all(body).unwrap();
        file.terminate().unwrap();
    }

    #[test]
    fn what_is_read_is_what_was_written_or_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let body: Vec<u8> = (0..3 * PIECE as u32 / 2).map(|n| (n % 251) as u8).collect();
        for (name, keeps) in [("a.idx", false), ("a.term", true)] {
            written(dir.path(), name, &body);
            let files = OpenFiles::default();
            let file = files.get(dir.path(), Path::new(name)).unwrap();
            assert!(Arc::ptr_eq(&file, &files.get(dir.path(), Path::new(name)).unwrap()));
            let ranges = [
                0..0,
                0..1,
                4095..4097,
                5000..5000,
                BLOCK..2 * BLOCK,
                PIECE - 3..PIECE + 70_000,
                0..body.len(),
            ];
            for range in ranges.clone() {
                assert_eq!(
                    &*file.read_bytes(range.clone()).unwrap(),
                    &body[range.clone()],
                    "{name} {range:?}"
                );
            }
            assert!(file.read_bytes(body.len()..file.len() + 1).is_err());
            // One wrong byte, in place.
            let path = dir.path().join(name);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[BLOCK + 5] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            for range in ranges.into_iter().filter(|range| !range.is_empty()) {
                let read = file.read_bytes(range.clone());
                let touches = range.start < 2 * BLOCK && range.end > BLOCK;
                assert_eq!(read.is_err(), touches && !keeps, "{name} {range:?}");
                assert!(read.is_err() || *read.unwrap() == body[range]);
            }
            // Cut short, and gone.
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
            assert_eq!(file.read_bytes(BLOCK * 9..BLOCK * 9 + 1).is_err(), !keeps, "{name}");
            std::fs::remove_file(&path).unwrap();
            drop(file);
            assert_eq!(files.get(dir.path(), Path::new(name)).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn a_file_that_is_not_as_it_was_written_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let body = vec![7; KEPT + 100];
        for name in ["b.idx", "b.fast"] {
            written(dir.path(), name, &body);
            let path = dir.path().join(name);
            let bytes = std::fs::read(&path).unwrap();
            let open = || OpenFiles::default().get(dir.path(), Path::new(name));
            assert!(open().is_ok());
            for at in [0, BLOCK, KEPT, body.len() - 1, bytes.len() - 1, bytes.len() - 6] {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                std::fs::write(&path, &changed).unwrap();
                assert!(open().is_err(), "{name} byte {at}");
            }
            for len in [0, 3, 7, BLOCK, body.len(), bytes.len() - 1] {
                std::fs::write(&path, &bytes[..len]).unwrap();
                assert!(open().is_err(), "{name} of {len} bytes");
            }
        }
    }
}
