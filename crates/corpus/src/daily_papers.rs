//! The text of a Daily Papers page, as copied from a browser: a heading, then for each paper its title
//! and its abstract, each a paragraph between blank lines.
//!
//! Nothing marks which is which but their lengths. Short paragraphs before the first abstract are the
//! heading, all but the last, which is the first title. The page's day ("Jul 30") has no year, so that
//! [`ReadOptions::day`](crate::ReadOptions::day) gives the papers' date.

use jiff::civil::Date;
use serde_json::json;

use crate::error::{Place, ReadError, RecordError};
use crate::input::Input;
use crate::lines::{Line, Lines};
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::{Record, paper_from_json};
use crate::text::excerpt;

const EXPECTED: &str =
    "the text of a Daily Papers page: titles and abstracts in turn, each a paragraph between blank lines";

/// Whether a text has the page's name as a line of its own.
pub(crate) fn is_page(head: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n').any(|line| line.trim_ascii().eq_ignore_ascii_case(b"daily papers"))
}

/// The papers of a page.
pub(crate) struct DailyPapers {
    lines: Lines,
    day: Option<Date>,
    /// A short paragraph that is a title if an abstract follows it.
    title: Option<Paragraph>,
    /// A paragraph that was read ahead, or the fault met there.
    ahead: Option<Result<Paragraph, ReadError>>,
    /// Whether the heading is over.
    has_begun: bool,
}

/// Lines without a blank one between, joined by spaces.
struct Paragraph {
    text: String,
    place: Place,
}

impl Paragraph {
    /// Titles stay far below 300 characters, and a long one seldom ends in a full stop.
    fn is_abstract(&self) -> bool {
        let n_chars = self.text.chars().count();
        n_chars >= 300 || (n_chars >= 120 && self.text.ends_with('.'))
    }
}

impl DailyPapers {
    pub(crate) fn new(input: Input, day: Option<Date>) -> Self {
        Self { lines: Lines::new(input), day, title: None, ahead: None, has_begun: false }
    }

    /// The paper of a title and an abstract, with the paragraphs that go on with the abstract.
    fn paper(&mut self, title: Paragraph, start: Paragraph) -> Result<Record, RecordError> {
        let mut abstract_text = start.text;
        loop {
            let more = match self.next_paragraph().transpose() {
                Some(Ok(more)) if more.is_abstract() => more,
                ahead => {
                    self.ahead = ahead;
                    break;
                }
            };
            if abstract_text.len() + more.text.len() > MAX_RECORD_BYTES {
                return Err(RecordError::too_long(&title.place));
            }
            abstract_text.push_str("\n\n");
            abstract_text.push_str(&more.text);
        }
        let record = json!({"title": title.text, "abstract": abstract_text, "publication_date": self.day});
        paper_from_json(record, &title.place)
    }

    fn next_paragraph(&mut self) -> Result<Option<Paragraph>, ReadError> {
        let mut paragraph: Option<Paragraph> = None;
        loop {
            let place = self.lines.place_of_next();
            let Some(line) = self.lines.next_line()? else { return Ok(paragraph) };
            let line = match line {
                Line::Text(line) => {
                    std::str::from_utf8(line).map_err(|_| mismatch(&place, "text that is not UTF-8"))?
                }
                Line::TooLong => return Err(mismatch(&place, "a line beyond 16 MiB")),
            };
            let line = line.trim();
            match &mut paragraph {
                None if line.is_empty() => {}
                Some(_) if line.is_empty() => return Ok(paragraph),
                Some(Paragraph { text, place }) if text.len() + line.len() > MAX_RECORD_BYTES => {
                    return Err(mismatch(place, "a paragraph beyond 16 MiB"));
                }
                Some(Paragraph { text, .. }) => {
                    text.push(' ');
                    text.push_str(line);
                }
                None => paragraph = Some(Paragraph { text: line.to_owned(), place }),
            }
        }
    }
}

impl FormatReader for DailyPapers {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        loop {
            let next = match self.ahead.take() {
                Some(ahead) => Some(ahead?),
                None => self.next_paragraph()?,
            };
            match (self.title.take(), next) {
                (Some(title), Some(next)) if next.is_abstract() => {
                    self.has_begun = true;
                    return Ok(Some(self.paper(title, next)));
                }
                // Two short ones in a row: in the heading nothing else is to be expected.
                (Some(title), next) if self.has_begun => {
                    self.title = next;
                    return Ok(Some(Err(without_abstract(&title))));
                }
                (Some(title), None) => {
                    return Err(mismatch(
                        &title.place,
                        &format!("no abstract up to the last line, {}", excerpt(&title.text)),
                    ));
                }
                (None, Some(next)) if next.is_abstract() => {
                    return Err(mismatch(
                        &next.place,
                        &format!("an abstract without a title, {}", excerpt(&next.text)),
                    ));
                }
                (_, Some(next)) => self.title = Some(next),
                (None, None) if self.has_begun => return Ok(None),
                (None, None) => return Err(mismatch(&self.lines.place_of_next(), "the end of the text")),
            }
        }
    }
}

fn mismatch(place: &Place, found: &str) -> ReadError {
    ReadError::Unexpected { place: place.clone(), expected: EXPECTED.to_owned(), found: found.to_owned() }
}

fn without_abstract(title: &Paragraph) -> RecordError {
    let message = format!(
        "expected an abstract (300 characters or more, or 120 that end in a full stop) after {}, found none",
        excerpt(&title.text)
    );
    RecordError { field: Some("abstract".to_owned()), ..RecordError::whole(&title.place, message) }
}
