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
    check(Pmid, &["https://www.ncbi.nlm.nih.gov/pubmed/123?x"], Some("123"));
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

/// What a look-up means: the record id, if any, and the identifier, if any.
fn check_lookup(input: &str, id: Option<&str>, identifier: Option<(IdentifierKind, &str)>) {
    let found = lookup(input);
    assert_eq!(found.id.as_ref().map(PaperId::as_str), id, "{input}");
    let identifiers: Vec<_> =
        found.identifiers.iter().map(|found| (found.kind, found.value.as_str())).collect();
    assert_eq!(identifiers, Vec::from_iter(identifier), "{input}");
}

#[test]
fn lookups() {
    check_lookup("1704.03578v2", Some("1704.03578v2"), Some((Arxiv, "1704.03578")));
    check_lookup(" 10.1234/X ", Some("10.1234/X"), Some((Doi, "10.1234/x")));
    check_lookup("PMC12", Some("PMC12"), Some((Pmcid, "PMC12")));
    check_lookup("12345", Some("12345"), None);
    check_lookup("pmid:12345", Some("pmid:12345"), Some((Pmid, "12345")));
    check_lookup("PMCID:12345", Some("PMCID:12345"), Some((Pmcid, "PMC12345")));
    check_lookup("arXiv:hep-th/9901001v3", Some("arXiv:hep-th/9901001v3"), Some((Arxiv, "hep-th/9901001")));
    check_lookup("acl:2020.acl-main.1", Some("acl:2020.acl-main.1"), Some((Acl, "2020.acl-main.1")));
    let url = "https://doi.org/10.1234/x";
    check_lookup(url, Some(url), Some((Doi, "10.1234/x")));
    // A prefix means its kind, whatever the rest looks like.
    check_lookup("DOI:1704.03578", Some("DOI:1704.03578"), None);
    check_lookup("p-0123456789abcdef", Some("p-0123456789abcdef"), None);
    check_lookup("", None, None);
}

#[test]
fn record_ids_that_are_identifiers() {
    let sniff = |id: &str| sniff_record_id(&PaperId::new(id).unwrap()).map(|found| (found.kind, found.value));
    assert_eq!(sniff("math/0309136"), Some((Arxiv, "math/0309136".to_owned())));
    assert_eq!(sniff("10.1234/X"), Some((Doi, "10.1234/x".to_owned())));
    assert_eq!(sniff("4983"), None);
}
