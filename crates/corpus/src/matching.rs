//! Forms of titles, texts and names in which two sources agree: what records are compared by.
//!
//! They are for comparing only. What is stored and shown stays as its source has it.

use std::borrow::Cow;

use cognate_fold::{Folded, folded, greek_name, is_greek_name, push_ascii};
use unicode_normalization::UnicodeNormalization;

use crate::markup::decode_references;
use crate::tex;
use crate::twice_encoded::repaired;

/// The words of a text in the one spelling in which sources are compared: HTML entities and TeX decoded,
/// without accents, case, markup or punctuation, Greek letters by name. `H$_2$O` and `H₂O` are both
/// `h2o`; `TNF-α` and `TNF-$\alpha$` are both `tnf`, `alpha`. UTF-8 that was encoded twice is read as it was before.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let text = repaired(text);
    let text = decode_references(&text);
    let has_markup = text.contains(['\\', '{', '$', '<']);
    let text = if has_markup { Cow::Owned(plain(&text)) } else { text };
    let mut words = Vec::new();
    let mut word = String::new();
    let mut push = |word: &mut String| {
        if word.is_ascii() && !word.is_empty() {
            words.push(std::mem::take(word));
        } else if !word.is_empty() {
            words.push(std::mem::take(word).nfc().collect());
        }
    };
    for part in folded(&text) {
        match part {
            Folded::Nothing => {}
            Folded::Ascii(letters) => push_ascii(&mut word, letters),
            Folded::Char(c) => match greek_name(c) {
                Some(name) => word.push_str(name),
                None => word.push(c),
            },
            // Apostrophes ("Parkinson's"), and what sub- and superscripts are written with.
            Folded::Other('\'' | '’' | '_' | '^') => {}
            Folded::Other(_) => push(&mut word),
        }
    }
    push(&mut word);
    words
}

/// A word of a text and a sign that belongs to it, as "her2" and "+" of "HER2+".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The word, as [`words`] has it.
    pub word: String,
    /// One of `+` (or more of them), `-`, `#`, `<`, `>`, `≤` and `≥`.
    pub sign: String,
    /// It stands before the word ("< 65"), else behind it.
    pub is_before: bool,
}

/// The words of a text that have signs, in their order. Parentheses around a sign, its height and the many dashes are
/// the same: `CD4⁺`, `CD4(+)` and `CD4$^+$` are all "cd4" with "+". A dash between two words is none.
#[must_use]
pub fn signs(text: &str) -> Vec<Signed> {
    const HAVE: [char; 16] =
        ['+', '-', '#', '<', '>', '\u{2264}', '\u{2265}', '⩽', '⩾', '−', '–', '‐', '‑', '＋', '⁺', '⁻'];
    let text = decode_references(text);
    if !text.contains(HAVE) && !text.contains('\\') {
        return Vec::new();
    }
    let pieces = pieces(&without_tags(&text));
    let mut found = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let Piece::Sign(_) = pieces[at] else {
            at += 1;
            continue;
        };
        let signs: String = pieces[at..].iter().map_while(Piece::sign).collect();
        let end = at + signs.chars().count();
        let before = at.checked_sub(1).and_then(|before| pieces[before].word());
        let behind = pieces.get(end).and_then(Piece::word);
        let or_equal = |end: usize| -> bool {
            // "> or = 65"
            let rest = pieces[end..].iter().filter(|piece| !matches!(piece, Piece::Gap));
            let mut rest = rest.take(2);
            rest.next().and_then(Piece::word) == Some("or") && rest.next().and_then(Piece::sign) == Some('=')
        };
        if let Some(relation) = signs.chars().find(|sign| "<>≤≥".contains(*sign)) {
            let has_equal = signs.contains('=') || or_equal(end);
            let sign = match relation {
                '<' if has_equal => '≤',
                '>' if has_equal => '≥',
                relation => relation,
            };
            let next = pieces[end..].iter().filter_map(Piece::word).find(|word| *word != "or");
            found.extend(next.map(|word| Signed {
                word: word.to_owned(),
                sign: sign.into(),
                is_before: true,
            }));
        } else {
            let strong: String = signs.chars().filter(|sign| "+#".contains(*sign)).collect();
            let sign = if strong.is_empty() && signs.contains('-') { "-".to_owned() } else { strong };
            let (word, is_before) = match (before, behind) {
                (Some(_), Some(_)) if sign == "-" => (None, false),
                (Some(word), _) => (Some(word), false),
                (None, word) => (word, true),
            };
            let word = word.filter(|_| !sign.is_empty());
            found.extend(word.map(|word| Signed { word: word.to_owned(), sign, is_before }));
        }
        at = end;
    }
    found
}

/// A piece of a text, as [`signs`] reads it.
enum Piece {
    Word(String),
    Sign(char),
    Gap,
}

impl Piece {
    fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }

    fn sign(&self) -> Option<char> {
        if let Self::Sign(sign) = self { Some(*sign) } else { None }
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    // Whether the last piece is a word that goes on.
    let mut is_open = false;
    for part in folded(text) {
        let mut letters = String::new();
        match part {
            Folded::Nothing => continue,
            Folded::Ascii(ascii) => push_ascii(&mut letters, ascii),
            Folded::Char(c) => match greek_name(c) {
                Some(name) => letters.push_str(name),
                None => letters.push(c),
            },
            Folded::Other('\'' | '’' | '_' | '^') => continue,
            Folded::Other('(' | ')' | '[' | ']' | '{' | '}' | '$') => {
                is_open = false;
                continue;
            }
            Folded::Other(other) => {
                is_open = false;
                pieces.push(match other {
                    '+' | '#' | '<' | '>' | '=' | '≤' | '≥' => Piece::Sign(other),
                    '⩽' | '≦' => Piece::Sign('≤'),
                    '⩾' | '≧' => Piece::Sign('≥'),
                    '-' | '‐' | '‑' | '‒' | '–' | '—' | '−' => Piece::Sign('-'),
                    _ => Piece::Gap,
                });
                continue;
            }
        }
        match pieces.last_mut() {
            Some(Piece::Word(word)) if is_open => word.push_str(&letters),
            _ => pieces.push(Piece::Word(letters)),
        }
        is_open = true;
    }
    pieces
}

/// A text without a page's tags, and with the signs that TeX spells out.
fn without_tags(text: &str) -> String {
    let mut text = text.replace("\\geq", "≥").replace("\\leq", "≤");
    for (name, sign) in [("\\ge", '≥'), ("\\le", '≤')] {
        for behind in [" ", "{", "$"] {
            text = text.replace(&format!("{name}{behind}"), &format!("{sign}{behind}"));
        }
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('<') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        match tag_length(&rest[1..]) {
            Some(length) => rest = &rest[1 + length..],
            None => {
                plain.push('<');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The length of a tag without the sign in front (`i>`, `/sub>`, `jats:p>`), where this is one; any other such sign is a
/// relation.
fn tag_length(behind: &str) -> Option<usize> {
    let length = behind.bytes().take(24).position(|byte| byte == b'>')?;
    let is_tag = behind.trim_start_matches('/').starts_with(|c: char| c.is_ascii_alphabetic());
    is_tag.then_some(length + 1)
}

/// A text without TeX's commands and a page's tags; commands that name Greek letters stay, as words.
fn plain(text: &str) -> String {
    let decoded = tex::decode(text);
    let mut plain = String::with_capacity(decoded.len());
    let mut rest = decoded.as_str();
    while let Some(at) = rest.find(['\\', '$', '{', '}', '<']) {
        plain.push_str(&rest[..at]);
        let sign = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match sign {
            b'\\' => {
                let len = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
                let name = rest[..len].strip_prefix("var").unwrap_or(&rest[..len]).to_ascii_lowercase();
                plain.push(' ');
                if is_greek_name(&name) {
                    plain.push_str(&name);
                    plain.push(' ');
                }
                rest = &rest[len..];
            }
            b'<' => match tag_length(rest) {
                Some(length) => rest = &rest[length..],
                None => plain.push(' '),
            },
            _ => {}
        }
    }
    plain.push_str(rest);
    plain
}

/// An author's name in the parts that sources agree on: letters only, no accents, no case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKey {
    /// The last word of the family name, without particles: `berg` for "van den Berg".
    pub family: String,
    /// The first given name or its initials; empty where there is none.
    pub given: String,
}

impl NameKey {
    /// Reads "Ada Lovelace", "Lovelace, Ada", "Lovelace A." and "lovelace a"; `None` for a name without
    /// letters and for what stands for further authors ("et al.").
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        if let Some(whole) = whole_name(name) {
            return Some(Self { family: whole, given: String::new() });
        }
        let (front, back) = name.split_once(',').unwrap_or((name, ""));
        let (mut family, mut given) = (name_words(front), name_words(back));
        family.retain(|word| !is_suffix(word));
        given.retain(|word| !is_suffix(word));
        if family.len() >= 2
            && (family.ends_with(&["al".to_owned()]) || family.ends_with(&["others".to_owned()]))
        {
            return None;
        }
        if given.is_empty() && family.len() > 1 {
            // "Smith JP", PubMed's way: a word in capitals after one that is not.
            let last_written = front.split_whitespace().next_back().unwrap_or_default();
            let is_initials = last_written.chars().filter(|c| c.is_alphabetic()).count() <= 2
                && last_written.chars().all(|c| c.is_uppercase() || ".-".contains(c));
            let is_first_initials = family.first().is_some_and(|word| word.len() == 1);
            if is_initials && !is_first_initials {
                given = family.split_off(family.len() - 1);
            } else {
                let last = family.split_off(family.len() - 1);
                given = std::mem::replace(&mut family, last);
            }
        }
        let family = family.pop()?;
        Some(Self { family, given: given.into_iter().next().unwrap_or_default() })
    }

    /// Whether both may name the same person: the same family name and no other first initial, also where
    /// one has the names in the other order, or one letter of a long family name differs.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let agree = |a: &str, b: &str| {
            let (a, b) = (a.chars().next(), b.chars().next());
            a.is_none() || b.is_none() || a == b
        };
        let is_same = self.family == other.family || is_one_edit(&self.family, &other.family);
        let is_swapped = !self.given.is_empty() && self.family == other.given && self.given == other.family;
        (is_same && agree(&self.given, &other.given)) || is_swapped
    }
}

/// A name that has no parts to be told apart, in one word: of people in Chinese characters, kana or hangul, with a space
/// or comma between the parts or without; and of groups, without their articles ("the Harbour Sleep Team").
fn whole_name(name: &str) -> Option<String> {
    let is_cjk = |c: char| matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    let mut letters = name.chars().filter(|c| c.is_alphanumeric()).peekable();
    if letters.peek().is_some() && letters.all(is_cjk) {
        return Some(words(name).concat());
    }
    const GROUPS: [&str; 14] = [
        "collaboration",
        "collaborations",
        "collaborators",
        "collaborative",
        "committee",
        "consortium",
        "group",
        "groups",
        "initiative",
        "investigators",
        "network",
        "society",
        "team",
        "teams",
    ];
    const SMALL: [&str; 9] = ["the", "a", "of", "for", "on", "in", "and", "behalf", "corporate"];
    // "Group, Harbour Sleep Study": by a source that takes it for a person.
    let words = match name.split_once(',') {
        Some((last, first)) => [words(first), words(last)].concat(),
        None => words(name),
    };
    let is_group = words.len() > 1 && words.last().is_some_and(|last| GROUPS.contains(&last.as_str()));
    let told: Vec<&str> = words.iter().map(String::as_str).filter(|word| !SMALL.contains(word)).collect();
    (is_group && !told.is_empty()).then(|| told.concat())
}

/// The words of a name; a hyphen joins ("Garcia-Molina", "Jean-Pierre").
fn name_words(name: &str) -> Vec<String> {
    let joined: String = name.chars().filter(|c| !matches!(c, '-' | '‐' | '‑' | '–')).collect();
    words(&joined)
}

fn is_suffix(word: &str) -> bool {
    ["jr", "sr", "ii", "iii", "iv"].contains(&word)
}

/// Whether two words of six letters or more differ by one letter put in, left out or replaced.
fn is_one_edit(a: &str, b: &str) -> bool {
    const MIN_LETTERS: usize = 6;
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() < MIN_LETTERS || long.len() - short.len() > 1 {
        return false;
    }
    let (short, long) = (short.as_bytes(), long.as_bytes());
    let n_front = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let n_back = short.iter().rev().zip(long.iter().rev()).take_while(|(a, b)| a == b).count();
    n_front + n_back >= long.len() - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn sources_agree_on_words() {
        fn check(text: &str, expected: &str) {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
        check(r#"Schr\"odinger {E}quation: H$_2$O, $x^{2}$"#, "schrodinger equation h2o x2");
        check("Schrödinger equation — H₂O, x²", "schrodinger equation h2o x2");
        check(r"TNF-$\alpha$ and $\mathcal{N}=4$", "tnf alpha and n 4");
        check("TNF-α and N=4", "tnf alpha and n 4");
        check("<i>In vivo</i> a < b &amp; Garc&iacute;a, garc &#237; a", "in vivo a b garcia garcia");
        check("Parkinson’s disease (PD)", "parkinsons disease pd");
        check("深層学習 입문", "深層学習 입문");
        check("Effets des marÃ©es Ã  l'Ã®le", "effets des marees a lile");
    }

    #[test]
    fn names_match_across_sources() {
        fn check(a: &str, b: &str, expected: bool) {
            let (a_key, b_key) = (NameKey::new(a).unwrap(), NameKey::new(b).unwrap());
            assert_eq!(a_key.matches(&b_key), expected, "{a_key:?} {b_key:?}");
            assert_eq!(b_key.matches(&a_key), expected, "{b_key:?} {a_key:?}");
        }
        check("Ada Lovelace", "Lovelace, A.", true);
        check("Ada Lovelace", "Lovelace A", true);
        check("Ada Lovelace", "ada k. lovelace", true);
        check("Ada Lovelace", "Byron Lovelace", false);
        check("Gido Martijn van de Ven", "Gido Ven", true);
        check("Hong Su", "Su Hong", true);
        check("H. Garcia-Molina", "h &#233; ctor garc &#237; a-molina", true);
        check("K. K\\\"onig-Ries", "K König-Ries", true);
        check("M. Tamer Özsu", "m. tamer &#214; zsu", true);
        check("Martin Luther King Jr.", "King, Martin", true);
        check("S. Chaudhuri", "S. Chaudhury", true);
        check("J. Smith", "J. Smyth", false);
        check("王 小明", "王小明", true);
        check("王, 小明", "王小明", true);
        check("王 小明", "李 小明", false);
        check("山田 太郎", "山田太郎", true);
        check("김 민준", "김민준", true);
        check("the STRIDE Team", "STRIDE Team", true);
        check("corporate the STRIDE Team", "STRIDE team", true);
        check("The Harbour Sleep Study Group", "Harbour Sleep Study Group", true);
        check("the STRIDE Team", "the TIDES Team", false);
        check("Harbour Investigators", "Quay Investigators", false);
        check("Group, Harbour Sleep Study", "the Harbour Sleep Study Group", true);
        check("Anh The", "The, A.", true);
        assert_eq!(NameKey::new("et al."), None);
        assert_eq!(NameKey::new("?"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(5), ..ProptestConfig::with_cases(1024) })]

        #[test]
        fn any_text_is_read(text in prop_oneof![any::<String>(), "[&#;$\\\\{}<>=+≥a-cαé0-9 -]{0,32}"]) {
            let once = words(&text);
            prop_assert_eq!(&words(&once.join(" ")), &once);
            prop_assert!(signs(&text).iter().all(|signed| !signed.word.is_empty() && !signed.sign.is_empty()));
            if let Some(key) = NameKey::new(&text) {
                prop_assert!(key.matches(&key));
            }
        }
    }
}
