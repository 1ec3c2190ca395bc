//! Changing the files.

use std::cmp::Reverse;
use std::fmt;
use std::sync::MutexGuard;

use roaring::RoaringBitmap;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, MergeCandidate, MergePolicy};
use tantivy::{Index, IndexSettings, IndexWriter, SegmentMeta};

use crate::directory::SealedDirectory;
use crate::document::Document;
use crate::error::{KeywordError, guarded, of_tantivy};
use crate::index::{Access, KeywordIndex, KeywordOptions};
use crate::load::Payload;
use crate::memory::Batch;
use crate::schema;
use crate::snapshot::Snapshot;
use crate::verified::OpenFiles;

/// The least that tantivy takes for a thread.
const MIN_BUDGET_PER_THREAD: usize = 15_000_000;
/// More would be of no use: tantivy's counters are of 32 bits.
const MAX_BUDGET_PER_THREAD: usize = 2_000_000_000;
/// Threads that index, if nothing else is said: more would wait for whoever gives the documents.
const MAX_THREADS: usize = 4;
/// A segment of which more than this share is dead is rewritten.
const MAX_DEAD: f32 = 0.2;

/// A segment of as many rows or more is merged with the next one that is more than half as large.
const LARGE: u32 = 10_000;
/// Larger segments are not made of others.
const MAX_MERGED: u32 = 100_000_000;

/// Which segments become one. A query reads each of its words in each segment, so there are to be few: small ones are
/// merged as tantivy does by itself, and each large one is less than half the one before, as the bits of a number are.
#[derive(Debug)]
struct Halving(LogMergePolicy);

impl MergePolicy for Halving {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let mut candidates = self.0.compute_merge_candidates(segments);
        let is_taken =
            |segment: &SegmentMeta| candidates.iter().any(|merged| merged.0.contains(&segment.id()));
        let mut large: Vec<&SegmentMeta> =
            segments.iter().filter(|segment| segment.num_docs() >= LARGE && !is_taken(segment)).collect();
        large.sort_by_key(|segment| Reverse(segment.num_docs()));
        let alike = large.windows(2).rev().find(|two| {
            let (larger, smaller) = (two[0].num_docs(), two[1].num_docs());
            2 * u64::from(smaller) > u64::from(larger) && larger.saturating_add(smaller) <= MAX_MERGED
        });
        candidates.extend(alike.map(|two| MergeCandidate(two.iter().map(|segment| segment.id()).collect())));
        candidates
    }
}

/// tantivy's writer, and the folder that it writes to.
pub(crate) struct Writer {
    /// `None` only while it is being dropped.
    writer: Option<IndexWriter>,
    directory: SealedDirectory,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Writer {
    /// A writer of a new index in an empty folder, which holds nothing at generation 0.
    pub(crate) fn create(options: &KeywordOptions, open_files: &OpenFiles) -> Result<Self, KeywordError> {
        let failed = of_tantivy("make", &options.dir);
        let directory = SealedDirectory::open(&options.dir, open_files).map_err(&failed)?;
        let index = Index::create(directory.clone(), schema::schema(), IndexSettings::default());
        let mut writer = Self::of(index.map_err(&failed)?, directory, options)?;
        writer.commit(Payload::new(options, 0)).map_err(&failed)?;
        Ok(writer)
    }

    /// The writer, made if there is none yet.
    pub(crate) fn get<'a>(
        writer: &'a mut Option<Self>,
        options: &KeywordOptions,
        open_files: &OpenFiles,
    ) -> Result<&'a mut Self, KeywordError> {
        if writer.is_none() {
            let failed = of_tantivy("write", &options.dir);
            let directory = SealedDirectory::open(&options.dir, open_files).map_err(&failed)?;
            let index = Index::open(directory.clone()).map_err(&failed)?;
            *writer = Some(Self::of(index, directory, options)?);
        }
        Ok(writer.as_mut().expect("it was made above"))
    }

    fn of(
        mut index: Index,
        directory: SealedDirectory,
        options: &KeywordOptions,
    ) -> Result<Self, KeywordError> {
        index.set_tokenizers(schema::tokenizers());
        let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let n_threads = options.n_threads.unwrap_or(n_cores.min(MAX_THREADS)).max(1);
        let n_threads = n_threads.min((options.memory_budget / MIN_BUDGET_PER_THREAD).max(1));
        let budget = (options.memory_budget / n_threads).clamp(MIN_BUDGET_PER_THREAD, MAX_BUDGET_PER_THREAD);
        let writer_options = IndexWriterOptions::builder()
            .num_worker_threads(n_threads)
            .memory_budget_per_thread(budget)
            .num_merge_threads(1)
            .build();
        let writer: IndexWriter =
            index.writer_with_options(writer_options).map_err(of_tantivy("write", &options.dir))?;
        let mut policy = LogMergePolicy::default();
        policy.set_del_docs_ratio_before_merge(MAX_DEAD);
        writer.set_merge_policy(Box::new(Halving(policy)));
        Ok(Self { writer: Some(writer), directory })
    }

    /// Merges all segments into one, unless they are.
    pub(crate) fn merge_all(
        writer: &mut Option<Self>,
        options: &KeywordOptions,
        open_files: &OpenFiles,
    ) -> Result<(), KeywordError> {
        let failed = of_tantivy("merge", &options.dir);
        // Segments that are being merged already cannot be merged again before that has ended.
        Self::finish_merges(writer, options)?;
        let writer = Self::get(writer, options, open_files)?.tantivy();
        let metas = writer.index().searchable_segment_metas().map_err(&failed)?;
        if metas.len() < 2 && metas.iter().all(|meta| meta.num_deleted_docs() == 0) {
            return Ok(());
        }
        let ids: Vec<_> = metas.iter().map(tantivy::SegmentMeta::id).collect();
        writer.merge(&ids).wait().map_err(&failed)?;
        // tantivy keeps the files of a segment for as long as somebody has its description.
        drop(metas);
        writer.garbage_collect_files().wait().map_err(&failed).map(drop)
    }

    /// Waits for the merges that are under way.
    pub(crate) fn finish_merges(
        writer: &mut Option<Self>,
        options: &KeywordOptions,
    ) -> Result<(), KeywordError> {
        if let Some(mut busy) = writer.take()
            && let Some(busy) = busy.writer.take()
        {
            busy.wait_merging_threads().map_err(of_tantivy("merge", &options.dir))?;
        }
        Ok(())
    }

    fn commit(&mut self, payload: Payload) -> tantivy::Result<()> {
        let mut prepared = self.tantivy().prepare_commit()?;
        prepared.set_payload(&payload.encode());
        prepared.commit().map(drop)
    }

    fn tantivy(&mut self) -> &mut IndexWriter {
        self.writer.as_mut().expect("only drop takes it")
    }
}

impl Drop for Writer {
    /// Takes back what was not committed, cuts merges short, and waits for the threads to end: after this
    /// nothing writes to the folder any more.
    fn drop(&mut self) {
        self.directory.stop_writing();
        if let Some(writer) = self.writer.take()
            && let Err(error) = writer.wait_merging_threads()
        {
            tracing::debug!("the keyword index was closed while it was being written: {error}");
        }
    }
}

/// A change in the making, from [`KeywordIndex::begin`]. Dropped without [`commit`](Self::commit), it never
/// was.
pub struct Update<'a> {
    index: &'a KeywordIndex,
    writer: MutexGuard<'a, Option<Writer>>,
    /// The change, where it is one in memory.
    in_memory: Option<Batch>,
    /// What was there when it began.
    before: std::sync::Arc<Snapshot>,
    /// Rows added since.
    added: RoaringBitmap,
    is_changed: bool,
}

impl<'a> Update<'a> {
    pub(crate) fn begin(
        index: &'a KeywordIndex,
        mut writer: MutexGuard<'a, Option<Writer>>,
    ) -> Result<Self, KeywordError> {
        let in_memory = match index.options.access {
            Access::Read => Some(Batch::default()),
            Access::Write => {
                // Also where the last commit could not be read back.
                index.reload()?;
                // What tantivy cannot read while it merges would be merged by no later commit either.
                index.snapshot().check_files()?;
                guarded("write", &index.options.dir, || {
                    Writer::get(&mut writer, &index.options, &index.open_files).map(drop)
                })?;
                None
            }
        };
        let before = index.snapshot();
        let added = RoaringBitmap::new();
        Ok(Self { index, writer, in_memory, before, added, is_changed: false })
    }

    /// Adds a row, or replaces it.
    ///
    /// # Errors
    /// [`KeywordError::Tantivy`]; the update is of no use then.
    pub fn upsert(&mut self, row: u32, document: &Document) -> Result<(), KeywordError> {
        if let Some(batch) = &mut self.in_memory {
            let dir = &self.index.options.dir;
            return guarded("write", dir, || batch.upsert(row, document).map_err(of_tantivy("write", dir)));
        }
        self.delete(row)?;
        let document = schema::tantivy_document(row, document);
        self.with_tantivy(|tantivy| tantivy.add_document(document).map(drop))?;
        self.added.insert(row);
        Ok(())
    }

    /// Takes a row out; one that is not there is no error.
    ///
    /// # Errors
    /// [`KeywordError::Tantivy`]; the update is of no use then.
    pub fn delete(&mut self, row: u32) -> Result<(), KeywordError> {
        if let Some(batch) = &mut self.in_memory {
            batch.delete(row);
            return Ok(());
        }
        // Deletes are held in memory until the commit, so a first index of millions has none.
        if self.before.contains(row) || self.added.contains(row) {
            self.with_tantivy(|tantivy| {
                tantivy.delete_term(schema::row_term(row));
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Makes the change count, at a generation of the store. When this returns, it is on disk (in memory with
    /// [`Access::Read`]), and every snapshot taken from now on has it.
    ///
    /// # Errors
    /// [`KeywordError::GenerationBackwards`], [`KeywordError::Io`], [`KeywordError::Tantivy`]: the change is
    /// not made then. Errors of [`KeywordIndex::reload`]: it is made, but not in the snapshot.
    pub fn commit(mut self, generation: u64) -> Result<(), KeywordError> {
        let current = self.before.generation();
        if generation < current {
            return Err(KeywordError::GenerationBackwards { current, found: generation });
        }
        let options = &self.index.options;
        if let Some(batch) = self.in_memory.take() {
            let apply = || batch.apply(&self.before, generation).map_err(of_tantivy("write", &options.dir));
            self.index.show(guarded("write", &options.dir, apply)?);
            return Ok(());
        }
        self.is_changed = true;
        self.before.check_files()?;
        guarded("commit", &options.dir, || {
            let writer = Writer::get(&mut self.writer, options, &self.index.open_files)?;
            writer.commit(Payload::new(options, generation)).map_err(of_tantivy("commit", &options.dir))
        })?;
        self.is_changed = false;
        self.index.reload().map(drop)
    }

    fn with_tantivy(
        &mut self,
        work: impl FnOnce(&mut IndexWriter) -> tantivy::Result<()>,
    ) -> Result<(), KeywordError> {
        let options = &self.index.options;
        self.is_changed = true;
        guarded("write", &options.dir, || {
            let writer = Writer::get(&mut self.writer, options, &self.index.open_files)?;
            work(writer.tantivy()).map_err(of_tantivy("write", &options.dir))
        })
    }
}

impl fmt::Debug for Update<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Drop for Update<'_> {
    fn drop(&mut self) {
        if self.is_changed {
            // The next begins with a new one, which knows only what was committed.
            *self.writer = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_segments_become_few() {
        let folder = tempfile::tempdir().unwrap();
        let options = KeywordOptions {
            access: Access::Write,
            n_threads: Some(1),
            ..KeywordOptions::new(folder.path(), [7; 32])
        };
        let index = KeywordIndex::create(options).unwrap();
        let mut next = 0;
        let mut add = |n_rows: u32| {
            let mut update = index.begin().unwrap();
            for row in next..next + n_rows {
                let title = format!("paper {}", row % 100);
                update.upsert(row, &Document { title, ..Document::default() }).unwrap();
            }
            next += n_rows;
            update.commit(u64::from(next)).unwrap();
            index.finish_merges().unwrap();
            index.snapshot().parts().map(|(segment, _)| segment.rows.len() as u32).collect::<Vec<_>>()
        };
        assert_eq!(add(LARGE), [LARGE]);
        assert_eq!(add(LARGE), [2 * LARGE]);
        let mut sizes = add(LARGE);
        sizes.sort_unstable();
        assert_eq!(sizes, [LARGE, 2 * LARGE]);
        assert_eq!(add(LARGE), [4 * LARGE]);
        // A small one stays by itself until there are more.
        let mut sizes = add(10);
        sizes.sort_unstable();
        assert_eq!(sizes, [10, 4 * LARGE]);
        let found = index.snapshot().count(&crate::Query::parse("7"), None).unwrap();
        assert_eq!(found, u64::from(4 * LARGE / 100) + 1);
    }
}
