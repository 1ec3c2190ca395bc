//! Joining the graphs of slices to one.
//!
//! Slices are alike, so what is close to a point in one slice lies about where its neighbours' neighbours lie in the
//! others. So a point needs no walk in each: one narrow walk in one other slice, which is another one for the points
//! around it, and the walks of [`refine`](super::refine) go from slice to slice along all these links.

use std::cmp::Reverse;

use cognate_vector::kernels::dots_i8_at;
use rayon::prelude::*;

use super::refine::near_to_near;
use super::{Lists, Rows, layer};
use crate::bitmap::Bitmap;
use crate::walk::{Aim, Layer, Scratch, Terrain, Upper};

/// Links of each point into another slice.
pub(super) const N_JOINING: usize = 6;
/// The width of the walk that finds them.
const JOINING_WIDTH: usize = 16;
/// Links of each member of a layer above the lowest, whatever slice they lead to.
const N_NEAR: usize = 8;
/// In a layer of so many members or fewer, all are compared with all.
const ALL_PAIRS_UP_TO: usize = 2_048;

/// Links every point with those closest to it in one other slice. Slice s has the points that leave s when divided by
/// the number of slices; `slices` are the layers above the lowest of each.
pub(super) fn join(rows: Rows<'_>, lists: &mut Lists, slices: &[Upper]) {
    let n_slices = slices.len();
    if n_slices < 2 {
        return;
    }
    let terrain = lists.terrain(rows);
    let walk = |scratch: &mut Scratch, point: u32| {
        let aim = Aim::at(rows.row(point));
        terrain.descend(&slices[other_slice(point as usize, n_slices)], aim, scratch);
        terrain.walk(aim, JOINING_WIDTH, scratch);
        let found = scratch.found().iter().take(N_JOINING).map(|key| key.position());
        (point, found.collect::<Vec<u32>>())
    };
    let order = near_to_near(terrain);
    let found: Vec<(u32, Vec<u32>)> = order.into_par_iter().map_init(Scratch::default, walk).collect();
    for (point, found) in found {
        for other in found {
            lists.push(point, other);
        }
    }
}

/// The slice into which a point is linked: any but its own, and another one for the next point of its slice.
fn other_slice(point: usize, n_slices: usize) -> usize {
    let (number, slice) = (point / n_slices, point % n_slices);
    (slice + 1 + number % (n_slices - 1)) % n_slices
}

/// The layers of all slices, each slice's members linked among themselves as they were.
pub(super) fn one_upper(mut slices: Vec<Upper>, m: usize) -> Upper {
    if slices.len() == 1 {
        return slices.swap_remove(0);
    }
    let n_layers = slices.iter().map(|slice| slice.layers.len()).max().unwrap_or(0);
    let layers: Vec<Layer> = (0..n_layers)
        .map(|number| {
            let of_slices = slices.iter().filter_map(|slice| slice.layers.get(number));
            let mut members: Vec<(u32, Vec<u32>)> = of_slices
                .flat_map(|layer| {
                    let lists =
                        layer.links.chunks_exact(layer.slots).map(|places| super::filled(places).to_vec());
                    layer.members.iter().copied().zip(lists)
                })
                .collect();
            members.sort_unstable_by_key(|(member, _)| *member);
            layer(members, m)
        })
        .collect();
    let topmost = layers.last().and_then(|layer| layer.members.first()).copied();
    let entry = topmost.or(slices.first().map(|slice| slice.entry)).unwrap_or(0);
    Upper { layers, entry }
}

/// For each member of a layer the members closest to it, best first; in a large layer those that a walk on the lowest
/// layer meets.
pub(super) fn near_members(lowest: Terrain<'_>, layer: &Layer) -> Vec<Vec<u32>> {
    let members = &layer.members;
    if members.len() <= ALL_PAIRS_UP_TO {
        let near = |dots: &mut Vec<i32>, &member: &u32| {
            dots_i8_at(lowest.row(member), lowest.vectors, members, dots);
            let others = dots.iter().zip(members).filter(|(_, other)| **other != member);
            let mut others: Vec<(Reverse<i32>, u32)> =
                others.map(|(&dot, &other)| (Reverse(dot), other)).collect();
            others.sort_unstable();
            others.into_iter().take(N_NEAR).map(|(_, other)| other).collect()
        };
        return members.par_iter().map_init(Vec::new, near).collect();
    }
    let mut is_member = Bitmap::new(lowest.len());
    for &member in members {
        is_member.insert(member as usize);
    }
    let near = |scratch: &mut Scratch, &member: &u32| {
        scratch.start_at(&[member]);
        let accept = |point: u32| is_member.contains(point as usize);
        lowest.walk_where((Aim::at(lowest.row(member)), N_NEAR + 1, usize::MAX), scratch, accept);
        let found = scratch.found().iter().map(|key| key.position());
        found.filter(|&other| other != member).take(N_NEAR).collect()
    };
    members.par_iter().with_min_len(256).map_init(Scratch::default, near).collect()
}
