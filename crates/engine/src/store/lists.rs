//! Lists of papers that people keep under a name.
//!
//! They belong to no generation: nothing that is derived from papers depends on them. Entries are ids, or titles of papers
//! that are not here, so a list outlives every change of the papers.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, TransactionBehavior, params};

use serde_json::Value;

use super::Store;
use super::read::Reader;
use super::write::now;
use crate::error::EngineError;

/// Most lists of all owners together.
pub const MAX_LISTS: usize = 10_000;
/// Most entries of a list.
pub const MAX_LIST_ENTRIES: usize = 1_000;

/// What an entry of a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A paper that others are to be like.
    Seed,
    /// The title of one that is not here.
    Text,
    /// A paper that others are to be unlike.
    Less,
    /// A paper that is no answer.
    Hide,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Seed, Self::Text, Self::Less, Self::Hide];

    /// Its name, in the store and in addresses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Text => "text",
            Self::Less => "less",
            Self::Hide => "hide",
        }
    }
}

/// A list, without its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptList {
    /// Made from its name: lower-case letters, digits and hyphens. One owner has no two of the same id.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// When it was last kept: RFC 3339, UTC.
    pub kept: String,
    /// Seeds and texts in it.
    pub n_papers: u64,
}

/// An entry of a list: what it is for, and the id or the title.
pub type ListEntry = (EntryKind, String);

/// What a person wrote about an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListNote {
    /// In their words; may be empty.
    pub note: String,
    /// Under which names it is found again, in their order.
    pub tags: Vec<String>,
}

impl ListNote {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.note.is_empty() && self.tags.is_empty()
    }
}

pub(super) const TABLES: &str = "
    CREATE TABLE lists (
        owner TEXT NOT NULL,
        id    TEXT NOT NULL,
        name  TEXT NOT NULL,
        kept  TEXT NOT NULL,
        PRIMARY KEY (owner, id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE list_entries (
        owner TEXT    NOT NULL,
        list  TEXT    NOT NULL,
        kind  TEXT    NOT NULL,
        value TEXT    NOT NULL,
        place INTEGER NOT NULL,
        PRIMARY KEY (owner, list, kind, value),
        FOREIGN KEY (owner, list) REFERENCES lists (owner, id) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
";

/// Version 6: what people write about the entries of a list; `tags` is a JSON list of texts.
pub(super) const NOTES: &str = "
    CREATE TABLE list_notes (
        owner TEXT NOT NULL,
        list  TEXT NOT NULL,
        value TEXT NOT NULL,
        note  TEXT NOT NULL,
        tags  TEXT NOT NULL,
        PRIMARY KEY (owner, list, value),
        FOREIGN KEY (owner, list) REFERENCES lists (owner, id) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
";

const COLUMNS: &str = "id, name, kept, (SELECT count(*) FROM list_entries AS e WHERE e.owner = l.owner \
                       AND e.list = l.id AND e.kind IN ('seed', 'text'))";

fn list_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<KeptList> {
    Ok(KeptList { id: row.get(0)?, name: row.get(1)?, kept: row.get(2)?, n_papers: row.get(3)? })
}

impl Reader {
    /// The lists of an owner, in order of name.
    pub(crate) fn lists(&self, owner: &str) -> Result<Vec<KeptList>, EngineError> {
        let lists = format!("SELECT {COLUMNS} FROM lists AS l WHERE owner = ?1 ORDER BY name, id");
        Ok(self.prepare_cached(&lists)?.query_map([owner], list_of)?.collect::<Result<_, _>>()?)
    }

    /// One of them, and its entries in their order.
    pub(crate) fn list(
        &self,
        owner: &str,
        id: &str,
    ) -> Result<Option<(KeptList, Vec<ListEntry>)>, EngineError> {
        let list = format!("SELECT {COLUMNS} FROM lists AS l WHERE owner = ?1 AND id = ?2");
        let list = self.prepare_cached(&list)?.query_row([owner, id], list_of).optional()?;
        let Some(list) = list else { return Ok(None) };
        let entries = "SELECT kind, value FROM list_entries WHERE owner = ?1 AND list = ?2 ORDER BY place";
        let mut statement = self.prepare_cached(entries)?;
        let mut rows = statement.query([owner, id])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let kind: String = row.get(0)?;
            // A kind of a later release is left out.
            if let Some(kind) = EntryKind::ALL.into_iter().find(|known| known.name() == kind) {
                entries.push((kind, row.get(1)?));
            }
        }
        Ok(Some((list, entries)))
    }

    /// What is written about the entries of a list, by the id or the title.
    pub(crate) fn list_notes(&self, owner: &str, id: &str) -> Result<HashMap<String, ListNote>, EngineError> {
        let notes = "SELECT value, note, tags FROM list_notes WHERE owner = ?1 AND list = ?2";
        let mut statement = self.prepare_cached(notes)?;
        let mut rows = statement.query([owner, id])?;
        let mut notes = HashMap::new();
        while let Some(row) = rows.next()? {
            let tags: String = row.get(2)?;
            // What another program made of it is no tag.
            let tags = serde_json::from_str(&tags).unwrap_or_default();
            notes.insert(row.get(0)?, ListNote { note: row.get(1)?, tags });
        }
        Ok(notes)
    }
}

impl Store {
    /// Keeps a list: in place of the one of this id, or as a new one whose id is made of `slug`; gives its id.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] for too many lists.
    pub(crate) fn keep_list(
        &self,
        (owner, id): (&str, Option<&str>),
        (slug, name): (&str, &str),
        entries: &[ListEntry],
    ) -> Result<String, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = match id {
            Some(id) => id.to_owned(),
            None => {
                let n_lists: usize =
                    transaction.query_row("SELECT count(*) FROM lists", [], |row| row.get(0))?;
                if n_lists >= MAX_LISTS {
                    return Err(EngineError::InvalidRequest {
                        parameter: "name",
                        expected: format!("at most {MAX_LISTS} lists; delete some first"),
                        found: "one more".to_owned(),
                    });
                }
                let is_free = |id: &str| -> rusqlite::Result<bool> {
                    let known = "SELECT 1 FROM lists WHERE owner = ?1 AND id = ?2";
                    Ok(!transaction.prepare_cached(known)?.exists([owner, id])?)
                };
                let (mut id, mut number) = (slug.to_owned(), 1);
                while !is_free(&id)? {
                    number += 1;
                    id = format!("{slug}-{number}");
                }
                id
            }
        };
        transaction.execute(
            "INSERT INTO lists (owner, id, name, kept) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (owner, id) DO UPDATE SET name = excluded.name, kept = excluded.kept",
            params![owner, id, name, now()],
        )?;
        transaction.execute("DELETE FROM list_entries WHERE owner = ?1 AND list = ?2", [owner, &*id])?;
        for (place, (kind, value)) in entries.iter().enumerate() {
            transaction.execute(
                "INSERT OR IGNORE INTO list_entries (owner, list, kind, value, place) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![owner, id, kind.name(), value, place],
            )?;
        }
        // What was written of entries that are gone goes with them.
        transaction.execute(
            "DELETE FROM list_notes WHERE owner = ?1 AND list = ?2 AND value NOT IN \
             (SELECT value FROM list_entries WHERE owner = ?1 AND list = ?2)",
            [owner, &*id],
        )?;
        transaction.commit()?;
        Ok(id)
    }

    /// Writes about an entry of a list, in place of what was written; `false` if the list has no such entry.
    pub(crate) fn note_in_list(
        &self,
        (owner, id): (&str, &str),
        value: &str,
        note: &ListNote,
    ) -> Result<bool, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known = "SELECT 1 FROM list_entries WHERE owner = ?1 AND list = ?2 AND value = ?3";
        if !transaction.prepare_cached(known)?.exists([owner, id, value])? {
            return Ok(false);
        }
        if note.is_empty() {
            let gone = "DELETE FROM list_notes WHERE owner = ?1 AND list = ?2 AND value = ?3";
            transaction.execute(gone, [owner, id, value])?;
        } else {
            let tags = Value::from(note.tags.clone()).to_string();
            transaction.execute(
                "INSERT INTO list_notes (owner, list, value, note, tags) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (owner, list, value) DO UPDATE SET note = excluded.note, tags = excluded.tags",
                params![owner, id, value, note.note, tags],
            )?;
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Deletes a list; `false` if there was none.
    pub(crate) fn delete_list(&self, owner: &str, id: &str) -> Result<bool, EngineError> {
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM list_entries WHERE owner = ?1 AND list = ?2", [owner, id])?;
        transaction.execute("DELETE FROM list_notes WHERE owner = ?1 AND list = ?2", [owner, id])?;
        let n_gone = transaction.execute("DELETE FROM lists WHERE owner = ?1 AND id = ?2", [owner, id])?;
        transaction.commit()?;
        Ok(n_gone > 0)
    }
}
