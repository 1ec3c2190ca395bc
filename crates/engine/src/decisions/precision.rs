//! How precise a threshold is, estimated from labels.
//!
//! People label the pairs nearest to a threshold first, so labels are no random sample of all pairs, and their
//! plain mean would speak of the doubtful ones alone. So pairs are taken in bins of like score: within a bin
//! the part of yes among the labels stands for its pairs, and the bins are weighted by their numbers of
//! pairs. The interval of a bin is Wilson's (Wilson, "Probable Inference, the Law of Succession, and
//! Statistical Inference", 1927), that of several is the stratified Wilson interval (Yan and Su, "Stratified
//! Wilson and Newcombe Confidence Intervals for Multiple Binomial Proportions", 2010). A bin without labels
//! may be anything from 0 to 1, and widens the interval by its weight.

/// The 0.975 quantile of the normal distribution: intervals hold with 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Pairs of like score, and what people said of some of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stratum {
    /// All pairs.
    pub n_pairs: usize,
    /// Those labelled as duplicates.
    pub n_yes: usize,
    /// Those labelled as no duplicates.
    pub n_no: usize,
}

/// The part of true duplicates among pairs, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision {
    /// The estimate over the pairs in bins with labels; `None` without any label.
    pub estimate: Option<f64>,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end of the 95 % interval.
    pub high: f64,
    /// The labels that it rests on.
    pub n_labels: usize,
}

impl Stratum {
    fn n_labels(&self) -> usize {
        self.n_yes + self.n_no
    }

    /// Wilson's interval at `z` standard deviations.
    fn wilson(&self, z: f64) -> (f64, f64) {
        let n = self.n_labels() as f64;
        if n == 0.0 {
            return (0.0, 1.0);
        }
        let part = self.n_yes as f64 / n;
        let middle = (part + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (part * (1.0 - part) / n + z * z / (4.0 * n * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }

    /// The variance of its estimate, drawn towards one half as Wilson's interval is, so that a few equal
    /// labels do not pass for certainty.
    fn variance(&self) -> f64 {
        let n = self.n_labels() as f64 + Z * Z;
        let part = (self.n_yes as f64 + Z * Z / 2.0) / n;
        part * (1.0 - part) / n
    }
}

/// The precision of all pairs of `strata` together.
pub(super) fn precision(strata: &[Stratum]) -> Precision {
    let n_labels = strata.iter().map(Stratum::n_labels).sum();
    let n_pairs: usize = strata.iter().map(|stratum| stratum.n_pairs).sum();
    let labelled = || strata.iter().filter(|stratum| stratum.n_labels() > 0);
    if n_labels == 0 || n_pairs == 0 {
        return Precision { estimate: None, low: 0.0, high: 1.0, n_labels };
    }
    let weight = |stratum: &Stratum| stratum.n_pairs as f64 / n_pairs as f64;
    // The z at which the sum of the bins' half-widths is the half-width of their sum at `Z`.
    let of_sum: f64 =
        labelled().map(|stratum| weight(stratum).powi(2) * stratum.variance()).sum::<f64>().sqrt();
    let sum: f64 = labelled().map(|stratum| weight(stratum) * stratum.variance().sqrt()).sum();
    let z = if sum > 0.0 { Z * of_sum / sum } else { Z };
    let n_covered: usize = labelled().map(|stratum| stratum.n_pairs).sum();
    let estimate: f64 = labelled()
        .map(|stratum| {
            stratum.n_pairs as f64 / n_covered as f64 * stratum.n_yes as f64 / stratum.n_labels() as f64
        })
        .sum();
    let end = |of: fn((f64, f64)) -> f64| -> f64 {
        strata.iter().map(|stratum| weight(stratum) * of(stratum.wilson(z))).sum::<f64>().clamp(0.0, 1.0)
    };
    Precision { estimate: Some(estimate), low: end(|(low, _)| low), high: end(|(_, high)| high), n_labels }
}

#[cfg(test)]
mod tests {
    use super::{Precision, Stratum, precision};

    fn stratum(n_pairs: usize, n_yes: usize, n_no: usize) -> Stratum {
        Stratum { n_pairs, n_yes, n_no }
    }

    fn check(strata: &[Stratum], expected: (Option<f64>, f64, f64)) {
        let Precision { estimate, low, high, .. } = precision(strata);
        let near = |a: f64, b: f64| (a - b).abs() < 5e-4;
        let same = match (estimate, expected.0) {
            (Some(found), Some(expected)) => near(found, expected),
            (found, expected) => found == expected,
        };
        assert!(same && near(low, expected.1) && near(high, expected.2), "{estimate:?} {low} {high}");
    }

    #[test]
    fn one_bin_has_wilsons_interval() {
        // By statsmodels' proportion_confint(method="wilson").
        check(&[stratum(100, 9, 1)], (Some(0.9), 0.5958, 0.9821));
        check(&[stratum(40, 20, 0)], (Some(1.0), 0.8389, 1.0));
        check(&[stratum(40, 0, 5)], (Some(0.0), 0.0, 0.4345));
    }

    #[test]
    fn bins_count_by_their_pairs_and_not_by_their_labels() {
        // Ten thousand sure pairs with few labels, a hundred doubtful ones with many.
        let Precision { estimate, low, high, n_labels } =
            precision(&[stratum(10_000, 40, 0), stratum(100, 50, 50)]);
        assert!(estimate.unwrap() > 0.99 && low > 0.9 && high <= 1.0);
        assert_eq!(n_labels, 140);
        // Two equal bins are as good as one of both, nearly.
        let one = precision(&[stratum(200, 80, 20)]);
        let two = precision(&[stratum(100, 40, 10), stratum(100, 40, 10)]);
        assert!((one.low - two.low).abs() < 0.01 && (one.high - two.high).abs() < 0.01, "{one:?} {two:?}");
    }

    #[test]
    fn what_nobody_labelled_may_be_anything() {
        check(&[], (None, 0.0, 1.0));
        check(&[stratum(5, 0, 0)], (None, 0.0, 1.0));
        let half = precision(&[stratum(50, 1_000, 0), stratum(50, 0, 0)]);
        assert_eq!(half.estimate, Some(1.0));
        assert!((half.low - 0.5).abs() < 0.01 && half.high == 1.0, "{half:?}");
    }
}
