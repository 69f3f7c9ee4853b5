//! JSON that keeps numbers as written, and repeated names.

use super::value::Value;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Values nested more deeply are kept as JSON text.
const MAX_DEPTH: usize = 32;

/// Parses a JSON text.
///
/// # Errors
/// The error of serde_json if it is invalid.
pub fn parse(text: &str) -> serde_json::Result<Value> {
    let raw: &RawValue = serde_json::from_str(text)?;
    value(raw.get(), 0)
}

/// Parses the JSON value at the beginning of a text. Returns it and its length in bytes.
pub fn parse_first(text: &str) -> Option<(Value, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let raw = values.next()?.ok()?;
    Some((value(raw.get(), 0).ok()?, values.byte_offset()))
}

fn value(raw: &str, depth: usize) -> serde_json::Result<Value> {
    Ok(match raw.as_bytes().first() {
        _ if depth > MAX_DEPTH => Value::Text(raw.to_owned()),
        Some(b'{') => {
            let Fields(fields) = serde_json::from_str(raw)?;
            let named = fields
                .into_iter()
                .map(|(name, raw)| Ok((name, value(raw.get(), depth + 1)?)));
            Value::Map(named.collect::<serde_json::Result<_>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw)?;
            Value::List(
                items
                    .into_iter()
                    .map(|raw| value(raw.get(), depth + 1))
                    .collect::<serde_json::Result<_>>()?,
            )
        }
        Some(b'"') => Value::Text(serde_json::from_str(raw)?),
        Some(b'n') => Value::Null,
        Some(b't' | b'f') => Value::Text(raw.to_owned()),
        _ => Value::Number(raw.to_owned()),
    })
}

/// The fields of an object, including repeated ones.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_repeated_names_are_kept() {
        let text = r#"{"a": 12345678901234567890123, "b": [1.10, null, true], "a": {"c": -0}}"#;
        let Value::Map(fields) = parse(text).unwrap() else {
            panic!("no map")
        };
        assert_eq!(
            fields
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>(),
            ["a", "b", "a"]
        );
        let again: Vec<_> = fields.iter().map(|(_, value)| value.json()).collect();
        assert_eq!(
            again,
            [
                "12345678901234567890123",
                "[1.10,null,\"true\"]",
                "{\"c\":-0}"
            ]
        );
    }

    #[test]
    fn parse_first_returns_the_length_and_nesting_is_limited() {
        assert_eq!(parse_first("{\"a\": 1}\nrest").unwrap().1, 8);
        assert!(parse_first("{% include x %}").is_none());
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(parse(&deep).is_ok());
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
