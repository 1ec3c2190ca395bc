//! Folding: one spelling of what readers take for the same, whether a word is looked for, an author's name is filtered
//! by, two records are compared, or a citation key is made.
//!
//! The letters are those of `any_ascii`'s table; there is no other in the project.

use any_ascii::any_ascii_char;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

/// Greek letters in order of the alphabet (final sigma is folded to sigma), and their names.
const GREEK: [(char, &str); 24] = [
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "epsilon"),
    ('ζ', "zeta"),
    ('η', "eta"),
    ('θ', "theta"),
    ('ι', "iota"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('ν', "nu"),
    ('ξ', "xi"),
    ('ο', "omicron"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('σ', "sigma"),
    ('τ', "tau"),
    ('υ', "upsilon"),
    ('φ', "phi"),
    ('χ', "chi"),
    ('ψ', "psi"),
    ('ω', "omega"),
];

/// The English name of a Greek letter in lower case (`α` is `alpha`).
#[must_use]
pub fn greek_name(letter: char) -> Option<&'static str> {
    let letter = if letter == 'ς' { 'σ' } else { letter };
    GREEK.iter().find(|(known, _)| *known == letter).map(|(_, name)| *name)
}

/// Whether a character is a Greek letter, or the micro sign, which stands for one.
#[must_use]
pub fn is_greek(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' | 'µ')
}

/// Whether a word is the name of a Greek letter.
#[must_use]
pub fn is_greek_name(word: &str) -> bool {
    GREEK.iter().any(|(_, name)| *name == word)
}

/// What a character of a text is folded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folded {
    /// ASCII letters or digits in lower case, perhaps several.
    Ascii(&'static str),
    /// One letter, digit or mark.
    Char(char),
    /// Nothing: an accent, or what cannot be seen.
    Nothing,
    /// No part of a word: this sign.
    Other(char),
}

/// What each character of a text is folded to, in its order: without case, accents and compatibility forms.
///
/// Letters that Latin scripts added to the alphabet become those that stand for them in English (`ß` is `ss`,
/// `ł` is `l`), digits of any script become ASCII's, and forms of one Arabic letter become one.
pub fn folded(text: &str) -> impl Iterator<Item = Folded> {
    text.nfkd().flat_map(char::to_lowercase).nfkd().map(fold_char)
}

fn fold_char(c: char) -> Folded {
    match c {
        'a'..='z' | '0'..='9' => Folded::Char(c),
        'A'..='Z' => Folded::Char(c.to_ascii_lowercase()),
        c if is_accent(c) || is_ignorable(c) => Folded::Nothing,
        c if c.is_ascii() => Folded::Other(c),
        c if is_latin(c) || c.is_numeric() => Folded::Ascii(any_ascii_char(c)),
        'ς' => Folded::Char('σ'),
        'ة' => Folded::Char('ه'),
        'ى' | 'ی' => Folded::Char('ي'),
        'ک' => Folded::Char('ك'),
        // It only stretches a word.
        'ـ' => Folded::Nothing,
        c if c.is_alphanumeric() || is_combining_mark(c) => Folded::Char(c),
        _ => Folded::Other(c),
    }
}

/// A word folded ([`folded`]), without anything that is no letter or digit. A single Greek letter becomes its name, so
/// that `TNF-α` and `TNF-alpha` are the same.
#[must_use]
pub fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let mut spelled = String::with_capacity(word.len());
    for part in folded(word) {
        match part {
            Folded::Ascii(letters) => push_ascii(&mut spelled, letters),
            Folded::Char(c) => spelled.push(c),
            Folded::Nothing | Folded::Other(_) => {}
        }
    }
    if !spelled.is_ascii() {
        spelled = spelled.nfc().collect();
    }
    let mut chars = spelled.chars();
    let single = chars.next().filter(|_| chars.next().is_none());
    single.and_then(greek_name).map_or(spelled, str::to_owned)
}

/// Puts the letters and digits of an ASCII text behind another, in lower case.
pub fn push_ascii(text: &mut String, ascii: &str) {
    text.extend(ascii.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()));
}

/// A word folded, but with two letters for one where German and the Nordic languages write so: `Müller` is
/// `mueller`. `None` where it has no such letter.
#[must_use]
pub fn fold_to_digraphs(word: &str) -> Option<String> {
    if word.is_ascii() {
        return None;
    }
    let mut has_any = false;
    let mut spelled = String::with_capacity(word.len() + 2);
    for c in word.nfc() {
        let digraph = match c {
            'ä' | 'Ä' | 'æ' | 'Æ' => "ae",
            'ö' | 'Ö' | 'ø' | 'Ø' => "oe",
            'ü' | 'Ü' => "ue",
            'å' | 'Å' => "aa",
            c => {
                spelled.push(c);
                continue;
            }
        };
        has_any = true;
        spelled.push_str(digraph);
    }
    has_any.then(|| fold(&spelled)).filter(|spelled| *spelled != fold(word))
}

/// Whether a character cannot be seen: soft hyphens, joiners, marks of direction, selectors of a glyph. (The
/// zero-width space is none of them: it parts words.)
#[must_use]
pub fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200c}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a mark is an accent or a vowel sign that writers leave out: those of Latin, Greek, Cyrillic, Hebrew
/// and Arabic. Marks of other scripts are vowels and tones, and are of other classes.
fn is_accent(c: char) -> bool {
    !c.is_ascii() && is_combining_mark(c) && {
        let class = canonical_combining_class(c);
        matches!(c, '\u{300}'..='\u{36f}') || (10..=36).contains(&class) || class >= 200
    }
}

/// Whether it is a letter of a Latin script, or one that modifies them.
fn is_latin(c: char) -> bool {
    matches!(c, '\u{c0}'..='\u{2ff}' | '\u{1d00}'..='\u{1dbf}' | '\u{1e00}'..='\u{1eff}'
        | '\u{2c60}'..='\u{2c7f}' | '\u{a720}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab6f}')
}
