//! Web of Science's plain text (`.ciw`, `savedrecs.txt`): `PT J` … `ER`, values that go on over indented lines.

use crate::bibliography::{Draft, ENTRY_TYPE, To};
use crate::error::{ReadError, RecordError};
use crate::identifier::IdentifierKind;
use crate::input::Input;
use crate::reader::FormatReader;
use crate::record::Record;
use crate::tagged::{Field, Layout, TaggedRecord, TaggedRecords, has_record};
use crate::text::fold;

/// Whether a text begins as such a file does.
pub(crate) fn is_web_of_science(head: &[u8]) -> bool {
    has_record(head, Layout::WebOfScience)
}

/// The papers of such a file.
pub(crate) struct WebOfScience {
    records: TaggedRecords,
}

impl WebOfScience {
    pub(crate) fn new(input: Input) -> Self {
        Self { records: TaggedRecords::new(input, Layout::WebOfScience) }
    }
}

impl FormatReader for WebOfScience {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        let record = self.records.next_record()?;
        Ok(record.map(|record| record.and_then(read)))
    }
}

fn read(record: TaggedRecord) -> Result<Record, RecordError> {
    let TaggedRecord { fields, place, warnings } = record;
    let mut draft = Draft::default();
    let has = |tag: &str| fields.iter().any(|field| field.tag == tag);
    for Field { tag, value } in &fields {
        let to = match tag.as_str() {
            "PT" => {
                let kind = match value.as_str() {
                    "J" => "article",
                    "C" => "inproceedings",
                    "B" if has("SE") || has("CT") => "incollection",
                    "B" => "book",
                    "S" => "incollection",
                    "P" => "patent",
                    _ => "misc",
                };
                draft.reference.add(ENTRY_TYPE, kind);
                continue;
            }
            "TI" => To::Title,
            "AB" => To::Abstract,
            "AF" | "CA" => To::Author,
            "AU" => To::ShortAuthor,
            "BE" | "ED" => To::Editor,
            "PY" => To::Year,
            "PD" => To::Date,
            "SO" => To::Venue(0, "journal_full"),
            "SE" => To::Venue(1, "series"),
            "J9" => To::Venue(2, "journal_abbreviation"),
            "JI" => To::Venue(3, "journal_abbreviation"),
            // A text that goes on over lines, cut anywhere.
            "DE" => {
                draft.add(To::Keywords, &fold(value));
                continue;
            }
            "ID" => To::Field("keywords_plus"),
            "BP" => To::FirstPage,
            "EP" => To::LastPage,
            "AR" if !has("BP") => To::FirstPage,
            "VL" => To::Field("volume"),
            "IS" => To::Field("issue"),
            "SN" | "EI" | "BN" => To::Serial,
            "PU" => To::Field("publisher"),
            "PI" | "PA" => To::Field("address"),
            "LA" => To::Field("language"),
            "DT" => To::Field("type"),
            "DI" => To::Doi,
            "PM" => To::Id(IdentifierKind::Pmid),
            "CT" => To::Field("eventtitle"),
            "CR" | "C1" | "RP" => {
                for line in value.lines() {
                    let name = match tag.as_str() {
                        "CR" => "cited_references",
                        "C1" => "affiliation",
                        _ => "reprint_address",
                    };
                    draft.add(To::Lines(name), line);
                }
                continue;
            }
            tag => {
                draft.reference.add(&format!("wos_{}", tag.to_lowercase()), fold(value));
                continue;
            }
        };
        draft.add(to, value);
    }
    let mut record = draft.finish().into_paper(&place)?;
    record.warnings.extend(warnings);
    Ok(record)
}
