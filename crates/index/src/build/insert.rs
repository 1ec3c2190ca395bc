//! The wrapper about `hnsw_rs` 0.3.5. What it has to keep out:
//!
//! - *Bad vectors.* A NaN distance panics in its heaps, a negative one fails an assertion. It is given
//!   positions, and looks up rows that are proven; the distance is clamped at 0.
//! - *Doubled memory.* It copies whatever it is given into a `Vec` for each point: one `u32` here.
//! - *Parameters.* It ends the process above 256 connections, divides by `ln 1` at one, and wraps 256
//!   to 0 in a `u8`; `max_layer` other than 16 breaks its dump. Both are fixed or checked.
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

use cognate_vector::kernels::dot_i8;
use hnsw_rs::prelude::{Distance, Hnsw};

use super::{BuildParams, Lists, Rows, layer};
use crate::walk::Upper;

/// The number of layers that `hnsw_rs` allocates for each point, whatever it is asked for.
const N_LAYERS: usize = 16;

/// Distance between two positions: 1 − cosine of the stored rows, about, in `[0, 2]`.
struct PositionDistance<'a>(Rows<'a>);

impl PositionDistance<'_> {
    fn row(&self, position: u32) -> &[i8] {
        let start = position as usize * self.0.stride;
        &self.0.vectors[start..start + self.0.stride]
    }
}

impl Distance<u32> for PositionDistance<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let dot = dot_i8(self.row(a[0]), self.row(b[0])) as f32;
        (1.0 - dot * self.0.scale * self.0.scale).clamp(0.0, 2.0)
    }
}

/// Has `hnsw_rs` build its graph over the rows, and takes the lowest lists and the layers above out
/// of it. To be called on the pool whose threads are to be used.
pub(super) fn insert(rows: Rows<'_>, params: &BuildParams) -> (Lists, Upper) {
    let n_points = rows.vectors.len() / rows.stride;
    let positions: Vec<u32> = (0..n_points as u32).collect();
    let hnsw: Hnsw<'_, u32, PositionDistance<'_>> =
        Hnsw::new(params.m, n_points.max(1), N_LAYERS, params.ef_construction, PositionDistance(rows));
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
    let mut lowest = vec![Vec::new(); n_points];
    let mut layers: Vec<Vec<(u32, Vec<u32>)>> = Vec::new();
    layers.resize_with(levels.iter().copied().max().unwrap_or(0), Vec::new);
    for level in 0..N_LAYERS {
        for point in stored.get_layer_iterator(level) {
            let position = point.get_origin_id();
            for (number, neighbours) in point.get_neighborhood_id().iter().enumerate().take(level + 1) {
                let list = neighbours
                    .iter()
                    .map(|neighbour| neighbour.get_origin_id())
                    .filter(|&neighbour| neighbour != position && levels[neighbour] >= number)
                    .map(|neighbour| neighbour as u32)
                    .collect();
                match number.checked_sub(1) {
                    None => lowest[position] = list,
                    Some(above) => layers[above].push((position as u32, list)),
                }
            }
        }
    }
    for members in &mut layers {
        members.sort_unstable_by_key(|(position, _)| *position);
    }
    // Any member of the topmost layer will do, as the lowest layer is connected from everywhere.
    let entry = layers.last().and_then(|members| members.first()).map_or(0, |(position, _)| *position);
    let layers = layers.into_iter().map(|members| layer(members, params.m)).collect();
    (lowest, Upper { layers, entry })
}
