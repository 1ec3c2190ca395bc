//! A record while its fields are read, whatever the format calls them: what each field is, is said by the
//! format's table of [`To`]; what they come to together is decided here, once for all formats.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::{Reference, distinct, field_name, names};
use crate::dates;
use crate::doi;
use crate::identifier::IdentifierKind;
use crate::markup::text_of;
use crate::person::Person;
use crate::record::{MAX_AUTHORS, MAX_CATEGORIES};
use crate::text::fold;
use crate::xml::Element;

/// What a field of a format holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum To {
    Title,
    Abstract,
    /// One or more names.
    Author,
    /// A name that stands only where the record has no [`To::Author`]: the short form of one.
    ShortAuthor,
    Editor,
    /// A year, perhaps with more of a date.
    Year,
    /// A date, perhaps without its year.
    Date,
    /// What the record is part of: the lower the number, the better the name. Others stay under the name.
    Venue(u8, &'static str),
    /// Keywords between semicolons, or one a line.
    Keywords,
    FirstPage,
    LastPage,
    /// ISSNs, ISBNs.
    Serial,
    /// A DOI, if it is one.
    Doi,
    Id(IdentifierKind),
    /// The record's address, if it is one.
    Url,
    /// A field of the paper or, if it has none of this name, of its `extra`.
    Field(&'static str),
    /// A field whose last value counts.
    Replaced(&'static str),
    /// Several values make one text, with a line each.
    Lines(&'static str),
}

/// The fields of one record.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) reference: Reference,
    titles: Vec<String>,
    abstracts: Vec<String>,
    authors: Vec<String>,
    short_authors: Vec<String>,
    editors: Vec<String>,
    years: Vec<String>,
    dates: Vec<String>,
    venues: Vec<(u8, &'static str, String)>,
    keywords: Vec<String>,
    first_page: Option<String>,
    last_page: Option<String>,
    serials: Vec<String>,
    dois: Vec<String>,
    lines: Vec<(&'static str, Vec<String>)>,
}

impl Draft {
    /// Takes a value in. Lines of it are behind `\n`.
    pub(crate) fn add(&mut self, to: To, value: &str) {
        let text = fold(value);
        if text.is_empty() {
            return;
        }
        match to {
            To::Title => self.titles.push(text),
            To::Abstract => self.abstracts.push(text),
            To::Author => add_names(&mut self.authors, value),
            To::ShortAuthor => add_names(&mut self.short_authors, value),
            To::Editor => add_names(&mut self.editors, value),
            To::Year => self.years.push(text),
            To::Date => self.dates.push(text),
            To::Venue(rank, name) => self.venues.push((rank, name, text)),
            To::Keywords => {
                let n_more = (MAX_CATEGORIES + 1).saturating_sub(self.keywords.len());
                let text = text_of(value);
                let keywords = text.lines().flat_map(|line| line.split(';')).map(fold);
                self.keywords.extend(keywords.filter(|keyword| !keyword.is_empty()).take(n_more));
            }
            To::FirstPage if self.first_page.is_none() => self.first_page = Some(text),
            To::LastPage if self.last_page.is_none() => self.last_page = Some(text),
            To::FirstPage => self.reference.add("first_page", text),
            To::LastPage => self.reference.add("last_page", text),
            // Each line is a number of its own.
            To::Serial => {
                self.serials.extend(value.lines().map(fold).filter(|serial| !serial.is_empty()));
            }
            To::Doi => self.dois.push(text),
            To::Id(kind) if !self.reference.has(field_name(kind)) => {
                self.reference.add_identifier(kind, &text);
            }
            To::Id(kind) => self.reference.add(field_name(kind), text),
            To::Url if self.reference.has("url") || !text.contains("://") => {
                self.reference.add("other_url", text)
            }
            To::Url => self.reference.add_url(text),
            To::Field(name) => self.reference.add(name, text),
            To::Replaced(name) => {
                self.reference.take(name);
                self.reference.add(name, text);
            }
            To::Lines(name) => match self.lines.iter_mut().find(|(taken, _)| *taken == name) {
                Some((_, lines)) => lines.push(text),
                None => self.lines.push((name, vec![text])),
            },
        }
    }

    /// Takes one name in as it is, without asking whether it is several.
    pub(crate) fn add_author(&mut self, name: &str) {
        self.authors.push(fold(name));
    }

    /// Takes an editor's name in as it is.
    pub(crate) fn add_editor(&mut self, name: &str) {
        self.editors.push(fold(name));
    }

    /// Keeps a field that only this format has.
    pub(crate) fn add_other(&mut self, format: &str, name: &str, value: &str) {
        self.reference
            .add(&format!("{format}_{}", name.replace(['-', ' '], "_").to_lowercase()), fold(value));
    }

    /// Keeps what is left of an element: a field for each name, with a list where it has several values.
    pub(crate) fn add_leaves(&mut self, format: &str, element: &Element) {
        let mut fields: Vec<(String, Vec<String>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (name, value) in element.leaves() {
            let value = fold(&value);
            if value.is_empty() {
                continue;
            }
            let place = *places.entry(name.clone()).or_insert(fields.len());
            match fields.get_mut(place) {
                Some((_, values)) => values.push(value),
                None => fields.push((name, vec![value])),
            }
        }
        for (name, values) in fields {
            match <[String; 1]>::try_from(values) {
                Ok([value]) => self.add_other(format, &name, &value),
                Err(values) => {
                    let name = format!("{format}_{}", name.replace('-', "_").to_lowercase());
                    self.reference.add(&name, values);
                }
            }
        }
    }

    /// What all the fields come to.
    pub(crate) fn finish(mut self) -> Reference {
        for title in std::mem::take(&mut self.titles) {
            self.reference.add("title", title);
        }
        let abstracts = distinct(std::mem::take(&mut self.abstracts));
        self.reference.add("abstract", abstracts.join(" "));
        if self.authors.is_empty() {
            self.authors = std::mem::take(&mut self.short_authors);
        }
        self.reference.add("authors", displayed(&self.authors));
        self.reference.add("editors", displayed(&self.editors));
        self.add_dates();
        self.add_venue();
        let keywords = distinct(std::mem::take(&mut self.keywords));
        self.reference.add("categories", keywords);
        self.add_pages();
        self.add_serials();
        self.add_dois();
        for (name, lines) in self.lines {
            let lines = distinct(lines);
            self.reference.add(name, lines.join("\n"));
        }
        self.reference
    }

    /// A year and a date may say each other's part: `PY  - 2019`, `DA  - MAR 15`.
    fn add_dates(&mut self) {
        static YEAR: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?:^|[^0-9])[0-9]{4}(?:$|[^0-9])|^[0-9]{8}$")
                .expect("a pattern written in this file is a valid one")
        });
        let dates = distinct(std::mem::take(&mut self.dates).iter().map(|date| unslashed(date)));
        let years = distinct(std::mem::take(&mut self.years).iter().map(|year| unslashed(year)));
        let year = years.first().cloned();
        let has_day =
            |text: &str| dates::read(&Value::from(text)).value.is_some_and(|read| read.date.is_some());
        for (n, date) in dates.iter().enumerate() {
            let dated = match &year {
                Some(year) if !YEAR.is_match(date) => format!("{date} {}", first_year(year)),
                None if !YEAR.is_match(date) => {
                    self.reference.add("date_part", date.clone());
                    continue;
                }
                _ => date.clone(),
            };
            self.reference.add(if n == 0 { "publication_date" } else { "other_date" }, dated);
        }
        match &year {
            Some(year) if dates.is_empty() && has_day(year) => {
                self.reference.add("publication_date", year.clone());
            }
            Some(year) => self.reference.add("year", first_year(year)),
            None => {}
        }
        for other in years.into_iter().skip(1) {
            self.reference.add("other_year", other);
        }
    }

    fn add_venue(&mut self) {
        // The best name first; equal ones in their order.
        self.venues.sort_by_key(|(rank, ..)| *rank);
        for (n, (_, name, venue)) in std::mem::take(&mut self.venues).into_iter().enumerate() {
            if n == 0 {
                self.reference.add("venue", venue);
            } else if self.reference.text("venue") != Some(&venue) {
                self.reference.add(name, venue);
            }
        }
    }

    fn add_pages(&mut self) {
        let (first, last) = (self.first_page.take(), self.last_page.take());
        let pages = match (first, last) {
            (Some(first), Some(last)) if first.contains(['-', '–']) || first == last => {
                if !first.ends_with(&last) {
                    self.reference.add("last_page", last);
                }
                first
            }
            (Some(first), Some(last)) => format!("{first}-{last}"),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        let name = if self.reference.has("pages") { "page_range" } else { "pages" };
        self.reference.add(name, pages);
    }

    fn add_serials(&mut self) {
        static ISSN: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"\b[0-9]{4}[-‐–]?[0-9]{3}[0-9Xx]\b")
                .expect("a pattern written in this file is a valid one")
        });
        static ISBN: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"\b(?:97[89][-‐– ]?)?[0-9](?:[-‐– ]?[0-9]){8}[-‐– ]?[0-9Xx]\b")
                .expect("a pattern written in this file is a valid one")
        });
        let (mut issns, mut isbns) = (Vec::new(), Vec::new());
        for serial in std::mem::take(&mut self.serials) {
            let found: Vec<String> = ISBN.find_iter(&serial).map(|found| found.as_str().to_owned()).collect();
            let has_isbn = !found.is_empty();
            isbns.extend(found);
            let rest = ISBN.replace_all(&serial, " ");
            let found: Vec<String> = ISSN.find_iter(&rest).map(|found| found.as_str().to_owned()).collect();
            if found.is_empty() && !has_isbn {
                self.reference.add("serial", serial);
            }
            issns.extend(found);
        }
        self.reference.add("issn", distinct(issns));
        self.reference.add("isbn", distinct(isbns));
    }

    /// The first that is a DOI; without one, the first of all, so that it is said to be none. Those that arXiv gave
    /// are arXiv ids.
    fn add_dois(&mut self) {
        let mut dois = distinct(std::mem::take(&mut self.dois));
        dois.retain(|text| {
            let Some(id) = doi::arxiv_id(text) else { return true };
            let kind = IdentifierKind::Arxiv;
            let known = self.reference.text(field_name(kind)).and_then(|known| kind.canonical(known));
            self.reference.add_identifier(kind, &id);
            known.is_some() && known != kind.canonical(&id)
        });
        let is_doi = |text: &String| IdentifierKind::Doi.canonical(text).is_some();
        let best = dois.iter().position(is_doi).unwrap_or_default();
        for (n, doi) in dois.into_iter().enumerate() {
            if n == best && !self.reference.has("doi") {
                self.reference.add_identifier(IdentifierKind::Doi, &doi);
            } else if IdentifierKind::Doi.canonical(&doi).is_none()
                || IdentifierKind::Doi.canonical(&doi)
                    != self.reference.text("doi").and_then(|doi| IdentifierKind::Doi.canonical(doi))
            {
                self.reference.add("other_doi", doi);
            }
        }
    }
}

/// Adds the names in a value; one more than a record may have is enough to have it refused.
fn add_names(names: &mut Vec<String>, value: &str) {
    let n_more = (MAX_AUTHORS + 1).saturating_sub(names.len());
    names.extend(value.lines().flat_map(names::in_line).take(n_more));
}

fn displayed(names: &[String]) -> Vec<Value> {
    names.iter().map(|name| Person::from_text(name).display()).map(Value::from).collect()
}

/// `2020/05/01/online` without its remark, `2020/05//` and `2020///` without empty parts.
fn unslashed(text: &str) -> String {
    let parts: Vec<&str> = text.split('/').map(str::trim).collect();
    let is_four =
        parts.len() >= 3 && parts[0].len() == 4 && parts[0].bytes().all(|byte| byte.is_ascii_digit());
    if !is_four {
        return text.trim_matches(|c: char| c == '/' || c.is_whitespace()).to_owned();
    }
    parts.iter().take(3).filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/")
}

/// The year of `2015/Mar`, and the whole of what is no such date.
fn first_year(text: &str) -> String {
    let first = text.split('/').next().unwrap_or_default().trim();
    let is_year = first.len() == 4 && first.bytes().all(|byte| byte.is_ascii_digit());
    if is_year { first.to_owned() } else { text.to_owned() }
}
