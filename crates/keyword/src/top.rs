//! Choosing the best of many.

/// The best `top_k` of rows with positive scores: best first, equal ones by row.
pub(crate) fn top(top_k: usize, scored: impl Iterator<Item = (u32, f32)>) -> Vec<(u32, f32)> {
    let mut best = Best::new(top_k);
    scored.for_each(|(row, score)| best.push(row, score, |_| true));
    best.into_sorted()
}

/// A chunk of scores: the highest, all, and their rows.
pub(crate) type Chunk<'a> = (f32, &'a [f32], &'a [u32]);

/// The same of rows that are permitted, in chunks: most chunks have nothing that is good enough. None of the best scores less
/// than `least`.
pub(crate) fn top_of_chunks<'a>(
    (top_k, least): (usize, f32),
    chunks: impl Iterator<Item = Chunk<'a>>,
    is_permitted: impl Fn(u32) -> bool,
) -> Vec<(u32, f32)> {
    // Every key of a score that is no less lies above it.
    let least = (u64::from(least.to_bits()) << 32).saturating_sub(1);
    let mut best = Best { least, ..Best::new(top_k) };
    for (highest, scores, rows) in chunks {
        // Of rows with the same score the first is wanted, and rows are in no order here.
        if highest > 0.0 && highest >= best.least_score() {
            rows.iter().zip(scores).for_each(|(&row, &score)| best.push(row, score, &is_permitted));
        }
    }
    best.into_sorted()
}

/// What none of the best `top_k` scores is less than, where these are the highest of chunks: each of the best chunks has a score
/// that is no less.
pub(crate) fn least_of_best(top_k: usize, highest: &[f32]) -> f32 {
    if top_k == 0 || top_k > highest.len() {
        return 0.0;
    }
    let mut highest = highest.to_vec();
    *highest.select_nth_unstable_by(top_k - 1, |a, b| b.total_cmp(a)).1
}

/// The highest of scores that are not negative; 0 of none.
pub(crate) fn highest(scores: &[f32]) -> f32 {
    // So that the compiler compares many at once: f32::max has rules for NaN.
    scores.iter().fold(0.0, |highest, &score| if score > highest { score } else { highest })
}

/// The best rows so far.
struct Best {
    top_k: usize,
    /// Positive floats are in the order of their bits, so one number orders by score and then by row. Twice as many as
    /// asked for are gathered before the worse half is thrown away.
    keys: Vec<u64>,
    /// What is no better is none of the best: the least of those that were kept last, or what is known before.
    least: u64,
}

impl Best {
    fn new(top_k: usize) -> Self {
        Self { top_k, keys: Vec::new(), least: 0 }
    }

    fn least_score(&self) -> f32 {
        f32::from_bits((self.least >> 32) as u32)
    }

    fn push(&mut self, row: u32, score: f32, is_permitted: impl Fn(u32) -> bool) {
        let key = u64::from(score.to_bits()) << 32 | u64::from(!row);
        if score <= 0.0 || key <= self.least || self.top_k == 0 || !is_permitted(row) {
            return;
        }
        self.keys.push(key);
        if self.keys.len() >= self.top_k.saturating_mul(2).max(64) {
            self.least = keep_best(&mut self.keys, self.top_k);
        }
    }

    fn into_sorted(mut self) -> Vec<(u32, f32)> {
        if self.keys.len() > self.top_k {
            keep_best(&mut self.keys, self.top_k);
        }
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        let scored = |key: u64| (!(key as u32), f32::from_bits((key >> 32) as u32));
        self.keys.into_iter().map(scored).collect()
    }
}

/// Keeps the `top_k` largest of more than that, and says which is the least of them.
fn keep_best(keys: &mut Vec<u64>, top_k: usize) -> u64 {
    let (_, least, _) = keys.select_nth_unstable_by(top_k - 1, |a, b| b.cmp(a));
    let least = *least;
    keys.truncate(top_k);
    least
}

/// Where in ascending rows the first is that is not less than `row`: few steps where it is near.
pub(crate) fn gallop(rows: &[u32], row: u32) -> usize {
    if rows.first().is_none_or(|&first| first >= row) {
        return 0;
    }
    let mut step = 1;
    while step < rows.len() && rows[step] < row {
        step *= 2;
    }
    let from = step / 2;
    let to = (step + 1).min(rows.len());
    from + rows[from..to].partition_point(|&other| other < row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_ties_go_by_row() {
        let scored = [(9, 1.0), (4, 2.0), (7, 2.0), (1, 0.5)];
        assert_eq!(top(3, scored.into_iter()), [(4, 2.0), (7, 2.0), (9, 1.0)]);
        assert_eq!(top(0, scored.into_iter()), []);
        assert_eq!(top(9, scored.into_iter()).len(), 4);
        let many = (0..1000u32).map(|row| (row, 1.0 + (row % 7) as f32));
        let mut expected: Vec<(u32, f32)> = many.clone().collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        expected.truncate(10);
        assert_eq!(top(10, many), expected);
        // In chunks, and in no order of rows.
        let (rows, scores): (Vec<u32>, Vec<f32>) =
            (0..1000u32).map(|n| n * 37 % 1000).map(|row| (row, 1.0 + (row % 7) as f32)).unzip();
        for size in [1, 16, 1000] {
            let chunks = || scores.chunks(size).zip(rows.chunks(size));
            let with_highest = || chunks().map(|(scores, rows)| (highest(scores), scores, rows));
            let highest: Vec<f32> = with_highest().map(|(highest, ..)| highest).collect();
            for least in [0.0, least_of_best(10, &highest)] {
                assert_eq!(top_of_chunks((10, least), with_highest(), |_| true), expected);
            }
            let even = top_of_chunks((5, 0.0), with_highest(), |row| row % 2 == 0);
            assert!(even.iter().all(|(row, score)| row % 14 == 6 && *score == 7.0), "{even:?}");
            assert_eq!(even[0].0, 6);
        }
    }

    #[test]
    fn the_least_of_the_best_is_no_more_than_it_is() {
        assert_eq!(least_of_best(2, &[1.0, 4.0, 3.0, 0.0]), 3.0);
        assert_eq!(least_of_best(4, &[1.0, 4.0, 3.0, 0.0]), 0.0);
        assert_eq!(least_of_best(5, &[1.0, 4.0, 3.0, 0.0]), 0.0);
        assert_eq!(least_of_best(0, &[1.0]), 0.0);
    }

    #[test]
    fn galloping_finds_what_a_binary_search_does() {
        let rows: Vec<u32> = (0..100).map(|at| at * 3).collect();
        for from in 0..rows.len() {
            for row in 0..310 {
                assert_eq!(gallop(&rows[from..], row), rows[from..].partition_point(|&other| other < row));
            }
        }
        assert_eq!(gallop(&[], 3), 0);
    }
}
