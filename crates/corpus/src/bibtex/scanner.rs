//! Cuts a BibTeX text into its blocks (`@article{…}`, `@string{…}`), with no more than one in memory.

use crate::error::{Place, ReadError, RecordError};
use crate::lines::{Line, Lines};
use crate::reader::MAX_RECORD_BYTES;

/// One `@kind{body}`, as bytes: BibTeX's marks are ASCII, so that any encoding can be cut.
#[derive(Debug)]
pub(super) struct Block {
    /// In lower case.
    pub(super) kind: String,
    /// What is between the outer delimiters, lines separated by `\n`.
    pub(super) body: Vec<u8>,
    /// Where the `@` is.
    pub(super) place: Place,
}

/// A line, `None` where it is too long, and where it stands.
type NumberedLine = (Option<Vec<u8>>, Place);

/// Walks over the text line by line.
pub(super) struct Scanner {
    lines: Lines,
    /// What is left of a line, and where it stands.
    rest: Option<(Vec<u8>, Place)>,
    /// Whether fields outside any entry were reported since the last entry.
    has_reported_stray: bool,
}

impl Scanner {
    pub(super) fn new(lines: Lines) -> Self {
        Self { lines, rest: None, has_reported_stray: true }
    }

    /// The next block, or what is wrong there; the text after it is read as if it were not there.
    pub(super) fn next_block(&mut self) -> Result<Option<Result<Block, RecordError>>, ReadError> {
        loop {
            let Some((line, place)) = self.take_line()? else { return Ok(None) };
            let Some(line) = line else { return Ok(Some(Err(RecordError::too_long(&place)))) };
            if let Some(start) = find_start(&line) {
                self.has_reported_stray = false;
                return self.block(&line, &start, place).map(Some);
            }
            if !self.has_reported_stray && is_field(&line) {
                self.has_reported_stray = true;
                let message = "expected an entry, found a field outside any; the entry before may have a \
                               closing brace too many, and is read up to that";
                return Ok(Some(Err(RecordError::whole(&place, message))));
            }
        }
    }

    /// The block that begins in `line`.
    fn block(
        &mut self,
        line: &[u8],
        start: &Start,
        place: Place,
    ) -> Result<Result<Block, RecordError>, ReadError> {
        let mut body = Vec::new();
        let mut is_too_long = false;
        let mut nesting = Nesting { close: start.close, depth: 0, in_quotes: false };
        let mut line = line[start.body..].to_vec();
        let mut line_place = place.clone();
        loop {
            let end = nesting.find_end(&line);
            let part = &line[..end.unwrap_or(line.len())];
            is_too_long |= body.len() + part.len() > MAX_RECORD_BYTES;
            if !is_too_long {
                body.extend_from_slice(part);
                body.push(b'\n');
            }
            if let Some(end) = end {
                self.rest = Some((line.split_off(end + 1), line_place));
                break;
            }
            let unclosed = || {
                let close = char::from(start.close);
                let message = format!("expected a {close} that closes @{}, found none", start.kind);
                RecordError::whole(&place, message)
            };
            match self.take_line()? {
                None => return Ok(Err(unclosed())),
                Some((None, _)) => is_too_long = true,
                // An entry at the start of a line is one, whatever was left open before it.
                Some((Some(next), next_place))
                    if start.kind != "comment" && find_start(&next).is_some_and(|next| next.is_first) =>
                {
                    self.rest = Some((next, next_place));
                    return Ok(Err(unclosed()));
                }
                Some((Some(next), next_place)) => (line, line_place) = (next, next_place),
            }
        }
        if is_too_long {
            return Ok(Err(RecordError::too_long(&place)));
        }
        Ok(Ok(Block { kind: start.kind.clone(), body, place }))
    }

    /// The next line, or what is left of the last.
    fn take_line(&mut self) -> Result<Option<NumberedLine>, ReadError> {
        if let Some((rest, place)) = self.rest.take() {
            return Ok(Some((Some(rest), place)));
        }
        let place = self.lines.place_of_next();
        Ok(self.lines.next_line()?.map(|line| match line {
            Line::Text(text) => (Some(text.to_vec()), place),
            Line::TooLong => (None, place),
        }))
    }
}

/// The beginning of a block in a line.
struct Start {
    kind: String,
    /// Where the body begins.
    body: usize,
    close: u8,
    /// Whether there is nothing but white space before it.
    is_first: bool,
}

/// The first `@kind{` or `@kind(` of a line.
fn find_start(line: &[u8]) -> Option<Start> {
    let at_signs = line.iter().enumerate().filter(|(_, byte)| **byte == b'@').map(|(at, _)| at);
    at_signs.into_iter().find_map(|at| {
        let after = &line[at + 1..];
        let n_spaces = after.len() - after.trim_ascii_start().len();
        let after = &after[n_spaces..];
        let n_letters = after.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let n_more = after[n_letters..].len() - after[n_letters..].trim_ascii_start().len();
        let close = match after.get(n_letters + n_more) {
            Some(b'{') if n_letters > 0 => b'}',
            Some(b'(') if n_letters > 0 => b')',
            _ => return None,
        };
        Some(Start {
            kind: String::from_utf8_lossy(&after[..n_letters]).to_ascii_lowercase(),
            body: at + 1 + n_spaces + n_letters + n_more + 1,
            close,
            is_first: line[..at].trim_ascii().is_empty(),
        })
    })
}

/// Whether a text's first line that says anything begins a block.
pub(crate) fn begins_with_block(head: &[u8]) -> bool {
    let mut lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"%"));
    first.and_then(find_start).is_some_and(|start| start.is_first)
}

/// Whether any line of a text begins a block, as where notes stand before the first entry.
pub(crate) fn has_block(head: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n').any(|line| find_start(line).is_some_and(|start| start.is_first))
}

/// Whether a line looks like `name = {…`.
fn is_field(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let Some(equals) = line.iter().position(|&byte| byte == b'=') else { return false };
    let name = line[..equals].trim_ascii();
    let value = line[equals + 1..].trim_ascii_start();
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        && value.first().is_some_and(|byte| b"{\"".contains(byte))
}

/// Where in a block the scanner is.
struct Nesting {
    close: u8,
    depth: usize,
    in_quotes: bool,
}

impl Nesting {
    /// Where the block's closing delimiter is in the next line, if there. Braces are counted as BibTeX
    /// does: with those behind a backslash, and in quotation marks too.
    fn find_end(&mut self, line: &[u8]) -> Option<usize> {
        for (at, &byte) in line.iter().enumerate() {
            match byte {
                b'{' => self.depth += 1,
                b'}' if self.depth > 0 => self.depth -= 1,
                b'"' if self.depth == 0 => self.in_quotes = !self.in_quotes,
                // In parentheses a brace that was never opened closes nothing.
                _ if byte == self.close && self.depth == 0 && !(byte == b')' && self.in_quotes) => {
                    return Some(at);
                }
                _ => {}
            }
        }
        None
    }
}
