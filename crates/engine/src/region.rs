//! A part of the map, as people draw around it.

use std::fmt;
use std::str::FromStr;

use crate::error::EngineError;

/// Corners of a region.
const MAX_CORNERS: usize = 400;
/// Steps from the middle of the map to its rim, in which corners are written.
const STEPS: f32 = 1_000.0;
/// The farthest step of a corner: people draw beyond the rim.
const FARTHEST: i16 = 4_000;

/// A part of a map: a polygon of at least three corners. It is written as whole thousandths of the way from the middle to
/// the rim, `x.y` for each corner with `_` between: `-120.40_0.75_88.-3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    corners: Vec<[i16; 2]>,
    /// The least and the greatest of its corners, each way.
    bounds: [[i16; 2]; 2],
}

impl Region {
    /// `None` unless there are 3 to 400 corners, none of them too far away.
    pub(crate) fn new(corners: Vec<[i16; 2]>) -> Option<Self> {
        let is_near = |part: &i16| (-FARTHEST..=FARTHEST).contains(part);
        if !(3..=MAX_CORNERS).contains(&corners.len()) || !corners.iter().flatten().all(is_near) {
            return None;
        }
        let ends = |axis: usize| {
            let parts = corners.iter().map(|corner| corner[axis]);
            parts.fold((i16::MAX, i16::MIN), |(least, most), part| (least.min(part), most.max(part)))
        };
        let [x, y] = [ends(0), ends(1)];
        Some(Self { corners, bounds: [[x.0, y.0], [x.1, y.1]] })
    }

    /// A place of the map in steps.
    pub(crate) fn step(place: [f32; 2]) -> [i16; 2] {
        // Past the ends it saturates.
        place.map(|part| (part * STEPS).round() as i16)
    }

    /// Whether a place of the map, on the scale of [`MapPoint`](crate::MapPoint), lies within; the corners go round in either
    /// direction, and of a line that crosses itself every other part is within.
    #[must_use]
    pub fn contains(&self, place: [f32; 2]) -> bool {
        let [x, y] = place.map(|part| part * STEPS);
        let [least, most] = self.bounds.map(|corner| corner.map(f32::from));
        if x < least[0] || x > most[0] || y < least[1] || y > most[1] {
            return false;
        }
        let last = self.corners.last().into_iter();
        let edges = last.chain(&self.corners).zip(&self.corners);
        let crossed = edges.filter(|(from, to)| {
            let [from, to] = [from, to].map(|corner| corner.map(f32::from));
            (from[1] > y) != (to[1] > y)
                && x < (to[0] - from[0]) * (y - from[1]) / (to[1] - from[1]) + from[0]
        });
        crossed.count() % 2 == 1
    }

    /// Its corners, in thousandths of the way from the middle to the rim.
    #[must_use]
    pub fn corners(&self) -> &[[i16; 2]] {
        &self.corners
    }
}

impl FromStr for Region {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        let corner = |corner: &str| -> Option<[i16; 2]> {
            let (x, y) = corner.split_once('.')?;
            Some([x.parse().ok()?, y.parse().ok()?])
        };
        let corners: Option<Vec<[i16; 2]>> = text.trim().split('_').map(corner).collect();
        corners.and_then(Self::new).ok_or_else(|| EngineError::InvalidRequest {
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
        for (place, [x, y]) in self.corners.iter().enumerate() {
            let between = if place > 0 { "_" } else { "" };
            write!(f, "{between}{x}.{y}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_written_and_read_back() {
        let region: Region = "-500.-500_500.-500_500.500_-500.500".parse().unwrap();
        assert_eq!(region.to_string(), "-500.-500_500.-500_500.500_-500.500");
        assert_eq!(region.corners()[2], [500, 500]);
        let within = |x: f32, y: f32| region.contains([x, y]);
        assert!(within(0.0, 0.0) && within(-0.49, 0.49) && !within(0.51, 0.0) && !within(0.0, -0.6));
        assert!(!within(f32::NAN, 0.0));
        let notched: Region = "0.0_1000.0_1000.1000_500.100_0.1000".parse().unwrap();
        assert!(notched.contains([0.1, 0.5]) && !notched.contains([0.5, 0.5]));
        for wrong in
            ["", "0.0_1.1", "0.0_1.1_x.2", "0.0_1.1_9000.2", "0.0_1.1_90000.2", "0_1_2", "0.0_1.1_2.2_"]
        {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
        }
        assert!(vec!["1.1"; MAX_CORNERS + 1].join("_").parse::<Region>().is_err());
    }
}
