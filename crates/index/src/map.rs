//! Memory maps of files that are written once and never changed, and of memory that is filled once.
#![allow(unsafe_code, reason = "mapping a file is unsafe; the reason why it is sound is below")]

use std::fs::File;
use std::io;
use std::ops::Range;

use memmap2::{Mmap, MmapMut, MmapOptions};

#[cfg(target_endian = "big")]
compile_error!("files are little-endian and read in place");

/// A whole file in memory, or what was copied into memory; read-only.
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

    /// Memory of `len` bytes, which `fill` writes. It lies on large pages where the system has them: a walk goes from one
    /// page to another at nearly every step, and the processor remembers where some thousands of pages are.
    pub(crate) fn filled<E: From<io::Error>>(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut memory = MmapMut::map_anon(len)?;
        #[cfg(target_os = "linux")]
        // Advice: what it fails to change is speed.
        let _ = memory.advise(memmap2::Advice::HugePage);
        fill(&mut memory)?;
        Ok(Self(memory.make_read_only()?))
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
    /// Gives back the memory of a part of a file's map: what is read there again is read from the file.
    pub(crate) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if range.end <= self.0.len() && !range.is_empty() {
            // SAFETY: this is for maps of files, which are shared and never written through: the pages that are
            // dropped hold what the file holds, and come back with the same bytes when they are touched.
            let _ = unsafe {
                self.0.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len())
            };
        }
        #[cfg(not(unix))]
        let _ = range;
    }
}

/// Memory that the system could give now, where it says.
pub(crate) fn available_memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
