//! Records of an XML file, one after another, with no more than one in memory.
//!
//! The file is cut at the tags of its records, and `quick-xml` reads each. So a record that is no
//! well-formed XML costs only itself, and memory does not grow with the file. A file's own definitions of
//! entities are not read: no record needs them, and they can grow without bound.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{Place, ReadError, RecordError};
use crate::input::Input;
use crate::markup::decode_references;
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::Record;
use crate::text::fold;

/// Most elements and attributes of one record: a paper with thousands of authors and references has less.
const MAX_ELEMENTS: usize = 250_000;
/// Deepest nesting of elements in a record.
const MAX_DEPTH: usize = 64;
/// Longest tag.
const MAX_TAG_BYTES: usize = 64 << 10;

/// An element without its namespace, comments and instructions.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    content: Vec<Content>,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Element(Element),
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The attributes, in their order.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether text stands in it outside the elements in it.
    pub(crate) fn has_text(&self) -> bool {
        self.content.iter().any(|content| matches!(content, Content::Text(text) if !text.trim().is_empty()))
    }

    /// The elements in it.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|content| match content {
            Content::Element(element) => Some(element),
            Content::Text(_) => None,
        })
    }

    /// The first element in it of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children().find(|child| child.name == name)
    }

    /// The elements at the end of a path of names.
    pub(crate) fn all<'a>(&'a self, path: &'a [&'a str]) -> Vec<&'a Element> {
        let Some((name, rest)) = path.split_first() else { return vec![self] };
        self.children().filter(|child| child.name == *name).flat_map(|child| child.all(rest)).collect()
    }

    /// Takes out the elements at the end of a path.
    pub(crate) fn take(&mut self, path: &[&str]) -> Vec<Element> {
        let Some((name, rest)) = path.split_first() else { return Vec::new() };
        let mut taken = Vec::new();
        let mut kept = Vec::with_capacity(self.content.len());
        for content in std::mem::take(&mut self.content) {
            match content {
                Content::Element(element) if element.name == *name && rest.is_empty() => taken.push(element),
                Content::Element(mut element) if element.name == *name => {
                    taken.append(&mut element.take(rest));
                    kept.push(Content::Element(element));
                }
                other => kept.push(other),
            }
        }
        self.content = kept;
        taken
    }

    /// The texts at the end of a path, which are taken out.
    pub(crate) fn take_texts(&mut self, path: &[&str]) -> Vec<String> {
        self.take(path).iter().map(Element::text).filter(|text| !text.trim().is_empty()).collect()
    }

    /// Its text with that of the elements in it. Raised and lowered text keeps its tags, which mean
    /// something; those of looks do not.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write_text(&mut text);
        text
    }

    fn write_text(&self, text: &mut String) {
        for content in &self.content {
            match content {
                Content::Text(part) => text.push_str(part),
                Content::Element(element) => {
                    let is_shifted = matches!(element.name.as_str(), "sup" | "sub");
                    if is_shifted {
                        text.extend(["<", &element.name, ">"]);
                    }
                    element.write_text(text);
                    if is_shifted {
                        text.extend(["</", &element.name, ">"]);
                    }
                }
            }
        }
    }

    /// What is left in it: a name for each element with text, of its own name and that of the one around
    /// it, and its text.
    pub(crate) fn leaves(&self) -> Vec<(String, String)> {
        let mut leaves = Vec::new();
        self.add_leaves("", &mut leaves);
        leaves
    }

    fn add_leaves(&self, around: &str, leaves: &mut Vec<(String, String)>) {
        let has_elements = self.children().next().is_some();
        if !has_elements || self.has_text() {
            let name = if around.is_empty() { self.name.clone() } else { format!("{around}_{}", self.name) };
            leaves.push((name, self.text()));
            return;
        }
        for child in self.children() {
            child.add_leaves(&self.name, leaves);
        }
    }
}

/// The papers of a file.
pub(crate) struct XmlRecords {
    elements: Elements,
    read: Read,
}

/// What a record says; nothing where an element is none.
type Read = fn(Element, &Place) -> Option<Result<Record, RecordError>>;

impl XmlRecords {
    /// `names` are those of the elements that are records, and `read` says what one holds.
    pub(crate) fn new(input: Input, names: &'static [&'static str], read: Read) -> Self {
        Self { elements: Elements::new(input, names), read }
    }
}

impl FormatReader for XmlRecords {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        while let Some(element) = self.elements.next_element()? {
            let record = match element {
                Ok((element, place)) => (self.read)(element, &place),
                Err(bad) => Some(Err(bad)),
            };
            if record.is_some() {
                return Ok(record);
            }
        }
        Ok(None)
    }
}

/// Cuts a file into its records.
struct Elements {
    input: Input,
    /// The names of the elements that are records.
    names: &'static [&'static str],
    line: u64,
    /// The tag that begins the next record, where the one before was not closed.
    ahead: Option<(String, Vec<u8>, Place)>,
}

/// A record, and where it begins.
type Placed = (Element, Place);

/// One tag, as it stands between its angle brackets.
struct Tag {
    text: Vec<u8>,
    place: Place,
}

impl Elements {
    fn new(input: Input, names: &'static [&'static str]) -> Self {
        Self { input, names, line: 1, ahead: None }
    }

    /// The next record, or what is wrong with it.
    fn next_element(&mut self) -> Result<Option<Result<Placed, RecordError>>, ReadError> {
        let (name, begin, place) = match self.ahead.take() {
            Some(ahead) => ahead,
            None => loop {
                if !self.pass(b'<', &mut Kept::nothing())? {
                    return Ok(None);
                }
                let Some(tag) = self.tag()? else { return Ok(None) };
                if let Some(name) = self.begins_record(&tag.text) {
                    break (name, tag.text, tag.place);
                }
            },
        };
        let end = format!("/{name}");
        let mut record = Kept { bytes: Vec::new(), limit: MAX_RECORD_BYTES, is_over: false };
        record.extend(&[b"<", begin.as_slice(), b">"]);
        let unclosed = || {
            let message = format!("expected </{name}> that closes the record, found none");
            Ok(Some(Err(RecordError::whole(&place, message))))
        };
        loop {
            let tag = if self.pass(b'<', &mut record)? { self.tag()? } else { None };
            let Some(tag) = tag else { return unclosed() };
            if let Some(name) = self.begins_record(&tag.text) {
                self.ahead = Some((name, tag.text, tag.place));
                return unclosed();
            }
            record.extend(&[b"<", tag.text.as_slice(), b">"]);
            if local_name(&tag.text).starts_with('/') && local_name(&tag.text) == end {
                break;
            }
        }
        if record.is_over {
            return Ok(Some(Err(RecordError::too_long(&place))));
        }
        Ok(Some(parse(&record.bytes, &place).map(|element| (element, place))))
    }

    fn begins_record(&self, tag: &[u8]) -> Option<String> {
        let name = local_name(tag);
        let is_record = self.names.contains(&name.as_str()) && !tag.ends_with(b"/");
        is_record.then_some(name)
    }

    /// The tag behind the `<` that was just read, up to its `>`; comments and sections of characters to
    /// their own ends. `None` at the end of the text.
    fn tag(&mut self) -> Result<Option<Tag>, ReadError> {
        let place = self.input.place(self.line);
        let mut kept = Kept { bytes: Vec::new(), limit: MAX_RECORD_BYTES, is_over: false };
        let mut values = Values::default();
        loop {
            if !self.pass(b'>', &mut kept)? {
                return Ok(None);
            }
            let text = &kept.bytes;
            let is_whole = if kept.is_over {
                true
            } else if text.starts_with(b"!--") {
                text.len() >= 5 && text.ends_with(b"--")
            } else if text.starts_with(b"![CDATA[") {
                text.ends_with(b"]]")
            } else if text.starts_with(b"!DOCTYPE") && text.contains(&b'[') {
                text.trim_ascii_end().ends_with(b"]")
            } else {
                text.len() > MAX_TAG_BYTES || values.are_whole(text)
            };
            if is_whole {
                return Ok(Some(Tag { text: kept.bytes, place }));
            }
            kept.extend(&[b">"]);
        }
    }

    /// Reads up to and with the next `end`, and keeps what is before it. Whether it is there.
    fn pass(&mut self, end: u8, kept: &mut Kept) -> Result<bool, ReadError> {
        loop {
            let available = self.input.fill(self.line)?;
            if available.is_empty() {
                return Ok(false);
            }
            let found = memchr::memchr(end, available);
            let part = &available[..found.unwrap_or(available.len())];
            let n_lines = memchr::memchr_iter(b'\n', part).count() as u64;
            kept.extend(&[part]);
            let n_taken = part.len() + usize::from(found.is_some());
            self.input.text.consume(n_taken);
            self.line += n_lines;
            if found.is_some() {
                return Ok(true);
            }
        }
    }
}

/// Bytes up to a limit.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    is_over: bool,
}

impl Kept {
    fn nothing() -> Self {
        Self { bytes: Vec::new(), limit: 0, is_over: false }
    }

    fn extend(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.is_over |= self.bytes.len() + part.len() > self.limit;
            if !self.is_over {
                self.bytes.extend_from_slice(part);
            }
        }
        if self.is_over {
            self.bytes = Vec::new();
        }
    }
}

/// The values of a tag's attributes, while more of it is read: `>` may stand in one.
#[derive(Default)]
struct Values {
    /// The quotation mark that is open.
    open: Option<u8>,
    has_equals: bool,
    n_read: usize,
}

impl Values {
    /// Whether the values of a tag are closed, which is longer than it was at the last call.
    fn are_whole(&mut self, tag: &[u8]) -> bool {
        for &byte in tag.get(self.n_read..).unwrap_or_default() {
            match self.open {
                Some(mark) if byte == mark => self.open = None,
                None if byte == b'=' => self.has_equals = true,
                None if matches!(byte, b'"' | b'\'') && self.has_equals => self.open = Some(byte),
                _ => {}
            }
        }
        self.n_read = tag.len();
        self.open.is_none()
    }
}

/// The name of a tag without its namespace, with the slash of an end.
fn local_name(tag: &[u8]) -> String {
    let end = tag.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(tag.len());
    let name = String::from_utf8_lossy(&tag[..end]);
    let name = name.trim_end_matches('/');
    match name.rsplit_once(':') {
        Some((space, name)) if space.starts_with('/') => format!("/{name}"),
        Some((_, name)) => name.to_owned(),
        None => name.to_owned(),
    }
}

fn parse(bytes: &[u8], place: &Place) -> Result<Element, RecordError> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    let mut open: Vec<Element> = Vec::new();
    let mut n_elements = 0;
    loop {
        let event = reader.read_event().map_err(|error| {
            let at = usize::try_from(reader.error_position()).unwrap_or_default().min(bytes.len());
            let line = place.line + memchr::memchr_iter(b'\n', &bytes[..at]).count() as u64;
            let place = Place { line, ..place.clone() };
            let message = format!("expected well-formed XML, found that {error}");
            RecordError { source: Some(Box::new(error)), ..RecordError::whole(&place, message) }
        })?;
        let mut begin = |start: &BytesStart<'_>, depth: usize| {
            let element = element(start, MAX_ELEMENTS - n_elements);
            n_elements += 1 + element.attributes.len();
            if n_elements < MAX_ELEMENTS && depth < MAX_DEPTH {
                return Ok(element);
            }
            let message = format!(
                "expected at most {MAX_ELEMENTS} elements and attributes, and {MAX_DEPTH} elements within each other, \
                 found more"
            );
            Err(RecordError::whole(place, message))
        };
        let closed = match event {
            Event::Start(start) => {
                let element = begin(&start, open.len())?;
                open.push(element);
                None
            }
            Event::Empty(start) => Some(begin(&start, open.len())?),
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                push_text(&mut open, &text.xml10_content());
                None
            }
            Event::CData(text) => {
                push_text(&mut open, &text.xml10_content());
                None
            }
            Event::GeneralRef(reference) => {
                let name = format!("&{};", reference.xml10_content());
                push_text(&mut open, &decode_references(&name));
                None
            }
            Event::Eof => None,
            _ => continue,
        };
        match (closed, open.last_mut()) {
            (Some(element), Some(around)) => around.content.push(Content::Element(element)),
            (Some(element), None) => return Ok(element),
            (None, None) => {
                let message = "expected a whole element, found the end of the text";
                return Err(RecordError::whole(place, message));
            }
            (None, Some(_)) => {}
        }
    }
}

/// An element with up to `max_attributes` of its attributes.
fn element(start: &BytesStart<'_>, max_attributes: usize) -> Element {
    // Whether a name stands twice does not matter, and takes long to find out.
    let mut attributes = start.attributes();
    // Namespaces and schemas say nothing of the record.
    let attributes = attributes.with_checks(false).filter_map(Result::ok).filter(|attribute| {
        let key: &str = attribute.key.as_ref();
        !(key.starts_with("xmlns") || key.ends_with(":schemaLocation"))
    });
    let attributes = attributes.take(max_attributes).map(|attribute| {
        let value = fold(&decode_references(&attribute.value));
        (attribute.key.local_name().as_ref().to_owned(), value)
    });
    Element {
        name: start.local_name().as_ref().to_owned(),
        attributes: attributes.collect(),
        content: Vec::new(),
    }
}

fn push_text(open: &mut [Element], text: &str) {
    let Some(element) = open.last_mut() else { return };
    match element.content.last_mut() {
        Some(Content::Text(before)) => before.push_str(text),
        _ => element.content.push(Content::Text(text.to_owned())),
    }
}

/// The name of the element that a text has around all, if it is XML.
pub(crate) fn root(head: &[u8]) -> Option<String> {
    let mut rest = head.trim_ascii_start();
    loop {
        let tag = rest.strip_prefix(b"<")?;
        let end = match tag {
            [b'?', ..] => memchr::memmem::find(tag, b"?>")? + 2,
            [b'!', b'-', b'-', ..] => memchr::memmem::find(tag, b"-->")? + 3,
            // A definition of the type, perhaps with others in brackets.
            [b'!', ..] => {
                let end = memchr::memchr(b'>', tag)?;
                match memchr::memchr(b'[', tag).filter(|open| *open < end) {
                    Some(_) => memchr::memmem::find(tag, b"]>")? + 2,
                    None => end + 1,
                }
            }
            _ => {
                let end = memchr::memchr(b'>', tag)?;
                return Some(local_name(&tag[..end]));
            }
        };
        rest = tag[end..].trim_ascii_start();
    }
}

/// Whether a text is XML that has an element of one of `names` near its beginning.
pub(crate) fn has_element(head: &[u8], names: &[&str]) -> bool {
    let begins = head.trim_ascii_start().starts_with(b"<");
    begins
        && memchr::memchr_iter(b'<', head).any(|at| {
            let tag = &head[at + 1..];
            let end = tag
                .iter()
                .take(80)
                .position(|byte| matches!(byte, b'>' | b'/') || byte.is_ascii_whitespace());
            end.is_some_and(|end| names.contains(&local_name(&tag[..end]).as_str()))
        })
}
