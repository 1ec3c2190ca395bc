//! RIS: what most reference managers and publishers export (`TY  - JOUR` … `ER  - `).
//!
//! Read by `tagged.rs` rather than by a crate: the format is lines, and the crates that read it take a whole text
//! into memory and lose where a record stands.

use std::sync::LazyLock;

use regex::Regex;

use crate::bibliography::{DerivedLink, Draft, ENTRY_TYPE, To, bibtex_type, field_name, labelled};
use crate::doi;
use crate::identifier::{IdentifierKind, strip_label};
use crate::tagged::Field;
use crate::text::fold;

/// What the fields of a record say.
pub(crate) fn draft(fields: &[Field]) -> Draft {
    let mut draft = Draft::default();
    draft.reference.derived_link = DerivedLink::NotOfDoi;
    let values = |tag: &'static str| {
        let of_tag = fields.iter().filter(move |field| field.tag == tag && !field.value.trim().is_empty());
        of_tag.map(|field| &field.value)
    };
    let kind = values("TY").next().map(|kind| kind.trim().to_uppercase());
    draft.reference.add(ENTRY_TYPE, bibtex_type(kind.as_deref().unwrap_or_default()));
    let database = Database::new(fields);
    // Titles in this order, whatever the order of the lines.
    for (tag, to) in TAGS {
        for value in values(tag) {
            draft.add(to, value);
        }
    }
    let has_title = ["TI", "T1", "CT"].iter().any(|tag| values(tag).next().is_some());
    for value in values("BT") {
        draft.add(if has_title { To::Venue(3, "booktitle") } else { To::Title }, value);
    }
    // `N2` is an abstract where there is no other, and often the same text again.
    let abstracts: Vec<String> = values("AB").map(|value| fold(value)).collect();
    for value in values("N2").filter(|value| !abstracts.contains(&fold(value))) {
        draft.add(if abstracts.is_empty() { To::Abstract } else { To::Field("ris_n2") }, value);
    }
    for Field { tag, value } in fields {
        let is_read = TAGS.iter().any(|(read, _)| read == tag) || matches!(tag.as_str(), "TY" | "BT" | "N2");
        if !is_read && !database.identifier(tag, value, &mut draft) {
            other(tag, value, &mut draft);
        }
    }
    draft
}

/// What tags hold whatever else a record says.
const TAGS: [(&str, To); 40] = [
    ("TI", To::Title),
    ("T1", To::Title),
    ("CT", To::Title),
    ("AB", To::Abstract),
    ("AU", To::Author),
    ("A1", To::Author),
    ("ED", To::Editor),
    ("A2", To::Editor),
    ("A3", To::Editor),
    ("PY", To::Year),
    ("Y1", To::Year),
    ("YR", To::Year),
    ("DA", To::Date),
    ("JF", To::Venue(0, "journal_full")),
    ("T2", To::Venue(1, "secondary_title")),
    ("JO", To::Venue(2, "journal_name")),
    // Cochrane's.
    ("SO", To::Venue(2, "journal_name")),
    ("JA", To::Venue(5, "journal_abbreviation")),
    ("J2", To::Venue(6, "journal_abbreviation")),
    ("J1", To::Venue(7, "journal_abbreviation")),
    ("T3", To::Venue(8, "series")),
    ("KW", To::Keywords),
    ("SP", To::FirstPage),
    ("EP", To::LastPage),
    // The number of an article, which stands for its pages.
    ("AR", To::FirstPage),
    ("SN", To::Serial),
    ("DO", To::Doi),
    ("DI", To::Doi),
    ("UR", To::Url),
    ("LK", To::Url),
    ("US", To::Url),
    ("VL", To::Field("volume")),
    ("VO", To::Field("volume")),
    ("IS", To::Field("issue")),
    ("PB", To::Field("publisher")),
    ("DB", To::Field("source")),
    ("LA", To::Field("language")),
    ("CY", To::Field("address")),
    ("PP", To::Field("address")),
    ("ET", To::Field("edition")),
];

/// What a tag holds that is no identifier.
fn other(tag: &str, value: &str, draft: &mut Draft) {
    match tag {
        // No key of the record's own: EndNote counts its library.
        "ID" if value.bytes().all(|byte| byte.is_ascii_digit()) => draft.add(To::Field("ris_id"), value),
        "ID" => draft.reference.set_key(value),
        "C3" if !is_accession(value) => draft.add(To::Venue(4, "ris_c3"), value),
        "N1" => draft.add(To::Lines("note"), value),
        // A number is Cochrane's issue, other texts are notes.
        "NO" if is_short_number(value) => draft.add(To::Field("issue"), value),
        "NO" => draft.add(To::Lines("note"), value),
        "PT" => draft.add(To::Field("type"), value),
        "M3" => draft.add(To::Field("type"), value),
        "AD" => draft.add(To::Lines("affiliation"), value),
        "ST" => draft.add(To::Field("shorttitle"), value),
        tag => draft.reference.add(&format!("ris_{}", tag.to_lowercase()), fold(value)),
    }
}

/// Whether a value is the number of an issue: `4`, `Suppl 2`.
fn is_short_number(value: &str) -> bool {
    value.len() <= 16
        && value.ends_with(|c: char| c.is_ascii_digit())
        && value.split_whitespace().count() <= 2
}

/// Whether a value is the number of a record in some databases (`PubMed 31234567,EMBASE 2001234567`).
fn is_accession(value: &str) -> bool {
    static ACCESSION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^(?:pubmed|embase|cinahl|medline|scopus|psycinfo|ictrp|ctgov)\b[^a-z]*[0-9]")
            .expect("a pattern written in this file is a valid one")
    });
    ACCESSION.is_match(value.trim())
}

/// The database that a record is from, which says what its numbers are.
struct Database {
    is_medline: bool,
    is_scopus: bool,
}

impl Database {
    fn new(fields: &[Field]) -> Self {
        let names = |tags: &[&str], known: &[&str]| {
            fields.iter().any(|Field { tag, value }| {
                let value = value.to_lowercase();
                tags.contains(&tag.as_str()) && known.iter().any(|name| value.contains(name))
            })
        };
        Self {
            is_medline: names(&["DB", "DP"], &["pubmed", "medline", "nlm"]),
            is_scopus: names(&["DB"], &["scopus"]),
        }
    }

    /// Reads the identifier of a field that tools leave to their users. With a label it stands in any of
    /// them; what a field says alone depends on the database. Whether it is read.
    fn identifier(&self, tag: &str, value: &str, draft: &mut Draft) -> bool {
        static PUBMED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?i)\bpubmed:?\s+([0-9]{1,9})\b")
                .expect("a pattern written in this file is a valid one")
        });
        let is_free = matches!(tag.as_bytes(), [b'C' | b'U', b'1'..=b'8'])
            || ["AN", "M1", "M3", "L3", "N1"].contains(&tag);
        if !is_free {
            return false;
        }
        let value = fold(value);
        if let Some((to @ To::Replaced(_), own)) = labelled(&value) {
            draft.add(to, &own);
            return true;
        }
        if tag == "C3"
            && let Some(found) = PUBMED.captures(&value)
            && !draft.reference.has(field_name(IdentifierKind::Pmid))
        {
            draft.reference.add_identifier(IdentifierKind::Pmid, &found[1]);
            // The other databases' numbers stay.
            return found[0].len() == value.len();
        }
        let labelled =
            IdentifierKind::ALL.into_iter().find(|kind| strip_label(&value, kind.name()).is_some());
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let kind = match tag {
            _ if labelled.is_some() => labelled,
            "AN" if is_number && self.is_medline => Some(IdentifierKind::Pmid),
            "C2" if is_number && self.is_scopus => Some(IdentifierKind::Pmid),
            "C2" if !is_number && IdentifierKind::Pmcid.canonical(&value).is_some() => {
                Some(IdentifierKind::Pmcid)
            }
            "M3" | "L3" if doi::is_doi(&value) => Some(IdentifierKind::Doi),
            _ => None,
        };
        let is_one = |kind: &IdentifierKind| {
            kind.canonical(&value).is_some() || (*kind == IdentifierKind::Doi && doi::is_doi(&value))
        };
        match kind.filter(is_one) {
            Some(IdentifierKind::Doi) => draft.add(To::Doi, &value),
            Some(kind) if !draft.reference.has(field_name(kind)) => {
                draft.reference.add_identifier(kind, &value);
            }
            _ => return false,
        }
        true
    }
}
