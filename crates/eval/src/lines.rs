//! Reads text files line by line.

use crate::{Error, Result};
use disk::PathError;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longer lines are rejected: no query, judgement or result needs one.
const MAX_LINE_BYTES: usize = 1 << 20;

/// The name of standard input.
const STDIN: &str = "-";

/// Calls `line` with each non-blank line of a file, or of standard input, and its 1-based number. A
/// byte-order mark and carriage returns are removed.
pub fn for_each(path: &Path, line: impl FnMut(u64, &str) -> Result<()>) -> Result<()> {
    if path == Path::new(STDIN) {
        return for_each_in(std::io::stdin().lock(), path, line);
    }
    let file = File::open(path).map_err(PathError::at(path))?;
    for_each_in(BufReader::new(file), path, line)
}

/// Reads no more of an overlong line than shows that it is one.
fn for_each_in(
    mut input: impl BufRead,
    path: &Path,
    mut line: impl FnMut(u64, &str) -> Result<()>,
) -> Result<()> {
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let mut limited = input.by_ref().take(MAX_LINE_BYTES as u64 + 1);
        let read = limited.read_until(b'\n', &mut bytes);
        if read.map_err(PathError::at(path))? == 0 {
            break;
        }
        let ended = bytes.pop_if(|last| *last == b'\n').is_some();
        if !ended && bytes.len() > MAX_LINE_BYTES {
            let violation =
                format!("expected a line of at most {MAX_LINE_BYTES} bytes, found a longer one");
            return Err(Error::line(path, number, violation));
        }
        let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if number == 1 => rest,
            _ => &bytes,
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn lines(input: impl Read) -> Result<Vec<(u64, String)>> {
        let mut lines = Vec::new();
        for_each_in(BufReader::new(input), Path::new("a.tsv"), |number, line| {
            lines.push((number, line.to_owned()));
            Ok(())
        })?;
        Ok(lines)
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_left_out() {
        let found = lines(&b"\xef\xbb\xbfone\r\n \n\ntwo\n\xef\xbb\xbfthree"[..]).unwrap();
        let expected = [(1, "one"), (4, "two"), (5, "\u{feff}three")];
        assert_eq!(
            found,
            expected.map(|(number, text)| (number, text.to_owned()))
        );
        let longest = "x".repeat(MAX_LINE_BYTES);
        for end in ["", "\n"] {
            let found = lines(format!("{longest}{end}").as_bytes()).unwrap();
            assert_eq!(found, [(1, longest.clone())]);
        }
    }

    /// Gives a line without end, and fails if all too much of it is read.
    struct Endless(usize);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += buffer.len();
            assert!(self.0 <= 2 * MAX_LINE_BYTES, "{} bytes were read", self.0);
            buffer.fill(b'x');
            Ok(buffer.len())
        }
    }

    #[test]
    fn overlong_line_is_an_error_before_it_is_read_to_its_end() {
        let error = lines(b"one\n".chain(Endless(0))).unwrap_err().to_string();
        assert_eq!(
            error,
            "a.tsv:2: expected a line of at most 1048576 bytes, found a longer one"
        );
    }
}
