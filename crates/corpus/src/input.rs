//! Bytes of a file to text: decompression, byte order marks, and a look at how the text begins.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Place, ReadError};

/// How much of the text its format is detected from.
const HEAD_BYTES: usize = 64 << 10;

/// Whether bytes may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// They are, where they begin so.
    Detected,
    /// They are not.
    None,
}

/// A decompressed text, before any of it is read.
pub(crate) struct Input {
    /// The file's name, for messages.
    pub(crate) file: Arc<str>,
    /// How the text begins: up to [`HEAD_BYTES`], without a byte order mark. `text` holds it too.
    pub(crate) head: Vec<u8>,
    /// The text from its beginning.
    pub(crate) text: Box<dyn BufRead + Send>,
    /// How many bytes of the stored file have been taken in.
    consumed: Arc<AtomicU64>,
}

impl Input {
    /// Looks at how `stored` begins, and decompresses it where its magic bytes say gzip or zstd.
    ///
    /// # Errors
    /// [`ReadError::Utf16`]; [`ReadError::Io`] if a decompressor cannot be set up. Other faults of
    /// reading come when the text is read to where they are.
    pub(crate) fn new(
        file: Arc<str>,
        stored: Box<dyn Read + Send>,
        compression: Compression,
        consumed: Arc<AtomicU64>,
    ) -> Result<Self, ReadError> {
        let (magic, stored) = Peeked::new(Counted { inner: stored, consumed: Arc::clone(&consumed) }, 4);
        let stored = BufReader::new(stored);
        let text: Box<dyn Read + Send> = match magic.as_slice() {
            _ if compression == Compression::None => Box::new(stored),
            [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(stored)),
            // A frame, or the skippable frame that some parallel compressors begin with.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                let decoder = zstd::stream::read::Decoder::with_buffer(stored).map_err(|source| {
                    ReadError::Io { place: Place { file: Arc::clone(&file), line: 1 }, offset: 0, source }
                })?;
                Box::new(decoder)
            }
            _ => Box::new(stored),
        };
        let (mut head, mut text) = Peeked::new(text, HEAD_BYTES);
        if is_utf16(&head) {
            return Err(ReadError::Utf16 { file });
        }
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
            text.head.set_position(3);
        }
        Ok(Self { file, head, text: Box::new(BufReader::with_capacity(HEAD_BYTES, text)), consumed })
    }

    /// A text that is at hand.
    pub(crate) fn of_bytes(text: &[u8]) -> Self {
        let text = text.to_vec();
        Self {
            file: "".into(),
            head: text.clone(),
            text: Box::new(Cursor::new(text)),
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

/// UTF-16 by its byte order mark, or by the zero beside its first character where that is ASCII.
fn is_utf16(head: &[u8]) -> bool {
    match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, second, ..] => (*first == 0) != (*second == 0),
        _ => false,
    }
}

/// Counts the bytes that are taken in.
struct Counted {
    inner: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        self.consumed.fetch_add(n_bytes as u64, Ordering::Relaxed);
        Ok(n_bytes)
    }
}

/// A reader whose first bytes were looked at, and which gives them again. An error met while looking
/// comes after the bytes before it, so that no good record is lost to it.
struct Peeked<R> {
    head: Cursor<Vec<u8>>,
    error: Option<io::Error>,
    rest: R,
}

impl<R: Read> Peeked<R> {
    /// The first `n_bytes`, or all where there are fewer, and the reader from its beginning.
    fn new(mut rest: R, n_bytes: usize) -> (Vec<u8>, Self) {
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
