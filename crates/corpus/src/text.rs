//! Text normalisation shared by ids and the embedding recipe.

use unicode_normalization::UnicodeNormalization;

/// NFC, with every run of white space and control characters folded to one space and none at the ends.
#[must_use]
pub fn normalize(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.nfc());
    }
    folded
}

/// A text on one line: every run of white space and control characters is one space, none at the ends.
pub(crate) fn fold(text: &str) -> String {
    if is_folded(text) {
        return text.to_owned();
    }
    let mut folded = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}

/// Whether a text is surely one that [`fold`] leaves as it is: most are.
fn is_folded(text: &str) -> bool {
    let mut previous = b' ';
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_graphic() || (byte == b' ' && previous != b' ');
        if !is_plain {
            return false;
        }
        previous = byte;
    }
    previous != b' ' || text.is_empty()
}

/// Whether a text says only that there is none: `N/A`, `[no abstract available]`, `-`, `TBD`.
///
/// White space, case and outer punctuation do not matter. A blank text is filler too.
#[must_use]
pub fn is_filler(text: &str) -> bool {
    /// Longer texts are never filler; this spares normalising whole abstracts.
    const MAX_FILLER_BYTES: usize = 120;
    #[rustfmt::skip]
    const FILLER: [&str; 30] = [
        "", "abstract", "abstract is not available", "abstract not available", "abstract not provided",
        "abstract unavailable", "an abstract is not available", "n.a", "n/a", "na", "nan", "nat", "nil",
        "no abstract", "no abstract available", "no abstract found", "no abstract is available",
        "no abstract provided", "no title", "no title available", "none", "not applicable",
        "not available", "null", "tba", "tbd", "title not available", "to be added", "to be announced",
        "untitled",
    ];

    let text = text.trim();
    if text.len() > MAX_FILLER_BYTES {
        return false;
    }
    let text = if text.is_ascii() { fold(text).to_ascii_lowercase() } else { normalize(text).to_lowercase() };
    let is_outer = |c: char| c.is_whitespace() || c.is_ascii_punctuation() || "–—…“”‘’".contains(c);
    FILLER.contains(&text.trim_matches(is_outer))
}

/// The start of a text, escaped and in quotation marks, for messages.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let mut start: String = text.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        start.push('…');
    }
    format!("\"{start}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_folded() {
        for (text, expected) in [
            ("", ""),
            (" ", ""),
            ("a b", "a b"),
            ("a  b", "a b"),
            (" a", "a"),
            ("a ", "a"),
            ("a\tb\r\nc\u{0}d\u{a0}é\u{2028}f", "a b c d é f"),
            ("\u{7f}a", "a"),
        ] {
            assert_eq!(fold(text), expected, "{text:?}");
        }
    }
}
