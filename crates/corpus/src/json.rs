//! JSON documents: a list of records, an answer that wraps such a list in whatever way, single records over
//! several lines, or several of these after one another.
//!
//! A document may be larger than memory. A small scanner cuts it by brackets and strings alone into values of
//! at most [`MAX_RECORD_BYTES`]; where the records are in these is said by [`structure`](crate::structure). An object
//! that is larger is no record but wraps some, and is walked through member by member.

use std::collections::VecDeque;
use std::io::{BufReader, Cursor, Read};

use crate::error::{Place, ReadError, RecordError};
use crate::input::Input;
use crate::jsonl::MAX_VALUES;
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::{Record, paper_from_json_text};
use crate::structure::{begins_record, has_more_values, records_in, records_within, repair};

/// Deepest nesting of values that are too large to be held at once.
const MAX_FRAMES: usize = 64;

/// Whether a text that begins with `{` is a document rather than JSON Lines: its first line is no whole object, and
/// the next begins no other. A first line longer than `head` is read as a document, which may hold many lines.
pub(crate) fn is_document(head: &[u8]) -> bool {
    let mut lines = head.trim_ascii_start().splitn(2, |&byte| byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default().trim_ascii_end());
    let rest = lines.next().map(<[u8]>::trim_ascii_start);
    match serde_json::from_str::<serde::de::IgnoredAny>(&first) {
        // An answer that wraps records, alone.
        Ok(_) => rest.unwrap_or_default().is_empty() && records_in(&first) != [&*first],
        // Objects one behind another, with no line between.
        Err(error) if !error.is_eof() => {
            let mut values = serde_json::Deserializer::from_str(&first).into_iter::<serde::de::IgnoredAny>();
            let has_one = matches!(values.next(), Some(Ok(_)));
            has_one && first[values.byte_offset()..].trim_start().starts_with('{')
        }
        Err(error) => {
            let goes_on = first.ends_with([',', '[', '{', ':']);
            error.is_eof() && rest.is_none_or(|rest| goes_on || !rest.starts_with(b"{"))
        }
    }
}

/// Whether a text that begins with `[` is JSON Lines for all that: no document begins with a line of so many lists in one
/// another, and a line costs no other.
pub(crate) fn begins_too_deep(head: &[u8]) -> bool {
    let mut line = head.trim_ascii_start().iter().take_while(|&&byte| byte != b'\n');
    line.by_ref()
        .filter(|byte| !byte.is_ascii_whitespace())
        .take(MAX_FRAMES + 1)
        .filter(|&&byte| byte == b'[')
        .count()
        > MAX_FRAMES
}

/// The records of a JSON document.
pub(crate) struct JsonDocument {
    scanner: Scanner,
    /// The lists and objects around the next value that are too large to be held.
    frames: Vec<Frame>,
    /// Records of the value last read that were not given yet.
    ready: VecDeque<(Place, Box<str>)>,
    /// What ended the reading, to be told behind them.
    fault: Option<ReadError>,
}

#[derive(Clone, Copy, PartialEq)]
enum Frame {
    /// A list whose objects are records, as it stands at the top.
    Records,
    /// A list within an object: of records, or of something else.
    List,
    Object,
}

impl JsonDocument {
    pub(crate) fn new(input: Input) -> Self {
        Self {
            scanner: Scanner { input, line: 1, raw: Vec::new() },
            frames: Vec::new(),
            ready: VecDeque::new(),
            fault: None,
        }
    }

    /// Reads on to where there are records, or a fault of one; `false` at the end.
    fn advance(&mut self) -> Result<Step, ReadError> {
        let next = self.scanner.skip_white_space()?;
        match (self.frames.last().copied(), next) {
            (None, None) => return Ok(Step::End),
            (None, Some(b'[')) => {
                self.scanner.bump();
                self.frames.push(Frame::Records);
            }
            (None, Some(b'{')) => return self.top_object(),
            (None, Some(_)) => return Err(self.scanner.unexpected("an array or an object")),
            (Some(Frame::Records | Frame::List), Some(b']')) | (Some(Frame::Object), Some(b'}')) => {
                self.scanner.bump();
                self.frames.pop();
                self.end_value()?;
            }
            (Some(Frame::Object), Some(b'"')) => {
                self.scanner.string()?;
                if self.scanner.skip_white_space()? != Some(b':') {
                    return Err(self.scanner.unexpected("a colon"));
                }
                self.scanner.bump();
                self.scanner.skip_white_space()?;
                return self.value(Frame::List);
            }
            (Some(Frame::Object), _) => return Err(self.scanner.unexpected("the name of a field, or }")),
            (Some(frame), _) => return self.value(frame),
        }
        Ok(Step::Nothing)
    }

    /// An object at the top. A fault in it costs no more than its line, if the next begins another.
    fn top_object(&mut self) -> Result<Step, ReadError> {
        let place = self.scanner.place();
        match self.value(Frame::Records) {
            Err(ReadError::Unexpected { expected, found, .. })
                if self.frames.is_empty() && self.scanner.skip_line()? =>
            {
                let message = format!("expected a record in JSON, with {expected}; found {found}");
                Ok(Step::Bad(RecordError::whole(&place, message)))
            }
            step => step,
        }
    }

    /// Reads a value that stands in a list or object, or at the top.
    fn value(&mut self, around: Frame) -> Result<Step, ReadError> {
        let place = self.scanner.place();
        match self.scanner.peek()? {
            Some(b'[') if self.frames.len() < MAX_FRAMES => {
                self.scanner.bump();
                self.frames.push(if around == Frame::Records { Frame::Records } else { Frame::List });
                return Ok(Step::Nothing);
            }
            Some(b'[') => {
                self.scanner.value()?;
                self.end_value()?;
                let message =
                    format!("expected lists in one another at most {MAX_FRAMES} deep, found deeper ones");
                return Ok(Step::Bad(RecordError::whole(&place, message)));
            }
            Some(b'{') => {}
            _ if around == Frame::Records => {
                self.scanner.value()?;
                // What a service has instead of a paper that it does not have.
                if self.scanner.raw != b"null" {
                    let text: Box<str> = String::from_utf8_lossy(&self.scanner.raw).into();
                    self.ready.push_back((place, text));
                }
                self.end_value()?;
                return Ok(Step::Nothing);
            }
            _ => {
                self.scanner.value()?;
                self.end_value()?;
                return Ok(Step::Nothing);
            }
        }
        if self.scanner.object()? && !has_more_values(&self.scanner.raw, MAX_VALUES) {
            let text = String::from_utf8_lossy(&self.scanner.raw);
            let is_valid = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            let text = if is_valid { text } else { repair(&text).into() };
            let records = if around == Frame::Records { records_in(&text) } else { records_within(&text) };
            let start = text.as_ptr() as usize;
            let (mut line, mut counted) = (place.line, 0);
            for record in records {
                let at = record.as_ptr() as usize - start;
                line += memchr::memchr_iter(b'\n', &text.as_bytes()[counted..at.max(counted)]).count() as u64;
                counted = at.max(counted);
                self.ready.push_back((Place { line, ..place.clone() }, record.into()));
            }
            self.end_value()?;
            return Ok(Step::Nothing);
        }
        // Larger than a record may be.
        if begins_record(&self.scanner.raw) || self.frames.len() >= MAX_FRAMES {
            self.scanner.pass_object()?;
            self.end_value()?;
            return Ok(Step::Bad(RecordError::too_long(&place)));
        }
        self.scanner.rewind(place.line);
        self.scanner.bump();
        self.frames.push(Frame::Object);
        Ok(Step::Nothing)
    }

    /// Passes the comma behind a value, if it stands in something.
    fn end_value(&mut self) -> Result<(), ReadError> {
        match self.frames.last() {
            Some(Frame::Object) => self.scanner.separator(b'}'),
            Some(Frame::Records | Frame::List) => self.scanner.separator(b']'),
            None => Ok(()),
        }
    }
}

/// What reading on came to.
enum Step {
    /// Perhaps there are records now.
    Nothing,
    Bad(RecordError),
    End,
}

impl FormatReader for JsonDocument {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        loop {
            if let Some((place, text)) = self.ready.pop_front() {
                return Ok(Some(paper_from_json_text(text.as_bytes(), &place)));
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            match self.advance() {
                Ok(Step::Nothing) => {}
                Ok(Step::Bad(bad)) => return Ok(Some(Err(bad))),
                Ok(Step::End) => return Ok(None),
                Err(fault) => self.fault = Some(fault),
            }
        }
    }
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

    /// Passes the rest of a line; whether the next begins an object.
    fn skip_line(&mut self) -> Result<bool, ReadError> {
        loop {
            self.raw.clear();
            match self.peek()? {
                None => return Ok(true),
                Some(b'\n') => break,
                Some(_) => self.bump(),
            }
        }
        Ok(matches!(self.skip_white_space()?, None | Some(b'{')))
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

    /// Passes one value.
    fn value(&mut self) -> Result<(), ReadError> {
        match self.peek()? {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.nested(usize::MAX).map(drop),
            _ => self.scalar(),
        }
    }

    /// Passes an object into `raw`, which begins with it; stops and gives `false` where it is longer than a record
    /// may be.
    fn object(&mut self) -> Result<bool, ReadError> {
        self.raw.clear();
        self.nested(MAX_RECORD_BYTES)
    }

    /// Passes the rest of an object of which `raw` holds the beginning.
    fn pass_object(&mut self) -> Result<(), ReadError> {
        let line = self.line;
        self.rewind(line);
        self.nested(usize::MAX).map(drop)
    }

    /// Goes back to where `raw` begins.
    fn rewind(&mut self, line: u64) {
        let raw = std::mem::take(&mut self.raw);
        let rest = std::mem::replace(&mut self.input.text, Box::new(Cursor::new(Vec::new())));
        self.input.text =
            Box::new(BufReader::with_capacity(crate::encoding::CHUNK_BYTES, Cursor::new(raw).chain(rest)));
        self.line = line;
    }

    /// Passes an object or array: to the bracket that closes the first, of whatever kind. Stops and gives `false`
    /// behind `limit` bytes.
    fn nested(&mut self, limit: usize) -> Result<bool, ReadError> {
        let mut depth = 0_usize;
        loop {
            if self.raw.len() > limit {
                return Ok(false);
            }
            match self.peek()? {
                Some(b'"') if !self.string_within(limit)? => return Ok(false),
                Some(b'"') => {}
                Some(byte) => {
                    self.bump();
                    match byte {
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        return Ok(true);
                    }
                }
                None => return Err(self.unexpected("the end of an object or array")),
            }
        }
    }

    /// Passes a string. Line breaks are escaped in strings, so that one ends a string that is not closed.
    fn string(&mut self) -> Result<(), ReadError> {
        self.string_within(usize::MAX).map(drop)
    }

    /// Passes a string; stops and gives `false` where `raw` has more than `limit` bytes, all that was passed.
    fn string_within(&mut self, limit: usize) -> Result<bool, ReadError> {
        self.bump();
        loop {
            if self.raw.len() > limit {
                return Ok(false);
            }
            let available = self.input.fill(self.line)?;
            if available.is_empty() {
                return Err(self.unexpected("the end of a string"));
            }
            let n_plain = memchr::memchr3(b'"', b'\\', b'\n', available).unwrap_or(available.len());
            let n_plain = n_plain.min(limit.saturating_add(1).saturating_sub(self.raw.len()));
            let n_kept = n_plain.min((MAX_RECORD_BYTES + 1).saturating_sub(self.raw.len()));
            self.raw.extend_from_slice(&available[..n_kept]);
            self.input.text.consume(n_plain);
            match self.peek()? {
                _ if self.raw.len() > limit => return Ok(false),
                Some(b'"') => {
                    self.bump();
                    return Ok(true);
                }
                Some(b'\\') => {
                    self.bump();
                    if self.raw.len() > limit {
                        return Ok(false);
                    }
                    self.peek()?;
                    self.bump();
                }
                Some(b'\n') => return Err(self.unexpected("the end of a string")),
                _ => {}
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
