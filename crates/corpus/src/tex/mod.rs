//! TeX as bibliographies hold it: reading it as Unicode, and writing Unicode as TeX.
//!
//! Maths between dollars stays TeX in both directions, since no plain text says the same; but maths that
//! is one sign or one index (`$\beta$`, `H$_2$O`) is read as that. For every text `t` whose white space is
//! folded, `decode(&encode(&t)) == t`.
//!
//! Everything here reads a text once from left to right: time grows with its length and no faster.

mod maths;
mod symbols;

use unicode_normalization::UnicodeNormalization;

use crate::text::fold;
use maths::Ends;

/// Longest argument of a command that is read as one; longer ones are text between braces.
const MAX_ARGUMENT_BYTES: usize = 200;

/// A text as TeX, for a value in braces: what TeX or BibTeX would take for markup is written as a
/// command, and braces are always balanced. `text` has its white space folded.
///
/// `$…$` stays as it is where it reads as maths: a dollar before no space, up to one behind no space and
/// before no digit (so that "$5 or $6" are prices), with balanced braces and no comment in it. Maths that
/// would be read as a sign is written between `\(` and `\)`, which say the same.
pub(crate) fn encode(text: &str) -> String {
    if !text.contains(['\\', '{', '}', '^', '~', '$', '&', '%', '#', '_', '`']) && !has_pair(text) {
        return text.to_owned();
    }
    let mut tex = String::with_capacity(text.len() + text.len() / 8);
    let has_pairs = is_balanced(text);
    let mut ends = Ends::new(text);
    let mut at = 0;
    let mut previous = ' ';
    while let Some(c) = text[at..].chars().next() {
        if c == '$'
            && previous != '\\'
            && let Some(length) = ends.dollars(at).filter(|&length| is_maths(&text[at..], length))
        {
            let formula = &text[at..at + length];
            let inner = formula.strip_prefix('$').and_then(|inner| inner.strip_suffix('$'));
            match inner.filter(|inner| maths::as_text(inner).is_some()) {
                Some(inner) => tex.extend(["\\(", inner, "\\)"]),
                None => {
                    // Two dollars in a row would begin a display.
                    if tex.ends_with('$') {
                        tex.push_str("{}");
                    }
                    tex.push_str(formula);
                }
            }
            at += length;
            previous = '$';
            continue;
        }
        at += c.len_utf8();
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
/// maths kept, unknown commands kept as they are written, white space folded.
pub(crate) fn decode(tex: &str) -> String {
    if !tex.contains(['\\', '{', '}', '~', '$', '`']) && !has_pair(tex) {
        return fold(tex);
    }
    let mut text = String::with_capacity(tex.len());
    let mut ends = Ends::new(tex);
    let mut at = 0;
    while let Some(c) = tex[at..].chars().next() {
        let rest = &tex[at..];
        at += match c {
            '\\' => decode_command(tex, at, &mut ends, &mut text),
            '$' => match ends.dollars(at) {
                Some(length) => {
                    let formula = &rest[..length];
                    let inner = formula.strip_prefix('$').and_then(|inner| inner.strip_suffix('$'));
                    match inner.and_then(maths::as_text) {
                        Some(sign) => text.push_str(&sign),
                        None => text.push_str(formula),
                    }
                    length
                }
                None => {
                    text.push('$');
                    1
                }
            },
            '{' | '}' => 1,
            '~' => {
                text.push(' ');
                1
            }
            _ => match LIGATURES.iter().find(|(signs, _)| rest.starts_with(signs)) {
                Some((signs, sign)) => {
                    text.push(*sign);
                    signs.len()
                }
                None => {
                    text.push(c);
                    c.len_utf8()
                }
            },
        };
    }
    fold(&text)
}

/// Whether two signs stand in a row that TeX joins to one.
fn has_pair(text: &str) -> bool {
    ["--", "''"].iter().any(|pair| memchr::memmem::find(text.as_bytes(), pair.as_bytes()).is_some())
}

/// Signs that TeX joins to one, the longer first.
const LIGATURES: [(&str, char); 6] =
    [("---", '—'), ("--", '–'), ("?`", '¿'), ("!`", '¡'), ("``", '“'), ("''", '”')];

/// A text with TeX's accents (`\"{o}`, `{\'e}`) as characters and all else as it is: arXiv writes its
/// titles and names so.
pub(crate) fn decode_accents(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut decoded = String::with_capacity(text.len());
    let mut ends = Ends::new(text);
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let verbatim = match c {
            '$' => ends.dollars(at),
            '\\' if rest[1..].starts_with('$') => Some(2),
            _ => None,
        };
        if let Some(length) = verbatim {
            decoded.push_str(&rest[..length]);
            at += length;
        } else if let Some((letter, length)) = braced_accent(rest).or_else(|| accented(rest)) {
            decoded.push_str(&letter);
            at += length;
        } else {
            decoded.push(c);
            at += c.len_utf8();
        }
    }
    decoded
}

/// The character that TeX writes at the start of `rest` (`\"o`, `{\'e}`, `\v{c}`, `\ss`, `{\o}`), and how many bytes it
/// takes there. `None` where an ordinary character stands, or maths.
#[must_use]
pub fn tex_character(rest: &str) -> Option<(String, usize)> {
    if !rest.starts_with(['\\', '{']) {
        return None;
    }
    if let Some(found) = braced_accent(rest).or_else(|| accented(rest)) {
        return Some(found);
    }
    let inner = rest.strip_prefix('{');
    let name = inner.unwrap_or(rest).strip_prefix('\\')?;
    let length = name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len());
    let symbol = symbols::symbol(&name[..length])?.to_owned();
    let after = &name[length..];
    if inner.is_some() {
        return after.starts_with('}').then_some((symbol, length + 3));
    }
    // TeX takes the white space behind a command's name, or the empty group that keeps it. In running text it is
    // meant within words alone: `F\o lner`, but `\lambda per second`.
    let is_latin = symbol.chars().all(|c| c.is_alphabetic() && c < '\u{250}');
    let taken = match after.strip_prefix("{}") {
        Some(_) => 2,
        None if is_latin => after.len() - after.trim_start().len(),
        None => 0,
    };
    Some((symbol, 1 + length + taken))
}

/// A web address or identifier as TeX writes it: braces dropped, escaped characters bare, no ligatures.
pub(crate) fn decode_verbatim(tex: &str) -> String {
    let mut text = String::with_capacity(tex.len());
    let tex = ["\\textasciitilde{}", "\\textasciitilde ", "\\textasciitilde"]
        .iter()
        .fold(tex.replace("\\url{", "{"), |tex, tilde| tex.replace(tilde, "~"));
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

/// A raw value without the braces around all of it.
pub(crate) fn without_outer_braces(raw: &str) -> &str {
    let raw = raw.trim();
    match raw.strip_prefix('{').and_then(|raw| raw.strip_suffix('}')) {
        Some(inner) if is_balanced(inner) && inner.contains([',', ';']) => inner,
        _ => raw,
    }
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

/// Puts what the command at `at` stands for behind `text`; gives its length with what it takes.
fn decode_command(tex: &str, at: usize, ends: &mut Ends<'_>, text: &mut String) -> usize {
    let rest = &tex[at..];
    if let Some((letter, length)) = accented(rest).or_else(|| spacing_accent(rest)) {
        text.push_str(&letter);
        return length;
    }
    let after = &rest[1..];
    let name: &str = &after[..after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len())];
    if name.is_empty() {
        return decode_sign(tex, at, ends, text);
    }
    let length = 1 + name.len();
    // TeX takes the white space behind a command's name.
    let n_spaces = rest[length..].len() - rest[length..].trim_start().len();
    let argument = || argument(&rest[length + n_spaces..]);
    if let Some(symbol) = symbols::symbol(name) {
        text.push_str(symbol);
        return length + n_spaces;
    }
    // An address is as it stands: no sign in it is TeX's.
    if matches!(name, "url" | "path" | "nolinkurl")
        && let Some((inner, n_taken)) = argument().filter(|_| rest[length + n_spaces..].starts_with('{'))
    {
        text.push_str(&decode_verbatim(inner));
        return length + n_spaces + n_taken;
    }
    if symbols::is_style(name) {
        return length + n_spaces;
    }
    if symbols::is_silent(name) {
        return length + n_spaces + argument().map_or(0, |(_, n_taken)| n_taken);
    }
    let read = |(inner, n_taken): (&str, usize)| {
        let read = match name {
            "textsubscript" | "textsuperscript" => {
                let inner = decode(inner);
                maths::shifted(&inner, name == "textsuperscript").unwrap_or(inner)
            }
            "ensuremath" => maths::as_text(inner).unwrap_or_else(|| format!("${}$", inner.trim())),
            "textgreek" => inner.chars().map(symbols::transliterated).collect(),
            _ => return None,
        };
        Some((read, n_taken))
    };
    match argument().and_then(read) {
        Some((read, n_taken)) => {
            text.push_str(&read);
            length + n_spaces + n_taken
        }
        // A longer argument is read as what it is made of.
        None if matches!(name, "textsubscript" | "textsuperscript" | "ensuremath" | "textgreek") => {
            length + n_spaces
        }
        None => {
            text.push_str(&rest[..length]);
            length
        }
    }
}

/// What a backslash and a sign, not a letter, stand for.
fn decode_sign(tex: &str, at: usize, ends: &mut Ends<'_>, text: &mut String) -> usize {
    let Some(c) = tex[at + 1..].chars().next() else {
        text.push('\\');
        return 1;
    };
    let close = match c {
        '(' => ends.closing(')', at + 2),
        '[' => ends.closing(']', at + 2),
        _ => None,
    };
    if let Some(close) = close {
        text.extend(["$", tex[at + 2..close].trim(), "$"]);
        return close + 2 - at;
    }
    match symbols::escaped(c) {
        Some(sign) => {
            text.push_str(sign);
            1 + c.len_utf8()
        }
        None => {
            text.push('\\');
            1
        }
    }
}

/// The argument at the start of `rest`, in braces or of one character, and what it takes with its braces.
fn argument(rest: &str) -> Option<(&str, usize)> {
    let Some(inner) = rest.strip_prefix('{') else {
        let c = rest.chars().next().filter(|c| !c.is_whitespace() && !"\\}".contains(*c))?;
        return Some((&rest[..c.len_utf8()], c.len_utf8()));
    };
    let mut depth = 0_usize;
    for (at, byte) in inner.bytes().take(MAX_ARGUMENT_BYTES).enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some((&inner[..at], at + 2)),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// An accent over nothing, which is the sign itself: `\^{}`, `\~{}`.
fn spacing_accent(rest: &str) -> Option<(String, usize)> {
    let mut chars = rest.strip_prefix('\\')?.chars();
    let sign = chars.next().filter(|sign| "^~`'\"".contains(*sign))?;
    chars.as_str().starts_with("{}").then(|| (sign.to_string(), 4))
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
        check(r"\unknown{x} \alpha-helix \", r"\unknownx α-helix \");
        check(
            r"CO\textsubscript{2} and {Ca}\textsuperscript{2+} at 10\textsuperscript{-3}, \textsuperscript{13}C",
            "CO₂ and Ca²⁺ at 10⁻³, ¹³C",
        );
        check(
            r"X\textsubscript{max}, \textsubscript2, H$_2$O, 25$^\circ$C, $^{13}$C",
            "Xmax, ₂, H₂O, 25°C, ¹³C",
        );
        check(
            r"\ensuremath{\beta}, {\textalpha}, {\textgreek{b}}, $\mu$m, \ensuremath{x_1}, P$<$5",
            "β, α, β, μm, $x_1$, P<5",
        );
        check(
            r"a \textonehalf{} \textrightarrow{} b, {\~{}}5 {\^{}}2, \og oui\fg",
            "a ½ → b, ~5 ^2, « oui »",
        );
        check(r"{\noopsort{1999a}}2016 \href{https://e.org}{here} \mathrm{kg}", "2016 here kg");
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
        check(r"a $\beta$ and $x$", r"a \(\beta\) and $x$");
    }

    /// How many bytes searches for the ends of maths pass over, for texts that have many beginnings and
    /// no or few ends.
    #[test]
    fn the_work_grows_with_the_text_and_no_faster() {
        let n_steps = |text: &str| {
            maths::N_SEARCHED.set(0);
            decode(text);
            decode_accents(text);
            encode(&fold(text));
            encode_title(&fold(text));
            decode_verbatim(text);
            maths::N_SEARCHED.get()
        };
        for part in
            ["\\$", "$", "$$ ", "\\(", "\\[ ", "\\$ $", "\\ensuremath{", "\\textsubscript{{", "{\\'{", "\\' "]
        {
            for end in ["", "$", "\\)", "$$", "}"] {
                for n in [1_000, 4_000] {
                    let text = part.repeat(n) + end;
                    assert!(n_steps(&text) <= 16 * text.len(), "{part} {end} {n}: {}", n_steps(&text));
                }
            }
        }
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
