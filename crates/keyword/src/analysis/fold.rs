//! Folding a word: to one spelling of what readers take for the same.

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

/// Whether a character is a Greek letter, or the micro sign, which stands for one.
pub(super) fn is_greek(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' | 'µ')
}

/// Whether a word is the name of a Greek letter.
pub(super) fn is_greek_name(word: &str) -> bool {
    GREEK.iter().any(|(_, name)| *name == word)
}

/// A word in lower case, without accents, compatibility forms or anything that is no letter or digit.
///
/// Letters that Latin scripts added to the alphabet become those that stand for them in English (`ß` is `ss`,
/// `ł` is `l`), digits of any script become ASCII's, and forms of one Arabic letter become one. A single Greek
/// letter becomes its name, so that `TNF-α` and `TNF-alpha` are the same.
#[must_use]
pub fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(word.len());
    for c in word.nfkd().flat_map(char::to_lowercase).nfkd() {
        match c {
            c if is_accent(c) || is_ignorable(c) => {}
            c if c.is_ascii() => folded.extend(c.is_ascii_alphanumeric().then_some(c)),
            c if is_latin(c) || c.is_numeric() => {
                let ascii = any_ascii_char(c).chars().filter(char::is_ascii_alphanumeric);
                folded.extend(ascii.map(|c| c.to_ascii_lowercase()));
            }
            'ς' => folded.push('σ'),
            'ة' => folded.push('ه'),
            'ى' | 'ی' => folded.push('ي'),
            'ک' => folded.push('ك'),
            // It only stretches a word.
            'ـ' => {}
            c if c.is_alphanumeric() || is_combining_mark(c) => folded.push(c),
            _ => {}
        }
    }
    if !folded.is_ascii() {
        folded = folded.nfc().collect();
    }
    let mut chars = folded.chars();
    let single = chars.next().filter(|_| chars.next().is_none());
    match single.and_then(|c| GREEK.iter().find(|(letter, _)| *letter == c)) {
        Some((_, name)) => (*name).to_owned(),
        None => folded,
    }
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
pub(super) fn is_ignorable(c: char) -> bool {
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
