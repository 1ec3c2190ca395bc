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
use crate::identifier::{ExternalId, IdentifierKind, is_arxiv_category, sniff_record_id};
use crate::identity::{self, Claims, Identity, Named};
use crate::kind::PublicationKind;
use crate::paper::{Paper, PaperId};
use crate::reading::{Reading, describe, number_text, scalar_text};
use crate::text::is_filler;

/// Longest title accepted, in bytes.
pub const MAX_TITLE_BYTES: usize = 10_000;
/// Longest abstract accepted, in bytes.
pub const MAX_ABSTRACT_BYTES: usize = 1_000_000;
/// Most authors accepted for one paper; the largest collaborations have about 5,000.
pub const MAX_AUTHORS: usize = 10_000;

/// Most fields accepted in one record.
pub const MAX_FIELDS: usize = 2_000;

/// Names of fields that hold a record's key within its source.
const KEY_NAMES: [&str; 4] = ["citationkey", "citekey", "bibtexkey", "rowid"];

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
/// What its id is, is decided in [`identity`](crate::identity). Fields have these names, the earlier first
/// where a record has several; the later then stay in `extra`:
///
/// | field | names |
/// |---|---|
/// | title | `title` |
/// | abstract | `abstract`, `summary`, `text`, `paperAbstract` |
/// | authors | `authors_parsed` (arXiv's), `authors`, `author` |
/// | year | `year`, else the year of the date |
/// | publication date | `publication_date`, `published`, `date`, else arXiv's `versions[0].created` |
/// | venue | `venue`, `journal`, `journal-ref`, `booktitle` |
/// | volume, issue, pages | `volume`; `issue`, `number`; `pages` |
/// | publisher, language | `publisher`, `language` |
/// | editors | `editors`, `editor` |
/// | ISSN, ISBN | `issn`, `isbn` |
/// | type | `type`, `entry_type`, which stays in `extra` |
/// | categories | `categories`, `keywords` |
/// | external ids | `doi`, `pmid`, `pmcid`, `arxiv_id`, `acl_id`, `openalex`, `corpusid`; the objects `external_ids` and `externalIds` |
/// | source, upvotes, url | by these names |
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

    let title = fields.first(&["title"], read_text);
    let abstract_text = fields.first(&["abstract", "summary", "text", "paperabstract"], read_text);
    fields.check_size("title", title.as_deref().map_or(0, str::len), (MAX_TITLE_BYTES, "bytes"))?;
    fields.check_size(
        "abstract",
        abstract_text.as_deref().map_or(0, str::len),
        (MAX_ABSTRACT_BYTES, "bytes"),
    )?;
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
        editors: fields.first(&["editors", "editor"], authors::read).unwrap_or_default(),
        year,
        publication_date,
        kind: fields.kind(),
        venue: fields.first(&["venue", "journal", "journalref", "booktitle"], read_venue),
        volume: fields.first(&["volume"], read_text),
        issue: fields.first(&["issue", "number"], read_text),
        pages: fields.first(&["pages"], read_text),
        publisher: fields.first(&["publisher"], read_text),
        issn: fields.first(&["issn"], read_list).unwrap_or_default(),
        isbn: fields.first(&["isbn"], read_list).unwrap_or_default(),
        language: fields.first(&["language"], read_text),
        categories: fields.first(&["categories", "keywords"], read_categories).unwrap_or_default(),
        external_ids,
        url: fields.first(&["url"], read_url),
        source: fields.first(&["source"], read_text),
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

/// Reads one record from its JSON text.
pub(crate) fn paper_from_json_text(text: &[u8], place: &Place) -> Result<Record, RecordError> {
    let record = serde_json::from_slice(text).map_err(|error| {
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
}

impl<'a> Fields<'a> {
    fn new(record: Map<String, Value>, place: &'a Place) -> Self {
        let mut fields =
            Self { entries: Vec::new(), extra: Map::new(), warnings: Vec::new(), place, id: None };
        for (name, value) in record {
            match value {
                // Our own output keeps further fields in `extra`: they return to where they were.
                Value::Object(members) if name == "extra" => {
                    fields.extra.extend(members.into_iter().filter(|(_, value)| !is_blank(value)));
                }
                value if is_blank(&value) => {}
                value => fields.entries.push(Entry { key: fold_name(&name), name, value }),
            }
        }
        fields
    }

    /// The record's explicit id.
    fn claims(&mut self) -> Result<Claims, RecordError> {
        for alias in ["id", "paperid", "_id"] {
            let Some(position) = self.entries.iter().position(|entry| entry.key == alias) else { continue };
            let Entry { name, value, .. } = &self.entries[position];
            let text = match value {
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number_text(number),
                other => {
                    let message = format!("expected an id as text or number, found {}", describe(other));
                    return Err(self.error(name, message));
                }
            };
            // Records whose ids all say "N/A" would otherwise replace each other.
            if is_filler(&text) {
                continue;
            }
            if value.is_f64() && text.contains(['.', 'e']) {
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
        let kind_of = |value: &Value| scalar_text(value).and_then(|word| PublicationKind::from_word(&word));
        for alias in ["type", "entrytype"] {
            let Some(position) = self.entries.iter().position(|entry| entry.key == alias) else { continue };
            let Some(kind) = kind_of(&self.entries[position].value) else { continue };
            // Written again as it is.
            if self.entries[position].value.as_str() == Some(kind.name()) && alias == "type" {
                self.entries.remove(position);
            }
            return Some(kind);
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
                if reading.keep_raw {
                    self.keep(&entry.name, entry.value);
                }
                if reading.value.is_some() {
                    return reading.value;
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
        self.first(&["authors", "author"], authors::read).unwrap_or_default()
    }

    fn dates(&mut self) -> (Option<i16>, Option<Date>) {
        let in_year = self.first(&["year"], dates::read);
        let dated = self.first(&["publicationdate", "published", "date"], dates::read);
        let mut publication_date = [dated, in_year].iter().flatten().find_map(|read| read.date);
        let mut year = in_year.or(dated).map(|read| read.year);
        if publication_date.is_none()
            && let Some(submitted) = self.submission()
        {
            publication_date = submitted.date;
            year = year.or(Some(submitted.year));
        }
        (year, publication_date)
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
        for kind in IdentifierKind::ALL {
            if let Some(value) = self.first(names_of(kind), |value| read_identifier(kind, value)) {
                external_ids.insert(kind, value);
            }
        }
        let mut own = external_ids.clone();
        while let Some(Entry { name, value, .. }) = self.take("externalids") {
            let Value::Object(members) = value else {
                self.warn(&name, format!("expected an object of ids by kind, found {}", describe(&value)));
                self.keep(&name, value);
                continue;
            };
            // Ids of other kinds, unreadable ones and second ones of a kind are kept together.
            let mut others = Map::new();
            for (member, value) in members.into_iter().filter(|(_, value)| !is_blank(value)) {
                let key = fold_name(&member);
                let Some(kind) =
                    IdentifierKind::ALL.into_iter().find(|kind| names_of(*kind).contains(&key.as_str()))
                else {
                    others.insert(member, value);
                    continue;
                };
                let reading = read_identifier(kind, &value);
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
            if !others.is_empty() {
                self.keep(&name, Value::Object(others));
            }
        }
        // Only Semantic Scholar's own records have its id in such a list.
        let corpus_id = external_ids.get(&IdentifierKind::CorpusId).cloned();
        own.extend(corpus_id.map(|id| (IdentifierKind::CorpusId, id)));
        Identifiers { own, all: external_ids }
    }

    /// What no field of the paper holds, and the warnings.
    fn finish(mut self) -> (Map<String, Value>, Vec<FieldIssue>) {
        for Entry { name, value, .. } in std::mem::take(&mut self.entries) {
            self.keep(&name, value);
        }
        (self.extra, self.warnings)
    }

    fn take(&mut self, alias: &str) -> Option<Entry> {
        let position = self.entries.iter().position(|entry| entry.key == alias)?;
        Some(self.entries.remove(position))
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

/// A field's name in lower case without spaces, dashes and underscores, but for one at its start:
/// `_id` is not `id`.
pub(crate) fn fold_name(name: &str) -> String {
    let name = name.trim();
    let start = if name.starts_with('_') { "_" } else { "" };
    let rest = name.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).flat_map(char::to_lowercase);
    start.chars().chain(rest).collect()
}

/// Whether a folded name is one of title or abstract: what tells a record from other objects.
pub(crate) fn names_text(key: &str) -> bool {
    ["title", "abstract", "summary", "text", "paperabstract"].contains(&key)
}

/// The names of fields that hold identifiers of a kind, alone or in Semantic Scholar's `externalIds`.
fn names_of(kind: IdentifierKind) -> &'static [&'static str] {
    match kind {
        IdentifierKind::Acl => &["aclid", "acl"],
        IdentifierKind::Arxiv => &["arxivid", "arxiv"],
        IdentifierKind::CorpusId => &["corpusid"],
        IdentifierKind::Doi => &["doi"],
        IdentifierKind::Pmid => &["pmid", "pubmed"],
        IdentifierKind::OpenAlex => &["openalex", "openalexid"],
        IdentifierKind::Pmcid => &["pmcid", "pubmedcentral"],
    }
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn read_text(value: &Value) -> Reading<String> {
    match scalar_text(value) {
        Some(text) if is_filler(&text) => Reading::filler(),
        Some(text) => Reading::whole(text),
        None => Reading::unreadable("text", value),
    }
}

/// A venue is text, or an object with a name (Semantic Scholar's `journal`, with volume and pages).
fn read_venue(value: &Value) -> Reading<String> {
    match value.get("name") {
        Some(name) => Reading { keep_raw: true, ..read_text(name) },
        None => read_text(value),
    }
}

/// Only web addresses: whatever shows the paper makes links of them.
fn read_url(value: &Value) -> Reading<String> {
    let reading = read_text(value);
    let is_address = |url: &String| {
        let start = url.to_ascii_lowercase();
        ["http://", "https://", "ftp://"].iter().any(|scheme| start.starts_with(scheme))
    };
    if reading.value.as_ref().is_some_and(|url| !is_address(url)) {
        return Reading::unreadable("an address that begins with https:// or http://", value);
    }
    reading
}

/// A list of short texts, or one text with `;` or `,` between them.
fn read_list(value: &Value) -> Reading<Vec<String>> {
    let texts = match value {
        Value::Array(elements) => elements.iter().map(scalar_text).collect(),
        value => {
            scalar_text(value).map(|text| text.split([';', ',']).map(|part| part.trim().to_owned()).collect())
        }
    };
    let Some::<Vec<String>>(texts) = texts else { return Reading::unreadable("a list of texts", value) };
    let texts: Vec<String> = texts.into_iter().filter(|text| !is_filler(text)).collect();
    Reading::whole(texts)
}

fn read_count(value: &Value) -> Reading<i64> {
    match scalar_text(value) {
        Some(text) if is_filler(&text) => Reading::filler(),
        Some(text) => match text.strip_suffix(".0").unwrap_or(&text).parse() {
            Ok(count) => Reading::whole(count),
            Err(_) => Reading::unreadable("a whole number", value),
        },
        None => Reading::unreadable("a whole number", value),
    }
}

/// A list of categories, or one string with `;`, else `,`, between them. arXiv's codes are separated by
/// white space, and some data sets hold all codes of a paper as the one element of a list.
fn read_categories(value: &Value) -> Reading<Vec<String>> {
    let mut texts: Vec<&str> = Vec::new();
    match value {
        Value::String(text) if is_filler(text) => return Reading::filler(),
        Value::String(text) => texts.extend(text.split(if text.contains(';') { ';' } else { ',' })),
        Value::Array(elements) => {
            for element in elements {
                match element {
                    Value::String(text) => texts.push(text),
                    Value::Null => {}
                    other => return Reading::unreadable("a list of texts", other),
                }
            }
        }
        other => return Reading::unreadable("a list of texts, or texts separated by ;", other),
    }
    let mut categories: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        if text.split_whitespace().all(is_arxiv_category) {
            categories.extend(text.split_whitespace().map(str::to_owned));
        } else {
            categories.push(text.trim().to_owned());
        }
    }
    Reading::whole(categories)
}

/// The first identifier of `kind` in a field; the raw field is kept where it says more.
fn read_identifier(kind: IdentifierKind, value: &Value) -> Reading<String> {
    let text = match scalar_text(value) {
        Some(text) if is_filler(&text) => return Reading::filler(),
        Some(text) => text,
        None => return Reading::unreadable(kind.description(), value),
    };
    // arXiv joins several DOIs by a space or a comma, which a DOI may itself hold.
    let spaced = text.replace(",10.", " 10.").replace(";10.", " 10.");
    if spaced == text
        && let Some(whole) = kind.canonical(&text)
    {
        return Reading::whole(whole);
    }
    let mut found: Vec<Option<String>> = spaced
        .split_whitespace()
        // One that ends in a separator was broken by a stray space, so that it names something else.
        .map(|part| kind.canonical(part).filter(|id| !id.ends_with(['-', '/'])))
        .collect();
    found.dedup();
    let is_all = found.len() == 1;
    match found.into_iter().flatten().next() {
        Some(first) if is_all => Reading::whole(first),
        Some(first) => Reading::part(first),
        None => Reading::unreadable(kind.description(), &Value::String(text)),
    }
}
