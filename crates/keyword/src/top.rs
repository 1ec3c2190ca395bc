//! Choosing the best of many.

/// The best `top_k` of rows with positive scores: best first, equal ones by row.
pub(crate) fn top(top_k: usize, scored: impl Iterator<Item = (u32, f32)>) -> Vec<(u32, f32)> {
    if top_k == 0 {
        return Vec::new();
    }
    // Positive floats are in the order of their bits, so one number orders by score and then by row. Twice
    // as many as asked for are gathered before the worse half is thrown away.
    let mut keys: Vec<u64> = Vec::new();
    let mut least = 0;
    let limit = top_k.saturating_mul(2).max(64);
    for (row, score) in scored {
        let key = u64::from(score.to_bits()) << 32 | u64::from(!row);
        if key > least {
            keys.push(key);
            if keys.len() >= limit {
                least = keep_best(&mut keys, top_k);
            }
        }
    }
    if keys.len() > top_k {
        keep_best(&mut keys, top_k);
    }
    keys.sort_unstable_by(|a, b| b.cmp(a));
    keys.into_iter().map(|key| (!(key as u32), f32::from_bits((key >> 32) as u32))).collect()
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
