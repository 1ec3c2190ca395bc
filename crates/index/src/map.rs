//! Memory maps of files that are written once and never changed.
#![allow(unsafe_code, reason = "mapping a file is unsafe; the reason why it is sound is below")]

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapOptions};

#[cfg(target_endian = "big")]
compile_error!("files are little-endian and read in place");

/// A whole file in memory, read-only.
#[derive(Debug)]
pub(crate) struct Map(Mmap);

impl Map {
    /// Maps the first `len` bytes of a file that has as many.
    pub(crate) fn new(file: &File, len: usize) -> io::Result<Self> {
        // SAFETY: a map is sound while nobody changes the file. Ours are written under a temporary
        // name, renamed when complete, and from then on only ever unlinked, which leaves a map whole.
        // Should something else write to one all the same, what is read is any bytes of the right
        // types (`u32`, `i8`, which have no invalid ones), and every use of a position or neighbour
        // id checks its range. A file that something else cuts short can end the process, as it can
        // that of every program which maps files; nothing is read out of bounds.
        let map = unsafe { MmapOptions::new().len(len).map(file) }?;
        Ok(Self(map))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tells the system that the file will be read here and there, so that reading ahead is wasted.
    pub(crate) fn advise_random(&self) {
        #[cfg(unix)]
        // Advice: what it fails to change is speed.
        let _ = self.0.advise(memmap2::Advice::Random);
    }
}
