//! The papers of a collection as one request sees them.
//!
//! Every question goes to the server, and sees all that was acknowledged before it. So two questions of one request may see
//! different papers; a paper that is gone meanwhile is left out.

mod answers;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cognate_engine::{Allowed, Cancel, EngineError, Key, StoredPaper, UnitVector, days};
use cognate_vector::Scored;
use half::f16;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::client::{Client, IDS_AT_A_TIME, MAX_ROWS, Target};
use crate::expression;
use crate::layout::{NO_DAY, NO_YEAR, field};
use crate::place::{Collection, Milvus, OF_PAPERS};
use crate::rows::{Row, Rows};

/// To what depth papers are looked for whose score is high enough, whatever it is by: by meaning, and by words.
pub(crate) const DEPTH: usize = 500;
/// Results of which scores are computed anew here, to the bit as on this machine.
const EXACTLY_SCORED: usize = 1_000;
/// How many more than are wanted are looked for, since some may have no text.
const SPARE: usize = 64;
/// How far back papers are looked for, in days: some 2,800 years.
const MAX_DAYS: i64 = 1 << 20;
/// How long one request may wait for the server.
const PATIENCE: Duration = Duration::from_secs(15);
/// What scores are computed of.
const OF_SCORES: [&str; 4] = [field::ID, field::VECTOR, field::SPARSE, field::HAS_TEXT];

/// See the module's documentation.
pub(crate) struct Moment<'m> {
    pub(crate) milvus: &'m Milvus,
    collection: Arc<Collection>,
    began: Instant,
    state: Mutex<State>,
}

/// What this request was told.
#[derive(Default)]
struct State {
    ids: Vec<String>,
    keys: HashMap<String, Key>,
    /// Of papers whose vectors were fetched; `None` for one that is gone.
    vectors: HashMap<Key, Option<Arc<Vectors>>>,
}

/// The vectors of a paper.
pub(crate) struct Vectors {
    /// As at rest, of a norm near 1; `None` where there is no text.
    meaning: Option<Vec<f16>>,
    pub(crate) terms: BTreeMap<u32, f32>,
}

impl State {
    fn key(&mut self, id: &str) -> Key {
        if let Some(key) = self.keys.get(id) {
            return *key;
        }
        let key = self.ids.len() as Key;
        self.ids.push(id.to_owned());
        self.keys.insert(id.to_owned(), key);
        key
    }
}

impl<'m> Moment<'m> {
    pub(crate) fn new(milvus: &'m Milvus, collection: Arc<Collection>) -> Self {
        Self { milvus, collection, began: Instant::now(), state: Mutex::default() }
    }

    /// What asks the server, while the request may wait for it.
    pub(crate) fn client(&self) -> Result<&'m Client, EngineError> {
        let client = &self.milvus.client;
        if self.began.elapsed() > PATIENCE {
            return Err(client.away(&format!("it is slow: no answer in {} s", PATIENCE.as_secs())));
        }
        Ok(client)
    }

    /// What cannot be done here.
    pub(crate) fn not_there(&self, reason: &str) -> EngineError {
        self.milvus.client.not_there(reason)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn key(&self, id: &str) -> Key {
        self.state().key(id)
    }

    fn ids_of(&self, keys: &[Key]) -> Vec<String> {
        let state = self.state();
        keys.iter().filter_map(|key| state.ids.get(*key as usize).cloned()).collect()
    }

    /// What passes, as an expression; for `None` all that have a text.
    pub(crate) fn expression(&self, allowed: Option<&Allowed>) -> Result<String, EngineError> {
        let Some(allowed) = allowed else { return Ok(format!("{} == true", field::HAS_TEXT)) };
        if let Some(keys) = allowed.as_keys() {
            let ids = self.ids_of(&keys.iter().collect::<Vec<Key>>());
            return Ok(expression::of_ids(ids.iter().map(String::as_str)));
        }
        allowed.as_other::<String>().cloned().ok_or(EngineError::OtherBackend)
    }

    pub(crate) fn some(expression: String) -> Allowed {
        Allowed::other(Arc::new(expression))
    }

    fn id_of<'r>(&self, row: Row<'r>) -> Result<&'r str, EngineError> {
        self.milvus.client.told(row.text(field::ID))
    }

    fn vectors_of(&self, row: Row<'_>) -> Result<Arc<Vectors>, EngineError> {
        let terms = self.milvus.client.told(row.sparse(field::SPARSE))?;
        Ok(Arc::new(Vectors { meaning: self.milvus.values_of(row)?, terms }))
    }

    /// The vectors of papers, fetched where they were not yet.
    pub(crate) fn fetched(
        &self,
        cancel: &Cancel,
        keys: &[Key],
    ) -> Result<Vec<Option<Arc<Vectors>>>, EngineError> {
        let missing: Vec<Key> = {
            let state = self.state();
            let mut missing: Vec<Key> =
                keys.iter().copied().filter(|key| !state.vectors.contains_key(key)).collect();
            missing.sort_unstable();
            missing.dedup();
            missing
        };
        for missing in missing.chunks(IDS_AT_A_TIME) {
            let ids = self.ids_of(missing);
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let mut found: Vec<(String, Arc<Vectors>)> = Vec::with_capacity(missing.len());
            self.client()?.rows_of_ids(cancel, (&ids, &OF_SCORES), &mut |row| {
                found.push((self.id_of(row)?.to_owned(), self.vectors_of(row)?));
                Ok(())
            })?;
            let mut state = self.state();
            for key in missing {
                state.vectors.insert(*key, None);
            }
            for (id, vectors) in found {
                let key = state.key(&id);
                state.vectors.insert(key, Some(vectors));
            }
        }
        let state = self.state();
        Ok(keys.iter().map(|key| state.vectors.get(key).cloned().flatten()).collect())
    }

    fn cosines_of(
        &self,
        cancel: &Cancel,
        vector: &UnitVector,
        keys: &[Key],
    ) -> Result<Vec<Option<f32>>, EngineError> {
        // As papers on this machine are scored.
        let cosine =
            |own: Option<Arc<Vectors>>| cognate_index::cosine(vector.as_slice(), own?.meaning.as_deref()?);
        Ok(self.fetched(cancel, keys)?.into_iter().map(cosine).collect())
    }

    /// The papers with a text that are nearest to a target, best first, with the scores of the server: at most `limit`. What
    /// scores are computed of is known of them afterwards, where they are not too many.
    pub(crate) fn found(
        &self,
        cancel: &Cancel,
        target: &Target<'_>,
        (allowed, limit, least): (Option<&Allowed>, usize, Option<f32>),
    ) -> Result<Vec<(Key, f32)>, EngineError> {
        let limit = limit.min(MAX_ROWS);
        // Nearly all papers have a text, so those without are taken out here: a condition would be asked of every paper.
        let (expression, wanted) = match allowed {
            None => (String::new(), (limit + SPARE).min(MAX_ROWS)),
            Some(_) => {
                let with_text = self.expression(None)?;
                (expression::all(vec![self.expression(allowed)?, with_text]), limit)
            }
        };
        let (found, n_found) = self.search(cancel, target, (&expression, wanted, least))?;
        if allowed.is_none() && found.len() < limit && n_found >= wanted {
            let with_text = self.expression(None)?;
            return Ok(self.search(cancel, target, (&with_text, limit, least))?.0);
        }
        Ok(found.into_iter().take(limit).collect())
    }

    /// Those of the found that have a text, and how many were found.
    fn search(
        &self,
        cancel: &Cancel,
        target: &Target<'_>,
        (expression, wanted, least): (&str, usize, Option<f32>),
    ) -> Result<(Vec<(Key, f32)>, usize), EngineError> {
        let is_scored = wanted <= EXACTLY_SCORED + SPARE;
        let fields = if is_scored { &OF_SCORES[1..] } else { &OF_SCORES[3..] };
        let found = self.client()?.search(cancel, (target, fields), (expression, wanted, least))?;
        let mut hits = Vec::with_capacity(found.ids.len());
        for ((row, id), score) in found.rows.iter().zip(&found.ids).zip(&found.scores) {
            if !self.milvus.client.told(row.flag(field::HAS_TEXT))? {
                continue;
            }
            let vectors = if is_scored { Some(self.vectors_of(row)?) } else { None };
            let mut state = self.state();
            let key = state.key(id);
            if vectors.is_some() {
                state.vectors.insert(key, vectors);
            }
            hits.push((key, *score));
        }
        Ok((hits, found.ids.len()))
    }

    /// The papers nearest to a vector, best first. All above a score are refused where they are too many.
    fn near(
        &self,
        cancel: &Cancel,
        vector: &UnitVector,
        (allowed, limit, least): (Option<&Allowed>, usize, Option<f32>),
    ) -> Result<Vec<Scored>, EngineError> {
        let target = Target::Meaning(vector.as_slice());
        // The server's arithmetic may differ in the last digits.
        let least_there = least.map(|least| least - 1e-4);
        let found = self.found(cancel, &target, (allowed, limit, least_there))?;
        if least.is_some() && found.len() >= MAX_ROWS {
            // Before their vectors are read.
            let reason = format!("{MAX_ROWS} papers or more are so near; ask for nearer ones");
            return Err(self.not_there(&reason));
        }
        let mut hits: Vec<Scored> = found.into_iter().map(|(row, score)| Scored { row, score }).collect();
        if least.is_some() || hits.len() <= EXACTLY_SCORED {
            let keys: Vec<Key> = hits.iter().map(|hit| hit.row).collect();
            let cosines = self.cosines_of(cancel, vector, &keys)?;
            hits = keys
                .into_iter()
                .zip(cosines)
                .filter_map(|(row, score)| Some(Scored { row, score: score? }))
                .collect();
        }
        hits.retain(|hit| least.is_none_or(|least| hit.score >= least));
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        Ok(hits)
    }

    /// The keys of what passes an expression: all of them, or none where they are too many.
    pub(crate) fn listed(&self, cancel: &Cancel, expression: &str) -> Result<Vec<Key>, EngineError> {
        let rows = self.few(cancel, expression, &[field::ID])?;
        rows.iter().map(|row| Ok(self.key(self.id_of(row)?))).collect()
    }

    /// Fields of what passes an expression, where that is not too many: it is counted before it is read.
    fn few(&self, cancel: &Cancel, expression: &str, fields: &[&str]) -> Result<Rows, EngineError> {
        if self.client()?.count(cancel, expression)? < MAX_ROWS as u64 {
            return self.client()?.rows(cancel, expression, fields);
        }
        let reason =
            format!("{MAX_ROWS} papers or more would have to be looked at; narrow the question by filters");
        Err(self.not_there(&reason))
    }

    /// The papers that pass an expression, in order of id.
    fn papers_where(&self, cancel: &Cancel, expression: &str) -> Result<Vec<StoredPaper>, EngineError> {
        let rows = self.client()?.rows(cancel, expression, &OF_PAPERS)?;
        let stored = |row: Row<'_>| self.milvus.stored(row, self.key(self.id_of(row)?));
        let mut papers = rows.iter().map(stored).collect::<Result<Vec<_>, EngineError>>()?;
        papers.sort_by(|a, b| a.paper.id.cmp(&b.paper.id));
        Ok(papers)
    }

    /// The day of a row, as a catalogue on this machine has it: the first of its year where only that is known.
    fn day_of(&self, row: Row<'_>) -> Result<Option<i32>, EngineError> {
        let day = self.milvus.client.told(row.number(field::DAY))?;
        if day != NO_DAY {
            return Ok(i32::try_from(day).ok());
        }
        let year = self.milvus.client.told(row.number(field::YEAR))?;
        let first = |year: i16| Date::new(year, 1, 1).map_or(i32::from(year) * 366, days);
        Ok((year != NO_YEAR).then(|| i16::try_from(year).ok()).flatten().map(first))
    }

    /// Of what passes an expression, a newest part that has `n` papers, or all; none where that is too many.
    fn recent(&self, cancel: &Cancel, all: &str, n: usize) -> Result<String, EngineError> {
        let n_here = |expression: &str| self.client()?.count(cancel, expression);
        let (n, most) = (n as u64, MAX_ROWS as u64 - 1);
        if n_here(all)? <= most {
            return Ok(all.to_owned());
        }
        // The server does not sort: what is of the last day, of the last two, four and so on, until it is enough. Once it is
        // too much, half of what came last.
        let today = Offset::UTC.to_datetime(Timestamp::now()).date();
        let (mut too_few, mut too_many, mut n_days) = (0, None, 1);
        loop {
            let since = today.saturating_sub(jiff::Span::new().days(n_days - 1));
            let part = expression::all(vec![all.to_owned(), expression::since(since)]);
            let n_found = n_here(&part)?;
            if (n..=most).contains(&n_found) {
                return Ok(part);
            }
            if n_found < n {
                too_few = n_days;
            } else {
                too_many = Some(n_days);
            }
            n_days = too_many.map_or(2 * n_days, |too_many| too_few + (too_many - too_few) / 2);
            if n_days <= too_few || n_days > MAX_DAYS {
                let reason = format!(
                    "more than {most} papers pass that are of one day, or have none; narrow them by a filter"
                );
                return Err(self.not_there(&reason));
            }
        }
    }

    /// The days of what passes an expression, which is not too many.
    fn dated(&self, cancel: &Cancel, expression: &str) -> Result<Vec<(Key, Option<i32>)>, EngineError> {
        let rows = self.client()?.rows(cancel, expression, &[field::ID, field::DAY, field::YEAR])?;
        rows.iter().map(|row| Ok((self.key(self.id_of(row)?), self.day_of(row)?))).collect()
    }
}
