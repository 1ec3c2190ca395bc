//! Bytes of a file to UTF-8 text: decompression, encoding, and a look at how the text begins.

use std::io::{self, BufRead, Cursor, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::encoding::{Found, Utf8Reader};
use crate::error::{Place, ReadError};
use crate::unpack::{Counted, MAGIC_BYTES, unpack};

/// Whether bytes may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// They are, where they begin so.
    Detected,
    /// They are not.
    None,
}

/// A decompressed text in UTF-8, before any of it is read.
pub(crate) struct Input {
    /// The file's name, for messages.
    pub(crate) file: Arc<str>,
    /// How the text begins, without a byte order mark. `text` holds it too.
    pub(crate) head: Vec<u8>,
    /// The text from its beginning. What is not UTF-8 in the file is made UTF-8.
    pub(crate) text: Box<dyn BufRead + Send>,
    /// The encoding of the file where it is not UTF-8, once that was met.
    pub(crate) encoding: Found,
    /// How many bytes of the stored file have been taken in.
    consumed: Arc<AtomicU64>,
}

impl Input {
    /// Looks at how `stored` begins, decompresses it, and decodes it.
    ///
    /// # Errors
    /// [`ReadError::Io`] if a decompressor cannot be set up. Faults of reading come when the text is read to
    /// where they are.
    pub(crate) fn new(
        file: Arc<str>,
        stored: impl Read + Send + 'static,
        compression: Compression,
        consumed: Arc<AtomicU64>,
    ) -> Result<Self, ReadError> {
        let (mut magic, stored) = Peeked::new(Counted::new(stored, Arc::clone(&consumed)), MAGIC_BYTES);
        if compression == Compression::None {
            magic.clear();
        }
        let text = unpack(&magic, stored, &consumed).map_err(|source| ReadError::Io {
            place: Place { file: Arc::clone(&file), line: 1 },
            offset: 0,
            source,
        })?;
        let encoding = Found::default();
        let mut text = Utf8Reader::new(text, Arc::clone(&encoding));
        // A fault comes again, or with more before it, when the text is read.
        let (head, error) = match text.fill_buf() {
            Ok(head) => (head.to_vec(), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let text: Box<dyn BufRead + Send> = match error {
            None => Box::new(text),
            Some(error) => Box::new(Fault(Some(error))),
        };
        Ok(Self { file, head, text, encoding, consumed })
    }

    /// A text that is at hand.
    #[cfg(test)]
    pub(crate) fn of_bytes(text: &[u8]) -> Self {
        let text = text.to_vec();
        Self {
            file: "".into(),
            head: text.clone(),
            text: Box::new(io::Cursor::new(text)),
            encoding: Found::default(),
            consumed: Arc::default(),
        }
    }

    /// A fault of reading, met on `line`.
    pub(crate) fn io_error(&self, line: u64, source: io::Error) -> ReadError {
        ReadError::Io { place: self.place(line), offset: self.consumed.load(Ordering::Relaxed), source }
    }

    /// A line of this file.
    pub(crate) fn place(&self, line: u64) -> Place {
        Place { file: Arc::clone(&self.file), line }
    }

    /// The bytes at hand of what is left of the text; empty at its end. `line` is for the error.
    pub(crate) fn fill(&mut self, line: u64) -> Result<&[u8], ReadError> {
        while let Err(error) = self.text.fill_buf() {
            if error.kind() != ErrorKind::Interrupted {
                return Err(self.io_error(line, error));
            }
        }
        // Again, since the borrow above could not outlive its loop; the bytes are there already.
        self.text.fill_buf().map_err(|source| ReadError::Io {
            place: Place { file: Arc::clone(&self.file), line },
            offset: self.consumed.load(Ordering::Relaxed),
            source,
        })
    }
}

/// A text that cannot be read at all.
struct Fault(Option<io::Error>);

impl Read for Fault {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.fill_buf().map(<[u8]>::len)
    }
}

impl BufRead for Fault {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.take().map_or(Ok(&[]), Err)
    }

    fn consume(&mut self, _: usize) {}
}

/// A reader whose first bytes were looked at, and which gives them again. An error met while looking
/// comes after the bytes before it, so that no good record is lost to it.
pub(crate) struct Peeked<R> {
    head: Cursor<Vec<u8>>,
    error: Option<io::Error>,
    rest: R,
}

impl<R: Read> Peeked<R> {
    /// The first `n_bytes`, or all where there are fewer, and the reader from its beginning.
    pub(crate) fn new(mut rest: R, n_bytes: usize) -> (Vec<u8>, Self) {
        let mut head = vec![0; n_bytes];
        let mut n_read = 0;
        let mut error = None;
        while n_read < n_bytes {
            match rest.read(&mut head[n_read..]) {
                Ok(0) => break,
                Ok(n) => n_read += n,
                Err(interrupted) if interrupted.kind() == ErrorKind::Interrupted => {}
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            }
        }
        head.truncate(n_read);
        (head.clone(), Self { head: Cursor::new(head), error, rest })
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.head.read(buffer)?;
        if n_bytes > 0 || buffer.is_empty() {
            return Ok(n_bytes);
        }
        match self.error.take() {
            Some(error) => Err(error),
            None => self.rest.read(buffer),
        }
    }
}
