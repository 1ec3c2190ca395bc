//! The header and the upper layers of a segment file, as docs/format.md specifies them.

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{IndexError, Section as Part};
use crate::files::{ALIGNMENT, Section};
use crate::quantize;
use crate::walk::{Layer, MAX_POINTS, NO_POINT, Upper};

const MAGIC: [u8; 8] = *b"COGNSEG\n";
const VERSION: u32 = 1;
pub(crate) const HEADER_LEN: usize = 256;
/// More components than any embedding model gives; a bound for what a header can ask for.
pub(crate) const MAX_DIM: usize = 65_536;
/// The most neighbours of a point that a header can ask for.
const MAX_SLOTS: u32 = 1024;
/// Longer files than any disk holds are refused before sums over their sections could overflow.
const MAX_FILE_LEN: u64 = 1 << 60;
/// The most layers above the lowest.
const MAX_LAYERS: u32 = 32;

/// A segment's header: all fields that do not follow from others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub(crate) binding: [u8; 32],
    pub(crate) n: usize,
    pub(crate) dim: usize,
    pub(crate) scale: f32,
    pub(crate) residual: f32,
    /// Neighbours of a point in the lowest layer; 0 where there is no graph.
    pub(crate) slots: u32,
    pub(crate) n_layers: u32,
    pub(crate) entry: u32,
    pub(crate) rows: Section,
    pub(crate) links: Section,
    pub(crate) upper: Section,
    pub(crate) vectors: Section,
    pub(crate) values: Section,
    pub(crate) file_len: u64,
}

/// An error about a part of the file at `path`.
pub(crate) fn damaged(path: &Path, part: Part, expected: &str, found: impl std::fmt::Display) -> IndexError {
    IndexError::Damaged {
        path: path.to_owned(),
        section: part,
        expected: expected.to_owned(),
        found: found.to_string(),
    }
}

/// Checks a section's bytes.
pub(crate) fn check(path: &Path, part: Part, expected: u64, found: u64) -> Result<(), IndexError> {
    if expected == found {
        return Ok(());
    }
    Err(damaged(path, part, &format!("checksum {expected:016x}"), format_args!("{found:016x}")))
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(HEADER_LEN as u32).to_le_bytes());
        bytes.extend_from_slice(&self.binding);
        bytes.extend_from_slice(&(self.n as u64).to_le_bytes());
        bytes.extend_from_slice(&(self.dim as u32).to_le_bytes());
        bytes.extend_from_slice(&(quantize::stride(self.dim) as u32).to_le_bytes());
        bytes.extend_from_slice(&self.scale.to_le_bytes());
        bytes.extend_from_slice(&self.residual.to_le_bytes());
        for number in [self.slots, self.n_layers, self.entry, 0] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for section in [self.rows, self.links, self.upper, self.vectors, self.values] {
            for number in [section.start, section.len, section.xxh3] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&self.file_len.to_le_bytes());
        bytes.resize(HEADER_LEN - 8, 0);
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        let mut header = [0; HEADER_LEN];
        header.copy_from_slice(&bytes);
        header
    }

    /// Reads a header and checks that every field is what the others imply.
    pub(crate) fn decode(
        bytes: &[u8; HEADER_LEN],
        path: &Path,
        binding: &[u8; 32],
    ) -> Result<Self, IndexError> {
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        let section = |number: usize| {
            let at = 88 + 24 * number;
            Section { start: u64_at(at), len: u64_at(at + 8), xxh3: u64_at(at + 16) }
        };
        if bytes[..8] != MAGIC {
            let found = String::from_utf8_lossy(&bytes[..8]);
            return Err(damaged(
                path,
                Part::Header,
                "it to begin with \"COGNSEG\\n\"",
                format_args!("{found:?}"),
            ));
        }
        if u32_at(8) != VERSION {
            return Err(IndexError::UnknownVersion {
                path: path.to_owned(),
                expected: VERSION,
                found: u32_at(8),
            });
        }
        check(path, Part::Header, u64_at(HEADER_LEN - 8), xxh3_64(&bytes[..HEADER_LEN - 8]))?;
        if bytes[16..48] != *binding {
            return Err(IndexError::OfAnotherStore { path: path.to_owned() });
        }
        let (n, dim) = (u64_at(48), u32_at(56) as usize);
        if n > MAX_POINTS as u64 || !(1..=MAX_DIM).contains(&dim) {
            let expected = format!("at most {MAX_POINTS} rows of 1 to {MAX_DIM} components");
            return Err(damaged(path, Part::Header, &expected, format_args!("{n} rows of {dim}")));
        }
        let header = Self {
            binding: *binding,
            n: n as usize,
            dim,
            scale: f32::from_bits(u32_at(64)),
            residual: f32::from_bits(u32_at(68)),
            slots: u32_at(72),
            n_layers: u32_at(76),
            entry: u32_at(80),
            rows: section(0),
            links: section(1),
            upper: section(2),
            vectors: section(3),
            values: section(4),
            file_len: u64_at(208),
        };
        header.check_fields(path, bytes)?;
        Ok(header)
    }

    fn check_fields(&self, path: &Path, bytes: &[u8; HEADER_LEN]) -> Result<(), IndexError> {
        let wrong = |expected: &str, found: String| Err(damaged(path, Part::Header, expected, found));
        let is_measure = |number: f32| number.is_finite() && number > 0.0;
        if !is_measure(self.scale) || !is_measure(self.residual + f32::MIN_POSITIVE) {
            return wrong("a scale above 0 and a residual", format!("{} and {}", self.scale, self.residual));
        }
        if self.slots > MAX_SLOTS || self.n_layers > MAX_LAYERS {
            return wrong("a graph", format!("{} slots, {} layers", self.slots, self.n_layers));
        }
        if self.slots > 0 && self.entry as usize >= self.n.max(1) {
            return wrong("an entry among the rows", format!("{} of {}", self.entry, self.n));
        }
        if self.file_len > MAX_FILE_LEN {
            return wrong("a file of a length that can be", format!("{} bytes", self.file_len));
        }
        let n = self.n as u64;
        let lens = [
            4 * n,
            4 * n * u64::from(self.slots),
            self.upper.len,
            n * quantize::stride(self.dim) as u64,
            2 * n * self.dim as u64,
        ];
        let mut at = HEADER_LEN as u64;
        let sections = [self.rows, self.links, self.upper, self.vectors, self.values];
        for (section, len) in sections.into_iter().zip(lens) {
            // A length up to the file's, so that nothing below overflows.
            if section.start != at || section.len != len || len > self.file_len {
                return wrong(
                    "sections one after another, as long as the counts imply",
                    format!("{section:?}"),
                );
            }
            at = (at + len).next_multiple_of(ALIGNMENT);
        }
        if at != self.file_len {
            return wrong(&format!("a file of {at} bytes"), format!("{}", self.file_len));
        }
        if self.encode() != *bytes {
            return wrong("zeros in what is reserved", "others".to_owned());
        }
        Ok(())
    }
}

/// The upper layers as bytes: for each, `u32` members, `u32` slots, then members and lists.
pub(crate) fn encode_upper(upper: &Upper) -> Vec<u8> {
    let mut bytes = Vec::new();
    for layer in &upper.layers {
        for number in [layer.members.len() as u32, layer.slots as u32] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for number in layer.members.iter().chain(&layer.links) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    bytes
}

/// Reads and validates the upper layers: members ascend below `n`, neighbours lie below `n`.
pub(crate) fn decode_upper(bytes: &[u8], header: &Header, path: &Path) -> Result<Upper, IndexError> {
    let wrong = |expected: &str, found: String| damaged(path, Part::UpperLayers, expected, found);
    let mut numbers = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let mut n_left = bytes.len() / 4;
    let mut layers = Vec::new();
    for _ in 0..header.n_layers {
        let (Some(n_members), Some(slots)) = (numbers.next(), numbers.next()) else {
            return Err(wrong("the sizes of each layer", format!("{} bytes", bytes.len())));
        };
        let (n_members, slots) = (n_members as usize, slots as usize);
        n_left -= 2;
        let needed = n_members.saturating_mul(slots.saturating_add(1));
        if needed > n_left || slots > MAX_SLOTS as usize {
            return Err(wrong("layers that fit the section", format!("{n_members} members of {slots}")));
        }
        n_left -= needed;
        let members: Vec<u32> = numbers.by_ref().take(n_members).collect();
        let links: Vec<u32> = numbers.by_ref().take(n_members * slots).collect();
        if !members.is_sorted_by(|a, b| a < b)
            || members.last().is_some_and(|&last| last as usize >= header.n)
        {
            return Err(wrong("ascending positions of rows as members", "others".to_owned()));
        }
        check_links(&links, slots, header.n).map_err(|found| wrong(LINKS, found))?;
        layers.push(Layer::new(members, links, slots));
    }
    if n_left != 0 || !bytes.len().is_multiple_of(4) {
        return Err(wrong("nothing after the layers", format!("{n_left} numbers more")));
    }
    Ok(Upper { layers, entry: header.entry })
}

/// What [`check_links`] expects.
pub(crate) const LINKS: &str = "lists of neighbours that are rows, filled up at the end";

/// Checks lists `[.., slots]`: positions below `n`, then nothing but [`NO_POINT`].
pub(crate) fn check_links(links: &[u32], slots: usize, n: usize) -> Result<(), String> {
    if slots == 0 {
        return if links.is_empty() { Ok(()) } else { Err("links without places".to_owned()) };
    }
    for list in links.chunks_exact(slots) {
        // Without branches: this reads the whole graph before the first answer.
        let len = list.iter().filter(|&&point| point != NO_POINT).count();
        let n_valid = list.iter().filter(|&&point| (point as usize) < n).count();
        let n_before = list[..len].iter().filter(|&&point| point != NO_POINT).count();
        if n_valid != len || n_before != len {
            return Err(format!("{list:?} among {n} rows"));
        }
    }
    Ok(())
}
