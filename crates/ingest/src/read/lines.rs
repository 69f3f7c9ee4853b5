//! Splits input into lines without holding overlong ones in memory.

use std::io::{self, BufRead};

/// A line without its line end, or the length of an overlong one.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// The bytes of the line.
    Text(Vec<u8>),
    /// The line is over the limit; its length in bytes.
    TooLong(u64),
}

/// The lines of `input` with their numbers, from 1. A line ends with a line feed, a carriage
/// return, or both. Lines over `limit` bytes are skipped.
pub fn lines(mut input: impl BufRead, limit: u64) -> impl Iterator<Item = io::Result<(u64, Line)>> {
    let (mut number, mut after_return) = (0, false);
    std::iter::from_fn(move || {
        let (mut kept, mut length, mut ended, mut is_line) = (Vec::new(), 0u64, false, false);
        while !ended {
            let chunk = match input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Some(Err(error)),
            };
            if chunk.is_empty() {
                break;
            }
            if std::mem::take(&mut after_return) && chunk[0] == b'\n' {
                input.consume(1);
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', chunk);
            let text = &chunk[..end.unwrap_or(chunk.len())];
            is_line = true;
            length += text.len() as u64;
            if length <= limit {
                kept.extend_from_slice(text);
            } else {
                kept = Vec::new();
            }
            let used = text.len() + usize::from(end.is_some());
            after_return = end.is_some_and(|end| chunk[end] == b'\r');
            ended = end.is_some();
            input.consume(used);
        }
        if !is_line {
            return None;
        }
        number += 1;
        Some(Ok((
            number,
            if length > limit {
                Line::TooLong(length)
            } else {
                Line::Text(kept)
            },
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlong_lines_are_skipped() {
        let text = format!("one\r\n{}\n\nlast", "x".repeat(50));
        let got: Vec<_> = lines(io::BufReader::with_capacity(7, text.as_bytes()), 20)
            .map(Result::unwrap)
            .collect();
        let line = |t: &str| Line::Text(t.as_bytes().to_vec());
        assert_eq!(
            got,
            [
                (1, line("one")),
                (2, Line::TooLong(50)),
                (3, line("")),
                (4, line("last"))
            ]
        );
    }

    #[test]
    fn all_line_ends_are_recognized() {
        for capacity in [1, 2, 64] {
            let text = "one\rtwo\r\n\r\n\rthree\n\nfour\r".as_bytes();
            let got: Vec<_> = lines(io::BufReader::with_capacity(capacity, text), 20)
                .map(Result::unwrap)
                .collect();
            let texts =
                ["one", "two", "", "", "three", "", "four"].map(|text| Line::Text(text.into()));
            assert_eq!(got, (1..).zip(texts).collect::<Vec<_>>());
        }
    }
}
