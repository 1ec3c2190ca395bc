//! Tables in text: commas, semicolons, tabs or bars between cells, quotation marks around those that hold
//! separators or line breaks.

use csv::{ByteRecord, ReaderBuilder};

use crate::csv_rows::{Row, Rows};
use crate::error::{FieldIssue, Place, ReadError, RecordError};
use crate::fields::fold_name;
use crate::input::Input;
use crate::reader::FormatReader;
use crate::record::{Record, paper_from_json};
use crate::table::{Columns, MAX_PREAMBLE_ROWS, has_tags, header_score, is_other_header};
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
/// most names are known. One column alone is a table only if it is named `title` and nothing else.
pub(crate) fn detect(head: &[u8]) -> Option<Dialect> {
    // Excel's own way to say it.
    let declared =
        head.strip_prefix(b"sep=").and_then(|rest| rest.first().copied()).filter(u8::is_ascii_punctuation);
    let separators = [b',', b';', b'\t', b'|'].into_iter().chain(declared);
    let best = separators
        .filter_map(|separator| find_header(head, separator))
        .max_by_key(|(score, dialect)| (*score, dialect.n_columns));
    let is_titles = || {
        let mut lines = head.split(|byte| matches!(byte, b'\n' | b'\r'));
        let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
        fold_name(first.trim().trim_matches('"')) == "title"
            && lines.any(|line| !line.trim_ascii().is_empty())
    };
    best.map(|(_, dialect)| dialect).filter(|dialect| dialect.n_columns > 1 || is_titles())
}

/// Whether a place in a text is in a cell of several lines, in a table whose header stands before it: what stands there is
/// a part of that cell, whatever it looks like.
pub(crate) fn is_in_cell(head: &[u8], at: usize) -> bool {
    if at == 0 {
        return false;
    }
    let Some(dialect) = detect(head).filter(|dialect| dialect.has_quotes) else { return false };
    let mut rows = rows(head, dialect.separator);
    let mut row = ByteRecord::new();
    let mut n_rows = 0;
    while rows.read_byte_record(&mut row).unwrap_or(false) {
        if usize::try_from(rows.position().byte()).is_ok_and(|end| end > at) {
            // Blank lines before a row count as its beginning.
            let start = row.position().and_then(|position| usize::try_from(position.byte()).ok());
            let before = start.and_then(|start| head.get(start..at)).unwrap_or_default();
            return n_rows > dialect.n_preamble_rows && !before.trim_ascii().is_empty();
        }
        n_rows += 1;
    }
    false
}

/// The rows of the beginning of a text.
fn rows(head: &[u8], separator: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().delimiter(separator).flexible(true).has_headers(false).from_reader(head)
}

/// The header that a text has with this separator, and how sure it is one.
fn find_header(head: &[u8], separator: u8) -> Option<(usize, Dialect)> {
    let mut rows = rows(head, separator);
    let mut best: Option<(usize, Dialect)> = None;
    let mut row = ByteRecord::new();
    for n_preamble_rows in 0..MAX_PREAMBLE_ROWS {
        if !rows.read_byte_record(&mut row).unwrap_or(false) {
            break;
        }
        let start = row.position().map_or(0, |position| position.byte());
        let raw = usize::try_from(start).ok().and_then(|start| head.get(start..));
        let is_quoted = raw.is_some_and(|raw| raw.trim_ascii_start().starts_with(b"\""));
        let names = texts(&row);
        let names = || names.iter().map(String::as_str);
        let score = header_score(names());
        if score > best.map_or(0, |(score, _)| score) {
            // Web of Science writes cells between tabs as they are; whoever wrote its tags again does not.
            let has_quotes = separator != b'\t' || is_quoted || !has_tags(names());
            best = Some((score, Dialect { separator, n_preamble_rows, has_quotes, n_columns: row.len() }));
            // What follows is in the table, be it the header of another.
            if is_other_header(&texts(&row)) {
                break;
            }
        }
    }
    best
}

fn texts(row: &ByteRecord) -> Vec<String> {
    row.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect()
}

/// The records of a table.
pub(crate) struct Table {
    rows: Rows,
    columns: Columns,
    file: Place,
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
        let mut rows = Rows::new(input, dialect.separator, dialect.has_quotes);
        let mut header = Vec::new();
        for _ in 0..=dialect.n_preamble_rows {
            header = match rows.next_row()? {
                Some(Ok(row)) => row.cells,
                Some(Err(_)) | None => Vec::new(),
            };
        }
        rows.set_width(header.len());
        let names: Vec<&str> = header.iter().map(|name| name.trim()).collect();
        Ok(Self { rows, columns: Columns::new(names.iter().copied()), file })
    }

    fn record(&self, row: &Row) -> Result<Record, RecordError> {
        let place = Place { line: row.line, ..self.file.clone() };
        let cells: Vec<&str> = row.cells.iter().map(String::as_str).collect();
        let mut record = paper_from_json(self.columns.object(&cells, &place)?, &place)?;
        if row.has_open_quote {
            let message = "a quotation mark is opened and not closed in its row; it was read as it stands";
            record.warnings.push(FieldIssue { place, field: "row".to_owned(), message: message.to_owned() });
        }
        Ok(record)
    }
}

impl FormatReader for Table {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        loop {
            let row = match self.rows.next_row()? {
                None => return Ok(None),
                Some(Err(bad)) => return Ok(Some(Err(bad))),
                Some(Ok(row)) => row,
            };
            // Spreadsheets leave rows of nothing but separators behind the last.
            if row.cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            // Two tables, one behind the other.
            if self.columns.is_header(&row.cells) {
                continue;
            }
            if is_other_header(&row.cells) {
                self.rows.set_width(row.cells.len());
                self.columns = Columns::new(row.cells.iter().map(|name| name.trim()));
                continue;
            }
            return Ok(Some(self.record(&row)));
        }
    }
}
