//! Titles and abstracts as HTML: TeX set as MathML, no script needed.
//!
//! Papers' texts hold TeX as their authors wrote it: `$\sqrt{s} = 13$ TeV`, `Schr\"odinger`, `{\em et al.}`.
//! [`html`] makes HTML of such a text that any page may show. What cannot be read as TeX stays as it is
//! written. Whatever the text, the HTML has balanced tags, no script, no attribute from the text, and no inline
//! style.

mod maths;
mod plain;

use std::ops::Range;

use maths::Formula;

/// Formulas of one text that are set; more stay as they are written, so that no text takes long.
const MAX_FORMULAS: usize = 1_000;

/// For whom a text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// A page with cognate's style sheet: beside each formula stands its TeX, which nobody sees and which is
    /// what is copied (classes `tex` and `source`).
    Page,
    /// Feeds and mails, which have no style sheet: formulas alone, their TeX as MathML's annotation.
    Reader,
}

/// A text as HTML.
///
/// Formulas stand between `$…$`, `$$…$$`, `\(…\)`, `\[…\]` or in an environment such as `equation`. A dollar that is
/// a price is none. Time grows with the text's length and no faster.
///
/// ```
/// use cognate_typeset::{For, html};
///
/// assert_eq!(html("Growth & decay", For::Page), "Growth &amp; decay");
/// assert_eq!(
///     html(r#"Schr\"odinger at $x^2$"#, For::Reader),
///     "Schrödinger at <math><semantics><msup><mi>x</mi><mn>2</mn></msup>\
///      <annotation encoding=\"application/x-tex\">x^2</annotation></semantics></math>"
/// );
/// ```
#[must_use]
pub fn html(text: &str, reader: For) -> String {
    let html = String::with_capacity(text.len() + text.len() / 4);
    let mut to = Setter { html, reader, n_left: MAX_FORMULAS, is_quoted: false };
    push(text, 0, &mut to);
    to.html
}

/// Puts a text and its formulas into HTML.
fn push(text: &str, depth: usize, to: &mut Setter) {
    let mut at = 0;
    for formula in formulas(text) {
        if formula.start < at {
            // It was in what a command takes.
            continue;
        }
        if let Some(around) = plain::around(&text[at..], formula.start - at, depth) {
            plain::push(&text[at..at + around.start], depth, to);
            around.push(depth, to);
            at += around.end;
            continue;
        }
        plain::push(&text[at..formula.start], depth, to);
        let found = Formula::new(&text[formula.clone()]);
        match to.may_set().then(|| maths::mathml(found.tex)).flatten() {
            Some(mathml) => to.push_maths(&found, &mathml),
            None => to.push_escaped(found.written),
        }
        at = formula.end;
    }
    plain::push(&text[at..], depth, to);
}

/// The formula that a cut at byte `at` would part in two.
///
/// ```
/// assert_eq!(cognate_typeset::formula_around("if $a + b$ is", 6), Some(3..10));
/// assert_eq!(cognate_typeset::formula_around("if $a + b$ is", 3), None);
/// ```
#[must_use]
pub fn formula_around(text: &str, at: usize) -> Option<Range<usize>> {
    formulas(text).into_iter().find(|formula| formula.start < at && at < formula.end)
}

/// Where a text's formulas are, with the signs that begin and end them, in bytes.
#[must_use]
pub fn formulas(text: &str) -> Vec<Range<usize>> {
    let mut formulas = Vec::new();
    if !text.contains(['$', '\\']) {
        return formulas;
    }
    let mut ends = maths::Ends::new(text);
    let mut at = 0;
    while let Some(found) = text[at..].find(['$', '\\']) {
        at += found;
        match ends.formula(at) {
            Some(end) => {
                formulas.push(at..end);
                at = end;
            }
            // What a backslash stands before begins nothing.
            None if text[at..].starts_with('\\') => {
                at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
            }
            None => at += 1,
        }
    }
    formulas
}

/// The HTML that a text is set in.
struct Setter {
    html: String,
    reader: For,
    /// Formulas that may still be set.
    n_left: usize,
    /// Whether a quotation that began with two backquotes is open.
    is_quoted: bool,
}

impl Setter {
    /// Whether one more formula may be set; it is counted.
    fn may_set(&mut self) -> bool {
        let may = self.n_left > 0;
        self.n_left = self.n_left.saturating_sub(1);
        may
    }

    fn push_escaped(&mut self, text: &str) {
        push_escaped(text, &mut self.html);
    }

    fn push_maths(&mut self, formula: &Formula<'_>, mathml: &str) {
        let open = if formula.display { "<math display=\"block\">" } else { "<math>" };
        match self.reader {
            For::Page => {
                self.html.extend(["<span class=\"tex\">", open, mathml]);
                self.html.push_str("</math><span class=\"source\" aria-hidden=\"true\">");
                self.push_escaped(formula.written);
                self.html.push_str("</span></span>");
            }
            For::Reader => {
                // The first child of `semantics` is one element.
                let row = if maths::is_one_element(mathml) { ("", "") } else { ("<mrow>", "</mrow>") };
                self.html.extend([open, "<semantics>", row.0, mathml, row.1]);
                self.html.push_str("<annotation encoding=\"application/x-tex\">");
                self.push_escaped(formula.tex);
                self.html.push_str("</annotation></semantics></math>");
            }
        }
    }
}

fn push_escaped(text: &str, html: &mut String) {
    html.push_str(&html_escape::encode_text(text));
}
