//! Entries that take fields from others: `crossref`, and BibLaTeX's `xdata`.
//!
//! A parent may stand before its children or behind them, and a file is read once. So entries of the kinds
//! that others refer to are remembered, and a child whose parent has not come yet waits for it. Both
//! are bounded: a child that would have to wait beyond that is given without its parent, with a warning.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::error::{FieldIssue, Place};

/// Most bytes of fields that are remembered, and that wait.
const MAX_BYTES: usize = 32 << 20;

/// One entry with its macros put in.
#[derive(Debug)]
pub(super) struct Entry {
    /// In lower case.
    pub(super) kind: String,
    pub(super) key: String,
    /// Names in lower case, values as TeX.
    pub(super) fields: Vec<(String, String)>,
    /// What it has from others.
    pub(super) inherited: Vec<(String, String)>,
    pub(super) warnings: Vec<FieldIssue>,
    pub(super) place: Place,
}

impl Entry {
    fn n_bytes(&self) -> usize {
        let fields = self.fields.iter().chain(&self.inherited);
        size_of::<Self>() + fields.map(|(name, value)| field_bytes(name, value)).sum::<usize>()
    }

    /// The keys of the entries that it refers to, in lower case, with the name of the field that does.
    fn parents(&self) -> Vec<(&'static str, String)> {
        let mut parents = Vec::new();
        for (name, value) in &self.fields {
            let name = match name.as_str() {
                "crossref" => "crossref",
                "xdata" => "xdata",
                _ => continue,
            };
            let keys = value.split(',').map(str::trim).filter(|key| !key.is_empty());
            parents.extend(keys.map(|key| (name, key.to_lowercase())));
        }
        parents
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().chain(&self.inherited).any(|(own, _)| own == name)
    }

    /// Takes what it lacks from a parent. From one that it refers to by `xdata` that is every field; from
    /// the book or the proceedings that it is in, what is said of the whole.
    fn inherit(&mut self, field: &str, parent: &Remembered) {
        if field == "xdata" {
            for (name, value) in &parent.fields {
                if !self.has(name) {
                    self.inherited.push((name.clone(), value.clone()));
                }
            }
            return;
        }
        // The parent's own title before what its parent calls the book.
        let title = ["booktitle", "title"].iter().find_map(|name| parent.value(name));
        if let Some(title) = title.filter(|_| self.kind != "article" && !self.has("booktitle")) {
            self.inherited.push(("booktitle".to_owned(), title.to_owned()));
        }
        for (name, value) in &parent.fields {
            if is_of_the_whole(name) && !self.has(name) {
                self.inherited.push((name.clone(), value.clone()));
            }
        }
    }
}

/// Whether a field of a book or of proceedings is true of its parts too.
fn is_of_the_whole(name: &str) -> bool {
    #[rustfmt::skip]
    const NAMES: [&str; 25] = [
        "editor", "editora", "editortype", "publisher", "organization", "institution", "year", "date", "month",
        "series", "volume", "number", "edition", "address", "location", "isbn", "issn", "language", "langid",
        "eventtitle", "eventdate", "venue", "journal", "journaltitle", "booksubtitle",
    ];
    NAMES.contains(&name)
}

/// Whether entries of a kind are data for others and no works.
fn is_data(kind: &str) -> bool {
    kind == "xdata"
}

/// Kinds that hold other works.
fn is_container(kind: &str) -> bool {
    ["book", "collection", "proceedings", "reference", "periodical"].iter().any(|whole| kind.ends_with(whole))
        || is_data(kind)
}

/// The fields of an entry that may be a parent.
#[derive(Debug)]
struct Remembered {
    fields: Vec<(String, String)>,
}

impl Remembered {
    fn new(entry: &Entry) -> Self {
        let is_data = is_data(&entry.kind);
        let is_kept = |name: &str| {
            is_data || is_of_the_whole(name) || matches!(name, "title" | "booktitle" | "subtitle")
        };
        let fields = entry.fields.iter().chain(&entry.inherited);
        let fields =
            fields.filter(|(name, _)| is_kept(name) && !matches!(name.as_str(), "crossref" | "xdata"));
        Self { fields: fields.cloned().collect() }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn n_bytes(&self) -> usize {
        self.fields.iter().map(|(name, value)| field_bytes(name, value)).sum()
    }
}

fn field_bytes(name: &str, value: &str) -> usize {
    name.len() + value.len() + size_of::<(String, String)>()
}

/// The entries of a file that refer to each other.
#[derive(Debug, Default)]
pub(super) struct Families {
    /// By key in lower case.
    parents: HashMap<String, Remembered>,
    n_parent_bytes: usize,
    /// Children without a parent, in their order.
    waiting: VecDeque<Entry>,
    n_waiting_bytes: usize,
    /// The keys that some child waits for.
    wanted: HashSet<String>,
}

impl Families {
    /// Takes an entry in; gives those that now have all that they refer to.
    pub(super) fn add(&mut self, entry: Entry) -> Vec<Entry> {
        let mut ready = Vec::new();
        let mut arrived = vec![entry];
        while let Some(mut entry) = arrived.pop() {
            if !self.complete(&mut entry) {
                self.n_waiting_bytes += entry.n_bytes();
                self.wanted.extend(entry.parents().into_iter().map(|(_, key)| key));
                self.waiting.push_back(entry);
                while self.n_waiting_bytes > MAX_BYTES
                    && let Some(oldest) = self.waiting.pop_front()
                {
                    self.n_waiting_bytes -= oldest.n_bytes();
                    ready.push(orphan(oldest, "near it"));
                }
                continue;
            }
            let key = entry.key.to_lowercase();
            let is_wanted = self.wanted.remove(&key);
            if is_wanted || is_container(&entry.kind) {
                self.remember(key.clone(), &entry);
            }
            if is_wanted {
                let is_child = |child: &Entry| child.parents().iter().any(|(_, parent)| *parent == key);
                let (children, others) = std::mem::take(&mut self.waiting).into_iter().partition(is_child);
                self.waiting = others;
                let children: VecDeque<Entry> = children;
                self.n_waiting_bytes -= children.iter().map(Entry::n_bytes).sum::<usize>();
                arrived.extend(children.into_iter().rev());
            }
            if !is_data(&entry.kind) {
                ready.push(entry);
            }
        }
        ready
    }

    /// The children that waited in vain.
    pub(super) fn finish(&mut self) -> Vec<Entry> {
        self.n_waiting_bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        waiting
            .into_iter()
            .filter(|entry| !is_data(&entry.kind))
            .map(|entry| orphan(entry, "in the file"))
            .collect()
    }

    /// Gives an entry what its parents have, if all of them are known.
    fn complete(&self, entry: &mut Entry) -> bool {
        let parents = entry.parents();
        // An entry that refers to itself has nothing to wait for.
        let own = entry.key.to_lowercase();
        let parents: Vec<_> = parents.iter().filter(|(_, key)| *key != own).collect();
        if parents.iter().any(|(_, key)| !self.parents.contains_key(key)) {
            return false;
        }
        for (field, key) in parents {
            if let Some(parent) = self.parents.get(key) {
                entry.inherit(field, parent);
            }
        }
        true
    }

    fn remember(&mut self, key: String, entry: &Entry) {
        let remembered = Remembered::new(entry);
        let n_bytes = key.len() + remembered.n_bytes();
        if self.n_parent_bytes + n_bytes > MAX_BYTES {
            return;
        }
        // Of two entries with one key the first is meant, as in BibTeX.
        if let std::collections::hash_map::Entry::Vacant(vacant) = self.parents.entry(key) {
            self.n_parent_bytes += n_bytes;
            vacant.insert(remembered);
        }
    }
}

/// An entry that has to do without a parent.
fn orphan(mut entry: Entry, whereabouts: &str) -> Entry {
    for (field, key) in entry.parents() {
        let message =
            format!("expected an entry {key} {whereabouts}, found none; what it says is missing here");
        entry.warnings.push(FieldIssue { place: entry.place.clone(), field: field.to_owned(), message });
    }
    entry
}
