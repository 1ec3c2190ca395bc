//! Lists of the library as filters and seeds, with notes and tags; and parts of the map as filters.

use serde_json::json;

use crate::harness::{Cognate, Server};

const JSON: &str = "application/json";

/// Keeps a list, and gives its page.
fn keep(server: &Server, name: &str, papers: &[&str]) -> String {
    let mut fields = vec![("do", "keep"), ("name", name)];
    fields.extend(papers.iter().map(|id| ("seed", *id)));
    let page = server.submit("/lists", &fields);
    assert_eq!(page.status, 200, "{}", page.html);
    page.html
}

fn n_papers(html: &str) -> usize {
    html.matches("<article class=\"paper\"").count()
}

#[test]
fn a_list_has_notes_and_tags_and_is_a_filter_of_searches() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    keep(&server, "Ice & snow", &["demo-001", "demo-002", "demo-003", "demo-004"]);
    let note = [
        ("do", "note"),
        ("list", "ice-snow"),
        ("entry", "demo-002"),
        ("note", "Weighs <b>two</b> models.\nRead again."),
        ("tags", "method, to read"),
    ];
    let page = server.submit("/lists", &note).html;
    assert!(page.contains("Weighs &#60;b&#62;two&#60;/b&#62; models."), "{page}");
    assert!(page.contains("/search?list=ice-snow&#38;tag=method"), "{page}");
    assert!(page.contains("value=\"method,to read\""), "{page}");
    let of_list = server.page("/search?list=ice-snow").html;
    assert_eq!(n_papers(&of_list), 4, "{of_list}");
    assert!(of_list.contains("List: Ice &#38; snow") && of_list.contains("name=\"list\" value=\"ice-snow\""));
    let tagged = server.page("/search?list=ice-snow&tag=to+read").html;
    assert!(n_papers(&tagged) == 1 && tagged.contains("data-id=\"demo-002\""), "{tagged}");
    assert!(tagged.contains("Tag: to read"), "{tagged}");
    assert_eq!(n_papers(&server.page("/search?list=ice-snow&tag=none").html), 0);
    let asked = server.page("/search?q=models&list=ice-snow").html;
    assert_eq!(n_papers(&asked), 4, "near by meaning, and of the list alone: {asked}");
    assert_eq!(server.page("/search?q=models&list=nobodys").status, 404);
    assert_eq!(n_papers(&server.page("/search?like=demo-010&list=ice-snow").html), 4);
    // A change of the list keeps what was written of what stays.
    let without = ["demo-001", "demo-003", "demo-004"].map(|id| ("without", id));
    let fields = [&[("do", "keep"), ("list", "ice-snow"), ("name", "Ice")][..], &without].concat();
    assert!(server.submit("/lists", &fields).html.contains("Read again."));
    let long = "x".repeat(5_000);
    let note = [("do", "note"), ("list", "ice-snow"), ("entry", "demo-002"), ("note", &*long)];
    assert_eq!(server.submit("/lists", &note).status, 400);
    let note = [("do", "note"), ("list", "ice-snow"), ("entry", "demo-001"), ("note", "gone")];
    assert_eq!(server.submit("/lists", &note).status, 400);
    // From the page of a paper, by whatever identifier.
    assert!(server.page("/papers/demo-005").html.contains("<option value=\"ice-snow\">Ice (1)</option>"));
    let added = server.submit("/lists", &[("do", "add"), ("list", "ice-snow"), ("seed", "demo-005")]).html;
    assert!(added.contains("Ice (2)"), "{added}");
    let new = [("do", "add"), ("list", ""), ("name", "Another"), ("seed", "demo-005")];
    assert!(server.submit("/lists", &new).html.contains("Another (1)"));
}

#[test]
fn a_list_is_a_file_and_the_seed_of_a_saved_search() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let page = keep(&server, "Snow", &["demo-001", "demo-002"]);
    assert!(page.contains("/library/file?list=snow&#38;format=ris"), "{page}");
    let (kind, ris) = server.text("/library/file?list=snow&format=ris");
    assert!(kind.contains("research-info-systems"), "{kind}");
    assert_eq!(ris.matches("TY  - ").count(), 2, "{ris}");
    let (_, csv) = server.text("/library/file?seed=demo-003&format=csv");
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert_eq!(server.page("/library/file?list=snow&format=doc").status, 400);
    assert_eq!(server.page("/library/file?list=nobodys&format=ris").status, 404);
    let fields = [
        ("do", "save"),
        ("name", "Like Snow"),
        ("seed", "demo-001"),
        ("seed", "demo-002"),
        ("less", "demo-009"),
        ("text", "Glaciers"),
    ];
    let saved = server.submit("/saved", &fields).html;
    assert!(
        saved.contains("/library?seed=demo-001&#38;seed=demo-002&#38;text=Glaciers&#38;less=demo-009"),
        "{saved}"
    );
    let request = server.get("/v1/saved/like-snow").body["request"].clone();
    let expected = json!({"seeds": ["demo-001", "demo-002", {"text": "Glaciers"}], "negative": ["demo-009"]});
    assert_eq!(request, expected);
    let new = server.get("/v1/saved/like-snow/new").body;
    assert!(new["total"].as_u64().unwrap() > 100, "{new}");
    let ids = server.get("/v1/search?filter=%7B%22ids%22%3A%5B%22demo-003%22%2C%22none%22%5D%7D").body;
    assert_eq!((&ids["total"], &ids["data"][0]["id"]), (&1.into(), &"demo-003".into()), "{ids}");
}

#[test]
fn a_seed_that_is_gone_locks_nobody_out() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let twins = r#"[{"id": "twin/a", "title": "Snow on old ice", "abstract": "Snow lies on old ice.", "doi": "10.5555/twin"},
        {"id": "twin/b", "title": "Snow on Old Ice", "abstract": "Snow lies on old ice", "doi": "10.5555/twin"},
        {"id": "bare", "year": 2020}]"#;
    assert_eq!(server.post("/v1/papers", JSON, twins).status, 200);
    keep(&server, "Snow", &["twin/b", "demo-001", "bare"]);
    assert_eq!(server.submit("/duplicates/drop", &[("paper", "twin/b"), ("kept", "twin/a")]).status, 200);
    let page = server.page("/library?list=snow").html;
    assert!(page.contains("twin/b was dropped as a duplicate of this one"), "{page}");
    assert!(
        page.contains("href=\"/papers/twin/a\"") && page.contains("neither title nor abstract"),
        "{page}"
    );
    assert!(n_papers(&page) >= 10, "the others go on: {page}");
    let gone = server.page("/library?seed=nobody&seed=demo-001").html;
    assert!(gone.contains("no paper has the id") && n_papers(&gone) >= 10, "{gone}");
    assert!(gone.contains("href=\"/library?seed=demo-001\""), "it can be taken away: {gone}");
    assert!(server.page("/library?seed=nobody").html.contains("one to find others by"));
    // More seeds than others can be looked for by.
    let many: Vec<String> = (1..=120).map(|at| format!("demo-{at:03}")).collect();
    let page = keep(&server, "Many", &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(page.contains("by the last 100 of these 120 papers") && n_papers(&page) > 0, "{page}");
}

#[test]
fn a_part_of_the_map_is_a_filter() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let map = server.page("/map").html;
    assert!(map.contains("148 papers.") && map.contains("Parts of the map"), "{map}");
    let parts: Vec<&str> =
        map.split("data-shape=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(parts.len() >= 3, "{map}");
    let total = |html: &str| -> u64 {
        let status = html.split("class=\"status\"").nth(1).unwrap();
        let of = status.split(" of ").nth(1).unwrap_or_else(|| panic!("{status}"));
        of.split(' ').next().unwrap().parse().unwrap()
    };
    let mut n_within = 0;
    for part in &parts {
        let page = server.page(&format!("/search?region={part}"));
        assert!(
            page.html.contains("A part of the map") && page.html.contains("newest first"),
            "{}",
            page.html
        );
        n_within += total(&page.html);
    }
    assert!((100..=148).contains(&n_within), "parts do not overlap, and most papers are in one: {n_within}");
    let all = "-1000.-1000_1001.-1000_1001.1001_-1000.1001";
    assert!(total(&server.page(&format!("/search?region={all}")).html) >= 145);
    let asked = server.page(&format!("/search?q=bats&region={}", parts[0])).html;
    assert!(asked.contains("Export") && asked.contains("Save and follow"), "{asked}");
    assert_eq!(server.page("/search?region=1.1_2.2").status, 400);
    let points = server.bytes("/map/points");
    let n = u32::from_le_bytes(points[..4].try_into().unwrap()) as usize;
    assert_eq!((n, points.len()), (148, 4 + 11 * 148));
}

#[test]
fn lists_of_the_library_are_kept_in_the_store() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let start = server.page("/library").html;
    assert!(start.contains("A list keeps these papers"), "{start}");
    let fields = [
        ("do", "keep"),
        ("name", "Ice & snow"),
        ("seed", "demo-001"),
        ("less", "demo-003"),
        ("text", "A title"),
    ];
    let page = server.submit("/lists", &fields).html;
    assert!(page.contains("Ice &#38; snow") && page.contains("data-seed=\"demo-001\""), "{page}");
    assert!(page.contains("less like") && page.contains("A title</span>"), "{page}");
    // A link to other papers leaves it as it is; a change of it is a change once it is kept.
    assert!(server.page("/library?seed=demo-002").html.contains("/library?list=ice-snow\""));
    let changed = server.page("/library?list=ice-snow&without=demo-001&seed=demo-002").html;
    assert!(changed.contains("Keep the changes") && !changed.contains("data-seed=\"demo-001\""), "{changed}");
    assert!(server.page("/library?list=ice-snow").html.contains("data-seed=\"demo-001\""));
    // What came into it since the form was drawn stays in.
    server.submit("/lists", &[("do", "add"), ("list", "ice-snow"), ("seed", "demo-004")]);
    server.submit(
        "/lists",
        &[("do", "note"), ("list", "ice-snow"), ("entry", "demo-004"), ("note", "To weigh")],
    );
    let change = [("list", "ice-snow"), ("name", "Snow"), ("without", "demo-001"), ("seed", "demo-002")];
    let kept = server.submit("/lists", &[&[("do", "keep")][..], &change[..]].concat()).html;
    assert!(kept.contains("data-seed=\"demo-002\"") && kept.contains("data-seed=\"demo-004\""), "{kept}");
    assert!(kept.contains("To weigh"));
    let copied = [("do", "copy"), ("list", "ice-snow"), ("name", "Other"), ("without", "demo-002")];
    let copied = server.submit("/lists", &copied).html;
    assert!(copied.contains("<h1 id=\"recommended\">Other") && copied.contains("To weigh"), "{copied}");
    assert!(!copied.contains("data-seed=\"demo-002\""));
    assert!(!server.page("/library?list=ice-snow").html.contains("demo-001\""));
    assert_eq!(server.page("/library?list=nobodys").status, 404);
    assert_eq!(server.submit("/lists", &[("do", "keep"), ("name", " "), ("seed", "demo-002")]).status, 400);
    // It outlives the server, and whoever deletes it gets the library.
    drop(server);
    let server = cognate.serve(&[]);
    assert!(server.page("/library?list=ice-snow").html.contains("data-seed=\"demo-002\""));
    let gone = server.submit("/lists", &[("do", "delete"), ("list", "ice-snow")]);
    assert!(gone.status == 200 && !gone.html.contains("list=ice-snow"), "{}", gone.html);
}

#[test]
fn a_list_of_a_thousand_papers_opens_and_a_dropped_one_is_the_one_that_stays() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    // Papers that are not here stand in a list as well; these ids are as long as DOIs.
    let ids: Vec<String> = (0..997).map(|n| format!("10.5555/not.here.{n:04}")).collect();
    let mut fields = vec![("do", "keep"), ("name", "Many")];
    fields.extend(["demo-001", "demo-002", "demo-003"].map(|id| ("seed", id)));
    fields.extend(ids.iter().map(|id| ("seed", id.as_str())));
    let page = server.submit("/lists", &fields);
    assert_eq!(page.status, 200);
    assert!(page.html.len() < 3_000_000, "{} bytes", page.html.len());
    assert!(page.html.contains("/library?list=many&#38;without=10.5555%2Fnot.here.0996\""));
    // What is followed is no more than can be looked for.
    let save = page.html.split("id=\"save\"").nth(1).unwrap().split("</form>").next().unwrap();
    assert_eq!(save.matches("name=\"seed\"").count(), 100);
    let seeds: Vec<&str> = ids.iter().map(String::as_str).take(101).collect();
    let refused =
        server.post("/v1/saved", JSON, &serde_json::json!({"name": "Too many", "seeds": seeds}).to_string());
    assert_eq!(refused.status, 400, "{}", refused.body);

    let twins = r#"[{"id": "twin/a", "title": "Sleep of octopuses in two stages", "abstract": "Octopuses sleep in two stages, one of them with colours.", "year": 2020, "doi": "10.5555/octo"},
        {"id": "twin/b", "title": "Sleep of octopuses in two stages", "abstract": "Octopuses sleep in two stages, one of them with colours.", "year": 2020, "doi": "10.5555/octo"}]"#;
    assert_eq!(server.post("/v1/papers", JSON, twins).status, 200);
    let both = [("do", "keep"), ("name", "Both"), ("seed", "twin/a"), ("seed", "twin/b")];
    assert_eq!(server.submit("/lists", &both).status, 200);
    let only = [("do", "keep"), ("name", "Only"), ("seed", "twin/b")];
    assert_eq!(server.submit("/lists", &only).status, 200);
    server.submit("/duplicates/drop", &[("paper", "twin/b"), ("kept", "twin/a")]);
    let (_, file) = server.text("/library/file?list=both&format=bibtex");
    assert_eq!(file.matches("\n@").count() + usize::from(file.starts_with('@')), 1, "{file}");
    assert!(server.page("/search?list=only").html.contains("data-id=\"twin/a\""));
}
