//! Lists of papers that people keep under a name, each for an owner: the name of a key, or nobody where none is needed.

use crate::engine::Engine;
use crate::error::EngineError;
use crate::saved::{MAX_NAME_CHARS, slug};
use crate::store::{KeptList, ListEntry, MAX_LIST_ENTRIES};

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
        engine.delete_list("ann", "ice-snow").unwrap();
        assert!(engine.delete_list("ann", "ice-snow").is_err());
        assert_eq!(engine.lists("ann").unwrap().len(), 1);
        assert_eq!(engine.lists("").unwrap()[0].name, "日本");
    }
}
