//! Lists of papers that people keep under a name, each for an owner: the name of a key, or nobody where none is needed.

use std::collections::HashMap;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::papers::papers_of_key;
use crate::saved::{MAX_NAME_CHARS, slug};
use crate::store::{KeptList, ListEntry, ListNote, MAX_LIST_ENTRIES};

/// Longest note of an entry, in Unicode scalar values.
pub const MAX_NOTE_CHARS: usize = 4_000;
/// Most tags of an entry.
pub const MAX_TAGS: usize = 20;
/// Longest tag, in Unicode scalar values.
pub const MAX_TAG_CHARS: usize = 60;

/// `n` of something, of which there are at most `most`.
fn at_most(parameter: &'static str, (most, what): (usize, &str), n: usize) -> Result<(), EngineError> {
    if n <= most {
        return Ok(());
    }
    let (expected, found) = (format!("at most {most} {what}"), n.to_string());
    Err(EngineError::InvalidRequest { parameter, expected, found })
}

impl Engine {
    /// The lists of an owner, in order of name.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn lists(&self, owner: &str) -> Result<Vec<KeptList>, EngineError> {
        self.store()?.reader()?.lists(owner)
    }

    /// One of them, and its entries in their order.
    ///
    /// # Errors
    /// [`EngineError::ListNotFound`] if the owner has none of this id.
    pub fn list(&self, owner: &str, id: &str) -> Result<(KeptList, Vec<ListEntry>), EngineError> {
        let found = self.store()?.reader()?.list(owner, id)?;
        found.ok_or_else(|| EngineError::ListNotFound { id: id.to_owned() })
    }

    /// The ids of papers that a list names: of a record that was dropped as a duplicate, that of the paper that stays.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn standing_papers(&self, ids: impl IntoIterator<Item = String>) -> Result<Vec<String>, EngineError> {
        let reader = self.store()?.reader()?;
        let ids: Vec<String> = ids.into_iter().collect();
        let here = reader.rows_of(ids.iter().map(String::as_str))?;
        let standing = ids.into_iter().map(|id| {
            // Most are here, which is found out without reading them.
            Ok(match here.contains_key(&id) {
                true => id,
                false => match papers_of_key(&reader, &id) {
                    Err(EngineError::PaperDropped { kept, .. }) => kept,
                    _ => id,
                },
            })
        });
        standing.collect()
    }

    /// Keeps a list: in place of the one of this id, or as a new one; gives its id.
    ///
    /// # Errors
    /// [`EngineError::ListNotFound`] for an id that the owner has not, [`EngineError::InvalidRequest`] for a blank or long
    /// name, too many entries or too many lists.
    pub fn keep_list(
        &self,
        (owner, id): (&str, Option<&str>),
        name: &str,
        entries: &[ListEntry],
    ) -> Result<String, EngineError> {
        let name = name.trim();
        let n_chars = name.chars().count();
        let check = |parameter, most: usize, what: &str, n: usize| {
            if (1..=most).contains(&n) {
                return Ok(());
            }
            let (expected, found) = (format!("1 to {most} {what}"), n.to_string());
            Err(EngineError::InvalidRequest { parameter, expected, found })
        };
        check("name", MAX_NAME_CHARS, "characters", n_chars)?;
        check("seed", MAX_LIST_ENTRIES, "papers", entries.len())?;
        if let Some(id) = id {
            self.list(owner, id)?;
        }
        self.store()?.keep_list((owner, id), (&slug(name, "list"), name), entries)
    }

    /// What is written about the entries of a list, by the id or the title of each.
    ///
    /// # Errors
    /// [`EngineError::ListNotFound`] if the owner has none of this id.
    pub fn list_notes(&self, owner: &str, id: &str) -> Result<HashMap<String, ListNote>, EngineError> {
        self.list(owner, id)?;
        self.store()?.reader()?.list_notes(owner, id)
    }

    /// Writes about an entry of a list, named by its id or title, in place of what was written. White space around the note
    /// and the tags goes, and so do empty tags and those that stand twice.
    ///
    /// # Errors
    /// [`EngineError::ListNotFound`] if the owner has none of this id, [`EngineError::InvalidRequest`] for an entry that it
    /// has not, and past [`MAX_NOTE_CHARS`], [`MAX_TAGS`] and [`MAX_TAG_CHARS`].
    pub fn note_in_list(
        &self,
        (owner, id): (&str, &str),
        entry: &str,
        note: &ListNote,
    ) -> Result<(), EngineError> {
        let mut tags: Vec<String> = Vec::new();
        for tag in &note.tags {
            let tag = tag.split_whitespace().collect::<Vec<_>>().join(" ");
            at_most("tags", (MAX_TAG_CHARS, "characters"), tag.chars().count())?;
            if !tag.is_empty() && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        at_most("tags", (MAX_TAGS, "tags"), tags.len())?;
        let note = ListNote { note: note.note.trim().to_owned(), tags };
        at_most("note", (MAX_NOTE_CHARS, "characters"), note.note.chars().count())?;
        self.list(owner, id)?;
        if self.store()?.note_in_list((owner, id), entry, &note)? {
            return Ok(());
        }
        let expected = format!("an entry of the list {id:?}");
        Err(EngineError::InvalidRequest { parameter: "entry", expected, found: format!("{entry:?}") })
    }

    /// Deletes a list.
    ///
    /// # Errors
    /// [`EngineError::ListNotFound`] if the owner has none of this id.
    pub fn delete_list(&self, owner: &str, id: &str) -> Result<(), EngineError> {
        if self.store()?.delete_list(owner, id)? {
            return Ok(());
        }
        Err(EngineError::ListNotFound { id: id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EntryKind;
    use crate::testing::engine;

    #[test]
    fn a_list_is_its_owners_and_comes_back_in_its_order() {
        let (_folder, engine) = engine();
        let entry = |kind, value: &str| (kind, value.to_owned());
        let first = [entry(EntryKind::Seed, "b"), entry(EntryKind::Seed, "a"), entry(EntryKind::Less, "c")];
        let id = engine.keep_list(("ann", None), "Ice & snow", &first).unwrap();
        assert_eq!(id, "ice-snow");
        assert_eq!(engine.keep_list(("ann", None), "Ice & snow", &first).unwrap(), "ice-snow-2");
        assert_eq!(engine.keep_list(("", None), "日本", &first[..1]).unwrap(), "list");
        let (list, entries) = engine.list("ann", "ice-snow").unwrap();
        assert_eq!((list.name.as_str(), list.n_papers, entries.as_slice()), ("Ice & snow", 2, &first[..]));
        assert!(matches!(engine.list("bo", "ice-snow"), Err(EngineError::ListNotFound { .. })));
        assert_eq!(engine.lists("ann").unwrap().len(), 2);

        let again = [entry(EntryKind::Text, "A title"), entry(EntryKind::Hide, "a")];
        assert_eq!(engine.keep_list(("ann", Some("ice-snow")), "Ice", &again).unwrap(), "ice-snow");
        let (list, entries) = engine.list("ann", "ice-snow").unwrap();
        assert_eq!((list.name.as_str(), list.n_papers, entries.as_slice()), ("Ice", 1, &again[..]));
        assert!(engine.keep_list(("bo", Some("ice-snow")), "Ice", &again).is_err());
        assert!(engine.keep_list(("ann", None), " ", &again).is_err());
        assert!(engine.keep_list(("ann", None), "Nothing", &[]).is_err());
        let note = ListNote {
            note: " Read twice.\n".to_owned(),
            tags: vec![" method ".to_owned(), String::new(), "method".to_owned(), "to  read".to_owned()],
        };
        let ice = ("ann", "ice-snow");
        engine.note_in_list(ice, "A title", &note).unwrap();
        engine.note_in_list(ice, "a", &ListNote { tags: Vec::new(), ..note.clone() }).unwrap();
        let kept = |engine: &Engine, value: &str| engine.list_notes("ann", "ice-snow").unwrap().remove(value);
        let tags = vec!["method".to_owned(), "to read".to_owned()];
        assert_eq!(kept(&engine, "A title"), Some(ListNote { note: "Read twice.".to_owned(), tags }));
        assert!(engine.note_in_list(ice, "b", &note).is_err(), "it has no such entry");
        assert!(engine.note_in_list(("bo", "ice-snow"), "a", &note).is_err());
        let long = ListNote { note: "x".repeat(MAX_NOTE_CHARS + 1), tags: Vec::new() };
        assert!(engine.note_in_list(ice, "a", &long).is_err());
        // They stay with an entry that stays, and go with one that goes, or when they say nothing.
        engine.keep_list(("ann", Some("ice-snow")), "Ice", &again[..1]).unwrap();
        assert!(kept(&engine, "A title").is_some() && kept(&engine, "a").is_none());
        engine.note_in_list(ice, "A title", &ListNote::default()).unwrap();
        assert!(kept(&engine, "A title").is_none());
        engine.note_in_list(ice, "A title", &note).unwrap();
        engine.delete_list("ann", "ice-snow").unwrap();
        assert!(engine.delete_list("ann", "ice-snow").is_err());
        assert_eq!(engine.lists("ann").unwrap().len(), 1);
        assert_eq!(engine.lists("").unwrap()[0].name, "日本");
    }
}
