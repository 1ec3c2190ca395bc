//! Parameters: what a route takes, and how it says what it does not.

use serde_json::{Value, json};

use crate::harness::{Cognate, ids};

const JSON: &str = "application/json";

fn message(body: &Value) -> &str {
    body["message"].as_str().unwrap_or_else(|| panic!("{body}"))
}

#[test]
fn an_address_has_only_what_its_route_takes() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    for (path, body) in [
        ("/v1/search?limit=1", r#"{"q": "bats"}"#),
        ("/v1/search/batch?limit=1", r#"{"searches": [{"q": "bats"}]}"#),
        ("/v1/search/range?limit=1", r#"{"q": "bats"}"#),
        ("/v1/recommend?limit=1", r#"{"positive": [{"text": "bats"}]}"#),
        ("/v1/embeddings?limit=1", r#"{"input": "bats"}"#),
        ("/v1/saved?limit=1", r#"{"q": "bats"}"#),
        ("/v1/dedup?limit=1", ""),
        ("/v1/dedup/apply?limit=1", ""),
        ("/v1/dedup/tasks?limit=1", ""),
    ] {
        let answer = server.post(path, JSON, body);
        assert_eq!(answer.status, 400, "{path}");
        assert!(message(&answer.body).contains("`limit`"), "{path}: {}", answer.body);
    }
    assert_eq!(server.get("/v1/saved").body["saved"], json!([]));
    let saved = server.post("/v1/saved", JSON, r#"{"q": "bats"}"#);
    assert_eq!(saved.status, 201);
    for path in ["/v1/saved", "/v1/saved/bats", "/v1/saved/bats/new", "/v1/saved/bats/feed.atom", "/v1/stats"]
    {
        let answer = server.get(&format!("{path}?colour=red"));
        assert_eq!(answer.status, 400, "{path}");
        assert!(message(&answer.body).contains("`colour`"), "{path}");
        assert_eq!(server.page(&format!("{path}?")).status, 200, "{path}");
    }
    assert_eq!(server.get("/health?colour=red").status, 200);
    assert_eq!(server.get("/v1/recommend?colour=red").status, 405);
    assert_eq!(server.page("/papers/demo-003?colour=red").status, 400);
    assert_eq!(server.page("/papers/demo-003?utm_source=mail").status, 200);
    // A look that is refused is none.
    let refused = server.post("/v1/saved/bats/new", JSON, r#"{"x": 1}"#);
    assert_eq!((refused.status, message(&refused.body).contains("`x`")), (400, true));
    assert!(!ids(&server.post("/v1/saved/bats/new", JSON, "{}").body).is_empty());
    assert!(ids(&server.post("/v1/saved/bats/new", JSON, "").body).is_empty());
    assert_eq!(server.get("/v1/search?q=bats&mode=keyword&semantic_ratio=0.3").status, 400);
    assert_eq!(server.get("/v1/search?q=bats&mode=keyword&semantic_ratio=auto").status, 200);
    let both = server.page("/search?like=demo-003&q=galaxies").html;
    assert!(both.contains("need not be like the one that was chosen"));
}

#[test]
fn a_refusal_says_what_would_do() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    for (path, body) in [
        ("/v1/search", "[]"),
        ("/v1/search", r#"["bats"]"#),
        ("/v1/search/batch", r#"{"searches": [["bats"]]}"#),
        ("/v1/saved", "[]"),
        ("/v1/dedup", "[0.7]"),
    ] {
        let answer = server.post(path, JSON, body);
        assert_eq!(answer.status, 422, "{path} {body}");
        assert!(message(&answer.body).contains("expected an object"), "{path} {body}: {}", answer.body);
    }
    let told = |path: &str| message(&server.get(path).body).to_owned();
    assert!(
        told("/v1/search?q=x&limit=abc").contains("limit")
            && told("/v1/search?q=x&limit=abc").contains("1 to 1,000")
    );
    assert!(told("/v1/search?q=x&offset=-1").contains("0 to 10,000"));
    assert!(told("/v1/search?q=x&min_score=much").contains("-1 to 1"));
    assert!(told("/v1/search?q=x&year=20").contains("four digits"));
    assert!(told("/api/daily_papers?week=2019-W53").contains("`week`"));
    let refused = cognate.failure(&["search", "x", "--date", "2019-13"], 2);
    assert!(refused.contains("--date") && !refused.contains("publication_date"), "{refused}");
    assert!(told("/graph/v1/paper/search/none?query=x").contains("there is nothing at"));

    let browser = server.browse("/nope");
    assert!(
        browser.status == 404 && browser.html.starts_with("<!doctype html") && !browser.policy.is_empty(),
        "{}",
        browser.html
    );
    assert_eq!(server.get("/nope").body["code"], "not_found");
    let less = server.page("/library?less=demo-003").html;
    assert!(less.contains("“less like” alone recommends nothing"));
    let nowhere = server.page("/library?seed=nope").html;
    let status = nowhere.split("id=\"status\"").nth(1).and_then(|rest| rest.split("</p>").next()).unwrap();
    assert!(status.contains("None of these papers") && nowhere.contains("nope"), "{nowhere}");
}

#[test]
fn a_query_that_can_never_be_answered_is_not_saved() {
    let cognate = Cognate::with_demo();
    let server = cognate.serve(&[]);
    let refused = server.post("/v1/saved", JSON, r#"{"seeds": ["nope"]}"#);
    assert_eq!((refused.status, &refused.body["code"]), (404, &json!("paper_not_found")));
    assert_eq!(server.post("/v1/saved", JSON, r#"{"seeds": [["demo-003"]]}"#).status, 400);
    assert_eq!(server.get("/v1/saved").body["saved"], json!([]));
    let filtered = server.post("/v1/saved", JSON, r#"{"year": "2019"}"#).body;
    assert_eq!((&filtered["id"], &filtered["name"]), (&json!("year-2019"), &json!("year 2019")));
    assert_eq!(
        server.post("/v1/saved", JSON, r#"{"seeds": [{"id": "demo-003"}, {"text": "bats"}]}"#).status,
        201
    );
}
