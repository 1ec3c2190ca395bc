//! Tables in text: commas, semicolons, tabs or bars between cells, quotation marks around those that hold
//! separators or line breaks.

use std::io::{self, BufRead, ErrorKind, Read};

use csv::{ByteRecord, ReaderBuilder};

use crate::error::{Place, ReadError, RecordError};
use crate::input::Input;
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::{Record, paper_from_json};
use crate::table::{Columns, MAX_PREAMBLE_ROWS, has_tags, header_score};
use crate::text::excerpt;

/// How the cells of a text are separated, and where its header is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dialect {
    pub(crate) separator: u8,
    /// How many rows stand before the header.
    n_preamble_rows: usize,
    /// Whether quotation marks around a cell are none of its text.
    has_quotes: bool,
    n_columns: usize,
}

/// The dialect of a text in which one of the first rows names a title or an abstract; of several the one by which
/// most names are known. One column alone is no table.
pub(crate) fn detect(head: &[u8]) -> Option<Dialect> {
    // Excel's own way to say it.
    let declared =
        head.strip_prefix(b"sep=").and_then(|rest| rest.first().copied()).filter(u8::is_ascii_punctuation);
    let separators = [b',', b';', b'\t', b'|'].into_iter().chain(declared);
    let best = separators
        .filter_map(|separator| find_header(head, separator))
        .max_by_key(|(score, dialect)| (*score, dialect.n_columns));
    best.map(|(_, dialect)| dialect).filter(|dialect| dialect.n_columns > 1)
}

/// The header that a text has with this separator, and how sure it is one.
fn find_header(head: &[u8], separator: u8) -> Option<(usize, Dialect)> {
    let mut rows =
        ReaderBuilder::new().delimiter(separator).flexible(true).has_headers(false).from_reader(head);
    let mut best: Option<(usize, Dialect)> = None;
    let mut row = ByteRecord::new();
    for n_preamble_rows in 0..MAX_PREAMBLE_ROWS {
        if !rows.read_byte_record(&mut row).unwrap_or(false) {
            break;
        }
        let names = texts(&row);
        let names = || names.iter().map(String::as_str);
        let score = header_score(names());
        if score > best.map_or(0, |(score, _)| score) {
            let has_quotes = !has_tags(names());
            best = Some((score, Dialect { separator, n_preamble_rows, has_quotes, n_columns: row.len() }));
        }
    }
    best
}

fn texts(row: &ByteRecord) -> Vec<String> {
    row.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect()
}

/// The records of a table.
pub(crate) struct Table {
    reader: csv::Reader<Rationed>,
    columns: Columns,
    file: Place,
    row: ByteRecord,
}

impl Table {
    /// Reads the header row, with the separator of `forced` where that is given.
    ///
    /// # Errors
    /// [`ReadError::Unexpected`] if no column of the first rows is named like a title or an abstract;
    /// [`ReadError::Io`].
    pub(crate) fn new(input: Input, forced: Option<u8>) -> Result<Self, ReadError> {
        let file = input.place(1);
        let found = match forced {
            Some(separator) => find_header(&input.head, separator).map(|(_, dialect)| dialect),
            None => {
                detect(&input.head).or_else(|| find_header(&input.head, b',').map(|(_, dialect)| dialect))
            }
        };
        let Some(dialect) = found else {
            let first = input.head.split(|&byte| byte == b'\n').next().unwrap_or_default();
            return Err(ReadError::Unexpected {
                place: file,
                expected: "a header row with a column named title or abstract (or summary, text)".to_owned(),
                found: excerpt(&String::from_utf8_lossy(first)),
            });
        };
        let rationed = Rationed { input, ration: MAX_RECORD_BYTES };
        let mut reader = ReaderBuilder::new()
            .delimiter(dialect.separator)
            .quoting(dialect.has_quotes)
            .flexible(true)
            .has_headers(false)
            .from_reader(rationed);
        let mut row = ByteRecord::new();
        for _ in 0..=dialect.n_preamble_rows {
            if let Err(error) = reader.read_byte_record(&mut row) {
                return Err(fault(reader.get_ref(), file, error));
            }
        }
        let names = texts(&row);
        Ok(Self { reader, columns: Columns::new(names.iter().map(String::as_str)), file, row })
    }

    /// The row that was read.
    fn record(&self) -> Result<Record, RecordError> {
        let line = self.row.position().map_or(1, csv::Position::line);
        let place = Place { line, ..self.file.clone() };
        let cells: Vec<_> = self.row.iter().map(String::from_utf8_lossy).collect();
        let cells: Vec<&str> = cells.iter().map(|cell| &**cell).collect();
        paper_from_json(self.columns.object(&cells, &place)?, &place)
    }
}

impl FormatReader for Table {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        loop {
            self.reader.get_mut().ration = MAX_RECORD_BYTES;
            let next = Place { line: self.reader.position().line(), ..self.file.clone() };
            match self.reader.read_byte_record(&mut self.row) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => return Err(fault(self.reader.get_ref(), next, error)),
            }
            // Spreadsheets leave rows of nothing but separators behind the last.
            if self.row.iter().all(|cell| cell.trim_ascii().is_empty()) {
                continue;
            }
            return Ok(Some(self.record()));
        }
    }
}

/// What stopped the table in the row that begins on `place`: its ration, or a fault of reading.
fn fault(rationed: &Rationed, place: Place, error: csv::Error) -> ReadError {
    if rationed.ration > 0 {
        return rationed.input.io_error(place.line, error.into());
    }
    ReadError::Unexpected {
        place,
        expected: format!("a row of at most {} MiB", MAX_RECORD_BYTES >> 20),
        found: "a longer one; perhaps a quotation mark is left open".to_owned(),
    }
}

/// Gives no more than `ration` bytes, so that a quotation mark left open does not bring the rest of
/// the file into memory as one cell.
struct Rationed {
    input: Input,
    ration: usize,
}

impl Read for Rationed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ration == 0 && !self.input.text.fill_buf()?.is_empty() {
            return Err(io::Error::other("a row is too long"));
        }
        let n_allowed = buffer.len().min(self.ration);
        loop {
            match self.input.text.read(&mut buffer[..n_allowed]) {
                // The csv crate does not try again.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => {
                    self.ration -= outcome.as_ref().map_or(0, |&n_bytes| n_bytes);
                    return outcome;
                }
            }
        }
    }
}
