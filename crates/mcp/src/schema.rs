//! What the tools take, as JSON Schema.

use serde_json::{Map, Value, json};

use crate::budget::{DEFAULT_TOKENS, MAX_TOKENS, MIN_TOKENS};

/// Most papers of one answer.
pub(crate) const MAX_LIMIT: usize = 50;
/// Papers of an answer that does not say how many.
pub(crate) const DEFAULT_LIMIT: usize = 10;

/// Parameters by name, of which some are required.
pub(crate) fn object(properties: Value, required: &[&str]) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), properties);
    schema.insert("required".to_owned(), json!(required));
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

/// The properties of `more`, and those of every list of papers.
pub(crate) fn with_page(more: Value) -> Value {
    merged(
        more,
        json!({
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            "offset": {"type": "integer", "minimum": 0, "default": 0, "description": "Papers to skip"},
            "max_tokens": max_tokens()
        }),
    )
}

/// The properties of `more`, and the filters of a search.
pub(crate) fn with_filters(more: Value) -> Value {
    merged(
        more,
        json!({
            "year": {"type": "string", "description": "2020, 2020-2023, 2020- or -2023"},
            "publication_date": {"type": "string", "description": "Days, months or years: 2019-03:2020-06"},
            "author": {"type": "string", "description": "An author's name, or words of it"},
            "venue": {"type": "string", "description": "A venue's name, or words of it"},
            "categories": {"type": "string", "description": "Categories, by commas; cs covers cs.CL"},
            "has_abstract": {"type": "boolean"}
        }),
    )
}

pub(crate) fn max_tokens() -> Value {
    json!({
        "type": "integer", "minimum": MIN_TOKENS, "maximum": MAX_TOKENS, "default": DEFAULT_TOKENS,
        "description": "Longest answer, in tokens; abstracts are shortened to fit"
    })
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Some(one), Value::Object(other)) = (one.as_object_mut(), other) {
        one.extend(other);
    }
    one
}
