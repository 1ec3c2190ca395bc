//! RIS: one line a value, so that texts have their white space folded.
//!
//! Identifiers that RIS has no tag for are in its free fields, with a label: `C1  - arXiv:1704.03578`.
//! The record's own id is `U1  - paper_id:…`, percent-encoded, where no identifier is the id.

use std::io::{self, Write};

use super::{entry_type, extra_text, link, plain_address};
use crate::bibliography::{CITATION_KEY, derived_id, encode_own_id, ris_type};
use crate::identifier::IdentifierKind;
use crate::paper::Paper;
use crate::person::Person;
use crate::text::fold;

pub(super) fn write(out: &mut impl Write, paper: &Paper) -> io::Result<()> {
    let kind = entry_type(paper);
    write!(out, "TY  - {}\r\n", ris_type(kind))?;
    for (tag, value) in fields(paper, kind) {
        let value = fold(&value);
        if !value.is_empty() {
            write!(out, "{tag}  - {value}\r\n")?;
        }
    }
    out.write_all(b"ER  - \r\n\r\n")
}

fn fields(paper: &Paper, kind: &str) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let extra = |name: &str| extra_text(paper, name).unwrap_or_default().to_owned();
    let id = |kind: IdentifierKind| paper.external_ids.get(&kind).cloned().unwrap_or_default();
    let labelled = |kind: IdentifierKind, label: &str| {
        paper.external_ids.get(&kind).map(|id| format!("{label}:{id}")).unwrap_or_default()
    };
    let date = paper.publication_date;
    let year = paper.year.or(date.map(|date| date.year()));
    let pages = text(&paper.pages).replace("--", "-");
    let (first_page, last_page) = pages.split_once(['-', '–']).unwrap_or((&pages, ""));
    let has_own_id = derived_id(paper).as_ref() != Some(&paper.id);

    let mut fields = vec![("TI", text(&paper.title))];
    fields.extend(paper.authors.iter().map(|name| ("AU", Person::from_text(name).inverted())));
    fields.extend([
        ("PY", year.map(|year| year.to_string()).unwrap_or_default()),
        ("DA", date.map(|date| date.strftime("%Y/%m/%d").to_string()).unwrap_or_default()),
        (if kind == "article" { "JO" } else { "T2" }, text(&paper.venue)),
        ("VL", text(&paper.volume)),
        ("IS", text(&paper.issue)),
        ("SP", first_page.to_owned()),
        ("EP", last_page.to_owned()),
        ("PB", text(&paper.publisher)),
        ("DO", id(IdentifierKind::Doi)),
        ("UR", link(paper).map(|url| plain_address(&url)).unwrap_or_default()),
        ("AN", labelled(IdentifierKind::Pmid, "PMID")),
        ("C1", labelled(IdentifierKind::Arxiv, "arXiv")),
        ("C2", id(IdentifierKind::Pmcid)),
        ("C3", labelled(IdentifierKind::Acl, "ACL")),
        ("DB", text(&paper.source)),
        ("ID", extra(CITATION_KEY)),
        ("U1", if has_own_id { format!("paper_id:{}", encode_own_id(&paper.id)) } else { String::new() }),
    ]);
    fields.extend(paper.categories.iter().map(|category| ("KW", category.replace(';', ","))));
    fields.push(("AB", text(&paper.abstract_text)));
    fields
}
