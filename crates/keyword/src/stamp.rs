//! Whether files are as they were when they were checked.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::KeywordError;

/// A file that was checked: which one, how long, and when it was written to last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    path: PathBuf,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    /// Tells it from another file of its name; 0 where the system has no such number.
    number: u64,
    len: u64,
    modified: Option<SystemTime>,
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let number = 0;
        Self { number, len: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl Stamp {
    /// The file as it is now.
    pub(crate) fn of(path: PathBuf) -> io::Result<Self> {
        let state = State::of(&path.metadata()?);
        Ok(Self { path, state })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file is as it was. One that is gone, or has another in its place, is so for whoever has it open.
    ///
    /// # Errors
    /// [`KeywordError::Damaged`] if it was written to.
    pub(crate) fn check(&self) -> Result<(), KeywordError> {
        let Ok(metadata) = self.path.metadata() else { return Ok(()) };
        let now = State::of(&metadata);
        if now == self.state || now.number != self.state.number {
            return Ok(());
        }
        Err(KeywordError::Damaged {
            path: self.path.clone(),
            expected: "the file that was opened",
            found: format!("one of {} bytes that was written to since", now.len),
        })
    }
}
