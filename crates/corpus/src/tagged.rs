//! Records as lines of a tag and a value: RIS (`TY  - JOUR`), MEDLINE (`PMID- 31715818`), Web of Science
//! (`PT J`), RefWorks (`RT Journal Article`), EndNote's refer (`%0 Journal Article`) and Ovid's text.
//!
//! Files are read as people have them: lines of other kinds may stand between records, a record may lack
//! its last line, and a value may go on over lines. A line that is read as nothing is told once, with a
//! warning of the record before it.

use std::sync::LazyLock;

use regex::Regex;

use crate::bibliography::{Draft, is_endnote_type};
use crate::error::{FieldIssue, Place, ReadError, RecordError};
use crate::export;
use crate::lines::{Line, Lines};
use crate::mixed::{self, Marks};
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::Record;
use crate::text::excerpt;

/// The value of a tag; lines that go on with it are behind `\n`.
#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) tag: String,
    pub(crate) value: String,
}

/// The fields of one record, in their order.
#[derive(Debug)]
struct TaggedRecord {
    fields: Vec<Field>,
    place: Place,
    /// Lines near the record that belong to none.
    warnings: Vec<FieldIssue>,
}

/// How a format writes its tags, and where its records begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Two letters or digits, two spaces, a dash: `TY  - ` to `ER  - `.
    Ris,
    /// Two to four, padded to four columns, a dash: from `PMID- ` to the next.
    Medline,
    /// Two and a space: `PT ` to `ER`; lines that go on are indented.
    WebOfScience,
    /// Two and a space: from `RT ` to the next.
    RefWorks,
    /// A percent sign and one character: from `%0 `, or a blank line, to the next.
    Refer,
    /// A label in a line of its own, its value indented below: from `<1>` to the next.
    Ovid,
}

impl Layout {
    /// The tag of a record's first line.
    fn first(self) -> &'static str {
        match self {
            Self::Ris => "TY",
            Self::Medline => "PMID",
            Self::WebOfScience => "PT",
            Self::RefWorks => "RT",
            Self::Refer => "%0",
            Self::Ovid => "<>",
        }
    }

    /// The tag of its last line, where it has one.
    fn last(self) -> Option<&'static str> {
        matches!(self, Self::Ris | Self::WebOfScience).then_some("ER")
    }
}

/// The papers of a text in a layout.
pub(crate) struct Tagged {
    records: TaggedRecords,
    draft: fn(&[Field]) -> Draft,
}

impl Tagged {
    /// `draft` says what the tags of the layout mean.
    pub(crate) fn new(lines: Lines, layout: Layout, draft: fn(&[Field]) -> Draft) -> Self {
        Self { records: TaggedRecords::new(lines, layout), draft }
    }
}

impl FormatReader for Tagged {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        let Some(record) = self.records.next_record()? else { return Ok(None) };
        Ok(Some(record.and_then(|TaggedRecord { fields, place, warnings }| {
            let mut record = (self.draft)(&fields).finish().into_paper(&place)?;
            record.warnings.extend(warnings);
            // It is written in the words in which it was read.
            if self.records.layout == Layout::Ris {
                export::keep_ris(&mut record.paper, &fields);
            }
            Ok(record)
        })))
    }

    fn into_rest(self: Box<Self>) -> Option<(Marks, Lines)> {
        Some((self.records.next?, self.records.lines))
    }
}

/// Cuts a text into records.
struct TaggedRecords {
    lines: Lines,
    layout: Layout,
    /// Whether the tags of the current record have one space or none where RIS has two.
    is_narrow: bool,
    /// Whether some record began with its first tag, so that a blank line begins none.
    has_first_tags: bool,
    /// The first line of the next record, where it was read while looking for the last one's end.
    ahead: Option<(Field, Place)>,
    /// Lines that were passed over before the first record.
    passed: Passed,
    /// What the lines that follow are in, where that is another format.
    next: Option<Marks>,
}

impl TaggedRecords {
    fn new(lines: Lines, layout: Layout) -> Self {
        Self {
            lines,
            layout,
            is_narrow: false,
            has_first_tags: false,
            ahead: None,
            passed: Passed::default(),
            next: None,
        }
    }

    /// The next record, or what is wrong with it; the next is read as if it were not there.
    fn next_record(&mut self) -> Result<Option<Result<TaggedRecord, RecordError>>, ReadError> {
        let mut open: Option<Open> = self.ahead.take().map(|(field, place)| Open::new(field, place));
        loop {
            if self.next.is_some() {
                return Ok(self.end_of_text(open));
            }
            let place = self.lines.place_of_next();
            let is_mixed = self.lines.is_mixed();
            let text = match self.lines.next_line()? {
                None => return Ok(self.end_of_text(open)),
                Some(Line::TooLong) => {
                    open.get_or_insert_with(|| Open::empty(place.clone()))
                        .fail(RecordError::too_long(&place));
                    continue;
                }
                // Marks of the order of bytes stand where files were put one behind another.
                Some(Line::Text(mut text)) => {
                    while let Some(rest) = text.strip_prefix(b"\xef\xbb\xbf") {
                        text = rest;
                    }
                    text
                }
            };
            if is_mixed && let Some(marks) = other_marks(text, self.layout, open.as_ref()) {
                let line = text.to_vec();
                self.lines.unread(std::iter::once((Some(line), place.line)));
                self.next = Some(marks);
                continue;
            }
            let in_record = open.as_ref().is_some_and(|open| !open.is_closed);
            if in_record && self.layout.last().is_some() && is_bare_end(text) {
                if let Some(open) = &mut open {
                    open.is_closed = true;
                }
                continue;
            }
            let Some(raw) = parse_line(text, self.layout, self.is_narrow) else {
                if text.trim_ascii().is_empty() {
                    if let Some(open) = &mut open {
                        open.was_blank = true;
                        open.was_tagged = false;
                    }
                } else if let Some(open) = open.as_mut().filter(|open| open.goes_on(text, self.layout)) {
                    open.go_on(text, &place);
                } else {
                    pass(&mut self.passed, &mut open, text, &place);
                }
                continue;
            };
            let is_narrow = raw.is_narrow;
            let Some(field) = raw.decode() else {
                let error = not_utf8(&raw.tag, &place);
                open.get_or_insert_with(|| Open::empty(place.clone())).fail(error);
                continue;
            };
            if self.begins_record(&field, open.as_ref()) {
                self.has_first_tags |= field.tag == self.layout.first();
                self.is_narrow = is_narrow;
                if let Some(record) = open.and_then(|open| self.close(open)) {
                    self.ahead = Some((field, place));
                    return Ok(Some(record));
                }
                open = Some(Open::new(field, place));
            } else if self.layout == Layout::WebOfScience && matches!(field.tag.as_str(), "FN" | "VR" | "EF")
            {
                // The file's own lines.
            } else if Some(field.tag.as_str()) == self.layout.last() {
                if let Some(open) = &mut open {
                    open.is_closed = true;
                }
            } else if let Some(open) = open.as_mut().filter(|open| !open.is_closed) {
                open.push(field);
            } else if self.layout == Layout::Ris && is_of_a_record(&field.tag) {
                // A record that lacks its first line.
                if let Some(record) = open.and_then(|open| self.close(open)) {
                    self.ahead = Some((field, place));
                    return Ok(Some(record));
                }
                open = Some(Open::new(field, place));
            } else if field.tag != "EF" {
                pass(&mut self.passed, &mut open, field.value.as_bytes(), &place);
            }
        }
    }

    /// Whether a tag is the first of a record.
    fn begins_record(&self, field: &Field, open: Option<&Open>) -> bool {
        if field.tag == self.layout.first() {
            // A record whose first line is not where it should be: all of it is one record.
            let is_late = open.is_some_and(|open| {
                self.layout == Layout::Ris && !open.is_closed && open.was_tagged && !open.has(&["TY"])
            });
            return !is_late;
        }
        match self.layout {
            Layout::Refer | Layout::RefWorks => {
                !self.has_first_tags && open.is_none_or(|open| open.was_blank)
            }
            _ => false,
        }
    }

    /// The record of what was open; `None` where it is none, which is told with the next record.
    fn close(&mut self, open: Open) -> Option<Result<TaggedRecord, RecordError>> {
        let says_something = ["TY", "TI", "T1", "CT", "BT", "T2", "AU", "A1", "AB", "N2", "DO"];
        if self.layout != Layout::Ris || open.error.is_some() || open.has(&says_something) {
            return Some(open.close(&mut self.passed));
        }
        for line in
            open.fields.iter().flat_map(|field| field.value.lines()).filter(|line| !is_known_line(line))
        {
            self.passed.add(line, &open.place);
        }
        None
    }

    fn end_of_text(&mut self, open: Option<Open>) -> Option<Result<TaggedRecord, RecordError>> {
        if let Some(record) = open.and_then(|open| self.close(open)) {
            return Some(record);
        }
        let FieldIssue { place, message, .. } = self.passed.take()?;
        Some(Err(RecordError::whole(&place, message)))
    }
}

/// The marks of another format with which a line begins a record, where none is open: behind the end of the last, or a
/// blank line. RIS's first line is that anywhere, since it would be read as a field of MEDLINE's.
fn other_marks(line: &[u8], layout: Layout, open: Option<&Open>) -> Option<Marks> {
    let marks = mixed::begins(line).filter(|marks| *marks != Marks::Tags(layout))?;
    let is_between = open.is_none_or(|open| open.is_closed || open.was_blank);
    (is_between || marks == Marks::Tags(Layout::Ris)).then_some(marks)
}

/// A line that belongs to no record: told with the record before it, else with the next.
fn pass(before: &mut Passed, open: &mut Option<Open>, text: &[u8], place: &Place) {
    let text = String::from_utf8_lossy(text);
    if !is_known_line(&text) {
        open.as_mut().map_or(before, |open| &mut open.passed).add(&text, place);
    }
}

/// Whether a text has a record's first line near its beginning: see [`first_record`].
pub(crate) fn has_record(head: &[u8], layout: Layout) -> bool {
    first_record(head, layout).is_some()
}

/// Where in a text a record's first line stands, near its beginning and with another tag behind it.
pub(crate) fn first_record(head: &[u8], layout: Layout) -> Option<usize> {
    /// Files may begin with a header, notes or a search strategy.
    const MAX_LINES: usize = 200;
    let mut lines = head.split(|byte| matches!(byte, b'\n' | b'\r')).take(MAX_LINES).peekable();
    let mut next_at = 0;
    while let Some(line) = lines.next() {
        let at = next_at;
        next_at += line.len() + 1;
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Some(first) = parse_line(line, layout, true).filter(|field| field.tag == layout.first()) else {
            // Other formats have their first line first.
            if layout == Layout::Ris
                || parse_line(line, layout, false).is_some_and(|raw| raw.tag == "FN" || raw.tag == "VR")
            {
                continue;
            }
            return (layout == Layout::Refer && is_refer_start(line)).then_some(at);
        };
        let is_next_tagged =
            |next: &&[u8]| next.trim_ascii().is_empty() || parse_line(next, layout, true).is_some();
        if first.begins_well(layout) && lines.peek().is_none_or(is_next_tagged) {
            return Some(at);
        }
    }
    None
}

/// Whether a line is the first of a record in a layout, and of nothing else.
pub(crate) fn surely_begins_record(line: &[u8], layout: Layout) -> bool {
    // The head of a file, which has the names of its makers: `FN Clarivate Analytics Web of Science`.
    if layout == Layout::WebOfScience && line.starts_with(b"FN ") {
        return memchr::memmem::find(line, b"Web of").is_some();
    }
    let Some(first) = parse_line(line, layout, false).filter(|field| field.tag == layout.first()) else {
        return false;
    };
    let is_known_type = || is_endnote_type(&String::from_utf8_lossy(first.value));
    first.begins_well(layout)
        && !first.value.trim_ascii().is_empty()
        && (layout != Layout::Refer || is_known_type())
}

/// refer without `%0`: a title or an author first.
fn is_refer_start(line: &[u8]) -> bool {
    [b"%A ".as_slice(), b"%T "].iter().any(|start| line.starts_with(start))
}

/// Lines that were passed over, told together.
#[derive(Debug, Default)]
struct Passed {
    first: Option<(String, Place)>,
    n_lines: usize,
}

impl Passed {
    fn add(&mut self, text: &str, place: &Place) {
        self.n_lines += 1;
        if self.first.is_none() {
            self.first = Some((excerpt(text.trim()), place.clone()));
        }
    }

    fn take(&mut self) -> Option<FieldIssue> {
        let n_lines = std::mem::take(&mut self.n_lines);
        let (text, place) = self.first.take()?;
        let lines = if n_lines == 1 { "a line".to_owned() } else { format!("{n_lines} lines") };
        let message =
            format!("expected nothing between records, found {lines} that were passed over: {text}");
        Some(FieldIssue { place, field: "between records".to_owned(), message })
    }
}

/// A record whose end was not found yet.
struct Open {
    fields: Vec<Field>,
    place: Place,
    n_bytes: usize,
    error: Option<RecordError>,
    is_closed: bool,
    /// Whether the last line was blank.
    was_blank: bool,
    /// Whether the last line had a tag.
    was_tagged: bool,
    passed: Passed,
}

impl Open {
    fn empty(place: Place) -> Self {
        Self {
            fields: Vec::new(),
            place,
            n_bytes: 0,
            error: None,
            is_closed: false,
            was_blank: false,
            was_tagged: false,
            passed: Passed::default(),
        }
    }

    fn new(field: Field, place: Place) -> Self {
        let mut open = Self::empty(place);
        open.push(field);
        open
    }

    fn has(&self, tags: &[&str]) -> bool {
        self.fields.iter().any(|field| tags.contains(&field.tag.as_str()))
    }

    /// Of several faults the first is told. What the record holds is needed no more.
    fn fail(&mut self, error: RecordError) {
        self.error.get_or_insert(error);
        self.fields = Vec::new();
    }

    fn grow(&mut self, n_bytes: usize) -> bool {
        // The struct counts too: empty values must not fill the memory.
        self.n_bytes = self.n_bytes.saturating_add(n_bytes + size_of::<Field>());
        if self.n_bytes > MAX_RECORD_BYTES {
            self.fail(RecordError::too_long(&self.place.clone()));
        }
        self.error.is_none()
    }

    fn push(&mut self, field: Field) {
        self.was_blank = false;
        self.was_tagged = true;
        if self.grow(field.tag.len() + field.value.len()) {
            self.fields.push(field);
        }
    }

    /// Whether a line without a tag belongs to the record.
    fn goes_on(&self, line: &[u8], layout: Layout) -> bool {
        let is_indented = line.first().is_some_and(u8::is_ascii_whitespace);
        let indents = matches!(layout, Layout::Medline | Layout::WebOfScience | Layout::Ovid);
        !self.is_closed && (is_indented || !indents || !self.was_blank)
    }

    /// A line that goes on with the last field.
    fn go_on(&mut self, line: &[u8], place: &Place) {
        self.was_blank = false;
        self.was_tagged = false;
        if !self.grow(line.len()) {
            return;
        }
        let Some(last) = self.fields.last_mut() else { return };
        match std::str::from_utf8(line) {
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

    fn close(mut self, before: &mut Passed) -> Result<TaggedRecord, RecordError> {
        let warnings = [before.take(), self.passed.take()].into_iter().flatten().collect();
        match self.error {
            None => Ok(TaggedRecord { fields: self.fields, place: self.place, warnings }),
            Some(error) => Err(error),
        }
    }
}

/// A line's tag and the bytes of its value.
struct RawField<'a> {
    tag: String,
    value: &'a [u8],
    is_narrow: bool,
}

impl RawField<'_> {
    fn decode(&self) -> Option<Field> {
        let value = std::str::from_utf8(self.value).ok()?.trim().to_owned();
        Some(Field { tag: self.tag.clone(), value })
    }

    /// Whether the value of a first line is what such lines have, where the tag alone is not telling.
    fn begins_well(&self, layout: Layout) -> bool {
        let value = self.value.trim_ascii();
        let is_word = (1..=8).contains(&value.len()) && value.iter().all(u8::is_ascii_alphanumeric);
        match layout {
            Layout::Ris => is_word,
            Layout::Medline => value.iter().all(u8::is_ascii_digit),
            Layout::WebOfScience => value.len() == 1,
            Layout::RefWorks => value.first().is_some_and(u8::is_ascii_uppercase),
            Layout::Refer => true,
            Layout::Ovid => !value.is_empty(),
        }
    }
}

/// The tag and value of a line that has them. `is_narrow`: RIS's tags may have but one space or none.
fn parse_line(line: &[u8], layout: Layout, is_narrow: bool) -> Option<RawField<'_>> {
    let is_tag = |tag: &[u8]| {
        tag.first().is_some_and(u8::is_ascii_uppercase)
            && tag.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let field = |tag: &[u8], value, is_narrow| {
        Some(RawField { tag: String::from_utf8_lossy(tag).into_owned(), value, is_narrow })
    };
    match layout {
        Layout::Ris => {
            let (tag, rest) = line.trim_ascii_start().split_at_checked(2).filter(|(tag, _)| is_tag(tag))?;
            let n_spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let rest = &rest[n_spaces..];
            let value = rest.strip_prefix(b"-").or_else(|| rest.strip_prefix("–".as_bytes()))?;
            let is_wide = n_spaces >= 2;
            let is_known = || is_of_a_record(std::str::from_utf8(tag).unwrap_or_default()) || tag == b"TY";
            let may_be_narrow = tag == b"TY" || (is_narrow && is_known());
            if !is_wide && !may_be_narrow {
                return None;
            }
            // "TY-pes" in a text.
            let begins = RawField { tag: String::new(), value, is_narrow };
            if !is_wide && tag == b"TY" && !begins.begins_well(layout) {
                return None;
            }
            field(tag, value, !is_wide)
        }
        Layout::Medline => {
            let (tag, rest) = line.split_at_checked(4)?;
            let value =
                rest.strip_prefix(b"-").filter(|value| value.is_empty() || value.starts_with(b" "))?;
            let tag = tag.trim_ascii_end();
            (tag.len() >= 2 && is_tag(tag)).then(|| field(tag, value, false)).flatten()
        }
        Layout::WebOfScience | Layout::RefWorks => {
            let (tag, value) = line.split_at_checked(2).filter(|(tag, _)| is_tag(tag))?;
            let is_known = layout == Layout::WebOfScience
                || REFWORKS_TAGS.split(' ').any(|known| known.as_bytes() == tag);
            (is_known && (value.is_empty() || value.starts_with(b" ")))
                .then(|| field(tag, value, false))
                .flatten()
        }
        Layout::Ovid => {
            let number = line.strip_prefix(b"<").and_then(|line| line.trim_ascii_end().strip_suffix(b">"));
            if let Some(number) = number.filter(|number| number.iter().all(u8::is_ascii_digit)) {
                return field(b"<>", number, false);
            }
            let is_label = line.first().is_some_and(u8::is_ascii_uppercase)
                && line.len() <= 60
                && line.iter().all(|byte| byte.is_ascii_alphanumeric() || b" -/():.&".contains(byte));
            is_label.then(|| field(line.trim_ascii_end(), b"", false)).flatten()
        }
        Layout::Refer => {
            let (tag, value) = line.split_at_checked(2)?;
            let is_tag = tag[0] == b'%' && tag[1].is_ascii_graphic();
            (is_tag && (value.is_empty() || value.starts_with(b" ")))
                .then(|| field(tag, value, false))
                .flatten()
        }
    }
}

/// RefWorks's tags. Others that a line begins with are words in capitals.
const REFWORKS_TAGS: &str = "RT SR ID A1 A2 A3 A4 A5 A6 T1 T2 T3 JF JO YR FD VO IS SP OP K1 AB NO PB PP SN AV AD AN LA CL \
                             SF OT LK DO CN DB DS IP RD ST U1 U2 U3 U4 U5 UL WT WP WV ED OL PMID";

/// Whether a tag is one that RIS's records have between their first and last line.
fn is_of_a_record(tag: &str) -> bool {
    const TAGS: &str = "A1 A2 A3 A4 AB AD AN AR AU AV BT C1 C2 C3 C4 C5 C6 C7 C8 CA CN CP CR CT CY DA DB DI DO DP DS ED \
                        EP ET FD H1 H2 ID IP IS J1 J2 JA JF JO K1 KW L1 L2 L3 L4 LA LB LK LL M1 M2 M3 N1 N2 NO NV OL \
                        OP PA PB PM PP PY RD RI RN RP RT SE SF SL SN SP SR ST SV T1 T2 T3 TA TI TT U1 U2 U3 U4 U5 UR \
                        VL VO WP WT WV Y1 Y2 YR ER";
    TAGS.split_ascii_whitespace().any(|known| known == tag)
}

/// `ER` as it should not be written: without a dash, or without the spaces before it.
fn is_bare_end(line: &[u8]) -> bool {
    matches!(line.trim_ascii(), b"ER" | b"ER -" | b"ER-" | b"ER  -" | b"ER  -  -")
}

/// Whether a line between records is one that databases put there, and says nothing of a record.
fn is_known_line(text: &str) -> bool {
    static KNOWN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?x)^(?: Record\ \#\d+\ of\ \d+ | Provider:.* | Content:.* | <?\d+[.>]? | Link\ to\ the\ Ovid.* | Database:.*
            | Search\ Strategy:?.* | [-=_*]{3,} | \d+\ +.*\(\d+\) | [\x00-\x20\x7f]+ )$",
        )
        .expect("a pattern written in this file is a valid one")
    });
    KNOWN.is_match(text.trim())
}

fn not_utf8(tag: &str, place: &Place) -> RecordError {
    let message = "expected UTF-8 text, found another encoding; convert the file, for instance with \
                   iconv -f LATIN1 -t UTF-8";
    RecordError { field: Some(tag.to_owned()), ..RecordError::whole(place, message) }
}
