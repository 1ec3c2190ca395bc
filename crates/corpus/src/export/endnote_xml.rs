//! EndNote's XML, as EndNote and Zotero import it.
//!
//! Identifiers that it has no element for are in its free fields, with a label, and so is the paper's own id.

use std::io::{self, Write};

use super::{entry_type, extra_texts, link, plain_address};
use crate::bibliography::{
    CITATION_KEY, ENTRY_TYPE, UPVOTES, bibtex_type_of_words, encode_own_id, endnote_type,
};
use crate::identifier::IdentifierKind;
use crate::kind::PublicationKind;
use crate::paper::Paper;
use crate::person::Person;
use crate::text::fold;

use super::atom::escaped;

pub(super) fn write_head(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml><records>\n")
}

pub(super) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"</records></xml>\n")
}

pub(super) fn write(out: &mut impl Write, paper: &Paper, number: u64) -> io::Result<()> {
    let kind = entry_type(paper);
    let name = endnote_type(kind);
    let code = TYPE_CODES.iter().find(|(known, _)| *known == name).map_or(13, |(_, code)| *code);
    write!(
        out,
        "<record><rec-number>{number}</rec-number><ref-type name=\"{}\">{code}</ref-type>",
        escaped(name)
    )?;
    let people = |names: &[String]| -> Vec<String> {
        names.iter().map(|name| Person::from_text(name).inverted()).collect()
    };
    let one = |text: &Option<String>| -> Vec<String> { text.iter().cloned().collect() };
    let extra = |name: &str| extra_texts(paper, name);
    let id = |kind: IdentifierKind, label: &str| -> Vec<String> {
        paper.external_ids.get(&kind).map(|id| format!("{label}{id}")).into_iter().collect()
    };
    let in_lines = |texts: Vec<String>| vec![texts.join("\n")];
    let date = paper.publication_date;
    let is_article = kind == "article";
    let venue = if is_article { &["periodical", "full-title"][..] } else { &["titles", "secondary-title"] };
    let year = paper.year.or(date.map(|date| date.year()));
    let publisher =
        ["school", "institution", "organization"].into_iter().map(extra).find(|names| !names.is_empty());
    let own_type = extra("type");
    let work_type = match own_type.is_empty() {
        false => own_type,
        true => {
            let of_type = PublicationKind::from_word(kind);
            let kind = paper.kind.filter(|kind| Some(*kind) != of_type);
            kind.map(|kind| kind.name().to_owned()).into_iter().collect()
        }
    };
    let is_lossy = bibtex_type_of_words(name) != kind;
    let fields: [(&[&str], &str, Vec<String>); 32] = [
        (&["contributors", "authors"], "author", people(&paper.authors)),
        (&["contributors", "secondary-authors"], "author", people(&paper.editors)),
        (&["titles"], "title", one(&paper.title)),
        (&venue[..1], venue[1], one(&paper.venue)),
        (&["titles"], "tertiary-title", extra("series")),
        (&["titles"], "short-title", extra("shorttitle")),
        (&[], "pages", one(&paper.pages)),
        (&[], "volume", one(&paper.volume)),
        (&[], "number", one(&paper.issue)),
        (&[], "edition", extra("edition")),
        (
            &["keywords"],
            "keyword",
            paper.categories.iter().map(|name| fold(&name.replace(';', ","))).collect(),
        ),
        (&["dates"], "year", year.map(|year| year.to_string()).into_iter().collect()),
        (&["dates", "pub-dates"], "date", date.map(|date| date.to_string()).into_iter().collect()),
        (&[], "pub-location", extra("address")),
        (&[], "publisher", paper.publisher.clone().map_or(publisher.unwrap_or_default(), |name| vec![name])),
        (&[], "isbn", in_lines(paper.issn.iter().chain(&paper.isbn).cloned().collect())),
        (&[], "accession-num", id(IdentifierKind::Pmid, "PMID:")),
        (&[], "abstract", one(&paper.abstract_text)),
        (&[], "notes", in_lines(extra("note"))),
        (&[], "label", extra(CITATION_KEY)),
        (&["urls", "related-urls"], "url", link(paper).map(|url| plain_address(&url)).into_iter().collect()),
        (&[], "electronic-resource-num", id(IdentifierKind::Doi, "")),
        (&[], "custom1", id(IdentifierKind::Arxiv, "arXiv:")),
        (&[], "custom2", id(IdentifierKind::Pmcid, "PMCID:")),
        (&[], "custom3", id(IdentifierKind::Acl, "ACL:")),
        (&[], "custom4", id(IdentifierKind::OpenAlex, &format!("{}:", IdentifierKind::OpenAlex.name()))),
        (&[], "custom5", id(IdentifierKind::CorpusId, &format!("{}:", IdentifierKind::CorpusId.name()))),
        (&[], "custom6", is_lossy.then(|| format!("{ENTRY_TYPE}:{kind}")).into_iter().collect()),
        (&[], "custom7", vec![format!("paper_id:{}", encode_own_id(&paper.id))]),
        (&[], "custom8", paper.upvotes.map(|n| format!("{UPVOTES}:{n}")).into_iter().collect()),
        (&[], "remote-database-name", one(&paper.source)),
        (&[], "language", one(&paper.language)),
    ];
    // Elements of one group stand together.
    let mut groups: Vec<&[&str]> = Vec::new();
    for (group, ..) in &fields {
        if !groups.contains(group) {
            groups.push(group);
        }
    }
    for group in groups {
        let mut inner = String::new();
        for (_, name, values) in fields.iter().filter(|(of, ..)| *of == group) {
            for value in values.iter().map(|value| text_of(value)).filter(|value| !value.is_empty()) {
                inner.push_str(&format!("<{name}>{value}</{name}>"));
            }
        }
        if !inner.is_empty() {
            let open: String = group.iter().map(|name| format!("<{name}>")).collect();
            let close: String = group.iter().rev().map(|name| format!("</{name}>")).collect();
            write!(out, "{open}{inner}{close}")?;
        }
    }
    if !work_type.is_empty() {
        write!(out, "<work-type>{}</work-type>", text_of(&fold(&work_type.join("; "))))?;
    }
    out.write_all(b"</record>\n")
}

/// A text as XML has it, its lines kept.
fn text_of(text: &str) -> String {
    text.lines().map(escaped).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The numbers by which EndNote knows its types.
const TYPE_CODES: [(&str, u8); 18] = [
    ("Journal Article", 17),
    ("Conference Paper", 47),
    ("Conference Proceedings", 10),
    ("Book", 6),
    ("Edited Book", 28),
    ("Pamphlet", 24),
    ("Book Section", 5),
    ("Encyclopedia", 53),
    ("Thesis", 32),
    ("Report", 27),
    ("Standard", 58),
    ("Unpublished Work", 34),
    ("Web Page", 12),
    ("Dataset", 59),
    ("Computer Program", 9),
    ("Patent", 25),
    ("Serial", 57),
    ("Generic", 13),
];
