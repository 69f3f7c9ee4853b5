//! What can go wrong with such a file.

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
    /// Parquet was left out when the program was built.
    #[error("{path}: this build neither reads nor writes Parquet; build with `--features parquet`")]
    NotBuiltIn {
        /// The file.
        path: PathBuf,
    },
    /// From reading or writing Parquet.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Whether the rest of the file can be read all the same.
    pub fn is_recoverable(&self) -> bool {
        matches!(self, Self::Malformed { .. })
    }
}
