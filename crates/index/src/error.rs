//! Errors of this crate.

use disk::PathError;
use std::path::PathBuf;

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a file or graph could not be built, opened or searched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error(transparent)]
    Io(#[from] PathError),
    /// A vector has the wrong number of dimensions.
    #[error("a vector of {found} dimensions where {expected} were expected")]
    Dimension {
        /// The dimensions of the other vectors.
        expected: usize,
        /// The dimensions of this one.
        found: usize,
    },
    /// A vector has a value that is NaN or infinite.
    #[error("a vector whose value {index} is {value}, not a finite number")]
    NotFinite {
        /// The dimension, from 0.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A vector does not have unit length; for instance a zero vector.
    #[error("a vector of length {norm}; unit length was expected")]
    NotUnit {
        /// Its Euclidean norm.
        norm: f32,
    },
    /// A parameter is out of range.
    #[error("{name} = {found}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// The valid range, in words.
        expected: &'static str,
        /// The value given.
        found: usize,
    },
    /// A file's contents do not match its checksums, its header or each other.
    #[error("{path}: {damage}")]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// What was expected and what was found.
        damage: String,
    },
    /// A file has a format version that this program does not know.
    #[error("{path}: format version {found}; this program reads versions up to {known}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// The progress callback stopped the build.
    #[error("stopped before it was done")]
    Stopped,
    /// The threads for a parallel build could not be started.
    #[error("could not start {threads} threads: {error}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The operating system's error.
        error: rayon::ThreadPoolBuildError,
    },
}

impl From<disk::Error> for Error {
    fn from(error: disk::Error) -> Self {
        match error {
            disk::Error::Io(error) => Self::Io(error),
            disk::Error::Damaged { path, damage } => Self::Damaged {
                path,
                damage: damage.to_string(),
            },
        }
    }
}
