//! Papers by day, week or month.
//!
//! A paper's day is that of its publication; one of which only the year is known has none. A paper that is dated in the
//! future waits for its day. Papers can also be listed by the day on which they were first indexed, and are where no paper
//! has a day of publication.

mod elsewhere;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use rayon::prelude::*;

use crate::catalog::{DayBasis, Listed, date_of, days};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::period::{Period, Span, today};
use crate::search::Page;
use crate::store::StoredPaper;
use crate::trends::TrendRequest;
use crate::view::{Moment, Snapshot};

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
    by: DayBasis,
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
        let page = Page::new(Some(limit), Some(offset), None)?;
        Ok(Self { period, order, page, by: DayBasis::Published })
    }

    /// The same by the day on which papers were first indexed, the last first.
    #[must_use]
    pub fn by_indexing(self) -> Self {
        Self { by: DayBasis::Indexed, order: DayOrder::New, ..self }
    }
}

impl StoredPaper {
    /// The day under which it is listed; `None` if that is not known.
    #[must_use]
    pub fn day(&self, by: DayBasis) -> Option<Date> {
        match by {
            DayBasis::Published => self.paper.publication_date,
            DayBasis::Indexed => self.first_indexed.get(..10)?.parse().ok(),
        }
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
    /// By which day they are listed.
    pub by: DayBasis,
    /// Whether [`DayOrder::Trending`] can differ from [`DayOrder::New`].
    pub trends: bool,
}

impl DayPage {
    fn empty(period: Option<Period>) -> Self {
        let by = DayBasis::default();
        Self { period, total: 0, papers: Vec::new(), previous: None, next: None, by, trends: false }
    }
}

impl Engine {
    /// The papers of a day, a week or a month, and where to go from there.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn day(&self, request: &DayRequest) -> Result<DayPage, EngineError> {
        if let Some(remote) = self.remote() {
            return self.day_elsewhere(&**remote, request);
        }
        match self.view()? {
            Some(view) => self.at_one_moment(&view, &mut |moment| self.day_at(moment, request)),
            None => Ok(DayPage::empty(request.period)),
        }
    }

    fn day_at(&self, moment: &Moment<'_>, request: &DayRequest) -> Result<DayPage, EngineError> {
        let index = self.days_of(&moment.snapshot, request.by);
        let by = index.by;
        let today = days(today());
        let latest = index.upto(today).last().map(|of_day| date_of(of_day.day));
        let Some(period) = request.period.or_else(|| Some(Period::containing(latest?, Span::Day))) else {
            return Ok(DayPage::empty(None));
        };
        let (first, last) = (days(period.first()), days(period.last()));
        // Who asks for a day to come gets what waits for it.
        let until = if first > today { i32::MAX } else { today };
        let trend = TrendRequest::of(period, latest);
        let known = index.upto(until);
        let [begin, end] =
            [first, last.saturating_add(1)].map(|end| known.partition_point(|of_day| of_day.day < end));
        let within = &known[begin..end];
        let total: usize = within.iter().map(|of_day| of_day.rows.len()).sum();
        let has_votes = within.iter().any(|of_day| of_day.has_votes);
        let differ = within.iter().any(|of_day| of_day.votes_differ);
        let can_differ = request.by == DayBasis::Published && total > 1;
        let has_history = || known.iter().any(|of_day| trend.has_in_history(of_day.day));
        let trends = can_differ && if has_votes { differ } else { has_history() };
        // The newest day first, within a day in the order of indexing.
        let newest = within.iter().rev().flat_map(|of_day| &index.rows[of_day.rows.clone()]).copied();
        let Page { limit, offset, .. } = request.page;
        let rows: Vec<u32> = match request.order {
            DayOrder::New => newest.skip(offset).take(limit).collect(),
            DayOrder::Trending => {
                let scores = self.trend_scores(&moment.snapshot, &trend)?;
                let mut rows: Vec<u32> = newest.collect();
                // It is stable: equal ones stay in that order.
                rows.sort_by(|a, b| scores.of(*b).total_cmp(&scores.of(*a)));
                rows.into_iter().skip(offset).take(limit).collect()
            }
        };
        let mut found = moment.papers(&rows)?;
        let near = |of_day: Option<&OfDay>| {
            of_day.map(|of_day| Period::containing(date_of(of_day.day), period.span()))
        };
        Ok(DayPage {
            period: Some(period),
            total: total as u64,
            papers: rows.iter().filter_map(|row| found.remove(row)).collect(),
            previous: near(begin.checked_sub(1).and_then(|before| known.get(before))),
            next: near(known.get(end)),
            by,
            trends,
        })
    }

    /// The papers by day at one generation, made once for all who ask: passing over every paper takes longer than all the
    /// rest.
    fn days_of(&self, snapshot: &Snapshot, by: DayBasis) -> Arc<Days> {
        let slot = self.kept.slot::<Mutex<HashMap<DayBasis, Arc<Days>>>>();
        let mut kept = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.get(&by) {
            Some(days) if days.generation == snapshot.generation => Arc::clone(days),
            _ => {
                let days = Arc::new(Days::of(snapshot, by));
                kept.insert(by, Arc::clone(&days));
                days
            }
        }
    }
}

/// Every paper that has a day, by day.
#[derive(Debug, Default)]
struct Days {
    generation: u64,
    by: DayBasis,
    /// In order of day.
    days: Vec<OfDay>,
    /// Of each day in ascending order.
    rows: Vec<u32>,
}

/// The papers of a day.
#[derive(Debug)]
struct OfDay {
    /// Counted from 1970-01-01.
    day: i32,
    /// Where they are among all.
    rows: Range<usize>,
    has_votes: bool,
    /// Whether one has other votes than none.
    votes_differ: bool,
}

impl Days {
    fn of(snapshot: &Snapshot, by: DayBasis) -> Self {
        let catalog = &snapshot.catalog;
        let by = if by == DayBasis::Published { catalog.day_basis() } else { by };
        let mut listed: Vec<Listed> = catalog.listed(by).collect();
        listed.par_sort_unstable_by_key(|listed| (listed.day, listed.row));
        let mut days: Vec<OfDay> = Vec::new();
        for (at, of_day) in listed.chunk_by(|a, b| a.day == b.day).map(|of_day| (of_day[0].day, of_day)) {
            let begin = days.last().map_or(0, |before| before.rows.end);
            days.push(OfDay {
                day: at,
                rows: begin..begin + of_day.len(),
                has_votes: of_day.iter().any(|listed| listed.upvotes.is_some()),
                votes_differ: of_day.iter().any(|listed| listed.upvotes.is_some_and(|votes| votes != 0)),
            });
        }
        let rows = listed.iter().map(|listed| listed.row).collect();
        Self { generation: snapshot.generation, by, days, rows }
    }

    /// The days up to one.
    fn upto(&self, last: i32) -> &[OfDay] {
        &self.days[..self.days.partition_point(|of_day| of_day.day <= last)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::put;
    use crate::testing::engine;
    use cognate_corpus::{Place, paper_from_json};
    use serde_json::json;

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
                engine.store().unwrap(),
                paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap().paper,
            );
        }
        engine.catch_up().unwrap();
        let check = |period: Option<&str>, order: DayOrder, expected: (&str, &str)| {
            assert_eq!(day(period, order), (expected.0.to_owned(), expected.1.to_owned()), "{period:?}");
        };
        check(None, DayOrder::New, ("2020-05-31 2020-03-03 ", "d"));
        check(Some("2020-03-02"), DayOrder::New, ("2020-03-02  2020-03-03", "b a"));
        check(Some("2020-03-02"), DayOrder::Trending, ("2020-03-02  2020-03-03", "a b"));
        check(Some("2020-W10"), DayOrder::New, ("2020-W10  2020-W22", "c b a"));
        check(Some("2020-03"), DayOrder::Trending, ("2020-03  2020-05", "a b c"));
        check(Some("2020-04"), DayOrder::New, ("2020-04 2020-03 2020-05", ""));

        // Only its year is known: it was published on no day. What is dated in the future waits.
        for record in [
            json!({"id": "e", "title": "e", "year": 1990}),
            json!({"id": "f", "title": "f", "publication_date": "2099-07-30"}),
        ] {
            let place = Place { file: "test".into(), line: 1 };
            put(engine.store().unwrap(), paper_from_json(record, &place).unwrap().paper);
        }
        engine.catch_up().unwrap();
        check(None, DayOrder::New, ("2020-05-31 2020-03-03 ", "d"));
        check(Some("2099-07"), DayOrder::New, ("2099-07 2020-05 ", "f"));
        // What was indexed when is a list of its own.
        let indexed =
            engine.day(&DayRequest::new(None, DayOrder::New, 10, 0).unwrap().by_indexing()).unwrap();
        assert_eq!((indexed.total, indexed.by, indexed.trends), (6, DayBasis::Indexed, false));
        let day = engine.paper("e").unwrap().day(DayBasis::Indexed);
        assert_eq!(indexed.period.map(Period::first), day);
    }

    #[test]
    fn trends_are_offered_where_they_can_differ() {
        let (_folder, engine) = engine();
        let add = |id: &str, date: Option<&str>, votes: Option<i64>| {
            let record = json!({"id": id, "title": id, "publication_date": date, "upvotes": votes});
            let place = Place { file: "test".into(), line: 1 };
            put(engine.store().unwrap(), paper_from_json(record, &place).unwrap().paper);
            engine.catch_up().unwrap();
        };
        let day = |period: Option<&str>| {
            let period = period.map(|text| text.parse().unwrap());
            engine.day(&DayRequest::new(period, DayOrder::New, 10, 0).unwrap()).unwrap()
        };
        // Nothing has a day of publication: what came last is shown.
        add("x", None, None);
        assert_eq!((day(None).by, day(None).total), (DayBasis::Indexed, 1));
        add("a", Some("2020-03-02"), Some(0));
        add("b", Some("2020-03-02"), None);
        assert_eq!((day(None).by, day(None).trends), (DayBasis::Published, false));
        add("c", Some("2020-03-02"), Some(3));
        assert!(day(None).trends);
        // By growth there has to be something that it grew from.
        add("d", Some("2021-03-02"), None);
        add("e", Some("2021-03-02"), None);
        assert!(!day(None).trends);
        add("f", Some("2021-02-02"), None);
        assert!(day(Some("2021-03-02")).trends);
    }
}
