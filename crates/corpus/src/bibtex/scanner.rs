//! Cuts a BibTeX text into its blocks (`@article{…}`, `@string{…}`), with no more than one in memory.

use std::collections::VecDeque;

use super::entry;
use crate::error::{Place, ReadError, RecordError};
use crate::lines::{Line, Lines};
use crate::mixed::{self, Marks};
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
    /// Lines behind a comment that nothing closes, to be read again.
    again: VecDeque<NumberedLine>,
    /// How many bytes may still be looked through for the end of a comment. Every byte read adds to it, so
    /// that a file of nothing but open comments is not read once for each.
    lookahead: usize,
    /// Whether fields outside any entry were reported since the last entry.
    has_reported_stray: bool,
    /// What the lines behind the last entry are in, where that is another format.
    next: Option<Marks>,
}

/// What stands next in a text.
#[derive(Debug)]
pub(super) enum Item {
    /// A block.
    Block(Block),
    /// A `@comment` that nothing closes, at this place: what is behind it is read as if it were not there.
    OpenComment(Place),
}

impl Scanner {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            lines,
            rest: None,
            again: VecDeque::new(),
            lookahead: MAX_RECORD_BYTES,
            has_reported_stray: true,
            next: None,
        }
    }

    /// The lines in another format at which it ended.
    pub(super) fn into_rest(self) -> Option<(Marks, Lines)> {
        Some((self.next?, self.lines))
    }

    /// The next block, or what is wrong there; the text after it is read as if it were not there.
    pub(super) fn next_item(&mut self) -> Result<Option<Result<Item, RecordError>>, ReadError> {
        loop {
            if self.next.is_some() {
                return Ok(None);
            }
            let Some((line, place)) = self.take_line()? else { return Ok(None) };
            let Some(line) = line else { return Ok(Some(Err(RecordError::too_long(&place)))) };
            if self.lines.is_mixed()
                && let Some(marks) = mixed::begins(&line).filter(|marks| *marks != Marks::Bibtex)
            {
                let lines = std::iter::once((Some(line), place)).chain(self.again.drain(..));
                self.lines.unread(lines.map(|(line, place)| (line, place.line)));
                self.next = Some(marks);
                return Ok(None);
            }
            if let Some(start) = find_start(&line) {
                self.has_reported_stray = false;
                return Ok(Some(match start.kind.as_str() {
                    "comment" => Ok(self.comment(&line, &start, place)?),
                    _ => self.block(&line, &start, place)?.map(Item::Block),
                }));
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
    ///
    /// An entry at the start of a line begins one, whatever was left open before it, unless it is quoted: it stands in a
    /// value, and braces are balanced in what follows up to the end of the block.
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
        // The lines from the first on that begins an entry, which are read again where it is none of this block's.
        let mut passed: VecDeque<NumberedLine> = VecDeque::new();
        let mut n_passed = 0;
        loop {
            let end = nesting.find_end(&line);
            let part = &line[..end.unwrap_or(line.len())];
            is_too_long |= body.len() + part.len() > MAX_RECORD_BYTES;
            if !is_too_long {
                body.extend_from_slice(part);
                body.push(b'\n');
            }
            if let Some(end) = end {
                if !passed.is_empty() && entry::parse_entry(&String::from_utf8_lossy(&body)).is_err() {
                    break;
                }
                self.rest = Some((line.split_off(end + 1), line_place));
                if is_too_long {
                    return Ok(Err(RecordError::too_long(&place)));
                }
                return Ok(Ok(Block { kind: start.kind.clone(), body, place }));
            }
            let is_at_limit = n_passed > self.lookahead.min(MAX_RECORD_BYTES);
            let Some((next, next_place)) = (if is_at_limit { None } else { self.take_line()? }) else {
                break;
            };
            let begins = next.as_deref().is_some_and(begins_entry);
            if begins || !passed.is_empty() {
                n_passed += next.as_ref().map_or(0, Vec::len) + 1;
                passed.push_back((next.clone(), next_place.clone()));
            }
            let may_quote = nesting.is_in_value() && !matches!(start.kind.as_str(), "string" | "preamble");
            if begins && !may_quote {
                break;
            }
            match next {
                Some(next) => (line, line_place) = (next, next_place),
                None => {
                    is_too_long = true;
                    line.clear();
                }
            }
        }
        self.lookahead = self.lookahead.saturating_sub(n_passed);
        passed.append(&mut self.again);
        self.again = passed;
        let close = char::from(start.close);
        let message = format!("expected a {close} that closes @{}, found none", start.kind);
        Ok(Err(RecordError::whole(&place, message)))
    }

    /// Passes over the comment that begins in `line`: to the delimiter that closes it, with whatever entries
    /// are in it. If none does, only to the next entry.
    fn comment(&mut self, line: &[u8], start: &Start, place: Place) -> Result<Item, ReadError> {
        let mut nesting = Nesting { close: start.close, depth: 0, in_quotes: false };
        let mut passed: VecDeque<NumberedLine> = VecDeque::new();
        let mut n_passed = 0;
        let mut line = line[start.body..].to_vec();
        let mut line_place = place.clone();
        loop {
            if let Some(end) = nesting.find_end(&line) {
                self.rest = Some((line.split_off(end + 1), line_place));
                return Ok(Item::Block(Block { kind: start.kind.clone(), body: Vec::new(), place }));
            }
            let next = if n_passed > self.lookahead.min(MAX_RECORD_BYTES) { None } else { self.take_line()? };
            let Some((next, next_place)) = next else { break };
            let text = next.clone().unwrap_or_default();
            n_passed += text.len() + 1;
            passed.push_back((next, next_place.clone()));
            (line, line_place) = (text, next_place);
        }
        self.lookahead = self.lookahead.saturating_sub(n_passed);
        let is_entry = |(line, _): &NumberedLine| line.as_deref().is_some_and(begins_entry);
        while passed.front().is_some_and(|line| !is_entry(line)) {
            passed.pop_front();
        }
        passed.append(&mut self.again);
        self.again = passed;
        Ok(Item::OpenComment(place))
    }

    /// The next line, or what is left of the last.
    fn take_line(&mut self) -> Result<Option<NumberedLine>, ReadError> {
        if let Some((rest, place)) = self.rest.take() {
            return Ok(Some((Some(rest), place)));
        }
        if let Some(line) = self.again.pop_front() {
            return Ok(Some(line));
        }
        let place = self.lines.place_of_next();
        let line = self.lines.next_line()?.map(|line| match line {
            Line::Text(text) => (Some(text.to_vec()), place),
            Line::TooLong => (None, place),
        });
        self.lookahead += line.as_ref().and_then(|(text, _)| text.as_ref()).map_or(0, Vec::len);
        Ok(line)
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

/// Whether a line begins an entry, as even the text of a field that nothing closes would not: `@article{key,`,
/// `@article{key` alone, `@string{name =`. "@home (a league) and" and "@work{x} are" are text.
fn begins_entry(line: &[u8]) -> bool {
    let Some(start) = find_start(line).filter(|start| start.is_first) else { return false };
    let is_known = KINDS.contains(&start.kind.as_str());
    if start.kind == "comment" || (start.close == b')' && !is_known) {
        return is_known;
    }
    let body = line[start.body..].trim_ascii();
    let end = body.iter().position(|byte| b",={}()\"@".contains(byte));
    let Some(end) = end else {
        // A key alone on its line; more words are a text's.
        return is_known || !body.contains(&b' ');
    };
    let after = body[end + 1..].trim_ascii();
    match body[end] {
        b'=' => end > 0 && (is_known || after.first().is_some_and(|byte| b"{\"".contains(byte))),
        b',' => is_known || after.is_empty() || after.contains(&b'='),
        // `@preamble{"…"}`, and keys with parentheses.
        b'"' => start.kind == "preamble",
        b'(' | b')' => is_known && body.contains(&b','),
        _ => false,
    }
}

/// Whether a line begins an entry of a kind that BibTeX and BibLaTeX have.
pub(crate) fn surely_begins_entry(line: &[u8]) -> bool {
    let is_known = |start: &Start| start.kind != "comment" && KINDS.contains(&start.kind.as_str());
    begins_entry(line) && find_start(line).as_ref().is_some_and(is_known)
}

/// The kinds of blocks that BibTeX and BibLaTeX have.
#[rustfmt::skip]
const KINDS: [&str; 41] = [
    "article", "artwork", "audio", "book", "bookinbook", "booklet", "collection", "comment", "conference",
    "dataset", "electronic", "image", "inbook", "incollection", "inproceedings", "inreference", "letter",
    "manual", "mastersthesis", "misc", "mvbook", "mvcollection", "mvproceedings", "mvreference", "online",
    "patent", "performance", "periodical", "phdthesis", "preamble", "proceedings", "reference", "report",
    "review", "set", "software", "string", "suppbook", "techreport", "thesis", "unpublished",
];

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
    /// Whether what follows is in braces or quotation marks, as values are.
    fn is_in_value(&self) -> bool {
        self.depth > 0 || self.in_quotes
    }

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
