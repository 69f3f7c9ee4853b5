//! Embedded articles in files: JSON lines and Parquet, which any other engine reads, and from which a collection can be
//! made without a model.
//!
//! A file is a [`Header`], the same for all of it, and a [`Row`] for every passage in the order of the articles: which article
//! and where in it, its text, its unit vector, and with the first passage of an article all else that there is of the
//! article. [`Writer`] takes [`EmbeddedArticle`](ingest::pipeline::EmbeddedArticle)s, [`Reader`] gives them back, the same to the bit.
//!
//! This crate never embeds, never opens a collection, never prints.

#![deny(missing_docs)]

mod assemble;
mod error;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "no_parquet.rs"]
mod parquet;
mod reader;
mod row;
mod writer;

pub use error::{Error, Result};
pub use reader::Reader;
pub use row::{FORMAT, Header, Record, Row};
pub use writer::Writer;

/// The two kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A JSON object a line, the header first.
    Jsonl,
    /// Parquet, the header in the metadata of the file.
    Parquet,
}

impl Kind {
    /// What a file's name says of it: Parquet where it ends so.
    pub fn of(path: &std::path::Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("parquet") => Self::Parquet,
            _ => Self::Jsonl,
        }
    }
}
