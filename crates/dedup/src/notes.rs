//! What sources add to a title: notes on errata, languages, comments, numbers of abstracts.

use crate::notice::Notice;

/// A title without what was added to it, and what that tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bare<'a> {
    pub(crate) text: &'a str,
    /// It is a translation ("[…]", as PubMed writes it) or names the language of the paper ("… [French]").
    pub(crate) is_translated: bool,
    /// The number of an abstract, as "P001: …" has it.
    pub(crate) label: Option<String>,
    /// It ends with where another paper is ("(vol 360, pg 542, 2009)"): a correction of that.
    pub(crate) notice: Option<Notice>,
}

impl<'a> Bare<'a> {
    pub(crate) fn new(title: &'a str) -> Self {
        let mut bare = Self { text: title.trim(), is_translated: false, label: None, notice: None };
        while bare.drop_note() {}
        let text = bare.text.trim_end_matches('.');
        if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'))
            && !inner.contains(['[', ']'])
        {
            (bare.text, bare.is_translated) = (inner.trim(), true);
        }
        if let Some((label, rest)) = label(bare.text) {
            (bare.text, bare.label) = (rest, Some(label));
        }
        bare
    }

    /// Takes a note off the end; `false` where there is none.
    fn drop_note(&mut self) -> bool {
        let text = self.text.trim_end_matches(['.', ' ']);
        // "… [Erratum appears in …" may be cut off.
        let open = text.rfind('[').filter(|&at| at > 0);
        if let Some(at) = open {
            let inner = text[at + 1..].to_lowercase();
            let (inside, behind) = inner.split_once(']').unwrap_or((&inner, ""));
            let is_language = is_language(inside);
            if behind.trim_matches(['.', ' ']).is_empty() && (is_language || is_note(inside)) {
                self.is_translated |= is_language;
                self.text = text[..at].trim_end();
                return true;
            }
            // Brackets within brackets: "[Erratum appears in X. 2009;9(9):2205 Note: Niauif, P [added]]".
            let outer = text[..at].rfind('[').filter(|&outer| outer > 0);
            if let Some(outer) = outer.filter(|&outer| is_note(&text[outer + 1..].to_lowercase())) {
                self.text = text[..outer].trim_end();
                return true;
            }
        }
        if let Some(at) = text.rfind('(').filter(|&at| at > 0) {
            let inside = text[at + 1..].trim_end_matches(')').to_lowercase();
            if SORTS.contains(&inside.trim()) {
                self.text = text[..at].trim_end();
                return true;
            }
        }
        // "Tides - book review"
        if let Some((front, behind)) = text
            .rsplit_once([" - ", " – ", " — "].into_iter().find(|dash| text.contains(dash)).unwrap_or(" - "))
            && SORTS_BEHIND_DASH.contains(&&*behind.trim().to_lowercase())
        {
            self.text = front.trim_end();
            return true;
        }
        if let Some(at) = citation(text) {
            self.text = text[..at].trim_end();
            self.notice = Some(Notice::Correction);
            return true;
        }
        // "… N Engl J Med. 2009 Jan 29;360(5):544-6": CINAHL names the paper that a letter is about.
        if let Some(at) = text.find("... ").filter(|&at| at > 0) {
            let behind = &text[at + 4..];
            let is_citation = behind.contains(';') && behind.bytes().filter(u8::is_ascii_digit).count() >= 6;
            if is_citation || behind.starts_with('[') {
                self.text = text[..at].trim_end();
                return true;
            }
        }
        false
    }
}

/// What an article is, where its title says so in parentheses.
const SORTS: [&str; 23] = [
    "multiple letters",
    "letter",
    "abstract",
    "author's transl",
    "authors transl",
    "review",
    "panel",
    "panel session",
    "panel abstract",
    "tutorial",
    "demonstration",
    "demonstration description",
    "experience paper",
    "extended abstract",
    "invited paper",
    "invited talk",
    "keynote",
    "extended version",
    "book review",
    "thesis",
    "phd thesis",
    "doctoral thesis",
    "dissertation",
];

/// Those that stand behind a dash, too.
const SORTS_BEHIND_DASH: [&str; 5] = ["book review", "panel", "tutorial", "abstract", "extended abstract"];

fn is_note(inside: &str) -> bool {
    const STARTS: [&str; 18] = [
        "erratum",
        "published erratum",
        "corrected",
        "correction",
        "retraction in",
        "retracted in",
        "comment",
        "see comment",
        "letter",
        "abstract",
        "review",
        "editorial",
        "republished",
        "update",
        "summary for patients",
        "reprint",
        "withdrawn",
        "conference abstract",
    ];
    let is_number = !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit());
    is_number || STARTS.iter().any(|start| inside.starts_with(start))
}

fn is_language(inside: &str) -> bool {
    const LANGUAGES: [&str; 30] = [
        "arabic",
        "bulgarian",
        "chinese",
        "croatian",
        "czech",
        "danish",
        "dutch",
        "english",
        "finnish",
        "french",
        "german",
        "greek",
        "hebrew",
        "hungarian",
        "italian",
        "japanese",
        "korean",
        "lithuanian",
        "norwegian",
        "persian",
        "polish",
        "portuguese",
        "romanian",
        "russian",
        "serbian",
        "slovak",
        "spanish",
        "swedish",
        "turkish",
        "ukrainian",
    ];
    let words = || inside.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    words().any(|word| LANGUAGES.contains(&word))
        && words().all(|word| LANGUAGES.contains(&word) || word == "in" || word == "and")
}

/// Where a citation begins that ends a title: "(vol 360, pg 542, 2009)", "(Journal (2009) 360 (542-544))".
fn citation(text: &str) -> Option<usize> {
    if !text.ends_with(')') {
        return None;
    }
    let mut depth = 0_usize;
    for (at, c) in text.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' if depth == 1 => {
                let inside = text[at + 1..text.len() - 1].to_lowercase();
                let numbers = inside.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
                let n_numbers = numbers.clone().count();
                let has_year =
                    numbers.clone().any(|digits| digits.len() == 4 && matches!(&digits[..2], "19" | "20"));
                let is_volume = inside.starts_with("vol ") || inside.starts_with("vol. ");
                return (at > 0 && n_numbers >= 3 && has_year && (is_volume || inside.contains('(')))
                    .then_some(at);
            }
            '(' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// "P001: Sleep of pilots" is the abstract P001, of the rest.
fn label(text: &str) -> Option<(String, &str)> {
    let end = text.find([':', '.', ')', ' ']).filter(|&end| end <= 10)?;
    let (mut front, mut rest) = text.split_at(end);
    let is_word =
        |word: &str| matches!(&*word.to_lowercase(), "abstract" | "poster" | "oral" | "paper" | "no" | "#");
    if is_word(front) {
        let behind = rest.trim_start_matches([' ', '.', '#']);
        let end = behind.find([':', '.', ')', ' '])?;
        (front, rest) = behind.split_at(end);
    }
    let digits = front.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start_matches(['-', '#']);
    let letters = front.len() - front.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
    let is_label =
        letters <= 2 && (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_set_off = rest.starts_with([':', '.', ')']) && rest[1..].starts_with(' ');
    let name = front[..letters].to_lowercase() + digits.trim_start_matches('0');
    (is_label && is_set_off).then(|| (name, rest[1..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sources_add_is_taken_off() {
        fn check(title: &str, expected: (&str, bool, Option<&str>, bool)) {
            let (text, is_translated, label, is_correction) = expected;
            let found = Bare::new(title);
            let notice = is_correction.then_some(Notice::Correction);
            let label = label.map(str::to_owned);
            assert_eq!(found, Bare { text, is_translated, label, notice }, "{title}");
        }
        check("Tides and clots. [French]", ("Tides and clots.", true, None, false));
        check("[Tides and clots]", ("Tides and clots", true, None, false));
        check("[Tides and clots].", ("Tides and clots", true, None, false));
        check(
            "Tides.[Erratum appears in J Tide. 2009 Sep;9(9):2205 Note: Moss, I [added]]",
            ("Tides.", false, None, false),
        );
        check("Tides and clots.[Erratum", ("Tides and clots.", false, None, false));
        check("Tides (multiple letters) [1]", ("Tides", false, None, false));
        check("Tides (vol 360, pg 542, 2009)", ("Tides", false, None, true));
        check("Tides (Journal of Tides (2009) 360 (542-544))", ("Tides", false, None, true));
        check("More on tides... J Tide. 2009 Jan 29;360(5):544-6", ("More on tides", false, None, false));
        check("P001: Sleep of pilots", ("Sleep of pilots", false, Some("p1"), false));
        check("Abstract 12: Sleep of pilots", ("Sleep of pilots", false, Some("12"), false));
        check("COVID-19: a review", ("COVID-19: a review", false, None, false));
        check("Tides (2009)", ("Tides (2009)", false, None, false));
        check("Synthesis of [60]fullerene", ("Synthesis of [60]fullerene", false, None, false));
        check("[18F]FDG in tides [abstract]", ("[18F]FDG in tides", false, None, false));
        check("[", ("[", false, None, false));
        check("(é", ("(é", false, None, false));
    }
}
