//! The interface as an OpenAPI 3.1 document.
//!
//! Each handler says what it takes and gives beside its code; the shapes come from `cognate_wire`. What is the same for
//! all routes (refusals, keys, forms of lists) is added here, from where it is decided.

mod examples;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use cognate_corpus::export::ExportFormat;
use cognate_wire::ErrorBody;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::access::Need;
use crate::compat::openai::OpenAiErrorBody;
use crate::compat::text_embeddings_inference::TeiErrorBody;
use crate::limits::Class;
use crate::routes::{self, App};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "cognate",
        description = "Semantic search over the abstracts of scientific papers. `/docs` says what all of it means.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(routes::similar, mcp, front_page),
    components(schemas(ErrorBody, OpenAiErrorBody, TeiErrorBody))
)]
pub(crate) struct Document;

/// `GET /openapi.json`: this document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, body = Object)))]
pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let document = app.document.get().cloned().unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}

/// The tools for language models, over the Model Context Protocol.
///
/// Streamable HTTP without sessions: each message of JSON-RPC is a request of its own.
#[utoipa::path(
    post, path = "/mcp", request_body = Object,
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 202, description = "A notification was taken."),
        (status = 406, description = "`Accept` must name `application/json` and `text/event-stream`."),
    )
)]
#[allow(dead_code, reason = "the tools' own service answers")]
fn mcp() {}

/// The page of the day, for people; `/docs/page` lists the others.
#[utoipa::path(
    get, path = "/",
    responses((status = 200, body = String, content_type = "text/html"), (status = 304, description = "It did not change."))
)]
#[allow(dead_code, reason = "the pages' own router answers")]
fn front_page() {}

/// Routes that give one publication of each work where they are asked to, or where a saved query does.
const COLLAPSING: [&str; 7] = [
    "/v1/search",
    "/v1/search/batch",
    "/v1/recommend",
    "/v1/papers/{id}/similar",
    "/v1/saved/{id}/new",
    "/v1/saved/{id}/feed.atom",
    "/v1/saved/{id}/feed.json",
];

/// The parts of the interface, by what their paths begin with; the first that fits.
const TAGS: [(&str, &str, &str); 10] = [
    ("/v1/embeddings", "OpenAI", "Embeddings as OpenAI's clients ask for them."),
    ("/v1/models", "OpenAI", ""),
    ("/v1/papers", "Papers", "Papers in, out and away."),
    ("/v1/dedup", "Duplicates", "Duplicates found, dropped and brought back."),
    ("/v1/saved", "Saved queries", "Saved queries, what is new for them, and their feeds."),
    ("/v1/", "Search", "Searches, recommendations, exports and trends."),
    ("/api/", "Hugging Face", "The Hugging Face hub's papers."),
    ("/graph/", "Semantic Scholar", "Semantic Scholar's graph and recommendations."),
    ("/recommendations/", "Semantic Scholar", ""),
    ("/", "Server", "How the server is, tools, and what clients of text-embeddings-inference ask for."),
];

/// The document in JSON.
pub(crate) fn written(openapi: &utoipa::openapi::OpenApi) -> Bytes {
    let mut document = serde_json::to_value(openapi).unwrap_or_default();
    document["tags"] = TAGS
        .iter()
        .filter(|(_, _, about)| !about.is_empty())
        .map(|(_, name, about)| json!({ "name": name, "description": about }))
        .collect();
    document["components"]["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "A key of `cognate keys add`." },
        "header": { "type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same." },
        "feed": { "type": "apiKey", "in": "query", "name": "key", "description": "The key of a feed." },
    });
    let paths = document["paths"].as_object_mut().map(std::mem::take).unwrap_or_default();
    let finished = paths.into_iter().map(|(path, mut item)| {
        // axum's `{*id}` is one whose slashes need no encoding.
        let path = path.replace("{*", "{");
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                finish(&method.to_ascii_uppercase(), &path, operation);
            }
        }
        (path, item)
    });
    let mut paths = Map::new();
    for (path, item) in finished {
        match (paths.get_mut(&path).and_then(Value::as_object_mut), item) {
            (Some(known), Value::Object(more)) => known.extend(more),
            (_, item) => {
                paths.insert(path, item);
            }
        }
    }
    document["paths"] = Value::Object(paths);
    serde_json::to_vec(&document).unwrap_or_default().into()
}

/// Adds what is said of every operation.
fn finish(method: &str, path: &str, operation: &mut Map<String, Value>) {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let id = std::iter::once(method.to_ascii_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("_");
    operation.insert("operationId".to_owned(), id.into());
    let tag = TAGS.iter().find(|(prefix, _, _)| path.starts_with(prefix)).map(|(_, tag, _)| *tag);
    operation.insert("tags".to_owned(), json!([tag]));
    let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
    let need = Need::of(&method, path);
    if let Need::Key(scope) = &need {
        let mut security =
            vec![json!({ "bearer": [scope.to_string()] }), json!({ "header": [scope.to_string()] })];
        if matches!(scope, cognate_keys::Scope::Feed(_)) {
            security.push(json!({ "feed": [] }));
        }
        // A server on loopback without keys asks nobody.
        security.push(json!({}));
        operation.insert("security".to_owned(), security.into());
    }
    add_forms(operation);
    add_refusals(&method, path, &need, operation);
    examples::add(method.as_str(), path, operation);
}

/// Where an operation says which shape its body has.
const REFERENCE_OF_BODY: &str = "/requestBody/content/application~1json/schema/$ref";

/// Lists of papers come in the forms that other programs read.
fn add_forms(operation: &mut Map<String, Value>) {
    let has_form = operation
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|parameter| parameter["name"] == "format")
        || Value::Object(operation.clone()).pointer(REFERENCE_OF_BODY).and_then(Value::as_str).is_some_and(
            |name| {
                ["SearchParams", "RecommendParams", "ExportParams"].iter().any(|known| name.ends_with(known))
            },
        );
    if !has_form {
        return;
    }
    let Some(content) = operation["responses"]["200"]["content"].as_object_mut() else { return };
    for format in ExportFormat::ALL {
        let media_type = format.media_type().split(';').next().unwrap_or_default();
        match content.get_mut(media_type) {
            // A list of records in JSON beside one of hits.
            Some(known) if format == ExportFormat::Json => {
                *known = json!({ "schema": { "oneOf": [known["schema"], { "type": "array", "items": { "type": "object" } }] } });
            }
            Some(_) => {}
            None => {
                let schema =
                    if media_type.ends_with("json") { json!({}) } else { json!({ "type": "string" }) };
                content.insert(media_type.to_owned(), json!({ "schema": schema }));
            }
        }
    }
}

/// What every route may refuse, and why.
fn add_refusals(method: &Method, path: &str, need: &Need, operation: &mut Map<String, Value>) {
    let has_body = operation.contains_key("requestBody");
    let is_own = path.starts_with("/v1/") && !path.starts_with("/v1/embeddings");
    let has_cursor = operation
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|parameter| parameter["name"] == "cursor")
        || Value::Object(operation.clone()).pointer(REFERENCE_OF_BODY).and_then(Value::as_str).is_some_and(
            |name| ["SearchParams", "RecommendParams"].iter().any(|known| name.ends_with(known)),
        );
    let is_bounded = Class::of(method, path) != Class::Open;
    let needs_key = *need != Need::Nothing;
    let refusals = [
        (400, true, "A wrong parameter or body, or a `Host` that is none."),
        (401, needs_key, "No key, or none that is good."),
        (403, true, "A foreign `Host` or `Origin`, or a key with too small a scope."),
        (410, has_cursor, "The cursor is gone; begin again with `new`."),
        (409, COLLAPSING.contains(&path), "There was no deduplication, which `versions=collapse` needs."),
        (408, is_bounded, "It took too long, or the body came too slowly."),
        (413, is_bounded, "The body is too large."),
        (415, is_bounded, "A `Content-Encoding` that is not known."),
        (422, has_body && is_own, "A JSON body of a wrong shape."),
        (429, is_bounded, "Too much at once; `Retry-After` says when to come back."),
        (500, true, "The server failed; its log says why."),
        (
            503,
            is_bounded,
            "What this needs is not there yet, as the first map, or does not answer; `Retry-After` says when to come back.",
        ),
    ];
    let own = json!({ "$ref": "#/components/schemas/ErrorBody" });
    let schema = match path {
        "/v1/embeddings" | "/v1/models" | "/v1/models/{id}" => {
            json!({ "oneOf": [{ "$ref": "#/components/schemas/OpenAiError" }, own] })
        }
        "/" | "/embed" | "/similarity" | "/tokenize" | "/info" | "/rerank" => {
            json!({ "oneOf": [{ "$ref": "#/components/schemas/TextEmbeddingsError" }, own] })
        }
        "/mcp" => json!({}),
        _ => own,
    };
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, _, about) in refusals.into_iter().filter(|(_, may_be, _)| *may_be) {
        let mut content = json!({ "application/json": { "schema": schema } });
        if path == "/mcp" {
            content["text/plain"] = json!({ "schema": { "type": "string" } });
        }
        if *method == Method::GET && (matches!(status, 401 | 403) || path == "/") {
            // A browser is shown a form to sign in, or what is wrong.
            content["text/html"] = json!({ "schema": { "type": "string" } });
        }
        let mut response = json!({ "description": about, "content": content });
        if matches!(status, 429 | 503) {
            response["headers"] = json!({ "retry-after": {
                "description": "After how many seconds it is worth trying again.", "schema": { "type": "integer" }
            } });
        }
        match responses.get_mut(&status.to_string()) {
            // The handler's own, which is of another shape.
            Some(known) => {
                let of_handler = known["content"]["application/json"]["schema"].take();
                if of_handler != response["content"]["application/json"]["schema"] {
                    known["content"]["application/json"]["schema"] =
                        json!({ "anyOf": [of_handler, response["content"]["application/json"]["schema"]] });
                } else {
                    known["content"]["application/json"]["schema"] = of_handler;
                }
            }
            None => {
                responses.insert(status.to_string(), response);
            }
        }
    }
    // utoipa leaves descriptions empty where a handler gives none, and OpenAPI asks for one.
    for (status, response) in responses.iter_mut() {
        if response["description"].as_str().unwrap_or_default().is_empty() {
            let about = match status.as_str() {
                "404" => "There is nothing there.",
                "409" => "Several papers fit, or what is asked does not go with what is stored.",
                _ => "The answer.",
            };
            response["description"] = about.into();
        }
    }
}
