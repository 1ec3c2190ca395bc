//! Sealing, merging and rewriting segments: in the background on threads that leave searches a core, on all cores
//! where somebody waits for it.

use std::sync::{Arc, PoisonError};

use rayon::ThreadPool;

use super::manifest::{Entry, Manifest, segment_name};
use super::snapshot::{Live, Snapshot};
use super::{Access, Collection, GRAPH_FROM, State};
use crate::error::IndexError;
use crate::quantize;
use crate::segment::{self, Segment, Source, WriteParams};

/// Changes in memory are sealed when they exceed this, or [`SEAL_FRACTION`] of the rows.
const SEAL_FROM: usize = 1_000;
/// As a divisor, up to [`SEAL_AT_MOST`] changes.
const SEAL_FRACTION: usize = 20;
/// So many changes are always sealed: a search scans as many rows beside its walks.
const SEAL_AT_MOST: usize = 10_000;
/// Segments of like size that are merged into one. Each costs every query a walk, and each merge
/// costs each of its rows a building: with four, a row is built anew some `log₄ n` times.
const FAN_IN: usize = 4;
/// Sizes are alike within this factor.
const TIER_FACTOR: usize = 4;
/// A segment with more dead rows than one in this many is rewritten; one that is too large for the
/// budget of merges waits for [`Collection::optimize`].
const DEAD_FRACTION: usize = 5;
/// Bytes a row that building takes beside the i8 row: most of it in the graph of `hnsw_rs`.
const BUILD_BYTES: u64 = 3_600;

/// What [`Collection::maintain`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintained {
    /// There was nothing to do.
    Nothing,
    /// Changes in memory were written to a segment.
    Sealed,
    /// Segments were merged into one, or one was rewritten without its dead rows.
    Merged,
}

impl Collection {
    /// Does one step of what is due: seals the changes in memory where they have become many, else
    /// merges segments of like size or rewrites one with many dead rows. To be called by a thread of
    /// the caller after changes, until it says that there was nothing to do. Searches and changes go
    /// on meanwhile.
    ///
    /// # Errors
    /// [`IndexError::Io`], or what building gives; the collection is then as it was.
    pub fn maintain(&self) -> Result<Maintained, IndexError> {
        if self.options.access == Access::Read {
            return Ok(Maintained::Nothing);
        }
        let _working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        snapshot.check_damage()?;
        let n_recent: usize =
            snapshot.segments().iter().filter(|live| !live.segment.is_on_disk()).map(Live::n_live).sum();
        if n_recent > SEAL_FROM.max(snapshot.len() / SEAL_FRACTION).min(SEAL_AT_MOST) {
            self.seal(self.background_pool()?)?;
            return Ok(Maintained::Sealed);
        }
        let numbers = due(&on_disk(&snapshot), self.rows_within(self.options.memory_budget));
        if numbers.is_empty() {
            return Ok(Maintained::Nothing);
        }
        self.rewrite(&numbers, self.background_pool()?)?;
        Ok(Maintained::Merged)
    }

    /// Writes all changes in memory, and all deletes, so that whoever opens the collection finds it
    /// at this generation.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`], and as for [`maintain`](Self::maintain).
    pub fn flush(&self) -> Result<(), IndexError> {
        self.check_access()?;
        let _working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        self.snapshot().check_damage()?;
        self.seal(&self.pool(0)?)
    }

    /// Seals everything and merges it into one segment, or as few as the machine's free memory allows
    /// (`memory_budget`, if that is more): every further segment costs each query a search.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`], and as for [`maintain`](Self::maintain).
    pub fn optimize(&self) -> Result<(), IndexError> {
        self.check_access()?;
        let _working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        self.snapshot().check_damage()?;
        let pool = self.pool(0)?;
        self.seal(&pool)?;
        let n_rows = self.rows_within(available_memory().unwrap_or(0).max(self.options.memory_budget));
        loop {
            let mut segments = on_disk(&self.snapshot());
            segments.sort_unstable_by_key(|segment| segment.n_live);
            let mut total = 0;
            let fitting = segments.iter().take_while(|segment| {
                total += segment.n_live;
                total <= n_rows
            });
            let fitting: Vec<u64> = fitting.map(|segment| segment.number).collect();
            let has_dead = |number: u64| segments.iter().any(|s| s.number == number && s.n_live < s.n);
            match fitting[..] {
                [] => return Ok(()),
                [only] if !has_dead(only) => return Ok(()),
                _ => self.rewrite(&fitting, &pool)?,
            }
            if fitting.len() == 1 {
                return Ok(());
            }
        }
    }

    /// Writes the segments in memory into one file. A first bulk load is one segment, whatever the
    /// budget of merges.
    fn seal(&self, pool: &ThreadPool) -> Result<(), IndexError> {
        let (inputs, generation) = {
            let state = self.lock_state();
            let snapshot = self.snapshot();
            let mut segments = snapshot.segments().to_vec();
            for live in segments.iter_mut().filter(|live| !live.segment.is_on_disk()) {
                live.is_sealing = true;
            }
            let inputs: Vec<Live> = segments.iter().filter(|live| live.is_sealing).cloned().collect();
            if inputs.is_empty() && state.generation_on_disk == snapshot.generation() {
                return Ok(());
            }
            let generation = snapshot.generation();
            self.current.store(Arc::new(Snapshot::new(self.options.dim, generation, segments, &self.damage)));
            (inputs, generation)
        };
        let sealed = self.replace(&inputs, Some(generation), pool);
        if sealed.is_err() {
            // They may be folded and sealed again.
            let _state = self.lock_state();
            let snapshot = self.snapshot();
            let mut segments = snapshot.segments().to_vec();
            segments.iter_mut().for_each(|live| live.is_sealing = false);
            let generation = snapshot.generation();
            self.current.store(Arc::new(Snapshot::new(self.options.dim, generation, segments, &self.damage)));
        }
        sealed
    }

    /// Merges the segments of these numbers into one.
    fn rewrite(&self, numbers: &[u64], pool: &ThreadPool) -> Result<(), IndexError> {
        let snapshot = self.snapshot();
        let inputs: Vec<Live> =
            snapshot.segments().iter().filter(|live| numbers.contains(&live.number)).cloned().collect();
        self.replace(&inputs, None, pool)
    }

    /// Writes the live rows of `inputs` into one segment, and has it take their place in the snapshot
    /// and in the manifest, which is then of `generation` or, with `None`, of the one that it had.
    fn replace(&self, inputs: &[Live], generation: Option<u64>, pool: &ThreadPool) -> Result<(), IndexError> {
        let dim = self.options.dim;
        let source = Source::new(inputs.iter().map(|live| (&live.segment, &*live.dead)));
        let number = self.lock_state().next_number;
        let name = segment_name(number);
        let written = if source.len() == 0 {
            None
        } else {
            let started = std::time::Instant::now();
            let params = WriteParams {
                folder: &self.folder,
                name: &name,
                binding: self.options.binding,
                dim,
                build: &self.options.build,
                graph_from: self.options.graph_from.unwrap_or(GRAPH_FROM),
                pool,
            };
            segment::write(&source, &params)?;
            // What was written of files that changed meanwhile is none of it to be believed.
            if let Some(damage) = inputs.iter().find_map(|live| live.segment.check_unchanged().err()) {
                self.folder.remove(&name)?;
                return Err(damage);
            }
            let segment = Segment::open(&self.folder.path_of(&name), &self.options.binding)?;
            segment.mark_verified();
            let of = if generation.is_some() { "arrivals" } else { "segments" };
            metrics::counter!("cognate_index_segments_written_total", "of" => of).increment(1);
            metrics::counter!("cognate_index_rows_written_total", "of" => of).increment(source.len() as u64);
            tracing::info!(
                "wrote {name}: {} rows of {} segments in {:.1} s",
                source.len(),
                inputs.len(),
                started.elapsed().as_secs_f64()
            );
            let mut live = Live::new(Arc::new(segment));
            live.number = number;
            Some(live)
        };
        let published = self.publish(inputs, written, generation);
        // What is no longer listed, or never was: a leftover costs space until the next opening.
        let leftovers: Vec<String> = match &published {
            Ok(()) => inputs.iter().filter(|l| l.number > 0).map(|l| segment_name(l.number)).collect(),
            Err(_) => vec![name],
        };
        for name in leftovers {
            if let Err(error) = self.folder.remove(&name) {
                tracing::warn!("{error}");
            }
        }
        published
    }

    fn publish(
        &self,
        inputs: &[Live],
        written: Option<Live>,
        generation: Option<u64>,
    ) -> Result<(), IndexError> {
        let mut state = self.lock_state();
        let snapshot = self.snapshot();
        let is_input = |live: &Live| inputs.iter().any(|input| Arc::ptr_eq(&input.segment, &live.segment));
        let (replaced, kept): (Vec<&Live>, Vec<&Live>) =
            snapshot.segments().iter().partition(|l| is_input(l));
        let mut segments: Vec<Live> = kept.into_iter().cloned().collect();
        if let Some(mut written) = written {
            // Rows that died while it was being built.
            for (now, then) in replaced.iter().zip(inputs) {
                debug_assert!(Arc::ptr_eq(&now.segment, &then.segment), "segments keep their order");
                let rows = now.segment.rows();
                let died = now.dead.iter().filter(|&position| !then.dead.contains(position));
                let died: Vec<u32> = died.map(|position| rows[position]).collect();
                written.kill(died.iter());
            }
            // Those on disk first.
            let at = segments.iter().take_while(|live| live.segment.is_on_disk()).count();
            segments.insert(at, written);
        }
        let next = State {
            generation_on_disk: generation.unwrap_or(state.generation_on_disk),
            next_number: state.next_number + 1,
        };
        let manifest = Manifest {
            generation: next.generation_on_disk,
            next_number: next.next_number,
            dim: self.options.dim,
            segments: segments.iter().filter(|live| live.segment.is_on_disk()).map(Entry::of).collect(),
        };
        let written = manifest.write(&self.folder, &self.options.binding);
        // Also after a failure: its temporary file may have got a name.
        state.next_number = next.next_number;
        written?;
        *state = next;
        let generation = snapshot.generation();
        self.current.store(Arc::new(Snapshot::new(self.options.dim, generation, segments, &self.damage)));
        Ok(())
    }

    /// Rows that can be built within so many bytes.
    fn rows_within(&self, bytes: u64) -> usize {
        (bytes / (BUILD_BYTES + quantize::stride(self.options.dim) as u64)) as usize
    }

    fn check_access(&self) -> Result<(), IndexError> {
        match self.options.access {
            Access::Write => Ok(()),
            Access::Read => Err(IndexError::ReadOnly),
        }
    }

    /// Threads that build beside searches, made once.
    fn background_pool(&self) -> Result<&ThreadPool, IndexError> {
        if self.background.get().is_none() {
            let pool = self.pool(1)?;
            // Another thread may have been faster; one pool is as good as the other.
            let _ = self.background.set(pool);
        }
        Ok(self.background.get().expect("set above, and never taken out"))
    }

    /// Threads that build: one for each core but `n_spared`.
    fn pool(&self, n_spared: usize) -> Result<ThreadPool, IndexError> {
        let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
        let builder = rayon::ThreadPoolBuilder::new()
            .num_threads(self.options.build_threads.unwrap_or(n_cores.saturating_sub(n_spared)).max(1))
            .thread_name(|index| format!("index-build-{index}"));
        let builder = if n_spared > 0 { builder.start_handler(|_| give_way()) } else { builder };
        builder.build().map_err(IndexError::ThreadPool)
    }
}

/// Has the system run this thread after all others: a search that comes in interrupts it at once.
fn give_way() {
    /// The lowest priority that there is.
    const NICENESS: i32 = 19;
    // Of the thread, not the process, on Linux. Where it is refused, searches wait a little longer.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!("the priority of a thread stays as it is: {error}");
    }
}

/// A segment on disk, as merging sees it.
#[derive(Debug, Clone, Copy)]
struct Sized {
    number: u64,
    n: usize,
    n_live: usize,
}

fn on_disk(snapshot: &Snapshot) -> Vec<Sized> {
    let segments = snapshot.segments().iter().filter(|live| live.segment.is_on_disk());
    segments.map(|live| Sized { number: live.number, n: live.segment.len(), n_live: live.n_live() }).collect()
}

/// Which segments are to be rewritten into one now, of at most `max_rows` rows.
fn due(segments: &[Sized], max_rows: usize) -> Vec<u64> {
    let mut by_size = segments.to_vec();
    by_size.sort_unstable_by_key(|segment| segment.n_live);
    for (index, smallest) in by_size.iter().enumerate() {
        let tier =
            by_size[index..].iter().take_while(|s| s.n_live <= TIER_FACTOR * smallest.n_live.max(SEAL_FROM));
        let mut total = 0;
        let fitting = tier.take_while(|segment| {
            total += segment.n_live;
            total <= max_rows
        });
        let numbers: Vec<u64> = fitting.map(|segment| segment.number).collect();
        if numbers.len() >= FAN_IN {
            return numbers;
        }
    }
    let is_due = |s: &&Sized| (s.n - s.n_live) * DEAD_FRACTION > s.n && s.n_live <= max_rows;
    let many_dead = by_size.iter().find(is_due);
    many_dead.map(|segment| vec![segment.number]).unwrap_or_default()
}

/// Memory that the system could give now, where it says.
fn available_memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    // Not all of it: the rest is for whoever else is there.
    Some(kib * 1024 / 10 * 7)
}

#[cfg(test)]
mod tests;
