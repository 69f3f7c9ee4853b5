//! Lines of a file, none longer than a limit held in memory.

use std::io::{self, BufRead};

/// One line without its end, or how long an over-long one was.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// The line.
    Text(Vec<u8>),
    /// How many bytes a line has that is too long to be held.
    TooLong(u64),
}

/// The lines of `input`, each with its number from 1. A line over `limit` bytes is read past, not
/// kept.
pub fn lines(mut input: impl BufRead, limit: u64) -> impl Iterator<Item = io::Result<(u64, Line)>> {
    let mut number = 0;
    std::iter::from_fn(move || {
        let (mut kept, mut length, mut ended) = (Vec::new(), 0u64, false);
        while !ended {
            let chunk = match input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Some(Err(error)),
            };
            if chunk.is_empty() {
                if length == 0 {
                    return None;
                }
                break;
            }
            let end = chunk.iter().position(|&b| b == b'\n');
            let take = end.map_or(chunk.len(), |at| at + 1);
            ended = end.is_some();
            length += take as u64;
            if length <= limit + 1 {
                kept.extend_from_slice(&chunk[..take]);
            } else {
                kept = Vec::new();
            }
            input.consume(take);
        }
        number += 1;
        if length > limit + 1 {
            return Some(Ok((number, Line::TooLong(length))));
        }
        while kept.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            kept.pop();
        }
        Some(Ok((number, Line::Text(kept))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_passed_over() {
        let text = format!("one\r\n{}\n\nlast", "x".repeat(50));
        let got: Vec<_> = lines(io::BufReader::with_capacity(7, text.as_bytes()), 20).map(Result::unwrap).collect();
        let line = |t: &str| Line::Text(t.as_bytes().to_vec());
        assert_eq!(got, [(1, line("one")), (2, Line::TooLong(51)), (3, line("")), (4, line("last"))]);
    }
}
