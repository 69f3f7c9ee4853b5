//! The errors of an evaluation.

use disk::PathError;
use std::path::{Path, PathBuf};

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Messages about a line are truncated to this, since they quote it.
const MAX_VIOLATION_BYTES: usize = 500;

/// An error of an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] PathError),
    /// A line is malformed.
    #[error("{path}:{line}: {violation}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, 1-based.
        line: u64,
        /// What was expected and what was found.
        violation: String,
    },
    /// A file is empty or not in the expected format.
    #[error("{path}: {violation}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        violation: String,
    },
    /// A metric's name is unknown or its depth out of range.
    #[error(
        "unknown metric {found:?}; expected nDCG, recall, precision, MRR, MAP, success or judged, with a depth from 1 to 100,000, as in nDCG@10"
    )]
    UnknownMetric {
        /// The name as given.
        found: String,
    },
    /// Answers were judged, and no corpus was given to look for them in.
    #[error("judging answers needs the collection that contains them")]
    CorpusMissing,
    /// The corpus could not be read.
    #[error("{0}")]
    Corpus(Box<dyn std::error::Error + Send + Sync>),
    /// A plot could not be drawn.
    #[error("the plot {name:?} could not be drawn: {reason}")]
    Plot {
        /// The plot's name.
        name: &'static str,
        /// Why not.
        reason: String,
    },
    /// The report could not be rendered.
    #[error("the report could not be rendered: {0}")]
    Report(String),
}

impl Error {
    pub(crate) fn line(path: &Path, line: u64, violation: impl Into<String>) -> Self {
        let mut violation = violation.into();
        if violation.len() > MAX_VIOLATION_BYTES {
            violation.truncate(violation.floor_char_boundary(MAX_VIOLATION_BYTES));
            violation.push('…');
        }
        Self::Line {
            path: path.to_owned(),
            line,
            violation,
        }
    }

    pub(crate) fn file(path: &Path, violation: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            violation: violation.into(),
        }
    }
}
