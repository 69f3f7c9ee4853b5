//! Errors of reading and writing exchange files.

use disk::PathError;
use std::path::PathBuf;

/// This crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of an exchange file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An I/O error.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The file is not an exchange file, or of a newer format.
    #[error("{path}: {problem}; expected what nigh export or nigh embed wrote")]
    NotExchangeFile {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        problem: String,
    },
    /// The file has rows but no header, and no row has one.
    #[error(
        "{path}: nothing in it says which model made its vectors, because another program wrote it anew; name the collection or the file that its rows come from with --header"
    )]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// One article is malformed; the others can still be read.
    #[error("{path}, {unit} {number}: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What `number` counts.
        unit: RecordUnit,
        /// The number of the line or row, from 1.
        number: u64,
        /// What was expected, and what was found.
        problem: String,
    },
    /// An article to be written has a passage without a vector.
    #[error("article {article:?}: passage {ordinal} has no vector")]
    MissingVector {
        /// The article's id.
        article: String,
        /// The passage's position in the article, from 0.
        ordinal: usize,
    },
    /// This build does not include Parquet.
    #[error("{path}: this build does not support Parquet; build with `--features parquet`")]
    NotBuiltIn {
        /// The file.
        path: PathBuf,
    },
    /// An error of the Parquet library.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The library's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What the records of a file are, as errors call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordUnit {
    /// Lines of JSON.
    Line,
    /// Rows of Parquet.
    Row,
}

impl std::fmt::Display for RecordUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Line => "line",
            Self::Row => "row",
        })
    }
}

impl Error {
    /// Whether the error concerns one article only, so that the rest of the file can still be read.
    pub fn is_recoverable(&self) -> bool {
        matches!(self, Self::Malformed { .. })
    }
}
