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
    const STYLES: [&str; 31] = [
        "emph", "textit", "textbf", "textsc", "textrm", "textsf", "texttt", "textsl", "textup", "textmd",
        "textnormal", "text", "mbox", "hbox", "uppercase", "lowercase", "MakeUppercase", "enquote", "url",
        "path", "em", "it", "bf", "rm", "sc", "sf", "tt", "sl", "relax", "protect", "noopsort",
    ];
    STYLES.contains(&name)
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
