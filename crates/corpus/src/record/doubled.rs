//! JSON in which a name may stand twice in one object: readers take the last, and this keeps the others too.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value, and what stands in it under a name that stands there again.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Whole {
    pub(super) value: Value,
    /// The earlier values that say something else than the last, each with the names that lead to it, dots between them.
    pub(super) doubled: Vec<(String, Value)>,
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut doubled, mut path) = (Vec::new(), Vec::new());
        let value = Values { doubled: &mut doubled, path: &mut path }.deserialize(deserializer)?;
        Ok(Self { value, doubled })
    }
}

/// Reads a value at the end of a path of names.
struct Values<'a> {
    doubled: &'a mut Vec<(String, Value)>,
    path: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value in JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("expected a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) =
            values.next_element_seed(Values { doubled: &mut *self.doubled, path: &mut *self.path })?
        {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = values.next_key::<String>()? {
            self.path.push(name);
            let value =
                values.next_value_seed(Values { doubled: &mut *self.doubled, path: &mut *self.path })?;
            let name = self.path.pop().unwrap_or_default();
            let says_more = object.get(&name).is_some_and(|before| *before != value && !before.is_null());
            let path =
                says_more.then(|| self.path.iter().chain([&name]).cloned().collect::<Vec<_>>().join("."));
            if let (Some(path), Some(before)) = (path, object.insert(name, value)) {
                self.doubled.push((path, before));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_counts_and_the_others_are_kept() {
        let read = |text: &str| serde_json::from_str::<Whole>(text).unwrap();
        let text =
            r#"{"a":[1,-2,0.5,null,true,{"b":"c"}],"b":{"x":"\u00e9"},"n":1e300,"big":18446744073709551615}"#;
        let plain = serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(text), Whole { value: plain, doubled: Vec::new() });
        let doubled = read(r#"{"a":1,"b":[{"c":1,"c":2}],"a":1,"a":2,"d":null,"d":3}"#);
        assert_eq!(doubled.value, json!({"a": 2, "b": [{"c": 2}], "d": 3}));
        assert_eq!(doubled.doubled, [("b.c".to_owned(), json!(1)), ("a".to_owned(), json!(1))]);
        assert!(serde_json::from_str::<Whole>(r#"{"a":"#).is_err());
    }
}
