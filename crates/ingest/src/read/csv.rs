//! CSV and TSV: a header line that names the columns, then one article a record.

use super::record::{ID, Record, TEXT, TITLE, URL};
use super::{Emit, Reader};
use crate::article::{Article, MetaValue};
use crate::format::HEAD;
use crate::walk::Source;
use crate::{Error, Result};
use ::csv::{ByteRecord, ReaderBuilder};
use encoding_rs_io::DecodeReaderBytesBuilder;
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
        let mut reader = ReaderBuilder::new().delimiter(delimiter(&head)).flexible(true).from_reader(open()?);
        let header = reader.byte_headers().map_err(|error| wrong(source, &error))?.clone();
        let names: Vec<String> = header.iter().map(|name| decode(name).trim().to_owned()).collect();
        let column = |wanted: &[&str]| wanted.iter().find_map(|w| names.iter().position(|n| n.eq_ignore_ascii_case(w)));
        let Some(text) = column(TEXT) else {
            let found = if names.is_empty() { "an empty file".to_owned() } else { names.join(", ") };
            let problem = format!("expected a column named {}; found {found}", TEXT.join(", "));
            return Err(Error::malformed(path, Some(1), problem));
        };
        let columns = Columns { id: column(ID), title: column(TITLE), url: column(URL), text, names: names.clone() };
        let mut record = ByteRecord::new();
        loop {
            let article = match reader.read_byte_record(&mut record) {
                Ok(false) => return Ok(()),
                Ok(true) => columns.article(source, &record, limit),
                Err(error) if error.is_io_error() => return Err(wrong(source, &error)),
                Err(error) => Err(wrong(source, &error)),
            };
            if emit(article).is_break() {
                return Ok(());
            }
        }
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
    fn article(&self, source: &Source, record: &ByteRecord, limit: u64) -> Result<Article> {
        let line = record.position().map_or(0, ::csv::Position::line);
        let wrong = |problem: String| Err(Error::malformed(&source.path, Some(line), problem));
        if record.len() != self.names.len() {
            return wrong(format!("expected {} fields as in the header, found {}", self.names.len(), record.len()));
        }
        let bytes = record.as_slice().len() as u64;
        if bytes > limit {
            return Err(Error::TooLarge { path: source.path.clone(), line: Some(line), bytes, limit });
        }
        let field = |at: Option<usize>| at.and_then(|at| record.get(at)).map(decode).filter(|f| !f.trim().is_empty());
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

fn value(text: &str) -> MetaValue {
    text.trim()
        .parse()
        .ok()
        .filter(|n: &f64| n.is_finite())
        .map_or_else(|| MetaValue::from_text(text.trim()), MetaValue::Number)
}

fn decode(field: &[u8]) -> String {
    match std::str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(field).0.into_owned(),
    }
}

fn wrong(source: &Source, error: &::csv::Error) -> Error {
    let line = error.position().map(::csv::Position::line);
    Error::malformed(&source.path, line, error.to_string())
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
        assert!(matches!(articles[0].metadata["year"], MetaValue::Number(n) if n == 1999.0));
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
}
