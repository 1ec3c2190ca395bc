//! CSL-JSON: the items that Pandoc, Zotero and every citeproc read.
//!
//! What CSL has no variable for is in `custom`, as its schema says: the paper's own id and other identifiers, its type in
//! our words, a day in another year than that of publication, and keywords that no line of them holds.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::{entry_type, extra_texts, link};
use crate::bibliography::{ENTRY_TYPE, csl_type};
use crate::identifier::IdentifierKind;
use crate::paper::Paper;
use crate::person::Person;
use crate::values::read_categories;

pub(super) fn write(out: &mut impl Write, paper: &Paper, key: &str) -> io::Result<()> {
    let kind = entry_type(paper);
    let mut item = Map::new();
    let mut add = |name: &str, value: Value| {
        let is_blank = value.is_null()
            || value.as_str().is_some_and(str::is_empty)
            || value.as_array().is_some_and(Vec::is_empty);
        if !is_blank {
            item.insert(name.to_owned(), value);
        }
    };
    let id = |kind: IdentifierKind| json!(paper.external_ids.get(&kind));
    let extra = |name: &str| json!(extra_texts(paper, name).join("; "));
    add("id", json!(key));
    add("citation-key", json!(key));
    add("type", json!(csl_type(kind)));
    add("title", json!(paper.title));
    add("author", people(&paper.authors));
    add("editor", people(&paper.editors));
    add("issued", issued(paper));
    add("container-title", json!(paper.venue));
    add("collection-title", extra("series"));
    add("volume", json!(paper.volume));
    let is_report = matches!(kind, "techreport" | "report" | "patent");
    add(if is_report { "number" } else { "issue" }, json!(paper.issue));
    add("page", json!(paper.pages));
    add("edition", extra("edition"));
    let of_kind =
        ["school", "institution", "organization"].into_iter().map(extra).find(|name| *name != json!(""));
    add("publisher", paper.publisher.clone().map_or(of_kind.unwrap_or_default(), Value::from));
    add("publisher-place", extra("address"));
    add("ISSN", json!(paper.issn.join(", ")));
    add("ISBN", json!(paper.isbn.join(", ")));
    add("language", json!(paper.language));
    let keywords = paper.categories.join("; ");
    add("keyword", json!(keywords));
    add("DOI", id(IdentifierKind::Doi));
    add("PMID", id(IdentifierKind::Pmid));
    add("PMCID", id(IdentifierKind::Pmcid));
    add("URL", json!(link(paper)));
    add("source", json!(paper.source));
    add("note", extra("note"));
    add("abstract", json!(paper.abstract_text));
    let mut custom = Map::new();
    custom.insert("paper_id".to_owned(), json!(paper.id.as_str()));
    for (name, kind) in [
        ("arxiv_id", IdentifierKind::Arxiv),
        ("acl_id", IdentifierKind::Acl),
        ("openalex", IdentifierKind::OpenAlex),
        ("corpusid", IdentifierKind::CorpusId),
    ] {
        if let Some(id) = paper.external_ids.get(&kind) {
            custom.insert(name.to_owned(), json!(id));
        }
    }
    custom.insert(ENTRY_TYPE.to_owned(), json!(kind));
    if let Some(upvotes) = paper.upvotes {
        custom.insert("upvotes".to_owned(), json!(upvotes));
    }
    if let Some(kind) = paper.kind {
        custom.insert("type".to_owned(), json!(kind.name()));
    }
    if let Some(date) =
        paper.publication_date.filter(|date| paper.year.is_some_and(|year| year != date.year()))
    {
        custom.insert("year".to_owned(), json!(paper.year));
        custom.insert("publication_date".to_owned(), json!(date.to_string()));
    }
    if read_categories(&json!(keywords)).value.unwrap_or_default() != paper.categories {
        custom.insert("categories".to_owned(), json!(paper.categories));
    }
    add("custom", Value::Object(custom));
    Ok(serde_json::to_writer(out, &item)?)
}

fn people(names: &[String]) -> Value {
    let people = names.iter().map(|name| match Person::from_text(name) {
        Person::Named { family, given, suffix } => {
            let mut parts = Map::new();
            parts.insert("family".to_owned(), json!(family));
            if !given.is_empty() {
                parts.insert("given".to_owned(), json!(given));
            }
            if let Some(suffix) = suffix {
                parts.insert("suffix".to_owned(), json!(suffix));
            }
            Value::Object(parts)
        }
        Person::Whole(name) => json!({"literal": name}),
    });
    people.collect()
}

fn issued(paper: &Paper) -> Value {
    let parts = match (paper.publication_date, paper.year) {
        (Some(date), year) if year.is_none_or(|year| year == date.year()) => {
            json!([date.year(), date.month(), date.day()])
        }
        (_, Some(year)) => json!([year]),
        (Some(date), None) => json!([date.year()]),
        (None, None) => return Value::Null,
    };
    json!({"date-parts": [parts]})
}
