//! Choosing every neighbour list anew, from the points that a walk on the graph so far meets.
//!
//! Two passes, each over all points side by side and from what the pass before left, so that the
//! result does not depend on the number of threads. First each point takes the candidates that no
//! other neighbour of it is closer to (the heuristic of HNSW, algorithm 4 of
//! <https://arxiv.org/abs/1603.09320>); then each is offered the points that chose it, and where that
//! makes its list too long, the same rule decides again. `hnsw_rs` drops the farthest instead.

use cognate_vector::kernels::dots_i8_at;
use rayon::prelude::*;

use super::{BuildParams, Lists, Reversed, filled};
use crate::bitmap::Bitmap;
use crate::walk::{Aim, NO_POINT, Scratch, Terrain};

/// A candidate with its product, best first.
type Candidate = (i32, u32);

/// Points whose new lists are in memory beside all that were chosen before.
const BLOCK: usize = 1 << 16;

/// The lists of `terrain` chosen anew, of at most `slots` points each, by walks of this `width`.
pub(super) fn refine(
    terrain: Terrain<'_>,
    scale: f32,
    (width, slots): (usize, usize),
    params: &BuildParams,
) -> Lists {
    let n = terrain.len();
    let rule = Rule { terrain, unit: 1.0 / (scale * scale), alpha: params.alpha, slots };
    let mut lists = Lists::new(n, slots);
    for block in near_to_near(terrain).chunks(BLOCK) {
        let chosen: Vec<(u32, Vec<u32>)> = block
            .par_iter()
            .map_init(
                || (Scratch::default(), Vec::new(), Vec::new()),
                |(scratch, candidates, dots), &point| {
                    let query = rule.terrain.row(point);
                    scratch.start_at(&[point]);
                    terrain.walk(Aim::at(query), width, scratch);
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
        for (point, list) in chosen {
            lists.places(point)[..list.len()].copy_from_slice(&list);
        }
    }

    let offered = Reversed::of(&lists);
    lists.links.par_chunks_mut(slots).zip(0..n as u32).with_min_len(256).for_each_init(
        || (Vec::new(), Vec::new(), Vec::new()),
        |(points, candidates, dots), (places, point)| {
            points.clear();
            points.extend_from_slice(filled(places));
            points.extend_from_slice(offered.to(point));
            dots_i8_at(rule.terrain.row(point), terrain.vectors, points, dots);
            candidates.clear();
            candidates.extend(dots.iter().copied().zip(points.iter().copied()));
            sort_best_first(candidates);
            places.fill(NO_POINT);
            if candidates.len() > slots {
                let list = rule.choose(candidates, dots);
                places[..list.len()].copy_from_slice(&list);
            } else {
                for (place, &(_, other)) in places.iter_mut().zip(&*candidates) {
                    *place = other;
                }
            }
        },
    );
    lists
}

/// All points, one after another along links: consecutive walks then meet much the same rows, while these are
/// still in the processor's cache.
pub(super) fn near_to_near(terrain: Terrain<'_>) -> Vec<u32> {
    let n = terrain.len();
    let mut seen = Bitmap::new(n);
    let mut order = Vec::with_capacity(n);
    let mut pending = Vec::new();
    for start in 0..n as u32 {
        pending.push(start);
        while let Some(point) = pending.pop() {
            if seen.insert(point as usize) {
                order.push(point);
                let next = terrain.list(point).iter().rev();
                pending.extend(next.filter(|&&next| !seen.contains(next as usize)));
            }
        }
    }
    order
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
    /// Of candidates, best first, those that are closer to the point than to any one chosen before.
    fn choose(&self, candidates: &[Candidate], dots: &mut Vec<i32>) -> Vec<u32> {
        let mut chosen: Vec<u32> = Vec::with_capacity(self.slots);
        for &(dot, candidate) in candidates {
            if chosen.len() == self.slots {
                break;
            }
            let distance = self.unit - dot as f32;
            dots_i8_at(self.terrain.row(candidate), self.terrain.vectors, &chosen, dots);
            if dots.iter().all(|&dot| (self.unit - dot as f32) * self.alpha > distance) {
                chosen.push(candidate);
            }
        }
        chosen
    }
}
