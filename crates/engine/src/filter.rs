//! Which papers may be answers, as a tree of conditions.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::Date;

use crate::error::EngineError;
use crate::region::Region;

/// What people write between two years.
pub(crate) const DASHES: [char; 6] = ['-', '–', '—', '‐', '‑', '−'];
/// Most conditions and filters within a filter.
pub const MAX_FILTER_CLAUSES: usize = 256;
/// Most ids in a condition.
pub const MAX_FILTER_IDS: usize = 10_000;
/// How deep filters may lie within filters.
pub const MAX_FILTER_DEPTH: usize = 16;

/// A range of years, both ends included; an open end has no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YearRange {
    /// The first year.
    pub first: Option<i16>,
    /// The last year.
    pub last: Option<i16>,
}

impl FromStr for YearRange {
    type Err = EngineError;

    /// Reads `2020`, `2020-2023`, `2020-` or `-2023`, with any dash.
    fn from_str(text: &str) -> Result<Self, EngineError> {
        let year = |part: &str| -> Option<Option<i16>> {
            let part = part.trim();
            if part.is_empty() { Some(None) } else { year_of(part).map(Some) }
        };
        let range = match text.split_once(DASHES) {
            None => year_of(text.trim()).map(|year| Self { first: Some(year), last: Some(year) }),
            Some((first, last)) => year(first).zip(year(last)).map(|(first, last)| Self { first, last }),
        };
        range
            .filter(|range| range.first.is_some() || range.last.is_some())
            .ok_or_else(|| {
                invalid(
                    "year",
                    "a year of four digits or a range such as `2020-2023`, `2020-`, `-2023`",
                    text,
                )
            })
            .and_then(|range| match (range.first, range.last) {
                (Some(first), Some(last)) if first > last => {
                    Err(invalid("year", "a range that does not run backwards", text))
                }
                _ => Ok(range),
            })
    }
}

/// A range of days, both ends included; an open end has no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateRange {
    /// The first day.
    pub first: Option<Date>,
    /// The last day.
    pub last: Option<Date>,
}

impl FromStr for DateRange {
    type Err = EngineError;

    /// Reads `2019-03-05`, `2019-03`, `2019`, and ranges of them: `2019-03:2020-06`, `2019:`, `:2020`. A
    /// month or a year as the last day means its last day.
    fn from_str(text: &str) -> Result<Self, EngineError> {
        let range = match text.split_once(':') {
            None => span_of(text.trim()).map(|(first, last)| (Some(first), Some(last))),
            Some((first, last)) => {
                let end = |part: &str, which: fn((Date, Date)) -> Date| {
                    let part = part.trim();
                    if part.is_empty() { Some(None) } else { span_of(part).map(|span| Some(which(span))) }
                };
                end(first, |span| span.0).zip(end(last, |span| span.1))
            }
        };
        range
            .filter(|(first, last)| first.is_some() || last.is_some())
            .map(|(first, last)| Self { first, last })
            .ok_or_else(|| {
                let expected =
                    "a day, month or year, or a range such as `2019-03:2020-06`, `2019-03-05:`, `:2020`";
                invalid("publication_date", expected, text)
            })
            .and_then(|range: Self| match (range.first, range.last) {
                (Some(first), Some(last)) if first > last => {
                    Err(invalid("publication_date", "a range that does not run backwards", text))
                }
                _ => Ok(range),
            })
    }
}

fn invalid(parameter: &'static str, expected: &str, found: &str) -> EngineError {
    EngineError::InvalidRequest { parameter, expected: expected.to_owned(), found: format!("{found:?}") }
}

fn year_of(text: &str) -> Option<i16> {
    let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_year { text.parse().ok() } else { None }
}

/// The first and the last day of a day, a month or a year.
fn span_of(text: &str) -> Option<(Date, Date)> {
    let mut parts = text.split('-');
    let year = year_of(parts.next()?)?;
    let number = |part: &str| -> Option<i8> { if part.len() <= 2 { part.parse().ok() } else { None } };
    let span = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => (Date::new(year, 1, 1).ok()?, Date::new(year, 12, 31).ok()?),
        (Some(month), None, _) => {
            let first = Date::new(year, number(month)?, 1).ok()?;
            (first, first.last_of_month())
        }
        (Some(month), Some(day), None) => {
            let day = Date::new(year, number(month)?, number(day)?).ok()?;
            (day, day)
        }
        _ => return None,
    };
    Some(span)
}

/// Something that is true of a paper or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Published in one of these years. False where the year is not known.
    Year(YearRange),
    /// Published on one of these days. Where only the year is known, true if all of it lies in the range.
    PublicationDate(DateRange),
    /// In one of these categories, without regard to case; `cs` covers `cs.CL` too.
    Categories(Vec<String>),
    /// By an author whose name has all words of this one, in any order, without regard to case and
    /// diacritics; a single letter stands for a name that begins with it.
    Author(String),
    /// Of a venue whose name has the words of this one, one after the other.
    Venue(String),
    /// Whether there is an abstract.
    HasAbstract(bool),
    /// One of the papers of these ids, at most [`MAX_FILTER_IDS`]. Ids that no paper has are ignored.
    Ids(Vec<String>),
    /// In this part of the map, as it was drawn last. There is a map of a data folder alone.
    Region(Region),
    /// One of the papers of these rows, in ascending order: what the two before become. Rows are of one data folder alone, so
    /// nobody writes such a condition.
    Rows(Arc<[u32]>),
}

/// A part of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// A condition.
    Condition(Condition),
    /// A filter within a filter.
    Filter(Filter),
}

/// Which papers may be answers: those for which all of `must`, none of `must_not`, and at least one of
/// `should`, if there are any, are true. An empty filter lets every paper pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// All of these.
    pub must: Vec<Clause>,
    /// At least one of these, if there are any.
    pub should: Vec<Clause>,
    /// None of these.
    pub must_not: Vec<Clause>,
}

/// Finds what is named otherwise.
type LookUp<'a, Named, Found> = dyn Fn(&Named) -> Result<Found, EngineError> + 'a;

/// The rows of what conditions name otherwise.
pub(crate) struct RowsOf<'a> {
    /// Of ids: those of the papers that there are, in any order.
    pub(crate) ids: &'a LookUp<'a, [String], Vec<u32>>,
    /// Of a part of the map, ascending.
    pub(crate) region: &'a LookUp<'a, Region, Arc<[u32]>>,
}

impl Filter {
    /// Whether every paper passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.must.is_empty() && self.should.is_empty() && self.must_not.is_empty()
    }

    /// Checks that the filter is not larger than any that a person or a program would need.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] past [`MAX_FILTER_CLAUSES`] or [`MAX_FILTER_DEPTH`].
    pub fn check_size(&self) -> Result<(), EngineError> {
        let (n_clauses, depth) = self.size();
        if n_clauses > MAX_FILTER_CLAUSES || depth > MAX_FILTER_DEPTH {
            return Err(EngineError::InvalidRequest {
                parameter: "filter",
                expected: format!("at most {MAX_FILTER_CLAUSES} conditions, {MAX_FILTER_DEPTH} deep"),
                found: format!("{n_clauses} conditions, {depth} deep"),
            });
        }
        self.check_ids()
    }

    /// The same, and another filter too: what passes both.
    ///
    /// # Errors
    /// As for [`check_size`](Self::check_size).
    pub(crate) fn narrowed(&self, by: Self) -> Result<Self, EngineError> {
        let mut filter = self.clone();
        if !by.is_empty() {
            filter.must.push(Clause::Filter(by));
            filter.check_size()?;
        }
        Ok(filter)
    }

    fn check_ids(&self) -> Result<(), EngineError> {
        self.clauses().try_for_each(|clause| match clause {
            Clause::Condition(Condition::Ids(ids)) if ids.len() > MAX_FILTER_IDS => {
                let (expected, found) = (format!("at most {MAX_FILTER_IDS} ids"), ids.len().to_string());
                Err(EngineError::InvalidRequest { parameter: "filter", expected, found })
            }
            Clause::Condition(_) => Ok(()),
            Clause::Filter(filter) => filter.check_ids(),
        })
    }

    fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.must.iter().chain(&self.should).chain(&self.must_not)
    }

    fn has(&self, wanted: &dyn Fn(&Condition) -> bool) -> bool {
        self.clauses().any(|clause| match clause {
            Clause::Condition(condition) => wanted(condition),
            Clause::Filter(filter) => filter.has(wanted),
        })
    }

    /// Whether it speaks of the map, which there is of a data folder alone.
    #[must_use]
    pub fn has_region(&self) -> bool {
        self.has(&|condition| matches!(condition, Condition::Region(_)))
    }

    /// The same with rows in place of ids and of parts of the map.
    pub(crate) fn by_rows(&self, rows_of: &RowsOf<'_>) -> Result<Cow<'_, Self>, EngineError> {
        if !self.has(&|condition| matches!(condition, Condition::Ids(_) | Condition::Region(_))) {
            return Ok(Cow::Borrowed(self));
        }
        let part = |clauses: &[Clause]| -> Result<Vec<Clause>, EngineError> {
            let clauses = clauses.iter().map(|clause| -> Result<Clause, EngineError> {
                Ok(match clause {
                    Clause::Condition(Condition::Ids(ids)) => {
                        let mut rows = (rows_of.ids)(ids)?;
                        rows.sort_unstable();
                        Clause::Condition(Condition::Rows(rows.into()))
                    }
                    Clause::Condition(Condition::Region(region)) => {
                        Clause::Condition(Condition::Rows((rows_of.region)(region)?))
                    }
                    Clause::Filter(filter) => Clause::Filter(filter.by_rows(rows_of)?.into_owned()),
                    other => other.clone(),
                })
            });
            clauses.collect()
        };
        let (must, should, must_not) = (part(&self.must)?, part(&self.should)?, part(&self.must_not)?);
        Ok(Cow::Owned(Self { must, should, must_not }))
    }

    /// Its clauses, and how deep it is.
    fn size(&self) -> (usize, usize) {
        self.clauses().fold((0, 1), |(n_clauses, depth), clause| match clause {
            Clause::Condition(_) => (n_clauses + 1, depth),
            Clause::Filter(filter) => {
                let inner = filter.size();
                (n_clauses + 1 + inner.0, depth.max(1 + inner.1))
            }
        })
    }
}
