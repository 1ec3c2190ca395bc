//! Tables that have a row for each field of a record, its name in the first cell: Embase's export "fields by row".

use std::collections::HashSet;

use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};

use crate::csv_rows::{Row, Rows};
use crate::error::{Place, ReadError, RecordError};
use crate::fields::{fold_name, is_known, names_text};
use crate::input::Input;
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::{Record, paper_from_json};

/// Rows that are looked at, and of them those that must begin with the name of a field that papers have.
const N_ROWS: usize = 12;
const MIN_KNOWN: usize = 3;

/// Whether a text is such a table: its rows begin with names of fields, and none is a header.
pub(crate) fn is_table(head: &[u8]) -> bool {
    let mut rows = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(head);
    let mut row = ByteRecord::new();
    let mut known = HashSet::new();
    for n in 0..N_ROWS {
        if !rows.read_byte_record(&mut row).unwrap_or(false) {
            break;
        }
        let cell = |at: usize| row.get(at).map(|cell| fold_name(&String::from_utf8_lossy(cell)));
        let (Some(name), Some(value)) = (cell(0), cell(1)) else { return false };
        // A title's name first, and beside no name is there another.
        if (n == 0 && !names_text(&name)) || is_known(&value) || value.is_empty() {
            return false;
        }
        if is_known(&name) {
            known.insert(name);
        }
    }
    known.len() >= MIN_KNOWN
}

/// The records of such a table.
pub(crate) struct FieldRows {
    rows: Rows,
    /// The first row of the next record.
    ahead: Option<Row>,
    file: Place,
}

impl FieldRows {
    pub(crate) fn new(input: Input) -> Self {
        let file = input.place(1);
        Self { rows: Rows::new(input, b',', true), ahead: None, file }
    }

    fn record(&self, first: &Row, rows: &[Row]) -> Result<Record, RecordError> {
        let place = Place { line: first.line, ..self.file.clone() };
        let mut fields: Map<String, Value> = Map::new();
        for row in std::iter::once(first).chain(rows) {
            let Some((name, cells)) = row.cells.split_first() else { continue };
            let mut cells: Vec<Value> = cells
                .iter()
                .map(|cell| cell.trim())
                .filter(|cell| !cell.is_empty())
                .map(Value::from)
                .collect();
            let value = if cells.len() == 1 { cells.pop().unwrap_or_default() } else { Value::Array(cells) };
            fields.insert(name.trim().to_owned(), value);
        }
        paper_from_json(Value::Object(fields), &place)
    }
}

impl FormatReader for FieldRows {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        let first = match self.ahead.take() {
            Some(row) => row,
            None => match self.rows.next_row()? {
                None => return Ok(None),
                Some(Err(bad)) => return Ok(Some(Err(bad))),
                Some(Ok(row)) => row,
            },
        };
        let mut rows: Vec<Row> = Vec::new();
        let mut n_bytes = 0;
        loop {
            let row = match self.rows.next_row()? {
                None => break,
                Some(Err(bad)) => return Ok(Some(Err(bad))),
                Some(Ok(row)) => row,
            };
            let name = row.cells.first().map(String::as_str);
            // A record ends at a blank line, or where a name comes again.
            let comes_again = std::iter::once(&first)
                .chain(&rows)
                .any(|before| before.cells.first().map(String::as_str) == name);
            if row.is_set_off || comes_again {
                self.ahead = Some(row);
                break;
            }
            n_bytes += row.cells.iter().map(|cell| cell.len() + size_of::<String>()).sum::<usize>();
            if n_bytes > MAX_RECORD_BYTES {
                return Ok(Some(Err(RecordError::too_long(&Place {
                    line: first.line,
                    ..self.file.clone()
                }))));
            }
            rows.push(row);
        }
        Ok(Some(self.record(&first, &rows)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_of_fields_are_such_a_table() {
        let rows = b"\"TITLE\",\"Moss on mills\"\n\"AUTHOR NAMES\",\"Ash K.\",\"Fir L.\"\n\"PUBLICATION YEAR\",\"2014\"\n";
        assert!(is_table(rows));
        assert!(!is_table(b"title,authors,year\nMoss,Ash K.,2014\nFern,Fir L.,2015\n"));
        assert!(!is_table(b"title,abstract\nYear,A\nAuthors,B\nDOI,C\n"));
        assert!(!is_table(b"title\nyear\nauthors\n"));
        assert!(!is_table(b""));
    }
}
