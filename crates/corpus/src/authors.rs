//! Authors' names from the ways in which sources list them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::fields::{fold_name, names_editors};
use crate::literal;
use crate::markup::text_of;
use crate::person::{Person, is_organisation};
use crate::reading::{Reading, describe, scalar_text};
use crate::record::MAX_AUTHORS;
use crate::tex;
use crate::text::{fold, is_filler};
use crate::values::{is_blank, member};

/// Reads names in whatever shape they come: one string that names all, a list of names, of objects with a name or
/// its parts, or an object with such a list. A list's elements are whole names and are never split, unless
/// the list is one string with `;` between names.
///
/// What stands for nobody ("et al.", "[No author name available]") is left out. Objects that say more than names
/// are worth keeping.
pub(crate) fn read(value: &Value) -> Reading<Vec<String>> {
    match value {
        Value::String(text) if is_filler(text) || is_nobody(text) => Reading::filler(),
        Value::String(text) => match literal::parse(text) {
            Some(list) => read(&list),
            None => Reading::whole(split_names(text)),
        },
        Value::Array(elements) => match elements.as_slice() {
            [Value::String(text)] if text.contains(';') => Reading::whole(split_names(text)),
            elements => read_list(elements.iter()),
        },
        Value::Object(members) => match name_of(members) {
            Some(_) => read_list(std::iter::once(value)),
            None => read_wrapped(members).unwrap_or_else(|| Reading::unreadable(EXPECTED, value)),
        },
        other => Reading::unreadable(EXPECTED, other),
    }
}

const EXPECTED: &str = "a list of names, or names separated by ;";

/// Reads people who made a work, of whom only those count whose roles, in lower case, are `wanted` (Zotero's creators);
/// somebody may have none.
pub(crate) fn read_in_role(value: &Value, is_wanted: impl Fn(&[String]) -> bool) -> Reading<Vec<String>> {
    let Value::Array(elements) = value else { return read(value) };
    let reading = read_list(elements.iter().filter(|element| is_wanted(&roles(element))));
    match &reading.value {
        Some(names) if names.is_empty() => Reading { value: None, ..reading },
        _ => reading,
    }
}

/// What somebody did for a work, in lower case.
fn roles(person: &Value) -> Vec<String> {
    const NAMES: [&str; 6] = ["creatorType", "contributorType", "inspire_roles", "role", "roles", "type"];
    let roles = NAMES.iter().find_map(|name| match person.get(name)? {
        Value::String(role) => Some(vec![role.to_lowercase()]),
        Value::Array(roles) => Some(roles.iter().filter_map(Value::as_str).map(str::to_lowercase).collect()),
        _ => None,
    });
    roles.unwrap_or_default()
}

/// `{"author": […]}`, as XML becomes when it is made JSON; `{"0": …, "1": …}`. Lists of nobody and of editors do not count.
fn read_wrapped(members: &Map<String, Value>) -> Option<Reading<Vec<String>>> {
    let is_numbered =
        !members.is_empty() && members.keys().all(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    if is_numbered {
        return Some(read_list(members.values()));
    }
    let lists = || {
        let lists = members.iter().filter(|(_, value)| matches!(value, Value::Array(_) | Value::Object(_)));
        lists.filter(|(name, _)| !names_editors(&fold_name(name))).map(|(_, list)| list)
    };
    let somebody: Vec<&Value> = lists().filter(|list| list.is_array() && !is_blank(list)).collect();
    match (lists().count(), somebody.as_slice()) {
        (1, _) => lists().next().filter(|list| !is_blank(list)).map(read),
        (_, [list]) => Some(read(list)),
        _ => None,
    }
    .or_else(|| members.values().all(Value::is_array).then(Reading::filler).filter(|_| somebody.is_empty()))
}

/// Members that hold a family name.
const FAMILY: [&str; 7] = ["family", "last", "lastname", "familyname", "surname", "ln", "keyname"];

/// The name that an object gives, whole or in parts.
fn name_of(members: &Map<String, Value>) -> Option<String> {
    let text = |names: &[&str]| {
        names.iter().find_map(|wanted| {
            let (_, value) = members.iter().find(|(name, _)| fold_name(name) == *wanted)?;
            let text = match value {
                // Middle names.
                Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
                // With attributes, as XML becomes when it is made JSON.
                Value::Object(inner) => scalar_text(inner.get("#text")?)?,
                other => scalar_text(other)?,
            };
            (!text.trim().is_empty()).then(|| fold(&text))
        })
    };
    let family = text(&FAMILY);
    let given =
        text(&["given", "first", "firstname", "givenname", "forename", "forenames", "fn", "initials"]);
    if let Some(family) = family {
        let particles = [
            text(&["droppingparticle", "nondroppingparticle", "prefix", "particle"]),
            text(&["nondroppingparticle"]),
        ];
        let [first, second] = particles;
        let second = second.filter(|second| Some(second) != first.as_ref());
        let family = [first, second, Some(family)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let middle = text(&["middle", "middlename", "middlenames"]);
        let given = [given, middle].into_iter().flatten().collect::<Vec<_>>().join(" ");
        // The given names stand in the whole name alone.
        let whole = text(&["fullname", "displayname", "name"]).filter(|whole| whole.contains(&family));
        if given.is_empty()
            && let Some(whole) = whole
        {
            return Some(Person::from_text(&whole).display());
        }
        return Some(Person::of_parts(&family, &given, text(&["suffix"]).as_deref()).display());
    }
    #[rustfmt::skip]
    let whole = text(&[
        "name", "literal", "fullname", "displayname", "authorname", "creatorname", "text", "#text", "$",
        "value", "collectivename", "organization", "label",
    ]);
    let nested = || {
        let names = ["author", "person", "creator", "editor", "bookeditor", "contributor"];
        match names.iter().find_map(|name| member(members, name))? {
            Value::Object(inner) => name_of(inner),
            Value::String(name) => Some(fold(name)),
            _ => None,
        }
    };
    // DBLP tells namesakes apart by a number: "Ada Smith 0001".
    let number = |name: &str| {
        name.len() > 5 && name.is_char_boundary(name.len() - 5) && name[name.len() - 5..].starts_with(" 0")
    };
    // What a paper prints says less than a database knows.
    let whole = whole.or_else(nested).or_else(|| text(&["rawauthorname"])).or(given)?;
    let is_numbered = number(&whole) && whole[whole.len() - 4..].bytes().all(|byte| byte.is_ascii_digit());
    Some(if is_numbered { whole[..whole.len() - 5].to_owned() } else { whole })
}

/// Whether an object says more than a name: an affiliation, an ORCID.
fn says_more(members: &Map<String, Value>) -> bool {
    #[rustfmt::skip]
    const PARTS: [&str; 28] = [
        "family", "last", "lastname", "familyname", "surname", "given", "first", "firstname", "givenname", "forename", "initials",
        "droppingparticle", "nondroppingparticle", "prefix", "particle", "suffix", "middle", "middlename", "name", "literal",
        "fullname", "displayname", "rawauthorname", "collectivename", "sequence", "nametype", "keyname", "forenames",
    ];
    members.iter().any(|(name, value)| {
        let is_empty = match value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        !is_empty && !PARTS.contains(&fold_name(name).as_str())
    })
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

fn read_list<'a>(elements: impl Iterator<Item = &'a Value>) -> Reading<Vec<String>> {
    let mut names = Vec::new();
    // Names whose parts are not told apart, by their places.
    let mut whole = Vec::new();
    let mut reading = Reading::whole(Vec::new());
    for element in elements {
        let name = match element {
            Value::Null => continue,
            Value::String(name) => Some(fold(&text_of(name))),
            Value::Object(members) => {
                reading.keep_raw |= says_more(members);
                name_of(members).map(|name| fold(&text_of(&name)))
            }
            // `[family, given]`.
            Value::Array(parts) => {
                let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
                parts.map(|parts| fold(&parts.join(", "))).filter(|name| !name.is_empty())
            }
            _ => None,
        };
        match name {
            Some(name) => {
                let has_parts = element.as_object().is_some_and(|members| {
                    FAMILY.iter().any(|name| member(members, name).is_some_and(|value| !is_blank(value)))
                });
                if let Some(name) = person(&name) {
                    whole.extend((!has_parts).then_some(names.len()));
                    names.push(name);
                }
            }
            None => {
                reading.keep_raw = true;
                reading.warning =
                    Some(format!("expected a name or an object with a name, found {}", describe(element)));
            }
        }
    }
    // In one list all are written alike.
    if whole.len() < names.len() {
        for place in whole.into_iter().filter(|place| names[*place].contains(", ")).collect::<Vec<_>>() {
            names[place] = Person::from_text(&names[place]).display();
        }
    }
    reading.value = Some(names);
    reading
}

/// A name without what says that there are more; `None` for nobody.
fn person(name: &str) -> Option<String> {
    static AND_OTHERS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)[\s,;]+(?:and\s+)?(?:et\.?\s+al(?:ii|\.)?|and\s+others|u\.\s?a\.)$|[\s,;]*(?:…|\.\.\.)$",
        )
        .expect("a pattern written in this file is a valid one")
    });
    let name = AND_OTHERS.replace(name, "");
    let name = name.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
    (!name.is_empty() && !is_nobody(name) && !is_filler(name)).then(|| name.to_owned())
}

/// Whether a name stands for nobody in particular.
fn is_nobody(name: &str) -> bool {
    #[rustfmt::skip]
    const NOBODY: [&str; 20] = [
        "et al", "et alii", "and others", "others", "no author name available", "no author id available", "no authors listed",
        "no author listed", "no author", "no authors", "anonymous", "anon", "author unknown", "unknown author", "unknown",
        "not available", "no author available", "no authors available", "author not listed", "various authors",
    ];
    let is_outer = |c: char| !c.is_alphanumeric();
    name.len() <= 40 && NOBODY.contains(&name.trim_matches(is_outer).to_lowercase().as_str())
}

/// The names in a string: separated by `;`, else by ` and `, and by commas only where the parts
/// read as whole names, since "Smith, John" is one author and "Ada Smith, Bo Li" are two.
///
/// Separators within braces or parentheses do not count; affiliations in parentheses are left out. A name
/// that is all in braces is what is in them.
fn split_names(text: &str) -> Vec<String> {
    let text = without_parentheses(&text_of(text));
    let in_parts: Option<Vec<String>> =
        text.split(';').filter(|name| !name.trim().is_empty()).map(name_of_parts).collect();
    if let Some(names) = in_parts.filter(|names| !names.is_empty()) {
        return names;
    }
    let separator =
        [';', '|', '\n'].into_iter().find(|&separator| split_outside_braces(&text, separator).len() > 1);
    let names: Vec<String> = match separator {
        Some(separator) => split_outside_braces(&text, separator),
        None => {
            let parts = split_at_and(&text).into_iter().flat_map(split_at_commas);
            parts.flat_map(split_at_ampersand).take(MAX_AUTHORS + 1).collect()
        }
    };
    // A sentence of names with bare initials ends in a full stop: "Smith A, Doe BC.", "Doe BC."
    let ends_sentence =
        separator.is_none() && text.trim_end().ends_with('.') && text.matches('.').count() == 1;
    let mut names: Vec<String> = names.iter().filter_map(|name| clean(name)).collect();
    if let Some(last) = names.last().filter(|last| ends_sentence && !last.contains(',')) {
        let initials = last.rsplit(' ').next().unwrap_or_default().trim_end_matches('.');
        let is_bare =
            initials.chars().all(char::is_uppercase) && (names.len() > 1 || initials.chars().count() > 1);
        let bare = last.trim_end_matches('.').to_owned();
        if is_bare && let Some(last) = names.last_mut() {
            *last = bare;
        }
    }
    names
}

/// A name in parts: family name, given names, initials, suffix, with bars between (`Ek|Ann|A|`).
fn name_of_parts(name: &str) -> Option<String> {
    let [family, given, initials, suffix] = *name.split('|').map(str::trim).collect::<Vec<_>>() else {
        return None;
    };
    let is_sure =
        is_initials(initials) && !initials.is_empty() && given.chars().next() == initials.chars().next();
    (is_sure && !family.is_empty()).then(|| Person::of_parts(family, given, Some(suffix)).display())
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
        Regex::new(r"(?i)[\s,]\s*and\s|,\s*&\s").expect("a pattern written in this file is a valid one")
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

/// "Bo Doe & Cy Roe": a sign between whole names, which is part of a firm's name elsewhere.
fn split_at_ampersand(name: String) -> Vec<String> {
    let parts: Vec<&str> = name.split(" & ").collect();
    let is_name = |part: &&str| (is_whole_name(part) || part.contains(", ")) && !is_organisation(part);
    let are_names = parts.len() > 1 && !name.contains(['{', '(']) && parts.iter().all(is_name);
    if are_names { parts.into_iter().map(str::to_owned).collect() } else { vec![name] }
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
        // One more than a record may have is enough to have it refused.
        if parts.len() > 2 * MAX_AUTHORS {
            break;
        }
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
    person(&fold(name)).filter(|name| name.contains(char::is_alphanumeric))
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
        check("Ada Smith, Bo Doe & Cy Roe", &["Ada Smith", "Bo Doe", "Cy Roe"]);
        check("Ada Smith & Bo Doe", &["Ada Smith", "Bo Doe"]);
        check("Locks & Keys", &["Locks & Keys"]);
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
    fn nobody_is_no_author() {
        for text in ["et al.", "[No author name available]", "No authors listed", "[Anonymous]", "..."] {
            check(text, &[]);
            assert_eq!(read(&json!([text])).value, Some(Vec::new()), "{text}");
        }
        check("Smith A, Doe B, et al.", &["Smith A", "Doe B"]);
        check("Smith A et al.", &["Smith A"]);
        check("Ada Smith, Bo Doe and others", &["Ada Smith", "Bo Doe"]);
        check("A Smith, B Doe, C Roe…", &["A Smith", "B Doe", "C Roe"]);
    }

    #[test]
    fn several_authors_in_one_line() {
        check("Smith A, Doe BC, van den Berg J.", &["Smith A", "Doe BC", "van den Berg J"]);
        check("Doe BC.", &["Doe BC"]);
        check("Smith A.", &["Smith A."]);
        check("Smith A., Doe B., Roe C.", &["Smith A.", "Doe B.", "Roe C."]);
        check("Smith, J., Doe, A., & Roe, C.", &["Smith, J.", "Doe, A.", "Roe, C."]);
        check("Ada Smith|Bo Doe", &["Ada Smith", "Bo Doe"]);
        check("Smith, Ada (57000000001); Doe, Bo C. (57000000002)", &["Smith, Ada", "Doe, Bo C."]);
        check("Smith, Ada\nDoe, Bo", &["Smith, Ada", "Doe, Bo"]);
    }

    #[test]
    fn reads_names_in_every_shape() {
        fn check(value: Value, expected: &[&str]) {
            let reading = read(&value);
            let names = reading.value.unwrap_or_default();
            assert_eq!(
                (names.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), reading.warning),
                (expected, None),
                "{value}"
            );
        }
        check(
            json!([{"given": "Ada", "family": "Smith"}, {"literal": "The Quay Consortium"}]),
            &["Ada Smith", "The Quay Consortium"],
        );
        check(
            json!([{"family": "Berg", "given": "Jan", "non-dropping-particle": "van den"}]),
            &["Jan van den Berg"],
        );
        check(json!([{"family": "García Márquez", "given": "Gabriel"}]), &["García Márquez, Gabriel"]);
        check(
            json!([{"first": "Ada", "middle": ["B"], "last": "Smith", "suffix": ""}, {"first": "Bo", "middle": [], "last": "Doe", "suffix": "Jr."}]),
            &["Ada B Smith", "Bo Doe Jr."],
        );
        check(
            json!([{"author": {"display_name": "Ada Smith", "orcid": null}, "raw_author_name": "A. Smith"}]),
            &["Ada Smith"],
        );
        check(
            json!({"author": [{"@pid": "1", "text": "Ada Smith 0001"}, {"text": "Bo Doe"}]}),
            &["Ada Smith", "Bo Doe"],
        );
        check(json!({"author": {"@pid": "1", "text": "Ada Smith"}}), &["Ada Smith"]);
        check(
            json!({"author": [{"fullName": "Smith A", "firstName": "Ada", "lastName": "Smith"}]}),
            &["Ada Smith"],
        );
        check(json!([{"name": "Smith, Ada", "givenName": "Ada", "familyName": "Smith"}]), &["Ada Smith"]);
        check(json!([["Smith", "Ada"], ["Plato"]]), &["Smith, Ada", "Plato"]);
        check(json!("['Smith, Ada', \"O'Neil, Cy\"]"), &["Smith, Ada", "O'Neil, Cy"]);
        check(json!({"name": "Ada Smith"}), &["Ada Smith"]);
        check(json!({"0": "Ada Smith", "1": "Bo Doe"}), &["Ada Smith", "Bo Doe"]);
        check(json!(["Ada Smith; Bo Doe"]), &["Ada Smith", "Bo Doe"]);
        let zotero = json!([
            {"creatorType": "author", "firstName": "Ada", "lastName": "Smith"},
            {"creatorType": "editor", "name": "Bo Doe"},
        ]);
        assert_eq!(
            read_in_role(&zotero, |roles| roles == ["author"]).value,
            Some(vec!["Ada Smith".to_owned()])
        );
        assert_eq!(read_in_role(&zotero, |roles| roles == ["editor"]).value, Some(vec!["Bo Doe".to_owned()]));
        assert_eq!(read_in_role(&zotero, |roles| roles == ["translator"]).value, None);
    }

    #[test]
    fn reads_lists_and_parsed_names() {
        assert_eq!(
            read(&json!(["Ada and Bo", " C ", "", null])),
            Reading::whole(vec!["Ada and Bo".into(), "C".into()])
        );
        assert_eq!(read(&json!([{"name": "Ada"}])), Reading::whole(vec!["Ada".into()]));
        assert_eq!(read(&json!([{"name": "Ada", "id": 1}])), Reading::part(vec!["Ada".into()]));
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
