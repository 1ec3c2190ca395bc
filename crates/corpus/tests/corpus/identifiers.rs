//! Canonical identifiers, and what look-ups mean.

use cognate_corpus::IdentifierKind::{self, Acl, Arxiv, Doi, Pmcid, Pmid};
use cognate_corpus::{PaperId, lookup, sniff_record_id};

fn check(kind: IdentifierKind, texts: &[&str], expected: Option<&str>) {
    for text in texts {
        assert_eq!(kind.canonical(text).as_deref(), expected, "{kind:?} {text}");
    }
}

#[test]
fn dois() {
    let forms = [
        "10.1234/AbC.5",
        " doi:10.1234/abc.5 ",
        "DOI: 10.1234/abc.5.",
        "https://doi.org/10.1234/ABC.5",
        "http://dx.doi.org/10.1234/abc.5?x=1#y",
        "HTTPS://WWW.DOI.ORG/10.1234%2Fabc.5/",
        "doi.org/10.1234/abc.5",
        "10.1234/abc.5,",
        "10.1234/abc.5)",
        "10.1234/abc.5%20",
        "DOI 10.1234/abc.5",
        "doi  10.1234/abc.5",
    ];
    check(Doi, &forms, Some("10.1234/abc.5"));
    check(Doi, &["10.1007/117\\_34", "10.1007/117_34"], Some("10.1007/117_34"));
    check(
        Doi,
        &["10.1016/0001-1(96)2", "https://doi.org/10.1016/0001-1%2896%292"],
        Some("10.1016/0001-1(96)2"),
    );
    check(
        Doi,
        &["10.1002/1-2(2001)1:1<7::AID-A7>3.0.CO;2-V"],
        Some("10.1002/1-2(2001)1:1<7::aid-a7>3.0.co;2-v"),
    );
    let others = [
        "",
        "10.12/x",
        "10.1234/",
        "10.1234/.",
        "10.1234",
        "11.1234/x",
        "10.1234/a b",
        "example.org/10.1234/x",
    ];
    check(Doi, &others, None);
}

#[test]
fn arxiv_ids() {
    let forms = [
        "1704.03578",
        "1704.03578v2",
        "arXiv:1704.03578v12",
        "ARXIV: 1704.03578",
        "arXiv:1704.03578v2 [cs.CR]",
        "https://arxiv.org/abs/1704.03578v2",
        "http://www.arxiv.org/pdf/1704.03578.pdf",
        "https://arxiv.org/pdf/1704.03578v1.pdf?download=1",
        "export.arxiv.org/abs/1704.03578",
        "1704.03578.",
    ];
    check(Arxiv, &forms, Some("1704.03578"));
    let elsewhere = [
        "10.48550/arXiv.1704.03578",
        "doi:10.48550/arXiv.1704.03578v1",
        "https://doi.org/10.48550/arXiv.1704.03578?utm_source=mail",
        "https://huggingface.co/papers/1704.03578",
        "https://hf.co/papers/1704.03578#comments",
        "https://www.alphaxiv.org/abs/1704.03578v2",
        "alphaxiv.org/overview/1704.03578",
        "https://ar5iv.labs.arxiv.org/html/1704.03578",
        "https://ar5iv.org/abs/1704.03578",
        "https://arxiv.org/e-print/1704.03578",
        "https://arxiv.org/src/1704.03578v1",
        "https://arxiv.org/abs/1704.03578?context=cs&utm_campaign=x",
        "https://scirate.com/arxiv/1704.03578",
        "https://api.semanticscholar.org/arXiv:1704.03578",
        "arXiv 1704.03578",
        "arXiv.1704.03578",
        "https://ui.adsabs.harvard.edu/abs/2017arXiv170403578N/abstract",
        "2017arXiv170403578N",
        "https://dblp.org/rec/journals/corr/abs-1704-03578",
        "https://dblp.org/rec/journals/corr/abs-1704-03578.html",
        "https://inspirehep.net/api/arxiv/1704.03578",
    ];
    check(Arxiv, &elsewhere, Some("1704.03578"));
    let searched = [
        "https://www.ncbi.nlm.nih.gov/pubmed/?term=31234567",
        "https://pubmed.ncbi.nlm.nih.gov/?term=31234567%5Buid%5D&sort=date",
    ];
    check(Pmid, &searched, Some("31234567"));
    check(Pmid, &["https://pubmed.ncbi.nlm.nih.gov/?term=bats", "https://example.org/?term=31234567"], None);
    check(Arxiv, &["https://huggingface.co/models/1704.03578", "10.48551/arXiv.1704.03578"], None);
    check(
        Arxiv,
        &["math.GT/0309136", "math/0309136v2", "https://arxiv.org/abs/math.GT%2F0309136"],
        Some("math/0309136"),
    );
    check(
        Arxiv,
        &["hep-th/9901001v1", "HEP-TH/9901001", "arxiv.org/pdf/hep-th/9901001"],
        Some("hep-th/9901001"),
    );
    check(Arxiv, &["cond-mat.supr-con/0309136"], Some("cond-mat/0309136"));
    let others = [
        "1704.0357",
        "0704.00001",
        "1713.03578",
        "0612.1234",
        "5555.5555",
        "1704.03578v",
        "hep-xx/9901001",
        "math/5001001",
        "https://arxiv.org/list/1704.03578",
        "https://example.org/abs/1704.03578",
    ];
    check(Arxiv, &others, None);
}

#[test]
fn pubmed_and_acl_ids() {
    check(Pmid, &["123", "PMID: 123", "00123", "123.0", "https://pubmed.ncbi.nlm.nih.gov/123/"], Some("123"));
    check(Pmid, &["https://www.ncbi.nlm.nih.gov/pubmed/123?x", "PMID 123"], Some("123"));
    check(Pmid, &["https://europepmc.org/article/MED/123", "pubmed.gov/123"], Some("123"));
    check(Pmid, &["0", "1234567890", "12a", "https://www.ncbi.nlm.nih.gov/gene/123"], None);
    check(Pmcid, &["PMC123", "pmc123", "123", "pmcid:PMC123.2", "PMCID: 123"], Some("PMC123"));
    check(Pmcid, &["https://www.ncbi.nlm.nih.gov/pmc/articles/PMC123/pdf/x.pdf"], Some("PMC123"));
    check(Pmcid, &["https://pmc.ncbi.nlm.nih.gov/articles/PMC123/"], Some("PMC123"));
    check(Pmcid, &["PMC", "PMC0", "https://www.ncbi.nlm.nih.gov/pmc/"], None);
    check(
        Acl,
        &["P19-1001", "p19-1001", "ACL:P19-1001v2", "https://aclanthology.org/P19-1001.pdf"],
        Some("P19-1001"),
    );
    check(Acl, &["https://www.aclweb.org/anthology/P19-1001/"], Some("P19-1001"));
    check(Acl, &["2020.acl-main.1", "https://aclanthology.org/2020.acl-main.1/"], Some("2020.acl-main.1"));
    check(Acl, &["P19", "2020.acl.1", "1820.acl-main.1"], None);
}

/// What a look-up means: the ids that it may be, the text itself first, and the identifiers.
fn check_lookup(input: &str, ids: &[&str], identifiers: &[(IdentifierKind, &str)]) {
    let found = lookup(input);
    assert_eq!(found.ids.iter().map(PaperId::as_str).collect::<Vec<_>>(), ids, "{input}");
    let named: Vec<_> = found.identifiers.iter().map(|found| (found.kind, found.value.as_str())).collect();
    assert_eq!(named, identifiers, "{input}");
}

#[test]
fn lookups() {
    let check =
        |input: &str, identifier: (IdentifierKind, &str)| check_lookup(input, &[input], &[identifier]);
    check("1704.03578v2", (Arxiv, "1704.03578"));
    check_lookup(" 10.1234/X ", &["10.1234/X"], &[(Doi, "10.1234/x")]);
    check("PMC12", (Pmcid, "PMC12"));
    check_lookup("1234", &["1234"], &[]);
    check_lookup("12345", &["12345", "PMID:12345"], &[(Pmid, "12345")]);
    check_lookup("123456789", &["123456789"], &[]);
    check_lookup("pmid:12345", &["pmid:12345", "PMID:12345"], &[(Pmid, "12345")]);
    check("PMCID:12345", (Pmcid, "PMC12345"));
    check("arXiv:hep-th/9901001v3", (Arxiv, "hep-th/9901001"));
    check("acl:2020.acl-main.1", (Acl, "2020.acl-main.1"));
    check("https://doi.org/10.1234/x", (Doi, "10.1234/x"));
    // A prefix means its kind, whatever the rest looks like.
    check_lookup("DOI:1704.03578", &["DOI:1704.03578"], &[]);
    check_lookup("p-0123456789abcdef", &["p-0123456789abcdef"], &[]);
    check_lookup("", &[], &[]);
}

#[test]
fn lookups_of_what_people_paste() {
    let identifiers = |input: &str| {
        let found = lookup(input).identifiers;
        found.into_iter().map(|found| (found.kind, found.value)).collect::<Vec<_>>()
    };
    let check = |inputs: &[&str], kind: IdentifierKind, value: &str| {
        for input in inputs {
            assert_eq!(identifiers(input), [(kind, value.to_owned())], "{input}");
        }
    };
    let doi_of_arxiv = ["10.48550/arXiv.1704.03578", "DOI:10.48550/arXiv.1704.03578"];
    for input in doi_of_arxiv {
        let expected = [(Arxiv, "1704.03578".to_owned())];
        assert_eq!(identifiers(input), expected, "{input}");
    }
    let wrapped =
        ["<https://arxiv.org/abs/1704.03578>", "\"1704.03578\"", "“arXiv:1704.03578v3”", "(1704.03578),"];
    check(&wrapped, Arxiv, "1704.03578");
    check(&["arXiv preprint arXiv:1704.03578", "'arXiv 1704.03578'"], Arxiv, "1704.03578");
    let pages = [
        "https://dl.acm.org/doi/10.1234/56.78?utm_source=x&fbclid=y",
        "https://link.example.com/article/10.1234/56.78#Sec1",
        "https://journals.example.org/one/article?id=10.1234/56.78&type=printable",
        "https://doi.org/10.1234%2F56.78",
        "<doi:10.1234/56.78>",
    ];
    check(&pages, Doi, "10.1234/56.78");
    let full = identifiers("https://example.org/doi/10.1234/56.78/full/html");
    assert_eq!(full.last(), Some(&(Doi, "10.1234/56.78".to_owned())));
    assert!(
        identifiers("https://www.biorxiv.org/content/10.1101/2020.01.02.345678v2.full")
            .contains(&(Doi, "10.1101/2020.01.02.345678".to_owned()))
    );
    assert_eq!(identifiers("how 10.1234 differs"), []);
    check(
        &["arXiv:1704.03578v2 [cs.CL] 5 Jan 2018", "arXiv:1704.03578 [cs.CL]", "1704.03578 [hep-th]"],
        Arxiv,
        "1704.03578",
    );
    let both = [(Pmid, "30049270".to_owned()), (Pmcid, "PMC6061025".to_owned())];
    assert_eq!(identifiers("PMID: 30049270; PMCID: PMC6061025."), both);
    check(&["doi: 10.1234/56.78. Epub 2018 Jan 5. PMID: 30049270; PMCID: PMC6061025."], Doi, "10.1234/56.78");
    assert_eq!(identifiers("Epub 2018 Jan 5. PMID: 30049270; PMCID: PMC6061025."), both);
    for several in
        ["PMID: 1234567; PMID: 7654321", "tides; PMID: 1234567", "PMID: 1234567 in tides, or locks"]
    {
        assert_eq!(identifiers(several), [], "{several}");
    }

    let ids = |input: &str| lookup(input).ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    for input in
        ["CorpusID:9876", "corpusid: 9876", "CorpusId 9876", "https://api.semanticscholar.org/CorpusID:9876"]
    {
        assert!(ids(input).contains(&"CorpusId:9876".to_owned()), "{input}");
    }
    for input in [
        "W123456",
        "https://openalex.org/W123456?x",
        "https://api.openalex.org/works/w123456",
        "openalex:W123456",
    ] {
        assert!(ids(input).contains(&"W123456".to_owned()), "{input}");
        assert!(ids(input).contains(&"https://openalex.org/W123456".to_owned()), "{input}");
    }
}

#[test]
fn record_ids_that_are_identifiers() {
    let sniff = |id: &str| sniff_record_id(&PaperId::new(id).unwrap()).map(|found| (found.kind, found.value));
    assert_eq!(sniff("math/0309136"), Some((Arxiv, "math/0309136".to_owned())));
    assert_eq!(sniff("10.1234/X"), Some((Doi, "10.1234/x".to_owned())));
    assert_eq!(sniff("4983"), None);
}
