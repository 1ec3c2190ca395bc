//! What people bring and readers took for something else: tables with tags, files put together, names and identifiers
//! in other places than their own.

use cognate_corpus::{Format, IdentifierKind, Paper, PublicationKind};
use serde_json::json;

use crate::support::{parse, read};

/// The papers of a text, read without a bad record or a warning.
fn papers(text: &str) -> Vec<Paper> {
    let outcome = read(text, Format::Auto);
    let warnings: Vec<_> = outcome.papers.iter().flat_map(|record| &record.warnings).collect();
    assert!(outcome.bad.is_empty() && outcome.fault.is_none() && warnings.is_empty(), "{text}: {outcome:?}");
    outcome.papers.into_iter().map(|record| record.paper).collect()
}

fn titles(papers: &[Paper]) -> Vec<&str> {
    papers.iter().filter_map(|paper| paper.title.as_deref()).collect()
}

fn arxiv(paper: &Paper) -> Option<&str> {
    paper.external_ids.get(&IdentifierKind::Arxiv).map(String::as_str)
}

#[test]
fn tables_with_tags_have_cells_in_quotation_marks_unless_tabs_are_between() {
    let text = "\"\",\"AU\",\"TI\",\"PY\",\"AB\",\"SO\",\"AU_UN\",\"AU1_CO\"\n\
                \"ASH K, 2011\",\"ASH K;FIR L\",\"MOSS, FERN AND MILLS\",2011,\"MOSS, \"\"OLD\"\", GROWS\",\"MILL J\",\"UNIV A\",\"B\"\n";
    let found = papers(text);
    assert_eq!(titles(&found), ["MOSS, FERN AND MILLS"]);
    assert_eq!(found[0].authors, ["ASH K", "FIR L"]);
    assert_eq!(found[0].abstract_text.as_deref(), Some("MOSS, \"OLD\", GROWS"));
    assert_eq!((found[0].year, found[0].venue.as_deref()), (Some(2011), Some("MILL J")));
    let found = papers("TI;AU;PY;AB\n\"Moss; a view\";\"Ash, Kim\";\"2009\";\"One; two.\"\n");
    assert_eq!(titles(&found), ["Moss; a view"]);
    // Written again with tabs by a program that puts marks around every cell.
    let found = papers("\"TI\"\t\"AU\"\t\"PY\"\n\"Moss\t(a view)\"\t\"Ash, Kim\"\t\"2009\"\n");
    assert_eq!(titles(&found), ["Moss\t(a view)".replace('\t', " ")]);
    // Web of Science's own have marks that are part of a title.
    let found = papers("PT\tAU\tTI\tPY\nJ\tAsh, K\t\"Moss\" on mills\t2009\nJ\tFir, L\t\"Fern\t2010\n");
    assert_eq!(titles(&found), ["\"Moss\" on mills", "\"Fern"]);
}

#[test]
fn the_header_of_another_table_is_read_as_one() {
    let found =
        papers("title,authors,year\nMoss,Ash K,2009\nauthors,year,title,doi\nFir L,2010,Fern,10.5555/f\n");
    assert_eq!(titles(&found), ["Moss", "Fern"]);
    assert_eq!((found[1].year, found[1].authors.as_slice()), (Some(2010), ["Fir L".to_owned()].as_slice()));
}

#[test]
fn a_row_for_each_field_is_a_record() {
    let text = "\"TITLE\",\"Moss on mills: a trial\"\r\n\"AUTHOR NAMES\",\"Ash K.\",\"Fir L.M.\"\r\n\"SOURCE TITLE\",\"Mill Notes\"\r\n\
                \"PUBLICATION YEAR\",\"2014\"\r\n\"ABSTRACT\",\"Moss grows,\r\nslowly.\"\r\n\"DOI\",\"10.5555/mn.1\"\r\n\r\n\
                \"TITLE\",\"Fern on mills\"\r\n\"AUTHOR NAMES\",\"Ash K.\"\r\n\"PUBLICATION YEAR\",\"2015\"\r\n";
    let found = papers(text);
    assert_eq!(titles(&found), ["Moss on mills: a trial", "Fern on mills"]);
    assert_eq!(found[0].authors, ["Ash K.", "Fir L.M."]);
    assert_eq!((found[0].year, found[1].year), (Some(2014), Some(2015)));
    assert_eq!(found[0].external_ids[&IdentifierKind::Doi], "10.5555/mn.1");
    let unix = text.replace("\r\n", "\n");
    assert_eq!(papers(&unix).len(), 2);
    assert_eq!(papers(&unix.replace("\n\n", "\n")).len(), 2, "a name that comes again begins a record");
}

const BIB: &str = "@article{ash, title = {In BibTeX}, author = {Ash, Kim}, year = 2001}\n";
const RIS: &str = "TY  - JOUR\nTI  - In RIS\nAU  - Fir, Lou\nER  - \n";
const NBIB: &str = "PMID- 31000009\nTI  - In MEDLINE\nAU  - Elm O\n";
const CIW: &str = "FN Clarivate Analytics Web of Science\nVR 1.0\nPT J\nAU Yew, P\nTI In CIW\nER\n\nEF\n";
const ENW: &str = "%0 Journal Article\n%T In refer\n%A Oak, Ri\n";

#[test]
fn files_of_several_formats_that_were_put_together_are_all_read() {
    let parts =
        [(BIB, "In BibTeX"), (RIS, "In RIS"), (NBIB, "In MEDLINE"), (CIW, "In CIW"), (ENW, "In refer")];
    for (first, title) in parts {
        for (second, other) in parts {
            for (third, last) in parts {
                let text = format!("{first}\n{second}\n{third}");
                let found = papers(&text);
                assert_eq!(titles(&found), [title, other, last], "{text}");
            }
        }
    }
    assert_eq!(titles(&papers(&format!("{NBIB}{RIS}{BIB}"))), ["In MEDLINE", "In RIS", "In BibTeX"]);
    let record = &read(format!("{BIB}\n\n{RIS}"), Format::Auto).papers[1];
    assert_eq!(record.place.line, 4);
}

#[test]
fn a_format_that_was_named_is_the_only_one() {
    assert_eq!(read(format!("{BIB}\n{RIS}"), Format::Bibtex).titles(), ["In BibTeX"]);
    let outcome = read(format!("{RIS}\n{BIB}"), Format::Ris);
    assert_eq!((outcome.titles(), outcome.papers[0].warnings.len()), (vec!["In RIS"], 1));
}

#[test]
fn formats_that_take_turns_without_end_cost_no_more() {
    let text = format!("{BIB}{RIS}").repeat(5_000);
    assert_eq!(read(text, Format::Auto).papers.len(), 10_000);
}

#[test]
fn character_references_do_not_part_names_and_keywords() {
    let ris = papers(
        "TY  - JOUR\nTI  - Moss\nAU  - M&uuml;ller, J.\nAU  - O&apos;Hara, P.; K&#246;hl, Q.\nKW  - R&amp;D; moss\nER  - \n",
    );
    let bib = papers(
        "@article{m, title={Moss}, author={M&uuml;ller, J. and O&#39;Hara, P. and K&#246;hl, Q.}, keywords={R&amp;D; moss}}",
    );
    for found in [&ris[0], &bib[0]] {
        assert_eq!(found.authors, ["J. Müller", "P. O'Hara", "Q. Köhl"]);
        assert_eq!(found.categories, ["R&D", "moss"]);
    }
}

#[test]
fn an_arxiv_id_stands_where_the_record_says_in_what_it_was_published() {
    for text in [
        "TY  - JOUR\nTI  - Moss\nJO  - arXiv preprint arXiv:1905.99998\nER  - \n",
        "@article{m, title={Moss}, journal={arXiv preprint arXiv:1905.99998}}",
        "@article{m, title={Moss}, number={arXiv:1905.99998}, publisher={arXiv}}",
        "@article{m, title={Moss}, journal={CoRR}, volume={abs/1905.99998}}",
        "@misc{m, title={Moss}, howpublished={\\url{https://arxiv.org/abs/1905.99998v2}}}",
        "{\"title\": \"Moss\", \"venue\": \"CoRR\", \"volume\": \"abs/1905.99998\", \"ee\": \"https://arxiv.org/abs/1905.99998\"}",
    ] {
        assert_eq!(arxiv(&papers(text)[0]), Some("1905.99998"), "{text}");
    }
    let other =
        parse(json!({"id": "1905.99991", "title": "Moss", "journal-ref": "arXiv:1905.99998"})).unwrap();
    assert_eq!(arxiv(&other.paper), Some("1905.99991"), "its own id comes first");
    assert_eq!(arxiv(&papers("@article{m, title={Moss}, journal={J. X}, volume={abs/1905.99998}}")[0]), None);
}

#[test]
fn further_columns_are_read() {
    let found = papers(
        "Authors,Group Authors,Article Title,Publication Date,Publication Year,Language of Article\n\
         \"Ash, Kim\",Mill Group,Moss,MAY 6,2011,English\n",
    );
    assert_eq!(found[0].authors, ["Ash, Kim", "Mill Group"]);
    assert_eq!(found[0].publication_date.unwrap().to_string(), "2011-05-06");
    assert_eq!(found[0].language.as_deref(), Some("English"));
    let found = papers("title,concepts.display_name,year\nMoss,Wind|Mill,2011\n");
    assert_eq!(found[0].categories, ["Wind", "Mill"]);
    let found = papers(
        "Document Title,Authors,Publication Year,Document Identifier\nMoss,K. Ash,2011,IEEE Conferences\n",
    );
    assert_eq!(found[0].kind, Some(PublicationKind::ConferencePaper));
    let found =
        papers("Title\tauthors\tpubtitle\tdigitalObjectIdentifier\nMoss\tAsh, Kim\tMill J\t10.5555/m\n");
    assert_eq!(found[0].venue.as_deref(), Some("Mill J"));
    assert_eq!(found[0].external_ids[&IdentifierKind::Doi], "10.5555/m");
}

#[test]
fn a_title_is_one_line_and_no_translation_of_it() {
    let paper = parse(json!({"title": "Moss on\n  mills", "subtitle": "a\nview"})).unwrap().paper;
    assert_eq!(paper.title.as_deref(), Some("Moss on mills: a view"));
    let daily = json!({
        "paper": {"id": "2401.99901", "title": "Moss\n  on mills", "summary": "We look.", "authors": [{"name": "Kim Ash"}]},
        "title": "Moss on mills", "numComments": 2
    });
    let paper = parse(daily).unwrap().paper;
    assert_eq!((paper.id.as_str(), paper.abstract_text.as_deref()), ("2401.99901", Some("We look.")));
}

#[test]
fn objects_with_no_line_between_and_records_with_an_issn_and_an_isbn_are_whole() {
    assert_eq!(
        titles(&papers("{\"title\":\"A\"}{\"title\":\"B\"} {\"title\":\"C\"}\n{\"title\":\"D\"}")),
        ["A", "B", "C", "D"]
    );
    let found = papers("TY  - CONF\nTI  - Moss\nSN  - 2000-1111\n      978-3-16-148410-0\nER  - \n");
    assert_eq!(
        (found[0].issn.as_slice(), found[0].isbn.as_slice()),
        (["2000-1111".to_owned()].as_slice(), ["9783161484100".to_owned()].as_slice())
    );
}

#[test]
fn addresses_and_keys_with_tex_in_them_are_read() {
    let found = papers(
        "@misc{F{\\o}lner:55, title={Moss}, howpublished={\\url{http://example.org/~ash_b}}, \
         url={http://example.org/\\textasciitilde fir}}",
    );
    assert_eq!(found[0].extra["howpublished"], "http://example.org/~ash_b");
    assert_eq!(found[0].url.as_deref(), Some("http://example.org/~fir"));
    assert_eq!(found[0].extra["citation_key"], "F{\\o}lner:55");
}

/// What people paste into a cell or a field: records of other formats.
const QUOTED: &str = "As exported:\nTY  - BOOK\nTI  - Quoted\nER  - \n@misc{quoted, title = {Quoted}}\nPMID- 31000001\nand no more.";

#[test]
fn a_table_whose_cells_quote_records_is_a_table() {
    for separator in [",", ";", "\t"] {
        let header = ["title", "abstract", "authors"].join(separator);
        let row = |title: &str, text: &str| [title, &format!("\"{text}\""), "Kim Ash"].join(separator);
        for rows in [
            [row("Moss", "Short."), row("Fern", QUOTED), row("Yew", "Short.")],
            [row("Moss", QUOTED), row("Fern", QUOTED), row("Yew", QUOTED)],
        ] {
            for between in ["\n", "\r\n"] {
                let text = format!("{header}{between}{}{between}", rows.join(between));
                let found = papers(&text);
                assert_eq!(titles(&found), ["Moss", "Fern", "Yew"], "{text}");
                assert!(found[1].abstract_text.as_ref().unwrap().contains("TI  - Quoted"), "{found:?}");
            }
        }
    }
    let lines = QUOTED.replace('\n', "\r\n");
    let found = papers(&format!(
        "\"TITLE\",\"Moss\"\r\n\"ABSTRACT\",\"{lines}\"\r\n\r\n\"TITLE\",\"Fern\"\r\n\"DOI\",\"10.5555/f\"\r\n"
    ));
    assert_eq!(titles(&found), ["Moss", "Fern"]);
}

#[test]
fn what_stands_before_the_first_record_of_ris_is_no_table() {
    for before in [
        "title,abstract,authors\n",
        "Searched: title, abstract, keywords\n\n",
        "\"title\",\"abstract\"\r\n\r\n",
        "Title;Abstract;Year\nsee below;;\n",
    ] {
        assert_eq!(titles(&papers_of_any(&format!("{before}{RIS}"))), ["In RIS"], "{before}");
    }
}

/// The papers of a text, whatever warnings there are.
fn papers_of_any(text: &str) -> Vec<Paper> {
    read(text, Format::Auto).papers.into_iter().map(|record| record.paper).collect()
}

#[test]
fn xml_and_json_whose_texts_quote_records_are_what_they_are() {
    let found = papers(&format!(
        "<?xml version=\"1.0\"?>\n<xml><records><record><ref-type name=\"Journal Article\">17</ref-type><titles><title>Moss</title>\
         </titles><abstract>{QUOTED}</abstract></record><record><titles><title>Fern</title></titles></record></records></xml>"
    ));
    assert_eq!(titles(&found), ["Moss", "Fern"]);
    // XML of no known kind is not the record that it quotes.
    let outcome = read(format!("<?xml version=\"1.0\"?>\n<notes>\n{RIS}</notes>"), Format::Auto);
    assert!(outcome.papers.is_empty() && outcome.fault.is_some(), "{outcome:?}");
    let found = papers(&json!([{"title": "Moss", "abstract": QUOTED}, {"title": "Fern"}]).to_string());
    assert_eq!(titles(&found), ["Moss", "Fern"]);
}

#[test]
fn an_entry_that_quotes_others_in_balanced_braces_is_one() {
    for value in [
        "{Cite as:\n@article{x, title={Fake}, author={Q, R}}\nand no other way.}",
        "{@inproceedings{\nfir2011fake,\ntitle={Fake},\nyear={2011}\n}\n}",
        "{\n@article{x,\n title={Fake}}\n@misc{y,\n title={Fake too}}\n}",
        "\"Cite as:\n@article{x, title={Fake}}\n.\"",
    ] {
        let text = format!(
            "@article{{one,\n  title = {{Moss}},\n  annote = {value},\n  year = {{2001}}\n}}\n@misc{{two, title = {{Fern}}}}\n"
        );
        let found = papers(&text);
        assert_eq!(titles(&found), ["Moss", "Fern"], "{text}");
        assert_eq!(found[0].year, Some(2001), "what follows the quoted entry is read");
    }
}

#[test]
fn an_entry_that_is_not_closed_costs_none_of_those_behind_it() {
    for open in [
        "@article{one, title = {Moss,\n",
        "@article{one, title = {Moss}, year = 2001\n",
        "@article{one, title = {Moss {{on mills},\n year = 2001\n}\n",
        "@article{one, title = \"Moss,\n year = 2001,\n",
    ] {
        let outcome = read(
            format!("{open}@misc{{two, title = {{Fern}}}}\n@misc{{three,\n title = {{Yew}}\n}}\n"),
            Format::Auto,
        );
        assert_eq!((outcome.titles(), outcome.bad.len()), (vec!["Fern", "Yew"], 1), "{open}");
    }
}

#[test]
fn entries_none_of_which_is_closed_are_looked_through_in_bounded_time() {
    let n_entries = 20_000;
    let outcome = read("@article{a, title = {{Moss,\n".repeat(n_entries), Format::Auto);
    assert_eq!((outcome.papers.len(), outcome.bad.len()), (0, n_entries));
}
