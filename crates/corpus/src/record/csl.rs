//! Items in CSL's form: what Zotero, Pandoc and Crossref write, and we.

use std::collections::BTreeMap;

use serde_json::Value;

use super::entries::{Entry, Fields};
use super::identifiers::sniffed;
use crate::bibliography::{CITATION_KEY, ENTRY_TYPE};
use crate::export::page_of;
use crate::fields::fold_name;
use crate::identifier::IdentifierKind;
use crate::reading::scalar_text;

/// CSL's variables that no field of a paper holds, and the names that other formats have for them.
const NAMES: [(&str, &str); 5] = [
    ("collectiontitle", "series"),
    ("publisherplace", "address"),
    ("titleshort", "shorttitle"),
    ("eventtitle", "eventtitle"),
    ("eventplace", "location"),
];

impl Fields<'_> {
    /// Takes an item of CSL apart: its `id` is a citation key, and what we could not say in CSL is in `custom`.
    pub(super) fn settle_csl(&mut self) {
        let position = |fields: &Self, key: &str| fields.entries.iter().position(|entry| entry.key == key);
        let has = |fields: &Self, key: &str| position(fields, key).is_some();
        // CSL spells it so; others have `citation_key` beside an id of their own.
        let has_key = self.entries.iter().any(|entry| entry.name == "citation-key");
        let is_other = !has(self, "type") || has(self, &fold_name(ENTRY_TYPE));
        if is_other || !(has(self, "issued") || has(self, "containertitle") || has_key) {
            return;
        }
        if let Some(id) = position(self, "id")
            && sniffed(scalar_text(&self.entries[id].value).as_deref()).is_none()
        {
            self.entries[id].key = "citationkey".to_owned();
            self.entries[id].name = CITATION_KEY.to_owned();
        }
        for entry in &mut self.entries {
            if let Some((_, name)) = NAMES.iter().find(|(csl, _)| entry.key == *csl) {
                (entry.key, entry.name) = (fold_name(name), (*name).to_owned());
            }
        }
        let is_ours = |entry: &Entry| entry.key == "custom" && entry.value.get("paper_id").is_some();
        let Some(custom) = self.entries.iter().position(is_ours) else { return };
        let Value::Object(members) = self.entries.remove(custom).value else { return };
        // The type in CSL's words says less, and so do its keywords.
        let says = |name: &str| members.contains_key(name);
        self.entries.retain(|entry| {
            !(entry.key == "type" && says(ENTRY_TYPE)
                || entry.key == "keyword" && says("categories")
                || entry.name == "citation-key")
        });
        // An address that says no more than an identifier.
        let ids: BTreeMap<IdentifierKind, String> =
            [("doi", IdentifierKind::Doi), ("pmid", IdentifierKind::Pmid), ("pmcid", IdentifierKind::Pmcid)]
                .into_iter()
                .filter_map(|(key, kind)| {
                    let entry = self.entries.iter().find(|entry| entry.key == key)?;
                    Some((kind, kind.canonical(entry.value.as_str()?)?))
                })
                .chain(
                    [("arxiv_id", IdentifierKind::Arxiv), ("acl_id", IdentifierKind::Acl)]
                        .into_iter()
                        .filter_map(|(name, kind)| Some((kind, members.get(name)?.as_str()?.to_owned()))),
                )
                .collect();
        let derived = page_of(&ids);
        self.entries.retain(|entry| entry.key != "url" || entry.value.as_str() != derived.as_deref());
        let entries = members.into_iter().map(|(name, value)| {
            let key = if name == "paper_id" { "id".to_owned() } else { fold_name(&name) };
            Entry { key, name, value, is_whole: true }
        });
        self.entries.splice(0..0, entries);
    }
}
