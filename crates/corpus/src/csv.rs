//! Tables with a header row, one record a row: commas, semicolons or tabs between cells, quotation
//! marks around those that hold separators or line breaks.

use std::collections::HashSet;
use std::io::{self, BufRead, ErrorKind, Read};

use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};

use crate::error::{Place, ReadError, RecordError};
use crate::input::Input;
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::{Record, fold_name, names_text, paper_from_json};
use crate::text::excerpt;

/// The separator of a text whose first row names a title or an abstract among other columns.
pub(crate) fn detect_separator(head: &[u8]) -> Option<u8> {
    let columns_by = |separator: u8| {
        let mut table = ReaderBuilder::new().delimiter(separator).from_reader(head);
        let names = table.byte_headers().cloned().unwrap_or_default();
        if has_text_column(&names) { names.len() } else { 0 }
    };
    let (n_columns, separator) =
        [b';', b'\t', b','].map(|separator| (columns_by(separator), separator)).into_iter().max()?;
    (n_columns > 1).then_some(separator)
}

fn has_text_column(names: &ByteRecord) -> bool {
    names.iter().any(|name| names_text(&fold_name(&String::from_utf8_lossy(name))))
}

/// The records of a table.
pub(crate) struct Table {
    reader: csv::Reader<Rationed>,
    /// The columns' names, each once.
    columns: Vec<String>,
    file: Place,
    row: ByteRecord,
}

impl Table {
    /// Reads the header row.
    ///
    /// # Errors
    /// [`ReadError::Unexpected`] if no column is named like a title or an abstract;
    /// [`ReadError::Io`].
    pub(crate) fn new(input: Input, separator: u8) -> Result<Self, ReadError> {
        let file = input.place(1);
        let rationed = Rationed { input, ration: MAX_RECORD_BYTES };
        let mut reader = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(rationed);
        let names = match reader.byte_headers() {
            Ok(names) => names.clone(),
            Err(error) => return Err(fault(reader.get_ref(), file, error)),
        };
        if !has_text_column(&names) {
            return Err(ReadError::Unexpected {
                place: file,
                expected: "a header row with a column named title or abstract (or summary, text)".to_owned(),
                found: excerpt(&String::from_utf8_lossy(names.as_slice())),
            });
        }
        Ok(Self { reader, columns: name_columns(&names), file, row: ByteRecord::new() })
    }

    /// One row as an object of its cells.
    fn object(&self, place: &Place) -> Result<Value, RecordError> {
        let n_columns = self.columns.len();
        // A separator or line break outside quotation marks shifts cells: better no paper than a wrong one.
        let is_shifted =
            self.row.len() < n_columns || self.row.iter().skip(n_columns).any(|cell| !cell.is_empty());
        if is_shifted {
            let message = format!("expected a row of {n_columns} cells, found {}", self.row.len());
            return Err(RecordError::whole(place, message));
        }
        let mut object = Map::new();
        for (name, cell) in self.columns.iter().zip(&self.row) {
            let cell = std::str::from_utf8(cell).map_err(|error| RecordError {
                field: Some(name.clone()),
                source: Some(Box::new(error)),
                ..RecordError::whole(place, "expected UTF-8 text, found another encoding")
            })?;
            object.insert(name.clone(), Value::String(cell.to_owned()));
        }
        Ok(Value::Object(object))
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
            let line = self.row.position().map_or(1, csv::Position::line);
            let place = Place { line, ..self.file.clone() };
            return Ok(Some(self.object(&place).and_then(|object| paper_from_json(object, &place))));
        }
    }
}

/// The columns' names; one without a name, or with one that is taken, is told apart by its number.
fn name_columns(names: &ByteRecord) -> Vec<String> {
    let mut columns: Vec<String> = Vec::with_capacity(names.len());
    let mut taken = HashSet::new();
    for (position, name) in names.iter().enumerate() {
        let name = String::from_utf8_lossy(name).trim().to_owned();
        let is_usable = !name.is_empty() && taken.insert(name.clone());
        columns.push(if is_usable {
            name
        } else {
            format!("{name}_{}", position + 1).trim_start_matches('_').to_owned()
        });
    }
    columns
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
