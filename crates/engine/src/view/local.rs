//! One moment of a local store as a [`Backend`].

use std::collections::HashMap;
use std::sync::Arc;

use cognate_corpus::Lookup;
use cognate_index::{Found, SearchParams};
use cognate_keyword::{Correction, MatchedTerm, Query, Ranking};
use cognate_vector::{Scored, UnitVector};
use roaring::RoaringBitmap;

use super::Moment;
use crate::backend::{Allowed, Backend, CosinesAhead, Key, Nearest, Wanted, WordScore, Words};
use crate::cancel::Cancel;
use crate::catalog::{Facet, FacetField};
use crate::error::EngineError;
use crate::filter::RowsOf;
use crate::region::Region;
use crate::store::{DigestPeriod, DroppedPaper, StoredPaper};

/// The rows of a set, of which ours have all.
fn rows_of(allowed: Option<&Allowed>) -> Result<Option<&RoaringBitmap>, EngineError> {
    let Some(allowed) = allowed else { return Ok(None) };
    allowed.as_keys().map(Some).ok_or(EngineError::OtherBackend)
}

impl Backend for Moment<'_> {
    fn generation(&self) -> Option<u64> {
        Some(self.snapshot.generation)
    }

    fn model_name(&self, cancel: &Cancel) -> Result<Option<String>, EngineError> {
        cancel.check()?;
        Ok(self.read(|reader| reader.model())?.map(|model| model.name))
    }

    fn allowed(&self, cancel: &Cancel, wanted: &Wanted<'_>) -> Result<Option<Allowed>, EngineError> {
        cancel.check()?;
        let snapshot = &self.snapshot;
        let rows_of = |ids: &[String]| -> Result<Vec<u32>, EngineError> {
            let rows = self.read(|reader| reader.rows_of(ids.iter().map(String::as_str)))?;
            Ok(rows.into_values().collect())
        };
        let region = |region: &Region| {
            snapshot.place_newcomers()?;
            snapshot.atlas.rows_within(region, snapshot.generation)
        };
        let filter = wanted.filter.by_rows(&RowsOf { ids: &rows_of, region: &region })?;
        let mut passing = if filter.is_empty() { None } else { Some(snapshot.catalog.matching(&filter)) };
        if let Some(DigestPeriod { after, until }) = wanted.within {
            let mut rows = RoaringBitmap::new();
            rows.insert_range(after.saturating_add(1)..=until);
            passing = Some(passing.unwrap_or_else(|| snapshot.rows()) & rows);
        }
        if wanted.without_text {
            return Ok(Some(Allowed::keys(passing.unwrap_or_else(|| snapshot.rows()))));
        }
        let without_text = snapshot.without_text();
        let named = wanted.named.iter().copied().filter(|row| without_text.contains(*row));
        let named: RoaringBitmap = named.collect();
        if passing.is_none() && named.is_empty() {
            return Ok(None);
        }
        let passing = passing.unwrap_or_else(|| snapshot.rows());
        Ok(Some(Allowed::keys(passing - (without_text - named))))
    }

    fn without(
        &self,
        cancel: &Cancel,
        allowed: Option<&Allowed>,
        keys: &[Key],
    ) -> Result<Allowed, EngineError> {
        let mut rows = self.keys(cancel, allowed)?;
        keys.iter().for_each(|row| {
            rows.remove(*row);
        });
        Ok(Allowed::keys(rows))
    }

    fn keys(&self, cancel: &Cancel, allowed: Option<&Allowed>) -> Result<RoaringBitmap, EngineError> {
        cancel.check()?;
        Ok(match rows_of(allowed)? {
            Some(rows) => rows.clone(),
            None => self.snapshot.vectors.rows().into_iter().collect(),
        })
    }

    fn among(
        &self,
        cancel: &Cancel,
        allowed: Option<&Allowed>,
        keys: &[Key],
    ) -> Result<RoaringBitmap, EngineError> {
        cancel.check()?;
        let rows = rows_of(allowed)?;
        let is_in = |row: u32| match rows {
            Some(rows) => rows.contains(row),
            None => self.snapshot.vectors.contains(row),
        };
        Ok(keys.iter().copied().filter(|row| is_in(*row)).collect())
    }

    fn count(&self, cancel: &Cancel, allowed: Option<&Allowed>) -> Result<u64, EngineError> {
        cancel.check()?;
        Ok(rows_of(allowed)?.map_or(self.snapshot.vectors.len() as u64, RoaringBitmap::len))
    }

    fn nearest(&self, cancel: &Cancel, nearest: &Nearest<'_>) -> Result<Found, EngineError> {
        cancel.check()?;
        let Nearest { vector, top_k, exact, allowed } = *nearest;
        let params = SearchParams { top_k, exact, allowed: rows_of(allowed)?, ef: None };
        Ok(self.snapshot.vectors.search(vector, &params)?)
    }

    fn at_least(
        &self,
        cancel: &Cancel,
        (vector, min_score): (&UnitVector, f32),
        allowed: Option<&Allowed>,
    ) -> Result<Vec<Scored>, EngineError> {
        cancel.check()?;
        Ok(self.snapshot.vectors.at_least(vector, min_score, rows_of(allowed)?)?.collect())
    }

    fn at_least_each(
        &self,
        cancel: &Cancel,
        (vector, min_score): (&UnitVector, &(dyn Fn(Key) -> f32 + Sync)),
        allowed: Option<&Allowed>,
    ) -> Result<RoaringBitmap, EngineError> {
        cancel.check()?;
        Ok(self.snapshot.vectors.rows_at_least(vector, min_score, rows_of(allowed)?)?)
    }

    fn cosines(
        &self,
        cancel: &Cancel,
        vector: &UnitVector,
        keys: &[Key],
    ) -> Result<Vec<Option<f32>>, EngineError> {
        cancel.check()?;
        Ok(self.snapshot.vectors.scores_of(vector, keys)?)
    }

    fn cosines_ahead(&self, vector: &UnitVector, keys: &[Key]) -> Option<CosinesAhead> {
        let (vectors, vector, keys) = (Arc::clone(&self.snapshot.vectors), vector.clone(), keys.to_vec());
        let cosines = move || Ok(vectors.scores_of(&vector, &keys)?);
        Some(CosinesAhead(self.snapshot.helpers.begin(cosines)))
    }

    fn vectors(&self, cancel: &Cancel, keys: &[Key]) -> Result<Vec<Option<UnitVector>>, EngineError> {
        cancel.check()?;
        Ok(self.snapshot.vectors.vectors(keys)?)
    }

    fn vector(&self, cancel: &Cancel, key: Key) -> Result<Option<UnitVector>, EngineError> {
        cancel.check()?;
        // The store may be ahead of the snapshot.
        Moment::vector(self, key)
    }

    fn words(&self, cancel: &Cancel, query: &Query) -> Result<Box<dyn Words + '_>, EngineError> {
        cancel.check()?;
        Ok(Box::new(self.snapshot.keywords.rank(query)?))
    }

    fn count_with_every_word(
        &self,
        cancel: &Cancel,
        query: &Query,
        allowed: Option<&Allowed>,
    ) -> Result<u64, EngineError> {
        cancel.check()?;
        let found = self.snapshot.keywords.with_every_word(query)?;
        Ok(rows_of(allowed)?.map_or(found.len(), |allowed| allowed.intersection_len(&found)))
    }

    fn matched_terms(
        &self,
        cancel: &Cancel,
        query: &Query,
        keys: &[Key],
    ) -> Result<Vec<Vec<MatchedTerm>>, EngineError> {
        cancel.check()?;
        let keywords = &self.snapshot.keywords;
        let resolved = keywords.resolve(query)?;
        keys.iter().map(|row| Ok(keywords.matched_terms(&resolved, *row)?)).collect()
    }

    fn newest(
        &self,
        cancel: &Cancel,
        allowed: Option<&Allowed>,
        n: usize,
    ) -> Result<Vec<(Key, Option<i32>)>, EngineError> {
        let rows = self.keys(cancel, allowed)?;
        let mut dated: Vec<(Key, Option<i32>)> =
            rows.iter().map(|row| (row, self.snapshot.catalog.published(row))).collect();
        let order = |&(row, day): &(Key, Option<i32>)| (std::cmp::Reverse(day), row);
        // Only those that are wanted are put in order, with all that tie with the last: of many papers a page needs few.
        if let Some(at) = n.checked_sub(1).filter(|at| *at < dated.len()) {
            let (_, &mut (_, last), _) = dated.select_nth_unstable_by_key(at, order);
            dated.retain(|(_, day)| *day >= last);
        }
        dated.sort_unstable_by_key(order);
        Ok(dated)
    }

    fn published(&self, cancel: &Cancel, keys: &[Key]) -> Result<Vec<Option<i32>>, EngineError> {
        cancel.check()?;
        Ok(keys.iter().map(|row| self.snapshot.catalog.published(*row)).collect())
    }

    fn facets(
        &self,
        cancel: &Cancel,
        fields: &[FacetField],
        allowed: &Allowed,
    ) -> Result<Vec<Facet>, EngineError> {
        cancel.check()?;
        let rows = allowed.as_keys().ok_or(EngineError::OtherBackend)?;
        Ok(fields.iter().map(|field| self.snapshot.catalog.count(*field, rows)).collect())
    }

    fn look_up(&self, cancel: &Cancel, lookup: &Lookup) -> Result<Vec<StoredPaper>, EngineError> {
        cancel.check()?;
        self.read(|reader| reader.look_up(lookup))
    }

    fn look_up_dropped(&self, cancel: &Cancel, lookup: &Lookup) -> Result<Option<DroppedPaper>, EngineError> {
        cancel.check()?;
        self.read(|reader| reader.look_up_dropped(lookup))
    }

    fn keys_of(&self, cancel: &Cancel, ids: &[String]) -> Result<HashMap<String, Key>, EngineError> {
        cancel.check()?;
        self.read(|reader| reader.rows_of(ids.iter().map(String::as_str)))
    }

    fn ids(&self, cancel: &Cancel, keys: &[Key]) -> Result<HashMap<Key, String>, EngineError> {
        cancel.check()?;
        Moment::ids(self, keys)
    }

    fn papers(&self, cancel: &Cancel, keys: &[Key]) -> Result<HashMap<Key, StoredPaper>, EngineError> {
        cancel.check()?;
        Moment::papers(self, keys)
    }
}

impl Words for Ranking {
    fn corrections(&self) -> &[Correction] {
        self.query().corrections()
    }

    fn missing_phrases(&self) -> &[String] {
        Self::missing_phrases(self)
    }

    fn bound(&self) -> f32 {
        Self::bound(self)
    }

    fn n_telling_words(&self) -> f32 {
        Self::n_telling_words(self)
    }

    fn permitted(&self, allowed: Option<&Allowed>) -> Result<Option<Allowed>, EngineError> {
        let Some(permitted) = Self::permitted(self) else { return Ok(None) };
        let both = rows_of(allowed)?.map_or_else(|| permitted.clone(), |allowed| allowed & permitted);
        Ok(Some(Allowed::keys(both)))
    }

    fn top(&self, top_k: usize, allowed: Option<&Allowed>) -> Result<Vec<(Key, f32)>, EngineError> {
        Ok(Self::top(self, top_k, rows_of(allowed)?))
    }

    fn matches(
        &self,
        allowed: Option<&Allowed>,
        is_wanted: &dyn Fn(f32) -> bool,
    ) -> Result<Vec<(Key, f32)>, EngineError> {
        Ok(Self::matches(self, rows_of(allowed)?, is_wanted))
    }

    fn matching(&self, allowed: Option<&Allowed>) -> Result<Allowed, EngineError> {
        let matching = Self::matching(self);
        Ok(Allowed::keys(match rows_of(allowed)? {
            Some(allowed) => matching & allowed,
            None => matching,
        }))
    }

    fn count(&self, allowed: Option<&Allowed>) -> Result<u64, EngineError> {
        Ok(Self::count(self, rows_of(allowed)?))
    }

    fn scores(&self, keys: &[Key]) -> Result<Vec<WordScore>, EngineError> {
        let of_row = |&row: &Key| {
            let (score, coverage) = self.score_and_coverage(row);
            WordScore { score, coverage }
        };
        Ok(keys.iter().map(of_row).collect())
    }
}
