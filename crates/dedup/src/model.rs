//! From evidence to two probabilities, by two logistic models: that both records are of the same work, and that,
//! if they are, they are of the same publication of it. Both are monotone in every piece of evidence.
//!
//! log-odds = bias + Σ coefficient × feature. Features are from 0 to 1; those of a field that a record lacks
//! are 0. What speaks for a duplicate has a coefficient that is not negative, what speaks against it one that
//! is not positive, as the sign before its name says. How the coefficients were found: `coefficients.rs`.

use xxhash_rust::xxh3::xxh3_64;

use crate::coefficients::{PUBLICATION, PUBLICATION_BIAS, WORK, WORK_BIAS};
use crate::evidence::{Evidence, TextEvidence, TitleEvidence};
use crate::people::AuthorEvidence;

/// The most that a pair can have of which something says that it is two papers: below the cut, so that a person
/// decides, however alike the rest is. Parts of a series often have the same abstract.
const CONTRADICTED: f64 = 0.5;

/// The most that two trials can have: a sponsor has many of one title, and nobody has to be asked.
const TWO_TRIALS: f64 = 0.05;

/// How likely two records are one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probability {
    /// That both are of the same work, in whatever publications, from 0 to 1.
    pub same_work: f64,
    /// That both are of the same publication; never more than that of the same work.
    pub same_publication: f64,
}

/// How likely two records are one, by their evidence.
#[must_use]
pub fn probability(evidence: &Evidence) -> Probability {
    let of = |bias: f64, named: &[(&str, f64)], features: &[f64]| {
        let terms = features.iter().zip(named).map(|(value, (_, coefficient))| value * coefficient);
        1.0 / (1.0 + (-(bias + terms.sum::<f64>())).exp())
    };
    let mut same_work = of(WORK_BIAS, &WORK, &work_features(evidence));
    if evidence.is_contradicted() {
        same_work = same_work.min(CONTRADICTED);
    }
    if evidence.are_two_trials() {
        same_work = same_work.min(TWO_TRIALS);
    }
    let one_of_it = of(PUBLICATION_BIAS, &PUBLICATION, &publication_features(evidence));
    let mut same_publication = same_work * one_of_it;
    // What nothing but a word speaks against is asked about, never passed over.
    if evidence.differs_in_a_word() {
        same_work = same_work.max(LEAST_BUT_FOR_A_WORD);
        same_publication = same_publication.max(LEAST_BUT_FOR_A_WORD);
    }
    Probability { same_work, same_publication: same_publication.min(evidence.most_of_one_publication()) }
}

/// The least of two records that agree in everything but a word of their titles; below the cut, above where questions
/// begin. Before the other questions with one of them, which are of titles less alike.
const LEAST_BUT_FOR_A_WORD: f64 = 0.2;
/// Raised whenever the same pair may get other evidence than before.
const EVIDENCE_VERSION: u64 = 6;

/// A number that differs whenever a pair may be scored differently, so that scores of earlier rules are not used.
#[must_use]
pub fn rules() -> u64 {
    let numbers = WORK.iter().chain(&PUBLICATION).map(|(_, coefficient)| coefficient.to_bits());
    let numbers = numbers.chain([WORK_BIAS.to_bits(), PUBLICATION_BIAS.to_bits(), EVIDENCE_VERSION]);
    xxh3_64(&numbers.flat_map(u64::to_le_bytes).collect::<Vec<u8>>())
}

/// The features of a pair by name, for fitting: those of the work, then those of the publication.
#[must_use]
pub fn named_features(evidence: &Evidence) -> [Vec<(&'static str, f64)>; 2] {
    let named = |names: &[(&'static str, f64)], values: &[f64]| {
        names.iter().zip(values).map(|((name, _), value)| (*name, *value)).collect()
    };
    [named(&WORK, &work_features(evidence)), named(&PUBLICATION, &publication_features(evidence))]
}

fn yes(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// 0 up to the knot, then in a line to 1.
fn beyond(value: f32, knot: f32) -> f64 {
    f64::from(((value - knot) / (1.0 - knot)).clamp(0.0, 1.0))
}

/// In the order of [`WORK`].
fn work_features(evidence: &Evidence) -> [f64; WORK.len()] {
    let title = evidence.title;
    let of_title = |of: &dyn Fn(TitleEvidence) -> f64| title.map_or(0.0, of);
    let of_authors = |of: &dyn Fn(AuthorEvidence) -> f64| evidence.authors.map_or(0.0, of);
    let gap = |at_least: u16| evidence.year_gap.map_or(0.0, |gap| yes(gap >= at_least));
    let text = evidence.text;
    let of_text = |of: &dyn Fn(TextEvidence) -> f64| text.map_or(0.0, of);
    let of_cosine = |of: &dyn Fn(f32) -> f64| evidence.cosine.map_or(0.0, of);
    // Abstracts of one supplement stand on one page, each with its own title.
    let is_one_place =
        |is_same: bool| yes(is_same && title.is_none_or(|t| !t.is_unlike() || t.is_translated));
    let place = evidence.place;
    [
        yes(!evidence.shared_identifiers.is_empty()),
        yes(!evidence.conflicting_identifiers.is_empty()),
        yes(title.is_some()),
        of_title(&|t| yes(t.is_equal) * (t.n_words.min(8) as f64 / 8.0)),
        of_title(&|t| beyond(t.similarity, 0.3)),
        of_title(&|t| beyond(t.similarity, 0.6)),
        of_title(&|t| beyond(t.containment, 0.5)),
        of_title(&|t| beyond(t.containment, 0.8)),
        of_title(&|t| yes(t.is_generic && text.is_none())),
        of_title(&|t| yes(t.are_told_apart())),
        of_title(&|t| yes(t.numbers_added)),
        // Of titles that are otherwise alike: in others, all words are replaced, and their likeness says so.
        of_title(&|t| if t.similarity >= 0.5 { t.n_replaced.min(3) as f64 / 3.0 } else { 0.0 }),
        of_title(&|t| yes(t.notice_differs)),
        yes(evidence.authors.is_some()),
        of_authors(&|a| f64::from(a.jaccard)),
        of_authors(&|a| beyond(a.jaccard, 0.5)),
        of_authors(&|a| f64::from(a.overlap)),
        of_authors(&|a| yes(a.n_shared >= 2)),
        of_authors(&|a| a.n_shared.min(5) as f64 / 5.0),
        of_authors(&|a| yes(a.first_is_same)),
        gap(1),
        gap(2),
        gap(4),
        yes(evidence.venue.is_some_and(|venue| venue.agrees)),
        is_one_place(place.is_same_place),
        is_one_place(place.is_same_page && evidence.year_gap == Some(0)),
        yes(place.is_same_place && of_title(&|t| yes(t.is_translated)) > 0.0),
        yes(text.is_some()),
        of_text(&|t| beyond(t.jaccard, 0.1)),
        of_text(&|t| beyond(t.jaccard, 0.5)),
        of_text(&|t| beyond(t.containment, 0.2)),
        of_text(&|t| beyond(t.containment, 0.6)),
        of_text(&|t| beyond(t.word_jaccard, 0.15)),
        of_text(&|t| beyond(t.word_jaccard, 0.4)),
        of_text(&|t| t.numbers.map_or(0.0, |numbers| f64::from(1.0 - numbers))),
        of_cosine(&|c| beyond(c, 0.5)),
        of_cosine(&|c| beyond(c, 0.7)),
        of_cosine(&|c| beyond(c, 0.85)),
    ]
}

/// In the order of [`PUBLICATION`].
fn publication_features(evidence: &Evidence) -> [f64; PUBLICATION.len()] {
    let of_title = |of: &dyn Fn(TitleEvidence) -> f64| evidence.title.map_or(0.0, of);
    let of_authors = |of: &dyn Fn(AuthorEvidence) -> f64| evidence.authors.map_or(0.0, of);
    let of_text = |of: &dyn Fn(TextEvidence) -> f64| evidence.text.map_or(0.0, of);
    let place = evidence.place;
    // Of one volume, the year in print and the year online differ.
    let is_one_volume = place.volume.is_same() && place.journal.is_same();
    let is_dated_otherwise = !is_one_volume && !evidence.is_same_preprint;
    let gap = |at_least: u16| yes(is_dated_otherwise && evidence.year_gap.is_some_and(|gap| gap >= at_least));
    let has_same_numbers = place.has_same_numbers();
    let names_publication = |kinds: &[_]| yes(kinds.iter().any(super::evidence::names_publication));
    [
        names_publication(&evidence.shared_identifiers),
        names_publication(&evidence.conflicting_identifiers),
        yes(evidence.is_preprint_of_other),
        yes(evidence.kind_differs),
        yes(evidence.language_differs),
        yes(evidence.venue.is_some_and(|venue| venue.kind_differs) && !place.journal.is_same()),
        gap(1),
        gap(2),
        yes(place.journal.is_same()),
        yes(place.journal.is_other() && !has_same_numbers),
        yes(place.volume.is_same()),
        yes(place.volume.is_other()),
        yes(place.issue.is_same()),
        yes(place.issue.is_other()),
        yes(place.pages.is_same()),
        yes(place.pages.is_other()),
        yes(has_same_numbers),
        yes(place.is_same_page && evidence.year_gap == Some(0)),
        yes(place.n_conflicts() >= 2 && !has_same_numbers),
        of_title(&|t| yes(t.notice_differs)),
        of_title(&|t| yes(t.are_told_apart())),
        of_title(&|t| t.n_replaced.min(3) as f64 / 3.0),
        of_title(&|t| f64::from(1.0 - t.similarity)),
        of_authors(&|a| yes(!a.first_is_same)),
        of_authors(&|a| f64::from(1.0 - a.overlap)),
        // Columns recur under one title, by one author and others; a list that was cut short names its place.
        of_authors(&|a| yes(!has_same_numbers) * f64::from(1.0 - a.jaccard)),
        of_text(&|t| t.numbers.map_or(0.0, |numbers| f64::from(1.0 - numbers))),
        of_text(&|t| f64::from(1.0 - t.containment)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_point_the_way_that_their_names_say() {
        for (name, coefficient) in WORK.iter().chain(&PUBLICATION) {
            let is_right = if name.starts_with('+') { *coefficient >= 0.0 } else { *coefficient <= 0.0 };
            assert!(is_right, "{name} is {coefficient}");
        }
    }
}
