//! Workbooks of spreadsheets (`.xlsx`): each sheet is a table with a header row.
//!
//! `calamine` reads them. Unlike all other formats a workbook is in memory as it is stored, with all of its distinct
//! texts: that is how the format keeps them.

use std::io::{Cursor, Read};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use calamine::{DataRef, Reader, Xlsx, XlsxError};

use crate::archive::{Member, SeekableFile};
use crate::error::{Place, ReadError, RecordError};
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::{Record, paper_from_json};
use crate::table::{Columns, MAX_PREAMBLE_ROWS, header_score, is_other_header};

/// Largest workbook, in bytes as stored.
const MAX_WORKBOOK_BYTES: u64 = 256 << 20;
/// How many bytes its parts may become, in all and per byte stored.
const FREE_BYTES: u64 = 64 << 20;
const MAX_RATIO: u64 = 60;

/// The records of a workbook, sheet by sheet.
pub(crate) struct Workbook {
    name: Arc<str>,
    rows: Receiver<Result<Row, String>>,
    /// The sheet that is read, and its columns once a row was its header.
    sheet: String,
    columns: Option<Columns>,
    has_records: bool,
    n_sheets: usize,
}

struct Row {
    sheet: Arc<str>,
    /// Counted from 1, as spreadsheets do.
    number: u32,
    cells: Vec<String>,
    is_too_long: bool,
}

impl Workbook {
    /// Opens a workbook, whose parts are `members`.
    ///
    /// # Errors
    /// [`ReadError::Open`] if it cannot be read, [`ReadError::Unexpected`] for one that is too large.
    pub(crate) fn open(name: Arc<str>, file: &SeekableFile, members: &[Member]) -> Result<Self, ReadError> {
        let place = Place { file: Arc::clone(&name), line: 1 };
        let cannot = |source| ReadError::Io { place: place.clone(), offset: 0, source };
        let n_packed: u64 = members.iter().map(|member| member.n_packed).sum();
        let too_large = |found: String| ReadError::Unexpected {
            place: place.clone(),
            expected: format!(
                "a workbook of at most {} MiB, whose parts become at most {MAX_RATIO} times as large",
                MAX_WORKBOOK_BYTES >> 20
            ),
            found,
        };
        if n_packed > MAX_WORKBOOK_BYTES {
            return Err(too_large(format!("one of {} MiB", n_packed >> 20)));
        }
        // `calamine` would hold the parts of a bomb in memory, so that they are counted first.
        let limit = FREE_BYTES.max(n_packed.saturating_mul(MAX_RATIO));
        let mut n_bytes = 0;
        for member in members {
            let part = member.open().map_err(cannot)?;
            n_bytes +=
                std::io::copy(&mut part.take(limit + 1 - n_bytes), &mut std::io::sink()).map_err(cannot)?;
            if n_bytes > limit {
                return Err(too_large(format!("one of {n_packed} bytes that becomes more than {limit}")));
            }
        }
        let mut bytes = Vec::new();
        file.open()
            .and_then(|file| file.take(MAX_WORKBOOK_BYTES * 2).read_to_end(&mut bytes))
            .map_err(cannot)?;
        // The reader of a sheet borrows from the workbook, so that both live on a thread of their own. It waits
        // until a row is taken, and ends when this is dropped.
        let (sender, rows) = sync_channel(1);
        thread::Builder::new()
            .name("workbook".to_owned())
            .spawn(move || {
                // A fault of the library is the file's fault as far as its reader is concerned.
                let outcome = panic::catch_unwind(AssertUnwindSafe(|| send_rows(bytes, &sender)));
                match outcome {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => drop(sender.send(Err(error.to_string()))),
                    Err(_) => drop(sender.send(Err("a workbook that cannot be read".to_owned()))),
                }
            })
            .map_err(cannot)?;
        Ok(Self { name, rows, sheet: String::new(), columns: None, has_records: false, n_sheets: 0 })
    }

    fn unexpected(&self, expected: &str, found: String) -> ReadError {
        ReadError::Unexpected {
            place: Place { file: Arc::clone(&self.name), line: 1 },
            expected: expected.to_owned(),
            found,
        }
    }
}

impl FormatReader for Workbook {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        loop {
            let row = match self.rows.recv() {
                Ok(Ok(row)) => row,
                Ok(Err(found)) => return Err(self.unexpected("a workbook of a spreadsheet (.xlsx)", found)),
                Err(_) if self.has_records => return Ok(None),
                Err(_) => {
                    let found = format!("{} sheets without one", self.n_sheets);
                    return Err(
                        self.unexpected("a sheet with a header row that names a title or an abstract", found)
                    );
                }
            };
            if *row.sheet != *self.sheet {
                self.sheet = row.sheet.to_string();
                self.columns = None;
                self.n_sheets += 1;
            }
            let name = format!("{}, sheet {}", self.name, row.sheet);
            let place = Place { file: name.into(), line: row.number.into() };
            if row.is_too_long {
                return Ok(Some(Err(RecordError::too_long(&place))));
            }
            let mut cells: Vec<&str> = row.cells.iter().map(String::as_str).collect();
            let Some(columns) = &self.columns else {
                let is_early = row.number as usize <= MAX_PREAMBLE_ROWS;
                if is_early && header_score(cells.iter().copied().map(str::trim)) > 0 {
                    self.columns = Some(Columns::new(cells.iter().copied()));
                    self.has_records = true;
                }
                continue;
            };
            if cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            // Two tables, one below the other.
            if columns.is_header(&cells) {
                continue;
            }
            if is_other_header(&cells) {
                self.columns = Some(Columns::new(cells.iter().copied()));
                continue;
            }
            // Cells are where they are: none is shifted, and those at the end are missing where they are blank.
            cells.resize(columns.len().max(cells.len()), "");
            return Ok(Some(
                columns.object(&cells, &place).and_then(|object| paper_from_json(object, &place)),
            ));
        }
    }
}

/// Sends every row that has cells, of every sheet. Ends where nobody listens any more.
fn send_rows(bytes: Vec<u8>, sender: &SyncSender<Result<Row, String>>) -> Result<(), XlsxError> {
    let mut workbook = Xlsx::new(Cursor::new(bytes))?;
    for name in workbook.sheet_names() {
        let sheet: Arc<str> = name.as_str().into();
        // Charts are sheets too.
        let Ok(mut cells) = workbook.worksheet_cells_reader(&name) else { continue };
        let mut row = Row { sheet: Arc::clone(&sheet), number: 0, cells: Vec::new(), is_too_long: false };
        let mut n_bytes = 0;
        while let Some(cell) = cells.next_cell()? {
            let (number, column) = cell.get_position();
            if number + 1 != row.number {
                let next = Row {
                    sheet: Arc::clone(&sheet),
                    number: number + 1,
                    cells: Vec::new(),
                    is_too_long: false,
                };
                let full = std::mem::replace(&mut row, next);
                n_bytes = 0;
                if full.number > 0 && sender.send(Ok(full)).is_err() {
                    return Ok(());
                }
            }
            let text = text_of(cell.get_value());
            let column = column as usize;
            n_bytes += text.len();
            if n_bytes > MAX_RECORD_BYTES {
                row.is_too_long = true;
                row.cells = Vec::new();
            } else if !row.is_too_long && !text.is_empty() && column < crate::MAX_FIELDS {
                if row.cells.len() <= column {
                    row.cells.resize(column + 1, String::new());
                }
                row.cells[column] = text;
            }
        }
        if row.number > 0 && sender.send(Ok(row)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn text_of(cell: &DataRef<'_>) -> String {
    match cell {
        DataRef::Int(number) => number.to_string(),
        // Spreadsheets know but one kind of number.
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(time) if time.is_datetime() => {
            let (year, month, day, ..) = time.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::DateTime(time) => time.as_f64().to_string(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}
