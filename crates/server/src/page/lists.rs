//! Lists of the library that are kept in the store, for whoever signed in with a key: the form that keeps and deletes them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Redirect, Response};
use cognate_engine::{Engine, EngineError, EntryKind, KeptList, ListEntry};

use super::PageError;
use super::address::Address;
use super::item::Link;
use super::library::Params;
use crate::access::SIGNED_IN;
use crate::error::ApiError;
use crate::routes::{App, off_thread};

/// Whose lists a request means: those of the key with which its browser signed in.
pub(super) fn owner() -> String {
    SIGNED_IN.try_with(|signed_in| signed_in.name.clone()).unwrap_or_default()
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
}

impl Lists {
    /// The owner's lists. Where one is shown as it is kept, its entries become those of `params`.
    pub(super) fn of(engine: &Engine, owner: &str, params: &mut Params) -> Result<Self, EngineError> {
        let mut lists = Self::default();
        if !params.list.is_empty() {
            let (kept, entries) = engine.list(owner, &params.list)?;
            if params.is_changed {
                lists.is_changed = params.entries() != entries;
            } else {
                params.take(entries);
            }
            lists.kept = Some(kept);
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

/// What a form asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Keep entries under a name: in place of those of a list, or as a new one.
    Keep {
        id: Option<String>,
        name: String,
        entries: Vec<ListEntry>,
    },
    Delete {
        id: String,
    },
}

impl Asked {
    fn parse(form: &[u8]) -> Result<Self, ApiError> {
        let (mut what, mut name, mut id) = (String::new(), String::new(), None);
        let mut entries: Vec<ListEntry> = Vec::new();
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
                ("changed" | "offset", _) => {}
                (other, _) => {
                    let message = format!("`{other}`: expected no such field");
                    return Err(ApiError::bad_request("invalid_parameter", message));
                }
            }
        }
        match (what.as_str(), id) {
            ("keep", id) => Ok(Self::Keep { id, name, entries }),
            ("copy", _) => Ok(Self::Keep { id: None, name, entries }),
            ("delete", Some(id)) => Ok(Self::Delete { id }),
            (other, _) => {
                let message =
                    format!("`do`: expected `keep`, `copy`, or `delete` with `list`, found {other:?}");
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
    let id = off_thread(&app, move |app| {
        Ok(match asked {
            Asked::Keep { id, name, entries } => {
                Some(app.engine.keep_list((&owner, id.as_deref()), &name, &entries)?)
            }
            Asked::Delete { id } => {
                app.engine.delete_list(&owner, &id)?;
                None
            }
        })
    })
    .await?;
    let address = Address::new("/library").with("list", id.unwrap_or_default());
    Ok(Redirect::to(&address.into_text()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_say_what_they_mean() {
        let keep = |id: Option<&str>, entries: &[(EntryKind, &str)]| Asked::Keep {
            id: id.map(str::to_owned),
            name: "Ice".to_owned(),
            entries: entries.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect(),
        };
        let check = |form: &str, expected: Option<Asked>| {
            assert_eq!(Asked::parse(form.as_bytes()).ok(), expected, "{form}");
        };
        let entries = [(EntryKind::Seed, "a/b"), (EntryKind::Less, "c")];
        check("do=keep&name=Ice&seed=a%2Fb&less=c", Some(keep(None, &entries)));
        check("do=keep&list=ice&name=Ice&seed=a%2Fb&less=c&changed=1", Some(keep(Some("ice"), &entries)));
        check("do=copy&list=ice&name=Ice", Some(keep(None, &[])));
        check("do=delete&list=ice", Some(Asked::Delete { id: "ice".to_owned() }));
        for wrong in ["", "do=delete", "do=eat&list=ice", "do=keep&colour=red"] {
            check(wrong, None);
        }
    }
}
