//! The rows of a table in text, one at a time and of bounded length.
//!
//! A quotation mark that is opened and not closed would take the rows that follow into its cell. So where a row goes over
//! several lines it is looked at again: if each line in it is a row by itself, or the text ends in it, the mark is no more
//! than a character of its line, and reading goes on with the next line.

use std::io::BufRead;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::error::{ReadError, RecordError};
use crate::input::Input;
use crate::reader::MAX_RECORD_BYTES;

/// How much of a line in quotation marks must look like rows, in separators, before a mark that is closed as it should be
/// is taken for one that was left open. Sentences have commas; of tabs one is enough.
const MIN_COMMAS: usize = 8;

/// A row.
pub(crate) struct Row {
    /// Its line, from 1.
    pub(crate) line: u64,
    pub(crate) cells: Vec<String>,
    /// Whether a quotation mark is left open in it, so that its cells are those between the separators.
    pub(crate) has_open_quote: bool,
    /// Whether a blank line is before it.
    pub(crate) is_set_off: bool,
}

/// Reads the rows of a text.
pub(crate) struct Rows {
    input: Input,
    separator: u8,
    has_quotes: bool,
    /// Cells of the header; 0 while it is not known.
    width: usize,
    /// What is read and not given yet.
    pending: Vec<u8>,
    /// Where in `pending` the next row begins.
    start: usize,
    /// The line of the next row.
    line: u64,
    is_at_end: bool,
    /// Whether what was passed last ended in `\r`.
    ended_in_return: bool,
}

/// What the text holds next.
enum Found {
    /// A row of so many bytes.
    Row(usize),
    /// The text ended within quotation marks.
    Open,
    TooLong,
    End,
}

impl Rows {
    pub(crate) fn new(input: Input, separator: u8, has_quotes: bool) -> Self {
        Self {
            input,
            separator,
            has_quotes,
            width: 0,
            pending: Vec::new(),
            start: 0,
            line: 1,
            is_at_end: false,
            ended_in_return: false,
        }
    }

    /// Tells how many cells a row has.
    pub(crate) fn set_width(&mut self, width: usize) {
        self.width = width;
    }

    /// The next row that is not blank; an error for one that is too long.
    pub(crate) fn next_row(&mut self) -> Result<Option<Result<Row, RecordError>>, ReadError> {
        let is_set_off = self.pass_blank_lines()?;
        let line = self.line;
        let (n_bytes, is_open) = match self.find()? {
            Found::End => return Ok(None),
            Found::Row(n_bytes) => {
                (n_bytes, self.swallows_rows(&self.pending[self.start..][..n_bytes], false))
            }
            Found::Open => {
                let raw = &self.pending[self.start..];
                if n_lines(raw) > 1 && !self.swallows_rows(raw, true) {
                    // A text that is cut short in a cell of several lines.
                    let n_bytes = raw.len();
                    self.pass(n_bytes);
                    let message = "a quotation mark is opened and not closed before the text ends";
                    return Ok(Some(Err(RecordError::whole(&self.input.place(line), message.to_owned()))));
                }
                (raw.len(), n_lines(raw) > 1)
            }
            Found::TooLong => {
                self.pass_line()?;
                let message = format!(
                    "expected a row of at most {} MiB, found a longer one; perhaps a quotation mark is left open",
                    MAX_RECORD_BYTES >> 20
                );
                return Ok(Some(Err(RecordError::whole(&self.input.place(line), message))));
            }
        };
        let n_bytes = if is_open { first_line(&self.pending[self.start..]) } else { n_bytes };
        let raw = &self.pending[self.start..][..n_bytes];
        let cells =
            if is_open { self.cells_of_open(raw) } else { cells(raw, self.separator, self.has_quotes) };
        self.pass(n_bytes);
        Ok(Some(Ok(Row { line, cells, has_open_quote: is_open, is_set_off })))
    }

    /// Finds the end of the next row, and reads as far.
    fn find(&mut self) -> Result<Found, ReadError> {
        let mut reader = reader(self.separator, self.has_quotes);
        let mut at = self.start;
        loop {
            let (result, n_read) = advance(&mut reader, &self.pending[at..]);
            at += n_read;
            if result == ReadRecordResult::Record {
                // `\r\n` is one end of a line, of which the first byte ends the row.
                return Ok(Found::Row(at - self.start));
            }
            if at - self.start > MAX_RECORD_BYTES {
                return Ok(Found::TooLong);
            }
            if !self.read_more(&mut at)? {
                if self.pending[self.start..].trim_ascii().is_empty() {
                    return Ok(Found::End);
                }
                let (result, _) = advance(&mut reader, b"\n");
                let n_bytes = self.pending.len() - self.start;
                return Ok(if result == ReadRecordResult::Record {
                    Found::Row(n_bytes)
                } else {
                    Found::Open
                });
            }
        }
    }

    /// Reads some more behind what is pending; `false` at the end. `at` is moved as what is pending is.
    fn read_more(&mut self, at: &mut usize) -> Result<bool, ReadError> {
        if self.is_at_end {
            return Ok(false);
        }
        // What was given is let go of once it is most of what is held, so that no byte is moved often.
        if self.start > self.pending.len() / 2 {
            self.pending.drain(..self.start);
            *at -= self.start;
            self.start = 0;
        }
        let available = self.input.fill(self.line)?;
        self.pending.extend_from_slice(available);
        let n_bytes = available.len();
        self.input.text.consume(n_bytes);
        self.is_at_end = n_bytes == 0;
        Ok(n_bytes > 0)
    }

    /// Passes the ends of lines; whether one of them is that of a blank line.
    fn pass_blank_lines(&mut self) -> Result<bool, ReadError> {
        // Of `\r\n` the second byte is left of the row before.
        let mut is_rest = self.ended_in_return;
        let mut is_blank = false;
        loop {
            match self.pending.get(self.start).copied() {
                Some(end @ (b'\n' | b'\r')) => {
                    is_blank |= !(is_rest && end == b'\n');
                    is_rest = end == b'\r';
                    self.pass(1);
                }
                Some(_) => return Ok(is_blank),
                None => {
                    let mut at = self.start;
                    if !self.read_more(&mut at)? {
                        return Ok(is_blank);
                    }
                }
            }
        }
    }

    /// Passes a line, whatever its length.
    fn pass_line(&mut self) -> Result<(), ReadError> {
        loop {
            let rest = &self.pending[self.start..];
            let n_bytes = first_line(rest);
            let is_whole = rest[..n_bytes].last().is_some_and(is_line_end);
            self.pass(n_bytes);
            let mut at = self.start;
            if is_whole || !self.read_more(&mut at)? {
                return Ok(());
            }
        }
    }

    fn pass(&mut self, n_bytes: usize) {
        let end = self.start + n_bytes;
        self.ended_in_return = self.pending[self.start..end].last() == Some(&b'\r');
        self.line += memchr::memchr_iter(b'\n', &self.pending[self.start..end]).count() as u64;
        self.start = end;
    }

    /// Whether a row over several lines is a line with an open quotation mark and rows behind it.
    fn swallows_rows(&self, raw: &[u8], runs_to_end: bool) -> bool {
        if self.width < 2 || !self.has_quotes {
            return false;
        }
        let mut lines = raw.split(is_line_end).map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
        let Some(first) = lines.next() else { return false };
        let others: Vec<&[u8]> = lines.collect();
        if others.is_empty() {
            return false;
        }
        let n_like = others.iter().filter(|line| self.is_like_row(line)).count();
        if runs_to_end {
            return 2 * n_like >= others.len();
        }
        if n_like < others.len() {
            return false;
        }
        let is_closed_badly = others.last().is_some_and(|last| self.closes_badly(last));
        let n_separators = others.len() * (self.width - 1);
        is_closed_badly || (self.is_like_row(first) && (self.separator != b',' || n_separators >= MIN_COMMAS))
    }

    /// Whether a line has as many cells as the header, by its quotation marks or without them.
    fn is_like_row(&self, line: &[u8]) -> bool {
        [true, false].iter().any(|&has_quotes| cells(line, self.separator, has_quotes).len() == self.width)
    }

    /// Whether the first quotation mark of a line, which closes a cell that is open before it, stands where another opens one.
    fn closes_badly(&self, line: &[u8]) -> bool {
        let mut rest = line.iter().enumerate().filter(|(_, byte)| **byte == b'"').map(|(at, _)| at);
        while let Some(at) = rest.next() {
            if line.get(at + 1) == Some(&b'"') {
                rest.next();
                continue;
            }
            let begins = at == 0 || line[at - 1] == self.separator;
            return begins && line.get(at + 1).is_some_and(|next| *next != self.separator);
        }
        false
    }

    /// The cells of a line whose quotation marks are not to be relied upon.
    fn cells_of_open(&self, line: &[u8]) -> Vec<String> {
        let literal = cells(line, self.separator, false);
        let by_marks = cells(line, self.separator, true);
        if by_marks.len() == self.width && literal.len() != self.width {
            return by_marks;
        }
        let unquoted = |cell: String| match cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')) {
            Some(text) => text.replace("\"\"", "\""),
            None => cell,
        };
        literal.into_iter().map(unquoted).collect()
    }
}

fn reader(separator: u8, has_quotes: bool) -> Reader {
    ReaderBuilder::new().delimiter(separator).quoting(has_quotes).build()
}

/// Reads on, to the end of the row or of `bytes`, whatever the cells are.
fn advance(reader: &mut Reader, bytes: &[u8]) -> (ReadRecordResult, usize) {
    let (mut text, mut ends) = ([0; 4096], [0; 256]);
    let mut at = 0;
    loop {
        if at == bytes.len() {
            // An empty input would say that the text ends.
            return (ReadRecordResult::InputEmpty, at);
        }
        let (result, n_read, ..) = reader.read_record(&bytes[at..], &mut text, &mut ends);
        at += n_read;
        match result {
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
            result => return (result, at),
        }
    }
}

/// The cells of a row.
fn cells(raw: &[u8], separator: u8, has_quotes: bool) -> Vec<String> {
    let mut reader = reader(separator, has_quotes);
    let (mut text, mut ends) =
        (vec![0; raw.len() + 1], vec![0; memchr::memchr_iter(separator, raw).count() + 2]);
    let (mut at, mut n_text, mut n_ends) = (0, 0, 0);
    loop {
        // Given nothing, the reader ends the row.
        let (result, n_in, n_out, n_cells) =
            reader.read_record(&raw[at..], &mut text[n_text..], &mut ends[n_ends..]);
        at += n_in;
        n_text += n_out;
        n_ends += n_cells;
        match result {
            ReadRecordResult::InputEmpty => at = raw.len(),
            ReadRecordResult::OutputFull => text.resize(2 * text.len(), 0),
            ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
            ReadRecordResult::Record | ReadRecordResult::End => break,
        }
    }
    let mut start = 0;
    let of_end = |&end: &usize| {
        let cell = String::from_utf8_lossy(&text[start..end]).into_owned();
        start = end;
        cell
    };
    ends[..n_ends].iter().map(of_end).collect()
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The bytes of the first line, with its end.
fn first_line(raw: &[u8]) -> usize {
    memchr::memchr2(b'\n', b'\r', raw).map_or(raw.len(), |end| end + 1)
}

/// How many lines have something in them.
fn n_lines(raw: &[u8]) -> usize {
    raw.split(is_line_end).filter(|line| !line.trim_ascii().is_empty()).count()
}

#[cfg(test)]
mod tests {
    use crate::{Format, ReadOptions, Record, RecordError, Source};

    fn read(format: Format, text: &str) -> Vec<Result<Record, RecordError>> {
        let options = ReadOptions { format, ..ReadOptions::default() };
        let source = Source::from_reader("test", std::io::Cursor::new(text.to_owned()));
        source.records(&options).unwrap().map(Result::unwrap).collect()
    }

    fn titles(records: &[Result<Record, RecordError>]) -> Vec<&str> {
        records.iter().flatten().filter_map(|record| record.paper.title.as_deref()).collect()
    }

    #[test]
    fn an_open_quotation_mark_costs_no_other_row() {
        let records = read(Format::Csv, "title,abstract\nA,\"unclosed\nC,D\nE,F\n");
        assert_eq!(titles(&records), ["A", "C", "E"]);
        assert_eq!(records[0].as_ref().unwrap().warnings.len(), 1);
        assert_eq!(records[2].as_ref().unwrap().place.line, 4);
        // Another quotation mark follows, which closes it by chance.
        let records = read(
            Format::Csv,
            "title,abstract,year\nA,\"unclosed,2001\nC,D,2002\nE,\"F, too\",2003\nG,H,2004\n",
        );
        assert_eq!(titles(&records), ["A", "C", "E", "G"]);
        assert_eq!(records[2].as_ref().unwrap().paper.abstract_text.as_deref(), Some("F, too"));
    }

    #[test]
    fn tables_with_tabs_have_titles_that_begin_with_a_quotation_mark() {
        let rows: String =
            (1..=40).map(|n| format!("{n}\t\"Mind the gap: study {n}\t200{}\n", n % 10)).collect();
        let records = read(Format::Tsv, &format!("id\ttitle\tyear\n{rows}"));
        assert_eq!(titles(&records).len(), 40);
        assert_eq!(titles(&records)[9], "\"Mind the gap: study 10");
        let records =
            read(Format::Tsv, "title\tyear\n\"Mind\" the gap\t2001\n\"Gap\t2002\nPlain\t2003\nA 5\"\t2004\n");
        assert_eq!(titles(&records).len(), 4);
    }

    #[test]
    fn cells_of_several_lines_are_one_cell() {
        let text = "title,abstract,year\r\nA,\"One, two\r\nthree, four\r\n\r\nfive \"\"six\"\"\",2001\r\n\r\n\"B\nb\",\"x, y\nz, z\nw\",2002\n";
        let records = read(Format::Csv, text);
        assert_eq!(titles(&records), ["A", "B b"]);
        assert!(records[0].as_ref().unwrap().paper.abstract_text.as_ref().unwrap().contains("five \"six\""));
        assert_eq!(records[1].as_ref().unwrap().place.line, 7);
        let text = "title,abstract\nA,\"First, yes.\nSecond, too.\"\nB,C\n";
        assert_eq!(titles(&read(Format::Csv, text)), ["A", "B"]);
    }

    #[test]
    fn a_text_that_is_cut_short_in_a_cell_loses_that_record_and_says_so() {
        let records =
            read(Format::Csv, "title,abstract,year\nA,B,2001\nC,\"First line.\nSecond line\nand th");
        assert_eq!(titles(&records), ["A"]);
        assert!(records[1].as_ref().unwrap_err().message.contains("not closed"));
    }

    #[test]
    fn a_list_of_titles_is_a_table() {
        assert_eq!(titles(&read(Format::Auto, "title\nA\n\"B, and b\"\n")), ["A", "B, and b"]);
    }

    #[test]
    fn the_header_of_a_second_table_is_no_paper() {
        let records = read(Format::Csv, "id,title,year\n1,A,2001\nid,title,year\n2,B,2002\n");
        assert_eq!(titles(&records), ["A", "B"]);
    }
}
