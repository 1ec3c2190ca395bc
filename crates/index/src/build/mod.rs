//! Building a graph over i8 rows: `hnsw_rs` makes one of each slice of the rows, they are copied into flat lists, links
//! lead from each slice into the others, every list is then chosen anew, and what cannot be reached is linked.
//!
//! The graph depends on the rows, their order and the parameters alone, to the last link: slices are cut by the number
//! of rows, one thread fills the graph of a slice (`hnsw_rs` draws its layers from a fixed seed), and every other step
//! reads what the step before left. So the number of threads changes nothing but the time.
//!
//! Slices bound the memory as well. `hnsw_rs` takes some 3,600 bytes a row, but only for the slices that are being
//! filled; all other steps take some 400 beside the rows.
//!
//! Why choose anew: most of the time that `hnsw_rs` takes goes into hashing ids, counting references
//! and allocating heap entries, in proportion to its `ef_construction`; and where a list is full it
//! drops the farthest link, whichever way that leads. So it builds with a narrow search, and a walk on
//! its frozen graph finds better candidates for each point in a fraction of the time.
//!
//! Measured over 30,000 vectors of 384 components made of abstracts (TF-IDF, reduced), as seconds of
//! processor time to build, and products per query that a walk takes at two of its recalls@10:
//!
//! | built by | seconds | recall, products | recall, products |
//! |---|---|---|---|
//! | `hnsw_rs` alone, `m` 16, `ef_construction` 200 | 54.5 | 0.984, 1,251 | 0.996, 2,202 |
//! | `m` 12, `ef_construction` 48, one width of 128 | 17.0 | 0.982, 1,136 | 0.995, 1,988 |
//! | `m` 8, `ef_construction` 24, widths 64 and 128, alpha 1.1 | 13.1 | 0.983, 1,115 | 0.994, 1,945 |
//! | `m` 8, `ef_construction` 24, widths 64 and 400 | 21.7 | 0.983, 1,373 | 0.996, 2,403 |
//! | `m` 6, `ef_construction` 16, widths 48, 64 and 128 | 10.6 | 0.982, 1,150 | 0.995, 2,000 |
//! | `m` 8, `ef_construction` 24, widths 64 and 200, 24 slots | 13.3 | 0.977, 1,024 | 0.993, 1,794 |
//!
//! More points need wider walks, to see past those that are nearly the same. Over a million (100,000 abstracts, each
//! with nine copies that differ a little), recall@10 of searches of two widths:
//!
//! | widths | seconds on two cores | recall, width 128 | recall, width 256 |
//! |---|---|---|---|
//! | 64 and 128 | 165 | 0.943 | 0.976 |
//! | 64 and 256 | 225 | 0.966 | 0.987 |
//! | 64 and 400 | 306 | 0.977 | 0.990 |

mod connect;
mod insert;
mod join;
mod refine;

use rayon::ThreadPool;

use crate::error::IndexError;
use crate::walk::{Layer, MAX_POINTS, NO_POINT, Terrain, Upper, grown_width};

/// How the graph of a segment is built. The defaults are the fastest found for searches; a field
/// out of range is an error of [`Collection::open`](crate::Collection::open).
#[derive(Debug, Clone, PartialEq)]
pub struct BuildParams {
    /// Neighbours that `hnsw_rs` gives a point in each layer, twice as many in the lowest. 4 to 64.
    pub m: usize,
    /// Candidates that `hnsw_rs` keeps while looking for a new point's neighbours. `m` to 4096.
    pub ef_construction: usize,
    /// Rows of a slice, which one thread gives to one graph of `hnsw_rs`: twice as many at most, but for very many rows,
    /// which are never cut into more than 32 slices. 64 and more.
    pub slice: usize,
    /// Most neighbours of a point in the lowest layer of the finished graph; 4 bytes each. 8 to 128.
    pub slots: usize,
    /// Width of the walks that look for better neighbours, once for each number. 16 to 4096. The last is wider
    /// where there are more than 100,000 points.
    pub refine_widths: Vec<usize>,
    /// How much closer to a neighbour than to the point a candidate must be to be left out: 1 is the
    /// rule of HNSW, more keeps more long links (Vamana's α, <https://arxiv.org/abs/1907.05046>). 1 to 2.
    pub alpha: f32,
}

impl Default for BuildParams {
    fn default() -> Self {
        Self {
            m: 8,
            ef_construction: 24,
            slice: 16_384,
            slots: 32,
            refine_widths: vec![64, 128],
            alpha: 1.05,
        }
    }
}

impl BuildParams {
    pub(crate) fn check(&self) -> Result<(), IndexError> {
        check_range("m", self.m, 4, 64)?;
        check_range("ef_construction", self.ef_construction, self.m, 4096)?;
        check_range("slice", self.slice, 64, MAX_POINTS)?;
        check_range("slots", self.slots, 8, 128)?;
        self.refine_widths.iter().try_for_each(|&width| check_range("refine_widths", width, 16, 4096))?;
        // Compared as whole numbers of hundredths, which is as exact as the parameter is used.
        check_range("alpha (in hundredths)", (self.alpha * 100.0) as usize, 100, 200)
    }

    /// Slices into which `n` rows are cut.
    fn n_slices(&self, n: usize) -> usize {
        (n / self.slice).clamp(1, MAX_SLICES)
    }

    /// Bytes that building a graph of `n` rows takes on so many threads, beside the i8 rows.
    pub(crate) fn memory(&self, n: usize, n_threads: usize) -> u64 {
        let n_slices = self.n_slices(n);
        let at_once = n.div_ceil(n_slices) * n_threads.min(n_slices);
        // Two sets of lists, who chose whom, and an order of all points.
        let of_lists = (2 * 4 + 4) * self.slots + 24;
        (at_once * SLICE_BYTES + n * of_lists) as u64
    }
}

/// More slices than this would need wider walks to be joined.
const MAX_SLICES: usize = 32;
/// Bytes that the graph of `hnsw_rs` takes for a row of a slice.
const SLICE_BYTES: usize = 3_600;

pub(crate) fn check_range(
    name: &'static str,
    found: usize,
    min: usize,
    max: usize,
) -> Result<(), IndexError> {
    if (min..=max).contains(&found) { Ok(()) } else { Err(IndexError::GraphParam { name, min, max, found }) }
}

/// Rows of a segment to be: `i8 [n, stride]` and their scale.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) vectors: &'a [i8],
    pub(crate) stride: usize,
    pub(crate) scale: f32,
}

/// A finished graph.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Graph {
    /// `u32 [n, slots]`.
    pub(crate) links: Vec<u32>,
    pub(crate) slots: usize,
    pub(crate) upper: Upper,
}

/// Neighbour lists of a layer while they are being made.
#[derive(Debug)]
struct Lists {
    /// `u32 [n, slots]`, each list filled up with [`NO_POINT`].
    links: Vec<u32>,
    slots: usize,
}

impl Lists {
    fn new(n: usize, slots: usize) -> Self {
        Self { links: vec![NO_POINT; n * slots], slots }
    }

    /// Lists of at most `slots`; longer ones are cut.
    fn of(lists: &[Vec<u32>], slots: usize) -> Self {
        let mut flat = Self::new(lists.len(), slots);
        for (list, places) in lists.iter().zip(flat.links.chunks_exact_mut(slots)) {
            let len = list.len().min(slots);
            places[..len].copy_from_slice(&list[..len]);
        }
        flat
    }

    /// The same lists with other numbers of places; longer ones are cut.
    fn with_slots(self, slots: usize) -> Self {
        if slots == self.slots {
            return self;
        }
        let mut other = Self::new(self.len(), slots);
        let len = slots.min(self.slots);
        for (to, from) in other.links.chunks_exact_mut(slots).zip(self.links.chunks_exact(self.slots)) {
            to[..len].copy_from_slice(&from[..len]);
        }
        other
    }

    fn len(&self) -> usize {
        self.links.len() / self.slots
    }

    fn list(&self, point: u32) -> &[u32] {
        let start = point as usize * self.slots;
        filled(&self.links[start..start + self.slots])
    }

    fn places(&mut self, point: u32) -> &mut [u32] {
        let start = point as usize * self.slots;
        &mut self.links[start..start + self.slots]
    }

    /// Adds a neighbour where there is a place left; says whether there was.
    fn push(&mut self, point: u32, to: u32) -> bool {
        let at = self.list(point).len();
        let place = self.places(point).get_mut(at);
        place.map(|place| *place = to).is_some()
    }

    fn terrain<'a>(&'a self, rows: Rows<'a>) -> Terrain<'a> {
        let (links, slots) = (&self.links[..], self.slots);
        Terrain { vectors: rows.vectors, stride: rows.stride, links, slots, codes: None }
    }
}

/// The points whose lists have each point.
struct Reversed {
    /// Where those of each point begin, and where the last end.
    starts: Vec<usize>,
    /// Those of one point ascend.
    points: Vec<u32>,
}

impl Reversed {
    fn of(lists: &Lists) -> Self {
        let n = lists.len();
        let mut starts = vec![0; n + 1];
        for &to in lists.links.iter().filter(|&&to| to != NO_POINT) {
            starts[to as usize + 1] += 1;
        }
        for point in 0..n {
            starts[point + 1] += starts[point];
        }
        // Filled from behind.
        let mut ends = starts[1..].to_vec();
        let mut points = vec![0; starts[n]];
        for point in (0..n as u32).rev() {
            for &to in lists.list(point) {
                ends[to as usize] -= 1;
                points[ends[to as usize]] = point;
            }
        }
        Self { starts, points }
    }

    fn to(&self, point: u32) -> &[u32] {
        &self.points[self.starts[point as usize]..self.starts[point as usize + 1]]
    }
}

/// A list without what fills it up.
fn filled(places: &[u32]) -> &[u32] {
    &places[..places.iter().position(|&point| point == NO_POINT).unwrap_or(places.len())]
}

impl<'a> Rows<'a> {
    fn len(&self) -> usize {
        self.vectors.len() / self.stride
    }

    fn row(&self, point: u32) -> &'a [i8] {
        let start = point as usize * self.stride;
        &self.vectors[start..start + self.stride]
    }
}

/// Builds a graph over one row or more, on the threads of `pool`: the same graph on any number of them.
///
/// # Errors
/// [`IndexError::TooManyForGraph`].
pub(crate) fn build(rows: Rows<'_>, params: &BuildParams, pool: &ThreadPool) -> Result<Graph, IndexError> {
    let n = rows.len();
    if n > MAX_POINTS {
        return Err(IndexError::TooManyForGraph { max: MAX_POINTS, found: n });
    }
    // Everything on the pool: dropping the graph of `hnsw_rs` uses rayon as well.
    Ok(pool.install(|| {
        let n_slices = params.n_slices(n);
        let (mut lists, slices) = insert::insert(rows, params, n_slices);
        join::join(rows, &mut lists, &slices);
        let mut upper = join::one_upper(slices, params.m);
        let mut widths = params.refine_widths.clone();
        if let Some(last) = widths.last_mut() {
            *last = grown_width(*last, n);
        }
        for width in widths {
            lists = refine::refine(lists.terrain(rows), rows.scale, (width, params.slots), params);
        }
        let mut lists = lists.with_slots(params.slots);
        let n_linked = connect::connect(rows, &mut lists, upper.entry);
        if n_linked > 0 {
            tracing::debug!("added {n_linked} links to connect a graph of {n} points");
        }
        for layer in &mut upper.layers {
            let near = if n_slices > 1 { join::near_members(lists.terrain(rows), layer) } else { Vec::new() };
            *layer = refined_layer(rows, layer, &near, params);
        }
        Graph { links: lists.links, slots: params.slots, upper }
    }))
}

/// A layer above the lowest, refined and connected as a graph of its own: a small one, on which wide
/// walks cost little and decide in which part of the lowest layer a search begins. `near` are further
/// neighbours to begin with, a list for each member or none at all.
fn refined_layer(rows: Rows<'_>, layer: &Layer, near: &[Vec<u32>], params: &BuildParams) -> Layer {
    let index_of = |point: &u32| layer.members.binary_search(point).ok().map(|index| index as u32);
    let lists: Vec<Vec<u32>> = layer
        .links
        .chunks_exact(layer.slots)
        .enumerate()
        .map(|(index, places)| {
            let mut list = filled(places).to_vec();
            for &other in near.get(index).map_or(&[][..], Vec::as_slice) {
                if !list.contains(&other) {
                    list.push(other);
                }
            }
            list.iter().filter_map(index_of).collect()
        })
        .collect();
    let mut vectors = Vec::with_capacity(layer.members.len() * rows.stride);
    for &member in &layer.members {
        vectors.extend_from_slice(rows.row(member));
    }
    let rows = Rows { vectors: &vectors, ..rows };
    let mut lists = Lists::of(&lists, UPPER_SLOTS);
    connect::connect(rows, &mut lists, 0);
    for _ in 0..2 {
        lists = refine::refine(lists.terrain(rows), rows.scale, (UPPER_WIDTH, UPPER_SLOTS), params);
        connect::connect(rows, &mut lists, 0);
    }
    let members = layer.members.iter().copied().zip(0..);
    let members = members.map(|(member, index)| {
        (member, lists.list(index).iter().map(|&index| layer.members[index as usize]).collect())
    });
    self::layer(members.collect(), UPPER_SLOTS)
}

/// Neighbours of a point in the layers above the lowest.
const UPPER_SLOTS: usize = 16;
/// The width of the walks that choose them.
const UPPER_WIDTH: usize = 64;

fn layer(members: Vec<(u32, Vec<u32>)>, slots: usize) -> Layer {
    let (members, lists): (Vec<u32>, Vec<Vec<u32>>) = members.into_iter().unzip();
    Layer::new(members, Lists::of(&lists, slots).links, slots)
}

#[cfg(test)]
mod tests;
