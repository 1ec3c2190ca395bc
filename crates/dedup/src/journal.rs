//! The name of a journal, in full or in short.

use cognate_corpus::matching;

use crate::place::Agreement;

/// A journal's name in words, as far as it tells one journal from another.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    /// The title proper, then what else may be the name: all of it, a subtitle, a name in brackets.
    names: Vec<Vec<String>>,
    /// It is the name of a meeting, which has many: "SIGMOD Conference" is that on management of data.
    is_meeting: bool,
    /// The name of the meeting whose abstracts it published, where the source says so.
    meeting: Vec<String>,
}

impl Journal {
    pub(crate) fn new(name: &str) -> Option<Self> {
        // "Pediatric Nephrology.Conference: 44th Annual Meeting …", as Embase writes it.
        let (name, meeting) = match name.find("Conference:") {
            Some(at) => (&name[..at], &name[at + "Conference:".len()..]),
            None => (name, ""),
        };
        let telling = |text: &str| -> Vec<String> {
            let mut words: Vec<String> =
                matching::words(text).into_iter().filter(|word| !is_filler(word)).collect();
            // "CMAJ Canadian Medical Association Journal"
            if words.split_first().is_some_and(|(first, rest)| are_initials(first, rest)) {
                words.remove(0);
            }
            words
        };
        let parts = name.split([':', ';', '(', ')', '=', '[', ']']).flat_map(|part| part.split(" - "));
        let mut names: Vec<Vec<String>> = parts.map(telling).chain([telling(name)]).collect();
        names.retain(|words| !words.is_empty());
        names.dedup();
        let meeting = telling(meeting);
        if names.is_empty() && meeting.is_empty() {
            return None;
        }
        let is_meeting = matching::words(name).iter().any(|word| is_meeting(word));
        Some(Self { names, is_meeting, meeting })
    }

    pub(crate) fn compare(&self, other: &Self) -> Agreement {
        if self.names.is_empty() || other.names.is_empty() {
            return Agreement::Unknown;
        }
        let is_meeting_of = |a: &Self, b: &Self| a.names[0].len() >= 4 && contains(&b.meeting, &a.names[0]);
        if is_meeting_of(self, other) || is_meeting_of(other, self) {
            return Agreement::Same;
        }
        let are_one = |a: &[String], b: &[String]| {
            let is_short = |a: &[String], b: &[String]| matches!(a, [word] if are_initials(word, b));
            aligned(a, b) || is_short(a, b) || is_short(b, a)
        };
        // A subtitle alone may be that of many journals.
        if self.names.iter().any(|name| are_one(name, &other.names[0]))
            || other.names.iter().any(|name| are_one(name, &self.names[0]))
        {
            return Agreement::Same;
        }
        // "Diabetes" and "Diabetes Care" are two journals, "Nephron" and "Nephron Clinical Practice" one.
        let begins = |a: &[String], b: &[String]| a.len() < b.len() && aligned(a, &b[..a.len()]);
        let (a, b) = (&self.names[0], &other.names[0]);
        if begins(a, b) || begins(b, a) {
            return Agreement::Unknown;
        }
        if self.is_meeting || other.is_meeting { Agreement::Unknown } else { Agreement::Other }
    }
}

/// Whether the names have the same words, one by one, in full or in short.
fn aligned(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_short_for(a, b) || is_short_for(b, a))
}

/// Whether all words of `part` stand in `whole`, in their order.
fn contains(whole: &[String], part: &[String]) -> bool {
    let mut rest = whole.iter();
    !part.is_empty()
        && part.iter().all(|word| rest.any(|other| is_short_for(word, other) || is_short_for(other, word)))
}

/// "nephrol" for "nephrology"; "natl" for "national", as ISO 4 contracts words: the first letter, then letters in
/// their order up to the last.
fn is_short_for(short: &str, long: &str) -> bool {
    if long.starts_with(short) {
        return true;
    }
    let is_contraction =
        short.len() >= 3 && short.len() < long.len() && short.as_bytes()[0] == long.as_bytes()[0];
    let mut letters = long.bytes();
    is_contraction
        && short.bytes().last() == long.bytes().last()
        && short.bytes().all(|c| letters.any(|l| l == c))
}

/// "jama" for "journal american medical association".
fn are_initials(word: &str, long: &[String]) -> bool {
    let initials = long.iter().filter_map(|word| word.chars().next());
    word.len() >= 3 && long.len() >= 3 && initials.eq(word.chars())
}

/// Words that make a name a meeting's.
fn is_meeting(word: &str) -> bool {
    matches!(
        word,
        "conference"
            | "conf"
            | "symposium"
            | "symp"
            | "workshop"
            | "workshops"
            | "congress"
            | "meeting"
            | "session"
    )
}

/// Words that many names have, and many leave out.
fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "the"
            | "acm"
            | "ieee"
            | "of"
            | "on"
            | "and"
            | "in"
            | "for"
            | "an"
            | "de"
            | "la"
            | "der"
            | "die"
            | "des"
            | "fur"
            | "et"
            | "le"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_known_in_full_and_in_short() {
        use Agreement::{Other, Same};
        fn check(a: &str, b: &str, expected: Agreement) {
            let (a, b) = (Journal::new(a).unwrap(), Journal::new(b).unwrap());
            assert_eq!((a.compare(&b), b.compare(&a)), (expected, expected), "{a:?} {b:?}");
        }
        check("Nat Rev Nephrol", "Nature Reviews. Nephrology", Same);
        check(
            "Proc. Natl. Acad. Sci. U. S. A.",
            "Proceedings of the National Academy of Sciences of the United States of America",
            Same,
        );
        check("N Engl J Med", "New England Journal of Medicine.", Same);
        check("Brain", "Brain: A Journal of Neurology", Same);
        check(
            "J Thromb Haemost",
            "Journal of Thrombosis and Haemostasis.Conference: 23rd Congress of the Society Kyoto Japan.",
            Same,
        );
        check(
            "23rd Congress of the Society Kyoto Japan",
            "Journal of Clotting.Conference: 23rd Congress of the Society Kyoto Japan.",
            Same,
        );
        check("JAMA", "Journal of the American Medical Association", Same);
        check("Clin Sci (Lond)", "Clinical Science (London, England : 1979)", Same);
        check("Drugs & Aging", "Drugs and Aging", Same);
        check("Stroke", "Canadian Journal of Neurological Sciences", Other);
        check("British Journal of Haematology", "Haematologica", Other);
        check("Nature", "Science", Other);
        check("CMAJ Canadian Medical Association Journal", "Canadian Medical Association Journal", Same);
        check("Gang yi xue za zhi [Harbour medical journal]", "Harbour Medical Journal", Same);
        check("ACM SIGMOD Record", "SIGMOD Record", Same);
        check("SIGMOD Conference", "International Conference on Management of Data", Agreement::Unknown);
        check("Diabetes", "Diabetes Care", Agreement::Unknown);
    }
}
