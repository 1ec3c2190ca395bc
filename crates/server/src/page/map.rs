//! The map: the papers in two dimensions, and where the hits of a search are among them.
//!
//! The page has the legend, and a picture for browsers without script. The script draws all points, which
//! come as numbers, and asks for the one paper that is pointed at.

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
use super::search::{Params, counted};
use super::{Frame, PageError, page};
use crate::error::ApiError;
use crate::routes::{App, off_thread, off_thread_while_wanted};
use cognate_wire::filter_text;

/// Hits of a search that are shown.
const MAX_FOUND: usize = 50;
/// Points of the picture for browsers without script.
const PICTURE_POINTS: usize = 1_500;
/// From the middle of the map to its rim, where places are whole numbers.
const SCALE: f32 = 32_000.0;
/// The same in the picture, where fewer digits do.
const PICTURE_SCALE: f32 = 1_000.0;

/// `GET /map`: the parameters of a search, or none for all papers alike.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(params) = params?;
    let asked = params.clone();
    let (map, found) = off_thread_while_wanted(&app, move |app, cancel| {
        let found = match asked.to_hits(MAX_FOUND) {
            Some(search) => app.engine.search_unless(cancel, &search.to_request()?)?.hits,
            None => Vec::new(),
        };
        let rows: Vec<u32> = found.iter().map(|hit| hit.paper.row).collect();
        Ok((app.engine.map()?, rows))
    })
    .await?;
    let legend = map.groups.iter().zip(colours(&map)).map(|(group, colour)| Group {
        colour,
        name: group.name.clone().unwrap_or_else(|| "all other".to_owned()),
        href: group.name.as_ref().map(|name| {
            Address::new("/map")
                .with("q", name)
                .with("categories", filter_text("categories", name))
                .into_text()
        }),
        n_papers: group.n_papers,
    });
    let title = if found.is_empty() { "Map".to_owned() } else { format!("Map of “{}”", params.query()) };
    let frame = Frame { query: params.query().to_owned(), ..Frame::new(title, "map") };
    let page_ = MapPage {
        frame,
        status: status(&map, &found),
        list_href: (!found.is_empty()).then(|| params.address().into_text()),
        found_href: (!found.is_empty()).then(|| params.address_at("/map/found").into_text()),
        legend: legend.collect(),
        picture: picture(&map, &found),
    };
    Ok(page(StatusCode::OK, &page_))
}

fn status(map: &Map, found: &[u32]) -> String {
    let all = counted(map.points.len() as u64, "paper");
    let of_variance = (map.variance[0] + map.variance[1]) * 100.0;
    match found.len() {
        0 => format!("{all}; the two axes hold {of_variance:.0} % of the differences in meaning"),
        n => format!("The {n} best hits among {all}"),
    }
}

/// `GET /map/points`: every point, little-endian: the number n of points as u32, then n rows as u32, n
/// places along each axis as i16 (from −32,000 to 32,000), and n colours as u8.
pub(super) async fn points(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let map = off_thread(&app, |app| Ok(app.engine.map()?)).await?;
    let places = |part: fn(&MapPoint) -> f32| {
        map.points.iter().flat_map(move |point| ((part(point) * SCALE) as i16).to_le_bytes())
    };
    let mut bytes = (map.points.len() as u32).to_le_bytes().to_vec();
    bytes.extend(map.points.iter().flat_map(|point| point.row.to_le_bytes()));
    bytes.extend(places(|point| point.x));
    bytes.extend(places(|point| point.y));
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
    let Query(params) = params?;
    let body = off_thread_while_wanted(&app, move |app, cancel| {
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
    n_papers: usize,
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
    legend: Vec<Group>,
    picture: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "map_card.html", whitespace = "minimize")]
struct CardPart {
    item: Item,
}
