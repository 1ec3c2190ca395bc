//! The library: papers chosen as seeds, and what is like them.
//!
//! All of it is in the address: `seed` and `less` are ids, `text` is a seed that is no paper here, `hide` an
//! id that is no answer. A `POST` takes the same fields, where they are too many for an address, and a
//! bibliography, whose entries become seeds. With `list` it is a list that is kept, as it is kept or `changed`.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cognate_corpus::{Paper, ReadOptions, Source, text};
use cognate_engine::{
    Cancel, Engine, EngineError, EntryKind, Fault, ListEntry, MAX_SEEDS, Mode, Page, RecommendRequest,
    SearchOptions, SearchRequest, Seed,
};

use super::address::{self, Address};
use super::item::{Item, Link};
use super::lists::{self, Lists};
use super::search::counted;
use super::{Frame, PageError, page};
use crate::error::ApiError;
use crate::routes::{App, off_thread, off_thread_while_wanted};

/// Recommendations on a page.
const LIMIT: usize = 20;
/// Longest text of a seed that is no paper here, in Unicode scalar values: a title.
const MAX_TEXT_CHARS: usize = 300;
/// Papers with the same words among which one with the same title is looked for.
const N_NAMESAKES: usize = 3;

/// The state of the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params {
    /// The id of a list.
    pub(super) list: String,
    /// Whether the entries that follow are meant, instead of those that are kept.
    pub(super) is_changed: bool,
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
                "changed" => {
                    params.is_changed = true;
                    continue;
                }
                "bibliography" => {
                    params.bibliography = value;
                    continue;
                }
                other => {
                    let known = "`seed`, `less`, `text`, `hide`, `list`, `changed`, `offset`, `left_out`, `part` or `bibliography`";
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
        self.state()
            .into_iter()
            .fold(Address::new("/library"), |address, (name, value)| address.with(name, value))
    }

    /// The fields of this state: of a list, as it is changed.
    fn state(&self) -> Vec<(&'static str, &str)> {
        let list = [("list", self.list.as_str()), ("changed", "1")];
        let list = list.into_iter().filter(|_| !self.list.is_empty());
        list.chain(self.fields().map(|(name, value)| (name, value.as_str()))).collect()
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

    /// Takes the entries of a list.
    pub(super) fn take(&mut self, entries: Vec<ListEntry>) {
        for (kind, value) in entries {
            match kind {
                EntryKind::Seed => &mut self.seeds,
                EntryKind::Text => &mut self.texts,
                EntryKind::Less => &mut self.less,
                EntryKind::Hide => &mut self.hide,
            }
            .push(value);
        }
    }

    fn n_seeds(&self) -> usize {
        self.seeds.len() + self.less.len() + self.texts.len()
    }

    /// This state without a seed.
    fn without(&self, name: &str) -> String {
        let mut next = self.clone();
        for list in [&mut next.seeds, &mut next.less, &mut next.texts] {
            list.retain(|own| own != name);
        }
        next.address().into_text()
    }
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
    let frame = Frame::new("Library", "library");
    Ok(page(StatusCode::OK, &LibraryPage { frame, params, lists, library }))
}

/// A seed as the page shows it.
struct SeedView {
    id: String,
    title: String,
    /// Its page; `None` for a text.
    href: Option<String>,
    is_negative: bool,
    without_href: String,
}

/// What the page shows.
struct Library {
    seeds: Vec<SeedView>,
    /// Seeds that could not be taken, and why.
    problems: Vec<String>,
    items: Vec<Item>,
    status: Option<String>,
    previous: Option<String>,
    next: Option<String>,
}

impl Library {
    fn of(engine: &Engine, cancel: &Cancel, params: &Params) -> Result<Self, EngineError> {
        let mut library = Self {
            seeds: Vec::new(),
            problems: Vec::new(),
            items: Vec::new(),
            status: None,
            previous: None,
            next: None,
        };
        let mut request = RecommendRequest {
            exclude: params.hide.clone(),
            options: SearchOptions {
                page: Page::new(Some(LIMIT), Some(params.offset), None)?,
                ..SearchOptions::default()
            },
            ..RecommendRequest::default()
        };
        if params.left_out > 0 {
            library.problems.push(format!(
                "{} could not be taken: not readable, or beyond {MAX_SEEDS}.",
                counted(params.left_out as u64, "entry").replace("entrys", "entries")
            ));
        }
        let papers = params.seeds.iter().map(|key| (key, false));
        for (key, is_negative) in papers.chain(params.less.iter().map(|key| (key, true))) {
            let paper = match engine.paper(key) {
                Ok(stored) => stored.paper,
                // One that is gone, dropped or unclear is told of, and the others go on.
                Err(error) if matches!(error.fault(), Fault::NotFound | Fault::Conflict) => {
                    library.problems.push(error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let id = paper.id.to_string();
            let seeds = if is_negative { &mut request.negative } else { &mut request.positive };
            seeds.push(Seed::Paper(id.clone()));
            library.seeds.push(SeedView {
                href: Some(address::paper(&id)),
                title: paper.title.unwrap_or_else(|| id.clone()),
                is_negative,
                without_href: params.without(key),
                id,
            });
        }
        for title in &params.texts {
            request.positive.push(Seed::Text(title.clone()));
            library.seeds.push(SeedView {
                id: title.clone(),
                title: title.clone(),
                href: None,
                is_negative: false,
                without_href: params.without(title),
            });
        }
        if request.positive.is_empty() {
            if !request.negative.is_empty() {
                let missing = "Add a paper that others are to be like: “less like” alone recommends nothing.";
                library.problems.push(missing.to_owned());
            }
            if params.n_seeds() > 0 {
                library.status = Some(library.problems.join(" "));
            }
            return Ok(library);
        }
        let response = match engine.recommend(cancel, &request) {
            Err(error @ EngineError::PaperWithoutText { .. }) => {
                library.status = Some(error.to_string());
                return Ok(library);
            }
            found => found?,
        };
        let titles: HashMap<&str, &str> =
            library.seeds.iter().map(|seed| (seed.id.as_str(), seed.title.as_str())).collect();
        let n_hits = response.hits.len();
        library.items = response
            .hits
            .into_iter()
            .map(|hit| {
                let nearest = hit.nearest_seed.clone();
                let nearest = nearest.as_deref().map(|seed| titles.get(seed).copied().unwrap_or(seed));
                let mut item = Item::of_hit(hit);
                item.note = nearest.map(|title| format!("Nearest to “{title}”"));
                item.level = 3;
                item.keep_href = params.address().with("seed", &item.id).into_text();
                item.acts = vec![
                    Link {
                        href: params.address().with("less", &item.id).into_text(),
                        text: "Less like this".to_owned(),
                    },
                    Link {
                        href: params.address().with("hide", &item.id).into_text(),
                        text: "Hide".to_owned(),
                    },
                ];
                item
            })
            .collect();
        library.status = Some(match n_hits {
            0 => "Nothing more to recommend.".to_owned(),
            n => {
                let first = params.offset + 1;
                format!("{first} to {} of {}", params.offset + n, counted(response.total, "paper"))
            }
        });
        let page_at = |offset: usize| params.address().with("offset", offset.to_string()).into_text();
        library.previous = (params.offset > 0).then(|| page_at(params.offset.saturating_sub(LIMIT)));
        library.next = (n_hits == LIMIT && ((params.offset + n_hits) as u64) < response.total)
            .then(|| page_at(params.offset + LIMIT));
        Ok(library)
    }
}

/// Makes seeds of the entries of a bibliography: the paper here that an entry is about, else its title.
fn with_bibliography(engine: &Engine, mut params: Params) -> Result<Params, ApiError> {
    let bytes = Cursor::new(std::mem::take(&mut params.bibliography).into_bytes());
    let source = Source::from_text("bibliography", bytes);
    for record in source.records(&ReadOptions::default()).map_err(EngineError::from)? {
        let Ok(parsed) = record.map_err(EngineError::from)? else {
            params.left_out += 1;
            continue;
        };
        if params.n_seeds() >= MAX_SEEDS {
            params.left_out += 1;
            continue;
        }
        let paper = parsed.paper;
        let (list, seed) = match paper_here(engine, &paper)? {
            Some(id) => (&mut params.seeds, id),
            None => {
                let title = paper.title.or(paper.abstract_text).unwrap_or_default();
                (&mut params.texts, title.chars().take(MAX_TEXT_CHARS).collect())
            }
        };
        if !list.contains(&seed) {
            list.push(seed);
        }
    }
    Ok(params)
}

/// The id of the paper here that carries an identifier of `paper`, or has its title.
fn paper_here(engine: &Engine, paper: &Paper) -> Result<Option<String>, EngineError> {
    for (kind, value) in &paper.external_ids {
        match engine.papers(&format!("{}:{value}", kind.name())) {
            Ok(papers) => return Ok(papers.first().map(|stored| stored.paper.id.to_string())),
            Err(EngineError::PaperNotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let Some(title) = &paper.title else { return Ok(None) };
    let options = SearchOptions {
        mode: Mode::Keyword,
        page: Page::new(Some(N_NAMESAKES), None, None)?,
        ..SearchOptions::default()
    };
    // A title that is no query, since it is too long, is nobody's here either.
    let Ok(request) = SearchRequest::new(title.replace('"', " "), options) else { return Ok(None) };
    let letters = |title: &str| -> String {
        text::normalize(title).to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
    };
    let wanted = letters(title);
    let mut hits = engine.search(&request)?.hits.into_iter().map(|hit| hit.paper.paper);
    let same = hits.find(|own| own.title.as_deref().is_some_and(|own| letters(own) == wanted));
    Ok(same.map(|own| own.id.to_string()))
}

#[derive(Template)]
#[template(path = "library.html", whitespace = "minimize")]
struct LibraryPage {
    frame: Frame,
    params: Params,
    lists: Lists,
    library: Library,
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
        assert!(!params.without("d").contains("less="));
        let twice = Params::parse(b"seed=a&seed=a&seed=+&offset=20").unwrap();
        assert_eq!((twice.seeds.len(), twice.offset), (1, 20));
        let entries = params.entries();
        let mut again = Params { list: "ice".to_owned(), ..Params::default() };
        again.take(entries.clone());
        assert_eq!((again.entries(), again.seeds.len()), (entries, 2));
        assert!(again.address().into_text().starts_with("/library?list=ice&changed=1&seed="));
        assert!(Params::parse(b"colour=red").unwrap_err().message().contains("colour"));
        assert!(Params::parse(b"offset=x").unwrap_err().message().contains("offset"));
    }
}
