//! Answers on standard output: text for people, JSON for machines.

use std::io::{self, Write};

use cognate_server::wire::{ErrorBody, SearchBody};
use serde::Serialize;
use serde_json::Value;

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
        if self.json { self.line(&serde_json::to_string(value)?) } else { self.line(text(value).trim_end()) }
    }

    /// Prints a line. A reader that has gone away (`cognate search … | head`) is no error.
    pub(crate) fn line(&self, text: &str) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => Ok(result?),
        }
    }

    /// Tells of an error: in words on standard error and, for machines, as the last line of output.
    #[expect(clippy::print_stderr, reason = "errors belong on standard error")]
    pub(crate) fn error(&self, error: &anyhow::Error, body: &ErrorBody) {
        eprintln!("error: {}", with_causes(error));
        if self.json
            && let Ok(json) = serde_json::to_string(body)
        {
            // Nobody is left to tell if standard output is gone too.
            let _ = self.line(&json);
        }
    }
}

/// An error and its causes in one line, without saying twice what a message already includes.
pub(crate) fn with_causes(error: &anyhow::Error) -> String {
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
    if body.data.is_empty() {
        return "No papers found.".to_owned();
    }
    let mut text = String::new();
    for (index, hit) in body.data.iter().enumerate() {
        let score = hit.get("score").and_then(Value::as_f64).unwrap_or_default();
        text.push_str(&format!("{:>3}. {score:.3}  {}\n", body.offset + index + 1, title(hit)));
        text.push_str(&format!("            {}\n", details(hit)));
        if let Some(snippet) = snippet(hit) {
            text.push_str(&format!("            {snippet}\n"));
        }
    }
    text.push_str(&format!(
        "\n{} papers, {} ({}), {:.0} ms",
        body.total, body.meta.mode, body.meta.path, body.meta.took_ms
    ));
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

fn snippet(hit: &serde_json::Map<String, Value>) -> Option<String> {
    let text = one_line(hit.get("abstract")?.as_str()?);
    let cut: String = text.chars().take(SNIPPET_CHARS).collect();
    Some(if cut.len() < text.len() { format!("{}…", cut.trim_end()) } else { cut })
}

/// White space and control characters folded to single spaces, so that a text cannot move the cursor.
fn one_line(text: &str) -> String {
    cognate_corpus::text::normalize(text)
}
