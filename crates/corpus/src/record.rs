//! One JSON object to one [`Paper`]: the one way into the corpus, whatever the file's format.
//!
//! Fields are found by their names and aliases, in any case and with spaces, dashes and underscores
//! counting as nothing (`journal-ref`, `Journal Ref`). Nothing that a record says is lost: what no
//! field of the paper holds is kept in `extra` under the name that the record gives it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::authors;
use crate::bibliography::ENTRY_TYPE;
use crate::dates::{self, PartialDate};
use crate::error::{FieldIssue, Place, RecordError};
use crate::fields::{self, fold_name};
use crate::identifier::{ExternalId, IdentifierKind, sniff_record_id};
use crate::identity::{self, Claims, Identity, Named};
use crate::kind::PublicationKind;
use crate::paper::{Paper, PaperId};
use crate::reading::{Reading, describe, number_text, scalar_text};
use crate::structure::{inner_record, repair};
use crate::table;
use crate::text::is_filler;
use crate::values::{
    arxiv_id_of_doi, expected_ids, identifier_members, is_blank, read_abstract, read_categories, read_count,
    read_identifier, read_isbn, read_issn, read_text, read_title, read_url,
};

/// Longest title accepted, in bytes.
pub const MAX_TITLE_BYTES: usize = 10_000;
/// Longest abstract accepted, in bytes.
pub const MAX_ABSTRACT_BYTES: usize = 1_000_000;
/// Most authors accepted for one paper; the largest collaborations have about 5,000.
pub const MAX_AUTHORS: usize = 10_000;

/// Most fields accepted in one record.
pub const MAX_FIELDS: usize = 2_000;

/// Names of fields that hold a record's key within its source.
const KEY_NAMES: [&str; 6] = ["citationkey", "citekey", "bibtexkey", "rowid", "recordid", "key"];

/// What a file holds: one record, which says something of one paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it says. The id is its own, or that of its content: see [`identity`](crate::identity).
    pub paper: Paper,
    /// What the id is.
    pub identity: Identity,
    /// What tells it apart from others of its source: a citation key, the number of a row.
    pub key: Option<String>,
    /// The id that a store of version 2 has it by, where that was not made from its content.
    pub legacy_id: Option<PaperId>,
    /// Whether the id is a number that may count rows.
    pub(crate) is_numbered: bool,
    /// Optional fields that could not be read; their raw values are in the paper's `extra`.
    pub warnings: Vec<FieldIssue>,
    /// Where the record begins.
    pub place: Place,
}

impl Record {
    /// The id that a store of version 2 has it by.
    #[must_use]
    pub fn legacy_id(&self) -> PaperId {
        self.legacy_id.clone().unwrap_or_else(|| {
            identity::legacy_content_id(self.paper.title.as_deref(), self.paper.abstract_text.as_deref())
        })
    }

    /// Names it by its content; the id that it had is its key within the source, unless it has another.
    pub(crate) fn unname(&mut self) {
        let content_id = identity::content_id(&self.paper);
        let id = std::mem::replace(&mut self.paper.id, content_id);
        self.key.get_or_insert(id.into());
        self.identity = Identity::Content;
    }
}

/// Reads one record that stands at `place`.
///
/// What its id is, is decided in [`identity`](crate::identity). The names under which sources hold each field are
/// the lists of `fields.rs`, which docs/formats.md tells; the earlier counts where a record has several, and the later
/// stay in `extra`. A value may have any shape that sources give it: see `values.rs`, `authors.rs` and `dates.rs`.
/// Markup becomes text.
///
/// A record in the form that [`Paper`] serialises to reads back to the same paper.
///
/// # Errors
/// [`RecordError`] if `record` is not an object, has none of title, abstract, authors and identifiers (filler such
/// as "N/A" counts as none), has an id that is not a valid [`PaperId`], or is beyond [`MAX_TITLE_BYTES`],
/// [`MAX_ABSTRACT_BYTES`], [`MAX_AUTHORS`] or [`MAX_FIELDS`].
pub fn paper_from_json(record: Value, place: &Place) -> Result<Record, RecordError> {
    let Value::Object(record) = record else {
        return Err(RecordError::whole(
            place,
            format!("expected a JSON object, found {}", describe(&record)),
        ));
    };
    if record.len() > MAX_FIELDS {
        let message = format!("expected at most {MAX_FIELDS} fields, found {}", record.len());
        return Err(RecordError::whole(place, message));
    }
    let mut fields = Fields::new(record, place);
    let legacy_id = fields.legacy_id();
    let mut claims = fields.claims()?;

    let title = fields.first(fields::TITLE, read_title);
    let abstract_text = fields.first(fields::ABSTRACT, read_abstract);
    fields.check_size("title", title.as_deref().map_or(0, str::len), (MAX_TITLE_BYTES, "bytes"))?;
    fields.check_size(
        "abstract",
        abstract_text.as_deref().map_or(0, str::len),
        (MAX_ABSTRACT_BYTES, "bytes"),
    )?;
    let editors = fields.editors();
    let authors = fields.authors();
    fields.check_size("authors", authors.len(), (MAX_AUTHORS, "names"))?;
    let (year, publication_date) = fields.dates();
    let sniffed = claims.own.as_ref().and_then(sniff_record_id);
    let Identifiers { own: own_ids, all: mut external_ids } = fields.external_ids();
    if let Some(ExternalId { kind, value }) = sniffed {
        external_ids.entry(kind).or_insert(value);
    }
    if title.is_none() && abstract_text.is_none() && authors.is_empty() && external_ids.is_empty() {
        let message = "expected a title, an abstract, authors or an identifier, found none of them (filler such as \
                       \"N/A\" counts as none)";
        return Err(fields.error("title", message));
    }
    claims.key = fields.key();
    let named = identity::decide(claims, |kind| own_ids.get(&kind).map(String::as_str));

    // Stands in until all is known that the content's id is made of.
    let blank = PaperId::of_digest(&[]);
    let mut paper = Paper {
        title,
        abstract_text,
        authors,
        editors,
        year,
        publication_date,
        kind: fields.kind(),
        venue: fields.venue(),
        volume: fields.first(fields::VOLUME, read_text),
        issue: fields.first(fields::ISSUE, read_text),
        pages: fields.pages(),
        publisher: fields.first(fields::PUBLISHER, read_text),
        issn: fields.first(fields::ISSN, read_issn).unwrap_or_default(),
        isbn: fields.first(fields::ISBN, read_isbn).unwrap_or_default(),
        language: fields.first(fields::LANGUAGE, read_text),
        categories: fields.first(fields::CATEGORIES, read_categories).unwrap_or_default(),
        external_ids,
        url: fields.first(fields::URL, read_url),
        source: fields.first(fields::SOURCE, read_text),
        upvotes: fields.first(&["upvotes"], read_count),
        ..Paper::new(blank)
    };
    let (extra, warnings) = fields.finish();
    paper.extra = extra;
    let identity = if named.id.is_some() { Identity::Named } else { Identity::Content };
    paper.id = named.id.unwrap_or_else(|| identity::content_id(&paper));
    let Named { key, is_number: is_numbered, .. } = named;
    Ok(Record { paper, identity, key, legacy_id, is_numbered, warnings, place: place.clone() })
}

/// Reads one record from its JSON text. What other programs write and JSON does not allow (`NaN`) is made right.
pub(crate) fn paper_from_json_text(text: &[u8], place: &Place) -> Result<Record, RecordError> {
    let record = serde_json::from_slice(text).or_else(|error| {
        // Only what was read as text can be repaired; the first error is the one that says where.
        let repaired = std::str::from_utf8(text).map(repair).unwrap_or_default();
        serde_json::from_str(&repaired).map_err(|_| error)
    });
    let record = record.map_err(|error: serde_json::Error| {
        let found = if error.is_eof() {
            "one that is cut short".to_owned()
        } else {
            format!("an error at column {}", error.column())
        };
        let message = format!("expected a record in JSON, found {found}");
        RecordError { source: Some(Box::new(error)), ..RecordError::whole(place, message) }
    })?;
    paper_from_json(record, place)
}

/// A record's fields while they are read one by one: what has been read is taken out, and what is left
/// at the end goes to `extra`.
struct Fields<'a> {
    /// Neither nulls nor blank strings: they say nothing.
    entries: Vec<Entry>,
    extra: Map<String, Value>,
    warnings: Vec<FieldIssue>,
    place: &'a Place,
    /// The record's own id, once read, for errors.
    id: Option<String>,
}

/// The identifiers of a record.
struct Identifiers {
    /// Those that fields of the record itself give, which may name it.
    own: BTreeMap<IdentifierKind, String>,
    /// Those and what other databases call it.
    all: BTreeMap<IdentifierKind, String>,
}

struct Entry {
    /// The name as aliases spell it: see [`fold_name`].
    key: String,
    /// The name that the record gives it.
    name: String,
    value: Value,
    /// Whether it is a field, and not a member of one.
    is_whole: bool,
}

impl<'a> Fields<'a> {
    fn new(record: Map<String, Value>, place: &'a Place) -> Self {
        let mut fields =
            Self { entries: Vec::new(), extra: Map::new(), warnings: Vec::new(), place, id: None };
        // An envelope's own fields come behind those of the record in it.
        let (inner, record) = inner_record(record);
        for (name, value) in inner.into_iter().chain(record) {
            match value {
                // Our own output keeps further fields in `extra`: they return to where they were.
                Value::Object(members) if name == "extra" => {
                    fields.extra.extend(members.into_iter().filter(|(_, value)| !is_blank(value)));
                }
                value if is_blank(&value) => {}
                value => fields.entries.push(Entry { key: fold_name(&name), name, value, is_whole: true }),
            }
        }
        fields.settle_ids();
        fields
    }

    /// Takes from `id` what does not name a paper everywhere: a citation key of CSL, and a PubMed id that
    /// another field says to be one.
    fn settle_ids(&mut self) {
        let has = |key: &str| self.entries.iter().any(|entry| entry.key == key);
        let is_csl = has("type") && (has("issued") || has("containertitle"));
        let pmid =
            self.entries.iter().find(|entry| entry.key == "pmid").and_then(|entry| scalar_text(&entry.value));
        let Some(position) = self.entries.iter().position(|entry| entry.key == "id") else { return };
        let id = scalar_text(&self.entries[position].value);
        if id.is_some() && id == pmid {
            self.entries.remove(position);
        } else if is_csl && sniffed(id.as_deref()).is_none() {
            self.entries[position].key = "citationkey".to_owned();
            self.entries[position].name = crate::bibliography::CITATION_KEY.to_owned();
        }
    }

    /// The record's explicit id.
    fn claims(&mut self) -> Result<Claims, RecordError> {
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
    fn legacy_id(&self) -> Option<PaperId> {
        let aliases = ["id", "paperid", "_id", "arxivid", "doi", "pmid"];
        let mut texts = aliases.iter().filter_map(|alias| {
            let entry = self.entries.iter().find(|entry| entry.key == *alias)?;
            scalar_text(&entry.value).filter(|text| !is_filler(text))
        });
        PaperId::new(texts.next()?).ok()
    }

    /// The record's key within its source, which stays in `extra`.
    fn key(&self) -> Option<String> {
        let entry = self.entries.iter().find(|entry| KEY_NAMES.contains(&entry.key.as_str()));
        let kept =
            KEY_NAMES.iter().find_map(|name| self.extra.iter().find(|(extra, _)| fold_name(extra) == *name));
        let value = entry.map(|entry| &entry.value).or(kept.map(|(_, value)| value))?;
        scalar_text(value).filter(|key| !is_filler(key))
    }

    /// What kind of publication it is. A word that says more than the kind, or none that is known, stays.
    fn kind(&mut self) -> Option<PublicationKind> {
        let kind_of = |value: &Value| match value {
            Value::Array(words) => {
                words.iter().filter_map(scalar_text).find_map(|word| PublicationKind::from_word(&word))
            }
            value => scalar_text(value).and_then(|word| PublicationKind::from_word(&word)),
        };
        for alias in fields::KIND {
            let Some(entry) = self.take(alias) else { continue };
            let found = kind_of(&entry.value);
            // Written again as it is; any other word says more.
            if !entry.is_whole || entry.value.as_str() != found.map(PublicationKind::name) || *alias != "type"
            {
                self.restore(entry);
            }
            if found.is_some() {
                return found;
            }
        }
        // bioRxiv and medRxiv have words of their own for its results.
        if self.entries.iter().any(|entry| entry.key == "server") {
            return Some(PublicationKind::Preprint);
        }
        // Where our own output keeps it.
        self.extra.get(ENTRY_TYPE).and_then(kind_of)
    }

    /// The value of the first field among `aliases` that `read` finds one in.
    fn first<T>(&mut self, aliases: &[&str], read: impl Fn(&Value) -> Reading<T>) -> Option<T> {
        for alias in aliases {
            while let Some(entry) = self.take(alias) {
                let reading = read(&entry.value);
                if let Some(message) = reading.warning {
                    self.warn(&entry.name, message);
                }
                let is_whole = entry.is_whole;
                if reading.keep_raw {
                    self.restore(entry);
                }
                if reading.value.is_some() {
                    return reading.value;
                }
                // A member of a field is there still.
                if !is_whole {
                    break;
                }
            }
        }
        None
    }

    fn authors(&mut self) -> Vec<String> {
        if let Some(names) = self.first(&["authorsparsed"], authors::read_parsed) {
            // The same authors in one string, which reads less surely.
            self.take("authors");
            return names;
        }
        self.first(fields::AUTHORS, |value| {
            some_names(authors::read_in_role(value, |role| !is_editing(role)))
        })
        .unwrap_or_default()
    }

    fn editors(&mut self) -> Vec<String> {
        if let Some(names) = self.first(fields::EDITORS, |value| some_names(authors::read(value))) {
            return names;
        }
        // Zotero's creators, whose authors are read from the same field.
        let creators =
            self.entries.iter().filter(|entry| matches!(entry.key.as_str(), "creators" | "contributors"));
        let names = creators.filter(|entry| entry.value.is_array()).find_map(|entry| {
            authors::read_in_role(&entry.value, |role| role.contains("editor"))
                .value
                .filter(|_| has_roles(&entry.value))
        });
        names.unwrap_or_default()
    }

    fn dates(&mut self) -> (Option<i16>, Option<Date>) {
        let in_year = self.first(fields::YEAR, dates::read);
        let dated = self.first(fields::DATE, read_date);
        let mut publication_date = [dated, in_year].iter().flatten().find_map(|read| read.date);
        let mut year = in_year.or(dated).map(|read| read.year);
        if let (Some(year), None) = (year, publication_date) {
            publication_date = self.date_of_columns(year);
        }
        if publication_date.is_none()
            && let Some(submitted) = self.submission()
        {
            publication_date = submitted.date;
            year = year.or(Some(submitted.year));
        }
        (year, publication_date)
    }

    /// The day, where a month and a day have fields of their own.
    fn date_of_columns(&mut self, year: i16) -> Option<Date> {
        let text = |fields: &Self, names: &[&str]| {
            let entry = fields.entries.iter().find(|entry| names.contains(&entry.key.as_str()))?;
            scalar_text(&entry.value)
        };
        let date = dates::of_parts(year, &text(self, fields::MONTH)?, &text(self, fields::DAY)?)?;
        self.entries.retain(|entry| {
            !fields::MONTH.contains(&entry.key.as_str()) && !fields::DAY.contains(&entry.key.as_str())
        });
        Some(date)
    }

    fn venue(&mut self) -> Option<String> {
        let venue = self.first(fields::VENUE, read_text);
        let has = |names: &[&str]| self.entries.iter().any(|entry| names.contains(&entry.key.as_str()));
        match venue {
            None if has(fields::SOURCE_IS_VENUE) => self.first(&["source"], read_text),
            venue => venue,
        }
    }

    /// Pages, from their first and last where these have fields of their own; else the number of the article.
    fn pages(&mut self) -> Option<String> {
        if let Some(pages) = self.first(fields::PAGES, read_text) {
            return Some(pages);
        }
        match (self.first(fields::FIRST_PAGE, read_text), self.first(fields::LAST_PAGE, read_text)) {
            (Some(first), Some(last)) if first != last => Some(format!("{first}-{last}")),
            (Some(page), _) | (None, Some(page)) => Some(page),
            (None, None) => self.first(fields::ARTICLE_NUMBER, read_text),
        }
    }

    /// When an arXiv paper's first version was submitted. A `versions` of another shape stays: it is
    /// some other source's field.
    fn submission(&mut self) -> Option<PartialDate> {
        let position = self.entries.iter().position(|entry| entry.key == "versions")?;
        let versions = self.entries[position].value.as_array()?;
        let read = dates::read(versions.first()?.get("created")?).value?;
        // The dates of later versions are kept; one version says no more than its date.
        if versions.len() == 1 {
            self.entries.remove(position);
        }
        Some(read)
    }

    fn external_ids(&mut self) -> Identifiers {
        let mut external_ids = BTreeMap::new();
        // A DOI that arXiv gave is that arXiv id, in another form.
        let arxiv_doi = self.entries.iter().position(|entry| {
            names_of(IdentifierKind::Doi).contains(&entry.key.as_str())
                && arxiv_id_of_doi(&entry.value).is_some()
        });
        let arxiv_doi = arxiv_doi.and_then(|position| arxiv_id_of_doi(&self.entries.remove(position).value));
        for kind in IdentifierKind::ALL {
            if let Some(value) = self.first(names_of(kind), |value| read_identifier(kind, value)) {
                external_ids.insert(kind, value);
            }
        }
        if let Some(id) = arxiv_doi {
            external_ids.entry(IdentifierKind::Arxiv).or_insert(id);
        }
        let mut own = external_ids.clone();
        for alias in [
            "externalids",
            "externalid",
            "ids",
            "identifiers",
            "identifier",
            "articleids",
            "openaccessinfo.externalids",
        ] {
            self.database_ids(alias, &mut external_ids);
        }
        // Only Semantic Scholar's own records have its id in such a list.
        let corpus_id = external_ids.get(&IdentifierKind::CorpusId).cloned();
        own.extend(corpus_id.map(|id| (IdentifierKind::CorpusId, id)));
        Identifiers { own, all: external_ids }
    }

    /// What other databases call the paper, by their names.
    fn database_ids(&mut self, alias: &str, external_ids: &mut BTreeMap<IdentifierKind, String>) {
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
                    others.insert(member, value);
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

    /// What no field of the paper holds, and the warnings.
    fn finish(mut self) -> (Map<String, Value>, Vec<FieldIssue>) {
        for Entry { name, value, .. } in std::mem::take(&mut self.entries) {
            self.keep(&name, value);
        }
        (self.extra, self.warnings)
    }

    /// Takes out the field of a name. A name with dots is that of a column, or of a member of an object, which stays
    /// where it is.
    fn take(&mut self, alias: &str) -> Option<Entry> {
        let Some((outer, path)) = alias.split_once('.') else {
            let position = self.entries.iter().position(|entry| entry.key == alias)?;
            return Some(self.entries.remove(position));
        };
        let is_column = |entry: &&Entry| {
            entry.key.len() + alias.matches('.').count() == alias.len()
                && alias.split('.').flat_map(str::chars).eq(entry.key.chars())
        };
        if let Some(column) = self.entries.iter().find(is_column).map(|entry| entry.key.clone()) {
            return self.take(&column);
        }
        let entry = self.entries.iter().find(|entry| entry.key == outer)?;
        let mut value = &entry.value;
        for name in path.split('.') {
            value = match value {
                Value::Array(list) => list.first()?,
                value => value,
            };
            value = value
                .as_object()?
                .iter()
                .find(|(member, _)| fold_name(member) == name)
                .map(|(_, value)| value)?;
        }
        if is_blank(value) {
            return None;
        }
        let inner = Entry {
            key: alias.to_owned(),
            name: format!("{}.{path}", entry.name),
            value: value.clone(),
            is_whole: false,
        };
        Some(inner)
    }

    /// Puts a field back to where it was: what it says is not all read.
    fn restore(&mut self, entry: Entry) {
        if entry.is_whole {
            self.keep(&entry.name, entry.value);
        }
    }

    /// Keeps a raw value in `extra`, under another name where its own is taken by another value.
    fn keep(&mut self, name: &str, value: Value) {
        let mut free_name = name.to_owned();
        let mut n = 1;
        while self.extra.get(&free_name).is_some_and(|kept| *kept != value) {
            n += 1;
            free_name = format!("{name}_{n}");
        }
        self.extra.insert(free_name, value);
    }

    fn warn(&mut self, name: &str, message: String) {
        self.warnings.push(FieldIssue { place: self.place.clone(), field: name.to_owned(), message });
    }

    fn check_size(&self, field: &str, size: usize, (limit, unit): (usize, &str)) -> Result<(), RecordError> {
        if size <= limit {
            return Ok(());
        }
        Err(self.error(field, format!("expected at most {limit} {unit}, found {size}")))
    }

    fn error(&self, field: &str, message: impl Into<String>) -> RecordError {
        let whole = RecordError::whole(self.place, message);
        RecordError { id: self.id.clone(), field: Some(field.to_owned()), ..whole }
    }
}

/// The names of fields that hold identifiers of a kind, alone or among those of other databases.
fn names_of(kind: IdentifierKind) -> &'static [&'static str] {
    match kind {
        IdentifierKind::Acl => &["aclid", "acl"],
        IdentifierKind::Arxiv => &["arxivid", "arxiv"],
        IdentifierKind::CorpusId => &["corpusid", "s2corpusid", "s2id"],
        IdentifierKind::Doi => &["doi", "dois", "articledoi"],
        IdentifierKind::Pmid => &["pmid", "pubmed", "pubmedid", "medlinepmid"],
        IdentifierKind::OpenAlex => &["openalex", "openalexid", "workid"],
        IdentifierKind::Pmcid => &["pmcid", "pubmedcentral", "pmc"],
    }
}

fn sniffed(id: Option<&str>) -> Option<ExternalId> {
    sniff_record_id(&PaperId::new(id?).ok()?)
}

/// A list of nobody is no list.
fn some_names(reading: Reading<Vec<String>>) -> Reading<Vec<String>> {
    match &reading.value {
        Some(names) if names.is_empty() => Reading { value: None, keep_raw: true, ..reading },
        _ => reading,
    }
}

/// Whether a role is one of those who did not write the work.
fn is_editing(role: &str) -> bool {
    [
        "editor",
        "translator",
        "reviewedauthor",
        "supervisor",
        "datacollector",
        "contactperson",
        "hostinginstitution",
    ]
    .iter()
    .any(|other| role.contains(other))
}

fn has_roles(value: &Value) -> bool {
    value.as_array().is_some_and(|list| {
        list.iter()
            .any(|person| person.get("creatorType").is_some() || person.get("contributorType").is_some())
    })
}

/// A date; of the DOI of its published version, which bioRxiv has in `published`, it says nothing.
fn read_date(value: &Value) -> Reading<PartialDate> {
    let is_doi = scalar_text(value).is_some_and(|text| IdentifierKind::Doi.canonical(&text).is_some());
    if is_doi { Reading::filler() } else { dates::read(value) }
}
