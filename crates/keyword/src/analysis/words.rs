//! Cutting a text into words.

use unicode_normalization::char::is_combining_mark;

use cognate_fold::is_greek;

/// Characters that join two words into a compound when they stand alone between them. The last is the zero-width
/// space: whoever put it there meant one word, or two.
const CONNECTORS: &str = "-‐‑‒–−./_+:'’\u{200b}";

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
    /// Chinese, Japanese, Thai, Lao, Khmer and Burmese, in which nothing parts words, and Korean, in which
    /// particles are joined to them: the word is a whole run.
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

    /// Whether it is capitals: two or more, or one that does not only begin a sentence of `text`, as in
    /// `vitamin A`.
    pub(super) fn is_acronym(&self, text: &str) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_uppercase())
            && (self.text.len() > 1 || !begins_sentence(&text[..self.start]))
    }
}

/// Whether a word after `before` is the first of a sentence.
fn begins_sentence(before: &str) -> bool {
    let before = before.trim_end_matches(|c: char| c.is_whitespace() || "([{\"“‘'`$".contains(c));
    before.is_empty() || before.ends_with(['.', '!', '?', ':', ';'])
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

/// The characters of a run as readers see them, each with its marks, and where they begin.
pub(super) fn clusters(run: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let mut chars = run[start..].char_indices();
        let (_, mut last) = chars.next()?;
        let len = chars.find(|&(_, c)| {
            // Khmer and Burmese put the next letter below; Hangul may be written letter by letter.
            let is_joined = is_combining_mark(c)
                || matches!(last, '\u{17d2}' | '\u{1039}')
                || matches!(c, '\u{1160}'..='\u{11ff}');
            last = c;
            !is_joined
        });
        at = len.map_or(run.len(), |(len, _)| start + len);
        Some((start, &run[start..at]))
    })
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
        // Thai and Lao, Burmese, Hangul, Khmer, then what Chinese and Japanese use.
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1100}'..='\u{11ff}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3130}'..='\u{318f}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{aa60}'..='\u{aa7f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}'
        | '\u{20000}'..='\u{323af}' => Script::Unspaced,
        c if is_greek(c) => Script::Greek,
        _ => Script::Spaced,
    }
}
