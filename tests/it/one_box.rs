//! The one box: what people type and paste, as they do.

use std::fs::File;
use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::harness::{Cognate, Server, ids, shared, sorted};

const JSON: &str = "application/json";

/// Papers of which each is the answer to something.
const PAPERS: &str = r#"
{"id": "cusps", "title": "Cored and cuspy profiles of dark matter halos", "abstract": "We ask why some halos are cored.", "year": 2021, "authors": ["Ulla Nord"], "categories": ["astro-ph.GA"], "venue": "Halo Letters"}
{"id": "energy", "title": "Dark energy from supernovae", "abstract": "Constraints on the equation of state.", "year": 2019, "authors": ["Søren Müller"], "categories": ["astro-ph.CO"]}
{"id": "matter", "title": "Dark matter in the laboratory", "abstract": "A search for weak recoils.", "year": 2018, "authors": ["Łukasz Groß"], "categories": ["hep-ex"]}
{"id": "mirror", "title": "A telescope mirror of glass", "abstract": "The mirror was polished for a large telescope.", "year": 2001, "authors": ["Ahmet Işık"], "categories": ["astro-ph.IM"]}
{"id": "film", "title": "Growth of MgB$_2$ on SrTiO$_3$", "abstract": "Films of MgB$_{2}$ with $^{13}$C impurities.", "year": 2010, "authors": ["Anna Mueller"], "categories": ["cond-mat.supr-con"]}
{"id": "a", "title": "Vitamin A and night vision", "abstract": "Intake of vitamin A.", "year": 2005, "authors": ["D. Dahl"], "categories": []}
{"id": "d", "title": "Vitamin D deficiency", "abstract": "Vitamin D in adults.", "year": 2006, "authors": ["A. Adams"], "categories": []}
{"id": "neuro", "title": "Neuro\u00adimaging of memory", "abstract": "Functional neuro\u00adimaging with tumour markers.", "year": 2007, "authors": ["Bo Ek"], "categories": []}
{"id": "omics", "title": "Integration of omics data", "abstract": "Proteomics and genomics together.", "year": 2015, "authors": ["Cy Oh"], "categories": ["q-bio"]}
{"id": "korean", "title": "한국어 논문의 검색을 위한 방법", "abstract": "한국어 논문을 검색하는 방법을 연구하였다.", "year": 2012, "authors": ["김하나"], "categories": []}
{"id": "thai", "title": "การค้นหาบทความวิจัย", "abstract": "ระบบค้นหาบทความวิจัยภาษาไทย", "year": 2013, "authors": ["สมชาย"], "categories": []}
{"id": "1805.11924", "title": "Bats avoid collisions", "abstract": "How bats hear each other.", "year": 2018, "authors": ["Di Vo"], "doi": "10.1039/C8CP06037A", "categories": ["q-bio"]}
"#;

fn serve() -> (Cognate, Server) {
    let cognate = Cognate::new();
    let file = cognate.file("papers.jsonl", PAPERS.trim());
    assert_eq!(cognate.json(&["index", &file])["added"], 12);
    let server = cognate.serve(&[]);
    (cognate, server)
}

fn search(server: &Server, body: Value) -> Value {
    let answer = server.post("/v1/search", JSON, &body.to_string());
    assert_eq!(answer.status, 200, "{body}: {}", answer.body);
    answer.body
}

#[test]
fn quotation_marks_mean_what_whoever_typed_them_meant() {
    let (_cognate, server) = serve();
    // In running text they are no operators, nor are the signs of inches and minutes.
    for text in [
        "We study dark matter halos. So-called \"cuspy\" profiles are compared with \"cored\" ones in many galaxies.",
        "the 12\" mirror and the 14\" telescope",
        "“Cuspy” halos are „puzzling“; «why» is not known.",
        "an unbalanced \" mark",
    ] {
        let answer = search(&server, json!({"q": text}));
        assert_eq!((&answer["total"], ids(&answer).len()), (&json!(12), 10), "{text}");
    }
    for mode in ["hybrid", "semantic", "keyword"] {
        let check = |q: &str, expected: &[&str]| {
            let answer = search(&server, json!({"q": q, "mode": mode}));
            assert_eq!(sorted(&answer), expected, "{mode} {q}");
            assert_eq!(answer["total"], expected.len(), "{mode} {q}");
        };
        check("\"dark matter\"", &["cusps", "matter"]);
        check("“dark matter”", &["cusps", "matter"]);
        check("halos +\"dark matter\"", &["cusps", "matter"]);
        check("\"dark matter\" OR \"dark energy\"", &["cusps", "energy", "matter"]);
        check("\"dark matter\" -halo", &["matter"]);
        check("\"vitamin A\"", &["a"]);
        check("\"vitamin D\"", &["d"]);
    }
    let nothing = search(&server, json!({"q": "\"matter dark\""}));
    assert_eq!(nothing["total"], 0);
    assert_eq!(nothing["meta"]["query"], json!({"without_marks": {"q": "matter dark", "total": 2}}));
    let preferred = search(&server, json!({"q": "halos \"weakly dark\""}));
    assert_eq!(preferred["total"], 12);
    assert_eq!(preferred["meta"]["query"], json!({"missing_phrases": ["weakly dark"]}));
    assert_eq!(search(&server, json!({"q": "halos"}))["meta"]["query"], Value::Null);
}

#[test]
fn what_the_model_knows_nothing_of_is_asked_by_words_alone() {
    let (_cognate, server) = serve();
    for q in ["🐝", "💩💩 🙂", "ፍቅር እስከ መቃብር"] {
        let answer = search(&server, json!({"q": q}));
        assert_eq!((&answer["total"], &answer["meta"]["mode"]), (&json!(0), &json!("keyword")), "{q}");
        assert_eq!(answer["meta"]["fits_well"], false, "{q}");
        for other in [json!({"q": q, "mode": "semantic"}), json!({"q": q, "min_score": 0.1})] {
            assert_eq!(search(&server, other.clone())["total"], 0, "{other}");
        }
        search(&server, json!({"q": q, "explain": true, "sort": "newest", "facets": ["year"]}));
    }
    assert_eq!(search(&server, json!({"q": "บทความวิจัย"}))["data"][0]["id"], "thai");
    assert_eq!(search(&server, json!({"q": "bees 🐝"}))["meta"]["mode"], "hybrid");
}

#[test]
fn what_the_query_names_is_certain() {
    let (_cognate, server) = serve();
    let answer = search(&server, json!({"q": "doi:10.1039/C8CP06037A"}));
    assert_eq!(
        (&answer["data"][0]["id"], &answer["data"][0]["relevance"]),
        (&json!("1805.11924"), &json!(1.0))
    );
    assert_eq!((&answer["meta"]["confidence"], &answer["meta"]["fits_well"]), (&json!(1.0), &json!(true)));
    let next = search(&server, json!({"q": "doi:10.1039/C8CP06037A", "offset": 1}));
    assert_eq!(next["meta"]["confidence"], 1.0);
    assert!(next["data"][0]["relevance"].as_f64().unwrap() < 1.0);
}

#[test]
fn operators_work_alike_everywhere() {
    let (cognate, server) = serve();
    for (q, expected) in [
        ("dark matter -halo author:gross", vec!["matter"]),
        ("dark year:2019", vec!["energy"]),
        ("dark category:astro-ph year:2019-2021", vec!["cusps", "energy"]),
        ("venue:\"Halo Letters\"", vec!["cusps"]),
        ("title:telescope", vec!["mirror"]),
        ("author:nord OR author:ek", vec!["cusps", "neuro"]),
    ] {
        assert_eq!(sorted(&search(&server, json!({"q": q}))), expected, "{q}");
        let words: Vec<&str> = q.split(' ').collect();
        if !q.contains('"') {
            let told = cognate.json(&[&["search"], &words[..]].concat());
            assert_eq!(sorted(&told), expected, "{q}");
        }
        let address: String = q.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let page = server.page(&format!("/search?q={address}")).html;
        assert_eq!(page.matches("id=\"hit-").count(), expected.len(), "{q}");
    }
    let keyword = |q: &str| sorted(&search(&server, json!({"q": q, "mode": "keyword"})));
    assert_eq!(keyword("neuro*"), ["neuro"]);
    assert_eq!(sorted(&search(&server, json!({"q": "+neuro*"}))), ["neuro"]);
    assert_eq!(search(&server, json!({"q": "-neuro*"}))["total"], 12);
    assert_eq!(search(&server, json!({"q": "the -neuro*"}))["total"], 11);
    let total = |q: &str| search(&server, json!({"q": q}))["total"].as_u64().unwrap();
    assert_eq!(total("-author:nord dark"), total("dark -author:nord"));
    assert!(total("-author:nord dark") < total("dark"));
    let first = search(&server, json!({"q": "-telescpoe flight"}));
    assert_eq!(first["meta"]["query"], json!({"as_text": "-telescpoe"}));
    let corrected = search(&server, json!({"q": "telescpoe", "mode": "keyword"}));
    assert_eq!(ids(&corrected), ["mirror"]);
    assert_eq!(corrected["meta"]["query"]["corrections"], json!([{"from": "telescpoe", "to": "telescope"}]));
    assert!(
        server.page("/search?q=telescpoe").html.contains("Showing results for <strong>telescope</strong>")
    );
    assert!(cognate.run(&["search", "telescpoe"]).stdout.windows(9).any(|bytes| bytes == b"telescope"));
}

#[test]
fn the_command_takes_words_as_they_are() {
    let (cognate, _server) = serve();
    assert_eq!(
        ids(&cognate.json(&["search", "how", "do", "bats", "avoid", "collisions", "--limit", "1"])),
        ["1805.11924"]
    );
    assert_eq!(ids(&cognate.json(&["search", "-omics data integration", "--limit", "1"])), ["omics"]);
    assert_eq!(ids(&cognate.json(&["search", "--limit", "1", "dark", "matter", "-halo"])), ["matter"]);
    assert!(cognate.failure(&["search", "dark", "--colour"], 2).contains("--colour"));
}

#[test]
fn without_a_query_filters_alone_list_the_newest() {
    let (cognate, server) = serve();
    let expected = ["energy", "matter"];
    let filter = "categories=astro-ph.CO,hep-ex";
    assert_eq!(ids(&server.get(&format!("/v1/search?{filter}")).body), expected);
    assert_eq!(ids(&server.get(&format!("/v1/search?q=+&{filter}")).body), expected);
    assert_eq!(ids(&cognate.json(&["search", "--categories", "astro-ph.CO,hep-ex"])), expected);
    let page = server.page("/search?author=M%C3%BCller").html;
    assert!(page.contains("Dark energy") && page.contains("Growth of MgB"), "{page}");
    let all = server.get("/v1/search?limit=100&facets=year").body;
    assert_eq!((&all["total"], ids(&all).len(), ids(&all)[0].as_str()), (&json!(12), 12, "cusps"));
    let mut paged = Vec::new();
    for offset in 0..6 {
        paged.extend(ids(&server.get(&format!("/v1/search?limit=2&offset={}", offset * 2)).body));
    }
    assert_eq!(paged, ids(&all));
}

#[test]
fn words_are_found_however_they_are_written() {
    let (_cognate, server) = serve();
    for (q, expected) in [
        ("MgB2", "film"),
        ("SrTiO3", "film"),
        ("13C", "film"),
        ("neuroimaging", "neuro"),
        ("tumors", "neuro"),
        ("논문", "korean"),
        ("검색", "korean"),
        ("บทความ", "thai"),
    ] {
        let answer = search(&server, json!({"q": q, "mode": "keyword"}));
        assert_eq!(ids(&answer), [expected], "{q}");
    }
    for (author, expected) in [
        ("Lukasz Gross", vec!["matter"]),
        ("Łukasz Groß", vec!["matter"]),
        ("Soren", vec!["energy"]),
        ("Ahmet Isik", vec!["mirror"]),
        ("Müller", vec!["energy", "film"]),
        ("Mueller", vec!["energy", "film"]),
        ("Muller", vec!["energy"]),
    ] {
        assert_eq!(sorted(&search(&server, json!({"q": "x", "author": author}))), expected, "{author}");
    }
}

#[test]
fn identifiers_are_read_as_people_paste_them() {
    let (_cognate, server) = serve();
    let pasted = [
        "10.48550/arXiv.1805.11924",
        "https://doi.org/10.48550/arXiv.1805.11924",
        "https://huggingface.co/papers/1805.11924",
        "https://www.alphaxiv.org/abs/1805.11924v1",
        "https://arxiv.org/e-print/1805.11924",
        "https://ar5iv.labs.arxiv.org/html/1805.11924?utm_source=mail",
        "DOI 10.1039/C8CP06037A",
        "arXiv 1805.11924",
        "<https://doi.org/10.1039/C8CP06037A>",
        "\"1805.11924\"",
        "https://pubs.example.org/doi/10.1039/C8CP06037A?src=recsys",
    ];
    for text in pasted {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let paper = server.get(&format!("/v1/papers/{encoded}"));
        assert_eq!((paper.status, &paper.body["id"]), (200, &json!("1805.11924")), "{text}");
        assert_eq!(ids(&search(&server, json!({"q": text})))[0], "1805.11924", "{text}");
        let others = json!({"positive": [{"text": "bats"}], "exclude": [text]}).to_string();
        let others = server.post("/v1/recommend", JSON, &others).body;
        assert_eq!(
            (&others["total"], ids(&others).contains(&"1805.11924".to_owned())),
            (&json!(11), false),
            "{text}"
        );
    }
}

#[test]
fn an_identifier_that_nobody_has_gives_no_other_paper() {
    let cognate = Cognate::new();
    let papers = json!([
        {"id": "PMID:31234567", "title": "Bats avoid collisions"},
        {"id": "CorpusID:2000001", "title": "Corpora of bats"},
        {"id": "a", "title": "An article of Oxford's", "doi": "10.5555/stz1234"},
        {"id": "1704.03578", "title": "A preprint"},
        {"id": "b", "title": "A paper of the ACL", "acl_id": "N19-1423"},
    ]);
    let file = cognate.file("papers.json", &papers.to_string());
    assert_eq!(cognate.json(&["index", &file])["added"], 5);
    let server = cognate.serve(&[]);
    let unknown = [
        "PMID:1",
        "CorpusID:9",
        "10.5555/nobody",
        "https://doi.org/10.5555/nobody",
        "arXiv:1704.03579",
        "1704.03579",
    ];
    for q in unknown {
        for mode in ["hybrid", "keyword"] {
            let answer = search(&server, json!({"q": q, "mode": mode}));
            assert_eq!((&answer["total"], ids(&answer).len()), (&json!(0), 0), "{q}");
            assert_eq!(answer["meta"]["query"], json!({"unknown_identifier": q}), "{q}");
        }
        assert!(
            server.page(&format!("/search?q={q}")).html.contains("No paper here has the identifier"),
            "{q}"
        );
    }
    for (q, id) in [
        ("PubMed ID 31234567", "PMID:31234567"),
        ("31234567[uid]", "PMID:31234567"),
        ("PMID:31234567", "PMID:31234567"),
        ("https://academic.oup.com/mnras/article/doi/10.5555/stz1234/5480000", "a"),
        ("10.5555/stz1234#abstract", "a"),
        ("oai:arXiv.org:1704.03578", "1704.03578"),
        ("https://export.arxiv.org/api/query?id_list=1704.03578", "1704.03578"),
        ("https://export.arxiv.org/api/query?start=0&id_list=1704.03578v2&max_results=1", "1704.03578"),
        ("https://aclanthology.org/N19-1423.bib", "b"),
    ] {
        let answer = search(&server, json!({"q": q}));
        assert_eq!((ids(&answer)[0].as_str(), &answer["meta"]["mode"]), (id, &json!("semantic")), "{q}");
    }
    // Words that might be one are words.
    assert!(search(&server, json!({"q": "bats 12345"}))["total"].as_u64() > Some(0));
    assert!(search(&server, json!({"q": "MED12"}))["total"].as_u64() > Some(0));
}

#[test]
fn links_with_tracking_parameters_open_their_page() {
    let (_cognate, server) = serve();
    for path in ["/", "/search?q=bats", "/papers/1805.11924", "/map", "/library"] {
        let mark = if path.contains('?') { '&' } else { '?' };
        let page = server.page(&format!("{path}{mark}utm_source=mail&fbclid=x"));
        assert_eq!(page.status, 200, "{path}");
    }
    assert_eq!(server.page("/search?q=bats&colour=red").status, 400);
}

#[test]
fn a_pasted_abstract_with_quotation_marks_finds_its_paper() {
    let Some(path) = shared("arxiv-100k.jsonl.zst") else { return };
    let file = BufReader::new(zstd::Decoder::new(File::open(path).unwrap()).unwrap());
    let quoted: Vec<Value> = file
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .filter(|paper| paper["abstract"].as_str().unwrap().matches('"').count() >= 2)
        .take(60)
        .collect();
    let cognate = Cognate::new();
    let lines: Vec<String> = quoted.iter().map(ToString::to_string).collect();
    let file = cognate.file("quoted.jsonl", &lines.join("\n"));
    assert_eq!(cognate.json(&["index", &file])["added"], 60);
    let server = cognate.serve(&[]);
    for paper in &quoted {
        let answer = search(&server, json!({"q": paper["abstract"].as_str().unwrap(), "fields": "id"}));
        assert_eq!((ids(&answer)[0].as_str(), ids(&answer).len()), (paper["id"].as_str().unwrap(), 10));
    }
}

#[test]
fn papers_without_a_text_are_found_by_name_and_by_filters() {
    let (_cognate, server) = serve();
    let papers = r#"[{"id": "s/2", "year": 2024, "authors": ["Nobody Special"], "doi": "10.5555/empty.1"},
        {"id": "two words", "title": "A paper on nautilus shells", "abstract": "Shells grow in spirals.", "year": 2020}]"#;
    assert_eq!(server.post("/v1/papers", JSON, papers).status, 200);
    for q in ["10.5555/empty.1", "https://doi.org/10.5555/empty.1", "s/2"] {
        let answer = search(&server, json!({"q": q, "facets": "year"}));
        assert_eq!((ids(&answer), &answer["total"]), (vec!["s/2".to_owned()], &json!(1)), "{q}");
        assert_eq!(search(&server, json!({"q": q, "year": "2020"}))["total"], 0, "{q}");
    }
    assert_eq!(ids(&search(&server, json!({"q": "two words"})))[0], "two words");
    // Lists without a question have all papers, rankings those that can be ranked.
    for filter in [json!({}), json!({"year": "1990-"})] {
        let mut asked = json!({"limit": 100, "facets": "year"});
        asked.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
        let all = search(&server, asked.clone());
        assert_eq!(
            (&all["total"], ids(&all).len(), ids(&all)[0].as_str()),
            (&json!(14), 14, "s/2"),
            "{filter}"
        );
        assert_eq!(all["facets"]["year"].as_array().unwrap().len(), 13, "{filter}");
        for mode in ["hybrid", "semantic"] {
            asked.as_object_mut().unwrap().extend([
                ("q".to_owned(), json!("shells")),
                ("mode".to_owned(), json!(mode)),
                ("min_relevance".to_owned(), json!(0)),
            ]);
            let ranked = search(&server, asked.clone());
            assert_eq!((&ranked["total"], ids(&ranked).len()), (&json!(13), 13), "{mode} {filter}");
        }
    }
    assert_eq!(server.page("/papers/s/2").status, 200);
    assert!(server.page("/library?seed=s%2F2").html.contains("neither title nor abstract"));
    let similar = server.get("/v1/papers/s/2/similar");
    assert_eq!(similar.status, 400);
    assert!(similar.body.to_string().contains("s/2 has neither title nor abstract"), "{}", similar.body);
    assert_eq!(server.status("/v1/recommend", JSON, r#"{"positive": ["s/2"]}"#), 400);
    let best = server.post(
        "/v1/recommend",
        JSON,
        r#"{"positive": ["energy"], "strategy": "best_score", "limit": 50}"#,
    );
    assert_eq!((&best.body["total"], ids(&best.body).len()), (&json!(12), 12));
}

#[test]
fn everything_above_a_score_is_asked_for_as_in_a_search() {
    let (_cognate, server) = serve();
    let range = |q: &str| -> Vec<String> {
        let body = json!({"q": q, "min_score": -1, "fields": "id"}).to_string();
        let lines = server.lines("/v1/search/range", JSON, &body);
        assert_eq!(lines[0]["total"], lines.len() - 1, "{q}");
        lines[1..].iter().map(|hit| hit["id"].as_str().unwrap().to_owned()).collect()
    };
    for (q, expected) in [
        ("\"dark matter\"", vec!["cusps", "matter"]),
        ("\"dark matter\" -halo", vec!["matter"]),
        ("halos author:nord", vec!["cusps"]),
    ] {
        let mut found = range(q);
        found.sort();
        assert_eq!(found, expected, "{q}");
    }
    assert!(!range("dark -halo").contains(&"cusps".to_owned()));
    for q in ["10.1039/C8CP06037A", "1805.11924"] {
        let asked = json!({"q": q, "limit": 12});
        assert_eq!(range(q), ids(&search(&server, asked)), "{q}");
    }
    assert_eq!(range("how bats hear").len(), 12);
    assert_eq!(server.status("/v1/search/range", JSON, r#"{"q": "author:nord", "min_score": 0}"#), 400);
}

#[test]
fn what_would_change_no_answer_is_refused() {
    let (_cognate, server) = serve();
    for (path, name) in [
        ("q=1805.11924&min_relevance=0.2", "min_relevance"),
        ("year=2018&min_relevance=0.2", "min_relevance"),
        ("q=author:nord&min_relevance=0.2", "min_relevance"),
        ("q=author:nord&min_score=0.2", "min_score"),
    ] {
        let answer = server.get(&format!("/v1/search?{path}"));
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert!(
            answer.body.to_string().contains(&format!("`{name}`: expected none")),
            "{path}: {}",
            answer.body
        );
    }
    for wanted in ["q=1805.11924&sort=newest", "year=2018&sort=newest", "q=bats&min_relevance=0.2"] {
        assert_eq!(server.get(&format!("/v1/search?{wanted}")).status, 200, "{wanted}");
    }
    let saved = |more: Value| {
        let mut body = json!({"name": "Bats"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/v1/saved", JSON, &body.to_string())
    };
    for (name, wrong) in [
        ("mode", json!({"seeds": ["energy"], "mode": "keyword"})),
        ("semantic_ratio", json!({"seeds": ["energy"], "semantic_ratio": 0.5})),
        ("min_relevance", json!({"seeds": ["energy"], "q": "bats", "min_relevance": 0.5})),
        ("min_relevance", json!({"categories": "q-bio", "min_relevance": 0.5})),
    ] {
        let answer = saved(wrong.clone());
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
        assert!(answer.body.to_string().contains(&format!("`{name}`: expected none")), "{}", answer.body);
    }
    assert!(saved(json!({"q": "bats", "mode": "keyword", "min_relevance": 0.5})).status < 300);
}

#[test]
fn papers_with_nothing_of_a_word_do_not_pass_for_answers() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let papers = r#"{"id": "s/4", "title": "Octopus", "abstract": "The octopus. Octopuses, and what an octopus does."}"#;
    assert_eq!(server.post("/v1/papers", JSON, papers).status, 200);
    for word in ["octopus", "asthma", "penguins", "sleep", "galaxy"] {
        let answer = search(&server, json!({"q": word, "limit": 1000, "min_relevance": 0.15}));
        assert!(answer["total"].as_u64().unwrap() < 50, "{word}: {}", answer["total"]);
        for hit in answer["data"].as_array().unwrap() {
            let (cosine, keyword) = (&hit["scores"]["semantic"], &hit["scores"]["keyword"]);
            assert!(keyword.as_f64().unwrap() > 0.0 || cosine.as_f64().unwrap() > 0.3, "{word}: {hit}");
        }
        // The same wherever pages are cut, and in lists that nobody looks through.
        let paged = |offset: usize| {
            ids(&search(&server, json!({"q": word, "limit": 3, "offset": offset, "min_relevance": 0.15})))
        };
        let pages: Vec<String> = (0..ids(&answer).len()).step_by(3).flat_map(paged).collect();
        assert_eq!(pages, ids(&answer), "{word}");
        let newest = search(&server, json!({"q": word, "limit": 1000, "sort": "newest"}));
        assert_eq!(sorted(&newest), sorted(&answer), "{word}");
    }
    let octopus = search(&server, json!({"q": "octopus", "min_relevance": 0.15}));
    assert_eq!(ids(&octopus)[0], "s/4");
}

#[test]
fn explanations_say_which_ranking_a_paper_is_in() {
    let (_cognate, server) = serve();
    let explained = |mode: &str| {
        let answer = search(&server, json!({"q": "telescope", "mode": mode, "limit": 12, "explain": true}));
        answer["data"].as_array().unwrap().clone()
    };
    let hits = explained("hybrid");
    assert_eq!(hits.len(), 12);
    for hit in &hits {
        let why = &hit["explanation"];
        assert_eq!(why["keyword"].is_null(), why["matched_terms"].as_array().unwrap().is_empty(), "{why}");
    }
    assert_eq!(hits.iter().filter(|hit| !hit["explanation"]["keyword"].is_null()).count(), 1);
    for (mode, part) in [("semantic", "semantic"), ("keyword", "keyword")] {
        let hits = explained(mode);
        let scaled = |hit: &Value| hit["explanation"][part]["scaled"].as_f64().unwrap();
        assert_eq!(scaled(&hits[0]), 1.0, "{mode}");
        assert!(hits.iter().all(|hit| (0.0..=1.0).contains(&scaled(hit))), "{mode}");
        assert!(hits.iter().skip(1).all(|hit| scaled(hit) > 0.0), "{mode}");
    }
}
