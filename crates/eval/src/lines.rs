//! Reads text files line by line.

use crate::{Error, Result};
use std::io::Read;
use std::path::Path;

/// Longer lines are rejected: no query, judgement or result needs one.
const MAX_LINE_BYTES: usize = 1 << 20;

/// The name of standard input.
const STDIN: &str = "-";

/// Calls `line` with each non-blank line of a file, or of standard input, and its 1-based number. A
/// byte-order mark and carriage returns are removed.
pub fn for_each(path: &Path, mut line: impl FnMut(u64, &str) -> Result<()>) -> Result<()> {
    let bytes = if path == Path::new(STDIN) {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(Error::io(path))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    for (number, bytes) in (1..).zip(bytes.split(|b| *b == b'\n')) {
        if bytes.len() > MAX_LINE_BYTES {
            let problem = format!(
                "expected a line of at most {MAX_LINE_BYTES} bytes, found one of {}",
                bytes.len()
            );
            return Err(Error::line(path, number, problem));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Error::line(path, number, format!("expected UTF-8: {error}")))?;
        if !text.trim().is_empty() {
            line(number, text.strip_suffix('\r').unwrap_or(text))?;
        }
    }
    Ok(())
}

/// Deserializes an id that is a JSON string or number.
pub fn deserialize_id<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    use serde::Deserialize;
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format_args!(
            "expected a string or a number as id, found {other}"
        ))),
    }
}

/// As [`deserialize_id`], for a field that may be missing.
pub fn deserialize_optional_id<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    deserialize_id(deserializer).map(Some)
}
