//! Reading such a file.

use crate::assemble::Assembler;
use crate::{Error, FORMAT, Header, Result, Row, parquet};
use ingest::pipeline::EmbeddedArticle;
use ingest::read::lines::{Line, lines};
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// A line has an article's text twice at most, and a vector: no line written here is as long.
const LONGEST_LINE: u64 = 1 << 28;
/// What every Parquet file begins with.
const PARQUET: &[u8] = b"PAR1";

/// Rows with their numbers.
pub type Rows = Box<dyn Iterator<Item = Result<(u64, Row)>> + Send>;

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
            let (header, rows) = parquet::read(path, file)?;
            return Self::new(path, false, header, rows);
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

pub fn foreign(path: &Path, what: &'static str) -> impl FnOnce(String) -> Error {
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
                Some(Err(error)) if error.is_recoverable() => {
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
