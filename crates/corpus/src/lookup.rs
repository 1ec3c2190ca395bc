//! What a person means by a text that names a paper.
//!
//! People paste what they have: a link with tracking parameters, a DOI in angle brackets, a PubMed id and
//! nothing else. [`lookup`] says under which ids and identifiers the paper may be stored.

use std::sync::LazyLock;

use regex::Regex;

use crate::doi;
use crate::identifier::{self, ExternalId, IdentifierKind, url_path};
use crate::paper::PaperId;

/// What a look-up text may mean: records' own ids, identifiers that records carry, or both.
///
/// A paper matches if its id is the first of `ids` that there is; if there is none of them, if it carries one
/// of `identifiers`. Several may match then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// Ids that the text may be, the likeliest first. The first is the text itself, if it can be an id, also
    /// where it has a prefix or is a URL: a source may use `arXiv:1704.03578` as a record's own id.
    pub ids: Vec<PaperId>,
    /// The identifiers that the text names: with a prefix (`DOI:`, `arXiv `, in any case) or as a URL exactly
    /// that kind, else the kind whose form it unmistakably has. Five to eight digits alone are a PubMed id.
    pub identifiers: Vec<ExternalId>,
}

/// Reads what a person typed or a client put into a path (already percent-decoded).
#[must_use]
pub fn lookup(input: &str) -> Lookup {
    let input = visible(input);
    let mut lookup = Lookup::default();
    lookup.add_id(input);
    let text = unwrapped(input);
    lookup.add_id(text);
    for identifier in identifiers_of(text) {
        // The ids of PubMed's own records.
        if identifier.kind == IdentifierKind::Pmid {
            lookup.add_id(&format!("PMID:{}", identifier.value));
        }
        if !lookup.identifiers.contains(&identifier) {
            lookup.identifiers.push(identifier);
        }
    }
    for id in ids_of_services(text) {
        lookup.add_id(&id);
    }
    lookup
}

/// Whether a text can be nothing but an identifier: it is one with its label, in an address, or a DOI or arXiv id. A
/// number, or a name such as `MED12`, may be words as well.
#[must_use]
pub fn is_surely_identifier(input: &str) -> bool {
    let text = unwrapped(visible(input));
    let identifiers = identifiers_of(text);
    let is_labelled =
        IdentifierKind::ALL.iter().any(|kind| identifier::strip_label(text, kind.name()).is_some());
    let is_address =
        starts_with_ignoring_case(text, "http://") || starts_with_ignoring_case(text, "https://");
    let is_unlike_words = !text.contains(char::is_whitespace)
        && identifiers.iter().any(|id| matches!(id.kind, IdentifierKind::Doi | IdentifierKind::Arxiv));
    !identifiers.is_empty() && (is_labelled || is_address || is_unlike_words)
}

impl Lookup {
    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.identifiers.is_empty()
    }

    fn add_id(&mut self, text: &str) {
        if let Ok(id) = PaperId::new(text)
            && !self.ids.contains(&id)
        {
            self.ids.push(id);
        }
    }
}

/// A text without white space and what nobody sees at its ends, as it comes from pages.
fn visible(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || doi::is_unseen(c))
}

/// The texts of a list of identifiers, such as two DOIs with a comma between; `None` where any part may be something
/// else.
#[must_use]
pub fn listed_identifiers(input: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = visible(input)
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .filter(|part| !part.is_empty())
        .collect();
    let is_list = parts.len() > 1 && parts.iter().all(|part| is_surely_identifier(part));
    is_list.then_some(parts)
}

/// A text without the brackets and quotation marks around it, and what stands before an id in citations.
fn unwrapped(mut text: &str) -> &str {
    const PAIRS: [(char, char); 10] = [
        ('<', '>'),
        ('(', ')'),
        ('[', ']'),
        ('{', '}'),
        ('"', '"'),
        ('\'', '\''),
        ('“', '”'),
        ('„', '“'),
        ('‘', '’'),
        ('«', '»'),
    ];
    loop {
        let trimmed = text.trim().trim_end_matches([',', ';']);
        let inner = PAIRS.iter().find_map(|(open, close)| trimmed.strip_prefix(*open)?.strip_suffix(*close));
        let preprint = ["arxiv preprint ", "arxiv e-print ", "url:"];
        let inner = inner.or_else(|| {
            let found = preprint.iter().find(|words| starts_with_ignoring_case(trimmed, words))?;
            Some(&trimmed[found.len()..])
        });
        match inner {
            Some(inner) => text = inner,
            None => return trimmed,
        }
    }
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// The identifiers that a text names.
fn identifiers_of(text: &str) -> Vec<ExternalId> {
    let mut found = Vec::new();
    if text.contains("10.48550/") {
        // The paper's arXiv id, which papers may carry as a DOI nevertheless.
        found.extend(ExternalId::new(IdentifierKind::Arxiv, text));
        found.extend(ExternalId::new(IdentifierKind::Doi, text));
    } else {
        found.extend(identifier::identify(text));
    }
    if found.is_empty() {
        found = dois_in_url(text);
    }
    if found.is_empty() {
        found.extend(doi_of_page(text));
    }
    if found.is_empty() {
        found = identifiers_of_citation(text);
    }
    let is_bare_pmid = (5..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if found.is_empty() && is_bare_pmid {
        found.extend(ExternalId::new(IdentifierKind::Pmid, text));
    }
    found
}

/// The identifiers at the end of a citation, as PubMed and arXiv write them: `doi: 10.…. Epub 2018 Jan 5. PMID: …; PMCID: PMC….`,
/// `arXiv:…v2 [cs.CL] 5 Jan 2023`. If anything else is among them, there are none.
fn identifiers_of_citation(text: &str) -> Vec<ExternalId> {
    static AFTER_ARXIV: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(.*\S)\s*\[[a-z-]+(?:\.[A-Za-z-]+)?\](?:\s+[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4})?$")
            .expect("a pattern of this file is a valid one")
    });
    const MAX_BYTES: usize = 300;
    if text.len() > MAX_BYTES {
        return Vec::new();
    }
    let mut found = Vec::new();
    for sentence in text.split(". ") {
        if starts_with_ignoring_case(sentence, "epub ") {
            continue;
        }
        for part in sentence.split([';', ',', '|']).map(|part| part.trim().trim_end_matches('.')) {
            let part =
                AFTER_ARXIV.captures(part).and_then(|parts| parts.get(1)).map_or(part, |part| part.as_str());
            match identifier::identify(part) {
                // Two of one kind are two papers.
                Some(identifier) if found.iter().any(|other: &ExternalId| other.kind == identifier.kind) => {
                    return Vec::new();
                }
                Some(identifier) => found.push(identifier),
                None if part.is_empty() => {}
                None => return Vec::new(),
            }
        }
    }
    found
}

/// The DOI in the address of a publisher's page. Where it ends is not told: the longest that it may be comes
/// first.
fn dois_in_url(text: &str) -> Vec<ExternalId> {
    static DOI: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"[/=](?:doi:)?(10\.[0-9]{4,9}(?:\.[0-9]+)*/[^?#&\s]+)")
            .expect("a pattern of this file is a valid one")
    });
    /// What publishers put behind it.
    const PARTS: [&str; 14] = [
        "/full",
        "/abstract",
        "/pdf",
        "/epdf",
        "/meta",
        "/html",
        "/fulltext",
        "/summary",
        "/references",
        "/pdfdirect",
        ".pdf",
        ".full",
        ".abstract",
        ".html",
    ];
    if !starts_with_ignoring_case(text, "http://") && !starts_with_ignoring_case(text, "https://") {
        return Vec::new();
    }
    let Ok(text) = percent_encoding::percent_decode_str(text).decode_utf8() else { return Vec::new() };
    let Some(found) = DOI.captures(&text).and_then(|parts| parts.get(1)) else { return Vec::new() };
    let mut dois = Vec::new();
    let mut doi = found.as_str().trim_end_matches('/');
    loop {
        dois.extend(ExternalId::new(IdentifierKind::Doi, doi));
        // bioRxiv's and medRxiv's addresses end in the version.
        let without_version = doi
            .rsplit_once('v')
            .filter(|(rest, version)| {
                doi.starts_with("10.1101/")
                    && rest.len() > 8
                    && !version.is_empty()
                    && version.bytes().all(|byte| byte.is_ascii_digit())
            })
            .map(|(rest, _)| rest);
        match PARTS.iter().find_map(|part| doi.strip_suffix(part)).or(without_version) {
            Some(shorter) => doi = shorter,
            None => return dois,
        }
    }
}

/// The DOI of an article at publishers whose addresses end in the last part of it.
fn doi_of_page(text: &str) -> Option<ExternalId> {
    static ARTICLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^articles/([A-Za-z0-9][A-Za-z0-9._-]*?)(?:\.pdf|_reference\.pdf)?(?:/[a-z]+)?$")
            .expect("a pattern of this file is a valid one")
    });
    const PUBLISHERS: [(&str, &str); 2] =
        [("nature.com", "10.1038/"), ("elifesciences.org", "10.7554/eLife.")];
    PUBLISHERS.iter().find_map(|(host, prefix)| {
        let path = url_path(text, &[host])?;
        let article = ARTICLE.captures(&path)?;
        ExternalId::new(IdentifierKind::Doi, &format!("{prefix}{}", &article[1]))
    })
}

/// The ids that OpenAlex and Semantic Scholar give, as their records have them.
fn ids_of_services(text: &str) -> Vec<String> {
    static WORK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?i:works/|openalex[: ]\s*)?(?i:W)([1-9][0-9]{3,})$")
            .expect("a pattern of this file is a valid one")
    });
    static CORPUS_ID: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?i:corpus\s?id|s2cid)[: ]\s*([1-9][0-9]*)$")
            .expect("a pattern of this file is a valid one")
    });
    static SHA: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:paper|reader)/(?:[^/]+/)?([0-9a-f]{40})$")
            .expect("a pattern of this file is a valid one")
    });

    let openalex = url_path(text, &["openalex.org", "api.openalex.org", "explore.openalex.org"]);
    if let Some(parts) = WORK.captures(openalex.as_deref().unwrap_or(text)) {
        let number = &parts[1];
        return vec![format!("W{number}"), format!("https://openalex.org/W{number}")];
    }
    let path = url_path(text, &["semanticscholar.org", "api.semanticscholar.org"]);
    if let Some(parts) = path.as_deref().and_then(|path| SHA.captures(path)) {
        return vec![parts[1].to_owned()];
    }
    match CORPUS_ID.captures(path.as_deref().unwrap_or(text)) {
        Some(parts) => vec![format!("CorpusId:{}", &parts[1]), format!("CorpusID:{}", &parts[1])],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_at_a_publisher_may_hold_the_end_of_a_doi() {
        let check = |text: &str, expected: &str| {
            let found = lookup(text).identifiers;
            let dois: Vec<&str> = found.iter().map(|found| found.value.as_str()).collect();
            assert_eq!(dois, [expected], "{text}");
        };
        check("https://www.nature.com/articles/s00000-020-0000-1", "10.1038/s00000-020-0000-1");
        check("https://www.nature.com/articles/nature00000.pdf?proof=t", "10.1038/nature00000");
        check("https://elifesciences.org/articles/00001", "10.7554/elife.00001");
        check("https://elifesciences.org/articles/00001/figures", "10.7554/elife.00001");
        assert!(lookup("https://www.nature.com/subjects/ecology").identifiers.is_empty());
    }

    #[test]
    fn what_nobody_sees_is_no_part_of_an_identifier() {
        for text in ["1704.03578\u{200b}", "\u{feff}1704.03578", " 1704.03578\u{ad} "] {
            assert_eq!(lookup(text).identifiers, lookup("1704.03578").identifiers, "{text:?}");
            assert!(is_surely_identifier(text));
        }
    }

    #[test]
    fn identifiers_are_listed_where_nothing_else_is() {
        let check = |text: &str, expected: Option<&[&str]>| {
            assert_eq!(listed_identifiers(text).as_deref(), expected, "{text}");
        };
        check("10.5555/own.3 10.5555/own.1", Some(&["10.5555/own.3", "10.5555/own.1"]));
        check("10.5555/own.3; arXiv:1704.03578", Some(&["10.5555/own.3", "arXiv:1704.03578"]));
        check("10.5555/own.3", None);
        check("compare 10.5555/own.3 10.5555/own.1", None);
    }
}
