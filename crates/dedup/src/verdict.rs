//! From a probability to what is to be done about a pair, of which kind it is, and why.

use std::fmt;

use crate::evidence::{Evidence, NEAR_TITLE, TitleEvidence};
use crate::model::{self, Probability};
use crate::place::{Agreement, PlaceEvidence};
use crate::profile::Profile;
use crate::request::{Judging, Versions};
use crate::wording::Wording;

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
    let is_notice = evidence.title.is_some_and(|t| t.notice_differs);
    if !is_notice
        && probability.same_publication >= 0.5 * probability.same_work
        && probability.same_work >= SAME_WORK
    {
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
    } else if evidence.sort_differs {
        reasons.push("two sorts of publication".to_owned());
    } else if evidence.venue.is_some_and(|venue| venue.kind_differs) {
        reasons.push("two sorts of venue".to_owned());
    }
    let codes =
        [(evidence.codes.trials, "trials or reviews"), (evidence.codes.documents, "patents or reports")];
    for (_, what) in codes.iter().filter(|(found, _)| *found == Agreement::Other) {
        reasons.push(format!("but other numbers of {what}"));
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
    } else if title.n_replaced > 0 || title.wording == Wording::Other {
        ", but with other words"
    } else if title.wording == Wording::Before {
        ", but with words in front"
    } else if title.wording == Wording::Within {
        ", but with words within"
    } else {
        ""
    };
    likeness + against
}

#[cfg(test)]
mod tests {
    use cognate_corpus::{IdentifierKind, Paper, PaperId, PublicationKind};

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

    fn relation_of(a: &Paper, b: &Paper) -> (Verdict, Option<Relation>) {
        let evidence = Evidence::new(&Profile::new(a), &Profile::new(b), None);
        let judgment = Judgment::new(evidence, &Judging::default());
        (judgment.verdict, judgment.relation)
    }

    fn with_doi(paper: Paper) -> Paper {
        let external_ids = [(IdentifierKind::Doi, "10.5555/tides".to_owned())].into();
        Paper { external_ids, ..paper }
    }

    fn at(volume: &str, pages: &str, paper: Paper) -> Paper {
        Paper { volume: Some(volume.to_owned()), pages: Some(pages.to_owned()), ..paper }
    }

    const WALLS: &str = "Harbour walls and the tides of winter";

    #[test]
    fn what_is_about_a_paper_is_related_to_it_even_under_its_doi() {
        let titles = [
            "Expression of concern: {}",
            "Authors' reply: {}",
            "Commentary: {}",
            "Re: {}",
            "{}: authors' response",
            "Berichtigung: {}",
            "{} (Correction)",
            "In response to \"{}\"",
            "{} – discussion",
            "Guest editorial: {}",
            "Video abstract: {}",
            "{}: executive summary",
        ];
        for title in titles.map(|title| title.replace("{}", WALLS)) {
            let (paper, notice) = (with_doi(titled(WALLS)), with_doi(titled(&title)));
            assert_eq!(relation_of(&paper, &notice), (Verdict::Review, Some(Relation::Related)), "{title}");
            let verdict = relation_of(&titled(WALLS), &titled(&title)).0;
            assert_ne!(verdict, Verdict::Duplicate, "{title}, without a DOI");
        }
        // On its page, "Editorial" is the name of the section.
        let editorial = titled(&format!("Editorial: {WALLS}"));
        assert_eq!(
            relation_of(&at("3", "1-2", titled(WALLS)), &at("3", "1", editorial)).0,
            Verdict::Duplicate
        );
        let retracted = titled(&format!("RETRACTED: {WALLS}"));
        assert_eq!(relation_of(&titled(WALLS), &retracted).0, Verdict::Duplicate);
    }

    #[test]
    fn words_more_or_other_words_need_a_page_an_abstract_or_an_identifier() {
        let text = |paper: Paper, also: &str| {
            let abstract_text = format!(
                "The walls of forty harbours were measured at every tide of one winter, and those that had moved by \
                 more than a hand were built anew in spring. None of the others moved in ten years. {also}"
            );
            Paper { abstract_text: Some(abstract_text), ..paper }
        };
        let longer = format!("{WALLS}: a survey of forty places");
        let within = "Harbour walls and the high tides of winter";
        let other = "Harbour walls and the storms of winter";
        for title in [&longer, within, other] {
            assert_eq!(judged(&titled(WALLS), &titled(title)).0, Verdict::Review, "{title}");
            let on_page = judged(&at("3", "11-19", titled(WALLS)), &at("3", "11", titled(title)));
            assert_eq!(on_page.0, Verdict::Duplicate, "{title}: {}", on_page.1);
            let with_text = judged(&text(titled(WALLS), ""), &text(titled(title), ""));
            assert_eq!(with_text.0, Verdict::Duplicate, "{title}: {}", with_text.1);
        }
        for title in [&longer, within, other] {
            assert_eq!(
                judged(&with_doi(titled(WALLS)), &with_doi(titled(title))).0,
                Verdict::Duplicate,
                "{title}"
            );
        }
        let about = format!("Pictures of {WALLS}");
        assert_eq!(judged(&with_doi(titled(WALLS)), &with_doi(titled(&about))).0, Verdict::Review);
        // A page of a supplement has several abstracts.
        let poster = |title: &str| at("3 Suppl 1", "S11", titled(title));
        assert_ne!(judged(&poster(WALLS), &poster(other)).0, Verdict::Duplicate);
        // Abstracts after one template differ in the word of their titles.
        let (a, b) = (text(titled(WALLS), "Tides move walls."), text(titled(other), "Storms move walls."));
        assert_ne!(judged(&a, &b).0, Verdict::Duplicate);
    }

    #[test]
    fn trials_and_patents_with_other_numbers_are_two() {
        let trial = |url: &str| Paper {
            url: Some(url.to_owned()),
            venue: Some("ClinicalTrials.gov".to_owned()),
            ..titled("A study of salt in healthy sailors")
        };
        let (a, b) = (trial("https://clinicaltrials.gov/show/NCT01234567"), trial("NCT07654321"));
        assert_eq!(judged(&a, &a).0, Verdict::Duplicate);
        let (verdict, said) = judged(&a, &b);
        assert!(verdict == Verdict::Distinct && said.contains("other numbers of trials"), "{said}");
        assert_eq!(relation_of(&a, &b).1, None);
        let patent = |number: &str| Paper {
            extra: [("type".to_owned(), "patent".into())].into_iter().collect(),
            issue: Some(number.to_owned()),
            ..titled("Wall of a harbour with a gate")
        };
        assert_ne!(judged(&patent("US1234567"), &patent("EP7654321")).0, Verdict::Duplicate);
    }

    #[test]
    fn two_sorts_of_publication_and_two_pages_are_asked_about() {
        let of =
            |kind, venue: &str| Paper { kind: Some(kind), venue: Some(venue.to_owned()), ..titled(WALLS) };
        let paper = at("1", "1-8", of(PublicationKind::ConferencePaper, "Proceedings of the Harbour Days"));
        let article = at("3", "101-130", of(PublicationKind::Article, "Transactions on Harbours"));
        assert_ne!(judged(&paper, &article).0, Verdict::Duplicate);
        let report = Paper { kind: Some(PublicationKind::Report), venue: None, ..titled(WALLS) };
        let article = of(PublicationKind::Article, "Journal of Tides");
        assert_eq!(relation_of(&report, &article), (Verdict::Review, Some(Relation::Version)));
        let case = |pages: &str| at("3", pages, titled("Fall from a harbour wall: a case report"));
        assert_eq!(judged(&case("11-13"), &case("45-47")).0, Verdict::Review);
        assert_eq!(judged(&case("11-13"), &case("11")).0, Verdict::Duplicate);
        let meeting = |venue: &str, pages: &str| Paper {
            venue: Some(venue.to_owned()),
            pages: Some(pages.to_owned()),
            ..titled("Walls of the northern harbours in winter")
        };
        let (a, b) =
            (meeting("Harbour Congress, abstracts", "12"), meeting("Wall Symposium, abstracts", "77"));
        assert_ne!(judged(&a, &b).0, Verdict::Duplicate);
    }

    #[test]
    fn what_comes_again_is_of_one_year_issue_and_day() {
        let report = |year: Option<i16>| Paper { year, ..titled("Annual report") };
        assert_eq!(judged(&report(Some(2001)), &report(None)).0, Verdict::Review);
        assert_eq!(judged(&report(Some(2001)), &report(Some(2001))).0, Verdict::Duplicate);
        let column =
            |issue: &str| Paper { issue: Some(issue.to_owned()), ..at("3", "1", titled("From the editor")) };
        assert_ne!(judged(&column("1"), &column("2")).0, Verdict::Duplicate);
        let daily = |day| Paper {
            publication_date: Some(jiff::civil::date(2001, 2, day)),
            ..titled("Weather report for the harbour")
        };
        assert_ne!(judged(&daily(3), &daily(4)).0, Verdict::Duplicate);
        let many = ["Una Moss", "Ken Vale", "Ada Eno"].map(str::to_owned).to_vec();
        let all = Paper { authors: many.clone(), ..titled("Memories of harbours that we built") };
        let one = |author: &str| Paper { authors: vec![author.to_owned()], ..all.clone() };
        assert_eq!(judged(&all, &one("Ada Eno")).0, Verdict::Review, "the last of three");
        assert_eq!(judged(&all, &one("Una Moss")).0, Verdict::Duplicate, "a list that was cut short");
    }

    #[test]
    fn an_address_names_a_preprint_and_its_versions_are_one() {
        let bare = |year| Paper { venue: None, year: Some(year), ..titled(WALLS) };
        let by_address =
            |year| Paper { url: Some("https://arxiv.org/abs/2001.00042v3".to_owned()), ..bare(year) };
        let by_id =
            Paper { external_ids: [(IdentifierKind::Arxiv, "2001.00042".to_owned())].into(), ..bare(2001) };
        assert_eq!(relation_of(&by_id, &by_address(2002)), (Verdict::Duplicate, Some(Relation::Duplicate)));
        let article = with_doi(titled(WALLS));
        assert_ne!(relation_of(&by_address(2001), &article).0, Verdict::Duplicate);
    }

    #[test]
    fn texts_that_were_encoded_twice_are_the_same() {
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let once = Paper {
            authors: names(["Hélène Lefèvre", "Noël Çelik"]),
            ..titled("Les marées de l'été à Orléans")
        };
        let twice = Paper {
            authors: names(["HÃ©lÃ¨ne LefÃ¨vre", "NoÃ«l Ã‡elik"]),
            ..titled("Les marÃ©es de l'Ã©tÃ© Ã  OrlÃ©ans")
        };
        assert_eq!(judged(&once, &twice).0, Verdict::Duplicate);
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
