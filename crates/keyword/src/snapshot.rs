//! What readers hold.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::SegmentId;
use tantivy::{DocId, IndexMeta, InvertedIndexReader, SegmentMeta, SegmentReader};

use crate::document::Field;
use crate::index::SegmentStatus;
use crate::schema;
use crate::scoring::Scoring;

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

/// A segment of the files.
pub(crate) struct Segment {
    reader: SegmentReader,
    /// The terms and postings of each field, in order of [`Field::ALL`].
    pub(crate) postings: Vec<Arc<InvertedIndexReader>>,
    /// The words as they are spelled.
    pub(crate) spellings: Arc<InvertedIndexReader>,
    /// The row of each document.
    rows: Vec<u32>,
    /// How long the title and abstract of each document are, in terms. tantivy rounds lengths above 40
    /// down, by at most an eighth.
    lengths: Vec<[u32; 2]>,
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
            reader,
        })
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
        self.reader.has_deletes()
    }

    pub(crate) fn is_dead(&self, doc: DocId) -> bool {
        self.reader.is_deleted(doc)
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
            let docs = (0u32..).zip(&segment.rows).filter(|&(doc, _)| !segment.is_dead(doc));
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
        let lengths = || self.segments.iter().flat_map(|segment| &segment.lengths);
        let length = |&[title, abstract_text]: &[u32; 2]| {
            f64::from(scoring.title) * f64::from(title) + f64::from(abstract_text)
        };
        // Whole numbers, so that the order of segments changes nothing.
        let mut sums = [0u64; 2];
        for segment in &self.segments {
            for (doc, lengths) in (0u32..).zip(&segment.lengths) {
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

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
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
                name: segment.reader.segment_id().uuid_string(),
                n_rows: segment.rows.len(),
                n_dead: segment.reader.num_deleted_docs() as usize,
            })
            .collect();
        statuses.sort_by_key(|status| std::cmp::Reverse(status.n_rows));
        statuses
    }
}
