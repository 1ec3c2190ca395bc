//! Papers by day, week or month.
//!
//! A paper's day is that of its publication; where that is not known to the day, the day on which the
//! paper was first indexed.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, ISOWeekDate, Weekday};

use crate::catalog::{Listed, date_of, days};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::search::Page;
use crate::store::StoredPaper;
use crate::trends::TrendRequest;

/// How many days belong together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Span {
    /// One day.
    #[default]
    Day,
    /// Monday to Sunday, as ISO 8601 counts weeks.
    Week,
    /// A month of the calendar.
    Month,
}

/// A day, a week or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    span: Span,
    first: Date,
    last: Date,
}

impl Period {
    /// The day, week or month in which `day` lies.
    #[must_use]
    pub fn containing(day: Date, span: Span) -> Self {
        let (first, last) = match span {
            Span::Day => (day, day),
            Span::Week => {
                let monday = days(day) - i32::from(day.weekday().to_monday_zero_offset());
                (date_of(monday), date_of(monday + 6))
            }
            Span::Month => (day.first_of_month(), day.last_of_month()),
        };
        Self { span, first, last }
    }

    /// Whether it is a day, a week or a month.
    #[must_use]
    pub fn span(self) -> Span {
        self.span
    }

    /// Its first day.
    #[must_use]
    pub fn first(self) -> Date {
        self.first
    }

    /// Its last day.
    #[must_use]
    pub fn last(self) -> Date {
        self.last
    }
}

impl fmt::Display for Period {
    /// `2026-07-30`, `2026-W31` or `2026-07`; reads back as the same period.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.span {
            Span::Day => write!(f, "{}", self.first),
            Span::Week => {
                let week = self.first.iso_week_date();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            Span::Month => write!(f, "{:04}-{:02}", self.first.year(), self.first.month()),
        }
    }
}

impl FromStr for Period {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        period_of(text.trim()).ok_or_else(|| EngineError::InvalidRequest {
            parameter: "date",
            expected: "a day, a week or a month such as `2026-07-30`, `2026-W31`, `2026-07`".to_owned(),
            found: format!("{text:?}"),
        })
    }
}

fn period_of(text: &str) -> Option<Period> {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse::<i16>().ok() } else { None }
    };
    let (year, rest) = text.split_once('-')?;
    let year = number(year).filter(|_| year.len() == 4)?;
    if let Some(week) = rest.strip_prefix(['W', 'w']) {
        let week = ISOWeekDate::new(year, number(week)?.try_into().ok()?, Weekday::Monday).ok()?;
        return Some(Period::containing(week.date(), Span::Week));
    }
    let (month, day) = rest.split_once('-').map_or((rest, None), |(month, day)| (month, Some(day)));
    let span = if day.is_some() { Span::Day } else { Span::Month };
    let day = number(day.unwrap_or("1"))?.try_into().ok()?;
    Some(Period::containing(Date::new(year, number(month)?.try_into().ok()?, day).ok()?, span))
}

/// In which order the papers of a period come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DayOrder {
    /// The newest day first; within a day in the order in which they were indexed, which is that of the file
    /// that they came from.
    #[default]
    New,
    /// What trends first, as of the period's last day (see [`Engine::trends`]); equal ones as for
    /// [`DayOrder::New`].
    Trending,
}

/// Which papers of which period.
#[derive(Debug, Clone, PartialEq)]
pub struct DayRequest {
    period: Option<Period>,
    order: DayOrder,
    page: Page,
}

impl DayRequest {
    /// Validates: `period` is a day, week or month, or `None` for the latest day that has papers; `limit` and
    /// `offset` as for [`Page::new`].
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter.
    pub fn new(
        period: Option<Period>,
        order: DayOrder,
        limit: usize,
        offset: usize,
    ) -> Result<Self, EngineError> {
        Ok(Self { period, order, page: Page::new(Some(limit), Some(offset), None)? })
    }
}

impl StoredPaper {
    /// The day under which it is listed; `None` if its record of being indexed is damaged.
    #[must_use]
    pub fn day(&self) -> Option<Date> {
        self.paper.publication_date.or_else(|| self.first_indexed.get(..10)?.parse().ok())
    }
}

/// The papers of a period.
#[derive(Debug, Clone, PartialEq)]
pub struct DayPage {
    /// The period; `None` where none was asked for and there are no papers at all.
    pub period: Option<Period>,
    /// Papers of the period.
    pub total: u64,
    /// The page of them.
    pub papers: Vec<StoredPaper>,
    /// The nearest earlier period of the same kind that has papers.
    pub previous: Option<Period>,
    /// The nearest later period of the same kind that has papers.
    pub next: Option<Period>,
}

impl Engine {
    /// The papers of a day, a week or a month, and where to go from there.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn day(&self, request: &DayRequest) -> Result<DayPage, EngineError> {
        let catalog = self.catalog()?;
        let latest = || catalog.listed().map(|listed| date_of(listed.day)).max();
        let Some(period) = request.period.or_else(|| Some(Period::containing(latest()?, Span::Day))) else {
            return Ok(DayPage { period: None, total: 0, papers: Vec::new(), previous: None, next: None });
        };
        let (first, last) = (days(period.first), days(period.last));
        let (mut before, mut after): (Option<i32>, Option<i32>) = (None, None);
        let mut papers: Vec<Listed> = Vec::new();
        for listed in catalog.listed() {
            if listed.day < first {
                before = before.max(Some(listed.day));
            } else if listed.day > last {
                after = Some(after.map_or(listed.day, |day| day.min(listed.day)));
            } else {
                papers.push(listed);
            }
        }
        let scores = match request.order {
            DayOrder::New => None,
            DayOrder::Trending => Some(self.trend_scores(&TrendRequest::of(period, latest()))?),
        };
        let score = |row: u32| scores.as_ref().map_or(0.0, |scores| scores.of(row));
        papers.sort_by(|a, b| {
            let newest = b.day.cmp(&a.day).then(a.row.cmp(&b.row));
            score(b.row).total_cmp(&score(a.row)).then(newest)
        });
        let Page { limit, offset, .. } = request.page;
        let rows: Vec<u32> = papers.iter().skip(offset).take(limit).map(|listed| listed.row).collect();
        let mut found = self.store.reader()?.papers(&rows)?;
        let near = |day: Option<i32>| day.map(|day| Period::containing(date_of(day), period.span));
        Ok(DayPage {
            period: Some(period),
            total: papers.len() as u64,
            papers: rows.iter().filter_map(|row| found.remove(row)).collect(),
            previous: near(before),
            next: near(after),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{engine, put};
    use cognate_corpus::{Place, paper_from_json};
    use serde_json::json;

    #[test]
    fn periods_read_back_and_span_what_they_say() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let period: Option<Period> = text.parse().ok();
            let days = period.map(|period| (period.first.to_string(), period.last.to_string()));
            let expected = expected.map(|(first, last)| (first.to_owned(), last.to_owned()));
            assert_eq!(days, expected, "{text}");
            if let Some(period) = period {
                assert_eq!(period.to_string().parse::<Period>().ok(), Some(period));
            }
        };
        check("2026-07-30", Some(("2026-07-30", "2026-07-30")));
        check("2026-W31", Some(("2026-07-27", "2026-08-02")));
        check("2020-W53", Some(("2020-12-28", "2021-01-03")));
        check("2021-W53", None);
        check("2024-02", Some(("2024-02-01", "2024-02-29")));
        check("1969-12-31", Some(("1969-12-31", "1969-12-31")));
        check("1969-W52", Some(("1969-12-22", "1969-12-28")));
        for wrong in
            ["", "2026", "2026-13", "2026-02-30", "26-02-03", "2026-W", "2026-W00", "2026-07-30T00", "x-y-z"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn a_day_has_its_papers_and_its_neighbours() {
        let (_folder, engine) = engine();
        let day = |period: Option<&str>, order: DayOrder| {
            let period = period.map(|text| text.parse().unwrap());
            let page = engine.day(&DayRequest::new(period, order, 10, 0).unwrap()).unwrap();
            let ids: Vec<String> = page.papers.iter().map(|stored| stored.paper.id.to_string()).collect();
            let near = [page.period, page.previous, page.next].map(|p| p.map(|p| p.to_string()));
            (near.map(|p| p.unwrap_or_default()).join(" "), ids.join(" "))
        };
        assert_eq!(day(None, DayOrder::New), ("  ".into(), String::new()));

        for (id, date, votes) in [
            ("b", "2020-03-02", Some(1)),
            ("a", "2020-03-02", Some(7)),
            ("c", "2020-03-03", None),
            ("d", "2020-05-31", Some(0)),
        ] {
            let record = json!({"id": id, "title": id, "publication_date": date, "upvotes": votes});
            put(
                &engine.store,
                paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap().paper,
            );
        }
        let check = |period: Option<&str>, order: DayOrder, expected: (&str, &str)| {
            assert_eq!(day(period, order), (expected.0.to_owned(), expected.1.to_owned()), "{period:?}");
        };
        check(None, DayOrder::New, ("2020-05-31 2020-03-03 ", "d"));
        check(Some("2020-03-02"), DayOrder::New, ("2020-03-02  2020-03-03", "b a"));
        check(Some("2020-03-02"), DayOrder::Trending, ("2020-03-02  2020-03-03", "a b"));
        check(Some("2020-W10"), DayOrder::New, ("2020-W10  2020-W22", "c b a"));
        check(Some("2020-03"), DayOrder::Trending, ("2020-03  2020-05", "a b c"));
        check(Some("2020-04"), DayOrder::New, ("2020-04 2020-03 2020-05", ""));

        // Only its year is known: listed under the day on which it came.
        let record = json!({"id": "e", "title": "e", "year": 1990});
        put(&engine.store, paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap().paper);
        let today = engine.paper("e").unwrap().first_indexed[..10].to_owned();
        check(None, DayOrder::New, (&format!("{today} 2020-05-31 "), "e"));
    }
}
