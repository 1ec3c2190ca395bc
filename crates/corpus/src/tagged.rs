//! Records as lines of a tag and a value, the tag padded to four columns: RIS (`TY  - JOUR`) and
//! MEDLINE (`PMID- 31715818`).

use crate::error::{Place, ReadError, RecordError};
use crate::input::Input;
use crate::lines::{Line, Lines};
use crate::reader::MAX_RECORD_BYTES;

/// The value of a tag; lines that go on with it are behind `\n`.
#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) tag: String,
    pub(crate) value: String,
}

/// The fields of one record, in their order.
#[derive(Debug)]
pub(crate) struct TaggedRecord {
    pub(crate) fields: Vec<Field>,
    pub(crate) place: Place,
}

/// Which tags begin and end a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// The tag of a record's first line.
    pub(crate) first: &'static str,
    /// The tag of its last line; without one a blank line ends it.
    pub(crate) last: Option<&'static str>,
}

/// Cuts a text into records.
pub(crate) struct TaggedRecords {
    lines: Lines,
    frame: Frame,
    /// The first line of the next record, where it was read while looking for the last one's end.
    ahead: Option<(Field, Place)>,
}

impl TaggedRecords {
    pub(crate) fn new(input: Input, frame: Frame) -> Self {
        Self { lines: Lines::new(input), frame, ahead: None }
    }

    /// The next record, or what is wrong with it; the next is read as if it were not there.
    pub(crate) fn next_record(&mut self) -> Result<Option<Result<TaggedRecord, RecordError>>, ReadError> {
        let mut open: Option<Open> = self.ahead.take().map(|(field, place)| Open::new(field, place));
        loop {
            let place = self.lines.place_of_next();
            let text = match self.lines.next_line()? {
                None => return Ok(open.map(Open::close)),
                Some(Line::Text(text)) => Some(text),
                Some(Line::TooLong) => None,
            };
            let Some(text) = text else {
                open.get_or_insert_with(|| Open::empty(place.clone())).fail(RecordError::too_long(&place));
                continue;
            };
            let Some(field) = parse_line(text, self.frame.last.is_some()) else {
                if text.trim_ascii().is_empty() && self.frame.last.is_none() {
                    if let Some(open) = open {
                        return Ok(Some(open.close()));
                    }
                } else if let Some(open) = &mut open {
                    open.go_on(text, &place);
                }
                continue;
            };
            let Some(field) = field.decode() else {
                let error = not_utf8(&field.tag, &place);
                open.get_or_insert_with(|| Open::empty(place.clone())).fail(error);
                continue;
            };
            let is_last = Some(field.tag.as_str()) == self.frame.last;
            if field.tag == self.frame.first {
                match open {
                    // Some tools forget a record's last line.
                    Some(record) => {
                        self.ahead = Some((field, place));
                        return Ok(Some(record.close()));
                    }
                    None => open = Some(Open::new(field, place)),
                }
            } else if is_last {
                if let Some(record) = open {
                    return Ok(Some(record.close()));
                }
            } else {
                open.get_or_insert_with(|| {
                    let mut open = Open::empty(place.clone());
                    let message = format!(
                        "expected a record that begins with {}, found {}",
                        self.frame.first, field.tag
                    );
                    open.fail(RecordError::whole(&place, message));
                    open
                })
                .push(field);
            }
        }
    }
}

/// Whether the first line of a text that says anything has this tag.
pub(crate) fn begins_with(head: &[u8], tag: &str, is_ris: bool) -> bool {
    let mut lines = head.split(|&byte| byte == b'\n');
    let first = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    parse_line(first.strip_suffix(b"\r").unwrap_or(first), is_ris).is_some_and(|field| field.tag == tag)
}

/// A record whose end was not found yet.
struct Open {
    record: TaggedRecord,
    n_bytes: usize,
    error: Option<RecordError>,
}

impl Open {
    fn empty(place: Place) -> Self {
        Self { record: TaggedRecord { fields: Vec::new(), place }, n_bytes: 0, error: None }
    }

    fn new(field: Field, place: Place) -> Self {
        let mut open = Self::empty(place);
        open.push(field);
        open
    }

    /// Of several faults the first is told. What the record holds is needed no more.
    fn fail(&mut self, error: RecordError) {
        self.error.get_or_insert(error);
        self.record.fields = Vec::new();
    }

    fn grow(&mut self, n_bytes: usize) -> bool {
        // The struct counts too: empty values must not fill the memory.
        self.n_bytes = self.n_bytes.saturating_add(n_bytes + size_of::<Field>());
        if self.n_bytes > MAX_RECORD_BYTES {
            self.fail(RecordError::too_long(&self.record.place.clone()));
        }
        self.error.is_none()
    }

    fn push(&mut self, field: Field) {
        if self.grow(field.value.len()) {
            self.record.fields.push(field);
        }
    }

    /// A line that goes on with the last field.
    fn go_on(&mut self, line: &[u8], place: &Place) {
        if !self.grow(line.len()) {
            return;
        }
        let Some(last) = self.record.fields.last_mut() else { return };
        match std::str::from_utf8(line) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                last.value.push('\n');
                last.value.push_str(line.trim());
            }
            Err(_) => {
                let error = not_utf8(&last.tag.clone(), place);
                self.fail(error);
            }
        }
    }

    fn close(self) -> Result<TaggedRecord, RecordError> {
        match self.error {
            None => Ok(self.record),
            Some(error) => Err(error),
        }
    }
}

/// A line's tag and the bytes of its value.
struct RawField<'a> {
    tag: String,
    value: &'a [u8],
}

impl RawField<'_> {
    fn decode(&self) -> Option<Field> {
        let value = std::str::from_utf8(self.value).ok()?.trim().to_owned();
        Some(Field { tag: self.tag.clone(), value })
    }
}

/// `TY  - value`, `PMID- value`: a tag of two to four letters and digits, padded to four columns. RIS
/// has tags of two only, so that "DNA - …" in an abstract is no tag.
fn parse_line(line: &[u8], is_ris: bool) -> Option<RawField<'_>> {
    let (tag, rest) = line.split_at_checked(4)?;
    let value = rest.strip_prefix(b"-")?;
    if !value.is_empty() && !value.starts_with(b" ") {
        return None;
    }
    let tag = std::str::from_utf8(tag.trim_ascii_end()).ok()?;
    let is_tag = tag.starts_with(|c: char| c.is_ascii_uppercase())
        && tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let has_length = if is_ris { tag.len() == 2 } else { (2..=4).contains(&tag.len()) };
    (is_tag && has_length).then(|| RawField { tag: tag.to_owned(), value })
}

fn not_utf8(tag: &str, place: &Place) -> RecordError {
    let message = "expected UTF-8 text, found another encoding; convert the file, for instance with \
                   iconv -f LATIN1 -t UTF-8";
    RecordError { field: Some(tag.to_owned()), ..RecordError::whole(place, message) }
}
