//! What is known of each point's neighbours beside the links to them: one bit a component, so that a walk reads the rows of
//! few.
//!
//! This is RaBitQ (<https://arxiv.org/abs/2405.12497>) as SymphonyQG lays it out (<https://arxiv.org/abs/2411.12229>). The
//! difference d between a neighbour and the point is turned by a fixed rotation, and the signs s of its components are
//! kept. For a query q and a point p, d·(q − p) is about s·(q − p), both turned, times a slope that makes it exact for
//! a q − p along d. With what d·p is, the product of query and neighbour follows from that of query and point. It is off by
//! more the farther away neighbour and query are; a walk takes an interest in those that it may be too low for.
//!
//! Codes follow from rows and links. They are made when a segment is opened and lie in memory only.

use std::io;

use cognate_vector::dot;
use cognate_vector::kernels::{SIGN_ROWS, SignBlock, SignBlockMut, SignTable, dot_i8, prefetch};
use half::f16;
use rayon::prelude::*;

use crate::map::Map;
use crate::rotation::Rotation;
use crate::walk::{NO_POINT, Terrain};

/// Points whose codes one thread makes at a time.
const CHUNK: usize = 64;

/// The codes of all points' neighbours.
#[derive(Debug)]
pub(crate) struct Codes {
    /// For each point `n_blocks` blocks, each of 32 places of its list.
    blocks: Map,
    block_len: usize,
    n_blocks: usize,
    rotation: Rotation,
}

impl Codes {
    /// Bytes that the codes of a terrain take.
    pub(crate) fn len_for(terrain: Terrain<'_>) -> usize {
        terrain.len() * terrain.slots.div_ceil(SIGN_ROWS) * SignBlock::len_for(terrain.stride)
    }

    /// Of rows whose numbers times `scale` are vectors of about norm 1.
    ///
    /// # Errors
    /// If there is no memory.
    pub(crate) fn make(terrain: Terrain<'_>, scale: f32) -> io::Result<Self> {
        let (block_len, n_blocks) = (SignBlock::len_for(terrain.stride), terrain.slots.div_ceil(SIGN_ROWS));
        let rotation = Rotation::new(terrain.stride);
        let blocks = Map::filled(Self::len_for(terrain), |memory| {
            let of_points = memory.par_chunks_exact_mut(n_blocks * block_len).enumerate().with_min_len(CHUNK);
            of_points.for_each_init(
                || Maker::new(terrain, scale, &rotation),
                |maker, (point, blocks)| maker.make(point as u32, blocks.chunks_exact_mut(block_len)),
            );
            Ok::<_, io::Error>(())
        })?;
        Ok(Self { blocks, block_len, n_blocks, rotation })
    }

    /// Bytes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.bytes().len()
    }

    /// A query of norm 1 or a little less, `f32 [dim]`, as it is asked with.
    pub(crate) fn table_of(&self, query: &[f32], stride: usize) -> SignTable {
        let (mut turned, mut spare) = (vec![0.0; stride], vec![0.0; stride]);
        turned[..query.len()].copy_from_slice(query);
        self.rotation.turn(&mut turned, &mut spare);
        SignTable::new(&turned)
    }

    /// The blocks of a point's neighbours, each of 32 places of its list; none for a point that is not there.
    #[inline]
    pub(crate) fn of(&self, point: u32) -> impl Iterator<Item = SignBlock<'_>> {
        self.bytes_of(point).chunks_exact(self.block_len).map(SignBlock::new)
    }

    #[inline]
    pub(crate) fn fetch(&self, point: u32) {
        prefetch(self.bytes_of(point), usize::MAX);
    }

    #[inline]
    fn bytes_of(&self, point: u32) -> &[u8] {
        let len = self.n_blocks * self.block_len;
        let start = point as usize * len;
        self.blocks.bytes().get(start..start + len).unwrap_or(&[])
    }
}

/// What one thread makes codes with.
struct Maker<'a> {
    terrain: Terrain<'a>,
    scale: f32,
    rotation: &'a Rotation,
    /// The point, turned.
    here: Vec<f32>,
    /// The difference of a neighbour, turned, and the signs of that.
    difference: Vec<f32>,
    signs: Vec<f32>,
    spare: Vec<f32>,
}

impl<'a> Maker<'a> {
    fn new(terrain: Terrain<'a>, scale: f32, rotation: &'a Rotation) -> Self {
        let zeros = || vec![0.0; terrain.stride];
        Self { terrain, scale, rotation, here: zeros(), difference: zeros(), signs: zeros(), spare: zeros() }
    }

    /// Writes the blocks of one point.
    fn make<'b>(&mut self, point: u32, blocks: impl Iterator<Item = &'b mut [u8]>) {
        let row = self.terrain.row(point);
        for (component, &number) in self.here.iter_mut().zip(row) {
            *component = f32::from(number) * self.scale;
        }
        self.rotation.turn(&mut self.here, &mut self.spare);
        let square = dot_i8(row, row);
        for (bytes, places) in blocks.zip(self.terrain.places(point).chunks(SIGN_ROWS)) {
            let mut block = SignBlockMut::cleared(bytes);
            for (place, &neighbour) in places.iter().enumerate().take_while(|(_, other)| **other != NO_POINT)
            {
                let other = self.terrain.row(neighbour);
                let product = (dot_i8(row, other) - square) as f32 * self.scale * self.scale;
                let factors = self.compare(row, other, product);
                block.set(place, &self.difference, factors);
            }
        }
    }

    /// Leaves the difference of two rows, turned, and gives the slope and the offset: `product` is that of the
    /// difference and the first row.
    fn compare(&mut self, row: &[i8], other: &[i8], product: f32) -> (f16, f16) {
        for ((component, &number), &other) in self.difference.iter_mut().zip(row).zip(other) {
            *component = f32::from(i16::from(other) - i16::from(number)) * self.scale;
        }
        self.rotation.turn(&mut self.difference, &mut self.spare);
        for (sign, component) in self.signs.iter_mut().zip(&self.difference) {
            *sign = if *component > 0.0 { 1.0 } else { -1.0 };
        }
        let along = dot(&self.signs, &self.difference);
        let slope = if along > 0.0 { dot(&self.difference, &self.difference) / along } else { 0.0 };
        let slope = f16::from_f32(slope);
        (slope, f16::from_f32(product - slope.to_f32() * dot(&self.signs, &self.here)))
    }
}

#[cfg(test)]
mod tests {
    use cognate_vector::kernels::{I8_BLOCK, Reach};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// Rows of i8 `[n, stride]` about a few centres, of a norm of about 1 at the scale, and lists of neighbours.
    fn terrain(n: usize, stride: usize, slots: usize) -> (Vec<i8>, f32, Vec<u32>) {
        let mut rng = StdRng::seed_from_u64(7);
        let scale = 1.0 / (30.0 * (stride as f32).sqrt());
        let mut number = |spread: i8| rng.random_range(-spread..=spread);
        let centres: Vec<Vec<i8>> = (0..5).map(|_| (0..stride).map(|_| number(40)).collect()).collect();
        let rows = (0..n).flat_map(|row| centres[row % 5].clone()).map(|c| c + number(40)).collect();
        let mut links = vec![NO_POINT; n * slots];
        for (point, list) in links.chunks_exact_mut(slots).enumerate() {
            // Lists of all lengths, the empty one too.
            for place in &mut list[..point % (slots + 1)] {
                *place = StdRng::random_range(&mut StdRng::seed_from_u64(point as u64), 0..n as u32);
            }
        }
        (rows, scale, links)
    }

    #[test]
    fn codes_tell_about_how_close_neighbours_are() {
        for (stride, slots) in [(I8_BLOCK, 12), (384, 32), (384, 40)] {
            let n = 200;
            let (rows, scale, links) = terrain(n, stride, slots);
            let terrain = Terrain { vectors: &rows, stride, links: &links, slots, codes: None };
            let codes = Codes::make(terrain, scale).unwrap();
            assert_eq!(codes.memory_bytes(), Codes::len_for(terrain));
            let query: Vec<f32> = terrain.row(3).iter().map(|&number| f32::from(number) * scale).collect();
            let table = codes.table_of(&query, stride);
            let product =
                |left: u32, right: u32| dot_i8(terrain.row(left), terrain.row(right)) as f32 * scale * scale;
            let square_distance = |left: u32, right: u32| {
                product(left, left) + product(right, right) - 2.0 * product(left, right)
            };
            let (mut n_links, mut n_above, mut n_far) = (0, 0, 0);
            for point in 0..n as u32 {
                for (number, block) in codes.of(point).enumerate() {
                    for place in 0..SIGN_ROWS {
                        let list = &terrain.places(point)[number * SIGN_ROWS..];
                        let other = list.get(place).copied().unwrap_or(NO_POINT);
                        let reaches = |bar: f32| {
                            let reach = Reach { here: product(3, point), slack: 0.0, bar };
                            table.reaching(block, reach) >> place & 1 == 1
                        };
                        if other == NO_POINT {
                            assert!(!reaches(-1e9), "a place that is not filled");
                            continue;
                        }
                        // Three standard deviations.
                        let squares = square_distance(point, other) * square_distance(point, 3);
                        let far = 3.0 * 0.75 * (squares / stride as f32).sqrt();
                        n_links += 1;
                        n_above += usize::from(reaches(product(3, other)));
                        n_far += usize::from(
                            !reaches(product(3, other) - far) || reaches(product(3, other) + far),
                        );
                    }
                }
            }
            // As often above as below, and near.
            assert!(n_links > 1_000, "{n_links}");
            assert!((n_links * 2 / 5..n_links * 3 / 5).contains(&n_above), "{n_above} of {n_links}");
            assert!(n_far < n_links / 50, "{n_far} of {n_links}");
            assert_eq!(codes.of(n as u32).count(), 0, "a point that is not there");
        }
    }
}
