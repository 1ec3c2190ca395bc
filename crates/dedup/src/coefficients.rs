//! The coefficients of both models. `scripts/fit-dedup` fits and writes those of the second, of the same publication.
//!
//! Those of the first, of the same work, were fitted before there were two models, on DBLP-ACM, cross-source pairs and
//! arXiv papers; those of identifiers, places, years, notices and replaced words were set by hand since, and
//! "+title_containment_80" was raised by hand, all with the reviews in view. The features of the reviews' pairs had no
//! cosines when the second was fitted.
//!
//! "+" speaks for one paper, "-" against it; "-title_known" and the like are the price of having something to compare,
//! which likeness pays back.

/// The log-odds that two records are of one work which have nothing to compare.
pub(crate) const WORK_BIAS: f64 = -4.0;

/// That both are of one work, in the order of its features.
pub(crate) const WORK: [(&str, f64); 38] = [
    ("+shared_identifier", 6.5),
    ("-conflicting_identifier", -4.0),
    ("-title_known", -0.806),
    ("+title_equal_and_long", 1.862),
    ("+title_similarity_30", 0.0),
    ("+title_similarity_60", 4.095),
    ("+title_containment_50", 0.659),
    ("+title_containment_80", 1.855),
    ("-title_generic", -3.918),
    ("-title_numbers_differ", -6.992),
    ("-title_numbers_added", -0.765),
    ("-title_words_replaced", -2.0),
    ("-notice_differs", -5.0),
    ("-authors_known", -1.516),
    ("+author_jaccard", 1.268),
    ("+author_jaccard_50", 1.22),
    ("+author_overlap", 0.0),
    ("+authors_shared_2", 0.427),
    ("+authors_shared_5", 2.452),
    ("+first_author_same", 0.0),
    ("-year_gap_1", -0.2),
    ("-year_gap_2", -0.3),
    ("-year_gap_4", -0.5),
    ("+venue_agrees", 1.058),
    ("+same_place", 4.0),
    ("+same_page_of_year", 1.5),
    ("+same_place_translated", 3.0),
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

/// The log-odds that two records of one work are of one publication which say nothing of where they were published.
pub(crate) const PUBLICATION_BIAS: f64 = 4.453;

/// That both are of one publication, if of one work, in the order of its features.
pub(crate) const PUBLICATION: [(&str, f64); 28] = [
    ("+shared_identifier", 2.0),
    ("-conflicting_identifier", -3.0),
    ("-preprint", -4.0),
    ("-kind_differs", -4.0),
    ("-language_differs", -3.0),
    ("-venue_kind_differs", -2.0),
    ("-year_gap_1", -3.328),
    ("-year_gap_2", -3.0),
    ("+journal_same", 0.0),
    ("-journal_other", -3.54),
    ("+volume_same", 0.0),
    ("-volume_other", -0.751),
    ("+issue_same", 0.0),
    ("-issue_other", -0.606),
    ("+pages_same", 0.339),
    ("-pages_other", -1.231),
    ("+same_numbers", 0.175),
    ("+same_page_of_year", 0.324),
    ("-two_conflicts", -1.136),
    ("-notice_differs", -4.0),
    ("-title_numbers_differ", -3.0),
    ("-title_words_replaced", -1.262),
    ("-title_unlike", -1.339),
    ("-first_author_differs", -0.583),
    ("-authors_missing", -0.067),
    ("-authors_differ", -2.668),
    ("-text_numbers_differ", -0.703),
    ("-text_unlike", -0.934),
];
