//! Saved searches: what is new for each, where its feeds are, and the form that saves one.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use cognate_engine::{DigestPeriod, Engine, EngineError, SavedQuery};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::address::Address;
use super::filters;
use super::item::Item;
use super::search::counted;
use super::{Frame, Listing, PageError, WaitingPage, page, soon};
use crate::error::ApiError;
use crate::routes::{App, off_thread};
use cognate_wire::{OneOrMany, SavedBody, SavedRequest, UniqueObject, saved_question};

/// Saved searches on a page: each is asked.
const LIMIT: usize = 20;
/// What there is to say while they are asked.
const IS_ASKED: &str =
    "Your searches are being asked for what is new. This takes a moment after papers were added.";
/// New papers of each that are shown.
const MAX_NEW: usize = 5;

/// `GET /saved`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Result<Query<Listing>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(params) = params?;
    shown(&app, params.offset, None).await
}

async fn shown(app: &Arc<App>, offset: usize, made: Option<(String, String)>) -> Result<Response, PageError> {
    let is_secret = made.is_some();
    // An address that is shown once is not put off.
    let found = if is_secret {
        Some(off_thread(app, move |app| Found::of(app, offset)).await?)
    } else {
        soon(app, format!("saved {offset}"), move |app| Found::of(app, offset)).await?
    };
    let frame = Frame::new("Saved searches", "saved");
    let Some(found) = found else { return Ok(WaitingPage::new(frame, IS_ASKED).into_response()) };
    let made = made.map(|(id, secret)| MadeFeed {
        atom: feed(&id, "atom").with("key", &secret).into_text(),
        json: feed(&id, "json").with("key", &secret).into_text(),
        id,
    });
    let mut response = page(StatusCode::OK, &SavedPage { frame, found, made });
    if is_secret {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// The address of a feed.
fn feed(id: &str, form: &str) -> Address {
    Address::new(&format!("/v1/saved/{id}/feed.{form}"))
}

/// What a form of the page asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Save a search: the body of `POST /v1/saved`.
    Save(Map<String, Value>),
    /// All that came up to this row was seen.
    Seen {
        id: String,
        until: u32,
    },
    Delete {
        id: String,
    },
    /// Make a feed an address that needs no other key.
    OpenFeed {
        id: String,
    },
    /// End the key in such an address.
    CloseFeed {
        name: String,
    },
}

impl Asked {
    fn parse(form: &[u8]) -> Result<Self, ApiError> {
        let mut fields: HashMap<String, String> = HashMap::new();
        let (mut seeds, mut negative) = (Vec::new(), Vec::new());
        for (name, value) in form_urlencoded::parse(form).into_owned() {
            if value.trim().is_empty() {
                continue;
            }
            match name.as_str() {
                "like" | "seed" => seeds.push(json!(value)),
                "text" => seeds.push(json!({ "text": value })),
                "less" => negative.push(json!(value)),
                _ => drop(fields.insert(name, value)),
            }
        }
        let wrong = |message: String| Err(ApiError::bad_request("invalid_parameter", message));
        let asked = fields.remove("do").unwrap_or_default();
        let mut field = |name: &str| {
            let found = fields.remove(name);
            found.ok_or_else(|| ApiError::bad_request("invalid_parameter", format!("`{name}`: expected one")))
        };
        if asked != "save" && !(seeds.is_empty() && negative.is_empty()) {
            return wrong("expected no seeds".to_owned());
        }
        let asked = match asked.as_str() {
            "save" => {
                let mut body = Map::new();
                for (name, list) in [("seeds", seeds), ("negative", negative)] {
                    if !list.is_empty() {
                        body.insert(name.to_owned(), Value::Array(list));
                    }
                }
                for (name, value) in fields.drain() {
                    match name.as_str() {
                        // The filter of several years or venues.
                        "filter" => body.insert(name, serde_json::from_str(&value).unwrap_or(json!(value))),
                        _ => body.insert(name, Value::String(value)),
                    };
                }
                Self::Save(body)
            }
            "seen" => {
                let until = field("until")?.parse();
                let Ok(until) = until else { return wrong("`until`: expected a whole number".to_owned()) };
                Self::Seen { id: field("id")?, until }
            }
            "delete" => Self::Delete { id: field("id")? },
            "open" => Self::OpenFeed { id: field("id")? },
            "close" => Self::CloseFeed { name: field("key")? },
            other => {
                return wrong(format!(
                    "`do`: expected `save`, `seen`, `delete`, `open` or `close`, found {other:?}"
                ));
            }
        };
        match fields.keys().next() {
            Some(name) => wrong(format!("`{name}`: expected no such field")),
            None => Ok(asked),
        }
    }
}

/// `POST /saved`
pub(super) async fn act(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageError> {
    match Asked::parse(&body?)? {
        Asked::Save(body) => {
            let SavedRequest { name, request, question } = SavedRequest::read(UniqueObject(body))?;
            let saved =
                off_thread(&app, move |app| Ok(app.engine.save_query(&name, &request, &question)?)).await?;
            return Ok(Redirect::to(&format!("/saved#{}", saved.id)).into_response());
        }
        Asked::Seen { id, until } => {
            off_thread(&app, move |app| {
                app.engine.saved_query(&id)?;
                // What has not come yet cannot have been seen.
                let last = app.engine.period_after(0)?.until;
                Ok(app.engine.mark_looked(&id, DigestPeriod { after: 0, until: until.min(last) })?)
            })
            .await?;
        }
        Asked::Delete { id } => {
            off_thread(&app, move |app| {
                app.engine.delete_saved(&id)?;
                app.access.close_feeds_of(&id)
            })
            .await?;
        }
        Asked::OpenFeed { id } => {
            let made = off_thread(&app, move |app| {
                let id = app.engine.saved_query(&id)?.id;
                let secret = app.access.open_feed(&id)?;
                Ok((id, secret))
            });
            return shown(&app, 0, Some(made.await?)).await;
        }
        Asked::CloseFeed { name } => off_thread(&app, move |app| app.access.close_feed(&name)).await?,
    }
    Ok(Redirect::to("/saved").into_response())
}

/// The feeds of a saved search.
enum Feeds {
    /// Whoever comes here may read them.
    Open { atom: String, json: String },
    /// A program that reads feeds needs a key in the address; the names of those that were made.
    Keyed(Vec<String>),
}

/// A saved search as the page shows it.
struct SavedView {
    id: String,
    name: String,
    /// What it asks, as a page.
    href: Option<String>,
    created: Option<Date>,
    /// What is new, in words.
    status: String,
    /// The last row that was looked at for that.
    until: u32,
    has_new: bool,
    items: Vec<Item>,
    feeds: Feeds,
}

/// What the page shows.
struct Found {
    saved: Vec<SavedView>,
    previous: Option<String>,
    next: Option<String>,
}

impl Found {
    fn of(app: &App, offset: usize) -> Result<Self, ApiError> {
        let mut all = app.engine.saved_queries()?;
        // The newest first.
        all.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        let n_all = all.len();
        let mut keys = if app.access.asks_readers() { Some(app.access.feeds()?) } else { None };
        let at = |offset: usize| Address::new("/saved").with("offset", offset.to_string()).into_text();
        let n_shown = offset.saturating_add(LIMIT).min(n_all);
        let saved = all.into_iter().skip(offset).take(LIMIT).map(|saved| {
            let feeds = match &mut keys {
                None => Feeds::Open {
                    atom: feed(&saved.id, "atom").into_text(),
                    json: feed(&saved.id, "json").into_text(),
                },
                Some(keys) => Feeds::Keyed(keys.remove(&saved.id).unwrap_or_default()),
            };
            Ok(SavedView::of(&app.engine, saved, feeds)?)
        });
        Ok(Self {
            saved: saved.collect::<Result<_, ApiError>>()?,
            previous: (offset > 0).then(|| at(offset.saturating_sub(LIMIT))),
            next: (n_shown < n_all).then(|| at(n_shown)),
        })
    }
}

impl SavedView {
    fn of(engine: &Engine, saved: SavedQuery, feeds: Feeds) -> Result<Self, EngineError> {
        let period = engine.period_after(saved.looked)?;
        let answer = engine.news(&saved, period, &|| saved_question(&saved));
        let (total, hits, problem) = match answer {
            Ok(answer) => (answer.total, answer.hits.clone(), None),
            // A seed that is gone, or a parameter of a later release: the others are shown.
            Err(error) if error.fault() != cognate_engine::Fault::System => {
                (0, Vec::new(), Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        let n_new = hits.len();
        let status = match (problem, n_new.min(MAX_NEW) as u64) {
            (Some(problem), _) => problem,
            (None, 0) => "Nothing new".to_owned(),
            (None, n) if n < total => format!("{}, of which the best {n}", counted(total, "new paper")),
            (None, n) => counted(n, "new paper"),
        };
        let SavedBody { id, name, created, request } = SavedBody::from(saved);
        Ok(Self {
            href: request.as_object().and_then(page_of),
            created: created.get(..10).and_then(|day| day.parse().ok()),
            status,
            until: period.until,
            has_new: n_new > 0,
            items: hits.into_iter().take(MAX_NEW).map(Item::of_hit).collect(),
            id,
            name,
            feeds,
        })
    }
}

/// The page that asks what a saved search asks; `None` where no page can say it.
fn page_of(request: &Map<String, Value>) -> Option<String> {
    // How many are told changes nothing of what is asked.
    let has_only =
        |names: &[&str]| request.keys().all(|name| name == "limit" || names.contains(&name.as_str()));
    if request.contains_key("seeds") && has_only(&["seeds", "negative"]) {
        return page_of_seeds(request);
    }
    if !has_only(&["q", "mode", "year", "categories", "author", "venue", "filter"]) {
        return None;
    }
    let text = |name: &str| match request.get(name) {
        None => Some(String::new()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(list) => {
            let list: OneOrMany = serde_json::from_value(list.clone()).ok()?;
            Some(filters::joined(&list.parts()))
        }
    };
    // Several years or venues are in the filter, one is not.
    let one_or_several = |name: &str| match request.get("filter") {
        None => Some(String::new()),
        Some(filter) => filters::several(filter, name),
    };
    let (year, venue) = (text("year")?, text("venue")?);
    let venue = if venue.is_empty() { venue } else { filters::joined(&[venue]) };
    let address = Address::new("/search").with("q", text("q")?).with("mode", text("mode")?);
    let address = address.with("year", year).with("year", one_or_several("year")?);
    let address = address.with("categories", text("categories")?).with("author", text("author")?);
    let address = address.with("region", one_or_several("region")?);
    Some(address.with("venue", venue).with("venue", one_or_several("venue")?).into_text())
}

/// The page that shows what is like the seeds of a saved search.
fn page_of_seeds(request: &Map<String, Value>) -> Option<String> {
    let list = |name: &str| request.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (seeds, negative) = (list("seeds"), list("negative"));
    if let ([Value::String(id)], []) = (seeds, negative) {
        return Some(Address::new("/search").with("like", id).into_text());
    }
    let mut address = Address::new("/library");
    for (seed, name) in
        seeds.iter().map(|seed| (seed, "seed")).chain(negative.iter().map(|seed| (seed, "less")))
    {
        let value = |field: &str| seed.get(field).and_then(Value::as_str);
        address = match (seed.as_str().or_else(|| value("id")), value("text")) {
            (Some(id), _) => address.with(name, id),
            (None, Some(text)) if name == "seed" => address.with("text", text),
            _ => return None,
        };
    }
    Some(address.into_text())
}

/// The addresses of a feed with a key in them, to be seen this once.
struct MadeFeed {
    id: String,
    atom: String,
    json: String,
}

#[derive(Template)]
#[template(path = "saved.html", whitespace = "minimize")]
struct SavedPage {
    frame: Frame,
    found: Found,
    made: Option<MadeFeed>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_say_what_they_mean() {
        let check = |form: &str, expected: Option<Asked>| {
            assert_eq!(Asked::parse(form.as_bytes()).ok(), expected, "{form}");
        };
        let id = "bats".to_owned();
        check("do=seen&id=bats&until=7", Some(Asked::Seen { id: id.clone(), until: 7 }));
        check("do=delete&id=bats", Some(Asked::Delete { id: id.clone() }));
        check("do=open&id=bats&name=", Some(Asked::OpenFeed { id }));
        check("do=close&key=feed.bats.1", Some(Asked::CloseFeed { name: "feed.bats.1".to_owned() }));
        let body = json!({"q": "ice", "filter": {"must": []}, "seeds": ["a"]});
        check(
            "do=save&q=ice&like=a&filter=%7B%22must%22%3A%5B%5D%7D&name=+",
            body.as_object().cloned().map(Asked::Save),
        );
        let seeds = json!({"name": "Ice", "seeds": ["a", "b", {"text": "T"}], "negative": ["c"]});
        check("do=save&name=Ice&seed=a&seed=b&text=T&less=c", seeds.as_object().cloned().map(Asked::Save));
        for wrong in [
            "",
            "do=delete&id=a&seed=b",
            "do=eat&id=bats",
            "do=seen&id=bats",
            "do=seen&id=bats&until=-1",
            "do=delete&id=a&q=b",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_saved_search_has_the_page_that_it_was_saved_from() {
        let check = |request: Value, expected: Option<&str>| {
            assert_eq!(page_of(request.as_object().unwrap()).as_deref(), expected, "{request}");
        };
        check(json!({"q": "ice & snow", "year": "2019-"}), Some("/search?q=ice+%26+snow&year=2019-"));
        check(json!({"categories": ["a", "b, c"]}), Some("/search?categories=a%2C%22b%2C+c%22"));
        check(json!({"seeds": ["a/b"]}), Some("/search?like=a%2Fb"));
        check(json!({"seeds": ["a", "b"], "limit": 5}), Some("/library?seed=a&seed=b"));
        check(
            json!({"seeds": ["a", {"text": "Ice"}, {"id": "b"}], "negative": ["c"]}),
            Some("/library?seed=a&text=Ice&seed=b&less=c"),
        );
        check(json!({"seeds": ["a"], "negative": ["b"]}), Some("/library?seed=a&less=b"));
        check(json!({"seeds": ["a"], "negative": [{"text": "b"}]}), None);
        check(json!({"seeds": ["a"], "year": "2019"}), None);
        check(json!({"q": "ice", "min_score": 0.3}), None);
        let years = json!({"must": [{"should": [{"year": "2019"}, {"year": "2021"}]}]});
        check(json!({"q": "ice", "filter": years}), Some("/search?q=ice&year=2019%2C2021"));
        check(json!({"q": "ice", "filter": {"year": "2019"}}), None);
        let part = json!({"must": [{"region": "0.0_9.0_0.9"}]});
        check(json!({"q": "ice", "filter": part}), Some("/search?q=ice&region=0.0_9.0_0.9"));
    }
}
