//! The text recipe: what of a paper is embedded.

use cognate_corpus::{Paper, text};

/// The recipe's version, recorded in the store: vectors of different recipes are not comparable.
pub const RECIPE: u32 = 1;

/// Recipe 1: `title + ". " + abstract`, each in NFC with white space folded; the title alone where
/// there is no abstract, the abstract alone where there is no title.
#[must_use]
pub fn embedded_text(paper: &Paper) -> String {
    let mut embedded = text::normalize(paper.title.as_deref().unwrap_or_default());
    let abstract_text = text::normalize(paper.abstract_text.as_deref().unwrap_or_default());
    if !embedded.is_empty() && !abstract_text.is_empty() {
        embedded.push_str(". ");
    }
    embedded.push_str(&abstract_text);
    embedded
}
