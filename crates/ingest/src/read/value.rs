//! Values as they are written, before they are metadata.

use crate::article::MetaValue;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

/// A value of front matter or of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Text, said to be that: no number, whatever it looks like.
    Text(String),
    /// As it is written in a format that does not tell numbers from text.
    Plain(String),
    /// A number in a format that tells numbers from text: 2.0 is 2.
    Number(String),
    /// Several.
    List(Vec<Value>),
    /// By name, in the order of the file; a name may stand twice.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// As metadata; `None` if there is nothing.
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

    /// As text that stands alone, a title for instance; `None` if there is nothing in it.
    pub fn text(&self) -> Option<String> {
        let text = match self {
            Self::Null => String::new(),
            Self::Text(text) | Self::Plain(text) | Self::Number(text) => text.clone(),
            Self::List(items) => items.iter().filter_map(Self::text).collect::<Vec<_>>().join(", "),
            Self::Map(_) => self.json(),
        };
        (!text.trim().is_empty()).then_some(text)
    }

    /// As JSON, with numbers as they are written.
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

/// The fields with the values of names that stand twice in one list, and those names.
pub fn together(fields: Vec<(String, Value)>) -> (Vec<(String, Value)>, Vec<String>) {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(fields.len());
    let mut all: Vec<(String, Value)> = Vec::with_capacity(fields.len());
    let mut twice = BTreeSet::new();
    for (name, value) in fields {
        let Some((_, first)) = places.get(&name).and_then(|at| all.get_mut(*at)) else {
            places.insert(name.clone(), all.len());
            all.push((name, value));
            continue;
        };
        let items = |value: Value| if let Value::List(items) = value { items } else { vec![value] };
        let mut both = items(std::mem::replace(first, Value::Null));
        both.extend(items(value));
        *first = Value::List(both);
        twice.insert(name);
    }
    (all, twice.into_iter().collect())
}
