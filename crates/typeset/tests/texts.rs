//! Real and hostile texts as HTML.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use cognate_typeset::{For, formulas, html};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

fn set(text: &str) -> String {
    html(text, For::Reader)
}

/// Elements that may stand in a text, and nothing else may.
fn is_known(name: &str) -> bool {
    name == "span"
        || name.starts_with('m')
        || ["i", "em", "b", "strong", "code", "sub", "sup"].contains(&name)
        || ["semantics", "annotation", "none"].contains(&name)
}

/// What is wrong with HTML: tags that do not match, elements and attributes that have no place in a text.
fn fault(html: &str) -> Option<String> {
    let mut reader = Reader::from_str(html);
    let mut open = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                open.push(start.name().as_ref().to_owned());
                if let Some(fault) = fault_of(&start) {
                    return Some(fault);
                }
            }
            Ok(Event::Empty(start)) => {
                if let Some(fault) = fault_of(&start) {
                    return Some(fault);
                }
            }
            Ok(Event::End(_)) => drop(open.pop()),
            Ok(Event::Text(_) | Event::GeneralRef(_)) => {}
            Ok(Event::Eof) => return (!open.is_empty()).then(|| format!("{open:?} are open")),
            Ok(other) => return Some(format!("{other:?}")),
            Err(error) => return Some(error.to_string()),
        }
    }
}

fn fault_of(start: &quick_xml::events::BytesStart<'_>) -> Option<String> {
    let name = start.name();
    if !is_known(name.as_ref()) {
        return Some(format!("an element {}", name.as_ref()));
    }
    start.attributes().find_map(|attribute| {
        let attribute = attribute.ok()?;
        let key = attribute.key.as_ref();
        let is_bad = key.starts_with("on") || ["style", "href", "src", "id", "xlink:href"].contains(&key);
        is_bad.then(|| format!("an attribute {key}"))
    })
}

#[test]
fn formulas_are_mathml_with_their_source() {
    let page = html(r"at $\sqrt{s}$ = 13 TeV", For::Page);
    assert_eq!(
        page,
        "at <span class=\"tex\"><math><msqrt><mi>s</mi></msqrt></math>\
         <span class=\"source\" aria-hidden=\"true\">$\\sqrt{s}$</span></span> = 13 TeV"
    );
    for (written, part) in [
        (r"$$\sum_i x_i$$", "<math display=\"block\">"),
        (r"\[ a \]", "<math display=\"block\">"),
        (r"\(a\)", "<mi>a</mi>"),
        (r"\begin{equation*} a=b \end{equation*}", "<math display=\"block\">"),
        (r"a rate of \lambda_0 per second", "<mi>λ</mi><mn>0</mn>"),
        (r"the space \hat Y of maps", "<mover"),
        (r"as n \to \infty", "→ ∞"),
        (r"high count {\gamma}-ray", "γ-ray"),
        (r"the group $\Ext^1(A)$", "<mi>Ext</mi>"),
        // Looks go around formulas.
        (r"an \emph{interval $t$-coloring} and", "an <i>interval <math><semantics><mi>t</mi>"),
        (r"an \emph{interval $t$-coloring} and", "-coloring</i> and"),
        (r"{\bf the $x$ and \emph{the $y$} too}, $z$", "too</b>, <math>"),
        (r"\textsc{case} $a$, \emph{b", "</math>, \\emph{b"),
        (r"$a < b$ and $c > d$", "&lt;"),
    ] {
        let html = set(written);
        assert!(html.contains(part), "{written} is {html}");
        assert_eq!(fault(&html), None, "{html}");
    }
}

#[test]
fn running_text_loses_its_commands() {
    for (written, shown) in [
        (
            r#"Schr\"odinger and Erd\H{o}s, It{\^o}, F{\o}lner, Stra\ss{}e"#,
            "Schrödinger and Erdős, Itô, Følner, Straße",
        ),
        (r"a rate of \lambda per second, F\o lner", "a rate of λ per second, Følner"),
        (r"\emph{new} and {\em et al.}", "<i>new</i> and <i>et al.</i>"),
        (r"\textbf{F}astened C\textbf{ROWN}", "<b>F</b>astened C<b>ROWN</b>"),
        (r"16.5\% of Q\&A", "16.5% of Q&amp;A"),
        (r"see \cite{a,b}", "see [a,b]"),
        ("``detected'' it's", "“detected” it's"),
        ("CO<sub>2</sub> and <b onclick=x>", "CO<sub>2</sub> and &lt;b onclick=x&gt;"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("by~16 of ~5", "by\u{a0}16 of ~5"),
    ] {
        assert_eq!(set(written), shown);
    }
}

#[test]
fn what_is_no_maths_stays_as_it_is() {
    for text in [
        "It costs $5 and they earned $10 a day",
        "between US$100 and US$200",
        "a lone $ sign",
        "the set {0, 1} and k_t and x^2",
        r"a path C:\temp\new",
        r"\unknowncommand stays",
        r"$\frac{a$ is broken",
    ] {
        assert_eq!(set(text), html_escape::encode_text(text), "{text}");
    }
    assert!(
        !formulas("from $5 million to $6 million").is_empty()
            || set("from $5 million to $6 million").contains('$')
    );
}

#[test]
fn nothing_that_runs_comes_through() {
    for text in [
        r"$\operatorname{<img src=x onerror=alert(1)>}$",
        r"$\operatorname{</math><script>alert(1)</script>}$",
        r"$\text{</mtext></math><script>alert(1)</script>}$",
        r"$\href{javascript:alert(1)}{x}$",
        r"$\color{red;background:url(x)}{x}$ $\color{red}x$",
        r"\begin{x}</math><img src=q>\end{x}",
        r"$\begin{</math><img src=q>}$",
        r"$\style{x}{y}$ $\class{x}{y}$ $\cssId{x}{y}$ $\tag{<b>}$ $\label{<b>}x$",
        "<script>alert(1)</script> <sub><script></sub> <i onmouseover=x>a</i> <svg/onload=x>",
        "$<script>$ $x<script>alert(1)</script>y$",
        "\u{0}$\u{0}\\sqrt{\u{0}}$\u{feff}",
    ] {
        for reader in [For::Page, For::Reader] {
            let html = html(text, reader);
            assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<svg"), "{html}");
            assert_eq!(fault(&html.replace('\u{0}', "")), None, "{text} is {html}");
        }
    }
}

#[test]
fn deep_and_long_texts_are_bounded() {
    let deep = [
        ("$", "{", "x", "}", "$"),
        ("$", r"\left(", "x", r"\right)", "$"),
        ("$", r"\hat", " x", "", "$"),
        ("$", r"\frac1", "2", "", "$"),
        ("$", "x^{", "y", "}", "$"),
        ("$", r"\left({", "x", r"}\right)", "$"),
        ("$", r"\begin{cases}", "x", r"\end{cases}", "$"),
        ("", r"\emph{", "x", "}", ""),
        ("", r"{\em ", "x", "}", ""),
        ("", r"\emph{$x$ ", "x", "}", ""),
        ("", r"\emph{", "$x$", "}", ""),
        ("", r"{\em $x$", "", "", ""),
        ("", "<sub>", "x", "</sub>", ""),
        ("", r"\x", "", "", ""),
        ("", "$", "", "", ""),
        ("", r"$\x$", "", "", ""),
        ("", r"\(", "", "", ""),
        ("", r"\begin{equation}", "", "", ""),
        ("", "``''", "", "", ""),
        ("", r"\mu ", "", "", ""),
    ];
    // With less stack than any thread of the server has.
    let worker = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        for (before, open, middle, close, after) in deep {
            for n in [50, 400, 30_000] {
                let text = format!("{before}{}{middle}{}{after}", open.repeat(n), close.repeat(n));
                assert_eq!(fault(&html(&text, For::Page)), None, "{open} {n} times");
            }
        }
    });
    worker.unwrap().join().unwrap();
}

proptest! {
    /// Parts of formulas and of HTML in any order.
    #[test]
    fn any_text_is_balanced(parts in prop::collection::vec(prop_oneof![
        Just("$"), Just("$$"), Just("\\("), Just("\\)"), Just("\\["), Just("\\]"), Just("{"), Just("}"), Just("\\"),
        Just("_"), Just("^"), Just("&"), Just("\\\\"), Just("\\frac"), Just("\\sqrt"), Just("\\left"), Just("\\right"),
        Just("("), Just("|"), Just("\\begin{matrix}"), Just("\\end{matrix}"), Just("\\text"), Just("\\emph"), Just("\\bar"),
        Just("<sub>"), Just("</sub>"), Just("<i>"), Just("<"), Just(">"), Just("\\operatorname"), Just("\\not"), Just("'"),
        Just("\\mathrm"), Just("\\limits"), Just("\\over"), Just("\\choose"), Just("x"), Just("2"), Just(" "), Just("é"), Just("`"),
        Just("\\'"), Just("\\color"), Just("\\tag"), Just("\\substack"), Just("#"), Just("%"), Just("~"), Just("\\mu"), Just("[")
    ], 0..40)) {
        let text = parts.concat();
        for reader in [For::Page, For::Reader] {
            let html = html(&text, reader);
            prop_assert_eq!(fault(&html), None, "{} is {}", text, html);
        }
        for formula in formulas(&text) {
            prop_assert!(text.get(formula).is_some());
        }
    }
}

/// Titles and abstracts of real papers, with a backslash or a dollar or none.
#[test]
fn real_texts_are_set_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/arxiv-100k.jsonl.zst");
    if !path.exists() {
        eprintln!("SKIPPED: needs ../shared/data/arxiv-100k.jsonl.zst");
        return;
    }
    let n_papers = std::env::var("COGNATE_TYPESET_PAPERS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_500);
    let lines = BufReader::new(zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap()).lines();
    let (mut n_texts, mut raw, mut times) = (0, Vec::new(), Vec::new());
    for line in lines.take(n_papers) {
        let record: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        for field in ["title", "abstract"] {
            let Some(text) = record[field].as_str() else { continue };
            let started = std::time::Instant::now();
            let html = set(text);
            times.push(started.elapsed());
            assert_eq!(fault(&html), None, "{text} is {html}");
            n_texts += 1;
            if has_raw_command(&html) {
                raw.push(text.to_owned());
            }
        }
    }
    times.sort();
    println!(
        "{} of {n_texts} texts have TeX left; median {:?}, slowest {:?}",
        raw.len(),
        times[n_texts / 2],
        times[n_texts - 1]
    );
    if std::env::var_os("COGNATE_TYPESET_SHOW").is_some() {
        raw.iter().for_each(|text| println!("RAW {}", text.replace('\n', " ")));
    }
    assert!(n_texts > 100 && raw.len() * 50 <= n_texts, "{} of {n_texts} texts have TeX left", raw.len());
}

/// Whether what a reader sees has a TeX command in it.
fn has_raw_command(html: &str) -> bool {
    let mut shown = String::new();
    let mut rest = html;
    while let Some(at) = rest.find("<annotation") {
        shown.push_str(&rest[..at]);
        rest = rest[at..].split_once("</annotation>").map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    shown.match_indices('\\').any(|(at, _)| shown[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic()))
}
