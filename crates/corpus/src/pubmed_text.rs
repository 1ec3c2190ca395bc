//! PubMed's abstracts as text ("Abstract (text)"): a citation, a title, authors, an abstract and identifiers, a
//! paragraph each.
//!
//! Paragraphs have no names, so each is known by its place and its first words. What is known as none goes
//! to the abstract: there it is found, and nothing is lost.

use std::sync::LazyLock;

use regex::Regex;

use crate::bibliography::{Draft, ENTRY_TYPE, To};
use crate::error::{Place, ReadError, RecordError};
use crate::identifier::IdentifierKind;
use crate::input::Input;
use crate::lines::{Line, Lines};
use crate::reader::{FormatReader, MAX_RECORD_BYTES};
use crate::record::Record;
use crate::text::fold;

/// Whether a text begins with a citation, and has a PMID in the way of this format.
pub(crate) fn is_pubmed_text(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    let begins = lines.next().is_some_and(|line| number(line).is_some());
    let is_id = |line: &str| {
        line.strip_prefix("PMID: ").is_some_and(|id| id.starts_with(|c: char| c.is_ascii_digit()))
    };
    begins && lines.any(is_id)
}

/// The papers of such a text.
pub(crate) struct PubMedText {
    lines: Lines,
    /// The first line of the next record.
    ahead: Option<(String, Place)>,
}

impl PubMedText {
    pub(crate) fn new(input: Input) -> Self {
        Self { lines: Lines::new(input), ahead: None }
    }
}

impl FormatReader for PubMedText {
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError> {
        let mut paragraphs: Vec<String> = Vec::new();
        let mut place = None;
        let mut expected = 0;
        if let Some((line, at)) = self.ahead.take() {
            expected = number(&line).unwrap_or_default() + 1;
            paragraphs.push(line);
            place = Some(at);
        }
        let (mut n_bytes, mut was_blank, mut has_id, mut is_whole) = (0, false, false, true);
        loop {
            let at = self.lines.place_of_next();
            let Some(line) = self.lines.next_line()? else { break };
            let Line::Text(line) = line else {
                is_whole = false;
                continue;
            };
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end().trim_start_matches('\u{feff}');
            if line.trim().is_empty() {
                was_blank = true;
                continue;
            }
            let begins = number(line).filter(|_| was_blank || paragraphs.is_empty());
            if place.is_none() {
                expected = begins.unwrap_or_default() + 1;
                place = Some(at);
            } else if has_id && begins == Some(expected) {
                self.ahead = Some((line.to_owned(), at));
                break;
            }
            has_id |= line.starts_with("PMID:") || line.starts_with("DOI:");
            n_bytes += line.len() + size_of::<String>();
            is_whole &= n_bytes <= MAX_RECORD_BYTES;
            if !is_whole {
                paragraphs = Vec::new();
            }
            match paragraphs.last_mut().filter(|_| !was_blank) {
                Some(last) => {
                    last.push('\n');
                    last.push_str(line);
                }
                None => paragraphs.push(line.to_owned()),
            }
            was_blank = false;
        }
        let Some(place) = place else { return Ok(None) };
        Ok(Some(if is_whole { read(&paragraphs, &place) } else { Err(RecordError::too_long(&place)) }))
    }
}

/// The number of a citation.
fn number(line: &str) -> Option<u64> {
    let (number, rest) = line.split_once(". ")?;
    (!rest.trim().is_empty()).then(|| number.parse().ok()).flatten()
}

fn read(paragraphs: &[String], place: &Place) -> Result<Record, RecordError> {
    let mut draft = Draft::default();
    draft.reference.add(ENTRY_TYPE, "article");
    let mut rest = paragraphs.iter();
    if let Some(citation) = rest.next() {
        read_citation(citation, &mut draft);
    }
    if let Some(title) = rest.next() {
        draft.add(To::Title, title);
    }
    let mut has_authors = false;
    let mut abstract_text: Vec<String> = Vec::new();
    for paragraph in rest {
        let first = paragraph.lines().next().unwrap_or_default();
        if is_identifiers(first) {
            read_identifiers(paragraph, &mut draft);
        } else if let Some(name) = remark(first) {
            draft.add(To::Lines(name), paragraph);
        } else if !has_authors && abstract_text.is_empty() && is_authors(paragraph) {
            has_authors = true;
            for name in authors(paragraph) {
                draft.add_author(&name);
            }
        } else {
            abstract_text.push(fold(paragraph));
        }
    }
    draft.add(To::Abstract, &abstract_text.join(" "));
    draft.finish().into_paper(place)
}

/// `1. J Quays. 2020 Jan 5;4(2):1-9. doi: 10.5555/pa.1. Epub 2019 Dec 1.`
fn read_citation(citation: &str, draft: &mut Draft) {
    static CITATION: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"^[0-9]+\. (.+?)\. ([0-9]{4}[^;:.]*)(?:;([^(:.]*)(?:\(([^)]*)\))?(?::([^.]*))?)?\.?(.*)$")
    });
    static DOI: LazyLock<Regex> = LazyLock::new(|| pattern(r"doi: (10\.\S+?)\.?(?:\s|$)"));

    let citation = fold(citation);
    draft.reference.add("citation", citation.clone());
    let Some(parts) = CITATION.captures(&citation) else { return };
    let part = |group: usize| parts.get(group).map(|part| part.as_str().trim()).unwrap_or_default();
    draft.add(To::Venue(0, "journal"), part(1));
    draft.add(To::Year, part(2));
    draft.add(To::Field("volume"), part(3));
    draft.add(To::Field("issue"), part(4));
    draft.add(To::Field("pages"), part(5));
    if let Some(doi) = DOI.captures(&citation) {
        draft.add(To::Doi, &doi[1]);
    }
}

fn is_identifiers(line: &str) -> bool {
    ["DOI:", "PMID:", "PMCID:"].iter().any(|label| line.starts_with(label))
}

fn read_identifiers(paragraph: &str, draft: &mut Draft) {
    for line in paragraph.lines() {
        let (label, value) = line.split_once(':').unwrap_or(("", line));
        let value = value.trim();
        // `31234567 [Indexed for MEDLINE]`
        let id = value.split(' ').next().unwrap_or_default();
        match label {
            "DOI" => draft.add(To::Doi, value),
            "PMID" => draft.add(To::Id(IdentifierKind::Pmid), id),
            "PMCID" => draft.add(To::Id(IdentifierKind::Pmcid), id),
            _ => draft.add(To::Lines("note"), line),
        }
    }
}

/// The name of a paragraph that is neither title, authors nor abstract, by its first line.
fn remark(line: &str) -> Option<&'static str> {
    const REMARKS: [(&str, &str); 17] = [
        ("Author information:", "affiliation"),
        ("Collaborators:", "collaborators"),
        ("Comment in", "comments"),
        ("Comment on", "comments"),
        ("Erratum in", "comments"),
        ("Erratum for", "comments"),
        ("Update in", "comments"),
        ("Update of", "comments"),
        ("Retraction in", "comments"),
        ("Summary for patients in", "comments"),
        ("Conflict of interest statement:", "conflict_of_interest"),
        ("Copyright", "copyright"),
        ("©", "copyright"),
        ("Publisher:", "other_language"),
        ("[Article in ", "note"),
        ("[No authors listed]", "note"),
        ("Free PMC Article", "note"),
    ];
    REMARKS.iter().find(|(start, _)| line.starts_with(start)).map(|(_, name)| *name)
}

/// `Smith AB(1), Doe C(1)(2), van den Berg J.`: every part ends in initials, perhaps with numbers behind, or
/// is a group.
fn is_authors(paragraph: &str) -> bool {
    static AUTHOR: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^\p{L}[\p{L}\p{M}'’. -]*(?: \p{Lu}{1,4}(?: (?:Jr|Sr|2nd|3rd))?(?:\([0-9#]+\))*|(?:\([0-9#]+\))+)$",
        )
    });
    let text = fold(paragraph);
    let parts: Vec<&str> = text.trim_end_matches('.').split([',', ';']).map(str::trim).collect();
    let n_authors = parts.iter().filter(|part| AUTHOR.is_match(part)).count();
    n_authors > 0 && 3 * n_authors >= 2 * parts.len()
}

fn authors(paragraph: &str) -> Vec<String> {
    static NUMBERS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\([0-9#]+\)"));
    let text = fold(paragraph);
    let text = NUMBERS.replace_all(text.trim_end_matches('.'), "");
    let names = text.split([',', ';']).map(fold).filter(|name| !name.is_empty() && name != "et al");
    names.collect()
}

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("a pattern written in this file is a valid one")
}
