//! Values as they are written: yes and no in the spelling of other languages, and JSON in which no key stands twice.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Yes or no. In a query string also as Python, R and others write it.
struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Flags;
        impl Visitor<'_> for Flags {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true` or `false`")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Flag, E> {
                match value {
                    "true" | "True" | "TRUE" | "1" => Ok(Flag(true)),
                    "false" | "False" | "FALSE" | "0" => Ok(Flag(false)),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Flags)
    }
}

/// Reads a [`Flag`].
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Flag::deserialize(deserializer).map(|flag| flag.0)
}

/// Reads a [`Flag`] that may be absent.
pub(crate) fn optional_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(Option::<Flag>::deserialize(deserializer)?.map(|flag| flag.0))
}

/// Any JSON, but that no object has a key twice: of two values, whichever is taken, somebody meant the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unique(pub(crate) Value);

/// An object in which, as in all within it, no key stands twice.
#[derive(Debug, Clone, PartialEq)]
pub struct UniqueObject(pub Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Unique::deserialize(deserializer)?.0 {
            Value::Object(object) => Ok(Self(object)),
            _ => Err(D::Error::custom("expected an object")),
        }
    }
}

/// Reads [`Unique`] JSON that may be absent.
pub(crate) fn optional_unique<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Ok(Option::<Unique>::deserialize(deserializer)?.map(|unique| unique.0))
}

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
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

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(Unique(value)) = values.next_element()? {
                    list.push(value);
                }
                Ok(Value::Array(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
                let mut object = Map::new();
                while let Some((key, Unique(value))) = values.next_entry::<String, Unique>()? {
                    if object.contains_key(&key) {
                        return Err(A::Error::custom(format!("the key {key:?} stands twice")));
                    }
                    object.insert(key, value);
                }
                Ok(Value::Object(object))
            }
        }
        deserializer.deserialize_any(Values).map(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_once() {
        let read = |text: &str| serde_json::from_str::<Unique>(text).map(|unique| unique.0);
        let text = r#"{"a":[1,-2,0.5,null,true,{"b":"c"}],"b":{}}"#;
        assert_eq!(read(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"c":2,"a":3}}]"#] {
            assert!(read(text).unwrap_err().to_string().contains("stands twice"), "{text}");
        }
    }

    #[test]
    fn yes_and_no_are_read_as_languages_write_them() {
        let read = |text: &str| serde_json::from_str::<Flag>(text).map(|flag| flag.0).ok();
        for (text, expected) in [
            ("true", Some(true)),
            ("\"True\"", Some(true)),
            ("\"FALSE\"", Some(false)),
            ("\"yes\"", None),
            ("7", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
