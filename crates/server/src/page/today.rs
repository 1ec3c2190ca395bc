//! The papers of a day, a week or a month.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use cognate_engine::{DayBasis, DayOrder, DayPage, DayRequest, Period, Span, StoredPaper};
use jiff::civil::Date;
use serde::Deserialize;

use super::address::Address;
use super::import::Import;
use super::item::{Item, Link};
use super::search::counted;
use super::{Frame, PageError, WaitingPage, page, soon, trends};
use crate::error::ApiError;
use crate::routes::{App, off_thread};

/// Papers on a page.
const LIMIT: usize = 20;

/// The state of the page. Blank is absent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    /// `2026-07-30`, `2026-W31` or `2026-07`.
    date: String,
    /// `new` or `trending`.
    sort: String,
    /// `indexed` for the days on which papers came here, instead of those of publication.
    by: String,
    offset: usize,
}

impl Params {
    fn to_request(&self) -> Result<DayRequest, ApiError> {
        let period = Some(self.date.trim()).filter(|date| !date.is_empty());
        let order = match self.sort.as_str() {
            "" | "new" => DayOrder::New,
            "trending" => DayOrder::Trending,
            other => {
                let message = format!("`sort`: expected `new` or `trending`, found {other:?}");
                return Err(ApiError::bad_request("invalid_parameter", message));
            }
        };
        let request = DayRequest::new(period.map(str::parse).transpose()?, order, LIMIT, self.offset)?;
        match self.by.as_str() {
            "" => Ok(request),
            "indexed" => Ok(request.by_indexing()),
            other => {
                let message = format!("`by`: expected `indexed` or nothing, found {other:?}");
                Err(ApiError::bad_request("invalid_parameter", message))
            }
        }
    }

    fn address(&self, date: &str, sort: &str) -> Address {
        Address::new("/").with("date", date).with("sort", sort).with("by", &self.by)
    }
}

/// `GET /`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(params) = params?;
    let request = params.to_request()?;
    // What trends among many is counted once for each state of the papers.
    let found = if params.sort == "trending" {
        soon(&app, format!("day {request:?}"), move |app| Ok(app.engine.day(&request)?)).await?
    } else {
        Some(off_thread(&app, move |app| Ok(app.engine.day(&request)?)).await?)
    };
    let Some(found) = found else {
        let frame = Frame::new("Trending papers", "today");
        return Ok(WaitingPage::new(frame, trends::IS_COUNTED).into_response());
    };
    let is_first = found.period.is_none();
    let title = found.period.map_or_else(|| "Papers".to_owned(), name_of);
    let frame = Frame::new(&title, "today");
    let import = is_first.then(|| Import::new(&app, &frame));
    let view = found.period.map(|period| PeriodView::new(&params, period, &found));
    // A day that is in the heading need not stand on each of its papers.
    let is_day = |period: Period| period.span() == Span::Day && found.by == DayBasis::Published;
    let is_told = found.period.is_some_and(is_day);
    let item = |stored: StoredPaper| {
        let item = Item::new(stored.paper).in_full();
        if is_told { Item { date: None, ..item } } else { item }
    };
    let items = found.papers.into_iter().map(item).collect();
    Ok(page(StatusCode::OK, &TodayPage { frame, by: params.by, period: view, items, import }))
}

/// The period that is shown, and where to go from there.
struct PeriodView {
    /// For a field that takes a day.
    day: Date,
    status: String,
    earlier: Option<Link>,
    later: Option<Link>,
    /// Day, week and month, each with whether it is the one shown.
    spans: Vec<(Link, bool)>,
    /// The orders, likewise; none where they are one.
    orders: Vec<(Link, bool)>,
    /// By the day of publication or of being indexed, likewise; none where no day of publication is known.
    bases: Vec<(Link, bool)>,
    previous: Option<String>,
    next: Option<String>,
}

impl PeriodView {
    fn new(params: &Params, period: Period, found: &DayPage) -> Self {
        let to = |near: Period| Link {
            href: params.address(&near.to_string(), &params.sort).into_text(),
            text: short_name_of(near),
        };
        // From a month to one of its days: that of the first paper shown.
        let day = found.papers.first().and_then(|stored| stored.day(found.by)).unwrap_or(period.first());
        let spans = [("Day", Span::Day), ("Week", Span::Week), ("Month", Span::Month)];
        let is_trending = params.sort == "trending";
        let orders = [("Newest first", "", !is_trending), ("Trending first", "trending", is_trending)];
        // An order that is the other one is no choice.
        let has_orders = is_trending || found.trends;
        let is_indexed = found.by == DayBasis::Indexed;
        let basis = |text: &str, by: &str| Link {
            href: Address::new("/").with("by", by).into_text(),
            text: text.to_owned(),
        };
        let bases = [(basis("Published", ""), !is_indexed), (basis("Added here", "indexed"), is_indexed)];
        // Where papers are listed by that though nobody asked for it, there is nothing else.
        let has_bases = !is_indexed || !params.by.is_empty();
        let date = period.to_string();
        let n_shown = found.papers.len();
        let page_at = |offset: usize| {
            params.address(&date, &params.sort).with("offset", offset.to_string()).into_text()
        };
        let how = if is_indexed { ", by the day on which they were added here" } else { "" };
        let status = match (found.total, n_shown) {
            (0, _) => "No papers.".to_owned(),
            (total, n) if total == n as u64 => format!("{}{how}", counted(total, "paper")),
            (total, n) => {
                format!("{} to {} of {}{how}", params.offset + 1, params.offset + n, counted(total, "paper"))
            }
        };
        Self {
            day,
            status,
            earlier: found.previous.map(to),
            later: found.next.map(to),
            spans: spans
                .into_iter()
                .map(|(text, span)| {
                    let link = Link { text: text.to_owned(), ..to(Period::containing(day, span)) };
                    (link, span == period.span())
                })
                .collect(),
            orders: orders
                .into_iter()
                .filter(|_| has_orders)
                .map(|(text, sort, is_on)| {
                    let href = params.address(&date, sort).into_text();
                    (Link { href, text: text.to_owned() }, is_on)
                })
                .collect(),
            bases: bases.into_iter().filter(|_| has_bases).collect(),
            previous: (params.offset > 0).then(|| page_at(params.offset.saturating_sub(LIMIT))),
            next: (n_shown > 0 && ((params.offset + n_shown) as u64) < found.total)
                .then(|| page_at(params.offset + LIMIT)),
        }
    }
}

fn name_of(period: Period) -> String {
    let (first, last) = (period.first(), period.last());
    match period.span() {
        Span::Day => first.strftime("%A, %-d %B %Y").to_string(),
        Span::Month => first.strftime("%B %Y").to_string(),
        Span::Week => {
            let begin = if first.year() != last.year() {
                "%-d %B %Y"
            } else if first.month() != last.month() {
                "%-d %B"
            } else {
                "%-d"
            };
            format!("{} to {}", first.strftime(begin), last.strftime("%-d %B %Y"))
        }
    }
}

/// The name of a period on a link, where there is little room.
fn short_name_of(period: Period) -> String {
    match period.span() {
        Span::Day => period.first().strftime("%-d %B %Y").to_string(),
        Span::Week | Span::Month => name_of(period),
    }
}

#[derive(Template)]
#[template(path = "today.html", whitespace = "minimize")]
struct TodayPage {
    frame: Frame,
    /// As in the address.
    by: String,
    /// `None` while there are no papers.
    period: Option<PeriodView>,
    items: Vec<Item>,
    /// How to begin, while there are none.
    import: Option<Import>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_named_as_people_say_them() {
        let check = |date: &str, expected: &str| assert_eq!(name_of(date.parse().unwrap()), expected);
        check("2026-07-30", "Thursday, 30 July 2026");
        check("2026-07", "July 2026");
        check("2026-W30", "20 to 26 July 2026");
        check("2026-W31", "27 July to 2 August 2026");
        check("2020-W53", "28 December 2020 to 3 January 2021");
    }
}
