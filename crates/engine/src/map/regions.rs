//! Parts of a map: what people draw around, and those that have a name.
//!
//! Named parts are the cells of k-means (Lloyd, *Least squares quantization in PCM*, 1982) over the places, without what
//! lies farthest from the middle of each. They are convex and do not overlap.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use rayon::prelude::*;

use super::{MapPoint, evenly};
use crate::error::EngineError;
use crate::labels::{Background, Terms, terms_of};
use crate::recipe::embedded_text;
use crate::view::Moment;

/// Corners of a region.
const MAX_CORNERS: usize = 400;
/// Steps from the middle of the map to its rim, in which corners are written.
const STEPS: f32 = 1_000.0;
/// The farthest step of a corner: people draw beyond the rim.
const FARTHEST: i32 = 4_000;
/// Parts with a name at most, and papers of a map that has any.
const MAX_NAMED: usize = 24;
const MIN_POINTS: usize = 12;
/// Papers of a part by which it is named.
const N_NAMING: usize = 150;
/// The share of a part's papers that lies within its shape: those nearest to its middle.
const WITHIN: f32 = 0.97;
/// Rounds of k-means.
const N_ROUNDS: usize = 20;

/// A part of a map: a polygon of at least three corners. It is written as whole thousandths of the way from the middle to
/// the rim, `x.y` for each corner with `_` between: `-120.40_0.75_88.-3`.
#[derive(Debug, Clone, PartialEq)]
pub struct Region(Vec<[f32; 2]>);

impl Region {
    /// Whether a place lies within; the corners go round in either direction, and of a line that crosses itself every other
    /// part is within.
    #[must_use]
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        let last = self.0.last().into_iter();
        let edges = last.chain(&self.0).zip(&self.0);
        let crossed = edges.filter(|(from, to)| {
            (from[1] > y) != (to[1] > y)
                && x < (to[0] - from[0]) * (y - from[1]) / (to[1] - from[1]) + from[0]
        });
        crossed.count() % 2 == 1
    }

    /// Its corners, on the scale of [`MapPoint`].
    #[must_use]
    pub fn corners(&self) -> &[[f32; 2]] {
        &self.0
    }
}

impl FromStr for Region {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        let corner = |corner: &str| {
            let (x, y) = corner.split_once('.')?;
            let part = |part: &str| {
                let steps: i32 = part.parse().ok()?;
                (-FARTHEST..=FARTHEST).contains(&steps).then_some(steps as f32 / STEPS)
            };
            Some([part(x)?, part(y)?])
        };
        let corners: Option<Vec<[f32; 2]>> = text.trim().split('_').map(corner).collect();
        let corners = corners.filter(|corners| (3..=MAX_CORNERS).contains(&corners.len()));
        corners.map(Self).ok_or_else(|| EngineError::InvalidRequest {
            parameter: "region",
            expected: format!(
                "3 to {MAX_CORNERS} corners of a part of the map, such as `-120.40_0.75_88.-3`"
            ),
            found: format!("{:?}", text.chars().take(80).collect::<String>()),
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, corner) in self.0.iter().enumerate() {
            let [x, y] = corner.map(|part| (part * STEPS).round() as i32);
            let between = if place > 0 { "_" } else { "" };
            write!(f, "{between}{x}.{y}")?;
        }
        Ok(())
    }
}

/// A part of a map with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRegion {
    /// The terms that set its papers apart, best first; at least one.
    pub label: Vec<String>,
    /// The papers within its shape.
    pub n_papers: usize,
    /// Where its name stands, on the scale of [`MapPoint`].
    pub middle: [f32; 2],
    /// What it is.
    pub shape: Region,
}

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
        // As they are written, so that what is read again is the same.
        let steps = members[..n_within].iter().map(|place| place.map(|part| (part * STEPS).round() as i32));
        let corners = around(steps.collect());
        let corners: Vec<[f32; 2]> =
            corners.into_iter().map(|corner| corner.map(|part| part as f32 / STEPS)).collect();
        (3..=MAX_CORNERS).contains(&corners.len()).then_some(Region(corners))
    }
}

/// The corners of the smallest convex polygon around places (Andrew's monotone chain, 1979).
fn around(mut places: Vec<[i32; 2]>) -> Vec<[i32; 2]> {
    places.sort_unstable();
    places.dedup();
    let turns_left = |a: [i32; 2], b: [i32; 2], c: [i32; 2]| {
        let of = |from: [i32; 2], to: [i32; 2]| [i64::from(to[0] - from[0]), i64::from(to[1] - from[1])];
        let ([ax, ay], [bx, by]) = (of(a, b), of(a, c));
        ax * by - ay * bx > 0
    };
    let chain = |places: &mut dyn Iterator<Item = [i32; 2]>| {
        let mut chain: Vec<[i32; 2]> = Vec::new();
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
    fn a_region_is_written_and_read_back() {
        let region: Region = "-500.-500_500.-500_500.500_-500.500".parse().unwrap();
        assert_eq!(region.to_string(), "-500.-500_500.-500_500.500_-500.500");
        assert_eq!(region.corners()[2], [0.5, 0.5]);
        let within = |x: f32, y: f32| region.contains([x, y]);
        assert!(within(0.0, 0.0) && within(-0.49, 0.49) && !within(0.51, 0.0) && !within(0.0, -0.6));
        let notched: Region = "0.0_1000.0_1000.1000_500.100_0.1000".parse().unwrap();
        assert!(notched.contains([0.1, 0.5]) && !notched.contains([0.5, 0.5]));
        for wrong in ["", "0.0_1.1", "0.0_1.1_x.2", "0.0_1.1_9000.2", "0_1_2", "0.0_1.1_2.2_"] {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
        }
        assert!(vec!["1.1"; MAX_CORNERS + 1].join("_").parse::<Region>().is_err());
    }

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
