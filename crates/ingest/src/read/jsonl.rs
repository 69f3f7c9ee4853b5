//! JSON Lines, including BEIR's `corpus.jsonl`: one JSON object per line, with a text and
//! optionally id, title and metadata.

use super::lines::{Line, lines};
use super::reader::{Emit, Item, Reader, emit_all};
use super::value::Value;
use super::{json, record};
use crate::source::Source;
use crate::{Error, Result, encoding};
use disk::PathError;
use std::io::BufReader;

pub struct Jsonl;

impl Reader for Jsonl {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let (text, note) = encoding::reader(source)?;
        if emit_all(note.map(Item::Note), emit).is_break() {
            return Ok(());
        }
        for line in lines(BufReader::with_capacity(1 << 16, text), limit) {
            let (number, line) = line.map_err(PathError::at(&source.path))?;
            let items = match line {
                Line::Text(bytes) => parse(source, number, &bytes),
                Line::TooLong(bytes) => {
                    let path = source.path.clone();
                    vec![Item::Failed(Error::TooLarge {
                        path,
                        line: Some(number),
                        bytes,
                        limit,
                    })]
                }
            };
            if emit_all(items, emit).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn parse(source: &Source, line: u64, bytes: &[u8]) -> Vec<Item> {
    let failed = |problem: String| {
        vec![Item::Failed(Error::malformed(
            &source.path,
            Some(line),
            problem,
        ))]
    };
    let text = match std::str::from_utf8(bytes) {
        // Concatenated files have byte-order marks in the middle.
        Ok(text) => text.trim_start_matches('\u{feff}').trim(),
        Err(error) => return failed(format!("not UTF-8 (byte {})", error.valid_up_to() + 1)),
    };
    if text.is_empty() {
        return Vec::new();
    }
    match json::parse(text) {
        Ok(Value::Map(fields)) => record::items(source, line, fields),
        Ok(_) => failed("expected a JSON object, {\"text\": …}".to_owned()),
        Err(error) => failed(format!("not JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::article::MetaValue;
    use crate::read::testing::read_bytes;

    #[test]
    fn records_without_an_id_are_named_by_line() {
        let text = "{\"_id\":\"d1\",\"title\":\"T\",\"text\":\"one\",\"metadata\":{\"year\":2020}}\n\n{\"content\":\"two\",\"tag\":\"x\"}\n{\"id\":7,\"body\":\"three\"}\n{\"_id\":\" \",\"text\":\"four\"}\n";
        let (articles, errors) = read_bytes("c.jsonl", Format::Jsonl, text.as_bytes());
        assert!(errors.is_empty(), "{errors:?}");
        let ids: Vec<_> = articles
            .iter()
            .map(|a| (a.id.as_str(), a.text.as_str(), a.line_at(0)))
            .collect();
        assert_eq!(
            ids,
            [
                ("d1", "one", 1),
                ("c.jsonl#3", "two", 3),
                ("7", "three", 4),
                ("c.jsonl#5", "four", 5)
            ]
        );
        assert!(articles[0].metadata["year"].shown() == "2020");
        assert!(matches!(&articles[1].metadata["tag"], MetaValue::String(s) if s == "x"));
    }

    #[test]
    fn a_bad_line_is_reported_and_the_rest_read() {
        let mut text = String::new();
        for i in 1..=9 {
            text += &if i == 7 {
                "{\"text\": \"cut\n".to_owned()
            } else {
                format!("{{\"text\": \"t{i}\"}}\n")
            };
        }
        let (articles, errors) = read_bytes("c.jsonl", Format::Jsonl, text.as_bytes());
        assert_eq!(articles.len(), 8);
        assert_eq!(errors.len(), 1);
        assert!(
            errors[0].starts_with("c.jsonl:7: not JSON: EOF while parsing a string"),
            "{errors:?}"
        );
        let (_, errors) = read_bytes(
            "c.jsonl",
            Format::Jsonl,
            b"[1]\n{\"a\":1,\"b\":2}\n{\"text\":\" \"}",
        );
        assert_eq!(
            errors[0],
            "c.jsonl:1: expected a JSON object, {\"text\": …}"
        );
        assert_eq!(
            errors[1],
            "c.jsonl:2: expected a string field named text, content, contents, body, article; found a, b"
        );
        assert_eq!(
            errors[2],
            "c.jsonl:3: its text is empty, or neither a string nor a list of strings"
        );
    }

    #[test]
    fn unusual_but_valid_records_are_read() {
        let text = "{\"text\":null,\"content\":\"cedar\"}\n{\"text\":\"\",\"title\":\"T\",\"content\":\"dogwood\"}\n{\"text\":[\"elder\",\"flowers\"]}\n\u{feff}{\"id\":null,\"Text\":\"gorse\"}\n{\"title\":\"only a title\"}\n{\"text\":\"nested\",\"year\":1,\"metadata\":{\"text\":\"no\",\"_id\":\"no\",\"year\":2}}\n{\"text\":\"alder\",\"text\":\"birch\"}\n";
        let (articles, notes) = read_bytes("c.jsonl", Format::Jsonl, text.as_bytes());
        let read: Vec<_> = articles
            .iter()
            .map(|a| (a.id.as_str(), a.text.as_str()))
            .collect();
        assert_eq!(
            read,
            [
                ("c.jsonl#1", "cedar"),
                ("c.jsonl#2", "dogwood"),
                ("c.jsonl#3", "elder\n\nflowers"),
                ("c.jsonl#4", "gorse"),
                ("c.jsonl#5", "only a title"),
                ("c.jsonl#6", "nested"),
                ("c.jsonl#7", "alder\n\nbirch"),
            ]
        );
        assert_eq!(articles[5].metadata["year"].shown(), "1");
        let noted: Vec<_> = notes
            .iter()
            .map(|note| &note[.."note: c.jsonl:5".len()])
            .collect();
        assert_eq!(
            noted,
            ["note: c.jsonl:5", "note: c.jsonl:6", "note: c.jsonl:7"]
        );
    }

    #[test]
    fn numbers_beyond_64_bits_keep_their_digits() {
        let text = "{\"id\":12345678901234567890123,\"text\":\"a\",\"n\":12345678901234567890124,\"price\":2.50}\n";
        let (articles, notes) = read_bytes("c.jsonl", Format::Jsonl, text.as_bytes());
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(articles[0].id, "12345678901234567890123");
        assert_eq!(articles[0].metadata["n"].shown(), "12345678901234567890124");
        assert!(
            matches!(&articles[0].metadata["price"], MetaValue::Number(n) if *n == "2.5".parse().unwrap())
        );
    }

    #[test]
    fn utf16_is_transcoded() {
        let bytes: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(
                "{\"text\":\"é\"}\n"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes),
            )
            .collect();
        let (articles, errors) = read_bytes("c.jsonl", Format::Jsonl, &bytes);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(articles[0].text, "é");
    }
}
