//! Choosing every neighbour list anew, from the points that a walk on the graph so far meets.
//!
//! Two passes, each over all points side by side and from what the pass before left, so that the
//! result does not depend on the number of threads. First each point takes the candidates that no
//! other neighbour of it is closer to (the heuristic of HNSW, algorithm 4 of
//! <https://arxiv.org/abs/1603.09320>); then each is offered the points that chose it, and where that
//! makes its list too long, the same rule decides again. `hnsw_rs` drops the farthest instead.

use cognate_vector::kernels::dots_i8_at;
use rayon::prelude::*;

use super::{BuildParams, Lists};
use crate::bitmap::Bitmap;
use crate::walk::{Scratch, Terrain};

/// A candidate with its product, best first.
type Candidate = (i32, u32);

/// The lists of `terrain` chosen anew, of at most `slots` points each, by walks of this `width`.
pub(super) fn refine(
    terrain: Terrain<'_>,
    scale: f32,
    (width, slots): (usize, usize),
    params: &BuildParams,
) -> Lists {
    let n = terrain.len();
    let rule = Rule { terrain, unit: 1.0 / (scale * scale), alpha: params.alpha, slots };
    let order = near_to_near(terrain);
    let chosen: Vec<(u32, Vec<Candidate>)> = order
        .into_par_iter()
        .map_init(
            || (Scratch::default(), Vec::new(), Vec::new()),
            |(scratch, candidates, dots), point| {
                let query = rule.row(point);
                scratch.start_at(&[point]);
                terrain.walk(query, width, scratch);
                candidates.clear();
                candidates.extend(
                    scratch
                        .found()
                        .iter()
                        .map(|key| (key.dot(), key.position()))
                        .filter(|&(_, other)| other != point),
                );
                // The links that it had, too: a walk from a point in a cluster meets no other, and
                // without them the clusters would drift apart.
                let links = terrain.list(point);
                dots_i8_at(query, terrain.vectors, links, dots);
                candidates.extend(dots.iter().copied().zip(links.iter().copied()));
                sort_best_first(candidates);
                (point, rule.choose(candidates, dots))
            },
        )
        .collect();
    let chosen = in_place(chosen);

    let mut offered: Vec<Vec<Candidate>> = vec![Vec::new(); n];
    for (point, list) in chosen.iter().enumerate() {
        for &(dot, neighbour) in list {
            offered[neighbour as usize].push((dot, point as u32));
        }
    }
    chosen
        .into_par_iter()
        .zip(offered)
        .map_init(Vec::new, |dots, (mut list, offered)| {
            list.extend(offered);
            sort_best_first(&mut list);
            if list.len() > slots {
                list = rule.choose(&list, dots);
            }
            list.into_iter().map(|(_, point)| point).collect()
        })
        .collect()
}

/// All points, one after another along links: consecutive walks then meet much the same rows, while these are
/// still in the processor's cache.
fn near_to_near(terrain: Terrain<'_>) -> Vec<u32> {
    let n = terrain.len();
    let mut seen = Bitmap::new(n);
    let mut order = Vec::with_capacity(n);
    let mut pending = Vec::new();
    for start in 0..n as u32 {
        pending.push(start);
        while let Some(point) = pending.pop() {
            if seen.insert(point as usize) {
                order.push(point);
                pending.extend(terrain.list(point).iter().rev());
            }
        }
    }
    order
}

/// Lists put where their points are.
fn in_place(chosen: Vec<(u32, Vec<Candidate>)>) -> Vec<Vec<Candidate>> {
    let mut lists = vec![Vec::new(); chosen.len()];
    for (point, list) in chosen {
        lists[point as usize] = list;
    }
    lists
}

/// Best first, the smaller position first among equals, each once.
fn sort_best_first(candidates: &mut Vec<Candidate>) {
    candidates.sort_unstable_by_key(|&(dot, point)| (std::cmp::Reverse(dot), point));
    candidates.dedup();
}

struct Rule<'a> {
    terrain: Terrain<'a>,
    /// The product that stands for a cosine of 1.
    unit: f32,
    alpha: f32,
    slots: usize,
}

impl Rule<'_> {
    fn row(&self, point: u32) -> &[i8] {
        let start = point as usize * self.terrain.stride;
        &self.terrain.vectors[start..start + self.terrain.stride]
    }

    /// Of candidates, best first, those that are closer to the point than to any one chosen before.
    fn choose(&self, candidates: &[Candidate], dots: &mut Vec<i32>) -> Vec<Candidate> {
        let mut chosen: Vec<Candidate> = Vec::with_capacity(self.slots);
        let mut points: Vec<u32> = Vec::with_capacity(self.slots);
        for &(dot, candidate) in candidates {
            if points.len() == self.slots {
                break;
            }
            let distance = self.unit - dot as f32;
            dots_i8_at(self.row(candidate), self.terrain.vectors, &points, dots);
            if dots.iter().all(|&dot| (self.unit - dot as f32) * self.alpha > distance) {
                chosen.push((dot, candidate));
                points.push(candidate);
            }
        }
        chosen
    }
}
