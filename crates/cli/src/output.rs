//! Answers on standard output: text for people, JSON for machines.

use std::borrow::Cow;
use std::io::{self, Write};

use cognate_engine::EngineError;
use cognate_wire::{ErrorBody, FacetBody, FacetsBody, NOTHING_FITS, SearchBody, TrendsBody};
use serde::Serialize;
use serde_json::Value;

use crate::advice;

/// Where answers go, and in which form.
pub(crate) struct Output {
    json: bool,
}

/// Width at which abstracts are cut in listings, in characters.
const SNIPPET_CHARS: usize = 200;

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints `value` as one line of JSON, or `text` for people.
    pub(crate) fn print<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            self.line(&serde_json::to_string(value)?)
        } else {
            self.line(&printable(text(value).trim_end()))
        }
    }

    /// Prints a line. A reader that has gone away (`cognate search … | head`) is no error.
    pub(crate) fn line(&self, text: &str) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => Ok(result?),
        }
    }

    /// Tells of an error in words, on standard error.
    #[expect(clippy::print_stderr, reason = "errors belong on standard error")]
    pub(crate) fn complain(&self, error: &anyhow::Error) {
        eprintln!("error: {}", printable(&told(error)));
    }

    /// Tells of an error: in words on standard error and, for machines, as the last line of output.
    pub(crate) fn error(&self, error: &anyhow::Error, body: &ErrorBody) {
        self.complain(error);
        if self.json
            && let Ok(json) = serde_json::to_string(body)
        {
            // Nobody is left to tell if standard output is gone too.
            let _ = self.line(&json);
        }
    }
}

/// An error, its causes, and what to do about it.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let what = with_causes(error);
    let advice = error.downcast_ref::<EngineError>().and_then(advice::for_error);
    advice.map_or_else(|| what.clone(), |advice| format!("{what}; {advice}"))
}

/// An error and its causes in one line, without saying twice what a message already includes.
fn with_causes(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !line.contains(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        }
    }
    line
}

/// A page of hits, for people.
pub(crate) fn hits(body: &SearchBody) -> String {
    let mut text: String =
        body.meta.query.iter().flat_map(|reading| reading.sentences()).map(|said| said + "\n").collect();
    if body.data.is_empty() {
        text.push_str("No papers found.");
        return text;
    }
    if body.meta.fits_well == Some(false) {
        text.push_str(NOTHING_FITS);
        text.push_str("\n\n");
    }
    for (index, hit) in body.data.iter().enumerate() {
        let score = hit.get("score").and_then(Value::as_f64).unwrap_or_default();
        text.push_str(&format!("{:>3}. {score:.3}  {}\n", body.offset + index + 1, title(&hit)));
        text.push_str(&format!("            {}\n", details(&hit)));
        if let Some(snippet) = snippet(&hit) {
            text.push_str(&format!("            {snippet}\n"));
        }
        if let Some(reasons) = reasons(&hit) {
            text.push_str(&format!("            why: {reasons}\n"));
        }
    }
    for (field, counts) in body.facets.iter().flat_map(FacetsBody::iter) {
        text.push_str(&format!("\n{field}: {}\n", facet(counts)));
    }
    text.push_str(&format!(
        "\n{} papers, {} ({}), {:.0} ms",
        body.total, body.meta.mode, body.meta.path, body.meta.took_ms
    ));
    text
}

/// What is trending, for people.
pub(crate) fn trends(body: &TrendsBody) -> String {
    let mut text = String::new();
    for (label, n_papers, ratio) in body.groups() {
        let label = one_line(&label.join(", "));
        text.push_str(&format!("{n_papers:>4} papers, {ratio:.1} times as many as before: {label}\n"));
    }
    if text.is_empty() {
        text.push_str("No group of papers grows more than chance would have it.\n");
    }
    text.push('\n');
    for (score, title) in body.papers() {
        text.push_str(&format!("{score:>7.1}  {}\n", one_line(title)));
    }
    text
}

fn title(hit: &serde_json::Map<String, Value>) -> String {
    hit.get("title").and_then(Value::as_str).map_or_else(|| "(no title)".to_owned(), one_line)
}

/// Id, authors, year and venue, as far as they are known.
fn details(hit: &serde_json::Map<String, Value>) -> String {
    let mut parts = vec![hit.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()];
    let authors: Vec<&str> = hit
        .get("authors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|author| author.get("name").and_then(Value::as_str))
        .collect();
    match authors.as_slice() {
        [] => {}
        [first, _, _, ..] => parts.push(format!("{first} et al.")),
        few => parts.push(few.join(", ")),
    }
    parts.extend(hit.get("year").and_then(Value::as_i64).map(|year| year.to_string()));
    parts.extend(hit.get("venue").and_then(Value::as_str).map(one_line));
    parts.join(" · ")
}

/// The sentence that comes nearest to the question, if it was looked for; else how the abstract begins.
fn snippet(hit: &serde_json::Map<String, Value>) -> Option<String> {
    let text = hit.get("abstract")?.as_str()?;
    let sentence = hit.get("explanation").and_then(|explanation| explanation.get("best_sentence"));
    let end_of = |name: &str| usize::try_from(sentence?.get(name)?.as_u64()?).ok();
    if let Some((start, end)) = end_of("start").zip(end_of("end")) {
        let sentence: String = text.chars().skip(start).take(end.saturating_sub(start)).collect();
        return Some(one_line(&sentence));
    }
    let text = one_line(text);
    let cut: String = text.chars().take(SNIPPET_CHARS).collect();
    Some(if cut.len() < text.len() { format!("{}…", cut.trim_end()) } else { cut })
}

/// Why a hit is one, in words.
fn reasons(hit: &serde_json::Map<String, Value>) -> Option<String> {
    let explanation = hit.get("explanation")?;
    let part = |name: &str, what: &str| {
        let part = explanation.get(name)?;
        let score = part.get("score")?.as_f64()?;
        let rank = part
            .get("rank")
            .and_then(Value::as_u64)
            .map_or_else(String::new, |rank| format!(", rank {rank}"));
        Some(format!("{what} {score:.2}{rank}"))
    };
    let mut reasons: Vec<String> =
        [part("semantic", "meaning"), part("keyword", "words")].into_iter().flatten().collect();
    let terms: Vec<String> = explanation
        .get("matched_terms")?
        .as_array()?
        .iter()
        .filter_map(|term| term.get("term")?.as_str().map(one_line))
        .collect();
    if !terms.is_empty() {
        reasons.push(format!("it has {}", terms.join(", ")));
    }
    Some(reasons.join("; "))
}

/// The values of a facet, on one line.
fn facet(counts: &[FacetBody]) -> String {
    const MAX_SHOWN: usize = 12;
    let shown = counts.iter().take(MAX_SHOWN);
    let shown = shown.map(|count| format!("{} ({})", one_line(&count.value), count.n_papers));
    let more = if counts.len() > MAX_SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.collect::<Vec<_>>().join(", "))
}

/// The text without characters that would do something to the terminal, or show other text than there is: control
/// characters but tabs and ends of lines, and those that turn the direction of writing.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(is_harmful) {
        Cow::Owned(text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// White space and control characters folded to single spaces, so that a text cannot move the cursor.
pub(crate) fn one_line(text: &str) -> String {
    cognate_corpus::text::normalize(text)
}
