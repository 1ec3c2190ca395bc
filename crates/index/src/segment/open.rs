//! Opening a segment file, and checking every byte of it.
//!
//! Header, rows and graph are read into memory and checked before anything is answered. The vectors, some nine
//! tenths of the file, are checked by [`Segment::verify`], which a thread of the collection calls at once, and which
//! copies what walks need of them into memory: a wrong byte there can spoil an answer in the seconds before it is
//! found, and nothing else.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::format::{HEADER_LEN, Header, LINKS, check, check_links, damaged, decode_upper};
use super::{Layout, Segment, Storage, Wide};
use crate::codes::Codes;
use crate::error::{IndexError, Section as Part};
use crate::files::{ALIGNMENT, Section, Stamp, io, read_at};
use crate::map::{Map, available_memory};
use crate::quantize;

/// Lists that one thread checks at a time.
const CHECKED_LISTS: usize = 16_384;
/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

impl Segment {
    /// Opens a file that [`write`](super::write) wrote with the same `binding`, and checks its
    /// header, rows and graph.
    ///
    /// # Errors
    /// [`IndexError::Io`], and errors that name the section which is not as it was written.
    pub(crate) fn open(path: &Path, binding: &[u8; 32]) -> Result<Self, IndexError> {
        let file = File::open(path).map_err(io("open", path))?;
        let stamp = Stamp::of(&file).map_err(io("read the length of", path))?;
        let file_len = stamp.len;
        if file_len < HEADER_LEN as u64 {
            let found = format_args!("a file of {file_len} bytes");
            return Err(damaged(path, Part::Header, &format!("{HEADER_LEN} bytes"), found));
        }
        let mut bytes = [0; HEADER_LEN];
        read_at(&file, &mut bytes, 0).map_err(io("read", path))?;
        let header = Header::decode(&bytes, path, binding)?;
        if file_len != header.file_len {
            let expected = format!("a file of {} bytes", header.file_len);
            return Err(damaged(path, header.part_at(file_len), &expected, format_args!("{file_len} bytes")));
        }
        let len = usize::try_from(file_len).map_err(|_| {
            damaged(path, Part::Header, "a file that fits into memory addresses", format_args!("{file_len}"))
        })?;
        let map = Map::new(&file, len).map_err(io("map", path))?;

        let mut rows = vec![0_u32; header.n];
        read_at(&file, bytemuck::cast_slice_mut(&mut rows), header.rows.start).map_err(io("read", path))?;
        check(path, Part::Rows, header.rows.xxh3, xxh3_64(bytemuck::cast_slice(&rows)))?;
        if !rows.is_sorted_by(|a, b| a < b) {
            return Err(damaged(path, Part::Rows, "rows in ascending order, each once", "others"));
        }
        let links = read_links(&file, &header, path)?;
        let mut upper = vec![0; header.upper.len as usize];
        read_at(&file, &mut upper, header.upper.start).map_err(io("read", path))?;
        check(path, Part::UpperLayers, header.upper.xxh3, xxh3_64(&upper))?;
        let upper = decode_upper(&upper, &header, path)?;
        for (part, section) in header.parts() {
            check_padding(&map, path, part, section)?;
        }
        map.advise_random();

        Ok(Self {
            dim: header.dim,
            stride: quantize::stride(header.dim),
            scale: header.scale,
            residual: header.residual,
            upper: (header.slots > 0 && header.n > 0).then_some(upper),
            storage: Storage::Mapped {
                map,
                rows,
                links,
                vectors: OnceLock::new(),
                wide: OnceLock::new(),
                file,
                stamp,
                path: path.to_owned(),
                header: Box::new(header),
            },
            row_set: OnceLock::new(),
            scratches: Mutex::default(),
            verified: AtomicBool::new(false),
        })
    }

    /// Checks the vectors and the values, the two sections that [`open`](Self::open) leaves, and copies into memory what the
    /// layout asks for, where that leaves as much free.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub(crate) fn verify(&self, layout: Layout) -> Result<(), IndexError> {
        if let Storage::Mapped { map, vectors, wide, file, path, header, .. } = &self.storage {
            let is_wide = layout == Layout::Wide && self.has_graph();
            let copy_vectors = || {
                let copied = checked(file, path, (Part::Vectors, header.vectors), true)?;
                Ok(copied.is_some_and(|copied| vectors.set(copied).is_ok()))
            };
            let (is_copied, values) =
                rayon::join(copy_vectors, || checked(file, path, (Part::Values, header.values), is_wide));
            if is_copied? {
                // A walk that began before still reads the map, and has it mapped again as fast as it is given back;
                // such walks have most likely ended while the values were read.
                let start = header.vectors.start as usize;
                map.release(start..start + header.vectors.len as usize);
            }
            if let Some(values) = values?
                && let Some(codes) = self.codes()
            {
                let _ = wide.set(Wide { codes, values });
            }
        }
        self.verified.store(true, Ordering::Release);
        Ok(())
    }

    /// Codes of the neighbours in the graph, where they leave as much memory free.
    fn codes(&self) -> Option<Codes> {
        let (terrain, _) = self.graph()?;
        if !is_free(Codes::len_for(terrain) as u64) {
            return None;
        }
        Codes::make(terrain, self.scale).inspect_err(warn_slow).ok()
    }

    /// Whether the file is as it was opened, as far as its length and time of change tell. To be asked before the map is
    /// read: a file that something cut short cannot be read there, and what something wrote to it is not what was
    /// checked.
    ///
    /// # Errors
    /// [`IndexError::Damaged`] if it was written to.
    pub(crate) fn check_unchanged(&self) -> Result<(), IndexError> {
        let Storage::Mapped { file, path, stamp, .. } = &self.storage else { return Ok(()) };
        let now = Stamp::of(file).map_err(io("read the length of", path))?;
        if now == *stamp {
            return Ok(());
        }
        let found = format_args!("one of {} bytes that was written to since", now.len);
        Err(damaged(path, Part::Header, &format!("the file of {} bytes that was opened", stamp.len), found))
    }

    /// What tells this file from every other of its name.
    pub(crate) fn identity(&self) -> u64 {
        match &self.storage {
            Storage::Memory { .. } => 0,
            Storage::Mapped { header, .. } => xxh3_64(&header.encode()),
        }
    }
}

impl Header {
    fn parts(&self) -> [(Part, Section); 5] {
        [
            (Part::Rows, self.rows),
            (Part::Links, self.links),
            (Part::UpperLayers, self.upper),
            (Part::Vectors, self.vectors),
            (Part::Values, self.values),
        ]
    }

    /// The part in which a file of `len` bytes ends; the last, if it is too long.
    fn part_at(&self, len: u64) -> Part {
        let part = self.parts().into_iter().find(|(_, section)| len < section.start + section.len);
        part.map_or(Part::Values, |(part, _)| part)
    }
}

/// The links in memory, checked.
fn read_links(file: &File, header: &Header, path: &Path) -> Result<Map, IndexError> {
    let len = header.links.len as usize;
    let read = |memory: &mut [u8]| read_at(file, memory, header.links.start);
    let read = Map::filled(len, read).map_err(io("read", path))?;
    let links: &[u32] = bytemuck::cast_slice(read.bytes());
    let slots = header.slots as usize;
    let (checked, xxh3) = rayon::join(
        || {
            links
                .par_chunks((CHECKED_LISTS * slots).max(1))
                .try_for_each(|links| check_links(links, slots, header.n))
        },
        || xxh3_64(read.bytes()),
    );
    check(path, Part::Links, header.links.xxh3, xxh3)?;
    checked.map_err(|found| damaged(path, Part::Links, LINKS, found))?;
    Ok(read)
}

/// Checks a section, and gives it in memory where that is wanted and leaves as much free.
fn checked(
    file: &File,
    path: &Path,
    (part, section): (Part, Section),
    is_wanted: bool,
) -> Result<Option<Map>, IndexError> {
    let copy = if is_wanted { copy_of(file, section) } else { None };
    let found = match &copy {
        Some(copy) => xxh3_64(copy.bytes()),
        None => hash_of(file, section).map_err(io("read", path))?,
    };
    check(path, part, section.xxh3, found).map(|()| copy)
}

/// A section read into memory, where at least as much stays free; `None` where it cannot be.
fn copy_of(file: &File, section: Section) -> Option<Map> {
    if section.len == 0 || !is_free(section.len) {
        return None;
    }
    let copy = Map::filled(section.len as usize, |memory| read_at(file, memory, section.start));
    copy.inspect_err(warn_slow).ok()
}

/// Whether so many bytes of memory are free, and as many again.
fn is_free(bytes: u64) -> bool {
    available_memory().is_none_or(|free| free / 2 >= bytes)
}

fn warn_slow(error: &std::io::Error) {
    tracing::warn!("could not copy a segment's vectors into memory, where walks are faster: {error}");
}

fn check_padding(map: &Map, path: &Path, part: Part, section: Section) -> Result<(), IndexError> {
    let end = section.start + section.len;
    let padding = map.bytes().get(end as usize..end.next_multiple_of(ALIGNMENT) as usize).unwrap_or(&[]);
    if padding.iter().any(|&byte| byte != 0) {
        return Err(damaged(path, part, "zeros after its end", "other bytes"));
    }
    Ok(())
}

/// The checksum of a section that is read, not mapped, so that it takes no memory.
fn hash_of(file: &File, section: Section) -> std::io::Result<u64> {
    let mut hash = Xxh3::new();
    let mut piece = vec![0; PIECE.min(section.len as usize)];
    let mut at = section.start;
    let end = section.start + section.len;
    while at < end {
        let len = PIECE.min((end - at) as usize);
        read_at(file, &mut piece[..len], at)?;
        hash.update(&piece[..len]);
        at += len as u64;
    }
    Ok(hash.digest())
}
