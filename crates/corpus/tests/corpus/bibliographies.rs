//! BibTeX, RIS and MEDLINE as the tools that export them write them, and what is wrong in some files.

use cognate_corpus::{Format, IdentifierKind, Paper};
use serde_json::{Value, json};

use crate::support::read;

/// The papers of a text whose format is detected, without any error.
fn papers(text: &str) -> Vec<Paper> {
    let outcome = read(text, Format::Auto);
    assert_eq!((&outcome.bad, &outcome.fault), (&vec![], &None), "{text}");
    let warnings: Vec<_> = outcome.papers.iter().flat_map(|parsed| &parsed.warnings).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
    outcome.papers.into_iter().map(|parsed| parsed.paper).collect()
}

/// The fields of the only paper of a text that `expected` names.
fn check(text: &str, expected: Value) {
    let papers = papers(text);
    assert_eq!(papers.len(), 1, "{text}");
    let found = serde_json::to_value(&papers[0]).unwrap();
    for (name, expected) in expected.as_object().unwrap() {
        let found = found.get(name).filter(|found| !found.is_null()).unwrap_or(&found["extra"][name]);
        assert_eq!(found, expected, "{name} of {text}");
    }
}

#[test]
fn bibtex_of_zotero_jabref_and_mendeley() {
    check(
        "\n@article{nunez_tides_2020,\n\ttitle = {Tides of {Mars}: an {H\\_2O} story},\n\tvolume = {12},\n\tissn = {1234-5678},\n\
         \turl = {https://example.org/a\\_b},\n\tdoi = {10.1000/ABC\\_1},\n\tabstract = {They turn, 5\\% of them.},\n\
         \tpages = {1--9},\n\tjournal = {Journal of Tides},\n\tauthor = {Núñez, José and van der Berg, Jan},\n\tmonth = may,\n\
         \tyear = {2020},\n\tkeywords = {tides, long waves},\n\tfile = {PDF:a.pdf:application/pdf},\n}\n",
        json!({
            "external_ids": {"doi": "10.1000/abc_1"}, "title": "Tides of Mars: an H_2O story", "authors": ["José Núñez", "Jan van der Berg"],
            "year": 2020, "publication_date": null, "venue": "Journal of Tides", "categories": ["tides", "long waves"],
            "url": "https://example.org/a_b", "abstract": "They turn, 5% of them.", "citation_key": "nunez_tides_2020",
            "volume": "12", "pages": "1-9", "entry_type": "article", "month": "may",
        }),
    );
    check(
        "% Encoding: UTF-8\n\n@Comment{jabref-meta: databaseType:bibtex;}\n\n@InProceedings{Li2021,\n  author    = {Li, Bo and {The ATLAS Collaboration} and others},\n\
         \n  booktitle = {Proc. of \"Tides\"},\n  date      = {2021-05-01/2021-05-03},\n  title     = {Boats},\n  subtitle  = {A Study},\n}\n",
        json!({
            "citation_key": "Li2021", "title": "Boats: A Study", "authors": ["Bo Li", "The ATLAS Collaboration"], "year": 2021,
            "publication_date": "2021-05-01", "venue": "Proc. of \"Tides\"", "entry_type": "inproceedings",
        }),
    );
    check(
        "@article{Garcia2019,\nauthor = {Garc{\\'{i}}a M{\\'{a}}rquez, Gabriel},\ndoi = {https://doi.org/10.1000/X},\ntitle = {{Solitude}},\nyear = {2019},\nmonth = {aug}\n}",
        json!({"external_ids": {"doi": "10.1000/x"}, "type": "article", "authors": ["García Márquez, Gabriel"], "title": "Solitude"}),
    );
}

#[test]
fn bibtex_of_publishers_and_databases() {
    check(
        "Scopus\nEXPORT DATE: 1 May 2020\n\n@ARTICLE{Smith20201,\nauthor={Smith, J. and Li, B.},\ntitle={Boats},\njournal={Tides},\nyear={2020},\n\
         author_keywords={tides;  long waves},\nkeywords={Water; Moon},\nsource={Scopus},\n}\n",
        json!({"citation_key": "Smith20201", "authors": ["J. Smith", "B. Li"], "categories": ["tides", "long waves"], "source": "Scopus", "keywords": "Water; Moon"}),
    );
    check(
        "@article{ WOS:000123400001,\nAuthor = {Smith, John and\n   Li, Bo},\nTitle = {Boats\n   that turn},\nJournal = {TIDES},\nYear = {2020},\nMonth = {MAY 3},\n\
         DOI = {10.1000/182},\nUnique-ID = {WOS:000123400001},\n}\n",
        json!({"external_ids": {"doi": "10.1000/182"}, "title": "Boats that turn", "authors": ["John Smith", "Bo Li"], "publication_date": "2020-05-03"}),
    );
    check(
        "@misc{li2017boats,\n      title={Boats of $O(n^{2})$ and $\\mathbb{R}$}, \n      author={Bo Li and Ada King Lovelace},\n      year={2017},\n\
         \n      eprint={1704.03578v2},\n      archivePrefix={arXiv},\n      primaryClass={cs.CL},\n      url={https://arxiv.org/abs/1704.03578}, \n}\n",
        json!({
            "id": "1704.03578", "title": "Boats of $O(n^{2})$ and $\\mathbb{R}$", "categories": ["cs.CL"],
            "external_ids": {"arxiv": "1704.03578"}, "authors": ["Bo Li", "Ada King Lovelace"],
        }),
    );
    check(
        "@article{li2017boats,\n  title={Boats},\n  author={Li, Bo},\n  journal={arXiv preprint arXiv:1704.03578},\n  year={2017}\n}",
        json!({"id": "1704.03578", "venue": "arXiv preprint arXiv:1704.03578"}),
    );
    check(
        "@string{acl = \"Association \" # {for Tides}}\n@inproceedings{li-2019-boats,\n    title = \"Boats {\\\"u}ber {``}all{''}\",\n    author = \"Li, Bo  and\\n      Smith, Ada\",\n\
             month = jul,\n    year = \"2019\",\n    publisher = acl,\n    url = \"https://aclanthology.org/P19-1001\",\n}"
            .replace("\\n", "\n")
            .as_str(),
        json!({"citation_key": "li-2019-boats", "title": "Boats über “all”", "publisher": "Association for Tides", "external_ids": {"acl": "P19-1001"}}),
    );
    check(
        "@article(p1, title = {Boats (new)}, year = 2020, month = 5, day = 3)",
        json!({"citation_key": "p1", "title": "Boats (new)", "publication_date": "2020-05-03"}),
    );
    check(
        "@article{p2, title = {Boats}, eprint = {31715818}, eprinttype = {pubmed}}",
        json!({"id": "PMID:31715818"}),
    );
}

/// What a faulty text gives: titles and the beginnings of what is reported.
fn check_faulty(text: impl Into<Vec<u8>>, titles: &[&str], bad: &[&str]) {
    let outcome = read(text, Format::Auto);
    assert_eq!(outcome.fault, None);
    assert_eq!(outcome.titles(), titles, "{:?}", outcome.bad);
    assert_eq!(outcome.bad.len(), bad.len(), "{:?}", outcome.bad);
    for (found, expected) in outcome.bad.iter().zip(bad) {
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_malformed_entry_is_told_and_the_next_is_read() {
    check_faulty(
        "@article{a, title = {A},\n  abstract = {open\n\n@article{b, title = {B}}\n@article{c, title = {C} junk}\n@article{d, title = }\n@article{e, note = {2020}}\n@misc{f, title = {F}}",
        &["B", "F"],
        &[
            "test:1: expected a } that closes @article, found none",
            "test:5: title: expected a field's name and = behind it, found \"junk\"",
            "test:6: title: expected a value, found none",
            "test:7: title: expected a title, an abstract, authors, an identifier or where it was published, found none",
        ],
    );
    check_faulty(
        "@article{a, title = {A} },\n  abstract = {x}\n}\n\n@article{b, title = {B}}",
        &["A", "B"],
        &["test:2: expected an entry, found a field outside any"],
    );
    check_faulty(
        b"@article{a, title = {A}}\n@article{b,\n title = {B},\n author = {M\xfcller, Anna}}\n@article{c, title = {C}}".to_vec(),
        &["A", "B", "C"],
        &[],
    );
    let bomb: String = std::iter::once("@string{a0 = {0123456789}}\n".to_owned())
        .chain((1..40).map(|n| format!("@string{{a{n} = a{} # a{}}}\n", n - 1, n - 1)))
        .chain(["@article{x, title = {X}}".to_owned()])
        .collect();
    let outcome = read(bomb, Format::Bibtex);
    assert_eq!(outcome.titles(), ["X"]);
    assert!(
        outcome.bad[0].contains("expected at most 16 MiB with the macros put in"),
        "{:?}",
        outcome.bad[0]
    );
    let unknown = read("@article{x, title = {X}, journal = jot}", Format::Auto);
    assert_eq!(unknown.papers[0].warnings[0].field, "journal");
    assert_eq!(unknown.papers[0].paper.venue.as_deref(), Some("jot"));
}

#[test]
fn an_open_comment_and_signs_in_text_cost_nobody_else() {
    let read_titles = |text: &str| {
        let outcome = read(text, Format::Bibtex);
        assert_eq!((outcome.bad.len(), &outcome.fault), (0, &None), "{:?}", outcome.bad);
        let warned: usize = outcome.papers.iter().map(|parsed| parsed.warnings.len()).sum();
        (outcome.titles().join(" "), warned)
    };
    // Open: all entries behind it are there. Closed: entries in it are not.
    let text = "@misc{z, title={Z}}\n@comment{groups: {half;}\n@misc{a, title={A}}\n@comment{\n@misc{c, title={C}}\n}\n@misc{b, title={B}}\n";
    assert_eq!(read_titles(text), ("Z A B".to_owned(), 1));
    assert_eq!(read_titles("@Comment{x}@misc{a, title={A}}@comment{\n"), ("A".to_owned(), 0));
    let many = "@comment{ {\n@misc{a, title={A}}\n".repeat(300);
    assert_eq!(read_titles(&many).0.len(), 599);
    for line in [
        "@home (a league) and",
        "@work{x} are held",
        "@user (see, e.g., this)",
        "@media{print and more",
        "bo@example.org {x}",
    ] {
        let text = format!(
            "@misc{{a, title={{A}}, abstract={{Such as\n{line}\nmore.{}}}}}\n@misc{{b, title={{B}}}}",
            "}".repeat(line.matches('{').count() - line.matches('}').count())
        );
        assert_eq!(read_titles(&text), ("A B".to_owned(), 0), "{text}");
    }
    for next in [
        "@article{b, title={B}}",
        "@misc{b,\n title={B}}",
        "@misc{b\n, title={B}}",
        "@thing{b, title={B}}",
        "@article(b, title={B})",
    ] {
        let outcome = read(format!("@misc{{a, title={{A,\n{next}"), Format::Bibtex);
        assert_eq!((outcome.titles(), outcome.bad.len()), (vec!["B"], 1), "{next}");
    }
}

#[test]
fn children_have_what_their_proceedings_say_wherever_those_stand() {
    let child = "@inproceedings{c, title={Boats}, crossref={P96}, pages={1--2}}\n";
    let parent = "@proceedings{p96, editor={Roe, Cy}, title={Proc. of Tides}, year={1996}, doi={10.5555/p}, note={N}}\n";
    for text in [child.to_owned() + parent, parent.to_owned() + child] {
        let mut found = papers(&text);
        found.sort_by_key(|paper| paper.title.clone());
        let [boats, _] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((boats.venue.as_deref(), boats.year), (Some("Proc. of Tides"), Some(1996)));
        assert!(boats.external_ids.is_empty() && !boats.extra.contains_key("note"), "{boats:?}");
    }
    // `xdata` gives every field, is no paper, and may name others.
    let found = papers(
        "@article{a, title={A}, xdata={x}}\n@xdata{y, publisher={Y}}\n@xdata{x, journal={J}, note={N}, xdata={y}}",
    );
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].venue.as_deref(), found[0].extra["note"].as_str()), (Some("J"), Some("N")));
    let orphans = read(
        "@inbook{a, title={A}, crossref={b}}\n@inbook{b, title={B}, crossref={a}}\n@inbook{c, title={C}, crossref={c}}",
        Format::Bibtex,
    );
    assert_eq!(orphans.titles(), ["C", "A", "B"]);
    assert!(
        orphans.papers[1].warnings[0].message.starts_with("expected an entry b in the file"),
        "{orphans:?}"
    );
}

#[test]
fn a_long_macro_is_bounded_by_entry() {
    let mut text = format!("@string{{long = {{{}}}}}\n", "x".repeat(1 << 20));
    for n in 0..40 {
        text.push_str(&format!("@misc{{k{n}, title={{T}}, note=long}}\n"));
    }
    let value = vec!["long"; 2000].join(" # ");
    text.push_str(&format!("@misc{{greedy, title={{G}}, note = {value}}}\n@misc{{last, title={{L}}}}\n"));
    let source = cognate_corpus::Source::from_reader("test", std::io::Cursor::new(text));
    let (mut n_papers, mut bad) = (0, Vec::new());
    for record in source.records(&cognate_corpus::ReadOptions::default()).unwrap() {
        match record.unwrap() {
            Ok(_) => n_papers += 1,
            Err(error) => bad.push(error.to_string()),
        }
    }
    assert_eq!((n_papers, bad.len()), (41, 1), "{bad:?}");
    assert!(bad[0].contains("expected at most 16 MiB with the macros put in"), "{bad:?}");
}

#[test]
fn ris_of_zotero_endnote_scopus_and_web_of_science() {
    check(
        "TY  - JOUR\r\nTI  - Boats\r\nAU  - Núñez, José\r\nAU  - King, Martin Luther, Jr.\r\nT2  - Journal of Tides\r\nDA  - 2020/05/03/\r\nPY  - 2020\r\n\
         DO  - 10.1000/ABC\r\nUR  - https://example.org/a\r\nUR  - https://example.org/b\r\nVL  - 12\r\nSP  - 1\r\nEP  - 9\r\nKW  - tides\r\nKW  - long waves\r\nAB  - They turn.\r\nER  - \r\n\r\n",
        json!({
            "external_ids": {"doi": "10.1000/abc"}, "title": "Boats", "authors": ["José Núñez", "Martin Luther King Jr."], "venue": "Journal of Tides",
            "publication_date": "2020-05-03", "year": 2020, "url": "https://example.org/a", "other_url": "https://example.org/b",
            "categories": ["tides", "long waves"], "abstract": "They turn.", "pages": "1-9", "volume": "12", "entry_type": "article",
        }),
    );
    check(
        "TY  - JOUR\nAU  - Smith, John\nPY  - 2020\nDA  - 2020/05//\nTI  - Boats\nT2  - Tides\nJ2  - Td.\nKW  - tides\nlong waves\nMoon\nAB  - They\nturn.\nM3  - doi: 10.1000/182\n\
         AN  - 31715818\nDB  - PubMed\nID  - 17\nER  - \n",
        json!({
            "id": "PMID:31715818", "categories": ["tides", "long waves", "Moon"], "abstract": "They turn.", "ris_id": "17", "journal_abbreviation": "Td.",
            "external_ids": {"doi": "10.1000/182", "pmid": "31715818"},
        }),
    );
    check(
        "TY  - CONF\nTI  - Boats\nAU  - Smith, J.\nPY  - 2020\nT2  - Proceedings of Tides\nC2  - 31715818\nC3  - Proc. Tides\nDB  - Scopus\nN1  - Export Date: 1 May 2020\nER  -\n",
        json!({"id": "PMID:31715818", "venue": "Proceedings of Tides", "ris_c3": "Proc. Tides", "note": "Export Date: 1 May 2020", "source": "Scopus", "entry_type": "inproceedings"}),
    );
    check(
        "TY  - JOUR\nAN  - WOS:000123\nTI  - Boats\nA1  - ATLAS Collaboration\nJF  - TIDES\nN2  - They turn.\nY1  - 2020/05/03\nID  - smith2020\nER  -  \n",
        json!({
            "citation_key": "smith2020", "ris_an": "WOS:000123", "authors": ["ATLAS Collaboration"], "venue": "TIDES", "abstract": "They turn.",
            "publication_date": "2020-05-03", "year": 2020,
        }),
    );
}

#[test]
fn ris_faults_are_told_with_line_and_tag() {
    check_faulty(
        b"TY  - JOUR\nTI  - A\nTY  - JOUR\nTI  - B\nAU  - M\xfcller, A.\nER  - \nTI  - stray\nER  - \nTY  - JOUR\nCN  - 2020\nER  - \nTY  - JOUR\nTI  - C".to_vec(),
        // A record without its first line is one.
        &["A", "B", "stray", "C"],
        &[
            "test:9: title: expected a title, an abstract",
        ],
    );
}

#[test]
fn medline_of_pubmed() {
    let text = "\nPMID- 31715818\nOWN - NLM\nDP  - 2020 May 3\nTI  - Boats that turn with the\n      tides.\nLID - 10.1000/182 [doi]\n\
                LID - S1-2 [pii]\nAB  - BACKGROUND: They turn.\n      DNA - not a tag.\nFAU - Smith, John P\nAU  - Smith JP\nCN  - Tides Study Group\n\
                TA  - Td\nJT  - Journal of Tides\nOT  - boats\nMH  - *Moon\nPMC - PMC3539452\nVI  - 12\nPG  - 1-9\n\n\
                PMID- 31715819\nTI  - More\nDP  - 2020 May-Jun\nAU  - Li B\nTA  - Td\n";
    let papers = papers(text);
    assert_eq!(papers.len(), 2);
    let first = &papers[0];
    assert_eq!(first.id.as_str(), "PMID:31715818");
    assert_eq!(first.title.as_deref(), Some("Boats that turn with the tides."));
    assert_eq!(first.abstract_text.as_deref(), Some("BACKGROUND: They turn. DNA - not a tag."));
    assert_eq!(first.authors, ["John P Smith", "Tides Study Group"]);
    assert_eq!(first.publication_date.map(|date| date.to_string()).as_deref(), Some("2020-05-03"));
    assert_eq!(first.venue.as_deref(), Some("Journal of Tides"));
    assert_eq!(first.categories, ["boats", "*Moon"]);
    assert_eq!(first.external_ids[&IdentifierKind::Pmcid], "PMC3539452");
    assert_eq!((papers[1].id.as_str(), papers[1].year), ("PMID:31715819", Some(2020)));
    assert_eq!((papers[1].authors[0].as_str(), papers[1].venue.as_deref()), ("B Li", Some("Td")));
}

#[test]
fn what_was_read_is_written_with_its_keys_and_types() {
    use cognate_corpus::export::{ExportFormat, Exporter, FeedMeta};

    let text = "@phdthesis{Smith:2020,\n  title = {Boats},\n  author = {Garc{\\'i}a M{\\'a}rquez, Gabriel},\n  year = {2020}\n}\n";
    let meta = FeedMeta {
        title: String::new(),
        id: "urn:x".into(),
        link: None,
        updated: jiff::Timestamp::UNIX_EPOCH,
    };
    let mut exporter = Exporter::new(ExportFormat::Bibtex, Vec::new(), &meta).unwrap();
    for paper in papers(text) {
        exporter.write(&paper, None).unwrap();
    }
    let written = String::from_utf8(exporter.finish().unwrap()).unwrap();
    // TeX as it was, and no id: the same one is made again.
    assert_eq!(written, text.to_owned() + "\n");
}
