//! Sealing, merging and rewriting segments: in the background on threads that leave searches a core, on all cores
//! where somebody waits for it. Each takes a budget of memory at most; what does not fit into one segment is written in
//! several.

use std::sync::{Arc, PoisonError};

use rayon::ThreadPool;

use super::manifest::{Entry, Manifest, segment_name};
use super::snapshot::{Live, Snapshot};
use super::{Access, Collection, GRAPH_FROM, LEAST_MEMORY_BUDGET, State};
use crate::error::IndexError;
use crate::map::available_memory;
use crate::quantize;
use crate::segment::{self, Segment, Source, WriteParams};
use crate::walk::MAX_POINTS;

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
/// Of more segments than this the smallest are merged, whatever their sizes: what arrives day by day ends in few.
const MAX_SEGMENTS: usize = 4;
/// A segment with more dead rows than one in this many is rewritten; one that is too large for the
/// budget of merges waits for [`Collection::optimize`].
const DEAD_FRACTION: usize = 5;
/// As a divisor of the budget: changes in memory that take more are spilled.
const SPILL_FRACTION: u64 = 4;

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
        let pool = self.background_pool()?;
        let numbers = due(&self.on_disk(&snapshot), self.rows_within(self.budget(), pool));
        if numbers.is_empty() {
            return Ok(Maintained::Nothing);
        }
        self.rewrite(&numbers, pool)?;
        Ok(Maintained::Merged)
    }

    /// Writes the changes in memory to a file, without a graph, where they take more than a quarter of the budget. To
    /// be called between changes when many are applied one after another: it costs a fraction of what sealing them
    /// does, which is left to [`maintain`](Self::maintain). Says whether something was written; nothing is where
    /// another thread is writing.
    ///
    /// # Errors
    /// [`IndexError::Io`]; the changes are then in memory as before.
    pub fn spill(&self) -> Result<bool, IndexError> {
        if self.options.access == Access::Read {
            return Ok(false);
        }
        let Ok(_working) = self.working.try_lock() else { return Ok(false) };
        let snapshot = self.snapshot();
        snapshot.check_damage()?;
        let in_memory = snapshot.segments().iter().filter(|live| !live.segment.is_on_disk());
        let n_bytes: u64 = in_memory.map(|live| live.segment.memory_bytes()).sum();
        if n_bytes <= self.budget() / SPILL_FRACTION {
            return Ok(false);
        }
        self.seal_with(&self.pool(0)?, None)?;
        Ok(true)
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
    /// (the budget, if that is more): every further segment costs each query a search.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`], and as for [`maintain`](Self::maintain).
    pub fn optimize(&self) -> Result<(), IndexError> {
        self.check_access()?;
        let _working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        self.snapshot().check_damage()?;
        let pool = self.pool(0)?;
        self.seal(&pool)?;
        // Not all of it: the rest is for whoever else is there.
        let available = available_memory().map_or(0, |bytes| bytes / 10 * 7);
        let n_rows = self.rows_within(available.max(self.budget()), &pool);
        loop {
            let mut segments = self.on_disk(&self.snapshot());
            segments.sort_unstable_by_key(|segment| segment.n_live);
            let mut total = 0;
            let fitting = segments.iter().take_while(|segment| {
                total += segment.n_live;
                total <= n_rows
            });
            let fitting: Vec<u64> = fitting.map(|segment| segment.number).collect();
            let is_final = |number: u64| {
                segments.iter().any(|s| s.number == number && s.n_live == s.n && !s.lacks_graph)
            };
            match fitting[..] {
                [] => return Ok(()),
                [only] if is_final(only) => return Ok(()),
                _ => self.rewrite(&fitting, &pool)?,
            }
            if fitting.len() == 1 {
                return Ok(());
            }
        }
    }

    /// Writes the segments in memory into a file, or as many as the budget asks for. While spilled segments wait for a
    /// graph, these do as well, since all are merged next.
    fn seal(&self, pool: &ThreadPool) -> Result<(), IndexError> {
        let is_pending = self.on_disk(&self.snapshot()).iter().any(|segment| segment.lacks_graph);
        self.seal_with(pool, (!is_pending).then_some(self.graph_from()))
    }

    pub(super) fn seal_with(&self, pool: &ThreadPool, graph_from: Option<usize>) -> Result<(), IndexError> {
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
        let sealed = self.replace(&inputs, Some(generation), (pool, graph_from));
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
        self.replace(&inputs, None, (pool, Some(self.graph_from())))
    }

    /// Writes the live rows of `inputs` into one segment, or as many as the budget asks for, and has them take their
    /// place in the snapshot and in the manifest, which is then of `generation` or, with `None`, of the one that it had.
    fn replace(
        &self,
        inputs: &[Live],
        generation: Option<u64>,
        (pool, graph_from): (&ThreadPool, Option<usize>),
    ) -> Result<(), IndexError> {
        let source = Source::new(inputs.iter().map(|live| (&live.segment, &*live.dead)));
        let max_rows = match (generation, graph_from) {
            (Some(_), Some(_)) => self.rows_within(self.budget(), pool),
            // Without a graph nothing is built, and segments to be merged were chosen to fit.
            _ => usize::MAX,
        };
        let first = self.lock_state().next_number;
        let parts = if source.len() == 0 { Vec::new() } else { source.into_parts(max_rows) };
        let numbers = first..first + parts.len().max(1) as u64;
        let of = if generation.is_some() { "arrivals" } else { "segments" };
        let written: Result<Vec<Live>, IndexError> = parts
            .into_iter()
            .zip(numbers.clone())
            .map(|(part, number)| self.written((&part, inputs), (number, of), (pool, graph_from)))
            .collect();
        let published = written.and_then(|written| self.publish(inputs, written, generation));
        // What is no longer listed, or never was: a leftover costs space until the next opening.
        let leftovers: Vec<u64> = match &published {
            Ok(()) => inputs.iter().map(|live| live.number).filter(|&number| number > 0).collect(),
            Err(_) => numbers.collect(),
        };
        for number in leftovers {
            if let Err(error) = self.folder.remove(&segment_name(number)) {
                tracing::warn!("{error}");
            }
        }
        published
    }

    /// Writes a segment of rows that come of `inputs`, and opens it.
    fn written(
        &self,
        (source, inputs): (&Source, &[Live]),
        (number, of): (u64, &'static str),
        (pool, graph_from): (&ThreadPool, Option<usize>),
    ) -> Result<Live, IndexError> {
        let name = segment_name(number);
        let started = std::time::Instant::now();
        let params = WriteParams {
            folder: &self.folder,
            name: &name,
            binding: self.options.binding,
            dim: self.options.dim,
            build: &self.options.build,
            graph_from,
            pool,
        };
        segment::write(source, &params)?;
        // What was written of files that changed meanwhile is none of it to be believed.
        if let Some(damage) = inputs.iter().find_map(|live| live.segment.check_unchanged().err()) {
            return Err(damage);
        }
        let segment = Segment::open(&self.folder.path_of(&name), &self.options.binding)?;
        pool.install(|| segment.verify(self.options.layout))?;
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
        Ok(live)
    }

    fn publish(
        &self,
        inputs: &[Live],
        written: Vec<Live>,
        generation: Option<u64>,
    ) -> Result<(), IndexError> {
        let mut state = self.lock_state();
        let snapshot = self.snapshot();
        let is_input = |live: &Live| inputs.iter().any(|input| Arc::ptr_eq(&input.segment, &live.segment));
        let (replaced, kept): (Vec<&Live>, Vec<&Live>) =
            snapshot.segments().iter().partition(|l| is_input(l));
        let mut segments: Vec<Live> = kept.into_iter().cloned().collect();
        // Also where nothing was left to write: a number is never given twice.
        let n_numbers = written.len().max(1) as u64;
        for mut written in written {
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
            next_number: state.next_number + n_numbers,
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

    /// Bytes that building may take.
    fn budget(&self) -> u64 {
        let quarter = || (available_memory().unwrap_or(0) / 4).max(LEAST_MEMORY_BUDGET);
        self.options.memory_budget.unwrap_or_else(quarter)
    }

    /// Rows that can be built into one segment within so many bytes.
    fn rows_within(&self, bytes: u64, pool: &ThreadPool) -> usize {
        let n_threads = pool.current_num_threads();
        let stride = quantize::stride(self.options.dim);
        let fits = |n: usize| (n * stride) as u64 + self.options.build.memory(n, n_threads) <= bytes;
        let (mut fitting, mut too_many) = (1, MAX_POINTS + 1);
        while too_many - fitting > 1 {
            let middle = fitting + (too_many - fitting) / 2;
            if fits(middle) { fitting = middle } else { too_many = middle }
        }
        fitting
    }

    /// From this many rows on, a segment has a graph.
    fn graph_from(&self) -> usize {
        self.options.graph_from.unwrap_or(GRAPH_FROM)
    }

    fn on_disk(&self, snapshot: &Snapshot) -> Vec<Sized> {
        let segments = snapshot.segments().iter().filter(|live| live.segment.is_on_disk());
        segments
            .map(|live| Sized {
                number: live.number,
                n: live.segment.len(),
                n_live: live.n_live(),
                lacks_graph: !live.segment.has_graph() && live.n_live() >= self.graph_from().max(1),
            })
            .collect()
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
    pub(super) fn pool(&self, n_spared: usize) -> Result<ThreadPool, IndexError> {
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
    /// It should have a graph and has none.
    lacks_graph: bool,
}

/// Which segments are to be rewritten into one now, of at most `max_rows` rows.
fn due(segments: &[Sized], max_rows: usize) -> Vec<u64> {
    let mut by_size = segments.to_vec();
    by_size.sort_unstable_by_key(|segment| segment.n_live);
    // What was spilled has no graph yet, and what else is small may go with it.
    if by_size.iter().any(|segment| segment.lacks_graph) {
        let (without, with): (Vec<&Sized>, Vec<&Sized>) =
            by_size.iter().partition(|segment| segment.lacks_graph);
        let small = with.into_iter().filter(|segment| segment.n_live < SEAL_AT_MOST);
        return match fitting(without.iter().copied().chain(small), max_rows) {
            // Even the smallest is too large for the budget, which is small then: it is needed all the same.
            none if none.is_empty() => vec![without[0].number],
            some => some,
        };
    }
    for (index, smallest) in by_size.iter().enumerate() {
        let most = TIER_FACTOR * smallest.n_live.max(SEAL_FROM);
        let numbers = fitting(by_size[index..].iter().take_while(|s| s.n_live <= most), max_rows);
        if numbers.len() >= FAN_IN {
            return numbers;
        }
    }
    if by_size.len() > MAX_SEGMENTS {
        let n_too_many = by_size.len() - MAX_SEGMENTS;
        let numbers = fitting(by_size[..=n_too_many].iter(), max_rows);
        if numbers.len() > 1 {
            return numbers;
        }
    }
    let is_due = |s: &&Sized| (s.n - s.n_live) * DEAD_FRACTION > s.n && s.n_live <= max_rows;
    let many_dead = by_size.iter().find(is_due);
    many_dead.map(|segment| vec![segment.number]).unwrap_or_default()
}

/// The numbers of the first of `segments` that have no more than `max_rows` rows together.
fn fitting<'a>(segments: impl Iterator<Item = &'a Sized>, max_rows: usize) -> Vec<u64> {
    let mut total = 0;
    let fitting = segments.take_while(|segment| {
        total += segment.n_live;
        total <= max_rows
    });
    fitting.map(|segment| segment.number).collect()
}

#[cfg(test)]
mod tests;
