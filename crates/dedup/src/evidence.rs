//! What speaks for and against two records being of the same paper.
//!
//! A field that one of them lacks is no evidence, neither for nor against.

use cognate_corpus::{IdentifierKind, PublicationKind};

use crate::codes::CodeEvidence;
use crate::notice::About;
use crate::people::AuthorEvidence;
use crate::place::{Agreement, PlaceEvidence};
use crate::profile::{Profile, Text, hash, n_common};
use crate::telling::Telling;
use crate::wording::Wording;

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
    /// Both are dated to the day, and not to the same.
    pub is_of_other_day: bool,
    /// They are versions of one preprint, neither published: their years tell nothing.
    pub is_same_preprint: bool,
    /// Of the venues; `None` unless both name one.
    pub venue: Option<VenueEvidence>,
    /// Of journal, volume, issue and pages.
    pub place: PlaceEvidence,
    /// Of the ISBNs: those that share none contradict each other.
    pub isbns: Agreement,
    /// Of the abstracts; `None` unless both have one of 15 words or more.
    pub text: Option<TextEvidence>,
    /// Cosine of their vectors, in `[-1, 1]`; `None` unless both have such an abstract, since a title alone and a
    /// title with an abstract are not alike, whatever they tell.
    pub cosine: Option<f32>,
    /// They are of two sorts that no source takes for one another, as a thesis and an article.
    pub kind_differs: bool,
    /// One is a paper at a meeting and the other an article, or one a report.
    pub sort_differs: bool,
    /// Of the numbers of trials, patents and reports.
    pub codes: CodeEvidence,
    /// One is in English and the other is not.
    pub language_differs: bool,
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
    /// Words that each has and the other has in no spelling, the lower number.
    pub n_replaced: usize,
    /// One of them is a translation, or says in which language the paper is.
    pub is_translated: bool,
    /// Words of the shorter title.
    pub n_words: usize,
    /// Both are of those that many papers have, such as "Editorial".
    pub is_generic: bool,
    /// Both are of those that come again each year, such as "Annual report".
    pub is_serial: bool,
    /// They are alike, but each has a number that the other has not, as "Part I" and "Part II".
    pub numbers_differ: bool,
    /// They are alike, but for signs, letters or words of opposite meaning.
    pub told_apart_by: Option<Telling>,
    /// They are alike, but only one has numbers.
    pub numbers_added: bool,
    /// How their words differ, in whatever spelling.
    pub wording: Wording,
    /// They are the same but for a part's number at the end of one, as "X" and "X II".
    pub is_next_part: bool,
    /// One is a correction, comment, reply or retraction and the other is not, or is another such.
    pub notice_differs: bool,
    /// Both are the same such: two comments on one paper have its title.
    pub are_notices: bool,
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
    /// A word that only one of the titles has is in that one's abstract alone.
    pub differs_as_titles: bool,
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
        let text = text_evidence(a, b);
        let language_differs = a.is_english.zip(b.is_english).is_some_and(|(a, b)| a != b);
        let kind_differs = a.kind.and_then(sort).zip(b.kind.and_then(sort)).is_some_and(|(a, b)| a != b);
        let place = a.place.compare(&b.place);
        let is_on_one_page = place.is_same_place || (place.is_same_page && !place.volume.is_other());
        // Two titles of one erratum have other words around that of the paper.
        let about = a
            .title
            .as_ref()
            .zip(b.title.as_ref())
            .filter(|(a, b)| a.notice.is_none() || a.notice != b.notice);
        let about = about.and_then(|(a, b)| a.about(b));
        let is_about_other = match about {
            Some(About::Other(_)) => true,
            Some(About::Section) => !is_on_one_page,
            None => false,
        };
        let (a_is_preprint, b_is_preprint) = (a.is_preprint(), b.is_preprint());
        let is_same_preprint =
            a_is_preprint && b_is_preprint && shared_identifiers.contains(&IdentifierKind::Arxiv);
        Self {
            is_of_other_day: a.date.zip(b.date).is_some_and(|(a, b)| a != b),
            is_same_preprint,
            shared_identifiers,
            conflicting_identifiers,
            title: title_evidence(a, b).map(|title| TitleEvidence {
                notice_differs: title.notice_differs || is_about_other || a.is_erratum() != b.is_erratum(),
                is_translated: title.is_translated || language_differs,
                ..title
            }),
            authors: a.authors.compare(&b.authors),
            kind_differs,
            sort_differs: sorts_differ(a.kind, b.kind),
            codes: a.codes.compare(&b.codes),
            language_differs,
            year_gap: a.year.zip(b.year).map(|(a, b)| a.abs_diff(b)),
            venue: venue_evidence(a, b),
            place,
            isbns: compare_isbns(&a.isbns, &b.isbns),
            cosine: cosine.filter(|_| text.is_some()),
            text,
            is_preprint_of_other: has_preprint_doi || a_is_preprint != b_is_preprint,
        }
    }

    /// Whether a title that many papers have, or may have, is all that says anything.
    fn has_title_alone(&self) -> bool {
        /// Titles of so many words or fewer are the names of subjects ("Depression in old age").
        const SHORT: usize = 4;
        let place = self.place;
        let is_vague = self.title.is_some_and(|title| title.is_generic || title.n_words <= SHORT);
        is_vague
            && self.authors.is_none()
            && self.text.is_none()
            && !self.isbns.is_same()
            && !(place.is_same_place || place.is_same_page)
    }

    /// Whether both stand on one page.
    fn is_on_one_page(&self) -> bool {
        self.place.is_same_place || (self.place.is_same_page && !self.place.volume.is_other())
    }

    /// Whether they have other numbers in a registry of trials, and nothing says that they are one.
    pub(crate) fn are_two_trials(&self) -> bool {
        self.codes.trials.is_other() && !self.shared_identifiers.iter().any(names_publication)
    }

    /// Whether the titles have the same words, or something says that they are of one paper although they have not: one
    /// page, nearly the same abstract, an identifier. What a title has in front of the other may be that
    /// of a notice under the identifier of the paper; and on a page of a supplement are several abstracts.
    fn is_worded_as_one(&self) -> bool {
        /// From this part of word pairs in common on, abstracts are nearly the same.
        const SAME_TEXT: f32 = 0.7;
        let Some(title) = self.title.filter(|title| !title.is_translated) else { return true };
        let has_identifier = !self.shared_identifiers.is_empty();
        let has_text =
            |least: f32| self.text.is_some_and(|text| text.containment >= least && !text.differs_as_titles);
        match title.wording {
            Wording::Same => true,
            Wording::Behind | Wording::Within => {
                self.is_on_one_page() || has_text(SAME_TEXT) || has_identifier || self.isbns.is_same()
            }
            Wording::Before => self.is_on_one_page() || has_text(SAME_TEXT) || self.is_same_preprint,
            Wording::Other => {
                (self.is_on_one_page() && !self.place.is_supplement)
                    || has_text(SAME_TEXT)
                    || (has_identifier && (self.authors.is_some() || self.text.is_some()))
            }
        }
    }

    /// Whether the title is one that many papers have, or that of a series, and one of them may be of another year or
    /// issue.
    fn has_serial_title(&self) -> bool {
        let place = self.place;
        self.title.is_some_and(|title| title.is_generic || title.is_serial)
            && self.text.is_none()
            && !self.isbns.is_same()
            && ((self.year_gap.is_none() && !self.is_on_one_page())
                || self.is_of_other_day
                || place.issue.is_other()
                || place.volume.is_other())
    }

    /// Whether the authors of one are a few of the other's, but not the first, as of a column of many authors: a list
    /// that was cut short has kept its first author. Neither a place nor a text says that they are the same.
    fn has_other_people(&self) -> bool {
        let is_part = |a: AuthorEvidence| a.overlap >= SAME_PEOPLE && a.jaccard < 0.5 && !a.first_is_same;
        self.authors.is_some_and(is_part) && self.text.is_none() && !self.is_on_one_page()
    }

    /// Whether something says that these are two papers, however alike: two identifiers of one kind and two titles,
    /// another part of a series, a notice about the other, or nobody who wrote both. An identifier in common outweighs
    /// it, but for these cases: comments by others on one paper often all go by its DOI; where identifiers of another
    /// kind differ, as two arXiv ids, and the titles are not even alike, the one in common may be wrong; and an
    /// identifier of a book or a supplement is that of everything in it, so that unlike titles are of two papers.
    pub(crate) fn is_contradicted(&self) -> bool {
        let of_title = |of: &dyn Fn(TitleEvidence) -> bool| self.title.is_some_and(of);
        let by_title = of_title(&|t| t.notice_differs || t.are_told_apart() || t.is_next_part);
        let by_authors = self.authors.is_some_and(|authors| authors.n_shared == 0);
        let has_conflict = !self.conflicting_identifiers.is_empty();
        if self.shared_identifiers.is_empty() {
            // Of one place and one title, other names are a consortium's and its members'.
            let is_one =
                self.place.is_same_place && of_title(&|t| t.is_equal && !t.is_generic && !t.are_notices);
            by_title
                || (by_authors && !is_one)
                || self.isbns.is_other()
                || self.has_title_alone()
                || self.has_serial_title()
                || self.has_other_people()
                || (self.text.is_none() && !self.is_worded_as_one())
                || (has_conflict && of_title(&|t| !t.is_equal))
        } else {
            let has_other_text = self.text.is_none_or(|text| text.containment < ALIKE);
            of_title(&|t| t.notice_differs || t.are_told_apart())
                || (self.text.is_none() && !self.is_worded_as_one())
                || (by_authors && of_title(&|t| t.are_notices))
                || (has_conflict && of_title(&|t| t.similarity < NEAR_TITLE))
                || (has_other_text && of_title(&|t| t.is_unlike() && !t.is_translated))
        }
    }
}

impl Evidence {
    /// The most that the probability of one publication can be, however alike the rest is, where something says that
    /// these are two: another place in one journal, another journal, one page on which two short papers begin. Below
    /// what a person is asked about where two things say so.
    #[must_use]
    pub fn most_of_one_publication(&self) -> f64 {
        const OF_OTHER_WORDS: f64 = 0.5;
        const PERHAPS: f64 = 0.4;
        const HARDLY: f64 = 0.15;
        // Titles of so many words are never those of two papers of one issue.
        const SURE_TITLE: usize = 12;
        let PlaceEvidence { journal, volume, issue, pages, .. } = self.place;
        // Titles change from a preprint to its article, but not from one record of a publication to another.
        let by_title = if self.is_worded_as_one() { 1.0 } else { OF_OTHER_WORDS };
        if self.shared_identifiers.iter().any(names_publication) {
            return by_title;
        }
        let of_title = |of: &dyn Fn(TitleEvidence) -> bool| self.title.is_some_and(of);
        let is_near = |t: TitleEvidence| {
            t.is_translated
                || t.similarity >= NEAR_TITLE
                || (t.containment >= NEAR_TITLE && t.n_replaced == 0)
        };
        let other_first = self.authors.is_some_and(|authors| !authors.first_is_same);
        let other_title = of_title(&|t| !t.is_equal);
        let has_same_numbers = self.place.has_same_numbers();
        let n_against = [
            volume.is_other() && !pages.is_same(),
            journal.is_other() && !has_same_numbers,
            pages.is_other() && (issue.is_other() || other_first || other_title),
            pages.is_other() && (volume.is_other() || journal.is_other()),
            pages.is_other() && issue.is_other() && other_title,
            // "Author index" is in every issue, on page 1 too.
            issue.is_other() && !pages.is_same() && self.authors.is_none() && self.text.is_none(),
            other_first && of_title(&|t| !is_near(t)),
            // Two cases of one hospital, under one title.
            pages.is_other()
                && !(volume.is_other()
                    || issue.is_other()
                    || journal.is_other()
                    || other_first
                    || other_title)
                && self.text.is_none()
                && !(issue.is_same() && of_title(&|t| t.n_words >= SURE_TITLE)),
            self.sort_differs && !self.place.is_same_place,
            self.codes.documents.is_other(),
            // Without titles and texts, a place is all that there is.
            self.title.is_none() && self.text.is_none(),
        ];
        match n_against.into_iter().filter(|is_against| *is_against).count() {
            0 => by_title,
            1 => PERHAPS,
            _ => HARDLY,
        }
    }
}

impl Evidence {
    /// Whether nothing but a word, a letter or a sign of their titles tells the two records apart, and there are no
    /// abstracts to tell: registrations of one trial, of which each names another arm.
    pub(crate) fn differs_in_a_word(&self) -> bool {
        let title = self.title.filter(|title| title.told_apart_by.is_some() && !title.notice_differs);
        // Without authors, the titles have to say more.
        let has_the_same = |title: TitleEvidence| match self.authors {
            Some(authors) => authors.jaccard >= SAME_PEOPLE,
            None => title.similarity >= NEAR_TITLE,
        };
        title.is_some_and(has_the_same) && self.text.is_none() && self.is_of_one_year_and_place()
    }

    fn is_of_one_year_and_place(&self) -> bool {
        let place = &self.place;
        self.year_gap == Some(0)
            && place.n_conflicts() == 0
            && !place.journal.is_other()
            && !self.kind_differs
            && self.conflicting_identifiers.is_empty()
    }
}

/// From this part in common on, two lists of authors are the same.
const SAME_PEOPLE: f32 = 0.999;

impl TitleEvidence {
    /// Whether they are alike, but for something by which two papers differ: numbers, signs, letters, opposites.
    pub(crate) fn are_told_apart(&self) -> bool {
        self.numbers_differ || self.told_apart_by.is_some()
    }

    /// Whether they have next to nothing in common.
    pub(crate) fn is_unlike(&self) -> bool {
        self.similarity < ALIKE && self.containment < ALIKE
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
    let numbers_differ = (is_alike && a.has_other_numbers(b)) || a.has_other_label(b);
    // Numbers say it all: "type I" and "type II" have other letters too.
    let told_apart_by = if is_alike && !numbers_differ { a.told_apart_by(b) } else { None };
    Some(TitleEvidence {
        is_equal: a.is_equal(b) && told_apart_by.is_none(),
        similarity: likeness.similarity,
        containment: likeness.containment,
        n_words: a.words.len().min(b.words.len()),
        is_generic: a.is_generic() && b.is_generic(),
        is_serial: a.is_serial() && b.is_serial(),
        n_replaced: a.n_replaced(b),
        is_translated: a.is_translated || b.is_translated,
        numbers_differ,
        told_apart_by,
        numbers_added: is_alike && a.has_more_numbers(b),
        wording: if is_alike || likeness.containment >= ALIKE { a.wording(b) } else { Wording::Same },
        is_next_part: a.is_part_of_series(b) || b.is_part_of_series(a),
        notice_differs: a.notice != b.notice,
        are_notices: a.notice.is_some() && a.notice == b.notice,
    })
}

/// Each is an ISBN of 13 digits.
fn compare_isbns(a: &[String], b: &[String]) -> Agreement {
    if a.is_empty() || b.is_empty() {
        Agreement::Unknown
    } else if a.iter().any(|isbn| b.contains(isbn)) {
        Agreement::Same
    } else {
        Agreement::Other
    }
}

fn venue_evidence(a: &Profile, b: &Profile) -> Option<VenueEvidence> {
    let (a, b) = a.venue.as_ref().zip(b.venue.as_ref())?;
    let kind_differs = a.kind.zip(b.kind).is_some_and(|(a, b)| a != b);
    Some(VenueEvidence { agrees: a.agrees(b), kind_differs })
}

fn text_evidence(a: &Profile, b: &Profile) -> Option<TextEvidence> {
    let (text_a, text_b) = a.text.as_ref().zip(b.text.as_ref())?;
    let has_own_word = |ours: &Profile, text: &Text, theirs: &Profile, other: &Text| {
        let titles =
            ours.title.as_ref().zip(theirs.title.as_ref()).filter(|(ours, theirs)| !ours.is_equal(theirs));
        let words = titles.map_or_else(Vec::new, |(ours, theirs)| ours.lacking_in(theirs));
        let has = |text: &Text, word: &str| text.words.binary_search(&hash(word.as_bytes())).is_ok();
        words.into_iter().any(|word| has(text, word) && !has(other, word))
    };
    let differs_as_titles = has_own_word(a, text_a, b, text_b) || has_own_word(b, text_b, a, text_a);
    Some(TextEvidence { differs_as_titles, ..compare_texts(text_a, text_b) })
}

fn compare_texts(a: &Text, b: &Text) -> TextEvidence {
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
        differs_as_titles: false,
    }
}

/// Whether an identifier of this kind names one publication; an arXiv id names all versions of a preprint.
pub(crate) fn names_publication(kind: &IdentifierKind) -> bool {
    *kind != IdentifierKind::Arxiv
}

/// The sort of a publication, of those that sources do not take for one another; what one calls an article is a review,
/// a letter or a conference paper to another. Preprints have evidence of their own.
fn sort(kind: PublicationKind) -> Option<u8> {
    match kind {
        PublicationKind::Article
        | PublicationKind::ConferencePaper
        | PublicationKind::Review
        | PublicationKind::Editorial
        | PublicationKind::Letter
        | PublicationKind::Erratum => Some(0),
        PublicationKind::Book => Some(1),
        PublicationKind::Chapter => Some(2),
        PublicationKind::Thesis => Some(3),
        PublicationKind::Dataset => Some(4),
        PublicationKind::Software => Some(5),
        PublicationKind::Preprint | PublicationKind::Report | PublicationKind::Other => None,
    }
}

/// Whether one is a paper at a meeting and the other an article, or one a report and the other either.
fn sorts_differ(a: Option<PublicationKind>, b: Option<PublicationKind>) -> bool {
    let of = |kind| match kind {
        PublicationKind::Article => Some(0),
        PublicationKind::ConferencePaper => Some(1),
        PublicationKind::Report => Some(2),
        _ => None,
    };
    a.and_then(of).zip(b.and_then(of)).is_some_and(|(a, b)| a != b)
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
