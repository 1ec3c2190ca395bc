//! The map: the papers in two dimensions, and where the hits of a search are among them.
//!
//! The page has the legend, the parts that have a name, and a picture for browsers without script. The script draws all
//! points, which come as numbers, and asks for the one paper that is pointed at. Of many papers the map is drawn aside: the
//! page shows the one before, or says that the first is coming.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use cognate_engine::{MAX_MAP_GROUPS, Map, MapPoint};
use serde::Serialize;

use super::address::Address;
use super::item::Item;
use super::search::{Params, counted, thousands};
use super::{Frame, PageError, WaitingPage, lists, page};
use crate::error::ApiError;
use crate::routes::{App, off_thread, off_thread_while_wanted};
use cognate_wire::filter_text;

/// What there is to say while the first map is drawn.
pub(super) const IS_DRAWN: &str = "The map is being drawn: every paper is compared with every other, and placed near those that it is like. \
     For a hundred thousand papers this takes about half a minute.";
/// Hits of a search that are shown.
const MAX_FOUND: usize = 50;
/// Points of the picture for browsers without script.
const PICTURE_POINTS: usize = 1_000;
/// From the middle of the map to its rim, where places are whole numbers.
const SCALE: f32 = 32_000.0;
/// The same in the picture, where fewer digits do.
const PICTURE_SCALE: f32 = 1_000.0;
/// Terms in the name of a part where it stands on the map.
const MAX_TERMS: usize = 2;

/// `GET /map`: the parameters of a search, or none for all papers alike.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(params) = params?;
    let (mut asked, owner) = (params.clone(), lists::owner());
    let (map, found) = off_thread_while_wanted(&app, move |app, cancel| {
        let Some(map) = app.engine.map_at_hand()? else { return Ok((None, Vec::new())) };
        asked.resolve(&app.engine, &owner)?;
        let found = match asked.to_hits(MAX_FOUND) {
            Some(search) => app.engine.search_unless(cancel, &search.to_request()?)?.hits,
            None => Vec::new(),
        };
        let rows: Vec<u32> = found.iter().map(|hit| hit.paper.row).collect();
        Ok((Some(map), rows))
    })
    .await?;
    let title = if found.is_empty() { "Map".to_owned() } else { format!("Map of “{}”", params.query()) };
    let frame = Frame { query: params.query().to_owned(), ..Frame::new(title, "map") };
    let Some(map) = map else { return Ok(WaitingPage::new(frame, IS_DRAWN).into_response()) };
    let legend = map.groups.iter().zip(colours(&map)).map(|(group, colour)| Group {
        colour,
        name: group.name.clone().unwrap_or_else(|| "all other".to_owned()),
        href: group.name.as_ref().map(|name| {
            Address::new("/map")
                .with("q", name)
                .with("categories", filter_text("categories", name))
                .into_text()
        }),
        n_papers: thousands(group.n_papers as u64),
    });
    let regions = map.regions.iter().map(|region| {
        let shape = region.shape.to_string();
        Part {
            href: params.address_with("/search", ("region", &shape)).into_text(),
            name: region.label.join(", "),
            short: region.label.iter().take(MAX_TERMS).cloned().collect::<Vec<_>>().join(", "),
            n_papers: thousands(region.n_papers as u64),
            middle: region.middle.map(|part| (part * PICTURE_SCALE) as i32),
            shape,
        }
    });
    let is_narrowed = !found.is_empty();
    let page_ = MapPage {
        status: status(&map, &found),
        list_href: is_narrowed.then(|| params.address().into_text()),
        found_href: is_narrowed.then(|| params.address_at("/map/found").into_text()),
        search_href: params.address_with("/search", ("region", "")).into_text(),
        legend: legend.collect(),
        regions: regions.collect(),
        picture: picture(&map, &found),
        is_sampled: !map.others.is_empty(),
        frame,
    };
    Ok(page(StatusCode::OK, &page_))
}

fn status(map: &Map, found: &[u32]) -> String {
    let n_points = map.points.len();
    let all = if n_points < map.n_papers {
        format!("{} of {}", thousands(n_points as u64), counted(map.n_papers as u64, "paper"))
    } else {
        counted(n_points as u64, "paper")
    };
    match found.len() {
        0 if n_points < 2 => all,
        0 => {
            let kept = map.kept * 100.0;
            format!(
                "{all}. What is alike is near: {kept:.0} % of a paper’s nearest in meaning are among its nearest here."
            )
        }
        n => format!("The {n} best hits among {all}"),
    }
}

/// `GET /map/points`: every point, little-endian: the number n of points as u32, then n rows as u32, n
/// places along each axis as i16 (from −32,000 to 32,000), n years as i16 (0 where none is known), and n colours as u8.
/// 202 while the first map is drawn.
pub(super) async fn points(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let Some(map) = off_thread(&app, |app| Ok(app.engine.map_at_hand()?)).await? else {
        return Ok((StatusCode::ACCEPTED, IS_DRAWN).into_response());
    };
    let places = |part: fn(&MapPoint) -> f32| {
        map.points.iter().flat_map(move |point| ((part(point) * SCALE) as i16).to_le_bytes())
    };
    let mut bytes = (map.points.len() as u32).to_le_bytes().to_vec();
    bytes.extend(map.points.iter().flat_map(|point| point.row.to_le_bytes()));
    bytes.extend(places(|point| point.x));
    bytes.extend(places(|point| point.y));
    bytes.extend(map.points.iter().flat_map(|point| point.year.unwrap_or_default().to_le_bytes()));
    let colours = colours(&map);
    let colour = |group: u8| colours.get(usize::from(group)).copied().unwrap_or_default();
    bytes.extend(map.points.iter().map(|point| colour(point.group)));
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// The points that a search found.
#[derive(Serialize)]
struct FoundBody {
    rows: Vec<u32>,
}

/// `GET /map/found`: the rows of the hits of a search, best first.
pub(super) async fn found(
    State(app): State<Arc<App>>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, ApiError> {
    let (Query(mut params), owner) = (params?, lists::owner());
    let body = off_thread_while_wanted(&app, move |app, cancel| {
        params.resolve(&app.engine, &owner)?;
        let Some(search) = params.to_hits(MAX_FOUND) else { return Ok(FoundBody { rows: Vec::new() }) };
        let hits = app.engine.search_unless(cancel, &search.to_request()?)?.hits;
        Ok(FoundBody { rows: hits.iter().map(|hit| hit.paper.row).collect() })
    });
    Ok(Json(body.await?).into_response())
}

/// `GET /map/paper/{row}`: one paper, as lists show it.
pub(super) async fn paper(
    State(app): State<Arc<App>>,
    row: Result<Path<u32>, PathRejection>,
) -> Result<Response, PageError> {
    let Path(row) = row.map_err(|rejection| ApiError::bad_request("invalid_row", rejection.body_text()))?;
    let stored = off_thread(&app, move |app| Ok(app.engine.paper_of_row(row)?)).await?;
    Ok(page(StatusCode::OK, &CardPart { item: Item::new(stored.paper) }))
}

/// The colour of each group, by its number in the style sheet: the last is for all papers without one.
fn colours(map: &Map) -> Vec<u8> {
    let last = MAX_MAP_GROUPS as u8 - 1;
    let named = map.groups.iter().map(|group| group.name.is_some());
    (0..last)
        .chain([last])
        .zip(named)
        .map(|(colour, is_named)| if is_named { colour } else { last })
        .collect()
}

/// A line of the legend.
struct Group {
    colour: u8,
    name: String,
    href: Option<String>,
    n_papers: String,
}

/// A part of the map with a name.
struct Part {
    /// Its papers as a list.
    href: String,
    name: String,
    /// Its name where there is little room.
    short: String,
    n_papers: String,
    /// Where its name stands, in steps of the picture.
    middle: [i32; 2],
    shape: String,
}

/// What is drawn without script: for each group, and for what was found, one path of dots.
fn picture(map: &Map, found: &[u32]) -> Vec<(String, String)> {
    let step = map.points.len().div_ceil(PICTURE_POINTS).max(1);
    let mut paths = vec![String::new(); map.groups.len()];
    let mut hits = String::new();
    let mut is_found: HashSet<u32> = found.iter().copied().collect();
    for (place, point) in map.points.iter().enumerate() {
        let is_hit = is_found.remove(&point.row);
        if !is_hit && place % step != 0 {
            continue;
        }
        let path = if is_hit { Some(&mut hits) } else { paths.get_mut(usize::from(point.group)) };
        if let Some(path) = path {
            let [x, y] = [point.x, -point.y].map(|part| (part * PICTURE_SCALE) as i32);
            // Writing to a text cannot fail.
            let _ = write!(path, "M{x} {y}h0");
        }
    }
    let mut classes: Vec<(String, String)> =
        colours(map).iter().zip(paths).map(|(colour, path)| (format!("group-{colour}"), path)).collect();
    if !hits.is_empty() {
        classes.push(("hit".to_owned(), hits));
    }
    classes
}

#[derive(Template)]
#[template(path = "map.html", whitespace = "minimize")]
struct MapPage {
    frame: Frame,
    status: String,
    /// The hits as a list.
    list_href: Option<String>,
    /// The hits as rows.
    found_href: Option<String>,
    /// The search of which a part of the map narrows the hits.
    search_href: String,
    legend: Vec<Group>,
    regions: Vec<Part>,
    picture: Vec<(String, String)>,
    /// Whether some papers are not on it.
    is_sampled: bool,
}

#[derive(Template)]
#[template(path = "map_card.html", whitespace = "minimize")]
struct CardPart {
    item: Item,
}
