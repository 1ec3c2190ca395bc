//! EndNote's refer (`.enw`: `%0 Journal Article`) and RefWorks's tagged format (`RT Journal Article`).

use crate::bibliography::{Draft, ENTRY_TYPE, To, bibtex_type_of_words};
use crate::identifier::IdentifierKind;
use crate::tagged::Field;
use crate::text::fold;

/// What the fields of a record of EndNote say.
pub(crate) fn draft(fields: &[Field]) -> Draft {
    read(fields, refer)
}

/// What the fields of a record of RefWorks say.
pub(crate) fn refworks_draft(fields: &[Field]) -> Draft {
    read(fields, refworks)
}

/// What a tag means.
enum Meaning {
    Type,
    Key,
    To(To),
    /// What no other format has: kept under this name and the tag.
    Other(&'static str),
}

fn read(fields: &[Field], meaning: fn(&str) -> Meaning) -> Draft {
    let mut draft = Draft::default();
    for Field { tag, value } in fields {
        match meaning(tag) {
            Meaning::Type => {
                draft.reference.add(ENTRY_TYPE, bibtex_type_of_words(value));
                draft.reference.add("type", value.clone());
            }
            // EndNote and RefWorks count their libraries.
            Meaning::Key if !value.bytes().all(|byte| byte.is_ascii_digit()) => {
                draft.reference.set_key(value)
            }
            Meaning::Key => draft.reference.add("record_number", value.clone()),
            Meaning::To(to) => draft.add(to, value),
            Meaning::Other(prefix) => {
                let tag = tag.trim_start_matches('%').to_lowercase();
                draft.reference.add(&format!("{prefix}_{tag}"), fold(value));
            }
        }
    }
    draft
}

fn refer(tag: &str) -> Meaning {
    Meaning::To(match tag {
        "%0" => return Meaning::Type,
        "%F" => return Meaning::Key,
        "%T" => To::Title,
        "%X" => To::Abstract,
        "%A" => To::Author,
        "%E" | "%Y" => To::Editor,
        "%D" => To::Year,
        "%8" => To::Date,
        "%J" => To::Venue(0, "journal_full"),
        "%B" => To::Venue(1, "booktitle"),
        "%S" => To::Venue(2, "series"),
        "%K" => To::Keywords,
        "%V" => To::Field("volume"),
        "%N" => To::Field("issue"),
        "%P" => To::Field("pages"),
        "%I" => To::Field("publisher"),
        "%C" => To::Field("address"),
        "%@" => To::Serial,
        "%R" => To::Doi,
        "%U" | "%>" => To::Url,
        "%G" => To::Field("language"),
        "%7" => To::Field("edition"),
        "%9" => To::Field("type_of_work"),
        "%!" => To::Field("shorttitle"),
        "%Z" | "%O" => To::Lines("note"),
        "%+" => To::Lines("affiliation"),
        "%~" => To::Field("source"),
        _ => return Meaning::Other("refer"),
    })
}

fn refworks(tag: &str) -> Meaning {
    Meaning::To(match tag {
        "RT" => return Meaning::Type,
        "ID" => return Meaning::Key,
        "T1" => To::Title,
        "AB" => To::Abstract,
        "A1" => To::Author,
        "A2" | "A3" => To::Editor,
        "YR" => To::Year,
        "FD" => To::Date,
        "JF" => To::Venue(0, "journal_full"),
        "T2" => To::Venue(1, "booktitle"),
        "JO" => To::Venue(2, "journal_abbreviation"),
        "T3" => To::Venue(3, "series"),
        "K1" => To::Keywords,
        "VO" => To::Field("volume"),
        "IS" => To::Field("issue"),
        "SP" => To::FirstPage,
        "OP" => To::LastPage,
        "PB" => To::Field("publisher"),
        "PP" => To::Field("address"),
        "SN" => To::Serial,
        "DO" => To::Doi,
        "LK" | "UL" => To::Url,
        "LA" => To::Field("language"),
        "ED" => To::Field("edition"),
        "NO" => To::Lines("note"),
        "AD" => To::Lines("affiliation"),
        "DS" => To::Field("source"),
        "PMID" => To::Id(IdentifierKind::Pmid),
        _ => return Meaning::Other("refworks"),
    })
}
