//! A request for each operation, that the papers of `cognate demo` answer.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Method, path, the parameters in the path and after it, and the body.
const EXAMPLES: &[(&str, &str, &str, &str)] = &[
    ("GET", "/v1/search", "q=how do bats avoid collisions&limit=3&year=2000-", ""),
    (
        "POST",
        "/v1/search",
        "",
        r#"{"q": "planets around cool stars", "mode": "semantic", "categories": ["astro-ph"], "facets": ["year"]}"#,
    ),
    ("POST", "/v1/search/batch", "", r#"{"searches": [{"q": "bats"}, {"q": "dark matter", "limit": 2}]}"#),
    (
        "POST",
        "/v1/search/range",
        "",
        r#"{"q": "galaxies", "min_score": 0.3, "fields": ["id", "score", "title"]}"#,
    ),
    (
        "POST",
        "/v1/recommend",
        "",
        r#"{"positive": ["demo-001", {"text": "transit photometry"}], "negative": ["demo-002"], "limit": 5}"#,
    ),
    ("GET", "/v1/export", "q=stars&format=bibtex", ""),
    ("POST", "/v1/export", "", r#"{"q": "stars", "year": "2010-", "format": "csv"}"#),
    (
        "POST",
        "/v1/papers",
        "source=notes",
        r#"{"papers": [{"id": "example-1", "title": "Echoes", "abstract": "How bats hear in a crowd.", "authors": ["A. Example"], "year": 2024}]}"#,
    ),
    ("GET", "/v1/papers/{id}", "id=demo-001", ""),
    ("GET", "/v1/papers/{id}/similar", "id=demo-001&limit=3", ""),
    ("DELETE", "/v1/papers/{id}", "id=example-1", ""),
    ("POST", "/v1/dedup", "", r#"{"min_probability": 0.8, "versions": "distinct"}"#),
    (
        "POST",
        "/v1/dedup/check",
        "versions=distinct",
        r#"[{"id": "example-1", "title": "Echoes", "abstract": "How bats hear in a crowd."}]"#,
    ),
    ("POST", "/v1/dedup/rethreshold", "", r#"{"min_probability": 0.9}"#),
    ("GET", "/v1/dedup/histogram", "by=probability&at=0.8&bins=20", ""),
    ("GET", "/v1/dedup/pairs", "by=probability&at=0.8&limit=5", ""),
    ("POST", "/v1/dedup/labels", "", r#"{"a": "demo-001", "b": "demo-002", "duplicate": false}"#),
    ("GET", "/v1/dedup/labels", "", ""),
    ("DELETE", "/v1/dedup/labels", "a=demo-001&b=demo-002", ""),
    ("POST", "/v1/dedup/apply", "", r#"{"min_probability": 0.95}"#),
    ("GET", "/v1/dedup/runs", "", ""),
    ("GET", "/v1/dedup/dropped", "limit=10&offset=0", ""),
    ("GET", "/v1/dedup/flow", "", ""),
    ("POST", "/v1/dedup/undo", "", "{}"),
    ("POST", "/v1/dedup/tasks", "", "{}"),
    ("GET", "/v1/dedup/tasks", "", ""),
    ("GET", "/v1/dedup/tasks/{number}", "number=1", ""),
    ("DELETE", "/v1/dedup/tasks/{number}", "number=1", ""),
    ("POST", "/v1/saved", "", r#"{"name": "Bats", "q": "how bats avoid collisions", "limit": 10}"#),
    ("GET", "/v1/saved", "", ""),
    ("GET", "/v1/saved/{id}", "id=bats", ""),
    ("GET", "/v1/saved/{id}/new", "id=bats", ""),
    ("POST", "/v1/saved/{id}/new", "id=bats", ""),
    ("GET", "/v1/saved/{id}/feed.atom", "id=bats", ""),
    ("GET", "/v1/saved/{id}/feed.json", "id=bats", ""),
    ("DELETE", "/v1/saved/{id}", "id=bats", ""),
    ("GET", "/v1/trends", "days=7&limit=5", ""),
    ("GET", "/v1/stats", "", ""),
    ("GET", "/", "", ""),
    ("GET", "/health", "", ""),
    ("GET", "/ready", "", ""),
    ("GET", "/metrics", "", ""),
    ("GET", "/openapi.json", "", ""),
    ("POST", "/mcp", "", r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}"#),
    ("GET", "/api/papers/search", "q=bats&limit=3", ""),
    ("GET", "/api/papers/{id}", "id=demo-001", ""),
    ("GET", "/api/daily_papers", "limit=3", ""),
    ("GET", "/graph/v1/paper/search", "query=bats&fields=title,year&limit=3", ""),
    ("GET", "/graph/v1/paper/search/bulk", "query=bats&fields=title", ""),
    ("GET", "/graph/v1/paper/search/match", "query=when the star writes the spectrum&fields=title", ""),
    ("GET", "/graph/v1/paper/autocomplete", "query=when the st", ""),
    ("GET", "/graph/v1/paper/{id}/authors", "id=demo-001", ""),
    ("GET", "/graph/v1/paper/{id}/citations", "id=demo-001", ""),
    ("GET", "/graph/v1/paper/{id}/references", "id=demo-001", ""),
    ("GET", "/graph/v1/paper/{id}", "id=demo-001&fields=title,abstract,authors", ""),
    ("POST", "/graph/v1/paper/batch", "fields=title", r#"{"ids": ["demo-001", "none"]}"#),
    ("GET", "/recommendations/v1/papers/forpaper/{id}", "id=demo-001&limit=3", ""),
    (
        "POST",
        "/recommendations/v1/papers",
        "limit=3",
        r#"{"positivePaperIds": ["demo-001"], "negativePaperIds": ["demo-002"]}"#,
    ),
    ("POST", "/v1/embeddings", "", r#"{"model": "all-MiniLM-L6-v2", "input": ["bats", "planets"]}"#),
    ("GET", "/v1/models", "", ""),
    ("GET", "/v1/models/{id}", "id=all-MiniLM-L6-v2", ""),
    ("POST", "/embed", "", r#"{"inputs": ["bats", "planets"]}"#),
    (
        "POST",
        "/similarity",
        "",
        r#"{"inputs": {"source_sentence": "bats", "sentences": ["echolocation", "planets"]}}"#,
    ),
    ("POST", "/tokenize", "", r#"{"inputs": "bats and planets"}"#),
    ("POST", "/", "", r#"{"inputs": "bats"}"#),
    (
        "POST",
        "/rerank",
        "",
        r#"{"query": "how bats hear", "texts": ["planets", "echolocation"], "return_text": true}"#,
    ),
    ("GET", "/info", "", ""),
];

/// Adds the example of an operation to its parameters and its body.
pub(super) fn add(method: &str, path: &str, operation: &mut Map<String, Value>) {
    let example = EXAMPLES.iter().find(|(of_method, of_path, _, _)| (*of_method, *of_path) == (method, path));
    let Some((_, _, parameters, body)) = example else { return };
    for (name, value) in parameters.split('&').filter_map(|pair| pair.split_once('=')) {
        let known = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
        for parameter in known.filter(|parameter| parameter["name"] == name) {
            parameter["example"] = typed(&parameter["schema"], value);
        }
    }
    let Ok(body) = serde_json::from_str::<Value>(body) else { return };
    if let Some(content) = operation
        .get_mut("requestBody")
        .and_then(|known| known["content"]["application/json"].as_object_mut())
    {
        content.insert("example".to_owned(), body);
    }
}

/// A value as the parameter's type has it.
fn typed(schema: &Value, text: &str) -> Value {
    let types: Cow<'_, [Value]> = match &schema["type"] {
        Value::Array(types) => Cow::Borrowed(types),
        one => Cow::Owned(vec![one.clone()]),
    };
    let is = |name: &str| types.iter().any(|known| known == name);
    if is("array") {
        return text.split(',').collect();
    }
    if is("integer") || is("number") {
        return serde_json::from_str(text).unwrap_or_else(|_| text.into());
    }
    text.into()
}
