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

/// Texts that say only that there is no date yet.
#[rustfmt::skip]
const UNDATED: [&str; 10] = [
    "in press", "in print", "forthcoming", "to appear", "accepted", "submitted", "n.d", "no date", "undated", "ahead of print",
];

/// Reads a year or date: `2017`, `2017-04`, `2017-04-11`, RFC 3339, RFC 2822, `20170411`, `11 Apr 2017`,
/// `April 11, 2017`, `12/31/2017`, `c2004`, `2020a`, `05/2020`, `98`; of several (`2010-2011`, `1998 Dec-1999 Jan`, `2020 [2021]`)
/// the first. Lists and objects are those of Crossref and CSL (`{"date-parts": [[2017, 4, 11]]}`) and such as
/// `{"year": 2017, "month": "Apr"}`.
///
/// `4/11/2017` gives only its year, since which number is the month is unknown. A time's date is the
/// one written, in whatever zone it is. A month or season alone says nothing of the year and is no fault.
pub(crate) fn read(value: &Value) -> Reading<PartialDate> {
    match value {
        Value::Array(parts) => read_parts(parts).unwrap_or_else(|| Reading::unreadable(EXPECTED, value)),
        Value::Object(members) => {
            read_members(members).unwrap_or_else(|| Reading::unreadable(EXPECTED, value))
        }
        _ => match scalar_text(value) {
            Some(text) if says_nothing(&text) => Reading::filler(),
            Some(text) => parse(&text).unwrap_or_else(|| Reading::unreadable(EXPECTED, value)),
            None => Reading::unreadable(EXPECTED, value),
        },
    }
}

/// The year that a BibTeX entry gives, which a record may have as a text.
pub(crate) fn year_of_bibtex(entry: &str) -> Option<i16> {
    static YEAR: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i)\byear\s*=\s*[{"]?\s*([0-9]{4})\b"#));
    Some(year_only(YEAR.captures(entry)?[1].parse().ok()?)?.year)
}

/// The date of a year, a month and a day in fields of their own, as tables have them.
pub(crate) fn of_parts(year: i16, month: &str, in_month: &str) -> Option<Date> {
    let month = month.trim();
    let number = month.strip_suffix(".0").unwrap_or(month).parse().ok().or_else(|| self::month(month))?;
    let in_month = in_month.trim();
    day(year.into(), number, in_month.strip_suffix(".0").unwrap_or(in_month).parse().ok()?)?.date
}

fn says_nothing(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = || lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let names_no_year = || {
        words().all(|word| {
            month(word).is_some()
                || SEASONS.contains(&word)
                || (word.len() <= 2 && word.parse::<u8>().is_ok())
        })
    };
    is_filler(text)
        || UNDATED.contains(&lower.trim_matches(|c: char| !c.is_alphanumeric()))
        || (words().any(|word| word.parse::<u8>().is_err()) && names_no_year())
        || matches!(lower.as_str(), "0" | "0000" | "9999" | "0.0")
}

/// `[2017, 4, 11]`, `[[2017, "4"]]`, `["2017-04-11"]`, `[null]`.
fn read_parts(parts: &[Value]) -> Option<Reading<PartialDate>> {
    if let Some(published) = read_events(parts) {
        return Some(published);
    }
    match parts {
        [] | [Value::Null] => Some(Reading::filler()),
        [only @ (Value::Array(_) | Value::Object(_) | Value::String(_))] => Some(read(only)),
        // A range.
        [first @ Value::Array(_), ..] => read(first).value.map(Reading::part),
        [first, rest @ ..] => {
            let numbers: Vec<String> = rest.iter().filter_map(scalar_text).collect();
            let PartialDate { year, .. } = parse(&scalar_text(first)?)?.value?;
            match numbers.as_slice() {
                [month, day, ..] => Some(match of_parts(year, month, day) {
                    Some(date) => Reading::whole(PartialDate { year, date: Some(date) }),
                    None => Reading::part(PartialDate { year, date: None }),
                }),
                [_] => Some(Reading::part(PartialDate { year, date: None })),
                [] => Some(Reading::whole(PartialDate { year, date: None })),
            }
        }
    }
}

/// Of DataCite's dates, each with what happened then, that of publication; nothing where there is none.
fn read_events(events: &[Value]) -> Option<Reading<PartialDate>> {
    /// What counts as publication, the first first.
    const PUBLICATION: [&str; 4] = ["issued", "published", "available", "copyrighted"];
    let event = |event: &Value| {
        let kind = ["dateType", "@dateType"].iter().find_map(|name| event.get(name))?;
        kind.as_str().map(str::to_lowercase)
    };
    if events.is_empty() || events.iter().any(|found| event(found).is_none()) {
        return None;
    }
    let mut wanted = PUBLICATION
        .iter()
        .flat_map(|kind| events.iter().filter(move |found| event(found).as_deref() == Some(*kind)).map(read));
    let found = wanted.find(|reading| reading.value.is_some());
    Some(found.map_or_else(Reading::filler, |reading| Reading { keep_raw: true, ..reading }))
}

fn read_members(members: &serde_json::Map<String, Value>) -> Option<Reading<PartialDate>> {
    let member = |name: &str| {
        members.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    if let Some(year) = member("year").filter(|year| !year.is_null()) {
        let parts: Vec<Value> = [Some(year), member("month"), member("day")]
            .into_iter()
            .map_while(|part| match part? {
                // ORCID's: `{"year": {"value": "2013"}}`.
                Value::Object(part) => part.get("value").cloned(),
                part => Some(part.clone()),
            })
            .collect();
        return read_parts(&parts);
    }
    // What else the object says (a season, a time) is kept.
    let names = [
        "date-parts",
        "date_parts",
        "date-time",
        "raw",
        "literal",
        "value",
        "$date",
        "date",
        "start",
        "#text",
    ];
    names.into_iter().filter_map(member).filter(|value| !value.is_null()).find_map(|value| {
        let reading = read(value);
        let is_read = reading.value.is_some() || reading.warning.is_none();
        is_read.then_some(Reading { keep_raw: reading.keep_raw || members.len() > 1, ..reading })
    })
}

fn parse(text: &str) -> Option<Reading<PartialDate>> {
    static YEAR_FIRST: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^([0-9]{4})[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?(?:[Tt ]+[0-9].*)?$"));
    static YEAR_LAST: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})$"));
    static RANGE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^/?([0-9]{4}(?:-[0-9]{2}){0,2})(?:/(?:[0-9]{4}.*|\.\.|))?$"));
    static RELAXED: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new().relaxed_weekday(true);

    if let Ok(number) = text.strip_suffix(".0").unwrap_or(text).parse::<i64>() {
        return from_number(number, text.trim_end_matches(".0").len());
    }
    if text.contains('/')
        && let Some(parts) = RANGE.captures(text)
    {
        return parse(&parts[1])?.value.map(Reading::part);
    }
    if let Some(parts) = YEAR_FIRST.captures(text) {
        let number = |group| parts.get(group).map_or(0, |digits| digits.as_str().parse().unwrap_or(0));
        let (year, month, in_month) = (number(1), number(2), number(3));
        // Some databases write an unknown month or day as 0; from 21 on a month is a season.
        let date = if month > 0 && in_month > 0 { day(year, month, in_month) } else { None };
        return date.map(Reading::whole).or_else(|| year_only(year).map(Reading::part));
    }
    if let Some(parts) = YEAR_LAST.captures(text) {
        let number = |group: usize| parts[group].parse::<i64>().unwrap_or(0);
        let (first, second, year) = (number(1), number(2), number(3));
        let date = match (first, second) {
            (13.., 1..=12) => day(year, second, first),
            (1..=12, 13..) => day(year, first, second),
            _ => None,
        };
        return date.map(Reading::whole).or_else(|| year_only(year).map(Reading::part));
    }
    if let Ok(zoned) = RELAXED.parse_zoned_datetime(text) {
        let date = zoned.date();
        return day(date.year().into(), date.month().into(), date.day().into()).map(Reading::whole);
    }
    parse_words(text)
}

/// A number of `n_digits`: a year, `98`, `20170411`, `201704`, seconds or milliseconds since 1970.
fn from_number(number: i64, n_digits: usize) -> Option<Reading<PartialDate>> {
    /// Two digits from here on are of the last century.
    const FIRST_OF_LAST_CENTURY: i64 = 40;
    match n_digits {
        2 if number >= FIRST_OF_LAST_CENTURY => year_only(1900 + number).map(Reading::part),
        2 if number > 0 => year_only(2000 + number).map(Reading::part),
        6 => {
            let is_month = (1..=12).contains(&(number % 100));
            if is_month { year_only(number / 100).map(Reading::part) } else { None }
        }
        8 => {
            let (year, month, in_month) = (number / 10_000, number / 100 % 100, number % 100);
            day(year, month, in_month)
                .map(Reading::whole)
                .or_else(|| (month <= 12 && in_month <= 31).then(|| year_only(year).map(Reading::part))?)
        }
        10 | 12 | 13 => {
            let seconds = if n_digits == 10 { number } else { number / 1000 };
            let date = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(seconds).ok()?).date();
            day(date.year().into(), date.month().into(), date.day().into()).map(Reading::part)
        }
        _ => year_only(number).map(Reading::whole),
    }
}

/// A date in words: the first year of four digits, perhaps a month's name, perhaps a day.
fn parse_words(text: &str) -> Option<Reading<PartialDate>> {
    // Letters and digits apart: `c2004`, `2020a`, `Nov2018`, `11th`.
    let is_digit = |c: char| c.is_ascii_digit();
    let runs = text.split(|c: char| !c.is_alphanumeric()).flat_map(|word| {
        let mut runs = Vec::new();
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c| is_digit(c) != is_digit(first)).unwrap_or(rest.len());
            runs.push(&rest[..end]);
            rest = &rest[end..];
        }
        runs
    });
    let words: Vec<&str> = runs.collect();
    let years: Vec<i64> = words
        .iter()
        .filter(|word| word.len() == 4)
        .filter_map(|word| word.parse().ok())
        .filter(|year| PLAUSIBLE_YEARS.contains(year))
        .collect();
    let &year = years.first()?;
    let months: Vec<i64> = words.iter().filter_map(|word| month(word)).collect();
    let days: Vec<i64> =
        words.iter().filter(|word| word.len() <= 2).filter_map(|word| word.parse().ok()).collect();
    let date = match (years.len(), months.as_slice(), days.as_slice()) {
        (1, &[month], &[in_month]) => day(year, month, in_month),
        _ => None,
    };
    date.map(Reading::whole).or_else(|| year_only(year).map(Reading::part))
}

const SEASONS: [&str; 8] = ["spring", "summer", "autumn", "fall", "winter", "easter", "suppl", "quarter"];

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
        for text in ["12/31/2017", "31.12.2017", "2017 Dec 31"] {
            check(text, Some("2017-12-31"), false);
        }
    }

    #[test]
    fn of_several_years_the_first_counts() {
        for (text, year) in [
            ("2010-2011", "2010"),
            ("2010/2011", "2010"),
            ("2010--2011", "2010"),
            ("1998 Dec-1999 Jan", "1998"),
            ("2020 [2021]", "2020"),
            ("c2004", "2004"),
            ("©2004", "2004"),
            ("2021a", "2021"),
            ("[1998?]", "1998"),
            ("05/2020", "2020"),
            ("Nov2018", "2018"),
            ("Spring2017", "2017"),
            ("2017 to 2018", "2017"),
            ("98", "1998"),
            ("05", "2005"),
            ("1987-21", "1987"),
            ("/1998-05", "1998"),
            ("2017-02-30", "2017"),
            ("2017-13-01", "2017"),
            ("201704", "2017"),
            ("2020 Jan;4(2):1-9", "2020"),
        ] {
            check(text, Some(year), true);
        }
        check("2019-03-04/2019-03-08", Some("2019-03-04"), true);
    }

    #[test]
    fn reads_lists_and_objects() {
        let check = |value: Value, expected: Option<&str>| {
            let reading = read(&value);
            let found =
                reading.value.map(|read| read.date.map_or(read.year.to_string(), |date| date.to_string()));
            assert_eq!((found.as_deref(), reading.warning), (expected, None), "{value}");
        };
        check(json!({"date-parts": [[2019, 3, 4]]}), Some("2019-03-04"));
        check(json!({"date-parts": [["2019", "3"]]}), Some("2019"));
        check(json!({"date-parts": [[null]]}), None);
        check(json!({"date-parts": [[2019, 3, 4], [2019, 3, 8]]}), Some("2019-03-04"));
        check(json!({"raw": "May 2019"}), Some("2019"));
        check(json!({"year": 2019, "month": "Apr", "day": "2"}), Some("2019-04-02"));
        check(json!([2019, 3, 4]), Some("2019-03-04"));
        check(json!({"$date": "2019-03-04T00:00:00Z"}), Some("2019-03-04"));
        check(json!(1_551_657_600_000_i64), Some("2019-03-04"));
    }

    #[test]
    fn an_impossible_date_is_a_warning_and_filler_is_none() {
        for text in ["0017", "99999", "1200", "20179901", "soon"] {
            check(text, None, true);
        }
        for text in ["N/A", "NOV", "MAR 15", "Spring", "in press", "n.d."] {
            let reading = read(&json!(text));
            assert_eq!((reading.value, reading.warning), (None, None), "{text}");
        }
        assert!(read(&json!(true)).warning.is_some());
        assert!(read(&json!(1e300)).warning.is_some());
        assert_eq!(read(&json!(2017)).value, read(&json!(2017.0)).value);
    }
}
