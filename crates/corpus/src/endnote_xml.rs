//! EndNote's XML (`<xml><records><record>…`), with and without the styles of its texts.

use crate::bibliography::{DerivedLink, Draft, ENTRY_TYPE, OWN_ID, To, bibtex_type_of_words, labelled};
use crate::identifier::IdentifierKind;
use crate::text::fold;
use crate::xml::{Element, has_element};

/// The elements that are records.
pub(crate) const RECORDS: &[&str] = &["record"];

/// Whether a text is EndNote's XML.
pub(crate) fn is_endnote(head: &[u8]) -> bool {
    has_element(head, RECORDS) && has_element(head, &["ref-type", "contributors", "titles", "source-app"])
}

const FIELDS: [(&[&str], To); 29] = [
    (&["titles", "title"], To::Title),
    (&["abstract"], To::Abstract),
    (&["dates", "year"], To::Year),
    (&["dates", "pub-dates", "date"], To::Date),
    (&["periodical", "full-title"], To::Venue(0, "journal_full")),
    (&["titles", "secondary-title"], To::Venue(1, "secondary_title")),
    (&["periodical", "abbr-1"], To::Venue(2, "journal_abbreviation")),
    (&["titles", "alt-title"], To::Venue(3, "journal_abbreviation")),
    (&["titles", "tertiary-title"], To::Venue(4, "series")),
    (&["titles", "short-title"], To::Field("shorttitle")),
    (&["titles", "translated-title"], To::Field("original_title")),
    (&["keywords", "keyword"], To::Keywords),
    (&["pages"], To::Field("pages")),
    (&["volume"], To::Field("volume")),
    (&["number"], To::Field("issue")),
    (&["issue"], To::Field("issue")),
    (&["isbn"], To::Serial),
    (&["issn"], To::Serial),
    (&["publisher"], To::Field("publisher")),
    (&["pub-location"], To::Field("address")),
    (&["edition"], To::Field("edition")),
    (&["language"], To::Field("language")),
    (&["electronic-resource-num"], To::Doi),
    (&["urls", "related-urls", "url"], To::Url),
    (&["urls", "web-urls", "url"], To::Url),
    (&["remote-database-name"], To::Field("source")),
    (&["notes"], To::Lines("note")),
    (&["auth-address"], To::Lines("affiliation")),
    (&["work-type"], To::Field("type")),
];

/// What a record says.
pub(crate) fn draft(mut record: Element) -> Draft {
    let mut draft = Draft::default();
    for kind in record.take(&["ref-type"]) {
        let word = kind.attribute("name").map_or_else(|| kind.text(), str::to_owned);
        draft.reference.add(ENTRY_TYPE, bibtex_type_of_words(&word));
        draft.reference.add("reference_type", fold(&word));
    }
    // One name an element, so that none is taken apart.
    for name in record.take_texts(&["contributors", "authors", "author"]) {
        draft.add_author(&name);
    }
    for role in ["secondary-authors", "tertiary-authors"] {
        for name in record.take_texts(&["contributors", role, "author"]) {
            draft.add_editor(&name);
        }
    }
    for (path, to) in FIELDS {
        for text in record.take_texts(path) {
            draft.add(to, &text);
        }
    }
    record.take(&["rec-number"]);
    record.take(&["foreign-keys"]);
    record.take(&["database"]);
    record.take(&["source-app"]);
    let is_medline = draft.reference.text("source").is_some_and(|source| {
        let source = source.to_lowercase();
        ["medline", "pubmed", "nlm"].iter().any(|name| source.contains(name))
    });
    for name in [
        "accession-num",
        "custom1",
        "custom2",
        "custom3",
        "custom4",
        "custom5",
        "custom6",
        "custom7",
        "custom8",
    ] {
        for text in record.take_texts(&[name]) {
            let text = fold(&text);
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            match labelled(&text) {
                None if is_medline && is_number && name == "accession-num" => {
                    draft.add(To::Id(IdentifierKind::Pmid), &text);
                }
                Some((kind, id)) => draft.add(kind, &id),
                // Where EndNote puts it when it takes a record from PubMed.
                None if name == "custom2" && text.starts_with("PMC") => {
                    draft.add(To::Id(IdentifierKind::Pmcid), &text);
                }
                None => draft.add_other("endnote", name, &text),
            }
        }
    }
    if draft.reference.has(OWN_ID) {
        draft.reference.derived_link = DerivedLink::Any;
    }
    for label in record.take_texts(&["label"]) {
        draft.reference.set_key(&label);
    }
    draft.add_leaves("endnote", &record);
    draft
}
