//! A day, a week or a month.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::catalog::{date_of, days};
use crate::error::EngineError;

/// The day on which papers are published now, wherever on earth that is: what is dated later waits for its day.
pub(crate) fn today() -> Date {
    Offset::UTC.to_datetime(Timestamp::now() + SignedDuration::from_hours(14)).date()
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
