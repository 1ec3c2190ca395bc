//! The words of which one title has more than another, or others.

use std::cell::OnceCell;
use std::collections::HashSet;

/// How the words of two titles differ, however these are spelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wording {
    /// In nothing that tells.
    #[default]
    Same,
    /// One title is the other with words behind it, such as a subtitle.
    Behind,
    /// One title is the other with words in front of it.
    Before,
    /// One title is the other with words within.
    Within,
    /// Each has a word that the other has not.
    Other,
}

/// A title's words, in their order, with where they end in the title without spaces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) words: &'a [String],
    pub(crate) key: &'a str,
}

impl<'a> Words<'a> {
    /// What stands in front of another title in this one, and what behind it; `None` where this is not the other title
    /// with more words.
    pub(crate) fn around(self, other: Self) -> Option<(&'a [String], &'a [String])> {
        let n_articles = other.words.iter().take_while(|word| is_article(word)).count();
        let n_left_out: usize = other.words[..n_articles].iter().map(String::len).sum();
        let short = &other.key[n_left_out..];
        if short.is_empty() || short.len() >= self.key.len() {
            return None;
        }
        let mut ends = vec![0];
        ends.extend(self.words.iter().scan(0, |end, word| {
            *end += word.len();
            Some(*end)
        }));
        self.key.match_indices(short).find_map(|(at, _)| {
            let (start, end) = (ends.binary_search(&at).ok()?, ends.binary_search(&(at + short.len())).ok()?);
            Some((&self.words[..start], &self.words[end..]))
        })
    }

    /// Without what sort of article it is, at either end.
    fn without_sort(self) -> Self {
        let is_phrase =
            |words: &[String], phrase: &&[&str]| words.iter().map(String::as_str).eq(phrase.iter().copied());
        let starts =
            |phrase: &&&[&str]| self.words.get(..phrase.len()).is_some_and(|words| is_phrase(words, phrase));
        let n_front = IN_FRONT.iter().chain(SORTS).find(starts).map_or(0, |phrase| phrase.len());
        let rest = &self.words[n_front..];
        let ends = |phrase: &&&[&str]| {
            rest.len().checked_sub(phrase.len()).is_some_and(|start| is_phrase(&rest[start..], phrase))
        };
        let n_back = SORTS.iter().find(ends).map_or(0, |phrase| phrase.len());
        let (front, words) = self.words.split_at(n_front);
        let (words, back) = words.split_at(words.len() - n_back);
        let n_bytes = |words: &[String]| words.iter().map(String::len).sum::<usize>();
        if words.is_empty() {
            return self;
        }
        Self { words, key: &self.key[n_bytes(front)..self.key.len() - n_bytes(back)] }
    }

    pub(crate) fn compare(self, other: Self) -> Wording {
        match self.compare_all(other) {
            Wording::Same => Wording::Same,
            wording if self.without_sort().compare_all(other.without_sort()) != Wording::Same => wording,
            _ => Wording::Same,
        }
    }

    fn compare_all(self, other: Self) -> Wording {
        match (self.lacking_in(other).is_empty(), other.lacking_in(self).is_empty()) {
            (true, true) => Wording::Same,
            (false, false) => Wording::Other,
            (false, true) => self.more_than(other),
            (true, false) => other.more_than(self),
        }
    }

    fn more_than(self, other: Self) -> Wording {
        match self.around(other) {
            Some((front, _)) if front.iter().all(|word| is_filler(word)) => Wording::Behind,
            Some(_) => Wording::Before,
            None => Wording::Within,
        }
    }

    /// The words that tell something and that the other title has in no spelling.
    pub(crate) fn lacking_in(self, other: Self) -> Vec<&'a str> {
        let theirs: HashSet<&str> = other.words.iter().map(String::as_str).collect();
        let their_runs = runs(other.words);
        let mut is_had = vec![false; self.words.len()];
        for length in 2..=MAX_RUN {
            for (at, run) in self.words.windows(length).enumerate() {
                if theirs.contains(run.concat().as_str()) {
                    is_had[at..at + length].fill(true);
                }
            }
        }
        let is_cut = |at: usize, word: &str| {
            // The other title breaks off in the middle of this word.
            let is_last = at + 1 == other.words.len();
            let stub = other.words.get(at).filter(|_| is_last);
            stub.is_some_and(|stub| {
                word.starts_with(stub.as_str()) && (stub.len() <= 2 || other.key.len() >= LONG_TITLE)
            })
        };
        // Spelled when a word is not there as it stands, which is seldom.
        let their_spellings = OnceCell::new();
        let has_spelling = |word: &str| {
            let theirs: &Vec<Spelled<'_>> =
                their_spellings.get_or_init(|| other.words.iter().map(|word| Spelled::new(word)).collect());
            let word = Spelled::new(word);
            theirs.iter().any(|theirs| word.is_same(theirs))
        };
        self.words
            .iter()
            .enumerate()
            .filter(|(at, word)| {
                let is_known = is_had[*at]
                    || is_filler(word)
                    || (word.is_ascii() && word.len() == 1)
                    || theirs.contains(word.as_str())
                    || their_runs.contains(word.as_str())
                    || is_cut(*at, word);
                !is_known && !has_spelling(word)
            })
            .map(|(_, word)| word.as_str())
            .collect()
    }
}

/// What sort of article it is, which one source writes to the title and another does not.
const SORTS: &[&[&str]] = &[
    &["original", "article"],
    &["original", "paper"],
    &["original", "research"],
    &["research", "article"],
    &["research", "paper"],
    &["brief", "communication"],
    &["short", "communication"],
    &["rapid", "communication"],
    &["brief", "report"],
    &["short", "report"],
    &["short", "paper"],
    &["technical", "note"],
    &["research", "note"],
];
/// The same, of what goes on with what it is about.
const IN_FRONT: &[&[&str]] = &[&["report", "on"], &["a", "report", "on"]];

/// Words that a source may write as one.
const MAX_RUN: usize = 3;
/// Titles of so many letters are cut off by some sources.
const LONG_TITLE: usize = 90;

fn runs(words: &[String]) -> HashSet<String> {
    (2..=MAX_RUN).flat_map(|length| words.windows(length).map(<[String]>::concat)).collect()
}

fn is_article(word: &str) -> bool {
    matches!(
        word,
        "a" | "an" | "the" | "der" | "die" | "das" | "le" | "la" | "les" | "el" | "los" | "las" | "il" | "lo"
    )
}

/// Words by which no two titles are told apart.
fn is_filler(word: &str) -> bool {
    #[rustfmt::skip]
    const FILLERS: [&str; 71] = [
        "al", "an", "and", "are", "as", "at", "au", "aux", "by", "can", "da", "das", "de", "del", "della",
        "dem", "den", "der", "des", "di", "die", "do", "does", "dos", "du", "ein", "eine", "einer", "el",
        "en", "et", "for", "from", "fur", "il", "im", "in", "into", "is", "its", "la", "las", "le", "les",
        "lo", "los", "mit", "nel", "of", "on", "onto", "or", "par", "para", "por", "pour", "registered",
        "sur", "that", "the", "their", "tm", "to", "um", "und", "using", "versus", "von", "vs", "with",
        "zur",
    ];
    FILLERS.binary_search(&word).is_ok() || is_article(word)
}

/// A word in the spellings that it may have.
struct Spelled<'a> {
    word: &'a str,
    number: String,
    british: String,
    german: String,
}

impl<'a> Spelled<'a> {
    fn new(word: &'a str) -> Self {
        Self { word, number: number(word), british: british(word), german: german(word) }
    }

    /// Whether two words may be one, in other spelling, in another form or mistyped.
    fn is_same(&self, other: &Self) -> bool {
        if self.number == other.number || self.british == other.british || self.german == other.german {
            return true;
        }
        let (a, b) = (self.word, other.word);
        let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
        let (n_front, n_bytes) = same.fold((0, 0), |(n, bytes), (c, _)| (n + 1, bytes + c.len_utf8()));
        let (end_a, end_b) = (&a[n_bytes..], &b[n_bytes..]);
        let is_plural = |a: &str, b: &str| a.is_empty() && b == "s";
        if (n_front >= 4 && ENDINGS.contains(&end_a) && ENDINGS.contains(&end_b))
            || (n_front >= 3 && (is_plural(end_a, end_b) || is_plural(end_b, end_a)))
        {
            return true;
        }
        n_front > 0 && is_mistyped(a, b)
    }
}

/// How words of one stem end.
const ENDINGS: [&str; 19] = [
    "", "s", "es", "e", "y", "ies", "ed", "d", "ing", "ly", "al", "n", "an", "um", "a", "us", "i", "en", "er",
];

/// Digits for a number in words, an ordinal or a Roman number.
fn number(word: &str) -> String {
    crate::title::number(word).unwrap_or_else(|| word.to_owned())
}

/// The spelling of both sides of the Atlantic: "haematology" and "hematology".
fn british(word: &str) -> String {
    let mut word = word.to_owned();
    for (long, short) in [
        ("ae", "e"),
        ("oe", "e"),
        ("our", "or"),
        ("ll", "l"),
        ("mme", "m"),
        ("ph", "f"),
        ("z", "s"),
        ("ogue", "og"),
    ] {
        word = word.replace(long, short);
    }
    match word.strip_suffix("tre") {
        Some(stem) => format!("{stem}ter"),
        None => word,
    }
}

/// Two letters for one, as German has them: "mueller" for "muller".
fn german(word: &str) -> String {
    word.replace("ae", "a").replace("oe", "o").replace("ue", "u").replace("ss", "s")
}

/// Whether a long word is the other with a letter too many, too few, another or two in the other order, and not the
/// name of another substance, or of the opposite.
fn is_mistyped(a: &str, b: &str) -> bool {
    /// Shorter words of one letter's difference are two: "Iran" and "Iraq".
    const MIN_LETTERS: usize = 7;
    /// In words of so many letters there may be two mistakes.
    const LONG_WORD: usize = 12;
    if a.len().min(b.len()) < MIN_LETTERS {
        return false;
    }
    let [a, b] = [a, b].map(|word| word.chars().collect::<Vec<char>>());
    let shorter = a.len().min(b.len());
    let is_plain = |word: &[char]| word.iter().all(|c| c.is_alphabetic() && *c < '\u{2e80}');
    if shorter < MIN_LETTERS || a.first() != b.first() || !is_plain(&a) || !is_plain(&b) {
        return false;
    }
    let n_front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (mut rest_a, mut rest_b) = (&a[n_front..], &b[n_front..]);
    let n_back = rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(a, b)| a == b).count();
    (rest_a, rest_b) = (&rest_a[..rest_a.len() - n_back], &rest_b[..rest_b.len() - n_back]);
    let is_swapped = matches!((rest_a, rest_b), ([a, b], [c, d]) if a == d && b == c);
    let n_edits = rest_a.len().max(rest_b.len());
    let most = if shorter >= LONG_WORD { 2 } else { 1 };
    (is_swapped || n_edits <= most) && !is_other_substance(&a, &b) && !is_opposite(&a, &b)
}

/// "Propane" and "propene", "nitrate" and "nitrite": endings that name another substance of one stem.
fn is_other_substance(a: &[char], b: &[char]) -> bool {
    const ENDINGS: [&str; 13] =
        ["ane", "ene", "yne", "ate", "ite", "ide", "ose", "ase", "ine", "one", "ol", "yl", "al"];
    let ending = |word: &[char]| {
        let word: String = word.iter().collect();
        let word = word.strip_suffix('s').unwrap_or(&word).to_owned();
        ENDINGS.iter().find(|ending| word.ends_with(**ending)).copied()
    };
    // "Databates" is mistyped.
    ending(a)
        .zip(ending(b))
        .is_some_and(|two| two.0 != two.1 && !matches!(two, ("ate", "ase") | ("ase", "ate")))
}

/// "Hyperthermia" and "hypothermia".
fn is_opposite(a: &[char], b: &[char]) -> bool {
    let [a, b] = [a, b].map(|word| word.iter().collect::<String>());
    crate::title::have_opposite_beginnings(&a, &b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(title: &str) -> Vec<String> {
        cognate_corpus::matching::words(title)
    }

    fn compare(a: &str, b: &str) -> Wording {
        let (a, b) = (words(a), words(b));
        let (key_a, key_b) = (a.concat(), b.concat());
        let (a, b) = (Words { words: &a, key: &key_a }, Words { words: &b, key: &key_b });
        assert_eq!(a.compare(b), b.compare(a), "{a:?} {b:?}");
        a.compare(b)
    }

    #[test]
    fn fillers_stand_in_order() {
        // They are looked up by halves.
        for word in ["an", "zur", "of", "the", "fur", "with", "en", "um", "dem"] {
            assert!(is_filler(word), "{word}");
        }
        assert!(!is_filler("tide"));
    }

    #[test]
    fn another_word_is_told_from_another_spelling() {
        fn check(a: &str, b: &str, expected: Wording) {
            assert_eq!(compare(a, b), expected, "{a} / {b}");
        }
        check("Harbours in Norway", "Harbours in Denmark", Wording::Other);
        check("Harbours in Iran", "Harbours in Iraq", Wording::Other);
        check("Harbours in Niger", "Harbours in Nigeria", Wording::Other);
        check("Structure of NaCl under load", "Structure of KCl under load", Wording::Other);
        check("Oxidation of propane on gold", "Oxidation of propene on gold", Wording::Other);
        check("Fate of nitrates in tides", "Fate of nitrites in tides", Wording::Other);
        check("Prednisone for sailors", "Prednisolone for sailors", Wording::Other);
        check("Methanol in harbours", "Ethanol in harbours", Wording::Other);
        check("Homology of loops", "Cohomology of loops", Wording::Other);
        check("Hyperthermia of sailors", "Hypothermia of sailors", Wording::Other);
        check("船员的男性健康", "船员的女性健康", Wording::Other);
        check("Tides: a history", "Tides: a natural history", Wording::Within);
        check("Tides of the north", "Interview on tides of the north", Wording::Before);
        check("Tides of the north", "Tides of the north: a survey", Wording::Behind);
        check("The tides of the north", "Tides of the north (survey)", Wording::Behind);
        check(
            "Haemolytic anaemia in paediatric centres",
            "Hemolytic anemia in pediatric centers",
            Wording::Same,
        );
        check("Tides and the harbour wall", "The tide and harbor walls", Wording::Same);
        check("Post-traumatic stress at sea", "Posttraumatic stress at sea", Wording::Same);
        check("Winters in Österreich", "Winters in Oesterreich", Wording::Same);
        check("The 4th workshop on tides", "The fourth workshop on tides", Wording::Same);
        check("Type II clocks", "Type 2 clocks", Wording::Same);
        check(
            "A bandwith for heterogeneous harbours",
            "A bandwidth for heterogenous harbours",
            Wording::Same,
        );
        check("A vision of tides", "A vision for tides", Wording::Same);
        check(
            "Original article. Tides of the north",
            "Tides of the north: brief communication",
            Wording::Same,
        );
        check("Report on the tides of the north", "The tides in the north", Wording::Same);
        check("Brief report", "Original article", Wording::Other);
        check("Declarative harbours with str", "Declarative harbours with structures", Wording::Other);
        check("Declarative harbours with s", "Declarative harbours with structures", Wording::Same);
    }

    #[test]
    fn what_stands_around_a_title_is_found() {
        fn check(long: &str, short: &str, expected: Option<(&str, &str)>) {
            let (long, short) = (words(long), words(short));
            let (long_key, short_key) = (long.concat(), short.concat());
            let found =
                Words { words: &long, key: &long_key }.around(Words { words: &short, key: &short_key });
            let found = found.map(|(front, back)| (front.join(" "), back.join(" ")));
            let expected = expected.map(|(front, back)| (front.to_owned(), back.to_owned()));
            assert_eq!(found, expected, "{long:?} {short:?}");
        }
        check("Comment on: Post-tidal walls (reply)", "The posttidal walls", Some(("comment on", "reply")));
        check("Tides", "Tides", None);
        check("Cohomology", "Homology", None);
        check("Tides and walls", "Walls and tides", None);
    }
}
