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
use crate::expression;
use crate::layout::{
    AVERAGE_LENGTH, Described, MAX_PARTS, MAX_TEXT_BYTES, MAX_VALUES, PROPERTY, Row as PaperRow, SCHEMA,
    field, term_key,
};
use crate::messages::{CollectionSchema, FieldData, FieldSchema, KeyValuePair, kind};
use crate::moment::Moment;
use crate::rows::Row;

/// How long it is believed how many papers have a term.
const COUNTS_LIFE: Duration = Duration::from_secs(300);
/// Terms whose counts are remembered at the most.
const MAX_COUNTS: usize = 1_000_000;
/// Papers that are read whole to count their terms.
const FEW_PAPERS: u64 = 50_000;
/// Papers of one title that are given at the most.
const MAX_OF_TITLE: usize = 100;
/// Papers that are read at a time.
const SCAN_ROWS: usize = 5_000;
/// Questions that are asked at the same time.
const N_QUESTIONS: usize = 8;
/// How long it is believed what the collection says of itself.
const DESCRIPTION_LIFE: Duration = Duration::from_secs(30);
/// The oldest release that has all that is asked for.
const OLDEST: (u64, u64) = (2, 5);
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
    counts: Mutex<Counts>,
}

/// What was counted, and when.
#[derive(Default)]
struct Counts {
    n_papers: Option<(u64, Instant)>,
    /// When the terms of all papers were.
    of_all: Option<Instant>,
    /// Papers that have a term, by its key.
    of_terms: HashMap<u32, (u64, Instant)>,
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
        Ok(Self { client, collection: Mutex::new(None), counts: Mutex::default() })
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

    /// How many papers there are, and how many have each of these terms, as it was in the last minutes.
    pub(crate) fn counted(
        &self,
        cancel: &Cancel,
        client: &Client,
        terms: &[&str],
    ) -> Result<(u64, HashMap<String, u64>), EngineError> {
        let is_fresh = |since: &Instant| since.elapsed() < COUNTS_LIFE;
        let keys: HashMap<&str, u32> = terms.iter().map(|term| (*term, term_key(term))).collect();
        let (known, missing, has_all) = {
            let counts = lock(&self.counts);
            let known = counts.n_papers.filter(|(_, since)| is_fresh(since)).map(|(n, _)| n);
            let of_terms = |key: &u32| counts.of_terms.get(key).is_some_and(|(_, since)| is_fresh(since));
            let missing: Vec<u32> = keys.values().copied().filter(|key| !of_terms(key)).collect();
            (known, missing, counts.of_all.as_ref().is_some_and(is_fresh))
        };
        let n_papers = match known {
            Some(n) => n,
            None => client.count(cancel, "")?,
        };
        let is_few = n_papers <= FEW_PAPERS;
        let reads_all = is_few && !has_all && !missing.is_empty();
        let found: Vec<(u32, u64)> = match (reads_all, is_few) {
            (true, _) => counts_of_all(cancel, client)?.into_iter().collect(),
            // What was not there when all were read is counted as nothing until they are read again.
            (false, true) => Vec::new(),
            (false, false) => counts_of_some(cancel, client, &missing)?,
        };
        let mut counts = lock(&self.counts);
        if counts.of_terms.len() + found.len() > MAX_COUNTS {
            (counts.of_terms, counts.of_all) = (HashMap::new(), None);
        }
        let now = Instant::now();
        if known.is_none() {
            counts.n_papers = Some((n_papers, now));
        }
        if reads_all {
            counts.of_all = Some(now);
        }
        counts.of_terms.extend(found.iter().map(|(key, n)| (*key, (*n, now))));
        let of_term = |key: &u32| counts.of_terms.get(key).map_or(0, |(n, _)| *n);
        let n_with = keys.iter().map(|(term, key)| ((*term).to_owned(), of_term(key))).collect();
        Ok((n_papers, n_with))
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

/// How many papers have each term that there is: one reading of all papers costs less than many questions where there
/// are few.
fn counts_of_all(cancel: &Cancel, client: &Client) -> Result<HashMap<u32, u64>, EngineError> {
    let mut counts: HashMap<u32, u64> = HashMap::new();
    let mut last = String::new();
    loop {
        let rows = client.rows_after(cancel, ("", &last, SCAN_ROWS), &[field::ID, field::SPARSE])?;
        for row in rows.iter() {
            for key in client.told(row.sparse(field::SPARSE))?.keys() {
                *counts.entry(*key).or_default() += 1;
            }
            last = client.told(row.text(field::ID))?.to_owned();
        }
        if rows.len() < SCAN_ROWS {
            return Ok(counts);
        }
    }
}

/// How many papers have each of these terms, of which some are asked for at a time.
fn counts_of_some(cancel: &Cancel, client: &Client, keys: &[u32]) -> Result<Vec<(u32, u64)>, EngineError> {
    let count = |key: &u32| Ok((*key, client.count(cancel, &expression::of_key(*key))?));
    let counted: Vec<Result<Vec<(u32, u64)>, EngineError>> = std::thread::scope(|scope| {
        let parts = keys.chunks(keys.len().div_ceil(N_QUESTIONS).max(1));
        let threads: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().map(count).collect())).collect();
        let gone = || EngineError::ThreadGone { thread: "counting" };
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(gone()))).collect()
    });
    Ok(counted.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

/// The release that a server tells: `v2.6.3` and `milvus_lite-3.2.2` are (2, 6) and (3, 2).
fn release_of(version: &str) -> Option<(u64, u64)> {
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

/// Values of papers on their way, field by field.
#[derive(Default)]
struct Columns {
    ids: Vec<String>,
    vectors: Vec<Vec<f32>>,
    sparse: Vec<std::collections::BTreeMap<u32, f32>>,
    terms: Vec<Vec<i64>>,
    papers: Vec<Vec<String>>,
    years: Vec<i64>,
    days: Vec<i64>,
    categories: Vec<Vec<String>>,
    category_names: Vec<Vec<String>>,
    authors: Vec<Vec<i64>>,
    venues: Vec<String>,
    venue_names: Vec<String>,
    identifiers: Vec<Vec<String>>,
    titles: Vec<i64>,
    has_abstract: Vec<bool>,
    has_text: Vec<bool>,
    text_hashes: Vec<String>,
    paper_hashes: Vec<String>,
    first_indexed: Vec<String>,
    n_bytes: usize,
}

impl Columns {
    fn push(&mut self, row: PaperRow, upsert: &Upsert<'_>, dim: usize) {
        let bytes_of = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        self.n_bytes += bytes_of(&row.paper) + 2 * bytes_of(&row.categories) + bytes_of(&row.identifiers);
        self.n_bytes += row.sparse.len() * 8 + row.terms.len() * 8 + row.authors.len() * 8 + dim * 4 + 512;
        self.vectors.push(match upsert.vector {
            // As they lie on this machine, so that scores are the same.
            Some(vector) => values_at_rest(vector),
            // Some vector there must be; it is in no ranking.
            None => (0..dim).map(|at| f32::from(u8::from(at == 0))).collect(),
        });
        self.has_text.push(row.has_text && upsert.vector.is_some());
        self.ids.push(row.id);
        self.sparse.push(row.sparse);
        self.terms.push(row.terms);
        self.papers.push(row.paper);
        self.years.push(row.year);
        self.days.push(row.day);
        self.categories.push(row.categories);
        self.category_names.push(row.category_names);
        self.authors.push(row.authors);
        self.venues.push(row.venue);
        self.venue_names.push(row.venue_name);
        self.identifiers.push(row.identifiers);
        self.titles.push(row.title);
        self.has_abstract.push(row.has_abstract);
        self.text_hashes.push(hex(&upsert.known.text_hash));
        self.paper_hashes.push(hex(&upsert.known.paper_hash));
        self.first_indexed.push(upsert.known.first_indexed.clone());
    }

    fn into_fields(self, dim: usize) -> Vec<FieldData> {
        vec![
            FieldData::texts(field::ID, self.ids),
            FieldData::vectors(field::VECTOR, dim, &self.vectors),
            FieldData::sparse(field::SPARSE, &self.sparse),
            FieldData::lists_of_numbers(field::TERMS, self.terms),
            FieldData::lists_of_texts(field::PAPER, self.papers),
            FieldData::numbers(field::YEAR, self.years),
            FieldData::numbers(field::DAY, self.days),
            FieldData::lists_of_texts(field::CATEGORIES, self.categories),
            FieldData::lists_of_texts(field::CATEGORY_NAMES, self.category_names),
            FieldData::lists_of_numbers(field::AUTHORS, self.authors),
            FieldData::texts(field::VENUE, self.venues),
            FieldData::texts(field::VENUE_NAME, self.venue_names),
            FieldData::lists_of_texts(field::IDENTIFIERS, self.identifiers),
            FieldData::numbers(field::TITLE, self.titles),
            FieldData::flags(field::HAS_ABSTRACT, self.has_abstract),
            FieldData::flags(field::HAS_TEXT, self.has_text),
            FieldData::texts(field::TEXT_HASH, self.text_hashes),
            FieldData::texts(field::PAPER_HASH, self.paper_hashes),
            FieldData::texts(field::FIRST_INDEXED, self.first_indexed),
        ]
    }
}

/// The fields of a collection for vectors of so many components.
fn schema(collection: &str, dim: usize) -> CollectionSchema {
    let plain = |name: &str, data_type: i32, params: &[(&str, usize)]| FieldSchema {
        name: name.to_owned(),
        data_type,
        type_params: params.iter().map(|(key, value)| KeyValuePair::new(key, value.to_string())).collect(),
        ..FieldSchema::default()
    };
    let text = |name: &str, most: usize| plain(name, kind::VARCHAR, &[("max_length", most)]);
    let texts = |name: &str, most: usize| FieldSchema {
        element_type: kind::VARCHAR,
        ..plain(name, kind::ARRAY, &[("max_capacity", most), ("max_length", MAX_TEXT_BYTES)])
    };
    let numbers = |name: &str| FieldSchema {
        element_type: kind::INT64,
        ..plain(name, kind::ARRAY, &[("max_capacity", MAX_VALUES)])
    };
    let number = |name: &str| plain(name, kind::INT64, &[]);
    let flag = |name: &str| plain(name, kind::BOOL, &[]);
    let fields = vec![
        FieldSchema { is_primary_key: true, ..text(field::ID, cognate_corpus::MAX_ID_BYTES) },
        plain(field::VECTOR, kind::FLOAT_VECTOR, &[("dim", dim)]),
        plain(field::SPARSE, kind::SPARSE_FLOAT_VECTOR, &[]),
        numbers(field::TERMS),
        texts(field::PAPER, MAX_PARTS),
        number(field::YEAR),
        number(field::DAY),
        texts(field::CATEGORIES, MAX_VALUES),
        texts(field::CATEGORY_NAMES, MAX_VALUES),
        numbers(field::AUTHORS),
        text(field::VENUE, MAX_TEXT_BYTES),
        text(field::VENUE_NAME, MAX_TEXT_BYTES),
        texts(field::IDENTIFIERS, MAX_VALUES),
        number(field::TITLE),
        flag(field::HAS_ABSTRACT),
        flag(field::HAS_TEXT),
        text(field::TEXT_HASH, 64),
        text(field::PAPER_HASH, 64),
        text(field::FIRST_INDEXED, 64),
    ];
    CollectionSchema { name: collection.to_owned(), description: "Papers of cognate".to_owned(), fields }
}

/// The components of a vector as they lie at rest on this machine.
fn values_at_rest(vector: &UnitVector) -> Vec<f32> {
    let bytes = vector
        .f16_le_bytes_of_rounded()
        .or_else(|| vector.rounded_to_f16().f16_le_bytes_of_rounded())
        .unwrap_or_else(|| vector.to_f16_le_bytes());
    let (values, _) = bytes.as_chunks::<2>();
    values.iter().map(|value| f16::from_le_bytes(*value).to_f32()).collect()
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
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
    fn vectors_come_back_as_they_are_at_rest() {
        let vector = UnitVector::normalize(vec![0.3, -0.7, 0.2, 0.61]).unwrap();
        let values: Vec<f16> = values_at_rest(&vector).iter().map(|value| f16::from_f32(*value)).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let read = UnitVector::from_f16_le_bytes(&bytes).unwrap();
        assert_eq!(read, vector.rounded_to_f16());
        // What came from there goes back as it was.
        assert_eq!(values_at_rest(&read), values_at_rest(&vector));
    }

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

    #[test]
    fn every_field_has_values() {
        let schema = schema("papers", 3);
        let fields = Columns::default().into_fields(3);
        let of_schema: Vec<(&str, i32)> =
            schema.fields.iter().map(|field| (field.name.as_str(), field.data_type)).collect();
        let of_rows: Vec<(&str, i32)> =
            fields.iter().map(|field| (field.field_name.as_str(), field.kind)).collect();
        assert_eq!(of_schema, of_rows);
    }

    #[test]
    fn hashes_are_read_as_they_are_written() {
        let hash: [u8; 32] = std::array::from_fn(|at| (at * 7) as u8);
        assert_eq!(from_hex(&hex(&hash)), Some(hash));
        for text in ["", "0", &"0".repeat(63), &"g".repeat(64), &"ä".repeat(32)] {
            assert_eq!(from_hex(text), None);
        }
    }
}
