//! A paper as lists of papers show it, and why it is in a list.

use std::ops::Range;

use cognate_corpus::Paper;
use cognate_engine::{Explanation, Hit, Part};
use cognate_typeset::formula_around;

use super::address::{self, Address};
use cognate_wire::filter_text;

/// Authors that are named before the rest are counted.
const MAX_AUTHORS: usize = 6;
/// Characters of an abstract that are shown before it is opened.
const EXCERPT_CHARS: usize = 260;
/// Characters shown before and behind the sentence that a hit is for.
const CONTEXT_CHARS: usize = 110;

/// A name that leads to what else has it.
pub(super) struct Link {
    pub(super) text: String,
    pub(super) href: String,
}

impl Link {
    /// To the papers that have `text` in `field`, which come newest first: the filter alone says which.
    fn to_papers_with(field: &str, text: String) -> Self {
        // The page takes several venues at once, as it takes categories.
        let like = if field == "venue" { "categories" } else { field };
        let address = Address::new("/search").with(field, filter_text(like, &text));
        Self { href: address.into_text(), text }
    }
}

/// A paper in a list.
pub(super) struct Item {
    pub(super) id: String,
    /// The level of its heading.
    pub(super) level: u8,
    pub(super) href: String,
    pub(super) title: String,
    pub(super) authors: Vec<Link>,
    pub(super) n_more_authors: usize,
    pub(super) date: Option<String>,
    /// For machines: a day or a year.
    pub(super) datetime: String,
    pub(super) venue: Option<Link>,
    pub(super) categories: Vec<Link>,
    pub(super) upvotes: Option<i64>,
    pub(super) abstract_text: Marked,
    pub(super) excerpt: Marked,
    /// Papers like it.
    pub(super) like_href: String,
    /// It as a seed.
    pub(super) keep_href: String,
    /// Where the reasons are, if they were not asked for.
    pub(super) why_href: Option<String>,
    pub(super) why: Option<Why>,
    /// Whether the reasons were asked for, and so are to be seen at once.
    pub(super) why_is_open: bool,
    /// What else there is to say of its place in the list.
    pub(super) note: Option<String>,
    /// What else can be done with it.
    pub(super) acts: Vec<Link>,
}

/// A text with a part to be marked, or none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) before: String,
    pub(super) mark: String,
    pub(super) after: String,
}

impl Marked {
    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.mark.is_empty() && self.after.is_empty()
    }

    /// Whether it shows less than `whole` does.
    pub(super) fn is_part_of(&self, whole: &Self) -> bool {
        let length = |text: &Self| text.before.len() + text.mark.len() + text.after.len();
        !whole.is_empty() && length(self) != length(whole)
    }
}

/// Why a paper is a hit.
pub(super) struct Why {
    pub(super) parts: Vec<WhyPart>,
    /// The query's words that the paper has.
    pub(super) terms: Vec<String>,
    /// How much of the score each part makes.
    pub(super) ratio: Option<String>,
}

/// One of the two rankings behind a hit.
pub(super) struct WhyPart {
    pub(super) name: &'static str,
    /// From 0 to 1, for a meter.
    pub(super) level: f32,
    pub(super) score: String,
    pub(super) rank: Option<usize>,
}

impl Item {
    pub(super) fn new(paper: Paper) -> Self {
        let Paper { id, title, abstract_text, authors, year, publication_date, venue, categories, .. } =
            paper;
        let id = String::from(id);
        let abstract_text = abstract_text.unwrap_or_default();
        let n_more_authors = authors.len().saturating_sub(MAX_AUTHORS);
        // A list that hides one name saves nothing.
        let n_shown = if n_more_authors == 1 { authors.len() } else { MAX_AUTHORS };
        Self {
            href: address::paper(&id),
            like_href: Address::new("/search").with("like", &id).into_text(),
            keep_href: Address::new("/library").with("seed", &id).into_text(),
            title: title.unwrap_or_else(|| format!("Untitled: {id}")),
            n_more_authors: if n_more_authors == 1 { 0 } else { n_more_authors },
            authors: authors
                .into_iter()
                .take(n_shown)
                .map(|name| Link::to_papers_with("author", name))
                .collect(),
            date: publication_date
                .map(|date| date.strftime("%-d %B %Y").to_string())
                .or(year.map(|year| year.to_string())),
            datetime: publication_date
                .map(|date| date.to_string())
                .or(year.map(|year| format!("{year:04}")))
                .unwrap_or_default(),
            venue: venue.map(|name| Link::to_papers_with("venue", name)),
            categories: categories.into_iter().map(|name| Link::to_papers_with("categories", name)).collect(),
            upvotes: paper.upvotes,
            excerpt: Marked { before: cut(&abstract_text, EXCERPT_CHARS), ..Marked::default() },
            abstract_text: Marked { before: abstract_text, ..Marked::default() },
            id,
            level: 2,
            why_href: None,
            why: None,
            why_is_open: false,
            note: None,
            acts: Vec::new(),
        }
    }

    /// With the whole abstract at once.
    pub(super) fn in_full(mut self) -> Self {
        self.excerpt = Marked { before: self.abstract_text.before.clone(), ..Marked::default() };
        self
    }

    /// Every author of a paper.
    pub(super) fn all_authors(paper: &Paper) -> Vec<Link> {
        paper.authors.iter().map(|name| Link::to_papers_with("author", name.clone())).collect()
    }

    /// A hit, with its reasons where they were asked for.
    pub(super) fn of_hit(hit: Hit) -> Self {
        let mut item = Self::new(hit.paper.paper);
        if let Some(explanation) = hit.explanation {
            if let Some(sentence) = &explanation.best_sentence {
                let text = std::mem::take(&mut item.abstract_text.before);
                item.abstract_text = marked(&text, &sentence.chars);
                item.excerpt = around(&item.abstract_text);
            }
            item.why = Some(Why::from(explanation));
        }
        item
    }
}

impl From<Explanation> for Why {
    fn from(explanation: Explanation) -> Self {
        let part = |name, part: Option<Part>, digits: usize| {
            let Part { rank, score, scaled } = part?;
            Some(WhyPart { name, level: scaled, score: format!("{score:.digits$}"), rank })
        };
        let parts = [part("Meaning", explanation.semantic, 2), part("Words", explanation.keyword, 1)];
        let percent = |ratio: f32| {
            let of_meaning = (ratio * 100.0).round();
            format!("{of_meaning} % meaning, {} % words", 100.0 - of_meaning)
        };
        Self {
            parts: parts.into_iter().flatten().collect(),
            terms: explanation.matched_terms.into_iter().map(|term| term.surface).collect(),
            ratio: explanation.semantic_ratio.map(percent),
        }
    }
}

/// The first characters of a text, to the end of a word or the beginning of a formula.
fn cut(text: &str, n_chars: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(n_chars) else { return text.to_owned() };
    let head = match formula_around(text, end) {
        Some(formula) => &text[..formula.start],
        None => {
            let head = &text[..end];
            let end = head.rfind(char::is_whitespace).unwrap_or(end);
            &text[..formula_around(text, end).map_or(end, |formula| formula.start)]
        }
    };
    format!("{}\u{a0}…", head.trim_end())
}

/// The last characters of a text, from the beginning of a word or the end of a formula.
fn cut_front(text: &str, n_chars: usize) -> String {
    let Some((start, _)) =
        text.char_indices().rev().nth(n_chars.saturating_sub(1)).filter(|(start, _)| *start > 0)
    else {
        return text.to_owned();
    };
    let tail = match formula_around(text, start) {
        Some(formula) => &text[formula.end..],
        None => {
            let start = text[start..].find(char::is_whitespace).map_or(start, |space| start + space);
            &text[formula_around(text, start).map_or(start, |formula| formula.end)..]
        }
    };
    format!("… {}", tail.trim_start())
}

/// `text` with `chars` of it marked, in Unicode scalar values; formulas are marked whole.
fn marked(text: &str, chars: &Range<usize>) -> Marked {
    let byte = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    let (start, end) = (byte(chars.start), byte(chars.end));
    let start = formula_around(text, start).map_or(start, |formula| formula.start);
    let end = formula_around(text, end).map_or(end, |formula| formula.end).max(start);
    Marked {
        before: text[..start].to_owned(),
        mark: text[start..end].to_owned(),
        after: text[end..].to_owned(),
    }
}

/// The marked part, with some of what is around it.
fn around(text: &Marked) -> Marked {
    Marked {
        before: cut_front(&text.before, CONTEXT_CHARS),
        mark: text.mark.clone(),
        after: cut(&text.after, CONTEXT_CHARS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_words() {
        assert_eq!(cut("one two three", 9), "one two\u{a0}…");
        assert_eq!(cut("one two three", 13), "one two three");
        assert_eq!(cut("überall", 3), "übe\u{a0}…");
        assert_eq!(cut_front("one two three ", 8), "… three ");
        assert_eq!(cut_front("one", 8), "one");
    }

    #[test]
    fn formulas_are_not_parted() {
        let text = "Let $a + b + c$ be so.";
        assert_eq!(cut(text, 9), "Let\u{a0}…");
        assert_eq!(cut(text, 16), "Let $a + b + c$\u{a0}…");
        assert_eq!(cut_front(text, 13), "… be so.");
        let marked = marked(text, &(0..8));
        assert_eq!((&*marked.mark, &*marked.after), ("Let $a + b + c$", " be so."));
    }

    #[test]
    fn a_sentence_is_marked_where_it_is() {
        let text = "Schnee fällt. Eis schmilzt. Nichts blieb.";
        let marked = marked(text, &(14..27));
        assert_eq!(marked.mark, "Eis schmilzt.");
        assert_eq!(format!("{}{}{}", marked.before, marked.mark, marked.after), text);
        assert!(!around(&marked).is_part_of(&marked));
    }
}
