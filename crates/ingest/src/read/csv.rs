//! CSV and TSV: a header line with the column names, then one article per record.

mod records;

use super::reader::{Emit, Item, Reader, emit_all};
use super::record::{self, TEXT};
use super::value::Value;
use crate::format::SNIFF_BYTES;
use crate::number::Number;
use crate::source::{Source, note};
use crate::{Error, Result, encoding};
use disk::PathError;
use notes::Code;
use records::{RecordError, Records, Row};
use std::borrow::Cow;
use std::io::Read;

pub struct Csv;

impl Reader for Csv {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let (mut text, note) = encoding::reader(source)?;
        if emit_all(note.map(Item::Note), emit).is_break() {
            return Ok(());
        }
        let mut head = Vec::new();
        text.by_ref()
            .take(SNIFF_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(PathError::at(&source.path))?;
        let (delimiter, is_declared) = delimiter(&head);
        let mut records = Records::new(head.chain(text), delimiter, limit);
        if is_declared {
            let _ = records.next();
        }
        let names = header(source, &mut records)?;
        if !names.iter().any(|name| record::is_named(name, TEXT)) {
            let found = if names.is_empty() {
                "an empty file".to_owned()
            } else {
                names.join(", ")
            };
            let problem = format!("expected a column named {}; found {found}", TEXT.join(", "));
            return Err(Error::malformed(&source.path, Some(1), problem));
        }
        let columns = Columns {
            numeric: numeric_columns(source, delimiter, is_declared, limit, names.len())?,
            names,
        };
        while let Some((line, row)) = records.next() {
            let items = match row {
                Ok(row) => columns.items(source, line, &row),
                Err(RecordError::Io(error)) => {
                    return Err(PathError::at(&source.path)(error).into());
                }
                Err(error) => vec![Item::Failed(record_error(source, line, error))],
            };
            if emit_all(items, emit).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Reads the column names.
fn header<R: Read>(source: &Source, records: &mut Records<R>) -> Result<Vec<String>> {
    match records.next() {
        Some((line, header)) => {
            let header = header.map_err(|error| record_error(source, line, error))?;
            Ok(header
                .fields()
                .map(|name| decode(name).trim().to_owned())
                .collect())
        }
        None => Ok(Vec::new()),
    }
}

/// Determines the numeric columns: those with only canonical numbers. A column with a value such as
/// `01234` holds codes. In a stream no column is numeric, because it can be read only once.
fn numeric_columns(
    source: &Source,
    delimiter: u8,
    is_declared: bool,
    limit: u64,
    columns: usize,
) -> Result<Vec<bool>> {
    if source.is_stream() {
        return Ok(vec![false; columns]);
    }
    let mut records = Records::new(encoding::reader(source)?.0, delimiter, limit);
    (0..=usize::from(is_declared)).for_each(|_| _ = records.next());
    let mut numeric = vec![true; columns];
    while let Some((_, row)) = records.next() {
        let Ok(row) = row else { continue };
        for (field, numeric) in row
            .fields()
            .zip(&mut numeric)
            .filter(|(_, numeric)| **numeric)
        {
            let text = decode(field);
            *numeric = text.trim().is_empty() || Number::parse_canonical(text.trim()).is_some();
        }
    }
    Ok(numeric)
}

struct Columns {
    names: Vec<String>,
    numeric: Vec<bool>,
}

impl Columns {
    fn items(&self, source: &Source, line: u64, row: &Row) -> Vec<Item> {
        let fields: Vec<&[u8]> = row.fields().collect();
        if fields.len() != self.names.len() {
            let problem = format!(
                "expected {} fields as in the header, found {}",
                self.names.len(),
                fields.len()
            );
            return vec![Item::Failed(Error::malformed(
                &source.path,
                Some(line),
                problem,
            ))];
        }
        let values =
            fields
                .iter()
                .zip(&self.names)
                .zip(&self.numeric)
                .map(|((field, name), numeric)| {
                    let text = decode(field);
                    let value = match (text.trim(), numeric) {
                        ("", _) => Value::Null,
                        (text, true) => Value::Number(text.to_owned()),
                        // In a column of codes, a value that looks like a number is still text.
                        (_, false) => Value::Text(text.into_owned()),
                    };
                    (name.clone(), value)
                });
        let mut items = record::items(source, line, values.collect());
        if row.has_undoubled_quotes {
            let message =
                "quotation marks within a field are not doubled; they are kept as written";
            items.insert(
                0,
                Item::Note(note(source, Some(line), Code::UnescapedQuotes, message)),
            );
        }
        items
    }
}

/// The delimiter, and whether the first line only declares it (`sep=;`, as written by
/// spreadsheets). If not declared, the most frequent candidate in the header is taken.
fn delimiter(head: &[u8]) -> (u8, bool) {
    let header = head
        .split(|&b| matches!(b, b'\r' | b'\n'))
        .next()
        .unwrap_or_default();
    if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', declared] = header {
        return (*declared, true);
    }
    let count = |d: &u8| header.iter().filter(|b| *b == d).count();
    (
        *[b'|', b'\t', b';', b',']
            .iter()
            .max_by_key(|d| count(d))
            .unwrap_or(&b','),
        false,
    )
}

/// Decodes a field. The file was detected as UTF-8 by its beginning and may still have other bytes
/// further down.
fn decode(field: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(field) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(field)
                .0
                .into_owned(),
        ),
    }
}

fn record_error(source: &Source, line: u64, error: RecordError) -> Error {
    let path = &source.path;
    match error {
        RecordError::Io(error) => PathError::at(path)(error).into(),
        RecordError::TooLarge { bytes, limit } => Error::TooLarge {
            path: path.clone(),
            line: Some(line),
            bytes,
            limit,
        },
        RecordError::Unclosed => {
            let problem = "a quotation mark opens a field and is never closed; the record is skipped, and the next one begins on the next line";
            Error::malformed(path, Some(line), problem)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::article::MetaValue;
    use crate::read::testing::read_bytes;

    #[test]
    fn multi_line_fields_and_other_delimiters_are_read() {
        let (articles, errors) = read_bytes(
            "a.csv",
            Format::Csv,
            b"id,title,text,year\n1,T,\"one\ntwo\",1999\n2,U,three,\n",
        );
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(articles[0].text, "one\ntwo");
        assert_eq!(articles[1].line_at(0), 4);
        assert!(
            matches!(&articles[0].metadata["year"], MetaValue::Number(n) if n.to_string() == "1999")
        );
        let (articles, notes) = read_bytes("a.csv", Format::Csv, b"title;text\nCaf\xe9;one, two\n");
        assert_eq!(
            notes,
            ["note: a.csv: no encoding is declared; read as windows-1252, which is a guess"]
        );
        assert_eq!(
            (articles[0].title.as_str(), articles[0].text.as_str()),
            ("Café", "one, two")
        );
        assert_eq!(articles[0].id, "a.csv#2");
    }

    #[test]
    fn missing_text_column_lists_the_columns_found() {
        let (_, errors) = read_bytes("a.csv", Format::Csv, b"name,price\nx,1\n");
        assert_eq!(
            errors,
            [
                "a.csv:1: expected a column named text, content, contents, body, article; found name, price"
            ]
        );
    }

    #[test]
    fn a_short_record_is_reported_and_the_rest_read() {
        let (articles, errors) = read_bytes("a.csv", Format::Csv, b"id,text\n1\n2,two\n3,\n");
        assert_eq!(articles.len(), 1);
        assert_eq!(
            errors,
            [
                "a.csv:2: expected 2 fields as in the header, found 1",
                "a.csv:4: its text is empty, or neither a string nor a list of strings"
            ]
        );
    }

    #[test]
    fn a_column_is_numeric_only_if_all_values_are() {
        let (articles, errors) = read_bytes(
            "a.csv",
            Format::Csv,
            b"id,text,version,year\n1,x,1.10,1999\n2,y,1.1,\n3,z,,2001\n",
        );
        assert!(errors.is_empty(), "{errors:?}");
        assert!(
            matches!(&articles[1].metadata["version"], MetaValue::String(text) if text == "1.1")
        );
        assert!(matches!(
            &articles[0].metadata["year"],
            MetaValue::Number(_)
        ));
        assert!(!articles[1].metadata.contains_key("year"));
    }

    #[test]
    fn undoubled_quotes_are_kept_and_noted() {
        let text = b"id,text\n1,\"said \"\"hi\"\" to her\"\n2,\"said \"hi\" to her.\"\n3,\"said \\\"stop, thief\\\" twice\"\n4,none\n";
        let (articles, notes) = read_bytes("a.csv", Format::Csv, text);
        let texts: Vec<_> = articles.iter().map(|a| a.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "said \"hi\" to her",
                "said \"hi\" to her.",
                "said \"stop, thief\" twice",
                "none"
            ]
        );
        assert!(
            notes.len() == 2 && notes[0].contains("a.csv:3") && notes[1].contains("a.csv:4"),
            "{notes:?}"
        );
    }

    #[test]
    fn sep_line_declares_the_delimiter() {
        let (articles, errors) = read_bytes(
            "a.csv",
            Format::Csv,
            b"sep=;\r\nid;text\r\n1;Larch, oak\r\n",
        );
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(
            (
                articles[0].id.as_str(),
                articles[0].text.as_str(),
                articles[0].line_at(0)
            ),
            ("1", "Larch, oak", 3)
        );
    }

    #[test]
    fn text_is_the_first_nonempty_text_column() {
        let (articles, errors) = read_bytes(
            "a.csv",
            Format::Csv,
            b"id,Text,content\n1,,from content\n2,from text,more\n",
        );
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(
            (articles[0].text.as_str(), articles[1].text.as_str()),
            ("from content", "from text")
        );
        assert_eq!(articles[1].metadata["content"].shown(), "more");
    }

    #[test]
    fn codes_are_kept_as_text() {
        let (articles, errors) = read_bytes(
            "a.csv",
            Format::Csv,
            b"text,zip,sku,id64\nx,02134,12E5,9007199254740993\n",
        );
        assert!(errors.is_empty(), "{errors:?}");
        for (name, written) in [
            ("zip", "02134"),
            ("sku", "12E5"),
            ("id64", "9007199254740993"),
        ] {
            assert_eq!(articles[0].metadata[name].shown(), written);
        }
        assert!(matches!(articles[0].metadata["zip"], MetaValue::String(_)));
    }

    #[test]
    fn an_unclosed_quote_affects_only_its_record() {
        let text = b"id,text\n1,one\n2,\"two\n3,three\n4,\"four\nand more\"\n5,five\n";
        let (articles, errors) = read_bytes("a.csv", Format::Csv, text);
        let ids: Vec<_> = articles
            .iter()
            .map(|a| (a.id.as_str(), a.line_at(0)))
            .collect();
        // The unclosed quote of record 2 would otherwise be closed by that of record 4.
        assert_eq!(ids, [("1", 2), ("3", 4), ("4", 5), ("5", 7)], "{errors:?}");
        assert!(
            errors.len() == 1 && errors[0].starts_with("a.csv:3: a quotation mark opens"),
            "{errors:?}"
        );
        let (articles, errors) = read_bytes(
            "a.csv",
            Format::Csv,
            b"id,text\n1,one\n2,\"two\n3,three\n4,four\n",
        );
        let ids: Vec<_> = articles
            .iter()
            .map(|a| (a.id.as_str(), a.line_at(0)))
            .collect();
        assert_eq!(ids, [("1", 2), ("3", 4), ("4", 5)]);
        assert!(
            errors.len() == 1 && errors[0].starts_with("a.csv:3: a quotation mark opens"),
            "{errors:?}"
        );
    }
}
