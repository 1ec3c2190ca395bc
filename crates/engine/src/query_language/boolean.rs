//! Queries of marks alone: `(cloud computing | virtualization) +security -privacy`, as Semantic Scholar's search in bulk
//! has them.
//!
//! Words that stand beside each other must all be there, as with `+`; `|` is or, `-` leaves out, quotation marks make a
//! phrase, `neuro*` is the beginning of a word, and brackets group. `AND`, `OR` and `NOT` in capitals are `+`, `|` and
//! `-`, as whoever writes them means them.

use cognate_keyword::{MAX_QUERY_PHRASES, Part, Query};

use super::{MIN_PREFIX, Understood, quoted};
use crate::error::EngineError;
use crate::filter::Filter;

/// Brackets in each other at the most.
const MAX_DEPTH: usize = 32;

/// Reads such a query.
///
/// # Errors
/// [`EngineError::InvalidRequest`] where a bracket or phrase is open, something stands on one side alone of `|`, the beginning
/// of a word is too short, or more is asked than a query can hold.
pub(crate) fn boolean(query: &str) -> Result<Understood, EngineError> {
    let mut reader = Reader { query, rest: query, depth: 0 };
    let expression = reader.any()?;
    reader.skip_space();
    if !reader.rest.is_empty() {
        return Err(reader.refused("no bracket that closes what was not opened"));
    }
    let mut words = Query::default();
    let mut text: Vec<&str> = Vec::new();
    let mut n_parts = 0;
    for clause in clauses(&expression, false, query)? {
        n_parts += clause.len();
        match clause.as_slice() {
            // Left out of everything.
            [Part::NotPhrase(phrase)] => words.exclude(phrase),
            [Part::NotPrefix(prefix)] => words.exclude_prefix(prefix),
            _ => words.require_one_of(&clause),
        }
        for part in clause.iter().filter_map(text_of) {
            if !text.contains(&part) {
                text.push(part);
            }
        }
    }
    if n_parts > MAX_QUERY_PHRASES {
        let expected =
            format!("at most {MAX_QUERY_PHRASES} words and phrases, once brackets are multiplied out");
        return Err(refused(expected, format!("{n_parts}")));
    }
    Ok(Understood { text: text.join(" "), words, filter: Filter::default(), as_text: None })
}

/// What a part says of what is wanted.
fn text_of<'a>(part: &Part<'a>) -> Option<&'a str> {
    match *part {
        Part::Phrase(text) | Part::Prefix(text) => Some(text),
        Part::NotPhrase(_) | Part::NotPrefix(_) => None,
    }
}

fn refused(expected: impl Into<String>, found: impl Into<String>) -> EngineError {
    EngineError::InvalidRequest { parameter: "query", expected: expected.into(), found: found.into() }
}

enum Expression<'a> {
    Part(Part<'a>),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// An expression as clauses that must all be true, of each of which one part must be.
fn clauses<'a>(
    expression: &Expression<'a>,
    is_excluded: bool,
    query: &str,
) -> Result<Vec<Vec<Part<'a>>>, EngineError> {
    let (parts, is_all) = match expression {
        Expression::Part(part) if is_excluded => return Ok(vec![vec![part.negated()]]),
        Expression::Part(part) => return Ok(vec![vec![*part]]),
        Expression::Not(inner) => return clauses(inner, !is_excluded, query),
        Expression::All(parts) => (parts, !is_excluded),
        Expression::Any(parts) => (parts, is_excluded),
    };
    let of_parts = parts.iter().map(|part| clauses(part, is_excluded, query));
    let of_parts = of_parts.collect::<Result<Vec<_>, _>>()?;
    if is_all {
        return Ok(of_parts.concat());
    }
    let mut product: Vec<Vec<Part<'a>>> = vec![Vec::new()];
    for part in of_parts {
        if product.len() * part.len() > MAX_QUERY_PHRASES {
            let expected = "fewer words beside each other in brackets beside `|`";
            return Err(refused(expected, query));
        }
        product = product
            .iter()
            .flat_map(|before| part.iter().map(|clause| [before.as_slice(), clause].concat()))
            .collect();
    }
    Ok(product)
}

struct Reader<'a> {
    query: &'a str,
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn refused(&self, expected: &str) -> EngineError {
        let found = match self.rest.is_empty() {
            true => format!("the end of `{}`", self.query),
            false => format!("`{}`", self.rest),
        };
        refused(expected, found)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes a sign, if it comes next.
    fn takes(&mut self, sign: char) -> bool {
        self.skip_space();
        let after = self.rest.strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Takes a word in capitals that means a sign, if it comes next.
    fn takes_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let is_end =
            |rest: &&str| rest.chars().next().is_none_or(|c| c.is_whitespace() || "()\"".contains(c));
        let after = self.rest.strip_prefix(word).filter(is_end);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Parts with `|` between.
    fn any(&mut self) -> Result<Expression<'a>, EngineError> {
        let mut parts = vec![self.all()?];
        while self.takes('|') || self.takes_word("OR") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    /// Parts with `+` or nothing between.
    fn all(&mut self) -> Result<Expression<'a>, EngineError> {
        let mut parts = Vec::new();
        loop {
            while self.takes('+') || self.takes_word("AND") {}
            let before = self.rest;
            if before.is_empty() || before.starts_with(['|', ')']) || self.takes_word("OR") {
                self.rest = before;
                break;
            }
            parts.extend(self.part()?);
        }
        if parts.is_empty() {
            return Err(self.refused("a word, a phrase or a group"));
        }
        Ok(one_or(parts, Expression::All))
    }

    /// A group, phrase or word; `None` for signs alone.
    fn part(&mut self) -> Result<Option<Expression<'a>>, EngineError> {
        if self.takes('-') || self.takes_word("NOT") {
            // A hyphen before white space is none.
            if self.rest.is_empty() {
                return Ok(None);
            }
            return Ok(self.part()?.map(|part| Expression::Not(Box::new(part))));
        }
        if self.takes('(') {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(self.refused("fewer brackets in each other"));
            }
            let group = self.any()?;
            if !self.takes(')') {
                return Err(self.refused("a bracket that closes"));
            }
            self.depth -= 1;
            return Ok(Some(group));
        }
        if let Some((phrase, len)) = quoted(self.rest) {
            self.rest = &self.rest[len..];
            self.refuse_tilde()?;
            return Ok(is_word(phrase).then_some(Expression::Part(Part::Phrase(phrase))));
        }
        let is_end = |c: char| c.is_whitespace() || "()|+~\"".contains(c);
        let first = self.rest.chars().next().map_or(0, char::len_utf8);
        let mut len = self.rest[first..].find(is_end).map_or(self.rest.len(), |len| first + len);
        // `C++` is a word.
        if let Some(after) = self.rest[len..].strip_prefix("++")
            && after.chars().next().is_none_or(|c| c != '+' && is_end(c))
        {
            len += 2;
        }
        let (word, rest) = self.rest.split_at(len);
        let prefix = word.strip_suffix('*').filter(|prefix| prefix.chars().all(char::is_alphanumeric));
        if prefix.is_some_and(|prefix| (1..MIN_PREFIX).contains(&prefix.chars().count())) {
            return Err(self.refused(&format!("{MIN_PREFIX} letters or more before `*`")));
        }
        self.rest = rest;
        self.refuse_tilde()?;
        let part = match prefix.filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => Part::Prefix(prefix),
            None => Part::Phrase(word),
        };
        Ok(is_word(word).then_some(Expression::Part(part)))
    }

    fn refuse_tilde(&self) -> Result<(), EngineError> {
        match self.rest.starts_with('~') {
            true => Err(self.refused("no `~`: likeness of words and distance in phrases are not known here")),
            false => Ok(()),
        }
    }
}

fn is_word(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

fn one_or<'a>(
    mut parts: Vec<Expression<'a>>,
    several: impl FnOnce(Vec<Expression<'a>>) -> Expression<'a>,
) -> Expression<'a> {
    if parts.len() == 1 { parts.remove(0) } else { several(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(make: impl FnOnce(&mut Query)) -> Query {
        let mut words = Query::default();
        make(&mut words);
        words
    }

    #[test]
    fn marks_mean_what_they_mean_at_that_service() {
        let read = |query: &str| boolean(query).unwrap().words;
        let both = words(|words| {
            words.require_any(&["fish"]);
            words.require_any(&["ladder"]);
        });
        for query in ["fish ladder", "fish + ladder", "+fish +ladder", "(fish) (ladder)", "((fish ladder))"] {
            assert_eq!(read(query), both, "{query}");
        }
        assert_eq!(read("fish | ladder"), words(|words| words.require_any(&["fish", "ladder"])));
        assert_eq!(read("\"fish ladder\""), words(|words| words.require_any(&["fish ladder"])));
        let without = words(|words| {
            words.require_any(&["fish"]);
            words.exclude("ladder");
        });
        assert_eq!(read("fish -ladder"), without);
        let grouped = words(|words| {
            words.require_any(&["fish", "outflow"]);
            words.require_any(&["ladder", "outflow"]);
        });
        assert_eq!(read("(fish ladder) | outflow"), grouped);
        for query in ["fish AND ladder", "fish AND (ladder)"] {
            assert_eq!(read(query), both, "{query}");
        }
        assert_eq!(read("fish OR ladder"), read("fish | ladder"));
        assert_eq!(read("fish NOT ladder"), without);
        assert_eq!(read("fish AND NOT ladder"), without);
        assert_eq!(
            read("ORANGE NOTES"),
            words(|words| {
                words.require_any(&["ORANGE"]);
                words.require_any(&["NOTES"]);
            })
        );
        let not_both = words(|words| {
            words.require_any(&["fish"]);
            words.require_one_of(&[Part::NotPhrase("ladder"), Part::NotPrefix("larg")]);
        });
        assert_eq!(read("fish -(ladder + larg*)"), not_both);
        let mixed = words(|words| {
            words.require_any(&["fish", "ice"]);
            words.require_one_of(&[Part::NotPhrase("ladder"), Part::Phrase("ice")]);
        });
        assert_eq!(read("fish -ladder | ice"), mixed);
        assert_eq!(
            read("C++ +fish"),
            words(|words| {
                words.require_any(&["C++"]);
                words.require_any(&["fish"]);
            })
        );
        let neither = words(|words| {
            words.require_any(&["river"]);
            words.exclude("fish");
            words.exclude_prefix("ladd");
        });
        assert_eq!(read("river -(fish | ladd*)"), neither);
        let begun = words(|words| {
            words.require_one_of(&[Part::Prefix("neuro"), Part::Phrase("brain")]);
            words.require_any(&["K-means"]);
        });
        assert_eq!(read("(neuro* | brain) +K-means"), begun);
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        let long = "a".repeat(3) + &" aaa".repeat(MAX_QUERY_PHRASES);
        let deep = "(".repeat(100);
        let short = ["f*", "fi*", "fish OR ", "fish OR (ice OR )"];
        let open = ["(fish", "fish)", "fish |", "| fish", "()", "fish~", "\"a b\"~3", &long, &deep];
        for query in short.into_iter().chain(open) {
            assert!(boolean(query).is_err(), "{query}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_much(text in "\\PC{0,60}|([\"“+|()*~ -]|word|é|深){0,60}") {
            let _ = boolean(&text);
        }
    }
}
