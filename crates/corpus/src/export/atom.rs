//! Atom (RFC 4287), with what Dublin Core and PRISM have elements for.
//!
//! Written here rather than with `atom_syndication`, which holds a whole feed in memory, brings `chrono`,
//! and passes on characters that XML forbids.

use std::io::{self, Write};

use jiff::Timestamp;

use super::{Exported, FeedMeta, link, plain_address};
use crate::bibliography::encode_own_id;
use crate::paper::Paper;
use crate::text::fold;

pub(super) fn write_head(out: &mut impl Write, meta: &FeedMeta) -> io::Result<()> {
    out.write_all(
        b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
          <feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
          xmlns:prism=\"http://prismstandard.org/namespaces/basic/2.0/\" \
          xmlns:relevance=\"http://a9.com/-/opensearch/extensions/relevance/1.0/\">\n",
    )?;
    element(out, "id", &meta.id)?;
    element(out, "title", &meta.title)?;
    element(out, "updated", &meta.updated.to_string())?;
    if let Some(link) = &meta.link {
        writeln!(out, "<link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>", escaped(link))?;
    }
    // An entry without an author needs the feed's.
    out.write_all(b"<author><name>cognate</name></author>\n<generator>cognate</generator>\n")
}

pub(super) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"</feed>\n")
}

/// Makes HTML of a text.
pub(super) type Typesetter = fn(&str) -> String;

/// Writes an entry; `set` makes the HTML of its texts, which are plain without it.
pub(super) fn write<W: Write>(
    out: &mut W,
    exported: Exported<&Paper>,
    (updated, set): (Timestamp, Option<Typesetter>),
) -> io::Result<()> {
    let Exported { paper, score } = exported;
    let text = |out: &mut W, name: &str, text: &str| match set {
        Some(set) => writeln!(out, "<{name} type=\"html\">{}</{name}>", escaped(&set(text))),
        None => element(out, name, text),
    };
    out.write_all(b"<entry>\n")?;
    element(out, "id", &entry_id(paper))?;
    text(out, "title", paper.title.as_deref().unwrap_or(paper.id.as_str()))?;
    let published = paper.publication_date.map(|date| format!("{date}T00:00:00Z"));
    element(out, "updated", published.as_deref().unwrap_or(&updated.to_string()))?;
    if let Some(published) = &published {
        element(out, "published", published)?;
    }
    for name in paper.authors.iter().map(|name| escaped(name)).filter(|name| !name.is_empty()) {
        writeln!(out, "<author><name>{name}</name></author>")?;
    }
    let link = link(paper).map(|url| plain_address(&url));
    if let Some(link) = &link {
        writeln!(out, "<link rel=\"alternate\" href=\"{}\"/>", escaped(link))?;
    }
    for category in paper.categories.iter().map(|category| escaped(category)).filter(|term| !term.is_empty())
    {
        writeln!(out, "<category term=\"{category}\"/>")?;
    }
    // An entry has a link to what it stands for, or else is that itself.
    let text_of_entry = if link.is_some() { "summary" } else { "content" };
    let content = paper.abstract_text.as_deref().or(paper.title.as_deref().filter(|_| link.is_none()));
    if let Some(content) = content {
        text(out, text_of_entry, content)?;
    }
    for (kind, id) in &paper.external_ids {
        element(out, "dc:identifier", &format!("{}:{id}", kind.name()))?;
    }
    for name in paper.editors.iter().filter(|name| !fold(name).is_empty()) {
        element(out, "dc:contributor", name)?;
    }
    // The day may be in another year.
    let year = paper.year.filter(|year| paper.publication_date.is_none_or(|date| date.year() != *year));
    for (name, value) in [
        ("prism:publicationDate", year.map(|year| year.to_string())),
        ("dc:type", paper.kind.map(|kind| kind.name().to_owned())),
        ("dc:publisher", paper.publisher.clone()),
        ("dc:language", paper.language.clone()),
        ("dc:source", paper.source.clone()),
        ("prism:publicationName", paper.venue.clone()),
        ("prism:volume", paper.volume.clone()),
        ("prism:number", paper.issue.clone()),
        ("prism:pageRange", paper.pages.clone()),
    ] {
        if let Some(value) = value {
            element(out, name, &value)?;
        }
    }
    for issn in &paper.issn {
        element(out, "prism:issn", issn)?;
    }
    for isbn in &paper.isbn {
        element(out, "prism:isbn", isbn)?;
    }
    if let Some(score) = score.filter(|score| (0.0..=1.0).contains(score)) {
        element(out, "relevance:score", &score.to_string())?;
    }
    out.write_all(b"</entry>\n")
}

/// The entry's id: the paper's own, which no other paper has, percent-encoded behind a fixed beginning.
pub(super) fn entry_id(paper: &Paper) -> String {
    format!("urn:cognate:paper:{}", encode_own_id(&paper.id))
}

fn element(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "<{name}>{}</{name}>", escaped(text))
}

/// A text on one line as XML has it, in elements and in attributes; characters that XML forbids are left out.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    // Control characters, which are the others that it forbids, are folded.
    for c in fold(&text.replace(['\u{fffe}', '\u{ffff}'], "")).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
