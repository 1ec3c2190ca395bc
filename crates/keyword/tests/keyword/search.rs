//! What is found, and how it is written.

use cognate_keyword::{Document, Field, Query};
use roaring::RoaringBitmap;

use crate::support::{apply, document, matching, open, titles};

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
    let cases: [(&str, &[u32]); 16] = [
        ("\"deep learning\"", &[0, 1]),
        ("\"deep learned\" graph", &[0, 1]),
        ("“deep learning” \"graph networks\"", &[0]),
        ("\"learning deep\"", &[1]),
        ("\"Ada Lovelace\"", &[3]), ("\"Lovelace Alan\"", &[]),
        ("\"state of the art\"", &[4]), ("\"state in an art\"", &[4]), ("\"state art\"", &[]),
        ("\"sars cov\"", &[4]), ("\"SARS-CoV-2\"", &[4]),
        ("\"学习的方\"", &[5]), ("\"习学\"", &[]),
        // Without its other, or with nothing in it, a quote is a plain character.
        ("\"protein", &[0, 1]), ("protein \"\"", &[0, 1]), ("\"the\" protein", &[0, 1]),
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
        let query = Query::parse(query);
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
        for query in queries.map(Query::parse) {
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
    let hits = index.snapshot().search(&Query::parse("needle"), 10, Some(&allowed)).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.0).collect::<Vec<_>>(), (1900..1910).collect::<Vec<_>>());
    assert_eq!(index.snapshot().count(&Query::parse("needle"), Some(&allowed)).unwrap(), 99);
}
