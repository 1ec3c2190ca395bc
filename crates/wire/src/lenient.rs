//! Values as they are written: yes and no in the spelling of other languages, and JSON in which no key stands twice.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

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

/// An object in JSON, and no list of its values in order, which serde's own reading takes for one.
#[derive(Debug, Clone, Default)]
pub struct Object<T>(pub T);

/// In the document it is what it holds.
impl<T: PartialSchema> PartialSchema for Object<T> {
    fn schema() -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: ToSchema> ToSchema for Object<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Objects<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Objects<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Objects(PhantomData)).map(Self)
    }
}

/// Reads a list of [`Object`]s.
pub(crate) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Object<T>>::deserialize(deserializer)?.into_iter().map(|object| object.0).collect())
}

/// A number that may be absent, and what is expected of it. What is no number is told the bounds.
struct Number(&'static str);

impl<'de> Visitor<'de> for Number {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_none<E>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<f64>, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Option<f64>, E> {
        Ok(Some(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Option<f64>, E> {
        Ok(Some(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Option<f64>, E> {
        Ok(Some(value))
    }

    /// As the values of a query string are.
    fn visit_str<E: Error>(self, value: &str) -> Result<Option<f64>, E> {
        let number = value.parse().ok();
        number.map(Some).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(value), &self))
    }
}

fn whole<'de, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<Option<usize>, D::Error> {
    let Some(number) = deserializer.deserialize_option(Number(expected))? else { return Ok(None) };
    if number < 0.0 || number.fract() != 0.0 {
        return Err(D::Error::invalid_value(serde::de::Unexpected::Float(number), &expected));
    }
    Ok(Some(number as usize))
}

/// Reads how many hits a page has.
pub(crate) fn optional_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    whole(deserializer, "a whole number from 1 to 1,000")
}

/// Reads how many hits are skipped.
pub(crate) fn optional_offset<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    whole(deserializer, "a whole number from 0 to 10,000")
}

/// Reads a cosine.
pub(crate) fn optional_cosine<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    Ok(deserializer.deserialize_option(Number("a number from -1 to 1"))?.map(|number| number as f32))
}

/// Reads a part of a whole.
pub(crate) fn optional_part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    Ok(deserializer.deserialize_option(Number("a number from 0 to 1"))?.map(|number| number as f32))
}

/// Reads years, which may be a single one as a number.
pub(crate) fn optional_years<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Years;
    impl<'de> Visitor<'de> for Years {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a year, or years such as \"2020-2023\"")
        }

        fn visit_none<E>(self) -> Result<Option<String>, E> {
            Ok(None)
        }

        fn visit_unit<E>(self) -> Result<Option<String>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
            deserializer.deserialize_any(self)
        }

        fn visit_u64<E>(self, value: u64) -> Result<Option<String>, E> {
            Ok(Some(value.to_string()))
        }

        fn visit_str<E>(self, value: &str) -> Result<Option<String>, E> {
            Ok(Some(value.to_owned()))
        }
    }
    deserializer.deserialize_option(Years)
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
            other => {
                let found = if other.is_array() { "a list" } else { "a single value" };
                Err(D::Error::custom(format!("expected an object, found {found}")))
            }
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
    fn a_list_is_no_object() {
        #[derive(Debug, Default, Deserialize, PartialEq)]
        struct Pair {
            a: u8,
            b: u8,
        }
        let read = |text: &str| serde_json::from_str::<Object<Pair>>(text).map(|object| object.0);
        assert_eq!(read(r#"{"a": 1, "b": 2}"#).unwrap(), Pair { a: 1, b: 2 });
        for text in ["[1, 2]", "[]", "null", "\"a\"", "1"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("expected an object"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_no_number_is_told_the_bounds() {
        #[derive(Deserialize)]
        struct Params {
            #[serde(default, deserialize_with = "optional_limit")]
            limit: Option<usize>,
            #[serde(default, deserialize_with = "optional_cosine")]
            min_score: Option<f32>,
        }
        let read = |text: &str| {
            serde_json::from_str::<Params>(text)
                .map(|params| (params.limit, params.min_score))
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(r#"{"limit": 3, "min_score": -0.5}"#), Ok((Some(3), Some(-0.5))));
        assert_eq!(read(r#"{"limit": null}"#), Ok((None, None)));
        for (text, bounds) in [
            (r#"{"limit": "abc"}"#, "from 1 to 1,000"),
            (r#"{"limit": -1}"#, "from 1 to 1,000"),
            (r#"{"limit": 2.5}"#, "from 1 to 1,000"),
            (r#"{"limit": [3]}"#, "from 1 to 1,000"),
            (r#"{"min_score": "much"}"#, "from -1 to 1"),
        ] {
            assert!(read(text).unwrap_err().contains(bounds), "{text}");
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
