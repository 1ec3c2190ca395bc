//! NumPy's `.npy` format, version 1.0, written as rows arrive:
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes of magic, version, length and padded header text: enough for any shape, and aligned to 64.
const HEADER_BYTES: usize = 128;

/// Writes float32 `[n_rows, dim]`, little-endian, C order. The file appears under its name only when
/// finished; an unfinished one is removed.
pub(crate) struct NpyWriter {
    target: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<File>>,
    n_rows: usize,
    dim: usize,
}

impl NpyWriter {
    /// Starts a file that will be called `target`.
    pub(crate) fn create(target: &Path, dim: usize) -> io::Result<Self> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let temporary = target.with_file_name(name);
        let mut file = BufWriter::new(File::create(&temporary)?);
        file.write_all(&[0; HEADER_BYTES])?;
        Ok(Self { target: target.to_owned(), temporary, file: Some(file), n_rows: 0, dim })
    }

    /// Appends one row of `dim` components.
    pub(crate) fn push(&mut self, row: &[f32]) -> io::Result<()> {
        debug_assert_eq!(row.len(), self.dim);
        if let Some(file) = &mut self.file {
            for component in row {
                file.write_all(&component.to_le_bytes())?;
            }
        }
        self.n_rows += 1;
        Ok(())
    }

    /// Writes the header and gives the file its name.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Some(mut file) = self.file.take() {
            let text = format!(
                "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
                self.n_rows, self.dim
            );
            let width = HEADER_BYTES - 10 - 1;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(b"\x93NUMPY\x01\x00")?;
            file.write_all(&((HEADER_BYTES - 10) as u16).to_le_bytes())?;
            writeln!(file, "{text:<width$}")?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&self.temporary, &self.target)?;
        }
        Ok(())
    }
}

impl Drop for NpyWriter {
    fn drop(&mut self) {
        // Only after an error or a stop is the temporary file still there.
        let _ = std::fs::remove_file(&self.temporary);
    }
}
