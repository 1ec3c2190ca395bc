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

use cognate_vector::kernels::{Reach, SIGN_ROWS, SignTable, dots_i8_at, prefetch};

use crate::codes::Codes;

/// Fills the end of a neighbour list.
pub(crate) const NO_POINT: u32 = u32::MAX;
/// Positions lie below this, so that one and a flag fit in 32 bits.
pub(crate) const MAX_POINTS: usize = i32::MAX as usize;

/// Points of a layer above the lowest that a walk begins with.
const N_STARTS: usize = 4;
/// Points that are waiting to be expanded whose lists are fetched ahead.
const N_FETCHED: usize = 2;

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
    /// What is known of neighbours beside the links, where something is.
    pub(crate) codes: Option<&'a Codes>,
}

/// What a walk goes towards.
#[derive(Clone, Copy)]
pub(crate) struct Aim<'a> {
    /// `i8 [stride]`.
    row: &'a [i8],
    /// How much farther away than the best a point may be to be walked to; `None` as far as all.
    near: Option<Near>,
    /// What codes are asked with, where there are some.
    coded: Option<Coded<'a>>,
}

/// A query as codes of neighbours are asked with it.
#[derive(Clone, Copy)]
pub(crate) struct Coded<'a> {
    pub(crate) table: &'a SignTable,
    /// The product that stands for a cosine of 1.
    pub(crate) unit: f32,
}

/// A neighbour is passed over where it would have to be closer than its code says by more than so many times the slope of
/// the code and the distance between query and point. The error's standard deviation is about 0.6 of that.
const CODE_SLACK: f32 = 0.5;

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
/// For more than this, walks have a fixed width.
const MOST_WANTED: usize = 100;
/// A walk keeps so many times the points that it is to expand on average.
const MOST: usize = 4;

impl Near {
    /// For walks that expand about `ef` points to find `k`, where a product of `unit` stands for a cosine of 1. `None`
    /// for more than 100, as ranking asks for: such walks find no more and take longer than at a fixed width.
    pub(crate) fn of(k: usize, ef: usize, unit: f32) -> Option<Self> {
        let k = k.max(1);
        if k > MOST_WANTED {
            return None;
        }
        let square = 1.0 + (ef.max(k) as f32 / k as f32).ln() / HALF_DIMENSION;
        Some(Self { k, floor: k.max(ef / MOST), unit, square })
    }
}

impl<'a> Aim<'a> {
    /// At an i8 row, as far as all that the width holds.
    pub(crate) fn at(row: &'a [i8]) -> Self {
        Self { row, near: None, coded: None }
    }

    /// At an i8 row, as far as `near` says.
    pub(crate) fn near(row: &'a [i8], near: Option<Near>) -> Self {
        Self { row, near, coded: None }
    }

    /// The same, with what codes of neighbours are asked with.
    pub(crate) fn with_codes(self, coded: Coded<'a>) -> Self {
        Self { coded: Some(coded), ..self }
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
    /// How many members lie before each run of positions.
    before: Vec<u32>,
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
            // None of these is expanded any more, and more than are wanted stay.
            while self.keys.last().is_some_and(|last| last.dot() < self.bar) {
                self.keys.pop();
            }
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
        self.fresh.clear();
        self.gather_more(list);
    }

    /// The same, beside what was gathered before.
    #[inline]
    fn gather_more(&mut self, list: &[u32]) {
        let Self { visited, stamp, fresh, .. } = self;
        // Without branches on what was visited, which nothing foretells: each is put where the next fresh one belongs.
        let mut n_fresh = fresh.len();
        fresh.resize(n_fresh + list.len(), 0);
        let end = visited.len().saturating_sub(1);
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

    /// The row of a point that is there, `i8 [stride]`.
    pub(crate) fn row(&self, point: u32) -> &'a [i8] {
        let start = point as usize * self.stride;
        &self.vectors[start..start + self.stride]
    }

    /// The places of a point's list, those too that are not filled; none for a point that is not there.
    #[inline]
    pub(crate) fn places(&self, point: u32) -> &'a [u32] {
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
        if let Some(codes) = self.codes {
            codes.fetch(point);
        }
    }

    /// Gathers those neighbours of a point that were not visited, and marks them; where there are codes, only those that
    /// may be better than the bar, as far as their codes tell.
    #[inline]
    fn gather_from(&self, key: Key, aim: Aim<'_>, scratch: &mut Scratch) {
        let places = self.places(key.position());
        let (Some(codes), Some(Coded { table, unit })) = (self.codes, aim.coded) else {
            scratch.gather_more(places);
            return;
        };
        let here = key.dot() as f32 / unit;
        // Of two vectors of norm 1.
        let distance = (2.0 - 2.0 * here).max(0.0).sqrt();
        let reach = Reach { here, slack: CODE_SLACK * distance, bar: scratch.pool.bar as f32 / unit };
        let mut near = [0; SIGN_ROWS];
        for (block, places) in codes.of(key.position()).zip(places.chunks(SIGN_ROWS)) {
            let mut rows = table.reaching(block, reach);
            let mut n_near = 0;
            while rows != 0 {
                near[n_near] = places.get(rows.trailing_zeros() as usize).copied().unwrap_or(NO_POINT);
                n_near += 1;
                rows &= rows - 1;
            }
            scratch.gather_more(&near[..n_near]);
        }
    }

    /// From the entry down to the second lowest layer, in each to the point that is closest; in that
    /// one to the few that are, so that a walk need not begin in the wrong place where points lie in
    /// clusters. They are left in `scratch`, for the walk to begin with. Where there are codes, the walk begins a layer
    /// higher: with them the lowest layer is passed faster than the next.
    pub(crate) fn descend(&self, upper: &Upper, aim: Aim<'_>, scratch: &mut Scratch) {
        let dots = &mut scratch.dots;
        dots_i8_at(aim.row, self.vectors, &[upper.entry], dots);
        let mut best = Key::new(dots.first().copied().unwrap_or(i32::MIN), upper.entry);
        let n_passed = usize::from(self.codes.is_some() && upper.layers.len() > 1);
        let Some((last, layers)) = upper.layers[n_passed..].split_first() else {
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
            scratch.fresh.clear();
            self.gather_from(key, aim, scratch);
            // Most likely the next ones to be expanded, unless something better comes of this one.
            for next in scratch.pool.keys.iter().skip(scratch.pool.next).take(N_FETCHED) {
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
            scratch.fresh.clear();
            self.gather_from(key, aim, scratch);
            if let Some(next) = scratch.frontier.peek() {
                self.fetch_list(next.position());
            }
        }
    }
}

/// Positions that share an entry of [`Layer::before`]: 16 of them have two members of the second lowest layer on average.
const RUN: usize = 16;

impl Layer {
    /// Of members in ascending order and their lists, `u32 [members, slots]`.
    pub(crate) fn new(members: Vec<u32>, links: Vec<u32>, slots: usize) -> Self {
        let n_runs = members.last().map_or(0, |&last| last as usize / RUN + 1);
        let mut before = Vec::with_capacity(n_runs + 1);
        let mut next = 0;
        for run in 0..=n_runs {
            while members.get(next).is_some_and(|&member| (member as usize) < run * RUN) {
                next += 1;
            }
            before.push(next as u32);
        }
        Self { members, links, slots, before }
    }

    fn list(&self, point: u32) -> &[u32] {
        let run = point as usize / RUN;
        let (Some(&start), Some(&end)) = (self.before.get(run), self.before.get(run + 1)) else { return &[] };
        let (start, end) = (start as usize, end as usize);
        let Some(at) = self.members[start..end].iter().position(|&member| member == point) else {
            return &[];
        };
        let index = start + at;
        let list = self.links.get(index * self.slots..(index + 1) * self.slots).unwrap_or(&[]);
        &list[..list.iter().position(|&point| point == NO_POINT).unwrap_or(list.len())]
    }

    /// Bytes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        4 * (self.members.len() + self.links.len() + self.before.len())
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
    fn members_of_a_layer_are_found_by_their_position() {
        for members in [vec![], vec![0], vec![3, 15, 16, 17, 200, 4_000]] {
            let links: Vec<u32> = members.iter().flat_map(|&member| [member + 1, NO_POINT]).collect();
            let layer = Layer::new(members.clone(), links, 2);
            for point in (0..5_000).chain([u32::MAX]) {
                let expected = if members.contains(&point) { vec![point + 1] } else { vec![] };
                assert_eq!(layer.list(point), expected, "{point}");
            }
        }
    }

    #[test]
    fn a_walk_goes_as_far_as_the_points_close_by_ask_for() {
        // Of 1,000 products with a unit of 1e6: `near` lie at distance 0.2, the others from 0.4 on.
        let met = |n_near: usize| {
            let mut pool = Pool::default();
            pool.reset(4 * 64, Near::of(10, 64, 1e6));
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
        assert!(Near::of(200, 400, 1e6).is_none() && Near::of(0, 8, 1e6).is_some());
        // At a fixed width, no more than that.
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
