//! Running text between formulas: TeX's commands for looks and characters, and HTML's simplest tags.

use crate::Setter;
use crate::maths::{self, Formula};

/// Longest argument of a command, and longest text between two tags.
const MAX_ARGUMENT_BYTES: usize = 1_000;
/// Commands within commands.
const MAX_DEPTH: usize = 6;
/// Steps by which a formula without dollars is made longer until it can be read.
const MAX_STEPS: usize = 12;

/// Puts running text into HTML.
pub(crate) fn push(text: &str, depth: usize, to: &mut Setter) {
    if depth > MAX_DEPTH {
        return to.push_escaped(text);
    }
    let mut at = 0;
    // Where the text begins that is not in the HTML yet.
    let mut written = 0;
    while let Some(found) = text[at..].find(['\\', '{', '<', '~', '`', '\'']) {
        at += found;
        to.push_escaped(&text[written..at]);
        written = at;
        match special_at(text, at, depth, to) {
            Some(end) => {
                at = end;
                written = end;
            }
            None => at += 1,
        }
    }
    to.push_escaped(&text[written..]);
}

/// Puts what stands at `at` into HTML; gives where it ends, or `None` where it is text like any other.
fn special_at(text: &str, at: usize, depth: usize, to: &mut Setter) -> Option<usize> {
    let rest = &text[at..];
    // With an index, a character is the beginning of a formula.
    let character = cognate_corpus::tex_character(rest);
    if let Some((character, length)) =
        character.filter(|(_, length)| !rest[*length..].starts_with(['_', '^']))
    {
        to.push_escaped(&character);
        return Some(at + length);
    }
    match rest.as_bytes()[0] {
        b'\\' => command(rest, depth, to).map(|length| at + length),
        b'{' => group(rest, depth, to).map(|length| at + length),
        b'<' => tag(rest, depth, to).map(|length| at + length),
        b'~' => {
            let is_tie = text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | ')' | ','))
                && rest[1..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '\\' | '('));
            is_tie.then(|| to.html.push('\u{a0}')).map(|()| at + 1)
        }
        b'`' if rest.starts_with("``") => {
            to.html.push('“');
            to.is_quoted = true;
            Some(at + 2)
        }
        b'\'' if rest.starts_with("''") && to.is_quoted => {
            to.html.push('”');
            to.is_quoted = false;
            Some(at + 2)
        }
        _ => None,
    }
}

/// A command for looks whose text has formulas in it.
pub(crate) struct Around<'a> {
    /// Where it begins and ends.
    pub(crate) start: usize,
    pub(crate) end: usize,
    tag: Option<&'static str>,
    inner: &'a str,
}

impl Around<'_> {
    /// Puts it into HTML.
    pub(crate) fn push(&self, depth: usize, to: &mut Setter) {
        push_between(self.tag, to, |to| crate::push(self.inner, depth + 1, to));
    }
}

/// The command for looks, such as `\emph{…}` or `{\em …}`, that begins before the byte `at` of a text and ends behind it.
pub(crate) fn around(text: &str, at: usize, depth: usize) -> Option<Around<'_>> {
    if depth > MAX_DEPTH {
        return None;
    }
    let signs = text[..at].match_indices(['\\', '{']);
    let found = signs.filter_map(|(start, _)| {
        let rest = &text[start..];
        let (tag, inner, length) = match rest.strip_prefix('\\') {
            Some(command) => {
                let end = command.find(|c: char| !c.is_ascii_alphabetic())?;
                let tag = look_of(&command[..end])?;
                let (inner, length) = argument(&command[end..])?;
                (tag, inner, 1 + end + length)
            }
            None => {
                let (inner, length) = argument(rest)?;
                let command = inner.trim_start().strip_prefix('\\')?;
                let end = command.find(|c: char| !c.is_ascii_alphabetic())?;
                (switch_of(&command[..end])?, command[end..].trim_start(), length)
            }
        };
        Some(Around { start, end: start + length, tag, inner })
    });
    let mut found = found.filter(|around| around.end > at);
    found.next()
}

/// The tag of a command that gives its text a look; `Some(None)` for a look that is not shown.
fn look_of(name: &str) -> Option<Option<&'static str>> {
    Some(match name {
        "emph" | "textit" | "textsl" | "it" | "em" => Some("i"),
        "textbf" | "bf" => Some("b"),
        "texttt" | "tt" => Some("code"),
        "textrm" | "textsf" | "textsc" | "textup" | "textnormal" | "text" | "mbox" | "hbox" | "underline"
        | "uline" | "rm" | "sc" | "sf" => None,
        _ => return None,
    })
}

/// The same of a command that gives the rest of its group a look.
fn switch_of(name: &str) -> Option<Option<&'static str>> {
    Some(match name {
        "em" | "it" | "sl" | "itshape" => Some("i"),
        "bf" | "bfseries" => Some("b"),
        "tt" | "ttfamily" => Some("code"),
        "rm" | "sc" | "sf" | "scshape" | "small" | "large" | "normalfont" => None,
        _ => return None,
    })
}

/// A command with what it takes: its length.
fn command(rest: &str, depth: usize, to: &mut Setter) -> Option<usize> {
    let after = &rest[1..];
    let length = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    let name = &after[..length];
    if name.is_empty() {
        let c = after.chars().next()?;
        let shown = match c {
            '%' | '&' | '_' | '#' | '$' | '{' | '}' => Some(c),
            ' ' | ',' | ';' | ':' | '\n' | '\\' => Some(' '),
            '|' => Some('‖'),
            // Where a word may be parted, and spaces of no width.
            '-' | '/' | '!' => None,
            _ => return None,
        };
        if let Some(shown) = shown {
            to.push_escaped(shown.encode_utf8(&mut [0; 4]));
        }
        return Some(1 + c.len_utf8());
    }
    let after = 1 + length;
    let argument = argument(&rest[after..]);
    let tag = match (look_of(name), name) {
        (Some(tag), _) => tag,
        (
            None,
            "url" | "href" | "footnote" | "cite" | "citep" | "citet" | "citealt" | "ref" | "eqref" | "label",
        ) => None,
        (
            None,
            "par" | "newline" | "noindent" | "smallskip" | "medskip" | "bigskip" | "centering" | "xspace",
        ) => {
            return Some(after);
        }
        (None, _) => return formula(rest, to),
    };
    let (inner, length) = argument?;
    match name {
        "label" => {}
        "href" => {
            let (shown, more) = self::argument(&rest[after + length..])?;
            push(shown, depth + 1, to);
            return Some(after + length + more);
        }
        "footnote" => {
            to.html.push_str(" (");
            push(inner, depth + 1, to);
            to.html.push(')');
        }
        "cite" | "citep" | "citet" | "citealt" | "ref" | "eqref" => {
            to.html.push('[');
            to.push_escaped(inner);
            to.html.push(']');
        }
        _ => push_in(tag, inner, depth, to),
    }
    Some(after + length)
}

/// A text between tags, or as it is.
fn push_in(tag: Option<&str>, text: &str, depth: usize, to: &mut Setter) {
    push_between(tag, to, |to| push(text, depth + 1, to));
}

fn push_between(tag: Option<&str>, to: &mut Setter, inner: impl FnOnce(&mut Setter)) {
    if let Some(tag) = tag {
        to.html.extend(["<", tag, ">"]);
    }
    inner(to);
    if let Some(tag) = tag {
        to.html.extend(["</", tag, ">"]);
    }
}

/// `{\em …}`, or braces around one command: its length.
fn group(rest: &str, depth: usize, to: &mut Setter) -> Option<usize> {
    let (inner, length) = argument(rest)?;
    let command = inner.trim_start().strip_prefix('\\')?;
    let end = command.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(command.len());
    let tag = match switch_of(&command[..end]) {
        Some(tag) => tag,
        None => {
            if let Some((character, taken)) = cognate_corpus::tex_character(inner.trim())
                && taken == inner.trim().len()
            {
                to.push_escaped(&character);
                return Some(length);
            }
            let mathml = to.may_set().then(|| maths::mathml(inner))??;
            to.push_maths(&Formula { tex: inner, written: &rest[..length], display: false }, &mathml);
            return Some(length);
        }
    };
    push_in(tag, command[end..].trim_start(), depth, to);
    Some(length)
}

/// HTML's simplest tags around a text: their length with it.
fn tag(rest: &str, depth: usize, to: &mut Setter) -> Option<usize> {
    for name in ["sub", "sup", "i", "em", "b", "strong"] {
        let Some(open) = rest.get(1..1 + name.len()).filter(|open| open.eq_ignore_ascii_case(name)) else {
            continue;
        };
        let start = 2 + open.len();
        if !rest[start - 1..].starts_with('>') {
            continue;
        }
        let window: String = rest[start..].chars().take(MAX_ARGUMENT_BYTES).collect();
        let end = window.to_ascii_lowercase().find(&format!("</{name}>"))?;
        push_in(Some(name), &rest[start..start + end], depth, to);
        return Some(start + end + name.len() + 3);
    }
    None
}

/// A formula that nobody put between dollars: a command with its arguments, indices and neighbours.
fn formula(rest: &str, to: &mut Setter) -> Option<usize> {
    if !to.may_set() {
        return None;
    }
    let mut end = 0;
    let mut set = None;
    for _ in 0..MAX_STEPS {
        let Some(next) = formula_part(&rest[end..], end == 0 || set.is_none()) else { break };
        end += next;
        // A command's name alone may be one that wants an argument; the longest that can be read counts.
        match maths::readable(&rest[..end]) {
            Ok(mathml) => set = Some((mathml, end)),
            Err(maths::Unreadable::Unknown) => break,
            Err(maths::Unreadable::Other) => {}
        }
    }
    let (mathml, end) = set?;
    to.push_maths(&Formula { tex: &rest[..end], written: &rest[..end], display: false }, &mathml);
    Some(end)
}

/// The length of what may go on a formula: a command, an index, a group; where something is wanting, a letter too.
fn formula_part(rest: &str, is_wanting: bool) -> Option<usize> {
    let first = rest.chars().next()?;
    match first {
        '\\' => {
            let name = &rest[1..];
            let length = name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len());
            (length > 0).then_some(1 + length)
        }
        '{' => argument(rest).map(|(_, length)| length),
        '_' | '^' => {
            let after = &rest[1..];
            let length = match after.chars().next()? {
                '{' => argument(after)?.1,
                '\\' => formula_part(after, false)?,
                c if c.is_alphanumeric() || matches!(c, '+' | '-' | '*' | '\'') => c.len_utf8(),
                _ => return None,
            };
            Some(1 + length)
        }
        ' ' if is_wanting && rest[1..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '\\') => {
            Some(1)
        }
        c if is_wanting && c.is_ascii_alphanumeric() => Some(1),
        _ => None,
    }
}

/// An argument in braces, and its length with them.
fn argument(rest: &str) -> Option<(&str, usize)> {
    let inner = rest.strip_prefix('{')?;
    let mut depth = 0_usize;
    let mut bytes = inner.bytes().take(MAX_ARGUMENT_BYTES).enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some((&inner[..at], at + 2)),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}
