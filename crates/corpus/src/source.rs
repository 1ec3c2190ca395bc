//! What holds records, before it is read: a file, a file of an archive or folder, standard input, a body.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::archive::{self, Member, SeekableFile, ZIP_MAGIC};
use crate::error::{Place, ReadError};
use crate::input::{Compression, Input, Peeked};
use crate::reader::{ReadOptions, Records};
use crate::unpack::MAGIC_BYTES;
use crate::xlsx::Workbook;

/// Something that holds records, before it is read.
pub struct Source {
    name: Arc<str>,
    size: Option<u64>,
    stored: Stored,
}

enum Stored {
    /// Opened only when it is read: a folder may have more files than a process may hold open.
    File(PathBuf),
    Member(Member),
    Stream(Box<dyn Read + Send>),
    /// Text, whatever it begins with.
    Text(Box<dyn Read + Send>),
}

impl Source {
    /// A file, or standard input where the path is `-`. A zip archive is one of several files: see
    /// [`Source::open_all`].
    ///
    /// # Errors
    /// [`ReadError::Open`].
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        if path == Path::new("-") {
            return Ok(Self::from_reader("standard input", io::stdin()));
        }
        let cannot = |source| ReadError::Open { path: path.to_owned(), source };
        let metadata = File::open(path).and_then(|file| file.metadata()).map_err(cannot)?;
        if metadata.is_dir() {
            return Err(cannot(ErrorKind::IsADirectory.into()));
        }
        let size = metadata.is_file().then_some(metadata.len());
        Ok(Self { name: path.display().to_string().into(), size, stored: Stored::File(path.to_owned()) })
    }

    /// All that a path holds: a file, each file of a folder and of the folders in it, each file of a zip archive.
    ///
    /// Hidden files are left out, and files that hold no records by their first bytes (PDF, images).
    ///
    /// # Errors
    /// [`ReadError::Open`] if the path cannot be read, [`ReadError::Io`] for a broken archive.
    pub fn open_all(path: &Path) -> Result<Vec<Self>, ReadError> {
        if !fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
            return Self::open(path)?.members();
        }
        let files =
            archive::files(path).map_err(|source| ReadError::Open { path: path.to_owned(), source })?;
        let mut sources = Vec::with_capacity(files.len());
        for file in files {
            sources.extend(Self::open(&file)?.members()?);
        }
        Ok(sources)
    }

    /// Anything that gives bytes, such as a request's body; `name` stands for it in messages.
    pub fn from_reader(name: impl Into<Arc<str>>, reader: impl Read + Send + 'static) -> Self {
        Self { name: name.into(), size: None, stored: Stored::Stream(Box::new(reader)) }
    }

    /// The same for bytes that are known to be text: nothing is decompressed, whatever they begin with.
    pub fn from_text(name: impl Into<Arc<str>>, reader: impl Read + Send + 'static) -> Self {
        Self { name: name.into(), size: None, stored: Stored::Text(Box::new(reader)) }
    }

    /// What stands for it in messages: the path as given, `archive.zip/member.ris`, "standard input".
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Each file of a zip archive as a source of its own; anything else, workbooks too, as it is.
    ///
    /// # Errors
    /// [`ReadError::Io`] for an archive that is broken or cannot be copied to the disk.
    pub fn members(self) -> Result<Vec<Self>, ReadError> {
        let file = match self.archive()? {
            Ok(file) => file,
            Err(source) => return Ok(vec![source]),
        };
        let Archive { name, size, file, members } = file;
        if archive::is_workbook(&members) {
            return Ok(vec![file.source(name, size)]);
        }
        Ok(members
            .into_iter()
            .filter(|member| !member.begins_without_records())
            .map(|member| Self {
                name: format!("{name}/{}", member.name).into(),
                size: Some(member.n_packed),
                stored: Stored::Member(member),
            })
            .collect())
    }

    /// Starts reading: finds the compression, the encoding and, unless `options` names it, the format.
    ///
    /// # Errors
    /// [`ReadError::UnknownFormat`], [`ReadError::Unexpected`] for a table without a usable header,
    /// [`ReadError::Archive`] for a zip archive of several files, [`ReadError::Open`], [`ReadError::Io`].
    pub fn records(self, options: &ReadOptions) -> Result<Records, ReadError> {
        let source = match self.archive()? {
            Err(source) => source,
            Ok(Archive { name, size, file, members }) if archive::is_workbook(&members) => {
                return Ok(Records::of_workbook(Workbook::open(name, &file, &members)?, size, options));
            }
            Ok(archive) => {
                let n_files = archive.members.len();
                let name = Arc::clone(&archive.name);
                let mut sources = archive.file.source(archive.name, archive.size).members()?;
                match sources.pop() {
                    Some(only) if sources.is_empty() => only,
                    _ => return Err(ReadError::Archive { file: name, n_files }),
                }
            }
        };
        let consumed = Arc::new(AtomicU64::new(0));
        let Self { name, size, stored } = source;
        let compression = match stored {
            Stored::Text(_) => Compression::None,
            _ => Compression::Detected,
        };
        let stored = stored.read(&name)?;
        let input = Input::new(name, stored, compression, Arc::clone(&consumed))?;
        Records::open(input, size, consumed, options)
    }

    /// The archive that this is, or itself where it is none. A stream is copied to the disk then.
    fn archive(self) -> Result<Result<Archive, Self>, ReadError> {
        let Self { name, size, stored } = self;
        // An archive within an archive is no file of records.
        if let Stored::Member(_) | Stored::Text(_) = stored {
            return Ok(Err(Self { name, size, stored }));
        }
        let broken = |name: &Arc<str>, source| ReadError::Io {
            place: Place { file: Arc::clone(name), line: 1 },
            offset: 0,
            source,
        };
        let file = match stored {
            Stored::File(path) => {
                let mut magic = Vec::new();
                // What a pipe gave would be lost, so that only plain files are looked at.
                let is_archive = size.is_some()
                    && File::open(&path).and_then(|file| file.take(4).read_to_end(&mut magic)).is_ok()
                    && magic == ZIP_MAGIC;
                if !is_archive {
                    return Ok(Err(Self { name, size, stored: Stored::File(path) }));
                }
                SeekableFile::Path(path.into())
            }
            Stored::Stream(stream) => {
                let (magic, stream) = Peeked::new(stream, MAGIC_BYTES);
                if !magic.starts_with(ZIP_MAGIC) {
                    return Ok(Err(Self { name, size, stored: Stored::Stream(Box::new(stream)) }));
                }
                SeekableFile::copy(stream).map_err(|source| broken(&name, source))?
            }
            Stored::Member(_) | Stored::Text(_) => return Ok(Err(Self { name, size, stored })),
        };
        let members = archive::members(&file).map_err(|source| broken(&name, source))?;
        Ok(Ok(Archive { name, size, file, members }))
    }
}

/// A zip archive that was looked into.
struct Archive {
    name: Arc<str>,
    size: Option<u64>,
    file: SeekableFile,
    members: Vec<Member>,
}

impl SeekableFile {
    fn source(self, name: Arc<str>, size: Option<u64>) -> Source {
        let stored = match &self {
            Self::Path(path) => Stored::File(path.to_path_buf()),
            Self::Copy(_) => Stored::Stream(Box::new(Reopened { file: self, opened: None })),
        };
        Source { name, size, stored }
    }
}

/// A file that is opened at the first read.
struct Reopened {
    file: SeekableFile,
    opened: Option<File>,
}

impl Read for Reopened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.opened {
            Some(file) => file.read(buffer),
            None => self.opened.insert(self.file.open()?).read(buffer),
        }
    }
}

impl Stored {
    fn read(self, name: &Arc<str>) -> Result<Box<dyn Read + Send>, ReadError> {
        let cannot = |source| ReadError::Open { path: PathBuf::from(&**name), source };
        match self {
            Self::File(path) => Ok(Box::new(File::open(path).map_err(cannot)?)),
            Self::Member(member) => member.open().map_err(cannot),
            Self::Stream(stream) | Self::Text(stream) => Ok(stream),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("size", &self.size).finish_non_exhaustive()
    }
}
