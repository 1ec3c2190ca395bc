//! What is held of every paper while candidates are looked for: some 600 bytes each, and no text.

use cognate_corpus::matching;
use cognate_corpus::{Paper, PaperId};
use xxhash_rust::xxh3::xxh3_64;

use crate::containers::identifier_hash;
use crate::people::People;
use crate::place::Place;
use crate::profile::{identifiers, set, shingles, without_notices};

/// Hash functions of a sketch. `BANDS` bands of `ROWS` each bring two texts together with probability
/// `1 - (1 - j^ROWS)^BANDS` at Jaccard coefficient `j`: 0.87 at 0.5, 0.99 at 0.6.
pub const BANDS: usize = 32;
const ROWS: usize = 4;
/// Authors of a paper that candidates are found by: with more, all papers of a collaboration would be.
const MAX_AUTHORS: usize = 64;

/// A paper without its text.
#[derive(Debug, Clone)]
pub struct Sketch {
    /// Its row.
    pub row: u32,
    /// Its id.
    pub id: PaperId,
    /// Hashes of its identifiers with their kinds.
    pub identifiers: Vec<u64>,
    /// Hash of its normalised title.
    pub title: Option<u64>,
    /// Hash of its volume, first page and first author.
    pub place: Option<u64>,
    /// Hashes of its authors' family names, ascending.
    pub families: Vec<u32>,
    /// MinHash of the pairs of words in title and abstract: for each band a hash of its `ROWS` minima. Empty where
    /// there is no abstract.
    pub bands: Vec<u32>,
}

impl Sketch {
    /// The sketch of the paper of a row.
    #[must_use]
    pub fn new(row: u32, paper: &Paper) -> Self {
        let identifiers = identifiers(paper);
        let identifiers = identifiers.iter().map(|(kind, value)| identifier_hash(*kind, value)).collect();
        let title_words = matching::words(paper.title.as_deref().unwrap_or_default());
        let title = (!title_words.is_empty()).then(|| xxh3_64(title_words.concat().as_bytes()));
        let people = People::new(&paper.authors);
        let names = people.family_names().take(MAX_AUTHORS);
        let families = names.map(|name| xxh3_64(name.as_bytes()) as u32).collect();
        let place = Place::new(paper).key().zip(people.family_names().next());
        let place = place.map(|((volume, page), name)| xxh3_64(format!("{volume} {page} {name}").as_bytes()));
        let bands = paper.abstract_text.as_deref().map_or_else(Vec::new, |text| {
            let words = [title_words, matching::words(without_notices(text))].concat();
            bands(&set(shingles(&words)))
        });
        Self { row, id: paper.id.clone(), identifiers, title, place, families: set(families), bands }
    }

    /// Whether an author of each may be the same person, by family name.
    #[must_use]
    pub fn shares_author(&self, other: &Self) -> bool {
        crate::profile::n_common(&self.families, &other.families) > 0
    }
}

/// MinHash (Broder 1997) with multiply-shift hashes of the shingles, folded to one number a band. Own code:
/// `gaoya` brings a pre-release dependency and its own index, `probminhash` twenty packages for this loop.
fn bands(shingles: &[u32]) -> Vec<u32> {
    let mut minima = [u32::MAX; BANDS * ROWS];
    for &shingle in shingles {
        let mut state = u64::from(shingle) | 1 << 40;
        for minimum in &mut minima {
            // A step of splitmix64 for each function.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *minimum = (*minimum).min((mixed >> 32) as u32);
        }
    }
    let fold = |rows: &[u32]| {
        rows.iter().fold(0x811c_9dc5_u32, |hash, row| (hash ^ row).wrapping_mul(0x0100_0193).rotate_left(7))
    };
    minima.chunks(ROWS).map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_band(a: &[u32], b: &[u32]) -> bool {
        bands(a).iter().zip(bands(b)).any(|(a, b)| *a == b)
    }

    #[test]
    fn texts_meet_in_a_band_as_often_as_the_formula_says() {
        // Sets of 200 with a known Jaccard coefficient, 300 times.
        let n_met = |n_shared: u32| {
            let of = |from: u32| set((from..from + 200).map(|n| n.wrapping_mul(0x9e37_79b1)).collect());
            let shift = 200 - n_shared;
            (0..300).filter(|n| share_band(&of(n * 1000), &of(n * 1000 + shift))).count()
        };
        assert!(n_met(150) >= 290, "J = 0.6: {}", n_met(150));
        assert!((0.75..0.97).contains(&(n_met(133) as f64 / 300.0)), "J = 0.5: {}", n_met(133));
        assert!(n_met(36) <= 15, "J = 0.1: {}", n_met(36));
    }
}
