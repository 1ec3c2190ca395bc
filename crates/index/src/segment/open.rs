//! Opening a segment file, and checking every byte of it.
//!
//! Header, rows and graph are checked before anything is answered. The vectors, some nine tenths of
//! the file, are checked by [`Segment::verify`], which a thread of the collection calls at once: a
//! wrong byte there can spoil an answer in the seconds before it is found, and nothing else.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::format::{HEADER_LEN, Header, LINKS, check, check_links, damaged, decode_upper};
use super::{Segment, Storage, part};
use crate::error::{IndexError, Section as Part};
use crate::files::{ALIGNMENT, Section, Stamp, io, read_at};
use crate::map::Map;
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

        let rows: Vec<u32> = part(&map, header.rows).to_vec();
        check(path, Part::Rows, header.rows.xxh3, xxh3_64(bytemuck::cast_slice(&rows)))?;
        if !rows.is_sorted_by(|a, b| a < b) {
            return Err(damaged(path, Part::Rows, "rows in ascending order, each once", "others"));
        }
        let slots = header.slots as usize;
        let links: &[u32] = part(&map, header.links);
        let (links_checked, links_xxh3) = rayon::join(
            || {
                links
                    .par_chunks((CHECKED_LISTS * slots).max(1))
                    .try_for_each(|links| check_links(links, slots, header.n))
            },
            || xxh3_64(bytemuck::cast_slice(links)),
        );
        check(path, Part::Links, header.links.xxh3, links_xxh3)?;
        links_checked.map_err(|found| damaged(path, Part::Links, LINKS, found))?;
        let upper_bytes: &[u8] = part(&map, header.upper);
        check(path, Part::UpperLayers, header.upper.xxh3, xxh3_64(upper_bytes))?;
        let upper = decode_upper(upper_bytes, &header, path)?;
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

    /// Checks the vectors and the values, the two sections that [`open`](Self::open) leaves.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        if let Storage::Mapped { file, path, header, .. } = &self.storage {
            let vectors: &[u8] = bytemuck::cast_slice(self.vectors());
            let (vectors, values) =
                rayon::join(|| xxh3_64(vectors), || hash_of(file, header.values).map_err(io("read", path)));
            check(path, Part::Vectors, header.vectors.xxh3, vectors)?;
            check(path, Part::Values, header.values.xxh3, values?)?;
        }
        self.mark_verified();
        Ok(())
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

    /// For a file that this process has just written.
    pub(crate) fn mark_verified(&self) {
        self.verified.store(true, Ordering::Release);
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
