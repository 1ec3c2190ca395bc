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

#[cfg(test)]
mod tests {
    use cognate_corpus::{Place, paper_from_json};
    use serde_json::json;

    use super::*;

    #[test]
    fn recipe_1_to_the_letter() {
        let check = |title: &str, abstract_text: &str, expected: &str| {
            let record = json!({ "id": "x", "title": title, "abstract": abstract_text });
            let parsed = paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap();
            assert_eq!(embedded_text(&parsed.paper), expected);
        };
        check("A title", "An abstract.", "A title. An abstract.");
        check("  A\n title ", "An\tabstract.\r\n", "A title. An abstract.");
        check("A title", "", "A title");
        check("", "An abstract.", "An abstract.");
        check("Caf\u{65}\u{301}", "no abstract available", "Caf\u{e9}");
    }
}
