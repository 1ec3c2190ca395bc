//! JSON Lines: one record a line. The arXiv metadata snapshot is JSON Lines with field names of its
//! own, which [`paper_from_json`](crate::paper_from_json) knows.

use crate::error::{ReadError, RecordError};
use crate::input::Input;
use crate::lines::{Line, Lines};
use crate::reader::FormatReader;
use crate::record::{Record, paper_from_json_text};

/// The records of a JSON Lines text. Blank lines are none; a line that is not JSON is a bad record and
/// the next is read as if it were not there.
pub(crate) struct JsonLines {
    lines: Lines,
}

impl JsonLines {
    pub(crate) fn new(input: Input) -> Self {
        Self { lines: Lines::new(input) }
    }
}

impl FormatReader for JsonLines {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        loop {
            let place = self.lines.place_of_next();
            match self.lines.next_line()? {
                None => return Ok(None),
                Some(Line::TooLong) => return Ok(Some(Err(RecordError::too_long(&place)))),
                Some(Line::Text(text)) if text.trim_ascii().is_empty() => {}
                Some(Line::Text(text)) => return Ok(Some(paper_from_json_text(text, &place))),
            }
        }
    }
}
