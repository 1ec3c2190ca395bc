//! JSON Lines: one record a line, or an answer of a database with several. The arXiv metadata snapshot is JSON
//! Lines with field names of its own, which [`paper_from_json`](crate::paper_from_json) knows.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::error::{Place, ReadError, RecordError};
use crate::input::Input;
use crate::lines::{Line, Lines};
use crate::reader::FormatReader;
use crate::record::{Record, paper_from_json_text};
use crate::structure::{has_more_values, records_in, repair};

/// Most values in a line that may hold several records.
pub(crate) const MAX_VALUES: usize = 2_000_000;

/// The records of a JSON Lines text. Blank lines and `null` are none; a line that is not JSON is a bad record and
/// the next is read as if it were not there.
pub(crate) struct JsonLines {
    lines: Lines,
    /// Further records of a line that has several.
    ready: VecDeque<(Place, Box<str>)>,
}

impl JsonLines {
    pub(crate) fn new(input: Input) -> Self {
        Self { lines: Lines::new(input), ready: VecDeque::new() }
    }
}

impl FormatReader for JsonLines {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        loop {
            if let Some((place, text)) = self.ready.pop_front() {
                return Ok(Some(paper_from_json_text(text.as_bytes(), &place)));
            }
            let place = self.lines.place_of_next();
            let line = match self.lines.next_line()? {
                None => return Ok(None),
                Some(Line::TooLong) => return Ok(Some(Err(RecordError::too_long(&place)))),
                Some(Line::Text(text)) => text.trim_ascii(),
            };
            // Elements of a list that stands over several lines.
            let line = line.strip_suffix(b",").unwrap_or(line);
            if line.is_empty() || line == b"null" {
                continue;
            }
            if has_more_values(line, MAX_VALUES) {
                let message = format!("expected at most {MAX_VALUES} values in a line, found more");
                return Ok(Some(Err(RecordError::whole(&place, message))));
            }
            let text = String::from_utf8_lossy(line);
            let is_valid = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            let text = if is_valid { text } else { Cow::Owned(repair(&text)) };
            match records_in(&text).as_slice() {
                [only] => return Ok(Some(paper_from_json_text(only.as_bytes(), &place))),
                records => {
                    self.ready.extend(records.iter().map(|record| (place.clone(), Box::from(*record))))
                }
            }
        }
    }
}
