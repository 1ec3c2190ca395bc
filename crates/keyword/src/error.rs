//! What can go wrong in this crate.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::TantivyError;
use tantivy::directory::error::{OpenDirectoryError, OpenReadError, OpenWriteError};

/// Why an index could not be opened, changed or searched.
///
/// [`calls_for_rebuild`](Self::calls_for_rebuild) tells the files' faults from the caller's and the system's.
#[derive(Debug, thiserror::Error)]
pub enum KeywordError {
    /// A file is not as it was written.
    #[error("{}: expected {expected}, found {found}; the keyword index has to be built again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should have been.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The files are of another store, recipe, or version of this crate.
    #[error(
        "{}: expected the keyword index of {expected}, found that of {found}; it has to be built again",
        path.display()
    )]
    OfAnother {
        /// The folder.
        path: PathBuf,
        /// The format, the analysis and the binding that were asked for.
        expected: String,
        /// Those of the files.
        found: String,
    },
    /// The system refused something.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The index was opened for reading.
    #[error("{}: expected an index opened with Access::Write, found Access::Read", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
    },
    /// A change would take the index back to an earlier generation.
    #[error("expected changes of generation {current} or later, found generation {found}")]
    GenerationBackwards {
        /// The index's generation.
        current: u64,
        /// The generation that was given.
        found: u64,
    },
    /// What gives the changes failed; none of them is applied.
    #[error("could not get the papers to be indexed")]
    Changes(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// tantivy failed.
    #[error("{}: could not {action} the keyword index", path.display())]
    Tantivy {
        /// What was tried.
        action: &'static str,
        /// The folder.
        path: PathBuf,
        /// What tantivy says.
        #[source]
        source: Box<TantivyError>,
    },
    /// tantivy panicked.
    #[error(
        "{}: could not {action} the keyword index: {message}; if this is seen again, build it again",
        path.display()
    )]
    Panicked {
        /// What was tried.
        action: &'static str,
        /// The folder.
        path: PathBuf,
        /// The panic's message.
        message: String,
    },
}

impl KeywordError {
    /// Whether the files are of no use: the caller builds the index again from the store, beginning with
    /// [`KeywordIndex::create`](crate::KeywordIndex::create).
    #[must_use]
    pub fn calls_for_rebuild(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::OfAnother { .. } | Self::Panicked { .. })
    }
}

/// An [`KeywordError::Io`] of a path.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeywordError {
    move |source| KeywordError::Io { action, path: path.to_owned(), source }
}

/// What tantivy's error means for the files in a folder.
pub(crate) fn of_tantivy(action: &'static str, dir: &Path) -> impl Fn(TantivyError) -> KeywordError {
    move |error| {
        let damaged =
            |path: &Path, expected, found| KeywordError::Damaged { path: dir.join(path), expected, found };
        match &error {
            TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(path)) => {
                damaged(path, "a file of the index", "none".to_owned())
            }
            TantivyError::OpenReadError(OpenReadError::IoError { io_error, filepath })
                if is_about_bytes(io_error) || is_no_file(io_error) =>
            {
                damaged(filepath, "the bytes that were written", io_error.to_string())
            }
            TantivyError::OpenDirectoryError(OpenDirectoryError::NotADirectory(path)) => {
                damaged(path, "a folder", "a file".to_owned())
            }
            TantivyError::OpenReadError(OpenReadError::IncompatibleIndex(found)) => {
                damaged(Path::new(""), "files of this version", format!("{found:?}"))
            }
            TantivyError::DataCorruption(found) => {
                damaged(Path::new(""), "the bytes that were written", format!("{found:?}"))
            }
            TantivyError::IoError(source) if is_about_bytes(source) => {
                damaged(Path::new(""), "the bytes that were written", source.to_string())
            }
            TantivyError::OpenReadError(OpenReadError::IoError { io_error, filepath })
            | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error, filepath }) => {
                io(action, &dir.join(filepath))(copy_of(io_error))
            }
            TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error, .. })
            | TantivyError::IoError(io_error) => io(action, dir)(copy_of(io_error)),
            _ => KeywordError::Tantivy { action, path: dir.to_owned(), source: Box::new(error) },
        }
    }
}

/// Whether an input error says that bytes were read, and are wrong.
fn is_about_bytes(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput
    )
}

/// Whether an error of opening a file says that there is none that can be read.
fn is_no_file(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::PermissionDenied, io::ErrorKind::IsADirectory, io::ErrorKind::NotADirectory];
    kinds.contains(&error.kind())
}

/// The shared error as one of its own that has it as its source.
fn copy_of(error: &Arc<io::Error>) -> io::Error {
    io::Error::new(error.kind(), Arc::clone(error))
}

/// Runs what reads tantivy's files, and makes a panic in it an error.
///
/// This is the last resort: every byte is checked before tantivy decodes it, so what is wrong with it was written so.
pub(crate) fn guarded<T>(
    action: &'static str,
    dir: &Path,
    work: impl FnOnce() -> Result<T, KeywordError>,
) -> Result<T, KeywordError> {
    // Nothing outlives a panic half-changed: what `work` builds is dropped, and a writer is thrown away.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(KeywordError::Panicked { action, path: dir.to_owned(), message: message_of(&*panic) })
    })
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
