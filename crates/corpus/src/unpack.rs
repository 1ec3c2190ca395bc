//! Decompression of single files: gzip, zstd, xz and bzip2 by their first bytes, with a bound on how much a
//! small file may turn into.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes a file may become in any case.
const FREE_BYTES: u64 = 256 << 20;
/// How many bytes each of its bytes may become beyond that. Texts of records become 5 to 30, and even one
/// paper written over and over stays below; bombs reach 1,000 (gzip) to 100,000 (zstd).
const MAX_RATIO: u64 = 300;
/// Most memory for an xz stream's window, in KiB: what `xz -9` needs, and some more.
const XZ_MEMORY_KIB: u32 = 100 << 10;

/// A text that a file becomes far too large for its size: what [`io::Error::get_ref`] of a reader's error holds.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a file that becomes at most {MAX_RATIO} times as large when it is decompressed, found one that is {n_packed} bytes \
     and becomes more than {n_bytes}; decompress it yourself if you trust it"
)]
pub(crate) struct TooDense {
    n_packed: u64,
    n_bytes: u64,
}

/// How many bytes at the start tell a compression.
pub(crate) const MAGIC_BYTES: usize = 8;

/// The text of `stored`, which begins with `magic`; `consumed` counts what is taken from it.
pub(crate) fn unpack(
    magic: &[u8],
    stored: impl Read + Send + 'static,
    consumed: &Arc<AtomicU64>,
) -> io::Result<Box<dyn Read + Send>> {
    let stored = BufReader::new(stored);
    let text: Box<dyn Read + Send> = match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(stored)),
        // A frame, or the skippable frame that some parallel compressors begin with.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(zstd::stream::read::Decoder::with_buffer(stored)?)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            Box::new(lzma_rust2::XzReader::new_mem_limit(stored, true, XZ_MEMORY_KIB))
        }
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => {
            Box::new(bzip2::bufread::MultiBzDecoder::new(stored))
        }
        _ => return Ok(Box::new(stored)),
    };
    Ok(Box::new(Bounded::new(text, Arc::clone(consumed))))
}

/// Stops where a decompressed text is too large for what it was made from.
pub(crate) struct Bounded<R> {
    inner: R,
    consumed: Arc<AtomicU64>,
    n_bytes: u64,
}

impl<R> Bounded<R> {
    pub(crate) fn new(inner: R, consumed: Arc<AtomicU64>) -> Self {
        Self { inner, consumed, n_bytes: 0 }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.inner.read(buffer)?;
        self.n_bytes += n_read as u64;
        let n_packed = self.consumed.load(Ordering::Relaxed);
        if self.n_bytes > FREE_BYTES && self.n_bytes > n_packed.saturating_mul(MAX_RATIO) {
            return Err(io::Error::other(TooDense { n_packed, n_bytes: self.n_bytes }));
        }
        Ok(n_read)
    }
}

/// Counts the bytes that are taken in.
pub(crate) struct Counted<R> {
    inner: R,
    consumed: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    pub(crate) fn new(inner: R, consumed: Arc<AtomicU64>) -> Self {
        Self { inner, consumed }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        self.consumed.fetch_add(n_bytes as u64, Ordering::Relaxed);
        Ok(n_bytes)
    }
}
