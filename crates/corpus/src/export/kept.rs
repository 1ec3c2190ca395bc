//! What a `.bib` or `.ris` record said in its own words, and writing it again.
//!
//! A record keeps the names of its fields, in their order, in `extra` under the format's name: `{"title": null,
//! "journaltitle": null, "author": "F{\\o}lner, Erling"}`. A value is there only where it is not what we would
//! write for that field; `null` stands for that. So TeX passes through unharmed, and a record costs few
//! bytes more than its texts.
//!
//! When a paper is written, its record is read again, and compared with the paper **aspect** by aspect. What
//! the paper still says is written as the record had it; where the paper says something else by now (another
//! record corrected or completed it), that aspect is written anew. So what is written reads back as the paper,
//! whatever was done to it in between.

use serde_json::{Map, Value};

use crate::bibliography::{ENTRY_TYPE, encode_own_id};
use crate::identifier::IdentifierKind;
use crate::paper::Paper;
use crate::text::fold;

/// A part of what a paper says, which one or several fields of a record may hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Aspect {
    Title,
    Abstract,
    Authors,
    Editors,
    Date,
    Kind,
    Venue,
    Volume,
    Issue,
    Pages,
    Publisher,
    Issn,
    Isbn,
    /// ISSNs and ISBNs, where a format has one field for both.
    Serials,
    Language,
    Categories,
    Id(IdentifierKind),
    Url,
    Source,
    Upvotes,
    /// A field of `extra`.
    Extra(String),
    /// What says nothing that a paper could say otherwise.
    Own,
}

impl Aspect {
    /// Whether two papers say the same.
    fn is_same(&self, a: &Paper, b: &Paper) -> bool {
        let folded = |text: &Option<String>| text.as_deref().map(fold);
        match self {
            Self::Title => folded(&a.title) == folded(&b.title),
            Self::Abstract => folded(&a.abstract_text) == folded(&b.abstract_text),
            Self::Authors => a.authors == b.authors,
            Self::Editors => a.editors == b.editors,
            Self::Date => (a.year, a.publication_date) == (b.year, b.publication_date),
            Self::Kind => a.kind == b.kind && a.extra.get(ENTRY_TYPE) == b.extra.get(ENTRY_TYPE),
            Self::Venue => folded(&a.venue) == folded(&b.venue),
            Self::Volume => folded(&a.volume) == folded(&b.volume),
            Self::Issue => folded(&a.issue) == folded(&b.issue),
            Self::Pages => folded(&a.pages) == folded(&b.pages),
            Self::Publisher => folded(&a.publisher) == folded(&b.publisher),
            Self::Issn => a.issn == b.issn,
            Self::Isbn => a.isbn == b.isbn,
            Self::Serials => (&a.issn, &a.isbn) == (&b.issn, &b.isbn),
            Self::Language => a.language == b.language,
            Self::Categories => a.categories == b.categories,
            Self::Id(kind) => a.external_ids.get(kind) == b.external_ids.get(kind),
            Self::Url => a.url == b.url,
            Self::Upvotes => a.upvotes == b.upvotes,
            Self::Source => folded(&a.source) == folded(&b.source),
            Self::Extra(name) => a.extra.get(name) == b.extra.get(name),
            Self::Own => true,
        }
    }
}

/// A line of a record: the name of a field, and its value as the format has it.
pub(crate) type Line = (String, String);

/// A format that keeps and writes records in this way.
pub(crate) trait Manner {
    /// The name in `extra` under which records are kept.
    const KEPT: &'static str;
    /// The field that holds a paper's id.
    const OWN_ID: &'static str;

    /// What a field holds.
    fn aspect(name: &str) -> Aspect;

    /// Whether a field may hold several things, so that the record's own is never left out.
    fn is_free(_name: &str) -> bool {
        false
    }

    /// What a paper has for a field, as it is written: a value a line.
    fn values(paper: &Paper, name: &str) -> Vec<String>;

    /// The fields of a paper that no record says how to write.
    fn names(paper: &Paper) -> Vec<String>;

    /// The paper that a record is read as, where it can be.
    fn read(lines: &[Line], paper: &Paper) -> Option<Paper>;

    /// Whether a line is the one that holds the paper's id.
    fn is_own_id(name: &str, _value: &str) -> bool {
        name == Self::OWN_ID
    }

    /// The value of the field that holds the paper's id.
    fn own_id(paper: &Paper) -> String {
        encode_own_id(&paper.id)
    }
}

/// Keeps in a paper what the record that it was read from said in its own words.
pub(crate) fn keep<M: Manner>(paper: &mut Paper, lines: &[Line]) {
    let mut kept = Map::new();
    for (name, _) in lines {
        if kept.contains_key(name) {
            continue;
        }
        let of_name = lines.iter().filter(|(other, value)| other == name && !M::is_own_id(name, value));
        let values: Vec<&str> =
            of_name.map(|(_, value)| value.trim()).filter(|value| !value.is_empty()).collect();
        if values.is_empty() {
            continue;
        }
        let is_ours = {
            let ours = M::values(paper, name);
            ours.len() == values.len()
                && ours.iter().zip(&values).all(|(ours, value)| fold(ours) == fold(value))
        };
        let value = match values.as_slice() {
            _ if is_ours => Value::Null,
            [one] => Value::from(*one),
            several => several.iter().copied().map(Value::from).collect(),
        };
        kept.insert(name.clone(), value);
    }
    paper.extra.insert(M::KEPT.to_owned(), Value::Object(kept));
}

/// The lines that a paper is written as.
pub(crate) fn lines<M: Manner>(paper: &Paper) -> Vec<Line> {
    let kept = kept_lines::<M>(paper);
    let said = if kept.is_empty() { None } else { M::read(&kept, paper) };
    let is_changed = |name: &str| match (&said, M::aspect(name)) {
        (_, Aspect::Own) => false,
        (None, _) => true,
        (Some(said), aspect) => !aspect.is_same(said, paper),
    };
    let mut changed = said.is_none();
    let mut lines = Vec::with_capacity(kept.len());
    for (name, value) in kept {
        if said.is_some() && (M::is_free(&name) || !is_changed(&name)) {
            lines.push((name, value));
        } else {
            changed = true;
        }
    }
    for name in M::names(paper) {
        if is_changed(&name) {
            changed = true;
            lines.extend(M::values(paper, &name).into_iter().map(|value| (name.clone(), value)));
        }
    }
    // The id is written where reading would give another.
    let read = if changed { M::read(&lines, paper) } else { said };
    if read.is_none_or(|read| read.id != paper.id) {
        lines.push((M::OWN_ID.to_owned(), M::own_id(paper)));
    }
    lines
}

/// The kept record's lines, with what we write for a field where that is what it said.
fn kept_lines<M: Manner>(paper: &Paper) -> Vec<Line> {
    let Some(Value::Object(kept)) = paper.extra.get(M::KEPT) else { return Vec::new() };
    let mut lines = Vec::new();
    for (name, value) in kept {
        let values = match value {
            Value::Null => M::values(paper, name),
            Value::String(value) => vec![value.clone()],
            Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        lines.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    lines
}
