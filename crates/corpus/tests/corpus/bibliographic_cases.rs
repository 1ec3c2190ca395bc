//! The cases of ../shared/cases/import that bibliographic formats are in, each with what it should come to.

use cognate_corpus::{IdentifierKind, Paper, ReadOptions, Source};

use crate::support::collect;

/// The papers of a case, read without a bad record; `None`, said on standard error, where the cases are not.
fn case(name: &str) -> Option<Vec<Paper>> {
    let path =
        std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/import").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: needs ../shared/cases");
        return None;
    }
    let outcome = collect(Source::open(&path).unwrap().records(&ReadOptions::default()).unwrap());
    assert_eq!((&outcome.bad, &outcome.fault), (&vec![], &None), "{name}");
    Some(outcome.papers.into_iter().map(|record| record.paper).collect())
}

/// Checks one thing of each paper of a case.
fn check<T: PartialEq<E> + std::fmt::Debug, E: std::fmt::Debug>(
    name: &str,
    of: impl Fn(&Paper) -> T,
    expected: &[E],
) {
    let Some(papers) = case(name) else { return };
    let found: Vec<T> = papers.iter().map(of).collect();
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| a == b),
        "{name}: {found:?}"
    );
}

fn id(paper: &Paper, kind: IdentifierKind) -> String {
    paper.external_ids.get(&kind).cloned().unwrap_or_default()
}

fn doi(paper: &Paper) -> String {
    id(paper, IdentifierKind::Doi)
}

fn pmid(paper: &Paper) -> String {
    id(paper, IdentifierKind::Pmid)
}

fn date(paper: &Paper) -> String {
    let date = paper.publication_date.map(|date| date.to_string());
    date.or(paper.year.map(|year| year.to_string())).unwrap_or_default()
}

fn venue(paper: &Paper) -> String {
    paper.venue.clone().unwrap_or_default()
}

fn title(paper: &Paper) -> String {
    paper.title.clone().unwrap_or_default()
}

fn abstract_of(paper: &Paper) -> String {
    paper.abstract_text.clone().unwrap_or_default()
}

fn n_authors(paper: &Paper) -> usize {
    paper.authors.len()
}

#[test]
fn every_record_is_there() {
    for (name, n_papers) in [
        ("ris_container_doi.ris", 3),
        ("ris_supplement_doi.ris", 3),
        ("ris_hash_collide.ris", 4),
        ("ris_cochrane_header.ris", 2),
        ("ris_ovid_numbered.ris", 2),
        ("ris_narrow_tags.ris", 2),
        ("ris_cr_only.ris", 2),
        ("bib_same_key.bib", 2),
        ("bib_comment_unbalanced.bib", 3),
        ("bib_at_in_text.bib", 2),
        ("bib_types.bib", 21),
        ("wos.ciw", 2),
        ("refer.enw", 2),
        ("endnote.xml", 1),
        ("pubmed.xml", 1),
        ("pubmed_abstract.txt", 1),
        ("arxiv_atom.xml", 1),
    ] {
        let Some(papers) = case(name) else { return };
        let ids: std::collections::BTreeSet<_> = papers.iter().map(|paper| paper.id.clone()).collect();
        assert_eq!((papers.len(), ids.len()), (n_papers, n_papers), "{name}");
        assert!(papers.iter().all(|paper| paper.title.is_some()), "{name}");
    }
}

#[test]
fn two_sources_of_one_paper_have_no_id_in_common() {
    check("two_sources_1.nbib", |paper| paper.id.to_string(), &["PMID:31234567"]);
    check("two_sources_1.nbib", |paper| paper.categories.join(","), &["Sleep"]);
    check("two_sources_2.bib", |paper| paper.id.as_str().starts_with("p-"), &[true]);
    check("two_sources_2.bib", doi, &["10.5555/two.1"]);
}

#[test]
fn ris_in_the_wild() {
    check(
        "ris_er_without_dash.ris",
        |paper| paper.url.clone().unwrap(),
        &["https://example.org/harbourtools", "https://example.org/quaytools"],
    );
    check(
        "ris_er_without_dash.ris",
        abstract_of,
        &["A library that predicts tides from gauges.", "A library that counts cranes on quays."],
    );
    check("ris_authors_one_line.ris", n_authors, &[3, 3, 4]);
    check("ris_central_c3.ris", pmid, &["31234567", "31234568"]);
    check("ris_central_c3.ris", venue, &["", "J Quays"]);
    check("ris_proquest.ris", doi, &["10.5555/pq.1"]);
    check("ris_proquest.ris", |paper| paper.id.as_str().starts_with("p-"), &[true]);
    check("ris_wos_da.ris", date, &["2018", "2019-03-15", "2020-05-03", "2021"]);
    check("ris_doi_case.ris", doi, &["10.5555/case.1", "10.5555/case.2"]);
    check("ris_cr_only.ris", doi, &["10.5555/cr.1", "10.5555/cr.2"]);
    check("ris_narrow_tags.ris", doi, &["10.5555/narrow.1", ""]);
    check("ris_ovid_numbered.ris", doi, &["10.5555/ovid.1", "10.5555/ovid.2"]);
    check("ris_supplement_doi.ris", |paper| paper.pages.clone().unwrap(), &["S1", "S2", "S3"]);
}

#[test]
fn dates_in_every_form() {
    check(
        "ris_dates.ris",
        date,
        &[
            "2010",
            "2015",
            "2020",
            "2020",
            "2015",
            "2013",
            "2020",
            "2019-12-05",
            "1998",
            "2004",
            "2021",
            "2020",
            "2017",
            "1998",
            "2013",
        ],
    );
    // "in press", `199u`, "n.d." and MMXX say no year.
    check(
        "bib_dates.bib",
        |paper| paper.year.or(paper.publication_date.map(|date| date.year())).unwrap_or_default(),
        &[
            2010, 1998, 1987, 2020, 0, 2015, 2004, 2012, 2013, 2014, 2016, 2016, 0, 2010, 1998, 1950, 1905,
            0, 0, 2020, 2020,
        ],
    );
    let Some(papers) = case("bib_dates.bib") else { return };
    let days: Vec<String> =
        papers.iter().filter_map(|paper| paper.publication_date).map(|date| date.to_string()).collect();
    assert_eq!(days, ["2012-01-10", "2020-05-17", "2019-12-30"]);
}

#[test]
fn warnings_are_few_in_what_is_well_known() {
    for name in ["ris_wos_da.ris", "ris_cochrane_header.ris", "ris_ovid_numbered.ris", "wos.ciw", "refer.enw"]
    {
        let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/cases/import")
            .join(name);
        if !path.exists() {
            eprintln!("SKIPPED: needs ../shared/cases");
            return;
        }
        let outcome = collect(Source::open(&path).unwrap().records(&ReadOptions::default()).unwrap());
        let warnings: Vec<_> = outcome.papers.iter().flat_map(|record| &record.warnings).collect();
        assert!(warnings.is_empty(), "{name}: {warnings:?}");
    }
}

#[test]
fn bibtex_in_the_wild() {
    check(
        "bib_extended_names.bib",
        |paper| paper.authors.join("; "),
        &["Alexander van Deursen; Jan van Dijk; Ada Smith", "Jean de la Rousse; Jean Pierre Simon"],
    );
    check("bib_savedrecs.bib", |paper| paper.categories.join("|"), &["tides|locks"]);
    check(
        "bib_crossref.bib",
        |paper| (paper.year.unwrap(), venue(paper)),
        &[
            (1996, "Proceedings of the Seventh Symposium on Quays".to_owned()),
            (1996, "Proceedings of the Seventh Symposium on Quays".to_owned()),
        ],
    );
    check("bib_at_in_text.bib", title, &["Robots in homes", "After it"]);
    check("bib_mendeley.bib", |paper| paper.url.clone().unwrap(), &["http://example.org/a_b%20c"]);
    check(
        "bib_mendeley.bib",
        |paper| abstract_of(paper).contains("20% ~5 ^2 _x $$y. β-blockers, β."),
        &[true],
    );
    check(
        "bib_sub_sup.bib",
        title,
        &[
            "CO₂ capture with Ca²⁺ at 10⁻³ mol",
            "Acoustics of krill Euphausia superba and Z-R relations",
            "The β-sheet and α-helix in E. coli, ATP, µm, 5 μm and $\\gamma$",
        ],
    );
    check(
        "bib_sub_sup.bib",
        abstract_of,
        &[
            "We trap CO₂ on quay walls at 25 °C; m² areas; >90% stayed.",
            "Sound scatters.\nH2O",
            "Bonds → sheets; a ½ of them, naïve, š, ç, ç, í, ñ, å, ą, ż, ğ, ő, Œ, ß, à, ô, 'x, ¹³C, kg, ∼5, ~6, <5, \\n, & % # _ {x}, « oui », \"quoted\".",
        ],
    );
}

#[test]
fn other_formats_of_databases() {
    check("wos.ciw", pmid, &["31234567", ""]);
    check("wos.ciw", title, &["Tides and sleep: a long title that goes on", "Locks at night"]);
    check("wos.ciw", |paper| paper.authors.join("; "), &["Ada Smith; Bo Doe", "C Roe"]);
    check("wos.ciw", |paper| paper.categories.join("|"), &["tides|sleep", ""]);
    check("refer.enw", doi, &["10.5555/enw.1", ""]);
    check("refer.enw", abstract_of, &["Sleep follows tides in pilots.", "Night locks close slowly."]);
    check(
        "endnote.xml",
        |paper| (title(paper), abstract_of(paper), n_authors(paper), date(paper)),
        &[("Tides and sleep".to_owned(), "Sleep follows tides.".to_owned(), 1, "2020".to_owned())],
    );
    check(
        "pubmed.xml",
        |paper| (pmid(paper), title(paper), date(paper)),
        &[("31234567".to_owned(), "Tides and sleep.".to_owned(), "2020".to_owned())],
    );
    check("pubmed.xml", abstract_of, &["BACKGROUND: Sleep follows tides. METHODS: We asked pilots."]);
    check(
        "pubmed_abstract.txt",
        |paper| (pmid(paper), doi(paper), date(paper)),
        &[("31234567".to_owned(), "10.5555/pa.1".to_owned(), "2020-01-05".to_owned())],
    );
    check("pubmed_abstract.txt", abstract_of, &["Sleep follows tides in pilots."]);
    check("pubmed_abstract.txt", n_authors, &[2]);
    check(
        "arxiv_atom.xml",
        |paper| (id(paper, IdentifierKind::Arxiv), date(paper), abstract_of(paper)),
        &[("1704.03578".to_owned(), "2017-04-11".to_owned(), "Sleep follows tides.".to_owned())],
    );
}

#[test]
fn types_and_fields_come_out_as_they_went_in() {
    use cognate_corpus::export::{ExportFormat, Exported, FeedMeta, export};
    for name in ["bib_types.bib", "bib_roundtrip.bib"] {
        let Some(papers) = case(name) else { return };
        let meta = FeedMeta {
            title: String::new(),
            id: "urn:x".into(),
            link: None,
            updated: jiff::Timestamp::UNIX_EPOCH,
        };
        let mut out = Vec::new();
        export(
            ExportFormat::Bibtex,
            &mut out,
            papers.iter().map(|paper| Exported { paper, score: None }),
            &meta,
        )
        .unwrap();
        let written = String::from_utf8(out).unwrap();
        let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/cases/import")
            .join(name);
        let source = std::fs::read_to_string(path).unwrap();
        let of = |text: &str| -> Vec<String> {
            let entries = text.split("\n@").map(|entry| {
                let folded = entry.split_whitespace().collect::<Vec<_>>().join(" ");
                let plain: String = folded.chars().filter(|c| !"{}@ ,".contains(*c)).collect();
                let mut letters: Vec<char> = plain.chars().collect();
                letters.sort_unstable();
                letters.into_iter().collect()
            });
            entries.collect()
        };
        assert_eq!(of(written.trim()), of(source.trim()), "{written}");
    }
}
