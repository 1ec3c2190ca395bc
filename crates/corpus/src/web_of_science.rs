//! Web of Science's plain text (`.ciw`, `savedrecs.txt`): `PT J` … `ER`, values that go on over indented lines.

use crate::bibliography::{Draft, ENTRY_TYPE, To};
use crate::identifier::IdentifierKind;
use crate::tagged::Field;
use crate::text::fold;

/// What the fields of a record say.
pub(crate) fn draft(fields: &[Field]) -> Draft {
    let mut draft = Draft::default();
    let has = |tag: &str| fields.iter().any(|field| field.tag == tag);
    for Field { tag, value } in fields {
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
            "BA" | "BF" if !has("AU") => To::Author,
            "AU" => To::ShortAuthor,
            "BE" | "ED" => To::Editor,
            "PY" => To::Year,
            "PD" => To::Date,
            // Articles that are in no issue yet.
            "EA" if !has("PY") => To::Year,
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
    draft
}
