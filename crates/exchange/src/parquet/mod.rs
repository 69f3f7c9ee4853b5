//! Exchange files in Parquet: one column per field of a row, and the header in the key-value
//! metadata.

mod columns;

use crate::row::NumberedRows;
use crate::{Error, Header, HeaderError, RecordUnit, Result, Row, RowError};
use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::schema::types::ColumnPath;
use columns::{RowBuffer, schema};
use disk::PathError;
use ingest::read::EMBEDDED_ARTICLES_KEY;
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The number of rows decoded at once.
const READ_BATCH_ROWS: usize = 256;
/// Buffered rows are encoded when they reach this number, or this many bytes of text.
const MAX_BUFFERED_ROWS: usize = 1024;
const MAX_BUFFERED_BYTES: usize = 16 << 20;
/// The size of a row group, which a reader has to hold in memory: 16,384 vectors of 384 dimensions
/// are 25 MB.
const ROW_GROUP_ROWS: usize = 16_384;

/// Reads the header of a file, if it has one, and returns an iterator over its numbered rows.
///
/// # Errors
/// [`Error::NotExchangeFile`] or [`Error::Parquet`].
pub fn read(path: &Path, file: File) -> Result<(Option<Header>, NumberedRows)> {
    catch_panic(|| open(path, file)).unwrap_or_else(|| Err(panicked(path)))
}

fn open(path: &Path, file: File) -> Result<(Option<Header>, NumberedRows)> {
    // Types are those of Parquet: the ones that an engine notes beside them differ by engine.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(error(path))?;
    let entries = builder.metadata().file_metadata().key_value_metadata();
    let entry = entries
        .into_iter()
        .flatten()
        .find(|entry| entry.key == EMBEDDED_ARTICLES_KEY);
    let header = entry
        .and_then(|entry| entry.value.as_deref())
        .map(serde_json::from_str::<Header>)
        .transpose()
        .map_err(|error| not_exchange_file(path, HeaderError::Metadata(error)))?;
    if header.is_none() {
        columns::check(builder.schema())
            .map_err(|error| not_exchange_file(path, HeaderError::NoHeaderNorColumns(error)))?;
    }
    let mut batches = builder
        .with_batch_size(READ_BATCH_ROWS)
        .build()
        .map_err(error(path))?;
    let (error_path, mut number, mut ended) = (path.to_owned(), 0, false);
    let rows = std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let rows: Result<Vec<_>> = match catch_panic(|| batches.next()) {
            Some(None) => return None,
            Some(Some(Ok(batch))) => {
                let rows = columns::rows(&batch);
                rows.map_err(|error| not_exchange_file(&error_path, HeaderError::Columns(error)))
            }
            Some(Some(Err(source))) => Err(error(&error_path)(source.into())),
            None => Err(panicked(&error_path)),
        };
        ended = rows.is_err();
        let mut numbered = |row: Result<Row, RowError>| {
            number += 1;
            let malformed = |reason| Error::Malformed {
                path: error_path.clone(),
                unit: RecordUnit::Row,
                number,
                reason,
            };
            row.map(|row| (number, row)).map_err(malformed)
        };
        Some(rows.map_or_else(
            |error| vec![Err(error)],
            |rows| rows.into_iter().map(&mut numbered).collect(),
        ))
    });
    Ok((header, Box::new(rows.flatten())))
}

/// Runs the third-party parser; `None` if it panics.
fn catch_panic<T>(read: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()
}

fn panicked(path: &Path) -> Error {
    not_exchange_file(path, HeaderError::Panicked)
}

fn not_exchange_file(path: &Path, reason: HeaderError) -> Error {
    Error::NotExchangeFile {
        path: path.to_owned(),
        reason,
    }
}

/// Writes a Parquet file.
pub struct Writer {
    path: PathBuf,
    output: ArrowWriter<Box<dyn Write + Send>>,
    buffer: RowBuffer,
}

impl Writer {
    /// Begins a file. Errors name `path`.
    ///
    /// # Errors
    /// [`Error::Parquet`] when the header cannot be written.
    pub fn new(path: &Path, out: Box<dyn Write + Send>, header: &Header) -> Result<Self> {
        // Strings and numbers: writing them as JSON cannot fail.
        let header = KeyValue::new(
            EMBEDDED_ARTICLES_KEY.to_owned(),
            serde_json::to_string(header).unwrap_or_default(),
        );
        let properties = WriterProperties::builder()
            .set_created_by(concat!("nigh ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            // A dictionary would not pay, since vectors hardly repeat.
            .set_column_dictionary_enabled(ColumnPath::from(vec!["vector".to_owned()]), false)
            .set_key_value_metadata(Some(vec![header]))
            .build();
        let output =
            ArrowWriter::try_new(out, Arc::new(schema()), Some(properties)).map_err(error(path))?;
        Ok(Self {
            path: path.to_owned(),
            output,
            buffer: RowBuffer::default(),
        })
    }

    /// Buffers a row; [`Self::finish`] writes the last ones.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Parquet`].
    pub fn push(&mut self, row: Row) -> Result<()> {
        self.buffer.push(row);
        if self.buffer.rows() >= MAX_BUFFERED_ROWS || self.buffer.bytes() >= MAX_BUFFERED_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.buffer)
            .finish()
            .map_err(ParquetError::from);
        batch
            .and_then(|batch| batch.map_or(Ok(()), |batch| self.output.write(&batch)))
            .map_err(error(&self.path))
    }

    /// Writes the remaining rows and the end of the file.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Parquet`].
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        let mut output = self.output.into_inner().map_err(error(&self.path))?;
        Ok(output.flush().map_err(PathError::at(self.path))?)
    }
}

fn error(path: impl Into<PathBuf>) -> impl FnOnce(ParquetError) -> Error {
    let path = path.into();
    move |source| match source {
        // A closed pipe or a full disk is an I/O error, not one of Parquet.
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => PathError::at(path)(*source).into(),
            Err(source) => Error::Parquet {
                path,
                source: ParquetError::External(source).into(),
            },
        },
        source => Error::Parquet {
            path,
            source: source.into(),
        },
    }
}
