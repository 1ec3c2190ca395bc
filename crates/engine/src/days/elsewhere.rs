//! Papers by day, where they lie with another engine: which days have papers is found by counting.

use super::{DayOrder, DayPage, DayRequest};
use crate::backend::{Allowed, Backend, Remote, Scan, Wanted};
use crate::cancel::Cancel;
use crate::catalog::{DayBasis, date_of, days};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filter::{Clause, Condition, DateRange, Filter};
use crate::period::{Period, Span, today};
use crate::store::StoredPaper;

/// Days of a step in the search for the next day with papers: in no range of so many lies a whole year, so that papers of which
/// only the year is known are not counted.
const STEP: i32 = 364;
/// Steps that are looked through.
const MAX_STEPS: i32 = 60;

impl Engine {
    /// As [`Engine::day`]: the newest day first, within a day in order of id.
    pub(super) fn day_elsewhere(
        &self,
        remote: &dyn Remote,
        request: &DayRequest,
    ) -> Result<DayPage, EngineError> {
        if request.order == DayOrder::Trending || request.by == DayBasis::Indexed {
            // Trends are computed from all papers, and nobody keeps in order there what came when.
            self.local()?;
        }
        let cancel = Cancel::default();
        if remote.model(&cancel)?.is_none() {
            return Ok(DayPage::empty(request.period));
        }
        let backend = remote.moment(&cancel)?;
        let papers = Dated { backend: &*backend, remote, cancel: &cancel };
        let now = days(today());
        let asked = match request.period {
            Some(period) => Some(period),
            None => papers.last_day(now)?.map(|day| Period::containing(date_of(day), Span::Day)),
        };
        let Some(period) = asked else { return Ok(DayPage::empty(None)) };
        let (first, last) = (days(period.first()), days(period.last()));
        // Who asks for a day to come gets what waits for it.
        let until = if first > now { last } else { last.min(now) };
        let near = |day: Option<i32>| day.map(|day| Period::containing(date_of(day), period.span()));
        Ok(DayPage {
            period: Some(period),
            total: papers.count(first, until)?,
            papers: papers.listed((first, until), (request.page.offset, request.page.limit))?,
            previous: near(papers.last_day(first - 1)?),
            next: if last < now { near(papers.first_day(last + 1, now)?) } else { None },
            by: DayBasis::Published,
            trends: false,
        })
    }
}

/// Papers that have a day of publication.
struct Dated<'a> {
    backend: &'a dyn Backend,
    remote: &'a dyn Remote,
    cancel: &'a Cancel,
}

impl Dated<'_> {
    /// Those of some days, which are fewer than a year.
    fn of_days(&self, first: i32, last: i32) -> Result<Option<Allowed>, EngineError> {
        let range = DateRange { first: Some(date_of(first)), last: Some(date_of(last)) };
        let must = vec![Clause::Condition(Condition::PublicationDate(range))];
        let filter = Filter { must, ..Filter::default() };
        let wanted = Wanted { filter: &filter, within: None, without_text: true, named: &[] };
        self.backend.allowed(self.cancel, &wanted)
    }

    fn count(&self, first: i32, last: i32) -> Result<u64, EngineError> {
        if first > last {
            return Ok(0);
        }
        self.backend.count(self.cancel, self.of_days(first, last)?.as_ref())
    }

    /// The last day with papers, of those up to one.
    fn last_day(&self, until: i32) -> Result<Option<i32>, EngineError> {
        let mut last = until;
        for _ in 0..MAX_STEPS {
            let mut first = last - STEP + 1;
            if self.count(first, last)? > 0 {
                // It lies in the later half, or in the earlier.
                while first < last {
                    let middle = first + (last - first) / 2;
                    if self.count(middle + 1, last)? > 0 { first = middle + 1 } else { last = middle }
                }
                return Ok(Some(first));
            }
            last -= STEP;
        }
        Ok(None)
    }

    /// The first day with papers, of those from one to another.
    fn first_day(&self, from: i32, until: i32) -> Result<Option<i32>, EngineError> {
        let mut first = from;
        while first <= until {
            let mut last = (first + STEP - 1).min(until);
            if self.count(first, last)? > 0 {
                while first < last {
                    let middle = first + (last - first) / 2;
                    if self.count(first, middle)? > 0 { last = middle } else { first = middle + 1 }
                }
                return Ok(Some(first));
            }
            first += STEP;
        }
        Ok(None)
    }

    /// A page of some days' papers: the last day first, within it in order of id.
    fn listed(
        &self,
        (first, last): (i32, i32),
        (mut skipped, limit): (usize, usize),
    ) -> Result<Vec<StoredPaper>, EngineError> {
        let mut papers: Vec<StoredPaper> = Vec::new();
        let mut day = last;
        while day >= first && papers.len() < limit {
            let n_here = self.count(day, day)?;
            if n_here <= skipped as u64 {
                skipped -= n_here as usize;
                day -= 1;
                continue;
            }
            let allowed = self.of_days(day, day)?;
            let mut after = String::new();
            loop {
                let n = (limit - papers.len()) + skipped;
                let scan = Scan { allowed: allowed.as_ref(), after: &after, n, with_vectors: false };
                let found = self.remote.scan(self.cancel, &scan)?;
                let Some(last) = found.last() else { break };
                after = last.stored.paper.id.to_string();
                let n_found = found.len();
                papers.extend(found.into_iter().skip(skipped).map(|scanned| scanned.stored));
                skipped = skipped.saturating_sub(n_found);
                if papers.len() >= limit {
                    break;
                }
            }
            skipped = 0;
            day -= 1;
        }
        papers.truncate(limit);
        Ok(papers)
    }
}
