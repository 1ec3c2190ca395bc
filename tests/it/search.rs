//! Hybrid search, filters, facets, explanations, recommendations, batches, ranges and exports.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Answer, Cognate, Server, ids, root, sorted};

const JSON: &str = "application/json";

/// Papers whose words and meanings are known.
const PAPERS: &str = r#"
{"id": "bees", "title": "Honey bees find flowers by smell", "abstract": "Honey bees learn odours of flowers. The waggle dance tells where food is. Colonies in cities do well.", "year": 2019, "publication_date": "2019-05-04", "categories": ["q-bio.PE"], "authors": ["Ana Müller", "J. Smith"], "venue": "Insect Letters"}
{"id": "dance", "title": "The waggle dance as a code", "abstract": "Foragers tell their nest mates about distance and direction. We decode the signal with a neural network named WDN-7.", "year": 2021, "publication_date": "2021-02-01", "categories": ["q-bio.NC", "cs.LG"], "authors": ["Smith, Jane"], "venue": "Proceedings of Insect Learning"}
{"id": "hep-th/9901001", "title": "Strings in curved space", "abstract": "We study strings near a horizon. The spectrum is found exactly.", "year": 1999, "categories": ["hep-th"], "authors": ["Bo Li"], "arxiv_id": "hep-th/9901001"}
{"id": "lattice", "title": "Lattice gauge theory at finite temperature", "abstract": "The phase transition is of first order. Results hold for large lattices.", "year": 2005, "categories": ["hep-lat"], "authors": ["Bo Li", "Chen Wu"]}
{"id": "notitle", "title": "Tides", "year": 2022, "categories": []}
"#;

fn papers() -> Cognate {
    let cognate = Cognate::new();
    let file = cognate.file("papers.jsonl", PAPERS.trim());
    assert_eq!(cognate.json(&["index", &file])["added"], 5);
    cognate
}

fn search(server: &Server, parameters: &str) -> Value {
    let answer = server.get(&format!("/v1/search?{parameters}"));
    assert_eq!(answer.status, 200, "{parameters}: {}", answer.body);
    answer.body
}

#[test]
fn words_phrases_and_identifiers_are_found() {
    let cognate = papers();
    let server = cognate.serve(&[]);
    assert_eq!(ids(&search(&server, "q=wdn-7"))[0], "dance", "an exact term");
    assert_eq!(ids(&search(&server, "q=insects+that+visit+blossoms&mode=semantic"))[0], "bees");
    let keyword = search(&server, "q=waggle&mode=keyword");
    assert_eq!((&keyword["total"], sorted(&keyword)), (&json!(2), vec!["bees".into(), "dance".into()]));
    for mode in ["hybrid", "semantic", "keyword"] {
        let phrase = search(&server, &format!("q=%2B%22nest+mates%22+bees&mode={mode}"));
        assert_eq!((&phrase["total"], ids(&phrase)), (&json!(1), vec!["dance".to_owned()]), "{mode}");
    }
    for named in
        ["hep-th/9901001", "arXiv:hep-th/9901001", "https%3A%2F%2Farxiv.org%2Fabs%2Fhep-th%2F9901001"]
    {
        let answer = search(&server, &format!("q={named}"));
        assert_eq!((ids(&answer)[0].as_str(), ids(&answer).len()), ("hep-th/9901001", 5), "{named}");
        assert!(answer["data"][0]["score"].as_f64().unwrap() > 0.999);
    }
    let automatic = search(&server, "q=waggle+dance&semantic_ratio=auto");
    assert_eq!(automatic["data"], search(&server, "q=waggle+dance")["data"]);
    assert_eq!(search(&server, "q=waggle+dance&semantic_ratio=0.3")["meta"]["semantic_ratio"], 0.3_f32);
    assert_eq!(server.get("/v1/search?q=x&semantic_ratio=much").status, 400);
    let only_meaning = search(&server, "q=waggle+dance&semantic_ratio=1");
    let semantic = search(&server, "q=waggle+dance&mode=semantic");
    assert_eq!(ids(&only_meaning), ids(&semantic));
    assert_eq!(server.get("/v1/search?q=x&semantic_ratio=1.5").status, 400);
}

#[test]
fn filters_hold_in_every_mode_and_pages_are_full() {
    let cognate = papers();
    let server = cognate.serve(&[]);
    let check = |filter: &str, expected: &[&str]| {
        for mode in ["hybrid", "semantic"] {
            let answer = search(&server, &format!("q=bees&mode={mode}&{filter}"));
            assert_eq!(sorted(&answer), expected, "{mode} {filter}");
            assert_eq!(answer["total"], expected.len(), "{mode} {filter}");
        }
        let keyword = search(&server, &format!("q=bees&mode=keyword&{filter}"));
        assert!(ids(&keyword).iter().all(|id| expected.contains(&id.as_str())), "{filter}");
        let similar = server.get(&format!("/v1/papers/lattice/similar?{filter}")).body;
        let others: Vec<&&str> = expected.iter().filter(|id| **id != "lattice").collect();
        assert_eq!(similar["total"], others.len(), "similar {filter}");
    };
    check("year=2019-2021", &["bees", "dance"]);
    check("year=-2005", &["hep-th/9901001", "lattice"]);
    check("publication_date=2019-05:", &["bees", "dance", "notitle"]);
    check("categories=q-bio", &["bees", "dance"]);
    check("categories=cs,hep-lat", &["dance", "lattice"]);
    check("author=muller", &["bees"]);
    check("author=j+smith", &["bees", "dance"]);
    check("venue=insect", &["bees", "dance"]);
    check("has_abstract=false", &["notitle"]);
    check("has_abstract=true&year=2000-", &["bees", "dance", "lattice"]);
    let nested = r#"{"must_not":[{"author":"Li"}],"should":[{"year":"2022"},{"categories":["q-bio"]}]}"#;
    let encoded: String = nested.bytes().map(|byte| format!("%{byte:02x}")).collect();
    check(&format!("filter={encoded}"), &["bees", "dance", "notitle"]);
    let body = json!({"q": "bees", "filter": serde_json::from_str::<Value>(nested).unwrap()}).to_string();
    assert_eq!(server.post("/v1/search", JSON, &body).body["total"], 3);
    for wrong in
        ["year=twenty", "publication_date=2019-13", "categories=", "filter=%7B", "facets=colour", "sort=up"]
    {
        let answer = server.get(&format!("/v1/search?q=bees&{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
    }
    // A filter sees what was written a moment ago.
    server.post("/v1/papers", JSON, r#"{"id": "new", "title": "Bees again", "year": 2020}"#);
    check("year=2020", &["new"]);
    server.delete("/v1/papers/new");
    check("year=2020", &[]);
}

#[test]
fn facets_order_and_explanations() {
    let cognate = papers();
    let server = cognate.serve(&[]);
    let answer = search(&server, "q=bees&facets=year,categories,venue&year=2019-2021");
    assert_eq!(
        answer["facets"]["year"],
        json!([{"value": "2019", "n_papers": 1}, {"value": "2021", "n_papers": 1}])
    );
    assert_eq!(answer["facets"]["categories"].as_array().unwrap().len(), 3);
    let newest = search(&server, "q=insects&sort=newest&min_relevance=0");
    assert_eq!(ids(&newest), ["notitle", "dance", "bees", "lattice", "hep-th/9901001"]);
    // The newest of what fits, and not of all.
    let newest = search(&server, "q=waggle&sort=newest");
    assert_eq!((ids(&newest), &newest["total"]), (vec!["dance".to_owned(), "bees".to_owned()], &json!(2)));

    let explained = search(&server, "q=does+the+dance+tell+where+food+is&explain=true&year=2019");
    let hit = &explained["data"][0];
    assert_eq!(hit["id"], "bees");
    let why = &hit["explanation"];
    assert_eq!([&why["semantic"]["rank"], &why["keyword"]["rank"]], [1, 1]);
    let (semantic, keyword) = (&why["semantic"]["scaled"], &why["keyword"]["scaled"]);
    let ratio = why["semantic_ratio"].as_f64().unwrap();
    assert_eq!(explained["meta"]["semantic_ratio"].as_f64().unwrap(), ratio);
    let fused = ratio * semantic.as_f64().unwrap()
        + (1.0 - ratio) * keyword.as_f64().unwrap()
        + why["neighbours"].as_f64().unwrap();
    assert!((fused - hit["score"].as_f64().unwrap()).abs() < 1e-5);
    let sentence = &why["best_sentence"];
    let (start, end) =
        (sentence["start"].as_u64().unwrap() as usize, sentence["end"].as_u64().unwrap() as usize);
    let text: String = hit["abstract"].as_str().unwrap().chars().skip(start).take(end - start).collect();
    assert_eq!(text, "The waggle dance tells where food is.");
    let terms: Vec<&Value> =
        why["matched_terms"].as_array().unwrap().iter().map(|term| &term["term"]).collect();
    assert_eq!(terms, ["dance", "tell", "food"]);
    assert_eq!(server.get("/v1/search?q=bees&explain=true&limit=51").status, 400);
    let text = cognate.run(&["search", "where is food for honey bees", "--explain", "--facets", "year"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("why: meaning") && text.contains("year: "), "{text}");
}

#[test]
fn papers_are_recommended_from_several() {
    let cognate = papers();
    let server = cognate.serve(&[]);
    let recommend = |body: Value| {
        let answer = server.post("/v1/recommend", JSON, &body.to_string());
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
        answer.body
    };
    for strategy in ["average_vector", "best_score", "sum_scores"] {
        let answer = recommend(json!({"positive": ["bees"], "negative": ["lattice"], "strategy": strategy}));
        assert_eq!(ids(&answer)[0], "dance", "{strategy}");
        assert_eq!(answer["total"], 3, "{strategy}: seeds are no answer");
        assert_eq!(answer["data"][0]["nearest_seed"], "bees");
    }
    let seen =
        recommend(json!({"positive": ["bees", {"text": "gauge theories"}], "exclude": ["dance", "unknown"]}));
    assert!(!ids(&seen).contains(&"dance".to_owned()));
    let of_lattice = seen["data"].as_array().unwrap().iter().find(|hit| hit["id"] == "lattice").unwrap();
    assert_eq!(of_lattice["nearest_seed"], "gauge theories");
    let diverse = recommend(json!({"positive": ["bees"], "diversity": 1.0, "limit": 2}));
    assert_eq!(ids(&diverse).len(), 2);
    let filtered = recommend(json!({"positive": ["bees"], "year": "-2010", "facets": "year"}));
    assert_eq!((&filtered["total"], filtered["facets"]["year"].as_array().unwrap().len()), (&json!(2), 2));
    for (wrong, status) in [
        (json!({"positive": []}), 400),
        (json!({"positive": ["nobody"]}), 404),
        (json!({"positive": ["bees"], "diversity": 2}), 400),
        (json!({"positive": ["bees"], "strategy": "guess"}), 400),
        (json!({"positive": [{"name": "bees"}]}), 422),
        (json!({"positive": ["bees"], "negative": ["dance"], "colour": "red"}), 422),
    ] {
        let answer = server.post("/v1/recommend", JSON, &wrong.to_string());
        assert_eq!(answer.status, status, "{wrong}: {}", answer.body);
    }
}

#[test]
fn many_searches_at_once_and_everything_above_a_score() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let queries = ["sleep and memory", "dark matter", "ice shelves"];
    let searches: Vec<Value> = queries.iter().map(|q| json!({"q": q, "limit": 3})).collect();
    let batch = server.post("/v1/search/batch", JSON, &json!({ "searches": searches }).to_string());
    let answers = batch.body["results"].as_array().unwrap().clone();
    for (query, answer) in queries.iter().zip(&answers) {
        let body = json!({"q": query, "limit": 3}).to_string();
        let alone = server.post("/v1/search", JSON, &body).body;
        assert_eq!(ids(answer), ids(&alone), "{query}");
    }
    assert_eq!(server.post("/v1/search/batch", JSON, r#"{"searches": []}"#).status, 400);

    let body = json!({"q": "sleep and memory", "min_score": 0.2, "fields": "title"}).to_string();
    let lines = server.lines("/v1/search/range", JSON, &body);
    let whole = search(&server, "q=sleep+and+memory&mode=semantic&min_score=0.2&limit=1000");
    assert_eq!(lines[0], json!({"total": whole["total"]}));
    assert!(lines.len() > 2);
    let found: Vec<&Value> = lines[1..].iter().map(|hit| &hit["id"]).collect();
    let expected: Vec<&Value> = whole["data"].as_array().unwrap().iter().map(|hit| &hit["id"]).collect();
    assert_eq!(found, expected);
    assert_eq!(server.post("/v1/search/range", JSON, r#"{"q": "x"}"#).status, 400);
}

#[test]
fn lists_are_exported_as_other_programs_read_them() {
    let cognate = Cognate::with_demo();
    let export = |format: &str| {
        let output = cognate.run(&[
            "search",
            "machine learning for climate",
            "--limit",
            "100",
            "--format",
            format,
            "--min-relevance",
            "0",
        ]);
        assert!(output.status.success());
        let name = cognate.folder.path().join(format!("papers.{format}"));
        std::fs::write(&name, &output.stdout).unwrap();
        name
    };
    let expected = export("json");
    for format in ["csv", "bibtex", "ris", "atom"] {
        let output = Command::new(root().join("target/venv/bin/python"))
            .arg(root().join("tests/python/check_exports.py"))
            .arg(format)
            .args([&export(format), &expected])
            .output()
            .expect("scripts/test makes target/venv");
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let server = cognate.serve(&[]);
    let (media_type, body) = server.text("/v1/search?q=climate&limit=2&format=bibtex");
    assert!(media_type.starts_with("application/x-bibtex"), "{media_type}");
    assert_eq!(body.matches("\n@").count() + usize::from(body.starts_with('@')), 2, "{body}");
    assert_eq!(server.get("/v1/search?q=climate&format=pdf").status, 400);

    // What was exported comes in again as the same papers.
    let other = Cognate::new();
    for format in ["bibtex", "ris", "jsonl", "csv"] {
        let file = export(format);
        let report = other.json(&["index", file.to_str().unwrap()]);
        assert_eq!((&report["read"], &report["skipped"]), (&json!(100), &json!(0)), "{format}: {report}");
    }
    assert_eq!(other.json(&["stats"])["n_papers"], 100, "the same ids from every format");
}

#[test]
fn any_text_is_a_query() {
    let cognate = papers();
    let server = cognate.serve(&[]);
    let texts = [
        "\"",
        "\"\"",
        "\" \"",
        "(((",
        "a AND NOT",
        "*:*",
        "title:bees^9",
        "\\",
        "\u{202e}abc",
        "\u{0}",
        "e\u{301}",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
        "语义搜索",
        "🐝🐝",
        "<script>alert(1)</script>",
        "10.1000/",
        "arXiv:",
        "%",
        "+",
        "-",
        "~5",
        "' OR 1=1 --",
        "the of and",
    ];
    for text in texts {
        for mode in ["hybrid", "semantic", "keyword"] {
            for format in [None, Some("json"), Some("csv"), Some("bibtex"), Some("ris"), Some("atom")] {
                let body = json!({"q": text, "mode": mode, "format": format, "explain": format.is_none()});
                let body = body.to_string();
                let status = server.status("/v1/search", JSON, &body);
                assert!(status == 200 || status == 400, "{text:?} {mode} {format:?}: {status}");
            }
        }
    }
}

/// The values of the answer that `ids` gives, from page after page.
fn paged(server: &Server, body: &Value, limit: usize) -> Vec<String> {
    let (mut found, mut offset) = (Vec::new(), 0);
    loop {
        let mut body = body.clone();
        body["limit"] = json!(limit);
        body["offset"] = json!(offset);
        let answer = server.post("/v1/search", JSON, &body.to_string());
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
        let page = ids(&answer.body);
        let total = answer.body["total"].as_u64().unwrap() as usize;
        assert_eq!(page.len(), limit.min(total.saturating_sub(offset)), "{body}: a page is full");
        if page.is_empty() {
            assert_eq!(found.len(), total, "{body}");
            return found;
        }
        found.extend(page);
        offset += limit;
    }
}

#[test]
fn paging_gives_each_paper_once() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    for body in [
        json!({"q": "sleep and memory"}),
        json!({"q": "ice", "min_score": 0.1}),
        json!({"q": "ice shelves", "mode": "keyword"}),
        json!({"q": "ice shelves and the sea", "mode": "keyword", "min_score": 0.2}),
        json!({"q": "dark matter halos", "mode": "semantic", "year": "2015-"}),
        json!({"q": "learning", "sort": "newest"}),
        json!({"q": "learning", "sort": "newest", "min_relevance": 0}),
        json!({"q": "learning", "min_relevance": 0.2}),
        json!({"year": "2010-"}),
    ] {
        let mut found = paged(&server, &body, 7);
        let n_found = found.len();
        assert!(n_found > 0, "{body}");
        found.sort();
        found.dedup();
        assert_eq!(found.len(), n_found, "{body}: none comes twice");
    }
}

/// Gives the page at a cursor.
type Paging<'a> = dyn Fn(&str) -> Answer + 'a;

/// What pages of a listing with a cursor give, each followed by a change of the papers.
fn listed(page: &Paging<'_>, change: &mut dyn FnMut(usize)) -> (Vec<Vec<String>>, u64) {
    let mut pages: Vec<Vec<String>> = Vec::new();
    let (mut cursor, mut total) = (Some("new".to_owned()), None);
    while let Some(at) = cursor {
        let answer = page(&at);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let so_many = answer.body["total"].as_u64().unwrap();
        assert_eq!(*total.get_or_insert(so_many), so_many, "the total stays");
        pages.push(ids(&answer.body));
        cursor = answer.body["meta"]["cursor"].as_str().map(str::to_owned);
        change(pages.len());
    }
    (pages, total.unwrap())
}

#[test]
fn a_listing_with_a_cursor_goes_on_as_it_began() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let seed = &ids(&server.get("/v1/search?q=climate&limit=1").body)[0];
    let post = |path: &'static str, body: Value| {
        let server = &server;
        move |cursor: &str| {
            let mut body = body.clone();
            body["cursor"] = json!(cursor);
            server.post(path, JSON, &body.to_string())
        }
    };
    let similar = |cursor: &str| server.get(&format!("/v1/papers/{seed}/similar?limit=40&cursor={cursor}"));
    let recommended =
        json!({"positive": [seed, {"text": "warm seas"}], "limit": 40, "strategy": "best_score"});
    let listings: [(&str, &Paging<'_>); 6] = [
        ("hybrid", &post("/v1/search", json!({"q": "climate", "limit": 40}))),
        ("named", &post("/v1/search", json!({"q": seed, "limit": 40}))),
        (
            "newest",
            &post("/v1/search", json!({"q": "climate", "limit": 40, "sort": "newest", "min_relevance": 0})),
        ),
        ("browsing", &post("/v1/search", json!({"limit": 40}))),
        ("similar", &similar),
        ("recommended", &post("/v1/recommend", recommended)),
    ];
    for (name, page) in listings {
        // Papers that would come first, or take the place of what the request names.
        let mut add = |n: usize| {
            let record = json!({"id": format!("late-{name}-{n}"), "title": format!("Climate: {seed}"), "year": 2026,
                                "external_ids": {"doi": format!("10.5555/{name}{n}")}});
            assert_eq!(server.post("/v1/papers", JSON, &record.to_string()).status, 200);
        };
        let (pages, total) = listed(page, &mut add);
        assert!(pages.len() > 2, "{name}: {total}");
        let n_first = pages[0].len();
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == n_first), "{name}: pages are full");
        let mut found = pages.concat();
        assert_eq!(found.len() as u64, total, "{name}");
        found.sort();
        found.dedup();
        assert_eq!(found.len() as u64, total, "{name}: none comes twice");
        assert!(!found.iter().any(|id| id.starts_with(&format!("late-{name}-"))), "{name}");
        let again = ids(&page("new").body);
        assert!(name == "named" || again.iter().any(|id| id.starts_with(&format!("late-{name}-"))), "{name}");
    }

    // What is deleted leaves a gap, and moves nothing.
    let page = post("/v1/search", json!({"q": "ice sheets", "limit": 40}));
    let whole = listed(&page, &mut |_| ()).0.concat();
    let mut gone = vec![whole[0].clone(), whole[39].clone(), whole[40].clone(), whole[95].clone()];
    let mut delete = |n_pages: usize| {
        if n_pages == 1 {
            gone.iter().for_each(|id| assert_eq!(server.delete(&format!("/v1/papers/{id}")).status, 204));
        }
    };
    let (pages, total) = listed(&page, &mut delete);
    gone.drain(..2);
    let left: Vec<String> = whole.into_iter().filter(|id| !gone.contains(id)).collect();
    assert_eq!((pages.concat(), total), (left.clone(), left.len() as u64 + 2));
}

#[test]
fn a_cursor_is_of_one_request_and_ends() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let ask = |cursor: &str, more: &str| {
        server.get(&format!("/v1/search?q=climate&limit=60&mode=semantic&cursor={cursor}{more}"))
    };
    let cursor_of = |answer: &Answer| answer.body["meta"]["cursor"].as_str().unwrap().to_owned();
    let begun = cursor_of(&ask("new", ""));
    for (cursor, more) in [
        (&*begun, "&year=2020"),
        (&begun, "&offset=5"),
        (&begun, "&format=csv"),
        (&begun.replace("-60", "-4294967295"), ""),
        ("nonsense", ""),
    ] {
        let answer = ask(cursor, more);
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("invalid_parameter")), "{more}");
    }
    let of_a_paper = format!("/v1/papers/demo-001/similar?cursor={begun}");
    assert_eq!(server.get(&of_a_paper).status, 400, "another kind of request");
    let batch = json!({"searches": [{"q": "climate", "cursor": "new"}]});
    assert_eq!(server.post("/v1/search/batch", JSON, &batch.to_string()).status, 400);
    assert_eq!(server.get("/v1/search?q=climate&limit=1000&cursor=new").body["meta"].get("cursor"), None);

    let gone = ask("00000000000000ff-60", "");
    assert_eq!((gone.status, &gone.body["code"]), (410, &json!("cursor_gone")), "{}", gone.body);
    // Sixty-four others: it is not kept any more, and the last of them is.
    let mut last = String::new();
    for _ in 0..64 {
        last = cursor_of(&ask("new", ""));
    }
    assert_eq!((ask(&begun, "").status, ask(&last, "&explain=false").status), (410, 200));
}

#[test]
fn relevance_means_the_same_for_every_query() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    for mode in ["hybrid", "semantic"] {
        let inside = search(&server, &format!("q=does+sleep+help+memory&mode={mode}&limit=100"));
        let outside = search(&server, &format!("q=best+chocolate+cake+recipe&mode={mode}&limit=100"));
        let relevances = |answer: &Value| -> Vec<f64> {
            let hits = answer["data"].as_array().unwrap();
            hits.iter().map(|hit| hit["relevance"].as_f64().unwrap()).collect()
        };
        for answer in [&inside, &outside] {
            let relevances = relevances(answer);
            assert!(relevances.is_sorted_by(|a, b| a >= b), "{mode}: {relevances:?}");
            assert_eq!(answer["meta"]["confidence"], answer["data"][0]["relevance"]);
        }
        assert_eq!(
            (&inside["meta"]["fits_well"], &outside["meta"]["fits_well"]),
            (&json!(true), &json!(false))
        );
        // A filter like any other.
        let cut = relevances(&inside)[2];
        let least = search(
            &server,
            &format!("q=does+sleep+help+memory&mode={mode}&min_relevance={}&facets=year", cut - 1e-6),
        );
        assert_eq!((&least["total"], ids(&least)), (&json!(3), ids(&inside)[..3].to_vec()), "{mode}");
        let counted = |answer: &Value| -> u64 {
            let years = answer["facets"]["year"].as_array().unwrap();
            years.iter().map(|year| year["n_papers"].as_u64().unwrap()).sum()
        };
        assert_eq!(counted(&least), 3);
        // Facets are of what fits, where that was not asked for.
        let faceted = search(&server, &format!("q=does+sleep+help+memory&mode={mode}&facets=year"));
        assert!(faceted["total_relevant"].as_u64().unwrap() < faceted["total"].as_u64().unwrap());
        assert_eq!(counted(&faceted), faceted["total_relevant"].as_u64().unwrap());
    }
    assert_eq!(search(&server, "q=best+chocolate+cake+recipe&sort=newest")["total"], 0);
    let (_, exported) = server.text("/v1/search?q=best+chocolate+cake+recipe&format=ris");
    assert_eq!(exported.trim(), "");
    let page = server.text("/search?q=best+chocolate+cake+recipe").1;
    assert!(page.contains("Nothing fits well"), "{page}");
    let said = cognate.run(&["search", "best chocolate cake recipe"]);
    assert!(String::from_utf8(said.stdout).unwrap().contains("Nothing fits well"));
    assert_eq!(server.get("/v1/search?q=x&min_relevance=2").status, 400);
}

#[test]
fn what_is_wrong_is_said_before_any_work() {
    let cognate = papers();
    let server = cognate.serve(&[]);
    for wrong in [
        "q=bees&fields=nope",
        "q=bees&format=nope",
        "q=bees&year=2020-2010",
        "q=bees&publication_date=2020:2019-12",
        "q=bees&format=csv&explain=true",
        "q=bees&format=bibtex&facets=year",
        "q=bees&format=jsonl&fields=title",
        "q=bees&q=wasps",
        "q=bees&filter=%7B%22year%22%3A2010%2C%22year%22%3A2011%7D",
        "q=bees&explain=perhaps",
    ] {
        let answer = server.get(&format!("/v1/search?{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
        // The paper is not there, but the parameter is wrong first.
        let similar = wrong.split_once('&').unwrap().1.replace("q=wasps", "fields=nope");
        assert_eq!(server.get(&format!("/v1/papers/nobody/similar?{similar}")).status, 400, "{similar}");
    }
    for wrong in [
        r#"{"q": "bees", "filter": {"year": "2010", "year": "2011"}}"#,
        r#"{"q": "bees", "filter": {"must": [{"author": "a", "author": "b"}]}}"#,
        r#"{"q": "bees", "q": "wasps"}"#,
    ] {
        let status = server.status("/v1/search", JSON, wrong);
        assert!(status == 400 || status == 422, "{wrong}: {status}");
    }
    assert_eq!(server.status("/v1/search", JSON, r#"{"q": "bees", "year": "2020-2010"}"#), 400);
    let twice = r#"{"name": "a", "q": "bees", "q": "wasps"}"#;
    assert!([400, 422].contains(&server.status("/v1/saved", JSON, twice)));
    // As other languages write yes, no and lists.
    let explained = search(&server, "q=bees&explain=True&limit=1");
    assert!(explained["data"][0]["explanation"].is_object());
    let faceted = search(&server, "q=bees&facets=year&facets=venue&exact=FALSE&min_relevance=0");
    assert_eq!(faceted["facets"].as_object().unwrap().len(), 2);
    assert_eq!(search(&server, "q=bees&categories=hep-th&categories=hep-lat")["total"], 2);
}

#[test]
fn explaining_a_long_abstract_is_bounded() {
    let cognate = Cognate::new();
    let text: String = (0..2_000)
        .map(|i| match i {
            1_500 => "The bees of this colony dance on the comb for food. ".to_owned(),
            i => format!("In experiment {i} of many there was nothing to be seen at all. "),
        })
        .collect();
    let record = json!({"id": "long", "title": "Bees", "abstract": text}).to_string();
    let file = cognate.file("long.jsonl", &record);
    cognate.json(&["index", &file]);
    let server = cognate.serve(&[]);
    let answer = search(&server, "q=do+bees+dance+on+the+comb&explain=true");
    let sentence = &answer["data"][0]["explanation"]["best_sentence"];
    let at = |name: &str| sentence[name].as_u64().unwrap() as usize;
    let found: String = text.chars().skip(at("start")).take(at("end") - at("start")).collect();
    assert_eq!(found, "The bees of this colony dance on the comb for food.");
}
