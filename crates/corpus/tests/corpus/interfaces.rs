//! What interfaces of databases answer, in the forms that their fields may have.

use cognate_corpus::Format;
use serde_json::{Value, json};

use crate::layouts::compare;
use crate::support::{Outcome, read};

/// Reads an answer, of which no record is bad.
fn answer(text: &str) -> Outcome {
    let outcome = read(text, Format::Auto);
    assert!(outcome.bad.is_empty() && outcome.fault.is_none(), "{text}: {outcome:?}");
    outcome
}

/// Checks the fields of an answer's papers, which are read without a warning.
fn check(answer: &Value, expected: &Value) {
    check_text(&answer.to_string(), expected);
}

fn check_text(text: &str, expected: &Value) {
    let outcome = answer(text);
    let warnings: Vec<String> =
        outcome.papers.iter().flat_map(|record| &record.warnings).map(ToString::to_string).collect();
    assert_eq!(warnings, Vec::<String>::new(), "{text}");
    let papers: Vec<Value> =
        outcome.papers.iter().map(|record| serde_json::to_value(&record.paper).unwrap()).collect();
    let expected = expected.as_array().unwrap();
    assert_eq!(papers.len(), expected.len(), "{papers:?}");
    let mut faults = Vec::new();
    for (paper, expected) in papers.iter().zip(expected) {
        compare(paper, expected, expected["title"].as_str().unwrap(), &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn web_of_science_starter() {
    let hit = |title: &str, names: Value| json!({"uid": "WOS:0", "title": title, "names": names, "source": {"publishYear": 2011}});
    check(
        &json!({"metadata": {"total": 5}, "hits": [
            {"uid": "WOS:1", "title": "Moss on mills", "types": ["Journal", "Early Access"], "sourceTypes": ["Article"],
             "source": {"sourceTitle": "MILL NOTES", "publishYear": 2011, "publishMonth": "MAY 6", "volume": "7", "pages": {"range": "4-9", "begin": "4", "end": "9", "count": 6}},
             "names": {"authors": [{"displayName": "Ash, Kim", "wosStandard": "Ash, K"}], "inventors": [], "bookEditors": []},
             "links": {"record": "https://example.org/wos/1"},
             "identifiers": {"doi": "10.5555/mn.7", "issn": "1000-0019", "eissn": "1000-0027", "pmid": "MEDLINE:30000001"}},
            {"uid": "WOS:2", "title": "Mills of old", "types": ["Book"], "source": {"publishYear": 2012},
             "names": {"bookEditors": [{"displayName": "Fir, Lou"}], "authors": []}, "identifiers": {"isbn": "978-0-00-000000-2"}},
            hit("Of a group", json!({"authors": [], "corp": [{"displayName": "Mill Group"}]})),
            hit("Of both", json!({"authors": [{"displayName": "Ash, Kim"}], "bookCorp": [{"displayName": "Mill Group"}]})),
            hit("Of nobody", json!({"authors": [], "editors": []})),
        ]}),
        &json!([
            {"title": "Moss on mills", "authors": ["Ash, Kim"], "editors": null, "year": 2011, "publication_date": "2011-05-06", "venue": "MILL NOTES",
             "volume": "7", "pages": "4-9", "type": "article", "issn": ["1000-0019", "1000-0027"], "url": "https://example.org/wos/1",
             "external_ids": {"doi": "10.5555/mn.7", "pmid": "30000001"}},
            {"title": "Mills of old", "authors": null, "editors": ["Fir, Lou"], "type": "book", "isbn": ["9780000000002"], "year": 2012},
            {"title": "Of a group", "authors": ["Mill Group"], "editors": null},
            {"title": "Of both", "authors": ["Ash, Kim", "Mill Group"]},
            {"title": "Of nobody", "authors": null, "editors": null},
        ]),
    );
}

#[test]
fn hal_gives_texts_in_several_languages() {
    check(
        &json!({"response": {"numFound": 4, "docs": [
            {"docid": 1, "title_s": ["Moss on mills", "Mousse"], "subTitle_s": ["A view", "Un aperçu"], "abstract_s": ["Moss grows.", "La mousse pousse."],
             "docType_s": "ART", "uri_s": "https://example.org/hal-1", "publicationDate_s": "2011-05-06", "journalTitle_s": "Mill Notes",
             "journalIssn_s": "1000-0019", "publisher_s": ["Mill Press"], "publicationDateY_i": 2011},
            {"docid": 2, "title_s": ["Fougère", "Fern"], "en_title_s": ["Fern"], "fr_title_s": ["Fougère"], "subTitle_s": ["On walls"], "en_subTitle_s": ["On walls"],
             "abstract_s": ["Ferns grow.", "La fougère pousse."], "en_abstract_s": ["Ferns grow."], "fr_abstract_s": ["La fougère pousse."],
             "docType_s": "THESE", "defenseDate_s": "2012-06-07"},
            {"docid": 3, "title_s": ["Yew"], "docType_s": "UNDEFINED", "producedDate_s": "2013-07-08"},
            {"docid": 4, "title_s": ["Oak"], "docType_s": "COUV", "bookTitle_s": "Trees", "producedDateY_i": 2014},
        ]}}),
        &json!([
            {"title": "Moss on mills: A view", "abstract": "Moss grows.", "type": "article", "url": "https://example.org/hal-1", "publication_date": "2011-05-06",
             "issn": ["1000-0019"], "publisher": "Mill Press",
             "extra": {"title_s": ["Moss on mills", "Mousse"], "abstract_s": ["Moss grows.", "La mousse pousse."], "docType_s": "ART"}},
            {"title": "Fougère", "abstract": "La fougère pousse.", "type": "thesis", "publication_date": "2012-06-07", "extra": {"subTitle_s": ["On walls"]}},
            {"title": "Yew", "type": "preprint", "publication_date": "2013-07-08"},
            {"title": "Oak", "type": "chapter", "venue": "Trees", "year": 2014},
        ]),
    );
    // Elsewhere the second text of a list is a subtitle.
    check(&json!([{"title": ["Moss", "A view"]}]), &json!([{"title": "Moss: A view"}]));
}

#[test]
fn inspire_tells_who_did_what() {
    check(
        &json!({"hits": {"total": 2, "hits": [
            {"id": "1", "metadata": {"titles": [{"title": "Moss", "subtitle": "A view", "source": "arXiv"}],
             "authors": [{"full_name": "Ash, Kim", "first_name": "Kim", "last_name": "Ash"}, {"full_name": "van der Fir, Lou", "inspire_roles": ["author"]},
                {"full_name": "Elm, O", "inspire_roles": ["supervisor"]}, {"full_name": "Yew, P", "inspire_roles": ["editor"]}],
             "arxiv_eprints": [{"value": "1905.99998", "categories": ["hep-ex", "hep-ph"]}], "keywords": [{"value": "moss", "schema": "X"}],
             "isbns": [{"value": "9780000000002"}], "imprints": [{"publisher": "Mill Press", "date": "2011-05-06"}]}},
            {"id": "2", "metadata": {"titles": [{"title": "Fern"}], "document_type": ["thesis"], "thesis_info": {"degree_type": "phd", "date": "2012-06"}}},
        ]}}),
        &json!([
            {"title": "Moss: A view", "authors": ["Kim Ash", "Lou van der Fir"], "editors": ["Yew, P"], "categories": ["hep-ex", "hep-ph", "moss"],
             "external_ids": {"arxiv": "1905.99998"}, "publisher": "Mill Press", "publication_date": "2011-05-06", "isbn": ["9780000000002"]},
            {"title": "Fern", "authors": null, "year": 2012, "type": "thesis"},
        ]),
    );
}

#[test]
fn names_of_one_list_are_written_alike() {
    check(
        &json!([{"title": "Moss", "authors": [{"family": "Ash", "given": "Kim"}, {"name": "Fir, Lou"}, {"name": "Mill Group"}]},
            {"title": "Fern", "authors": [{"name": "Ash, Kim"}, {"name": "Fir, Lou"}]},
            {"title": "Yew", "authorships": [{"author": {"display_name": "Kim Ash"}, "raw_author_name": "Ash K"}, {"author": {"display_name": null}, "raw_author_name": "Fir L"}]}]),
        &json!([{"title": "Moss", "authors": ["Kim Ash", "Lou Fir", "Mill Group"]}, {"title": "Fern", "authors": ["Ash, Kim", "Fir, Lou"]},
            {"title": "Yew", "authors": ["Kim Ash", "Fir L"]}]),
    );
}

#[test]
fn of_datacites_dates_that_of_publication_counts() {
    let dates = |dates: &[(&str, &str)]| {
        let dates: Vec<Value> =
            dates.iter().map(|(date, kind)| json!({"date": date, "dateType": kind})).collect();
        json!({"data": [{"id": "10.5555/d", "attributes": {"doi": "10.5555/d", "titles": [{"title": "Moss"}], "publicationYear": 2011, "dates": dates,
            "types": {"resourceTypeGeneral": "Text", "resourceType": "Journal Article"},
            "container": {"type": "Journal", "title": "Mill Notes", "volume": "7", "issue": "2", "firstPage": "4", "lastPage": "9", "identifier": "1000-0019", "identifierType": "ISSN"}}}]})
    };
    for (given, expected) in [
        (
            &[("2010-12-31", "Submitted"), ("2011-05-06", "Issued"), ("2011-05-01", "Available")][..],
            Some("2011-05-06"),
        ),
        (&[("2011-05-01/2011-06-01", "Available"), ("2010-12-31", "Collected")], Some("2011-05-01")),
        (&[("2011", "Issued"), ("2010-12-31", "Updated")], None),
        (&[("2010-12-31", "Submitted")], None),
        (&[("2011-05-06", "Issued")], Some("2011-05-06")),
    ] {
        check(
            &dates(given),
            &json!([{"title": "Moss", "publication_date": expected, "year": 2011, "type": "article", "venue": "Mill Notes", "volume": "7", "issue": "2", "pages": "4-9", "issn": ["1000-0019"]}]),
        );
    }
}

#[test]
fn kinds_stand_in_fields_of_many_names() {
    for (record, kind) in [
        (json!({"contentType": "Chapter", "publicationType": "Book", "genre": ["OriginalPaper"]}), "chapter"),
        (
            json!({"contentType": "Article", "publicationType": "Journal", "genre": ["ReviewPaper", "Review"]}),
            "review",
        ),
        (json!({"contentType": "Article", "genre": "OriginalPaper"}), "article"),
        (json!({"contentType": "Chapter ConferencePaper", "publicationType": "Book"}), "conference-paper"),
        (json!({"content_type": "Conferences"}), "conference-paper"),
        (json!({"content_type": "Early Access"}), "article"),
        (
            json!({"prism:aggregationType": "Journal", "subtype": "re", "subtypeDescription": "Review"}),
            "review",
        ),
        (
            json!({"prism:aggregationType": "Conference Proceeding", "subtypeDescription": "Conference Paper"}),
            "conference-paper",
        ),
        (json!({"prism:aggregationType": "Journal"}), "article"),
        (json!({"article_type": "Research Article"}), "article"),
        (json!({"article_type": "Correction"}), "erratum"),
        (json!({"types": ["Article", "Proceedings Paper"]}), "conference-paper"),
        (
            json!({"resource_type": {"title": "Preprint", "type": "publication", "subtype": "preprint"}}),
            "preprint",
        ),
        (json!({"resource_type": {"title": "Dataset", "type": "dataset"}}), "dataset"),
        (json!({"type": "article", "genre": "Preprint", "issued": {"raw": "2011"}}), "preprint"),
    ] {
        let mut record = record;
        record["title"] = "Moss".into();
        check(&json!([record]), &json!([{"title": "Moss", "type": kind}]));
    }
}

#[test]
fn what_belongs_to_the_journal_is_read_there() {
    check(
        &json!({"results": [{"id": "x", "bibjson": {"title": "Moss", "year": "2011", "author": [{"name": "Kim Ash"}],
            "journal": {"title": "Mill Notes", "publisher": "Mill Press", "language": ["EN"], "volume": "7", "issns": ["1000-0019", "1000-0027"]},
            "identifier": [{"type": "doi", "id": "10.5555/m"}, {"type": "eissn", "id": "1000-0027"}, {"type": "pissn", "id": "1000-0019"}]}}]}),
        &json!([{"title": "Moss", "venue": "Mill Notes", "publisher": "Mill Press", "language": "EN", "issn": ["1000-0019", "1000-0027"], "external_ids": {"doi": "10.5555/m"}}]),
    );
    check(
        &json!({"records": [{"contentType": "Chapter", "title": "Moss", "creators": [{"creator": "Ash, Kim"}], "bookEditors": [{"bookEditor": "Fir, Lou"}, {"bookEditor": "Elm, O"}],
            "publicationName": "Mills", "printIsbn": "978-0-00-000000-2", "electronicIsbn": "978-0-00-000001-9"}]}),
        &json!([{"title": "Moss", "authors": ["Ash, Kim"], "editors": ["Fir, Lou", "Elm, O"], "venue": "Mills", "isbn": ["9780000000002", "9780000000019"]}]),
    );
}

#[test]
fn openalex_and_scopus() {
    check(
        &json!({"results": [{"id": "https://openalex.org/W2000000009", "title": "Moss",
            "ids": {"pmcid": "https://www.ncbi.nlm.nih.gov/pmc/articles/8100001", "pmid": "https://pubmed.ncbi.nlm.nih.gov/34000001"}}]}),
        &json!([{"title": "Moss", "external_ids": {"pmcid": "PMC8100001", "pmid": "34000001"}}]),
    );
    check(
        &json!({"search-results": {"opensearch:totalResults": "1", "entry": [{"dc:identifier": "SCOPUS_ID:1", "dc:title": "Moss", "authkeywords": "moss | mills | a, b"}]}}),
        &json!([{"title": "Moss", "categories": ["moss", "mills", "a, b"]}]),
    );
}

#[test]
fn openreview_has_papers_and_what_is_replied_to_them() {
    let note = |id: &str, content: Value| json!({"id": id, "forum": "f1", "cdate": 1_296_000_000_000_i64, "content": content});
    check(
        &json!({"notes": [
            note("f1", json!({"title": {"value": "Moss"}, "authors": {"value": ["Kim Ash"]}, "abstract": {"value": "Moss grows."},
                "_bibtex": {"value": "@inproceedings{\nash2012,\ntitle={Moss in 1999},\nyear={2012}\n}"}})),
            note("r1", json!({"title": {"value": "Review"}, "review": {"value": "Good."}})),
            note("r2", json!({"title": "A question", "comment": "Why?"})),
        ], "count": 3}),
        &json!([{"title": "Moss", "year": 2012, "publication_date": null}]),
    );
    check(
        &json!({"notes": [
            {"id": "a", "pdate": 1_304_640_000_000_i64, "cdate": 1_296_000_000_000_i64, "content": {"title": {"value": "Moss"}}},
            {"id": "b", "cdate": 1_296_000_000_000_i64, "content": {"title": "Fern", "authors": ["Lou Fir"], "comment": "Accepted."}},
            {"id": "c", "replyto": "a", "content": {"title": "Thanks"}},
            {"id": "d", "content": {"title": "Thanks again", "comment": "."}},
        ]}),
        &json!([{"title": "Moss", "publication_date": "2011-05-06"}, {"title": "Fern", "publication_date": "2011-01-26"}]),
    );
}

#[test]
fn what_a_service_does_not_have_is_no_record() {
    check(&json!([null, {"title": "Moss", "year": 2011}, null]), &json!([{"title": "Moss"}]));
    let outcome = read("null\n{\"title\": \"Moss\"}\nnull\n{\"title\": \"Fern\"}\n", Format::Jsonl);
    assert_eq!((outcome.titles(), outcome.bad.len()), (vec!["Moss", "Fern"], 0));
    check(
        &json!({"search-results": {"opensearch:totalResults": "0", "link": [{"@ref": "self"}], "entry": [{"@_fa": "true", "error": "Result set was empty"}]}}),
        &json!([]),
    );
    check(&json!({"total": 0, "error": "none"}), &json!([]));
    // One that counts more, and a record that says nothing, are told.
    let outcome = read(json!({"total": 3, "error": "down"}).to_string(), Format::Json);
    assert_eq!(outcome.bad.len(), 1);
}

#[test]
fn orcid_and_others_have_values_in_objects() {
    check(
        &json!({"group": [{"work-summary": [{"put-code": 1, "title": {"title": {"value": "Moss"}, "subtitle": {"value": "A view"}},
            "external-ids": {"external-id": [
                {"external-id-type": "issn", "external-id-value": "1000-0019", "external-id-relationship": "part-of"},
                {"external-id-type": "doi", "external-id-value": "10.5555/whole", "external-id-relationship": "part-of"},
                {"external-id-type": "doi", "external-id-value": "10.5555/m", "external-id-relationship": "self"}]},
            "type": "journal-article", "publication-date": {"year": {"value": "2011"}, "month": {"value": "05"}, "day": {"value": "06"}},
            "journal-title": {"value": "Mill Notes"}, "url": {"value": "https://example.org/m"}, "source": {"source-name": {"value": "Mills"}}}]}]}),
        &json!([{"title": "Moss: A view", "external_ids": {"doi": "10.5555/m"}, "issn": ["1000-0019"], "publication_date": "2011-05-06", "venue": "Mill Notes",
            "type": "article", "url": "https://example.org/m", "source": "Mills"}]),
    );
    check(
        &json!({"results": [{"title": "Moss", "pages": {"first": "4", "last": "9"}, "volumeIssue": "Volume 7, Issue 2", "sourceTitle": "Mill Notes", "uri": "https://example.org/m"},
            {"title": "Fern", "pages": {"first": "4"}, "volumeIssue": "Volume 7", "sourceTitle": "Mill Notes"}]}),
        &json!([{"title": "Moss", "pages": "4-9", "volume": "7", "issue": "2", "venue": "Mill Notes", "url": "https://example.org/m"}, {"title": "Fern", "pages": "4", "volume": "7", "issue": null}]),
    );
    check(
        &json!({"articles": [{"title": "Moss", "authors": {"authors": [{"full_name": "Kim Ash", "author_order": 1}]}, "html_url": "https://example.org/1", "publication_title": "Mill Conf.",
            "index_terms": {"ieee_terms": {"terms": ["Plants"]}, "author_terms": {"terms": ["moss"]}}}]}),
        &json!([{"title": "Moss", "authors": ["Kim Ash"], "categories": ["moss"], "url": "https://example.org/1", "venue": "Mill Conf."}]),
    );
    check(
        &json!([{"id": 12, "metadata": {"title": "Moss", "creators": [{"name": "Ash, Kim"}], "contributors": [{"name": "Fir, Lou", "type": "Editor"}, {"name": "Elm, O", "type": "Supervisor"}]},
            "links": {"self": "https://example.org/api/12", "self_html": "https://example.org/12"}}]),
        &json!([{"title": "Moss", "authors": ["Ash, Kim"], "editors": ["Fir, Lou"], "url": "https://example.org/12"}]),
    );
}

#[test]
fn arxiv_ids_stand_in_addresses_of_the_paper() {
    for record in [
        json!({"entry_id": "http://arxiv.org/abs/1905.99998v1", "title": "Moss", "links": ["http://arxiv.org/abs/1905.99998v1"]}),
        json!({"title": "Moss", "id": "https://openalex.org/W2000000009", "locations": [{"landing_page_url": "https://example.org/m", "source": null},
            {"landing_page_url": "https://arxiv.org/abs/1905.99998", "source": {"display_name": "arXiv"}}]}),
        json!({"title": "Moss", "locations.landing_page_url": "https://example.org/m|http://arxiv.org/abs/1905.99998"}),
        json!({"title": "Moss", "link": "https://arxiv.org/abs/1905.99998", "publication_info": {"authors": [{"name": "K Ash"}]}}),
    ] {
        check(&json!([record]), &json!([{"title": "Moss", "external_ids": {"arxiv": "1905.99998"}}]));
    }
    check(
        &json!([{"entry_id": "http://arxiv.org/abs/1905.99998v1", "title": "Moss"}]),
        &json!([{"title": "Moss", "id": "1905.99998"}]),
    );
    check(
        &json!([{"entry_id": "e7", "title": "Moss"}]),
        &json!([{"title": "Moss", "external_ids": {"arxiv": null}, "extra": {"entry_id": "e7"}}]),
    );
    let outcome = answer(
        &json!({"organic_results": [{"title": "Moss", "publication_info": {"summary": "K Ash - Mill Notes, 2011", "authors": [{"name": "K Ash"}]}}]}).to_string(),
    );
    assert_eq!(outcome.papers[0].paper.authors, ["K Ash"]);
}

#[test]
fn biorxivs_pairs_of_preprint_and_paper_are_the_preprints() {
    check(
        &json!({"messages": [{"status": "ok"}], "collection": [{"preprint_doi": "10.1101/2011.05.06.000001", "published_doi": "10.5555/p", "published_journal": "Mill Notes",
            "preprint_platform": "bioRxiv", "preprint_title": "Moss", "preprint_authors": "Ash, K.; Fir, L.", "preprint_category": "ecology", "preprint_date": "2011-05-06",
            "published_date": "2011-09-10", "preprint_abstract": "Moss grows."}]}),
        &json!([{"title": "Moss", "abstract": "Moss grows.", "authors": ["Ash, K.", "Fir, L."], "publication_date": "2011-05-06", "type": "preprint", "venue": "bioRxiv",
            "categories": ["ecology"], "external_ids": {"doi": "10.1101/2011.05.06.000001"}}]),
    );
}

#[test]
fn objects_in_the_cells_of_a_table_are_read_as_in_json() {
    let text = "id,title,abstract,versions,authors_parsed\n\
         0704.0009,Moss,Moss grows.,\"[{'version': 'v1', 'created': 'Mon, 2 Apr 2007 19:18:42 GMT'}]\",\"[['Ash', 'Kim', ''], ['van Fir', 'Lou', 'Jr']]\"\n";
    let expected = json!([{"title": "Moss", "id": "0704.0009", "authors": ["Kim Ash", "Lou van Fir Jr"], "publication_date": "2007-04-02"}]);
    check_text(text, &expected);
    let text = "title,externalIds,journal,primary_location,biblio,abstract\n\
         Moss,\"{'DOI': '10.5555/m', 'CorpusId': 555001, 'ArXiv': '1905.99998', 'MAG': None}\",\"{'name': 'Mill Notes', 'volume': '7'}\",,,{moss} grows\n\
         Fern,,,\"{'is_oa': True, 'source': {'display_name': 'Wall Notes'}}\",\"{'volume': '3', 'issue': None, 'first_page': '1', 'last_page': '9'}\",\"{'Ferns': [0], 'grow': [1]}\"\n";
    check_text(
        text,
        &json!([{"title": "Moss", "external_ids": {"doi": "10.5555/m", "corpusid": "555001", "arxiv": "1905.99998"}, "venue": "Mill Notes", "volume": "7", "abstract": "{moss} grows"},
            {"title": "Fern", "venue": "Wall Notes", "volume": "3", "pages": "1-9", "abstract": "Ferns grow"}]),
    );
}

#[test]
fn what_programs_make_of_records() {
    check(
        &json!({"PMID": "30000009", "OWN": "NLM", "TI": "Moss.", "AB": "Moss grows.", "FAU": ["Ash, Kim", "Fir, Lou"], "AU": ["Ash K", "Fir L"], "DP": "2011 May 6", "JT": "Mill notes",
            "LID": "S01-2 [pii] 10.5555/m [doi]", "PT": ["Journal Article", "Review"], "IS": "1000-0019 (Print) 1000-0027 (Electronic)", "MH": ["Moss"]}),
        &json!([{"title": "Moss.", "abstract": "Moss grows.", "authors": ["Kim Ash", "Lou Fir"], "publication_date": "2011-05-06", "venue": "Mill notes", "type": "review",
            "issn": ["1000-0019", "1000-0027"], "categories": ["Moss"], "external_ids": {"doi": "10.5555/m", "pmid": "30000009"}}]),
    );
    check(
        &json!([{"title": "Moss", "authors": "Ash|Kim B|KB|;van Fir|Lou|L|Jr"}, {"title": "Fern", "authors": "Ash|Kim|K|"}, {"title": "Yew", "authors": "Kim Ash|Lou Fir|Mill Group|Bo Elm"}]),
        &json!([{"title": "Moss", "authors": ["Kim B Ash", "Lou van Fir Jr"]}, {"title": "Fern", "authors": ["Kim Ash"]}, {"title": "Yew", "authors": ["Kim Ash", "Lou Fir", "Mill Group", "Bo Elm"]}]),
    );
    check(
        &json!({"results": [{"mainTitle": "Moss", "author": [{"fullName": "Ash, Kim", "name": "Kim", "surname": "Ash"}], "pids": [{"scheme": "doi", "value": "10.5555/m"}]}]}),
        &json!([{"title": "Moss", "authors": ["Kim Ash"], "external_ids": {"doi": "10.5555/m"}}]),
    );
    check(
        &json!([{"title": "Moss", "genre": "journal-article", "z_authors": [{"given": "Kim", "family": "Ash"}]}]),
        &json!([{"title": "Moss", "authors": ["Kim Ash"], "type": "article"}]),
    );
    check_text(
        "title,ab,so,publication_year\nMoss,Moss grows.,Mill Notes,2011\n",
        &json!([{"title": "Moss", "abstract": "Moss grows.", "venue": "Mill Notes", "year": 2011}]),
    );
    check_text(
        "\"UI\",\"TI\",\"AU\",\"SO\",\"YR\",\"AB\",\"DO\"\n\"2011-1\",\"Moss\",\"Ash, Kim|Fir, Lou\",\"Mill Notes, 3(2), 1-9\",\"2011\",\"Moss grows.\",\"10.5555/m\"\n",
        &json!([{"title": "Moss", "authors": ["Ash, Kim", "Fir, Lou"], "year": 2011, "abstract": "Moss grows.", "venue": null, "external_ids": {"doi": "10.5555/m"}}]),
    );
    check_text(
        "NCT Number,Study Title,Study URL,Brief Summary,Conditions\nNCT01234567,Moss,https://example.org/s,Moss grows.,Cough|Cold\n",
        &json!([{"title": "Moss", "abstract": "Moss grows.", "url": "https://example.org/s", "categories": ["Cough", "Cold"]}]),
    );
}

#[test]
fn types_of_repositories_and_reference_managers() {
    for (word, kind, entry) in [
        ("Book, Whole", "book", "book"),
        ("Book, Section", "chapter", "incollection"),
        ("Dissertation/Thesis, Unpublished", "thesis", "phdthesis"),
        ("Journal Article", "article", "article"),
    ] {
        check_text(
            &format!("RT {word}\nT1 Moss\nYR 2011\n"),
            &json!([{"title": "Moss", "type": kind, "extra": {"entry_type": entry}}]),
        );
    }
    for (word, kind) in [
        ("article", "article"),
        ("doctoralThesis", "thesis"),
        ("bookPart", "chapter"),
        ("conferenceObject", "conference-paper"),
    ] {
        let dc = format!(
            "<?xml version=\"1.0\"?><OAI-PMH><ListRecords><record><header><identifier>oai:x:1</identifier></header><metadata><oai_dc:dc>\
             <dc:title>Moss</dc:title><dc:type>info:eu-repo/semantics/{word}</dc:type></oai_dc:dc></metadata></record></ListRecords></OAI-PMH>"
        );
        check_text(&dc, &json!([{"title": "Moss", "type": kind}]));
    }
    check_text(
        "<xml><records><record><ref-type name=\"Journal Article\">17</ref-type><titles><title>Moss</title></titles><custom2>PMC6500099</custom2></record></records></xml>",
        &json!([{"title": "Moss", "external_ids": {"pmcid": "PMC6500099"}}]),
    );
}

#[test]
fn an_address_ends_at_white_space_and_this_is_told() {
    for (url, expected, n_warnings) in [
        ("https://example.org/a?b=c&d={e}#f g", "https://example.org/a?b=c&d={e}#f", 1),
        ("https://example.org/a (seen in 2011)", "https://example.org/a", 1),
        ("https://example.org/a https://example.org/b", "https://example.org/a", 0),
        ("https://example.org/a;https://example.org/b", "https://example.org/a", 0),
        (" https://example.org/a\n", "https://example.org/a", 0),
    ] {
        let outcome = answer(&json!([{"title": "Moss", "url": url}]).to_string());
        let record = &outcome.papers[0];
        assert_eq!(
            (record.paper.url.as_deref(), record.warnings.len()),
            (Some(expected), n_warnings),
            "{url}"
        );
        assert_eq!(record.paper.extra.contains_key("url"), url.trim() != expected, "{url}: all of it stays");
    }
}
