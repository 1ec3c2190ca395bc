//! Formulas: where they end, and what they are as MathML.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::push_escaped;

/// Longer formulas are left as they are written.
const MAX_BYTES: usize = 2_000;
/// Deepest nesting of groups: the converter calls itself for each.
const MAX_DEPTH: usize = 48;
/// Unknown commands of one formula that are set as their names.
const MAX_UNKNOWN: usize = 8;

/// Commands that authors define for themselves, or that LaTeX's packages do, by what they nearly always mean.
const MACROS: [(&str, &str); 36] = [
    ("widetilde", r"\tilde{#1}"),
    ("widebar", r"\overline{#1}"),
    ("mbox", r"\text{#1}"),
    ("hbox", r"\text{#1}"),
    ("rmn", r"\mathrm{#1}"),
    ("Cal", r"\mathcal{#1}"),
    ("mathds", r"\mathbb{#1}"),
    ("bm", r"\boldsymbol{#1}"),
    ("ensuremath", "#1"),
    ("boldmath", ""),
    ("unboldmath", ""),
    ("nonumber", ""),
    ("notag", ""),
    ("gsim", r"\gtrsim"),
    ("lsim", r"\lesssim"),
    ("simgt", r"\gtrsim"),
    ("simlt", r"\lesssim"),
    ("eps", r"\varepsilon"),
    ("vareps", r"\varepsilon"),
    ("al", r"\alpha"),
    ("be", r"\beta"),
    ("ga", r"\gamma"),
    ("la", r"\lambda"),
    ("om", r"\omega"),
    ("Om", r"\Omega"),
    ("CC", r"\mathbb{C}"),
    ("FF", r"\mathbb{F}"),
    ("PP", r"\mathbb{P}"),
    ("QQ", r"\mathbb{Q}"),
    ("RR", r"\mathbb{R}"),
    ("ZZ", r"\mathbb{Z}"),
    ("micron", r"\mathrm{\mu m}"),
    ("kms", r"\mathrm{km\,s^{-1}}"),
    ("msun", r"M_\odot"),
    ("Msun", r"M_\odot"),
    ("degr", r"^\circ"),
];

/// Environments that are formulas.
const ENVIRONMENTS: [&str; 10] = [
    "equation",
    "equation*",
    "align",
    "align*",
    "eqnarray",
    "eqnarray*",
    "gather",
    "gather*",
    "displaymath",
    "math",
];

/// MathML's elements that the converter makes.
const ELEMENTS: [&str; 30] = [
    "math",
    "semantics",
    "annotation",
    "mrow",
    "mi",
    "mn",
    "mo",
    "ms",
    "mtext",
    "mspace",
    "mfrac",
    "msqrt",
    "mroot",
    "msub",
    "msup",
    "msubsup",
    "munder",
    "mover",
    "munderover",
    "mmultiscripts",
    "mprescripts",
    "mtable",
    "mtr",
    "mtd",
    "mpadded",
    "mphantom",
    "menclose",
    "mstyle",
    "merror",
    "none",
];

/// Attributes that say how a formula looks, with values that are words or lengths. None names an address, a
/// style, or something to run.
const ATTRIBUTES: [&str; 27] = [
    "accent",
    "accentunder",
    "columnalign",
    "columnspan",
    "depth",
    "display",
    "displaystyle",
    "encoding",
    "fence",
    "form",
    "height",
    "largeop",
    "linethickness",
    "lspace",
    "mathvariant",
    "maxsize",
    "minsize",
    "movablelimits",
    "notation",
    "rowspan",
    "rspace",
    "scriptlevel",
    "separator",
    "stretchy",
    "symmetric",
    "voffset",
    "width",
];

static CONVERTER: LazyLock<Option<LatexToMathML>> = LazyLock::new(|| {
    let macros = MACROS.iter().map(|&(name, meaning)| (name.to_owned(), meaning.to_owned())).collect();
    LatexToMathML::new(MathCoreConfig { macros, ..MathCoreConfig::default() }).ok()
});

/// A formula of a text.
pub(crate) struct Formula<'t> {
    /// Its TeX, without the signs around it.
    pub(crate) tex: &'t str,
    /// How it is written, with them.
    pub(crate) written: &'t str,
    /// Whether it stands on a line of its own.
    pub(crate) display: bool,
}

impl<'t> Formula<'t> {
    pub(crate) fn new(written: &'t str) -> Self {
        const SIGNS: [(&str, &str, bool); 4] =
            [("$$", "$$", true), ("$", "$", false), ("\\(", "\\)", false), ("\\[", "\\]", true)];
        let inner = SIGNS.into_iter().find_map(|(open, close, display)| {
            Some((written.strip_prefix(open)?.strip_suffix(close)?.trim(), display))
        });
        // An environment is read with its name.
        let (tex, display) = inner.unwrap_or((written, true));
        Self { tex, written, display }
    }
}

/// Whether MathML is one element, as `semantics` wants its first child to be.
pub(crate) fn is_one_element(mathml: &str) -> bool {
    let mut reader = Reader::from_str(mathml);
    let (mut depth, mut n) = (0_usize, 0_usize);
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => {
                n += usize::from(depth == 0);
                depth += 1;
            }
            Ok(Event::Empty(_)) => n += usize::from(depth == 0),
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) | Err(_) => return n == 1,
            Ok(_) => {}
        }
    }
}

/// Why a formula is left as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It has a command that nobody knows.
    Unknown,
    /// Anything else.
    Other,
}

/// What stands between `<math>` and `</math>` for a formula without the signs around it, where it can be read as it
/// is.
pub(crate) fn readable(tex: &str) -> Result<String, Unreadable> {
    if tex.trim().is_empty() || tex.len() > MAX_BYTES || depth(tex) > MAX_DEPTH {
        return Err(Unreadable::Other);
    }
    let converter = CONVERTER.as_ref().ok_or(Unreadable::Other)?;
    // The converter is not ours: should it panic, the formula stays as it is written.
    let convert = || converter.convert_with_local_state(tex, MathDisplay::Inline);
    match catch_unwind(AssertUnwindSafe(convert)) {
        Ok(Ok(found)) => {
            let inner = found.mathml.strip_prefix("<math>").and_then(|inner| inner.strip_suffix("</math>"));
            inner.and_then(allowed).ok_or(Unreadable::Other)
        }
        // Which error it was, the converter tells in words only.
        Ok(Err(error)) if format!("{error:?}").contains("UnknownCommand") => Err(Unreadable::Unknown),
        Ok(Err(_)) | Err(_) => Err(Unreadable::Other),
    }
}

/// As [`readable`], and unknown commands are set as their names in upright letters: `\Ext` is read as what its author
/// defined it for.
pub(crate) fn mathml(tex: &str) -> Option<String> {
    let mut tex = Cow::Borrowed(tex);
    for _ in 0..=MAX_UNKNOWN {
        match readable(&tex) {
            Ok(mathml) => return Some(mathml),
            Err(Unreadable::Unknown) => tex = named(&tex)?.into(),
            Err(Unreadable::Other) => return None,
        }
    }
    None
}

/// A formula with its first unknown command as that command's name in upright letters.
fn named(tex: &str) -> Option<String> {
    let mut at = 0;
    while let Some(found) = tex[at..].find('\\') {
        let start = at + found;
        let rest = &tex[start + 1..];
        let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let name = &rest[..length];
        at = start + 1 + length;
        if name.is_empty() {
            at += rest.chars().next().map_or(0, char::len_utf8);
        } else if readable(&tex[start..at]) == Err(Unreadable::Unknown) {
            return Some(format!("{}{{\\mathrm{{{name}}}}}{}", &tex[..start], &tex[at..]));
        }
    }
    None
}

/// How deep groups lie in each other, counting braces, `\left` and `\begin`.
fn depth(tex: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut rest = tex;
    while let Some(at) = rest.find(['{', '}', '\\']) {
        let found = &rest[at..];
        let (change, length) = if found.starts_with('{') {
            (1_isize, 1)
        } else if found.starts_with('}') {
            (-1, 1)
        } else if found.starts_with("\\left") || found.starts_with("\\begin") {
            (1, 5)
        } else if found.starts_with("\\right") || found.starts_with("\\end") {
            (-1, 4)
        } else {
            (0, 1 + found[1..].chars().next().map_or(0, char::len_utf8))
        };
        depth = depth.saturating_add_signed(change);
        deepest = deepest.max(depth);
        rest = &found[length..];
    }
    deepest
}

/// MathML with nothing in it but the elements and attributes above; `None` where it is not well formed, or has
/// others.
fn allowed(mathml: &str) -> Option<String> {
    let mut reader = Reader::from_str(mathml);
    let mut kept = String::with_capacity(mathml.len());
    let mut open: Vec<&'static str> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = element(start.name().as_ref())?;
                push_start(&start, name, &mut kept)?;
                kept.push('>');
                open.push(name);
            }
            Event::Empty(start) => {
                let name = element(start.name().as_ref())?;
                push_start(&start, name, &mut kept)?;
                // HTML reads `<mspace/>` in MathML as XML does.
                kept.push_str("/>");
            }
            Event::End(_) => {
                let name = open.pop()?;
                kept.extend(["</", name, ">"]);
            }
            Event::Text(text) => push_escaped(&text.xml10_content(), &mut kept),
            Event::GeneralRef(reference) => {
                if let Some(c) = reference.resolve_char_ref().ok()? {
                    push_escaped(c.encode_utf8(&mut [0; 4]), &mut kept);
                } else {
                    let name = reference.as_ref();
                    if !matches!(name, "lt" | "gt" | "amp" | "quot" | "apos") {
                        return None;
                    }
                    kept.extend(["&", name, ";"]);
                }
            }
            Event::Eof => return open.is_empty().then_some(kept),
            _ => return None,
        }
    }
}

fn element(name: &str) -> Option<&'static str> {
    ELEMENTS.into_iter().find(|element| *element == name)
}

/// An element's start, but for its last sign, with the attributes that are allowed.
fn push_start(start: &quick_xml::events::BytesStart<'_>, name: &str, kept: &mut String) -> Option<()> {
    kept.extend(["<", name]);
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let Some(name) = ATTRIBUTES.into_iter().find(|name| *name == attribute.key.as_ref()) else {
            continue;
        };
        let value = &*attribute.value;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '%' | ' ' | '/');
        if value.chars().all(is_plain) {
            kept.extend([" ", name, "=\"", value, "\""]);
        }
    }
    Some(())
}

/// Where formulas of a text end. What a search found is kept, so that each kind passes over the text once.
pub(crate) struct Ends<'t> {
    text: &'t str,
    /// For each sign that closes: from where it was looked for, and where the next one is.
    found: [Option<(usize, Option<usize>)>; 4],
}

impl<'t> Ends<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, found: [None; 4] }
    }

    /// The end of the formula that begins at `at`, with its signs.
    pub(crate) fn formula(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        if rest.starts_with("$$") {
            let end = self.close(0, at + 2)?;
            return Some(end + 2);
        }
        if rest.starts_with('$') {
            let end = self.close(1, at + 1)?;
            let after = self.text[end + 1..].chars().next();
            return is_maths(&self.text[at + 1..end], after).then_some(end + 1);
        }
        if rest.starts_with("\\(") {
            return Some(self.close(2, at + 2)? + 2);
        }
        if rest.starts_with("\\[") {
            return Some(self.close(3, at + 2)? + 2);
        }
        let name = rest.strip_prefix("\\begin{")?;
        let name = &name[..name.char_indices().take(12).find(|(_, c)| *c == '}')?.0];
        if !ENVIRONMENTS.contains(&name) {
            return None;
        }
        let end = format!("\\end{{{name}}}");
        let window = &rest[..rest.floor_char_boundary(MAX_BYTES)];
        Some(at + window.find(&end)? + end.len())
    }

    /// Where the sign of a kind that closes a formula is next, from `from` on.
    fn close(&mut self, kind: usize, from: usize) -> Option<usize> {
        if let Some((searched_from, found)) = self.found[kind]
            && searched_from <= from
            && found.is_none_or(|found| from <= found)
        {
            return found;
        }
        let found = self.search(kind, from);
        self.found[kind] = Some((from, found));
        found
    }

    fn search(&self, kind: usize, from: usize) -> Option<usize> {
        let text = self.text;
        let sign = ["$$", "$", "\\)", "\\]"][kind];
        let mut at = from;
        loop {
            at += text[at..].find(['$', '\\'])?;
            if text[at..].starts_with(sign) {
                return Some(at);
            }
            at += 1;
            // A backslash takes the sign behind it along.
            if text.as_bytes()[at - 1] == b'\\' {
                at += text[at..].chars().next().map_or(0, char::len_utf8);
            }
        }
    }
}

/// Whether what stands between two dollars is maths rather than the text between two prices.
fn is_maths(inner: &str, after: Option<char>) -> bool {
    if inner.trim().is_empty() || inner.len() > MAX_BYTES {
        return false;
    }
    let is_tight = !inner.starts_with(char::is_whitespace) && !inner.ends_with(char::is_whitespace);
    let is_price =
        inner.starts_with(|c: char| c.is_ascii_digit()) && after.is_some_and(|c| c.is_ascii_digit());
    if inner.contains(['\\', '_', '^', '{', '=']) {
        return !is_price || inner.contains(['\\', '_', '^']);
    }
    // Two words in a row are a sentence.
    let n_words = inner.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 3).count();
    !is_price && n_words < 2 && (is_tight || n_words == 0)
}
