//! Changes in memory, for a process that does not write the files.
//!
//! What came since the files were read is in segments of their own, made by tantivy as those in files are, but in
//! memory; a row of the files that was replaced or deleted is taken out of its segment. So every score is what it
//! would be if the files had the changes.

use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use tantivy::directory::{OwnedBytes, RamDirectory};
use tantivy::fastfield::{AliveBitSet, write_alive_bitset};
use tantivy::indexer::merge_filtered_segments;
use tantivy::{BitSet, Index, IndexSettings, SegmentReader, SingleSegmentIndexWriter};

use crate::document::Document;
use crate::schema;
use crate::snapshot::{Segment, Snapshot};

/// What tantivy plans its table of terms for; the table grows where there are more.
const PLANNED_BYTES: usize = 3_000_000;

/// A change in the making.
#[derive(Default)]
pub(crate) struct Batch {
    /// Made with the first document.
    writer: Option<SingleSegmentIndexWriter>,
    n_documents: u32,
    /// The document of each row that lives.
    documents: HashMap<u32, u32>,
    /// Documents whose row was replaced or deleted by the same change.
    dead: RoaringBitmap,
    /// Rows that no earlier segment has from now on.
    gone: RoaringBitmap,
}

impl Batch {
    pub(crate) fn upsert(&mut self, row: u32, document: &Document) -> tantivy::Result<()> {
        self.delete(row);
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let builder = Index::builder().schema(schema::schema()).tokenizers(schema::tokenizers());
                none.insert(builder.single_segment_index_writer(RamDirectory::create(), PLANNED_BYTES)?)
            }
        };
        writer.add_document(schema::tantivy_document(row, document))?;
        self.documents.insert(row, self.n_documents);
        self.n_documents += 1;
        Ok(())
    }

    pub(crate) fn delete(&mut self, row: u32) {
        self.gone.insert(row);
        self.dead.extend(self.documents.remove(&row));
    }

    /// The snapshot before with the change made.
    pub(crate) fn apply(self, before: &Snapshot, generation: u64) -> tantivy::Result<Snapshot> {
        let mut segments: Vec<Arc<Segment>> = before.without(&self.gone);
        if let Some(writer) = self.writer {
            segments.push(Arc::new(open(&writer.finalize()?, self.dead)?));
        }
        segments.retain(|segment| !segment.is_in_memory() || segment.n_live() > 0);
        fold(&mut segments)?;
        Ok(before.with_segments(generation, segments))
    }
}

/// The one segment of an index in memory.
fn open(index: &Index, dead: RoaringBitmap) -> tantivy::Result<Segment> {
    let handles = index.searchable_segments()?;
    let handle = handles.into_iter().next().ok_or_else(|| {
        tantivy::TantivyError::InternalError("an index in memory has no segment".to_owned())
    })?;
    Ok(Segment::new(SegmentReader::open(&handle)?)?.in_memory(handle).without(&dead))
}

/// Makes one of the last segments in memory while the last is not much smaller than the one before it, so that there
/// are few, and a document is copied a number of times that grows with the logarithm of their number.
fn fold(segments: &mut Vec<Arc<Segment>>) -> tantivy::Result<()> {
    while let [.., before, last] = &segments[..]
        && let (Some(first), Some(second)) = (before.handle(), last.handle())
        && before.n_live() <= 2 * last.n_live()
    {
        let alive = [before, last].map(|segment| Some(alive(segment)));
        let handles = [first.clone(), second.clone()];
        let directory = RamDirectory::create();
        let merged = merge_filtered_segments(&handles, IndexSettings::default(), alive.to_vec(), directory)?;
        let merged = open(&merged, RoaringBitmap::new())?;
        segments.truncate(segments.len() - 2);
        segments.push(Arc::new(merged));
    }
    Ok(())
}

/// The documents of a segment that live.
fn alive(segment: &Segment) -> AliveBitSet {
    let n_documents = segment.n_documents();
    let mut alive = BitSet::with_max_value_and_full(n_documents);
    (0..n_documents).filter(|&document| segment.is_dead(document)).for_each(|dead| alive.remove(dead));
    let mut bytes = Vec::new();
    write_alive_bitset(&alive, &mut bytes).expect("a vector takes whatever is written");
    AliveBitSet::open(OwnedBytes::new(bytes))
}
