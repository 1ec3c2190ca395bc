//! CSV (RFC 4180): one row a paper, with the column names that the reader knows.
//!
//! Cells are quoted where they must be and otherwise as they are. Nothing is put before `=`, `+`, `-` or
//! `@`, which spreadsheets take for formulas when a file is opened rather than imported: it would change
//! titles for every other program, and none of them would take it away again.
//!
//! Authors and categories are separated by `; `. A name that would be split is in braces, which the reader
//! takes off; braces that do not match are left out of such a name, and a name or category that says
//! nothing ("N/A", "-") is left out. A semicolon in a category becomes a comma.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::authors;
use crate::identifier::IdentifierKind;
use crate::paper::Paper;
use crate::tex::is_balanced;
use crate::text::{fold, is_filler};

const COLUMNS: [&str; 28] = [
    "id",
    "title",
    "abstract",
    "authors",
    "editors",
    "year",
    "publication_date",
    "type",
    "venue",
    "volume",
    "issue",
    "pages",
    "publisher",
    "issn",
    "isbn",
    "language",
    "categories",
    "doi",
    "arxiv_id",
    "pmid",
    "pmcid",
    "acl_id",
    "openalex",
    "corpusid",
    "url",
    "source",
    "upvotes",
    "score",
];

pub(super) fn write_header(out: &mut impl Write) -> io::Result<()> {
    write_row(out, &COLUMNS)
}

pub(super) fn write(out: &mut impl Write, paper: &Paper, score: Option<f32>) -> io::Result<()> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let id = |kind: IdentifierKind| paper.external_ids.get(&kind).cloned().unwrap_or_default();
    let row: [String; COLUMNS.len()] = [
        paper.id.to_string(),
        text(&paper.title),
        text(&paper.abstract_text),
        join_authors(&paper.authors),
        join_authors(&paper.editors),
        paper.year.map(|year| year.to_string()).unwrap_or_default(),
        paper.publication_date.map(|date| date.to_string()).unwrap_or_default(),
        paper.kind.map(|kind| kind.to_string()).unwrap_or_default(),
        text(&paper.venue),
        text(&paper.volume),
        text(&paper.issue),
        text(&paper.pages),
        text(&paper.publisher),
        paper.issn.join("; "),
        paper.isbn.join("; "),
        text(&paper.language),
        join_categories(&paper.categories),
        id(IdentifierKind::Doi),
        id(IdentifierKind::Arxiv),
        id(IdentifierKind::Pmid),
        id(IdentifierKind::Pmcid),
        id(IdentifierKind::Acl),
        id(IdentifierKind::OpenAlex),
        id(IdentifierKind::CorpusId),
        text(&paper.url),
        text(&paper.source),
        paper.upvotes.map(|upvotes| upvotes.to_string()).unwrap_or_default(),
        score.map(|score| score.to_string()).unwrap_or_default(),
    ];
    write_row(out, &row)
}

fn write_row(out: &mut impl Write, row: &[impl AsRef<[u8]>]) -> io::Result<()> {
    // Without a buffer of its own: whatever `out` is, it is flushed when all is written.
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(row)?;
    let row = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    out.write_all(&row)
}

fn join_authors(names: &[String]) -> String {
    names.iter().map(|name| author(name)).filter(|name| !name.is_empty()).collect::<Vec<_>>().join("; ")
}

/// A name as it is, or in braces where the reader would not take it for one name.
pub(super) fn author(name: &str) -> Cow<'_, str> {
    if authors::is_read_as_one(name) {
        return Cow::Borrowed(name);
    }
    let name = if is_balanced(name) { fold(name) } else { fold(&name.replace('{', "(").replace('}', ")")) };
    if is_filler(&name) { Cow::Borrowed("") } else { Cow::Owned(format!("{{{name}}}")) }
}

fn join_categories(categories: &[String]) -> String {
    let names: Vec<String> =
        categories.iter().filter(|name| !is_filler(name)).map(|name| name.replace(';', ",")).collect();
    let mut joined = names.join("; ");
    // Otherwise the reader would split the one category at its commas or bars.
    if names.len() == 1 && joined.contains([',', '|']) {
        joined.push(';');
    }
    joined
}
