//! From text to terms: the same for what is indexed and for what is asked.
//!
//! A text is freed of what cannot be seen and of LaTeX, and cut into words, which are folded (NFKD without
//! accents, lower case), freed of stop words, spelled as in America, and stemmed as English. Beside its words, a text has terms for what stemming and cutting lose:
//! - *compounds*: words joined by a hyphen and the like are also one term (`SARS-CoV-2` is `sars`, `cov`,
//!   `2` and `sarscov2`; `0.5` is `0`, `5` and `0.5`);
//! - *exact forms*: an acronym that would be stemmed or dropped is also a term in capitals (`AIDS` is
//!   `aid` and `AIDS`; `WHO` is `WHO` alone), and so are the letter of `vitamin A` and names such as `c++`;
//! - *variants*: the other spelling of an umlaut (`Müller` is `muller` and `mueller`);
//! - *wholes*: a text of stop words alone is one term (`To be or not to be`), so that such a title can be asked for.
//!
//! A text in a script whose words have nothing between them (Chinese, Japanese, Thai, Lao, Khmer, Burmese), or
//! are joined to particles (Korean), has a term for each character and each pair of neighbours; a query asks for
//! pairs. No dictionary cuts such words, because it cuts them otherwise within a sentence than alone.
//!
//! Whoever changes what a text becomes raises [`VERSION`], so that indexes are built again.

mod formula;
mod latex;
mod spelling;
mod stop;
mod words;

use std::borrow::Cow;

use frostem::{Algorithm, Stemmer};

use self::words::{Joint, Script, Word};
use cognate_fold as fold;
pub use cognate_fold::{fold, fold_to_digraphs};

/// The version of this analysis, kept with each index.
pub(crate) const VERSION: u32 = 4;

/// Terms are cut to this many bytes, in the index and in queries alike.
const MAX_TERM_BYTES: usize = 64;

/// Words of a compound that are joined at the most: longer ones are paths and lists.
const MAX_PARTS: usize = 8;

/// A term and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) term: String,
    /// The number of its word in the text; stop words count too. A compound has that of its last word.
    pub(crate) position: u32,
    pub(crate) kind: Kind,
    /// Bytes of the text returned beside the tokens.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    /// A spelling, whose place in the text does not matter.
    pub(crate) fn of_spelling(term: String) -> Self {
        Self { term, position: 0, kind: Kind::Word, start: 0, end: 0 }
    }
}

/// What a term is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word, folded and stemmed.
    Word,
    /// Words joined.
    Compound,
    /// The form of an acronym or name as written.
    Exact,
    /// Another spelling of a word.
    Variant,
    /// A character that also stands in a pair; queries do without it.
    Character,
    /// All words of a text that has none but stop words, with spaces.
    Whole,
}

/// The terms of a text, in order of position, and the text in which they stand (which is the one that was
/// given, but without LaTeX and what cannot be seen).
pub(crate) fn analyze(text: &str) -> (Vec<Token>, Cow<'_, str>) {
    let text = plain(text);
    let mut analysis =
        Analysis { stemmer: Stemmer::new(Algorithm::English), position: 0, tokens: Vec::new() };
    let shouts = words::shouts(&text);
    let mut compound = Compound::default();
    let mut whole = String::new();
    for word in words::words(&text) {
        if word.joint == Joint::Apart {
            compound.close(&mut analysis);
        }
        if word.script == Script::Unspaced {
            analysis.characters(&word);
            continue;
        }
        if word.is_possessive() {
            compound.end = compound.end.max(word.end());
            continue;
        }
        let folded = fold::fold(word.text);
        if folded.is_empty() {
            continue;
        }
        if analysis.tokens.is_empty() && whole.len() < MAX_TERM_BYTES {
            whole.push_str(if whole.is_empty() { "" } else { " " });
            whole.push_str(&folded);
        }
        let is_exact = !shouts && word.is_acronym(&text);
        analysis.word(&word, &folded, is_exact);
        compound.add(&word, spelling::american(&folded), analysis.position);
        analysis.position += 1;
    }
    compound.close(&mut analysis);
    if analysis.tokens.is_empty() && !whole.is_empty() {
        analysis.position = 0;
        analysis.push(whole, Kind::Whole, (0, text.len()));
    }
    (analysis.tokens, text)
}

/// [`analyze`] for what is asked for by itself: a capital that is a stop word begins no sentence there, so that `A` is the letter
/// of `vitamin A`.
pub(crate) fn analyze_phrase(text: &str) -> (Vec<Token>, Cow<'_, str>) {
    let (mut tokens, text) = analyze(text);
    if let [token] = tokens.as_mut_slice()
        && token.kind == Kind::Whole
        && text.trim().len() == 1
    {
        token.term = text.trim().to_ascii_uppercase();
        token.kind = Kind::Exact;
    }
    (tokens, text)
}

/// The words of a text that are nothing but letters, folded, but neither stemmed nor spelled otherwise: what a
/// word that no text has may have been meant to be.
pub(crate) fn spellings(text: &str) -> Vec<String> {
    let text = plain(text);
    let mut found: Vec<String> = words::words(&text)
        .filter(|word| word.script == Script::Spaced)
        .map(|word| fold::fold(word.text))
        .filter(|folded| is_spelling(folded))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a folded word is long enough to be corrected, or to be what another is corrected to.
pub(crate) fn is_spelling(folded: &str) -> bool {
    (4..=MAX_TERM_BYTES).contains(&folded.len()) && folded.chars().all(char::is_alphabetic)
}

/// Whether a term is one letter: initials of authors are no `A` of `vitamin A`.
pub(crate) fn is_letter(term: &str) -> bool {
    term.len() == 1 && term.as_bytes()[0].is_ascii_alphabetic()
}

/// The term of a word that is one of [`spellings`].
pub(crate) fn term_of_spelling(folded: &str) -> String {
    let stemmer = Stemmer::new(Algorithm::English);
    Analysis { stemmer, position: 0, tokens: Vec::new() }.stem(folded)
}

/// A text without LaTeX and what cannot be seen.
fn plain(text: &str) -> Cow<'_, str> {
    let text: Cow<'_, str> = match text.contains(fold::is_ignorable) {
        true => Cow::Owned(text.chars().filter(|c| !fold::is_ignorable(*c)).collect()),
        false => Cow::Borrowed(text),
    };
    match text {
        Cow::Borrowed(text) => match formula::joined(text) {
            Cow::Borrowed(text) => latex::plain(text),
            Cow::Owned(text) => Cow::Owned(latex::plain(&text).into_owned()),
        },
        Cow::Owned(text) => Cow::Owned(latex::plain(&formula::joined(&text)).into_owned()),
    }
}

/// A word of a text that is no stop word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextWord {
    /// Folded and stemmed.
    pub stem: String,
    /// As it stands in the text, without LaTeX.
    pub surface: String,
    /// The number of the word in the text; stop words count too.
    pub position: u32,
}

/// The words of a text as the index has them, for whoever wants to name what texts are about.
#[must_use]
pub fn words_of(text: &str) -> Vec<TextWord> {
    let (tokens, text) = analyze(text);
    let words = tokens.into_iter().filter(|token| token.kind == Kind::Word);
    words
        .map(|token| TextWord {
            surface: text.get(token.start..token.end).unwrap_or_default().to_owned(),
            stem: token.term,
            position: token.position,
        })
        .collect()
}

/// The tokens found so far.
struct Analysis {
    stemmer: Stemmer,
    position: u32,
    tokens: Vec<Token>,
}

impl Analysis {
    fn word(&mut self, word: &Word<'_>, folded: &str, is_exact: bool) {
        let stem = self.stem(folded);
        // `Å` is no article.
        let is_stop = word.text.is_ascii() && stop::is_stop_word(folded);
        let is_changed = is_stop || stem != folded;
        if !is_stop {
            self.push(stem, Kind::Word, (word.start, word.end()));
        }
        if is_changed && is_exact {
            self.push(folded.to_ascii_uppercase(), Kind::Exact, (word.start, word.end()));
        }
        if let Some(variant) = fold::fold_to_digraphs(word.text) {
            let variant = self.stem(&variant);
            self.push(variant, Kind::Variant, (word.start, word.end()));
        }
        if !word.suffix.is_empty() {
            let end = word.end() + word.suffix.len();
            self.push(format!("{folded}{}", word.suffix), Kind::Exact, (word.start, end));
        }
    }

    /// Each character of a run, and each with the next.
    fn characters(&mut self, run: &Word<'_>) {
        let mut previous: Option<(usize, String)> = None;
        let mut chars = words::clusters(run.text).peekable();
        while let Some((at, c)) = chars.next() {
            let (start, end) = (run.start + at, run.start + at + c.len());
            let folded = fold::fold(c);
            if folded.is_empty() {
                continue;
            }
            let is_alone = previous.is_none() && chars.peek().is_none();
            if let Some((start, before)) = previous.take() {
                self.position -= 1;
                self.push(format!("{before}{folded}"), Kind::Word, (start, end));
                self.position += 1;
            }
            let kind = if is_alone { Kind::Word } else { Kind::Character };
            self.push(folded.clone(), kind, (start, end));
            self.position += 1;
            previous = Some((start, folded));
        }
    }

    /// The stem of a folded word, as spelled in America; one that is not English letters is its own.
    fn stem(&self, folded: &str) -> String {
        let folded = spelling::american(folded);
        if folded.len() > 2 && folded.bytes().all(|byte| byte.is_ascii_lowercase()) {
            self.stemmer.stem(folded).into_owned()
        } else {
            folded.to_owned()
        }
    }

    fn push(&mut self, mut term: String, kind: Kind, (start, end): (usize, usize)) {
        if term.len() > MAX_TERM_BYTES {
            term.truncate(term.floor_char_boundary(MAX_TERM_BYTES));
        }
        self.tokens.push(Token { term, position: self.position, kind, start, end });
    }
}

/// Words that stand joined, as far as they were read.
#[derive(Default)]
struct Compound {
    joined: String,
    n_parts: usize,
    start: usize,
    end: usize,
    position: u32,
}

impl Compound {
    fn add(&mut self, word: &Word<'_>, folded: &str, position: u32) {
        if self.n_parts == 0 {
            self.start = word.start;
        }
        if let Joint::By(connector) = word.joint
            && self.joined.ends_with(|c: char| c.is_ascii_digit())
            && folded.starts_with(|c: char| c.is_ascii_digit())
        {
            // 0.5 is not 05, and 1-2 is not 12.
            self.joined.push(connector);
        }
        self.joined.push_str(folded);
        (self.n_parts, self.end, self.position) = (self.n_parts + 1, word.end(), position);
    }

    fn close(&mut self, analysis: &mut Analysis) {
        if (2..=MAX_PARTS).contains(&self.n_parts) {
            let term = analysis.stem(&self.joined);
            let next = std::mem::replace(&mut analysis.position, self.position);
            analysis.push(term, Kind::Compound, (self.start, self.end));
            analysis.position = next;
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
