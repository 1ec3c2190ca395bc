//! Lists and objects that stand as text in a cell: JSON's, Python's (`['Ada Smith', "O'Neil, Cy"]`) and NumPy's,
//! which has no commas.

use serde_json::{Map, Value};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 16;

/// The list or object that a text is, whole; `None` for any other text.
pub(crate) fn parse(text: &str) -> Option<Value> {
    let text = text.trim();
    let ends = (text.chars().next()?, text.chars().next_back()?);
    if !matches!(ends, ('[', ']') | ('{', '}') | ('(', ')')) {
        return None;
    }
    if let Ok(value @ (Value::Array(_) | Value::Object(_))) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut parser = Parser { rest: text };
    let value = parser.value(0)?;
    parser.rest.trim().is_empty().then_some(value)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '[' => self.list(']', depth),
            '(' => self.list(')', depth),
            '{' => self.object(depth),
            '\'' | '"' => self.string().map(Value::String),
            // `array([…])`, and a bytes or raw string.
            c if c.is_ascii_alphabetic() => self.word(depth),
            _ => self.number(),
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Option<Value> {
        self.rest = &self.rest[1..];
        let mut elements = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(close) {
                self.rest = rest;
                return Some(Value::Array(elements));
            }
            elements.push(self.value(depth + 1)?);
            self.skip(',');
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.rest = &self.rest[1..];
        let mut members = Map::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix('}') {
                self.rest = rest;
                return Some(Value::Object(members));
            }
            let name = match self.value(depth + 1)? {
                Value::String(name) => name,
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            if self.skip(':') {
                let value = self.value(depth + 1)?;
                members.insert(name, value);
            } else {
                // A set.
                members.insert(name.clone(), Value::String(name));
            }
            self.skip(',');
        }
    }

    fn skip(&mut self, sign: char) -> bool {
        let rest = self.rest.trim_start();
        let skipped = rest.strip_prefix(sign);
        self.rest = skipped.unwrap_or(rest);
        skipped.is_some()
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next()?.1 {
                    'n' | 'r' | 't' => text.push(' '),
                    'x' => text.push(escaped(&mut chars, 2)?),
                    'u' => text.push(escaped(&mut chars, 4)?),
                    other => text.push(other),
                },
                c if c == quote => {
                    self.rest = &self.rest[1 + at + 1..];
                    return Some(text);
                }
                c => text.push(c),
            }
        }
        None
    }

    fn word(&mut self, depth: usize) -> Option<Value> {
        let length = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        match word {
            "None" | "null" | "nan" | "NaN" => Some(Value::Null),
            "True" | "true" => Some(Value::Bool(true)),
            "False" | "false" => Some(Value::Bool(false)),
            "b" | "u" | "r" if rest.starts_with(['\'', '"']) => self.string().map(Value::String),
            "array" | "list" | "set" | "OrderedDict" if rest.starts_with('(') => {
                match self.list(')', depth)? {
                    Value::Array(mut arguments) if !arguments.is_empty() => Some(arguments.swap_remove(0)),
                    _ => None,
                }
            }
            "dtype" => None,
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let length = self
            .rest
            .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+' | 'e' | 'E'))
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        serde_json::from_str::<serde_json::Number>(digits.trim_end_matches('.')).ok().map(Value::Number)
    }
}

fn escaped(chars: &mut std::str::CharIndices<'_>, n_digits: usize) -> Option<char> {
    let digits: String = chars.by_ref().take(n_digits).map(|(_, c)| c).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_three_languages_are_read() {
        fn check(text: &str, expected: Option<Value>) {
            assert_eq!(parse(text), expected, "{text}");
        }
        check(
            r#"['Smith, Ada', 'Doe, Bo', "O'Neil, Cy"]"#,
            Some(json!(["Smith, Ada", "Doe, Bo", "O'Neil, Cy"])),
        );
        check(r#"["a", "b"]"#, Some(json!(["a", "b"])));
        check("['a' 'b'\n 'c']", Some(json!(["a", "b", "c"])));
        check("('a', None, 1.5, True,)", Some(json!(["a", null, 1.5, true])));
        check(r"[{'name': 'Ada \'A\' S\xe9', 'id': 3}]", Some(json!([{"name": "Ada 'A' Sé", "id": 3}])));
        check("{'a', 'b'}", Some(json!({"a": "a", "b": "b"})));
        check("[]", Some(json!([])));
        for text in [
            "",
            "a",
            "[cs.CL, cs.LG]",
            "[No author name available]",
            "['a'",
            "['a'] b",
            "(The Collaboration)",
            "[1] [2]",
        ] {
            check(text, None);
        }
        check(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), None);
    }
}
