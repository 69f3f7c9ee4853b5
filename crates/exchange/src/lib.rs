//! Embedded articles in files, as JSON lines or Parquet. Other engines can read them, and a
//! collection can be built from them without a model.
//!
//! A file is one [`Header`] and one [`Row`] per passage, in the order of the articles: its article
//! and place, its text and its unit vector. The first row of an article also has the rest of the
//! article, and the header once more. [`Writer`] takes
//! [`EmbeddedArticle`](ingest::pipeline::EmbeddedArticle)s and [`Reader`] returns them, bit for bit
//! the same, also if another program has filtered or sorted the rows and written them anew.
//!
//! This crate never embeds, never opens a collection, and never prints.

#![deny(missing_docs)]

mod assemble;
mod error;
mod lenient;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "no_parquet.rs"]
mod parquet;
mod reader;
mod row;
mod writer;

pub use error::{ColumnError, Error, HeaderError, RecordUnit, Result, RowError};
pub use reader::Reader;
pub use row::{FORMAT, Header, Record, Row};
pub use writer::Writer;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One JSON object per line, the header first.
    Jsonl,
    /// Parquet, with the header in the file's key-value metadata.
    Parquet,
}

impl Kind {
    /// The format by the file's extension: Parquet for `.parquet`, JSON lines otherwise.
    pub fn of(path: &std::path::Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("parquet") => Self::Parquet,
            _ => Self::Jsonl,
        }
    }
}
