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
