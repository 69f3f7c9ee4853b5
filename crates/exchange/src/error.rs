//! What can go wrong with such a file.

use parquet::errors::ParquetError;
use std::path::PathBuf;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that reading or writing one can report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no such file.
    #[error("{path}: {problem}; expected what nigh export or nigh embed wrote")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// One article in it is not as it should be.
    #[error("{path}, {} {number}: {problem}", if *.is_line { "line" } else { "row" })]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Whether it has lines.
        is_line: bool,
        /// Which line or row of it, from 1.
        number: u64,
        /// What was expected and what was found.
        problem: String,
    },
    /// An article to be written has a passage without a vector.
    #[error("article {article:?}: no vector for its passage {ordinal}")]
    MissingVector {
        /// The article.
        article: String,
        /// Which of its passages, from 0.
        ordinal: usize,
    },
    /// From reading or writing Parquet.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ParquetError,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn parquet(path: impl Into<PathBuf>) -> impl FnOnce(ParquetError) -> Self {
        let path = path.into();
        move |source| match source {
            // A closed pipe, a full disk: the system's word, not Parquet's.
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                Ok(source) => Self::Io { path, source: *source },
                Err(source) => Self::Parquet { path, source: ParquetError::External(source) },
            },
            source => Self::Parquet { path, source },
        }
    }

    /// Whether the rest of the file can be read all the same.
    pub fn is_of_one_article(&self) -> bool {
        matches!(self, Self::Malformed { .. })
    }
}
