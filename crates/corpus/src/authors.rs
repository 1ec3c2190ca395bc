//! Authors' names from the ways in which sources list them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::matching::decode_entities;
use crate::reading::{Reading, describe};
use crate::tex;
use crate::text::is_filler;

/// Reads a list of names, a list of objects with a `name`, or one string that names all authors.
///
/// A list's elements are whole names and are never split.
pub(crate) fn read(value: &Value) -> Reading<Vec<String>> {
    match value {
        Value::String(text) if is_filler(text) => Reading::filler(),
        Value::String(text) => Reading::whole(split_names(text)),
        Value::Array(elements) => read_list(elements),
        other => Reading::unreadable("a list of names, or names separated by ;", other),
    }
}

/// Reads arXiv's `authors_parsed`: a list of `[keyname, first names, suffix, affiliation…]`, given as
/// "first names keyname suffix". Affiliations are not names and are left out.
pub(crate) fn read_parsed(value: &Value) -> Reading<Vec<String>> {
    const EXPECTED: &str = "a list of [keyname, first names, suffix]";

    let Value::Array(authors) = value else { return Reading::unreadable(EXPECTED, value) };
    let mut names = Vec::with_capacity(authors.len());
    for author in authors {
        let Value::Array(parts) = author else { return Reading::unreadable(EXPECTED, author) };
        let part = |position: usize| parts.get(position).and_then(Value::as_str).unwrap_or_default();
        names.extend(clean(&[part(1), part(0), part(2)].join(" ")));
    }
    if names.is_empty() {
        // Without a warning: `authors` says the same, or nothing does.
        return Reading::filler();
    }
    Reading::whole(names)
}

fn read_list(elements: &[Value]) -> Reading<Vec<String>> {
    let mut reading = Reading::whole(Vec::with_capacity(elements.len()));
    for element in elements {
        let name = element.get("name").unwrap_or(element);
        match (name, &mut reading.value) {
            (Value::Null, _) => {}
            (Value::String(name), Some(names)) if !name.trim().is_empty() => names.push(fold(name)),
            (Value::String(_), _) => {}
            (other, _) => {
                reading.keep_raw = true;
                reading.warning =
                    Some(format!("expected a name or an object with a name, found {}", describe(other)));
            }
        }
    }
    reading
}

/// The names in a string: separated by `;`, else by ` and `, and by commas only where the parts
/// read as whole names, since "Smith, John" is one author and "Ada Smith, Bo Li" are two.
///
/// Separators within braces or parentheses do not count; affiliations in parentheses are left out. A name
/// that is all in braces is what is in them.
fn split_names(text: &str) -> Vec<String> {
    let text = without_parentheses(&decode_entities(text));
    let by_semicolon = split_outside_braces(&text, ';');
    let names: Vec<String> = if by_semicolon.len() > 1 {
        by_semicolon
    } else {
        split_at_and(&text).into_iter().flat_map(split_at_commas).collect()
    };
    names.iter().filter_map(|name| clean(name)).collect()
}

/// Whether a name beside others, or alone, in a string with `; ` between names is read as it is.
pub(crate) fn is_read_as_one(name: &str) -> bool {
    let is_alone = split_names(name) == [name];
    let protects = name.contains(['{', '}', '(', ')', ';']) || name.ends_with('\\');
    is_alone && !protects && !is_filler(name)
}

/// Splits at the word "and" outside braces.
fn split_at_and(text: &str) -> Vec<&str> {
    static AND: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)[\s,]\s*and\s").expect("a pattern written in this file is a valid one")
    });

    let mut parts = Vec::new();
    let mut start = 0;
    let mut n_open_braces = 0_usize;
    let mut counted = 0;
    for found in AND.find_iter(text) {
        let passed = &text[counted..found.start()];
        counted = found.start();
        n_open_braces =
            (n_open_braces + passed.matches('{').count()).saturating_sub(passed.matches('}').count());
        if n_open_braces == 0 {
            parts.push(&text[start..found.start()]);
            start = found.end();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The whole names between commas, or all of `text` as one where its parts are not whole names.
fn split_at_commas(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in split_outside_braces(text, ',') {
        let part = part.trim();
        match parts.last_mut() {
            Some(previous) if is_suffix(part) => {
                previous.push_str(", ");
                previous.push_str(part);
            }
            _ if part.is_empty() => {}
            _ => parts.push(part.to_owned()),
        }
    }
    // "Smith, J., Doe, A.": surnames and initials in turn.
    let alternate = parts.len().is_multiple_of(2)
        && parts
            .chunks(2)
            .all(|pair| !is_initials(&pair[0]) && pair.get(1).is_some_and(|given| is_initials(given)));
    if alternate && parts.len() > 2 {
        return parts.chunks(2).map(|pair| pair.join(", ")).collect();
    }
    // "van der Berg, Jan Peter" is a surname with its particle, then the given names.
    // In a list all in lower case that would be said of every name.
    let one_inverted = parts.len() == 2
        && parts[0].starts_with(char::is_lowercase)
        && parts[1].starts_with(char::is_uppercase);
    let n_whole = parts.iter().filter(|part| is_whole_name(part)).count();
    // In a longer list a few may have but one name; in one of two, "Smith, John Paul" is likelier.
    let are_names = n_whole == parts.len() || (parts.len() >= 3 && 3 * n_whole >= 2 * parts.len());
    if are_names && !one_inverted {
        return parts;
    }
    vec![text.to_owned()]
}

fn is_whole_name(part: &str) -> bool {
    let n_words =
        part.split(|c: char| c.is_whitespace() || c == '.' || c == '~').filter(|w| !w.is_empty()).count();
    n_words >= 2 && !is_initials(part)
}

/// Whether a part of a name is initials alone: `J.`, `J.-P.`, `JP`, `J. R. R.`.
fn is_initials(part: &str) -> bool {
    let mut words =
        part.split(|c: char| c.is_whitespace() || ".-~".contains(c)).filter(|word| !word.is_empty());
    words.all(|word| word.chars().count() <= 2 && word.chars().all(char::is_uppercase))
}

fn is_suffix(part: &str) -> bool {
    ["jr", "sr", "ii", "iii", "iv"].contains(&part.trim_end_matches('.').to_lowercase().as_str())
}

/// Splits at `separator` outside braces; `\,` is LaTeX's thin space and no comma.
fn split_outside_braces(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    let mut previous = ' ';
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == separator && depth == 0 && previous != '\\' {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
        previous = c;
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Without balanced parentheses and what is in them, unless nothing else is there. In braces they stay.
fn without_parentheses(text: &str) -> String {
    let mut outside = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut n_open_braces = 0_usize;
    for c in text.chars() {
        match c {
            '{' => n_open_braces += 1,
            '}' => n_open_braces = n_open_braces.saturating_sub(1),
            _ => {}
        }
        match c {
            _ if n_open_braces > 0 && depth == 0 => outside.push(c),
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    let is_balanced = depth == 0;
    if is_balanced && !outside.trim().is_empty() { outside } else { text.to_owned() }
}

/// A name without separators left at its ends; `None` for what has no letter or digit.
fn clean(name: &str) -> Option<String> {
    if let Some(inner) = name.trim().strip_prefix('{').and_then(|name| name.strip_suffix('}'))
        && tex::is_balanced(inner)
    {
        return Some(fold(inner)).filter(|name| !name.is_empty());
    }
    let name = fold(name.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';')));
    name.contains(char::is_alphanumeric).then_some(name)
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(split_names(text), expected, "{text}");
    }

    #[test]
    fn splits_where_parts_are_whole_names() {
        check("Ada Smith; Bo Li", &["Ada Smith", "Bo Li"]);
        check("Smith, Ada; Li, Bo", &["Smith, Ada", "Li, Bo"]);
        check("Ada Smith and Bo Li", &["Ada Smith", "Bo Li"]);
        check("Smith, Ada and Li, Bo", &["Smith, Ada", "Li, Bo"]);
        check("Ada Smith, Bo Li and Cy Young", &["Ada Smith", "Bo Li", "Cy Young"]);
        check("Ada Smith, Bo Li, and Cy Young", &["Ada Smith", "Bo Li", "Cy Young"]);
        check("Ada Smith, Plato, Bo Li, Cy Young", &["Ada Smith", "Plato", "Bo Li", "Cy Young"]);
        check("Smith A, Li B", &["Smith A", "Li B"]);
        check("A.Smith, B.~Li", &["A.Smith", "B.~Li"]);
        check("Ada Smith, Jr., Bo Li", &["Ada Smith, Jr.", "Bo Li"]);
        check("Smith, J., Doe, A.", &["Smith, J.", "Doe, A."]);
        check("Smith, J. R., Doe, A.-B., Roe, C.", &["Smith, J. R.", "Doe, A.-B.", "Roe, C."]);
    }

    #[test]
    fn keeps_one_author_whole() {
        for text in [
            "Smith, Ada",
            "Smith, J.",
            "Smith, J.R.",
            "Smith, Ada Bo",
            "Smith, Ada Bo, Li, Cy Do",
            "van der Berg, Jan Peter",
            "Ferdinand Grand",
            "Erd\\H{o}s, Paul",
            "Plato",
        ] {
            check(text, &[text]);
        }
        check("{Press and Sons, Inc.}", &["Press and Sons, Inc."]);
        check("{Press (and; Sons)}; Ada Smith", &["Press (and; Sons)", "Ada Smith"]);
    }

    #[test]
    fn leaves_affiliations_out_and_latex_alone() {
        check("A. Smith (1 and 2), B. Li (3) ((1) Here, (2) There)", &["A. Smith", "B. Li"]);
        check("M\\\"uller Anna, G\\'{e}rard Bo", &["M\\\"uller Anna", "G\\'{e}rard Bo"]);
        check("J.\\,Smith and A.\\,Doe", &["J.\\,Smith", "A.\\,Doe"]);
        check("Erd\\H{o}s, Paul and {Press and Sons}", &["Erd\\H{o}s, Paul", "Press and Sons"]);
        check("(The Collaboration)", &["(The Collaboration)"]);
        check("Ada Smith (Here", &["Ada Smith (Here"]);
        check("", &[]);
        check(" ; , ;", &[]);
    }

    #[test]
    fn reads_lists_and_parsed_names() {
        assert_eq!(
            read(&json!(["Ada and Bo", " C ", "", null])),
            Reading::whole(vec!["Ada and Bo".into(), "C".into()])
        );
        assert_eq!(read(&json!([{"name": "Ada", "id": 1}])), Reading::whole(vec!["Ada".into()]));
        let mixed = read(&json!(["Ada", 7]));
        assert_eq!((mixed.value, mixed.keep_raw), (Some(vec!["Ada".to_owned()]), true));
        assert!(mixed.warning.is_some());
        assert_eq!(
            read_parsed(&json!([["Smith", "Ada  B.", "Jr", "Here"], ["ATLAS,", ""], [";"]])),
            Reading::whole(vec!["Ada B. Smith Jr".into(), "ATLAS".into()])
        );
        assert!(read_parsed(&json!("Ada")).warning.is_some());
    }
}
