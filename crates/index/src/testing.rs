//! Seeded vectors for tests.

use cognate_vector::UnitVector;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A vector as a store gives it.
pub(crate) fn vector(components: &[f32]) -> UnitVector {
    UnitVector::normalize(components.to_vec()).unwrap().rounded_to_f16()
}

/// `n` vectors `[n, dim]` about `n_clusters` centres, in random order.
pub(crate) fn clustered(seed: u64, n: usize, dim: usize, n_clusters: usize) -> Vec<UnitVector> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut gaussian = move || -> f32 { (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0 };
    let centres: Vec<Vec<f32>> = (0..n_clusters).map(|_| (0..dim).map(|_| gaussian()).collect()).collect();
    let mut choice = StdRng::seed_from_u64(seed ^ 1);
    (0..n)
        .map(|_| {
            let centre = &centres[choice.random_range(0..n_clusters)];
            vector(&centre.iter().map(|c| c + 0.6 * gaussian()).collect::<Vec<_>>())
        })
        .collect()
}

/// Rows 0, 1, 2, … for vectors.
pub(crate) fn numbered(vectors: &[UnitVector]) -> Vec<(u32, UnitVector)> {
    (0..).zip(vectors.iter().cloned()).collect()
}

/// A vector from few possible ones, so that equal vectors and tied scores are common.
pub(crate) fn coarse(rng: &mut StdRng) -> UnitVector {
    let mut components = [0_i8; 4];
    while components == [0; 4] {
        components = std::array::from_fn(|_| rng.random_range(-1..=1));
    }
    vector(&components.map(f32::from))
}
