//! What can go wrong between a vector and a file of them.

use std::path::PathBuf;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that building, opening or searching can report.
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
    /// A vector of another length than the others.
    #[error("a vector of {found} dimensions where {expected} were expected")]
    Dimension {
        /// The length of the others.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// A vector with a value that is no number.
    #[error("a vector whose value {index} is {value}, not a finite number")]
    NotFinite {
        /// Where in the vector.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A vector that is not of unit length, a zero vector for instance.
    #[error("a vector of length {norm}; unit length was expected")]
    NotUnit {
        /// Its length.
        norm: f32,
    },
    /// A parameter outside its range.
    #[error("{name} = {found}; expected {expected}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// The range.
        expected: &'static str,
        /// What was given.
        found: usize,
    },
    /// A file that is not what it should be.
    #[error("{path}: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
    },
    /// A file of a version this program does not know.
    #[error("{path}: format version {found}; this program reads version {known}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version known here.
        known: u32,
    },
    /// The caller said to stop.
    #[error("stopped before it was done")]
    Stopped,
    /// The threads for a parallel build could not be started.
    #[error("could not start {threads} threads: {said}")]
    Threads {
        /// How many.
        threads: usize,
        /// What the system said.
        said: String,
    },
}

impl From<disk::Error> for Error {
    fn from(error: disk::Error) -> Self {
        match error {
            disk::Error::Io { path, source } => Self::Io { path, source },
            disk::Error::Damaged { path, problem } => Self::Damaged { path, problem },
        }
    }
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
