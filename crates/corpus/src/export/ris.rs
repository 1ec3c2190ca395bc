//! RIS: one line a value, so that texts have their white space folded.
//!
//! A record that came from a `.ris` file is written as it was ([`kept`](super::kept)). Identifiers that RIS has no
//! tag for are in its free fields, with a label: `C1  - arXiv:1704.03578`. So are the record's own id
//! (`U1  - paper_id:…`, percent-encoded), where no identifier is the id, and a type that RIS has no word for.

use std::io::{self, Write};

use super::kept::{self, Aspect, Line, Manner};
use super::{entry_type, extra_texts, link, plain_address};
use crate::bibliography::{CITATION_KEY, ENTRY_TYPE, OWN_ID, UPVOTES, bibtex_type, encode_own_id, ris_type};
use crate::error::Place;
use crate::identifier::{IdentifierKind, strip_label};
use crate::kind::PublicationKind;
use crate::paper::Paper;
use crate::person::Person;
use crate::ris;
use crate::tagged::Field;
use crate::text::fold;

pub(super) fn write(out: &mut impl Write, paper: &Paper) -> io::Result<()> {
    let mut lines = kept::lines::<Ris>(paper);
    // A record begins with its type, whatever it kept.
    if !lines.iter().any(|(tag, _)| tag == "TY") {
        lines.extend(values(paper, "TY").into_iter().map(|kind| ("TY".to_owned(), kind)));
    }
    lines.sort_by_key(|(tag, _)| tag != "TY");
    for (tag, value) in lines {
        let value = fold(&value);
        if !value.is_empty() {
            write!(out, "{tag}  - {value}\r\n")?;
        }
    }
    out.write_all(b"ER  - \r\n\r\n")
}

/// How records are kept and written.
pub(crate) struct Ris;

impl Manner for Ris {
    const KEPT: &'static str = "ris";
    const OWN_ID: &'static str = "U1";

    fn aspect(tag: &str) -> Aspect {
        match tag {
            "TY" | "U2" | "M3" | "PT" => Aspect::Kind,
            "TI" | "T1" | "CT" => Aspect::Title,
            "AB" | "N2" => Aspect::Abstract,
            "AU" | "A1" => Aspect::Authors,
            "ED" | "A2" | "A3" => Aspect::Editors,
            "PY" | "Y1" | "YR" | "DA" => Aspect::Date,
            "JF" | "T2" | "JO" | "JA" | "SO" => Aspect::Venue,
            "VL" | "VO" => Aspect::Volume,
            "IS" | "NO" => Aspect::Issue,
            "SP" | "EP" | "AR" => Aspect::Pages,
            "PB" => Aspect::Publisher,
            "SN" => Aspect::Serials,
            "LA" => Aspect::Language,
            "KW" => Aspect::Categories,
            "DO" | "DI" => Aspect::Id(IdentifierKind::Doi),
            "UR" | "LK" | "US" => Aspect::Url,
            "DB" => Aspect::Source,
            "U3" => Aspect::Upvotes,
            "CY" | "PP" => Aspect::Extra("address".to_owned()),
            "ET" => Aspect::Extra("edition".to_owned()),
            "T3" => Aspect::Extra("series".to_owned()),
            "N1" => Aspect::Extra("note".to_owned()),
            "ID" => Aspect::Extra(CITATION_KEY.to_owned()),
            "AN" => Aspect::Id(IdentifierKind::Pmid),
            "C1" => Aspect::Id(IdentifierKind::Arxiv),
            "C2" => Aspect::Id(IdentifierKind::Pmcid),
            "C3" => Aspect::Id(IdentifierKind::Acl),
            "C4" => Aspect::Id(IdentifierKind::OpenAlex),
            "C5" => Aspect::Id(IdentifierKind::CorpusId),
            _ => Aspect::Own,
        }
    }

    fn is_free(tag: &str) -> bool {
        matches!(tag.as_bytes(), [b'C' | b'U', b'1'..=b'8'])
            || matches!(tag, "AN" | "M1" | "M3" | "L3" | "N1")
    }

    fn values(paper: &Paper, tag: &str) -> Vec<String> {
        values(paper, tag).into_iter().filter(|value| !fold(value).is_empty()).collect()
    }

    fn names(paper: &Paper) -> Vec<String> {
        let is_article = entry_type(paper) == "article";
        let mut tags =
            vec!["TY", "U2", "M3", "TI", "AU", "A2", "PY", "DA", if is_article { "JO" } else { "T2" }];
        tags.extend([
            "VL", "IS", "SP", "EP", "PB", "CY", "ET", "T3", "SN", "LA", "DO", "UR", "AN", "C1", "C2", "C3",
        ]);
        tags.extend(["C4", "C5", "U3", "DB", "ID", "N1", "KW", "AB"]);
        tags.into_iter().map(str::to_owned).collect()
    }

    fn read(lines: &[Line], _: &Paper) -> Option<Paper> {
        let place = Place { file: "".into(), line: 0 };
        let field = |(tag, value): &Line| Field { tag: tag.clone(), value: fold(value) };
        ris::draft(&lines.iter().map(field).collect::<Vec<_>>())
            .finish()
            .into_paper(&place)
            .ok()
            .map(|record| record.paper)
    }

    fn is_own_id(tag: &str, value: &str) -> bool {
        tag == Self::OWN_ID && strip_label(value, OWN_ID).is_some()
    }

    fn own_id(paper: &Paper) -> String {
        format!("paper_id:{}", encode_own_id(&paper.id))
    }
}

/// Keeps in a paper what its record said in its own words.
pub(crate) fn keep_ris(paper: &mut Paper, fields: &[Field]) {
    // Of keywords and names that went on over lines, each is a value.
    let has_one_a_line = |tag: &str| matches!(tag, "KW" | "AU" | "A1" | "A2" | "A3" | "ED");
    let lines: Vec<Line> = fields
        .iter()
        .flat_map(|Field { tag, value }| {
            let values: Vec<&str> = if has_one_a_line(tag) { value.lines().collect() } else { vec![value] };
            values.into_iter().map(|value| (tag.clone(), fold(value))).collect::<Vec<_>>()
        })
        .collect();
    kept::keep::<Ris>(paper, &lines);
}

/// The values of a tag, blank where the paper has none.
fn values(paper: &Paper, tag: &str) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().into_iter().collect();
    let extra = |name: &str| extra_texts(paper, name);
    let labelled = |kind: IdentifierKind, label: &str| {
        paper.external_ids.get(&kind).map(|id| format!("{label}{id}")).into_iter().collect()
    };
    // A semicolon would make two names of one.
    let people = |names: &[String]| {
        names.iter().map(|name| Person::from_text(&name.replace(';', ",")).inverted()).collect()
    };
    let date = paper.publication_date;
    let pages = paper.pages.as_deref().unwrap_or_default().replace("--", "-");
    let (first_page, last_page) = pages.split_once(['-', '–']).unwrap_or((&pages, ""));
    let kind = entry_type(paper);
    match tag {
        "TY" => vec![ris_type(kind).to_owned()],
        "U2" if bibtex_type(ris_type(kind)) != kind => vec![format!("{ENTRY_TYPE}:{kind}")],
        "TI" | "T1" | "CT" => text(&paper.title),
        "AB" | "N2" => text(&paper.abstract_text),
        "AU" | "A1" => people(&paper.authors),
        "ED" | "A2" | "A3" => people(&paper.editors),
        "PY" | "Y1" | "YR" => {
            paper.year.or(date.map(|date| date.year())).map(|year| year.to_string()).into_iter().collect()
        }
        "DA" => date.map(|date| date.strftime("%Y/%m/%d").to_string()).into_iter().collect(),
        "JF" | "T2" | "JO" | "JA" | "SO" => text(&paper.venue),
        "VL" | "VO" => text(&paper.volume),
        "IS" => text(&paper.issue),
        "SP" | "AR" => vec![first_page.to_owned()],
        "EP" => vec![last_page.to_owned()],
        "PB" if paper.publisher.is_none() => {
            let of_kind = ["school", "institution", "organization"]
                .into_iter()
                .map(extra)
                .find(|names| !names.is_empty());
            of_kind.unwrap_or_default()
        }
        "PB" => text(&paper.publisher),
        "SN" => paper.issn.iter().chain(&paper.isbn).cloned().collect(),
        "LA" => text(&paper.language),
        "CY" | "PP" => extra("address"),
        "ET" => extra("edition"),
        "T3" => extra("series"),
        "N1" => extra("note").iter().flat_map(|note| note.lines()).map(str::to_owned).collect(),
        "M3" => type_of_work(paper),
        "DO" | "DI" => labelled(IdentifierKind::Doi, ""),
        "UR" | "LK" => address(paper).into_iter().collect(),
        "AN" => labelled(IdentifierKind::Pmid, "PMID:"),
        "C1" => labelled(IdentifierKind::Arxiv, "arXiv:"),
        "C2" => labelled(IdentifierKind::Pmcid, ""),
        "C3" => labelled(IdentifierKind::Acl, "ACL:"),
        "C4" => labelled(IdentifierKind::OpenAlex, &format!("{}:", IdentifierKind::OpenAlex.name())),
        "C5" => labelled(IdentifierKind::CorpusId, &format!("{}:", IdentifierKind::CorpusId.name())),
        "U3" => paper.upvotes.map(|n| format!("{UPVOTES}:{n}")).into_iter().collect(),
        "DB" => text(&paper.source),
        "ID" => extra(CITATION_KEY),
        "KW" => paper.categories.iter().map(|category| category.replace(';', ",")).collect(),
        tag => extra(&format!("ris_{}", tag.to_lowercase())),
    }
}

/// Where the paper can be read, unless its DOI alone says so, which every program makes a link of.
fn address(paper: &Paper) -> Option<String> {
    let has = |kind: IdentifierKind| paper.external_ids.contains_key(&kind);
    let is_derived_of_doi = paper.url.is_none() && has(IdentifierKind::Doi) && !has(IdentifierKind::Arxiv);
    link(paper).filter(|_| !is_derived_of_doi).map(|url| plain_address(&url))
}

/// The kind, where the record's type does not say it, or the record's own word for it.
fn type_of_work(paper: &Paper) -> Vec<String> {
    let own = extra_texts(paper, "type");
    if !own.is_empty() {
        return own;
    }
    let of_type = PublicationKind::from_word(entry_type(paper));
    paper.kind.filter(|kind| Some(*kind) != of_type).map(|kind| kind.name().to_owned()).into_iter().collect()
}
