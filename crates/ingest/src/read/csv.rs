//! CSV and TSV: a header line that names the columns, then one article a record.

mod records;

use super::record::{ID, Record, TEXT, TITLE, URL};
use super::{Emit, Reader};
use crate::article::{Article, MetaValue};
use crate::format::HEAD;
use crate::number::Number;
use crate::walk::Source;
use crate::{Error, Result};
use encoding_rs_io::DecodeReaderBytesBuilder;
use records::{Problem, Records, Row};
use std::io::Read;

pub struct Csv;

impl Reader for Csv {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let path = &source.path;
        let open = || {
            std::fs::File::open(path).map(|file| DecodeReaderBytesBuilder::new().build(file)).map_err(Error::io(path))
        };
        let mut head = Vec::new();
        open()?.take(HEAD as u64).read_to_end(&mut head).map_err(Error::io(path))?;
        let mut records = Records::new(open()?, delimiter(&head), limit);
        let names: Vec<String> = match records.next() {
            Some((line, header)) => {
                let header = header.map_err(|problem| wrong(source, line, problem))?;
                header.fields().map(|name| decode(name).trim().to_owned()).collect()
            }
            None => Vec::new(),
        };
        let column = |wanted: &[&str]| wanted.iter().find_map(|w| names.iter().position(|n| n.eq_ignore_ascii_case(w)));
        let Some(text) = column(TEXT) else {
            let found = if names.is_empty() { "an empty file".to_owned() } else { names.join(", ") };
            let problem = format!("expected a column named {}; found {found}", TEXT.join(", "));
            return Err(Error::malformed(path, Some(1), problem));
        };
        let columns = Columns { id: column(ID), title: column(TITLE), url: column(URL), text, names: names.clone() };
        while let Some((line, row)) = records.next() {
            let article = match row {
                Ok(row) => columns.article(source, line, &row),
                Err(Problem::Io(error)) => return Err(Error::io(path)(error)),
                Err(problem) => Err(wrong(source, line, problem)),
            };
            if emit(article).is_break() {
                break;
            }
        }
        Ok(())
    }
}

struct Columns {
    id: Option<usize>,
    title: Option<usize>,
    url: Option<usize>,
    text: usize,
    names: Vec<String>,
}

impl Columns {
    fn article(&self, source: &Source, line: u64, row: &Row) -> Result<Article> {
        let wrong = |problem: String| Err(Error::malformed(&source.path, Some(line), problem));
        let fields: Vec<&[u8]> = row.fields().collect();
        if fields.len() != self.names.len() {
            return wrong(format!("expected {} fields as in the header, found {}", self.names.len(), fields.len()));
        }
        let field = |at: Option<usize>| {
            at.and_then(|at| fields.get(at)).map(|field| decode(field)).filter(|f| !f.trim().is_empty())
        };
        let Some(text) = field(Some(self.text)) else {
            return wrong(format!("the column {} is empty", self.names[self.text]));
        };
        let taken = [Some(self.text), self.id, self.title, self.url];
        let others = (0..self.names.len()).filter(|at| !taken.contains(&Some(*at)));
        let metadata = others.filter_map(|at| Some((self.names[at].clone(), value(&field(Some(at))?)))).collect();
        let (id, title, url) = (field(self.id), field(self.title).unwrap_or_default(), field(self.url));
        Ok(Record { id, title, text, url, metadata }.article(source, line))
    }
}

/// The delimiter of the header line: whichever of comma, semicolon and tab it holds most of.
fn delimiter(head: &[u8]) -> u8 {
    let header = head.split(|&b| b == b'\n').next().unwrap_or_default();
    let count = |d: &u8| header.iter().filter(|b| *b == d).count();
    *[b'\t', b';', b','].iter().max_by_key(|d| count(d)).unwrap_or(&b',')
}

/// A number only where it says all that was written: `02134` is a code.
fn value(text: &str) -> MetaValue {
    let text = text.trim();
    Number::lossless(text).map_or_else(|| MetaValue::from_text(text), MetaValue::Number)
}

fn decode(field: &[u8]) -> String {
    match std::str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(field).0.into_owned(),
    }
}

fn wrong(source: &Source, line: u64, problem: Problem) -> Error {
    let path = &source.path;
    match problem {
        Problem::Io(error) => Error::io(path)(error),
        Problem::TooLarge { bytes, limit } => Error::TooLarge { path: path.clone(), line: Some(line), bytes, limit },
        Problem::Unclosed => {
            let problem = "a quotation mark opens a field and none closes it; the record is left out, and the next line begins another";
            Error::malformed(path, Some(line), problem)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::read::testing::read_bytes;

    #[test]
    fn records_over_several_lines_and_any_delimiter() {
        let (articles, errors) =
            read_bytes("a.csv", Format::Csv, b"id,title,text,year\n1,T,\"one\ntwo\",1999\n2,U,three,x\n");
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(articles[0].text, "one\ntwo");
        assert_eq!(articles[1].line_at(0), 4);
        assert!(matches!(&articles[0].metadata["year"], MetaValue::Number(n) if n.to_string() == "1999"));
        let (articles, errors) = read_bytes("a.csv", Format::Csv, b"title;text\nCaf\xe9;one, two\n");
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!((articles[0].title.as_str(), articles[0].text.as_str()), ("Café", "one, two"));
        assert_eq!(articles[0].id, "a.csv#2");
    }

    #[test]
    fn a_missing_column_names_those_there_are() {
        let (_, errors) = read_bytes("a.csv", Format::Csv, b"name,price\nx,1\n");
        assert_eq!(
            errors,
            ["a.csv:1: expected a column named text, content, contents, body, article; found name, price"]
        );
    }

    #[test]
    fn a_short_record_is_named_and_the_rest_goes_on() {
        let (articles, errors) = read_bytes("a.csv", Format::Csv, b"id,text\n1\n2,two\n3,\n");
        assert_eq!(articles.len(), 1);
        assert_eq!(
            errors,
            ["a.csv:2: expected 2 fields as in the header, found 1", "a.csv:4: the column text is empty"]
        );
    }

    #[test]
    fn codes_stay_as_they_are_written() {
        let (articles, errors) =
            read_bytes("a.csv", Format::Csv, b"text,zip,sku,id64\nx,02134,12E5,9007199254740993\n");
        assert!(errors.is_empty(), "{errors:?}");
        for (name, written) in [("zip", "02134"), ("sku", "12E5"), ("id64", "9007199254740993")] {
            assert_eq!(articles[0].metadata[name].shown(), written);
        }
        assert!(matches!(articles[0].metadata["zip"], MetaValue::String(_)));
    }

    #[test]
    fn an_unclosed_quotation_mark_costs_its_record_alone() {
        let text = b"id,text\n1,one\n2,\"two\n3,three\n4,\"four\nand more\"\n5,five\n";
        let (articles, errors) = read_bytes("a.csv", Format::Csv, text);
        let ids: Vec<_> = articles.iter().map(|a| (a.id.as_str(), a.line_at(0))).collect();
        // The mark of record 2 would end at that of record 4.
        assert_eq!(ids, [("1", 2), ("3", 4), ("4", 5), ("5", 7)], "{errors:?}");
        assert!(errors.len() == 1 && errors[0].starts_with("a.csv:3: a quotation mark opens"), "{errors:?}");
        let (articles, errors) = read_bytes("a.csv", Format::Csv, b"id,text\n1,one\n2,\"two\n3,three\n4,four\n");
        let ids: Vec<_> = articles.iter().map(|a| (a.id.as_str(), a.line_at(0))).collect();
        assert_eq!(ids, [("1", 2), ("3", 4), ("4", 5)]);
        assert!(errors.len() == 1 && errors[0].starts_with("a.csv:3: a quotation mark opens"), "{errors:?}");
    }
}
