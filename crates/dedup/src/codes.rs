//! Numbers by which others know what a record is of: of a trial in a registry, of a patent, of a report in a series.
//!
//! They name no publication, since an article names the trial that it tells of. But two records with other numbers of
//! one registry are of two trials, however alike they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use cognate_corpus::{Paper, PublicationKind};
use regex::{Regex, RegexSet};
use serde_json::Value;

use crate::place::Agreement;

/// Where a number is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Registry {
    /// A registry of trials or reviews, by its place in [`REGISTRIES`].
    Trials(usize),
    Patent,
    Report,
}

/// The numbers of a record, by registry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Codes(BTreeMap<Registry, BTreeSet<String>>);

/// Of the numbers of two records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodeEvidence {
    /// Of trials, or reviews, in a registry of both.
    pub trials: Agreement,
    /// Of patents, or reports.
    pub documents: Agreement,
}

/// A longer text than this says more than a number, perhaps those of other trials.
const MAX_TEXT: usize = 300;

/// How the numbers of registries look, in capitals; what stands in parentheses is the number itself.
const REGISTRIES: [&str; 20] = [
    r"(?-u:\b)(NCT ?[0-9]{8})(?-u:\b)",
    r"(?-u:\b)(ISRCTN ?[0-9]{8})(?-u:\b)",
    // With the country behind: that of one national record of the trial.
    r"(?-u:\b)(?:EUCTR ?|EUDRACT[^0-9]{0,12})(20[0-9]{2}-[0-9]{6}-[0-9]{2})",
    r"(?-u:\b)CTIS ?(20[0-9]{2}-[0-9]{6}-[0-9]{2})",
    r"(?-u:\b)(CHICTR[-A-Z]* ?[0-9]{8,12})(?-u:\b)",
    r"(?-u:\b)(ACTRN ?[0-9]{14})(?-u:\b)",
    r"(?-u:\b)(DRKS ?[0-9]{8})(?-u:\b)",
    r"(?-u:\b)(UMIN ?[0-9]{9})(?-u:\b)",
    r"(?-u:\b)(JRCTS? ?[0-9]{9,12})(?-u:\b)",
    r"(?-u:\b)(JAPICCTI-? ?[0-9]{6})(?-u:\b)",
    r"(?-u:\b)(CTRI/[0-9]{4}/[0-9]{2,3}/[0-9]{6})(?-u:\b)",
    r"(?-u:\b)(IRCT ?[0-9]{11,20}(?:N[0-9]+)?)(?-u:\b)",
    r"(?-u:\b)(KCT ?[0-9]{7})(?-u:\b)",
    r"(?-u:\b)NTR ?([0-9]{3,5})(?-u:\b)",
    r"(?-u:\b)(PACTR ?[0-9]{15,16})(?-u:\b)",
    r"(?-u:\b)(RBR-[0-9A-Z]{6,7})(?-u:\b)",
    r"(?-u:\b)(TCTR ?[0-9]{11})(?-u:\b)",
    r"(?-u:\b)(SLCTR/[0-9]{4}/[0-9]{3})(?-u:\b)",
    r"(?-u:\b)(RPCEC ?[0-9]{8})(?-u:\b)",
    r"(?-u:\b)(CRD ?42[0-9]{9,10})(?-u:\b)",
];

/// Which of them a text has, in one pass.
static ANY: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(REGISTRIES).expect("patterns written in this file are valid ones"));

static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| REGISTRIES.iter().map(|source| pattern(source)).collect());

/// The country and the number of a patent, and which of its publications this is ("A1").
static PATENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^([A-Z]{2})[ /-]?([0-9][0-9 ,./-]{4,16}[0-9])(?: ?[A-Z][0-9]?)?$"));

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("a pattern written in this file is a valid one")
}

impl Codes {
    /// The numbers in a record's title, venue, address and short further fields; abstracts name other trials too.
    pub(crate) fn new(paper: &Paper) -> Self {
        let mut codes = Self::default();
        let fields =
            [&paper.title, &paper.venue, &paper.url, &paper.issue, &paper.pages].into_iter().flatten();
        let extra = paper.extra.values().filter_map(Value::as_str);
        let texts: Vec<&str> =
            fields.map(String::as_str).chain(extra).filter(|text| text.len() <= MAX_TEXT).collect();
        for text in &texts {
            codes.add_trials(text);
        }
        let says_patent = |text: &&str| text.trim().eq_ignore_ascii_case("patent");
        if paper.kind.is_none_or(|kind| kind == PublicationKind::Other)
            && paper.extra.values().filter_map(Value::as_str).any(|text| says_patent(&text))
        {
            texts.iter().for_each(|text| codes.add_patent(text));
        }
        if paper.kind == Some(PublicationKind::Report) {
            let number =
                paper.issue.as_deref().map(letters_and_digits).filter(|code| code.contains(char::is_numeric));
            codes.add(Registry::Report, number);
        }
        codes
    }

    pub(crate) fn compare(&self, other: &Self) -> CodeEvidence {
        let of = |is_wanted: &dyn Fn(Registry) -> bool| {
            let common = self.0.iter().filter(|(registry, _)| is_wanted(**registry));
            let common = common.filter_map(|(registry, ours)| Some((ours, other.0.get(registry)?)));
            let are_same: Vec<bool> = common.map(|(ours, theirs)| !ours.is_disjoint(theirs)).collect();
            match are_same.as_slice() {
                [] => Agreement::Unknown,
                found if found.contains(&true) => Agreement::Same,
                _ => Agreement::Other,
            }
        };
        let is_trial = |registry| matches!(registry, Registry::Trials(_));
        CodeEvidence { trials: of(&is_trial), documents: of(&|registry| !is_trial(registry)) }
    }

    fn add(&mut self, registry: Registry, codes: impl IntoIterator<Item = String>) {
        for code in codes {
            self.0.entry(registry).or_default().insert(code);
        }
    }

    fn add_trials(&mut self, text: &str) {
        // Every number of a registry has three digits at least.
        if text.bytes().filter(u8::is_ascii_digit).count() < 3 {
            return;
        }
        let text = text.to_uppercase();
        for place in &ANY.matches(&text) {
            let found = PATTERNS[place].captures_iter(&text).filter_map(|found| found.get(1));
            let codes: Vec<String> = found.map(|code| letters_and_digits(code.as_str())).collect();
            self.add(Registry::Trials(place), codes);
        }
    }

    fn add_patent(&mut self, text: &str) {
        let text = text.trim().to_uppercase();
        let code =
            PATENT.captures(&text).map(|found| letters_and_digits(&format!("{}{}", &found[1], &found[2])));
        self.add(Registry::Patent, code);
    }
}

fn letters_and_digits(text: &str) -> String {
    text.to_uppercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use cognate_corpus::PaperId;

    use super::*;

    fn paper(field: &str, value: &str) -> Paper {
        let mut paper = Paper::new(PaperId::new("x").unwrap());
        paper.title = Some("A study of salt in healthy sailors".to_owned());
        let value = value.to_owned();
        match field {
            "title" => paper.title = Some(value),
            "venue" => paper.venue = Some(value),
            "url" => paper.url = Some(value),
            "report" => (paper.kind, paper.issue) = (Some(PublicationKind::Report), Some(value)),
            "patent" => {
                paper.extra.insert("type".to_owned(), "patent".into());
                paper.issue = Some(value);
            }
            other => drop(paper.extra.insert(other.to_owned(), value.into())),
        }
        paper
    }

    #[test]
    fn numbers_of_one_registry_agree_or_not_wherever_they_stand() {
        use Agreement::{Other, Same, Unknown};
        fn check(a: (&str, &str), b: (&str, &str), trials: Agreement, documents: Agreement) {
            let of = |(field, value)| Codes::new(&paper(field, value));
            let expected = CodeEvidence { trials, documents };
            assert_eq!((of(a).compare(&of(b)), of(b).compare(&of(a))), (expected, expected), "{a:?} {b:?}");
        }
        let address = ("url", "https://clinicaltrials.gov/show/NCT01234567");
        check(address, ("AN", "NCT07654321"), Other, Unknown);
        check(address, ("title", "Salt in sailors (NCT 01234567)"), Same, Unknown);
        check(address, ("venue", "https://clinicaltrials.gov/show/NCT01234568"), Other, Unknown);
        check(address, ("AN", "ISRCTN12345678"), Unknown, Unknown);
        let both = ("note", "Registered: NCT01234567, ISRCTN12345678");
        check(both, ("AN", "ISRCTN87654321"), Other, Unknown);
        check(both, ("note", "isrctn87654321; nct01234567"), Same, Unknown);
        check(("AN", "EUCTR2010-123456-12-GB"), ("AN", "EUCTR2010-123456-12-DE"), Same, Unknown);
        check(("AN", "EudraCT number: 2010-123456-12"), ("AN", "EUCTR2011-123456-12-DE"), Other, Unknown);
        check(("AN", "ACTRN12612000123456"), ("AN", "ACTRN12612000123457"), Other, Unknown);
        check(
            ("url", "http://www.chictr.org/ChiCTR-TRC-09000345"),
            ("AN", "ChiCTR-TRC-09000346"),
            Other,
            Unknown,
        );
        check(("AN", "CRD42019123456"), ("AN", "CRD42019123457"), Other, Unknown);
        check(("note", "no number"), ("AN", "NCT01234567"), Unknown, Unknown);
        check(("patent", "US 1,234,567 B2"), ("patent", "EP7654321"), Unknown, Other);
        check(("patent", "US1234567B2"), ("patent", "US1234567 A1"), Unknown, Same);
        check(("report", "TR-91-12"), ("report", "TR-91-40"), Unknown, Other);
        check(("report", "TR-91-12"), ("report", "TR 91/12"), Unknown, Same);
    }
}
