//! A collection of Milvus as a place where papers lie: made, described, filled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cognate_corpus::PaperId;
use cognate_engine::{
    Backend, Cancel, EngineError, Key, Known, Remote, Scan, Scanned, StoredModel, StoredPaper, UnitVector,
    Upsert,
};
use cognate_keyword::ANALYSIS;
use half::f16;
use prost::Message;
use serde_json::json;

use crate::address::{Address, Credentials, VectorIndex};
use crate::client::Client;
use crate::columns::{Columns, from_hex, schema};
use crate::counts::Counts;
use crate::expression;
use crate::layout::{AVERAGE_LENGTH, Described, PROPERTY, Row as PaperRow, SCHEMA, field};
use crate::messages::KeyValuePair;
use crate::moment::Moment;
use crate::rows::Row;

/// Papers of one title that are given at the most.
const MAX_OF_TITLE: usize = 100;
/// How long it is believed what the collection says of itself.
const DESCRIPTION_LIFE: Duration = Duration::from_secs(30);
/// The oldest release that has all that is asked for.
pub(crate) const OLDEST: (u64, u64) = (2, 5);
/// Fields by which papers are filtered, which a server may have an index of.
const FILTERED: [&str; 8] = [
    field::TERMS,
    field::YEAR,
    field::DAY,
    field::CATEGORIES,
    field::AUTHORS,
    field::IDENTIFIERS,
    field::TITLE,
    field::HAS_TEXT,
];
/// Bytes of an upsert at the most, of the 64 MiB that Milvus takes.
const MAX_UPSERT_BYTES: usize = 16 << 20;
/// Papers of an upsert at the most.
const MAX_UPSERT_ROWS: usize = 256;

/// Papers that lie in Milvus.
pub struct Milvus {
    pub(crate) client: Client,
    /// What the collection says of itself, once it was read.
    collection: Mutex<Option<(Arc<Collection>, Instant)>>,
    pub(crate) counts: Counts,
}

/// A collection that is there.
pub(crate) struct Collection {
    pub(crate) described: Described,
    /// Whether vectors are found by comparing all.
    pub(crate) is_flat: bool,
}

impl Milvus {
    /// The collection at an address. Nothing is asked yet.
    ///
    /// # Errors
    /// [`EngineError::Away`] if the system gives no threads or no certificates, [`EngineError::Io`] if the file with
    /// certificates cannot be read.
    pub fn new(address: Address, credentials: Credentials) -> Result<Self, EngineError> {
        let client = Client::new(address, &credentials)?;
        Ok(Self { client, collection: Mutex::new(None), counts: Counts::default() })
    }

    /// What the collection says of itself; `None` where there is none.
    pub(crate) fn collection(&self, cancel: &Cancel) -> Result<Option<Arc<Collection>>, EngineError> {
        if let Some((collection, since)) = &*lock(&self.collection)
            && since.elapsed() < DESCRIPTION_LIFE
        {
            return Ok(Some(Arc::clone(collection)));
        }
        let before = lock(&self.collection).as_ref().map(|(collection, _)| Arc::clone(collection));
        if before.is_none() {
            self.check_version(cancel)?;
        }
        if !self.client.has_collection(cancel)? {
            *lock(&self.collection) = None;
            return Ok(None);
        }
        let described = self.described(cancel)?;
        let index = self.client.index_of(cancel, field::VECTOR)?;
        let is_flat = index.is_some_and(|kind| matches!(kind.as_str(), "FLAT" | "BRUTE_FORCE"));
        if before.is_none() {
            self.client.load(cancel)?;
        }
        let collection = Arc::new(Collection { described, is_flat });
        *lock(&self.collection) = Some((Arc::clone(&collection), Instant::now()));
        Ok(Some(collection))
    }

    fn check_version(&self, cancel: &Cancel) -> Result<(), EngineError> {
        let version = self.client.version(cancel)?;
        match release_of(&version) {
            Some(release) if release < OLDEST => {
                let (major, minor) = OLDEST;
                Err(self
                    .client
                    .not_there(&format!("it is Milvus {version}; {major}.{minor} or later is needed")))
            }
            _ => Ok(()),
        }
    }

    fn described(&self, cancel: &Cancel) -> Result<Described, EngineError> {
        let not_ours = |reason: String| EngineError::NotOurs { place: self.client.name().to_owned(), reason };
        let properties = self.client.properties(cancel)?;
        let text =
            properties.iter().find(|property| property.key == PROPERTY).map(|property| &property.value);
        let described: Option<Described> = text.and_then(|text| serde_json::from_str(text).ok());
        let described = described
            .ok_or_else(|| not_ours("a collection that cognate did not make; name another".to_owned()))?;
        if described.schema != SCHEMA {
            return Err(not_ours(format!(
                "version {} of how papers lie there, where this release reads {SCHEMA}; use the release that made it",
                described.schema
            )));
        }
        Ok(described)
    }

    /// The collection, which must be there, with terms as this release makes them.
    fn existing(&self, cancel: &Cancel) -> Result<Arc<Collection>, EngineError> {
        let not_ours = |reason: String| EngineError::NotOurs { place: self.client.name().to_owned(), reason };
        let collection =
            self.collection(cancel)?.ok_or_else(|| not_ours("nothing was indexed there yet".to_owned()))?;
        let analysis = collection.described.analysis;
        if analysis != ANALYSIS {
            return Err(not_ours(format!(
                "its words are of version {analysis}, and this release has version {ANALYSIS}; copy the papers to another \
                 collection"
            )));
        }
        Ok(collection)
    }

    /// Every process that makes the collection makes the same one; what another made meanwhile stays.
    fn make(&self, cancel: &Cancel, model: &StoredModel) -> Result<(), EngineError> {
        let described = Described {
            schema: SCHEMA,
            analysis: ANALYSIS,
            model: model.clone(),
            average_length: AVERAGE_LENGTH,
        };
        let text = serde_json::to_string(&described).map_err(|error| self.client.away(&error))?;
        let schema = schema(&self.client.address().collection, model.dim).encode_to_vec();
        let properties = vec![KeyValuePair::new(PROPERTY, text)];
        match self.client.create(cancel, schema, properties) {
            Err(_) if self.client.has_collection(cancel)? => Ok(()),
            made => made,
        }
    }

    /// Makes the indexes that are not there: a process may have ended before it made them.
    fn make_indexes(&self, cancel: &Cancel) -> Result<(), EngineError> {
        let of_vectors = match self.client.address().index {
            VectorIndex::Flat => ("FLAT", json!({})),
            VectorIndex::DiskAnn => ("DISKANN", json!({})),
            VectorIndex::Hnsw => ("HNSW", json!({ "M": 16, "efConstruction": 200 })),
        };
        let of_terms = ("SPARSE_INVERTED_INDEX", json!({}));
        for (name, (index, params), metric) in
            [(field::VECTOR, of_vectors, "COSINE"), (field::SPARSE, of_terms, "IP")]
        {
            if self.client.index_of(cancel, name)?.is_some() {
                continue;
            }
            let params = vec![
                KeyValuePair::new("index_type", index),
                KeyValuePair::new("metric_type", metric),
                KeyValuePair::new("params", params.to_string()),
            ];
            match self.client.create_index(cancel, name, params) {
                Err(_) if self.client.index_of(cancel, name)?.is_some() => {}
                made => made?,
            }
        }
        for name in FILTERED {
            if self.client.index_of(cancel, name)?.is_none() {
                let params = vec![KeyValuePair::new("index_type", "INVERTED")];
                // Filters are only slower without it, and a small server has none for lists.
                if let Err(error) = self.client.create_index(cancel, name, params) {
                    tracing::debug!("no index of the field {name}: {error}");
                }
            }
        }
        Ok(())
    }

    fn known_of(&self, row: Row<'_>) -> Result<(String, Known), EngineError> {
        let text = |name: &str| self.client.told(row.text(name)).map(str::to_owned);
        let hash = |name: &str| {
            from_hex(&text(name)?)
                .ok_or_else(|| self.client.away(&format!("the field {name} of a paper is no hash")))
        };
        let known = Known {
            text_hash: hash(field::TEXT_HASH)?,
            paper_hash: hash(field::PAPER_HASH)?,
            first_indexed: text(field::FIRST_INDEXED)?,
        };
        Ok((text(field::ID)?, known))
    }
}

/// The release that a server tells: `v2.6.3` and `milvus_lite-3.2.2` are (2, 6) and (3, 2).
pub(crate) fn release_of(version: &str) -> Option<(u64, u64)> {
    let digits = version.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = version[digits..].split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

impl Remote for Milvus {
    fn name(&self) -> &str {
        self.client.name()
    }

    fn check(&self, cancel: &Cancel) -> Result<(), EngineError> {
        self.client.has_collection(cancel).map(drop)
    }

    fn is_exact(&self, cancel: &Cancel) -> Result<bool, EngineError> {
        Ok(self.collection(cancel)?.is_some_and(|collection| collection.is_flat))
    }

    fn model(&self, cancel: &Cancel) -> Result<Option<StoredModel>, EngineError> {
        Ok(self.collection(cancel)?.map(|collection| collection.described.model.clone()))
    }

    fn moment<'a>(&'a self, cancel: &Cancel) -> Result<Box<dyn Backend + 'a>, EngineError> {
        Ok(Box::new(Moment::new(self, self.existing(cancel)?)))
    }

    fn n_papers(&self, cancel: &Cancel) -> Result<u64, EngineError> {
        match self.collection(cancel)? {
            Some(_) => self.client.count(cancel, ""),
            None => Ok(0),
        }
    }

    fn prepare(&self, cancel: &Cancel, model: &StoredModel) -> Result<(), EngineError> {
        if lock(&self.collection).is_none() {
            self.check_version(cancel)?;
            if !self.client.has_collection(cancel)? {
                self.make(cancel, model)?;
            }
            // Not in the collection of somebody else.
            self.described(cancel)?;
            self.make_indexes(cancel)?;
        }
        let stored = &self.existing(cancel)?.described.model;
        if stored.is_compatible(model) {
            return Ok(());
        }
        Err(EngineError::ModelMismatch { stored: Box::new(stored.clone()), given: Box::new(model.clone()) })
    }

    fn known(&self, cancel: &Cancel, ids: &[&PaperId]) -> Result<HashMap<String, Known>, EngineError> {
        let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let fields = [field::ID, field::TEXT_HASH, field::PAPER_HASH, field::FIRST_INDEXED];
        let mut known = HashMap::new();
        self.client.rows_of_ids(cancel, (&ids, &fields), &mut |row| {
            known.extend([self.known_of(row)?]);
            Ok(())
        })?;
        Ok(known)
    }

    fn vectors_of(
        &self,
        cancel: &Cancel,
        ids: &[&PaperId],
    ) -> Result<HashMap<String, UnitVector>, EngineError> {
        let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let fields = [field::ID, field::VECTOR, field::HAS_TEXT];
        let mut vectors = HashMap::new();
        self.client.rows_of_ids(cancel, (&ids, &fields), &mut |row| {
            if let Some(vector) = self.vector_of(row)? {
                vectors.insert(self.client.told(row.text(field::ID))?.to_owned(), vector);
            }
            Ok(())
        })?;
        Ok(vectors)
    }

    fn papers_of(&self, cancel: &Cancel, ids: &[String]) -> Result<Vec<StoredPaper>, EngineError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut papers = Vec::with_capacity(ids.len());
        self.client.rows_of_ids(cancel, (&ids, &OF_PAPERS), &mut |row| {
            papers.push(self.stored(row, 0)?);
            Ok(())
        })?;
        papers.sort_by(|a, b| a.paper.id.cmp(&b.paper.id));
        Ok(papers)
    }

    fn with_title(&self, cancel: &Cancel, title: &str) -> Result<Vec<StoredPaper>, EngineError> {
        let Some(expression) = expression::of_title(title) else { return Ok(Vec::new()) };
        let rows = self.client.rows_after(cancel, (&expression, "", MAX_OF_TITLE), &OF_PAPERS)?;
        rows.iter().map(|row| self.stored(row, 0)).collect()
    }

    fn scan(&self, cancel: &Cancel, scan: &Scan<'_>) -> Result<Vec<Scanned>, EngineError> {
        let expression = match scan.allowed {
            Some(allowed) => allowed.as_other::<String>().cloned().ok_or(EngineError::OtherBackend)?,
            None => String::new(),
        };
        let mut fields = OF_PAPERS.to_vec();
        if scan.with_vectors {
            fields.extend([field::VECTOR, field::HAS_TEXT]);
        }
        let rows = self.client.rows_after(cancel, (&expression, scan.after, scan.n), &fields)?;
        let scanned = |row: Row<'_>| {
            let vector = if scan.with_vectors { self.vector_of(row)? } else { None };
            Ok(Scanned { stored: self.stored(row, 0)?, vector })
        };
        rows.iter().map(scanned).collect()
    }

    fn upsert(&self, cancel: &Cancel, papers: &[Upsert<'_>]) -> Result<(), EngineError> {
        let collection = self.existing(cancel)?;
        let Described { model, average_length, .. } = &collection.described;
        let mut columns = Columns::default();
        for upsert in papers {
            let row = PaperRow::new(upsert.paper, *average_length).map_err(|source| {
                EngineError::DamagedRow { place: format!("paper `{}`", upsert.paper.id), source }
            })?;
            columns.push(row, upsert, model.dim);
            if columns.n_bytes >= MAX_UPSERT_BYTES || columns.ids.len() >= MAX_UPSERT_ROWS {
                self.put(cancel, std::mem::take(&mut columns), model.dim)?;
            }
        }
        self.put(cancel, columns, model.dim)
    }

    fn delete(&self, cancel: &Cancel, id: &PaperId) -> Result<bool, EngineError> {
        let mut is_there = false;
        self.client.rows_of_ids(cancel, (&[id.as_str()], &[field::ID]), &mut |_| {
            is_there = true;
            Ok(())
        })?;
        if is_there {
            self.client.delete(cancel, id.as_str())?;
        }
        Ok(is_there)
    }

    fn settle(&self, cancel: &Cancel) -> Result<(), EngineError> {
        match self.collection(cancel)? {
            Some(_) => self.client.flush(cancel),
            None => Ok(()),
        }
    }
}

/// What is read of a paper to give it out.
pub(crate) const OF_PAPERS: [&str; 3] = [field::ID, field::PAPER, field::FIRST_INDEXED];

impl Milvus {
    /// The vector of a row as at rest; `None` where there is no text.
    pub(crate) fn values_of(&self, row: Row<'_>) -> Result<Option<Vec<f16>>, EngineError> {
        if !self.client.told(row.flag(field::HAS_TEXT))? {
            return Ok(None);
        }
        let values = self.client.told(row.vector(field::VECTOR))?;
        Ok(Some(values.iter().map(|value| f16::from_f32(*value)).collect()))
    }

    /// A vector of norm 1, of its form at rest.
    pub(crate) fn unit_of(&self, values: &[f16]) -> Result<UnitVector, EngineError> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        UnitVector::from_f16_le_bytes(&bytes).map_err(|error| self.client.away(&error))
    }

    fn vector_of(&self, row: Row<'_>) -> Result<Option<UnitVector>, EngineError> {
        self.values_of(row)?.map(|values| self.unit_of(&values)).transpose()
    }

    /// The paper of a row, which is named by `key`.
    pub(crate) fn stored(&self, row: Row<'_>, key: Key) -> Result<StoredPaper, EngineError> {
        let paper = PaperRow::paper_of(self.client.told(row.texts(field::PAPER))?);
        let paper = paper.map_err(|source| {
            let id = row.text(field::ID).unwrap_or_default();
            EngineError::DamagedRow { place: format!("paper `{id}`"), source }
        })?;
        let first_indexed = self.client.told(row.text(field::FIRST_INDEXED))?.to_owned();
        Ok(StoredPaper { row: key, first_indexed, paper })
    }

    fn put(&self, cancel: &Cancel, columns: Columns, dim: usize) -> Result<(), EngineError> {
        match columns.ids.len() {
            0 => Ok(()),
            n_rows => self.client.upsert(cancel, columns.into_fields(dim), n_rows),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Milvus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Milvus").field("name", &self.client.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read() {
        assert_eq!(release_of("v2.6.3"), Some((2, 6)));
        assert_eq!(release_of("2.5-20250101-abc"), Some((2, 5)));
        assert_eq!(release_of("milvus_lite-3.2.2"), Some((3, 2)));
        assert_eq!(release_of("2.3.5").map(|release| release < OLDEST), Some(true));
        for version in ["", "v", "master", "9", "99999999999999999999999.1"] {
            assert_eq!(release_of(version), None, "{version:?}");
        }
    }
}
