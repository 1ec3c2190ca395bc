//! Saved queries: what is new for them, and how far each has been told.
//!
//! New is what was first indexed after a mark. Marks are rows, which the store gives in order of first
//! indexing, so nothing is told twice and nothing is missed, whatever the clock does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::kept::made_once;
use crate::search::{RecommendRequest, SearchRequest, SearchResponse, Seed};
use crate::store::{DigestPeriod, SavedQuery, rfc3339};

/// Longest name of one, in Unicode scalar values.
pub const MAX_NAME_CHARS: usize = 200;
/// Longest id made from a name.
const MAX_SLUG_CHARS: usize = 40;
/// Answers that are kept, and hits of each.
const MAX_KEPT: usize = 200;
const MAX_KEPT_HITS: usize = 100;
/// A feed has papers of this many days, up to the last that came.
const FEED_DAYS: i64 = 30;

/// What a saved query asks.
#[derive(Debug, Clone, PartialEq)]
pub enum SavedQuestion {
    /// A question.
    Search(SearchRequest),
    /// Papers like some.
    Recommend(RecommendRequest),
}

/// What is new for saved queries, by their ids.
#[derive(Default)]
struct News {
    kept: Mutex<HashMap<String, (NewsFrom, Arc<SearchResponse>)>>,
    /// Held while one is asked: who asks meanwhile waits, and mostly for the same.
    asking: Mutex<()>,
}

impl News {
    fn find(&self, id: &str, from: &NewsFrom) -> Option<Arc<SearchResponse>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, answer) = kept.get(id).filter(|(known, _)| known == from)?;
        Some(Arc::clone(answer))
    }

    fn keep(&self, id: &str, from: &NewsFrom, answer: &Arc<SearchResponse>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // What is older than this is asked for no more.
        kept.retain(|_, (known, _)| known.generation >= from.generation);
        if kept.len() < MAX_KEPT && answer.hits.len() <= MAX_KEPT_HITS {
            kept.insert(id.to_owned(), (from.clone(), Arc::clone(answer)));
        }
    }
}

/// What an answer was made from.
#[derive(Clone, PartialEq)]
struct NewsFrom {
    /// Of the papers, and of those on the map.
    generation: u64,
    map: u64,
    period: DigestPeriod,
    request: String,
}

impl Engine {
    /// Saves a query under a name: `request` as the caller writes `question`.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] for a blank or long name, too many saved queries or too many seeds,
    /// [`EngineError::PaperNotFound`] for a seed that is not there: it could never be answered.
    pub fn save_query(
        &self,
        name: &str,
        request: &str,
        question: &SavedQuestion,
    ) -> Result<SavedQuery, EngineError> {
        if let SavedQuestion::Recommend(request) = question {
            request.check()?;
            for seed in request.positive.iter().chain(&request.negative) {
                if let Seed::Paper(key) = seed {
                    self.papers(key)?;
                }
            }
        }
        let name = name.trim();
        let n_chars = name.chars().count();
        if !(1..=MAX_NAME_CHARS).contains(&n_chars) {
            return Err(EngineError::InvalidRequest {
                parameter: "name",
                expected: format!("1 to {MAX_NAME_CHARS} characters"),
                found: n_chars.to_string(),
            });
        }
        self.store()?.add_saved(&slug(name, "saved"), name, request)
    }

    /// All saved queries, in order of id.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn saved_queries(&self) -> Result<Vec<SavedQuery>, EngineError> {
        self.store()?.reader()?.saved_queries()
    }

    /// The saved query of this id.
    ///
    /// # Errors
    /// [`EngineError::SavedQueryNotFound`] if there is none.
    pub fn saved_query(&self, id: &str) -> Result<SavedQuery, EngineError> {
        let found = self.store()?.reader()?.saved_query(id)?;
        found.ok_or_else(|| EngineError::SavedQueryNotFound { id: id.to_owned() })
    }

    /// Deletes the saved query of this id.
    ///
    /// # Errors
    /// [`EngineError::SavedQueryNotFound`] if there is none.
    pub fn delete_saved(&self, id: &str) -> Result<(), EngineError> {
        if self.store()?.delete_saved(id)? {
            return Ok(());
        }
        Err(EngineError::SavedQueryNotFound { id: id.to_owned() })
    }

    /// Everything from after `after` up to the last paper that is indexed now.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn period_after(&self, after: u32) -> Result<DigestPeriod, EngineError> {
        Ok(DigestPeriod { after, until: self.store()?.reader()?.last_row()? })
    }

    /// Everything that was first indexed at `time` or later.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn period_since(&self, time: Timestamp) -> Result<DigestPeriod, EngineError> {
        self.period_after(self.store()?.reader()?.last_row_before(&rfc3339(time))?)
    }

    /// Everything that came in the last thirty days before the last paper came.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn feed_period(&self) -> Result<DigestPeriod, EngineError> {
        let reader = self.store()?.reader()?;
        let last = reader.last_indexed()?.and_then(|time| time.parse::<Timestamp>().ok());
        let Some(last) = last else { return self.period_after(0) };
        self.period_since(last - jiff::SignedDuration::from_hours(24 * FEED_DAYS))
    }

    /// The answer to `question` among the papers of a period, by relevance.
    ///
    /// # Errors
    /// As [`Engine::search`] and [`Engine::recommend`].
    pub fn answer_within(
        &self,
        period: DigestPeriod,
        question: &SavedQuestion,
    ) -> Result<SearchResponse, EngineError> {
        // The period's last papers may have come a moment ago, by another process.
        self.catch_up()?;
        match question {
            SavedQuestion::Search(request) => self.search(&request.within(period)),
            SavedQuestion::Recommend(request) => {
                let mut request = request.clone();
                request.options.within = Some(period);
                self.recommend(&Cancel::default(), &request)
            }
        }
    }

    /// What [`answer_within`](Self::answer_within) says of a saved query, whose question is read where it has to be asked: the
    /// answer is kept until the papers, the map or the query change.
    ///
    /// # Errors
    /// As [`answer_within`](Self::answer_within), and those of `question`.
    pub fn news(
        &self,
        saved: &SavedQuery,
        period: DigestPeriod,
        question: &dyn Fn() -> Result<SavedQuestion, EngineError>,
    ) -> Result<Arc<SearchResponse>, EngineError> {
        self.catch_up()?;
        let Some(view) = self.view()? else { return self.answer_within(period, &question()?).map(Arc::new) };
        let snapshot = view.snapshot();
        let map = snapshot.atlas.last(snapshot.generation).map_or(0, |map| map.generation);
        let from = NewsFrom { generation: snapshot.generation, map, period, request: saved.request.clone() };
        let news = self.kept.slot::<News>();
        let ask = || {
            let answer = Arc::new(self.answer_within(period, &question()?)?);
            news.keep(&saved.id, &from, &answer);
            Ok(answer)
        };
        let alone = || news.asking.lock().unwrap_or_else(PoisonError::into_inner);
        made_once(|| news.find(&saved.id, &from), alone, ask)
    }

    /// Records that the papers of a saved query up to the end of `period` were looked at.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be written.
    pub fn mark_looked(&self, id: &str, period: DigestPeriod) -> Result<(), EngineError> {
        self.store()?.mark_looked(id, period.until)
    }

    /// Records that a digest of `wanted` is about to be sent, and gives its period. If one is on its way already,
    /// as after a crash, that is its period: the same message once more.
    ///
    /// # Errors
    /// [`EngineError::SavedQueryNotFound`] if there is no such saved query.
    pub fn begin_digest(&self, id: &str, wanted: DigestPeriod) -> Result<DigestPeriod, EngineError> {
        let period = self.store()?.begin_digest(id, wanted)?;
        period.ok_or_else(|| EngineError::SavedQueryNotFound { id: id.to_owned() })
    }

    /// Records that the digest of `period` was accepted, or had nothing to tell.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be written.
    pub fn end_digest(&self, id: &str, period: DigestPeriod) -> Result<(), EngineError> {
        self.store()?.end_digest(id, period.until)
    }

    /// The random name of this data folder's store, by which its messages are told from those of others.
    ///
    /// # Errors
    /// [`EngineError::LocalOnly`].
    pub fn store_id(&self) -> Result<&str, EngineError> {
        Ok(self.store()?.store_id())
    }
}

/// An id from a name; `otherwise` for one of other letters alone.
pub(crate) fn slug(name: &str, otherwise: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == MAX_SLUG_CHARS {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { otherwise.to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::testing::{paper, put};

    #[test]
    fn ids_come_from_names() {
        let check = |name: &str, expected: &str| assert_eq!(slug(name, "saved"), expected, "{name:?}");
        check("Dark matter, halos!", "dark-matter-halos");
        check("  Größe & Maß 2", "gr-e-ma-2");
        check("日本", "saved");
        check(&"a ".repeat(100), &"a-".repeat(20)[..39]);
    }

    #[test]
    fn a_digest_that_a_crash_left_on_its_way_is_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let first = store.add_saved("bats", "Bats", "{}").unwrap();
        assert_eq!(store.add_saved("bats", "Bats", "{}").unwrap().id, "bats-2");
        let period = |after, until| DigestPeriod { after, until };
        assert_eq!(store.begin_digest(&first.id, period(0, 7)).unwrap(), Some(period(0, 7)));
        // Not recorded as sent: what came since waits for the next.
        assert_eq!(store.begin_digest(&first.id, period(0, 9)).unwrap(), Some(period(0, 7)));
        store.end_digest(&first.id, 7).unwrap();
        assert_eq!(store.reader().unwrap().saved_query("bats").unwrap().unwrap().digested, 7);
        assert_eq!(store.begin_digest(&first.id, period(7, 9)).unwrap(), Some(period(7, 9)));
        assert_eq!(store.begin_digest("nowhere", period(0, 9)).unwrap(), None);
        assert!(store.delete_saved("bats").unwrap() && !store.delete_saved("bats").unwrap());
        assert_eq!(store.reader().unwrap().saved_queries().unwrap().len(), 1);
    }

    #[test]
    fn rows_are_found_by_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        for number in 0..20 {
            put(&store, paper(&format!("p{number}"), "Title", 2_000));
        }
        let connection = store.connection_for_tests();
        let time = "UPDATE papers SET first_indexed = printf('2026-01-%02dT00:00:00Z', row)";
        connection.execute(time, []).unwrap();
        connection.execute("DELETE FROM vectors WHERE row = 9", []).unwrap();
        connection.execute("DELETE FROM identifiers WHERE row = 9", []).unwrap();
        connection.execute("DELETE FROM records WHERE row = 9", []).unwrap();
        connection.execute("DELETE FROM papers WHERE row = 9", []).unwrap();
        let reader = store.reader().unwrap();
        let check =
            |time: &str, expected: u32| assert_eq!(reader.last_row_before(time).unwrap(), expected, "{time}");
        check("2025-01-01T00:00:00Z", 0);
        check("2026-01-01T00:00:01Z", 1);
        check("2026-01-08T00:00:01Z", 9);
        check("2026-01-10T00:00:00Z", 9);
        check("2026-01-20T00:00:00Z", 19);
        check("2027-01-01T00:00:00Z", 20);
        assert_eq!(reader.last_indexed().unwrap().unwrap(), "2026-01-20T00:00:00Z");
        // The clock was put back after row 12: nothing that came later is passed over.
        let put_back =
            "UPDATE papers SET first_indexed = printf('2025-06-%02dT00:00:00Z', row) WHERE row > 12";
        connection.execute(put_back, []).unwrap();
        check("2026-01-05T00:00:00Z", 4);
        check("2025-06-01T00:00:00Z", 0);
        check("2026-01-12T00:00:00Z", 11);
    }
}
