//! Dates of publication in the forms that sources write them.

use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::fmt::rfc2822;
use regex::Regex;
use serde_json::Value;

use crate::reading::{Reading, scalar_text};
use crate::text::is_filler;

/// A year, and the day where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartialDate {
    pub(crate) year: i16,
    pub(crate) date: Option<Date>,
}

/// Years of printed science. Others are slips: two-digit years, timestamps, `9999` for "none".
const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i64> = 1450..=2100;

const EXPECTED: &str = "a year from 1450 to 2100 or a date such as 2017-04-11";

/// Reads a year or date: `2017`, `2017-04`, `2017-04-11`, RFC 3339, RFC 2822, `20170411`,
/// `11 Apr 2017`, `April 11, 2017`, `2017 Apr`, `Spring 2017`. `4/11/2017` gives only its year, since
/// which number is the month is unknown. A time's date is the one written, in whatever zone it is.
pub(crate) fn read(value: &Value) -> Reading<PartialDate> {
    match scalar_text(value) {
        Some(text) if is_filler(&text) => Reading::filler(),
        Some(text) => parse(&text).unwrap_or_else(|| Reading::unreadable(EXPECTED, value)),
        None => Reading::unreadable(EXPECTED, value),
    }
}

fn parse(text: &str) -> Option<Reading<PartialDate>> {
    static YEAR_FIRST: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^([0-9]{4})[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?(?:[Tt ]+[0-9].*)?$"));
    static YEAR_LAST: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4})$"));
    static RELAXED: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new().relaxed_weekday(true);

    if let Ok(number) = text.strip_suffix(".0").unwrap_or(text).parse::<i64>() {
        return match text.len() {
            8 => day(number / 10_000, number / 100 % 100, number % 100).map(Reading::whole),
            _ => year_only(number).map(Reading::whole),
        };
    }
    if let Some(parts) = YEAR_FIRST.captures(text) {
        let number = |group| parts.get(group).map_or(0, |digits| digits.as_str().parse().unwrap_or(0));
        return match (number(1), number(2), number(3)) {
            // Some databases write an unknown month or day as 0.
            (year, 0..=12, 0) => year_only(year).map(Reading::part),
            (year, month, in_month) => day(year, month, in_month).map(Reading::whole),
        };
    }
    if let Some(parts) = YEAR_LAST.captures(text) {
        return parts[1].parse().ok().and_then(year_only).map(Reading::part);
    }
    if let Ok(zoned) = RELAXED.parse_zoned_datetime(text) {
        let date = zoned.date();
        return day(date.year().into(), date.month().into(), date.day().into()).map(Reading::whole);
    }
    parse_words(text)
}

/// A date in words: one year of four digits, perhaps a month's name, perhaps a day.
fn parse_words(text: &str) -> Option<Reading<PartialDate>> {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let years: Vec<i64> =
        words.iter().filter(|word| word.len() == 4).filter_map(|w| w.parse().ok()).collect();
    let &[year] = years.as_slice() else { return None };

    let months: Vec<i64> = words.iter().filter_map(|word| month(word)).collect();
    // `11` or `11th`.
    let days: Vec<i64> = words
        .iter()
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_alphabetic()))
        .filter(|digits| digits.len() <= 2)
        .filter_map(|digits| digits.parse().ok())
        .collect();
    match (months.as_slice(), days.as_slice()) {
        (&[month], &[in_month]) => day(year, month, in_month).map(Reading::whole),
        _ => year_only(year).map(Reading::part),
    }
}

/// The month that an English word of three or more letters begins: `Apr`, `april`, `Sept`.
fn month(word: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_lowercase();
    let position = MONTHS.iter().position(|month| word.len() >= 3 && month.starts_with(&word))?;
    i64::try_from(position + 1).ok()
}

fn year_only(year: i64) -> Option<PartialDate> {
    if !PLAUSIBLE_YEARS.contains(&year) {
        return None;
    }
    Some(PartialDate { year: i16::try_from(year).ok()?, date: None })
}

fn day(year: i64, month: i64, in_month: i64) -> Option<PartialDate> {
    let PartialDate { year, .. } = year_only(year)?;
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(in_month).ok()?).ok()?;
    Some(PartialDate { year, date: Some(date) })
}

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("a pattern written in this file is a valid one")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a date reads as, and whether the raw text is kept beside it.
    fn check(text: &str, expected: Option<&str>, kept: bool) {
        let reading = read(&json!(text));
        let found = reading.value.map(|read| match read.date {
            Some(date) => date.to_string(),
            None => read.year.to_string(),
        });
        assert_eq!((found.as_deref(), reading.keep_raw), (expected, kept), "{text}");
        assert_eq!(reading.warning.is_some(), expected.is_none() && !is_filler(text), "{text}");
    }

    #[test]
    fn reads_the_forms_that_sources_write() {
        for text in ["2017-04-11", "2017/4/11", "2017.04.11", "20170411", "2017-04-11T23:30:00-08:00"] {
            check(text, Some("2017-04-11"), false);
        }
        for text in ["2017-04-11 08:15", "Tue, 11 Apr 2017 19:18:42 GMT", "Mon, 11 Apr 2017 00:00:00 +0000"] {
            check(text, Some("2017-04-11"), false);
        }
        for text in ["11 Apr 2017", "April 11, 2017", "Apr 11th, 2017", "2017 Apr 11"] {
            check(text, Some("2017-04-11"), false);
        }
        check("2017", Some("2017"), false);
        check("2017.0", Some("2017"), false);
        for text in
            ["2017-04", "2017-00-00", "2017-04-00", "4/11/2017", "2017 Apr", "2017 Jul-Aug", "Spring 2017"]
        {
            check(text, Some("2017"), true);
        }
    }

    #[test]
    fn an_impossible_date_is_a_warning_and_filler_is_none() {
        for text in ["2017-02-30", "2017-13-01", "0017", "99999", "1200", "20171301", "soon", "2017 to 2018"]
        {
            check(text, None, true);
        }
        check("N/A", None, true);
        assert!(read(&json!(true)).warning.is_some());
        assert!(read(&json!(1e300)).warning.is_some());
        assert_eq!(read(&json!(2017)).value, read(&json!(2017.0)).value);
    }
}
