//! Parts of a map that have a name.
//!
//! They are the cells of k-means (Lloyd, *Least squares quantization in PCM*, 1982) over the places, without what
//! lies farthest from the middle of each, and so are convex and do not overlap.

use std::collections::HashMap;

use rayon::prelude::*;

use super::evenly;
use crate::atlas::{MapPoint, MapRegion};
use crate::error::EngineError;
use crate::labels::{Background, Terms, terms_of};
use crate::recipe::embedded_text;
use crate::region::Region;
use crate::view::Moment;

/// Parts with a name at most, and papers of a map that has any.
const MAX_NAMED: usize = 24;
const MIN_POINTS: usize = 12;
/// Papers of a part by which it is named.
const N_NAMING: usize = 150;
/// The share of a part's papers that lies within its shape: those nearest to its middle.
const WITHIN: f32 = 0.97;
/// Rounds of k-means.
const N_ROUNDS: usize = 20;

/// The parts of a map that have a name, the largest first.
pub(super) fn named(moment: &Moment<'_>, points: &[MapPoint]) -> Result<Vec<MapRegion>, EngineError> {
    if points.len() < MIN_POINTS {
        return Ok(Vec::new());
    }
    let places: Vec<[f32; 2]> = points.iter().map(|point| [point.x, point.y]).collect();
    let parts = parts(&places, ((points.len() as f64).sqrt() / 2.0) as usize);
    let naming: Vec<Vec<u32>> = parts
        .iter()
        .map(|part| evenly(&part.members, N_NAMING).iter().map(|at| points[*at].row).collect())
        .collect();
    let papers = moment.papers(&naming.concat())?;
    let terms: HashMap<u32, Terms> =
        papers.par_iter().map(|(row, stored)| (*row, terms_of(&embedded_text(&stored.paper)))).collect();
    let background = Background::of(terms.values());
    let mut regions: Vec<MapRegion> = Vec::new();
    for (part, rows) in parts.iter().zip(&naming) {
        let of_part: Vec<&Terms> = rows.iter().filter_map(|row| terms.get(row)).collect();
        let label = background.label(&of_part);
        let Some(shape) = part.shape(&places).filter(|_| !label.is_empty()) else { continue };
        let n_papers = places.par_iter().filter(|place| shape.contains(**place)).count();
        regions.push(MapRegion { label, n_papers, middle: part.middle, shape });
    }
    regions.sort_by(|a, b| b.n_papers.cmp(&a.n_papers).then_with(|| a.label.cmp(&b.label)));
    Ok(regions)
}

/// A cell of k-means.
#[derive(Debug)]
struct Part {
    middle: [f32; 2],
    /// Numbers of places, ascending.
    members: Vec<usize>,
}

fn square(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}

/// At most `n` parts, and at most [`MAX_NAMED`]; those without places are left out.
fn parts(places: &[[f32; 2]], n: usize) -> Vec<Part> {
    let mut middles = beginnings(places, n.clamp(1, MAX_NAMED));
    let nearest = |middles: &[[f32; 2]], place: [f32; 2]| {
        let by_distance =
            |a: &usize, b: &usize| square(middles[*a], place).total_cmp(&square(middles[*b], place));
        (0..middles.len()).min_by(by_distance).unwrap_or_default()
    };
    let mut of_place: Vec<usize> = Vec::new();
    for _ in 0..N_ROUNDS {
        let next: Vec<usize> = places.par_iter().map(|place| nearest(&middles, *place)).collect();
        if next == of_place {
            break;
        }
        of_place = next;
        let mut sums = vec![([0.0_f64; 2], 0_usize); middles.len()];
        for (part, place) in of_place.iter().zip(places) {
            let (sum, n) = &mut sums[*part];
            sum.iter_mut().zip(place).for_each(|(sum, part)| *sum += f64::from(*part));
            *n += 1;
        }
        for (middle, (sum, n)) in middles.iter_mut().zip(&sums) {
            if *n > 0 {
                *middle = sum.map(|sum| (sum / *n as f64) as f32);
            }
        }
    }
    let mut parts: Vec<Part> =
        middles.into_iter().map(|middle| Part { middle, members: Vec::new() }).collect();
    for (at, part) in of_place.into_iter().enumerate() {
        parts[part].members.push(at);
    }
    parts.retain(|part| !part.members.is_empty());
    parts
}

/// Where parts begin: at the place in the middle of all, then each time at the one of some, evenly spread, that is farthest
/// from those that there are. What lies alone is passed over: a tenth of the places is farther.
fn beginnings(places: &[[f32; 2]], n: usize) -> Vec<[f32; 2]> {
    const SOME: usize = 4_096;
    const PASSED_OVER: usize = 10;
    let some = evenly(places, SOME);
    let mean = [0, 1].map(|axis| some.iter().map(|place| place[axis]).sum::<f32>() / some.len() as f32);
    let mut middles = vec![mean];
    let mut distances: Vec<(f32, usize)> =
        some.iter().enumerate().map(|(at, place)| (square(*place, mean), at)).collect();
    while middles.len() < n {
        let mut by_distance = distances.clone();
        by_distance.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let (farthest, at) = by_distance[by_distance.len() / PASSED_OVER];
        if farthest == 0.0 {
            break;
        }
        middles.push(some[at]);
        for (distance, at) in &mut distances {
            *distance = distance.min(square(some[*at], middles[middles.len() - 1]));
        }
    }
    middles
}

impl Part {
    /// The polygon around most of its places; `None` where they are on a line.
    fn shape(&self, places: &[[f32; 2]]) -> Option<Region> {
        let mut members: Vec<[f32; 2]> = self.members.iter().map(|at| places[*at]).collect();
        members.sort_unstable_by(|a, b| square(*a, self.middle).total_cmp(&square(*b, self.middle)));
        let n_within = ((members.len() as f32 * WITHIN).ceil() as usize).min(members.len());
        Region::new(around(members[..n_within].iter().copied().map(Region::step).collect()))
    }
}

/// The corners of the smallest convex polygon around places (Andrew's monotone chain, 1979).
fn around(mut places: Vec<[i16; 2]>) -> Vec<[i16; 2]> {
    places.sort_unstable();
    places.dedup();
    let turns_left = |a: [i16; 2], b: [i16; 2], c: [i16; 2]| {
        let of =
            |from: [i16; 2], to: [i16; 2]| [0, 1].map(|axis| i64::from(to[axis]) - i64::from(from[axis]));
        let ([ax, ay], [bx, by]) = (of(a, b), of(a, c));
        ax * by - ay * bx > 0
    };
    let chain = |places: &mut dyn Iterator<Item = [i16; 2]>| {
        let mut chain: Vec<[i16; 2]> = Vec::new();
        for place in places {
            while let [.., a, b] = chain[..]
                && !turns_left(a, b, place)
            {
                chain.pop();
            }
            chain.push(place);
        }
        chain.pop();
        chain
    };
    let mut corners = chain(&mut places.iter().copied());
    corners.extend(chain(&mut places.iter().rev().copied()));
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clumps_are_parts_and_their_shapes_do_not_overlap() {
        let clump = |x: f32, y: f32| {
            (0..60).map(move |at| [x + (at % 8) as f32 / 100.0, y + (at / 8) as f32 / 100.0])
        };
        let places: Vec<[f32; 2]> =
            clump(-0.8, -0.8).chain(clump(0.7, -0.6)).chain(clump(0.0, 0.8)).collect();
        let parts = parts(&places, 3);
        assert_eq!(parts.iter().map(|part| part.members.len()).collect::<Vec<_>>(), [60, 60, 60]);
        let shapes: Vec<Region> = parts.iter().filter_map(|part| part.shape(&places)).collect();
        for place in &places {
            assert!(shapes.iter().filter(|shape| shape.contains(*place)).count() <= 1);
        }
        let n_within = places.iter().filter(|place| shapes.iter().any(|shape| shape.contains(**place)));
        assert!(n_within.count() > 100);
        // All in one place, and on one line.
        let same = [[0.1, 0.1]; 20];
        let parts = super::parts(&same, 4);
        assert!(parts.len() == 1 && parts[0].shape(&same).is_none());
    }

    #[test]
    fn corners_go_around() {
        let corners = around(vec![[0, 0], [4, 0], [4, 4], [0, 4], [2, 2], [2, 0], [0, 0]]);
        assert_eq!(corners, [[0, 0], [4, 0], [4, 4], [0, 4]]);
        assert!(around(vec![[0, 0], [1, 1], [2, 2]]).len() < 3);
        assert!(around(vec![[1, 1]]).is_empty() && around(vec![]).is_empty());
    }
}
