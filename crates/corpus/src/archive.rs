//! Files that hold files: zip archives and folders.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use flate2::CrcReader;
use tempfile::NamedTempFile;
use zip::{CompressionMethod, ZipArchive};

use crate::unpack::{Bounded, Counted};

/// How zip archives begin; empty ones begin otherwise and hold no records.
pub(crate) const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// Most files in one archive or folder.
const MAX_MEMBERS: usize = 100_000;

/// Beginnings of files that lie beside records and hold none: PDF, images, databases, other archives.
const NO_RECORDS: [&[u8]; 9] = [
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"SQLite format",
    b"\x7fELF",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\0\x01\0\0",
];

/// A file that can be opened several times and read from anywhere.
#[derive(Debug, Clone)]
pub(crate) enum SeekableFile {
    /// One of the user's.
    Path(Arc<Path>),
    /// A copy of what was streamed; it is removed with the last that holds it.
    Copy(Arc<NamedTempFile>),
}

impl SeekableFile {
    /// Copies a stream into a temporary file.
    pub(crate) fn copy(mut stream: impl Read) -> io::Result<Self> {
        let mut file = NamedTempFile::new()?;
        io::copy(&mut stream, &mut file)?;
        Ok(Self::Copy(Arc::new(file)))
    }

    pub(crate) fn open(&self) -> io::Result<File> {
        match self {
            Self::Path(path) => File::open(path),
            Self::Copy(file) => file.reopen(),
        }
    }
}

/// One file of a zip archive.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    archive: SeekableFile,
    pub(crate) name: String,
    /// Where its bytes begin, and how many they are as stored.
    start: u64,
    pub(crate) n_packed: u64,
    method: CompressionMethod,
    is_encrypted: bool,
    crc: u32,
}

impl Member {
    /// Its bytes, decompressed.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        if self.is_encrypted {
            return Err(io::Error::other("expected a file without a password, found an encrypted one"));
        }
        let mut archive = self.archive.open()?;
        archive.seek(SeekFrom::Start(self.start))?;
        let consumed = Arc::new(AtomicU64::new(0));
        let packed = Counted::new(archive.take(self.n_packed), Arc::clone(&consumed));
        let unpacked: Box<dyn Read + Send> = match self.method {
            CompressionMethod::Stored => Box::new(packed),
            CompressionMethod::Deflated => {
                Box::new(Bounded::new(flate2::bufread::DeflateDecoder::new(BufReader::new(packed)), consumed))
            }
            other => {
                let message =
                    format!("expected a file that is stored or deflated, found one that is {other}");
                return Err(io::Error::other(message));
            }
        };
        Ok(Box::new(Checked { inner: CrcReader::new(unpacked), expected: self.crc }))
    }
}

impl Member {
    /// Whether its first bytes say that it holds no records.
    pub(crate) fn begins_without_records(&self) -> bool {
        let mut magic = Vec::new();
        let read = self.open().and_then(|file| file.take(16).read_to_end(&mut magic));
        read.is_ok() && holds_no_records(&magic)
    }
}

/// Compares the checksum at the end.
struct Checked<R> {
    inner: CrcReader<R>,
    expected: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.inner.read(buffer)?;
        if n_read == 0 && !buffer.is_empty() && self.inner.crc().sum() != self.expected {
            return Err(io::Error::other(
                "expected the checksum that the archive has for the file, found another",
            ));
        }
        Ok(n_read)
    }
}

/// The files of a zip archive in its order, but for folders and what systems add.
pub(crate) fn members(archive: &SeekableFile) -> io::Result<Vec<Member>> {
    let mut zip = ZipArchive::new(BufReader::new(archive.open()?))?;
    if zip.len() > MAX_MEMBERS {
        let message = format!("expected an archive of at most {MAX_MEMBERS} files, found {}", zip.len());
        return Err(io::Error::other(message));
    }
    let mut members = Vec::with_capacity(zip.len());
    for n in 0..zip.len() {
        let file = zip.by_index_raw(n)?;
        let name = file.name()?.replace(char::is_control, " ");
        if file.is_dir() || name.starts_with("__MACOSX/") || is_hidden(Path::new(&name)) {
            continue;
        }
        members.push(Member {
            archive: archive.clone(),
            name,
            start: file.data_start().unwrap_or_default(),
            n_packed: file.compressed_size(),
            method: file.compression(),
            is_encrypted: file.encrypted(),
            crc: file.crc32(),
        });
    }
    Ok(members)
}

/// Whether the files of an archive make a workbook of a spreadsheet.
pub(crate) fn is_workbook(members: &[Member]) -> bool {
    members.iter().any(|member| member.name == "xl/workbook.xml")
}

/// Whether a file's beginning says that it holds no records.
pub(crate) fn holds_no_records(magic: &[u8]) -> bool {
    NO_RECORDS.iter().any(|start| magic.starts_with(start))
}

/// The files of a folder and of those in it, by name; without hidden ones, and without those that
/// hold no records.
///
/// # Errors
/// What reading the folders gives, and more files than an archive may have.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(&folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let kind = entry.file_type()?;
            // Links to folders could lead in circles.
            if is_hidden(&path) {
            } else if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() || (kind.is_symlink() && path.is_file()) {
                files.push(path);
            }
        }
        if files.len() > MAX_MEMBERS {
            return Err(io::Error::other(format!(
                "expected a folder of at most {MAX_MEMBERS} files, found more"
            )));
        }
    }
    files.retain(|path| !begins_without_records(path));
    files.sort();
    Ok(files)
}

fn begins_without_records(path: &Path) -> bool {
    let mut magic = Vec::new();
    // What cannot be opened stays, so that it is reported.
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut magic));
    read.is_ok() && holds_no_records(&magic)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}
