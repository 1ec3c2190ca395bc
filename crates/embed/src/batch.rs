//! Which texts are computed together.

use std::ops::Range;

/// Tokens in a batch, padding included: four whole abstracts. Anything from 256 to 8,192 was as fast
/// (`benches/encode.rs`), and more only takes memory.
pub(crate) const TOKEN_BUDGET: usize = 1024;

/// Splits texts of ascending `lengths` into runs that, each text padded to the longest of its run, hold at
/// most `budget` tokens; a text longer than that is a run of its own.
pub(crate) fn batches(lengths: &[usize], budget: usize) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let mut start = 0;
    for end in 1..=lengths.len() {
        let n_texts = end + 1 - start;
        if lengths.get(end).is_none_or(|&longest| longest * n_texts > budget) {
            batches.push(start..end);
            start = end;
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_is_in_one_batch_within_the_budget(
            mut lengths in prop::collection::vec(1_usize..50, 0..80),
            budget in 1_usize..300,
        ) {
            lengths.sort_unstable();
            let batches = batches(&lengths, budget);
            let rows: Vec<usize> = batches.iter().cloned().flatten().collect();
            prop_assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
            for batch in &batches {
                let padded = lengths[batch.end - 1] * batch.len();
                prop_assert!(padded <= budget || batch.len() == 1);
            }
            // No two neighbours would have fitted together.
            for pair in batches.windows(2) {
                prop_assert!(lengths[pair[1].start] * (pair[0].len() + 1) > budget);
            }
        }
    }
}
