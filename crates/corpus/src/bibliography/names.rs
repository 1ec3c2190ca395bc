//! Several names in one line, where a format has a line for each.

use std::sync::LazyLock;

use regex::Regex;

use crate::markup::text_of;
use crate::person::is_organisation;
use crate::record::MAX_AUTHORS;
use crate::text::fold;

/// The names of a line. It is taken for one name unless it is surely several: names between semicolons,
/// names with their family name first between "and", "Smith A., Doe B." and "Smith, A., Doe, B.", or three or more
/// whole names between commas.
pub(crate) fn in_line(line: &str) -> Vec<String> {
    // A character reference ends in a semicolon.
    let line = fold(&text_of(line));
    let parts = if line.contains(';') {
        // One more than a record may have is enough to have it refused.
        line.split(';').map(fold).take(MAX_AUTHORS + 1).collect()
    } else {
        joined_by_and(&line).or_else(|| between_commas(&line)).unwrap_or_else(|| vec![line])
    };
    parts.into_iter().filter(|name| !name.is_empty() && !is_nobody(name)).collect()
}

/// "et al." and "others" stand for names that are not given.
fn is_nobody(name: &str) -> bool {
    let name = name.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    matches!(
        name.as_str(),
        "et al" | "others" | "and others" | "et alii" | "anonymous" | "no author name available"
    )
}

/// "Müller, J. and Roe, Cy", "Smith, A. & Doe, B.": every part has a comma.
fn joined_by_and(line: &str) -> Option<Vec<String>> {
    static AND: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i),?\s+(?:and|&)\s+").expect("a pattern written in this file is a valid one")
    });
    let parts: Vec<&str> = AND.split(line).collect();
    let is_inverted = |part: &&str| {
        part.split_once(',')
            .is_some_and(|(family, given)| !family.trim().is_empty() && !given.trim().is_empty())
    };
    if parts.len() < 2 || !parts.iter().all(is_inverted) {
        return None;
    }
    Some(
        parts
            .into_iter()
            .flat_map(|part| between_commas(part).unwrap_or_else(|| vec![part.to_owned()]))
            .collect(),
    )
}

/// The names between commas, where they surely are several.
pub(crate) fn between_commas(line: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = line.split(',').map(str::trim).collect();
    if parts.len() < 2 {
        return None;
    }
    // "Smith A.", "van den Berg J.-P."
    let ends_in_initials = |part: &&str| {
        part.rsplit_once(' ').is_some_and(|(family, last)| is_initials(last) && !is_initials(family))
    };
    if parts.iter().all(ends_in_initials) {
        return Some(parts.into_iter().map(str::to_owned).collect());
    }
    // "Smith, A., Doe, B."
    let pairs = parts.chunks(2);
    let is_pair =
        |pair: &[&str]| matches!(pair, [family, given] if !is_initials(family) && is_initials(given));
    if parts.len() >= 4 && pairs.clone().all(is_pair) {
        return Some(pairs.map(|pair| pair.join(", ")).collect());
    }
    // "Ada Smith, Bo van den Berg, Cy Roe": one name has no more than two commas, and those before a suffix.
    let are_whole =
        parts.len() >= 3 && !is_organisation(line) && parts.iter().all(|part| is_whole_name(part));
    are_whole.then(|| parts.into_iter().map(str::to_owned).collect())
}

/// Whether a text reads as the given and family names of a person.
fn is_whole_name(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let is_plain = |c: char| c.is_alphabetic() || matches!(c, ' ' | '.' | '-' | '\'' | '’');
    let begins = |word: &&str| word.starts_with(char::is_uppercase);
    (2..=5).contains(&words.len())
        && text.chars().all(is_plain)
        && words.first().is_some_and(begins)
        && words.last().is_some_and(|last| begins(last) && !is_initials(last))
}

/// `A.`, `A. B.`, `J.-P.`, `AB`.
fn is_initials(text: &str) -> bool {
    let mut words =
        text.split(|c: char| c.is_whitespace() || ".-".contains(c)).filter(|word| !word.is_empty());
    let is_short = |word: &str| word.chars().count() <= 3 && word.chars().all(char::is_uppercase);
    text.contains(char::is_alphabetic) && words.all(is_short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_name_unless_it_is_surely_several() {
        fn check(line: &str, expected: &[&str]) {
            assert_eq!(in_line(line), expected, "{line}");
        }
        check("Smith, Ada; Doe, Bo;  Roe, Cy", &["Smith, Ada", "Doe, Bo", "Roe, Cy"]);
        check("Smith A., Doe B., Roe C.-D.", &["Smith A.", "Doe B.", "Roe C.-D."]);
        check("Smith, A., Doe, B. C.", &["Smith, A.", "Doe, B. C."]);
        check("Müller, J. and Roe, Cy", &["Müller, J.", "Roe, Cy"]);
        check("Smith, A., Doe, B., & Roe, C.", &["Smith, A.", "Doe, B.", "Roe, C."]);
        check("Smith, Ada; et al.", &["Smith, Ada"]);
        check("Ada Smith, Bo van den Berg, Cy R. Roe", &["Ada Smith", "Bo van den Berg", "Cy R. Roe"]);
        check("M&uuml;ller, J.", &["Müller, J."]);
        check("O&#39;Hara, P.; N&#250;&ntilde;ez, Q.", &["O'Hara, P.", "Núñez, Q."]);
        for one in [
            "Smith,Ada",
            "Smith, A.",
            "King, Martin Luther, Jr.",
            "Press and Sons, Inc.",
            "Tides, Boats and Locks Group",
            "Quay Hospital, Lock Society, North Sea",
            "de la Rosa, Ada Maria, Jr.",
            "Plato",
            "Smith, JP",
        ] {
            check(one, &[one]);
        }
    }
}
