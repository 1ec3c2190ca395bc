//! What is found, and how it is written.

use cognate_keyword::{Correction, Document, Field, Part, Query};
use roaring::RoaringBitmap;

use crate::support::{apply, document, matching, open, query_of, titles};

#[test]
fn a_word_is_found_however_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let index = titles(
        dir.path(),
        &[
            "Infection by SARS-CoV-2",
            "GPT-4 and BERT",
            "The tumour suppressor p53",
            "Self-supervised learning",
            "TNF-α in the study of AIDS",
            "Notes on Schr\\\"odinger by Erd{\\H o}s",
            "World trade, said the WHO",
            "Programming in C++",
            "深度学习的方法",
            "Naïve Bayes, x² and the ﬁnite case",
        ],
    );
    #[rustfmt::skip]
    let cases: [(&str, &[u32]); 24] = [
        ("sars-cov-2", &[0]), ("SARSCoV2", &[0]), ("sars", &[0]),
        ("GPT-4", &[1]), ("GPT4", &[1]), ("bert", &[1]), ("BERT", &[1]),
        ("p53", &[2]), ("P53", &[2]),
        ("selfsupervised", &[3]), ("learned", &[3]),
        ("TNF-alpha", &[4]), ("TNFα", &[4]), ("TNFalpha", &[4]), ("aids", &[4]), ("AIDS", &[4]),
        ("Schrödinger", &[5]), ("Erdős", &[5]),
        ("who", &[]), ("WHO", &[6]),
        ("C++", &[7]),
        ("学习", &[8]), ("深", &[8]),
        ("naive FINITE", &[9]),
    ];
    for (query, rows) in cases {
        assert_eq!(matching(&index, query), rows, "{query}");
    }
}

#[test]
fn a_phrase_must_match_in_one_field_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let upserts = [
        (0, document("Deep learning of protein structure", "Graph networks.")),
        (1, document("Learning deep graphs", "Protein structure by deep learning")),
        (2, document("On deep", "learning")),
        (3, Document { authors: vec!["Ada Lovelace".into(), "Alan Turing".into()], ..Document::default() }),
        (4, document("State of the art in SARS-CoV-2", "")),
        (5, document("深度学习的方法", "")),
    ];
    apply(&index, &upserts, &[], 1);
    #[rustfmt::skip]
    let cases: [(&str, &[u32]); 15] = [
        ("\"deep learning\"", &[0, 1]),
        ("\"deep learned\" graph", &[0, 1]),
        ("“deep learning” \"graph networks\"", &[0]),
        ("\"learning deep\"", &[1]),
        ("\"Ada Lovelace\"", &[3]), ("\"Lovelace Alan\"", &[]),
        ("\"state of the art\"", &[4]), ("\"state in an art\"", &[4]), ("\"state art\"", &[]),
        ("\"sars cov\"", &[4]), ("\"SARS-CoV-2\"", &[4]),
        ("\"学习的方\"", &[5]), ("\"习学\"", &[]),
        // Without its other, or with nothing in it, a quote is a plain character.
        ("protein \"\"", &[0, 1]), ("\"the\" protein", &[0, 1]),
    ];
    for (query, rows) in cases {
        assert_eq!(matching(&index, query), rows, "{query}");
    }
}

#[test]
fn every_field_is_searched_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let paper = Document {
        title: "Attention networks".into(),
        abstract_text: "We study networks of GPUs; SARS-CoV-2.".into(),
        authors: vec!["Émile Borel".into()],
        categories: vec!["cs.CL".into()],
        venue: "NeurIPS".into(),
        identifiers: vec!["1706.03762".into(), "10.1000/xyz-12".into()],
    };
    apply(&index, &[(9, document("Another", "")), (5, paper)], &[], 1);
    let cases = [
        ("networking", "networking", vec![Field::Title, Field::Abstract]),
        ("emile", "emile", vec![Field::Authors]),
        ("cs.CL", "cs", vec![Field::Categories]),
        ("neurips?", "neurips", vec![Field::Venue]),
        ("1706.03762", "1706.03762", vec![Field::Identifiers]),
        ("10.1000/xyz-12", "10.1000/xyz-12", vec![Field::Identifiers]),
        ("see SARS-CoV-2 (again)", "SARS-CoV-2", vec![Field::Abstract]),
    ];
    for (query, surface, fields) in cases {
        let query = query_of(query);
        let matched = index.snapshot().matched_terms(&query, 5).unwrap();
        let found = matched.iter().find(|term| term.surface == surface);
        assert_eq!(found.map(|term| &term.fields), Some(&fields), "{surface} of {matched:?}");
        assert_eq!(index.snapshot().matched_terms(&query, 9).unwrap(), []);
        assert_eq!(index.snapshot().matched_terms(&query, 77).unwrap(), []);
    }
}

#[test]
fn answers_do_not_depend_on_how_the_rows_came() {
    let texts: Vec<(u32, Document)> = (0..300u32)
        .map(|row| {
            let words: Vec<String> = (1..40).filter(|n| row % n < 3).map(|n| format!("word{n}")).collect();
            (row, document(&words.join(" "), &format!("{} w{}", words.join(" and "), row % 50)))
        })
        .collect();
    let (once, slowly) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (once, slowly) = (open(once.path()), open(slowly.path()));
    apply(&once, &texts, &[], 1);
    let mut generation = 0;
    for part in texts.chunks(37) {
        generation += 1;
        // Others that go again, and an earlier text of each row.
        let others: Vec<_> = part.iter().map(|(row, _)| (row + 1000, document("word7 word8", ""))).collect();
        let earlier: Vec<_> = part.iter().map(|(row, _)| (*row, document("word9", "long ago"))).collect();
        apply(&slowly, &others, &[], generation);
        apply(&slowly, &earlier, &[], generation);
        apply(&slowly, part, &(1000..1300).collect::<Vec<_>>(), generation);
    }
    assert!(slowly.status().segments.len() > 1);
    let queries = ["word7 word8", "word3 word4 word21 w17", "\"word5 and word6\" word2", "long ago"];
    let allowed: RoaringBitmap = (0..1300).filter(|row| row % 3 == 0).collect();
    for optimized in [false, true] {
        if optimized {
            slowly.optimize().unwrap();
            assert_eq!(slowly.status().segments.len(), 1);
            assert_eq!(slowly.status().segments[0].n_dead, 0);
        }
        for query in queries.map(query_of) {
            for allowed in [None, Some(&allowed)] {
                let expected = once.snapshot().search(&query, 50, allowed).unwrap();
                assert_eq!(slowly.snapshot().search(&query, 50, allowed).unwrap(), expected);
            }
        }
    }
}

#[test]
fn a_filter_never_shortens_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    // The allowed rows are the worst.
    let upserts: Vec<_> = (0..2000)
        .map(|row| (row, document("needle", &"needle ".repeat(if row < 1900 { 5 } else { 1 }))))
        .collect();
    apply(&index, &upserts, &[], 1);
    apply(&index, &[], &[1950], 2);
    let allowed: RoaringBitmap = (1900..5000).collect();
    let hits = index.snapshot().search(&query_of("needle"), 10, Some(&allowed)).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.0).collect::<Vec<_>>(), (1900..1910).collect::<Vec<_>>());
    assert_eq!(index.snapshot().count(&query_of("needle"), Some(&allowed)).unwrap(), 99);
}

fn check_matches(texts: &[&str], cases: &[(&str, &[u32])]) {
    let dir = tempfile::tempdir().unwrap();
    let index = titles(dir.path(), texts);
    for (query, rows) in cases {
        assert_eq!(matching(&index, query), *rows, "{query}");
    }
}

#[test]
fn a_formula_is_one_word_however_it_is_marked() {
    let texts = [
        "Growth of MgB$_2$ on SrTiO$_3$",
        "Monolayers of $\\mathrm{MoS}_2$",
        "MoS₂ and H₂O",
        "Mice given H<sub>2</sub>O and <sup>13</sup>C",
        "A $^{13}$C spectrum of $\\mathrm{CO_2}$",
        "Fe$_{3}$O$_4$ beside Fe3O4",
        "$x_i$ and 10$^5$",
    ];
    let cases: [(&str, &[u32]); 9] = [
        ("MgB2", &[0]),
        ("MgB$_2$", &[0]),
        ("SrTiO3", &[0]),
        ("MoS2", &[1, 2]),
        ("MoS$_{2}$", &[1, 2]),
        ("H2O", &[2, 3]),
        ("13C", &[3, 4]),
        ("\"CO2\"", &[4]),
        ("Fe₃O₄", &[5]),
    ];
    check_matches(&texts, &cases);
}

#[test]
fn a_letter_says_which() {
    let texts = [
        "Vitamin A and night vision",
        "Vitamin D deficiency",
        "Type I superconductors",
        "Type II superconductors",
        "A vitamin for bones",
        "Lines of 1 Å",
    ];
    let cases: [(&str, &[u32]); 6] = [
        ("\"vitamin A\"", &[0]),
        ("\"vitamin a\"", &[0]),
        ("\"vitamin D\"", &[1]),
        ("\"type I superconductors\"", &[2]),
        ("\"type II\"", &[3]),
        ("Å", &[5]),
    ];
    check_matches(&texts, &cases);
    let dir = tempfile::tempdir().unwrap();
    let index = titles(dir.path(), &texts);
    let best = |query| index.snapshot().search(&Query::parse(query), 1, None).unwrap()[0].0;
    assert_eq!((best("vitamin A"), best("vitamin D"), best("type I superconductors")), (0, 1, 2));
}

#[test]
fn what_cannot_be_seen_and_marks_that_are_left_out_part_no_words() {
    let texts = [
        "Neuro\u{ad}imaging of mem\u{ad}ory",
        "Deep\u{200b}learning",
        "تحليل اللُّغَة العربيّة",
        "The IL−6 pathway",
        "Über die Größe der Häuser von Müller",
        "أثر الموارد",
    ];
    let cases: [(&str, &[u32]); 11] = [
        ("neuroimaging", &[0]),
        ("memory", &[0]),
        ("deep", &[1]),
        ("deeplearning", &[1]),
        ("اللغة", &[2]),
        ("العربية", &[2]),
        ("IL-6", &[3]),
        ("groesse", &[4]),
        ("Mueller", &[4]),
        ("muller", &[4]),
        ("اثر", &[5]),
    ];
    check_matches(&texts, &cases);
}

#[test]
fn scripts_whose_words_are_not_parted_are_found_by_pairs() {
    let texts = [
        "한국어 논문의 검색을 위한 방법",
        "การค้นหาบทความวิจัย",
        "ການຄົ້ນຫາບົດຄວາມ",
        "ការស្វែងរកឯកសារ",
        "深度学习在图像识别中的应用",
    ];
    let cases: [(&str, &[u32]); 7] = [
        ("논문", &[0]),
        ("검색", &[0]),
        ("บทความ", &[1]),
        ("ບົດຄວາມ", &[2]),
        ("ស្វែងរក", &[3]),
        ("图像", &[4]),
        ("\"บทความวิจัย\"", &[1]),
    ];
    check_matches(&texts, &cases);
}

#[test]
fn british_and_american_words_are_the_same() {
    let texts = ["Tumour behaviour", "Tumor modeling", "Four hours of sulphur"];
    let cases: [(&str, &[u32]); 5] =
        [("tumor", &[0, 1]), ("tumours", &[0, 1]), ("behavior", &[0]), ("modelling", &[1]), ("sulfur", &[2])];
    check_matches(&texts, &cases);
}

#[test]
fn a_beginning_stands_for_the_words_that_begin_so() {
    let dir = tempfile::tempdir().unwrap();
    let index = titles(dir.path(), &["Neurology", "Neuroanatomy of neurons", "Nets", "Neural nets"]);
    let mut query = Query::default();
    query.add_prefix("neuro");
    let ranking = index.snapshot().rank(&query).unwrap();
    assert_eq!(ranking.matching().into_iter().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(index.snapshot().matched_terms(ranking.query(), 0).unwrap()[0].surface, "neuro");
    let mut query = Query::default();
    query.add_prefix("neuroanatomy");
    assert_eq!(index.snapshot().count(&query, None).unwrap(), 1);
}

#[test]
fn a_word_that_no_row_has_is_corrected_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let texts = ["Gravitational waves", "Gravitational lensing of neurons", "Nearby novae", "Tumour"];
    let index = titles(dir.path(), &texts);
    let correction = |query: &Query| {
        let resolved = index.snapshot().resolve(query).unwrap();
        resolved
            .corrections()
            .iter()
            .map(|Correction { from, to }| format!("{from} {to}"))
            .collect::<Vec<_>>()
    };
    let check = |query: &str, expected: &[&str]| {
        assert_eq!(correction(&Query::parse(query)), expected, "{query}");
    };
    check("gravitatonal waves", &["gravitatonal gravitational"]);
    check("gravtatonal", &["gravtatonal gravitational"]);
    check("nuerons", &["nuerons neurons"]);
    check("gravitational", &[]);
    check("gravity", &[]);
    // Too short, too far, not a word, an acronym, part of a compound.
    check("wavse", &["wavse waves"]);
    check("wavs telescope w4ves NUERONS nuerons-x", &[]);
    assert_eq!(matching(&index, "gravitatonal"), [0, 1]);
    assert_eq!(matching(&index, "\"gravitatonal waves\""), [0; 0]);
    let mut phrase = Query::default();
    phrase.prefer("nuerons fire");
    assert_eq!(correction(&phrase), [""; 0]);
}

#[test]
fn a_word_of_none_but_deleted_rows_is_one_that_no_row_has() {
    let dir = tempfile::tempdir().unwrap();
    let index = titles(dir.path(), &["Octopus arms", "Octopi", "Octopus ink", "Telescope"]);
    let corrections = |query: &str| {
        let resolved = index.snapshot().resolve(&Query::parse(query)).unwrap();
        resolved.corrections().iter().map(|correction| correction.to.clone()).collect::<Vec<_>>()
    };
    assert_eq!(corrections("octopsu"), ["octopus"]);
    apply(&index, &[], &[0], 2);
    assert_eq!(corrections("octopsu"), ["octopus"]);
    apply(&index, &[], &[2], 3);
    assert_eq!(corrections("octopsu"), [""; 0]);
    // And is corrected itself.
    assert_eq!(corrections("octopus"), [""; 0]);
    apply(&index, &[(4, document("Octopuses", ""))], &[], 4);
    assert_eq!(corrections("telescpoe"), ["telescope"]);
    apply(&index, &[(3, document("Telescopy", ""))], &[], 5);
    assert_eq!(corrections("telescope"), ["telescopy"]);
}

#[test]
fn coverage_is_the_part_of_the_words_that_a_row_has() {
    let dir = tempfile::tempdir().unwrap();
    let texts = ["AIDS in mice", "Mice and mice, and more mice", "Men", "Colours of Müller, in SARS-CoV-2"];
    let index = titles(dir.path(), &texts);
    let coverage = |query: &str| {
        let ranking = index.snapshot().rank(&Query::parse(query)).unwrap();
        [0, 1, 2, 3, 9].map(|row| ranking.score_and_coverage(row).1)
    };
    // However often, and in whatever form.
    assert_eq!(coverage("mice"), [1.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(coverage("mouse-free colors by Mueller")[3], coverage("mouse-free colours by Müller")[3]);
    assert_eq!(coverage("Müller"), [0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(coverage("AIDS"), [1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(coverage("sars-cov-2"), [0.0, 0.0, 0.0, 1.0, 0.0]);
    // The rarer word counts more, and one that nobody has most.
    let [both, one, none, ..] = coverage("mice aids");
    assert!(both == 1.0 && one > 0.0 && one < 0.5 && none == 0.0, "{both} {one} {none}");
    let [.., nobody] = coverage("zzz");
    let partly = coverage("men qqq")[2];
    assert!(nobody == 0.0 && partly > 0.0 && partly < 0.5, "{partly}");
    assert_eq!(coverage("the of"), [0.0; 5]);
}

#[test]
fn a_title_of_stop_words_is_found_by_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let index = titles(dir.path(), &["To be or not to be", "What is it?", "What is it about bees?", "Bees"]);
    for (query, rows) in
        [("to be, or not to be", vec![0]), ("what is it?", vec![1]), ("what is", vec![]), ("is it", vec![])]
    {
        assert_eq!(matching(&index, query), rows, "{query}");
    }
    // Beside other words they tell nothing.
    assert_eq!(matching(&index, "what is it bees"), [2, 3]);
    let ranking = |query: &str| index.snapshot().rank(&Query::parse(query)).unwrap();
    assert_eq!(
        (ranking("what is it").n_telling_words(), ranking("what is it").score_and_coverage(1).1),
        (1.0, 1.0)
    );
    assert_eq!((ranking("what is").n_telling_words(), ranking("what is").bound()), (0.0, 0.0));
}

#[test]
fn beginnings_are_required_or_excluded() {
    let dir = tempfile::tempdir().unwrap();
    let index =
        titles(dir.path(), &["Neurons of mice", "Neural mice", "Neuroscience", "Mice", "Studies of mice"]);
    let rows = |make: &dyn Fn(&mut Query)| {
        let mut query = Query::parse("mice");
        make(&mut query);
        let ranking = index.snapshot().rank(&query).unwrap();
        ranking.permitted().unwrap().iter().collect::<Vec<u32>>()
    };
    assert_eq!(rows(&|query| query.require_prefix(None, "neuro")), [0, 2]);
    assert_eq!(rows(&|query| query.require_prefix(None, "Neur")), [0, 1, 2]);
    assert_eq!(rows(&|query| query.require_prefix(Some(Field::Abstract), "neur")), [0; 0]);
    assert_eq!(rows(&|query| query.require_prefix(Some(Field::Title), "studies")), [4]);
    assert_eq!(rows(&|query| query.exclude_prefix("neuro")), [1, 3, 4]);
    apply(&index, &[], &[0], 2);
    assert_eq!(rows(&|query| query.require_prefix(None, "neuro")), [2]);
}

#[test]
fn a_letter_is_required_or_excluded_though_it_is_an_article() {
    let dir = tempfile::tempdir().unwrap();
    let index =
        titles(dir.path(), &["Vitamin A and falls", "A study of vitamin D", "Complex I", "I am a study"]);
    let rows = |make: &dyn Fn(&mut Query)| {
        let mut query = Query::default();
        make(&mut query);
        index.snapshot().rank(&query).unwrap().permitted().unwrap().iter().collect::<Vec<u32>>()
    };
    assert_eq!(rows(&|query| query.require_any(&["A"])), [0]);
    assert_eq!(rows(&|query| query.exclude("A")), [1, 2, 3]);
    assert_eq!(rows(&|query| query.exclude("i")), [0, 1, 3]);
}

#[test]
fn an_umlaut_in_latex_has_both_spellings() {
    let dir = tempfile::tempdir().unwrap();
    let titled = [
        "The Schr\\\"odinger equation",
        "Schr{\\\"{o}}dinger",
        "Schroedinger",
        "Schrödinger",
        "\\r{A}ngstrom",
    ];
    let index = titles(dir.path(), &titled);
    let found = |query: &str| {
        let mut rows: Vec<u32> =
            index.snapshot().matching(&Query::parse(query)).unwrap().into_iter().collect();
        rows.sort_unstable();
        rows
    };
    assert_eq!(found("Schroedinger"), [0, 1, 2, 3]);
    assert_eq!(found("Schrodinger"), [0, 1, 3]);
    assert_eq!(found("Schrödinger"), [0, 1, 2, 3]);
    assert_eq!(found("Aangstrom"), [4]);
}

#[test]
fn a_part_of_several_is_required() {
    let dir = tempfile::tempdir().unwrap();
    let index = titles(dir.path(), &["Neurons of mice", "The brain", "Mice"]);
    let mut query = Query::default();
    query.require_one_of(&[Part::Prefix("neur"), Part::Phrase("brain")]);
    let ranking = index.snapshot().rank(&query).unwrap();
    assert_eq!(ranking.permitted().unwrap().iter().collect::<Vec<u32>>(), [0, 1]);
}

#[test]
fn having_something_not_may_be_enough() {
    let dir = tempfile::tempdir().unwrap();
    let index = titles(dir.path(), &["Fish and ladders", "Fish", "Mice", "Ladders of mice"]);
    let rows = |parts: &[Part<'_>]| {
        let mut query = Query::default();
        query.require_one_of(parts);
        let ranking = index.snapshot().rank(&query).unwrap();
        let permitted: Vec<u32> = ranking.permitted().unwrap().iter().collect();
        // All of them match, though no word tells for some.
        assert_eq!(ranking.matching().iter().collect::<Vec<u32>>(), permitted);
        permitted
    };
    assert_eq!(rows(&[Part::Phrase("fish"), Part::NotPhrase("ladder")]), [0, 1, 2]);
    assert_eq!(rows(&[Part::NotPhrase("fish"), Part::NotPrefix("ladd")]), [1, 2, 3]);
}

#[test]
fn every_word_that_begins_so_counts_however_many() {
    let dir = tempfile::tempdir().unwrap();
    // More than any list of them would hold; the last in the alphabet is one of them.
    let words: Vec<String> = (0..700).map(|n| format!("con{:04}", n * 7)).collect();
    let index = titles(dir.path(), &words.iter().map(String::as_str).collect::<Vec<_>>());
    let mut query = Query::default();
    query.require_prefix(None, "con");
    assert_eq!(index.snapshot().rank(&query).unwrap().matching().len(), 700);
    query = Query::default();
    query.add_prefix("con");
    assert_eq!(index.snapshot().count(&query, None).unwrap(), 700);
}

#[test]
fn a_required_letter_is_no_initial_and_cpp_is_no_letter() {
    let dir = tempfile::tempdir().unwrap();
    let index = titles(dir.path(), &["Programs in C++", "Vitamin C", "Programs in C#"]);
    let other = Document { authors: vec!["Smith C".to_owned()], ..document("Dust", "") };
    apply(&index, &[(3, other)], &[], 2);
    let rows = |make: &dyn Fn(&mut Query)| {
        let mut query = Query::default();
        make(&mut query);
        index.snapshot().rank(&query).unwrap().permitted().unwrap().iter().collect::<Vec<u32>>()
    };
    assert_eq!(rows(&|query| query.require_any(&["C++"])), [0]);
    assert_eq!(rows(&|query| query.require_any(&["C#"])), [2]);
    assert_eq!(rows(&|query| query.exclude("C++")), [1, 2, 3]);
    assert_eq!(rows(&|query| query.require_any(&["programs in C++"])), [0]);
    assert_eq!(rows(&|query| query.require_any(&["C"])), [0, 1, 2]);
}

#[test]
fn phrases_are_required_preferred_or_excluded() {
    let dir = tempfile::tempdir().unwrap();
    let texts = ["Dark matter halos", "Matter in the dark", "Dark energy", "Halos of dark energy"];
    let index = titles(dir.path(), &texts);
    let rows = |query: &Query| index.snapshot().matching(query).unwrap().into_iter().collect::<Vec<_>>();

    let mut either = Query::default();
    either.require_any(&["dark matter", "dark energy"]);
    assert_eq!(rows(&either), [0, 2, 3]);
    either.exclude("halo");
    assert_eq!(rows(&either), [2]);
    let ranking = index.snapshot().rank(&either).unwrap();
    assert_eq!(ranking.permitted().unwrap().iter().collect::<Vec<_>>(), [2]);

    let mut preferred = Query::parse("energy");
    preferred.prefer("matter in the dark");
    preferred.prefer("dark fluid");
    let ranking = index.snapshot().rank(&preferred).unwrap();
    assert_eq!(ranking.top(1, None)[0].0, 1);
    assert_eq!((ranking.missing_phrases(), ranking.permitted()), (&["dark fluid".to_owned()][..], None));
    assert!(ranking.top(9, None).iter().all(|(_, score)| *score < ranking.bound()));

    let mut titled = Query::default();
    titled.require_in(Field::Abstract, "dark");
    assert_eq!(rows(&titled), [0; 0]);
    assert_eq!(index.snapshot().with_every_word(&Query::parse("dark halos")).unwrap().len(), 2);
}
