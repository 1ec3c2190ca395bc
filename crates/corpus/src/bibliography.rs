//! What the formats of reference managers (BibTeX, RIS, MEDLINE) have in common: their records become
//! one object of fields, and get their id in one way.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::error::{Place, RecordError};
use crate::identifier::IdentifierKind;
use crate::paper::{Paper, PaperId};
use crate::record::{MAX_FIELDS, Parsed, paper_from_json};
use crate::text::is_filler;

/// The name under which a record's citation key is kept in `extra`.
pub(crate) const CITATION_KEY: &str = "citation_key";
/// The name under which a record's type, by BibTeX's names, is kept in `extra`.
pub(crate) const ENTRY_TYPE: &str = "entry_type";
/// The name of the field that gives a record's own id.
pub(crate) const OWN_ID: &str = "paper_id";

/// The identifiers that a record's id is taken from, the first first: the order of
/// [`paper_from_json`].
pub(crate) const ID_KINDS: [IdentifierKind; 3] =
    [IdentifierKind::Arxiv, IdentifierKind::Doi, IdentifierKind::Pmid];

/// A record of a reference manager: fields by the names of [`paper_from_json`].
#[derive(Debug, Default)]
pub(crate) struct Reference {
    fields: Map<String, Value>,
    key: Option<String>,
    /// Identifiers that the record's address names: known too late to be its id, see `choose_id`.
    url_ids: Vec<(IdentifierKind, String)>,
}

impl Reference {
    /// Adds a field; another value under a name that is taken gets a number behind its name.
    pub(crate) fn add(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let is_blank = match &value {
            Value::String(text) => text.trim().is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        // One field more than a record may have is enough to have it refused.
        if is_blank || self.fields.len() > MAX_FIELDS {
            return;
        }
        let mut free_name = name.to_owned();
        let mut n = 1;
        while let Some(taken) = self.fields.get(&free_name) {
            if *taken == value {
                return;
            }
            n += 1;
            free_name = format!("{name}_{n}");
        }
        self.fields.insert(free_name, value);
    }

    /// Adds an identifier unless the record has one of its kind.
    pub(crate) fn add_identifier(&mut self, kind: IdentifierKind, text: &str) {
        let name = field_name(kind);
        if !self.fields.contains_key(name) {
            self.add(name, text);
        }
    }

    /// Adds an address. One of arXiv or the ACL Anthology names the paper there; DBLP and the anthology
    /// itself say it in no other way.
    pub(crate) fn add_url(&mut self, url: String) {
        if url.contains("//") {
            self.url_ids = [IdentifierKind::Arxiv, IdentifierKind::Acl]
                .into_iter()
                .filter_map(|kind| Some((kind, kind.canonical(&url)?)))
                .collect();
        }
        self.add("url", url);
    }

    /// Sets the citation key.
    pub(crate) fn set_key(&mut self, key: &str) {
        self.key = (!key.trim().is_empty()).then(|| key.trim().to_owned());
    }

    /// Whether the record has a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The text of a field.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    /// Takes a field out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.shift_remove(name)
    }

    /// Chooses the id: the record's own, where it has one (as our exports do), else its arXiv id, DOI or
    /// PMID in canonical form, else its citation key.
    ///
    /// Identifiers come before the key, and canonical, because keys and spellings belong to a library:
    /// the same paper from two libraries is one paper, and `smith2020` of two need not be.
    ///
    /// An address names the paper less surely than its fields: it gives identifiers, but not the id.
    pub(crate) fn choose_id(&mut self) {
        self.set_id();
        for (kind, id) in std::mem::take(&mut self.url_ids) {
            self.add_identifier(kind, &id);
        }
    }

    fn set_id(&mut self) {
        if let Some(Value::String(own)) = self.take(OWN_ID) {
            self.add("id", decode_own_id(&own));
            return;
        }
        let found = ID_KINDS.into_iter().find_map(|kind| kind.canonical(self.text(field_name(kind))?));
        let usable = |key: &String| PaperId::new(key.as_str()).is_ok() && !is_filler(key);
        if let Some(id) = found.or_else(|| self.key.clone().filter(usable)) {
            self.fields.insert("id".to_owned(), Value::String(id));
        }
    }

    /// The paper.
    pub(crate) fn into_paper(mut self, place: &Place) -> Result<Parsed, RecordError> {
        if let Some(key) = self.key.take() {
            self.add(CITATION_KEY, key);
        }
        paper_from_json(Value::Object(self.fields), place)
    }
}

/// Texts without what was there before and without blank ones, in order.
pub(crate) fn distinct(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.into_iter().filter(|text| !text.trim().is_empty() && seen.insert(text.clone())).collect()
}

/// An id as our exports write it: percent-encoded but for letters, digits and common signs, so that no
/// format changes it.
pub(crate) fn encode_own_id(id: &PaperId) -> String {
    const CHANGED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'/')
        .remove(b':')
        .remove(b'(')
        .remove(b')');
    percent_encoding::utf8_percent_encode(id.as_str(), CHANGED).to_string()
}

fn decode_own_id(text: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map_or_else(|_| text.to_owned(), |id| id.into_owned())
}

/// The id that a record with a paper's identifiers gets where none of its own is written.
pub(crate) fn derived_id(paper: &Paper) -> Option<&str> {
    ID_KINDS.iter().find_map(|kind| paper.external_ids.get(kind)).map(String::as_str)
}

/// The name by which a reference holds identifiers of a kind.
pub(crate) fn field_name(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::Acl => "acl_id",
        IdentifierKind::Arxiv => "arxiv_id",
        IdentifierKind::Doi => "doi",
        IdentifierKind::Pmid => "pmid",
        IdentifierKind::Pmcid => "pmcid",
    }
}

/// The types of records that BibTeX and RIS both have, BibTeX's name first. Where several RIS types are
/// one of BibTeX's, the first is the one that is written.
#[rustfmt::skip]
const TYPES: [(&str, &[&str]); 8] = [
    ("article", &["JOUR", "EJOUR", "JFULL", "ABST", "MGZN", "NEWS", "INPR"]),
    ("inproceedings", &["CONF", "CPAPER"]),
    ("book", &["BOOK", "EBOOK", "EDBOOK"]),
    ("incollection", &["CHAP", "ECHAP"]),
    ("phdthesis", &["THES"]),
    ("techreport", &["RPRT", "GOVDOC", "STAND"]),
    ("unpublished", &["UNPB", "UNPD"]),
    ("misc", &["GEN", "ELEC", "DATA", "PAT", "VIDEO", "COMP", "ICOMM", "BLOG", "PREPRINT"]),
];

/// BibTeX's type for RIS's; others are `misc`.
pub(crate) fn bibtex_type(ris: &str) -> &'static str {
    TYPES.iter().find(|(_, names)| names.contains(&ris)).map_or("misc", |(bibtex, _)| bibtex)
}

/// RIS's type for BibTeX's; others are `GEN`.
pub(crate) fn ris_type(bibtex: &str) -> &'static str {
    TYPES.iter().find(|(name, _)| *name == bibtex).map_or("GEN", |(_, names)| names[0])
}

/// Whether a type is one that we write.
pub(crate) fn is_known_type(bibtex: &str) -> bool {
    TYPES.iter().any(|(name, _)| *name == bibtex)
}
