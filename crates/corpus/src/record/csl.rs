//! Items in CSL's form: what Zotero, Pandoc and Crossref write, and we.

use serde_json::Value;

use super::entries::{Entry, Fields};
use super::identifiers::sniffed;
use crate::bibliography::{CITATION_KEY, ENTRY_TYPE};
use crate::fields::fold_name;
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
        if !has(self, "type")
            || !(has(self, "issued") || has(self, "containertitle") || has(self, "citationkey"))
        {
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
        let entries = members.into_iter().map(|(name, value)| {
            let key = if name == "paper_id" { "id".to_owned() } else { fold_name(&name) };
            Entry { key, name, value, is_whole: true }
        });
        self.entries.splice(0..0, entries);
    }
}
