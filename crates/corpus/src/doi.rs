//! DOIs in the ways in which people write them.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::markup::decode_references;

/// The canonical form of the DOI that a text is: in lower case, without resolver, label, and what readers'
/// pages and reference managers put behind it. `None` for what is no DOI, and for arXiv's own
/// (`10.48550/arXiv.1704.03578`), which are arXiv ids: see [`arxiv_id`].
pub(crate) fn canonical(text: &str) -> Option<String> {
    let doi = read(text)?;
    arxiv_id(&doi).is_none().then_some(doi)
}

/// The arXiv id in a DOI that arXiv gave.
pub(crate) fn arxiv_id(text: &str) -> Option<String> {
    let doi = read(text)?;
    doi.strip_prefix("10.48550/arxiv.").map(str::to_owned)
}

/// Whether a text is a DOI, whoever gave it.
pub(crate) fn is_doi(text: &str) -> bool {
    read(text).is_some()
}

fn read(text: &str) -> Option<String> {
    /// What stands before a DOI: nothing, a label, a resolver, or the address of a page on any site.
    static LEAD_IN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)^[\s\x22'(\[<{]*(?:(?:info:|urn:|hdl:|available\s+(?:at|from):?\s*)?doi(?:\.org)?[\s:=/]*|info:doi/)*(?:[a-z0-9.-]*doi[a-z0-9.-]*\.[a-z0-9.-]+(?::[0-9]+)?/(?:\S*/)?|(?:https?|ftp):/{1,2}\S*[/=:])?[\s:]*$",
        )
    });
    /// Registrant and what it names. White space behind the slash is a slip of copying.
    static DOI: LazyLock<Regex> = LazyLock::new(|| pattern(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/ ?[^\s\p{Cc}]+"));

    /// What may stand behind a DOI and white space.
    static BEHIND: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)^(?:[\[(;,|<]|epub|10\.[0-9]{4}|https?:|doi|pmc?id)"));

    let text = tidy(text);
    let found = DOI.find_iter(&text).find(|found| LEAD_IN.is_match(&text[..found.start()]))?;
    // White space cuts a DOI, unless what is before it says that it ends there, or what is behind is something else.
    let rest = text[found.end()..].trim_start();
    if !rest.is_empty() && !found.as_str().ends_with(['.', ',', ';', ':', ')', ']']) && !BEHIND.is_match(rest)
    {
        return None;
    }
    // Only ASCII letters: a DOI's other characters are compared as they are (DOI handbook, 2.4).
    // BibTeX and arXiv write `\_` for `_`; no registered DOI holds a backslash.
    let doi = found.as_str().to_ascii_lowercase().replace([' ', '\\'], "");
    let doi = without_what_follows(&doi);
    // Oxford's addresses go on with a number of their own.
    let is_oxford = text[..found.start()].to_ascii_lowercase().contains("academic.oup.com/");
    let doi = match doi.rsplit_once('/') {
        Some((shorter, number)) if is_oxford && is_number(number) && shorter.contains('/') => shorter,
        _ => doi,
    };
    let (_, suffix) = doi.split_once('/')?;
    suffix.contains(char::is_alphanumeric).then(|| doi.to_owned())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// With references and an address's percent signs decoded, one kind of hyphen, and without what nobody sees. An
/// address ends before its parameters.
fn tidy(text: &str) -> Cow<'_, str> {
    let mut text = decode_references(text.trim());
    if let Some(at) = memchr::memmem::find(text.as_bytes(), b"10.") {
        let is_address = text[..at].contains("//");
        if let Some(length) = text[at..].find(['?', '#']).filter(|_| is_address) {
            text = Cow::Owned(text[..at + length].to_owned());
        }
        let is_encoded = text.contains('%') && (is_address || text.contains("%2F") || text.contains("%2f"));
        if is_encoded && let Ok(decoded) = percent_encoding::percent_decode_str(&text).decode_utf8() {
            text = Cow::Owned(decoded.into_owned());
        }
    }
    if text.is_ascii() {
        return text;
    }
    let plain = text.chars().filter(|c| !is_unseen(*c));
    Cow::Owned(
        plain.map(|c| if matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}') { '-' } else { c }).collect(),
    )
}

/// Whether nobody sees a character, which comes along with what is copied from pages.
pub(crate) fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Without what stands behind a DOI: pages of an article's address, parameters, a second DOI, punctuation.
fn without_what_follows(mut doi: &str) -> &str {
    static PARAMETERS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[?&][a-z_.-]+="));
    // A SICI may end in a bare `#`.
    static FRAGMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"#[a-z][a-z0-9_.-]*$"));
    static SECOND: LazyLock<Regex> = LazyLock::new(|| pattern(r"[;,|](?:https?://|doi:)?\S*10\.[0-9]{4,9}/"));
    static PREPRINT_PAGE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"^(10\.1101/(?:[0-9]{4}\.[0-9]{2}\.[0-9]{2}\.)?[0-9]+)v[0-9]+(?:\.[a-z.-]+)?$")
    });
    const PAGES: [&str; 14] = [
        "/full",
        "/abstract",
        "/pdf",
        "/epdf",
        "/epub",
        "/html",
        "/fulltext",
        "/full.pdf",
        "/summary",
        "/meta",
        "/references",
        "/citations",
        "/suppl",
        ".pdf",
    ];

    if let Some(found) = SECOND.find(doi) {
        doi = &doi[..found.start()];
    }
    if let Some(found) = PARAMETERS.find(doi) {
        doi = &doi[..found.start()];
    }
    if let Some(found) = FRAGMENT.find(doi) {
        doi = &doi[..found.start()];
    }
    doi = doi.strip_suffix("[doi]").unwrap_or(doi);
    loop {
        let mut trimmed = trim_trailing_punctuation(doi);
        let shorter = PAGES.iter().find_map(|page| trimmed.strip_suffix(page));
        // `10.1000/full` is all that there is.
        trimmed = shorter.filter(|shorter| shorter.contains('/')).unwrap_or(trimmed);
        trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        if trimmed.len() == doi.len() {
            break;
        }
        doi = trimmed;
    }
    PREPRINT_PAGE.captures(doi).and_then(|parts| parts.get(1)).map_or(doi, |version| version.as_str())
}

/// Without what follows a DOI in running text: punctuation, a stray `%20`, brackets that were never
/// opened inside it.
fn trim_trailing_punctuation(mut text: &str) -> &str {
    loop {
        let mut trimmed = text.trim_end_matches(|c: char| c.is_whitespace() || ".,;:'\"”’".contains(c));
        trimmed = trimmed.strip_suffix("%20").unwrap_or(trimmed);
        for (open, close) in [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')] {
            if trimmed.ends_with(close) && trimmed.matches(close).count() > trimmed.matches(open).count() {
                trimmed = &trimmed[..trimmed.len() - close.len_utf8()];
            }
        }
        if trimmed.len() == text.len() {
            return text;
        }
        text = trimmed;
    }
}

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("a pattern written in this file is a valid one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_doi() {
        fn check(text: &str, expected: &str) {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
            assert_eq!(canonical(expected).as_deref(), Some(expected));
        }
        for text in [
            "10.5555/ABC.1",
            "https://doi.org/10.5555/ABC.1",
            "http://dx.doi.org/10.5555/ABC.1",
            "doi:10.5555/abc.1",
            "DOI: 10.5555/abc.1",
            "DOI 10.5555/abc.1",
            "doi:https://doi.org/10.5555/abc.1",
            "doi.org/10.5555/abc.1",
            "www.doi.org/10.5555/abc.1",
            "info:doi/10.5555/abc.1",
            "urn:doi:10.5555/abc.1",
            "10.5555/abc.1. Epub 2020 Jan 3",
            "10.5555/abc.1 [doi]",
            "10.5555/abc.1[doi]",
            "http://dx.doi.org.ezproxy.example.edu/10.5555/abc.1",
            "https://doi-org.proxy.example.edu/10.5555/abc.1",
            "https://proxy.example.edu/login?url=https://doi.org/10.5555/abc.1",
            "https://www.example.com/doi/abs/10.5555/abc.1",
            "https://www.example.com/doi/10.5555/abc.1?journalCode=x&x=y",
            "https://www.example.com/articles/10.5555/abc.1#ref-1",
            "https://doi.org/10.5555%2Fabc.1",
            "10.5555%2fabc.1",
            "10.5555/abc.1?utm_source=x",
            "10.5555/abc.1#abstract",
            "10.5555/abc.1#sec-2",
            "https://academic.oup.com/mnras/article/doi/10.5555/abc.1/5480000",
            "10.5555/abc.1/full",
            "10.5555/abc.1/full/pdf.",
            "10.5555/ abc.1",
            "10.5555/abc.1; 10.5555/abc.2",
            "10.5555/abc.1;10.5555/abc.2",
            "10.5555/abc.1,https://doi.org/10.5555/abc.2",
            "(10.5555/abc.1)",
            "<10.5555/abc.1>",
            "\u{200b}10.5555/abc.1\u{200b}",
            "10.5555/abc.1/",
        ] {
            check(text, "10.5555/abc.1");
        }
        check("10.5555/abc\u{2010}21", "10.5555/abc-21");
        check("10.5555/978-0-00-000000-2", "10.5555/978-0-00-000000-2");
        check("10.5555/a\\_b", "10.5555/a_b");
        check(
            "10.1002/(SICI)1097-0258(19980815/30)17:15/16&lt;1661::AID-SIM968&gt;3.0.CO;2-2",
            "10.1002/(sici)1097-0258(19980815/30)17:15/16<1661::aid-sim968>3.0.co;2-2",
        );
        check("10.1016/S0140-6736(05)17709-5", "10.1016/s0140-6736(05)17709-5");
        check(
            "https://www.biorxiv.org/content/10.1101/2020.01.01.000001v2.full",
            "10.1101/2020.01.01.000001",
        );
        check("10.1000/full", "10.1000/full");
        check(
            "10.1002/1521-3773(20010316)40:6<9823::AID-ANIE9823>3.3.CO;2-#",
            "10.1002/1521-3773(20010316)40:6<9823::aid-anie9823>3.3.co;2-#",
        );
        check("10.1000.10/123456/7", "10.1000.10/123456/7");
        check("10.1000.10/123456", "10.1000.10/123456");
    }

    #[test]
    fn what_is_no_doi_is_none() {
        for text in [
            "",
            "in press",
            "?",
            "https://doi.org/",
            "10.",
            "10.5555",
            "10.5555/",
            "10.5555/.",
            "0",
            "N/A",
            "see 10.5555/abc.1",
            "smith10.5555/abc.1",
            "doi:",
            "110.5555/abc",
            "10.55/abc",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn the_dois_of_arxiv_are_arxiv_ids() {
        for text in [
            "10.48550/arXiv.1805.11924",
            "https://doi.org/10.48550/arXiv.1805.11924",
            "DOI 10.48550/ARXIV.1805.11924",
        ] {
            assert_eq!(arxiv_id(text).as_deref(), Some("1805.11924"), "{text}");
            assert_eq!(canonical(text), None, "{text}");
        }
        assert_eq!(arxiv_id("10.5555/abc.1"), None);
    }
}
