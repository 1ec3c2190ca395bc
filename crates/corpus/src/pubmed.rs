//! PubMed's XML (`PubmedArticleSet`): articles and book chapters.

use crate::bibliography::{Draft, ENTRY_TYPE, To};
use crate::identifier::IdentifierKind;
use crate::kind::PublicationKind;
use crate::text::fold;
use crate::xml::{Element, has_element};

/// The elements that are records.
pub(crate) const RECORDS: &[&str] = &["PubmedArticle", "PubmedBookArticle"];

/// Whether a text is PubMed's XML.
pub(crate) fn is_pubmed(head: &[u8]) -> bool {
    has_element(head, &[RECORDS, &["MedlineCitation"]].concat())
}

/// What a record says.
pub(crate) fn draft(mut record: Element) -> Draft {
    let mut draft = Draft::default();
    let is_book = record.name == "PubmedBookArticle";
    let (citation, data): (&[&str], &str) =
        if is_book { (&["BookDocument"], "PubmedBookData") } else { (&["MedlineCitation"], "PubmedData") };
    let at = |path: &[&'static str]| [citation, path].concat();
    let article = if is_book { at(&[]) } else { at(&["Article"]) };
    let in_article = |path: &[&'static str]| [article.as_slice(), path].concat();

    for id in record.take_texts(&at(&["PMID"])) {
        draft.add(To::Id(IdentifierKind::Pmid), &id);
    }
    let listed = [vec![data, "ArticleIdList", "ArticleId"], at(&["ArticleIdList", "ArticleId"])];
    for id in listed.iter().flat_map(|path| record.take(path)) {
        let to = match id.attribute("IdType") {
            Some("doi") => To::Doi,
            Some("pmc") => To::Id(IdentifierKind::Pmcid),
            Some("pubmed") => continue,
            _ => To::Field("other_id"),
        };
        draft.add(to, &id.text());
    }
    for id in record.take(&in_article(&["ELocationID"])) {
        let is_doi = id.attribute("EIdType") == Some("doi") && id.attribute("ValidYN") != Some("N");
        draft.add(if is_doi { To::Doi } else { To::Field("other_id") }, &id.text());
    }
    let titles = record.take_texts(&in_article(&["ArticleTitle"]));
    let book_titles = record.take_texts(&at(&["Book", "BookTitle"]));
    let has_title = !titles.is_empty();
    for title in titles {
        draft.add(To::Title, &title);
    }
    for title in book_titles {
        draft.add(if has_title { To::Venue(0, "booktitle") } else { To::Title }, &title);
    }
    for title in record.take_texts(&in_article(&["VernacularTitle"])) {
        draft.add(To::Field("original_title"), &title);
    }
    let parts = record.take(&in_article(&["Abstract", "AbstractText"]));
    draft.add(To::Abstract, &structured(&parts));
    for other in record.take(&at(&["OtherAbstract"])) {
        draft.add(To::Field("other_abstract"), &structured(&other.all(&["AbstractText"])));
    }
    people(&mut record, &in_article(&["AuthorList"]), &mut draft);
    if is_book {
        people(&mut record, &at(&["Book", "AuthorList"]), &mut draft);
    }
    for path in [in_article(&["Journal", "JournalIssue", "PubDate"]), at(&["Book", "PubDate"])] {
        for date in record.take(&path) {
            draft.add(To::Year, &written(&date));
        }
    }
    for date in record.take(&in_article(&["ArticleDate"])) {
        draft.add(To::Field("electronic_date"), &written(&date));
    }
    for (path, to) in [
        (in_article(&["Journal", "Title"]), To::Venue(0, "journal_full")),
        (in_article(&["Journal", "ISOAbbreviation"]), To::Venue(1, "journal_abbreviation")),
        (at(&["MedlineJournalInfo", "MedlineTA"]), To::Venue(2, "journal_abbreviation")),
        (in_article(&["Journal", "JournalIssue", "Volume"]), To::Field("volume")),
        (in_article(&["Journal", "JournalIssue", "Issue"]), To::Field("issue")),
        (in_article(&["Pagination", "MedlinePgn"]), To::Field("pages")),
        (in_article(&["Pagination", "StartPage"]), To::FirstPage),
        (in_article(&["Pagination", "EndPage"]), To::LastPage),
        (in_article(&["Journal", "ISSN"]), To::Serial),
        (at(&["MedlineJournalInfo", "ISSNLinking"]), To::Serial),
        (at(&["Book", "Isbn"]), To::Serial),
        (at(&["Book", "Publisher", "PublisherName"]), To::Field("publisher")),
        (at(&["Book", "Publisher", "PublisherLocation"]), To::Field("address")),
        (in_article(&["Language"]), To::Field("language")),
        (at(&["KeywordList", "Keyword"]), To::Keywords),
    ] {
        for text in record.take_texts(&path) {
            draft.add(to, &text);
        }
    }
    for heading in record.take(&at(&["MeshHeadingList", "MeshHeading"])) {
        let words: Vec<String> = heading.children().map(|word| fold(&word.text())).collect();
        draft.add(To::Keywords, &words.join("/").replace(';', ","));
    }
    let types = record.take_texts(&in_article(&["PublicationTypeList", "PublicationType"]));
    if let Some(kind) = PublicationKind::of_words(types.iter().map(String::as_str)) {
        draft.reference.add("type", kind.name());
    }
    draft.reference.add(ENTRY_TYPE, if is_book { "incollection" } else { "article" });
    for kind in types {
        draft.add(To::Lines("publication_types"), &kind);
    }
    draft.add_leaves("pubmed", &record);
    draft
}

/// A structured abstract: each part behind its heading, as PubMed's own texts have it.
fn structured<E: std::borrow::Borrow<Element>>(parts: &[E]) -> String {
    let parts = parts.iter().map(|part| {
        let (part, text) = (part.borrow(), fold(&part.borrow().text()));
        match part.attribute("Label").map(fold).filter(|label| !label.is_empty() && !text.is_empty()) {
            Some(label) => format!("{label}: {text}"),
            None => text,
        }
    });
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn people(record: &mut Element, path: &[&str], draft: &mut Draft) {
    for list in record.take(path) {
        let are_editors = list.attribute("Type") == Some("editors");
        for author in list.all(&["Author"]) {
            let part = |name: &str| author.child(name).map(|part| fold(&part.text())).unwrap_or_default();
            let given = [part("ForeName"), part("Initials")].into_iter().find(|given| !given.is_empty());
            let mut name = part("CollectiveName");
            if name.is_empty() {
                let parts = [part("LastName"), given.unwrap_or_default(), part("Suffix")];
                name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            }
            match are_editors {
                true => draft.add_editor(&name),
                false => draft.add_author(&name),
            }
            for affiliation in author.all(&["AffiliationInfo", "Affiliation"]) {
                draft.add(To::Lines("affiliation"), &affiliation.text());
            }
            for id in author.all(&["Identifier"]) {
                draft.add(To::Lines("author_ids"), &format!("{name}: {}", id.text()));
            }
        }
    }
}

/// `<Year>2020</Year><Month>Jan</Month><Day>5</Day>`, `<MedlineDate>1998 Dec-1999 Jan</MedlineDate>`.
fn written(date: &Element) -> String {
    let parts = date.children().map(|part| fold(&part.text()));
    let is_numbers = ["Year", "Month", "Day"].iter().all(|name| {
        date.child(name).is_some_and(|part| part.text().trim().bytes().all(|byte| byte.is_ascii_digit()))
    });
    parts.collect::<Vec<_>>().join(if is_numbers { "-" } else { " " })
}
