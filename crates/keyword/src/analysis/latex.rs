//! LaTeX in titles, abstracts and names: what arXiv's metadata is full of.

use std::borrow::Cow;

use cognate_fold::is_greek_name;

/// A text without LaTeX's accents (`Schr\"odinger`, `Erd{\H o}s`) and commands (`\mathcal`). The commands
/// that name Greek letters stay, as words. Not a parser of LaTeX: what it does not know stays as it is.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let before = &rest[..at];
        rest = &rest[at..];
        if let Some((letter, mark, after)) = accented(rest) {
            // The braces around `{\"o}` would cut the word in two.
            let is_in_braces = before.ends_with('{') && after.starts_with('}');
            plain.push_str(if is_in_braces { &before[..before.len() - 1] } else { before });
            plain.push(letter);
            plain.extend(mark);
            rest = if is_in_braces { &after[1..] } else { after };
        } else {
            plain.push_str(before);
            rest = &rest[1..];
            let len = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let name = rest[..len].strip_prefix("var").unwrap_or(&rest[..len]);
            plain.push(' ');
            if is_greek_name(&name.to_ascii_lowercase()) {
                plain.push_str(name);
            }
            rest = &rest[len..];
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The letter of an accent at the start of a text, the mark over it where another spelling stands for it (`\"o` is `oe`
/// too), and what is after it.
fn accented(text: &str) -> Option<(char, Option<char>, &str)> {
    let accent = text.as_bytes().get(1)?;
    let (after, needs_space) = match accent {
        b'"' | b'\'' | b'`' | b'^' | b'~' | b'=' | b'.' => (&text[2..], false),
        b'v' | b'c' | b'H' | b'u' | b'k' | b'r' | b'd' | b'b' | b't' => (&text[2..], true),
        _ => return None,
    };
    let mark = match accent {
        b'"' => Some('\u{308}'),
        b'r' => Some('\u{30a}'),
        _ => None,
    };
    let (inner, has_brace) = match after.strip_prefix('{') {
        Some(inner) => (inner, true),
        None if needs_space => (after.strip_prefix(' ')?, false),
        None => (after, false),
    };
    // The letters without a dot, `\i` and `\j`.
    let inner = inner.strip_prefix('\\').unwrap_or(inner);
    let letter = inner.chars().next().filter(|c| c.is_ascii_alphabetic())?;
    let after = &inner[1..];
    Some((letter, mark, if has_brace { after.strip_prefix('}')? } else { after }))
}
