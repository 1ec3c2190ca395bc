//! The file that lists a collection's segments, as docs/format.md specifies it. It is replaced as a
//! whole: what it lists is the collection, and every other file in the folder is a leftover.

use std::fs;

use xxhash_rust::xxh3::xxh3_64;

use super::snapshot::Live;
use crate::error::{IndexError, Section};
use crate::files::{Folder, io};
use crate::segment::format::{MAX_DIM, check, damaged};

pub(super) const NAME: &str = "manifest";
const MAGIC: [u8; 8] = *b"COGNMAN\n";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 80;
/// Bytes of a segment's entry before its dead positions.
const ENTRY_LEN: usize = 32;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) generation: u64,
    pub(super) next_number: u64,
    pub(super) dim: usize,
    pub(super) segments: Vec<Entry>,
}

/// A segment in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) n: u64,
    /// XXH3-64 of the file's header.
    pub(super) identity: u64,
    /// Positions of dead rows, ascending.
    pub(super) dead: Vec<u32>,
}

/// The name of the file of a segment.
pub(super) fn segment_name(number: u64) -> String {
    format!("segment-{number:08}")
}

/// Whether a file of this name is one of a collection's.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with("segment-") || name.starts_with(NAME)
}

impl Entry {
    pub(super) fn of(live: &Live) -> Self {
        Self {
            number: live.number,
            n: live.segment.len() as u64,
            identity: live.segment.identity(),
            dead: live.dead.iter().map(|position| position as u32).collect(),
        }
    }
}

impl Manifest {
    fn encode(&self, binding: &[u8; 32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(HEADER_LEN as u32).to_le_bytes());
        bytes.extend_from_slice(binding);
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.next_number.to_le_bytes());
        bytes.extend_from_slice(&(self.dim as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.segments.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        for segment in &self.segments {
            for number in [segment.number, segment.n, segment.identity, segment.dead.len() as u64] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            for position in &segment.dead {
                bytes.extend_from_slice(&position.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// Replaces the file; when this returns, the list is on disk.
    pub(super) fn write(&self, folder: &Folder, binding: &[u8; 32]) -> Result<(), IndexError> {
        folder.write(NAME, |writer| writer.put(&self.encode(binding)))
    }

    /// Reads the file; `None` where there is none.
    ///
    /// # Errors
    /// [`IndexError::Io`], and what is not as it was written.
    pub(super) fn read(folder: &Folder, binding: &[u8; 32]) -> Result<Option<Self>, IndexError> {
        let path = folder.path_of(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("read", &path)(error)),
        };
        if bytes.len() < HEADER_LEN + 8 {
            let found = format_args!("{} bytes", bytes.len());
            return Err(damaged(&path, Section::Header, &format!("{} bytes or more", HEADER_LEN + 8), found));
        }
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if bytes[..8] != MAGIC {
            let found = String::from_utf8_lossy(&bytes[..8]);
            return Err(damaged(
                &path,
                Section::Header,
                "it to begin with \"COGNMAN\\n\"",
                format_args!("{found:?}"),
            ));
        }
        if u32_at(8) != VERSION {
            return Err(IndexError::UnknownVersion { path, expected: VERSION, found: u32_at(8) });
        }
        let end = bytes.len() - 8;
        check(&path, Section::Segments, u64_at(end), xxh3_64(&bytes[..end]))?;
        if bytes[16..48] != *binding {
            return Err(IndexError::OfAnotherStore { path });
        }
        let wrong =
            |found: String| Err(damaged(&path, Section::Segments, "segments and their dead rows", found));
        let n_segments = u32_at(68) as usize;
        let mut segments = Vec::new();
        let mut at = HEADER_LEN;
        for _ in 0..n_segments {
            if end - at < ENTRY_LEN {
                return wrong(format!("{n_segments} segments in {end} bytes"));
            }
            let (number, n, identity, n_dead) =
                (u64_at(at), u64_at(at + 8), u64_at(at + 16), u64_at(at + 24));
            at += ENTRY_LEN;
            if n_dead > ((end - at) / 4) as u64 {
                return wrong(format!("{n_dead} dead rows in {} bytes", end - at));
            }
            let dead: Vec<u32> = (0..n_dead as usize).map(|index| u32_at(at + 4 * index)).collect();
            at += 4 * dead.len();
            let in_range = dead.last().is_none_or(|&last| u64::from(last) < n);
            if !in_range || !dead.is_sorted_by(|a, b| a < b) {
                return wrong(format!("dead rows of segment {number} that are no positions in it"));
            }
            segments.push(Entry { number, n, identity, dead });
        }
        let manifest =
            Self { generation: u64_at(48), next_number: u64_at(56), dim: u32_at(64) as usize, segments };
        if !(1..=MAX_DIM).contains(&manifest.dim) || manifest.encode(binding) != bytes {
            return wrong("fields that no release writes".to_owned());
        }
        Ok(Some(manifest))
    }
}
