//! Whether a paper's neighbourhood is growing.
//!
//! A paper has `k` nearest neighbours among the papers of window and history. If time had no part in it,
//! those of the window would be among them as often as among all: their number follows a hypergeometric
//! distribution. The more of them there are than that, the more improbable it is, and the test is exact
//! whatever the numbers (Fisher's exact test; for neighbours as the cells: Jacquez, *A k nearest neighbour test for
//! space-time interaction*, 1996). Several `k` are tried, and the least probable is taken, with Bonferroni's
//! correction, as scan statistics do: a small burst is seen beside a broad one, whatever the model's cosines are.

/// Neighbours that are looked at. Each is a similarity radius: that of the last of them.
pub(super) const NEIGHBOURS: [usize; 4] = [5, 10, 20, 40];
/// The most of them.
pub(super) const MAX_NEIGHBOURS: usize = 40;

/// How a neighbourhood has grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Papers within the radius, without the paper itself.
    pub n_near: usize,
    /// Those of them that are of the window.
    pub n_recent: usize,
    /// How many of the window its history predicts there: `(n_near − n_recent + 1) · n_window / n_history`. The
    /// one paper more keeps a neighbourhood without history from predicting nothing.
    pub expected: f64,
    /// Cosine of the farthest of them to the paper.
    pub radius: f32,
}

impl Growth {
    /// How many times as many papers came as the history predicts.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.n_recent as f64 / self.expected
    }
}

/// A neighbour of a paper.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbour {
    pub(super) row: u32,
    pub(super) cosine: f32,
    pub(super) is_recent: bool,
}

/// The test for papers of one window and its history.
pub(super) struct Scan {
    /// Papers of the window beside the one that is tested.
    n_window: usize,
    n_history: usize,
    /// ln i! at place i.
    ln_factorials: Vec<f64>,
}

impl Scan {
    /// For a window of `n_window` papers and a history of `n_history`; both at least 1.
    pub(super) fn new(n_window: usize, n_history: usize) -> Self {
        let mut ln_factorials = vec![0.0];
        let mut sum = 0.0;
        for i in 1..=n_window + n_history {
            sum += (i as f64).ln();
            ln_factorials.push(sum);
        }
        Self { n_window: n_window - 1, n_history, ln_factorials }
    }

    /// How the neighbourhood of a paper has grown, and −log₁₀ of the probability that it would by chance.
    /// `nearest` are its neighbours, nearest first.
    pub(super) fn growth(&self, nearest: &[Neighbour]) -> (f64, Option<Growth>) {
        let mut best = (0.0, None);
        let counts = NEIGHBOURS.into_iter().filter(|&k| k <= nearest.len());
        for k in counts {
            let n_recent = nearest[..k].iter().filter(|neighbour| neighbour.is_recent).count();
            let ln_p = self.ln_tail(k, n_recent) + (NEIGHBOURS.len() as f64).ln();
            let score = (-ln_p / std::f64::consts::LN_10).max(0.0);
            if score > best.0 {
                let n_before = (k - n_recent + 1) as f64;
                let growth = Growth {
                    n_near: k,
                    n_recent,
                    expected: n_before * (self.n_window + 1) as f64 / self.n_history as f64,
                    radius: nearest[k - 1].cosine,
                };
                best = (score, Some(growth));
            }
        }
        best
    }

    /// ln of the probability that at least `least` of `k` papers, drawn without looking, are of the window.
    fn ln_tail(&self, k: usize, least: usize) -> f64 {
        let n = self.n_window + self.n_history;
        let terms: Vec<f64> = (least.max(k.saturating_sub(self.n_history))..=k.min(self.n_window))
            .map(|x| {
                self.ln_choose(self.n_window, x) + self.ln_choose(self.n_history, k - x)
                    - self.ln_choose(n, k)
            })
            .collect();
        let greatest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = terms.iter().map(|term| (term - greatest).exp()).sum();
        (greatest + sum.ln()).min(0.0)
    }

    fn ln_choose(&self, n: usize, k: usize) -> f64 {
        self.ln_factorials[n] - self.ln_factorials[k] - self.ln_factorials[n - k]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_the_hypergeometric_distribution() {
        // Of an urn of 7 recent and 13 older papers, 5 are drawn.
        let scan = Scan::new(8, 13);
        let choose = |n: u64, k: u64| (0..k).fold(1, |c, i| c * (n - i) / (i + 1)) as f64;
        for least in 0..=5_u64 {
            let ways: f64 = (least..=5).map(|x| choose(7, x) * choose(13, 5 - x)).sum();
            let expected = ways / choose(20, 5);
            let found = scan.ln_tail(5, least as usize).exp();
            assert!((found - expected).abs() < 1e-12, "{least}: {found} and {expected}");
        }
    }

    #[test]
    fn more_recent_neighbours_score_higher_and_few_papers_score_nothing() {
        let scan = Scan::new(50, 1_000);
        let neighbours = |n_recent: usize| -> Vec<Neighbour> {
            (0..20).map(|i| Neighbour { row: i as u32, cosine: 0.9, is_recent: i < n_recent }).collect()
        };
        let scores: Vec<f64> = (0..=20).map(|n_recent| scan.growth(&neighbours(n_recent)).0).collect();
        assert!(scores.is_sorted(), "{scores:?}");
        assert!(scores[1] < 1.0 && scores[20] > 20.0, "{scores:?}");
        let (_, growth) = scan.growth(&neighbours(20));
        let growth = growth.unwrap();
        assert_eq!((growth.n_near, growth.n_recent), (20, 20));
        assert!((growth.ratio() - 400.0).abs() < 1e-9, "{}", growth.ratio());
        assert_eq!(scan.growth(&neighbours(20)[..4]), (0.0, None));
        assert_eq!(Scan::new(1, 1).growth(&[]), (0.0, None));
    }
}
