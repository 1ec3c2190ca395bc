use super::*;

/// Terms with positions; a compound is marked with `+`, an exact form with `=`, a character with `'`, a whole text with `*`.
fn terms(text: &str) -> String {
    let tokens = analyze(text).0.into_iter().map(|token| {
        let mark = match token.kind {
            Kind::Word => "",
            Kind::Compound => "+",
            Kind::Exact => "=",
            Kind::Variant => "~",
            Kind::Character => "'",
            Kind::Whole => "*",
        };
        format!("{mark}{}@{}", token.term, token.position)
    });
    tokens.collect::<Vec<_>>().join(" ")
}

fn check(text: &str, expected: &str) {
    assert_eq!(terms(text), expected, "{text}");
}

#[test]
fn words_are_folded_and_stemmed_and_stop_words_leave_a_gap() {
    check("The folding of proteins", "fold@1 protein@3");
    check("Naïve Bayes' Théorème", "naiv@0 bay@1 theorem@2");
    check("ﬁnite ｆｕｌｌ Ⅳ x²", "finit@0 full@1 iv@2 x2@3");
    check("Straße Ørsted Łódź İstanbul", "strass@0 orst@1 ~oerst@1 lodz@2 istanbul@3");
    check("Müller", "muller@0 ~mueller@0");
    check("लेख ١٢٣", "लेख@0 123@1");
    check("", "");
    check("--- \u{301} \u{0}", "");
}

#[test]
fn a_text_of_stop_words_is_one_term() {
    check("The of --- \u{301} \u{0}", "*the of@0");
    check("To be, or not to be?", "*to be or not to be@0");
    check("Why?", "*why@0");
    check("The one", "one@1");
}

#[test]
fn compounds_are_their_words_and_the_whole() {
    check("SARS-CoV-2", "sar@0 =SARS@0 cov@1 2@2 +sarscov2@2");
    check("GPT-4 p53", "gpt@0 4@1 +gpt4@1 p53@2");
    check("self-supervised", "self@0 supervis@1 +selfsupervis@1");
    check("0.5 and 1706.03762", "0@0 5@1 +0.5@1 1706@3 03762@4 +1706.03762@4");
    check("state-of-the-art", "state@0 art@3 +stateoftheart@3");
    check("Parkinson's O'Brien", "parkinson@0 o@1 brien@2 +obrien@2");
    check("a -- b", "b@1");
    check("1-2-3-4-5-6-7-8-9", "1@0 2@1 3@2 4@3 5@4 6@5 7@6 8@7 9@8");
}

#[test]
fn acronyms_and_names_keep_their_form() {
    check("AIDS", "aid@0 =AIDS@0");
    check("patients with aids", "patient@0 aid@2");
    check("the WHO says IT", "=WHO@1 say@2 =IT@3");
    check("BERT", "bert@0");
    check("THE EFFECT OF AIDS ON ALL", "effect@1 aid@3");
    check("C++ and C# not a#b", "c@0 =c++@0 c@2 =c#@2 b@5");
}

#[test]
fn greek_letters_are_their_names() {
    check("TNF-α", "tnf@0 alpha@1 +tnfalpha@1");
    check("TNFα", "tnf@0 alpha@1 +tnfalpha@1");
    check("Δψ", "δψ@0");
    check("λόγος", "λογοσ@0");
    check("$\\alpha_s$ and \\varepsilon", "alpha@0 s@1 +alpha@1 epsilon@3");
}

#[test]
fn latex_is_read_through() {
    check(
        "Schr\\\"odinger Erd{\\H o}s {\\'E}variste \\v{C}ech",
        "schroding@0 ~schroeding@0 erdo@1 evarist@2 cech@3",
    );
    check("$\\mathcal{O}(n)$ \\ x\\", "o@0 n@1 x@2");
}

#[test]
fn scripts_without_spaces_become_pairs() {
    check("深度学", "'深@0 深度@0 '度@1 度学@1 '学@2");
    check("a 深 b", "深@1 b@2");
}

#[test]
fn long_words_are_cut() {
    let tokens = analyze(&"é".repeat(500)).0;
    assert_eq!(tokens[0].term.len(), MAX_TERM_BYTES);
    let tokens = analyze(&"я".repeat(500)).0;
    assert_eq!(tokens[0].term.len(), MAX_TERM_BYTES);
}

#[test]
fn surfaces_are_where_a_term_stands() {
    let (tokens, text) = analyze("On SARS-CoV-2, Parkinson's 深度");
    let surfaces: Vec<&str> = tokens.iter().map(|token| &text[token.start..token.end]).collect();
    assert_eq!(surfaces, ["SARS", "SARS", "CoV", "2", "SARS-CoV-2", "Parkinson", "深", "深度", "度"]);
}
