//! Text files line by line.

use crate::{Error, Result};
use std::path::Path;

/// A longer line is no question, judgement or result.
const LONGEST: usize = 1 << 20;

/// The lines of a file that are not blank, each with its number from 1, without a byte-order mark.
pub fn each(path: &Path, mut line: impl FnMut(u64, &str) -> Result<()>) -> Result<()> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    for (number, bytes) in (1..).zip(bytes.split(|b| *b == b'\n')) {
        if bytes.len() > LONGEST {
            let problem = format!("expected a line of at most {LONGEST} bytes, found one of {}", bytes.len());
            return Err(Error::line(path, number, problem));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Error::line(path, number, format!("expected UTF-8, found other bytes ({error})")))?;
        if !text.trim().is_empty() {
            line(number, text.strip_suffix('\r').unwrap_or(text))?;
        }
    }
    Ok(())
}

/// A string or a number, as people write ids.
pub fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    use serde::Deserialize;
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format_args!("expected a string as id, found {other}"))),
    }
}

/// An id that may be missing.
pub fn some_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    id(deserializer).map(Some)
}
