//! Bytes of derived files: read piece by piece, and replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

/// What files of one kind begin with, before anything of their own: magic, version, length of the header, and what they are
/// bound to. They end in the XXH3-64 of all before.
pub(crate) struct Kind {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
    pub(crate) header_len: usize,
}

impl Kind {
    /// Adds the beginning.
    pub(crate) fn begin(&self, bytes: &mut Vec<u8>, binding: &[u8; 32]) {
        bytes.extend_from_slice(&self.magic);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&(self.header_len as u32).to_le_bytes());
        bytes.extend_from_slice(binding);
    }

    /// What follows the beginning; `None` for bytes of another kind, bound to something else, or damaged.
    pub(crate) fn open<'a>(&self, bytes: &'a [u8], binding: &[u8; 32]) -> Option<Cursor<'a>> {
        let (body, seal) = bytes.split_last_chunk::<8>()?;
        if xxh3_64(body) != u64::from_le_bytes(*seal) {
            return None;
        }
        let mut cursor = Cursor(body);
        let is_ours = cursor.take(8)? == self.magic
            && cursor.number()? == self.version as usize
            && cursor.number()? == self.header_len
            && cursor.take(32)? == binding;
        is_ours.then_some(cursor)
    }
}

/// Ends a file as [`Kind::open`] expects it.
pub(crate) fn seal(bytes: &mut Vec<u8>) {
    let seal = xxh3_64(bytes);
    bytes.extend_from_slice(&seal.to_le_bytes());
}

/// The bytes of a file; `None` where there is none.
///
/// # Errors
/// Why it could not be read, in words.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("`{}`: {error}", path.display())),
    }
}

/// Bytes that are read from the beginning on. Whatever is asked for beyond their end is `None`.
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A `u32`.
    pub(crate) fn number(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?) as usize)
    }

    /// A `u64`.
    pub(crate) fn long(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    /// An `f32` that is a number.
    pub(crate) fn real(&mut self) -> Option<f32> {
        let number = f32::from_le_bytes(*self.take(4)?.first_chunk()?);
        number.is_finite().then_some(number)
    }

    /// A text, its length before it as a `u32`.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let len = self.number()?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    /// `n` numbers of `N` bytes each.
    pub(crate) fn numbers<const N: usize, T>(
        &mut self,
        n: usize,
        number: fn([u8; N]) -> T,
    ) -> Option<Vec<T>> {
        let (numbers, _) = self.take(n.checked_mul(N)?)?.as_chunks::<N>();
        Some(numbers.iter().map(|bytes| number(*bytes)).collect())
    }

    /// `n` bytes, each 0 or 1.
    pub(crate) fn flags(&mut self, n: usize) -> Option<Vec<bool>> {
        self.take(n)?.iter().map(|byte| (*byte < 2).then_some(*byte == 1)).collect()
    }
}

/// Adds a text as [`Cursor::text`] reads it.
pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// Makes a file hold `bytes`, or leaves it as it is.
///
/// # Errors
/// Why it could not be written.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Of this process alone, since two may replace the same file at the same time.
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    replace_with(path, &temporary, |mut file| file.write_all(bytes))
}

/// Makes a file hold what is written to another first, or leaves it as it is.
///
/// # Errors
/// Why it could not be written.
pub(crate) fn replace_with(
    path: &Path,
    temporary: &Path,
    write: impl FnOnce(File) -> io::Result<()>,
) -> io::Result<()> {
    let written = File::create(temporary)
        .and_then(write)
        .and_then(|()| if path.is_dir() { fs::remove_dir_all(path) } else { Ok(()) })
        .and_then(|()| fs::rename(temporary, path));
    written.inspect_err(|_| {
        // The first failure is what is told.
        let _ = fs::remove_file(temporary);
    })
}
