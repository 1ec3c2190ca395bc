//! Lists of the library that are kept in the store, for whoever signed in with a key: the forms that keep and delete them,
//! add a paper, and write notes and tags.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Redirect, Response};
use cognate_engine::{Engine, EngineError, EntryKind, Fault, KeptList, ListEntry, ListNote};

use super::PageError;
use super::address::{self, Address};
use super::item::Link;
use super::library::{Params, changed};
use crate::access::KEY_NAME;
use crate::error::ApiError;
use crate::routes::{App, off_thread};

/// Whose lists a request means: those of its key, with which a browser signed in or a program came.
pub(super) fn owner() -> String {
    KEY_NAME.try_with(Clone::clone).unwrap_or_default()
}

/// What the library's page says of lists.
#[derive(Default)]
pub(super) struct Lists {
    /// All of the owner, each with how many papers it has, and whether it is shown.
    pub(super) all: Vec<(Link, u64, bool)>,
    /// The one that is shown.
    pub(super) kept: Option<KeptList>,
    /// Whether what is shown is another than what is kept.
    pub(super) is_changed: bool,
    /// What is written about its entries, by the id or the title.
    pub(super) notes: HashMap<String, ListNote>,
    /// The tags of its papers in order, each a search for them, and how many papers have it.
    pub(super) tags: Vec<(Link, usize)>,
}

/// The papers of a list.
#[derive(Debug)]
pub(super) struct PapersOf {
    pub(super) name: String,
    pub(super) ids: Vec<String>,
}

/// The papers of an owner's list: those with a tag, unless it is blank.
pub(super) fn papers_of(
    engine: &Engine,
    (owner, id): (&str, &str),
    tag: &str,
) -> Result<PapersOf, EngineError> {
    let (kept, entries) = engine.list(owner, id)?;
    let notes = if tag.is_empty() { HashMap::new() } else { engine.list_notes(owner, id)? };
    let has_tag = |value: &String| {
        tag.is_empty() || notes.get(value).is_some_and(|note| note.tags.iter().any(|own| own == tag))
    };
    let seeds = entries.into_iter().filter(|(kind, value)| *kind == EntryKind::Seed && has_tag(value));
    let ids = engine.standing_papers(seeds.map(|(_, value)| value))?;
    Ok(PapersOf { name: kept.name, ids })
}

impl Lists {
    /// The owner's lists. Where one is shown as it is kept, its entries become those of `params`.
    pub(super) fn of(engine: &Engine, owner: &str, params: &mut Params) -> Result<Self, EngineError> {
        let mut lists = Self::default();
        if !params.list.is_empty() {
            let (kept, entries) = engine.list(owner, &params.list)?;
            params.take(entries);
            lists.is_changed = params.is_changed();
            lists.kept = Some(kept);
            lists.notes = engine.list_notes(owner, &params.list)?;
            let mut tags: BTreeMap<&String, usize> = BTreeMap::new();
            lists
                .notes
                .values()
                .flat_map(|note| &note.tags)
                .for_each(|tag| *tags.entry(tag).or_default() += 1);
            let tags = tags.into_iter().map(|(tag, n)| (tag_link(&params.list, tag), n));
            lists.tags = tags.collect();
        }
        lists.all = engine
            .lists(owner)?
            .into_iter()
            .map(|list| {
                let is_shown = list.id == params.list;
                let href = Address::new("/library").with("list", &list.id).into_text();
                (Link { href, text: list.name }, list.n_papers, is_shown)
            })
            .collect();
        Ok(lists)
    }
}

/// The papers of a list with a tag.
pub(super) fn tag_link(list: &str, tag: &str) -> Link {
    Link {
        href: Address::new("/search").with("list", list).with("tag", tag).into_text(),
        text: tag.to_owned(),
    }
}

/// What a form asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Keep a list under a name, without some entries and with others, or some entries as a new one.
    Keep {
        id: Option<String>,
        name: String,
        without: Vec<String>,
        entries: Vec<ListEntry>,
    },
    /// The same of another list, whose notes come along.
    Copy {
        id: String,
        name: String,
        without: Vec<String>,
        entries: Vec<ListEntry>,
    },
    Delete {
        id: String,
    },
    /// Add a paper, on whose page the form was, to a list or to a new one.
    Add {
        id: Option<String>,
        name: String,
        paper: String,
    },
    /// Write about an entry.
    Note {
        id: String,
        entry: String,
        note: ListNote,
    },
}

impl Asked {
    fn parse(form: &[u8]) -> Result<Self, ApiError> {
        let (mut what, mut name, mut id) = (String::new(), String::new(), None);
        let (mut entry, mut note) = (String::new(), ListNote::default());
        let (mut entries, mut without): (Vec<ListEntry>, Vec<String>) = (Vec::new(), Vec::new());
        for (field, value) in form_urlencoded::parse(form) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let kind = EntryKind::ALL.into_iter().find(|kind| kind.name() == field);
            match (&*field, kind) {
                (_, Some(kind)) => entries.push((kind, value.to_owned())),
                ("do", _) => what = value.to_owned(),
                ("name", _) => name = value.to_owned(),
                ("list", _) => id = Some(value.to_owned()),
                ("entry", _) => entry = value.to_owned(),
                ("note", _) => note.note = value.to_owned(),
                ("tags", _) => note.tags = super::filters::parts(value),
                ("without", _) => without.push(value.to_owned()),
                ("offset", _) => {}
                (other, _) => {
                    let message = format!("`{other}`: expected no such field");
                    return Err(ApiError::bad_request("invalid_parameter", message));
                }
            }
        }
        match (what.as_str(), id) {
            ("copy", Some(id)) => Ok(Self::Copy { id, name, without, entries }),
            ("keep" | "copy", id) => Ok(Self::Keep { id, name, without, entries }),
            ("delete", Some(id)) => Ok(Self::Delete { id }),
            ("add", id) => match &mut entries[..] {
                [(EntryKind::Seed, paper)] => Ok(Self::Add { id, name, paper: std::mem::take(paper) }),
                _ => Err(ApiError::bad_request("invalid_parameter", "`seed`: expected one paper")),
            },
            ("note", Some(id)) => Ok(Self::Note { id, entry, note }),
            (other, _) => {
                let message = format!(
                    "`do`: expected `keep`, `copy`, `add`, or `delete` or `note` with `list`, found {other:?}"
                );
                Err(ApiError::bad_request("invalid_parameter", message))
            }
        }
    }
}

/// `POST /lists`
pub(super) async fn act(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageError> {
    let asked = Asked::parse(&body?)?;
    let owner = owner();
    let address = off_thread(&app, move |app| {
        let engine = &app.engine;
        let of_list = |id: String| Address::new("/library").with("list", id).into_text();
        Ok(match asked {
            Asked::Keep { id, name, without, entries } => {
                let kept = match &id {
                    Some(id) => engine.list(&owner, id)?.1,
                    None => Vec::new(),
                };
                let entries = changed(&kept, &without, &canonical(engine, entries)?);
                of_list(engine.keep_list((&owner, id.as_deref()), &name, &entries)?)
            }
            Asked::Copy { id, name, without, entries } => {
                let kept = engine.list(&owner, &id)?.1;
                let entries = changed(&kept, &without, &canonical(engine, entries)?);
                let copy = engine.keep_list((&owner, None), &name, &entries)?;
                for (entry, note) in engine.list_notes(&owner, &id)? {
                    if entries.iter().any(|(_, value)| *value == entry) {
                        engine.note_in_list((&owner, &copy), &entry, &note)?;
                    }
                }
                of_list(copy)
            }
            Asked::Delete { id } => {
                engine.delete_list(&owner, &id)?;
                of_list(String::new())
            }
            Asked::Add { id, name, paper } => {
                let paper = engine.paper(&paper)?.paper.id.to_string();
                add(engine, (&owner, id.as_deref(), &name), &paper)?;
                address::paper(&paper)
            }
            Asked::Note { id, entry, note } => {
                engine.note_in_list((&owner, &id), &entry, &note)?;
                of_list(id)
            }
        })
    })
    .await?;
    Ok(Redirect::to(&address).into_response())
}

/// Adds a paper to a list, or to a new one of this name.
fn add(
    engine: &Engine,
    (owner, id, name): (&str, Option<&str>, &str),
    paper: &str,
) -> Result<(), EngineError> {
    let (name, mut entries) = match id {
        Some(id) => {
            let (kept, entries) = engine.list(owner, id)?;
            (kept.name, entries)
        }
        None => (name.to_owned(), Vec::new()),
    };
    entries.retain(|(_, value)| value != paper);
    entries.push((EntryKind::Seed, paper.to_owned()));
    engine.keep_list((owner, id), &name, &entries).map(drop)
}

/// The same entries, papers by their own ids: people name them by any identifier.
fn canonical(engine: &Engine, entries: Vec<ListEntry>) -> Result<Vec<ListEntry>, EngineError> {
    let named = entries.into_iter().map(|(kind, value)| {
        if kind == EntryKind::Text {
            return Ok((kind, value));
        }
        match engine.paper(&value) {
            Ok(stored) => Ok((kind, stored.paper.id.to_string())),
            Err(error) if matches!(error.fault(), Fault::System | Fault::Away) => Err(error),
            Err(_) => Ok((kind, value)),
        }
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_say_what_they_mean() {
        let keep = |id: Option<&str>, entries: &[(EntryKind, &str)]| Asked::Keep {
            id: id.map(str::to_owned),
            name: "Ice".to_owned(),
            without: if id.is_some() { vec!["d".to_owned()] } else { Vec::new() },
            entries: entries.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect(),
        };
        let check = |form: &str, expected: Option<Asked>| {
            assert_eq!(Asked::parse(form.as_bytes()).ok(), expected, "{form}");
        };
        let entries = [(EntryKind::Seed, "a/b"), (EntryKind::Less, "c")];
        check("do=keep&name=Ice&seed=a%2Fb&less=c", Some(keep(None, &entries)));
        check("do=keep&list=ice&name=Ice&seed=a%2Fb&less=c&without=d", Some(keep(Some("ice"), &entries)));
        check("do=copy&name=Ice", Some(keep(None, &[])));
        let copied = ("ice".to_owned(), "Cold".to_owned(), vec!["d".to_owned()]);
        let (id, name, without) = copied;
        check(
            "do=copy&list=ice&name=Cold&without=d",
            Some(Asked::Copy { id, name, without, entries: Vec::new() }),
        );
        check("do=delete&list=ice", Some(Asked::Delete { id: "ice".to_owned() }));
        let (id, note) = ("ice".to_owned(), "Read & weighed".to_owned());
        let note = ListNote { note, tags: vec!["to read".to_owned(), "a, b".to_owned()] };
        check(
            "do=note&list=ice&entry=a%2Fb&note=Read+%26+weighed&tags=to+read,+%22a,+b%22",
            Some(Asked::Note { id: id.clone(), entry: "a/b".to_owned(), note }),
        );
        let (name, paper) = (String::new(), "a/b".to_owned());
        check("do=add&list=ice&seed=a%2Fb", Some(Asked::Add { id: Some(id), name, paper }));
        for wrong in [
            "",
            "do=delete",
            "do=note&entry=a",
            "do=add&list=ice",
            "do=add&seed=a&seed=b",
            "do=eat&list=ice",
            "do=keep&colour=red",
        ] {
            check(wrong, None);
        }
    }
}
