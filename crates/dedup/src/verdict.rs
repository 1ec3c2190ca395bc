//! From a probability to what is to be done about a pair, of which kind it is, and why.

use std::fmt;

use crate::evidence::{Evidence, NEAR_TITLE, TitleEvidence};
use crate::model::{self, Probability};
use crate::place::{Agreement, PlaceEvidence};
use crate::profile::Profile;
use crate::request::{Judging, Versions};

/// What is to be done about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Act on it: two records of the same paper.
    Duplicate,
    /// A person decides.
    Review,
    /// Nothing: two papers.
    Distinct,
}

impl Verdict {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Review => "review",
            Self::Distinct => "nothing",
        }
    }
}

/// How two records are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Two records of one publication: the same identifier, or the same title and authors.
    SameRecord,
    /// Two publications of one work: preprint and article, two years, two venues.
    Version,
    /// Nearly the same words.
    NearText,
    /// The same meaning in other words.
    Semantic,
}

impl Kind {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SameRecord => "same_record",
            Self::Version => "version",
            Self::NearText => "near_text",
            Self::Semantic => "semantic",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How two records belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same publication, recorded twice.
    Duplicate,
    /// The same work, published again: preprint and article, conference abstract and article, reprint,
    /// translation, edition.
    Version,
    /// Two works that belong together: parts of a series, a paper and its erratum, comment or reply.
    Related,
}

impl Relation {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Version => "version",
            Self::Related => "related",
        }
    }
}

/// What was found about two records.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgment {
    /// What is to be done.
    pub verdict: Verdict,
    /// That they are one paper, from 0 to 1: one publication, or one work where versions are the same.
    pub probability: f64,
    /// How they are alike.
    pub kind: Kind,
    /// How they belong together, if they do.
    pub relation: Option<Relation>,
    /// Everything that they were compared by.
    pub evidence: Evidence,
}

impl Judging {
    /// That two records are one paper, by these rules.
    #[must_use]
    pub fn probability(&self, of: Probability) -> f64 {
        match self.versions {
            Versions::Same => of.same_work,
            Versions::Distinct => of.same_publication,
        }
    }

    /// What is to be done about a pair.
    #[must_use]
    pub fn verdict(&self, of: Probability) -> Verdict {
        let probability = self.probability(of);
        if probability >= self.min_probability {
            Verdict::Duplicate
        } else if probability >= self.review_from() {
            Verdict::Review
        } else {
            Verdict::Distinct
        }
    }
}

impl Judgment {
    /// Judges two records by their evidence.
    #[must_use]
    pub fn new(evidence: Evidence, judging: &Judging) -> Self {
        let probability = model::probability(&evidence);
        Self {
            verdict: judging.verdict(probability),
            probability: judging.probability(probability),
            kind: kind(&evidence, probability),
            relation: relation(&evidence, probability),
            evidence,
        }
    }
}

/// From here on, two records are told as of one work.
const SAME_WORK: f64 = 0.5;

/// How two records belong together, if they do.
#[must_use]
pub fn relation(evidence: &Evidence, probability: Probability) -> Option<Relation> {
    let is_about_other = evidence
        .title
        .is_some_and(|t| t.notice_differs || t.are_told_apart() || t.is_next_part || t.are_notices);
    let is_alike = evidence.title.is_some_and(|t| t.similarity >= NEAR_TITLE || t.containment >= NEAR_TITLE);
    if probability.same_publication >= 0.5 * probability.same_work && probability.same_work >= SAME_WORK {
        Some(Relation::Duplicate)
    } else if is_about_other {
        is_alike.then_some(Relation::Related)
    } else {
        (probability.same_work >= SAME_WORK).then_some(Relation::Version)
    }
}

/// From here on, abstracts have so many words in common that they are one text, edited.
const NEAR_TEXT: f32 = 0.3;

/// How two records are alike.
#[must_use]
pub fn kind(evidence: &Evidence, probability: Probability) -> Kind {
    let title_is_equal = evidence.title.is_some_and(|title| title.is_equal);
    let near_title = evidence.title.is_some_and(|title| title.similarity >= NEAR_TITLE);
    let has_common_author = evidence.authors.is_none_or(|authors| authors.n_shared > 0);
    if probability.same_work >= SAME_WORK && probability.same_publication < 0.5 * probability.same_work {
        Kind::Version
    } else if !evidence.shared_identifiers.is_empty() || (title_is_equal && has_common_author) {
        Kind::SameRecord
    } else if evidence.text.map_or(near_title, |text| text.jaccard >= NEAR_TEXT) {
        Kind::NearText
    } else {
        Kind::Semantic
    }
}

/// What speaks for a pair, then what speaks against it, in words.
#[must_use]
pub fn reason(evidence: &Evidence, (a, b): (&Profile, &Profile)) -> String {
    let mut reasons = Vec::new();
    for kind in &evidence.shared_identifiers {
        let value = a.identifiers.get(kind).map_or("", String::as_str);
        reasons.push(format!("the same {} {value}", kind.name()));
    }
    if let Some(title) = evidence.title {
        reasons.push(title_reason(&title));
    }
    if let Some(authors) = evidence.authors {
        let n = authors.n_shared;
        reasons.push(match n {
            0 => "no author in common".to_owned(),
            _ if authors.jaccard >= 0.999 => "the same authors".to_owned(),
            1 => "1 author in common".to_owned(),
            _ => format!("{n} authors in common"),
        });
    }
    if let Some(text) = evidence.text {
        reasons.push(format!("{:.0} % of the words of both abstracts in common", 100.0 * text.word_jaccard));
    }
    if let Some(cosine) = evidence.cosine {
        reasons.push(format!("cosine {cosine:.3}"));
    }
    if let Some(gap) = evidence.year_gap {
        reasons.push(match gap {
            0 => "the same year".to_owned(),
            1 => "1 year apart".to_owned(),
            gap => format!("{gap} years apart"),
        });
    }
    reasons.extend(place_reason(&evidence.place));
    match evidence.isbns {
        Agreement::Same => reasons.push("the same ISBN".to_owned()),
        Agreement::Other => reasons.push("but other ISBNs".to_owned()),
        Agreement::Unknown => {}
    }
    if evidence.is_preprint_of_other {
        reasons.push("one is a preprint".to_owned());
    } else if evidence.venue.is_some_and(|venue| venue.kind_differs) {
        reasons.push("two sorts of venue".to_owned());
    }
    for kind in &evidence.conflicting_identifiers {
        let value = |of: &Profile| of.identifiers.get(kind).cloned().unwrap_or_default();
        reasons.push(format!("but two {}s, {} and {}", kind.name(), value(a), value(b)));
    }
    if reasons.is_empty() {
        return "nothing to compare".to_owned();
    }
    reasons.join("; ")
}

/// Where both were published, as far as they say the same or contradict each other.
fn place_reason(place: &PlaceEvidence) -> Option<String> {
    let named =
        [("journal", place.journal), ("volume", place.volume), ("issue", place.issue), ("page", place.pages)];
    let list = |wanted: Agreement| -> Vec<&str> {
        named.iter().filter(|(_, found)| *found == wanted).map(|(name, _)| *name).collect()
    };
    let (same, other) = (list(Agreement::Same), list(Agreement::Other));
    let said =
        |words: &str, names: &[&str]| (!names.is_empty()).then(|| format!("{words} {}", names.join(", ")));
    let parts: Vec<String> =
        [said("the same", &same), said("another", &other)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", but "))
}

fn title_reason(title: &TitleEvidence) -> String {
    if let Some(telling) = title.told_apart_by {
        return format!("titles alike, but with {}", telling.in_words());
    }
    let likeness = if title.is_equal {
        "the same title".to_owned()
    } else if title.containment >= 0.999 {
        "one title is part of the other".to_owned()
    } else {
        format!("titles {:.0} % alike", 100.0 * title.similarity)
    };
    let against = if title.notice_differs {
        ", but one is a notice about the other"
    } else if title.is_generic {
        ", but one that many papers have"
    } else if title.is_next_part {
        ", but for the number of a part"
    } else if title.numbers_differ {
        ", but with other numbers"
    } else if title.n_replaced > 0 {
        ", but with other words"
    } else {
        ""
    };
    likeness + against
}

#[cfg(test)]
mod tests {
    use cognate_corpus::{Paper, PaperId};

    use super::*;

    fn titled(title: &str) -> Paper {
        let authors = vec!["Ada Eno".to_owned(), "Bo Li".to_owned()];
        let venue = Some("Journal of Tides".to_owned());
        Paper { authors, venue, year: Some(2001), ..alone(title) }
    }

    fn alone(title: &str) -> Paper {
        Paper { title: Some(title.to_owned()), ..Paper::new(PaperId::new("x").unwrap()) }
    }

    fn judged(a: &Paper, b: &Paper) -> (Verdict, String) {
        let (a, b) = (Profile::new(a), Profile::new(b));
        let judgment = Judgment::new(Evidence::new(&a, &b, None), &Judging::default());
        (judgment.verdict, reason(&judgment.evidence, (&a, &b)))
    }

    #[test]
    fn titles_that_differ_in_little_are_never_duplicates_and_the_reason_says_why() {
        let check = |a: &str, b: &str, reason: &str| {
            let (verdict, said) = judged(&titled(a), &titled(b));
            assert_ne!(verdict, Verdict::Duplicate, "{a} / {b}: {said}");
            assert!(said.contains(reason) && !said.contains("the same title"), "{a} / {b}: {said}");
        };
        check(
            "Relapse of HER2+ tumours after surgery",
            "Relapse of HER2- tumours after surgery",
            "other signs",
        );
        check("Falls in people aged < 65 years", "Falls in people aged ≥ 65 years", "other signs");
        check("C programming for the impatient", "C++ programming for the impatient", "other signs");
        check("CD4+ cells in sepsis", "CD4- cells in sepsis", "other signs");
        check("Vitamin D and fractures of the hip", "Vitamin E and fractures of the hip", "other letters");
        check("Hepatitis B vaccination in nurses", "Hepatitis C vaccination in nurses", "other letters");
        check("Fractures of the hip in men", "Fractures of the hip in women", "opposite words");
        check("Closure of the colon with a drain", "Closure of the colon without a drain", "opposite words");
        check("Diabetes type I in schools", "Diabetes type II in schools", "other numbers");
        for (a, b) in [
            ("CD4+ cells in sepsis", "CD4(+) cells in sepsis"),
            ("Falls in people aged >= 65 years", "Falls in people aged ≥65 years"),
        ] {
            assert_eq!(judged(&titled(a), &titled(b)).0, Verdict::Duplicate, "{a} / {b}");
        }
    }

    #[test]
    fn what_agrees_in_all_but_a_word_is_asked_about() {
        let trial = |title: &str| Paper { venue: None, ..titled(title) };
        let in_adults =
            trial("Open label trial of eculizumab in adult patients with plasma resistant disease");
        let others = trial("Open label trial of eculizumab in adult patients with plasma sensitive disease");
        let ask = |a: &Paper, b: &Paper| judged(a, b).0;
        assert_eq!(ask(&in_adults, &others), Verdict::Review);
        let later = Paper { year: Some(2004), ..others.clone() };
        assert_eq!(ask(&in_adults, &later), Verdict::Distinct, "of another year too");
        let by_others = Paper { authors: vec!["Ken Ash".to_owned()], ..others.clone() };
        assert_eq!(ask(&in_adults, &by_others), Verdict::Distinct, "by others too");
    }

    #[test]
    fn texts_that_differ_in_the_letter_of_their_titles_are_of_two_papers() {
        let drug = |letter: &str| {
            let text = format!(
                "We gave drug {letter} to forty people who slept badly, and a placebo to forty others. Those who had \
                 drug {letter} slept an hour longer each night, and none of them fell ill."
            );
            Paper { abstract_text: Some(text), ..titled(&format!("Effect of drug {letter} on sleep")) }
        };
        assert_ne!(judged(&drug("A"), &drug("B")).0, Verdict::Duplicate);
        assert_eq!(judged(&drug("A"), &drug("A")).0, Verdict::Duplicate);
    }

    #[test]
    fn a_title_that_many_papers_have_needs_more() {
        for title in ["Depression", "Index", "Author index"] {
            assert_ne!(judged(&alone(title), &alone(title)).0, Verdict::Duplicate, "{title}");
        }
        let long = "Tides and the harbours that they fill";
        assert_eq!(judged(&alone(long), &alone(long)).0, Verdict::Duplicate);
        let index = |issue: &str, pages: &str| Paper {
            volume: Some("409".to_owned()),
            issue: Some(issue.to_owned()),
            pages: Some(pages.to_owned()),
            authors: Vec::new(),
            ..titled("Author index")
        };
        assert_ne!(judged(&index("1", "1"), &index("2", "99")).0, Verdict::Duplicate);
        let chapter =
            |isbn: &str| Paper { isbn: vec![isbn.to_owned()], ..titled("Index of all plants by name") };
        let (verdict, said) = judged(&chapter("9783161484100"), &chapter("9780306406157"));
        assert!(verdict != Verdict::Duplicate && said.contains("but other ISBNs"), "{said}");
        assert_eq!(judged(&chapter("9780306406157"), &chapter("0306406152")).0, Verdict::Duplicate);
    }
}
