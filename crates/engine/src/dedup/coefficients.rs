//! The coefficients of the model, as `scripts/fit-dedup` wrote them: change them there.

/// The log-odds of two records that have nothing to compare.
pub(super) const BIAS: f64 = -4.0;

/// In the order of the features. "+" speaks for a duplicate, "-" against one; "-title_known" and the like are the
/// price of having something to compare, which likeness pays back.
pub(super) const COEFFICIENTS: [(&str, f64); 33] = [
    ("+shared_identifier", 6.5),
    ("-conflicting_identifier", -4.0),
    ("-title_known", -0.537),
    ("+title_equal_and_long", 2.411),
    ("+title_similarity_30", 0.464),
    ("+title_similarity_60", 2.895),
    ("+title_containment_50", 1.513),
    ("+title_containment_80", 0.299),
    ("-title_generic", -3.634),
    ("-title_numbers_differ", -6.93),
    ("-title_numbers_added", -0.467),
    ("-notice_differs", -5.0),
    ("-authors_known", -1.521),
    ("+author_jaccard", 1.194),
    ("+author_jaccard_50", 1.438),
    ("+authors_equal", 0.0),
    ("+authors_shared_2", 0.368),
    ("+authors_shared_5", 2.288),
    ("-year_gap_1", -0.5),
    ("-year_gap_2", -0.5),
    ("-year_gap_4", -1.0),
    ("+venue_agrees", 0.824),
    ("-text_known", -1.162),
    ("+text_jaccard_10", 2.221),
    ("+text_jaccard_50", 0.731),
    ("+text_containment_20", 1.852),
    ("+text_containment_60", 3.351),
    ("+word_jaccard_15", 0.0),
    ("+word_jaccard_40", 6.465),
    ("-text_numbers_differ", -0.492),
    ("+cosine_50", 0.673),
    ("+cosine_70", 3.108),
    ("+cosine_85", 0.548),
];
