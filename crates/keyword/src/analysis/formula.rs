//! Subscripts and superscripts as they are marked up: `MoS$_2$`, `$\mathrm{MoS}_2$` and `MoS<sub>2</sub>` are the
//! word `MoS2`, as `MoS₂` is, and `$^{13}$C` is `13C`.
//!
//! Only what makes one word of a formula is joined. Mathematics stays as it was: an index that is a letter of
//! mathematics (`$x_i$`), one of a Greek letter or a command (`\sigma_2`), and a power of a number (`10$^5$`).

use std::borrow::Cow;

/// A text in which the parts of formulas are joined.
pub(super) fn joined(text: &str) -> Cow<'_, str> {
    let text = with_marks(text);
    if !text.contains(['_', '^']) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    let mut in_math = false;
    while let Some(at) = rest.find(['$', '{', '}', '_', '^']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(script) = Script::at_start(&out, rest, in_math) {
            out.push_str(script.content);
            in_math ^= script.n_dollars % 2 == 1;
            rest = &rest[script.len..];
        } else {
            in_math ^= rest.starts_with('$') && !out.ends_with('\\');
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A text in which tags and commands of text mode are written as in mathematics.
fn with_marks(text: &str) -> Cow<'_, str> {
    const MARKS: [(&str, &str); 12] = [
        ("<sub>", "_{"),
        ("<inf>", "_{"),
        ("<jats:sub>", "_{"),
        ("\\textsubscript{", "_{"),
        ("<sup>", "^{"),
        ("<jats:sup>", "^{"),
        ("\\textsuperscript{", "^{"),
        ("</sub>", "}"),
        ("</inf>", "}"),
        ("</jats:sub>", "}"),
        ("</sup>", "}"),
        ("</jats:sup>", "}"),
    ];
    let mut text = Cow::Borrowed(text);
    if text.contains("</") || text.contains("\\text") {
        for (mark, written) in MARKS {
            if text.contains(mark) {
                text = Cow::Owned(text.replace(mark, written));
            }
        }
    }
    text
}

/// A subscript or superscript that is part of a word.
struct Script<'a> {
    content: &'a str,
    /// Bytes of all of its markup.
    len: usize,
    n_dollars: usize,
}

impl<'a> Script<'a> {
    /// The script at the start of `rest`, if it is to be joined to the end of `before`.
    fn at_start(before: &str, rest: &'a str, in_math: bool) -> Option<Self> {
        let mut at = Cursor { rest, n_dollars: 0 };
        // The end of `\mathrm{MoS}` or of mathematics before it.
        let ends_group = at.skip("}");
        let opens = at.skip_dollar();
        at.skip("{}");
        let is_raised = at.rest.starts_with('^');
        if !at.skip("^") && !at.skip("_") {
            return None;
        }
        let is_braced = at.skip("{");
        let base = Base::of(before);

        if opens && base == Base::Letters {
            // The index of a word of text: `NO$_x$`, `In$_x$Ga$_{1-x}$As`, `T$_c$`.
            let mut whole = at;
            let content = whole.take(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
            let is_closed = (!is_braced || whole.skip("}")) && whole.skip_dollar();
            if (1..=8).contains(&content.len()) && is_closed {
                return Some(whole.end(rest, content));
            }
        }
        let content = at.take_number();
        if content.is_empty() || content.len() > 4 {
            return None;
        }
        if is_braced {
            at.skip("}");
        }
        if opens {
            at.skip_dollar();
        }
        let is_isotope = is_raised && !ends_group && base == Base::Nothing && at.skip_to_element();
        let is_marked = opens || in_math || is_braced || is_raised || Base::is_short_formula(before);
        let is_index = base == Base::Letters && is_marked;
        (is_isotope || is_index).then(|| {
            at.skip_to_next_element();
            at.end(rest, content)
        })
    }
}

/// What stands before a script.
#[derive(PartialEq)]
enum Base {
    /// ASCII letters that are no command.
    Letters,
    /// Nothing that could have an index.
    Nothing,
    Other,
}

impl Base {
    fn of(before: &str) -> Self {
        let letters = letters_at_end(before);
        match before[..before.len() - letters.len()].chars().next_back() {
            Some('\\') => Self::Other,
            _ if !letters.is_empty() => Self::Letters,
            Some(c) if c.is_alphanumeric() || matches!(c, ')' | ']' | '}') => Self::Other,
            _ => Self::Nothing,
        }
    }

    /// Whether a few letters with a capital first are before a script: that is `CO_2`, but not `table_2`.
    fn is_short_formula(before: &str) -> bool {
        let letters = letters_at_end(before);
        letters.len() <= 5 && letters.starts_with(|c: char| c.is_ascii_uppercase())
    }
}

fn letters_at_end(text: &str) -> &str {
    let n_letters = text.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    &text[text.len() - n_letters..]
}

/// A place in a text.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    rest: &'a str,
    n_dollars: usize,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self, text: &str) -> bool {
        let after = self.rest.strip_prefix(text);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn skip_dollar(&mut self) -> bool {
        let is_there = self.skip("$");
        self.n_dollars += usize::from(is_there);
        is_there
    }

    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let len = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }

    /// Digits, with a point only where digits follow.
    fn take_number(&mut self) -> &'a str {
        let before = self.rest;
        let n_digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut len = n_digits(before);
        if len > 0 && before[len..].starts_with('.') {
            let n_decimals = n_digits(&before[len + 1..]);
            len += if n_decimals > 0 { n_decimals + 1 } else { 0 };
        }
        self.rest = &before[len..];
        &before[..len]
    }

    /// Skips what only sets the type of what follows.
    fn skip_fonts(&mut self) {
        const FONTS: [&str; 9] =
            ["\\mathrm{", "\\text{", "\\mathrm ", "\\textrm{", "\\rm{", "\\rm ", "\\ce{", "}", "{"];
        while FONTS.iter().any(|font| self.skip(font)) || self.skip_dollar() {}
    }

    /// Goes on to the symbol of an element; stays where none follows.
    fn skip_to_element(&mut self) -> bool {
        let mut next = *self;
        next.skip_fonts();
        let letters = next.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let symbol = &next.rest[..letters];
        let n_small = symbol.bytes().skip(1).take_while(u8::is_ascii_lowercase).count();
        let is_element = symbol.starts_with(|c: char| c.is_ascii_uppercase()) && n_small <= 1;
        if is_element {
            *self = next;
        }
        is_element
    }

    /// As [`skip_to_element`](Self::skip_to_element), but only over markup that is there.
    fn skip_to_next_element(&mut self) {
        if !self.rest.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            self.skip_to_element();
        }
    }

    fn end(self, from: &str, content: &'a str) -> Script<'a> {
        Script { content, len: from.len() - self.rest.len(), n_dollars: self.n_dollars }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expected: &str) {
        for text in texts {
            assert_eq!(joined(text), expected, "{text}");
        }
    }

    #[test]
    fn formulas_are_one_word_however_they_are_marked() {
        let marked =
            ["MoS$_2$ films", "MoS$_{2}$ films", "MoS<sub>2</sub> films", "MoS\\textsubscript{2} films"];
        check(&marked, "MoS2 films");
        check(&["a $\\mathrm{MoS}_2$ film"], "a $\\mathrm{MoS2$ film");
        check(&["H$_2$O", "H$_{2}$O", "H<sub>2</sub>O", "H_2O"], "H2O");
        check(&["$H_2$O"], "$H2O");
        check(&["SrTiO$_3$.", "SrTiO<inf>3</inf>."], "SrTiO3.");
        check(&["Fe$_3$O$_4$"], "Fe3O4");
        check(&["${\\rm H}_2{\\rm O}$"], "${\\rm H2O}$");
        check(&["YBa$_2$Cu$_3$O$_{7-\\delta}$"], "YBa2Cu3O7-\\delta}$");
        check(&["La$_{0.7}$Sr$_{0.3}$MnO$_3$"], "La0.7Sr0.3MnO3");
        check(&["In$_x$Ga$_{1-x}$As and T$_c$"], "InxGa1-xAs and Tc");
        check(&["$\\mathrm{CO_2}$ to"], "$\\mathrm{CO2}$ to");
        check(&["Ca$^{2+}$"], "Ca2+");
        check(&["CO_2 and km^2"], "CO2 and km2");
    }

    #[test]
    fn isotopes_are_one_word() {
        let marked =
            ["$^{13}$C NMR", "${}^{13}$C NMR", "^{13}C NMR", "<sup>13</sup>C NMR", "$^{13}\\mathrm{C NMR"];
        check(&marked, "13C NMR");
        check(&["$^3$He", "$^{3}$He"], "3He");
        check(&["of $^{87}$Rb atoms"], "of 87Rb atoms");
        check(&["$^1$Department of"], "$^1$Department of");
    }

    #[test]
    fn mathematics_stays_as_it_is() {
        for text in [
            "10$^5$",
            "$10^{-5}$",
            "$\\sigma_8$",
            "\\alpha_2",
            "$x_i$",
            "table_2",
            "a^",
            "_",
            "$",
            "$_",
            "}_2",
            "é^2",
        ] {
            assert_eq!(joined(text), text);
        }
        check(&["cost $5 and CO$_2$"], "cost $5 and CO2");
    }
}
