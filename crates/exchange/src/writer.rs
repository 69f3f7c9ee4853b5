//! The writer of exchange files.

use crate::row::rows;
use crate::{Header, Kind, Result, parquet};
use disk::PathError;
use ingest::pipeline::EmbeddedArticle;
use ingest::read::EMBEDDED_ARTICLES_KEY;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes one file of articles.
pub struct Writer {
    /// The name of the file in errors.
    path: PathBuf,
    header: Header,
    output: Output,
}

enum Output {
    Jsonl(Box<dyn Write + Send>),
    Parquet(Box<parquet::Writer>),
}

impl Writer {
    /// Writes the header to `out`. Errors name `path`.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), or [`Error::NotBuiltIn`](crate::Error::NotBuiltIn) for Parquet in a build without it.
    pub fn new(
        kind: Kind,
        path: &Path,
        out: Box<dyn Write + Send>,
        header: &Header,
    ) -> Result<Self> {
        let output = match kind {
            Kind::Jsonl => {
                let mut out: Box<dyn Write + Send> =
                    Box::new(BufWriter::with_capacity(1 << 16, out));
                write_line(
                    &mut *out,
                    path,
                    &serde_json::json!({ EMBEDDED_ARTICLES_KEY: header }),
                )?;
                Output::Jsonl(out)
            }
            Kind::Parquet => Output::Parquet(Box::new(parquet::Writer::new(path, out, header)?)),
        };
        Ok(Self {
            path: path.to_owned(),
            header: header.clone(),
            output,
        })
    }

    /// Writes an article.
    ///
    /// # Errors
    /// [`Error::MissingVector`](crate::Error::MissingVector), [`Error::Io`](crate::Error::Io) or [`Error::Parquet`](crate::Error::Parquet).
    pub fn put(&mut self, embedded: &EmbeddedArticle) -> Result<()> {
        let rows = rows(embedded, &self.header)?;
        match &mut self.output {
            Output::Jsonl(out) => rows
                .iter()
                .try_for_each(|row| write_line(&mut **out, &self.path, row)),
            Output::Parquet(writer) => rows.into_iter().try_for_each(|row| writer.push(row)),
        }
    }

    /// Writes buffered rows and the end of the file. A Parquet file cannot be read without it.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) or [`Error::Parquet`](crate::Error::Parquet).
    pub fn finish(self) -> Result<()> {
        match self.output {
            Output::Jsonl(mut out) => Ok(out.flush().map_err(PathError::at(self.path))?),
            Output::Parquet(writer) => writer.finish(),
        }
    }
}

fn write_line(out: &mut dyn Write, path: &Path, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, value)
        .map_err(std::io::Error::from)
        .map_err(PathError::at(path))?;
    Ok(out.write_all(b"\n").map_err(PathError::at(path))?)
}
