//! Where a pull writes: the model's folder, the manifest beside it, and the staging folder in which files wait
//! until they are whole.
//!
//! ```text
//! MODELS/NAME.toml              the manifest, written last
//! MODELS/NAME/                  the model
//! MODELS/.NAME.pull/lock        held while a pull runs; never removed, since removing a lock file is a race
//! MODELS/.NAME.pull/files/      files that are whole, and FILE.part for the one under way
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Expected};
use crate::error::HubError;

/// The places of one model, locked against other pulls for as long as this lives.
#[derive(Debug)]
pub(crate) struct Place {
    /// The folder that the model ends in.
    pub(crate) folder: PathBuf,
    /// The manifest beside it.
    pub(crate) manifest: PathBuf,
    staging: PathBuf,
    _lock: File,
}

impl Place {
    /// Makes the models folder if it is missing, and takes the lock of the model `name`.
    pub(crate) fn lock(models_dir: &Path, name: &str) -> Result<Self, HubError> {
        fs::create_dir_all(models_dir).map_err(at("create", models_dir))?;
        let own = models_dir.join(format!(".{name}.pull"));
        make_folder(&own)?;
        let lock = own.join("lock");
        length_of(&lock)?;
        let file = File::options().create(true).append(true).open(&lock).map_err(at("create", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(HubError::Busy { lock }),
            Err(TryLockError::Error(source)) => return Err(at("lock", &lock)(source)),
        }
        Ok(Self {
            folder: models_dir.join(name),
            manifest: models_dir.join(format!("{name}.toml")),
            staging: own.join("files"),
            _lock: file,
        })
    }

    /// Where a whole file waits, with the folders above it made.
    pub(crate) fn staged(&self, path: &str) -> Result<PathBuf, HubError> {
        below(&self.staging, path)
    }

    /// Where the file lies in the model's folder, with the folders above it made.
    pub(crate) fn settled(&self, path: &str) -> Result<PathBuf, HubError> {
        below(&self.folder, path)
    }

    /// Removes the staging folder once everything is in place.
    pub(crate) fn clear(&self) -> Result<(), HubError> {
        match fs::remove_dir_all(&self.staging) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(at("remove", &self.staging)(source))
            }
            _ => Ok(()),
        }
    }
}

/// The digest of the file at `path` if it is what was expected.
pub(crate) fn checked(path: &Path, expected: &Expected) -> Result<Option<Digest>, HubError> {
    if length_of(path)? != Some(expected.size) {
        return Ok(None);
    }
    let digest = Digest::of_file(path).map_err(at("read", path))?;
    Ok(Some(digest).filter(|digest| digest.is(expected)))
}

/// The size of the file at `path`, or None if there is nothing.
///
/// # Errors
/// [`HubError::Symlink`] if it is a symbolic link, [`HubError::Io`] if it is not a file.
pub(crate) fn length_of(path: &Path) -> Result<Option<u64>, HubError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => Err(HubError::Symlink { path: path.to_owned() }),
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
        Ok(_) => Err(at("use as a file", path)(io::ErrorKind::IsADirectory.into())),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(at("look at", path)(source)),
    }
}

/// Removes the file at `path`, if there is one.
pub(crate) fn remove_file(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(at("remove", path)(source)),
        _ => Ok(()),
    }
}

/// Moves a file whose content is on the disk, replacing what is there, and brings the move to the disk too.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), HubError> {
    fs::rename(from, to).map_err(at("move a file to", to))?;
    to.parent().map_or(Ok(()), flush)
}

/// Brings to the disk which files a folder has.
pub(crate) fn flush(folder: &Path) -> Result<(), HubError> {
    // Windows has no handle on a folder to flush; its file systems log moves themselves.
    if cfg!(unix) {
        File::open(folder).and_then(|file| file.sync_all()).map_err(at("flush", folder))?;
    }
    Ok(())
}

/// Turns an I/O error into ours, with what was tried and where.
pub(crate) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HubError {
    move |source| HubError::Io { action, path: path.to_owned(), source }
}

/// `root` joined with `path`, which is safe (see `listing::is_safe_path`), with the folders above it made.
fn below(root: &Path, path: &str) -> Result<PathBuf, HubError> {
    make_folder(root)?;
    let mut folder = root.to_owned();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        folder.push(part);
        if parts.peek().is_some() {
            make_folder(&folder)?;
        }
    }
    Ok(folder)
}

/// Makes one folder unless it is there.
///
/// # Errors
/// [`HubError::Symlink`] if something else is there through a symbolic link, which could lead anywhere.
fn make_folder(path: &Path) -> Result<(), HubError> {
    match fs::create_dir(path) {
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(at("create", path))?,
    }
    let metadata = fs::symlink_metadata(path).map_err(at("look at", path))?;
    if metadata.is_symlink() {
        return Err(HubError::Symlink { path: path.to_owned() });
    }
    if !metadata.is_dir() {
        return Err(at("use as a folder", path)(io::ErrorKind::NotADirectory.into()));
    }
    Ok(())
}
