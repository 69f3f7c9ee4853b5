//! Reading such a file.

use crate::assemble::Assembler;
use crate::{Error, FORMAT, Header, Result, Row, columns};
use ingest::pipeline::EmbeddedArticle;
use ingest::read::EMBEDDED;
use ingest::read::lines::{Line, lines};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// How many rows of a Parquet file are looked at together.
const BATCH: usize = 256;
/// A line has an article's text twice at most, and a vector: no line written here is as long.
const LONGEST_LINE: u64 = 1 << 28;
/// What every Parquet file begins with.
const PARQUET: &[u8] = b"PAR1";

type Rows = Box<dyn Iterator<Item = Result<(u64, Row)>> + Send>;

/// Gives the articles of a file in their order. What is wrong with one article is an error, and the next ones are
/// read; after any other error there are none.
pub struct Reader {
    path: PathBuf,
    is_lines: bool,
    header: Header,
    rows: Rows,
    assembler: Assembler,
    number: u64,
    ended: bool,
}

impl Reader {
    /// Opens a file, of either kind.
    ///
    /// # Errors
    /// When it cannot be read, or is no such file.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io(path))?;
        let mut head = Vec::new();
        file.by_ref().take(PARQUET.len() as u64).read_to_end(&mut head).map_err(Error::io(path))?;
        if head == PARQUET {
            return caught(|| Self::parquet(path, file)).unwrap_or_else(|| Err(panicked(path)));
        }
        Self::jsonl(path, Cursor::new(head).chain(file))
    }

    /// Reads JSON lines as they come, which errors call `path`.
    ///
    /// # Errors
    /// When the first line cannot be read, or is no header.
    pub fn jsonl(path: &Path, from: impl Read + Send + 'static) -> Result<Self> {
        let mut lines = numbered(path, BufReader::with_capacity(1 << 16, from));
        #[derive(Deserialize)]
        struct First {
            nigh: Header,
        }
        let first = match lines.next() {
            Some(line) => serde_json::from_slice(&line?.1).map_err(|error| error.to_string()),
            None => Err("it is empty".to_owned()),
        };
        let header = first.map_err(foreign(path, "no header in its first line: "))?;
        let First { nigh: header } = header;
        let named = path.to_owned();
        let rows = lines.map(move |line| {
            let (number, line) = line?;
            serde_json::from_slice(&line).map(|row| (number, row)).map_err(|error| Error::Malformed {
                path: named.clone(),
                is_line: true,
                number,
                problem: error.to_string(),
            })
        });
        Self::new(path, true, header, Box::new(rows))
    }

    fn parquet(path: &Path, file: File) -> Result<Self> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(Error::parquet(path))?;
        let entries = builder.metadata().file_metadata().key_value_metadata();
        let entry = entries.into_iter().flatten().find(|entry| entry.key == EMBEDDED);
        let header = entry.and_then(|entry| entry.value.as_deref()).ok_or_else(|| "found none".to_owned());
        let header = header.and_then(|json| serde_json::from_str(json).map_err(|error| error.to_string()));
        let header = header.map_err(foreign(path, "no header in its metadata: "))?;
        let mut batches = builder.with_batch_size(BATCH).build().map_err(Error::parquet(path))?;
        let (named, mut number, mut over) = (path.to_owned(), 0, false);
        let rows = std::iter::from_fn(move || {
            if over {
                return None;
            }
            let rows: Result<Vec<_>> = match caught(|| batches.next()) {
                Some(None) => return None,
                Some(Some(Ok(batch))) => columns::rows(&batch).map_err(foreign(&named, "")),
                Some(Some(Err(error))) => Err(Error::parquet(&named)(error.into())),
                None => Err(panicked(&named)),
            };
            over = rows.is_err();
            let mut numbered = |row: Result<Row, String>| {
                number += 1;
                let wrong = |problem| Error::Malformed { path: named.clone(), is_line: false, number, problem };
                row.map(|row| (number, row)).map_err(wrong)
            };
            Some(rows.map_or_else(|error| vec![Err(error)], |rows| rows.into_iter().map(&mut numbered).collect()))
        });
        let rows = rows.flatten();
        Self::new(path, false, header, Box::new(rows))
    }

    fn new(path: &Path, is_lines: bool, header: Header, rows: Rows) -> Result<Self> {
        if header.format > FORMAT {
            let problem = format!("its format is {}, and this program reads format {FORMAT}", header.format);
            return Err(Error::Foreign { path: path.to_owned(), problem });
        }
        let assembler = Assembler::new(header.model.dimensions);
        Ok(Self { path: path.to_owned(), is_lines, header, rows, assembler, number: 0, ended: false })
    }

    /// What the file says of all its articles.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

/// Parquet's parser is other people's: `None` where it panics.
fn caught<T>(read: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()
}

fn panicked(path: &Path) -> Error {
    Error::Foreign { path: path.to_owned(), problem: "its reader panicked".to_owned() }
}

fn foreign(path: &Path, what: &'static str) -> impl FnOnce(String) -> Error {
    let path = path.to_owned();
    move |problem| Error::Foreign { path, problem: format!("{what}{problem}") }
}

/// The lines that are not empty.
fn numbered<R: BufRead + Send>(path: &Path, from: R) -> impl Iterator<Item = Result<(u64, Vec<u8>)>> + Send + use<R> {
    let path = path.to_owned();
    lines(from, LONGEST_LINE).filter_map(move |line| match line {
        Ok((_, Line::Text(text))) if text.trim_ascii().is_empty() => None,
        Ok((number, Line::Text(text))) => Some(Ok((number, text))),
        Ok((number, Line::TooLong(bytes))) => {
            let problem = format!("{bytes} bytes, over the limit of {LONGEST_LINE}");
            Some(Err(Error::Malformed { path: path.clone(), is_line: true, number, problem }))
        }
        Err(source) => Some(Err(Error::Io { path: path.clone(), source })),
    })
}

impl Iterator for Reader {
    type Item = Result<EmbeddedArticle>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(made) = self.assembler.made.pop_front() {
                let (path, is_line) = (self.path.clone(), self.is_lines);
                return Some(made.map_err(|(number, problem)| Error::Malformed { path, is_line, number, problem }));
            }
            if self.ended {
                return None;
            }
            match self.rows.next() {
                Some(Ok((number, row))) => {
                    self.number = number;
                    self.assembler.take(number, row);
                }
                Some(Err(error)) if error.is_of_one_article() => {
                    self.assembler.give_up();
                    return Some(Err(error));
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                None => {
                    self.ended = true;
                    self.assembler.end(self.number);
                }
            }
        }
    }
}
