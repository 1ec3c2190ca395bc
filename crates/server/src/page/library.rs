//! The library: papers chosen as seeds, and what is like them.
//!
//! All of it is in the address: `seed` and `less` are ids, `text` is a seed that is no paper here, `hide` an
//! id that is no answer. A `POST` takes the same fields, where they are too many for an address, and a
//! bibliography, whose entries become seeds. With `list` it is a list that is kept, as it is kept or `changed`.
//! `/library/file` has the papers of the same state as a file.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cognate_corpus::export::{ExportFormat, UnknownExportFormat};
use cognate_corpus::{Paper, ReadOptions, Source, text};
use cognate_engine::{
    Cancel, Engine, EngineError, EntryKind, Fault, ListEntry, ListNote, MAX_SEEDS, Mode, Page,
    RecommendRequest, SearchOptions, SearchRequest, SearchResponse, Seed, StoredPaper,
};

use super::actions::FORMATS;
use super::address::{self, Address};
use super::item::{Item, Link};
use super::lists::{self, Lists};
use super::search::counted;
use super::{Frame, PageError, page};
use crate::answer;
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
                "format" => {
                    params.format = value;
                    continue;
                }
                other => {
                    let known = "`seed`, `less`, `text`, `hide`, `list`, `changed`, `offset`, `left_out`, `part`, `format` or `bibliography`";
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

    /// The papers as files. Those of a list that is as it is kept need not be named.
    fn files(&self, is_kept: bool) -> Vec<Link> {
        if self.seeds.is_empty() {
            return Vec::new();
        }
        let address = if is_kept {
            Address::new("/library/file").with("list", &self.list)
        } else {
            self.address_at("/library/file")
        };
        let file = |(text, format): (&str, &str)| Link {
            href: address.clone().with("format", format).into_text(),
            text: text.to_owned(),
        };
        FORMATS.into_iter().map(file).collect()
    }

    /// What a saved search is made of: papers to be like, and unlike.
    fn to_save(&self) -> Vec<(&'static str, &String)> {
        let of_search = self.fields().filter(|(name, _)| *name != "hide");
        if self.seeds.is_empty() && self.texts.is_empty() { Vec::new() } else { of_search.collect() }
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
    let title = lists.kept.as_ref().map_or("Library", |kept| kept.name.as_str());
    let frame = Frame::new(title, "library");
    let files = params.files(lists.kept.is_some() && !lists.is_changed);
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
        let mut papers: Vec<Paper> = Vec::new();
        for key in &params.seeds {
            match here(&app.engine, key)? {
                Here::Paper(stored) | Here::InItsPlace(stored, _) => papers.push(stored.paper),
                Here::Missing(_) => {}
            }
        }
        let name = lists.kept.map_or_else(|| "library".to_owned(), |kept| kept.id);
        answer::file_of(&papers, (format, &name))
    });
    Ok(file.await?)
}

/// What there is of a seed.
enum Here {
    Paper(Box<StoredPaper>),
    /// The paper that stays for it, and what to say of that.
    InItsPlace(Box<StoredPaper>, String),
    /// None, and why.
    Missing(String),
}

/// The paper of a seed. One that is gone or unclear is told of, and the others go on; for a duplicate that was dropped
/// there is the one that stays.
fn here(engine: &Engine, key: &str) -> Result<Here, EngineError> {
    let told = |error: EngineError| match error.fault() {
        Fault::NotFound | Fault::Conflict => Ok(Here::Missing(error.to_string())),
        _ => Err(error),
    };
    match engine.paper(key) {
        Ok(stored) => Ok(Here::Paper(Box::new(stored))),
        Err(EngineError::PaperDropped { kept, .. }) => match engine.paper(&kept) {
            Ok(stored) => {
                let told = format!("{key} was dropped as a duplicate of this one");
                Ok(Here::InItsPlace(Box::new(stored), told))
            }
            Err(error) => told(error),
        },
        Err(error) => told(error),
    }
}

/// A seed as the page shows it.
struct SeedView {
    id: String,
    title: String,
    /// Its page; `None` for a text.
    href: Option<String>,
    is_negative: bool,
    without_href: String,
    /// Its name in the list.
    entry: String,
    /// Why it is not one to find others by, or what it stands for.
    problem: Option<String>,
    /// Whether others are looked for by it.
    is_used: bool,
    /// Whether it is the title of a paper that is not here.
    is_text: bool,
}

impl SeedView {
    fn of(params: &Params, entry: &str, is_negative: bool) -> Self {
        Self {
            id: entry.to_owned(),
            title: entry.to_owned(),
            href: None,
            is_negative,
            without_href: params.without(entry),
            entry: entry.to_owned(),
            problem: None,
            is_used: true,
            is_text: false,
        }
    }

    fn take(&mut self, paper: Paper) {
        let id = paper.id.to_string();
        self.href = Some(address::paper(&id));
        self.title = paper.title.unwrap_or_else(|| id.clone());
        self.id = id;
    }
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
        let mut used: Vec<(Seed, bool)> = Vec::new();
        for (key, is_negative) in papers.chain(params.less.iter().map(|key| (key, true))) {
            let mut seed = SeedView::of(params, key, is_negative);
            match here(engine, key)? {
                Here::Missing(why) => (seed.problem, seed.is_used) = (Some(why), false),
                Here::Paper(stored) => seed.take(stored.paper),
                Here::InItsPlace(stored, told) => {
                    seed.take(stored.paper);
                    seed.problem = Some(told);
                }
            }
            let is_new = !used.iter().any(|(known, _)| *known == Seed::Paper(seed.id.clone()));
            if seed.is_used && is_new {
                used.push((Seed::Paper(seed.id.clone()), is_negative));
            }
            library.seeds.push(seed);
        }
        for title in &params.texts {
            used.push((Seed::Text(title.clone()), false));
            library.seeds.push(SeedView { is_text: true, ..SeedView::of(params, title, false) });
        }
        if used.len() > MAX_SEEDS {
            library.problems.push(format!(
                "Others are looked for by the last {MAX_SEEDS} of these {}.",
                counted(used.len() as u64, "paper")
            ));
            used.drain(..used.len() - MAX_SEEDS);
        }
        let response = loop {
            let of_sort = |wanted: bool| {
                used.iter()
                    .filter(move |(_, is_negative)| *is_negative == wanted)
                    .map(|(seed, _)| seed.clone())
            };
            (request.positive, request.negative) = (of_sort(false).collect(), of_sort(true).collect());
            if request.positive.is_empty() {
                if !request.negative.is_empty() {
                    let missing =
                        "Add a paper that others are to be like: “less like” alone recommends nothing.";
                    library.problems.push(missing.to_owned());
                }
                if params.n_seeds() > 0 {
                    let missing = "None of these papers is one to find others by.";
                    library.status = Some(library.problems.last().map_or(missing, String::as_str).to_owned());
                }
                return Ok(library);
            }
            match engine.recommend(cancel, &request) {
                // The others go on without it.
                Err(EngineError::PaperWithoutText { id })
                    if used.iter().any(|(seed, _)| *seed == Seed::Paper(id.clone())) =>
                {
                    used.retain(|(seed, _)| *seed != Seed::Paper(id.clone()));
                    for seed in library.seeds.iter_mut().filter(|seed| seed.id == id) {
                        seed.problem = Some("It has neither title nor abstract to compare".to_owned());
                    }
                }
                found => break found?,
            }
        };
        library.show(params, response);
        Ok(library)
    }

    /// Puts an answer on the page.
    fn show(&mut self, params: &Params, response: SearchResponse) {
        let titles: HashMap<&str, &str> =
            self.seeds.iter().map(|seed| (seed.id.as_str(), seed.title.as_str())).collect();
        let n_hits = response.hits.len();
        self.items = response
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
        self.status = Some(match n_hits {
            0 => "Nothing more to recommend.".to_owned(),
            n => {
                let first = params.offset + 1;
                format!("{first} to {} of {}", params.offset + n, counted(response.total, "paper"))
            }
        });
        let page_at = |offset: usize| params.address().with("offset", offset.to_string()).into_text();
        self.previous = (params.offset > 0).then(|| page_at(params.offset.saturating_sub(LIMIT)));
        self.next = (n_hits == LIMIT && ((params.offset + n_hits) as u64) < response.total)
            .then(|| page_at(params.offset + LIMIT));
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
