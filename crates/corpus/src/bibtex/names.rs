//! The names of `A and B and others`, in BibTeX's syntax and in BibLaTeX's extended one.

use crate::bibliography::between_commas;
use crate::markup::decode_references;
use crate::person::Person;
use crate::record::MAX_AUTHORS;
use crate::tex::{decode, split_outside_braces};
use crate::text::fold;

/// The names in a field, as papers have them. "others" is nobody.
pub(super) fn names(tex: &str) -> Vec<String> {
    let tex = decode_references(tex);
    let raw = split_outside_braces(&tex, "and").into_iter().flat_map(wrongly_joined);
    let raw = raw.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("others"));
    let names = raw
        .map(|name| extended(&name).unwrap_or_else(|| Person::from_bibtex(without_number(&name))).display());
    // One more than a record may have is enough to have it refused.
    names.filter(|name| !name.is_empty()).take(MAX_AUTHORS + 1).collect()
}

/// The names that somebody put between semicolons or commas, where BibTeX has "and".
fn wrongly_joined(name: &str) -> Vec<String> {
    let name = name.trim();
    let several = split_outside_braces(name, ";");
    if several.len() > 1 {
        return several.into_iter().map(|name| name.trim().to_owned()).collect();
    }
    let is_plain = !name.contains(['{', '}', '\\', '"', '=']);
    let several = if is_plain { between_commas(&fold(name)) } else { None };
    several.unwrap_or_else(|| vec![name.to_owned()])
}

/// Without the number by which DBLP tells persons of one name apart: `Bo Doe 0002`.
fn without_number(name: &str) -> &str {
    let is_number = |word: &str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    name.rsplit_once(' ').filter(|(_, last)| is_number(last)).map_or(name, |(name, _)| name.trim_end())
}

/// `family=Deursen, given=Alexander, prefix=van, useprefix=true`: parts by name, in any order.
fn extended(raw: &str) -> Option<Person> {
    let (mut family, mut given, mut prefix, mut suffix) = (None, None, None, None);
    for part in split_outside_braces(raw, ",") {
        // A part that has no name is no part of this syntax, and so the whole is not in it.
        let (name, value) = unquoted(part.trim()).split_once('=')?;
        let value = decode(unquoted(value.trim()));
        let place = match name.trim().to_ascii_lowercase().as_str() {
            "family" => &mut family,
            "given" => &mut given,
            "prefix" => &mut prefix,
            "suffix" => &mut suffix,
            // Initials and options, which say no more of the name.
            name if name.ends_with("-i")
                || name.starts_with("use")
                || name == "id"
                || name.starts_with("sort") =>
            {
                continue;
            }
            _ => return None,
        };
        *place = Some(value).filter(|value| !value.is_empty());
    }
    let whole = |parts: [Option<String>; 2]| parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let family = whole([prefix, family]);
    match (family.is_empty(), given) {
        (true, None) => None,
        (true, Some(given)) => Some(Person::Named { family: given, given: String::new(), suffix: None }),
        (false, given) => {
            let given = given.unwrap_or_default();
            let suffix = suffix.filter(|_| !given.is_empty());
            Some(Person::Named { family, given, suffix })
        }
    }
}

/// Without quotation marks around all of it.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_syntaxes() {
        fn check(tex: &str, expected: &[&str]) {
            assert_eq!(names(tex), expected, "{tex}");
        }
        check("Smith, Ada and others", &["Ada Smith"]);
        check(
            "family=Deursen, given=Alexander, prefix=van, useprefix=true and Smith, Ada",
            &["Alexander van Deursen", "Ada Smith"],
        );
        check(
            "given=Jean, prefix=de la, prefix-i=d, family=Rousse and given={Jean Pierre}, family=Simon",
            &["Jean de la Rousse", "Jean Pierre Simon"],
        );
        check("\"family=Núñez\", given=\"José\"", &["José Núñez"]);
        check("given=Plato and family={Quay Group}", &["Plato", "Quay Group"]);
        check("Bo Doe 0002 and {Group 2020}", &["Bo Doe", "Group 2020"]);
        check("{a=b Group}", &["a=b Group"]);
        check("Smith, John; Doe, Jane", &["John Smith", "Jane Doe"]);
        check("Smith, J., Doe, J. and Roe, R.", &["J. Smith", "J. Doe", "R. Roe"]);
        check("Ada Smith, Bo Doe, Cy Roe", &["Ada Smith", "Bo Doe", "Cy Roe"]);
        check(
            "{Press; and Sons} and King, Jr., Martin Luther",
            &["Press; and Sons", "Martin Luther King Jr."],
        );
        check("M&uuml;ller, J. and O&#39;Hara, P.", &["J. Müller", "P. O'Hara"]);
    }
}
