//! Two records side by side, with what differs marked word by word.

use std::time::Duration;

use cognate_corpus::Paper;
use similar::{ChangeTag, TextDiff};

/// Characters of a text that are compared; what follows is not shown.
const MAX_CHARS: usize = 8_000;
/// Authors that are compared one by one; the others are counted.
const MAX_AUTHORS: usize = 30;
/// How much of the longer of two long texts is in the other, from 0 to 1, where it helps to mark what is not.
const LEAST_IN_COMMON: f32 = 0.4;
/// Characters from which on a text is long.
const LONG: usize = 200;
/// Time for one comparison; what is not told apart by then is marked whole.
const PATIENCE: Duration = Duration::from_millis(50);

/// A part of a text, and whether the other text lacks it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) differs: bool,
}

/// A field of two records.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Where both say the same, what they say; else nothing.
    pub(super) same: Option<String>,
    pub(super) left: Vec<Piece>,
    pub(super) right: Vec<Piece>,
}

/// A field's name, and what a paper has there.
type Field = (&'static str, fn(&Paper) -> String);

/// The fields of which one record says something, in the order in which people look at them.
pub(super) fn compare(left: &Paper, right: &Paper) -> Vec<Row> {
    let fields: [Field; 9] = [
        ("Title", |paper| paper.title.clone().unwrap_or_default()),
        ("Authors", |paper| {
            let named =
                paper.authors.iter().take(MAX_AUTHORS).map(String::as_str).collect::<Vec<_>>().join("; ");
            match paper.authors.len().saturating_sub(MAX_AUTHORS) {
                0 => named,
                n => format!("{named}; and {n} more"),
            }
        }),
        ("Date", |paper| {
            let year = paper.year.map(|year| year.to_string());
            paper.publication_date.map(|date| date.to_string()).or(year).unwrap_or_default()
        }),
        ("Venue", |paper| paper.venue.clone().unwrap_or_default()),
        ("Place", |paper| {
            let parts = [("vol. ", &paper.volume), ("no. ", &paper.issue), ("pp. ", &paper.pages)];
            let parts = parts.iter().filter_map(|(name, part)| Some(format!("{name}{}", part.as_ref()?)));
            parts.collect::<Vec<_>>().join(", ")
        }),
        ("Identifiers", |paper| {
            let ids = paper.external_ids.iter().map(|(kind, value)| format!("{}:{value}", kind.name()));
            ids.collect::<Vec<_>>().join(" ")
        }),
        ("Source", |paper| paper.source.clone().unwrap_or_default()),
        ("Address", |paper| paper.url.clone().unwrap_or_default()),
        ("Abstract", |paper| paper.abstract_text.clone().unwrap_or_default()),
    ];
    let rows = fields.into_iter().map(|(name, field)| {
        let [left, right] = [left, right].map(|paper| folded(&field(paper)));
        row(name, &left, &right)
    });
    rows.flatten().collect()
}

/// `None` where neither record says anything.
fn row(name: &'static str, left: &str, right: &str) -> Option<Row> {
    if left.is_empty() && right.is_empty() {
        return None;
    }
    if left == right {
        return Some(Row { name, same: Some(left.to_owned()), left: Vec::new(), right: Vec::new() });
    }
    let diff = TextDiff::configure().timeout(PATIENCE).diff_words(left, right);
    let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {
                push(&mut of_left, change.value(), false);
                push(&mut of_right, change.value(), false);
            }
            ChangeTag::Delete => push(&mut of_left, change.value(), true),
            ChangeTag::Insert => push(&mut of_right, change.value(), true),
        }
    }
    // Such texts are read one after the other: marks all over them say nothing.
    let n_common: usize =
        of_left.iter().filter(|piece| !piece.differs).map(|piece| letters(&piece.text)).sum();
    let (longer, shorter) = (letters(left).max(letters(right)), letters(left).min(letters(right)));
    if shorter >= LONG && (n_common as f32) < longer as f32 * LEAST_IN_COMMON {
        let whole = |text: &str| vec![Piece { text: text.to_owned(), differs: false }];
        return Some(Row { name, same: None, left: whole(left), right: whole(right) });
    }
    Some(Row { name, same: None, left: joined(of_left), right: joined(of_right) })
}

/// Characters without the space between them.
fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// What differs on both sides of a space, with the space.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut pieces = pieces.into_iter().peekable();
    while let Some(piece) = pieces.next() {
        let is_between = all.last().is_some_and(|last| last.differs) && pieces.peek().is_some();
        let differs = piece.differs || (is_between && piece.text.trim().is_empty());
        push(&mut all, &piece.text, differs);
    }
    all
}

/// Adds a word to the last piece, or begins another.
fn push(pieces: &mut Vec<Piece>, text: &str, differs: bool) {
    match pieces.last_mut() {
        Some(last) if last.differs == differs => last.text.push_str(text),
        _ => pieces.push(Piece { text: text.to_owned(), differs }),
    }
}

/// A text on one line, as far as it is compared.
fn folded(text: &str) -> String {
    let text: String = text.chars().take(MAX_CHARS).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use cognate_corpus::{Place, paper_from_json};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_marked_word_by_word() {
        let paper = |record| paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap().paper;
        let a = paper(json!({"id": "a", "title": "Snow on  old ice", "year": 2020, "venue": "Ice"}));
        let b = paper(json!({"id": "b", "title": "Snow on new ice", "year": 2020, "abstract": "Wet."}));
        let rows = compare(&a, &b);
        let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names, ["Title", "Date", "Venue", "Abstract"]);
        let told = |pieces: &[Piece]| -> String {
            let told = pieces.iter();
            told.map(|piece| if piece.differs { format!("[{}]", piece.text) } else { piece.text.clone() })
                .collect()
        };
        assert_eq!(
            (told(&rows[0].left).as_str(), told(&rows[0].right).as_str()),
            ("Snow on [old] ice", "Snow on [new] ice")
        );
        assert_eq!(rows[1].same.as_deref(), Some("2020"));
        assert_eq!((told(&rows[2].left).as_str(), told(&rows[2].right).as_str()), ("[Ice]", ""));
        assert_eq!(told(&rows[3].right), "[Wet.]");
    }

    #[test]
    fn marks_go_over_spaces_and_not_all_over_texts() {
        let row = |left: &str, right: &str| row("Abstract", left, right).unwrap();
        let one = row("We walk on old ice and snow", "We walk on new wet ice and snow");
        let marked = |pieces: &[Piece]| -> Vec<String> {
            pieces.iter().filter(|piece| piece.differs).map(|piece| piece.text.clone()).collect()
        };
        assert_eq!(marked(&one.left), ["old"]);
        assert_eq!(marked(&one.right), ["new wet"]);
        let words =
            |first: usize| (first..first + 80).map(|i| format!("word{i}")).collect::<Vec<_>>().join(" ");
        let other = row(&words(0), &words(60));
        assert!(marked(&other.left).is_empty() && other.left[0].text == words(0));
        assert!(!marked(&row(&words(0), &words(20)).left).is_empty());
        // What is short is marked whole.
        assert_eq!(marked(&row("2020-01-02", "2019-01-02").left), ["2020-01-02"]);
    }

    #[test]
    fn long_texts_take_no_long_time() {
        let words = |step: usize| (0..20_000).map(|i| format!("{} ", i * step % 977)).collect::<String>();
        let started = std::time::Instant::now();
        let row = row("Abstract", &folded(&words(7)), &folded(&words(11))).unwrap();
        assert!(started.elapsed() < Duration::from_secs(2));
        let text: String = row.left.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(text, folded(&words(7)));
    }
}
