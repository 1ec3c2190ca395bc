//! MEDLINE, as PubMed exports it (`.nbib`): `PMID- 31715818`, `TI  - …`, values that go on over indented
//! lines.

use serde_json::{Map, Value};

use crate::bibliography::{Draft, To};
use crate::identifier::IdentifierKind;
use crate::kind::PublicationKind;
use crate::reading::scalar_text;
use crate::tagged::Field;
use crate::text::fold;

/// What the fields of a record say.
pub(crate) fn draft(fields: &[Field]) -> Draft {
    let mut draft = Draft::default();
    // The authors' own keywords stand before the headings that the library gives.
    let has_title = fields.iter().any(|field| field.tag == "TI");
    let is_heading = |field: &&Field| field.tag == "MH";
    let own = fields.iter().filter(|field| !is_heading(field));
    for Field { tag, value } in own.chain(fields.iter().filter(is_heading)) {
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
            "TI" => To::Title,
            // The book that a chapter is in, or itself.
            "BTI" if has_title => To::Venue(3, "booktitle"),
            "BTI" => To::Title,
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
    let types = fields.iter().filter(|field| field.tag == "PT").map(|field| field.value.as_str());
    if let Some(kind) = PublicationKind::of_words(types) {
        draft.reference.add("type", kind.name());
    }
    draft
}

/// What an object says whose members are MEDLINE's tags, as programs make one of such a record; nothing where it is no
/// such object.
pub(crate) fn draft_of_tags(object: &Map<String, Value>) -> Option<Draft> {
    let is_tag = |name: &String| {
        (2..=4).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let has = |tags: &[&str]| tags.iter().any(|tag| object.contains_key(*tag));
    if !object.keys().all(is_tag) || !has(&["PMID"]) || !has(&["TI", "BTI", "AB", "JT", "TA"]) {
        return None;
    }
    let mut fields = Vec::new();
    for (tag, value) in object {
        let texts = match value {
            Value::Array(texts) => texts.iter().filter_map(scalar_text).collect(),
            value => scalar_text(value).map(|text| vec![text]).unwrap_or_default(),
        };
        for text in texts {
            // Identifiers of several kinds that were joined to one text.
            let parts = if matches!(tag.as_str(), "LID" | "AID") {
                text.split_inclusive(']')
            } else {
                text.split_inclusive('\0')
            };
            fields.extend(parts.map(|part| Field { tag: tag.clone(), value: part.trim().to_owned() }));
        }
    }
    Some(draft(&fields))
}
