//! Where a paper was published, as it is compared: journal, volume, issue and pages.
//!
//! What two records say of it agrees, contradicts or says nothing. Sources write the same place in many ways, and
//! whatever may be the same place written otherwise is no contradiction.

use cognate_corpus::Paper;

use crate::journal::Journal;

/// Whether two records agree in one respect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Agreement {
    /// They say the same.
    Same,
    /// They contradict each other.
    Other,
    /// One of them says nothing, or nothing that the other's word can be compared with.
    #[default]
    Unknown,
}

impl Agreement {
    pub(crate) fn is_same(self) -> bool {
        self == Self::Same
    }

    pub(crate) fn is_other(self) -> bool {
        self == Self::Other
    }
}

/// What of a place is compared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) journal: Option<Journal>,
    issns: Vec<String>,
    volume: Numbering,
    issue: Numbering,
    pages: Option<Pages>,
}

/// Of two places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlaceEvidence {
    /// Of the journals, or whatever else they were published in.
    pub journal: Agreement,
    /// Of the volumes.
    pub volume: Agreement,
    /// Of the issues, or the numbers of the supplements.
    pub issue: Agreement,
    /// Of the first pages, or the numbers of the articles.
    pub pages: Agreement,
    /// Volume and first page are the same, and no other journal is named.
    pub is_same_place: bool,
    /// One of them is in a supplement, where several abstracts may stand on one page.
    pub is_supplement: bool,
    /// Journal and first page are the same; so they are two places only if the volumes are.
    pub is_same_page: bool,
}

impl PlaceEvidence {
    /// Volume and first page are the same, whatever the journal is called: a series has a name, and so has each of
    /// its volumes.
    #[must_use]
    pub fn has_same_numbers(&self) -> bool {
        self.volume.is_same() && self.pages.is_same()
    }

    /// How many of journal, volume, issue and pages contradict each other.
    #[must_use]
    pub fn n_conflicts(&self) -> usize {
        [self.journal, self.volume, self.issue, self.pages].into_iter().filter(|of| of.is_other()).count()
    }
}

impl Place {
    pub(crate) fn new(paper: &Paper) -> Self {
        let volume = Numbering::new(paper.volume.as_deref(), paper.year);
        let mut issue = Numbering::new(paper.issue.as_deref(), None);
        // "35 Suppl 1" in the volume's field is volume 35, and the issue is its supplement.
        if issue.is_unknown() && volume.supplement.is_some() {
            issue = Numbering { numbers: Vec::new(), supplement: volume.supplement };
        }
        Self {
            journal: paper.venue.as_deref().and_then(Journal::new),
            issns: paper.issn.clone(),
            volume,
            issue,
            pages: paper.pages.as_deref().and_then(Pages::new),
        }
    }

    pub(crate) fn compare(&self, other: &Self) -> PlaceEvidence {
        let share_issn = self.issns.iter().any(|issn| other.issns.contains(issn));
        let names = self.journal.as_ref().zip(other.journal.as_ref()).map(|(a, b)| a.compare(b));
        let journal = if share_issn { Agreement::Same } else { names.unwrap_or_default() };
        let volume = self.volume.compare(&other.volume);
        let pages = match (&self.pages, &other.pages) {
            (Some(a), Some(b)) => a.compare(b),
            _ => Agreement::Unknown,
        };
        let is_same_place = volume.is_same() && pages.is_same() && !journal.is_other();
        let issue = self.issue.compare_issue(&other.issue);
        let is_same_page = pages.is_same() && journal.is_same();
        let is_supplement = self.is_supplement() || other.is_supplement();
        PlaceEvidence { journal, volume, issue, pages, is_same_place, is_supplement, is_same_page }
    }

    fn is_supplement(&self) -> bool {
        self.issue.supplement.is_some()
            || self.pages.as_ref().is_some_and(|pages| pages.letters.starts_with('s'))
    }

    /// Volume and first page: with an author's name, what records of the same place are found by.
    pub(crate) fn key(&self) -> Option<(u32, u32)> {
        Some((*self.volume.numbers.first()?, self.pages.as_ref()?.first))
    }
}

/// The number of a volume or an issue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Numbering {
    /// "3-4" is both.
    numbers: Vec<u32>,
    /// The number of a supplement; 0 where it has none.
    supplement: Option<u32>,
}

impl Numbering {
    /// Reads "35", "35 Suppl 1", "Pt 3", "S2", "XII" and "3/4". What a cut left over ("1)" of "66 (Suppl. 1)") is
    /// the number of a supplement at best, and a year is no volume where the paper is of that year.
    fn new(text: Option<&str>, year: Option<i16>) -> Self {
        let Some(text) = text else { return Self::default() };
        let text = text.to_lowercase();
        if text.contains(')') && !text.contains('(') {
            return Self { numbers: Vec::new(), supplement: numbers(&text).first().copied() };
        }
        let at = text.find("sup").or_else(|| {
            // "S2", "11 S1"
            let starts = text.match_indices('s').map(|(at, _)| at);
            starts.into_iter().find(|&at| {
                let is_start = text[..at].chars().next_back().is_none_or(|c| !c.is_alphabetic());
                is_start && text[at + 1..].trim_start().starts_with(|c: char| c.is_ascii_digit())
            })
        });
        let (front, back) = at.map_or((text.as_str(), None), |at| (&text[..at], Some(&text[at..])));
        let mut numbers = numbers(front);
        if numbers.is_empty() && back.is_none() {
            numbers.extend(roman(front.trim()));
        }
        if year.is_some_and(|year| numbers.first() == u32::try_from(year).ok().as_ref()) {
            numbers.clear();
        }
        Self { numbers, supplement: back.map(|back| self::numbers(back).first().copied().unwrap_or(0)) }
    }

    fn is_unknown(&self) -> bool {
        self.numbers.is_empty() && self.supplement.is_none()
    }

    fn compare(&self, other: &Self) -> Agreement {
        if self.numbers.is_empty() || other.numbers.is_empty() {
            Agreement::Unknown
        } else if self.numbers.iter().any(|number| other.numbers.contains(number)) {
            Agreement::Same
        } else {
            Agreement::Other
        }
    }

    /// As [`Self::compare`]; a supplement is written with its number or without, and as an issue of its number.
    fn compare_issue(&self, other: &Self) -> Agreement {
        match (self.supplement, other.supplement) {
            (Some(0), Some(_)) | (Some(_), Some(0)) => Agreement::Unknown,
            (Some(a), Some(b)) if a == b => Agreement::Same,
            (Some(_), Some(_)) => Agreement::Other,
            (None, None) => self.compare(other),
            (Some(number), None) if other.numbers.contains(&number) => Agreement::Same,
            (None, Some(number)) if self.numbers.contains(&number) => Agreement::Same,
            (Some(_), None) if !other.numbers.is_empty() => Agreement::Other,
            (None, Some(_)) if !self.numbers.is_empty() => Agreement::Other,
            _ => Agreement::Unknown,
        }
    }
}

/// Every number in a text, without those of more than nine digits.
fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

fn roman(text: &str) -> Option<u32> {
    let value = |c: char| match c {
        'i' => Some(1),
        'v' => Some(5),
        'x' => Some(10),
        'l' => Some(50),
        'c' => Some(100),
        _ => None,
    };
    let values: Vec<u32> = text.chars().map(value).collect::<Option<_>>()?;
    let signed = values.iter().enumerate().map(|(place, &value)| {
        let is_before_larger = values.get(place + 1).is_some_and(|&next| next > value);
        if is_before_larger { -i64::from(value) } else { i64::from(value) }
    });
    u32::try_from(signed.sum::<i64>()).ok().filter(|&number| number > 0)
}

/// Pages, or the number of an article that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pages {
    /// Letters around the first page: "s" of `S12`, "p" of `P-123`.
    letters: String,
    first: u32,
    /// Same as the first, where only one is named. Lower, where one of the two is mistyped.
    last: u32,
}

impl Pages {
    /// Articles have numbers of so many digits; pages hardly ever do.
    const ARTICLE_NUMBER: u32 = 10_000;
    /// So many pages or more are a whole supplement's.
    const WHOLE_SUPPLEMENT: u32 = 60;

    fn new(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        let mut rest = lower.trim();
        for sign in ["pages", "page", "pp.", "pp ", "p.", "p "] {
            if let Some(behind) = rest.strip_prefix(sign) {
                rest = behind.trim_start();
                break;
            }
        }
        // "215 p" counts pages; "10.1002/…" is no page.
        let is_count = rest.ends_with(" p") || rest.ends_with(" p.") || rest.ends_with("pages");
        if is_count || rest.starts_with("10.") {
            return None;
        }
        let start = rest.find(|c: char| c.is_ascii_digit())?;
        let letters: String = rest[..start].chars().filter(|c| c.is_alphanumeric()).collect();
        let end =
            rest[start..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |length| start + length);
        let first: u32 = rest[start..end].parse().ok()?;
        let behind = &rest[end..];
        let suffix: String = behind.chars().take_while(|c| c.is_alphabetic()).collect();
        let digits = &rest[start..end];
        let last = numbers(&behind[suffix.len()..]).first().map_or(first, |&last| {
            // "2267-75" is 2267 to 2275.
            let written = last.to_string();
            let kept = digits.len().saturating_sub(written.len());
            let full = format!("{}{written}", &digits[..kept]);
            if last < first { full.parse().unwrap_or(first) } else { last }
        });
        let letters = if letters.is_empty() { suffix } else { letters };
        Some(Self { letters, first, last })
    }

    fn compare(&self, other: &Self) -> Agreement {
        let one_has_letters = self.letters.is_empty() != other.letters.is_empty();
        let same_letters = self.letters == other.letters;
        if self.first == other.first {
            // "c37" and "37" are the same; "S12" and "P12" count otherwise.
            return if same_letters || one_has_letters { Agreement::Same } else { Agreement::Unknown };
        }
        // Numbers of abstracts, of articles and of pages are not to be compared with one another, nor is a paper
        // that counts its own pages from 1.
        let counts_itself = |pages: &Self| pages.first == 1 && pages.letters.is_empty();
        let is_article = |pages: &Self| pages.first >= Self::ARTICLE_NUMBER || pages.letters.starts_with('e');
        let is_whole = |a: &Self, b: &Self| {
            a.last.saturating_sub(a.first) >= Self::WHOLE_SUPPLEMENT && (a.first..=a.last).contains(&b.first)
        };
        let is_abstract = |pages: &Self| {
            matches!(
                pages.letters.as_str(),
                "p" | "ps" | "pp" | "po" | "o" | "op" | "or" | "abstract" | "poster"
            )
        };
        let ends_together = self.last == other.last && self.last != self.first && other.last != other.first;
        if (!same_letters && (is_abstract(self) != is_abstract(other) || !one_has_letters))
            || (is_article(self) != is_article(other))
            || counts_itself(self)
            || counts_itself(other)
            || (same_letters && (is_whole(self, other) || is_whole(other, self) || ends_together))
        {
            Agreement::Unknown
        } else {
            Agreement::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_and_issues_are_compared_as_sources_write_them() {
        use Agreement::{Other, Same, Unknown};
        fn check(a: &str, b: &str, volume: Agreement, issue: Agreement) {
            let of = |text| Numbering::new(Some(text), Some(2013));
            assert_eq!((of(a).compare(&of(b)), of(b).compare(&of(a))), (volume, volume), "{a} / {b}");
            let found = (of(a).compare_issue(&of(b)), of(b).compare_issue(&of(a)));
            assert_eq!(found, (issue, issue), "{a} / {b}");
        }
        check("35", "35", Same, Same);
        check("35", "36", Other, Other);
        check("Vol. 35", "35", Same, Same);
        check("Pt 3", "3", Same, Same);
        check("3-4", "4", Same, Same);
        check("XII", "12", Same, Same);
        check("2013", "12", Unknown, Unknown);
        check("35 Suppl 1", "35", Same, Other);
        check("SUPPL. 1", "S1", Unknown, Same);
        check("Suppl", "Suppl 2", Unknown, Unknown);
        check("Supplement 1", "Suppl. 2", Unknown, Other);
        check("1)", "66", Unknown, Other);
        check("Ph.D.", "66", Unknown, Unknown);
    }

    #[test]
    fn pages_are_compared_by_the_first_one() {
        use Agreement::{Other, Same, Unknown};
        fn check(a: &str, b: &str, expected: Agreement) {
            let (a, b) = (Pages::new(a).unwrap(), Pages::new(b).unwrap());
            assert_eq!((a.compare(&b), b.compare(&a)), (expected, expected), "{a:?} {b:?}");
        }
        check("2267-75", "2267-2275", Same);
        check("c37-c42", "37-42", Same);
        check("S12", "S13", Other);
        check("S12", "P-123", Unknown);
        check("P-123", "123", Same);
        check("e8-e9", "e3", Other);
        check("943-944", "945", Other);
        check("14S-14S", "14", Same);
        check("499–711", "612", Unknown);
        check("2141-2147", "2142-2147", Unknown);
        check("2297-2108", "2097-2108", Unknown);
        check("e1003", "1-12", Unknown);
        check("pp. 5-9", "5", Same);
        assert_eq!(Pages::new("215 p"), None);
        assert_eq!(Pages::new("n/a"), None);
    }
}
