//! Filters applied to the columns of a catalogue.

use std::ops::Range;
use std::sync::Arc;

use super::chunk::{Chunk, Slots, days};
use super::names::{self, AuthorToken, Names};
use crate::filter::{Clause, Condition, Filter};

impl Filter {
    /// The filter in terms of the numbers of a catalogue's names.
    pub(super) fn resolve(&self, names: &Names) -> Resolved {
        let resolve = |clauses: &[Clause]| -> Vec<Test> {
            clauses
                .iter()
                .map(|clause| match clause {
                    Clause::Condition(condition) => condition.resolve(names),
                    Clause::Filter(filter) => Test::Filter(filter.resolve(names)),
                })
                .collect()
        };
        Resolved {
            must: resolve(&self.must),
            should: resolve(&self.should),
            must_not: resolve(&self.must_not),
        }
    }
}

impl Condition {
    fn resolve(&self, names: &Names) -> Test {
        match self {
            Self::Year(range) => Test::Year(range.first.unwrap_or(i16::MIN), range.last.unwrap_or(i16::MAX)),
            Self::PublicationDate(range) => Test::Day {
                days: (range.first.map_or(i32::MIN, days), range.last.map_or(i32::MAX, days)),
                years: (
                    range.first.map_or(i16::MIN, |first| first.year() + i16::from(first.day_of_year() > 1)),
                    range.last.map_or(i16::MAX, |last| {
                        last.year() - i16::from(last.day_of_year() < last.days_in_year())
                    }),
                ),
            },
            Self::Categories(wanted) => {
                let wanted: Vec<String> = wanted.iter().map(|name| name.trim().to_lowercase()).collect();
                Test::Category(names.categories.which(|name| {
                    let name = name.to_lowercase();
                    wanted.iter().any(|wanted| {
                        name.strip_prefix(wanted.as_str())
                            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                    })
                }))
            }
            Self::Author(name) => Test::Author(names::tokens_to_find(name)),
            Self::Venue(wanted) => {
                let wanted = names::words(wanted);
                Test::Venue(names.venues.which(|name| {
                    let name = names::words(name);
                    !wanted.is_empty() && name.windows(wanted.len()).any(|words| words == wanted)
                }))
            }
            Self::HasAbstract(wanted) => Test::HasAbstract(*wanted),
            Self::Rows(rows) => Test::Rows(Arc::clone(rows)),
            // A catalogue knows neither ids nor a map: both are rows before it is asked.
            Self::Ids(_) | Self::Region(_) => Test::Rows(Arc::default()),
        }
    }
}

/// A filter to be applied to chunks.
pub(super) struct Resolved {
    must: Vec<Test>,
    should: Vec<Test>,
    must_not: Vec<Test>,
}

enum Test {
    Year(i16, i16),
    Day { days: (i32, i32), years: (i16, i16) },
    Category(Vec<bool>),
    Author(Vec<AuthorToken>),
    Venue(Vec<bool>),
    HasAbstract(bool),
    Rows(Arc<[u32]>),
    Filter(Resolved),
}

impl Resolved {
    /// The slots of the chunk's papers that pass; `rows` are those of the chunk.
    pub(super) fn matching(&self, chunk: &Chunk, rows: Range<u32>) -> Slots {
        let mut slots = chunk.live();
        for test in &self.must {
            slots.combine(&test.matching(chunk, rows.clone()), |a, b| a & b);
        }
        for test in &self.must_not {
            slots.combine(&test.matching(chunk, rows.clone()), |a, b| a & !b);
        }
        if !self.should.is_empty() {
            let mut some = Slots::none();
            for test in &self.should {
                some.combine(&test.matching(chunk, rows.clone()), |a, b| a | b);
            }
            slots.combine(&some, |a, b| a & b);
        }
        slots
    }
}

impl Test {
    fn matching(&self, chunk: &Chunk, rows: Range<u32>) -> Slots {
        match self {
            Self::Year(first, last) => chunk.year_in(*first, *last),
            Self::Day { days, years } => chunk.day_in(*days, *years),
            Self::Category(wanted) => chunk.category_in(wanted),
            Self::Author(tokens) if tokens.is_empty() => Slots::none(),
            Self::Author(tokens) => chunk.author_of(tokens),
            Self::Venue(wanted) => chunk.venue_in(wanted),
            Self::HasAbstract(wanted) => chunk.with_abstract(*wanted),
            Self::Rows(wanted) => {
                let [first, end] = [rows.start, rows.end].map(|end| wanted.partition_point(|row| *row < end));
                Slots::of(wanted[first..end].iter().map(|row| (row - rows.start) as usize))
            }
            Self::Filter(filter) => filter.matching(chunk, rows),
        }
    }
}
