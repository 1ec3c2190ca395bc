//! One author's name in its parts, as bibliographies need it.

use crate::tex;
use crate::text::fold;

/// A name in parts, or one that has none.
///
/// Texts are folded and not blank. For every text `t`, `Person::from_text(&t).inverted()` and
/// `.display()` read back to the same parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Person {
    /// A person. `given` is empty where there is but one name.
    Named { family: String, given: String, suffix: Option<String> },
    /// A collaboration, an organisation, or a name that cannot be taken apart.
    Whole(String),
}

impl Person {
    /// Reads "Ada Lovelace", "Lovelace, Ada", "Lovelace A", "King, Martin Luther, Jr.".
    ///
    /// The family name is the last word, with the words in lower case before it (`van der Berg`). Names
    /// in Chinese, Japanese and Korean script begin with the family name and are not taken apart.
    pub(crate) fn from_text(text: &str) -> Self {
        // One word, as it is one degree.
        let text = fold(text).replace("Ph. D.", "Ph.D.");
        let text = text.trim_end_matches([',', ';', ' ']);
        let whole = || Self::Whole(fold(text));
        if is_organisation(text) || text.chars().any(is_cjk) {
            return whole();
        }
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let read = match parts.as_slice() {
            [natural] => from_natural(natural),
            [name, suffix] if is_suffix(suffix) => match from_natural(name) {
                Some(Self::Named { family, given, suffix: None }) => {
                    Some(Self::Named { family, given, suffix: Some((*suffix).to_owned()) })
                }
                _ => None,
            },
            [family, given] => {
                let (given, suffix) = without_suffix(given);
                Some(named(family, given, suffix))
            }
            [family, suffix, given] | [family, given, suffix] if is_suffix(suffix) => {
                Some(named(family, given, Some(suffix)))
            }
            _ => None,
        };
        let Some(person) = read else { return whole() };
        let Self::Named { family, given, suffix } = &person else { return whole() };
        let is_complete = !family.is_empty() && (!given.is_empty() || (suffix.is_none() && parts.len() == 1));
        // What would be read in another way when written family name first has no sure parts.
        let is_sure = given.is_empty() || from_inverted(&person.inverted()).as_ref() == Some(&person);
        if is_complete && is_sure { person } else { whole() }
    }

    /// A person by the parts that a source tells apart.
    pub(crate) fn of_parts(family: &str, given: &str, suffix: Option<&str>) -> Self {
        let (family, given) = (fold(family), fold(given));
        match (family.is_empty(), suffix.map(fold).filter(|suffix| !suffix.is_empty())) {
            (true, _) => Self::Whole(given),
            (false, Some(suffix)) if given.is_empty() => Self::Whole(format!("{family} {suffix}")),
            (false, suffix) => Self::Named { family, given, suffix },
        }
    }

    /// Reads a name of a BibTeX entry: braces keep together, `family, given` or `family, suffix, given`.
    pub(crate) fn from_bibtex(raw: &str) -> Self {
        let raw = raw.trim();
        let parts: Vec<String> =
            tex::split_outside_braces(raw, ",").iter().map(|part| tex::decode(part)).collect();
        match parts.as_slice() {
            [whole] if is_braced(raw) => Self::Whole(whole.clone()),
            [family, given] if !is_suffix(given) && !family.is_empty() && !given.is_empty() => {
                let (given, suffix) = without_suffix(given);
                named(family, given, suffix)
            }
            [family, suffix, given] if is_suffix(suffix) && !family.is_empty() && !given.is_empty() => {
                named(family, given, Some(suffix))
            }
            _ => Self::from_text(&parts.join(", ")),
        }
    }

    /// The name as papers have it: "Ada Lovelace", "Martin Luther King Jr.". A family name that would
    /// not be found so ("García Márquez") stays in front, before a comma.
    pub(crate) fn display(&self) -> String {
        let Self::Named { family, given, suffix } = self else { return self.inverted() };
        let suffix = suffix.as_deref().unwrap_or_default();
        let natural = fold(&[given, family, suffix].join(" "));
        if Self::from_text(&natural) == *self { natural } else { self.inverted() }
    }

    /// The name as RIS has it: "Lovelace, Ada", "King, Martin Luther, Jr.".
    pub(crate) fn inverted(&self) -> String {
        match self {
            Self::Whole(name) => name.clone(),
            Self::Named { family, given, .. } if given.is_empty() => family.clone(),
            Self::Named { family, given, suffix: None } => format!("{family}, {given}"),
            Self::Named { family, given, suffix: Some(suffix) } => format!("{family}, {given}, {suffix}"),
        }
    }

    /// The name as BibTeX has it: `Lovelace, Ada`, `King, Jr., Martin Luther`, `{ATLAS Collaboration}`.
    pub(crate) fn bibtex(&self) -> String {
        match self {
            Self::Whole(name) => format!("{{{}}}", tex::encode(name)),
            Self::Named { family, given, .. } if given.is_empty() => tex::encode(family),
            Self::Named { family, given, suffix } => {
                let suffix = suffix.iter().map(String::as_str);
                let parts = [family.as_str()].into_iter().chain(suffix).chain([given.as_str()]);
                parts.map(tex::encode).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// The family name, or the whole where there is none.
    pub(crate) fn family(&self) -> &str {
        match self {
            Self::Named { family, .. } => family,
            Self::Whole(name) => name,
        }
    }
}

/// The family name of an author, or the whole name where it cannot be taken apart: an organisation's, one in Chinese
/// characters.
#[must_use]
pub fn family_name(author: &str) -> String {
    Person::from_text(author).family().to_owned()
}

fn named(family: &str, given: &str, suffix: Option<&str>) -> Person {
    Person::Named { family: family.to_owned(), given: given.to_owned(), suffix: suffix.map(str::to_owned) }
}

/// What `from_text` makes of a name with its family name first, without asking whether that is sure.
fn from_inverted(text: &str) -> Option<Person> {
    if is_organisation(text) {
        return None;
    }
    match text.split(", ").collect::<Vec<_>>().as_slice() {
        [_, last] if is_suffix(last) => None,
        [family, given] => {
            let (given, suffix) = without_suffix(given);
            Some(named(family, given, suffix))
        }
        [family, suffix, given] | [family, given, suffix] if is_suffix(suffix) => {
            Some(named(family, given, Some(suffix)))
        }
        _ => None,
    }
}

/// Given names and the suffix behind them, as PubMed has it: "Hans Jr".
fn without_suffix(given: &str) -> (&str, Option<&str>) {
    match given.rsplit_once(' ') {
        Some((given, last)) if is_suffix(last) => (given.trim_end(), Some(last)),
        _ => (given, None),
    }
}

/// "Given Names Family", "Family AB", "Given Family Jr.".
fn from_natural(text: &str) -> Option<Person> {
    let mut words: Vec<&str> = text.split(' ').collect();
    let suffix = if words.len() > 2 { words.pop_if(|last| is_suffix(last)) } else { None };
    let (&last, before) = words.split_last()?;
    if before.is_empty() {
        return suffix.is_none().then(|| named(last, "", None));
    }
    // "Smith JP": PubMed's way.
    if is_initials(last) && before.iter().all(|word| !is_initials(word)) {
        return Some(named(&before.join(" "), last, suffix));
    }
    let n_particles = before.iter().rev().take_while(|word| word.starts_with(char::is_lowercase)).count();
    let (given, particles) = before.split_at(before.len() - n_particles);
    let family = [particles, &[last]].concat().join(" ");
    Some(named(&family, &given.join(" "), suffix))
}

fn is_initials(word: &str) -> bool {
    let n_letters = word.chars().filter(|c| !matches!(c, '.' | '-')).count();
    // Without full stops they are two at the most, as PubMed has them.
    let max_letters = if word.contains('.') { 4 } else { 2 };
    (1..=max_letters).contains(&n_letters)
        && word.chars().count() <= 3 * n_letters
        && word.chars().all(|c| c.is_uppercase() || matches!(c, '.' | '-'))
}

fn is_suffix(part: &str) -> bool {
    // A degree as it is written, in two cases; in capitals alone it may be initials.
    let is_degree = ["PhD", "DPhil", "MSc", "BSc", "MPhil", "Esq"].contains(&part.replace('.', "").as_str());
    is_degree || ["jr", "sr", "ii", "iii", "iv"].contains(&part.trim_end_matches('.').to_lowercase().as_str())
}

/// Whether words or signs in a name are those of organisations, not of persons.
pub(crate) fn is_organisation(name: &str) -> bool {
    #[rustfmt::skip]
    const WORDS: [&str; 38] = [
        "and", "others", "of", "for", "on", "the", "und", "et", "association", "center", "centre",
        "collaboration", "collaborations", "college", "committee", "community", "company", "consortium",
        "corp", "corporation", "council", "foundation", "group", "gmbh", "inc", "initiative",
        "institute", "investigators", "laboratory", "llc", "ltd", "network", "organisation",
        "organization", "project", "society", "team", "university",
    ];
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    words.any(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
        || name.contains(|c: char| c.is_ascii_digit() || "{}\"&/@:;()[]<>\\".contains(c))
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a text is one group in braces.
fn is_braced(raw: &str) -> bool {
    let Some(inner) = raw.strip_prefix('{').and_then(|raw| raw.strip_suffix('}')) else { return false };
    tex::is_balanced(inner) && tex::is_balanced(raw)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn degrees_are_no_family_names() {
        for text in ["Kazuhiro Seki Ph. D.", "Kazuhiro Seki, Ph.D.", "Seki, Kazuhiro, Ph.D."] {
            let person = Person::from_text(text);
            assert_eq!(person.inverted(), "Seki, Kazuhiro, Ph.D.", "{text}");
            assert_eq!(Person::from_text(&person.inverted()), person);
        }
        assert_eq!(Person::from_text("Ivanov I.I.").inverted(), "Ivanov, I.I.");
    }

    #[test]
    fn takes_names_apart() {
        fn check(text: &str, inverted: &str, bibtex: &str) {
            let person = Person::from_text(text);
            assert_eq!((person.inverted().as_str(), person.bibtex().as_str()), (inverted, bibtex));
        }
        check("Ada King  Lovelace", "Lovelace, Ada King", "Lovelace, Ada King");
        check("Ludwig van Beethoven", "van Beethoven, Ludwig", "van Beethoven, Ludwig");
        check("Martin Luther King Jr.", "King, Martin Luther, Jr.", "King, Jr., Martin Luther");
        check("King, Jr., Martin Luther", "King, Martin Luther, Jr.", "King, Jr., Martin Luther");
        check("Smith JP", "Smith, JP", "Smith, JP");
        check("van den Berg J.-P.", "van den Berg, J.-P.", "van den Berg, J.-P.");
        check("Roe A.B.C.", "Roe, A.B.C.", "Roe, A.B.C.");
        check("van der Berg, Hans Jr", "van der Berg, Hans, Jr", "van der Berg, Jr, Hans");
        check("Kim LEE", "LEE, Kim", "LEE, Kim");
        check("Plato", "Plato", "Plato");
        check("ATLAS Collaboration", "ATLAS Collaboration", "{ATLAS Collaboration}");
        check("Press and Sons, Inc.", "Press and Sons, Inc.", "{Press and Sons, Inc.}");
        check("山田 太郎", "山田 太郎", "{山田 太郎}");
        check("Smith,", "Smith", "Smith");
        check("A, B, C, D", "A, B, C, D", "{A, B, C, D}");
    }

    #[test]
    fn reads_bibtex_names() {
        fn check(raw: &str, display: &str) {
            assert_eq!(Person::from_bibtex(raw).display(), display);
        }
        check(r"Garc{\'\i}a M{\'a}rquez, Gabriel", "García Márquez, Gabriel");
        check("{van der Berg}, Jan", "Jan van der Berg");
        check(r#"G{\"o}del, Kurt"#, "Kurt Gödel");
        check("King, Jr., Martin Luther", "Martin Luther King Jr.");
        check("{The ATLAS Collaboration}", "The ATLAS Collaboration");
        check("Donald E. Knuth", "Donald E. Knuth");
        check("", "");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(4), ..ProptestConfig::with_cases(4096) })]

        #[test]
        fn names_come_back(text in prop_oneof![any::<String>(), "([A-Ca-c山{}$\\\\.]{1,3}|and|Jr\\.|II|[, ]){0,8}"]) {
            let person = Person::from_text(&text);
            prop_assert_eq!(&Person::from_text(&person.inverted()), &person);
            prop_assert_eq!(&Person::from_text(&person.display()), &person);
            let again = Person::from_bibtex(&person.bibtex());
            prop_assert_eq!(again.display(), person.display());
        }
    }
}
