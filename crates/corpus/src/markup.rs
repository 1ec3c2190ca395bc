//! Markup to text: HTML, JATS and MathML as databases put them into titles and abstracts, and character
//! references (`&eacute;`, `&#233;`).
//!
//! Markup is not words: half of a collection's abstracts in JATS cost semantic search 0.014 nDCG. It is made
//! text where records are read, so that everything behind that sees words alone.

use std::borrow::Cow;

/// Most passes over a text; each pass leaves less, and references that hide markup take two.
const MAX_PASSES: usize = 4;

/// A text without markup and with its character references as characters; a text that has neither is given
/// as it is. `text_of(text_of(t)) == text_of(t)` but for markup hidden more than `MAX_PASSES` deep.
///
/// Only tags of HTML, JATS and MathML are markup: in `a <b and c> d` there is none. Blocks become lines, the
/// headings of a structured abstract go before their text with a colon, and the heading "Abstract" goes.
pub fn text_of(text: &str) -> Cow<'_, str> {
    // Marks of byte order, which nobody sees.
    let mut text = if text.contains('\u{feff}') {
        Cow::Owned(text.replace('\u{feff}', ""))
    } else {
        Cow::Borrowed(text)
    };
    for pass in 0..MAX_PASSES {
        let has_tags = has_tags(&text, pass > 0);
        let without_tags = if has_tags { Cow::Owned(strip(&text)) } else { text.clone() };
        let decoded = match decode_references(&without_tags) {
            Cow::Borrowed(_) if !has_tags => return text,
            decoded => decoded.into_owned(),
        };
        if decoded == *text {
            return text;
        }
        text = Cow::Owned(decoded);
    }
    text
}

/// What a tag does to the text around it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Tag {
    /// Nothing: `<i>`, `<sub>`.
    Inline,
    /// Its content is a line of its own.
    Block,
    /// Its content is the heading of what follows.
    Heading,
    /// Its content is no text.
    Dropped,
    /// White space in it is layout.
    Maths,
    /// The tag of a superscript, which without its raising would join the number before it.
    Raised,
    /// `a` over `b`.
    Fraction,
    /// The same in several forms, of which TeX is one.
    Alternatives,
    Tex,
}

fn tag(name: &str) -> Option<Tag> {
    let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
    Some(match name.to_ascii_lowercase().as_str() {
        "i" | "b" | "u" | "em" | "strong" | "sub" | "span" | "font" | "small" | "big" | "tt" | "code"
        | "a" | "q" | "cite" | "abbr" | "inf" | "italic" | "bold" | "sc" | "scp" | "roman" | "underline"
        | "monospace" | "sans-serif" | "overline" | "strike" | "styled-content" | "named-content"
        | "ext-link" | "xref" | "inline-formula" | "disp-formula" | "email" | "uri" | "abstract-text"
        | "institution" | "mrow" | "mi" | "mn" | "mo" | "ms" | "mtext" | "msub" | "msubsup" | "mover"
        | "munder" | "munderover" | "msqrt" | "mroot" | "mstyle" | "mspace" | "mfenced" | "mpadded"
        | "mphantom" | "mtable" | "mtr" | "mtd" | "menclose" | "merror" | "mmultiscripts" | "mprescripts"
        | "none" | "semantics" | "msup" | "nobr" | "wbr" | "ins" | "mark" | "s" | "math-text" => Tag::Inline,
        "p" | "br" | "div" | "sec" | "ul" | "ol" | "li" | "list" | "list-item" | "break" | "abstract"
        | "hr" | "blockquote" | "table" | "tr" | "td" | "th" | "tbody" | "disp-quote" | "abstracttext"
        | "section" | "def-list" | "def-item" | "dl" | "dt" | "dd" | "trans-abstract" | "body" | "html" => {
            Tag::Block
        }
        "title" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "label" | "header" => Tag::Heading,
        "script" | "style" | "annotation" | "annotation-xml" | "object-id" | "graphic" | "inline-graphic" => {
            Tag::Dropped
        }
        "math" => Tag::Maths,
        "sup" => Tag::Raised,
        "mfrac" => Tag::Fraction,
        "alternatives" => Tag::Alternatives,
        "tex-math" => Tag::Tex,
        _ => return None,
    })
}

/// A tag in a text.
struct Found {
    tag: Tag,
    is_end: bool,
    is_empty: bool,
    /// With its angle brackets, in bytes.
    length: usize,
}

/// The tag or comment at the start of `text`, which begins with `<`.
fn read_tag(text: &str) -> Option<Found> {
    /// Longer ones are no tags; this bounds the search for each `<`.
    const MAX_LENGTH: usize = 1_000;
    if text.starts_with("<!--") {
        let length = text[..text.floor_char_boundary(100 * MAX_LENGTH)].find("-->")? + 3;
        return Some(Found { tag: Tag::Inline, is_end: false, is_empty: true, length });
    }
    for sign in ["<![CDATA[", "]]>"] {
        if text.starts_with(sign) {
            return Some(Found { tag: Tag::Inline, is_end: false, is_empty: true, length: sign.len() });
        }
    }
    let inner = text.strip_prefix('<')?;
    let end = memchr::memchr(b'>', &inner.as_bytes()[..inner.len().min(MAX_LENGTH)])?;
    let inner = &inner[..end];
    let (is_end, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let (inner, is_empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
    let name_end =
        inner.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '-')).unwrap_or(inner.len());
    let (name, attributes) = inner.split_at(name_end);
    let tag = tag(name)?;
    // In "x <p and y> z" nothing is a tag.
    let begins_name = attributes.trim_start().starts_with(|c: char| c.is_ascii_alphabetic());
    let are_attributes =
        attributes.starts_with(char::is_whitespace) && begins_name && attributes.contains('=');
    let is_plain = attributes.contains("=\"") || !attributes.contains([';', '{', '}', '\\']);
    let is_tag = attributes.trim().is_empty() || (!is_end && are_attributes && is_plain);
    is_tag.then_some(Found { tag, is_end, is_empty, length: end + 2 })
}

/// Whether there is a tag in a text. `in_pairs` wants one that is closed again: in a text whose references were
/// decoded, `<` was meant as a sign more often.
fn has_tags(text: &str, in_pairs: bool) -> bool {
    memchr::memchr_iter(b'<', text.as_bytes())
        .any(|at| read_tag(&text[at..]).is_some_and(|found| !in_pairs || found.is_empty || found.is_end))
}

/// A text without its tags.
fn strip(text: &str) -> String {
    let mut out = Stripped {
        text: String::with_capacity(text.len()),
        n_dropped: 0,
        n_maths: 0,
        has_tex: false,
        heading: None,
        raised: None,
    };
    let has_cdata = text.contains("<![CDATA[");
    // Of each open fraction, how many elements are open in it, and how many it has had.
    let mut fractions: Vec<(usize, usize)> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', ']']) {
        out.push(&rest[..at]);
        rest = &rest[at..];
        if has_cdata && rest.starts_with("]]>") {
            rest = &rest[3..];
            continue;
        }
        let Some(found) = read_tag(rest) else {
            out.push(&rest[..1]);
            rest = &rest[1..];
            continue;
        };
        rest = &rest[found.length..];
        match (fractions.last_mut(), found.is_end) {
            (Some((0, _)), true) => drop(fractions.pop()),
            (Some((n_open, _)), true) => *n_open -= 1,
            (Some((n_open, n_parts)), false) if !found.is_empty => {
                *n_parts += usize::from(*n_open == 0);
                if *n_open == 0 && *n_parts == 2 {
                    out.push("/");
                }
                *n_open += 1;
            }
            _ => {}
        }
        if found.tag == Tag::Fraction && !found.is_end && !found.is_empty {
            // What opened it counts as open in the fraction around it, and is closed in its own.
            if let Some((n_open, _)) = fractions.last_mut() {
                *n_open -= 1;
            }
            fractions.push((0, 0));
        }
        out.apply(&found);
    }
    out.push(rest);
    out.finish()
}

struct Stripped {
    text: String,
    /// How many dropped elements, and how many of maths, are open.
    n_dropped: usize,
    n_maths: usize,
    /// Whether a formula was there in TeX.
    has_tex: bool,
    /// Where the text of the open heading, and of the open superscript, begins.
    heading: Option<usize>,
    raised: Option<usize>,
}

impl Stripped {
    fn push(&mut self, text: &str) {
        if self.n_dropped > 0 || (self.n_maths > 0 && text.trim().is_empty()) {
            return;
        }
        let text = if self.n_maths > 0 { text.trim() } else { text };
        // Preambles that publishers put before TeX maths.
        let text = match (text.find("\\begin{document}"), text.find("\\end{document}")) {
            (Some(start), Some(end)) if start < end => &text[start + "\\begin{document}".len()..end],
            _ => text,
        };
        self.text.push_str(text);
    }

    fn apply(&mut self, found: &Found) {
        match found.tag {
            Tag::Inline | Tag::Fraction => {}
            // The same formula twice, in TeX and in MathML: the TeX is enough.
            Tag::Alternatives => self.has_tex = false,
            Tag::Tex => self.has_tex |= found.is_end,
            Tag::Block => self.end_line(),
            Tag::Dropped if found.is_empty => {}
            Tag::Dropped if found.is_end => self.n_dropped = self.n_dropped.saturating_sub(1),
            Tag::Dropped => self.n_dropped += 1,
            Tag::Maths if found.is_empty => {}
            Tag::Maths if found.is_end => {
                self.n_maths = self.n_maths.saturating_sub(1);
                self.n_dropped = self.n_dropped.saturating_sub(usize::from(self.has_tex));
            }
            Tag::Maths => {
                self.n_maths += 1;
                self.n_dropped += usize::from(self.has_tex);
            }
            Tag::Heading if found.is_end => self.end_heading(),
            Tag::Heading => {
                self.end_line();
                self.heading = Some(self.text.len());
            }
            Tag::Raised if found.is_end => self.end_raised(),
            Tag::Raised => self.raised = Some(self.text.len()),
        }
    }

    fn end_line(&mut self) {
        if self.n_dropped == 0 && !self.text.ends_with('\n') && !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn end_raised(&mut self) {
        let Some(start) = self.raised.take() else { return };
        let (Some(before), Some(inner)) = (self.text.get(..start), self.text.get(start..)) else { return };
        if before.ends_with(|c: char| c.is_ascii_digit())
            && let Some(signs) = raise(inner)
        {
            self.text.truncate(start);
            self.text.push_str(&signs);
        }
    }

    fn end_heading(&mut self) {
        let Some(start) = self.heading.take() else { return };
        let Some(heading) = self.text.get(start..).map(str::trim) else { return };
        let says_nothing = ["abstract", "summary", ""]
            .contains(&heading.trim_end_matches([':', '.']).to_lowercase().as_str());
        let end = if heading.ends_with([':', '.', '?', '!', ';']) { " " } else { ": " };
        let line = if says_nothing { String::new() } else { format!("{heading}{end}") };
        self.text.replace_range(start.., &line);
    }

    /// The lines, each without outer white space, and without those that are blank.
    fn finish(self) -> String {
        let lines = self.text.split('\n').map(str::trim).filter(|line| !line.is_empty());
        let mut text = String::with_capacity(self.text.len());
        for line in lines {
            if !text.is_empty() {
                text.push(if text.ends_with(':') { ' ' } else { '\n' });
            }
            text.push_str(line);
        }
        // A heading with nothing behind it.
        text.trim_end_matches(": ").to_owned()
    }
}

/// Superscripts of digits and signs, or `None` where a character has none.
fn raise(text: &str) -> Option<String> {
    const SIGNS: [(char, char); 14] = [
        ('0', '⁰'),
        ('1', '¹'),
        ('2', '²'),
        ('3', '³'),
        ('4', '⁴'),
        ('5', '⁵'),
        ('6', '⁶'),
        ('7', '⁷'),
        ('8', '⁸'),
        ('9', '⁹'),
        ('+', '⁺'),
        ('-', '⁻'),
        ('−', '⁻'),
        ('–', '⁻'),
    ];
    text.trim()
        .chars()
        .map(|c| SIGNS.iter().find(|(plain, _)| *plain == c).map(|(_, raised)| *raised))
        .collect()
}

/// A text with HTML's character references (`&#233;`, `&eacute;`, `&amp;`) as characters, also those that were
/// escaped again (`&amp;eacute;`). A letter with white space on both sides of its reference joins them:
/// tokenised exports cut words there (`garc &#237; a`).
pub fn decode_references(text: &str) -> Cow<'_, str> {
    if !text.contains('&') || !text.contains(';') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((signs, length)) = reference(rest) else {
            decoded.push('&');
            rest = &rest[1..];
            continue;
        };
        let after = &rest[length..];
        let is_latin = signs.chars().all(|c| c.is_alphabetic() && c < '\u{250}');
        let cuts_word = is_latin && decoded.ends_with(' ') && after.starts_with(' ');
        // A capital begins a word.
        if cuts_word && !signs.chars().all(char::is_uppercase) {
            decoded.truncate(decoded.trim_end().len());
        }
        decoded.push_str(&signs);
        rest = if cuts_word { after.trim_start() } else { after };
    }
    decoded.push_str(rest);
    if decoded == text { Cow::Borrowed(text) } else { Cow::Owned(decoded) }
}

/// What the reference at the start of `text` stands for, and its length.
fn reference(text: &str) -> Option<(Cow<'static, str>, usize)> {
    /// The longest name in HTML has 31 letters.
    const MAX_LENGTH: usize = 34;
    let mut start = 1;
    // References that were escaped once more, or several times.
    while text[start..].starts_with("amp;") {
        start += "amp;".len();
    }
    let end = text.bytes().skip(start).take(MAX_LENGTH).position(|byte| byte == b';');
    let signs = end.and_then(|end| Some((character(text.get(start..start + end)?)?, start + end + 1)));
    match signs {
        None if start > 1 => Some((Cow::Borrowed("&"), start)),
        found => found,
    }
}

fn character(name: &str) -> Option<Cow<'static, str>> {
    if let Some(number) = name.strip_prefix('#') {
        let digits = number.strip_prefix(['x', 'X']);
        let code = match digits {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        let c = match u8::try_from(code) {
            // Browsers take these for Windows's code page, and so do those who write them.
            Ok(byte @ 0x80..=0x9f) => {
                return Some(encoding_rs::WINDOWS_1252.decode(&[byte]).0.into_owned().into());
            }
            _ => char::from_u32(code)?,
        };
        let is_space = matches!(c, '\t' | '\n' | '\r');
        return (is_space || !c.is_control()).then(|| Cow::Owned(c.to_string()));
    }
    match name {
        "nbsp" | "ensp" | "emsp" | "thinsp" | "hairsp" | "numsp" | "NewLine" | "Tab" => {
            Some(Cow::Borrowed(" "))
        }
        _ => {
            let reference = format!("&{name};");
            let decoded = html_escape::decode_html_entities(&reference).into_owned();
            (decoded != reference).then_some(Cow::Owned(decoded))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn markup_is_made_text() {
        fn check(markup: &str, expected: &str) {
            assert_eq!(text_of(markup), expected, "{markup}");
        }
        check("Tides &amp; trade: <i>Fundulus</i> at quays", "Tides & trade: Fundulus at quays");
        check(
            "<jats:title>Abstract</jats:title><jats:sec><jats:title>Aim</jats:title><jats:p>To explore tides &amp; trade \
             where <jats:italic>p</jats:italic> &lt; 0.05 and CO<jats:sub>2</jats:sub>.</jats:p></jats:sec>",
            "Aim: To explore tides & trade where p < 0.05 and CO2.",
        );
        check(
            "<h4>Background</h4>Sleep follows tides.<h4>Methods:</h4>Asked.",
            "Background: Sleep follows tides.\nMethods: Asked.",
        );
        check("<p>One.</p>\n<p>Two<br/>three</p>", "One.\nTwo\nthree");
        check("of 10<sup>-3</sup> and <sup>13</sup>C, n<sup>th</sup>", "of 10⁻³ and 13C, nth");
        check(
            "<mml:math><mml:msup>\n <mml:mi>x</mml:mi>\n <mml:mn>2</mml:mn></mml:msup></mml:math> is",
            "x2 is",
        );
        check(
            "<math><mfrac><mi>a</mi><mi>b</mi></mfrac><annotation encoding=\"x\">\\frac</annotation></math>",
            "a/b",
        );
        check("&lt;i&gt;Fundulus&lt;/i&gt; &amp;amp; co &amp;eacute;", "Fundulus & co é");
        check("a <b and c> d, x<y, y>z, p <0.05 <unknown>", "a <b and c> d, x<y, y>z, p <0.05 <unknown>");
        check("R&D; Q&A; AT&T &bogus; &#xZZ; &", "R&D; Q&A; AT&T &bogus; &#xZZ; &");
        check(
            "caf&#233; &#150; &#x3b1; &alpha; &nbsp;&hellip; &CounterClockwiseContourIntegral;",
            "café – α α  … ∳",
        );
        check("p &lt; 0.05 and q &gt; 2", "p < 0.05 and q > 2");
        check("<!-- note -->Text<![CDATA[ & more]]>", "Text & more");
        check("garc &#237; a", "garcía");
    }

    #[test]
    fn text_without_markup_is_given_as_it_is() {
        for text in ["", "plain", "a < b & c; d", "[1]]> 2"] {
            assert!(matches!(text_of(text), Cow::Borrowed(found) if found == text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(6), ..ProptestConfig::with_cases(1024) })]

        #[test]
        fn any_text_is_read(text in prop_oneof![any::<String>(), "(<|>|/|&|amp;|lt;|p|title|sup|mfrac|math|!--|-->|[a 1é;:])*"]) {
            text_of(&text);
            decode_references(&text);
        }
    }
}
