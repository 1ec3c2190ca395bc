//! Saved queries.

use cognate_engine::{EngineError, RecommendRequest, SavedQuery, SavedQuestion, SearchRequest, Seed};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::search::SavedParams;

/// Papers of a look or a digest when the saved query does not say.
const DEFAULT_LIMIT: usize = 20;

/// A query that is to be saved, known to be one that can be asked.
#[derive(Debug, Clone)]
pub struct SavedRequest {
    /// What to call it.
    pub name: String,
    /// What is asked, as it will be stored.
    pub request: String,
}

impl SavedRequest {
    /// Reads the body of `POST /v1/saved`: a name and the parameters of a search, with seeds beside or
    /// instead of the query.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming what is wrong.
    pub fn read(mut body: Map<String, Value>) -> Result<Self, EngineError> {
        let name = body.remove("name").filter(|name| !name.is_null());
        let query = body.get("q").and_then(Value::as_str);
        let name = match name {
            Some(Value::String(name)) => name,
            Some(other) => return Err(invalid("name", "a text", other.to_string())),
            None => query.map_or_else(|| "Papers like some".to_owned(), short),
        };
        body.retain(|_, value| !value.is_null());
        question_of(&body)?;
        Ok(Self { name, request: Value::Object(body).to_string() })
    }
}

/// The first words of a query, as a name.
fn short(query: &str) -> String {
    const MAX_CHARS: usize = 80;
    let words = cognate_corpus::text::normalize(query);
    if words.chars().count() <= MAX_CHARS {
        return words;
    }
    let start: String = words.chars().take(MAX_CHARS).collect();
    format!("{}…", start.trim_end())
}

/// What a saved query asks.
///
/// # Errors
/// [`EngineError::InvalidRequest`] if it is not one of this release.
pub fn saved_question(saved: &SavedQuery) -> Result<SavedQuestion, EngineError> {
    let request = serde_json::from_str(&saved.request);
    question_of(
        &request.map_err(|error| invalid("saved", "a saved query of this release", error.to_string()))?,
    )
}

fn question_of(request: &Map<String, Value>) -> Result<SavedQuestion, EngineError> {
    let params = SavedParams::deserialize_from(request)?;
    // They say how one answer looks, and a saved query has many.
    let of_one_answer = [
        ("offset", params.offset.is_some()),
        ("facets", params.facets.is_some()),
        ("fields", params.fields.is_some()),
        ("format", params.format.is_some()),
        ("sort", params.sort.is_some()),
    ];
    if let Some((name, _)) = of_one_answer.into_iter().find(|(_, is_given)| *is_given) {
        return Err(invalid(name, "none in a saved query", "one".to_owned()));
    }
    let options = params.to_options(DEFAULT_LIMIT)?;
    let query = params.q.as_deref().filter(|query| !query.trim().is_empty());
    if params.seeds.is_empty() && query.is_none() && options.filter.is_empty() {
        return Err(invalid("q", "a question, seeds or a filter", "nothing".to_owned()));
    }
    if params.seeds.is_empty() {
        return Ok(SavedQuestion::Search(SearchRequest::new(query.unwrap_or_default(), options)?));
    }
    let text = query.map(|query| Seed::Text(query.to_owned()));
    Ok(SavedQuestion::Recommend(RecommendRequest {
        positive: params.seeds.iter().map(Seed::from).chain(text).collect(),
        options,
        ..RecommendRequest::default()
    }))
}

fn invalid(parameter: &'static str, expected: &str, found: String) -> EngineError {
    EngineError::InvalidRequest { parameter, expected: expected.to_owned(), found }
}

/// A saved query.
#[derive(Debug, Clone, Serialize)]
pub struct SavedBody {
    /// Its id.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// When it was saved.
    pub created: String,
    /// What it asks.
    pub request: Value,
}

/// Answer of `GET /v1/saved`.
#[derive(Debug, Clone, Serialize)]
pub struct SavedListBody {
    /// All of them, in order of id.
    pub saved: Vec<SavedBody>,
}

impl From<SavedQuery> for SavedBody {
    fn from(saved: SavedQuery) -> Self {
        let request = serde_json::from_str(&saved.request).unwrap_or(Value::Null);
        Self { id: saved.id, name: saved.name, created: saved.created, request }
    }
}
