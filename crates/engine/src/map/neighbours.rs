//! The nearest neighbours of each vector among the others.

use cognate_vector::UnitVector;
use cognate_vector::kernels::{I8_BLOCK, Panels};
use rayon::prelude::*;

/// Neighbours of a paper: enough for what is about the same to hang together.
pub(super) const N_NEAREST: usize = 15;
/// Rows on a side of the squares in which all pairs are scored: both sides fit the second cache.
const TILE: usize = 512;
/// The largest number that a component is stored as.
const LARGEST: f32 = 127.0;
/// Papers of which it is looked how many of their neighbours a map keeps.
const N_JUDGED: usize = 300;

/// For each vector the places of others and their distances (1 − cosine), the nearest first: [`N_NEAREST`], or all others.
pub(super) type Neighbours = Vec<Vec<(u32, f32)>>;

/// Vectors in 8 bits a component, in tiles that others are multiplied with.
pub(super) struct Packed {
    tiles: Vec<Panels>,
    /// A component is stored as the whole number nearest to it by this.
    scale: f32,
    /// The padded length of a vector.
    stride: usize,
    n_rows: usize,
}

impl Packed {
    pub(super) fn new(vectors: &[UnitVector], dim: usize) -> Self {
        let components = vectors.iter().flat_map(|vector| vector.as_slice());
        let largest = components.fold(0.0_f32, |most, part| most.max(part.abs()));
        let mut packed = Self {
            tiles: Vec::new(),
            scale: (largest / LARGEST).max(f32::MIN_POSITIVE),
            stride: dim.next_multiple_of(I8_BLOCK).max(I8_BLOCK),
            n_rows: vectors.len(),
        };
        let tile = |vectors: &[UnitVector]| {
            let mut panels = Panels::default();
            panels.pack(&packed.quantized(vectors), packed.stride);
            panels
        };
        packed.tiles = vectors.par_chunks(TILE).map(tile).collect();
        packed
    }

    /// `i8 [n, stride]`
    fn quantized(&self, vectors: &[UnitVector]) -> Vec<i8> {
        let mut rows = vec![0_i8; vectors.len() * self.stride];
        for (row, vector) in rows.chunks_exact_mut(self.stride).zip(vectors) {
            for (to, part) in row.iter_mut().zip(vector.as_slice()) {
                *to = (part / self.scale).round().clamp(-LARGEST, LARGEST) as i8;
            }
        }
        rows
    }

    /// For each of `vectors`, which are those that are packed, its nearest among the others. Every pair is scored, in 8 bits a
    /// component: what is farther than a neighbour by a thousandth may stand for it. Takes `n²` products, about half a
    /// nanosecond each.
    pub(super) fn neighbours(&self, vectors: &[UnitVector]) -> Neighbours {
        let of_tile = |(number, vectors): (usize, &[UnitVector])| {
            let own = number * TILE;
            let is_other = |row: usize, column: u32| column as usize != own + row;
            // What was indexed together is often alike, and the bars are high from the start.
            self.nearest((vectors, number), N_NEAREST, &is_other)
        };
        let of_tiles: Vec<Vec<Best>> = vectors.par_chunks(TILE).enumerate().map(of_tile).collect();
        let distance = |dot: i32| (1.0 - dot as f32 * self.scale * self.scale).max(0.0);
        let list = |best: Best| best.found.iter().map(|(dot, at)| (*at, distance(*dot))).collect();
        of_tiles.into_iter().flatten().map(list).collect()
    }

    /// The place of the nearest that is packed for each of other vectors; none where nothing is packed.
    pub(super) fn nearest_of(&self, vectors: &[UnitVector]) -> Vec<u32> {
        if self.n_rows == 0 {
            return Vec::new();
        }
        let best = vectors.chunks(TILE).flat_map(|vectors| self.nearest((vectors, 0), 1, &|_, _| true));
        best.map(|best| best.found.first().map_or(0, |(_, at)| *at)).collect()
    }

    /// The nearest of each vector that are wanted, looked for from a tile on.
    fn nearest(
        &self,
        (vectors, first): (&[UnitVector], usize),
        n: usize,
        is_wanted: &dyn Fn(usize, u32) -> bool,
    ) -> Vec<Best> {
        let rows = self.quantized(vectors);
        let mut best: Vec<Best> = vec![Best::new(n); vectors.len()];
        let (mut bars, mut hits) = (vec![i32::MIN; vectors.len()], Vec::new());
        for step in 0..self.tiles.len() {
            let tile = (first + step) % self.tiles.len();
            hits.clear();
            self.tiles[tile].at_least_each(&rows, &bars, &mut hits);
            // In an order that is the same on every processor.
            hits.sort_unstable();
            for hit in &hits {
                let (row, column) = (hit.row as usize, (tile * TILE) as u32 + hit.column);
                if is_wanted(row, column) {
                    best[row].offer(hit.dot, column);
                }
            }
            bars.iter_mut().zip(&best).for_each(|(bar, best)| *bar = best.bar());
        }
        best
    }
}

/// The highest products so far, best first; of equal ones those that came first.
#[derive(Debug, Clone)]
struct Best {
    most: usize,
    found: Vec<(i32, u32)>,
}

impl Best {
    fn new(most: usize) -> Self {
        Self { most, found: Vec::new() }
    }

    fn offer(&mut self, dot: i32, at: u32) {
        if self.found.len() == self.most {
            if self.found.last().is_some_and(|(least, _)| *least >= dot) {
                return;
            }
            self.found.pop();
        }
        let place = self.found.partition_point(|(other, _)| *other >= dot);
        self.found.insert(place, (dot, at));
    }

    /// What a product must reach to be among them.
    fn bar(&self) -> i32 {
        match self.found.last() {
            Some((least, _)) if self.found.len() == self.most => least.saturating_add(1),
            _ => i32::MIN,
        }
    }
}

/// How many of a paper's neighbours are among as many that are nearest to it on the map, from 0 to 1: the mean over some
/// papers, evenly spread.
pub(super) fn kept(neighbours: &Neighbours, places: &[[f32; 2]]) -> f32 {
    let n = neighbours.len();
    let judged: Vec<usize> = (0..n.min(N_JUDGED)).map(|at| at * n / n.min(N_JUDGED)).collect();
    let share = |&at: &usize| -> Option<f32> {
        let own = places[at];
        let wanted = &neighbours[at];
        let mut distances: Vec<(f32, u32)> = (0_u32..)
            .zip(places)
            .filter(|(other, _)| *other as usize != at)
            .map(|(other, place)| ((place[0] - own[0]).powi(2) + (place[1] - own[1]).powi(2), other))
            .collect();
        let last = wanted.len().checked_sub(1)?;
        distances.select_nth_unstable_by(last, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let near = &distances[..=last];
        let found = wanted.iter().filter(|(other, _)| near.iter().any(|(_, at)| at == other)).count();
        Some(found as f32 / wanted.len() as f32)
    };
    let shares: Vec<f32> = judged.par_iter().filter_map(share).collect();
    shares.iter().sum::<f32>() / shares.len().max(1) as f32
}
