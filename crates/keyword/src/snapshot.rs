//! What readers hold.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roaring::RoaringBitmap;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::SegmentId;
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, IndexMeta, InvertedIndexReader, SegmentMeta, SegmentReader, TERMINATED};

use crate::document::Field;
use crate::error::{KeywordError, guarded, of_tantivy};
use crate::index::SegmentStatus;
use crate::schema;
use crate::scoring::Scoring;
use crate::stamp::Stamp;

/// An index at one moment, to be searched. Cheap to hold; a file that a merge has replaced stays readable
/// as long as a snapshot holds it.
///
/// Rows stand in it by *place*: those of the first segment, then those of the next, dead ones included.
#[derive(Clone)]
pub struct Snapshot {
    /// The folder, for messages.
    dir: PathBuf,
    generation: u64,
    segments: Vec<Arc<Segment>>,
    /// The first place of each segment.
    bases: Vec<u32>,
    n_places: usize,
    /// Rows that live, ascending.
    rows: Vec<u32>,
    /// The place of each of them.
    places: Vec<u32>,
    scoring: Scoring,
    /// For each place `k1 · (1 - b + b · length / average length)`.
    norms: Vec<f32>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("generation", &self.generation)
            .field("n_rows", &self.len())
            .field("n_segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

/// A segment, in files or in memory.
#[derive(Clone)]
pub(crate) struct Segment {
    reader: SegmentReader,
    /// The terms and postings of each field, in order of [`Field::ALL`].
    pub(crate) postings: Vec<Arc<InvertedIndexReader>>,
    /// The words as they are spelled.
    pub(crate) spellings: Arc<InvertedIndexReader>,
    /// The row of each document.
    pub(crate) rows: Arc<[u32]>,
    /// How long the title and abstract of each document are, in terms. tantivy rounds lengths above 40
    /// down, by at most an eighth.
    lengths: Arc<[[u32; 2]]>,
    /// Documents whose rows were deleted or replaced in memory.
    taken_out: RoaringBitmap,
    /// By which tantivy merges it; `None` for a segment in files.
    handle: Option<tantivy::Segment>,
    /// Its files, as they were checked.
    files: Vec<Stamp>,
}

impl Segment {
    pub(crate) fn new(reader: SegmentReader) -> tantivy::Result<Self> {
        let postings = Field::ALL.iter().map(|&field| reader.inverted_index(schema::number_of(field)));
        let postings = postings.collect::<Result<Vec<_>, _>>()?;
        let n_docs = reader.max_doc();
        let column = reader.fast_fields().u64(schema::row_column())?.first_or_default_col(0);
        let mut values = vec![0; n_docs as usize];
        column.get_range(0, &mut values);
        let title = reader.get_fieldnorms_reader(schema::number_of(Field::Title))?;
        let abstract_text = reader.get_fieldnorms_reader(schema::number_of(Field::Abstract))?;
        let length = |norms: &FieldNormReader, doc| norms.fieldnorm(doc);
        Ok(Self {
            postings,
            spellings: reader.inverted_index(schema::number_of_spellings())?,
            rows: values.into_iter().map(|row| row as u32).collect(),
            lengths: (0..n_docs).map(|doc| [length(&title, doc), length(&abstract_text, doc)]).collect(),
            taken_out: RoaringBitmap::new(),
            handle: None,
            files: Vec::new(),
            reader,
        })
    }

    /// The same, of files that were checked.
    pub(crate) fn of_files(self, files: Vec<Stamp>) -> Self {
        Self { files, ..self }
    }

    pub(crate) fn files(&self) -> &[Stamp] {
        &self.files
    }

    /// The same, said to be in memory.
    pub(crate) fn in_memory(self, handle: tantivy::Segment) -> Self {
        Self { handle: Some(handle), ..self }
    }

    /// The same without some documents.
    pub(crate) fn without(mut self, documents: &RoaringBitmap) -> Self {
        self.taken_out |= documents;
        self
    }

    pub(crate) fn handle(&self) -> Option<&tantivy::Segment> {
        self.handle.as_ref()
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.handle.is_some()
    }

    /// Dead ones included.
    pub(crate) fn n_documents(&self) -> u32 {
        self.rows.len() as u32
    }

    pub(crate) fn n_live(&self) -> usize {
        self.rows.len() - self.n_dead()
    }

    fn n_dead(&self) -> usize {
        // Only documents that lived were taken out.
        self.reader.num_deleted_docs() as usize + self.taken_out.len() as usize
    }

    /// Whether it is the segment of a list, with the same rows dead.
    pub(crate) fn shows(&self, meta: &SegmentMeta) -> bool {
        self.reader.segment_id() == meta.id() && self.reader.delete_opstamp() == meta.delete_opstamp()
    }

    /// Whether it has as many rows as a list says.
    pub(crate) fn is_as(&self, meta: &SegmentMeta) -> bool {
        self.reader.max_doc() == meta.max_doc() && self.reader.num_docs() == meta.num_docs()
    }

    pub(crate) fn has_dead(&self) -> bool {
        self.reader.has_deletes() || !self.taken_out.is_empty()
    }

    pub(crate) fn is_dead(&self, doc: DocId) -> bool {
        self.reader.is_deleted(doc) || self.taken_out.contains(doc)
    }

    /// How many documents that live have a term. The dictionaries have terms of dead ones, too.
    pub(crate) fn n_live_with(&self, terms: &InvertedIndexReader, term: &TermInfo) -> tantivy::Result<u64> {
        if !self.has_dead() {
            return Ok(u64::from(term.doc_freq));
        }
        let mut postings = terms.read_postings_from_terminfo(term, IndexRecordOption::Basic)?;
        let mut n_live = 0;
        while postings.doc() != TERMINATED {
            n_live += u64::from(!self.is_dead(postings.doc()));
            postings.advance();
        }
        Ok(n_live)
    }
}

impl Snapshot {
    /// A snapshot of nothing, at generation 0.
    pub(crate) fn empty(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            generation: 0,
            segments: Vec::new(),
            bases: Vec::new(),
            n_places: 0,
            rows: Vec::new(),
            places: Vec::new(),
            scoring: Scoring::default(),
            norms: Vec::new(),
        }
    }

    pub(crate) fn new(dir: &Path, generation: u64, segments: Vec<Arc<Segment>>) -> Self {
        let mut snapshot = Self { generation, ..Self::empty(dir) };
        let mut live = Vec::new();
        for segment in &segments {
            let base = snapshot.n_places as u32;
            snapshot.bases.push(base);
            let docs = (0u32..).zip(&*segment.rows).filter(|&(doc, _)| !segment.is_dead(doc));
            live.extend(docs.map(|(doc, &row)| (row, base + doc)));
            snapshot.n_places += segment.rows.len();
        }
        live.sort_unstable();
        (snapshot.rows, snapshot.places) = live.into_iter().unzip();
        snapshot.segments = segments;
        snapshot
    }

    /// The same rows, scored otherwise.
    #[must_use]
    pub fn with_scoring(mut self, scoring: Scoring) -> Self {
        let lengths = || self.segments.iter().flat_map(|segment| &*segment.lengths);
        let length = |&[title, abstract_text]: &[u32; 2]| {
            f64::from(scoring.title) * f64::from(title) + f64::from(abstract_text)
        };
        // Whole numbers, so that the order of segments changes nothing.
        let mut sums = [0u64; 2];
        for segment in &self.segments {
            for (doc, lengths) in (0u32..).zip(&*segment.lengths) {
                if !segment.is_dead(doc) {
                    sums[0] += u64::from(lengths[0]);
                    sums[1] += u64::from(lengths[1]);
                }
            }
        }
        let total = f64::from(scoring.title) * sums[0] as f64 + sums[1] as f64;
        let average = if total > 0.0 { total / self.rows.len() as f64 } else { 1.0 };
        let (k1, b) = (f64::from(scoring.k1), f64::from(scoring.b));
        self.norms =
            lengths().map(|lengths| (k1 * (1.0 - b + b * length(lengths) / average)) as f32).collect();
        self.scoring = scoring;
        self
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The generation of the store that it shows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a row is here.
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        self.place_of(row).is_some()
    }

    /// The rows, ascending.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// How rows are scored.
    #[must_use]
    pub fn scoring(&self) -> Scoring {
        self.scoring
    }

    /// The place of each row, in order of row.
    pub(crate) fn places(&self) -> &[u32] {
        &self.places
    }

    pub(crate) fn place_of(&self, row: u32) -> Option<usize> {
        self.rows.binary_search(&row).ok().map(|at| self.places[at] as usize)
    }

    pub(crate) fn n_places(&self) -> usize {
        self.n_places
    }

    pub(crate) fn norms(&self) -> &[f32] {
        &self.norms
    }

    /// Each segment with its first place.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&Segment, u32)> {
        self.segments.iter().map(|segment| &**segment).zip(self.bases.iter().copied())
    }

    /// The segment of a place, and the document there.
    pub(crate) fn document_at(&self, place: usize) -> (&Segment, DocId) {
        let at = self.bases.partition_point(|&base| base as usize <= place) - 1;
        (&self.segments[at], place as u32 - self.bases[at])
    }

    /// The segments, with some rows taken out of them.
    pub(crate) fn without(&self, rows: &RoaringBitmap) -> Vec<Arc<Segment>> {
        let mut taken_out = vec![RoaringBitmap::new(); self.segments.len()];
        for place in rows.iter().filter_map(|row| self.place_of(row)) {
            let at = self.bases.partition_point(|&base| base as usize <= place) - 1;
            taken_out[at].insert(place as u32 - self.bases[at]);
        }
        let segments = self.segments.iter().zip(taken_out);
        let without = segments.map(|(segment, documents)| match documents.is_empty() {
            true => Arc::clone(segment),
            false => Arc::new(Segment::clone(segment).without(&documents)),
        });
        without.collect()
    }

    /// Other segments, scored in the same way.
    pub(crate) fn with_segments(&self, generation: u64, segments: Vec<Arc<Segment>>) -> Self {
        Self::new(&self.dir, generation, segments).with_scoring(self.scoring)
    }

    /// Runs what reads postings. Bytes that are not as they were when they were checked give an error.
    pub(crate) fn searching<T>(&self, work: impl FnOnce() -> tantivy::Result<T>) -> Result<T, KeywordError> {
        guarded("search", &self.dir, || work().map_err(of_tantivy("search", &self.dir)))
    }

    /// Whether all files are as they were checked.
    ///
    /// # Errors
    /// [`KeywordError::Damaged`] if one was written to since.
    pub fn check_files(&self) -> Result<(), KeywordError> {
        self.segments.iter().flat_map(|segment| &segment.files).try_for_each(Stamp::check)
    }

    /// Rows in memory, dead ones included.
    pub(crate) fn n_in_memory(&self) -> usize {
        let in_memory = self.segments.iter().filter(|segment| segment.is_in_memory());
        in_memory.map(|segment| segment.rows.len()).sum()
    }

    pub(crate) fn segment(&self, id: SegmentId) -> Option<Arc<Segment>> {
        self.segments.iter().find(|segment| segment.reader.segment_id() == id).cloned()
    }

    /// Whether this is the state of a list.
    pub(crate) fn shows(&self, meta: &IndexMeta, generation: u64) -> bool {
        self.generation == generation
            && self.segments.len() == meta.segments.len()
            && self.segments.iter().zip(&meta.segments).all(|(segment, meta)| segment.shows(meta))
    }

    pub(crate) fn segment_statuses(&self) -> Vec<SegmentStatus> {
        let mut statuses: Vec<_> = self
            .segments
            .iter()
            .map(|segment| SegmentStatus {
                name: match segment.is_in_memory() {
                    true => "memory".to_owned(),
                    false => segment.reader.segment_id().uuid_string(),
                },
                n_rows: segment.rows.len(),
                n_dead: segment.n_dead(),
            })
            .collect();
        statuses.sort_by_key(|status| std::cmp::Reverse(status.n_rows));
        statuses
    }
}
