//! From evidence to a probability: a logistic model, monotone in every piece of evidence.
//!
//! log-odds = bias + Σ coefficient × feature. Features are from 0 to 1; those of a field that a record lacks
//! are 0. What speaks for a duplicate has a coefficient that is not negative, what speaks against it one that
//! is not positive, as the sign before its name says. `scripts/fit-dedup` fits the coefficients.

use xxhash_rust::xxh3::xxh3_64;

use crate::coefficients::{BIAS, COEFFICIENTS};
use crate::evidence::Evidence;

/// The most that a pair can have of which something says that it is two papers: below the cut, so that a person
/// decides, however alike the rest is. Parts of a series often have the same abstract.
const CONTRADICTED: f64 = 0.5;

/// The probability that two records are of the same paper.
#[must_use]
pub fn probability(evidence: &Evidence) -> f64 {
    let terms = features(evidence).into_iter().zip(COEFFICIENTS);
    let log_odds = BIAS + terms.map(|(value, (_, coefficient))| value * coefficient).sum::<f64>();
    let probability = 1.0 / (1.0 + (-log_odds).exp());
    if evidence.is_contradicted() { probability.min(CONTRADICTED) } else { probability }
}

/// Raised whenever the same pair may get other evidence than before.
const EVIDENCE_VERSION: u64 = 2;

/// A number that differs whenever a pair may be scored differently, so that scores of earlier rules are not used.
#[must_use]
pub fn rules() -> u64 {
    let numbers = COEFFICIENTS.iter().map(|(_, coefficient)| coefficient.to_bits());
    let numbers = numbers.chain([BIAS.to_bits(), EVIDENCE_VERSION]);
    xxh3_64(&numbers.flat_map(u64::to_le_bytes).collect::<Vec<u8>>())
}

/// The features of a pair by name, for fitting.
pub fn named_features(evidence: &Evidence) -> impl Iterator<Item = (&'static str, f64)> {
    COEFFICIENTS.into_iter().map(|(name, _)| name).zip(features(evidence))
}

const N_FEATURES: usize = COEFFICIENTS.len();

/// The features in the order of [`COEFFICIENTS`].
fn features(evidence: &Evidence) -> [f64; N_FEATURES] {
    let yes = |is_so: bool| f64::from(u8::from(is_so));
    let beyond = |value: f32, knot: f32| f64::from(((value - knot) / (1.0 - knot)).clamp(0.0, 1.0));
    let mut values = [0.0; N_FEATURES];
    let mut next = values.iter_mut();
    let mut put = |value: f64| {
        if let Some(place) = next.next() {
            *place = value;
        }
    };

    put(yes(!evidence.shared_identifiers.is_empty()));
    put(yes(!evidence.conflicting_identifiers.is_empty()));

    let title = evidence.title;
    let of_title = |of: &dyn Fn(crate::evidence::TitleEvidence) -> f64| title.map_or(0.0, of);
    put(yes(title.is_some()));
    put(of_title(&|t| yes(t.is_equal) * (t.n_words.min(8) as f64 / 8.0)));
    put(of_title(&|t| beyond(t.similarity, 0.3)));
    put(of_title(&|t| beyond(t.similarity, 0.6)));
    put(of_title(&|t| beyond(t.containment, 0.5)));
    put(of_title(&|t| beyond(t.containment, 0.8)));
    put(of_title(&|t| yes(t.is_generic && evidence.text.is_none())));
    put(of_title(&|t| yes(t.numbers_differ)));
    put(of_title(&|t| yes(t.numbers_added)));
    put(of_title(&|t| yes(t.notice_differs)));

    let authors = evidence.authors;
    let of_authors = |of: &dyn Fn(crate::evidence::AuthorEvidence) -> f64| authors.map_or(0.0, of);
    put(yes(authors.is_some()));
    put(of_authors(&|a| f64::from(a.jaccard)));
    put(of_authors(&|a| beyond(a.jaccard, 0.5)));
    put(of_authors(&|a| yes(a.jaccard >= 0.999)));
    put(of_authors(&|a| yes(a.n_shared >= 2)));
    put(of_authors(&|a| a.n_shared.min(5) as f64 / 5.0));

    let gap = |at_least: u16| evidence.year_gap.map_or(0.0, |gap| yes(gap >= at_least));
    put(gap(1));
    put(gap(2));
    put(gap(4));

    put(yes(evidence.venue.is_some_and(|venue| venue.agrees)));

    let text = evidence.text;
    let of_text = |of: &dyn Fn(crate::evidence::TextEvidence) -> f64| text.map_or(0.0, of);
    put(yes(text.is_some()));
    put(of_text(&|t| beyond(t.jaccard, 0.1)));
    put(of_text(&|t| beyond(t.jaccard, 0.5)));
    put(of_text(&|t| beyond(t.containment, 0.2)));
    put(of_text(&|t| beyond(t.containment, 0.6)));
    put(of_text(&|t| beyond(t.word_jaccard, 0.15)));
    put(of_text(&|t| beyond(t.word_jaccard, 0.4)));
    put(of_text(&|t| t.numbers.map_or(0.0, |numbers| f64::from(1.0 - numbers))));

    let cosine = evidence.cosine;
    let of_cosine = |of: &dyn Fn(f32) -> f64| cosine.map_or(0.0, of);
    put(of_cosine(&|c| beyond(c, 0.5)));
    put(of_cosine(&|c| beyond(c, 0.7)));
    put(of_cosine(&|c| beyond(c, 0.85)));
    values
}
