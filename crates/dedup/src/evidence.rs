//! What speaks for and against two records being of the same paper.
//!
//! A field that one of them lacks is no evidence, neither for nor against.

use std::collections::BTreeSet;

use cognate_corpus::IdentifierKind;

use crate::profile::{Profile, Text, n_common};

/// Everything that two records were compared by.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Kinds of identifier that both have, the same.
    pub shared_identifiers: Vec<IdentifierKind>,
    /// Kinds of identifier that both have, but not the same.
    pub conflicting_identifiers: Vec<IdentifierKind>,
    /// Of the titles; `None` unless both have one.
    pub title: Option<TitleEvidence>,
    /// Of the authors; `None` unless both name some.
    pub authors: Option<AuthorEvidence>,
    /// Years between them; `None` unless both are dated.
    pub year_gap: Option<u16>,
    /// Of the venues; `None` unless both name one.
    pub venue: Option<VenueEvidence>,
    /// Of the abstracts; `None` unless both have one of 15 words or more.
    pub text: Option<TextEvidence>,
    /// Cosine of their vectors, in `[-1, 1]`; `None` unless both have such an abstract, since a title alone and a
    /// title with an abstract are not alike, whatever they tell.
    pub cosine: Option<f32>,
    /// One is a preprint, and the other is published or says nothing of an archive.
    pub is_preprint_of_other: bool,
}

/// Of two titles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TitleEvidence {
    /// They are the same but for case, accents, punctuation, spaces and markup.
    pub is_equal: bool,
    /// Dice coefficient of their runs of three letters, from 0 to 1.
    pub similarity: f32,
    /// Part of the shorter title that the other has, by words, from 0 to 1.
    pub containment: f32,
    /// Words of the shorter title.
    pub n_words: usize,
    /// Both are of those that many papers have, such as "Editorial".
    pub is_generic: bool,
    /// They are alike, but each has a number that the other has not, as "Part I" and "Part II".
    pub numbers_differ: bool,
    /// They are alike, but only one has numbers.
    pub numbers_added: bool,
    /// They are the same but for a part's number at the end of one, as "X" and "X II".
    pub is_next_part: bool,
    /// One is a correction, comment, reply or retraction and the other is not, or is another such.
    pub notice_differs: bool,
    /// Both are the same such: two comments on one paper have its title.
    pub are_notices: bool,
}

/// Of two lists of authors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuthorEvidence {
    /// Authors that both name.
    pub n_shared: usize,
    /// Part of the shorter list that the other has, from 0 to 1.
    pub overlap: f32,
    /// Part of all authors that both have, from 0 to 1.
    pub jaccard: f32,
}

/// Of two venues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VenueEvidence {
    /// The names have a telling word in common, in full, in short or as initials.
    pub agrees: bool,
    /// One is a journal and the other a meeting, or one a server of preprints.
    pub kind_differs: bool,
}

/// Of two abstracts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextEvidence {
    /// Jaccard coefficient of their pairs of words, from 0 to 1.
    pub jaccard: f32,
    /// Part of the shorter abstract's pairs of words that the other has, from 0 to 1.
    pub containment: f32,
    /// Jaccard coefficient of their words, from 0 to 1.
    pub word_jaccard: f32,
    /// Jaccard coefficient of their numbers; `None` unless both have some.
    pub numbers: Option<f32>,
}

impl Evidence {
    /// Compares two records. `cosine` is that of their vectors, where both have one.
    #[must_use]
    pub fn new(a: &Profile, b: &Profile, cosine: Option<f32>) -> Self {
        let common =
            a.identifiers.iter().filter_map(|(kind, value)| Some((*kind, value, b.identifiers.get(kind)?)));
        let (mut shared_identifiers, mut conflicting_identifiers) = (Vec::new(), Vec::new());
        let mut has_preprint_doi = false;
        for (kind, ours, theirs) in common {
            if ours == theirs {
                shared_identifiers.push(kind);
            } else if kind == IdentifierKind::Doi && is_preprint_doi(ours) != is_preprint_doi(theirs) {
                has_preprint_doi = true;
            } else {
                conflicting_identifiers.push(kind);
            }
        }
        let text = a.text.as_ref().zip(b.text.as_ref()).map(|(a, b)| text_evidence(a, b));
        let (a_is_preprint, b_is_preprint) = (a.is_preprint(), b.is_preprint());
        Self {
            shared_identifiers,
            conflicting_identifiers,
            title: title_evidence(a, b),
            authors: author_evidence(a, b),
            year_gap: a.year.zip(b.year).map(|(a, b)| a.abs_diff(b)),
            venue: venue_evidence(a, b),
            cosine: cosine.filter(|_| text.is_some()),
            text,
            is_preprint_of_other: has_preprint_doi || a_is_preprint != b_is_preprint,
        }
    }

    /// Whether something says that these are two papers, however alike: two identifiers of one kind and two titles,
    /// another part of a series, a notice about the other, or nobody who wrote both. An identifier in common outweighs
    /// it, but for two cases: comments by others on one paper often all go by its DOI; and where identifiers of another
    /// kind differ, as two arXiv ids, and the titles are not even alike, the one in common may be wrong.
    pub(crate) fn is_contradicted(&self) -> bool {
        let of_title = |of: &dyn Fn(TitleEvidence) -> bool| self.title.is_some_and(of);
        let by_title = of_title(&|t| t.notice_differs || t.numbers_differ || t.is_next_part);
        let by_authors = self.authors.is_some_and(|authors| authors.n_shared == 0);
        let has_conflict = !self.conflicting_identifiers.is_empty();
        if self.shared_identifiers.is_empty() {
            by_title || by_authors || (has_conflict && of_title(&|t| !t.is_equal))
        } else {
            (by_authors && of_title(&|t| t.are_notices))
                || (has_conflict && of_title(&|t| t.similarity < NEAR_TITLE))
        }
    }
}

/// From this similarity on, titles are nearly the same.
pub(crate) const NEAR_TITLE: f32 = 0.8;
/// From this similarity on, titles are compared by their numbers.
const ALIKE: f32 = 0.5;

fn title_evidence(a: &Profile, b: &Profile) -> Option<TitleEvidence> {
    let (a, b) = a.title.as_ref().zip(b.title.as_ref())?;
    let likeness = a.likeness(b);
    // Titles that differ anyway are of one work or two whatever their numbers: "Nine days of warning from sewage"
    // and "SARS-CoV-2 in wastewater".
    let is_alike = likeness.similarity >= ALIKE;
    Some(TitleEvidence {
        is_equal: a.is_equal(b),
        similarity: likeness.similarity,
        containment: likeness.containment,
        n_words: a.words.len().min(b.words.len()),
        is_generic: a.is_generic() && b.is_generic(),
        numbers_differ: is_alike && a.has_other_numbers(b),
        numbers_added: is_alike && a.has_more_numbers(b),
        is_next_part: a.is_part_of_series(b) || b.is_part_of_series(a),
        notice_differs: a.notice != b.notice,
        are_notices: a.notice.is_some() && a.notice == b.notice,
    })
}

fn author_evidence(a: &Profile, b: &Profile) -> Option<AuthorEvidence> {
    if a.authors.is_empty() || b.authors.is_empty() {
        return None;
    }
    // Each name is used once. From the shorter list, so that the order of the two changes nothing.
    let (short, long) =
        if (a.authors.len(), &a.authors) <= (b.authors.len(), &b.authors) { (a, b) } else { (b, a) };
    let mut used = BTreeSet::new();
    for name in &short.authors {
        let found = long
            .authors
            .iter()
            .enumerate()
            .find(|(place, other)| !used.contains(place) && name.matches(other));
        used.extend(found.map(|(place, _)| place));
    }
    let (n_shared, n_short, n_long) = (used.len(), short.authors.len(), long.authors.len());
    Some(AuthorEvidence {
        n_shared,
        overlap: n_shared as f32 / n_short as f32,
        jaccard: n_shared as f32 / (n_short + n_long - n_shared) as f32,
    })
}

fn venue_evidence(a: &Profile, b: &Profile) -> Option<VenueEvidence> {
    let (a, b) = a.venue.as_ref().zip(b.venue.as_ref())?;
    let kind_differs = a.kind.zip(b.kind).is_some_and(|(a, b)| a != b);
    Some(VenueEvidence { agrees: a.agrees(b), kind_differs })
}

fn text_evidence(a: &Text, b: &Text) -> TextEvidence {
    let jaccard = |a: &[u32], b: &[u32]| {
        let n = n_common(a, b);
        n as f32 / (a.len() + b.len() - n).max(1) as f32
    };
    let n_shingles = a.shingles.len().min(b.shingles.len());
    let has_numbers = !a.numbers.is_empty() && !b.numbers.is_empty();
    TextEvidence {
        jaccard: jaccard(&a.shingles, &b.shingles),
        containment: n_common(&a.shingles, &b.shingles) as f32 / n_shingles.max(1) as f32,
        word_jaccard: jaccard(&a.words, &b.words),
        numbers: has_numbers.then(|| jaccard(&a.numbers, &b.numbers)),
    }
}

/// Whether a DOI has the prefix of a server of preprints.
pub(crate) fn is_preprint_doi(doi: &str) -> bool {
    // arXiv; bioRxiv and medRxiv; SSRN; Research Square; Preprints.org; ChemRxiv; OSF; TechRxiv.
    const PREFIXES: [&str; 8] = [
        "10.48550/",
        "10.1101/",
        "10.2139/ssrn",
        "10.21203/rs",
        "10.20944/preprints",
        "10.26434/chemrxiv",
        "10.31219/",
        "10.36227/techrxiv",
    ];
    PREFIXES.iter().any(|prefix| doi.starts_with(prefix))
}
