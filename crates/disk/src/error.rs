//! Errors of this crate.

use std::path::PathBuf;

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The file's contents do not match its checksums.
    #[error("{path}: {problem}")]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
    },
}

/// A failed system call, with the file or folder that it was for. All crates share it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct PathError {
    /// The file or folder.
    pub path: PathBuf,
    /// The operating system's error.
    pub source: std::io::Error,
}

impl PathError {
    /// Adds a path to an error; for use with `map_err`.
    pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self { path, source }
    }
}
