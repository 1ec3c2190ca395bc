//! The web page, as it comes over the socket; `browser` looks at it as people do.

use std::fs::File;
use std::io::Write;
use std::net::TcpStream;

use crate::harness::{Cognate, Server, wait_for};

const JSON: &str = "application/json";

#[test]
fn texts_are_texts_and_nothing_is_loaded_from_elsewhere() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let odd = r#"{"id": "odd/<i>", "title": "<script>alert('1')</script> & \"x\"", "authors": ["<b>Ann</b>"],
        "abstract": "On $a<b$ & others.", "url": "javascript:alert(1)", "categories": ["<u>"], "venue": "\"><img>",
        "publication_date": "2031-01-02"}"#;
    assert_eq!(server.post("/v1/papers", JSON, odd).status, 200);
    let paths = [
        "/",
        "/papers/odd/%3Ci%3E",
        "/search?q=odd%2F%3Ci%3E&why=1",
        "/library?seed=odd%2F%3Ci%3E&seed=demo-001",
    ];
    for path in paths {
        let page = server.page(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.policy.starts_with("default-src 'none'; script-src 'self'"), "{path}: {}", page.policy);
        assert!(page.html.contains("&lt;script&gt;alert('1')"), "{path}");
        for raw in
            ["<script>alert", "<b>Ann", "<u>", "\"><img", "href=\"javascript", "http://", "<style", " style="]
        {
            assert!(!page.html.contains(raw), "{path} holds {raw}");
        }
    }
    let title = "<title>&#60;script&#62;";
    assert!(server.page("/papers/odd/%3Ci%3E").html.contains(title));
}

#[test]
fn formulas_are_set_in_pages_and_messages() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let papers = r#"[{"id": "tex/1", "title": "Collisions at $\\sqrt{s} = 13$ TeV", "publication_date": "2031-01-02",
        "abstract": "We use Schr\\\"odinger's equation and $p_T < 5$ GeV. It costs $5 or $6."}]"#;
    assert_eq!(server.post("/v1/papers", JSON, papers).status, 200);
    let root = "<math><msqrt><mi>s</mi></msqrt><mo>=</mo><mn>13</mn></math>";
    for path in ["/", "/papers/tex/1", "/search?q=tex%2F1", "/library?seed=tex%2F1"] {
        let page = server.page(path).html;
        assert!(page.contains(root), "{path}: {page}");
        assert!(
            page.contains("<span class=\"source\" aria-hidden=\"true\">$\\sqrt{s} = 13$</span>"),
            "{path}"
        );
    }
    let page = server.page("/papers/tex/1").html;
    assert!(page.contains("Schrödinger's") && page.contains("<msub><mi>p</mi><mi>T</mi></msub>"), "{page}");
    assert!(page.contains("It costs $5 or $6."), "{page}");
    // What is read by programs has the text as it is written.
    assert!(page.contains("<title>Collisions at $\\sqrt{s} = 13$ TeV"), "{page}");
    let body = server.get("/v1/papers/tex/1").body;
    assert_eq!(body["title"], "Collisions at $\\sqrt{s} = 13$ TeV");
}

#[test]
fn odd_names_have_links_that_find_them() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let papers = r#"[{"id": "notes.md", "title": "A note", "categories": ["Medicine, General"]},
        {"id": "notes", "title": "Another note"}]"#;
    assert_eq!(server.post("/v1/papers", JSON, papers).status, 200);
    assert!(server.page("/papers/notes.md").html.contains("<title>A note"));
    assert!(server.page("/papers/notes.md.md").html.starts_with("# A note"));
    let link = "/search?categories=%22Medicine%2C+General%22";
    assert!(server.page("/papers/notes.md").html.contains(link));
    let found = server.page(link).html;
    assert_eq!(found.matches("<article class=\"paper\"").count(), 1);
    assert!(found.contains("A note"));
}

#[test]
fn names_lead_to_all_that_the_filter_gives() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let papers = r#"[{"id": "s/1", "title": "Dark matter halos and weak lensing", "authors": ["Carlos Frenk"], "year": 2019,
        "categories": ["cond-mat.new"], "venue": "Lancet"}, {"id": "s/2", "authors": ["Carlos Frenk"], "year": 2024}]"#;
    assert_eq!(server.post("/v1/papers", JSON, papers).status, 200);
    for (link, n_papers) in [("author=Carlos+Frenk", 2), ("categories=cond-mat.new", 1), ("venue=Lancet", 1)]
    {
        let of_paper = server.page("/papers/s/1").html;
        assert!(of_paper.contains(&format!("\"/search?{link}\"")), "{link}: {of_paper}");
        let found = server.page(&format!("/search?{link}")).html;
        assert_eq!(found.matches("<article class=\"paper\"").count(), n_papers, "{link}: {found}");
        let answer = server.get(&format!("/v1/search?{link}")).body;
        assert_eq!(answer["total"], n_papers, "{link}");
    }
}

#[test]
fn a_search_comes_whole_or_in_parts() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let n_papers = |html: &str| html.matches("<article class=\"paper\"").count();
    let whole = server.page("/search?q=sleep+and+memory").html;
    assert_eq!(n_papers(&whole), 20);
    assert!(whole.contains("<form id=\"ask\"") && !whole.contains("<meter"));
    let list = server.page("/search?q=sleep+and+memory&part=list").html;
    assert_eq!(n_papers(&list), 20);
    assert!(!list.contains("<form") && list.contains("id=\"facets\""));
    let why = server.page("/search?q=sleep+and+memory&offset=2&limit=3&part=why").html;
    assert_eq!(n_papers(&why), 3);
    assert!(why.contains("<meter") && why.contains("<mark>"));
    let next = server.page("/search?q=sleep+and+memory&offset=20").html;
    assert!(next.contains("start=\"21\"") && next.contains("rel=\"prev\""));

    let check = |path: &str, status: u16, expected: &str| {
        let page = server.page(path);
        assert_eq!(page.status, status, "{path}");
        assert!(page.html.contains(expected), "{path}: {}", page.html);
    };
    check("/search", 200, "Ask a question");
    check("/search?q=ice&year=soon", 400, "`year`: expected");
    check("/search?q=ice&colour=red", 400, "colour");
    check("/search?q=ice&part=all", 400, "`part`");
    check("/search?like=nobody", 404, "no paper has the id");
    check("/search?q=ice&offset=140", 200, "rel=\"prev\"");
    check("/papers/nobody", 404, "no paper has the id");
    check("/papers/%ff", 400, "percent-encoded");
    check("/map/paper/99999", 404, "no paper");
    check("/?date=tomorrow", 400, "`date`: expected");
    check("/?sort=best", 400, "`sort`: expected");
}

#[test]
fn days_lead_to_one_another() {
    let cognate = Cognate::new();
    let papers = r#"{"id": "a", "title": "First snow", "publication_date": "2020-03-02", "upvotes": 1}
{"id": "b", "title": "Second snow", "publication_date": "2020-03-02", "upvotes": 7}
{"id": "c", "title": "Thaw", "publication_date": "2020-04-30"}"#;
    let server = cognate.serve(&[]);
    assert!(server.page("/").html.contains("No papers yet"));
    assert!(server.page("/map").html.contains("0 papers"));
    let file = cognate.file("papers.jsonl", papers);
    cognate.json(&["index", &file]);
    let latest = wait_for("the papers to be seen", || {
        Some(server.page("/").html).filter(|html| html.contains("Thaw"))
    });
    assert!(latest.contains("Thursday, 30 April 2020") && latest.contains("/?date=2020-03-02"));
    let at = |html: &str, text: &str| html.find(text).unwrap_or_else(|| panic!("no {text:?} in {html}"));
    let day = server.page("/?date=2020-03-02&sort=trending").html;
    assert!(at(&day, "Second snow") < at(&day, "First snow"));
    assert!(day.contains("/?date=2020-W10&#38;sort=trending"), "{day}");
    assert!(server.page("/?date=2020-03").html.contains("/?date=2020-04"));
}

#[test]
fn a_bibliography_becomes_seeds() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let own = server.get("/v1/papers/demo-002").body;
    let title = own["title"].as_str().unwrap();
    let bibliography = format!(
        "@article{{any, title = {{{}}}}}\n@book{{x, title = {{How Glaciers Move}}}}\n@misc{{y, note = {{nothing}}}}",
        title.to_uppercase()
    );
    let page = server.submit("/library", &[("seed", "demo-001"), ("bibliography", &bibliography)]);
    assert_eq!(page.status, 200);
    assert!(page.html.contains("data-seed=\"demo-001\"") && page.html.contains("data-seed=\"demo-002\""));
    assert!(page.html.contains("How Glaciers Move</span> <span class=\"less\">not among the papers here"));
    assert!(page.html.contains("1 entry could not be taken"), "{}", page.html);
    assert!(page.html.matches("class=\"paper\"").count() >= 10);
    assert!(server.page("/library?seed=nobody").html.contains("no paper has the id"));

    let first = |page: &str| {
        let html = server.submit("/library", &[("seed", "demo-001"), ("part", "list"), ("hide", page)]).html;
        let id = html.split("data-id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert!(!html.contains("<form"));
        id
    };
    let seen = first("");
    assert_ne!(first(&seen), seen);
}

#[test]
fn people_say_what_is_a_duplicate() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let twins = r#"[{"id": "twin/a", "title": "Snow on old ice", "abstract": "Snow lies on old ice.", "doi": "10.5555/twin"},
        {"id": "twin/b", "title": "Snow on Old Ice", "abstract": "Snow lies on old ice", "doi": "10.5555/twin"}]"#;
    assert_eq!(server.post("/v1/papers", JSON, twins).status, 200);
    assert!(server.page("/duplicates").html.contains("Compare all papers"));
    let compared = server.submit("/duplicates", &[("label", "compare")]);
    assert_eq!(compared.status, 200, "{}", compared.html);
    let n_pairs = |html: &str| html.matches("class=\"pair\"").count();
    let n_all = n_pairs(&compared.html);
    assert!(n_all >= 5, "{}", compared.html);
    let field = |html: &str, name: &str| {
        let value = html.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        value.split('"').next().unwrap().to_owned()
    };
    let (a, b) = (field(&compared.html, "a"), field(&compared.html, "b"));
    let say = |label: &str| server.submit("/duplicates", &[("a", &a), ("b", &b), ("label", label)]).html;
    let no = say("no");
    assert_eq!(n_pairs(&no), n_all - 1);
    assert!(no.contains("You said that these are two papers each"));
    let back = say("neither");
    assert_eq!(n_pairs(&back), n_all);
    assert!(!back.contains("You said"));
    let yes = say("yes");
    assert_eq!(n_pairs(&yes), n_all);
    assert!(yes.contains("You said that they are the same"));
    assert_eq!(server.submit("/duplicates", &[("label", "maybe")]).status, 400);
}

#[test]
fn the_points_of_the_map_are_where_the_papers_are() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let bytes = server.bytes("/map/points");
    let n = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    assert_eq!((n, bytes.len()), (148, 4 + 9 * 148));
    let row = |i: usize| u32::from_le_bytes(bytes[4 + 4 * i..8 + 4 * i].try_into().unwrap());
    assert!((1..n).all(|i| row(i) > row(i - 1)));
    let places = |from: usize| (0..n).map(move |i| from + 2 * i);
    let place = |at: usize| i16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
    let farthest = places(4 + 4 * n).chain(places(4 + 6 * n)).map(|at| place(at).unsigned_abs()).max();
    assert_eq!(farthest, Some(32_000));
    assert!(bytes[4 + 8 * n..].iter().all(|colour| *colour < 10));

    let found = server.get("/map/found?q=starspots").body;
    let first = found["rows"][0].as_u64().unwrap();
    assert!(server.page(&format!("/map/paper/{first}")).html.contains("Unocculted Spots"));
    assert_eq!(server.bytes("/map/points"), bytes, "the same papers, the same map");
}

/// Closes connections before they are answered, as a browser does when somebody types on.
#[test]
fn a_search_that_nobody_waits_for_does_not_reach_the_model() {
    let cognate = Cognate::with_demo();
    let log = cognate.folder.path().join("log");
    let mut command = cognate.command(&["serve", "--bind", "127.0.0.1:0"]);
    command.env("COGNATE_LOG", "debug").stderr(File::create(&log).unwrap());
    let server = Server::start(command);
    let text = "sleep+".repeat(300);
    wait_for("a query to be passed over", || {
        let connections: Vec<TcpStream> = (0..24)
            .map(|i| {
                let mut stream = TcpStream::connect(server.address.strip_prefix("http://").unwrap()).unwrap();
                let request =
                    format!("GET /search?q={i}+{text}&part=list HTTP/1.1\r\nHost: localhost\r\n\r\n");
                stream.write_all(request.as_bytes()).unwrap();
                stream
            })
            .collect();
        drop(connections);
        std::fs::read_to_string(&log).unwrap().contains("superseded queries").then_some(())
    });
    assert_eq!(server.page("/search?q=sleep").status, 200);
}

#[test]
fn a_papers_page_names_its_duplicates_and_says_why() {
    let cognate = Cognate::with_demo();
    let html = cognate.serve(&[]).page("/papers/demo-014").html;
    let (_, lists) = html.split_once("The same paper").expect("a list of duplicates");
    let (same, similar) = lists.split_once("Similar papers").expect("a list of similar papers");
    assert!(same.contains(r#"data-id="demo-042""#) && same.contains("the same authors"), "{same}");
    assert!(!similar.contains(r#"data-id="demo-042""#), "{similar}");
}

#[test]
fn a_dropped_seed_is_told_of_and_locks_nobody_out() {
    let cognate = Cognate::new();
    let twin = |id: &str| {
        format!(
            "{{\"id\": \"{id}\", \"title\": \"Sleep and memory in octopuses\", \"doi\": \"10.5555/octo\", \
             \"abstract\": \"Octopuses sleep in two stages, and learn better after both.\", \
             \"authors\": [\"Ann Bo\"], \"year\": 2021}}\n"
        )
    };
    let other = "{\"id\": \"other\", \"title\": \"Squid that dream\", \"year\": 2020}\n";
    let file = cognate.file("twins.jsonl", &(twin("one") + &twin("two") + other));
    cognate.json(&["index", &file]);
    let applied = cognate.json(&["dedup", "--apply"]);
    assert_eq!(applied["applied"]["dropped"], 1, "{applied}");
    let server = cognate.serve(&[]);
    for seed in ["one", "two"] {
        let page = server.page(&format!("/library?seed={seed}&seed=other"));
        assert_eq!(page.status, 200, "{}", page.html);
        assert!(page.html.contains("Squid that dream"));
    }
}
