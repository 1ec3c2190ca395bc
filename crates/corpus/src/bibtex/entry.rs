//! One entry's body: its citation key and its fields, with macros not yet put in.

use crate::record::MAX_FIELDS;

/// A field's value: pieces that `#` joins.
pub(super) type Pieces = Vec<Piece>;

/// A part of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// TeX in braces or quotation marks, or a number.
    Text(String),
    /// The name of a macro, as it is written.
    Macro(String),
}

/// An entry or, without a key, the definitions of a `@string`.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) fields: Vec<(String, Pieces)>,
}

/// What is wrong with a body, and where.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) field: Option<String>,
    /// How many line breaks are before it.
    pub(super) n_lines: usize,
    pub(super) message: String,
}

/// Reads the body of an entry: `key, name = value, …`.
pub(super) fn parse_entry(body: &str) -> Result<Entry, Fault> {
    let end = body.find(',').unwrap_or(body.len());
    let key = body[..end].trim();
    // Without a key the first field begins at once. A key may have TeX in it, which BibTeX takes as it stands.
    if key.contains('=') || key.starts_with(['{', '"']) {
        return Ok(Entry { key: String::new(), fields: parse_fields(body)? });
    }
    let mut parser = Parser { body, at: end };
    Ok(Entry { key: key.to_owned(), fields: parser.fields()? })
}

/// Reads the body of a `@string`: `name = value, …`.
pub(super) fn parse_fields(body: &str) -> Result<Vec<(String, Pieces)>, Fault> {
    Parser { body, at: 0 }.fields()
}

struct Parser<'a> {
    body: &'a str,
    at: usize,
}

impl Parser<'_> {
    /// The fields up to the end. Commas between them may be missing or doubled.
    fn fields(&mut self) -> Result<Vec<(String, Pieces)>, Fault> {
        let mut fields: Vec<(String, Pieces)> = Vec::new();
        loop {
            self.skip_separators();
            let rest = &self.body[self.at..];
            if rest.is_empty() {
                return Ok(fields);
            }
            let name = rest.split('=').next().unwrap_or_default().trim();
            let is_name =
                !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "{}\"#,%\\".contains(c));
            if !is_name || !rest.contains('=') {
                let previous = fields.last().map(|(name, _)| name.as_str());
                let found = crate::text::excerpt(rest.trim_end());
                return Err(
                    self.fault(previous, format!("expected a field's name and = behind it, found {found}"))
                );
            }
            self.at += rest.find('=').map_or(rest.len(), |at| at + 1);
            let value = self.value(name)?;
            fields.push((name.to_owned(), value));
            if fields.len() > MAX_FIELDS {
                return Err(self.fault(None, format!("expected at most {MAX_FIELDS} fields, found more")));
            }
        }
    }

    fn value(&mut self, name: &str) -> Result<Pieces, Fault> {
        let mut pieces = Vec::new();
        loop {
            self.skip_white_space();
            let rest = &self.body[self.at..];
            let length = match rest.chars().next() {
                Some(open @ ('{' | '"')) => {
                    let close = if open == '{' { '}' } else { '"' };
                    let Some(length) = group_length(&rest[1..], close) else {
                        return Err(self.fault(
                            Some(name),
                            format!("expected a {close} that closes the value, found none"),
                        ));
                    };
                    pieces.push(Piece::Text(rest[1..=length].to_owned()));
                    length + 2
                }
                _ => {
                    let length =
                        rest.find(|c: char| c.is_whitespace() || ",#{}\"=".contains(c)).unwrap_or(rest.len());
                    let word = &rest[..length];
                    if word.is_empty() {
                        return Err(self.fault(Some(name), "expected a value, found none".to_owned()));
                    }
                    let is_number = word.starts_with(|c: char| c.is_ascii_digit());
                    let word = word.to_owned();
                    pieces.push(if is_number { Piece::Text(word) } else { Piece::Macro(word) });
                    length
                }
            };
            self.at += length;
            self.skip_white_space();
            if !self.body[self.at..].starts_with('#') {
                return Ok(pieces);
            }
            self.at += 1;
        }
    }

    fn skip_white_space(&mut self) {
        let rest = &self.body[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// White space, commas, and comments behind a field, which some tools write.
    fn skip_separators(&mut self) {
        loop {
            let rest = &self.body[self.at..];
            let left = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            self.at += rest.len() - left.len();
            if !left.starts_with('%') {
                return;
            }
            self.at += left.find('\n').unwrap_or(left.len());
        }
    }

    fn fault(&self, field: Option<&str>, message: String) -> Fault {
        let (before, after) = self.body.split_at(self.at);
        // At the end of the body: where its last word is.
        let before = if after.trim().is_empty() { before.trim_end() } else { before };
        let n_lines = before.matches('\n').count();
        Fault { field: field.map(str::to_owned), n_lines, message }
    }
}

/// How many bytes are before the `close` that is in no braces.
fn group_length(text: &str, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            _ if c == close && depth == 0 => return Some(at),
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
