//! TeX as bibliographies hold it: reading it as Unicode, and writing Unicode as TeX.
//!
//! Maths between dollars stays TeX in both directions, since no plain text says the same. For every text
//! `t` whose white space is folded, `decode(&encode(&t)) == t`.

mod symbols;

use unicode_normalization::UnicodeNormalization;

use crate::text::fold;

/// Longest maths read between `\(` and `\)`.
const MAX_MATHS_BYTES: usize = 2_000;

/// A text as TeX, for a value in braces: what TeX or BibTeX would take for markup is written as a
/// command, and braces are always balanced. `text` has its white space folded.
///
/// `$…$` stays as it is where it reads as maths: a dollar before no space, up to one behind no space and
/// before no digit (so that "$5 or $6" are prices), with balanced braces and no comment in it.
pub(crate) fn encode(text: &str) -> String {
    let mut tex = String::with_capacity(text.len() + text.len() / 8);
    let has_pairs = is_balanced(text);
    let mut rest = text;
    let mut previous = ' ';
    while let Some(c) = rest.chars().next() {
        if c == '$'
            && let Some(length) = maths_length(rest).filter(|&length| is_maths(rest, length))
        {
            // Two dollars in a row would begin a display.
            if tex.ends_with('$') {
                tex.push_str("{}");
            }
            tex.push_str(&rest[..length]);
            rest = &rest[length..];
            previous = '$';
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => tex.push_str("\\textbackslash{}"),
            // BibTeX counts the brace of `\{`, so that a lone one would unbalance the entry.
            '{' if has_pairs => tex.push_str("\\{"),
            '}' if has_pairs => tex.push_str("\\}"),
            '{' => tex.push_str("\\textbraceleft{}"),
            '}' => tex.push_str("\\textbraceright{}"),
            '^' => tex.push_str("\\textasciicircum{}"),
            '~' => tex.push_str("\\textasciitilde{}"),
            '$' | '&' | '%' | '#' | '_' => tex.extend(['\\', c]),
            // TeX joins these to a dash, a quotation mark, or a Spanish sign.
            '-' | '`' | '\'' if previous == c || (c == '`' && matches!(previous, '?' | '!')) => {
                tex.push_str("{}");
                tex.push(c);
            }
            _ => tex.push(c),
        }
        previous = c;
    }
    tex
}

/// A title as TeX: as [`encode`], and words with capitals behind their first letter in braces, because
/// most bibliography styles put titles in lower case ("BERT" would become "bert").
pub(crate) fn encode_title(text: &str) -> String {
    let mut in_maths = false;
    let protect = |word: &str| {
        let n_dollars = word.matches('$').count() - word.matches("\\$").count();
        let was_in_maths = in_maths;
        in_maths ^= n_dollars % 2 == 1;
        let core = word.trim_end_matches([',', '.', ':', ';', '?', '!', ')']).trim_start_matches('(');
        let is_plain = core.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '/' | '+' | '.'));
        if was_in_maths || !is_plain || !core.chars().skip(1).any(char::is_uppercase) {
            return word.to_owned();
        }
        word.replacen(core, &format!("{{{core}}}"), 1)
    };
    encode(text).split(' ').map(protect).collect::<Vec<_>>().join(" ")
}

/// TeX as text: accents and commands for characters decoded, commands for looks and braces dropped,
/// maths kept, unknown commands kept by name, white space folded.
pub(crate) fn decode(tex: &str) -> String {
    let mut text = String::with_capacity(tex.len());
    let mut rest = tex;
    while let Some(c) = rest.chars().next() {
        let (decoded, length) = match c {
            '\\' => decode_command(rest),
            '$' => match maths_length(rest) {
                Some(length) => (rest[..length].to_owned(), length),
                None => ("$".to_owned(), 1),
            },
            '{' | '}' => (String::new(), 1),
            '~' => (" ".to_owned(), 1),
            '-' if rest.starts_with("---") => ("—".to_owned(), 3),
            '-' if rest.starts_with("--") => ("–".to_owned(), 2),
            '?' if rest.starts_with("?`") => ("¿".to_owned(), 2),
            '!' if rest.starts_with("!`") => ("¡".to_owned(), 2),
            '`' if rest.starts_with("``") => ("“".to_owned(), 2),
            '\'' if rest.starts_with("''") => ("”".to_owned(), 2),
            _ => {
                text.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        text.push_str(&decoded);
        rest = &rest[length..];
    }
    fold(&text)
}

/// A text with TeX's accents (`\"{o}`, `{\'e}`) as characters and all else as it is: arXiv writes its
/// titles and names so.
pub(crate) fn decode_accents(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let maths = if c == '$' { maths_length(rest) } else { None };
        if let Some(length) = maths {
            decoded.push_str(&rest[..length]);
            rest = &rest[length..];
        } else if let Some((letter, length)) = braced_accent(rest).or_else(|| accented(rest)) {
            decoded.push_str(&letter);
            rest = &rest[length..];
        } else {
            decoded.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    decoded
}

/// A web address or identifier as TeX writes it: braces dropped, escaped characters bare, no ligatures.
pub(crate) fn decode_verbatim(tex: &str) -> String {
    let mut text = String::with_capacity(tex.len());
    let tex = tex.replace("\\textasciitilde", "~").replace("\\url{", "{");
    let mut chars = tex.chars().peekable();
    while let Some(c) = chars.next() {
        let escapes = c == '\\' && chars.peek().is_some_and(char::is_ascii_punctuation);
        if !escapes && c != '{' && c != '}' {
            text.push(c);
        }
        // The backslash of `\~{}` went above; a second one in a row is a character.
        if escapes && chars.peek() == Some(&'\\') {
            chars.next();
            text.push('\\');
        }
    }
    fold(&text)
}

/// How many bytes the maths at the start of `rest`, which begins with a dollar, take with its dollars.
fn maths_length(rest: &str) -> Option<usize> {
    let fence = if rest.starts_with("$$") { "$$" } else { "$" };
    let mut chars = rest.char_indices().skip(fence.len());
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '$' if rest[at..].starts_with(fence) => return Some(at + fence.len()),
            _ => {}
        }
    }
    None
}

/// Whether what lies between the dollars reads as maths, and can stand in a value in braces.
fn is_maths(rest: &str, length: usize) -> bool {
    let inner = rest[..length].trim_matches('$');
    let before_digit = rest[length..].starts_with(|c: char| c.is_ascii_digit());
    let is_tight = !inner.is_empty() && !inner.starts_with(' ') && !inner.ends_with(' ');
    let has_comment = inner.replace("\\%", "").contains('%');
    is_tight && !before_digit && !has_comment && !inner.contains('$') && is_balanced(inner)
}

/// Whether braces match, as BibTeX counts them: a backslash before one changes nothing.
pub(crate) fn is_balanced(text: &str) -> bool {
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return false,
            '}' => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}

/// The parts of a raw value between separators that stand outside braces. A separator of letters is a
/// word with white space around it, in any case.
pub(crate) fn split_outside_braces<'a>(raw: &'a str, separator: &str) -> Vec<&'a str> {
    let is_word = separator.starts_with(char::is_alphabetic);
    let mut parts = Vec::new();
    let (mut depth, mut start, mut after_space) = (0_usize, 0, true);
    for (at, c) in raw.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let was_after_space = std::mem::replace(&mut after_space, c.is_whitespace());
        if depth > 0 || at < start {
            continue;
        }
        let Some(found) = raw.get(at..at + separator.len()) else { continue };
        let after = raw[at + separator.len()..].chars().next();
        let stands_alone = !is_word || (was_after_space && after.is_none_or(char::is_whitespace));
        if found.eq_ignore_ascii_case(separator) && stands_alone {
            parts.push(&raw[start..at]);
            start = at + separator.len();
        }
    }
    parts.push(&raw[start..]);
    parts
}

/// What the command at the start of `rest` stands for, and its length with what it takes.
fn decode_command(rest: &str) -> (String, usize) {
    if let Some(found) = accented(rest) {
        return found;
    }
    let after = &rest[1..];
    let name: &str = &after[..after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len())];
    if name.is_empty() {
        let Some(c) = after.chars().next() else { return ("\\".to_owned(), 1) };
        for (open, close) in [("(", ")"), ("[", "]")] {
            let end = format!("\\{close}");
            // Of bounded length, so that a text of nothing but openings is no quadratic search.
            if let Some(inner) = after.strip_prefix(open)
                && let Some(length) = inner[..inner.floor_char_boundary(MAX_MATHS_BYTES)].find(&end)
            {
                return (format!("${}$", inner[..length].trim()), 2 + length + 2);
            }
        }
        return match symbols::escaped(c) {
            Some(text) => (text.to_owned(), 1 + c.len_utf8()),
            None => ("\\".to_owned(), 1),
        };
    }
    let length = 1 + name.len();
    // TeX takes the white space behind a command's name.
    let n_spaces = rest[length..].len() - rest[length..].trim_start().len();
    if let Some(text) = symbols::symbol(name) {
        return (text.to_owned(), length + n_spaces);
    }
    if symbols::is_style(name) {
        return (String::new(), length + n_spaces);
    }
    (rest[..length].to_owned(), length)
}

/// An accent with its letter at the start of `rest`: `\"o`, `\"{o}`, `\v{c}`, `\'{\i}`, `\'\i`.
fn accented(rest: &str) -> Option<(String, usize)> {
    let after = rest.strip_prefix('\\')?;
    let name = after.chars().next()?;
    let combining = symbols::accent(name)?;
    let argument = after[name.len_utf8()..].trim_start();
    let has_space = argument.len() < after.len() - 1;
    // `\u` alone could begin any longer command.
    if name.is_ascii_alphabetic() && !has_space && !argument.starts_with('{') {
        return None;
    }
    let start = rest.len() - argument.len();
    let braced = argument.strip_prefix('{');
    let inner = braced.unwrap_or(argument);
    let (letter, length) = letter(inner)?;
    let combined: String = [letter, combining].into_iter().nfc().collect();
    match braced {
        Some(inner) => {
            let tail = inner[length..].trim_start();
            let end = tail.strip_prefix('}')?;
            Some((combined, rest.len() - end.len()))
        }
        None => Some((combined, start + length)),
    }
}

/// The letter that an accent is put on, and its length.
fn letter(inner: &str) -> Option<(char, usize)> {
    for (dotless, letter) in [("\\i", 'i'), ("\\j", 'j')] {
        let after = inner.strip_prefix(dotless);
        if let Some(after) = after
            && !after.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            return Some((letter, 2));
        }
    }
    // Latin letters, with accents of their own too.
    let is_letter = |c: &char| c.is_ascii_alphabetic() || ('\u{c0}'..='\u{24f}').contains(c);
    let letter = inner.chars().next().filter(is_letter)?;
    Some((letter, letter.len_utf8()))
}

/// An accent in braces of its own: `{\"o}`.
fn braced_accent(rest: &str) -> Option<(String, usize)> {
    let inner = rest.strip_prefix('{')?;
    let (letter, length) = accented(inner)?;
    inner[length..].starts_with('}').then_some((letter, length + 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn reads_what_bibliographies_write() {
        fn check(tex: &str, expected: &str) {
            assert_eq!(decode(tex), expected, "{tex}");
        }
        check(
            r#"G{\"o}del, Erd\H{o}s, Ho\v{c}evar, \'{\i}, \'\i, \c c, {\AA}ngstr\"om"#,
            "Gödel, Erdős, Hočevar, í, í, ç, Ångström",
        );
        check(r"Stra\ss e and \o{}re, {\L}\'od\'z", "Straße and øre, Łódź");
        check(r"{BERT}: {P}re-training\\ of~\emph{deep}  {\it models}", "BERT: Pre-training of deep models");
        check(r"100\% of \$5 \& \#1 \_x \{a\} A--B---``c''", "100% of $5 & #1 _x {a} A–B—“c”");
        check(
            r"a $x_{1}^{2} \in \mathbb{R}$ and \(y\) and $$z$$ costs 5$",
            r"a $x_{1}^{2} \in \mathbb{R}$ and $y$ and $$z$$ costs 5$",
        );
        check(r"\unknown{x} \alpha-helix \", r"\unknownx \alpha-helix \");
        assert_eq!(decode_verbatim(r"\url{https://e.org/a\_b\%20c{\~{}}x--y}"), "https://e.org/a_b%20c~x--y");
        assert_eq!(
            decode_accents(r#"Schr\"{o}dinger {\'e} \emph{x} $\"o$ \under"#),
            r#"Schrödinger é \emph{x} $\"o$ \under"#
        );
    }

    #[test]
    fn writes_titles_that_keep_their_capitals() {
        fn check(text: &str, expected: &str) {
            assert_eq!(encode_title(text), expected);
        }
        check("BERT: a (GPU) model of $N B$ mRNA, A&B", r"{BERT}: a ({GPU}) model of $N B$ {mRNA}, A\&B");
        check("costs $5 and $6, 50%", r"costs \$5 and \$6, 50\%");
        check("a}b{c\\", r"a\textbraceright{}b\textbraceleft{}c\textbackslash{}");
        check("a{b}", r"a\{b\}");
        check("a--b", "a-{}-b");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(3), ..ProptestConfig::with_cases(2048) })]

        #[test]
        fn any_text_comes_back(text in prop_oneof![any::<String>(), "[$\\\\{}%&#_^~\"'`a-cA-C1 -]{0,24}"]) {
            let text = fold(&text);
            for tex in [encode(&text), encode_title(&text)] {
                prop_assert!(is_balanced(&tex), "{}", tex);
                prop_assert_eq!(&decode(&tex), &text, "{}", tex);
            }
            decode(&text);
            decode_verbatim(&text);
            decode_accents(&text);
        }
    }
}
