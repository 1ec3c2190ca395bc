//! Which texts are computed together.

use std::ops::Range;

/// Tokens of a chunk: what one thread takes through all layers at once. Enough that reading the weights
/// costs nothing beside using them, and few enough for the caches (`benches/encode.rs`).
const MAX_CHUNK: usize = 384;

/// Chunks for each thread, so that none waits long for the last one.
const CHUNKS_A_THREAD: usize = 4;

/// Tokens of a chunk, for texts of `n_tokens` in all on `n_threads`.
pub(crate) fn chunk_budget(n_tokens: usize, n_threads: usize) -> usize {
    (n_tokens / (CHUNKS_A_THREAD * n_threads.max(1))).clamp(1, MAX_CHUNK)
}

/// Splits texts of these `lengths` into runs of at most `budget` tokens; a text longer than that is a run
/// of its own.
pub(crate) fn chunks(lengths: &[usize], budget: usize) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let (mut start, mut n_tokens) = (0, 0);
    for (text, &length) in lengths.iter().enumerate() {
        if text > start && n_tokens + length > budget {
            chunks.push(start..text);
            (start, n_tokens) = (text, 0);
        }
        n_tokens += length;
    }
    if start < lengths.len() {
        chunks.push(start..lengths.len());
    }
    chunks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_is_in_one_chunk_within_the_budget(
            lengths in prop::collection::vec(1_usize..50, 0..80),
            budget in 1_usize..300,
        ) {
            let chunks = chunks(&lengths, budget);
            let texts: Vec<usize> = chunks.iter().cloned().flatten().collect();
            prop_assert_eq!(texts, (0..lengths.len()).collect::<Vec<_>>());
            let n_tokens = |chunk: &Range<usize>| lengths[chunk.clone()].iter().sum::<usize>();
            for chunk in &chunks {
                prop_assert!(n_tokens(chunk) <= budget || chunk.len() == 1);
            }
            // No text would have fitted into the chunk before it.
            for pair in chunks.windows(2) {
                prop_assert!(n_tokens(&pair[0]) + lengths[pair[1].start] > budget);
            }
        }
    }
}
