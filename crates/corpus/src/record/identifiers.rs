//! What names a record: its id, its key, and what databases call it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::entries::{Entry, Fields};
use crate::doi;
use crate::error::{FieldIssue, RecordError};
use crate::fields::{ISBN, ISSN, ISSUE, VENUE, VOLUME, fold_name};
use crate::identifier::{ExternalId, IdentifierKind, sniff_record_id, strip_label};
use crate::identity::Claims;
use crate::ids::{arxiv_id_of_doi, expected_ids, identifier_members, read_identifier};
use crate::paper::PaperId;
use crate::reading::{Reading, describe, number_text, scalar_text};
use crate::table;
use crate::text::is_filler;
use crate::values::is_blank;

/// Names of fields that hold a record's key within its source.
const KEY_NAMES: [&str; 6] = ["citationkey", "citekey", "bibtexkey", "rowid", "recordid", "key"];

/// The identifiers of a record.
pub(super) struct Identifiers {
    /// Those that fields of the record itself give, which may name it.
    pub(super) own: BTreeMap<IdentifierKind, String>,
    /// Those and what other databases call it.
    pub(super) all: BTreeMap<IdentifierKind, String>,
}

impl Fields<'_> {
    /// Takes from `id` what does not name a paper everywhere: a citation key of CSL, and a PubMed id that
    /// another field says to be one.
    pub(super) fn settle_ids(&mut self) {
        self.settle_csl();
        // As arXiv's own client in Python has it: the address of the paper.
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == "entryid")
            && entry.value.as_str().is_some_and(|id| IdentifierKind::Arxiv.canonical(id).is_some())
        {
            entry.key = "arxivid".to_owned();
        }
        let text = |key: &str| scalar_text(&self.entries.iter().find(|entry| entry.key == key)?.value);
        if text("id").is_some() && text("id") == text("pmid") {
            self.entries.retain(|entry| entry.key != "id");
        }
    }

    /// The record's explicit id.
    pub(super) fn claims(&mut self) -> Result<Claims, RecordError> {
        for alias in ["id", "paperid", "_id"] {
            let Some(position) = self.entries.iter().position(|entry| entry.key == alias) else { continue };
            let Entry { name, value, .. } = &self.entries[position];
            let text = match value {
                Value::String(text) => text.replace('\u{feff}', "").trim().to_owned(),
                Value::Object(members) if members.len() == 1 && members.contains_key("$oid") => {
                    scalar_text(&members["$oid"]).unwrap_or_default()
                }
                Value::Number(number) => {
                    let text = number_text(number);
                    table::arxiv_id(&text).filter(|_| number.is_f64()).unwrap_or(text)
                }
                other => {
                    let message = format!("expected an id as text or number, found {}", describe(other));
                    return Err(self.error(name, message));
                }
            };
            // Records whose ids all say "N/A" would otherwise replace each other.
            if is_filler(&text) {
                if !text.is_empty() {
                    let message = format!("expected an id, found {text:?}, which names nothing");
                    self.warnings.push(FieldIssue {
                        place: self.place.clone(),
                        field: name.clone(),
                        message,
                    });
                }
                continue;
            }
            if value.is_f64() && text.contains(['.', 'e']) && sniffed(Some(&text)).is_none() {
                let message = format!(
                    "expected an id in quotation marks, found the number {text}, which loses outer zeros"
                );
                self.warnings.push(FieldIssue { place: self.place.clone(), field: name.clone(), message });
            }
            self.id = Some(text.clone());
            // The error's own text is the whole message: there is no further cause below it to keep.
            let id = PaperId::new(text).map_err(|error| self.error(name, error.to_string()))?;
            self.entries.remove(position);
            return Ok(Claims { own: Some(id), is_database_id: alias == "_id", key: None });
        }
        Ok(Claims::default())
    }

    /// The id by the rules of version 2: the first of these fields that says one, as it stands there.
    pub(super) fn legacy_id(&self) -> Option<PaperId> {
        let aliases = ["id", "paperid", "_id", "arxivid", "doi", "pmid"];
        let mut texts = aliases.iter().filter_map(|alias| {
            let entry = self.entries.iter().find(|entry| entry.key == *alias)?;
            scalar_text(&entry.value).filter(|text| !is_filler(text))
        });
        PaperId::new(texts.next()?).ok()
    }

    /// The record's key within its source, which stays in `extra`.
    pub(super) fn key(&self) -> Option<String> {
        let entry = self.entries.iter().find(|entry| KEY_NAMES.contains(&entry.key.as_str()));
        let kept =
            KEY_NAMES.iter().find_map(|name| self.extra.iter().find(|(extra, _)| fold_name(extra) == *name));
        let value = entry.map(|entry| &entry.value).or(kept.map(|(_, value)| value))?;
        scalar_text(value).filter(|key| !is_filler(key))
    }

    pub(super) fn external_ids(&mut self) -> Identifiers {
        let mut external_ids = BTreeMap::new();
        let arxiv_doi = self.arxiv_doi();
        for kind in IdentifierKind::ALL {
            if let Some(value) = self.first(names_of(kind), |value| read_identifier(kind, value)) {
                external_ids.insert(kind, value);
            }
        }
        if let Some(id) = arxiv_doi {
            external_ids.entry(IdentifierKind::Arxiv).or_insert(id);
        }
        self.labelled_ids(&mut external_ids);
        let mut own = external_ids.clone();
        for alias in [
            "externalids",
            "externalid",
            "ids",
            "identifiers",
            "identifier",
            "articleids",
            "pids",
            "openaccessinfo.externalids",
        ] {
            self.database_ids(alias, &mut external_ids);
        }
        // In a table a column has the name of the list before that of the kind: `ids.pmid`.
        for kind in IdentifierKind::ALL {
            for name in names_of(kind) {
                let columns = ["ids", "externalids"].map(|list| format!("{list}{name}"));
                let columns = [columns[0].as_str(), columns[1].as_str()];
                if let Some(value) = self.first(&columns, |value| read_identifier(kind, value)) {
                    external_ids.entry(kind).or_insert(value);
                }
            }
        }
        // Only Semantic Scholar's own records have its id in such a list.
        let corpus_id = external_ids.get(&IdentifierKind::CorpusId).cloned();
        own.extend(corpus_id.map(|id| (IdentifierKind::CorpusId, id)));
        Identifiers { own, all: external_ids }
    }

    /// The arXiv id that a DOI of arXiv's is, in another form. A field that holds no other DOI is read with it.
    fn arxiv_doi(&mut self) -> Option<String> {
        let mut found = None;
        let is_doi = |entry: &Entry| names_of(IdentifierKind::Doi).contains(&entry.key.as_str());
        self.entries.retain(|entry| {
            let Some(id) =
                Some(entry).filter(|entry| is_doi(entry)).and_then(|entry| arxiv_id_of_doi(&entry.value))
            else {
                return true;
            };
            let is_second = *found.get_or_insert_with(|| id.clone()) != id;
            is_second || read_identifier(IdentifierKind::Doi, &entry.value).value.is_some()
        });
        found
    }

    /// The arXiv id that stands where the record says in what it was published: Google Scholar's journal
    /// `arXiv preprint arXiv:1704.03578`, Zotero's number `arXiv:1704.03578`, DBLP's volume `abs/1704.03578` of CoRR.
    pub(super) fn arxiv_of_publication(&self) -> Option<String> {
        static LABELLED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?i)\barxiv:\s*([a-z-]+(?:\.[a-z]{2})?/[0-9]{7}|[0-9]{4}\.[0-9]{4,5})")
                .expect("a pattern written in this file is a valid one")
        });
        let texts = |names: &'static [&'static str]| {
            let entries = self.entries.iter().filter(|entry| names.contains(&entry.key.as_str()));
            entries.filter_map(|entry| entry.value.as_str())
        };
        let labelled = texts(VENUE)
            .chain(texts(ISSUE))
            .chain(texts(&["reportnumber"]))
            .find_map(|text| IdentifierKind::Arxiv.canonical(&LABELLED.captures(text)?[1]));
        labelled.or_else(|| {
            let is_arxiv =
                |venue: &str| venue.eq_ignore_ascii_case("corr") || venue.eq_ignore_ascii_case("arxiv");
            let in_volume = || {
                let id = texts(VOLUME).find_map(|volume| volume.trim().strip_prefix("abs/"))?;
                IdentifierKind::Arxiv.canonical(id)
            };
            texts(VENUE).any(|venue| is_arxiv(venue.trim())).then(in_volume).flatten()
        })
    }

    /// The arXiv id of an address that says where the work itself is: BibTeX's `howpublished`, DBLP's electronic edition,
    /// the link of a search engine, the places where OpenAlex found it.
    pub(super) fn arxiv_of_address(&self) -> Option<String> {
        const NAMES: [&str; 5] = ["howpublished", "ee", "link", "locations", "locationslandingpageurl"];
        fn text(value: &Value) -> Option<&str> {
            value.as_str().or_else(|| value.get("landing_page_url")?.as_str())
        }
        let entries = self.entries.iter().filter(|entry| NAMES.contains(&entry.key.as_str()));
        let texts = entries.flat_map(|entry| match &entry.value {
            Value::Array(list) => list.iter().filter_map(text).collect(),
            value => text(value).into_iter().collect::<Vec<_>>(),
        });
        let words = texts.flat_map(|text| text.split(|c: char| c.is_whitespace() || c == '|'));
        words.filter(|word| word.contains('/')).find_map(|word| IdentifierKind::Arxiv.canonical(word))
    }

    /// Identifiers in lines of their own, each with its label, in notes: where Zotero has no field for them.
    fn labelled_ids(&self, external_ids: &mut BTreeMap<IdentifierKind, String>) {
        let notes =
            self.entries.iter().filter(|entry| matches!(entry.key.as_str(), "note" | "notes" | "extra"));
        for line in notes.filter_map(|entry| entry.value.as_str()).flat_map(str::lines) {
            let labelled =
                IdentifierKind::ALL.into_iter().find(|kind| strip_label(line, kind.name()).is_some());
            let found = labelled.and_then(|kind| Some((kind, kind.canonical(line)?))).or_else(|| {
                let id = doi::arxiv_id(line).filter(|_| labelled == Some(IdentifierKind::Doi))?;
                Some((IdentifierKind::Arxiv, IdentifierKind::Arxiv.canonical(&id)?))
            });
            if let Some((kind, id)) = found {
                external_ids.entry(kind).or_insert(id);
            }
        }
    }

    /// What other databases call the paper, by their names.
    pub(super) fn database_ids(&mut self, alias: &str, external_ids: &mut BTreeMap<IdentifierKind, String>) {
        while let Some(entry) = self.take(alias) {
            let Entry { name, value, is_whole, .. } = entry;
            let members = match identifier_members(value) {
                Ok(members) => members,
                Err(value) => {
                    // The other names are those of many fields.
                    if alias == "externalids" {
                        self.warn(&name, expected_ids(&value));
                    }
                    // ADS has all of them in one list, with labels.
                    let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                    let arxiv = texts.filter(|text| {
                        text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("arxiv:"))
                    });
                    let arxiv = arxiv.filter_map(|text| IdentifierKind::Arxiv.canonical(text)).next();
                    if let Some(id) = arxiv {
                        external_ids.entry(IdentifierKind::Arxiv).or_insert(id);
                    }
                    self.keep(&name, value);
                    continue;
                }
            };
            // Ids of other kinds, unreadable ones and second ones of a kind are kept together.
            let mut others = Map::new();
            for (member, value) in members.into_iter().filter(|(_, value)| !is_blank(value)) {
                let key = fold_name(&member);
                let kind =
                    IdentifierKind::ALL.into_iter().find(|kind| names_of(*kind).contains(&key.as_str()));
                let Some(mut kind) = kind else {
                    // Those of the journal or book are fields of the paper.
                    if is_whole && (ISSN.contains(&key.as_str()) || ISBN.contains(&key.as_str())) {
                        self.entries.push(Entry { key, name: format!("{name}.{member}"), value, is_whole });
                    } else {
                        others.insert(member, value);
                    }
                    continue;
                };
                let mut reading = read_identifier(kind, &value);
                if kind == IdentifierKind::Doi
                    && let Some(id) = arxiv_id_of_doi(&value)
                {
                    (kind, reading) = (IdentifierKind::Arxiv, Reading::whole(id));
                }
                if let Some(message) = reading.warning {
                    self.warn(&format!("{name}.{member}"), message);
                }
                let is_second = reading
                    .value
                    .is_some_and(|read| *external_ids.entry(kind).or_insert(read.clone()) != read);
                if reading.keep_raw || is_second {
                    others.insert(member, value);
                }
            }
            if !others.is_empty() && is_whole {
                self.keep(&name, Value::Object(others));
            }
            // What stands in a larger field stays with that.
            if !is_whole {
                break;
            }
        }
    }
}

/// The names of fields that hold identifiers of a kind, alone or among those of other databases.
fn names_of(kind: IdentifierKind) -> &'static [&'static str] {
    match kind {
        IdentifierKind::Acl => &["aclid", "acl"],
        IdentifierKind::Arxiv => &["arxivid", "arxiv", "arxiveprints", "arxivids"],
        IdentifierKind::CorpusId => &["corpusid", "s2corpusid", "s2id"],
        IdentifierKind::Doi => &[
            "doi",
            "dois",
            "articledoi",
            "itemdoi",
            "digitalobjectidentifier",
            "doiids",
            "preprintdoi",
            "biorxivdoi",
            "medrxivdoi",
        ],
        IdentifierKind::Pmid => &["pmid", "pubmed", "pubmedid", "medlinepmid", "pubmedids"],
        IdentifierKind::OpenAlex => &["openalex", "openalexid", "workid"],
        IdentifierKind::Pmcid => &["pmcid", "pubmedcentral", "pmc"],
    }
}

pub(super) fn sniffed(id: Option<&str>) -> Option<ExternalId> {
    sniff_record_id(&PaperId::new(id?).ok()?)
}
