//! From text to terms: the same for what is indexed and for what is asked.
//!
//! A text is cut into words, which are folded (NFKD without accents, lower case), freed of stop words,
//! and stemmed as English. Beside its words, a text has terms for what stemming and cutting lose:
//! - *compounds*: words joined by a hyphen and the like are also one term (`SARS-CoV-2` is `sars`, `cov`,
//!   `2` and `sarscov2`; `0.5` is `0`, `5` and `0.5`);
//! - *exact forms*: an acronym that would be stemmed or dropped is also a term in capitals (`AIDS` is
//!   `aid` and `AIDS`; `WHO` is `WHO` alone), and so are names such as `c++`.
//!
//! A text in a script without spaces (Chinese, Japanese) has a term for each character and each pair of
//! neighbours; a query asks for pairs.
//!
//! Whoever changes what a text becomes raises [`VERSION`], so that indexes are built again.

mod fold;
mod latex;
mod stop;
mod words;

use frostem::{Algorithm, Stemmer};

use self::words::{Joint, Script, Word};

/// The version of this analysis, kept with each index.
pub(crate) const VERSION: u32 = 1;

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

/// What a term is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word, folded and stemmed.
    Word,
    /// Words joined.
    Compound,
    /// The form of an acronym or name as written.
    Exact,
    /// A character that also stands in a pair; queries do without it.
    Character,
}

/// The terms of a text, in order of position, and the text in which they stand (which is the one that was
/// given, but with LaTeX's accents and commands taken out).
pub(crate) fn analyze(text: &str) -> (Vec<Token>, std::borrow::Cow<'_, str>) {
    let text = latex::plain(text);
    let mut analysis =
        Analysis { stemmer: Stemmer::new(Algorithm::English), position: 0, tokens: Vec::new() };
    let shouts = words::shouts(&text);
    let mut compound = Compound::default();
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
        analysis.word(&word, &folded, shouts);
        compound.add(&word, &folded, analysis.position);
        analysis.position += 1;
    }
    compound.close(&mut analysis);
    (analysis.tokens, text)
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
    fn word(&mut self, word: &Word<'_>, folded: &str, shouts: bool) {
        let stem = self.stem(folded);
        let is_stop = stop::is_stop_word(folded);
        let is_changed = is_stop || stem != folded;
        if !is_stop {
            self.push(stem, Kind::Word, (word.start, word.end()));
        }
        if is_changed && !shouts && word.is_acronym() {
            self.push(folded.to_ascii_uppercase(), Kind::Exact, (word.start, word.end()));
        }
        if !word.suffix.is_empty() {
            let end = word.end() + word.suffix.len();
            self.push(format!("{folded}{}", word.suffix), Kind::Exact, (word.start, end));
        }
    }

    /// Each character of a run, and each with the next.
    fn characters(&mut self, run: &Word<'_>) {
        let mut previous: Option<(usize, String)> = None;
        let mut chars = run.text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let (start, end) = (run.start + at, run.start + at + c.len_utf8());
            let folded = fold::fold(c.encode_utf8(&mut [0; 4]));
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

    /// The stem of a folded word; one that is not English letters is its own.
    fn stem(&self, folded: &str) -> String {
        if folded.len() > 2 && folded.bytes().all(|byte| byte.is_ascii_lowercase()) {
            self.stemmer.stem(folded).into_owned()
        } else {
            folded.to_owned()
        }
    }

    fn push(&mut self, mut term: String, kind: Kind, (start, end): (usize, usize)) {
        if term.len() > MAX_TERM_BYTES {
            term.truncate((0..=MAX_TERM_BYTES).rev().find(|&at| term.is_char_boundary(at)).unwrap_or(0));
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
