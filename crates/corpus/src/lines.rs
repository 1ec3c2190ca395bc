//! Lines of a text, one at a time and of bounded length.

use std::collections::VecDeque;

use crate::error::{Place, ReadError};
use crate::input::Input;
use crate::reader::MAX_RECORD_BYTES;

/// One line, without its line break.
#[derive(Debug, PartialEq)]
pub(crate) enum Line<'a> {
    Text(&'a [u8]),
    /// Longer than [`MAX_RECORD_BYTES`]: passed over, never held in memory.
    TooLong,
}

/// Reads lines that end in `\n`, `\r\n` or, as old Macs have it, `\r`; the last may end with the text.
pub(crate) struct Lines {
    input: Input,
    buffer: Vec<u8>,
    /// The number of the line last read, from 1.
    number: u64,
    /// Whether the line last read ended in `\r`, so that a `\n` at once behind it belongs to it.
    ended_in_return: bool,
    /// Lines that were given and are to be given again, and their numbers; `None` for one that is too long.
    again: VecDeque<(Option<Vec<u8>>, u64)>,
    is_mixed: bool,
}

impl Lines {
    pub(crate) fn new(input: Input) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            number: 0,
            ended_in_return: false,
            again: VecDeque::new(),
            is_mixed: false,
        }
    }

    /// The lines of a text whose format was found and not named, so that others may follow in it.
    pub(crate) fn mixed(input: Input) -> Self {
        Self { is_mixed: true, ..Self::new(input) }
    }

    /// Whether other formats may follow: see [`mixed`](crate::mixed).
    pub(crate) fn is_mixed(&self) -> bool {
        self.is_mixed
    }

    /// Gives lines again, in this order, before all that follows.
    pub(crate) fn unread(&mut self, lines: impl DoubleEndedIterator<Item = (Option<Vec<u8>>, u64)>) {
        for line in lines.rev() {
            self.again.push_front(line);
        }
    }

    /// Where the line that [`next_line`](Self::next_line) will give stands.
    pub(crate) fn place_of_next(&self) -> Place {
        self.input.place(self.again.front().map_or(self.number + 1, |(_, number)| *number))
    }

    /// The next line, or `None` at the end of the text.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        if let Some((line, number)) = self.again.pop_front() {
            self.number = number;
            let Some(line) = line else { return Ok(Some(Line::TooLong)) };
            self.buffer = line;
            return Ok(Some(Line::Text(&self.buffer)));
        }
        self.number += 1;
        self.buffer.clear();
        let mut n_bytes = 0;
        loop {
            let mut available = self.input.fill(self.number)?;
            if available.is_empty() {
                if n_bytes == 0 {
                    return Ok(None);
                }
                break;
            }
            if std::mem::take(&mut self.ended_in_return) && available.first() == Some(&b'\n') {
                self.input.text.consume(1);
                available = self.input.fill(self.number)?;
                if available.is_empty() {
                    return Ok(None);
                }
            }
            let end = memchr::memchr2(b'\n', b'\r', available);
            let part = &available[..end.unwrap_or(available.len())];
            self.ended_in_return = end.is_some_and(|end| available[end] == b'\r');
            let n_taken = part.len() + usize::from(end.is_some());
            n_bytes += n_taken;
            if n_bytes <= MAX_RECORD_BYTES {
                self.buffer.extend_from_slice(part);
            }
            self.input.text.consume(n_taken);
            if end.is_some() {
                break;
            }
        }
        if n_bytes > MAX_RECORD_BYTES {
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(Line::Text(&self.buffer)))
    }
}
