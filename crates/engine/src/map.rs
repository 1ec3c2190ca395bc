//! The papers in two dimensions.
//!
//! The axes are the first two principal components of the vectors (Pearson 1901; Jolliffe, *Principal
//! Component Analysis*): the two directions in which papers differ most. They are found by power iteration
//! on the covariance of at most [`SAMPLE`] papers, evenly spread over the order of indexing, and all papers
//! are projected on them. Nothing is random: the same papers give the same map.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cognate_vector::UnitVector;
use rayon::prelude::*;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::view::Snapshot;

/// Papers from which the axes are found: far more than a vector has components.
const SAMPLE: usize = 16_384;
/// Papers on a map; of more, an even part is shown.
pub const MAX_MAP_POINTS: usize = 200_000;
/// Groups of papers that a map tells apart; the last is that of all other papers.
pub const MAX_MAP_GROUPS: usize = 10;
/// Groups below which whole categories tell more than their first parts do.
const FEW_GROUPS: usize = 4;
/// Where power iteration ends: the change of a unit vector in one step, and the number of steps.
const CONVERGED: f32 = 1e-6;
const MAX_STEPS: usize = 3_000;
/// Vectors that one task takes.
const PORTION: usize = 512;

/// A map of the papers at one generation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    /// The generation of the papers.
    pub generation: u64,
    /// The papers, in the order in which they were first indexed.
    pub points: Vec<MapPoint>,
    /// The names of the groups, those with most papers first.
    pub groups: Vec<MapGroup>,
    /// How much of the variance of the sampled vectors lies along each axis, from 0 to 1.
    pub variance: [f32; 2],
}

/// A paper on a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapPoint {
    /// [`StoredPaper::row`](crate::StoredPaper::row).
    pub row: u32,
    /// Place along the first axis, in `[-1, 1]`.
    pub x: f32,
    /// Place along the second axis, on the scale of the first.
    pub y: f32,
    /// Which of [`Map::groups`].
    pub group: u8,
}

/// Papers that are shown alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapGroup {
    /// A category or the part of it before the first dot; `None` for all other papers.
    pub name: Option<String>,
    /// How many of the map's papers.
    pub n_papers: usize,
}

impl Engine {
    /// The papers in two dimensions, by a paper's first category in groups. Made once for each generation,
    /// which takes seconds for a hundred thousand papers.
    ///
    /// # Errors
    /// [`EngineError`] if vectors or store cannot be read.
    pub fn map(&self) -> Result<Arc<Map>, EngineError> {
        let Some(view) = self.view()? else { return Ok(Arc::default()) };
        // Held while it is made: who asks meanwhile waits for the same map.
        let slot = self.kept.slot::<Mutex<Option<Arc<Map>>>>();
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(map) = &*slot
            && map.generation == view.snapshot().generation
        {
            return Ok(Arc::clone(map));
        }
        let moment = view.exact_moment(self.store()?)?;
        let categories = moment.read(|reader| reader.first_categories())?;
        let map = Arc::new(draw(&moment.snapshot, &categories)?);
        *slot = Some(Arc::clone(&map));
        Ok(map)
    }
}

fn draw(snapshot: &Snapshot, categories: &HashMap<u32, String>) -> Result<Map, EngineError> {
    let vectors = &snapshot.vectors;
    let rows = evenly(&vectors.rows(), MAX_MAP_POINTS);
    let read = |row: &u32| vectors.vector(*row).map_err(EngineError::from);
    let sample: Vec<UnitVector> =
        evenly(&rows, SAMPLE).par_iter().filter_map(|row| read(row).transpose()).collect::<Result<_, _>>()?;
    let axes = Axes::of(&sample, vectors.dim());
    let places: Vec<(u32, [f32; 2])> = rows
        .par_iter()
        .filter_map(|row| match read(row) {
            Ok(vector) => vector.map(|vector| Ok((*row, axes.place(&vector)))),
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<_, _>>()?;
    let farthest =
        places.iter().flat_map(|(_, place)| place).fold(f32::MIN_POSITIVE, |far, part| far.max(part.abs()));
    let of_points: Vec<Option<&str>> =
        places.iter().map(|(row, _)| categories.get(row).map(String::as_str)).collect();
    let (groups, group_of) = grouped(&of_points);
    let points = places.iter().zip(group_of).map(|((row, [x, y]), group)| MapPoint {
        row: *row,
        x: x / farthest,
        y: y / farthest,
        group,
    });
    Ok(Map { generation: snapshot.generation, points: points.collect(), groups, variance: axes.variance })
}

/// At most `n` of the values, evenly spread.
fn evenly(values: &[u32], n: usize) -> Vec<u32> {
    if values.len() <= n {
        return values.to_vec();
    }
    (0..n).map(|place| values[place * values.len() / n]).collect()
}

/// The two directions in which vectors differ most.
struct Axes {
    mean: Vec<f32>,
    /// Unit vectors, at right angles to each other. The greatest component of each is positive.
    directions: [Vec<f32>; 2],
    variance: [f32; 2],
}

impl Axes {
    fn of(sample: &[UnitVector], dim: usize) -> Self {
        let n = sample.len().max(1) as f32;
        let mut mean = vec![0.0; dim];
        for vector in sample {
            mean.iter_mut().zip(vector.as_slice()).for_each(|(sum, part)| *sum += part / n);
        }
        let mut covariance = covariance(sample, &mean);
        let total: f32 = (0..dim).map(|at| covariance[at * dim + at]).sum();
        let mut variance = [0.0; 2];
        let directions = std::array::from_fn(|axis| {
            let (direction, along) = first_direction(&covariance, dim);
            variance[axis] = if total > 0.0 { along / total } else { 0.0 };
            // Taken out, so that the next is the second.
            for (row, of_row) in covariance.chunks_mut(dim.max(1)).zip(&direction) {
                row.iter_mut().zip(&direction).for_each(|(cell, part)| *cell -= along * of_row * part);
            }
            direction
        });
        Self { mean, directions, variance }
    }

    fn place(&self, vector: &UnitVector) -> [f32; 2] {
        let along = |direction: &Vec<f32>| {
            let parts = vector.as_slice().iter().zip(&self.mean).zip(direction);
            parts.map(|((part, mean), direction)| (part - mean) * direction).sum()
        };
        [along(&self.directions[0]), along(&self.directions[1])]
    }
}

/// `[dim, dim]`, row by row.
fn covariance(sample: &[UnitVector], mean: &[f32]) -> Vec<f32> {
    let dim = mean.len();
    let of_portions: Vec<Vec<f32>> = sample
        .par_chunks(PORTION)
        .map(|portion| {
            let mut sums = vec![0.0; dim * dim];
            for vector in portion {
                let centred: Vec<f32> = vector.as_slice().iter().zip(mean).map(|(a, b)| a - b).collect();
                for (at, row) in sums.chunks_mut(dim.max(1)).enumerate() {
                    let factor = centred[at];
                    row.iter_mut().zip(&centred).for_each(|(sum, part)| *sum += factor * part);
                }
            }
            sums
        })
        .collect();
    // In order, whatever thread was first: sums of floats depend on it.
    let n = sample.len().max(1) as f32;
    let mut covariance = vec![0.0; dim * dim];
    for sums in of_portions {
        covariance.iter_mut().zip(sums).for_each(|(cell, sum)| *cell += sum / n);
    }
    covariance
}

/// The eigenvector of the greatest eigenvalue, and that value, by power iteration.
fn first_direction(matrix: &[f32], dim: usize) -> (Vec<f32>, f32) {
    // Along the greatest diagonal entry: at right angles to the answer only if that is no direction at all.
    let diagonal = |at: &usize| matrix[at * dim + at];
    let start = (0..dim).max_by(|a, b| diagonal(a).total_cmp(&diagonal(b)).then(b.cmp(a)));
    let mut direction: Vec<f32> = start.map_or_else(Vec::new, |at| matrix[at * dim..(at + 1) * dim].to_vec());
    let mut along = normalize(&mut direction);
    for _ in 0..MAX_STEPS {
        if along == 0.0 {
            break;
        }
        let mut next: Vec<f32> =
            matrix.chunks(dim).map(|row| row.iter().zip(&direction).map(|(a, b)| a * b).sum()).collect();
        along = normalize(&mut next);
        let change = next.iter().zip(&direction).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt();
        direction = next;
        if change < CONVERGED {
            break;
        }
    }
    let greatest = direction.iter().copied().reduce(|a, b| if b.abs() > a.abs() { b } else { a });
    if greatest.is_some_and(|part| part < 0.0) {
        direction.iter_mut().for_each(|part| *part = -*part);
    }
    (direction, along)
}

/// Makes a unit vector, and gives the length that it had; a vector of zeros stays one.
fn normalize(vector: &mut [f32]) -> f32 {
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|part| *part /= length);
    }
    length
}

/// The groups of papers with these first categories, and for each paper its group.
fn grouped(categories: &[Option<&str>]) -> (Vec<MapGroup>, Vec<u8>) {
    let field = |category: &'_ str| category.split('.').next().unwrap_or_default().len();
    let count = |name: &dyn Fn(&str) -> usize| {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for category in categories.iter().flatten() {
            *counts.entry(&category[..name(category)]).or_default() += 1;
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counts
    };
    let mut name: &dyn Fn(&str) -> usize = &field;
    let mut counts = count(name);
    if counts.len() < FEW_GROUPS {
        name = &str::len;
        counts = count(name);
    }
    counts.truncate(MAX_MAP_GROUPS - 1);
    let numbers: HashMap<&str, u8> =
        counts.iter().enumerate().map(|(number, (group, _))| (*group, number as u8)).collect();
    let others = counts.len() as u8;
    let group_of: Vec<u8> = categories
        .iter()
        .map(|category| {
            category.and_then(|category| numbers.get(&category[..name(category)]).copied()).unwrap_or(others)
        })
        .collect();
    let mut groups: Vec<MapGroup> =
        counts.iter().map(|(group, n)| MapGroup { name: Some((*group).to_owned()), n_papers: *n }).collect();
    let n_others = group_of.iter().filter(|group| **group == others).count();
    if n_others > 0 {
        groups.push(MapGroup { name: None, n_papers: n_others });
    }
    (groups, group_of)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Vectors around one direction, spread most along the second and next along the third component.
    fn spread(parts: &[(f32, f32)]) -> Vec<UnitVector> {
        let vector =
            |(a, b): &(f32, f32)| UnitVector::normalize(vec![1.0, 0.4 * a, 0.1 * b, 0.0, 0.0]).unwrap();
        parts.iter().map(vector).collect()
    }

    #[test]
    fn axes_lie_along_the_greatest_spread() {
        let parts: Vec<(f32, f32)> =
            (0..40).map(|i| ((i % 8) as f32 / 4.0 - 1.0, (i / 8) as f32 / 2.0 - 1.0)).collect();
        let axes = Axes::of(&spread(&parts), 5);
        assert!(axes.directions[0][1] > 0.95, "{:?}", axes.directions);
        assert!(axes.directions[1][2] > 0.95, "{:?}", axes.directions);
        assert!(axes.variance[0] > 0.8 && axes.variance[0] + axes.variance[1] > 0.97, "{:?}", axes.variance);
    }

    #[test]
    fn papers_that_are_all_alike_are_in_one_place() {
        for sample in [Vec::new(), spread(&[(0.5, 0.5)]), spread(&[(0.5, 0.5); 9])] {
            let axes = Axes::of(&sample, 5);
            for vector in &sample {
                assert!(axes.place(vector).iter().all(|part| part.abs() < 1e-5));
            }
        }
    }

    #[test]
    fn groups_are_fields_or_where_there_are_few_categories() {
        let check = |categories: &[&str], expected: &[&str]| {
            let categories: Vec<Option<&str>> = categories.iter().map(|name| Some(*name)).collect();
            let (groups, group_of) = grouped(&categories);
            let names: Vec<&str> = groups.iter().map(|group| group.name.as_deref().unwrap_or("-")).collect();
            assert_eq!(names, expected);
            assert!(group_of.iter().all(|group| usize::from(*group) < groups.len()));
        };
        check(&[], &[]);
        check(&["cs.CL", "cs.LG", "cs.LG"], &["cs.LG", "cs.CL"]);
        check(&["cs.CL", "cs.LG", "math.AG", "hep-th", "q-bio.NC"], &["cs", "hep-th", "math", "q-bio"]);
        let many: Vec<String> = (0..20).map(|i| format!("field-{i:02}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (groups, _) = grouped(&many.iter().map(|name| Some(*name)).collect::<Vec<_>>());
        assert_eq!((groups.len(), groups[9].n_papers), (MAX_MAP_GROUPS, 11));
    }

    proptest! {
        #[test]
        fn axes_are_unit_vectors_at_right_angles(parts in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 3..40)) {
            let sample = spread(&parts);
            let axes = Axes::of(&sample, 5);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let [first, second] = &axes.directions;
            for direction in [first, second] {
                let length = dot(direction, direction);
                prop_assert!(length == 0.0 || (length - 1.0).abs() < 1e-4);
            }
            prop_assert!(dot(first, second).abs() < 0.05);
            prop_assert!(axes.variance[0] + 1e-4 >= axes.variance[1]);
        }
    }
}
