//! Ovid's text (`<1>`, a label in a line, its value indented below): what its databases export as "Citation" and
//! "Complete Reference".

use std::sync::LazyLock;

use regex::Regex;

use crate::bibliography::{Draft, ENTRY_TYPE, To};
use crate::identifier::IdentifierKind;
use crate::kind::PublicationKind;
use crate::tagged::Field;
use crate::text::fold;

/// What the fields of a record say.
pub(crate) fn draft(fields: &[Field]) -> Draft {
    let mut draft = Draft::default();
    draft.reference.add(ENTRY_TYPE, "article");
    for Field { tag, value } in fields {
        let label = tag.trim_end_matches([':', '.']).to_lowercase();
        let to = match label.as_str() {
            "<>" => continue,
            "title" => To::Title,
            "abstract" => To::Abstract,
            "authors full name" | "author" | "authors" if value.contains(',') => To::Author,
            "authors" | "author" | "authors full name" => To::ShortAuthor,
            "source" => {
                read_source(value, &mut draft);
                continue;
            }
            "journal" | "journal name" => To::Venue(0, "journal_full"),
            "book title" => To::Venue(1, "booktitle"),
            "year of publication" | "year" => To::Year,
            "date of publication" | "publication date" => To::Date,
            "volume" => To::Field("volume"),
            "issue" | "issue part" => To::Field("issue"),
            "page" | "pages" => To::Field("pages"),
            "publisher" => To::Field("publisher"),
            "country of publication" => To::Field("address"),
            "issn" | "issn print" | "issn electronic" | "isbn" => To::Serial,
            "language" => To::Field("language"),
            "digital object identifier" | "doi" => To::Doi,
            "pmid" | "pubmed id" => To::Id(IdentifierKind::Pmid),
            // MEDLINE's; other databases call theirs an accession number.
            "unique identifier" if IdentifierKind::Pmid.canonical(value).is_some() => {
                To::Id(IdentifierKind::Pmid)
            }
            "mesh subject headings"
            | "subject headings"
            | "keyword heading"
            | "keyword heading owner"
            | "keywords"
            | "key concepts"
            | "heading words" => To::Keywords,
            "institution" | "author affiliation" => To::Lines("affiliation"),
            "link to the ovid full text or citation" | "url" | "link" => To::Url,
            "database" => To::Field("source"),
            "notes" | "comments" => To::Lines("note"),
            "publication type" => {
                if let Some(kind) = PublicationKind::of_words(value.split(['\n', ';'])) {
                    draft.reference.add("type", kind.name());
                }
                To::Lines("publication_types")
            }
            _ => {
                draft.reference.add(&format!("ovid_{}", label.replace([' ', '-', '/'], "_")), fold(value));
                continue;
            }
        };
        draft.add(to, value);
    }
    draft
}

/// `Journal of Quays. 12(4):123-134, 2021 Mar 15.`
fn read_source(value: &str, draft: &mut Draft) {
    static SOURCE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(.+?)\.\s+(?:([^(:,.]+)?(?:\s?\(([^)]*)\))?(?:\s?:\s?(?:pp\.?\s)?([^,]+?))?[,.]\s)?([0-9]{4}[^,]*?)\.?$")
            .expect("a pattern written in this file is a valid one")
    });
    let source = fold(value);
    draft.reference.add("citation", source.clone());
    let Some(parts) = SOURCE.captures(&source) else { return };
    let part = |group: usize| parts.get(group).map(|part| part.as_str().trim()).unwrap_or_default();
    draft.add(To::Venue(2, "journal_full"), part(1));
    for (group, name) in [(2, "volume"), (3, "issue"), (4, "pages")] {
        if !draft.reference.has(name) {
            draft.add(To::Field(name), part(group));
        }
    }
    draft.add(To::Year, part(5));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_taken_apart() {
        fn check(source: &str, expected: [&str; 5]) {
            let mut draft = Draft::default();
            read_source(source, &mut draft);
            let reference = draft.finish();
            let year = reference.text("publication_date").or(reference.text("year"));
            let found =
                ["venue", "volume", "issue", "pages"].map(|name| reference.text(name).unwrap_or_default());
            assert_eq!(
                ([found.as_slice(), &[year.unwrap_or_default()]].concat()).as_slice(),
                expected,
                "{source}"
            );
        }
        check(
            "Journal of Quays. 12(4):123-134, 2021 Mar 15.",
            ["Journal of Quays", "12", "4", "123-134", "2021 Mar 15"],
        );
        check("J Quays. 12:e1, 2021.", ["J Quays", "12", "", "e1", "2021"]);
        check("Sleep & Tides. 2021 Jan 5.", ["Sleep & Tides", "", "", "", "2021 Jan 5"]);
        check("no date", ["", "", "", "", ""]);
    }
}
