//! One JSON object to one [`Paper`]: the one way into the corpus, whatever the file's format.
//!
//! Fields are found by their names and aliases, in any case and with spaces, dashes and underscores
//! counting as nothing (`journal-ref`, `Journal Ref`). Nothing that a record says is lost: what no
//! field of the paper holds is kept in `extra` under the name that the record gives it.

mod csl;
mod doubled;
mod entries;
mod hal;
mod identifiers;

use std::collections::btree_map::Entry;
use std::sync::LazyLock;

use jiff::civil::Date;
use regex::Regex;
use serde_json::Value;

use crate::authors;
use crate::bibliography::ENTRY_TYPE;
use crate::dates::{self, PartialDate};
use crate::error::{FieldIssue, Place, RecordError};
use crate::fields;
use crate::identifier::{ExternalId, IdentifierKind, sniff_record_id};
use crate::identity::{self, Identity, Named, Stated};
use crate::kind::PublicationKind;
use crate::nbib;
use crate::paper::{Paper, PaperId};
use crate::reading::{Reading, describe, scalar_text};
use crate::scripts::plain_scripts;
use crate::structure::{has_more_values, repair};
use crate::text::fold;
use crate::values::{
    joined_title, member, pages_from_to, read_abstract, read_categories, read_count, read_isbn, read_issn,
    read_pages, read_text, read_title, read_url,
};
use doubled::Whole;
use entries::Fields;
use identifiers::Identifiers;

/// Longest title accepted, in bytes.
pub const MAX_TITLE_BYTES: usize = 10_000;
/// Longest abstract accepted, in bytes.
pub const MAX_ABSTRACT_BYTES: usize = 1_000_000;
/// Most authors accepted for one paper; the largest collaborations have about 5,000.
pub const MAX_AUTHORS: usize = 10_000;

/// Most categories accepted for one paper.
pub const MAX_CATEGORIES: usize = 10_000;

/// Most values (texts, numbers) accepted in one record in JSON: a paper with thousands of authors and references has
/// less.
const MAX_VALUES: usize = 500_000;

/// Most fields accepted in one record.
pub const MAX_FIELDS: usize = 2_000;

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
    /// What stands there for its id.
    pub(crate) stated: Stated,
    /// Optional fields that could not be read; their raw values are in the paper's `extra`.
    pub warnings: Vec<FieldIssue>,
    /// Where the record begins.
    pub place: Place,
}

impl Record {
    /// A record of which whoever made it says what it is named by: its paper's id.
    #[must_use]
    pub fn named(paper: Paper, place: Place) -> Self {
        let identity = Identity::Named;
        Self { paper, identity, key: None, legacy_id: None, stated: Stated::Id, warnings: Vec::new(), place }
    }

    /// The ids that a store of version 2 may have it by, the likeliest first. What gave it its id then may have come
    /// since: its key and its texts named it before.
    #[must_use]
    pub fn legacy_ids(&self) -> Vec<PaperId> {
        let Paper { title, abstract_text, .. } = &self.paper;
        let of_content = identity::legacy_content_id(title.as_deref(), abstract_text.as_deref());
        let of_key = self.key.as_ref().and_then(|key| PaperId::new(key.clone()).ok());
        let mut ids = Vec::new();
        for id in self.legacy_id.clone().into_iter().chain(of_key).chain([of_content]) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// Takes for its id what stands in the field `id`, though it names nothing in most files: `none`, `-`.
    pub(crate) fn name_by_filler(&mut self) {
        let field = self.paper.extra.iter().find(|(name, _)| fields::fold_name(name) == "id");
        let Some((name, id)) = field.and_then(|(name, id)| Some((name.clone(), id.as_str()?.trim()))) else {
            return;
        };
        if let Ok(id) = PaperId::new(id)
            && self.identity == Identity::Content
        {
            self.paper.id = id;
            self.identity = Identity::Named;
            self.paper.extra.shift_remove(&name);
            self.warnings.retain(|warning| warning.field != name);
        }
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
/// [`RecordError`] if `record` is not an object, says nothing by which a paper could be told (filler such as "N/A"
/// counts as nothing), has an id that is not a valid [`PaperId`], or is beyond [`MAX_TITLE_BYTES`],
/// [`MAX_ABSTRACT_BYTES`], [`MAX_AUTHORS`], [`MAX_CATEGORIES`] or [`MAX_FIELDS`].
pub fn paper_from_json(record: Value, place: &Place) -> Result<Record, RecordError> {
    paper_from_whole(Whole { value: record, doubled: Vec::new() }, place)
}

/// The same of JSON in which names may stand twice: the last counts, as for all readers of JSON, and the others are told,
/// and kept in `extra`.
fn paper_from_whole(record: Whole, place: &Place) -> Result<Record, RecordError> {
    let Whole { value: record, doubled } = record;
    let Value::Object(record) = record else {
        return Err(RecordError::whole(
            place,
            format!("expected a JSON object, found {}", describe(&record)),
        ));
    };
    if let Some(draft) = nbib::draft_of_tags(&record).filter(|_| doubled.is_empty()) {
        return draft.finish().into_paper(place);
    }
    let n_fields = record.len() + doubled.len();
    if n_fields > MAX_FIELDS {
        let message = format!("expected at most {MAX_FIELDS} fields, found {n_fields}");
        return Err(RecordError::whole(place, message));
    }
    let mut fields = Fields::new(record, place);
    for (name, value) in doubled {
        let message =
            format!("expected one value, found several; the last counts, and {} stays", describe(&value));
        fields.warn(&name, message);
        fields.keep(&name, value);
    }
    let legacy_id = fields.legacy_id();
    let mut claims = fields.claims()?;

    let title = fields.title();
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
    // INSPIRE has arXiv's categories beside arXiv's id.
    let of_arxiv = fields.first(&["arxiveprints.categories"], read_categories).unwrap_or_default();
    let Identifiers { own: mut own_ids, all: mut external_ids } = fields.external_ids();
    if let Some(ExternalId { kind, value }) = sniffed {
        external_ids.entry(kind).or_insert(value);
    }
    if let Entry::Vacant(of_arxiv) = external_ids.entry(IdentifierKind::Arxiv) {
        if let Some(id) = fields.arxiv_of_publication() {
            own_ids.insert(IdentifierKind::Arxiv, id.clone());
            of_arxiv.insert(id);
        } else if let Some(id) = fields.arxiv_of_address() {
            of_arxiv.insert(id);
        }
    }
    claims.key = fields.key();
    let named = identity::decide(claims, |kind| own_ids.get(&kind).map(String::as_str));

    // Stands in until all is known that the content's id is made of.
    let blank = PaperId::of_digest(&[]);
    let mut categories = of_arxiv;
    for category in fields.first(fields::CATEGORIES, read_categories).unwrap_or_default() {
        if !categories.contains(&category) {
            categories.push(category);
        }
    }
    fields.check_size("categories", categories.len(), (MAX_CATEGORIES, "texts"))?;
    // Before the venue, whose field may hold them.
    let (volume, issue) = fields.volume_and_issue();
    let pages = fields.pages();
    let publisher = fields.first(fields::PUBLISHER, read_text);
    let issn = fields.every(fields::ISSN, read_issn);
    let isbn = fields.every(fields::ISBN, read_isbn);
    let language = fields.first(fields::LANGUAGE, read_text);
    let mut paper = Paper {
        title,
        abstract_text,
        authors,
        editors,
        year,
        publication_date,
        kind: fields.kind(),
        venue: fields.venue(),
        volume,
        issue,
        pages,
        publisher,
        issn,
        isbn,
        language,
        categories,
        external_ids,
        url: fields.first(fields::URL, read_url),
        source: fields.first(fields::SOURCE, read_source),
        upvotes: fields.first(&["upvotes"], read_count),
        ..Paper::new(blank)
    };
    if says_nothing(&paper) {
        let message = "expected a title, an abstract, authors, an identifier or where it was published, found none \
                       of them (filler such as \"N/A\" counts as none)";
        return Err(fields.error("title", message));
    }
    let (extra, warnings) = fields.finish();
    paper.extra = extra;
    let identity = if named.id.is_some() { Identity::Named } else { Identity::Content };
    paper.id = named.id.unwrap_or_else(|| identity::content_id(&paper));
    let Named { key, stated, .. } = named;
    Ok(Record { paper, identity, key, legacy_id, stated, warnings, place: place.clone() })
}

/// Whether nothing is known of a paper by which anybody could tell what it is: not even a volume.
fn says_nothing(paper: &Paper) -> bool {
    !paper.has_text()
        && paper.authors.is_empty()
        && paper.editors.is_empty()
        && paper.external_ids.is_empty()
        && paper.isbn.is_empty()
        && paper.issn.is_empty()
        && paper.year.is_none()
        && [&paper.venue, &paper.volume, &paper.issue, &paper.pages, &paper.publisher, &paper.url]
            .into_iter()
            .all(Option::is_none)
}

/// Reads one record from its JSON text. What other programs write and JSON does not allow (`NaN`) is made right.
pub(crate) fn paper_from_json_text(text: &[u8], place: &Place) -> Result<Record, RecordError> {
    if has_more_values(text, MAX_VALUES) {
        let message = format!("expected at most {MAX_VALUES} values in a record, found more");
        return Err(RecordError::whole(place, message));
    }
    let record = serde_json::from_slice::<Whole>(text).or_else(|error| {
        // Only what was read as text can be repaired; the first error is the one that says where.
        let repaired = std::str::from_utf8(text).map(repair).unwrap_or_default();
        serde_json::from_str(&repaired).map_err(|_| error)
    });
    let record = record.map_err(|error: serde_json::Error| {
        // The place in the error's own text is counted from the record's beginning.
        let message = error.to_string();
        let found = if error.is_eof() {
            "one that is cut short".to_owned()
        } else {
            let cause = message.rsplit_once(" at line ").map_or(message.as_str(), |(cause, _)| cause);
            format!("an error at column {}: {cause}", error.column())
        };
        RecordError::whole(place, format!("expected a record in JSON, found {found}"))
    })?;
    paper_from_whole(record, place)
}

impl Fields<'_> {
    /// What kind of publication it is. A word that says more than the kind, or none that is known, stays.
    fn kind(&mut self) -> Option<PublicationKind> {
        let kind_of = |value: &Value| match value {
            Value::Array(words) => {
                let words: Vec<String> = words.iter().filter_map(scalar_text).collect();
                PublicationKind::of_words(words.iter().map(String::as_str))
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
            if found == Some(PublicationKind::Article) {
                let finer = self.peek(fields::ARTICLE_KIND).and_then(kind_of);
                return finer.or(found);
            }
            if found.is_some() {
                return found;
            }
        }
        // bioRxiv and medRxiv have words of their own for its results.
        if self.peek(&["server", "preprintplatform"]).is_some() {
            return Some(PublicationKind::Preprint);
        }
        // Where our own output keeps it.
        self.extra.get(ENTRY_TYPE).and_then(kind_of)
    }

    /// The title, with a subtitle that has a field of its own.
    fn title(&mut self) -> Option<String> {
        let title = plain_scripts(&fold(&self.first(fields::TITLE, read_title)?));
        let subtitle = self
            .first(&["subtitle", "subtitles"], read_title)
            .map(|subtitle| fold(&subtitle))
            .filter(|subtitle| !title.contains(subtitle.as_str()));
        Some(match subtitle {
            Some(subtitle) => joined_title(title, &subtitle),
            None => title,
        })
    }

    fn authors(&mut self) -> Vec<String> {
        if let Some(names) = self.first(&["authorsparsed"], authors::read_parsed) {
            // The same authors in one string, which reads less surely.
            self.take("authors");
            return names;
        }
        let mut names = self
            .first(fields::AUTHORS, |value| {
                some_names(authors::read_in_role(value, |roles| {
                    roles.is_empty() || roles.iter().any(|role| !is_editing(role))
                }))
            })
            .unwrap_or_default();
        // Web of Science's tables have those that signed as a group in a column of their own.
        for group in
            self.first(fields::GROUP_AUTHORS, |value| some_names(authors::read(value))).unwrap_or_default()
        {
            if !names.contains(&group) {
                names.push(group);
            }
        }
        names
    }

    fn editors(&mut self) -> Vec<String> {
        if let Some(names) = self.first(fields::EDITORS, |value| some_names(authors::read(value))) {
            return names;
        }
        // Zotero's creators, INSPIRE's authors: those who wrote are read from the same field.
        let is_list = |entry: &&entries::Entry| {
            let names = ["creators", "contributors", "authors"];
            names.contains(&entry.key.as_str()) && entry.value.is_array()
        };
        let names = self.entries.iter().filter(is_list).find_map(|entry| {
            authors::read_in_role(&entry.value, |roles| roles.iter().any(|role| role.contains("editor")))
                .value
        });
        names.unwrap_or_default()
    }

    fn dates(&mut self) -> (Option<i16>, Option<Date>) {
        let in_year = self.first(fields::YEAR, dates::read);
        let dated = in_year.and_then(|read| self.date_without_year(read.year));
        let dated = dated.or_else(|| self.first(fields::DATE, read_date));
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
        // OpenReview's, of what is not published or has no date of that.
        if year.is_none() {
            let entry = self.peek(&["_bibtex"]).and_then(Value::as_str);
            year = entry.and_then(dates::year_of_bibtex);
        }
        if year.is_none()
            && let Some(created) = self.first(&["cdate"], dates::read)
        {
            (year, publication_date) = (Some(created.year), created.date);
        }
        (year, publication_date)
    }

    /// The day, where a date says all of it but the year: `MAY 6`.
    fn date_without_year(&mut self, year: i16) -> Option<PartialDate> {
        let mut digits = 0;
        let has_year = |text: &str| {
            text.chars().any(|c| {
                digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
                digits == 4
            })
        };
        let entry = self.entries.iter().find(|entry| fields::DATE.contains(&entry.key.as_str()))?;
        let text = entry.value.as_str().filter(|text| text.starts_with(char::is_alphabetic))?;
        let key = entry.key.clone();
        if text.len() > 20 || Some(text).is_some_and(has_year) {
            return None;
        }
        let read = dates::read(&Value::String(format!("{text} {year}"))).value?;
        read.date?;
        self.take(&key);
        Some(read)
    }

    /// The day, where a month and a day have fields of their own, or one together.
    fn date_of_columns(&mut self, year: i16) -> Option<Date> {
        let text = |fields: &Self, names: &[&str]| fields.peek(names).and_then(scalar_text);
        let month = text(self, fields::MONTH)?;
        let date = match text(self, fields::DAY) {
            Some(day) => dates::of_parts(year, &month, &day)?,
            // `MAR 15`.
            None => dates::read(&Value::String(format!("{month} {year}"))).value?.date?,
        };
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

    /// Volume and issue, also from a text of both: `Volume 33, Issue 2`.
    fn volume_and_issue(&mut self) -> (Option<String>, Option<String>) {
        static BOTH: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?i)^vol(?:ume|\.)?\s*([^,\s]+)(?:\s*,\s*(?:issue|no\.?|number)\s*([^,\s]+))?")
                .expect("a pattern written in this file is a valid one")
        });
        let (volume, issue) = (self.first(fields::VOLUME, read_text), self.first(fields::ISSUE, read_text));
        if volume.is_some() || issue.is_some() {
            return (volume, issue);
        }
        let both = self.peek(&["volumeissue"]).and_then(Value::as_str).and_then(|both| BOTH.captures(both));
        let part = |n| Some(both.as_ref()?.get(n)?.as_str().to_owned());
        (part(1), part(2))
    }

    /// Pages, from their first and last where these have fields of their own; else the number of the article.
    fn pages(&mut self) -> Option<String> {
        if let Some(pages) = self.first(fields::PAGES, read_pages) {
            return Some(pages);
        }
        let (first, last) =
            (self.first(fields::FIRST_PAGE, read_text), self.first(fields::LAST_PAGE, read_text));
        pages_from_to(first, last).or_else(|| self.first(fields::ARTICLE_NUMBER, read_text))
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

/// A date; of the DOI of its published version, which bioRxiv has in `published`, it says nothing.
fn read_date(value: &Value) -> Reading<PartialDate> {
    let is_doi = scalar_text(value).is_some_and(|text| IdentifierKind::Doi.canonical(&text).is_some());
    if is_doi { Reading::filler() } else { dates::read(value) }
}

/// The name of a database; where a journal is told under that name, with what belongs to it, that is none.
fn read_source(value: &Value) -> Reading<String> {
    let is_journal = |name: &String| {
        let names = ["title", "sourcetitle", "publishyear", "volume", "issue", "publisher"];
        names.contains(&fields::fold_name(name).as_str())
    };
    match value {
        Value::Object(members) if members.keys().any(is_journal) => Reading::filler(),
        // ORCID's.
        Value::Object(members) => match member(members, "sourcename") {
            Some(name) => Reading { keep_raw: true, ..read_text(name) },
            None => read_text(value),
        },
        value => read_text(value),
    }
}
