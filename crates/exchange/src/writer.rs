//! Writing such a file.

use crate::columns::{Columns, schema};
use crate::row::rows;
use crate::{Error, Header, Kind, Result};
use ingest::pipeline::EmbeddedArticle;
use ingest::read::EMBEDDED;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows go to Parquet when there are so many of them, or so many bytes of text in them.
const ROWS: usize = 1024;
const BYTES: usize = 16 << 20;
/// A row group is what a reader holds at least: 16,384 vectors of 384 numbers are 25 MB.
const ROW_GROUP: usize = 16_384;

/// Writes one file from its beginning to its end.
pub struct Writer {
    /// What it is called in errors.
    path: PathBuf,
    to: To,
}

enum To {
    Jsonl(Box<dyn Write + Send>),
    Parquet(Box<ArrowWriter<Box<dyn Write + Send>>>, Columns),
}

impl Writer {
    /// Begins a file; errors call it `path`.
    ///
    /// # Errors
    /// When `out` refuses.
    pub fn new(kind: Kind, path: &Path, out: Box<dyn Write + Send>, header: &Header) -> Result<Self> {
        let to = match kind {
            Kind::Jsonl => {
                let mut out: Box<dyn Write + Send> = Box::new(BufWriter::with_capacity(1 << 16, out));
                line(&mut *out, path, &serde_json::json!({ EMBEDDED: header }))?;
                To::Jsonl(out)
            }
            Kind::Parquet => {
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
                let writer = ArrowWriter::try_new(out, Arc::new(schema()), Some(properties));
                To::Parquet(Box::new(writer.map_err(Error::parquet(path))?), Columns::default())
            }
        };
        Ok(Self { path: path.to_owned(), to })
    }

    /// Writes an article.
    ///
    /// # Errors
    /// When a passage has no vector, or the disk refuses.
    pub fn put(&mut self, embedded: &EmbeddedArticle) -> Result<()> {
        let rows = rows(embedded)?;
        match &mut self.to {
            To::Jsonl(out) => rows.iter().try_for_each(|row| line(&mut **out, &self.path, row)),
            To::Parquet(writer, columns) => {
                for row in rows {
                    columns.push(row);
                    if columns.rows() >= ROWS || columns.bytes() >= BYTES {
                        flush(writer, columns).map_err(Error::parquet(&self.path))?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Writes what is left. A file that was not finished is none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(self) -> Result<()> {
        match self.to {
            To::Jsonl(mut out) => out.flush().map_err(Error::io(self.path)),
            To::Parquet(mut writer, mut columns) => {
                let finished = flush(&mut writer, &mut columns).and_then(|()| writer.into_inner());
                finished.map_err(Error::parquet(&self.path))?.flush().map_err(Error::io(self.path))
            }
        }
    }
}

fn line(out: &mut dyn Write, path: &Path, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from).map_err(Error::io(path))?;
    out.write_all(b"\n").map_err(Error::io(path))
}

fn flush(writer: &mut ArrowWriter<Box<dyn Write + Send>>, columns: &mut Columns) -> parquet::errors::Result<()> {
    match std::mem::take(columns).finish()? {
        Some(batch) => writer.write(&batch),
        None => Ok(()),
    }
}
