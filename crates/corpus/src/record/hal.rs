//! Documents of HAL, whose fields are those of its index: `title_s`, `docType_s`.

use serde_json::Value;

use super::entries::Fields;
use crate::kind::PublicationKind;

/// HAL's types of documents.
const TYPES: [(&str, PublicationKind); 14] = [
    ("ART", PublicationKind::Article),
    ("COMM", PublicationKind::ConferencePaper),
    ("POSTER", PublicationKind::ConferencePaper),
    ("COUV", PublicationKind::Chapter),
    ("OUV", PublicationKind::Book),
    ("DOUV", PublicationKind::Book),
    ("THESE", PublicationKind::Thesis),
    ("ETABTHESE", PublicationKind::Thesis),
    ("HDR", PublicationKind::Thesis),
    ("MEM", PublicationKind::Thesis),
    // Preprints and working papers.
    ("UNDEFINED", PublicationKind::Preprint),
    ("REPORT", PublicationKind::Report),
    ("SOFTWARE", PublicationKind::Software),
    ("OTHER", PublicationKind::Other),
];

const TITLES: &str = "title_s";

impl Fields<'_> {
    /// Takes HAL's words for types as ours, and of titles, subtitles and abstracts in several languages those in the
    /// language of the first title. All that it gives stays.
    pub(super) fn settle_hal(&mut self) {
        let Some(first) = self.named(TITLES).and_then(|titles| element(titles, 0)) else { return };
        // In the fields of one language: `en_title_s`.
        let prefix = self.entries.iter().find_map(|entry| {
            let prefix = entry.name.strip_suffix(TITLES).filter(|prefix| prefix.len() == 3)?;
            (element(&entry.value, 0) == Some(first)).then(|| prefix.to_owned())
        });
        for name in [TITLES, "subTitle_s", "abstract_s"] {
            let Some(position) = self.entries.iter().position(|entry| entry.name == name) else { continue };
            let all = &self.entries[position].value;
            let Some(first) = element(all, 0).cloned() else { continue };
            let is_one = element(all, 1).is_none();
            let in_language = prefix
                .as_ref()
                .and_then(|prefix| element(self.named(&format!("{prefix}{name}"))?, 0).cloned());
            // A subtitle that is known to be in another language is none of this title's.
            let is_foreign = name == "subTitle_s"
                && in_language.is_none()
                && prefix.is_some()
                && self
                    .entries
                    .iter()
                    .any(|entry| entry.name.strip_suffix(name).is_some_and(|rest| rest.len() == 3));
            let value = if is_foreign { Value::Null } else { in_language.unwrap_or(first) };
            let all = std::mem::replace(&mut self.entries[position].value, value);
            if !is_one || is_foreign {
                self.keep(name, all);
            }
            self.entries.retain(|entry| !entry.value.is_null());
        }
        let Some(position) = self.entries.iter().position(|entry| entry.name == "docType_s") else { return };
        let entry = &mut self.entries[position];
        let known = TYPES.iter().find(|(word, _)| entry.value.as_str() == Some(word));
        if let Some((_, kind)) = known {
            (entry.key, entry.name) = ("type".to_owned(), "type".to_owned());
            let word = std::mem::replace(&mut entry.value, kind.name().into());
            self.keep("docType_s", word);
        }
    }

    fn named(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value)
    }
}

/// An element of a list, or the value where it is none.
fn element(value: &Value, n: usize) -> Option<&Value> {
    match value {
        Value::Array(list) => list.get(n),
        value => Some(value).filter(|_| n == 0),
    }
}
