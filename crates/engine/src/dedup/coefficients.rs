//! The coefficients of the model, as `scripts/fit-dedup` wrote them: change them there.

/// The log-odds of two records that have nothing to compare.
pub(super) const BIAS: f64 = -4.0;

/// In the order of the features. "+" speaks for a duplicate, "-" against one; "-title_known" and the like are the
/// price of having something to compare, which likeness pays back.
pub(super) const COEFFICIENTS: [(&str, f64); 33] = [
    ("+shared_identifier", 6.5),
    ("-conflicting_identifier", -4.0),
    ("-title_known", -0.775),
    ("+title_equal_and_long", 2.388),
    ("+title_similarity_30", 1.204),
    ("+title_similarity_60", 2.36),
    ("+title_containment_50", 1.561),
    ("+title_containment_80", 0.18),
    ("-title_generic", -3.624),
    ("-title_numbers_differ", -6.453),
    ("-title_numbers_added", -0.282),
    ("-notice_differs", -5.0),
    ("-authors_known", -1.364),
    ("+author_jaccard", 1.239),
    ("+author_jaccard_50", 1.368),
    ("+authors_equal", 0.0),
    ("+authors_shared_2", 0.357),
    ("+authors_shared_5", 2.276),
    ("-year_gap_1", -0.5),
    ("-year_gap_2", -0.5),
    ("-year_gap_4", -1.0),
    ("+venue_agrees", 0.775),
    ("-text_known", -0.855),
    ("+text_jaccard_10", 1.203),
    ("+text_jaccard_50", 0.653),
    ("+text_containment_20", 1.209),
    ("+text_containment_60", 4.217),
    ("+word_jaccard_15", 0.0),
    ("+word_jaccard_40", 6.862),
    ("-text_numbers_differ", -0.368),
    ("+cosine_50", 0.0),
    ("+cosine_70", 3.118),
    ("+cosine_85", 1.149),
];
