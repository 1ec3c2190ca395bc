//! What the formats of reference managers (BibTeX, RIS, MEDLINE) have in common: their records become
//! one object of fields, and get their id in one way.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::error::{Place, RecordError};
use crate::identifier::IdentifierKind;
use crate::identity::{NAMING_KINDS, named_id};
use crate::paper::{Paper, PaperId};
use crate::record::{MAX_FIELDS, Record, paper_from_json};
use crate::text::is_filler;

/// The name under which a record's citation key is kept in `extra`.
pub(crate) const CITATION_KEY: &str = "citation_key";
/// The name under which a record's type, by BibTeX's names, is kept in `extra`.
pub(crate) const ENTRY_TYPE: &str = "entry_type";
/// The name of the field that gives a record's own id.
pub(crate) const OWN_ID: &str = "paper_id";

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

    /// Completes the identifiers. An address names the paper less surely than its fields: it gives
    /// identifiers, but not the id, so that they stand among those of other databases.
    fn add_url_ids(&mut self) {
        let mut others = Map::new();
        for (kind, id) in std::mem::take(&mut self.url_ids) {
            if !self.has(field_name(kind)) {
                others.insert(kind.name().to_owned(), Value::String(id));
            }
        }
        if !others.is_empty() {
            self.add("external_ids", others);
        }
    }

    /// The id of version 2: the record's own, else its arXiv id, DOI or PMID in canonical form, else its
    /// citation key.
    fn legacy_id(&self) -> Option<PaperId> {
        let own = self.text("id").map(str::to_owned);
        let kinds = [IdentifierKind::Arxiv, IdentifierKind::Doi, IdentifierKind::Pmid];
        let found = || kinds.into_iter().find_map(|kind| kind.canonical(self.text(field_name(kind))?));
        let key = || self.key.clone().filter(|key| !is_filler(key));
        PaperId::new(own.or_else(found).or_else(key)?).ok()
    }

    /// The record.
    pub(crate) fn into_paper(mut self, place: &Place) -> Result<Record, RecordError> {
        if let Some(Value::String(own)) = self.take(OWN_ID) {
            self.add("id", decode_own_id(&own));
        }
        self.add_url_ids();
        let legacy_id = self.legacy_id();
        if let Some(key) = self.key.take() {
            self.add(CITATION_KEY, key);
        }
        Ok(Record { legacy_id, ..paper_from_json(Value::Object(self.fields), place)? })
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
pub(crate) fn derived_id(paper: &Paper) -> Option<PaperId> {
    NAMING_KINDS.iter().find_map(|&kind| named_id(kind, paper.external_ids.get(&kind)?))
}

/// The name by which a reference holds identifiers of a kind.
pub(crate) fn field_name(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::Acl => "acl_id",
        IdentifierKind::Arxiv => "arxiv_id",
        IdentifierKind::CorpusId => "corpusid",
        IdentifierKind::Doi => "doi",
        IdentifierKind::OpenAlex => "openalex",
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
