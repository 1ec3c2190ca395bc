//! Reading identifiers from the value of a field, in whatever shape a source gives it.

use serde_json::Value;

use crate::doi;
use crate::identifier::IdentifierKind;
use crate::literal;
use crate::reading::{Reading, describe, scalar_text};
use crate::text::is_filler;
use crate::values::{MAX_DEPTH, is_blank, member};

/// The texts of a field that may hold identifiers.
fn texts(value: &Value, depth: usize) -> Vec<String> {
    match value {
        _ if depth > MAX_DEPTH => Vec::new(),
        Value::Array(list) => list.iter().flat_map(|element| texts(element, depth + 1)).collect(),
        Value::Object(members) => ["value", "id", "identifier"]
            .iter()
            .filter_map(|name| member(members, name))
            .flat_map(|value| texts(value, depth + 1))
            .collect(),
        Value::String(text) => match literal::parse(text) {
            Some(list) => texts(&list, depth + 1),
            None => vec![text.trim().to_owned()],
        },
        other => scalar_text(other).into_iter().collect(),
    }
}

/// Whether an object around an identifier says more than that.
fn has_more_members(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(has_more_members),
        Value::Object(members) => members.values().filter(|value| !is_blank(value)).count() > 1,
        _ => false,
    }
}

/// The parts of a text between which one identifier ends.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| c.is_whitespace() || matches!(c, ';' | ',' | '|'));
    parts.filter(|part| !part.is_empty())
}

/// The first identifier of `kind` in a field; the raw field is kept where it says more. A DOI that arXiv gave is
/// none: see [`arxiv_id_of_doi`].
pub(crate) fn read_identifier(kind: IdentifierKind, value: &Value) -> Reading<String> {
    let texts = texts(value, 0);
    if texts.is_empty() && !is_blank(value) && !matches!(value, Value::Array(_) | Value::Object(_)) {
        return Reading::unreadable(kind.description(), value);
    }
    let mut found = texts.iter().filter_map(|text| Some((text, first_identifier(kind, text)?)));
    match found.next() {
        Some((text, first)) => {
            let is_all = texts.len() == 1 && !says_more(kind, text) && !has_more_members(value);
            if is_all { Reading::whole(first) } else { Reading::part(first) }
        }
        None if texts.iter().all(|text| says_no_identifier(text)) => Reading::filler(),
        None => Reading::unreadable(kind.description(), &Value::String(texts.join(" "))),
    }
}

fn first_identifier(kind: IdentifierKind, text: &str) -> Option<String> {
    if let Some(whole) = kind.canonical(text) {
        // One that ends in a separator was broken by a stray space, so that it names something else.
        let is_broken = text.trim().contains(' ') && whole.ends_with(['-', '/', '_']);
        return (!is_broken).then_some(whole);
    }
    parts(text).find_map(|part| kind.canonical(part).filter(|id| !id.ends_with(['-', '/'])))
}

/// Whether a text with an identifier says more than one.
fn says_more(kind: IdentifierKind, text: &str) -> bool {
    match kind {
        IdentifierKind::Doi => {
            let text = text.trim();
            let first = kind.canonical(text.split([' ', '\t', '\n']).next().unwrap_or_default());
            let is_again = |part: &str| kind.canonical(part) == first;
            let is_several = text.contains(char::is_whitespace) || text.matches("10.").count() > 1;
            is_several && !parts(text).all(is_again)
        }
        _ => kind.canonical(text).is_none(),
    }
}

/// "in press", "?", 0, an address without a DOI: known to be no identifier, and no fault of the file.
fn says_no_identifier(text: &str) -> bool {
    let lower = text.to_lowercase();
    let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
    is_filler(text)
        || [
            "",
            "0",
            "in press",
            "pending",
            "unknown",
            "forthcoming",
            "submitted",
            "doi",
            "no doi",
            "undefined",
        ]
        .contains(&bare)
        || matches!(bare, "https://doi.org" | "http://doi.org" | "https://dx.doi.org" | "http://dx.doi.org")
}

/// The first arXiv id that a field of DOIs gives in the form of a DOI.
pub(crate) fn arxiv_id_of_doi(value: &Value) -> Option<String> {
    let of_text = |text: &str| IdentifierKind::Arxiv.canonical(&doi::arxiv_id(text)?);
    texts(value, 0).iter().find_map(|text| of_text(text).or_else(|| parts(text).find_map(of_text)))
}

/// Identifiers by the names of their kinds, of an object or of a list of `{"type": "doi", "value": …}`, perhaps in an
/// object of its own. Of those of ORCID that say of what a work is a part, the kind's name says so.
pub(crate) fn identifier_members(value: Value) -> Result<Vec<(String, Value)>, Value> {
    let pair = |element: &Value| {
        let members = element.as_object()?;
        let text = |names: &[&str]| names.iter().find_map(|name| member(members, name));
        let kinds = [
            "type",
            "idtype",
            "identifiertype",
            "@identifiertype",
            "@idtype",
            "externalidtype",
            "source",
            "scheme",
        ];
        let id = text(&["value", "id", "identifier", "#text", "externalidvalue"])?;
        let kind = text(&kinds)?.as_str()?;
        let relation = text(&["externalidrelationship"]).and_then(Value::as_str).unwrap_or_default();
        let is_of_whole = relation.eq_ignore_ascii_case("part-of") && !matches!(kind, "issn" | "isbn");
        Some((if is_of_whole { format!("{kind} of the whole") } else { kind.to_owned() }, id.clone()))
    };
    if let Some(pair) = pair(&value) {
        return Ok(vec![pair]);
    }
    match value {
        Value::Object(mut members) => {
            let is_list = |value: &Value| {
                value
                    .as_array()
                    .is_some_and(|list| !list.is_empty() && list.iter().all(|id| pair(id).is_some()))
            };
            match members.iter().find(|(_, value)| is_list(value)).map(|(name, _)| name.clone()) {
                Some(name) if members.len() == 1 => {
                    identifier_members(members.remove(&name).unwrap_or_default())
                }
                _ => Ok(members.into_iter().collect()),
            }
        }
        Value::Array(list) if list.iter().all(Value::is_object) => {
            let pairs: Option<Vec<_>> = list.iter().map(pair).collect();
            pairs.ok_or(Value::Array(list))
        }
        other => Err(other),
    }
}

/// A value in words for a warning, and what was expected.
pub(crate) fn expected_ids(value: &Value) -> String {
    format!("expected an object of ids by kind, found {}", describe(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identifiers_are_found_and_junk_is_none() {
        let read = |kind, value: Value| read_identifier(kind, &value);
        assert_eq!(
            read(IdentifierKind::Doi, json!(["10.5555/ABC.20"])),
            Reading::whole("10.5555/abc.20".into())
        );
        assert_eq!(
            read(IdentifierKind::Doi, json!("10.5555/a; 10.5555/b")),
            Reading::part("10.5555/a".into())
        );
        for junk in [json!("in press"), json!("https://doi.org/"), json!("?"), json!("N/A")] {
            assert_eq!(read(IdentifierKind::Doi, junk), Reading::filler());
        }
        assert_eq!(read(IdentifierKind::Pmid, json!(0)), Reading::filler());
        assert_eq!(read(IdentifierKind::Pmid, json!(31_234_567.0)), Reading::whole("31234567".into()));
        assert!(read(IdentifierKind::Doi, json!("no such")).warning.is_some());
        for value in [
            json!("https://doi.org/10.48550/arXiv.1805.11924"),
            json!(["10.5555/a", "10.48550/ARXIV.1805.11924v2"]),
            json!("10.5555/a; 10.48550/arXiv.1805.11924"),
        ] {
            assert_eq!(arxiv_id_of_doi(&value).as_deref(), Some("1805.11924"), "{value}");
        }
        assert_eq!(arxiv_id_of_doi(&json!("10.5555/a")), None);
    }
}
