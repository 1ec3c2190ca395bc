//! A paper, composed of what several records say of it.
//!
//! The first record counts first; what it lacks the next fills, and so on, so that no record removes what another
//! says.

use cognate_corpus::matching::{self, NameKey};
use cognate_corpus::{Paper, PaperId};

/// The paper `id`, composed of `records`, the first first.
pub(super) fn compose<'r>(id: &PaperId, records: impl IntoIterator<Item = &'r Paper>) -> Paper {
    let mut records = records.into_iter();
    let first = records.next().cloned().unwrap_or_else(|| Paper::new(id.clone()));
    let mut paper = Paper { id: id.clone(), ..first };
    for record in records {
        fill(&mut paper, record);
    }
    paper
}

/// Takes from `other` what `paper` does not say.
pub(super) fn fill(paper: &mut Paper, other: &Paper) {
    // All fields are named, so that a new one is thought of.
    let Paper {
        id: _,
        title,
        abstract_text,
        authors,
        editors,
        year,
        publication_date,
        kind,
        venue,
        volume,
        issue,
        pages,
        publisher,
        issn,
        isbn,
        language,
        categories,
        external_ids,
        url,
        source,
        upvotes,
        extra,
    } = other;
    // A day in another year than the paper's says something of another edition.
    if paper.publication_date.is_none()
        && publication_date
            .is_some_and(|date| paper.year.is_none_or(|own| own == date.year() || Some(own) == *year))
    {
        paper.publication_date = *publication_date;
    }
    or(&mut paper.year, year);
    or(&mut paper.title, title);
    or(&mut paper.abstract_text, abstract_text);
    or(&mut paper.kind, kind);
    or(&mut paper.venue, venue);
    or(&mut paper.volume, volume);
    or(&mut paper.issue, issue);
    or(&mut paper.pages, pages);
    or(&mut paper.publisher, publisher);
    or(&mut paper.language, language);
    or(&mut paper.url, url);
    or(&mut paper.source, source);
    or(&mut paper.upvotes, upvotes);
    let lists = [
        (&mut paper.authors, authors),
        (&mut paper.editors, editors),
        (&mut paper.issn, issn),
        (&mut paper.isbn, isbn),
        (&mut paper.categories, categories),
    ];
    for (list, other) in lists {
        if list.is_empty() {
            list.clone_from(other);
        }
    }
    for (kind, value) in external_ids {
        paper.external_ids.entry(*kind).or_insert_with(|| value.clone());
    }
    for (name, value) in extra {
        if !paper.extra.contains_key(name) {
            paper.extra.insert(name.clone(), value.clone());
        }
    }
}

fn or<T: Clone>(value: &mut Option<T>, other: &Option<T>) {
    if value.is_none() {
        value.clone_from(other);
    }
}

/// What a source says now, after it said `before`. It may take back anything of its own but title, authors and
/// abstract, which it can correct and not blank.
pub(super) fn corrected(now: &Paper, before: &Paper) -> Paper {
    let mut paper = now.clone();
    or(&mut paper.title, &before.title);
    or(&mut paper.abstract_text, &before.abstract_text);
    if paper.authors.is_empty() {
        paper.authors.clone_from(&before.authors);
    }
    paper
}

/// Authors compared: a collaboration's first hundred tell it from others.
const MAX_AUTHORS: usize = 100;

/// Whether two records that are named alike are of two papers for all that: their titles are less than half alike, and
/// they share no author.
pub(super) fn are_clearly_two(a: &Paper, b: &Paper) -> bool {
    let (Some(a_title), Some(b_title)) = (&a.title, &b.title) else { return false };
    !are_half_alike(a_title, b_title) && !share_an_author(a, b)
}

/// Whether two titles are at least half alike: of the pairs of characters in their words, half are in both. A title
/// is like the same one with a subtitle.
pub(super) fn are_half_alike(a: &str, b: &str) -> bool {
    likeness(a, b) >= 0.5
}

/// Whether two titles may be the same one: three quarters are in both.
pub(super) fn are_nearly_alike(a: &str, b: &str) -> bool {
    likeness(a, b) >= 0.75
}

/// Which part of the pairs of characters is in both, from 0 to 1.
fn likeness(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    let (a, b) = (matching::words(a), matching::words(b));
    let n_common = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    if n_common == a.len().min(b.len()) {
        // Titles of signs alone have no words to differ in.
        return 1.0;
    }
    let (mut a, mut b) = (pairs(&a), pairs(&b));
    a.sort_unstable();
    b.sort_unstable();
    let (mut i, mut j, mut n_shared) = (0, 0, 0_u32);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, n_shared) = (i + 1, j + 1, n_shared + 1),
        }
    }
    2.0 * f64::from(n_shared) / (a.len() + b.len()) as f64
}

/// The pairs of neighbouring characters in each word; a word of one character is a pair with nothing.
fn pairs(words: &[String]) -> Vec<(char, char)> {
    let mut pairs = Vec::new();
    for word in words {
        let mut chars = word.chars();
        let Some(mut last) = chars.next() else { continue };
        let n_before = pairs.len();
        for c in chars {
            pairs.push((last, c));
            last = c;
        }
        if pairs.len() == n_before {
            pairs.push((last, '\0'));
        }
    }
    pairs
}

/// Whether an author of one may be one of the other.
pub(super) fn share_an_author(a: &Paper, b: &Paper) -> bool {
    let keys = |paper: &Paper| -> Vec<NameKey> {
        paper.authors.iter().take(MAX_AUTHORS).filter_map(|name| NameKey::new(name)).collect()
    };
    let (a, b) = (keys(a), keys(b));
    a.iter().any(|a| b.iter().any(|b| a.matches(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_half_alike() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(are_half_alike(a, b), expected, "{a} / {b}");
            assert_eq!(are_half_alike(b, a), expected, "{b} / {a}");
        };
        check("Tides", "Locks", false);
        check("Tides and trade", "Tides and trade: a history of the quays of the north", true);
        check("Tides and trade", "Tides and Trades", true);
        check("Echolocation in dense swarms of bats", "Corrosion of bridge steel by sea spray", false);
        check("深層学習による画像認識", "深層学習による画像の認識", true);
        check("?", "!", true);
    }
}
