//! Walking a frozen graph towards a query: the inner loop of every approximate search.
//!
//! The walk is the best-first search of HNSW (algorithm 2 of <https://arxiv.org/abs/1603.09320>). What
//! makes it fast is where things lie: neighbour lists of equal length in one array, i8 rows side by
//! side and fetched ahead, a byte for each point that tells whether it was visited, and the best
//! points in one sorted array, which holds the frontier as well.
//!
//! Points are *positions* in a segment. Products are of i8 rows; they order points, and nothing else
//! leaves this module.

use std::collections::BinaryHeap;

use cognate_vector::kernels::{dots_i8_at, prefetch};

/// Fills the end of a neighbour list.
pub(crate) const NO_POINT: u32 = u32::MAX;
/// Positions lie below this, so that one and a flag fit in 32 bits.
pub(crate) const MAX_POINTS: usize = i32::MAX as usize;

/// Points of the second lowest layer that a walk begins with.
const N_STARTS: usize = 4;

/// Points up to which one width of walks will do.
const N_OF_ONE_WIDTH: f64 = 100_000.0;

/// The width of walks among `n` points that is to find about as much as `width` does among 100,000 or fewer: it grows
/// with the square root of the number. With one width recall falls: 128 finds 0.998 of the nearest ten of 100,000
/// abstracts, and 0.979 where there are nine more like each.
pub(crate) fn grown_width(width: usize, n: usize) -> usize {
    (width as f64 * (n as f64 / N_OF_ONE_WIDTH).sqrt().max(1.0)) as usize
}

/// What is walked on: rows and neighbour lists, borrowed from a segment or from a builder.
#[derive(Clone, Copy)]
pub(crate) struct Terrain<'a> {
    /// `i8 [n, stride]`.
    pub(crate) vectors: &'a [i8],
    pub(crate) stride: usize,
    /// `u32 [n, slots]`, each list filled up with [`NO_POINT`].
    pub(crate) links: &'a [u32],
    pub(crate) slots: usize,
}

/// What a walk goes towards.
#[derive(Clone, Copy)]
pub(crate) struct Aim<'a> {
    /// `i8 [stride]`.
    row: &'a [i8],
    /// How much farther away than the best a point may be to be walked to; `None` as far as all.
    near: Option<Near>,
}

/// A walk ends where all points that are left are farther away than the `k`-th best so far times a factor: around a
/// query with many points close by it ends late, and early around one that has few (<https://arxiv.org/abs/2505.15636>).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Near {
    /// How many are wanted, at least 1.
    k: usize,
    /// No walk ends before it has this many.
    floor: usize,
    /// The product that stands for a cosine of 1.
    unit: f32,
    /// The square of the factor.
    square: f32,
}

/// Half of the dimension of a space in which the points within a radius grow in number as those of text embeddings do:
/// with it, walks of a width expand as many points on average as ones that end at a fixed width (measured for `k` 10 and
/// widths of 16 to 128 over 99,000 abstracts).
const HALF_DIMENSION: f32 = 12.0;
/// A walk keeps so many times the points that it is to expand on average.
const MOST: usize = 4;

impl Near {
    /// For walks that expand about `ef` points to find `k`, where a product of `unit` stands for a cosine of 1.
    pub(crate) fn of(k: usize, ef: usize, unit: f32) -> Self {
        let k = k.max(1);
        let square = 1.0 + (ef.max(k) as f32 / k as f32).ln() / HALF_DIMENSION;
        Self { k, floor: k.max(ef / MOST), unit, square }
    }
}

impl<'a> Aim<'a> {
    /// At an i8 row, as far as all that the width holds.
    pub(crate) fn at(row: &'a [i8]) -> Self {
        Self { row, near: None }
    }

    /// At an i8 row, as far as `near` says.
    pub(crate) fn near(row: &'a [i8], near: Near) -> Self {
        Self { row, near: Some(near) }
    }
}

/// A layer above the lowest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    /// Positions, ascending.
    pub(crate) members: Vec<u32>,
    /// `u32 [members, slots]`.
    pub(crate) links: Vec<u32>,
    pub(crate) slots: usize,
}

/// The links of a graph without its lowest layer, and where walks begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Upper {
    /// From the second lowest to the topmost.
    pub(crate) layers: Vec<Layer>,
    /// A member of the topmost layer.
    pub(crate) entry: u32,
}

/// A point and its product with the query, ordered by the product, then the smaller position first;
/// "greater" is "better". The lowest bit says that the point's neighbours were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    #[inline]
    pub(crate) fn new(dot: i32, position: u32) -> Self {
        let descending = (MAX_POINTS as u32).wrapping_sub(position);
        Self(u64::from(dot as u32 ^ 0x8000_0000) << 32 | u64::from(descending) << 1)
    }

    #[inline]
    pub(crate) fn dot(self) -> i32 {
        ((self.0 >> 32) as u32 ^ 0x8000_0000) as i32
    }

    #[inline]
    pub(crate) fn position(self) -> u32 {
        (MAX_POINTS as u32).wrapping_sub(self.0 as u32 >> 1)
    }

    #[inline]
    fn is_expanded(self) -> bool {
        self.0 & 1 == 1
    }

    #[inline]
    fn expanded(self) -> Self {
        Self(self.0 | 1)
    }
}

/// The best keys met, best first, no more than a given number.
#[derive(Debug, Default)]
struct Pool {
    keys: Vec<Key>,
    capacity: usize,
    near: Option<Near>,
    /// The product that a point must exceed to enter.
    bar: i32,
    /// No key before this one waits to be expanded.
    next: usize,
}

impl Pool {
    fn reset(&mut self, capacity: usize, near: Option<Near>) {
        self.keys.clear();
        self.capacity = capacity;
        self.near = near;
        self.bar = i32::MIN;
        self.next = 0;
    }

    #[inline]
    fn insert(&mut self, key: Key) {
        if self.keys.len() >= self.capacity {
            self.keys.pop();
        }
        let at = self.keys.partition_point(|&other| other > key);
        self.keys.insert(at, key);
        self.next = self.next.min(at);
        if self.keys.len() >= self.capacity
            && let Some(last) = self.keys.last()
        {
            self.bar = self.bar.max(last.dot());
        }
        if let Some(near) = self.near
            && at < near.floor
            && let (Some(kth), Some(least)) = (self.keys.get(near.k - 1), self.keys.get(near.floor - 1))
        {
            let farthest = near.unit - near.square * (near.unit - kth.dot() as f32);
            self.bar = self.bar.max((farthest as i32).min(least.dot()));
        }
    }

    /// The best key that was not expanded, marked as such.
    #[inline]
    fn expand_next(&mut self) -> Option<Key> {
        while let Some(key) = self.keys.get_mut(self.next) {
            self.next += 1;
            if key.dot() < self.bar {
                return None;
            }
            if !key.is_expanded() {
                *key = key.expanded();
                return Some(*key);
            }
        }
        None
    }
}

/// The memory that walks use, kept between them.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// A point was visited in this walk where its byte equals `stamp`. One more than there are points: it stands for
    /// [`NO_POINT`] and all that are none, and is always visited.
    visited: Vec<u8>,
    stamp: u8,
    pool: Pool,
    frontier: BinaryHeap<Key>,
    /// Where the next walk begins.
    starts: Vec<u32>,
    fresh: Vec<u32>,
    dots: Vec<i32>,
}

impl Scratch {
    fn begin(&mut self, n_points: usize, ef: usize, near: Option<Near>) {
        if self.visited.len() != n_points + 1 {
            self.visited.clear();
            self.visited.resize(n_points + 1, 0);
            self.stamp = 0;
        }
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.visited.fill(0);
            self.stamp = 1;
        }
        if let Some(last) = self.visited.last_mut() {
            *last = self.stamp;
        }
        let most = if near.is_some() { ef.saturating_mul(MOST) } else { ef };
        self.pool.reset(most.max(1), near);
        self.frontier.clear();
    }

    /// Gathers those of `list` that were not visited, and marks them.
    #[inline]
    fn gather(&mut self, list: &[u32]) {
        let Self { visited, stamp, fresh, .. } = self;
        // Without branches on what was visited, which nothing foretells: each is put where the next fresh one belongs.
        fresh.clear();
        fresh.resize(list.len(), 0);
        let end = visited.len().saturating_sub(1);
        let mut n_fresh = 0;
        for &point in list {
            let mark = &mut visited[(point as usize).min(end)];
            fresh[n_fresh] = point;
            n_fresh += usize::from(*mark != *stamp);
            *mark = *stamp;
        }
        fresh.truncate(n_fresh);
    }

    #[inline]
    fn visit(&mut self, point: u32) {
        if let Some(mark) = self.visited.get_mut(point as usize) {
            *mark = self.stamp;
        }
    }

    /// Has the next walk begin at these points.
    pub(crate) fn start_at(&mut self, points: &[u32]) {
        self.starts.clear();
        self.starts.extend_from_slice(points);
    }

    fn gather_starts(&mut self) {
        let starts = std::mem::take(&mut self.starts);
        self.gather(&starts);
        self.starts = starts;
    }

    /// What the last walk found, best first.
    pub(crate) fn found(&self) -> &[Key] {
        &self.pool.keys
    }
}

impl<'a> Terrain<'a> {
    pub(crate) fn len(&self) -> usize {
        self.vectors.len() / self.stride
    }

    /// The places of a point's list, those too that are not filled; none for a point that is not there.
    #[inline]
    fn places(&self, point: u32) -> &'a [u32] {
        let start = point as usize * self.slots;
        self.links.get(start..start + self.slots).unwrap_or(&[])
    }

    /// The neighbours of a point; none for a point that is not there.
    #[inline]
    pub(crate) fn list(&self, point: u32) -> &'a [u32] {
        let start = point as usize * self.slots;
        let list = self.links.get(start..start + self.slots).unwrap_or(&[]);
        // Positions lie below `NO_POINT`, which fills the end.
        &list[..list.iter().position(|&point| point == NO_POINT).unwrap_or(list.len())]
    }

    #[inline]
    fn fetch_list(&self, point: u32) {
        let start = point as usize * self.slots;
        if let Some(list) = self.links.get(start..start + self.slots) {
            prefetch(list, usize::MAX);
        }
    }

    /// From the entry down to the second lowest layer, in each to the point that is closest; in that
    /// one to the few that are, so that a walk need not begin in the wrong place where points lie in
    /// clusters. They are left in `scratch`, for the walk to begin with.
    pub(crate) fn descend(&self, upper: &Upper, aim: Aim<'_>, scratch: &mut Scratch) {
        let dots = &mut scratch.dots;
        dots_i8_at(aim.row, self.vectors, &[upper.entry], dots);
        let mut best = Key::new(dots.first().copied().unwrap_or(i32::MIN), upper.entry);
        let Some((last, layers)) = upper.layers.split_first() else {
            scratch.start_at(&[upper.entry]);
            return;
        };
        for layer in layers.iter().rev() {
            loop {
                let here = best;
                let list = layer.list(here.position());
                dots_i8_at(aim.row, self.vectors, list, dots);
                for (&dot, &point) in dots.iter().zip(list) {
                    best = best.max(Key::new(dot, point));
                }
                if best == here {
                    break;
                }
            }
        }
        scratch.begin(self.len(), N_STARTS, None);
        scratch.visit(best.position());
        scratch.pool.insert(best);
        while let Some(key) = scratch.pool.expand_next() {
            scratch.gather(last.list(key.position()));
            self.offer(aim, scratch);
        }
        scratch.starts.clear();
        scratch.starts.extend(scratch.pool.keys.iter().map(|key| key.position()));
    }

    /// The `ef` best points met from where `scratch` says to start, in `scratch`.
    pub(crate) fn walk(&self, aim: Aim<'_>, ef: usize, scratch: &mut Scratch) {
        scratch.begin(self.len(), ef, aim.near);
        scratch.gather_starts();
        self.offer(aim, scratch);
        while let Some(key) = scratch.pool.expand_next() {
            scratch.gather(self.places(key.position()));
            // Most likely the next to be expanded, unless something better comes of this one.
            if let Some(next) = scratch.pool.keys.get(scratch.pool.next) {
                self.fetch_list(next.position());
            }
            self.offer(aim, scratch);
        }
    }

    #[inline]
    fn offer(&self, aim: Aim<'_>, scratch: &mut Scratch) {
        dots_i8_at(aim.row, self.vectors, &scratch.fresh, &mut scratch.dots);
        for (&dot, &point) in scratch.dots.iter().zip(&scratch.fresh) {
            if dot > scratch.pool.bar {
                scratch.pool.insert(Key::new(dot, point));
            }
        }
    }

    /// The `ef` best accepted points met from where `scratch` says to start, in `scratch`. Points that
    /// are not accepted are passed through, so that they never cut off what lies behind them. Says whether
    /// the walk came to its end: where accepted points are far away, it passes through so many others that
    /// it is given up after `max_visits` points, or up to a list more.
    pub(crate) fn walk_where(
        &self,
        (aim, ef, max_visits): (Aim<'_>, usize, usize),
        scratch: &mut Scratch,
        accept: impl Fn(u32) -> bool,
    ) -> bool {
        scratch.begin(self.len(), ef, aim.near);
        scratch.gather_starts();
        let mut n_visits = 0;
        loop {
            n_visits += scratch.fresh.len();
            if n_visits > max_visits {
                return false;
            }
            dots_i8_at(aim.row, self.vectors, &scratch.fresh, &mut scratch.dots);
            for (&dot, &point) in scratch.dots.iter().zip(&scratch.fresh) {
                if dot > scratch.pool.bar {
                    let key = Key::new(dot, point);
                    scratch.frontier.push(key);
                    if accept(point) {
                        scratch.pool.insert(key);
                    }
                }
            }
            let Some(key) = scratch.frontier.pop().filter(|key| key.dot() >= scratch.pool.bar) else {
                return true;
            };
            scratch.gather(self.places(key.position()));
            if let Some(next) = scratch.frontier.peek() {
                self.fetch_list(next.position());
            }
        }
    }
}

impl Layer {
    fn list(&self, point: u32) -> &[u32] {
        let Ok(index) = self.members.binary_search(&point) else { return &[] };
        let list = self.links.get(index * self.slots..(index + 1) * self.slots).unwrap_or(&[]);
        &list[..list.iter().position(|&point| point == NO_POINT).unwrap_or(list.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_are_wider_among_more_points() {
        let widths = [0, 100_000, 400_000, 1_000_000].map(|n| grown_width(128, n));
        assert_eq!(widths, [128, 128, 256, 404]);
    }

    #[test]
    fn a_walk_goes_as_far_as_the_points_close_by_ask_for() {
        // Of 1,000 products with a unit of 1e6: `near` lie at distance 0.2, the others from 0.4 on.
        let met = |n_near: usize| {
            let mut pool = Pool::default();
            pool.reset(4 * 64, Some(Near::of(10, 64, 1e6)));
            for point in 0..1_000 {
                let distance = if point < n_near { 0.2 } else { 0.4 + point as f32 * 1e-4 };
                let dot = (1e6 * (1.0 - distance)) as i32;
                if dot > pool.bar {
                    pool.insert(Key::new(dot, point as u32));
                }
            }
            let mut n_expanded = 0;
            while pool.expand_next().is_some() {
                n_expanded += 1;
            }
            n_expanded
        };
        assert_eq!(met(10), 16, "the least that the width allows");
        assert_eq!(met(100), 100, "all that are close, and none that are not");
        assert_eq!(met(900), 256, "the most that the width allows");
        // Without a `k`-th neighbour close by, as many as before.
        let mut pool = Pool::default();
        pool.reset(3, None);
        (0..5).for_each(|point| {
            if point > pool.bar {
                pool.insert(Key::new(point, point as u32));
            }
        });
        assert_eq!((pool.keys.len(), pool.bar), (3, 2));
    }

    #[test]
    fn keys_give_back_what_they_hold_and_order_by_product_then_position() {
        for (dot, position) in [(i32::MIN, 0), (-1, 7), (0, MAX_POINTS as u32 - 1), (i32::MAX, 3)] {
            let key = Key::new(dot, position);
            assert_eq!((key.dot(), key.position(), key.is_expanded()), (dot, position, false));
            assert_eq!((key.expanded().dot(), key.expanded().position()), (dot, position));
        }
        assert!(Key::new(1, 9) > Key::new(0, 1));
        assert!(Key::new(1, 2) > Key::new(1, 3));
        assert!(Key::new(-1, 2) < Key::new(0, 3));
    }
}
