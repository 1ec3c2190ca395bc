//! JSON documents: an array of records, an object with such an array (`{"papers": […]}`,
//! `{"data": […]}` as cognate's own searches give), single records over several lines, or several of
//! these after one another.
//!
//! A document may be larger than memory, so that a small scanner cuts it into records by its brackets
//! and strings alone; what is between is read by `serde_json`, record by record.

use serde_json::Value;

use crate::error::{Place, ReadError, RecordError};
use crate::input::Input;
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::{Record, fold_name, names_text, paper_from_json_text};

/// Whether a text that begins with `{` is a document rather than JSON Lines: its first line is an
/// object that wraps records, or no whole object.
pub(crate) fn is_document(head: &[u8]) -> bool {
    let mut lines = head.trim_ascii_start().splitn(2, |&byte| byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let rest = lines.next();
    match (serde_json::from_slice::<Value>(first), rest) {
        (Ok(Value::Object(object)), _) => {
            let wraps =
                |(name, value): (&String, &Value)| is_wrapper_name(name.as_bytes()) && value.is_array();
            object.iter().any(wraps) && !object.keys().any(|name| names_text(&fold_name(name)))
        }
        (Ok(_), _) => false,
        // An object that goes on over further lines, unless the next line begins another record.
        (Err(error), rest) => {
            let goes_on = rest.is_some_and(|rest| !rest.trim_ascii_start().starts_with(b"{"));
            error.is_eof() && (goes_on || begins_wrapper(first))
        }
    }
}

/// Whether the beginning of an object wraps records, as far as it goes.
fn begins_wrapper(head: &[u8]) -> bool {
    let mut scanner = Scanner { input: Input::of_bytes(head), line: 1, raw: Vec::new() };
    scanner.bump();
    matches!(scanner.find_wrapped_array(), Ok(Found::Array))
}

fn is_wrapper_name(name: &[u8]) -> bool {
    name == b"papers" || name == b"data"
}

/// The records of a JSON document.
pub(crate) struct JsonDocument {
    scanner: Scanner,
    state: State,
}

/// Where the scanner stands between two records.
#[derive(Clone, Copy)]
enum State {
    /// Before a top-level value, or at the end.
    TopLevel,
    /// In an array of records, before an element or the array's end.
    InArray { is_wrapped: bool },
    /// In an array of records, behind an element.
    BehindElement { is_wrapped: bool },
    /// In a wrapping object, behind its array.
    BehindArray,
}

impl JsonDocument {
    pub(crate) fn new(input: Input) -> Self {
        Self { scanner: Scanner { input, line: 1, raw: Vec::new() }, state: State::TopLevel }
    }
}

impl FormatReader for JsonDocument {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        loop {
            let first = self.scanner.skip_white_space()?;
            let place = self.scanner.place();
            match (self.state, first) {
                (State::TopLevel, None) => return Ok(None),
                (State::TopLevel, Some(b'[')) => {
                    self.scanner.bump();
                    self.state = State::InArray { is_wrapped: false };
                }
                (State::TopLevel, Some(b'{')) => {
                    self.scanner.bump();
                    match self.scanner.find_wrapped_array()? {
                        Found::Array => self.state = State::InArray { is_wrapped: true },
                        Found::End => return Ok(Some(self.scanner.record(&place))),
                    }
                }
                (State::TopLevel, Some(_)) => return Err(self.scanner.unexpected("an array or an object")),
                (State::InArray { is_wrapped }, Some(b']')) => {
                    self.scanner.bump();
                    self.state = if is_wrapped { State::BehindArray } else { State::TopLevel };
                }
                (State::InArray { is_wrapped }, _) => {
                    self.scanner.value()?;
                    self.state = State::BehindElement { is_wrapped };
                    return Ok(Some(self.scanner.record(&place)));
                }
                (State::BehindElement { is_wrapped }, _) => {
                    self.scanner.separator(b']')?;
                    self.state = State::InArray { is_wrapped };
                }
                (State::BehindArray, _) => {
                    self.scanner.separator(b'}')?;
                    self.state = match self.scanner.find_wrapped_array()? {
                        Found::Array => State::InArray { is_wrapped: true },
                        Found::End => State::TopLevel,
                    };
                }
            }
        }
    }
}

/// What the members of an object come to.
enum Found {
    /// The `[` of an array of records was just passed.
    Array,
    /// The object's `}` was just passed.
    End,
}

/// Walks over a JSON text byte by byte, with no more than one record of it in memory.
struct Scanner {
    input: Input,
    line: u64,
    /// The bytes passed since it was last cleared, up to one more than a record may have.
    raw: Vec<u8>,
}

impl Scanner {
    fn place(&self) -> Place {
        self.input.place(self.line)
    }

    /// Parses what was passed since `raw` was last cleared.
    fn record(&self, place: &Place) -> Result<Record, RecordError> {
        if self.raw.len() > MAX_RECORD_BYTES {
            return Err(RecordError::too_long(place));
        }
        paper_from_json_text(&self.raw, place)
    }

    /// The next byte, not passed; `None` at the end.
    fn peek(&mut self) -> Result<Option<u8>, ReadError> {
        Ok(self.input.fill(self.line)?.first().copied())
    }

    /// Passes the byte that was peeked at.
    fn bump(&mut self) {
        // The bytes at hand were filled by the peek before; at the text's end there is nothing to pass.
        let Ok(&[byte, ..]) = self.input.fill(self.line) else { return };
        if self.raw.len() <= MAX_RECORD_BYTES {
            self.raw.push(byte);
        }
        if byte == b'\n' {
            self.line += 1;
        }
        self.input.text.consume(1);
    }

    /// Passes white space and forgets all that was passed: what follows begins something new.
    fn skip_white_space(&mut self) -> Result<Option<u8>, ReadError> {
        let next = self.pass_white_space()?;
        self.raw.clear();
        Ok(next)
    }

    fn pass_white_space(&mut self) -> Result<Option<u8>, ReadError> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.bump(),
                next => return Ok(next),
            }
        }
    }

    /// Passes a comma; does nothing before `end`.
    fn separator(&mut self, end: u8) -> Result<(), ReadError> {
        match self.pass_white_space()? {
            Some(b',') => {
                self.bump();
                Ok(())
            }
            Some(next) if next == end => Ok(()),
            _ => Err(self.unexpected(&format!(", or {}", char::from(end)))),
        }
    }

    /// Passes members of an object up to an array of records or its end. An array in an object that has
    /// a title or an abstract is a field of that record.
    fn find_wrapped_array(&mut self) -> Result<Found, ReadError> {
        let mut is_record = false;
        loop {
            match self.pass_white_space()? {
                Some(b'}') => {
                    self.bump();
                    return Ok(Found::End);
                }
                Some(b'"') => {}
                _ => return Err(self.unexpected("the name of a field, or }")),
            }
            let start = self.raw.len();
            self.string()?;
            let name = self.raw.get(start..).unwrap_or_default().trim_ascii();
            let name = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or_default();
            let is_wrapper = is_wrapper_name(name);
            is_record |= names_text(&fold_name(&String::from_utf8_lossy(name)));
            if self.pass_white_space()? != Some(b':') {
                return Err(self.unexpected("a colon"));
            }
            self.bump();
            if self.pass_white_space()? == Some(b'[') && is_wrapper && !is_record {
                self.bump();
                return Ok(Found::Array);
            }
            self.value()?;
            self.separator(b'}')?;
        }
    }

    /// Passes one value.
    fn value(&mut self) -> Result<(), ReadError> {
        match self.peek()? {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.nested(),
            _ => self.scalar(),
        }
    }

    /// Passes an object or array: to the bracket that closes the first, of whatever kind.
    fn nested(&mut self) -> Result<(), ReadError> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                Some(b'"') => self.string()?,
                Some(byte) => {
                    self.bump();
                    match byte {
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        return Ok(());
                    }
                }
                None => return Err(self.unexpected("the end of an object or array")),
            }
        }
    }

    fn string(&mut self) -> Result<(), ReadError> {
        self.bump();
        loop {
            match self.peek()? {
                Some(b'"') => {
                    self.bump();
                    return Ok(());
                }
                Some(b'\\') => {
                    self.bump();
                    self.bump();
                }
                Some(_) => self.bump(),
                None => return Err(self.unexpected("the end of a string")),
            }
        }
    }

    /// Passes a number, `true`, `false` or `null`, or what stands in their place.
    fn scalar(&mut self) -> Result<(), ReadError> {
        let mut n_bytes = 0_u64;
        while let Some(byte) = self.peek()? {
            if byte.is_ascii_whitespace() || b",:]}\"[{".contains(&byte) {
                break;
            }
            self.bump();
            n_bytes += 1;
        }
        if n_bytes == 0 { Err(self.unexpected("a value")) } else { Ok(()) }
    }

    /// The error for what comes next; the structure is broken, so that nothing after it can be trusted.
    fn unexpected(&mut self, expected: &str) -> ReadError {
        let found = match self.peek() {
            Ok(Some(byte)) => format!("\"{}\"", byte.escape_ascii()),
            Ok(None) => "the end of the text".to_owned(),
            Err(error) => return error,
        };
        ReadError::Unexpected { place: self.place(), expected: expected.to_owned(), found }
    }
}
