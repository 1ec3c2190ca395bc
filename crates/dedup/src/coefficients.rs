//! The coefficients of the model, as `scripts/fit-dedup` wrote them: change them there.

/// The log-odds of two records that have nothing to compare.
pub(crate) const BIAS: f64 = -4.0;

/// In the order of the features. "+" speaks for a duplicate, "-" against one; "-title_known" and the like are the
/// price of having something to compare, which likeness pays back.
pub(crate) const COEFFICIENTS: [(&str, f64); 33] = [
    ("+shared_identifier", 6.5),
    ("-conflicting_identifier", -4.0),
    ("-title_known", -0.806),
    ("+title_equal_and_long", 1.862),
    ("+title_similarity_30", 0.0),
    ("+title_similarity_60", 4.095),
    ("+title_containment_50", 0.659),
    ("+title_containment_80", 1.055),
    ("-title_generic", -3.918),
    ("-title_numbers_differ", -6.992),
    ("-title_numbers_added", -0.765),
    ("-notice_differs", -5.0),
    ("-authors_known", -1.516),
    ("+author_jaccard", 1.268),
    ("+author_jaccard_50", 1.22),
    ("+authors_equal", 0.0),
    ("+authors_shared_2", 0.427),
    ("+authors_shared_5", 2.452),
    ("-year_gap_1", -0.5),
    ("-year_gap_2", -0.5),
    ("-year_gap_4", -1.0),
    ("+venue_agrees", 1.058),
    ("-text_known", -1.297),
    ("+text_jaccard_10", 0.0),
    ("+text_jaccard_50", 0.0),
    ("+text_containment_20", 3.27),
    ("+text_containment_60", 1.771),
    ("+word_jaccard_15", 0.0),
    ("+word_jaccard_40", 3.125),
    ("-text_numbers_differ", -0.44),
    ("+cosine_50", 0.234),
    ("+cosine_70", 3.181),
    ("+cosine_85", 0.734),
];
