//! MEDLINE, as PubMed exports it (`.nbib`): `PMID- 31715818`, `TI  - …`, values that go on over indented
//! lines.

use crate::bibliography::{Draft, To};
use crate::error::{ReadError, RecordError};
use crate::identifier::IdentifierKind;
use crate::input::Input;
use crate::reader::FormatReader;
use crate::record::Record;
use crate::tagged::{Field, Layout, TaggedRecord, TaggedRecords, has_record};
use crate::text::fold;

/// Whether a text begins with a record's first line.
pub(crate) fn is_nbib(head: &[u8]) -> bool {
    has_record(head, Layout::Medline)
}

/// The papers of a MEDLINE text.
pub(crate) struct Nbib {
    records: TaggedRecords,
}

impl Nbib {
    pub(crate) fn new(input: Input) -> Self {
        Self { records: TaggedRecords::new(input, Layout::Medline) }
    }
}

impl FormatReader for Nbib {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        let record = self.records.next_record()?;
        Ok(record.map(|record| record.and_then(read)))
    }
}

fn read(record: TaggedRecord) -> Result<Record, RecordError> {
    let TaggedRecord { fields, place, warnings } = record;
    let mut draft = Draft::default();
    // The authors' own keywords stand before the headings that the library gives.
    let (own, headings): (Vec<Field>, Vec<Field>) = fields.into_iter().partition(|field| field.tag != "MH");
    for Field { tag, value } in own.iter().chain(&headings) {
        let value = fold(value);
        let to = match tag.as_str() {
            "PMID" => To::Id(IdentifierKind::Pmid),
            "PMC" => To::Id(IdentifierKind::Pmcid),
            // `10.1000/182 [doi]`, `S0140-6736(20)30183-5 [pii]`.
            "AID" | "LID" => match value.strip_suffix(" [doi]") {
                Some(doi) => {
                    draft.add(To::Doi, doi);
                    continue;
                }
                None => To::Field("medline_aid"),
            },
            "TI" | "BTI" => To::Title,
            "AB" => To::Abstract,
            "FAU" | "CN" => {
                draft.add_author(&value);
                continue;
            }
            "AU" => To::ShortAuthor,
            "FED" => {
                draft.add_editor(&value);
                continue;
            }
            "DP" => To::Year,
            "JT" => To::Venue(0, "journal_full"),
            "TA" => To::Venue(1, "journal_abbreviation"),
            "CTI" => To::Venue(2, "collection_title"),
            "OT" | "MH" => To::Keywords,
            "VI" => To::Field("volume"),
            "IP" => To::Field("issue"),
            "PG" => To::Field("pages"),
            "LA" => To::Field("language"),
            "IS" | "ISBN" => To::Serial,
            "PB" => To::Field("publisher"),
            "PT" => To::Lines("publication_types"),
            "AD" => To::Lines("affiliation"),
            "PL" => To::Field("address"),
            tag => {
                draft.reference.add(&format!("medline_{}", tag.to_lowercase()), value);
                continue;
            }
        };
        draft.add(to, &value);
    }
    let types = fields_of(&own, "PT");
    // Most articles have several; the first that says more than "article" is what it is.
    let telling = types.iter().find(|kind| **kind != "Journal Article").or(types.first());
    if let Some(kind) = telling.and_then(|kind| crate::kind::PublicationKind::from_word(kind)) {
        draft.reference.add("type", kind.name());
    }
    let mut record = draft.finish().into_paper(&place)?;
    record.warnings.extend(warnings);
    Ok(record)
}

fn fields_of<'a>(fields: &'a [Field], tag: &str) -> Vec<&'a str> {
    fields.iter().filter(|field| field.tag == tag).map(|field| field.value.as_str()).collect()
}
