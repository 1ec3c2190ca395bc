//! Signs, letters and words of opposite meaning: the little by which two titles of two papers differ.

use std::collections::BTreeSet;

use cognate_corpus::matching::Signed;

/// By what two titles that are otherwise alike tell two papers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// "HER2+" and "HER2-", "< 65" and "≥ 65", "C" and "C++".
    Signs,
    /// "Vitamin D" and "vitamin E", "factor V" and "factor VIII", "TGF-α" and "TGF-β".
    Letters,
    /// "In men" and "in women", "with" and "without".
    Opposites,
}

impl Telling {
    /// What the titles differ in, in words.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Signs => "other signs",
            Self::Letters => "other letters",
            Self::Opposites => "opposite words",
        }
    }
}

/// Whether a word has signs in both titles, and each has one that the other has not. What only one title has is no
/// evidence, since sources lose signs, but for those that make another name of a letter ("C++", "C#").
pub(crate) fn has_other_signs(
    (a, words_a): (&[Signed], &[String]),
    (b, words_b): (&[Signed], &[String]),
) -> bool {
    let of = |all: &[Signed], one: &Signed| -> BTreeSet<String> {
        let same = all.iter().filter(|other| other.word == one.word && other.is_before == one.is_before);
        same.map(|signed| signed.sign.clone()).collect()
    };
    let is_other = |signed: &Signed| {
        let (ours, theirs) = (of(a, signed), of(b, signed));
        !theirs.is_empty() && !ours.is_subset(&theirs) && !theirs.is_subset(&ours)
    };
    let names_other = |signed: &Signed, theirs: &[Signed], words: &[String]| {
        signed.word.chars().count() == 1
            && matches!(signed.sign.as_str(), "++" | "#")
            && of(theirs, signed).is_empty()
            && words.contains(&signed.word)
    };
    a.iter().any(|signed| is_other(signed) || names_other(signed, b, words_b))
        || b.iter().any(|signed| names_other(signed, a, words_a))
}

/// Whether both titles have a single letter, a Roman number or the name of a Greek letter beside the same word, and not
/// the same one: "hepatitis B" and "hepatitis C".
pub(crate) fn has_other_letters(a: &[String], b: &[String]) -> bool {
    let is_other = |a: &BTreeSet<Beside<'_>>, b: &BTreeSet<Beside<'_>>| {
        a.iter().any(|ours| {
            !b.contains(ours)
                && b.iter().any(|theirs| {
                    theirs.word == ours.word && theirs.is_behind == ours.is_behind && !a.contains(theirs)
                })
        })
    };
    is_other(&letters(a), &letters(b))
}

/// A letter beside a word.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Beside<'a> {
    word: &'a str,
    is_behind: bool,
    letter: &'a str,
}

fn letters(words: &[String]) -> BTreeSet<Beside<'_>> {
    let mut letters = BTreeSet::new();
    for (at, letter) in words.iter().enumerate().filter(|(_, word)| is_letter(word)) {
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let sides = [(before, true), (words.get(at + 1), false)];
        for (word, is_behind) in sides {
            letters.extend(word.map(|word| Beside { word, is_behind, letter }));
        }
    }
    letters
}

fn is_letter(word: &str) -> bool {
    const GREEK: [&str; 10] =
        ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "theta", "kappa", "lambda", "sigma"];
    let mut chars = word.chars();
    let is_single = chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next().is_none();
    is_single || GREEK.contains(&word) || (word.len() <= 5 && word.bytes().all(|byte| b"ivx".contains(&byte)))
}

/// Words of opposite meaning, each side in its forms.
const OPPOSITES: &[(&[&str], &[&str])] = &[
    (
        &["man", "men", "male", "males", "boy", "boys"],
        &["woman", "women", "female", "females", "girl", "girls"],
    ),
    (&["boy", "boys"], &["men", "man"]),
    (&["girl", "girls"], &["woman", "women"]),
    (&["fathers", "father", "paternal"], &["mothers", "mother", "maternal"]),
    (
        &["child", "children", "paediatric", "pediatric", "infants", "neonates", "adolescents", "adolescent"],
        &["adult", "adults", "elderly"],
    ),
    (&["with"], &["without"]),
    (&["before"], &["after"]),
    (&["left"], &["right"]),
    (&["high", "higher"], &["low", "lower"]),
    (&["upper"], &["lower"]),
    (&["vitro"], &["vivo"]),
    (&["over", "above"], &["under", "below"]),
    (&["more"], &["less", "fewer"]),
    (&["early"], &["late"]),
    (&["young", "younger"], &["old", "older"]),
    (&["short", "shortterm"], &["long", "longterm"]),
    (&["acute"], &["chronic"]),
    (&["positive"], &["negative"]),
    (&["primary"], &["secondary"]),
    (&["benign"], &["malignant"]),
    (&["systolic"], &["diastolic"]),
    (&["proximal"], &["distal"]),
    (&["anterior"], &["posterior"]),
    (&["ventral"], &["dorsal"]),
    (&["medial"], &["lateral"]),
    (&["superior"], &["inferior"]),
    (&["internal"], &["external"]),
    (&["intracellular"], &["extracellular"]),
    (&["inpatient", "inpatients"], &["outpatient", "outpatients"]),
    (&["increase", "increases", "increased"], &["decrease", "decreases", "decreased"]),
    (&["increase", "increases", "increased"], &["reduce", "reduces", "reduced"]),
    (&["agonist", "agonists"], &["antagonist", "antagonists"]),
    (&["urban"], &["rural"]),
    (&["north", "northern"], &["south", "southern"]),
    (&["east", "eastern"], &["west", "western"]),
    (&["day", "daytime"], &["night", "nighttime"]),
    (&["summer"], &["winter"]),
    (&["open"], &["closed"]),
    (&["afferent"], &["efferent"]),
    (&["sensitive"], &["resistant"]),
    (&["dependent"], &["independent"]),
];

/// Beginnings that make opposites of one word.
const BEGINNINGS: [(&str, &str); 7] = [
    ("hyper", "hypo"),
    ("intra", "inter"),
    ("intra", "extra"),
    ("pre", "post"),
    ("macro", "micro"),
    ("mono", "poly"),
    ("endo", "exo"),
];

/// Whether one title has a word where the other has its opposite, and neither has both; or one is the other but for a
/// "non" or "not".
pub(crate) fn has_opposites((a, key_a): (&[String], &str), (b, key_b): (&[String], &str)) -> bool {
    let has = |words: &[String], wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let are_two = |x: &[&str], y: &[&str]| has(a, x) && !has(a, y) && has(b, y) && !has(b, x);
    if OPPOSITES.iter().any(|(x, y)| are_two(x, y) || are_two(y, x)) {
        return true;
    }
    let has_other_beginning = |ours: &[String], theirs: &[String]| {
        ours.iter().filter(|word| !theirs.contains(word)).any(|word| {
            BEGINNINGS.iter().any(|(x, y)| {
                let opposite =
                    word.strip_prefix(x).filter(|rest| rest.len() >= 4).map(|rest| format!("{y}{rest}"));
                opposite.is_some_and(|opposite| theirs.contains(&opposite) && !ours.contains(&opposite))
            })
        })
    };
    has_other_beginning(a, b) || has_other_beginning(b, a) || denies(key_a, key_b) || denies(key_b, key_a)
}

/// Whether a title is another with a "non", "not" or "no" put in.
fn denies(long: &str, short: &str) -> bool {
    ["non", "not", "no"].iter().any(|word| {
        long.len() == short.len() + word.len()
            && long.match_indices(word).any(|(at, _)| {
                short.get(..at) == long.get(..at) && short.get(at..) == long.get(at + word.len()..)
            })
    })
}
