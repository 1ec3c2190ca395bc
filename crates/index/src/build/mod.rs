//! Building a graph over i8 rows: `hnsw_rs` makes one, it is copied into flat lists, every list is
//! then chosen anew, and what cannot be reached is linked.
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
        Self { m: 8, ef_construction: 24, slots: 32, refine_widths: vec![64, 128], alpha: 1.05 }
    }
}

impl BuildParams {
    pub(crate) fn check(&self) -> Result<(), IndexError> {
        check_range("m", self.m, 4, 64)?;
        check_range("ef_construction", self.ef_construction, self.m, 4096)?;
        check_range("slots", self.slots, 8, 128)?;
        self.refine_widths.iter().try_for_each(|&width| check_range("refine_widths", width, 16, 4096))?;
        // Compared as whole numbers of hundredths, which is as exact as the parameter is used.
        check_range("alpha (in hundredths)", (self.alpha * 100.0) as usize, 100, 200)
    }
}

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
#[derive(Debug)]
pub(crate) struct Graph {
    /// `u32 [n, slots]`.
    pub(crate) links: Vec<u32>,
    pub(crate) slots: usize,
    pub(crate) upper: Upper,
}

/// Neighbour lists of the lowest layer while they are being made.
type Lists = Vec<Vec<u32>>;

/// Builds a graph over one row or more, on the threads of `pool`.
///
/// # Errors
/// [`IndexError::TooManyForGraph`].
pub(crate) fn build(rows: Rows<'_>, params: &BuildParams, pool: &ThreadPool) -> Result<Graph, IndexError> {
    let n = rows.vectors.len() / rows.stride;
    if n > MAX_POINTS {
        return Err(IndexError::TooManyForGraph { max: MAX_POINTS, found: n });
    }
    // Everything on the pool: dropping the graph of `hnsw_rs` uses rayon as well.
    Ok(pool.install(|| {
        let (mut lists, mut upper) = insert::insert(rows, params);
        let mut widths = params.refine_widths.clone();
        if let Some(last) = widths.last_mut() {
            *last = grown_width(*last, n);
        }
        for width in widths {
            lists = refined(rows, &lists, (width, params.slots), params);
        }
        for layer in &mut upper.layers {
            *layer = refined_layer(rows, layer, params);
        }
        let n_linked = connect::connect(rows, &mut lists, params.slots, upper.entry);
        if n_linked > 0 {
            tracing::debug!("added {n_linked} links to connect a graph of {n} points");
        }
        Graph { links: flatten(&lists, params.slots), slots: params.slots, upper }
    }))
}

fn refined(rows: Rows<'_>, lists: &Lists, (width, slots): (usize, usize), params: &BuildParams) -> Lists {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let links = flatten(lists, longest);
    let terrain = Terrain { vectors: rows.vectors, stride: rows.stride, links: &links, slots: longest };
    refine::refine(terrain, rows.scale, (width, slots), params)
}

/// A layer above the lowest, refined and connected as a graph of its own: a small one, on which wide
/// walks cost little and decide in which part of the lowest layer a search begins.
fn refined_layer(rows: Rows<'_>, layer: &Layer, params: &BuildParams) -> Layer {
    let index_of = |point: &u32| layer.members.binary_search(point).ok().map(|index| index as u32);
    let mut lists: Lists = layer
        .links
        .chunks_exact(layer.slots)
        .map(|list| list.iter().take_while(|&&point| point != NO_POINT).filter_map(index_of).collect())
        .collect();
    let mut vectors = Vec::with_capacity(layer.members.len() * rows.stride);
    for &member in &layer.members {
        let start = member as usize * rows.stride;
        vectors.extend_from_slice(&rows.vectors[start..start + rows.stride]);
    }
    let rows = Rows { vectors: &vectors, ..rows };
    let slots = UPPER_SLOTS;
    connect::connect(rows, &mut lists, slots, 0);
    for _ in 0..2 {
        lists = refined(rows, &lists, (UPPER_WIDTH, slots), params);
        connect::connect(rows, &mut lists, slots, 0);
    }
    let lists =
        lists.into_iter().map(|list| list.into_iter().map(|index| layer.members[index as usize]).collect());
    self::layer(layer.members.iter().copied().zip(lists).collect(), slots)
}

/// Neighbours of a point in the layers above the lowest.
const UPPER_SLOTS: usize = 16;
/// The width of the walks that choose them.
const UPPER_WIDTH: usize = 64;

/// Lists of at most `slots`, one after another, each filled up; longer ones are cut.
fn flatten(lists: &[Vec<u32>], slots: usize) -> Vec<u32> {
    let mut links = vec![NO_POINT; lists.len() * slots];
    for (list, places) in lists.iter().zip(links.chunks_exact_mut(slots)) {
        let len = list.len().min(slots);
        places[..len].copy_from_slice(&list[..len]);
    }
    links
}

fn layer(members: Vec<(u32, Vec<u32>)>, slots: usize) -> Layer {
    let (members, lists): (Vec<u32>, Vec<Vec<u32>>) = members.into_iter().unzip();
    Layer { members, links: flatten(&lists, slots), slots }
}
