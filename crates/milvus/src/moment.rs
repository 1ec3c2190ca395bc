//! The papers of a collection as one request sees them.
//!
//! Every question goes to the server, and sees all that was acknowledged before it. So two questions of one request may see
//! different papers; a paper that is gone meanwhile is left out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cognate_corpus::Lookup;
use cognate_engine::{
    Allowed, Backend, Cancel, DroppedPaper, EngineError, Facet, FacetCount, FacetField, FoundNearest, Key,
    MatchedTerm, Nearest, SearchPath, StoredPaper, UnitVector, Wanted, Words, days, document_of,
};
use cognate_keyword::Query;
use cognate_vector::Scored;
use half::f16;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use roaring::RoaringBitmap;

use crate::client::{Client, IDS_AT_A_TIME, MAX_ROWS, Target};
use crate::expression;
use crate::layout::{NO_DAY, NO_YEAR, field};
use crate::place::{Collection, Milvus, OF_PAPERS};
use crate::rows::{Row, Rows};
use crate::words::Ranked;

/// To what depth papers are looked for whose score is high enough, whatever it is by: by meaning, and by words.
pub(crate) const DEPTH: usize = 500;
/// Results of which scores are computed anew here, to the bit as on this machine.
const EXACTLY_SCORED: usize = 1_000;
/// How many more than are wanted are looked for, since some may have no text.
const SPARE: usize = 64;
/// How far back papers are looked for, in days: some 2,800 years.
const MAX_DAYS: i64 = 1 << 20;
/// Values of a facet at the most.
const MAX_FACET_VALUES: usize = 100;
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

    /// The papers nearest to a vector, best first.
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

    /// Fields of what passes an expression, where that is not too many.
    fn few(&self, cancel: &Cancel, expression: &str, fields: &[&str]) -> Result<Rows, EngineError> {
        let rows = self.client()?.rows(cancel, expression, fields)?;
        if rows.len() < MAX_ROWS {
            return Ok(rows);
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

    fn dated(&self, cancel: &Cancel, expression: &str) -> Result<Vec<(Key, Option<i32>)>, EngineError> {
        let rows = self.few(cancel, expression, &[field::ID, field::DAY, field::YEAR])?;
        rows.iter().map(|row| Ok((self.key(self.id_of(row)?), self.day_of(row)?))).collect()
    }
}

impl Backend for Moment<'_> {
    fn generation(&self) -> Option<u64> {
        None
    }

    fn model_name(&self, _cancel: &Cancel) -> Result<Option<String>, EngineError> {
        Ok(Some(self.collection.described.model.name.clone()))
    }

    fn allowed(&self, _cancel: &Cancel, wanted: &Wanted<'_>) -> Result<Option<Allowed>, EngineError> {
        if wanted.within.is_some() || wanted.filter.has_region() {
            return Err(EngineError::LocalOnly { place: self.milvus.client.name().to_owned() });
        }
        let passing = expression::of_filter(wanted.filter);
        if wanted.without_text {
            let all = || expression::ALL.to_owned();
            return Ok(Some(Self::some(if passing.is_empty() { all() } else { passing })));
        }
        if passing.is_empty() && wanted.named.is_empty() {
            return Ok(None);
        }
        let mut with_text = self.expression(None)?;
        if !wanted.named.is_empty() {
            let named = self.ids_of(wanted.named);
            let named = expression::of_ids(named.iter().map(String::as_str));
            with_text = expression::any([with_text, named].into_iter());
        }
        Ok(Some(Self::some(expression::all(vec![passing, with_text]))))
    }

    fn without(
        &self,
        _cancel: &Cancel,
        allowed: Option<&Allowed>,
        keys: &[Key],
    ) -> Result<Allowed, EngineError> {
        if let Some(own) = allowed.and_then(Allowed::as_keys) {
            return Ok(Allowed::keys(own - keys.iter().copied().collect::<RoaringBitmap>()));
        }
        let mut conditions = vec![self.expression(allowed)?];
        if !keys.is_empty() {
            let ids = self.ids_of(keys);
            conditions.push(format!("not ({})", expression::of_ids(ids.iter().map(String::as_str))));
        }
        Ok(Self::some(expression::all(conditions)))
    }

    fn keys(&self, cancel: &Cancel, allowed: Option<&Allowed>) -> Result<RoaringBitmap, EngineError> {
        if let Some(keys) = allowed.and_then(Allowed::as_keys) {
            return Ok(keys.clone());
        }
        Ok(self.listed(cancel, &self.expression(allowed)?)?.into_iter().collect())
    }

    fn among(
        &self,
        cancel: &Cancel,
        allowed: Option<&Allowed>,
        keys: &[Key],
    ) -> Result<RoaringBitmap, EngineError> {
        if let Some(own) = allowed.and_then(Allowed::as_keys) {
            return Ok(keys.iter().copied().filter(|key| own.contains(*key)).collect());
        }
        let mut found = RoaringBitmap::new();
        let expression = self.expression(allowed)?;
        for keys in keys.chunks(IDS_AT_A_TIME) {
            let ids = self.ids_of(keys);
            let of_ids = expression::of_ids(ids.iter().map(String::as_str));
            let both = expression::all(vec![of_ids, expression.clone()]);
            for row in self.client()?.rows(cancel, &both, &[field::ID])?.iter() {
                found.insert(self.key(self.id_of(row)?));
            }
        }
        Ok(found)
    }

    fn count(&self, cancel: &Cancel, allowed: Option<&Allowed>) -> Result<u64, EngineError> {
        if let Some(keys) = allowed.and_then(Allowed::as_keys) {
            return Ok(keys.len());
        }
        if allowed.is_some() {
            return self.client()?.count(cancel, &self.expression(allowed)?);
        }
        // How many papers there are, a server knows; those without a text are few.
        let without_text = format!("{} == false", field::HAS_TEXT);
        let n_without = self.client()?.count(cancel, &without_text)?;
        Ok(self.client()?.count(cancel, "")?.saturating_sub(n_without))
    }

    fn nearest(&self, cancel: &Cancel, nearest: &Nearest<'_>) -> Result<FoundNearest, EngineError> {
        let Nearest { vector, top_k, allowed, .. } = *nearest;
        let hits = self.near(cancel, vector, (allowed, top_k, None))?;
        let path = if self.collection.is_flat { SearchPath::Exact } else { SearchPath::Hnsw };
        Ok(FoundNearest { hits, path })
    }

    fn at_least(
        &self,
        cancel: &Cancel,
        (vector, min_score): (&UnitVector, f32),
        allowed: Option<&Allowed>,
    ) -> Result<Vec<Scored>, EngineError> {
        let hits = self.near(cancel, vector, (allowed, MAX_ROWS, Some(min_score)))?;
        if hits.len() >= MAX_ROWS {
            let reason = format!("more than {MAX_ROWS} papers are so near; ask for nearer ones");
            return Err(self.not_there(&reason));
        }
        Ok(hits)
    }

    fn at_least_each(
        &self,
        cancel: &Cancel,
        (vector, min_score): (&UnitVector, &(dyn Fn(Key) -> f32 + Sync)),
        allowed: Option<&Allowed>,
    ) -> Result<RoaringBitmap, EngineError> {
        // Among those that were met, and those that are nearest.
        self.near(cancel, vector, (allowed, DEPTH, None))?;
        let met: Vec<Key> = {
            let state = self.state();
            state.vectors.iter().filter(|(_, vectors)| vectors.is_some()).map(|(key, _)| *key).collect()
        };
        let met: Vec<Key> = self.among(cancel, allowed, &met)?.into_iter().collect();
        let cosines = self.cosines_of(cancel, vector, &met)?;
        let is_enough =
            |(key, cosine): &(Key, Option<f32>)| cosine.is_some_and(|cosine| cosine >= min_score(*key));
        Ok(met.into_iter().zip(cosines).filter(is_enough).map(|(key, _)| key).collect())
    }

    fn cosines(
        &self,
        cancel: &Cancel,
        vector: &UnitVector,
        keys: &[Key],
    ) -> Result<Vec<Option<f32>>, EngineError> {
        self.cosines_of(cancel, vector, keys)
    }

    fn vectors(&self, cancel: &Cancel, keys: &[Key]) -> Result<Vec<Option<UnitVector>>, EngineError> {
        let fetched = self.fetched(cancel, keys)?;
        let unit = |own: &Option<Arc<Vectors>>| match own.as_ref().and_then(|own| own.meaning.as_deref()) {
            Some(values) => self.milvus.unit_of(values).map(Some),
            None => Ok(None),
        };
        fetched.iter().map(unit).collect()
    }

    fn vector(&self, cancel: &Cancel, key: Key) -> Result<Option<UnitVector>, EngineError> {
        Ok(self.vectors(cancel, &[key])?.pop().flatten())
    }

    fn words(&self, cancel: &Cancel, query: &Query) -> Result<Box<dyn Words + '_>, EngineError> {
        Ok(Box::new(Ranked::new(self, cancel, query)?))
    }

    fn count_with_every_word(
        &self,
        cancel: &Cancel,
        query: &Query,
        allowed: Option<&Allowed>,
    ) -> Result<u64, EngineError> {
        let words = expression::of_all_terms(query.words().into_iter());
        self.client()?.count(cancel, &expression::all(vec![words, self.expression(allowed)?]))
    }

    fn matched_terms(
        &self,
        cancel: &Cancel,
        query: &Query,
        keys: &[Key],
    ) -> Result<Vec<Vec<MatchedTerm>>, EngineError> {
        let mut papers = self.papers(cancel, keys)?;
        let matched = |key: &Key| {
            papers.remove(key).map_or_else(Vec::new, |stored| query.matched_in(&document_of(stored.paper)))
        };
        Ok(keys.iter().map(matched).collect())
    }

    fn newest(
        &self,
        cancel: &Cancel,
        allowed: Option<&Allowed>,
        n: usize,
    ) -> Result<Vec<(Key, Option<i32>)>, EngineError> {
        let all = self.expression(allowed)?;
        let newest = self.recent(cancel, &all, n)?;
        let mut dated = self.dated(cancel, &newest)?;
        dated.sort_unstable_by_key(|&(key, day)| (std::cmp::Reverse(day), key));
        if let Some(&(_, last)) = n.checked_sub(1).and_then(|at| dated.get(at)) {
            let n_ties = dated[n..].iter().take_while(|(_, day)| *day == last).count();
            dated.truncate(n + n_ties);
        }
        Ok(dated)
    }

    fn published(&self, cancel: &Cancel, keys: &[Key]) -> Result<Vec<Option<i32>>, EngineError> {
        let ids = self.ids_of(keys);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut days: HashMap<Key, Option<i32>> = HashMap::new();
        let of_days = [field::ID, field::DAY, field::YEAR];
        self.client()?.rows_of_ids(cancel, (&ids, &of_days), &mut |row| {
            days.insert(self.key(self.id_of(row)?), self.day_of(row)?);
            Ok(())
        })?;
        Ok(keys.iter().map(|key| days.get(key).copied().flatten()).collect())
    }

    fn facets(
        &self,
        cancel: &Cancel,
        fields: &[FacetField],
        allowed: &Allowed,
    ) -> Result<Vec<Facet>, EngineError> {
        let of_rows = [field::ID, field::YEAR, field::CATEGORY_NAMES, field::VENUE_NAME];
        let told = &self.milvus.client;
        let mut counts: Vec<HashMap<String, u64>> = vec![HashMap::new(); fields.len()];
        let mut count = |row: Row<'_>| {
            for (field, counts) in fields.iter().zip(&mut counts) {
                let values = match field {
                    FacetField::Year => {
                        let year = told.told(row.number(field::YEAR))?;
                        (year != NO_YEAR).then(|| year.to_string()).into_iter().collect()
                    }
                    FacetField::Categories => told.told(row.texts(field::CATEGORY_NAMES))?.to_vec(),
                    FacetField::Venue => {
                        let venue = told.told(row.text(field::VENUE_NAME))?;
                        if venue.is_empty() { Vec::new() } else { vec![venue.to_owned()] }
                    }
                };
                values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
            }
            Ok(())
        };
        match allowed.as_keys() {
            Some(keys) => {
                let ids = self.ids_of(&keys.iter().collect::<Vec<Key>>());
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                self.client()?.rows_of_ids(cancel, (&ids, &of_rows), &mut count)?;
            }
            None => {
                let rows = self.few(cancel, &self.expression(Some(allowed))?, &of_rows)?;
                rows.iter().try_for_each(&mut count)?;
            }
        }
        let facet = |(field, counts): (&FacetField, HashMap<String, u64>)| {
            let mut counts: Vec<FacetCount> =
                counts.into_iter().map(|(value, n_papers)| FacetCount { value, n_papers }).collect();
            counts.sort_by(|a, b| b.n_papers.cmp(&a.n_papers).then_with(|| a.value.cmp(&b.value)));
            counts.truncate(MAX_FACET_VALUES);
            Facet { field: *field, counts }
        };
        Ok(fields.iter().zip(counts).map(facet).collect())
    }

    fn look_up(&self, cancel: &Cancel, lookup: &Lookup) -> Result<Vec<StoredPaper>, EngineError> {
        if !lookup.ids.is_empty() {
            let ids = expression::of_ids(lookup.ids.iter().map(cognate_corpus::PaperId::as_str));
            let found = self.papers_where(cancel, &ids)?;
            // The likeliest id that there is.
            let named = lookup.ids.iter().find_map(|id| found.iter().find(|stored| stored.paper.id == *id));
            if let Some(named) = named {
                return Ok(vec![named.clone()]);
            }
        }
        if lookup.identifiers.is_empty() {
            return Ok(Vec::new());
        }
        self.papers_where(cancel, &expression::of_identifiers(&lookup.identifiers))
    }

    fn look_up_dropped(
        &self,
        _cancel: &Cancel,
        _lookup: &Lookup,
    ) -> Result<Option<DroppedPaper>, EngineError> {
        // Nothing is dropped here.
        Ok(None)
    }

    fn keys_of(&self, cancel: &Cancel, ids: &[String]) -> Result<HashMap<String, Key>, EngineError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut keys = HashMap::new();
        self.client()?.rows_of_ids(cancel, (&ids, &[field::ID]), &mut |row| {
            let id = self.id_of(row)?;
            keys.insert(id.to_owned(), self.key(id));
            Ok(())
        })?;
        Ok(keys)
    }

    fn ids(&self, _cancel: &Cancel, keys: &[Key]) -> Result<HashMap<Key, String>, EngineError> {
        let state = self.state();
        Ok(keys.iter().filter_map(|key| Some((*key, state.ids.get(*key as usize)?.clone()))).collect())
    }

    fn papers(&self, cancel: &Cancel, keys: &[Key]) -> Result<HashMap<Key, StoredPaper>, EngineError> {
        let ids = self.ids_of(keys);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut papers = HashMap::new();
        self.client()?.rows_of_ids(cancel, (&ids, &OF_PAPERS), &mut |row| {
            let key = self.key(self.id_of(row)?);
            papers.insert(key, self.milvus.stored(row, key)?);
            Ok(())
        })?;
        Ok(papers)
    }
}
