//! Trends: subjects on which more papers came than before, and the papers that trend.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use cognate_engine::{Engine, EngineError, TrendBasis, TrendGroup, TrendReport, TrendRequest};
use jiff::civil::Date;
use serde::Deserialize;

use super::address::{self, Address};
use super::item::{Item, Link};
use super::search::counted;
use super::{Frame, PageError, WaitingPage, page, soon};
use crate::error::ApiError;
use crate::routes::App;

/// What there is to say while trends are being counted.
pub(super) const IS_COUNTED: &str = "The papers of these days are being compared with those before. This takes a moment after papers were added.";
/// Papers that are shown.
const LIMIT: usize = 12;
/// Papers of a subject that are named.
const MAX_OF_GROUP: usize = 3;
/// The windows that can be chosen, in days, with their names.
const WINDOWS: [(&str, u16); 3] = [("A week", 7), ("A month", 30), ("A year", 365)];

/// The state of the page. Blank is absent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    /// The last day, `2026-07-30`.
    date: String,
    /// Days up to it.
    days: String,
}

impl Params {
    /// What is asked, and the days of the window.
    fn to_request(&self) -> Result<(TrendRequest, u16), ApiError> {
        let (date, days) = (self.date.trim(), self.days.trim());
        let wrong = |message| Err(ApiError::bad_request("invalid_parameter", message));
        let as_of = match date.parse::<Date>() {
            Ok(date) => Some(date),
            Err(_) if date.is_empty() => None,
            Err(_) => return wrong(format!("`date`: expected a day such as `2026-07-30`, found {date:?}")),
        };
        let days = match days.parse::<u16>() {
            Ok(days) => days,
            Err(_) if days.is_empty() => WINDOWS[0].1,
            Err(_) => return wrong(format!("`days`: expected a whole number, found {days:?}")),
        };
        // A longer window is compared with a longer history.
        let history = if days > WINDOWS[0].1 { Some(days.saturating_mul(3)) } else { None };
        Ok((TrendRequest::new(as_of, Some(days), history)?, days))
    }
}

/// `GET /trends`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(params) = params?;
    let (request, days) = params.to_request()?;
    let what = format!("trends {request:?}");
    let found = soon(&app, what, move |app| {
        let report = app.engine.trends(&request, LIMIT)?;
        let groups = report.groups.iter().map(|group| GroupView::of(&app.engine, group));
        let groups = groups.collect::<Result<Vec<_>, _>>()?;
        Ok((report, groups))
    });
    let Some((report, groups)) = found.await? else {
        return Ok(WaitingPage::new(Frame::new("Trends", "trends"), IS_COUNTED).into_response());
    };
    let windows = WINDOWS.into_iter().map(|(text, length)| {
        let address = Address::new("/trends").with("date", &params.date).with("days", length.to_string());
        (Link { href: address.into_text(), text: text.to_owned() }, length == days)
    });
    let windows = windows.collect();
    let view = TrendsPage {
        frame: Frame::new("Trends", "trends"),
        status: status(&report),
        by_growth: report.basis == TrendBasis::Growth,
        last_day: report.window.map(|(_, last)| last),
        days,
        windows,
        groups,
        items: report.papers.into_iter().filter(|trending| trending.score > 0.0).map(item).collect(),
    };
    Ok(page(StatusCode::OK, &view))
}

fn status(report: &TrendReport) -> String {
    let (Some((first, last)), Some((before, until))) = (report.window, report.history) else {
        return "There are no papers with a day yet.".to_owned();
    };
    let day = |date: Date| date.strftime("%-d %B %Y").to_string();
    format!(
        "{} from {} to {}, beside {} from {} to {}",
        counted(report.n_window as u64, "paper"),
        day(first),
        day(last),
        counted(report.n_history as u64, "paper"),
        day(before),
        day(until),
    )
}

/// A trending paper, with the reason.
fn item(trending: cognate_engine::Trending) -> Item {
    let growth = trending.growth.map(|growth| {
        format!(
            "{} near it, {} of them new; {:.1} were to be expected",
            growth.n_near, growth.n_recent, growth.expected
        )
    });
    Item { note: growth, level: 3, ..Item::new(trending.paper.paper) }
}

/// A subject as the page shows it.
struct GroupView {
    /// The terms that set it apart.
    name: String,
    /// A search for them.
    href: String,
    status: String,
    /// Its first papers.
    papers: Vec<Link>,
}

impl GroupView {
    fn of(engine: &Engine, group: &TrendGroup) -> Result<Self, EngineError> {
        let mut papers = Vec::new();
        for id in group.papers.iter().take(MAX_OF_GROUP) {
            match engine.paper(id) {
                Ok(stored) => papers.push(Link {
                    href: address::paper(id),
                    text: stored.paper.title.unwrap_or_else(|| id.clone()),
                }),
                // It went meanwhile.
                Err(EngineError::PaperNotFound { .. } | EngineError::PaperDropped { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let terms = group.label.join(", ");
        Ok(Self {
            href: Address::new("/search").with("q", group.label.join(" ")).into_text(),
            name: if terms.is_empty() { "Papers like one another".to_owned() } else { terms },
            status: format!(
                "{}, {:.1} times as many as before",
                counted(group.papers.len() as u64, "paper"),
                group.growth.ratio()
            ),
            papers,
        })
    }
}

#[derive(Template)]
#[template(path = "trends.html", whitespace = "minimize")]
struct TrendsPage {
    frame: Frame,
    status: String,
    /// Whether what grows is told from what is near to what, and not by votes.
    by_growth: bool,
    last_day: Option<Date>,
    days: u16,
    /// How many days, each with whether they are those that are shown.
    windows: Vec<(Link, bool)>,
    groups: Vec<GroupView>,
    items: Vec<Item>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_and_what_is_wrong_is_named() {
        let asked = |date: &str, days: &str| {
            Params { date: date.to_owned(), days: days.to_owned() }.to_request().map(|(_, days)| days)
        };
        assert_eq!(asked("", "").unwrap(), 7);
        assert_eq!(asked(" 2026-07-30", "30 ").unwrap(), 30);
        assert!(asked("soon", "").unwrap_err().message().contains("`date`"));
        assert!(asked("", "many").unwrap_err().message().contains("`days`"));
        assert!(asked("", "0").unwrap_err().message().contains("`days`"));
    }
}
