//! Parquet files: rows in columns, the header in the metadata.

mod columns;

use crate::reader::{Rows, foreign};
use crate::{Error, Header, Result, Row};
use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::schema::types::ColumnPath;
use columns::{Columns, schema};
use ingest::read::EMBEDDED;
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many rows of a file are looked at together.
const BATCH: usize = 256;
/// Rows are written when there are so many of them, or so many bytes of text in them.
const ROWS: usize = 1024;
const BYTES: usize = 16 << 20;
/// A row group is what a reader holds at least: 16,384 vectors of 384 numbers are 25 MB.
const ROW_GROUP: usize = 16_384;

/// The header of a file, and its rows with their numbers.
///
/// # Errors
/// When it is no such file.
pub fn read(path: &Path, file: File) -> Result<(Header, Rows)> {
    caught(|| open(path, file)).unwrap_or_else(|| Err(panicked(path)))
}

fn open(path: &Path, file: File) -> Result<(Header, Rows)> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(error(path))?;
    let entries = builder.metadata().file_metadata().key_value_metadata();
    let entry = entries.into_iter().flatten().find(|entry| entry.key == EMBEDDED);
    let header = entry.and_then(|entry| entry.value.as_deref()).ok_or_else(|| "found none".to_owned());
    let header = header.and_then(|json| serde_json::from_str(json).map_err(|error| error.to_string()));
    let header = header.map_err(foreign(path, "no header in its metadata: "))?;
    let mut batches = builder.with_batch_size(BATCH).build().map_err(error(path))?;
    let (named, mut number, mut over) = (path.to_owned(), 0, false);
    let rows = std::iter::from_fn(move || {
        if over {
            return None;
        }
        let rows: Result<Vec<_>> = match caught(|| batches.next()) {
            Some(None) => return None,
            Some(Some(Ok(batch))) => columns::rows(&batch).map_err(foreign(&named, "")),
            Some(Some(Err(source))) => Err(error(&named)(source.into())),
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
    Ok((header, Box::new(rows.flatten())))
}

/// The parser is a dependency's: `None` where it panics.
fn caught<T>(read: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()
}

fn panicked(path: &Path) -> Error {
    Error::Foreign { path: path.to_owned(), problem: "its reader panicked".to_owned() }
}

/// Writes a file.
pub struct Writer {
    path: PathBuf,
    to: ArrowWriter<Box<dyn Write + Send>>,
    waiting: Columns,
}

impl Writer {
    /// Begins a file, which errors call `path`.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(path: &Path, out: Box<dyn Write + Send>, header: &Header) -> Result<Self> {
        // Strings and numbers: writing them as JSON cannot fail.
        let header = KeyValue::new(EMBEDDED.to_owned(), serde_json::to_string(header).unwrap_or_default());
        let properties = WriterProperties::builder()
            .set_created_by(concat!("nigh ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP))
            // No two numbers are the same.
            .set_column_dictionary_enabled(ColumnPath::from(vec!["vector".to_owned()]), false)
            .set_key_value_metadata(Some(vec![header]))
            .build();
        let to = ArrowWriter::try_new(out, Arc::new(schema()), Some(properties)).map_err(error(path))?;
        Ok(Self { path: path.to_owned(), to, waiting: Columns::default() })
    }

    /// Writes a row, at the latest with [`Self::finish`].
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn push(&mut self, row: Row) -> Result<()> {
        self.waiting.push(row);
        if self.waiting.rows() >= ROWS || self.waiting.bytes() >= BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.waiting).finish().map_err(ParquetError::from);
        batch.and_then(|batch| batch.map_or(Ok(()), |batch| self.to.write(&batch))).map_err(error(&self.path))
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.to.into_inner().map_err(error(&self.path))?.flush().map_err(Error::io(self.path))
    }
}

fn error(path: impl Into<PathBuf>) -> impl FnOnce(ParquetError) -> Error {
    let path = path.into();
    move |source| match source {
        // A closed pipe, a full disk: the system's word, not Parquet's.
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => Error::Io { path, source: *source },
            Err(source) => Error::Parquet { path, source: ParquetError::External(source).into() },
        },
        source => Error::Parquet { path, source: source.into() },
    }
}
