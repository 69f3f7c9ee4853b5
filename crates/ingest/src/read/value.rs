//! Typed values of records and front matter, before they become metadata.

use crate::article::MetaValue;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

/// A value of front matter or of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// Text of a declared type: never a number, whatever it looks like.
    Text(String),
    /// Untyped text, from a format that does not distinguish numbers from text.
    Plain(String),
    /// The text of a number, from a format that has numbers: `2.0` is 2.
    Number(String),
    /// A list.
    List(Vec<Value>),
    /// Entries in file order; a name may occur repeated.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The value as metadata; `None` for null.
    pub fn metadata(&self) -> Option<MetaValue> {
        Some(match self {
            Self::Null => return None,
            Self::Text(text) => MetaValue::from_text(text.trim()),
            Self::Plain(text) => MetaValue::infer_from_text(text),
            Self::Number(text) => MetaValue::from_number_text(text),
            Self::List(items) => MetaValue::List(items.iter().filter_map(Self::metadata).collect()),
            Self::Map(_) => MetaValue::String(self.json()),
        })
    }

    /// The value as text, for example as a title; `None` if it is blank.
    pub fn text(&self) -> Option<String> {
        let text = match self {
            Self::Null => String::new(),
            Self::Text(text) | Self::Plain(text) | Self::Number(text) => text.clone(),
            Self::List(items) => items
                .iter()
                .filter_map(Self::text)
                .collect::<Vec<_>>()
                .join(", "),
            Self::Map(_) => self.json(),
        };
        (!text.trim().is_empty()).then_some(text)
    }

    /// The value as JSON, with numbers as written.
    pub fn json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Null => out.push_str("null"),
            Self::Text(text) | Self::Plain(text) => out.push_str(&quoted(text)),
            Self::Number(text) => out.push_str(text),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(fields) => {
                out.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "{}{}:", if at > 0 { "," } else { "" }, quoted(name));
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

/// Merges the values of repeated names into lists. Returns the fields and the repeated names.
pub fn merge_repeated(fields: Vec<(String, Value)>) -> (Vec<(String, Value)>, Vec<String>) {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(fields.len());
    let mut all: Vec<(String, Value)> = Vec::with_capacity(fields.len());
    let mut repeated = BTreeSet::new();
    for (name, value) in fields {
        let Some((_, first)) = places.get(&name).and_then(|at| all.get_mut(*at)) else {
            places.insert(name.clone(), all.len());
            all.push((name, value));
            continue;
        };
        let items = |value: Value| {
            if let Value::List(items) = value {
                items
            } else {
                vec![value]
            }
        };
        let mut both = items(std::mem::replace(first, Value::Null));
        both.extend(items(value));
        *first = Value::List(both);
        repeated.insert(name);
    }
    (all, repeated.into_iter().collect())
}
