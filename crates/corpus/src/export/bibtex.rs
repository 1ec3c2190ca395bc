//! BibTeX: entries that BibTeX, BibLaTeX and reference managers read.
//!
//! An entry that came from a `.bib` file is written as it was ([`kept`](super::kept)). In all others, texts have
//! their white space folded and TeX's accents (as in arXiv's titles) as characters; every other sign of TeX
//! is escaped, but for maths. Names are `Family, Given`.

use std::io::{self, Write};

use super::kept::{self, Aspect, Line, Manner};
use super::keys::Keys;
use super::{entry_type, extra_texts, plain_address};
use crate::bibliography::CITATION_KEY;
use crate::bibtex;
use crate::identifier::{IdentifierKind, is_arxiv_category};
use crate::kind::PublicationKind;
use crate::paper::Paper;
use crate::person::Person;
use crate::tex::{decode_accents, encode, encode_title, is_balanced};
use crate::text::fold;

pub(super) fn write(out: &mut impl Write, paper: &Paper, keys: &mut Keys) -> io::Result<()> {
    write!(out, "@{}{{{}", entry_type(paper), keys.key(paper))?;
    for (name, value) in kept::lines::<BibTex>(paper) {
        // A month's name is a macro, for which styles have words of their own.
        match name.as_str() {
            "month" if is_month(&value) => write!(out, ",\n  {name} = {value}")?,
            _ => write!(out, ",\n  {name} = {{{value}}}")?,
        }
    }
    out.write_all(b"\n}\n\n")
}

fn is_month(value: &str) -> bool {
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"].contains(&value)
}

/// How entries are kept and written.
pub(crate) struct BibTex;

impl Manner for BibTex {
    const KEPT: &'static str = "bibtex";
    const OWN_ID: &'static str = "paperid";

    fn aspect(name: &str) -> Aspect {
        match name {
            "title" | "subtitle" => Aspect::Title,
            "abstract" => Aspect::Abstract,
            "author" => Aspect::Authors,
            "editor" => Aspect::Editors,
            "year" | "date" | "publicationdate" | "month" | "day" => Aspect::Date,
            "journal" | "journaltitle" | "booktitle" => Aspect::Venue,
            "volume" => Aspect::Volume,
            "number" | "issue" => Aspect::Issue,
            "pages" => Aspect::Pages,
            "publisher" => Aspect::Publisher,
            "issn" => Aspect::Issn,
            "isbn" => Aspect::Isbn,
            "language" | "langid" => Aspect::Language,
            "keywords" | "keyword" | "author_keywords" | "author-keywords" | "primaryclass" => {
                Aspect::Categories
            }
            "doi" => Aspect::Id(IdentifierKind::Doi),
            "eprint" | "archiveprefix" | "eprinttype" | "arxiv" | "arxivid" => {
                Aspect::Id(IdentifierKind::Arxiv)
            }
            "pmid" => Aspect::Id(IdentifierKind::Pmid),
            "pmcid" | "pmc" => Aspect::Id(IdentifierKind::Pmcid),
            "aclid" => Aspect::Id(IdentifierKind::Acl),
            "openalex" => Aspect::Id(IdentifierKind::OpenAlex),
            "corpusid" => Aspect::Id(IdentifierKind::CorpusId),
            "url" => Aspect::Url,
            "source" => Aspect::Source,
            "upvotes" => Aspect::Upvotes,
            "type" => Aspect::Kind,
            "crossref" | "xdata" | "paperid" => Aspect::Own,
            name => Aspect::Extra(bibtex::extra_name(name)),
        }
    }

    fn values(paper: &Paper, name: &str) -> Vec<String> {
        let value = value(paper, name);
        if value.is_empty() { Vec::new() } else { vec![value] }
    }

    fn names(paper: &Paper) -> Vec<String> {
        let kind = entry_type(paper);
        let date = paper.publication_date;
        // `date` is BibLaTeX's and overrules the year; a preprint's day before the year of print must not.
        let is_of_year = date.is_some_and(|date| paper.year.is_none_or(|year| year == date.year()));
        let mut names = vec![
            "title",
            "author",
            "editor",
            "year",
            if is_of_year { "date" } else { "publicationdate" },
            if matches!(kind, "article" | "periodical" | "suppperiodical") { "journal" } else { "booktitle" },
            "volume",
            "number",
            "pages",
            "publisher",
            "issn",
            "isbn",
            "language",
            "type",
            "doi",
            "eprint",
            "archiveprefix",
            "primaryclass",
            "pmid",
            "pmcid",
            "aclid",
            "openalex",
            "corpusid",
            "url",
            "keywords",
            "source",
            "upvotes",
        ];
        names.extend(EXTRA.iter().filter(|name| paper.extra.contains_key(**name)));
        names.push("abstract");
        names.into_iter().map(str::to_owned).collect()
    }

    fn read(lines: &[Line], paper: &Paper) -> Option<Paper> {
        bibtex::paper(entry_type(paper), paper.extra.get(CITATION_KEY).and_then(|key| key.as_str()), lines)
    }
}

/// Fields of `extra` that BibTeX and BibLaTeX have under the same name.
#[rustfmt::skip]
pub(crate) const EXTRA: [&str; 20] = [
    "address", "chapter", "edition", "eventtitle", "howpublished", "institution", "location", "month", "note",
    "organization", "school", "series", "shorttitle", "translator", "urldate", "version", "annote", "annotation",
    "affiliation", "file",
];

/// A field's value as TeX, blank where the paper has none.
fn value(paper: &Paper, name: &str) -> String {
    let text = |text: Option<&str>| text.map(|text| encode(&plain(text))).unwrap_or_default();
    let id = |kind: IdentifierKind| paper.external_ids.get(&kind).cloned().unwrap_or_default();
    let date = paper.publication_date;
    match name {
        "title" => paper.title.as_deref().map(|title| encode_title(&plain(title))).unwrap_or_default(),
        "abstract" => text(paper.abstract_text.as_deref()),
        "author" => people(&paper.authors),
        "editor" => people(&paper.editors),
        "year" => {
            paper.year.or(date.map(|date| date.year())).map(|year| year.to_string()).unwrap_or_default()
        }
        "date" | "publicationdate" => date.map(|date| date.to_string()).unwrap_or_default(),
        "journal" | "journaltitle" | "booktitle" => text(paper.venue.as_deref()),
        "volume" => text(paper.volume.as_deref()),
        "number" | "issue" => text(paper.issue.as_deref()),
        // TeX's dash between numbers, whatever the record has there.
        "pages" => {
            let pages = paper.pages.as_deref().map(|pages| pages.replace("--", "–").replace('-', "–"));
            text(pages.as_deref()).replace('–', "--")
        }
        "publisher" => text(paper.publisher.as_deref()),
        "issn" => text(Some(&paper.issn.join(", "))),
        "isbn" => text(Some(&paper.isbn.join(", "))),
        "language" | "langid" => text(paper.language.as_deref()),
        "type" => kind(paper),
        "doi" => doi(&id(IdentifierKind::Doi)),
        "eprint" | "arxiv" | "arxivid" => id(IdentifierKind::Arxiv),
        "archiveprefix" | "eprinttype" if paper.external_ids.contains_key(&IdentifierKind::Arxiv) => {
            "arXiv".to_owned()
        }
        "archiveprefix" | "eprinttype" => String::new(),
        "primaryclass" => {
            let is_arxiv = paper.external_ids.contains_key(&IdentifierKind::Arxiv);
            let class = paper.categories.first().filter(|class| is_arxiv && is_arxiv_category(class));
            class.cloned().unwrap_or_default()
        }
        "pmid" => id(IdentifierKind::Pmid),
        "pmcid" | "pmc" => id(IdentifierKind::Pmcid),
        "aclid" => id(IdentifierKind::Acl),
        "openalex" => id(IdentifierKind::OpenAlex),
        "corpusid" => id(IdentifierKind::CorpusId),
        "url" => paper.url.as_deref().map(plain_address).unwrap_or_default(),
        "keywords" | "keyword" | "author_keywords" | "author-keywords" => keywords(&paper.categories),
        "source" => text(paper.source.as_deref()),
        "upvotes" => paper.upvotes.map(|n| n.to_string()).unwrap_or_default(),
        name => text(Some(&extra_texts(paper, &bibtex::extra_name(name)).join("; "))),
    }
}

/// The kind, where the entry's type does not say it, or the record's own word for it.
fn kind(paper: &Paper) -> String {
    let own = extra_texts(paper, "type").join("; ");
    if !own.is_empty() {
        return encode(&plain(&own));
    }
    let of_type = PublicationKind::from_word(entry_type(paper));
    paper.kind.filter(|kind| Some(*kind) != of_type).map(|kind| kind.name().to_owned()).unwrap_or_default()
}

/// A text as it is written: on one line, with TeX's accents as characters.
pub(super) fn plain(text: &str) -> String {
    fold(&decode_accents(text))
}

fn people(names: &[String]) -> String {
    let names = names.iter().map(|name| plain(name)).filter(|name| !name.is_empty());
    names.map(|name| Person::from_text(&name).bibtex()).collect::<Vec<_>>().join(" and ")
}

/// Keywords between commas; one that has a separator is in braces, twice if it is alone: what is in braces
/// as a whole is a list to Web of Science, and so to us.
fn keywords(categories: &[String]) -> String {
    let keyword = |category: &String| {
        let keyword = encode(&plain(category));
        if keyword.contains([',', ';']) { format!("{{{keyword}}}") } else { keyword }
    };
    let keywords: Vec<String> =
        categories.iter().map(keyword).filter(|keyword| !keyword.is_empty()).collect();
    match keywords.as_slice() {
        [one] if one.starts_with('{') => format!("{{{one}}}"),
        _ => keywords.join(", "),
    }
}

/// A DOI as it is, but as its address where it holds what only a URL can encode.
fn doi(doi: &str) -> String {
    if !doi.contains(['{', '}', '"', '%', '#', '~', '\\']) {
        return doi.to_owned();
    }
    format!("https://doi.org/{}", percent_encoding::utf8_percent_encode(doi, super::IN_PATH))
        .replace('~', "%7E")
}

/// Keeps in a paper what its entry said in its own words. Values that no braces can hold are none.
pub(crate) fn keep_bibtex(paper: &mut Paper, fields: &[Line]) {
    let balanced: Vec<Line> = fields.iter().filter(|(_, value)| is_balanced(value)).cloned().collect();
    kept::keep::<BibTex>(paper, &balanced);
}
