//! Atom: arXiv's own feed, and the feeds that we write.

use crate::bibliography::{DerivedLink, Draft, OWN_ID, To, decode_own_id};
use crate::identifier::IdentifierKind;
use crate::text::fold;
use crate::xml::{Element, has_element};

/// What the ids of our own entries begin with.
pub(crate) const OWN_ENTRY: &str = "urn:cognate:paper:";

/// The elements that are records.
pub(crate) const RECORDS: &[&str] = &["entry"];

/// Whether a text is an Atom feed.
pub(crate) fn is_atom(head: &[u8]) -> bool {
    has_element(head, &["feed"])
}

/// What a record says.
pub(crate) fn draft(mut entry: Element) -> Draft {
    let mut draft = Draft::default();
    for id in entry.take_texts(&["id"]) {
        let id = fold(&id);
        if let Some(own) = id.strip_prefix(OWN_ENTRY) {
            draft.reference.add(OWN_ID, own);
        } else if let Some(arxiv) = IdentifierKind::Arxiv.canonical(&id) {
            draft.add(To::Id(IdentifierKind::Arxiv), &arxiv);
            if arxiv != id.trim_start_matches("http://arxiv.org/abs/") {
                draft.reference.add("atom_id", id);
            }
        } else {
            draft.reference.add("atom_id", id);
        }
    }
    let own_id = draft.reference.text(OWN_ID).map(decode_own_id);
    if own_id.is_some() {
        draft.reference.derived_link = DerivedLink::Any;
    }
    let titles = entry.take_texts(&["title"]);
    // Entries of ours must have a title and, where they have no link, a text.
    let stands_in = |text: &String, for_whom: Option<&str>| {
        own_id.is_some() && for_whom.is_some_and(|other| fold(other) == fold(text))
    };
    for title in titles.iter().filter(|title| !stands_in(title, own_id.as_deref())) {
        draft.add(To::Title, title);
    }
    let mut summaries = entry.take_texts(&["summary"]);
    if summaries.is_empty() {
        summaries = entry.take_texts(&["content"]);
        summaries.retain(|text| !stands_in(text, titles.first().map(String::as_str)));
    }
    for summary in summaries {
        draft.add(To::Abstract, &summary);
    }
    for author in entry.take(&["author"]) {
        for name in author.all(&["name"]) {
            draft.add_author(&name.text());
        }
        for affiliation in author.all(&["affiliation"]) {
            draft.add(To::Lines("affiliation"), &affiliation.text());
        }
    }
    for date in entry.take_texts(&["published"]) {
        draft.add(To::Date, &date);
    }
    entry.take(&["updated"]);
    for link in entry.take(&["link"]) {
        let Some(address) = link.attribute("href") else { continue };
        match (link.attribute("title"), link.attribute("rel")) {
            (Some("doi"), _) => draft.add(To::Doi, address),
            (_, None | Some("alternate")) => draft.add(To::Url, address),
            _ => draft.add(To::Lines("other_links"), address),
        }
    }
    // arXiv's main category first.
    for name in ["primary_category", "category"] {
        for category in entry.take(&[name]) {
            draft.add(To::Keywords, &category.attribute("term").unwrap_or_default().replace(';', ","));
        }
    }
    for id in entry.take_texts(&["identifier"]) {
        match crate::bibliography::labelled(&fold(&id)) {
            Some((to, id)) => draft.add(to, &id),
            None => draft.add(To::Field("other_id"), &id),
        }
    }
    for name in entry.take_texts(&["contributor"]) {
        draft.add_editor(&name);
    }
    for (name, to) in [
        ("publicationDate", To::Year),
        ("type", To::Field("type")),
        ("publisher", To::Field("publisher")),
        ("language", To::Field("language")),
        ("source", To::Field("source")),
        ("volume", To::Field("volume")),
        ("number", To::Field("issue")),
        ("pageRange", To::Field("pages")),
        ("issn", To::Serial),
        ("isbn", To::Serial),
        ("doi", To::Doi),
        ("journal_ref", To::Venue(0, "journal_ref")),
        ("publicationName", To::Venue(1, "journal_full")),
    ] {
        for text in entry.take_texts(&[name]) {
            draft.add(to, &text);
        }
    }
    draft.add_leaves("atom", &entry);
    draft
}
