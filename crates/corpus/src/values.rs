//! Reading the value of one field, in whatever shape a source gives it.

use std::sync::LazyLock;

use regex::Regex;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::fields::fold_name;
use crate::identifier::is_arxiv_category;
use crate::literal;
use crate::markup::text_of;
use crate::reading::{Reading, scalar_text};
use crate::record::MAX_CATEGORIES;
use crate::text::{fold, is_filler};

/// Deepest nesting in a field's value.
pub(crate) const MAX_DEPTH: usize = 6;

/// Members of objects that hold the text which an object is about, the first first.
#[rustfmt::skip]
const TEXT_MEMBERS: [&str; 16] = [
    "text", "value", "#text", "_", "$", "content", "title", "titletext", "name", "displayname", "description", "abstract", "raw", "literal", "p",
    "label",
];

/// Whether a value says nothing: null, blank text, an empty list or object.
pub(crate) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A short text: of a list the first, of an object what it is about; the rest is kept.
pub(crate) fn read_text(value: &Value) -> Reading<String> {
    match value {
        Value::Array(_) | Value::Object(_) => match first_text(value, 0) {
            Some(text) if is_filler(&text) => Reading::filler(),
            Some(text) if scalar_text(value).is_some() => Reading::whole(text),
            Some(text) => Reading::part(text),
            None if matches!(value, Value::Array(list) if list.iter().all(is_blank)) => Reading::filler(),
            None => Reading::unreadable("text", value),
        },
        _ => match scalar_text(value) {
            // What is nothing but markup is a text after all.
            Some(text) => {
                match Some(text_of(&text).trim().to_owned()).filter(|text| !text.is_empty()).unwrap_or(text) {
                    text if is_filler(&text) => Reading::filler(),
                    text => Reading::whole(text),
                }
            }
            None => Reading::unreadable("text", value),
        },
    }
}

fn first_text(value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::Array(list) => list.iter().find_map(|element| first_text(element, depth + 1)),
        Value::Object(members) => {
            TEXT_MEMBERS.iter().find_map(|name| first_text(member(members, name)?, depth + 1))
        }
        other => scalar_text(other).filter(|text| !text.is_empty()).map(|text| text_of(&text).into_owned()),
    }
}

/// The member of a folded name.
pub(crate) fn member<'a>(members: &'a Map<String, Value>, folded: &str) -> Option<&'a Value> {
    members.iter().find(|(name, _)| fold_name(name) == folded).map(|(_, value)| value)
}

/// A title. Of several parts the second is a subtitle.
pub(crate) fn read_title(value: &Value) -> Reading<String> {
    // Where in a text the title stands, as corpora of full texts have it.
    let is_list = |text: &str| {
        text.trim_start().starts_with("[{") && serde_json::from_str::<Vec<IgnoredAny>>(text).is_ok()
    };
    if value.as_str().is_some_and(is_list) {
        return Reading::unreadable("a title", value);
    }
    let of = |part: &Value, names: &[&str]| {
        names.iter().find_map(|name| part.get(name)).and_then(Value::as_str).map(str::to_owned)
    };
    let kind = |part: &Value| of(part, &["titleType", "@titleType"]);
    let language = |part: &Value| of(part, &["lang", "@lang", "@xml:lang", "language"]);
    // Others that a database has for the same work: in another language, from another source.
    let is_other = |part: &Value| kind(part).is_some_and(|kind| kind != "Subtitle");
    let list = || value.as_array().into_iter().flatten();
    // INSPIRE and ORCID have a subtitle beside its title.
    let text = |part: &Value| {
        let title = first_text(part, 1).filter(|part| !is_filler(part))?;
        let subtitle = part.as_object().and_then(|members| first_text(member(members, "subtitle")?, 1));
        Some(match subtitle.filter(|subtitle| !is_filler(subtitle)) {
            Some(subtitle) => joined_title(title, &subtitle),
            None => title,
        })
    };
    let is_main = |part: &&Value| kind(part).is_none() && text(part).is_some();
    let Some(main) = list().find(is_main).or_else(|| list().find(|part| text(part).is_some())) else {
        let reading = read_text(value);
        return Reading { value: text(value).filter(|_| value.is_object()).or(reading.value), ..reading };
    };
    let (mut parts, mut has_others) = (Vec::new(), false);
    for part in list() {
        let is_subtitle = kind(part).is_some_and(|kind| kind == "Subtitle");
        let is_again = is_other(part)
            || part.get("source").or(main.get("source")).is_some()
            || (!is_subtitle && language(part) != language(main));
        if std::ptr::eq(part, main) {
            parts.splice(0..0, text(part));
        } else if is_again {
            has_others = true;
        } else {
            parts.extend(text(part));
        }
    }
    match parts.as_slice() {
        [] => read_text(value),
        [only] if list().count() == 1 => Reading { value: Some(only.clone()), ..read_text(value) },
        [first, rest @ ..] => {
            let is_same = |part: &&String| cognate_fold::fold(part) == cognate_fold::fold(first);
            let rest = rest.iter().filter(|part| !is_same(part));
            let title = rest.fold(first.clone(), |title, part| joined_title(title, part));
            if has_others { Reading::part(title) } else { Reading::whole(title) }
        }
    }
}

/// A title with a subtitle behind it.
pub(crate) fn joined_title(title: String, subtitle: &str) -> String {
    let separator = if title.ends_with([':', '?', '!', '.', ';']) { " " } else { ": " };
    title + separator + subtitle
}

/// Pages, as a text, or by the first and the last: `{"first": "101", "last": "110"}`.
pub(crate) fn read_pages(value: &Value) -> Reading<String> {
    let Value::Object(members) = value else { return read_text(value) };
    let text = |names: &[&str]| names.iter().find_map(|name| scalar_text(member(members, name)?));
    let text = |names| text(names).filter(|text| !is_filler(text));
    let range = text(&["range"]).or_else(|| {
        let first = text(&["first", "begin", "start", "firstpage", "startpage"]);
        pages_from_to(first, text(&["last", "end", "lastpage", "endpage"]))
    });
    range.map_or_else(|| read_text(value), Reading::part)
}

/// Pages from their first and last, of which one may be missing.
pub(crate) fn pages_from_to(first: Option<String>, last: Option<String>) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) if first != last => Some(format!("{first}-{last}")),
        (first, last) => first.or(last),
    }
}

/// An abstract: text, its parts with or without headings, OpenAlex's index of its words.
pub(crate) fn read_abstract(value: &Value) -> Reading<String> {
    match value {
        Value::Array(_) | Value::Object(_) => match prose(value, 0) {
            Some(text) if is_filler(&text) => Reading::filler(),
            Some(text) => Reading::whole(text),
            None => Reading::unreadable("text, its parts, or an index of its words", value),
        },
        Value::String(text) if text.trim_start().starts_with('{') => {
            // A cell of a table with the index.
            let index = literal::parse(text).and_then(|parsed| inverted_index(parsed.as_object()?));
            index.map_or_else(|| read_text(value), Reading::whole)
        }
        _ => read_text(value),
    }
}

fn prose(value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::Array(parts) => {
            // DataCite's descriptions are of several kinds.
            let is_abstract = |part: &&Value| {
                let kind = ["descriptionType", "@descriptionType"].iter().find_map(|name| part.get(name));
                kind.is_none_or(|kind| kind == "Abstract")
            };
            let mut abstracts = parts.iter().filter(is_abstract);
            // The same from several sources.
            let is_again = parts.len() > 1 && parts.iter().all(|part| part.get("source").is_some());
            let first = abstracts.next().into_iter();
            let rest = abstracts.filter(|_| !is_again);
            let parts: Vec<String> = first.chain(rest).filter_map(|part| prose(part, depth + 1)).collect();
            (!parts.is_empty()).then(|| parts.join("\n"))
        }
        Value::Object(members) => {
            if let Some(text) = inverted_index(members) {
                return Some(text);
            }
            if let Some(text) = TEXT_MEMBERS.iter().find_map(|name| prose(member(members, name)?, depth + 1))
            {
                let heading = ["heading", "label", "@label", "section", "nlmcategory"]
                    .iter()
                    .find_map(|name| scalar_text(member(members, name)?));
                return Some(
                    match heading
                        .filter(|heading| !heading.is_empty() && !heading.eq_ignore_ascii_case("abstract"))
                    {
                        Some(heading) if !text.starts_with(&heading) => format!("{heading}: {text}"),
                        _ => text,
                    },
                );
            }
            let is_language = |name: &String| {
                (2..=3).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase())
            };
            if members.keys().all(is_language) {
                return members
                    .get("en")
                    .or_else(|| members.get("eng"))
                    .or_else(|| members.values().next())
                    .and_then(|text| prose(text, depth + 1));
            }
            // The parts of a structured abstract by their headings; numbers are no headings.
            let parts: Option<Vec<String>> = members
                .iter()
                .filter(|(_, part)| !is_blank(part))
                .map(|(heading, part)| {
                    let text = prose(part, depth + 1)?;
                    let is_number = heading.bytes().all(|byte| byte.is_ascii_digit());
                    Some(if is_number { text } else { format!("{heading}: {text}") })
                })
                .collect();
            parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("\n"))
        }
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text_of(text.trim()).into_owned()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The text whose words stand at these positions: `{"Tides": [0, 4], "follow": [1]}`, alone or as the member of an
/// object.
fn inverted_index(members: &Map<String, Value>) -> Option<String> {
    let wrapped = member(members, "invertedindex").and_then(Value::as_object);
    let members = wrapped.unwrap_or(members);
    let mut words: Vec<(u64, &str)> = Vec::new();
    for (word, positions) in members {
        for position in positions.as_array().filter(|positions| !positions.is_empty())? {
            words.push((position.as_u64()?, word));
        }
    }
    if words.is_empty() {
        return None;
    }
    words.sort_unstable();
    let text = words.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" ");
    Some(text_of(&text).into_owned())
}

/// Only web addresses: whatever shows the paper makes links of them. Of several the first.
pub(crate) fn read_url(value: &Value) -> Reading<String> {
    fn find(value: &Value, depth: usize) -> Option<String> {
        match value {
            _ if depth > MAX_DEPTH => None,
            Value::Array(list) => list.iter().find_map(|element| find(element, depth + 1)),
            Value::Object(members) => ["url", "href", "value", "link"]
                .iter()
                .find_map(|name| find(member(members, name)?, depth + 1)),
            other => scalar_text(other).filter(|text| is_address(text)),
        }
    }
    if let Value::String(text) = value
        && let Some(list) = literal::parse(text)
    {
        return read_url(&list);
    }
    let text = scalar_text(value).map(|text| text_of(&text).into_owned());
    match text {
        // DBLP counts its answers so.
        Some(text) if is_filler(&text) || text.starts_with("URL#") => Reading::filler(),
        Some(text) if is_address(&text) => {
            // Mendeley joins them by a space, Lens by a semicolon.
            let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
            let first = first.split(";http").next().unwrap_or_default().trim_end_matches([';', ',']);
            if first == text {
                return Reading::whole(text);
            }
            let are_addresses = rest.split_whitespace().all(is_address);
            let message = "expected an address without white space, found one; what is before it counts";
            let warning = (!are_addresses).then(|| message.to_owned());
            Reading { warning, ..Reading::part(first.to_owned()) }
        }
        Some(_) => Reading::unreadable("an address that begins with https:// or http://", value),
        None => match find(value, 0) {
            Some(url) => Reading::part(url),
            None => Reading { value: None, keep_raw: true, warning: None },
        },
    }
}

fn is_address(url: &str) -> bool {
    let start = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    ["http://", "https://", "ftp://"].iter().any(|scheme| start.starts_with(scheme))
}

/// Numbers of a kind (ISSNs, ISBNs) in a text or list.
fn read_numbers(value: &Value, pattern: &Regex, canonical: impl Fn(&str) -> String) -> Reading<Vec<String>> {
    fn texts(value: &Value, depth: usize, out: &mut Vec<String>) {
        match value {
            _ if depth > MAX_DEPTH => {}
            Value::Array(list) => list.iter().for_each(|element| texts(element, depth + 1, out)),
            Value::Object(members) => members.values().for_each(|value| texts(value, depth + 1, out)),
            other => out.extend(scalar_text(other).filter(|text| !is_filler(text))),
        }
    }
    let mut found = Vec::new();
    texts(value, 0, &mut found);
    if found.is_empty() {
        return Reading::filler();
    }
    let mut numbers: Vec<String> = Vec::new();
    let mut is_whole = true;
    for text in &found {
        for number in pattern.find_iter(text) {
            let number = canonical(number.as_str());
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let rest = pattern.replace_all(text, "");
        is_whole &= !rest.contains(char::is_alphanumeric);
    }
    let value = (!numbers.is_empty()).then_some(numbers);
    Reading { keep_raw: !is_whole, value, warning: None }
}

/// ISSNs as `1234-567X`.
pub(crate) fn read_issn(value: &Value) -> Reading<Vec<String>> {
    static ISSN: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[0-9]{4}[-‐–]?[0-9]{3}[0-9Xx]\b"));
    read_numbers(value, &ISSN, |number| {
        let digits: String =
            number.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        format!("{}-{}", &digits[..4], &digits[4..])
    })
}

/// ISBNs as digits alone.
pub(crate) fn read_isbn(value: &Value) -> Reading<Vec<String>> {
    static ISBN: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"\b(?:97[89][-‐– ]?)?(?:[0-9][-‐– ]?){9}[0-9Xx]\b"));
    read_numbers(value, &ISBN, |number| {
        number.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
    })
}

pub(crate) fn read_count(value: &Value) -> Reading<i64> {
    match scalar_text(value) {
        Some(text) if is_filler(&text) => Reading::filler(),
        Some(text) => match text.strip_suffix(".0").unwrap_or(&text).parse() {
            Ok(count) => Reading::whole(count),
            Err(_) => Reading::unreadable("a whole number", value),
        },
        None => Reading::unreadable("a whole number", value),
    }
}

/// A list of categories: texts, or objects with a name; or one string with `;`, `|`, else `,` between them. arXiv's
/// codes are separated by white space, and some data sets hold all codes of a paper as the one element of a list.
pub(crate) fn read_categories(value: &Value) -> Reading<Vec<String>> {
    const MEMBERS: [&str; 14] = [
        "displayname",
        "name",
        "tag",
        "term",
        "keyword",
        "category",
        "subject",
        "value",
        "text",
        "#text",
        "descriptorname",
        "label",
        "title",
        "w",
    ];
    const EXPECTED: &str = "a list of texts, or texts separated by ;";
    if let Value::String(text) = value
        && let Some(list) = literal::parse(text)
    {
        return read_categories(&list);
    }
    let mut texts: Vec<String> = Vec::new();
    let mut says_more = false;
    match value {
        Value::String(text) if is_filler(text) => return Reading::filler(),
        Value::String(text) => {
            let text = text_of(text);
            // A bar alone is a sign like others.
            let has_bars = text.split('|').filter(|part| !part.trim().is_empty()).count() > 1;
            let separators = [(';', true), ('|', has_bars), (',', true)];
            let found =
                separators.into_iter().find(|&(separator, counts)| counts && text.contains(separator));
            let separator = found.map_or(';', |(separator, _)| separator);
            // One more than a record may have is enough to have it refused.
            let texts_of = text.split(separator).filter(|text| !text.trim().is_empty());
            texts.extend(texts_of.take(MAX_CATEGORIES + 1).map(str::to_owned));
        }
        Value::Array(elements) => {
            for element in elements {
                match element {
                    Value::Null => {}
                    Value::Object(members) => {
                        let text = MEMBERS.iter().find_map(|name| first_text(member(members, name)?, 1));
                        let Some(text) = text else { return Reading::unreadable("a list of texts", element) };
                        says_more |= members.len() > 1;
                        texts.push(text);
                    }
                    other => match scalar_text(other) {
                        Some(text) => texts.push(text_of(&text).into_owned()),
                        None => return Reading::unreadable("a list of texts", other),
                    },
                }
            }
        }
        Value::Object(members) => {
            // `{"keyword": […]}`, as XML becomes when it is made JSON.
            let list = members.values().find(|value| value.is_array());
            return match list {
                Some(list) => read_categories(list),
                None => Reading::unreadable(EXPECTED, value),
            };
        }
        other => return Reading::unreadable(EXPECTED, other),
    }
    let mut categories: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        let text = fold(&text);
        if text.is_empty() {
        } else if text.split_whitespace().all(is_arxiv_category) {
            categories.extend(text.split_whitespace().map(str::to_owned));
        } else {
            categories.push(text);
        }
    }
    if categories.is_empty() {
        return Reading::filler();
    }
    if says_more { Reading::part(categories) } else { Reading::whole(categories) }
}

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("a pattern written in this file is a valid one")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn abstracts_are_read_in_every_shape() {
        fn check(value: Value, expected: &str) {
            assert_eq!(read_abstract(&value).value.as_deref(), Some(expected), "{value}");
        }
        check(json!(["Background: tides.", "Methods: quays."]), "Background: tides.\nMethods: quays.");
        check(json!({"BACKGROUND": "Locks.", "METHODS": "Keys."}), "BACKGROUND: Locks.\nMETHODS: Keys.");
        check(json!({"text": "Sand text."}), "Sand text.");
        check(json!([{"text": "Mud text.", "section": "Abstract"}]), "Mud text.");
        check(
            json!([{"@Label": "AIM", "#text": "To see."}, {"@Label": "END", "#text": "Seen."}]),
            "AIM: To see.\nEND: Seen.",
        );
        check(
            json!({"trade": [1], "The": [0], "follows": [2], "the": [3, 5], "tides": [4], "moon": [6]}),
            "The trade follows the tides the moon",
        );
        check(json!({"IndexLength": 2, "InvertedIndex": {"tides": [1], "The": [0]}}), "The tides");
        check(json!({"de": "Gezeiten", "en": "Tides"}), "Tides");
        check(json!("<p>One</p><p>Two</p>"), "One\nTwo");
        check(
            json!([{"description": "How.", "descriptionType": "Methods"}, {"description": "What.", "descriptionType": "Abstract"}]),
            "What.",
        );
        assert_eq!(read_abstract(&json!({"a": [99_999_999_999_u64]})).value.as_deref(), Some("a"));
        assert!(read_abstract(&json!([[[[[[[[["x"]]]]]]]]])).warning.is_some());
    }

    #[test]
    fn titles_of_several_parts_are_joined() {
        fn check(value: Value, expected: &str) {
            assert_eq!(read_title(&value).value.as_deref(), Some(expected), "{value}");
        }
        check(json!(["Tides", "A subtitle"]), "Tides: A subtitle");
        check(json!(["Why tides?", "Because"]), "Why tides? Because");
        check(json!(["Tides"]), "Tides");
        check(json!([{"title": "Tides"}, {"title": "Gezeiten", "titleType": "TranslatedTitle"}]), "Tides");
        check(
            json!([{"title": "Tides"}, {"title": "A subtitle", "titleType": "Subtitle"}]),
            "Tides: A subtitle",
        );
        check(json!([{"title": "Tides", "source": "APS"}, {"title": "tides", "source": "arXiv"}]), "Tides");
        check(json!([{"title": "Tides"}]), "Tides");
        check(json!([{"title": "Gezeiten", "titleType": "TranslatedTitle"}, {"title": "Tides"}]), "Tides");
        check(
            json!([{"title": "A subtitle", "titleType": "Subtitle"}, {"title": "Tides"}]),
            "Tides: A subtitle",
        );
        check(json!(["Tides", {"#text": "Marées", "@lang": "fr"}]), "Tides");
        check(json!([{"title": "Tides", "lang": "en"}, {"title": "Gezeiten", "lang": "de"}]), "Tides");
        check(json!([{"title": "Gezeiten", "titleType": "TranslatedTitle"}]), "Gezeiten");
        check(json!({"#text": "Tides &amp; <i>trade</i>"}), "Tides & trade");
    }

    #[test]
    fn categories_and_numbers_are_read_in_every_shape() {
        fn check(value: Value, expected: &[&str]) {
            assert_eq!(read_categories(&value).value.unwrap_or_default(), expected, "{value}");
        }
        check(json!("['cs.CL', 'cs.LG']"), &["cs.CL", "cs.LG"]);
        check(json!("tides; locks, keys"), &["tides", "locks, keys"]);
        check(json!("tides|locks"), &["tides", "locks"]);
        check(json!([{"tag": "tides"}, {"display_name": "Locks", "score": 0.5}]), &["tides", "Locks"]);
        check(json!({"keyword": ["a", "b"]}), &["a", "b"]);
        check(json!(["cs.CL cs.LG"]), &["cs.CL", "cs.LG"]);
        assert_eq!(
            read_issn(&json!("1111-2222, 33334444 (print)")).value,
            Some(vec!["1111-2222".into(), "3333-4444".into()])
        );
        assert_eq!(
            read_isbn(&json!(["978-0-00-000000-2", "0 19 853453 1"])).value,
            Some(vec!["9780000000002".into(), "0198534531".into()])
        );
    }
}
