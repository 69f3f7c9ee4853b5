//! The errors of an evaluation.

use disk::PathError;
use std::path::{Path, PathBuf};

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Messages about a line are truncated to this, since they quote it.
const MAX_PROBLEM_BYTES: usize = 500;

/// An error of an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] PathError),
    /// A line is malformed.
    #[error("{path}:{line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, 1-based.
        line: u64,
        /// What was expected and what was found.
        problem: String,
    },
    /// A file is empty or not in the expected format.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
    },
    /// A metric's name is unknown or its depth out of range.
    #[error(
        "unknown metric {found:?}; expected nDCG, recall, precision, MRR, MAP, success or judged, with a depth from 1 to 100,000, as in nDCG@10"
    )]
    UnknownMetric {
        /// The name as given.
        found: String,
    },
    /// The corpus could not be read, or is needed and was not given.
    #[error("{0}")]
    Corpus(Box<dyn std::error::Error + Send + Sync>),
    /// A plot could not be drawn.
    #[error("the plot {name:?} could not be drawn: {problem}")]
    Plot {
        /// The plot's name.
        name: &'static str,
        /// The reason.
        problem: String,
    },
    /// The report could not be rendered.
    #[error("the report could not be rendered: {0}")]
    Report(String),
}

impl Error {
    pub(crate) fn line(path: &Path, line: u64, problem: impl Into<String>) -> Self {
        let mut problem = problem.into();
        if problem.len() > MAX_PROBLEM_BYTES {
            problem.truncate(problem.floor_char_boundary(MAX_PROBLEM_BYTES));
            problem.push('…');
        }
        Self::Line {
            path: path.to_owned(),
            line,
            problem,
        }
    }

    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }
}
