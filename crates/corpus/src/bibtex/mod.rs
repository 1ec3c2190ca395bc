//! BibTeX and BibLaTeX: `@article{key, title = {…}, …}`.
//!
//! Read here rather than by the `biblatex` crate, which takes a whole file into memory, ends at the first
//! fault, and drops what tells maths and names apart. Entries are independent, so that a malformed one is
//! reported and the next one read; `crossref` and `xdata` are followed in `families`.

mod entry;
mod families;
mod fields;
mod names;
mod scanner;

use std::collections::{HashMap, VecDeque};

use crate::error::{FieldIssue, Place, ReadError, RecordError};
use crate::export;
#[cfg(test)]
use crate::input::Input;
use crate::lines::Lines;
use crate::mixed::Marks;
use crate::paper::Paper;
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::Record;
use entry::{Fault, Piece};
use families::{Entry, Families};
use scanner::{Block, Item, Scanner};

pub(crate) use fields::extra_name;
pub(crate) use scanner::{begins_with_block, has_block, surely_begins_entry};

/// The papers of a BibTeX text.
pub(crate) struct BibTex {
    scanner: Scanner,
    macros: Macros,
    families: Families,
    /// Entries whose parents are known.
    ready: VecDeque<Entry>,
    /// What was passed over since the last paper.
    warnings: Vec<FieldIssue>,
}

impl BibTex {
    pub(crate) fn new(lines: Lines) -> Self {
        Self {
            scanner: Scanner::new(lines),
            macros: Macros::default(),
            families: Families::default(),
            ready: VecDeque::new(),
            warnings: Vec::new(),
        }
    }

    /// Reads a block; an entry goes to those that are ready, or waits for its parent.
    fn read(&mut self, block: &Block) -> Result<(), RecordError> {
        let body = match std::str::from_utf8(&block.body) {
            Ok(body) => body,
            Err(_) if matches!(block.kind.as_str(), "comment" | "preamble") => return Ok(()),
            Err(error) => return Err(not_utf8(block, error)),
        };
        match block.kind.as_str() {
            "comment" | "preamble" => Ok(()),
            "string" => {
                let defined = entry::parse_fields(body).and_then(|fields| self.macros.define(fields));
                defined.map_err(|fault| record_error(block, None, fault))
            }
            _ => {
                let entry = self.entry(block, body)?;
                self.ready.extend(self.families.add(entry));
                Ok(())
            }
        }
    }

    fn entry(&self, block: &Block, body: &str) -> Result<Entry, RecordError> {
        let entry = entry::parse_entry(body).map_err(|fault| record_error(block, None, fault))?;
        let mut fields = Vec::with_capacity(entry.fields.len());
        let mut warnings = Vec::new();
        let mut n_bytes = 0;
        for (name, pieces) in entry.fields {
            let fault = |message| {
                let fault = Fault { field: Some(name.clone()), n_lines: 0, message };
                record_error(block, Some(&entry.key), fault)
            };
            let expanded = self.macros.expand(&pieces, &mut n_bytes).map_err(fault)?;
            for found in expanded.unknown {
                let message =
                    format!("expected a macro that @string defines, found {found}; its name is kept");
                warnings.push(FieldIssue { place: block.place.clone(), field: name.clone(), message });
            }
            fields.push((name.to_lowercase(), expanded.tex));
        }
        let kind = block.kind.clone();
        Ok(Entry {
            kind,
            key: entry.key,
            fields,
            inherited: Vec::new(),
            warnings,
            place: block.place.clone(),
        })
    }

    fn paper(&mut self, entry: Entry) -> Result<Record, RecordError> {
        let Entry { kind, key, fields, inherited, mut warnings, place } = entry;
        let all = fields.iter().cloned().chain(inherited).collect();
        let mut reference = fields::reference(&kind, all);
        reference.set_key(&key);
        let mut parsed = reference.into_paper(&place)?;
        parsed.warnings.append(&mut self.warnings);
        parsed.warnings.append(&mut warnings);
        export::keep_bibtex(&mut parsed.paper, &fields);
        Ok(parsed)
    }
}

/// The paper that an entry of these fields is read as, where it can be.
pub(crate) fn paper(kind: &str, key: Option<&str>, fields: &[(String, String)]) -> Option<Paper> {
    let place = Place { file: "".into(), line: 0 };
    let mut reference = fields::reference(kind, fields.to_vec());
    reference.set_key(key.unwrap_or_default());
    reference.into_paper(&place).ok().map(|record| record.paper)
}

impl FormatReader for BibTex {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Ok(Some(self.paper(entry)));
            }
            let read = match self.scanner.next_item()? {
                None => {
                    self.ready.extend(self.families.finish());
                    if self.ready.is_empty() {
                        return Ok(None);
                    }
                    continue;
                }
                Some(Err(bad)) => Err(bad),
                Some(Ok(Item::Block(block))) => self.read(&block),
                Some(Ok(Item::OpenComment(place))) => {
                    let message =
                        "expected a comment that is closed, found none; what is behind its first line up to \
                                   the next entry is passed over"
                            .to_owned();
                    self.warnings.push(FieldIssue { place, field: "@comment".to_owned(), message });
                    Ok(())
                }
            };
            if let Err(bad) = read {
                return Ok(Some(Err(bad)));
            }
        }
    }

    fn into_rest(self: Box<Self>) -> Option<(Marks, Lines)> {
        self.scanner.into_rest()
    }
}

/// An entry as it stands in a text, macros put in: type, key, fields.
#[cfg(test)]
pub(crate) type RawEntry = (String, String, Vec<(String, String)>);

/// The entries of a text as they stand there.
#[cfg(test)]
pub(crate) fn raw_entries(text: &str) -> Vec<RawEntry> {
    let mut reader = BibTex::new(Lines::new(Input::of_bytes(text.as_bytes())));
    let mut entries = Vec::new();
    while let Some(item) = reader.scanner.next_item().unwrap() {
        let Item::Block(block) = item.unwrap() else { continue };
        let body = std::str::from_utf8(&block.body).unwrap();
        if block.kind == "string" {
            reader.macros.define(entry::parse_fields(body).unwrap()).unwrap();
        } else if block.kind != "comment" {
            let entry = reader.entry(&block, body).unwrap();
            entries.push((entry.kind, entry.key, entry.fields));
        }
    }
    entries
}

/// The error of a block whose bytes are no UTF-8: most often an old file in Latin-1.
fn not_utf8(block: &Block, error: std::str::Utf8Error) -> RecordError {
    let lossy = String::from_utf8_lossy(&block.body);
    let named = entry::parse_entry(&lossy).ok();
    let holds = |pieces: &entry::Pieces| {
        pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains('\u{fffd}')))
    };
    let field = named.as_ref().and_then(|entry| entry.fields.iter().find(|(_, pieces)| holds(pieces)));
    let line = block.place.line + count_lines(&block.body[..error.valid_up_to()]);
    let message = format!(
        "expected UTF-8 text, found another encoding on line {line}; convert the file, for instance with \
         iconv -f LATIN1 -t UTF-8"
    );
    RecordError {
        id: named.as_ref().map(|entry| entry.key.clone()).filter(|key| !key.is_empty()),
        field: field.map(|(name, _)| name.clone()),
        source: Some(Box::new(error)),
        ..RecordError::whole(&block.place, message)
    }
}

fn record_error(block: &Block, key: Option<&str>, fault: Fault) -> RecordError {
    let place = Place { line: block.place.line + fault.n_lines as u64, ..block.place.clone() };
    RecordError {
        id: key.map(str::to_owned),
        field: fault.field,
        ..RecordError::whole(&place, fault.message)
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// What `@string` has defined so far, names in lower case.
#[derive(Default)]
struct Macros {
    definitions: HashMap<String, String>,
    n_bytes: usize,
}

/// A value with its macros put in.
struct Expanded {
    tex: String,
    /// Names that nothing defines.
    unknown: Vec<String>,
}

impl Macros {
    /// Takes definitions in; all of a file together are bounded as one record is.
    fn define(&mut self, fields: Vec<(String, entry::Pieces)>) -> Result<(), Fault> {
        for (name, pieces) in fields {
            let fault = |message| Fault { field: Some(name.clone()), n_lines: 0, message };
            let tex = self.expand(&pieces, &mut 0).map_err(fault)?.tex;
            self.n_bytes += name.len() + tex.len();
            if self.n_bytes > MAX_RECORD_BYTES {
                return Err(fault(too_long()));
            }
            self.definitions.insert(name.to_lowercase(), tex);
        }
        Ok(())
    }

    /// Puts macros in. `n_bytes` counts the expanded bytes of a whole entry, which are bounded as one record is:
    /// an entry may name a long macro in each of its fields.
    fn expand(&self, pieces: &[Piece], n_bytes: &mut usize) -> Result<Expanded, String> {
        const MONTHS: [&str; 12] =
            ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

        let mut expanded = Expanded { tex: String::new(), unknown: Vec::new() };
        for piece in pieces {
            let tex = match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Macro(name) => {
                    let lower = name.to_lowercase();
                    match self.definitions.get(&lower) {
                        Some(tex) => tex.as_str(),
                        None => {
                            if !MONTHS.contains(&lower.as_str()) {
                                expanded.unknown.push(name.clone());
                            }
                            name.as_str()
                        }
                    }
                }
            };
            // Macros of macros could double a value with every line.
            *n_bytes += tex.len();
            if *n_bytes > MAX_RECORD_BYTES {
                return Err(too_long());
            }
            expanded.tex.push_str(tex);
        }
        Ok(expanded)
    }
}

fn too_long() -> String {
    format!("expected at most {} MiB with the macros put in, found more", MAX_RECORD_BYTES >> 20)
}
