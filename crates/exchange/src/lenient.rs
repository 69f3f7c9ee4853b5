//! Deserializes fields as other programs may have written them anew.

use ingest::{MetaValue, Metadata};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;
use std::collections::BTreeMap;

/// A text, or a number that was one.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(D::Error::custom(format_args!(
            "expected a text, found {other}"
        ))),
    }
}

/// As [`text`], for a field that must have a value.
pub fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let missing = || D::Error::custom("expected an article_id, found null");
    text(deserializer)?.ok_or_else(missing)
}

/// As [`text`]; empty without a value.
pub fn text_or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(text(deserializer)?.unwrap_or_default())
}

/// A whole number from 0, perhaps written as `1.0`.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = match Option::<serde_json::Number>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(number) => number,
    };
    let whole = number
        .as_u64()
        .or_else(|| whole_number(number.as_f64().unwrap_or(f64::NAN)));
    let wrong = || D::Error::custom(format_args!("expected a number from 0, found {number}"));
    whole.ok_or_else(wrong).map(Some)
}

/// A float as the whole number that it is.
pub fn whole_number(number: f64) -> Option<u64> {
    // Floats have all whole numbers up to this one.
    let is_exact = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    is_exact.then_some(number as u64)
}

/// Metadata without the fields that have no value: an engine with columns gives every row all of
/// them.
pub fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metadata, D::Error> {
    let fields = Option::<BTreeMap<String, Option<MetaValue>>>::deserialize(deserializer)?;
    let fields = fields.into_iter().flatten();
    Ok(fields
        .filter_map(|(name, value)| Some((name, value?)))
        .collect())
}
