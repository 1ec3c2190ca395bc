//! The wrapper about `hnsw_rs` 0.3.5, the only module that names it. What it has to keep out:
//!
//! - *Bad vectors.* A NaN distance panics in its heaps, a negative one fails an assertion. It is given
//!   positions, and looks up vectors that a [`Matrix`] has proven; the distance is clamped at 0.
//! - *Doubled memory.* It copies whatever it is given into a `Vec` for each point: one `u32` here.
//! - *Parameters.* It ends the process above 256 connections, divides by `ln 1` at one, and wraps 256
//!   to 0 in a `u8`; `max_layer` other than 16 breaks its dump. Both are fixed or checked here.
//! - *A race at the start.* Threads that insert before there is an entry point return without linking
//!   what they insert. The first point goes in alone.
//! - *Links in layers where a point is not.* Its search of an upper layer returns its starting point
//!   whether or not that is in the layer, and links it. Such links are dropped when copying.
//! - *Points that cannot be reached.* A full list drops its farthest link, which can be the last one
//!   to that point (hnswlib-rs issues 32 and 37). [`connect`](super::connect) links them.
//! - *Its searching mode, dump, reload, memory map and iterator over all points* are never used: the
//!   iterator takes the same read lock twice and panics when empty, and its dump is not safe to read.
//!
//! Its insertion takes a lock on the new point and then on each neighbour. That cannot deadlock: the
//! neighbours of a point began to be linked before it did, so the waits have no cycle.

use std::sync::Arc;

use hnsw_rs::prelude::{Distance, Hnsw};

use super::connect::connect;
use super::{Adjacency, GraphIndex, GraphParams, UpperLayer};
use crate::error::IndexError;
use crate::matrix::{Matrix, cosine};

/// The number of layers that `hnsw_rs` allocates for each point, whatever it is asked for.
const N_LAYERS: usize = 16;
/// It numbers the points of a layer with an `i32`.
const MAX_POINTS: usize = i32::MAX as usize;

/// Distance between two positions: 1 − cosine, in `[0, 2]`.
struct PositionDistance(Arc<Matrix>);

impl Distance<u32> for PositionDistance {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        // In [0, 2] and never NaN: the cosine is clamped to [-1, 1].
        1.0 - cosine(self.0.vector(a[0] as usize), self.0.vector(b[0] as usize))
    }
}

pub(super) fn build(matrix: Arc<Matrix>, params: &GraphParams) -> Result<GraphIndex, IndexError> {
    check_range("m", params.m, 4, 128)?;
    check_range("ef_construction", params.ef_construction, params.m, 4096)?;
    check_range("n_threads", params.n_threads, 1, 1024)?;
    if matrix.len() > MAX_POINTS {
        return Err(IndexError::TooManyForGraph { max: MAX_POINTS, found: matrix.len() });
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(params.n_threads)
        .thread_name(|index| format!("graph-{index}"))
        .build()
        .map_err(IndexError::ThreadPool)?;
    // Dropping its graph uses rayon as well, so that too is done on the pool.
    Ok(pool.install(|| freeze(matrix.clone(), insert(&matrix, params))))
}

fn check_range(name: &'static str, found: usize, min: usize, max: usize) -> Result<(), IndexError> {
    if (min..=max).contains(&found) { Ok(()) } else { Err(IndexError::GraphParam { name, min, max, found }) }
}

/// Neighbour lists by layer, of a point and its level.
struct Layers {
    /// Of each position, in the lowest layer.
    lowest: Vec<Vec<u32>>,
    /// `(position, neighbours)` of each member of each layer above, ascending.
    upper: Vec<Vec<(u32, Vec<u32>)>>,
}

/// Has `hnsw_rs` build its graph, and takes the neighbour lists out of it.
fn insert(matrix: &Arc<Matrix>, params: &GraphParams) -> Layers {
    let n_points = matrix.len();
    let hnsw: Hnsw<'_, u32, PositionDistance> = Hnsw::new(
        params.m,
        n_points.max(1),
        N_LAYERS,
        params.ef_construction,
        PositionDistance(Arc::clone(matrix)),
    );
    let positions: Vec<u32> = (0..n_points as u32).collect();
    let mut points: Vec<(&[u32], usize)> =
        positions.iter().map(|position| (std::slice::from_ref(position), *position as usize)).collect();
    if !points.is_empty() {
        hnsw.insert_slice(points.remove(0));
        hnsw.parallel_insert_slice(&points);
    }

    let stored = hnsw.get_point_indexation();
    let mut levels = vec![0_usize; n_points];
    for level in 0..N_LAYERS {
        for point in stored.get_layer_iterator(level) {
            levels[point.get_origin_id()] = level;
        }
    }
    let mut layers = Layers { lowest: vec![Vec::new(); n_points], upper: Vec::new() };
    layers.upper.resize_with(levels.iter().copied().max().unwrap_or(0), Vec::new);
    for level in 0..N_LAYERS {
        for point in stored.get_layer_iterator(level) {
            let position = point.get_origin_id();
            for (layer, neighbours) in point.get_neighborhood_id().iter().enumerate().take(level + 1) {
                let list = neighbours
                    .iter()
                    .map(|neighbour| neighbour.get_origin_id())
                    .filter(|&neighbour| neighbour != position && levels[neighbour] >= layer)
                    .map(|neighbour| neighbour as u32)
                    .collect();
                match layer.checked_sub(1) {
                    None => layers.lowest[position] = list,
                    Some(above) => layers.upper[above].push((position as u32, list)),
                }
            }
        }
    }
    for members in &mut layers.upper {
        members.sort_unstable_by_key(|(position, _)| *position);
    }
    layers
}

fn freeze(matrix: Arc<Matrix>, mut layers: Layers) -> GraphIndex {
    // Any member of the topmost layer will do, as the lowest layer is connected from everywhere.
    let topmost = layers.upper.last().and_then(|members| members.first()).map(|(position, _)| *position);
    let entry = topmost.or((!layers.lowest.is_empty()).then_some(0));
    let n_linked = entry.map_or(0, |entry| connect(&matrix, &mut layers.lowest, entry));
    if n_linked > 0 {
        tracing::debug!("added {n_linked} links to connect a graph of {} points", matrix.len());
    }
    let upper = layers
        .upper
        .into_iter()
        .map(|members| {
            let (members, lists): (Vec<u32>, Vec<Vec<u32>>) = members.into_iter().unzip();
            UpperLayer { members, links: Adjacency::from_lists(lists.into_iter()) }
        })
        .collect();
    GraphIndex { matrix, entry, lowest: Adjacency::from_lists(layers.lowest.into_iter()), upper, n_linked }
}
