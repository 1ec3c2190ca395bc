//! MEDLINE, as PubMed exports it (`.nbib`): `PMID- 31715818`, `TI  - …`, values that go on over indented
//! lines, a blank line between records.

use serde_json::Value;

use crate::bibliography::Reference;
use crate::error::{ReadError, RecordError};
use crate::identifier::IdentifierKind;
use crate::input::Input;
use crate::person::Person;
use crate::reader::FormatReader;
use crate::record::Record;
use crate::tagged::{Frame, TaggedRecord, TaggedRecords, begins_with};
use crate::text::fold;

/// Whether a text begins with a record's first line.
pub(crate) fn is_nbib(head: &[u8]) -> bool {
    begins_with(head, "PMID", false)
}

/// The papers of a MEDLINE text.
pub(crate) struct Nbib {
    records: TaggedRecords,
}

impl Nbib {
    pub(crate) fn new(input: Input) -> Self {
        Self { records: TaggedRecords::new(input, Frame { first: "PMID", last: None }) }
    }
}

impl FormatReader for Nbib {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        let record = self.records.next_record()?;
        Ok(record.map(|record| record.and_then(paper)))
    }
}

fn paper(record: TaggedRecord) -> Result<Record, RecordError> {
    let TaggedRecord { fields, place } = record;
    let mut reference = Reference::default();
    let (mut full_names, mut short_names) = (Vec::new(), Vec::new());
    // The authors' own keywords, and the headings that the library gives.
    let (mut keywords, mut headings) = (Vec::new(), Vec::new());
    let mut journal = None;
    for field in fields {
        let value = fold(&field.value);
        match field.tag.as_str() {
            "PMID" => reference.add_identifier(IdentifierKind::Pmid, &value),
            "PMC" => reference.add_identifier(IdentifierKind::Pmcid, &value),
            // `10.1000/182 [doi]`, `S0140-6736(20)30183-5 [pii]`.
            "AID" | "LID" if value.ends_with(" [doi]") => {
                reference.add_identifier(IdentifierKind::Doi, value.trim_end_matches(" [doi]"));
            }
            "TI" | "BTI" => reference.add("title", value),
            "AB" => reference.add("abstract", value),
            "FAU" | "CN" => full_names.push(value),
            "AU" => short_names.push(value),
            "DP" => {
                reference.add("year", value.split(' ').next().unwrap_or_default());
                // `2020 May 3`; a month or season without a day says no day.
                if value.split(' ').count() == 3 {
                    reference.add("publication_date", value);
                }
            }
            "JT" => journal = Some(value),
            "TA" => reference.add("ta", value),
            "OT" => keywords.push(value),
            "MH" => headings.push(value),
            "VI" => reference.add("volume", value),
            "IP" => reference.add("number", value),
            "PG" => reference.add("pages", value),
            tag => reference.add(&tag.to_lowercase(), value),
        }
    }
    let venue = journal.map(Value::String).or_else(|| reference.take("ta"));
    reference.add("venue", venue.unwrap_or_else(|| "".into()));
    let names = if full_names.is_empty() { short_names } else { full_names };
    let names: Vec<Value> = names.iter().map(|name| Person::from_text(name).display().into()).collect();
    reference.add("authors", names);
    keywords.append(&mut headings);
    reference.add("categories", keywords);
    reference.into_paper(&place)
}
