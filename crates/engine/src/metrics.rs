//! Measures of a ranking against graded judgments, as `trec_eval` defines them.

use std::collections::BTreeMap;

/// The measures of one query, each in `[0, 1]`; higher is better.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct QueryMetrics {
    /// Normalised discounted cumulative gain of the first ten; gain is the grade, discount
    /// `1 / log2(rank + 1)` (Järvelin and Kekäläinen, 2002, with linear gain).
    pub ndcg_at_10: f64,
    /// Reciprocal rank of the first relevant hit among the first ten, else 0.
    pub mrr_at_10: f64,
    /// Precision averaged over the relevant papers, those not found counting 0.
    pub average_precision: f64,
    /// Fraction of the relevant papers among the first hundred.
    pub recall_at_100: f64,
}

/// [`QueryMetrics`] averaged over the queries that have a relevant paper.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Metrics {
    /// Queries averaged over.
    pub n_queries: usize,
    /// The means.
    pub mean: QueryMetrics,
}

/// Measures `ranking` (ids, best first) against `judgments` (grade by id; relevant means above 0).
/// `None` if nothing is relevant: such a query says nothing about a ranking.
#[must_use]
pub(crate) fn measure<'a>(ranking: &[&'a str], judgments: &BTreeMap<&'a str, i32>) -> Option<QueryMetrics> {
    let mut ideal: Vec<i32> = judgments.values().copied().filter(|&grade| grade > 0).collect();
    if ideal.is_empty() {
        return None;
    }
    let n_relevant = ideal.len() as f64;
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    let grades: Vec<i32> = ranking.iter().map(|id| judgments.get(id).copied().unwrap_or(0).max(0)).collect();

    let mut n_found = 0_u32;
    let mut precision_sum = 0.0;
    for (index, _) in grades.iter().enumerate().filter(|(_, grade)| **grade > 0) {
        n_found += 1;
        precision_sum += f64::from(n_found) / (index + 1) as f64;
    }
    let first = grades.iter().take(10).position(|&grade| grade > 0);
    let n_in_100 = grades.iter().take(100).filter(|&&grade| grade > 0).count();
    Some(QueryMetrics {
        ndcg_at_10: dcg_at_10(&grades) / dcg_at_10(&ideal),
        mrr_at_10: first.map_or(0.0, |index| 1.0 / (index + 1) as f64),
        average_precision: precision_sum / n_relevant,
        recall_at_100: n_in_100 as f64 / n_relevant,
    })
}

/// The mean over queries.
#[must_use]
pub(crate) fn mean(queries: &[QueryMetrics]) -> Metrics {
    let n = queries.len().max(1) as f64;
    let average = |of: fn(&QueryMetrics) -> f64| queries.iter().map(of).sum::<f64>() / n;
    Metrics {
        n_queries: queries.len(),
        mean: QueryMetrics {
            ndcg_at_10: average(|q| q.ndcg_at_10),
            mrr_at_10: average(|q| q.mrr_at_10),
            average_precision: average(|q| q.average_precision),
            recall_at_100: average(|q| q.recall_at_100),
        },
    }
}

/// The probability that a difference of means as large as that of the paired values, or larger, comes about by
/// chance: the share of resamples of the differences, shifted to a mean of 0, whose mean is as far from 0 (paired
/// bootstrap, two-sided; Efron and Tibshirani, 1993, section 16.4; 10,000 resamples from a fixed seed).
/// 1 for no values.
#[must_use]
pub fn bootstrap_p_value(pairs: &[(f64, f64)]) -> f64 {
    const N_RESAMPLES: usize = 10_000;
    let n = pairs.len();
    if n == 0 {
        return 1.0;
    }
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
    let mean = differences.iter().sum::<f64>() / n as f64;
    let mut state = 1;
    let n_as_far = (0..N_RESAMPLES)
        .filter(|_| {
            let sum: f64 = (0..n).map(|_| differences[below(&mut state, n)] - mean).sum();
            (sum / n as f64).abs() >= mean.abs() - 1e-12
        })
        .count();
    n_as_far as f64 / N_RESAMPLES as f64
}

/// The next number below `n` of a SplitMix64 sequence: enough for resampling, and the same everywhere.
fn below(state: &mut u64, n: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((u128::from(z ^ (z >> 31)) * n as u128) >> 64) as usize
}

fn dcg_at_10(grades: &[i32]) -> f64 {
    grades
        .iter()
        .take(10)
        .enumerate()
        .map(|(index, &grade)| f64::from(grade) / ((index + 2) as f64).log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_by_hand() {
        let judgments = BTreeMap::from([("a", 2), ("b", 1), ("c", 0), ("d", 1)]);
        let check = |ranking: &[&str], expected: [f64; 4]| {
            let m = measure(ranking, &judgments).unwrap();
            let found = [m.ndcg_at_10, m.mrr_at_10, m.average_precision, m.recall_at_100];
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9, "{ranking:?}: {found} instead of {expected}");
            }
        };
        let ideal = 2.0 + 1.0 / 3_f64.log2() + 0.5;
        check(&["a", "b", "d"], [1.0, 1.0, 1.0, 1.0]);
        check(&["x", "a"], [2.0 / 3_f64.log2() / ideal, 0.5, 0.5 / 3.0, 1.0 / 3.0]);
        check(&["c", "x"], [0.0, 0.0, 0.0, 0.0]);
        assert_eq!(measure(&["a"], &BTreeMap::from([("a", 0)])), None);
    }

    #[test]
    fn a_difference_is_told_from_chance() {
        let constant: Vec<(f64, f64)> = (0..100).map(|i| (0.5 + 0.01 * f64::from(i % 3), 0.4)).collect();
        assert!(bootstrap_p_value(&constant) < 0.001);
        let noise: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i % 2), f64::from((i + 1) % 2))).collect();
        assert!(bootstrap_p_value(&noise) > 0.9);
        assert_eq!(bootstrap_p_value(&[]), 1.0);
        assert_eq!(bootstrap_p_value(&[(0.3, 0.3); 5]), 1.0, "no difference at all");
        // Of one difference of 1 among 9 of 0, resamples without it are as far from the mean in about a third.
        let one: Vec<(f64, f64)> = (0..10).map(|i| (f64::from(i32::from(i == 0)), 0.0)).collect();
        assert!((0.5..0.75).contains(&bootstrap_p_value(&one)), "{}", bootstrap_p_value(&one));
    }

    #[test]
    fn the_mean_of_nothing_is_zero() {
        assert_eq!(mean(&[]), Metrics::default());
    }
}
