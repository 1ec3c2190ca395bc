//! RIS: what most reference managers and publishers export (`TY  - JOUR` … `ER  - `).
//!
//! Read here rather than by a crate: the format is lines, and the crates that read it take a whole text
//! into memory and lose where a record stands.

use serde_json::Value;

use crate::bibliography::{ENTRY_TYPE, OWN_ID, Reference, bibtex_type, distinct, field_name};
use crate::error::{ReadError, RecordError};
use crate::identifier::{IdentifierKind, strip_label};
use crate::input::Input;
use crate::person::Person;
use crate::reader::FormatReader;
use crate::record::Record;
use crate::tagged::{Field, Frame, TaggedRecord, TaggedRecords, begins_with};
use crate::text::fold;

/// Whether a text begins with a record's first line.
pub(crate) fn is_ris(head: &[u8]) -> bool {
    begins_with(head, "TY", true)
}

/// The papers of a RIS text.
pub(crate) struct Ris {
    records: TaggedRecords,
}

impl Ris {
    pub(crate) fn new(input: Input) -> Self {
        Self { records: TaggedRecords::new(input, Frame { first: "TY", last: Some("ER") }) }
    }
}

impl FormatReader for Ris {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        let record = self.records.next_record()?;
        Ok(record.map(|record| record.and_then(paper)))
    }
}

fn paper(record: TaggedRecord) -> Result<Record, RecordError> {
    let TaggedRecord { fields, place } = record;
    let mut raw = Raw { fields };
    let mut reference = Reference::default();
    reference.add(ENTRY_TYPE, bibtex_type(&raw.first(&["TY"]).unwrap_or_default()));
    reference.add("title", raw.first(&["TI", "T1", "CT"]).or_else(|| raw.first(&["BT"])).unwrap_or_default());
    abstracts(&mut raw, &mut reference);
    reference.add("authors", raw.names(&["AU", "A1"]));
    reference.add("editors", raw.names(&["ED", "A2", "A3"]));
    dates(&mut raw, &mut reference);
    // Before the names of journals: `C3` can be either.
    identifiers(&mut raw, &mut reference);
    // The full name of a journal before a series and the short ones; the others stay beside it.
    for tag in ["JF", "T2", "JO", "BT", "C3", "JA", "J2", "T3"] {
        for value in raw.all(&[tag]) {
            let name = if reference.has("venue") { tag.to_lowercase() } else { "venue".to_owned() };
            if reference.text("venue") != Some(&value) {
                reference.add(&name, value);
            }
        }
    }
    reference.add("categories", raw.keywords());
    let pages = [raw.first(&["SP"]), raw.first(&["EP"])].into_iter().flatten().collect::<Vec<_>>();
    reference.add("pages", pages.join("-"));
    for (tag, name) in [("VL", "volume"), ("IS", "number"), ("PB", "publisher"), ("DB", "source")] {
        reference.add(name, raw.first(&[tag]).unwrap_or_default());
    }
    // No key of the record's own: EndNote counts its library.
    if let Some(key) = raw.first(&["ID"]) {
        let is_count = key.bytes().all(|byte| byte.is_ascii_digit());
        if is_count { reference.add("ris_id", key) } else { reference.set_key(&key) }
    }
    for Field { tag, value } in raw.fields {
        reference.add(&tag.to_lowercase(), fold(&value));
    }
    reference.into_paper(&place)
}

/// Fields that were not read yet.
struct Raw {
    fields: Vec<Field>,
}

impl Raw {
    /// The values of tags, in the order of the tags, without what is blank; they are taken out.
    fn take(&mut self, tags: &[&str]) -> Vec<String> {
        let mut values = Vec::new();
        for tag in tags {
            for field in self.fields.extract_if(.., |field| field.tag == *tag) {
                if !field.value.trim().is_empty() {
                    values.push(field.value);
                }
            }
        }
        values
    }

    fn all(&mut self, tags: &[&str]) -> Vec<String> {
        self.take(tags).iter().map(|value| fold(value)).collect()
    }

    /// The first value of the first tag that has one; the others stay.
    fn first(&mut self, tags: &[&str]) -> Option<String> {
        for tag in tags {
            let is_first = |field: &Field| field.tag == *tag && !field.value.trim().is_empty();
            if let Some(position) = self.fields.iter().position(is_first) {
                return Some(fold(&self.fields.remove(position).value));
            }
        }
        None
    }

    fn names(&mut self, tags: &[&str]) -> Vec<Value> {
        let names = self.all(tags);
        names.iter().map(|name| Person::from_text(name).display()).map(Value::from).collect()
    }

    /// A keyword a line: with a tag each, or (EndNote) only the first with one. A line with semicolons
    /// has several.
    fn keywords(&mut self) -> Vec<Value> {
        let values = self.take(&["KW"]);
        let lines = values.iter().flat_map(|value| value.lines());
        distinct(lines.flat_map(|line| line.split(';').map(fold))).into_iter().map(Value::from).collect()
    }
}

/// `AB`, else `N2`, which means the same; several different ones are one text.
fn abstracts(raw: &mut Raw, reference: &mut Reference) {
    let mut texts = distinct(raw.all(&["AB"]));
    if texts.is_empty() {
        texts = distinct(raw.all(&["N2"]));
    }
    let is_same = |value: &str| texts.len() == 1 && texts[0] == fold(value);
    raw.fields.retain(|field| field.tag != "N2" || !is_same(&field.value));
    reference.add("abstract", texts.join(" "));
}

/// `PY  - 2020`, or with a day in either `PY` or `DA`: `2020/05/01/`, `2020/05//`.
fn dates(raw: &mut Raw, reference: &mut Reference) {
    let is_day = |text: &str| text.split(['/', '-']).filter(|part| !part.trim().is_empty()).count() >= 3;
    let year = raw.first(&["PY", "Y1"]);
    let date = raw.first(&["DA"]);
    // The fourth part of `2020/05/01/online` is a remark.
    let clean = |text: &str| {
        let text = text.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        text.trim_matches(|c: char| c == '/' || c.is_whitespace()).to_owned()
    };
    match (&year, &date) {
        (_, Some(date)) => reference.add("publication_date", clean(date)),
        (Some(year), None) if is_day(year) => reference.add("publication_date", clean(year)),
        _ => {}
    }
    if let Some(year) = year {
        let first = year.split('/').next().unwrap_or_default().trim();
        reference.add("year", first);
    }
}

fn identifiers(raw: &mut Raw, reference: &mut Reference) {
    for doi in raw.all(&["DO", "DI"]) {
        reference.add_identifier(IdentifierKind::Doi, &doi);
    }
    let is_medline = raw.fields.iter().any(|field| {
        let value = field.value.to_lowercase();
        matches!(field.tag.as_str(), "DB" | "DP")
            && ["pubmed", "medline", "nlm"].iter().any(|db| value.contains(db))
    });
    let is_scopus =
        raw.fields.iter().any(|field| field.tag == "DB" && field.value.eq_ignore_ascii_case("scopus"));
    // Identifiers with a label stand in any field that tools leave to their users; what a field says
    // alone depends on the database.
    raw.fields.retain(|Field { tag, value }| {
        let value = fold(value);
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let is_free = matches!(tag.as_bytes(), [b'C' | b'U', b'1'..=b'8'])
            || ["AN", "M1", "M3", "L3", "N1"].contains(&tag.as_str());
        if !is_free {
            return true;
        }
        if let Some(own) = strip_label(&value, OWN_ID) {
            reference.add(OWN_ID, own);
            return false;
        }
        let labelled =
            IdentifierKind::ALL.into_iter().find(|kind| strip_label(&value, kind.name()).is_some());
        let kind = match tag.as_str() {
            _ if labelled.is_some() => labelled,
            "AN" if is_number && is_medline => Some(IdentifierKind::Pmid),
            "C2" if is_number && is_scopus => Some(IdentifierKind::Pmid),
            "C2" if !is_number && IdentifierKind::Pmcid.canonical(&value).is_some() => {
                Some(IdentifierKind::Pmcid)
            }
            "M3" | "L3" => IdentifierKind::Doi.canonical(&value).map(|_| IdentifierKind::Doi),
            _ => None,
        };
        match kind {
            Some(kind) if kind.canonical(&value).is_some() && !reference.has(field_name(kind)) => {
                reference.add_identifier(kind, &value);
                false
            }
            _ => true,
        }
    });
    for url in raw.all(&["UR", "LK"]) {
        // Of several addresses the first that is one; the others stay beside it.
        let is_address = url.contains("://");
        match (is_address, reference.has("url")) {
            (true, false) => reference.add_url(url),
            _ => reference.add("ur", url),
        }
    }
}
