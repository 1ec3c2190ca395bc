//! The commands of TeX and LaTeX that stand for characters in bibliographies.

/// The character of a command that takes no argument (`\ss`, `\textbackslash`).
pub(super) fn symbol(name: &str) -> Option<&'static str> {
    Some(match name {
        "ss" => "ß",
        "SS" => "ẞ",
        "o" => "ø",
        "O" => "Ø",
        "l" => "ł",
        "L" => "Ł",
        "ae" => "æ",
        "AE" => "Æ",
        "oe" => "œ",
        "OE" => "Œ",
        "aa" => "å",
        "AA" => "Å",
        "i" => "ı",
        "j" => "ȷ",
        "dh" => "ð",
        "DH" => "Ð",
        "dj" => "đ",
        "DJ" => "Đ",
        "th" => "þ",
        "TH" => "Þ",
        "ng" => "ŋ",
        "NG" => "Ŋ",
        "textbackslash" => "\\",
        "textbraceleft" | "lbrace" => "{",
        "textbraceright" | "rbrace" => "}",
        "textasciicircum" => "^",
        "textasciitilde" => "~",
        "textasciigrave" => "`",
        "textquotesingle" => "'",
        "textquotedbl" => "\"",
        "textdollar" => "$",
        "textunderscore" => "_",
        "textbar" => "|",
        "textless" => "<",
        "textgreater" => ">",
        "textquoteleft" | "lq" => "‘",
        "textquoteright" | "rq" => "’",
        "textquotedblleft" => "“",
        "textquotedblright" => "”",
        "guillemotleft" => "«",
        "guillemotright" => "»",
        "textendash" => "–",
        "textemdash" => "—",
        "ldots" | "dots" | "textellipsis" => "…",
        "copyright" | "textcopyright" => "©",
        "textregistered" => "®",
        "texttrademark" => "™",
        "pounds" | "textsterling" => "£",
        "euro" | "texteuro" => "€",
        "S" => "§",
        "P" => "¶",
        "dag" => "†",
        "textdegree" | "degree" => "°",
        "texttimes" => "×",
        "textpm" => "±",
        "textmu" => "µ",
        "textperiodcentered" => "·",
        "TeX" => "TeX",
        "LaTeX" => "LaTeX",
        "textonehalf" => "½",
        "textonequarter" => "¼",
        "textthreequarters" => "¾",
        "textonesuperior" => "¹",
        "texttwosuperior" => "²",
        "textthreesuperior" => "³",
        "textordfeminine" => "ª",
        "textordmasculine" => "º",
        "textrightarrow" => "→",
        "textleftarrow" => "←",
        "textuparrow" => "↑",
        "textdownarrow" => "↓",
        "textbullet" => "•",
        "texttildelow" => "~",
        "textasteriskcentered" => "*",
        "textexclamdown" => "¡",
        "textquestiondown" => "¿",
        "textcelsius" => "℃",
        "textohm" => "Ω",
        "textcent" => "¢",
        "textyen" => "¥",
        "textsection" => "§",
        "textparagraph" => "¶",
        "textdagger" => "†",
        "textdaggerdbl" | "ddag" => "‡",
        "textpermil" | "textperthousand" => "‰",
        "textdiv" => "÷",
        "textminus" => "−",
        "textnumero" => "№",
        "guilsinglleft" => "‹",
        "guilsinglright" => "›",
        "quotedblbase" => "„",
        "quotesinglbase" => "‚",
        "og" => "« ",
        "fg" => " »",
        "textvisiblespace" => "␣",
        "space" | "nobreakspace" | "quad" | "qquad" | "newline" | "linebreak" | "par" => " ",
        _ => return text_greek(name).or_else(|| maths(name)),
    })
}

/// The Greek letters by their names in maths.
#[rustfmt::skip]
const GREEK: [(&str, &str); 40] = [
    ("alpha", "α"), ("beta", "β"), ("gamma", "γ"), ("delta", "δ"), ("epsilon", "ε"), ("varepsilon", "ε"),
    ("zeta", "ζ"), ("eta", "η"), ("theta", "θ"), ("vartheta", "ϑ"), ("iota", "ι"), ("kappa", "κ"),
    ("lambda", "λ"), ("mu", "μ"), ("nu", "ν"), ("xi", "ξ"), ("omicron", "ο"), ("pi", "π"), ("varpi", "ϖ"),
    ("rho", "ρ"), ("varrho", "ϱ"), ("sigma", "σ"), ("varsigma", "ς"), ("tau", "τ"), ("upsilon", "υ"),
    ("phi", "φ"), ("varphi", "φ"), ("chi", "χ"), ("psi", "ψ"), ("omega", "ω"), ("Gamma", "Γ"),
    ("Delta", "Δ"), ("Theta", "Θ"), ("Lambda", "Λ"), ("Xi", "Ξ"), ("Pi", "Π"), ("Sigma", "Σ"),
    ("Phi", "Φ"), ("Psi", "Ψ"), ("Omega", "Ω"),
];

/// `\textalpha`, `\textDelta`.
fn text_greek(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("text")?;
    GREEK.iter().find(|(greek, _)| *greek == name).map(|(_, letter)| *letter)
}

/// The sign of a command of maths that stands for one (`\beta`, `\times`).
pub(super) fn maths(name: &str) -> Option<&'static str> {
    if let Some((_, letter)) = GREEK.iter().find(|(greek, _)| *greek == name) {
        return Some(letter);
    }
    Some(match name {
        "backslash" => "\\",
        "times" => "×",
        "div" => "÷",
        "pm" => "±",
        "mp" => "∓",
        "cdot" => "·",
        "cdots" => "⋯",
        "bullet" => "•",
        "leq" | "le" | "leqslant" => "≤",
        "geq" | "ge" | "geqslant" => "≥",
        "neq" | "ne" => "≠",
        "ll" => "≪",
        "gg" => "≫",
        "approx" => "≈",
        "sim" => "∼",
        "simeq" => "≃",
        "equiv" => "≡",
        "propto" => "∝",
        "infty" => "∞",
        "rightarrow" | "to" => "→",
        "leftarrow" => "←",
        "leftrightarrow" => "↔",
        "Rightarrow" => "⇒",
        "Leftarrow" => "⇐",
        "uparrow" => "↑",
        "downarrow" => "↓",
        "partial" => "∂",
        "nabla" => "∇",
        "circ" => "∘",
        "degree" => "°",
        "ell" => "ℓ",
        "hbar" => "ℏ",
        "forall" => "∀",
        "exists" => "∃",
        "langle" => "⟨",
        "rangle" => "⟩",
        "prime" => "′",
        "dagger" => "†",
        "star" => "⋆",
        "ast" => "∗",
        _ => return None,
    })
}

/// The letter of Babel's transliteration (`\textgreek{b}`).
pub(super) fn transliterated(c: char) -> char {
    const LATIN: &str = "abgdezhjiklmnxoprstufqywc";
    const GREEK: &str = "αβγδεζηθικλμνξοπρστυφχψως";
    let lower = c.to_ascii_lowercase();
    let Some(letter) = LATIN.chars().zip(GREEK.chars()).find(|(latin, _)| *latin == lower).map(|(_, g)| g)
    else {
        return c;
    };
    if c == lower { letter } else { letter.to_uppercase().next().unwrap_or(letter) }
}

/// A character in the lowered line (`₂`).
pub(super) fn lowered(c: char) -> Option<char> {
    Some(match c {
        '0'..='9' => char::from_u32('₀' as u32 + (c as u32 - '0' as u32))?,
        '+' => '₊',
        '-' | '−' | '–' => '₋',
        '=' => '₌',
        '(' => '₍',
        ')' => '₎',
        _ => return None,
    })
}

/// A character in the raised line (`¹³`).
pub(super) fn raised(c: char) -> Option<char> {
    Some(match c {
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' | '4'..='9' => char::from_u32('⁰' as u32 + (c as u32 - '0' as u32))?,
        '+' => '⁺',
        '-' | '−' | '–' => '⁻',
        '=' => '⁼',
        '(' => '⁽',
        ')' => '⁾',
        'n' => 'ⁿ',
        _ => return None,
    })
}

/// The combining character of an accent command (`\"`, `\v`).
pub(super) fn accent(name: char) -> Option<char> {
    Some(match name {
        '`' => '\u{300}',
        '\'' => '\u{301}',
        '^' => '\u{302}',
        '~' => '\u{303}',
        '"' => '\u{308}',
        '=' => '\u{304}',
        '.' => '\u{307}',
        'u' => '\u{306}',
        'v' => '\u{30c}',
        'H' => '\u{30b}',
        'c' => '\u{327}',
        'd' => '\u{323}',
        'b' => '\u{331}',
        'r' => '\u{30a}',
        'k' => '\u{328}',
        _ => return None,
    })
}

/// Whether a command only says how its argument looks, so that the argument alone is the text.
pub(super) fn is_style(name: &str) -> bool {
    #[rustfmt::skip]
    const STYLES: [&str; 47] = [
        "emph", "textit", "textbf", "textsc", "textrm", "textsf", "texttt", "textsl", "textup", "textmd",
        "textnormal", "text", "mbox", "hbox", "uppercase", "lowercase", "MakeUppercase", "enquote", "url",
        "path", "em", "it", "bf", "rm", "sc", "sf", "tt", "sl", "relax", "protect", "mathrm", "mathbf",
        "mathit", "mathsf", "mathtt", "mathcal", "mathbb", "underline", "nolinkurl", "ce", "textln",
        "textlatin", "itshape", "bfseries", "scshape", "upshape", "normalfont",
    ];
    STYLES.contains(&name)
}

/// Whether a command's (first) argument is no text: `\noopsort{1999a}` is a key for sorting,
/// `\href{…}{text}` an address, `\foreignlanguage{german}{text}` a name.
pub(super) fn is_silent(name: &str) -> bool {
    #[rustfmt::skip]
    const SILENT: [&str; 12] = [
        "noopsort", "noop", "sortnoop", "SortNoop", "hspace", "vspace", "label", "selectlanguage", "href",
        "textcolor", "foreignlanguage", "color",
    ];
    SILENT.contains(&name)
}

/// What a backslash and one character that is no letter stand for.
pub(super) fn escaped(c: char) -> Option<&'static str> {
    Some(match c {
        '&' => "&",
        '%' => "%",
        '$' => "$",
        '#' => "#",
        '_' => "_",
        '{' => "{",
        '}' => "}",
        ' ' | '\n' | '\t' | '\\' | ',' | ';' | ':' => " ",
        '!' | '/' | '-' | '@' => "",
        _ => return None,
    })
}
