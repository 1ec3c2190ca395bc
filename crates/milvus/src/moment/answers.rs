//! What the engine asks of the papers of one request, answered.

use std::collections::HashMap;
use std::sync::Arc;

use cognate_corpus::Lookup;
use cognate_engine::{
    Allowed, Backend, Cancel, DroppedPaper, EngineError, Facet, FacetCount, FacetField, FoundNearest, Key,
    MatchedTerm, Nearest, SearchPath, StoredPaper, UnitVector, Wanted, Words, document_of,
};
use cognate_keyword::Query;
use cognate_vector::Scored;
use roaring::RoaringBitmap;

use super::{DEPTH, Moment, Vectors};
use crate::client::{IDS_AT_A_TIME, MAX_ROWS};
use crate::expression;
use crate::layout::{NO_YEAR, field};
use crate::place::OF_PAPERS;
use crate::rows::Row;
use crate::words::Ranked;

/// Values of a facet at the most.
const MAX_FACET_VALUES: usize = 100;

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
        self.near(cancel, vector, (allowed, MAX_ROWS, Some(min_score)))
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
