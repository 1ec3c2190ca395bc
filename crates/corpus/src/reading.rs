//! What reading one optional field of a record gives.

use serde_json::{Number, Value};

use crate::text::excerpt;

/// The outcome of reading one optional field: perhaps a value, perhaps a warning, and whether the
/// field's raw value is worth keeping in `extra`.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading<T> {
    /// What the field says.
    pub(crate) value: Option<T>,
    /// Whether the raw value says more than `value` holds.
    pub(crate) keep_raw: bool,
    /// What was expected and what was found, where (part of) the field could not be read.
    pub(crate) warning: Option<String>,
}

impl<T> Reading<T> {
    /// The value says all that the field says.
    pub(crate) fn whole(value: T) -> Self {
        Self { value: Some(value), keep_raw: false, warning: None }
    }

    /// The field says more than the value can hold.
    pub(crate) fn part(value: T) -> Self {
        Self { value: Some(value), keep_raw: true, warning: None }
    }

    /// The field says that there is nothing to say ("N/A").
    pub(crate) fn filler() -> Self {
        Self { value: None, keep_raw: true, warning: None }
    }

    /// The field cannot be read.
    pub(crate) fn unreadable(expected: &str, found: &Value) -> Self {
        let warning = format!("expected {expected}, found {}", describe(found));
        Self { value: None, keep_raw: true, warning: Some(warning) }
    }
}

/// A JSON value in words, for messages.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => excerpt(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A string, trimmed, or a number as text; a list of one counts as its element (Crossref's titles).
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number_text(number)),
        Value::Array(list) => match list.as_slice() {
            [Value::String(text)] => Some(text.trim().to_owned()),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}

/// A number as text; a whole one without `.0`, which tables with gaps add to their integers.
pub(crate) fn number_text(number: &Number) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
