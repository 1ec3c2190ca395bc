//! A rotation that leaves no component of a vector larger than others by its nature, so that the signs of all tell
//! equally much (<https://arxiv.org/abs/2405.12497>): twice, signs are flipped at random, and components are added to and
//! taken from each other.

/// Components that lie side by side and are never added to each other in one round.
const LANES: usize = 8;
/// What the signs are drawn from. Always the same, so that queries and rows are turned alike.
const SEED: u64 = 0x5EED_0F51_6E5A_11CE;

/// An orthogonal map of vectors `f32 [stride]`, the same for all of that stride.
#[derive(Debug)]
pub(crate) struct Rotation {
    /// The largest power of two that divides the stride.
    block: usize,
    /// For each round what each component is multiplied with: a sign, and a length that sums of the round give back.
    flips: [Vec<f32>; 2],
}

impl Rotation {
    /// Of vectors whose length is a multiple of 64.
    pub(crate) fn new(stride: usize) -> Self {
        let block = 1 << stride.trailing_zeros();
        let length = ((block / LANES) as f32).sqrt().recip();
        let mut state = SEED;
        let mut flips =
            || (0..stride).map(|_| if random_bit(&mut state) { length } else { -length }).collect();
        Self { block, flips: [flips(), flips()] }
    }

    /// Turns a vector `f32 [stride]`; `spare` is as long, and is written over.
    pub(crate) fn turn(&self, vector: &mut [f32], spare: &mut [f32]) {
        for flips in &self.flips {
            vector.iter_mut().zip(flips).for_each(|(component, flip)| *component *= flip);
            for block in vector.chunks_exact_mut(self.block) {
                add_and_take(block);
            }
            reflect(vector, self.block, spare);
            // What lay side by side lies apart in the next round.
            for (block, turned) in vector.chunks_exact(self.block).zip(spare.chunks_exact_mut(self.block)) {
                let n_rows = self.block / LANES;
                for (row, lanes) in block.chunks_exact(LANES).enumerate() {
                    for (lane, component) in lanes.iter().enumerate() {
                        turned[lane * n_rows + row] = *component;
                    }
                }
            }
            vector.copy_from_slice(spare);
        }
    }
}

/// Sums and differences of components at distances of 8, 16, … up to half the block (a power of two).
fn add_and_take(block: &mut [f32]) {
    let mut distance = LANES;
    while distance < block.len() {
        for both in block.chunks_exact_mut(2 * distance) {
            let (left, right) = both.split_at_mut(distance);
            for (left, right) in left.iter_mut().zip(right) {
                (*left, *right) = (*left + *right, *left - *right);
            }
        }
        distance *= 2;
    }
}

/// Mixes the blocks of a vector: takes from each component twice the mean of those at its place in all blocks.
fn reflect(vector: &mut [f32], block: usize, spare: &mut [f32]) {
    let n_blocks = vector.len() / block;
    if n_blocks < 2 {
        return;
    }
    let means = &mut spare[..block];
    means.fill(0.0);
    for block in vector.chunks_exact(block) {
        means.iter_mut().zip(block).for_each(|(mean, component)| *mean += component);
    }
    let part = 2.0 / n_blocks as f32;
    means.iter_mut().for_each(|mean| *mean *= part);
    for block in vector.chunks_exact_mut(block) {
        block.iter_mut().zip(&*means).for_each(|(component, mean)| *component -= mean);
    }
}

/// The next of a series of bits (SplitMix64).
fn random_bit(state: &mut u64) -> bool {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ mixed >> 31) & 1 == 1
}

#[cfg(test)]
mod tests {
    use cognate_vector::dot;

    use super::*;

    #[test]
    fn products_stay_and_single_components_are_spread() {
        for stride in [64, 128, 192, 384, 448, 1024] {
            let rotation = Rotation::new(stride);
            let mut spare = vec![0.0; stride];
            let turned: Vec<Vec<f32>> = (0..stride)
                .map(|index| {
                    let mut vector = vec![0.0; stride];
                    vector[index] = 1.0;
                    rotation.turn(&mut vector, &mut spare);
                    vector
                })
                .collect();
            for left in 0..stride {
                for right in 0..stride {
                    let expected = if left == right { 1.0 } else { 0.0 };
                    let product = dot(&turned[left], &turned[right]);
                    assert!((product - expected).abs() < 1e-4, "{stride} {left} {right} {product}");
                }
                let largest = turned[left].iter().fold(0.0_f32, |largest, c| largest.max(c.abs()));
                assert!(largest < 0.75, "{stride} {left} {largest}");
            }
        }
    }
}
