//! The wrapper about `hnsw_rs` 0.3.5. What it has to keep out:
//!
//! - *Bad vectors.* A NaN distance panics in its heaps, a negative one fails an assertion. It is given
//!   positions, and looks up rows that are proven; the distance is clamped at 0.
//! - *Doubled memory.* It copies whatever it is given into a `Vec` for each point: one `u32` here.
//! - *Parameters.* It ends the process above 256 connections, divides by `ln 1` at one, and wraps 256
//!   to 0 in a `u8`; `max_layer` other than 16 breaks its dump. Both are fixed or checked.
//! - *Races.* Threads that insert before there is an entry point return without linking what they insert, and the links
//!   of all others depend on who comes first. One thread fills a graph, and several fill graphs side by side.
//! - *Links in layers where a point is not.* Its search of an upper layer returns its starting point
//!   whether or not that is in the layer, and links it. Such links are dropped when copying.
//! - *Points that cannot be reached.* A full list drops its farthest link, which can be the last one
//!   to that point (hnswlib-rs issues 32 and 37). [`connect`](super::connect) links them.
//! - *Its searching mode, dump, reload, memory map and iterator over all points* are never used: the
//!   iterator takes the same read lock twice and panics when empty, and its dump is not safe to read.

use cognate_vector::kernels::dot_i8;
use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;

use super::join::N_JOINING;
use super::{BuildParams, Lists, Rows, layer};
use crate::walk::Upper;

/// The number of layers that `hnsw_rs` allocates for each point, whatever it is asked for.
const N_LAYERS: usize = 16;

/// Distance between two positions: 1 − cosine of the stored rows, about, in `[0, 2]`.
struct PositionDistance<'a>(Rows<'a>);

impl Distance<u32> for PositionDistance<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let dot = dot_i8(self.0.row(a[0]), self.0.row(b[0])) as f32;
        (1.0 - dot * self.0.scale * self.0.scale).clamp(0.0, 2.0)
    }
}

/// Has `hnsw_rs` build a graph over each of `n_slices` slices of the rows, and takes the lowest lists and the layers
/// above out of them. To be called on the pool whose threads are to be used. Slice s has the positions that leave s when
/// divided by the number of slices, so that each is like the whole. Lists have places for the links that join them.
pub(super) fn insert(rows: Rows<'_>, params: &BuildParams, n_slices: usize) -> (Lists, Vec<Upper>) {
    let n = rows.len();
    let filled: Vec<(Vec<Vec<u32>>, Upper)> = (0..n_slices)
        .into_par_iter()
        .with_max_len(1)
        .map(|slice| {
            let positions: Vec<u32> = (slice..n).step_by(n_slices).map(|position| position as u32).collect();
            fill(rows, params, &positions)
        })
        .collect();
    let slots = 2 * params.m + if n_slices > 1 { N_JOINING } else { 0 };
    let mut lists = Lists::new(n, slots);
    let mut uppers = Vec::with_capacity(n_slices);
    for (slice, (of_slice, upper)) in filled.into_iter().enumerate() {
        for (list, position) in of_slice.iter().zip((slice..n).step_by(n_slices)) {
            lists.places(position as u32)[..list.len()].copy_from_slice(list);
        }
        uppers.push(upper);
    }
    (lists, uppers)
}

/// The lowest lists, one for each of `positions` (ascending), of at most `2 m` each, and the layers above, of the graph
/// over the rows there.
fn fill(rows: Rows<'_>, params: &BuildParams, positions: &[u32]) -> (Vec<Vec<u32>>, Upper) {
    let n_points = positions.len();
    let hnsw: Hnsw<'_, u32, PositionDistance<'_>> =
        Hnsw::new(params.m, n_points.max(1), N_LAYERS, params.ef_construction, PositionDistance(rows));
    for (number, position) in positions.iter().enumerate() {
        hnsw.insert_slice((std::slice::from_ref(position), number));
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
            let this = point.get_origin_id();
            for (number, neighbours) in point.get_neighborhood_id().iter().enumerate().take(level + 1) {
                let neighbours = neighbours.iter().map(|neighbour| neighbour.get_origin_id());
                let list = neighbours
                    .filter(|&other| other != this && levels[other] >= number)
                    .map(|other| positions[other])
                    .take(2 * params.m)
                    .collect();
                match number.checked_sub(1) {
                    None => lowest[this] = list,
                    Some(above) => layers[above].push((positions[this], list)),
                }
            }
        }
    }
    for members in &mut layers {
        members.sort_unstable_by_key(|(position, _)| *position);
    }
    // Any member of the topmost layer will do, as the lowest layer is connected from everywhere.
    let topmost = layers.last().and_then(|members| members.first()).map(|(position, _)| *position);
    let entry = topmost.or(positions.first().copied()).unwrap_or(0);
    let layers = layers.into_iter().map(|members| layer(members, params.m)).collect();
    (lowest, Upper { layers, entry })
}
