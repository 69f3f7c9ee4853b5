//! Writing such a file.

use crate::row::rows;
use crate::{Error, Header, Kind, Result, parquet};
use ingest::pipeline::EmbeddedArticle;
use ingest::read::EMBEDDED;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes one file from its beginning to its end.
pub struct Writer {
    /// What it is called in errors.
    path: PathBuf,
    to: To,
}

enum To {
    Jsonl(Box<dyn Write + Send>),
    Parquet(Box<parquet::Writer>),
}

impl Writer {
    /// Begins a file; errors call it `path`.
    ///
    /// # Errors
    /// When `out` refuses, or this build does not write Parquet.
    pub fn new(kind: Kind, path: &Path, out: Box<dyn Write + Send>, header: &Header) -> Result<Self> {
        let to = match kind {
            Kind::Jsonl => {
                let mut out: Box<dyn Write + Send> = Box::new(BufWriter::with_capacity(1 << 16, out));
                line(&mut *out, path, &serde_json::json!({ EMBEDDED: header }))?;
                To::Jsonl(out)
            }
            Kind::Parquet => To::Parquet(Box::new(parquet::Writer::new(path, out, header)?)),
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
            To::Parquet(writer) => rows.into_iter().try_for_each(|row| writer.push(row)),
        }
    }

    /// Writes what is left. A file that was not finished is none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(self) -> Result<()> {
        match self.to {
            To::Jsonl(mut out) => out.flush().map_err(Error::io(self.path)),
            To::Parquet(writer) => writer.finish(),
        }
    }
}

fn line(out: &mut dyn Write, path: &Path, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from).map_err(Error::io(path))?;
    out.write_all(b"\n").map_err(Error::io(path))
}
