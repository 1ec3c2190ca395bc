//! BibTeX: entries that BibTeX, BibLaTeX and reference managers read.
//!
//! Texts have their white space folded and TeX's accents (as in arXiv's titles) as characters; every
//! other sign of TeX is escaped, but for maths. Names are `Family, Given`.

use std::collections::HashSet;
use std::io::{self, Write};

use unicode_normalization::UnicodeNormalization;

use super::{entry_type, extra_text, plain_address};
use crate::bibliography::{CITATION_KEY, derived_id, encode_own_id};
use crate::identifier::{IdentifierKind, is_arxiv_category};
use crate::paper::Paper;
use crate::person::Person;
use crate::tex::{decode_accents, encode, encode_title};
use crate::text::fold;

pub(super) fn write(out: &mut impl Write, paper: &Paper, keys: &mut Keys) -> io::Result<()> {
    let kind = entry_type(paper);
    write!(out, "@{kind}{{{}", keys.key(paper))?;
    for (name, value) in fields(paper, kind) {
        if !value.is_empty() {
            write!(out, ",\n  {name} = {{{value}}}")?;
        }
    }
    out.write_all(b"\n}\n\n")
}

/// The fields of an entry, values as TeX, blank where the paper has none.
fn fields(paper: &Paper, kind: &str) -> Vec<(&'static str, String)> {
    let text = |text: Option<&str>| text.map(|text| encode(&plain(text))).unwrap_or_default();
    let authors: Vec<String> =
        paper.authors.iter().map(|name| author(name)).filter(|name| !name.is_empty()).collect();
    let id = |kind: IdentifierKind| paper.external_ids.get(&kind).cloned().unwrap_or_default();
    let arxiv = id(IdentifierKind::Arxiv);
    let class = paper.categories.first().filter(|class| !arxiv.is_empty() && is_arxiv_category(class));
    let date = paper.publication_date;
    // `date` is BibLaTeX's and overrules the year; a preprint's day before the year of print must not.
    let is_of_year = date.is_some_and(|date| paper.year.is_none_or(|year| year == date.year()));
    let day = date.map(|date| date.to_string()).unwrap_or_default();
    let year = paper.year.or(date.map(|date| date.year()));
    // TeX's dash between numbers, whatever the record has there.
    let pages = paper.pages.clone().unwrap_or_default().replace("--", "–");
    let has_own_id = derived_id(paper).as_ref() != Some(&paper.id);
    vec![
        ("title", paper.title.as_deref().map(|title| encode_title(&plain(title))).unwrap_or_default()),
        ("author", authors.join(" and ")),
        ("year", year.map(|year| year.to_string()).unwrap_or_default()),
        (if is_of_year { "date" } else { "publicationdate" }, day),
        (if kind == "article" { "journal" } else { "booktitle" }, text(paper.venue.as_deref())),
        ("volume", text(paper.volume.as_deref())),
        ("number", text(paper.issue.as_deref())),
        ("pages", text(Some(&pages)).replace('–', "--")),
        ("publisher", text(paper.publisher.as_deref())),
        ("doi", doi(&id(IdentifierKind::Doi))),
        ("eprint", arxiv.clone()),
        ("archiveprefix", if arxiv.is_empty() { String::new() } else { "arXiv".to_owned() }),
        ("primaryclass", class.cloned().unwrap_or_default()),
        ("pmid", id(IdentifierKind::Pmid)),
        ("pmcid", id(IdentifierKind::Pmcid)),
        ("aclid", id(IdentifierKind::Acl)),
        ("url", paper.url.as_deref().map(plain_address).unwrap_or_default()),
        ("keywords", keywords(&paper.categories)),
        ("source", text(paper.source.as_deref())),
        ("paperid", if has_own_id { encode_own_id(&paper.id) } else { String::new() }),
        ("abstract", text(paper.abstract_text.as_deref())),
    ]
}

/// A text as it is written: on one line, with TeX's accents as characters.
pub(super) fn plain(text: &str) -> String {
    fold(&decode_accents(text))
}

fn author(name: &str) -> String {
    let name = plain(name);
    if name.is_empty() { name } else { Person::from_text(&name).bibtex() }
}

/// Keywords between commas; one that has a separator is in braces.
fn keywords(categories: &[String]) -> String {
    let keyword = |category: &String| {
        let keyword = encode(&plain(category));
        if keyword.contains([',', ';']) { format!("{{{keyword}}}") } else { keyword }
    };
    categories.iter().map(keyword).filter(|keyword| !keyword.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A DOI as it is, but as its address where it holds what only a URL can encode.
fn doi(doi: &str) -> String {
    if !doi.contains(['{', '}', '"', '%', '#', '~', '\\']) {
        return doi.to_owned();
    }
    format!("https://doi.org/{}", percent_encoding::utf8_percent_encode(doi, super::IN_PATH))
        .replace('~', "%7E")
}

/// The citation keys given in one file, in lower case, since BibTeX does not tell case apart.
#[derive(Default)]
pub(super) struct Keys {
    taken: HashSet<String>,
}

impl Keys {
    /// The key that the paper's record had, else `surname2020word`; a second one gets `b`, then `c`, …
    fn key(&mut self, paper: &Paper) -> String {
        let own = extra_text(paper, CITATION_KEY).filter(|key| is_key(key));
        let base = own.map_or_else(|| generated(paper), str::to_owned);
        let mut key = base.clone();
        let mut n = 1_usize;
        while !self.taken.insert(key.to_lowercase()) {
            n += 1;
            key = format!("{base}{}", letters(n));
        }
        key
    }
}

/// Whether a key stands in every tool as it is.
fn is_key(key: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_:./+".contains(c);
    (1..=100).contains(&key.len())
        && key.starts_with(|c: char| c.is_ascii_alphanumeric())
        && key.chars().all(is_plain)
}

/// 2 is `b`, 26 `z`, 27 `aa`.
fn letters(mut n: usize) -> String {
    let mut letters = String::new();
    while n > 0 {
        n -= 1;
        letters.insert(0, char::from(b'a' + u8::try_from(n % 26).unwrap_or_default()));
        n /= 26;
    }
    letters
}

/// First author's family name, year, first word of the title that says something.
fn generated(paper: &Paper) -> String {
    #[rustfmt::skip]
    const SMALL: [&str; 14] =
        ["a", "an", "the", "on", "of", "in", "for", "to", "and", "with", "from", "is", "are", "towards"];

    let first = paper.authors.first().map(|name| Person::from_text(&plain(name)));
    let mut surname = first.map(|person| ascii(person.family())).unwrap_or_default();
    surname.truncate(30);
    let year = paper.year.map(|year| year.to_string()).unwrap_or_default();
    let title = plain(paper.title.as_deref().unwrap_or_default());
    let mut words = title.split(|c: char| !c.is_alphanumeric()).map(ascii).filter(|word| !word.is_empty());
    let mut word = words.find(|word| !SMALL.contains(&word.as_str())).unwrap_or_default();
    word.truncate(30);
    let key = format!("{surname}{year}{word}");
    let starts_well = key.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts_well { key } else { format!("paper{key}") }
}

/// The ASCII letters and digits of a text in lower case, accents taken off.
fn ascii(text: &str) -> String {
    let mut ascii = String::new();
    for c in text.nfkd() {
        match c {
            'ß' => ascii.push_str("ss"),
            'æ' | 'Æ' => ascii.push_str("ae"),
            'œ' | 'Œ' => ascii.push_str("oe"),
            'ø' | 'Ø' => ascii.push('o'),
            'ł' | 'Ł' => ascii.push('l'),
            'đ' | 'Đ' | 'ð' => ascii.push('d'),
            'ı' => ascii.push('i'),
            _ if c.is_ascii_alphanumeric() => ascii.push(c.to_ascii_lowercase()),
            _ => {}
        }
    }
    ascii
}
