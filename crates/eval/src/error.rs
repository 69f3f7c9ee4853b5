//! What can go wrong between a file of judgements and a verdict.

use std::path::{Path, PathBuf};

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is said of a line is cut off here, in bytes: it repeats what was found.
const LONGEST_PROBLEM: usize = 500;

/// Everything that judging can report.
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
    /// A line that does not read.
    #[error("{path}:{line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was expected and what was found.
        problem: String,
    },
    /// A file that holds nothing of what it should.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
    },
    /// A metric that is none.
    #[error(
        "the metric {found:?} is not known; expected nDCG, recall, precision, MRR, MAP, success or judged, with @k for the depth, 1 to 100,000 (nDCG@10)"
    )]
    Metric {
        /// What was asked for.
        found: String,
    },
    /// From the corpus that judgements point into.
    #[error("{0}")]
    Corpus(Box<dyn std::error::Error + Send + Sync>),
    /// From the index, while measuring recall.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// A plot that could not be drawn.
    #[error("the plot {name:?} could not be drawn: {problem}")]
    Plot {
        /// Which.
        name: &'static str,
        /// What the library said.
        problem: String,
    },
    /// A report that could not be rendered.
    #[error("the report could not be rendered: {0}")]
    Report(String),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn line(path: &Path, line: u64, problem: impl Into<String>) -> Self {
        let mut problem = problem.into();
        if problem.len() > LONGEST_PROBLEM {
            problem.truncate(problem.floor_char_boundary(LONGEST_PROBLEM));
            problem.push('…');
        }
        Self::Line { path: path.to_owned(), line, problem }
    }

    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File { path: path.to_owned(), problem: problem.into() }
    }
}
