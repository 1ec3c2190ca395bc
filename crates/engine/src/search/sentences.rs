//! The sentences of an abstract.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Shorter pieces, such as "Fig." or "et al.", end no sentence.
const MIN_CHARS: usize = 20;

/// A sentence of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence<'t> {
    pub(super) text: &'t str,
    /// Where it is, in Unicode scalar values, without white space around it.
    pub(super) chars: Range<usize>,
}

/// Splits a text at the sentence boundaries of Unicode Standard Annex 29, and joins what is too short to
/// say something to what follows it.
pub(super) fn sentences(text: &str) -> Vec<Sentence<'_>> {
    let mut sentences = Vec::new();
    let (mut start_byte, mut start_char) = (0, 0);
    let (mut end_byte, mut end_char) = (0, 0);
    for piece in text.split_sentence_bounds() {
        end_byte += piece.len();
        end_char += piece.chars().count();
        if end_char - start_char >= MIN_CHARS && !ends_in_abbreviation(&text[start_byte..end_byte]) {
            sentences.extend(trimmed(&text[start_byte..end_byte], start_char));
            (start_byte, start_char) = (end_byte, end_char);
        }
    }
    sentences.extend(trimmed(&text[start_byte..], start_char));
    sentences
}

fn trimmed(text: &str, start: usize) -> Option<Sentence<'_>> {
    let begun = text.trim_start();
    let start = start + text[..text.len() - begun.len()].chars().count();
    let text = begun.trim_end();
    (!text.is_empty()).then(|| Sentence { text, chars: start..start + text.chars().count() })
}

/// Whether a full stop at the end may well be that of an abbreviation.
fn ends_in_abbreviation(text: &str) -> bool {
    const ABBREVIATIONS: [&str; 18] = [
        "al", "approx", "ca", "cf", "dr", "e.g", "eq", "eqs", "fig", "figs", "i.e", "no", "prof", "ref",
        "refs", "sec", "st", "vs",
    ];
    let Some(before) = text.trim_end().strip_suffix('.') else { return false };
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    // An initial, as in a person's name.
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    is_initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::sentences;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = sentences(text).iter().map(|sentence| sentence.text).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn sentences_end_where_a_reader_would_say_so() {
        check("", &[]);
        check("  \n", &[]);
        check("One sentence without an end", &["One sentence without an end"]);
        check(
            "We study graphs of many kinds. Do they colour well? Most of them do so!",
            &["We study graphs of many kinds.", "Do they colour well?", "Most of them do so!"],
        );
        check(
            "As Smith et al. Showed, the value is 3.5 at best. It was measured by J. Doe in Fig. 3 again.",
            &[
                "As Smith et al. Showed, the value is 3.5 at best.",
                "It was measured by J. Doe in Fig. 3 again.",
            ],
        );
        check("Yes. No. Perhaps we shall see what comes.", &["Yes. No. Perhaps we shall see what comes."]);
    }

    proptest! {
        #[test]
        fn every_sentence_is_where_it_is_said_to_be(text in r"(\PC|[.?! \n]){0,200}") {
            let chars: Vec<char> = text.chars().collect();
            let mut end = 0;
            for sentence in sentences(&text) {
                prop_assert!(sentence.chars.start >= end);
                end = sentence.chars.end;
                prop_assert_eq!(chars[sentence.chars.clone()].iter().collect::<String>(), sentence.text);
                prop_assert!(!sentence.text.is_empty());
            }
            let kept: usize = sentences(&text).iter().map(|s| s.text.split_whitespace().map(str::len).sum::<usize>()).sum();
            let all: usize = text.split_whitespace().map(str::len).sum();
            prop_assert_eq!(kept, all, "nothing but white space is left out");
        }
    }
}
