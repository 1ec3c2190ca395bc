//! Places in two dimensions that keep neighbours near each other, after UMAP (McInnes, Healy and Melville,
//! <https://arxiv.org/abs/1802.03426>): a weighted graph of neighbours, and stochastic descent in which edges pull and
//! papers drawn by lot push.
//!
//! Nearness on the map is `1 / (1 + d²)`, which needs no powers and makes no difference to speak of (Böhm, Berens and Kobak,
//! <https://arxiv.org/abs/2007.08902>). One thread does it with a fixed seed, so that the same neighbours give the same map;
//! it takes some eight seconds for a hundred thousand papers.

use super::neighbours::{N_NEAREST, Neighbours};

/// Papers that push for each edge that pulls.
const N_PUSHING: usize = 5;
/// Rounds for few and for many papers.
const N_ROUNDS: [usize; 2] = [300, 200];
/// Papers from which on there are many.
const MANY: usize = 10_000;
/// How far from the middle the places begin.
const FIRST_REACH: f32 = 10.0;
/// The farthest that a paper moves at once.
const MAX_STEP: f32 = 4.0;
/// Papers outside of this part of the whole, at each end of each direction, do not say how large the map is.
const OUTLIERS: f32 = 0.001;
/// Room beside those that say it.
const MARGIN: f32 = 1.06;

/// An edge of the graph.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Edge {
    from: u32,
    to: u32,
    /// How alike the two are, from 0 to 1.
    weight: f32,
}

/// Moves places, as they are at the beginning, until neighbours are near.
pub(super) fn places(begin: Vec<[f32; 2]>, neighbours: &Neighbours) -> Vec<[f32; 2]> {
    let mut places = begin;
    let mut lot = Lot(0x9e37_79b9_7f4a_7c15);
    let reach = places.iter().flatten().fold(0.0_f32, |far, part| far.max(part.abs())).max(f32::MIN_POSITIVE);
    for part in places.iter_mut().flatten() {
        // Papers in one place would never part.
        *part = *part / reach * FIRST_REACH + (lot.part() - 0.5) * 1e-3;
    }
    let edges = edges(neighbours);
    let most = edges.iter().map(|edge| edge.weight).fold(0.0_f32, f32::max);
    if most == 0.0 {
        return places;
    }
    let n_rounds = N_ROUNDS[usize::from(places.len() > MANY)];
    // An edge takes part as often as it weighs: its next round, and how many rounds lie between.
    let steps: Vec<f32> = edges.iter().map(|edge| most / edge.weight).collect();
    let mut next = steps.clone();
    for round in 0..n_rounds {
        let rate = 1.0 - round as f32 / n_rounds as f32;
        for ((edge, next), step) in edges.iter().zip(&mut next).zip(&steps) {
            if *next > round as f32 + 1.0 {
                continue;
            }
            *next += step;
            let (a, b) = (edge.from as usize, edge.to as usize);
            pull(&mut places, (a, b), rate);
            for at in [a, b] {
                for _ in 0..N_PUSHING {
                    let other = lot.below(places.len());
                    if other != at {
                        push(&mut places, (at, other), rate);
                    }
                }
            }
        }
    }
    places
}

/// The graph: each paper is as alike to its nearest as can be, and to all of its neighbours together as much as every other
/// paper is to its own, whether they are near or far. What one or the other holds for alike is.
fn edges(neighbours: &Neighbours) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::with_capacity(neighbours.len() * N_NEAREST);
    for (from, near) in (0_u32..).zip(neighbours) {
        for ((to, _), weight) in near.iter().zip(weights(near)) {
            edges.push(Edge { from: from.min(*to), to: from.max(*to), weight });
        }
    }
    edges.sort_by_key(|edge| (edge.from, edge.to));
    edges.dedup_by(|second, first| {
        let is_same = (first.from, first.to) == (second.from, second.to);
        if is_same {
            first.weight += second.weight - first.weight * second.weight;
        }
        is_same
    });
    // One that would take part in no round.
    let most = edges.iter().map(|edge| edge.weight).fold(0.0_f32, f32::max);
    edges.retain(|edge| edge.weight * N_ROUNDS[1] as f32 >= most);
    edges
}

/// How alike a paper is to each of its neighbours, from 0 to 1; the sum is the logarithm of their number, base 2.
fn weights(near: &[(u32, f32)]) -> Vec<f32> {
    let Some(&(_, nearest)) = near.first() else { return Vec::new() };
    let wanted = (near.len() as f32).log2();
    let weight = |width: f32, distance: f32| (-((distance - nearest).max(0.0) / width)).exp();
    let (mut low, mut high) = (1e-6_f32, 1e3_f32);
    for _ in 0..48 {
        // The geometric mean: widths differ by factors.
        let width = (low * high).sqrt();
        let sum: f32 = near.iter().map(|(_, distance)| weight(width, *distance)).sum();
        if sum > wanted { high = width } else { low = width }
    }
    near.iter().map(|(_, distance)| weight(high, *distance)).collect()
}

fn pull(places: &mut [[f32; 2]], (a, b): (usize, usize), rate: f32) {
    let [dx, dy] = [places[a][0] - places[b][0], places[a][1] - places[b][1]];
    let by = 2.0 / (1.0 + dx * dx + dy * dy);
    for (axis, difference) in [dx, dy].into_iter().enumerate() {
        let step = (by * difference).clamp(-MAX_STEP, MAX_STEP) * rate;
        places[a][axis] -= step;
        places[b][axis] += step;
    }
}

fn push(places: &mut [[f32; 2]], (at, other): (usize, usize), rate: f32) {
    let [dx, dy] = [places[at][0] - places[other][0], places[at][1] - places[other][1]];
    let square = dx * dx + dy * dy;
    let by = 2.0 / ((0.001 + square) * (1.0 + square));
    for (axis, difference) in [dx, dy].into_iter().enumerate() {
        places[at][axis] += (by * difference).clamp(-MAX_STEP, MAX_STEP) * rate;
    }
}

/// Numbers by lot, the same each time: xorshift64* (Vigna, <https://arxiv.org/abs/1402.6246>).
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to 1.
    fn part(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// From 0 to below `n`.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

/// The same places in `[-1, 1]` both ways, on one scale; what lies far from all others stands at the rim.
pub(super) fn scaled(places: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let ends = |axis: usize| -> [f32; 2] {
        let mut parts: Vec<f32> = places.iter().map(|place| place[axis]).collect();
        parts.sort_unstable_by(f32::total_cmp);
        let outliers = (parts.len() as f32 * OUTLIERS) as usize;
        match parts.get(outliers..parts.len() - outliers) {
            Some([first, .., last]) => [*first, *last],
            Some([only]) => [*only, *only],
            _ => [0.0, 0.0],
        }
    };
    let [across, along] = [ends(0), ends(1)];
    let half = ((across[1] - across[0]).max(along[1] - along[0]) / 2.0 * MARGIN).max(f32::MIN_POSITIVE);
    let middle = [(across[0] + across[1]) / 2.0, (along[0] + along[1]) / 2.0];
    let scaled = |place: &[f32; 2]| [0, 1].map(|axis| ((place[axis] - middle[axis]) / half).clamp(-1.0, 1.0));
    places.iter().map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paper_weighs_its_neighbours_by_how_near_they_are() {
        let near: Vec<(u32, f32)> = (0..15).map(|at| (at, 0.2 + at as f32 / 30.0)).collect();
        let weights = weights(&near);
        assert!((weights.iter().sum::<f32>() - 15.0_f32.log2()).abs() < 0.01, "{weights:?}");
        assert!(weights[0] == 1.0 && weights.windows(2).all(|pair| pair[0] > pair[1]));
        // All in one place, and none at all.
        let same = super::weights(&[(1, 0.5), (2, 0.5)]);
        assert!(same.iter().all(|weight| weight.is_finite() && *weight > 0.0), "{same:?}");
        assert!(super::weights(&[]).is_empty());
    }

    #[test]
    fn what_either_holds_for_alike_is_one_edge() {
        let edges = edges(&vec![vec![(1, 0.1)], vec![(0, 0.1)], vec![(0, 0.3)]]);
        let ends: Vec<(u32, u32)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
        assert_eq!(ends, [(0, 1), (0, 2)]);
        assert!(edges.iter().all(|edge| (0.0..=1.0).contains(&edge.weight)), "{edges:?}");
    }

    #[test]
    fn places_fill_the_map_and_what_lies_far_stands_at_its_rim() {
        let mut places: Vec<[f32; 2]> = (0..3_000).map(|at| [at as f32 % 60.0, (at / 60) as f32]).collect();
        places.push([1e6, -1e6]);
        let scaled = scaled(&places);
        assert!(scaled.iter().flatten().all(|part| (-1.0..=1.0).contains(part)));
        assert_eq!(scaled[3_000], [1.0, -1.0]);
        let reach = scaled[..3_000].iter().flatten().fold(0.0_f32, |far, part| far.max(part.abs()));
        assert!(reach > 0.9, "{reach}");
        for few in [vec![], vec![[3.0, 4.0]], vec![[3.0, 4.0]; 4]] {
            assert!(super::scaled(&few).iter().flatten().all(|part| part.is_finite()));
        }
    }
}
