//! What the formats of reference managers (BibTeX, RIS, MEDLINE) have in common: their records become
//! one object of fields, and get their id in one way.

mod draft;
mod names;

pub(crate) use draft::{Draft, To};
pub(crate) use names::between_commas;
#[cfg(test)]
pub(crate) use names::in_line as names_in_line;

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::error::{Place, RecordError};
use crate::export;
use crate::identifier::{IdentifierKind, strip_label};
use crate::paper::{Paper, PaperId};
use crate::record::{MAX_FIELDS, Record, paper_from_json};
use crate::text::is_filler;

/// The name under which a record's citation key is kept in `extra`.
pub(crate) const CITATION_KEY: &str = "citation_key";
/// The name under which a record's type, by BibTeX's names, is kept in `extra`.
pub(crate) const ENTRY_TYPE: &str = "entry_type";
/// The name of the field that gives a paper's votes.
pub(crate) const UPVOTES: &str = "upvotes";
/// The name of the field that gives a record's own id.
pub(crate) const OWN_ID: &str = "paper_id";

/// A record of a reference manager: fields by the names of [`paper_from_json`].
#[derive(Debug, Default)]
pub(crate) struct Reference {
    fields: Map<String, Value>,
    key: Option<String>,
    /// Identifiers that the record's address names: known too late to be its id, see `choose_id`.
    url_ids: Vec<(IdentifierKind, String)>,
    /// Whether its address may be one that we wrote for its identifiers, and says no more than they do.
    pub(crate) derived_link: DerivedLink,
}

/// Which addresses we write for the identifiers of a paper without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DerivedLink {
    #[default]
    No,
    /// All but that of a DOI alone.
    NotOfDoi,
    Any,
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

    /// Adds an address. One of arXiv, the ACL Anthology, PubMed or a DOI names the paper there; DBLP and the
    /// anthology itself say it in no other way.
    pub(crate) fn add_url(&mut self, url: String) {
        if url.contains("//") {
            let kinds =
                [IdentifierKind::Arxiv, IdentifierKind::Acl, IdentifierKind::Pmid, IdentifierKind::Doi];
            self.url_ids = kinds.into_iter().filter_map(|kind| Some((kind, kind.canonical(&url)?))).collect();
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
        let mut record = Record { legacy_id, ..paper_from_json(Value::Object(self.fields), place)? };
        let Paper { url, external_ids, .. } = &mut record.paper;
        let has_derived = match self.derived_link {
            DerivedLink::No => false,
            // A DOI alone gives none there.
            DerivedLink::NotOfDoi => {
                external_ids.contains_key(&IdentifierKind::Arxiv)
                    || !external_ids.contains_key(&IdentifierKind::Doi)
            }
            DerivedLink::Any => true,
        };
        if has_derived && *url == export::page_of(external_ids).map(|page| export::plain_address(&page)) {
            *url = None;
        }
        Ok(record)
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

pub(crate) fn decode_own_id(text: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map_or_else(|_| text.to_owned(), |id| id.into_owned())
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

/// The identifier of a text with a label (`arXiv:1704.03578`, `paper_id:…`): what it is, and its value.
pub(crate) fn labelled(text: &str) -> Option<(To, String)> {
    for name in [OWN_ID, ENTRY_TYPE, UPVOTES] {
        if let Some(own) = strip_label(text, name) {
            return Some((To::Replaced(name), own.to_owned()));
        }
    }
    let kind = IdentifierKind::ALL.into_iter().find(|kind| strip_label(text, kind.name()).is_some())?;
    Some((To::Id(kind), kind.canonical(text)?))
}

/// The types of records: BibTeX's and BibLaTeX's name, EndNote's, CSL's, and RIS's. Of several names in another
/// format the first is written; of several rows with one name the first is read.
#[rustfmt::skip]
const TYPES: [Type; 35] = [
    Type("article", "Journal Article", "article-journal", &["JOUR", "EJOUR", "JFULL", "ABST", "MGZN", "NEWS", "INPR"]),
    Type("inproceedings", "Conference Paper", "paper-conference", &["CONF", "CPAPER"]),
    // EndNote's word for a paper in them.
    Type("inproceedings", "Conference Proceedings", "paper-conference", &["CONF"]),
    Type("conference", "Conference Paper", "paper-conference", &["CONF"]),
    Type("proceedings", "Conference Proceedings", "book", &["CONF"]),
    Type("book", "Book", "book", &["BOOK", "EBOOK", "EDBOOK"]),
    Type("collection", "Edited Book", "book", &["EDBOOK"]),
    Type("booklet", "Pamphlet", "pamphlet", &["PAMP"]),
    Type("incollection", "Book Section", "chapter", &["CHAP", "ECHAP"]),
    Type("inbook", "Book Section", "chapter", &["CHAP"]),
    Type("inreference", "Encyclopedia", "entry-encyclopedia", &["ENCYC", "DICT"]),
    Type("phdthesis", "Thesis", "thesis", &["THES"]),
    Type("mastersthesis", "Thesis", "thesis", &["THES"]),
    Type("thesis", "Thesis", "thesis", &["THES"]),
    Type("techreport", "Report", "report", &["RPRT", "GOVDOC"]),
    Type("report", "Report", "report", &["RPRT"]),
    Type("manual", "Standard", "standard", &["STAND"]),
    Type("unpublished", "Unpublished Work", "manuscript", &["UNPB", "UNPD", "MANSCPT"]),
    Type("online", "Web Page", "webpage", &["ELEC", "WEB"]),
    Type("electronic", "Web Page", "webpage", &["ELEC"]),
    Type("www", "Web Page", "webpage", &["ELEC"]),
    Type("dataset", "Dataset", "dataset", &["DATA", "AGGR", "DBASE"]),
    Type("software", "Computer Program", "software", &["COMP"]),
    Type("patent", "Patent", "patent", &["PAT"]),
    Type("periodical", "Serial", "periodical", &["SER"]),
    Type("misc", "Generic", "document", &["GEN", "VIDEO", "ICOMM", "BLOG", "PREPRINT", "MPCT", "SLIDE", "SOUND", "ART", "MAP"]),
    Type("article", "Electronic Article", "article-magazine", &[]),
    Type("article", "Magazine Article", "article-magazine", &[]),
    Type("article", "Newspaper Article", "article-newspaper", &[]),
    Type("article", "Journal", "review", &[]),
    Type("incollection", "Book, Section", "entry", &[]),
    Type("incollection", "Electronic Book Section", "entry-dictionary", &[]),
    Type("book", "Electronic Book", "book", &[]),
    Type("phdthesis", "Dissertation/Thesis", "thesis", &[]),
    Type("misc", "Preprint", "article", &[]),
];

struct Type(&'static str, &'static str, &'static str, &'static [&'static str]);

/// BibTeX's type for RIS's; others are `misc`.
pub(crate) fn bibtex_type(ris: &str) -> &'static str {
    TYPES.iter().find(|Type(.., names)| names.contains(&ris)).map_or("misc", |Type(bibtex, ..)| bibtex)
}

/// BibTeX's type for EndNote's and RefWorks's words; others are `misc`.
pub(crate) fn bibtex_type_of_words(words: &str) -> &'static str {
    let known = |words: &str| TYPES.iter().find(|Type(_, name, ..)| name.eq_ignore_ascii_case(words.trim()));
    // RefWorks says more: `Book, Section`, `Book, Whole`, `Dissertation/Thesis, Unpublished`.
    let first = words.split(',').next().unwrap_or_default();
    let last = first.rsplit('/').next().unwrap_or_default();
    let found = known(words).or_else(|| known(&words.replace(", ", " "))).or_else(|| known(last));
    found.map_or("misc", |Type(bibtex, ..)| bibtex)
}

/// Whether a text is one of EndNote's names of types.
pub(crate) fn is_endnote_type(words: &str) -> bool {
    let words = words.trim();
    TYPES.iter().any(|Type(_, name, ..)| name.eq_ignore_ascii_case(words))
}

/// A row of the table, for BibTeX's type; of others the row of `misc`.
fn row(bibtex: &str) -> &'static Type {
    let misc = || TYPES.iter().find(|Type(name, ..)| *name == "misc");
    TYPES.iter().find(|Type(name, ..)| *name == bibtex).or_else(misc).unwrap_or(&TYPES[0])
}

/// RIS's type for BibTeX's; others are `GEN`.
pub(crate) fn ris_type(bibtex: &str) -> &'static str {
    row(bibtex).3.first().copied().unwrap_or("GEN")
}

/// EndNote's type for BibTeX's; others are `Generic`.
pub(crate) fn endnote_type(bibtex: &str) -> &'static str {
    row(bibtex).1
}

/// CSL's type for BibTeX's; others are `document`.
pub(crate) fn csl_type(bibtex: &str) -> &'static str {
    row(bibtex).2
}
