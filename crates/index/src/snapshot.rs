//! The file that holds a set, so that a server opens without reading the store. The format is
//! specified field by field in docs/format.md; this module is its only reader and writer.
//!
//! The file is derived: anything wrong with it, down to one bit, is an error, and the engine then
//! writes it anew. Nothing is allocated on the word of a header that the file's length does not back.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cognate_vector::{UnitVector, VectorError};
use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::error::{IndexError, Section};
use crate::matrix::MatrixBuilder;
use crate::vector_set::VectorSet;

const MAGIC: [u8; 8] = *b"COGNVEC\n";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 192;
const ALIGNMENT: u64 = 64;
/// More components than any embedding model gives; a bound for what a header can ask for.
const MAX_DIM: u32 = 65_536;
/// Vectors that are converted at a time.
const CHUNK_ROWS: usize = 4096;

/// Writes a set to `path`, replacing what is there at once or not at all: a temporary file in the
/// same folder (`path` with `.tmp` added) is written, synced and renamed, and the folder synced.
/// `binding` is 32 bytes of the caller's that [`read_snapshot`] must be given again. One process
/// at a time may write to a path; the caller holds a lock.
///
/// # Errors
/// [`IndexError::NotF16`] if a vector did not come from f16, and [`IndexError::Io`].
pub fn write_snapshot(path: &Path, set: &VectorSet, binding: &[u8; 32]) -> Result<(), IndexError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let written = write_synced(&temporary, set, binding)
        .and_then(|()| fs::rename(&temporary, path).map_err(io("rename to its place the file", &temporary)));
    if written.is_err() {
        // What went wrong is told below; that the half-written file could not be removed as well
        // adds nothing, since the next write truncates it.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync the folder", folder))
}

/// Reads a set that [`write_snapshot`] wrote with the same `binding`, to the bit: rows, vectors and
/// generation. Everything is validated before anything is returned.
///
/// # Errors
/// [`IndexError::Io`] if it cannot be read (a missing file included), and an error that names the
/// section if it is not exactly what was written. Each means that the file is to be written again.
pub fn read_snapshot(path: &Path, binding: &[u8; 32]) -> Result<VectorSet, IndexError> {
    let file = File::open(path).map_err(io("open", path))?;
    let file_len = file.metadata().map_err(io("read the length of", path))?.len();
    let buffer_len = file_len.min(1 << 20) as usize;
    let mut reader = SectionReader { file: BufReader::with_capacity(buffer_len, file), path };

    if file_len < HEADER_LEN as u64 {
        let expected = format!("{HEADER_LEN} bytes");
        return Err(reader.damaged(Section::Header, &expected, &format!("a file of {file_len} bytes")));
    }
    let mut header = [0; HEADER_LEN];
    reader.read(&mut header)?;
    let layout = Header::decode(&header, &reader, binding)?;
    let end = layout.vectors().end;
    if file_len != end {
        let section = if file_len < layout.rows().end { Section::Rows } else { Section::Vectors };
        return Err(reader.damaged(section, &format!("a file of {end} bytes"), &format!("{file_len} bytes")));
    }

    let mut bytes = vec![0; layout.rows().len()];
    reader.read(&mut bytes)?;
    reader.check(Section::Rows, layout.rows_xxh3, xxh3_64(&bytes))?;
    let rows: Vec<u32> =
        bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if let Some(pair) = rows.windows(2).find(|pair| pair[0] >= pair[1]) {
        let found = format!("row {} after row {}", pair[1], pair[0]);
        return Err(reader.damaged(Section::Rows, "rows in ascending order, each once", &found));
    }
    reader.read_padding(layout.vectors().start - layout.rows().end)?;

    let dim = layout.dim as usize;
    let mut matrix = MatrixBuilder::with_capacity(dim, rows.len());
    let mut hash = Xxh3::new();
    for rows in rows.chunks(CHUNK_ROWS) {
        bytes.resize(rows.len() * dim * 2, 0);
        reader.read(&mut bytes)?;
        hash.update(&bytes);
        let vectors: Vec<Result<UnitVector, VectorError>> =
            bytes.par_chunks_exact(dim * 2).map(UnitVector::from_f16_le_bytes).collect();
        for (&row, vector) in rows.iter().zip(vectors) {
            let vector =
                vector.map_err(|source| IndexError::SnapshotVector { path: path.to_owned(), row, source })?;
            matrix.push(row, &vector)?;
        }
    }
    reader.check(Section::Vectors, layout.vectors_xxh3, hash.digest())?;
    Ok(VectorSet::from_matrix(matrix.finish()?, layout.generation))
}

/// The header's fields that are not fixed. Where the sections lie follows from `n` and `dim`.
struct Header {
    generation: u64,
    binding: [u8; 32],
    n: u64,
    dim: u32,
    rows_xxh3: u64,
    vectors_xxh3: u64,
}

impl Header {
    fn rows(&self) -> Span {
        Span { start: HEADER_LEN as u64, end: HEADER_LEN as u64 + 4 * self.n }
    }

    fn vectors(&self) -> Span {
        let start = self.rows().end.next_multiple_of(ALIGNMENT);
        Span { start, end: start + 2 * self.n * u64::from(self.dim) }
    }

    fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let (rows, vectors) = (self.rows(), self.vectors());
        let mut at = 0;
        for field in [
            &MAGIC[..],
            &VERSION.to_le_bytes(),
            &(HEADER_LEN as u32).to_le_bytes(),
            &self.generation.to_le_bytes(),
            &self.binding,
            &self.n.to_le_bytes(),
            &self.dim.to_le_bytes(),
            &0_u32.to_le_bytes(),
            &rows.start.to_le_bytes(),
            &self.rows_xxh3.to_le_bytes(),
            &vectors.start.to_le_bytes(),
            &self.vectors_xxh3.to_le_bytes(),
            &vectors.end.to_le_bytes(),
        ] {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        let checked = HEADER_LEN - 8;
        let checksum = xxh3_64(&bytes[..checked]);
        bytes[checked..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(
        bytes: &[u8; HEADER_LEN],
        reader: &SectionReader<'_>,
        binding: &[u8; 32],
    ) -> Result<Self, IndexError> {
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if bytes[..8] != MAGIC {
            let found = format!("{:?}", String::from_utf8_lossy(&bytes[..8]));
            return Err(reader.damaged(
                Section::Header,
                &format!("it to begin with {:?}", "COGNVEC\n"),
                &found,
            ));
        }
        if u32_at(8) != VERSION {
            let path = reader.path.to_owned();
            return Err(IndexError::SnapshotVersion { path, expected: VERSION, found: u32_at(8) });
        }
        reader.check(Section::Header, u64_at(HEADER_LEN - 8), xxh3_64(&bytes[..HEADER_LEN - 8]))?;
        let mut found_binding = [0; 32];
        found_binding.copy_from_slice(&bytes[24..56]);
        if found_binding != *binding {
            return Err(IndexError::SnapshotOfAnotherStore { path: reader.path.to_owned() });
        }
        let header = Self {
            generation: u64_at(16),
            binding: found_binding,
            n: u64_at(56),
            dim: u32_at(64),
            rows_xxh3: u64_at(80),
            vectors_xxh3: u64_at(96),
        };
        if header.n > u64::from(u32::MAX) || header.dim == 0 || header.dim > MAX_DIM {
            let expected = format!("at most {} rows of 1 to {MAX_DIM} components", u32::MAX);
            let found = format!("{} rows of {} components", header.n, header.dim);
            return Err(reader.damaged(Section::Header, &expected, &found));
        }
        if header.encode() != *bytes {
            let expected = "offsets and lengths that follow from its counts, and zeros in what is reserved";
            return Err(reader.damaged(Section::Header, expected, "others"));
        }
        Ok(header)
    }
}

/// Where a section lies in the file, in bytes.
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    fn len(&self) -> usize {
        (self.end - self.start) as usize
    }
}

struct SectionReader<'a> {
    file: BufReader<File>,
    path: &'a Path,
}

impl SectionReader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), IndexError> {
        self.file.read_exact(bytes).map_err(io("read", self.path))
    }

    fn read_padding(&mut self, len: u64) -> Result<(), IndexError> {
        let mut padding = [0; ALIGNMENT as usize];
        let padding = &mut padding[..len as usize];
        self.read(padding)?;
        if padding.iter().any(|&byte| byte != 0) {
            return Err(self.damaged(Section::Rows, "zeros after its end", "other bytes"));
        }
        Ok(())
    }

    fn check(&self, section: Section, expected: u64, found: u64) -> Result<(), IndexError> {
        if expected == found {
            return Ok(());
        }
        Err(self.damaged(section, &format!("checksum {expected:016x}"), &format!("{found:016x}")))
    }

    fn damaged(&self, section: Section, expected: &str, found: &str) -> IndexError {
        let (path, expected, found) = (self.path.to_owned(), expected.to_owned(), found.to_owned());
        IndexError::SnapshotDamaged { path, section, expected, found }
    }
}

fn write_synced(path: &Path, set: &VectorSet, binding: &[u8; 32]) -> Result<(), IndexError> {
    let error = |source| io("write", path)(source);
    let mut header = Header {
        generation: set.generation(),
        binding: *binding,
        n: set.len() as u64,
        dim: set.dim() as u32,
        rows_xxh3: 0,
        vectors_xxh3: 0,
    };
    let file = File::create(path).map_err(io("create", path))?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    // Zeros until the sections are on disk: a file whose writing was cut short has no magic.
    writer.write_all(&[0; HEADER_LEN]).map_err(error)?;

    let mut hash = Xxh3::new();
    for row in set.rows() {
        hash.update(&row.to_le_bytes());
        writer.write_all(&row.to_le_bytes()).map_err(error)?;
    }
    header.rows_xxh3 = hash.digest();
    let padding = (header.vectors().start - header.rows().end) as usize;
    writer.write_all(&[0; ALIGNMENT as usize][..padding]).map_err(error)?;

    let mut hash = Xxh3::new();
    let vectors: Vec<(u32, &[f32])> = set.iter().collect();
    for chunk in vectors.chunks(CHUNK_ROWS) {
        let encoded: Vec<Result<Vec<u8>, IndexError>> = chunk
            .par_iter()
            .map(|&(row, vector)| {
                let vector = UnitVector::from_unit(vector.to_vec()).ok();
                vector.and_then(|vector| vector.f16_le_bytes_of_rounded()).ok_or(IndexError::NotF16 { row })
            })
            .collect();
        for bytes in encoded {
            let bytes = bytes?;
            hash.update(&bytes);
            writer.write_all(&bytes).map_err(error)?;
        }
    }
    header.vectors_xxh3 = hash.digest();

    writer.seek(SeekFrom::Start(0)).map_err(error)?;
    writer.write_all(&header.encode()).map_err(error)?;
    let file = writer.into_inner().map_err(|e| error(e.into_error()))?;
    file.sync_all().map_err(io("sync", path))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> IndexError {
    move |source| IndexError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
