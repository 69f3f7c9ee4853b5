//! Arguments of tools as language models, and proxies in between, send them.

use crate::problem::{Problem, Result};
use crate::words::in_plain_words;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The arguments of a tool, or what is wrong with them. An empty text and null are as if they were
/// not there, and a list may come as a text with JSON in it.
pub struct Arguments<T>(pub Result<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Arguments<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let given = Option::<Map<String, Value>>::deserialize(deserializer)?;
        Ok(Self(read(given.unwrap_or_default())))
    }
}

fn read<T: DeserializeOwned>(given: Map<String, Value>) -> Result<T> {
    let is_given = |value: &Value| {
        !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())
    };
    let arguments = given.into_iter().filter(|(_, value)| is_given(value));
    let arguments = arguments.map(|(name, value)| (name, unpacked(value)));
    let arguments = Value::Object(arguments.collect());
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let message = error.to_string();
        let message = message.strip_prefix(".: ").unwrap_or(&message);
        Problem::bad_request(in_plain_words(message).replace("field", "argument"))
    })
}

/// The list in a text.
fn unpacked(value: Value) -> Value {
    let list = value
        .as_str()
        .filter(|text| text.trim_start().starts_with('['));
    let list = list.and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok());
    // A question may begin with a bracket, too, but it is no list of objects.
    match list {
        Some(list) if list.iter().all(Value::is_object) => Value::Array(list),
        _ => value,
    }
}

impl<T: JsonSchema> JsonSchema for Arguments<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient_number::whole_number;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        question: String,
        #[serde(default, deserialize_with = "whole_number")]
        k: Option<u32>,
        mode: Option<String>,
        pairs: Option<Vec<Value>>,
    }

    fn read_json(value: Value) -> Result<Example> {
        read(value.as_object().unwrap().clone())
    }

    #[test]
    fn arguments_are_read_as_they_are_meant() {
        let k = |value: Value| read_json(json!({"question": "x", "k": value})).unwrap().k;
        assert_eq!(k(json!("5")), Some(5));
        assert_eq!(k(json!(5.0)), Some(5));
        assert_eq!(k(json!("5.0")), Some(5));
        assert_eq!(
            (k(json!("")), k(json!(" ")), k(json!(null))),
            (None, None, None)
        );
        let read =
            read_json(json!({"question": "[1]", "mode": "", "pairs": "[{\"a\": 1}]"})).unwrap();
        assert_eq!((read.question.as_str(), read.mode), ("[1]", None));
        assert_eq!(read.pairs, Some(vec![json!({"a": 1})]));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_words() {
        for (given, words) in [
            (
                json!({"question": "x", "k": "many"}),
                "k: invalid value: string \"many\", expected a whole number",
            ),
            (
                json!({"question": "x", "limit": 5}),
                "unknown argument `limit`, expected one of `question`",
            ),
            (json!({"question": ""}), "missing argument `question`"),
            (
                json!({"question": "x", "pairs": "none"}),
                "pairs: invalid type: string \"none\", expected a list",
            ),
            (json!({"question": ["x"]}), "question: invalid type"),
        ] {
            let problem = read_json(given).unwrap_err();
            assert!(problem.detail().contains(words), "{}", problem.detail());
        }
    }
}
