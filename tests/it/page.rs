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
        "publication_date": "2025-06-02"}"#;
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
    let papers = r#"[{"id": "tex/1", "title": "Collisions at $\\sqrt{s} = 13$ TeV", "publication_date": "2025-06-02",
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
    assert!(!list.contains("<form id=\"ask\"") && !list.contains("id=\"facets\""));
    let counts = server.page("/search?q=sleep+and+memory&part=facets").html;
    assert!(
        n_papers(&counts) == 0 && counts.contains("id=\"facets\"") && counts.contains("<svg class=\"years\"")
    );
    let why = server.page("/search?q=sleep+and+memory&offset=2&limit=3&part=why").html;
    assert_eq!(n_papers(&why), 3);
    assert!(why.contains("<meter") && why.contains("<mark>"));
    // Without script one hit at a time says why.
    let third = server.page("/search?q=sleep+and+memory&why=3").html;
    assert!(whole.contains("&#38;why=3#hit-3") && third.matches("<meter").count() <= 2, "{third}");
    let (before, after) = third.split_once("id=\"hit-3\"").unwrap();
    assert!(!before.contains("<meter") && after.split("id=\"hit-4\"").next().unwrap().contains("<meter"));
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
    check("/search?q=ice&why=me", 400, "`why`: expected the number");
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
    // Both records field by field, and the numbers of the queue.
    assert!(compared.html.contains("<table class=\"compared\"") && compared.html.contains("<del>"));
    assert!(yes.contains("1 decided"), "{yes}");
    assert!(no.contains("Snow on") || !a.starts_with("twin"), "{no}");
}

#[test]
fn the_points_of_the_map_are_where_the_papers_are() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let bytes = server.bytes("/map/points");
    let n = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    assert_eq!((n, bytes.len()), (148, 4 + 11 * 148));
    let row = |i: usize| u32::from_le_bytes(bytes[4 + 4 * i..8 + 4 * i].try_into().unwrap());
    assert!((1..n).all(|i| row(i) > row(i - 1)));
    let places = |from: usize| (0..n).map(move |i| from + 2 * i);
    let place = |at: usize| i16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
    let farthest = places(4 + 4 * n).chain(places(4 + 6 * n)).map(|at| place(at).unsigned_abs()).max();
    assert!(farthest.is_some_and(|far| (25_000..=32_000).contains(&far)), "{farthest:?}");
    assert!(places(4 + 8 * n).map(place).all(|year| (1900..2030).contains(&year)));
    assert!(bytes[4 + 10 * n..].iter().all(|colour| *colour < 10));

    let found = server.get("/map/found?q=starspots").body;
    let first = found["rows"][0].as_u64().unwrap();
    assert!(server.page(&format!("/map/paper/{first}")).html.contains("Unocculted Spots"));
    assert_eq!(server.bytes("/map/points"), bytes, "the same papers, the same map");
}

#[test]
fn a_part_of_the_map_is_searched_exported_and_followed() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    // Who asks for a part of it before anybody looked at it has it drawn.
    let all = "/v1/search?filter=%7B%22region%22:%22-1000.-1000_1000.-1000_1000.1000_-1000.1000%22%7D";
    let early = server.get(all);
    assert_eq!((early.status, &early.body["code"]), (503, &"not_ready".into()), "{}", early.body);
    let found = wait_for("the map", || Some(server.get(all)).filter(|answer| answer.status == 200)).body;
    assert!(found["total"].as_u64().is_some_and(|n| n > 130), "{found}");

    let html = server.page("/map").html;
    let part = html.split("href=\"/search?region=").nth(1).unwrap().split('"').next().unwrap();
    let n_papers = html.split(part).nth(2).unwrap().split("class=\"n\">").nth(1).unwrap();
    let n_papers: usize = n_papers.split('<').next().unwrap().parse().unwrap();
    let list = server.page(&format!("/search?region={part}&q=ice")).html;
    assert!(list.contains(&format!(" of {n_papers} papers")), "{n_papers}: {list}");
    let href = |html: &str, from: &str, what: &str| {
        let link = html.split("href=\"").find(|link| link.starts_with(from) && link.contains(what));
        link.unwrap_or_else(|| panic!("no {what} in {html}")).split('"').next().unwrap().replace("&#38;", "&")
    };
    let best = server.text(&href(&list, "/v1/search?", "format=jsonl")).1;
    let file = server.text(&href(
        &server.page(&format!("/search?region={part}")).html,
        "/v1/export?",
        "format=jsonl",
    ));
    assert_eq!(file.1.lines().count(), n_papers);
    assert!(best.lines().count() <= n_papers && best.lines().all(|paper| file.1.contains(paper)), "{best}");

    let filter = format!("{{\"must\":[{{\"region\":\"{part}\"}}]}}");
    assert!(list.contains(&filter.replace('"', "&#34;")), "{list}");
    let saved =
        server.submit("/saved", &[("do", "save"), ("name", "Ice there"), ("q", "ice"), ("filter", &filter)]);
    assert!(saved.html.contains(&format!("/search?q=ice&#38;region={part}")), "{}", saved.html);
    let all = server.submit("/saved", &[("do", "save"), ("name", "All there"), ("filter", &filter)]);
    assert_eq!(all.status, 200, "{}", all.html);
    let feed = server.text("/v1/saved/all-there/feed.atom").1;
    assert!((1..=n_papers).contains(&feed.matches("<entry>").count()), "{feed}");
    let wrong = server.page("/search?region=1.1_2.2");
    assert_eq!(wrong.status, 400);
    assert!(wrong.html.contains("`region`: expected 3 to 400 corners"), "{}", wrong.html);
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

#[test]
fn a_search_is_saved_followed_and_forgotten() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    assert!(server.page("/saved").html.contains("Nothing is saved yet"));
    let papers = r#"[{"id": "b/1", "title": "Bats at $x^2$ dusk", "year": 2020}, {"id": "b/2", "title": "Bats in caves", "year": 2021},
        {"id": "b/3", "title": "Bats in winter", "year": 2022}]"#;
    assert_eq!(server.post("/v1/papers", JSON, papers).status, 200);
    let form = server.page("/search?q=bats&year=2020%2C2021").html;
    assert!(
        form.contains("action=\"/saved\"") && form.contains("/v1/search?q=bats&#38;limit=1000"),
        "{form}"
    );
    let filter = r#"{"must":[{"should":[{"year":"2020"},{"year":"2021"}]}]}"#;
    let fields = [("do", "save"), ("q", "bats"), ("filter", filter), ("name", "Bats & more")];
    let page = server.submit("/saved", &fields);
    assert_eq!(page.status, 200, "{}", page.html);
    assert!(page.html.contains("id=\"bats-more\"") && page.html.contains("2 new papers"), "{}", page.html);
    assert!(page.html.contains("href=\"/search?q=bats&#38;year=2020%2C2021\""), "{}", page.html);
    assert!(page.html.contains("<msup>") && page.html.contains("/v1/saved/bats-more/feed.atom"));
    let (_, atom) = server.text("/v1/saved/bats-more/feed.atom");
    assert!(atom.contains("<title type=\"html\">Bats at &lt;math&gt;"), "{atom}");
    let (_, json) = server.text("/v1/saved/bats-more/feed.json");
    assert!(json.contains("content_html") && json.contains("<math>"), "{json}");

    let until = page.html.split("name=\"until\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(until, "3");
    // What has not come yet is not seen, whatever the form says.
    let page = server.submit("/saved", &[("do", "seen"), ("id", "bats-more"), ("until", "4000000000")]);
    assert!(page.html.contains("Nothing new"), "{}", page.html);
    let more = r#"{"id": "b/4", "title": "Bats of 2021", "year": 2021}"#;
    assert_eq!(server.post("/v1/papers", JSON, more).status, 200);
    assert!(server.page("/saved").html.contains("1 new paper"));

    assert_eq!(server.submit("/saved", &[("do", "seen"), ("id", "none"), ("until", "1")]).status, 404);
    assert_eq!(server.submit("/saved", &[("do", "save"), ("q", "bats"), ("year", "soon")]).status, 400);
    assert!(
        server.submit("/saved", &[("do", "delete"), ("id", "bats-more")]).html.contains("Nothing is saved")
    );
}

#[test]
fn a_feed_has_an_address_of_its_own_where_keys_are_in_force() {
    let cognate = Cognate::with_demo();
    let key =
        cognate.json(&["keys", "add", "writer", "--scope", "write"])["key"].as_str().unwrap().to_owned();
    cognate.json(&["saved", "add", "bats"]);
    let server = cognate.serve(&[]);
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let ask = |form: &[(&str, &str)]| {
        let request = agent.post(format!("{}/saved", server.address)).header("x-api-key", &key);
        let mut answer = request.send_form(form.iter().copied()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    let (status, page) = ask(&[("do", "open"), ("id", "bats")]);
    assert_eq!(status, 200, "{page}");
    let address =
        page.split("href=\"").find(|part| part.starts_with("/v1/saved/bats/feed.atom?key=")).unwrap();
    let address = address.split('"').next().unwrap();
    // At once, and for this feed alone.
    let secret = address.split("key=").nth(1).unwrap();
    assert_eq!(server.get("/v1/saved/bats/feed.atom").status, 401);
    assert!(server.text(address).1.contains("<feed"));
    assert_eq!(server.get(&format!("/v1/search?q=bats&key={secret}")).status, 401);
    assert_eq!(server.get_with("/v1/search?q=bats", ("x-api-key", secret)).status, 403);

    let name = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(name.starts_with("feed.bats."));
    assert_eq!(ask(&[("do", "close"), ("key", "writer")]).0, 404);
    assert_eq!(ask(&[("do", "close"), ("key", name)]).0, 200);
    assert_eq!(server.get(address).status, 401);
    assert_eq!(server.get_with("/v1/search?q=bats", ("x-api-key", &key)).status, 200);
}

#[test]
fn choosing_a_value_leaves_the_others_to_be_chosen_too() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    let papers = r#"[{"id": "1", "title": "Ice on lakes", "year": 2019, "categories": ["a", "b, c"], "venue": "Ice, Snow and Rain"},
        {"id": "2", "title": "Ice on seas", "year": 2020, "categories": ["a"], "venue": "Lancet"},
        {"id": "3", "title": "Ice on rivers", "year": 2022, "categories": ["d"], "venue": "Nature"}]"#;
    assert_eq!(server.post("/v1/papers", JSON, papers).status, 200);
    let n_papers = |html: &str| html.matches("<article class=\"paper\"").count();
    let check = |path: &str, n: usize, parts: &[&str]| {
        let page = server.page(path);
        assert_eq!((page.status, n_papers(&page.html)), (200, n), "{path}: {}", page.html);
        for part in parts {
            assert!(page.html.contains(part), "{path} lacks {part}: {}", page.html);
        }
        page.html
    };
    let one = check(
        "/search?q=ice&year=2019",
        1,
        &["/search?q=ice&#38;year=2019%2C2020", "aria-label=\"2022: 1 paper\"", "Year: 2019"],
    );
    assert!(one.contains("/search?q=ice\"") && !one.contains("All filters"), "{one}");
    let both =
        check("/search?q=ice&year=2019%2C2022", 2, &["/search?q=ice&#38;year=2022", "aria-current=\"true\""]);
    assert_eq!(both.matches("aria-current=\"true\"><title>").count(), 2, "{both}");
    check("/search?q=ice&year=2018-2020,2022", 3, &[]);
    check("/search?q=ice&categories=%22b%2C+c%22,d", 2, &["Category: b, c", "All filters"]);
    let venue = "%22Ice%2C+Snow+and+Rain%22";
    check(&format!("/search?q=ice&venue={venue}%2CNature"), 2, &["Venue: Ice, Snow and Rain"]);
    check(&format!("/search?venue={venue}"), 1, &["/v1/export?venue=Ice%2C+Snow+and+Rain&#38;format=csv"]);
    // Near a paper too.
    check(
        "/search?like=1&year=2020%2C2022",
        2,
        &["aria-label=\"2020: 1 paper\"", "/v1/papers/1/similar?limit=1000"],
    );
    let (_, file) = server.text("/v1/export?q=ice&filter=%7B%22must%22%3A%5B%7B%22should%22%3A%5B%7B%22year%22%3A%222019%22%7D%2C%7B%22year%22%3A%222022%22%7D%5D%7D%5D%7D");
    assert_eq!(file.lines().count(), 2, "{file}");
    check("/search?q=rivrs+ice", 3, &["Showing results for <strong>rivers ice</strong>", "<q>rivrs</q>"]);
}

#[test]
fn trends_have_a_page() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    assert!(server.page("/trends").html.contains("no papers with a day yet"));
    let mut papers = String::new();
    for (id, date, votes) in [("a", "2020-03-02", 3), ("b", "2020-03-04", 9), ("c", "2020-01-01", 0)] {
        papers += &format!(
            "{{\"id\": \"{id}\", \"title\": \"Title {id}\", \"publication_date\": \"{date}\", \"upvotes\": {votes}}}\n"
        );
    }
    assert_eq!(server.post("/v1/papers", "application/x-ndjson", &papers).status, 200);
    let page = server.page("/trends").html;
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text:?} in {page}"));
    assert!(at("Title b") < at("Title a") && !page.contains("Title c"));
    assert!(page.contains("2 papers from 27 February 2020 to 4 March 2020"), "{page}");
    assert!(page.contains("by their votes") && page.contains("/trends?days=365"));
    assert!(
        server
            .page("/trends?date=2020-01-03&days=30")
            .html
            .contains("from 5 December 2019 to 3 January 2020")
    );
    assert_eq!(server.page("/trends?days=0").status, 400);
    assert_eq!(server.page("/trends?date=soon").status, 400);
}

#[test]
fn what_has_no_day_and_what_is_to_come_are_not_of_today() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    assert_eq!(
        server.post("/v1/papers", JSON, r#"{"id": "y", "title": "Of a year", "year": 1990}"#).status,
        200
    );
    // Nothing has a day: what came last is shown.
    let page = server.page("/").html;
    assert!(
        page.contains("Of a year") && page.contains("added here") && !page.contains("Published</a>"),
        "{page}"
    );
    let papers = r#"[{"id": "d", "title": "Of a day", "publication_date": "2020-03-02"},
        {"id": "f", "title": "To come", "publication_date": "2099-01-01"}]"#;
    assert_eq!(server.post("/v1/papers", JSON, papers).status, 200);
    let page = server.page("/").html;
    assert!(page.contains("Of a day") && !page.contains("Of a year") && !page.contains("To come"), "{page}");
    assert!(!page.contains("Trending") && !page.contains("2099"), "{page}");
    let added = server.page("/?by=indexed").html;
    assert!(["Of a day", "Of a year", "To come"].iter().all(|title| added.contains(title)), "{added}");
    assert!(server.page("/?date=2099-01-01").html.contains("To come"));
    assert_eq!(server.page("/?by=size").status, 400);
}

#[test]
fn files_come_in_with_progress() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    let first = server.page("/").html;
    assert!(first.contains("No papers yet") && first.contains("index papers.bib"), "{first}");
    assert!(first.contains(cognate.data().to_str().unwrap()), "{first}");
    let bib: String = (0..300)
        .map(|i| {
            format!("@article{{k{i}, title = {{Ice number {i} of the north}}, year = {{20{:02}}}}}\n", i % 20)
        })
        .collect();
    let send = |name: &str, kind: &str, bytes: &[u8]| {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let request = agent.post(format!("{}/import?name={name}", server.address)).content_type(kind);
        let mut answer = request.send(bytes).unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, answer.body_mut().read_to_string().unwrap())
    };
    let last = |text: &str| -> (String, serde_json::Value) {
        let event = text.trim().rsplit("\n\n").next().unwrap();
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        (field("event:").to_owned(), serde_json::from_str(field("data:")).unwrap())
    };
    let (kind, text) = send("mine.bib", "application/octet-stream", bib.as_bytes());
    assert_eq!(kind, "text/event-stream");
    assert!(text.contains("event: progress"), "{text}");
    let (name, data) = last(&text);
    assert_eq!((name.as_str(), &data["added"]), ("done", &serde_json::json!(300)), "{data}");
    assert_eq!(data["words"], "300 records: 300 added");
    assert!(server.page("/").html.contains("of 300 papers"));
    // The same file once more, and one with a fault.
    let (_, data) = last(&send("mine.bib", "application/octet-stream", bib.as_bytes()).1);
    assert_eq!(data["words"], "300 records: 300 known already");
    let lines = b"{\"id\": \"x\", \"title\": \"Good\"}\n{\"id\": 3\n";
    let (_, data) = last(&send("lines.jsonl", "application/octet-stream", lines).1);
    assert_eq!((&data["added"], &data["skipped"]), (&1.into(), &1.into()), "{data}");
    assert_eq!(data["faults"].as_array().unwrap().len(), 1, "{data}");
    // What is no file of papers is told, and so is nothing at all.
    let (name, data) =
        last(&send("cat.png", "application/octet-stream", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR").1);
    assert!(name == "failed" || !data["faults"].as_array().unwrap().is_empty(), "{name} {data}");
    let (name, data) = last(&send("empty", "application/octet-stream", b"").1);
    assert!(name == "failed" || !data["faults"].as_array().unwrap().is_empty(), "{name} {data}");

    let page = server.submit("/import", &[("records", "@article{p, title = {Pasted ice}}")]);
    assert!(page.html.contains("1 record: 1 added"), "{}", page.html);
    assert_eq!(server.submit("/import", &[("records", " ")]).status, 400);
    let sources = cognate.json(&["stats", "--by", "source"])["sources"].to_string();
    assert!(sources.contains("mine.bib"), "{sources}");
}

#[test]
fn the_small_collection_comes_at_a_click() {
    let cognate = Cognate::new();
    let server = cognate.serve(&[]);
    assert!(server.page("/").html.contains("Add the small collection"));
    let page = server.submit("/import", &[("demo", "1")]);
    assert!(page.html.contains("148 records: 148 added"), "{}", page.html);
    assert!(!server.page("/").html.contains("Add the small collection"));
    // The same with progress, for a script.
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let request = agent.post(format!("{}/import", server.address)).header("accept", "text/event-stream");
    let mut answer = request.send_form([("demo", "1")]).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    assert!(text.contains("event: done") && text.contains("148 known already"), "{text}");
    let sources = cognate.json(&["stats", "--by", "source"])["sources"].to_string();
    assert!(sources.contains("\"demo\""), "{sources}");
}

#[test]
fn a_record_is_dropped_on_the_page_of_a_paper_and_brought_back() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let twins = r#"[{"id": "twin/a", "title": "Snow on old ice", "abstract": "Snow lies on old ice.", "doi": "10.5555/twin"},
        {"id": "twin/b", "title": "Snow on Old Ice", "abstract": "Snow lies on old ice", "doi": "10.5555/twin"}]"#;
    assert_eq!(server.post("/v1/papers", JSON, twins).status, 200);
    assert!(server.page("/papers/twin/a").html.contains("Drop that record"));
    let pair = [("paper", "twin/b"), ("kept", "twin/a")];
    let kept = server.submit("/duplicates/drop", &pair).html;
    assert!(kept.contains("Dropped for this one") && !kept.contains("Drop that record"), "{kept}");
    let dropped = server.page("/papers/twin/b");
    assert_eq!(dropped.status, 404);
    assert!(dropped.html.contains("href=\"/papers/twin/a\"") && dropped.html.contains("Bring it back"));
    assert_eq!(server.get("/v1/papers/twin/b").status, 404);
    assert!(server.get("/v1/dedup/labels").body.to_string().contains("twin/b"), "the word is kept");
    let back = server.submit("/duplicates/undo", &pair);
    assert_eq!(back.status, 200, "{}", back.html);
    assert_eq!(server.get("/v1/papers/twin/b").status, 200);
    assert!(!server.get("/v1/dedup/labels").body.to_string().contains("twin/b"));
    // What nothing says may be the same is not dropped.
    assert_eq!(server.submit("/duplicates/drop", &[("paper", "demo-001"), ("kept", "twin/a")]).status, 400);
    assert_eq!(server.submit("/duplicates/drop", &[("paper", "twin/b")]).status, 400);
    assert_eq!(server.get("/v1/papers/demo-001").status, 200);
}

#[test]
fn a_paper_says_where_it_is_what_differs_and_what_is_near() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let authors: Vec<String> = (0..3_000).map(|i| format!("\"Ann Author{i}\"")).collect();
    let papers = format!(
        r#"[{{"id": "v/1", "title": "Sleep of octopuses in two stages", "abstract": "Octopuses sleep in two stages.", "year": 2020,
            "external_ids": {{"arxiv": "2001.00001", "doi": "10.5555/octo"}}, "authors": [{}]}},
           {{"id": "v/2", "title": "Sleep of octopuses in three stages", "abstract": "Octopuses sleep in three stages.",
            "year": 2021, "external_ids": {{"doi": "10.5555/octo"}}, "url": "javascript:alert(1)"}}]"#,
        authors.join(",")
    );
    let answer = server.post("/v1/papers", JSON, &papers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let page = server.page("/papers/v/1").html;
    for part in [
        "https://arxiv.org/pdf/2001.00001\"",
        "https://doi.org/10.5555/octo\"",
        "and 2,988 more authors",
        "<del>two</del>",
        "<ins>three</ins>",
        "/v1/export?q=v%2F1&#38;format=ris",
        "TY  - ",
        "<svg viewBox=\"0 0 360 300\"",
    ] {
        assert!(page.contains(part), "no {part}: {}", &page[..page.len().min(40_000)]);
    }
    assert!(!page.contains("javascript:"));
    let (_, ris) = server.text("/v1/export?q=v%2F1&format=ris");
    assert_eq!(ris.matches("TY  - ").count(), 1, "{ris}");
    let graph = page.split("<figure").nth(1).unwrap().split("</figure>").next().unwrap();
    assert!(graph.matches("<circle").count() >= 6 && graph.matches("<line").count() >= 5, "{graph}");
}
