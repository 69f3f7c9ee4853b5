//! JSONL, BEIR's `corpus.jsonl` among it: one JSON object a line, with a text and as much of id,
//! title and metadata as there is.

use super::lines::{Line, lines};
use super::record::{ID, Record, TEXT, TITLE, URL};
use super::{Emit, Reader};
use crate::article::{Article, MetaValue};
use crate::walk::Source;
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::io::BufReader;

pub struct Jsonl;

impl Reader for Jsonl {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let file = std::fs::File::open(&source.path).map_err(Error::io(&source.path))?;
        let text = encoding_rs_io::DecodeReaderBytesBuilder::new().build(file);
        for line in lines(BufReader::with_capacity(1 << 16, text), limit) {
            let (number, line) = line.map_err(Error::io(&source.path))?;
            let article = match line {
                Line::Text(bytes) if bytes.trim_ascii().is_empty() => continue,
                Line::Text(bytes) => parse(source, number, &bytes),
                Line::TooLong(bytes) => {
                    Err(Error::TooLarge { path: source.path.clone(), line: Some(number), bytes, limit })
                }
            };
            if emit(article).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn parse(source: &Source, line: u64, bytes: &[u8]) -> Result<Article> {
    let wrong = |problem: String| Error::malformed(&source.path, Some(line), problem);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| wrong(format!("not JSON: {error}")))?;
    match value {
        Value::Object(fields) => article(source, line, fields),
        _ => Err(wrong("expected a JSON object, {\"text\": …}".to_owned())),
    }
}

/// The article of a record, on `line` of its file.
pub fn article(source: &Source, line: u64, mut fields: Map<String, Value>) -> Result<Article> {
    let wrong = |problem: String| Error::malformed(&source.path, Some(line), problem);
    let Some(text) = take(&mut fields, TEXT) else {
        let found = fields.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(wrong(format!("expected a string field named {}; found {found}", TEXT.join(", "))));
    };
    let title = take(&mut fields, TITLE).unwrap_or_default();
    if text.trim().is_empty() && title.trim().is_empty() {
        return Err(wrong("its text is empty".to_owned()));
    }
    let mut record =
        Record { id: take(&mut fields, ID), title, text, url: take(&mut fields, URL), ..Record::default() };
    if fields.get("metadata").is_some_and(Value::is_object)
        && let Some(Value::Object(nested)) = fields.remove("metadata")
    {
        fields.extend(nested);
    }
    record.metadata =
        fields.iter().filter_map(|(name, value)| Some((name.clone(), MetaValue::from_json(value)?))).collect();
    Ok(record.article(source, line))
}

/// Removes the first of `names` that is there; numbers serve as ids too.
fn take(fields: &mut Map<String, Value>, names: &[&str]) -> Option<String> {
    let name = names.iter().find(|name| matches!(fields.get(**name), Some(Value::String(_) | Value::Number(_))))?;
    match fields.remove(*name)? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::read::testing::read_bytes;

    #[test]
    fn records_with_and_without_ids() {
        let text = "{\"_id\":\"d1\",\"title\":\"T\",\"text\":\"one\",\"metadata\":{\"year\":2020}}\n\n{\"content\":\"two\",\"tag\":\"x\"}\n{\"id\":7,\"body\":\"three\"}\n{\"_id\":\" \",\"text\":\"four\"}\n";
        let (articles, errors) = read_bytes("c.jsonl", Format::Jsonl, text.as_bytes());
        assert!(errors.is_empty(), "{errors:?}");
        let ids: Vec<_> = articles.iter().map(|a| (a.id.as_str(), a.text.as_str(), a.line_at(0))).collect();
        assert_eq!(ids, [("d1", "one", 1), ("c.jsonl#3", "two", 3), ("7", "three", 4), ("c.jsonl#5", "four", 5)]);
        assert!(articles[0].metadata["year"].shown() == "2020");
        assert!(matches!(&articles[1].metadata["tag"], MetaValue::String(s) if s == "x"));
    }

    #[test]
    fn a_bad_line_is_named_and_the_rest_goes_on() {
        let mut text = String::new();
        for i in 1..=9 {
            text += &if i == 7 { "{\"text\": \"cut\n".to_owned() } else { format!("{{\"text\": \"t{i}\"}}\n") };
        }
        let (articles, errors) = read_bytes("c.jsonl", Format::Jsonl, text.as_bytes());
        assert_eq!(articles.len(), 8);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].starts_with("c.jsonl:7: not JSON: EOF while parsing a string"), "{errors:?}");
        let (_, errors) = read_bytes("c.jsonl", Format::Jsonl, b"[1]\n{\"a\":1,\"b\":2}\n{\"text\":\" \"}");
        assert_eq!(errors[0], "c.jsonl:1: expected a JSON object, {\"text\": …}");
        assert_eq!(
            errors[1],
            "c.jsonl:2: expected a string field named text, content, contents, body, article; found a, b"
        );
        assert_eq!(errors[2], "c.jsonl:3: its text is empty");
    }

    #[test]
    fn utf16_is_transcoded() {
        let bytes: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("{\"text\":\"é\"}\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let (articles, errors) = read_bytes("c.jsonl", Format::Jsonl, &bytes);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(articles[0].text, "é");
    }
}
