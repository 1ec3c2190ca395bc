//! The first two principal components of vectors (Pearson 1901; Jolliffe, *Principal Component Analysis*): the two
//! directions in which papers differ most, found by power iteration on the covariance.

use cognate_vector::UnitVector;
use rayon::prelude::*;

/// Where power iteration ends: the change of a unit vector in one step, and the number of steps.
const CONVERGED: f32 = 1e-6;
const MAX_STEPS: usize = 3_000;
/// Vectors that one task takes.
const PORTION: usize = 512;

/// The two directions in which vectors differ most.
pub(super) struct Axes {
    mean: Vec<f32>,
    /// Unit vectors, at right angles to each other. The greatest component of each is positive.
    directions: [Vec<f32>; 2],
}

impl Axes {
    pub(super) fn of(sample: &[UnitVector], dim: usize) -> Self {
        let n = sample.len().max(1) as f32;
        let mut mean = vec![0.0; dim];
        for vector in sample {
            mean.iter_mut().zip(vector.as_slice()).for_each(|(sum, part)| *sum += part / n);
        }
        let mut covariance = covariance(sample, &mean);
        let directions = std::array::from_fn(|_| {
            let (direction, along) = first_direction(&covariance, dim);
            // Taken out, so that the next is the second.
            for (row, of_row) in covariance.chunks_mut(dim.max(1)).zip(&direction) {
                row.iter_mut().zip(&direction).for_each(|(cell, part)| *cell -= along * of_row * part);
            }
            direction
        });
        Self { mean, directions }
    }

    pub(super) fn place(&self, vector: &UnitVector) -> [f32; 2] {
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
        }
    }
}
