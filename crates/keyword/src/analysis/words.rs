//! Cutting a text into words.

use unicode_normalization::char::is_combining_mark;

use super::fold::is_greek;

/// Characters that join two words into a compound when they stand alone between them.
const CONNECTORS: &str = "-‐‑‒–./_+:'’";

/// A run of letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Its first byte in the text.
    pub(super) start: usize,
    /// How it stands to the word before it.
    pub(super) joint: Joint,
    pub(super) script: Script,
    /// `++` or `#`, where that ends a name.
    pub(super) suffix: &'a str,
}

/// How a word stands to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// White space or punctuation is between them, or there is none before.
    Apart,
    /// One character joins them.
    By(char),
    /// Nothing is between them, but the script changes, as in `TNFα`.
    Touching,
}

/// How words are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// Words have something between them.
    Spaced,
    /// Greek, of which single letters are symbols.
    Greek,
    /// Chinese and Japanese: the word is a whole run.
    Unspaced,
}

impl Word<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is the `s` of `Parkinson's`.
    pub(super) fn is_possessive(&self) -> bool {
        matches!(self.joint, Joint::By('\'' | '’')) && matches!(self.text, "s" | "S")
    }

    /// Whether it is two or more capitals.
    pub(super) fn is_acronym(&self) -> bool {
        self.text.len() > 1 && self.text.bytes().all(|byte| byte.is_ascii_uppercase())
    }
}

/// Whether a text of several words is mostly capitals, so that capitals say nothing.
pub(super) fn shouts(text: &str) -> bool {
    let n_upper = text.bytes().filter(u8::is_ascii_uppercase).count();
    let n_lower = text.bytes().filter(u8::is_ascii_lowercase).count();
    n_upper > n_lower && text.split_whitespace().nth(3).is_some()
}

/// The words of a text, in order.
pub(super) fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    let mut last_end = None;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_word_char)?;
        let script = script_of(text[start..].chars().next()?);
        let len = text[start..]
            .char_indices()
            .find(|&(_, c)| !is_word_char(c) || (script_of(c) != script && !is_combining_mark(c)))
            .map_or(text.len() - start, |(len, _)| len);
        let end = start + len;
        let joint = match last_end.map(|last_end: usize| &text[last_end..start]) {
            _ if script == Script::Unspaced => Joint::Apart,
            None => Joint::Apart,
            Some("") => Joint::Touching,
            Some(between) => {
                one_char(between).filter(|&c| CONNECTORS.contains(c)).map_or(Joint::Apart, Joint::By)
            }
        };
        // Nothing is joined to a run of characters.
        last_end = (script != Script::Unspaced).then_some(end);
        at = end;
        Some(Word { text: &text[start..end], start, joint, script, suffix: suffix_of(&text[end..]) })
    })
}

/// The `++` or `#` that ends a name before the rest of a text.
fn suffix_of(rest: &str) -> &str {
    let suffix = ["++", "#"].into_iter().find(|suffix| rest.starts_with(suffix)).unwrap_or_default();
    match rest[suffix.len()..].chars().next() {
        Some(c) if is_word_char(c) || c == '#' || c == '+' => "",
        _ => &rest[..suffix.len()],
    }
}

fn one_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || (!c.is_ascii() && is_combining_mark(c))
}

fn script_of(c: char) -> Script {
    match c {
        c if c.is_ascii() => Script::Spaced,
        '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}'
        | '\u{20000}'..='\u{323af}' => Script::Unspaced,
        c if is_greek(c) => Script::Greek,
        _ => Script::Spaced,
    }
}
