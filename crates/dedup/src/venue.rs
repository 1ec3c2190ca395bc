//! A venue as it is compared: its kind, and whether two names may be of the same one.

use cognate_corpus::matching;

/// What sort of venue it is, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VenueKind {
    /// A journal or magazine.
    Journal,
    /// A conference, workshop or symposium.
    Meeting,
    /// A server of preprints.
    Preprint,
}

/// A venue's name in words.
#[derive(Debug, Clone)]
pub(crate) struct Venue {
    words: Vec<String>,
    pub(crate) kind: Option<VenueKind>,
}

impl Venue {
    pub(crate) fn new(name: &str) -> Option<Self> {
        let words = matching::words(name);
        if words.is_empty() {
            return None;
        }
        Some(Self { kind: kind(&words), words })
    }

    /// Whether both names have a telling word in common, also in short ("syst" for "systems") or as the
    /// initials of the other's words ("vldb").
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let (a, b) = (self.telling(), other.telling());
        let is_short_for = |a: &str, b: &str| a.len() >= 3 && b.starts_with(a);
        let share = |a: &str| b.iter().any(|b| is_short_for(a, b) || is_short_for(b, a));
        a.iter().any(|word| share(word)) || self.has_initials_of(other) || other.has_initials_of(self)
    }

    fn telling(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).filter(|word| word.len() >= 3 && !is_common(word)).collect()
    }

    fn has_initials_of(&self, other: &Self) -> bool {
        let words = other.words.iter().filter(|word| !is_filler(word));
        let initials: String = words.filter_map(|word| word.chars().next()).collect();
        self.words.iter().any(|word| word.len() >= 3 && initials.contains(word.as_str()))
    }
}

fn kind(words: &[String]) -> Option<VenueKind> {
    let has = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
    if has(&["arxiv", "biorxiv", "medrxiv", "chemrxiv", "corr", "ssrn", "preprint", "preprints", "eprint"]) {
        Some(VenueKind::Preprint)
    } else if has(&[
        "conference",
        "conf",
        "proceedings",
        "proc",
        "symposium",
        "symp",
        "workshop",
        "workshops",
        "congress",
        "meeting",
    ]) {
        Some(VenueKind::Meeting)
    } else if has(&[
        "journal",
        "j",
        "transactions",
        "trans",
        "letters",
        "lett",
        "annals",
        "record",
        "bulletin",
        "magazine",
        "quarterly",
        "acta",
        "archives",
        "review",
        "reviews",
    ]) {
        Some(VenueKind::Journal)
    } else {
        None
    }
}

fn is_filler(word: &str) -> bool {
    matches!(word, "the" | "of" | "on" | "and" | "in" | "for" | "a" | "an")
}

/// Words that many venues have.
fn is_common(word: &str) -> bool {
    is_filler(word)
        || matches!(
            word,
            "acm"
                | "ieee"
                | "international"
                | "int"
                | "journal"
                | "transactions"
                | "trans"
                | "conference"
                | "conf"
                | "proceedings"
                | "proc"
                | "symposium"
                | "workshop"
                | "annual"
                | "letters"
                | "review"
                | "reviews"
                | "annals"
                | "record"
                | "research"
                | "science"
                | "sciences"
                | "studies"
                | "advances"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_same_venue_agree() {
        fn check(a: &str, b: &str, expected: bool) {
            let (a, b) = (Venue::new(a).unwrap(), Venue::new(b).unwrap());
            assert_eq!((a.agrees(&b), b.agrees(&a)), (expected, expected), "{a:?} {b:?}");
        }
        check("VLDB", "Very Large Data Bases", true);
        check("ACM Trans. Database Syst.", "ACM Transactions on Database Systems (TODS)", true);
        check("Phys. Rev. Lett.", "Physical Review Letters", true);
        check("Nature", "Science", false);
        check("International Conference on Management of Data", "Journal of the ACM", false);
        assert_eq!(Venue::new("VLDB J.").unwrap().kind, Some(VenueKind::Journal));
        assert_eq!(Venue::new("arXiv preprint").unwrap().kind, Some(VenueKind::Preprint));
        assert_eq!(Venue::new("VLDB").unwrap().kind, None);
    }
}
