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
    fn the_mean_of_nothing_is_zero() {
        assert_eq!(mean(&[]), Metrics::default());
    }
}
