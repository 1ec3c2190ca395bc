//! Answers that fit a model's budget.
//!
//! A token is counted as three bytes of UTF-8, which is more than the tokenizers of language models make of abstracts. What
//! is too long loses the ends of its abstracts first, then whole fields, the least telling first. Ids and
//! titles' beginnings stay.

use serde_json::{Map, Value, json};

use crate::error::ToolError;

/// Bytes that count as one token.
const TOKEN_BYTES: usize = 3;
/// Tokens of an answer that does not say how many.
pub(crate) const DEFAULT_TOKENS: usize = 2_000;
/// The least and the most that can be asked for.
pub(crate) const MIN_TOKENS: usize = 100;
pub(crate) const MAX_TOKENS: usize = 50_000;

/// Lengths to which abstracts are cut, in characters, one after the other.
const ABSTRACT_CHARS: [usize; 6] = [1_500, 800, 400, 200, 100, 0];
/// Fields that go after that, in this order.
const FIELDS: [&str; 8] = ["reason", "why", "url", "venue", "authors", "published", "relevance", "score"];
/// Lengths to which titles are cut last.
const TITLE_CHARS: [usize; 3] = [80, 40, 0];

/// An answer before it is cut: some fields, and a list of items with an `id` each.
pub(crate) struct Answer {
    pub(crate) head: Map<String, Value>,
    /// What the items are called.
    pub(crate) name: &'static str,
    pub(crate) items: Vec<Map<String, Value>>,
}

pub(crate) fn tokens_of(text: &str) -> usize {
    text.len().div_ceil(TOKEN_BYTES)
}

impl Answer {
    /// The JSON text within `budget` tokens. What was shortened is told under `shortened`.
    pub(crate) fn within(mut self, budget: usize) -> Result<String, ToolError> {
        let whole = self.write(None)?;
        if tokens_of(&whole) <= budget {
            return Ok(whole);
        }
        for chars in ABSTRACT_CHARS {
            self.items.iter_mut().for_each(|item| cut(item, "abstract", chars));
            if let Some(text) = self.fitting(budget, &format!("abstracts to {chars} characters"))? {
                return Ok(text);
            }
        }
        for (n_gone, field) in FIELDS.iter().enumerate() {
            for item in &mut self.items {
                item.remove(*field);
            }
            let gone = format!("without abstract, {}", FIELDS[..=n_gone].join(", "));
            if let Some(text) = self.fitting(budget, &gone)? {
                return Ok(text);
            }
        }
        for chars in TITLE_CHARS {
            self.items.iter_mut().for_each(|item| cut(item, "title", chars));
            if let Some(text) = self.fitting(budget, &format!("ids, and titles to {chars} characters"))? {
                return Ok(text);
            }
        }
        for item in &mut self.items {
            item.retain(|name, _| name == "id");
        }
        match self.fitting(budget, "ids alone")? {
            Some(text) => Ok(text),
            None => {
                let needed = tokens_of(&self.write(Some("ids alone"))?);
                Err(ToolError::Budget { n: self.items.len(), needed, budget })
            }
        }
    }

    fn fitting(&self, budget: usize, shortened: &str) -> Result<Option<String>, ToolError> {
        let text = self.write(Some(shortened))?;
        Ok((tokens_of(&text) <= budget).then_some(text))
    }

    fn write(&self, shortened: Option<&str>) -> Result<String, ToolError> {
        let mut body = self.head.clone();
        if let Some(shortened) = shortened {
            body.insert(
                "shortened".to_owned(),
                json!(format!("{shortened}; raise max_tokens, or use get_paper")),
            );
        }
        body.insert(self.name.to_owned(), json!(self.items));
        Ok(serde_json::to_string(&body)?)
    }
}

/// Cuts a text field to so many characters, or takes it out.
fn cut(item: &mut Map<String, Value>, field: &str, chars: usize) {
    if chars == 0 {
        item.remove(field);
    } else if let Some(Value::String(text)) = item.get_mut(field)
        && let Some((end, _)) = text.char_indices().nth(chars)
    {
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(n: usize) -> Answer {
        let items = (0..n).map(|number| {
            let item = json!({
                "id": format!("10.5555/{number}"), "title": "Tides and trade ".repeat(10),
                "abstract": "Trade follows tides. ".repeat(100), "authors": ["Ada Smith"], "score": 0.5
            });
            item.as_object().unwrap().clone()
        });
        let head = json!({"total": n}).as_object().unwrap().clone();
        Answer { head, name: "papers", items: items.collect() }
    }

    #[test]
    fn answers_stay_within_their_budget_and_lose_no_id() {
        let mut told = Vec::new();
        for budget in [20_000, 4_000, 2_000, 1_000, 600, 400, 200] {
            let text = answer(10).within(budget).unwrap();
            assert!(tokens_of(&text) <= budget, "{budget}: {}", tokens_of(&text));
            let body: Value = serde_json::from_str(&text).unwrap();
            for (number, paper) in body["papers"].as_array().unwrap().iter().enumerate() {
                assert_eq!(paper["id"], format!("10.5555/{number}"));
            }
            told.push(body["shortened"].as_str().map(str::to_owned));
        }
        assert_eq!(told[0], None);
        assert!(told[1..].iter().all(Option::is_some), "{told:?}");
        assert!(told[1].as_ref().unwrap().contains("abstracts to 800"), "{told:?}");
        assert!(matches!(answer(100).within(100), Err(ToolError::Budget { n: 100, budget: 100, .. })));
    }

    #[test]
    fn short_answers_stay_as_they_are() {
        let text = answer(0).within(100).unwrap();
        assert_eq!(text, r#"{"total":0,"papers":[]}"#);
    }
}
