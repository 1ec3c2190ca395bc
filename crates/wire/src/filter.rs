//! Filters as users write them.

use std::borrow::Cow;

use cognate_engine::{Clause, Condition, EngineError, Filter};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::lenient::Unique;

/// One text with commas, or a list.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// `cs.CL,stat.ML`; a part that has commas itself stands in quotes, as in CSV.
    Commas(String),
    /// `["cs.CL", "stat.ML"]`
    List(Vec<String>),
}

impl OneOrMany {
    /// The parts, without white space around them and without empty ones.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        let trimmed = |parts: &[String]| {
            parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        };
        match self {
            Self::Commas(text) => trimmed(&split(text)),
            Self::List(list) => trimmed(list),
        }
    }
}

/// Splits at commas that are not in quotes; a doubled quote in quotes is one. Unlike CSV's readers it takes quotes after
/// a space, as people write them.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => part.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    parts.push(part);
    parts
}

/// A value as the filter of that name takes it: categories are split at commas, see [`OneOrMany::Commas`].
#[must_use]
pub fn filter_text<'a>(field: &str, value: &'a str) -> Cow<'a, str> {
    if field == "categories" && value.contains([',', '"']) {
        Cow::Owned(format!("\"{}\"", value.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(value)
    }
}

/// The simple filters among a request's parameters: all of them must hold.
#[derive(Debug, Clone, Default)]
pub struct ConditionParams {
    /// Years: `2020`, `2020-2023`, `2020-`, `-2023`.
    pub year: Option<String>,
    /// Days, months or years: `2019-03:2020-06`.
    pub publication_date: Option<String>,
    /// Categories, of which one must fit; `cs` covers `cs.CL`.
    pub categories: Option<OneOrMany>,
    /// An author's name, or words of it.
    pub author: Option<String>,
    /// A venue's name, or words of it.
    pub venue: Option<String>,
    /// Whether there must be an abstract, or none.
    pub has_abstract: Option<bool>,
    /// A filter in JSON: an object, or a text that holds one.
    pub filter: Option<Value>,
}

impl ConditionParams {
    pub(crate) fn to_filter(&self) -> Result<Filter, EngineError> {
        let mut must = Vec::new();
        let mut add = |condition| must.push(Clause::Condition(condition));
        if let Some(years) = &self.year {
            add(Condition::Year(years.parse()?));
        }
        if let Some(days) = &self.publication_date {
            add(Condition::PublicationDate(days.parse()?));
        }
        if let Some(categories) = &self.categories {
            add(categories_of(categories.parts())?);
        }
        if let Some(author) = &self.author {
            add(Condition::Author(not_blank("author", author)?));
        }
        if let Some(venue) = &self.venue {
            add(Condition::Venue(not_blank("venue", venue)?));
        }
        if let Some(has_abstract) = self.has_abstract {
            add(Condition::HasAbstract(has_abstract));
        }
        if let Some(filter) = &self.filter {
            must.push(Clause::Filter(filter_of(filter)?));
        }
        let filter = Filter { must, ..Filter::default() };
        filter.check_size()?;
        Ok(filter)
    }
}

/// Reads a filter in JSON: `{"must": […], "should": […], "must_not": […]}`, where each part is a condition
/// such as `{"year": "2020-"}` (all of its fields must hold), a filter, or a list of these; or a condition
/// alone.
///
/// # Errors
/// [`EngineError::InvalidRequest`] with what was expected.
pub fn filter_of(value: &Value) -> Result<Filter, EngineError> {
    let parsed;
    let value = match value {
        Value::String(text) => {
            let Unique(value) =
                serde_json::from_str(text).map_err(|error| invalid("JSON", &error.to_string()))?;
            parsed = value;
            &parsed
        }
        value => value,
    };
    match clause_of(value)? {
        Clause::Filter(filter) => Ok(filter),
        condition @ Clause::Condition(_) => Ok(Filter { must: vec![condition], ..Filter::default() }),
    }
}

fn clause_of(value: &Value) -> Result<Clause, EngineError> {
    const PARTS: [&str; 3] = ["must", "should", "must_not"];
    let Value::Object(fields) = value else {
        return Err(invalid("an object", &value.to_string()));
    };
    if fields.keys().any(|name| PARTS.contains(&name.as_str())) {
        if let Some(name) = fields.keys().find(|name| !PARTS.contains(&name.as_str())) {
            return Err(invalid(
                "only `must`, `should` and `must_not` beside one another",
                &format!("{name:?}"),
            ));
        }
        let part = |name: &str| -> Result<Vec<Clause>, EngineError> {
            match fields.get(name) {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(Value::Array(clauses)) => clauses.iter().map(clause_of).collect(),
                Some(clause) => Ok(vec![clause_of(clause)?]),
            }
        };
        return Ok(Clause::Filter(Filter {
            must: part("must")?,
            should: part("should")?,
            must_not: part("must_not")?,
        }));
    }
    let mut conditions = conditions_of(fields)?;
    match conditions.len() {
        0 => Err(invalid("a condition, such as {\"year\": \"2020-\"}", "an empty object")),
        1 => Ok(conditions.remove(0)),
        _ => Ok(Clause::Filter(Filter { must: conditions, ..Filter::default() })),
    }
}

fn conditions_of(fields: &Map<String, Value>) -> Result<Vec<Clause>, EngineError> {
    let text = |name: &str, value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        value => Err(invalid(&format!("a text for `{name}`"), &value.to_string())),
    };
    let condition = |(name, value): (&String, &Value)| {
        Ok(Clause::Condition(match name.as_str() {
            "year" => Condition::Year(text(name, value)?.parse()?),
            "publication_date" => Condition::PublicationDate(text(name, value)?.parse()?),
            "categories" => {
                let names: OneOrMany = serde_json::from_value(value.clone())
                    .map_err(|_| invalid("a category or a list of them", &value.to_string()))?;
                categories_of(names.parts())?
            }
            "author" => Condition::Author(not_blank("author", &text(name, value)?)?),
            "venue" => Condition::Venue(not_blank("venue", &text(name, value)?)?),
            "has_abstract" => Condition::HasAbstract(
                value
                    .as_bool()
                    .ok_or_else(|| invalid("true or false for `has_abstract`", &value.to_string()))?,
            ),
            "ids" => Condition::Ids(
                serde_json::from_value(value.clone())
                    .map_err(|_| invalid("a list of ids for `ids`", &value.to_string()))?,
            ),
            "region" => Condition::Region(text(name, value)?.parse()?),
            other => {
                let expected = "`year`, `publication_date`, `categories`, `author`, `venue`, `has_abstract`, `ids`, `region`, or `must`, `should`, `must_not`";
                return Err(invalid(expected, &format!("{other:?}")));
            }
        }))
    };
    fields.iter().map(condition).collect()
}

fn categories_of(names: Vec<String>) -> Result<Condition, EngineError> {
    if names.is_empty() {
        return Err(EngineError::InvalidRequest {
            parameter: "categories",
            expected: "one category at least".to_owned(),
            found: "none".to_owned(),
        });
    }
    Ok(Condition::Categories(names))
}

fn not_blank(parameter: &'static str, text: &str) -> Result<String, EngineError> {
    if text.chars().any(char::is_alphanumeric) {
        return Ok(text.to_owned());
    }
    Err(EngineError::InvalidRequest { parameter, expected: "a name".to_owned(), found: format!("{text:?}") })
}

fn invalid(expected: &str, found: &str) -> EngineError {
    EngineError::InvalidRequest {
        parameter: "filter",
        expected: expected.to_owned(),
        found: found.chars().take(200).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn condition(text: &str) -> Clause {
        Clause::Condition(Condition::Year(text.parse().unwrap()))
    }

    #[test]
    fn filters_are_read() {
        let all = |must| Filter { must, ..Filter::default() };
        assert_eq!(filter_of(&json!({"year": 2020})).unwrap(), all(vec![condition("2020")]));
        assert_eq!(filter_of(&json!("{\"year\": \"2020-\"}")).unwrap(), all(vec![condition("2020-")]));
        let two = filter_of(&json!({"year": "2020", "has_abstract": true})).unwrap();
        assert_eq!(two, all(vec![condition("2020"), Clause::Condition(Condition::HasAbstract(true))]));
        let nested = json!({
            "should": [{"year": "2020"}, {"must_not": {"year": "2021"}}],
            "must_not": [{"categories": "cs, math"}],
        });
        let not_2021 = Filter { must_not: vec![condition("2021")], ..Filter::default() };
        let categories = Condition::Categories(vec!["cs".to_owned(), "math".to_owned()]);
        assert_eq!(
            filter_of(&nested).unwrap(),
            Filter {
                must: vec![],
                should: vec![condition("2020"), Clause::Filter(not_2021)],
                must_not: vec![Clause::Condition(categories)],
            }
        );
    }

    #[test]
    fn papers_are_named_by_their_ids() {
        let ids = Clause::Condition(Condition::Ids(vec!["a/b".to_owned(), "c".to_owned()]));
        assert_eq!(filter_of(&json!({"ids": ["a/b", "c"]})).unwrap().must, [ids]);
    }

    #[test]
    fn a_part_with_commas_stands_in_quotes() {
        let parts = |text: &str| OneOrMany::Commas(text.to_owned()).parts();
        assert_eq!(parts(" cs.CL,, stat.ML "), ["cs.CL", "stat.ML"]);
        assert_eq!(parts("cs.CL, \"Medicine, General\""), ["cs.CL", "Medicine, General"]);
        for name in ["cs.CL", "Medicine, General", "the \"new\", \"\"", "\""] {
            assert_eq!(parts(&filter_text("categories", name)), [name]);
        }
        assert_eq!(parts("\"never, closed"), ["never, closed"]);
    }

    #[test]
    fn what_is_no_filter_is_refused_with_a_word_on_what_is() {
        let check = |value: Value, said: &str| {
            let error = filter_of(&value).unwrap_err().to_string();
            assert!(error.contains(said), "{value}: {error}");
        };
        check(json!("{"), "JSON");
        check(json!([1]), "an object");
        check(json!({}), "empty object");
        check(json!(r#"{"year": 2020, "year": 2021}"#), "stands twice");
        check(json!({"year": "2021-2020"}), "backwards");
        check(json!({"publication_date": "2021-03:2021-02-28"}), "backwards");
        check(json!({"must": [], "year": 2020}), "beside one another");
        check(json!({"must": [5]}), "an object");
        check(json!({"colour": "red"}), "`year`");
        check(json!({"year": [2020]}), "a text for `year`");
        check(json!({"categories": ""}), "one category");
        check(json!({"has_abstract": "yes"}), "true or false");
        check(json!({"author": "--"}), "a name");
        check(json!({"ids": "a"}), "a list of ids");
    }
}
