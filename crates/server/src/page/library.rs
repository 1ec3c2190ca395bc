//! The library: papers chosen as seeds, and what is like them.
//!
//! All of it is in the address: `seed` and `less` are ids, `text` is a seed that is no paper here, `hide` an
//! id that is no answer. A `POST` takes the same fields, where they are too many for an address, and a
//! bibliography, whose entries become seeds. With `list` it is a list that is kept, changed by what stands beside it: entries
//! that are added, and those that it is `without`. So an address stays short, and what came into the list meanwhile stays
//! in. `/library/file` has the papers of the same state as a file.

mod bibliography;
mod shown;

use std::collections::HashSet;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cognate_corpus::Paper;
use cognate_corpus::export::{ExportFormat, UnknownExportFormat};
use cognate_engine::{EntryKind, ListEntry, ListNote, MAX_SEEDS};

use super::actions::FORMATS;
use super::address::Address;
use super::item::Link;
use super::lists::{self, Lists};
use super::{Frame, PageError, page};
use crate::answer;
use crate::error::ApiError;
use crate::routes::{App, off_thread, off_thread_while_wanted};
use bibliography::with_bibliography;
use shown::{Here, Library, SeedView, here};

/// The state of the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params {
    /// The id of a list.
    pub(super) list: String,
    /// The entries that it has, and those of them that are left out.
    kept: Vec<ListEntry>,
    without: Vec<String>,
    seeds: Vec<String>,
    less: Vec<String>,
    texts: Vec<String>,
    hide: Vec<String>,
    offset: usize,
    /// Entries of a bibliography that did not become seeds.
    left_out: usize,
    /// `list` for the recommendations alone.
    part: String,
    bibliography: String,
    /// Of the file.
    format: String,
}

impl Params {
    /// Reads a query string or the body of a form.
    fn parse(form: &[u8]) -> Result<Self, ApiError> {
        let mut params = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            let value = value.trim().to_owned();
            if value.is_empty() {
                continue;
            }
            let number = || {
                value.parse().map_err(|_| {
                    let message = format!("`{name}`: expected a whole number, found {value:?}");
                    ApiError::bad_request("invalid_parameter", message)
                })
            };
            let list = match name.as_ref() {
                "seed" => &mut params.seeds,
                "less" => &mut params.less,
                "text" => &mut params.texts,
                "hide" => &mut params.hide,
                "without" => &mut params.without,
                "offset" => {
                    params.offset = number()?;
                    continue;
                }
                "left_out" => {
                    params.left_out = number()?;
                    continue;
                }
                "part" => {
                    params.part = value;
                    continue;
                }
                "list" => {
                    params.list = value;
                    continue;
                }
                "bibliography" => {
                    params.bibliography = value;
                    continue;
                }
                "format" => {
                    params.format = value;
                    continue;
                }
                other => {
                    let known = "`seed`, `less`, `text`, `hide`, `list`, `without`, `offset`, `left_out`, `part`, `format` or `bibliography`";
                    let message = format!("expected {known}, found {other:?}");
                    return Err(ApiError::bad_request("invalid_parameter", message));
                }
            };
            if !list.contains(&value) {
                list.push(value);
            }
        }
        Ok(params)
    }

    /// The fields that make the library.
    fn fields(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let lists =
            [("seed", &self.seeds), ("text", &self.texts), ("less", &self.less), ("hide", &self.hide)];
        lists.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
    }

    fn address(&self) -> Address {
        self.address_at("/library")
    }

    fn address_at(&self, path: &str) -> Address {
        let state = self.state().into_iter();
        state.fold(Address::new(path), |address, (name, value)| address.with(name, value))
    }

    /// The papers as files.
    fn files(&self) -> Vec<Link> {
        if self.seeds.is_empty() {
            return Vec::new();
        }
        let address = self.address_at("/library/file");
        let file = |(text, format): (&str, &str)| Link {
            href: address.clone().with("format", format).into_text(),
            text: text.to_owned(),
        };
        FORMATS.into_iter().map(file).collect()
    }

    /// What a saved search is made of: papers to be like, and unlike, the last where they are too many.
    fn to_save(&self) -> Vec<(&'static str, &String)> {
        let of_search: Vec<_> = self.fields().filter(|(name, _)| *name != "hide").collect();
        if self.seeds.is_empty() && self.texts.is_empty() {
            return Vec::new();
        }
        of_search[of_search.len().saturating_sub(MAX_SEEDS)..].to_vec()
    }

    /// The fields of this state: of a list, what is changed.
    fn state(&self) -> Vec<(&'static str, &str)> {
        if self.list.is_empty() {
            return self.fields().map(|(name, value)| (name, value.as_str())).collect();
        }
        let kept: HashSet<(&str, &str)> =
            self.kept.iter().map(|(kind, value)| (kind.name(), value.as_str())).collect();
        let shown: HashSet<(&str, &str)> =
            self.fields().map(|(name, value)| (name, value.as_str())).collect();
        let gone = self.kept.iter().filter(|(kind, value)| !shown.contains(&(kind.name(), value.as_str())));
        let added = self.fields().filter(|(name, value)| !kept.contains(&(*name, value.as_str())));
        std::iter::once(("list", self.list.as_str()))
            .chain(gone.map(|(_, value)| ("without", value.as_str())))
            .chain(added.map(|(name, value)| (name, value.as_str())))
            .collect()
    }

    /// What a list of this state has.
    pub(super) fn entries(&self) -> Vec<ListEntry> {
        let kinds = EntryKind::ALL.into_iter();
        let of_kind = |kind: EntryKind| {
            let values = self.fields().filter(move |(name, _)| *name == kind.name());
            values.map(move |(_, value)| (kind, value.clone()))
        };
        kinds.flat_map(of_kind).collect()
    }

    /// Takes the entries of a list, and changes them as was asked.
    pub(super) fn take(&mut self, entries: Vec<ListEntry>) {
        let changed = changed(&entries, &self.without, &self.entries());
        for values in [&mut self.seeds, &mut self.texts, &mut self.less, &mut self.hide] {
            values.clear();
        }
        for (kind, value) in changed {
            match kind {
                EntryKind::Seed => &mut self.seeds,
                EntryKind::Text => &mut self.texts,
                EntryKind::Less => &mut self.less,
                EntryKind::Hide => &mut self.hide,
            }
            .push(value);
        }
        self.kept = entries;
    }

    /// Whether there is another list to see than the one that is kept.
    pub(super) fn is_changed(&self) -> bool {
        !self.list.is_empty() && self.state().len() > 1
    }

    fn n_seeds(&self) -> usize {
        self.seeds.len() + self.less.len() + self.texts.len()
    }

    /// The address of this state, which is `here`, without a seed.
    fn without(&self, here: &Address, name: &str) -> String {
        let has = |kind: &str| self.kept.iter().any(|(known, value)| known.name() == kind && value == name);
        let mut shown = self.fields().filter(|(_, value)| *value == name).peekable();
        if shown.peek().is_some() && shown.all(|(kind, _)| has(kind)) {
            // What a list has is left out beside what is changed already.
            return here.clone().with("without", name).into_text();
        }
        let mut next = self.clone();
        for list in [&mut next.seeds, &mut next.less, &mut next.texts] {
            list.retain(|own| own != name);
        }
        next.address().into_text()
    }
}

/// The entries of a list without some, and with others that are added; one that comes again in another kind leaves the one it
/// was in.
pub(super) fn changed(kept: &[ListEntry], without: &[String], added: &[ListEntry]) -> Vec<ListEntry> {
    let without: HashSet<&String> = without.iter().chain(added.iter().map(|(_, value)| value)).collect();
    let known: HashSet<&ListEntry> = kept.iter().collect();
    let stays = |entry: &&ListEntry| !without.contains(&entry.1) || added.contains(entry);
    let stay: Vec<ListEntry> = kept.iter().filter(stays).cloned().collect();
    let new = added.iter().filter(|entry| !known.contains(entry)).cloned();
    stay.into_iter().chain(new).collect()
}

/// `GET /library` and `POST /library`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageError> {
    let body = body?;
    let params =
        Params::parse(if body.is_empty() { query.unwrap_or_default().into() } else { body }.as_ref())?;
    if !params.bibliography.is_empty() {
        let params = off_thread(&app, move |app| with_bibliography(&app.engine, params)).await?;
        let address = match params.left_out {
            0 => params.address(),
            n => params.address().with("left_out", n.to_string()),
        };
        return Ok(Redirect::to(&address.into_text()).into_response());
    }
    let owner = lists::owner();
    let found = off_thread_while_wanted(&app, move |app, cancel| {
        let mut params = params;
        let lists = Lists::of(&app.engine, &owner, &mut params)?;
        let library = Library::of(&app.engine, cancel, &params)?;
        Ok((params, lists, library))
    });
    let (params, lists, library) = found.await?;
    if params.part == "list" {
        return Ok(page(StatusCode::OK, &ListPart { library }));
    }
    let title = lists.kept.as_ref().map_or("Library", |kept| kept.name.as_str());
    let frame = Frame::new(title, "library");
    let files = params.files();
    Ok(page(StatusCode::OK, &LibraryPage { frame, params, lists, library, files }))
}

/// `GET /library/file`: the papers of a state, but for those that others are to be unlike, in `format`.
pub(super) async fn file(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut params = Params::parse(query.unwrap_or_default().as_bytes())?;
    let format: ExportFormat = params.format.parse().map_err(|error: UnknownExportFormat| {
        let known = ExportFormat::ALL.map(ExportFormat::name).join(", ");
        let message = format!("`format`: expected {known}, found {:?}", error.found);
        ApiError::bad_request("invalid_parameter", message)
    })?;
    let owner = lists::owner();
    let file = off_thread(&app, move |app| {
        let lists = Lists::of(&app.engine, &owner, &mut params)?;
        let (mut papers, mut taken): (Vec<Paper>, HashSet<u32>) = (Vec::new(), HashSet::new());
        for key in &params.seeds {
            match here(&app.engine, key)? {
                // One may stand for another that was dropped beside it.
                Here::Paper(stored) | Here::InItsPlace(stored, _) if taken.insert(stored.row) => {
                    papers.push(stored.paper);
                }
                _ => {}
            }
        }
        let name = lists.kept.map_or_else(|| "library".to_owned(), |kept| kept.id);
        answer::file_of(&papers, (format, &name))
    });
    Ok(file.await?)
}

#[derive(Template)]
#[template(path = "library.html", whitespace = "minimize")]
struct LibraryPage {
    frame: Frame,
    params: Params,
    lists: Lists,
    library: Library,
    /// The papers as files.
    files: Vec<Link>,
}

impl LibraryPage {
    /// What is written about a seed.
    fn note(&self, seed: &SeedView) -> ListNote {
        self.lists.notes.get(&seed.entry).cloned().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "library_part.html", whitespace = "minimize")]
struct ListPart {
    library: Library,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_in_the_address_and_back() {
        let params = Params {
            seeds: vec!["hep-th/9901001".to_owned(), "b&c".to_owned()],
            less: vec!["d".to_owned()],
            texts: vec!["Über Eis = Snow?".to_owned()],
            hide: vec!["e".to_owned()],
            ..Params::default()
        };
        let address = params.address().into_text();
        assert_eq!(Params::parse(address.strip_prefix("/library?").unwrap().as_bytes()).unwrap(), params);
        assert!(!params.without(&params.address(), "d").contains("less="));
        let twice = Params::parse(b"seed=a&seed=a&seed=+&offset=20").unwrap();
        assert_eq!((twice.seeds.len(), twice.offset), (1, 20));
        let entries = params.entries();
        let mut again = Params { list: "ice".to_owned(), ..Params::default() };
        again.take(entries.clone());
        assert_eq!((again.entries(), again.seeds.len()), (entries.clone(), 2));
        assert!(!again.is_changed());
        assert_eq!(again.address().into_text(), "/library?list=ice");
        assert_eq!(again.without(&again.address(), "d"), "/library?list=ice&without=d");
        let mut other = Params::parse(b"list=ice&without=d&less=b%26c&seed=f").unwrap();
        other.take(entries);
        assert_eq!((other.seeds.join(" "), other.less.join(" ")), ("hep-th/9901001 f".into(), "b&c".into()));
        assert!(other.is_changed());
        assert_eq!(
            other.address().into_text(),
            "/library?list=ice&without=b%26c&without=d&seed=f&less=b%26c"
        );
        assert!(Params::parse(b"colour=red").unwrap_err().message().contains("colour"));
        assert!(Params::parse(b"offset=x").unwrap_err().message().contains("offset"));
    }
}
