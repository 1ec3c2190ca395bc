//! Saved queries.

use cognate_engine::{EngineError, RecommendRequest, SavedQuery, SavedQuestion, SearchRequest, Seed};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::lenient::UniqueObject;
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
    /// What is asked, for the engine.
    pub question: SavedQuestion,
}

/// What a saved query may say, beside its name.
const KEYS: [&str; 17] = [
    "q",
    "seeds",
    "negative",
    "mode",
    "semantic_ratio",
    "min_score",
    "min_relevance",
    "limit",
    "exact",
    "versions",
    "year",
    "publication_date",
    "categories",
    "author",
    "venue",
    "has_abstract",
    "filter",
];

/// The keys among them that filter.
const FILTERS: [&str; 7] =
    ["year", "publication_date", "categories", "author", "venue", "has_abstract", "filter"];

impl SavedRequest {
    /// Reads the body of `POST /v1/saved`: a name and the parameters of a search, with seeds beside or
    /// instead of the query.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming what is wrong.
    pub fn read(UniqueObject(mut body): UniqueObject) -> Result<Self, EngineError> {
        let name = body.remove("name").filter(|name| !name.is_null());
        let query = body.get("q").and_then(Value::as_str);
        let name = match name {
            Some(Value::String(name)) => name,
            Some(other) => return Err(invalid("name", "a text", other.to_string())),
            None => short(&query.map_or_else(|| name_of(&body), str::to_owned)),
        };
        body.retain(|_, value| !value.is_null());
        // Those of one answer are refused below, by what they are.
        let is_known = |name: &str| KEYS.contains(&name) || OF_ONE_ANSWER.contains(&name);
        if let Some(name) = body.keys().find(|name| !is_known(name)) {
            let expected = format!("`name`, `{}`", KEYS.join("`, `"));
            return Err(invalid("saved", &expected, format!("`{name}`")));
        }
        let (without_effect, why) = without_effect(&body);
        if let Some(name) = without_effect.iter().find(|name| body.contains_key(**name)) {
            return Err(invalid(name, why, body[*name].to_string()));
        }
        let question = question_of(&body)?;
        SavedParams::deserialize_from(&body)?.check_ratio()?;
        if body.contains_key(RATIO) {
            body.insert(RATIO_SCALE.to_owned(), Value::from(2));
        }
        Ok(Self { name, request: Value::Object(body).to_string(), question })
    }
}

/// Parameters of a search that say how one answer looks; a saved query has many.
const OF_ONE_ANSWER: [&str; 6] = ["offset", "cursor", "facets", "fields", "format", "sort"];

/// What to call a query without words: by its filter, or by its seeds.
fn name_of(body: &Map<String, Value>) -> String {
    if body.get("seeds").and_then(Value::as_array).is_some_and(|seeds| !seeds.is_empty()) {
        return "Papers like some".to_owned();
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let given = FILTERS.into_iter().filter_map(|name| Some((name, body.get(name)?)));
    let given = given.filter(|(_, value)| !value.is_null());
    let parts: Vec<String> = given.map(|(name, value)| format!("{name} {}", text(value))).collect();
    if parts.is_empty() { "Papers".to_owned() } else { parts.join(", ") }
}

/// The part of meaning in hybrid scores.
const RATIO: &str = "semantic_ratio";
/// Which scale it is of; absent before there was a second.
const RATIO_SCALE: &str = "ratio_scale";

/// The parameters that change no answer to such a request, and why.
fn without_effect(request: &Map<String, Value>) -> (&'static [&'static str], &'static str) {
    let has_seeds = request.get("seeds").and_then(Value::as_array).is_some_and(|seeds| !seeds.is_empty());
    let is_blank = |query: &Value| query.as_str().is_some_and(|query| query.trim().is_empty());
    if has_seeds {
        (&["mode", RATIO, "min_relevance"], "none with `seeds`, to which papers are near by meaning")
    } else if request.get("q").is_none_or(is_blank) {
        (&["min_relevance"], "none without `q`: filters alone give papers no relevance")
    } else {
        (&[], "")
    }
}

/// A stored request as this release asks it, without what changes no answer, which earlier ones took, and without the mark of the ratio's scale. On the first scale, cosine and BM25
/// went from 0, for the thousandth of their ranking, to 1; on this one they go from the least that there can be. So a
/// difference in cosine was a part of the sum that is [`STRETCH`] times as large as now, and the ratio that has its
/// effect is larger.
fn of_this_release(mut request: Map<String, Value>) -> Map<String, Value> {
    let scale = request.remove(RATIO_SCALE);
    for name in without_effect(&request).0 {
        request.remove(*name);
    }
    if scale.is_none()
        && let Some(ratio) = request.get(RATIO).and_then(Value::as_f64)
    {
        let ratio = STRETCH * ratio / (STRETCH * ratio + 1.0 - ratio);
        request.insert(RATIO.to_owned(), Value::from((ratio * 1e4).round() / 1e4));
    }
    request
}

/// How many times as large the range of cosines is from −1 as from that of the thousandth paper, beside the range of
/// BM25: 0.4 of the first scale is 0.73 of this one, which are about the best of each.
const STRETCH: f64 = 4.0;

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
    let request =
        request.map_err(|error| invalid("saved", "a saved query of this release", error.to_string()))?;
    question_of(&of_this_release(request))
}

fn question_of(request: &Map<String, Value>) -> Result<SavedQuestion, EngineError> {
    let params = SavedParams::deserialize_from(request)?;
    if let Some(name) = OF_ONE_ANSWER.into_iter().find(|name| request.contains_key(*name)) {
        return Err(invalid(name, "none in a saved query", "one".to_owned()));
    }
    let options = params.to_options(DEFAULT_LIMIT)?;
    let query = params.q.as_deref().filter(|query| !query.trim().is_empty());
    if params.seeds.is_empty() && !params.negative.is_empty() {
        return Err(invalid("negative", "none without `seeds`", "some".to_owned()));
    }
    if params.seeds.is_empty() && query.is_none() && options.filter.is_empty() {
        return Err(invalid("q", "a question, seeds or a filter", "nothing".to_owned()));
    }
    if params.seeds.is_empty() {
        return Ok(SavedQuestion::Search(SearchRequest::new(query.unwrap_or_default(), options)?));
    }
    let text = query.map(|query| Seed::Text(query.to_owned()));
    Ok(SavedQuestion::Recommend(RecommendRequest {
        positive: params.seeds.iter().map(Seed::from).chain(text).collect(),
        negative: params.negative.iter().map(Seed::from).collect(),
        options,
        ..RecommendRequest::default()
    }))
}

fn invalid(parameter: &'static str, expected: &str, found: String) -> EngineError {
    EngineError::InvalidRequest { parameter, expected: expected.to_owned(), found }
}

/// A saved query.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SavedListBody {
    /// All of them, in order of id.
    pub saved: Vec<SavedBody>,
}

impl From<SavedQuery> for SavedBody {
    fn from(saved: SavedQuery) -> Self {
        let request = serde_json::from_str(&saved.request).map(of_this_release);
        let request = request.map_or(Value::Null, Value::Object);
        Self { id: saved.id, name: saved.name, created: saved.created, request }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(request: String) -> SavedQuery {
        SavedQuery {
            id: "bats".to_owned(),
            name: "Bats".to_owned(),
            request,
            created: String::new(),
            looked: 0,
            digested: 0,
        }
    }

    /// A body that is saved.
    struct SearchesOf(&'static str);

    impl SearchesOf {
        /// How many seeds it has, positive and negative.
        fn seeds(&self) -> (usize, usize) {
            match SavedRequest::read(serde_json::from_str(self.0).unwrap()).unwrap().question {
                SavedQuestion::Recommend(request) => (request.positive.len(), request.negative.len()),
                SavedQuestion::Search(_) => (0, 0),
            }
        }
    }

    #[test]
    fn a_ratio_keeps_its_effect() {
        let ratio = |request: &str| SavedBody::from(saved(request.to_owned())).request[RATIO].clone();
        // As the first release wrote them.
        assert_eq!(ratio(r#"{"q":"bats","semantic_ratio":0.4}"#), 0.7273);
        assert_eq!(ratio(r#"{"q":"bats","semantic_ratio":0.0}"#), 0.0);
        assert_eq!(ratio(r#"{"q":"bats","semantic_ratio":1}"#), 1.0);
        assert_eq!(ratio(r#"{"q":"bats"}"#), Value::Null);
        let body = serde_json::from_str(r#"{"q": "bats", "semantic_ratio": 0.4}"#);
        let now = SavedRequest::read(body.unwrap()).unwrap().request;
        assert_eq!(ratio(&now), 0.4);
        assert_eq!(SavedBody::from(saved(now.clone())).request.get(RATIO_SCALE), None);
        assert!(saved_question(&saved(now)).is_ok());
        let name = |body: &str| SavedRequest::read(serde_json::from_str(body).unwrap()).unwrap().name;
        assert_eq!(name(r#"{"year": "2019"}"#), "year 2019");
        assert_eq!(
            name(r#"{"categories": ["cs", "math"], "has_abstract": true}"#),
            "categories [\"cs\",\"math\"], has_abstract true"
        );
        assert_eq!(name(r#"{"seeds": ["a"], "year": "2019"}"#), "Papers like some");
        let refusal =
            |body: &str| SavedRequest::read(serde_json::from_str(body).unwrap()).unwrap_err().to_string();
        let unknown = refusal(r#"{"q": "bats", "colour": "red"}"#);
        assert!(unknown.contains("`colour`") && unknown.contains("`seeds`"), "{unknown}");
        assert!(!unknown.contains("`offset`") && !unknown.contains("`format`"), "{unknown}");
        assert!(refusal(r#"{"q": "bats", "negative": ["a"]}"#).contains("none without `seeds`"));
        let both = SearchesOf(r#"{"seeds": ["a", {"text": "bats"}], "negative": ["b"]}"#).seeds();
        assert_eq!(both, (2, 1));
        assert!(refusal(r#"{"q": "bats", "offset": 5}"#).contains("none in a saved query"));
        assert!(refusal(r#"{"q": "bats", "mode": "keyword", "semantic_ratio": 0.5}"#).contains("keyword"));
        let forged = serde_json::from_str(r#"{"q": "bats", "ratio_scale": 1}"#).unwrap();
        assert!(SavedRequest::read(forged).is_err());
    }
}
