//! The reader of exchange files.

use crate::assemble::Assembler;
use crate::row::NumberedRows;
use crate::{Error, FORMAT, Header, HeaderError, RecordUnit, Result, Row, RowError, parquet};
use disk::PathError;
use ingest::pipeline::EmbeddedArticle;
use ingest::read::lines::{Line, lines};
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// The longest line accepted. A line has its article's text at most twice, and a vector; written
/// lines are far shorter.
const MAX_LINE_BYTES: u64 = 1 << 28;
/// The first bytes of every Parquet file.
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// How many rows are searched for a header in a file that has none.
const MAX_ROWS_WITHOUT_HEADER: usize = 1024;

/// Iterates over the articles of a file in order. An error that [concerns one
/// article](Error::is_recoverable) is followed by the next article; any other error ends the
/// iteration.
pub struct Reader {
    path: PathBuf,
    unit: RecordUnit,
    header: Header,
    rows: NumberedRows,
    assembler: Assembler,
    ended: bool,
}

impl Reader {
    /// Opens a file of either format. `header` is used if nothing in the file has one.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotExchangeFile`], [`Error::NoHeader`] or [`Error::NotBuiltIn`].
    pub fn open(path: &Path, header: Option<Header>) -> Result<Self> {
        let mut file = File::open(path).map_err(PathError::at(path))?;
        let mut head = Vec::new();
        file.by_ref()
            .take(PARQUET_MAGIC.len() as u64)
            .read_to_end(&mut head)
            .map_err(PathError::at(path))?;
        if head == PARQUET_MAGIC {
            let (stated, rows) = parquet::read(path, file)?;
            return Self::new(path, RecordUnit::Row, stated, rows, header);
        }
        Self::jsonl(path, Cursor::new(head).chain(file), header)
    }

    /// Reads JSON lines from a stream. Errors name `path`. `header` is used if nothing in the stream
    /// has one.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::NotExchangeFile`] when the first line is neither a header nor a row;
    /// [`Error::NoHeader`].
    pub fn jsonl(
        path: &Path,
        from: impl Read + Send + 'static,
        header: Option<Header>,
    ) -> Result<Self> {
        let mut lines = numbered_lines(path, BufReader::with_capacity(1 << 16, from));
        #[derive(Deserialize)]
        struct HeaderLine {
            nigh: Header,
        }
        let not_header = |reason| Error::NotExchangeFile {
            path: path.to_owned(),
            reason,
        };
        let (number, first) = match lines.next() {
            Some(line) => line?,
            None => return Err(not_header(HeaderError::Empty)),
        };
        let (stated, first_row) = match serde_json::from_slice(&first) {
            Ok(HeaderLine { nigh: header }) => (Some(header), None),
            // Without it, the file may still be rows that another program wrote anew.
            Err(error) => match serde_json::from_slice::<Row>(&first) {
                Ok(row) => (None, Some(Ok((number, row)))),
                Err(_) => return Err(not_header(HeaderError::FirstLine(error))),
            },
        };
        let error_path = path.to_owned();
        let rows = lines.map(move |line| {
            let (number, line) = line?;
            serde_json::from_slice(&line)
                .map(|row| (number, row))
                .map_err(|error| Error::Malformed {
                    path: error_path.clone(),
                    unit: RecordUnit::Line,
                    number,
                    reason: RowError::Json(error),
                })
        });
        let rows = Box::new(first_row.into_iter().chain(rows));
        Self::new(path, RecordUnit::Line, stated, rows, header)
    }

    /// `stated` is the header of the file, `fallback` the one to use if it has none.
    fn new(
        path: &Path,
        unit: RecordUnit,
        stated: Option<Header>,
        mut rows: NumberedRows,
        fallback: Option<Header>,
    ) -> Result<Self> {
        let (mut header, mut searched) = (stated, Vec::new());
        while header.is_none() && searched.len() < MAX_ROWS_WITHOUT_HEADER {
            let Some(row) = rows.next() else { break };
            if let Ok((_, row)) = &row {
                let record = row.article.as_ref();
                header = record.and_then(|record| record.header.clone());
            }
            searched.push(row);
        }
        let rows = Box::new(searched.into_iter().chain(rows));
        let header = header.or(fallback).ok_or_else(|| Error::NoHeader {
            path: path.to_owned(),
        })?;
        if header.format > FORMAT {
            return Err(Error::NotExchangeFile {
                path: path.to_owned(),
                reason: HeaderError::NewerFormat {
                    found: header.format,
                    known: FORMAT,
                },
            });
        }
        let assembler = Assembler::new(header.model.clone());
        Ok(Self {
            path: path.to_owned(),
            unit,
            header,
            rows,
            assembler,
            ended: false,
        })
    }

    /// The header: what all articles of the file have in common.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

/// The lines that are not blank, with their numbers.
fn numbered_lines<R: BufRead + Send>(
    path: &Path,
    from: R,
) -> impl Iterator<Item = Result<(u64, Vec<u8>)>> + Send + use<R> {
    let path = path.to_owned();
    lines(from, MAX_LINE_BYTES).filter_map(move |line| match line {
        Ok((_, Line::Text(text))) if text.trim_ascii().is_empty() => None,
        Ok((number, Line::Text(text))) => Some(Ok((number, text))),
        Ok((number, Line::TooLong(bytes))) => {
            let limit = MAX_LINE_BYTES;
            Some(Err(Error::Malformed {
                path: path.clone(),
                unit: RecordUnit::Line,
                number,
                reason: RowError::TooLong { bytes, limit },
            }))
        }
        Err(source) => Some(Err(PathError::at(&path)(source).into())),
    })
}

impl Iterator for Reader {
    type Item = Result<EmbeddedArticle>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(finished) = self.assembler.finished.pop_front() {
                let (path, unit) = (self.path.clone(), self.unit);
                return Some(finished.map_err(|(number, reason)| Error::Malformed {
                    path,
                    unit,
                    number,
                    reason,
                }));
            }
            if self.ended {
                return None;
            }
            match self.rows.next() {
                Some(Ok((number, row))) => self.assembler.push_row(number, row),
                Some(Err(error)) if error.is_recoverable() => {
                    self.assembler.abandon();
                    return Some(Err(error));
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                None => {
                    self.ended = true;
                    self.assembler.finish_all();
                }
            }
        }
    }
}
