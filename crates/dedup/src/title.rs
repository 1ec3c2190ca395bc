//! A title as it is compared, and what tells two titles that look alike apart.

use cognate_corpus::matching::{self, Signed};

use crate::notes::Bare;
use crate::notice::{self, About, Notice};
use crate::profile::{hash, n_common};
use crate::telling::{self, Telling};
use crate::wording::{Wording, Words};

/// A title's words and what of them names a part, a number or a notice.
#[derive(Debug, Clone)]
pub(crate) struct Title {
    /// All words without spaces between, so that "market places" is "marketplaces".
    pub(crate) key: String,
    pub(crate) words: Vec<String>,
    /// Words with their signs, as "her2" with "+".
    signs: Vec<Signed>,
    /// Hashes of the words with weights, ascending; long words weigh more.
    weighted: Vec<(u32, u32)>,
    /// Runs of three characters in the key, as an ascending multiset.
    trigrams: Vec<u32>,
    /// Numbers in their order: digits, Roman ones where they number a part, and those spelled out.
    pub(crate) numbers: Vec<String>,
    pub(crate) notice: Option<Notice>,
    /// The number of an abstract at its front.
    label: Option<String>,
    /// It is of a paper in another language, or not in the paper's own.
    pub(crate) is_translated: bool,
}

/// Of two titles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeness {
    /// Dice coefficient of the runs of three characters, from 0 to 1.
    pub(crate) similarity: f32,
    /// Part of the shorter title's words that the other has, by weight, from 0 to 1.
    pub(crate) containment: f32,
}

impl Title {
    pub(crate) fn new(title: &str) -> Option<Self> {
        let bare = Bare::new(title);
        let mut words = matching::words(bare.text);
        // A retracted paper is the paper itself, with a mark.
        if words.first().is_some_and(|word| word == "retracted") && words.len() > 2 {
            let is_label = matches!(words[1].as_str(), "article" | "paper");
            words.drain(..if is_label { 2 } else { 1 });
        }
        if words.is_empty() {
            return None;
        }
        let key = words.concat();
        let mut weighted: Vec<(u32, u32)> =
            words.iter().map(|word| (hash(word.as_bytes()), word.chars().count().min(8) as u32)).collect();
        weighted.sort_unstable();
        Some(Self {
            trigrams: trigrams(&key),
            numbers: numbers(&words),
            signs: matching::signs(bare.text),
            notice: notice::of_title(&words).or(bare.notice).or_else(|| notice::of_label(bare.text)),
            label: bare.label,
            is_translated: bare.is_translated,
            key,
            words,
            weighted,
        })
    }

    pub(crate) fn is_equal(&self, other: &Self) -> bool {
        self.key == other.key
    }

    fn spelled(&self) -> Words<'_> {
        Words { words: &self.words, key: &self.key }
    }

    /// How the words of both differ, however they are spelled.
    pub(crate) fn wording(&self, other: &Self) -> Wording {
        if self.is_equal(other) { Wording::Same } else { self.spelled().compare(other.spelled()) }
    }

    /// Words that this one has and the other in no spelling.
    pub(crate) fn lacking_in<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        self.spelled().lacking_in(other.spelled())
    }

    /// What the words say that one title has around the other: that it is about the other, or what sort of article it is.
    pub(crate) fn about(&self, other: &Self) -> Option<About> {
        let around =
            self.spelled().around(other.spelled()).or_else(|| other.spelled().around(self.spelled()));
        let (front, back) = around?;
        let shorter = self.words.len().min(other.words.len());
        if shorter < 2 { None } else { notice::around_title(front, back) }
    }

    /// By what two titles that are alike tell two papers apart, numbers aside.
    pub(crate) fn told_apart_by(&self, other: &Self) -> Option<Telling> {
        if telling::has_other_signs((&self.signs, &self.words), (&other.signs, &other.words)) {
            return Some(Telling::Signs);
        }
        if self.is_equal(other) {
            return None;
        }
        if telling::has_other_letters(&self.words, &other.words) {
            return Some(Telling::Letters);
        }
        telling::has_opposites((&self.words, &self.key), (&other.words, &other.key))
            .then_some(Telling::Opposites)
    }

    pub(crate) fn likeness(&self, other: &Self) -> Likeness {
        let n_trigrams = self.trigrams.len() + other.trigrams.len();
        let similarity = 2.0 * n_common(&self.trigrams, &other.trigrams) as f32 / n_trigrams.max(1) as f32;
        let weight = |words: &[(u32, u32)]| words.iter().map(|(_, weight)| weight).sum::<u32>();
        let shorter = weight(&self.weighted).min(weight(&other.weighted));
        let containment = common_weight(&self.weighted, &other.weighted) as f32 / shorter.max(1) as f32;
        if self.is_equal(other) {
            return Likeness { similarity: 1.0, containment: 1.0 };
        }
        Likeness { similarity, containment }
    }

    /// Whether it is of those that many papers have, so that two of the same are often two papers.
    pub(crate) fn is_generic(&self) -> bool {
        #[rustfmt::skip]
        const WORDS: [&str; 60] = [
            "a", "abstracts", "acknowledgements", "acknowledgments", "address", "an", "announcement", "announcements",
            "appendix", "author", "authors", "bibliography", "board", "book", "books", "call", "chair", "column",
            "commentary", "conclusion", "conclusions", "conference", "contents", "contributors", "correspondence",
            "discussion", "editor", "editorial", "editors", "for", "foreword", "from", "glossary", "guest", "index",
            "introduction", "invited", "issue", "keynote", "letter", "letters", "list", "message", "news", "note",
            "obituary", "of", "panel", "preface", "program", "report", "review", "reviewers", "reviews", "special",
            "subject", "summary", "table", "the", "to",
        ];
        self.words.iter().all(|word| WORDS.contains(&word.as_str()))
    }

    /// Whether it is one that comes again each year or month.
    pub(crate) fn is_serial(&self) -> bool {
        const WORDS: [&str; 14] = [
            "almanac",
            "annual",
            "biennial",
            "bulletin",
            "monthly",
            "newsletter",
            "proceedings",
            "quarterly",
            "report",
            "reports",
            "statistics",
            "update",
            "weekly",
            "yearbook",
        ];
        const MAX_WORDS: usize = 6;
        self.words.len() <= MAX_WORDS && self.words.iter().any(|word| WORDS.contains(&word.as_str()))
    }

    /// Whether both have numbers that the other has not: "Part I" and "Part II", two years of a series.
    pub(crate) fn has_other_numbers(&self, other: &Self) -> bool {
        // As often as it is there: "Two surfaces I" and "Two surfaces II" are 2, 1 and 2, 2.
        let n_of = |numbers: &[String], wanted: &String| numbers.iter().filter(|n| *n == wanted).count();
        let lacks = |a: &[String], b: &[String]| a.iter().any(|number| n_of(a, number) > n_of(b, number));
        lacks(&self.numbers, &other.numbers) && lacks(&other.numbers, &self.numbers)
    }

    /// Whether both are numbered as abstracts, and not alike.
    pub(crate) fn has_other_label(&self, other: &Self) -> bool {
        self.label.as_ref().zip(other.label.as_ref()).is_some_and(|(a, b)| a != b)
    }

    /// How many words each of the two has that the other has in no spelling, the lower number: "in adult patients"
    /// and "in adolescent patients" have one.
    pub(crate) fn n_replaced(&self, other: &Self) -> usize {
        let lacks = |title: &Self, word: &str| {
            !title.key.contains(word) && !title.words.iter().any(|theirs| is_spelling_of(word, theirs))
        };
        let n_only = |a: &Self, b: &Self| {
            a.words.iter().filter(|word| word.chars().count() >= MIN_TELLING && lacks(b, word)).count()
        };
        n_only(self, other).min(n_only(other, self))
    }

    /// Whether it is the other with a number at its end: "X II" or "X, Part 2", and "X".
    pub(crate) fn is_part_of_series(&self, other: &Self) -> bool {
        let Some((last, rest)) = self.words.split_last() else { return false };
        let rest = match rest.split_last() {
            Some((word, rest)) if is_part(word) => rest,
            _ => rest,
        };
        let is_number = roman(last).is_some() || last.bytes().all(|byte| byte.is_ascii_digit());
        is_number && rest == other.words
    }

    /// Whether one has numbers and the other none: "X" and "X, Part II".
    pub(crate) fn has_more_numbers(&self, other: &Self) -> bool {
        self.numbers.is_empty() != other.numbers.is_empty()
    }
}

/// Shorter words are hardly ever what tells two titles apart.
const MIN_TELLING: usize = 4;

/// Whether two words may be one, in other spelling ("haemolytic"), in another form ("patient") or mistyped.
fn is_spelling_of(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() >= MIN_TELLING && long.starts_with(short) {
        return true;
    }
    if have_opposite_beginnings(a, b) {
        return false;
    }
    let most = match short.len() {
        0..6 => 0,
        6..9 => 1,
        _ => 2,
    };
    n_edits(short.as_bytes(), long.as_bytes(), most) <= most
}

/// Whether two words begin as those of opposite meaning do.
pub(crate) fn have_opposite_beginnings(a: &str, b: &str) -> bool {
    let opposes = |a: &str, b: &str| OPPOSITES.iter().any(|(x, y)| a.starts_with(x) && b.starts_with(y));
    opposes(a, b) || opposes(b, a)
}

/// Beginnings that make words of opposite meaning, few letters apart.
const OPPOSITES: [(&str, &str); 8] = [
    ("hyper", "hypo"),
    ("increas", "decreas"),
    ("intra", "inter"),
    ("intra", "extra"),
    ("afferent", "efferent"),
    ("adduct", "abduct"),
    ("inclu", "exclu"),
    ("pre", "pro"),
];

/// Letters to put in, leave out or replace, or more than `most`.
fn n_edits(a: &[u8], b: &[u8], most: usize) -> usize {
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            let least = replaced.min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[b.len()]
}

fn common_weight(a: &[(u32, u32)], b: &[(u32, u32)]) -> u32 {
    let (mut i, mut j, mut sum) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        i += usize::from(x <= y);
        j += usize::from(y <= x);
        sum += if x == y { x.1 } else { 0 };
    }
    sum
}

fn trigrams(key: &str) -> Vec<u32> {
    let padded: Vec<char> = "  ".chars().chain(key.chars()).chain("  ".chars()).collect();
    let runs = padded.windows(3).map(|run| hash(run.iter().collect::<String>().as_bytes()));
    let mut trigrams: Vec<u32> = runs.collect();
    trigrams.sort_unstable();
    trigrams
}

fn numbers(words: &[String]) -> Vec<String> {
    let mut numbers = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let after_part = index > 0 && is_part(&words[index - 1]);
        let is_last = index > 0 && index + 1 == words.len();
        if word.bytes().any(|byte| byte.is_ascii_digit()) {
            numbers.push(without_ordinal(word).to_owned());
        } else if let Some(number) = roman(word).filter(|_| word.len() > 1 || after_part || is_last) {
            numbers.push(number.to_string());
        } else if after_part && word.len() == 1 {
            numbers.push(word.clone());
        } else if let Some(number) = spelled(word) {
            numbers.push(number.to_string());
        }
    }
    numbers
}

/// "4" of "4th".
fn without_ordinal(word: &str) -> &str {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_ordinal = matches!(&word[digits.len()..], "st" | "nd" | "rd" | "th");
    if is_ordinal && digits.bytes().all(|byte| byte.is_ascii_digit()) { digits } else { word }
}

fn is_part(word: &str) -> bool {
    matches!(
        word,
        "part"
            | "pt"
            | "volume"
            | "vol"
            | "chapter"
            | "section"
            | "paper"
            | "number"
            | "no"
            | "phase"
            | "study"
            | "type"
    )
}

fn roman(word: &str) -> Option<u32> {
    const NUMERALS: [&str; 20] = [
        "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi",
        "xvii", "xviii", "xix", "xx",
    ];
    (1..).zip(NUMERALS).find(|(_, numeral)| *numeral == word).map(|(number, _)| number)
}

/// The digits of a number in words, of an ordinal ("4th") and of a Roman number of two letters or more.
pub(crate) fn number(word: &str) -> Option<String> {
    let in_words =
        roman(word).filter(|_| word.len() > 1).or_else(|| spelled(word)).map(|number| number.to_string());
    in_words
        .or_else(|| word.bytes().any(|byte| byte.is_ascii_digit()).then(|| without_ordinal(word).to_owned()))
}

fn spelled(word: &str) -> Option<u32> {
    Some(match word {
        "one" | "first" => 1,
        "two" | "second" => 2,
        "three" | "third" => 3,
        "four" | "fourth" => 4,
        "five" | "fifth" => 5,
        "six" | "sixth" => 6,
        "seven" | "seventh" => 7,
        "eight" | "eighth" => 8,
        "nine" | "ninth" => 9,
        "ten" | "tenth" => 10,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(text: &str) -> Title {
        Title::new(text).unwrap()
    }

    #[test]
    fn parts_and_numbers_tell_titles_apart() {
        fn check(a: &str, b: &str, expected: bool) {
            assert_eq!(title(a).has_other_numbers(&title(b)), expected, "{a} / {b}");
        }
        check("Cluster validity methods: Part I", "Clustering validity checking methods: Part II", true);
        check("Cluster validity methods: Part 2", "Cluster validity methods, part II", false);
        check("Two surfaces I", "Two surfaces II", true);
        check("Part One of a story", "Part Two of a story", true);
        check("Vitamin B12 levels", "Vitamin B6 levels", true);
        check("A survey", "A survey II", false);
        check("Do I need it", "Do you need it", false);
        check("Proceedings of the 3rd Workshop", "Proceedings of the third workshop", false);
        assert!(title("A survey").has_more_numbers(&title("A survey II")));
        let is_next = |a: &str, b: &str| title(a).is_part_of_series(&title(b));
        assert!(is_next("A survey II", "A survey") && is_next("A survey, part 2", "A Survey"));
        assert!(!is_next("A survey", "A survey II") && !is_next("A survey of it", "A survey"));
    }

    #[test]
    fn signs_letters_and_opposites_tell_titles_apart() {
        fn check(a: &str, b: &str, expected: Option<Telling>) {
            assert_eq!(title(a).told_apart_by(&title(b)), expected, "{a} / {b}");
            assert_eq!(title(b).told_apart_by(&title(a)), expected, "{b} / {a}");
        }
        check("Relapse of HER2+ tumours", "Relapse of HER2- tumours", Some(Telling::Signs));
        check("Relapse of HER2+ tumours", "Relapse of HER2− tumours", Some(Telling::Signs));
        check("CD4<sup>+</sup> cells in sepsis", "CD4(-) cells in sepsis", Some(Telling::Signs));
        check("CD4⁺ cells in sepsis", "CD4 $^{+}$ cells in sepsis", None);
        check("CD4+ cells in sepsis", "CD4(+) cells in sepsis", None);
        check("CD4+ cells in sepsis", "CD4 cells in sepsis", None);
        check("Falls in people aged < 65 years", "Falls in people aged ≥ 65 years", Some(Telling::Signs));
        check("Falls in people aged &lt;65 years", "Falls in people aged >65 years", Some(Telling::Signs));
        check("Falls in people aged >= 65 years", "Falls in people aged \\geq 65 years", None);
        check("Falls in people aged > or =65 years", "Falls in people aged ≥65 years", None);
        check("C programming for the impatient", "C++ programming for the impatient", Some(Telling::Signs));
        check("C# programming", "C++ programming", Some(Telling::Signs));
        check("Long- and short-term loss", "Long and short-term loss", None);
        check("Vitamin D and the hip", "Vitamin E and the hip", Some(Telling::Letters));
        check("Hepatitis B vaccination", "Hepatitis C vaccination", Some(Telling::Letters));
        check("Effect of drug A on sleep", "Effect of drug B on sleep", Some(Telling::Letters));
        check("Factor V in the blood", "Factor VIII in the blood", Some(Telling::Letters));
        check("TGF-α in scars", "TGF-β in scars", Some(Telling::Letters));
        check("Parkinson s disease, a review", "Parkinson's disease: a review", None);
        check("Falls in men", "Falls in women", Some(Telling::Opposites));
        check("Falls in men and women", "Falls in women and men", None);
        check("Repair with mesh", "Repair without mesh", Some(Telling::Opposites));
        check("Clots in vitro", "Clots in vivo", Some(Telling::Opposites));
        check("Hyperkalemia in mice", "Hypokalemia in mice", Some(Telling::Opposites));
        check("Falls of smokers", "Falls of non-smokers", Some(Telling::Opposites));
        check("Non-smokers and falls", "Nonsmokers and falls", None);
    }

    #[test]
    fn titles_that_many_papers_have_are_known() {
        assert!(title("Guest Editorial").is_generic());
        assert!(title("Book review column").is_generic());
        assert!(!title("A review of graph search").is_generic());
    }

    #[test]
    fn words_of_other_meaning_are_told_from_other_spellings() {
        fn check(a: &str, b: &str, expected: usize) {
            assert_eq!(
                (title(a).n_replaced(&title(b)), title(b).n_replaced(&title(a))),
                (expected, expected),
                "{a} / {b}"
            );
        }
        check("Clots in adult patients", "Clots in adolescent patients", 1);
        check("Hyperglycemia in mice", "Hypoglycemia in mice", 1);
        check("Clots resistant to plasma", "Clots sensitive to plasma", 1);
        check("Haemolytic uraemic syndrome", "Hemolytic uremic syndromes", 0);
        check("Post-traumatic confusion", "Posttraumatic confusion", 0);
        check("Stabilizes plaques in mice", "Plaques in mice: stabilises", 0);
        check("Clots", "Clots: a comparative study", 0);
    }

    #[test]
    fn likeness_is_by_letters_and_by_words() {
        let likeness = |a: &str, b: &str| title(a).likeness(&title(b));
        assert_eq!(likeness("Market places", "Marketplaces").similarity, 1.0);
        let cut = likeness(
            "Starts: Stanford proposal for searching (experience paper)",
            "Starts: Stanford proposal for searching",
        );
        assert!(cut.containment == 1.0 && cut.similarity > 0.75, "{cut:?}");
        let typo = likeness(
            "Efficient and tunable similar set retrieval",
            "Efficient and tumble similar set retrieval",
        );
        assert!(typo.similarity > 0.85, "{typo:?}");
        assert!(likeness("Dark matter halos", "Bat echolocation").similarity < 0.2);
    }
}
